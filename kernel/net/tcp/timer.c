/* SPDX-License-Identifier: MIT
 * timer.c - the deadlines of a TCB and what happens at each (RFC 6298 5, RFC 9293 3.8, RFC 8985 7).
 *
 * A deadline is a number; the one struct timer stands at the earliest or before it. Moving a deadline later, or clearing
 * it, touches nothing else: the timer finds out when it fires. Timers change state and send through the flush, except
 * probes and retransmissions, which are what a timer is for; they run in softirq, where sending is allowed.
 */
#include "net/tcp/tcp_impl.h"

#define ORPHAN_RETRIES 8 /* tcp_orphan_retries 0: more than 100 s with the least RTO */

/* The moment of granule g, which lies within half of the counter's range of `now`. */
static u64 ns_of(u32 g, u64 now_ns)
{
	u64 now_g = now_ns >> TIMER_GRANULE_SHIFT;

	return (now_g + (u64)(s64)(s32)(g - (u32)now_g)) << TIMER_GRANULE_SHIFT;
}

u64 tcp_timer_at_ns(const struct tcb *t, enum tcp_timer which)
{
	return ns_of(t->deadline[which], tcp_now(t));
}

void tcp_timers_stop(struct tcb *t)
{
	memset(t->deadline, 0, sizeof(t->deadline));
	timer_cancel(&t->sk.cpu->wheel, &t->timer);
}

static u64 after_us(const struct tcb *t, u64 us)
{
	return tcp_now(t) + us * NSEC_PER_USEC;
}

/* ---- the end of patience ---- */

static u32 backed_off_us(u32 rto_us, unsigned n)
{
	u64 v = (u64)rto_us << MIN(n, 20u);

	return (u32)MIN(v, (u64)TCP_RTO_MAX_US);
}

static void timed_out(struct tcb *t)
{
	STAT(t->sk.cpu, TcpExtTCPAbortOnTimeout);
	tcp_done_error(t, t->sk.err_soft ? t->sk.err_soft : ETIMEDOUT);
}

/* How long a series of `retries` timeouts lasts that starts with the least RTO: Linux measures R2 as time, not as a count. */
static u64 retries_us(const struct tcb *t, unsigned retries)
{
	u64 sum = 0;
	unsigned i;

	for (i = 0; i <= retries; i++)
		sum += backed_off_us((u32)t->sk.cpu->sysctl.tcp_rto_min_us, i);
	return sum;
}

static u32 ms_since(const struct tcb *t, u32 stamp)
{
	return tcp_ts_now(t) - stamp;
}

/* R2, as a count. Who closed gives up sooner, and at once when routers said that the peer is away and the timer cannot grow more. */
static unsigned retries_max(const struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	bool alive = backed_off_us(t->rto_us, t->backoff) < TCP_RTO_MAX_US;

	if (!t->orphan)
		return (unsigned)s->tcp_retries2;
	if (t->sk.err_soft && !alive)
		return 0;
	return s->tcp_orphan_retries || !alive ? (unsigned)s->tcp_orphan_retries : ORPHAN_RETRIES;
}

/* R1, R2 and the user timeout (RFC 9293 3.8.3, RFC 5482). true: the connection is over. */
static bool too_many_retransmissions(struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	u64 waited_us;

	if (t->retransmits >= s->tcp_retries1) {
		t->sk.dst.gen = 0; /* R1: ask IP for another way */
		tcp_mtu_black_hole(t);
	}
	if (!t->retrans_stamp_ms)
		return false;
	waited_us = (u64)ms_since(t, t->retrans_stamp_ms) * USEC_PER_MSEC;
	if (t->user_timeout_ms) {
		if (waited_us < (u64)t->user_timeout_ms * USEC_PER_MSEC)
			return false;
	} else if (waited_us < retries_us(t, retries_max(t))) {
		return false;
	}
	timed_out(t);
	return true;
}

/* ---- retransmission ---- */

u64 tcp_rto_at(const struct tcb *t)
{
	struct sk_buff *head = tcp_rtx_head(t);
	u64 from = head ? tcp_cb(head)->tx_ns : tcp_now(t);

	return from + backed_off_us(t->rto_us, t->backoff) * NSEC_PER_USEC;
}

