/* SPDX-License-Identifier: MIT
 * recovery.c - what an ACK means when not all is well: Open, Disorder, CWR, Recovery, Loss (RFC 5681, 6582, 6675, 5682).
 *
 * With SACK, RACK (rack.c) says what is lost; without, the third duplicate ACK and partial ACKs do (NewReno). A recovery
 * that proves unnecessary is undone: by D-SACKs for all it sent, by an echoed timestamp older than it, or by F-RTO.
 */
#include "net/tcp/tcp_impl.h"

static bool uses_rack(const struct tcb *t)
{
	return t->sack_ok && t->sk.cpu->sysctl.tcp_recovery & 1;
}

void tcp_set_ca_state(struct tcb *t, enum tcp_ca_state s)
{
	if (t->ca->set_state)
		t->ca->set_state(t, s);
	t->ca_state = (u8)s;
	t->snd.lone = false;
}

/* The window of which a reduction could be undone. */
static u32 current_ssthresh(const struct tcb *t)
{
	if (tcp_in_cwnd_reduction(t))
		return t->ssthresh;
	return MAX(t->ssthresh, t->cwnd / 2 + t->cwnd / 4);
}

/* ---- the scoreboard ---- */

void tcp_mark_lost(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);

	if (cb->sacked & TCPCB_SACKED)
		return;
	if (cb->sacked & TCPCB_RETRANS || !(cb->sacked & TCPCB_LOST))
		t->lost += cb->segs;
	if (cb->sacked & TCPCB_RETRANS) {
		cb->sacked &= (u8)~TCPCB_RETRANS;
		t->retrans_out -= cb->segs;
		if (cb->sacked & TCPCB_LOST)
			STAT_ADD(t->sk.cpu, TcpExtTCPLostRetransmit, cb->segs);
	}
	if (!(cb->sacked & TCPCB_LOST)) {
		cb->sacked |= TCPCB_LOST;
		t->lost_out += cb->segs;
		t->snd.lone = false;
	}
	list_del(&cb->ts);
	if (!t->rtx_hint || seq_lt(cb->seq, tcp_cb(t->rtx_hint)->seq))
		t->rtx_hint = skb;
}

static void unmark_all_lost(struct tcb *t)
{
	struct sk_buff *skb;

	for (skb = t->rtxq.prev; skb != (struct sk_buff *)&t->rtxq; skb = skb->prev) {
		struct tcp_skb_cb *cb = tcp_cb(skb);

		if (!(cb->sacked & TCPCB_LOST))
			continue;
		cb->sacked &= (u8)~TCPCB_LOST;
		if (list_empty(&cb->ts))
			list_add(&cb->ts, &t->tsorted);
	}
	t->lost_out = 0;
	t->rtx_hint = NULL;
}

static bool any_retrans_done(const struct tcb *t)
{
	struct sk_buff *head = tcp_rtx_head(t);

	return t->retrans_out || (head && tcp_cb(head)->sacked & TCPCB_EVER_RETRANS);
}

static void retrans_stamp_cleanup(struct tcb *t)
{
	if (!any_retrans_done(t))
		t->retrans_stamp_ms = 0;
}

/* ---- without SACK: duplicate ACKs stand for SACKed segments ---- */

static void limit_reno_sacked(struct tcb *t)
{
	u32 holes = MIN(MAX(t->lost_out, 1u), t->packets_out);

	if (t->sacked_out + holes > t->packets_out)
		t->sacked_out = t->packets_out - holes;
}

static void add_reno_sack(struct tcb *t, u32 num_dupack)
{
	u32 prior = t->sacked_out;

	if (t->sack_ok || !num_dupack)
		return;
	t->sacked_out += num_dupack;
	limit_reno_sacked(t);
	t->delivered += t->sacked_out > prior ? t->sacked_out - prior : 0;
}

void tcp_remove_reno_sacks(struct tcb *t, u32 acked)
{
	if (acked) {
		t->delivered += acked > t->sacked_out ? acked - t->sacked_out : 1;
		t->sacked_out = acked - 1 >= t->sacked_out ? 0 : t->sacked_out - (acked - 1);
	}
	limit_reno_sacked(t);
}

static void newreno_mark_lost(struct tcb *t, bool una_advanced)
{
	struct sk_buff *skb = tcp_rtx_head(t);

	if (!skb || tcp_cb(skb)->sacked & TCPCB_LOST)
		return;
	if ((t->ca_state < TCP_CA_RECOVERY && t->sacked_out >= t->reordering) ||
	    (t->ca_state == TCP_CA_RECOVERY && una_advanced)) {
		if (tcp_cb(skb)->segs > 1)
			tcp_split(t, skb, t->mss, t->mss);
		tcp_mark_lost(t, skb);
	}
}

