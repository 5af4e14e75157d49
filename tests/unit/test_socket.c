/* SPDX-License-Identifier: MIT
 * test_socket.c - descriptors, blocking with deadlines, poll, options and zero copy, over real transports.
 */
#include "unit/streamkit.h"
#include "net/tcp/tcp.h"

/* ---- descriptors ---- */
TEST(the_lowest_free_descriptor_is_given_first)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");

	for (int i = 0; i < 1500; i++)
		CHECK_EQ(udp(h), i);
	CHECK_EQ(sys_close(h->cpu, 700), 0);
	CHECK_EQ(sys_close(h->cpu, 3), 0);
	CHECK_EQ(sys_close(h->cpu, 3), -EBADF);
	CHECK_EQ(udp(h), 3);
	CHECK_EQ(udp(h), 700);
	CHECK_EQ(udp(h), 1500);
	lab_destroy(lab); /* closes them */
}

TEST(the_limit_of_open_files_holds)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");

	h->cpu->sysctl.file_max = 16;
	for (int i = 0; i < 16; i++)
		CHECK_EQ(udp(h), i);
	CHECK_EQ(udp(h), -EMFILE);
	CHECK_EQ(sys_epoll_create(h->cpu), -EMFILE);
	sys_close(h->cpu, 9);
	CHECK_EQ(udp(h), 9);
	lab_destroy(lab);
}

TEST(calls_on_what_is_no_socket_say_so)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	struct net_cpu *cpu = h->cpu;
	int ep = sys_epoll_create(cpu), fd = udp(h);
	char c;

	CHECK_EQ(sys_recv(cpu, 77, &c, 1, 0), -EBADF);
	CHECK_EQ(sys_recv(cpu, -1, &c, 1, 0), -EBADF);
	CHECK_EQ(sys_recv(cpu, 1 << 30, &c, 1, 0), -EBADF);
	CHECK_EQ(sys_recv(cpu, ep, &c, 1, 0), -ENOTSOCK);
	CHECK_EQ(sys_read(cpu, ep, &c, 1), -EINVAL);
	CHECK_EQ(sys_listen(cpu, fd, 1), -EOPNOTSUPP);
	CHECK_EQ(sys_accept4(cpu, fd, NULL, 0), -EOPNOTSUPP);
	CHECK_EQ(sys_shutdown(cpu, fd, 3), -EINVAL);
	CHECK_EQ(sys_socket(cpu, 99, SOCK_STREAM, 0), -EAFNOSUPPORT);
	CHECK_EQ(sys_socket(cpu, AF_INET, 99, 0), -ESOCKTNOSUPPORT);
	CHECK_EQ(sys_socket(cpu, AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
	CHECK_EQ(sys_epoll_ctl(cpu, fd, EPOLL_CTL_ADD, ep, &(struct epoll_event){ 0, 0 }), -EINVAL);
	lab_destroy(lab);
}

TEST(outside_a_fiber_nothing_waits)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	int fd = udp(h);
	char c;

	bind_to(h, fd, 1000);
	CHECK_EQ(sys_recv(h->cpu, fd, &c, 1, 0), -EAGAIN);
	sys_nanosleep(h->cpu, 1000); /* returns at once */
	lab_destroy(lab);
}

/* ---- options ---- */
struct timeval64 {
	s64 sec, usec;
};

TEST(options_are_set_and_read_back)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	int fd = sys_socket(h->cpu, AF_INET, SOCK_STREAM, 0), v = 1;
	struct timeval64 tv = { 2, 500000 }, back;
	unsigned len = sizeof(v);

	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_REUSEADDR, &v, sizeof(v)), 0);
	v = 0;
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_REUSEADDR, &v, &len), 0);
	CHECK_EQ(v, 1);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_TYPE, &v, &len), 0);
	CHECK_EQ(v, SOCK_STREAM);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_PROTOCOL, &v, &len), 0);
	CHECK_EQ(v, IPPROTO_TCP);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	len = sizeof(back);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVTIMEO, &back, &len), 0);
	CHECK(back.sec == 2 && back.usec == 500000);
	tv.usec = 1000000;
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), -EINVAL);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_REUSEADDR, &v, 1), -EINVAL);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, 9999, &v, sizeof(v)), -ENOPROTOOPT);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_BINDTODEVICE, "nosuch", 6), -ENODEV);
	v = 1;
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_TCP, TCP_NODELAY, &v, sizeof(v)), 0);
	lab_destroy(lab);
}

