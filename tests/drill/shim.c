/* SPDX-License-Identifier: MIT
 * shim.c - lets packetdrill drive the stack through --so_filename: its system calls, its packets, its clock.
 *
 * The clock is virtual. It moves when the program waits for a packet, sleeps, or asks for the time (one microsecond each,
 * because the program spins on it). A call that blocks waits on a condition while the program's main thread lets time go by;
 * a thread that wakes owes a look at the clock, and time stands still until it has had it.
 * Tunables come from /proc/sys of the network namespace the script runs in, where its shell commands put them. The library is
 * also preloaded, because the program asks libc for TCP_INFO.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "drill/stack.h"

#define MAX_FD 1024
#define NEVER  UINT64_MAX
#define US     1000ull

struct packetdrill_interface { /* the program's ABI: order and types are its */
	void *userdata;
	void (*free)(void *);
	int (*socket)(void *, int, int, int);
	int (*bind)(void *, int, const struct sockaddr *, socklen_t);
	int (*listen)(void *, int, int);
	int (*accept)(void *, int, struct sockaddr *, socklen_t *);
	int (*connect)(void *, int, const struct sockaddr *, socklen_t);
	ssize_t (*read)(void *, int, void *, size_t);
	ssize_t (*readv)(void *, int, const struct iovec *, int);
	ssize_t (*recv)(void *, int, void *, size_t, int);
	ssize_t (*recvfrom)(void *, int, void *, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t (*recvmsg)(void *, int, struct msghdr *, int);
	ssize_t (*write)(void *, int, const void *, size_t);
	ssize_t (*writev)(void *, int, const struct iovec *, int);
	ssize_t (*send)(void *, int, const void *, size_t, int);
	ssize_t (*sendto)(void *, int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*sendmsg)(void *, int, const struct msghdr *, int);
	int (*fcntl)(void *, int, int, ...);
	int (*ioctl)(void *, int, unsigned long, ...);
	int (*close)(void *, int);
	int (*shutdown)(void *, int, int);
	int (*getsockopt)(void *, int, int, int, void *, socklen_t *);
	int (*setsockopt)(void *, int, int, int, const void *, socklen_t);
	int (*poll)(void *, struct pollfd *, nfds_t, int);
	int (*netdev_send)(void *, const void *, size_t);
	int (*netdev_receive)(void *, void *, size_t *, long long *);
	int (*usleep)(void *, useconds_t);
	int (*gettimeofday)(void *, struct timeval *, struct timezone *);
	int (*epoll_create)(void *, int);
	int (*epoll_ctl)(void *, int, int, int, struct epoll_event *);
	int (*epoll_wait)(void *, int, struct epoll_event *, int, int);
	int (*pipe)(void *, int[2]);
	int (*splice)(void *, int, loff_t *, int, loff_t *, size_t, unsigned);
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int fds[MAX_FD];     /* the stack's descriptor of one of the program's, plus one */
	bool nonblock[MAX_FD];
	unsigned sleepers;   /* threads in a blocking call */
	unsigned looked;     /* of those, how many saw the present state and sleep on */
	unsigned round;
	unsigned owed;       /* threads that woke and have not asked for the time yet */
	uint64_t deadline;   /* earliest end of a sleeper's timeout */
	bool ready;
} d = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .deadline = NEVER };

static __thread bool owes;

/* ---- tunables ---- */

static void read_tunable(const char *name)
{
	char path[128] = "/proc/sys/", value[128] = "";
	size_t n = strlen(path);
	FILE *f;

	for (const char *s = name; *s && n < sizeof(path) - 1; s++)
		path[n++] = *s == '.' ? '/' : *s;
	path[n] = 0;
	f = fopen(path, "r");
	if (!f)
		return;
	if (fgets(value, sizeof(value), f)) {
		value[strcspn(value, "\n")] = 0;
		stack_sysctl(name, value);
	}
	fclose(f);
}

static void read_tunables(void)
{
	const char *name;

	for (unsigned i = 0; (name = stack_sysctl_name(i)); i++)
		if (!strncmp(name, "net.ipv4.tcp_", 13) && strcmp(name, "net.ipv4.tcp_congestion_control"))
			read_tunable(name);
}

/* The kernel below may lack the algorithm that a script asks for, and its own default is its own: it is read from the command
 * itself. */
static void note_congestion(const char *command)
{
	const char *p = strstr(command, "tcp_congestion_control=");
	char ca[16] = "";

	if (p && sscanf(p + strlen("tcp_congestion_control="), "%15[a-z0-9]", ca) == 1)
		stack_congestion(ca);
}

