/* SPDX-License-Identifier: MIT
 * input.c - a segment arrives that is not the usual one (predict.c): whose is it, is it what header prediction expects, and if
 * not, RFC 9293 3.10.7 step by step.
 *
 * Runs in net_rx. Marks the TCB for the flush and never sends, except answers that no TCB stands behind (a RST for a closed
 * port, SYN-ACKs, TIME_WAIT). RFC 5961 for blind attacks, RFC 7323 for timestamps, RFC 6093 for urgent data (in line).
 */
#include "net/tcp/tcp_impl.h"
#include "net/core/steer.h"
#include "net/wire/checksum.h"

#define PAWS_OUTDATED_S (24 * 86400u) /* RFC 7323 5.5: ts_recent of an idle connection is not believed for ever */

/* ---- small answers ---- */

void tcp_challenge_ack(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;
	u32 s = cpu_s(cpu);

	if (t->challenge_s != s) {
		t->challenge_s = s;
		t->rcv.challenge_acks = 0;
	}
	if (t->rcv.challenge_acks >= MIN(cpu->sysctl.tcp_challenge_ack_limit, 255)) {
		STAT(cpu, TcpExtTCPACKSkippedChallenge);
		return;
	}
	t->rcv.challenge_acks++;
	STAT(cpu, TcpExtTCPChallengeACK);
	tcp_ack_now(t);
}

/* An ACK in answer to nonsense: not more often than tcp_invalid_ratelimit, or two confused peers would never stop. */
static void ack_nonsense(struct tcb *t, const struct tcp_seg *seg, enum net_stat skipped)
{
	struct net_cpu *cpu = t->sk.cpu;
	u32 now = cpu_ms(cpu);

	if (!seg->len && t->oow_ack_ms && now - t->oow_ack_ms < cpu->sysctl.tcp_invalid_ratelimit) {
		cpu->stats[skipped]++;
		return;
	}
	t->oow_ack_ms = now | 1;
	tcp_ack_now(t);
}

static void reset_by_peer(struct tcb *t)
{
	u8 state = t->sk.state;

	if (unlikely(t->fo != NULL))
		tcp_fastopen_end(t, true);
	if (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT)
		STAT(t->sk.cpu, TcpEstabResets);
	tcp_done_error(t, state == TCP_SYN_SENT ? ECONNREFUSED : state == TCP_CLOSE_WAIT ? EPIPE : ECONNRESET);
}

/* We cannot keep the promise of reliable delivery: nobody will read this (RFC 1122 4.2.2.13). */
static enum drop_reason abort_on_data(struct tcb *t, struct tcp_in *in)
{
	STAT(t->sk.cpu, TcpExtTCPAbortOnData);
	tcp_send_reset(t->sk.cpu, in->skb, &in->seg);
	tcp_done(t);
	return DROP(TCP_ABORT_ON_DATA);
}

/* ---- header prediction ---- */

/* The expected header: same window, no flag but ACK (PSH is not looked at), options as always. */
void tcp_pred_update(struct tcb *t)
{
	if (t->sk.state == TCP_ESTABLISHED && !t->ofo_segs && t->rcv.wnd && !t->urg_valid)
		t->pred = (u32)t->tcp_hdr_len << 26 | TCP_ACK << 16 | t->snd.wnd >> t->snd.wscale;
	else
		t->pred = 0;
}

/* As predicted but for the window, in an ACK of something new, whose window therefore counts (RFC 9293 3.10.7.4). */
static bool only_window_moved(const struct tcb *t, const struct tcp_seg *seg, u32 word)
{
	return t->pred && !((word ^ t->pred) >> 16) && seg->wnd && seq_gt(seg->ack, t->snd.una);
}

