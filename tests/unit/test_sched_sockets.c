/* SPDX-License-Identifier: MIT
 * test_sched_sockets.c - sockets above a discipline that is slow or full: TCP takes its drops as congestion, memory of senders
 * comes back when the frames leave, however long they waited, and SO_PRIORITY says who leaves first.
 */
#include "unit/schedkit.h"
#include "lib/printf.h"
#include "net/socket/socket.h"

#define BYTES 600000u

struct talk {
	struct lab *lab;
	struct lab_host *a, *b;
	u64 received, wrong, ended_ns;
	int sent, outq;
	bool closed;
};

static void use(struct lab_host *h, const char *id, const char *options)
{
	struct qdisc_error e;

	if (!CHECK_EQ(qdisc_replace(h->cpu, h->net->devs[1], &(struct qdisc_request){ .id = id, .options = options }, &e), 0))
		test_note("%s", e.text);
}

static struct sockaddr_ip address(const char *text)
{
	struct sockaddr_ip sa = { .family = AF_INET, .port = 7 };

	ip_pton(text, &sa.addr);
	return sa;
}

static void receiver(void *arg)
{
	struct talk *t = arg;
	struct sockaddr_ip sa = address("0.0.0.0");
	int listener = sys_socket(t->b->cpu, AF_INET, SOCK_STREAM, 0), fd;
	u8 buf[4096];
	long n;

	sys_bind(t->b->cpu, listener, &sa);
	sys_listen(t->b->cpu, listener, 1);
	fd = sys_accept4(t->b->cpu, listener, NULL, 0);
	while ((n = sys_read(t->b->cpu, fd, buf, sizeof(buf))) > 0)
		for (long i = 0; i < n; i++, t->received++)
			t->wrong += buf[i] != (u8)(t->received / 251);
	t->ended_ns = lab_now(t->lab);
}

static void sender(void *arg)
{
	struct talk *t = arg;
	struct sockaddr_ip sa = address("10.0.0.2");
	int fd = sys_socket(t->a->cpu, AF_INET, SOCK_STREAM, 0);
	u8 buf[3000];

	REQUIRE(!sys_connect(t->a->cpu, fd, &sa));
	for (u32 at = 0; at < BYTES; at += sizeof(buf)) {
		for (u32 i = 0; i < sizeof(buf); i++)
			buf[i] = (u8)((at + i) / 251);
		REQUIRE(sys_write(t->a->cpu, fd, buf, sizeof(buf)) == sizeof(buf));
	}
	sys_close(t->a->cpu, fd);
}