static void start(void)
{
	if (d.ready)
		return;
	stack_init(inet_addr(getenv("DRILL_LOCAL_IP") ?: "192.168.0.1"), 16, inet_addr("192.168.0.254"));
	d.ready = true;
}

/* ---- blocking ---- */

/* The main thread did something: sleepers look again; those who wake must have asked for the time before it moves. */
static void wake_sleepers(void)
{
	d.round++;
	d.looked = 0;
	pthread_cond_broadcast(&d.cond);
	while (d.looked < d.sleepers || d.owed)
		pthread_cond_wait(&d.cond, &d.lock);
}

static void let_time_go(uint64_t until, bool stop_at_packet)
{
	for (;;) {
		uint64_t at = until < d.deadline ? until : d.deadline;

		if (at != NEVER)
			stack_run(at, stop_at_packet);
		if (d.sleepers)
			wake_sleepers();
		if (at == until || at == NEVER)
			return;
		if (stop_at_packet)
			return;
	}
}

/* Sleeps until the state changed. Called with the lock; false: the deadline is over. */
static bool sleep_on(uint64_t deadline)
{
	unsigned round = d.round;

	if (stack_now() >= deadline)
		return false;
	if (deadline < d.deadline)
		d.deadline = deadline;
	d.sleepers++;
	d.looked++;
	pthread_cond_broadcast(&d.cond);
	while (round == d.round)
		pthread_cond_wait(&d.cond, &d.lock);
	d.sleepers--;
	if (!d.sleepers)
		d.deadline = NEVER;
	return true;
}

static long leave(long r, bool slept)
{
	if (slept) {
		owes = true;
		d.owed++;
	}
	pthread_cond_broadcast(&d.cond);
	pthread_mutex_unlock(&d.lock);
	if (r < 0) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

static int fd_of(int fd)
{
	return fd >= 0 && fd < MAX_FD && d.fds[fd] ? d.fds[fd] - 1 : -1;
}

static int fd_new(int stack_fd)
{
	int fd = eventfd(0, 0);

	if (fd < 0 || fd >= MAX_FD)
		return -EMFILE;
	d.fds[fd] = stack_fd + 1;
	d.nonblock[fd] = false;
	return fd;
}

/* Repeats a call that would block until it does not, for a blocking descriptor. */
#define BLOCKING(fd, flags, expr)                                                                  \
	({                                                                                         \
		long _r;                                                                           \
		bool _slept = false;                                                               \
		pthread_mutex_lock(&d.lock);                                                       \
		while ((_r = (expr)) == -EAGAIN && !d.nonblock[fd] && !((flags) & MSG_DONTWAIT))   \
			_slept |= sleep_on(NEVER);                                                 \
		leave(_r, _slept);                                                                 \
	})
#define CALL(expr)                                                                                 \
	({                                                                                         \
		pthread_mutex_lock(&d.lock);                                                       \
		leave((expr), false);                                                              \
	})

/* ---- system calls ---- */

static struct stack_addr addr_of(const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

	return (struct stack_addr){ in->sin_addr.s_addr, ntohs(in->sin_port) };
}

static void addr_to(struct stack_addr a, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a.port), .sin_addr.s_addr = a.ip };

	if (!sa || !len)
		return;
	memcpy(sa, &in, *len < sizeof(in) ? *len : sizeof(in));
	*len = sizeof(in);
}

static void shim_free(void *u)
{
}

