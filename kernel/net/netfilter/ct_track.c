/* SPDX-License-Identifier: MIT
 * ct_track.c - a packet meets the table: looked up where it enters the stack, confirmed where it leaves. Runs wherever a
 * hook does.
 *
 * A connection is tracked by the CPU that owns its flow. What this guest itself sends from another CPU makes an entry there
 * too, and is told to the owner, who sees the answers.
 *
 * Pieces were put together before they come here. Groups and neighbour discovery are not tracked.
 *
 * cpu->ct->walk remembers the packet under way. By it an ICMP error that we send ourselves finds the connection of what it
 * is about, although NAT may be half done with that: the quote then has an address of either side.
 */
#include "net/netfilter/ct_impl.h"
#include "net/core/steer.h"
#include "net/wire/ether.h"
#include "net/wire/icmpv6.h"
#include "net/wire/ipv6.h"

#define QUOTE_MAX 128 /* bytes of a quoted packet that are looked at: IPv6's extension headers are among them */

static void walk_begins(struct net_cpu *cpu, struct nf_conn *ct, enum ct_dir dir)
{
	cpu->ct->walk = (struct ct_walk){ ct, (u8)dir, true };
}

u32 ct_state(const struct net_cpu *cpu, const struct sk_buff *skb)
{
	unsigned long info = nfct_info(skb);

	if (!cpu->ct->buckets || (info & INFO_UNTRACKED))
		return CT_STATE_UNTRACKED;
	if (!nfct_get(skb))
		return CT_STATE_INVALID;
	return info & INFO_RELATED ? CT_STATE_RELATED : info & INFO_NEW ? CT_STATE_NEW : CT_STATE_ESTABLISHED;
}

