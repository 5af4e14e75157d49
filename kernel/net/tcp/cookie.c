/* SPDX-License-Identifier: MIT
 * cookie.c - SYN cookies (RFC 4987 3.6): when the SYN queue is full, the sequence number of the SYN-ACK remembers the request.
 *
 *   31      27 26     24 23                       0
 *   | minute  |   MSS   | keyed hash of all of it |
 *
 * What the 32 bits cannot hold stands in the timestamp that the peer will echo: its low bits are window scale, SACK, ECN
 * (without timestamps the connection does without them). An ACK is looked at only while SYNs overflow, or shortly after.
 */
#include "net/tcp/tcp_impl.h"

#define COOKIE_PERIOD_S 64
#define COOKIE_PERIODS  2          /* a cookie is good in the period it was made in and the next one */
#define COOKIE_HASH     0xffffffu
#define TS_WSCALE_NONE  15u        /* the peer did not offer window scaling */
#define TS_SACK         0x10u
#define TS_ECN          0x20u
#define TS_BITS         6

static const u16 cookie_mss[8] = { 536, 1024, 1220, 1300, 1400, 1440, 1460, 8960 };

static u32 period(const struct net_cpu *cpu)
{
	return cpu_s(cpu) / COOKIE_PERIOD_S;
}

static u32 cookie_hash(const struct tcp_request *r, u32 when, u32 mss_index)
{
	struct cookie_input {
		struct ip_addr l, r;
		u16 lport, rport;
		u32 irs, when, mss_index;
	} in = { r->laddr, r->raddr, r->node.lport, r->node.rport, r->irs, when, mss_index };

	_Static_assert(sizeof(in) == 48, "hashed as bytes");
	return (u32)siphash(&in, sizeof(in), &r->cpu->net->cookie_key) & COOKIE_HASH;
}

static u32 mss_index_of(u16 mss)
{
	u32 i = ARRAY_SIZE(cookie_mss) - 1;

	while (i && cookie_mss[i] > mss)
		i--;
	return i;
}

/* Turns a request that will be forgotten into its SYN-ACK: sequence number, and timestamp through ts_off. */
void tcp_cookie_make(struct tcp_request *r)
{
	u32 when = period(r->cpu), i = mss_index_of(r->mss), now = cpu_ms(r->cpu), bits, ts;

	r->iss = (when & 31) << 27 | i << 24 | cookie_hash(r, when, i);
	r->listener->listener->cookie_s = cpu_s(r->cpu) | 1;
	STAT(r->cpu, TcpExtSyncookiesSent);
	if (!r->ts_ok) {
		r->sack_ok = r->ws_ok = r->ecn_ok = false;
		return;
	}
	bits = (r->ws_ok ? r->snd_wscale : TS_WSCALE_NONE) | (r->sack_ok ? TS_SACK : 0) | (r->ecn_ok ? TS_ECN : 0);
	ts = (now & ~((1u << TS_BITS) - 1)) | bits;
	if (ts > now) /* the clock of timestamps must not run ahead of itself */
		ts -= 1u << TS_BITS;
	r->ts_off += ts - now;
}

/* Did SYNs overflow lately? Otherwise an ACK out of nowhere is no cookie. */
static bool in_season(const struct tcb *l)
{
	const struct net_sysctls *s = &l->sk.cpu->sysctl;
	u32 last = l->listener->cookie_s;

	return s->tcp_syncookies == 2 || (s->tcp_syncookies && last && cpu_s(l->sk.cpu) + 1 - last <= COOKIE_PERIODS * COOKIE_PERIOD_S);
}

static bool cookie_right(const struct tcp_request *r, u32 *mss_index)
{
	u32 now = period(r->cpu), age = (now - (r->iss >> 27)) & 31;

	*mss_index = r->iss >> 24 & 7;
	return age < COOKIE_PERIODS && (r->iss & COOKIE_HASH) == cookie_hash(r, now - age, *mss_index);
}

static void recall_options(struct tcp_request *r, const struct tcp_in *in)
{
	u32 bits = in->opt.tsecr - r->ts_off, wscale = bits & 15;

	r->ts_ok = in->opt.has_ts && r->cpu->sysctl.tcp_timestamps;
	r->ws_ok = r->ts_ok && wscale <= TCP_WSCALE_MAX;
	r->snd_wscale = r->ws_ok ? (u8)wscale : 0;
	r->sack_ok = r->ts_ok && bits & TS_SACK;
	r->ecn_ok = r->ts_ok && bits & TS_ECN;
	r->ts_recent = r->ts_ok ? in->opt.tsval : 0;
	r->snd_wnd = in->seg.wnd << r->snd_wscale;
}

/* The ACK of a SYN-ACK that nobody remembers. The request it stands for, as if it had been kept; NULL: it is no cookie of ours. */
struct tcp_request *tcp_cookie_check(struct tcb *l, struct tcp_in *in)
{
	struct tcp_request *r;
	u32 i;

	if (!in_season(l) || (in->seg.flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK)
		return NULL;
	tcp_parse_options(in->skb->data, &in->seg, &in->opt);
	r = tcp_request_new(l, in);
	if (!r)
		return NULL;
	r->irs = in->seg.seq.v - 1;
	r->iss = in->seg.ack.v - 1;
	if (!cookie_right(r, &i)) {
		STAT(l->sk.cpu, TcpExtSyncookiesFailed);
		kmem_cache_free(l->sk.cpu->tcp->requests, r);
		return NULL;
	}
	STAT(l->sk.cpu, TcpExtSyncookiesRecv);
	r->mss = cookie_mss[i];
	recall_options(r, in);
	r->rcv_wnd = (u16)tcp_initial_window(l->sk.rcvbuf, r->advmss, &l->sk.cpu->sysctl, r->ws_ok, &r->rcv_wscale);
	r->retries = 1; /* when the SYN-ACK left is forgotten: no sample */
	return r;
}
