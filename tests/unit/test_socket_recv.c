/* SPDX-License-Identifier: MIT
 * test_socket_recv.c - flags of a receive that are the socket's business: MSG_PEEK with MSG_WAITALL, MSG_ERRQUEUE; and SO_RCVLOWAT.
 */
#include "unit/streamkit.h"

FIBER(peek_fiber)
{
	j->ret = sys_recv(j->h->cpu, j->fd, j->buf, 10, MSG_PEEK | MSG_WAITALL);
}

TEST(peek_with_waitall_waits_until_all_is_there_and_takes_nothing)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	u64 tv[2] = { 0, 50000 };
	struct job in = { .h = b };
	char buf[10];
	int fd;

	tcp_pair(lab, a, b, &fd, &in.fd);
	lab_spawn(b, "peek", peek_fiber, &in);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_send(a->cpu, fd, "01234", 5, 0), 5);
	lab_run(lab, 100 * NSEC_PER_MSEC);
	CHECK(!in.done);
	CHECK_EQ(sys_send(a->cpu, fd, "56789", 5, 0), 5);
	CHECK(LAB_UNTIL(lab, in.done, NSEC_PER_SEC));
	CHECK_EQ(in.ret, 10);
	CHECK(!memcmp(in.buf, "0123456789", 10));
	CHECK_EQ(sys_recv(b->cpu, in.fd, buf, 10, MSG_DONTWAIT), 10);

	CHECK_EQ(sys_send(a->cpu, fd, "abc", 3, 0), 3); /* what there is: after its time ... */
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK_EQ(sys_recv(b->cpu, in.fd, buf, 10, MSG_PEEK | MSG_WAITALL | MSG_DONTWAIT), 3);
	CHECK_EQ(sys_setsockopt(b->cpu, in.fd, SOL_SOCKET, SO_RCVTIMEO, tv, sizeof(tv)), 0);
	in.done = false;
	lab_spawn(b, "peek", peek_fiber, &in);
	CHECK(LAB_UNTIL(lab, in.done, NSEC_PER_SEC));
	CHECK_EQ(in.ret, 3);
	CHECK(in.took_ns >= 49 * NSEC_PER_MSEC);

	tv[1] = 0; /* ... or at the end of the stream */
	CHECK_EQ(sys_setsockopt(b->cpu, in.fd, SOL_SOCKET, SO_RCVTIMEO, tv, sizeof(tv)), 0);
	in.done = false;
	lab_spawn(b, "peek", peek_fiber, &in);
	lab_run(lab, 100 * NSEC_PER_MSEC);
	CHECK(!in.done);
	CHECK_EQ(sys_close(a->cpu, fd), 0);
	CHECK(LAB_UNTIL(lab, in.done, NSEC_PER_SEC));
	CHECK_EQ(in.ret, 3);
	lab_destroy(lab);
}

