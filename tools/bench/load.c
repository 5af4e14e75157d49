/* SPDX-License-Identifier: MIT
 * load.c - asks a server for an exact number of operations, or for as long as told, and times each of them.
 *
 * Every connection (for UDP: every socket) is a slot with one operation in flight; the next is asked for when the
 * answer is whole and right. One thread, one epoll set. wrk measures rates of HTTP; this counts exactly, which
 * instructions per operation need, and speaks echo, UDP and discard.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX    4096
#define STALL_NS    5000000000ull /* a stream that says nothing for so long has stalled */
#define UDP_LOST_NS 250000000ull  /* a datagram that is not back by then is lost, and the next one is sent */

struct slot {
	int fd;
	uint64_t asked_ns, serial;
	uint64_t have, want; /* bytes of the answer; want 0: its head is not complete */
	char head[HEAD_MAX + 1];
};

struct service {
	const char *name;
	int type;          /* SOCK_STREAM or SOCK_DGRAM */
	bool reconnect;    /* a connection per operation */
	void (*ask)(struct slot *s);
	bool (*take)(struct slot *s, const uint8_t *p, size_t n); /* true: the answer is whole */
};

static union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
} server;
static const struct service *service;
static struct slot *slots;
static int epoll_fd;
static unsigned nr_slots = 1;
static size_t size = 64;
static const char *path = "/";
static uint64_t limit = UINT64_MAX, deadline_ns, asked, lost, bytes;
static float *times_us; /* of every operation */
static size_t done, times_room;
static char *message, request[2048];
static size_t request_len;

static void fail(const char *what)
{
	fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void wrong(const char *what)
{
	errno = 0;
	fail(what);
}

/* ---------------------------------------------------------------- services */
static void put(struct slot *s, const char *p, size_t n)
{
	while (n) {
		ssize_t w = send(s->fd, p, n, MSG_NOSIGNAL);

		if (w < 0)
			fail("send");
		p += w;
		n -= (size_t)w;
	}
}

static void echo_ask(struct slot *s)
{
	s->want = size;
	put(s, message, size);
}

static bool echo_take(struct slot *s, const uint8_t *p, size_t n)
{
	if (s->have + n > size || memcmp(p, message + s->have, n))
		wrong("the echo is not what was sent");
	s->have += n;
	return s->have == size;
}

static void udp_ask(struct slot *s)
{
	s->serial = asked;
	memcpy(message, &s->serial, sizeof s->serial);
	if (send(s->fd, message, size, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED)
		fail("send");
}

/* An answer to a datagram given up before is not an answer to this one. */
static bool udp_take(struct slot *s, const uint8_t *p, size_t n)
{
	return n == size && !memcmp(p, &s->serial, sizeof s->serial);
}

static void http_ask(struct slot *s)
{
	s->want = 0;
	put(s, request, request_len);
}

/* Looks at the head once it is complete: status 200 and the length of the body. */
static void http_head(struct slot *s)
{
	char *end, *length;

	s->head[s->have < HEAD_MAX ? s->have : HEAD_MAX] = 0;
	end = strstr(s->head, "\r\n\r\n");
	if (!end) {
		if (s->have >= HEAD_MAX)
			wrong("the head of the answer is too long");
		return;
	}
	*end = 0;
	length = strcasestr(s->head, "\r\ncontent-length:");
	if (strncmp(s->head, "HTTP/1.1 200", 12) || !length)
		wrong("the answer is not a 200 with a Content-Length");
	s->want = (uint64_t)(end + 4 - s->head) + strtoull(length + 17, NULL, 10);
}

static bool http_take(struct slot *s, const uint8_t *p, size_t n)
{
	if (!s->want) {
		size_t room = s->have < HEAD_MAX ? HEAD_MAX - s->have : 0;

		memcpy(s->head + s->have, p, n < room ? n : room);
		s->have += n;
		http_head(s);
	} else {
		s->have += n;
	}
	if (s->want && s->have > s->want)
		wrong("more bytes came than Content-Length says");
	return s->want && s->have == s->want;
}

static const struct service services[] = {
	{ "echo", SOCK_STREAM, false, echo_ask, echo_take },
	{ "udp", SOCK_DGRAM, false, udp_ask, udp_take },
	{ "http", SOCK_STREAM, false, http_ask, http_take },
	{ "close", SOCK_STREAM, true, http_ask, http_take },
};

/* ---------------------------------------------------------------- slots */
static void slot_connect(struct slot *s)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
	int one = 1;

	s->fd = socket(server.any.sa_family, service->type, 0);
	if (s->fd < 0 || connect(s->fd, &server.any, sizeof server) < 0)
		fail("connect");
	if (service->type == SOCK_STREAM)
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &e);
}

/* Asks for the next operation, if there is to be one; false: the slot is done. */
static bool slot_ask(struct slot *s)
{
	if (asked >= limit || now_ns() >= deadline_ns)
		return false;
	if (s->fd < 0)
		slot_connect(s);
	s->have = 0;
	s->asked_ns = now_ns();
	asked++;
	service->ask(s);
	return true;
}

static void note_time(uint64_t ns)
{
	if (done == times_room) {
		times_room = times_room ? times_room * 2 : 65536;
		times_us = realloc(times_us, times_room * sizeof *times_us);
		if (!times_us)
			fail("memory");
	}
	times_us[done++] = (float)ns / 1000;
}

/* Reads what is there; true when the slot's operation has ended. */
static bool slot_read(struct slot *s)
{
	static uint8_t buf[1 << 18];
	ssize_t n = recv(s->fd, buf, sizeof buf, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || (service->type == SOCK_DGRAM && errno == ECONNREFUSED)))
		return false;
	if (n < 0)
		fail("recv");
	if (n == 0)
		wrong("the server closed the connection");
	bytes += (uint64_t)n;
	if (!service->take(s, buf, (size_t)n))
		return false;
	note_time(now_ns() - s->asked_ns);
	if (service->reconnect) {
		close(s->fd);
		s->fd = -1;
	}
	return true;
}

