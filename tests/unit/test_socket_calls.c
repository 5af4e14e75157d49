/* SPDX-License-Identifier: MIT
 * test_socket_calls.c - what calls say where it is easy to say something else, as Linux 6.1: after a partial transfer, of a handshake
 * that is over, on listeners, of options of odd lengths.
 */
#include "unit/streamkit.h"
#include "net/ipv6/ip6.h"
#include "net/tcp/tcp.h"

static int stream(struct lab_host *h, int family)
{
	return sys_socket(h->cpu, family, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static void set_one(struct lab_host *h, int fd, int level, int opt)
{
	CHECK_EQ(sys_setsockopt(h->cpu, fd, level, opt, &(int){ 1 }, sizeof(int)), 0);
}

static u32 poll_of(struct lab_host *h, int fd, s16 events)
{
	struct pollfd p = { .fd = fd, .events = events };

	CHECK(sys_poll(h->cpu, &p, 1, 0) >= 0);
	return (u16)p.revents;
}

/* The peer's next word is a RST. */
static void abort_of(struct lab *lab, struct lab_host *h, int fd)
{
	struct {
		int on, seconds;
	} now = { 1, 0 };

	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	CHECK_EQ(sys_close(h->cpu, fd), 0);
	lab_run(lab, 5 * NSEC_PER_MSEC);
}

/* ---- transfers in part ---- */

FIBER(read_all_fiber)
{
	j->ret = sys_recv(j->h->cpu, j->fd, j->buf, 10, MSG_WAITALL);
}
FIBER(write_all_fiber)
{
	static u8 much[4 << 20];

	j->ret = j->aux ? sys_send_static(j->h->cpu, j->fd, much, sizeof(much), 0) : sys_send(j->h->cpu, j->fd, much, sizeof(much), 0);
}

TEST(an_error_behind_a_partial_read_is_the_next_calls)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job in = { .h = b };
	char byte;
	int fd;

	tcp_pair(lab, a, b, &fd, &in.fd);
	lab_spawn(b, "read", read_all_fiber, &in);
	CHECK_EQ(sys_send(a->cpu, fd, "abc", 3, 0), 3);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK(!in.done);
	abort_of(lab, a, fd);
	CHECK(in.done && in.ret == 3);
	CHECK_EQ(sys_recv(b->cpu, in.fd, &byte, 1, 0), -ECONNRESET);
	CHECK_EQ(sys_recv(b->cpu, in.fd, &byte, 1, 0), 0);
	lab_destroy(lab);
}

TEST(an_error_behind_a_partial_write_is_the_next_calls)
{
	for (int how = 0; how < 2; how++) {
		struct lab_host *a, *b;
		struct lab *lab = lab_pair(1, NULL, &a, &b);
		struct job out = { .h = a, .aux = how };
		int fd;

		tcp_pair(lab, a, b, &out.fd, &fd);
		lab_spawn(a, "write", write_all_fiber, &out);
		lab_run(lab, 50 * NSEC_PER_MSEC);
		CHECK(!out.done);
		abort_of(lab, b, fd);
		CHECK(out.done && out.ret > 0);
		CHECK_EQ(sys_send(a->cpu, out.fd, "x", 1, 0), -ECONNRESET);
		CHECK_EQ(sys_send(a->cpu, out.fd, "x", 1, 0), -EPIPE);
		lab_destroy(lab);
	}
}

TEST(msg_flags_tell_of_this_receive_not_of_the_one_before)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct iovec iov = { (char[8]){ 0 }, 8 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fda, fdb;

	tcp_pair(lab, a, b, &fda, &fdb);
	set_one(a, fda, SOL_SOCKET, SO_ZEROCOPY);
	CHECK_EQ(sys_send(a->cpu, fda, "abc", 3, MSG_ZEROCOPY), 3);
	CHECK_EQ(sys_recvmsg(a->cpu, fda, &m, MSG_ERRQUEUE), 0);
	CHECK_EQ(m.msg_flags, MSG_ERRQUEUE);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_recvmsg(b->cpu, fdb, &m, 0), 3);
	CHECK_EQ(m.msg_flags, 0);
	lab_destroy(lab);
}

