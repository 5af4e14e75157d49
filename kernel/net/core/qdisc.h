/* SPDX-License-Identifier: MIT
 * qdisc.h - the contract of queueing disciplines: what waits between the stack and a tx ring. One root per tx queue.
 * The disciplines themselves are in net/sched/, which fills qdisc_table; core/qdisc.c runs whatever is attached.
 */
#pragma once

#include "net/core/dev.h"

struct qdisc;

struct qdisc_ops { /* one file and one row in qdisc_table (sched/table.c) per discipline */
	const char *id;
	size_t priv_size;
	int (*init)(struct net_cpu *cpu, struct qdisc *q, const char *options); /* "limit 1000 rate 10mbit"; 0 or -EINVAL */
	void (*enqueue)(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb); /* consumes; a refusal is a drop it counts */
	struct sk_buff *(*dequeue)(struct net_cpu *cpu, struct qdisc *q); /* NULL: empty or not yet (qdisc_watchdog armed) */
	void (*reset)(struct net_cpu *cpu, struct qdisc *q);  /* frees everything queued */
	int (*dump)(struct qdisc *q, char *buf, size_t size); /* its parameters, as `tc qdisc` prints them */
	bool can_bypass; /* an empty queue may be passed by */
};

struct qdisc {
	const struct qdisc_ops *ops;
	struct netdev_queue *txq;
	struct net_cpu *cpu;
	u32 qlen, backlog_bytes, limit;
	u64 packets, bytes, drops, overlimits, requeues, bypassed;
	struct sk_buff *gso_skb;   /* taken from the discipline but not yet sent */
	struct timer watchdog;     /* throttled until */
	u64 priv[];                /* ops->priv_size bytes */
};
static inline void *qdisc_priv(struct qdisc *q) { return q->priv; }

struct qdisc *qdisc_create(struct net_cpu *cpu, struct netdev_queue *txq, const char *id, const char *options, int *err);
void qdisc_destroy(struct net_cpu *cpu, struct qdisc *q);
/* Sends while the ring takes it. */
void qdisc_run(struct net_cpu *cpu, struct qdisc *q);
/* Runs again at expires_ns (shapers). */
void qdisc_watchdog(struct qdisc *q, u64 expires_ns);
/* Frees skb and counts it as the discipline's drop. */
void qdisc_drop(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb, enum drop_reason reason);
extern const struct qdisc_ops *const qdisc_table[]; /* NULL-terminated; the first is the default. In sched/table.c */
