/* SPDX-License-Identifier: MIT
 * rbtree.c - red-black tree with parent pointers (Guibas and Sedgewick 1978; Cormen et al., chapter 13).
 *
 * Invariants: the root is black, a red node has black children, every path to a leaf has as many black nodes.
 * NULL leaves count as black, so deletion carries the parent of the place that lacks a black along with it.
 */
#include "lib/rbtree.h"

static inline void set_parent(struct rb_node *n, struct rb_node *p)
{
	n->parent_red = (uintptr_t)p | (n->parent_red & 1);
}

static inline void set_red(struct rb_node *n, bool red)
{
	n->parent_red = (n->parent_red & ~(uintptr_t)1) | red;
}

static inline bool is_red(const struct rb_node *n) { return n && rb_is_red(n); }

/* Puts `to` where `from` hangs below its parent (or at the root). */
static void replace_child(struct rb_root *root, struct rb_node *from, struct rb_node *to)
{
	struct rb_node *p = rb_parent(from);

	if (!p)
		root->node = to;
	else if (p->left == from)
		p->left = to;
	else
		p->right = to;
	if (to)
		set_parent(to, p);
}

static void rotate_left(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *r = n->right;

	replace_child(root, n, r);
	n->right = r->left;
	if (n->right)
		set_parent(n->right, n);
	r->left = n;
	set_parent(n, r);
}

static void rotate_right(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *l = n->left;

	replace_child(root, n, l);
	n->left = l->right;
	if (n->left)
		set_parent(n->left, n);
	l->right = n;
	set_parent(n, l);
}

static inline void rotate(struct rb_root *root, struct rb_node *n, bool left)
{
	if (left)
		rotate_left(root, n);
	else
		rotate_right(root, n);
}

void rb_insert(struct rb_root *root, struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
	struct rb_node *p, *g, *uncle;
	bool p_is_left;

	n->parent_red = (uintptr_t)parent | 1;
	n->left = n->right = NULL;
	*link = n;

	while ((p = rb_parent(n)) && rb_is_red(p)) {
		g = rb_parent(p); /* exists: the root is black */
		p_is_left = p == g->left;
		uncle = p_is_left ? g->right : g->left;
		if (is_red(uncle)) {
			set_red(p, false);
			set_red(uncle, false);
			set_red(g, true);
			n = g;
			continue;
		}
		if (n == (p_is_left ? p->right : p->left)) {
			rotate(root, p, p_is_left);
			n = p;
			p = rb_parent(n);
		}
		set_red(p, false);
		set_red(g, true);
		rotate(root, g, !p_is_left);
	}
	set_red(root->node, false);
}

/* The subtree at n (may be NULL), a child of p, lacks one black node. */
static void erase_fixup(struct rb_root *root, struct rb_node *n, struct rb_node *p)
{
	struct rb_node *s, *near, *far;
	bool left;

	while (p && !is_red(n)) {
		left = n == p->left;
		s = left ? p->right : p->left; /* exists: its side has a black more */
		if (rb_is_red(s)) {
			set_red(s, false);
			set_red(p, true);
			rotate(root, p, left);
			s = left ? p->right : p->left;
		}
		near = left ? s->left : s->right;
		far = left ? s->right : s->left;
		if (!is_red(near) && !is_red(far)) {
			set_red(s, true);
			n = p;
			p = rb_parent(n);
			continue;
		}
		if (!is_red(far)) {
			set_red(near, false);
			set_red(s, true);
			rotate(root, s, !left);
			far = s;
			s = near;
		}
		set_red(s, rb_is_red(p));
		set_red(p, false);
		set_red(far, false);
		rotate(root, p, left);
		return;
	}
	if (n)
		set_red(n, false);
}

void rb_erase(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *child, *parent, *next;
	bool lost_black;

	if (n->left && n->right) {
		next = n->right;
		while (next->left)
			next = next->left;
		child = next->right;
		lost_black = !rb_is_red(next);
		parent = rb_parent(next) == n ? next : rb_parent(next);
		if (rb_parent(next) != n) {
			replace_child(root, next, child);
			next->right = n->right;
			set_parent(next->right, next);
		}
		replace_child(root, n, next);
		next->left = n->left;
		set_parent(next->left, next);
		set_red(next, rb_is_red(n));
	} else {
		child = n->left ? n->left : n->right;
		parent = rb_parent(n);
		lost_black = !rb_is_red(n);
		replace_child(root, n, child);
	}
	if (lost_black)
		erase_fixup(root, child, parent);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *n = root->node;

	while (n && n->left)
		n = n->left;
	return n;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *n = root->node;

	while (n && n->right)
		n = n->right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	struct rb_node *p;

	if (n->right) {
		for (p = n->right; p->left; p = p->left)
			;
		return p;
	}
	for (p = rb_parent(n); p && n == p->right; p = rb_parent(p))
		n = p;
	return p;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	struct rb_node *p;

	if (n->left) {
		for (p = n->left; p->right; p = p->right)
			;
		return p;
	}
	for (p = rb_parent(n); p && n == p->left; p = rb_parent(p))
		n = p;
	return p;
}
