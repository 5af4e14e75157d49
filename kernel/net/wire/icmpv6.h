/* SPDX-License-Identifier: MIT
 * icmpv6.h - ICMPv6 messages as they lie on the wire (RFC 4443); neighbour discovery's are in nd.h, MLD's in mld.h.
 */
#pragma once

#include "lib/byteorder.h"

enum {
	ICMPV6_DEST_UNREACH = 1,
	ICMPV6_PKT_TOOBIG = 2,
	ICMPV6_TIME_EXCEED = 3,
	ICMPV6_PARAMPROB = 4,
	ICMPV6_ECHO_REQUEST = 128,
	ICMPV6_ECHO_REPLY = 129,
	ICMPV6_MLD_QUERY = 130,
	ICMPV6_MLD_REPORT = 131,
	ICMPV6_MLD_DONE = 132,
	ICMPV6_ROUTER_SOLICIT = 133,
	ICMPV6_ROUTER_ADVERT = 134,
	ICMPV6_NEIGH_SOLICIT = 135,
	ICMPV6_NEIGH_ADVERT = 136,
	ICMPV6_REDIRECT = 137,
	ICMPV6_MLD2_REPORT = 143,
};
enum { /* codes of ICMPV6_DEST_UNREACH */
	ICMPV6_NOROUTE,
	ICMPV6_ADM_PROHIBITED,
	ICMPV6_NOT_NEIGHBOUR,
	ICMPV6_ADDR_UNREACH,
	ICMPV6_PORT_UNREACH,
	ICMPV6_POLICY_FAIL,
	ICMPV6_REJECT_ROUTE,
};
enum { ICMPV6_EXC_HOPLIMIT, ICMPV6_EXC_FRAGTIME };
enum { ICMPV6_HDR_FIELD, ICMPV6_UNK_NEXTHDR, ICMPV6_UNK_OPTION, ICMPV6_HDR_INCOMP /* RFC 7112 */ };

#define ICMPV6_HLEN 8

struct __packed icmpv6_hdr {
	u8 type, code;
	be16 check;
	union {
		struct __packed {
			be16 id, seq;
		};
		be32 word; /* MTU, pointer */
	};
};
_Static_assert(sizeof(struct icmpv6_hdr) == ICMPV6_HLEN, "ICMPv6 header");

struct icmpv6_info {
	u8 type, code;
	u16 id, seq;
	u32 word;
};
/* Decodes the first 8 bytes; the checksum is the caller's. false: truncated. */
bool icmpv6_parse(const u8 *p, unsigned linear, struct icmpv6_info *out);
/* RFC 4443 2.1: error messages have the highest bit of their type clear. */
static inline bool icmpv6_is_error(u8 type) { return type < 128; }