/* ---- waiting ---- */
FIBER(recv_fiber)
{
	j->ret = sys_recv(j->h->cpu, j->fd, j->buf, sizeof(j->buf), 0);
}

static void set_timeout(struct lab_host *h, int fd, int opt, u64 ns)
{
	struct timeval64 tv = { (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000) };

	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, opt, &tv, sizeof(tv)), 0);
}

TEST(a_receive_waits_until_its_deadline_and_no_longer)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	struct job j = { .h = h, .fd = udp(h) };

	bind_to(h, j.fd, 1000);
	set_timeout(h, j.fd, SO_RCVTIMEO, 300 * NSEC_PER_MSEC);
	lab_spawn(h, "recv", recv_fiber, &j);
	CHECK(LAB_UNTIL(lab, j.done, NSEC_PER_SEC));
	CHECK_EQ(j.ret, -EAGAIN);
	CHECK(j.took_ns >= 300 * NSEC_PER_MSEC && j.took_ns < 302 * NSEC_PER_MSEC);
	lab_destroy(lab);
}

TEST(a_waiting_receive_gets_the_datagram_that_comes)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job j = { .h = b, .fd = udp(b) };
	struct sockaddr_ip to = at("10.0.0.2", 1000);
	int fd = udp(a);

	bind_to(b, j.fd, 1000);
	lab_spawn(b, "recv", recv_fiber, &j);
	lab_run(lab, NSEC_PER_SEC);
	CHECK(!j.done);
	CHECK_EQ(sys_sendto(a->cpu, fd, "hello", 5, 0, &to), 5);
	CHECK(LAB_UNTIL(lab, j.done, NSEC_PER_SEC));
	CHECK_EQ(j.ret, 5);
	CHECK_MEM(j.buf, "hello", 5);
	lab_destroy(lab);
}

TEST(closing_a_file_wakes_who_waits_on_it)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	struct job j = { .h = h, .fd = udp(h) };

	bind_to(h, j.fd, 1000);
	lab_spawn(h, "recv", recv_fiber, &j);
	lab_run(lab, NSEC_PER_MSEC);
	CHECK(!j.done);
	CHECK_EQ(sys_close(h->cpu, j.fd), 0);
	CHECK_EQ(udp(h), j.fd); /* the number is free although somebody still looks at the old file */
	CHECK(LAB_UNTIL(lab, j.done, NSEC_PER_SEC));
	CHECK_EQ(j.ret, -EBADF);
	lab_destroy(lab);
}

TEST(connections_are_taken_in_one_call_and_tell_what_came_with_them)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	int listener = tcp_listener(b, 1000), err = 0, n;
	struct job j[2] = { { .h = a }, { .h = a } };
	struct accepted got[4];

	CHECK_EQ(sys_accept_many(b->cpu, listener, got, 4, SOCK_NONBLOCK, &err), 0);
	CHECK_EQ(err, -EAGAIN);
	for (int i = 0; i < 2; i++) {
		j[i].fd = sys_socket(a->cpu, AF_INET, SOCK_STREAM, 0);
		lab_spawn(a, "connect", connect_fiber, &j[i]);
		CHECK(LAB_UNTIL(lab, j[i].done, NSEC_PER_SEC));
	}
	CHECK_EQ(sys_send(a->cpu, j[1].fd, "text", 4, 0), 4);
	lab_run(lab, NSEC_PER_MSEC);
	CHECK_EQ(sys_accept_many(b->cpu, listener, got, 1, SOCK_NONBLOCK, &err), 1);
	CHECK_EQ(err, 0); /* there may be more */
	n = sys_accept_many(b->cpu, listener, got + 1, 3, SOCK_NONBLOCK, &err);
	CHECK_EQ(n, 1);
	CHECK_EQ(err, -EAGAIN);
	CHECK_EQ(got[0].events & EPOLLIN, 0);
	CHECK_EQ(got[1].events & EPOLLIN, EPOLLIN);
	CHECK(got[0].fd >= 0 && got[1].fd >= 0 && got[0].peer.port != got[1].peer.port);
	CHECK_EQ(sys_accept_many(b->cpu, 999, got, 4, 0, &err), 0);
	CHECK_EQ(err, -EBADF);
	n = udp(b);
	CHECK_EQ(sys_accept_many(b->cpu, n, got, 4, 0, &err), 0);
	CHECK_EQ(err, -EOPNOTSUPP);
	lab_destroy(lab);
}