TEST(a_datagram_of_nothing_adds_nothing_to_a_stream)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	int fda, fdb, from = udp(a), to = udp(b), err;
	struct sockaddr_ip addr = at("10.0.0.2", 7);
	struct tcp_info info;
	unsigned len = sizeof(info);
	struct sk_buff *skb;

	tcp_pair(lab, a, b, &fda, &fdb);
	bind_to(b, to, 7);
	CHECK_EQ(sys_sendto(a->cpu, from, NULL, 0, 0, &addr), 0);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	skb = sys_recv_skb(b->cpu, to, MSG_DONTWAIT, &err);
	CHECK(skb && !skb->len);
	CHECK_EQ(sys_send_skb(b->cpu, fdb, skb, MSG_DONTWAIT), 0);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_getsockopt(b->cpu, fdb, SOL_TCP, TCP_INFO, &info, &len), 0);
	CHECK_EQ(info.tcpi_unacked, 0); /* nobody would acknowledge it */
	lab_destroy(lab);
}

TEST(pieces_of_no_bytes_may_be_nowhere)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	char half[2];
	struct iovec iov[] = { { NULL, 0 }, { half, 1 }, { NULL, 0 }, { half + 1, 1 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 4 };
	struct sockaddr_ip addr = at("10.0.0.2", 7);
	int from = udp(a), to = udp(b), fda, fdb;

	tcp_pair(lab, a, b, &fda, &fdb);
	bind_to(b, to, 7);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(sys_sendto(a->cpu, from, "ab", 2, 0, &addr), 2);
	CHECK_EQ(sys_send(a->cpu, fda, "cd", 2, 0), 2);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_recvmsg(b->cpu, to, &m, MSG_DONTWAIT), 2);
	CHECK_MEM(half, "ab", 2);
	CHECK_EQ(sys_recv(b->cpu, to, NULL, 0, MSG_DONTWAIT), 0); /* takes the datagram all the same */
	CHECK_EQ(sys_recv(b->cpu, to, half, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQ(sys_recvmsg(b->cpu, fdb, &m, MSG_DONTWAIT), 2);
	CHECK_MEM(half, "cd", 2);
	lab_destroy(lab);
}

/* ---- room ---- */

FIBER(datagram_fiber)
{
	static u8 text[1400];
	struct sockaddr_ip to = at("10.0.0.2", 9);

	j->ret = sys_sendto(j->h->cpu, j->fd, text, sizeof(text), 0, &to);
}

TEST(a_datagram_larger_than_the_room_that_is_left_waits_for_no_event_that_never_comes)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job out = { .h = a, .fd = udp(a) };
	struct sockaddr_ip to = at("10.0.0.2", 9);

	CHECK_EQ(sys_setsockopt(a->cpu, out.fd, SOL_SOCKET, SO_SNDBUF, &(int){ 3200 }, sizeof(int)), 0); /* of two buffers */
	CHECK_EQ(sys_sendto(a->cpu, out.fd, "x", 1, 0, &to), 1);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	lab_dev_stall(a->net->devs[1], true);
	CHECK_EQ(sys_sendto(a->cpu, out.fd, "x", 1, 0, &to), 1); /* stays in the ring */
	lab_run(lab, NSEC_PER_MSEC);
	CHECK(poll_of(a, out.fd, EPOLLOUT) & EPOLLOUT);
	lab_spawn(a, "send", datagram_fiber, &out);
	lab_run(lab, NSEC_PER_MSEC);
	CHECK(out.done && out.ret == 1400);
	while (sys_sendto(a->cpu, out.fd, "x", 1, MSG_DONTWAIT, &to) == 1)
		;
	out.done = false;
	lab_spawn(a, "send", datagram_fiber, &out);
	lab_run(lab, NSEC_PER_MSEC);
	CHECK(!out.done);
	lab_dev_stall(a->net->devs[1], false);
	CHECK(LAB_UNTIL(lab, out.done, NSEC_PER_SEC));
	CHECK_EQ(out.ret, 1400);
	lab_destroy(lab);
}

