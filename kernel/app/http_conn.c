/* SPDX-License-Identifier: MIT
 * http_conn.c - one connection, request after request: send what waits, read, parse, answer, and again.
 *
 * Nothing here waits. A head is parsed where it lies in the received skb; only one that comes in pieces costs memory.
 * Requests that came together (pipelining) are answered in their order, each when the answer before it has left.
 */
#include "app/http.h"
#include "lib/string.h"

#define TURN_STEPS 64     /* heads, body pieces or skbs of one turn: then it is the others' */
#define PATH_MAX   (SITE_PATH_MAX + 32) /* bytes of a decoded path; no file has a longer one */
#define PART_MIN   2048u  /* first size of a head's buffer, bytes */

/* ---- received bytes ---- */
/* The bytes in front that lie together. */
static const u8 *in_piece(const struct http_conn *c, u32 *len)
{
	struct sk_buff *skb = c->in;

	*len = skb_headlen(skb);
	if (likely(*len))
		return skb->data;
	*len = skb->frags[0].len;
	return skb->frags[0].ptr;
}

void http_consume(struct http_conn *c, u32 n)
{
	struct sk_buff *skb = c->in;

	if (!skb)
		return; /* the connection ended meanwhile */
	if (n == skb->len) {
		c->in = NULL;
		sys_skb_free(c->srv->cpu, skb);
	} else if (n <= skb_headlen(skb)) {
		skb_pull(skb, n);
	} else {
		sys_skb_pull(c->srv->cpu, skb, n);
	}
}

static void free_part(struct http_conn *c)
{
	kfree(c->part);
	c->part = NULL;
}

/* ---- the end of requests and connections ---- */
void http_conn_linger(struct http_conn *c)
{
	free_part(c);
	c->keep_alive = false;
	if (c->eof || sys_shutdown(c->srv->cpu, c->fd, SHUT_WR)) {
		http_conn_close(c);
		return;
	}
	http_conn_state(c, CONN_LINGER);
}

/* The answer has left. The connection goes on, or ends: softly when bytes of the client may still be on their way. */
static void request_end(struct http_conn *c)
{
	bool all_read = http_body_is_done(&c->body) && !c->in && !c->soft_end;

	if (unlikely(c->log_open))
		access_log_done(c);
	c->busy = false;
	c->requests++;
	if (likely(c->keep_alive && c->state == CONN_IDLE))
		c->since_ns = c->srv->cpu->now_ns;
	else if (c->keep_alive)
		http_conn_state(c, CONN_IDLE);
	else if (all_read)
		http_conn_close(c);
	else
		http_conn_linger(c);
}

void http_conn_refuse(struct http_conn *c, int status)
{
	c->busy = true;
	c->body.framing = HTTP_BODY_NONE;
	c->sink = NULL;
	c->soft_end = true;
	http_error(c, NULL, status, "");
}

/* ---- a request ---- */
void http_take_body(struct http_conn *c, const struct http_sink *sink)
{
	c->sink = sink;
}

void http_take_stream(struct http_conn *c, const struct http_sink *sink, void *data)
{
	c->sink = sink;
	c->sink_data = data;
	http_conn_state(c, CONN_STREAM);
}

static void call_route(struct http_conn *c, const struct http_request *rq, const struct http_route *r)
{
	u32 methods = r->methods | (r->methods & HTTP_METHOD_BIT(HTTP_GET) ? HTTP_METHOD_BIT(HTTP_HEAD) : 0);
	char allow[128];

	if (methods & HTTP_METHOD_BIT(rq->head->method)) {
		r->fn(c, rq);
		return;
	}
	http_allow_format(allow, sizeof(allow), r->methods);
	if (rq->head->method == HTTP_OPTIONS)
		http_reply(c, rq, 204, "", allow, "", 0);
	else
		http_error(c, rq, 405, allow);
}