static bool is_predicted(const struct tcb *t, const struct tcp_seg *seg)
{
	u32 word = (u32)seg->hdr_len << 26 | (u32)(seg->flags & ~TCP_PSH) << 16 | seg->wnd;

	return (word == t->pred || only_window_moved(t, seg, word)) && seq_eq(seg->seq, t->rcv.nxt) && seq_le(seg->ack, t->snd.nxt) &&
	       seq_ge(seg->ack, t->snd.una) && seg->len <= tcp_receive_window(t);
}

static void ts_recent_store(struct tcb *t, u32 tsval)
{
	t->ts_recent = tsval;
	t->ts_recent_s = cpu_s(t->sk.cpu);
}

/* false: the timestamp wants the slow path. */
static bool fast_timestamp(struct tcb *t, struct tcp_in *in)
{
	u32 tsval, tsecr;

	if (!t->ts_ok)
		return true;
	if (!tcp_fast_timestamp(in->skb->data, in->seg.hdr_len, &tsval, &tsecr) || (s32)(tsval - t->ts_recent) < 0)
		return false;
	t->ts_echo = tsecr;
	if (seq_eq(t->rcv.wup, t->rcv.nxt)) /* RFC 7323 4.3: Last.ACK.sent */
		ts_recent_store(t, tsval);
	return true;
}

static enum drop_reason rcv_predicted(struct tcb *t, struct tcp_in *in)
{
	u32 wnd = in->seg.wnd << t->snd.wscale;

	if (unlikely(wnd != t->snd.wnd))
		tcp_take_window(t, wnd);
	if (!in->seg.len) {
		STAT(t->sk.cpu, TcpExtTCPHPAcks);
		return tcp_ack_rcv(t, in, FLAG_FAST);
	}
	return tcp_text_predicted(t, in);
}

/* ---- RFC 9293 3.10.7.4: the steps ---- */

/* Before the first: RFC 7323 5.3. A segment whose timestamp is older than one already taken is a ghost. */
static enum drop_reason check_timestamp(struct tcb *t, struct tcp_in *in)
{
	struct tcp_options *o = &in->opt;

	if (!t->ts_ok || in->seg.flags & TCP_RST)
		return RX_OK;
	if (!o->has_ts)
		return in->seg.flags & TCP_SYN ? RX_OK : DROP(TCP_RFC7323_PAWS); /* 3.2: silently, and no reason to abort */
	if ((s32)(o->tsval - t->ts_recent) < 0 && cpu_s(t->sk.cpu) - t->ts_recent_s < PAWS_OUTDATED_S) {
		STAT(t->sk.cpu, TcpExtPAWSEstab);
		ack_nonsense(t, &in->seg, STAT_TcpExtTCPACKSkippedPAWS);
		return DROP(TCP_RFC7323_PAWS);
	}
	return RX_OK;
}

/* Only of one whose ACK can be true: who guesses the window alone could else set ts_recent ahead, and PAWS drop the peer. */
static void update_timestamp(struct tcb *t, struct tcp_in *in)
{
	const struct tcp_seg *seg = &in->seg;

	if (!t->ts_ok || !in->opt.has_ts || !(seg->flags & TCP_ACK))
		return;
	t->ts_echo = in->opt.tsecr;
	if (seq_le(seg->seq, t->rcv.wup) && seq_le(seg->ack, t->snd.nxt) && seq_ge(seg->ack, seq_add(t->snd.una, -t->snd.max_wnd)))
		ts_recent_store(t, in->opt.tsval);
}

static enum drop_reason unacceptable(struct tcb *t, struct tcp_in *in)
{
	struct tcp_seg *seg = &in->seg;

	if (seg->flags & TCP_RST)
		return DROP(TCP_INVALID_SEQUENCE);
	if (seg->flags & TCP_SYN) {
		STAT(t->sk.cpu, TcpExtTCPSYNChallenge);
		tcp_challenge_ack(t);
		return DROP(TCP_INVALID_SEQUENCE);
	}
	if (seg->len && seq_lt(seg->seq, t->rcv.nxt)) {
		if (t->ack.delayed)
			STAT(t->sk.cpu, TcpExtDelayedACKLost);
		tcp_dsack_set(t, seg->seq, seq_min(seg->end, t->rcv.nxt));
		tcp_enter_quickack(t, TCP_QUICKACKS);
	}
	ack_nonsense(t, seg, STAT_TcpExtTCPACKSkippedSeq);
	return DROP(TCP_INVALID_SEQUENCE);
}

