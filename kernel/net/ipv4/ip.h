/* SPDX-License-Identifier: MIT
 * ip.h - IPv4: addresses of this host, routes, and the way in and out (RFC 791, RFC 1122 section 3).
 */
#pragma once

#include "net/core/dst.h"

/* ---- configuration (control path: tells every CPU) ---- */
int ip_addr_add(struct net *net, struct net_device *dev, be32 addr, unsigned prefix_len); /* and its connected route; 0, -EEXIST, -EINVAL */
int ip_addr_del(struct net *net, struct net_device *dev, be32 addr);
/* gateway 0.0.0.0: on link. 0, -EEXIST, -ENETUNREACH (gateway not on a connected net), -EINVAL, -ENOMEM */
int ip_route_add(struct net *net, be32 dst, unsigned prefix_len, be32 gateway, struct net_device *dev, u32 metric);
int ip_route_del(struct net *net, be32 dst, unsigned prefix_len, be32 gateway, struct net_device *dev);
/* The first address of dev, 0.0.0.0 when it has none; *prefix_len may be NULL. */
be32 ip_dev_addr(struct net_cpu *cpu, struct net_device *dev, unsigned *prefix_len);

/* ---- data path ---- */
enum drop_reason ip_rcv(struct net_cpu *cpu, struct sk_buff *skb); /* ETH_P_IP */
/* Sends skb->data (transport header first) to fl: header, hooks, fragments when larger than the MTU and df is not set. Consumes. */
void ip_xmit(struct net_cpu *cpu, struct sk_buff *skb, const struct flow *fl, struct dst *dst);
int ip_route_output(struct net_cpu *cpu, struct flow *fl, struct dst *dst);

int ip_cpu_init(struct net_cpu *cpu);
void ip_cpu_destroy(struct net_cpu *cpu);
