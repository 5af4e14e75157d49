/* SPDX-License-Identifier: MIT
 * wait.h - wait queues: who wants to hear of an event (a blocked fiber, an epoll item, a completion).
 */
#pragma once

#include "lib/list.h"

struct wait_entry {
	struct list_head link;
	/* Called on each wake with the event mask (EPOLLIN...); runs in softirq or base; must not block or free the queue. */
	void (*fn)(struct wait_entry *w, u32 events);
};

struct wait_queue {
	struct list_head entries;
};

static inline void wait_queue_init(struct wait_queue *q) { list_init(&q->entries); }
static inline bool wait_queue_active(const struct wait_queue *q) { return !list_empty(&q->entries); }
static __attribute__((noinline, unused)) void wait_queue_wake_all(struct wait_queue *q, u32 events)
{
	struct wait_entry *w, *n;

	list_for_each_entry_safe(w, n, &q->entries, link)
		w->fn(w, events);
}
static inline void wait_queue_wake(struct wait_queue *q, u32 events)
{
	struct wait_entry *w = list_first(&q->entries, struct wait_entry, link);

	if (likely(w->link.next == &q->entries && &w->link != &q->entries)) /* one, as most have */
		w->fn(w, events);
	else if (unlikely(wait_queue_active(q)))
		wait_queue_wake_all(q, events);
}
