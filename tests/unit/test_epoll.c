/* SPDX-License-Identifier: MIT
 * test_epoll.c - readiness and completion: level, edge, one-shot, nested sets, and operations reaped in batches.
 */
#include "unit/httpkit.h"
#include "net/socket/socket_impl.h"

/* A bound UDP socket on b, and another on a that sends to it. */
struct bench {
	struct lab *lab;
	struct lab_host *a, *b;
	struct net_cpu *cpu;
	int from, to, ep;
	struct sockaddr_ip addr;
};

static void bench_up(struct bench *x)
{
	struct sockaddr_ip any = { .family = AF_INET, .port = 1000, .addr = ip_from_v4(be32_of(0)) };

	x->lab = lab_pair(1, NULL, &x->a, &x->b);
	x->cpu = x->b->cpu;
	x->from = sys_socket(x->a->cpu, AF_INET, SOCK_DGRAM, 0);
	x->to = sys_socket(x->cpu, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	CHECK_EQ(sys_bind(x->cpu, x->to, &any), 0);
	x->ep = sys_epoll_create(x->cpu);
	x->addr = kit_server(1000);
}

static void bench_send(struct bench *x, const char *text)
{
	CHECK_EQ(sys_sendto(x->a->cpu, x->from, text, strlen(text), 0, &x->addr), (long)strlen(text));
	lab_run(x->lab, 5 * NSEC_PER_MSEC);
}

static void bench_recv(struct bench *x)
{
	char buf[64];

	CHECK(sys_recv(x->cpu, x->to, buf, sizeof(buf), 0) > 0);
}

static void watch(struct bench *x, int op, u32 events)
{
	struct epoll_event ev = { events, 42 };

	CHECK_EQ(sys_epoll_ctl(x->cpu, x->ep, op, x->to, &ev), 0);
}

/* What one look at the set gives: the events of its only report, 0: none. */
static u32 look(struct bench *x)
{
	struct epoll_event ev[4];
	int n = sys_epoll_wait(x->cpu, x->ep, ev, 4, 0);

	CHECK(n == 0 || (n == 1 && ev[0].data == 42));
	return n == 1 ? ev[0].events : 0;
}

TEST(level_triggered_interest_is_told_as_long_as_it_holds)
{
	struct bench x;

	bench_up(&x);
	watch(&x, EPOLL_CTL_ADD, EPOLLIN);
	CHECK_EQ(look(&x), 0);
	bench_send(&x, "a");
	bench_send(&x, "b");
	CHECK_EQ(look(&x), EPOLLIN);
	CHECK_EQ(look(&x), EPOLLIN);
	bench_recv(&x);
	CHECK_EQ(look(&x), EPOLLIN);
	bench_recv(&x);
	CHECK_EQ(look(&x), 0);
	lab_destroy(x.lab);
}

TEST(edge_triggered_interest_is_told_once_per_arrival)
{
	struct bench x;

	bench_up(&x);
	watch(&x, EPOLL_CTL_ADD, EPOLLIN | EPOLLET);
	bench_send(&x, "a");
	CHECK_EQ(look(&x), EPOLLIN);
	CHECK_EQ(look(&x), 0);
	bench_send(&x, "b");
	CHECK_EQ(look(&x), EPOLLIN);
	CHECK_EQ(look(&x), 0);
	bench_recv(&x);
	bench_recv(&x);
	lab_destroy(x.lab);
}

TEST(one_shot_interest_is_silent_until_it_is_renewed)
{
	struct bench x;

	bench_up(&x);
	watch(&x, EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT);
	bench_send(&x, "a");
	CHECK_EQ(look(&x), EPOLLIN);
	bench_send(&x, "b");
	CHECK_EQ(look(&x), 0);
	watch(&x, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT);
	CHECK_EQ(look(&x), EPOLLIN);
	lab_destroy(x.lab);
}

TEST(what_holds_already_is_told_when_interest_begins)
{
	struct bench x;

	bench_up(&x);
	bench_send(&x, "a");
	watch(&x, EPOLL_CTL_ADD, EPOLLIN | EPOLLET);
	CHECK_EQ(look(&x), EPOLLIN);
	watch(&x, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT | EPOLLET);
	CHECK_EQ(look(&x), EPOLLIN | EPOLLOUT);
	lab_destroy(x.lab);
}

TEST(a_report_that_came_true_no_more_is_not_given)
{
	struct bench x;

	bench_up(&x);
	watch(&x, EPOLL_CTL_ADD, EPOLLIN | EPOLLET);
	bench_send(&x, "a");
	bench_recv(&x); /* before the set was asked */
	CHECK_EQ(look(&x), 0);
	lab_destroy(x.lab);
}

TEST(control_refuses_what_makes_no_sense)
{
	struct epoll_event ev = { EPOLLIN, 0 };
	struct bench x;

	bench_up(&x);
	CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, EPOLL_CTL_MOD, x.to, &ev), -ENOENT);
	CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, EPOLL_CTL_DEL, x.to, NULL), -ENOENT);
	CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, EPOLL_CTL_ADD, x.to, &ev), 0);
	CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, EPOLL_CTL_ADD, x.to, &ev), -EEXIST);
	CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, EPOLL_CTL_ADD, 99, &ev), -EBADF);
	CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, EPOLL_CTL_ADD, x.ep, &ev), -EINVAL);
	CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, 9, x.to, &ev), -EINVAL);
	CHECK_EQ(sys_epoll_wait(x.cpu, x.ep, &ev, 0, 0), -EINVAL);
	CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, EPOLL_CTL_DEL, x.to, NULL), 0);
	bench_send(&x, "a");
	CHECK_EQ(sys_epoll_wait(x.cpu, x.ep, &ev, 1, 0), 0);
	lab_destroy(x.lab);
}

