/* SPDX-License-Identifier: MIT
 * proto.c - the operations that socket/ asks of a TCP endpoint (struct proto): open, accept, send, receive, close.
 *
 * Runs in base context with softirq held off. Nothing here blocks and, but for a RST of an abort, nothing here sends: the TCB
 * is marked and the next flush does it, so that many writes of one turn of the loop leave together.
 */
#include "net/tcp/receive.h"

#define ORPHAN_WMEM 4608 /* bytes to send that an orphan may keep when memory is out */

static struct sock *tcp_create(struct net_cpu *cpu, u16 family)
{
	struct tcb *t = tcb_alloc(cpu, family);

	return t ? &t->sk : NULL;
}

/* ---- opening ---- */

static int tcp_bind(struct sock *sk, const struct sockaddr_ip *a)
{
	enum addr_type type = af_of(&a->addr)->addr_type(sk->cpu, &a->addr);
	int err;

	if (a->family != sk->family)
		return -EAFNOSUPPORT;
	if (sk->state != TCP_CLOSE || sk->bound_by_user)
		return -EINVAL;
	if (type != ADDR_LOCAL && type != ADDR_ANY)
		return -EADDRNOTAVAIL;
	err = tcp_bind_port(tcb_of(sk), &a->addr, a->port);
	sk->bound_by_user = !err;
	tcb_of(sk)->addr_locked = !err && type == ADDR_LOCAL;
	return err;
}

static void start_numbers(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;
	u32 mss = t->sk.dst.dev->mtu - t->sk.af->hdr_len - TCP_HDR_LEN;

	t->advmss = (u16)MIN(t->user_mss ? MIN(mss, (u32)t->user_mss) : mss, 65495u);
	t->snd.una = t->snd.nxt = t->snd.iss;
	t->snd.write = t->snd.small = seq_add(t->snd.iss, 1);
	t->ts_off = tcp_ts_offset(cpu, &t->sk.saddr, &t->sk.daddr);
	t->rcv.wnd = tcp_initial_window(t->sk.rcvbuf, t->advmss, &cpu->sysctl, cpu->sysctl.tcp_window_scaling, &t->rcv.wscale);
	t->last_ack_rcv_ms = cpu_ms(cpu);
}

static int connect_state(struct sock *sk)
{
	const struct tcp_fastopen *fo = tcb_of(sk)->fo;

	switch (sk->state) {
	case TCP_CLOSE:
		return 0;
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
		return fo && fo->deferred ? -EISCONN : -EALREADY;
	}
	return -EISCONN;
}

static int tcp_connect(struct sock *sk, const struct sockaddr_ip *a)
{
	struct tcb *t = tcb_of(sk);
	struct ip_addr bound;
	int err = connect_state(sk);

	if (err)
		return err;
	if (a->family != sk->family)
		return -EAFNOSUPPORT;
	if (t->snd.iss.v) /* it was a connection before */
		tcb_renew(t);
	bound = sk->saddr;
	err = sock_family_fits(sk, &bound, &a->addr);
	if (err)
		return err;
	sk->af = af_of(&a->addr);
	sk->daddr = a->addr;
	sk->dport = a->port;
	sk->dst.gen = 0;
	err = tcp_route(t);
	if (!err && (sk->dst.type == ADDR_BROADCAST || sk->dst.type == ADDR_MULTICAST))
		err = -ENETUNREACH; /* MUST-46 */
	if (!err)
		err = tcp_connect_port(t);
	if (err) {
		sk->saddr = bound;
		sk->dport = 0;
		return err;
	}
	start_numbers(t);
	sk->shutdown = 0;
	sk->err = sk->err_soft = 0;
	tcp_set_state(t, TCP_SYN_SENT);
	STAT(sk->cpu, TcpActiveOpens);
	tcp_rtx_arm(t, TCPT_RTO, sk->cpu->now_ns + t->rto_us * NSEC_PER_USEC);
	tcp_mark(t);
	if (unlikely(t->fo_connect))
		return tcp_fastopen_connect(t);
	return -EINPROGRESS;
}

