/* SPDX-License-Identifier: MIT
 * output.c - IPv4 on its way out: header, LOCAL_OUT, POST_ROUTING, fragments, neighbour (RFC 791,
 * RFC 1122 3.2.1, RFC 6864).
 *
 * Owns the counters of the identification field. A datagram that may not be fragmented on its way
 * carries id 0 (it is atomic, RFC 6864 4.1); others take the next value of a counter picked by a
 * keyed hash of source, destination and protocol, so that values repeat late and tell nothing of
 * other traffic (RFC 7739 5.3).
 */
#include "net/ipv4/ip_impl.h"
#include "net/core/gso.h"
#include "net/core/netfilter.h"
#include "net/core/sock.h"

/* CPUs share the numbers of a destination: each takes every nr_cpus-th. */
static u16 next_id(struct net_cpu *cpu, be32 saddr, be32 daddr, u8 proto)
{
	u32 h = hsiphash_3u32(saddr.raw, daddr.raw, proto, &cpu->net->port_key);
	u16 n = cpu->ip->ids[h % IP_ID_SLOTS]++;

	return (u16)((h >> 16) + n * cpu->net->nr_cpus + cpu->id);
}

/* ---- the way down ---- */
static __noinline void output_big(struct net_cpu *cpu, struct sk_buff *skb, const struct dst *dst);
static void output_pieces(struct net_cpu *cpu, struct sk_buff *skb, const struct dst *dst);
static void output_segments(struct net_cpu *cpu, struct sk_buff *skb, const struct dst *dst);

/* POST_ROUTING is behind us. */
static inline void output_routed(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst)
{
	if (unlikely(skb->len > dst->mtu && !skb->gso_size))
		output_big(cpu, skb, dst);
	else
		neigh_xmit(cpu, skb, dst);
}

/* A rule says no: it died, or is the rule's own now (RFC 4293, ipSystemStatsOutDiscards). */
static __cold void refused(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason r)
{
	STAT(cpu, IpOutDiscards);
	FLOW(cpu, OutDropped);
	if (r != SKB_CONSUMED)
		kfree_skb_reason(cpu, skb, r);
}

void ip_finish_output(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst,
		      struct net_device *in)
{
	enum drop_reason r;

	skb->dev = dst->dev;
	r = nf_hook(cpu, skb, NF_POST_ROUTING, in, dst->dev);
	if (unlikely(r))
		refused(cpu, skb, r);
	else if (unlikely(in && skb->ip.frag_max))
		output_pieces(cpu, skb, dst);
	else if (unlikely(in && skb->gso_size && ip_wire_len(skb) > dst->mtu))
		output_segments(cpu, skb, dst);
	else
		output_routed(cpu, skb, dst);
}

/* Hooks are there: they see skb->ip too, and where LOCAL_OUT rewrote the destination the way is
 * looked for again. */
static enum drop_reason local_out_hooks(struct net_cpu *cpu, struct sk_buff *skb, struct ip_out o,
					struct dst *dst)
{
	enum drop_reason r;

	skb->ip = (struct inet_cb){
		.src = ip_from_v4(o.saddr),
		.dst = ip_from_v4(o.daddr),
		.proto = ip_out_proto(o),
		.tos = ip_out_tos(o),
		.ttl = (u8)o.what,
		.addr_type = dst->type,
		.hdr_len = (u16)ipv4_hdr_bytes(skb->data),
	};
	skb->dev = dst->dev;
	r = nf_hook(cpu, skb, NF_LOCAL_OUT, NULL, dst->dev);
	if (r)
		return r;
	ip_reload_cb(skb);
	if (!be32_eq(ip_v4(&skb->ip.dst), o.daddr)) {
		struct flow again = { .dst = skb->ip.dst, .src = skb->ip.src, .mark = skb->mark };

		if (ip_route_output(cpu, &again, dst))
			return DROP(IP_OUTNOROUTES);
	}
	return RX_OK;
}

static __noinline void send_hooked(struct net_cpu *cpu, struct sk_buff *skb, struct ip_out o,
				   const struct dst *dst)
{
	struct dst way = *dst; /* the socket's own stays as it is */
	enum drop_reason r = local_out_hooks(cpu, skb, o, &way);

	if (!r)
		ip_finish_output(cpu, skb, &way, NULL);
	else
		refused(cpu, skb, r);
}

