/* SPDX-License-Identifier: MIT
 * drop_count.c - counts dead frames by reason and place. Owns cpu->drop_counts: open addressing, nothing is ever removed.
 */
#include "net/core/drop_count.h"
#include "lib/errno.h"
#include "platform.h"

/* The row of this verdict, or the free one it would have; NULL: the table is full of others. */
static struct drop_count *row(struct net_cpu *cpu, u32 verdict)
{
	u32 at = verdict * 2654435761u >> 16;

	for (unsigned i = 0; i < DROP_COUNTS; i++) {
		struct drop_count *d = &cpu->drop_counts[(at + i) % DROP_COUNTS];

		if (d->verdict == verdict || !d->verdict)
			return d;
	}
	return NULL;
}

void drop_count(struct net_cpu *cpu, enum drop_reason verdict)
{
	struct drop_count *d;

	cpu->drops[drop_why(verdict)]++;
	if (!drop_place(verdict))
		return;
	d = row(cpu, (u32)verdict);
	if (d) {
		d->verdict = (u32)verdict;
		d->frames++;
	}
}

u64 drop_count_sum(struct net *net, u32 verdict)
{
	struct net_cpu *cpu;
	u64 sum = 0;
	unsigned i;

	for_each_cpu(net, cpu, i) {
		const struct drop_count *d = row(cpu, verdict);

		if (d && READ_ONCE(d->verdict) == verdict)
			sum += READ_ONCE(d->frames);
	}
	return sum;
}

int drop_cpu_init(struct net_cpu *cpu)
{
	cpu->drop_counts = kzalloc(DROP_COUNTS * sizeof(*cpu->drop_counts));
	return cpu->drop_counts ? 0 : -ENOMEM;
}

void drop_cpu_destroy(struct net_cpu *cpu)
{
	kfree(cpu->drop_counts);
	cpu->drop_counts = NULL;
}
