/* SPDX-License-Identifier: MIT
 * socket_impl.h - what the files of socket/ share: one CPU's descriptors, and how a fiber waits.
 *
 * Descriptors live in pages of FD_CHUNK pointers that are never moved. Two levels of bits say which numbers are free, so
 * the lowest one is found in a few word scans. A struct file has a reference for its descriptor and one for each fiber or
 * completion that waits on it; sys_close() ends the endpoint at once and frees the object with the last reference.
 */
#pragma once

#include "net/socket/socket.h"
#include "platform.h"

#define FD_CHUNK_SHIFT 9
#define FD_CHUNK       (1u << FD_CHUNK_SHIFT) /* descriptors in a chunk: one page of pointers */
#define FD_CHUNKS      256u                   /* 131072 descriptors of a CPU at most (fs.file-max is below) */

struct fd_chunk {
	struct file *file[FD_CHUNK];
};
_Static_assert(sizeof(struct fd_chunk) == 4096, "a chunk of descriptors is a page");

/* A socket's file, its socket and its wait queue in one allocation: they are born and die together. */
struct socket_file {
	struct file file;
	struct socket sock;
};
static inline struct file *socket_to_file(const struct socket *s) { return &container_of(s, struct socket_file, sock)->file; }

/* An epoll set, and its interest in one file: the item hangs in the file's wait queue. */
struct epoll {
	struct file file;
	struct wait_queue wait;
	struct list_head ready; /* items that may have something to tell, in order of arrival */
	struct list_head items;
	u32 nr_items;
};
struct epitem {
	struct wait_entry entry;
	struct epoll *ep;
	struct file *file;
	struct list_head ready, in_set, in_file;
	u32 events, mask; /* asked for; those that are let through now (0: one-shot, fired) */
	u64 data;
	bool queued;      /* in ep->ready */
};

/* A completion queue, and one operation that waits in it. */
struct aio {
	struct file file;
	struct wait_queue wait;
	struct list_head ready; /* operations to be tried at the next reaping */
	struct list_head ops;   /* all of them */
};
struct aio_op {
	struct wait_entry entry;
	struct aio *aio;
	struct file *file;      /* a reference */
	struct list_head ready, all;
	struct aio_sqe sqe;
	u32 events;             /* that make it ready */
	bool queued;            /* in aio->ready */
};

enum { CACHE_SOCKET, CACHE_EPOLL, CACHE_EPITEM, CACHE_AIO, CACHE_AIO_OP, NR_FILE_CACHES };

struct socket_cpu {
	struct fd_chunk *chunks[FD_CHUNKS]; /* NULL until a number in it is first used */
	u64 roomy[FD_CHUNKS / 64];          /* a bit per chunk that has a free number */
	u64 free[FD_CHUNKS][FD_CHUNK / 64]; /* a bit per free number */
	u32 nr_open, peak_open;
	u64 emfile;                         /* refused: the limit is reached */
	struct kmem_cache *cache[NR_FILE_CACHES];
};

/* ---- file.c ---- */
static inline struct file *file_lookup(struct net_cpu *cpu, int fd)
{
	struct fd_chunk *c;

	if (unlikely((u32)fd >= FD_CHUNKS * FD_CHUNK))
		return NULL;
	c = cpu->socket->chunks[(u32)fd >> FD_CHUNK_SHIFT];
	return likely(c != NULL) ? c->file[(u32)fd & (FD_CHUNK - 1)] : NULL;
}
/* Gives f the lowest free number and a reference for it. The number, or -EMFILE, -ENOMEM. */
int fd_install(struct net_cpu *cpu, struct file *f);
/* Fills what every file has; no reference yet. */
void file_init(struct file *f, struct net_cpu *cpu, const struct file_ops *ops, void *priv);
static inline void file_hold(struct file *f) { f->refs++; }
void file_put(struct file *f);
static inline bool file_is_open(const struct file *f) { return f->fd >= 0; }

/* ---- socket.c ---- */
extern const struct file_ops socket_file_ops;
/* A file and a socket around sk, installed: the descriptor, or -EMFILE, -ENOMEM (sk stays the caller's). */
int socket_install(struct net_cpu *cpu, struct sock *sk, int flags);
/* The socket behind fd; NULL and *err = -EBADF or -ENOTSOCK. */
static inline struct socket *socket_lookup(struct net_cpu *cpu, int fd, int *err)
{
	struct file *f = file_lookup(cpu, fd);

	if (likely(f && f->ops == &socket_file_ops))
		return f->priv;
	*err = f ? -ENOTSOCK : -EBADF;
	return NULL;
}
static inline bool socket_may_wait(const struct socket *s, int flags)
{
	return !socket_to_file(s)->nonblock && !(flags & MSG_DONTWAIT);
}
/* In wait.c. A proto said -EAGAIN: waits for `events` unless the file or flags forbid it, at most until *deadline (0: not set yet).
 * 0: try again; -EAGAIN; -EBADF: closed meanwhile. Softirq is held off at call and return. */
int socket_wait(struct socket *s, u32 events, int flags, u64 timeo_ns, u64 *deadline);
/* Takes one connection off a listener's queue, *fd: its descriptor. NULL: *fd = -EAGAIN, -EMFILE (it stays queued), -ENOMEM. */
struct sock *socket_accept(struct net_cpu *cpu, struct socket *listener, int flags, int *fd);

/* ---- zerocopy.c ---- */
/* A send with MSG_ZEROCOPY took bytes. */
void zerocopy_sent(struct socket *s);
/* recvmsg() with MSG_ERRQUEUE: 0, or -EAGAIN where there is nothing to tell. */
long socket_errqueue(struct socket *s, struct msghdr *m);

/* ---- options.c ---- */
int socket_setsockopt(struct socket *s, int level, int opt, const void *val, unsigned len);
int socket_getsockopt(struct socket *s, int level, int opt, void *val, unsigned *len);

/* ---- epoll.c ---- */
/* The file goes: no set watches it any more. */
void epoll_forget(struct file *f);

/* ---- wait.c ---- */
struct waiter { /* one sleeping fiber; lives on its stack */
	struct net_cpu *cpu;
	struct fiber *fiber;
	struct timer timer;
	bool woken, expired;
};
struct wait_on { /* its place in one queue */
	struct wait_entry entry;
	struct waiter *waiter;
	u32 events; /* those that wake */
};
/* Is this code running in a fiber, which alone may sleep? */
bool can_wait(const struct net_cpu *cpu);
void waiter_init(struct waiter *w, struct net_cpu *cpu);
void waiter_add(struct waiter *w, struct wait_on *on, struct wait_queue *q, u32 events);
static inline void waiter_del(struct wait_on *on) { list_del(&on->entry.link); }
/* Sleeps until woken or deadline_ns (TIME_NEVER: for ever). Softirq held off once, before and after. true: woken. */
bool waiter_sleep(struct waiter *w, u64 deadline_ns, const char *why);
/* Sleeps on one queue. 0: woken; -EAGAIN: not in a fiber; -ETIMEDOUT. */
int wait_event_until(struct net_cpu *cpu, struct wait_queue *q, u32 events, u64 deadline_ns, const char *why);
/* now + ns, TIME_NEVER when ns is that or the sum is beyond the clock. */
static inline u64 deadline_after(const struct net_cpu *cpu, u64 ns)
{
	return ns >= TIME_NEVER - cpu->now_ns ? TIME_NEVER : cpu->now_ns + ns;
}