TEST(a_socket_that_was_a_connection_can_listen_and_its_children_are_new)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct sockaddr_ip none = { .family = AF_UNSPEC }, to = at("10.0.0.1", 2000);
	struct accepted got[4];
	int fda, fdb, fd[2], err;
	char buf[8];

	tcp_pair(lab, a, b, &fda, &fdb);
	CHECK_EQ(sys_send(a->cpu, fda, "text", 4, 0), 4); /* from here on it has what a sender needs */
	lab_run(lab, NSEC_PER_MSEC);
	CHECK_EQ(sys_connect(a->cpu, fda, &none), 0);
	bind_to(a, fda, 2000);
	CHECK_EQ(sys_listen(a->cpu, fda, 4), 0);
	for (int i = 0; i < 2; i++) {
		fd[i] = sys_socket(b->cpu, AF_INET, SOCK_STREAM, 0);
		CHECK_EQ(sys_connect(b->cpu, fd[i], &to), -EINPROGRESS);
	}
	lab_run(lab, NSEC_PER_MSEC);
	REQUIRE(sys_accept_many(a->cpu, fda, got, 4, SOCK_NONBLOCK, &err) == 2);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(sys_send(a->cpu, got[i].fd, "text", 4, 0), 4);
	lab_run(lab, NSEC_PER_MSEC);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(sys_recv(b->cpu, fd[i], buf, sizeof(buf), MSG_DONTWAIT), 4);
		CHECK_EQ(sys_close(a->cpu, got[i].fd), 0);
	}
	lab_destroy(lab);
}

TEST(accept_and_connect_wait_for_each_other)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct sockaddr_ip name, peer;
	int fda, fdb;

	tcp_pair(lab, a, b, &fda, &fdb);
	CHECK_EQ(sys_getsockname(a->cpu, fda, &name), 0);
	CHECK_EQ(sys_getpeername(b->cpu, fdb, &peer), 0);
	CHECK(ip_eq(&name.addr, &peer.addr) && name.port == peer.port);
	lab_destroy(lab);
}

TEST(a_refused_connection_says_so_and_one_without_answer_times_out)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job j = { .h = a, .fd = sys_socket(a->cpu, AF_INET, SOCK_STREAM, 0) };

	lab_spawn(a, "connect", connect_fiber, &j);
	CHECK(LAB_UNTIL(lab, j.done, NSEC_PER_SEC));
	CHECK_EQ(j.ret, -ECONNREFUSED);

	j = (struct job){ .h = a, .fd = sys_socket(a->cpu, AF_INET, SOCK_STREAM, 0) };
	lab_link(a->net->devs[1] ? a->net->devs[1] : a->net->devs[0])->loss_ppm = 1000000;
	set_timeout(a, j.fd, SO_SNDTIMEO, NSEC_PER_SEC);
	lab_spawn(a, "connect", connect_fiber, &j);
	CHECK(LAB_UNTIL(lab, j.done, 5 * NSEC_PER_SEC));
	CHECK_EQ(j.ret, -EINPROGRESS);
	lab_destroy(lab);
}

/* ---- streams ---- */
#define BIG (512 * 1024)
static char big[BIG];

