/* SPDX-License-Identifier: MIT
 * nft_eval.c - a packet goes through the rules of a base chain. Runs wherever a hook does.
 *
 * skb->data is at the IP header at every hook. Rules that look behind it do not match later fragments, nor packets
 * that end before what they look at.
 */
#include "net/netfilter/nft_impl.h"
#include "net/wire/ether.h"
#include "net/wire/icmpv6.h"
#include "net/wire/ipv6.h"
#include "net/wire/tcp.h"
#include "net/wire/udp.h"

#define LOG_RATE_NS  (NSEC_PER_SEC / 10)
#define LOG_BURST    20u

struct packet {
	struct net_cpu *cpu;
	struct sk_buff *skb;
	struct nft_ruleset *rs;
	const struct nft_rule *decided; /* by this rule */
	bool odd;                       /* what it met looks at more than where it goes, or keeps count */
	struct net_device *in, *out;
	enum nf_hook hook;
	be32 saddr, daddr;
	u16 sport, dport;
	u8 proto, flags, icmp_type;
	bool later_fragment, six;
	u8 other; /* enum nft_family that it is not of */
	u32 l4; /* of NFT_L4: what the packet has */
};

/* ---- what the packet is ---- */
static void read_transport(struct packet *p, unsigned hdr_len)
{
	unsigned want = p->proto == IPPROTO_TCP ? TCP_HDR_LEN : ICMP_HLEN;
	const u8 *t;

	_Static_assert(UDP_HLEN == ICMP_HLEN, "want");
	if (!skb_may_pull(p->cpu, p->skb, hdr_len + want))
		return;
	t = p->skb->data + hdr_len;
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		p->icmp_type = t[0];
		p->l4 = NFT_ICMP_TYPE;
		return;
	}
	p->sport = (u16)(t[0] << 8 | t[1]);
	p->dport = (u16)(t[2] << 8 | t[3]);
	p->l4 = NFT_SPORT | NFT_DPORT;
	if (p->proto != IPPROTO_TCP)
		return;
	p->flags = ((const struct tcp_hdr *)t)->flags;
	p->l4 |= NFT_TCP_FLAGS;
}

/* Over IPv6 the way in has found the transport behind the extension headers already. */
static bool read_packet6(struct packet *p)
{
	p->six = true;
	p->other = NFT_IP;
	p->proto = p->skb->ip.proto;
	p->later_fragment = p->proto == NEXTHDR_FRAGMENT;
	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || p->proto == IPPROTO_ICMPV6)
		read_transport(p, p->skb->ip.hdr_len);
	return true;
}

static bool read_packet(struct packet *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->skb->data;

	if (p->skb->protocol == ETH_P_IPV6)
		return read_packet6(p);
	p->other = NFT_IP6;
	if (!skb_may_pull(p->cpu, p->skb, IPV4_HLEN))
		return false;
	h = (const struct ipv4_hdr *)p->skb->data;
	p->saddr = h->saddr;
	p->daddr = h->daddr;
	p->proto = h->proto;
	p->later_fragment = be16_get(h->frag) & IP_OFFSET;
	if (!p->later_fragment &&
	    (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || p->proto == IPPROTO_ICMP))
		read_transport(p, ipv4_hdr_bytes(p->skb->data));
	return true;
}

/* ---- does a rule match it ---- */
static bool port_in(const struct nft_ports *ports, u16 port)
{
	for (unsigned i = 0; i < ports->nr; i++)
		if (port >= ports->r[i].lo && port <= ports->r[i].hi)
			return true;
	return false;
}

static __noinline bool in_set(const struct packet *p, unsigned set, struct nft_key k)
{
	return nft_set_has(p->rs, &p->rs->sets[set - 1], k);
}

static bool addr_holds(const struct packet *p, unsigned set, be32 addr, be32 want, be32 mask)
{
	return unlikely(set) ? in_set(p, set, nft_key_v4(addr)) : !((addr.raw ^ want.raw) & mask.raw);
}

static bool addr6_holds(const struct packet *p, unsigned set, const struct ip_addr *addr, const struct ip_addr *want, u8 plen)
{
	return set ? in_set(p, set, nft_key_of(addr)) : ip_prefix_eq(addr, want, plen);
}

static bool port_holds(const struct packet *p, unsigned set, u16 port, const struct nft_ports *want)
{
	return unlikely(set) ? in_set(p, set, (struct nft_key){ 0, port }) : port_in(want, port);
}

