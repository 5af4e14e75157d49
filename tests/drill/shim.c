/* SPDX-License-Identifier: MIT
 * shim.c - lets packetdrill drive the stack through --so_filename: its packets, its clock, and who sleeps.
 *
 * The clock is virtual. It moves when the program waits for a packet, sleeps, or asks for the time (one microsecond each,
 * because the program spins on it). A call that blocks waits on a condition while the program's main thread lets time go by;
 * a thread that wakes owes a look at the clock, and time stands still until it has had it.
 */
#include "drill/shim.h"

struct shim d = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .deadline = NEVER };

static __thread bool owes;

void shim_start(void)
{
	if (d.ready)
		return;
	stack_init(getenv("DRILL_LOCAL_IP") ?: "192.168.0.1");
	if (atoi(getenv("DRILL_MTU") ?: ""))
		stack_mtu((unsigned)atoi(getenv("DRILL_MTU")));
	d.ready = true;
}

/* ---- blocking ---- */

void wake_sleepers(void)
{
	d.round++;
	d.looked = 0;
	pthread_cond_broadcast(&d.cond);
	while (d.looked < d.sleepers || d.owed)
		pthread_cond_wait(&d.cond, &d.lock);
}

void let_time_go(uint64_t until, bool stop_at_packet)
{
	for (;;) {
		uint64_t at = until < d.deadline ? until : d.deadline;

		if (at != NEVER)
			stack_run(at, stop_at_packet);
		if (d.sleepers)
			wake_sleepers();
		if (at == until || at == NEVER)
			return;
		if (stop_at_packet)
			return;
	}
}

bool sleep_on(uint64_t deadline)
{
	unsigned round = d.round;

	if (stack_now() >= deadline)
		return false;
	if (deadline < d.deadline)
		d.deadline = deadline;
	d.sleepers++;
	d.looked++;
	pthread_cond_broadcast(&d.cond);
	while (round == d.round)
		pthread_cond_wait(&d.cond, &d.lock);
	d.sleepers--;
	if (!d.sleepers)
		d.deadline = NEVER;
	return true;
}

long leave(long r, bool slept)
{
	if (slept) {
		d.woke = owes = true;
		d.owed++;
	}
	pthread_cond_broadcast(&d.cond);
	pthread_mutex_unlock(&d.lock);
	if (r < 0) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

int fd_of(int fd)
{
	return fd >= 0 && fd < MAX_FD && d.fds[fd] ? d.fds[fd] - 1 : -1;
}

int fd_new(int stack_fd)
{
	int fd = eventfd(0, 0);

	if (fd < 0 || fd >= MAX_FD)
		return -EMFILE;
	d.fds[fd] = stack_fd + 1;
	d.nonblock[fd] = false;
	return fd;
}

/* ---- packets and time ---- */

static int shim_netdev_send(void *u, const void *buf, size_t len)
{
	pthread_mutex_lock(&d.lock);
	shim_start();
	stack_input(buf, (unsigned)len);
	if (d.sleepers)
		wake_sleepers();
	pthread_mutex_unlock(&d.lock);
	return 0;
}

static int shim_netdev_receive(void *u, void *buf, size_t *len, long long *time_us)
{
	uint64_t at = 0;
	unsigned n;

	pthread_mutex_lock(&d.lock);
	shim_start();
	stack_run(stack_now(), 1);
	while (!(n = stack_output(buf, (unsigned)*len, &at))) {
		uint64_t next = stack_next();

		if (next == NEVER && d.deadline == NEVER)
			break;
		let_time_go(next < d.deadline ? next : d.deadline, true);
	}
	*len = n;
	*time_us = (long long)((n ? at : stack_now()) / US);
	pthread_mutex_unlock(&d.lock);
	return 0;
}

static int shim_usleep(void *u, useconds_t us)
{
	if (d.woke) { /* the program's other thread wants the lock that its main thread has just left */
		d.woke = false;
		usleep(2000);
	}
	pthread_mutex_lock(&d.lock);
	shim_start();
	let_time_go(stack_now() + us * US, false);
	pthread_mutex_unlock(&d.lock);
	return 0;
}

static int shim_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
	uint64_t us;

	pthread_mutex_lock(&d.lock);
	shim_start();
	if (owes) {
		owes = false;
		d.owed--;
		pthread_cond_broadcast(&d.cond);
	} else {
		let_time_go(stack_now() + US, false);
	}
	us = stack_now() / US;
	tv->tv_sec = (time_t)(us / 1000000);
	tv->tv_usec = (suseconds_t)(us % 1000000);
	pthread_mutex_unlock(&d.lock);
	return 0;
}

EXPORT void packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc);
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
	calls_fill(ifc);
	ifc->netdev_send = shim_netdev_send;
	ifc->netdev_receive = shim_netdev_receive;
	ifc->usleep = shim_usleep;
	ifc->gettimeofday = shim_gettimeofday;
}

