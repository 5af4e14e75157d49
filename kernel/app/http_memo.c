/* SPDX-License-Identifier: MIT
 * http_memo.c - heads that come again byte for byte: what they asked for the last time is what they ask for now.
 *
 * Clients repeat themselves: one that asks for the same file again sends the same head. A few of the heads that asked for a
 * whole file are kept with what the parser and the site said of them. Both depend on nothing but the bytes and the limits
 * (the site does not change), so equal bytes are not read a second time. Each server has its own: no other CPU looks.
 */
#include "app/http.h"
#include "lib/string.h"

#define MEMO_LOYAL 8 /* so many others must come for its place until a head that came again gives it up */

struct http_memo {
	struct http_memo_entry slot[HTTP_MEMO_SLOTS];
};

struct http_memo *http_memo_create(void)
{
	return kzalloc(sizeof(struct http_memo));
}

void http_memo_destroy(struct http_memo *m)
{
	kfree(m);
}

/* By its length and eight bytes of its path. */
static inline struct http_memo_entry *slot_of(struct http_memo *m, const u8 *p, u32 len)
{
	u64 word;

	memcpy(&word, p + 5, sizeof(word));
	return &m->slot[((word ^ len) * 0x9e3779b97f4a7c15ull) >> (64 - HTTP_MEMO_BITS)];
}

static inline bool same_limits(const struct http_limits *a, const struct http_limits *b)
{
	return a->line_max == b->line_max && a->head_max == b->head_max && a->fields_max == b->fields_max;
}

const struct http_memo_entry *http_memo_find(struct http_memo *m, const struct http_limits *lim, const u8 *p, u32 len)
{
	struct http_memo_entry *e;

	if (unlikely(len < HTTP_MEMO_MIN))
		return NULL;
	e = slot_of(m, p, len);
	if (e->len != len || !same_limits(&e->lim, lim) || memcmp(e->bytes, p, len))
		return NULL;
	e->loyal = MEMO_LOYAL;
	return e;
}

void http_memo_keep(struct http_memo *m, const struct http_limits *lim, const struct http_head *h, const u8 *p, u32 len,
		    const struct site_file *file)
{
	struct http_memo_entry *e;

	if (len < HTTP_MEMO_MIN || len > HTTP_MEMO_MAX || h->framing != HTTP_BODY_NONE)
		return;
	e = slot_of(m, p, len);
	if (e->loyal) {
		e->loyal--;
		return;
	}
	e->len = len;
	e->lim = *lim;
	e->head = *h;
	e->file = file;
	memcpy(e->bytes, p, len);
}
