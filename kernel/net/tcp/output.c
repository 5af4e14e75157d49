/* SPDX-License-Identifier: MIT
 * output.c - what leaves: segments with their options, data within min(cwnd, window), ACKs, SYNs, resets, probes.
 *
 * Runs in net_tx only (tcp_flush), except for answers that belong to no TCB, which leave at once like an ICMP echo reply.
 * A segment is a header skb plus references to the payload; the queued skb stays as it is for a retransmission.
 */
#include "net/tcp/segment.h"

/* Segments of a window up to which the last one of a GSO skb has PSH: the peer's GRO then does not wait for more, and its ACK
 * comes soon. In a large window enough is under way, and fewer ACKs are better than early ones. */
#define PUSH_CWND 32
#define START_MS  20000 /* memory for the first data is waited for so long */

/* ---- options ---- */

/* Of the first SYN of a client, and of the first SYN-ACK of a server that has one to give. */
static const struct tfo_cookie *fastopen_cookie(const struct tcb *t)
{
	if (likely(!t->fo) || !t->fo->has_option || t->syn_retries || (t->sk.state != TCP_SYN_SENT && !t->passive))
		return NULL;
	return &t->fo->cookie;
}

/* Options of a SYN in Linux's order: mss, sackOK with TS (or padded), nop wscale. */
static unsigned put_syn_options(struct tcb *t, u8 *p)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	bool answer = t->sk.state != TCP_SYN_SENT;
	bool ts = answer ? t->ts_ok : s->tcp_timestamps != 0;
	bool sack = answer ? t->sack_ok : s->tcp_sack != 0;
	bool ws = answer ? t->ws_ok : s->tcp_window_scaling != 0;

	return tcp_put_syn_options(p, &(struct tcp_syn_options){
		.mss = t->advmss, .ts = ts, .sack = sack, .ws = ws, .wscale = t->rcv.wscale,
		.tsval = tcp_ts_now(t), .tsecr = t->ts_recent,
		.cookie = fastopen_cookie(t) });
}

unsigned tcp_put_syn_options(u8 *p, const struct tcp_syn_options *o)
{
	u8 *start = p;

	put32(p, TCPOPT_MSS << 24 | 4 << 16 | o->mss);
	p += 4;
	if (o->ts) {
		tcp_put_timestamp(p, o->tsval, o->tsecr);
		if (o->sack) {
			p[0] = TCPOPT_SACK_PERM;
			p[1] = 2;
		}
		p += TCPOLEN_TSTAMP_ALIGNED;
	} else if (o->sack) {
		put32(p, TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_SACK_PERM << 8 | 2);
		p += 4;
	}
	if (o->ws) {
		put32(p, TCPOPT_NOP << 24 | TCPOPT_WSCALE << 16 | 3 << 8 | o->wscale);
		p += 4;
	}
	if (unlikely(o->cookie != NULL) && p - start + 4 + o->cookie->len <= TCP_OPTS_MAX)
		p += tcp_put_fastopen(p, o->cookie);
	return (unsigned)(p - start);
}

static unsigned put_options(struct tcb *t, u8 flags, u8 *p)
{
	unsigned n = 0;

	if (unlikely(flags & TCP_SYN))
		return put_syn_options(t, p);
	if (t->ts_ok)
		n = tcp_put_timestamp(p, tcp_ts_now(t), t->ts_recent);
	if (unlikely(t->nr_sacks || t->dsack_due))
		n += tcp_sacks_put(t, p + n, TCP_OPTS_MAX - n);
	return n;
}

/* ---- one segment ---- */

/* With options that are not known until they are written. */
static __noinline void push_header_slow(struct tcb *t, struct sk_buff *skb, seq_t seq, u8 flags)
{
	u8 opts[TCP_OPTS_MAX];
	unsigned len = put_options(t, flags, opts);

	memcpy(push_header(t, skb, seq, flags, len) + 1, opts, len);
}

