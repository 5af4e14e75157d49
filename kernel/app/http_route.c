/* SPDX-License-Identifier: MIT
 * http_route.c - the paths with code behind them: one line each in the table, and the small handlers.
 *
 * A handler gets a complete head and answers with http_reply(), http_reply_page() or http_error(); see README.
 */
#include "app/app_impl.h"
#include "app/http.h"
#include "app/live.h"
#include "lib/printf.h"
#include "lib/string.h"

#define SPIN_MAX_MS 60000u

/* ---- /health ---- */
static void health(struct http_conn *c, const struct http_request *rq)
{
	bool well = !c->srv->draining;

	http_reply(c, rq, well ? 200 : 503, "text/plain; charset=utf-8", "Cache-Control: no-store\r\n",
		   well ? "ok\n" : "draining\n", well ? 3 : 9);
}

/* ---- /echo: the body comes back as it arrives ---- */
/* The head goes out with the first byte, so that a body that is broken from the start can still be refused. */
static void echo_begin(struct http_conn *c, u32 first)
{
	bool chunked = c->body.framing == HTTP_BODY_CHUNKED;

	if (!c->begun)
		http_reply_begin(c, 200, "application/octet-stream", chunked ? -1 : (s64)(c->body.left + first));
}

static void echo_chunk_size(struct http_conn *c, u32 n)
{
	bool first = c->body.taken == n;
	char size[16];
	struct iovec iov = { size, 0 };

	iov.iov_len = (size_t)scnprintf(size, sizeof(size), "%s%x\r\n", first ? "" : "\r\n", n);
	http_send(c, &iov, 1, MSG_MORE);
}

static int echo_data(struct http_conn *c, u32 n)
{
	struct sk_buff *skb = c->in;

	echo_begin(c, n);
	if (c->chunked)
		echo_chunk_size(c, n);
	if (c->fd < 0)
		return 0;
	if (n < skb->len) {
		skb = sys_skb_split(c->srv->cpu, skb, n);
		if (!skb)
			return -ENOMEM;
	} else {
		c->in = NULL;
	}
	c->out.skb = skb; /* nothing else waits: bodies are read only while nothing does, but for the chunk's size */
	return 0;
}

static void echo_end(struct http_conn *c)
{
	echo_begin(c, 0);
	c->replied = true;
	if (c->chunked) {
		const char *last = c->body.taken ? "\r\n0\r\n\r\n" : "0\r\n\r\n";

		c->out.mem = (const u8 *)last;
		c->out.mem_left = strlen(last);
	}
}

static const struct http_sink echo_sink = { .name = "echo", .data = echo_data, .end = echo_end };

static void echo(struct http_conn *c, const struct http_request *rq)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = { (void *)go_on, sizeof(go_on) - 1 };

	http_account(c, rq, 200, rq->head->content_length);
	http_take_body(c, &echo_sink);
	if (http_body_is_done(&c->body)) {
		http_reply_begin(c, 200, "application/octet-stream", 0);
		c->replied = true;
	} else if (rq->head->expect_continue) {
		c->srv->stats.status_1xx++;
		http_send(c, &iov, 1, 0);
	}
}

/* ---- /debug/spin?ms=N or ?turns=N: the application holds the CPU, for so long or for so much work, to show that the stack goes on
 * below it; ?ms=N&calls=1: in system calls, one after the other ---- */
static u64 query_number(const struct http_request *rq, const char *key, u64 otherwise)
{
	size_t len = strlen(key);
	u64 v = 0;

	for (u32 i = 0; i + len < rq->query_len; i++) {
		if (memcmp(rq->query + i, key, len) || (i && rq->query[i - 1] != '&'))
			continue;
		for (i += (u32)len; i < rq->query_len && rq->query[i] >= '0' && rq->query[i] <= '9' && v < 1000000; i++)
			v = v * 10 + (u64)(rq->query[i] - '0');
		return v;
	}
	return otherwise;
}

static void spin(struct http_conn *c, const struct http_request *rq)
{
	u64 turns = MIN(query_number(rq, "turns=", 0), (u64)APP_WORK_MAX), calls = query_number(rq, "calls=", 0), ms = 0, end;
	char text[64];
	int unread;
	u32 n;

	if (!c->srv->spin_allowed) {
		http_error(c, rq, 403, "");
		return;
	}
	app_work((u32)turns);
	if (!turns)
		ms = MIN(query_number(rq, "ms=", 2000), (u64)SPIN_MAX_MS);
	for (end = clock_ns() + ms * NSEC_PER_MSEC; clock_ns() < end;)
		if (calls)
			sys_ioctl(c->srv->cpu, c->fd, SIOCINQ, &unread);
	n = turns ? (u32)scnprintf(text, sizeof(text), "spun for %llu turns\n", (unsigned long long)turns)
		  : (u32)scnprintf(text, sizeof(text), "spun for %llu ms\n", (unsigned long long)ms);
	http_reply(c, rq, 200, "text/plain; charset=utf-8", "Cache-Control: no-store\r\n", text, n);
}

/* ---- the table: the first row is the root; another path that ends in '/' stands for all
 * below it; the first row that fits is taken ---- */
#define GET  HTTP_METHOD_BIT(HTTP_GET)
#define POST HTTP_METHOD_BIT(HTTP_POST)
#define ROUTES(X)                                                                                  \
	X("/", GET, 0, http_live, "the live page, where no site of yours is served")             \
	X("/health", GET, 0, health, "is it well?")                                                \
	X("/metrics", GET, 0, http_metrics, "every counter, for Prometheus")                       \
	X("/log", GET, 0, http_access_log, "the last requests")                                    \
	X("/echo", POST, POST, echo, "the body comes back")                                        \
	X("/events", GET, 0, http_events, "counters as they change (server-sent events)")          \
	X("/ws", GET, 0, http_websocket, "a WebSocket that echoes (RFC 6455)")                     \
	X("/debug/spin", GET, 0, spin, "hold the CPU for ?ms=N, with &calls=1 in system calls, or ?turns=N (needs app.spin=1 on the command line)") \
	X("/debug/pcap", GET, 0, http_pcap, "capture: frames as pcapng, ?dev=NAME&snaplen=N&filter=PROGRAM of tcpdump -ddd") \
	X("/debug/live", GET, 0, http_live, "the live page")                                       \
	X("/debug/live/feed", GET, 0, http_live_feed, "its numbers as they change (server-sent events)") \
	X("/debug/", GET, 0, http_debug, "the operator's console: /debug/COMMAND?WORDS")

static const struct http_route routes[] = {
#define X(path, methods, bodies, fn, help) { path, sizeof(path) - 1, methods, bodies, fn, help },
	ROUTES(X)
#undef X
};

const struct http_route *http_route_find(const char *path, u32 len)
{
	if (len == 1)
		return &routes[0];
	for (unsigned i = 1; i < ARRAY_SIZE(routes); i++)
		if (routes[i].path[1] == path[1] && !memcmp(routes[i].path, path, MIN(len, routes[i].path_len)) &&
		    (len == routes[i].path_len || (len > routes[i].path_len && routes[i].path[routes[i].path_len - 1] == '/')))
			return &routes[i];
	return NULL;
}