/* The header stands: hooks and the way down. */
static __force_inline void go(struct net_cpu *cpu, struct sk_buff *skb, be32 saddr, be32 daddr, u32 what,
			       struct dst *dst)
{
	skb->protocol = ETH_P_IP;
	STAT(cpu, IpOutRequests);
	STAT_ADD(cpu, IpExtOutOctets, skb->len);
	if (unlikely(cpu->nf->nr[NF_LOCAL_OUT] | cpu->nf->nr[NF_POST_ROUTING]))
		send_hooked(cpu, skb, (struct ip_out){ saddr, daddr, what }, dst);
	else
		output_routed(cpu, skb, dst);
}

static __force_inline void send_with_id(struct net_cpu *cpu, struct sk_buff *skb, be32 saddr, be32 daddr, u32 what,
					 struct dst *dst, u16 id)
{
	u32 len = skb->len + IPV4_HLEN;

	if (unlikely(len > IPV4_LEN_MAX)) {
		STAT(cpu, IpOutDiscards);
		kfree_skb_reason(cpu, skb, DROP(PKT_TOO_BIG));
		return;
	}
	ip_push_header(skb, saddr, daddr, what, id);
	go(cpu, skb, saddr, daddr, what, dst);
}

/* Broadcasts and multicasts come here too: they are never sent with DF. */
static __noinline void send_not_atomic(struct net_cpu *cpu, struct sk_buff *skb, struct ip_out o,
				       struct dst *dst)
{
	if (dst->type == ADDR_MULTICAST)
		STAT(cpu, IpExtOutMcastPkts);
	else if (dst->type == ADDR_BROADCAST)
		STAT(cpu, IpExtOutBcastPkts);
	send_with_id(cpu, skb, o.saddr, o.daddr, o.what, dst, next_id(cpu, o.saddr, o.daddr, ip_out_proto(o)));
}

void ip_send_options(struct net_cpu *cpu, struct sk_buff *skb, struct ip_out o, struct dst *dst, const u8 *opts,
		     unsigned len)
{
	struct ipv4_hdr *h;

	if (skb->len + IPV4_HLEN + len > IPV4_LEN_MAX) {
		STAT(cpu, IpOutDiscards);
		kfree_skb_reason(cpu, skb, DROP(PKT_TOO_BIG));
		return;
	}
	memcpy(skb_push(skb, len), opts, len);
	ip_push_header(skb, o.saddr, o.daddr, o.what, ip_out_df(o) ? 0 : next_id(cpu, o.saddr, o.daddr, ip_out_proto(o)));
	h = (struct ipv4_hdr *)skb->data;
	h->ver_ihl = (u8)(0x45 + len / 4);
	h->check.raw = 0;
	h->check = csum_fold(csum_ip_header(h, (IPV4_HLEN + len) / 4));
	go(cpu, skb, o.saddr, o.daddr, o.what, dst);
}

void ip_send(struct net_cpu *cpu, struct sk_buff *skb, struct ip_out o, struct dst *dst)
{
	if (likely(ip_out_df(o)))
		send_with_id(cpu, skb, o.saddr, o.daddr, o.what, dst, 0);
	else
		send_not_atomic(cpu, skb, o, dst);
}

void ip_xmit(struct net_cpu *cpu, struct sk_buff *skb, const struct flow *fl, struct dst *dst)
{
	ip_send(cpu, skb,
		ip_out_of(cpu, ip_v4(&fl->src), ip_v4(&fl->dst), fl->proto, fl->tos, fl->ttl,
			  fl->df),
		dst);
}

void ip_xmit_sock(struct sock *sk, struct sk_buff *skb, bool df)
{
	struct ip_out o = ip_out_of(sk->cpu, ip_v4(&sk->saddr), ip_v4(&sk->daddr), sk->protocol, sk->tos, sk->ttl, true);

	if (unlikely(sk->priority))
		skb->priority = sk->priority;
	if (likely(df && !sk->dst.no_df))
		send_with_id(sk->cpu, skb, o.saddr, o.daddr, o.what, &sk->dst, 0);
	else
		send_not_atomic(sk->cpu, skb, (struct ip_out){ o.saddr, o.daddr, o.what & 0xffffff }, &sk->dst);
}

/* ---- fragments (RFC 791 3.2) ---- */
struct fragmenter {
	struct net_cpu *cpu;
	struct sk_buff *skb;  /* the whole, header at data */
	struct dst *dst;
	unsigned hdr_len;
	u16 frag;             /* field of the whole: it may be a fragment itself */
};

