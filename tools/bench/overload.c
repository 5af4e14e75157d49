/* SPDX-License-Identifier: MIT
 * overload.c - datagrams to an echo at a given rate, whether answers come or not (an open loop), and how many came back whole.
 *
 *   overload ADDRESS PORT RATE SECONDS [BYTES [SOCKETS]]
 *
 * What is due is sent in bursts of at most BURST, from several sockets in turn; a burst that the link refuses counts as sent. Rate,
 * time and size are bounded. The answers are counted by a thread of their own, which wakes once a millisecond.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST       64
#define MAX_RATE    2000000
#define MAX_SECONDS 60
#define MAX_BYTES   1400
#define MAX_SOCKETS 64
#define LINGER_S    0.3 /* answers that come so long after the last question still count */

static int sockets[MAX_SOCKETS];
static unsigned nr_sockets = 16, size = 64;
static volatile int over;
static uint64_t back, wrong;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void nap(double s)
{
	struct timespec t = { .tv_nsec = (long)(s * 1e9) };

	nanosleep(&t, NULL);
}

static void fail(const char *what)
{
	fprintf(stderr, "overload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double bounded(const char *name, const char *text, double least, double most)
{
	char *end;
	double v = strtod(text, &end);

	if (*end || v < least || v > most) {
		fprintf(stderr, "overload: %s %s: allowed is a number from %.0f to %.0f\n", name, text, least, most);
		exit(2);
	}
	return v;
}

static void open_sockets(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)bounded("port", port, 1, 65535)) };
	int room = 4 << 20;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
		fprintf(stderr, "overload: %s is no IPv4 address\n", address);
		exit(2);
	}
	for (unsigned i = 0; i < nr_sockets; i++) {
		sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (sockets[i] < 0 || connect(sockets[i], (struct sockaddr *)&to, sizeof(to)) < 0)
			fail("socket");
		setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	}
}

static void drain(int fd)
{
	static char room[BURST][MAX_BYTES + 1];
	struct mmsghdr m[BURST];
	struct iovec io[BURST];
	int n;

	do {
		for (int i = 0; i < BURST; i++) {
			io[i] = (struct iovec){ room[i], sizeof(room[i]) };
			m[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &io[i], .msg_iovlen = 1 } };
		}
		n = recvmmsg(fd, m, BURST, 0, NULL);
		for (int i = 0; i < n; i++)
			*(m[i].msg_len == size ? &back : &wrong) += 1;
	} while (n == BURST);
}

static void *listener(void *arg)
{
	(void)arg;
	while (!over) {
		for (unsigned i = 0; i < nr_sockets; i++)
			drain(sockets[i]);
		nap(1e-3);
	}
	return NULL;
}

static uint64_t send_all(double rate, double seconds)
{
	static char text[MAX_BYTES];
	struct mmsghdr m[BURST];
	struct iovec io = { text, size };
	double start = now(), t;
	uint64_t sent = 0;
	unsigned turn = 0;

	for (int i = 0; i < BURST; i++)
		m[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &io, .msg_iovlen = 1 } };
	while ((t = now() - start) < seconds) {
		uint64_t due = (uint64_t)(rate * t);
		unsigned n = due - sent < BURST ? (unsigned)(due - sent) : BURST;

		if (!n) {
			nap(2e-4);
			continue;
		}
		sendmmsg(sockets[turn++ % nr_sockets], m, n, 0);
		sent += n;
	}
	return sent;
}

int main(int argc, char **argv)
{
	double rate, seconds;
	pthread_t thread;
	uint64_t sent;

	if (argc < 5 || argc > 7) {
		fprintf(stderr, "usage: overload ADDRESS PORT RATE SECONDS [BYTES [SOCKETS]]\n");
		return 2;
	}
	rate = bounded("rate", argv[3], 1, MAX_RATE);
	seconds = bounded("seconds", argv[4], 0.1, MAX_SECONDS);
	size = argc > 5 ? (unsigned)bounded("bytes", argv[5], 1, MAX_BYTES) : size;
	nr_sockets = argc > 6 ? (unsigned)bounded("sockets", argv[6], 1, MAX_SOCKETS) : nr_sockets;
	open_sockets(argv[1], argv[2]);
	if (pthread_create(&thread, NULL, listener, NULL))
		fail("thread");
	sent = send_all(rate, seconds);
	nap(LINGER_S);
	over = 1;
	pthread_join(thread, NULL);
	printf("{\"sent\": %llu, \"back\": %llu, \"wrong\": %llu, \"offered\": %.1f, \"goodput\": %.1f}\n", (unsigned long long)sent,
	       (unsigned long long)back, (unsigned long long)wrong, (double)sent / seconds, (double)back / seconds);
	return 0;
}
