/* SPDX-License-Identifier: MIT
 * http_debug.c - GET /debug/COMMAND?words: the operator's console by HTTP, as plain text.
 *
 * The words are the query, percent-decoded, with blanks or '+' between them: /debug/ss?-tin, /debug/nstat?-z+Tcp*.
 * Reading is open to everybody who can reach the server; commands that change something are refused here.
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

/* Decodes the query behind `line`; false: it does not fit, or is not text. */
static bool append_words(char *line, u32 len, const char *query, u32 query_len)
{
	for (u32 i = 0; i < query_len; i++) {
		char c = query[i] == '+' || query[i] == '&' ? ' ' : query[i];

		if (c == '%') {
			if (i + 2 >= query_len || hex_digit(query[i + 1]) < 0 || hex_digit(query[i + 2]) < 0)
				return false;
			c = (char)(hex_digit(query[i + 1]) << 4 | hex_digit(query[i + 2]));
			i += 2;
		}
		if ((u8)c < 0x20 || c == 0x7f || len + 1 >= CONSOLE_LINE_MAX)
			return false;
		line[len++] = c;
	}
	line[len] = '\0';
	return true;
}

static int status_of(int err)
{
	return !err ? 200 : err == -ENOENT ? 404 : err == -EPERM ? 403 : 400;
}

void http_debug(struct http_conn *c, const struct http_request *rq)
{
	static const char prefix[] = "/debug/";
	u32 name_len = rq->path_len - (u32)(sizeof(prefix) - 1);
	struct page_out p = { .out.write = page_write };
	struct console_call call = { .cpu = c->srv->cpu, .out = &p.out };
	char line[CONSOLE_LINE_MAX];
	int err;

	if (name_len + 2 > sizeof(line) || memchr(rq->path + sizeof(prefix) - 1, ' ', name_len)) {
		http_error(c, rq, 404, "");
		return;
	}
	memcpy(line, rq->path + sizeof(prefix) - 1, name_len);
	line[name_len] = ' ';
	if (!append_words(line, name_len + 1, rq->query, rq->query_len)) {
		http_error(c, rq, 400, "");
		return;
	}
	http_page_init(&p.page);
	err = console_run(&call, name_len ? line : (char[]){ "help" });
	http_reply_page(c, rq, status_of(err), "text/plain; charset=utf-8", &p.page);
}
