/* SPDX-License-Identifier: MIT
 * reass.c - received text: in order to the application's queue, out of order into a tree, and when that is acknowledged.
 *
 * What the window promised is taken: the queue in order never refuses. The tree is bounded by the receive buffer and gives
 * way from its far end. Adjacent small segments share one buffer once a quarter of the receive buffer is in use, so that a
 * flood of tiny segments costs what it carries. Delayed ACKs: RFC 1122 4.2.3.2, with Linux's quick start and interactive mode.
 */
#include "net/core/trace.h"
#include "net/tcp/receive.h"

/* ---- queues ---- */

/* Appends b's bytes behind a's in a's own buffer. false: no room, or somebody else may see that buffer. */
static bool coalesce(struct tcb *t, struct sk_buff *a, struct sk_buff *b)
{
	if (a->cloned || tcp_cb(a)->flags & TCP_FIN || a->buf->refs != 1 || b->len > skb_tailroom(a))
		return false;
	skb_copy_bits(b, 0, skb_put(a, b->len), b->len);
	tcp_cb(a)->end_seq = tcp_cb(b)->end_seq;
	tcp_cb(a)->flags |= tcp_cb(b)->flags;
	tcp_cb(a)->tx_ns = tcp_cb(b)->tx_ns;
	consume_skb(t->sk.cpu, b);
	return true;
}

static bool buffer_is_filling(const struct tcb *t)
{
	return t->sk.rmem_alloc > t->sk.rcvbuf / 4;
}

/* skb has text at data and its numbers in cb, and begins at rcv.nxt. */
static __force_inline void deliver(struct tcb *t, struct sk_buff *skb)
{
	struct sk_buff *tail = skb_peek_tail(&t->rcvq);
	u32 len = skb->len;

	t->rcv.nxt = tcp_cb(skb)->end_seq;
	t->bytes_received += len;
	if (tail && unlikely(buffer_is_filling(t)) && coalesce(t, tail, skb)) {
		STAT(t->sk.cpu, TcpExtTCPRcvCoalesce);
		return;
	}
	trace(t->sk.cpu, TRACE_QUEUE, skb);
	skb_queue_tail(&t->rcvq, skb);
	tcp_rmem_charge(t, skb);
}

static struct sk_buff *ofo_first(struct tcb *t)
{
	struct rb_node *n = rb_first(&t->ofo);

	return n ? rb_to_skb(n) : NULL;
}

static void ofo_remove(struct tcb *t, struct sk_buff *skb)
{
	rb_erase(&t->ofo, &tcp_cb(skb)->rb);
	t->ofo_segs--;
	tcp_rmem_uncharge(t, skb);
}

void tcp_ofo_empty(struct tcb *t, enum drop_reason reason)
{
	struct sk_buff *skb;

	while (t->ofo_segs && (skb = ofo_first(t))) {
		ofo_remove(t, skb);
		if (reason == RX_OK)
			consume_skb(t->sk.cpu, skb);
		else
			kfree_skb_reason(t->sk.cpu, skb, reason);
	}
}

/* Drops the first n bytes of an skb's text. */
static void trim_front(struct tcb *t, struct sk_buff *skb, u32 n)
{
	skb_pull_any(t->sk.cpu, skb, n);
	tcp_cb(skb)->seq = seq_add(tcp_cb(skb)->seq, n);
}

/* What waited for the gap that has just been filled, up to a FIN. true: one was reached. */
static bool ofo_drain(struct tcb *t)
{
	struct sk_buff *skb;
	bool fin = false;

	while (!fin && (skb = ofo_first(t)) && seq_le(tcp_cb(skb)->seq, t->rcv.nxt)) {
		struct tcp_skb_cb *cb = tcp_cb(skb);

		ofo_remove(t, skb);
		if (seq_le(cb->end_seq, t->rcv.nxt)) {
			tcp_dsack_set(t, cb->seq, cb->end_seq);
			consume_skb(t->sk.cpu, skb);
			continue;
		}
		if (seq_lt(cb->seq, t->rcv.nxt)) {
			u32 dup = (u32)seq_diff(t->rcv.nxt, cb->seq);

			tcp_dsack_set(t, cb->seq, t->rcv.nxt);
			trim_front(t, skb, MIN(dup, skb->len));
		}
		fin = cb->flags & TCP_FIN;
		if (!skb->len) { /* a bare FIN */
			t->rcv.nxt = cb->end_seq;
			consume_skb(t->sk.cpu, skb);
			continue;
		}
		deliver(t, skb);
	}
	tcp_sacks_trim(t);
	return fin;
}