TEST(a_buffer_that_grows_wakes_its_writer)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	static u8 text[65536];
	struct epoll_event ev = { EPOLLOUT | EPOLLET, 1 };
	int fda, fdb, ep = sys_epoll_create(a->cpu);

	tcp_pair(lab, a, b, &fda, &fdb);
	CHECK_EQ(sys_setsockopt(a->cpu, fda, SOL_SOCKET, SO_SNDBUF, &(int){ 1 }, sizeof(int)), 0);
	CHECK_EQ(sys_epoll_ctl(a->cpu, ep, EPOLL_CTL_ADD, fda, &ev), 0);
	CHECK_EQ(sys_epoll_wait(a->cpu, ep, &ev, 1, 0), 1);
	CHECK(sys_send(a->cpu, fda, text, sizeof(text), MSG_DONTWAIT) > 0);
	CHECK_EQ(sys_epoll_wait(a->cpu, ep, &ev, 1, 0), 0);
	CHECK_EQ(poll_of(a, fda, EPOLLOUT), 0);
	CHECK_EQ(sys_setsockopt(a->cpu, fda, SOL_SOCKET, SO_SNDBUF, &(int){ 100000 }, sizeof(int)), 0);
	CHECK_EQ(poll_of(a, fda, EPOLLOUT), EPOLLOUT);
	CHECK_EQ(sys_epoll_wait(a->cpu, ep, &ev, 1, 0), 1);
	lab_destroy(lab);
}

/* ---- handshakes ---- */

TEST(the_call_behind_einprogress_tells_how_the_handshake_ended)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct sockaddr_ip open = at("10.0.0.2", 1000), shut = at("10.0.0.2", 9);
	int fd = stream(a, AF_INET), v = 0;
	unsigned len = sizeof(v);

	tcp_listener(b, 1000);
	CHECK_EQ(sys_connect(a->cpu, fd, &open), -EINPROGRESS);
	CHECK_EQ(sys_connect(a->cpu, fd, &open), -EALREADY);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_connect(a->cpu, fd, &open), 0);
	CHECK_EQ(sys_connect(a->cpu, fd, &open), -EISCONN);

	fd = stream(a, AF_INET);
	CHECK_EQ(sys_connect(a->cpu, fd, &shut), -EINPROGRESS);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_connect(a->cpu, fd, &shut), -ECONNREFUSED); /* told, not tried again */
	CHECK_EQ(sys_connect(a->cpu, fd, &shut), -EINPROGRESS);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_getsockopt(a->cpu, fd, SOL_SOCKET, SO_ERROR, &v, &len), 0);
	CHECK_EQ(v, ECONNREFUSED);
	CHECK_EQ(sys_connect(a->cpu, fd, &open), -ECONNABORTED); /* who asked before hears that much */
	CHECK_EQ(sys_connect(a->cpu, fd, &open), -EINPROGRESS);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_connect(a->cpu, fd, &(struct sockaddr_ip){ .family = AF_UNSPEC }), 0);
	CHECK_EQ(sys_connect(a->cpu, fd, &open), -EINPROGRESS);
	lab_destroy(lab);
}

