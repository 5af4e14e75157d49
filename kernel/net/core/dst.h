/* SPDX-License-Identifier: MIT
 * dst.h - where a packet goes: a flow (what the sender wants) and a dst (what the route table made of it).
 *
 * A dst is a value: a socket keeps one and asks again when its generation is not the CPU's (routes, addresses or
 * neighbours changed). Both address families stand behind struct af_ops, so transports know neither.
 */
#pragma once

#include "net/core/dev.h"

enum addr_type { ADDR_UNICAST, ADDR_LOCAL, ADDR_BROADCAST, ADDR_MULTICAST, ADDR_ANY, ADDR_INVALID };

struct neigh;
struct sock;

struct flow {
	struct ip_addr src, dst; /* src may be unspecified: the route fills it */
	u8 proto, tos, ttl;      /* ttl 0: the sysctl's */
	bool df;                 /* do not fragment */
	u32 mark;
	struct net_device *dev;  /* NULL: any */
};

struct dst {
	struct net_device *dev;
	struct neigh *neigh;     /* NULL: not asked yet, or the link has none */
	struct ip_addr next_hop;
	u32 mtu;                 /* of the path, bytes of IP */
	u32 gen;                 /* valid while equal to cpu->dst_gen, see dst_valid() */
	u8 type;                 /* enum addr_type of the destination */
	bool loopback;
	bool no_df;              /* links of the path are smaller than mtu: routers cut */
	u8 hop_limit;            /* as routers said; 0: as the operator says */
	u32 sum;                 /* ones'-complement sum of the flow's addresses, folded to 16 bits: of the pseudo header */
};

static inline bool dst_valid(const struct net_cpu *cpu, const struct dst *dst) { return dst->gen == cpu->dst_gen; }

struct af_ops {
	const char *name;
	u16 family;   /* AF_INET, AF_INET6 */
	u16 ethertype;
	u16 hdr_len;  /* without options */
	/* Finds the way and the source address. 0, -ENETUNREACH, -EHOSTUNREACH, -EACCES (broadcast not asked for), -EINVAL. */
	int (*route)(struct net_cpu *cpu, struct flow *fl, struct dst *dst);
	u32 (*gen)(struct net_cpu *cpu);
	/* Pushes the IP header in front of skb->data and sends it through LOCAL_OUT, POST_ROUTING and the neighbour. Consumes. */
	void (*xmit)(struct net_cpu *cpu, struct sk_buff *skb, const struct flow *fl, struct dst *dst);
	/* The same for a connected sock, whose addresses, marks and (valid) dst it takes. Consumes. */
	void (*xmit_sock)(struct sock *sk, struct sk_buff *skb, bool df);
	/* Ones'-complement sum of the pseudo header (not folded to 16 bits). */
	u32 (*pseudo_sum)(const struct ip_addr *src, const struct ip_addr *dst, u8 proto, u32 len);
	enum addr_type (*addr_type)(struct net_cpu *cpu, const struct ip_addr *a);
	/* The transport made progress with this peer: its neighbour entry is confirmed (RFC 4861 7.3.1). */
	void (*confirm)(struct net_cpu *cpu, struct dst *dst);
	/* A checked message says that the path to this peer takes `mtu` bytes (RFC 1191 6.3, RFC 8201 4). */
	void (*pmtu_update)(struct net_cpu *cpu, const struct ip_addr *daddr, u32 mtu);
	/* ICMP port (or other) unreachable about an inbound skb whose skb->ip and network_header are valid; does not consume. */
	void (*send_unreach)(struct net_cpu *cpu, struct sk_buff *skb, u8 code);
};
extern const struct af_ops ipv4_af, ipv6_af;
/* The family that carries packets to and from this address: a v4-mapped one travels as IPv4. */
static inline const struct af_ops *af_of(const struct ip_addr *a) { return likely(ip_is_v4(a)) ? &ipv4_af : &ipv6_af; }
