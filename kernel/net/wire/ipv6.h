/* SPDX-License-Identifier: MIT
 * ipv6.h - the IPv6 header and its extension headers as they lie on the wire (RFC 8200).
 *
 * Lengths are checked here, step by step; who does what about a header is decided in ipv6/input.c.
 */
#pragma once

#include "lib/ip_addr.h"
#include "net/wire/checksum.h"

#define IPV6_HLEN      40
#define IPV6_MTU_MIN   1280  /* RFC 8200 5 */
#define IPV6_LEN_MAX   65535 /* of the payload; jumbograms are refused */
#define IPV6_FRAG_HLEN 8

/* Limits of what a chain of extension headers may be (RFC 8504 5.3 lets a node choose). */
#define IPV6_EXT_MAX       8    /* headers */
#define IPV6_EXT_BYTES_MAX 1024 /* of all of them */
#define IPV6_OPTIONS_MAX   8    /* of one header, padding not counted */
#define IPV6_PAD_MAX       7    /* bytes of padding in a row: what aligning to 8 can need */

enum { /* next header values that are extension headers, or none at all */
	NEXTHDR_HOP = 0,
	NEXTHDR_ROUTING = 43,
	NEXTHDR_FRAGMENT = 44,
	NEXTHDR_NONE = 59,
	NEXTHDR_DEST = 60,
};
enum { IPV6_OPT_PAD1 = 0, IPV6_OPT_PADN = 1, IPV6_OPT_ROUTER_ALERT = 5 };

struct __packed ipv6_hdr {
	be32 ver_tc_flow;
	be16 payload_len;
	u8 nexthdr, hop_limit;
	u8 saddr[16], daddr[16];
};
_Static_assert(sizeof(struct ipv6_hdr) == IPV6_HLEN, "IPv6 header");

struct __packed ipv6_frag_hdr {
	u8 nexthdr, reserved;
	be16 off_m; /* offset in units of 8 bytes in the upper 13 bits, M in the lowest */
	be32 id;
};
_Static_assert(sizeof(struct ipv6_frag_hdr) == IPV6_FRAG_HLEN, "fragment header");

struct ipv6_info {
	struct ip_addr saddr, daddr;
	u32 flow;
	u16 payload_len;
	u8 nexthdr, hop_limit, tclass;
};
enum ipv6_fault { IPV6_OK, IPV6_SHORT, IPV6_VERSION, IPV6_TRUNCATED, IPV6_JUMBO };

/* Decodes a header of which `linear` bytes are readable and `len` are in the packet. */
enum ipv6_fault ipv6_parse(const u8 *p, unsigned linear, unsigned len, struct ipv6_info *out);
/* The same for a header inside an ICMPv6 error, whose packet may be cut off. */
bool ipv6_parse_quoted(const u8 *p, unsigned linear, struct ipv6_info *out);

/* An extension header that says its own length in its second byte (hop-by-hop, destination, routing). */
static inline bool ipv6_ext_has_len(u8 nexthdr)
{
	return nexthdr == NEXTHDR_HOP || nexthdr == NEXTHDR_DEST || nexthdr == NEXTHDR_ROUTING;
}

/* Steps over the extension headers of what is at hand without acting on them. *nexthdr and *off: of the first header in,
 * of the header that is none of them out. `fragment` may be NULL; else the fragment header's offset, 0 without one: the
 * walk ends behind it where the fragment is not the first. false: a header is not all there, or there are too many. */
bool ipv6_skip_ext(const u8 *p, unsigned linear, u8 *nexthdr, unsigned *off, unsigned *fragment);

enum ipv6_opt_verdict { IPV6_OPT_OK, IPV6_OPT_MALFORMED, IPV6_OPT_DISCARD, IPV6_OPT_REPORT, IPV6_OPT_REPORT_UNICAST };
/* Walks the options of a hop-by-hop or destination options header of `len` bytes at p; *bad: offset in it of the octet that
 * the verdict is about. Options that no one here knows are judged by their two highest bits (RFC 8200 4.2). */
enum ipv6_opt_verdict ipv6_options_walk(const u8 *p, unsigned len, bool hop_by_hop, unsigned *bad);

/* The pseudo header (RFC 8200 8.1): len is of the upper layer's header and its payload. */
static inline u32 ip6_pseudo_sum(const struct ip_addr *src, const struct ip_addr *dst, u8 proto, u32 len)
{
	u64 sum = csum_add64(csum_add64(csum_add64(src->q[0], src->q[1]), dst->q[0]), dst->q[1]);

	return csum_fold64(csum_add64(sum, be32_of(len + proto).raw));
}
