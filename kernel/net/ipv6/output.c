/* SPDX-License-Identifier: MIT
 * output.c - IPv6 on its way out: header, LOCAL_OUT, POST_ROUTING, fragments, neighbour (RFC 8200, RFC 6437, RFC 7739).
 *
 * Owns the counters of fragment identifications: each picked by a keyed hash of the addresses, so that values repeat late
 * and tell nothing of other traffic. Atomic fragments are never made (RFC 8021). The flow label is a keyed function of the
 * flow (RFC 6437 3), so that a path can be chosen by it and nobody can foretell it.
 */
#include "net/ipv6/ip6_impl.h"
#include "net/core/netfilter.h"

struct ip6_out {               /* what the header says; inlined functions alone take its address: it lives in registers */
	const struct ip_addr *saddr, *daddr;
	u32 word;              /* the first one, host order */
	u8 proto, hops;
	bool df;               /* never in fragments, not even by us */
};

static inline void push_header(struct sk_buff *skb, const struct ip6_out *o)
{
	u32 len = skb->len;
	struct ipv6_hdr *h = (struct ipv6_hdr *)skb_push(skb, IPV6_HLEN);

	skb_reset_network_header(skb);
	h->ver_tc_flow = be32_of(o->word);
	h->payload_len = be16_of((u16)len);
	h->nexthdr = o->proto;
	h->hop_limit = o->hops;
	memcpy(h->saddr, o->saddr, 16);
	memcpy(h->daddr, o->daddr, 16);
}

static __noinline void too_long(struct net_cpu *cpu, struct sk_buff *skb, const struct dst *dst, u32 mtu, bool df)
{
	struct dst way = *dst; /* may be a slot of the cache, and what follows may ask for routes */

	way.mtu = mtu;
	if (!df) {
		ip6_fragment(cpu, skb, &way);
		return;
	}
	STAT(cpu, Ip6FragFails);
	icmp6_report(cpu, skb, ICMPV6_PKT_TOOBIG, 0, way.mtu);
	out_drop(cpu, skb, DROP(PKT_TOO_BIG));
}

/* A rule says no: it died, or is the rule's own now (RFC 4293, ipSystemStatsOutDiscards). */
static __cold void refused(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason r)
{
	STAT(cpu, Ip6OutDiscards);
	FLOW(cpu, OutDropped);
	if (r != SKB_CONSUMED)
		kfree_skb_reason(cpu, skb, r);
}

/* What is forwarded was measured before; rules may have let it grow. What they had put together goes on in pieces no larger
 * than those that came. */
void ip6_finish_output(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst, struct net_device *in)
{
	u32 came = in ? skb->ip.frag_max : 0, mtu = came ? MIN(came, dst->mtu) : dst->mtu;
	enum drop_reason r;

	skb->dev = dst->dev;
	r = nf_hook(cpu, skb, NF_POST_ROUTING, in, dst->dev);
	if (r) {
		refused(cpu, skb, r);
	} else if (skb->len > mtu && !skb->gso_size) {
		too_long(cpu, skb, dst, mtu, in && !came);
	} else {
		neigh_xmit(cpu, skb, dst);
	}
}

/* Hooks see skb->ip too, and where LOCAL_OUT rewrote the destination the way is looked for again. */
static __noinline void send_hooked(struct net_cpu *cpu, struct sk_buff *skb, const struct dst *dst)
{
	const struct ipv6_hdr *h = (const struct ipv6_hdr *)skb->data;
	struct dst way = *dst; /* the socket's own stays as it is */
	struct ip_addr to;
	enum drop_reason r;

	memcpy(&to, h->daddr, 16);
	skb->ip = (struct inet_cb){
		.dst = to, .proto = h->nexthdr, .tos = (u8)(be32_get(h->ver_tc_flow) >> 20), .ttl = h->hop_limit,
		.addr_type = dst->type, .hdr_len = IPV6_HLEN,
	};
	memcpy(&skb->ip.src, h->saddr, 16);
	skb->dev = dst->dev;
	r = nf_hook(cpu, skb, NF_LOCAL_OUT, NULL, dst->dev);
	if (!r) {
		ip6_reload_cb(skb);
		if (!ip_eq(&skb->ip.dst, &to)) {
			struct flow again = { .dst = skb->ip.dst, .src = skb->ip.src, .mark = skb->mark };

			if (ip6_route_output(cpu, &again, &way))
				r = DROP(IP_OUTNOROUTES);
		}
	}
	if (!r)
		ip6_finish_output(cpu, skb, &way, NULL);
	else
		refused(cpu, skb, r);
}

