/* SPDX-License-Identifier: MIT
 * siphash.h - SipHash-2-4 and its lighter sibling SipHash-1-3 (Aumasson, Bernstein): keyed hashes for tables and secrets.
 */
#pragma once

#include "lib/types.h"

struct siphash_key {
	u64 k[2];
};

u64 siphash(const void *data, size_t len, const struct siphash_key *key);
u64 siphash_2u64(u64 a, u64 b, const struct siphash_key *key);
u64 siphash_3u64(u64 a, u64 b, u64 c, const struct siphash_key *key);
u64 siphash_5u64(const u64 w[5], const struct siphash_key *key);
/* SipHash-1-3: for hash tables only, never for ISNs, cookies or ports. */
u32 hsiphash_3u32(u32 a, u32 b, u32 c, const struct siphash_key *key);

/* For tables on the path of each packet, whose hashes nobody outside sees: one multiplication of keyed words (NH of Black et al.,
 * "UMAC", 1999), so that any two tuples chosen without the key collide by chance alone, and one that spreads the product. */
static inline u64 nhash_product(u64 a, u64 b, const struct siphash_key *key)
{
	unsigned __int128 p = (unsigned __int128)(a + key->k[0]) * (b + key->k[1]);

	return (u64)p ^ (u64)(p >> 64);
}
static inline u32 nhash_spread(u64 v) { return (u32)(v * 0x9e3779b97f4a7c15ull >> 32); }
static inline u32 nhash_2u64(u64 a, u64 b, const struct siphash_key *key)
{
	return nhash_spread(nhash_product(a, b, key));
}
/* The same of four words, with two keys. */
static inline u32 nhash_4u64(u64 a, u64 b, const struct siphash_key *ab, u64 c, u64 d, const struct siphash_key *cd)
{
	return nhash_spread(nhash_product(a, b, ab) ^ nhash_product(c, d, cd));
}
