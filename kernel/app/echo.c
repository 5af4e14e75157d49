/* SPDX-License-Identifier: MIT
 * echo.c - echo (RFC 862), discard (863), daytime (867) and chargen (864): small services, each in another I/O model.
 *
 * TCP echo: one fiber and multishot completions for all connections, the received skb itself is sent back; a fiber of its own
 * and blocking calls for a connection that is slow to read. UDP echo: the same, without connections. Discard: a fiber per
 * connection, blocking receive of skbs. Daytime: one blocking write. Chargen: non-blocking writes and poll().
 */
#include "app/app_impl.h"
#include "app/http_value.h"
#include "lib/string.h"

#define BATCH 64 /* completions of one reaping */
#define ACCEPT_RETRY_NS (100 * NSEC_PER_MSEC) /* no memory or no descriptor for one more */

/* ---- echo over TCP ---- */
struct tcp_echo {
	struct net_cpu *cpu;
	int fd, aio;
	bool deaf; /* accepting failed: it is tried again */
};

/* A connection whose peer does not read as fast as it writes: from then on it has a fiber that waits for it. */
struct tcp_slow {
	struct net_cpu *cpu;
	int fd;
	struct sk_buff_head queue; /* received, not sent yet */
};

static bool echo_back(struct net_cpu *cpu, int fd, struct sk_buff *skb)
{
	unsigned len = skb->len;

	if (sys_send_skb(cpu, fd, skb, 0)) {
		sys_skb_free(cpu, skb);
		return false;
	}
	if (cpu->app)
		cpu->app->echo_bytes += len;
	return true;
}

static void slow_end(struct tcp_slow *s)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&s->queue)))
		sys_skb_free(s->cpu, skb);
	sys_close(s->cpu, s->fd);
	kfree(s);
}

static void slow_fiber(void *arg)
{
	struct tcp_slow *s = arg;
	struct net_cpu *cpu = s->cpu;
	struct sk_buff *skb;
	int err = 0;

	sys_fcntl_nonblock(cpu, s->fd, false);
	while ((skb = skb_dequeue(&s->queue) ?: sys_recv_skb(cpu, s->fd, 0, &err)) && echo_back(cpu, s->fd, skb))
		;
	slow_end(s);
	if (cpu->app)
		cpu->app->conns--;
}

/* What came for the connection of c, with what came behind it in the same batch. NULL: no memory, or too many have a fiber. */
static struct tcp_slow *take_over(const struct tcp_echo *e, struct aio_cqe *c, const struct aio_cqe *end)
{
	struct tcp_slow *s = e->cpu->app->conns < APP_CONNS_MAX ? kmalloc(sizeof(*s)) : NULL;
	int fd = (int)c->data;

	if (s) {
		*s = (struct tcp_slow){ .cpu = e->cpu, .fd = fd };
		skb_queue_init(&s->queue);
	}
	for (; c < end; c++) {
		if (c->op != AIO_RECV_SKB || (int)c->data != fd)
			continue;
		if (c->skb && s)
			skb_queue_tail(&s->queue, c->skb);
		else if (c->skb)
			sys_skb_free(e->cpu, c->skb);
		c->skb = NULL;
		c->more = true; /* nothing is left to do about it */
	}
	return s;
}

/* c's skb did not leave: there is no room for it, or nobody to send it to. */
static void echo_slow(const struct tcp_echo *e, struct aio_cqe *c, const struct aio_cqe *end)
{
	int fd = (int)c->data;
	struct tcp_slow *s;

	sys_aio_cancel(e->cpu, e->aio, fd);
	s = take_over(e, c, end);
	if (!s)
		sys_close(e->cpu, fd);
	else if (fiber_spawn(e->cpu->fibers, "echo", slow_fiber, s))
		e->cpu->app->conns++;
	else
		slow_end(s);
}