static void identify_loss(struct tcb *t, struct ack_state *s)
{
	if (!t->packets_out)
		return;
	if (!uses_rack(t)) {
		newreno_mark_lost(t, s->flag & FLAG_UNA_ADVANCED);
	} else if (t->rack.advanced) {
		u32 prior = t->retrans_out;

		t->rack.advanced = false;
		if (tcp_rack_mark_lost(t))
			s->flag &= ~(u32)FLAG_SET_XMIT_TIMER;
		if (prior > t->retrans_out)
			s->flag |= FLAG_LOST_RETRANS;
	}
}

/* ---- undo ---- */

static void init_undo(struct tcb *t)
{
	t->undo_on = true;
	t->tx->undo_marker = t->snd.una;
	t->tx->undo_retrans = t->retrans_out ? (s32)t->retrans_out : -1; /* -1: nothing was retransmitted yet */
}

/* The echoed timestamp is older than the first retransmission: the original arrived (Eifel, RFC 3522). */
static bool packet_delayed(const struct tcb *t)
{
	return t->retrans_stamp_ms && t->ts_ok && t->ts_echo && (s32)(t->ts_echo - t->retrans_stamp_ms) < 0;
}

static bool may_undo(const struct tcb *t)
{
	return t->undo_on && (!t->tx->undo_retrans || packet_delayed(t));
}

static void undo_reduction(struct tcb *t, bool unmark)
{
	if (unmark)
		unmark_all_lost(t);
	if (t->tx->prior_ssthresh) {
		t->cwnd = t->ca->undo_cwnd(t);
		t->ssthresh = MAX(t->ssthresh, t->tx->prior_ssthresh);
		t->ecn_cwr = false;
	}
	t->undo_on = false;
	t->rack.advanced = true;
}

void tcp_try_keep_open(struct tcb *t)
{
	enum tcp_ca_state s = tcp_left_out(t) || any_retrans_done(t) ? TCP_CA_DISORDER : TCP_CA_OPEN;

	if (t->ca_state != s) {
		tcp_set_ca_state(t, s);
		t->high_seq = t->snd.nxt;
	}
}

static void try_to_open(struct tcb *t)
{
	retrans_stamp_cleanup(t);
	if (t->ca_state != TCP_CA_CWR)
		tcp_try_keep_open(t);
}

/* Without SACK, until something above high_seq is acknowledged: its duplicates may be our own retransmissions' (RFC 6582 4.1). */
static bool holds_old_state(struct tcb *t)
{
	if (t->sack_ok || !seq_eq(t->snd.una, t->high_seq))
		return false;
	retrans_stamp_cleanup(t);
	return true;
}

/* The recovery's end. true: not yet. */
static bool try_undo_recovery(struct tcb *t)
{
	if (may_undo(t)) {
		if (t->ca_state == TCP_CA_LOSS)
			STAT(t->sk.cpu, TcpExtTCPLossUndo);
		else
			STAT(t->sk.cpu, TcpExtTCPFullUndo);
		undo_reduction(t, false);
	} else if (t->rack.persist) {
		t->rack.persist--;
	}
	if (holds_old_state(t))
		return true;
	tcp_set_ca_state(t, TCP_CA_OPEN);
	return false;
}

static bool try_undo_dsack(struct tcb *t)
{
	if (!t->undo_on || t->tx->undo_retrans)
		return false;
	STAT(t->sk.cpu, TcpExtTCPDSACKUndo);
	undo_reduction(t, false);
	return true;
}

static bool try_undo_loss(struct tcb *t, bool frto)
{
	if (!frto && !may_undo(t))
		return false;
	undo_reduction(t, true);
	STAT(t->sk.cpu, TcpExtTCPLossUndo);
	if (frto)
		STAT(t->sk.cpu, TcpExtTCPSpuriousRTOs);
	t->retransmits = 0;
	if (!holds_old_state(t) && (frto || t->sack_ok))
		tcp_set_ca_state(t, TCP_CA_OPEN);
	return true;
}

static bool try_undo_partial(struct tcb *t, seq_t prior_una)
{
	if (!t->undo_on || !packet_delayed(t))
		return false;
	tcp_check_reordering(t, prior_una, true);
	if (t->retrans_out)
		return true;
	retrans_stamp_cleanup(t);
	STAT(t->sk.cpu, TcpExtTCPPartialUndo);
	undo_reduction(t, true);
	tcp_try_keep_open(t);
	return true;
}

/* ---- entering ---- */

