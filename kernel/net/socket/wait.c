/* SPDX-License-Identifier: MIT
 * wait.c - how a fiber sleeps on wait queues, sockets and deadlines, and the calls that only sleep: nanosleep and yield.
 *
 * Softirq is held off from the check of a condition until the fiber is off the CPU (core/fiber.h), so no wake is lost.
 * A deadline is a timer of the CPU's wheel; its callback wakes the fiber as an event does.
 */
#include "net/socket/socket_impl.h"

bool can_wait(const struct net_cpu *cpu)
{
	return cpu->fibers && cpu->fibers->current && !cpu->in_softirq;
}

static void waiter_wake(struct wait_entry *entry, u32 events)
{
	struct wait_on *on = container_of(entry, struct wait_on, entry);

	if (!(events & on->events))
		return;
	on->waiter->woken = true;
	fiber_wake(on->waiter->fiber);
}

static void waiter_expire(struct timer *t, u64 now_ns)
{
	struct waiter *w = container_of(t, struct waiter, timer);

	w->expired = true;
	fiber_wake(w->fiber);
}

void waiter_init(struct waiter *w, struct net_cpu *cpu)
{
	w->cpu = cpu;
	w->fiber = cpu->fibers->current;
	w->woken = w->expired = false;
}

/* Out of line: a compiler that sees all of a wait takes the entry on the stack for a dangling one. */
__noinline void waiter_add(struct waiter *w, struct wait_on *on, struct wait_queue *q, u32 events)
{
	on->waiter = w;
	on->events = events;
	on->entry.fn = waiter_wake;
	list_add_tail(&on->entry.link, &q->entries);
}

static __noinline bool sleep_until(struct waiter *w, u64 deadline_ns, const char *why)
{
	struct fiber_sched *s = w->cpu->fibers;

	timer_init(&w->timer, waiter_expire);
	timer_arm(&w->cpu->wheel, &w->timer, deadline_ns);
	while (!w->woken && !w->expired)
		fiber_block(s, why);
	timer_cancel(&w->cpu->wheel, &w->timer);
	return w->woken;
}

static __force_inline bool do_sleep(struct waiter *w, u64 deadline_ns, const char *why)
{
	if (unlikely(deadline_ns != TIME_NEVER))
		return sleep_until(w, deadline_ns, why);
	while (!w->woken)
		fiber_block(w->cpu->fibers, why);
	return true;
}

bool waiter_sleep(struct waiter *w, u64 deadline_ns, const char *why)
{
	return do_sleep(w, deadline_ns, why);
}

static __force_inline int wait_event(struct net_cpu *cpu, struct wait_queue *q, u32 events, u64 deadline_ns, const char *why)
{
	struct waiter w;
	struct wait_on on;

	if (!can_wait(cpu))
		return -EAGAIN;
	if (deadline_ns <= cpu->now_ns)
		return -ETIMEDOUT;
	waiter_init(&w, cpu);
	waiter_add(&w, &on, q, events);
	do_sleep(&w, deadline_ns, why);
	waiter_del(&on);
	return w.woken ? 0 : -ETIMEDOUT;
}

int wait_event_until(struct net_cpu *cpu, struct wait_queue *q, u32 events, u64 deadline_ns, const char *why)
{
	return wait_event(cpu, q, events, deadline_ns, why);
}

int socket_wait(struct socket *s, u32 events, int flags, u64 timeo_ns, u64 *deadline)
{
	struct file *f = socket_to_file(s);
	struct net_cpu *cpu = f->cpu;
	int err;

	if (!socket_may_wait(s, flags))
		return -EAGAIN;
	if (!*deadline)
		*deadline = timeo_ns == TIME_NEVER ? TIME_NEVER : deadline_after(cpu, timeo_ns);
	if (events & EPOLLIN)
		busy_poll(cpu, s->busy_poll_us);
	file_hold(f);
	err = wait_event(cpu, &s->wait, events | EPOLLERR | EPOLLHUP, *deadline, f->ops->name);
	if (!s->sk)
		err = -EBADF;
	file_put(f);
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

void sys_yield(struct net_cpu *cpu)
{
	bh_disable(cpu);
	if (can_wait(cpu))
		fiber_yield(cpu->fibers);
	bh_enable(cpu);
}

void sys_nanosleep(struct net_cpu *cpu, u64 ns)
{
	struct waiter w;

	bh_disable(cpu);
	if (can_wait(cpu)) {
		waiter_init(&w, cpu);
		waiter_sleep(&w, deadline_after(cpu, ns), "nanosleep");
	}
	bh_enable(cpu);
}
