/* SPDX-License-Identifier: MIT
 * fastopen.c - TCP Fast Open (RFC 7413): data in the SYN, for peers that show a cookie we gave them, and to peers that gave
 * us one.
 *
 * A cookie is SipHash of both addresses under a key that all CPUs share and the operator may set and rotate, as Linux makes
 * it: servers behind one address can share a key. A child that began with data is a TCB in SYN_RECEIVED, already in the
 * accept queue; how many of those a listener bears is its TCP_FASTOPEN. tcb.fo is there for listeners that were asked for
 * it and until the handshake is over, so that other connections carry a pointer only. What clients know of servers is a
 * small table per CPU, made when it is first used.
 */
#include "net/tcp/tcp_impl.h"

enum { /* net.ipv4.tcp_fastopen */
	FO_CLIENT = 1,
	FO_SERVER = 2,
	FO_CLIENT_NO_COOKIE = 4,
	FO_SERVER_NO_COOKIE = 0x200,
	FO_SERVER_ALL = 0x400,       /* every listener, as many as its backlog */
};
#define FO_RST_HOLD_S   60       /* RFC 7413 5.1: a child that a RST ended counts that long, so that forged ones cost their sender */
#define FO_CACHE        64
#define FO_COOKIE_LEN   8        /* of ours */
#define FO_DISABLE_LOG2 6        /* doublings of the time without fast opens, when black holes come again */

static bool is_enabled(const struct net_cpu *cpu, int bit)
{
	return (cpu->sysctl.tcp_fastopen & bit) != 0;
}

struct tcp_fastopen *tcp_fastopen_get(struct tcb *t)
{
	if (!t->fo)
		t->fo = kzalloc(sizeof(*t->fo));
	return t->fo;
}

/* ---- cookies of ours ---- */

static void cookie_of(const struct ip_addr *l, const struct ip_addr *r, const struct siphash_key *key, struct tfo_cookie *c)
{
	struct ip_addr both[2] = { *r, *l };
	u32 v4[2] = { r->w[3].raw, l->w[3].raw };
	u64 h = ip_is_v4(r) ? siphash(v4, sizeof(v4), key) : siphash(both, sizeof(both), key);

	c->len = FO_COOKIE_LEN;
	memcpy(c->val, &h, FO_COOKIE_LEN);
}

/* Key number i in force for listener l, 1 the one before the last rotation; NULL: there is none. */
static const struct siphash_key *key_of(const struct tcb *l, unsigned i)
{
	const struct net *net = l->sk.cpu->net;

	if (l->fo && l->fo->own_key)
		return i ? NULL : &l->fo->key;
	return i < net->nr_fastopen_keys ? &net->fastopen_key[i] : NULL;
}

/* Which key made what the SYN shows: its number, -1 for none. The present key's cookie stands in *now. */
static int cookie_check(const struct tcb *l, const struct tcp_request *r, const struct tcp_options *o, struct tfo_cookie *now)
{
	const struct siphash_key *key;
	struct tfo_cookie c;

	cookie_of(&r->laddr, &r->raddr, key_of(l, 0), now);
	now->exp = o->exp_fastopen;
	for (unsigned i = 0; (key = key_of(l, i)); i++) {
		cookie_of(&r->laddr, &r->raddr, key, &c);
		if (o->cookie_len == c.len && !memcmp(o->cookie, c.val, c.len))
			return (int)i;
	}
	return -1;
}

/* ---- the server ---- */

/* RFC 7413 5.1: may one more child wait for its handshake? */
static bool has_room(struct tcb *l)
{
	struct net_cpu *cpu = l->sk.cpu;
	struct tcp_fastopen *fo = l->fo;

	if (!fo || !fo->max)
		return false;
	if (fo->resets && (s32)(cpu_s(cpu) - fo->resets_until_s) >= 0)
		fo->resets = 0;
	if (fo->pending + fo->resets < fo->max)
		return true;
	STAT(cpu, TcpExtTCPFastOpenListenOverflow);
	return false;
}

