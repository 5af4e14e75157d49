/* SPDX-License-Identifier: MIT
 * tap.c - who listens to frames on this CPU. Owns cpu->tap; taps belong to those who add them.
 */
#include "net/core/tap.h"
#include "lib/errno.h"

void tap_add(struct net_cpu *cpu, struct tap *t)
{
	t->frames = 0;
	list_add_tail(&t->link, &cpu->tap->taps);
	cpu->tap->nr++;
	__atomic_fetch_or(&cpu->watch, WATCH_TAP, __ATOMIC_RELAXED);
}

void tap_remove(struct net_cpu *cpu, struct tap *t)
{
	if (list_empty(&t->link))
		return;
	list_del(&t->link);
	if (!--cpu->tap->nr)
		__atomic_fetch_and(&cpu->watch, ~(u32)WATCH_TAP, __ATOMIC_RELAXED);
}

void tap_run(struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct tap *t, *n;

	trace(cpu, dir == TAP_IN ? TRACE_RECEIVE : TRACE_XMIT, skb);
	if (cpu->watch & WATCH_FRAMES)
		frames_keep(cpu, skb, dir == TAP_OUT);
	list_for_each_entry_safe(t, n, &cpu->tap->taps, link) {
		if (t->dev && t->dev != skb->dev)
			continue;
		t->frames++;
		t->fn(t, cpu, skb, dir);
	}
}

void tap_dropped(struct net_cpu *cpu, const struct sk_buff *skb, enum drop_reason reason)
{
	struct tap *t, *n;

	if (cpu->watch & 1u << TRACE_DROP)
		trace_record(cpu, TRACE_DROP, skb, reason);
	if (cpu->watch & WATCH_FRAMES)
		frames_dropped(cpu, skb, reason);
	list_for_each_entry_safe(t, n, &cpu->tap->taps, link)
		if (t->dropped)
			t->dropped(t, skb, reason);
}

int tap_cpu_init(struct net_cpu *cpu)
{
	cpu->tap = kzalloc(sizeof(*cpu->tap));
	if (!cpu->tap)
		return -ENOMEM;
	list_init(&cpu->tap->taps);
	return 0;
}

void tap_cpu_destroy(struct net_cpu *cpu)
{
	kfree(cpu->tap);
	cpu->tap = NULL;
}
