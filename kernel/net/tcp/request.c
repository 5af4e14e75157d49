/* SPDX-License-Identifier: MIT
 * request.c - a connection being opened from outside: SYN_RECEIVED as a small struct until the handshake is complete.
 *
 * RFC 9293 3.10.7.2 and the SYN_RECEIVED parts of 3.10.7.4. The SYN-ACK leaves at once, because no TCB stands behind it; the
 * ACK of it makes the TCB, which then takes the same segment as any other, text and FIN included.
 */
#include "net/core/shed.h"
#include "net/tcp/segment.h"
#include "net/wire/ipv4.h"
#include "net/wire/ipv6.h"

/* ---- the SYN-ACK ---- */

static u16 advertised_mss(const struct tcb *l, const struct af_ops *af, const struct dst *dst)
{
	u32 mss = dst->dev->mtu - af->hdr_len - TCP_HDR_LEN; /* the link's, never the path's (RFC 1191) */

	return (u16)MIN(l->user_mss ? MIN(mss, (u32)l->user_mss) : mss, 65495u);
}

static bool send_synack(struct tcp_request *r, const struct tfo_cookie *cookie)
{
	struct net_cpu *cpu = r->cpu;
	struct tcp_syn_options o = {
		.mss = r->advmss, .ts = r->ts_ok, .sack = r->sack_ok, .ws = r->ws_ok, .wscale = r->rcv_wscale,
		.tsval = cpu_ms(cpu) + r->ts_off, .tsecr = r->ts_recent, .cookie = cookie,
	};
	struct tcp_reply reply = {
		.src = &r->laddr, .dst = &r->raddr, .sport = r->node.lport, .dport = r->node.rport, .seq = seq_of(r->iss),
		.ack = seq_of(r->irs + 1), .wnd = r->rcv_wnd, .flags = (u8)(TCP_SYN | TCP_ACK | (r->ecn_ok ? TCP_ECE : 0)), .tos = r->tos, .mark = r->listener->sk.mark,
		.way = dst_valid(cpu, &r->dst) ? &r->dst : NULL, .syn = &o,
	};

	return tcp_reply_xmit(cpu, &reply);
}

/* In answer to what cannot be the handshake's end: twice a second at most, or whoever guesses addresses had a mirror. */
static void send_ack(struct tcp_request *r)
{
	u32 now = cpu_ms(r->cpu) | 1;
	struct tcp_reply reply = {
		.src = &r->laddr, .dst = &r->raddr, .sport = r->node.lport, .dport = r->node.rport, .seq = seq_of(r->iss + 1),
		.ack = seq_of(r->irs + 1), .wnd = (u16)(r->rcv_wnd >> r->rcv_wscale), .flags = TCP_ACK, .tos = r->tos,
		.mark = r->listener->sk.mark, .ts = r->ts_ok, .tsval = cpu_ms(r->cpu) + r->ts_off, .tsecr = r->ts_recent,
	};

	if (r->oow_ack_ms && now - r->oow_ack_ms < r->cpu->sysctl.tcp_invalid_ratelimit) {
		STAT(r->cpu, TcpExtTCPACKSkippedSynRecv);
		return;
	}
	r->oow_ack_ms = now;
	tcp_reply_xmit(r->cpu, &reply);
}

/* Behind those that have waited as often: a list for each time out is in the order of their ends. */
static void arm(struct tcp_request *r)
{
	unsigned i = MIN(r->retries, (u8)(TCP_SYNACK_LISTS - 1));
	struct tcp_cpu *tc = r->cpu->tcp;
	u64 us = (u64)TCP_RTO_INIT_US << i;

	r->expires_ns = r->cpu->now_ns + MIN(us, (u64)TCP_RTO_MAX_US) * NSEC_PER_USEC;
	list_del(&r->link);
	list_add_tail(&r->link, &tc->synacks[i]);
	if (unlikely(!tc->synack_timer.armed || r->expires_ns < tc->synack_timer.expires_ns))
		timer_arm(&r->cpu->wheel, &tc->synack_timer, r->expires_ns);
}

/* After tcp_synack_retries, or when TCP_DEFER_ACCEPT's time is over, too, for a peer that has answered. */
static bool is_hopeless(const struct tcp_request *r)
{
	return r->retries >= r->cpu->sysctl.tcp_synack_retries && (!r->acked || r->retries >= r->listener->defer_accept);
}

