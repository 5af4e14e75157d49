/* SPDX-License-Identifier: MIT
 * udp_sock.c - UDP endpoints: udp_prot, what an application can do with them (RFC 768, RFC 1122
 * 4.1.3, 4.1.4; ports: RFC 6056).
 *
 * Owns each struct udp_sock. No call blocks. A datagram that fits its path is sent with DF (RFC
 * 1191), a larger one is fragmented here. The checksum is left to the device (CHECKSUM_PARTIAL).
 * Runs in base with softirq held off, and in softirq for the stack's own.
 */
#include "net/ipv4/udp_impl.h"
#include "net/core/steer.h"
#include "net/ipv4/ip_impl.h"
#include "net/wire/ipv6.h"
#include "net/link/loopback.h"

#define UDP_MAX_PAYLOAD (IPV4_LEN_MAX - IPV4_HLEN - UDP_HLEN)
#define UDP6_MAX_PAYLOAD (65535 - UDP_HLEN)
#define UDP_HEADROOM    (ETH_HLEN + IPV6_HLEN + UDP_HLEN)

/* ---- life ---- */
/* The wildcard of sk's family. */
static struct ip_addr any_addr(const struct sock *sk)
{
	return sk->family == AF_INET ? ip_from_v4((be32){ 0 }) : (struct ip_addr){ .q = { 0, 0 } };
}

static struct sock *udp_create(struct net_cpu *cpu, u16 family)
{
	struct udp_sock *u = kmem_cache_alloc(cpu->udp->cache);

	if (!u)
		return NULL;
	sock_init(&u->sk, cpu, &udp_prot, family);
	u->sk.af = family == AF_INET6 ? &ipv6_af : &ipv4_af;
	u->sk.saddr = u->sk.daddr = any_addr(&u->sk);
	u->has_saddr = u->connected = u->closed = false;
	u->pmtudisc = IP_PMTUDISC_WANT;
	u->mc_loop = true;
	u->mc_ttl = 1;
	u->optlen = 0;
	u->opts = NULL;
	u->mc_dev = NULL;
	u->groups = NULL;
	skb_queue_init(&u->rx);
	cpu->udp->nr++;
	return &u->sk;
}

void udp_sock_free(struct sock *sk)
{
	sk->cpu->udp->nr--;
	kmem_cache_free(sk->cpu->udp->cache, udp_sk(sk));
}

static void udp_close(struct sock *sk)
{
	struct udp_sock *u = udp_sk(sk);

	if (sk->sport)
		port_home_del(sk->cpu, IPPROTO_UDP, sk->sport);
	hlist_del(&sk->hash);
	skb_queue_purge(sk->cpu, &u->rx, DROP_SOCKET_CLOSE);
	udp_options_drop(u);
	sk->socket = NULL;
	sk->event = NULL;
	u->closed = true;
	if (!sk->wmem_alloc)
		udp_sock_free(sk);
}

/* ---- names ---- */
static bool addrs_overlap(const struct sock *a, const struct sock *b)
{
	if (a->bound_dev && b->bound_dev && a->bound_dev != b->bound_dev)
		return false;
	return sock_binds_overlap(a, &a->saddr, b, &b->saddr);
}

/* `wanted` has its address set, not yet its port. */
static bool port_taken(const struct sock *wanted, u16 port)
{
	struct udp_sock *u;

	hlist_for_each_entry(u, udp_bucket(wanted->cpu, port), sk.hash) {
		if (u->sk.sport != port || &u->sk == wanted || !addrs_overlap(&u->sk, wanted))
			continue;
		if (!(u->sk.reuseaddr && wanted->reuseaddr) &&
		    !(u->sk.reuseport && wanted->reuseport))
			return true;
	}
	return false;
}

static void set_port(struct sock *sk, u16 port)
{
	sk->sport = port;
	hlist_add(&sk->hash, udp_bucket(sk->cpu, port));
	port_home_add(sk->cpu, IPPROTO_UDP, port);
}

