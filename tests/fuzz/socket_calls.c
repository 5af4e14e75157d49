/* SPDX-License-Identifier: MIT
 * socket_calls.c - the application of the socket fuzzer: calls that open, name, send, receive, ask and close, none of which waits here.
 * What is sent are the bytes that belong at that place of the stream, what is read must be those.
 */
#include "fuzz/socket_play.h"
#include "host/harness.h"
#include "net/socket/socket_impl.h"
#include "net/tcp/tcp_impl.h"

#include <string.h>

static u8 buf[BUF_MAX];
static u8 site[2 * BUF_MAX]; /* what send_static() refers to: the bytes of streams repeat */

enum { TCP4, TCP6, UDP4, UDP6, EPOLL, AIO, ODD };

/* Errors of the network that a call may tell of. */
#define E_NET ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN, EPROTO, ENOPROTOOPT, EMSGSIZE, EOPNOTSUPP, \
	      EACCES, ECONNABORTED
#define E_FD  EBADF, ENOTSOCK, EINVAL

long play_errs(long r, const char *call, const u8 *allowed)
{
	if (r >= 0)
		return r;
	while (*allowed && *allowed != -r)
		allowed++;
	if (!*allowed)
		test_note("%s: %s", call, errno_name((int)r));
	CHECK(*allowed);
	return r;
}

void play_fill(u8 *to, u16 port, u32 from, u32 n)
{
	for (u32 i = 0; i < n; i++)
		to[i] = play_byte(port, from + i);
}

struct sock *play_sock(const struct play *p, int i)
{
	struct file *f = p->slots[i].fd < 0 ? NULL : file_get(p->cpu, p->slots[i].fd);

	return f && f->ops == &socket_file_ops ? ((struct socket *)f->priv)->sk : NULL;
}

struct sockaddr_ip play_addr(const struct play *p, struct input *in, int i)
{
	static const char *const four[] = { "10.0.0.2", "127.0.0.1", "0.0.0.0", "10.0.0.1", "10.0.0.9", "10.0.0.255", "239.1.2.3",
					    "255.255.255.255", "192.0.2.1", "127.0.0.9", "224.0.0.1", "0.0.0.7" };
	static const char *const six[] = { "2001:db8::2", "::1", "::", "2001:db8::1", "2001:db8::9", "ff02::1", "ff0e::7",
					   "fe80::2", "3fff::1", "::ffff:10.0.0.2", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
					   "::ffff:0.0.0.0", "::ffff:239.1.2.3", "fe80::ff:fe00:1" };
	static const u16 ports[] = { OTHER_TAKES, 80, 81, OTHER_REFUSES, OTHER_SILENT, OTHER_OPENS, 0, 82 };
	u8 which = input_u8(in), port = input_u8(in);
	const struct sock *sk = play_sock(p, i), *to = play_sock(p, (port >> 3) % SLOTS);
	bool v6 = sk && sk->family == AF_INET6;
	struct sockaddr_ip a = { .family = v6 ? AF_INET6 : AF_INET, .port = ports[port & 7] };

	CHECK_EQ(ip_pton(v6 ? six[which % ARRAY_SIZE(six)] : four[which % ARRAY_SIZE(four)], &a.addr), 0);
	if (port & 64 && to) /* where another one is */
		a.port = to->sport;
	if (which >= 250)
		a.family = which == 255 ? AF_UNSPEC : which == 254 ? 77 : v6 ? AF_INET : a.family;
	return a;
}

/* ---- opening and closing ---- */

int call_socket(struct play *p, int i)
{
	struct slot *s = &p->slots[i];
	int fd;

	if (s->fd >= 0)
		return s->fd;
	switch (s->kind) {
	case EPOLL: fd = (int)ERRS(sys_epoll_create(p->cpu), "epoll_create", ENOMEM, EMFILE); break;
	case AIO: fd = (int)ERRS(sys_aio_create(p->cpu), "aio_create", ENOMEM, EMFILE); break;
	case ODD: fd = (int)ERRS(sys_socket(p->cpu, 1 + i, 3, i), "socket", EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT); break;
	default:
		fd = (int)ERRS(sys_socket(p->cpu, s->kind & 1 ? AF_INET6 : AF_INET,
					  (s->kind & 2 ? SOCK_DGRAM : SOCK_STREAM) | (i & 1 ? 0 : SOCK_NONBLOCK), 0),
			       "socket", ENOMEM, EMFILE);
	}
	*s = (struct slot){ .fd = MAX(fd, -1), .kind = s->kind };
	if (fd >= 0 && s->kind < EPOLL)
		judge_watch(p, i);
	return s->fd;
}