static bool is_dev(const struct net_device *dev, const char name[16])
{
	return dev && !memcmp(dev->name, name, 16);
}

static __noinline u32 holding6(const struct packet *p, const struct nft_rule *r)
{
	const struct sk_buff *skb = p->skb;

	return (addr6_holds(p, r->set[NFT_PLACE_SADDR], &skb->ip.src, &r->saddr6, r->plen6[0]) ? NFT_SADDR6 : 0) |
	       (addr6_holds(p, r->set[NFT_PLACE_DADDR], &skb->ip.dst, &r->daddr6, r->plen6[1]) ? NFT_DADDR6 : 0);
}

/* The matches of r that hold, as bits. */
static u32 holding(const struct packet *p, const struct nft_rule *r)
{
	u32 has = r->has, ok = 0;

	if (has & NFT_SADDR && addr_holds(p, r->set[NFT_PLACE_SADDR], p->saddr, r->saddr, r->smask))
		ok |= NFT_SADDR;
	if (has & NFT_DADDR && addr_holds(p, r->set[NFT_PLACE_DADDR], p->daddr, r->daddr, r->dmask))
		ok |= NFT_DADDR;
	if (p->proto == r->proto)
		ok |= NFT_PROTO;
	if (has & NFT_SPORT && port_holds(p, r->set[NFT_PLACE_SPORT], p->sport, &r->sport))
		ok |= NFT_SPORT;
	if (has & NFT_DPORT && port_holds(p, r->set[NFT_PLACE_DPORT], p->dport, &r->dport))
		ok |= NFT_DPORT;
	if (has & NFT_IIF && is_dev(p->in, r->iif))
		ok |= NFT_IIF;
	if (has & NFT_OIF && is_dev(p->out, r->oif))
		ok |= NFT_OIF;
	if (r->flags_mask ? (p->flags & r->flags_mask) == r->flags : p->flags & r->flags)
		ok |= NFT_TCP_FLAGS;
	if (p->icmp_type == r->icmp_type)
		ok |= NFT_ICMP_TYPE;
	if (p->skb->mark == r->mark)
		ok |= NFT_MARK;
	if (p->later_fragment)
		ok |= NFT_FRAG;
	if (has & (NFT_SADDR6 | NFT_DADDR6))
		ok |= holding6(p, r);
	if (has & NFT_CT && (ct_state(p->cpu, p->skb) & r->ct_states))
		ok |= NFT_CT;
	return ok;
}

#define NFT_OF_PACKET (NFT_TCP_FLAGS | NFT_ICMP_TYPE | NFT_MARK | NFT_FRAG) /* may differ among packets of a flow */

static bool matches(struct packet *p, const struct nft_rule *r)
{
	u32 l4 = r->has & NFT_L4;

	p->odd |= (r->has & NFT_OF_PACKET) != 0;
	if (r->family == p->other)
		return false;
	if ((l4 & p->l4) != l4)
		return false;
	return ((holding(p, r) ^ r->not) & r->has) == r->has;
}

/* Virtual scheduling: each token moves *at on by its interval; it never lies behind now, nor more than a burst before it. */
bool nft_take_token(u64 *at, u64 now_ns, u64 interval_ns, u32 burst)
{
	if (*at < now_ns)
		*at = now_ns;
	if (*at + interval_ns > now_ns + interval_ns * burst)
		return false;
	*at += interval_ns;
	return true;
}

static bool limit_holds(struct packet *p, struct nft_rule *r)
{
	u64 interval = r->unit_s * NSEC_PER_SEC / r->rate;

	p->odd = true;
	return nft_take_token(&r->tokens_at, p->cpu->now_ns, interval, r->burst) != r->over;
}

/* ---- what it does ---- */
static const char *dev_name(const struct net_device *dev) { return dev ? dev->name : ""; }

static void log_packet(const struct packet *p, const struct nft_rule *r)
{
	struct nft_cpu *n = p->cpu->nft;
	struct ip_addr src = p->six ? p->skb->ip.src : ip_from_v4(p->saddr);
	struct ip_addr dst = p->six ? p->skb->ip.dst : ip_from_v4(p->daddr);
	char a[IP_NTOP_MAX], b[IP_NTOP_MAX];

	if (!nft_take_token(&n->log_at, p->cpu->now_ns, LOG_RATE_NS, LOG_BURST)) {
		n->log_lost++;
		return;
	}
	if (n->log_lost)
		log_warn("nft: %llu lines of the log were held back", (unsigned long long)n->log_lost);
	n->log_lost = 0;
	log_info("%sIN=%s OUT=%s SRC=%s DST=%s LEN=%u PROTO=%u SPT=%u DPT=%u FLAGS=0x%02x TYPE=%u MARK=0x%x", r->prefix,
		 dev_name(p->in), dev_name(p->out), ip_ntop(&src, a), ip_ntop(&dst, b), p->skb->len, p->proto,
		 p->sport, p->dport, p->flags, p->icmp_type, p->skb->mark);
}

