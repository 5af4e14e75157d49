/* SPDX-License-Identifier: MIT
 * e1000_mq.c - the two queues of an 82574L on two CPUs: what one asks of the other.
 *
 * The first queue's CPU tends the device; the other is asked by message to leave its rings before a reset, and to enter them after
 * it. A message that finds no room in the inbox is sent again at the next look.
 */
#include "drivers/e1000/e1000_impl.h"

#define TELL_NS (1 * NSEC_PER_MSEC)

static inline void flag_set(bool *flag, bool v)
{
	__atomic_store_n(flag, v, __ATOMIC_RELEASE);
}

static void attend_soon(struct e1000_queue *first)
{
	first->attention = true;
	napi_schedule(&first->napi);
}

static void is_called(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct e1000_queue *q = container_of(msg, struct e1000_queue, call);

	flag_set(&q->calling, false);
	attend_soon(&q->e->queues[0]);
}

void e1000_call(struct e1000_queue *q)
{
	struct e1000_queue *first = &q->e->queues[0];

	if (q == first) {
		attend_soon(q);
		return;
	}
	if (__atomic_load_n(&q->calling, __ATOMIC_ACQUIRE))
		return;
	q->call.fn = is_called;
	flag_set(&q->calling, true);
	if (!inbox_post(q->cpu, first->cpu, &q->call)) {
		flag_set(&q->calling, false); /* the timer calls again: the queue is down */
		timer_arm(&q->cpu->wheel, &q->timer, q->cpu->now_ns + TELL_NS);
	}
}

static void leave_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct e1000_queue *q = container_of(msg, struct e1000_queue, order);

	e1000_leave(q);
	flag_set(&q->ordered, false);
	e1000_call(q);
}

static void enter_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct e1000_queue *q = container_of(msg, struct e1000_queue, order);

	e1000_enter(q);
	flag_set(&q->ordered, false);
}

static void order(struct e1000_queue *q, void (*fn)(struct net_cpu *, struct inbox_msg *))
{
	struct e1000_queue *first = &q->e->queues[0];

	if (e1000_is_ordered(q))
		return;
	q->order.fn = fn;
	flag_set(&q->ordered, true);
	if (inbox_post(first->cpu, q->cpu, &q->order))
		return;
	flag_set(&q->ordered, false);
	e1000_call(first);
}

/* Before the other CPUs run there is nobody to give orders to: boot does all. */
static bool is_ours(const struct e1000_queue *q)
{
	return q->cpu == q->e->queues[0].cpu || !q->e->open;
}

bool e1000_leave_all(struct e1000 *e)
{
	bool all = true;

	for (unsigned i = 0; i < e->nr_queues; i++) {
		struct e1000_queue *q = &e->queues[i];

		if (is_ours(q)) {
			e1000_leave(q);
		} else if (!__atomic_load_n(&q->left, __ATOMIC_ACQUIRE)) {
			order(q, leave_rcv);
			all = false;
		}
	}
	return all;
}

void e1000_enter_all(struct e1000 *e)
{
	for (unsigned i = 0; i < e->nr_queues; i++) {
		struct e1000_queue *q = &e->queues[i];

		if (is_ours(q))
			e1000_enter(q);
		else
			order(q, enter_rcv);
	}
}
