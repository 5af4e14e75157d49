/* SPDX-License-Identifier: MIT
 * ack.c - the acknowledgment in a segment: is it acceptable, what does it free, what does it tell (RFC 9293 3.10.7.4 fifth).
 *
 * Order: acceptability (RFC 5961 5.2), window, SACK blocks, retransmit queue and round-trip samples, loss recovery where
 * anything is doubtful, congestion window, timers. The header-prediction path enters here too, with FLAG_FAST. As long as ACKs
 * are plain each moves snd.una only, and the rest is done once for all that a poll brings (tcp_settle).
 */
#include "net/tcp/receive.h"

/* ---- what it frees ---- */

static void rtt_from_ack(struct tcb *t, struct ack_state *s)
{
	u64 now = tcp_now(t);
	s64 seq_rtt = -1;

	if (s->first_tx_ns && !(s->flag & FLAG_RETRANS_DATA_ACKED)) { /* Karn */
		seq_rtt = (s64)((now - s->first_tx_ns) / NSEC_PER_USEC);
		s->ca_rtt_us = (s64)((now - s->last_tx_ns) / NSEC_PER_USEC);
	}
	s->rtt_us = seq_rtt;
	if (s->sack_first_ns) {
		if (seq_rtt < 0)
			seq_rtt = (s64)((now - s->sack_first_ns) / NSEC_PER_USEC);
		s->ca_rtt_us = (s64)((now - s->sack_last_ns) / NSEC_PER_USEC);
	}
	if (seq_rtt < 0 && t->ts_ok && t->ts_echo && s->flag & FLAG_DATA_ACKED) {
		u32 ms = tcp_ts_now(t) - t->ts_echo; /* RFC 7323 4: the echo says which transmission it was */

		if (ms < TCP_RTO_MAX_US / USEC_PER_MSEC)
			seq_rtt = s->ca_rtt_us = (s64)MAX(ms, 1u) * USEC_PER_MSEC;
	}
	if (seq_rtt < 0)
		return;
	tcp_min_rtt_update(t, (u32)MIN(MAX(s->ca_rtt_us, 1), (s64)TCP_RTO_MAX_US));
	tcp_rtt_sample(t, seq_rtt);
	t->backoff = 0;
}

static void account_acked(struct tcb *t, struct tcp_skb_cb *cb, u32 segs, struct ack_state *s)
{
	if (cb->sacked & TCPCB_RETRANS)
		t->retrans_out -= segs;
	if (cb->sacked & TCPCB_EVER_RETRANS) {
		s->flag |= FLAG_RETRANS_DATA_ACKED;
	} else if (!(cb->sacked & TCPCB_SACKED)) {
		s->last_tx_ns = cb->tx_ns;
		if (!s->first_tx_ns)
			s->first_tx_ns = cb->tx_ns;
		if (seq_lt(cb->seq, s->prior_fack) && (!s->reord_set || seq_lt(cb->seq, s->reord))) {
			s->reord = cb->seq;
			s->reord_set = true;
		}
		if (seq_le(cb->end_seq, t->high_seq))
			s->flag |= FLAG_ORIG_SACK_ACKED;
	}
	if (cb->sacked & TCPCB_SACKED) {
		t->sacked_out -= segs;
	} else if (t->sack_ok) {
		t->delivered += segs;
		STAT_ADD(t->sk.cpu, TcpExtTCPDelivered, segs);
		tcp_rack_advance(t, cb->sacked, cb->end_seq, cb->tx_ns);
	}
	if (!(cb->sacked & TCPCB_SACKED))
		tcp_rate_delivered(t, cb, &s->rs);
	if (cb->sacked & TCPCB_LOST)
		t->lost_out -= segs;
	s->acked += segs;
}

/* Segments of a GSO skb that end at or before una. */
static u32 partly_acked(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	return cb->segs > 1 ? (u32)seq_diff(t->snd.una, cb->seq) / tcp_skb_mss(t, skb) : 0;
}

