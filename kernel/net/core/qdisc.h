/* SPDX-License-Identifier: MIT
 * qdisc.h - the contract of queueing disciplines: what waits between the stack and a tx ring. One root per tx queue.
 * The disciplines themselves are in net/sched/, which fills qdisc_table; core/qdisc.c runs whatever is attached, and
 * exchanges one for another while traffic flows.
 */
#pragma once

#include "net/core/dev.h"

struct qdisc;

struct qdisc_error { /* why options are refused, for people */
	char text[320];
};

struct qdisc_args { /* what a discipline is made of */
	const char *options;     /* "limit 1000"; of a discipline with classes: "rate 10mbit ... / fq_codel target 5ms" */
	const struct qdisc *old; /* of the same kind: what options do not name is as it is there. NULL: as the defaults */
	struct qdisc_error *error;
};

struct qdisc_ops { /* one file and one row in qdisc_table (sched/table.c) per discipline */
	const char *id;
	const char *usage; /* its options, as `tc qdisc help` shows them */
	size_t priv_size;
	int (*init)(struct net_cpu *cpu, struct qdisc *q, const struct qdisc_args *args); /* 0 or -errno, told in args->error */
	void (*enqueue)(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb); /* consumes; a refusal is a drop it counts */
	struct sk_buff *(*dequeue)(struct net_cpu *cpu, struct qdisc *q); /* NULL: empty or not yet (qdisc_watchdog armed) */
	struct sk_buff *(*drain)(struct qdisc *q); /* any queued skb, due or not; NULL: all are out */
	void (*destroy)(struct net_cpu *cpu, struct qdisc *q); /* frees what init() took; nothing is queued. May be NULL */
	int (*dump)(struct qdisc *q, char *buf, size_t size);  /* its parameters, as `tc qdisc` prints them */
	int (*dump_stats)(struct qdisc *q, char *buf, size_t size); /* its own lines of `tc -s qdisc`; may be NULL */
	struct qdisc **(*leaf)(struct qdisc *q, u32 minor); /* where the discipline of class MAJOR:minor hangs; NULL: no such */
	bool can_bypass;   /* an empty queue may be passed by */
	bool whole_device; /* one for all tx queues: what it holds to is a property of the link */
	bool splits_gso;   /* wants frames as they are on the wire */
};

struct qdisc {
	const struct qdisc_ops *ops;
	struct netdev_queue *txq;
	struct net_cpu *cpu;
	struct qdisc *parent;      /* NULL: the root of its queue */
	u32 handle, minor;         /* "8001:", in hexadecimal; class of the parent that it is in */
	u32 qlen, backlog_bytes, limit;
	u64 packets, bytes, drops, overlimits; /* packets, bytes: taken from the discipline */
	u64 bypassed;              /* packets that found it empty and passed by */
	u64 sent_packets, sent_bytes; /* of its tx queue when it came */
	bool may_bypass;           /* ops->can_bypass, near at hand */
	bool splits_gso;           /* ops->splits_gso */
	bool paces;                /* holds to skb->tstamp_ns now */
	struct timer watchdog;     /* throttled until */
	struct inbox_msg msg;      /* on the way to the owner of its queue */
	u64 priv[];                /* ops->priv_size bytes */
};
#define QDISC_BEHIND 64 /* packets behind a full ring: a poll's worth */

static inline void *qdisc_priv(const struct qdisc *q) { return (void *)q->priv; }

/* NULL: *err is -ENOENT (no such kind), -ENOMEM or what init() said, and args->error tells it. */
struct qdisc *qdisc_create(struct net_cpu *cpu, struct netdev_queue *txq, const char *id, const struct qdisc_args *args,
			   int *err);
/* Frees it and what is in it; what is queued is dropped. NULL is allowed. */
void qdisc_destroy(struct net_cpu *cpu, struct qdisc *q);
const struct qdisc_ops *qdisc_find(const char *id);
/* What a device gets when it is opened (net.core.default_qdisc). */
const struct qdisc_ops *qdisc_default(const struct net *net);
/* Sends while the ring takes it. */
void qdisc_run(struct net_cpu *cpu, struct qdisc *q);

