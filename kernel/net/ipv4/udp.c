/* SPDX-License-Identifier: MIT
 * udp.c - UDP on its way in: checks, the socket table, queues, ICMP errors (RFC 768, RFC 1122 4.1,
 * RFC 8085).
 *
 * Owns cpu->udp: every sock that has a port, in a hash by local port. Of several that match, the
 * most specific takes the datagram; among equals with SO_REUSEPORT a hash of the flow decides. Runs
 * in net_rx.
 */
#include "net/ipv4/udp_impl.h"
#include "net/ipv4/ip.h"
#include "net/core/shed.h"
#include "net/core/steer.h"
#include "net/core/trace.h"
#include "net/wire/icmp.h"

/* ---- lookup ---- */
/* How well sk fits a datagram from src:sport to dst; negative: not at all. Same port is given. */
static inline int score(const struct udp_sock *u, const struct inet_cb *ip, u16 sport,
			const struct net_device *dev)
{
	int s = 1;

	if (u->has_saddr) {
		if (!ip_eq(&u->sk.saddr, &ip->dst))
			return -1;
		s += 4;
	} else if (!sock_any_takes(&u->sk, &ip->dst)) {
		return -1;
	}
	if (u->connected) {
		if (u->sk.dport != sport || !ip_eq(&u->sk.daddr, &ip->src))
			return -1;
		s += 8;
	}
	if (u->sk.bound_dev) {
		if (u->sk.bound_dev != dev)
			return -1;
		s += 2;
	}
	return s;
}

static u32 flow_hash(struct net_cpu *cpu, const struct inet_cb *ip, u16 sport, u16 dport)
{
	return (u32)siphash_3u64(ip->src.q[0] ^ ip->dst.q[0], ip->src.q[1] ^ ip->dst.q[1], (u32)sport << 16 | dport,
				 &cpu->net->hash_key);
}

static __noinline struct udp_sock *lookup_best(struct net_cpu *cpu, const struct inet_cb *ip, u16 sport,
					       u16 dport, const struct net_device *dev)
{
	struct udp_sock *best = NULL, *u;
	int best_score = 0, s;
	u32 equals = 1, hash = 0;

	hlist_for_each_entry(u, udp_bucket(cpu, dport), sk.hash) {
		if (u->sk.sport != dport)
			continue;
		s = score(u, ip, sport, dev);
		if (s > best_score) {
			best = u;
			best_score = s;
			equals = 1;
		} else if (s == best_score && u->sk.reuseport) {
			if (equals == 1)
				hash = flow_hash(cpu, ip, sport, dport);
			if (sock_group_takes(&hash, ++equals))
				best = u;
		}
	}
	return best;
}

/* Mostly one sock alone stands in the bucket, and it takes what comes to its port. */
static inline struct udp_sock *lookup(struct net_cpu *cpu, const struct inet_cb *ip, u16 sport,
				      u16 dport, const struct net_device *dev)
{
	struct udp_sock *u = hlist_entry_safe(udp_bucket(cpu, dport)->first, struct udp_sock, sk.hash);

	if (likely(u && !u->sk.hash.next && u->sk.sport == dport && !u->has_saddr && !u->connected &&
		   !u->sk.bound_dev && sock_any_takes(&u->sk, &ip->dst)))
		return u;
	return lookup_best(cpu, ip, sport, dport, dev);
}

/* ---- in ---- */
/* One datagram is taken even where the buffer is smaller than it. */
static inline bool is_full(const struct sock *sk, u32 truesize)
{
	return sk->rmem_alloc && sk->rmem_alloc + truesize > sk->rcvbuf;
}

static enum drop_reason overflow(struct net_cpu *cpu, bool v4)
{
	UDP_STAT(cpu, v4, RcvbufErrors);
	UDP_STAT(cpu, v4, InErrors);
	return DROP(SOCKET_RCVBUFF);
}

/* The application is behind: what comes next to this sock need not come so far. */
static __noinline enum drop_reason rcv_overflow(struct net_cpu *cpu, const struct udp_sock *u, bool v4)
{
	cpu->udp->full = u;
	shed_begin(cpu);
	return overflow(cpu, v4);
}

static inline enum drop_reason queue_rcv(struct net_cpu *cpu, struct udp_sock *u,
					 struct sk_buff *skb)
{
	struct sock *sk = &u->sk;

	if (unlikely(is_full(sk, skb->truesize)))
		return rcv_overflow(cpu, u, ip_is_v4(&skb->ip.dst));
	sk->rmem_alloc += skb->truesize;
	trace(cpu, TRACE_QUEUE, skb);
	skb_queue_tail(&u->rx, skb);
	UDP_STAT(cpu, ip_is_v4(&skb->ip.dst), InDatagrams);
	sock_event(sk, EPOLLIN);
	return SKB_CONSUMED;
}

