/* SPDX-License-Identifier: MIT
 * ether.c - Ethernet as a link: for whom is a frame, what does it carry (RFC 894; RFC 1042 and priority tags are taken in).
 *
 * Owns nothing. A frame for another host, which a hub or a promiscuous device delivers, is counted and dropped here.
 */
#include "net/link/ether.h"
#include "net/wire/ether.h"

/* PACKET_* of a destination address; the common case, our own address, is one comparison. */
static u8 pkt_type_of(const struct net_device *dev, const u8 *dst)
{
	u64 a = eth_addr_u64(dst);

	if (likely(a == eth_addr_u64(dev->addr)))
		return PACKET_HOST;
	if (!eth_is_multicast(dst))
		return PACKET_OTHERHOST;
	return eth_is_broadcast(dst) ? PACKET_BROADCAST : PACKET_MULTICAST;
}

enum drop_reason eth_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct eth_hdr *eh;
	struct eth_info info;

	if (unlikely(skb_headlen(skb) < ETH_HLEN + VLAN_HLEN + SNAP_HLEN))
		skb_may_pull(cpu, skb, MIN(skb->len, (u32)(ETH_HLEN + VLAN_HLEN + SNAP_HLEN)));
	if (unlikely(!eth_parse(skb->data, skb_headlen(skb), skb->len, &info)))
		return DROP_DEV_HDR;
	eh = (const struct eth_hdr *)skb->data;
	if (unlikely(eth_is_multicast(eh->src)))
		return DROP_DEV_HDR;
	skb->pkt_type = pkt_type_of(skb->dev, eh->dst);
	if (unlikely(skb->pkt_type == PACKET_OTHERHOST)) {
		skb->dev->rx_otherhost++;
		return DROP_OTHERHOST;
	}
	if (unlikely(info.vlan))
		return DROP_VLAN_FILTER;
	skb_reset_mac_header(skb);
	skb->protocol = info.type;
	skb_pull(skb, info.hdr_len);
	if (unlikely(info.trim))
		skb_trim(cpu, skb, info.trim);
	skb_reset_network_header(skb);
	return RX_OK;
}

static void eth_header(struct net_device *dev, struct sk_buff *skb, const u8 *dst)
{
	struct eth_hdr *eh = (struct eth_hdr *)skb_push(skb, ETH_HLEN);

	memcpy(eh->dst, dst, ETH_ALEN);
	memcpy(eh->src, dev->addr, ETH_ALEN);
	eh->type = be16_of(skb->protocol);
}

const struct link_ops eth_link_ops = {
	.name = "ether",
	.hdr_len = ETH_HLEN,
	.addr_len = ETH_ALEN,
	.rcv = eth_rcv,
	.header = eth_header,
};