/* RFC 6056 3.3.1: from a random place on, the first that is free; fl: and that makes the flow to dport this CPU's. */
static int autobind(struct sock *sk, const struct flow *fl, u16 dport)
{
	const struct net_sysctls *sc = &sk->cpu->sysctl;
	u32 lo = (u32)MIN(sc->local_port_lo, sc->local_port_hi),
	    n = (u32)MAX(sc->local_port_lo, sc->local_port_hi) - lo + 1;
	u64 r = siphash_3u64(sk->cpu->udp->port_seq++, sk->cpu->now_ns, sk->cpu->id,
			     &sk->cpu->net->port_key);
	u32 start = (u32)(r % n);

	for (u32 i = 0; i < n; i++) {
		u16 port = (u16)(lo + (start + i) % n);

		if (fl && !steer_is_home(sk->cpu, &fl->src, &fl->dst, port, dport))
			continue;
		if (!port_taken(sk, port)) {
			set_port(sk, port);
			return 0;
		}
	}
	return -EADDRINUSE;
}

static int udp_bind(struct sock *sk, const struct sockaddr_ip *a)
{
	enum addr_type type = af_of(&a->addr)->addr_type(sk->cpu, &a->addr);
	struct ip_addr old = sk->saddr;
	int err = 0;

	if (sk->sport)
		return -EINVAL;
	if (a->family != sk->family)
		return -EAFNOSUPPORT;
	if (type != ADDR_LOCAL && type != ADDR_ANY)
		return -EADDRNOTAVAIL;
	sk->saddr = a->addr;
	if (!a->port)
		err = autobind(sk, NULL, 0);
	else if (port_taken(sk, a->port))
		err = -EADDRINUSE;
	else
		set_port(sk, a->port);
	if (err) {
		sk->saddr = old;
		return err;
	}
	udp_sk(sk)->has_saddr = sk->bound_by_user = type != ADDR_ANY;
	return 0;
}

static int find_way(struct sock *sk, struct flow *fl, struct dst *dst)
{
	int err = af_of(&fl->dst)->route(sk->cpu, fl, dst);

	if (err)
		STAT(sk->cpu, IpOutNoRoutes);
	else if (dst->type == ADDR_BROADCAST && !sk->broadcast)
		err = -EACCES;
	return err;
}

static int udp_connect(struct sock *sk, const struct sockaddr_ip *a)
{
	struct udp_sock *u = udp_sk(sk);
	struct flow fl = { .src = sk->saddr,
			   .dst = a->addr,
			   .proto = IPPROTO_UDP,
			   .mark = sk->mark,
			   .dev = sk->bound_dev };
	struct dst dst;
	int err;

	if (a->family != sk->family)
		return -EAFNOSUPPORT;
	if (!a->port)
		return -EINVAL;
	if (!sk->bound_by_user)
		fl.src = any_addr(sk);
	err = sock_family_fits(sk, &fl.src, &a->addr) ?: find_way(sk, &fl, &dst);
	if (!err && !sk->sport)
		err = autobind(sk, &fl, a->port);
	if (err)
		return err;
	sk->af = af_of(&a->addr);
	sk->saddr = fl.src;
	sk->daddr = a->addr;
	sk->dport = a->port;
	sk->dst = dst;
	sk->state = TCP_ESTABLISHED;
	u->has_saddr = u->connected = true;
	return 0;
}

static int udp_disconnect(struct sock *sk)
{
	struct udp_sock *u = udp_sk(sk);

	u->connected = false;
	sk->daddr = any_addr(sk);
	sk->dport = 0;
	sk->state = TCP_CLOSE;
	sk->dst.gen = 0;
	if (!sk->bound_by_user) {
		sk->saddr = any_addr(sk);
		u->has_saddr = false;
	}
	return 0;
}

/* ---- out ---- */
static void udp_wfree(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	u32 before = sk->wmem_alloc, half = sk->sndbuf / 2;

	sk->wmem_alloc = before - skb->truesize;
	if (unlikely(udp_sk(sk)->closed)) {
		if (!sk->wmem_alloc)
			udp_sock_free(sk);
	} else if (before > half && sk->wmem_alloc <= half) {
		sock_event(sk, EPOLLOUT);
	}
}

static inline bool has_room(const struct sock *sk, u32 truesize)
{
	return likely(!sk->wmem_alloc || sk->wmem_alloc + truesize <= sk->sndbuf);
}

/* How a datagram travels. Inlined functions alone take its address: it lives in registers. */
struct udp_way {
	be32 saddr, daddr; /* saddr 0.0.0.0: as the route says */
	u16 dport;
	bool df;
	struct dst *dst;   /* the sock's own, a slot of the cache, or what way_slow() found */
};

/* Not cached: bound to a device, or the first to this destination for a while. The answer is in
 * u->way_src and *dst. */
