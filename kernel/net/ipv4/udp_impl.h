/* SPDX-License-Identifier: MIT
 * udp_impl.h - what udp.c (the way in), udp_sock.c, udp_send.c, udp_recv.c and udp_opt.c (the endpoint's calls) and
 * ipv6/udp.c (the way out of that family) share.
 */
#pragma once

#include "net/ipv4/udp.h"
#include "lib/errno.h"
#include "net/core/qdisc.h"
#include "net/link/neigh.h"
#include "net/wire/ether.h"
#include "net/wire/ipv6.h"
#include "net/wire/udp.h"
#include "net/wire/checksum.h"

#define UDP_HEADROOM (ETH_HLEN + IPV6_HLEN + UDP_HLEN)

struct udp_sock {
	struct sock sk;
	struct sk_buff_head rx;
	bool has_saddr, connected; /* of sk->saddr, sk->daddr: what lookup asks for */
	bool closed;               /* the application let go; the last skb on its way frees us */
	u8 pmtudisc;               /* IP_PMTUDISC_* */
	bool mc_loop;              /* members here hear what it sends to a group */
	u8 mc_ttl;                 /* RFC 1112 6.1: 1 unless told */
	u8 optlen;                 /* options in each header sent */
	struct net_device *mc_dev; /* groups are sent to by it; NULL: by the route */
	struct udp_group *groups;  /* that it joined */
	u8 *opts;                  /* NULL: none */
	struct ip_addr way_src;    /* what way_slow() found, for the datagram in hand */
	struct dst way;
};
static inline struct udp_sock *udp_sk(struct sock *sk)
{
	return container_of(sk, struct udp_sock, sk);
}
static inline const struct udp_sock *udp_csk(const struct sock *sk)
{
	return container_of(sk, const struct udp_sock, sk);
}

struct udp_group {
	struct udp_group *next;
	struct net_device *dev;
	be32 group;
};

struct udp_cpu {
	struct hlist_head buckets[UDP_BUCKETS];
	struct kmem_cache *cache;
	const struct udp_sock *full; /* whose queue overflowed last; NULL: none since */
	u64 port_seq;
	unsigned nr;
};
static inline struct hlist_head *udp_bucket(const struct net_cpu *cpu, u16 port)
{
	return &cpu->udp->buckets[port % UDP_BUCKETS];
}