static void ask_for_connections(struct tcp_echo *e)
{
	struct aio_sqe sqe = { .op = AIO_ACCEPT, .flags = AIO_MULTISHOT, .fd = e->fd };

	e->deaf = sys_aio_submit(e->cpu, e->aio, &sqe, 1) != 1;
}

static void echo_accepted(struct tcp_echo *e, const struct aio_cqe *c)
{
	struct aio_sqe sqe = { .op = AIO_RECV_SKB, .flags = AIO_MULTISHOT, .fd = (int)c->res, .data = (u64)c->res };

	if (c->res >= 0 && sys_aio_submit(e->cpu, e->aio, &sqe, 1) != 1) {
		e->cpu->app->refused++;
		sys_close(e->cpu, sqe.fd);
	}
	e->deaf = !c->more;
}

/* One whose skb could not be sent, or that has none. */
static void echo_other(struct tcp_echo *e, struct aio_cqe *c, const struct aio_cqe *end)
{
	if (c->skb) {
		echo_slow(e, c, end);
	} else if (c->op == AIO_ACCEPT) {
		echo_accepted(e, c);
	} else if (!c->more) {
		sys_close(e->cpu, (int)c->data);
	}
}

static void echo_tcp_fiber(void *arg)
{
	struct tcp_echo e = *(struct tcp_echo *)arg;
	struct aio_cqe cqe[BATCH];
	int n;

	kfree(arg);
	while (e.cpu->app && (n = sys_aio_wait(e.cpu, e.aio, cqe, BATCH, e.deaf ? (s64)ACCEPT_RETRY_NS : -1)) >= 0) {
		for (int i = 0; e.cpu->app && i < n; i++) {
			i += sys_send_completed(e.cpu, &cqe[i], n - i, &e.cpu->app->echo_bytes);
			if (unlikely(i < n))
				echo_other(&e, &cqe[i], &cqe[n]);
		}
		if (unlikely(e.deaf) && e.cpu->app && !n)
			ask_for_connections(&e);
	}
	sys_close(e.cpu, e.aio);
}

int echo_tcp_start(struct net_cpu *cpu, const struct app_service *s)
{
	int fd = app_socket(cpu, s), aio = fd < 0 ? fd : sys_aio_create(cpu);
	struct tcp_echo *e = aio < 0 ? NULL : kmalloc(sizeof(*e));

	if (e) {
		*e = (struct tcp_echo){ .cpu = cpu, .fd = fd, .aio = aio };
		ask_for_connections(e);
		if (fiber_spawn(cpu->fibers, s->name, echo_tcp_fiber, e))
			return 0;
	}
	kfree(e);
	if (aio >= 0)
		sys_close(cpu, aio);
	return fd < 0 ? fd : -ENOMEM;
}

/* ---- echo over UDP ---- */
struct udp_service {
	struct net_cpu *cpu;
	int fd, aio;
};

/* Asks for every datagram of fd to come by completion; the queue, or -errno. */
static int ask_for_datagrams(struct net_cpu *cpu, int fd)
{
	struct aio_sqe sqe = { .op = AIO_RECV_SKB, .flags = AIO_MULTISHOT, .fd = fd };
	int aio = sys_aio_create(cpu), n;

	if (aio < 0)
		return aio;
	n = sys_aio_submit(cpu, aio, &sqe, 1);
	if (n == 1)
		return aio;
	sys_close(cpu, aio);
	return n < 0 ? n : -ENOMEM;
}

/* A socket error (an ICMP message about an answer) ends a multishot operation: it is asked for again. */
static void ask_again(struct net_cpu *cpu, int fd, int aio)
{
	struct aio_sqe sqe = { .op = AIO_RECV_SKB, .flags = AIO_MULTISHOT, .fd = fd };

	while (cpu->app && sys_aio_submit(cpu, aio, &sqe, 1) == -ENOMEM)
		sys_nanosleep(cpu, 10 * NSEC_PER_MSEC);
}

