/* SPDX-License-Identifier: MIT
 * sendq.c - the application's bytes on their way out: cut into skbs when they are given, kept until acknowledged.
 *
 * sendq (not sent) and rtxq (sent) are one sequence: sendq's first goes to rtxq's end when it leaves. rtxq is also a tree
 * by sequence number and a list by time of transmission. An skb here has no headers; a transmission shares its bytes.
 * Every skb is charged to sk.wmem_alloc with its length and TCP_SKB_COST.
 */
#include "net/tcp/tcp_impl.h"

/* Segments share the bytes as frags, the linear part too: one with more could never be sent whole. */
#define QUEUE_FRAGS (MAX_SKB_FRAGS - 1)

/* ---- charging ---- */

static void wmem_charge(struct tcb *t, struct sk_buff *skb)
{
	u32 cost = skb->len + TCP_SKB_COST, delta = cost - tcp_cb(skb)->charged;

	tcp_cb(skb)->charged = cost;
	t->sk.wmem_alloc += delta;
	t->sk.cpu->tcp->mem_bytes += (u64)(s64)(s32)delta;
}

/* As much as TCP_NOTSENT_LOWAT has, or its 2^-part'th. */
static bool too_much_unsent(const struct tcb *t, unsigned part)
{
	s64 lowat = t->notsent_lowat ? (s64)t->notsent_lowat : t->sk.cpu->sysctl.tcp_notsent_lowat;

	return (s64)seq_diff(t->snd.write, t->snd.nxt) << part >= lowat;
}

u32 tcp_sndbuf_space(const struct tcb *t)
{
	if (unlikely(too_much_unsent(t, 0)))
		return 0;
	return t->sk.sndbuf > t->sk.wmem_alloc ? t->sk.sndbuf - t->sk.wmem_alloc : 0;
}

/* A third of the buffer is free, and not half of what may be queued waits unsent. */
bool tcp_may_write(const struct tcb *t)
{
	return tcp_sndbuf_space(t) >= t->sk.wmem_alloc / 2 && !too_much_unsent(t, 1);
}

/* Room for two windows, each segment with its metadata (tcp_wmem is the bound); a third for a rate that probes for more. */
void tcp_sndbuf_expand(struct tcb *t)
{
	u32 segs = MAX(MAX(t->cwnd, TCP_INIT_CWND), (u32)t->reordering + 1);
	u64 want = (t->ca->paces ? 3ull : 2ull) * segs * (t->mss + TCP_SKB_COST);

	if (want > t->sk.sndbuf && !t->sndbuf_locked)
		t->sk.sndbuf = (u32)MIN(want, (u64)t->sk.cpu->sysctl.tcp_wmem_max);
}

/* Acknowledged bytes left the queue: grows the buffer with the window, and tells a writer that waits when a third is free. */
void tcp_new_space(struct tcb *t)
{
	if ((t->cwnd_limited || tcp_is_paced(t)) && !t->sk.cpu->tcp->pressure)
		tcp_sndbuf_expand(t);
	if (t->nospace && tcp_may_write(t)) {
		t->nospace = false;
		tcp_event(t, EPOLLOUT);
	}
}

/* ---- filling ---- */

static struct sk_buff *queue_new(struct tcb *t, unsigned headroom)
{
	struct sk_buff *skb = alloc_skb(t->sk.cpu, headroom);
	struct tcp_skb_cb *cb;

	if (!skb)
		return NULL;
	cb = tcp_cb(skb);
	cb->seq = cb->end_seq = t->snd.write;
	cb->flags = cb->sacked = 0;
	cb->own = true;
	cb->eor = false;
	cb->tx_ns = 0;
	cb->charged = 0;
	return skb;
}

static void queue_tail(struct tcb *t, struct sk_buff *skb)
{
	skb_queue_tail(&t->sendq, skb);
	wmem_charge(t, skb);
}

/* n bytes were put behind the last of the queue. */
static void queue_grew(struct tcb *t, struct sk_buff *skb, u32 n)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);

	cb->end_seq = seq_add(cb->end_seq, n);
	cb->flags &= (u8)~TCP_PSH;
	t->snd.write = seq_add(t->snd.write, n);
	tcp_set_segs(skb, t->mss);
	wmem_charge(t, skb);
}

