/* SPDX-License-Identifier: MIT
 * connect.c - the system calls that name, open and end a socket's association: bind, listen, accept, connect, shutdown.
 */
#include "net/socket/socket_impl.h"

/* Enters the stack with the socket of fd; leave with sock_leave(). NULL: *err says why, nothing is held. */
static struct socket *sock_enter(struct net_cpu *cpu, int fd, int *err)
{
	struct socket *s;

	bh_disable(cpu);
	s = socket_lookup(cpu, fd, err);
	if (unlikely(!s))
		bh_enable(cpu);
	return s;
}
static int sock_leave(struct net_cpu *cpu, int ret)
{
	bh_enable(cpu);
	return ret;
}

int sys_bind(struct net_cpu *cpu, int fd, const struct sockaddr_ip *a)
{
	int err = 0;
	struct socket *s = sock_enter(cpu, fd, &err);

	if (!s)
		return err;
	if (a->family != s->sk->family)
		return sock_leave(cpu, -EAFNOSUPPORT);
	if (s->sk->v6only && ip_is_v4(&a->addr))
		return sock_leave(cpu, -EINVAL);
	return sock_leave(cpu, s->sk->prot->bind(s->sk, a));
}

int sys_listen(struct net_cpu *cpu, int fd, int backlog)
{
	int err = 0;
	struct socket *s = sock_enter(cpu, fd, &err);

	if (!s)
		return err;
	if (!s->sk->prot->listen)
		return sock_leave(cpu, -EOPNOTSUPP);
	backlog = (int)CLAMP((s64)(u32)backlog, 1, cpu->sysctl.somaxconn); /* a negative one is a large one */
	err = s->sk->prot->listen(s->sk, backlog);
	if (!err)
		socket_to_file(s)->connecting = false;
	return sock_leave(cpu, err);
}

static void sockaddr_of(struct sockaddr_ip *a, const struct sock *sk, const struct ip_addr *addr, u16 port)
{
	a->family = sk->family;
	a->port = port;
	a->addr = *addr;
	a->scope_id = 0;
}

struct sock *socket_accept(struct net_cpu *cpu, struct socket *listener, int flags, int *fd)
{
	struct sock *sk;

	if (unlikely(cpu->socket->nr_open >= (u64)cpu->sysctl.file_max)) {
		cpu->socket->emfile++;
		*fd = -EMFILE;
		return NULL;
	}
	sk = listener->sk->prot->accept(listener->sk, fd);
	if (!sk)
		return NULL;
	*fd = socket_install(cpu, sk, flags);
	if (likely(*fd >= 0)) {
		sk->socket->busy_poll_us = listener->busy_poll_us;
		return sk;
	}
	sk->prot->close(sk);
	return NULL;
}

int sys_accept4(struct net_cpu *cpu, int fd, struct sockaddr_ip *peer, int flags)
{
	int err = 0, ret;
	struct socket *s = sock_enter(cpu, fd, &err);
	u64 deadline = 0;

	if (!s)
		return err;
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return sock_leave(cpu, -EINVAL);
	if (!s->sk->prot->accept)
		return sock_leave(cpu, -EOPNOTSUPP);
	for (;;) {
		struct sock *sk = socket_accept(cpu, s, flags, &ret);

		if (sk && peer)
			sockaddr_of(peer, sk, &sk->daddr, sk->dport);
		if (ret != -EAGAIN)
			break;
		ret = socket_wait(s, EPOLLIN, 0, s->rcvtimeo_ns, &deadline);
		if (ret)
			break;
	}
	return sock_leave(cpu, ret);
}

int sys_accept_many(struct net_cpu *cpu, int fd, struct accepted *a, int max, int flags, int *err)
{
	struct socket *s = sock_enter(cpu, fd, err);
	int n;

	if (!s)
		return 0;
	*err = s->sk->prot->accept ? 0 : -EOPNOTSUPP;
	for (n = 0; n < max && !*err; n++) {
		struct sock *sk = socket_accept(cpu, s, flags, &a[n].fd);

		if (!sk) {
			*err = a[n].fd;
			break;
		}
		sockaddr_of(&a[n].peer, sk, &sk->daddr, sk->dport);
		a[n].events = sk->prot->poll(sk);
	}
	return sock_leave(cpu, n);
}

