/* SPDX-License-Identifier: MIT
 * test_websocket.c - frames of RFC 6455: echoed, refused with the right code, however they are cut; and SHA-1 below.
 */
#include "unit/httpkit.h"
#include "app/sha1.h"
#include "app/utf8.h"

#define HANDSHAKE                                                                                  \
	"GET /ws HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"  \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

TEST(sha1_and_base64_give_the_known_answers)
{
	u8 d[SHA1_LEN];
	char out[64];

	sha1("abc", 3, d);
	CHECK_MEM(d, "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d", 20);
	sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, d);
	CHECK_MEM(d, "\x84\x98\x3e\x44\x1c\x3b\xd2\x6e\xba\xae\x4a\xa1\xf9\x51\x29\xe5\xe5\x46\x70\xf1", 20);
	sha1("", 0, d);
	CHECK_MEM(d, "\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09", 20);
	base64_encode((const u8 *)"foobar", 6, out);
	CHECK_STR(out, "Zm9vYmFy");
	base64_encode((const u8 *)"fooba", 5, out);
	CHECK_STR(out, "Zm9vYmE=");
	base64_encode((const u8 *)"foob", 4, out);
	CHECK_STR(out, "Zm9vYg==");
}

static bool is_utf8(const char *s)
{
	struct utf8 u;

	utf8_init(&u);
	for (; *s; s++)
		if (!utf8_take(&u, (u8)*s))
			return false;
	return utf8_is_whole(&u);
}

TEST(text_is_checked_as_rfc_3629_says)
{
	CHECK(is_utf8("plain") && is_utf8("\xc3\xbc") && is_utf8("\xe2\x82\xac") && is_utf8("\xf0\x9f\x98\x80") &&
	      is_utf8("\xed\x9f\xbf") && is_utf8("\xee\x80\x80") && is_utf8("\xf4\x8f\xbf\xbf"));
	CHECK(!is_utf8("\x80") && !is_utf8("\xc0\x80") && !is_utf8("\xc1\xbf") && !is_utf8("\xe0\x9f\xbf") &&
	      !is_utf8("\xed\xa0\x80") && !is_utf8("\xf0\x8f\xbf\xbf") && !is_utf8("\xf4\x90\x80\x80") &&
	      !is_utf8("\xf5\x80\x80\x80") && !is_utf8("\xe2\x82") && !is_utf8("\xe2(\xa1"));
}

/* ---- frames ---- */
struct wire {
	char bytes[300000];
	size_t len;
};

static void put(struct wire *w, const void *p, size_t len)
{
	memcpy(w->bytes + w->len, p, len);
	w->len += len;
}

/* A client's frame: first byte (FIN, opcode), payload masked. */
static void frame(struct wire *w, u8 first, const void *payload, size_t len)
{
	static const u8 mask[4] = { 0x12, 0x34, 0x56, 0x78 };
	u8 h[14] = { first };
	size_t n = 2;

	if (len < 126) {
		h[1] = (u8)(0x80 | len);
	} else if (len < 65536) {
		h[1] = 0x80 | 126;
		h[n++] = (u8)(len >> 8);
		h[n++] = (u8)len;
	} else {
		h[1] = 0x80 | 127;
		for (int i = 7; i >= 0; i--)
			h[n++] = (u8)((u64)len >> 8 * i);
	}
	memcpy(h + n, mask, 4);
	put(w, h, n + 4);
	for (size_t i = 0; i < len; i++) {
		char c = (char)(((const u8 *)payload)[i] ^ mask[i & 3]);

		put(w, &c, 1);
	}
}

static void begin(struct wire *w)
{
	w->len = 0;
	put(w, HANDSHAKE, sizeof(HANDSHAKE) - 1);
}

