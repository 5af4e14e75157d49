/* SPDX-License-Identifier: MIT
 * http_parse.h - the head of a request (RFC 9112): parsed in place, in any number of pieces, in linear time, strictly.
 *
 * The parser keeps offsets, never pointers, so the bytes may move (from an skb to a buffer) between two calls. It allocates
 * nothing. What it says depends on the bytes alone, not on how they were cut into pieces.
 */
#pragma once

#include "lib/types.h"

#define HTTP_METHODS(X) X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(OPTIONS) X(PATCH) X(TRACE) X(CONNECT)

enum http_method {
#define X(name) HTTP_##name,
	HTTP_METHODS(X)
#undef X
	HTTP_UNKNOWN, /* a token, but none of these */
};
#define HTTP_METHOD_BIT(m) (1u << (m))

/* The fields that mean something to this server; X(NAME, "lower-case name"). Others are checked and passed over. */
#define HTTP_FIELDS(X)                                                                             \
	X(HOST, "host")                                                                            \
	X(CONNECTION, "connection")                                                                \
	X(CONTENT_LENGTH, "content-length")                                                        \
	X(TRANSFER_ENCODING, "transfer-encoding")                                                  \
	X(EXPECT, "expect")                                                                        \
	X(ACCEPT_ENCODING, "accept-encoding")                                                      \
	X(IF_MATCH, "if-match")                                                                    \
	X(IF_NONE_MATCH, "if-none-match")                                                          \
	X(IF_MODIFIED_SINCE, "if-modified-since")                                                  \
	X(IF_UNMODIFIED_SINCE, "if-unmodified-since")                                              \
	X(IF_RANGE, "if-range")                                                                    \
	X(RANGE, "range")                                                                          \
	X(CONTENT_TYPE, "content-type")                                                            \
	X(UPGRADE, "upgrade")                                                                      \
	X(SEC_WEBSOCKET_KEY, "sec-websocket-key")                                                  \
	X(SEC_WEBSOCKET_VERSION, "sec-websocket-version")                                          \
	X(REFERER, "referer")                                                                      \
	X(USER_AGENT, "user-agent")                                                                \
	X(LAST_EVENT_ID, "last-event-id")                                                          \
	X(AUTHORIZATION, "authorization")

enum http_field {
#define X(name, text) HTTP_F_##name,
	HTTP_FIELDS(X)
#undef X
	NR_HTTP_FIELDS
};

/* Bytes of the head, from its first one. len 0: absent or empty. */
struct http_span {
	u16 off, len;
};

enum http_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_limits {
	u32 line_max;   /* bytes of the request line, or of one field line */
	u32 head_max;   /* bytes of the whole head, below 64 KiB */
	u32 fields_max; /* field lines */
};

struct http_head {
	/* how far we are */
	u32 pos;   /* looked at up to here */
	u32 line;  /* start of the line that pos is in */
	u32 nr_fields;
	bool in_fields;    /* the request line is behind us */
	/* what we know */
	u8 method;         /* enum http_method */
	u8 minor;          /* of HTTP/1.x */
	u8 framing;        /* enum http_framing */
	bool keep_alive, expect_continue, absolute;
	bool plain_path;   /* no escapes, no empty and no dot segments: it needs no decoding */
	bool conn_close, conn_keep_alive, conn_upgrade, expect_other;
	u32 seen, repeated; /* bits of enum http_field */
	u64 content_length;
	struct http_span method_text, path, query; /* path: up to '?'; query: behind it */
	struct http_span field[NR_HTTP_FIELDS];
};

static inline bool http_has(const struct http_head *h, enum http_field f) { return h->seen & (1u << f); }

/* Ready for the first byte. field[] is not touched: `seen` says which of it means something. */
static inline void http_head_init(struct http_head *h)
{
	__builtin_memset(h, 0, offsetof(struct http_head, field));
}
/* Looks at buf[0, len), whose first bytes earlier calls have seen. >0: the head is complete and has that many bytes;
 * 0: more is needed; <0: minus the status code to answer with, and then the connection must be closed. */
int http_parse(struct http_head *h, const struct http_limits *lim, const u8 *buf, u32 len);

const char *http_method_name(unsigned method);
/* The field of a name (token characters only); NR_HTTP_FIELDS: none that matters. */
unsigned http_field_of(const u8 *s, u32 len);

/* ---- characters ---- */
enum {
	HTTP_C_TOKEN = 1, /* RFC 9110 5.6.2 tchar */
	HTTP_C_HEX = 2,
	HTTP_C_HOST = 4,  /* of a name or address without brackets (RFC 3986 3.2.2) */
	HTTP_C_DIGIT = 8,
	HTTP_C_PATH = 16, /* stands for itself within a segment of a path: no '/', '%', '?', '#', blank or control character */
};
extern const u8 http_chars[256];
static inline bool http_is(u8 c, u8 kind) { return http_chars[c] & kind; }
/* Equal but for case? `lower` is in lower case and has no bytes below '-' but those without a case. */
bool http_equals(const u8 *s, size_t len, const char *lower);
/* The next element of a comma-separated list (RFC 9110 5.6.1), white space and empty elements passed over. */
bool http_list_next(const u8 **p, const u8 *end, const u8 **item, size_t *len);