TEST(a_closed_file_leaves_all_its_sets)
{
	struct epoll_event ev = { EPOLLIN, 1 };
	struct bench x;
	int other;

	bench_up(&x);
	other = sys_epoll_create(x.cpu);
	watch(&x, EPOLL_CTL_ADD, EPOLLIN);
	CHECK_EQ(sys_epoll_ctl(x.cpu, other, EPOLL_CTL_ADD, x.to, &ev), 0);
	bench_send(&x, "a"); /* both have it on their ready lists */
	CHECK_EQ(sys_close(x.cpu, x.to), 0);
	CHECK_EQ(look(&x), 0);
	CHECK_EQ(sys_epoll_wait(x.cpu, other, &ev, 1, 0), 0);
	CHECK_EQ(kmem_cache_in_use(x.cpu->socket->cache[CACHE_EPITEM]), 0);
	lab_destroy(x.lab);
}

TEST(a_set_can_be_watched_by_another_but_not_in_a_circle)
{
	struct epoll_event ev = { EPOLLIN, 7 }, got;
	int set[8];
	struct bench x;

	bench_up(&x);
	watch(&x, EPOLL_CTL_ADD, EPOLLIN);
	set[0] = sys_epoll_create(x.cpu);
	CHECK_EQ(sys_epoll_ctl(x.cpu, set[0], EPOLL_CTL_ADD, x.ep, &ev), 0);
	CHECK_EQ(sys_epoll_wait(x.cpu, set[0], &got, 1, 0), 0);
	bench_send(&x, "a");
	CHECK_EQ(sys_epoll_wait(x.cpu, set[0], &got, 1, 0), 1);
	CHECK_EQ(got.data, 7);
	bench_recv(&x);
	CHECK_EQ(sys_epoll_wait(x.cpu, set[0], &got, 1, 0), 0);
	CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, EPOLL_CTL_ADD, set[0], &ev), -EINVAL); /* a circle */
	for (int i = 1; i < 8; i++) {
		set[i] = sys_epoll_create(x.cpu);
		/* ep is the innermost; four may stand around it. */
		CHECK_EQ(sys_epoll_ctl(x.cpu, set[i], EPOLL_CTL_ADD, set[i - 1], &ev), i < 4 ? 0 : -EINVAL);
		if (i >= 4)
			break;
	}
	/* The inner set goes while the outer one has it ready. */
	bench_send(&x, "b");
	CHECK_EQ(sys_close(x.cpu, x.ep), 0);
	CHECK_EQ(sys_epoll_wait(x.cpu, set[0], &got, 1, 0), 0);
	lab_destroy(x.lab);
}

struct waiting {
	struct bench *x;
	struct epoll_event ev[8];
	s64 timeout;
	int n;
	u64 took_ns;
	bool done;
};

static void wait_fiber(void *arg)
{
	struct waiting *w = arg;
	u64 start = w->x->cpu->now_ns;

	w->n = sys_epoll_wait(w->x->cpu, w->x->ep, w->ev, 8, w->timeout);
	w->took_ns = w->x->cpu->now_ns - start;
	w->done = true;
}

