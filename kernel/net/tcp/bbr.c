/* SPDX-License-Identifier: MIT
 * bbr.c - BBR version 1 (Cardwell, Cheng, Gunn, Yeganeh, Jacobson 2016; draft-cardwell-iccrg-bbr-congestion-control-00).
 *
 * A model of the path, not its losses, sets the rate: the greatest delivery rate of the last ten round trips times a gain,
 * with the window a bound of twice the product of that rate and the least round trip of ten seconds.
 *
 *   STARTUP   -> DRAIN      the rate did not grow by a quarter in three rounds     [check_full]
 *   DRAIN     -> PROBE_BW   in flight is what the path holds                       [check_drain]
 *   any       -> PROBE_RTT  no round trip as short as the least was seen in 10 s   [check_probe_rtt]
 *   PROBE_RTT -> PROBE_BW, STARTUP   200 ms and a round trip later                 [probe_rtt_over]
 */
#include "lib/printf.h"
#include "net/tcp/tcp_impl.h"

#define UNIT            256u /* gains are of this */
#define HIGH_GAIN       739u /* 2/ln 2: doubles what is delivered in each round trip */
#define DRAIN_GAIN      88u  /* its inverse */
#define CWND_GAIN       512u
#define BW_ROUNDS       10u
#define MIN_RTT_MS      10000u
#define PROBE_RTT_MS    200u
#define MIN_CWND        4u
#define FULL_ROUNDS     3
#define CYCLE_LEN       8u
#define BDP_MARGIN      99u  /* per cent of the estimate: so that no queue grows for ever */
static const u16 cycle_gain[CYCLE_LEN] = { UNIT * 5 / 4, UNIT * 3 / 4, UNIT, UNIT, UNIT, UNIT, UNIT, UNIT };

enum mode { STARTUP, DRAIN, PROBE_BW, PROBE_RTT };

struct bw_max { /* of a round */
	u32 round, bw;
};
struct bbr {
	struct bw_max bw[3];      /* bytes/s: greatest of the window, of what came after it, and after that */
	u32 min_rtt_us, min_rtt_ms;
	u32 probe_rtt_done_ms;    /* 0: in flight is still too much */
	u32 prior_cwnd;           /* before a recovery or PROBE_RTT */
	u32 full_bw;
	u32 round, round_end;     /* counts; tcb.delivered at which this one ends */
	u32 cycle_us;             /* start of this phase */
	u16 pacing_gain, cwnd_gain;
	u8 mode, cycle, full_rounds;
	bool round_start : 1, full : 1, idle_restart : 1, probe_rtt_round : 1, conserve : 1, in_recovery : 1, has_rtt : 1;
};
_Static_assert(sizeof(struct bbr) <= TCP_CA_PRIV, "fits the private state");

static inline struct bbr *bbr_of(struct tcb *t) { return tcp_ca_priv(t); }
static inline u32 bandwidth(const struct bbr *b) { return b->bw[0].bw; }

/* ---- the greatest of the last BW_ROUNDS rounds, in three words (Kathleen Nichols' filter) ---- */

static void bw_update(struct bbr *b, u32 bw)
{
	struct bw_max now = { b->round, bw };

	if (bw >= b->bw[0].bw || now.round - b->bw[2].round > BW_ROUNDS) {
		b->bw[0] = b->bw[1] = b->bw[2] = now;
		return;
	}
	if (bw >= b->bw[1].bw)
		b->bw[1] = b->bw[2] = now;
	else if (bw >= b->bw[2].bw)
		b->bw[2] = now;
	if (now.round - b->bw[0].round > BW_ROUNDS) { /* too old: the next best takes its place */
		b->bw[0] = b->bw[1];
		b->bw[1] = b->bw[2];
		b->bw[2] = now;
		if (now.round - b->bw[0].round > BW_ROUNDS) {
			b->bw[0] = b->bw[1];
			b->bw[1] = b->bw[2];
		}
	} else if (b->bw[1].round == b->bw[0].round && now.round - b->bw[0].round > BW_ROUNDS / 4) {
		b->bw[1] = b->bw[2] = now; /* a quarter went by without a second best */
	} else if (b->bw[2].round == b->bw[1].round && now.round - b->bw[0].round > BW_ROUNDS / 2) {
		b->bw[2] = now;
	}
}

