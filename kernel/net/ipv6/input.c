/* SPDX-License-Identifier: MIT
 * input.c - IPv6 on its way in: checks, hop-by-hop options, PRE_ROUTING, ours or not, the chain of extension headers,
 * reassembly, LOCAL_IN, transport (RFC 8200, RFC 7045, RFC 7112, RFC 8504 5.3).
 *
 * Owns nothing. The chain is walked in the order it has, each header checked before it is read and none twice; its limits
 * are in wire/ipv6.h. A routing header is passed over when it has nothing left to do and refused else, type 0 included
 * (RFC 5095). Authentication and encryption are protocols that nobody here speaks. Hook functions see skb->data at the IPv6
 * header, transports at theirs. Runs in net_rx.
 */
#include "net/ipv6/ip6_impl.h"
#include "net/core/netfilter.h"
#include "net/core/steer.h"
#include "net/core/trace.h"
#include "net/link/ether.h"
#include "net/wire/ipv4.h"

void ip6_fill_cb(struct sk_buff *skb, const struct ipv6_info *ip)
{
	skb->ip = (struct inet_cb){
		.src = ip->saddr,
		.dst = ip->daddr,
		.proto = ip->nexthdr,
		.tos = ip->tclass,
		.ttl = ip->hop_limit,
		.addr_type = ADDR_UNICAST,
		.hdr_len = IPV6_HLEN,
	};
}

void ip6_reload_cb(struct sk_buff *skb)
{
	const struct ipv6_hdr *h = (const struct ipv6_hdr *)skb_network_header(skb);

	memcpy(&skb->ip.src, h->saddr, 16);
	memcpy(&skb->ip.dst, h->daddr, 16);
	skb->ip.ttl = h->hop_limit;
}

/* Nothing is wrong with it, and it goes no further: a rule, a group that nobody joined (RFC 4293, ipSystemStatsInDiscards). */
static __cold enum drop_reason discarded(struct net_cpu *cpu, enum drop_reason r)
{
	STAT(cpu, Ip6InDiscards);
	return r;
}

/* ---- checks ---- */
static __cold enum drop_reason header_fault(struct net_cpu *cpu, enum ipv6_fault fault)
{
	static const enum drop_reason reasons[] = {
		[IPV6_SHORT] = DROP_IP6_SHORT,
		[IPV6_VERSION] = DROP_IP_VERSION,
		[IPV6_TRUNCATED] = DROP_IP6_INHDR,
		[IPV6_JUMBO] = DROP_IP6_INHDR,
	};

	if (fault == IPV6_TRUNCATED)
		STAT(cpu, Ip6InTruncatedPkts);
	else
		STAT(cpu, Ip6InHdrErrors);
	return reasons[fault];
}

static enum drop_reason check_header(struct net_cpu *cpu, struct sk_buff *skb, struct ipv6_info *ip)
{
	enum ipv6_fault fault;

	if (unlikely(!skb_may_pull(cpu, skb, IPV6_HLEN)))
		return header_fault(cpu, IPV6_SHORT);
	fault = ipv6_parse(skb->data, skb_headlen(skb), skb->len, ip);
	if (unlikely(fault))
		return header_fault(cpu, fault);
	if (skb->len > ip->payload_len + (u32)IPV6_HLEN)
		skb_trim(cpu, skb, ip->payload_len + IPV6_HLEN);
	return RX_OK;
}

/* Where no packet of the wire comes from or goes to (RFC 4291 2.4, 2.5.2, 2.5.3, 2.5.5.2, 2.7). */
static enum drop_reason check_addresses(struct net_cpu *cpu, const struct sk_buff *skb, const struct ipv6_info *ip)
{
	bool lo = skb->dev->flags & IFF_LOOPBACK;

	if (ip6_is_multicast(&ip->saddr) || ip_is_v4(&ip->saddr) || (!lo && ip6_is_loopback(&ip->saddr)))
		return DROP(IP_INVALID_SOURCE);
	if (!lo && ip6_local_find(cpu, &ip->saddr))
		return DROP(IP_INVALID_SOURCE);
	if (ip6_is_unspecified(&ip->daddr) || ip_is_v4(&ip->daddr) || (!lo && ip6_is_loopback(&ip->daddr)))
		return DROP(IP_INVALID_DEST);
	if (ip6_is_multicast(&ip->daddr) && !lo && (ip->daddr.b[1] & 15) < 2)
		return DROP(IP_INVALID_DEST);
	return RX_OK;
}

