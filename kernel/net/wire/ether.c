/* SPDX-License-Identifier: MIT
 * ether.c - the rare shapes of an Ethernet frame: 802.1Q tags and IEEE 802.3 with LLC and SNAP (RFC
 * 1042).
 */
#include "net/wire/ether.h"

static bool parse_snap(const u8 *p, unsigned linear, unsigned len, unsigned off,
		       struct eth_info *out)
{
	const struct snap_hdr *s = (const struct snap_hdr *)(p + off);
	u16 payload = (u16)(p[off - 2] << 8 | p[off - 1]);

	if (payload < SNAP_HLEN || payload > len - off || linear < off + SNAP_HLEN)
		return false;
	if (s->dsap != 0xaa || s->ssap != 0xaa || s->ctrl != 3 || s->oui[0] || s->oui[1] ||
	    s->oui[2])
		return false;
	out->type = be16_get(s->type);
	out->hdr_len = (u16)(off + SNAP_HLEN);
	out->trim = payload - SNAP_HLEN;
	return out->type >= ETH_P_802_3_MIN;
}

bool eth_parse_slow(const u8 *p, unsigned linear, unsigned len, struct eth_info *out)
{
	unsigned off = ETH_HLEN;
	u16 type = be16_get(((const struct eth_hdr *)p)->type);

	*out = (struct eth_info){ 0 };
	if (type == ETH_P_8021Q) {
		const struct vlan_tag *t = (const struct vlan_tag *)(p + off);

		if (linear < off + VLAN_HLEN)
			return false;
		out->vlan = be16_get(t->tci) & 0xfff;
		type = be16_get(t->type);
		off += VLAN_HLEN;
	}
	if (type < ETH_P_802_3_MIN)
		return parse_snap(p, linear, len, off, out);
	out->type = type; /* a second tag stays an EtherType nobody handles */
	out->hdr_len = (u16)off;
	return true;
}
