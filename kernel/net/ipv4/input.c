/* SPDX-License-Identifier: MIT
 * input.c - IPv4 on its way in: checks, PRE_ROUTING, ours or not, reassembly, LOCAL_IN, transport
 * (RFC 791, RFC 1122 3.2, 3.3).
 *
 * Owns nothing. Hook functions see skb->data at the IP header, transports at theirs. Runs in
 * net_rx.
 */
#include "net/ipv4/ip_impl.h"
#include "net/link/ether.h"
#include "net/core/netfilter.h"
#include "net/core/steer.h"
#include "net/core/sock.h"
#include "net/core/trace.h"
#include "net/wire/udp.h"

#define DHCP_CLIENT_PORT 68

void ip_fill_cb(struct sk_buff *skb, const struct ipv4_info *ip)
{
	struct inet_cb *cb = &skb->ip;

	cb->src = ip_from_v4(ip->saddr);
	cb->dst = ip_from_v4(ip->daddr);
	cb->proto = ip->proto;
	cb->tos = ip->tos;
	cb->ttl = ip->ttl;
	cb->addr_type = ADDR_UNICAST;
	cb->hdr_len = ip->hdr_len;
	cb->frag_max = 0;
}

void ip_reload_cb(struct sk_buff *skb)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb_network_header(skb);

	skb->ip.src = ip_from_v4(h->saddr);
	skb->ip.dst = ip_from_v4(h->daddr);
	skb->ip.tos = h->tos;
	skb->ip.ttl = h->ttl;
}

/* Nothing is wrong with it, and it goes no further: a rule, a group that nobody joined (RFC 4293, ipSystemStatsInDiscards). */
static __cold enum drop_reason discarded(struct net_cpu *cpu, enum drop_reason r)
{
	STAT(cpu, IpInDiscards);
	return r;
}

/* ---- checks ---- */
static __cold enum drop_reason header_fault(struct net_cpu *cpu, enum ipv4_fault fault)
{
	static const enum drop_reason reasons[] = {
		[IPV4_OK] = RX_OK,
		[IPV4_SHORT] = DROP_IP_SHORT,
		[IPV4_VERSION] = DROP_IP_VERSION,
		[IPV4_LENGTHS] = DROP_IP_INHDR,
		[IPV4_TRUNCATED] = DROP_IP_INHDR,
		[IPV4_CHECKSUM] = DROP_IP_CSUM,
	};

	if (fault == IPV4_TRUNCATED)
		STAT(cpu, IpExtInTruncatedPkts);
	else
		STAT(cpu, IpInHdrErrors);
	return reasons[fault];
}

/* RFC 1122 3.2.1.1, 3.2.1.2; what the link padded behind the datagram is cut off. */
static inline enum drop_reason check_header(struct net_cpu *cpu, struct sk_buff *skb,
					    struct ipv4_info *ip)
{
	enum ipv4_fault fault;

	if (unlikely(!skb_may_pull(cpu, skb, IPV4_HLEN) ||
		     !skb_may_pull(cpu, skb, ipv4_hdr_bytes(skb->data))))
		return header_fault(cpu, IPV4_SHORT);
	fault = ipv4_parse(skb->data, skb_headlen(skb), skb->len, ip);
	if (unlikely(fault))
		return header_fault(cpu, fault);
	if (skb->len > ip->tot_len)
		skb_trim(cpu, skb, ip->tot_len);
	return RX_OK;
}

/* RFC 1122 3.2.1.3: 0.0.0.0 is a host that does not know its address yet and can only shout. */
static bool source_is_martian(struct net_cpu *cpu, be32 saddr, enum addr_type dst_type)
{
	u32 s = be32_get(saddr);

	/* 1/8 to 126/8, 128/8 to 223/8 */
	if (likely(s - 0x01000000u < 0x7e000000u || s - 0x80000000u < 0x60000000u))
		/* ourselves, or a broadcast of a subnet of ours */
		return ip_local_find(cpu, saddr) != NULL;
	return s || (dst_type != ADDR_BROADCAST && dst_type != ADDR_MULTICAST);
}

