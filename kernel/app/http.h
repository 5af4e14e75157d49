/* SPDX-License-Identifier: MIT
 * http.h - the HTTP/1.1 server (RFC 9110, 9112): one per CPU, a fiber over an epoll set, a small object per connection.
 *
 *   http_server.c  the fiber: accepts, waits, sweeps deadlines       http_conn.c   a connection's way through its states
 *   http_parse.c   heads        http_body.c  framing of bodies       http_reply.c  status lines, pages, what leaves
 *   http_file.c    the site's files: conditions, ranges, encodings   http_route.c  the table of paths with code behind them
 *   http_memo.c    heads that come again byte for byte
 *
 * A handler answers a request with one of the http_reply*() calls or refuses it with http_error(); it never waits. What
 * does not fit into the send buffer stays in the connection's http_out and leaves when there is room; until then nothing
 * more is read from that client, so a connection never holds more than one answer and one received skb.
 */
#pragma once

#include "app/http_body.h"
#include "app/http_value.h"
#include "app/site.h"
#include "net/socket/socket.h"

/* What the server counts; X(name, "help"). */
#define HTTP_STATS(X)                                                                              \
	X(accepted, "connections accepted")                                                        \
	X(refused_table, "connections refused: table full")                                        \
	X(refused_addr, "connections refused: too many of one address")                            \
	X(evicted, "incomplete requests ended because the table was nearly full")                  \
	X(requests, "requests answered")                                                           \
	X(status_1xx, "interim answers")                                                           \
	X(status_2xx, "answers that say success")                                                  \
	X(status_3xx, "answers that lead elsewhere or say not modified")                           \
	X(status_4xx, "answers that blame the client")                                             \
	X(status_5xx, "answers that blame the server")                                             \
	X(head_timeouts, "heads that took too long")                                               \
	X(body_timeouts, "bodies that were too slow")                                              \
	X(send_timeouts, "clients that did not take their answer")                                 \
	X(idle_timeouts, "idle connections ended")                                                 \
	X(resets, "connections that broke")                                                        \
	X(no_memory, "requests that found no memory")                                              \
	X(ws_messages, "WebSocket messages")

struct http_stats {
#define X(name, help) u64 name;
	HTTP_STATS(X)
#undef X
};

enum http_state {
	CONN_IDLE,   /* between requests */
	CONN_HEAD,   /* a head has begun */
	CONN_BODY,   /* a body is being read */
	CONN_SEND,   /* the answer waits for room */
	CONN_STREAM, /* neither side ends it soon: events, WebSocket */
	CONN_LINGER, /* our side is closed; what still comes is thrown away */
	NR_CONN_STATES
};

struct http_server;
struct http_conn;
struct http_request;

/* Who takes a request's body, or a stream's bytes. */
struct http_sink {
	const char *name;
	/* The first n bytes of c->in are payload; it takes them off c->in. 0, or -errno: the connection is ended. */
	int (*data)(struct http_conn *c, u32 n);
	void (*end)(struct http_conn *c); /* the body is complete: finish the answer */
	void (*tick)(struct http_conn *c, u64 now_ns); /* about four times a second, for streams; may be NULL */
	void (*gone)(struct http_conn *c); /* the connection ends: free c->sink_data; may be NULL */
};

/* What still has to leave, in this order. */
struct http_out {
	u8 *buf;             /* memory of our own, freed when sent */
	u32 off, len, size;  /* bytes of buf: from off to len wait */
	struct sk_buff *skb;
	const u8 *mem;       /* memory that stays: a site file */
	u64 mem_left;
};

/* Bytes of a head that came in pieces, and how far it was parsed. */
struct http_part {
	struct http_head head;
	u32 len, size;
	u8 buf[];
};

struct http_addr { /* one client address with its connections */
	struct hlist_node hash;
	struct ip_addr addr;
	u32 conns;
};