/* The peer acknowledged our SYN, and its text may still come: it is not asked again before the end of the deferral. */
static bool waits_for_text(const struct tcp_request *r)
{
	return r->acked && r->retries < r->listener->defer_accept;
}

static void synack_timeout(struct tcp_request *r)
{
	struct net_cpu *cpu = r->cpu;

	if (is_hopeless(r)) {
		STAT(cpu, TcpAttemptFails);
		STAT(cpu, TcpExtTCPTimeouts);
		tcp_request_free(r);
		return;
	}
	r->retries++;
	if (!waits_for_text(r)) {
		STAT(cpu, TcpExtTCPTimeouts);
		STAT(cpu, TcpExtTCPSynRetrans);
		STAT(cpu, TcpRetransSegs);
		send_synack(r, NULL);
	}
	arm(r);
}

void tcp_synack_run(struct timer *timer, u64 now_ns)
{
	struct tcp_cpu *tc = container_of(timer, struct tcp_cpu, synack_timer);
	u64 next = TIME_NEVER;

	for (unsigned i = 0; i < TCP_SYNACK_LISTS; i++) {
		while (!list_empty(&tc->synacks[i])) {
			struct tcp_request *r = list_first(&tc->synacks[i], struct tcp_request, link);

			if (r->expires_ns > now_ns) {
				next = MIN(next, r->expires_ns);
				break;
			}
			synack_timeout(r);
		}
	}
	if (next != TIME_NEVER && (!timer->armed || next < timer->expires_ns))
		timer_arm(&tc->cpu->wheel, timer, next);
}

/* ---- the life of a request ---- */

void tcp_request_free(struct tcp_request *r)
{
	struct net_cpu *cpu = r->cpu;

	list_del(&r->link);
	conn_remove(cpu, &r->node);
	r->listener->listener->nr_requests--;
	cpu->tcp->nr_requests--;
	kmem_cache_free(cpu->tcp->requests, r);
}

static void drop_if_of(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	if (r && r->listener == arg)
		tcp_request_free(r);
}

void tcp_requests_drop(struct tcb *listener)
{
	if (listener->listener->nr_requests)
		tcp_for_each(listener->sk.cpu, drop_if_of, listener);
}

static void take_options(struct tcp_request *r, const struct tcp_in *in)
{
	const struct net_sysctls *s = &r->cpu->sysctl;
	const struct tcp_options *o = &in->opt;
	bool ts = o->has_ts && s->tcp_timestamps, sack = o->sack_perm && s->tcp_sack, ws = o->has_wscale && s->tcp_window_scaling;
	bool ecn = tcp_ecn_asked(r->cpu, in);

	r->agreed = 0;
	r->ts_ok = ts;
	r->sack_ok = sack;
	r->ws_ok = ws;
	r->ecn_ok = ecn;
	r->ts_recent = o->has_ts ? o->tsval : 0;
	r->ts_off = tcp_ts_offset(r->cpu, &r->laddr, &r->raddr);
	r->mss = o->mss ? o->mss : tcp_mss_default(&r->raddr);
	r->snd_wscale = ws ? o->wscale : 0;
	r->snd_wnd = in->seg.wnd;
}

struct tcp_request *tcp_request_new(struct tcb *l, struct tcp_in *in)
{
	const struct inet_cb *ip = &in->skb->ip;
	struct net_cpu *cpu = l->sk.cpu;
	struct tcp_request *r = kmem_cache_alloc(cpu->tcp->requests);
	struct flow fl = { .src = ip->dst, .dst = ip->src, .proto = IPPROTO_TCP, .mark = l->sk.mark, .dev = l->sk.bound_dev };

	if (!r)
		return NULL;
	if (likely(cpu->tcp->vectors))
		vector_zero(r, sizeof(*r));
	else
		memset(r, 0, sizeof(*r));
	if (af_of(&fl.dst)->route(cpu, &fl, &r->dst)) {
		kmem_cache_free(cpu->tcp->requests, r);
		return NULL;
	}
	r->cpu = cpu;
	r->listener = l;
	r->laddr = ip->dst;
	r->raddr = ip->src;
	r->node.kind = CONN_REQUEST;
	r->node.lport = in->seg.dport;
	r->node.rport = in->seg.sport;
	r->node.hash = in->hash;
	list_init(&r->link);
	r->irs = in->seg.seq.v;
	r->iss = tcp_isn(cpu, &r->laddr, &r->raddr, r->node.lport, r->node.rport);
	r->tos = l->sk.tos;
	r->advmss = advertised_mss(l, af_of(&r->raddr), &r->dst);
	take_options(r, in);
	r->rcv_wnd = (u16)tcp_initial_window(l->sk.rcvbuf, r->advmss, &cpu->sysctl, r->ws_ok, &r->rcv_wscale);
	return r;
}

