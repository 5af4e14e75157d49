/* SPDX-License-Identifier: MIT
 * fq_codel.c - RFC 8290: flows share the link by deficit round robin, each with a CoDel of its own; a flow that comes new, or is
 * sparse, goes before those that build queues.
 *
 * Owns `flows` queues, picked by a keyed hash. Over `limit` or `memory_limit` the longest queue loses from its head.
 */
#include "net/sched/codel.h"

struct fq_codel_params {
	u64 limit, flows, quantum, memory_limit, drop_batch; /* memory_limit, quantum: 0: by the pool, by the MTU */
	struct codel_params codel;
};

struct flow {
	struct sk_buff_head queue;
	struct list_head link; /* in new_flows or old_flows; empty: in neither */
	struct codel_vars codel;
	u32 bytes;
	s32 deficit;
};

struct fq_codel {
	struct fq_codel_params p;
	struct flow *flows;
	struct list_head new_flows, old_flows;
	u64 memory;
	u64 drop_overlimit, drop_overmemory, new_flow_count, ecn_mark, codel_drops, maxpacket;
};

static const struct fq_codel_params defaults = {
	.limit = 10240, .flows = 1024, .drop_batch = 64,
	.codel = { .target = 5 * NSEC_PER_MSEC, .interval = 100 * NSEC_PER_MSEC, .ecn = 1 },
};

static const struct sched_option options[] = {
	SCHED_OPTION("limit", UNIT_PACKETS, struct fq_codel_params, limit, 1, 1000000),
	SCHED_OPTION("flows", UNIT_NUMBER, struct fq_codel_params, flows, 1, 65536),
	SCHED_OPTION("target", UNIT_TIME, struct fq_codel_params, codel.target, 1, 10 * NSEC_PER_SEC),
	SCHED_OPTION("interval", UNIT_TIME, struct fq_codel_params, codel.interval, 1000, 100 * NSEC_PER_SEC),
	SCHED_OPTION("quantum", UNIT_BYTES, struct fq_codel_params, quantum, 256, 1u << 20),
	SCHED_OPTION("memory_limit", UNIT_BYTES, struct fq_codel_params, memory_limit, 4096, 1u << 31),
	SCHED_OPTION("drop_batch", UNIT_PACKETS, struct fq_codel_params, drop_batch, 1, 4096),
	SCHED_FLAG("ecn", struct fq_codel_params, codel.ecn, 1),
	SCHED_FLAG("noecn", struct fq_codel_params, codel.ecn, 0),
	{ 0 },
};

/* 32 MiB, but never so much that reception runs out of buffers. */
static u64 memory_by_pool(const struct net_cpu *cpu)
{
	return MIN(32ull << 20, (u64)cpu->skb_pool->nr_bufs * SKB_BUF_SIZE / 4);
}

static int fq_codel_init(struct net_cpu *cpu, struct qdisc *q, const struct qdisc_args *args)
{
	struct fq_codel *f = qdisc_priv(q);
	int err = sched_parse(q, args, options, &defaults, sizeof(f->p), NULL);

	if (err)
		return err;
	f->p.quantum = f->p.quantum ?: q->txq->dev->mtu + q->txq->dev->link->hdr_len;
	f->p.memory_limit = f->p.memory_limit ?: memory_by_pool(cpu);
	f->flows = kzalloc(f->p.flows * sizeof(*f->flows));
	if (!f->flows)
		return -ENOMEM;
	for (u64 i = 0; i < f->p.flows; i++) {
		skb_queue_init(&f->flows[i].queue);
		list_init(&f->flows[i].link);
	}
	list_init(&f->new_flows);
	list_init(&f->old_flows);
	q->limit = (u32)f->p.limit;
	return 0;
}

static void fq_codel_destroy(struct net_cpu *cpu, struct qdisc *q)
{
	kfree(((struct fq_codel *)qdisc_priv(q))->flows);
}

static struct sk_buff *flow_pop(struct qdisc *q, void *flow)
{
	struct fq_codel *f = qdisc_priv(q);
	struct flow *fl = flow;
	struct sk_buff *skb = skb_dequeue(&fl->queue);

	if (!skb)
		return NULL;
	fl->bytes -= skb->len;
	f->memory -= skb->truesize;
	qdisc_removed(q, skb);
	return skb;
}

static u32 flow_bytes(void *flow) { return ((struct flow *)flow)->bytes; }

/* RFC 8290 4.1.3: up to half of the longest queue goes at once, so that the search for it pays. */
static u64 drop_from_longest(struct net_cpu *cpu, struct qdisc *q)
{
	struct fq_codel *f = qdisc_priv(q);
	struct flow *longest = f->flows;
	u64 dropped = 0;
	u32 half;

	for (u64 i = 1; i < f->p.flows; i++)
		if (f->flows[i].bytes > longest->bytes)
			longest = &f->flows[i];
	half = longest->bytes / 2;
	do {
		qdisc_drop(cpu, q, flow_pop(q, longest), DROP(QDISC_DROP));
	} while (++dropped < f->p.drop_batch && longest->bytes > half);
	longest->codel.count += (u32)dropped;
	return dropped;
}

