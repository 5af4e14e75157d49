/* SPDX-License-Identifier: MIT
 * poll.c - poll(): one look at a few files, or a sleep until one of them has something to tell.
 *
 * For many files there is epoll, which does not ask each of them every time.
 */
#include "net/socket/socket_impl.h"

#define POLL_ON_STACK 16    /* files whose wait entries need no memory */
#define POLL_MAX      65536 /* files of one call */

struct poll_entry {
	struct wait_on on;
	struct file *file; /* held while it is waited for; NULL: not open */
};

/* Asks each file once; how many have something to tell. */
static int poll_scan(struct net_cpu *cpu, struct pollfd *fds, unsigned n)
{
	int count = 0;

	for (unsigned i = 0; i < n; i++) {
		struct file *f = file_lookup(cpu, fds[i].fd);
		u32 mask = ((u32)fds[i].events & 0xffff) | EPOLLERR | EPOLLHUP;

		if (fds[i].fd < 0)
			fds[i].revents = 0;
		else
			fds[i].revents = f ? (s16)(f->ops->poll(f) & mask) : POLLNVAL;
		count += fds[i].revents != 0;
	}
	return count;
}

/* Sleeps until a file calls or the deadline. One that another fiber closes calls too, and its memory waits for us. */
static bool poll_sleep(struct net_cpu *cpu, const struct pollfd *fds, unsigned n, struct poll_entry *e, u64 deadline)
{
	struct waiter w;

	busy_poll(cpu, (u64)cpu->sysctl.busy_poll);
	waiter_init(&w, cpu);
	for (unsigned i = 0; i < n; i++) {
		struct file *f = e[i].file = file_lookup(cpu, fds[i].fd);

		if (!f)
			continue;
		file_hold(f);
		waiter_add(&w, &e[i].on, f->ops->wait(f), ((u32)fds[i].events & 0xffff) | EPOLLERR | EPOLLHUP);
	}
	waiter_sleep(&w, deadline, "poll");
	for (unsigned i = 0; i < n; i++) {
		if (!e[i].file)
			continue;
		waiter_del(&e[i].on);
		file_put(e[i].file);
	}
	return w.woken;
}

int sys_poll(struct net_cpu *cpu, struct pollfd *fds, unsigned n, s64 timeout_ns)
{
	struct poll_entry few[POLL_ON_STACK], *entries = few;
	u64 deadline = deadline_after(cpu, timeout_ns < 0 ? TIME_NEVER : (u64)timeout_ns);
	int count;

	if (n > POLL_MAX)
		return -EINVAL;
	bh_disable(cpu);
	count = poll_scan(cpu, fds, n);
	if (!count && timeout_ns && can_wait(cpu)) {
		if (n > POLL_ON_STACK)
			entries = kmalloc(n * sizeof(*entries));
		if (!entries)
			count = -ENOMEM;
		while (!count && poll_sleep(cpu, fds, n, entries, deadline))
			count = poll_scan(cpu, fds, n);
		if (entries != few)
			kfree(entries);
	}
	bh_enable(cpu);
	return count;
}
