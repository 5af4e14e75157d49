/* SPDX-License-Identifier: MIT
 * nd.h - messages of neighbour discovery as they lie on the wire (RFC 4861 4; RFC 4191, RFC 8106).
 *
 * Every message is checked whole, options included, before anything of it is used: an option of length zero or past the
 * end discards it all (RFC 4861 4.6).
 */
#pragma once

#include "lib/ip_addr.h"
#include "net/wire/ether.h"

enum {
	ND_OPT_SOURCE_LL = 1,
	ND_OPT_TARGET_LL = 2,
	ND_OPT_PREFIX = 3,
	ND_OPT_REDIRECTED = 4,
	ND_OPT_MTU = 5,
	ND_OPT_NONCE = 14,
	ND_OPT_RDNSS = 25,
};
enum { ND_NA_ROUTER = 0x80, ND_NA_SOLICITED = 0x40, ND_NA_OVERRIDE = 0x20 };
enum { ND_PREFIX_ONLINK = 0x80, ND_PREFIX_AUTO = 0x40 };

#define ND_NS_LEN       24 /* solicitation and advertisement without options: ICMPv6 header and target */
#define ND_RS_LEN       8
#define ND_RA_LEN       16
#define ND_LL_OPT_LEN   8
#define ND_PREFIXES_MAX 8 /* of one advertisement that are looked at */
#define ND_RDNSS_MAX    4

struct nd_neigh { /* a neighbour solicitation or advertisement */
	struct ip_addr target;
	const u8 *ha; /* in the message: its source (target) link-layer address option; NULL: none */
	u8 flags;     /* ND_NA_* */
	u64 nonce;    /* RFC 7527; 0: none */
};
/* `len` bytes at p are the whole ICMPv6 message. false: malformed. */
bool nd_neigh_parse(const u8 *p, unsigned len, bool advert, struct nd_neigh *out);

struct nd_prefix {
	struct ip_addr prefix;
	u32 valid_s, preferred_s;
	u8 plen, flags;
};
struct nd_router { /* a router advertisement */
	u8 hop_limit;       /* 0: not said */
	s8 preference;      /* RFC 4191: -1, 0, 1 */
	u16 lifetime_s;
	u32 reachable_ms, retrans_ms, mtu; /* 0: not said */
	const u8 *ha;
	unsigned nr_prefixes, nr_dns;
	struct nd_prefix prefixes[ND_PREFIXES_MAX];
	struct ip_addr dns[ND_RDNSS_MAX];
	u32 dns_s[ND_RDNSS_MAX]; /* lifetimes */
};
bool nd_router_parse(const u8 *p, unsigned len, struct nd_router *out);
/* The options of a solicitation by somebody who looks for routers: *ha its link address or NULL. */
bool nd_solicit_parse(const u8 *p, unsigned len, const u8 **ha);

/* Writes the message behind its 4 bytes of type, code and checksum (which are left to the caller); the length of the whole. */
unsigned nd_neigh_build(u8 *p, const struct ip_addr *target, u8 flags, u8 opt, const u8 *ha, u64 nonce);
