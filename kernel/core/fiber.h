/* SPDX-License-Identifier: MIT
 * fiber.h - cooperative threads of one CPU, in base context, one stack each with a guard page below.
 *
 * A fiber runs until it blocks (fiber_block), yields or returns. Only its own CPU touches it. The same code
 * runs on the host: the switch is a few instructions of the x86_64 ABI (arch/x86_64/switch.S).
 *
 * The ready queue is shared with softirq, which wakes fibers: the scheduler touches it only while *hold (the CPU's
 * bh_count) is above zero. Each fiber has its own depth of that count; the switch saves and restores it.
 */
#pragma once

#include "lib/list.h"

struct fiber;

struct fiber_sched {
	struct list_head ready;  /* fibers that can run, in order */
	struct list_head all;
	struct fiber *current;   /* NULL: in the loop itself */
	void *loop_sp;           /* where fiber_run_ready() was left */
	struct fiber *zombie;    /* ended; its stack is freed by the loop */
	u32 *hold;               /* holds softirq off while above zero; NULL: there is none (tests of fibers alone) */
	u64 switches;
	unsigned count;
};

struct fiber {
	struct list_head link;   /* in sched->ready while ready */
	struct list_head all;
	struct fiber_sched *sched;
	void *sp;
	void *stack;             /* lowest usable byte */
	void (*fn)(void *arg);
	void *arg;
	const char *name;
	enum { FIBER_READY, FIBER_RUNNING, FIBER_BLOCKED, FIBER_DEAD } state;
	const char *wait;        /* what it waits for, for debuggers */
	u64 runs;
};

void fiber_sched_init(struct fiber_sched *s);
/* A new fiber, ready to run; NULL when memory is out. It belongs to the scheduler and frees itself when fn returns. */
struct fiber *fiber_spawn(struct fiber_sched *s, const char *name, void (*fn)(void *), void *arg);
/* From the loop: runs every fiber that was ready at the call once; returns how many ran. */
unsigned fiber_run_ready(struct fiber_sched *s);
/* From a fiber: sleep until fiber_wake(). A caller that holds softirq off from the check of its condition to this call
 * misses no wake; it holds it off again when this returns. */
void fiber_block(struct fiber_sched *s, const char *why);
void fiber_yield(struct fiber_sched *s);
/* From anywhere on the same CPU, softirq included. Waking a fiber that is not blocked does nothing. */
void fiber_wake(struct fiber *f);
static inline bool fiber_any_ready(const struct fiber_sched *s) { return !list_empty(&s->ready); }
