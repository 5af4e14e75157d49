/* SPDX-License-Identifier: MIT
 * fiber.c - the scheduler of cooperative threads: a queue of ready ones, run in turns by the CPU's loop.
 *
 * A fiber that ends cannot free the stack it stands on: it leaves itself as the zombie and the loop frees it.
 */
#include "core/fiber.h"
#include "core/switch.h"
#include "config.h"
#include "lib/string.h"
#include "platform.h"

void fiber_sched_init(struct fiber_sched *s)
{
	list_init(&s->ready);
	list_init(&s->all);
	s->current = NULL;
	s->loop_sp = NULL;
	s->zombie = NULL;
	s->hold = NULL;
	s->switches = 0;
	s->count = 0;
}

/* Softirq is held off while the queue is touched and stacks are switched; each side has its own depth. */
static u32 hold(struct fiber_sched *s)
{
	u32 depth = 0;

	if (s->hold) {
		depth = *s->hold;
		*s->hold = depth + 1;
	}
	barrier();
	return depth;
}
static void unhold(struct fiber_sched *s, u32 depth)
{
	barrier();
	if (s->hold)
		*s->hold = depth;
}

/* Back to the loop; returns when the loop runs this fiber again. */
static void fiber_leave(struct fiber *f)
{
	context_switch(&f->sp, f->sched->loop_sp);
}

static void fiber_main(void *arg)
{
	struct fiber *f = arg;

	unhold(f->sched, 0);
	f->fn(f->arg);
	hold(f->sched);
	f->state = FIBER_DEAD;
	f->sched->zombie = f;
	fiber_leave(f);
	BUG_ON(true); /* the dead do not run */
}

/* What context_switch() finds on a new stack. Two zero words behind it end a walk by frame pointers. */
static void *first_frame(u8 *stack_top, struct fiber *f)
{
	struct switch_frame *frame = (struct switch_frame *)(stack_top - 16) - 1;

	*frame = (struct switch_frame){
		.r12 = (u64)(uintptr_t)fiber_main,
		.r13 = (u64)(uintptr_t)f,
		.ret = context_entry,
	};
	memset(stack_top - 16, 0, 16);
	return frame;
}

struct fiber *fiber_spawn(struct fiber_sched *s, const char *name, void (*fn)(void *), void *arg)
{
	struct fiber *f = kzalloc(sizeof(*f));
	u32 depth;

	if (!f)
		return NULL;
	f->stack = stack_alloc(FIBER_STACK);
	if (!f->stack) {
		kfree(f);
		return NULL;
	}
	f->sp = first_frame((u8 *)f->stack + FIBER_STACK, f);
	f->sched = s;
	f->fn = fn;
	f->arg = arg;
	f->name = name;
	f->state = FIBER_READY;
	depth = hold(s);
	list_add_tail(&f->all, &s->all);
	list_add_tail(&f->link, &s->ready);
	s->count++;
	unhold(s, depth);
	return f;
}

static void fiber_bury(struct fiber_sched *s)
{
	struct fiber *f = s->zombie;

	s->zombie = NULL;
	list_del(&f->all);
	s->count--;
	stack_free(f->stack, FIBER_STACK);
	kfree(f);
}

unsigned fiber_run_ready(struct fiber_sched *s)
{
	struct list_head turn;
	u32 depth = hold(s);
	unsigned ran = 0;
	struct fiber *f;

	list_init(&turn);
	list_splice_tail(&s->ready, &turn);
	while (!list_empty(&turn)) {
		f = list_first(&turn, struct fiber, link);
		list_del(&f->link);
		f->state = FIBER_RUNNING;
		f->wait = NULL;
		f->runs++;
		s->current = f;
		s->switches++;
		context_switch(&s->loop_sp, f->sp);
		unhold(s, depth + 1);
		s->current = NULL;
		if (s->zombie)
			fiber_bury(s);
		ran++;
	}
	unhold(s, depth);
	return ran;
}

void fiber_block(struct fiber_sched *s, const char *why)
{
	struct fiber *f = s->current;
	u32 depth = hold(s);

	BUG_ON(!f);
	f->state = FIBER_BLOCKED;
	f->wait = why;
	fiber_leave(f);
	unhold(s, depth);
}

void fiber_yield(struct fiber_sched *s)
{
	struct fiber *f = s->current;
	u32 depth = hold(s);

	BUG_ON(!f);
	f->state = FIBER_READY;
	list_add_tail(&f->link, &s->ready);
	fiber_leave(f);
	unhold(s, depth);
}

void fiber_wake(struct fiber *f)
{
	if (f->state != FIBER_BLOCKED)
		return;
	f->state = FIBER_READY;
	list_add_tail(&f->link, &f->sched->ready);
}
