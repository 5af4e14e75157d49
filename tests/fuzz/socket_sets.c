/* SPDX-License-Identifier: MIT
 * socket_sets.c - options, epoll sets and completions of the socket fuzzer. An option that was accepted reads back as it is defined to;
 * values stand in memory of exactly the length that the call is told.
 */
#include "fuzz/socket_play.h"
#include "host/harness.h"
#include "net/socket/socket_impl.h"
#include "net/tcp/tcp_impl.h"

#include <stdlib.h>
#include <string.h>

#define E_OPT EBADF, ENOTSOCK, EINVAL, ENOPROTOOPT, ENOMEM, ENODEV, ENOENT, EADDRINUSE, EADDRNOTAVAIL, ENOBUFS, EOPNOTSUPP, ENOTCONN

/* How a number that was taken reads back; FREE: nothing is said of it. */
enum echo { FREE, SAME, FLAG, NO_ECN, BYTE, RANGE };

static const struct option {
	u8 level, opt;
	u8 stream, datagram; /* enum echo of each kind of socket */
} options[] = {
	{ SOL_SOCKET, SO_DEBUG, FREE, FREE }, { SOL_SOCKET, SO_REUSEADDR, FLAG, FLAG }, { SOL_SOCKET, SO_TYPE, FREE, FREE },
	{ SOL_SOCKET, SO_ERROR, FREE, FREE }, { SOL_SOCKET, SO_DONTROUTE, FREE, FREE }, { SOL_SOCKET, SO_BROADCAST, FLAG, FLAG },
	{ SOL_SOCKET, SO_SNDBUF, FREE, FREE }, { SOL_SOCKET, SO_RCVBUF, FREE, FREE }, { SOL_SOCKET, SO_KEEPALIVE, FLAG, FLAG },
	{ SOL_SOCKET, SO_OOBINLINE, FREE, FREE }, { SOL_SOCKET, SO_PRIORITY, SAME, SAME }, { SOL_SOCKET, SO_LINGER, FREE, FREE },
	{ SOL_SOCKET, SO_REUSEPORT, FLAG, FLAG }, { SOL_SOCKET, SO_RCVLOWAT, FREE, FREE }, { SOL_SOCKET, SO_SNDLOWAT, FREE, FREE },
	{ SOL_SOCKET, SO_RCVTIMEO, FREE, FREE }, { SOL_SOCKET, SO_SNDTIMEO, FREE, FREE }, { SOL_SOCKET, SO_BINDTODEVICE, FREE, FREE },
	{ SOL_SOCKET, SO_TIMESTAMP, FLAG, FLAG }, { SOL_SOCKET, SO_ACCEPTCONN, FREE, FREE }, { SOL_SOCKET, SO_SNDBUFFORCE, FREE, FREE },
	{ SOL_SOCKET, SO_RCVBUFFORCE, FREE, FREE }, { SOL_SOCKET, SO_TIMESTAMPNS, FLAG, FLAG }, { SOL_SOCKET, SO_MARK, SAME, SAME },
	{ SOL_SOCKET, SO_TIMESTAMPING, SAME, SAME }, { SOL_SOCKET, SO_PROTOCOL, FREE, FREE }, { SOL_SOCKET, SO_DOMAIN, FREE, FREE },
	{ SOL_SOCKET, SO_BUSY_POLL, SAME, SAME }, { SOL_SOCKET, SO_MAX_PACING_RATE, FREE, FREE }, { SOL_SOCKET, SO_MEMINFO, FREE, FREE },
	{ SOL_SOCKET, SO_ZEROCOPY, SAME, SAME },
	{ SOL_TCP, TCP_NODELAY, FLAG, FREE }, { SOL_TCP, TCP_MAXSEG, FREE, FREE }, { SOL_TCP, TCP_CORK, FLAG, FREE },
	{ SOL_TCP, TCP_KEEPIDLE, SAME, FREE }, { SOL_TCP, TCP_KEEPINTVL, SAME, FREE }, { SOL_TCP, TCP_KEEPCNT, SAME, FREE },
	{ SOL_TCP, TCP_SYNCNT, SAME, FREE }, { SOL_TCP, TCP_LINGER2, FREE, FREE }, { SOL_TCP, TCP_DEFER_ACCEPT, FREE, FREE },
	{ SOL_TCP, TCP_WINDOW_CLAMP, FREE, FREE }, { SOL_TCP, TCP_INFO, FREE, FREE }, { SOL_TCP, TCP_QUICKACK, FLAG, FREE },
	{ SOL_TCP, TCP_CONGESTION, FREE, FREE }, { SOL_TCP, TCP_USER_TIMEOUT, SAME, FREE }, { SOL_TCP, TCP_FASTOPEN_OPT, RANGE, FREE },
	{ SOL_TCP, TCP_NOTSENT_LOWAT, SAME, FREE }, { SOL_TCP, TCP_CC_INFO, FREE, FREE }, { SOL_TCP, TCP_FASTOPEN_CONNECT, SAME, FREE },
	{ SOL_TCP, TCP_FASTOPEN_KEY, FREE, FREE }, { SOL_TCP, TCP_FASTOPEN_NO_COOKIE, SAME, FREE }, { SOL_TCP, TCP_INQ, SAME, FREE },
	{ SOL_IP, IP_TOS, NO_ECN, BYTE }, { SOL_IP, IP_TTL, FREE, FREE }, { SOL_IP, IP_OPTIONS, FREE, FREE },
	{ SOL_IP, IP_MTU_DISCOVER, FREE, SAME }, { SOL_IP, IP_RECVERR, FREE, FREE }, { SOL_IP, IP_MTU, FREE, FREE },
	{ SOL_IP, IP_MULTICAST_IF, FREE, FREE }, { SOL_IP, IP_MULTICAST_TTL, FREE, FREE }, { SOL_IP, IP_MULTICAST_LOOP, FLAG, FLAG },
	{ SOL_IP, IP_ADD_MEMBERSHIP, FREE, FREE }, { SOL_IP, IP_DROP_MEMBERSHIP, FREE, FREE },
	{ SOL_IPV6, IPV6_UNICAST_HOPS, FREE, FREE }, { SOL_IPV6, IPV6_MTU_DISCOVER, FREE, FREE }, { SOL_IPV6, IPV6_MTU, FREE, FREE },
	{ SOL_IPV6, IPV6_V6ONLY, FLAG, FLAG }, { SOL_IPV6, IPV6_TCLASS, NO_ECN, BYTE }, { SOL_UDP, 1, FREE, FREE }, { 250, 1, FREE, FREE },
};

