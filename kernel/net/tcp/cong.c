/* SPDX-License-Identifier: MIT
 * cong.c - what all congestion controls share: their table, window arithmetic, proportional rate reduction (RFC 6937),
 * window validation (RFC 5681 4.1, RFC 7661's idea in Linux's form). Windows are counted in segments of t->mss.
 */
#include "lib/vector.h"
#include "net/tcp/tcp_impl.h"

#define ALGORITHMS(X) X(cubic) X(reno) X(bbr) X(vegas) X(westwood) X(bic)
#define X(name) &tcp_##name,
const struct tcp_congestion_ops *const tcp_cong_table[] = { ALGORITHMS(X) NULL };
#undef X
#define X(name) #name,
const char *const tcp_cong_names[] = { ALGORITHMS(X) NULL };
#undef X

const struct tcp_congestion_ops *tcp_cong_find(const char *name)
{
	const struct tcp_congestion_ops *const *ca;

	for (ca = tcp_cong_table; *ca; ca++)
		if (!strcmp((*ca)->name, name))
			return *ca;
	return NULL;
}

/* With t->tx, where there is one, as new. */
static void cong_start(struct tcb *t)
{
	_Static_assert(TCP_CA_PRIV % 8 == 0, "an array of words");
	BUG_ON(t->ca->priv_size > TCP_CA_PRIV);
	t->pacing_rate = 0;
	if (t->tx && t->ca->init)
		t->ca->init(t);
	tcp_pacing_update(t);
}

void tcp_cong_init(struct tcb *t)
{
	if (t->tx)
		memset(t->tx->ca_priv, 0, sizeof(t->tx->ca_priv));
	cong_start(t);
}

bool tcp_tx_start(struct tcb *t)
{
	struct tcp_cpu *tc = t->sk.cpu->tcp;

	_Static_assert(offsetof(struct tcp_tx, bytes_retrans) % 32 == 0 &&
		       sizeof(struct tcp_tx) == offsetof(struct tcp_tx, bytes_retrans) + sizeof(u64), "whole vectors, and a word");
	t->tx = kmem_cache_alloc(tc->txs);
	if (!t->tx)
		return false;
	if (likely(tc->vectors))
		vector_zero(t->tx, offsetof(struct tcp_tx, bytes_retrans));
	else
		memset(t->tx, 0, offsetof(struct tcp_tx, bytes_retrans));
	t->tx->bytes_retrans = 0;
	cong_start(t);
	if (unlikely(t->sk.cpu->sysctl.tcp_mtu_probing > 1) && t->sk.state != TCP_SYN_SENT)
		tcp_mtu_start(t);
	return true;
}

/* ---- growth ---- */

/* Returns the part of `acked` that slow start did not need: it is congestion avoidance's. */
u32 tcp_slow_start(struct tcb *t, u32 acked)
{
	u32 cwnd = MIN(t->cwnd + acked, t->ssthresh);

	acked -= cwnd - t->cwnd;
	t->cwnd = cwnd;
	return acked;
}

/* One segment more for every w acknowledged. */
void tcp_cong_avoid_ai(struct tcb *t, u32 w, u32 acked)
{
	if (t->cwnd_cnt >= w) {
		t->cwnd_cnt = 0;
		t->cwnd++;
	}
	t->cwnd_cnt += acked;
	if (t->cwnd_cnt >= w) {
		u32 delta = t->cwnd_cnt / w;

		t->cwnd_cnt -= delta * w;
		t->cwnd += delta;
	}
}

/* ---- reduction ---- */

void tcp_init_cwnd_reduction(struct tcb *t)
{
	t->high_seq = t->snd.nxt;
	t->tlp_out = false;
	t->ecn_cwr = t->ecn_ok;
	t->cwnd_cnt = 0;
	t->tx->prior_cwnd = t->cwnd;
	t->tx->prr_delivered = t->tx->prr_out = 0;
	t->ssthresh = t->ca->ssthresh(t);
}

/* RFC 6937 3, with the slow-start part bounded by what was delivered while losses go on (as Linux does). */
void tcp_cwnd_reduction(struct tcb *t, u32 newly_acked, u32 newly_lost, u32 flag)
{
	u32 in_flight = tcp_in_flight(t);
	s32 delta = (s32)t->ssthresh - (s32)in_flight, sndcnt;

	if (!newly_acked || !t->tx->prior_cwnd)
		return;
	t->tx->prr_delivered += newly_acked;
	if (delta < 0) {
		u64 part = (u64)t->ssthresh * t->tx->prr_delivered + t->tx->prior_cwnd - 1;

		sndcnt = (s32)(part / t->tx->prior_cwnd) - (s32)t->tx->prr_out;
	} else {
		sndcnt = MAX((s32)(t->tx->prr_delivered - t->tx->prr_out), (s32)newly_acked);
		if (flag & FLAG_UNA_ADVANCED && !newly_lost)
			sndcnt++;
		sndcnt = MIN(delta, sndcnt);
	}
	sndcnt = MAX(sndcnt, t->tx->prr_out ? 0 : 1); /* the fast retransmit itself */
	t->cwnd = in_flight + (u32)sndcnt;
}

void tcp_end_cwnd_reduction(struct tcb *t)
{
	if (t->ssthresh < TCP_INFINITE_SSTHRESH && (t->ca_state == TCP_CA_CWR || t->undo_on))
		t->cwnd = t->ssthresh;
	if (t->ca->cwnd_event)
		t->ca->cwnd_event(t, CA_EVENT_COMPLETE_CWR);
}

/* ---- validation ---- */

/* RFC 5681 4.1: after an idle time the path is not known any more; halved for every RTO, down to the initial window. */
void tcp_cwnd_restart(struct tcb *t)
{
	u64 idle = tcp_now(t) - t->last_send_ns, rto = t->rto_us * NSEC_PER_USEC;
	u32 restart = MIN(TCP_INIT_CWND, t->cwnd), cwnd = t->cwnd;

	if (!t->sk.cpu->sysctl.tcp_slow_start_after_idle || t->ca->cong_control || t->ca_state != TCP_CA_OPEN)
		return;
	if (t->ca->cwnd_event)
		t->ca->cwnd_event(t, CA_EVENT_CWND_RESTART);
	t->ssthresh = MAX(t->ssthresh, cwnd - cwnd / 4);
	for (; idle > rto && cwnd > restart; idle -= rto)
		cwnd /= 2;
	t->cwnd = MAX(cwnd, restart);
	t->cwnd_limited = false;
	t->max_packets_out = 0;
	t->cwnd_usage_seq = t->snd.nxt;
}

/* After each ACK: shrink by the plan of the reduction, or grow by the algorithm. */
void tcp_cong_control(struct tcb *t, struct ack_state *s)
{
	u32 delivered = t->delivered - s->prior_delivered;
	bool may_raise = s->flag & (FLAG_DATA_ACKED | FLAG_DATA_SACKED);

	if (unlikely(t->ca->cong_control != NULL)) {
		t->ca->cong_control(t, &s->rs);
		return;
	}
	if (tcp_in_cwnd_reduction(t)) {
		tcp_cwnd_reduction(t, delivered, t->lost - s->prior_lost, s->flag);
		return;
	}
	if (t->reordering <= t->sk.cpu->sysctl.tcp_reordering)
		may_raise = s->flag & FLAG_DATA_ACKED; /* no reordering known: holes mean loss */
	if (may_raise && delivered && tcp_is_cwnd_limited(t))
		t->ca->cong_avoid(t, delivered);
}
