/* SPDX-License-Identifier: MIT
 * http_body.h - the framing of a request's body (RFC 9112 6, 7.1): where its bytes are in the stream. No copy, no memory.
 */
#pragma once

#include "app/http_parse.h"

struct http_body {
	u8 framing;  /* enum http_framing */
	u8 state;    /* of a chunked one */
	u16 ext;     /* bytes of chunk extensions and trailer fields so far */
	u8 digits;   /* of the chunk size */
	u64 left;    /* bytes of payload that follow: of the body, or of the chunk */
	u64 taken;   /* bytes of payload seen */
};

enum http_body_step {
	HTTP_BODY_DATA,  /* the next *used bytes are payload */
	HTTP_BODY_FRAME, /* the next *used bytes are framing; look again behind them, or wait for more */
	HTTP_BODY_DONE,  /* the next *used bytes are framing, and the body ends there */
	HTTP_BODY_BAD,   /* broken framing: 400 and close */
};

void http_body_init(struct http_body *b, const struct http_head *h);
static inline bool http_body_is_done(const struct http_body *b) { return b->framing == HTTP_BODY_NONE; }
/* What stands at p, of which `len` > 0 bytes are there. After DONE the framing is HTTP_BODY_NONE. */
enum http_body_step http_body_next(struct http_body *b, const u8 *p, u32 len, u32 *used);
