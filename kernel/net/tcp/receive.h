/* SPDX-License-Identifier: MIT
 * receive.h - what is the same in any segment that is received: what text in order does to its TCB, and an acknowledgment of
 * all that was under way, where that was one segment.
 *
 * All inline: reass.c and ack.c take any segment with it, predict.c the one that most are.
 */
#pragma once

#include "net/link/neigh.h"
#include "net/tcp/tcp_impl.h"

static inline void tcp_measure_rcv_mss(struct tcb *t, const struct sk_buff *skb)
{
	u32 len = unlikely(skb->gso_size) ? skb->gso_size : skb->len;

	if (len >= t->rcv.mss)
		t->rcv.mss = (u16)MIN(len, (u32)t->advmss);
}

/* How long a window takes to come: an upper bound of the round trip when we send nothing ourselves. */
static inline void tcp_rcv_rtt_measure(struct tcb *t)
{
	if (unlikely(!t->rcv_rtt_stamp_us || seq_ge(t->rcv.nxt, t->rcv_rtt_seq)))
		tcp_rcv_rtt_round(t);
}

/* Text came, skb's, before rcv.nxt moves. */
static __force_inline void tcp_text_event(struct tcb *t, const struct sk_buff *skb)
{
	u64 now = tcp_now(t);
	u32 ato = t->ack.ato_us;

	tcp_measure_rcv_mss(t, skb);
	tcp_rcv_rtt_measure(t);
	if (likely(ato && now - t->last_rcv_ns < (TCP_ATO_MIN_US / 2 + 1) * NSEC_PER_USEC))
		t->ack.ato_us = ato / 2 + TCP_ATO_MIN_US / 2;
	else
		tcp_text_after_pause(t);
	t->last_rcv_ns = now;
	if (skb->len >= 128)
		tcp_grow_window(t, skb);
}

/* Told at once where nothing else brings the TCB to the flush: the reader sleeps in base context, so it runs no sooner. */
static inline void tcp_tell_readable(struct tcb *t)
{
	if (t->marked)
		t->events |= EPOLLIN;
	else
		sock_event(&t->sk, EPOLLIN);
}

/* In a conversation the answer carries it, which is not far: the usual case of tcp_delack_start(). */
static inline void tcp_delack(struct tcb *t)
{
	u32 ato = t->ack.ato_us;

	if (likely(t->ack.pingpong && !t->ack.delayed && ato <= TCP_DELACK_MAX_US && ato >= (u32)t->sk.cpu->sysctl.tcp_delack_min)) {
		t->ack.delayed = true;
		tcp_timer_set(t, TCPT_DELACK, tcp_now(t) + ato * NSEC_PER_USEC);
	} else {
		tcp_delack_start(t);
	}
}

/* To acknowledge now, or later? */
static inline void tcp_text_acked(struct tcb *t)
{
	if (t->ack.now)
		return;
	if ((u32)seq_diff(t->rcv.nxt, t->rcv.wup) > t->rcv.mss || (t->ack.quick && !t->ack.pingpong) || t->ofo_segs ||
	    t->dsack_due)
		tcp_ack_now(t);
	else
		tcp_delack(t);
}

/* The application took bytes: would tcp_read_done() find nothing to do? The window is open wide, an ACK waits for an answer to
 * carry it, and the buffer is not to be measured yet. */
static inline bool tcp_read_is_plain(const struct tcb *t)
{
	return (!t->rcv_rtt_us || cpu_us(t->sk.cpu) - t->space_us < t->rcv_rtt_us >> 3) && t->ack.pingpong &&
	       (u32)seq_diff(t->rcv.nxt, t->rcv.wup) <= t->rcv.mss && 2 * tcp_receive_window(t) > t->rcv.clamp;
}

/* ---- acknowledgments ---- */

/* A sample of the mean's distance (RFC 6298 2.3). As Linux does, the variance falls at most once per window, and a sample far
 * below the mean counts little. */
static inline void tcp_rtt_deviation(struct tcb *t, s32 err)
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

