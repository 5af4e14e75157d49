/* SPDX-License-Identifier: MIT
 * socket.c - the system calls on sockets: descriptor -> file -> socket -> proto, and waiting where a proto would not.
 *
 * Runs in base context. A call holds softirq off while it is inside the stack and lets go while its fiber sleeps. A
 * file may be closed by another fiber meanwhile: after each sleep the socket is looked at anew.
 */
#include "net/socket/socket_impl.h"
#include "lib/string.h"
#include "net/ipv4/udp.h"
#include "net/tcp/tcp.h"

static const struct proto *const socket_protos[] = { &tcp_prot, &udp_prot };

#define IOV_MAX_COPY 16 /* pieces that go on at once after a partial transfer */

/* ---- the life of a socket ---- */
static void socket_event(struct sock *sk, u32 events)
{
	wait_queue_wake(&sk->socket->wait, events);
}

int socket_install(struct net_cpu *cpu, struct sock *sk, int flags)
{
	struct kmem_cache *cache = cpu->socket->cache[CACHE_SOCKET];
	struct socket_file *sf = kmem_cache_alloc(cache);
	int fd;

	if (!sf)
		return -ENOMEM;
	file_init(&sf->file, cpu, &socket_file_ops, &sf->sock);
	sf->file.nonblock = flags & SOCK_NONBLOCK;
	sf->sock.sk = sk;
	sf->sock.rcvtimeo_ns = sf->sock.sndtimeo_ns = TIME_NEVER;
	sf->sock.zerocopy_told = 0;
	sf->sock.busy_poll_us = (u32)cpu->sysctl.busy_read;
	wait_queue_init(&sf->sock.wait);
	fd = fd_install(cpu, &sf->file);
	if (fd < 0) {
		kmem_cache_free(cache, sf);
		return fd;
	}
	sk->socket = &sf->sock;
	sk->event = socket_event;
	return fd;
}

static const struct proto *proto_find(int type, int protocol)
{
	for (unsigned i = 0; i < ARRAY_SIZE(socket_protos); i++) {
		const struct proto *p = socket_protos[i];

		if (p->type == type && (!protocol || p->protocol == protocol))
			return p;
	}
	return NULL;
}

static bool type_is_known(int type)
{
	return type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_RAW;
}

int sys_socket(struct net_cpu *cpu, int family, int type, int protocol)
{
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC), fd;
	const struct proto *p = proto_find(type & ~flags, protocol);
	struct sock *sk;

	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	if (!p)
		return type_is_known(type & ~flags) ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT;
	bh_disable(cpu);
	sk = p->create(cpu, (u16)family);
	fd = sk ? socket_install(cpu, sk, flags) : -ENOMEM;
	if (sk && fd < 0)
		p->close(sk);
	bh_enable(cpu);
	return fd;
}

/* ---- a blocking transfer ---- */
static size_t iov_total(const struct iovec *iov, size_t n)
{
	size_t sum = 0;

	while (n--)
		sum += iov++->iov_len;
	return sum;
}

/* A private copy of what is left of a message's vector (done < its total), so that a partial transfer can go on where it stopped. */
struct msg_rest {
	struct iovec iov[IOV_MAX_COPY];
	struct msghdr m;
};
static void msg_rest_init(struct msg_rest *r, const struct msghdr *m, size_t done)
{
	size_t skip = 0;

	while (skip < m->msg_iovlen && done >= m->msg_iov[skip].iov_len)
		done -= m->msg_iov[skip++].iov_len;
	r->m = *m;
	r->m.msg_iov = r->iov;
	r->m.msg_iovlen = MIN(m->msg_iovlen - skip, (size_t)IOV_MAX_COPY);
	memcpy(r->iov, m->msg_iov + skip, r->m.msg_iovlen * sizeof(r->iov[0]));
	r->iov[0].iov_base = (u8 *)r->iov[0].iov_base + done;
	r->iov[0].iov_len -= done;
}

/* Bytes were transferred before the error that this call took, if it did: it is for the next one. */
static long done_before(struct sock *sk, long done, int err)
{
	sk->err = err;
	return done;
}

/* A blocking send of a stream ends when all is taken (POSIX), or with what was, when it fails later. */
static __noinline long sendmsg_slow(struct socket *s, const struct msghdr *m, int flags, long n)
{
	size_t want = iov_total(m->msg_iov, m->msg_iovlen);
	u64 deadline = 0;
	long done = 0;
	int err = 0;

	for (;;) {
		struct msg_rest rest;

		if (n > 0)
			done += n;
		else if (n != -EAGAIN)
			return done ? done_before(s->sk, done, err) : n;
		if (done && ((size_t)done >= want || s->sk->type != SOCK_STREAM))
			return done;
		n = socket_wait(s, EPOLLOUT, flags, s->sndtimeo_ns, &deadline);
		if (n < 0)
			return done ?: n;
		msg_rest_init(&rest, m, (size_t)done);
		err = s->sk->err;
		n = s->sk->prot->sendmsg(s->sk, &rest.m, flags);
	}
}

