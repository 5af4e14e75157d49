/* SPDX-License-Identifier: MIT
 * checksum.h - the Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * A running sum is a u32 of the bytes as they lie in memory, so it needs no byte swaps: fold it and
 * store it. Odd lengths count as padded with a zero byte behind; a piece that begins at an odd
 * offset of the whole goes through csum_block_add().
 */
#pragma once

#include "lib/byteorder.h"

/* Adds `len` bytes at p (any alignment) to `sum`. */
u32 csum_partial(const void *p, size_t len, u32 sum);
/* The same of CSUM_WIDE_MIN to CSUM_WIDE_MAX bytes in half the instructions, where platform_has_vectors(). It uses vector registers,
 * which nobody saves: in softirq alone, which on a CPU is not entered twice. */
u32 csum_partial_wide(const void *p, size_t len, u32 sum);
#define CSUM_WIDE_MIN 256u  /* below, adding up the vector's lanes costs what they saved */
#define CSUM_WIDE_MAX 2051u
/* Copies len bytes and returns their sum on top of `sum`. */
u32 csum_partial_copy(void *dst, const void *src, size_t len, u32 sum);

/* End-around addition of two running sums. */
static inline u32 csum_add(u32 a, u32 b)
{
	u32 s;

	return __builtin_add_overflow(a, b, &s) ? s + 1 : s;
}
/* The running sum without a part that is in it. */
static inline u32 csum_sub(u32 a, u32 b) { return csum_add(a, ~b); }

/* The same of what is folded later. */
static inline u64 csum_add64(u64 a, u64 b)
{
	a += b;
	return a + (a < b);
}

/* 64 bits of carries down to a running sum. */
static inline u32 csum_fold64(u64 s)
{
	return csum_add((u32)s, (u32)(s >> 32));
}

/* Adds the sum `b` of a piece that begins `offset` bytes behind the start of the whole. */
static inline u32 csum_block_add(u32 sum, u32 b, size_t offset)
{
	return csum_add(sum, offset & 1 ? b << 8 | b >> 24 : b);
}

/* In user space the compiler has uses for vectors too. */
#ifdef __SSE2__
#define VECTORS_USED "xmm0", "xmm1", "xmm2",
#else
#define VECTORS_USED
#endif

/* The 64-bit words of `bytes` bytes (a multiple of 32, at most 2048) before `end`, added up without their carries: *a those, *b those that
 * lie 4 bytes further on. 16 bytes of code for 32 of data, and the jump goes to where what is left is right; that every
 * displacement takes 4 bytes, and so each instruction 8, is what the bias of 256 is for. */
static inline __attribute__((always_inline)) void csum_wide_add(const u8 *end, size_t bytes, u64 *a, u64 *b)
{
	end -= 2048 + 256;
	*b = bytes;
	__asm__("leaq 1f(%%rip), %[a]\n\t"
		"shrq $1, %[b]\n\t"
		"subq %[b], %[a]\n\t"
		"vpxor %%xmm0, %%xmm0, %%xmm0\n\t"
		"vpxor %%xmm1, %%xmm1, %%xmm1\n\t"
		"jmp *%[a]\n\t"
		".set at, 256\n\t"
		".rept 64\n\t"
		"vpaddq at(%[p]), %%ymm0, %%ymm0\n\t"
		"vpaddq at + 4(%[p]), %%ymm1, %%ymm1\n\t"
		".set at, at + 32\n\t"
		".endr\n"
		"1:\n\t"
		"vpunpcklqdq %%ymm1, %%ymm0, %%ymm2\n\t"
		"vpunpckhqdq %%ymm1, %%ymm0, %%ymm0\n\t"
		"vpaddq %%ymm2, %%ymm0, %%ymm0\n\t"
		"vextracti128 $1, %%ymm0, %%xmm1\n\t"
		"vpaddq %%xmm1, %%xmm0, %%xmm0\n\t"
		"vmovq %%xmm0, %[a]\n\t"
		"vpextrq $1, %%xmm0, %[b]\n\t"
		"vzeroupper"
		: [a] "=&r"(*a), [b] "+&r"(*b)
		: [p] "a"(end) /* r8 and above would make the instructions longer */
		: VECTORS_USED "cc", "memory");
}

