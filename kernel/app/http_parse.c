/* SPDX-License-Identifier: MIT
 * http_parse.c - the head of a request (RFC 9112 sections 2 to 6; RFC 9110 for the fields).
 *
 * A line is looked for by one scan that stops at control characters, eight bytes a step; it is taken apart when it is
 * complete. Strict where two readers could differ on where a request ends (request smuggling): one space each in the
 * request line, no bare CR, no NUL, no folding, no space before a colon, one Host, one Content-Length or one chunked. A
 * lone LF ends a line of the head, as RFC 9112 2.2 allows and nginx does; in chunked framing it does not.
 */
#include "app/http_parse.h"
#include "lib/string.h"

#define P HTTP_C_PATH
#define T (HTTP_C_TOKEN | P)
#define H (HTTP_C_HOST | P)
#define X HTTP_C_HEX
const u8 http_chars[256] = {
	['!'] = T | H, ['$'] = T | H, ['&'] = T | H, ['\''] = T | H, ['*'] = T | H, ['+'] = T | H, ['-'] = T | H,
	['.'] = T | H, ['_'] = T | H, ['~'] = T | H, ['^'] = T, ['`'] = T, ['|'] = T,
	['#'] = HTTP_C_TOKEN, ['%'] = HTTP_C_TOKEN | HTTP_C_HOST,
	['('] = H, [')'] = H, [','] = H, [';'] = H, ['='] = H,
	['"'] = P, [':'] = P, ['<'] = P, ['>'] = P, ['@'] = P, ['['] = P, ['\\'] = P, [']'] = P, ['{'] = P, ['}'] = P,
	['0' ... '9'] = T | H | X | HTTP_C_DIGIT,
	['a' ... 'f'] = T | H | X, ['g' ... 'z'] = T | H,
	['A' ... 'F'] = T | H | X, ['G' ... 'Z'] = T | H,
	[0x80 ... 0xff] = P,
};
#undef P
#undef T
#undef H
#undef X

/* ---- words ---- */
bool http_equals(const u8 *s, size_t len, const char *lower)
{
	size_t i;

	for (i = 0; i < len && lower[i]; i++)
		if ((s[i] | (s[i] >= 'A' && s[i] <= 'Z' ? 0x20 : 0)) != (u8)lower[i])
			return false;
	return i == len && !lower[i];
}

bool http_list_next(const u8 **p, const u8 *end, const u8 **item, size_t *len)
{
	const u8 *s = *p, *e;

	while (s < end && (*s == ',' || *s == ' ' || *s == '\t'))
		s++;
	for (e = s; e < end && *e != ','; e++)
		;
	*p = e;
	while (e > s && (e[-1] == ' ' || e[-1] == '\t'))
		e--;
	*item = s;
	*len = (size_t)(e - s);
	return e > s;
}

const char *http_method_name(unsigned method)
{
	static const char *const names[] = {
#define X(name) #name,
		HTTP_METHODS(X)
#undef X
	};

	return method < ARRAY_SIZE(names) ? names[method] : "?";
}

static u8 method_of(const u8 *s, u32 len)
{
	if (likely(len == 3 && s[0] == 'G' && s[1] == 'E' && s[2] == 'T'))
		return HTTP_GET;
	for (unsigned m = 0; m < HTTP_UNKNOWN; m++) {
		const char *name = http_method_name(m);

		if (s[0] == (u8)name[0] && strlen(name) == len && !memcmp(s, name, len))
			return (u8)m;
	}
	return HTTP_UNKNOWN;
}

/* ---- the request line ---- */
/* Where the host part ends: an IP literal in brackets, or a name without them. 0: neither. */
static u32 host_end(const u8 *s, u32 len)
{
	u32 i;

	if (s[0] != '[') {
		for (i = 0; i < len && http_is(s[i], HTTP_C_HOST); i++)
			;
		return i;
	}
	for (i = 1; i < len && (http_is(s[i], HTTP_C_HEX) || s[i] == ':' || s[i] == '.'); i++)
		;
	return i > 1 && i < len && s[i] == ']' ? i + 1 : 0;
}

