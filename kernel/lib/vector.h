/* SPDX-License-Identifier: MIT
 * vector.h - what the vector registers do beside sums: copy an object whole, and encipher a block by the CPU's AES rounds.
 *
 * Nobody saves these registers, so all this is for softirq, or with softirq held off, and where the platform says that the CPU
 * has it: platform_has_vectors(), platform_has_aes().
 */
#pragma once

#include "lib/types.h"

/* In user space the compiler has uses for vectors too. */
#ifdef __SSE2__
#define VECTOR_CLOBBERS "xmm0", "xmm1",
#else
#define VECTOR_CLOBBERS
#endif

/* Copies `bytes`, a constant and a multiple of 64, between objects that do not overlap. AVX. */
static inline __attribute__((always_inline)) void vector_copy(void *dst, const void *src, size_t bytes)
{
	__asm__(".set at, 0\n\t"
		".rept %c[lines]\n\t"
		"vmovdqu at(%[s]), %%ymm0\n\t"
		"vmovdqu at + 32(%[s]), %%ymm1\n\t"
		"vmovdqu %%ymm0, at(%[d])\n\t"
		"vmovdqu %%ymm1, at + 32(%[d])\n\t"
		".set at, at + 64\n\t"
		".endr\n\t"
		"vzeroupper"
		:
		: [d] "r"(dst), [s] "r"(src), [lines] "i"(bytes / 64)
		: VECTOR_CLOBBERS "memory");
}

/* The round keys of AES-128 (FIPS 197 5), as the bytes lie in memory: a schedule's, or each drawn on its own, which is no weaker. */
struct aes_keys {
	u64 round[11][2];
};

/* Enciphers the block of 16 bytes a, b, in place. AES-NI. */
static inline __attribute__((always_inline)) void aes_block(u64 *a, u64 *b, const struct aes_keys *k)
{
	__asm__("vmovq %[a], %%xmm0\n\t"
		"vpinsrq $1, %[b], %%xmm0, %%xmm0\n\t"
		"vpxor (%[k]), %%xmm0, %%xmm0\n\t"
		".set at, 16\n\t"
		".rept 9\n\t"
		"vaesenc at(%[k]), %%xmm0, %%xmm0\n\t"
		".set at, at + 16\n\t"
		".endr\n\t"
		"vaesenclast 160(%[k]), %%xmm0, %%xmm0\n\t"
		"vmovq %%xmm0, %[a]\n\t"
		"vpextrq $1, %%xmm0, %[b]"
		: [a] "+r"(*a), [b] "+r"(*b)
		: [k] "r"(k)
		: VECTOR_CLOBBERS "memory");
}