/* What cannot be sent (no room, or an error told of the one before) is lost, as a datagram may be. */
static void send_back(const struct udp_service *s, struct sk_buff *const *skbs, unsigned n)
{
	int sent;

	for (; n; skbs += sent, n -= (unsigned)sent) {
		sent = sys_send_skbs(s->cpu, s->fd, skbs, n, MSG_DONTWAIT);
		if (unlikely(sent <= 0)) {
			sys_skb_free(s->cpu, *skbs);
			sent = 1;
		}
	}
}

static void echo_udp_fiber(void *arg)
{
	struct udp_service s = *(struct udp_service *)arg;
	struct aio_cqe cqe[BATCH];
	struct sk_buff *skbs[BATCH];
	unsigned nr;
	int n;

	kfree(arg);
	while (s.cpu->app && (n = sys_aio_wait(s.cpu, s.aio, cqe, BATCH, -1)) >= 0) {
		nr = 0;
		for (int i = 0; i < n; i++)
			if (likely(cqe[i].skb != NULL))
				skbs[nr++] = cqe[i].skb;
		send_back(&s, skbs, nr);
		if (unlikely(n && !cqe[n - 1].more))
			ask_again(s.cpu, s.fd, s.aio);
		if (s.cpu->app)
			s.cpu->app->datagrams += (u64)n;
	}
	sys_close(s.cpu, s.aio);
}

/* All that may wait at once in a tx ring, behind it, and in a poll that brings more: beyond that the NIC holds receiving back
 * (qdisc_is_behind), and a question that is not taken costs nothing, where an answer without room costs the whole way up. */
#define ECHO_SNDBUF (512 << 10)

