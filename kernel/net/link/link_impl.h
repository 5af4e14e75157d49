/* SPDX-License-Identifier: MIT
 * link_impl.h - what neigh.c and arp.c share: a CPU's neighbour table and its own IPv4 addresses.
 */
#pragma once

#include "net/link/arp.h"

enum { NEIGH_V4, NEIGH_V6, NR_NEIGH_FAMILIES };

struct arp_own { /* an address that we answer for */
	be32 addr, mask;
	struct net_device *dev;
	struct net_cpu *cpu;
	struct timer timer;  /* armed: probes or announcements are left to send */
	u8 sent;
	bool tentative;      /* probed for, not answered for */
	u64 defended_ns;     /* 0: never */
	arp_conflict_fn conflict;
	void *arg;
	struct list_head link;
};

/* What one family takes has its own bounds, so that a flood of one leaves the other alone. */
struct neigh_family {
	struct list_head wanted; /* whom we looked for, or found to be there */
	struct list_head heard;  /* known by their own word alone: never more than gc_thresh2, and the first to go */
	unsigned nr, nr_heard;   /* of both; of heard */
};

struct neigh_cpu {
	struct hlist_head buckets[NEIGH_BUCKETS];
	struct neigh_family families[NR_NEIGH_FAMILIES];
	struct list_head gone;  /* of the table no more, not yet free: cached routes may point there */
	unsigned nr_gone, nr_parked;
	struct kmem_cache *cache;
	neigh_error_fn error[NR_NEIGH_FAMILIES];
	const struct neigh_ops *ops[NR_NEIGH_FAMILIES];
	struct list_head own;  /* struct arp_own */
	unsigned nr_own;
	u64 conflict_logged_ns;
	u64 evicted, full;
};

/* Forgets all own addresses. */
void arp_destroy(struct net_cpu *cpu);
