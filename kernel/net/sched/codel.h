/* SPDX-License-Identifier: MIT
 * codel.h - CoDel, the controlled delay of RFC 8289: a queue whose skbs stayed longer than `target` for a whole `interval`
 * loses one at its head, then more and more often, until the delay is below the target again.
 */
#pragma once

#include "net/sched/sched_impl.h"

struct codel_params {
	u64 target, interval; /* ns */
	u64 ecn;              /* mark what can be marked instead of dropping it */
};

struct codel_vars { /* of one queue; names as in RFC 8289 5.4 */
	u64 first_above_time; /* 0: the delay was below the target last */
	u64 drop_next;
	u32 count, lastcount;
	bool dropping;
};

struct codel_cb { /* in skb->cb, from enqueue to dequeue */
	u64 enqueued_ns;
};
static inline struct codel_cb *codel_cb(struct sk_buff *skb) { return (struct codel_cb *)skb->cb; }

/* A queue as CoDel sees it: `pop` takes its oldest (NULL: empty), `bytes` says what is left, of one frame of `mtu` at least. */
struct codel_queue {
	struct qdisc *q;
	void *flow;
	struct sk_buff *(*pop)(struct qdisc *q, void *flow);
	u32 (*bytes)(void *flow);
	u32 mtu;
	u64 *dropped, *marked; /* counted there too */
};

/* The next skb to send, after those that had to go; NULL: none is left. */
struct sk_buff *codel_dequeue(struct net_cpu *cpu, const struct codel_queue *cq, const struct codel_params *p,
			      struct codel_vars *v);