static void fq_codel_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	struct fq_codel *f = qdisc_priv(q);
	struct flow *fl = &f->flows[(u64)sched_flow_hash(cpu, skb) * f->p.flows >> 32];

	codel_cb(skb)->enqueued_ns = cpu->now_ns;
	skb_queue_tail(&fl->queue, skb);
	fl->bytes += skb->len;
	f->memory += skb->truesize;
	f->maxpacket = MAX(f->maxpacket, (u64)skb->len);
	qdisc_added(q, skb);
	if (list_empty(&fl->link)) {
		list_add_tail(&fl->link, &f->new_flows);
		f->new_flow_count++;
		fl->deficit = (s32)f->p.quantum;
	}
	if (likely(q->qlen <= q->limit && f->memory <= f->p.memory_limit) || !qdisc_limits_hold(q))
		return;
	if (f->memory > f->p.memory_limit)
		f->drop_overmemory++;
	f->drop_overlimit += drop_from_longest(cpu, q);
}

/* The flow whose turn it is, with credit left; NULL: no flow has anything. */
static struct flow *next_flow(struct fq_codel *f)
{
	for (;;) {
		struct list_head *list = list_empty(&f->new_flows) ? &f->old_flows : &f->new_flows;
		struct flow *fl;

		if (list_empty(list))
			return NULL;
		fl = list_first(list, struct flow, link);
		if (fl->deficit > 0)
			return fl;
		fl->deficit += (s32)f->p.quantum;
		list_del(&fl->link);
		list_add_tail(&fl->link, &f->old_flows);
	}
}

/* An empty new flow passes once through the old ones, so that it cannot starve them by coming anew (RFC 8290 4.2). */
static void flow_is_empty(struct fq_codel *f, struct flow *fl)
{
	bool was_new = list_first(&f->new_flows, struct flow, link) == fl;

	list_del(&fl->link);
	if (was_new && !list_empty(&f->old_flows))
		list_add_tail(&fl->link, &f->old_flows);
}

static struct sk_buff *fq_codel_dequeue(struct net_cpu *cpu, struct qdisc *q)
{
	struct fq_codel *f = qdisc_priv(q);
	struct codel_queue cq = {
		.q = q, .pop = flow_pop, .bytes = flow_bytes,
		.mtu = q->txq->dev->mtu + q->txq->dev->link->hdr_len,
		.dropped = &f->codel_drops, .marked = &f->ecn_mark,
	};
	struct sk_buff *skb;
	struct flow *fl;

	while ((fl = next_flow(f))) {
		cq.flow = fl;
		skb = codel_dequeue(cpu, &cq, &f->p.codel, &fl->codel);
		if (skb) {
			fl->deficit -= (s32)skb->len;
			return skb;
		}
		flow_is_empty(f, fl);
	}
	return NULL;
}

static struct sk_buff *fq_codel_drain(struct qdisc *q)
{
	struct fq_codel *f = qdisc_priv(q);
	struct list_head *const lists[] = { &f->new_flows, &f->old_flows };

	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
		while (!list_empty(lists[i])) {
			struct flow *fl = list_first(lists[i], struct flow, link);
			struct sk_buff *skb = flow_pop(q, fl);

			if (skb)
				return skb;
			list_del(&fl->link);
		}
	}
	return NULL;
}

static int fq_codel_dump(struct qdisc *q, char *buf, size_t size)
{
	const struct fq_codel_params *p = &((struct fq_codel *)qdisc_priv(q))->p;
	char target[SCHED_TEXT], interval[SCHED_TEXT], memory[SCHED_TEXT];

	return scnprintf(buf, size, "limit %up flows %u quantum %u target %s interval %s memory_limit %s %sdrop_batch %u",
			 q->limit, (unsigned)p->flows, (unsigned)p->quantum, sched_time_text(p->codel.target, target),
			 sched_time_text(p->codel.interval, interval), sched_size_text(p->memory_limit, memory),
			 p->codel.ecn ? "ecn " : "", (unsigned)p->drop_batch);
}

static unsigned count(const struct list_head *list)
{
	unsigned n = 0;

	for (const struct list_head *l = list->next; l != list && n < 65536; l = l->next)
		n++;
	return n;
}

static int fq_codel_dump_stats(struct qdisc *q, char *buf, size_t size)
{
	struct fq_codel *f = qdisc_priv(q);

	return scnprintf(buf, size,
			 "  maxpacket %llu drop_overlimit %llu new_flow_count %llu ecn_mark %llu drop_overmemory %llu\n"
			 "  new_flows_len %u old_flows_len %u memory_used %llu codel_drops %llu\n",
			 (unsigned long long)f->maxpacket, (unsigned long long)f->drop_overlimit,
			 (unsigned long long)f->new_flow_count, (unsigned long long)f->ecn_mark,
			 (unsigned long long)f->drop_overmemory, count(&f->new_flows), count(&f->old_flows),
			 (unsigned long long)f->memory, (unsigned long long)f->codel_drops);
}

const struct qdisc_ops fq_codel_qdisc = {
	.id = "fq_codel",
	.usage = "[limit PACKETS] [flows N] [target TIME] [interval TIME] [quantum BYTES] [memory_limit BYTES] "
		 "[drop_batch N] [ecn|noecn]",
	.priv_size = sizeof(struct fq_codel),
	.init = fq_codel_init,
	.enqueue = fq_codel_enqueue,
	.dequeue = fq_codel_dequeue,
	.drain = fq_codel_drain,
	.destroy = fq_codel_destroy,
	.dump = fq_codel_dump,
	.dump_stats = fq_codel_dump_stats,
	.can_bypass = true,
};