static inline void send(struct net_cpu *cpu, struct sk_buff *skb, const struct ip6_out *o, struct dst *dst)
{
	if (unlikely(skb->len > IPV6_LEN_MAX)) {
		STAT(cpu, Ip6OutDiscards);
		kfree_skb_reason(cpu, skb, DROP(PKT_TOO_BIG));
		return;
	}
	push_header(skb, o);
	skb->protocol = ETH_P_IPV6;
	STAT(cpu, Ip6OutRequests);
	STAT_ADD(cpu, Ip6OutOctets, skb->len);
	if (unlikely(dst->type == ADDR_MULTICAST))
		STAT(cpu, Ip6OutMcastPkts);
	if (unlikely(cpu->nf->nr[NF_LOCAL_OUT] | cpu->nf->nr[NF_POST_ROUTING]))
		send_hooked(cpu, skb, dst);
	else if (unlikely(skb->len > dst->mtu && !skb->gso_size))
		too_long(cpu, skb, dst, dst->mtu, o->df);
	else
		neigh_xmit(cpu, skb, dst);
}

static inline struct ip6_out out_of_flow(const struct net_cpu *cpu, const struct flow *fl, const struct dst *dst)
{
	return (struct ip6_out){
		.saddr = &fl->src,
		.daddr = &fl->dst,
		.word = ip6_first_word(cpu, fl->tos, &fl->src, &fl->dst, fl->proto),
		.proto = fl->proto,
		.hops = ip6_hops(cpu, dst, fl->ttl),
		.df = fl->df,
	};
}

static inline struct ip6_out out_of_sock(const struct sock *sk)
{
	return (struct ip6_out){
		.saddr = &sk->saddr,
		.daddr = &sk->daddr,
		.word = ip6_first_word(sk->cpu, sk->tos, &sk->saddr, &sk->daddr, (u32)sk->sport << 16 | sk->dport),
		.proto = sk->protocol,
		.hops = ip6_hops(sk->cpu, &sk->dst, sk->ttl),
		.df = true,
	};
}

void ip6_xmit(struct net_cpu *cpu, struct sk_buff *skb, const struct flow *fl, struct dst *dst)
{
	struct ip6_out o = out_of_flow(cpu, fl, dst);

	send(cpu, skb, &o, dst);
}

void ip6_xmit_sock(struct sock *sk, struct sk_buff *skb, bool df)
{
	struct ip6_out o = out_of_sock(sk);

	if (unlikely(sk->priority))
		skb->priority = sk->priority;
	o.df = df;
	send(sk->cpu, skb, &o, &sk->dst);
}

u32 ip6_sock_word(const struct sock *sk)
{
	return ip6_word(&sk->saddr, &sk->daddr, (u32)sk->sport << 16 | sk->dport, &sk->cpu->net->port_key);
}

u32 ip6_put_flow_header(struct net_cpu *cpu, const struct flow *fl, const struct dst *dst, u8 *at, u32 len)
{
	struct ip6_out o = out_of_flow(cpu, fl, dst);
	struct ip_addr saddr = *o.saddr, daddr = *o.daddr; /* what is written may be anything, so says C */
	u32 sum = ip6_pseudo_sum(&saddr, &daddr, o.proto, len);
	struct __packed header {
		u32 word;
		u16 payload_len;
		u8 nexthdr, hop_limit;
		struct ip_addr saddr, daddr;
	} *h = (struct header *)at - 1;

	_Static_assert(sizeof(*h) == IPV6_HLEN, "RFC 8200 3");
	STAT(cpu, Ip6OutRequests);
	STAT_ADD(cpu, Ip6OutOctets, len + IPV6_HLEN);
	h->hop_limit = o.hops;
	h->nexthdr = o.proto;
	h->word = be32_of(o.word).raw;
	h->payload_len = be16_of((u16)len).raw;
	h->saddr = saddr;
	h->daddr = daddr;
	return sum;
}

void ip6_xmit_datagram(struct sock *sk, struct sk_buff *skb, const struct ip_addr *saddr, const struct ip_addr *daddr,
		       struct dst *dst, bool df)
{
	struct ip6_out o = { .saddr = saddr, .daddr = daddr, .proto = sk->protocol, .hops = ip6_hops(sk->cpu, dst, sk->ttl), .df = df };
	u32 ports;

	memcpy(&ports, skb->data, sizeof(ports));
	o.word = ip6_first_word(sk->cpu, sk->tos, saddr, daddr, ports);
	send(sk->cpu, skb, &o, dst);
}