/* ---- what the model says ---- */

static u32 with_gain(u64 rate, u32 gain)
{
	rate = rate * gain / UNIT * BDP_MARGIN / 100;
	return (u32)CLAMP(rate, 1u, (u64)~0u - 1);
}

/* Segments that the path holds, times gain; whole GSO skbs at both ends and on the wire come on top. */
static u32 inflight_of(const struct tcb *t, const struct bbr *b, u32 gain)
{
	u64 bdp;

	if (b->min_rtt_us == ~0u)
		return TCP_INIT_CWND;
	bdp = (u64)bandwidth(b) * b->min_rtt_us / USEC_PER_SEC * gain / UNIT;
	return (u32)MIN(bdp / t->mss + 1, 1ull << 28);
}

static u32 quantum(const struct tcb *t)
{
	u32 segs = (u32)(tcp_pacing_rate(t) / 1000 / t->mss);

	return CLAMP(segs, 1u, 44u);
}

static void set_pacing_rate(struct tcb *t, struct bbr *b)
{
	u32 rate;

	if (!b->has_rtt && t->srtt_us) { /* the first sample: the initial window per round trip */
		b->has_rtt = true;
		t->pacing_rate = with_gain((u64)TCP_INIT_CWND * t->mss * 8 * USEC_PER_SEC / t->srtt_us, HIGH_GAIN);
	}
	rate = with_gain(bandwidth(b), b->pacing_gain);
	if (bandwidth(b) && (b->full || rate > t->pacing_rate))
		t->pacing_rate = rate;
}

/* ---- modes ---- */

static void enter_startup(struct bbr *b)
{
	b->mode = STARTUP;
	b->pacing_gain = b->cwnd_gain = HIGH_GAIN;
}

static void set_cycle(struct tcb *t, struct bbr *b, u32 phase)
{
	b->cycle = phase % CYCLE_LEN;
	b->cycle_us = cpu_us(t->sk.cpu);
	b->pacing_gain = cycle_gain[b->cycle];
}

/* Anywhere in the cycle but at the draining phase: flows that begin together do not probe together. */
static void enter_probe_bw(struct tcb *t, struct bbr *b)
{
	u8 phase;

	random_bytes(&phase, sizeof(phase));
	phase %= CYCLE_LEN - 1;
	b->mode = PROBE_BW;
	b->cwnd_gain = CWND_GAIN;
	set_cycle(t, b, phase ? phase + 1u : 0);
}

static bool is_phase_over(struct tcb *t, const struct bbr *b, const struct rate_sample *rs)
{
	bool full_length = cpu_us(t->sk.cpu) - b->cycle_us > b->min_rtt_us;

	if (b->pacing_gain > UNIT) /* until more is in flight, or it does not fit */
		return full_length && (rs->lost || rs->prior_in_flight >= inflight_of(t, b, b->pacing_gain));
	if (b->pacing_gain < UNIT)
		return full_length || rs->prior_in_flight <= inflight_of(t, b, UNIT);
	return full_length;
}

static void check_full(struct bbr *b, const struct rate_sample *rs)
{
	if (b->full || !b->round_start || rs->app_limited)
		return;
	if (bandwidth(b) >= b->full_bw + b->full_bw / 4) {
		b->full_bw = bandwidth(b);
		b->full_rounds = 0;
		return;
	}
	b->full = ++b->full_rounds >= FULL_ROUNDS;
}

static void check_drain(struct tcb *t, struct bbr *b)
{
	if (b->mode == STARTUP && b->full) {
		b->mode = DRAIN;
		b->pacing_gain = DRAIN_GAIN;
		b->cwnd_gain = HIGH_GAIN;
	}
	if (b->mode == DRAIN && tcp_in_flight(t) <= inflight_of(t, b, UNIT))
		enter_probe_bw(t, b);
}

static void save_cwnd(struct tcb *t, struct bbr *b)
{
	if (b->in_recovery || b->mode == PROBE_RTT)
		b->prior_cwnd = MAX(b->prior_cwnd, t->cwnd);
	else
		b->prior_cwnd = t->cwnd;
}

