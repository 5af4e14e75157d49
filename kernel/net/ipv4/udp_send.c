/* SPDX-License-Identifier: MIT
 * udp_send.c - the application's side of what leaves: messages, and received skbs sent back as they are, over IPv4 (RFC 768,
 * RFC 1122 4.1.3); over IPv6: ipv6/udp.c.
 *
 * A datagram that fits its path is sent with DF (RFC 1191), a larger one is fragmented here. The checksum is left to the
 * device (CHECKSUM_PARTIAL). Runs in base with softirq held off, and in softirq for the stack's own.
 */
#include "net/ipv4/udp_impl.h"
#include "net/ipv4/ip_impl.h"
#include "net/core/qdisc.h"
#include "net/link/neigh.h"
#include "net/link/loopback.h"

#define UDP_MAX_PAYLOAD (IPV4_LEN_MAX - IPV4_HLEN - UDP_HLEN)

void udp_wfree(struct sk_buff *skb)
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
	err = udp_route(sk, &fl, dst);

	udp_sk(sk)->way_src = fl.src;
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
	w->saddr = ip_v4(&udp_sk(sk)->way_src);
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
	struct ip_out o;

	udp_push_header(sk, skb, w->dport, csum_tcpudp_nofold(w->saddr, w->daddr, skb->len + UDP_HLEN, IPPROTO_UDP));
	STAT(sk->cpu, UdpOutDatagrams);
	if (unlikely(udp_sk(sk)->opts || w->dst->type == ADDR_MULTICAST)) {
		transmit_odd(sk, skb, *w);
		return;
	}
	o = ip_out_of(sk->cpu, w->saddr, w->daddr, IPPROTO_UDP, sk->tos, sk->ttl, w->df);
	if (likely(w->df)) /* so it fits, choose_df() saw */
		ip_send_fitting(sk->cpu, skb, o, w->dst);
	else
		ip_send(sk->cpu, skb, o, w->dst);
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

/* May an AF_INET6 sock, which may have a name of IPv6, send this message by IPv4? */
static __noinline int mapped_fits(const struct sock *sk, const struct msghdr *m)
{
	const struct ip_addr *src = m->msg_pktinfo && !ip_is_any(&m->msg_pktinfo->addr) ? &m->msg_pktinfo->addr : &sk->saddr;

	return sock_family_fits(sk, src, &((const struct sockaddr_ip *)m->msg_name)->addr);
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
	if (unlikely(!ip_is_v4(&to->addr)))
		return -ENETUNREACH;
	w->daddr = ip_v4(&to->addr);
	w->dport = to->port;
	return unlikely(sk->family == AF_INET6) ? mapped_fits(sk, m) : 0;
}

static bool goes_by_ipv6(const struct sock *sk, const struct sockaddr_ip *to)
{
	return sk->family == AF_INET6 && !ip_is_v4(to ? &to->addr : &sk->daddr) && (to || udp_csk(sk)->connected);
}

struct sk_buff *udp_take_message(struct sock *sk, const struct msghdr *m, size_t len, int *err)
{
	struct sk_buff *skb;

	*err = -EAGAIN;
	if (!udp_has_room(sk))
		return NULL;
	skb = alloc_skb_with_frags(sk->cpu, SKB_HEADROOM, (unsigned)len);
	if (!skb) {
		*err = -ENOBUFS;
		return NULL;
	}
	fill_payload(skb, m);
	STAT_ADD(sk->cpu, CopyOutBytes, len);
	return skb;
}

long udp_sendmsg(struct sock *sk, const struct msghdr *m, int flags)
{
	size_t len = iov_bytes(m);
	struct udp_way w;
	struct sk_buff *skb;
	int err;

	if (flags & (MSG_OOB | MSG_MORE))
		return -EOPNOTSUPP;
	if (unlikely(goes_by_ipv6(sk, m->msg_name)))
		return udp6_sendmsg(sk, m, len);
	if (len > UDP_MAX_PAYLOAD)
		return -EMSGSIZE;
	err = udp_may_send(sk)
		?: destination(sk, m, &w)
		?: way_find(sk, &w)
		?: choose_df(sk, &w, (u32)len);
	if (err)
		return err;
	skb = udp_take_message(sk, m, len, &err);
	if (!skb) {
		if (err == -ENOBUFS)
			STAT(sk->cpu, UdpSndbufErrors);
		return err;
	}
	transmit(sk, skb, &w);
	return (long)len;
}

struct sk_buff *udp_share_payload(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *front = alloc_skb(sk->cpu, SKB_HEADROOM);

	if (front && !skb_share(sk->cpu, front, skb, 0, skb->len)) {
		consume_skb(sk->cpu, front);
		return NULL;
	}
	if (front) {
		front->ip = skb->ip;
		consume_skb(sk->cpu, skb);
	}
	return front;
}

static int send_v4(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *out;
	struct udp_way w;
	int err = udp_may_send(sk);

	if (unlikely(err))
		return err;
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
	out = udp_take_skb(sk, skb, &err);
	if (unlikely(!out))
		return err;
	transmit(sk, out, &w);
	return 0;
}

