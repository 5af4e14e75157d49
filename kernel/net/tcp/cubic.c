/* SPDX-License-Identifier: MIT
 * cubic.c - CUBIC (RFC 9438): the window grows along a cubic of the time since the last loss; HyStart++ (hystart.c) ends
 * slow start before the queue overflows.
 *
 * Integers only: time in 1/1024 s, windows in segments. C = 0.4, beta = 717/1024 (0.7), alpha = 3(1-b)/(1+b) = 0.53.
 */
#include "net/tcp/tcp_impl.h"

#define BETA         717u  /* of 1024 */
#define C_1024       410u  /* 0.4 of 1024 */

struct cubic_epoch {
	u64 start_ns;    /* of this congestion avoidance; 0: none */
	u32 w_max;       /* window before the last reduction */
	u32 origin;      /* W_max of this epoch: where the cubic is flat */
	u32 k;           /* 1/1024 s until the cubic is at its origin */
	u32 w_est;       /* what Reno would have (RFC 9438 4.3) */
};
struct cubic {
	struct cubic_epoch e, prior; /* prior: before the last reduction, in case that was for nothing (4.9) */
	u32 ack_cnt;     /* acknowledged, not yet in w_est */
	u32 cwnd_prior;
	u32 delay_min_us;
	struct hystart hy;
};
_Static_assert(sizeof(struct cubic) <= TCP_CA_PRIV, "fits the private state");

static struct cubic *cubic_of(struct tcb *t)
{
	return tcp_ca_priv(t);
}

static void cubic_init(struct tcb *t)
{
	tcp_hystart_init(t, &cubic_of(t)->hy);
}

/* Integer cube root, by bits from the top. */
static u32 cbrt64(u64 x)
{
	u64 y = 0;
	int s;

	for (s = 63; s >= 0; s -= 3) {
		u64 b;

		y *= 2;
		b = 3 * y * (y + 1) + 1;
		if (x >> s >= b) {
			x -= b << s;
			y++;
		}
	}
	return (u32)y;
}

/* RFC 9438 4.2: K = cbrt((W_max - cwnd) / C), in 1/1024 s. */
static void cubic_epoch_start(struct tcb *t, struct cubic *c)
{
	struct cubic_epoch *e = &c->e;

	e->start_ns = tcp_now(t);
	c->ack_cnt = 0;
	e->w_est = t->cwnd;
	c->cwnd_prior = MAX(e->w_max, t->cwnd);
	if (e->w_max <= t->cwnd) {
		e->k = 0;
		e->origin = t->cwnd;
	} else {
		e->k = cbrt64(((u64)(e->w_max - t->cwnd) << 40) / C_1024); /* 1024^3 from the unit, 1024 from C */
		e->origin = e->w_max;
	}
}

/* W_cubic at time t_1024 of the epoch. */
static u32 cubic_window(const struct cubic_epoch *c, u64 t_1024)
{
	u64 d = t_1024 > c->k ? t_1024 - c->k : c->k - t_1024;
	u64 delta;

	d = MIN(d, 1ull << 17); /* two minutes: the cube fits 64 bits */
	delta = (d * d * d >> 20) * C_1024 >> 20;
	if (t_1024 >= c->k)
		return c->origin + (u32)MIN(delta, 1ull << 30);
	return c->origin > delta ? c->origin - (u32)delta : 0;
}

/* RFC 9438 4.3: W_est grows by alpha per window until it is where the loss was, by 1 after that. */
static void reno_friendly(struct cubic *c, u32 cwnd, u32 acked)
{
	u32 per = c->e.w_est >= c->cwnd_prior ? cwnd : cwnd * 15 / 8; /* 1/alpha = 17/9, close to 15/8 */

	c->ack_cnt += acked;
	if (per && c->ack_cnt >= per) {
		c->e.w_est += c->ack_cnt / per;
		c->ack_cnt %= per;
	}
}

