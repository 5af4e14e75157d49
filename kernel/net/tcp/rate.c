/* SPDX-License-Identifier: MIT
 * rate.c - how fast the path delivers (draft-cheng-iccrg-delivery-rate-estimation).
 *
 * Each segment notes, when it is sent, how much had been delivered until then and when. Its acknowledgment makes a sample:
 * what was delivered since, by the longer of the time to send that much and the time to have it acknowledged. Samples of
 * a time when the application sent less than it might are marked, and never lower what is told.
 * Clocks are microseconds modulo 2^32: what they measure is in flight, so it is young. Runs with input and output.
 */
#include "net/tcp/tcp_impl.h"

void tcp_rate_delivered(struct tcb *t, const struct tcp_skb_cb *cb, struct rate_sample *rs)
{
	u32 tx_us = (u32)(cb->tx_ns / NSEC_PER_USEC);
	s32 newer = (s32)(tx_us - rs->tx_us);

	if (!cb->delivered_us || (rs->prior_us && (newer < 0 || (!newer && seq_lt(cb->end_seq, rs->end_seq)))))
		return;
	rs->prior_us = cb->delivered_us;
	rs->prior_delivered = cb->delivered;
	rs->app_limited = cb->app_limited;
	rs->send_us = tx_us - cb->first_tx_us;
	rs->tx_us = tx_us;
	rs->end_seq = cb->end_seq;
	t->first_tx_us = tx_us;
}

/* A slow application's sample counts only where it is the faster one. */
static void keep_sample(struct tcb *t, const struct rate_sample *rs)
{
	if (rs->app_limited &&
	    (u64)rs->delivered * t->tx->rate_interval_us < (u64)t->tx->rate_delivered * (u32)rs->interval_us)
		return;
	t->tx->rate_delivered = (u32)rs->delivered;
	t->tx->rate_interval_us = (u32)rs->interval_us;
	t->rate_app_limited = rs->app_limited;
}

void tcp_rate_gen(struct tcb *t, struct rate_sample *rs, u32 delivered, u32 lost)
{
	u32 now = cpu_us(t->sk.cpu);

	if (t->app_limited && (s32)(t->delivered - t->app_limited) > 0)
		t->app_limited = 0;
	if (delivered)
		t->delivered_us = now ?: 1;
	rs->acked = delivered;
	rs->lost = lost;
	if (unlikely(!rs->prior_us)) {
		rs->delivered = rs->interval_us = -1;
		return;
	}
	rs->delivered = (s32)(t->delivered - rs->prior_delivered);
	rs->interval_us = (s32)MAX(rs->send_us, now - rs->prior_us); /* ACKs may come in a bunch, and so may segments leave */
	if (unlikely((u32)rs->interval_us < t->min_rtt_us && t->min_rtt_us != ~0u)) {
		rs->interval_us = -1; /* what was sent twice and acknowledged once: the clock is of the wrong one */
		return;
	}
	if (likely(rs->interval_us > 0))
		keep_sample(t, rs);
}

u64 tcp_delivery_rate(const struct tcb *t)
{
	return t->tx && t->tx->rate_interval_us ? (u64)t->tx->rate_delivered * t->mss * USEC_PER_SEC / t->tx->rate_interval_us : 0;
}