static void act(struct packet *p, struct nft_rule *r)
{
	p->odd |= r->counted | r->logged | r->set_mark;
	if (r->counted) {
		r->packets++;
		r->bytes += p->skb->len;
	}
	if (r->logged)
		log_packet(p, r);
	if (r->set_mark)
		p->skb->mark = r->new_mark;
}

/* Depth is bounded: the parser refuses rulesets that go deeper than NFT_DEPTH_MAX. */
static enum nft_verdict run_chain(struct packet *p, unsigned chain)
{
	const struct nft_chain *c = &p->rs->chains[chain];
	enum nft_verdict v;

	for (struct nft_rule *r = &p->rs->rules[c->first], *end = r + c->nr; r < end; r++) {
		if (!matches(p, r) || (r->limited && !limit_holds(p, r)))
			continue;
		act(p, r);
		v = r->verdict == NFT_JUMP ? run_chain(p, r->jump) : (enum nft_verdict)r->verdict;
		if (v == NFT_RETURN && r->verdict == NFT_RETURN)
			return NFT_CONTINUE;
		if (v != NFT_CONTINUE) {
			p->decided = p->decided ?: r;
			return v;
		}
	}
	return NFT_CONTINUE;
}

/* Without its neighbours and its router a host has no IPv6 at all, so a policy alone never stops these (RFC 4890 4.4.1). */
static bool is_link_upkeep(const struct packet *p)
{
	u8 type;

	return p->six && p->proto == IPPROTO_ICMPV6 && !skb_copy_bits(p->skb, p->skb->ip.hdr_len, &type, 1) &&
	       type >= ICMPV6_MLD_QUERY && type <= ICMPV6_MLD2_REPORT;
}

enum drop_reason nft_hook(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			  struct net_device *out, void *priv)
{
	struct packet p = { .cpu = cpu, .skb = skb, .rs = cpu->nft->rules, .in = in, .out = out, .hook = hook };
	unsigned chain = (unsigned)(uintptr_t)priv;
	enum nft_verdict v;

	if (!read_packet(&p))
		return DROP(IP_SHORT);
	if (p.rs->tables[p.rs->chains[chain].table].family == p.other)
		return RX_OK;
	v = run_chain(&p, chain);
	if (p.odd)
		ct_not_cacheable(cpu);
	if (v == NFT_CONTINUE)
		v = p.rs->chains[chain].drop && !is_link_upkeep(&p) ? NFT_DROP : NFT_ACCEPT;
	if (v == NFT_ACCEPT)
		return RX_OK;
	if (v == NFT_REJECT)
		nft_reject(cpu, skb, hook, p.decided);
	return DROP(NETFILTER_DROP);
}

/* The base chain of type nat at the hook that comes next behind chain `last`; -1 begins, and ends. */
static int next_nat_chain(const struct nft_ruleset *rs, enum nf_hook hook, int last)
{
	const struct nft_chain *c = rs->chains;
	int next = -1;

	for (int i = 0; i < rs->nr_chains; i++) {
		if (!c[i].nat || c[i].hook != hook)
			continue;
		if (last >= 0 && (c[i].priority < c[last].priority || (c[i].priority == c[last].priority && i <= last)))
			continue;
		if (next < 0 || c[i].priority < c[next].priority)
			next = i;
	}
	return next;
}

enum nft_verdict nft_nat_rules(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			       struct net_device *out, struct nat_range *r)
{
	struct packet p = { .cpu = cpu, .skb = skb, .rs = cpu->nft->rules, .in = in, .out = out, .hook = hook };
	enum nft_verdict v;

	if (!read_packet(&p))
		return NFT_DROP;
	for (int i = next_nat_chain(p.rs, hook, -1); i >= 0; i = next_nat_chain(p.rs, hook, i)) {
		v = run_chain(&p, (unsigned)i);
		if (v == NFT_DROP || v == NFT_REJECT)
			return NFT_DROP;
		if (!NFT_IS_NAT(v))
			continue;
		*r = p.decided->nat;
		return v;
	}
	return NFT_ACCEPT;
}
