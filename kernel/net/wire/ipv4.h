/* SPDX-License-Identifier: MIT
 * ipv4.h - the IPv4 header and its options as they lie on the wire (RFC 791).
 */
#pragma once

#include "net/wire/checksum.h"

#define IPV4_HLEN     20
#define IPV4_HLEN_MAX 60
#define IPV4_LEN_MAX  65535
#define IPV4_MTU_MIN  68 /* RFC 791: every module forwards this much unfragmented */

enum { IP_DF = 0x4000, IP_MF = 0x2000, IP_OFFSET = 0x1fff }; /* of ipv4_hdr.frag */
enum { INET_ECN_NOT_ECT, INET_ECN_ECT_1, INET_ECN_ECT_0, INET_ECN_CE, INET_ECN_MASK = 3 };

struct __packed ipv4_hdr {
	u8 ver_ihl, tos;
	be16 tot_len, id, frag;
	u8 ttl, proto;
	be16 check;
	be32 saddr, daddr;
};
_Static_assert(sizeof(struct ipv4_hdr) == IPV4_HLEN, "IPv4 header");

struct ipv4_info {
	be32 saddr, daddr;
	u16 tot_len, id;
	u16 hdr_len;  /* bytes, with options */
	u16 frag_off; /* bytes */
	bool df, mf;
	u8 tos, ttl, proto;
};

enum ipv4_fault { IPV4_OK, IPV4_SHORT, IPV4_VERSION, IPV4_LENGTHS, IPV4_TRUNCATED, IPV4_CHECKSUM };

/* Fields only, no checks but those that keep reads inside `linear` bytes: for headers quoted in
 * ICMP errors, which are cut short and whose length and checksum a router may have changed. */
static inline enum ipv4_fault ipv4_parse_quoted(const u8 *p, unsigned linear, struct ipv4_info *out)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p;
	u16 frag;

	if (unlikely(linear < IPV4_HLEN))
		return IPV4_SHORT;
	if (unlikely(h->ver_ihl >> 4 != 4))
		return IPV4_VERSION;
	out->hdr_len = (h->ver_ihl & 15) * 4;
	out->tot_len = be16_get(h->tot_len);
	if (unlikely(out->hdr_len < IPV4_HLEN || out->tot_len < out->hdr_len))
		return IPV4_LENGTHS;
	if (unlikely(linear < out->hdr_len))
		return IPV4_SHORT;
	frag = be16_get(h->frag);
	out->saddr = h->saddr;
	out->daddr = h->daddr;
	out->id = be16_get(h->id);
	out->frag_off = (frag & IP_OFFSET) * 8;
	out->df = frag & IP_DF;
	out->mf = frag & IP_MF;
	out->tos = h->tos;
	out->ttl = h->ttl;
	out->proto = h->proto;
	return IPV4_OK;
}

/* Decodes and checks a received header (RFC 1122 3.2.1.1, 3.2.1.2): `linear` bytes are readable
 * (the whole header must be), the datagram has `len`. Options are not looked at. */
static inline enum ipv4_fault ipv4_parse(const u8 *p, unsigned linear, unsigned len,
					 struct ipv4_info *out)
{
	enum ipv4_fault f = ipv4_parse_quoted(p, linear, out);

	if (unlikely(f))
		return f;
	if (unlikely(!csum_ok(csum_ip_header(p, out->hdr_len / 4))))
		return IPV4_CHECKSUM;
	return unlikely(out->tot_len > len) ? IPV4_TRUNCATED : IPV4_OK;
}

/* The bytes of a whole header from a checked 20 byte one; 0 when IHL is impossible. Tells how much
 * to pull first. */
static inline unsigned ipv4_hdr_bytes(const u8 *p)
{
	unsigned n = (p[0] & 15) * 4u;

	return n < IPV4_HLEN ? 0 : n;
}

enum { /* option types (copied flag, class, number), RFC 791 3.1 */
       IPOPT_END = 0,
       IPOPT_NOOP = 1,
       IPOPT_RR = 7,
       IPOPT_TS = 68,
       IPOPT_SEC = 130,
       IPOPT_LSRR = 131,
       IPOPT_SID = 136,
       IPOPT_SSRR = 137,
       IPOPT_RA = 148,
       IPOPT_COPIED = 0x80,
};

struct ipv4_options {
	bool source_route;
	bool router_alert;
	/* offset in the header of the octet that is wrong, 0: all well (RFC 792, parameter
	 * problem) */
	u8 bad;
};
/* Walks the options of a header of hdr_len bytes; unknown ones are skipped (RFC 1122 3.2.1.8).
 * false: malformed, see bad. */
bool ipv4_options_parse(const u8 *hdr, unsigned hdr_len, struct ipv4_options *out);
/* Options that later fragments do not carry become NOPs (RFC 791 3.1, copied flag). */
void ipv4_options_fragment(u8 *hdr, unsigned hdr_len);
