/* SPDX-License-Identifier: MIT
 * stack.h - the stack as the shim sees it: plain C types, because the shim lives with libc's socket headers and the stack
 * with its own. Results are counts, 0 or -errno (Linux's numbers, which both sides share).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct stack_addr {
	unsigned char ip[16]; /* IPv4: v4-mapped */
	uint16_t port;        /* host order */
	uint16_t family;
};
struct stack_iov { /* laid out as struct iovec */
	void *base;
	size_t len;
};
struct stack_notes { /* struct msg_notes */
	bool has_inq, has_zerocopy, has_stamp;
	unsigned char stamp;
	int inq;
	uint32_t zerocopy_first, zerocopy_last, stamp_key;
	uint64_t stamp_ns; /* of stack_now() */
	int flags;         /* msg_flags */
};
struct stack_event { /* of epoll */
	uint32_t events;
	uint64_t data;
};

/* `local`: the address of this host, in text, of either family. Everything else is behind a gateway in its prefix. */
void stack_init(const char *local);
int stack_sysctl(const char *name, const char *value);
/* "name" of the i-th tunable; NULL at the end. */
const char *stack_sysctl_name(unsigned i);
int stack_congestion(const char *name);
void stack_forget_peers(void);         /* what Fast Open knows of them */
void stack_tcp_table(void *file);      /* ports and states into a FILE, as the first columns of Linux's /proc/net/tcp */
void stack_segment(bool on);           /* the device cuts GSO skbs by itself */
void stack_qdisc(const char *name);
void stack_mtu(unsigned mtu);

/* ---- time and packets ---- */
uint64_t stack_now(void);
uint64_t stack_next(void); /* when a timer wants to run; UINT64_MAX: none */
/* Moves the clock to at_ns (never back), running every timer on the way, until something was sent when `stop` is set. */
void stack_run(uint64_t at_ns, int stop_at_packet);
void stack_input(const void *packet, unsigned len);
unsigned stack_output(void *packet, unsigned size, uint64_t *at_ns); /* 0: nothing was sent */

/* ---- calls; none blocks ---- */
int stack_socket(int family, int type);
int stack_bind(int fd, struct stack_addr a);
int stack_listen(int fd, int backlog);
int stack_accept(int fd, struct stack_addr *peer);
int stack_connect(int fd, struct stack_addr a);
/* `to`: NULL, or where a Fast Open connects. */
long stack_send(int fd, const struct stack_iov *iov, unsigned n, int flags, const struct stack_addr *to);
long stack_recv(int fd, const struct stack_iov *iov, unsigned n, int flags);
long stack_recvmsg(int fd, const struct stack_iov *iov, unsigned n, int flags, struct stack_notes *notes);
int stack_shutdown(int fd, int how);
int stack_close(int fd);
int stack_setsockopt(int fd, int level, int opt, const void *val, unsigned len);
int stack_getsockopt(int fd, int level, int opt, void *val, unsigned *len);
int stack_ioctl(int fd, int cmd, int *val);
unsigned stack_poll(int fd); /* EPOLL* that hold */
int stack_epoll_create(void);
int stack_epoll_ctl(int epfd, int op, int fd, const struct stack_event *ev);
int stack_epoll_wait(int epfd, struct stack_event *ev, int max);