/* Nothing came for a while: lost datagrams are given up, a stream must not be silent. Returns the slots that ended. */
static unsigned look_for_silence(void)
{
	unsigned ended = 0;
	uint64_t now = now_ns();

	for (struct slot *s = slots; s < slots + nr_slots; s++) {
		if (!s->asked_ns)
			continue;
		if (service->type == SOCK_DGRAM && now - s->asked_ns > UDP_LOST_NS) {
			lost++;
			s->asked_ns = 0;
			ended += !slot_ask(s);
		} else if (service->type == SOCK_STREAM && now - s->asked_ns > STALL_NS) {
			wrong("no answer for 5 s");
		}
	}
	return ended;
}

static void run_slots(void)
{
	struct epoll_event events[128];
	unsigned busy = 0;
	uint64_t looked = now_ns();

	for (struct slot *s = slots; s < slots + nr_slots; s++)
		busy += slot_ask(s);
	while (busy) {
		int n = epoll_wait(epoll_fd, events, 128, 50);

		for (int i = 0; i < n; i++) {
			struct slot *s = events[i].data.ptr;

			if (!s->asked_ns || !slot_read(s))
				continue;
			s->asked_ns = 0;
			busy -= !slot_ask(s);
		}
		if (now_ns() - looked > 50000000) {
			busy -= look_for_silence();
			looked = now_ns();
		}
	}
}

/* ---------------------------------------------------------------- discard: one stream out, and the server's close */
static void run_discard(uint64_t left)
{
	static char block[1 << 16];
	struct timeval patience = { 30, 0 };
	struct slot s = { .fd = socket(server.any.sa_family, SOCK_STREAM, 0) };

	if (connect(s.fd, &server.any, sizeof server) < 0)
		fail("connect");
	setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(s.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	for (bytes = left; left;) {
		size_t n = left < sizeof block ? left : sizeof block;

		put(&s, block, n);
		left -= n;
	}
	shutdown(s.fd, SHUT_WR);
	if (recv(s.fd, block, sizeof block, 0) != 0)
		fail("the server does not close");
	close(s.fd);
	note_time(0);
}

/* ---------------------------------------------------------------- */
static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double quantile(double q)
{
	return done ? times_us[(size_t)(q * (double)(done - 1))] : 0;
}

static void usage(void)
{
	fprintf(stderr,
		"usage: load echo|udp|http|close|discard ADDRESS PORT [options]\n"
		"  -c N      connections, one operation in flight on each (1)\n"
		"  -s BYTES  of an echo, or all that discard sends (64)\n"
		"  -p PATH   to GET (/)\n"
		"  -n N      end after exactly N operations\n"
		"  -d SEC    end after SEC seconds (5; with -n: 120)\n"
		"close is http with a connection per request. Prints one line of JSON.\n");
	exit(2);
}

static void prepare(double seconds)
{
	size_t i;

	slots = calloc(nr_slots, sizeof *slots);
	message = malloc(size < 8 ? 8 : size);
	if (!slots || !message)
		fail("memory");
	for (i = 0; i < size; i++)
		message[i] = (char)(i * 31 + 7);
	request_len = (size_t)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n", path,
				       service && service->reconnect ? "Connection: close\r\n" : "");
	epoll_fd = epoll_create1(0);
	for (i = 0; i < nr_slots; i++) {
		slots[i].fd = -1;
		if (service && !service->reconnect)
			slot_connect(&slots[i]);
	}
	deadline_ns = now_ns() + (uint64_t)(seconds * 1e9);
}

static bool parse_server(const char *address, const char *port)
{
	server.in6.sin6_port = htons((uint16_t)atoi(port)); /* at the same place in both */
	if (inet_pton(AF_INET, address, &server.in.sin_addr) == 1)
		server.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &server.in6.sin6_addr) == 1)
		server.any.sa_family = AF_INET6;
	return server.any.sa_family != 0;
}

int main(int argc, char **argv)
{
	double seconds = 0, took;
	uint64_t start;
	int o;

	while ((o = getopt(argc, argv, "c:s:p:n:d:")) != -1)
		switch (o) {
		case 'c': nr_slots = (unsigned)atoi(optarg); break;
		case 's': size = strtoull(optarg, NULL, 0); break;
		case 'p': path = optarg; break;
		case 'n': limit = strtoull(optarg, NULL, 0); break;
		case 'd': seconds = atof(optarg); break;
		default: usage();
		}
	if (argc - optind != 3 || !nr_slots || size < 8 || !parse_server(argv[optind + 1], argv[optind + 2]))
		usage();
	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
		if (!strcmp(services[i].name, argv[optind]))
			service = &services[i];
	if (!service && strcmp(argv[optind], "discard"))
		usage();
	if (service)
		prepare(seconds > 0 ? seconds : limit == UINT64_MAX ? 5 : 120);
	start = now_ns();
	if (service)
		run_slots();
	else
		run_discard(size);
	took = (double)(now_ns() - start) / 1e9;
	qsort(times_us, done, sizeof *times_us, by_value);
	printf("{\"count\": %zu, \"seconds\": %.6f, \"rate\": %.1f, \"mb_s\": %.2f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"max_us\": %.1f, \"lost\": %llu}\n",
	       done, took, (double)done / took, (double)bytes / took / 1e6, quantile(0.5), quantile(0.99), quantile(1),
	       (unsigned long long)lost);
	return 0;
}