FIBER(send_big_fiber)
{
	struct iovec iov[20];

	for (int i = 0; i < 20; i++)
		iov[i] = (struct iovec){ big + i * (BIG / 20), BIG / 20 };
	j->ret = sys_writev(j->h->cpu, j->fd, iov, 20);
}
FIBER(recv_all_fiber)
{
	char *in = malloc(BIG);

	j->ret = sys_recv(j->h->cpu, j->fd, in, BIG / 20 * 20, MSG_WAITALL);
	CHECK(!memcmp(in, big, BIG / 20 * 20));
	free(in);
}

TEST(a_blocking_write_takes_all_and_waitall_reads_all)
{
	struct lab_link slow = { .rate_bps = 50000000, .delay_ns = NSEC_PER_MSEC };
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, &slow, &a, &b);
	struct job in = { .h = b }, out = { .h = a };

	for (int i = 0; i < BIG; i++)
		big[i] = (char)(i * 7 + i / 251);
	tcp_pair(lab, a, b, &out.fd, &in.fd);
	lab_spawn(a, "send", send_big_fiber, &out);
	lab_run(lab, 10 * NSEC_PER_MSEC);
	CHECK(!out.done); /* the buffer is smaller */
	lab_spawn(b, "recv", recv_all_fiber, &in);
	CHECK(LAB_UNTIL(lab, in.done && out.done, 60 * NSEC_PER_SEC));
	CHECK_EQ(out.ret, BIG / 20 * 20);
	CHECK_EQ(in.ret, BIG / 20 * 20);
	lab_destroy(lab);
}

TEST(a_non_blocking_write_takes_what_fits)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	int fda, fdb;
	long n, sum = 0;

	tcp_pair(lab, a, b, &fda, &fdb);
	sys_fcntl_nonblock(a->cpu, fda, true);
	while ((n = sys_write(a->cpu, fda, big, sizeof(big))) > 0) {
		sum += n;
		lab_run(lab, NSEC_PER_MSEC);
	}
	CHECK_EQ(n, -EAGAIN);
	CHECK(sum > 0);
	lab_destroy(lab);
}

FIBER(echo_skb_fiber)
{
	struct sk_buff *skb;
	int err = 0;

	while ((skb = sys_recv_skb(j->h->cpu, j->fd, 0, &err))) {
		j->ret += skb->len;
		CHECK_EQ(sys_send_skb(j->h->cpu, j->fd, skb, 0), 0);
	}
	CHECK_EQ(err, 0);
}
FIBER(static_fiber)
{
	struct net_cpu *cpu = j->h->cpu;

	j->ret = sys_send_static(cpu, j->fd, big, 100000, 0);
	sys_shutdown(cpu, j->fd, SHUT_WR);
}

TEST(skbs_and_static_memory_travel_without_copies)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job echo = { .h = b }, out = { .h = a }, in = { .h = a };
	u64 copied;
	long got = 0;

	tcp_pair(lab, a, b, &out.fd, &echo.fd);
	copied = lab_stat(b, STAT_CopyInBytes) + lab_stat(b, STAT_CopyOutBytes);
	lab_spawn(b, "echo", echo_skb_fiber, &echo);
	lab_spawn(a, "send", static_fiber, &out);
	in.fd = out.fd;
	while (got < 100000) {
		in.done = false;
		lab_spawn(a, "recv", recv_fiber, &in);
		if (!CHECK(LAB_UNTIL(lab, in.done, 10 * NSEC_PER_SEC)) || !CHECK(in.ret > 0))
			break;
		CHECK(!memcmp(in.buf, big + got, (size_t)in.ret));
		got += in.ret;
	}
	CHECK(LAB_UNTIL(lab, echo.done, 10 * NSEC_PER_SEC));
	CHECK_EQ(echo.ret, 100000);
	CHECK_EQ(out.ret, 100000);
	/* But for the last piece, which TCP may put together with the one before. */
	CHECK(lab_stat(b, STAT_CopyInBytes) + lab_stat(b, STAT_CopyOutBytes) - copied < 1460);
	lab_destroy(lab);
}

