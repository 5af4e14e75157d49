/* SPDX-License-Identifier: MIT
 * list.h - doubly linked list with a head that is a node (as in Linux), and a hash-chain list (hlist).
 */
#pragma once

#include "lib/types.h"

struct list_head {
	struct list_head *next, *prev;
};

static inline void list_init(struct list_head *h) { h->next = h->prev = h; }
static inline bool list_empty(const struct list_head *h) { return h->next == h; }

static inline void list_insert(struct list_head *n, struct list_head *prev, struct list_head *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

static inline void list_add(struct list_head *n, struct list_head *h) { list_insert(n, h, h->next); }
static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
	list_insert(n, h->prev, h);
}

/* Takes n out and leaves it an empty list, so that a second list_del() does no harm. */
static inline void list_del(struct list_head *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* Moves all of `from` behind the last of `to`; `from` is empty afterwards. */
static inline void list_splice_tail(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(h, type, member)   list_entry((h)->next, type, member)
#define list_for_each_entry(pos, h, member)                                                        \
	for (pos = list_entry((h)->next, typeof(*pos), member); &pos->member != (h);               \
	     pos = list_entry(pos->member.next, typeof(*pos), member))
#define list_for_each_entry_safe(pos, n, h, member)                                                \
	for (pos = list_entry((h)->next, typeof(*pos), member),                                    \
	    n = list_entry(pos->member.next, typeof(*pos), member);                                \
	     &pos->member != (h); pos = n, n = list_entry(n->member.next, typeof(*n), member))

/* Hash chains: a head of one pointer. */
struct hlist_node {
	struct hlist_node *next, **pprev;
};
struct hlist_head {
	struct hlist_node *first;
};

static inline bool hlist_unhashed(const struct hlist_node *n) { return !n->pprev; }

static inline void hlist_add(struct hlist_node *n, struct hlist_head *h)
{
	n->next = h->first;
	if (h->first)
		h->first->pprev = &n->next;
	h->first = n;
	n->pprev = &h->first;
}

static inline void hlist_del(struct hlist_node *n)
{
	if (!n->pprev)
		return;
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
	n->next = NULL;
	n->pprev = NULL;
}

/* n takes the place of old, which is in a chain. */
static inline void hlist_replace(struct hlist_node *old, struct hlist_node *n)
{
	n->next = old->next;
	n->pprev = old->pprev;
	*n->pprev = n;
	if (n->next)
		n->next->pprev = &n->next;
	old->next = NULL;
	old->pprev = NULL;
}

#define hlist_entry_safe(ptr, type, member)                                                        \
	({                                                                                         \
		struct hlist_node *_p = (ptr);                                                     \
		_p ? container_of(_p, type, member) : NULL;                                        \
	})
#define hlist_for_each_entry(pos, h, member)                                                       \
	for (pos = hlist_entry_safe((h)->first, typeof(*pos), member); pos;                        \
	     pos = hlist_entry_safe(pos->member.next, typeof(*pos), member))
#define hlist_for_each_entry_safe(pos, n, h, member)                                               \
	for (pos = hlist_entry_safe((h)->first, typeof(*pos), member);                             \
	     pos && (n = hlist_entry_safe(pos->member.next, typeof(*pos), member), 1); pos = n)
