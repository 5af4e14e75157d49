/* SPDX-License-Identifier: MIT
 * socket.h - the only door for applications: files, sockets and waiting, with Linux's names and errno values.
 *
 * Runs in base context. Every call takes the CPU it is made on, holds softirq off while it is inside the stack, and
 * returns a count or 0, or -errno. A call on a blocking file from a fiber waits (fiber_block); with SOCK_NONBLOCK or
 * MSG_DONTWAIT, or outside a fiber, it returns -EAGAIN instead. Descriptors are per CPU.
 */
#pragma once

#include "core/wait.h"
#include "net/core/sock.h"

struct file;
struct net_cpu;

/* What a file is: sockets and epoll sets are two kinds. */
struct file_ops {
	const char *name;
	long (*read)(struct file *f, struct iovec *iov, size_t n, int flags);
	long (*write)(struct file *f, const struct iovec *iov, size_t n, int flags);
	u32 (*poll)(struct file *f);
	struct wait_queue *(*wait)(struct file *f);
	void (*linger)(struct file *f);  /* before that, where `lingers` */
	void (*release)(struct file *f); /* closed: the endpoint goes now ... */
	void (*free)(struct file *f);    /* ... and the memory with the last reference */
};
struct file {
	const struct file_ops *ops;
	struct net_cpu *cpu;
	void *priv;          /* struct socket, struct epoll */
	int fd;
	u32 refs;
	bool nonblock;
	bool lingers;        /* SO_LINGER was set: closing it may wait */
	bool connecting;     /* a socket's: connect() said -EINPROGRESS, and was not called again since */
	u32 zerocopy_id;     /* a socket's: sends with MSG_ZEROCOPY so far */
	struct list_head epitems; /* epoll items that watch it */
};

struct socket {
	struct sock *sk; /* NULL: closed, but a sleeper still holds the file */
	struct wait_queue wait;
	u64 rcvtimeo_ns, sndtimeo_ns; /* TIME_NEVER: for ever */
	u32 busy_poll_us;             /* SO_BUSY_POLL: while a fiber waits to read the CPU polls for so long before it halts */
	u32 zerocopy_told;            /* of file.zerocopy_id, the sends whose end was told */
};

int sys_socket(struct net_cpu *cpu, int family, int type, int protocol);
int sys_bind(struct net_cpu *cpu, int fd, const struct sockaddr_ip *a);
int sys_listen(struct net_cpu *cpu, int fd, int backlog);
int sys_accept4(struct net_cpu *cpu, int fd, struct sockaddr_ip *peer, int flags);
struct accepted {
	struct sockaddr_ip peer;
	int fd;
	u32 events; /* EPOLL* that hold already: the request is often there with the handshake's end */
};
/* Up to max connections by one call, which never waits: how many. *err: 0 when there may be more, -EAGAIN: there are none,
 * or why not (-EMFILE, -ENOMEM: they stay queued; -EBADF ...). */
int sys_accept_many(struct net_cpu *cpu, int fd, struct accepted *a, int max, int flags, int *err);
int sys_connect(struct net_cpu *cpu, int fd, const struct sockaddr_ip *a);
long sys_read(struct net_cpu *cpu, int fd, void *buf, size_t len);
long sys_write(struct net_cpu *cpu, int fd, const void *buf, size_t len);
long sys_readv(struct net_cpu *cpu, int fd, struct iovec *iov, size_t n);
long sys_writev(struct net_cpu *cpu, int fd, const struct iovec *iov, size_t n);
long sys_send(struct net_cpu *cpu, int fd, const void *buf, size_t len, int flags);
long sys_recv(struct net_cpu *cpu, int fd, void *buf, size_t len, int flags);
long sys_sendto(struct net_cpu *cpu, int fd, const void *buf, size_t len, int flags, const struct sockaddr_ip *to);
long sys_recvfrom(struct net_cpu *cpu, int fd, void *buf, size_t len, int flags, struct sockaddr_ip *from);
long sys_sendmsg(struct net_cpu *cpu, int fd, const struct msghdr *m, int flags);
long sys_recvmsg(struct net_cpu *cpu, int fd, struct msghdr *m, int flags);
/* Zero copy: `mem` must stay unchanged for ever (the site archive). As sendfile() of a cached file. */
long sys_send_static(struct net_cpu *cpu, int fd, const void *mem, size_t len, int flags);
/* Zero copy: the oldest received payload as an skb; the caller owns it. NULL with *err = -EAGAIN, -errno, or 0 at end of stream.
 * With an skb, *err = -EAGAIN says that there is no more now (what comes later is a new event), 0 that there may be. */
struct sk_buff *sys_recv_skb(struct net_cpu *cpu, int fd, int flags, int *err);
/* Zero copy: sends an skb's payload. Consumes it and returns 0, or -errno and it stays the caller's (-EAGAIN: buffer full). */
int sys_send_skb(struct net_cpu *cpu, int fd, struct sk_buff *skb, int flags);
/* The first of n skbs by one call, which never waits: how many were sent and consumed, or -errno when not even one was. */
int sys_send_skbs(struct net_cpu *cpu, int fd, struct sk_buff *const *skbs, unsigned n, int flags);
/* What an application may do to an skb of its own: give it back, drop bytes from its front, keep only the first `len`,
 * or take the first `len` bytes off as an skb of their own (bytes are shared; NULL: no memory, nothing changed). */