/* host [ ":" port ] without user information: what Host and an absolute target may hold (RFC 9112 3.2). */
static bool authority_is_valid(const u8 *s, u32 len)
{
	u32 i = len ? host_end(s, len) : 0, port;

	if (!i)
		return false;
	if (i == len)
		return true;
	if (s[i] != ':')
		return false;
	port = i + 1; /* an empty one is allowed */
	for (i = port; i < len; i++)
		if (!http_is(s[i], HTTP_C_DIGIT))
			return false;
	return len - port <= 5;
}

/* path [ "?" query ] up to the blank behind it: where that is, 0: a fragment. The line ends with a control character. */
static u32 split_target(struct http_head *h, const u8 *buf, u32 off)
{
	u32 i = off;

	h->plain_path = true;
	for (;; i++) {
		if (likely(http_is(buf[i], HTTP_C_PATH)))
			continue;
		if (buf[i] == '%' || (buf[i] == '/' && (buf[i + 1] == '/' || buf[i + 1] == '.')))
			h->plain_path = false;
		else if (buf[i] != '/')
			break;
	}
	h->path = (struct http_span){ (u16)off, (u16)(i - off) };
	if (buf[i] != '?')
		return buf[i] == '#' ? 0 : i;
	off = ++i;
	while (buf[i] > ' ' && buf[i] != '#' && buf[i] != 0x7f)
		i++;
	h->query = (struct http_span){ (u16)off, (u16)(i - off) };
	return buf[i] == '#' ? 0 : i;
}

/* Where a target's authority ends that begins at off. */
static u32 authority_end(const u8 *buf, u32 off)
{
	while (buf[off] > ' ' && buf[off] != '/' && buf[off] != '?' && buf[off] != 0x7f)
		off++;
	return off;
}

/* http://authority[/path][?query]: what proxies are sent (RFC 9112 3.2.2). 0: none of it. */
static u32 absolute_form(struct http_head *h, const u8 *buf, u32 off, u32 end)
{
	u32 a;

	if (end - off > 7 && http_equals(buf + off, 7, "http://"))
		off += 7;
	else if (end - off > 8 && http_equals(buf + off, 8, "https://"))
		off += 8;
	else
		return 0;
	a = authority_end(buf, off);
	if (!authority_is_valid(buf + off, a - off))
		return 0;
	h->absolute = true;
	return split_target(h, buf, a);
}

/* The target that begins at off, in the form its method allows: where it ends; 0: it is none. */
static u32 parse_target(struct http_head *h, const u8 *buf, u32 off, u32 end)
{
	u32 a;

	if (h->method == HTTP_CONNECT) {
		a = authority_end(buf, off);
		return authority_is_valid(buf + off, a - off) ? a : 0;
	}
	if (likely(buf[off] == '/'))
		return split_target(h, buf, off);
	if (buf[off] != '*')
		return absolute_form(h, buf, off, end);
	h->path = (struct http_span){ (u16)off, 1 };
	return h->method == HTTP_OPTIONS ? off + 1 : 0;
}

/* "HTTP/1.x"; a higher major version is not ours (505), anything else is no version at all. */
static int parse_version(struct http_head *h, const u8 *s, u32 len)
{
	if (len != 8 || memcmp(s, "HTTP/", 5) || !http_is(s[5], HTTP_C_DIGIT) || s[6] != '.' ||
	    !http_is(s[7], HTTP_C_DIGIT))
		return -400;
	if (s[5] != '1')
		return -505;
	h->minor = s[7] == '0' ? 0 : 1;
	return 0;
}

static int parse_request_line(struct http_head *h, const u8 *buf, u32 off, u32 end)
{
	u32 sp1 = off, sp2;
	int err;

	while (http_is(buf[sp1], HTTP_C_TOKEN))
		sp1++;
	if (sp1 == off || buf[sp1] != ' ')
		return -400;
	h->method_text = (struct http_span){ (u16)off, (u16)(sp1 - off) };
	h->method = method_of(buf + off, sp1 - off);
	sp2 = parse_target(h, buf, sp1 + 1, end);
	if (sp2 && sp2 < end && buf[sp2] == ' ')
		return parse_version(h, buf + sp2 + 1, end - sp2 - 1);
	/* No target, or one that does not end here: a version that is not ours is still told so. */
	for (sp2 = end; sp2 > sp1 && buf[sp2 - 1] != ' '; sp2--)
		;
	err = parse_version(h, buf + sp2, end - sp2);
	return err == -505 ? err : -400;
}

