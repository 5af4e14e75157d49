/* SPDX-License-Identifier: MIT
 * http_debug.c - GET /debug/COMMAND?words: the operator's console by HTTP, as plain text.
 *
 * The words are the query, percent-decoded, with blanks or '+' between them: /debug/ss?-tin, /debug/nstat?-z+Tcp*.
 * A command may ask other CPUs, and then this CPU's server waits for them.
 * Reading is open to everybody who can reach the server; commands that change something need the token of the command line,
 * console.token=, in the field Authorization: Bearer TOKEN. A token that is wrong is compared in the same time as one that is right.
 */
#include "app/http.h"
#include "console/console.h"
#include "lib/errno.h"
#include "lib/string.h"

struct page_out {
	struct console_out out;
	struct http_page page;
};

static void page_write(struct console_out *out, const char *text, size_t len)
{
	struct page_out *p = container_of(out, struct page_out, out);

	http_page_printf(&p->page, "%.*s", (int)len, text);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes `n` characters of a query behind the first `len` of `out`: '+' is a blank. false: no room, or not text. */
static bool decode(char *out, u32 len, u32 size, const char *query, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		char c = query[i] == '+' ? ' ' : query[i];

		if (c == '%') {
			if (i + 2 >= n || hex_digit(query[i + 1]) < 0 || hex_digit(query[i + 2]) < 0)
				return false;
			c = (char)(hex_digit(query[i + 1]) << 4 | hex_digit(query[i + 2]));
			i += 2;
		}
		if ((u8)c < 0x20 || c == 0x7f || len + 1 >= size)
			return false;
		out[len++] = c;
	}
	out[len] = '\0';
	return true;
}

bool http_query_get(const struct http_request *rq, const char *key, char *out, u32 size)
{
	u32 key_len = (u32)strlen(key), i = 0, end;

	for (out[0] = '\0'; i < rq->query_len; i = end + 1) {
		for (end = i; end < rq->query_len && rq->query[end] != '&'; end++)
			;
		if (end - i > key_len && !memcmp(rq->query + i, key, key_len) && rq->query[i + key_len] == '=')
			return decode(out, 0, size, rq->query + i + key_len + 1, end - i - key_len - 1);
	}
	return true;
}

static int status_of(int err)
{
	return !err ? 200 : err == -ENOENT ? 404 : err == -EPERM ? 403 : 400;
}

/* The time depends on the lengths alone, which are no secret. */
static bool same_secret(const u8 *a, size_t a_len, const char *b, size_t b_len)
{
	u8 differ = a_len != b_len;

	for (size_t i = 0; i < a_len; i++)
		differ |= a[i] ^ (u8)b[i < b_len ? i : 0];
	return !differ;
}

bool http_may_change(const struct http_conn *c, const struct http_request *rq)
{
	static const char scheme[] = "Bearer ";
	const size_t n = sizeof(scheme) - 1;
	size_t len;
	const u8 *field = http_field(rq, HTTP_F_AUTHORIZATION, &len);

	return c->srv->token[0] && len > n && !mem_casecmp(field, scheme, n) &&
	       same_secret(field + n, len - n, c->srv->token, strlen(c->srv->token));
}

void http_debug(struct http_conn *c, const struct http_request *rq)
{
	static const char prefix[] = "/debug/";
	u32 name_len = rq->path_len - (u32)(sizeof(prefix) - 1);
	struct page_out p = { .out.write = page_write };
	struct console_call call = { .cpu = c->srv->cpu, .out = &p.out, .may_change = http_may_change(c, rq) };
	char line[CONSOLE_LINE_MAX];
	int err;

	if (name_len + 2 > sizeof(line) || memchr(rq->path + sizeof(prefix) - 1, ' ', name_len)) {
		http_error(c, rq, 404, "");
		return;
	}
	memcpy(line, rq->path + sizeof(prefix) - 1, name_len);
	line[name_len] = ' ';
	if (!decode(line, name_len + 1, sizeof(line), rq->query, rq->query_len)) {
		http_error(c, rq, 400, "");
		return;
	}
	http_page_init(&p.page);
	c->srv->held = true;
	err = console_run(&call, name_len ? line : (char[]){ "help" });
	c->srv->held = false;
	http_reply_page(c, rq, status_of(err), "text/plain; charset=utf-8", &p.page);
}