static inline long socket_sendmsg(struct socket *s, const struct msghdr *m, int flags)
{
	long n = s->sk->prot->sendmsg(s->sk, m, flags);

	/* One piece, all taken: the usual case needs no sum over the vector. */
	if (likely(n >= 0) && !socket_may_wait(s, flags))
		return n;
	if (unlikely(n == -EINPROGRESS)) /* MSG_FASTOPEN without a cookie: what was to be sent goes when the handshake is over */
		n = socket_may_wait(s, flags) ? -EAGAIN : n;
	flags &= ~MSG_FASTOPEN; /* once */
	if (n < 0 ? n != -EAGAIN : (size_t)n >= iov_total(m->msg_iov, m->msg_iovlen))
		return n;
	return sendmsg_slow(s, m, flags, n);
}

/* Nothing will follow what a stream's queue has: its end is there, or its error. */
static bool is_over(const struct sock *sk)
{
	return sk->err || sk->shutdown & 1 || sk->state == TCP_CLOSE;
}

/* As many bytes end a read that may wait: all of them, SO_RCVLOWAT, or the first. */
static size_t read_target(struct socket *s, const struct msghdr *m, int flags)
{
	size_t total = iov_total(m->msg_iov, m->msg_iovlen);
	unsigned len = sizeof(int);
	int lowat = 1;

	if (s->sk->type != SOCK_STREAM)
		return 1;
	if (s->sk->lowat)
		s->sk->prot->getsockopt(s->sk, SOL_SOCKET, SO_RCVLOWAT, &lowat, &len);
	return flags & MSG_WAITALL ? total : MIN((size_t)lowat, total);
}

/* MSG_PEEK of more than a byte: from the first byte each time, until as much is there as was asked for, or no more can come. */
static long peek_all(struct socket *s, struct msghdr *m, int flags, long n, size_t want)
{
	u64 deadline = 0;

	while (n == -EAGAIN || (n > 0 && (size_t)n < want && !is_over(s->sk))) {
		long err = socket_wait(s, EPOLLIN | EPOLLRDHUP, flags, s->rcvtimeo_ns, &deadline);

		if (err < 0)
			return n > 0 ? n : err;
		n = s->sk->prot->recvmsg(s->sk, m, flags);
	}
	return n;
}

static __noinline long recvmsg_slow(struct socket *s, struct msghdr *m, int flags, long n)
{
	size_t want = read_target(s, m, flags);
	u64 deadline = 0;
	long done = 0;
	int err = 0;

	if (want > 1 && flags & MSG_PEEK)
		return peek_all(s, m, flags, n, want);
	for (;;) {
		struct msg_rest rest;

		if (n > 0)
			done += n;
		else if (n != -EAGAIN)
			return done ? done_before(s->sk, done, err) : n;
		if (done && (size_t)done >= want)
			return done;
		n = n > 0 ? 0 : socket_wait(s, EPOLLIN | EPOLLRDHUP, flags, s->rcvtimeo_ns, &deadline);
		if (n < 0)
			return done ?: n;
		msg_rest_init(&rest, m, (size_t)done);
		err = s->sk->err;
		n = s->sk->prot->recvmsg(s->sk, &rest.m, flags);
		m->msg_flags = rest.m.msg_flags;
	}
}

static inline long socket_recvmsg(struct socket *s, struct msghdr *m, int flags)
{
	long n;

	if (unlikely(flags & MSG_ERRQUEUE))
		return socket_errqueue(s, m);
	n = s->sk->prot->recvmsg(s->sk, m, flags);
	if (likely(n != -EAGAIN && !(n > 0 && (flags & MSG_WAITALL || s->sk->lowat))))
		return n;
	return recvmsg_slow(s, m, flags, n);
}

