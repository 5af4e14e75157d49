/* SPDX-License-Identifier: MIT
 * ct_flow.c - the flow cache: packets of an established connection that would pass all hooks as the one before them did are
 * translated and sent on without walking there. Runs in net_rx.
 *
 * Nothing is asked for it and no rule sees a difference. A flow is cached when one of its packets went from device to device
 * and on its way met only rules that look at addresses, ports, protocol, devices and the state of the connection, none of
 * which changes from here on, and had no counter, limit, log or mark to touch. It is asked again when rules, routes,
 * neighbours or addresses change. What ends a connection (SYN, FIN, RST), options, fragments, what is too big or has no hop
 * left goes the long way, and so do checks that a packet can fail.
 */
#include "net/netfilter/ct_impl.h"
#include "net/core/gso.h"
#include "net/link/neigh.h"
#include "net/wire/udp.h"

#define TTL_LESS 0xfffeu /* what the sum of a header gains by one hop less: the TTL is a word's first byte */

/* ---- learning ---- */
/* May packets of this direction be cached from now on? */
static bool is_settled(const struct nf_conn *ct, u8 proto)
{
	return proto == IPPROTO_TCP ? ct->tcp_state == CT_TCP_ESTABLISHED && ct->assured :
				      proto == IPPROTO_UDP && ct->seen_reply;
}

static u32 added(u32 delta, u32 from, u32 to) { return csum_add(csum_add(delta, ~from), to); }
static u32 added16(u32 delta, be16 from, be16 to)
{
	return csum_add(csum_add(delta, (u16)~from.raw), to.raw);
}

static void fill_rewrite(struct ct_flow *f, const struct ct_tuple *from, const struct ct_tuple *to)
{
	u32 d = added(0, ip_v4(&from->src).raw, ip_v4(&to->src).raw);

	d = added(d, ip_v4(&from->dst).raw, ip_v4(&to->dst).raw);
	f->saddr = ip_v4(&to->src);
	f->daddr = ip_v4(&to->dst);
	f->sport = to->sport;
	f->dport = to->dport;
	f->ip_delta = csum_add(d, TTL_LESS);
	f->l4_delta = added16(added16(d, from->sport, to->sport), from->dport, to->dport);
}

void ct_flow_learn(struct net_cpu *cpu, struct sk_buff *skb, struct net_device *in)
{
	struct nf_conn *ct = nfct_get(skb);
	enum ct_dir dir = nfct_dir(skb);
	struct ct_end *e = &ct->end[dir];
	struct ct_tuple to;
	struct flow fl = { .dst = skb->ip.dst };

	if (e->flow.gen == cpu->ct->flow_gen && dst_valid(cpu, &e->flow.dst) && e->flow.in == in)
		return;
	if (cpu->ct->walk.ct != ct || !cpu->ct->walk.cacheable || (nfct_info(skb) & (INFO_NEW | INFO_RELATED)) ||
	    !is_settled(ct, e->tuple.proto) || cpu->sysctl.rp_filter || !ip_is_v4(&e->tuple.src))
		return;
	e->flow.gen = 0;
	if (ipv4_af.route(cpu, &fl, &e->flow.dst) || (e->flow.dst.dev->link->addr_len && !e->flow.dst.neigh))
		return;
	to = ct_invert(&ct->end[!dir].tuple);
	fill_rewrite(&e->flow, &e->tuple, &to);
	e->flow.in = in;
	e->flow.gen = cpu->ct->flow_gen;
}

/* ---- using ---- */
static inline bool is_usable(struct net_cpu *cpu, const struct sk_buff *skb, const struct ipv4_hdr *h,
			     const struct ct_flow *f)
{
	const struct neigh *n = f->dst.neigh;

	return f->gen == cpu->ct->flow_gen && dst_valid(cpu, &f->dst) && f->in == skb->dev && h->ttl > 1 &&
	       skb->len <= f->dst.mtu && (!n || n->state == NEIGH_REACHABLE) && skb->pkt_type == PACKET_HOST &&
	       !skb->gso_size && !skb->cloned && cpu->sysctl.ip_forward && !cpu->sysctl.rp_filter &&
	       (likely(skb->ip_summed != CHECKSUM_PARTIAL) || skb_offload_fits(skb, IPV4_HLEN));
}