/* First: does it touch the window? Left of rcv.nxt as far as we have not acknowledged yet, as Linux does, because its ACK is
 * news although its text is not. What lies right of the window is cut off, FIN included. */
static enum drop_reason check_sequence(struct tcb *t, struct tcp_in *in)
{
	seq_t right = seq_add(t->rcv.nxt, tcp_receive_window(t));
	struct tcp_seg *seg = &in->seg;
	u32 excess;

	if (seq_lt(seg->end, t->rcv.wup) || seq_gt(seg->seq, right))
		return unacceptable(t, in);
	if (unlikely(seq_eq(seg->seq, right) && !seq_eq(seg->seq, seg->end) && !seq_eq(right, t->rcv.nxt)))
		return unacceptable(t, in); /* begins behind the window; where that is closed, a probe does too, and has its ACK */
	if (seq_gt(seg->end, right)) {
		excess = (u32)seq_diff(seg->end, right);
		if (seg->flags & TCP_FIN) {
			seg->flags &= (u8)~TCP_FIN;
			excess--;
		}
		excess = MIN(excess, seg->len);
		skb_trim(t->sk.cpu, in->skb, in->skb->len - excess);
		seg->len -= excess;
		seg->end = right;
		tcp_ack_now(t); /* the window's edge again */
	}
	return RX_OK;
}

/* Second: RFC 5961 3.2. */
static enum drop_reason check_rst(struct tcb *t, struct tcp_in *in)
{
	if (likely(!(in->seg.flags & TCP_RST)))
		return RX_OK;
	if (!seq_eq(in->seg.seq, t->rcv.nxt)) {
		tcp_challenge_ack(t);
		return DROP(TCP_INVALID_RST);
	}
	reset_by_peer(t);
	return DROP(TCP_RESET);
}

/* Fourth: RFC 5961 4.2; in a simultaneous open the peer's SYN-ACK repeats the SYN we have. */
static enum drop_reason check_syn(struct tcb *t, struct tcp_in *in)
{
	struct tcp_seg *seg = &in->seg;

	if (likely(!(seg->flags & TCP_SYN)))
		return RX_OK;
	if (t->sk.state == TCP_SYN_RECEIVED && seg->flags & TCP_ACK && seq_eq(seg->seq, t->rcv.irs) &&
	    seq_eq(seg->ack, t->snd.nxt)) {
		seg->flags &= (u8)~TCP_SYN;
		tcp_dsack_set(t, seg->seq, t->rcv.nxt); /* its ACK ends the opening where our SYN-ACK was lost */
		tcp_ack_now(t);
		seg->seq = seq_add(seg->seq, 1);
		return RX_OK;
	}
	STAT(t->sk.cpu, TcpExtTCPSYNChallenge);
	tcp_challenge_ack(t);
	return DROP(TCP_INVALID_SYN);
}

/* What the ACK of our FIN does in the states that wait for it. */
static enum drop_reason ack_of_our_fin(struct tcb *t)
{
	if (!t->fin_queued || !seq_eq(t->snd.una, t->snd.write))
		return RX_OK;
	switch (t->sk.state) {
	case TCP_FIN_WAIT_1:
		tcp_set_state(t, TCP_FIN_WAIT_2);
		t->sk.shutdown |= 2;
		if (unlikely(t->linger_set))
			tcp_event(t, EPOLLOUT);
		tcp_fin_wait_2(t);
		return RX_OK;
	case TCP_CLOSING:
		tcp_time_wait(t, false);
		return RX_OK;
	case TCP_LAST_ACK:
		tcp_done(t);
		return RX_OK;
	}
	return RX_OK;
}