/* A segment of `flags` from seq on, or a GSO skb of several: with payload->len bytes, none when it is NULL. */
static __force_inline bool do_transmit(struct tcb *t, seq_t seq, struct sk_buff *payload, u32 mss, u8 flags)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct sk_buff *skb;
	u32 segs = 1;

	if (unlikely(!dst_valid(cpu, &t->sk.dst) && tcp_route(t)) || unlikely(!(skb = alloc_skb(cpu, SKB_HEADROOM))))
		return false;
	if (payload && payload->len) {
		if (unlikely(!attach_payload(cpu, skb, payload))) {
			kfree_skb_reason(cpu, skb, DROP(NOMEM));
			return false;
		}
		if (skb->len > mss) {
			if (t->cwnd <= PUSH_CWND)
				flags |= TCP_PSH;
			skb->gso_size = (u16)mss;
			skb->gso_segs = tcp_cb(payload)->segs;
			skb->gso_type = t->sk.af == &ipv6_af ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
			segs = skb->gso_segs;
		}
	}
	if (unlikely(t->ecn_ok) && !(flags & TCP_SYN))
		flags = tcp_ecn_send(t, skb, seq, payload && payload->len, flags);
	if (likely(!(flags & TCP_SYN) && !t->nr_sacks && !t->dsack_due && t->ts_ok))
		put_plain_header(t, skb, seq, flags);
	else
		push_header_slow(t, skb, seq, flags);
	if (likely(flags & TCP_ACK))
		ack_was_sent(t);
	count_sent(t, segs);
	if (tcp_is_paced(t) && payload)
		tcp_pace_sent(t, skb, payload->len);
	t->sk.af->xmit_sock(&t->sk, skb, !t->may_fragment);
	return true;
}

/* For all but new data. */
static __noinline bool transmit(struct tcb *t, seq_t seq, struct sk_buff *payload, u32 mss, u8 flags)
{
	return do_transmit(t, seq, payload, mss, flags);
}

/* ---- sizes ---- */

/* A route that must be asked for again still tells best what the path takes. */
u32 tcp_path_mss(const struct tcb *t)
{
	u32 mtu = t->sk.dst.mtu ?: 576;

	return mtu - t->sk.af->hdr_len - TCP_HDR_LEN;
}

/* RFC 9293 3.7.1: what fits the path, the peer's MSS and half of the largest window it ever offered. */
void tcp_sync_mss(struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	u32 mss = MIN(tcp_path_mss(t), (u32)t->mss_clamp), half;

	mss = MAX(mss, (u32)s->tcp_min_snd_mss) - (t->tcp_hdr_len - TCP_HDR_LEN);
	half = t->snd.max_wnd > TCP_MSS_DEFAULT ? t->snd.max_wnd / 2 : t->snd.max_wnd;
	if (half && mss > half)
		mss = MAX(half, 68u - t->tcp_hdr_len);
	if (unlikely(t->mtup_on))
		mss = MIN(mss, t->tx->mtup.low - (t->tcp_hdr_len - (u32)TCP_HDR_LEN));
	t->mss = (u16)MIN(mss, 65535u);
}

/* SACK blocks take their room from the payload. */
static u32 current_mss(const struct tcb *t)
{
	unsigned blocks = t->nr_sacks + t->dsack_due, opts = t->tcp_hdr_len - TCP_HDR_LEN;

	if (likely(!blocks))
		return t->mss;
	blocks = MIN(blocks, (TCP_OPTS_MAX - opts - 4) / 8);
	return t->mss - MIN(blocks * 8 + 4, (unsigned)t->mss / 2);
}

static u32 gso_max(const struct tcb *t, u32 mss)
{
	const struct dst *dst = &t->sk.dst;
	u32 segs;

	if (!dst_valid(t->sk.cpu, dst) || !(dst->dev->features & NETIF_F_TSO))
		return mss;
	segs = TCP_MAX_GSO / mss;
	segs = MIN(segs, MAX(t->snd.max_wnd / 2 / mss, 1u));
	return segs * mss;
}

