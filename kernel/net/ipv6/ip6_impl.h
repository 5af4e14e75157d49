/* SPDX-License-Identifier: MIT
 * ip6_impl.h - what the files of ipv6/ share: struct ip6_cpu, one CPU's addresses, routes and caches, and what CPU 0
 * alone knows of the links (struct ip6_link).
 */
#pragma once

#include "core/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "lib/token.h"
#include "net/core/frag.h"
#include "net/core/sock.h"
#include "net/ipv6/icmp6.h"
#include "net/ipv6/ip6.h"
#include "net/link/loopback.h"
#include "net/link/neigh.h"
#include "net/wire/checksum.h"
#include "net/wire/ipv6.h"
#include "net/wire/nd.h"

#define IP6_LOCAL_SLOTS 128 /* an address of IP6_ADDRS_MAX each: a quarter full */

struct ip6_local { /* an address of ours that is in use: open addressing, unspecified is empty */
	struct ip_addr addr;
	struct net_device *dev;
};
struct ip6_dst_slot { /* what route.c found for (daddr, saddr) without a device asked for */
	struct ip_addr daddr, saddr; /* as asked; saddr unspecified: any */
	struct ip_addr src;          /* as chosen */
	struct dst dst;
};
struct ip6_pair { /* input.c: what came from src to this address of ours was found good */
	u64 addrs[4];          /* as they stand in the header */
	u64 where;             /* generation of the tables and ifindex */
};
struct ip6_pmtu {
	struct ip_addr daddr;
	u32 mtu;               /* 0: empty */
	u64 expires_ns;
};
struct ip6_pmtus {             /* made when the first is learned */
	struct net_cpu *cpu;
	struct timer timer;    /* armed while something here is not over: cached routes do not look at the clock */
	struct ip6_pmtu slots[IP_PMTU_SLOTS];
};
struct ip6_fib { /* sorted by prefix length (longest first), destination, metric */
	struct ip6_route *routes;
	unsigned nr, cap;
	u16 first[130];        /* where prefix length 128 - i begins; [129] is the end */
	u64 lengths[3];        /* bit i: there are routes with prefix length 128 - i */
};
struct ip6_params {            /* of a device, as routers said; 0: they did not */
	bool up;
	u8 hop_limit;
	u32 reachable_ms, retrans_ms, mtu;
};

struct ip6_cpu {
	/* ---- hot ---- */
	struct ip6_local local[IP6_LOCAL_SLOTS];
	struct ip6_dst_slot cache[IP6_DST_CACHE];
	struct ip6_pair pairs[IP6_PAIRS];
	struct ip6_params params[MAX_NETDEVS + 1]; /* by ifindex */
	/* ---- control ---- */
	unsigned nr_addrs;
	struct ip6_ifaddr addrs[IP6_ADDRS_MAX];
	struct ip6_fib fib;
	struct ip6_pmtus *pmtu;
	u32 ids[IP6_ID_SLOTS];
	struct token_bucket errors_all, errors[ICMP_PEERS], conflict_log;
	struct list_head pings;
	struct autoconf *autoconf; /* CPU 0: DAD, routers, prefixes, listeners */
};

static inline u32 ip6_hash(const struct ip_addr *a)
{
	return (u32)(((a->q[0] * 0x9e3779b97f4a7c15ull) ^ a->q[1]) * 0x9e3779b97f4a7c15ull >> 32);
}