static void echoes(enum echo e, int set, int got)
{
	switch (e) {
	case SAME: CHECK_EQ(got, set); break;
	case FLAG: CHECK_EQ(got, !!set); break;
	case NO_ECN: CHECK_EQ(got & 0xfc, set & 0xfc); break;
	case BYTE: CHECK_EQ(got, set & 0xff); break;
	case RANGE: CHECK(got >= 0 && got <= set); break;
	case FREE: break;
	}
}

/* What is at p's first bytes, in memory of its own that ends where it ends. */
static void *exactly(const void *p, size_t n)
{
	void *m = malloc(n ?: 1);

	memcpy(m, p, n);
	return m;
}

static const int numbers[] = { 1, 0, 2, -1, 100, 5000, 88, 0x7fffffff, 1 << 20, 30, 536, 3, 4096, 65536, 255, -2147483647 - 1 };

static unsigned put_number(const struct option *o, u8 b, u8 *out)
{
	static const int stamps[] = { 0x31a, 0x39a, 0x218, 0xb9a, 0x18, 0 };
	int v[2] = { numbers[b & 15], numbers[b >> 4] };

	if (o->opt == SO_TIMESTAMPING)
		v[0] = stamps[b % ARRAY_SIZE(stamps)];
	memcpy(out, v, sizeof(v));
	return o->opt == SO_LINGER || o->opt == SO_MAX_PACING_RATE ? 8 : 4;
}

static unsigned put_name(u8 b, u8 *out)
{
	static const char *const names[] = { "reno", "cubic", "vegas", "westwood", "bic", "bbr", "none", "eth0", "lo", "", "0123456789abcdef" };
	const char *name = names[b % ARRAY_SIZE(names)];

	memcpy(out, name, strlen(name));
	return (unsigned)strlen(name);
}

static unsigned put_group(u8 b, u8 *out)
{
	struct ip_mreqn m = { .imr_multiaddr = be32_of(b & 1 ? 0xef010203 : 0xe0000005 + (b >> 6)), .imr_ifindex = b >> 1 & 3,
			      .imr_address = be32_of(b & 8 ? 0x0a000001 : 0) };

	memcpy(out, &m, sizeof(m));
	return b & 16 ? 8 : 12;
}