/* Will the connection be usable after this request? Known before the answer, for the answer says so. */
static bool will_keep_alive(const struct http_conn *c, const struct http_head *h, bool body_taken)
{
	const struct net_sysctls *sys = &c->srv->cpu->sysctl;

	if (!h->keep_alive || c->srv->draining)
		return false;
	if (sys->http_keepalive_max && c->requests + 1 >= sys->http_keepalive_max)
		return false;
	if (h->framing == HTTP_BODY_NONE || body_taken)
		return true;
	/* A body nobody wants: a client that asked first may send it or not, and a long one is not worth the reading. */
	return !h->expect_continue && h->content_length <= (u64)sys->http_drain_max;
}

static int decode_path(struct http_request *rq, char *space)
{
	const u8 *raw = rq->base + rq->head->path.off;
	u32 len = rq->head->path.len;
	int n;

	rq->path = (const char *)raw;
	rq->path_len = len;
	if (!len) { /* http://host or http://host?query */
		rq->path = "/";
		rq->path_len = 1;
		return 0;
	}
	if (likely(rq->head->plain_path))
		return 0;
	n = http_path_decode(raw, len, space, PATH_MAX);
	if (n < 0)
		return n;
	rq->path = space;
	rq->path_len = (u32)n;
	return 0;
}

/* What the site has under this path. */
static const struct site_entry *find_entry(const struct http_conn *c, const struct http_request *rq)
{
	if (unlikely(rq->path[0] != '/')) /* OPTIONS *, CONNECT */
		return NULL;
	return site_lookup(c->srv->site, rq->path + 1, rq->path_len - 1);
}

/* The root is the live page where the site has no page of its own there: the built-in one leaves it its place. */
static bool is_live_root(const struct http_conn *c, const struct http_request *rq)
{
	return rq->path_len == 1 && rq->entry && (rq->entry->kind == SITE_DIR || c->srv->site->builtin);
}

/* An answer to this head begins. */
static inline void answer_begin(struct http_conn *c, const struct http_head *h, bool body_taken)
{
	c->busy = true;
	c->replied = c->begun = c->chunked = false;
	c->sink = NULL;
	c->keep_alive = will_keep_alive(c, h, body_taken);
	c->prefix = c->keep_alive ? (h->minor ? HTTP_PREFIX_11 : HTTP_PREFIX_10) : HTTP_PREFIX_CLOSE;
	http_body_init(&c->body, h);
}

/* As the last time: the whole of the same file. */
static void dispatch_again(struct http_conn *c, const struct http_memo_entry *m)
{
	struct http_request rq = { .head = &m->head, .base = m->bytes };

	answer_begin(c, &m->head, false);
	http_file_send(c, &rq, m->file);
}

/* The head is complete, of `len` bytes: who answers it? The site, where it has such a path; else the routes. lim: those it
 * passed, NULL: it came in pieces. */
static void dispatch(struct http_conn *c, const struct http_head *h, const u8 *base, u32 len, const struct http_limits *lim)
{
	struct http_request rq = { .head = h, .base = base };
	const struct http_route *route;
	const struct site_file *file;
	char space[PATH_MAX];
	int err = decode_path(&rq, space);

	rq.query = (const char *)base + h->query.off;
	rq.query_len = h->query.len;
	rq.entry = err ? NULL : find_entry(c, &rq);
	if (unlikely(rq.path_len == 1) && is_live_root(c, &rq))
		rq.entry = NULL;
	route = rq.entry || err ? NULL : http_route_find(rq.path, rq.path_len);
	answer_begin(c, h, route && (route->bodies & HTTP_METHOD_BIT(h->method)));
	if (err) {
		http_error(c, &rq, -err, "");
	} else if (h->framing == HTTP_BODY_LENGTH && h->content_length > (u64)c->srv->cpu->sysctl.http_body_max) {
		c->keep_alive = false;
		http_error(c, &rq, 413, "");
	} else if (route) {
		call_route(c, &rq, route);
	} else {
		file = lim ? http_file_whole(&rq) : NULL;
		if (file)
			http_memo_keep(c->srv->memo, lim, h, base, len, file);
		http_file(c, &rq);
	}
	if (c->fd >= 0 && c->state != CONN_STREAM && !http_body_is_done(&c->body))
		http_conn_state(c, CONN_BODY);
}