/* Segments of one GSO skb: a millisecond's worth, so that slow flows do not burst; all it can hold where the path is short. */
static u32 tso_segs(const struct tcb *t, u32 mss)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	u32 max = gso_max(t, mss), far = t->min_rtt_us >> s->tcp_tso_rtt_log;
	u64 bytes;

	if (max == mss || (!far && !t->pacing))
		return max / mss;
	bytes = tcp_pacing_rate(t) / 1000 + (far < 32 ? 65536u >> far : 0);
	return CLAMP((u32)MIN(bytes, 65536ull) / mss, (u32)MIN(s->tcp_min_tso_segs, (s64)(max / mss)), max / mss);
}

/* How many bytes the send queue puts into one skb. */
u32 tcp_size_goal(const struct tcb *t)
{
	return gso_max(t, t->mss);
}

/* ---- new data ---- */

/* RFC 1122 4.2.3.4 with Minshall's rule: one small segment in flight. true: a last, short segment may go. */
static bool nagle_allows(const struct tcb *t, bool in_flight)
{
	if (t->push)
		return true;
	if (t->corked || t->more)
		return false;
	if (t->nodelay || !in_flight)
		return true;
	return !(seq_gt(t->snd.small, t->snd.una) && seq_le(t->snd.small, t->snd.nxt));
}

static bool nagle_test(const struct tcb *t, const struct sk_buff *skb, u32 mss)
{
	return skb->len >= mss || skb != skb_peek_tail(&t->sendq) || tcp_cb(skb)->flags & TCP_FIN ||
	       nagle_allows(t, t->packets_out != 0);
}

/* How many segments may leave now: half a window at once at most, so that ACKs keep coming in pieces. A FIN alone always may. */
static u32 cwnd_quota(const struct tcb *t, const struct sk_buff *skb)
{
	u32 in_flight = tcp_in_flight(t);

	if (tcp_cb(skb)->flags & TCP_FIN && skb->len <= t->mss)
		return 1;
	if (in_flight >= t->cwnd)
		return 0;
	return MIN(MAX(t->cwnd / 2, 1u), t->cwnd - in_flight);
}

/* How many bytes of skb, more than a segment, may leave: whole segments where it must be cut, nothing smaller than the window
 * test allows. */
static __noinline u32 send_limit_big(const struct tcb *t, const struct sk_buff *skb, u32 mss, u32 quota)
{
	u32 window = (u32)seq_diff(tcp_wnd_end(t), tcp_cb(skb)->seq);
	u32 most = MIN(quota, tso_segs(t, mss)) * mss, len = MIN(skb->len, MIN(window, most));
	u32 partial = len % mss;

	if (len < skb->len)
		return len > mss ? len - partial : len;
	if (partial && len > mss && !(tcp_cb(skb)->flags & TCP_FIN) && skb == skb_peek_tail(&t->sendq) &&
	    !nagle_allows(t, true))
		return len - partial;
	return len;
}

/* The same, when the window test has passed the first segment. */
static inline u32 send_limit(const struct tcb *t, const struct sk_buff *skb, u32 mss, u32 quota)
{
	return likely(skb->len <= mss) ? skb->len : send_limit_big(t, skb, mss, quota);
}

/* The first segment of skb fits the peer's window. */
static bool window_test(const struct tcb *t, const struct sk_buff *skb, u32 mss)
{
	const struct tcp_skb_cb *cb = tcp_cb(skb);
	seq_t end = skb->len > mss ? seq_add(cb->seq, mss) : cb->end_seq;

	return seq_le(end, tcp_wnd_end(t));
}