/* 0: none; 1: what comes in by dev would go out by dev (strict); 2: there is a way back at all (RFC
 * 3704). */
static bool rp_filter_refuses(struct net_cpu *cpu, const struct sk_buff *skb, be32 saddr)
{
	const struct ip_route *r = NULL;
	int err = ip_fib_lookup(cpu, saddr, NULL, &r);

	return err || (cpu->sysctl.rp_filter == 1 && r->dev != skb->dev);
}

/* Options are looked at for every packet that has some; nobody's route through us is taken (RFC
 * 1122 3.3.5: default off). */
static __cold enum drop_reason check_options(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct ipv4_options opt;

	if (!ipv4_options_parse(skb->data, skb->ip.hdr_len, &opt)) {
		STAT(cpu, IpInHdrErrors);
		icmp_send(cpu, skb, ICMP_PARAMETERPROB, 0, opt.bad);
		return DROP(IP_OPTIONS);
	}
	return opt.source_route ? discarded(cpu, DROP(IP_SOURCE_ROUTE)) : RX_OK;
}

/* ---- delivery ---- */
static enum drop_reason unknown_protocol(struct net_cpu *cpu, struct sk_buff *skb)
{
	STAT(cpu, IpInUnknownProtos);
	icmp_send(cpu, skb, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
	return DROP(IP_NOPROTO);
}

/* A whole datagram for us, skb->data at its IP header. */
static inline enum drop_reason deliver(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct inet_protocol *p = net_inet_protocols[skb->ip.proto];
	enum drop_reason r = nf_hook(cpu, skb, NF_LOCAL_IN, skb->dev, NULL);

	if (unlikely(r))
		return discarded(cpu, r);
	if (unlikely(!p))
		return unknown_protocol(cpu, skb);
	skb_pull(skb, skb->ip.hdr_len);
	skb_reset_transport_header(skb);
	STAT(cpu, IpInDelivers);
	trace(cpu, TRACE_DELIVER, skb);
	return p->rcv(cpu, skb);
}

/* The fragment that completes a datagram brings another skb to life than the one our caller holds:
 * its end is seen to here. */
static enum drop_reason end_of(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason r)
{
	if (r == RX_OK)
		consume_skb(cpu, skb);
	else if (r != SKB_CONSUMED)
		kfree_skb_reason(cpu, skb, r);
	return SKB_CONSUMED;
}

static enum drop_reason rcv_slow(struct net_cpu *cpu, struct sk_buff *skb);

static void whole_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = steer_skb(msg);

	FLOW(cpu, IpMovedIn);
	steer_end(cpu, skb, rcv_slow(cpu, skb));
}

/* A datagram put together here, from pieces that were steered by their addresses, may be of another CPU's flow. */
static inline bool is_elsewhere(struct net_cpu *cpu, const struct sk_buff *whole, unsigned *owner)
{
	return unlikely(cpu->net->steer->on) && (*owner = steer_frame(cpu, whole)) != cpu->id;
}

static enum drop_reason deliver_fragment(struct net_cpu *cpu, struct sk_buff *skb,
					 const struct ipv4_info *ip)
{
	enum drop_reason r = ip_defrag(cpu, &skb, ip);
	unsigned owner;

	if (r)
		return r;
	if (is_elsewhere(cpu, skb, &owner)) {
		FLOW(cpu, IpMovedOut);
		return steer_move(cpu, owner, skb, whole_rcv);
	}
	return end_of(cpu, skb, deliver(cpu, skb));
}

static inline enum drop_reason local_in(struct net_cpu *cpu, struct sk_buff *skb,
					const struct ipv4_info *ip, enum addr_type type)
{
	skb->ip.addr_type = (u8)type;
	if (unlikely(ip->frag_off || ip->mf))
		return deliver_fragment(cpu, skb, ip);
	return deliver(cpu, skb);
}

