/* SPDX-License-Identifier: MIT
 * fq.c - fair queue with pacing: every flow its turn of `quantum` bytes, and no skb before its time (skb->tstamp_ns, the
 * earliest departure its socket wishes), nor a flow faster than `maxrate`.
 *
 * Owns `buckets` chains of flows and twice as many flows, all made at init; when every flow is taken, the bucket's first is shared.
 * A flow is idle (kept for its pace), in new_flows or old_flows, or throttled: in a tree by the time it goes on.
 */
#include "lib/rbtree.h"
#include "net/sched/sched_impl.h"

#define CATCH_UP_NS NSEC_PER_MSEC /* a paced flow that was served late makes up for this much */

enum flow_state { FLOW_IDLE, FLOW_NEW, FLOW_OLD, FLOW_THROTTLED };

struct fq_params {
	u64 limit, flow_limit, buckets, quantum, initial_quantum, maxrate; /* quantum 0: two frames; maxrate 0: none */
	u64 pacing, horizon, horizon_drop, refill_delay;
};

struct flow {
	struct hlist_node hash_link;
	struct list_head link; /* idle, new or old */
	struct rb_node node;   /* throttled */
	struct sk_buff_head queue; /* by departure time */
	u32 hash;
	s32 credit;
	u64 next_ns;           /* not before */
	u64 idle_since_ns;
	enum flow_state state;
};

struct fq {
	struct fq_params p;
	struct hlist_head *buckets;
	struct flow *flows;
	struct list_head idle, new_flows, old_flows; /* idle: longest first */
	struct rb_root throttled;
	u32 nr_throttled, nr_used;
	u64 throttles, flows_plimit, horizon_drops, horizon_caps, gc;
};

static const struct fq_params defaults = {
	.limit = 10000, .flow_limit = 100, .buckets = 1024, .pacing = 1, .horizon = 10 * NSEC_PER_SEC, .horizon_drop = 1,
	.refill_delay = 40 * NSEC_PER_MSEC,
};

static const struct sched_option options[] = {
	SCHED_OPTION("limit", UNIT_PACKETS, struct fq_params, limit, 1, 1000000),
	SCHED_OPTION("flow_limit", UNIT_PACKETS, struct fq_params, flow_limit, 1, 1000000),
	SCHED_OPTION("buckets", UNIT_NUMBER, struct fq_params, buckets, 1, 65536),
	SCHED_OPTION("quantum", UNIT_BYTES, struct fq_params, quantum, 256, 1u << 20),
	SCHED_OPTION("initial_quantum", UNIT_BYTES, struct fq_params, initial_quantum, 256, 1u << 24),
	SCHED_OPTION("maxrate", UNIT_RATE, struct fq_params, maxrate, 1000, 1000000000000),
	SCHED_OPTION("horizon", UNIT_TIME, struct fq_params, horizon, NSEC_PER_MSEC, 3600 * NSEC_PER_SEC),
	SCHED_OPTION("refill_delay", UNIT_TIME, struct fq_params, refill_delay, 0, 100 * NSEC_PER_SEC),
	SCHED_FLAG("horizon_drop", struct fq_params, horizon_drop, 1),
	SCHED_FLAG("horizon_cap", struct fq_params, horizon_drop, 0),
	SCHED_FLAG("pacing", struct fq_params, pacing, 1),
	SCHED_FLAG("nopacing", struct fq_params, pacing, 0),
	{ 0 },
};

static int fq_init(struct net_cpu *cpu, struct qdisc *q, const struct qdisc_args *args)
{
	u32 frame = q->txq->dev->mtu + q->txq->dev->link->hdr_len;
	struct fq *f = qdisc_priv(q);
	int err = sched_parse(q, args, options, &defaults, sizeof(f->p), NULL);

	if (err)
		return err;
	f->p.quantum = f->p.quantum ?: 2 * frame;
	f->p.initial_quantum = f->p.initial_quantum ?: 10 * frame;
	f->buckets = kzalloc(f->p.buckets * sizeof(*f->buckets));
	f->flows = kzalloc(2 * f->p.buckets * sizeof(*f->flows));
	if (!f->buckets || !f->flows)
		return -ENOMEM;
	list_init(&f->idle);
	list_init(&f->new_flows);
	list_init(&f->old_flows);
	for (u64 i = 0; i < 2 * f->p.buckets; i++) {
		skb_queue_init(&f->flows[i].queue);
		list_add_tail(&f->flows[i].link, &f->idle);
	}
	q->limit = (u32)f->p.limit;
	q->paces = f->p.pacing;
	return 0;
}

static void fq_destroy(struct net_cpu *cpu, struct qdisc *q)
{
	struct fq *f = qdisc_priv(q);

	kfree(f->buckets);
	kfree(f->flows);
}

/* ---------------------------------------------------------------- flows */

/* The flow that was idle for longest becomes this one; NULL: all are busy. */
static struct flow *flow_make(struct fq *f, struct hlist_head *bucket, u32 hash, u64 now)
{
	struct flow *fl;

