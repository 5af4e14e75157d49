/* SPDX-License-Identifier: MIT
 * http_body.c - the framing of a request's body: a length, or chunks (RFC 9112 7.1).
 *
 * Strict, for here a difference between two readers is a smuggled request: sizes have hexadecimal digits only, lines end
 * with CR LF only, extensions and trailers are bounded and hold no control characters but tabs.
 */
#include "app/http_body.h"

#define EXT_MAX    4096u /* bytes of extensions and trailers of one body */
#define SIZE_DIGITS 15u  /* of a chunk's size: below 2^60 */

enum chunk_state {
	CHUNK_SIZE, CHUNK_EXT, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_DATA_CR, CHUNK_DATA_LF,
	TRAILER_START, TRAILER_NAME, TRAILER_LINE, TRAILER_LF, LAST_LF,
};

void http_body_init(struct http_body *b, const struct http_head *h)
{
	*b = (struct http_body){ .framing = h->framing, .state = CHUNK_SIZE };
	if (h->framing == HTTP_BODY_LENGTH)
		b->left = h->content_length;
	if (h->framing == HTTP_BODY_LENGTH && !b->left)
		b->framing = HTTP_BODY_NONE;
}

static bool text_is_allowed(struct http_body *b, u8 c)
{
	return (c >= 0x20 || c == '\t') && c != 0x7f && ++b->ext <= EXT_MAX;
}

static bool size_byte(struct http_body *b, u8 c)
{
	if (http_is(c, HTTP_C_HEX)) {
		b->left = b->left << 4 | (u64)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
		return ++b->digits <= SIZE_DIGITS;
	}
	if (!b->digits)
		return false;
	if (c == '\r')
		b->state = CHUNK_SIZE_LF;
	else if (c == ';')
		b->state = CHUNK_EXT;
	else
		return false;
	return true;
}

static bool trailer_byte(struct http_body *b, u8 c)
{
	switch (b->state) {
	case TRAILER_START:
		if (c == '\r') {
			b->state = LAST_LF;
			return true;
		}
		b->state = TRAILER_NAME;
		return http_is(c, HTTP_C_TOKEN) && ++b->ext <= EXT_MAX;
	case TRAILER_NAME:
		if (c == ':')
			b->state = TRAILER_LINE;
		return (c == ':' || http_is(c, HTTP_C_TOKEN)) && ++b->ext <= EXT_MAX;
	case TRAILER_LINE:
		if (c != '\r')
			return text_is_allowed(b, c);
		b->state = TRAILER_LF;
		return true;
	default: /* TRAILER_LF */
		b->state = TRAILER_START;
		return c == '\n';
	}
}

/* One byte of framing. false: it must not stand there. */
static bool frame_byte(struct http_body *b, u8 c)
{
	switch (b->state) {
	case CHUNK_SIZE:
		return size_byte(b, c);
	case CHUNK_EXT:
		if (c != '\r')
			return text_is_allowed(b, c);
		b->state = CHUNK_SIZE_LF;
		return true;
	case CHUNK_SIZE_LF:
		b->state = b->left ? CHUNK_DATA : TRAILER_START;
		b->digits = 0;
		return c == '\n';
	case CHUNK_DATA_CR:
		b->state = CHUNK_DATA_LF;
		return c == '\r';
	case CHUNK_DATA_LF:
		b->state = CHUNK_SIZE;
		return c == '\n';
	case LAST_LF:
		b->framing = HTTP_BODY_NONE;
		return c == '\n';
	default:
		return trailer_byte(b, c);
	}
}

static enum http_body_step take_data(struct http_body *b, u32 len, u32 *used)
{
	*used = (u32)MIN((u64)len, b->left);
	b->left -= *used;
	b->taken += *used;
	if (!b->left && b->framing == HTTP_BODY_CHUNKED)
		b->state = CHUNK_DATA_CR;
	if (!b->left && b->framing == HTTP_BODY_LENGTH)
		b->framing = HTTP_BODY_NONE;
	return HTTP_BODY_DATA;
}

enum http_body_step http_body_next(struct http_body *b, const u8 *p, u32 len, u32 *used)
{
	*used = 0;
	if (b->framing == HTTP_BODY_NONE)
		return HTTP_BODY_DONE;
	if (b->framing == HTTP_BODY_LENGTH || b->state == CHUNK_DATA)
		return take_data(b, len, used);
	while (*used < len && b->state != CHUNK_DATA) {
		if (!frame_byte(b, p[(*used)++]))
			return HTTP_BODY_BAD;
		if (b->framing == HTTP_BODY_NONE)
			return HTTP_BODY_DONE;
	}
	return HTTP_BODY_FRAME;
}
