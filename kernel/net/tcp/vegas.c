/* SPDX-License-Identifier: MIT
 * vegas.c - TCP Vegas (Brakmo and Peterson, 1995): a few segments in the queue are enough, and more are too many.
 *
 * Once a round trip: diff = cwnd - cwnd * base / rtt is what this connection keeps in queues. Below ALPHA the window grows by
 * one, above BETA it shrinks by one; slow start doubles in every other round only, and ends at GAMMA. Losses are Reno's.
 * A doubled window shows its queue only when what was sent with it is acknowledged: two rounds after slow start the window is
 * set once more to what the path holds, instead of walking down from there by one in each round trip.
 */
#include "lib/printf.h"
#include "net/tcp/tcp_impl.h"

#define ALPHA 2u
#define BETA  4u
#define GAMMA 1u
#define SETTLE_ROUNDS  2
#define ENOUGH_SAMPLES 3 /* fewer may all be delayed ACKs: that round is Reno's */

struct vegas {
	u32 base_rtt_us; /* the path without queues; ~0: not known */
	u32 rtt_us;      /* least of this round */
	u32 samples;
	seq_t round_end;
	bool grow;       /* slow start: this round doubles, the next one looks */
	u8 settle;       /* rounds until the end of slow start shows */
};

static inline struct vegas *vegas_of(struct tcb *t) { return tcp_ca_priv(t); }

static void new_round(struct tcb *t, struct vegas *v)
{
	v->round_end = t->snd.nxt;
	v->rtt_us = ~0u;
	v->samples = 0;
}

static void vegas_init(struct tcb *t)
{
	struct vegas *v = vegas_of(t);

	v->base_rtt_us = ~0u;
	v->grow = true;
	new_round(t, v);
}

static void vegas_pkts_acked(struct tcb *t, const struct ack_sample *s)
{
	struct vegas *v = vegas_of(t);
	u32 rtt_us = (u32)MAX(s->rtt_us, 1);

	if (s->rtt_us < 0)
		return;
	v->base_rtt_us = MIN(v->base_rtt_us, rtt_us);
	v->rtt_us = MIN(v->rtt_us, rtt_us);
	v->samples += s->acks;
}

static void land(struct tcb *t, u32 target)
{
	t->cwnd = MAX(MIN(t->cwnd, target + 1), 2u);
	t->ssthresh = MIN(t->ssthresh, t->cwnd);
}

static void look(struct tcb *t, struct vegas *v)
{
	u32 target = (u32)((u64)t->cwnd * v->base_rtt_us / v->rtt_us), diff = t->cwnd - target;

	if (tcp_in_slow_start(t)) {
		v->grow = !v->grow;
		if (diff <= GAMMA)
			return;
		land(t, target);
		v->settle = SETTLE_ROUNDS;
	} else if (v->settle && !--v->settle && diff > BETA) {
		land(t, target);
	} else if (diff > BETA) {
		t->cwnd = MAX(t->cwnd - 1, 2u);
		t->ssthresh = MIN(t->ssthresh, t->cwnd);
	} else if (diff < ALPHA) {
		t->cwnd++;
	}
}

static void vegas_cong_avoid(struct tcb *t, u32 acked)
{
	struct vegas *v = vegas_of(t);

	if (seq_gt(t->snd.una, v->round_end)) {
		if (v->samples >= ENOUGH_SAMPLES)
			look(t, v);
		else
			tcp_reno_cong_avoid(t, acked);
		new_round(t, v);
	} else if (tcp_in_slow_start(t) && v->grow) {
		tcp_slow_start(t, acked);
	}
}

/* After a recovery and after a rest the round that began before them tells nothing. */
static void vegas_set_state(struct tcb *t, enum tcp_ca_state s)
{
	if (s == TCP_CA_OPEN)
		new_round(t, vegas_of(t));
}

static void vegas_cwnd_event(struct tcb *t, enum tcp_ca_event ev)
{
	if (ev == CA_EVENT_CWND_RESTART || ev == CA_EVENT_TX_START)
		new_round(t, vegas_of(t));
}

static unsigned vegas_get_info(const struct tcb *t, union tcp_cc_info *info)
{
	const struct vegas *v = tcp_ca_priv(t);

	info->vegas = (struct tcpvegas_info){ 1, v->samples, v->base_rtt_us, v->rtt_us };
	return sizeof(info->vegas);
}

static int vegas_info(const struct tcb *t, char *buf, size_t size)
{
	const struct vegas *v = tcp_ca_priv(t);

	return scnprintf(buf, size, "vegas:(base_rtt:%u.%03u)", v->base_rtt_us / 1000, v->base_rtt_us % 1000);
}

const struct tcp_congestion_ops tcp_vegas = {
	.name = "vegas",
	.priv_size = sizeof(struct vegas),
	.init = vegas_init,
	.ssthresh = tcp_reno_ssthresh,
	.cong_avoid = vegas_cong_avoid,
	.undo_cwnd = tcp_reno_undo_cwnd,
	.set_state = vegas_set_state,
	.cwnd_event = vegas_cwnd_event,
	.pkts_acked = vegas_pkts_acked,
	.wants_lone = true,
	.get_info = vegas_get_info,
	.info = vegas_info,
};