/* ---- the chain ---- */
struct walk {
	unsigned off;   /* of the header that comes next */
	unsigned named; /* where its type stands */
	u8 nexthdr;
	u8 nr;
};

static enum drop_reason problem(struct net_cpu *cpu, struct sk_buff *skb, u8 code, unsigned at)
{
	STAT(cpu, Ip6InHdrErrors);
	icmp6_send(cpu, skb, ICMPV6_PARAMPROB, code, at);
	return DROP(IP6_EXTHDR);
}

/* The extension header that comes next is linear, all of it: its length in *len. */
static bool header_at(struct net_cpu *cpu, struct sk_buff *skb, const struct walk *w, unsigned *len)
{
	if (w->nr >= IPV6_EXT_MAX || !skb_may_pull(cpu, skb, w->off + 8))
		return false;
	*len = w->nexthdr == NEXTHDR_FRAGMENT ? IPV6_FRAG_HLEN : (skb->data[w->off + 1] + 1u) * 8;
	return w->off + *len - IPV6_HLEN <= IPV6_EXT_BYTES_MAX && skb_may_pull(cpu, skb, w->off + *len);
}

static void step(const struct sk_buff *skb, struct walk *w, unsigned len)
{
	w->named = w->off;
	w->nexthdr = skb->data[w->off];
	w->off += len;
	w->nr++;
}

static enum drop_reason rcv_options(struct net_cpu *cpu, struct sk_buff *skb, const struct walk *w, unsigned len)
{
	unsigned bad = 0;

	switch (ipv6_options_walk(skb->data + w->off, len, w->nexthdr == NEXTHDR_HOP, &bad)) {
	case IPV6_OPT_OK:
		return RX_OK;
	case IPV6_OPT_MALFORMED:
	case IPV6_OPT_DISCARD:
		break;
	case IPV6_OPT_REPORT_UNICAST:
		if (ip6_is_multicast(&skb->ip.dst))
			break;
		/* fall through */
	case IPV6_OPT_REPORT:
		icmp6_send(cpu, skb, ICMPV6_PARAMPROB, ICMPV6_UNK_OPTION, w->off + bad);
	}
	STAT(cpu, Ip6InHdrErrors);
	return DROP(IP6_OPTIONS);
}

/* RFC 8200 4.4: whatever its type, it is passed over when no segments are left. */
static enum drop_reason rcv_routing(struct net_cpu *cpu, struct sk_buff *skb, const struct walk *w)
{
	return skb->data[w->off + 3] ? problem(cpu, skb, ICMPV6_HDR_FIELD, w->off + 2) : RX_OK;
}

/* RFC 7112: all headers up to the transport's are in the first fragment. */
static bool chain_is_whole(struct net_cpu *cpu, struct sk_buff *skb, unsigned at)
{
	unsigned off = at + IPV6_FRAG_HLEN, need;
	u8 nexthdr = skb->data[at];

	skb_may_pull(cpu, skb, MIN(skb->len, off + 256u));
	if (!ipv6_skip_ext(skb->data, skb_headlen(skb), &nexthdr, &off, NULL))
		return false;
	need = nexthdr == IPPROTO_TCP ? 20 : nexthdr == IPPROTO_UDP || nexthdr == IPPROTO_ICMPV6 ? 8 : 0;
	return skb->len >= off + need;
}

static enum drop_reason local_in(struct net_cpu *cpu, struct sk_buff *skb, enum addr_type type);

static void whole_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = steer_skb(msg);

	FLOW(cpu, Ip6MovedIn);
	steer_end(cpu, skb, local_in(cpu, skb, (enum addr_type)skb->ip.addr_type));
}

/* A fragment header. RX_OK: go on behind it in *skb, which may be another skb now (then *whole). */
static enum drop_reason rcv_fragment(struct net_cpu *cpu, struct sk_buff **skb, struct walk *w, bool *whole)
{
	const struct ipv6_frag_hdr *f = (const struct ipv6_frag_hdr *)((*skb)->data + w->off);
	u16 off_m = be16_get(f->off_m);
	enum drop_reason r;

