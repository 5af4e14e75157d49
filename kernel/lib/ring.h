/* SPDX-License-Identifier: MIT
 * ring.h - a bounded ring of pointers: one producer, one consumer, no lock (the inboxes between CPUs).
 *
 * The only atomics of the stack are here and in the pending word. Size is a power of two; the producer's
 * and the consumer's indices live on lines of their own.
 */
#pragma once

#include "lib/types.h"

struct ring {
	u32 mask;
	void **slots; /* mask + 1 of them, given by the owner */
	u32 head __aligned_(CACHE_LINE); /* producer's */
	u32 tail __aligned_(CACHE_LINE); /* consumer's */
};

static inline void ring_init(struct ring *r, void **slots, u32 size)
{
	r->mask = size - 1;
	r->slots = slots;
	r->head = r->tail = 0;
}

/* false: full, and p stays the caller's. */
static inline bool ring_put(struct ring *r, void *p)
{
	u32 head = r->head;

	if (head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) > r->mask)
		return false;
	r->slots[head & r->mask] = p;
	__atomic_store_n(&r->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/* NULL: empty. */
static inline void *ring_get(struct ring *r)
{
	u32 tail = r->tail;
	void *p;

	if (__atomic_load_n(&r->head, __ATOMIC_ACQUIRE) == tail)
		return NULL;
	p = r->slots[tail & r->mask];
	__atomic_store_n(&r->tail, tail + 1, __ATOMIC_RELEASE);
	return p;
}

static inline u32 ring_len(const struct ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}