/* ---- addr.c ---- */
enum addr_type ip6_addr_type_slow(const struct ip_addr *a);
static inline struct ip6_local *ip6_local_find(struct net_cpu *cpu, const struct ip_addr *a)
{
	struct ip6_local *tab = cpu->ip6->local;

	for (u32 i = ip6_hash(a) % IP6_LOCAL_SLOTS; tab[i].addr.q[0] | tab[i].addr.q[1]; i = (i + 1) % IP6_LOCAL_SLOTS)
		if (ip_eq(&tab[i].addr, a))
			return &tab[i];
	return NULL;
}
static inline enum addr_type ip6_addr_type(struct net_cpu *cpu, const struct ip_addr *a)
{
	return likely(ip6_local_find(cpu, a)) ? ADDR_LOCAL : ip6_addr_type_slow(a);
}
/* RFC 4291 2.7.1: the group in which the neighbours of this address ask for it. */
static inline struct ip_addr ip6_solicited_node(const struct ip_addr *a)
{
	struct ip_addr g = { .b = { 0xff, 2, [11] = 1, 0xff, a->b[13], a->b[14], a->b[15] } };

	return g;
}
extern const struct ip_addr ip6_all_nodes, ip6_all_routers, ip6_all_mld2;
bool ip6_is_member(struct net_cpu *cpu, const struct net_device *dev, const struct ip_addr *group);
/* RFC 6724 5: the address to send from; unspecified: dev has none that fits. */
struct ip_addr ip6_select_src(struct net_cpu *cpu, const struct net_device *dev, const struct ip_addr *dst);
struct ip6_ifaddr *ip6_find_addr(struct net_cpu *cpu, const struct net_device *dev, const struct ip_addr *addr);
/* dev's link-local address, tentative or not as asked; NULL: none. */
const struct ip6_ifaddr *ip6_link_local(struct net_cpu *cpu, const struct net_device *dev, bool tentative_too);

/* A change of the control path: made on CPU 0, then sent to the others, which make it in the same order. */
struct ip6_change {
	struct inbox_msg msg;
	int (*apply)(struct net_cpu *cpu, const struct ip6_change *c);
	struct net_device *dev;
	union {
		struct ip6_ifaddr addr;
		struct ip6_route route;
		struct ip6_params params;
	};
};
int ip6_change_all(struct net *net, const struct ip6_change *c);
int ip6_addr_set(struct net *net, const struct ip6_ifaddr *a);   /* adds it or takes its new state and times */
int ip6_addr_forget(struct net *net, const struct ip6_ifaddr *a);
int ip6_params_set(struct net *net, struct net_device *dev, const struct ip6_params *p);

/* ---- route.c ---- */
static inline struct ip6_dst_slot *ip6_dst_slot(struct net_cpu *cpu, const struct ip_addr *daddr)
{
	return &cpu->ip6->cache[ip6_hash(daddr) % IP6_DST_CACHE];
}
/* The cached way from saddr to daddr; NULL: ask ip6_route_output(). Good until the next route is asked for. */
static inline struct ip6_dst_slot *ip6_dst_cached(struct net_cpu *cpu, const struct ip_addr *saddr, const struct ip_addr *daddr)
{
	struct ip6_dst_slot *slot = ip6_dst_slot(cpu, daddr);

	return likely(dst_valid(cpu, &slot->dst) && ip_eq(&slot->daddr, daddr) && ip_eq(&slot->saddr, saddr)) ? slot : NULL;
}
void ip6_pmtu_update(struct net_cpu *cpu, const struct ip_addr *daddr, u32 mtu);
int ip6_fib_lookup(struct net_cpu *cpu, const struct ip_addr *daddr, const struct net_device *dev,
		   const struct ip6_route **route);
void ip6_fib_destroy(struct net_cpu *cpu);

/* ---- input.c ---- */
void ip6_fill_cb(struct sk_buff *skb, const struct ipv6_info *ip);
/* Hook functions ran and may have rewritten the header: reads its addresses again. */
void ip6_reload_cb(struct sk_buff *skb);

/* ---- frag.c ---- */
/* Takes a fragment whose fragment header is at skb->data + at. RX_OK: *skb is the whole datagram now and the caller's. */
enum drop_reason ip6_defrag(struct net_cpu *cpu, struct sk_buff **skb, unsigned at);

/* ---- forward.c ---- */
enum drop_reason ip6_forward(struct net_cpu *cpu, struct sk_buff *skb);

