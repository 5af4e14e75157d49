/* SPDX-License-Identifier: MIT
 * calls.c - packetdrill's system calls, made on the stack. A call that would block waits while the main thread lets time go by.
 */
#include "drill/shim.h"

static struct stack_addr addr_of(const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	struct stack_addr a = { .ip = { [10] = 0xff, [11] = 0xff }, .port = ntohs(in->sin_port), .family = sa->sa_family };

	if (a.family == AF_INET6)
		memcpy(a.ip, &in6->sin6_addr, 16);
	else
		memcpy(a.ip + 12, &in->sin_addr, 4);
	return a;
}

static void addr_to(struct stack_addr a, struct sockaddr *sa, socklen_t *len)
{
	union {
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u = { .in6 = { .sin6_family = a.family, .sin6_port = htons(a.port) } };
	socklen_t size = a.family == AF_INET6 ? sizeof(u.in6) : sizeof(u.in);

	if (!sa || !len)
		return;
	if (a.family == AF_INET6)
		memcpy(&u.in6.sin6_addr, a.ip, 16);
	else
		memcpy(&u.in.sin_addr, a.ip + 12, 4);
	memcpy(sa, &u, *len < size ? *len : size);
	*len = size;
}

static void shim_free(void *u)
{
}

static int shim_socket(void *u, int domain, int type, int protocol)
{
	long r;

	pthread_mutex_lock(&d.lock);
	shim_start();
	read_tunables();
	r = stack_socket(domain, type & 0xf);
	if (r >= 0)
		r = fd_new((int)r);
	if (r >= 0)
		d.nonblock[r] = type & SOCK_NONBLOCK;
	return (int)leave(r, false);
}

static int shim_bind(void *u, int fd, const struct sockaddr *sa, socklen_t len)
{
	return (int)CALL(stack_bind(fd_of(fd), addr_of(sa)));
}

static int shim_listen(void *u, int fd, int backlog)
{
	read_tunables();
	return (int)CALL(stack_listen(fd_of(fd), backlog));
}

static long accept_once(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct stack_addr peer;
	int r = stack_accept(fd_of(fd), &peer);

	if (r < 0)
		return r;
	addr_to(peer, sa, len);
	return fd_new(r);
}

static int shim_accept(void *u, int fd, struct sockaddr *sa, socklen_t *len)
{
	return (int)BLOCKING(fd, 0, accept_once(fd, sa, len));
}

static long connected(int fd)
{
	unsigned mask = stack_poll(fd_of(fd));
	unsigned len = sizeof(int);
	int err = 0;

	if (!(mask & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return -EAGAIN;
	stack_getsockopt(fd_of(fd), SOL_SOCKET, SO_ERROR, &err, &len);
	return -err;
}

static int shim_connect(void *u, int fd, const struct sockaddr *sa, socklen_t len)
{
	long r;

	read_tunables();
	pthread_mutex_lock(&d.lock);
	r = stack_connect(fd_of(fd), addr_of(sa));
	if (r != -EINPROGRESS || d.nonblock[fd])
		return (int)leave(r, false);
	pthread_mutex_unlock(&d.lock);
	return (int)BLOCKING(fd, 0, connected(fd));
}

/* Memory there, as the kernel's copies need it: scripts try pointers that are none. */
static bool is_memory(const struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++)
		if (iov[i].iov_len && msync((void *)((uintptr_t)iov[i].iov_base & ~4095ul), 1, MS_ASYNC))
			return false;
	return true;
}

static ssize_t recv_iov(int fd, const struct iovec *iov, int n, int flags)
{
	if (!is_memory(iov, n)) {
		errno = EFAULT;
		return -1;
	}
	return BLOCKING(fd, flags, stack_recv(fd_of(fd), (const struct stack_iov *)iov, (unsigned)n, flags));
}

static size_t iov_total(const struct iovec *iov, int n)
{
	size_t sum = 0;

	while (n--)
		sum += iov++->iov_len;
	return sum;
}

/* A blocking write ends when all is taken. */
static long send_all(int fd, const struct iovec *iov, int n, int flags, const struct sockaddr *to, size_t *sent)
{
	struct stack_addr a = { 0 };
	size_t total = iov_total(iov, n), skip = *sent;
	struct iovec rest[64] = { 0 };
	int i, m = 0;
	long r;

	for (i = 0; i < n && m < 64; i++) {
		size_t s = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		skip -= s;
		rest[m++] = (struct iovec){ (char *)iov[i].iov_base + s, iov[i].iov_len - s };
	}
	if (*sent && !(stack_poll(fd_of(fd)) & EPOLLOUT))
		return -EAGAIN; /* a sleeping writer is woken when a third of the buffer is free */
	if (to && to->sa_family != AF_INET && to->sa_family != AF_INET6)
		return -EOPNOTSUPP;
	if (to)
		a = addr_of(to);
	flags |= d.nonblock[fd] ? MSG_DONTWAIT : 0;
	r = stack_send(fd_of(fd), (const struct stack_iov *)rest, (unsigned)m, flags, to ? &a : NULL);
	if (r < 0)
		return *sent && r != -EAGAIN ? (long)*sent : r;
	*sent += (size_t)r;
	return *sent < total && !d.nonblock[fd] && !(flags & MSG_DONTWAIT) ? -EAGAIN : (long)*sent;
}

/* In SYN_SENT: the first byte of TCP_INFO. */
static bool is_opening(int fd)
{
	unsigned char info[280] = { 0 };
	unsigned len = sizeof(info);

	return !stack_getsockopt(fd_of(fd), IPPROTO_TCP, 11, info, &len) && info[0] == 2;
}

/* A Fast Open names its peer once; a blocking caller then waits for the handshake, and goes on. */
static long send_to(int fd, const struct iovec *iov, int n, int *flags, const struct sockaddr *to, size_t *sent)
{
	bool waits = !d.nonblock[fd] && !(*flags & MSG_DONTWAIT);
	bool opening = waits && *sent;
	long r;

	if (opening && is_opening(fd))
		return -EAGAIN;
	if (opening && (r = connected(fd)) < 0 && r != -EAGAIN)
		return r;
	r = send_all(fd, iov, n, *flags, *flags & MSG_FASTOPEN ? to : NULL, sent);
	if (*sent)
		*flags &= ~MSG_ZEROCOPY; /* one notification for all of the call */
	if (!waits || (r < 0 && r != -EINPROGRESS) || (r >= 0 && !is_opening(fd)))
		return r;
	*flags &= ~MSG_FASTOPEN;
	return -EAGAIN;
}

ssize_t send_iov(int fd, const struct iovec *iov, int n, int flags, const struct sockaddr *to)
{
	size_t sent = 0;

	if (!is_memory(iov, n)) {
		errno = EFAULT;
		return -1;
	}
	return BLOCKING(fd, flags, send_to(fd, iov, n, &flags, to, &sent));
}

static ssize_t shim_read(void *u, int fd, void *buf, size_t len)
{
	return recv_iov(fd, &(struct iovec){ buf, len }, 1, 0);
}

static ssize_t shim_readv(void *u, int fd, const struct iovec *iov, int n)
{
	return recv_iov(fd, iov, n, 0);
}

static ssize_t shim_recv(void *u, int fd, void *buf, size_t len, int flags)
{
	return recv_iov(fd, &(struct iovec){ buf, len }, 1, flags);
}

static ssize_t shim_recvfrom(void *u, int fd, void *buf, size_t len, int flags, struct sockaddr *sa, socklen_t *salen)
{
	return recv_iov(fd, &(struct iovec){ buf, len }, 1, flags);
}

/* Behind those that are there. */
static void put_note(struct msghdr *m, size_t room, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)m->msg_control + m->msg_controllen);

	if (!m->msg_control || room < m->msg_controllen + CMSG_SPACE(len))
		return;
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	m->msg_controllen += CMSG_SPACE(len);
}