static int tcp_listen(struct sock *sk, int backlog)
{
	struct tcb *t = tcb_of(sk);
	struct ip_addr any = sk->family == AF_INET ? ip_from_v4(be32_of(0)) : (struct ip_addr){ .q = { 0 } };
	int err;

	if (sk->state != TCP_CLOSE && sk->state != TCP_LISTEN)
		return -EINVAL;
	if (sk->state == TCP_CLOSE && t->snd.iss.v) /* it was a connection before */
		tcb_renew(t);
	if (!sk->sport) {
		err = tcp_bind_port(t, &any, 0);
		if (err)
			return err;
	} else if (sk->state == TCP_CLOSE && tcp_port_conflict(t, &sk->saddr, sk->sport)) {
		return -EADDRINUSE; /* another one that may be bound beside it listens meanwhile */
	}
	if (sk->state == TCP_CLOSE) {
		struct tcp_listener *q = kzalloc(sizeof(*q));

		if (!q)
			return -ENOMEM;
		q->accept_tail = &q->accept_head;
		t->listener = q;
		tcp_set_state(t, TCP_LISTEN);
		tcp_tell_port(t);
		sk->shutdown = 0;
	}
	t->listener->backlog = (u32)CLAMP((s64)backlog, 0, sk->cpu->sysctl.somaxconn);
	tcp_fastopen_listen(t);
	return 0;
}

static struct tcb *accept_take(struct tcp_listener *q)
{
	struct tcb *t = q->accept_head;

	if (!t)
		return NULL;
	q->accept_head = t->accept_next;
	if (!q->accept_head) {
		q->accept_tail = &q->accept_head;
		q->since_ms = 0;
	}
	q->accept_len--;
	t->accept_next = NULL;
	return t;
}

/* ---- sending ---- */

/* May bytes be queued? 0, or the error of the call. */
static long send_state(struct sock *sk, int flags)
{
	if (unlikely(sk->err))
		return sock_error(sk);
	if (unlikely(sk->shutdown & 2))
		return -EPIPE;
	if (unlikely(flags & MSG_OOB))
		return -EOPNOTSUPP; /* SHLD-13 */
	switch (sk->state) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
		return 0;
	case TCP_SYN_RECEIVED:
		return tcp_is_fastopen_child(tcb_of(sk)) ? 0 : -EAGAIN;
	case TCP_SYN_SENT:
		return -EAGAIN;
	}
	return -EPIPE;
}

static long tcp_sendmsg(struct sock *sk, const struct msghdr *m, int flags)
{
	struct tcb *t = tcb_of(sk);
	long err;

	if (unlikely(flags & MSG_FASTOPEN) || unlikely(t->fo && t->fo->deferred))
		return sk->err ? sock_error(sk) : tcp_fastopen_sendmsg(sk, m, flags);
	err = send_state(sk, flags);
	return err ? err : tcp_queue_bytes(t, m, flags);
}

static long tcp_send_static(struct sock *sk, const void *mem, size_t len, int flags)
{
	long err = send_state(sk, flags);

	return err ? err : tcp_queue_static(tcb_of(sk), mem, len, flags);
}

static int tcp_send_skb(struct sock *sk, struct sk_buff *skb, int flags)
{
	long err = send_state(sk, flags);

	return err ? (int)err : tcp_queue_skb(tcb_of(sk), skb, flags);
}

/* ---- receiving ---- */

/* Nothing waits in the queue: why? 0 is the end of the stream. */
static int recv_empty(struct sock *sk)
{
	if (sk->err)
		return sock_error(sk);
	if (sk->shutdown & 1)
		return 0;
	if (sk->state == TCP_CLOSE || sk->state == TCP_LISTEN)
		return -ENOTCONN;
	return -EAGAIN;
}