/* Where up to *n bytes can be written behind skb's last; NULL: nowhere. The caller says how many it wrote (room_used). */
static u8 *room_behind(struct net_cpu *cpu, struct sk_buff *skb, u32 *n)
{
	struct skb_frag *f;
	struct skb_buf *buf;
	u32 room;

	if (!tcp_cb(skb)->own)
		return NULL;
	if (!skb->data_len && skb_tailroom(skb)) {
		*n = MIN(*n, skb_tailroom(skb));
		return skb->tail;
	}
	f = skb->nr_frags ? &skb->frags[skb->nr_frags - 1] : NULL;
	if (f && f->buf) {
		room = (u32)(skb_buf_room(f->buf) + SKB_BUF_ROOM - (f->ptr + f->len));
		if (room) {
			*n = MIN(*n, room);
			return f->ptr + f->len;
		}
	}
	if (skb->nr_frags == QUEUE_FRAGS || !(buf = skb_buf_alloc(cpu)))
		return NULL;
	skb_add_frag(skb, buf, skb_buf_room(buf), 0);
	*n = MIN(*n, (u32)SKB_BUF_ROOM);
	return skb_buf_room(buf);
}

static void room_used(struct sk_buff *skb, u32 n)
{
	if (!skb->nr_frags) {
		skb_put(skb, n);
		return;
	}
	skb->frags[skb->nr_frags - 1].len += n;
	skb->len += n;
	skb->data_len += n;
}

/* The skb that the next bytes go to: the last one while it is unsent and not full. */
static struct sk_buff *queue_open_tail(struct tcb *t, u32 goal)
{
	struct sk_buff *skb = skb_peek_tail(&t->sendq);

	return skb && skb->len < goal && !(tcp_cb(skb)->flags & TCP_FIN) && !tcp_cb(skb)->eor ? skb : NULL;
}

/* Behind the tail while that has room, which the buffer's limit may be passed for; 0: memory is out, or the buffer is full. */
static long queue_some(struct tcb *t, const u8 *from, u32 len, u32 goal, bool *full)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct sk_buff *skb = queue_open_tail(t, goal), *fresh = NULL;
	u32 n = skb ? MIN(len, goal - skb->len) : MIN(len, goal);
	u8 *to = skb ? room_behind(cpu, skb, &n) : NULL;

	if (!to) {
		*full = !tcp_sndbuf_space(t);
		if (*full || tcp_memory_low(cpu) || !(skb = fresh = queue_new(t, 0)))
			return 0;
		n = MIN(len, goal);
		to = room_behind(cpu, skb, &n);
	}
	memcpy(to, from, n);
	room_used(skb, n);
	STAT_ADD(cpu, CopyOutBytes, n);
	if (fresh)
		queue_tail(t, fresh);
	queue_grew(t, skb, n);
	return n;
}

/* The end of a send call: what it queued may go. Nothing queued: why. */
static long queue_done(struct tcb *t, long done, int flags, bool full)
{
	struct sk_buff *tail = skb_peek_tail(&t->sendq);

	t->more = (flags & MSG_MORE) != 0;
	t->push = false;
	if (done && tail && !t->more)
		tcp_cb(tail)->flags |= TCP_PSH;
	if (done && tail && flags & MSG_EOR)
		tcp_cb(tail)->eor = true;
	if (done && unlikely(t->stamping))
		tcp_stamp_ask(t);
	if (done)
		tcp_mark(t);
	if (full)
		t->nospace = true;
	else if (!done)
		tcp_timer_set(t, TCPT_RETRY, tcp_now(t) + TCP_RETRY_US * NSEC_PER_USEC);
	if (!done)
		t->nospace = true;
	if (unlikely(full) && t->packets_out && !tail)
		tcp_chrono(t, CHRONO_SNDBUF_LIMITED); /* all that was taken has left already */
	return done ? done : -EAGAIN;
}

/* More follows behind the last skb. What may leave of it does so before the rest is copied; and a peer that waits for PSH is
 * told once in half of its window. */
static void skb_is_full(struct tcb *t, u32 *unpushed)
{
	struct sk_buff *tail = skb_peek_tail(&t->sendq);

	if (*unpushed > t->snd.max_wnd / 2) {
		tcp_cb(tail)->flags |= TCP_PSH;
		*unpushed = 0;
	}
	if (tail == tcp_send_head(t) && t->sk.state != TCP_SYN_SENT && !t->mtup_on) { /* an MTU probe wants much behind it */
		tcp_settle(t);
		tcp_output(t);
	}
}