static __force_inline void data_was_sent(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	struct net_cpu *cpu = t->sk.cpu;
	u64 now = tcp_now(t);
	u32 prior = t->packets_out;

	skb_unlink(&t->sendq, skb);
	skb_queue_tail(&t->rtxq, skb);
	tcp_rtx_insert(t, skb);
	list_add_tail(&cb->ts, &t->tsorted);
	cb->tx_ns = now;
	tcp_rate_sent(t, cb);
	t->snd.nxt = cb->end_seq;
	t->packets_out += cb->segs;
	if (t->packets_out > 2)
		cpu->acks_expected = true;
	t->snd.lone = false;
	t->data_segs_out += cb->segs;
	if (tcp_in_cwnd_reduction(t))
		t->tx->prr_out += cb->segs;
	STAT_ADD(cpu, TcpExtTCPOrigDataSent, cb->segs);
	if (!prior && t->ca->cwnd_event)
		t->ca->cwnd_event(t, CA_EVENT_TX_START);
	if (now - t->last_rcv_ns < t->ack.ato_us * NSEC_PER_USEC && t->ack.pingpong < 255)
		t->ack.pingpong = 1; /* we answer soon after we receive: our data carries the ACKs */
	t->last_send_ns = now;
	if (unlikely(t->stamping))
		tcp_stamp_sent(t, cb);
}

/* Sends skb (the head of sendq) up to `limit`. false: memory is out. */
static __force_inline bool do_send_one(struct tcb *t, struct sk_buff *skb, u32 limit, u32 mss)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);

	if (limit < skb->len && !tcp_split(t, skb, limit, mss))
		return false;
	tcp_set_segs(skb, mss);
	if (!do_transmit(t, cb->seq, skb, mss, cb->flags | TCP_ACK))
		return false;
	if (skb->len < mss)
		t->snd.small = cb->end_seq;
	data_was_sent(t, skb);
	return true;
}

/* For probes. */
static __noinline bool send_one(struct tcb *t, struct sk_buff *skb, u32 limit, u32 mss)
{
	return do_send_one(t, skb, limit, mss);
}

/* The timer behind data that was sent while `prior` segments were in flight: the RTO, unless a probe comes first. */
static void arm_for_data(struct tcb *t, u32 prior)
{
	if (tcp_is_fastopen_child(t))
		return; /* the timer is the SYN-ACK's */
	if (!tcp_schedule_tlp(t, !prior && !t->backoff) && (!prior || tcp_timer_armed(t, TCPT_TLP)))
		tcp_rearm_rto(t);
}

static void retry_later(struct tcb *t)
{
	if (!t->packets_out || t->ack.now)
		tcp_timer_set(t, TCPT_RETRY, tcp_now(t) + TCP_RETRY_US * NSEC_PER_USEC);
}

void tcp_chrono_set(struct tcb *t, enum tcp_chrono c)
{
	u32 now = cpu_ms(t->sk.cpu);

	if (t->chrono != CHRONO_IDLE)
		t->tx->chrono_sum_ms[t->chrono - 1] += now - t->tx->chrono_ms;
	t->chrono = (u8)c;
	t->tx->chrono_ms = now;
}

/* Before the first data. false: no memory: again soon, or, after START_MS without any, never. */
static __cold bool start_sending(struct tcb *t)
{
	if (tcp_tx_start(t))
		return true;
	if (cpu_ms(t->sk.cpu) - t->last_ack_rcv_ms <= START_MS) {
		retry_later(t);
		return false;
	}
	tcp_send_active_reset(t);
	tcp_done_error(t, ENOMEM);
	return false;
}

/* Before new data, where it is the first, or the MTU is searched for. false: not now. *mss: as it is then. */
static __noinline bool ready_to_send(struct tcb *t, u32 *mss)
{
	u32 size;

	if (!t->tx && !start_sending(t))
		return false;
	size = t->mtup_on ? tcp_mtu_probe_size(t) : 0;
	if (size && send_one(t, tcp_send_head(t), size, size))
		tcp_mtu_probe_sent(t, size);
	*mss = current_mss(t);
	return true;
}

