/* SPDX-License-Identifier: MIT
 * udp_recv.c - the application's side of what arrived: recvmsg with addresses and options, and skbs as they are (RFC 1122
 * 4.1.3, 4.1.4).
 *
 * Takes from u->rx, which udp.c fills. Runs in base with softirq held off, and in softirq for the stack's own.
 */
#include "net/ipv4/udp_impl.h"
#include "net/ipv4/ip_impl.h"

/* 0: there is a datagram; else what recvmsg() says instead, *end when that is the end of it all. */
static inline int may_receive(struct sock *sk, bool *end)
{
	*end = false;
	if (unlikely(sk->err))
		return sock_error(sk);
	if (likely(!skb_queue_empty(&udp_sk(sk)->rx)))
		return 0;
	*end = sk->shutdown & 1;
	return *end ? 0 : -EAGAIN;
}

static struct sk_buff *take(struct sock *sk)
{
	struct sk_buff *skb = skb_dequeue(&udp_sk(sk)->rx);

	sk->rmem_alloc -= skb->truesize;
	return skb;
}

static size_t copy_payload(const struct sk_buff *skb, struct msghdr *m)
{
	size_t at = 0;

	for (size_t i = 0; i < m->msg_iovlen && at < skb->len; i++) {
		size_t n = MIN(m->msg_iov[i].iov_len, (size_t)skb->len - at);

		if (n) /* a piece of none may be nowhere */
			skb_copy_bits(skb, (unsigned)at, m->msg_iov[i].iov_base, (unsigned)n);
		at += n;
	}
	return at;
}

/* RFC 1122 4.1.3.2, 4.1.3.5, 4.1.4: address it was sent to, options, TOS. */
static void tell_pktinfo(const struct sk_buff *skb, struct ip_pktinfo *info)
{
	*info = (struct ip_pktinfo){
		.addr = skb->ip.dst, .ifindex = skb->dev->ifindex, .tos = skb->ip.tos, .ttl = skb->ip.ttl,
	};
	if (!ip_is_v4(&skb->ip.src))
		return;
	info->optlen = (u8)(skb->ip.hdr_len - IPV4_HLEN);
	memcpy(info->opts, skb_network_header(skb) + IPV4_HLEN, info->optlen);
}

long udp_recvmsg(struct sock *sk, struct msghdr *m, int flags)
{
	struct sk_buff *skb;
	size_t len, copied;
	bool end;
	int err = may_receive(sk, &end);

	if (err || end)
		return err;
	skb = skb_peek(&udp_sk(sk)->rx);
	len = skb->len;
	copied = copy_payload(skb, m);
	STAT_ADD(sk->cpu, CopyInBytes, copied);
	m->msg_flags = copied < len ? MSG_TRUNC : 0;
	if (m->msg_name)
		*m->msg_name = (struct sockaddr_ip){
			.family = sk->family,
			.port = udp_cb(skb)->sport,
			.addr = skb->ip.src,
		};
	if (m->msg_pktinfo)
		tell_pktinfo(skb, m->msg_pktinfo);
	if (!(flags & MSG_PEEK))
		consume_skb(sk->cpu, take(sk));
	return (long)(flags & MSG_TRUNC ? len : copied);
}

struct sk_buff *udp_recv_skb(struct sock *sk, int *err)
{
	bool end;

	*err = may_receive(sk, &end);
	return unlikely(*err || end) ? NULL : take(sk);
}
