/* SPDX-License-Identifier: MIT
 * codel.c - the control law and the dequeue routine of RFC 8289 5.
 *
 * The n-th drop of a bad time comes interval / sqrt(n) after the one before; the root is taken in whole numbers.
 */
#include "net/sched/codel.h"

static u64 square_root(u64 v)
{
	u64 root = 0;

	for (u64 bit = 1ull << 31; bit; bit >>= 1)
		if ((root | bit) * (root | bit) <= v)
			root |= bit;
	return root;
}

/* RFC 8289 5.5; the root has 16 bits behind the point. */
static u64 control_law(const struct codel_params *p, u64 t, u32 count)
{
	return t + (p->interval << 16) / square_root((u64)count << 32);
}

/* RFC 8289 5.6, dodequeue: takes one; *ok_to_drop: the delay was too long for an interval. */
static struct sk_buff *take(const struct codel_queue *cq, const struct codel_params *p, struct codel_vars *v, u64 now,
			    bool *ok_to_drop)
{
	struct sk_buff *skb = cq->pop(cq->q, cq->flow);

	*ok_to_drop = false;
	if (!skb || now - codel_cb(skb)->enqueued_ns < p->target || cq->bytes(cq->flow) <= cq->mtu) {
		v->first_above_time = 0;
		return skb;
	}
	if (!v->first_above_time)
		v->first_above_time = now + p->interval;
	else
		*ok_to_drop = now >= v->first_above_time;
	return skb;
}

/* True: skb is marked and goes on. */
static bool mark_or_drop(struct net_cpu *cpu, const struct codel_queue *cq, const struct codel_params *p, struct sk_buff *skb)
{
	if (p->ecn && sched_mark_ce(skb)) {
		++*cq->marked;
		return true;
	}
	++*cq->dropped;
	qdisc_drop(cpu, cq->q, skb, DROP(QDISC_DROP));
	return false;
}

static struct sk_buff *go_on_dropping(struct net_cpu *cpu, const struct codel_queue *cq, const struct codel_params *p,
				      struct codel_vars *v, struct sk_buff *skb, bool ok)
{
	u64 now = cpu->now_ns;

	while (skb && ok && now >= v->drop_next) {
		bool sent = mark_or_drop(cpu, cq, p, skb);

		v->count++;
		v->drop_next = control_law(p, v->drop_next, v->count);
		if (sent)
			return skb;
		skb = take(cq, p, v, now, &ok);
	}
	v->dropping = ok;
	return skb;
}

static struct sk_buff *begin_dropping(struct net_cpu *cpu, const struct codel_queue *cq, const struct codel_params *p,
				      struct codel_vars *v, struct sk_buff *skb)
{
	u64 now = cpu->now_ns;
	u32 delta = v->count - v->lastcount;
	bool ok;

	if (!mark_or_drop(cpu, cq, p, skb))
		skb = take(cq, p, v, now, &ok);
	v->dropping = true;
	/* Soon after the last bad time the rate that ended that one is a good start (RFC 8289 5.4). */
	v->count = delta > 1 && now - v->drop_next < 16 * p->interval ? delta : 1;
	v->drop_next = control_law(p, now, v->count);
	v->lastcount = v->count;
	return skb;
}

struct sk_buff *codel_dequeue(struct net_cpu *cpu, const struct codel_queue *cq, const struct codel_params *p,
			      struct codel_vars *v)
{
	bool ok;
	struct sk_buff *skb = take(cq, p, v, cpu->now_ns, &ok);

	if (!skb) {
		v->dropping = false;
		return NULL;
	}
	if (v->dropping)
		return go_on_dropping(cpu, cq, p, v, skb, ok);
	return ok ? begin_dropping(cpu, cq, p, v, skb) : skb;
}
