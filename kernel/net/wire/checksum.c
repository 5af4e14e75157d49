/* SPDX-License-Identifier: MIT
 * checksum.c - sums memory in 64-bit words with one chain of carries (RFC 1071 section 2(A), (B)
 * and (C)).
 *
 * The compiler has no vector registers in the kernel, so the widest addition is 8 bytes: adc many times, with lea
 * and dec between the rounds because they leave the carry alone. Unaligned loads are cheap on x86_64. What arrives in full
 * frames goes through csum_wide(), which takes 32 bytes in two additions where the CPU has AVX2.
 */
#include "net/wire/checksum.h"
#include "lib/string.h"

#define ROUND 256 /* bytes summed by one turn of the loop, a power of two */

static inline u64 load64(const u8 *p)
{
	u64 v;

	__builtin_memcpy(&v, p, 8);
	return v;
}

static inline u64 add64(u64 sum, u64 v)
{
	sum += v;
	return sum + (sum < v);
}

/* The sum of rounds * ROUND bytes, rounds > 0. */
static inline u64 sum_rounds(const u8 *p, size_t rounds, u64 sum)
{
	__asm__("clc\n"
		"1:\n\t"
		".set at, 0\n\t"
		".rept %c[words]\n\t"
		"adcq at(%[p]), %[sum]\n\t"
		".set at, at + 8\n\t"
		".endr\n\t"
		"leaq %c[round](%[p]), %[p]\n\t"
		"decq %[n]\n\t"
		"jnz 1b\n\t"
		"adcq $0, %[sum]"
		: [sum] "+r"(sum), [p] "+r"(p), [n] "+r"(rounds)
		: [words] "i"(ROUND / 8), [round] "i"(ROUND)
		: "cc", "memory");
	return sum;
}

/* A piece shorter than 8 bytes as one word, padded with zeros behind; never reads past it. */
static inline u64 load_short(const u8 *p, size_t len)
{
	u64 v = 0;

	if (len & 1)
		v = p[len - 1];
	if (len & 2) {
		u16 h;

		__builtin_memcpy(&h, p + (len & 4), 2);
		v = v << 16 | h;
	}
	if (len & 4) {
		u32 w;

		__builtin_memcpy(&w, p, 4);
		v = v << 32 | w;
	}
	return v;
}

/* Sums bytes at p, and steps over them, as many as a constant says. */
#define SUM_PIECE(p, sum, bytes)                                                                   \
	do {                                                                                       \
		__asm__("addq (%[at]), %[s]\n\t"                                                   \
			".set at, 8\n\t"                                                           \
			".rept %c[words]\n\t"                                                      \
			"adcq at(%[at]), %[s]\n\t"                                                 \
			".set at, at + 8\n\t"                                                      \
			".endr\n\t"                                                                \
			"adcq $0, %[s]"                                                            \
			: [s] "+r"(sum)                                                            \
			: [at] "r"(p), [words] "i"((bytes) / 8 - 1)                                \
			: "cc", "memory");                                                         \
		(p) += (bytes);                                                                    \
	} while (0)

u32 csum_partial(const void *buf, size_t len, u32 start)
{
	const u8 *p = buf, *end = p + len;
	u64 sum = start;

	if (len < 8)
		return csum_fold64(sum + load_short(p, len));
	if (len >= ROUND) {
		sum = sum_rounds(p, len / ROUND, sum);
		p += len & ~(size_t)(ROUND - 1);
	}
	if (len & 128)
		SUM_PIECE(p, sum, 128);
	if (len & 64)
		SUM_PIECE(p, sum, 64);
	if (len & 32)
		SUM_PIECE(p, sum, 32);
	for (; end - p >= 8; p += 8)
		sum = add64(sum, load64(p));
	if (p < end) /* the last 8 bytes without those already in the sum */
		sum = add64(sum, load64(end - 8) >> 8 * (8 - (end - p)));
	return csum_fold64(sum);
}

u32 csum_partial_wide(const void *p, size_t len, u32 sum)
{
	return csum_wide(p, len, sum);
}

u32 csum_partial_copy(void *dst, const void *src, size_t len, u32 sum)
{
	memcpy(dst, src, len);
	return csum_partial(dst, len, sum);
}