/* How many segments must be acknowledged for one more (t->cwnd_cnt counts them). */
static u32 cubic_update(struct tcb *t, struct cubic *c, u32 acked)
{
	u64 t_1024, rtt_us = c->delay_min_us;
	u32 target, cnt;

	if (!c->e.start_ns)
		cubic_epoch_start(t, c);
	reno_friendly(c, t->cwnd, acked);
	t_1024 = ((tcp_now(t) - c->e.start_ns) / NSEC_PER_USEC + rtt_us) * 1024 / USEC_PER_SEC;
	target = MIN(cubic_window(&c->e, t_1024), t->cwnd + t->cwnd / 2); /* 4.4: at most half more per round trip */
	cnt = target > t->cwnd ? t->cwnd / (target - t->cwnd) : 100 * t->cwnd;
	if (!c->e.w_max && cnt > 20)
		cnt = 20; /* no loss yet: find the ceiling faster */
	if (c->e.w_est > t->cwnd)
		cnt = MIN(cnt, t->cwnd / (c->e.w_est - t->cwnd));
	return MAX(cnt, 2u);
}

static void cubic_cong_avoid(struct tcb *t, u32 acked)
{
	struct cubic *c = cubic_of(t);

	if (tcp_in_slow_start(t)) {
		acked = tcp_hystart_grow(t, &c->hy, acked);
		if (!acked)
			return;
	}
	tcp_cong_avoid_ai(t, cubic_update(t, c, acked), acked);
}

static u32 cubic_ssthresh(struct tcb *t)
{
	struct cubic *c = cubic_of(t);

	c->prior = c->e;
	c->e.start_ns = 0;
	c->ack_cnt = 0;
	if (t->cwnd < c->e.w_max)
		c->e.w_max = (u32)((u64)t->cwnd * (1024 + BETA) / 2048); /* 4.7: fast convergence */
	else
		c->e.w_max = t->cwnd;
	return MAX((u32)((u64)t->cwnd * BETA / 1024), 2u);
}

static void cubic_set_state(struct tcb *t, enum tcp_ca_state s)
{
	struct cubic *c = cubic_of(t);

	if (s != TCP_CA_LOSS)
		return;
	c->e = (struct cubic_epoch){ 0 }; /* 4.8: everything anew, except what the path is like */
	c->ack_cnt = c->cwnd_prior = 0;
}

static u32 cubic_undo_cwnd(struct tcb *t)
{
	cubic_of(t)->e = cubic_of(t)->prior;
	return tcp_reno_undo_cwnd(t);
}

/* Idle time is not congestion avoidance: the epoch moves with it (4.2). */
static void cubic_cwnd_event(struct tcb *t, enum tcp_ca_event ev)
{
	struct cubic *c = cubic_of(t);

	if (ev == CA_EVENT_TX_START && c->e.start_ns)
		c->e.start_ns += tcp_now(t) - MAX(t->last_send_ns, c->e.start_ns);
}

static void cubic_pkts_acked(struct tcb *t, const struct ack_sample *s)
{
	struct cubic *c = cubic_of(t);
	u32 rtt;

	if (s->rtt_us < 0 || (c->e.start_ns && tcp_now(t) - c->e.start_ns < NSEC_PER_SEC))
		return; /* just after a loss the queue's delay is no measure of the path */
	rtt = (u32)MAX(s->rtt_us, 1);
	if (!c->delay_min_us || rtt < c->delay_min_us)
		c->delay_min_us = rtt;
	tcp_hystart_sample(t, &c->hy, rtt, s->acks);
}

const struct tcp_congestion_ops tcp_cubic = {
	.name = "cubic",
	.priv_size = sizeof(struct cubic),
	.init = cubic_init,
	.ssthresh = cubic_ssthresh,
	.cong_avoid = cubic_cong_avoid,
	.undo_cwnd = cubic_undo_cwnd,
	.set_state = cubic_set_state,
	.cwnd_event = cubic_cwnd_event,
	.pkts_acked = cubic_pkts_acked,
};
