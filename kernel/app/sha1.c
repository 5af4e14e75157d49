/* SPDX-License-Identifier: MIT
 * sha1.c - SHA-1 (RFC 3174) in its plainest form, and base64 (RFC 4648 4).
 */
#include "app/sha1.h"
#include "lib/byteorder.h"
#include "lib/string.h"

static u32 rol(u32 x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void block(u32 h[5], const u8 *p)
{
	static const u32 k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
	u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], w[80];

	for (unsigned t = 0; t < 80; t++) {
		u32 f, tmp;

		if (t < 16)
			w[t] = (u32)p[t * 4] << 24 | (u32)p[t * 4 + 1] << 16 | (u32)p[t * 4 + 2] << 8 | p[t * 4 + 3];
		else
			w[t] = rol(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
		if (t < 20)
			f = (b & c) | (~b & d);
		else if (t >= 40 && t < 60)
			f = (b & c) | (b & d) | (c & d);
		else
			f = b ^ c ^ d;
		tmp = rol(a, 5) + f + e + w[t] + k[t / 20];
		e = d;
		d = c;
		c = rol(b, 30);
		b = a;
		a = tmp;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void sha1(const void *data, size_t len, u8 out[SHA1_LEN])
{
	u32 h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	const u8 *p = data;
	u64 bits = (u64)len * 8;
	u8 tail[128] = { 0 };
	size_t n;

	for (n = len; n >= 64; p += 64, n -= 64)
		block(h, p);
	memcpy(tail, p, n);
	tail[n] = 0x80;
	len = n < 56 ? 64 : 128; /* of the last one or two blocks */
	for (unsigned i = 0; i < 8; i++)
		tail[len - 1 - i] = (u8)(bits >> 8 * i);
	block(h, tail);
	if (len == 128)
		block(h, tail + 64);
	for (unsigned i = 0; i < SHA1_LEN; i++)
		out[i] = (u8)(h[i / 4] >> (24 - i % 4 * 8));
}

size_t base64_encode(const u8 *in, size_t len, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *o = out;

	for (size_t i = 0; i < len; i += 3) {
		u32 v = (u32)in[i] << 16 | (u32)(i + 1 < len ? in[i + 1] : 0) << 8 | (i + 2 < len ? in[i + 2] : 0);

		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*o++ = i + 2 < len ? digits[v & 63] : '=';
	}
	*o = '\0';
	return (size_t)(o - out);
}