static void probe_rtt_over(struct tcb *t, struct bbr *b)
{
	b->min_rtt_ms = cpu_ms(t->sk.cpu);
	t->cwnd = MAX(t->cwnd, b->prior_cwnd);
	if (b->full)
		enter_probe_bw(t, b);
	else
		enter_startup(b);
}

static void in_probe_rtt(struct tcb *t, struct bbr *b)
{
	u32 now = cpu_ms(t->sk.cpu);

	t->app_limited = t->delivered + tcp_in_flight(t) ?: 1; /* this slowness is our own */
	if (!b->probe_rtt_done_ms) {
		if (tcp_in_flight(t) > MIN_CWND)
			return;
		b->probe_rtt_done_ms = (now + PROBE_RTT_MS) ?: 1;
		b->probe_rtt_round = false;
		b->round_end = t->delivered;
		return;
	}
	b->probe_rtt_round |= b->round_start;
	if (b->probe_rtt_round && (s32)(now - b->probe_rtt_done_ms) > 0)
		probe_rtt_over(t, b);
}

static void check_probe_rtt(struct tcb *t, struct bbr *b, const struct rate_sample *rs)
{
	u32 now = cpu_ms(t->sk.cpu);
	bool expired = now - b->min_rtt_ms > MIN_RTT_MS;

	if (rs->rtt_us > 0 && ((u32)rs->rtt_us <= b->min_rtt_us || expired)) {
		b->min_rtt_us = (u32)rs->rtt_us;
		b->min_rtt_ms = now;
	}
	if (expired && !b->idle_restart && b->mode != PROBE_RTT) {
		save_cwnd(t, b);
		b->mode = PROBE_RTT;
		b->pacing_gain = b->cwnd_gain = UNIT;
		b->probe_rtt_done_ms = 0;
	}
	if (b->mode == PROBE_RTT)
		in_probe_rtt(t, b);
	if (rs->delivered > 0)
		b->idle_restart = false;
}

/* ---- each ACK ---- */

static void update_model(struct tcb *t, struct bbr *b, const struct rate_sample *rs)
{
	u64 bw;

	b->round_start = false;
	if (rs->delivered < 0 || rs->interval_us <= 0)
		return;
	if ((s32)(rs->prior_delivered - b->round_end) >= 0) {
		b->round_end = t->delivered;
		b->round++;
		b->round_start = true;
		b->conserve = false;
	}
	bw = (u64)(u32)rs->delivered * t->mss * USEC_PER_SEC / (u32)rs->interval_us;
	bw = MIN(bw, (u64)~0u);
	if (!rs->app_limited || bw >= bandwidth(b))
		bw_update(b, (u32)bw);
	if (b->mode == PROBE_BW && is_phase_over(t, b, rs))
		set_cycle(t, b, b->cycle + 1u);
	check_full(b, rs);
}

/* Losses take what was lost; in the first round of a recovery as much is sent as arrives. true: that is all for now. */
static bool recovery_cwnd(struct tcb *t, struct bbr *b, const struct rate_sample *rs)
{
	bool in_recovery = t->ca_state >= TCP_CA_RECOVERY;

	if (rs->lost)
		t->cwnd = t->cwnd > rs->lost ? t->cwnd - rs->lost : 1;
	if (in_recovery && !b->in_recovery && t->ca_state == TCP_CA_RECOVERY) {
		b->conserve = true;
		b->round_end = t->delivered; /* the round begins now */
		t->cwnd = tcp_in_flight(t) + rs->acked;
	} else if (!in_recovery && b->in_recovery) {
		t->cwnd = MAX(t->cwnd, b->prior_cwnd);
		b->conserve = false;
	}
	b->in_recovery = in_recovery;
	if (b->conserve)
		t->cwnd = MAX(t->cwnd, tcp_in_flight(t) + rs->acked);
	return b->conserve;
}

static void set_cwnd(struct tcb *t, struct bbr *b, const struct rate_sample *rs)
{
	u32 target = inflight_of(t, b, b->cwnd_gain) + 3 * quantum(t);

	if (rs->acked && !recovery_cwnd(t, b, rs)) {
		if (b->full)
			t->cwnd = MIN(t->cwnd + rs->acked, target);
		else if (t->cwnd < target || t->delivered < TCP_INIT_CWND)
			t->cwnd += rs->acked;
		t->cwnd = MAX(t->cwnd, MIN_CWND);
	}
	if (b->mode == PROBE_RTT)
		t->cwnd = MIN(t->cwnd, MIN_CWND);
}

