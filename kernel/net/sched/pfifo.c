/* SPDX-License-Identifier: MIT
 * pfifo.c - first in, first out: at most `limit` packets (pfifo) or bytes (bfifo).
 */
#include "net/sched/sched_impl.h"

struct fifo {
	u64 limit; /* 0: by the device's txqueuelen */
	struct sk_buff_head queue;
};

static const struct sched_option pfifo_options[] = {
	SCHED_OPTION("limit", UNIT_PACKETS, struct fifo, limit, 1, 1000000), /* more than any pool holds */
	{ 0 },
};
static const struct sched_option bfifo_options[] = {
	SCHED_OPTION("limit", UNIT_BYTES, struct fifo, limit, 1, 1u << 31),
	{ 0 },
};

static int fifo_init(struct qdisc *q, const struct qdisc_args *args, const struct sched_option *options, u32 unit)
{
	struct fifo *f = qdisc_priv(q);
	int err = sched_parse(q, args, options, &(u64){ 0 }, sizeof(f->limit), NULL);

	skb_queue_init(&f->queue);
	f->limit = f->limit ?: (u64)q->txq->dev->tx_queue_len * unit;
	q->limit = (u32)f->limit;
	return err;
}

static int pfifo_init(struct net_cpu *cpu, struct qdisc *q, const struct qdisc_args *args)
{
	return fifo_init(q, args, pfifo_options, 1);
}

static int bfifo_init(struct net_cpu *cpu, struct qdisc *q, const struct qdisc_args *args)
{
	return fifo_init(q, args, bfifo_options, q->txq->dev->mtu + q->txq->dev->link->hdr_len);
}

static void fifo_put(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb, bool full)
{
	struct fifo *f = qdisc_priv(q);

	if (full && qdisc_limits_hold(q)) {
		qdisc_drop(cpu, q, skb, DROP(QDISC_DROP));
		return;
	}
	skb_queue_tail(&f->queue, skb);
	qdisc_added(q, skb);
}

static void pfifo_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	fifo_put(cpu, q, skb, q->qlen >= q->limit);
}

static void bfifo_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	fifo_put(cpu, q, skb, (u64)q->backlog_bytes + skb->len > q->limit);
}

static struct sk_buff *fifo_drain(struct qdisc *q)
{
	struct fifo *f = qdisc_priv(q);
	struct sk_buff *skb = skb_dequeue(&f->queue);

	if (skb)
		qdisc_removed(q, skb);
	return skb;
}

static struct sk_buff *fifo_dequeue(struct net_cpu *cpu, struct qdisc *q)
{
	return fifo_drain(q);
}

static int pfifo_dump(struct qdisc *q, char *buf, size_t size)
{
	return scnprintf(buf, size, "limit %up", q->limit);
}

static int bfifo_dump(struct qdisc *q, char *buf, size_t size)
{
	char text[SCHED_TEXT];

	return scnprintf(buf, size, "limit %s", sched_size_text(q->limit, text));
}

const struct qdisc_ops pfifo_qdisc = {
	.id = "pfifo",
	.usage = "[limit PACKETS]",
	.priv_size = sizeof(struct fifo),
	.init = pfifo_init,
	.enqueue = pfifo_enqueue,
	.dequeue = fifo_dequeue,
	.drain = fifo_drain,
	.dump = pfifo_dump,
	.can_bypass = true,
};

const struct qdisc_ops bfifo_qdisc = {
	.id = "bfifo",
	.usage = "[limit BYTES]",
	.priv_size = sizeof(struct fifo),
	.init = bfifo_init,
	.enqueue = bfifo_enqueue,
	.dequeue = fifo_dequeue,
	.drain = fifo_drain,
	.dump = bfifo_dump,
	.can_bypass = true,
};