TEST(waiting_ends_with_an_event_a_deadline_or_the_sets_end)
{
	struct bench x;
	struct waiting w = { .x = &x, .timeout = 20 * NSEC_PER_MSEC };

	bench_up(&x);
	watch(&x, EPOLL_CTL_ADD, EPOLLIN);
	lab_spawn(x.b, "wait", wait_fiber, &w);
	CHECK(LAB_UNTIL(x.lab, w.done, NSEC_PER_SEC));
	CHECK_EQ(w.n, 0);
	CHECK(w.took_ns >= 20 * NSEC_PER_MSEC && w.took_ns < 21 * NSEC_PER_MSEC);

	w = (struct waiting){ .x = &x, .timeout = -1 };
	lab_spawn(x.b, "wait", wait_fiber, &w);
	lab_run(x.lab, NSEC_PER_SEC);
	CHECK(!w.done);
	bench_send(&x, "a");
	CHECK(w.done);
	CHECK_EQ(w.n, 1);
	bench_recv(&x);

	w = (struct waiting){ .x = &x, .timeout = -1 };
	lab_spawn(x.b, "wait", wait_fiber, &w);
	lab_run(x.lab, NSEC_PER_MSEC);
	sys_close(x.cpu, x.ep);
	CHECK(LAB_UNTIL(x.lab, w.done, NSEC_PER_SEC));
	CHECK_EQ(w.n, -EBADF);
	lab_destroy(x.lab);
}

/* ---- while it waits, the CPU polls ---- */
static void read_fiber(void *arg)
{
	struct waiting *w = arg;
	char buf[8];

	w->n = (int)sys_recv(w->x->cpu, w->x->to, buf, sizeof(buf), 0);
	w->done = true;
}

static int busy_poll_of(struct net_cpu *cpu, int fd)
{
	unsigned len = sizeof(int);
	int v = -1;

	CHECK_EQ(sys_getsockopt(cpu, fd, SOL_SOCKET, SO_BUSY_POLL, &v, &len), 0);
	return v;
}

TEST(a_set_and_a_reader_let_the_cpu_poll_for_as_long_as_they_say)
{
	struct bench x;
	struct waiting w = { .x = &x, .timeout = NSEC_PER_MSEC };

	bench_up(&x);
	watch(&x, EPOLL_CTL_ADD, EPOLLIN);
	lab_spawn(x.b, "wait", wait_fiber, &w);
	CHECK(LAB_UNTIL(x.lab, w.done, NSEC_PER_SEC));
	CHECK_EQ(x.cpu->busy_until_ns, 0);
	x.cpu->sysctl.busy_poll = 70;
	w.done = false;
	lab_spawn(x.b, "wait", wait_fiber, &w);
	CHECK(LAB_UNTIL(x.lab, w.done, NSEC_PER_SEC));
	CHECK(x.cpu->busy_until_ns > x.cpu->now_ns - 2 * NSEC_PER_MSEC);

	x.cpu->sysctl.busy_poll = 0;
	x.cpu->busy_until_ns = 0;
	x.to = sys_socket(x.cpu, AF_INET, SOCK_DGRAM, 0);
	w = (struct waiting){ .x = &x };
	CHECK_EQ(sys_setsockopt(x.cpu, x.to, SOL_SOCKET, SO_BUSY_POLL, &(int){ 50 }, sizeof(int)), 0);
	lab_spawn(x.b, "read", read_fiber, &w);
	lab_run(x.lab, NSEC_PER_MSEC);
	CHECK(x.cpu->busy_until_ns);
	sys_close(x.cpu, x.to);
	CHECK(LAB_UNTIL(x.lab, w.done, NSEC_PER_SEC));
	lab_destroy(x.lab);
}