TEST(only_a_connection_has_a_peer)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct sockaddr_ip to = at("10.0.0.2", 1000), peer;
	int fd, fdb;

	tcp_pair(lab, a, b, &fd, &fdb);
	CHECK_EQ(sys_getpeername(a->cpu, fd, &peer), 0);
	abort_of(lab, b, fdb);
	CHECK_EQ(sys_getpeername(a->cpu, fd, &peer), -ENOTCONN);
	fd = stream(a, AF_INET);
	CHECK_EQ(sys_connect(a->cpu, fd, &to), -EINPROGRESS);
	CHECK_EQ(sys_getpeername(a->cpu, fd, &peer), -ENOTCONN);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_getpeername(a->cpu, fd, &peer), 0);
	fd = udp(a);
	CHECK_EQ(sys_getpeername(a->cpu, fd, &peer), -ENOTCONN);
	CHECK_EQ(sys_connect(a->cpu, fd, &to), 0);
	CHECK_EQ(sys_getpeername(a->cpu, fd, &peer), 0);
	lab_destroy(lab);
}

TEST(a_shutdown_of_what_is_not_connected_yet_gives_it_up)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct sockaddr_ip to = at("10.0.0.2", 1000), silent = at("10.0.0.9", 1);
	struct job accepting = { .h = b, .fd = tcp_listener(b, 1000) };
	int fd = stream(a, AF_INET);

	CHECK_EQ(sys_connect(a->cpu, fd, &silent), -EINPROGRESS);
	CHECK_EQ(sys_shutdown(a->cpu, fd, SHUT_WR), 0);
	CHECK_EQ(sys_shutdown(a->cpu, fd, SHUT_WR), -ENOTCONN);
	CHECK_EQ(sys_connect(a->cpu, fd, &to), -EINPROGRESS);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_connect(a->cpu, fd, &to), 0);

	CHECK_EQ(sys_shutdown(b->cpu, accepting.fd, SHUT_WR), 0); /* nothing to end */
	CHECK(sys_accept4(b->cpu, accepting.fd, NULL, 0) >= 0);
	lab_spawn(b, "accept", accept_fiber, &accepting);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK(!accepting.done);
	CHECK_EQ(sys_shutdown(b->cpu, accepting.fd, SHUT_RD), 0);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK(accepting.done && accepting.ret == -EINVAL);
	CHECK_EQ(sys_listen(b->cpu, accepting.fd, 1), 0);
	lab_destroy(lab);
}

/* ---- listeners ---- */

TEST(two_that_may_be_bound_to_one_port_do_not_both_listen_there)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	int one = stream(h, AF_INET), two = stream(h, AF_INET);

	set_one(h, one, SOL_SOCKET, SO_REUSEADDR);
	set_one(h, two, SOL_SOCKET, SO_REUSEADDR);
	bind_to(h, one, 80);
	bind_to(h, two, 80);
	CHECK_EQ(sys_listen(h->cpu, one, 1), 0);
	CHECK_EQ(sys_listen(h->cpu, one, 2), 0);
	CHECK_EQ(sys_listen(h->cpu, two, 1), -EADDRINUSE);
	CHECK_EQ(sys_close(h->cpu, one), 0);
	CHECK_EQ(sys_listen(h->cpu, two, 1), 0);
	lab_destroy(lab);
}

TEST(a_negative_backlog_is_as_long_as_may_be)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	int fd = stream(h, AF_INET);
	struct tcp_info info;
	unsigned len = sizeof(info);

	CHECK_EQ(sys_listen(h->cpu, fd, -1), 0);
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_TCP, TCP_INFO, &info, &len), 0);
	CHECK_EQ(info.tcpi_sacked, h->cpu->sysctl.somaxconn);
	lab_destroy(lab);
}

TEST(accept_knows_two_flags)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	int fd = stream(h, AF_INET);

	CHECK_EQ(sys_listen(h->cpu, fd, 1), 0);
	CHECK_EQ(sys_accept4(h->cpu, fd, NULL, 1), -EINVAL);
	CHECK_EQ(sys_accept4(h->cpu, fd, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), -EAGAIN);
	lab_destroy(lab);
}