static bool is_v6(int fd)
{
	unsigned len = sizeof(int);
	int domain = 0;

	CALL(stack_getsockopt(fd_of(fd), SOL_SOCKET, SO_DOMAIN, &domain, &len));
	return domain == AF_INET6;
}

/* What the stack tells beside the bytes, as Linux does in control messages. */
static void put_notes(struct msghdr *m, size_t room, const struct stack_notes *n, bool v6)
{
	struct {
		struct sock_extended_err err;
		struct sockaddr_in6 offender; /* or of IPv4, which is shorter */
	} e = { .err = { .ee_origin = SO_EE_ORIGIN_ZEROCOPY, .ee_code = SO_EE_CODE_ZEROCOPY_COPIED,
			 .ee_info = n->zerocopy_first, .ee_data = n->zerocopy_last } };
	struct timespec ts[3] = { { .tv_sec = (time_t)(n->stamp_ns / 1000000000), .tv_nsec = (long)(n->stamp_ns % 1000000000) } };
	bool queued = n->flags & MSG_ERRQUEUE;
	enum { CM_INQ = 36 };

	if (n->has_stamp)
		put_note(m, room, SOL_SOCKET, SCM_TIMESTAMPING, ts, sizeof(ts));
	if (n->has_stamp && queued)
		e.err = (struct sock_extended_err){ .ee_errno = ENOMSG, .ee_origin = SO_EE_ORIGIN_TIMESTAMPING,
						    .ee_info = n->stamp, .ee_data = n->stamp_key };

	if (n->has_inq)
		put_note(m, room, IPPROTO_TCP, CM_INQ, &n->inq, sizeof(n->inq));
	if (n->has_zerocopy || (n->has_stamp && queued))
		put_note(m, room, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &e,
			 sizeof(e.err) + (v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)));
}

