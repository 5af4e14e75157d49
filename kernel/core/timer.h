/* SPDX-License-Identifier: MIT
 * timer.h - hierarchical timer wheel: arming and cancelling cost O(1), the next deadline a few bit scans.
 *
 * One wheel per CPU, touched by that CPU only. A timer fires at the first wheel_run() whose `now` is not before
 * its deadline, at most one granule (TIMER_GRANULE_NS) late and never early.
 */
#pragma once

#include "lib/list.h"

#define TIMER_GRANULE_SHIFT 16 /* 65.536 us: fine enough to pace, coarse enough that a wheel turn is cheap */
#define TIMER_GRANULE_NS    (1ull << TIMER_GRANULE_SHIFT)
#define TIMER_LEVELS        8
#define TIMER_SLOT_SHIFT    6
#define TIMER_SLOTS         64 /* per level: 64^8 granules is all that a clock of 64-bit nanoseconds can show */

struct timer {
	struct list_head link;
	u64 expires_ns;
	void (*fn)(struct timer *t, u64 now_ns); /* runs in softirq; may re-arm itself or free its owner */
	u8 level, slot;             /* TIMER_LEVELS: on the wheel's list of lazy ones */
	bool armed;
};

struct timer_wheel {
	u64 now;                    /* in granules: everything before it has fired */
	u64 floor;                  /* in granules: nothing is armed before it (callbacks re-arm for the next run) */
	u32 levels;                 /* a bit per level that is not empty */
	u64 occupied[TIMER_LEVELS]; /* a bit per slot that is not empty */
	struct list_head slots[TIMER_LEVELS][TIMER_SLOTS];
	struct list_head lazy;      /* in no slot yet ... */
	u64 lazy_ns;                /* ... before then: no later than the first of them; TIME_NEVER: there are none */
	u64 next_ns;                /* timer_wheel_next() */
	u64 fired, armed;           /* counts: fired so far, armed now */
};

void timer_wheel_init(struct timer_wheel *w, u64 now_ns);
static inline void timer_init(struct timer *t, void (*fn)(struct timer *, u64))
{
	list_init(&t->link);
	t->fn = fn;
	t->armed = false;
}
/* Arms or moves t. A deadline in the past fires at the next run. */
void timer_arm(struct timer_wheel *w, struct timer *t, u64 expires_ns);
/* The same for one that is likely to be cancelled soon, as a connection's are that lasts for a few round trips: at a third of the
 * cost. It gets its slot when the first so armed is due. */
void timer_arm_lazily(struct timer_wheel *w, struct timer *t, u64 expires_ns);
void timer_cancel(struct timer_wheel *w, struct timer *t);
/* Runs at most `limit` timers that are due; returns how many ran. */
unsigned timer_wheel_run(struct timer_wheel *w, u64 now_ns, unsigned limit);
/* No later than the earliest moment at which timer_wheel_run() has something to do, and exactly that after a run, until a timer is
 * cancelled; TIME_NEVER when nothing is armed. */
static inline u64 timer_wheel_next(const struct timer_wheel *w) { return w->next_ns; }