	if (list_empty(&f->idle))
		return NULL;
	fl = list_first(&f->idle, struct flow, link);
	if (fl->hash)
		f->gc++;
	else
		f->nr_used++;
	hlist_del(&fl->hash_link);
	hlist_add(&fl->hash_link, bucket);
	fl->hash = hash;
	fl->credit = (s32)f->p.initial_quantum;
	fl->next_ns = 0;
	fl->idle_since_ns = now;
	return fl;
}

static struct flow *flow_of(struct fq *f, u32 hash, u64 now)
{
	struct hlist_head *bucket = &f->buckets[(u64)hash * f->p.buckets >> 32];
	struct flow *fl;

	hlist_for_each_entry(fl, bucket, hash_link)
		if (fl->hash == hash)
			return fl;
	return flow_make(f, bucket, hash, now) ?: hlist_entry_safe(bucket->first, struct flow, hash_link);
}

static void flow_to(struct flow *fl, struct list_head *list, enum flow_state state)
{
	list_del(&fl->link);
	list_add_tail(&fl->link, list);
	fl->state = state;
}

static void flow_throttle(struct fq *f, struct flow *fl, u64 until)
{
	struct rb_node **link = &f->throttled.node, *parent = NULL;

	list_del(&fl->link);
	fl->state = FLOW_THROTTLED;
	fl->next_ns = until;
	while (*link) {
		parent = *link;
		link = until < rb_entry(parent, struct flow, node)->next_ns ? &parent->left : &parent->right;
	}
	rb_insert(&f->throttled, &fl->node, parent, link);
	f->nr_throttled++;
	f->throttles++;
}

static void flow_unthrottle(struct fq *f, struct flow *fl)
{
	rb_erase(&f->throttled, &fl->node);
	f->nr_throttled--;
	list_init(&fl->link);
	flow_to(fl, &f->old_flows, FLOW_OLD);
}

/* Those whose time has come; when the next one's does. */
static u64 wake_throttled(struct fq *f, u64 now)
{
	struct rb_node *n;

	while ((n = rb_first(&f->throttled))) {
		struct flow *fl = rb_entry(n, struct flow, node);

		if (fl->next_ns > now)
			return fl->next_ns;
		flow_unthrottle(f, fl);
	}
	return TIME_NEVER;
}

/* ---------------------------------------------------------------- in */

static inline u64 departure(const struct fq *f, const struct sk_buff *skb) { return f->p.pacing ? skb->tstamp_ns : 0; }

/* Behind those that leave before it or with it; nearly always that is the end. */
static void flow_put(const struct fq *f, struct flow *fl, struct sk_buff *skb)
{
	struct sk_buff *before = fl->queue.prev;

	while (before != (struct sk_buff *)&fl->queue && departure(f, before) > departure(f, skb))
		before = before->prev;
	skb_insert(&fl->queue, skb, before, skb_link_of(before)->next);
}

/* Nobody may park an skb in the far future. True: it is dropped. */
static bool is_beyond_horizon(struct fq *f, struct sk_buff *skb, u64 now)
{
	if (likely(departure(f, skb) <= now + f->p.horizon))
		return false;
	if (f->p.horizon_drop) {
		f->horizon_drops++;
		return true;
	}
	f->horizon_caps++;
	skb->tstamp_ns = now + f->p.horizon;
	return false;
}

static void flow_wake(struct fq *f, struct flow *fl, u64 now)
{
	if (now >= fl->idle_since_ns + f->p.refill_delay)
		fl->credit = MAX(fl->credit, (s32)f->p.quantum);
	flow_to(fl, &f->new_flows, FLOW_NEW);
}

static void fq_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	struct fq *f = qdisc_priv(q);
	u64 now = cpu->now_ns;
	struct flow *fl;

	if ((q->qlen >= q->limit && qdisc_limits_hold(q)) || is_beyond_horizon(f, skb, now)) {
		qdisc_drop(cpu, q, skb, DROP(QDISC_DROP));
		return;
	}
	fl = flow_of(f, sched_flow_hash(cpu, skb), now);
	if (!fl || (fl->queue.qlen >= f->p.flow_limit && qdisc_limits_hold(q))) {
		f->flows_plimit++;
		qdisc_drop(cpu, q, skb, DROP(QDISC_DROP));
		return;
	}
	flow_put(f, fl, skb);
	qdisc_added(q, skb);
	if (fl->state == FLOW_IDLE)
		flow_wake(f, fl, now);
	else if (fl->state == FLOW_THROTTLED && !f->p.maxrate && departure(f, skb) < fl->next_ns)
		flow_unthrottle(f, fl); /* it goes before the one that the flow waits for */
}

/* ---------------------------------------------------------------- out */

