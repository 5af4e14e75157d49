/* SPDX-License-Identifier: MIT
 * ip_addr.h - an address of either family in 16 bytes: IPv4 is kept v4-mapped (::ffff:a.b.c.d, RFC 4291 2.5.5.2).
 */
#pragma once

#include "lib/byteorder.h"

struct ip_addr {
	union {
		u8 b[16];
		be32 w[4];
		u64 q[2];
	};
};
_Static_assert(sizeof(struct ip_addr) == 16, "an address is 16 bytes");

#define IP_NTOP_MAX 46 /* bytes that ip_ntop() can need, terminator included */

static inline struct ip_addr ip_from_v4(be32 v4)
{
	struct ip_addr a = { .w = { { 0 }, { 0 }, { 0 }, { 0 } } };

	a.w[2] = (be32){ 0xffff0000u }; /* bytes 00 00 ff ff */
	a.w[3] = v4;
	return a;
}
static inline be32 ip_v4(const struct ip_addr *a) { return a->w[3]; }
static inline bool ip_is_v4(const struct ip_addr *a) { return !a->q[0] && a->w[2].raw == 0xffff0000u; }
static inline bool ip_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}
/* The unspecified address of either family: 0.0.0.0 or ::. */
static inline bool ip_is_any(const struct ip_addr *a) { return !a->q[0] && !a->w[3].raw && (!a->w[2].raw || ip_is_v4(a)); }

static inline bool v4_is_multicast(be32 a) { return (be32_get(a) >> 28) == 0xe; }
static inline bool v4_is_loopback(be32 a) { return (be32_get(a) >> 24) == 127; }
static inline be32 v4_mask(unsigned plen) { return be32_of(plen ? ~0u << (32 - plen) : 0); }

/* RFC 4291 2.4: what an IPv6 address is by its first bits. */
static inline bool ip6_is_multicast(const struct ip_addr *a) { return a->b[0] == 0xff; }
static inline bool ip6_is_link_local(const struct ip_addr *a) { return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80; }
static inline bool ip6_is_unspecified(const struct ip_addr *a) { return !(a->q[0] | a->q[1]); }
static inline bool ip6_is_loopback(const struct ip_addr *a) { return !a->q[0] && !a->w[2].raw && be32_get(a->w[3]) == 1; }
/* The first `plen` bits of both are the same. */
bool ip_prefix_eq(const struct ip_addr *a, const struct ip_addr *b, unsigned plen);
/* The first `plen` bits of a, zeros behind. */
struct ip_addr ip_prefix_of(const struct ip_addr *a, unsigned plen);

/* Text of an address (dotted or RFC 5952) into buf of IP_NTOP_MAX bytes; returns buf. */
char *ip_ntop(const struct ip_addr *a, char *buf);
/* Parses "a.b.c.d" or an IPv6 text. 0 or -EINVAL. */
int ip_pton(const char *s, struct ip_addr *out);
