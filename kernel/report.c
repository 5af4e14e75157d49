/* SPDX-License-Identifier: MIT
 * report.c - what the rooms of the stack add to a panic's report: the table, and the sections that show counters.
 *
 * A section is a title and a function that says lines; adding one is a row. It runs on a broken machine: it reads, and
 * follows no pointer that it did not look at.
 */
#include "arch/x86_64/cpu.h"
#include "core/panic.h"
#include "net/core/skbuff.h"
#include "net/net.h"

static u64 summed(size_t offset)
{
	u64 sum = 0;
	unsigned i;

	for (i = 0; i < nr_cpus; i++)
		if (cpus[i].net)
			sum += *(const u64 *)((const char *)cpus[i].net + offset);
	return sum;
}

static void show_counters(say_fn say)
{
	unsigned i;

	for (i = 0; i < STAT_MAX; i++) {
		u64 n = summed(offsetof(struct net_cpu, stats) + i * sizeof(u64));

		if (n)
			say("  %s %lld\n", stat_name(i), (long long)n);
	}
}

static void show_drops(say_fn say)
{
	unsigned i;

	for (i = 0; i < DROP_MAX; i++) {
		u64 n = summed(offsetof(struct net_cpu, drops) + i * sizeof(u64));

		if (n)
			say("  %s %llu\n", drop_name(i), (unsigned long long)n);
	}
}

static void show_cpus(say_fn say)
{
	unsigned i;

	for (i = 0; i < nr_cpus; i++) {
		const struct cpu *c = &cpus[i];
		const struct net_cpu *n = c->net;

		say("  cpu%u: %llu turns, irq depth %u, fiber %s", i, (unsigned long long)c->turns, c->irq_depth,
		    c->fibers.current ? c->fibers.current->name : "-");
		if (n)
			say(", pending %x, bh %u, %u of %u skbs and %u of %u buffers free", n->pending, n->bh_count,
			    n->skb_pool->nr_free_skbs, n->skb_pool->nr_skbs, n->skb_pool->nr_free_bufs,
			    n->skb_pool->nr_bufs);
		say("\n");
	}
}

const struct panic_section panic_sections[PANIC_SECTIONS_MAX + 1] = {
	{ "CPUs", show_cpus },
	{ "counters", show_counters },
	{ "drops", show_drops },
};
