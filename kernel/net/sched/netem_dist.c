/* SPDX-License-Identifier: MIT
 * netem_dist.c - the quantiles of the normal and of a Pareto distribution, in whole numbers, made when netem asks for them.
 *
 * Normal: its density g(x) = exp(-x^2/2) in steps of h follows from g(x + h) = g(x) r(x), r(x + h) = r(x) exp(-h^2), so it is
 * summed up with two multiplications a step. Pareto with shape 3: (1 - u)^(-1/3), mean 3/2 and deviation sqrt(3)/2 taken out.
 */
#include "net/sched/netem_dist.h"

#define ENTRIES   (1u << NETEM_DIST_SHIFT)
#define STEPS     512u                /* of the normal's sum to one deviation */
#define STEP_VAL  (NETEM_DIST_SCALE / STEPS)
#define EXP_H2    4294950912ull       /* exp(-1 / STEPS^2), 32 bits behind the point */
#define EXP_H2_8  4294965248ull       /* exp(-1 / (8 STEPS^2)): the density in the middle of the first step */
#define TAIL      (6 * STEPS)         /* beyond six deviations nothing is left */

struct density { /* walks the density from the middle outwards */
	u64 g, r;
};

static u64 density_next(struct density *d)
{
	u64 g = d->g;

	d->g = (d->g * d->r + (1ull << 31)) >> 32;
	d->r = (d->r * EXP_H2 + (1ull << 31)) >> 32;
	return g;
}

static u64 half_area(void)
{
	struct density d = { EXP_H2_8, EXP_H2 };
	u64 sum = 0;

	for (unsigned i = 0; i < TAIL; i++)
		sum += density_next(&d);
	return sum;
}

/* Entry k of the upper half stands for the share (2k + 1) / ENTRIES of the half; the lower half mirrors it. */
static void fill_normal(s32 *table)
{
	struct density d = { EXP_H2_8, EXP_H2 };
	u64 total = half_area(), sum = 0, last = 0;
	unsigned steps = 0;

	for (unsigned k = 0; k < ENTRIES / 2; k++) {
		u64 want = total / ENTRIES * (2 * k + 1);

		for (; sum < want; steps++) {
			last = density_next(&d);
			sum += last;
		}
		table[ENTRIES / 2 + k] = (s32)(steps * STEP_VAL - (sum - want) * STEP_VAL / MAX(last, 1ull));
		table[ENTRIES / 2 - 1 - k] = -table[ENTRIES / 2 + k];
	}
}

static u64 cube_root(u64 v)
{
	u64 root = 0;

	for (u64 bit = 1ull << 20; bit; bit >>= 1)
		if ((root | bit) * (root | bit) * (root | bit) <= v)
			root |= bit;
	return root;
}

static void fill_pareto(s32 *table)
{
	for (u64 i = 0; i < ENTRIES; i++) {
		u64 root = cube_root((2ull * ENTRIES << 45) / (2 * (ENTRIES - i) - 1)); /* 15 bits behind the point */
		s64 x = (s64)(root * NETEM_DIST_SCALE >> 15) - NETEM_DIST_SCALE * 3 / 2;

		table[i] = (s32)(x * 1000000 / 866025);
	}
}

static const struct {
	const char *name;
	void (*fill)(s32 *table);
} dists[] = { { "uniform", NULL }, { "normal", fill_normal }, { "pareto", fill_pareto } };

const char *netem_dist_name(u64 i)
{
	return i < ARRAY_SIZE(dists) ? dists[i].name : NULL;
}

s32 *netem_dist_create(u64 i)
{
	s32 *table = kmalloc(ENTRIES * sizeof(*table));

	if (table)
		dists[i].fill(table);
	return table;
}
