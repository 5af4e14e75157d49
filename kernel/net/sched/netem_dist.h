/* SPDX-License-Identifier: MIT
 * netem_dist.h - tables of how netem's delay is spread around its mean: quantiles, in units of the jitter.
 */
#pragma once

#include "net/sched/sched_impl.h"

#define NETEM_DIST_SCALE 8192 /* of a table's value for one jitter */
#define NETEM_DIST_SHIFT 11   /* a table has 2^this values, equally probable */
#define NETEM_DIST_NAMES "uniform|normal|pareto"

/* Name of distribution i (0: uniform, which needs no table); NULL behind the last. */
const char *netem_dist_name(u64 i);
/* A table for kfree(); NULL: no memory. */
s32 *netem_dist_create(u64 i);