static void send_new_data(struct tcb *t)
{
	u32 mss = current_mss(t), prior = t->packets_out, quota;
	bool sent = false, limited = false, wnd_limited = false, paced = false;
	struct sk_buff *skb;

	if (unlikely(!t->tx || t->mtup_on) && !ready_to_send(t, &mss))
		return;
	if (!t->packets_out && tcp_now(t) - t->last_send_ns > t->rto_us * NSEC_PER_USEC)
		tcp_cwnd_restart(t);
	while ((skb = tcp_send_head(t))) {
		quota = cwnd_quota(t, skb);
		if (!quota) {
			limited = true;
			break;
		}
		wnd_limited = !window_test(t, skb, mss);
		if (wnd_limited || !nagle_test(t, skb, mss))
			break;
		if (tcp_is_paced(t) && (paced = tcp_pace_wait(t)))
			break;
		if (!do_send_one(t, skb, send_limit(t, skb, mss, quota), mss)) {
			retry_later(t);
			break;
		}
		sent = true;
	}
	if (sent) {
		tcp_cwnd_validate(t, limited || tcp_in_flight(t) >= t->cwnd);
		arm_for_data(t, prior);
	}
	if (!skb)
		tcp_rate_check_app_limited(t);
	if (!t->packets_out && tcp_send_head(t) && !paced && !tcp_timer_armed(t, TCPT_PERSIST))
		tcp_persist_start(t);
	tcp_chrono(t, held_by(t, wnd_limited));
	if (unlikely(t->nospace) && sent)
		tcp_new_space(t); /* less is unsent now */
}

/* ---- once more ---- */

static void retrans_was_sent(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	struct net_cpu *cpu = t->sk.cpu;

	STAT_ADD(cpu, TcpRetransSegs, cb->segs);
	cpu->stats[STAT_TcpOutSegs] -= cb->segs; /* RFC 4022: tcpOutSegs leaves them out */
	if (cb->sacked & TCPCB_RETRANS)
		t->retrans_out -= cb->segs;
	cb->sacked |= TCPCB_RETRANS | TCPCB_EVER_RETRANS;
	t->retrans_out += cb->segs;
	t->snd.lone = false;
	t->tx->undo_retrans = MAX(t->tx->undo_retrans, 0) + cb->segs;
	t->total_retrans += cb->segs;
	t->data_segs_out += skb->len ? cb->segs : 0; /* RFC 4898 DataSegsOut: retransmissions too */
	t->tx->bytes_retrans += skb->len;
	if (!t->retrans_stamp_ms)
		t->retrans_stamp_ms = tcp_ts_now(t) | !tcp_ts_now(t);
	cb->tx_ns = tcp_now(t);
	tcp_rate_sent(t, cb);
	list_del(&cb->ts);
	list_add_tail(&cb->ts, &t->tsorted);
	t->last_send_ns = cb->tx_ns;
	if (unlikely(t->stamping))
		tcp_stamp_sent(t, cb);
}

bool tcp_retransmit(struct tcb *t, struct sk_buff *skb, u32 segs)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	u32 mss = current_mss(t), most = MIN(segs, tso_segs(t, mss)) * mss, window;

	if (unlikely(t->mtup_on))
		tcp_mtu_probe_void(t); /* its ACK would not tell what arrived (RFC 4821 7.6.3) */
	if (seq_lt(cb->seq, t->snd.una))
		tcp_trim_head(t, skb, (u32)seq_diff(t->snd.una, cb->seq), mss);
	window = (u32)MAX(seq_diff(tcp_wnd_end(t), cb->seq), 0);
	if (!window) {
		if (skb != tcp_rtx_head(t)) /* una may be that of our SYN, before it */
			return false; /* beyond a window that shrank: wait (RFC 9293 3.8.6) */
		window = mss;
	}
	most = MIN(most, MAX(window, 1u));
	if (skb->len > most && !tcp_split(t, skb, most, mss))
		return false;
	if (!transmit(t, cb->seq, skb, mss, cb->flags | TCP_ACK))
		return false;
	retrans_was_sent(t, skb);
	return true;
}