/* ---- what is found ---- */
/* A SYN for a connection that is over begins a new one in its place. */
static bool is_reborn(const struct nf_conn *ct, const struct ct_packet *p)
{
	return p->tuple.proto == IPPROTO_TCP && (p->seg.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	       (ct->tcp_state == CT_TCP_TIME_WAIT || ct->tcp_state == CT_TCP_CLOSE);
}

/* Masqueraded behind an address that the device has no more. */
static bool lost_its_address(struct nf_conn *ct)
{
	if (likely(!ct->masq || ct->masq_gen == ct->cpu->dst_gen))
		return false;
	ct->masq_gen = ct->cpu->dst_gen;
	return ipv4_af.addr_type(ct->cpu, &ct->end[CT_REPLY].tuple.dst) != ADDR_LOCAL;
}

static void conn_seen(struct sk_buff *skb, struct ct_end *e, const struct ct_packet *p)
{
	struct nf_conn *ct = ct_of(e);
	u64 timeout = ct_advance(ct, p, e->dir);

	if (!timeout) {
		ct->cpu->ct->stats.invalid++;
		nfct_set(skb, NULL, 0);
		return;
	}
	ct_refresh(ct, timeout);
	e->packets++;
	e->bytes += skb->len;
	nfct_set(skb, ct, e->dir == CT_REPLY ? INFO_REPLY : ct->seen_reply ? 0 : INFO_NEW);
	walk_begins(ct->cpu, ct, e->dir);
}

/* ---- ICMP errors ---- */
/* Is t the packet under way, before or behind NAT or between? */
static bool is_under_way(const struct ct_walk *w, const struct ct_tuple *t)
{
	const struct ct_tuple *in;
	struct ct_tuple out;

	if (!w->ct)
		return false;
	in = &w->ct->end[w->dir].tuple;
	out = ct_invert(&w->ct->end[!w->dir].tuple);
	return t->proto == in->proto && (ip_eq(&t->src, &in->src) || ip_eq(&t->src, &out.src)) &&
	       (ip_eq(&t->dst, &in->dst) || ip_eq(&t->dst, &out.dst));
}

/* An ICMP error belongs to the connection of the packet that it quotes, and goes the other way, to who sent that packet: else it
 * would open the way to anybody. walk: what was under way when we made it; NULL: it came from outside. */
static void track_error(struct net_cpu *cpu, struct sk_buff *skb, unsigned hdr_len, const struct ct_walk *walk)
{
	u8 quote[QUOTE_MAX];
	unsigned len = MIN(skb->len - hdr_len - ICMP_HLEN, (unsigned)sizeof(quote));
	struct ct_tuple t, back;
	struct ct_end *e = NULL;

	if (!skb_copy_bits(skb, hdr_len + ICMP_HLEN, quote, len) && ct_read_quote(quote, len, &t)) {
		back = ct_invert(&t);
		e = ct_find(cpu, &back, ct_tuple_hash(cpu, &back));
		if (!e && walk && is_under_way(walk, &t))
			e = &walk->ct->end[!walk->dir];
	}
	if (!e || (!walk && !ip_eq(&skb->ip.dst, &t.src))) {
		cpu->ct->stats.invalid++;
		return;
	}
	nfct_set(skb, ct_of(e), INFO_RELATED | (e->dir == CT_REPLY ? INFO_REPLY : 0));
}

static bool is_icmp_error(struct net_cpu *cpu, struct sk_buff *skb, unsigned hdr_len)
{
	bool six = skb->protocol == ETH_P_IPV6;
	u8 type, proto = six ? skb->ip.proto : ((const struct ipv4_hdr *)skb->data)->proto;

	if (proto != (six ? IPPROTO_ICMPV6 : IPPROTO_ICMP) || skb->len < hdr_len + ICMP_HLEN ||
	    skb_copy_bits(skb, hdr_len, &type, 1))
		return false;
	return six ? icmpv6_is_error(type) : (type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB);
}

/* The length of the IP header; 0: the packet is not to be tracked; HDR_BROKEN: nobody knows what it is. */
#define HDR_BROKEN (~0u)
static unsigned tracked_hdr_len(struct net_cpu *cpu, struct sk_buff *skb)
{
	unsigned off = IPV6_HLEN;
	u8 nexthdr, type;

	if (likely(skb->protocol == ETH_P_IP))
		return v4_is_multicast(((const struct ipv4_hdr *)skb->data)->daddr) ? 0 : ipv4_hdr_bytes(skb->data);
	nexthdr = skb->data[6];
	if (ip6_is_multicast(&skb->ip.dst))
		return 0;
	if (!ipv6_skip_ext(skb->data, skb_headlen(skb), &nexthdr, &off, NULL))
		return HDR_BROKEN;
	if (nexthdr == IPPROTO_ICMPV6 && !skb_copy_bits(skb, off, &type, 1) && type >= ICMPV6_MLD_QUERY &&
	    type <= ICMPV6_MLD2_REPORT)
		return 0;
	return off;
}

/* ---- flows of other CPUs ---- */
struct told {
	struct inbox_msg msg;
	struct ct_packet p;
	u32 bytes;
};

static unsigned flow_owner(const struct net *net, const struct ct_tuple *t)
{
	bool ports = ct_has_ports(t->proto), id = t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6;

	return steer_owner(net, &t->src, &t->dst, ports || id ? be16_get(t->sport) : 0, ports ? be16_get(t->dport) : 0);
}

/* Another CPU sent this in a flow of ours. */
static void told_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct told *t = container_of(msg, struct told, msg);
	u32 hash = ct_tuple_hash(cpu, &t->p.tuple);
	struct nf_conn *ct = NULL;
	struct ct_end *e = cpu->ct->buckets ? ct_find(cpu, &t->p.tuple, hash) : NULL;
	u64 timeout;

	if (e && is_reborn(ct_of(e), &t->p)) {
		ct_free(ct_of(e));
		e = NULL;
	}
	if (!e && cpu->ct->buckets && ct_may_begin(&t->p)) {
		ct = ct_create(cpu, &t->p, hash);
		if (ct && ct_insert(cpu, ct))
			e = &ct->end[CT_ORIGINAL];
	} else if (e) {
		timeout = ct_advance(ct_of(e), &t->p, e->dir);
		if (timeout)
			ct_refresh(ct_of(e), timeout);
	}
	if (e) {
		e->packets++;
		e->bytes += t->bytes;
	}
	kfree(t);
}