	if ((*skb)->ip.frag_max) /* fragments of fragments: no sender makes them */
		return problem(cpu, *skb, ICMPV6_UNK_NEXTHDR, w->named);
	if (!(off_m >> 3) && !chain_is_whole(cpu, *skb, w->off))
		return problem(cpu, *skb, ICMPV6_HDR_INCOMP, 0);
	if (!(off_m & 0xfff9)) { /* atomic: nothing to wait for, nobody else's piece to mix up with (RFC 6946) */
		(*skb)->ip.frag_max = (u16)MIN((*skb)->len, 65535u);
		step(*skb, w, IPV6_FRAG_HLEN);
		return RX_OK;
	}
	r = ip6_defrag(cpu, skb, w->off);
	if (r)
		return r;
	if (unlikely(cpu->net->steer->on)) { /* pieces were steered by their addresses: the whole may be another CPU's */
		unsigned owner = steer_frame(cpu, *skb);

		if (owner != cpu->id) {
			FLOW(cpu, Ip6MovedOut);
			return steer_move(cpu, owner, *skb, whole_rcv);
		}
	}
	*whole = true;
	*w = (struct walk){ .off = IPV6_HLEN, .named = 6, .nexthdr = (*skb)->data[6] };
	return RX_OK;
}

/* Walks to the transport's header. *whole: *skb is another one than ours, the caller's now. */
static enum drop_reason walk_chain(struct net_cpu *cpu, struct sk_buff **skb, struct walk *w, bool *whole)
{
	enum drop_reason r = RX_OK;

	while (ipv6_ext_has_len(w->nexthdr) || w->nexthdr == NEXTHDR_FRAGMENT) {
		unsigned len;

		if (w->nexthdr == NEXTHDR_HOP && w->off != IPV6_HLEN)
			return problem(cpu, *skb, ICMPV6_UNK_NEXTHDR, w->named);
		if (!header_at(cpu, *skb, w, &len)) {
			STAT(cpu, Ip6InHdrErrors);
			return DROP(IP6_EXTHDR);
		}
		if (w->nexthdr == NEXTHDR_FRAGMENT) {
			r = rcv_fragment(cpu, skb, w, whole);
			if (r)
				return r;
			continue;
		}
		if (w->nexthdr == NEXTHDR_ROUTING)
			r = rcv_routing(cpu, *skb, w);
		else if (w->nexthdr != NEXTHDR_HOP) /* those were looked at before we knew whose packet it is */
			r = rcv_options(cpu, *skb, w, len);
		if (r)
			return r;
		step(*skb, w, len);
	}
	(*skb)->ip.hdr_len = (u16)w->off;
	(*skb)->ip.proto = w->nexthdr;
	return RX_OK;
}

/* ---- delivery ---- */
static enum drop_reason unknown_protocol(struct net_cpu *cpu, struct sk_buff *skb, const struct walk *w)
{
	STAT(cpu, Ip6InUnknownProtos);
	if (w->nexthdr != NEXTHDR_NONE)
		icmp6_send(cpu, skb, ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR, w->named);
	return DROP(IP_NOPROTO);
}

static enum drop_reason deliver(struct net_cpu *cpu, struct sk_buff *skb, const struct walk *w)
{
	const struct inet_protocol *p = net_inet_protocols[w->nexthdr];
	enum drop_reason r = nf_hook(cpu, skb, NF_LOCAL_IN, skb->dev, NULL);

	if (r)
		return discarded(cpu, r);
	if (w->nexthdr != IPPROTO_ICMPV6 && (!p || w->nexthdr == IPPROTO_ICMP))
		return unknown_protocol(cpu, skb, w);
	skb_pull(skb, w->off);
	skb_reset_transport_header(skb);
	STAT(cpu, Ip6InDelivers);
	trace(cpu, TRACE_DELIVER, skb);
	return w->nexthdr == IPPROTO_ICMPV6 ? icmp6_rcv(cpu, skb) : p->rcv(cpu, skb);
}