void sys_skb_free(struct net_cpu *cpu, struct sk_buff *skb);
void sys_skb_pull(struct net_cpu *cpu, struct sk_buff *skb, unsigned n);
void sys_skb_trim(struct net_cpu *cpu, struct sk_buff *skb, unsigned len);
struct sk_buff *sys_skb_split(struct net_cpu *cpu, struct sk_buff *skb, unsigned len);
int sys_shutdown(struct net_cpu *cpu, int fd, int how);
int sys_close(struct net_cpu *cpu, int fd);
int sys_setsockopt(struct net_cpu *cpu, int fd, int level, int opt, const void *val, unsigned len);
int sys_getsockopt(struct net_cpu *cpu, int fd, int level, int opt, void *val, unsigned *len);
int sys_getsockname(struct net_cpu *cpu, int fd, struct sockaddr_ip *a);
int sys_getpeername(struct net_cpu *cpu, int fd, struct sockaddr_ip *a);
int sys_fcntl_nonblock(struct net_cpu *cpu, int fd, bool on);
int sys_ioctl(struct net_cpu *cpu, int fd, int cmd, int *val); /* SIOCINQ, SIOCOUTQ, SIOCATMARK */

struct pollfd {
	int fd;
	s16 events, revents; /* EPOLLIN and so on, which are poll's numbers too */
};
enum { POLLNVAL = 0x20 };
int sys_poll(struct net_cpu *cpu, struct pollfd *fds, unsigned n, s64 timeout_ns); /* <0: for ever */

#define SELECT_MAX 1024 /* select() knows descriptors below it */
struct select_set {
	u64 bits[SELECT_MAX / 64];
};
static inline void select_add(int fd, struct select_set *s) { s->bits[fd / 64] |= 1ull << fd % 64; }
static inline void select_del(int fd, struct select_set *s) { s->bits[fd / 64] &= ~(1ull << fd % 64); }
static inline bool select_has(int fd, const struct select_set *s) { return s->bits[fd / 64] >> fd % 64 & 1; }
/* Leaves in each set, NULL allowed, those of descriptors 0 to n - 1 that can be read, written, or have urgent data: how many
 * bits that is. timeout_ns as poll()'s. -EBADF: one is not open, -EINVAL: n, -ENOMEM; then no set has changed. */
int sys_select(struct net_cpu *cpu, int n, struct select_set *readable, struct select_set *writable,
	       struct select_set *urgent, s64 timeout_ns);

struct epoll_event {
	u32 events;
	u64 data;
};
enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
int sys_epoll_create(struct net_cpu *cpu);
int sys_epoll_ctl(struct net_cpu *cpu, int epfd, int op, int fd, const struct epoll_event *ev);
int sys_epoll_wait(struct net_cpu *cpu, int epfd, struct epoll_event *ev, int max, s64 timeout_ns);

/* ---- completions: operations are handed in, wait by themselves, and their results are reaped in batches ---- */
enum aio_opcode { AIO_RECV, AIO_SEND, AIO_RECV_SKB, AIO_SEND_SKB, AIO_ACCEPT, AIO_POLL };
enum { AIO_MULTISHOT = 1 }; /* RECV_SKB, ACCEPT, POLL: stays in force, one completion each time, until it fails */
struct aio_sqe {
	u8 op, flags;
	int fd;
	u64 data;            /* comes back in the completion */
	void *buf;           /* RECV, SEND: stays the caller's and valid until the completion */
	u32 len;             /* of buf; POLL: the events */
	struct sk_buff *skb; /* SEND_SKB: consumed unless it fails */
};
struct aio_cqe {
	u64 data;
	long res;            /* count, descriptor (ACCEPT), events (POLL), 0, or -errno */
	struct sk_buff *skb; /* RECV_SKB: the caller's; NULL with res 0: end of stream. SEND_SKB that failed: the caller's again */
	u8 op;
	bool more;           /* multishot: further completions follow */
};
int sys_aio_create(struct net_cpu *cpu);
/* Takes the first operations of n: how many, or -errno when not even one (-EBADF, -EINVAL, -ENOMEM). */
int sys_aio_submit(struct net_cpu *cpu, int aiofd, const struct aio_sqe *sqe, unsigned n);
/* Ends the queue's operations on fd without completions (an skb to be sent goes, too): how many, or -EBADF, -EINVAL. */
int sys_aio_cancel(struct net_cpu *cpu, int aiofd, int fd);
/* Up to max completions, waiting at most timeout_ns (<0: for ever) for the first one. */
int sys_aio_wait(struct net_cpu *cpu, int aiofd, struct aio_cqe *cqe, int max, s64 timeout_ns);
/* Sends the skb of each of n completions to the descriptor in its `data`, up to the first that has none or cannot leave now;
 * never waits. How many were sent and consumed; *bytes grows by theirs. */
int sys_send_completed(struct net_cpu *cpu, const struct aio_cqe *cqe, int n, u64 *bytes);

/* Lets other fibers run. */
void sys_yield(struct net_cpu *cpu);
/* Sleeps this fiber until `ns` from now. */
void sys_nanosleep(struct net_cpu *cpu, u64 ns);

int socket_cpu_init(struct net_cpu *cpu);
void socket_cpu_destroy(struct net_cpu *cpu);
struct file *file_get(struct net_cpu *cpu, int fd); /* no reference taken; NULL: EBADF */