void tcp_enter_recovery(struct tcb *t, bool ece)
{
	if (unlikely(t->mtup_on) && tcp_mtu_probe_lost(t))
		return;
	if (t->sack_ok)
		STAT(t->sk.cpu, TcpExtTCPSackRecovery);
	else
		STAT(t->sk.cpu, TcpExtTCPRenoRecovery);
	t->tx->prior_ssthresh = 0;
	init_undo(t);
	if (!tcp_in_cwnd_reduction(t)) {
		if (!ece)
			t->tx->prior_ssthresh = current_ssthresh(t);
		tcp_init_cwnd_reduction(t);
	}
	tcp_set_ca_state(t, TCP_CA_RECOVERY);
}

/* RFC 6675 5.1, RFC 8985 6.3: the first segment, and those whose time is over, are lost; a receiver that dropped what it
 * SACKed (the head is SACKed, yet not acknowledged) is not believed any more. */
static void timeout_mark_lost(struct tcb *t)
{
	struct sk_buff *head = tcp_rtx_head(t), *skb, *next;
	bool reneged = head && tcp_cb(head)->sacked & TCPCB_SACKED;
	u64 left;

	if (reneged) {
		STAT(t->sk.cpu, TcpExtTCPSACKReneging);
		t->sacked_out = 0;
	} else if (!t->sack_ok) {
		t->sacked_out = 0;
	}
	for (skb = head; skb; skb = next) {
		next = tcp_rtx_next(t, skb);
		if (reneged && tcp_cb(skb)->sacked & TCPCB_SACKED)
			tcp_cb(skb)->skip = NULL; /* nor a note for rate.c */
		if (reneged)
			tcp_cb(skb)->sacked &= (u8)~TCPCB_SACKED;
		else if (uses_rack(t) && skb != head && !tcp_rack_skb_lost(t, skb, 0, &left))
			continue;
		tcp_mark_lost(t, skb);
	}
}

void tcp_enter_loss(struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	bool fresh = t->ca_state < TCP_CA_RECOVERY;

	timeout_mark_lost(t);
	if (t->ca_state <= TCP_CA_DISORDER || seq_le(t->high_seq, t->snd.una) ||
	    (t->ca_state == TCP_CA_LOSS && !t->retransmits)) {
		t->tx->prior_ssthresh = current_ssthresh(t);
		t->tx->prior_cwnd = t->cwnd;
		t->ssthresh = t->ca->ssthresh(t);
		if (t->ca->cwnd_event)
			t->ca->cwnd_event(t, CA_EVENT_LOSS);
		init_undo(t);
	}
	t->cwnd = tcp_in_flight(t) + 1;
	t->cwnd_cnt = 0;
	if (t->ca_state <= TCP_CA_DISORDER && t->sacked_out >= s->tcp_reordering)
		t->reordering = (u8)MIN((u32)t->reordering, (u32)s->tcp_reordering);
	tcp_set_ca_state(t, TCP_CA_LOSS);
	t->high_seq = t->snd.nxt;
	t->tlp_out = false;
	t->ecn_cwr = t->ecn_ok;
	t->frto = s->tcp_frto && (fresh || t->retransmits);
	t->frto_new = false;
}

/* ---- one ACK ---- */

/* F-RTO (RFC 5682 3.1) and the way out of Loss. */
static void process_loss(struct tcb *t, struct ack_state *s, u32 num_dupack)
{
	bool recovered = seq_ge(t->snd.una, t->high_seq);

	t->frto_new = false;
	if (s->flag & FLAG_UNA_ADVANCED && try_undo_loss(t, false))
		return;
	if (t->frto) {
		if (s->flag & FLAG_ORIG_SACK_ACKED && try_undo_loss(t, true))
			return; /* step 3b: what was not retransmitted arrived */
		if (seq_gt(t->snd.nxt, t->high_seq)) {
			if (s->flag & FLAG_DATA_SACKED || num_dupack)
				t->frto = false; /* step 3a: the loss was real */
		} else if (s->flag & FLAG_UNA_ADVANCED && !recovered) {
			t->high_seq = t->snd.nxt;
			t->frto_new = tcp_send_head(t) && seq_gt(tcp_wnd_end(t), t->snd.nxt);
			t->frto = t->frto_new; /* step 2b: new data, and see */
		}
	}
	if (recovered) {
		try_undo_recovery(t);
		return;
	}
	if (!t->sack_ok) {
		if (seq_gt(t->snd.nxt, t->high_seq) && num_dupack)
			add_reno_sack(t, num_dupack);
		else if (s->flag & FLAG_UNA_ADVANCED)
			t->sacked_out = 0;
	}
}

