/* SPDX-License-Identifier: MIT
 * ip_impl.h - what the files of ipv4/ share: struct ip_cpu, one CPU's addresses, routes, caches and
 * reassembly.
 */
#pragma once

#include "net/ipv4/ip.h"
#include "net/ipv4/icmp.h"
#include "net/core/frag.h"
#include "net/core/netfilter.h"
#include "net/ipv4/multicast.h"
#include "net/link/arp.h"
#include "net/wire/igmp.h"
#include "lib/errno.h"
#include "lib/token.h"

#define IP_LOCAL_SLOTS 128 /* three per address of ARP_OWN_MAX, at most 3/4 full */

struct ip_local { /* an address that is not plain unicast: open addressing, addr 0 is empty */
	be32 addr;
	u8 type;              /* ADDR_LOCAL or ADDR_BROADCAST */
	struct net_device *dev;
};

struct ip_ifaddr {
	be32 addr, mask;
	struct net_device *dev;
	u8 plen;
};

struct ip_dst_slot { /* what route.c found for (daddr, saddr) without a device asked for */
	be32 daddr, saddr;    /* as asked; saddr 0.0.0.0: any */
	be32 src;             /* as chosen */
	struct dst dst;
};

/* input.c: what came from this source to this address of ours was found good */
struct ip_pair {
	u64 addrs;            /* saddr and daddr as they stand in the header */
	u64 where;            /* generation of the tables and ifindex: ip_where() */
};

struct ip_pmtu {
	be32 daddr;
	u32 mtu;              /* 0: empty */
	bool no_df;           /* it takes less than mtu, which is the floor */
	u64 expires_ns;
};
struct ip_pmtus {             /* made when the first is learned */
	struct net_cpu *cpu;
	struct timer timer;   /* armed while something here is not over: cached routes do not look at the clock */
	struct ip_pmtu slots[IP_PMTU_SLOTS];
};

/* route.c: sorted by prefix length (longest first), destination, metric */
struct fib {
	struct ip_route *routes;
	unsigned nr, cap;
	unsigned first[34];   /* where prefix length 32 - i begins; [33] is the end */
	u64 lengths;          /* bit i: there are routes with prefix length 32 - i */
};

struct icmp_cpu {
	struct token_bucket all;
	struct token_bucket peers[ICMP_PEERS]; /* each of one (hashed) destination */
	struct list_head pings;
};

struct igmp_cpu {         /* igmp.c; of CPU 0 */
	struct list_head links, groups;
	unsigned nr;          /* groups */
};

struct ip_cpu {
	/* ---- hot ---- */
	struct ip_local local[IP_LOCAL_SLOTS];
	struct ip_dst_slot cache[IP_DST_CACHE];
	struct ip_pair pairs[IP_PAIRS];
	/* bit ifindex: UDP to port 68 is taken in whatever its address (RFC 2131 4.1) */
	u32 dhcp_devs;
	/* ---- control ---- */
	unsigned nr_addrs;
	struct ip_ifaddr addrs[ARP_OWN_MAX];
	struct fib fib;
	struct ip_pmtus *pmtu;
	u16 ids[IP_ID_SLOTS];
	struct icmp_cpu icmp;
	struct ip_mc mc[IP_MC_MAX];
	unsigned nr_mc;
	struct igmp_cpu igmp;
	struct list_head dhcp; /* clients; CPU 0 alone has some */
};

/* ---- route.c ---- */
static inline struct ip_dst_slot *ip_dst_slot(struct net_cpu *cpu, be32 daddr)
{
	_Static_assert(IP_DST_CACHE == 64, "the shift below");
	return &cpu->ip->cache[(daddr.raw * 0x9e3779b1u) >> 26];
}
/* The cached way from saddr to daddr; NULL: ask ip_route_output(). Good until the next route is
 * asked for. */
