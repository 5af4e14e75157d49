/* SPDX-License-Identifier: MIT
 * sha256.c - SHA-256 (FIPS 180-4 sections 4.1.2, 4.2.2, 5, 6.2).
 */
#include "lib/sha256.h"
#include "lib/string.h"

static const u32 k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
	0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
	0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 ror(u32 x, unsigned n) { return x >> n | x << (32 - n); }

static void schedule(u32 w[64], const u8 *p)
{
	for (unsigned t = 0; t < 16; t++)
		w[t] = (u32)p[t * 4] << 24 | (u32)p[t * 4 + 1] << 16 | (u32)p[t * 4 + 2] << 8 | p[t * 4 + 3];
	for (unsigned t = 16; t < 64; t++) {
		u32 a = w[t - 15], b = w[t - 2];

		w[t] = w[t - 16] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[t - 7] + (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
	}
}

static void block(u32 h[8], const u8 *p)
{
	u32 w[64], v[8];

	schedule(w, p);
	memcpy(v, h, sizeof(v));
	for (unsigned t = 0; t < 64; t++) {
		u32 e = v[4], a = v[0];
		u32 t1 = v[7] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + k[t] + w[t];
		u32 t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (unsigned i = 0; i < 8; i++)
		h[i] += v[i];
}

void sha256_init(struct sha256 *s)
{
	*s = (struct sha256){ .h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

void sha256_update(struct sha256 *s, const void *data, size_t len)
{
	const u8 *p = data;
	size_t have = s->bytes % 64, n;

	s->bytes += len;
	for (; len; p += n, len -= n, have = 0) {
		n = MIN(len, 64 - have);
		if (n == 64) {
			block(s->h, p);
			continue;
		}
		memcpy(s->part + have, p, n);
		if (have + n == 64)
			block(s->h, s->part);
	}
}

void sha256_final(struct sha256 *s, u8 out[SHA256_LEN])
{
	static const u8 padding[64] = { 0x80 };
	u64 bits = s->bytes * 8;
	size_t have = s->bytes % 64;
	u8 length[8];

	for (unsigned i = 0; i < 8; i++)
		length[i] = (u8)(bits >> (56 - 8 * i));
	sha256_update(s, padding, (have < 56 ? 56 : 120) - have);
	sha256_update(s, length, sizeof(length));
	for (unsigned i = 0; i < SHA256_LEN; i++)
		out[i] = (u8)(s->h[i / 4] >> (24 - i % 4 * 8));
}