/* Sends all in steps; what came back behind the handshake is in *t. */
static const char *converse(struct kit *k, struct wire *w, size_t step, struct talk *t, size_t *len)
{
	const char *body;

	*t = (struct talk){ .send = w->bytes, .len = w->len, .step = step, .half_close = true };
	talk_run(t, k, 60 * NSEC_PER_SEC);
	CHECK_EQ(status_in(t->got), 101);
	CHECK(has_line(t->got, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")); /* RFC 6455 1.3 */
	body = body_of(t->got);
	*len = t->got_len - (size_t)(body - t->got);
	return body;
}

/* The code of the close frame at the end; 0: none. */
static unsigned close_code(const char *body, size_t len)
{
	if (len < 4 || (u8)body[len - 4] != 0x88 || body[len - 3] != 2)
		return 0;
	return (unsigned)(u8)body[len - 2] << 8 | (u8)body[len - 1];
}

/* The payloads of all data frames, put together. */
static size_t payloads(const char *body, size_t len, char *out, unsigned *messages)
{
	size_t pos = 0, n = 0;

	*messages = 0;
	while (pos + 2 <= len) {
		u8 op = body[pos] & 15;
		size_t l = (u8)body[pos + 1];

		pos += 2;
		if (l == 126) {
			l = (size_t)(u8)body[pos] << 8 | (u8)body[pos + 1];
			pos += 2;
		}
		if (op < 8) {
			*messages += (body[pos - (l > 125 ? 4 : 2)] & 0x80) != 0;
			memcpy(out + n, body + pos, l);
			n += l;
		}
		pos += l;
	}
	CHECK_EQ(pos, len);
	return n;
}

TEST(messages_come_back_whole_in_steps_and_in_fragments)
{
	static struct wire w;
	static char out[300000];
	struct talk t;
	struct kit k;
	size_t len;

	kit_start(&k);
	for (size_t step = 0; step <= 7; step += 7) {
		unsigned messages;
		const char *body;

		begin(&w);
		frame(&w, 0x81, "hello", 5);
		frame(&w, 0x01, "frag", 4);
		frame(&w, 0x89, "ping", 4); /* between fragments */
		frame(&w, 0x00, "men", 3);
		frame(&w, 0x80, "ted", 3);
		frame(&w, 0x82, "\xff\x00\x80", 3);
		frame(&w, 0x81, "", 0);
		frame(&w, 0x88, "\x03\xe8", 2);
		body = converse(&k, &w, step, &t, &len);
		CHECK_EQ(close_code(body, len), 1000);
		CHECK_EQ(payloads(body, len, out, &messages), 5 + 10 + 3);
		CHECK_EQ(messages, 4);
		CHECK_MEM(out, "hellofragmented\xff\x00\x80", 18);
		CHECK(memmem(body, len, "\x8a\x04ping", 6) != NULL);
		free(t.got);
	}
	kit_stop(&k);
}

TEST(a_long_message_needs_no_memory_and_comes_back)
{
	static struct wire w;
	static char out[300000], in[200000];
	struct test_rng rng = { 9 };
	unsigned messages;
	const char *body;
	struct talk t;
	struct kit k;
	size_t len;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)rng_next(&rng);
	kit_start(&k);
	begin(&w);
	frame(&w, 0x82, in, sizeof(in));
	frame(&w, 0x88, "", 0);
	body = converse(&k, &w, 0, &t, &len);
	CHECK_EQ(payloads(body, len, out, &messages), sizeof(in));
	CHECK(!memcmp(out, in, sizeof(in)));
	CHECK_EQ(messages, 1);
	CHECK_EQ((u8)body[len - 2], 0x88); /* a close without a code is answered by one */
	free(t.got);
	kit_stop(&k);
}

static void check_close(struct kit *k, const char *what, struct wire *w, unsigned want)
{
	struct talk t;
	const char *body;
	size_t len;

	body = converse(k, w, 0, &t, &len);
	if (!CHECK_EQ(close_code(body, len), want))
		test_note("%s", what);
	CHECK_EQ(t.err, 0);
	free(t.got);
}

TEST(what_breaks_the_protocol_is_answered_with_its_code)
{
	static struct wire w;
	struct kit k;

	kit_start(&k);
#define BREAKS(what, code, ...)                                                                    \
	begin(&w);                                                                                 \
	__VA_ARGS__;                                                                               \
	check_close(&k, what, &w, code)
	BREAKS("a reserved bit", 1002, frame(&w, 0xc1, "x", 1));
	BREAKS("a reserved opcode", 1002, frame(&w, 0x83, "x", 1));
	BREAKS("a reserved control opcode", 1002, frame(&w, 0x8b, "x", 1));
	BREAKS("a frame without a mask", 1002, put(&w, "\x81\x01x", 3));
	BREAKS("a fragmented ping", 1002, frame(&w, 0x09, "x", 1));
	BREAKS("a ping of 126 bytes", 1002, frame(&w, 0x89, w.bytes, 126));
	BREAKS("a continuation of nothing", 1002, frame(&w, 0x80, "x", 1));
	BREAKS("a message within a message", 1002, frame(&w, 0x01, "x", 1); frame(&w, 0x81, "y", 1));
	BREAKS("a close with one byte", 1002, frame(&w, 0x88, "x", 1));
	BREAKS("a close code nobody may send", 1002, frame(&w, 0x88, "\x03\xed", 2));
	BREAKS("a close code below 1000", 1002, frame(&w, 0x88, "\x00\x01", 2));
	BREAKS("a reason that is no text", 1007, frame(&w, 0x88, "\x03\xe8\xff", 3));
	BREAKS("text that is none", 1007, frame(&w, 0x81, "a\xff", 2));
	BREAKS("text that ends within a character", 1007, frame(&w, 0x81, "\xe2\x82", 2));
	BREAKS("a character cut between fragments is fine", 1000,
	       frame(&w, 0x01, "\xe2\x82", 2); frame(&w, 0x80, "\xac", 1); frame(&w, 0x88, "\x03\xe8", 2));
	BREAKS("a length of 2^63", 1002, put(&w, "\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14));
	kit_stop(&k);
}

TEST(a_handshake_that_is_none_is_refused)
{
	static const struct {
		const char *fields;
		int status;
	} rows[] = {
		{ "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426 },
		{ "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", 400 },
		{ "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short==\r\n", 400 },
		{ "Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426 },
		{ "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426 },
	};
	struct kit k;

	kit_start(&k);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512], *got;

		snprintf(text, sizeof(text), "GET /ws HTTP/1.1\r\nHost: b\r\n%s\r\n", rows[i].fields);
		got = ask(&k, text);
		CHECK_EQ(status_in(got), rows[i].status);
		free(got);
	}
	kit_stop(&k);
}

TEST(a_silent_peer_is_asked_and_then_let_go)
{
	struct talk t = { .send = HANDSHAKE, .len = sizeof(HANDSHAKE) - 1 };
	struct kit k;

	kit_start(&k);
	talk_start(&t, &k);
	CHECK(LAB_UNTIL(k.lab, t.done, 70 * NSEC_PER_SEC));
	CHECK(t.done_ns > 59 * NSEC_PER_SEC);
	CHECK(memmem(t.got, t.got_len, "\x89\x00", 2) != NULL); /* a ping */
	free(t.got);
	kit_stop(&k);
}