/* ---- output.c ---- */
void ip6_xmit(struct net_cpu *cpu, struct sk_buff *skb, const struct flow *fl, struct dst *dst);
void ip6_xmit_sock(struct sock *sk, struct sk_buff *skb, bool df);
/* sk's, from and to addresses of this one's own; the transport's header at skb->data begins with the ports. */
void ip6_xmit_datagram(struct sock *sk, struct sk_buff *skb, const struct ip_addr *saddr, const struct ip_addr *daddr,
		       struct dst *dst, bool df);
/* A finished packet: POST_ROUTING and the neighbour. Consumes. */
void ip6_finish_output(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst, struct net_device *in);
/* Cuts a packet with its header at skb->data for dst's MTU: headers for each router stand before each piece. Consumes. */
void ip6_fragment(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst);
/* RFC 6437 3: the first word of a header, its label made from the flow's addresses and ports as they stand in its packets. */
static inline u32 ip6_word(const struct ip_addr *s, const struct ip_addr *d, u32 ports, const struct siphash_key *key)
{
	return 0x60000000 | nhash_2u64(s->q[1] ^ (u64)ports << 32, d->q[0] ^ d->q[1], key) >> 12;
}
static inline u32 ip6_first_word(const struct net_cpu *cpu, u8 tclass, const struct ip_addr *s, const struct ip_addr *d, u32 ports)
{
	return (u32)tclass << 20 | (likely(cpu->sysctl.ip6_flowlabels) ? ip6_word(s, d, ports, &cpu->net->port_key) : 0x60000000);
}
/* What the application asked for, the routers of the link said (RFC 4861 6.3.4), or the operator. */
static inline u8 ip6_hops(const struct net_cpu *cpu, const struct dst *dst, u8 asked)
{
	if (unlikely(asked))
		return asked;
	return dst->hop_limit ? dst->hop_limit : (u8)cpu->sysctl.ip6_hop_limit;
}

/* ---- icmp.c ---- */
enum drop_reason icmp6_rcv(struct net_cpu *cpu, struct sk_buff *skb);
/* Puts the checksum in, counts, and sends a message of the link (neighbour discovery, MLD): from src, which may be
 * unspecified, with hop limit 255 (1 with a router alert for MLD). Consumes. */
void icmp6_send_link(struct net_cpu *cpu, struct net_device *dev, struct sk_buff *skb, const struct ip_addr *src,
		     const struct ip_addr *dst, bool mld);

/* ---- nd.c ---- */
extern const struct neigh_ops nd_neigh_ops;
/* Messages 133 to 137: skb->data at the ICMPv6 header, checksum good. */
enum drop_reason nd_rcv(struct net_cpu *cpu, struct sk_buff *skb);
/* A solicitation for target: from src to group or (ha known) to the target itself. `nonce`: while it is only probed for. */
void nd_send_solicit(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *src, const struct ip_addr *dst,
		     const struct ip_addr *target, u64 nonce);
void nd_send_router_solicit(struct net_cpu *cpu, struct net_device *dev);
/* An unsolicited advertisement to all nodes. */
void nd_announce(struct net_cpu *cpu, const struct ip6_ifaddr *a);

/* ---- autoconf.c and prefix.c, on CPU 0; called on others they send themselves there ---- */
int autoconf_init(struct net_cpu *cpu);
void autoconf_destroy(struct net_cpu *cpu);
/* Somebody else uses or probes for an address that we probe for. */
void autoconf_conflict(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr, u64 nonce);
void autoconf_advert(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *router, const u8 *msg, unsigned len);
/* The neighbour says that it is no router any more. */
void autoconf_no_router(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr);

/* ---- mld.c ---- */
/* dev's groups changed by this one (CPU 0): reports are due unless an address of dev keeps it. */
void mld_joined(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *group);
void mld_left(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *group);
enum drop_reason mld_rcv(struct net_cpu *cpu, struct sk_buff *skb);