/* Pops what is acknowledged from the head: never a walk over what is not. */
static void clean_rtx_queue(struct tcb *t, struct ack_state *s)
{
	struct sk_buff *skb;

	while ((skb = tcp_rtx_head(t))) {
		struct tcp_skb_cb *cb = tcp_cb(skb);
		u32 segs;

		if (seq_gt(cb->end_seq, t->snd.una)) {
			if (!seq_gt(t->snd.una, cb->seq))
				break;
			segs = partly_acked(t, skb);
			if (segs) {
				u32 mss = tcp_skb_mss(t, skb);

				account_acked(t, cb, segs, s);
				t->packets_out -= segs;
				tcp_trim_acked(t, skb, segs * mss, segs);
			}
			break;
		}
		account_acked(t, cb, cb->segs, s);
		t->packets_out -= cb->segs;
		tcp_rtx_unlink_free(t, skb);
	}
	if (!s->acked)
		return;
	s->flag |= FLAG_DATA_ACKED | FLAG_SET_XMIT_TIMER;
	if (!t->sack_ok)
		tcp_remove_reno_sacks(t, s->acked);
	else if (s->reord_set)
		tcp_check_reordering(t, s->reord, false);
}

/* ---- the peer's window ---- */

void tcp_take_window(struct tcb *t, u32 wnd)
{
	t->snd.wnd = wnd;
	if (wnd > t->snd.max_wnd) {
		t->snd.max_wnd = wnd;
		tcp_sync_mss(t);
	}
	tcp_pred_update(t);
}

/* RFC 9293 3.10.7.4: only from a segment newer than the one that told it last. Of equals (same SEQ, same ACK, as reordered
 * window updates are) the larger window counts, or none at all: otherwise the order of arrival would decide. */
static bool window_update(struct tcb *t, const struct tcp_seg *seg)
{
	u32 wnd = seg->flags & TCP_SYN ? seg->wnd : seg->wnd << t->snd.wscale;

	if (!(seq_gt(seg->ack, t->snd.una) || seq_gt(seg->seq, t->snd.wl1) ||
	      (seq_eq(seg->seq, t->snd.wl1) && (wnd > t->snd.wnd || !wnd))))
		return false;
	t->snd.wl1 = seg->seq;
	if (wnd == t->snd.wnd)
		return false;
	tcp_take_window(t, wnd);
	return true;
}

/* Nothing in flight: either the window lets the next segment go, or it is probed. */
static void check_persist(struct tcb *t)
{
	struct sk_buff *head = tcp_send_head(t);

	if (!head || t->packets_out)
		return;
	if (seq_le(tcp_cb(head)->end_seq, tcp_wnd_end(t))) {
		t->backoff = 0;
		tcp_timer_clear(t, TCPT_PERSIST);
	} else if (!tcp_timer_armed(t, TCPT_PERSIST)) {
		tcp_persist_start(t);
	}
}

/* ---- acceptability ---- */

static void update_una(struct tcb *t, seq_t ack)
{
	t->bytes_acked += (u32)seq_diff(ack, t->snd.una);
	t->snd.una = ack;
	if (unlikely(t->stamping))
		tcp_stamp_acked(t);
}

/* RFC 5961 5.2: an ACK older than any window we ever offered is an attack or a ghost; a merely old one still has its text
 * taken. */
static enum drop_reason old_ack(struct tcb *t, struct tcp_in *in)
{
	if (seq_lt(in->seg.ack, seq_add(t->snd.una, -MAX(t->snd.max_wnd, 1u)))) {
		tcp_challenge_ack(t);
		return DROP(TCP_TOO_OLD_ACK);
	}
	if (in->opt.nr_sacks) {
		struct ack_state s = { .prior_una = t->snd.una, .prior_packets = t->packets_out, .rtt_us = -1, .ca_rtt_us = -1,
				       .prior_delivered = t->delivered, .prior_fack = tcp_fack(t),
				       .prior_lost = t->lost, .prior_in_flight = tcp_in_flight(t) };

		tcp_sack_rcv(t, in, &s);
		if (s.flag & FLAG_CA_ALERT)
			tcp_recovery(t, &s, 0);
		if (t->rtx_hint)
			tcp_mark(t);
	}
	return RX_OK;
}