/* ---- out of order ---- */

/* Makes room from the far end, for a segment that ends before that. false: the new one is the farthest. */
static bool ofo_make_room(struct tcb *t, seq_t seq, u32 truesize)
{
	while (t->sk.rmem_alloc + truesize > t->sk.rcvbuf) {
		struct rb_node *n = rb_last(&t->ofo);
		struct sk_buff *last = n ? rb_to_skb(n) : NULL;

		if (!last || seq_ge(seq, tcp_cb(last)->seq)) {
			STAT(t->sk.cpu, TcpExtTCPOFODrop);
			return false;
		}
		STAT(t->sk.cpu, TcpExtOfoPruned);
		ofo_remove(t, last);
		kfree_skb_reason(t->sk.cpu, last, DROP(TCP_OFO_QUEUE_PRUNE));
		t->nr_sacks = 0; /* some of it is gone: say nothing rather than too much */
	}
	return true;
}

/* Where seq belongs in the tree: the neighbour before it, and the link to hang a node on. */
static struct rb_node **ofo_find(struct tcb *t, seq_t seq, struct rb_node **parent, struct sk_buff **before)
{
	struct rb_node **link = &t->ofo.node;

	*parent = NULL;
	*before = NULL;
	while (*link) {
		struct sk_buff *skb = rb_to_skb(*link);

		*parent = *link;
		if (seq_lt(seq, tcp_cb(skb)->seq)) {
			link = &(*link)->left;
		} else {
			*before = skb;
			link = &(*link)->right;
		}
	}
	return link;
}

/* Those behind `skb` that it covers go; one that it covers in part cuts it short. */
static void ofo_trim_followers(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	struct rb_node *n;

	while ((n = rb_next(&cb->rb))) {
		struct sk_buff *next = rb_to_skb(n);
		struct tcp_skb_cb *ncb = tcp_cb(next);

		if (seq_le(cb->end_seq, ncb->seq))
			return;
		if (seq_lt(cb->end_seq, ncb->end_seq)) {
			tcp_dsack_set(t, ncb->seq, cb->end_seq);
			skb_trim(t->sk.cpu, skb, (u32)seq_diff(ncb->seq, cb->seq));
			cb->end_seq = ncb->seq;
			cb->flags &= (u8)~TCP_FIN;
			return;
		}
		tcp_dsack_set(t, ncb->seq, ncb->end_seq);
		ofo_remove(t, next);
		kfree_skb_reason(t->sk.cpu, next, DROP(TCP_OFOMERGE));
	}
}

/* The end of an skb in the tree, and of the next one where no gap is between the two. */
static seq_t held_until(const struct sk_buff *skb)
{
	struct rb_node *n = rb_next(&tcp_cb(skb)->rb);
	seq_t end = tcp_cb(skb)->end_seq;

	return n && seq_eq(tcp_cb(rb_to_skb(n))->seq, end) ? tcp_cb(rb_to_skb(n))->end_seq : end;
}

static enum drop_reason ofo_insert(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	seq_t start = cb->seq, end = cb->end_seq;
	struct rb_node *parent, **link;
	struct sk_buff *before;

	link = ofo_find(t, cb->seq, &parent, &before);
	if (before && seq_gt(tcp_cb(before)->end_seq, cb->seq)) {
		struct tcp_skb_cb *b = tcp_cb(before);

		if (seq_ge(held_until(before), cb->end_seq)) { /* else something of it stays, whatever follows */
			tcp_dsack_set(t, cb->seq, cb->end_seq);
			if (t->sack_ok) /* RFC 2883 4.2: the block that holds it is told next */
				tcp_sacks_note(t, start, end);
			STAT(t->sk.cpu, TcpExtTCPOFOMerge);
			return DROP(TCP_OFOMERGE);
		}
		tcp_dsack_set(t, cb->seq, b->end_seq);
		trim_front(t, skb, (u32)seq_diff(b->end_seq, cb->seq));
	}
	if (t->sack_ok)
		tcp_sacks_note(t, start, end);
	if (before && seq_eq(tcp_cb(before)->end_seq, cb->seq) && !rb_next(&tcp_cb(before)->rb) &&
	    buffer_is_filling(t) && coalesce(t, before, skb))
		return SKB_CONSUMED;
	rb_insert(&t->ofo, &cb->rb, parent, link);
	t->ofo_segs++;
	ofo_trim_followers(t, skb);
	tcp_rmem_charge(t, skb);
	return SKB_CONSUMED;
}