static inline void tcp_rtt_sampled(struct tcb *t, u32 rtt_us)
{
	if (unlikely(!t->srtt_us)) {
		tcp_rtt_first(t, rtt_us);
	} else {
		s32 err = (s32)(rtt_us - (t->srtt_us >> 3));

		t->srtt_us = MAX((u32)((s32)t->srtt_us + err), 1u);
		tcp_rtt_deviation(t, err);
	}
	tcp_rto_update(t);
}

/* The neighbour is there (RFC 4861 7.3.1). */
static inline void tcp_confirm(struct tcb *t)
{
	struct dst *dst = &t->sk.dst;

	if (likely(dst->neigh && dst_valid(t->sk.cpu, dst))) /* as both families do: spares the call */
		neigh_confirm(t->sk.cpu, dst->neigh);
	else
		t->sk.af->confirm(t->sk.cpu, dst);
}

/* ---- as most of those come: it acknowledges the one segment in flight, and nothing waits behind that ---- */

/* RFC 6675, 8985 and 6298 have nothing to look for in it: no mark, no note for a rate, and nothing suspected. */
static inline bool tcp_is_lone_ack(const struct tcb *t, seq_t ack)
{
	return t->snd.lone && seq_eq(ack, t->snd.nxt) && skb_queue_empty(&t->sendq);
}

/* Sent at tx_ns, and acknowledged to its end. */
static inline void tcp_lone_times(struct tcb *t, u64 tx_ns, seq_t ack)
{
	u64 now = tcp_now(t);
	u32 rtt_us = MIN((u32)((now - tx_ns) / NSEC_PER_USEC), TCP_RTO_MAX_US);

	rtt_us = MAX(rtt_us, 1u);
	t->rack.advanced = true;
	t->rack.rtt_us = rtt_us;
	t->rack.xmit_ns = tx_ns;
	t->rack.end_seq = ack;
	/* A round of one segment says nothing of a queue that grows, so an algorithm may do without, but for a new minimum. */
	if (t->ca->pkts_acked && unlikely(t->ca->wants_lone || rtt_us < t->min_rtt_us))
		tcp_tell_lone(t, rtt_us);
	tcp_min_rtt_update(t, rtt_us);
	tcp_rtt_sampled(t, rtt_us);
}

/* What plain_ack() does, with queues that are empty then. */
static __force_inline void tcp_lone_ack(struct tcb *t, seq_t seq, seq_t ack)
{
	struct sk_buff *skb = t->rtxq.next; /* that there is */
	struct net_cpu *cpu = t->sk.cpu;

	t->snd.wl1 = seq;
	t->retransmits = t->probes = t->backoff = 0;
	t->bytes_acked += (u32)seq_diff(ack, t->snd.una);
	t->snd.una = ack;
	t->last_ack_rcv_ms = cpu_ms(cpu);
	tcp_lone_times(t, tcp_cb(skb)->tx_ns, ack);
	t->packets_out = 0;
	t->snd.lone = false;
	skb_queue_init(&t->rtxq);
	list_init(&t->tsorted);
	t->rtx_tree.node = NULL;
	t->rtx_hint = NULL;
	tcp_wmem_free_skb(t, skb);
	t->delivered++;
	STAT(cpu, TcpExtTCPDelivered);
	tcp_rtx_clear(t);
	if (likely(t->chrono == CHRONO_BUSY)) { /* as tcp_chrono() has it */
		t->tx->chrono_sum_ms[CHRONO_BUSY - 1] += cpu_ms(cpu) - t->tx->chrono_ms;
		t->chrono = CHRONO_IDLE;
	} else {
		tcp_chrono(t, CHRONO_IDLE);
	}
	t->delivered_us = cpu_us(cpu);
	if (tcp_is_cwnd_limited(t) && likely(t->ca->cong_avoid != NULL))
		t->ca->cong_avoid(t, 1);
	tcp_confirm(t);
	if (unlikely(t->nospace || t->cwnd_limited || tcp_is_paced(t)))
		tcp_new_space(t);
}