/* The fragment that completed a packet brought another skb to life: its end is seen to here. */
static enum drop_reason end_of(struct net_cpu *cpu, struct sk_buff *whole, enum drop_reason r)
{
	if (r == RX_OK)
		consume_skb(cpu, whole);
	else if (r != SKB_CONSUMED)
		kfree_skb_reason(cpu, whole, r);
	return SKB_CONSUMED;
}

static enum drop_reason local_in(struct net_cpu *cpu, struct sk_buff *skb, enum addr_type type)
{
	struct walk w = { .off = IPV6_HLEN, .named = 6, .nexthdr = skb->data[6] };
	bool whole = false;
	enum drop_reason r;

	skb->ip.addr_type = (u8)type;
	r = walk_chain(cpu, &skb, &w, &whole);
	if (!r)
		r = deliver(cpu, skb, &w);
	return whole ? end_of(cpu, skb, r) : r;
}

/* ---- whose is it? ---- */
static inline u64 where(const struct net_cpu *cpu, const struct net_device *dev)
{
	return cpu->dst_gen | (u64)dev->ifindex << 32;
}

static struct ip6_pair *pair_slot(struct net_cpu *cpu, const u8 *saddr)
{
	u32 low;

	memcpy(&low, saddr + 12, 4);
	return &cpu->ip6->pairs[low * 0x9e3779b1u >> 26];
}
_Static_assert(IP6_PAIRS == 64, "the shift above");

/* Copies the header's addresses to src and dst, as far as they are the pair's: one word at a time, each in a register once. */
static inline bool pair_is(const struct ip6_pair *p, const struct ipv6_hdr *h, struct ip_addr *src, struct ip_addr *dst)
{
	u64 word;

	for (unsigned i = 0; i < 4; i++) {
		memcpy(&word, (const u8 *)h + offsetof(struct ipv6_hdr, saddr) + 8 * i, 8);
		if (unlikely(p->addrs[i] != word))
			return false;
		(i < 2 ? src : dst)->q[i & 1] = word;
	}
	return true;
}

/* A link-local address is of its own link alone. */
static bool on_its_link(struct net_cpu *cpu, const struct sk_buff *skb)
{
	const struct ip6_local *l;

	if (!ip6_is_link_local(&skb->ip.dst) || skb->dev->flags & IFF_LOOPBACK)
		return true;
	l = ip6_local_find(cpu, &skb->ip.dst);
	return l && l->dev == skb->dev;
}

static enum drop_reason route_input(struct net_cpu *cpu, struct sk_buff *skb)
{
	enum addr_type type = ip6_addr_type(cpu, &skb->ip.dst);

	if (type == ADDR_MULTICAST) {
		STAT(cpu, Ip6InMcastPkts);
		if (ip6_is_member(cpu, skb->dev, &skb->ip.dst))
			return local_in(cpu, skb, type);
		return discarded(cpu, DROP(IP6_NOT_MEMBER));
	}
	if (skb->pkt_type == PACKET_BROADCAST) {
		STAT(cpu, Ip6InAddrErrors);
		return DROP(UNICAST_IN_L2_MULTICAST);
	}
	if (type == ADDR_LOCAL && on_its_link(cpu, skb)) {
		if (skb->pkt_type == PACKET_HOST)
			*pair_slot(cpu, skb->ip.src.b) = (struct ip6_pair){
				.addrs = { skb->ip.src.q[0], skb->ip.src.q[1], skb->ip.dst.q[0], skb->ip.dst.q[1] },
				.where = where(cpu, skb->dev),
			};
		return local_in(cpu, skb, type);
	}
	if (type == ADDR_UNICAST && cpu->sysctl.ip6_forwarding && skb->pkt_type == PACKET_HOST)
		return ip6_forward(cpu, skb);
	STAT(cpu, Ip6InAddrErrors);
	return type == ADDR_UNICAST ? DROP(IP_NOTFORWARDING) : DROP(IP_INVALID_DEST);
}

static inline void count_ecn(struct net_cpu *cpu, u8 tclass)
{
	if (unlikely(tclass & INET_ECN_MASK))
		cpu->stats[STAT_Ip6InECT1Pkts + (tclass & INET_ECN_MASK) - 1]++;
}

