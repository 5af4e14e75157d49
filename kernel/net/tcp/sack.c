/* SPDX-License-Identifier: MIT
 * sack.c - selective acknowledgments: the scoreboard of a sender, the blocks of a receiver (RFC 2018, D-SACK: RFC 2883).
 *
 * A block finds its first skb in the tree. A SACKed skb points to where the SACKed run behind it ends (tcp_skb_cb.skip), and
 * walks shorten those pointers, so that blocks that repeat, as they do in every ACK, cost next to nothing.
 */
#include "net/tcp/tcp_impl.h"

/* ---- sender ---- */

static struct sk_buff *run_end(const struct tcb *t, struct sk_buff *skb)
{
	struct sk_buff *end = skb, *next;

	while (end && tcp_cb(end)->sacked & TCPCB_SACKED)
		end = tcp_cb(end)->skip ?: tcp_rtx_next(t, end);
	for (; skb != end; skb = next) {
		next = tcp_cb(skb)->skip ?: tcp_rtx_next(t, skb);
		tcp_cb(skb)->skip = end;
	}
	return end;
}

static void note_reordering(struct ack_state *s, seq_t seq)
{
	if (!s->reord_set || seq_lt(seq, s->reord))
		s->reord = seq;
	s->reord_set = true;
}

/* It arrived, although it was not retransmitted (or the first transmission did). */
static void never_resent_arrived(struct tcb *t, const struct tcp_skb_cb *cb, struct ack_state *s)
{
	if (t->sacked_out && seq_lt(cb->seq, t->high_sack))
		note_reordering(s, cb->seq);
	if (seq_le(cb->end_seq, t->high_seq))
		s->flag |= FLAG_ORIG_SACK_ACKED;
	if (!s->sack_first_ns)
		s->sack_first_ns = cb->tx_ns;
	s->sack_last_ns = cb->tx_ns;
}

static void mark_sacked(struct tcb *t, struct sk_buff *skb, struct ack_state *s)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);

	tcp_rack_advance(t, cb->sacked, cb->end_seq, cb->tx_ns);
	tcp_rate_delivered(t, cb, &s->rs);
	if (cb->sacked & TCPCB_RETRANS)
		t->retrans_out -= cb->segs;
	else if (!(cb->sacked & TCPCB_EVER_RETRANS))
		never_resent_arrived(t, cb, s);
	if (cb->sacked & TCPCB_LOST)
		t->lost_out -= cb->segs;
	cb->sacked = (cb->sacked & TCPCB_EVER_RETRANS) | TCPCB_SACKED;
	cb->skip = NULL;
	list_del(&cb->ts);
	t->high_sack = t->sacked_out ? seq_max(t->high_sack, cb->end_seq) : cb->end_seq;
	t->sacked_out += cb->segs;
	t->delivered += cb->segs;
	STAT_ADD(t->sk.cpu, TcpExtTCPDelivered, cb->segs);
	s->flag |= FLAG_DATA_SACKED;
}

/* Cuts a GSO skb so that a whole number of its segments lies inside [start, end); returns that skb, NULL: nothing does. */
static struct sk_buff *cut_to_block(struct tcb *t, struct sk_buff *skb, struct tcp_sack_block b)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	u32 mss, off;

	if (seq_ge(cb->seq, b.start) && seq_le(cb->end_seq, b.end))
		return skb;
	if (cb->segs < 2)
		return NULL;
	mss = tcp_skb_mss(t, skb);
	if (seq_lt(cb->seq, b.start)) {
		off = DIV_ROUND_UP((u32)seq_diff(b.start, cb->seq), mss) * mss;
		if (off >= skb->len || !tcp_split(t, skb, off, mss))
			return NULL;
		skb = skb->next;
		cb = tcp_cb(skb);
	}
	if (seq_gt(cb->end_seq, b.end)) {
		off = seq_gt(b.end, cb->seq) ? (u32)seq_diff(b.end, cb->seq) / mss * mss : 0;
		if (!off || !tcp_split(t, skb, off, mss))
			return NULL;
	}
	return skb;
}

static void apply_block(struct tcb *t, struct tcp_sack_block b, struct ack_state *s)
{
	struct sk_buff *skb = tcp_rtx_find(t, b.start), *part;

	while (skb && seq_lt(tcp_cb(skb)->seq, b.end)) {
		if (tcp_cb(skb)->sacked & TCPCB_SACKED) {
			skb = run_end(t, skb);
			continue;
		}
		part = cut_to_block(t, skb, b);
		if (part)
			mark_sacked(t, part, s);
		skb = tcp_rtx_next(t, part ?: skb);
	}
}

/* One that begins where the cumulative ACK ends, or before it, contradicts that. */
static bool block_valid(const struct tcb *t, struct tcp_sack_block b)
{
	return seq_lt(b.start, b.end) && seq_le(b.end, t->snd.nxt) && seq_gt(b.start, t->snd.una);
}

/* RFC 2883: the first block is below the ACK, or inside the second. */
static bool is_dsack(const struct tcp_in *in)
{
	const struct tcp_sack_block *b = in->opt.sacks;

	if (!seq_lt(b[0].start, b[0].end))
		return false;
	if (seq_le(b[0].end, in->seg.ack))
		return true;
	return in->opt.nr_sacks > 1 && seq_ge(b[0].start, b[1].start) && seq_le(b[0].end, b[1].end);
}