struct http_conn {
	/* ---- set when it is made, and what its state's beginning sets ---- */
	struct list_head list;  /* in server->state[state], oldest first */
	struct list_head again; /* in server->again while its turn was cut short, in server->dead when it is gone */
	struct http_server *srv;
	struct http_addr *addr;
	int fd;                 /* -1: gone */
	u16 peer_port;
	u8 state;               /* enum http_state */
	u64 since_ns;           /* the state's beginning; IDLE: the last request's end */
	u64 listed_ns;          /* since_ns when it was put into its list: IDLE ones do not move with each request */
	u64 progress_ns;        /* last byte received or taken by the client */
	u64 moved;              /* bytes in this state, for the least rates */
	/* ---- set where they begin to count ---- */
	u64 request_ns;         /* the request's first byte */
	void *sink_data;        /* with sink */
	/* ---- zero at first ---- */
	bool busy;              /* a request is being answered */
	bool replied;           /* its answer is all in `out`, or sent */
	bool keep_alive;        /* after it */
	bool eof;               /* the client sends no more */
	bool drained;           /* nothing more was received when c->in was taken */
	bool watched;           /* by the server's epoll set, once its first turn is over */
	bool wants_out;         /* EPOLLOUT is asked for */
	bool chunked;           /* our answer is */
	bool begun;             /* the head of a streamed answer is out */
	bool log_open;          /* its record waits for the duration */
	bool soft_end;          /* more may come than we read: the end is a lingering one */
	u16 prefix;             /* HTTP_PREFIX_* of its answer */
	u32 requests;
	struct sk_buff *in;     /* received, not used yet */
	struct http_part *part;
	struct http_out out;
	struct http_body body;
	const struct http_sink *sink;
	u64 log_seq;            /* its record in the access log; 0: none */
};
_Static_assert(sizeof(struct http_conn) <= 320, "an idle connection is this and its socket, nothing more");

/* A request whose head is complete; lives while its handler runs. */
struct http_request {
	const struct http_head *head;
	const u8 *base;     /* of the head's offsets */
	const char *path;   /* decoded, starts with '/' (or is "*") */
	u32 path_len;
	const struct site_entry *entry; /* of the site with this path; NULL: none */
	const char *query;  /* as it came */
	u32 query_len;
};

/* The value of a field; *len 0: absent or empty. */
static inline const u8 *http_field(const struct http_request *rq, enum http_field f, size_t *len)
{
	*len = http_has(rq->head, f) ? rq->head->field[f].len : 0;
	return *len ? rq->base + rq->head->field[f].off : rq->base;
}

struct http_route {
	const char *path;
	u32 path_len;
	u32 methods; /* HTTP_METHOD_BIT()s; HEAD comes with GET */
	u32 bodies;  /* those whose body fn takes; any other body is read and thrown away, or ends the connection */
	void (*fn)(struct http_conn *c, const struct http_request *rq);
	const char *help;
};
/* The route of a path, NULL when it is the site's. */
const struct http_route *http_route_find(const char *path, u32 len);

#define HTTP_ADDR_BUCKETS 1024u
#define HTTP_PREFIX_MAX   160u
enum { HTTP_PREFIX_11, HTTP_PREFIX_10, HTTP_PREFIX_CLOSE, NR_HTTP_PREFIXES };

struct access_log;
struct http_memo;

#define HTTP_TOKEN_MAX 128 /* bytes of console.token=, terminator included */