void call_close(struct play *p, int i)
{
	ERRS(sys_close(p->cpu, p->slots[i].fd), "close", EBADF);
	p->slots[i].fd = -1;
}

/* `to` takes the descriptor, if it has none. */
static void keep(struct play *p, int to, int fd)
{
	struct slot *s = &p->slots[to];

	if (s->fd >= 0) {
		CHECK_EQ(sys_close(p->cpu, fd), 0);
		return;
	}
	*s = (struct slot){ .fd = fd, .kind = s->kind };
	judge_watch(p, to);
}

void call_accept(struct play *p, int i, int to)
{
	struct sockaddr_ip a;
	int fd = (int)ERRS(sys_accept4(p->cpu, p->slots[i].fd, to & 1 ? &a : NULL, SOCK_NONBLOCK), "accept", E_FD, EOPNOTSUPP, EAGAIN,
			   EMFILE, ENOMEM);

	if (fd >= 0)
		keep(p, to, fd);
}

static void accept_many(struct play *p, int i, int to)
{
	struct accepted a[3];
	int err, n = sys_accept_many(p->cpu, p->slots[i].fd, a, 3, SOCK_NONBLOCK, &err);

	ERRS(err, "accept_many", E_FD, EOPNOTSUPP, EAGAIN, EMFILE, ENOMEM);
	while (n--) {
		CHECK(!(a[n].events & EPOLLIN & ~file_get(p->cpu, a[n].fd)->ops->poll(file_get(p->cpu, a[n].fd))));
		keep(p, (to + n) % SLOTS, a[n].fd);
	}
}

static void listens(struct play *p, int i, u8 b)
{
	ERRS(sys_listen(p->cpu, p->slots[i].fd, (int[]){ 4, 0, -1, 1, 1 << 30, 2 }[b % 6]), "listen", E_FD, EOPNOTSUPP, EADDRINUSE, ENOMEM);
}

static void connects(struct play *p, int i, struct input *in)
{
	struct sockaddr_ip a = play_addr(p, in, i);
	struct sock *sk = play_sock(p, i);
	bool idle = sk && sk->state == TCP_CLOSE, again = sk && a.family == AF_UNSPEC;
	long r = ERRS(sys_connect(p->cpu, p->slots[i].fd, &a), "connect", E_FD, E_NET, EAFNOSUPPORT, EALREADY, EISCONN, EINPROGRESS,
		      EADDRNOTAVAIL, EADDRINUSE, ENOMEM);

	if (again || (idle && (!r || r == -EINPROGRESS))) {
		p->slots[i].read = 0;
		p->slots[i].odd = false;
	}
}

/* socket, bind, listen, connect, accept. */
void call_open(struct play *p, struct input *in)
{
	u8 what = input_u8(in), b = input_u8(in);
	int i = b % SLOTS;
	struct sockaddr_ip a;

	if ((what & 7) < 5)
		call_socket(p, i);
	switch (what & 7) {
	case 0:
	case 1:
		a = play_addr(p, in, i);
		ERRS(sys_bind(p->cpu, p->slots[i].fd, &a), "bind", E_FD, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, ENOMEM);
		if ((what & 7) == 0)
			break; /* fall through */
	case 2: listens(p, i, what >> 3); break;
	case 3: case 4: connects(p, i, in); break;
	case 5: case 6: call_accept(p, i, (what >> 3) % SLOTS); break;
	case 7: accept_many(p, i, (what >> 3) % SLOTS); break;
	}
}