/* Copies the first bytes of skb, max at most, into the vector at position *pos; returns the bytes taken. */
static size_t copy_to_iov(const struct sk_buff *skb, size_t max, struct msghdr *m, size_t *pos, bool discard)
{
	size_t taken = 0, before = 0, i;

	max = MIN(max, (size_t)skb->len);
	for (i = 0; i < m->msg_iovlen && taken < max; i++) {
		struct iovec *v = &m->msg_iov[i];
		size_t at = *pos - before, n;

		before += v->iov_len;
		if (*pos >= before)
			continue;
		n = MIN(v->iov_len - at, max - taken);
		if (!discard)
			skb_copy_bits(skb, (unsigned)taken, (u8 *)v->iov_base + at, (unsigned)n);
		taken += n;
		*pos += n;
	}
	return taken;
}

static size_t iov_len(const struct msghdr *m)
{
	size_t sum = 0, i;

	for (i = 0; i < m->msg_iovlen; i++)
		sum += m->msg_iov[i].iov_len;
	return sum;
}

static long recv_peek(struct tcb *t, struct msghdr *m, size_t want, bool discard)
{
	struct sk_buff *skb;
	size_t pos = 0;

	skb_queue_walk(&t->rcvq, skb) {
		copy_to_iov(skb, want - pos, m, &pos, discard);
		if (pos == want)
			break;
	}
	return (long)pos;
}

static void bytes_read(struct tcb *t, u32 n)
{
	t->rcv.copied = seq_add(t->rcv.copied, n);
	if (t->urg_valid && seq_ge(t->rcv.copied, t->rcv.urg)) {
		t->urg_valid = false;
		tcp_pred_update(t);
	}
	if (unlikely(!tcp_read_is_plain(t)))
		tcp_read_done(t);
}

/* Where a reader stops once, so that it can ask SIOCATMARK: before the last urgent byte, as BSD has it. */
static seq_t urgent_mark(const struct tcb *t)
{
	return seq_add(t->rcv.urg, -1u);
}

static long recv_take(struct tcb *t, struct msghdr *m, size_t want, bool discard)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct sk_buff *skb;
	size_t pos = 0;

	if (unlikely(t->urg_valid) && seq_lt(t->rcv.copied, urgent_mark(t)))
		want = MIN(want, (size_t)seq_diff(urgent_mark(t), t->rcv.copied));
	while (pos < want && (skb = skb_peek(&t->rcvq))) {
		size_t n = copy_to_iov(skb, want - pos, m, &pos, discard);

		if (n < skb->len) {
			skb_pull_any(cpu, skb, (unsigned)n);
			break;
		}
		skb_unlink(&t->rcvq, skb);
		tcp_rmem_uncharge(t, skb);
		consume_skb(cpu, skb);
	}
	if (!discard)
		STAT_ADD(cpu, CopyInBytes, pos);
	bytes_read(t, (u32)pos);
	return (long)pos;
}

/* For TCP_CM_INQ; the end of the stream is worth a read, too. */
static int bytes_waiting(const struct tcb *t)
{
	return MAX(seq_diff(t->rcv.nxt, t->rcv.copied), t->sk.shutdown & 1);
}

static void peer_name(const struct sock *sk, struct sockaddr_ip *a)
{
	if (!a)
		return;
	a->family = sk->family;
	a->addr = sk->daddr;
	a->port = sk->dport;
	a->scope_id = 0;
}

static inline long recv_some(struct tcb *t, struct msghdr *m, size_t want, int flags)
{
	return unlikely(flags & MSG_PEEK) ? recv_peek(t, m, want, flags & MSG_TRUNC) : recv_take(t, m, want, flags & MSG_TRUNC);
}