enum tfo_verdict tcp_fastopen_syn(struct tcb *l, const struct tcp_request *r, const struct tcp_in *in, struct tfo_cookie *give)
{
	const struct tcp_options *o = &in->opt;
	struct net_cpu *cpu = l->sk.cpu;
	int key;

	if (likely(!is_enabled(cpu, FO_SERVER)) || !(o->has_fastopen || in->seg.len) || !has_room(l))
		return TFO_NONE;
	if (in->seg.len && is_enabled(cpu, FO_SERVER_NO_COOKIE)) {
		STAT(cpu, TcpExtTCPFastOpenPassive);
		return TFO_OPEN;
	}
	if (!o->has_fastopen)
		return TFO_NONE;
	key = cookie_check(l, r, o, give);
	if (!o->cookie_len) {
		STAT(cpu, TcpExtTCPFastOpenCookieReqd);
		return TFO_GIVE;
	}
	if (key < 0) {
		STAT(cpu, TcpExtTCPFastOpenPassiveFail);
		return TFO_GIVE;
	}
	STAT(cpu, TcpExtTCPFastOpenPassive);
	if (!key)
		return TFO_OPEN;
	STAT(cpu, TcpExtTCPFastOpenPassiveAltKey);
	return TFO_OPEN_GIVE;
}

bool tcp_fastopen_child(struct tcb *l, struct tcb *t, const struct tfo_cookie *give)
{
	struct tcp_fastopen *fo = tcp_fastopen_get(t);

	if (!fo)
		return false;
	fo->listener = l;
	l->fo->pending++;
	if (give) {
		fo->cookie = *give;
		fo->has_option = true;
	}
	return true;
}

/* The handshake is complete, or will never be. */
void tcp_fastopen_end(struct tcb *t, bool reset)
{
	struct tcb *l = t->fo->listener;

	if (l) {
		l->fo->pending--;
		if (reset) {
			l->fo->resets++;
			l->fo->resets_until_s = cpu_s(l->sk.cpu) + FO_RST_HOLD_S;
		}
	}
	kfree(t->fo);
	t->fo = NULL;
}

static void forget_listener(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	if (t && t->fo && t->fo->listener == arg)
		t->fo->listener = NULL;
}

void tcp_fastopen_unlisten(struct tcb *l)
{
	if (l->fo && l->fo->pending)
		tcp_for_each(l->sk.cpu, forget_listener, l);
}

void tcp_fastopen_listen(struct tcb *l)
{
	if (!is_enabled(l->sk.cpu, FO_SERVER) || !is_enabled(l->sk.cpu, FO_SERVER_ALL) || (l->fo && l->fo->max) || !tcp_fastopen_get(l))
		return;
	l->fo->max = l->listener->backlog;
}

/* A child with data in its SYN is ready before its handshake is over. */
void tcp_fastopen_begun(struct tcb *t)
{
	t->snd.max_wnd = t->snd.wnd;
	t->last_ack_rcv_ms = cpu_ms(t->sk.cpu);
	t->last_rcv_ns = t->last_send_ns = tcp_now(t);
	tcp_ready(t);
	tcp_rtx_arm(t, TCPT_RTO, tcp_now(t) + TCP_RTO_INIT_US * NSEC_PER_USEC);
	tcp_mark(t);
}

/* The ACK of its SYN-ACK came: it is a connection as any other. */
void tcp_fastopen_confirmed(struct tcb *t)
{
	if (t->sk.state == TCP_SYN_RECEIVED)
		tcp_set_state(t, TCP_ESTABLISHED);
	if (!t->syn_retries && t->ts_echo)
		tcp_rtt_sample(t, (s64)(u32)(tcp_ts_now(t) - t->ts_echo) * USEC_PER_MSEC);
	t->last_ack_rcv_ms = cpu_ms(t->sk.cpu);
	t->delivered++;
	tcp_fastopen_end(t, false);
	tcp_rtx_clear(t);
	tcp_rearm_rto(t);
	tcp_keepalive_start(t);
	tcp_pred_update(t);
	tcp_mark(t);
}