/* ---- choosing ---- */
struct qdisc_request {
	const char *id, *options;
	u32 handle;   /* 0: the next free one */
	u32 parent;   /* handle of a root with classes; 0: the root itself is meant */
	u32 minor;    /* class of the parent */
	bool change;  /* same kind as now, and what options do not name stays */
};
/* Gives every tx queue of dev (a discipline of the whole device: the first alone) a new discipline. What waits in the old one
 * moves to it: nothing is lost. A queue of another CPU changes when that has read its inbox. 0 or -errno with the reason
 * in *e, and all is as it was. With softirq held off. */
int qdisc_replace(struct net_cpu *cpu, struct net_device *dev, const struct qdisc_request *rq, struct qdisc_error *e);
/* The device sends less than is brought to it. What comes in is then best left in its ring: what would answer it could only wait
 * longer, or be lost after all the work. For drivers' polls; who asks takes nothing until the queue is awake again. */
static inline bool qdisc_is_behind(const struct netdev_queue *txq)
{
	return unlikely(txq->stopped) && txq->qdisc && txq->qdisc->qlen >= QDISC_BEHIND;
}
/* And half of what may wait behind the full ring does: who makes more, and can, had better wait (net_cpu.behind). */
static inline bool qdisc_is_half_full(const struct qdisc *q)
{
	return q->txq->stopped && q->limit && q->qlen >= MAX(q->limit / 2, 1u);
}
/* Frees a queue's disciplines, the one kept for late readers too. The device is closed. */
void qdisc_release(struct netdev_queue *txq);

/* To a queue of dev_direct_queue(): see ops->xmit_frame(). */
static inline void dev_xmit_frame(struct netdev_queue *txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum)
{
	txq->stats.packets++;
	txq->stats.bytes += len;
	txq->qdisc->bypassed++;
	txq->need_flush = true;
	txq->dev->ops->xmit_frame(txq->dev, txq->index, buf, data, len, csum);
}

/* Adds a queue's terms of the balance (core/stage.h). */
void qdisc_balance(const struct netdev_queue *txq, u64 *terms);
/* And those of its rings: what the stack counted beside what the driver did, and what lies there now. */
void rings_balance(const struct netdev_queue *txq, u64 *terms);

/* ---- for disciplines ---- */
/* One skb more or less is queued; kept by whoever links it, and by all the classes above. */
static inline void qdisc_added(struct qdisc *q, const struct sk_buff *skb)
{
	do {
		q->qlen++;
		q->backlog_bytes += skb->len;
	} while (unlikely(q = q->parent));
}
static inline void qdisc_removed(struct qdisc *q, const struct sk_buff *skb)
{
	do {
		q->qlen--;
		q->backlog_bytes -= skb->len;
	} while (unlikely(q = q->parent));
}
/* Limits do not hold while what waited in another discipline moves in: no skb shall be lost by that. */
static inline bool qdisc_limits_hold(const struct qdisc *q) { return likely(!q->txq->swapping); }
/* Takes from a class, and counts it there. */
static inline struct sk_buff *qdisc_dequeue_class(struct net_cpu *cpu, struct qdisc *class)
{
	struct sk_buff *skb = class->ops->dequeue(cpu, class);

	if (skb) {
		class->packets++;
		class->bytes += skb->len;
	}
	return skb;
}
/* Runs again at expires_ns (shapers). */
void qdisc_watchdog(struct qdisc *q, u64 expires_ns);
/* Frees skb and counts it as the discipline's drop, and as that of those above. */
void qdisc_drop(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb, enum drop_reason reason);
/* Says why options are refused; returns -EINVAL. */
int qdisc_refuse(struct qdisc_error *e, const char *fmt, ...) __printf_(2, 3);
extern const struct qdisc_ops *const qdisc_table[]; /* NULL-terminated; the first is the default. In sched/table.c */