/* A packet of our own leaves. Where another CPU owns its flow, that one will see the answers: it is told, and the message is
 * there before them. NAT sees to it that answers come home, whatever the flow was. Without memory they are invalid there. */
static void tell_owner(struct net_cpu *cpu, struct sk_buff *skb, const struct nf_conn *ct)
{
	unsigned owner = flow_owner(cpu->net, &ct->end[CT_ORIGINAL].tuple), hdr_len = tracked_hdr_len(cpu, skb);
	struct told *t;

	if (owner == cpu->id || !hdr_len || hdr_len == HDR_BROKEN)
		return;
	t = kmalloc(sizeof(*t));
	if (!t)
		return;
	t->msg.fn = told_rcv;
	t->bytes = skb->len;
	if (!ct_read(cpu, skb, &t->p, hdr_len) || !inbox_post(cpu, cpu->net->cpus[owner], &t->msg))
		kfree(t);
}

/* ---- the hooks ---- */
static enum drop_reason track_tuple(struct net_cpu *cpu, struct sk_buff *skb, unsigned hdr_len)
{
	struct nf_conn *ct;
	struct ct_packet p;
	struct ct_end *e;
	u32 hash;

	if (!ct_read(cpu, skb, &p, hdr_len)) {
		cpu->ct->stats.invalid++;
		return RX_OK;
	}
	hash = ct_tuple_hash(cpu, &p.tuple);
	e = ct_find(cpu, &p.tuple, hash);
	if (e && (is_reborn(ct_of(e), &p) || unlikely(lost_its_address(ct_of(e))))) {
		ct_free(ct_of(e));
		e = NULL;
	}
	if (e) {
		cpu->ct->stats.found++;
		conn_seen(skb, e, &p);
		return RX_OK;
	}
	if (!ct_may_begin(&p)) {
		cpu->ct->stats.invalid++;
		return RX_OK;
	}
	ct = ct_create(cpu, &p, hash);
	if (!ct)
		return DROP(CONNTRACK);
	nfct_set(skb, ct, INFO_NEW);
	walk_begins(cpu, ct, CT_ORIGINAL);
	return RX_OK;
}

enum drop_reason ct_track(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			  struct net_device *out, void *priv)
{
	const struct ct_walk before = cpu->ct->walk;
	unsigned hdr_len;

	cpu->ct->walk.ct = NULL;
	skb->nfct = NULL;
	if (!skb_may_pull(cpu, skb, skb->protocol == ETH_P_IPV6 ? IPV6_HLEN : IPV4_HLEN))
		return RX_OK;
	hdr_len = tracked_hdr_len(cpu, skb);
	if (!hdr_len) {
		nfct_set(skb, NULL, INFO_UNTRACKED);
		return RX_OK;
	}
	if (unlikely(hdr_len == HDR_BROKEN)) {
		cpu->ct->stats.invalid++;
		return RX_OK;
	}
	if (unlikely(is_icmp_error(cpu, skb, hdr_len))) {
		track_error(cpu, skb, hdr_len, hook == NF_LOCAL_OUT ? &before : NULL);
		return RX_OK;
	}
	return track_tuple(cpu, skb, hdr_len);
}

enum drop_reason ct_confirm(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			    struct net_device *out, void *priv)
{
	struct nf_conn *ct = nfct_get(skb);

	if (!ct)
		return RX_OK;
	if (unlikely(cpu->net->steer->on && !in && hook == NF_POST_ROUTING && !cpu->ct->nat && !(out->flags & IFF_LOOPBACK) &&
		     !(nfct_info(skb) & INFO_RELATED)))
		tell_owner(cpu, skb, ct);
	if (ct == cpu->ct->fresh && !(nfct_info(skb) & INFO_RELATED)) {
		if (!ct_insert(cpu, ct)) {
			skb->nfct = NULL;
			return DROP(CONNTRACK);
		}
		ct->end[CT_ORIGINAL].packets++;
		ct->end[CT_ORIGINAL].bytes += skb->len;
	} else if (in && hook == NF_POST_ROUTING) {
		ct_flow_learn(cpu, skb, in);
	}
	return RX_OK;
}