/* Waits for a handshake that is under way. A timeout leaves it running (-EINPROGRESS), as POSIX has it. */
static int connect_wait(struct socket *s)
{
	u64 deadline = 0;
	int err;

	while (!(s->sk->prot->poll(s->sk) & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
		err = socket_wait(s, EPOLLOUT, 0, s->sndtimeo_ns, &deadline);
		if (err)
			return err == -EAGAIN ? -EINPROGRESS : err;
	}
	return sock_error(s->sk);
}

/* As in Linux, the first call behind one that said -EINPROGRESS tells how that handshake ended, and opens no other. */
static int connect_result(struct socket *s)
{
	struct sock *sk = s->sk;
	int err;

	socket_to_file(s)->connecting = false;
	if (sk->state != TCP_CLOSE)
		return 0;
	err = sock_error(sk) ?: -ECONNABORTED;
	sk->prot->disconnect(sk);
	return err;
}

static int connect_to(struct socket *s, const struct sockaddr_ip *a)
{
	struct file *f = socket_to_file(s);
	struct sock *sk = s->sk;
	int err;

	if (a->family != sk->family)
		return -EAFNOSUPPORT;
	if (unlikely(f->connecting) && sk->state != TCP_SYN_SENT && sk->state != TCP_SYN_RECEIVED)
		return connect_result(s);
	err = sk->prot->connect(sk, a);
	if (err != -EINPROGRESS)
		return err;
	err = connect_wait(s);
	f->connecting = err == -EINPROGRESS;
	return err;
}

int sys_connect(struct net_cpu *cpu, int fd, const struct sockaddr_ip *a)
{
	int err = 0;
	struct socket *s = sock_enter(cpu, fd, &err);

	if (!s)
		return err;
	if (a->family == AF_UNSPEC) {
		err = s->sk->prot->disconnect ? s->sk->prot->disconnect(s->sk) : -EOPNOTSUPP;
		socket_to_file(s)->connecting = false;
	} else {
		err = connect_to(s, a);
	}
	return sock_leave(cpu, err);
}

int sys_shutdown(struct net_cpu *cpu, int fd, int how)
{
	int err = 0;
	struct socket *s = sock_enter(cpu, fd, &err);

	if (!s)
		return err;
	if (how < SHUT_RD || how > SHUT_RDWR)
		return sock_leave(cpu, -EINVAL);
	socket_to_file(s)->connecting = false;
	return sock_leave(cpu, s->sk->prot->shutdown(s->sk, how));
}

int sys_getsockname(struct net_cpu *cpu, int fd, struct sockaddr_ip *a)
{
	int err = 0;
	struct socket *s = sock_enter(cpu, fd, &err);

	if (!s)
		return err;
	sockaddr_of(a, s->sk, &s->sk->saddr, s->sk->sport);
	return sock_leave(cpu, 0);
}

int sys_getpeername(struct net_cpu *cpu, int fd, struct sockaddr_ip *a)
{
	int err = 0;
	struct socket *s = sock_enter(cpu, fd, &err);

	if (!s)
		return err;
	if (!s->sk->dport || s->sk->state == TCP_CLOSE || s->sk->state == TCP_SYN_SENT)
		return sock_leave(cpu, -ENOTCONN);
	sockaddr_of(a, s->sk, &s->sk->daddr, s->sk->dport);
	return sock_leave(cpu, 0);
}

int sys_ioctl(struct net_cpu *cpu, int fd, int cmd, int *val)
{
	int err = 0;
	struct socket *s = sock_enter(cpu, fd, &err);

	if (!s)
		return err;
	return sock_leave(cpu, s->sk->prot->ioctl ? s->sk->prot->ioctl(s->sk, cmd, val) : -EOPNOTSUPP);
}

int sys_setsockopt(struct net_cpu *cpu, int fd, int level, int opt, const void *val, unsigned len)
{
	int err = 0;
	struct socket *s = sock_enter(cpu, fd, &err);

	return s ? sock_leave(cpu, socket_setsockopt(s, level, opt, val, len)) : err;
}

int sys_getsockopt(struct net_cpu *cpu, int fd, int level, int opt, void *val, unsigned *len)
{
	int err = 0;
	struct socket *s = sock_enter(cpu, fd, &err);

	return s ? sock_leave(cpu, socket_getsockopt(s, level, opt, val, len)) : err;
}
