/* SPDX-License-Identifier: MIT
 * report.c - what the rooms of the stack add to a panic's report: the table, and the sections that show counters.
 *
 * A section is a title and a function that says lines; adding one is a row. It runs on a broken machine: it reads, and
 * follows no pointer that it did not look at.
 */
#include "arch/x86_64/cpu.h"
#include "core/panic.h"
#include "net/core/frames.h"
#include "net/core/skbuff.h"
#include "net/core/trace.h"
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

#define LAST_EVENTS 16 /* of a CPU */
#define LAST_FRAMES 8
#define FRAME_BYTES 40 /* shown of a frame: link and network header */

static void show_trace(say_fn say)
{
	unsigned i;
	u64 n;

	for (i = 0; i < nr_cpus; i++) {
		const struct trace_cpu *t = cpus[i].net ? cpus[i].net->trace : NULL;

		for (n = t && t->head > LAST_EVENTS ? t->head - LAST_EVENTS : 0; t && n < t->head; n++) {
			const struct trace_record *r = &t->ring[n % TRACE_RING];
			char where[DROP_WHERE_MAX];

			say("  cpu%u %llu.%09llu %s %p len %u%s%s %s\n", i, (unsigned long long)(r->time_ns / NSEC_PER_SEC),
			    (unsigned long long)(r->time_ns % NSEC_PER_SEC), trace_event_name(r->event),
			    (const void *)r->skb, r->len, r->event == TRACE_DROP ? " " : "",
			    r->event == TRACE_DROP ? drop_name(r->reason) : "", drop_where(r->place, where));
		}
	}
}

static void show_frame(say_fn say, unsigned cpu, const struct frame_slot *f)
{
	char where[DROP_WHERE_MAX];
	unsigned i;

	say("  cpu%u %llu.%09llu %s dev %u len %u%s%s %s:", cpu, (unsigned long long)(f->time_ns / NSEC_PER_SEC),
	    (unsigned long long)(f->time_ns % NSEC_PER_SEC), f->out ? "out" : "in", f->ifindex, f->len,
	    f->reason ? " " : "", f->reason ? drop_name(f->reason) : "", drop_where(f->place, where));
	for (i = 0; i < MIN((unsigned)f->caplen, (unsigned)FRAME_BYTES); i++)
		say(i % 2 ? "%02x" : " %02x", f->data[i]);
	say("\n");
}

static void show_frames(say_fn say)
{
	unsigned i;
	u64 n;

	for (i = 0; i < nr_cpus; i++) {
		const struct frame_ring *r = cpus[i].net ? cpus[i].net->frames : NULL;
		u64 kept = r && r->slot ? MIN(MIN(r->head, (u64)r->size), (u64)LAST_FRAMES) : 0;

		for (n = kept; n; n--)
			show_frame(say, i, &r->slot[(r->head - n) % r->size]);
	}
}

const struct panic_section panic_sections[PANIC_SECTIONS_MAX + 1] = {
	{ "CPUs", show_cpus },
	{ "counters", show_counters },
	{ "drops", show_drops },
	{ "last trace events", show_trace },
	{ "last frames", show_frames },
};
