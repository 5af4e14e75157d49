/* SPDX-License-Identifier: MIT
 * pfifo_fast.c - three bands, the lowest number first; a packet's band comes from its type of service (RFC 1349), with
 * the default map of Linux: interactive traffic first, then the normal, then bulk. Limit: packets in all bands together,
 * the device's txqueuelen. It has no options.
 */
#include "net/sched/sched_impl.h"

#define BANDS 3

static const u8 band_of[16] = { 1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 }; /* by priority */
static const struct sched_option options[] = { { 0 } };

struct pfifo_fast {
	struct sk_buff_head band[BANDS];
};

static int pfifo_fast_init(struct net_cpu *cpu, struct qdisc *q, const struct qdisc_args *args)
{
	struct pfifo_fast *p = qdisc_priv(q);

	for (unsigned b = 0; b < BANDS; b++)
		skb_queue_init(&p->band[b]);
	q->limit = q->txq->dev->tx_queue_len;
	return sched_parse(q, args, options, "", 0, NULL);
}

static void pfifo_fast_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	struct pfifo_fast *p = qdisc_priv(q);

	if (q->qlen >= q->limit && qdisc_limits_hold(q)) {
		qdisc_drop(cpu, q, skb, DROP(QDISC_DROP));
		return;
	}
	skb_queue_tail(&p->band[band_of[sched_priority(skb)]], skb);
	qdisc_added(q, skb);
}

static struct sk_buff *pfifo_fast_drain(struct qdisc *q)
{
	struct pfifo_fast *p = qdisc_priv(q);
	struct sk_buff *skb;

	for (unsigned b = 0; b < BANDS; b++) {
		skb = skb_dequeue(&p->band[b]);
		if (skb) {
			qdisc_removed(q, skb);
			return skb;
		}
	}
	return NULL;
}

static struct sk_buff *pfifo_fast_dequeue(struct net_cpu *cpu, struct qdisc *q)
{
	return pfifo_fast_drain(q);
}

static int pfifo_fast_dump(struct qdisc *q, char *buf, size_t size)
{
	int n = scnprintf(buf, size, "bands %u priomap", BANDS);

	for (unsigned i = 0; i < ARRAY_SIZE(band_of); i++)
		n += scnprintf(buf + n, size - (size_t)n, " %u", band_of[i]);
	return n;
}

const struct qdisc_ops pfifo_fast_qdisc = {
	.id = "pfifo_fast",
	.usage = "",
	.priv_size = sizeof(struct pfifo_fast),
	.init = pfifo_fast_init,
	.enqueue = pfifo_fast_enqueue,
	.dequeue = pfifo_fast_dequeue,
	.drain = pfifo_fast_drain,
	.dump = pfifo_fast_dump,
	.can_bypass = true,
};
