/* SPDX-License-Identifier: MIT
 * rtt.c - how long is a round trip, and how long to wait for one (RFC 6298; minimum RTO of 200 ms as in Linux).
 *
 * Fixed point as Jacobson's paper has it: srtt times 8, deviation times 4. As Linux does, the variance falls at most once per
 * window and a sample far below the mean counts little, so that many samples per window (RFC 7323 4.2) do not shrink it.
 */
#include "net/tcp/tcp_impl.h"

static void first_sample(struct tcb *t, u32 rtt_us)
{
	t->srtt_us = rtt_us << 3;
	t->mdev_us = rtt_us << 1; /* RTTVAR = R/2 */
	t->rttvar_us = MAX(t->mdev_us, (u32)t->sk.cpu->sysctl.tcp_rto_min_us);
	t->mdev_max_us = t->rttvar_us;
	t->rtt_seq = t->snd.nxt;
}

static void deviation(struct tcb *t, s32 err)
{
	if (err < 0) {
		err = -err - (s32)(t->mdev_us >> 2);
		if (err > 0)
			err >>= 3; /* a path that got faster is no reason to wait longer */
	} else {
		err -= (s32)(t->mdev_us >> 2);
	}
	t->mdev_us = (u32)((s32)t->mdev_us + err);
	if (t->mdev_us > t->mdev_max_us) {
		t->mdev_max_us = t->mdev_us;
		t->rttvar_us = MAX(t->rttvar_us, t->mdev_max_us);
	}
	if (seq_gt(t->snd.una, t->rtt_seq)) {
		if (t->mdev_max_us < t->rttvar_us)
			t->rttvar_us -= (t->rttvar_us - t->mdev_max_us) >> 2;
		t->rtt_seq = t->snd.nxt;
		t->mdev_max_us = (u32)t->sk.cpu->sysctl.tcp_rto_min_us;
	}
}

void tcp_rto_update(struct tcb *t)
{
	u32 rto = (t->srtt_us >> 3) + t->rttvar_us;

	t->rto_us = CLAMP(rto, (u32)t->sk.cpu->sysctl.tcp_rto_min_us, TCP_RTO_MAX_US);
}

void tcp_rtt_take(struct tcb *t, u32 rtt)
{
	if (!t->srtt_us) {
		first_sample(t, rtt);
	} else {
		s32 err = (s32)(rtt - (t->srtt_us >> 3));

		t->srtt_us = MAX((u32)((s32)t->srtt_us + err), 1u);
		deviation(t, err);
	}
	tcp_rto_update(t);
}