static long tcp_recvmsg(struct sock *sk, struct msghdr *m, int flags)
{
	struct tcb *t = tcb_of(sk);
	size_t want = iov_len(m);
	long n;

	if (unlikely(flags & MSG_OOB))
		return -EINVAL; /* urgent data is in line: RFC 6093 */
	if (!want)
		return 0;
	if (skb_queue_empty(&t->rcvq))
		return recv_empty(sk);
	peer_name(sk, m->msg_name);
	if (unlikely(m->msg_notes != NULL)) {
		u64 came_ns = t->stamping ? tcp_stamp_arrival(t, want) : 0;

		n = recv_some(t, m, want, flags);
		*m->msg_notes = (struct msg_notes){ .has_inq = t->wants_inq, .inq = bytes_waiting(t), .has_stamp = came_ns != 0,
						   .stamp_ns = came_ns };
		return n;
	}
	return recv_some(t, m, want, flags);
}

static struct sk_buff *tcp_recv_skb(struct sock *sk, int *err)
{
	struct tcb *t = tcb_of(sk);
	struct sk_buff *skb = t->rcvq.next;

	if (unlikely(skb_queue_empty(&t->rcvq))) {
		*err = recv_empty(sk);
		return NULL;
	}
	*err = 0;
	if (likely(skb->next == (struct sk_buff *)&t->rcvq)) { /* the only one */
		skb_queue_init(&t->rcvq);
		*err = likely(sk->state == TCP_ESTABLISHED) ? -EAGAIN : 0;
	} else {
		skb_unlink(&t->rcvq, skb);
	}
	tcp_rmem_uncharge(t, skb);
	bytes_read(t, skb->len);
	return skb;
}

/* ---- closing ---- */

/* Sends FIN behind what is queued, where the state still has one to send. */
static void tcp_close_state(struct tcb *t)
{
	switch (t->sk.state) {
	case TCP_SYN_RECEIVED:
	case TCP_ESTABLISHED:
		tcp_set_state(t, TCP_FIN_WAIT_1);
		break;
	case TCP_CLOSE_WAIT:
		tcp_set_state(t, TCP_LAST_ACK);
		break;
	default:
		return;
	}
	t->more = t->corked = false;
	t->fin_wanted = true;
	tcp_mark(t);
}

void tcp_fin_wait_2(struct tcb *t)
{
	s64 s = t->linger2_s ? t->linger2_s : t->sk.cpu->sysctl.tcp_fin_timeout;

	if (!t->orphan)
		return;
	if (s < 0)
		s = 0;
	tcp_timer_set(t, TCPT_LINGER, tcp_now(t) + (u64)s * NSEC_PER_SEC);
}

static u64 tcp_lingers(const struct sock *sk)
{
	const struct tcb *t = container_of(sk, struct tcb, sk);
	const u32 waits = 1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT | 1u << TCP_FIN_WAIT_1 | 1u << TCP_CLOSING | 1u << TCP_LAST_ACK;

	if (!t->linger_set || !(waits >> sk->state & 1) || !skb_queue_empty(&t->rcvq))
		return 0;
	return t->linger_s * NSEC_PER_SEC;
}

static void become_orphan(struct tcb *t)
{
	t->orphan = true;
	t->sk.cpu->tcp->nr_orphans++;
	t->sk.event = NULL;
	t->events = 0;
}

/* Gives up the connection with a RST (RFC 9293 3.10.5). */
static void tcp_abort(struct tcb *t)
{
	switch (t->sk.state) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
	case TCP_SYN_RECEIVED:
		tcp_send_active_reset(t);
	}
	tcp_done(t);
}

static void tcp_stop_listening(struct tcb *t)
{
	struct tcp_listener *q = t->listener;
	struct tcb *child;

	tcp_requests_drop(t);
	tcp_fastopen_unlisten(t);
	if (t->sk.cpu->tcp->full == t)
		t->sk.cpu->tcp->full = NULL;
	while ((child = accept_take(q))) {
		become_orphan(child);
		tcp_abort(child); /* its text was never taken: the peer must know */
	}
	t->listener = NULL;
	kfree(q);
	tcp_done(t);
}

