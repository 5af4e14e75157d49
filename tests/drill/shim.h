/* SPDX-License-Identifier: MIT
 * shim.h - what the files of the shim share: the program's interface, the lock, who sleeps, and the descriptors.
 */
#pragma once

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "drill/stack.h"

#define MAX_FD  1024
#define NEVER   UINT64_MAX
#define US      1000ull
#define EXPORT  __attribute__((visibility("default")))

struct packetdrill_interface { /* the program's ABI: order and types are its */
	void *userdata;
	void (*free)(void *);
	int (*socket)(void *, int, int, int);
	int (*bind)(void *, int, const struct sockaddr *, socklen_t);
	int (*listen)(void *, int, int);
	int (*accept)(void *, int, struct sockaddr *, socklen_t *);
	int (*connect)(void *, int, const struct sockaddr *, socklen_t);
	ssize_t (*read)(void *, int, void *, size_t);
	ssize_t (*readv)(void *, int, const struct iovec *, int);
	ssize_t (*recv)(void *, int, void *, size_t, int);
	ssize_t (*recvfrom)(void *, int, void *, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t (*recvmsg)(void *, int, struct msghdr *, int);
	ssize_t (*write)(void *, int, const void *, size_t);
	ssize_t (*writev)(void *, int, const struct iovec *, int);
	ssize_t (*send)(void *, int, const void *, size_t, int);
	ssize_t (*sendto)(void *, int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*sendmsg)(void *, int, const struct msghdr *, int);
	int (*fcntl)(void *, int, int, ...);
	int (*ioctl)(void *, int, unsigned long, ...);
	int (*close)(void *, int);
	int (*shutdown)(void *, int, int);
	int (*getsockopt)(void *, int, int, int, void *, socklen_t *);
	int (*setsockopt)(void *, int, int, int, const void *, socklen_t);
	int (*poll)(void *, struct pollfd *, nfds_t, int);
	int (*netdev_send)(void *, const void *, size_t);
	int (*netdev_receive)(void *, void *, size_t *, long long *);
	int (*usleep)(void *, useconds_t);
	int (*gettimeofday)(void *, struct timeval *, struct timezone *);
	int (*epoll_create)(void *, int);
	int (*epoll_ctl)(void *, int, int, int, struct epoll_event *);
	int (*epoll_wait)(void *, int, struct epoll_event *, int, int);
	int (*pipe)(void *, int[2]);
	int (*splice)(void *, int, loff_t *, int, loff_t *, size_t, unsigned);
};

extern struct shim {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int fds[MAX_FD];     /* the stack's descriptor of one of the program's, plus one */
	bool nonblock[MAX_FD];
	unsigned sleepers;   /* threads in a blocking call */
	unsigned looked;     /* of those, how many saw the present state and sleep on */
	unsigned round;
	unsigned owed;       /* threads that woke and have not asked for the time yet */
	uint64_t deadline;   /* earliest end of a sleeper's timeout */
	bool ready;
	bool woke;           /* one did lately */
} d;

/* ---- shim.c ---- */
void shim_start(void); /* the stack, when there is none yet */
/* The main thread did something: sleepers look again; those who wake must have asked for the time before it moves. */
void wake_sleepers(void);
void let_time_go(uint64_t until, bool stop_at_packet);
/* Sleeps until the state changed. Called with the lock; false: the deadline is over. */
bool sleep_on(uint64_t deadline);
/* The end of a call: lets the lock go; r, or -1 with errno. */
long leave(long r, bool slept);
int fd_of(int fd);          /* the stack's; -1: not one of ours */
int fd_new(int stack_fd);   /* a descriptor of the program's for it */

/* Repeats a call that would block until it does not, for a blocking descriptor. */
#define BLOCKING(fd, flags, expr)                                                                  \
	({                                                                                         \
		long _r;                                                                           \
		bool _slept = false;                                                               \
		pthread_mutex_lock(&d.lock);                                                       \
		while ((_r = (expr)) == -EAGAIN && !d.nonblock[fd] && !((flags) & MSG_DONTWAIT))   \
			_slept |= sleep_on(NEVER);                                                 \
		leave(_r, _slept);                                                                 \
	})
#define CALL(expr)                                                                                 \
	({                                                                                         \
		pthread_mutex_lock(&d.lock);                                                       \
		leave((expr), false);                                                              \
	})

/* ---- calls.c ---- */
void calls_fill(struct packetdrill_interface *ifc);
ssize_t send_iov(int fd, const struct iovec *iov, int n, int flags, const struct sockaddr *to);

/* ---- commands.c ---- */
void read_tunables(void); /* of the network namespace */