void tcp_rearm_rto(struct tcb *t)
{
	u64 now = tcp_now(t);

	if (tcp_is_fastopen_child(t))
		return; /* it is the SYN-ACK's */
	if (!t->packets_out) {
		tcp_rtx_clear(t);
		return;
	}
	if (tcp_timer_armed(t, TCPT_TLP) || tcp_timer_armed(t, TCPT_REO)) /* those ran in place of the RTO: it is older */
		tcp_rtx_arm(t, TCPT_RTO, MAX(tcp_rto_at(t), now + NSEC_PER_MSEC));
	else
		tcp_rtx_arm(t, TCPT_RTO, after_us(t, backed_off_us(t->rto_us, t->backoff)));
}

static void syn_timeout(struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	unsigned max = (unsigned)(t->synretries_max ? t->synretries_max : s->tcp_syn_retries);

	if (t->syn_retries >= max || (t->user_timeout_ms && t->retrans_stamp_ms &&
				      ms_since(t, t->retrans_stamp_ms) >= t->user_timeout_ms)) {
		timed_out(t);
		return;
	}
	if (!t->retrans_stamp_ms)
		t->retrans_stamp_ms = tcp_ts_now(t) | !tcp_ts_now(t);
	t->syn_retries++;
	if (unlikely(t->fo != NULL) && t->syn_retries == 2)
		tcp_fastopen_black_hole(t);
	t->cwnd = 1; /* RFC 5681 3.1: the initial window after a lost SYN */
	STAT(t->sk.cpu, TcpExtTCPTimeouts);
	STAT(t->sk.cpu, TcpExtTCPSynRetrans);
	STAT(t->sk.cpu, TcpRetransSegs);
	t->total_retrans++;
	t->sk.dst.gen = t->syn_retries >= s->tcp_retries1 ? 0 : t->sk.dst.gen;
	tcp_send_syn(t);
	tcp_rtx_arm(t, TCPT_RTO, after_us(t, backed_off_us(t->rto_us, t->syn_retries)));
}

/* The peer closed its window over data in flight: keep trying, gently, as long as it answers at all. */
static bool window_closed_over_flight(struct tcb *t)
{
	if (t->snd.wnd)
		return false;
	if ((u32)(cpu_ms(t->sk.cpu) - t->last_ack_rcv_ms) > TCP_RTO_MAX_US / USEC_PER_MSEC) {
		timed_out(t);
		return true;
	}
	tcp_enter_loss(t);
	tcp_retransmit(t, tcp_rtx_head(t), 1);
	if (t->backoff < 32)
		t->backoff++;
	tcp_rearm_rto(t);
	return true;
}

/* RFC 6298 5.4 to 5.7. */
static void tcp_rto_timer(struct tcb *t)
{
	if (tcp_is_fastopen_child(t)) {
		tcp_fastopen_synack_timeout(t);
		return;
	}
	if (t->sk.state == TCP_SYN_SENT || (t->sk.state == TCP_SYN_RECEIVED && (!t->packets_out || t->fo))) {
		syn_timeout(t);
		return;
	}
	if (!t->packets_out || window_closed_over_flight(t) || too_many_retransmissions(t))
		return;
	STAT(t->sk.cpu, TcpExtTCPTimeouts);
	tcp_enter_loss(t);
	t->retransmits += t->retransmits < 255;
	if (!tcp_retransmit(t, tcp_rtx_head(t), 1)) { /* memory was out: this was no loss of the network's */
		tcp_rtx_arm(t, TCPT_RTO, after_us(t, MIN(t->rto_us, 500000u)));
		return;
	}
	if (t->backoff < 32)
		t->backoff++;
	tcp_rearm_rto(t);
	tcp_mark(t);
}

static void tcp_tlp_timer(struct tcb *t)
{
	if (!t->packets_out)
		return;
	tcp_send_loss_probe(t); /* the only one: tcp_schedule_tlp() */
	tcp_rearm_rto(t);
}

