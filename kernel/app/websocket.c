/* SPDX-License-Identifier: MIT
 * websocket.c - GET /ws: a WebSocket (RFC 6455) that sends each message back.
 *
 * Data goes back as it arrives, as fragments of the same message, so a message of any length costs no memory. Text is
 * checked on the way (RFC 6455 8.1). What breaks the protocol is answered with a close frame that says why (7.4.1).
 */
#include "app/http.h"
#include "app/sha1.h"
#include "app/utf8.h"
#include "lib/printf.h"
#include "lib/string.h"

enum { OP_MORE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
enum { WS_NORMAL = 1000, WS_PROTOCOL = 1002, WS_NOT_TEXT = 1007 };

#define HEADER_MAX  14u   /* bytes of a client's frame header */
#define CONTROL_MAX 125u  /* of a control frame's payload */
#define PIECE       1024u /* payload bytes unmasked and sent back at once */
#define PING_NS     (30 * NSEC_PER_SEC) /* silence after which the peer is asked whether it is there */

struct ws {
	u8 header[HEADER_MAX];
	u8 header_len;         /* bytes of it that are here */
	bool in_payload;
	u8 mask[4];
	u32 mask_pos;
	u8 op;                 /* of the frame */
	bool fin;
	u8 message;            /* OP_TEXT or OP_BINARY while a message is open, else 0 */
	bool first;            /* nothing of the message was sent back yet */
	bool closing;          /* our close frame is out */
	u64 left;              /* payload bytes of the frame that are still to come */
	struct utf8 utf8;
	u8 control[CONTROL_MAX];
	u8 control_len;
	u64 heard_ns;
	bool pinged;
};

/* ---- out ---- */
static void send_frame(struct http_conn *c, u8 op, bool fin, const u8 *p, size_t len)
{
	u8 head[10] = { (u8)((fin ? 0x80 : 0) | op) };
	struct iovec iov[2] = { { head, 2 }, { (void *)p, len } };

	if (len < 126) {
		head[1] = (u8)len;
	} else { /* never more than PIECE */
		head[1] = 126;
		head[2] = (u8)(len >> 8);
		head[3] = (u8)len;
		iov[0].iov_len = 4;
	}
	http_send(c, iov, len ? 2 : 1, 0);
}

static void send_close(struct http_conn *c, struct ws *w, unsigned code)
{
	u8 payload[2] = { (u8)(code >> 8), (u8)code };

	if (!w->closing)
		send_frame(c, OP_CLOSE, true, payload, code ? 2 : 0);
	w->closing = true;
}

/* ---- control frames ---- */
static bool close_code_is_valid(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* The peer's close frame: what we answer. */
static unsigned close_answer(const struct ws *w)
{
	unsigned code = (unsigned)w->control[0] << 8 | w->control[1];
	struct utf8 u;

	if (!w->control_len)
		return 0;
	if (w->control_len == 1 || !close_code_is_valid(code))
		return WS_PROTOCOL;
	utf8_init(&u);
	for (unsigned i = 2; i < w->control_len; i++)
		if (!utf8_take(&u, w->control[i]))
			return WS_NOT_TEXT;
	return utf8_is_whole(&u) ? code : WS_NOT_TEXT;
}

static void control_frame(struct http_conn *c, struct ws *w)
{
	if (w->op == OP_PING)
		send_frame(c, OP_PONG, true, w->control, w->control_len);
	else if (w->op == OP_CLOSE)
		send_close(c, w, close_answer(w));
}

/* ---- headers ---- */
static u32 header_want(const struct ws *w)
{
	u8 len7 = w->header[1] & 0x7f;

	return w->header_len < 2 ? 2 : 2 + 4 + (len7 == 126 ? 2 : len7 == 127 ? 8 : 0);
}

/* May this frame stand here (RFC 6455 5.2, 5.4, 5.5)? */
static bool frame_is_allowed(const struct ws *w)
{
	u8 len7 = w->header[1] & 0x7f;

	if ((w->header[0] & 0x70) || !(w->header[1] & 0x80))
		return false; /* a reserved bit, or not masked */
	switch (w->op) {
	case OP_MORE:
		return w->message;
	case OP_TEXT:
	case OP_BINARY:
		return !w->message;
	case OP_CLOSE:
	case OP_PING:
	case OP_PONG:
		return w->fin && len7 <= CONTROL_MAX;
	}
	return false;
}

static bool take_header(struct ws *w)
{
	const u8 *h = w->header;
	u32 n = header_want(w) - 4;

	w->left = n == 2 ? h[1] & 0x7f : 0;
	for (u32 i = 2; i < n; i++)
		w->left = w->left << 8 | h[i];
	memcpy(w->mask, h + n, 4);
	w->mask_pos = 0;
	w->header_len = 0;
	w->in_payload = true;
	w->control_len = 0;
	if (w->op == OP_TEXT || w->op == OP_BINARY) {
		w->message = w->op;
		w->first = true;
		utf8_init(&w->utf8);
	}
	return !(w->left >> 63);
}

/* One byte of a header. false: the peer breaks the protocol. */
static bool header_byte(struct ws *w, u8 c)
{
	w->header[w->header_len++] = c;
	if (w->header_len == 2) {
		w->op = w->header[0] & 0x0f;
		w->fin = w->header[0] & 0x80;
		if (!frame_is_allowed(w))
			return false;
	}
	return w->header_len < 2 || w->header_len < header_want(w) || take_header(w);
}

/* ---- payload ---- */
/* Sends a piece of the open message back. `last`: the frame ends with it. 0, or the close code. */
static unsigned echo_piece(struct http_conn *c, struct ws *w, const u8 *p, u32 n, bool last)
{
	bool end = last && w->fin;

	if (w->message == OP_TEXT) {
		for (u32 i = 0; i < n; i++)
			if (!utf8_take(&w->utf8, p[i]))
				return WS_NOT_TEXT;
		if (end && !utf8_is_whole(&w->utf8))
			return WS_NOT_TEXT;
	}
	if (n || end) {
		send_frame(c, w->first ? w->message : OP_MORE, end, p, n);
		w->first = false;
	}
	if (end) {
		w->message = 0;
		c->srv->stats.ws_messages++;
	}
	return 0;
}

/* Up to n bytes of payload at p. 0, or the close code; *used: how many were taken. */
static unsigned take_payload(struct http_conn *c, struct ws *w, const u8 *p, u32 n, u32 *used)
{
	u8 plain[PIECE];
	unsigned code = 0;
	bool last;

	n = (u32)MIN((u64)MIN(n, PIECE), w->left);
	for (u32 i = 0; i < n; i++)
		plain[i] = p[i] ^ w->mask[w->mask_pos++ & 3];
	w->left -= n;
	*used = n;
	last = !w->left;
	if (w->op >= OP_CLOSE) {
		memcpy(w->control + w->control_len, plain, n);
		w->control_len += (u8)n;
		if (last)
			control_frame(c, w);
	} else {
		code = echo_piece(c, w, plain, n, last);
	}
	w->in_payload = !last;
	return code;
}

/* The next bytes of the stream: part of a header, or of a payload. 0, or the close code. */
static unsigned take_bytes(struct http_conn *c, struct ws *w, const u8 *p, u32 n, u32 *used)
{
	unsigned code = 0;
	u32 payload;

	for (*used = 0; *used < n && !w->in_payload; ++*used)
		if (!header_byte(w, p[*used]))
			return WS_PROTOCOL;
	if (w->in_payload && (*used < n || !w->left)) {
		code = take_payload(c, w, p + *used, n - *used, &payload);
		*used += payload;
	}
	return code;
}

/* ---- the stream ---- */
/* Takes what it can of the skb in front; the rest waits for the next step, after what was sent back has left. */
static int ws_data(struct http_conn *c, u32 len)
{
	struct ws *w = c->sink_data;
	u32 n = skb_headlen(c->in), used;
	const u8 *p = n ? c->in->data : c->in->frags[0].ptr;
	unsigned code;

	w->heard_ns = c->srv->cpu->now_ns;
	w->pinged = false;
	if (w->closing) {
		http_consume(c, len);
		return 0;
	}
	code = take_bytes(c, w, p, n ?: c->in->frags[0].len, &used);
	http_consume(c, used);
	if (code)
		send_close(c, w, code);
	if (w->closing) {
		c->keep_alive = false;
		c->soft_end = true;
		c->replied = true; /* ends when the close frame has left */
	}
	return 0;
}

static void ws_tick(struct http_conn *c, u64 now_ns)
{
	u64 timeout = (u64)c->srv->cpu->sysctl.http_send_timeout * NSEC_PER_MSEC;
	struct ws *w = c->sink_data;

	if (!http_out_is_empty(&c->out)) {
		if (now_ns - c->progress_ns > timeout)
			http_conn_close(c);
	} else if (now_ns - w->heard_ns > 2 * PING_NS) {
		http_conn_close(c);
	} else if (now_ns - w->heard_ns > PING_NS && !w->pinged) {
		w->pinged = true;
		send_frame(c, OP_PING, true, NULL, 0);
	}
}

static void ws_gone(struct http_conn *c)
{
	kfree(c->sink_data);
	c->sink_data = NULL;
}

static const struct http_sink ws_sink = { .name = "websocket", .data = ws_data, .tick = ws_tick, .gone = ws_gone };

/* ---- the handshake (RFC 6455 4.2) ---- */
static bool asks_for_websocket(const struct http_request *rq)
{
	size_t len, n;
	const u8 *s = http_field(rq, HTTP_F_UPGRADE, &len), *p = s, *item;

	if (rq->head->method != HTTP_GET || !rq->head->minor || !rq->head->conn_upgrade || !http_has(rq->head, HTTP_F_UPGRADE))
		return false;
	while (http_list_next(&p, s + len, &item, &n))
		if (http_equals(item, n, "websocket"))
			return true;
	return false;
}

/* 16 bytes in base64. */
static bool key_is_valid(const u8 *s, size_t len)
{
	if (len != 24 || s[22] != '=' || s[23] != '=')
		return false;
	for (unsigned i = 0; i < 22; i++)
		if (!(http_is(s[i], HTTP_C_TOKEN) || s[i] == '/') || strchr("!#$%&'*-.^_`|~", s[i]))
			return false;
	return true;
}

static void accept_key(const u8 *key, char *out)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	u8 text[24 + sizeof(guid) - 1], digest[SHA1_LEN];

	memcpy(text, key, 24);
	memcpy(text + 24, guid, sizeof(guid) - 1);
	sha1(text, sizeof(text), digest);
	base64_encode(digest, sizeof(digest), out);
}

static void switch_protocols(struct http_conn *c, const struct http_request *rq, const u8 *key, struct ws *w)
{
	char accept[32], head[512];
	struct iovec iov = { head, 0 };
	u32 n = http_head_format(c, head, sizeof(head), 101);

	accept_key(key, accept);
	n += (u32)scnprintf(head + n, sizeof(head) - n,
			    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
	iov.iov_len = n;
	http_account(c, rq, 101, 0);
	http_send(c, &iov, 1, 0);
	w->heard_ns = c->srv->cpu->now_ns;
	http_take_stream(c, &ws_sink, w);
}

void http_websocket(struct http_conn *c, const struct http_request *rq)
{
	size_t key_len, version_len;
	const u8 *key = http_field(rq, HTTP_F_SEC_WEBSOCKET_KEY, &key_len);
	const u8 *version = http_field(rq, HTTP_F_SEC_WEBSOCKET_VERSION, &version_len);
	struct ws *w;

	if (!asks_for_websocket(rq)) {
		http_error(c, rq, 426, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	} else if (!http_has(rq->head, HTTP_F_SEC_WEBSOCKET_VERSION) || !http_equals(version, version_len, "13")) {
		http_error(c, rq, 426, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	} else if (!http_has(rq->head, HTTP_F_SEC_WEBSOCKET_KEY) || !key_is_valid(key, key_len) ||
		   !http_body_is_done(&c->body)) {
		http_error(c, rq, 400, "");
	} else {
		w = kzalloc(sizeof(*w));
		if (w)
			switch_protocols(c, rq, key, w);
		else
			http_error(c, rq, 503, "");
	}
}