/* Where the transport begins, for rules that ask; a chain that is broken is judged later, unless it is one of a piece (RFC
 * 7112). Returns where its fragment header is; 0: it is whole. */
static unsigned find_transport(struct net_cpu *cpu, struct sk_buff *skb, bool *broken)
{
	unsigned off = IPV6_HLEN, fragment;
	u8 nexthdr = skb->data[6];

	skb_may_pull(cpu, skb, MIN(skb->len, (u32)IPV6_HLEN + IPV6_EXT_BYTES_MAX));
	*broken = !ipv6_skip_ext(skb->data, skb_headlen(skb), &nexthdr, &off, &fragment);
	if (!*broken) {
		skb->ip.hdr_len = (u16)off;
		skb->ip.proto = nexthdr;
	}
	return fragment && ((skb->data[fragment + 2] << 8 | skb->data[fragment + 3]) & 0xfff9) ? fragment : 0;
}

static enum drop_reason rcv_hooked(struct net_cpu *cpu, struct sk_buff *skb);

static void hooked_whole_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = steer_skb(msg);

	FLOW(cpu, Ip6MovedIn);
	steer_end(cpu, skb, rcv_hooked(cpu, skb));
}

/* Connections are tracked by whole packets: each piece waits here for the rest. */
static enum drop_reason rcv_hooked_piece(struct net_cpu *cpu, struct sk_buff *skb, unsigned fragment)
{
	enum drop_reason r = ip6_defrag(cpu, &skb, fragment);
	unsigned owner;

	if (r)
		return r;
	owner = cpu->net->steer->on ? steer_frame(cpu, skb) : cpu->id;
	if (owner == cpu->id)
		return end_of(cpu, skb, rcv_hooked(cpu, skb));
	FLOW(cpu, Ip6MovedOut);
	return steer_move(cpu, owner, skb, hooked_whole_rcv);
}

static enum drop_reason rcv_hooked(struct net_cpu *cpu, struct sk_buff *skb)
{
	bool broken;
	unsigned fragment = find_transport(cpu, skb, &broken);
	enum drop_reason r;

	if (unlikely(fragment && cpu->nf->defrag)) {
		if (!broken && !skb->ip.frag_max)
			return rcv_hooked_piece(cpu, skb, fragment);
		STAT(cpu, Ip6InHdrErrors); /* fragments of fragments, or headers in several pieces */
		return DROP(IP6_EXTHDR);
	}
	r = nf_hook(cpu, skb, NF_PRE_ROUTING, skb->dev, NULL);
	if (r)
		return discarded(cpu, r);
	ip6_reload_cb(skb);
	return route_input(cpu, skb);
}

/* Hop-by-hop options are everybody's on the way (RFC 8200 4.3). */
static enum drop_reason rcv_hop_by_hop(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct walk w = { .off = IPV6_HLEN, .named = 6, .nexthdr = NEXTHDR_HOP };
	unsigned len;

	if (header_at(cpu, skb, &w, &len))
		return rcv_options(cpu, skb, &w, len);
	STAT(cpu, Ip6InHdrErrors);
	return DROP(IP6_EXTHDR);
}

static __noinline enum drop_reason rcv_slow(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct ipv6_info ip;
	enum drop_reason r = check_header(cpu, skb, &ip);

	if (r)
		return r;
	r = check_addresses(cpu, skb, &ip);
	if (r) {
		STAT(cpu, Ip6InAddrErrors);
		return r;
	}
	count_ecn(cpu, ip.tclass);
	ip6_fill_cb(skb, &ip);
	if (!cpu->ip6->params[skb->dev->ifindex].up && !(skb->dev->flags & IFF_LOOPBACK))
		return discarded(cpu, DROP(IP6_DISABLED));
	if (ip.nexthdr == NEXTHDR_HOP) {
		r = rcv_hop_by_hop(cpu, skb);
		if (r)
			return r;
	}
	return unlikely(cpu->nf->nr[NF_PRE_ROUTING] | cpu->nf->nr[NF_FORWARD]) ? rcv_hooked(cpu, skb) : route_input(cpu, skb);
}