static void request_keep(struct tcp_request *r)
{
	conn_insert(r->cpu, &r->node);
	r->listener->listener->nr_requests++;
	r->cpu->tcp->nr_requests++;
}

/* The SYN queue is full: answer, and forget. */
static enum drop_reason answer_by_cookie(struct tcp_request *r)
{
	if (r->cpu->sysctl.tcp_syncookies != 2)
		STAT(r->cpu, TcpExtTCPReqQFullDoCookies);
	tcp_cookie_make(r);
	send_synack(r, NULL);
	kmem_cache_free(r->cpu->tcp->requests, r);
	return RX_OK;
}

/* An ACK for which there is no request: of a cookie, or of nothing. */
static enum drop_reason ack_to_listener(struct tcb *l, struct tcp_in *in)
{
	struct tcp_request *r = tcp_cookie_check(l, in);

	if (!r) {
		tcp_send_reset(l->sk.cpu, in->skb, &in->seg);
		return DROP(TCP_FLAGS);
	}
	request_keep(r);
	return tcp_request_rcv(r, in);
}

/* ---- the accept queue ---- */

#define ACCEPT_FEW   64   /* so many may always wait */
#define ACCEPT_PACE  1000 /* ms over which the pace is taken: a virtual machine stands still for some tenths of that */
#define ACCEPT_AHEAD 16   /* handshakes that may be under way for those who are accepted next */

static __noinline bool is_beyond_pace(const struct net_cpu *cpu, struct tcp_listener *q)
{
	u32 now = cpu_ms(cpu) | 1, ms = now - q->since_ms;

	if (q->since_ms && ms < ACCEPT_PACE)
		return q->accept_len + q->nr_requests > q->most;
	q->most = ~0u;
	if (q->since_ms && cpu->sysctl.tcp_accept_wait)
		q->most = (u32)MAX((u64)q->accepted * (u64)cpu->sysctl.tcp_accept_wait / ms, (u64)ACCEPT_FEW);
	q->accepted = q->admitted = 0;
	q->since_ms = now;
	return q->accept_len + q->nr_requests > q->most;
}

/* Do more wait to be accepted, or will when their handshake is over, than the application comes to in tcp_accept_wait? A queue is too
 * long by time, not by number: where ten thousand wait for a moment in front of a fast application, a slow one would let them wait
 * until they give up, and then work for nobody. As long as few wait, a flood of SYNs alone makes nobody wait. */
static inline bool is_overdue(const struct net_cpu *cpu, struct tcp_listener *q)
{
	return unlikely(q->accept_len > ACCEPT_FEW) && is_beyond_pace(cpu, q);
}

/* Then as many newcomers are let in as are accepted, and go first; the others come again. */
static inline bool is_closed(const struct net_cpu *cpu, struct tcp_listener *q)
{
	return is_overdue(cpu, q) && q->admitted >= q->accepted + ACCEPT_AHEAD;
}

#define ACCEPT_QUIET 8 /* so many connections without text may wait with TCP_ACCEPT_DATA, and nobody is told */

/* Text, or the end. */
static void child_event(struct sock *sk, u32 events)
{
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	sk->event = NULL;
	sock_event(&tcb_of(sk)->parent->sk, EPOLLIN);
}

/* At once: who accepts runs in base context, no sooner than after the flush. With TCP_ACCEPT_DATA when there is something to do for
 * it: the handshake's end often comes in a poll of its own, a moment before the request. */
static inline void accept_tell(struct tcb *listener, struct tcb *child)
{
	if (listener->accept_data && listener->listener->accept_len < ACCEPT_QUIET) {
		child->parent = listener;
		child->sk.event = child_event;
	} else {
		sock_event(&listener->sk, EPOLLIN);
	}
}

/* Under overload the newest goes first: its client is there still, where those who wait longest are the next to give up. */
static void accept_add(struct tcb *listener, struct tcb *child)
{
	struct tcp_listener *q = listener->listener;
	struct tcb **at = is_overdue(listener->sk.cpu, q) ? &q->accept_head : q->accept_tail;

	child->accept_next = *at;
	*at = child;
	if (!child->accept_next)
		q->accept_tail = &child->accept_next;
	q->accept_len++;
	accept_tell(listener, child);
}