/* A tail loss probe (RFC 8985 7.3): a new segment where the windows allow, else the last one again. */
bool tcp_send_loss_probe(struct tcb *t)
{
	struct sk_buff *skb = tcp_send_head(t);
	u32 mss = current_mss(t);

	t->tlp_retrans = false;
	if (skb && window_test(t, skb, mss) && t->snd.wnd) {
		if (!send_one(t, skb, send_limit(t, skb, mss, 1), mss))
			return false;
	} else {
		skb = tcp_rtx_tail(t);
		if (!skb)
			return false;
		/* Its segments may be of another MSS, without SACK blocks: fewer than it takes now. */
		if (skb->len > mss && !tcp_split(t, skb, (skb->len - 1) / mss * mss, mss))
			return false;
		if (!tcp_retransmit(t, tcp_rtx_tail(t), 1))
			return false;
		t->tlp_retrans = true;
	}
	t->tlp_out = true;
	t->snd.lone = false;
	t->tx->tlp_high_seq = t->snd.nxt;
	STAT(t->sk.cpu, TcpExtTCPLossProbes);
	return true;
}

/* A zero-window probe or a keepalive: real data when the window has room, else an old sequence number that asks for an ACK. */
bool tcp_xmit_probe(struct tcb *t)
{
	struct sk_buff *skb = tcp_send_head(t);

	if (skb && t->tx && seq_lt(tcp_cb(skb)->seq, tcp_wnd_end(t))) {
		u32 mss = current_mss(t), window = (u32)seq_diff(tcp_wnd_end(t), tcp_cb(skb)->seq);

		tcp_cb(skb)->flags |= TCP_PSH;
		if (!send_one(t, skb, MIN(skb->len, MIN(window, mss)), mss))
			return false;
		tcp_rearm_rto(t);
		return true;
	}
	return transmit(t, seq_add(t->snd.una, -1u), NULL, t->mss, TCP_ACK);
}

/* ---- control segments ---- */

bool tcp_send_ack(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct sk_buff *skb;

	if (unlikely(!t->ts_ok || t->ecn_ok || t->nr_sacks || t->dsack_due || !dst_valid(cpu, &t->sk.dst)))
		return transmit(t, t->snd.nxt, NULL, t->mss, TCP_ACK);
	if (unlikely(!tcp_ack_direct(t))) {
		skb = alloc_skb(cpu, SKB_HEADROOM);
		if (unlikely(!skb))
			return false;
		put_plain_header(t, skb, t->snd.nxt, TCP_ACK);
		t->sk.af->xmit_sock(&t->sk, skb, !t->may_fragment);
	}
	ack_was_sent(t);
	count_sent(t, 1);
	return true;
}

bool tcp_send_syn(struct tcb *t)
{
	u8 flags = (t->sk.state == TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK) | tcp_ecn_syn_flags(t);
	bool first = t->sk.state == TCP_SYN_SENT && seq_eq(t->snd.nxt, t->snd.iss);
	struct sk_buff *skb = first && (t->tx || tcp_tx_start(t)) ? tcp_send_head(t) : NULL; /* RFC 7413: nothing else puts data before the handshake */

	if (!transmit(t, t->snd.iss, skb, TCP_MAX_GSO, flags))
		return false;
	if (skb) {
		tcp_cb(skb)->segs = 1;
		data_was_sent(t, skb);
	}
	t->rcv.wup = t->rcv.nxt; /* the window of a SYN counts from there */
	t->snd.nxt = seq_max(t->snd.nxt, seq_add(t->snd.iss, 1));
	t->last_send_ns = tcp_now(t);
	return true;
}

void tcp_send_active_reset(struct tcb *t)
{
	STAT(t->sk.cpu, TcpOutRsts);
	if (!transmit(t, t->snd.nxt, NULL, t->mss, TCP_RST | TCP_ACK))
		STAT(t->sk.cpu, TcpExtTCPAbortFailed);
}