/* Without extension headers. */
static inline bool is_plain(const struct ipv6_hdr *h)
{
	return (*(const u8 *)h & 0xf0) == 0x60 && (h->nexthdr == IPPROTO_TCP || h->nexthdr == IPPROTO_UDP);
}

/* Of a packet for this host by its link address. */
static inline bool pair_is_known(struct net_cpu *cpu, const struct net_device *dev, const struct ipv6_hdr *h, struct ip_addr *src,
				 struct ip_addr *dst)
{
	const struct ip6_pair *p = pair_slot(cpu, h->saddr);

	return p->where == where(cpu, dev) && pair_is(p, h, src, dst);
}

static inline u8 traffic_class(const struct ipv6_hdr *h) { return (u8)(be32_get(h->ver_tc_flow) >> 20); }

enum drop_reason ip6_rcv_decoded(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct ipv6_hdr *h = (const struct ipv6_hdr *)skb->data;

	skb->ip.proto = h->nexthdr;
	skb->ip.tos = traffic_class(h);
	skb->ip.ttl = h->hop_limit;
	skb->ip.addr_type = ADDR_LOCAL;
	skb->ip.hdr_len = IPV6_HLEN;
	skb->ip.frag_max = 0;
	skb->data += IPV6_HLEN; /* linear, as was checked */
	skb->len -= IPV6_HLEN;
	skb_reset_transport_header(skb);
	return net_inet_protocols[h->nexthdr]->rcv(cpu, skb);
}

/* A checked packet of `total` bytes, for us; its addresses are in skb->ip. */
static __force_inline enum drop_reason to_transport(struct net_cpu *cpu, struct sk_buff *skb, const struct ipv6_hdr *h, u32 total)
{
	skb->len = total;
	count_ecn(cpu, traffic_class(h));
	STAT(cpu, Ip6InDelivers);
	return net_inet_protocols[h->nexthdr]->rcv_plain6(cpu, skb); /* the last call, so nothing is saved across it */
}

/* Almost all packets are plain TCP or UDP of a known pair, and nobody hooks into their way. */
enum drop_reason ip6_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct ipv6_hdr *h = (const struct ipv6_hdr *)skb->data;
	u32 len = skb->len, total;

	STAT(cpu, Ip6InReceives);
	STAT_ADD(cpu, Ip6InOctets, len);
	if (unlikely(len - skb->data_len < IPV6_HLEN || (cpu->nf->nr[NF_PRE_ROUTING] | cpu->nf->nr[NF_LOCAL_IN] | watched(cpu, TRACE_ALL)) ||
		     !is_plain(h) || skb->pkt_type != PACKET_HOST || !pair_is_known(cpu, skb->dev, h, &skb->ip.src, &skb->ip.dst)))
		return rcv_slow(cpu, skb);
	total = be16_get(h->payload_len) + (u32)IPV6_HLEN;
	if (unlikely(total != len)) { /* padded by the link; anything else is odd */
		if (total > len || skb->data_len)
			return rcv_slow(cpu, skb);
		skb->tail -= len - total;
	}
	return to_transport(cpu, skb, h, total);
}

/* The same as eth_rcv() and ip6_rcv(), of a frame that is all they expect and not padded. */
enum drop_reason ip6_rcv_frame(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct eth_hdr *eh = (const struct eth_hdr *)skb->data;
	const struct ipv6_hdr *h = (const struct ipv6_hdr *)(eh + 1);
	u32 len = skb->len - ETH_HLEN;

	if (unlikely(skb_headlen(skb) < ETH_HLEN + IPV6_HLEN || eh->type.raw != BE16_C(ETH_P_IPV6).raw || !eth_is_plain(eh, skb->dev) || !is_plain(h) ||
		     (cpu->nf->nr[NF_PRE_ROUTING] | cpu->nf->nr[NF_LOCAL_IN] | watched(cpu, TRACE_ALL)) ||
		     be16_get(h->payload_len) + (u32)IPV6_HLEN != len || !pair_is_known(cpu, skb->dev, h, &skb->ip.src, &skb->ip.dst)))
		return dev_rcv_frame(cpu, skb);
	STAT(cpu, Ip6InReceives);
	STAT_ADD(cpu, Ip6InOctets, len);
	skb->protocol = ETH_P_IPV6;
	skb->data += ETH_HLEN;
	skb_reset_network_header(skb);
	return to_transport(cpu, skb, h, len);
}

