/* SPDX-License-Identifier: MIT
 * ether.c - Ethernet as a link: for whom is a frame, what does it carry (RFC 894; RFC 1042 and
 * priority tags are taken in).
 *
 * Owns nothing. A frame for another host, which a hub or a promiscuous device delivers, is counted
 * and dropped here.
 */
#include "net/link/ether.h"
#include "net/wire/ether.h"

/* A tag, SNAP, or a frame too short for an IP packet; skb->data stays at the link header where it
 * is dropped. */
static __noinline enum drop_reason rcv_odd(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct eth_info info;

	skb_may_pull(cpu, skb, MIN(skb->len, (u32)(ETH_HLEN + VLAN_HLEN + SNAP_HLEN)));
	if (!eth_parse(skb->data, skb_headlen(skb), skb->len, &info))
		return DROP(DEV_HDR);
	if (info.vlan)
		return DROP(VLAN_FILTER);
	skb->protocol = info.type;
	skb_pull(skb, info.hdr_len);
	if (info.trim)
		skb_trim(cpu, skb, info.trim);
	skb_reset_network_header(skb);
	return RX_OK;
}

/* Not our own address: a group, or another host's. */
static u8 group_or_other(const u8 *dst)
{
	if (!eth_is_multicast(dst))
		return PACKET_OTHERHOST;
	return eth_is_broadcast(dst) ? PACKET_BROADCAST : PACKET_MULTICAST;
}

/* For a group, not for us, not IP, or worse. */
static __noinline enum drop_reason rcv_other(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct eth_hdr *eh;
	u16 type;

	if (unlikely(!skb_may_pull(cpu, skb, ETH_HLEN)))
		return DROP(DEV_HDR);
	eh = (const struct eth_hdr *)skb->data;
	if (unlikely(eth_is_multicast(eh->src)))
		return DROP(DEV_HDR);
	skb->pkt_type = PACKET_HOST;
	if (unlikely(!eth_addr_eq(eh->dst, skb->dev->addr))) {
		skb->pkt_type = group_or_other(eh->dst);
		if (skb->pkt_type == PACKET_OTHERHOST) {
			skb->dev->rx[skb->queue_mapping].otherhost++;
			return DROP(OTHERHOST);
		}
	}
	type = be16_get(eh->type);
	if (unlikely(type < ETH_P_802_3_MIN || type == ETH_P_8021Q))
		return rcv_odd(cpu, skb);
	skb->protocol = type;
	skb_pull(skb, ETH_HLEN);
	skb_reset_network_header(skb);
	return RX_OK;
}

enum drop_reason eth_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct eth_hdr *eh = (const struct eth_hdr *)skb->data;

	if (unlikely(skb_headlen(skb) < ETH_HLEN || eth_is_multicast(eh->src) || !eth_addr_eq(eh->dst, skb->dev->addr)))
		return rcv_other(cpu, skb);
	if (likely(eh->type.raw == BE16_C(ETH_P_IP).raw))
		skb->protocol = ETH_P_IP;
	else if (likely(eh->type.raw == BE16_C(ETH_P_IPV6).raw))
		skb->protocol = ETH_P_IPV6;
	else
		return rcv_other(cpu, skb);
	skb->pkt_type = PACKET_HOST;
	skb->data += ETH_HLEN; /* linear, as was checked */
	skb->len -= ETH_HLEN;
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