/* Fifth. */
static enum drop_reason check_ack(struct tcb *t, struct tcp_in *in)
{
	struct tcp_seg *seg = &in->seg;
	enum drop_reason r;

	if (!(seg->flags & TCP_ACK))
		return DROP(TCP_FLAGS);
	if (unlikely(t->sk.state == TCP_SYN_RECEIVED || tcp_is_fastopen_child(t))) {
		if (seq_le(seg->ack, t->snd.iss) || seq_gt(seg->ack, t->snd.nxt)) {
			tcp_send_reset(t->sk.cpu, in->skb, seg);
			return DROP(TCP_FLAGS);
		}
		t->snd.wl1 = seg->seq;
		t->snd.wnd = seg->wnd << t->snd.wscale;
		t->snd.una = seq_add(t->snd.iss, 1);
		if (tcp_is_fastopen_child(t)) {
			tcp_fastopen_confirmed(t);
		} else {
			tcp_established(t);
			tcp_rearm_rto(t); /* the SYN may have taken data along */
		}
	}
	r = tcp_ack_rcv(t, in, 0);
	return r ?: ack_of_our_fin(t);
}

/* Eighth: the peer will send no more. rcv.nxt is behind its FIN. */
static enum drop_reason take_fin(struct tcb *t)
{
	t->sk.shutdown |= 1;
	tcp_ofo_purge(t, DROP(TCP_OLD_DATA)); /* whatever lies beyond a FIN is nonsense */
	tcp_event(t, EPOLLIN | EPOLLRDHUP | (t->sk.shutdown == 3 ? EPOLLHUP : 0));
	switch (t->sk.state) {
	case TCP_SYN_RECEIVED:
	case TCP_ESTABLISHED:
		tcp_set_state(t, TCP_CLOSE_WAIT);
		t->ack.pingpong = 1; /* our FIN will soon carry it */
		if (unlikely(t->sk.cpu->tcp->full != NULL) && tcp_hung_up(t))
			return SKB_CONSUMED;
		break;
	case TCP_FIN_WAIT_1:
		tcp_set_state(t, TCP_CLOSING);
		tcp_ack_now(t);
		break;
	case TCP_FIN_WAIT_2:
		tcp_time_wait(t, true);
		return SKB_CONSUMED;
	}
	return RX_OK;
}

/* Sixth: RFC 6093, the pointer is only a hint for the application; the bytes stay in line. An empty segment, as a probe of a
 * closed window is after the first step, tells it too (MUST-66). */
static void check_urg(struct tcb *t, const struct tcp_seg *seg)
{
	seq_t up = seq_add(seg->seq, seg->urg);

	if (t->sk.shutdown & 1 || !seg->urg || seq_le(up, t->rcv.copied) || (t->urg_valid && seq_le(up, t->rcv.urg)))
		return;
	t->urg_valid = true;
	t->rcv.urg = up;
	t->pred = 0;
	tcp_event(t, EPOLLPRI);
}

/* Sixth, seventh, eighth. The verdict says who owns the skb now. */
static enum drop_reason take_text_and_fin(struct tcb *t, struct tcp_in *in)
{
	struct tcp_seg *seg = &in->seg;
	enum drop_reason r, closed;
	bool fin = false;

	if (unlikely(seg->flags & TCP_URG))
		check_urg(t, seg);
	if (!seg->len && !(seg->flags & TCP_FIN))
		return RX_OK;
	switch (t->sk.state) {
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
		if (t->sk.shutdown & 1 && seg->len && seq_gt(seq_add(seg->seq, seg->len), t->rcv.nxt))
			return abort_on_data(t, in);
		break;
	case TCP_CLOSE: /* this segment's ACK was the last thing waited for */
		return DROP(TCP_CLOSE);
	case TCP_CLOSE_WAIT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		tcp_ack_now(t); /* beyond the peer's FIN, or that FIN again */
		return DROP(TCP_OLD_DATA);
	}
	if (tcp_memory_out(t->sk.cpu) && seg->len)
		return DROP(NOMEM);
	t->data_segs_in += seg->len != 0;
	r = tcp_data_rcv(t, in, &fin);
	if (fin) {
		closed = take_fin(t);
		if (closed) /* into TIME_WAIT, which answered already, or given up */
			return r;
	}
	tcp_ack_policy(t);
	if (!t->pred)
		tcp_pred_update(t);
	return r;
}

