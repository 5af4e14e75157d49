/* SPDX-License-Identifier: MIT
 * filter_gen.c - instructions from the tree of a filter, written from the end to the beginning: BPF jumps forward only, so
 * whatever a jump leads to is already there, and no label has to be filled in later.
 */
#include "lib/errno.h"
#include "net/core/filter_impl.h"

struct gen {
	struct bpf_insn *prog; /* filled from the end: the instruction at distance d stands at prog[MAX - d] */
	unsigned n;            /* written so far; also the distance of the newest from the end */
	bool full, deep;
	u32 link_len;
	struct {
		unsigned to, at;
	} hops[4];             /* places that lead far away, to be used again */
	unsigned nr_hops;
};

static unsigned emit(struct gen *g, u16 code, u8 jt, u8 jf, u32 k)
{
	if (g->n == BPF_MAX_INSNS) {
		g->full = true;
		return g->n;
	}
	g->prog[BPF_MAX_INSNS - ++g->n] = (struct bpf_insn){ code, jt, jf, k };
	return g->n;
}

#define REACH 250 /* of a conditional jump, less what emit_jump() may still put between */

/* A place within a conditional jump's reach that leads to `to`. */
static unsigned within_reach(struct gen *g, unsigned to)
{
	unsigned at;

	if (g->n - to <= REACH)
		return to;
	for (unsigned i = 0; i < ARRAY_SIZE(g->hops); i++)
		if (g->hops[i].at && g->hops[i].to == to && g->n - g->hops[i].at <= REACH)
			return g->hops[i].at;
	at = emit(g, JMP_JA, 0, 0, g->n - to);
	g->hops[g->nr_hops].to = to;
	g->hops[g->nr_hops].at = at;
	g->nr_hops = (g->nr_hops + 1) % ARRAY_SIZE(g->hops);
	return at;
}

static void emit_jump(struct gen *g, u16 code, u32 k, unsigned yes, unsigned no)
{
	yes = within_reach(g, yes);
	no = within_reach(g, no);
	emit(g, code, (u8)(g->n - yes), (u8)(g->n - no), k);
}

static u16 load_code(u8 size)
{
	return size == 4 ? LD_W_ABS : size == 2 ? LD_H_ABS : LD_B_ABS;
}

static void gen_value(struct gen *g, const struct filter_node *v, unsigned slot);

/* A = the frame's bytes at a place that is computed: offset in X. */
static void gen_load(struct gen *g, const struct filter_node *v, unsigned slot)
{
	u16 indirect = (u16)(load_code(v->size) - LD_W_ABS + LD_W_IND);

	if (v->a->kind == F_NUM && !v->behind_ip) {
		emit(g, load_code(v->size), 0, 0, v->off + v->a->k);
		return;
	}
	if (v->a->kind == F_NUM) {
		emit(g, indirect, 0, 0, v->off + v->a->k);
		emit(g, LDX_MSH, 0, 0, g->link_len);
		return;
	}
	emit(g, indirect, 0, 0, v->off);
	emit(g, MISC_TAX, 0, 0, 0);
	if (v->behind_ip) {
		emit(g, ALU_ADD_X, 0, 0, 0);
		emit(g, LD_MEM, 0, 0, slot);
		emit(g, LDX_MSH, 0, 0, g->link_len);
		emit(g, ST_A, 0, 0, slot);
	}
	gen_value(g, v->a, slot);
}

/* A = a, X = b. Written backwards: what runs last is emitted first. */
static void gen_pair(struct gen *g, const struct filter_node *a, const struct filter_node *b, unsigned slot)
{
	emit(g, LD_MEM, 0, 0, slot);
	emit(g, MISC_TAX, 0, 0, 0);
	gen_value(g, b, slot + 1);
	emit(g, ST_A, 0, 0, slot);
	gen_value(g, a, slot + 1);
}

static void gen_value(struct gen *g, const struct filter_node *v, unsigned slot)
{
	if (slot + 1 >= BPF_MEM_WORDS) {
		g->deep = true;
		return;
	}
	switch (v->kind) {
	case F_NUM:
		emit(g, LD_IMM, 0, 0, v->k);
		break;
	case F_LEN:
		emit(g, LD_LEN, 0, 0, 0);
		break;
	case F_LOAD:
		gen_load(g, v, slot);
		break;
	case F_NEG:
		emit(g, ALU_NEG, 0, 0, 0);
		gen_value(g, v->a, slot);
		break;
	default:
		if (v->b->kind == F_NUM) {
			emit(g, v->op, 0, 0, v->b->k);
			gen_value(g, v->a, slot);
		} else {
			emit(g, v->op | BPF_SRC_X, 0, 0, 0);
			gen_pair(g, v->a, v->b, slot);
		}
	}
}

static unsigned gen_test(struct gen *g, const struct filter_node *t, unsigned yes, unsigned no)
{
	emit_jump(g, t->jump, t->k, t->negate ? no : yes, t->negate ? yes : no);
	if (t->mask != ~0u)
		emit(g, ALU_AND_K, 0, 0, t->mask);
	if (t->size == 0) {
		emit(g, LD_LEN, 0, 0, 0);
	} else if (t->behind_ip) {
		emit(g, (u16)(load_code(t->size) - LD_W_ABS + LD_W_IND), 0, 0, t->off);
		emit(g, LDX_MSH, 0, 0, g->link_len);
	} else {
		emit(g, load_code(t->size), 0, 0, t->off);
	}
	return g->n;
}

static unsigned gen_relation(struct gen *g, const struct filter_node *r, unsigned yes, unsigned no)
{
	bool constant = r->b->kind == F_NUM;

	emit_jump(g, constant ? r->jump : r->jump | BPF_SRC_X, r->b->k, r->negate ? no : yes, r->negate ? yes : no);
	if (constant)
		gen_value(g, r->a, 0);
	else
		gen_pair(g, r->a, r->b, 0);
	return g->n;
}

/* Writes a condition; returns where it begins. The tree leans to the left, so the recursion is as deep as the text nests
 * and a chain of `or`s is long; the parser bounds both. */
static unsigned gen_condition(struct gen *g, const struct filter_node *n, unsigned yes, unsigned no)
{
	for (;;) {
		switch (n->kind) {
		case F_TRUE:
			return emit(g, JMP_JA, 0, 0, g->n - yes);
		case F_FALSE:
			return emit(g, JMP_JA, 0, 0, g->n - no);
		case F_TEST:
			return gen_test(g, n, yes, no);
		case F_REL:
			return gen_relation(g, n, yes, no);
		case F_NOT: {
			unsigned t = yes;

			yes = no;
			no = t;
			n = n->a;
			break;
		}
		case F_AND:
			yes = gen_condition(g, n->b, yes, no);
			n = n->a;
			break;
		default:
			no = gen_condition(g, n->b, yes, no);
			n = n->a;
		}
		if (g->full || g->deep)
			return g->n;
	}
}

int filter_generate(struct filter *f, struct filter_node *root, u32 snaplen, struct bpf_insn prog[BPF_MAX_INSNS])
{
	struct gen g = { .prog = prog, .link_len = f->link_len };
	unsigned yes, no, bad;

	no = emit(&g, RET_K, 0, 0, 0);
	yes = emit(&g, RET_K, 0, 0, snaplen);
	if (root)
		gen_condition(&g, root, yes, no);
	if (g.full || g.deep)
		return -E2BIG;
	memmove(prog, prog + BPF_MAX_INSNS - g.n, g.n * sizeof(prog[0]));
	return bpf_check(prog, g.n, &bad) ? -EINVAL : (int)g.n;
}
