/* SPDX-License-Identifier: MIT
 * timewait.c - TIME_WAIT in 128 bytes: keeps old segments from a new connection of the same name (RFC 9293 3.10.7.4,
 * RFC 1337), and makes way for one that is provably new (RFC 6191).
 *
 * All last equally long, so one list in the order of their ends and one timer serve them all.
 */
#include "net/tcp/segment.h"

static u32 lifetime_s(const struct net_cpu *cpu)
{
	return (u32)cpu->sysctl.tcp_timewait_len;
}

static void start(struct net_cpu *cpu, struct tcp_timewait *tw)
{
	struct tcp_cpu *tc = cpu->tcp;

	tw->ends_s = cpu_s(cpu) + lifetime_s(cpu) + 1;
	list_add_tail(&tw->link, &tc->timewait);
	if (!tc->timewait_timer.armed)
		timer_arm(&cpu->wheel, &tc->timewait_timer, tw->ends_s * NSEC_PER_SEC);
}

static void restart(struct net_cpu *cpu, struct tcp_timewait *tw)
{
	list_del(&tw->link);
	start(cpu, tw);
}

void tcp_timewait_free(struct net_cpu *cpu, struct tcp_timewait *tw)
{
	conn_remove(cpu, &tw->node);
	list_del(&tw->link);
	cpu->tcp->nr_timewait--;
	kmem_cache_free(cpu->tcp->timewaits, tw);
}

void tcp_timewait_run(struct timer *timer, u64 now_ns)
{
	struct tcp_cpu *tc = container_of(timer, struct tcp_cpu, timewait_timer);
	u32 now_s = (u32)(now_ns / NSEC_PER_SEC);

	while (!list_empty(&tc->timewait)) {
		struct tcp_timewait *tw = list_first(&tc->timewait, struct tcp_timewait, link);

		if ((s32)(tw->ends_s - now_s) > 0) {
			timer_arm(&tc->cpu->wheel, timer, tw->ends_s * NSEC_PER_SEC);
			return;
		}
		STAT(tc->cpu, TcpExtTW);
		tcp_timewait_free(tc->cpu, tw);
	}
}

static void send_ack(struct net_cpu *cpu, struct tcp_timewait *tw)
{
	struct tcp_reply r = {
		.src = &tw->laddr, .dst = &tw->raddr, .sport = tw->node.lport, .dport = tw->node.rport,
		.seq = tw->snd_nxt, .ack = tw->rcv_nxt, .wnd = tw->rcv_wnd, .flags = TCP_ACK, .tos = tw->tos,
		.ts = tw->ts_ok, .tsval = cpu_ms(cpu) + tw->ts_off, .tsecr = tw->ts_recent,
	};

	tcp_reply_xmit(cpu, &r);
}

static struct tcp_timewait *timewait_from(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct tcp_cpu *tc = cpu->tcp;
	struct tcp_timewait *tw = NULL;

	if (tc->nr_timewait < cpu->sysctl.tcp_max_tw_buckets)
		tw = kmem_cache_alloc(tc->timewaits);
	if (!tw) {
		STAT(cpu, TcpExtTCPTimeWaitOverflow);
		return NULL;
	}
	tw->last_ack_ms = 0; /* this and what follows is all there is; conn_replace() and start() link it */
	tw->node.kind = CONN_TIMEWAIT;
	tw->node.hash = t->node.hash;
	tw->node.lport = t->node.lport;
	tw->node.rport = t->node.rport;
	tw->laddr = t->sk.saddr;
	tw->raddr = t->sk.daddr;
	tw->rcv_nxt = t->rcv.nxt;
	tw->snd_nxt = t->snd.nxt;
	tw->ts_ok = t->ts_ok;
	tw->ts_recent = t->ts_recent;
	tw->ts_recent_s = t->ts_recent_s;
	tw->ts_off = t->ts_off;
	tw->rcv_wnd = (u16)MIN(t->rcv.wnd >> t->rcv.wscale, 65535u);
	tw->tos = t->sk.tos;
	tc->nr_timewait++;
	return tw;
}

void tcp_time_wait(struct tcb *t, bool ack)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct tcp_timewait *tw;

	if (ack)
		tcp_send_ack(t); /* at once: it is the TCB's last deed */
	tw = timewait_from(t);
	if (tw) {
		conn_replace(&t->node, &tw->node);
		start(cpu, tw);
	}
	tcp_done(t);
}

/* RFC 9293 3.10.7.4 fourth, MAY-2 with RFC 6191: a SYN that is newer by sequence number or timestamp opens anew. */
static bool may_reopen(const struct tcp_timewait *tw, const struct tcp_in *in)
{
	if ((in->seg.flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_SYN)
		return false;
	if (tw->ts_ok && in->opt.has_ts && (s32)(in->opt.tsval - tw->ts_recent) > 0)
		return true;
	return seq_gt(in->seg.seq, tw->rcv_nxt) && !(tw->ts_ok && in->opt.has_ts && (s32)(in->opt.tsval - tw->ts_recent) < 0);
}

enum drop_reason tcp_timewait_rcv(struct net_cpu *cpu, struct tcp_timewait *tw, struct tcp_in *in, bool *reopen)
{
	const struct tcp_seg *seg = &in->seg;
	bool old_ts;

	tcp_parse_options(in->skb->data, seg, &in->opt);
	old_ts = tw->ts_ok && in->opt.has_ts && (s32)(in->opt.tsval - tw->ts_recent) < 0;
	if (seg->flags & TCP_RST) {
		if (seq_eq(seg->seq, tw->rcv_nxt) && !old_ts && !cpu->sysctl.tcp_rfc1337) {
			STAT(cpu, TcpExtTWKilled);
			tcp_timewait_free(cpu, tw);
		}
		return DROP(TCP_TIMEWAIT);
	}
	if (may_reopen(tw, in)) {
		STAT(cpu, TcpExtTWRecycled);
		tcp_timewait_free(cpu, tw);
		*reopen = true;
		return RX_OK;
	}
	if (old_ts)
		STAT(cpu, TcpExtPAWSEstab);
	if (!(seg->flags & TCP_ACK) && !(seg->flags & TCP_SYN))
		return DROP(TCP_TIMEWAIT);
	if (!old_ts && seg->flags & TCP_FIN && seq_eq(seg->end, tw->rcv_nxt))
		restart(cpu, tw); /* our last ACK was lost */
	if (!seg->len && !(seg->flags & (TCP_FIN | TCP_SYN)) && seq_eq(seg->seq, tw->rcv_nxt))
		return RX_OK; /* an ACK of nothing new */
	if (!tw->last_ack_ms || cpu_ms(cpu) - tw->last_ack_ms >= cpu->sysctl.tcp_invalid_ratelimit || seg->flags & TCP_FIN) {
		tw->last_ack_ms = cpu_ms(cpu) | 1;
		send_ack(cpu, tw);
	}
	return DROP(TCP_TIMEWAIT);
}