u32 tcp_put_reply(struct tcp_hdr *h, const struct tcp_reply *r)
{
	u32 len = TCP_HDR_LEN;

	if (r->syn)
		len += tcp_put_syn_options((u8 *)(h + 1), r->syn);
	else if (r->ts)
		len += tcp_put_timestamp((u8 *)(h + 1), r->tsval, r->tsecr);
	h->sport = be16_of(r->sport);
	h->dport = be16_of(r->dport);
	h->seq = be32_of(r->seq.v);
	h->ack = be32_of(r->ack.v);
	h->doff = (u8)(len << 2);
	h->flags = r->flags;
	h->wnd = be16_of(r->wnd);
	h->urg = be16_of(0);
	return len;
}

static __noinline bool reply_by_skb(struct net_cpu *cpu, const struct tcp_reply *r)
{
	const struct af_ops *af = af_of(r->dst);
	struct flow fl = tcp_reply_flow(r);
	struct sk_buff *skb;
	struct tcp_hdr *h;
	struct dst dst;

	if ((!r->way && af->route(cpu, &fl, &dst)) || !(skb = alloc_skb(cpu, SKB_HEADROOM)))
		return false;
	h = (struct tcp_hdr *)skb_put(skb, 0);
	skb_put(skb, tcp_put_reply(h, r));
	skb_reset_transport_header(skb);
	h->csum = csum_fold16(af == &ipv4_af ? csum_tcpudp_nofold(ip_v4(r->src), ip_v4(r->dst), skb->len, IPPROTO_TCP) :
					       af->pseudo_sum(r->src, r->dst, IPPROTO_TCP, skb->len));
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb->transport_header;
	skb->csum_offset = TCP_CSUM_OFFSET;
	STAT(cpu, TcpOutSegs);
	af->xmit(cpu, skb, &fl, r->way ?: &dst);
	return true;
}

bool tcp_reply_xmit(struct net_cpu *cpu, const struct tcp_reply *r)
{
	if (unlikely(!r->way) || unlikely(!tcp_reply_direct(cpu, r)))
		return reply_by_skb(cpu, r);
	STAT(cpu, TcpOutSegs);
	return true;
}

/* RFC 9293 3.10.7.1: a RST that the sender of `seg` will believe. Never in answer to a RST. */
void tcp_send_reset(struct net_cpu *cpu, struct sk_buff *skb, const struct tcp_seg *seg)
{
	struct tcp_reply r = {
		.src = &skb->ip.dst, .dst = &skb->ip.src, .sport = seg->dport, .dport = seg->sport, .flags = TCP_RST,
	};

	if (seg->flags & TCP_RST || skb->ip.addr_type != ADDR_LOCAL)
		return;
	if (seg->flags & TCP_ACK) {
		r.seq = seg->ack;
	} else {
		r.flags |= TCP_ACK;
		r.ack = seg->end;
	}
	STAT(cpu, TcpOutRsts);
	tcp_reply_xmit(cpu, &r);
}

/* ---- all that one has to send ---- */

void tcp_output(struct tcb *t)
{
	switch (t->sk.state) {
	case TCP_CLOSE:
	case TCP_LISTEN:
		return;
	case TCP_SYN_SENT:
		if ((seq_eq(t->snd.nxt, t->snd.iss) && !(t->fo && t->fo->deferred)) || t->ack.now)
			tcp_send_syn(t);
		t->ack.now = false;
		return;
	case TCP_SYN_RECEIVED:
		if (tcp_is_fastopen_child(t))
			break;
		if (t->ack.now && !t->passive)
			tcp_send_syn(t);
		return;
	}
	if (tcp_is_fastopen_child(t) && seq_eq(t->snd.nxt, t->snd.iss) && !tcp_send_syn(t)) {
		retry_later(t);
		return;
	}
	if (unlikely(t->fin_wanted && !t->fin_queued) && !tcp_queue_fin(t))
		retry_later(t);
	if (unlikely(t->frto_new)) {
		send_new_data(t);
		t->frto_new = t->frto = seq_gt(t->snd.nxt, t->high_seq);
	}
	if (unlikely(t->rtx_hint && !t->frto_new))
		tcp_xmit_lost(t);
	if (tcp_send_head(t))
		send_new_data(t);
	if (t->ack.now && !tcp_send_ack(t))
		retry_later(t);
}
