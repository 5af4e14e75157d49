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
}

void tap_remove(struct net_cpu *cpu, struct tap *t)
{
	list_del(&t->link);
	cpu->tap->nr--;
}

void tap_run(struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct tap *t, *n;

	list_for_each_entry_safe(t, n, &cpu->tap->taps, link) {
		if (t->dev && t->dev != skb->dev)
			continue;
		t->frames++;
		t->fn(t, cpu, skb, dir);
	}
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