static void head_limits(const struct http_conn *c, struct http_limits *lim)
{
	const struct net_sysctls *sys = &c->srv->cpu->sysctl;

	lim->line_max = (u32)sys->http_line_max;
	lim->head_max = (u32)sys->http_head_max;
	lim->fields_max = (u32)sys->http_fields_max;
}

/* The head does not end in this piece: its bytes must be kept. Room for one more than the parser lets pass is enough. */
static bool part_reserve(struct http_conn *c, const struct http_head *h, u32 more, u32 head_max)
{
	u32 len = c->part ? c->part->len : 0, size;
	struct http_part *p = c->part;

	if (p && p->size >= MIN(len + more, head_max + 2))
		return true;
	size = MIN(MAX(PART_MIN, (len + more) * 2), head_max + 2);
	p = kmalloc(sizeof(*p) + size);
	if (!p)
		return false;
	p->head = c->part ? c->part->head : *h;
	p->len = len;
	p->size = size;
	if (c->part)
		memcpy(p->buf, c->part->buf, len);
	kfree(c->part);
	c->part = p;
	return true;
}

/* A head that goes on in the buffer of those that came in pieces. */
static void parse_part(struct http_conn *c, const struct http_limits *lim, const struct http_head *h)
{
	u32 n, before;
	const u8 *p = in_piece(c, &n);
	int r;

	if (!part_reserve(c, h, n, lim->head_max)) {
		c->srv->stats.no_memory++;
		http_conn_refuse(c, 503);
		return;
	}
	before = c->part->len;
	n = MIN(n, c->part->size - before);
	memcpy(c->part->buf + before, p, n);
	c->part->len += n;
	r = http_parse(&c->part->head, lim, c->part->buf, c->part->len);
	if (r < 0) {
		http_conn_refuse(c, -r);
		return;
	}
	http_consume(c, r > 0 ? (u32)r - before : n);
	if (r > 0) {
		dispatch(c, &c->part->head, c->part->buf, (u32)r, NULL);
		free_part(c);
	}
}

static void take_head(struct http_conn *c)
{
	const struct http_memo_entry *again;
	struct http_limits lim;
	struct http_head h;
	const u8 *p;
	u32 n;
	int r;

	head_limits(c, &lim);
	if (likely(c->state == CONN_IDLE)) {
		c->request_ns = c->srv->cpu->now_ns;
		p = in_piece(c, &n);
		again = http_memo_find(c->srv->memo, &lim, p, n);
		if (likely(again != NULL)) {
			dispatch_again(c, again);
			http_consume(c, n);
			return;
		}
		http_head_init(&h);
		r = http_parse(&h, &lim, p, n);
		if (likely(r > 0)) {
			dispatch(c, &h, p, (u32)r, &lim);
			http_consume(c, (u32)r);
			return;
		}
		if (r < 0) {
			http_conn_refuse(c, -r);
			return;
		}
		http_conn_state(c, CONN_HEAD);
		/* The parser saw these bytes; it sees them once more in the buffer, from where it stopped. */
		parse_part(c, &lim, &h);
		return;
	}
	parse_part(c, &lim, &c->part->head);
}

/* ---- a body ---- */
/* Its framing is broken. An answer that has begun cannot be taken back: it is cut off, which the client sees. */
static void body_is_bad(struct http_conn *c)
{
	if (c->sink && !c->begun)
		http_conn_refuse(c, 400);
	else if (c->sink)
		http_conn_close(c);
	else
		http_conn_linger(c);
}

static int give_body(struct http_conn *c, u32 n)
{
	const struct net_sysctls *sys = &c->srv->cpu->sysctl;

	if (c->sink) {
		if (c->body.taken > (u64)sys->http_body_max)
			return -EMSGSIZE;
		return c->sink->data(c, n);
	}
	http_consume(c, n);
	if (c->body.taken > (u64)sys->http_drain_max)
		c->keep_alive = false;
	return 0;
}

