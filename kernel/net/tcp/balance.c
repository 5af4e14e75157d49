/* SPDX-License-Identifier: MIT
 * balance.c - the bytes of the connections there are: what their ends were given, and where it is now. Terms of core/stage.h.
 *
 * What is under way is told twice, by sequence numbers and by what lies in the queues, so that neither can be wrong alone.
 * Nothing is counted for it while segments pass: whoever wants to know walks the queues. Between two calls into the stack.
 */
#include "net/tcp/tcp_impl.h"

static void add_send_queues(const struct tcb *t, u64 *terms)
{
	struct sk_buff *skb;

	terms[FLOW_TcpAcked] += t->bytes_acked;
	terms[FLOW_TcpGiven] += t->bytes_acked + (u32)seq_diff(t->snd.write, t->snd.una);
	skb_queue_walk(&t->rtxq, skb) {
		const struct tcp_skb_cb *cb = tcp_cb(skb);
		seq_t from = seq_lt(cb->seq, t->snd.una) ? t->snd.una : cb->seq; /* acknowledged in part, or to be freed (tcp_settle) */

		terms[FLOW_TcpUnacked] += seq_gt(cb->end_seq, from) ? (u32)seq_diff(cb->end_seq, from) : 0;
	}
	skb_queue_walk(&t->sendq, skb)
		terms[FLOW_TcpUnsent] += (u32)seq_diff(tcp_cb(skb)->end_seq, tcp_cb(skb)->seq);
}

static void add_receive_queue(const struct tcb *t, u64 *terms)
{
	u32 unread = (u32)seq_diff(t->rcv.nxt, t->rcv.copied);
	struct sk_buff *skb;

	terms[FLOW_TcpInOrder] += t->bytes_received;
	terms[FLOW_TcpRead] += t->bytes_received - unread;
	skb_queue_walk(&t->rcvq, skb)
		terms[FLOW_TcpUnread] += skb->len;
}

/* Of connections that end, one queue or the other is left as it is: they are not asked. */
static void add_connection(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	if (!t || (t->sk.state != TCP_ESTABLISHED && t->sk.state != TCP_CLOSE_WAIT))
		return;
	add_send_queues(t, arg);
	if (!(t->sk.shutdown & 1))
		add_receive_queue(t, arg);
}

void tcp_balance(struct net_cpu *cpu, u64 *terms)
{
	tcp_for_each(cpu, add_connection, terms);
}
