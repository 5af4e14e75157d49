/* SPDX-License-Identifier: MIT
 * bic.c - BIC TCP (Xu, Harfoush, Rhee 2004): binary search for the window between the one that lost and the one that did not.
 *
 * Below the last maximum the window goes half of the way to it in each round trip, at most S_MAX; above it, it goes away from
 * it as it came, slowly first. Small windows are Reno's.
 */
#include "net/tcp/tcp_impl.h"

#define BETA       819u /* of 1024: what is left after a loss */
#define S_MAX      32u  /* segments of growth in a round trip */
#define S_MIN_PART 8u   /* S_min is 1 / so many: near the maximum a segment takes that many round trips */
#define LOW_WINDOW 14u

struct bic {
	u32 last_max; /* 0: no loss yet */
	u32 prior_max;
};

static inline struct bic *bic_of(struct tcb *t) { return tcp_ca_priv(t); }

/* How many segments must be acknowledged for one more. */
static u32 bic_pace(const struct tcb *t, const struct bic *b)
{
	u32 cwnd = t->cwnd, step;

	if (cwnd <= LOW_WINDOW || !b->last_max)
		return cwnd;
	if (cwnd < b->last_max)
		step = (b->last_max - cwnd) / 2;
	else
		step = cwnd - b->last_max;
	if (!step)
		return cwnd * S_MIN_PART;
	return MAX(cwnd / MIN(step, S_MAX), 1u);
}

static void bic_cong_avoid(struct tcb *t, u32 acked)
{
	if (tcp_in_slow_start(t)) {
		acked = tcp_slow_start(t, acked);
		if (!acked)
			return;
	}
	tcp_cong_avoid_ai(t, bic_pace(t, bic_of(t)), acked);
}

static u32 bic_ssthresh(struct tcb *t)
{
	struct bic *b = bic_of(t);

	b->prior_max = b->last_max;
	if (t->cwnd < b->last_max)
		b->last_max = (u32)((u64)t->cwnd * (1024 + BETA) / 2048); /* fast convergence: room for others */
	else
		b->last_max = t->cwnd;
	if (t->cwnd <= LOW_WINDOW)
		return tcp_reno_ssthresh(t);
	return MAX((u32)((u64)t->cwnd * BETA / 1024), 2u);
}

static u32 bic_undo_cwnd(struct tcb *t)
{
	bic_of(t)->last_max = bic_of(t)->prior_max;
	return tcp_reno_undo_cwnd(t);
}

/* A timeout: the path is another one, maybe. */
static void bic_cwnd_event(struct tcb *t, enum tcp_ca_event ev)
{
	if (ev == CA_EVENT_LOSS)
		bic_of(t)->last_max = 0;
}

const struct tcp_congestion_ops tcp_bic = {
	.name = "bic",
	.priv_size = sizeof(struct bic),
	.ssthresh = bic_ssthresh,
	.cong_avoid = bic_cong_avoid,
	.undo_cwnd = bic_undo_cwnd,
	.cwnd_event = bic_cwnd_event,
};