static bool is_dubious(const struct tcb *t, u32 flag)
{
	return !(flag & FLAG_NOT_DUP) || flag & FLAG_CA_ALERT || t->ca_state != TCP_CA_OPEN;
}

static void tell_cong(struct tcb *t, const struct ack_state *s)
{
	if (t->ca->pkts_acked && s->acked)
		t->ca->pkts_acked(t, &(struct ack_sample){ 1, s->acked, s->ca_rtt_us, s->prior_in_flight });
}

/* Losses, window and timers, after the queue was cleaned. */
static void react(struct tcb *t, struct ack_state *s, u32 num_dupack)
{
	bool loss_before = t->ca_state == TCP_CA_LOSS;

	tcp_rack_dsack(t, s);
	if (s->flag & FLAG_ECE) {
		t->delivered_ce += t->delivered - s->prior_delivered;
		STAT_ADD(t->sk.cpu, TcpExtTCPDeliveredCE, t->delivered - s->prior_delivered);
	}
	if (t->tlp_out)
		tcp_process_tlp_ack(t, s, t->snd.una);
	if (is_dubious(t, s->flag)) {
		if (!(s->flag & (FLAG_UNA_ADVANCED | FLAG_NOT_DUP)))
			num_dupack = MAX(num_dupack, 1u);
		tcp_recovery(t, s, num_dupack);
	}
	if (s->flag & FLAG_SET_XMIT_TIMER && !tcp_schedule_tlp(t, true))
		tcp_rearm_rto(t);
	s->rs.rtt_us = (s32)s->ca_rtt_us;
	s->rs.prior_in_flight = s->prior_in_flight;
	tcp_rate_gen(t, &s->rs, t->delivered - s->prior_delivered, t->lost - s->prior_lost);
	tcp_cong_control(t, s);
	if (loss_before && t->ca_state == TCP_CA_OPEN)
		t->frto_new = false;
}

/* ---- as almost all come: in order, no option but the timestamp, nothing lost and nothing suspected ---- */

struct plain_ack {
	u32 acks, segs;
	seq_t end;               /* of the last skb */
	u64 first_tx_ns, tx_ns;  /* when the first and the last left */
	u32 sample_first_us, sample_us, sample_delivered; /* the last one's note for rate.c; sample_us 0: it had none */
	bool app_limited;
	bool retransmitted;      /* one of them was: no sample (Karn) */
};

static inline void plain_take(struct plain_ack *a, const struct tcp_skb_cb *cb, u32 segs)
{
	if (!a->segs)
		a->first_tx_ns = cb->tx_ns;
	a->segs += segs;
	a->end = cb->end_seq;
	a->tx_ns = cb->tx_ns;
	a->retransmitted |= cb->sacked != 0;
	a->sample_us = cb->delivered_us;
	if (!a->sample_us)
		return;
	a->sample_first_us = cb->first_tx_us;
	a->sample_delivered = cb->delivered;
	a->app_limited = cb->app_limited;
}

static __noinline void plain_part(struct tcb *t, struct sk_buff *skb, struct plain_ack *a)
{
	u32 segs = partly_acked(t, skb), mss = tcp_skb_mss(t, skb);

	if (!segs)
		return;
	plain_take(a, tcp_cb(skb), segs);
	tcp_trim_acked(t, skb, segs * mss, segs);
}

/* What clean_rtx_queue() does where no segment has a mark. */
static inline void plain_clean(struct tcb *t, struct plain_ack *a)
{
	struct sk_buff *skb;

	while ((skb = tcp_rtx_head(t))) {
		struct tcp_skb_cb *cb = tcp_cb(skb);

		if (unlikely(seq_gt(cb->end_seq, t->snd.una))) {
			if (seq_gt(t->snd.una, cb->seq))
				plain_part(t, skb, a);
			break;
		}
		plain_take(a, cb, cb->segs);
		tcp_rtx_unlink_free(t, skb);
	}
}