static enum drop_reason out_of_order(struct tcb *t, struct sk_buff *skb)
{
	STAT(t->sk.cpu, TcpExtTCPOFOQueue);
	t->rcv_ooopack++;
	t->pred = 0;
	tcp_ack_now(t); /* RFC 5681 3.2: a duplicate ACK at once */
	if (!ofo_make_room(t, tcp_cb(skb)->seq, skb->truesize))
		return DROP(TCP_OFO_QUEUE_PRUNE);
	return ofo_insert(t, skb);
}

/* ---- estimates about the sender ---- */

static void rcv_rtt_sample(struct tcb *t, u32 rtt_us)
{
	if (!t->rcv_rtt_us)
		t->rcv_rtt_us = rtt_us << 3;
	else
		t->rcv_rtt_us += rtt_us - (t->rcv_rtt_us >> 3);
}

void tcp_rcv_rtt_round(struct tcb *t)
{
	u32 now = cpu_us(t->sk.cpu);

	if (t->rcv_rtt_stamp_us)
		rcv_rtt_sample(t, MAX(now - t->rcv_rtt_stamp_us, 1u));
	t->rcv_rtt_seq = seq_add(t->rcv.nxt, t->rcv.wnd);
	t->rcv_rtt_stamp_us = now | 1;
}

/* The window may grow with segments that fill their buffers; a sender of crumbs would make us promise memory we lack. */
void tcp_grow_window(struct tcb *t, const struct sk_buff *skb)
{
	u32 room = MIN(t->rcv.clamp, tcp_rcv_space(t)), cost = tcp_win_from_space(skb->truesize), step;

	if (room <= t->rcv.ssthresh || t->sk.cpu->tcp->pressure)
		return;
	step = cost <= skb->len * 2 ? 2u * t->advmss : 0;
	if (step) {
		t->rcv.ssthresh += MIN(room - t->rcv.ssthresh, MAX(step, 2 * skb->len));
		t->snd.window = 0;
	}
}

/* So many ACKs at once, as make a window's worth of the sender's slow start, two at least. */
static void more_quickacks(struct tcb *t, u8 max)
{
	u32 n = t->rcv.wnd / (2u * MAX(t->rcv.mss, (u16)1));

	t->ack.quick = (u8)MAX((u32)t->ack.quick, MIN(MAX(n, 2u), (u32)max));
}

void tcp_enter_quickack(struct tcb *t, u8 max)
{
	more_quickacks(t, max);
	t->ack.pingpong = 0;
	t->ack.ato_us = TCP_ATO_MIN_US;
}

static void adapt_ato(struct tcb *t, u64 gap_us)
{
	u32 ato = t->ack.ato_us;

	if (gap_us < ato)
		t->ack.ato_us = MIN(ato / 2 + (u32)gap_us, t->rto_us);
	else if (gap_us > t->rto_us)
		more_quickacks(t, TCP_QUICKACKS);
}

void tcp_text_after_pause(struct tcb *t)
{
	u8 pingpong = t->ack.pingpong;

	if (t->ack.ato_us) {
		adapt_ato(t, (tcp_now(t) - t->last_rcv_ns) / NSEC_PER_USEC);
		return;
	}
	tcp_enter_quickack(t, TCP_QUICKACKS); /* the first: slow start wants ACKs */
	t->ack.pingpong = pingpong;
}

/* ---- to acknowledge now, or later? ---- */

void tcp_ack_policy(struct tcb *t)
{
	tcp_text_acked(t);
}

/* ---- text ---- */

/* Text that begins at rcv.nxt (or before it and reaches beyond). true: a FIN is reached. */
static __force_inline bool rcv_in_order(struct tcb *t, struct tcp_in *in)
{
	struct sk_buff *skb = in->skb;
	struct tcp_skb_cb *cb = tcp_cb(skb);
	bool fin = in->seg.flags & TCP_FIN;

	skb_pull(skb, in->seg.hdr_len);
	cb->seq = in->seg.seq;
	cb->end_seq = in->seg.end;
	cb->flags = in->seg.flags;
	cb->tx_ns = tcp_now(t);
	if (unlikely(seq_lt(cb->seq, t->rcv.nxt)))
		trim_front(t, skb, (u32)seq_diff(t->rcv.nxt, cb->seq));
	tcp_text_event(t, skb);
	deliver(t, skb);
	if (unlikely(t->ofo_segs)) {
		fin = fin || ofo_drain(t); /* nothing follows a FIN, whatever the queue says */
		tcp_ack_now(t); /* RFC 5681 4.2: a gap is filled, or part of it */
	}
	tcp_tell_readable(t);
	return fin;
}