static ssize_t shim_recvmsg(void *u, int fd, struct msghdr *m, int flags)
{
	struct stack_notes notes = { 0 };
	long r = BLOCKING(fd, flags | (flags & MSG_ERRQUEUE ? MSG_DONTWAIT : 0),
			  stack_recvmsg(fd_of(fd), (const struct stack_iov *)m->msg_iov, (unsigned)m->msg_iovlen, flags, &notes));
	size_t room = m->msg_controllen;

	m->msg_flags = r < 0 ? flags & MSG_ERRQUEUE : notes.flags & (MSG_ERRQUEUE | MSG_TRUNC);
	m->msg_controllen = 0;
	if (r >= 0)
		put_notes(m, room, &notes, is_v6(fd));
	return r;
}

static ssize_t shim_write(void *u, int fd, const void *buf, size_t len)
{
	return send_iov(fd, &(struct iovec){ (void *)buf, len }, 1, 0, NULL);
}

static ssize_t shim_writev(void *u, int fd, const struct iovec *iov, int n)
{
	return send_iov(fd, iov, n, 0, NULL);
}

static ssize_t shim_send(void *u, int fd, const void *buf, size_t len, int flags)
{
	return send_iov(fd, &(struct iovec){ (void *)buf, len }, 1, flags, NULL);
}

static ssize_t shim_sendto(void *u, int fd, const void *buf, size_t len, int flags, const struct sockaddr *sa, socklen_t salen)
{
	return send_iov(fd, &(struct iovec){ (void *)buf, len }, 1, flags, sa);
}

static ssize_t shim_sendmsg(void *u, int fd, const struct msghdr *m, int flags)
{
	return send_iov(fd, m->msg_iov, (int)m->msg_iovlen, flags, m->msg_name);
}

static int shim_fcntl(void *u, int fd, int cmd, ...)
{
	va_list ap;
	int arg;

	va_start(ap, cmd);
	arg = va_arg(ap, int);
	va_end(ap);
	if (cmd == F_GETFL)
		return O_RDWR | (d.nonblock[fd] ? O_NONBLOCK : 0);
	if (cmd == F_SETFL)
		d.nonblock[fd] = arg & O_NONBLOCK;
	return 0;
}

static int shim_ioctl(void *u, int fd, unsigned long request, ...)
{
	va_list ap;
	int *val;

	va_start(ap, request);
	val = va_arg(ap, int *);
	va_end(ap);
	return (int)CALL(stack_ioctl(fd_of(fd), (int)request, val));
}