/* ---- as a file ---- */
static long socket_read(struct file *f, struct iovec *iov, size_t n, int flags)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n };

	return socket_recvmsg(f->priv, &m, flags);
}
static long socket_write(struct file *f, const struct iovec *iov, size_t n, int flags)
{
	struct msghdr m = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };

	return socket_sendmsg(f->priv, &m, flags);
}
static u32 socket_poll(struct file *f)
{
	struct sock *sk = ((struct socket *)f->priv)->sk;

	return likely(sk != NULL) ? sk->prot->poll(sk) : EPOLLHUP | EPOLLERR;
}
static struct wait_queue *socket_wait_queue(struct file *f)
{
	return &((struct socket *)f->priv)->wait;
}
static void socket_release(struct file *f)
{
	struct socket *s = f->priv;
	struct sock *sk = s->sk;

	s->sk = NULL;
	sk->socket = NULL;
	sk->event = NULL;
	sk->prot->close(sk);
}
/* As Linux, but a non-blocking file, and who cannot wait, waits for nothing: what is queued goes on by itself. */
static void socket_linger(struct file *f)
{
	struct socket *s = f->priv;
	const struct proto *p = s->sk->prot;
	u64 ns = p->lingers(s->sk), deadline = 0;

	if (!ns || !socket_may_wait(s, 0))
		return;
	p->shutdown(s->sk, SHUT_WR);
	while (s->sk && p->lingers(s->sk) && !socket_wait(s, EPOLLOUT, 0, ns, &deadline))
		;
}
static void socket_free(struct file *f)
{
	kmem_cache_free(f->cpu->socket->cache[CACHE_SOCKET], container_of(f, struct socket_file, file));
}

const struct file_ops socket_file_ops = {
	.name = "socket",
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.wait = socket_wait_queue,
	.linger = socket_linger,
	.release = socket_release,
	.free = socket_free,
};

/* ---- transfers ---- */
long sys_sendmsg(struct net_cpu *cpu, int fd, const struct msghdr *m, int flags)
{
	int err = 0;
	struct socket *s;
	long n;

	bh_disable(cpu);
	s = socket_lookup(cpu, fd, &err);
	n = likely(s != NULL) ? socket_sendmsg(s, m, flags) : err;
	if (unlikely(flags & MSG_ZEROCOPY) && n > 0 && s->sk)
		zerocopy_sent(s);
	bh_enable(cpu);
	return n;
}
long sys_recvmsg(struct net_cpu *cpu, int fd, struct msghdr *m, int flags)
{
	int err = 0;
	struct socket *s;
	long n;

	m->msg_flags = 0;
	bh_disable(cpu);
	s = socket_lookup(cpu, fd, &err);
	n = likely(s != NULL) ? socket_recvmsg(s, m, flags) : err;
	bh_enable(cpu);
	return n;
}
long sys_sendto(struct net_cpu *cpu, int fd, const void *buf, size_t len, int flags, const struct sockaddr_ip *to)
{
	struct iovec iov = { (void *)buf, len };
	struct msghdr m = { .msg_name = (struct sockaddr_ip *)to, .msg_iov = &iov, .msg_iovlen = 1 };

	return sys_sendmsg(cpu, fd, &m, flags);
}
long sys_recvfrom(struct net_cpu *cpu, int fd, void *buf, size_t len, int flags, struct sockaddr_ip *from)
{
	struct iovec iov = { buf, len };
	struct msghdr m = { .msg_name = from, .msg_iov = &iov, .msg_iovlen = 1 };

	return sys_recvmsg(cpu, fd, &m, flags);
}
long sys_send(struct net_cpu *cpu, int fd, const void *buf, size_t len, int flags)
{
	return sys_sendto(cpu, fd, buf, len, flags, NULL);
}
long sys_recv(struct net_cpu *cpu, int fd, void *buf, size_t len, int flags)
{
	return sys_recvfrom(cpu, fd, buf, len, flags, NULL);
}

long sys_writev(struct net_cpu *cpu, int fd, const struct iovec *iov, size_t n)
{
	struct file *f;
	long done;

	bh_disable(cpu);
	f = file_lookup(cpu, fd);
	done = likely(f != NULL) ? f->ops->write(f, iov, n, 0) : -EBADF;
	bh_enable(cpu);
	return done;
}
long sys_readv(struct net_cpu *cpu, int fd, struct iovec *iov, size_t n)
{
	struct file *f;
	long done;

	bh_disable(cpu);
	f = file_lookup(cpu, fd);
	done = likely(f != NULL) ? f->ops->read(f, iov, n, 0) : -EBADF;
	bh_enable(cpu);
	return done;
}
long sys_write(struct net_cpu *cpu, int fd, const void *buf, size_t len)
{
	struct iovec iov = { (void *)buf, len };

	return sys_writev(cpu, fd, &iov, 1);
}
long sys_read(struct net_cpu *cpu, int fd, void *buf, size_t len)
{
	struct iovec iov = { buf, len };

	return sys_readv(cpu, fd, &iov, 1);
}