/* ---- the last segments of a connection that its application has closed ---- */

/* Nothing but the acknowledgment of all that was ever sent, our FIN included, and perhaps the peer's FIN. */
static bool is_farewell(const struct tcb *t, const struct tcp_seg *seg)
{
	if (!t->orphan || seg->len || (seg->flags | TCP_FIN) != (TCP_FIN | TCP_ACK) || !t->fin_queued)
		return false;
	if (!seq_eq(seg->seq, t->rcv.nxt) || !seq_eq(seg->ack, t->snd.write) || !seq_eq(seg->ack, t->snd.nxt))
		return false;
	return !t->ofo_segs && tcp_receive_window(t) && tcp_is_untroubled(t);
}

/* What the steps below would come to. No round trip is measured and no window grows, for nothing will be sent any more. */
static enum drop_reason rcv_farewell(struct tcb *t, const struct tcp_seg *seg)
{
	struct net_cpu *cpu = t->sk.cpu;

	STAT(cpu, TcpExtTCPPureAcks);
	if (!seq_eq(seg->ack, t->snd.una)) {
		STAT_ADD(cpu, TcpExtTCPDelivered, t->packets_out);
		t->sk.af->confirm(cpu, &t->sk.dst);
		t->snd.una = seg->ack;
		tcp_sendq_purge(t);
	}
	if (t->sk.state == TCP_LAST_ACK) {
		tcp_done(t);
	} else if (seg->flags & TCP_FIN) {
		t->rcv.nxt = seg->end;
		tcp_time_wait(t, true);
	} else if (t->sk.state == TCP_FIN_WAIT_1) {
		tcp_rtx_clear(t);
		tcp_set_state(t, TCP_FIN_WAIT_2);
		tcp_fin_wait_2(t);
	}
	return RX_OK;
}

#define FAREWELL_STATES (1u << TCP_FIN_WAIT_1 | 1u << TCP_FIN_WAIT_2 | 1u << TCP_LAST_ACK)

/* RFC 9293 3.10.7.4, OTHER STATES: the steps, in the RFC's order. Third (security) is not implemented anywhere. */
static enum drop_reason tcp_rcv_synchronized(struct tcb *t, struct tcp_in *in)
{
	enum drop_reason r;

	tcp_parse_options(in->skb->data, &in->seg, &in->opt);
	if (unlikely(!t->sack_ok))
		in->opt.nr_sacks = 0;
	if (unlikely(tcp_is_fastopen_child(t)) && tcp_fastopen_syn_again(t, &in->seg))
		return RX_OK;
	r = check_timestamp(t, in)      /* RFC 7323 5.3 */
		?: check_sequence(t, in)  /* first: in the window? trims what is not */
		?: check_rst(t, in)       /* second: RFC 5961 3.2 decides which RST is real */
		?: check_syn(t, in);      /* fourth: challenge ACK, RFC 5961 4.2 */
	if (r)
		return r;
	update_timestamp(t, in);
	return check_ack(t, in)             /* fifth: snd.una, window, congestion control */
		?: take_text_and_fin(t, in); /* sixth to eighth */
}

/* ---- opening ---- */

void tcp_ready(struct tcb *t)
{
	tcp_sync_mss(t);
	tcp_rcv_window_init(t);
	tcp_cong_init(t);
	tcp_sndbuf_expand(t);
}

