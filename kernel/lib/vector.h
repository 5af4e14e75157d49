/* SPDX-License-Identifier: MIT
 * vector.h - what the vector registers do beside sums: copy and clear objects, and encipher a block by the CPU's AES rounds.
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

/* Zeroes `bytes`, a constant and a multiple of 32. AVX. */
static inline __attribute__((always_inline)) void vector_zero(void *dst, size_t bytes)
{
	__asm__("vpxor %%xmm0, %%xmm0, %%xmm0\n\t"
		".set at, 0\n\t"
		".rept %c[lines]\n\t"
		"vmovdqu %%ymm0, at(%[d])\n\t"
		".set at, at + 32\n\t"
		".endr\n\t"
		"vzeroupper"
		:
		: [d] "r"(dst), [lines] "i"(bytes / 32)
		: VECTOR_CLOBBERS "memory");
}

#define VECTOR_MOVE_MIN 32
#define VECTOR_MOVE_MAX 2048

/* Copies VECTOR_MOVE_MIN to VECTOR_MOVE_MAX bytes between objects that do not overlap: whole lines before the end, to whose code the
 * jump goes, and the first one, of which some may be copied twice. A line is two instructions of 8 bytes, since every displacement
 * takes 4: the bias of 256 is for that. AVX. */
static inline __attribute__((always_inline)) void vector_move(void *dst, const void *src, size_t bytes)
{
	u8 *d = (u8 *)dst + bytes - (VECTOR_MOVE_MAX + 256);
	const u8 *s = (const u8 *)src + bytes - (VECTOR_MOVE_MAX + 256);
	size_t code = (bytes - 1) / 32 * 16, at;

	__asm__ volatile("leaq 1f(%%rip), %[at]\n\t"
			 "subq %[code], %[at]\n\t"
			 "vmovdqu (%[src]), %%ymm0\n\t"
			 "vmovdqu %%ymm0, (%[dst])\n\t"
			 "jmp *%[at]\n\t"
			 ".set at, 256\n\t"
			 ".rept 64\n\t"
			 "vmovdqu at(%[s]), %%ymm0\n\t"
			 "vmovdqu %%ymm0, at(%[d])\n\t"
			 ".set at, at + 32\n\t"
			 ".endr\n"
			 "1:\n\t"
			 "vzeroupper"
			 : [at] "=&r"(at)
			 : [code] "r"(code), [src] "r"(src), [dst] "r"(dst), [s] "S"(s), [d] "D"(d) /* r8 and above would make the instructions longer */
			 : VECTOR_CLOBBERS "cc", "memory");
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