static __noinline long queue_long(struct tcb *t, const struct msghdr *m, int flags)
{
	u32 goal = tcp_size_goal(t), unpushed = 0;
	bool full = false;
	long done = 0;
	size_t i;

	for (i = 0; i < m->msg_iovlen; i++) {
		const u8 *p = m->msg_iov[i].iov_base;
		size_t left = m->msg_iov[i].iov_len;

		while (left) {
			long n = queue_some(t, p, (u32)MIN(left, (size_t)goal), goal, &full);

			if (!n)
				return queue_done(t, done, flags, full);
			p += n;
			left -= (size_t)n;
			done += n;
			unpushed += (u32)n;
			if (left && skb_peek_tail(&t->sendq)->len >= goal)
				skb_is_full(t, &unpushed);
			if (unlikely(t->sk.state == TCP_CLOSE))
				return done; /* sending ended it; the next call is told why */
		}
	}
	return queue_done(t, done, flags, false);
}

static inline void copy_piece(const struct tcb *t, u8 *to, const struct iovec *v)
{
	if (likely(v->iov_len >= VECTOR_MOVE_MIN && t->sk.cpu->tcp->vectors))
		vector_move(to, v->iov_base, v->iov_len);
	else
		memcpy(to, v->iov_base, v->iov_len);
}

/* A message that is one segment, into an empty queue, with room for headers in front. false: not so, or no memory. */
static bool queue_small(struct tcb *t, const struct msghdr *m, size_t len)
{
	struct sk_buff *skb;
	u8 *to;

	if (!skb_queue_empty(&t->sendq) || len > MIN((u32)t->mss, (u32)(SKB_BUF_ROOM - SKB_HEADROOM)) || !tcp_sndbuf_space(t) ||
	    tcp_memory_low(t->sk.cpu) || !(skb = queue_new(t, SKB_HEADROOM)))
		return false;
	to = skb_put(skb, (unsigned)len);
	for (size_t i = 0; i < m->msg_iovlen; to += m->msg_iov[i++].iov_len)
		copy_piece(t, to, &m->msg_iov[i]);
	STAT_ADD(t->sk.cpu, CopyOutBytes, len);
	t->snd.write = tcp_cb(skb)->end_seq = seq_add(t->snd.write, (u32)len);
	tcp_cb(skb)->segs = 1;
	queue_tail(t, skb);
	return true;
}

size_t tcp_message_len(const struct msghdr *m)
{
	size_t len = 0;

	for (size_t i = 0; i < m->msg_iovlen; i++)
		len += m->msg_iov[i].iov_len;
	return len;
}

long tcp_queue_bytes(struct tcb *t, const struct msghdr *m, int flags)
{
	size_t len = tcp_message_len(m);

	if (!len)
		return 0;
	return likely(queue_small(t, m, len)) ? queue_done(t, (long)len, flags, false) : queue_long(t, m, flags);
}

static u32 static_some(struct tcb *t, const u8 *mem, u32 len, u32 goal)
{
	struct sk_buff *skb = queue_open_tail(t, goal), *fresh = NULL;
	u32 n;

	if (!skb || skb->nr_frags >= QUEUE_FRAGS) {
		if (tcp_memory_low(t->sk.cpu) || !(skb = fresh = queue_new(t, 0)))
			return 0;
	}
	n = MIN(len, goal - skb->len);
	skb_add_frag(skb, NULL, (u8 *)(uintptr_t)mem, n);
	if (fresh)
		queue_tail(t, fresh);
	queue_grew(t, skb, n);
	return n;
}

long tcp_queue_static(struct tcb *t, const u8 *mem, size_t len, int flags)
{
	u32 goal = tcp_size_goal(t);
	size_t done = 0;
	bool full = false;

	while (done < len) {
		u32 n;

		full = !tcp_sndbuf_space(t);
		n = full ? 0 : static_some(t, mem + done, (u32)MIN(len - done, (size_t)goal), goal);
		if (!n)
			break;
		done += n;
	}
	return len ? queue_done(t, (long)done, flags, full && done < len) : 0;
}

/* An skb joins the last one when both fit one segment (or one GSO skb): references only. */
static bool queue_merge(struct tcb *t, struct sk_buff *skb)
{
	u32 goal = tcp_size_goal(t), len = skb->len;
	struct sk_buff *tail = queue_open_tail(t, goal);

	if (!tail || tail->len + len > goal || tail->nr_frags + skb->nr_frags + 1u > QUEUE_FRAGS ||
	    !skb_share(t->sk.cpu, tail, skb, 0, len))
		return false;
	tcp_cb(tail)->own = false;
	queue_grew(t, tail, len);
	consume_skb(t->sk.cpu, skb);
	return true;
}