/* Would it be known after its first packet? It is not remembered: others are, whose connections there are. */
static __noinline bool pair_is_good(struct net_cpu *cpu, const struct net_device *dev, const struct ipv6_hdr *h)
{
	struct ip_addr src, dst;

	memcpy(&src, h->saddr, sizeof(src));
	memcpy(&dst, h->daddr, sizeof(dst));
	return cpu->ip6->params[dev->ifindex].up && !ip6_is_link_local(&dst) && !ip6_is_loopback(&dst) &&
	       ip6_addr_type(cpu, &dst) == ADDR_LOCAL && ip6_addr_type(cpu, &src) == ADDR_UNICAST;
}

/* Of the same frames, padded or not. */
enum drop_reason ip6_shed_frame(struct net_cpu *cpu, const struct net_device *dev, const u8 *frame, u32 len)
{
	const struct eth_hdr *eh = (const struct eth_hdr *)frame;
	const struct ipv6_hdr *h = (const struct ipv6_hdr *)(eh + 1);
	const struct inet_protocol *p;
	struct ip_addr src, dst;
	enum drop_reason reason;

	if (len < ETH_HLEN + IPV6_HLEN || eh->type.raw != BE16_C(ETH_P_IPV6).raw || !is_plain(h) || !(p = net_inet_protocols[h->nexthdr])->shed ||
	    !eth_is_plain(eh, dev) || (cpu->nf->nr[NF_PRE_ROUTING] | cpu->nf->nr[NF_LOCAL_IN]) ||
	    be16_get(h->payload_len) > len - ETH_HLEN - IPV6_HLEN || !(pair_is_known(cpu, dev, h, &src, &dst) || pair_is_good(cpu, dev, h)))
		return RX_OK;
	reason = p->shed(cpu, false, (const u8 *)(h + 1), be16_get(h->payload_len));
	if (reason != RX_OK) {
		STAT(cpu, Ip6InReceives);
		STAT_ADD(cpu, Ip6InOctets, len - ETH_HLEN);
		count_ecn(cpu, traffic_class(h));
		STAT(cpu, Ip6InDelivers);
	}
	return reason;
}

/* What that checks and counts, of a frame that TCP takes as it lies or not at all. */
bool ip6_rcv_bare(struct net_cpu *cpu, struct net_device *dev, const u8 *frame, bool vouched)
{
	const struct eth_hdr *eh = (const struct eth_hdr *)frame;
	const struct ipv6_hdr *h = (const struct ipv6_hdr *)(eh + 1);
	struct ip_addr src, dst;

	if (unlikely(eh->type.raw != BE16_C(ETH_P_IPV6).raw || h->nexthdr != IPPROTO_TCP ||
		     h->payload_len.raw != BE16_C(BARE_FRAME6 - ETH_HLEN - IPV6_HLEN).raw || !eth_is_plain(eh, dev) || !is_plain(h) ||
		     (cpu->nf->nr[NF_PRE_ROUTING] | cpu->nf->nr[NF_LOCAL_IN]) || !pair_is_known(cpu, dev, h, &src, &dst)) ||
	    !net_inet_protocols[IPPROTO_TCP]->rcv_bare6(cpu, &src, &dst, h + 1, vouched))
		return false;
	STAT(cpu, Ip6InReceives);
	STAT_ADD(cpu, Ip6InOctets, BARE_FRAME6 - ETH_HLEN);
	count_ecn(cpu, traffic_class(h));
	STAT(cpu, Ip6InDelivers);
	return true;
}
_Static_assert(offsetof(struct ipv6_hdr, daddr) == offsetof(struct ipv6_hdr, saddr) + 16, "pair_is() reads on");
_Static_assert(STAT_Ip6InECT0Pkts == STAT_Ip6InECT1Pkts + 1 && STAT_Ip6InCEPkts == STAT_Ip6InECT1Pkts + 2,
	       "ECN counters stand in the order of the codepoints");