static void enter_cwr(struct tcb *t)
{
	t->tx->prior_ssthresh = 0;
	if (t->ca_state < TCP_CA_CWR) {
		t->undo_on = false;
		tcp_init_cwnd_reduction(t);
		tcp_set_ca_state(t, TCP_CA_CWR);
	}
}

/* Everything that was out when the recovery began is acknowledged. false: nothing more to do for this ACK. */
static bool leave_old_state(struct tcb *t)
{
	if (t->ca_state == TCP_CA_OPEN) {
		t->retrans_stamp_ms = 0;
		return true;
	}
	if (seq_lt(t->snd.una, t->high_seq))
		return true;
	if (t->ca_state == TCP_CA_CWR && !seq_eq(t->snd.una, t->high_seq)) {
		tcp_end_cwnd_reduction(t);
		tcp_set_ca_state(t, TCP_CA_OPEN);
	} else if (t->ca_state == TCP_CA_RECOVERY) {
		if (!t->sack_ok)
			t->sacked_out = 0;
		if (try_undo_recovery(t))
			return false;
		tcp_end_cwnd_reduction(t); /* which the last D-SACK may still undo */
	}
	return true;
}

/* true: done with this ACK. */
static bool in_recovery(struct tcb *t, struct ack_state *s, u32 num_dupack)
{
	if (!(s->flag & FLAG_UNA_ADVANCED))
		add_reno_sack(t, num_dupack);
	else if (try_undo_partial(t, s->prior_una))
		return true;
	if (try_undo_dsack(t))
		tcp_try_keep_open(t);
	identify_loss(t, s);
	if (t->ca_state != TCP_CA_RECOVERY) {
		try_to_open(t);
		return true;
	}
	return false;
}

static bool in_loss(struct tcb *t, struct ack_state *s, u32 num_dupack)
{
	process_loss(t, s, num_dupack);
	identify_loss(t, s);
	return !(t->ca_state == TCP_CA_OPEN || s->flag & FLAG_LOST_RETRANS);
}

static void before_recovery(struct tcb *t, struct ack_state *s, u32 num_dupack)
{
	if (!t->sack_ok) {
		if (s->flag & FLAG_UNA_ADVANCED)
			t->sacked_out = 0;
		add_reno_sack(t, num_dupack);
	}
	if (t->ca_state <= TCP_CA_DISORDER)
		try_undo_dsack(t);
	identify_loss(t, s);
}

void tcp_recovery(struct tcb *t, struct ack_state *s, u32 num_dupack)
{
	bool done = false;

	if (s->flag & FLAG_ECE)
		t->tx->prior_ssthresh = 0;
	if (!t->packets_out && t->sacked_out)
		t->sacked_out = 0;
	if (!leave_old_state(t))
		return;
	if (t->ca_state == TCP_CA_RECOVERY) {
		done = in_recovery(t, s, num_dupack);
	} else {
		if (t->ca_state == TCP_CA_LOSS)
			done = in_loss(t, s, num_dupack);
		if (!done) {
			before_recovery(t, s, num_dupack);
			if (!t->lost_out) {
				if (s->flag & FLAG_ECE)
					enter_cwr(t);
				try_to_open(t);
				done = true;
			}
		}
		if (!done)
			tcp_enter_recovery(t, s->flag & FLAG_ECE);
	}
}

/* ---- sending what was lost ---- */

static void count_retransmission(struct tcb *t, u32 segs)
{
	if (t->ca_state == TCP_CA_LOSS)
		STAT_ADD(t->sk.cpu, TcpExtTCPSlowStartRetrans, segs);
	else
		STAT_ADD(t->sk.cpu, TcpExtTCPFastRetrans, segs);
	if (tcp_in_cwnd_reduction(t))
		t->tx->prr_out += segs;
}

void tcp_xmit_lost(struct tcb *t)
{
	struct sk_buff *skb, *head = tcp_rtx_head(t);

	for (skb = t->rtx_hint; skb; skb = tcp_rtx_next(t, skb)) {
		u32 in_flight = tcp_in_flight(t);

		t->rtx_hint = skb;
		if ((tcp_cb(skb)->sacked & (TCPCB_LOST | TCPCB_SACKED | TCPCB_RETRANS)) != TCPCB_LOST)
			continue;
		if (in_flight >= t->cwnd || (tcp_is_paced(t) && tcp_pace_wait(t)))
			return;
		if (!tcp_retransmit(t, skb, t->cwnd - in_flight))
			return; /* the RTO, or the next ACK, tries again */
		count_retransmission(t, tcp_cb(skb)->segs);
		if (skb == head && !tcp_timer_armed(t, TCPT_REO))
			tcp_rearm_rto(t);
	}
	t->rtx_hint = NULL;
}
