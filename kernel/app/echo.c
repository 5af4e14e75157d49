/* SPDX-License-Identifier: MIT
 * echo.c - echo (RFC 862), discard (863), daytime (867) and chargen (864): small services, each in another I/O model.
 *
 * TCP echo: a fiber per connection, blocking calls, the received skb itself is sent back. UDP echo: one fiber and a
 * multishot completion, datagrams reaped in batches. Discard: blocking read, and blocking receive of skbs. Daytime: one
 * blocking write; a completion per datagram asked for. Chargen: non-blocking writes and poll().
 */
#include "app/app_impl.h"
#include "app/http_value.h"
#include "lib/string.h"

#define BATCH 64 /* completions of one reaping */

/* ---- echo over TCP ---- */
static void echo_serve(struct net_cpu *cpu, int fd)
{
	struct sk_buff *skb;
	int err = 0;

	while ((skb = sys_recv_skb(cpu, fd, 0, &err))) {
		unsigned len = skb->len;

		err = sys_send_skb(cpu, fd, skb, 0);
		if (err) {
			sys_skb_free(cpu, skb);
			return;
		}
		if (cpu->app)
			cpu->app->echo_bytes += len;
	}
}

int echo_tcp_start(struct net_cpu *cpu, const struct app_service *s)
{
	int fd = app_socket(cpu, s);

	return fd < 0 ? fd : app_accept_loop(cpu, s->name, fd, echo_serve);
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

static void echo_udp_fiber(void *arg)
{
	struct udp_service s = *(struct udp_service *)arg;
	struct aio_cqe cqe[BATCH];
	int n;

	kfree(arg);
	while (s.cpu->app && (n = sys_aio_wait(s.cpu, s.aio, cqe, BATCH, -1)) >= 0) {
		for (int i = 0; i < n; i++) {
			if (cqe[i].skb && sys_send_skb(s.cpu, s.fd, cqe[i].skb, MSG_DONTWAIT))
				sys_skb_free(s.cpu, cqe[i].skb); /* no room: a datagram may be lost */
			if (!cqe[i].more)
				ask_again(s.cpu, s.fd, s.aio);
		}
		if (s.cpu->app)
			s.cpu->app->datagrams += (u64)n;
	}
	sys_close(s.cpu, s.aio);
}

static int udp_start(struct net_cpu *cpu, const struct app_service *s, void (*fn)(void *), bool completions)
{
	struct udp_service *u = kmalloc(sizeof(*u));
	int fd = app_socket(cpu, s);

	if (fd < 0 || !u) {
		kfree(u);
		return fd < 0 ? fd : -ENOMEM;
	}
	*u = (struct udp_service){ .cpu = cpu, .fd = fd, .aio = completions ? ask_for_datagrams(cpu, fd) : 0 };
	if (u->aio >= 0 && fiber_spawn(cpu->fibers, s->name, fn, u))
		return 0;
	sys_close(cpu, fd);
	kfree(u);
	return -ENOMEM;
}

int echo_udp_start(struct net_cpu *cpu, const struct app_service *s)
{
	return udp_start(cpu, s, echo_udp_fiber, true);
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
