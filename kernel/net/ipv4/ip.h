/* SPDX-License-Identifier: MIT
 * ip.h - IPv4: addresses of this host, routes, and the way in and out (RFC 791, RFC 1122 section
 * 3).
 */
#pragma once

#include "net/core/dst.h"

/* ---- configuration (control path: tells every CPU) ---- */
/* and its connected route; 0, -EEXIST, -EINVAL */
int ip_addr_add(struct net *net, struct net_device *dev, be32 addr, unsigned prefix_len);
int ip_addr_del(struct net *net, struct net_device *dev, be32 addr);
/* gateway 0.0.0.0: on link. 0, -EEXIST, -ENETUNREACH (gateway not on a connected net), -EINVAL,
 * -ENOMEM */
int ip_route_add(struct net *net, be32 dst, unsigned prefix_len, be32 gateway,
		 struct net_device *dev, u32 metric);
int ip_route_del(struct net *net, be32 dst, unsigned prefix_len, be32 gateway,
		 struct net_device *dev);
struct ip_route;
/* Removes exactly this route. 0, -ENOENT. */
int ip_route_remove(struct net *net, const struct ip_route *r);
enum ip_route_type { ROUTE_UNICAST, ROUTE_UNREACHABLE, ROUTE_PROHIBIT, ROUTE_BLACKHOLE };
/* A route that refuses: ICMP host unreachable, ICMP prohibited, or silence. */
int ip_route_add_reject(struct net *net, be32 dst, unsigned prefix_len, enum ip_route_type type,
			u32 metric);
struct ip_route {
	be32 dst, mask, gateway; /* gateway 0.0.0.0: on link */
	be32 src;                /* preferred source, 0.0.0.0: the device's */
	struct net_device *dev;  /* NULL: it refuses */
	u32 metric;
	u8 plen, type;           /* enum ip_route_type */
};
/* The i-th route of this CPU's table, NULL past the last. */
const struct ip_route *ip_route_get(const struct net_cpu *cpu, unsigned i);
/* The first address of dev, 0.0.0.0 when it has none; *prefix_len may be NULL. */
be32 ip_dev_addr(struct net_cpu *cpu, struct net_device *dev, unsigned *prefix_len);

/* ---- data path ---- */
enum drop_reason ip_rcv(struct net_cpu *cpu, struct sk_buff *skb); /* ETH_P_IP */
enum drop_reason ip_rcv_frame(struct net_cpu *cpu, struct sk_buff *skb); /* see struct packet_type, all three */
enum drop_reason ip_shed_frame(struct net_cpu *cpu, const struct net_device *dev, const u8 *frame, u32 len);
bool ip_rcv_bare(struct net_cpu *cpu, struct net_device *dev, const u8 *frame, bool vouched);
/* Of a protocol's rcv_plain(), for what is not as plain as that: its header into skb->ip, and to rcv(). */
enum drop_reason ip_rcv_decoded(struct net_cpu *cpu, struct sk_buff *skb);
/* Sends skb->data (transport header first) to fl: header, hooks, fragments when larger than the MTU
 * and df is not set. Consumes. */
void ip_xmit(struct net_cpu *cpu, struct sk_buff *skb, const struct flow *fl, struct dst *dst);
void ip_xmit_sock(struct sock *sk, struct sk_buff *skb, bool df);
int ip_route_output(struct net_cpu *cpu, struct flow *fl, struct dst *dst);
/* A checked ICMP "fragmentation needed" about daddr: its path takes `mtu` bytes for the next ten
 * minutes (RFC 1191 6.3). Never raises what is known, never goes below 552 (there
 * nothing is sent with DF any more, and routers cut it); cached dsts are asked
 * again. */
void ip_pmtu_update(struct net_cpu *cpu, be32 daddr, u32 mtu);

int ip_cpu_init(struct net_cpu *cpu);
void ip_cpu_destroy(struct net_cpu *cpu);
