/* SPDX-License-Identifier: MIT
 * jhash.c - the lookup3 hash of Bob Jenkins (burtleburtle.net/bob/hash/doobs.html), little-endian byte order.
 *
 * The constants and rotation amounts define the function; test vectors are those of the published description.
 */
#include "lib/jhash.h"
#include "lib/string.h"

struct mix {
	u32 a, b, c;
};

static inline u32 rol32(u32 x, unsigned n) { return x << n | x >> (32 - n); }

static inline void mix_round(struct mix *m)
{
	m->a -= m->c; m->a ^= rol32(m->c, 4); m->c += m->b;
	m->b -= m->a; m->b ^= rol32(m->a, 6); m->a += m->c;
	m->c -= m->b; m->c ^= rol32(m->b, 8); m->b += m->a;
	m->a -= m->c; m->a ^= rol32(m->c, 16); m->c += m->b;
	m->b -= m->a; m->b ^= rol32(m->a, 19); m->a += m->c;
	m->c -= m->b; m->c ^= rol32(m->b, 4); m->b += m->a;
}

static inline void mix_final(struct mix *m)
{
	m->c ^= m->b; m->c -= rol32(m->b, 14);
	m->a ^= m->c; m->a -= rol32(m->c, 11);
	m->b ^= m->a; m->b -= rol32(m->a, 25);
	m->c ^= m->b; m->c -= rol32(m->b, 16);
	m->a ^= m->c; m->a -= rol32(m->c, 4);
	m->b ^= m->a; m->b -= rol32(m->a, 14);
	m->c ^= m->b; m->c -= rol32(m->b, 24);
}

u32 jhash(const void *key, size_t len, u32 seed)
{
	u32 init = 0xdeadbeef + (u32)len + seed, w[3];
	struct mix m = { init, init, init };
	const u8 *p = key;

	if (!len)
		return m.c;
	for (; len > 12; len -= 12, p += 12) {
		memcpy(w, p, 12);
		m.a += w[0];
		m.b += w[1];
		m.c += w[2];
		mix_round(&m);
	}
	memset(w, 0, sizeof(w));
	for (size_t i = 0; i < len; i++)
		w[i / 4] |= (u32)p[i] << (i % 4 * 8);
	m.a += w[0];
	m.b += w[1];
	m.c += w[2];
	mix_final(&m);
	return m.c;
}

u32 jhash_3words(u32 a, u32 b, u32 c, u32 seed)
{
	u32 init = 0xdeadbeef + 12 + seed;
	struct mix m = { init + a, init + b, init + c };

	mix_final(&m);
	return m.c;
}