/* connect() to AF_UNSPEC: gives up whatever there is; the socket can connect or listen again, where bind() put it. */
static int tcp_disconnect(struct sock *sk)
{
	struct tcb *t = tcb_of(sk);

	if (sk->state == TCP_LISTEN) {
		tcp_stop_listening(t);
	} else if (sk->state != TCP_CLOSE) {
		sk->err = ECONNRESET; /* for who waits */
		tcp_abort(t);
	}
	tcb_renew(t);
	return 0;
}

static int tcp_shutdown(struct sock *sk, int how)
{
	struct tcb *t = tcb_of(sk);

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (sk->state == TCP_CLOSE)
		return -ENOTCONN;
	if (sk->state == TCP_SYN_SENT || (sk->state == TCP_LISTEN && how != SHUT_WR))
		return tcp_disconnect(sk); /* as Linux: who waits in accept() or connect() hears of it */
	if (sk->state == TCP_LISTEN)
		return 0;
	if (how != SHUT_WR)
		sk->shutdown |= 1;
	if (how != SHUT_RD && !(sk->shutdown & 2)) {
		sk->shutdown |= 2;
		tcp_close_state(t);
	}
	tcp_event(t, (sk->shutdown & 1 ? EPOLLIN | EPOLLRDHUP : 0) | EPOLLOUT | (sk->shutdown == 3 ? EPOLLHUP : 0));
	return 0;
}

/* Nobody will read or write here any more, so the peer is the only one to lose by an early end. */
static bool too_many_orphans(const struct tcb *t)
{
	const struct tcp_cpu *tc = t->sk.cpu->tcp;
	const struct net_sysctls *s = &t->sk.cpu->sysctl;

	return tc->nr_orphans > s->tcp_max_orphans ||
	       (t->sk.wmem_alloc > ORPHAN_WMEM && tc->mem_bytes > (u64)s->tcp_mem_max * TCP_PAGE);
}

void tcp_forget_unread(struct tcb *t)
{
	struct sock *sk = &t->sk;

	tcp_ofo_purge(t, RX_OK); /* it is in rmem_alloc, too */
	sk->cpu->tcp->mem_bytes -= sk->rmem_alloc;
	sk->rmem_alloc = 0;
	skb_queue_purge(sk->cpu, &t->rcvq, RX_OK);
}

static void tcp_close(struct sock *sk)
{
	struct tcb *t = tcb_of(sk);
	bool unread = !skb_queue_empty(&t->rcvq);

	become_orphan(t);
	sk->socket = NULL;
	sk->shutdown = 3;
	if (unread)
		tcp_forget_unread(t);
	if (sk->state == TCP_LISTEN) {
		tcp_stop_listening(t);
	} else if (sk->state == TCP_CLOSE || sk->state == TCP_SYN_SENT) {
		tcp_done(t);
	} else if (unread) {
		STAT(sk->cpu, TcpExtTCPAbortOnClose);
		tcp_abort(t);
	} else if (t->linger_set && !t->linger_s) {
		STAT(sk->cpu, TcpExtTCPAbortOnData);
		tcp_abort(t);
	} else if (unlikely(too_many_orphans(t))) {
		STAT(sk->cpu, TcpExtTCPAbortOnMemory);
		tcp_abort(t);
	} else {
		tcp_close_state(t);
		if (sk->state == TCP_FIN_WAIT_2)
			tcp_fin_wait_2(t);
	}
}

static struct sock *tcp_accept(struct sock *sk, int *err)
{
	struct tcb *t;

	*err = -EINVAL;
	if (sk->state != TCP_LISTEN)
		return NULL;
	while ((t = accept_take(tcb_of(sk)->listener)) && unlikely(t->hung_up))
		tcp_close(&t->sk);
	tcb_of(sk)->listener->accepted += t != NULL;
	*err = t ? 0 : -EAGAIN;
	return t ? &t->sk : NULL;
}

/* ---- looking ---- */