int udp_send_any(struct sock *sk, struct sk_buff *skb)
{
	bool v4 = ip_is_v4(udp_sk(sk)->connected ? &sk->daddr : &skb->ip.src);

	return likely(v4) ? send_v4(sk, skb) : udp6_send_skb(sk, skb);
}

/* Is all as it is with most answers: no hooks, a plain socket, a datagram over IPv4 in a buffer of its own, a way that takes it? */
static inline bool is_plain_answer(const struct sock *sk, const struct sk_buff *skb, const struct dst *way)
{
	const struct udp_sock *u = udp_csk(sk);
	const struct nf_cpu *nf = sk->cpu->nf;

	return likely(!((u32)sk->err | sk->shutdown | u->connected | skb->cloned | nf->nr[NF_LOCAL_OUT] | nf->nr[NF_POST_ROUTING]) &&
		      sk->sport && !sk->bound_dev && !u->opts && u->pmtudisc != IP_PMTUDISC_DONT &&
		      skb_headroom(skb) >= UDP_HEADROOM && udp_has_room(sk) &&
		      way->type < ADDR_BROADCAST && !way->no_df && skb->len + UDP_HLEN + IPV4_HLEN <= way->mtu);
}

/* Both headers at once in front of the payload of skb as it lies, each field made once, to go back to its sender from the
 * address it came to (RFC 1122 4.1.3.5). Returns where they begin. */
static inline u8 *put_headers(const struct sock *sk, struct sk_buff *skb)
{
	u32 saddr = ip_v4(&skb->ip.dst).raw, daddr = ip_v4(&skb->ip.src).raw, len = skb->len + UDP_HLEN + IPV4_HLEN;
	u16 udp_len = be16_of((u16)(len - IPV4_HLEN)).raw;
	u32 w0 = 0x45 | (u32)sk->tos << 8 | (u32)be16_of((u16)len).raw << 16, w1 = (u32)BE16_C(IP_DF).raw << 16;
	u32 w2 = (likely(!sk->ttl) ? (u8)sk->cpu->sysctl.ip_default_ttl : sk->ttl) | IPPROTO_UDP << 8;
	u64 addrs = (u64)saddr + daddr;
	struct __packed headers {
		u32 ip[5];
		u16 sport, dport, len;
		be16 check;
	} *h = (struct headers *)skb->data - 1;

	_Static_assert(sizeof(struct headers) == UDP_HLEN + IPV4_HLEN, "both headers without options");
	h->ip[0] = w0;
	h->ip[1] = w1;
	h->ip[2] = w2 | (u32)csum_fold(csum_fold64(addrs + w0 + w1 + w2)).raw << 16;
	h->ip[3] = saddr;
	h->ip[4] = daddr;
	h->sport = be16_of(sk->sport).raw;
	h->dport = be16_of(udp_cb(skb)->sport).raw;
	h->len = udp_len;
	h->check = csum_fold16(csum_fold64(addrs + udp_len + BE16_C(IPPROTO_UDP).raw)); /* of the pseudo header */
	return (u8 *)h;
}

void udp_answer_by_skb(struct sock *sk, struct sk_buff *skb, u8 *ip, unsigned ip_len, struct dst *way)
{
	u16 off = (u16)(ip - skb->head);

	skb->data = ip;
	skb->len += UDP_HLEN + ip_len;
	skb->network_header = off;
	skb->transport_header = skb->csum_start = (u16)(off + ip_len);
	skb->csum_offset = offsetof(struct udp_hdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->mark = sk->mark;
	skb->priority = sk->priority;
	skb->sk = sk;
	skb->destructor = udp_wfree;
	skb->tstamp_ns = 0;
	skb->hash = 0;
	skb->nfct = NULL;
	sk->wmem_alloc += skb->truesize;
	neigh_xmit(sk->cpu, skb, way);
}

static inline void answer(struct sock *sk, struct sk_buff *skb, struct dst *way)
{
	struct net_cpu *cpu = sk->cpu;

	STAT(cpu, UdpOutDatagrams);
	STAT(cpu, IpOutRequests);
	STAT_ADD(cpu, IpExtOutOctets, skb->len + UDP_HLEN + IPV4_HLEN);
	_Static_assert(UDP_HEADROOM >= UDP_HLEN + IPV4_HLEN + ETH_HLEN + FRAME_HEADROOM, "room for all in front");
	udp_answer_out(sk, skb, put_headers(sk, skb), IPV4_HLEN, way);
}

int udp_send_skb(struct sock *sk, struct sk_buff *skb, int flags)
{
	struct ip_dst_slot *slot;

	if (likely(skb->protocol == ETH_P_IP && skb->ip.addr_type == ADDR_LOCAL)) {
		slot = ip_dst_cached(sk->cpu, ip_v4(&skb->ip.dst), ip_v4(&skb->ip.src));
		if (likely(slot) && is_plain_answer(sk, skb, &slot->dst)) {
			answer(sk, skb, &slot->dst);
			return 0;
		}
	} else if (likely(skb->protocol == ETH_P_IPV6)) {
		return udp6_answer_skb(sk, skb);
	}
	return udp_send_any(sk, skb);
}
