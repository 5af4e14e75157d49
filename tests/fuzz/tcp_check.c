/* SPDX-License-Identifier: MIT
 * tcp_check.c - the invariants of a TCB, counted again from its queues. They hold outside a poll, once the flush has been.
 */
#include "fuzz/tcp_check.h"
#include "host/harness.h"
#include "host/netlab.h"
#include "net/tcp/tcp_impl.h"

#include <stdlib.h>

struct totals {
	u64 mem;
	u32 tcbs, requests, timewaits;
};

static bool is_live(const struct tcb *t)
{
	return t->sk.state != TCP_LISTEN && t->sk.state != TCP_CLOSE;
}

/* The connection in numbers, from its first byte, when FUZZ_SHOW is set: the last one shown is the one that fails. */
static void show(const struct tcb *t)
{
	struct sk_buff *skb;

	if (!getenv("FUZZ_SHOW"))
		return;
	test_note("%s: una %d nxt %d write %d, out %u sacked %u lost %u retrans %u, mss %u noted %u", tcp_state_name(t->sk.state),
		  seq_diff(t->snd.una, t->snd.iss), seq_diff(t->snd.nxt, t->snd.iss), seq_diff(t->snd.write, t->snd.iss),
		  t->packets_out, t->sacked_out, t->lost_out, t->retrans_out, t->mss, t->noted);
	skb_queue_walk(&t->rtxq, skb)
		test_note("  sent %d to %d, %u segments, %#x", seq_diff(tcp_cb(skb)->seq, t->snd.iss),
			  seq_diff(tcp_cb(skb)->end_seq, t->snd.iss), tcp_cb(skb)->segs, tcp_cb(skb)->sacked);
	for (struct rb_node *n = rb_first(&t->ofo); n; n = rb_next(n))
		test_note("  out of order: %d to %d behind rcv.nxt, flags %#x", seq_diff(tcp_cb(rb_to_skb(n))->seq, t->rcv.nxt),
			  seq_diff(tcp_cb(rb_to_skb(n))->end_seq, t->rcv.nxt), tcp_cb(rb_to_skb(n))->flags);
	for (unsigned i = 0; i < NR_TCP_TIMERS; i++)
		if (t->deadline[i])
			test_note("  timer: %s", tcp_timer_name(i));
}

/* Sent and not acknowledged: without gaps up to snd.nxt, and the counts are those of the segments. */
static u32 check_rtxq(const struct tcb *t)
{
	u32 out = 0, sacked = 0, lost = 0, retrans = 0, charged = 0, sorted = 0, on_list = 0;
	seq_t una = seq_eq(t->snd.una, t->snd.iss) ? seq_add(t->snd.una, 1) : t->snd.una; /* fast open: data, and the SYN is out yet */
	bool hint = !t->rtx_hint;
	const struct list_head *l;
	seq_t at = t->snd.nxt;
	struct sk_buff *skb;

	skb_queue_walk(&t->rtxq, skb) {
		const struct tcp_skb_cb *cb = tcp_cb(skb);

		CHECK(skb != skb_peek(&t->rtxq) ? seq_eq(cb->seq, at) : seq_le(cb->seq, una) && seq_gt(cb->end_seq, una));
		CHECK_EQ(seq_diff(cb->end_seq, cb->seq), skb->len + !!(cb->flags & TCP_FIN));
		CHECK(cb->segs > 0);
		CHECK((cb->sacked & (TCPCB_SACKED | TCPCB_LOST)) != (TCPCB_SACKED | TCPCB_LOST));
		at = cb->end_seq;
		out += cb->segs;
		sacked += cb->sacked & TCPCB_SACKED ? cb->segs : 0;
		lost += cb->sacked & TCPCB_LOST ? cb->segs : 0;
		retrans += cb->sacked & TCPCB_RETRANS ? cb->segs : 0;
		on_list += !list_empty(&cb->ts);
		charged += cb->charged;
		hint |= skb == t->rtx_hint;
	}
	for (l = t->tsorted.next; l != &t->tsorted; l = l->next)
		sorted++;
	CHECK(seq_eq(at, t->snd.nxt));
	CHECK_EQ(out, t->packets_out);
	CHECK(!t->sack_ok || sacked == t->sacked_out); /* without it, ACKs that repeat are what counts */
	CHECK_EQ(lost, t->lost_out);
	CHECK_EQ(retrans, t->retrans_out);
	CHECK_EQ(sorted, on_list);
	CHECK(hint);
	return charged;
}

