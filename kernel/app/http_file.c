/* SPDX-License-Identifier: MIT
 * http_file.c - the site's files: conditional requests, ranges and encodings (RFC 9110 13, 14, 12.5.3).
 *
 * The usual request asks for a whole file: its head stands ready, and a small body behind it, so the answer is one call with
 * two pieces. Larger bodies are sent from the archive's memory without a copy.
 */
#include "app/http.h"
#include "lib/printf.h"
#include "lib/string.h"

#define BIT(f) (1u << HTTP_F_##f)
#define CONDITIONS (BIT(IF_MATCH) | BIT(IF_NONE_MATCH) | BIT(IF_MODIFIED_SINCE) | BIT(IF_UNMODIFIED_SINCE) | BIT(RANGE))

static void send_head(struct http_conn *c, const char *head, u32 len, int flags)
{
	struct iovec iov = { (void *)head, len };

	http_send(c, &iov, 1, flags);
}

/* Puts bytes of the file behind what waits to leave. */
static void send_body(struct http_conn *c, const u8 *mem, u64 len)
{
	c->out.mem = mem;
	c->out.mem_left = len;
}

void http_file_send(struct http_conn *c, const struct http_request *rq, const struct site_file *f)
{
	bool head_only = rq->head->method == HTTP_HEAD;
	u32 n = head_only ? f->head_len : f->reply_len;
	bool more = !head_only && f->size > f->reply_len - f->head_len;
	struct iovec iov[2] = {
		{ c->srv->prefix[c->prefix], c->srv->prefix_len[c->prefix] },
		{ (void *)f->head, n },
	};

	http_account(c, rq, 200, head_only ? 0 : f->size);
	c->replied = true;
	http_send(c, iov, 2, more || http_ends_here(c) ? MSG_MORE : 0);
	if (more)
		send_body(c, f->data, f->size);
}

/* What every answer about this representation says. */
static u32 describe(struct http_conn *c, const struct site_file *f, char *out, u32 size)
{
	char date[HTTP_DATE_LEN];
	u32 n;

	http_date_format(date, f->mtime);
	n = (u32)scnprintf(out, size, "ETag: %s\r\nLast-Modified: %.*s\r\n%s", f->etag, HTTP_DATE_LEN, date,
			   f->varies ? "Vary: Accept-Encoding\r\n" : "");
	if (c->srv->site->cache_max_age)
		n += (u32)scnprintf(out + n, size - n, "Cache-Control: public, max-age=%u\r\n", c->srv->site->cache_max_age);
	return n;
}

static void not_modified(struct http_conn *c, const struct http_request *rq, const struct site_file *f)
{
	char fields[256];

	describe(c, f, fields, sizeof(fields));
	http_reply(c, rq, 304, "", fields, "", 0);
}

static void part(struct http_conn *c, const struct http_request *rq, const struct site_file *f, u64 first, u64 last)
{
	char head[1024];
	u32 n = http_head_format(c, head, sizeof(head), 206);

	n += (u32)scnprintf(head + n, sizeof(head) - n,
			    "Content-Type: %s\r\nContent-Length: %llu\r\nContent-Range: bytes %llu-%llu/%llu\r\n%s",
			    f->type, (unsigned long long)(last - first + 1), (unsigned long long)first,
			    (unsigned long long)last, (unsigned long long)f->size,
			    f->gzip ? "Content-Encoding: gzip\r\n" : "");
	n += describe(c, f, head + n, (u32)sizeof(head) - n - 2);
	n += (u32)scnprintf(head + n, sizeof(head) - n, "\r\n");
	http_account(c, rq, 206, last - first + 1);
	c->replied = true;
	send_head(c, head, n, MSG_MORE);
	send_body(c, f->data + first, last - first + 1);
}

static void bad_range(struct http_conn *c, const struct http_request *rq, const struct site_file *f)
{
	char fields[64];

	snprintf(fields, sizeof(fields), "Content-Range: bytes */%llu\r\n", (unsigned long long)f->size);
	http_error(c, rq, 416, fields);
}

/* ---- conditions ---- */
static bool etag_in(const struct http_request *rq, enum http_field field, const struct site_file *f, bool weak)
{
	size_t len;
	const u8 *s = http_field(rq, field, &len);

	return http_etag_match(s, len, f->etag, f->etag_len, weak);
}

/* Is the file newer than the date in this field? A field that is no date is as if absent: then `otherwise`. */
static bool newer_than(const struct http_request *rq, enum http_field field, const struct site_file *f, bool otherwise)
{
	size_t len;
	const u8 *s = http_field(rq, field, &len);
	u64 date;

	return http_date_parse(s, len, &date) ? f->mtime > date : otherwise;
}

/* If-Range holds: the range is of what the client has (RFC 9110 13.1.5); a strong tag, or the exact date. */
static bool if_range_holds(const struct http_request *rq, const struct site_file *f)
{
	size_t len;
	const u8 *s = http_field(rq, HTTP_F_IF_RANGE, &len);
	u64 date;

	if (!http_has(rq->head, HTTP_F_IF_RANGE))
		return true;
	if (http_date_parse(s, len, &date))
		return date == f->mtime;
	return len == f->etag_len && !memcmp(s, f->etag, len);
}