void tcp_established(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;

	tcp_set_state(t, TCP_ESTABLISHED);
	t->snd.max_wnd = MAX(t->snd.max_wnd, t->snd.wnd);
	t->snd.small = t->snd.una;
	t->last_ack_rcv_ms = cpu_ms(cpu);
	t->last_rcv_ns = t->last_send_ns = cpu->now_ns;
	t->delivered++; /* the SYN */
	t->retrans_stamp_ms = 0;
	t->high_seq = t->snd.nxt;
	tcp_rtx_clear(t);
	tcp_ready(t);
	if (!t->srtt_us && t->syn_retries)
		t->rto_us = TCP_RTO_SYN_US; /* RFC 6298 5.7 */
	tcp_keepalive_start(t);
	tcp_pred_update(t);
	if (!t->passive) /* nobody waits on a child that is not accepted yet */
		tcp_event(t, EPOLLOUT);
}

/* The text of a SYN, whose number is behind the SYN's. */
enum drop_reason tcp_fastopen_text(struct tcb *t, struct tcp_in *in)
{
	u32 ssthresh = t->rcv.ssthresh;
	enum drop_reason r;

	in->seg.flags &= (u8)~TCP_SYN;
	in->seg.seq = seq_add(in->seg.seq, 1);
	t->syn_data = true;
	r = take_text_and_fin(t, in);
	t->rcv.ssthresh = ssthresh; /* it says nothing of how the peer will send, ... */
	t->ack.ato_us = 0;          /* ... nor how soon we answer */
	return r;
}

/* What the peer's SYN says of its abilities, where we offered the same. */
void tcp_take_syn_options(struct tcb *t, const struct tcp_in *in)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	const struct tcp_options *o = &in->opt;

	t->ts_ok = o->has_ts && s->tcp_timestamps;
	t->sack_ok = o->sack_perm && s->tcp_sack;
	t->ws_ok = o->has_wscale && s->tcp_window_scaling;
	t->snd.wscale = t->ws_ok ? o->wscale : 0;
	if (!t->ws_ok)
		t->rcv.wscale = 0;
	t->mss_clamp = o->mss ? o->mss : tcp_mss_default(&t->sk.daddr);
	if (t->user_mss)
		t->mss_clamp = MIN(t->mss_clamp, t->user_mss);
	t->tcp_hdr_len = TCP_HDR_LEN + (t->ts_ok ? TCPOLEN_TSTAMP_ALIGNED : 0);
	if (t->ts_ok)
		ts_recent_store(t, o->tsval);
	t->rcv.irs = in->seg.seq;
	t->rcv.nxt = t->rcv.wup = t->rcv.copied = seq_add(in->seg.seq, 1);
	t->snd.wl1 = in->seg.seq;
	t->snd.wnd = in->seg.wnd; /* never scaled in a SYN */
	t->snd.max_wnd = in->seg.wnd;
}

/* Our SYN was acknowledged, and the peer's came. */
static enum drop_reason syn_ack_rcv(struct tcb *t, struct tcp_in *in)
{
	bool fin = in->seg.flags & TCP_FIN;

	tcp_take_syn_options(t, in);
	t->ecn_ok = t->ecn_asked && (in->seg.flags & (TCP_ECE | TCP_CWR)) == TCP_ECE;
	t->snd.una = in->seg.ack;
	if (!t->syn_retries)
		tcp_rtt_sample(t, (s64)((tcp_now(t) - t->last_send_ns) / NSEC_PER_USEC));
	else if (t->ts_ok && in->opt.tsecr)
		tcp_rtt_sample(t, (s64)(tcp_ts_now(t) - in->opt.tsecr) * USEC_PER_MSEC);
	tcp_established(t);
	if (unlikely(t->fo != NULL))
		tcp_fastopen_synack(t, in);
	if (t->nospace) { /* a writer waits, whose text will carry the next ACKs: a conversation begins */
		t->nospace = false;
		tcp_enter_quickack(t, TCP_QUICKACKS);
	}
	tcp_ack_now(t);
	if (!in->seg.len && !fin)
		return RX_OK;
	in->seg.flags &= (u8)~TCP_SYN;
	in->seg.seq = seq_add(in->seg.seq, 1);
	return take_text_and_fin(t, in);
}

