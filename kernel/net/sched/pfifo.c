/* SPDX-License-Identifier: MIT
 * pfifo.c - first in, first out, at most `limit` packets.
 */
#include "net/sched/sched_impl.h"
#include "lib/errno.h"
#include "lib/printf.h"

#define LIMIT_MAX 1000000u /* packets: more than any pool holds */

int sched_parse_limit(struct qdisc *q, const char *options)
{
	char word[16];

	while (qdisc_option(&options, word, sizeof(word))) {
		int err = strcmp(word, "limit") ? -EINVAL : qdisc_option_u32(&options, &q->limit, 1, LIMIT_MAX);

		if (err)
			return err;
	}
	return word[0] ? -EINVAL : 0; /* something was left that is too long for a word */
}

static int pfifo_init(struct net_cpu *cpu, struct qdisc *q, const char *options)
{
	skb_queue_init(qdisc_priv(q));
	return sched_parse_limit(q, options);
}

static void pfifo_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	if (q->qlen >= q->limit) {
		qdisc_drop(cpu, q, skb, DROP_QDISC_DROP);
		return;
	}
	skb_queue_tail(qdisc_priv(q), skb);
	qdisc_added(q, skb);
}

static struct sk_buff *pfifo_dequeue(struct net_cpu *cpu, struct qdisc *q)
{
	struct sk_buff *skb = skb_dequeue(qdisc_priv(q));

	if (skb)
		qdisc_removed(q, skb);
	return skb;
}

static void pfifo_reset(struct net_cpu *cpu, struct qdisc *q)
{
	struct sk_buff *skb;

	while ((skb = pfifo_dequeue(cpu, q)))
		qdisc_drop(cpu, q, skb, DROP_QDISC_DROP);
}

static int pfifo_dump(struct qdisc *q, char *buf, size_t size)
{
	return scnprintf(buf, size, "limit %up", q->limit);
}

const struct qdisc_ops pfifo_qdisc = {
	.id = "pfifo",
	.priv_size = sizeof(struct sk_buff_head),
	.init = pfifo_init,
	.enqueue = pfifo_enqueue,
	.dequeue = pfifo_dequeue,
	.reset = pfifo_reset,
	.dump = pfifo_dump,
	.can_bypass = true,
};