static __noinline int queue_skb(struct tcb *t, struct sk_buff *skb, int flags)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	u32 len = skb->len;

	if (!len) { /* a datagram of none may be sent on a stream */
		consume_skb(t->sk.cpu, skb);
		return 0;
	}
	if (!tcp_sndbuf_space(t)) {
		t->nospace = true;
		return -EAGAIN;
	}
	if (skb_queue_empty(&t->sendq) || !queue_merge(t, skb)) {
		cb->seq = cb->end_seq = t->snd.write;
		cb->flags = cb->sacked = 0;
		cb->own = cb->eor = false;
		cb->tx_ns = 0;
		cb->charged = 0;
		skb->sk = NULL;
		skb_queue_tail(&t->sendq, skb);
		queue_grew(t, skb, len);
		if (unlikely(skb->nr_frags > QUEUE_FRAGS))
			tcp_split(t, skb, len / 2, t->mss);
	}
	queue_done(t, 1, flags, false);
	return 0;
}

/* Does it go whole, as one segment, and nothing waits or holds it back? */
static inline bool goes_alone(const struct tcb *t, const struct sk_buff *skb, int flags)
{
	return skb_queue_empty(&t->sendq) && skb->len - 1u < t->mss && !skb->nr_frags && t->sk.wmem_alloc < t->sk.sndbuf &&
	       !(flags & (MSG_MORE | MSG_EOR) || t->more || t->push || t->stamping);
}

/* Most often so: what queue_skb() does then. */
int tcp_queue_skb(struct tcb *t, struct sk_buff *skb, int flags)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	u32 cost = skb->len + TCP_SKB_COST;

	if (unlikely(!goes_alone(t, skb, flags)))
		return queue_skb(t, skb, flags);
	cb->seq = t->snd.write;
	t->snd.write = cb->end_seq = seq_add(cb->seq, skb->len);
	cb->flags = TCP_PSH;
	cb->sacked = 0;
	cb->own = cb->app_limited = cb->eor = false;
	cb->segs = 1;
	cb->tx_ns = 0;
	cb->charged = cost;
	t->sk.wmem_alloc += cost;
	t->sk.cpu->tcp->mem_bytes += cost;
	skb->sk = NULL;
	skb->next = skb->prev = (struct sk_buff *)&t->sendq;
	t->sendq = (struct sk_buff_head){ skb, skb, 1 };
	tcp_mark(t);
	return 0;
}

bool tcp_queue_fin(struct tcb *t)
{
	struct sk_buff *skb = skb_peek_tail(&t->sendq);

	if (!skb) {
		skb = queue_new(t, 0);
		if (!skb)
			return false;
		tcp_set_segs(skb, t->mss);
		queue_tail(t, skb);
	}
	tcp_cb(skb)->flags |= skb->len ? TCP_FIN | TCP_PSH : TCP_FIN;
	tcp_cb(skb)->end_seq = seq_add(tcp_cb(skb)->end_seq, 1);
	t->snd.write = seq_add(t->snd.write, 1);
	t->fin_queued = true;
	return true;
}

/* The first n bytes of `from`, the second skb of sendq, join the first one, by reference. */
static bool gather_some(struct tcb *t, struct sk_buff *head, struct sk_buff *from, u32 n)
{
	struct tcp_skb_cb *cb = tcp_cb(head);

	if (cb->eor || tcp_cb(from)->flags & TCP_FIN || head->nr_frags + from->nr_frags + 2u > MAX_SKB_FRAGS)
		return false;
	if (n < from->len && !tcp_split(t, from, n, t->mss))
		return false;
	if (!skb_share(t->sk.cpu, head, from, 0, n))
		return false;
	cb->own = false;
	cb->end_seq = tcp_cb(from)->end_seq;
	cb->flags |= tcp_cb(from)->flags;
	cb->eor = tcp_cb(from)->eor;
	skb_unlink(&t->sendq, from);
	tcp_wmem_free_skb(t, from);
	wmem_charge(t, head);
	return true;
}

bool tcp_gather(struct tcb *t, u32 len)
{
	struct sk_buff *head = tcp_send_head(t);

	while (head->len < len) {
		struct sk_buff *next = head->next;

		if (next == (struct sk_buff *)&t->sendq || !gather_some(t, head, next, MIN(next->len, len - head->len)))
			return false;
	}
	tcp_set_segs(head, t->mss);
	return head->len == len || tcp_split(t, head, len, t->mss);
}

/* ---- the retransmit queue ---- */

void tcp_tree_insert(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	struct rb_node *parent = NULL, **link = &t->rtx_tree.node;

	while (*link) {
		parent = *link;
		link = seq_lt(cb->seq, rb_entry(parent, struct tcp_skb_cb, rb)->seq) ? &parent->left : &parent->right;
	}
	rb_insert(&t->rtx_tree, &cb->rb, parent, link);
}