#define REFUSED_S 60 /* so long after a listener has refused somebody its clients may have waited too long */

static bool is_unread(const struct tcb *t)
{
	return t->rcv.copied.v == t->rcv.irs.v + 1 && t->rcv.nxt.v != t->rcv.copied.v + 1; /* but for the FIN */
}

/* A FIN a while after the request, not a byte of which was read by then, to a listener that had to refuse others: somebody has given up,
 * and work for it would be for nobody. Who asks and ends its stream, as is its right, does both at once. */
bool tcp_hung_up(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;
	const struct tcp_cpu *tc = cpu->tcp;
	u64 wait_ns = (u64)cpu->sysctl.tcp_accept_wait * NSEC_PER_MSEC;

	if (tc->full->sk.sport != t->sk.sport || cpu_s(cpu) - tc->refused_s > REFUSED_S || !t->passive || !is_unread(t) || !wait_ns ||
	    cpu->now_ns - t->last_rcv_ns < wait_ns)
		return false;
	STAT(cpu, TcpExtTCPAbandoned);
	t->hung_up = true; /* accept() passes over it */
	tcp_forget_unread(t);
	tcp_send_active_reset(t);
	tcp_done_error(t, ECONNRESET);
	return true;
}

/* ---- from request to TCB ---- */

static void child_numbers(struct tcb *t, const struct tcp_request *r)
{
	t->snd.iss = seq_of(r->iss);
	t->snd.una = t->snd.nxt = t->snd.write = t->snd.small = seq_of(r->iss + 1);
	t->rcv.irs = seq_of(r->irs);
	t->rcv.nxt = t->rcv.wup = t->rcv.copied = seq_of(r->irs + 1);
	t->rcv.wnd = r->rcv_wnd;
	t->rcv.wscale = r->rcv_wscale;
	t->snd.wscale = r->snd_wscale;
	t->snd.wl1 = t->rcv.irs;
	t->snd.wnd = t->snd.max_wnd = r->snd_wnd;
	t->agreed = r->agreed;
	t->ts_recent = r->ts_recent;
	t->ts_recent_s = cpu_s(r->cpu);
	t->ts_off = r->ts_off;
	t->advmss = r->advmss;
	t->mss_clamp = t->user_mss ? MIN(r->mss, t->user_mss) : r->mss;
	t->tcp_hdr_len = TCP_HDR_LEN + (r->ts_ok ? TCPOLEN_TSTAMP_ALIGNED : 0);
}

/* A TCB in SYN_RECEIVED takes r's place in the table. NULL: no memory, or no way back. */
static struct tcb *child_of(struct tcp_request *r)
{
	struct net_cpu *cpu = r->cpu;
	struct tcb *t = tcb_child(r->listener);

	if (!t)
		return NULL;
	t->sk.af = af_of(&r->raddr);
	t->sk.saddr = r->laddr;
	t->sk.daddr = r->raddr;
	t->sk.sport = r->node.lport;
	t->sk.dport = r->node.rport;
	t->node.hash = r->node.hash;
	t->node.lport = r->node.lport;
	t->node.rport = r->node.rport;
	t->sk.dst = r->dst; /* the same way, while it is valid */
	child_numbers(t, r);
	t->syn_retries = r->retries;
	if (tcp_route(t)) {
		tcb_free(t);
		return NULL;
	}
	conn_replace(&r->node, &t->node);
	tcp_set_state(t, TCP_SYN_RECEIVED);
	STAT(cpu, TcpPassiveOpens);
	return t;
}

static struct tcb *tcp_request_to_tcb(struct tcp_request *r, const struct tcp_seg *seg)
{
	struct net_cpu *cpu = r->cpu;
	struct tcb *l = r->listener, *t = child_of(r);

	if (!t)
		return NULL;
	t->snd.wnd = seg->wnd << t->snd.wscale; /* the first that is scaled */
	t->snd.wl1 = seg->seq;
	if (r->retries)
		t->cwnd = 1; /* RFC 5681 3.1 */
	else
		tcp_rtt_sample(t, (s64)(cpu_us(cpu) - r->synack_us));
	tcp_established(t);
	tcp_request_free(r);
	accept_add(l, t);
	return t;
}