/* RFC 2131 4.1: a client without an address takes in what a server sends to the one it offers. */
static bool is_dhcp_reply(struct net_cpu *cpu, struct sk_buff *skb, const struct ipv4_info *ip)
{
	struct udp_info udp;

	return (cpu->ip->dhcp_devs >> skb->dev->ifindex & 1) && ip->proto == IPPROTO_UDP &&
	       !ip->frag_off && !ip->mf && skb_may_pull(cpu, skb, ip->hdr_len + UDP_HLEN) &&
	       udp_parse(skb->data + ip->hdr_len, UDP_HLEN, skb->len - ip->hdr_len, &udp) &&
	       udp.dport == DHCP_CLIENT_PORT;
}

static enum drop_reason not_ours(struct net_cpu *cpu, struct sk_buff *skb,
				 const struct ipv4_info *ip, enum addr_type type)
{
	if (type == ADDR_UNICAST && is_dhcp_reply(cpu, skb, ip))
		return local_in(cpu, skb, ip, ADDR_LOCAL);
	if (type == ADDR_UNICAST && cpu->sysctl.ip_forward)
		return ip_forward(cpu, skb);
	STAT(cpu, IpInAddrErrors);
	return type == ADDR_UNICAST ? DROP(IP_NOTFORWARDING) : DROP(IP_INVALID_DEST);
}

static enum drop_reason group_in(struct net_cpu *cpu, struct sk_buff *skb,
				 const struct ipv4_info *ip, enum addr_type type)
{
	if (type == ADDR_MULTICAST)
		STAT(cpu, IpExtInMcastPkts);
	else
		STAT(cpu, IpExtInBcastPkts);
	if (type == ADDR_MULTICAST && !ip_mc_is_member(cpu, skb->dev, ip->daddr))
		return discarded(cpu, DROP(IP_NO_MEMBER)); /* RFC 1112 7.2 */
	if (skb->pkt_type == PACKET_HOST)
		skb->pkt_type = type == ADDR_MULTICAST ? PACKET_MULTICAST : PACKET_BROADCAST;
	/* 0.0.0.0: old broadcast, RFC 1122 3.3.6 */
	return local_in(cpu, skb, ip, type == ADDR_ANY ? ADDR_BROADCAST : type);
}

/* What only the link lo may show: sources and destinations of this host itself (RFC 1122 3.2.1.3
 * (g)). */
static inline enum drop_reason check_addresses(struct net_cpu *cpu, const struct sk_buff *skb,
					       const struct ipv4_info *ip, enum addr_type type)
{
	if (unlikely(skb->dev->flags & IFF_LOOPBACK))
		return RX_OK;
	if (unlikely(source_is_martian(cpu, ip->saddr, type)))
		return DROP(IP_INVALID_SOURCE);
	if (unlikely(v4_is_loopback(ip->daddr)))
		return DROP(IP_INVALID_DEST);
	if (unlikely(cpu->sysctl.rp_filter) && ip->saddr.raw &&
	    rp_filter_refuses(cpu, skb, ip->saddr))
		return DROP(IP_RPFILTER);
	return RX_OK;
}

/* RFC 1122 3.3.6: a link broadcast with a unicast address is not for us, and never to be
 * forwarded. */
static enum drop_reason check_link_broadcast(struct net_cpu *cpu, struct sk_buff *skb,
					     const struct ipv4_info *ip)
{
	if (skb->pkt_type == PACKET_HOST || is_dhcp_reply(cpu, skb, ip))
		return RX_OK;
	STAT(cpu, IpInAddrErrors);
	return DROP(UNICAST_IN_L2_MULTICAST);
}

/* ---- pairs of addresses that were found good ---- */
static inline u64 ip_where(const struct net_cpu *cpu, const struct net_device *dev)
{
	return cpu->dst_gen | (u64)dev->ifindex << 32;
}

static inline struct ip_pair *pair_slot(struct net_cpu *cpu, be32 saddr)
{
	_Static_assert(IP_PAIRS == 64, "the shift below");
	return &cpu->ip->pairs[(saddr.raw * 0x9e3779b1u) >> 26];
}

/* Of a packet for this host by its link address. */
static inline bool pair_is_known(struct net_cpu *cpu, const struct net_device *dev, const struct ipv4_hdr *h)
{
	const struct ip_pair *p = pair_slot(cpu, h->saddr);
	u64 addrs;

	memcpy(&addrs, &h->saddr, sizeof(addrs));
	return p->addrs == addrs && p->where == ip_where(cpu, dev);
}