static int udp_start(struct net_cpu *cpu, const struct app_service *s, void (*fn)(void *), bool completions)
{
	struct udp_service *u = kmalloc(sizeof(*u));
	int fd = app_socket(cpu, s), room = ECHO_SNDBUF;

	if (fd < 0 || !u) {
		kfree(u);
		return fd < 0 ? fd : -ENOMEM;
	}
	if (completions)
		sys_setsockopt(cpu, fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	*u = (struct udp_service){ .cpu = cpu, .fd = fd, .aio = completions ? ask_for_datagrams(cpu, fd) : 0 };
	if (u->aio >= 0 && fiber_spawn(cpu->fibers, s->name, fn, u))
		return 0;
	sys_close(cpu, fd);
	kfree(u);
	return -ENOMEM;
}

/* app.work: one datagram after the other, as a program has it that computes its answers, and waits for room to send them. */
static void costly_udp_fiber(void *arg)
{
	struct udp_service s = *(struct udp_service *)arg;
	struct sk_buff *skb;
	int err = 0;

	kfree(arg);
	while ((skb = sys_recv_skb(s.cpu, s.fd, 0, &err)) || err != -EBADF) {
		if (!skb)
			continue;
		if (!s.cpu->app) {
			sys_skb_free(s.cpu, skb);
			break;
		}
		app_work(s.cpu->app->work);
		if (sys_send_skb(s.cpu, s.fd, skb, 0))
			sys_skb_free(s.cpu, skb);
		if (s.cpu->app)
			s.cpu->app->datagrams++;
		sys_yield(s.cpu); /* others have a turn, however many datagrams wait */
	}
}

int echo_udp_start(struct net_cpu *cpu, const struct app_service *s)
{
	return cpu->app->work ? udp_start(cpu, s, costly_udp_fiber, false) : udp_start(cpu, s, echo_udp_fiber, true);
}

/* ---- discard ---- */
static void discard_serve(struct net_cpu *cpu, int fd)
{
	struct sk_buff *skb;
	int err = 0;

	while ((skb = sys_recv_skb(cpu, fd, 0, &err)))
		sys_skb_free(cpu, skb);
}

int discard_tcp_start(struct net_cpu *cpu, const struct app_service *s)
{
	int fd = app_socket(cpu, s);

	return fd < 0 ? fd : app_accept_loop(cpu, s->name, fd, discard_serve);
}

static void discard_udp_fiber(void *arg)
{
	struct udp_service s = *(struct udp_service *)arg;
	struct sk_buff *skb;
	int err = 0;

	kfree(arg);
	while ((skb = sys_recv_skb(s.cpu, s.fd, 0, &err)) || err != -EBADF)
		if (skb)
			sys_skb_free(s.cpu, skb);
}

int discard_udp_start(struct net_cpu *cpu, const struct app_service *s)
{
	return udp_start(cpu, s, discard_udp_fiber, false);
}

/* ---- daytime ---- */
static unsigned daytime(struct net_cpu *cpu, char *out)
{
	http_date_format(out, wall_clock_ns(cpu->now_ns) / NSEC_PER_SEC);
	memcpy(out + HTTP_DATE_LEN, "\r\n", 2);
	return HTTP_DATE_LEN + 2;
}

static void daytime_serve(struct net_cpu *cpu, int fd)
{
	char text[HTTP_DATE_LEN + 2];

	sys_write(cpu, fd, text, daytime(cpu, text));
}

int daytime_tcp_start(struct net_cpu *cpu, const struct app_service *s)
{
	int fd = app_socket(cpu, s);

	return fd < 0 ? fd : app_accept_loop(cpu, s->name, fd, daytime_serve);
}

static void daytime_udp_fiber(void *arg)
{
	struct udp_service s = *(struct udp_service *)arg;
	char text[HTTP_DATE_LEN + 2], asked[4];
	struct sockaddr_ip from;
	long n;

	kfree(arg);
	while ((n = sys_recvfrom(s.cpu, s.fd, asked, sizeof(asked), 0, &from)) != -EBADF)
		if (n >= 0)
			sys_sendto(s.cpu, s.fd, text, daytime(s.cpu, text), MSG_DONTWAIT, &from);
}

int daytime_udp_start(struct net_cpu *cpu, const struct app_service *s)
{
	return udp_start(cpu, s, daytime_udp_fiber, false);
}

/* ---- chargen ---- */
#define CHARGEN_LINE  74u /* 72 characters, CR, LF */
#define CHARGEN_LINES 95u /* then the pattern is at its start again */

/* Line i of RFC 864's pattern: the 95 printing characters, turned by i. */
static void chargen_line(char *out, unsigned i)
{
	for (unsigned k = 0; k < CHARGEN_LINE - 2; k++)
		out[k] = (char)(' ' + (i + k) % 95);
	memcpy(out + CHARGEN_LINE - 2, "\r\n", 2);
}

static void chargen_serve(struct net_cpu *cpu, int fd)
{
	struct pollfd p = { .fd = fd, .events = EPOLLOUT };
	char line[CHARGEN_LINE];
	unsigned i = 0, off = 0;

	sys_fcntl_nonblock(cpu, fd, true);
	for (;;) {
		long n;

		chargen_line(line, i);
		n = sys_write(cpu, fd, line + off, CHARGEN_LINE - off);
		if (n == -EAGAIN) {
			if (sys_poll(cpu, &p, 1, -1) < 0 || (p.revents & (EPOLLERR | EPOLLHUP | POLLNVAL)))
				return;
			continue;
		}
		if (n < 0)
			return;
		off += (unsigned)n;
		if (off == CHARGEN_LINE) {
			off = 0;
			i = (i + 1) % CHARGEN_LINES;
			if (!i)
				sys_yield(cpu); /* a reader as fast as the writer must not keep the CPU */
		}
	}
}

int chargen_tcp_start(struct net_cpu *cpu, const struct app_service *s)
{
	int fd = app_socket(cpu, s);

	return fd < 0 ? fd : app_accept_loop(cpu, s->name, fd, chargen_serve);
}
