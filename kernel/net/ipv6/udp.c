/* SPDX-License-Identifier: MIT
 * udp.c - datagrams on their way out over IPv6: messages, and received skbs sent back as they are (RFC 8200 8.1, RFC 8085).
 *
 * The endpoints are ipv4/udp_sock.c's, of both families. What does not fit the path is cut by output.c, unless the
 * application forbade it. Runs in base with softirq held off, and in softirq for the stack's own.
 */
#include "net/ipv4/udp_impl.h"
#include "net/ipv6/ip6_impl.h"
#include "net/core/netfilter.h"
#include "net/core/qdisc.h"

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

#define ANSWER_HEADROOM (FRAME_HEADROOM + ETH_HLEN + IPV6_HLEN + UDP_HLEN)

/* Is all as it is with most answers: no hooks, a plain socket, a datagram in a buffer of its own, a way that takes it whole? */
static inline bool is_plain_answer(const struct sock *sk, const struct sk_buff *skb, const struct dst *way)
{
	const struct udp_sock *u = udp_csk(sk);
	const struct nf_cpu *nf = sk->cpu->nf;

	return likely(!((u32)sk->err | sk->shutdown | u->connected | skb->cloned | nf->nr[NF_LOCAL_OUT] | nf->nr[NF_POST_ROUTING]) &&
		      sk->sport && !sk->bound_dev && skb_headroom(skb) >= ANSWER_HEADROOM && udp_has_room(sk) &&
		      skb->len + UDP_HLEN + IPV6_HLEN <= way->mtu);
}

/* Both headers at once in front of the payload of skb as it lies, to go back to its sender from the address it came to (RFC 1122
 * 4.1.3.5). Returns where they begin. */
static inline u8 *put_headers(const struct sock *sk, struct sk_buff *skb, const struct dst *way)
{
	struct __packed headers {
		u32 word;
		u16 payload_len;
		u8 nexthdr, hop_limit;
		struct ip_addr saddr, daddr;
		u32 ports; /* the source's first */
		u16 len;
		be16 check;
	} *h = (struct headers *)skb->data - 1;
	u32 ports = be16_of(sk->sport).raw | (u32)be16_of(udp_cb(skb)->sport).raw << 16, len = skb->len + UDP_HLEN;
	struct ip_addr saddr = skb->ip.dst, daddr = skb->ip.src; /* what is written may be anything, so says C */
	const struct net_cpu *cpu = sk->cpu;
	u8 hops = ip6_hops(cpu, way, sk->ttl);

	_Static_assert(sizeof(struct headers) == UDP_HLEN + IPV6_HLEN, "both headers without options");
	h->word = be32_of(ip6_first_word(cpu, sk->tos, &saddr, &daddr, ports)).raw;
	h->payload_len = h->len = be16_of((u16)len).raw;
	h->nexthdr = IPPROTO_UDP;
	h->hop_limit = hops;
	h->saddr = saddr;
	h->daddr = daddr;
	h->ports = ports;
	h->check = csum_fold16(way->sum + h->len + BE16_C(IPPROTO_UDP).raw); /* of the pseudo header */
	return (u8 *)h;
}

static inline void answer(struct sock *sk, struct sk_buff *skb, struct dst *way)
{
	struct net_cpu *cpu = sk->cpu;

	STAT(cpu, Udp6OutDatagrams);
	STAT(cpu, Ip6OutRequests);
	STAT_ADD(cpu, Ip6OutOctets, skb->len + UDP_HLEN + IPV6_HLEN);
	udp_answer_out(sk, skb, put_headers(sk, skb, way), IPV6_HLEN, way);
}

int udp6_answer_skb(struct sock *sk, struct sk_buff *skb)
{
	struct ip6_dst_slot *slot = ip6_dst_cached(sk->cpu, &skb->ip.dst, &skb->ip.src); /* so it came to an address of ours */

	if (unlikely(!slot || !is_plain_answer(sk, skb, &slot->dst)))
		return udp_send_any(sk, skb);
	answer(sk, skb, &slot->dst);
	return 0;
}