static u32 check_sendq(const struct tcb *t)
{
	struct sk_buff *skb;
	seq_t at = t->snd.nxt;
	u32 charged = 0;

	skb_queue_walk(&t->sendq, skb) {
		const struct tcp_skb_cb *cb = tcp_cb(skb);

		CHECK(seq_eq(cb->seq, at));
		CHECK_EQ(seq_diff(cb->end_seq, cb->seq), skb->len + !!(cb->flags & TCP_FIN));
		CHECK(!cb->sacked);
		at = cb->end_seq;
		charged += cb->charged;
	}
	CHECK(seq_eq(at, t->snd.write));
	return charged;
}

static u32 check_received(const struct tcb *t)
{
	u32 charged = 0, segs = 0, unread = 0;
	seq_t at = t->rcv.nxt;
	struct sk_buff *skb;

	skb_queue_walk(&t->rcvq, skb) {
		charged += tcp_cb(skb)->charged;
		unread += skb->len;
	}
	if (!(t->sk.shutdown & 1))
		CHECK_EQ(unread, seq_diff(t->rcv.nxt, t->rcv.copied));
	for (struct rb_node *n = rb_first(&t->ofo); n; n = rb_next(n)) {
		const struct tcp_skb_cb *cb = tcp_cb(rb_to_skb(n));

		CHECK(seq_gt(cb->end_seq, at));
		at = cb->end_seq;
		charged += cb->charged;
		segs++;
	}
	CHECK_EQ(segs, t->ofo_segs);
	CHECK(t->nr_sacks <= TCP_MAX_SACKS && (!t->nr_sacks || t->sacks));
	return charged;
}

/* What is out is watched by a timer; so is what may not leave, unless the application holds it back. */
static void check_timers(const struct tcb *t)
{
	bool any = t->deadline[TCPT_RTO] || t->deadline[TCPT_TLP] || t->deadline[TCPT_REO] || t->deadline[TCPT_PERSIST];

	if (t->packets_out || t->sk.state == TCP_SYN_SENT || t->sk.state == TCP_SYN_RECEIVED)
		CHECK(any || t->deadline[TCPT_RETRY]);
	for (unsigned i = 0; i < NR_TCP_TIMERS; i++)
		if (t->deadline[i])
			CHECK(t->timer.armed);
}

static void check_tcb(struct tcb *t, struct totals *sum)
{
	u32 charged;

	show(t);
	CHECK(!t->marked && !t->noted);
	CHECK(!t->dead);
	if (!is_live(t))
		return;
	CHECK(seq_le(t->snd.una, t->snd.nxt) && seq_le(t->snd.nxt, t->snd.write));
	CHECK(seq_le(t->rcv.wup, t->rcv.nxt) && seq_le(t->rcv.copied, t->rcv.nxt));
	CHECK(t->cwnd > 0 && t->mss > 0);
	CHECK(t->sacked_out + t->lost_out <= t->packets_out && t->retrans_out <= t->packets_out);
	CHECK(!t->packets_out || t->tx || t->sk.state != TCP_ESTABLISHED);
	charged = check_received(t);
	CHECK_EQ(charged, t->sk.rmem_alloc);
	sum->mem += charged;
	charged = t->sk.state == TCP_SYN_SENT || t->sk.state == TCP_SYN_RECEIVED ? t->sk.wmem_alloc : check_sendq(t) + check_rtxq(t);
	CHECK_EQ(charged, t->sk.wmem_alloc);
	sum->mem += charged;
	check_timers(t);
}

static void check_one(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	struct totals *sum = arg;

	sum->requests += r != NULL;
	sum->timewaits += tw != NULL;
	sum->tcbs += t != NULL;
	if (t)
		check_tcb(t, sum);
}

void tcp_check(struct lab_host *h)
{
	struct tcp_cpu *tc = h->cpu->tcp;
	struct totals sum = { 0 };
	struct net_balance b;

	tcp_for_each(h->cpu, check_one, &sum);
	CHECK_EQ(sum.requests, tc->nr_requests);
	CHECK_EQ(sum.timewaits, tc->nr_timewait);
	CHECK(sum.tcbs <= tc->nr_tcbs);
	CHECK(sum.mem <= tc->mem_bytes && tc->mem_bytes < 1u << 30);
	CHECK(net_balance(h->net, &b));
}

void tcp_check_empty(struct lab_host *h)
{
	struct tcp_cpu *tc = h->cpu->tcp;

	tcp_check(h);
	CHECK_EQ(tc->nr_tcbs, 0);
	CHECK_EQ(tc->nr_requests, 0);
	CHECK_EQ(tc->nr_timewait, 0);
	CHECK_EQ(tc->nr_orphans, 0);
	CHECK_EQ(tc->mem_bytes, 0);
}