/* "GET /path HTTP/1.1" that ends with CR LF, taken in one pass without a search for its end; `len` bytes end with LF, so
 * each of its loops stops in time. Where the next line begins; 0: it is something else, to be taken the long way. */
static u32 usual_request_line(struct http_head *h, const struct http_limits *lim, const u8 *buf, u32 len)
{
	u32 off = h->line, end;

	if (buf[len - 1] != '\n' || len - off < 16 || memcmp(buf + off, "GET /", 5))
		return 0;
	end = split_target(h, buf, off + 4);
	if (!end || end + 11 > len || memcmp(buf + end, " HTTP/1.", 8) || memcmp(buf + end + 7, ".1\r\n", 4) ||
	    end + 9 > lim->line_max || end + 9 > lim->head_max)
		return 0;
	h->method_text = (struct http_span){ (u16)off, 3 };
	h->method = HTTP_GET;
	h->minor = 1;
	h->in_fields = true;
	return end + 11;
}

/* ---- fields ---- */
static const char *const field_names[NR_HTTP_FIELDS] = {
#define X(name, text) [HTTP_F_##name] = text,
	HTTP_FIELDS(X)
#undef X
};

/* Fields by the length of their names, at most four of one length; a test holds this against HTTP_FIELDS. */
static const struct {
	u8 n, field[4];
} fields_of_len[] = {
#define F(x) HTTP_F_##x
	[4] = { 1, { F(HOST) } },
	[5] = { 1, { F(RANGE) } },
	[6] = { 1, { F(EXPECT) } },
	[7] = { 2, { F(REFERER), F(UPGRADE) } },
	[8] = { 2, { F(IF_MATCH), F(IF_RANGE) } },
	[10] = { 2, { F(CONNECTION), F(USER_AGENT) } },
	[12] = { 1, { F(CONTENT_TYPE) } },
	[13] = { 3, { F(IF_NONE_MATCH), F(LAST_EVENT_ID), F(AUTHORIZATION) } },
	[14] = { 1, { F(CONTENT_LENGTH) } },
	[15] = { 1, { F(ACCEPT_ENCODING) } },
	[17] = { 3, { F(TRANSFER_ENCODING), F(IF_MODIFIED_SINCE), F(SEC_WEBSOCKET_KEY) } },
	[19] = { 1, { F(IF_UNMODIFIED_SINCE) } },
	[21] = { 1, { F(SEC_WEBSOCKET_VERSION) } },
#undef F
};

/* s holds token characters only: those that differ in bit 5 from a letter or '-' are letters in the other case. */
static bool name_is(const u8 *s, u32 len, const char *lower)
{
	u32 first, want, i = 4; /* no name that matters is shorter */

	memcpy(&first, s, 4);
	memcpy(&want, lower, 4);
	if ((first | 0x20202020) != want)
		return false;
	for (; i < len; i++)
		if ((s[i] | 0x20) != (u8)lower[i])
			return false;
	return true;
}

unsigned http_field_of(const u8 *s, u32 len)
{
	if (len < ARRAY_SIZE(fields_of_len))
		for (unsigned i = 0; i < fields_of_len[len].n; i++)
			if (name_is(s, len, field_names[fields_of_len[len].field[i]]))
				return fields_of_len[len].field[i];
	return NR_HTTP_FIELDS;
}

static int take_content_length(struct http_head *h, const u8 *s, u32 len)
{
	u64 n = 0;

	if (!len)
		return -400;
	for (u32 i = 0; i < len; i++) {
		if (!http_is(s[i], HTTP_C_DIGIT))
			return -400;
		if (n > (u64)INT64_MAX / 10 - 1)
			n = (u64)INT64_MAX / 10; /* a number, but beyond all limits */
		else
			n = n * 10 + (s[i] - '0');
	}
	h->content_length = n;
	h->framing = HTTP_BODY_LENGTH;
	return 0;
}

