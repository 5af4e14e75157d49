/* SPDX-License-Identifier: MIT
 * rack.c - RACK: a segment is lost when one sent sufficiently later has arrived (RFC 8985 6), and tail loss probes (7).
 *
 * tcb.tsorted holds what is neither SACKed nor lost in the order of its last transmission, so a look at it ends at the
 * first segment that is still in time.
 */
#include "net/tcp/tcp_impl.h"

#define REO_PERSIST 16  /* recoveries after which a widened window narrows again */
#define REO_SLACK_NS (2 * NSEC_PER_MSEC)

static bool sent_after(u64 ns1, seq_t end1, u64 ns2, seq_t end2)
{
	return ns1 > ns2 || (ns1 == ns2 && seq_gt(end1, end2));
}

void tcp_rack_advance(struct tcb *t, u8 sacked, seq_t end_seq, u64 xmit_ns)
{
	u32 rtt_us = (u32)((tcp_now(t) - xmit_ns) / NSEC_PER_USEC);

	if (rtt_us < t->min_rtt_us && sacked & (TCPCB_RETRANS | TCPCB_EVER_RETRANS) && t->min_rtt_us != ~0u)
		return; /* step 2: this acknowledges the original, not what we sent just now */
	t->rack.advanced = true;
	t->rack.rtt_us = rtt_us;
	if (sent_after(xmit_ns, end_seq, t->rack.xmit_ns, t->rack.end_seq)) {
		t->rack.xmit_ns = xmit_ns;
		t->rack.end_seq = end_seq;
	}
}

/* Step 4: no tolerance until reordering was seen, once there is other evidence of loss; a share of the least RTT after. */
u32 tcp_rack_reo_wnd(const struct tcb *t)
{
	u32 min_rtt = t->min_rtt_us == ~0u ? 0 : t->min_rtt_us;

	if (!t->reord_seen && (t->ca_state >= TCP_CA_RECOVERY || t->sacked_out >= t->reordering))
		return 0;
	return MIN(min_rtt / 4 * t->rack.reo_wnd_mult, t->srtt_us >> 3);
}

/* Has skb's time run out? *left_ns: how long it still has. */
bool tcp_rack_skb_lost(struct tcb *t, const struct sk_buff *skb, u32 reo_wnd_us, u64 *left_ns)
{
	u64 end = tcp_cb(skb)->tx_ns + ((u64)t->rack.rtt_us + reo_wnd_us) * NSEC_PER_USEC, now = tcp_now(t);

	*left_ns = end > now ? end - now : 0;
	return end <= now;
}

/* Step 5. true: the reordering timer runs. */
bool tcp_rack_mark_lost(struct tcb *t)
{
	u32 reo_wnd_us = tcp_rack_reo_wnd(t);
	struct tcp_skb_cb *cb, *next;
	u64 left, longest = 0;

	list_for_each_entry_safe(cb, next, &t->tsorted, ts) {
		struct sk_buff *skb = rb_to_skb(&cb->rb);

		if (!sent_after(t->rack.xmit_ns, t->rack.end_seq, cb->tx_ns, cb->end_seq))
			break;
		if (tcp_rack_skb_lost(t, skb, reo_wnd_us, &left))
			tcp_mark_lost(t, skb);
		else
			longest = MAX(longest, left);
	}
	if (longest)
		tcp_rtx_arm(t, TCPT_REO, tcp_now(t) + longest + REO_SLACK_NS);
	return longest != 0;
}

/* Step 4: a D-SACK says that the window was too narrow; at most once per round trip. */
void tcp_rack_dsack(struct tcb *t, struct ack_state *s)
{
	if (!t->rack.dsack_seen || seq_lt(t->snd.una, t->rack.dsack_round)) {
		t->rack.dsack_seen = false;
		if (!t->rack.persist)
			t->rack.reo_wnd_mult = 1;
		return;
	}
	t->rack.dsack_seen = false;
	t->rack.dsack_round = t->snd.nxt;
	t->rack.reo_wnd_mult = (u8)MIN(t->rack.reo_wnd_mult + 1u, 255u);
	t->rack.persist = REO_PERSIST;
}

/* A segment below `low` arrived after higher ones: how far out of order do they come here? */
void tcp_check_reordering(struct tcb *t, seq_t low, bool by_time)
{
	u32 mss = MAX(t->mss, (u16)1), metric;

	if (!seq_lt(low, tcp_fack(t)))
		return;
	metric = (u32)seq_diff(tcp_fack(t), low);
	if (metric > (u32)t->reordering * mss) {
		metric = DIV_ROUND_UP(metric, mss);
		t->reordering = (u8)MIN(metric, 255u);
	}
	t->reord_seen++;
	if (by_time)
		STAT(t->sk.cpu, TcpExtTCPTSReorder);
	else
		STAT(t->sk.cpu, TcpExtTCPSACKReorder);
}

/* ---- tail loss probes ---- */

static __noinline bool arm_before_rto(struct tcb *t, u64 at_ns)
{
	u64 rto_at = tcp_rto_at(t);

	tcp_rtx_arm(t, TCPT_TLP, MIN(at_ns, rto_at));
	return true;
}

/* RFC 8985 7.2: 2 SRTT after the last transmission, never after the RTO. false: no probe now, the RTO stands. */
bool tcp_schedule_tlp(struct tcb *t, bool rto_restarts)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	u64 now = tcp_now(t), pto_us = TCP_RTO_INIT_US;

	if (unlikely(!s->tcp_early_retrans || !t->packets_out || !t->sack_ok || t->sacked_out | t->tlp_out) ||
	    unlikely(t->ca_state != TCP_CA_OPEN && t->ca_state != TCP_CA_CWR))
		return false;
	if (t->srtt_us)
		pto_us = (t->srtt_us >> 2) + (t->packets_out == 1 ? (u32)s->tcp_rto_min_us : 2000u);
	if (unlikely(!rto_restarts))
		return arm_before_rto(t, now + pto_us * NSEC_PER_USEC);
	tcp_rtx_arm(t, TCPT_TLP, now + MIN(pto_us, t->rto_us) * NSEC_PER_USEC);
	return true;
}

/* RFC 8985 7.4.2: did the probe repair a loss, or was there none? */
void tcp_process_tlp_ack(struct tcb *t, struct ack_state *s, seq_t ack)
{
	if (seq_lt(ack, t->tx->tlp_high_seq))
		return;
	if (!t->tlp_retrans || s->flag & FLAG_DSACK_TLP) {
		t->tlp_out = false;
	} else if (seq_gt(ack, t->tx->tlp_high_seq)) {
		t->tlp_out = false;
		tcp_init_cwnd_reduction(t);
		tcp_set_ca_state(t, TCP_CA_CWR);
		tcp_end_cwnd_reduction(t);
		tcp_try_keep_open(t);
		STAT(t->sk.cpu, TcpExtTCPLossProbeRecovery);
	} else if (!(s->flag & (FLAG_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DATA_SACKED))) {
		t->tlp_out = false; /* a pure duplicate: both the original and the probe arrived */
	}
}