TEST(how_long_is_an_option_of_each_socket_a_tunable_of_new_ones_and_the_listeners_of_its_children)
{
	struct sockaddr_ip to = kit_server(2000), any = { .family = AF_INET, .port = 2000, .addr = ip_from_v4(be32_of(0)) };
	struct bench x;
	int listener, client;

	bench_up(&x);
	CHECK_EQ(busy_poll_of(x.cpu, x.to), 0);
	CHECK_EQ(sys_setsockopt(x.cpu, x.to, SOL_SOCKET, SO_BUSY_POLL, &(int){ -1 }, sizeof(int)), -EINVAL);
	x.a->cpu->sysctl.busy_read = 30;
	client = sys_socket(x.a->cpu, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_EQ(busy_poll_of(x.a->cpu, client), 30);
	listener = sys_socket(x.cpu, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_EQ(sys_setsockopt(x.cpu, listener, SOL_SOCKET, SO_BUSY_POLL, &(int){ 50 }, sizeof(int)), 0);
	CHECK_EQ(sys_bind(x.cpu, listener, &any), 0);
	CHECK_EQ(sys_listen(x.cpu, listener, 1), 0);
	CHECK_EQ(sys_connect(x.a->cpu, client, &to), -EINPROGRESS);
	lab_run(x.lab, 100 * NSEC_PER_MSEC);
	CHECK_EQ(busy_poll_of(x.cpu, sys_accept4(x.cpu, listener, NULL, 0)), 50);
	lab_destroy(x.lab);
}

TEST(ready_files_are_served_in_turns_when_the_caller_takes_few)
{
	struct epoll_event ev = { EPOLLOUT, 0 }, got;
	int seen[5] = { 0 };
	struct bench x;

	bench_up(&x);
	for (u64 i = 0; i < 5; i++) {
		ev.data = i;
		CHECK_EQ(sys_epoll_ctl(x.cpu, x.ep, EPOLL_CTL_ADD, sys_socket(x.cpu, AF_INET, SOCK_DGRAM, 0), &ev), 0);
	}
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(sys_epoll_wait(x.cpu, x.ep, &got, 1, 0), 1);
		seen[got.data]++;
	}
	for (int i = 0; i < 5; i++)
		CHECK_EQ(seen[i], 2);
	lab_destroy(x.lab);
}

/* ---- completions ---- */
TEST(a_multishot_receive_completes_for_each_datagram)
{
	struct aio_sqe sqe = { .op = AIO_RECV_SKB, .flags = AIO_MULTISHOT, .data = 5 };
	struct aio_cqe cqe[8];
	struct bench x;
	int aio;

	bench_up(&x);
	sqe.fd = x.to;
	aio = sys_aio_create(x.cpu);
	CHECK_EQ(sys_aio_submit(x.cpu, aio, &sqe, 1), 1);
	CHECK_EQ(sys_aio_wait(x.cpu, aio, cqe, 8, 0), 0);
	bench_send(&x, "a");
	bench_send(&x, "bc");
	bench_send(&x, "def");
	CHECK_EQ(sys_aio_wait(x.cpu, aio, cqe, 2, 0), 2);
	CHECK(cqe[0].res == 1 && cqe[1].res == 2 && cqe[0].more && cqe[0].data == 5);
	sys_skb_free(x.cpu, cqe[0].skb);
	sys_skb_free(x.cpu, cqe[1].skb);
	CHECK_EQ(sys_aio_wait(x.cpu, aio, cqe, 8, 0), 1);
	CHECK_EQ(cqe[0].res, 3);
	sys_skb_free(x.cpu, cqe[0].skb);
	CHECK_EQ(sys_aio_wait(x.cpu, aio, cqe, 8, 0), 0);
	lab_destroy(x.lab);
}

TEST(receives_and_sends_complete_with_their_counts)
{
	char in[16], out[] = "pong";
	struct aio_sqe sqe[3] = {
		{ .op = AIO_RECV, .data = 1, .buf = in, .len = sizeof(in) },
		{ .op = AIO_POLL, .data = 2, .len = EPOLLIN },
		{ .op = AIO_SEND, .data = 3, .buf = out, .len = 4 },
	};
	struct aio_cqe cqe[8];
	struct bench x;
	int aio, n;

	bench_up(&x);
	for (int i = 0; i < 3; i++)
		sqe[i].fd = x.to;
	aio = sys_aio_create(x.cpu);
	CHECK_EQ(sys_aio_submit(x.cpu, aio, sqe, 3), 3);
	n = sys_aio_wait(x.cpu, aio, cqe, 8, 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(cqe[0].data, 3);
	CHECK(cqe[0].res == -EDESTADDRREQ || cqe[0].res == -ENOTCONN); /* it is not connected */
	bench_send(&x, "ping");
	n = sys_aio_wait(x.cpu, aio, cqe, 8, 0);
	CHECK(n >= 1);
	CHECK_EQ(cqe[0].data, 1);
	CHECK_EQ(cqe[0].res, 4);
	CHECK_MEM(in, "ping", 4);
	lab_destroy(x.lab);
}

TEST(cancelled_operations_complete_no_more_and_others_go_on)
{
	struct aio_sqe sqe = { .op = AIO_RECV_SKB, .flags = AIO_MULTISHOT, .data = 1 };
	struct aio_cqe cqe[4];
	struct bench x;
	int aio, other;

	bench_up(&x);
	sqe.fd = x.to;
	aio = sys_aio_create(x.cpu);
	other = sys_aio_create(x.cpu);
	CHECK_EQ(sys_aio_submit(x.cpu, aio, &sqe, 1), 1);
	CHECK_EQ(sys_aio_submit(x.cpu, other, &sqe, 1), 1);
	bench_send(&x, "a");
	CHECK_EQ(sys_aio_cancel(x.cpu, aio, x.to), 1);
	CHECK_EQ(sys_aio_cancel(x.cpu, aio, x.to), 0);
	CHECK_EQ(sys_aio_wait(x.cpu, aio, cqe, 4, 0), 0);
	CHECK_EQ(sys_aio_wait(x.cpu, other, cqe, 4, 0), 1);
	CHECK_EQ(cqe[0].res, 1);
	sys_skb_free(x.cpu, cqe[0].skb);
	CHECK_EQ(sys_aio_cancel(x.cpu, aio, 99), -EBADF);
	CHECK_EQ(sys_aio_cancel(x.cpu, x.to, x.to), -EINVAL);
	CHECK_EQ(kmem_cache_in_use(x.cpu->socket->cache[CACHE_AIO_OP]), 1);
	lab_destroy(x.lab);
}

TEST(operations_end_with_their_file)
{
	struct aio_sqe sqe = { .op = AIO_RECV_SKB, .flags = AIO_MULTISHOT, .data = 9 };
	struct aio_cqe cqe;
	struct bench x;
	int aio;

	bench_up(&x);
	sqe.fd = x.to;
	aio = sys_aio_create(x.cpu);
	CHECK_EQ(sys_aio_submit(x.cpu, aio, &sqe, 1), 1);
	CHECK_EQ(sys_aio_wait(x.cpu, aio, &cqe, 1, 0), 0);
	sys_close(x.cpu, x.to);
	CHECK_EQ(sys_aio_wait(x.cpu, aio, &cqe, 1, 0), 1);
	CHECK(cqe.res == -EBADF && cqe.data == 9 && !cqe.more);
	CHECK_EQ(sys_aio_submit(x.cpu, aio, &sqe, 1), -EBADF);
	sqe.fd = aio;
	CHECK_EQ(sys_aio_submit(x.cpu, aio, &sqe, 1), -EINVAL);
	CHECK_EQ(kmem_cache_in_use(x.cpu->socket->cache[CACHE_AIO_OP]), 0);
	lab_destroy(x.lab);
}

/* ---- the echo family ---- */
TEST(udp_echo_answers_each_datagram_from_the_address_it_was_asked_at)
{
	struct sockaddr_ip to, from;
	struct kit k;
	char buf[64];
	int fd;

	kit_start(&k);
	to = kit_server(7);
	fd = sys_socket(k.a->cpu, AF_INET, SOCK_DGRAM, 0);
	free(ask(&k, "GET / HTTP/1.0\r\n\r\n")); /* the hosts have met: none of the burst waits for ARP */
	for (int i = 0; i < 40; i++) {
		int n = snprintf(buf, sizeof(buf), "datagram %d", i);

		CHECK_EQ(sys_sendto(k.a->cpu, fd, buf, (size_t)n, 0, &to), n);
	}
	lab_run(k.lab, 100 * NSEC_PER_MSEC);
	for (int i = 0; i < 40; i++) {
		char want[64];
		int n = snprintf(want, sizeof(want), "datagram %d", i);

		if (!CHECK_EQ(sys_recvfrom(k.a->cpu, fd, buf, sizeof(buf), 0, &from), n))
			break;
		CHECK_MEM(buf, want, n);
		CHECK(ip_eq(&from.addr, &to.addr) && from.port == 7);
	}
	CHECK_EQ(k.b->cpu->app->datagrams, 40);
	sys_close(k.a->cpu, fd);
	kit_stop(&k);
}

TEST(tcp_echo_discard_daytime_and_chargen_do_what_their_rfcs_say)
{
	struct talk echo = { .send = "hello", .len = 5, .port = 7, .half_close = true };
	struct talk discard = { .send = "hello", .len = 5, .port = 9, .half_close = true };
	struct talk day = { .send = "", .port = 13 };
	struct talk chars = { .send = "", .port = 19, .read_max = 8000 };
	struct kit k;

	kit_start(&k);
	talk_run(&echo, &k, 5 * NSEC_PER_SEC);
	CHECK_STR(echo.got, "hello");
	talk_run(&discard, &k, 5 * NSEC_PER_SEC);
	CHECK_STR(discard.got, "");
	CHECK_EQ(discard.err, 0);
	talk_run(&day, &k, 5 * NSEC_PER_SEC);
	CHECK_EQ(day.got_len, 31);
	CHECK(strstr(day.got, " GMT\r\n") != NULL);
	talk_run(&chars, &k, 5 * NSEC_PER_SEC);
	CHECK(!strncmp(chars.got, " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n!\"#", 77));
	lab_run(k.lab, 5 * NSEC_PER_SEC);
	CHECK_EQ(k.b->cpu->app->conns, 0);
	free(echo.got);
	free(discard.got);
	free(day.got);
	free(chars.got);
	kit_stop(&k);
}

/* Writes until the other side takes no more for a second: bytes written, each its place modulo 251. */
static size_t write_until_full(struct kit *k, int fd)
{
	u8 piece[1000];
	size_t sent = 0;

	for (int idle = 0; idle < 10;) {
		long n;

		for (size_t i = 0; i < sizeof(piece); i++)
			piece[i] = (u8)((sent + i) % 251);
		n = sys_write(k->a->cpu, fd, piece, sizeof(piece));
		idle = n > 0 ? 0 : idle + 1;
		sent += n > 0 ? (size_t)n : 0;
		if (n <= 0)
			lab_run(k->lab, 100 * NSEC_PER_MSEC);
	}
	return sent;
}

/* Reads until `sent` bytes came, or one that is wrong, or nothing more: how many were right. */
static size_t read_all(struct kit *k, int fd, size_t sent)
{
	size_t got = 0;
	u8 buf[4096];

	for (int idle = 0; got < sent && idle < 100; idle++) {
		long n = sys_read(k->a->cpu, fd, buf, sizeof(buf));

		for (long i = 0; i < n; i++, got++)
			if (buf[i] != got % 251)
				return got;
		if (n > 0)
			idle = 0;
		else
			lab_run(k->lab, 20 * NSEC_PER_MSEC);
	}
	return got;
}

TEST(echo_takes_no_more_from_a_peer_that_does_not_read_and_loses_nothing)
{
	struct sockaddr_ip to;
	struct kit k;
	size_t sent;
	int fd;

	kit_start(&k);
	to = kit_server(7);
	fd = sys_socket(k.a->cpu, AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(sys_connect(k.a->cpu, fd, &to), -EINPROGRESS);
	lab_run(k.lab, 100 * NSEC_PER_MSEC);
	CHECK_EQ(k.b->cpu->app->conns, 0);
	sent = write_until_full(&k, fd);
	CHECK(sent > 100000 && sent < 32 << 20);
	CHECK_EQ(k.b->cpu->app->conns, 1); /* it has a fiber, that waits */
	CHECK_EQ(read_all(&k, fd, sent), sent);
	sys_close(k.a->cpu, fd);
	lab_run(k.lab, 5 * NSEC_PER_SEC);
	CHECK_EQ(k.b->cpu->app->conns, 0);
	kit_stop(&k);
}

TEST(a_hundred_echo_clients_at_once_get_their_own_bytes_back)
{
	static struct talk t[100];
	static char text[100][1000];
	struct kit k;

	kit_start(&k);
	for (int i = 0; i < 100; i++) {
		memset(text[i], 'A' + i % 26, sizeof(text[i]));
		t[i] = (struct talk){ .send = text[i], .len = 1000, .step = 97, .port = 7, .half_close = true };
		talk_start(&t[i], &k);
	}
	lab_run(k.lab, 5 * NSEC_PER_SEC);
	for (int i = 0; i < 100; i++) {
		CHECK(t[i].done && t[i].got_len == 1000);
		CHECK(t[i].got && !memcmp(t[i].got, text[i], 1000));
		free(t[i].got);
	}
	kit_stop(&k);
}
