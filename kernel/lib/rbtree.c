/* SPDX-License-Identifier: MIT
 * rbtree.c - red-black tree with parent pointers (Guibas and Sedgewick 1978; Cormen et al., chapter 13).
 *
 * Invariants: the root is black, a red node has black children, every path to a leaf has as many black nodes.
 * NULL leaves count as black, so deletion carries the parent of the place that lacks a black along with it.
 */
#include "lib/rbtree.h"

static inline bool is_red(const struct rb_node *n) { return n && n->red; }

/* Puts `to` where `from` hangs below its parent (or at the root). */
static void replace_child(struct rb_root *root, struct rb_node *from, struct rb_node *to)
{
	struct rb_node *p = from->parent;

	if (!p)
		root->node = to;
	else if (p->left == from)
		p->left = to;
	else
		p->right = to;
	if (to)
		to->parent = p;
}

static void rotate_left(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *r = n->right;

	replace_child(root, n, r);
	n->right = r->left;
	if (n->right)
		n->right->parent = n;
	r->left = n;
	n->parent = r;
}

static void rotate_right(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *l = n->left;

	replace_child(root, n, l);
	n->left = l->right;
	if (n->left)
		n->left->parent = n;
	l->right = n;
	n->parent = l;
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

	n->parent = parent;
	n->left = n->right = NULL;
	n->red = true;
	*link = n;

	while ((p = n->parent) && p->red) {
		g = p->parent; /* exists: the root is black */
		p_is_left = p == g->left;
		uncle = p_is_left ? g->right : g->left;
		if (is_red(uncle)) {
			p->red = uncle->red = false;
			g->red = true;
			n = g;
			continue;
		}
		if (n == (p_is_left ? p->right : p->left)) {
			rotate(root, p, p_is_left);
			n = p;
			p = n->parent;
		}
		p->red = false;
		g->red = true;
		rotate(root, g, !p_is_left);
	}
	root->node->red = false;
}

/* The subtree at n (may be NULL), a child of p, lacks one black node. */
static void erase_fixup(struct rb_root *root, struct rb_node *n, struct rb_node *p)
{
	struct rb_node *s, *near, *far;
	bool left;

	while (p && !is_red(n)) {
		left = n == p->left;
		s = left ? p->right : p->left; /* exists: its side has a black more */
		if (s->red) {
			s->red = false;
			p->red = true;
			rotate(root, p, left);
			s = left ? p->right : p->left;
		}
		near = left ? s->left : s->right;
		far = left ? s->right : s->left;
		if (!is_red(near) && !is_red(far)) {
			s->red = true;
			n = p;
			p = n->parent;
			continue;
		}
		if (!is_red(far)) {
			near->red = false;
			s->red = true;
			rotate(root, s, !left);
			far = s;
			s = near;
		}
		s->red = p->red;
		p->red = false;
		far->red = false;
		rotate(root, p, left);
		return;
	}
	if (n)
		n->red = false;
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
		lost_black = !next->red;
		parent = next->parent == n ? next : next->parent;
		if (next->parent != n) {
			replace_child(root, next, child);
			next->right = n->right;
			next->right->parent = next;
		}
		replace_child(root, n, next);
		next->left = n->left;
		next->left->parent = next;
		next->red = n->red;
	} else {
		child = n->left ? n->left : n->right;
		parent = n->parent;
		lost_black = !n->red;
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
	for (p = n->parent; p && n == p->right; p = p->parent)
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
	for (p = n->parent; p && n == p->left; p = p->parent)
		n = p;
	return p;
}
