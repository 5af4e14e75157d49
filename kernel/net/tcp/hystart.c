/* SPDX-License-Identifier: MIT
 * hystart.c - HyStart++ (RFC 9406): slow start ends when the round trips grow, before the queue overflows.
 *
 * A rise begins conservative slow start, a quarter of the growth, for five rounds; when the round trip falls again meanwhile,
 * the rise was noise and slow start goes on. Only the first slow start of a connection: a later one has its ssthresh.
 * One ACK may be worth any growth, where the RFC would have eight segments without pacing (4.3): receivers that merge
 * segments acknowledge dozens at once, and what leaves in answer is bounded already, by half a window per GSO skb.
 */
#include "net/tcp/tcp_impl.h"

#define MIN_RTT_THRESH_US 4000u
#define MAX_RTT_THRESH_US 16000u
#define RTT_DIVISOR       8
#define MIN_SAMPLES       8
#define CSS_DIVISOR       4
#define CSS_ROUNDS        5

void tcp_hystart_init(struct tcb *t, struct hystart *h)
{
	*h = (struct hystart){ .round_end = t->snd.nxt, .last_rtt_us = ~0u, .rtt_us = ~0u };
}

static void new_round(struct tcb *t, struct hystart *h)
{
	h->round_end = t->snd.nxt;
	h->last_rtt_us = h->rtt_us;
	h->rtt_us = ~0u;
	h->samples = 0;
	if (!h->css_rtt_us || ++h->css_rounds < CSS_ROUNDS)
		return;
	t->ssthresh = t->cwnd;
	STAT(t->sk.cpu, TcpExtTCPHystartDelayDetect);
}

/* RFC 9406 4.2. */
static void judge(struct hystart *h)
{
	u32 thresh;

	if (h->css_rtt_us) {
		if (h->rtt_us < h->css_rtt_us)
			h->css_rtt_us = 0;
		return;
	}
	if (h->last_rtt_us == ~0u)
		return;
	thresh = CLAMP(h->last_rtt_us / RTT_DIVISOR, MIN_RTT_THRESH_US, MAX_RTT_THRESH_US);
	if (h->rtt_us >= h->last_rtt_us + thresh) {
		h->css_rtt_us = h->rtt_us;
		h->css_rounds = 0;
	}
}

void tcp_hystart_sample(struct tcb *t, struct hystart *h, u32 rtt_us, u32 acks)
{
	if (t->ssthresh < TCP_INFINITE_SSTHRESH)
		return;
	if (seq_gt(t->snd.una, h->round_end))
		new_round(t, h);
	h->rtt_us = MIN(h->rtt_us, rtt_us);
	h->samples = (u8)MIN(h->samples + acks, (u32)MIN_SAMPLES);
	if (h->samples == MIN_SAMPLES)
		judge(h);
}

u32 tcp_hystart_grow(struct tcb *t, struct hystart *h, u32 acked)
{
	u32 n = acked;

	if (t->ssthresh < TCP_INFINITE_SSTHRESH)
		return tcp_slow_start(t, acked);
	if (h->css_rtt_us) { /* a quarter: cwnd_cnt keeps what is left of the division */
		n += t->cwnd_cnt;
		t->cwnd_cnt = n % CSS_DIVISOR;
		n /= CSS_DIVISOR;
	}
	t->cwnd += n;
	return 0;
}
