/* SPDX-License-Identifier: MIT
 * frag.c - what IPv6 adds to reassembly (RFC 8200 4.5, RFC 5722, RFC 8021): its checks, the header of the whole, its
 * ICMPv6 messages.
 */
#include "net/ipv6/ip6_impl.h"
#include "net/wire/ipv4.h"

static u64 time_s(const struct net_cpu *cpu)
{
	return (u64)cpu->sysctl.ip6frag_time;
}

/* Errors are the destination's to tell; a router waits for pieces for its rules' sake. */
static void tell(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, unsigned at)
{
	enum addr_type to = ip6_addr_type(cpu, &skb->ip.dst);

	if (to == ADDR_LOCAL || to == ADDR_MULTICAST)
		icmp6_send(cpu, skb, type, code, at);
}

static void timed_out(struct net_cpu *cpu, struct sk_buff *first)
{
	tell(cpu, first, ICMPV6_TIME_EXCEED, ICMPV6_EXC_FRAGTIME, 0);
}

/* The headers in front move over the first piece's fragment header: all were walked before, so they are linear and end. */
static void finish(struct sk_buff *skb, bool congestion)
{
	unsigned named = offsetof(struct ipv6_hdr, nexthdr), off = IPV6_HLEN;
	struct ipv6_hdr *h;
	u8 *p = skb->data;

	while (p[named] != NEXTHDR_FRAGMENT) {
		named = off;
		off += (p[off + 1] + 1u) * 8;
	}
	p[named] = p[off];
	memmove(p + IPV6_FRAG_HLEN, p, off);
	skb_pull(skb, IPV6_FRAG_HLEN);
	skb_reset_network_header(skb);
	h = (struct ipv6_hdr *)skb->data;
	h->payload_len = be16_of((u16)(skb->len - IPV6_HLEN));
	if (congestion) {
		h->ver_tc_flow = be32_of(be32_get(h->ver_tc_flow) | (u32)INET_ECN_CE << 20);
		skb->ip.tos |= INET_ECN_CE;
	}
	skb->ip.hdr_len = (u16)off;
}

static const struct frag_ops ipv6_frag_ops = {
	.oks = STAT_Ip6ReasmOKs,
	.fails = STAT_Ip6ReasmFails,
	.timeouts = STAT_Ip6ReasmTimeout,
	.spare = IPV6_HLEN + IPV6_FRAG_HLEN,
	.time_s = time_s,
	.timed_out = timed_out,
	.finish = finish,
};

static enum drop_reason bad_fragment(struct net_cpu *cpu, struct sk_buff *skb, unsigned at)
{
	STAT(cpu, Ip6ReasmFails);
	tell(cpu, skb, ICMPV6_PARAMPROB, ICMPV6_HDR_FIELD, at);
	return DROP(FRAG_HDR);
}

enum drop_reason ip6_defrag(struct net_cpu *cpu, struct sk_buff **skb, unsigned at)
{
	const struct ipv6_frag_hdr *f = (const struct ipv6_frag_hdr *)((*skb)->data + at);
	u32 off = be16_get(f->off_m) & 0xfff8u, len = (*skb)->len - at - IPV6_FRAG_HLEN;
	struct frag_key key = { .src = (*skb)->ip.src, .dst = (*skb)->ip.dst, .id = be32_get(f->id) };
	bool more = be16_get(f->off_m) & 1;

	STAT(cpu, Ip6ReasmReqds);
	if (more && len % 8)
		return bad_fragment(cpu, *skb, offsetof(struct ipv6_hdr, payload_len));
	if (off + len > IPV6_LEN_MAX)
		return bad_fragment(cpu, *skb, at + offsetof(struct ipv6_frag_hdr, off_m));
	if (!len) {
		STAT(cpu, Ip6ReasmFails);
		return DROP(FRAG_HDR);
	}
	(*skb)->ip.hdr_len = (u16)(at + IPV6_FRAG_HLEN);
	return frag_rcv(cpu, skb, &key, off, more, &ipv6_frag_ops);
}
