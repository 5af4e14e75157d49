/* SPDX-License-Identifier: MIT
 * test_timer.c - the timer wheel against its promises and against a naive list.
 */
#include "core/timer.h"
#include "host/harness.h"
#include "lib/string.h"
#include "platform.h"

struct probe {
	struct timer t;
	struct timer_wheel *w;
	unsigned fired;
	u64 at, again_ns; /* re-arms itself so much later when not 0 */
	struct probe *victim;
};

static void probe_fn(struct timer *t, u64 now_ns)
{
	struct probe *p = container_of(t, struct probe, t);

	p->fired++;
	p->at = now_ns;
	if (p->again_ns)
		timer_arm(p->w, t, now_ns + p->again_ns);
	if (p->victim)
		timer_cancel(p->w, &p->victim->t);
}

static void probe_init(struct probe *p, struct timer_wheel *w)
{
	memset(p, 0, sizeof(*p));
	p->w = w;
	timer_init(&p->t, probe_fn);
}

TEST(an_empty_wheel_never_wants_to_run)
{
	struct timer_wheel w;

	timer_wheel_init(&w, 0);
	CHECK(timer_wheel_next(&w) == TIME_NEVER);
	CHECK_EQ(timer_wheel_run(&w, 1ull << 60, 100), 0);
}

TEST(a_timer_is_never_early_and_at_most_a_granule_late)
{
	static const u64 delays[] = { 0, 1, TIMER_GRANULE_NS - 1, TIMER_GRANULE_NS, TIMER_GRANULE_NS + 1, NSEC_PER_MSEC,
				      200 * NSEC_PER_MSEC, NSEC_PER_SEC, 60 * NSEC_PER_SEC, 7200 * NSEC_PER_SEC,
				      86400 * 400ull * NSEC_PER_SEC };
	static const u64 starts[] = { 0, 1, 12345678901ull, (1ull << 42) - 5, 1700000000ull * NSEC_PER_SEC };

	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
			struct timer_wheel w;
			struct probe p;
			u64 due = starts[s] + delays[i], next = 0;
			unsigned hops = 0;

			timer_wheel_init(&w, starts[s]);
			probe_init(&p, &w);
			timer_arm(&w, &p.t, due);
			while (!p.fired && hops++ < 2 * TIMER_LEVELS) {
				next = timer_wheel_next(&w);
				timer_wheel_run(&w, next, 1);
			}
			if (!CHECK_EQ(p.fired, 1) || !CHECK(next >= due || !delays[i]) ||
			    !CHECK(next < due + TIMER_GRANULE_NS))
				test_note("start %zu delay %zu", s, i);
			CHECK(!p.t.armed);
			CHECK_EQ(w.armed, 0);
		}
	}
}

TEST(the_farthest_deadline_can_be_armed_and_cancelled)
{
	struct timer_wheel w;
	struct probe p;

	timer_wheel_init(&w, 5);
	probe_init(&p, &w);
	timer_arm(&w, &p.t, TIME_NEVER);
	CHECK(timer_wheel_next(&w) < TIME_NEVER);
	CHECK_EQ(timer_wheel_run(&w, 1ull << 62, 10), 0);
	timer_cancel(&w, &p.t);
	timer_cancel(&w, &p.t);
	CHECK(timer_wheel_next(&w) == TIME_NEVER);
	CHECK_EQ(w.armed, 0);
}

TEST(a_timer_that_re_arms_itself_in_the_past_waits_for_the_next_run)
{
	struct timer_wheel w;
	struct probe p;

	timer_wheel_init(&w, 0);
	probe_init(&p, &w);
	p.again_ns = 1;
	timer_arm(&w, &p.t, 0);
	CHECK_EQ(timer_wheel_run(&w, NSEC_PER_SEC, 1000), 1);
	CHECK_EQ(timer_wheel_run(&w, NSEC_PER_SEC + TIMER_GRANULE_NS, 1000), 1);
	CHECK_EQ(p.fired, 2);
}

TEST(a_run_stops_at_its_limit_and_goes_on_at_once)
{
	struct timer_wheel w;
	struct probe p[10];

	timer_wheel_init(&w, 0);
	for (int i = 0; i < 10; i++) {
		probe_init(&p[i], &w);
		timer_arm(&w, &p[i].t, NSEC_PER_MSEC + (u64)i * 30000);
	}
	CHECK_EQ(timer_wheel_run(&w, NSEC_PER_SEC, 4), 4);
	CHECK(timer_wheel_next(&w) <= NSEC_PER_SEC);
	CHECK_EQ(timer_wheel_run(&w, NSEC_PER_SEC, 100), 6);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(p[i].fired, 1);
}

TEST(a_timer_may_cancel_another_that_is_due_in_the_same_run)
{
	struct timer_wheel w;
	struct probe a, b;

	timer_wheel_init(&w, 0);
	probe_init(&a, &w);
	probe_init(&b, &w);
	a.victim = &b;
	timer_arm(&w, &a.t, 100);
	timer_arm(&w, &b.t, 100);
	CHECK_EQ(timer_wheel_run(&w, NSEC_PER_MSEC, 10), 1);
	CHECK_EQ(a.fired, 1);
	CHECK_EQ(b.fired, 0);
}

