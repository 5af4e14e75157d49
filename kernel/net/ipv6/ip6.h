/* SPDX-License-Identifier: MIT
 * ip6.h - IPv6: addresses of this host, routes, and the way in and out (RFC 8200, 4291, 4862, 6724).
 */
#pragma once

#include "net/core/dst.h"

/* ---- configuration (control path, on CPU 0: tells every CPU) ---- */
/* IPv6 begins on dev: a link-local address is formed, routers are asked. 0, -EINVAL (its MTU is below 1280), -ENOMEM. */
int ip6_dev_up(struct net *net, struct net_device *dev);

enum ip6_addr_state { IP6_TENTATIVE, IP6_VALID, IP6_DUPLICATE };
/* Formed from an advertised prefix; its identifier is RFC 7217's; valid, but still probed for (RFC 4429). */
enum { IP6_F_AUTO = 1, IP6_F_STABLE = 2, IP6_F_OPTIMISTIC = 4 };
struct ip6_ifaddr {
	struct ip_addr addr;
	struct net_device *dev;
	u8 plen, state, flags, dad_count;
	u64 valid_ns, preferred_ns; /* until when; TIME_NEVER */
};
/* An address and its on-link prefix; it is used when nobody on the link objects (RFC 4862 5.4). 0, -EEXIST, -EINVAL,
 * -ENOSPC, -ENOMEM. */
int ip6_addr_add(struct net *net, struct net_device *dev, const struct ip_addr *addr, unsigned plen);
int ip6_addr_del(struct net *net, struct net_device *dev, const struct ip_addr *addr);
/* The i-th address of this CPU's table, NULL past the last. */
const struct ip6_ifaddr *ip6_addr_get(const struct net_cpu *cpu, unsigned i);

struct ip6_route {
	struct ip_addr dst, gateway; /* gateway unspecified: on link */
	struct net_device *dev;
	u32 metric;
	u8 plen;
	bool ra;                     /* a router said so: its lifetime ends it */
	bool boot;                   /* the operator's: as Linux has it, of no protocol's making */
};
/* 0, -EEXIST, -ENETUNREACH (the gateway is no neighbour), -EINVAL, -ENOSPC, -ENOMEM. */
int ip6_route_add(struct net *net, const struct ip6_route *r);
int ip6_route_del(struct net *net, const struct ip_addr *dst, unsigned plen, const struct ip_addr *gateway,
		  const struct net_device *dev);
/* The i-th route of this CPU's table, NULL past the last. */
const struct ip6_route *ip6_route_get(const struct net_cpu *cpu, unsigned i);

/* Resolvers that routers announced (RFC 8106): copies up to `max`, returns how many. CPU 0 knows them. */
/* The groups that this CPU listens to on dev, at most max of them: how many. */
unsigned ip6_groups(const struct net_cpu *cpu, const struct net_device *dev, struct ip_addr *out, unsigned max);
unsigned ip6_dns_servers(const struct net_cpu *cpu, struct ip_addr *out, unsigned max);

/* Gives the devices their IPv6 as the command line says (ipv6.disable=1, ip6=DEV:ADDR/PLEN,GATEWAY). Once, on CPU 0,
 * behind net_configure(), which opens them. */
void ip6_configure(struct net *net, const char *cmdline);

/* ---- data path ---- */
enum drop_reason ip6_rcv(struct net_cpu *cpu, struct sk_buff *skb); /* ETH_P_IPV6 */
enum drop_reason ip6_rcv_frame(struct net_cpu *cpu, struct sk_buff *skb); /* see struct packet_type, all three */
enum drop_reason ip6_shed_frame(struct net_cpu *cpu, const struct net_device *dev, const u8 *frame, u32 len);
bool ip6_rcv_bare(struct net_cpu *cpu, struct net_device *dev, const u8 *frame, bool vouched);
/* Writes and counts the header of a packet without a sock, in front of its len bytes at `at`. Returns the pseudo header's sum. */
u32 ip6_put_flow_header(struct net_cpu *cpu, const struct flow *fl, const struct dst *dst, u8 *at, u32 len);
/* The first word of a connected sock's headers, host order, while net.ipv6.flowlabels is on and its traffic class 0. */
u32 ip6_sock_word(const struct sock *sk);
/* As af_ops.route: finds the way and the source address. */
int ip6_route_output(struct net_cpu *cpu, struct flow *fl, struct dst *dst);

int ip6_cpu_init(struct net_cpu *cpu);
void ip6_cpu_destroy(struct net_cpu *cpu);
