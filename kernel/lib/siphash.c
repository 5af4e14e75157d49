/* SPDX-License-Identifier: MIT
 * siphash.c - SipHash-c-d of Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), section 2.
 */
#include "lib/siphash.h"
#include "lib/string.h"

struct sip {
	u64 v0, v1, v2, v3;
};

static inline u64 rol64(u64 x, unsigned n) { return x << n | x >> (64 - n); }

static __force_inline void sip_round(struct sip *s)
{
	s->v0 += s->v1; s->v1 = rol64(s->v1, 13); s->v1 ^= s->v0; s->v0 = rol64(s->v0, 32);
	s->v2 += s->v3; s->v3 = rol64(s->v3, 16); s->v3 ^= s->v2;
	s->v0 += s->v3; s->v3 = rol64(s->v3, 21); s->v3 ^= s->v0;
	s->v2 += s->v1; s->v1 = rol64(s->v1, 17); s->v1 ^= s->v2; s->v2 = rol64(s->v2, 32);
}

static inline struct sip sip_init(const struct siphash_key *key)
{
	return (struct sip){
		.v0 = key->k[0] ^ 0x736f6d6570736575ull,
		.v1 = key->k[1] ^ 0x646f72616e646f6dull,
		.v2 = key->k[0] ^ 0x6c7967656e657261ull,
		.v3 = key->k[1] ^ 0x7465646279746573ull,
	};
}

/* Rounds in a row, without a loop's counting: 1 to 4, a constant where it is called. */
static __force_inline void sip_rounds(struct sip *s, unsigned n)
{
	sip_round(s);
	if (n > 1)
		sip_round(s);
	if (n > 2)
		sip_round(s);
	if (n > 3)
		sip_round(s);
}

static __force_inline void sip_word(struct sip *s, u64 m, unsigned rounds)
{
	s->v3 ^= m;
	sip_rounds(s, rounds);
	s->v0 ^= m;
}

static __force_inline u64 sip_finish(struct sip *s, unsigned rounds)
{
	s->v2 ^= 0xff;
	sip_rounds(s, rounds);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

u64 siphash(const void *data, size_t len, const struct siphash_key *key)
{
	struct sip s = sip_init(key);
	const u8 *p = data;
	u64 m, last = (u64)len << 56;

	for (size_t n = len / 8; n; n--, p += 8) {
		memcpy(&m, p, 8);
		sip_word(&s, m, 2);
	}
	for (size_t i = 0; i < len % 8; i++)
		last |= (u64)p[i] << (8 * i);
	sip_word(&s, last, 2);
	return sip_finish(&s, 4);
}

u64 siphash_2u64(u64 a, u64 b, const struct siphash_key *key)
{
	struct sip s = sip_init(key);

	sip_word(&s, a, 2);
	sip_word(&s, b, 2);
	sip_word(&s, 16ull << 56, 2);
	return sip_finish(&s, 4);
}

u64 siphash_3u64(u64 a, u64 b, u64 c, const struct siphash_key *key)
{
	struct sip s = sip_init(key);

	sip_word(&s, a, 2);
	sip_word(&s, b, 2);
	sip_word(&s, c, 2);
	sip_word(&s, 24ull << 56, 2);
	return sip_finish(&s, 4);
}

u64 siphash_5u64(const u64 w[5], const struct siphash_key *key)
{
	struct sip s = sip_init(key);

	sip_word(&s, w[0], 2);
	sip_word(&s, w[1], 2);
	sip_word(&s, w[2], 2);
	sip_word(&s, w[3], 2);
	sip_word(&s, w[4], 2);
	sip_word(&s, 40ull << 56, 2);
	return sip_finish(&s, 4);
}

u32 hsiphash_3u32(u32 a, u32 b, u32 c, const struct siphash_key *key)
{
	struct sip s = sip_init(key);
	u64 h;

	sip_word(&s, (u64)b << 32 | a, 1);
	sip_word(&s, 12ull << 56 | c, 1);
	h = sip_finish(&s, 3);
	return (u32)h ^ (u32)(h >> 32);
}