/* RFC 7413: the connection begins now, and its SYN-ACK leaves with the flush. NULL: no memory, r stays as it is. */
static struct tcb *begin_child(struct tcp_request *r, const struct tfo_cookie *give)
{
	struct tcb *l = r->listener, *t = child_of(r);

	if (!t)
		return NULL;
	if (!tcp_fastopen_child(l, t, give)) {
		conn_replace(&t->node, &r->node);
		tcb_free(t);
		return NULL;
	}
	t->snd.nxt = t->snd.iss; /* the SYN-ACK leaves with the flush; the window of a SYN is counted behind it */
	tcp_fastopen_begun(t);
	tcp_request_free(r);
	accept_add(l, t);
	return t;
}

static enum drop_reason listen_overflow(struct net_cpu *cpu)
{
	STAT(cpu, TcpExtListenOverflows);
	STAT(cpu, TcpExtListenDrops);
	cpu->tcp->refused_s = cpu_s(cpu);
	return DROP(TCP_LISTEN_OVERFLOW);
}

enum drop_reason tcp_shed(struct net_cpu *cpu, bool v4, const u8 *p, u32 len)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)p;
	const struct tcb *l = cpu->tcp->full;
	struct ip_addr dst;

	if (!l || len < TCP_HDR_LEN || be16_get(h->dport) != l->sk.sport || (h->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN ||
	    l->sk.reuseport || !is_closed(cpu, l->listener))
		return RX_OK;
	if (v4)
		dst = ip_from_v4(((const struct ipv4_hdr *)p)[-1].daddr);
	else
		memcpy(&dst, ((const struct ipv6_hdr *)p)[-1].daddr, sizeof(dst));
	if (tcp_find_listener(cpu, &dst, l->sk.sport, 0) != l)
		return RX_OK;
	STAT(cpu, TcpInSegs);
	return listen_overflow(cpu);
}

/* RFC 9293 3.10.7.2. */
enum drop_reason tcp_listen_rcv(struct tcb *l, struct tcp_in *in)
{
	struct net_cpu *cpu = l->sk.cpu;
	struct tcp_listener *q = l->listener;
	struct tfo_cookie cookie;
	enum tfo_verdict fo;
	struct tcp_request *r;
	struct tcb *t;

	if (in->seg.flags & TCP_RST)
		return DROP(TCP_FLAGS);
	if (in->seg.flags & TCP_ACK)
		return ack_to_listener(l, in);
	if (!(in->seg.flags & TCP_SYN) || in->seg.flags & TCP_FIN)
		return DROP(TCP_FLAGS);
	if (q->accept_len > q->backlog)
		return listen_overflow(cpu);
	if (unlikely(is_closed(cpu, q))) {
		cpu->tcp->full = l;
		shed_begin(cpu);
		return listen_overflow(cpu);
	}
	if (q->nr_requests >= cpu->sysctl.tcp_max_syn_backlog && !cpu->sysctl.tcp_syncookies) {
		STAT(cpu, TcpExtTCPReqQFullDrop);
		STAT(cpu, TcpExtListenDrops);
		return DROP(TCP_LISTEN_OVERFLOW);
	}
	q->admitted++;
	tcp_parse_options(in->skb->data, &in->seg, &in->opt);
	r = tcp_request_new(l, in);
	if (!r) {
		STAT(cpu, TcpExtListenDrops);
		return DROP(TCP_NOMEM_REQ);
	}
	if (q->nr_requests >= cpu->sysctl.tcp_max_syn_backlog || cpu->sysctl.tcp_syncookies == 2)
		return answer_by_cookie(r);
	request_keep(r);
	r->synack_us = cpu_us(cpu);
	fo = tcp_fastopen_syn(l, r, in, &cookie);
	if (unlikely(fo >= TFO_OPEN) && (t = begin_child(r, fo == TFO_OPEN_GIVE ? &cookie : NULL)))
		return in->seg.len ? tcp_fastopen_text(t, in) : RX_OK;
	send_synack(r, fo == TFO_GIVE ? &cookie : NULL);
	arm(r);
	return RX_OK;
}

/* ---- the handshake's end ---- */

