/* SPDX-License-Identifier: MIT
 * qdisc.c - runs whatever discipline is attached to a tx queue; creates and destroys by name (FEATURES TX11).
 *
 * One root per tx queue, touched by the queue's owner CPU only.
 */
#include "net/core/qdisc.h"
#include "lib/errno.h"

static const struct qdisc_ops *find_ops(const char *id)
{
	for (unsigned i = 0; qdisc_table[i]; i++)
		if (!strcmp(qdisc_table[i]->id, id))
			return qdisc_table[i];
	return NULL;
}

/* The time of a throttled queue has come: the flush of this poll runs it. */
static void watchdog_fn(struct timer *t, u64 now_ns)
{
	struct qdisc *q = container_of(t, struct qdisc, watchdog);

	qdisc_run(q->cpu, q);
}

struct qdisc *qdisc_create(struct net_cpu *cpu, struct netdev_queue *txq, const char *id, const char *options, int *err)
{
	const struct qdisc_ops *ops = find_ops(id);
	struct qdisc *q;

	if (!ops) {
		*err = -ENOENT;
		return NULL;
	}
	q = kzalloc(sizeof(*q) + ops->priv_size);
	if (!q) {
		*err = -ENOMEM;
		return NULL;
	}
	q->ops = ops;
	q->may_bypass = ops->can_bypass;
	q->txq = txq;
	q->cpu = cpu;
	q->limit = txq->dev->tx_queue_len;
	timer_init(&q->watchdog, watchdog_fn);
	*err = ops->init(cpu, q, options);
	if (!*err)
		return q;
	kfree(q);
	return NULL;
}

void qdisc_destroy(struct net_cpu *cpu, struct qdisc *q)
{
	timer_cancel(&cpu->wheel, &q->watchdog);
	q->ops->reset(cpu, q);
	kfree(q);
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
	q->drops++;
	kfree_skb_reason(cpu, skb, reason);
}

bool qdisc_option(const char **options, char *word, size_t size)
{
	const char *s = *options;
	size_t n = 0;

	while (*s == ' ' || *s == '\t')
		s++;
	while (*s && *s != ' ' && *s != '\t' && n + 1 < size)
		word[n++] = *s++;
	word[n] = 0;
	*options = s;
	return n && (!*s || *s == ' ' || *s == '\t');
}

int qdisc_option_u32(const char **options, u32 *out, u32 min, u32 max)
{
	char word[24];
	u64 v;
	int err;

	if (!qdisc_option(options, word, sizeof(word)))
		return -EINVAL;
	err = str_to_u64(word, &v);
	if (err)
		return err;
	if (v < min || v > max)
		return -ERANGE;
	*out = (u32)v;
	return 0;
}
