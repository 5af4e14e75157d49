/* SPDX-License-Identifier: MIT
 * prio.c - classes 1 to `bands`, each with a discipline of its own (pfifo at first); the lowest number that has something goes
 * first. A packet's class comes from its priority (by type of service) through the priomap, as in Linux.
 */
#include "net/sched/sched_impl.h"

#define BANDS_MAX  16
#define PRIORITIES 16

struct prio_params {
	u64 bands;
	u8 map[PRIORITIES];
};

struct prio {
	struct prio_params p;
	struct qdisc *class[BANDS_MAX];
};

static const struct prio_params defaults = { 3, { 1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 } };

static int read_map(struct sched_words *w, void *params)
{
	struct prio_params *p = params;
	u64 band;
	int err = 0;

	for (unsigned i = 0; i < PRIORITIES && !err && (!i || sched_number_follows(w)); i++) {
		err = sched_value(w, "priomap", UNIT_NUMBER, 0, BANDS_MAX - 1, &band);
		p->map[i] = (u8)band;
	}
	return err;
}

static const struct sched_option options[] = {
	SCHED_OPTION("bands", UNIT_NUMBER, struct prio_params, bands, 2, BANDS_MAX),
	SCHED_READ("priomap", read_map),
	{ 0 },
};

static int prio_init(struct net_cpu *cpu, struct qdisc *q, const struct qdisc_args *args)
{
	struct prio *p = qdisc_priv(q);
	const char *inner;
	int err = sched_parse(q, args, options, &defaults, sizeof(p->p), &inner);

	for (unsigned i = 0; i < PRIORITIES && !err; i++)
		if (p->p.map[i] >= p->p.bands)
			err = qdisc_refuse(args->error, "prio: priomap names band %u, there are 0 to %u", p->p.map[i],
					   (unsigned)p->p.bands - 1);
	for (unsigned i = 0; i < p->p.bands && !err; i++)
		p->class[i] = sched_class(cpu, q, i + 1, inner, "pfifo", "", args->error, &err);
	q->limit = q->txq->dev->tx_queue_len;
	return err;
}

static void prio_destroy(struct net_cpu *cpu, struct qdisc *q)
{
	struct prio *p = qdisc_priv(q);

	for (unsigned i = 0; i < BANDS_MAX; i++)
		qdisc_destroy(cpu, p->class[i]);
}

static void prio_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	struct prio *p = qdisc_priv(q);
	struct qdisc *class = p->class[p->p.map[sched_priority(skb)]];

	class->ops->enqueue(cpu, class, skb);
}

static struct sk_buff *prio_dequeue(struct net_cpu *cpu, struct qdisc *q)
{
	struct prio *p = qdisc_priv(q);

	for (unsigned i = 0; i < p->p.bands; i++) {
		struct sk_buff *skb = qdisc_dequeue_class(cpu, p->class[i]);

		if (skb)
			return skb;
	}
	return NULL;
}

static struct sk_buff *prio_drain(struct qdisc *q)
{
	struct prio *p = qdisc_priv(q);

	for (unsigned i = 0; i < p->p.bands; i++) {
		struct sk_buff *skb = p->class[i]->ops->drain(p->class[i]);

		if (skb)
			return skb;
	}
	return NULL;
}

static int prio_dump(struct qdisc *q, char *buf, size_t size)
{
	struct prio *p = qdisc_priv(q);
	int n = scnprintf(buf, size, "bands %u priomap ", (unsigned)p->p.bands);

	for (unsigned i = 0; i < PRIORITIES; i++)
		n += scnprintf(buf + n, size - (size_t)n, " %u", p->p.map[i]);
	return n;
}

static struct qdisc **prio_leaf(struct qdisc *q, u32 minor)
{
	struct prio *p = qdisc_priv(q);

	return minor && minor <= p->p.bands ? &p->class[minor - 1] : NULL;
}

const struct qdisc_ops prio_qdisc = {
	.id = "prio",
	.usage = "[bands N] [priomap BAND...] [/ KIND OPTIONS]",
	.priv_size = sizeof(struct prio),
	.init = prio_init,
	.enqueue = prio_enqueue,
	.dequeue = prio_dequeue,
	.drain = prio_drain,
	.destroy = prio_destroy,
	.dump = prio_dump,
	.leaf = prio_leaf,
	.whole_device = true,
};