/* The payload [off, off + len): copied where it fits beside the headers, else by reference. */
static bool add_payload(const struct fragmenter *f, struct sk_buff *to, unsigned off, unsigned len)
{
	if (len > skb_tailroom(to))
		return skb_share(f->cpu, to, f->skb, f->hdr_len + off, len);
	STAT_ADD(f->cpu, CopyOutBytes, len);
	return !skb_copy_bits(f->skb, f->hdr_len + off, skb_put(to, len), len);
}

static void finish_fragment(const struct fragmenter *f, struct sk_buff *to, unsigned off, bool last)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)to->data;
	u16 frag = (u16)(f->frag + off / 8);

	if (off)
		ipv4_options_fragment(to->data, f->hdr_len);
	h->frag = be16_of(last ? frag : frag | IP_MF);
	h->tot_len = be16_of((u16)to->len);
	h->check.raw = 0;
	h->check = csum_fold(csum_ip_header(h, f->hdr_len / 4));
	skb_reset_network_header(to);
	to->protocol = ETH_P_IP;
	to->mark = f->skb->mark;
	to->priority = f->skb->priority;
	to->tstamp_ns = f->skb->tstamp_ns;
	to->ip = f->skb->ip;
}

static bool send_fragment(const struct fragmenter *f, unsigned off, unsigned len)
{
	bool last = off + len == f->skb->len - f->hdr_len;
	struct sk_buff *to = alloc_skb(f->cpu, SKB_HEADROOM);

	if (!to)
		return false;
	memcpy(skb_put(to, f->hdr_len), f->skb->data, f->hdr_len);
	if (!add_payload(f, to, off, len)) {
		consume_skb(f->cpu, to);
		return false;
	}
	finish_fragment(f, to, off, last);
	STAT(f->cpu, IpFragCreates);
	neigh_xmit(f->cpu, to, f->dst);
	return true;
}

static void ip_fragment(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb->data;
	struct fragmenter f = { .cpu = cpu,
				.skb = skb,
				.dst = dst,
				.hdr_len = ipv4_hdr_bytes(skb->data),
				.frag = be16_get(h->frag) };
	unsigned chunk = (dst->mtu - f.hdr_len) & ~7u, left = skb->len - f.hdr_len, off = 0;

	while (left) {
		unsigned n = MIN(chunk, left);

		if (!send_fragment(&f, off, n)) {
			STAT(cpu, IpFragFails);
			out_drop(cpu, skb, DROP(NOMEM));
			return;
		}
		off += n;
		left -= n;
	}
	STAT(cpu, IpFragOKs);
	consume_skb(cpu, skb);
}

static __noinline void output_big(struct net_cpu *cpu, struct sk_buff *skb, const struct dst *dst)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb->data;
	struct dst way = *dst; /* may be a slot of the cache, and what follows may ask for routes */

	if ((be16_get(h->frag) & IP_DF) || way.mtu < IPV4_MTU_MIN) {
		STAT(cpu, IpFragFails);
		icmp_report(cpu, skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, way.mtu);
		out_drop(cpu, skb, DROP(PKT_TOO_BIG));
		return;
	}
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		skb_checksum_help(cpu, skb);
	ip_fragment(cpu, skb, &way);
}

/* Rules had it put together here. It goes on in pieces no larger than those that came, so that whoever sent them small, or
 * with DF to learn the path's MTU, meets the path as it is without us. */
static void output_pieces(struct net_cpu *cpu, struct sk_buff *skb, const struct dst *dst)
{
	struct dst way = *dst;

	if (skb->ip.frag_max > way.mtu) {
		output_big(cpu, skb, dst);
		return;
	}
	way.mtu = skb->ip.frag_max;
	if (skb->len > way.mtu)
		ip_fragment(cpu, skb, &way);
	else
		neigh_xmit(cpu, skb, &way);
}

/* TCP segments that a device had merged, without DF, for a link smaller than each of them: they are fragmented one by one, as if
 * they had come so. */
static __cold void output_segments(struct net_cpu *cpu, struct sk_buff *skb, const struct dst *dst)
{
	struct dst way = *dst;
	struct sk_buff_head segs;
	struct sk_buff *seg;

	skb_queue_init(&segs);
	if (!skb_gso_segment(cpu, skb, &segs)) {
		out_drop(cpu, skb, DROP(NOMEM));
		return;
	}
	FLOW_ADD(cpu, OutSegments, segs.qlen - 1);
	while ((seg = skb_dequeue(&segs))) {
		seg->ip = skb->ip;
		output_routed(cpu, seg, &way);
	}
	consume_skb(cpu, skb);
}