/* Collects what came, then sends it in one call. */
FIBER(gather_fiber)
{
	struct net_cpu *cpu = j->h->cpu;
	struct sk_buff *skbs[8];
	unsigned n = 0;
	int err;

	do {
		while (n < 8 && (skbs[n] = sys_recv_skb(cpu, j->fd, n ? MSG_DONTWAIT : 0, &err)))
			n++;
		sys_nanosleep(cpu, NSEC_PER_MSEC);
	} while (n < 5);
	j->ret = sys_send_skbs(cpu, j->fd, skbs, n, MSG_DONTWAIT);
	for (unsigned i = (unsigned)MAX(j->ret, 0l); i < n; i++)
		sys_skb_free(cpu, skbs[i]); /* what was not sent stays the caller's */
	j->buf[0] = (char)n;
}

TEST(several_skbs_are_sent_by_one_call_as_far_as_the_buffer_has_room)
{
	for (int full = 0; full < 2; full++) {
		struct lab_host *a, *b;
		struct lab *lab = lab_pair(1, NULL, &a, &b);
		struct job echo = { .h = b };
		int fd, one = 1, sndbuf = 0;
		char back[5000];
		long n;

		tcp_pair(lab, a, b, &fd, &echo.fd);
		sys_setsockopt(a->cpu, fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
		if (full)
			CHECK_EQ(sys_setsockopt(b->cpu, echo.fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)), 0);
		lab_spawn(b, "gather", gather_fiber, &echo);
		for (int i = 0; i < 5; i++) { /* apart, so that they stay skbs of their own */
			CHECK_EQ(sys_send(a->cpu, fd, big + i * 1000, 1000, 0), 1000);
			lab_run(lab, 20 * NSEC_PER_MSEC);
		}
		CHECK(LAB_UNTIL(lab, echo.done, 10 * NSEC_PER_SEC));
		lab_run(lab, 100 * NSEC_PER_MSEC);
		n = sys_recv(a->cpu, fd, back, sizeof(back), MSG_DONTWAIT);
		CHECK_EQ(echo.buf[0], 5);
		CHECK(full ? echo.ret > 0 && echo.ret < 5 : echo.ret == 5);
		CHECK_EQ(n, echo.ret * 1000);
		CHECK(!memcmp(back, big, (size_t)n));
		CHECK_EQ(sys_send_skbs(b->cpu, 99, NULL, 0, 0), -EBADF);
		lab_destroy(lab);
	}
}

/* ---- SO_LINGER ---- */

FIBER(linger_fiber)
{
	struct net_cpu *cpu = j->h->cpu;
	int linger[2] = { 1, 2 };

	CHECK_EQ(sys_setsockopt(cpu, j->fd, SOL_SOCKET, SO_LINGER, linger, sizeof(linger)), 0);
	CHECK_EQ(sys_send(cpu, j->fd, big, 1000, 0), 1000);
	j->ret = sys_close(cpu, j->fd);
}

/* How long a lingering close of a's end takes, in ms, when the link then has the loss. */
static u64 lingering_ms(u32 loss_ppm, bool nonblock)
{
	static const struct lab_link slow = { .delay_ns = 20 * NSEC_PER_MSEC };
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, &slow, &a, &b);
	struct job j = { .h = a };
	u64 start, ms;
	int peer;

	tcp_pair(lab, a, b, &j.fd, &peer);
	sys_fcntl_nonblock(a->cpu, j.fd, nonblock);
	lab_link(a->net->devs[1])->loss_ppm = loss_ppm;
	start = a->cpu->now_ns;
	lab_spawn(a, "linger", linger_fiber, &j);
	CHECK(LAB_UNTIL(lab, j.done, 10 * NSEC_PER_SEC));
	CHECK_EQ(j.ret, 0);
	ms = (a->cpu->now_ns - start) / NSEC_PER_MSEC;
	CHECK_EQ(sys_close(a->cpu, j.fd), -EBADF);
	lab_link(a->net->devs[1])->loss_ppm = 0; /* however long that took, what was sent arrives in the end, and no reset */
	lab_run(lab, 20 * NSEC_PER_SEC);
	CHECK_EQ(sys_recv(b->cpu, peer, (char[2000]){ 0 }, 2000, MSG_DONTWAIT), 1000);
	CHECK_EQ(sys_recv(b->cpu, peer, (char[2000]){ 0 }, 2000, MSG_DONTWAIT), 0);
	lab_destroy(lab);
	return ms;
}