static void free_self(struct timer *t, u64 now_ns)
{
	kfree(t);
}

TEST(a_timer_may_free_its_owner)
{
	struct timer_wheel w;
	struct timer *t = kmalloc(sizeof(*t));

	timer_wheel_init(&w, 0);
	timer_init(t, free_self);
	timer_arm(&w, t, 5 * NSEC_PER_SEC);
	for (u64 now = 0; now < 6 * NSEC_PER_SEC; now += 100 * NSEC_PER_MSEC)
		timer_wheel_run(&w, now, 10);
	CHECK_EQ(w.fired, 1);
}

#define MODEL 300

/* What must hold of a timer that a naive list calls due at `now`: exact to the granule. */
static void check_against_model(struct probe *p, u64 *due, unsigned *expected, u64 now)
{
	for (unsigned i = 0; i < MODEL; i++) {
		u64 slack = due[i] + TIMER_GRANULE_NS;

		if (p[i].fired > expected[i]) { /* fired in this run */
			CHECK(due[i] <= now);
			expected[i] = p[i].fired;
			due[i] = TIME_NEVER;
		} else if (due[i] != TIME_NEVER) {
			CHECK(slack > now);
		}
		CHECK_EQ(p[i].t.armed, due[i] != TIME_NEVER);
	}
}

/* Who sleeps until `next` is late for none; with nothing armed it sleeps for ever. */
static void check_next(const u64 *due, u64 next)
{
	u64 first = TIME_NEVER;

	for (unsigned i = 0; i < MODEL; i++)
		first = MIN(first, due[i]);
	CHECK(first == TIME_NEVER ? next == TIME_NEVER : next <= first || next - first < TIMER_GRANULE_NS);
}

TEST(lazy_timers_stand_in_no_slot_until_the_first_of_them_is_due)
{
	struct timer_wheel w;
	struct probe p[3];

	timer_wheel_init(&w, 0);
	for (unsigned i = 0; i < 3; i++) {
		probe_init(&p[i], &w);
		timer_arm_lazily(&w, &p[i].t, (3 - i) * NSEC_PER_SEC);
	}
	CHECK(!w.levels && w.armed == 3);
	CHECK(timer_wheel_next(&w) >= NSEC_PER_SEC && timer_wheel_next(&w) < NSEC_PER_SEC + TIMER_GRANULE_NS);
	timer_cancel(&w, &p[1].t);
	timer_wheel_run(&w, NSEC_PER_SEC + TIMER_GRANULE_NS, 10);
	CHECK(p[2].fired == 1 && !p[1].fired && !p[0].fired && w.levels && list_empty(&w.lazy));
	timer_arm_lazily(&w, &p[2].t, 2 * NSEC_PER_SEC);
	timer_arm_lazily(&w, &p[0].t, 4 * NSEC_PER_SEC); /* it has a slot: it moves to another */
	timer_cancel(&w, &p[2].t);
	CHECK(w.lazy_ns == TIME_NEVER && timer_wheel_next(&w) < 2 * NSEC_PER_SEC + TIMER_GRANULE_NS);
	CHECK_EQ(timer_wheel_run(&w, 2 * NSEC_PER_SEC + TIMER_GRANULE_NS, 10), 0); /* it is gone: a run finds nothing, and that out */
	CHECK(timer_wheel_next(&w) > 2 * NSEC_PER_SEC + TIMER_GRANULE_NS);
	timer_wheel_run(&w, 4 * NSEC_PER_SEC + TIMER_GRANULE_NS, 10);
	CHECK(p[0].fired == 1 && !w.armed && timer_wheel_next(&w) == TIME_NEVER);
}

TEST(random_operations_agree_with_a_naive_list)
{
	for (u64 seed = 1; seed <= 20; seed++) {
		static struct probe p[MODEL];
		static u64 due[MODEL];
		static unsigned expected[MODEL];
		struct test_rng rng = { seed * 0x9e3779b97f4a7c15ull };
		u64 now = rng_next(&rng) >> (8 + seed);
		struct timer_wheel w;

		timer_wheel_init(&w, now);
		for (unsigned i = 0; i < MODEL; i++) {
			probe_init(&p[i], &w);
			due[i] = TIME_NEVER;
			expected[i] = 0;
		}
		for (unsigned step = 0; step < 3000; step++) {
			unsigned i = rng_below(&rng, MODEL);

			if (rng_below(&rng, 4)) {
				due[i] = now + (rng_next(&rng) >> (20 + rng_below(&rng, 44)));
				(rng_below(&rng, 2) ? timer_arm : timer_arm_lazily)(&w, &p[i].t, due[i]);
			} else if (p[i].t.armed) {
				timer_cancel(&w, &p[i].t);
				due[i] = TIME_NEVER;
			}
			check_next(due, timer_wheel_next(&w));
			if (!rng_below(&rng, 3)) {
				u64 next = timer_wheel_next(&w);

				now = rng_below(&rng, 2) && next != TIME_NEVER && next > now ?
					      next : now + (rng_next(&rng) >> (28 + rng_below(&rng, 36)));
				timer_wheel_run(&w, now, UINT32_MAX);
				check_against_model(p, due, expected, now);
			}
		}
	}
}