static void take_body(struct http_conn *c)
{
	u32 n, used;
	const u8 *p = in_piece(c, &n);
	int err = 0;

	switch (http_body_next(&c->body, p, n, &used)) {
	case HTTP_BODY_DATA:
		err = give_body(c, used);
		break;
	case HTTP_BODY_FRAME:
	case HTTP_BODY_DONE:
		http_consume(c, used);
		break;
	case HTTP_BODY_BAD:
		body_is_bad(c);
		return;
	}
	if (err == -EMSGSIZE && !c->begun)
		http_conn_refuse(c, 413);
	else if (err)
		http_conn_close(c);
	else if (http_body_is_done(&c->body) && c->sink && c->fd >= 0)
		c->sink->end(c);
}

/* ---- the loop ---- */
static bool flush(struct http_conn *c)
{
	int err = http_out_flush(c);

	if (likely(!err)) {
		if (c->state == CONN_SEND && !http_body_is_done(&c->body))
			http_conn_state(c, CONN_BODY);
		return true;
	}
	if (err != -EAGAIN) {
		c->srv->stats.resets++;
		http_conn_close(c);
		return false;
	}
	c->log_open = c->log_seq != 0;
	if (c->state != CONN_SEND && c->state != CONN_STREAM)
		http_conn_state(c, CONN_SEND);
	if (!c->wants_out) {
		struct epoll_event ev = { .data = (u64)(uintptr_t)c };

		c->wants_out = true;
		ev.events = http_conn_events(c);
		if (c->watched)
			sys_epoll_ctl(c->srv->cpu, c->srv->epfd, EPOLL_CTL_MOD, c->fd, &ev);
	}
	return false;
}

/* The client sends no more. What it asked for completely is still answered. */
static void on_eof(struct http_conn *c)
{
	c->eof = true;
	if (c->state == CONN_HEAD) {
		http_conn_refuse(c, 400);
	} else if (c->state == CONN_BODY && c->busy && c->replied) {
		c->keep_alive = false; /* the rest of a body nobody wanted */
	} else if (c->state == CONN_BODY && !c->begun) {
		http_conn_refuse(c, 400);
	} else {
		http_conn_close(c);
	}
}

/* One more skb into c->in. false: none now, or the connection came to its end. */
static bool fill(struct http_conn *c)
{
	int err = 0;

	if (c->drained)
		return false;
	c->in = sys_recv_skb(c->srv->cpu, c->fd, MSG_DONTWAIT, &err);
	if (likely(c->in != NULL)) {
		c->drained = err == -EAGAIN;
		c->moved += c->in->len;
		c->progress_ns = c->srv->cpu->now_ns;
		return true;
	}
	if (err == -EAGAIN)
		return false;
	if (!err) {
		on_eof(c);
		return c->fd >= 0;
	}
	c->srv->stats.resets++;
	http_conn_close(c);
	return false;
}

static void step(struct http_conn *c)
{
	int err;

	switch ((enum http_state)c->state) {
	case CONN_IDLE:
	case CONN_HEAD:
		take_head(c);
		break;
	case CONN_BODY:
		take_body(c);
		break;
	case CONN_STREAM:
		err = c->sink->data(c, c->in->len);
		if (err)
			http_conn_close(c);
		break;
	default: /* LINGER, and SEND of a connection that ends */
		http_consume(c, c->in->len);
		break;
	}
}

static bool request_is_over(const struct http_conn *c)
{
	return c->busy && c->replied && (http_body_is_done(&c->body) || !c->keep_alive);
}

void http_conn_run(struct http_conn *c)
{
	c->drained = false;
	for (unsigned steps = 0; c->fd >= 0;) {
		if (!http_out_is_empty(&c->out) && !flush(c))
			return;
		if (request_is_over(c)) {
			request_end(c);
			continue;
		}
		if (steps++ == TURN_STEPS) {
			list_del(&c->again);
			list_add_tail(&c->again, &c->srv->again);
			return;
		}
		if (c->in)
			step(c);
		else if (!fill(c))
			return;
	}
}