/* Not between our first SYN and now: the echo of another connection's SYN. When the SYN was repeated, the first left a time out
 * before the first repetition; that timer may have been late. */
static bool is_false_echo(const struct tcb *t, u32 tsecr)
{
	u32 age = t->retrans_stamp_ms ? tcp_ts_now(t) - t->retrans_stamp_ms + 2 * TCP_RTO_INIT_US / USEC_PER_MSEC :
					(u32)((tcp_now(t) - t->last_send_ns) / NSEC_PER_MSEC) + 1;

	return tcp_ts_now(t) - tsecr > age;
}

/* RFC 9293 3.10.7.3. */
static enum drop_reason tcp_rcv_syn_sent(struct tcb *t, struct tcp_in *in)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct tcp_seg *seg = &in->seg;

	tcp_parse_options(in->skb->data, seg, &in->opt);
	if (seg->flags & TCP_ACK) {
		if (seq_le(seg->ack, t->snd.iss) || seq_gt(seg->ack, t->snd.nxt)) {
			tcp_send_reset(cpu, in->skb, seg);
			return DROP(TCP_ACK_UNSENT_DATA);
		}
		if (in->opt.has_ts && in->opt.tsecr && is_false_echo(t, in->opt.tsecr)) {
			STAT(cpu, TcpExtPAWSActive);
			tcp_send_reset(cpu, in->skb, seg);
			return DROP(TCP_RFC7323_PAWS);
		}
	}
	if (seg->flags & TCP_RST) {
		if (!(seg->flags & TCP_ACK))
			return DROP(TCP_INVALID_RST);
		reset_by_peer(t);
		return DROP(TCP_RESET);
	}
	if (!(seg->flags & TCP_SYN))
		return DROP(TCP_FLAGS);
	if (seg->flags & TCP_ACK)
		return syn_ack_rcv(t, in);
	tcp_take_syn_options(t, in); /* simultaneous open */
	t->ecn_ok = tcp_ecn_asked(cpu, in);
	tcp_set_state(t, TCP_SYN_RECEIVED);
	t->syn_retries = 0;
	tcp_rtx_arm(t, TCPT_RTO, tcp_now(t) + t->rto_us * NSEC_PER_USEC);
	tcp_ack_now(t);
	return RX_OK;
}

/* ---- the door ---- */

static __noinline enum drop_reason rcv_not_predicted(struct tcb *t, struct tcp_in *in)
{
	if (1u << t->sk.state & FAREWELL_STATES && is_farewell(t, &in->seg) && t->ts_ok && fast_timestamp(t, in))
		return rcv_farewell(t, &in->seg);
	if (t->sk.state == TCP_SYN_SENT)
		return tcp_rcv_syn_sent(t, in);
	return tcp_rcv_synchronized(t, in);
}

static __force_inline enum drop_reason rcv_tcb(struct tcb *t, struct tcp_in *in)
{
	t->segs_in++;
	if (likely(is_predicted(t, &in->seg)) && likely(fast_timestamp(t, in)))
		return rcv_predicted(t, in);
	return rcv_not_predicted(t, in);
}

enum drop_reason tcp_rcv_tcb(struct tcb *t, struct tcp_in *in)
{
	return rcv_tcb(t, in);
}

static void moved_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = steer_skb(msg);

	FLOW(cpu, InetMovedIn);
	steer_end(cpu, skb, tcp_protocol.rcv(cpu, skb));
}

/* Nobody here. A socket that is on another CPU alone gets what comes for its port. */
static enum drop_reason rcv_closed(struct net_cpu *cpu, struct tcp_in *in)
{
	int home = port_home_find(cpu, IPPROTO_TCP, in->seg.dport);