static void dsack_rcv(struct tcb *t, const struct tcp_in *in, struct ack_state *s)
{
	struct tcp_sack_block b = in->opt.sacks[0];
	u32 segs = MAX(DIV_ROUND_UP((u32)seq_diff(b.end, b.start), MAX(t->mss, (u16)1)), 1u);

	if (unlikely(!t->tx) || seq_gt(b.end, t->snd.nxt)) { /* of what was never sent */
		STAT(t->sk.cpu, TcpExtTCPSACKDiscard);
		return;
	}
	STAT(t->sk.cpu, TcpExtTCPDSACKRecv);
	if (!seq_lt(b.start, in->seg.ack))
		STAT(t->sk.cpu, TcpExtTCPDSACKOfoRecv);
	if ((u32)seq_diff(b.end, b.start) > t->snd.max_wnd || t->tx->dsack_dups + segs > t->total_retrans) {
		STAT(t->sk.cpu, TcpExtTCPDSACKIgnoredDubious); /* the network's duplicates, or a lie: nothing that we sent needlessly */
		return;
	}
	t->tx->dsack_dups += segs;
	s->flag |= FLAG_DSACK;
	if (t->tlp_out && segs == 1 && seq_eq(b.end, t->tx->tlp_high_seq))
		s->flag |= FLAG_DSACK_TLP; /* a timer's, which says nothing of reordering */
	else if (t->reord_seen)
		t->rack.dsack_seen = true;
	if (t->undo_on && t->tx->undo_retrans > 0 && seq_gt(b.end, t->tx->undo_marker))
		t->tx->undo_retrans = MAX(t->tx->undo_retrans - (s32)segs, 0);
}

void tcp_sack_rcv(struct tcb *t, struct tcp_in *in, struct ack_state *s)
{
	bool dsack = is_dsack(in);
	unsigned i;

	if (dsack)
		dsack_rcv(t, in, s);
	for (i = 0; i < in->opt.nr_sacks; i++) {
		struct tcp_sack_block b = in->opt.sacks[i];

		if (seq_le(b.end, t->snd.una) && seq_lt(b.start, b.end))
			continue; /* acknowledged since, or the D-SACK */
		if (!block_valid(t, b)) {
			STAT(t->sk.cpu, TcpExtTCPSACKDiscard);
			continue;
		}
		if (t->packets_out)
			apply_block(t, b, s);
	}
	if (s->reord_set && (t->ca_state != TCP_CA_LOSS || t->undo_on))
		tcp_check_reordering(t, s->reord, false);
	s->reord_set = false;
}

/* ---- receiver ---- */

/* false: no memory, nothing is told. */
static bool sacks_ready(struct tcb *t)
{
	if (unlikely(!t->sacks))
		t->sacks = kzalloc(sizeof(*t->sacks));
	return t->sacks != NULL;
}

static void drop_block(struct tcb *t, unsigned i)
{
	t->nr_sacks--;
	for (; i < t->nr_sacks; i++)
		t->sacks->block[i] = t->sacks->block[i + 1];
}

/* RFC 2018 4: the block that the newest segment is in comes first, the older ones stay behind it. */
void tcp_sacks_note(struct tcb *t, seq_t start, seq_t end)
{
	unsigned i = 0;

	if (!sacks_ready(t))
		return;
	while (i < t->nr_sacks) {
		struct tcp_sack_block *b = &t->sacks->block[i];

		if (seq_gt(start, b->end) || seq_lt(end, b->start)) {
			i++;
			continue;
		}
		start = seq_min(start, b->start);
		end = seq_max(end, b->end);
		drop_block(t, i);
		i = 0; /* the larger block may touch others */
	}
	if (t->nr_sacks == TCP_MAX_SACKS)
		t->nr_sacks--;
	for (i = t->nr_sacks; i; i--)
		t->sacks->block[i] = t->sacks->block[i - 1];
	t->sacks->block[0] = (struct tcp_sack_block){ start, end };
	t->nr_sacks++;
}

void tcp_sacks_trim(struct tcb *t)
{
	unsigned i = 0;

	while (i < t->nr_sacks) {
		if (seq_le(t->sacks->block[i].start, t->rcv.nxt))
			drop_block(t, i);
		else
			i++;
	}
}

void tcp_dsack_set(struct tcb *t, seq_t start, seq_t end)
{
	struct net_cpu *cpu = t->sk.cpu;

	if (!t->sack_ok || !cpu->sysctl.tcp_dsack || !seq_lt(start, end) || !sacks_ready(t))
		return;
	if (seq_lt(start, t->rcv.nxt))
		STAT(cpu, TcpExtTCPDSACKOldSent);
	else
		STAT(cpu, TcpExtTCPDSACKOfoSent);
	if (t->dsack_due && seq_le(start, t->sacks->dsack.end) && seq_ge(end, t->sacks->dsack.start)) {
		t->sacks->dsack.start = seq_min(t->sacks->dsack.start, start);
		t->sacks->dsack.end = seq_max(t->sacks->dsack.end, end);
		return;
	}
	t->dsack_due = true;
	t->sacks->dsack = (struct tcp_sack_block){ start, end };
}

static u8 *put_block(u8 *p, struct tcp_sack_block b)
{
	be32 w[2] = { be32_of(b.start.v), be32_of(b.end.v) };

	memcpy(p, w, sizeof(w));
	return p + sizeof(w);
}

unsigned tcp_sacks_put(struct tcb *t, u8 *p, unsigned room)
{
	unsigned max = (room - 4) / 8, n = 0, i;
	u8 *b = p + 4;

	if (t->dsack_due) {
		b = put_block(b, t->sacks->dsack);
		n++;
		t->dsack_due = false;
	}
	for (i = 0; i < t->nr_sacks && n < max; i++, n++)
		b = put_block(b, t->sacks->block[i]);
	p[0] = p[1] = TCPOPT_NOP;
	p[2] = TCPOPT_SACK;
	p[3] = (u8)(2 + 8 * n);
	return 4 + 8 * n;
}