static inline struct ip_dst_slot *ip_dst_cached(struct net_cpu *cpu, be32 saddr, be32 daddr)
{
	struct ip_dst_slot *slot = ip_dst_slot(cpu, daddr);

	return likely(dst_valid(cpu, &slot->dst) && be32_eq(slot->daddr, daddr) &&
		      be32_eq(slot->saddr, saddr))
		       ? slot
		       : NULL;
}
/* Where to send what is neither local nor broadcast: 0, -ENETUNREACH, -EHOSTUNREACH, -EACCES,
 * -EINVAL (black hole). */
int ip_fib_lookup(struct net_cpu *cpu, be32 daddr, struct net_device *dev,
		  const struct ip_route **route);
/* The source address for a next hop on dev; 0.0.0.0: dev has none. */
be32 ip_select_src(struct net_cpu *cpu, const struct net_device *dev, be32 next_hop);
void ip_fib_destroy(struct net_cpu *cpu);

/* A route that follows an address or is asked for; both sort it in and move the generation. 0,
 * -EEXIST, -ENOMEM. */
int ip_fib_insert(struct net_cpu *cpu, const struct ip_route *r);
/* Removes the routes for which match() holds; how many. */
unsigned ip_fib_remove(struct net_cpu *cpu,
		       bool (*match)(const struct ip_route *r, const void *arg), const void *arg);

/* ---- addr.c ---- */
enum addr_type ip_addr_type_slow(struct net_cpu *cpu, be32 a);
static inline struct ip_local *ip_local_find(struct net_cpu *cpu, be32 a)
{
	struct ip_local *tab = cpu->ip->local;
	u32 i = (a.raw * 0x9e3779b1u) >> 25;

	_Static_assert(IP_LOCAL_SLOTS == 128, "the shift above");
	for (; tab[i].addr.raw; i = (i + 1) % IP_LOCAL_SLOTS)
		if (be32_eq(tab[i].addr, a))
			return &tab[i];
	return NULL;
}
/* enum addr_type of an IPv4 address; `dev` where it matters is the caller's business. */
static inline enum addr_type ip_addr_type(struct net_cpu *cpu, be32 a)
{
	const struct ip_local *l = ip_local_find(cpu, a);

	return likely(l) ? (enum addr_type)l->type : ip_addr_type_slow(cpu, a);
}

/* A change of the control path: made on CPU 0, then sent to the others, which make it in the same
 * order. */
struct ip_change {
	struct inbox_msg msg;
	int (*apply)(struct net_cpu *cpu, const struct ip_change *c);
	struct net_device *dev;
	be32 addr, gateway;
	u32 metric;
	u8 plen, type;
};
int ip_change_all(struct net *net, const struct ip_change *c);

/* ---- input.c ---- */
/* skb->ip from a checked header. */
void ip_fill_cb(struct sk_buff *skb, const struct ipv4_info *ip);
/* Hook functions ran and may have rewritten the header at skb->data: reads it again. */
void ip_reload_cb(struct sk_buff *skb);

/* ---- forward.c ---- */
/* A packet for somebody else, skb->data at its IP header, hooks and checks of the way in behind
 * it. */
enum drop_reason ip_forward(struct net_cpu *cpu, struct sk_buff *skb);
/* Bytes of the datagram as the wire will see it, of one that is forwarded: what a device or GRO merged is split again, into
 * what it was. */
static inline u32 ip_wire_len(const struct sk_buff *skb)
{
	unsigned tcp = skb->ip.hdr_len;

	if (likely(!skb->gso_size))
		return skb->len;
	return skb->gso_size + tcp + (skb_headlen(skb) >= tcp + 20 ? (skb->data[tcp + 12] >> 4) * 4u : 20u);
}

