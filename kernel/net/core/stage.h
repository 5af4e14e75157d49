/* SPDX-License-Identifier: MIT
 * stage.h - the stages of a frame's way and what each must have done with what it was given: for every stage an equation
 * over the counters of stats.h, in the manner of the case diagrams of RFC 4293 3.2.3.
 *
 * Nothing is counted for it on the usual way of a frame: the terms are SNMP's counters, and counters of what is rare.
 */
#pragma once

#include "net/core/stats.h"

#define STAGE_TERMS 16

struct stage_term {
	u16 stat;         /* enum net_stat: what is counted; 0 and a NULL word: the last */
	const char *word; /* for people */
};

struct stage {
	const char *name, *help;
	struct stage_term in[STAGE_TERMS], out[STAGE_TERMS]; /* the sums of both are equal */
};

enum { NR_STAGES = 13 };
extern const struct stage stages[NR_STAGES]; /* in the order of the way, in and out again */

/* The sums of both sides over terms, which net_balance_add() filled; true when they are equal. */
bool stage_holds(const struct stage *s, const u64 terms[FLOW_MAX], u64 *in, u64 *out);