static void flow_was_served(struct fq *f, struct flow *fl, const struct sk_buff *skb, u64 now)
{
	fl->credit -= (s32)skb->len;
	if (f->p.maxrate)
		fl->next_ns = MAX(fl->next_ns, now - MIN(now, CATCH_UP_NS)) + sched_bytes_ns(skb->len, f->p.maxrate);
}

/* The first of new_flows, else of old_flows; NULL: there is none. */
static struct flow *first_flow(struct fq *f)
{
	struct list_head *list = list_empty(&f->new_flows) ? &f->old_flows : &f->new_flows;

	return list_empty(list) ? NULL : list_first(list, struct flow, link);
}

static void flow_is_empty(struct fq *f, struct flow *fl, u64 now)
{
	if (fl->state == FLOW_NEW && !list_empty(&f->old_flows)) {
		flow_to(fl, &f->old_flows, FLOW_OLD); /* coming anew again and again shall not starve the others */
		return;
	}
	flow_to(fl, &f->idle, FLOW_IDLE);
	fl->idle_since_ns = now;
}

static u64 next_departure(const struct fq *f, const struct flow *fl, const struct sk_buff *skb)
{
	return MAX(departure(f, skb), f->p.maxrate ? fl->next_ns : 0);
}

static struct sk_buff *fq_dequeue(struct net_cpu *cpu, struct qdisc *q)
{
	struct fq *f = qdisc_priv(q);
	u64 now = cpu->now_ns, wake = wake_throttled(f, now);
	struct sk_buff *skb;
	struct flow *fl;

	while ((fl = first_flow(f))) {
		skb = skb_peek(&fl->queue);
		if (!skb) {
			flow_is_empty(f, fl, now);
		} else if (fl->credit <= 0) {
			fl->credit += (s32)f->p.quantum;
			flow_to(fl, &f->old_flows, FLOW_OLD);
		} else if (next_departure(f, fl, skb) > now) {
			flow_throttle(f, fl, next_departure(f, fl, skb));
			wake = MIN(wake, fl->next_ns);
		} else {
			skb_unlink(&fl->queue, skb);
			qdisc_removed(q, skb);
			flow_was_served(f, fl, skb, now);
			return skb;
		}
	}
	if (wake != TIME_NEVER)
		qdisc_watchdog(q, wake);
	return NULL;
}

static struct sk_buff *fq_drain(struct qdisc *q)
{
	struct fq *f = qdisc_priv(q);
	struct sk_buff *skb;
	struct flow *fl;

	wake_throttled(f, TIME_NEVER - 1);
	while ((fl = first_flow(f))) {
		skb = skb_dequeue(&fl->queue);
		if (skb) {
			qdisc_removed(q, skb);
			return skb;
		}
		flow_to(fl, &f->idle, FLOW_IDLE);
	}
	return NULL;
}

static int fq_dump(struct qdisc *q, char *buf, size_t size)
{
	const struct fq_params *p = &((struct fq *)qdisc_priv(q))->p;
	char a[SCHED_TEXT], b[SCHED_TEXT], c[SCHED_TEXT], d[SCHED_TEXT];
	int n = scnprintf(buf, size, "limit %up flow_limit %up buckets %u %squantum %s initial_quantum %s ", q->limit,
			  (unsigned)p->flow_limit, (unsigned)p->buckets, p->pacing ? "" : "nopacing ",
			  sched_size_text(p->quantum, a), sched_size_text(p->initial_quantum, b));

	if (p->maxrate)
		n += scnprintf(buf + n, size - (size_t)n, "maxrate %s ", sched_rate_text(p->maxrate, a));
	return n + scnprintf(buf + n, size - (size_t)n, "refill_delay %s horizon %s horizon_%s",
			     sched_time_text(p->refill_delay, c), sched_time_text(p->horizon, d),
			     p->horizon_drop ? "drop" : "cap");
}

static int fq_dump_stats(struct qdisc *q, char *buf, size_t size)
{
	struct fq *f = qdisc_priv(q);

	return scnprintf(buf, size,
			 "  flows %u (throttled %u)\n"
			 "  gc %llu throttled %llu flows_plimit %llu horizon_drops %llu horizon_caps %llu\n",
			 f->nr_used, f->nr_throttled, (unsigned long long)f->gc, (unsigned long long)f->throttles,
			 (unsigned long long)f->flows_plimit, (unsigned long long)f->horizon_drops,
			 (unsigned long long)f->horizon_caps);
}

const struct qdisc_ops fq_qdisc = {
	.id = "fq",
	.usage = "[limit PACKETS] [flow_limit PACKETS] [buckets N] [quantum BYTES] [initial_quantum BYTES] [maxrate RATE] "
		 "[pacing|nopacing] [horizon TIME] [horizon_drop|horizon_cap] [refill_delay TIME]",
	.priv_size = sizeof(struct fq),
	.init = fq_init,
	.enqueue = fq_enqueue,
	.dequeue = fq_dequeue,
	.drain = fq_drain,
	.destroy = fq_destroy,
	.dump = fq_dump,
	.dump_stats = fq_dump_stats,
};