/* The SYN of such a child once more: its SYN-ACK was lost. */
bool tcp_fastopen_syn_again(struct tcb *t, const struct tcp_seg *seg)
{
	if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN || !seq_eq(seg->seq, t->rcv.irs))
		return false;
	t->syn_retries += !t->syn_retries;
	tcp_send_syn(t);
	return true;
}

/* The SYN-ACK of a child was lost, or its ACK: again, as often as any. */
void tcp_fastopen_synack_timeout(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;

	if (t->syn_retries >= cpu->sysctl.tcp_synack_retries + 1) {
		STAT(cpu, TcpExtTCPAbortOnTimeout);
		tcp_done_error(t, ETIMEDOUT);
		return;
	}
	t->syn_retries++;
	t->cwnd = 1;
	STAT(cpu, TcpExtTCPTimeouts);
	STAT(cpu, TcpExtTCPSynRetrans);
	STAT(cpu, TcpRetransSegs);
	tcp_send_syn(t);
	tcp_rtx_arm(t, TCPT_RTO, tcp_now(t) + MIN((u64)TCP_RTO_INIT_US << MIN(t->syn_retries, (u8)7), (u64)TCP_RTO_MAX_US) * NSEC_PER_USEC);
}

/* ---- what clients know of servers ---- */

struct tfo_entry {
	struct ip_addr addr;
	struct tfo_cookie cookie; /* len 0: none is known */
	u16 mss;
	u8 try_exp;               /* 1: without an answer to the option; ask with the experimental one. 2: that had none either */
	u8 losses;                /* SYNs with data that did not arrive, in a row */
};

static struct tfo_entry *entry_of(struct net_cpu *cpu, const struct ip_addr *peer)
{
	struct tcp_cpu *tc = cpu->tcp;
	struct tfo_entry *e;

	if (!tc->fo_cache)
		tc->fo_cache = kzalloc(FO_CACHE * sizeof(*e));
	if (!tc->fo_cache)
		return NULL;
	e = &tc->fo_cache[siphash(peer, sizeof(*peer), &cpu->net->port_key) % FO_CACHE];
	if (!ip_eq(&e->addr, peer))
		*e = (struct tfo_entry){ .addr = *peer };
	return e;
}

void tcp_fastopen_forget(struct net_cpu *cpu)
{
	kfree(cpu->tcp->fo_cache);
	cpu->tcp->fo_cache = NULL;
	cpu->tcp->fo_holes = 0;
}

/* RFC 7413 4.1.3.1: something on the way eats SYNs with data; none is sent for a while, for longer each time. */
static bool is_black_hole_time(const struct net_cpu *cpu)
{
	const struct tcp_cpu *tc = cpu->tcp;
	u64 s = (u64)cpu->sysctl.tcp_fastopen_blackhole << MIN(tc->fo_holes - 1u, (unsigned)FO_DISABLE_LOG2);

	return tc->fo_holes && cpu_s(cpu) - tc->fo_hole_s < s;
}

void tcp_fastopen_black_hole(struct tcb *t)
{
	struct tcp_cpu *tc = t->sk.cpu->tcp;

	if (!t->sk.cpu->sysctl.tcp_fastopen_blackhole || !t->fo->has_option)
		return;
	tc->fo_hole_s = cpu_s(t->sk.cpu);
	tc->fo_holes += tc->fo_holes < 255;
	STAT(t->sk.cpu, TcpExtTCPFastOpenBlackhole);
}

