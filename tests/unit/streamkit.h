/* SPDX-License-Identifier: MIT
 * streamkit.h - fibers of hosts in the laboratory, and connections between them.
 */
#pragma once

#include "unit/sockkit.h"

/* What a fiber is to do, and how that went. */
struct job {
	struct lab_host *h;
	int fd, aux;
	long ret;
	u64 took_ns;
	bool done;
	char buf[256];
	u64 timeout_ns;
};

#define FIBER(name)                                                                                \
	static void name##_body(struct job *j);                                                    \
	static void name(void *arg)                                                                \
	{                                                                                          \
		struct job *j = arg;                                                               \
		u64 start = j->h->cpu->now_ns;                                                     \
                                                                                                   \
		name##_body(j);                                                                    \
		j->took_ns = j->h->cpu->now_ns - start;                                            \
		j->done = true;                                                                    \
	}                                                                                          \
	static void name##_body(struct job *j)

FIBER(accept_fiber)
{
	struct sockaddr_ip peer;

	j->ret = sys_accept4(j->h->cpu, j->fd, &peer, 0);
	if (j->ret >= 0)
		ip_ntop(&peer.addr, j->buf);
}
FIBER(connect_fiber)
{
	struct sockaddr_ip to = at("10.0.0.2", 1000);

	j->ret = sys_connect(j->h->cpu, j->fd, &to);
}

static inline int tcp_listener(struct lab_host *h, u16 port)
{
	int fd = sys_socket(h->cpu, AF_INET, SOCK_STREAM, 0);

	bind_to(h, fd, port);
	CHECK_EQ(sys_listen(h->cpu, fd, 16), 0);
	return fd;
}

/* A connected pair of blocking sockets: a's and b's end. */
static inline void tcp_pair(struct lab *lab, struct lab_host *a, struct lab_host *b, int *fda, int *fdb)
{
	static struct job accepting, connecting;

	accepting = (struct job){ .h = b, .fd = tcp_listener(b, 1000) };
	connecting = (struct job){ .h = a, .fd = sys_socket(a->cpu, AF_INET, SOCK_STREAM, 0) };
	lab_spawn(b, "accept", accept_fiber, &accepting);
	lab_spawn(a, "connect", connect_fiber, &connecting);
	CHECK(LAB_UNTIL(lab, accepting.done && connecting.done, NSEC_PER_SEC));
	CHECK_EQ(connecting.ret, 0);
	CHECK(accepting.ret >= 0);
	CHECK_STR(accepting.buf, "10.0.0.1");
	*fda = connecting.fd;
	*fdb = (int)accepting.ret;
}