static inline void plain_times(struct tcb *t, const struct plain_ack *a)
{
	u64 now = tcp_now(t);
	u32 rtt_us = (u32)((now - a->tx_ns) / NSEC_PER_USEC);

	t->rack.advanced = true;
	t->rack.rtt_us = rtt_us;
	if (likely(a->tx_ns >= t->rack.xmit_ns)) { /* else a retransmission came first */
		t->rack.xmit_ns = a->tx_ns;
		t->rack.end_seq = a->end;
	}
	tcp_min_rtt_update(t, MAX(rtt_us, 1u));
	if (likely(a->first_tx_ns == a->tx_ns))
		tcp_rtt_take(t, CLAMP(rtt_us, 1u, TCP_RTO_MAX_US));
	else
		tcp_rtt_sample(t, (s64)((now - a->first_tx_ns) / NSEC_PER_USEC));
	t->backoff = 0;
	if (t->ca->pkts_acked)
		t->ca->pkts_acked(t, &(struct ack_sample){ .acks = a->acks, .pkts_acked = a->segs, .rtt_us = rtt_us,
							   .in_flight = t->packets_out + a->segs });
}

/* Segments left in the order of their numbers, so the last one's note makes the sample. */
static __noinline void plain_rate(struct tcb *t, const struct plain_ack *a)
{
	u32 tx_us = (u32)(a->tx_ns / NSEC_PER_USEC);
	struct rate_sample rs = { .prior_us = a->sample_us, .prior_delivered = a->sample_delivered,
				    .send_us = tx_us - a->sample_first_us, .app_limited = a->app_limited,
				    .prior_in_flight = t->packets_out + a->segs,
				    .rtt_us = a->retransmitted ? -1 : (s32)((tcp_now(t) - a->tx_ns) / NSEC_PER_USEC) };
	t->first_tx_us = tx_us;
	tcp_rate_gen(t, &rs, a->segs, 0);
	if (unlikely(t->ca->cong_control != NULL))
		t->ca->cong_control(t, &rs);
}

/* Of the `acks` that came: what the queue loses, and what that tells. */
static inline void plain_freed(struct tcb *t, struct plain_ack *a)
{
	t->packets_out -= a->segs;
	t->delivered += a->segs;
	STAT_ADD(t->sk.cpu, TcpExtTCPDelivered, a->segs);
	if (likely(!a->retransmitted))
		plain_times(t, a);
	if (likely(!t->packets_out)) {
		tcp_rtx_clear(t);
		if (likely(!tcp_send_head(t)))
			tcp_chrono(t, CHRONO_IDLE);
	} else if (!tcp_schedule_tlp(t, true)) {
		tcp_rearm_rto(t);
	}
	if (a->sample_us)
		plain_rate(t, a);
	else
		t->delivered_us = cpu_us(t->sk.cpu);
	if (tcp_is_cwnd_limited(t) && likely(t->ca->cong_avoid != NULL))
		t->ca->cong_avoid(t, a->segs);
	t->sk.af->confirm(t->sk.cpu, &t->sk.dst);
	tcp_new_space(t);
}

void tcp_settle_noted(struct tcb *t)
{
	struct plain_ack a = { .acks = t->noted };

	t->noted = 0;
	plain_clean(t, &a);
	if (likely(a.segs))
		plain_freed(t, &a);
	if (unlikely(tcp_send_head(t) != NULL)) {
		check_persist(t);
		t->more = false; /* MSG_MORE holds back until something happens: this did */
	}
}

/* As almost all are in a bulk transfer: una moves, so that the next ACK is held against it, and the rest is the flush's to do, once
 * for all that a poll brings. RFC 5681 lets cwnd grow by what is acknowledged, in however many ACKs; samples of time are all taken
 * at the same moment; and nothing could be sent before the flush. Where all is acknowledged and nothing waits, no more will
 * come: then at once. */