/* RFC 8985 6.2: nothing came since that could have told the lost from the reordered. */
static void tcp_reo_timer(struct tcb *t)
{
	u32 in_flight = tcp_in_flight(t);

	tcp_rack_mark_lost(t);
	if (tcp_in_flight(t) != in_flight) {
		if (t->ca_state != TCP_CA_RECOVERY) {
			tcp_enter_recovery(t, false);
			if (t->ca_state == TCP_CA_RECOVERY && !t->ca->cong_control)
				tcp_cwnd_reduction(t, 1, in_flight - tcp_in_flight(t), 0); /* for the fast retransmit */
		}
		tcp_mark(t);
	}
	if (!tcp_timer_armed(t, TCPT_REO))
		tcp_rearm_rto(t);
}

/* ---- probes ---- */

void tcp_persist_start(struct tcb *t)
{
	u64 us = MAX(t->rto_us, (u32)t->sk.cpu->sysctl.tcp_rto_min_us);

	tcp_rtx_arm(t, TCPT_PERSIST, after_us(t, backed_off_us((u32)us, t->backoff)));
}

/* RFC 9293 3.8.6.1: for ever while the peer answers; R2 counts only what it does not answer. */
static void tcp_persist_timer(struct tcb *t)
{
	unsigned max = retries_max(t);

	if (t->packets_out || !tcp_send_head(t)) {
		t->probes = 0;
		return;
	}
	if (t->probes >= max || (t->user_timeout_ms && t->probes &&
				 ms_since(t, t->retrans_stamp_ms) >= t->user_timeout_ms)) {
		timed_out(t);
		return;
	}
	if (!t->probes)
		t->retrans_stamp_ms = tcp_ts_now(t) | !tcp_ts_now(t);
	t->probes++;
	if (t->backoff < 32)
		t->backoff++;
	STAT(t->sk.cpu, TcpExtTCPWinProbe);
	tcp_xmit_probe(t);
	if (!t->packets_out)
		tcp_persist_start(t);
}

static u64 keep_idle_ns(const struct tcb *t)
{
	u64 s = t->keepidle_s ? t->keepidle_s : (u64)t->sk.cpu->sysctl.tcp_keepalive_time;

	return s * NSEC_PER_SEC;
}

static u64 keep_intvl_ns(const struct tcb *t)
{
	u64 s = t->keepintvl_s ? t->keepintvl_s : (u64)t->sk.cpu->sysctl.tcp_keepalive_intvl;

	return s * NSEC_PER_SEC;
}

void tcp_keepalive_start(struct tcb *t)
{
	if (t->sk.keepopen)
		tcp_timer_set(t, TCPT_KEEPALIVE, tcp_now(t) + keep_idle_ns(t));
	else
		tcp_timer_clear(t, TCPT_KEEPALIVE);
}

/* RFC 9293 3.8.4: only when asked for, only when nothing moves, and one lost answer is not the end. */
static void tcp_keepalive_timer(struct tcb *t)
{
	u32 max = t->keepcnt ? t->keepcnt : (u32)t->sk.cpu->sysctl.tcp_keepalive_probes;
	u64 idle = (u64)(cpu_ms(t->sk.cpu) - t->last_ack_rcv_ms) * NSEC_PER_MSEC;

	if (!t->sk.keepopen || t->sk.state == TCP_SYN_SENT)
		return;
	if (t->packets_out || tcp_send_head(t)) {
		t->probes = 0;
		tcp_timer_set(t, TCPT_KEEPALIVE, tcp_now(t) + keep_idle_ns(t));
		return;
	}
	if (idle < keep_idle_ns(t)) {
		t->probes = 0;
		tcp_timer_set(t, TCPT_KEEPALIVE, tcp_now(t) + keep_idle_ns(t) - idle);
		return;
	}
	if (t->user_timeout_ms ? (t->probes && idle >= t->user_timeout_ms * NSEC_PER_MSEC) : t->probes >= max) {
		STAT(t->sk.cpu, TcpExtTCPAbortOnTimeout);
		tcp_send_active_reset(t);
		tcp_done_error(t, ETIMEDOUT);
		return;
	}
	t->probes++;
	STAT(t->sk.cpu, TcpExtTCPKeepAlive);
	tcp_xmit_probe(t);
	tcp_timer_set(t, TCPT_KEEPALIVE, tcp_now(t) + keep_intvl_ns(t));
}