/* A value as the option wants it, or bytes of the input. */
static unsigned put_value(const struct option *o, struct input *in, u8 *out)
{
	u8 what = input_u8(in), b = input_u8(in);
	s64 times[2] = { numbers[b & 15], numbers[b >> 4] % 1000000 };
	const u8 *raw;
	size_t n;

	if ((what & 7) == 7) {
		raw = input_bytes(in, what >> 3 & 15, &n);
		memcpy(out, raw, n);
		return (unsigned)n;
	}
	if ((o->level == SOL_TCP && o->opt == TCP_CONGESTION) || (o->level == SOL_SOCKET && o->opt == SO_BINDTODEVICE))
		return put_name(b, out);
	if (o->level == SOL_IP && (o->opt == IP_ADD_MEMBERSHIP || o->opt == IP_DROP_MEMBERSHIP || o->opt == IP_MULTICAST_IF))
		return put_group(b, out);
	if (o->level == SOL_SOCKET && (o->opt == SO_RCVTIMEO || o->opt == SO_SNDTIMEO)) {
		memcpy(out, times, sizeof(times));
		return sizeof(times);
	}
	return (what & 7) == 6 ? put_number(o, b, out), b & 3u : put_number(o, b, out);
}

void set_option(struct play *p, struct input *in)
{
	u8 what = input_u8(in), value[64] = { 0 };
	const struct option *o = &options[input_u8(in) % ARRAY_SIZE(options)];
	int slot = call_slot(p, what), fd = p->slots[slot].fd, set, got = 0;
	unsigned len = put_value(o, in, value), four = sizeof(got);
	struct sock *sk = play_sock(p, slot);
	void *val;
	int err;

	memcpy(&set, value, sizeof(set));
	if (o->level == SOL_TCP && o->opt == TCP_USER_TIMEOUT && set >= 0)
		memcpy(value, &(int){ set %= 100000 }, sizeof(set)); /* no orphan of this world is to wait for weeks */
	val = exactly(value, len);
	err = (int)ERRS(sys_setsockopt(p->cpu, fd, o->level, o->opt, val, len), "setsockopt", E_OPT);
	free(val);
	if (err || len < sizeof(set))
		return;
	err = sys_getsockopt(p->cpu, fd, o->level, o->opt, &got, &four);
	if (sk->type == SOCK_STREAM ? o->stream : o->datagram)
		CHECK_EQ(err, 0);
	echoes(sk->type == SOCK_STREAM ? o->stream : o->datagram, set, got);
}

/* More than it was given is never written, and no more than it says. */
void get_option(struct play *p, struct input *in)
{
	u8 what = input_u8(in), which = input_u8(in), size = input_u8(in);
	const struct option *o = &options[which % ARRAY_SIZE(options)];
	unsigned had = size & 128 ? size & 15 : size * 3u, len = had;
	u8 *val = malloc(had ?: 1);
	int level = what & 128 ? what % 8 : o->level, opt = what & 128 ? which % 80 : o->opt;

	if (!ERRS(sys_getsockopt(p->cpu, p->slots[call_slot(p, what)].fd, level, opt, val, &len), "getsockopt", E_OPT))
		CHECK(len <= had);
	free(val);
}

/* ---- epoll ---- */

static int in_set(const struct epoll_event *ev, int n, int slot)
{
	for (int i = 0; i < n; i++)
		if (ev[i].data == (u64)slot)
			return i;
	return -1;
}

void set_epoll(struct play *p, struct input *in)
{
	u8 what = input_u8(in), b = input_u8(in), flags = input_u8(in);
	int set = what & 64 ? what % SLOTS : 7 + (what & 1), ep = call_socket(p, set), n, max = 1 + (flags & 15);
	int of = call_slot(p, what & 32 ? 7 + (b & 1) : b % SLOTS); /* sets in sets */
	struct epoll_event ev[16], e = { .events = flags & 31, .data = (u64)of };

	e.events |= (flags & 32 ? EPOLLRDHUP : 0) | (flags & 64 ? EPOLLET : 0) | (flags & 128 ? EPOLLONESHOT : 0);
	e.events |= what & 128 ? EPOLLEXCLUSIVE : 0;
	switch (b >> 5 & 7) {
	case 0: case 1: case 2: case 3:
		ERRS(sys_epoll_ctl(p->cpu, ep, b >> 5, p->slots[of].fd, &e), "epoll_ctl", EBADF, EINVAL, EEXIST, ENOENT, ENOMEM, EPERM);
		return;
	case 4:
		ERRS(sys_epoll_ctl(p->cpu, ep, EPOLL_CTL_MOD, p->slots[of].fd, flags & 1 ? NULL : &e), "epoll_ctl", EBADF, EINVAL, ENOENT);
		return;
	}
	n = (int)ERRS(sys_epoll_wait(p->cpu, ep, ev, max, 0), "epoll_wait", EBADF, EINVAL);
	CHECK(n <= max);
	for (int i = 0; i < n; i++) {
		CHECK(ev[i].events && ev[i].data < SLOTS);
		CHECK_EQ(in_set(ev, n, (int)ev[i].data), i); /* each once */
	}
}

