/* SPDX-License-Identifier: MIT
 * nft_reject.c - a refused packet's sender is told: an ICMP error, or a reset made as RFC 9293 3.10.7.1 says.
 */
#include "net/netfilter/nft_impl.h"
#include "net/ipv4/icmp.h"
#include "net/ipv4/ip.h"
#include "net/ipv6/icmp6.h"
#include "net/wire/tcp.h"

/* The header of the reset that answers `seg`; its sum is complete. */
static void fill_reset(struct tcp_hdr *h, const struct tcp_seg *seg, const struct flow *fl)
{
	bool acked = seg->flags & TCP_ACK;

	*h = (struct tcp_hdr){
		.sport = be16_of(seg->dport),
		.dport = be16_of(seg->sport),
		.seq = be32_of(acked ? seg->ack.v : 0),
		.ack = be32_of(acked ? 0 : seg->end.v),
		.doff = TCP_HDR_LEN / 4 << 4,
		.flags = acked ? TCP_RST : TCP_RST | TCP_ACK,
	};
	h->csum = csum_fold(csum_partial(h, TCP_HDR_LEN,
					 af_of(&fl->dst)->pseudo_sum(&fl->src, &fl->dst, IPPROTO_TCP, TCP_HDR_LEN)));
}

/* The other end of the flow says it, whether that is us or not. */
static void send_reset(struct net_cpu *cpu, struct sk_buff *about)
{
	struct flow fl = { .dst = about->ip.src, .proto = IPPROTO_TCP, .df = true };
	unsigned hdr_len = about->ip.hdr_len;
	struct sk_buff *skb;
	struct tcp_seg seg;
	struct dst dst;

	if (!skb_may_pull(cpu, about, hdr_len + TCP_HDR_LEN) ||
	    !tcp_parse(about->data + hdr_len, skb_headlen(about) - hdr_len, about->len - hdr_len, &seg) ||
	    (seg.flags & TCP_RST) || af_of(&fl.dst)->route(cpu, &fl, &dst))
		return;
	skb = alloc_skb(cpu, SKB_HEADROOM);
	if (!skb)
		return;
	fl.src = about->ip.dst;
	fill_reset((struct tcp_hdr *)skb_put(skb, TCP_HDR_LEN), &seg, &fl);
	af_of(&fl.dst)->xmit(cpu, skb, &fl, &dst);
}

/* A rule that names a code of IPv4's says: a port, or by an administrator's will. */
static void reject6(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, const struct nft_rule *r)
{
	u8 code = r->reject6 ? r->reject_code : r->reject_code == ICMP_PORT_UNREACH ? ICMPV6_PORT_UNREACH : ICMPV6_ADM_PROHIBITED;

	if (hook == NF_LOCAL_OUT)
		icmp6_report(cpu, skb, ICMPV6_DEST_UNREACH, code, 0);
	else if (hook == NF_LOCAL_IN || hook == NF_FORWARD)
		icmp6_send(cpu, skb, ICMPV6_DEST_UNREACH, code, 0);
}

void nft_reject(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, const struct nft_rule *r)
{
	struct inet_cb cb = skb->ip; /* icmp_report() writes what it quotes over it */

	if (r->reject_rst)
		send_reset(cpu, skb);
	else if (!ip_is_v4(&skb->ip.dst))
		reject6(cpu, skb, hook, r);
	else if (hook == NF_LOCAL_OUT)
		icmp_report(cpu, skb, ICMP_DEST_UNREACH, r->reject_code, 0);
	else if (hook == NF_LOCAL_IN || hook == NF_FORWARD)
		icmp_send(cpu, skb, ICMP_DEST_UNREACH, r->reject_code, 0);
	skb->ip = cb;
}
