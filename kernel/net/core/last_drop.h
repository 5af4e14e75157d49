/* SPDX-License-Identifier: MIT
 * last_drop.h - the last frame of each drop reason, kept while somebody looks (the live page).
 *
 * Each CPU has a table of its own. A frame is kept from its link header on where the skb still has it, else from its
 * network header. The price while nobody looks: one branch per dropped frame.
 */
#pragma once

#include "net/core/dev.h"

#define LAST_DROP_SNAP 108u /* bytes kept of each */

struct drop_frame {
	u64 time_ns; /* monotonic; 0: none was dropped since looking began */
	u32 len;     /* of the frame; 0: nothing of it is left */
	u32 place;   /* that said so: drop_where() */
	u16 caplen;
	bool raw;    /* there is no link header */
	u8 ifindex;
	u8 data[LAST_DROP_SNAP];
};
_Static_assert(sizeof(struct drop_frame) == 128, "two cache lines");

/* Begins or ends on this CPU, in base context; beginning forgets what was kept. 0 or -ENOMEM. */
int last_drop_set(struct net_cpu *cpu, bool on);
/* The frame dies for this reason. Called while cpu->last_drops is set. */
void last_drop_keep(struct net_cpu *cpu, const struct sk_buff *skb, enum drop_reason reason);