void call_end(struct play *p, struct input *in)
{
	u8 what = input_u8(in);
	int i = what % SLOTS, to = input_u8(in) % SLOTS;
	u8 how = input_u8(in);

	if (how & 1) {
		ERRS(sys_shutdown(p->cpu, p->slots[i].fd, (how >> 1 & 7) - 1), "shutdown", E_FD, ENOTCONN);
		return;
	}
	call_close(p, i);
	if (how & 2)
		p->slots[i].kind = (u8)to % (ODD + 1);
}

/* ---- bytes out ---- */

/* The number of the byte that a stream takes next. */
static u32 write_at(const struct sock *sk)
{
	const struct tcb *t = container_of(sk, const struct tcb, sk);

	return sk->state == TCP_CLOSE || sk->state == TCP_LISTEN ? 0 : t->snd.write.v - t->snd.iss.v - 1;
}

static bool is_stream(const struct sock *sk) { return sk && sk->type == SOCK_STREAM; }

/* What a slot sends next, as far as it is known. */
static void fill_for(const struct sock *sk, u32 n)
{
	if (is_stream(sk))
		play_fill(buf, sk->sport, write_at(sk), n);
	else
		play_fill(buf, (u16)n, 0, n);
}

static const u32 sizes[] = { 1, 100, 1448, 0, 3000, 20000, 65536, 47, 536, 1460, 7000, 30000, 2, 10, 2896, 65507 };
static const int out_flags[] = { 0, MSG_MORE, MSG_EOR, MSG_ZEROCOPY, MSG_OOB, MSG_NOSIGNAL, MSG_FASTOPEN, MSG_DONTWAIT };

static long send_by(struct play *p, int i, u8 how, u32 n, int flags, struct input *in)
{
	struct sockaddr_ip a = play_addr(p, in, i);
	struct iovec iov[3] = { { buf, n / 3 }, { buf + n / 3, 0 }, { buf + n / 3, n - n / 3 } };
	struct ip_pktinfo info = { .addr = a.addr };
	struct msghdr m = { .msg_name = how & 8 ? &a : NULL, .msg_iov = iov, .msg_iovlen = 3, .msg_pktinfo = how & 16 ? &info : NULL };
	int fd = p->slots[i].fd;

	switch (how & 7) {
	case 0: case 1: return sys_send(p->cpu, fd, buf, n, flags);
	case 2: case 3: return sys_sendto(p->cpu, fd, buf, n, flags, &a);
	case 4: return sys_write(p->cpu, fd, buf, n);
	case 5: return sys_writev(p->cpu, fd, iov, 3);
	default: return sys_sendmsg(p->cpu, fd, &m, flags);
	}
}

/* Memory that stays: of a stream alone. */
static void send_static(struct play *p, int i, u32 n)
{
	const struct sock *sk = play_sock(p, i);
	u32 at = is_stream(sk) ? (write_at(sk) + sk->sport) & 0xffff : 0;

	if (!site[1])
		for (u32 k = 0; k < sizeof(site); k++)
			site[k] = play_byte(0, k);
	ERRS(sys_send_static(p->cpu, p->slots[i].fd, site + at, n, 0), "send_static", E_FD, E_NET, EPIPE, EAGAIN, ENOBUFS, ENOMEM);
}

/* What poll() promises a writer holds, unless memory is out. */
static void promised_room(struct play *p, const struct sock *sk, long r, u32 n)
{
	if (!is_stream(sk) || !n || p->pressed)
		return;
	CHECK(r != -EAGAIN);
}