	if (home >= 0) {
		cpu->stats[STAT_TcpInSegs]--; /* it is counted there */
		FLOW(cpu, InetMovedOut);
		if (in->skb->ip_summed == CHECKSUM_NONE)
			in->skb->ip_summed = CHECKSUM_UNNECESSARY;
		return steer_move(cpu, (unsigned)home, in->skb, moved_rcv);
	}
	tcp_send_reset(cpu, in->skb, &in->seg);
	return DROP(NO_SOCKET);
}

static enum drop_reason rcv_listener(struct net_cpu *cpu, struct tcp_in *in)
{
	struct inet_cb *ip = &in->skb->ip;
	struct tcb *l = tcp_find_listener(cpu, &ip->dst, in->seg.dport, in->hash);

	return l ? tcp_listen_rcv(l, in) : rcv_closed(cpu, in);
}

static enum drop_reason rcv_timewait(struct net_cpu *cpu, struct tcp_timewait *tw, struct tcp_in *in)
{
	bool reopen = false;
	enum drop_reason r = tcp_timewait_rcv(cpu, tw, in, &reopen);

	return reopen ? rcv_listener(cpu, in) : r;
}

static bool checksum_ok(struct net_cpu *cpu, struct sk_buff *skb)
{
	u32 pseudo;

	if (likely(skb->ip_summed != CHECKSUM_NONE))
		return true;
	STAT_ADD(cpu, CsumSoftBytes, skb->len);
	pseudo = af_of(&skb->ip.src)->pseudo_sum(&skb->ip.src, &skb->ip.dst, IPPROTO_TCP, skb->len);
	return csum_ok(skb_checksum(skb, 0, skb->len, pseudo));
}

/* Decodes and checks. RX_OK: in->seg can be trusted, the header is linear. */
static inline enum drop_reason parse(struct net_cpu *cpu, struct tcp_in *in)
{
	struct sk_buff *skb = in->skb;

	if (unlikely(!tcp_parse(skb->data, skb_headlen(skb), skb->len, &in->seg)) && /* it may be in pieces */
	    (!skb_may_pull(cpu, skb, TCP_HDR_LEN) || !tcp_parse(skb->data, skb->len, skb->len, &in->seg) ||
	     !skb_may_pull(cpu, skb, in->seg.hdr_len))) {
		STAT(cpu, TcpInErrs);
		return DROP(TCP_HDR);
	}
	if (!checksum_ok(cpu, skb)) {
		STAT(cpu, TcpInCsumErrors);
		STAT(cpu, TcpInErrs);
		return DROP(TCP_CSUM);
	}
	return RX_OK;
}

static enum drop_reason tcp_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct tcp_in in;
	struct conn_node *n;
	enum drop_reason r;

	STAT(cpu, TcpInSegs);
	in.skb = skb;
	r = parse(cpu, &in);
	if (unlikely(r))
		return r;
	if (unlikely(skb->ip.addr_type != ADDR_LOCAL))
		return DROP(IP_INVALID_DEST); /* MUST-57: broadcast and multicast */
	n = conn_lookup(cpu, &skb->ip.dst, &skb->ip.src, in.seg.dport, in.seg.sport, &in.hash);
	if (unlikely(!n))
		return rcv_listener(cpu, &in);
	if (likely(n->kind == CONN_TCB))
		return rcv_tcb(node_tcb(n), &in);
	return n->kind == CONN_REQUEST ? tcp_request_rcv(node_request(n), &in) : rcv_timewait(cpu, node_timewait(n), &in);
}

const struct inet_protocol tcp_protocol = {
	.protocol = IPPROTO_TCP,
	.rcv = tcp_rcv,
	.rcv_plain = tcp_rcv_plain, .rcv_plain6 = tcp_rcv_plain6,
	.shed = tcp_shed,
	.rcv_bare = tcp_rcv_bare, .rcv_bare6 = tcp_rcv_bare6,
	.err = tcp_err,
};
