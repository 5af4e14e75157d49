/* SPDX-License-Identifier: MIT
 * crowd.c - HTTP clients that come at a given rate, whether the ones before were answered or not (an open loop), and how many got
 * their answer.
 *
 *   crowd ADDRESS PORT PATH RATE SECONDS [PATIENCE]
 *
 * Each connects, asks once with Connection: close, and reads to the end. One that has no answer after PATIENCE seconds (10 unless
 * given) gives up and closes, as people do. After the last has come, the rest is waited for, PATIENCE at most. Answers are counted
 * while new clients come: `goodput` is of that time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CLIENTS 65536
#define EVENTS      256
#define MAX_RATE    100000
#define AT_ONCE     64     /* who come, before those who are there are looked at: a host too slow for the rate must not leave them waiting */

struct client {
	int fd;
	double came;
	int asked, begun;
};

static struct client clients[MAX_CLIENTS];
static unsigned first, last; /* of the ring: clients[i % MAX_CLIENTS] */
static uint64_t came, answered, in_time, given_up, refused, not_sent, wrong;
static char request[512];
static size_t request_len;
static int epfd;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double bounded(const char *name, const char *text, double least, double most)
{
	char *end;
	double v = strtod(text, &end);

	if (*end || v < least || v > most) {
		fprintf(stderr, "crowd: %s %s: allowed is a number from %g to %g\n", name, text, least, most);
		exit(2);
	}
	return v;
}

static void leaves(struct client *c, uint64_t *count)
{
	close(c->fd);
	c->fd = -1;
	*count += 1;
}

static void comes(const struct sockaddr_in *to, double t)
{
	struct client *c = &clients[last % MAX_CLIENTS];
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };

	came++;
	*c = (struct client){ .came = t };
	c->fd = last - first == MAX_CLIENTS ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || (connect(c->fd, (const struct sockaddr *)to, sizeof(*to)) && errno != EINPROGRESS) ||
	    epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev)) {
		if (c->fd >= 0)
			close(c->fd);
		not_sent++;
		return;
	}
	last++;
}

/* It has the whole answer when the server closes. */
static void reads(struct client *c)
{
	char room[4096];
	ssize_t n;

	while ((n = read(c->fd, room, sizeof(room))) > 0) {
		if (!c->begun && (n < 12 || memcmp(room, "HTTP/1.1 200", 12))) {
			leaves(c, &wrong);
			return;
		}
		c->begun = 1;
	}
	if (n < 0 && errno == EAGAIN)
		return;
	leaves(c, n == 0 && c->begun ? &answered : &refused);
}

static void look(struct client *c, uint32_t events)
{
	if (c->fd < 0)
		return;
	if (!c->asked && events & EPOLLOUT)
		c->asked = send(c->fd, request, request_len, MSG_NOSIGNAL) == (ssize_t)request_len;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		reads(c);
}

static void turn(double patience, int ms)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(epfd, ev, EVENTS, ms);
	double t = now();

	for (int i = 0; i < n; i++)
		look(ev[i].data.ptr, ev[i].events);
	for (; first != last; first++) {
		struct client *c = &clients[first % MAX_CLIENTS];

		if (c->fd >= 0 && t - c->came < patience)
			break;
		if (c->fd >= 0)
			leaves(c, &given_up);
	}
}

static void run(const struct sockaddr_in *to, double rate, double seconds, double patience)
{
	double start = now(), t;

	while ((t = now() - start) < seconds) {
		uint64_t due = (uint64_t)(rate * t), late = due > came ? due - came : 0;

		for (unsigned i = 0; i < AT_ONCE && came < due; i++)
			comes(to, start + t);
		turn(patience, late <= AT_ONCE);
	}
	in_time = answered;
	while (first != last)
		turn(patience, 10);
}

int main(int argc, char **argv)
{
	struct rlimit files = { MAX_CLIENTS + 64, MAX_CLIENTS + 64 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	double rate, seconds, patience;

	if (argc < 6 || argc > 7) {
		fprintf(stderr, "usage: crowd ADDRESS PORT PATH RATE SECONDS [PATIENCE]\n");
		return 2;
	}
	to.sin_port = htons((uint16_t)bounded("port", argv[2], 1, 65535));
	rate = bounded("rate", argv[4], 1, MAX_RATE);
	seconds = bounded("seconds", argv[5], 0.1, 600);
	patience = argc > 6 ? bounded("patience", argv[6], 0.1, 600) : 10;
	if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "crowd: %s is no IPv4 address\n", argv[1]);
		return 2;
	}
	request_len = (size_t)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: crowd\r\nConnection: close\r\n\r\n", argv[3]);
	if (request_len >= sizeof(request)) {
		fprintf(stderr, "crowd: the path is longer than %zu\n", sizeof(request) - 64);
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	epfd = epoll_create1(0);
	run(&to, rate, seconds, patience);
	printf("{\"came\": %llu, \"answered\": %llu, \"given_up\": %llu, \"refused\": %llu, \"wrong\": %llu, \"not_sent\": %llu, \"goodput\": %.1f}\n",
	       (unsigned long long)came, (unsigned long long)answered, (unsigned long long)given_up, (unsigned long long)refused,
	       (unsigned long long)wrong, (unsigned long long)not_sent, (double)in_time / seconds);
	return 0;
}
