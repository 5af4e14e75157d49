/* SPDX-License-Identifier: MIT
 * ether.h - Ethernet II and IEEE 802.3 frames as they lie on the wire (RFC 894, RFC 1042, IEEE
 * 802.1Q).
 *
 * Only the bytes: who the frame is for is decided in link/ether.c.
 */
#pragma once

#include "lib/byteorder.h"
#include "lib/string.h"

enum {
	ETH_P_IP = 0x0800,
	ETH_P_ARP = 0x0806,
	ETH_P_8021Q = 0x8100,
	ETH_P_IPV6 = 0x86dd,
	ETH_P_802_3_MIN = 0x0600, /* smaller values are lengths (IEEE 802.3 3.2.6) */
};

#define ETH_ALEN 6
#define ETH_HLEN 14
#define VLAN_HLEN 4
#define SNAP_HLEN 8 /* LLC UI and SNAP */

struct __packed eth_hdr {
	u8 dst[ETH_ALEN], src[ETH_ALEN];
	be16 type;
};
_Static_assert(sizeof(struct eth_hdr) == ETH_HLEN, "Ethernet header");

struct __packed vlan_tag { /* stands behind the addresses' EtherType 0x8100 */
	be16 tci;
	be16 type;
};
_Static_assert(sizeof(struct vlan_tag) == VLAN_HLEN, "802.1Q tag");

struct __packed snap_hdr {
	u8 dsap, ssap, ctrl, oui[3];
	be16 type;
};
_Static_assert(sizeof(struct snap_hdr) == SNAP_HLEN, "LLC and SNAP header");

struct eth_info {
	u16 type;    /* EtherType */
	u16 vlan;    /* VLAN id; 0: untagged or priority tagged */
	u16 hdr_len; /* bytes in front of the payload, tag and SNAP included */
	u16 trim;    /* 802.3: bytes of payload, 0: all that is there */
};

/* 48 bits of a MAC address in one word; reads exactly 6 bytes. */
static inline u64 eth_addr_u64(const u8 *a)
{
	u32 lo;
	u16 hi;

	memcpy(&lo, a, 4);
	memcpy(&hi, a + 4, 2);
	return lo | (u64)hi << 32;
}
static inline bool eth_addr_eq(const u8 *a, const u8 *b)
{
	return eth_addr_u64(a) == eth_addr_u64(b);
}
static inline bool eth_is_multicast(const u8 *a) { return a[0] & 1; } /* broadcast too */
static inline bool eth_is_broadcast(const u8 *a) { return eth_addr_u64(a) == 0xffffffffffffull; }
static inline bool eth_is_zero(const u8 *a) { return eth_addr_u64(a) == 0; }

/* What is not plain Ethernet II: a tag, or an 802.3 length with SNAP. `linear` bytes are readable,
 * `len` are there. */
bool eth_parse_slow(const u8 *p, unsigned linear, unsigned len, struct eth_info *out);

/* Decodes the link header of a frame; false: truncated or no Ethernet at all. */
static inline bool eth_parse(const u8 *p, unsigned linear, unsigned len, struct eth_info *out)
{
	u16 type;

	if (unlikely(linear < ETH_HLEN))
		return false;
	type = be16_get(((const struct eth_hdr *)p)->type);
	if (unlikely(type < ETH_P_802_3_MIN || type == ETH_P_8021Q))
		return eth_parse_slow(p, linear, len, out);
	*out = (struct eth_info){ .type = type, .hdr_len = ETH_HLEN };
	return true;
}
