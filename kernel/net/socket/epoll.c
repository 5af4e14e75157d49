/* SPDX-License-Identifier: MIT
 * epoll.c - interest in many files, at a cost per event, not per file: level, edge and one-shot, nested sets too.
 *
 * An item hangs in its file's wait queue. A wake that it lets through puts it on the set's ready list, at most once, and
 * wakes the set. Collecting asks each ready file what holds now, so a report is never stale; a level-triggered item goes
 * back to the end of the list and leaves it when its file has nothing more to tell.
 * Wakes come from softirq or from base context with softirq held off; they only move items between lists.
 */
#include "net/socket/socket_impl.h"

#define EPOLL_ALWAYS   (EPOLLERR | EPOLLHUP)
#define EPOLL_MAX_NEST 4 /* sets in sets; also what bounds the recursion of a nested poll */

static const struct file_ops epoll_file_ops;

static void item_wake(struct wait_entry *entry, u32 events)
{
	struct epitem *it = container_of(entry, struct epitem, entry);

	if (!(events & it->mask) || it->queued)
		return;
	it->queued = true;
	list_add_tail(&it->ready, &it->ep->ready);
	wait_queue_wake(&it->ep->wait, EPOLLIN);
}

static u32 item_poll(const struct epitem *it)
{
	return it->file->ops->poll(it->file) & it->mask;
}

static void item_remove(struct epitem *it)
{
	list_del(&it->entry.link);
	list_del(&it->ready);
	list_del(&it->in_set);
	list_del(&it->in_file);
	it->ep->nr_items--;
	kmem_cache_free(it->ep->file.cpu->socket->cache[CACHE_EPITEM], it);
}

void epoll_forget(struct file *f)
{
	struct epitem *it, *n;

	list_for_each_entry_safe(it, n, &f->epitems, in_file)
		item_remove(it);
}

/* ---- the set as a file ---- */
static u32 epoll_poll(struct file *f)
{
	struct epoll *ep = f->priv;
	struct epitem *it, *n;

	list_for_each_entry_safe(it, n, &ep->ready, ready) {
		if (item_poll(it))
			return EPOLLIN;
		it->queued = false;
		list_del(&it->ready);
	}
	return 0;
}
static struct wait_queue *epoll_wait_queue(struct file *f)
{
	return &((struct epoll *)f->priv)->wait;
}
static void epoll_release(struct file *f)
{
	struct epoll *ep = f->priv;

	while (!list_empty(&ep->items))
		item_remove(list_first(&ep->items, struct epitem, in_set));
}
static void epoll_free(struct file *f)
{
	kmem_cache_free(f->cpu->socket->cache[CACHE_EPOLL], f->priv);
}
static long epoll_no_read(struct file *f, struct iovec *iov, size_t n, int flags)
{
	return -EINVAL;
}
static long epoll_no_write(struct file *f, const struct iovec *iov, size_t n, int flags)
{
	return -EINVAL;
}

static const struct file_ops epoll_file_ops = {
	.name = "epoll",
	.read = epoll_no_read,
	.write = epoll_no_write,
	.poll = epoll_poll,
	.wait = epoll_wait_queue,
	.release = epoll_release,
	.free = epoll_free,
};

static struct epoll *epoll_lookup(struct net_cpu *cpu, int fd, int *err)
{
	struct file *f = file_lookup(cpu, fd);

	if (likely(f && f->ops == &epoll_file_ops))
		return f->priv;
	*err = f ? -EINVAL : -EBADF;
	return NULL;
}

int sys_epoll_create(struct net_cpu *cpu)
{
	struct kmem_cache *cache = cpu->socket->cache[CACHE_EPOLL];
	struct epoll *ep;
	int fd = -ENOMEM;

	bh_disable(cpu);
	ep = kmem_cache_alloc(cache);
	if (ep) {
		file_init(&ep->file, cpu, &epoll_file_ops, ep);
		wait_queue_init(&ep->wait);
		list_init(&ep->ready);
		list_init(&ep->items);
		ep->nr_items = 0;
		fd = fd_install(cpu, &ep->file);
		if (fd < 0)
			kmem_cache_free(cache, ep);
	}
	bh_enable(cpu);
	return fd;
}

/* ---- control ---- */
/* How deep sets are nested below f, or EPOLL_MAX_NEST + 1 when `top` would be reached again. */
static unsigned nest_depth(const struct file *f, const struct epoll *top, unsigned depth)
{
	const struct epitem *it;
	unsigned deepest = 0;

	if (f->ops != &epoll_file_ops)
		return 0;
	if (f->priv == top || depth > EPOLL_MAX_NEST)
		return EPOLL_MAX_NEST + 1;
	list_for_each_entry(it, &((const struct epoll *)f->priv)->items, in_set)
		deepest = MAX(deepest, nest_depth(it->file, top, depth + 1));
	return deepest + 1;
}

/* How many sets hold ep, one above the other. */
static unsigned nest_height(const struct epoll *ep)
{
	const struct epitem *it;
	unsigned highest = 0;

	list_for_each_entry(it, &ep->file.epitems, in_file)
		highest = MAX(highest, nest_height(it->ep) + 1);
	return highest;
}

