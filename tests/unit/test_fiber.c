/* SPDX-License-Identifier: MIT
 * test_fiber.c - cooperative threads: turns, blocking, waking, ending, and memory that is out.
 */
#include "core/fiber.h"
#include "host/harness.h"
#include "lib/string.h"
#include "platform.h"

struct world {
	struct fiber_sched s;
	char trace[128];
	struct fiber *sleeper;
};

static void note(struct world *w, char c)
{
	size_t n = strlen(w->trace);

	w->trace[n] = c;
	w->trace[n + 1] = 0;
}

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fiber_sched_init(&w->s);
}

static void letters(void *arg)
{
	struct world *w = arg;
	char c = (char)('a' + w->s.current->name[0] - '0');

	for (int i = 0; i < 3; i++) {
		note(w, c);
		fiber_yield(&w->s);
	}
}

TEST(fibers_take_turns_in_the_order_in_which_they_became_ready)
{
	struct world w;

	world_init(&w);
	fiber_spawn(&w.s, "0", letters, &w);
	fiber_spawn(&w.s, "1", letters, &w);
	fiber_spawn(&w.s, "2", letters, &w);
	CHECK_EQ(fiber_run_ready(&w.s), 3);
	CHECK_STR(w.trace, "abc");
	while (fiber_run_ready(&w.s))
		;
	CHECK_STR(w.trace, "abcabcabc");
	CHECK_EQ(w.s.count, 0);
	CHECK(list_empty(&w.s.all));
}

static void sleeper(void *arg)
{
	struct world *w = arg;

	note(w, 's');
	fiber_block(&w->s, "a test");
	note(w, 'w');
}

TEST(a_blocked_fiber_runs_again_only_after_a_wake)
{
	struct world w;
	struct fiber *f;

	world_init(&w);
	f = fiber_spawn(&w.s, "sleeper", sleeper, &w);
	CHECK_EQ(fiber_run_ready(&w.s), 1);
	CHECK_EQ(fiber_run_ready(&w.s), 0);
	CHECK_STR(f->wait, "a test");
	fiber_wake(f);
	fiber_wake(f); /* ready already: nothing happens */
	CHECK(fiber_any_ready(&w.s));
	CHECK_EQ(fiber_run_ready(&w.s), 1);
	CHECK_STR(w.trace, "sw");
	CHECK_EQ(w.s.count, 0);
}

static void deep(void *arg)
{
	struct world *w = arg;
	volatile u8 page[8192];

	memset((u8 *)page, 0x5a, sizeof(page));
	fiber_yield(&w->s);
	for (size_t i = 0; i < sizeof(page); i++)
		if (page[i] != 0x5a) {
			note(w, '!');
			return;
		}
	note(w, '.');
}

TEST(each_fiber_keeps_its_own_stack_and_its_aligned_locals)
{
	struct world w;

	world_init(&w);
	for (int i = 0; i < 8; i++)
		fiber_spawn(&w.s, "deep", deep, &w);
	while (fiber_run_ready(&w.s))
		;
	CHECK_STR(w.trace, "........");
}

static void spawner(void *arg)
{
	struct world *w = arg;

	note(w, 'p');
	fiber_spawn(&w->s, "child", sleeper, w);
}

TEST(a_fiber_born_in_a_turn_runs_in_the_next)
{
	struct world w;

	world_init(&w);
	fiber_spawn(&w.s, "spawner", spawner, &w);
	CHECK_EQ(fiber_run_ready(&w.s), 1);
	CHECK_STR(w.trace, "p");
	CHECK_EQ(fiber_run_ready(&w.s), 1);
	CHECK_STR(w.trace, "ps");
	fiber_wake(list_first(&w.s.all, struct fiber, all));
	fiber_run_ready(&w.s);
	CHECK_EQ(w.s.count, 0);
}

TEST(without_memory_there_is_no_fiber_and_no_leak)
{
	struct world w;

	world_init(&w);
	for (u64 budget = 0; budget < 2; budget++) {
		host_alloc_budget = budget;
		CHECK(!fiber_spawn(&w.s, "none", sleeper, &w));
	}
	CHECK_EQ(w.s.count, 0);
}

static void block_outside(void *arg)
{
	fiber_block(arg, "nobody");
}

TEST(blocking_outside_a_fiber_is_a_bug)
{
	struct world w;

	world_init(&w);
	CHECK(host_panics(block_outside, &w.s));
}
