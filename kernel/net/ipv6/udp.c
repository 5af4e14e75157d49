/* SPDX-License-Identifier: MIT
 * udp.c - datagrams on their way out over IPv6: messages, and received skbs sent back as they are (RFC 8200 8.1, RFC 8085).
 *
 * The endpoints are ipv4/udp_sock.c's, of both families. What does not fit the path is cut by output.c, unless the
 * application forbade it. Runs in base with softirq held off, and in softirq for the stack's own.
 */
#include "net/ipv4/udp_impl.h"
#include "net/ipv6/ip6_impl.h"

#define UDP6_MAX_PAYLOAD (IPV6_LEN_MAX - UDP_HLEN)

/* How a datagram travels; inlined functions alone take its address. */
struct udp6_way {
	const struct ip_addr *saddr, *daddr; /* saddr unspecified: as the route says */
	u16 dport;
	bool df;
	struct dst *dst; /* the sock's own, a slot of the cache, or what way_slow() found */
};

/* Not cached: bound to a device, or the first to this destination for a while. The answer is in u->way_src and *dst. */
static __noinline int way_slow(struct sock *sk, const struct ip_addr *saddr, const struct ip_addr *daddr, struct dst *dst)
{
	struct flow fl = { .src = *saddr, .dst = *daddr, .proto = IPPROTO_UDP, .mark = sk->mark, .dev = sk->bound_dev };
	int err = udp_route(sk, &fl, dst);

	udp_sk(sk)->way_src = fl.src;
	if (err)
		dst->gen = 0;
	return err;
}

static inline int way_find(struct sock *sk, struct udp6_way *w)
{
	struct ip6_dst_slot *slot;
	int err;

	if (udp_sk(sk)->connected && w->daddr == &sk->daddr) {
		w->dst = &sk->dst;
		if (likely(dst_valid(sk->cpu, &sk->dst)))
			return 0;
	} else {
		slot = ip6_dst_cached(sk->cpu, w->saddr, w->daddr);
		if (likely(slot && !sk->bound_dev)) {
			w->dst = &slot->dst;
			w->saddr = &slot->src;
			return 0;
		}
		w->dst = &udp_sk(sk)->way;
	}
	err = way_slow(sk, w->saddr, w->daddr, w->dst);
	w->saddr = &udp_sk(sk)->way_src;
	return err;
}

/* RFC 8201 5.2: whole or not at all where the application says so, else in pieces when it must be. */
static inline int choose_df(const struct sock *sk, struct udp6_way *w, u32 payload)
{
	w->df = udp_csk(sk)->pmtudisc == IP_PMTUDISC_DO;
	return unlikely(w->df && payload + UDP_HLEN + IPV6_HLEN > w->dst->mtu) ? -EMSGSIZE : 0;
}

static inline void transmit(struct sock *sk, struct sk_buff *skb, const struct udp6_way *w)
{
	udp_push_header(sk, skb, w->dport, ip6_pseudo_sum(w->saddr, w->daddr, IPPROTO_UDP, skb->len + UDP_HLEN));
	STAT(sk->cpu, Udp6OutDatagrams);
	ip6_xmit_datagram(sk, skb, w->saddr, w->daddr, w->dst, w->df);
}

/* Where a message goes; its source may be left to the route. */
static int destination(const struct sock *sk, const struct msghdr *m, struct udp6_way *w)
{
	const struct sockaddr_ip *to = m->msg_name;

	w->saddr = &sk->saddr;
	if (m->msg_pktinfo && !ip_is_any(&m->msg_pktinfo->addr))
		w->saddr = &m->msg_pktinfo->addr;
	w->daddr = to ? &to->addr : &sk->daddr;
	w->dport = to ? to->port : sk->dport;
	if (to && to->family != sk->family)
		return -EAFNOSUPPORT;
	if (to && !to->port)
		return -EINVAL;
	return sock_family_fits(sk, w->saddr, w->daddr);
}

long udp6_sendmsg(struct sock *sk, const struct msghdr *m, size_t len)
{
	struct sk_buff *skb;
	struct udp6_way w;
	int err;

	if (len > UDP6_MAX_PAYLOAD)
		return -EMSGSIZE;
	err = udp_may_send(sk) ?: destination(sk, m, &w) ?: way_find(sk, &w) ?: choose_df(sk, &w, (u32)len);
	if (err)
		return err;
	skb = udp_take_message(sk, m, len, &err);
	if (!skb) {
		if (err == -ENOBUFS)
			STAT(sk->cpu, Udp6SndbufErrors);
		return err;
	}
	transmit(sk, skb, &w);
	return (long)len;
}

/* To the peer, or back to the sender from the address it wrote to. */
int udp6_send_skb(struct sock *sk, struct sk_buff *skb)
{
	bool connected = udp_sk(sk)->connected, to_group = skb->ip.addr_type != ADDR_LOCAL;
	struct udp6_way w = {
		.saddr = connected || to_group ? &sk->saddr : &skb->ip.dst,
		.daddr = connected ? &sk->daddr : &skb->ip.src,
		.dport = connected ? sk->dport : udp_cb(skb)->sport,
	};
	struct sk_buff *out;
	int err;

	if (unlikely(skb->len > UDP6_MAX_PAYLOAD))
		return -EMSGSIZE;
	err = udp_may_send(sk) ?: way_find(sk, &w) ?: choose_df(sk, &w, skb->len);
	if (unlikely(err))
		return err;
	out = udp_take_skb(sk, skb, &err);
	if (unlikely(!out))
		return err;
	if (!connected)
		w.daddr = &out->ip.src;
	transmit(sk, out, &w);
	return 0;
}