static void ranged(struct http_conn *c, const struct http_request *rq, const struct site_file *f)
{
	enum http_range kind = HTTP_RANGE_NONE;
	u64 first, last;
	size_t len;
	const u8 *s = http_field(rq, HTTP_F_RANGE, &len);

	if (http_has(rq->head, HTTP_F_RANGE) && rq->head->method == HTTP_GET && if_range_holds(rq, f))
		kind = http_range_parse(s, len, f->size, &first, &last);
	if (kind == HTTP_RANGE_OK)
		part(c, rq, f, first, last);
	else if (kind == HTTP_RANGE_UNSATISFIABLE)
		bad_range(c, rq, f);
	else
		http_file_send(c, rq, f);
}

/* In the order of RFC 9110 13.2.2. */
static void conditional(struct http_conn *c, const struct http_request *rq, const struct site_file *f)
{
	const struct http_head *h = rq->head;
	bool fails = false, known = false;

	if (http_has(h, HTTP_F_IF_MATCH))
		fails = !etag_in(rq, HTTP_F_IF_MATCH, f, false);
	else if (http_has(h, HTTP_F_IF_UNMODIFIED_SINCE))
		fails = newer_than(rq, HTTP_F_IF_UNMODIFIED_SINCE, f, false);
	if (http_has(h, HTTP_F_IF_NONE_MATCH))
		known = etag_in(rq, HTTP_F_IF_NONE_MATCH, f, true);
	else if (http_has(h, HTTP_F_IF_MODIFIED_SINCE))
		known = !newer_than(rq, HTTP_F_IF_MODIFIED_SINCE, f, true);
	if (fails)
		http_error(c, rq, 412, "");
	else if (known)
		not_modified(c, rq, f);
	else
		ranged(c, rq, f);
}

/* ---- which file ---- */
static const struct site_file *encoding(const struct http_request *rq, const struct site_file *f)
{
	size_t len;
	const u8 *s = http_field(rq, HTTP_F_ACCEPT_ENCODING, &len);

	return f->gz && http_accepts_gzip(s, len) ? f->gz : f;
}

/* A directory without its last slash: where it is. The path is written as it came, in the characters a field may have. */
static void redirect(struct http_conn *c, const struct http_request *rq)
{
	static const char hex[] = "0123456789ABCDEF";
	char fields[SITE_PATH_MAX];
	u32 n = (u32)scnprintf(fields, sizeof(fields), "Location: ");

	for (u32 i = 0; i < rq->path_len && n + 8 < sizeof(fields); i++) {
		u8 ch = (u8)rq->path[i];

		if (http_is(ch, HTTP_C_TOKEN) && ch != '%' && ch != '#' && ch != '|' && ch != '^' && ch != '`') {
			fields[n++] = (char)ch;
		} else if (ch == '/') {
			fields[n++] = '/';
		} else {
			fields[n++] = '%';
			fields[n++] = hex[ch >> 4];
			fields[n++] = hex[ch & 15];
		}
	}
	if (n + 8 >= sizeof(fields)) {
		http_error(c, rq, 404, "");
		return;
	}
	fields[n++] = '/';
	if (rq->query_len && n + rq->query_len + 4 < sizeof(fields)) {
		fields[n++] = '?';
		memcpy(fields + n, rq->query, rq->query_len);
		n += rq->query_len;
	}
	memcpy(fields + n, "\r\n", 3);
	http_error(c, rq, 301, fields);
}

static void refuse_method(struct http_conn *c, const struct http_request *rq)
{
	char allow[128];

	http_allow_format(allow, sizeof(allow), HTTP_METHOD_BIT(HTTP_GET));
	if (rq->head->method == HTTP_OPTIONS)
		http_reply(c, rq, 204, "", allow, "", 0);
	else
		http_error(c, rq, 405, allow);
}

const struct site_file *http_file_whole(const struct http_request *rq)
{
	const struct http_head *h = rq->head;
	const struct site_entry *e = rq->entry;

	if (!e || e->kind != SITE_FILE || (h->method != HTTP_GET && h->method != HTTP_HEAD) || h->seen & CONDITIONS)
		return NULL;
	return encoding(rq, e->file);
}

void http_file(struct http_conn *c, const struct http_request *rq)
{
	const struct http_head *h = rq->head;
	const struct site_entry *e = rq->entry;

	if (!e && (h->method == HTTP_CONNECT || rq->path[0] != '/')) /* no path of ours: CONNECT, OPTIONS * */
		refuse_method(c, rq);
	else if (!e)
		http_error(c, rq, 404, "");
	else if (h->method != HTTP_GET && h->method != HTTP_HEAD)
		refuse_method(c, rq);
	else if (e->kind == SITE_REDIRECT)
		redirect(c, rq);
	else if (e->kind == SITE_DIR)
		http_error(c, rq, 403, "");
	else if (unlikely(h->seen & CONDITIONS))
		conditional(c, rq, encoding(rq, e->file));
	else
		http_file_send(c, rq, encoding(rq, e->file));
}