void call_send(struct play *p, struct input *in)
{
	u8 what = input_u8(in), how = input_u8(in), size = input_u8(in);
	int i = call_slot(p, what), flags = out_flags[size >> 4 & 7];
	u32 n = sizes[size & 15];
	struct sock *sk = play_sock(p, i);
	u16 port = sk ? sk->sport : 0;
	bool room;
	long r;

	if (how & 128) {
		send_static(p, i, n);
		return;
	}
	if (sk)
		fill_for(sk, n);
	room = sk && (sk->prot->poll(sk) & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == EPOLLOUT;
	r = ERRS(send_by(p, i, how, n, flags, in), "send", E_FD, E_NET, EPIPE, EAGAIN, ENOBUFS, ENOMEM, EDESTADDRREQ, EAFNOSUPPORT,
		 EADDRNOTAVAIL, EADDRINUSE, EINPROGRESS, EALREADY, EISCONN, ENOTCONN);
	CHECK(r <= (long)n);
	if (is_stream(sk) && sk->sport && !port) /* a fast open, from a port that was not known yet */
		play_make_odd(p, sk->sport);
	if (room)
		promised_room(p, sk, r, n);
}

/* ---- bytes in ---- */

static void compare(struct play *p, int i, const struct sock *sk, const u8 *got, u32 n)
{
	const struct slot *s = &p->slots[i];

	for (u32 k = 0; k < n && !s->odd && !play_is_odd(p, sk->dport); k++)
		CHECK_EQ(got[k], play_byte(sk->dport, s->read + k));
}

long call_read(struct play *p, int i, u8 *to, u32 len, int flags)
{
	struct sock *sk = play_sock(p, i);
	long n = ERRS(sys_recv(p->cpu, p->slots[i].fd, to, len, flags), "recv", E_FD, E_NET, EAGAIN, ENOTCONN, ENOMEM, EPIPE);

	if (n <= 0 || flags & MSG_ERRQUEUE)
		return n;
	if (sk->type == SOCK_STREAM) {
		if (!(flags & MSG_TRUNC))
			compare(p, i, sk, to, (u32)n);
		if (!(flags & MSG_PEEK))
			p->slots[i].read += (u32)n;
	} else if (flags & MSG_TRUNC) {
		for (u32 k = 0; k < MIN((u32)n, len) && !p->odd_datagrams; k++)
			CHECK_EQ(to[k], play_byte((u16)n, k));
	}
	return n;
}

static void recvmsg(struct play *p, int i, u32 n, int flags)
{
	struct sock *sk = play_sock(p, i);
	struct iovec iov[3] = { { buf, n / 3 }, { NULL, 0 }, { buf + n / 3, n - n / 3 } };
	struct sockaddr_ip from;
	struct ip_pktinfo info;
	struct msg_notes notes;
	struct msghdr m = { .msg_name = &from, .msg_iov = iov, .msg_iovlen = 3, .msg_flags = 0x5555, .msg_pktinfo = &info, .msg_notes = &notes };
	long r = ERRS(sys_recvmsg(p->cpu, p->slots[i].fd, &m, flags), "recvmsg", E_FD, E_NET, EAGAIN, ENOTCONN, EPIPE);

	if (r < 0)
		return;
	CHECK(!(m.msg_flags & ~(MSG_TRUNC | MSG_EOR | MSG_OOB | MSG_ERRQUEUE)));
	CHECK(!(m.msg_flags & MSG_ERRQUEUE) == !(flags & MSG_ERRQUEUE));
	if (!is_stream(sk) || flags & MSG_ERRQUEUE)
		return;
	if (!(flags & MSG_TRUNC))
		compare(p, i, sk, buf, (u32)r);
	if (!(flags & MSG_PEEK))
		p->slots[i].read += (u32)r;
}

void call_recv(struct play *p, struct input *in)
{
	static const int flags[] = { 0, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_OOB, MSG_ERRQUEUE, MSG_PEEK | MSG_WAITALL, MSG_PEEK | MSG_TRUNC,
				     MSG_DONTWAIT, 0, MSG_TRUNC | MSG_DONTWAIT, MSG_WAITALL | MSG_TRUNC, 0, MSG_ERRQUEUE | MSG_PEEK, -1, 0 };
	u8 what = input_u8(in), how = input_u8(in);
	int i = call_slot(p, what), f = flags[how >> 4];
	u32 n = sizes[how & 15];

	if (what & 128)
		recvmsg(p, i, n, f);
	else
		call_read(p, i, buf, n, f);
}

/* ---- whole skbs ---- */

/* What came goes to another one, or back, whole or in part. */
void call_skbs(struct play *p, struct input *in)
{
	u8 what = input_u8(in), how = input_u8(in), other = input_u8(in);
	int i = what % SLOTS, to = other & 128 ? i : other % SLOTS, err;
	struct sk_buff *skb = sys_recv_skb(p->cpu, p->slots[i].fd, MSG_DONTWAIT, &err), *first, *two[2];
	struct sock *sk = play_sock(p, i), *dst = play_sock(p, to);

	ERRS(err, "recv_skb", E_FD, E_NET, EAGAIN, ENOTCONN, EPIPE);
	if (!skb)
		return;
	if (is_stream(sk))
		p->slots[i].read += skb->len;
	if (dst && dst->sport)
		play_make_odd(p, dst->sport);
	p->odd_datagrams = true;
	if (how & 2)
		sys_skb_pull(p->cpu, skb, how & 8 ? skb->len : MIN(skb->len, 1u));
	if (how & 4)
		sys_skb_trim(p->cpu, skb, skb->len / 2);
	first = how & 1 ? sys_skb_split(p->cpu, skb, skb->len / (1 + (how >> 6))) : NULL;
	if (first) {
		two[0] = first;
		two[1] = skb;
		err = (int)ERRS(sys_send_skbs(p->cpu, p->slots[to].fd, two, 2, how & 16 ? MSG_MORE : 0), "send_skbs", E_FD, E_NET, EPIPE,
				EAGAIN, ENOBUFS, ENOMEM, EADDRINUSE, EADDRNOTAVAIL, EDESTADDRREQ, EAFNOSUPPORT);
		for (int k = MAX(err, 0); k < 2; k++)
			sys_skb_free(p->cpu, two[k]);
	} else if (how & 32 || ERRS(sys_send_skb(p->cpu, p->slots[to].fd, skb, how & 16 ? MSG_MORE : 0), "send_skb", E_FD, E_NET, EPIPE, EAGAIN,
				    ENOBUFS, ENOMEM, EADDRINUSE, EADDRNOTAVAIL, EDESTADDRREQ, EAFNOSUPPORT)) {
		sys_skb_free(p->cpu, skb);
	}
}

/* ---- questions ---- */

static void selects(struct play *p, u8 b)
{
	struct select_set in = { { 0 } }, out = { { 0 } }, pri = { { 0 } };

	for (int i = 0; i < SLOTS; i++)
		if (p->slots[i].fd >= 0) {
			select_add(p->slots[i].fd, &in);
			select_add(p->slots[i].fd, &out);
			select_add(p->slots[i].fd, &pri);
		}
	if (b & 64)
		select_add(900, &in);
	ERRS(sys_select(p->cpu, b & 64 ? 950 : 64, &in, b & 1 ? NULL : &out, &pri, 0), "select", EBADF, EINVAL, ENOMEM);
}

void call_ask(struct play *p, struct input *in)
{
	u8 what = input_u8(in), b = input_u8(in);
	int i = call_slot(p, what), v, fd = p->slots[i].fd;
	struct pollfd few[2] = { { .fd = fd, .events = (s16)(b << 3) }, { .fd = b % 40 - 2, .events = 0x7f } };
	struct sockaddr_ip a;

	switch (b & 7) {
	case 0: ERRS(sys_ioctl(p->cpu, fd, (int[]){ SIOCINQ, SIOCOUTQ, SIOCATMARK, 1 }[b >> 3 & 3], &v), "ioctl", E_FD, EOPNOTSUPP); break;
	case 1: CHECK(sys_poll(p->cpu, few, 2, 0) >= 0); break;
	case 2: selects(p, what); break;
	case 3: ERRS(sys_getsockname(p->cpu, fd, &a), "getsockname", E_FD); break;
	case 4: ERRS(sys_getpeername(p->cpu, fd, &a), "getpeername", E_FD, ENOTCONN); break;
	case 5: ERRS(sys_fcntl_nonblock(p->cpu, fd, b & 8), "fcntl", EBADF); break;
	case 6: ERRS(sys_read(p->cpu, fd, buf, 0), "read", E_FD, E_NET, EAGAIN, ENOTCONN, EPIPE); break;
	case 7: sys_yield(p->cpu); break;
	}
}