/* All checks of addresses passed; they come out the same until a table changes. */
static inline void pair_learn(struct net_cpu *cpu, const struct sk_buff *skb,
			      const struct ipv4_info *ip)
{
	if (!cpu->sysctl.rp_filter)
		*pair_slot(cpu, ip->saddr) = (struct ip_pair){
			.addrs = ip->saddr.raw | (u64)ip->daddr.raw << 32,
			.where = ip_where(cpu, skb->dev),
		};
}

static enum drop_reason route_input(struct net_cpu *cpu, struct sk_buff *skb,
				    const struct ipv4_info *ip)
{
	enum addr_type type = ip_addr_type(cpu, ip->daddr);
	enum drop_reason r = check_addresses(cpu, skb, ip, type);

	if (unlikely(r)) {
		STAT(cpu, IpInAddrErrors);
		return r;
	}
	if (unlikely(ip->hdr_len > IPV4_HLEN)) {
		r = check_options(cpu, skb);
		if (r)
			return r;
	}
	if (unlikely(type == ADDR_BROADCAST || type == ADDR_MULTICAST || type == ADDR_ANY))
		return group_in(cpu, skb, ip, type);
	if (unlikely(skb->pkt_type != PACKET_HOST)) {
		r = check_link_broadcast(cpu, skb, ip);
		if (r)
			return r;
	}
	if (unlikely(type != ADDR_LOCAL))
		return not_ours(cpu, skb, ip, type);
	pair_learn(cpu, skb, ip);
	return local_in(cpu, skb, ip, type);
}

static inline void count_ecn(struct net_cpu *cpu, u8 tos)
{
	if (unlikely(tos & INET_ECN_MASK))
		cpu->stats[STAT_IpExtInECT1Pkts + (tos & INET_ECN_MASK) - 1]++;
}

static enum drop_reason rcv_hooked(struct net_cpu *cpu, struct sk_buff *skb, struct ipv4_info *ip)
{
	enum drop_reason r = nf_hook(cpu, skb, NF_PRE_ROUTING, skb->dev, NULL);

	if (r)
		return discarded(cpu, r);
	ip_reload_cb(skb);
	ip->saddr = ip_v4(&skb->ip.src);
	ip->daddr = ip_v4(&skb->ip.dst);
	return route_input(cpu, skb, ip);
}

/* Connections are tracked by whole datagrams: each fragment waits here for the rest. */
static enum drop_reason rcv_hooked_fragment(struct net_cpu *cpu, struct sk_buff *skb, struct ipv4_info *ip)
{
	enum drop_reason r = ip_defrag(cpu, &skb, ip);
	unsigned owner;

	if (r)
		return r;
	if (is_elsewhere(cpu, skb, &owner)) {
		FLOW(cpu, IpMovedOut);
		return steer_move(cpu, owner, skb, whole_rcv);
	}
	ip->frag_off = 0;
	ip->mf = false;
	ip->tot_len = (u16)skb->len;
	return end_of(cpu, skb, rcv_hooked(cpu, skb, ip));
}

static __noinline enum drop_reason rcv_slow(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct ipv4_info ip;
	enum drop_reason r = check_header(cpu, skb, &ip);

	if (unlikely(r))
		return r;
	count_ecn(cpu, ip.tos);
	ip_fill_cb(skb, &ip);
	if (likely(!cpu->nf->nr[NF_PRE_ROUTING]))
		return route_input(cpu, skb, &ip);
	if (unlikely(cpu->nf->defrag && (ip.frag_off || ip.mf)))
		return rcv_hooked_fragment(cpu, skb, &ip);
	return rcv_hooked(cpu, skb, &ip);
}