/* ---- output.c ---- */
struct ip_out {           /* what the header says; travels in two registers */
	be32 saddr, daddr;
	u32 what;             /* TTL, protocol, TOS, DF: a byte each, from the lowest up */
};
static inline struct ip_out ip_out_of(const struct net_cpu *cpu, be32 saddr, be32 daddr, u8 proto,
				      u8 tos, u8 ttl, bool df)
{
	u32 hops = likely(!ttl) ? (u8)cpu->sysctl.ip_default_ttl : ttl;

	return (struct ip_out){ saddr, daddr,
				hops | (u32)proto << 8 | (u32)tos << 16 | (u32)df << 24 };
}
static inline u8 ip_out_proto(struct ip_out o) { return (u8)(o.what >> 8); }
static inline u8 ip_out_tos(struct ip_out o) { return (u8)(o.what >> 16); }
static inline bool ip_out_df(struct ip_out o) { return o.what >> 24; }
/* 20 bytes in front of skb->data, checksum made from the words while they are at hand. `what`: as in struct ip_out,
 * whose fields go down one by one because gcc keeps a struct of them in memory. */
static __force_inline void ip_push_header(struct sk_buff *skb, be32 saddr, be32 daddr, u32 what, u16 id)
{
	struct __packed words {
		u32 w[5];
	} *h = (struct words *)skb_push(skb, IPV4_HLEN);
	u32 w0 = 0x45 | (what >> 8 & 0xff00) | (u32)be16_of((u16)skb->len).raw << 16;
	u32 w1 = be16_of(id).raw | (what >> 24 ? (u32)BE16_C(IP_DF).raw << 16 : 0);
	u32 w2 = what & 0xffff;
	u64 sum = (u64)w0 + w1 + w2 + saddr.raw + daddr.raw;

	skb_reset_network_header(skb);
	h->w[0] = w0;
	h->w[1] = w1;
	h->w[2] = w2 | (u32)csum_fold(csum_fold64(sum)).raw << 16;
	h->w[3] = saddr.raw;
	h->w[4] = daddr.raw;
}

/* ip_xmit() for those who have no struct flow at hand. Consumes. */
void ip_send(struct net_cpu *cpu, struct sk_buff *skb, struct ip_out o, struct dst *dst);
/* ip_send() for a datagram that may not be cut and is known to fit dst's mtu, where dst is valid. */
static __force_inline void ip_send_fitting(struct net_cpu *cpu, struct sk_buff *skb, struct ip_out o, struct dst *dst)
{
	if (unlikely(cpu->nf->nr[NF_LOCAL_OUT] | cpu->nf->nr[NF_POST_ROUTING])) {
		ip_send(cpu, skb, o, dst);
		return;
	}
	ip_push_header(skb, o.saddr, o.daddr, o.what, 0);
	skb->protocol = ETH_P_IP;
	STAT(cpu, IpOutRequests);
	STAT_ADD(cpu, IpExtOutOctets, skb->len);
	neigh_xmit(cpu, skb, dst);
}
/* The same with options behind the header: at most 40 bytes, a multiple of four. */
void ip_send_options(struct net_cpu *cpu, struct sk_buff *skb, struct ip_out o, struct dst *dst, const u8 *opts,
		     unsigned len);
/* An skb with its finished IP header at skb->data: POST_ROUTING, fragments where it must be,
 * neighbour. Consumes. */
void ip_finish_output(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst,
		      struct net_device *in);

/* ---- frag.c ---- */
/* Takes a fragment, skb->data at its IP header, skb->ip filled. RX_OK: *skb is the whole datagram
 * now, in the same shape, and the caller's; else the verdict on the fragment. */
enum drop_reason ip_defrag(struct net_cpu *cpu, struct sk_buff **skb, const struct ipv4_info *ip);

/* ---- igmp.c, CPU 0 only ---- */
/* A CPU has its first member of a group, or lost its last one. 0, -ENOBUFS. */
int igmp_group_users(struct net_cpu *cpu, struct net_device *dev, be32 group, bool joined);
void igmp_destroy(struct net_cpu *cpu);

/* ---- icmp.c ---- */
void icmp_cpu_init(struct net_cpu *cpu);