enum drop_reason tcp_text_predicted(struct tcb *t, struct tcp_in *in)
{
	STAT(t->sk.cpu, TcpExtTCPHPHits);
	t->data_segs_in++;
	if (unlikely(t->ecn_ok))
		tcp_ecn_rcv(t, in);
	if (!seq_eq(in->seg.ack, t->snd.una))
		tcp_ack_rcv(t, in, FLAG_FAST);
	if (tcp_memory_out(t->sk.cpu))
		return DROP(NOMEM);
	rcv_in_order(t, in);
	tcp_text_acked(t);
	return SKB_CONSUMED;
}

/* What came before: the peer missed our ACK. */
static enum drop_reason old_data(struct tcb *t, const struct tcp_seg *seg)
{
	if (t->ack.delayed)
		STAT(t->sk.cpu, TcpExtDelayedACKLost);
	tcp_dsack_set(t, seg->seq, seg->end);
	tcp_enter_quickack(t, TCP_QUICKACKS);
	tcp_ack_now(t);
	return DROP(TCP_OLD_DATA);
}

enum drop_reason tcp_data_rcv(struct tcb *t, struct tcp_in *in, bool *fin)
{
	struct tcp_seg *seg = &in->seg;
	struct tcp_skb_cb *cb = tcp_cb(in->skb);

	if (unlikely(t->ecn_ok))
		tcp_ecn_rcv(t, in);
	if (seq_le(seg->end, t->rcv.nxt))
		return old_data(t, seg);
	if (seq_le(seg->seq, t->rcv.nxt)) {
		if (seq_lt(seg->seq, t->rcv.nxt))
			tcp_dsack_set(t, seg->seq, t->rcv.nxt);
		if (!seg->len || seq_ge(t->rcv.nxt, seq_add(seg->seq, seg->len))) { /* only the FIN is new */
			t->rcv.nxt = seg->end;
			*fin = true;
			return RX_OK;
		}
		*fin = rcv_in_order(t, in);
		return SKB_CONSUMED;
	}
	skb_pull(in->skb, seg->hdr_len);
	cb->seq = seg->seq;
	cb->end_seq = seg->end;
	cb->flags = seg->flags;
	cb->tx_ns = tcp_now(t);
	return out_of_order(t, in->skb);
}

/* ---- the window we offer ---- */

u32 tcp_rcv_space(const struct tcb *t)
{
	return t->sk.rcvbuf > t->sk.rmem_alloc ? tcp_win_from_space(t->sk.rcvbuf - t->sk.rmem_alloc) : 0;
}

/* What a window of so many bytes may become: whole scale units, nothing silly (RFC 9293 3.8.6.2.2). */
u32 tcp_next_window(const struct tcb *t)
{
	u32 full = MIN(t->rcv.clamp, tcp_win_from_space(t->sk.rcvbuf)), space = MIN(tcp_rcv_space(t), full);
	u32 mss = MIN((u32)t->rcv.mss, full), unit = 1u << t->rcv.wscale, wnd = t->rcv.wnd;

	if (!mss || space < full / 16 || space < mss)
		return 0;
	space = MIN(space, t->sk.cpu->tcp->pressure ? MIN(t->rcv.ssthresh, 4u * t->advmss) : t->rcv.ssthresh);
	if (t->rcv.wscale)
		return ALIGN_UP(space, unit);
	if (wnd + mss <= space || wnd > space)
		return space / mss * mss;
	return wnd;
}

/* The window while nobody is behind with reading and memory is at ease, as almost always: what ssthresh allows. 0: not so. */
static u32 window_at_ease(const struct tcb *t)
{
	if (unlikely(t->sk.rmem_alloc || t->sk.cpu->tcp->pressure || !t->rcv.wscale))
		return 0;
	if (unlikely(t->rcv.ssthresh > t->rcv.clamp || t->rcv.ssthresh > tcp_win_from_space(t->sk.rcvbuf)))
		return 0;
	return ALIGN_UP(t->rcv.ssthresh, 1u << t->rcv.wscale);
}