static inline be16 rewritten_sum(const struct sk_buff *skb, be16 check, const struct ct_flow *f)
{
	if (likely(skb->ip_summed != CHECKSUM_PARTIAL))
		return nat_csum(check, f->l4_delta);
	return nat_csum_partial(check, csum_sub(f->ip_delta, TTL_LESS));
}

static inline void rewrite_transport(const struct sk_buff *skb, u8 proto, u8 *t, const struct ct_flow *f)
{
	struct udp_hdr *u = (struct udp_hdr *)t;

	memcpy(t, &f->sport, 2);
	memcpy(t + 2, &f->dport, 2);
	if (proto == IPPROTO_TCP) {
		((struct tcp_hdr *)t)->csum = rewritten_sum(skb, ((struct tcp_hdr *)t)->csum, f);
	} else if (u->check.raw || skb->ip_summed == CHECKSUM_PARTIAL) {
		u->check = rewritten_sum(skb, u->check, f);
		if (!u->check.raw && skb->ip_summed != CHECKSUM_PARTIAL)
			u->check.raw = 0xffff;
	}
}

/* The flow's connection goes on, by a packet that changes no state. 0: it may change one. */
static inline u64 advance(struct nf_conn *ct, struct ct_end *e, const u8 *t)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)t;

	if (e->tuple.proto == IPPROTO_UDP)
		return ct_advance_datagram(ct);
	if ((h->flags & ~TCP_PSH) != TCP_ACK || ct->tcp_state != CT_TCP_ESTABLISHED || h->doff < 5 << 4)
		return 0;
	return ct_advance_established(ct, (seq_t){ be32_get(h->ack) }, e->dir);
}

static struct ct_end *find_flow(struct net_cpu *cpu, const struct ipv4_hdr *h, const u8 *ports)
{
	struct ct_tuple t = { .src = ip_from_v4(h->saddr), .dst = ip_from_v4(h->daddr), .proto = h->proto };

	memcpy(&t.sport, ports, 2);
	memcpy(&t.dport, ports + 2, 2);
	return ct_find(cpu, &t, ct_tuple_hash(cpu, &t));
}

static enum drop_reason send_on(struct net_cpu *cpu, struct sk_buff *skb, struct ct_end *e)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)skb->data;
	struct ct_flow *f = &e->flow;

	e->packets++;
	e->bytes += skb->len;
	cpu->ct->stats.found++;
	cpu->ct->stats.flow++;
	if (ct_of(e)->nat)
		rewrite_transport(skb, h->proto, skb->data + IPV4_HLEN, f);
	h->ttl--;
	h->check = nat_csum(h->check, f->ip_delta);
	h->saddr = f->saddr;
	h->daddr = f->daddr;
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		skb->ip_summed = CHECKSUM_NONE;
	skb->tstamp_ns = 0; /* on the way out: leave at once */
	skb->nfct = NULL;
	STAT(cpu, IpForwDatagrams);
	STAT_ADD(cpu, IpExtOutOctets, skb->len);
	neigh_xmit(cpu, skb, &f->dst);
	return SKB_CONSUMED;
}

enum drop_reason ct_flow_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb->data;
	unsigned need = h->proto == IPPROTO_TCP ? IPV4_HLEN + TCP_HDR_LEN : IPV4_HLEN + UDP_HLEN;
	u32 tot_len = be16_get(h->tot_len);
	struct ct_end *e;
	u64 timeout;

	if (!ct_has_ports(h->proto) || skb_headlen(skb) < need || tot_len < need || tot_len > skb->len)
		return RX_OK;
	if (tot_len < skb->len) /* padded by the link */
		skb_trim(cpu, skb, tot_len);
	e = find_flow(cpu, h, skb->data + IPV4_HLEN);
	if (!e || !is_usable(cpu, skb, h, &e->flow))
		return RX_OK;
	timeout = advance(ct_of(e), e, skb->data + IPV4_HLEN);
	if (unlikely(!timeout))
		return RX_OK;
	ct_refresh(ct_of(e), timeout);
	return send_on(cpu, skb, e);
}