/* ---- fragments (RFC 8200 4.5) ---- */
struct fragmenter {
	struct net_cpu *cpu;
	struct sk_buff *skb;   /* the whole, header at data */
	struct dst *dst;
	u32 id;
	unsigned hdr_len;      /* of what each piece begins with: ours have the IPv6 header alone */
	unsigned named;        /* where the header that comes next is named */
};

/* RFC 8200 4.5, the per-fragment headers: up to hop-by-hop options or the last routing header. */
static void find_per_fragment(struct fragmenter *f)
{
	const u8 *p = f->skb->data;
	unsigned off = IPV6_HLEN, named = offsetof(struct ipv6_hdr, nexthdr), n = 0;

	f->hdr_len = off;
	f->named = named;
	while (ipv6_ext_has_len(p[named]) && n++ < IPV6_EXT_MAX && off + 8 <= skb_headlen(f->skb)) {
		bool kept = p[named] == NEXTHDR_HOP || p[named] == NEXTHDR_ROUTING;

		named = off;
		off += (p[off + 1] + 1u) * 8;
		if (off > skb_headlen(f->skb))
			return;
		if (kept) {
			f->hdr_len = off;
			f->named = named;
		}
	}
}

static bool add_payload(const struct fragmenter *f, struct sk_buff *to, unsigned off, unsigned len)
{
	if (len > skb_tailroom(to))
		return skb_share(f->cpu, to, f->skb, f->hdr_len + off, len);
	STAT_ADD(f->cpu, CopyOutBytes, len);
	return !skb_copy_bits(f->skb, f->hdr_len + off, skb_put(to, len), len);
}

static bool send_fragment(const struct fragmenter *f, unsigned off, unsigned len)
{
	bool last = off + len == f->skb->len - f->hdr_len;
	struct sk_buff *to = alloc_skb(f->cpu, SKB_HEADROOM);
	struct ipv6_frag_hdr *h;
	struct ipv6_hdr *ip;

	if (!to)
		return false;
	ip = (struct ipv6_hdr *)skb_put(to, f->hdr_len);
	memcpy(ip, f->skb->data, f->hdr_len);
	((u8 *)ip)[f->named] = NEXTHDR_FRAGMENT;
	ip->payload_len = be16_of((u16)(f->hdr_len - IPV6_HLEN + IPV6_FRAG_HLEN + len));
	h = (struct ipv6_frag_hdr *)skb_put(to, IPV6_FRAG_HLEN);
	*h = (struct ipv6_frag_hdr){ .nexthdr = f->skb->data[f->named], .off_m = be16_of((u16)(off | !last)), .id = be32_of(f->id) };
	if (!add_payload(f, to, off, len)) {
		consume_skb(f->cpu, to);
		return false;
	}
	to->network_header = (u16)((u8 *)ip - to->head);
	to->protocol = ETH_P_IPV6;
	to->mark = f->skb->mark;
	to->priority = f->skb->priority;
	to->tstamp_ns = f->skb->tstamp_ns;
	to->ip = f->skb->ip;
	STAT(f->cpu, Ip6FragCreates);
	neigh_xmit(f->cpu, to, f->dst);
	return true;
}

/* CPUs share the numbers of a destination: each takes every nr_cpus-th. */
static u32 next_id(struct net_cpu *cpu, const u8 *addrs)
{
	u64 q[4];
	u32 h, n;

	memcpy(q, addrs, sizeof(q));
	h = (u32)siphash_3u64(siphash_2u64(q[0], q[1], &cpu->net->port_key), q[2], q[3], &cpu->net->port_key);
	n = cpu->ip6->ids[h % IP6_ID_SLOTS]++;
	return h + n * cpu->net->nr_cpus + cpu->id;
}

void ip6_fragment(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst)
{
	struct fragmenter f = { .cpu = cpu, .skb = skb, .dst = dst };
	unsigned chunk, left, nr = 0;

	find_per_fragment(&f);
	chunk = (dst->mtu - f.hdr_len - IPV6_FRAG_HLEN) & ~7u;
	left = skb->len - f.hdr_len;
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		skb_checksum_help(cpu, skb);
	f.id = next_id(cpu, ((const struct ipv6_hdr *)skb->data)->saddr);
	for (unsigned off = 0, n; left; off += n, left -= n, nr++) {
		n = MIN(chunk, left);
		if (!send_fragment(&f, off, n)) {
			STAT(cpu, Ip6FragFails);
			out_drop(cpu, skb, DROP(NOMEM));
			return;
		}
	}
	STAT(cpu, Ip6FragOKs);
	STAT_ADD(cpu, Ip6OutOctets, nr * (f.hdr_len + IPV6_FRAG_HLEN) - f.hdr_len); /* the whole is counted */
	consume_skb(cpu, skb);
}
