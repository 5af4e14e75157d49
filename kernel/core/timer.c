/* SPDX-License-Identifier: MIT
 * timer.c - the hierarchical timer wheel (Varghese and Lauck 1987, scheme 7).
 *
 * A deadline in granules is read as eight digits of six bits. A timer lies on the level of the highest digit in which
 * it differs from the wheel's clock, in the slot of that digit. So whatever lies on a level is due before anything on
 * the level above, and the first set bit of the lowest level that is not empty is what happens next: on level 0 timers
 * fire, on the others a slot is dealt out to the levels below when the clock reaches its start.
 * Those armed lazily stand in a list of their own until the first of them is due; then all that are left are dealt out.
 */
#include "core/timer.h"

#define DIGIT_MASK (TIMER_SLOTS - 1)

_Static_assert(TIMER_SLOTS == 1 << TIMER_SLOT_SHIFT, "a bit per slot in a word");
_Static_assert(TIMER_LEVELS * TIMER_SLOT_SHIFT + TIMER_GRANULE_SHIFT >= 64, "every deadline has a level");

void timer_wheel_init(struct timer_wheel *w, u64 now_ns)
{
	w->now = w->floor = now_ns >> TIMER_GRANULE_SHIFT;
	w->levels = 0;
	w->fired = w->armed = 0;
	list_init(&w->lazy);
	w->lazy_ns = w->next_ns = TIME_NEVER;
	for (unsigned l = 0; l < TIMER_LEVELS; l++) {
		w->occupied[l] = 0;
		for (unsigned s = 0; s < TIMER_SLOTS; s++)
			list_init(&w->slots[l][s]);
	}
}

/* The first granule whose start is not before the deadline: never early. */
static inline u64 granule_of(u64 ns)
{
	u64 g = (ns >> TIMER_GRANULE_SHIFT) + !!(ns & (TIMER_GRANULE_NS - 1));

	return MIN(g, TIME_NEVER >> TIMER_GRANULE_SHIFT);
}

static inline void slot_insert(struct timer_wheel *w, struct timer *t)
{
	u64 g = granule_of(t->expires_ns);
	unsigned level;

	g = MAX(g, w->floor);
	level = (63 - (unsigned)__builtin_clzll((g ^ w->now) | 1)) / TIMER_SLOT_SHIFT;
	t->level = (u8)level;
	t->slot = (g >> level * TIMER_SLOT_SHIFT) & DIGIT_MASK;
	list_add_tail(&t->link, &w->slots[level][t->slot]);
	w->occupied[level] |= 1ull << t->slot;
	w->levels |= 1u << level;
	w->next_ns = MIN(w->next_ns, g << TIMER_GRANULE_SHIFT);
}

static inline void slot_remove(struct timer_wheel *w, struct timer *t)
{
	list_del(&t->link);
	if (t->level == TIMER_LEVELS) {
		if (list_empty(&w->lazy))
			w->lazy_ns = TIME_NEVER;
		return;
	}
	if (!list_empty(&w->slots[t->level][t->slot]))
		return;
	w->occupied[t->level] &= ~(1ull << t->slot);
	if (!w->occupied[t->level])
		w->levels &= ~(1u << t->level);
}

void timer_arm(struct timer_wheel *w, struct timer *t, u64 expires_ns)
{
	if (t->armed)
		slot_remove(w, t);
	else
		w->armed++;
	t->armed = true;
	t->expires_ns = expires_ns;
	slot_insert(w, t);
}

void timer_arm_lazily(struct timer_wheel *w, struct timer *t, u64 expires_ns)
{
	u64 ns = granule_of(expires_ns) << TIMER_GRANULE_SHIFT;

	if (unlikely(t->armed)) {
		timer_arm(w, t, expires_ns);
		return;
	}
	w->armed++;
	t->armed = true;
	t->level = TIMER_LEVELS;
	t->expires_ns = expires_ns;
	list_add_tail(&t->link, &w->lazy);
	w->lazy_ns = MIN(w->lazy_ns, ns);
	w->next_ns = MIN(w->next_ns, ns);
}

