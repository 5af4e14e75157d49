/* SPDX-License-Identifier: MIT
 * http.c - fuzz target: the parser of request heads. Any bytes, cut anywhere: no access outside them, the same answer as for
 * the whole at once, and no span that leaves the head.
 */
#include "app/http_parse.h"
#include "fuzz/fuzz.h"
#include "host/harness.h"

#include <stdlib.h>
#include <string.h>

static const struct http_limits limits = { .line_max = 1024, .head_max = 4096, .fields_max = 32 };

static void check_span(struct http_span s, int len)
{
	CHECK((int)s.off + s.len <= len);
}

static void check_spans(const struct http_head *h, int len)
{
	check_span(h->method_text, len);
	check_span(h->path, len);
	check_span(h->query, len);
	for (unsigned i = 0; i < NR_HTTP_FIELDS; i++)
		if (http_has(h, i))
			check_span(h->field[i], len);
}

/* Gives the parser more and more of the bytes, in steps of 1 to 8; each time in memory of exactly that size. */
static int parse_in_pieces(const u8 *data, u32 size, u8 step)
{
	struct http_head h;
	int r = 0;

	http_head_init(&h);
	for (u32 len = 0; !r && len < size;) {
		u8 *copy;

		len = MIN(size, len + 1 + (step + len) % 8);
		copy = malloc(len);
		memcpy(copy, data, len);
		r = http_parse(&h, &limits, copy, len);
		free(copy);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct http_head h;
	int whole;

	if (size < 2 || size > 8192)
		return 0;
	http_head_init(&h);
	whole = http_parse(&h, &limits, data + 1, (u32)size - 1);
	CHECK(whole <= (int)size - 1);
	if (whole > 0)
		check_spans(&h, whole);
	CHECK_EQ(parse_in_pieces(data + 1, (u32)size - 1, data[0]), whole);
	return 0;
}
