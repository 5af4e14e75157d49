/* SPDX-License-Identifier: MIT
 * udp_impl.h - what udp.c (the way in) and udp_sock.c (the endpoint's calls) share.
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

/* Frees a closed sock whose last skb is gone. */
void udp_sock_free(struct sock *sk);