TEST(a_send_with_msg_zerocopy_is_told_once_when_its_memory_is_free)
{
	struct lab_host *h, *peer;
	struct lab *lab = lab_pair(1, NULL, &h, &peer);
	int fd = udp(h), one = 1, two = 2;
	struct sockaddr_ip to = at("10.0.0.2", 9);
	struct msg_notes notes = { 0 };
	struct msghdr m = { .msg_notes = &notes };
	u8 byte = 0;

	CHECK_EQ(sys_sendto(h->cpu, fd, &byte, 1, MSG_ZEROCOPY, &to), 1); /* not asked for: nobody is told */
	CHECK_EQ(sys_recvmsg(h->cpu, fd, &m, MSG_ERRQUEUE), -EAGAIN);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_ZEROCOPY, &two, sizeof(two)), -EINVAL);
	CHECK_EQ(sys_setsockopt(h->cpu, fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(sys_sendto(h->cpu, fd, &byte, 1, MSG_ZEROCOPY, &to), 1);
	CHECK_EQ(sys_recvmsg(h->cpu, fd, &m, MSG_ERRQUEUE), 0);
	CHECK(notes.has_zerocopy && m.msg_flags == MSG_ERRQUEUE);
	CHECK_EQ(notes.zerocopy_first, 0);
	CHECK_EQ(notes.zerocopy_last, 2);
	CHECK_EQ(sys_recvmsg(h->cpu, fd, &m, MSG_ERRQUEUE), -EAGAIN);
	CHECK_EQ(sys_sendto(h->cpu, fd, &byte, 1, MSG_ZEROCOPY, &to), 1);
	CHECK_EQ(sys_recvmsg(h->cpu, fd, &m, MSG_ERRQUEUE), 0);
	CHECK_EQ(notes.zerocopy_first, 3);
	CHECK_EQ(notes.zerocopy_last, 3);
	lab_destroy(lab);
}

TEST(the_error_queue_has_stamps_and_zerocopy_side_by_side)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	int fda, fdb, one = 1, flags = SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID;
	struct msg_notes notes = { 0 };
	struct msghdr m = { .msg_notes = &notes };
	struct pollfd p;

	tcp_pair(lab, a, b, &fda, &fdb);
	CHECK_EQ(sys_setsockopt(a->cpu, fda, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)), 0);
	CHECK_EQ(sys_setsockopt(a->cpu, fda, SOL_SOCKET, SO_TIMESTAMPING, &flags, 2), -EINVAL);
	CHECK_EQ(sys_setsockopt(a->cpu, fda, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(sys_send(a->cpu, fda, "0123456789", 10, MSG_ZEROCOPY), 10);
	lab_run(lab, 100 * NSEC_PER_MSEC);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(sys_recvmsg(a->cpu, fda, &m, MSG_ERRQUEUE), 0);
		CHECK(notes.has_stamp && !notes.has_zerocopy && notes.stamp == SCM_TSTAMP_ACK);
		CHECK_EQ(notes.stamp_key, i * 10 + 9);
	}
	p = (struct pollfd){ .fd = fda };
	CHECK_EQ(sys_poll(a->cpu, &p, 1, 0), 1); /* there is more */
	CHECK_EQ(p.revents, EPOLLERR);
	CHECK_EQ(sys_recvmsg(a->cpu, fda, &m, MSG_ERRQUEUE), 0);
	CHECK(notes.has_zerocopy && !notes.has_stamp && notes.zerocopy_first == 0 && notes.zerocopy_last == 1);
	CHECK_EQ(sys_recvmsg(a->cpu, fda, &m, MSG_ERRQUEUE), -EAGAIN);
	CHECK_EQ(sys_poll(a->cpu, &p, 1, 0), 0);
	lab_destroy(lab);
}

/* ---- SO_RCVLOWAT ---- */

FIBER(read_fiber)
{
	j->ret = sys_recv(j->h->cpu, j->fd, j->buf, (size_t)j->aux, 0);
}

static int lowat(struct job *j, int v)
{
	unsigned len = sizeof(v);

	CHECK_EQ(sys_setsockopt(j->h->cpu, j->fd, SOL_SOCKET, SO_RCVLOWAT, &v, sizeof(v)), 0);
	CHECK_EQ(sys_getsockopt(j->h->cpu, j->fd, SOL_SOCKET, SO_RCVLOWAT, &v, &len), 0);
	return v;
}

/* What poll() says, and epoll, too. */
static bool readable(struct job *j)
{
	struct pollfd p = { .fd = j->fd, .events = EPOLLIN };
	struct epoll_event e = { .events = EPOLLIN }, out;
	int ep = sys_epoll_create(j->h->cpu);
	bool is = sys_poll(j->h->cpu, &p, 1, 0) == 1;

	CHECK_EQ(sys_epoll_ctl(j->h->cpu, ep, EPOLL_CTL_ADD, j->fd, &e), 0);
	CHECK_EQ(sys_epoll_wait(j->h->cpu, ep, &out, 1, 0), is);
	sys_close(j->h->cpu, ep);
	return is;
}

FIBER(poll_fiber)
{
	struct pollfd p = { .fd = j->fd, .events = EPOLLIN };

	j->ret = sys_poll(j->h->cpu, &p, 1, -1);
}

