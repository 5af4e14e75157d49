/* SPDX-License-Identifier: MIT
 * select.c - select(): poll() with three sets of descriptors instead of a list, for programs written that way.
 *
 * As in Linux an error or a hang-up makes a descriptor readable, an error writable too: the call that follows tells which.
 */
#include "net/socket/socket_impl.h"

#define SELECT_IN  (EPOLLIN | EPOLLHUP | EPOLLERR)
#define SELECT_OUT (EPOLLOUT | EPOLLERR)
#define SELECT_PRI EPOLLPRI

static bool wants(const struct select_set *s, int fd)
{
	return s && select_has(fd, s);
}

/* What the sets ask, as poll()'s list; its length. */
static unsigned list_of(int n, const struct select_set *in, const struct select_set *out, const struct select_set *pri,
			struct pollfd *p)
{
	unsigned count = 0;

	for (int fd = 0; fd < n; fd++) {
		u32 events = (wants(in, fd) ? EPOLLIN : 0) | (wants(out, fd) ? EPOLLOUT : 0) | (wants(pri, fd) ? EPOLLPRI : 0);

		if (events)
			p[count++] = (struct pollfd){ .fd = fd, .events = (s16)events };
	}
	return count;
}

/* Strikes out of `s` who has nothing of `mask` to tell; how many stay. */
static int answer(struct select_set *s, int n, const struct pollfd *p, unsigned count, u32 mask)
{
	struct select_set asked;
	int left = 0;

	if (!s)
		return 0;
	asked = *s;
	for (int fd = 0; fd < n; fd++)
		select_del(fd, s);
	for (unsigned i = 0; i < count; i++)
		if (select_has(p[i].fd, &asked) && (u32)p[i].revents & mask) {
			select_add(p[i].fd, s);
			left++;
		}
	return left;
}

int sys_select(struct net_cpu *cpu, int n, struct select_set *readable, struct select_set *writable,
	       struct select_set *urgent, s64 timeout_ns)
{
	struct pollfd *p;
	unsigned count;
	int err = 0;

	if (n < 0 || n > SELECT_MAX)
		return -EINVAL;
	p = kmalloc((size_t)MAX(n, 1) * sizeof(*p));
	if (!p)
		return -ENOMEM;
	count = list_of(n, readable, writable, urgent, p);
	for (unsigned i = 0; i < count && !err; i++)
		err = file_lookup(cpu, p[i].fd) ? 0 : -EBADF;
	if (!err)
		err = sys_poll(cpu, p, count, timeout_ns);
	if (err >= 0)
		err = answer(readable, n, p, count, SELECT_IN) + answer(writable, n, p, count, SELECT_OUT) +
		      answer(urgent, n, p, count, SELECT_PRI);
	kfree(p);
	return err;
}