static __noinline int way_slow(struct sock *sk, be32 saddr, be32 daddr, struct dst *dst)
{
	struct flow fl = { .src = ip_from_v4(saddr),
			   .dst = ip_from_v4(daddr),
			   .proto = IPPROTO_UDP,
			   .mark = sk->mark,
			   .dev = sk->bound_dev };
	int err;

	if (!fl.dev && v4_is_multicast(daddr))
		fl.dev = udp_sk(sk)->mc_dev;
	err = find_way(sk, &fl, dst);

	udp_sk(sk)->way_src = ip_v4(&fl.src);
	if (err)
		dst->gen = 0;
	return err;
}

static inline int way_find(struct sock *sk, struct udp_way *w)
{
	struct ip_dst_slot *slot;
	int err;

	if (udp_sk(sk)->connected && be32_eq(w->daddr, ip_v4(&sk->daddr))) {
		w->dst = &sk->dst;
		if (likely(dst_valid(sk->cpu, &sk->dst)))
			return 0;
	} else {
		slot = ip_dst_cached(sk->cpu, w->saddr, w->daddr);
		if (likely(slot && !sk->bound_dev && slot->dst.type < ADDR_BROADCAST)) {
			w->dst = &slot->dst;
			w->saddr = slot->src;
			return 0;
		}
		w->dst = &udp_sk(sk)->way;
	}
	err = way_slow(sk, w->saddr, w->daddr, w->dst);
	w->saddr = udp_sk(sk)->way_src;
	return err;
}

/* RFC 1191: DF where the datagram fits; larger ones are cut here, unless the application forbade
 * it. */
static inline int choose_df(const struct sock *sk, struct udp_way *w, u32 payload)
{
	bool fits = payload + UDP_HLEN + IPV4_HLEN + udp_csk(sk)->optlen <= w->dst->mtu;
	u8 mode = udp_csk(sk)->pmtudisc;

	w->df = fits && mode != IP_PMTUDISC_DONT && w->dst->type <= ADDR_LOCAL && !w->dst->no_df;
	return unlikely(mode == IP_PMTUDISC_DO && !fits) ? -EMSGSIZE : 0;
}
_Static_assert(ADDR_UNICAST < ADDR_LOCAL && ADDR_LOCAL < ADDR_BROADCAST &&
		       ADDR_BROADCAST < ADDR_MULTICAST,
	       "as choose_df() needs it");

/* RFC 1112 6.1: members here hear it too, over lo. */
static void loop_back(struct sock *sk, const struct sk_buff *skb, struct ip_out o, const struct dst *way)
{
	struct dst lo = *way;
	struct sk_buff *copy;

	lo.dev = loopback_dev(sk->cpu->net);
	if (!lo.dev || !(lo.dev->flags & IFF_UP) || (way->dev->flags & IFF_LOOPBACK) ||
	    !ip_mc_is_member(sk->cpu, way->dev, o.daddr))
		return;
	lo.mtu = lo.dev->mtu;
	copy = skb_copy(sk->cpu, skb);
	if (copy)
		ip_send(sk->cpu, copy, o, &lo);
}

/* To a group, or with options of IP. */
static __noinline void transmit_odd(struct sock *sk, struct sk_buff *skb, struct udp_way w)
{
	struct udp_sock *u = udp_sk(sk);
	bool group = w.dst->type == ADDR_MULTICAST;
	struct ip_out o = ip_out_of(sk->cpu, w.saddr, w.daddr, IPPROTO_UDP, sk->tos,
				    group ? MAX(u->mc_ttl, (u8)1) : sk->ttl, w.df);

	if (group && u->mc_loop)
		loop_back(sk, skb, o, w.dst);
	if (group && !u->mc_ttl) /* it stays in this host */
		consume_skb(sk->cpu, skb);
	else if (u->opts)
		ip_send_options(sk->cpu, skb, o, w.dst, u->opts, u->optlen);
	else
		ip_send(sk->cpu, skb, o, w.dst);
}