TEST(what_is_for_ipv6_alone_has_no_name_of_ipv4)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct sockaddr_ip mapped = at("10.0.0.1", 80);
	int fd = stream(a, AF_INET6), dgram = sys_socket(a->cpu, AF_INET6, SOCK_DGRAM, 0);

	mapped.family = AF_INET6;
	set_one(a, fd, SOL_IPV6, IPV6_V6ONLY);
	set_one(a, dgram, SOL_IPV6, IPV6_V6ONLY);
	CHECK_EQ(sys_bind(a->cpu, fd, &mapped), -EINVAL);
	CHECK_EQ(sys_bind(a->cpu, dgram, &mapped), -EINVAL);
	fd = stream(a, AF_INET6);
	CHECK_EQ(sys_bind(a->cpu, fd, &mapped), 0);
	lab_destroy(lab);
}

TEST(a_name_of_ipv6_is_no_source_over_ipv4_whatever_its_last_bytes_are)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct net_device *dev = a->net->devs[1];
	struct sockaddr_ip us = at("2001:db8::a00:1", 80), them = at("10.0.0.2", 9);
	struct ip_pktinfo info = { .addr = us.addr };
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_name = &them, .msg_iov = &iov, .msg_iovlen = 1, .msg_pktinfo = &info };
	int fd = sys_socket(a->cpu, AF_INET6, SOCK_DGRAM, 0);

	us.family = them.family = AF_INET6;
	a->cpu->sysctl.ip6_accept_ra = a->cpu->sysctl.ip6_dad_transmits = 0;
	CHECK(!ip6_dev_up(a->net, dev) && !ip6_addr_add(a->net, dev, &us.addr, 64));
	CHECK_EQ(sys_sendto(a->cpu, fd, "x", 1, 0, &them), 1);
	CHECK_EQ(sys_sendmsg(a->cpu, fd, &m, 0), -EINVAL);
	fd = sys_socket(a->cpu, AF_INET6, SOCK_DGRAM, 0);
	CHECK_EQ(sys_bind(a->cpu, fd, &us), 0);
	CHECK_EQ(sys_sendto(a->cpu, fd, "x", 1, 0, &them), -EINVAL);
	lab_destroy(lab);
}

/* ---- options ---- */

TEST(a_value_is_told_as_far_as_there_is_room_for_it)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	int fd = udp(h);
	u64 tv[2] = { 5, 7 };
	u8 val[12];
	unsigned len = 1;

	memset(val, 0xee, sizeof(val));
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_TYPE, val, &len), 0);
	CHECK(len == 1 && val[0] == SOCK_DGRAM && val[1] == 0xee);
	len = 2;
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_IP, IP_TTL, val, &len), 0);
	CHECK(len == 2 && val[0] == 64 && val[2] == 0xee);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVTIMEO, tv, sizeof(tv)), 0);
	len = 8;
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_RCVTIMEO, val, &len), 0);
	CHECK(len == 8 && val[0] == 5 && val[8] == 0xee);
	len = 0;
	CHECK_EQ(sys_getsockopt(h->cpu, fd, SOL_SOCKET, SO_TYPE, val, &len), 0);
	CHECK_EQ(len, 0);
	lab_destroy(lab);
}

TEST(a_byte_is_enough_for_an_option_of_ip)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "h");
	int fds[] = { udp(h), stream(h, AF_INET) }, v;
	unsigned len = sizeof(v);

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(sys_setsockopt(h->cpu, fds[i], SOL_IP, IP_TTL, (u8[]){ 9, 99 }, 2), 0);
		CHECK_EQ(sys_getsockopt(h->cpu, fds[i], SOL_IP, IP_TTL, &v, &len), 0);
		CHECK_EQ(v, 9);
		CHECK_EQ(sys_setsockopt(h->cpu, fds[i], SOL_IP, IP_TTL, NULL, 0), -EINVAL);
	}
	CHECK_EQ(sys_getsockopt(h->cpu, fds[0], SOL_IPV6, IPV6_V6ONLY, &v, &len), -ENOPROTOOPT); /* of another family */
	lab_destroy(lab);
}