/* Never takes back what was offered (SHLD-14). In bytes. `at_ease`: as above. */
static u32 select_window(struct tcb *t, u32 at_ease)
{
	u32 old = tcp_receive_window(t), wnd = at_ease ?: tcp_next_window(t);

	if (wnd < old) {
		if (!wnd)
			STAT(t->sk.cpu, TcpExtTCPWantZeroWindowAdv);
		wnd = ALIGN_UP(old, 1u << t->rcv.wscale);
	}
	wnd = MIN(wnd, 65535u << t->rcv.wscale);
	if (unlikely(!wnd != !t->rcv.wnd)) {
		if (wnd)
			STAT(t->sk.cpu, TcpExtTCPFromZeroWindowAdv);
		else
			STAT(t->sk.cpu, TcpExtTCPToZeroWindowAdv);
		t->rcv.wnd = wnd;
		tcp_pred_update(t);
	}
	t->rcv.wnd = wnd;
	t->rcv.wup = t->rcv.nxt;
	return wnd;
}

u16 tcp_window_anew(struct tcb *t)
{
	u32 at_ease = window_at_ease(t), wnd = at_ease;
	u16 field;

	if (at_ease && at_ease == t->rcv.wnd)
		t->rcv.wup = t->rcv.nxt;
	else
		wnd = select_window(t, at_ease);
	field = (u16)MIN(wnd >> t->rcv.wscale, 65535u);
	t->snd.window = wnd == at_ease ? field : 0; /* it stays so until something changes; 0, which is no window at ease, asks again */
	return field;
}

/* What a SYN offers: half of the buffer in whole segments, unscaled; and the scale that the largest buffer would need. */
u32 tcp_initial_window(u32 rcvbuf, u32 mss, const struct net_sysctls *s, bool ws, u8 *wscale)
{
	u32 space = tcp_win_from_space(rcvbuf), most = MAX((u32)s->tcp_rmem_max, space);

	most = (most - 1) / 65535u; /* whose bits are those that the field lacks */
	*wscale = ws && most ? (u8)MIN(32 - __builtin_clz(most), TCP_WSCALE_MAX) : 0;
	if (space > mss)
		space -= space % mss;
	return MIN(space, 65535u);
}

/* At the beginning of ESTABLISHED. */
void tcp_rcv_window_init(struct tcb *t)
{
	u32 full = tcp_win_from_space(t->sk.rcvbuf), mss = MIN(MIN((u32)t->advmss, (u32)t->mss), (u32)TCP_MSS_DEFAULT);

	t->rcv.mss = (u16)MAX(MIN(mss, t->rcv.wnd / 2), 88u);
	t->rcv.clamp = t->rcv.clamp ? MIN(t->rcv.clamp, full) : full;
	t->rcv.ssthresh = MIN(MAX(t->rcv.wnd, 2u * t->advmss), t->rcv.clamp);
	t->snd.window = 0;
	t->space_bytes = MIN(t->rcv.wnd, TCP_INIT_CWND * t->advmss);
	t->space_seq = t->rcv.copied;
	t->space_us = cpu_us(t->sk.cpu);
}

/* Dynamic right-sizing: the buffer is twice what the application takes in a round trip, and room for slow start. */
static void autotune(struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	u32 now = cpu_us(t->sk.cpu), copied = (u32)seq_diff(t->rcv.copied, t->space_seq);
	u64 want;

	if (!t->rcv_rtt_us || now - t->space_us < t->rcv_rtt_us >> 3)
		return;
	if (copied > t->space_bytes) {
		if (s->tcp_moderate_rcvbuf && !t->rcvbuf_locked && !t->sk.cpu->tcp->pressure) {
			want = 2ull * copied + 16u * t->advmss;
			want += want * (copied - t->space_bytes) / MAX(t->space_bytes, 1u) * 2;
			want = MIN(want * 2, (u64)s->tcp_rmem_max);
			if (want > t->sk.rcvbuf) {
				t->sk.rcvbuf = (u32)want;
				t->rcv.clamp = tcp_win_from_space((u32)want);
			}
		}
		t->space_bytes = copied;
	}
	t->space_seq = t->rcv.copied;
	t->space_us = now;
}

void tcp_read_done(struct tcb *t)
{
	u32 now_open = tcp_receive_window(t), next;

	autotune(t);
	if (t->sk.state == TCP_CLOSE || t->sk.shutdown & 1)
		return;
	if (t->ack.delayed && ((u32)seq_diff(t->rcv.nxt, t->rcv.wup) > t->rcv.mss ||
			       (!t->ack.pingpong && (t->ack.quick || t->ack.delayed == 2) && !t->sk.rmem_alloc))) {
		tcp_ack_now(t);
		return;
	}
	if (2 * now_open > t->rcv.clamp)
		return;
	next = tcp_next_window(t);
	if (next && next >= 2 * now_open)
		tcp_ack_now(t);
}