/* ---- completions ---- */

static u8 aio_bufs[SLOTS][4096];

static void submit(struct play *p, int aio, struct input *in)
{
	u8 what = input_u8(in), how = input_u8(in);
	int of = what % SLOTS, err;
	struct aio_sqe e = { .op = what >> 4, .flags = how & 1, .fd = p->slots[of].fd, .data = (u64)of, .buf = aio_bufs[of], .len = how * 16u };
	struct sock *sk = play_sock(p, of);

	e.op = (u8)(e.op % (AIO_POLL + (what == 255) + 1));
	if (e.op == AIO_SEND_SKB) {
		e.skb = sys_recv_skb(p->cpu, p->slots[how % SLOTS].fd, MSG_DONTWAIT, &err);
		if (!e.skb)
			return;
		p->slots[how % SLOTS].read += e.skb->len;
		p->odd_datagrams = true;
	}
	if (sk && sk->sport && (e.op == AIO_SEND || e.op == AIO_SEND_SKB))
		play_make_odd(p, sk->sport);
	if (e.op == AIO_SEND)
		p->odd_datagrams = true;
	if (e.op == AIO_POLL)
		e.len = how & 0x1f;
	err = (int)ERRS(sys_aio_submit(p->cpu, aio, &e, 1), "aio_submit", EBADF, EINVAL, ENOTSOCK, ENOMEM);
	if (err != 1 && e.op == AIO_SEND_SKB)
		sys_skb_free(p->cpu, e.skb);
}

static void complete(struct play *p, const struct aio_cqe *c)
{
	struct slot *s = &p->slots[c->data];

	if (c->skb)
		sys_skb_free(p->cpu, c->skb);
	if (c->res > 0 && (c->op == AIO_RECV || c->op == AIO_RECV_SKB)) {
		s->read += (u32)c->res;
		s->odd = true; /* the slot may have another socket now */
	}
	if (c->op == AIO_ACCEPT && c->res >= 0)
		CHECK_EQ(sys_close(p->cpu, (int)c->res), 0);
}

/* What came goes back where it came from, as far as it can. */
static void echo(struct play *p, struct aio_cqe *c, int n)
{
	int slots[8], sent;
	u64 bytes = 0;

	for (int i = 0; i < n; i++) {
		struct sock *sk = play_sock(p, slots[i] = (int)c[i].data);

		if (sk && sk->sport)
			play_make_odd(p, sk->sport);
		c[i].data = (u64)p->slots[slots[i]].fd;
	}
	p->odd_datagrams = true;
	sent = sys_send_completed(p->cpu, c, n, &bytes);
	CHECK(sent >= 0 && sent <= n);
	for (int i = 0; i < n; i++) {
		c[i].data = (u64)slots[i];
		if (i < sent)
			c[i].skb = NULL;
	}
}

void set_aio(struct play *p, struct input *in)
{
	u8 what = input_u8(in), b = input_u8(in);
	struct aio_cqe c[8];
	int aio = call_socket(p, what & 64 ? what % SLOTS : 9), n;

	if (!(b & 3)) {
		submit(p, aio, in);
		return;
	}
	if ((b & 3) == 1 && b & 64) {
		ERRS(sys_aio_cancel(p->cpu, aio, p->slots[(b >> 2) % SLOTS].fd), "aio_cancel", EBADF, EINVAL);
		return;
	}
	n = (int)ERRS(sys_aio_wait(p->cpu, aio, c, 1 + (b >> 2 & 7), 0), "aio_wait", EBADF, EINVAL);
	CHECK(n <= 8);
	if (b & 32 && n > 0)
		echo(p, c, n);
	for (int i = 0; i < n; i++)
		complete(p, &c[i]);
}