/* What the SYN to t's peer says, and whether it may carry data. */
static bool client_cookie(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct tfo_entry *e = entry_of(cpu, &t->sk.daddr);

	t->fo->mss = e && e->mss ? e->mss : t->advmss;
	if (is_black_hole_time(cpu)) {
		STAT(cpu, TcpExtTCPFastOpenBlackhole);
		return false;
	}
	if (t->fo_no_cookie || is_enabled(cpu, FO_CLIENT_NO_COOKIE))
		return true;
	t->fo->has_option = true;
	if (e)
		t->fo->cookie = e->cookie;
	if (e && !e->cookie.len && e->try_exp == 1)
		t->fo->cookie.exp = true;
	t->fo_fail = t->fo->cookie.len ? TFO_STATUS_UNSPEC : TFO_COOKIE_UNAVAILABLE;
	return t->fo->cookie.len != 0;
}

/* ---- the client ---- */

/* Starts to connect, with the first bytes of m where a cookie allows; how many those were, -EINPROGRESS, -errno. */
static long open_with(struct tcb *t, const struct msghdr *m, int flags)
{
	struct iovec iov[8];
	struct msghdr head = { .msg_iov = iov };
	bool may = client_cookie(t);
	u32 room = MIN((u32)MIN(t->fo->mss, t->advmss), tcp_path_mss(t)) - TCP_OPTS_MAX;
	long n;

	t->fo->deferred = false;
	t->mss = (u16)room; /* one skb is what the SYN can carry */
	for (size_t i = 0; may && i < m->msg_iovlen && i < ARRAY_SIZE(iov) && room; i++) {
		iov[i] = (struct iovec){ m->msg_iov[i].iov_base, MIN(m->msg_iov[i].iov_len, (size_t)room) };
		room -= (u32)iov[i].iov_len;
		head.msg_iovlen = i + 1;
	}
	n = head.msg_iovlen ? tcp_queue_bytes(t, &head, flags & MSG_MORE) : 0;
	t->nospace = !(flags & MSG_DONTWAIT) && n < (long)tcp_message_len(m);
	tcp_rtx_arm(t, TCPT_RTO, tcp_now(t) + t->rto_us * NSEC_PER_USEC);
	tcp_mark(t);
	return n > 0 ? n : -EINPROGRESS;
}

int tcp_fastopen_connect(struct tcb *t)
{
	if (!is_enabled(t->sk.cpu, FO_CLIENT))
		return -EINPROGRESS;
	if (!tcp_fastopen_get(t))
		return -ENOMEM;
	if (client_cookie(t)) {
		t->fo->deferred = true;
		tcp_timer_clear(t, TCPT_RTO);
		return 0;
	}
	return -EINPROGRESS;
}

long tcp_fastopen_sendmsg(struct sock *sk, const struct msghdr *m, int flags)
{
	struct tcb *t = tcb_of(sk);
	bool connect = t->fo_connect;
	int err;

	if (t->fo && t->fo->deferred)
		return open_with(t, m, flags);
	if (!is_enabled(sk->cpu, FO_CLIENT) || (m->msg_name && m->msg_name->family == AF_UNSPEC))
		return -EOPNOTSUPP;
	if (sk->state == TCP_ESTABLISHED || sk->state == TCP_CLOSE_WAIT)
		return tcp_queue_bytes(t, m, flags); /* it was opened already */
	if (!m->msg_name)
		return -EDESTADDRREQ;
	t->fo_connect = false; /* here and now */
	err = sk->prot->connect(sk, m->msg_name);
	t->fo_connect = connect;
	if (err != -EINPROGRESS)
		return err;
	if (!tcp_fastopen_get(t))
		return -EINPROGRESS; /* a plain SYN does, too */
	return open_with(t, m, flags);
}