/* Header in front of the payload at skb->data, and off it goes. */
static inline void transmit(struct sock *sk, struct sk_buff *skb, const struct udp_way *w)
{
	struct udp_hdr *h = (struct udp_hdr *)skb_push(skb, UDP_HLEN);
	u16 offset = (u16)skb_headroom(skb);
	u32 len = skb->len;

	skb->transport_header = skb->csum_start = offset;
	skb->csum_offset = offsetof(struct udp_hdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->mark = sk->mark;
	skb->sk = sk;
	skb->destructor = udp_wfree;
	sk->wmem_alloc += skb->truesize;
	h->sport = be16_of(sk->sport);
	h->dport = be16_of(w->dport);
	h->len = be16_of((u16)len);
	h->check = csum_fold16(csum_tcpudp_nofold(w->saddr, w->daddr, len, IPPROTO_UDP));
	STAT(sk->cpu, UdpOutDatagrams);
	if (unlikely(udp_sk(sk)->opts || w->dst->type == ADDR_MULTICAST)) {
		transmit_odd(sk, skb, *w);
		return;
	}
	ip_send(sk->cpu, skb,
		ip_out_of(sk->cpu, w->saddr, w->daddr, IPPROTO_UDP, sk->tos, sk->ttl, w->df),
		w->dst);
}

/* ---- out, over IPv6 ---- */
/* The flow to the destination that a message or the sock names; the source may be left open. 0 or -errno. */
static int destination6(const struct sock *sk, const struct sockaddr_ip *to, struct flow *fl, u16 *port)
{

	if (to && to->family != sk->family)
		return -EAFNOSUPPORT;
	if (to && !to->port)
		return -EINVAL;
	*port = to ? to->port : sk->dport;
	*fl = (struct flow){
		.src = sk->saddr, .dst = to ? to->addr : sk->daddr, .proto = IPPROTO_UDP, .tos = sk->tos, .ttl = sk->ttl,
		.mark = sk->mark, .dev = sk->bound_dev,
	};
	return sock_family_fits(sk, &fl->src, &fl->dst);
}

/* Header in front of the payload at skb->data, and off it goes. */
static void transmit6(struct sock *sk, struct sk_buff *skb, const struct flow *fl, u16 dport, struct dst *dst)
{
	struct udp_hdr *h = (struct udp_hdr *)skb_push(skb, UDP_HLEN);
	u32 len = skb->len;

	skb->transport_header = skb->csum_start = (u16)(skb_headroom(skb));
	skb->csum_offset = offsetof(struct udp_hdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->mark = sk->mark;
	skb->sk = sk;
	skb->destructor = udp_wfree;
	sk->wmem_alloc += skb->truesize;
	h->sport = be16_of(sk->sport);
	h->dport = be16_of(dport);
	h->len = be16_of((u16)len);
	h->check = csum_fold16(ipv6_af.pseudo_sum(&fl->src, &fl->dst, IPPROTO_UDP, len));
	STAT(sk->cpu, UdpOutDatagrams);
	ipv6_af.xmit(sk->cpu, skb, fl, dst);
}

/* A way, and whether the datagram may go it whole or in pieces. 0 or -errno. */
static int way6(struct sock *sk, struct flow *fl, u32 payload, struct dst *dst)
{
	u8 mode = udp_sk(sk)->pmtudisc;
	int err = find_way(sk, fl, dst);

	if (err)
		return err;
	fl->df = mode == IP_PMTUDISC_DO;
	return fl->df && payload + UDP_HLEN + IPV6_HLEN > dst->mtu ? -EMSGSIZE : 0;
}

static void fill_payload(struct sk_buff *skb, const struct msghdr *m)
{
	unsigned at = 0, n;

	for (size_t i = 0; i < m->msg_iovlen; i++) {
		const u8 *from = m->msg_iov[i].iov_base;
		size_t left = m->msg_iov[i].iov_len;

		for (; left; left -= n, from += n, at += n) {
			u8 *to = skb_at(skb, at, &n);

			n = (unsigned)MIN((size_t)n, left);
			memcpy(to, from, n);
		}
	}
}

static size_t iov_bytes(const struct msghdr *m)
{
	size_t sum = 0;

	for (size_t i = 0; i < m->msg_iovlen; i++)
		if (__builtin_add_overflow(sum, m->msg_iov[i].iov_len, &sum))
			return SIZE_MAX;
	return sum;
}

/* What stands against sending at all. */
static inline int may_send(struct sock *sk)
{
	if (unlikely(sk->err))
		return sock_error(sk);
	if (unlikely(sk->shutdown & 2))
		return -EPIPE;
	return likely(sk->sport) ? 0 : autobind(sk, NULL, 0);
}

static int destination(const struct sock *sk, const struct msghdr *m, struct udp_way *w)
{
	const struct sockaddr_ip *to = m->msg_name;

	w->saddr = ip_v4(&sk->saddr);
	if (unlikely(m->msg_pktinfo) && ip_v4(&m->msg_pktinfo->addr).raw)
		w->saddr = ip_v4(&m->msg_pktinfo->addr);
	if (!to) {
		if (!udp_csk(sk)->connected)
			return -EDESTADDRREQ;
		w->daddr = ip_v4(&sk->daddr);
		w->dport = sk->dport;
		return 0;
	}
	if (to->family != sk->family)
		return -EAFNOSUPPORT;
	if (!to->port)
		return -EINVAL;
	if (unlikely(!ip_is_v4(&to->addr) || sk->v6only))
		return -ENETUNREACH;
	w->daddr = ip_v4(&to->addr);
	w->dport = to->port;
	return 0;
}

static bool goes_by_ipv6(const struct sock *sk, const struct sockaddr_ip *to)
{
	return sk->family == AF_INET6 && !ip_is_v4(to ? &to->addr : &sk->daddr) && (to || udp_csk(sk)->connected);
}

static long sendmsg6(struct sock *sk, const struct msghdr *m, size_t len)
{
	struct sk_buff *skb;
	struct dst dst;
	struct flow fl;
	u16 port;
	int err;

	if (len > UDP6_MAX_PAYLOAD)
		return -EMSGSIZE;
	err = may_send(sk) ?: destination6(sk, m->msg_name, &fl, &port) ?: way6(sk, &fl, (u32)len, &dst);
	if (err)
		return err;
	if (!has_room(sk, (u32)len + SKB_BUF_SIZE))
		return -EAGAIN;
	skb = alloc_skb_with_frags(sk->cpu, SKB_HEADROOM, (unsigned)len);
	if (!skb) {
		STAT(sk->cpu, UdpSndbufErrors);
		return -ENOBUFS;
	}
	fill_payload(skb, m);
	STAT_ADD(sk->cpu, CopyOutBytes, len);
	transmit6(sk, skb, &fl, port, &dst);
	return (long)len;
}

static long udp_sendmsg(struct sock *sk, const struct msghdr *m, int flags)
{
	size_t len = iov_bytes(m);
	struct udp_way w;
	struct sk_buff *skb;
	int err;

	if (flags & (MSG_OOB | MSG_MORE))
		return -EOPNOTSUPP;
	if (unlikely(goes_by_ipv6(sk, m->msg_name)))
		return sendmsg6(sk, m, len);
	if (len > UDP_MAX_PAYLOAD)
		return -EMSGSIZE;
	err = may_send(sk)
		?: destination(sk, m, &w)
		?: way_find(sk, &w)
		?: choose_df(sk, &w, (u32)len);
	if (err)
		return err;
	if (!has_room(sk, (u32)len + SKB_BUF_SIZE))
		return -EAGAIN;
	skb = alloc_skb_with_frags(sk->cpu, SKB_HEADROOM, (unsigned)len);
	if (!skb) {
		STAT(sk->cpu, UdpSndbufErrors);
		return -ENOBUFS;
	}
	fill_payload(skb, m);
	STAT_ADD(sk->cpu, CopyOutBytes, len);
	transmit(sk, skb, &w);
	return (long)len;
}

/* An skb whose headers may be written: itself, or a new one that shares the payload. NULL: no
 * memory. */
static struct sk_buff *writable(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct sk_buff *front;

	if (likely(!skb->cloned && skb_headroom(skb) >= UDP_HEADROOM))
		return skb;
	front = alloc_skb(cpu, SKB_HEADROOM);
	if (front && !skb_share(cpu, front, skb, 0, skb->len)) {
		consume_skb(cpu, front);
		return NULL;
	}
	return front;
}

/* `out` carries the payload of skb, itself or by reference: what came in with it does not go out. */
static void forget_arrival(struct net_cpu *cpu, struct sk_buff *out, struct sk_buff *skb)
{
	if (out != skb)
		consume_skb(cpu, skb);
	out->tstamp_ns = 0;
	out->hash = 0;
	out->nfct = NULL;
}

static int send_skb6(struct sock *sk, struct sk_buff *skb)
{
	struct sockaddr_ip back = { .family = sk->family, .port = udp_cb(skb)->sport, .addr = skb->ip.src };
	bool connected = udp_sk(sk)->connected;
	struct sk_buff *out;
	struct dst dst;
	struct flow fl;
	u16 port;
	int err;

	if (skb->len > UDP6_MAX_PAYLOAD)
		return -EMSGSIZE;
	err = destination6(sk, connected ? NULL : &back, &fl, &port);
	if (err)
		return err;
	if (!connected && skb->ip.addr_type == ADDR_LOCAL)
		fl.src = skb->ip.dst;
	err = way6(sk, &fl, skb->len, &dst);
	if (err)
		return err;
	if (!has_room(sk, skb->truesize))
		return -EAGAIN;
	out = writable(sk->cpu, skb);
	if (!out)
		return -ENOBUFS;
	forget_arrival(sk->cpu, out, skb);
	transmit6(sk, out, &fl, port, &dst);
	return 0;
}

static int udp_send_skb(struct sock *sk, struct sk_buff *skb, int flags)
{
	struct sk_buff *out;
	struct udp_way w;
	int err = may_send(sk);

	if (unlikely(err))
		return err;
	if (unlikely(!ip_is_v4(udp_sk(sk)->connected ? &sk->daddr : &skb->ip.src)))
		return send_skb6(sk, skb);
	if (unlikely(skb->len > UDP_MAX_PAYLOAD))
		return -EMSGSIZE;
	w.saddr = ip_v4(&sk->saddr);
	if (udp_sk(sk)->connected) {
		w.daddr = ip_v4(&sk->daddr);
		w.dport = sk->dport;
	} else { /* back to the sender, from the address it wrote to (RFC 1122 4.1.3.5) */
		w.daddr = ip_v4(&skb->ip.src);
		w.dport = udp_cb(skb)->sport;
		if (skb->ip.addr_type == ADDR_LOCAL)
			w.saddr = ip_v4(&skb->ip.dst);
	}
	err = way_find(sk, &w) ?: choose_df(sk, &w, skb->len);
	if (unlikely(err))
		return err;
	if (!has_room(sk, skb->truesize))
		return -EAGAIN;
	out = writable(sk->cpu, skb);
	if (unlikely(!out))
		return -ENOBUFS;
	forget_arrival(sk->cpu, out, skb);
	transmit(sk, out, &w);
	return 0;
}

/* ---- the rest ---- */
static int udp_shutdown(struct sock *sk, int how)
{
	if (!udp_sk(sk)->connected)
		return -ENOTCONN;
	sk->shutdown |= how == SHUT_RDWR ? 3 : how == SHUT_RD ? 1 : 2;
	sock_event(sk, EPOLLIN | EPOLLOUT | EPOLLRDHUP | (sk->shutdown == 3 ? EPOLLHUP : 0));
	return 0;
}

static u32 udp_poll(struct sock *sk)
{
	u32 events = 0;

	if (!skb_queue_empty(&udp_sk(sk)->rx))
		events |= EPOLLIN;
	if (sk->wmem_alloc <= sk->sndbuf / 2)
		events |= EPOLLOUT;
	if (unlikely(sk->err))
		events |= EPOLLERR;
	if (unlikely(sk->shutdown & 1))
		events |= EPOLLIN | EPOLLRDHUP;
	if (unlikely(sk->shutdown == 3))
		events |= EPOLLHUP;
	return events;
}

static int udp_ioctl(struct sock *sk, int cmd, int *val)
{
	struct sk_buff *first = skb_peek(&udp_sk(sk)->rx);

	if (cmd == SIOCINQ)
		*val = first ? (int)first->len : 0;
	else if (cmd == SIOCOUTQ)
		*val = (int)sk->wmem_alloc;
	else
		return -EINVAL;
	return 0;
}

const struct proto udp_prot = {
	.name = "udp",
	.type = SOCK_DGRAM,
	.protocol = IPPROTO_UDP,
	.create = udp_create,
	.close = udp_close,
	.bind = udp_bind,
	.connect = udp_connect,
	.disconnect = udp_disconnect,
	.sendmsg = udp_sendmsg,
	.recvmsg = udp_recvmsg,
	.recv_skb = udp_recv_skb,
	.send_skb = udp_send_skb,
	.shutdown = udp_shutdown,
	.poll = udp_poll,
	.setsockopt = udp_setsockopt,
	.getsockopt = udp_getsockopt,
	.ioctl = udp_ioctl,
};