/* Counted by the family that carries the datagram, which of an AF_INET6 sock may be either. */
#define UDP_STAT(cpu, v4, name) \
	((cpu)->stats[STAT_Udp##name + ((v4) ? 0 : STAT_Udp6InDatagrams - STAT_UdpInDatagrams)]++)
#define SAME_PLACE(name) (STAT_Udp6##name - STAT_Udp##name == STAT_Udp6InDatagrams - STAT_UdpInDatagrams)
_Static_assert(SAME_PLACE(NoPorts) && SAME_PLACE(InErrors) && SAME_PLACE(OutDatagrams) && SAME_PLACE(RcvbufErrors) &&
		       SAME_PLACE(SndbufErrors) && SAME_PLACE(InCsumErrors) && SAME_PLACE(IgnoredMulti),
	       "both families' counters stand in the same order");
#undef SAME_PLACE

/* ---- udp_sock.c ---- */
/* RFC 6056 3.3.1: from a random place on, the first port that is free; fl: and that makes the flow to dport this CPU's. */
int udp_autobind(struct sock *sk, const struct flow *fl, u16 dport);
/* Way and source address of a flow; broadcasts for those who asked for them. 0 or -errno. */
int udp_route(struct sock *sk, struct flow *fl, struct dst *dst);

/* ---- udp_send.c; sendmsg and send_skb are rows of udp_prot ---- */
long udp_sendmsg(struct sock *sk, const struct msghdr *m, int flags);
int udp_send_skb(struct sock *sk, struct sk_buff *skb, int flags);
/* An skb with headroom and the message's len bytes, in room that the sock has. NULL: *err. */
struct sk_buff *udp_take_message(struct sock *sk, const struct msghdr *m, size_t len, int *err);
/* A new skb with headroom that refers to skb's payload and has its skb->ip; skb is consumed. NULL: no memory. */
struct sk_buff *udp_share_payload(struct sock *sk, struct sk_buff *skb);
/* udp_send_skb() for what is not as most answers are. */
int udp_send_any(struct sock *sk, struct sk_buff *skb);
/* A packet, finished from its IP header at `ip` on, of ip_len bytes, by way of the discipline: charged to the sock until it has
 * left. */
void udp_answer_by_skb(struct sock *sk, struct sk_buff *skb, u8 *ip, unsigned ip_len, struct dst *way);
/* A datagram on its way is gone. */
void udp_wfree(struct sk_buff *skb);
/* What stands against sending at all. */
static inline int udp_may_send(struct sock *sk)
{
	if (unlikely(sk->err))
		return sock_error(sk);
	if (unlikely(sk->shutdown & 2))
		return -EPIPE;
	return likely(sk->sport) ? 0 : udp_autobind(sk, NULL, 0);
}
/* As on Linux a datagram of any size may begin below the limit: so who waits for room waits above it, and is told at half. */
static inline bool udp_has_room(const struct sock *sk)
{
	return likely(sk->wmem_alloc < sk->sndbuf);
}
/* A received skb as one to send: headers may be written, nothing is left of how it came but skb->ip. It may be another one,
 * then skb is consumed. NULL: no room or no memory, and *err. */
static inline struct sk_buff *udp_take_skb(struct sock *sk, struct sk_buff *skb, int *err)
{
	*err = -EAGAIN;
	if (!udp_has_room(sk))
		return NULL;
	*err = -ENOBUFS;
	if (unlikely(skb->cloned || skb_headroom(skb) < UDP_HEADROOM)) {
		skb = udp_share_payload(sk, skb);
		if (!skb)
			return NULL;
	}
	skb->tstamp_ns = 0;
	skb->hash = 0;
	skb->nfct = NULL;
	return skb;
}
/* The header in front of the payload at skb->data, its checksum left to the device; `pseudo` is the pseudo header's sum. */
static inline void udp_push_header(struct sock *sk, struct sk_buff *skb, u16 dport, u32 pseudo)
{
	struct udp_hdr *h = (struct udp_hdr *)skb_push(skb, UDP_HLEN);

	skb->transport_header = skb->csum_start = (u16)skb_headroom(skb);
	skb->csum_offset = offsetof(struct udp_hdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->mark = sk->mark;
	skb->priority = sk->priority;
	skb->sk = sk;
	skb->destructor = udp_wfree;
	sk->wmem_alloc += skb->truesize;
	h->sport = be16_of(sk->sport);
	h->dport = be16_of(dport);
	h->len = be16_of((u16)skb->len);
	h->check = csum_fold16(pseudo);
}
/* An answer, finished from its IP header of ip_len bytes at `ip` on, with ETH_HLEN + FRAME_HEADROOM bytes before that: straight to
 * the ring, as the buffer alone, whose skb ends, so nothing is charged; or by way of the discipline. */
static inline void udp_answer_out(struct sock *sk, struct sk_buff *skb, u8 *ip, unsigned ip_len, struct dst *way)
{
	struct neigh *n = way->neigh;
	struct net_cpu *cpu = sk->cpu;
	struct netdev_queue *txq;
	u32 len = skb->len + UDP_HLEN + ip_len + ETH_HLEN;

	if (unlikely(!n || n->state != NEIGH_REACHABLE || skb->cpu != cpu->id || !skb_is_alone(cpu, skb)) ||
	    unlikely(!(txq = dev_direct_queue(cpu, way->dev)))) {
		udp_answer_by_skb(sk, skb, ip, ip_len, way);
		return;
	}
	memcpy(ip - ETH_HLEN, n->link_hdr, ETH_HLEN);
	n->used_ns = cpu->now_ns;
	dev_xmit_frame(txq, skb_take_buf(cpu, skb), ip - ETH_HLEN, len, (ETH_HLEN + ip_len) | offsetof(struct udp_hdr, check) << 16);
}

/* ---- ipv6/udp.c: a message of len bytes, and a received skb to its sender, over IPv6 ---- */
long udp6_sendmsg(struct sock *sk, const struct msghdr *m, size_t len);
int udp6_send_skb(struct sock *sk, struct sk_buff *skb);
/* udp_send_skb() of one that came over IPv6. */
int udp6_answer_skb(struct sock *sk, struct sk_buff *skb);

/* ---- udp_recv.c: rows of udp_prot ---- */
long udp_recvmsg(struct sock *sk, struct msghdr *m, int flags);
struct sk_buff *udp_recv_skb(struct sock *sk, int *err);

/* ---- udp_opt.c ---- */
int udp_setsockopt(struct sock *sk, int level, int opt, const void *val, unsigned len);
int udp_getsockopt(struct sock *sk, int level, int opt, void *val, unsigned *len);
/* Leaves all groups and forgets the options. */
void udp_options_drop(struct udp_sock *u);

/* Frees a closed sock whose last skb is gone. */
void udp_sock_free(struct sock *sk);