/* A plain packet that does not go straight to a transport: sent on by the flow cache, or the long way. */
static __noinline enum drop_reason rcv_plain(struct net_cpu *cpu, struct sk_buff *skb)
{
	u8 tos = ((const struct ipv4_hdr *)skb->data)->tos;

	if (!cpu->nf->flow_rcv || cpu->nf->flow_rcv(cpu, skb) == RX_OK)
		return rcv_slow(cpu, skb);
	count_ecn(cpu, tos);
	return SKB_CONSUMED;
}

/* As almost all headers are: no options, no fragment, the sum right. */
static inline bool is_plain(const struct ipv4_hdr *h)
{
	return h->ver_ihl == 0x45 && !(h->frag.raw & BE16_C(IP_MF | IP_OFFSET).raw) &&
	       csum_ok(csum_ip_header(h, 5));
}

enum drop_reason ip_rcv_decoded(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb->data;

	skb->ip.src = ip_from_v4(h->saddr);
	skb->ip.dst = ip_from_v4(h->daddr);
	skb->ip.proto = h->proto;
	skb->ip.tos = h->tos;
	skb->ip.ttl = h->ttl;
	skb->ip.addr_type = ADDR_LOCAL;
	skb->ip.hdr_len = IPV4_HLEN;
	skb->ip.frag_max = 0;
	skb->data += IPV4_HLEN; /* linear, as was checked */
	skb->len -= IPV4_HLEN;
	skb_reset_transport_header(skb);
	return net_inet_protocols[h->proto]->rcv(cpu, skb);
}

/* A checked packet of tot_len bytes, for us. */
static inline enum drop_reason to_transport(struct net_cpu *cpu, struct sk_buff *skb, const struct ipv4_hdr *h,
					    const struct inet_protocol *p, u32 tot_len)
{
	skb->len = tot_len;
	count_ecn(cpu, h->tos);
	STAT(cpu, IpInDelivers);
	return p->rcv_plain(cpu, skb); /* the last call, so nothing is saved across it */
}

/* Almost all packets are plain and of a known pair, and nobody hooks into their way: straight to
 * the transport. */
enum drop_reason ip_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb->data;
	const struct inet_protocol *p;
	u32 len = skb->len, tot_len;

	STAT(cpu, IpInReceives);
	STAT_ADD(cpu, IpExtInOctets, len);
	if (unlikely(len - skb->data_len < IPV4_HLEN || !is_plain(h)))
		return rcv_slow(cpu, skb);
	if (unlikely(skb->pkt_type != PACKET_HOST || !pair_is_known(cpu, skb->dev, h)))
		return rcv_plain(cpu, skb);
	tot_len = be16_get(h->tot_len);
	p = net_inet_protocols[h->proto];
	if (unlikely(!p || (cpu->nf->nr[NF_PRE_ROUTING] | cpu->nf->nr[NF_LOCAL_IN] | watched(cpu, TRACE_ALL))))
		return rcv_plain(cpu, skb);
	if (unlikely(tot_len != len)) { /* padded by the link; anything else is odd */
		if (tot_len > len || tot_len < IPV4_HLEN || skb->data_len)
			return rcv_slow(cpu, skb);
		skb->tail -= len - tot_len;
	}
	return to_transport(cpu, skb, h, p, tot_len);
}

/* The same as eth_rcv() and ip_rcv(), of a frame that is all they expect and not padded. */
static __noinline enum drop_reason rcv_frame(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct eth_hdr *eh = (const struct eth_hdr *)skb->data;
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)(eh + 1);
	const struct inet_protocol *p;
	u32 len = skb->len - ETH_HLEN;

	if (unlikely(skb_headlen(skb) < ETH_HLEN + IPV4_HLEN || !eth_is_plain(eh, skb->dev) || !is_plain(h) ||
		     be16_get(h->tot_len) != len || !pair_is_known(cpu, skb->dev, h)))
		return dev_rcv_frame(cpu, skb);
	p = net_inet_protocols[h->proto];
	if (unlikely(!p || (cpu->nf->nr[NF_PRE_ROUTING] | cpu->nf->nr[NF_LOCAL_IN] | watched(cpu, TRACE_ALL))))
		return dev_rcv_frame(cpu, skb);
	STAT(cpu, IpInReceives);
	STAT_ADD(cpu, IpExtInOctets, len);
	skb->protocol = ETH_P_IP;
	skb->data += ETH_HLEN;
	skb_reset_network_header(skb);
	return to_transport(cpu, skb, h, p, len);
}
/* A function of its own, which saves no registers. A frame may be too short for its type, its buffer is not. */
enum drop_reason ip_rcv_frame(struct net_cpu *cpu, struct sk_buff *skb)
{
	if (unlikely(((const struct eth_hdr *)skb->data)->type.raw != BE16_C(ETH_P_IP).raw))
		return net_packet_types[1].rcv_frame(cpu, skb);
	return rcv_frame(cpu, skb);
}