static void bbr_cong_control(struct tcb *t, const struct rate_sample *rs)
{
	struct bbr *b = bbr_of(t);

	update_model(t, b, rs);
	check_drain(t, b);
	check_probe_rtt(t, b, rs);
	set_pacing_rate(t, b);
	set_cwnd(t, b, rs);
}

/* ---- the other hooks ---- */

static void bbr_init(struct tcb *t)
{
	struct bbr *b = bbr_of(t);
	u32 rtt_us = t->srtt_us ? t->srtt_us >> 3 : 1000;

	b->min_rtt_us = t->min_rtt_us;
	b->min_rtt_ms = cpu_ms(t->sk.cpu);
	b->round_end = t->delivered;
	b->has_rtt = t->srtt_us != 0;
	t->ssthresh = TCP_INFINITE_SSTHRESH;
	t->pacing_rate = with_gain((u64)t->cwnd * t->mss * USEC_PER_SEC / MAX(rtt_us, 1u), HIGH_GAIN);
	enter_startup(b);
}

static u32 bbr_ssthresh(struct tcb *t)
{
	save_cwnd(t, bbr_of(t));
	return t->ssthresh;
}

static u32 bbr_undo_cwnd(struct tcb *t)
{
	struct bbr *b = bbr_of(t);

	b->full_bw = 0; /* the loss was none: look again whether there is more */
	b->full_rounds = 0;
	return MAX(t->cwnd, b->prior_cwnd);
}

static void bbr_set_state(struct tcb *t, enum tcp_ca_state s)
{
	struct bbr *b = bbr_of(t);

	if (s != TCP_CA_LOSS)
		return;
	b->full_bw = 0;
	b->in_recovery = true;
	b->conserve = false;
}

/* After a rest: at the rate of the path at once, no faster, and the least round trip is not out of date by resting. */
static void bbr_cwnd_event(struct tcb *t, enum tcp_ca_event ev)
{
	struct bbr *b = bbr_of(t);

	if (ev != CA_EVENT_TX_START || !t->app_limited)
		return;
	b->idle_restart = true;
	if (b->mode == PROBE_BW && bandwidth(b))
		t->pacing_rate = with_gain(bandwidth(b), UNIT);
	else if (b->mode == PROBE_RTT && b->probe_rtt_done_ms && (s32)(cpu_ms(t->sk.cpu) - b->probe_rtt_done_ms) > 0)
		probe_rtt_over(t, b);
}

static unsigned bbr_get_info(const struct tcb *t, union tcp_cc_info *info)
{
	const struct bbr *b = tcp_ca_priv(t);

	info->bbr = (struct tcp_bbr_info){ .bbr_bw_lo = bandwidth(b), .bbr_min_rtt = b->min_rtt_us,
					   .bbr_pacing_gain = b->pacing_gain, .bbr_cwnd_gain = b->cwnd_gain };
	return sizeof(info->bbr);
}

static int bbr_info(const struct tcb *t, char *buf, size_t size)
{
	const struct bbr *b = tcp_ca_priv(t);
	u32 rtt = b->min_rtt_us == ~0u ? 0 : b->min_rtt_us;

	return scnprintf(buf, size, "bbr:(bw:%llubps,mrtt:%u.%03u,pacing_gain:%u.%02u,cwnd_gain:%u.%02u)",
			 (unsigned long long)bandwidth(b) * 8, rtt / 1000, rtt % 1000, b->pacing_gain / UNIT,
			 b->pacing_gain % UNIT * 100 / UNIT, b->cwnd_gain / UNIT, b->cwnd_gain % UNIT * 100 / UNIT);
}

const struct tcp_congestion_ops tcp_bbr = {
	.name = "bbr",
	.priv_size = sizeof(struct bbr),
	.init = bbr_init,
	.ssthresh = bbr_ssthresh,
	.undo_cwnd = bbr_undo_cwnd,
	.set_state = bbr_set_state,
	.cwnd_event = bbr_cwnd_event,
	.cong_control = bbr_cong_control,
	.get_info = bbr_get_info,
	.info = bbr_info,
	.paces = true,
};