static int shim_close(void *u, int fd)
{
	long r;

	pthread_mutex_lock(&d.lock);
	r = stack_close(fd_of(fd));
	d.fds[fd] = 0;
	close(fd);
	return (int)leave(r, false);
}

static int shim_shutdown(void *u, int fd, int how)
{
	return (int)CALL(stack_shutdown(fd_of(fd), how));
}

static int shim_getsockopt(void *u, int fd, int level, int opt, void *val, socklen_t *len)
{
	return (int)CALL(stack_getsockopt(fd_of(fd), level, opt, val, len));
}

static int shim_setsockopt(void *u, int fd, int level, int opt, const void *val, socklen_t len)
{
	return (int)CALL(stack_setsockopt(fd_of(fd), level, opt, val, len));
}

static long poll_once(struct pollfd *fds, nfds_t n)
{
	long ready = 0;

	for (nfds_t i = 0; i < n; i++) {
		fds[i].revents = (short)(stack_poll(fd_of(fds[i].fd)) & (unsigned)(fds[i].events | POLLERR | POLLHUP));
		ready += fds[i].revents != 0;
	}
	return ready;
}

static uint64_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? NEVER : stack_now() + (uint64_t)timeout_ms * 1000 * US;
}

static int shim_poll(void *u, struct pollfd *fds, nfds_t n, int timeout)
{
	uint64_t deadline;
	bool slept = false;
	long r;

	pthread_mutex_lock(&d.lock);
	deadline = deadline_of(timeout);
	while (!(r = poll_once(fds, n)) && sleep_on(deadline))
		slept = true;
	return (int)leave(r, slept);
}

static int shim_epoll_create(void *u, int size)
{
	long r;

	pthread_mutex_lock(&d.lock);
	shim_start();
	r = stack_epoll_create();
	if (r >= 0)
		r = fd_new((int)r);
	return (int)leave(r, false);
}

static int shim_epoll_ctl(void *u, int epfd, int op, int fd, struct epoll_event *ev)
{
	struct stack_event e = { ev ? ev->events : 0, ev ? ev->data.u64 : 0 };

	return (int)CALL(stack_epoll_ctl(fd_of(epfd), op, fd_of(fd), &e));
}

static int shim_epoll_wait(void *u, int epfd, struct epoll_event *ev, int max, int timeout)
{
	struct stack_event e[64];
	uint64_t deadline;
	bool slept = false;
	long r;

	pthread_mutex_lock(&d.lock);
	deadline = deadline_of(timeout);
	while (!(r = stack_epoll_wait(fd_of(epfd), e, max < 64 ? max : 64)) && sleep_on(deadline))
		slept = true;
	for (long i = 0; i < r; i++) {
		ev[i].events = e[i].events;
		ev[i].data.u64 = e[i].data;
	}
	return (int)leave(r, slept);
}

static int shim_pipe(void *u, int fds[2])
{
	errno = ENOSYS;
	return -1;
}

static int shim_splice(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t len, unsigned flags)
{
	errno = ENOSYS;
	return -1;
}

void calls_fill(struct packetdrill_interface *ifc)
{
	*ifc = (struct packetdrill_interface){
		.free = shim_free, .socket = shim_socket, .bind = shim_bind, .listen = shim_listen, .accept = shim_accept,
		.connect = shim_connect, .read = shim_read, .readv = shim_readv, .recv = shim_recv,
		.recvfrom = shim_recvfrom, .recvmsg = shim_recvmsg, .write = shim_write, .writev = shim_writev,
		.send = shim_send, .sendto = shim_sendto, .sendmsg = shim_sendmsg, .fcntl = shim_fcntl,
		.ioctl = shim_ioctl, .close = shim_close, .shutdown = shim_shutdown, .getsockopt = shim_getsockopt,
		.setsockopt = shim_setsockopt, .poll = shim_poll, .epoll_create = shim_epoll_create,
		.epoll_ctl = shim_epoll_ctl, .epoll_wait = shim_epoll_wait, .pipe = shim_pipe, .splice = shim_splice,
	};
}
