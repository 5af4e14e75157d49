/* SPDX-License-Identifier: MIT
 * lone.c - the net_tx row of TCP (tcp_flush), and new data as an answer mostly is: one segment into an empty pipe.
 *
 * What is not that plain goes to tcp_output().
 */
#include "net/tcp/segment.h"

/* ---- new data, as an answer mostly is: one segment into an empty pipe ---- */

/* No reason to hold skb back, to cut it, to pace it or to write other options than the timestamp, and no loss to repair. */
static inline bool is_lone(const struct tcb *t, const struct sk_buff *skb)
{
	if (t->packets_out || skb->next != (const struct sk_buff *)&t->sendq || skb->len > t->mss)
		return false;
	if (t->ca_state | t->backoff | t->nr_sacks | t->dsack_due)
		return false;
	if (!t->ts_ok || t->ecn_ok || t->pacing || t->fq || t->corked || t->more || t->fo || t->ca->cong_control)
		return false;
	return dst_valid(t->sk.cpu, &t->sk.dst) && seq_le(tcp_cb(skb)->end_seq, tcp_wnd_end(t)) &&
	       tcp_now(t) - t->last_send_ns <= t->rto_us * NSEC_PER_USEC;
}

/* What data_was_sent() does, with queues that hold nothing else. */
static inline void lone_was_sent(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	struct net_cpu *cpu = t->sk.cpu;
	u64 now = cpu->now_ns;

	skb_queue_init(&t->sendq);
	t->rtxq = (struct sk_buff_head){ skb, skb, 1 };
	skb->next = skb->prev = (struct sk_buff *)&t->rtxq;
	t->tsorted = (struct list_head){ &cb->ts, &cb->ts };
	cb->ts = (struct list_head){ &t->tsorted, &t->tsorted };
	cb->tx_ns = now;
	t->first_tx_us = t->delivered_us = cpu_us(cpu) ?: 1;
	cb->delivered_us = 0; /* tcp_rate_sent() */
	t->snd.nxt = cb->end_seq;
	if (skb->len < t->mss)
		t->snd.small = cb->end_seq;
	t->packets_out = 1;
	t->data_segs_out++;
	STAT(cpu, TcpExtTCPOrigDataSent);
	if (t->ca->cwnd_event)
		t->ca->cwnd_event(t, CA_EVENT_TX_START);
	if (now - t->last_rcv_ns < t->ack.ato_us * NSEC_PER_USEC && t->ack.pingpong < 255)
		t->ack.pingpong = 1;
	t->last_send_ns = now;
}

/* As arm_for_data(): a probe, after 2 SRTT and the delay its ACK may have (RFC 8985 7.2), for one segment and nothing suspected. */
static inline void arm_for_lone(struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	u32 pto_us = MIN((t->srtt_us >> 2) + (u32)s->tcp_rto_min_us, t->rto_us);

	if (likely(s->tcp_early_retrans && t->sack_ok && t->srtt_us && !t->tlp_out))
		tcp_rtx_arm(t, TCPT_TLP, tcp_now(t) + pto_us * NSEC_PER_USEC);
	else if (!tcp_schedule_tlp(t, true))
		tcp_rearm_rto(t);
}

#define LONE_STATES (1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT | 1u << TCP_FIN_WAIT_1 | 1u << TCP_LAST_ACK)

/* All that waits is one segment, which may leave, FIN included. */
static inline bool may_send_lone(struct tcb *t, const struct sk_buff *skb)
{
	if (!skb || !(1u << t->sk.state & LONE_STATES))
		return false;
	if (unlikely(t->fin_wanted && !t->fin_queued))
		tcp_queue_fin(t); /* it goes with skb, so there is nothing that could fail */
	return is_lone(t, skb) && (likely(t->tx != NULL) || tcp_tx_start(t));
}

/* A packet with this payload, headers to come: its own bytes where they have room in front, and none of it is on its way. */
static inline struct sk_buff *packet_of(struct net_cpu *cpu, struct sk_buff *payload)
{
	struct sk_buff *skb;

	if (likely(skb_has_headroom_alone(cpu, payload)))
		return skb_over(cpu, payload);
	skb = alloc_skb(cpu, SKB_HEADROOM);
	if (likely(skb != NULL) && unlikely(!attach_payload(cpu, skb, payload))) {
		kfree_skb_reason(cpu, skb, DROP(NOMEM));
		return NULL;
	}
	return skb;
}

/* false: memory is out, nothing has changed. */
static __force_inline bool send_lone(struct tcb *t, struct sk_buff *payload)
{
	struct sk_buff *skb = packet_of(t->sk.cpu, payload);

	if (unlikely(!skb))
		return false;
	tcp_cb(payload)->segs = 1;
	put_plain_header(t, skb, tcp_cb(payload)->seq, tcp_cb(payload)->flags | TCP_ACK);
	ack_was_sent(t);
	count_sent(t, 1);
	lone_was_sent(t, payload);
	tcp_cwnd_validate(t, t->cwnd <= 1);
	arm_for_lone(t);
	tcp_rate_check_app_limited(t);
	tcp_chrono(t, held_by(t, false));
	t->sk.af->xmit_sock(&t->sk, skb, !t->may_fragment);
	return true;
}

/* ---- the flush ---- */

/* Under pressure no window and no buffer grows, and what is still offered is little. */
static __cold void turn_pressure(struct tcp_cpu *tc)
{
	tc->pressure = !tc->pressure;
	if (tc->pressure)
		STAT(tc->cpu, TcpExtTCPMemoryPressures);
}

void tcp_flush(struct net_cpu *cpu)
{
	struct tcp_cpu *tc = cpu->tcp;
	struct tcb *t = tc->dirty, *next;

	if (unlikely(tcp_memory_tight(cpu) != tc->pressure))
		turn_pressure(tc);
	tc->dirty = NULL;
	tc->dirty_tail = &tc->dirty;
	for (; t; t = next) {
		u32 events = t->events;
		struct sk_buff *skb;

		next = t->dirty_next;
		t->marked = false;
		if (unlikely(t->dead)) {
			tcb_free(t);
			continue;
		}
		if (events) {
			t->events = 0;
			sock_event(&t->sk, events);
		}
		skb = tcp_send_head(t);
		if (!(may_send_lone(t, skb) && likely(send_lone(t, skb))))
			tcp_output(t);
	}
}
