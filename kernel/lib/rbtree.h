/* SPDX-License-Identifier: MIT
 * rbtree.h - intrusive red-black tree. The caller walks and links; the tree balances (as in Linux).
 */
#pragma once

#include "lib/types.h"

struct rb_node {
	uintptr_t parent_red; /* a pointer, and the colour in the bit that its alignment leaves free */
	struct rb_node *left, *right;
};
struct rb_root {
	struct rb_node *node;
};

#define rb_entry(ptr, type, member) container_of(ptr, type, member)
static inline struct rb_node *rb_parent(const struct rb_node *n) { return (struct rb_node *)(n->parent_red & ~(uintptr_t)1); }
static inline bool rb_is_red(const struct rb_node *n) { return n->parent_red & 1; }
static inline bool rb_empty(const struct rb_root *r) { return !r->node; }

/* Puts n where *link is, below parent (found by the caller's walk), and rebalances. */
void rb_insert(struct rb_root *root, struct rb_node *n, struct rb_node *parent, struct rb_node **link);
void rb_erase(struct rb_root *root, struct rb_node *n);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);