/* What the SYN-ACK taught, for next time. */
static void remember(struct tcb *t, const struct tcp_options *o, bool data)
{
	struct tfo_entry *e = entry_of(t->sk.cpu, &t->sk.daddr);
	bool none = !o->has_fastopen || !o->cookie_len;

	if (!e)
		return;
	e->mss = o->mss ? o->mss : tcp_mss_default(&t->sk.daddr);
	if (t->syn_retries)
		e->losses = none && data ? (u8)MIN(e->losses + 1, 255) : 0;
	else if (none && !data && t->fo->has_option && !e->cookie.len)
		e->try_exp = MAX(e->try_exp, t->fo->cookie.exp ? 2 : 1);
	if (!none && t->fo->has_option) {
		e->cookie.len = o->cookie_len;
		e->cookie.exp = o->exp_fastopen;
		memcpy(e->cookie.val, o->cookie, o->cookie_len);
	}
}

/* The SYN-ACK came: were the bytes of our SYN taken? What was not goes again at once. */
void tcp_fastopen_synack(struct tcb *t, const struct tcp_in *in)
{
	struct sk_buff *skb = tcp_rtx_head(t);

	remember(t, &in->opt, skb != NULL);
	if (skb && seq_ge(in->seg.ack, tcp_cb(skb)->end_seq)) {
		STAT(t->sk.cpu, TcpExtTCPFastOpenActive);
		t->syn_data = true;
		t->sk.cpu->tcp->fo_holes = 0;
		t->packets_out -= tcp_cb(skb)->segs;
		t->bytes_acked += skb->len;
		tcp_rtx_unlink_free(t, skb);
		if (t->stamping)
			tcp_stamp_acked(t);
	} else if (skb) {
		t->fo_fail = t->syn_retries ? TFO_SYN_RETRANSMITTED : TFO_DATA_NOT_ACKED;
		STAT(t->sk.cpu, TcpExtTCPFastOpenActiveFail);
		tcp_trim_head(t, skb, (u32)seq_diff(in->seg.ack, tcp_cb(skb)->seq), t->mss);
		tcp_mark_lost(t, skb);
		tcp_rearm_rto(t);
	}
	kfree(t->fo);
	t->fo = NULL;
}

/* ---- options ---- */

unsigned tcp_put_fastopen(u8 *p, const struct tfo_cookie *c)
{
	unsigned n = c->exp ? 4 : 2;

	p[0] = c->exp ? TCPOPT_EXP : TCPOPT_FASTOPEN;
	p[1] = (u8)(n + c->len);
	if (c->exp) {
		p[2] = TCPOPT_EXP_FASTOPEN >> 8;
		p[3] = TCPOPT_EXP_FASTOPEN & 255;
	}
	memcpy(p + n, c->val, c->len);
	for (n += c->len; n % 4; n++)
		p[n] = TCPOPT_NOP;
	return n;
}

int tcp_fastopen_set(struct tcb *t, int opt, int v)
{
	bool idle = t->sk.state == TCP_CLOSE || t->sk.state == TCP_LISTEN;

	if (opt == TCP_FASTOPEN_OPT) {
		if (v < 0 || !idle)
			return -EINVAL;
		if (!tcp_fastopen_get(t))
			return -ENOMEM;
		t->fo->max = (u32)MIN((s64)v, t->sk.cpu->sysctl.somaxconn);
		return 0;
	}
	if (v < 0 || v > 1 || (opt == TCP_FASTOPEN_NO_COOKIE && !idle))
		return -EINVAL;
	if (opt == TCP_FASTOPEN_NO_COOKIE) {
		t->fo_no_cookie = v;
		return 0;
	}
	if (!is_enabled(t->sk.cpu, FO_CLIENT))
		return -EOPNOTSUPP;
	if (t->sk.state != TCP_CLOSE)
		return -EINVAL;
	t->fo_connect = v;
	return 0;
}

int tcp_fastopen_set_key(struct tcb *t, const void *val, unsigned len)
{
	if (len != sizeof(t->fo->key))
		return -EINVAL;
	if (!tcp_fastopen_get(t))
		return -ENOMEM;
	memcpy(&t->fo->key, val, len);
	t->fo->own_key = true;
	return 0;
}
