/* SPDX-License-Identifier: MIT
 * udp.h - UDP over the address families (RFC 768, RFC 1122 4.1, RFC 8085).
 */
#pragma once

#include "net/core/sock.h"

extern const struct proto udp_prot;
extern const struct inet_protocol udp_protocol;

/* In skb->cb of a received datagram: with skb->ip.src and .dst it says everything about its way. */
struct udp_cb {
	u16 sport, dport;
};
static inline struct udp_cb *udp_cb(struct sk_buff *skb) { return (struct udp_cb *)skb->cb; }

/* A sock of the stack's own (DHCP): as udp_prot's, freed by udp_prot.close(). */
static inline struct sock *udp_sock_create(struct net_cpu *cpu)
{
	return udp_prot.create(cpu, AF_INET);
}
/* Walks the table for the operator; NULL starts and ends. */
const struct sock *udp_next(const struct net_cpu *cpu, const struct sock *sk);

int udp_cpu_init(struct net_cpu *cpu);
void udp_cpu_destroy(struct net_cpu *cpu);