static int shim_socket(void *u, int domain, int type, int protocol)
{
	long r;

	pthread_mutex_lock(&d.lock);
	start();
	read_tunables();
	r = domain == AF_INET ? stack_socket(type & 0xf) : -EAFNOSUPPORT;
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

static ssize_t recv_iov(int fd, const struct iovec *iov, int n, int flags)
{
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
	if (to && to->sa_family != AF_INET)
		return -EOPNOTSUPP;
	if (to)
		a = addr_of(to);
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
	if (!waits || (r < 0 && r != -EINPROGRESS) || (r > 0 && !is_opening(fd)))
		return r;
	*flags &= ~MSG_FASTOPEN;
	return -EAGAIN;
}

static ssize_t send_iov(int fd, const struct iovec *iov, int n, int flags, const struct sockaddr *to)
{
	size_t sent = 0;

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

static ssize_t shim_recvmsg(void *u, int fd, struct msghdr *m, int flags)
{
	m->msg_flags = 0;
	m->msg_controllen = 0;
	return recv_iov(fd, m->msg_iov, (int)m->msg_iovlen, flags);
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
	start();
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

/* ---- packets and time ---- */

static int shim_netdev_send(void *u, const void *buf, size_t len)
{
	pthread_mutex_lock(&d.lock);
	start();
	stack_input(buf, (unsigned)len);
	if (d.sleepers)
		wake_sleepers();
	pthread_mutex_unlock(&d.lock);
	return 0;
}

static int shim_netdev_receive(void *u, void *buf, size_t *len, long long *time_us)
{
	uint64_t at = 0;
	unsigned n;

	pthread_mutex_lock(&d.lock);
	start();
	stack_run(stack_now(), 1);
	while (!(n = stack_output(buf, (unsigned)*len, &at))) {
		uint64_t next = stack_next();

		if (next == NEVER && d.deadline == NEVER)
			break;
		let_time_go(next < d.deadline ? next : d.deadline, true);
	}
	*len = n;
	*time_us = (long long)((n ? at : stack_now()) / US);
	pthread_mutex_unlock(&d.lock);
	return 0;
}

static int shim_usleep(void *u, useconds_t us)
{
	pthread_mutex_lock(&d.lock);
	start();
	let_time_go(stack_now() + us * US, false);
	pthread_mutex_unlock(&d.lock);
	return 0;
}

static int shim_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
	uint64_t us;

	pthread_mutex_lock(&d.lock);
	start();
	if (owes) {
		owes = false;
		d.owed--;
		pthread_cond_broadcast(&d.cond);
	} else {
		let_time_go(stack_now() + US, false);
	}
	us = stack_now() / US;
	tv->tv_sec = (time_t)(us / 1000000);
	tv->tv_usec = (suseconds_t)(us % 1000000);
	pthread_mutex_unlock(&d.lock);
	return 0;
}

__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc);
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
	*ifc = (struct packetdrill_interface){
		.free = shim_free, .socket = shim_socket, .bind = shim_bind, .listen = shim_listen, .accept = shim_accept,
		.connect = shim_connect, .read = shim_read, .readv = shim_readv, .recv = shim_recv,
		.recvfrom = shim_recvfrom, .recvmsg = shim_recvmsg, .write = shim_write, .writev = shim_writev,
		.send = shim_send, .sendto = shim_sendto, .sendmsg = shim_sendmsg, .fcntl = shim_fcntl,
		.ioctl = shim_ioctl, .close = shim_close, .shutdown = shim_shutdown, .getsockopt = shim_getsockopt,
		.setsockopt = shim_setsockopt, .poll = shim_poll, .netdev_send = shim_netdev_send,
		.netdev_receive = shim_netdev_receive, .usleep = shim_usleep, .gettimeofday = shim_gettimeofday,
		.epoll_create = shim_epoll_create, .epoll_ctl = shim_epoll_ctl, .epoll_wait = shim_epoll_wait,
		.pipe = shim_pipe, .splice = shim_splice,
	};
}

/* ---- what the program asks libc ---- */

enum { MEMINFO = 55 }; /* SO_MEMINFO: rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops */

__attribute__((visibility("default"))) int getsockopt(int fd, int level, int opt, void *val, socklen_t *len)
{
	int (*real)(int, int, int, void *, socklen_t *) = dlsym(RTLD_NEXT, "getsockopt");
	unsigned char *v = val;
	socklen_t had = *len;
	int r;

	if (!d.ready || fd_of(fd) < 0)
		return real(fd, level, opt, val, len);
	r = (int)CALL(stack_getsockopt(fd_of(fd), level, opt, val, len));
	if (!r && level == IPPROTO_TCP && *len < had) { /* the program wants the size it knows */
		memset(v + *len, 0, had - *len);
		*len = had;
	}
	return r;
}

__attribute__((visibility("default"))) int system(const char *command)
{
	int (*real)(const char *) = dlsym(RTLD_NEXT, "system");
	int r = real(command);

	pthread_mutex_lock(&d.lock);
	start();
	read_tunables();
	note_congestion(command);
	pthread_mutex_unlock(&d.lock);
	return r;
}

/* A file's bytes through the send buffer. */
__attribute__((visibility("default"))) ssize_t sendfile(int out, int in, off_t *off, size_t count)
{
	ssize_t (*real)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, "sendfile");
	ssize_t n, sent;
	char *buf;

	if (!d.ready || fd_of(out) < 0)
		return real(out, in, off, count);
	buf = malloc(count);
	n = off ? pread(in, buf, count, *off) : read(in, buf, count);
	sent = n > 0 ? send_iov(out, &(struct iovec){ buf, (size_t)n }, 1, 0, NULL) : n;
	if (off && sent > 0)
		*off += sent;
	free(buf);
	return sent;
}