void tcp_plain_ack(struct tcb *t, seq_t seq, seq_t ack)
{
	t->snd.wl1 = seq;
	t->retransmits = t->probes = 0;
	update_una(t, ack);
	t->last_ack_rcv_ms = cpu_ms(t->sk.cpu);
	t->noted += t->noted < 255;
	if (tcp_send_head(t) || !seq_eq(ack, t->snd.nxt))
		tcp_mark(t);
	else if (!t->marked)
		tcp_settle_noted(t);
}

void tcp_tell_lone(struct tcb *t, u32 rtt_us)
{
	t->ca->pkts_acked(t, &(struct ack_sample){ .acks = 1, .pkts_acked = 1, .rtt_us = rtt_us, .in_flight = 1 });
}

static __noinline enum drop_reason doubtful_ack(struct tcb *t, struct tcp_in *in, u32 flag)
{
	struct tcp_seg *seg = &in->seg;
	struct ack_state s;

	tcp_settle(t);
	if (unlikely(seq_lt(seg->ack, t->snd.una)))
		return old_ack(t, in);
	if (unlikely(seq_gt(seg->ack, t->snd.nxt))) {
		tcp_challenge_ack(t);
		return DROP(TCP_ACK_UNSENT_DATA);
	}
	s = (struct ack_state){ .flag = flag | (seg->len ? FLAG_DATA : 0), .prior_una = t->snd.una,
				.prior_packets = t->packets_out, .prior_delivered = t->delivered,
				.prior_in_flight = tcp_in_flight(t), .prior_fack = tcp_fack(t), .rtt_us = -1, .ca_rtt_us = -1,
				.prior_lost = t->lost };
	if (!(flag & FLAG_FAST)) {
		if (!seg->len)
			STAT(t->sk.cpu, TcpExtTCPPureAcks);
		if (window_update(t, seg))
			s.flag |= FLAG_WIN_UPDATE;
		if (unlikely(t->ecn_ok && (seg->flags & (TCP_ECE | TCP_SYN)) == TCP_ECE))
			s.flag |= FLAG_ECE;
	} else {
		t->snd.wl1 = seg->seq;
	}
	if (seq_gt(seg->ack, t->snd.una)) {
		s.flag |= FLAG_UNA_ADVANCED;
		t->retransmits = 0;
		update_una(t, seg->ack);
	}
	if (!(flag & FLAG_FAST) && in->opt.nr_sacks)
		tcp_sack_rcv(t, in, &s);
	t->last_ack_rcv_ms = cpu_ms(t->sk.cpu);
	t->probes = 0;
	if (s.prior_packets) {
		clean_rtx_queue(t, &s);
		rtt_from_ack(t, &s);
		react(t, &s, 0);
		tell_cong(t, &s);
		if (s.flag & FLAG_DATA_ACKED) {
			t->sk.af->confirm(t->sk.cpu, &t->sk.dst);
			tcp_new_space(t);
		}
	} else if (s.flag & FLAG_DSACK) {
		tcp_recovery(t, &s, 0); /* all that was sent again was in vain? */
	}
	check_persist(t);
	if (!t->packets_out && !tcp_send_head(t))
		tcp_chrono(t, CHRONO_IDLE);
	if (tcp_send_head(t) || t->rtx_hint) {
		t->more = false; /* MSG_MORE holds back until something happens: this did */
		tcp_mark(t);
	}
	return RX_OK;
}

enum drop_reason tcp_ack_rcv(struct tcb *t, struct tcp_in *in, u32 flag)
{
	if (likely(flag & FLAG_FAST && tcp_is_lone_ack(t, in->seg.ack))) {
		tcp_lone_ack(t, in->seg.seq, in->seg.ack);
		return RX_OK;
	}
	t->snd.lone = false;
	if (unlikely(!(flag & FLAG_FAST) || !tcp_is_untroubled(t) || !seq_gt(in->seg.ack, t->snd.una)))
		return doubtful_ack(t, in, flag);
	tcp_plain_ack(t, in->seg.seq, in->seg.ack);
	return RX_OK;
}
