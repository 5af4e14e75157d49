/* SPDX-License-Identifier: MIT
 * qdisc.c - runs whatever discipline is attached to a tx queue; makes them by name and exchanges them under load
 * (FEATURES TX11).
 *
 * One root per tx queue, touched by the queue's owner CPU only: a new one travels to it as a message. The one that was
 * exchanged is kept until the next exchange, because another CPU may be reading its counters just then.
 */
#include "net/core/qdisc.h"
#include "lib/errno.h"
#include "lib/printf.h"

#define FIRST_HANDLE 0x8001u /* of those that are counted, as in Linux */

const struct qdisc_ops *qdisc_find(const char *id)
{
	for (unsigned i = 0; qdisc_table[i]; i++)
		if (!strcmp(qdisc_table[i]->id, id))
			return qdisc_table[i];
	return NULL;
}

const struct qdisc_ops *qdisc_default(const struct net *net)
{
	return qdisc_table[net->cpus[0]->sysctl.default_qdisc];
}

int qdisc_refuse(struct qdisc_error *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vscnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int no_such_kind(struct qdisc_error *e, const char *id)
{
	char known[160];
	int n = 0;

	for (unsigned i = 0; qdisc_table[i]; i++)
		n += scnprintf(known + n, sizeof(known) - (size_t)n, " %s", qdisc_table[i]->id);
	qdisc_refuse(e, "there is no discipline '%s'; there are%s", id, known);
	return -ENOENT;
}

/* The time of a throttled queue has come: its root runs. */
static void watchdog_fn(struct timer *t, u64 now_ns)
{
	struct qdisc *q = container_of(t, struct qdisc, watchdog);

	qdisc_run(q->cpu, q->txq->qdisc);
}

struct qdisc *qdisc_create(struct net_cpu *cpu, struct netdev_queue *txq, const char *id, const struct qdisc_args *args,
			   int *err)
{
	const struct qdisc_ops *ops = qdisc_find(id);
	struct qdisc *q;

	args->error->text[0] = 0;
	if (!ops) {
		*err = no_such_kind(args->error, id);
		return NULL;
	}
	q = kzalloc(sizeof(*q) + ops->priv_size);
	if (!q) {
		qdisc_refuse(args->error, "%s: no memory", id);
		*err = -ENOMEM;
		return NULL;
	}
	q->ops = ops;
	q->may_bypass = ops->can_bypass;
	q->splits_gso = ops->splits_gso;
	q->txq = txq;
	q->cpu = cpu;
	timer_init(&q->watchdog, watchdog_fn);
	*err = ops->init(cpu, q, args);
	if (!*err)
		return q;
	if (*err == -ENOMEM)
		qdisc_refuse(args->error, "%s: no memory", id);
	if (ops->destroy)
		ops->destroy(cpu, q);
	kfree(q);
	return NULL;
}

void qdisc_destroy(struct net_cpu *cpu, struct qdisc *q)
{
	struct sk_buff *skb;

	if (!q)
		return;
	timer_cancel(&q->cpu->wheel, &q->watchdog);
	while ((skb = q->ops->drain(q)))
		qdisc_drop(cpu, q, skb, DROP(QDISC_DROP));
	if (q->ops->destroy)
		q->ops->destroy(cpu, q);
	kfree(q);
}

/* A root goes: what it did is its queue's past. */
static void remember(struct netdev_queue *txq, const struct qdisc *root)
{
	txq->past.passed += root->bypassed;
	txq->past.taken += root->packets;
	txq->past.dropped += root->drops + root->qlen; /* what still waits dies with it */
}

void qdisc_balance(const struct netdev_queue *txq, u64 *terms)
{
	const struct qdisc *q = txq->qdisc;

	terms[FLOW_OutEnqueued] += txq->enqueued;
	terms[FLOW_OutPassed] += txq->past.passed + (q ? q->bypassed : 0);
	terms[FLOW_QdiscTaken] += txq->past.taken + (q ? q->packets : 0);
	terms[FLOW_QdiscDropped] += txq->past.dropped + (q ? q->drops : 0);
	terms[FLOW_QdiscWaiting] += q ? q->qlen : 0;
}

void rings_balance(const struct netdev_queue *txq, u64 *terms)
{
	const struct dev_stats *rx = &txq->dev->rx[txq->index], *tx = &txq->stats;
	const struct qdisc *q = txq->qdisc;

	terms[FLOW_RxRingReceived] += rx->packets;
	terms[FLOW_RxRingDropped] += rx->dropped - rx->missed;
	terms[FLOW_TxRingGiven] += txq->past.passed + txq->past.taken + (q ? q->bypassed + q->packets : 0);
	terms[FLOW_TxRingSent] += tx->completed;
	terms[FLOW_TxRingWaiting] += txq->dev->ops->tx_frames(txq->dev, txq->index);
	terms[FLOW_TxRingDropped] += tx->dropped;
}

void qdisc_release(struct netdev_queue *txq)
{
	struct net_cpu *cpu = txq->dev->net->cpus[txq->cpu];

	if (txq->qdisc)
		remember(txq, txq->qdisc);
	qdisc_destroy(cpu, txq->qdisc);
	qdisc_destroy(cpu, txq->retired);
	txq->qdisc = txq->retired = NULL;
}

void qdisc_run(struct net_cpu *cpu, struct qdisc *q)
{
	struct sk_buff *skb;

	while (!q->txq->stopped && (skb = q->ops->dequeue(cpu, q))) {
		q->packets++;
		q->bytes += skb->len;
		dev_hard_xmit(cpu, q->txq, skb);
	}
}

void qdisc_watchdog(struct qdisc *q, u64 expires_ns)
{
	q->overlimits++;
	timer_arm(&q->cpu->wheel, &q->watchdog, expires_ns);
}

void qdisc_drop(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb, enum drop_reason reason)
{
	for (; q; q = q->parent)
		q->drops++;
	kfree_skb_reason(cpu, skb, reason);
}

/* ---------------------------------------------------------------- exchange */

/* Where q shall hang: the queue's root, or a class of it; NULL: that is gone meanwhile. */
static struct qdisc **place_of(const struct qdisc *q)
{
	struct qdisc *root = q->txq->qdisc;

	if (!q->minor)
		return &q->txq->qdisc;
	return root && root == q->parent ? root->ops->leaf(root, q->minor) : NULL;
}

/* On the owner's CPU: what waits in the old one moves, in its order, and goes out as the new one says. */
static void take_place(struct net_cpu *cpu, struct qdisc *q)
{
	struct qdisc **place = place_of(q), *old = place ? *place : NULL;
	struct netdev_queue *txq = q->txq;
	struct sk_buff *skb;

	if (!old) { /* the device was closed, or another request was faster */
		qdisc_destroy(cpu, q);
		return;
	}
	q->sent_packets = txq->stats.packets;
	q->sent_bytes = txq->stats.bytes;
	txq->swapping = true;
	while ((skb = old->ops->drain(old)))
		q->ops->enqueue(cpu, q, skb);
	txq->swapping = false;
	if (!q->parent)
		remember(txq, old);
	*place = q;
	txq->direct = false;
	timer_cancel(&cpu->wheel, &old->watchdog);
	qdisc_destroy(cpu, txq->retired);
	txq->retired = old;
	old->parent = NULL;
	qdisc_run(cpu, txq->qdisc);
}

static void place_msg(struct net_cpu *cpu, struct inbox_msg *msg)
{
	take_place(cpu, container_of(msg, struct qdisc, msg));
}

/* False: the owner's inbox is full, and q is gone. */
static bool attach(struct net_cpu *cpu, struct qdisc *q)
{
	if (q->cpu == cpu) {
		take_place(cpu, q);
		return true;
	}
	q->msg.fn = place_msg;
	if (inbox_post(cpu, q->cpu, &q->msg))
		return true;
	qdisc_destroy(cpu, q);
	return false;
}

/* The root that the request is about, if it has such a class. */
static struct qdisc *parent_of(struct netdev_queue *txq, const struct qdisc_request *rq, struct qdisc_error *e)
{
	struct qdisc *root = txq->qdisc;

	if (root->handle != rq->parent) {
		qdisc_refuse(e, "%s has no discipline %x:", txq->dev->name, rq->parent);
		return NULL;
	}
	if (root->ops->leaf && root->ops->leaf(root, rq->minor))
		return root;
	qdisc_refuse(e, "%s %x: has no class %x:%x", root->ops->id, rq->parent, rq->parent, rq->minor);
	return NULL;
}

static u32 next_handle(const struct qdisc *root)
{
	return root->handle >= FIRST_HANDLE && root->handle < 0xffff ? root->handle + 1 : FIRST_HANDLE;
}

static struct qdisc *make_for(struct netdev_queue *txq, const struct qdisc_request *rq, struct qdisc_error *e, int *err)
{
	struct net_cpu *owner = txq->dev->net->cpus[txq->cpu];
	struct qdisc_args args = { .options = rq->options, .error = e };
	struct qdisc *parent = NULL, *old = txq->qdisc, *q;

	if (rq->parent) {
		parent = parent_of(txq, rq, e);
		*err = -EINVAL;
		if (!parent)
			return NULL;
		old = *parent->ops->leaf(parent, rq->minor);
	}
	if (rq->change && strcmp(old->ops->id, rq->id)) {
		*err = qdisc_refuse(e, "change: there is %s now, not %s; replace exchanges them", old->ops->id, rq->id);
		return NULL;
	}
	if (rq->change)
		args.old = old;
	q = qdisc_create(owner, txq, rq->id, &args, err);
	if (!q)
		return NULL;
	q->parent = parent;
	q->minor = parent ? rq->minor : 0;
	q->handle = rq->handle ?: rq->change ? old->handle : next_handle(txq->qdisc);
	return q;
}

int qdisc_replace(struct net_cpu *cpu, struct net_device *dev, const struct qdisc_request *rq, struct qdisc_error *e)
{
	const struct qdisc_ops *ops = qdisc_find(rq->id);
	struct qdisc *q[MAX_TXQ];
	unsigned n, nr = rq->parent || (ops && ops->whole_device) ? 1 : dev->nr_txq;
	int err = 0;

	if (!(dev->flags & IFF_UP)) {
		qdisc_refuse(e, "%s is down", dev->name);
		return -ENETDOWN;
	}
	if (rq->parent)
		nr = dev->one_queue ? 1 : dev->nr_txq;
	for (n = 0; n < nr && (q[n] = make_for(&dev->txq[n], rq, e, &err)); n++)
		;
	if (n < nr) {
		while (n--)
			qdisc_destroy(cpu, q[n]);
		return err;
	}
	dev_stop_direct(dev);
	if (!rq->parent)
		dev_set_one_queue(dev, ops && ops->whole_device);
	for (n = 0; n < nr; n++)
		if (!attach(cpu, q[n])) {
			qdisc_refuse(e, "%s: CPU %u is too busy; try again", dev->name, dev->txq[n].cpu);
			err = -EAGAIN;
		}
	return err;
}