TEST(tcp_takes_drops_of_a_full_discipline_as_congestion_and_fills_the_rate)
{
	static const char *const kinds[][2] = {
		{ "tbf", "rate 4mbit burst 3k limit 20k" },
		{ "tbf", "rate 4mbit burst 3k limit 20k / fq_codel limit 12" },
		{ "netem", "rate 4mbit delay 5ms limit 12" },
		{ "fq", "maxrate 4mbit flow_limit 12" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct talk t = { 0 };
		u64 start, least = (u64)BYTES * 8 * NSEC_PER_SEC / 4000000;

		t.lab = lab_pair(i, &(struct lab_link){ .delay_ns = 2 * NSEC_PER_MSEC }, &t.a, &t.b);
		use(t.a, kinds[i][0], kinds[i][1]);
		start = lab_now(t.lab);
		lab_spawn(t.b, "receiver", receiver, &t);
		lab_spawn(t.a, "sender", sender, &t);
		CHECK(LAB_UNTIL(t.lab, t.ended_ns, 60 * NSEC_PER_SEC));
		CHECK_EQ(t.received, BYTES);
		CHECK_EQ(t.wrong, 0);
		test_note("%s: %llu ms of at least %llu, %llu drops", kinds[i][1],
			  (unsigned long long)(t.ended_ns - start) / NSEC_PER_MSEC, (unsigned long long)least / NSEC_PER_MSEC,
			  (unsigned long long)lab_drops(t.a, DROP_QDISC_DROP));
		CHECK(lab_drops(t.a, DROP_QDISC_DROP) > 0);
		CHECK(t.ended_ns - start < least * 2);
		lab_destroy(t.lab);
	}
}

/* One datagram, so that the neighbour is known. */
static void primer(void *arg)
{
	struct talk *t = arg;
	struct sockaddr_ip sa = address("10.0.0.2");
	int fd = sys_socket(t->a->cpu, AF_INET, SOCK_DGRAM, 0);

	sys_sendto(t->a->cpu, fd, "x", 1, 0, &sa);
	sys_close(t->a->cpu, fd);
}

/* Sends until its buffer is full, and closes while all of it waits. */
static void talker(void *arg)
{
	struct talk *t = arg;
	struct sockaddr_ip sa = address("10.0.0.2");
	int fd = sys_socket(t->a->cpu, AF_INET, SOCK_DGRAM, 0);
	u8 buf[1000] = { 0 };

	while (t->sent < 1000 && sys_sendto(t->a->cpu, fd, buf, sizeof(buf), MSG_DONTWAIT, &sa) == sizeof(buf))
		t->sent++;
	sys_ioctl(t->a->cpu, fd, SIOCOUTQ, &t->outq);
	sys_close(t->a->cpu, fd);
	t->closed = true;
}

TEST(udp_memory_is_charged_while_frames_wait_and_a_closed_sock_outlives_them)
{
	struct talk t = { 0 };

	t.lab = lab_pair(1, NULL, &t.a, &t.b);
	lab_spawn(t.a, "primer", primer, &t);
	lab_run(t.lab, 100 * NSEC_PER_MSEC);
	use(t.a, "netem", "delay 500ms");
	lab_spawn(t.a, "talker", talker, &t);
	CHECK(LAB_UNTIL(t.lab, t.closed, NSEC_PER_SEC));
	CHECK(t.sent > 3 && t.sent < 1000); /* the send buffer, not the discipline, is the bound */
	CHECK(t.outq > 1000 * 3);
	lab_run(t.lab, 3 * NSEC_PER_SEC);
	CHECK_EQ(lab_drops(t.a, DROP_QDISC_DROP), 0);
	CHECK_EQ(t.a->net->devs[1]->txq[0].qdisc->qlen, 0);
	lab_destroy(t.lab);
}

#define CROWD 500 /* connections: more than fit the ring and the discipline */

struct crowd {
	struct lab_host *a, *b;
	int fd[CROWD];
	bool open;
};

static void crowd_opens(void *arg)
{
	struct crowd *c = arg;
	struct sockaddr_ip any = address("0.0.0.0"), to = address("10.0.0.2");
	int listener = sys_socket(c->b->cpu, AF_INET, SOCK_STREAM, 0);

	REQUIRE(!sys_bind(c->b->cpu, listener, &any) && !sys_listen(c->b->cpu, listener, CROWD));
	for (unsigned i = 0; i < CROWD; i++) {
		c->fd[i] = sys_socket(c->a->cpu, AF_INET, SOCK_STREAM, 0);
		REQUIRE(!sys_connect(c->a->cpu, c->fd[i], &to));
	}
	c->open = true;
}

TEST(a_crowd_that_closes_at_once_waits_for_the_device_and_loses_no_fin)
{
	struct crowd c = { 0 };
	struct lab *lab = lab_pair(1, NULL, &c.a, &c.b);
	struct netdev_queue *txq = &c.a->net->devs[1]->txq[0];

	use(c.a, "pfifo", "limit 100");
	lab_spawn(c.a, "crowd", crowd_opens, &c);
	CHECK(LAB_UNTIL(lab, c.open, 10 * NSEC_PER_SEC));
	lab_dev_stall(c.a->net->devs[1], true);
	for (unsigned i = 0; i < CROWD; i++)
		sys_close(c.a->cpu, c.fd[i]);
	lab_run(lab, 5 * NSEC_PER_MSEC);
	CHECK(txq->stopped && txq->qdisc->qlen >= 50 && txq->qdisc->qlen < 100 && c.a->cpu->behind == txq);
	lab_dev_stall(c.a->net->devs[1], false);
	lab_run(lab, 50 * NSEC_PER_MSEC);
	CHECK_EQ(lab_drops(c.a, DROP_QDISC_DROP), 0);
	CHECK_EQ(lab_stat(c.a, STAT_TcpRetransSegs), 0);
	CHECK_EQ(lab_stat(c.b, STAT_TcpCurrEstab), CROWD); /* in CLOSE_WAIT, which counts: nobody took them */
	CHECK(!c.a->cpu->behind && !txq->qdisc->qlen);
	lab_destroy(lab);
}

/* ---- SO_PRIORITY ---- */

struct order {
	struct lab_host *a, *b;
	int fd[4];
	bool ready;
	char seen[16]; /* the text of frames, in the order in which they left */
	unsigned n;
};

static bool note_text(void *arg, const u8 *frame, unsigned len)
{
	struct order *o = arg;

	if (frame[len - 1] >= 'a' && frame[len - 1] <= 'z' && o->n + 1 < sizeof(o->seen))
		o->seen[o->n++] = (char)frame[len - 1];
	return false;
}

static int set(struct order *o, int fd, int level, int opt, int v)
{
	return sys_setsockopt(o->a->cpu, fd, level, opt, &v, sizeof(v));
}

/* Four connections, or four sockets that sent a datagram. */
static void order_opens(struct order *o, int type)
{
	struct sockaddr_ip any = address("0.0.0.0"), to = address("10.0.0.2");
	int listener = sys_socket(o->b->cpu, AF_INET, type, 0);

	REQUIRE(!sys_bind(o->b->cpu, listener, &any));
	if (type == SOCK_STREAM)
		REQUIRE(!sys_listen(o->b->cpu, listener, 4));
	for (unsigned i = 0; i < 4; i++) {
		o->fd[i] = sys_socket(o->a->cpu, AF_INET, type, 0);
		REQUIRE(!sys_connect(o->a->cpu, o->fd[i], &to));
		REQUIRE(sys_write(o->a->cpu, o->fd[i], "-", 1) == 1);
	}
	o->ready = true;
}
static void order_streams(void *arg) { order_opens(arg, SOCK_STREAM); }
static void order_datagrams(void *arg) { order_opens(arg, SOCK_DGRAM); }

TEST(a_socket_says_who_leaves_first_and_its_last_word_counts)
{
	static const char *const kinds[][2] = { { "pfifo_fast", "" }, { "prio", "" } };

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		struct order o = { 0 };
		struct lab *lab = lab_pair(i, NULL, &o.a, &o.b);
		struct net_device *dev = o.a->net->devs[1];
		unsigned len = sizeof(int);
		int v;

		use(o.a, kinds[i / 2][0], kinds[i / 2][1]);
		lab_link(dev)->filter = note_text;
		lab_link(dev)->filter_arg = &o;
		lab_spawn(o.a, "opens", i % 2 ? order_streams : order_datagrams, &o);
		CHECK(LAB_UNTIL(lab, o.ready, NSEC_PER_SEC));
		lab_run(lab, 500 * NSEC_PER_MSEC);
		CHECK_EQ(set(&o, o.fd[0], SOL_SOCKET, SO_PRIORITY, 2), 0);  /* bulk */
		CHECK_EQ(set(&o, o.fd[2], SOL_SOCKET, SO_PRIORITY, 6), 0);  /* interactive */
		CHECK_EQ(set(&o, o.fd[3], SOL_SOCKET, SO_PRIORITY, 2), 0);
		CHECK_EQ(set(&o, o.fd[3], SOL_IP, IP_TOS, 0x10), 0);        /* interactive after all */
		CHECK_EQ(set(&o, o.fd[1], SOL_IP, IP_TOS, 0x10), 0);
		CHECK_EQ(set(&o, o.fd[1], SOL_SOCKET, SO_PRIORITY, 0), 0);  /* and the other way round */
		CHECK_EQ(set(&o, o.fd[1], SOL_SOCKET, SO_PRIORITY, 16), -EINVAL);
		CHECK_EQ(set(&o, o.fd[1], SOL_SOCKET, SO_PRIORITY, -1), -EINVAL);
		CHECK_EQ(sys_getsockopt(o.a->cpu, o.fd[1], SOL_SOCKET, SO_PRIORITY, &v, &len), 0);
		CHECK_EQ(v, 0);
		CHECK_EQ(sys_getsockopt(o.a->cpu, o.fd[3], SOL_SOCKET, SO_PRIORITY, &v, &len), 0);
		CHECK_EQ(v, 6);
		lab_dev_stall(dev, true);
		netif_stop_queue(&dev->txq[0]);
		for (unsigned k = 0; k < 4; k++) {
			char c = (char)('a' + k);

			CHECK_EQ(sys_write(o.a->cpu, o.fd[k], &c, 1), 1);
		}
		lab_run(lab, NSEC_PER_MSEC);
		lab_dev_stall(dev, false);
		lab_run(lab, 10 * NSEC_PER_MSEC);
		CHECK_STR(o.seen, "cdba");
		lab_destroy(lab);
	}
}
