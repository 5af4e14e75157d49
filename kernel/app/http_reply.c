/* SPDX-License-Identifier: MIT
 * http_reply.c - answers: status lines and fields, small bodies and error pages, and the bytes that wait to leave.
 *
 * Most answers leave at once and whole; http_out holds the rest of those that did not fit into the send buffer.
 */
#include "app/http.h"
#include "app/live.h"
#include "lib/printf.h"
#include "lib/string.h"

#define SMALL_HEAD 1536u /* bytes of head made on the stack */
#define SMALL_BODY 1024u /* and of the body behind it */

static const struct {
	int status;
	const char *text;
} statuses[] = {
	{ 100, "Continue" }, { 101, "Switching Protocols" }, { 200, "OK" }, { 204, "No Content" },
	{ 206, "Partial Content" }, { 301, "Moved Permanently" }, { 304, "Not Modified" }, { 400, "Bad Request" },
	{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" }, { 408, "Request Timeout" },
	{ 412, "Precondition Failed" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
	{ 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" }, { 426, "Upgrade Required" },
	{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" }, { 501, "Not Implemented" },
	{ 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" },
};

const char *http_status_text(int status)
{
	for (unsigned i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	return "Unknown";
}

/* ---- bytes that wait ---- */
static void free_buf(struct http_out *o)
{
	kfree(o->buf);
	o->buf = NULL;
	o->off = o->len = o->size = 0;
}

void http_out_free(struct http_conn *c)
{
	free_buf(&c->out);
	if (c->out.skb)
		sys_skb_free(c->srv->cpu, c->out.skb);
	c->out.skb = NULL;
	c->out.mem_left = 0;
}

/* A buffer twice as large, or larger, with the first `len` bytes of the old one, which is freed; NULL: it stays. */
static u8 *enlarge(u8 *buf, u32 len, u32 *size, u32 want)
{
	u32 bigger = MAX(*size * 2, want);
	u8 *p = kmalloc(bigger);

	if (!p)
		return NULL;
	if (len)
		memcpy(p, buf, len);
	kfree(buf);
	*size = bigger;
	return p;
}

/* Appends to what waits, in memory of our own; without memory the connection cannot go on. */
static void keep(struct http_conn *c, const void *p, size_t len)
{
	struct http_out *o = &c->out;

	if (o->len + len > o->size) {
		u8 *bigger = enlarge(o->buf, o->len, &o->size, o->len + (u32)len);

		if (!bigger) {
			c->srv->stats.no_memory++;
			http_conn_close(c);
			return;
		}
		o->buf = bigger;
	}
	memcpy(o->buf + o->len, p, len);
	o->len += (u32)len;
}

void http_send(struct http_conn *c, const struct iovec *iov, unsigned n, int flags)
{
	struct msghdr m = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	long sent = 0, total = 0;

	if (c->fd < 0)
		return;
	for (unsigned i = 0; i < n; i++)
		total += (long)iov[i].iov_len;
	if (likely(http_out_is_empty(&c->out)))
		sent = sys_sendmsg(c->srv->cpu, c->fd, &m, flags | MSG_DONTWAIT);
	if (likely(sent == total))
		return;
	if (sent < 0)
		sent = 0; /* full, or broken: the flush will tell */
	for (; n && c->fd >= 0; n--, iov++) {
		if ((size_t)sent < iov->iov_len)
			keep(c, (u8 *)iov->iov_base + sent, iov->iov_len - (size_t)sent);
		sent -= MIN(sent, (long)iov->iov_len);
	}
}

static int flush_buf(struct http_conn *c)
{
	struct http_out *o = &c->out;
	int more = o->skb || o->mem_left ? MSG_MORE : 0;
	long n = sys_send(c->srv->cpu, c->fd, o->buf + o->off, o->len - o->off, MSG_DONTWAIT | more);

	if (n < 0)
		return (int)n;
	o->off += (u32)n;
	c->moved += (u64)n;
	if (o->off < o->len)
		return n ? 0 : -EAGAIN;
	free_buf(o);
	return 0;
}

int http_out_flush(struct http_conn *c)
{
	struct http_out *o = &c->out;
	u64 moved = c->moved;
	int err = 0;

	while (!err && !http_out_is_empty(o)) {
		long n;

		if (o->len) {
			err = flush_buf(c);
		} else if (o->skb) {
			n = o->skb->len;
			err = sys_send_skb(c->srv->cpu, c->fd, o->skb, MSG_DONTWAIT);
			if (!err) {
				o->skb = NULL;
				c->moved += (u64)n;
			}
		} else {
			n = sys_send_static(c->srv->cpu, c->fd, o->mem, o->mem_left, MSG_DONTWAIT);
			if (n < 0) {
				err = (int)n;
			} else {
				o->mem += n;
				o->mem_left -= (u64)n;
				c->moved += (u64)n;
			}
		}
	}
	if (c->moved != moved)
		c->progress_ns = c->srv->cpu->now_ns;
	return err;
}

/* ---- heads ---- */
static void format_prefix(struct http_server *srv, unsigned which, const char *connection)
{
	srv->prefix_len[which] = (u32)scnprintf(srv->prefix[which], HTTP_PREFIX_MAX,
		"HTTP/1.1 200 OK\r\nServer: barewire\r\nDate: %.*s\r\n%s", HTTP_DATE_LEN, srv->date, connection);
}

void http_date_update(struct http_server *srv)
{
	u64 now = srv->cpu->now_ns, wall;

	if (likely(now < srv->next_second_ns))
		return;
	wall = wall_clock_ns(now);
	srv->next_second_ns = now + NSEC_PER_SEC - wall % NSEC_PER_SEC;
	http_date_format(srv->date, wall / NSEC_PER_SEC);
	format_prefix(srv, HTTP_PREFIX_11, "");
	format_prefix(srv, HTTP_PREFIX_10, "Connection: keep-alive\r\n");
	format_prefix(srv, HTTP_PREFIX_CLOSE, "Connection: close\r\n");
}

static const char *connection_field(const struct http_conn *c, int status)
{
	if (status < 200)
		return "";
	if (!c->keep_alive)
		return "Connection: close\r\n";
	return c->prefix == HTTP_PREFIX_10 ? "Connection: keep-alive\r\n" : "";
}

u32 http_head_format(struct http_conn *c, char *out, u32 size, int status)
{
	return (u32)scnprintf(out, size, "HTTP/1.1 %d %s\r\nServer: barewire\r\nDate: %.*s\r\n%s", status,
			      http_status_text(status), HTTP_DATE_LEN, c->srv->date, connection_field(c, status));
}

void http_account(struct http_conn *c, const struct http_request *rq, int status, u64 bytes)
{
	struct http_stats *st = &c->srv->stats;

	st->requests++;
	if (status < 300)
		st->status_2xx++;
	else if (status < 400)
		st->status_3xx++;
	else if (status < 500)
		st->status_4xx++;
	else
		st->status_5xx++;
	if (HOOKS && unlikely(c->srv->latency != NULL) && rq)
		c->srv->latency[live_latency_bin(clock_ns() - c->request_ns)]++;
	if (c->srv->cpu->sysctl.http_access_log)
		access_log_add(c, rq, status, bytes);
}

static bool body_is_wanted(const struct http_request *rq)
{
	return !rq || rq->head->method != HTTP_HEAD;
}

void http_reply(struct http_conn *c, const struct http_request *rq, int status, const char *type, const char *fields,
		const char *body, u32 len)
{
	char buf[SMALL_HEAD + SMALL_BODY];
	u32 n = http_head_format(c, buf, SMALL_HEAD, status);
	struct iovec iov = { buf, 0 };

	if (status != 204 && status != 304)
		n += (u32)scnprintf(buf + n, SMALL_HEAD - n, "Content-Type: %s\r\nContent-Length: %u\r\n", type, len);
	n += (u32)scnprintf(buf + n, SMALL_HEAD - n, "%s\r\n", fields);
	if (len && body_is_wanted(rq)) {
		BUG_ON(len > SMALL_BODY);
		memcpy(buf + n, body, len);
		n += len;
	}
	iov.iov_len = n;
	http_account(c, rq, status, len);
	c->replied = true;
	http_send(c, &iov, 1, 0);
}

void http_error(struct http_conn *c, const struct http_request *rq, int status, const char *fields)
{
	const char *text = http_status_text(status);
	char page[512];
	u32 n = (u32)scnprintf(page, sizeof(page),
		"<!doctype html>\n<title>%d %s</title>\n<h1>%d %s</h1>\n<hr>\n<p>barewire</p>\n", status, text, status, text);

	if (!rq)
		c->keep_alive = false;
	http_reply(c, rq, status, "text/html; charset=utf-8", fields, page, n);
}

void http_allow_format(char *out, u32 size, u32 methods)
{
	u32 n = (u32)scnprintf(out, size, "Allow: OPTIONS");

	if (methods & HTTP_METHOD_BIT(HTTP_GET))
		methods |= HTTP_METHOD_BIT(HTTP_HEAD);
	for (unsigned m = 0; m < HTTP_UNKNOWN; m++)
		if (m != HTTP_OPTIONS && (methods & HTTP_METHOD_BIT(m)))
			n += (u32)scnprintf(out + n, size - n, ", %s", http_method_name(m));
	scnprintf(out + n, size - n, "\r\n");
}

void http_reply_begin(struct http_conn *c, int status, const char *type, s64 length)
{
	char buf[1024];
	u32 n = http_head_format(c, buf, sizeof(buf), status);
	struct iovec iov = { buf, 0 };

	n += (u32)scnprintf(buf + n, sizeof(buf) - n, "Content-Type: %s\r\n", type);
	if (length >= 0)
		n += (u32)scnprintf(buf + n, sizeof(buf) - n, "Content-Length: %lld\r\n\r\n", (long long)length);
	else
		n += (u32)scnprintf(buf + n, sizeof(buf) - n, "Transfer-Encoding: chunked\r\n\r\n");
	iov.iov_len = n;
	c->chunked = length < 0;
	c->begun = true;
	c->log_open = c->log_seq != 0;
	http_send(c, &iov, 1, length ? MSG_MORE : 0);
}

/* ---- pages ---- */
void http_page_init(struct http_page *p)
{
	p->size = 8192;
	p->len = HTTP_PAGE_HEAD;
	p->buf = kmalloc(p->size);
	p->failed = !p->buf;
}

void http_page_printf(struct http_page *p, const char *fmt, ...)
{
	while (!p->failed) {
		u32 room = p->size - p->len;
		u8 *bigger;
		va_list ap;
		int n;

		va_start(ap, fmt);
		n = vsnprintf((char *)p->buf + p->len, room, fmt, ap);
		va_end(ap);
		if (n >= 0 && (u32)n < room) {
			p->len += (u32)n;
			return;
		}
		bigger = n < 0 ? NULL : enlarge(p->buf, p->len, &p->size, p->len + (u32)n + 1);
		p->failed = !bigger;
		if (bigger)
			p->buf = bigger;
	}
}

void http_reply_page(struct http_conn *c, const struct http_request *rq, int status, const char *type, struct http_page *p)
{
	char head[HTTP_PAGE_HEAD];
	u32 n = http_head_format(c, head, sizeof(head), status), body = p->len - HTTP_PAGE_HEAD;

	if (p->failed || !http_out_is_empty(&c->out)) {
		kfree(p->buf);
		c->srv->stats.no_memory++;
		http_error(c, rq, 503, "");
		return;
	}
	n += (u32)scnprintf(head + n, sizeof(head) - n,
			    "Content-Type: %s\r\nContent-Length: %u\r\nCache-Control: no-store\r\n\r\n", type, body);
	memcpy(p->buf + HTTP_PAGE_HEAD - n, head, n);
	c->out.buf = p->buf;
	c->out.size = p->size;
	c->out.off = HTTP_PAGE_HEAD - n;
	c->out.len = body_is_wanted(rq) ? p->len : HTTP_PAGE_HEAD;
	http_account(c, rq, status, body);
	c->replied = true;
}
