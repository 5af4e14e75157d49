/* SPDX-License-Identifier: MIT
 * frames.h - the last frames of a CPU, kept for whoever looks at a crash: net.core.frame_ring says how many, 0 is off.
 *
 * Layout for debuggers: cpu->frames->slot[] is a ring of `size` slots; `head` counts frames ever kept, so the newest is
 * slot[(head - 1) % size] and MIN(head, size) of them hold something. `data` begins with the link header. A frame that
 * was dropped has its reason in `reason` (enum drop_reason), when the drop came before the slot was used again.
 */
#pragma once

#include "net/core/dev.h"

#define FRAMES_MAX  512u  /* slots */
#define FRAMES_SNAP 216u  /* bytes kept of each */

struct frame_slot {
	u64 time_ns;               /* monotonic */
	const struct sk_buff *skb; /* as long as it was under way */
	u32 len;                   /* on the wire */
	u16 caplen;                /* in data */
	u8 out;                    /* 0: came in, 1: went out */
	u8 ifindex;
	u16 reason;
	u32 place;                 /* that gave the reason */
	u8 pad[8];
	u8 data[FRAMES_SNAP];
};
_Static_assert(sizeof(struct frame_slot) == 256, "slots for a debugger to count");

struct frame_ring {
	u64 head;
	u32 size;
	struct frame_slot *slot;
};

/* Makes the rings of all CPUs as net.core.frame_ring says; called when that changes. 0 or -ENOMEM. */
int frames_resize(struct net *net);
void frames_keep(struct net_cpu *cpu, const struct sk_buff *skb, bool out);
void frames_dropped(struct net_cpu *cpu, const struct sk_buff *skb, enum drop_reason verdict);
void frames_cpu_destroy(struct net_cpu *cpu);
int frames_cpu_init(struct net_cpu *cpu);
