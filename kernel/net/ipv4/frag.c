/* SPDX-License-Identifier: MIT
 * frag.c - what IPv4 adds to reassembly (RFC 791 3.2, RFC 1122 3.3.2): its checks, its header, its ICMP message.
 */
#include "net/ipv4/ip_impl.h"

/* What a single fragment can have wrong (RFC 791). */
static bool impossible(const struct ipv4_info *ip, u32 len)
{
	return !len || (ip->mf && len % 8) || ip->frag_off + len + ip->hdr_len > IPV4_LEN_MAX;
}

static u64 time_s(const struct net_cpu *cpu)
{
	return (u64)cpu->sysctl.ipfrag_time;
}

/* RFC 1122 3.3.2: told to the sender only if the first fragment is here, since only it shows whose
 * datagram it was. */
static void timed_out(struct net_cpu *cpu, struct sk_buff *first)
{
	if (ipv4_af.addr_type(cpu, &first->ip.dst) == ADDR_LOCAL) /* else we waited for the rules' sake, and are not its destination */
		icmp_send(cpu, first, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0);
}

static void finish(struct sk_buff *skb, bool congestion)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)skb->data;

	if (congestion)
		h->tos |= INET_ECN_CE;
	h->frag = be16_of(be16_get(h->frag) & IP_DF); /* of use to a router, which cuts it again as it was */
	h->tot_len = be16_of((u16)skb->len);
	h->check.raw = 0;
	h->check = csum_fold(csum_ip_header(h, skb->ip.hdr_len / 4));
	skb->ip.tos = h->tos;
}

static const struct frag_ops ipv4_frag_ops = {
	.oks = STAT_IpReasmOKs,
	.fails = STAT_IpReasmFails,
	.timeouts = STAT_IpReasmTimeout,
	.time_s = time_s,
	.timed_out = timed_out,
	.finish = finish,
};

enum drop_reason ip_defrag(struct net_cpu *cpu, struct sk_buff **skb, const struct ipv4_info *ip)
{
	struct frag_key key = {
		.src = ip_from_v4(ip->saddr), .dst = ip_from_v4(ip->daddr), .id = ip->id, .proto = ip->proto
	};

	STAT(cpu, IpReasmReqds);
	if (impossible(ip, (*skb)->len - ip->hdr_len)) {
		STAT(cpu, IpReasmFails);
		return DROP(FRAG_HDR);
	}
	return frag_rcv(cpu, skb, &key, ip->frag_off, ip->mf, &ipv4_frag_ops);
}