TEST(a_lingering_close_waits_until_the_peer_has_all_or_its_time_is_over)
{
	u64 ms = lingering_ms(0, false);

	CHECK(ms >= 40 && ms < 1000);
	ms = lingering_ms(1000000, false);
	CHECK(ms >= 2000 && ms < 2100);
	CHECK(lingering_ms(0, true) < 20); /* who must not wait does not */
}

TEST(a_buffer_has_room_for_a_segment_at_least_one_to_send_for_two)
{
	struct lab_host *h, *peer;
	struct lab *lab = lab_pair(1, NULL, &h, &peer);
	static const struct {
		int opt, set, is;
	} sizes[] = { { SO_RCVBUF, 0, 2304 }, { SO_RCVBUF, 2000, 4000 }, { SO_SNDBUF, 1000, 4608 }, { SO_SNDBUF, 3000, 6000 },
		      { SO_RCVBUF, 212992, 425984 }, { SO_RCVBUF, 212993, 425984 }, { SO_RCVBUF, -1, 425984 },
		      { SO_SNDBUF, 1 << 30, 425984 } };
	int fd = udp(h), v;
	unsigned len = sizeof(v);

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, sizes[i].opt, &sizes[i].set, sizeof(int)), 0);
		CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, sizes[i].opt, &v, &len), 0);
		CHECK_EQ(v, sizes[i].is);
	}
	lab_destroy(lab);
}

TEST(what_a_buffer_may_be_is_the_operators_to_say)
{
	struct lab_host *h, *peer;
	struct lab *lab = lab_pair(1, NULL, &h, &peer);
	int fd, ask = 1 << 20, v;
	unsigned len = sizeof(v);

	h->cpu->sysctl.rmem_default = 10000;
	h->cpu->sysctl.wmem_default = 20000;
	h->cpu->sysctl.rmem_max = 50000;
	h->cpu->sysctl.wmem_max = 2 << 20;
	fd = udp(h);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVBUF, &v, &len), 0);
	CHECK_EQ(v, 10000);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_SNDBUF, &v, &len), 0);
	CHECK_EQ(v, 20000);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVBUF, &ask, sizeof(ask)), 0);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVBUF, &v, &len), 0);
	CHECK_EQ(v, 100000);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_SNDBUF, &ask, sizeof(ask)), 0);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_SNDBUF, &v, &len), 0);
	CHECK_EQ(v, 2 << 20);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVBUFFORCE, &ask, sizeof(ask)), 0); /* all here are privileged */
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVBUF, &v, &len), 0);
	CHECK_EQ(v, 2 << 20);
	ask = 4 << 20;
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_SNDBUFFORCE, &ask, sizeof(ask)), 0);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_SNDBUF, &v, &len), 0);
	CHECK_EQ(v, 8 << 20);
	ask = -1;
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_SNDBUFFORCE, &ask, sizeof(ask)), 0);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_SNDBUF, &v, &len), 0);
	CHECK_EQ(v, 4608);
	lab_destroy(lab);
}

TEST(an_skb_is_cut_in_two_without_losing_a_byte)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct sockaddr_ip to = at("10.0.0.2", 1000);
	int fda = udp(a), fdb = udp(b), err = 0;
	struct sk_buff *skb, *first;
	char text[10];

	bind_to(b, fdb, 1000);
	CHECK_EQ(sys_sendto(a->cpu, fda, "0123456789", 10, 0, &to), 10);
	lab_run(lab, 10 * NSEC_PER_MSEC);
	skb = sys_recv_skb(b->cpu, fdb, 0, &err);
	REQUIRE(skb != NULL);
	first = sys_skb_split(b->cpu, skb, 4);
	REQUIRE(first != NULL);
	CHECK_EQ(first->len, 4);
	CHECK_EQ(skb->len, 6);
	CHECK_EQ(skb_copy_bits(first, 0, text, 4), 0);
	CHECK_EQ(skb_copy_bits(skb, 0, text + 4, 6), 0);
	CHECK_MEM(text, "0123456789", 10);
	sys_skb_free(b->cpu, first);
	sys_skb_pull(b->cpu, skb, 1);
	sys_skb_trim(b->cpu, skb, 2);
	CHECK_EQ(skb_copy_bits(skb, 0, text, 2), 0);
	CHECK_MEM(text, "56", 2);
	sys_skb_free(b->cpu, skb);
	lab_destroy(lab);
}