/* ---- acknowledgments ---- */

/* The sender may have no more for now, and wait for the ACK: whoever reads all of it acknowledges (as Linux does). */
static bool ends_with_push(const struct tcb *t)
{
	struct sk_buff *last = skb_peek_tail(&t->rcvq);

	return (u32)seq_diff(t->rcv.nxt, t->rcv.wup) < t->rcv.mss || (last && tcp_cb(last)->flags & TCP_PSH);
}

void tcp_delack_start(struct tcb *t)
{
	u32 ato = t->ack.ato_us, max = TCP_DELACK_MAX_US;
	u8 delayed = !t->ack.pingpong && ends_with_push(t) ? 2 : 1;
	bool stands = t->ack.delayed && tcp_timer_armed(t, TCPT_DELACK);
	u64 at;

	if (!ato) { /* no data came yet, so none is likely to go back: a FIN alone */
		tcp_ack_now(t);
		return;
	}
	if (ato > TCP_ATO_MIN_US && !t->ack.pingpong)
		max = MIN(max, MAX(t->srtt_us >> 3, TCP_ATO_MIN_US));
	ato = MIN(MAX(ato, (u32)t->sk.cpu->sysctl.tcp_delack_min), max);
	at = after_us(t, ato);
	t->ack.delayed = delayed;
	if (stands && tcp_timer_at_ns(t, TCPT_DELACK) <= at)
		return;
	tcp_timer_set(t, TCPT_DELACK, at);
}

static void tcp_delack_timer(struct tcb *t)
{
	if (!t->ack.delayed)
		return;
	if (t->ack.pingpong) { /* no answer came to carry it: not so interactive after all */
		t->ack.pingpong = 0;
		t->ack.ato_us = TCP_ATO_MIN_US;
	} else {
		t->ack.ato_us = MIN(t->ack.ato_us * 2, t->rto_us);
	}
	STAT(t->sk.cpu, TcpExtDelayedACKs);
	t->ack.delayed = false;
	tcp_ack_now(t);
}

/* ---- the rest ---- */

static void tcp_linger_timer(struct tcb *t)
{
	if (t->sk.state == TCP_FIN_WAIT_2 && t->linger2_s >= 0) {
		tcp_done(t);
		return;
	}
	STAT(t->sk.cpu, TcpExtTCPAbortOnLinger);
	tcp_send_active_reset(t);
	tcp_done(t);
}

static void tcp_retry_timer(struct tcb *t)
{
	if (t->nospace && tcp_sndbuf_space(t)) {
		t->nospace = false;
		tcp_event(t, EPOLLOUT);
	}
	tcp_mark(t);
}

static void tcp_pace_timer(struct tcb *t)
{
	tcp_mark(t);
}

static void (*const tcp_timers[NR_TCP_TIMERS])(struct tcb *t) = {
#define X(name, text, fn) [TCPT_##name] = fn,
	TCP_TIMERS(X)
#undef X
};

const char *tcp_timer_name(enum tcp_timer which)
{
	static const char *const names[NR_TCP_TIMERS] = {
#define X(name, text, fn) [TCPT_##name] = text,
		TCP_TIMERS(X)
#undef X
	};

	return names[which];
}

void tcp_timer_fire(struct timer *timer, u64 now_ns)
{
	struct tcb *t = container_of(timer, struct tcb, timer);
	u64 next = TIME_NEVER;
	int i;

	tcp_settle(t);
	for (i = 0; i < NR_TCP_TIMERS; i++) {
		if (!t->deadline[i] || ns_of(t->deadline[i], now_ns) > now_ns)
			continue;
		t->deadline[i] = 0;
		tcp_timers[i](t);
		if (t->sk.state == TCP_CLOSE)
			return;
	}
	for (i = 0; i < NR_TCP_TIMERS; i++)
		if (t->deadline[i])
			next = MIN(next, ns_of(t->deadline[i], now_ns));
	if (next != TIME_NEVER && (!t->timer.armed || next < t->timer.expires_ns))
		timer_arm(&t->sk.cpu->wheel, &t->timer, next);
}
