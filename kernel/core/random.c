/* SPDX-License-Identifier: MIT
 * random.c - one ChaCha20 generator with fast key erasure: each request's first block becomes the next key, so what
 * was given out cannot be computed back from memory read later.
 *
 * Seeded from RDSEED or RDRAND and from the jitter of TSC differences, all mixed: no source is trusted alone.
 * RFC 8439 2.3 (the block function).
 */
#include "core/random.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/spinlock.h"
#include "arch/x86_64/tsc.h"
#include "lib/string.h"
#include "platform.h"

#define RETRIES        10  /* Intel SDM 1 7.3.17.1 */
#define JITTER_SAMPLES 256
#define SEED_ROUNDS    4

static u32 key[8];
static u64 counter; /* blocks made under this key; also the nonce's part that differs between CPUs' requests */
static struct spinlock lock;

static inline u32 rotl(u32 v, unsigned n) { return v << n | v >> (32 - n); }

static inline void quarter_round(u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a += *b;
	*d = rotl(*d ^ *a, 16);
	*c += *d;
	*b = rotl(*b ^ *c, 12);
	*a += *b;
	*d = rotl(*d ^ *a, 8);
	*c += *d;
	*b = rotl(*b ^ *c, 7);
}

static void chacha20_block(const u32 k[8], u64 count, u32 out[16])
{
	const u32 in[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, k[0], k[1], k[2], k[3],
			     k[4], k[5], k[6], k[7], (u32)count, (u32)(count >> 32), 0, 0 };
	unsigned i;

	memcpy(out, in, sizeof(in));
	for (i = 0; i < 10; i++) {
		quarter_round(&out[0], &out[4], &out[8], &out[12]);
		quarter_round(&out[1], &out[5], &out[9], &out[13]);
		quarter_round(&out[2], &out[6], &out[10], &out[14]);
		quarter_round(&out[3], &out[7], &out[11], &out[15]);
		quarter_round(&out[0], &out[5], &out[10], &out[15]);
		quarter_round(&out[1], &out[6], &out[11], &out[12]);
		quarter_round(&out[2], &out[7], &out[8], &out[13]);
		quarter_round(&out[3], &out[4], &out[9], &out[14]);
	}
	for (i = 0; i < 16; i++)
		out[i] += in[i];
}

static bool hardware_word(u64 *v)
{
	unsigned char ok = 0;
	unsigned i;

	for (i = 0; i < RETRIES && cpu_has(CPU_RDSEED) && !ok; i++)
		__asm__ volatile("rdseed %0; setc %1" : "=r"(*v), "=qm"(ok) : : "cc");
	for (i = 0; i < RETRIES && cpu_has(CPU_RDRAND) && !ok; i++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(ok) : : "cc");
	return ok;
}

/* Times of a few dependent loads and a serialising instruction: their low bits wander. */
static u64 jitter_word(unsigned samples)
{
	u64 v = rdtsc(), last = v;

	while (samples--) {
		u64 now;

		cpu_relax();
		now = rdtsc();
		v = (v << 7 | v >> 57) ^ (now - last) * 0x9e3779b97f4a7c15;
		last = now;
	}
	return v ^ last;
}

u64 random_early(void)
{
	u64 v = 0;

	hardware_word(&v);
	return v ^ jitter_word(16);
}

static void absorb(const void *data, size_t len)
{
	u32 block[16];
	const u8 *p = data;

	while (len) {
		size_t n = MIN(len, sizeof(key)), i;

		for (i = 0; i < n; i++)
			((u8 *)key)[i] ^= p[i];
		chacha20_block(key, counter++, block);
		memcpy(key, block, sizeof(key));
		p += n;
		len -= n;
	}
}

void random_init(const void *extra, size_t len)
{
	unsigned round, i;
	bool hardware = false;

	absorb(extra, len);
	for (round = 0; round < SEED_ROUNDS; round++) {
		u64 words[4] = { 0 };

		for (i = 0; i < ARRAY_SIZE(words); i++) {
			hardware |= hardware_word(&words[i]);
			words[i] ^= jitter_word(JITTER_SAMPLES / SEED_ROUNDS / ARRAY_SIZE(words));
		}
		absorb(words, sizeof(words));
	}
	if (!hardware)
		log_warn("random: the CPU has no generator: seeded by clock jitter alone");
}

void random_bytes(void *buf, size_t len)
{
	u64 flags = spin_lock(&lock), count = 1;
	u32 block[16], now[8];
	u8 *p = buf;

	memcpy(now, key, sizeof(now));
	chacha20_block(now, 0, block);
	memcpy(key, block, sizeof(key));
	spin_unlock(&lock, flags);
	while (len) {
		size_t n = MIN(len, sizeof(block));

		chacha20_block(now, count++, block);
		memcpy(p, block, n);
		p += n;
		len -= n;
	}
	memset(now, 0, sizeof(now));
	memset(block, 0, sizeof(block));
	__asm__ volatile("" : : "r"(now), "r"(block) : "memory"); /* the clearing is not a dead store */
}