static struct epitem *item_find(const struct epoll *ep, struct file *f)
{
	struct epitem *it;

	list_for_each_entry(it, &f->epitems, in_file)
		if (it->ep == ep)
			return it;
	return NULL;
}

/* What the item wants from now on; true holds already: it is ready at once (also for edge-triggered ones). */
static void item_arm(struct epitem *it, const struct epoll_event *ev)
{
	it->events = ev->events;
	it->data = ev->data;
	it->mask = (ev->events & 0xffff) | EPOLL_ALWAYS;
	if (item_poll(it))
		item_wake(&it->entry, it->mask);
}

static int item_add(struct epoll *ep, struct file *f, const struct epoll_event *ev)
{
	struct epitem *it;

	if (item_find(ep, f))
		return -EEXIST;
	if (f->ops == &epoll_file_ops && nest_depth(f, ep, 0) + nest_height(ep) > EPOLL_MAX_NEST)
		return -EINVAL;
	it = kmem_cache_alloc(f->cpu->socket->cache[CACHE_EPITEM]);
	if (!it)
		return -ENOMEM;
	it->entry.fn = item_wake;
	it->ep = ep;
	it->file = f;
	it->queued = false;
	list_init(&it->ready);
	list_add_tail(&it->entry.link, &f->ops->wait(f)->entries);
	list_add_tail(&it->in_set, &ep->items);
	list_add_tail(&it->in_file, &f->epitems);
	ep->nr_items++;
	item_arm(it, ev);
	return 0;
}

static int epoll_change(struct epoll *ep, int op, struct file *f, const struct epoll_event *ev)
{
	struct epitem *it;

	if (op == EPOLL_CTL_ADD)
		return item_add(ep, f, ev);
	it = item_find(ep, f);
	if (!it)
		return -ENOENT;
	if (op == EPOLL_CTL_MOD)
		item_arm(it, ev);
	else
		item_remove(it);
	return 0;
}

int sys_epoll_ctl(struct net_cpu *cpu, int epfd, int op, int fd, const struct epoll_event *ev)
{
	struct epoll *ep;
	struct file *f;
	int err = 0;

	if (op < EPOLL_CTL_ADD || op > EPOLL_CTL_MOD || (op != EPOLL_CTL_DEL && !ev))
		return -EINVAL;
	bh_disable(cpu);
	ep = epoll_lookup(cpu, epfd, &err);
	f = file_lookup(cpu, fd);
	if (ep && !f)
		err = -EBADF;
	else if (ep && f == &ep->file)
		err = -EINVAL;
	else if (ep)
		err = epoll_change(ep, op, f, ev);
	bh_enable(cpu);
	return err;
}

/* ---- collecting ---- */
/* Each item that was ready at the call is looked at once; those not reached stay in front of those put back. */
static int epoll_collect(struct epoll *ep, struct epoll_event *ev, int max)
{
	struct list_head turn;
	int n = 0;

	if (list_empty(&ep->ready))
		return 0;
	list_init(&turn);
	list_splice_tail(&ep->ready, &turn);
	while (n < max && !list_empty(&turn)) {
		struct epitem *it = list_first(&turn, struct epitem, ready);
		u32 events = item_poll(it);

		list_del(&it->ready);
		it->queued = false;
		if (!events)
			continue;
		ev[n].events = events;
		ev[n++].data = it->data;
		if (it->events & EPOLLONESHOT) {
			it->mask = 0;
		} else if (!(it->events & EPOLLET)) {
			it->queued = true;
			list_add_tail(&it->ready, &ep->ready);
		}
	}
	list_splice_tail(&ep->ready, &turn);
	list_splice_tail(&turn, &ep->ready);
	return n;
}

/* Sleeps until the set is woken. 0, or why not: -EAGAIN, -ETIMEDOUT, -EBADF (closed meanwhile). */
static int epoll_sleep(struct epoll *ep, u64 deadline)
{
	int err;

	busy_poll(ep->file.cpu, (u64)ep->file.cpu->sysctl.busy_poll);
	file_hold(&ep->file);
	err = wait_event_until(ep->file.cpu, &ep->wait, EPOLLIN | EPOLLHUP, deadline, "epoll");
	if (!file_is_open(&ep->file))
		err = -EBADF;
	file_put(&ep->file);
	return err;
}

int sys_epoll_wait(struct net_cpu *cpu, int epfd, struct epoll_event *ev, int max, s64 timeout_ns)
{
	u64 deadline = deadline_after(cpu, timeout_ns < 0 ? TIME_NEVER : (u64)timeout_ns);
	struct epoll *ep;
	int n = 0, err = 0;

	if (max <= 0)
		return -EINVAL;
	bh_disable(cpu);
	ep = epoll_lookup(cpu, epfd, &err);
	while (!err) {
		n = epoll_collect(ep, ev, max);
		if (n || !timeout_ns)
			break;
		err = epoll_sleep(ep, deadline);
	}
	bh_enable(cpu);
	return err == -EBADF || err == -EINVAL ? err : n;
}