/* Would it be known after its first packet? It is not remembered: others are, whose connections there are. */
static __noinline bool pair_is_good(struct net_cpu *cpu, const struct ipv4_hdr *h)
{
	return !cpu->sysctl.rp_filter && !v4_is_loopback(h->daddr) && ip_addr_type(cpu, h->daddr) == ADDR_LOCAL &&
	       !source_is_martian(cpu, h->saddr, ADDR_LOCAL);
}

/* Of the same frames, padded or not. */
enum drop_reason ip_shed_frame(struct net_cpu *cpu, const struct net_device *dev, const u8 *frame, u32 len)
{
	const struct eth_hdr *eh = (const struct eth_hdr *)frame;
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)(eh + 1);
	const struct inet_protocol *p;
	enum drop_reason reason;
	u32 tot_len;

	if (unlikely(eh->type.raw != BE16_C(ETH_P_IP).raw))
		return net_packet_types[1].shed_frame(cpu, dev, frame, len);
	if (len < ETH_HLEN + IPV4_HLEN || !(p = net_inet_protocols[h->proto]) || !p->shed || !eth_is_plain(eh, dev) || !is_plain(h) ||
	    (cpu->nf->nr[NF_PRE_ROUTING] | cpu->nf->nr[NF_LOCAL_IN]) || !(pair_is_known(cpu, dev, h) || pair_is_good(cpu, h)))
		return RX_OK;
	tot_len = be16_get(h->tot_len);
	if (tot_len < IPV4_HLEN || tot_len > len - ETH_HLEN)
		return RX_OK;
	reason = p->shed(cpu, true, (const u8 *)(h + 1), tot_len - IPV4_HLEN);
	if (reason != RX_OK) {
		STAT(cpu, IpInReceives);
		STAT_ADD(cpu, IpExtInOctets, len - ETH_HLEN);
		count_ecn(cpu, h->tos);
		STAT(cpu, IpInDelivers);
	}
	return reason;
}

/* What rcv_frame() checks and counts, of a frame that TCP takes as it lies or not at all. */
bool ip_rcv_bare(struct net_cpu *cpu, struct net_device *dev, const u8 *frame, bool vouched)
{
	const struct eth_hdr *eh = (const struct eth_hdr *)frame;
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)(eh + 1);

	if (unlikely(eh->type.raw != BE16_C(ETH_P_IP).raw))
		return net_packet_types[1].rcv_bare(cpu, dev, frame, vouched);
	if (unlikely(h->proto != IPPROTO_TCP || h->tot_len.raw != BE16_C(BARE_FRAME - ETH_HLEN).raw || !eth_is_plain(eh, dev) ||
		     !is_plain(h) || !pair_is_known(cpu, dev, h) || (cpu->nf->nr[NF_PRE_ROUTING] | cpu->nf->nr[NF_LOCAL_IN])) ||
	    !net_inet_protocols[IPPROTO_TCP]->rcv_bare(cpu, h, vouched))
		return false;
	STAT(cpu, IpInReceives);
	STAT_ADD(cpu, IpExtInOctets, BARE_FRAME - ETH_HLEN);
	count_ecn(cpu, h->tos);
	STAT(cpu, IpInDelivers);
	return true;
}
_Static_assert(STAT_IpExtInECT0Pkts == STAT_IpExtInECT1Pkts + 1 &&
		       STAT_IpExtInCEPkts == STAT_IpExtInECT1Pkts + 2,
	       "ECN counters stand in the order of the codepoints");
