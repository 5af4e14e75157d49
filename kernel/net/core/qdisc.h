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
	u64 packets, bytes, drops, overlimits; /* packets, bytes: taken from the discipline */
	u64 bypassed;              /* packets that found it empty and passed by */
	bool may_bypass;           /* ops->can_bypass, near at hand */
	struct timer watchdog;     /* throttled until */
	u64 priv[];                /* ops->priv_size bytes */
};
static inline void *qdisc_priv(struct qdisc *q) { return q->priv; }

struct qdisc *qdisc_create(struct net_cpu *cpu, struct netdev_queue *txq, const char *id, const char *options, int *err);
void qdisc_destroy(struct net_cpu *cpu, struct qdisc *q);
/* Sends while the ring takes it. */
void qdisc_run(struct net_cpu *cpu, struct qdisc *q);
/* For disciplines: one skb more or less is queued; kept by whoever links it. */
static inline void qdisc_added(struct qdisc *q, const struct sk_buff *skb)
{
	q->qlen++;
	q->backlog_bytes += skb->len;
}
static inline void qdisc_removed(struct qdisc *q, const struct sk_buff *skb)
{
	q->qlen--;
	q->backlog_bytes -= skb->len;
}
/* One word of an option string after the other ("limit", "1000"); false at its end, or when the word is too long. */
bool qdisc_option(const char **options, char *word, size_t size);
/* The number of an option: 0, -EINVAL, -ERANGE (outside min..max). */
int qdisc_option_u32(const char **options, u32 *out, u32 min, u32 max);
/* Runs again at expires_ns (shapers). */
void qdisc_watchdog(struct qdisc *q, u64 expires_ns);
/* Frees skb and counts it as the discipline's drop. */
void qdisc_drop(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb, enum drop_reason reason);
extern const struct qdisc_ops *const qdisc_table[]; /* NULL-terminated; the first is the default. In sched/table.c */