/* Only "chunked", alone: other codings are not implemented, and chunked twice or not last is a lie about the framing. */
static int take_transfer_encoding(struct http_head *h, const u8 *s, u32 len)
{
	const u8 *p = s, *item;
	size_t n;

	if (http_equals(s, len, "chunked")) {
		h->framing = HTTP_BODY_CHUNKED;
		return 0;
	}
	while (http_list_next(&p, s + len, &item, &n))
		if (http_equals(item, n, "chunked"))
			return p < s + len ? -400 : -501;
	return len ? -501 : -400;
}

static void take_connection(struct http_head *h, const u8 *s, u32 len)
{
	const u8 *p = s, *item;
	size_t n;

	while (http_list_next(&p, s + len, &item, &n)) {
		if (http_equals(item, n, "close"))
			h->conn_close = true;
		else if (http_equals(item, n, "keep-alive"))
			h->conn_keep_alive = true;
		else if (http_equals(item, n, "upgrade"))
			h->conn_upgrade = true;
	}
}

/* A field we know. A repeated one is an error where it says where the request ends or whom it is for; lists add up;
 * of any other no copy is believed. */
static int take_field(struct http_head *h, unsigned f, const u8 *buf, u32 off, u32 len)
{
	bool again = h->seen & (1u << f);

	h->seen |= 1u << f;
	h->field[f] = (struct http_span){ (u16)off, (u16)len };
	switch (f) {
	case HTTP_F_HOST:
		return again || !authority_is_valid(buf + off, len) ? -400 : 0;
	case HTTP_F_CONTENT_LENGTH:
		return again ? -400 : take_content_length(h, buf + off, len);
	case HTTP_F_TRANSFER_ENCODING:
		return again ? -400 : take_transfer_encoding(h, buf + off, len);
	case HTTP_F_CONNECTION:
		take_connection(h, buf + off, len);
		return 0;
	case HTTP_F_EXPECT:
		if (http_equals(buf + off, len, "100-continue"))
			h->expect_continue = true;
		else
			h->expect_other = true;
		return 0;
	}
	if (again)
		h->repeated |= 1u << f;
	return 0;
}

/* The value of the field whose name is buf[off, colon). */
static int take_value(struct http_head *h, const u8 *buf, u32 off, u32 colon, u32 end)
{
	unsigned f = http_field_of(buf + off, colon - off);

	if (f == NR_HTTP_FIELDS)
		return 0;
	for (off = colon + 1; off < end && (buf[off] == ' ' || buf[off] == '\t'); off++)
		;
	while (end > off && (buf[end - 1] == ' ' || buf[end - 1] == '\t'))
		end--;
	return take_field(h, f, buf, off, end - off);
}

static int parse_field_line(struct http_head *h, const u8 *buf, u32 off, u32 end)
{
	u32 colon = off;

	while (http_is(buf[colon], HTTP_C_TOKEN))
		colon++;
	if (colon == off || buf[colon] != ':')
		return -400; /* folding, a space before the colon, no colon, no name */
	return take_value(h, buf, off, colon, end);
}

/* What only the whole head shows (RFC 9112 6.1, 6.3; RFC 9110 10.1.1). */
static int finish(struct http_head *h)
{
	u32 both = 1u << HTTP_F_TRANSFER_ENCODING | 1u << HTTP_F_CONTENT_LENGTH;

	if (h->minor && !http_has(h, HTTP_F_HOST))
		return -400;
	if ((h->seen & both) == both)
		return -400;
	if (!h->minor && http_has(h, HTTP_F_TRANSFER_ENCODING))
		return -400;
	if (h->method == HTTP_UNKNOWN)
		return -501;
	if (!h->minor)
		h->expect_continue = h->expect_other = false;
	if (h->expect_other)
		return -417;
	h->seen &= ~h->repeated;
	h->keep_alive = !h->conn_close && (h->minor || h->conn_keep_alive);
	return 0;
}

