/* SPDX-License-Identifier: MIT
 * udp_impl.h - what udp.c (the way in), udp_sock.c, udp_recv.c and udp_opt.c (the endpoint's calls) share.
 */
#pragma once

#include "net/ipv4/udp.h"
#include "net/wire/udp.h"
#include "net/wire/checksum.h"

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
	be32 way_src;              /* what way_slow() found, for the datagram in hand */
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
	u64 port_seq;
	unsigned nr;
};
static inline struct hlist_head *udp_bucket(const struct net_cpu *cpu, u16 port)
{
	return &cpu->udp->buckets[port % UDP_BUCKETS];
}

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
