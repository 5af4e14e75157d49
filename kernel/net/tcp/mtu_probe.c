/* SPDX-License-Identifier: MIT
 * mtu_probe.c - the path MTU without the routers' word (RFC 4821): where ICMP is filtered, big packets vanish silently.
 *
 * net.ipv4.tcp_mtu_probing 1 begins when retransmissions time out (a black hole), 2 with the first data. Segments are then as
 * long as is known to arrive (`low`), and one longer segment at a time tries the middle of what may be possible. All sizes
 * are MSS values, as tcp_path_mss() counts: the packet's MTU less both headers without options. The lost probe says nothing
 * of congestion. Runs in net_tx, but for tcp_mtu_black_hole() (a timer) and tcp_mtu_probe_lost() (input).
 */
#include "net/tcp/tcp_impl.h"

#define PROBE_CWND 11u /* below, a lost probe could not be told by what follows it, and is a large part of the window */

static struct tcp_mtup *mtup_of(const struct tcb *t)
{
	return &t->tx->mtup;
}

static u16 most(const struct tcb *t)
{
	return (u16)MIN(MIN(tcp_path_mss(t), (u32)t->mss_clamp), 65495u);
}

void tcp_mtu_start(struct tcb *t)
{
	struct tcp_mtup *p = mtup_of(t);

	t->mtup_on = true;
	p->high = most(t);
	p->low = (u16)MIN((u32)t->sk.cpu->sysctl.tcp_base_mss, (u32)p->high);
	p->size = 0;
	p->since_s = cpu_s(t->sk.cpu);
	tcp_sync_mss(t);
}

/* Full-sized segments keep timing out: perhaps they are too long. Each time again half as long. */
void tcp_mtu_black_hole(struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	struct tcp_mtup *p;
	u32 mss;

	if (!s->tcp_mtu_probing || !t->tx)
		return;
	if (!t->mtup_on) {
		tcp_mtu_start(t);
		return;
	}
	p = mtup_of(t);
	mss = MIN(p->low / 2u, (u32)s->tcp_base_mss);
	p->low = (u16)MIN(MAX(MAX(mss, (u32)s->tcp_mtu_probe_floor), (u32)s->tcp_min_snd_mss), (u32)p->low);
	p->size = 0;
	tcp_sync_mss(t);
}

/* Acknowledged: the path takes it. The window stays what it was in bytes. */
static void probe_arrived(struct tcb *t)
{
	struct tcp_mtup *p = mtup_of(t);
	u32 before = t->mss;

	STAT(t->sk.cpu, TcpExtTCPMTUPSuccess);
	p->low = p->size;
	p->size = 0;
	tcp_sync_mss(t);
	t->cwnd = MAX((u32)((u64)t->cwnd * before / MAX(t->mss, (u16)1)), 1u);
	t->cwnd_cnt = 0;
}

bool tcp_mtu_probe_lost(struct tcb *t)
{
	struct tcp_mtup *p = mtup_of(t);

	if (!p->size || !seq_eq(t->snd.una, p->start))
		return false;
	STAT(t->sk.cpu, TcpExtTCPMTUPFail);
	p->high = p->size - 1;
	p->size = 0;
	t->cwnd++; /* it was counted as two */
	tcp_simple_retransmit(t);
	return true;
}

void tcp_mtu_told(struct tcb *t)
{
	struct tcp_mtup *p = mtup_of(t);

	p->high = MIN(p->high, most(t));
	p->low = MIN(p->low, p->high);
	p->size = 0;
}

void tcp_mtu_probe_void(struct tcb *t)
{
	mtup_of(t)->size = 0;
}

/* Nothing is left to try: after tcp_probe_interval the path may be another one. */
static void begin_again(struct tcb *t)
{
	struct tcp_mtup *p = mtup_of(t);
	u32 now = cpu_s(t->sk.cpu);

	if (now - p->since_s < t->sk.cpu->sysctl.tcp_probe_interval)
		return;
	p->since_s = now;
	p->high = most(t);
}

/* RFC 4821 7.5: nothing is doubtful, and enough follows the probe to tell its loss from congestion. */
static bool may_probe(const struct tcb *t, u32 size)
{
	u32 need = size + (t->reordering + 1u) * t->mss;

	if (t->ca_state != TCP_CA_OPEN || t->cwnd < PROBE_CWND || t->nr_sacks || t->dsack_due || t->sacked_out)
		return false;
	return seq_diff(t->snd.write, t->snd.nxt) >= (s32)need && seq_le(seq_add(t->snd.nxt, need), tcp_wnd_end(t)) &&
	       tcp_in_flight(t) + 2 <= t->cwnd;
}

u32 tcp_mtu_probe_size(struct tcb *t)
{
	struct tcp_mtup *p = mtup_of(t);
	u32 mss;

	if (p->size && seq_ge(t->snd.una, p->end))
		probe_arrived(t);
	if (p->size)
		return 0;
	if (p->high < p->low + t->sk.cpu->sysctl.tcp_probe_threshold) {
		begin_again(t);
		return 0;
	}
	mss = (p->high + p->low) / 2u - (t->tcp_hdr_len - TCP_HDR_LEN);
	return mss > t->mss && may_probe(t, mss) && tcp_gather(t, mss) ? mss : 0;
}

void tcp_mtu_probe_sent(struct tcb *t, u32 size)
{
	struct tcp_mtup *p = mtup_of(t);

	p->size = (u16)(size + (t->tcp_hdr_len - TCP_HDR_LEN));
	p->end = t->snd.nxt;
	p->start = seq_add(t->snd.nxt, -size);
	t->cwnd--; /* in packets of the old size it is about two */
}
