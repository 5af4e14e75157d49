/* SPDX-License-Identifier: MIT
 * reno.c - Reno's congestion control (RFC 5681 3.1) with appropriate byte counting; NewReno's recovery is recovery.c's.
 */
#include "net/tcp/tcp_impl.h"

u32 tcp_reno_ssthresh(struct tcb *t)
{
	return MAX(t->cwnd / 2, 2u);
}

u32 tcp_reno_undo_cwnd(struct tcb *t)
{
	return MAX(t->cwnd, t->tx->prior_cwnd);
}

void tcp_reno_cong_avoid(struct tcb *t, u32 acked)
{
	if (tcp_in_slow_start(t)) {
		acked = tcp_slow_start(t, acked);
		if (!acked)
			return;
	}
	tcp_cong_avoid_ai(t, t->cwnd, acked);
}

const struct tcp_congestion_ops tcp_reno = {
	.name = "reno",
	.ssthresh = tcp_reno_ssthresh,
	.cong_avoid = tcp_reno_cong_avoid,
	.undo_cwnd = tcp_reno_undo_cwnd,
};