/* ---- lines ---- */
/* The first control character at or behind pos, len when there is none; a tab counts. */
static u32 find_control(const u8 *buf, u32 pos, u32 len)
{
	const u64 ones = 0x0101010101010101ull, tops = 0x8080808080808080ull;
	u64 x, del;

	for (; pos + 8 <= len; pos += 8) {
		memcpy(&x, buf + pos, 8);
		del = x ^ 0x7f * ones;
		x = ((x - 0x20 * ones) & ~x & tops) | ((del - ones) & ~del & tops);
		if (x)
			return pos + ((u32)__builtin_ctzll(x) >> 3);
	}
	while (pos < len && buf[pos] >= 0x20 && buf[pos] != 0x7f)
		pos++;
	return pos;
}

/* How long the head and its current line may still be when the line (without its end) reaches `end`. */
static int check_limits(const struct http_head *h, const struct http_limits *lim, u32 end)
{
	if (end - h->line > lim->line_max || end > lim->head_max)
		return h->in_fields ? -431 : -414;
	return 0;
}

/* Finds the end of the current line: >0: where the next one begins, *end: where this one's text ends; 0: not yet. */
static int find_line(struct http_head *h, const struct http_limits *lim, const u8 *buf, u32 len, u32 *end)
{
	int err;

	for (;;) {
		h->pos = find_control(buf, h->pos, len);
		err = check_limits(h, lim, h->pos);
		if (err || h->pos == len)
			return err;
		if (buf[h->pos] != '\t' || !h->in_fields)
			break;
		h->pos++;
	}
	*end = h->pos;
	if (buf[h->pos] == '\n')
		return (int)h->pos + 1;
	if (buf[h->pos] != '\r')
		return -400;
	if (h->pos + 1 == len)
		return 0;
	return buf[h->pos + 1] == '\n' ? (int)h->pos + 2 : -400;
}

/* Field lines that end with CR LF and hold no tab, each in one pass, as long as they come; `len` bytes end with LF. What is
 * unusual, or too long, or too much is left for the long way. 0 or minus a status. */
static int usual_fields(struct http_head *h, const struct http_limits *lim, const u8 *buf, u32 len)
{
	while (h->line < len && h->nr_fields < lim->fields_max) {
		u32 colon = h->line, end;
		int err;

		while (http_is(buf[colon], HTTP_C_TOKEN))
			colon++;
		if (buf[colon] != ':' || colon == h->line)
			return 0;
		end = find_control(buf, colon + 1, len);
		if (buf[end] != '\r' || buf[end + 1] != '\n' || end - h->line > lim->line_max || end > lim->head_max)
			return 0;
		err = take_value(h, buf, h->line, colon, end);
		if (err)
			return err;
		h->nr_fields++;
		h->line = h->pos = end + 2;
	}
	return 0;
}

int http_parse(struct http_head *h, const struct http_limits *lim, const u8 *buf, u32 len)
{
	int r;

	if (!h->pos && len)
		h->line = h->pos = usual_request_line(h, lim, buf, len);
	if (h->in_fields && buf[len - 1] == '\n') {
		r = usual_fields(h, lim, buf, len);
		if (r)
			return r;
	}
	for (;;) {
		u32 end, next;

		/* Something that is not even a method (a TLS hello) need not go on until a line ends. */
		if (!h->in_fields && h->line < len && !http_is(buf[h->line], HTTP_C_TOKEN) &&
		    buf[h->line] != '\r' && buf[h->line] != '\n')
			return -400;
		if (h->in_fields && len - h->line >= 2 && buf[h->line] == '\r' && buf[h->line + 1] == '\n') {
			r = h->line > lim->head_max ? -431 : finish(h);
			return r ?: (int)h->line + 2;
		}
		r = find_line(h, lim, buf, len, &end);
		if (r <= 0)
			return r;
		next = (u32)r;
		if (end == h->line && h->in_fields)
			return finish(h) ?: (int)next;
		if (end != h->line) { /* an empty line before the request is passed over (RFC 9112 2.2) */
			r = h->in_fields ? parse_field_line(h, buf, h->line, end)
					 : parse_request_line(h, buf, h->line, end);
			if (!r && h->in_fields && ++h->nr_fields > lim->fields_max)
				r = -431;
			if (r)
				return r;
			h->in_fields = true;
		}
		h->line = h->pos = next;
	}
}
