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
