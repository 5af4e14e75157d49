/* SPDX-License-Identifier: MIT
 * err.c - ICMP errors about our segments (RFC 1122 4.2.3.9, RFC 5927): believed only when they quote what is in flight.
 *
 * "Packet too big" shrinks the segments and sends at once what no longer fits (RFC 1191 6.1). Hard errors end a connection
 * that is still opening; an established one takes them as a hint that the user sees when it times out.
 */
#include "net/tcp/tcp_impl.h"

enum { ICMP_UNREACH = 3, ICMP_QUENCH = 4, ICMP_TIME_EXCEEDED = 11, ICMP_PARAM = 12 };
enum { UNREACH_NET, UNREACH_HOST, UNREACH_PROTO, UNREACH_PORT, UNREACH_FRAG, UNREACH_SRCROUTE };

static int unreach_errno(u8 code)
{
	switch (code) {
	case UNREACH_NET:
		return ENETUNREACH;
	case UNREACH_PROTO:
		return ENOPROTOOPT;
	case UNREACH_PORT:
		return ECONNREFUSED;
	case UNREACH_SRCROUTE:
		return EOPNOTSUPP;
	}
	return EHOSTUNREACH;
}

void tcp_simple_retransmit(struct tcb *t)
{
	struct sk_buff *skb;

	for (skb = tcp_rtx_head(t); skb; skb = tcp_rtx_next(t, skb))
		if (skb->len > t->mss && !(tcp_cb(skb)->sacked & (TCPCB_SACKED | TCPCB_LOST)))
			tcp_mark_lost(t, skb);
	if (!t->lost_out)
		return;
	if (t->ca_state != TCP_CA_LOSS) {
		t->high_seq = t->snd.nxt;
		t->tx->prior_ssthresh = 0;
		t->undo_on = false;
		tcp_set_ca_state(t, TCP_CA_LOSS);
	}
	tcp_mark(t);
}

/* The bytes of a Fast Open made its SYN too long: it goes again without them, at once. */
static void open_again(struct tcb *t)
{
	t->advmss = (u16)MIN((u32)t->advmss, tcp_path_mss(t));
	if (!tcp_rtx_head(t) || t->syn_retries)
		return;
	t->syn_retries++;
	STAT(t->sk.cpu, TcpExtTCPSynRetrans);
	STAT(t->sk.cpu, TcpRetransSegs);
	t->total_retrans++;
	tcp_ack_now(t);
}

static void mtu_reduced(struct tcb *t, u32 mtu)
{
	u16 before = t->mss;

	t->sk.af->pmtu_update(t->sk.cpu, &t->sk.daddr, mtu);
	t->sk.dst.gen = 0;
	if (tcp_route(t))
		return;
	if (unlikely(t->mtup_on))
		tcp_mtu_told(t);
	tcp_sync_mss(t);
	if (t->sk.state == TCP_SYN_SENT)
		open_again(t);
	else if (t->mss < before)
		tcp_simple_retransmit(t);
}

static void tcb_err(struct tcb *t, seq_t seq, u8 type, u8 code, u32 info)
{
	bool opening = t->sk.state == TCP_SYN_SENT;

	tcp_settle(t);
	if (!opening && (seq_lt(seq, t->snd.una) || seq_ge(seq, t->snd.nxt)))
		return; /* RFC 5927 4.1: quotes nothing in flight */
	if (opening && !seq_eq(seq, t->snd.iss))
		return;
	if (type == ICMP_UNREACH && code == UNREACH_FRAG) {
		mtu_reduced(t, info);
		return;
	}
	if (type == ICMP_QUENCH || type == ICMP_PARAM)
		return; /* RFC 6633; MUST-56 */
	t->sk.err_soft = type == ICMP_UNREACH ? unreach_errno(code) : EHOSTUNREACH;
	if (opening && type == ICMP_UNREACH && (code == UNREACH_PROTO || code == UNREACH_PORT))
		tcp_done_error(t, t->sk.err_soft);
}

void tcp_err(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info)
{
	struct quote { /* what RFC 792 guarantees of the header */
		be16 sport, dport;
		be32 seq;
	} __packed *q = (void *)skb->data;
	struct conn_node *n;
	u32 hash;

	if (!skb_may_pull(cpu, skb, sizeof(*q)))
		return;
	q = (void *)skb->data;
	n = conn_lookup(cpu, &skb->ip.src, &skb->ip.dst, be16_get(q->sport), be16_get(q->dport), &hash);
	if (n && n->kind == CONN_TCB)
		tcb_err(node_tcb(n), seq_of(be32_get(q->seq)), type, code, info);
}