struct http_server {
	struct net_cpu *cpu;
	const struct site *site;
	int epfd, listen_fd;
	u16 port;
	bool draining;         /* shutting down: no new connection, none kept */
	bool held;             /* a handler waits for other CPUs: nobody else touches a connection meanwhile */
	bool accept_now;       /* the listener has more than was taken */
	bool spin_allowed;     /* GET /debug/spin */
	char token[HTTP_TOKEN_MAX]; /* what allows changes over /debug/; "": nothing does. Never printed. */
	/* The start of a 200 answer: status line, Server, Date, Connection; rewritten when the second changes. */
	char prefix[NR_HTTP_PREFIXES][HTTP_PREFIX_MAX];
	u32 prefix_len[NR_HTTP_PREFIXES];
	char date[HTTP_DATE_LEN];
	u64 next_second_ns;
	struct list_head state[NR_CONN_STATES];
	struct list_head again, dead;
	u32 nr_conns, nr_state[NR_CONN_STATES];
	struct kmem_cache *conns, *addrs;
	struct hlist_head by_addr[HTTP_ADDR_BUCKETS];
	struct http_addr *addr_left; /* the client that had its last connection closed last: it often comes again; NULL: none */
	struct http_stats stats;
	struct access_log *log;
	struct http_memo *memo;
	u64 *latency;          /* histogram of answers (app/live.h), while somebody looks; NULL: nobody does */
};

/* ---- http_server.c ---- */
/* Listens on `port` of this CPU and spawns the fibers. NULL: *err says why. */
struct http_server *http_start(struct net_cpu *cpu, const struct site *site, u16 port, int *err);
/* No new connections; idle ones end now, the others after their answer. */
void http_drain(struct http_server *srv);
/* Ends a connection now. Its memory stays good until the current round is over. */
void http_conn_close(struct http_conn *c);
/* Deadlines and streams: about every HTTP_TICK_NS. */
#define HTTP_TICK_NS (250 * NSEC_PER_MSEC)
void http_tick(struct http_server *srv);
/* Ends everything at once and frees the server; its fiber ends when it next runs. */
void http_stop(struct http_server *srv);
void http_conn_state(struct http_conn *c, enum http_state state);

/* What epoll is asked for. */
static inline u32 http_conn_events(const struct http_conn *c)
{
	return EPOLLIN | EPOLLRDHUP | EPOLLET | (c->wants_out ? EPOLLOUT : 0);
}

/* ---- http_conn.c ---- */
/* Goes as far as it can without waiting: sends, reads, parses, answers. */
void http_conn_run(struct http_conn *c);
/* Answers what is no request, or none that came to its end, with an error, and ends the connection. */
void http_conn_refuse(struct http_conn *c, int status);
/* After the last answer: close our side, and read on until the client closes too, so that no reset overtakes the answer. */
void http_conn_linger(struct http_conn *c);
/* From a handler: the body goes to this sink. */
void http_take_body(struct http_conn *c, const struct http_sink *sink);
/* From a handler: from now on all bytes are the sink's, both ways, until either side closes. */
void http_take_stream(struct http_conn *c, const struct http_sink *sink, void *data);
/* Takes the first n bytes off c->in. */
void http_consume(struct http_conn *c, u32 n);

/* ---- http_reply.c ---- */
/* Pages for content made at the time of the request; the head goes before it in the same memory. */
#define HTTP_PAGE_HEAD 512u
struct http_page {
	u8 *buf;
	u32 len, size; /* HTTP_PAGE_HEAD is left free in front */
	bool failed;   /* no memory: the rest is missing */
};
void http_page_init(struct http_page *p);
void http_page_printf(struct http_page *p, const char *fmt, ...) __printf_(2, 3);
/* Answers with the page; takes its memory on every path. */
void http_reply_page(struct http_conn *c, const struct http_request *rq, int status, const char *type, struct http_page *p);
/* Answers with a few bytes (up to 1 KiB). `fields`: further lines, each with its CR LF, or "". */
void http_reply(struct http_conn *c, const struct http_request *rq, int status, const char *type, const char *fields,
		const char *body, u32 len);
