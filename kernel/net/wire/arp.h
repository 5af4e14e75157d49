/* SPDX-License-Identifier: MIT
 * arp.h - an ARP packet for IPv4 over Ethernet (RFC 826).
 */
#pragma once

#include "net/wire/ether.h"

enum { ARPHRD_ETHER = 1, ARPHRD_IEEE802 = 6 };
enum { ARPOP_REQUEST = 1, ARPOP_REPLY = 2 };

struct __packed arp_hdr {
	be16 hrd, pro;
	u8 hln, pln;
	be16 op;
	u8 sha[ETH_ALEN];
	be32 spa;
	u8 tha[ETH_ALEN];
	be32 tpa;
};
_Static_assert(sizeof(struct arp_hdr) == 28, "ARP for IPv4 over Ethernet");

struct arp_info {
	u16 op;
	u8 sha[ETH_ALEN], tha[ETH_ALEN];
	be32 spa, tpa;
};

/* Decodes an ARP packet; false: truncated, of other hardware or protocol, or of wrong address
 * lengths. */
bool arp_parse(const u8 *p, unsigned len, struct arp_info *out);
/* Writes one of sizeof(struct arp_hdr) bytes at p. */
void arp_build(u8 *p, const struct arp_info *a);
