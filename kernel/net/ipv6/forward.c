/* SPDX-License-Identifier: MIT
 * forward.c - IPv6 for others, when net.ipv6.conf.all.forwarding says that we are a router (RFC 8200, RFC 4291 2.5.6).
 *
 * Owns nothing. Redirects are not sent. A packet too big for its next link is refused, never cut (RFC 8200 5). Runs in
 * net_rx.
 */
#include "net/ipv6/ip6_impl.h"
#include "net/core/gso.h"
#include "net/core/netfilter.h"

/* The datagram as the wire will see it: what GRO merged or rules had put together is split again, into what it was. */
static u32 wire_len(struct net_cpu *cpu, struct sk_buff *skb)
{
	unsigned off = IPV6_HLEN;
	u8 nexthdr = skb->data[6];

	if (likely(!skb->gso_size))
		return skb->ip.frag_max ? skb->ip.frag_max : skb->len;
	if (!ipv6_skip_ext(skb->data, skb_headlen(skb), &nexthdr, &off, NULL) || !skb_may_pull(cpu, skb, off + 20))
		return skb->len;
	return skb->gso_size + off + (skb->data[off + 12] >> 4) * 4u;
}

static enum drop_reason beyond_scope(struct net_cpu *cpu, struct sk_buff *skb)
{
	STAT(cpu, Ip6InAddrErrors);
	if (ip6_is_link_local(&skb->ip.src) && !ip6_is_link_local(&skb->ip.dst))
		icmp6_send(cpu, skb, ICMPV6_DEST_UNREACH, ICMPV6_NOT_NEIGHBOUR, 0);
	return DROP(IP_INVALID_SOURCE);
}

static enum drop_reason forward_to(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst)
{
	struct net_device *in = skb->dev;
	enum drop_reason r;

	if (unlikely(skb->ip_summed == CHECKSUM_PARTIAL && !skb_offload_fits(skb, IPV6_HLEN))) {
		STAT(cpu, Ip6InDiscards);
		return DROP(DEV_HDR);
	}
	if (skb->ip.ttl <= 1) {
		STAT(cpu, Ip6InHdrErrors);
		icmp6_send(cpu, skb, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
		return DROP(IP_TTL);
	}
	if (wire_len(cpu, skb) > dst->mtu) {
		STAT(cpu, Ip6InTooBigErrors);
		icmp6_send(cpu, skb, ICMPV6_PKT_TOOBIG, 0, dst->mtu);
		return DROP(PKT_TOO_BIG);
	}
	skb->ip.ttl = --((struct ipv6_hdr *)skb->data)->hop_limit;
	r = nf_hook(cpu, skb, NF_FORWARD, in, dst->dev);
	if (unlikely(r)) {
		STAT(cpu, Ip6InDiscards);
		return r;
	}
	STAT(cpu, Ip6OutForwDatagrams);
	STAT_ADD(cpu, Ip6OutOctets, skb->len);
	skb->tstamp_ns = 0; /* on the way out: leave at once */
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		skb->ip_summed = CHECKSUM_NONE;
	ip6_finish_output(cpu, skb, dst, in);
	return SKB_CONSUMED;
}

enum drop_reason ip6_forward(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct flow fl = { .dst = skb->ip.dst };
	struct dst dst;

	if (ip6_is_link_local(&skb->ip.src) || ip6_is_unspecified(&skb->ip.src) || ip6_is_link_local(&skb->ip.dst))
		return beyond_scope(cpu, skb);
	if (ip6_route_output(cpu, &fl, &dst)) {
		STAT(cpu, Ip6InNoRoutes);
		icmp6_send(cpu, skb, ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE, 0);
		return DROP(IP_INNOROUTES);
	}
	if (dst.type != ADDR_UNICAST) {
		STAT(cpu, Ip6InAddrErrors);
		return DROP(IP_INVALID_DEST);
	}
	return forward_to(cpu, skb, &dst);
}
