/* SPDX-License-Identifier: MIT
 * httpkit.h - a server and its clients in the laboratory: host "b" (10.0.0.2) runs the application, fibers on "a" ask it.
 */
#pragma once

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "app/app_impl.h"
#include "app/http.h"
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/string.h"
#include "net/socket/socket.h"

struct kit {
	struct lab *lab;
	struct lab_host *a, *b;
};

/* What a client does: connects, sends in pieces, may close its side, and reads to the end. */
struct talk {
	struct kit *kit;
	const char *send;
	size_t len;
	u16 port;
	size_t step;      /* bytes a write; 0: all */
	u64 pause_ns;     /* between writes */
	bool half_close;  /* after the last byte */
	size_t read_max;  /* stops reading after so many bytes; 0: at the end */
	u64 read_after_ns;
	char *got;
	size_t got_len;
	int err;          /* how reading or connecting ended: 0 or -errno */
	bool done;
	u64 done_ns;
};

static inline struct sockaddr_ip kit_server(u16 port)
{
	struct sockaddr_ip a = { .family = AF_INET, .port = port };

	CHECK_EQ(ip_pton("10.0.0.2", &a.addr), 0);
	return a;
}

static inline void talk_send(struct talk *t, struct net_cpu *cpu, int fd)
{
	size_t step = t->step ? t->step : t->len;

	for (size_t off = 0; off < t->len && !t->err; off += step) {
		long n = sys_send(cpu, fd, t->send + off, MIN(step, t->len - off), 0);

		if (n < 0)
			t->err = (int)n;
		if (t->pause_ns)
			sys_nanosleep(cpu, t->pause_ns);
	}
	if (t->half_close)
		sys_shutdown(cpu, fd, SHUT_WR);
	t->err = 0; /* what counts is what came back */
}

static inline void talk_fiber(void *arg)
{
	struct talk *t = arg;
	struct net_cpu *cpu = t->kit->a->cpu;
	struct sockaddr_ip to = kit_server(t->port ? t->port : 80);
	int fd = sys_socket(cpu, AF_INET, SOCK_STREAM, 0);
	size_t size = 0;
	long n = 0;

	t->err = sys_connect(cpu, fd, &to);
	if (!t->err) {
		talk_send(t, cpu, fd);
		if (t->read_after_ns)
			sys_nanosleep(cpu, t->read_after_ns);
		do {
			if (t->got_len + 65536 + 1 > size)
				t->got = realloc(t->got, size = (size + 65536) * 2);
			n = sys_recv(cpu, fd, t->got + t->got_len, 65536, 0);
			t->got_len += n > 0 ? (size_t)n : 0;
		} while (n > 0 && (!t->read_max || t->got_len < t->read_max));
		t->got[t->got_len] = '\0';
		t->err = n < 0 ? (int)n : 0;
	}
	sys_close(cpu, fd);
	t->done_ns = cpu->now_ns;
	t->done = true;
}

static inline void kit_start_with(struct kit *k, const struct lab_link *link, const void *site, size_t site_len,
				  const char *cmdline)
{
	struct app_params p = { .site = site, .site_len = site_len, .cmdline = cmdline };

	k->lab = lab_pair(1, link, &k->a, &k->b);
	CHECK_EQ(app_start(k->b->net, &p), 0);
	lab_run(k->lab, 10 * NSEC_PER_MSEC);
}

static inline void kit_start(struct kit *k)
{
	kit_start_with(k, NULL, NULL, 0, "app.spin=1 app.chargen=1");
}

static inline void kit_stop(struct kit *k)
{
	app_stop(k->b->net);
	lab_run(k->lab, 2 * NSEC_PER_SEC); /* fibers end, connections too */
	lab_destroy(k->lab);
}

static inline struct http_server *kit_http(struct kit *k)
{
	return k->b->cpu->app->http;
}

static inline void talk_start(struct talk *t, struct kit *k)
{
	t->kit = k;
	lab_spawn(k->a, "client", talk_fiber, t);
}

/* Runs a talk to its end; false: it took more than `ns`. */
static inline bool talk_run(struct talk *t, struct kit *k, u64 ns)
{
	talk_start(t, k);
	return CHECK(LAB_UNTIL(k->lab, t->done, ns));
}

/* Sends a text, closes the client's side, and returns all that came back; the caller frees it. */
static inline char *ask(struct kit *k, const char *text)
{
	struct talk t = { .send = text, .len = strlen(text), .half_close = true };

	talk_run(&t, k, 60 * NSEC_PER_SEC);
	CHECK_EQ(t.err, 0);
	return t.got;
}

/* The status of the first answer, 0: none. */
static inline int status_in(const char *got)
{
	return got && !strncmp(got, "HTTP/1.1 ", 9) ? atoi(got + 9) : 0;
}

static inline const char *body_of(const char *got)
{
	const char *p = got ? strstr(got, "\r\n\r\n") : NULL;

	return p ? p + 4 : "";
}

/* Does the first head hold this line? */
static inline bool has_line(const char *got, const char *line)
{
	const char *end = strstr(got, "\r\n\r\n"), *p = strstr(got, line);

	return p && end && p < end && p[-1] == '\n' && p[strlen(line)] == '\r';
}