TEST(below_its_low_water_mark_a_stream_is_not_readable_and_who_may_wait_waits)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job in = { .h = b, .aux = 100 };
	char buf[10];
	int fd;

	tcp_pair(lab, a, b, &fd, &in.fd);
	CHECK_EQ(lowat(&in, 10), 10);
	CHECK_EQ(sys_send(a->cpu, fd, "01234", 5, 0), 5);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK(!readable(&in));
	CHECK_EQ(sys_recv(b->cpu, in.fd, buf, 10, MSG_DONTWAIT), 5); /* who does not wait gets what there is */
	CHECK_EQ(sys_send(a->cpu, fd, "0123", 4, 0), 4);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	lab_spawn(b, "read", read_fiber, &in); /* takes some at once */
	CHECK_EQ(sys_send(a->cpu, fd, "45678", 5, 0), 5);
	lab_run(lab, 100 * NSEC_PER_MSEC);
	CHECK(!in.done);
	CHECK_EQ(sys_send(a->cpu, fd, "9abc", 4, 0), 4);
	CHECK(LAB_UNTIL(lab, in.done, NSEC_PER_SEC));
	CHECK_EQ(in.ret, 13);
	CHECK(!memcmp(in.buf, "0123456789abc", 13));

	CHECK_EQ(sys_send(a->cpu, fd, "0123456789", 10, 0), 10);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK(readable(&in));
	in.aux = 4; /* nobody waits for more than was asked for */
	in.done = false;
	lab_spawn(b, "read", read_fiber, &in);
	CHECK(LAB_UNTIL(lab, in.done, NSEC_PER_SEC));
	CHECK_EQ(in.ret, 4);
	CHECK(!readable(&in)); /* six are left */
	in.done = false;
	lab_spawn(b, "poll", poll_fiber, &in);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK(!in.done);
	CHECK_EQ(lowat(&in, 6), 6); /* which wakes who waits */
	CHECK(LAB_UNTIL(lab, in.done, NSEC_PER_SEC));
	CHECK_EQ(in.ret, 1);
	CHECK(readable(&in));
	CHECK_EQ(lowat(&in, 7), 7);
	CHECK_EQ(sys_close(a->cpu, fd), 0);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK(readable(&in)); /* no more will come */
	in.aux = 100;
	in.done = false;
	lab_spawn(b, "read", read_fiber, &in);
	CHECK(LAB_UNTIL(lab, in.done, NSEC_PER_SEC));
	CHECK_EQ(in.ret, 6);
	lab_destroy(lab);
}

TEST(a_low_water_mark_is_no_higher_than_what_can_wait_and_the_buffer_grows_for_it)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job in = { .h = b };
	int fd, size = 20000, v;
	unsigned len = sizeof(v);
	long n, sent = 0;
	char text[1000] = { 0 };

	tcp_pair(lab, a, b, &fd, &in.fd);
	CHECK_EQ(lowat(&in, 0), 1);
	CHECK_EQ(lowat(&in, 1 << 20), 1 << 20);
	CHECK_EQ(sys_getsockopt(b->cpu, in.fd, SOL_SOCKET, SO_RCVBUF, &v, &len), 0);
	CHECK_EQ(v, 2 << 20);
	CHECK_EQ(lowat(&in, -1), (int)b->cpu->sysctl.tcp_rmem_max / 2);
	CHECK_EQ(sys_setsockopt(b->cpu, in.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	CHECK_EQ(lowat(&in, -1), size); /* half of what was granted */
	for (int i = 0; i < 1000; i++) { /* the window closes first: that is enough, too */
		n = sys_send(a->cpu, fd, text, sizeof(text), MSG_DONTWAIT);
		sent += n > 0 ? n : 0;
		lab_run(lab, NSEC_PER_MSEC);
	}
	CHECK(sent > 0);
	CHECK(readable(&in));
	lab_destroy(lab);
}

TEST(a_watch_for_edges_hears_of_the_low_water_mark_alone)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job in = { .h = b };
	struct epoll_event e = { .events = EPOLLIN | EPOLLET }, out;
	int fd, ep = sys_epoll_create(b->cpu);

	tcp_pair(lab, a, b, &fd, &in.fd);
	CHECK_EQ(lowat(&in, 6), 6);
	CHECK_EQ(sys_epoll_ctl(b->cpu, ep, EPOLL_CTL_ADD, in.fd, &e), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(sys_send(a->cpu, fd, "012", 3, 0), 3);
		lab_run(lab, 5 * NSEC_PER_MSEC);
		CHECK_EQ(sys_epoll_wait(b->cpu, ep, &out, 1, 0), i >= 1);
	}
	lab_destroy(lab);
}