void timer_cancel(struct timer_wheel *w, struct timer *t)
{
	if (!t->armed)
		return;
	slot_remove(w, t);
	t->armed = false;
	if (!--w->armed)
		w->next_ns = TIME_NEVER;
}

/* The start of the first occupied slot, in granules, and its place. The wheel is not empty. */
static inline u64 first_slot(const struct timer_wheel *w, unsigned *level, unsigned *slot)
{
	unsigned l = (unsigned)__builtin_ctz(w->levels), s = (unsigned)__builtin_ctzll(w->occupied[l]);
	unsigned shift = l * TIMER_SLOT_SHIFT;

	*level = l;
	*slot = s;
	return (((w->now >> shift) & ~(u64)DIGIT_MASK) | s) << shift;
}

#define SLOT_SCAN 8 /* timers of a slot that are looked at one by one */

/* When the first of a slot above level 0 is due, or when the slot starts, if many lie there: nobody wakes up only to deal out few. */
static u64 first_of_slot(const struct list_head *slot, u64 start_ns)
{
	u64 first = TIME_NEVER;
	struct timer *t;
	unsigned n = 0;

	list_for_each_entry(t, slot, link) {
		if (++n > SLOT_SCAN)
			return start_ns;
		first = MIN(first, granule_of(t->expires_ns) << TIMER_GRANULE_SHIFT);
	}
	return MAX(first, start_ns);
}

static u64 first_ns(const struct timer_wheel *w)
{
	unsigned level, slot;
	u64 at;

	if (!w->levels)
		return w->lazy_ns;
	at = first_slot(w, &level, &slot) << TIMER_GRANULE_SHIFT;
	return MIN(level ? first_of_slot(&w->slots[level][slot], at) : at, w->lazy_ns);
}

static void deal_list(struct timer_wheel *w, struct list_head *from)
{
	struct list_head dealt;
	struct timer *t;

	list_init(&dealt);
	list_splice_tail(from, &dealt);
	while (!list_empty(&dealt)) {
		t = list_first(&dealt, struct timer, link);
		list_del(&t->link);
		slot_insert(w, t);
	}
}

/* The clock reached the start of a slot above level 0: its timers go to the levels below. */
static void deal_out(struct timer_wheel *w, unsigned level, unsigned slot)
{
	w->occupied[level] &= ~(1ull << slot);
	if (!w->occupied[level])
		w->levels &= ~(1u << level);
	deal_list(w, &w->slots[level][slot]);
}

/* Fires what lies in a slot of level 0, at most `limit`; nothing new can come into it meanwhile (floor). */
static unsigned fire_slot(struct timer_wheel *w, unsigned slot, u64 now_ns, unsigned limit)
{
	struct list_head *h = &w->slots[0][slot];
	struct timer *t;
	unsigned n;

	for (n = 0; n < limit && !list_empty(h); n++) {
		t = list_first(h, struct timer, link);
		timer_cancel(w, t);
		w->fired++;
		t->fn(t, now_ns);
	}
	return n;
}

unsigned timer_wheel_run(struct timer_wheel *w, u64 now_ns, unsigned limit)
{
	u64 now = now_ns >> TIMER_GRANULE_SHIFT, floor = w->floor, at;
	unsigned ran = 0, level, slot;

	if (now < w->now)
		return 0;
	if (w->lazy_ns <= now_ns) {
		w->lazy_ns = TIME_NEVER;
		deal_list(w, &w->lazy);
	}
	while (w->levels && ran < limit) {
		at = first_slot(w, &level, &slot);
		if (at > now)
			break;
		w->now = at;
		if (level) {
			w->floor = at; /* dealing out must not move what is due now */
			deal_out(w, level, slot);
			continue;
		}
		w->floor = now + 1;
		ran += fire_slot(w, slot, now_ns, limit - ran);
	}
	/* Left early: the clock stays at the slot that still holds due timers. */
	if (!w->levels || first_slot(w, &level, &slot) > now)
		w->now = now;
	w->floor = MAX(w->now, floor);
	w->next_ns = first_ns(w);
	return ran;
}