/* csum_partial_wide(). Let L be the sum of the 32-bit words at even places, H of those at odd ones: sums of 64-bit words without
 * carries are a = L + H * 2^32 and, of those 4 bytes further on, b = H + L * 2^32 once the word behind is exchanged for the first. The
 * upper half of L is that of a less the lower half of H, and the other way round; so L + H, in ones' complement, is the sum of both
 * upper halves and a borrow each. */
static inline u32 csum_wide(const void *buf, size_t len, u32 start)
{
	const u8 *p = buf;
	size_t bytes = (len - 4) & ~(size_t)31, left = len - bytes; /* b reads 4 bytes on */
	u32 first, behind;
	u64 a, b, sum, v;

	csum_wide_add(p + bytes, bytes, &a, &b);
	__builtin_memcpy(&first, p, 4);
	p += bytes;
	__builtin_memcpy(&behind, p, 4);
	b -= (u64)(behind - first) << 32;
	sum = start + (a >> 32) + (b >> 32) + ((u32)(b >> 32) < (u32)a) + ((u32)(a >> 32) < (u32)b);
	for (; left >= 8; left -= 8, p += 8) {
		__builtin_memcpy(&v, p, 8);
		sum += v;
		sum += sum < v;
	}
	if (left) { /* the last 8 bytes without those already in the sum */
		__builtin_memcpy(&v, p + left - 8, 8);
		v >>= 8 * (8 - left);
		sum += v;
		sum += sum < v;
	}
	return csum_fold64(sum);
}

/* A running sum in 16 bits, not complemented (what CHECKSUM_PARTIAL leaves in the field). */
static inline be16 csum_fold16(u32 sum)
{
	/* both halves, and their carry */
	return (be16){ (u16)((sum + (sum << 16 | sum >> 16)) >> 16) };
}
/* The checksum field: complement of the folded sum. A whole with a right checksum in it folds to
 * 0. */
static inline be16 csum_fold(u32 sum)
{
	return (be16){ (u16)~csum_fold16(sum).raw };
}
/* Sum over everything, checksum field included: is it right? Both halves together are 0xffff (or
 * 0x1fffe) then. */
static inline bool csum_ok(u32 sum) { return sum + (sum << 16 | sum >> 16) >= 0xffff0000u; }

/* Pseudo header of TCP and UDP over IPv4 (RFC 793, 768): len is of the transport header and its
 * payload. */
static inline u32 csum_tcpudp_nofold(be32 saddr, be32 daddr, u32 len, u8 proto)
{
	/* times 256 swaps */
	return csum_fold64((u64)saddr.raw + daddr.raw + ((u64)(len + proto) << 8));
}

/* An IPv4 header of ihl 32-bit words (at least 5): its sum, checksum field included. */
static inline u32 csum_ip_header(const void *hdr, unsigned ihl)
{
	struct __packed words {
		u64 a, b;
		u32 c;
	};
	const struct words *w = hdr;
	u64 s = w->a;
	u32 sum;

	__asm__("addq %[b], %[s]\n\t"
		"adcq %[c], %[s]\n\t"
		"adcq $0, %[s]"
		: [s] "+r"(s)
		: [b] "m"(w->b), [c] "r"((u64)w->c)
		: "cc");
	sum = csum_fold64(s);
	return likely(ihl == 5) ? sum : csum_partial((const u8 *)hdr + 20, (ihl - 5) * 4, sum);
}

/* RFC 1624 eqn. 3: the checksum field after a 16-bit (32-bit) word of the data went from `from` to
 * `to`. */
static inline be16 csum_replace2(be16 check, be16 from, be16 to)
{
	return csum_fold(csum_add(csum_add((u16)~check.raw, (u16)~from.raw), to.raw));
}
static inline be16 csum_replace4(be16 check, be32 from, be32 to)
{
	return csum_fold(csum_add(csum_add((u16)~check.raw, ~from.raw), to.raw));
}
