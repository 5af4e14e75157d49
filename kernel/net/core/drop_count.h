/* SPDX-License-Identifier: MIT
 * drop_count.h - how many frames died, by reason (cpu->drops) and by the place that said so (cpu->drop_counts).
 *
 * Each CPU counts in a table of its own, found by the verdict's bits; other CPUs read it as it is. Only a frame that dies
 * pays for it. Places beyond the table are counted by their reason alone.
 */
#pragma once

#include "net/core/drop.h"
#include "net/net.h"

#define DROP_COUNTS 256u /* places of a CPU; a power of two */

struct drop_count {
	u32 verdict; /* 0: free */
	u64 frames;
};

void drop_count(struct net_cpu *cpu, enum drop_reason verdict);
/* Frames that died at this verdict's place for its reason, on all CPUs. */
u64 drop_count_sum(struct net *net, u32 verdict);
int drop_cpu_init(struct net_cpu *cpu);
void drop_cpu_destroy(struct net_cpu *cpu);