/* The SYN again: the SYN-ACK was lost. */
static enum drop_reason syn_again(struct tcp_request *r)
{
	if (cpu_us(r->cpu) - r->synack_us >= (u64)r->cpu->sysctl.tcp_invalid_ratelimit * USEC_PER_MSEC) {
		STAT(r->cpu, TcpExtTCPSynRetrans);
		STAT(r->cpu, TcpRetransSegs);
		r->retries += !r->retries; /* no sample, and a careful window */
		send_synack(r, NULL);
	} else {
		STAT(r->cpu, TcpExtTCPACKSkippedSynRecv);
	}
	return RX_OK;
}

static bool in_window(const struct tcp_request *r, const struct tcp_seg *seg)
{
	seq_t nxt = seq_of(r->irs + 1);

	return seq_ge(seg->end, nxt) && seq_le(seg->seq, seq_add(nxt, r->rcv_wnd));
}

static enum drop_reason request_rst(struct tcp_request *r, const struct tcp_seg *seg)
{
	if (seg->seq.v != r->irs + 1) { /* RFC 5961 3.2 */
		STAT(r->cpu, TcpExtTCPChallengeACK);
		send_ack(r);
		return DROP(TCP_INVALID_RST);
	}
	STAT(r->cpu, TcpExtEmbryonicRsts);
	STAT(r->cpu, TcpAttemptFails);
	tcp_request_free(r);
	return DROP(TCP_RESET);
}

/* It ends the handshake and does nothing else: all it tells is in t already. */
static bool is_bare_ack(const struct tcb *t, const struct tcp_seg *seg)
{
	return seg->flags == TCP_ACK && !seg->len && seq_eq(seg->seq, t->rcv.nxt);
}

static enum drop_reason handshake_done(struct tcp_request *r, struct tcp_in *in)
{
	struct net_cpu *cpu = r->cpu;
	struct tcp_listener *q = r->listener->listener;
	struct tcb *t;

	if (q->accept_len > q->backlog) {
		STAT(cpu, TcpExtListenOverflows);
		if (!cpu->sysctl.tcp_abort_on_overflow)
			return DROP(TCP_LISTEN_OVERFLOW); /* the SYN-ACK will ask again */
		tcp_send_reset(cpu, in->skb, &in->seg);
		STAT(cpu, TcpAttemptFails);
		tcp_request_free(r);
		return DROP(TCP_LISTEN_OVERFLOW);
	}
	if (!in->seg.len && !(in->seg.flags & TCP_FIN) && r->retries < r->listener->defer_accept) {
		r->acked = true;
		STAT(cpu, TcpExtTCPDeferAcceptDrop);
		return RX_OK;
	}
	t = tcp_request_to_tcb(r, &in->seg);
	if (!t) {
		STAT(cpu, TcpExtListenDrops);
		return DROP(TCP_NOMEM_REQ);
	}
	if (likely(is_bare_ack(t, &in->seg))) {
		t->segs_in++;
		STAT(cpu, TcpExtTCPPureAcks);
		return RX_OK;
	}
	return tcp_rcv_tcb(t, in);
}

enum drop_reason tcp_request_rcv(struct tcp_request *r, struct tcp_in *in)
{
	struct tcp_seg *seg = &in->seg;
	struct net_cpu *cpu = r->cpu;

	tcp_parse_options(in->skb->data, seg, &in->opt);
	if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && seg->seq.v == r->irs)
		return syn_again(r);
	if (r->ts_ok && in->opt.has_ts && !(seg->flags & TCP_RST) && (s32)(in->opt.tsval - r->ts_recent) < 0) {
		STAT(cpu, TcpExtPAWSEstab);
		send_ack(r);
		return DROP(TCP_RFC7323_PAWS);
	}
	if (!in_window(r, seg)) {
		if (!(seg->flags & TCP_RST))
			send_ack(r);
		return DROP(TCP_INVALID_SEQUENCE);
	}
	if (seg->flags & TCP_RST)
		return request_rst(r, seg);
	if (seg->flags & TCP_SYN) {
		STAT(cpu, TcpExtTCPSYNChallenge);
		send_ack(r);
		return DROP(TCP_INVALID_SYN);
	}
	if (!(seg->flags & TCP_ACK))
		return DROP(TCP_FLAGS);
	if (seg->ack.v != r->iss + 1) {
		tcp_send_reset(cpu, in->skb, seg);
		return DROP(TCP_ACK_UNSENT_DATA);
	}
	if (r->ts_ok && in->opt.has_ts && seq_le(seg->seq, seq_of(r->irs + 1)))
		r->ts_recent = in->opt.tsval;
	return handshake_done(r, in);
}
