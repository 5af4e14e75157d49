/* SPDX-License-Identifier: MIT
 * icmp.h - ICMP messages as they lie on the wire (RFC 792, RFC 1191, RFC 1812).
 */
#pragma once

#include "net/wire/ipv4.h"

enum {
	ICMP_ECHOREPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETERPROB = 12,
	ICMP_TIMESTAMP = 13,
	ICMP_TIMESTAMPREPLY = 14,
};
enum { /* codes of ICMP_DEST_UNREACH */
       ICMP_NET_UNREACH,
       ICMP_HOST_UNREACH,
       ICMP_PROT_UNREACH,
       ICMP_PORT_UNREACH,
       ICMP_FRAG_NEEDED,
       ICMP_SR_FAILED,
       ICMP_PKT_FILTERED = 13,
};
enum { ICMP_EXC_TTL, ICMP_EXC_FRAGTIME };

#define ICMP_HLEN 8
#define ICMP_TIMESTAMP_LEN 20

struct __packed icmp_hdr {
	u8 type, code;
	be16 check;
	union {
		struct __packed {
			be16 id, seq;
		};
		struct __packed {
			be16 unused, mtu; /* fragmentation needed, RFC 1191 */
		};
		u8 pointer; /* parameter problem */
		be32 word;
	};
};
_Static_assert(sizeof(struct icmp_hdr) == ICMP_HLEN, "ICMP header");

struct __packed icmp_timestamp { /* milliseconds since midnight UTC */
	struct icmp_hdr h;
	be32 originate, receive, transmit;
};
_Static_assert(sizeof(struct icmp_timestamp) == ICMP_TIMESTAMP_LEN, "ICMP timestamp");

struct icmp_info {
	u8 type, code;
	u16 id, seq; /* queries */
	u32 info;    /* next-hop MTU or pointer; 0 elsewhere */
};
/* Decodes the first 8 bytes; the checksum is the caller's (it covers the whole message). false:
 * truncated. */
bool icmp_parse(const u8 *p, unsigned linear, struct icmp_info *out);
/* An error message, not to be answered by another (RFC 1122 3.2.2); unknown types count as
 * errors. */
bool icmp_is_error(u8 type);
/* RFC 1191 5: the next plateau below a datagram of `len` bytes, for routers that do not say their
 * MTU. */
u32 icmp_mtu_plateau(u32 len);
