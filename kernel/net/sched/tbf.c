/* SPDX-License-Identifier: MIT
 * tbf.c - token bucket: never faster than `rate` over time, at most `burst` bytes at once.
 *
 * Tokens are nanoseconds of sending at the rate. What waits is in class 1, a bfifo of `limit` bytes at first (given as bytes, or
 * as the `latency` that a full one means); an fq_codel there makes a slow link usable. One skb stands before the gate:
 * the class gave it already.
 */
#include "net/sched/sched_impl.h"

#define TIMER_LATE_NS (2 * TIMER_GRANULE_NS) /* what waits at the gate may use: its timer does not come to the nanosecond */

struct tbf_params {
	u64 rate, burst, latency, limit; /* bits a second, bytes, ns, bytes; 0: not given */
};

struct tbf {
	struct tbf_params p;
	struct qdisc *class;
	struct sk_buff *first; /* at the gate */
	u64 bucket_ns, tokens_ns, filled_ns; /* size, what is in it, when that was */
};

static const struct sched_option options[] = {
	SCHED_OPTION("rate", UNIT_RATE, struct tbf_params, rate, 1000, 1000000000000),
	SCHED_OPTION("burst", UNIT_BYTES, struct tbf_params, burst, 64, 1u << 28),
	SCHED_OPTION("buffer", UNIT_BYTES, struct tbf_params, burst, 64, 1u << 28),
	SCHED_OPTION("maxburst", UNIT_BYTES, struct tbf_params, burst, 64, 1u << 28),
	SCHED_OPTION("latency", UNIT_TIME, struct tbf_params, latency, 1, 60 * NSEC_PER_SEC),
	SCHED_OPTION("limit", UNIT_BYTES, struct tbf_params, limit, 64, 1u << 31),
	{ 0 },
};

static int check(struct qdisc *q, struct tbf_params *p, struct qdisc_error *e)
{
	u32 frame = q->txq->dev->mtu + q->txq->dev->link->hdr_len;

	if (!p->rate || !p->burst)
		return qdisc_refuse(e, "tbf: %s is needed; %s", p->rate ? "burst" : "rate", q->ops->usage);
	if (p->burst < frame)
		return qdisc_refuse(e, "tbf: burst %llub is less than a frame, which has up to %ub",
				    (unsigned long long)p->burst, frame);
	if (!p->latency == !p->limit)
		return qdisc_refuse(e, "tbf: one of latency and limit is needed");
	return 0;
}

/* A change that names one of the two means that and not the other. */
static void forget_other_bound(struct tbf_params *p, const struct tbf_params *old)
{
	if (p->latency != old->latency)
		p->limit = 0;
	else if (p->limit != old->limit)
		p->latency = 0;
}

static int tbf_init(struct net_cpu *cpu, struct qdisc *q, const struct qdisc_args *args)
{
	struct tbf *t = qdisc_priv(q);
	char bytes[32];
	const char *inner;
	int err = sched_parse(q, args, options, &(struct tbf_params){ 0 }, sizeof(t->p), &inner);

	if (!err && args->old)
		forget_other_bound(&t->p, qdisc_priv(args->old));
	err = err ?: check(q, &t->p, args->error);
	if (err)
		return err;
	q->limit = (u32)MIN(t->p.limit ?: t->p.rate / 8 * (t->p.latency / 1000) / 1000000 + t->p.burst, 1ull << 31);
	t->bucket_ns = t->tokens_ns = sched_bytes_ns(t->p.burst, t->p.rate);
	t->filled_ns = cpu->now_ns;
	snprintf(bytes, sizeof(bytes), "limit %u", q->limit);
	t->class = sched_class(cpu, q, 1, inner, "bfifo", bytes, args->error, &err);
	return err;
}

static void tbf_destroy(struct net_cpu *cpu, struct qdisc *q)
{
	struct tbf *t = qdisc_priv(q);

	qdisc_destroy(cpu, t->class);
}

static void tbf_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	struct tbf *t = qdisc_priv(q);

	if (skb->len > t->p.burst) /* it would never pass */
		qdisc_drop(cpu, q, skb, DROP(QDISC_DROP));
	else
		t->class->ops->enqueue(cpu, t->class, skb);
}

static struct sk_buff *take_first(struct qdisc *q)
{
	struct tbf *t = qdisc_priv(q);
	struct sk_buff *skb = t->first;

	t->first = NULL;
	if (skb)
		qdisc_removed(q, skb);
	return skb;
}

static bool is_someone_at_gate(struct net_cpu *cpu, struct qdisc *q)
{
	struct tbf *t = qdisc_priv(q);

	if (t->first)
		return true;
	t->first = qdisc_dequeue_class(cpu, t->class);
	if (t->first)
		qdisc_added(q, t->first);
	return t->first;
}

static struct sk_buff *tbf_dequeue(struct net_cpu *cpu, struct qdisc *q)
{
	struct tbf *t = qdisc_priv(q);
	u64 now = MAX(cpu->now_ns, t->filled_ns), late = t->first ? TIMER_LATE_NS : 0, tokens, need;

	if (!is_someone_at_gate(cpu, q))
		return NULL;
	tokens = MIN(t->tokens_ns + (now - t->filled_ns), t->bucket_ns + late);
	need = sched_bytes_ns(t->first->len, t->p.rate);
	if (need > tokens) {
		qdisc_watchdog(q, now + need - tokens);
		return NULL;
	}
	t->tokens_ns = MIN(tokens - need, t->bucket_ns);
	t->filled_ns = now;
	return take_first(q);
}

static struct sk_buff *tbf_drain(struct qdisc *q)
{
	struct tbf *t = qdisc_priv(q);

	return take_first(q) ?: t->class->ops->drain(t->class);
}

static int tbf_dump(struct qdisc *q, char *buf, size_t size)
{
	char rate[SCHED_TEXT], burst[SCHED_TEXT], bound[SCHED_TEXT];
	struct tbf *t = qdisc_priv(q);

	return scnprintf(buf, size, "rate %s burst %s %s %s", sched_rate_text(t->p.rate, rate),
			 sched_size_text(t->p.burst, burst), t->p.latency ? "lat" : "limit",
			 t->p.latency ? sched_time_text(t->p.latency, bound) : sched_size_text(t->p.limit, bound));
}

static struct qdisc **tbf_leaf(struct qdisc *q, u32 minor)
{
	struct tbf *t = qdisc_priv(q);

	return minor == 1 ? &t->class : NULL;
}

const struct qdisc_ops tbf_qdisc = {
	.id = "tbf",
	.usage = "rate RATE burst BYTES {latency TIME | limit BYTES} [/ KIND OPTIONS]",
	.priv_size = sizeof(struct tbf),
	.init = tbf_init,
	.enqueue = tbf_enqueue,
	.dequeue = tbf_dequeue,
	.drain = tbf_drain,
	.destroy = tbf_destroy,
	.dump = tbf_dump,
	.leaf = tbf_leaf,
	.whole_device = true,
	.splits_gso = true,
};
