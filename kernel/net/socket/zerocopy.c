/* SPDX-License-Identifier: MIT
 * zerocopy.c - transfers without a copy: memory that stays, and whole skbs in and out of the application; MSG_ZEROCOPY.
 *
 * An application owns an skb it received, but the pools below it are the CPU's and softirq uses them too: it changes
 * or frees the skb through the sys_skb_*() calls here, which hold softirq off.
 */
#include "net/socket/socket_impl.h"

long sys_send_static(struct net_cpu *cpu, int fd, const void *mem, size_t len, int flags)
{
	const u8 *p = mem;
	size_t done = 0;
	u64 deadline = 0;
	int err = 0, pending;
	struct socket *s;
	long n;

	bh_disable(cpu);
	s = socket_lookup(cpu, fd, &err);
	if (s && !s->sk->prot->send_static)
		err = -EOPNOTSUPP;
	while (!err && done < len) {
		pending = s->sk->err;
		n = s->sk->prot->send_static(s->sk, p + done, len - done, flags);
		if (n > 0)
			done += (size_t)n;
		else
			err = (int)n;
		if (done && err)
			s->sk->err = pending; /* is for the next call */
		if (done < len && (n > 0 || n == -EAGAIN))
			err = socket_wait(s, EPOLLOUT, flags, s->sndtimeo_ns, &deadline);
	}
	bh_enable(cpu);
	return done ? (long)done : err;
}

/* ---- Linux's MSG_ZEROCOPY ---- */

/* Its bytes were copied, which the interface allows and tells (SO_EE_CODE_ZEROCOPY_COPIED); so the memory is the application's
 * again at once. What spares the copy here is sys_send_static() and sys_send_skb(). */
void zerocopy_sent(struct socket *s)
{
	if (!s->sk->zerocopy)
		return;
	socket_to_file(s)->zerocopy_id++;
	s->sk->notes |= SOCK_NOTE_ZEROCOPY;
	sock_event(s->sk, EPOLLERR);
}

long socket_errqueue(struct socket *s, struct msghdr *m)
{
	u32 sends = socket_to_file(s)->zerocopy_id;

	if (!s->sk->notes)
		return -EAGAIN;
	if (s->sk->notes & SOCK_NOTE_STAMP)
		return s->sk->prot->stamp(s->sk, m);
	if (m->msg_notes)
		*m->msg_notes = (struct msg_notes){ .has_zerocopy = true, .zerocopy_first = s->zerocopy_told,
						   .zerocopy_last = sends - 1 };
	s->zerocopy_told = sends;
	s->sk->notes = 0;
	m->msg_flags = MSG_ERRQUEUE;
	return 0;
}

/* ---- whole skbs ---- */

static inline struct sk_buff *recv_skb_wait(struct socket *s, int flags, int *err)
{
	struct sk_buff *skb = NULL;
	u64 deadline = 0;

	while (!skb && *err == -EAGAIN) {
		*err = socket_wait(s, EPOLLIN | EPOLLRDHUP, flags, s->rcvtimeo_ns, &deadline);
		if (*err)
			break;
		skb = s->sk->prot->recv_skb(s->sk, err);
	}
	return skb;
}

struct sk_buff *sys_recv_skb(struct net_cpu *cpu, int fd, int flags, int *err)
{
	struct sk_buff *skb = NULL;
	struct socket *s;

	bh_disable(cpu);
	s = socket_lookup(cpu, fd, err);
	if (likely(s != NULL)) {
		skb = s->sk->prot->recv_skb(s->sk, err);
		if (!skb && *err == -EAGAIN && socket_may_wait(s, flags))
			skb = recv_skb_wait(s, flags, err);
	}
	bh_enable(cpu);
	return skb;
}

static __noinline int send_skb_wait(struct socket *s, struct sk_buff *skb, int flags)
{
	u64 deadline = 0;
	int err = -EAGAIN;

	while (err == -EAGAIN) {
		err = socket_wait(s, EPOLLOUT, flags, s->sndtimeo_ns, &deadline);
		if (err)
			break;
		err = s->sk->prot->send_skb(s->sk, skb, flags);
	}
	return err;
}

static __noinline int send_skb_blocking(struct net_cpu *cpu, int fd, struct sk_buff *skb, int flags)
{
	int err = 0;
	struct socket *s;

	bh_disable(cpu);
	s = socket_lookup(cpu, fd, &err);
	if (likely(s != NULL)) {
		err = s->sk->prot->send_skb(s->sk, skb, flags);
		if (unlikely(err == -EAGAIN) && socket_may_wait(s, flags))
			err = send_skb_wait(s, skb, flags);
	}
	bh_enable(cpu);
	return err;
}

int sys_send_skb(struct net_cpu *cpu, int fd, struct sk_buff *skb, int flags)
{
	int err = 0;
	struct socket *s;

	if (!(flags & MSG_DONTWAIT))
		return send_skb_blocking(cpu, fd, skb, flags);
	bh_disable(cpu);
	s = socket_lookup(cpu, fd, &err);
	if (likely(s != NULL))
		err = s->sk->prot->send_skb(s->sk, skb, flags);
	bh_enable(cpu);
	return err;
}

int sys_send_skbs(struct net_cpu *cpu, int fd, struct sk_buff *const *skbs, unsigned n, int flags)
{
	unsigned sent = 0;
	int err = 0;
	struct socket *s;

	bh_disable(cpu);
	s = socket_lookup(cpu, fd, &err);
	while (s && sent < n && !(err = s->sk->prot->send_skb(s->sk, skbs[sent], flags)))
		sent++;
	bh_enable(cpu);
	return sent ? (int)sent : err;
}

int sys_send_completed(struct net_cpu *cpu, const struct aio_cqe *cqe, int n, u64 *bytes)
{
	int sent = 0, err = 0;

	bh_disable(cpu);
	for (; sent < n && cqe->skb; sent++, cqe++) {
		struct socket *s = socket_lookup(cpu, (int)cqe->data, &err);
		u32 len = cqe->skb->len;

		if (unlikely(!s || s->sk->prot->send_skb(s->sk, cqe->skb, MSG_DONTWAIT)))
			break;
		*bytes += len;
	}
	bh_enable(cpu);
	return sent;
}

void sys_skb_free(struct net_cpu *cpu, struct sk_buff *skb)
{
	bh_disable(cpu);
	consume_skb(cpu, skb);
	bh_enable(cpu);
}

void sys_skb_pull(struct net_cpu *cpu, struct sk_buff *skb, unsigned n)
{
	bh_disable(cpu);
	skb_pull_any(cpu, skb, n);
	bh_enable(cpu);
}

void sys_skb_trim(struct net_cpu *cpu, struct sk_buff *skb, unsigned len)
{
	bh_disable(cpu);
	skb_trim(cpu, skb, len);
	bh_enable(cpu);
}

struct sk_buff *sys_skb_split(struct net_cpu *cpu, struct sk_buff *skb, unsigned len)
{
	struct sk_buff *first;

	BUG_ON(len > skb->len);
	bh_disable(cpu);
	first = skb_clone(cpu, skb);
	if (likely(first != NULL)) {
		skb_trim(cpu, first, len);
		skb_pull_any(cpu, skb, len);
	}
	bh_enable(cpu);
	return first;
}