/* Answers with an error page. rq NULL: the head could not be understood, and the connection is closed after it. */
void http_error(struct http_conn *c, const struct http_request *rq, int status, const char *fields);
/* The head of an answer whose bytes follow later; length < 0: they will be chunked. The handler called http_account(). */
void http_reply_begin(struct http_conn *c, int status, const char *type, s64 length);
/* "Allow: ..." with its CR LF, of a set of methods, into out. */
void http_allow_format(char *out, u32 size, u32 methods);
/* Writes a head (no empty line) into out of `size` bytes; its length. */
u32 http_head_format(struct http_conn *c, char *out, u32 size, int status);
const char *http_status_text(int status);
/* Counts and logs the answer to the current request. */
void http_account(struct http_conn *c, const struct http_request *rq, int status, u64 bytes);
/* Sends pieces now or keeps them; a failure ends the connection at the next flush. */
void http_send(struct http_conn *c, const struct iovec *iov, unsigned n, int flags);
/* The connection closes as soon as what is sent now is taken: the FIN, which ends any MSG_MORE, goes with its last segment. */
static inline bool http_ends_here(const struct http_conn *c) { return !c->keep_alive && http_body_is_done(&c->body); }
static inline bool http_out_is_empty(const struct http_out *o) { return !((u64)(uintptr_t)o->skb | o->len | o->mem_left); }
/* 0: all has left; -EAGAIN; -errno: the connection is broken. */
int http_out_flush(struct http_conn *c);
void http_out_free(struct http_conn *c);
/* Rewrites the prefixes when a second has passed. */
void http_date_update(struct http_server *srv);

/* ---- http_memo.c ---- */
#define HTTP_MEMO_BITS  4
#define HTTP_MEMO_SLOTS (1u << HTTP_MEMO_BITS)
#define HTTP_MEMO_MIN   16u  /* bytes of a head that is kept: no request is shorter */
#define HTTP_MEMO_MAX   512u /* longer ones are rare */
struct http_memo_entry {
	u32 len;                /* of bytes; 0: free */
	u32 loyal;              /* stays until so many others came for its place */
	struct http_limits lim; /* it passed */
	const struct site_file *file;
	struct http_head head;
	u8 bytes[HTTP_MEMO_MAX];
};
struct http_memo *http_memo_create(void);
void http_memo_destroy(struct http_memo *m); /* NULL is allowed */
/* The head that is p[0, len), byte for byte, and passed these limits; NULL: none such. */
const struct http_memo_entry *http_memo_find(struct http_memo *m, const struct http_limits *lim, const u8 *p, u32 len);
/* Keeps a head of `len` bytes that asks for the whole of `file` and has no body, if there is a place for it. */
void http_memo_keep(struct http_memo *m, const struct http_limits *lim, const struct http_head *h, const u8 *p, u32 len,
		    const struct site_file *file);

/* ---- http_file.c ---- */
/* The file of which the request wants the whole, without any condition; NULL: anything else. */
const struct site_file *http_file_whole(const struct http_request *rq);
/* Answers with the whole of a file. */
void http_file_send(struct http_conn *c, const struct http_request *rq, const struct site_file *f);
void http_file(struct http_conn *c, const struct http_request *rq);

/* ---- http_events.c, websocket.c ---- */
void http_events(struct http_conn *c, const struct http_request *rq);
void http_websocket(struct http_conn *c, const struct http_request *rq);

/* ---- http_metrics.c ---- */
void http_metrics(struct http_conn *c, const struct http_request *rq);

/* ---- http_debug.c ---- */
void http_debug(struct http_conn *c, const struct http_request *rq);
/* The decoded value of key=value in the query, "" when it is absent. false: not text, or longer than size - 1. */
/* Does the request carry the token that allows changes? */
bool http_may_change(const struct http_conn *c, const struct http_request *rq);
bool http_query_get(const struct http_request *rq, const char *key, char *out, u32 size);

/* ---- http_pcap.c ---- */
void http_pcap(struct http_conn *c, const struct http_request *rq);

/* ---- access_log.c ---- */
struct access_log *access_log_create(void);
void access_log_destroy(struct access_log *l);
void access_log_add(struct http_conn *c, const struct http_request *rq, int status, u64 bytes);
/* The answer has left: its duration is known. */
void access_log_done(struct http_conn *c);
void http_access_log(struct http_conn *c, const struct http_request *rq);
