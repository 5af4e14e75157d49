/* SPDX-License-Identifier: MIT
 * held.h - receive buffers that a fuzz target takes away from the stack, which then runs short of them.
 */
#pragma once

#include "net/core/skbuff.h"

#define HELD_MAX 160

struct held {
	struct skb_buf *buf[HELD_MAX];
	unsigned nr;
};

/* So many from now on, or as many as there are; those held before are given back. */
static inline void hold_buffers(struct net_cpu *cpu, struct held *h, unsigned n)
{
	while (h->nr)
		skb_buf_put(cpu, h->buf[--h->nr]);
	for (; h->nr < n; h->nr++)
		if (!(h->buf[h->nr] = skb_buf_alloc(cpu)))
			break;
}
