/* SPDX-License-Identifier: MIT
 * rtt.c - how long is a round trip, and how long to wait for one (RFC 6298; minimum RTO of 200 ms as in Linux).
 *
 * Fixed point as Jacobson's paper has it: srtt times 8, deviation times 4. As Linux does, the variance falls at most once per
 * window and a sample far below the mean counts little, so that many samples per window (RFC 7323 4.2) do not shrink it.
 */
#include "net/tcp/receive.h"

void tcp_rtt_first(struct tcb *t, u32 rtt_us)
{
	t->srtt_us = rtt_us << 3;
	t->mdev_us = rtt_us << 1; /* RTTVAR = R/2 */
	t->rttvar_us = MAX(t->mdev_us, (u32)t->sk.cpu->sysctl.tcp_rto_min_us);
	t->mdev_max_us = t->rttvar_us;
	t->rtt_seq = t->snd.nxt;
}

void tcp_rtt_take(struct tcb *t, u32 rtt_us)
{
	tcp_rtt_sampled(t, rtt_us);
}