/* RFC 1122 4.1.3.1: nobody hears it; the sender is told, but never about a broadcast. */
static enum drop_reason no_socket(struct net_cpu *cpu, struct sk_buff *skb)
{
	if (skb->ip.addr_type != ADDR_LOCAL) {
		UDP_STAT(cpu, ip_is_v4(&skb->ip.dst), IgnoredMulti);
	} else {
		UDP_STAT(cpu, ip_is_v4(&skb->ip.dst), NoPorts);
		af_of(&skb->ip.dst)->send_unreach(cpu, skb, ICMP_PORT_UNREACH);
	}
	return DROP(NO_SOCKET);
}

/* A broadcast or multicast goes to every sock that would take it: clones, and the skb itself to the
 * last. */
static __noinline enum drop_reason deliver_all(struct net_cpu *cpu, struct sk_buff *skb, u16 sport, u16 dport)
{
	struct udp_sock *u, *last = NULL;

	hlist_for_each_entry(u, udp_bucket(cpu, dport), sk.hash) {
		struct sk_buff *clone;

		if (u->sk.sport != dport || score(u, &skb->ip, sport, skb->dev) < 0)
			continue;
		if (last && (clone = skb_clone(cpu, skb))) {
			enum drop_reason r;

			*udp_cb(clone) = *udp_cb(skb);
			FLOW(cpu, UdpInCopies);
			r = queue_rcv(cpu, last, clone);
			if (r != SKB_CONSUMED)
				kfree_skb_reason(cpu, clone, r);
		}
		last = u;
	}
	return last ? queue_rcv(cpu, last, skb) : no_socket(cpu, skb);
}

static void moved_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = steer_skb(msg);

	FLOW(cpu, InetMovedIn);
	steer_end(cpu, skb, udp_protocol.rcv(cpu, skb));
}

/* Nobody here: the socket is on another CPU alone, or nowhere. */
static __noinline enum drop_reason rcv_elsewhere(struct net_cpu *cpu, struct sk_buff *skb, u16 dport)
{
	int home = port_home_find(cpu, IPPROTO_UDP, dport);

	if (home < 0)
		return no_socket(cpu, skb);
	if (skb->ip_summed == CHECKSUM_NONE)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	FLOW(cpu, InetMovedOut);
	return steer_move(cpu, (unsigned)home, skb, moved_rcv);
}

static __cold enum drop_reason bad_length(struct net_cpu *cpu, bool v4)
{
	UDP_STAT(cpu, v4, InErrors);
	return DROP(UDP_HDR);
}

static __cold enum drop_reason bad_checksum(struct net_cpu *cpu, bool v4)
{
	UDP_STAT(cpu, v4, InCsumErrors);
	UDP_STAT(cpu, v4, InErrors);
	return DROP(UDP_CSUM);
}

static __noinline bool checksum_fails(struct net_cpu *cpu, const struct sk_buff *skb, u16 len)
{
	const struct inet_cb *ip = &skb->ip;
	u32 pseudo;

	STAT_ADD(cpu, CsumSoftBytes, len);
	if (likely(ip_is_v4(&ip->dst)))
		pseudo = csum_tcpudp_nofold(ip_v4(&ip->src), ip_v4(&ip->dst), len, IPPROTO_UDP);
	else
		pseudo = ip6_pseudo_sum(&ip->src, &ip->dst, IPPROTO_UDP, len);
	return !csum_ok(likely(!skb->data_len) ? csum_partial(skb->data, len, pseudo) : skb_checksum(skb, 0, len, pseudo));
}

static enum drop_reason udp_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct udp_info udp;
	struct udp_sock *u;

	if (unlikely(!skb_may_pull(cpu, skb, UDP_HLEN) ||
		     !udp_parse(skb->data, skb_headlen(skb), skb->len, &udp)))
		return bad_length(cpu, ip_is_v4(&skb->ip.dst));
	if (unlikely(skb->len > udp.len))
		skb_trim(cpu, skb, udp.len);
	/* RFC 8200 8.1: over IPv6 there is no datagram without a checksum */
	if (unlikely(!udp.summed && !ip_is_v4(&skb->ip.dst)))
		return bad_checksum(cpu, false);
	if (skb->ip_summed == CHECKSUM_NONE && udp.summed && unlikely(checksum_fails(cpu, skb, udp.len)))
		return bad_checksum(cpu, ip_is_v4(&skb->ip.dst));
	if (unlikely(skb->ip.addr_type != ADDR_LOCAL)) {
		*udp_cb(skb) = (struct udp_cb){ .sport = udp.sport, .dport = udp.dport };
		skb_pull(skb, UDP_HLEN);
		return deliver_all(cpu, skb, udp.sport, udp.dport);
	}
	u = lookup(cpu, &skb->ip, udp.sport, udp.dport, skb->dev);
	if (unlikely(!u))
		return rcv_elsewhere(cpu, skb, udp.dport);
	*udp_cb(skb) = (struct udp_cb){ .sport = udp.sport, .dport = udp.dport };
	skb_pull(skb, UDP_HLEN);
	return queue_rcv(cpu, u, skb);
}

