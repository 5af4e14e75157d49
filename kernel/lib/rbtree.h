/* SPDX-License-Identifier: MIT
 * rbtree.h - intrusive red-black tree. The caller walks and links; the tree balances (as in Linux).
 */
#pragma once

#include "lib/types.h"

struct rb_node {
	struct rb_node *parent, *left, *right;
	bool red;
};
struct rb_root {
	struct rb_node *node;
};

#define rb_entry(ptr, type, member) container_of(ptr, type, member)
static inline bool rb_empty(const struct rb_root *r) { return !r->node; }

/* Puts n where *link is, below parent (found by the caller's walk), and rebalances. */
void rb_insert(struct rb_root *root, struct rb_node *n, struct rb_node *parent, struct rb_node **link);
void rb_erase(struct rb_root *root, struct rb_node *n);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);
