/* SPDX-License-Identifier: MIT
 * pacing.c - segments leave at a rate, not as fast as a window allows.
 *
 * Who paces: an algorithm that sets tcb.pacing_rate, an application (SO_MAX_PACING_RATE), or a device whose discipline holds
 * skbs until their time (fq): then every connection through it. The rate of an algorithm that does not set one is its window
 * per round trip and a little more (tcp_pacing_ss_ratio, tcp_pacing_ca_ratio).
 * Where fq is, it gets each skb with the time to leave, a little before that; elsewhere the PACE timer holds the flush back,
 * and each time lets a burst go: what the rate sends in a millisecond, or two segments, so that timers do not cost too much.
 */
#include "net/tcp/tcp_impl.h"

#define AHEAD_NS    NSEC_PER_MSEC /* fq gets an skb that much before its time: more would only fill its queue */
#define BURST_NS    NSEC_PER_MSEC
#define PAIR_RATE   150000u       /* bytes/s from which on two segments are no burst to speak of */
#define REST_NS     NSEC_PER_MSEC       /* after a rest of the application no more than that is left of the time unused */
#define LATE_NS     (8 * NSEC_PER_MSEC) /* a busy CPU or host runs timers late: that much is made up for */

/* cwnd per round trip, with some air: the window stays what limits. */
static u64 rate_of_window(const struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	u64 ratio = (u64)(t->cwnd < t->ssthresh / 2 ? s->tcp_pacing_ss_ratio : s->tcp_pacing_ca_ratio);

	if (!t->srtt_us)
		return ~0u;
	return (u64)t->mss * MAX(t->cwnd, t->packets_out) * ratio / 100 * (8 * USEC_PER_SEC) / t->srtt_us;
}

u32 tcp_pacing_rate(const struct tcb *t)
{
	u64 rate = t->pacing_rate ? t->pacing_rate : rate_of_window(t);

	if (t->max_pacing_rate)
		rate = MIN(rate, (u64)t->max_pacing_rate);
	return (u32)MIN(rate, (u64)~0u);
}

void tcp_pacing_update(struct tcb *t)
{
	t->pacing = t->ca->paces || t->max_pacing_rate;
}

static u64 burst_ns(const struct tcb *t)
{
	u32 rate = tcp_pacing_rate(t);

	return rate < PAIR_RATE ? 0 : MAX(BURST_NS, t->mss * NSEC_PER_SEC / rate);
}

bool tcp_pace_wait(struct tcb *t)
{
	u64 now = tcp_now(t), ahead = t->fq ? AHEAD_NS : 0;

	if (t->pace_ns <= now + ahead || (!t->fq && t->last_send_ns == now && t->pace_ns <= now + burst_ns(t)))
		return false;
	tcp_timer_set(t, TCPT_PACE, t->pace_ns - ahead);
	return true;
}

/* Being late costs no rate: the bottleneck's queue shrank by what did not come, and has room for it now. */
static u64 credit_ns(const struct tcb *t)
{
	if (t->fq)
		return 0;
	return t->packets_out && !t->app_limited ? LATE_NS : REST_NS;
}

void tcp_pace_sent(struct tcb *t, struct sk_buff *skb, u32 len)
{
	u64 now = tcp_now(t), start = MAX(t->pace_ns, now - MIN(now, credit_ns(t)));
	u32 rate = tcp_pacing_rate(t);
	u64 ns = rate == ~0u ? 0 : len * NSEC_PER_SEC / MAX(rate, 1u);

	if (t->fq) {
		skb->tstamp_ns = start;
		ns -= MIN(ns / 2, start - t->pace_ns); /* as Linux: who comes late has the next one at half the distance */
	}
	if (t->data_segs_out < TCP_INIT_CWND && !t->max_pacing_rate)
		return; /* the initial window is a burst that RFC 6928 allows */
	t->pace_ns = start + ns;
}