/* For the sock that overflowed, if it takes all that comes to its port, and is still full. Its checksum does not matter then. */
static enum drop_reason udp_shed(struct net_cpu *cpu, bool v4, const u8 *p, u32 len)
{
	const struct udp_sock *u = cpu->udp->full;
	struct udp_info udp;

	if (!u || !is_full(&u->sk, SKB_TRUESIZE) || !udp_parse(p, len, len, &udp) || !(udp.summed || v4) || udp.dport != u->sk.sport ||
	    udp_bucket(cpu, udp.dport)->first != &u->sk.hash || u->sk.hash.next || u->has_saddr || u->connected || u->sk.bound_dev ||
	    (v4 ? u->sk.v6only : u->sk.family != AF_INET6))
		return RX_OK;
	return overflow(cpu, v4);
}

/* ---- errors ---- */
struct icmp_meaning {
	u8 err;
	/* the peer will not answer there: the next call fails with it (RFC 1122 4.1.3.3) */
	bool hard;
};

static struct icmp_meaning meaning_of(u8 type, u8 code)
{
	static const struct icmp_meaning unreach[] = {
		[ICMP_NET_UNREACH] = { ENETUNREACH, false },
		[ICMP_HOST_UNREACH] = { EHOSTUNREACH, false },
		[ICMP_PROT_UNREACH] = { ENOPROTOOPT, true },
		[ICMP_PORT_UNREACH] = { ECONNREFUSED, true },
		[ICMP_FRAG_NEEDED] = { EMSGSIZE, false },
		[ICMP_SR_FAILED] = { EOPNOTSUPP, false },
		[6] = { ENETUNREACH, false },
		[9] = { ENETUNREACH, true },
		[10] = { EHOSTUNREACH, true },
		[ICMP_PKT_FILTERED] = { EHOSTUNREACH, true },
	};

	if (type == ICMP_PARAMETERPROB)
		return (struct icmp_meaning){ EPROTO, true };
	if (type == ICMP_DEST_UNREACH && code < ARRAY_SIZE(unreach) && unreach[code].err)
		return unreach[code];
	return (struct icmp_meaning){ EHOSTUNREACH, false };
}

/* Looks for the sock as the answer would have been looked for. */
static void udp_err(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info)
{
	const struct udp_hdr *h = (const struct udp_hdr *)skb->data;
	struct inet_cb reversed = { .src = skb->ip.dst, .dst = skb->ip.src };
	struct icmp_meaning m = meaning_of(type, code);
	struct udp_sock *u =
		lookup(cpu, &reversed, be16_get(h->dport), be16_get(h->sport), skb->dev);

	if (!u)
		return;
	if (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED &&
	    u->pmtudisc != IP_PMTUDISC_DONT)
		af_of(&skb->ip.dst)->pmtu_update(cpu, &skb->ip.dst, info);
	if (!u->connected)
		return;
	u->sk.err_soft = m.err;
	if (m.hard) {
		u->sk.err = m.err;
		sock_event(&u->sk, EPOLLERR | EPOLLIN | EPOLLOUT);
	}
}

const struct inet_protocol udp_protocol = {
	.protocol = IPPROTO_UDP,
	.rcv = udp_rcv,
	.rcv_plain = ip_rcv_decoded,
	.rcv_plain6 = ip6_rcv_decoded,
	.shed = udp_shed,
	.err = udp_err,
};

/* ---- life ---- */
const struct sock *udp_next(const struct net_cpu *cpu, const struct sock *sk)
{
	unsigned i = 0;

	if (sk) {
		if (sk->hash.next)
			return container_of(sk->hash.next, const struct sock, hash);
		i = sk->sport % UDP_BUCKETS + 1u;
	}
	for (; i < UDP_BUCKETS; i++)
		if (cpu->udp->buckets[i].first)
			return container_of(cpu->udp->buckets[i].first, const struct sock, hash);
	return NULL;
}

int udp_cpu_init(struct net_cpu *cpu)
{
	struct udp_cpu *t = kzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->cache = kmem_cache_create("udp_sock", sizeof(struct udp_sock), CACHE_LINE);
	if (!t->cache) {
		kfree(t);
		return -ENOMEM;
	}
	cpu->udp = t;
	return 0;
}

void udp_cpu_destroy(struct net_cpu *cpu)
{
	struct udp_cpu *t = cpu->udp;
	struct udp_sock *u, *next;

	if (!t)
		return;
	for (unsigned i = 0; i < UDP_BUCKETS; i++)
		hlist_for_each_entry_safe(u, next, &t->buckets[i], sk.hash)
			udp_prot.close(&u->sk);
	kmem_cache_destroy(t->cache);
	kfree(t);
	cpu->udp = NULL;
}
