/* SPDX-License-Identifier: MIT
 * ecn.c - explicit congestion notification (RFC 3168): agreed in the handshake, ECT(0) on new data, ECE echoed until CWR.
 *
 * The two bits of sk.tos are this file's while ecn_ok; the rest is the application's. A CE counts like a loss, once per window
 * (recovery.c), and nothing is retransmitted for it.
 */
#include "net/tcp/tcp_impl.h"

enum { ECN_MASK = 3, ECN_ECT0 = 2, ECN_CE = 3 };

bool tcp_ecn_asked(const struct net_cpu *cpu, const struct tcp_in *in)
{
	const u8 both = TCP_ECE | TCP_CWR;

	return cpu->sysctl.tcp_ecn && (in->seg.flags & both) == both && !(in->skb->ip.tos & ECN_MASK);
}

/* 6.1.1: asked for in the first SYN only, so that a firewall that drops such a SYN costs one retransmission. */
u8 tcp_ecn_syn_flags(struct tcb *t)
{
	if (t->sk.state == TCP_SYN_RECEIVED)
		return t->ecn_ok ? TCP_ECE : 0;
	t->ecn_asked = t->sk.cpu->sysctl.tcp_ecn == 1 && !t->syn_retries;
	return t->ecn_asked ? TCP_ECE | TCP_CWR : 0;
}

/* 6.1.2 to 6.1.5: ECT on new data; never on ACKs, probes and retransmissions. Returns the flags to send. */
u8 tcp_ecn_send(struct tcb *t, struct sk_buff *skb, seq_t seq, bool data, u8 flags)
{
	t->sk.tos &= (u8)~ECN_MASK;
	if (t->ecn_ece)
		flags |= TCP_ECE;
	if (!data || !seq_eq(seq, t->snd.nxt))
		return flags;
	t->sk.tos |= ECN_ECT0;
	if (t->ecn_cwr) {
		t->ecn_cwr = false;
		flags |= TCP_CWR;
		if (skb->gso_size)
			skb->gso_type |= SKB_GSO_TCP_ECN;
	}
	return flags;
}

/* 6.1.3: a segment with text came. */
void tcp_ecn_rcv(struct tcb *t, const struct tcp_in *in)
{
	u8 ecn = in->skb->ip.tos & ECN_MASK;

	if (in->seg.flags & TCP_CWR) {
		t->ecn_ece = false;
		tcp_ack_now(t);
	}
	if (ecn == ECN_CE) {
		if (!t->ecn_ece)
			tcp_enter_quickack(t, 2);
		t->ecn_ece = true;
	} else if (!ecn && t->ecn_seen) {
		tcp_enter_quickack(t, 2); /* a retransmission, probably */
	}
	t->ecn_seen |= ecn != 0;
}
