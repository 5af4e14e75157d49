/* SPDX-License-Identifier: MIT
 * conntrack.h - the connections whose packets pass the hooks, seen from both sides.
 *
 * On while a rule asks for it. A packet is looked up at PRE_ROUTING or LOCAL_OUT, and a new connection enters the table
 * when its packet reaches LOCAL_IN or POST_ROUTING, so what is dropped between leaves nothing behind. In between
 * skb->nfct says what was found: a result for this one walk through the stack, never a reference.
 */
#pragma once

#include "net/core/dst.h"
#include "net/core/netfilter.h"

struct ct_tuple { /* one direction's packets */
	struct ip_addr src, dst;
	be16 sport, dport; /* ICMP: the id in both */
	u8 proto, type;    /* type: of ICMP */
	u16 zero;
};
_Static_assert(sizeof(struct ct_tuple) == 40, "compared and hashed as five words");

enum ct_dir { CT_ORIGINAL, CT_REPLY };

enum ct_tcp_state { /* Linux's names */
	CT_TCP_NONE, CT_TCP_SYN_SENT, CT_TCP_SYN_RECV, CT_TCP_ESTABLISHED, CT_TCP_FIN_WAIT, CT_TCP_CLOSE_WAIT,
	CT_TCP_LAST_ACK, CT_TCP_TIME_WAIT, CT_TCP_CLOSE, NR_CT_TCP
};

/* How packets of this direction leave when nothing but their addresses decides that: see ct_flow.c. */
struct ct_flow {
	u32 gen;               /* ct_cpu.flow_gen; another: not valid */
	struct net_device *in; /* they come from here */
	be32 saddr, daddr;     /* what they leave with */
	be16 sport, dport;
	u32 ip_delta, l4_delta; /* what that adds to the sums of their headers; ip_delta: one hop too */
	struct dst dst;
};

struct ct_end {
	struct hlist_node node;
	struct ct_tuple tuple;
	u32 hash;
	u8 dir;
	bool acked;            /* TCP: has ever acknowledged something, */
	seq_t ack;             /* and up to here */
	u64 packets, bytes;
	struct ct_flow flow;
};

enum { CT_SNAT = 1, CT_DNAT = 2 }; /* bits of nf_conn.nat: where the reply's tuple is not the original's, inverted */

struct nat_map;
struct nf_conn {
	struct ct_end end[2];  /* by enum ct_dir */
	struct net_cpu *cpu;
	struct timer timer;    /* may fire early: a later deadline does not move it */
	u64 created_ns, expires_ns;
	u32 mark;
	u8 tcp_state;
	bool seen_reply, assured, confirmed;
	u8 nat, nat_done;      /* CT_SNAT, CT_DNAT: is translated; was decided, this way or that */
	bool masq;             /* the source is the address of a device, and lasts as long as that */
	u32 masq_gen;          /* dst_gen when it was last found there */
	struct nat_map *map;   /* of its source; NULL: none */
} __aligned_(CACHE_LINE);

enum { /* bits, as rules ask for them */
	CT_STATE_INVALID = 1, CT_STATE_NEW = 2, CT_STATE_ESTABLISHED = 4, CT_STATE_RELATED = 8, CT_STATE_UNTRACKED = 16,
};

struct ct_stats {
	u64 found, invalid, insert, insert_failed, drop, early_drop, deleted;
	u64 flow;              /* of those found: sent on by the flow cache */
};

/* What the packet is, one bit of CT_STATE_*. */
u32 ct_state(const struct net_cpu *cpu, const struct sk_buff *skb);
/* On or off on this CPU; off forgets all connections. 0, -ENOMEM, -ENOSPC (hooks). */
int ct_set(struct net_cpu *cpu, bool on);
/* The packet under way took a turn that not its addresses alone decided: its flow is not cached. */
void ct_not_cacheable(struct net_cpu *cpu);
/* Rules or what they depend on changed: every cached flow is asked again. */
void ct_flow_forget(struct net_cpu *cpu);
/* Calls fn for each connection of this CPU; softirq held off. */
void ct_for_each(struct net_cpu *cpu, void (*fn)(void *arg, const struct nf_conn *ct), void *arg);
void ct_flush(struct net_cpu *cpu);
u32 ct_count(const struct net_cpu *cpu);
const struct ct_stats *ct_stats(const struct net_cpu *cpu);
const char *ct_tcp_state_name(u8 state);

int ct_cpu_init(struct net_cpu *cpu);
void ct_cpu_destroy(struct net_cpu *cpu);