/* ---- poll ---- */
FIBER(poll_fiber)
{
	struct pollfd p[40];

	for (int i = 0; i < 40; i++)
		p[i] = (struct pollfd){ .fd = i % 2 ? j->fd : j->aux, .events = EPOLLIN };
	j->ret = sys_poll(j->h->cpu, p, j->timeout_ns == 1 ? 40 : 2, j->timeout_ns == 1 ? -1 : (s64)j->timeout_ns);
	snprintf(j->buf, sizeof(j->buf), "%x %x", p[0].revents, p[1].revents);
}

TEST(poll_tells_which_file_is_ready_and_keeps_its_time)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job j = { .h = b, .fd = udp(b), .aux = udp(b), .timeout_ns = 50 * NSEC_PER_MSEC };
	struct sockaddr_ip to = at("10.0.0.2", 1000);
	struct pollfd bad[2] = { { .fd = 99, .events = EPOLLIN }, { .fd = -1, .events = EPOLLIN } };
	int fd = udp(a);

	bind_to(b, j.fd, 1000);
	bind_to(b, j.aux, 1001);
	lab_spawn(b, "poll", poll_fiber, &j);
	CHECK(LAB_UNTIL(lab, j.done, NSEC_PER_SEC));
	CHECK_EQ(j.ret, 0);
	CHECK(j.took_ns >= 50 * NSEC_PER_MSEC && j.took_ns < 51 * NSEC_PER_MSEC);
	j.done = false;
	j.timeout_ns = 1; /* many, for ever */
	lab_spawn(b, "poll", poll_fiber, &j);
	lab_run(lab, NSEC_PER_MSEC);
	CHECK_EQ(sys_sendto(a->cpu, fd, "x", 1, 0, &to), 1);
	CHECK(LAB_UNTIL(lab, j.done, NSEC_PER_SEC));
	CHECK_EQ(j.ret, 20);
	CHECK_STR(j.buf, "0 1");
	CHECK_EQ(sys_poll(b->cpu, bad, 2, 0), 1);
	CHECK_EQ(bad[0].revents, POLLNVAL);
	CHECK_EQ(bad[1].revents, 0);
	lab_destroy(lab);
}

FIBER(sleep_fiber)
{
	sys_nanosleep(j->h->cpu, j->timeout_ns);
}

TEST(sleepers_wake_in_the_order_of_their_deadlines)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	struct job j[3] = { { .h = h, .timeout_ns = 30 * NSEC_PER_MSEC }, { .h = h, .timeout_ns = 10 * NSEC_PER_MSEC },
			    { .h = h, .timeout_ns = 20 * NSEC_PER_MSEC } };

	for (int i = 0; i < 3; i++)
		lab_spawn(h, "sleep", sleep_fiber, &j[i]);
	CHECK(LAB_UNTIL(lab, j[0].done && j[1].done && j[2].done, NSEC_PER_SEC));
	for (int i = 0; i < 3; i++)
		CHECK(j[i].took_ns >= j[i].timeout_ns && j[i].took_ns < j[i].timeout_ns + NSEC_PER_MSEC);
	lab_destroy(lab);
}

TEST(memory_that_runs_out_refuses_a_socket_and_loses_nothing)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	int fd = -1;

	for (u64 budget = 0; budget < 8; budget++) {
		host_alloc_budget = budget;
		fd = sys_socket(h->cpu, AF_INET, SOCK_STREAM, 0);
		host_alloc_budget = UINT64_MAX;
		if (fd >= 0)
			break;
		CHECK_EQ(fd, -ENOMEM);
	}
	CHECK_EQ(fd, 0);
	lab_destroy(lab);
}