static void tree_build(struct tcb *t)
{
	struct sk_buff *skb;

	skb_queue_walk(&t->rtxq, skb)
		tcp_tree_insert(t, skb);
}

void tcp_rtx_unlink_free(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);

	if (t->rtx_hint == skb)
		t->rtx_hint = tcp_rtx_next(t, skb);
	if (unlikely(t->rtx_tree.node))
		rb_erase(&t->rtx_tree, &cb->rb);
	list_del(&cb->ts);
	skb_unlink(&t->rtxq, skb);
	tcp_wmem_free_skb(t, skb);
}

struct sk_buff *tcp_rtx_find(struct tcb *t, seq_t seq)
{
	struct tcp_skb_cb *best = NULL;
	struct rb_node *n;

	if (!t->rtx_tree.node)
		tree_build(t);
	n = t->rtx_tree.node;
	while (n) {
		struct tcp_skb_cb *cb = rb_entry(n, struct tcp_skb_cb, rb);

		if (seq_gt(cb->end_seq, seq)) {
			best = cb;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best ? rb_to_skb(&best->rb) : NULL;
}

/* Segment counts follow an skb whose number of segments changed by `diff`. */
static void adjust_counts(struct tcb *t, u8 sacked, s32 diff)
{
	t->packets_out += (u32)diff;
	t->snd.lone = false;
	if (sacked & TCPCB_SACKED)
		t->sacked_out += (u32)diff;
	if (sacked & TCPCB_LOST)
		t->lost_out += (u32)diff;
	if (sacked & TCPCB_RETRANS)
		t->retrans_out += (u32)diff;
}

static void split_enter_rtx(struct tcb *t, struct sk_buff *skb, struct sk_buff *rest, s32 old_segs)
{
	struct tcp_skb_cb *cb = tcp_cb(skb), *rcb = tcp_cb(rest);

	skb_insert(&t->rtxq, rest, skb, skb->next);
	tcp_rtx_insert(t, rest);
	if (list_empty(&cb->ts))
		list_init(&rcb->ts);
	else
		list_add(&rcb->ts, &cb->ts);
	adjust_counts(t, cb->sacked, cb->segs + rcb->segs - old_segs);
}

bool tcp_split(struct tcb *t, struct sk_buff *skb, u32 len, u32 mss)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct sk_buff *rest = skb_clone(cpu, skb);
	struct tcp_skb_cb *cb = tcp_cb(skb), *rcb;
	bool sent = cb->tx_ns != 0;
	s32 old_segs = cb->segs;

	if (!rest)
		return false;
	rcb = tcp_cb(rest);
	*rcb = *cb;
	skb_pull_any(cpu, rest, len);
	skb_trim(cpu, skb, len);
	cb->end_seq = rcb->seq = seq_add(cb->seq, len);
	cb->flags &= (u8) ~(TCP_FIN | TCP_PSH);
	cb->own = cb->eor = false;
	rcb->charged = 0;
	wmem_charge(t, skb);
	wmem_charge(t, rest);
	tcp_set_segs(skb, mss);
	tcp_set_segs(rest, mss);
	if (sent)
		split_enter_rtx(t, skb, rest, old_segs);
	else
		skb_insert(&t->sendq, rest, skb, skb->next);
	return true;
}

/* The first len bytes of an skb of rtxq are acknowledged, the others are not. */
void tcp_trim_head(struct tcb *t, struct sk_buff *skb, u32 len, u32 mss)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	s32 old_segs = cb->segs;

	skb_pull_any(t->sk.cpu, skb, len);
	cb->seq = seq_add(cb->seq, len);
	wmem_charge(t, skb);
	tcp_set_segs(skb, mss);
	adjust_counts(t, cb->sacked, cb->segs - old_segs);
}

/* The first `segs` segments of an skb, `len` bytes, are acknowledged and already out of the counts. */
void tcp_trim_acked(struct tcb *t, struct sk_buff *skb, u32 len, u32 segs)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);

	skb_pull_any(t->sk.cpu, skb, len);
	cb->seq = seq_add(cb->seq, len);
	cb->segs -= (u16)segs;
	wmem_charge(t, skb);
}

void tcp_sendq_empty(struct tcb *t)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&t->sendq)))
		tcp_wmem_free_skb(t, skb);
	while ((skb = skb_dequeue(&t->rtxq)))
		tcp_wmem_free_skb(t, skb);
	t->rtx_tree.node = NULL;
	t->rtx_hint = NULL;
	list_init(&t->tsorted);
	t->packets_out = t->sacked_out = t->lost_out = t->retrans_out = 0;
	t->snd.lone = false;
}
