/* SPDX-License-Identifier: MIT
 * conntrack.h - the connections whose packets pass the hooks, seen from both sides.
 *
 * On while a rule asks for it. A packet is looked up at PRE_ROUTING or LOCAL_OUT, and a new connection enters the table
 * when its packet reaches LOCAL_IN or POST_ROUTING, so what is dropped between leaves nothing behind. In between
 * skb->nfct says what was found: a result for this one walk through the stack, never a reference.
 */
#pragma once

#include "net/core/netfilter.h"

struct ct_tuple { /* one direction's packets */
	be32 src, dst;
	be16 sport, dport; /* ICMP: the id in both */
	u8 proto, type;    /* type: of ICMP */
	u16 zero;
};
_Static_assert(sizeof(struct ct_tuple) == 16, "two words are hashed");

enum ct_dir { CT_ORIGINAL, CT_REPLY };

enum ct_tcp_state { /* Linux's names */
	CT_TCP_NONE, CT_TCP_SYN_SENT, CT_TCP_SYN_RECV, CT_TCP_ESTABLISHED, CT_TCP_FIN_WAIT, CT_TCP_CLOSE_WAIT,
	CT_TCP_LAST_ACK, CT_TCP_TIME_WAIT, CT_TCP_CLOSE, NR_CT_TCP
};

struct ct_end {
	struct hlist_node node;
	struct ct_tuple tuple;
	u32 hash;
	u8 dir;
	bool acked;            /* TCP: has ever acknowledged something, */
	seq_t ack;             /* and up to here */
	u64 packets, bytes;
};

struct nf_conn {
	struct ct_end end[2];  /* by enum ct_dir */
	struct net_cpu *cpu;
	struct timer timer;    /* may fire early: a later deadline does not move it */
	u64 created_ns, expires_ns;
	u32 mark;
	u8 tcp_state;
	bool seen_reply, assured, confirmed;
} __aligned_(CACHE_LINE);

enum { /* bits, as rules ask for them */
	CT_STATE_INVALID = 1, CT_STATE_NEW = 2, CT_STATE_ESTABLISHED = 4, CT_STATE_RELATED = 8, CT_STATE_UNTRACKED = 16,
};

struct ct_stats {
	u64 found, invalid, insert, insert_failed, drop, early_drop, deleted;
};

/* What the packet is, one bit of CT_STATE_*. */
u32 ct_state(const struct net_cpu *cpu, const struct sk_buff *skb);
/* On or off on this CPU; off forgets all connections. 0, -ENOMEM, -ENOSPC (hooks). */
int ct_set(struct net_cpu *cpu, bool on);
/* Calls fn for each connection of this CPU; softirq held off. */
void ct_for_each(struct net_cpu *cpu, void (*fn)(void *arg, const struct nf_conn *ct), void *arg);
void ct_flush(struct net_cpu *cpu);
u32 ct_count(const struct net_cpu *cpu);
const struct ct_stats *ct_stats(const struct net_cpu *cpu);
const char *ct_tcp_state_name(u8 state);

int ct_cpu_init(struct net_cpu *cpu);
void ct_cpu_destroy(struct net_cpu *cpu);