/* SO_RCVLOWAT is there, or as much as will come while nobody reads. */
static bool has_lowat(const struct tcb *t)
{
	return (u32)seq_diff(t->rcv.nxt, t->rcv.copied) >= t->rcvlowat || t->sk.cpu->tcp->pressure ||
	       tcp_receive_window(t) <= t->rcv.mss;
}

static u32 poll_connected(struct tcb *t)
{
	struct sock *sk = &t->sk;
	u32 mask = 0;

	if (!skb_queue_empty(&t->rcvq) && (!sk->lowat || has_lowat(t)))
		mask |= EPOLLIN;
	if (sk->shutdown & 2 || tcp_may_write(t))
		mask |= EPOLLOUT;
	else
		t->nospace = true;
	if (t->urg_valid)
		mask |= EPOLLPRI;
	return mask;
}

static __noinline u32 poll_any(struct sock *sk)
{
	struct tcb *t = tcb_of(sk);
	u32 mask = sk->err | sk->notes ? EPOLLERR : 0;

	if (sk->state == TCP_LISTEN)
		return mask | (t->listener->accept_len ? EPOLLIN : 0);
	if (sk->shutdown == 3 || sk->state == TCP_CLOSE)
		mask |= EPOLLHUP;
	if (sk->shutdown & 1)
		mask |= EPOLLIN | EPOLLRDHUP;
	if ((sk->state != TCP_SYN_SENT && sk->state != TCP_SYN_RECEIVED) || tcp_is_fastopen_child(t))
		mask |= poll_connected(t);
	else if (t->fo && t->fo->deferred)
		mask |= EPOLLOUT; /* the first write sends the SYN */
	return mask;
}

/* Most often all that was written is acknowledged, and nothing is wrong, urgent or closed. */
static u32 tcp_poll(struct sock *sk)
{
	struct tcb *t = tcb_of(sk);

	if (unlikely(sk->state != TCP_ESTABLISHED || sk->wmem_alloc || sk->err | sk->notes | sk->shutdown | sk->lowat || t->urg_valid))
		return poll_any(sk);
	return skb_queue_empty(&t->rcvq) ? EPOLLOUT : EPOLLOUT | EPOLLIN;
}

static int tcp_ioctl(struct sock *sk, int cmd, int *val)
{
	struct tcb *t = tcb_of(sk);
	bool fin_came = sk->state != TCP_CLOSE && sk->shutdown & 1;

	if (sk->state == TCP_LISTEN)
		return -EINVAL;
	switch (cmd) {
	case SIOCINQ:
		*val = skb_queue_empty(&t->rcvq) ? 0 : seq_diff(t->rcv.nxt, t->rcv.copied) - fin_came;
		return 0;
	case SIOCATMARK:
		*val = t->urg_valid && seq_eq(t->rcv.copied, urgent_mark(t));
		return 0;
	case SIOCOUTQ:
		*val = sk->state == TCP_CLOSE || sk->state == TCP_SYN_SENT ? 0 : seq_diff(t->snd.write, t->snd.una);
		return 0;
	}
	return -EINVAL;
}

const struct proto tcp_prot = {
	.name = "TCP",
	.type = SOCK_STREAM,
	.protocol = IPPROTO_TCP,
	.create = tcp_create,
	.close = tcp_close,
	.bind = tcp_bind,
	.connect = tcp_connect,
	.disconnect = tcp_disconnect,
	.listen = tcp_listen,
	.accept = tcp_accept,
	.sendmsg = tcp_sendmsg,
	.recvmsg = tcp_recvmsg,
	.send_static = tcp_send_static,
	.recv_skb = tcp_recv_skb,
	.send_skb = tcp_send_skb,
	.shutdown = tcp_shutdown,
	.lingers = tcp_lingers,
	.poll = tcp_poll,
	.stamp = tcp_stamp_fetch,
	.setsockopt = tcp_setsockopt,
	.getsockopt = tcp_getsockopt,
	.ioctl = tcp_ioctl,
};
