/* SPDX-License-Identifier: MIT
 * westwood.c - TCP Westwood+ (Mascolo, Grieco 2004): after a loss the window is what the path has been delivering.
 *
 * Growth is Reno's. Once a round trip the rate of delivery goes into a low-pass filter; ssthresh after a loss is that rate
 * times the least round trip, so a loss that is no congestion (the rate did not fall) costs little.
 */
#include "lib/printf.h"
#include "net/tcp/tcp_impl.h"

#define INTERVAL_MIN_US 50000u  /* a shorter one is too coarse to measure in */
#define SCALE           1024u   /* rates are segments per second times this */

struct westwood {
	u32 rate;            /* filtered; 0: not known */
	u32 min_rtt_us;
	u32 start_us;        /* of the running interval */
	u32 start_delivered;
};

static inline struct westwood *westwood_of(struct tcb *t) { return tcp_ca_priv(t); }

static void new_interval(struct tcb *t, struct westwood *w)
{
	w->start_us = cpu_us(t->sk.cpu);
	w->start_delivered = t->delivered;
}

static void westwood_init(struct tcb *t)
{
	struct westwood *w = westwood_of(t);

	w->min_rtt_us = ~0u;
	new_interval(t, w);
}

static void filter(struct westwood *w, u32 delivered, u32 us)
{
	u64 rate = (u64)delivered * SCALE * USEC_PER_SEC / us;

	rate = MIN(rate, (u64)~0u);
	w->rate = w->rate ? (u32)((7 * (u64)w->rate + rate) / 8) : (u32)rate;
}

static void westwood_pkts_acked(struct tcb *t, const struct ack_sample *s)
{
	struct westwood *w = westwood_of(t);
	u32 us = cpu_us(t->sk.cpu) - w->start_us;

	if (s->rtt_us > 0)
		w->min_rtt_us = MIN(w->min_rtt_us, (u32)s->rtt_us);
	if (us < MAX(t->srtt_us >> 3, INTERVAL_MIN_US))
		return;
	if (!t->app_limited)
		filter(w, t->delivered - w->start_delivered, us);
	new_interval(t, w);
}

static u32 westwood_ssthresh(struct tcb *t)
{
	const struct westwood *w = westwood_of(t);
	u64 segs = (u64)w->rate * w->min_rtt_us / (SCALE * (u64)USEC_PER_SEC);

	if (!w->rate || w->min_rtt_us == ~0u)
		return tcp_reno_ssthresh(t);
	return (u32)CLAMP(segs, 2u, (u64)MAX(t->cwnd, 2u));
}

/* Nothing was under way: that time says nothing of the path. */
static void westwood_cwnd_event(struct tcb *t, enum tcp_ca_event ev)
{
	if (ev == CA_EVENT_TX_START)
		new_interval(t, westwood_of(t));
}

static unsigned westwood_get_info(const struct tcb *t, union tcp_cc_info *info)
{
	const struct westwood *w = tcp_ca_priv(t);

	info->vegas = (struct tcpvegas_info){ 1, 0, t->srtt_us >> 3, w->min_rtt_us };
	return sizeof(info->vegas);
}

static int westwood_info(const struct tcb *t, char *buf, size_t size)
{
	const struct westwood *w = tcp_ca_priv(t);

	return scnprintf(buf, size, "westwood:(bw:%llubps)", (unsigned long long)w->rate * t->mss * 8 / SCALE);
}

const struct tcp_congestion_ops tcp_westwood = {
	.name = "westwood",
	.priv_size = sizeof(struct westwood),
	.init = westwood_init,
	.ssthresh = westwood_ssthresh,
	.cong_avoid = tcp_reno_cong_avoid,
	.undo_cwnd = tcp_reno_undo_cwnd,
	.cwnd_event = westwood_cwnd_event,
	.pkts_acked = westwood_pkts_acked,
	.wants_lone = true,
	.get_info = westwood_get_info,
	.info = westwood_info,
};
