/* SPDX-License-Identifier: MIT
 * forward.c - IPv4 for others, when net.ipv4.ip_forward says that we are a router (RFC 1812 5.2,
 * 5.3).
 *
 * Owns nothing. Redirects are not sent. Record Route and Timestamp options go through unchanged
 * (RFC 1812 wants them filled in; most routers drop them, and nothing we serve uses them). Runs in
 * net_rx.
 */
#include "net/ipv4/ip_impl.h"
#include "net/core/gso.h"
#include "net/core/netfilter.h"

/* RFC 3927 7: neither end of what is forwarded is link-local. */
static bool is_link_local(be32 a)
{
	return be32_get(a) >> 16 == 0xa9fe;
}

static enum drop_reason no_route(struct net_cpu *cpu, struct sk_buff *skb, int err)
{
	STAT(cpu, IpExtInNoRoutes);
	if (err == -EHOSTUNREACH)
		icmp_send(cpu, skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	else if (err == -EACCES)
		icmp_send(cpu, skb, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, 0);
	else if (err == -ENETUNREACH)
		icmp_send(cpu, skb, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0);
	return DROP(IP_INNOROUTES);
}

static bool too_big(struct net_cpu *cpu, struct sk_buff *skb, const struct dst *dst)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb->data;

	if (likely(ip_wire_len(skb) <= dst->mtu))
		return false;
	if (!(be16_get(h->frag) & IP_DF))
		return false; /* it is fragmented */
	if (skb->ip.frag_max && skb->ip.frag_max <= dst->mtu)
		return false; /* it came in pieces, which will go on as such */
	STAT(cpu, IpFragFails);
	icmp_send(cpu, skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, dst->mtu);
	return true;
}

static void decrease_ttl(struct sk_buff *skb)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)skb->data;
	be16 from = be16_of((u16)(h->ttl << 8 | h->proto)), to;

	h->ttl--;
	to = be16_of((u16)(h->ttl << 8 | h->proto));
	h->check = csum_replace2(h->check, from, to);
	skb->ip.ttl = h->ttl;
}

static enum drop_reason forward_to(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst)
{
	struct net_device *in = skb->dev;
	enum drop_reason r;

	if (unlikely(skb->ip_summed == CHECKSUM_PARTIAL && !skb_offload_fits(skb, skb->ip.hdr_len))) {
		STAT(cpu, IpInDiscards);
		return DROP(DEV_HDR);
	}
	if (skb->ip.ttl <= 1) {
		STAT(cpu, IpInHdrErrors);
		icmp_send(cpu, skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
		return DROP(IP_TTL);
	}
	if (too_big(cpu, skb, dst)) {
		STAT(cpu, IpInDiscards);
		return DROP(PKT_TOO_BIG);
	}
	decrease_ttl(skb);
	r = nf_hook(cpu, skb, NF_FORWARD, in, dst->dev);
	if (unlikely(r)) {
		STAT(cpu, IpInDiscards);
		return r;
	}
	STAT(cpu, IpForwDatagrams);
	STAT_ADD(cpu, IpExtOutOctets, skb->len);
	skb->tstamp_ns = 0; /* on the way out: leave at once */
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		skb->ip_summed = CHECKSUM_NONE;
	ip_finish_output(cpu, skb, dst, in);
	return SKB_CONSUMED;
}

static __cold enum drop_reason address_fault(struct net_cpu *cpu, enum drop_reason r)
{
	STAT(cpu, IpInAddrErrors);
	return r;
}

enum drop_reason ip_forward(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct flow fl = { .dst = skb->ip.dst };
	struct dst dst;
	int err;

	if (is_link_local(ip_v4(&skb->ip.src)) || v4_is_loopback(ip_v4(&skb->ip.src)) ||
	    !ip_v4(&skb->ip.src).raw)
		return address_fault(cpu, DROP(IP_INVALID_SOURCE));
	if (is_link_local(ip_v4(&skb->ip.dst)))
		return address_fault(cpu, DROP(IP_INVALID_DEST));
	err = ip_route_output(cpu, &fl, &dst);
	if (err)
		return no_route(cpu, skb, err);
	if (dst.type != ADDR_UNICAST) /* directed broadcasts: RFC 2644 */
		return address_fault(cpu, DROP(IP_INVALID_DEST));
	return forward_to(cpu, skb, &dst);
}
