/* SPDX-License-Identifier: MIT
 * socket_check.c - what holds of sockets between two calls, and fibers that wait in calls: who sleeps has nothing to wake up for.
 */
#include "fuzz/socket_play.h"
#include "fuzz/tcp_check.h"
#include "host/harness.h"
#include "net/ipv4/ip_impl.h"
#include "net/ipv4/udp_impl.h"
#include "net/socket/socket_impl.h"
#include "net/tcp/tcp_impl.h"

#include <string.h>

#define EVENTS (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP)

/* ---- fibers ---- */

enum { JOB_RECV, JOB_RECV_ALL, JOB_SEND, JOB_ACCEPT, JOB_CONNECT, JOB_RECV_SKB, JOB_STATIC, JOB_EPOLL, JOB_AIO, JOB_POLL, JOB_CLOSE,
       JOB_SLEEP, JOB_PEEK, NR_JOBS };

static u8 job_bufs[JOBS][BUF_MAX];

/* The first bytes of a stream that nobody else reads are compared, as those that are read at once. */
static void job_reads(struct play *p, struct job *j, u8 *buf, int flags)
{
	struct slot *s = &p->slots[j->slot];
	long n;

	if (flags & MSG_WAITALL)
		s->odd = true;
	n = sys_recv(p->cpu, j->fd, buf, j->len, flags);
	if (n > 0 && s->fd == j->fd && !(flags & MSG_PEEK))
		s->read += (u32)n;
}

static void job_polls(struct play *p, struct job *j)
{
	struct pollfd fds[20];

	for (int i = 0; i < 20; i++)
		fds[i] = (struct pollfd){ .fd = i ? p->slots[i % SLOTS].fd : j->fd, .events = i % 3 ? EPOLLIN : EPOLLOUT };
	CHECK(sys_poll(p->cpu, fds, j->len & 1 ? 1 : 20, 5 * NSEC_PER_SEC) >= 0 || p->pressed);
}

static void job_runs(void *arg)
{
	struct job *j = arg;
	struct play *p = j->p;
	u8 *buf = job_bufs[j - p->jobs];
	struct epoll_event ev[4];
	struct sockaddr_ip to = { .family = AF_INET, .port = (u16)j->to, .addr = other_addr(false, j->len & 1) };
	struct aio_cqe cqe;
	struct sk_buff *skb;
	int err;

	switch (j->what) {
	case JOB_RECV: job_reads(p, j, buf, 0); break;
	case JOB_RECV_ALL: job_reads(p, j, buf, MSG_WAITALL); break;
	case JOB_PEEK: job_reads(p, j, buf, MSG_WAITALL | MSG_PEEK); break;
	case JOB_SEND: sys_send(p->cpu, j->fd, buf, j->len, 0); break;
	case JOB_STATIC: sys_send_static(p->cpu, j->fd, buf, j->len, 0); break;
	case JOB_ACCEPT:
		err = sys_accept4(p->cpu, j->fd, NULL, 0);
		if (err >= 0)
			CHECK_EQ(sys_close(p->cpu, err), 0);
		break;
	case JOB_CONNECT: sys_connect(p->cpu, j->fd, &to); break;
	case JOB_RECV_SKB:
		p->slots[j->slot].odd = true;
		skb = sys_recv_skb(p->cpu, j->fd, 0, &err);
		if (skb && sys_send_skb(p->cpu, j->fd, skb, 0))
			sys_skb_free(p->cpu, skb);
		break;
	case JOB_EPOLL: sys_epoll_wait(p->cpu, j->fd, ev, 4, j->len & 1 ? -1 : (s64)NSEC_PER_SEC); break;
	case JOB_AIO:
		if (sys_aio_wait(p->cpu, j->fd, &cqe, 1, -1) == 1 && cqe.skb)
			sys_skb_free(p->cpu, cqe.skb);
		break;
	case JOB_POLL: job_polls(p, j); break;
	case JOB_CLOSE: sys_close(p->cpu, j->fd); break;
	case JOB_SLEEP: sys_nanosleep(p->cpu, j->len * NSEC_PER_USEC); break;
	}
	j->busy = false;
}

void job_start(struct play *p, struct input *in)
{
	static const u32 lens[] = { 1, 100, 3000, 20000, 65536, 1448, 2, 0 };
	u8 what = input_u8(in), which = input_u8(in), size = input_u8(in), call = (what & 31) % NR_JOBS;
	int slot = which & 128 ? which % SLOTS : call == JOB_EPOLL ? 7 : call == JOB_AIO ? 9 : call == JOB_ACCEPT ? 0 : which % SLOTS;
	struct job *j = &p->jobs[(what >> 5) % JOBS];
	struct sock *sk = play_sock(p, slot);

	if (j->busy)
		return;
	*j = (struct job){ .p = p, .busy = true, .what = call, .fd = p->slots[slot].fd, .slot = slot, .len = lens[size & 7],
			   .to = size & 8 ? 80 : OTHER_TAKES + (size >> 4 & 3) };
	if (j->what == JOB_CLOSE)
		p->slots[j->slot].fd = -1;
	if (sk && sk->sport && (j->what == JOB_SEND || j->what == JOB_STATIC || j->what == JOB_RECV_SKB))
		play_make_odd(p, sk->sport);
	if (j->what == JOB_SEND || j->what == JOB_RECV_SKB)
		p->odd_datagrams = true;
	if (j->what == JOB_CONNECT && sk && sk->state == TCP_CLOSE)
		p->slots[j->slot].odd = true;
	if (!fiber_spawn(&p->host->fibers[0], "job", job_runs, j))
		j->busy = false;
}

/* ---- between two calls ---- */

void judge_open(struct play *p, u8 how)
{
	p->judge = how % 3;
	p->judge_fd = p->judge ? sys_epoll_create(p->cpu) : -1;
}

void judge_watch(struct play *p, int i)
{
	struct epoll_event ev = { EVENTS | (p->judge == JUDGE_EDGE ? EPOLLET : 0), (u64)i };
	u64 budget = host_alloc_budget;

	host_alloc_budget = UINT64_MAX;
	if (p->judge)
		CHECK_EQ(sys_epoll_ctl(p->cpu, p->judge_fd, EPOLL_CTL_ADD, p->slots[i].fd, &ev), 0);
	host_alloc_budget = budget;
}

static u32 poll_of(struct play *p, int fd)
{
	struct pollfd f = { .fd = fd, .events = EVENTS };

	CHECK(sys_poll(p->cpu, &f, 1, 0) >= 0);
	return (u16)f.revents;
}

/* What epoll tells of each slot is what poll() says: all that holds, or what is new. */
static void judge_events(struct play *p)
{
	struct epoll_event ev[SLOTS + 1];
	u32 told[SLOTS] = { 0 };
	int n = p->judge ? sys_epoll_wait(p->cpu, p->judge_fd, ev, SLOTS + 1, 0) : 0;

	CHECK(n >= 0 && n <= SLOTS);
	while (n--)
		told[ev[n].data] = ev[n].events;
	for (int i = 0; i < SLOTS; i++) {
		u32 now = play_sock(p, i) ? poll_of(p, p->slots[i].fd) : 0;

		if (p->judge == JUDGE_LEVEL && told[i] != now)
			test_note("slot %d: poll says %#x, epoll %#x", i, now, told[i]);
		if (p->judge == JUDGE_LEVEL)
			CHECK_EQ(told[i], now);
		if (p->judge == JUDGE_EDGE && now & ~p->slots[i].was & ~told[i])
			test_note("slot %d: poll says %#x after %#x, epoll told %#x", i, now, p->slots[i].was, told[i]);
		if (p->judge == JUDGE_EDGE)
			CHECK(!(now & ~p->slots[i].was & ~told[i]));
		p->slots[i].was = now;
	}
}

/* A read finds what poll() promised, and nothing else; errors are left for who asks. */
static void judge_reads(struct play *p, int i)
{
	struct sock *sk = play_sock(p, i);
	u32 now = p->slots[i].was;
	u8 byte;
	long n;

	if (!sk || sk->state == TCP_LISTEN || sk->err)
		return;
	n = sys_recv(p->cpu, p->slots[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (now & EPOLLIN)
		CHECK(n >= 0);
	else if (sk->lowat)
		CHECK(n == 1 || n == -EAGAIN || n == -ENOTCONN);
	else
		CHECK(n == -EAGAIN || n == -ENOTCONN);
}

/* Who sleeps in a call waits for what is not there yet. */
static void judge_sleeper(struct play *p, const struct job *j)
{
	static const u32 wakes[NR_JOBS] = { [JOB_RECV] = EPOLLIN, [JOB_SEND] = EPOLLOUT, [JOB_ACCEPT] = EPOLLIN, [JOB_RECV_SKB] = EPOLLIN,
					    [JOB_STATIC] = EPOLLOUT, [JOB_EPOLL] = EPOLLIN, [JOB_AIO] = EPOLLIN, [JOB_CONNECT] = EPOLLOUT };
	struct file *f = file_get(p->cpu, j->fd);
	u32 now;

	if (!f || p->slots[j->slot].fd != j->fd) /* it was closed meanwhile, and woke */
		return;
	now = poll_of(p, j->fd);
	if (now & wakes[j->what])
		test_note("a fiber sleeps in call %d of slot %d, poll says %#x", j->what, j->slot, now);
	CHECK(!(now & wakes[j->what]));
}

void judge(struct play *p)
{
	tcp_check(p->host);
	judge_events(p);
	for (int i = 0; i < SLOTS; i++)
		judge_reads(p, i);
	for (int k = 0; k < JOBS && !p->pressed; k++)
		if (p->jobs[k].busy)
			judge_sleeper(p, &p->jobs[k]);
}

void judge_empty(struct play *p)
{
	const struct socket_cpu *sc = p->cpu->socket;
	struct net_balance b;

	for (int k = 0; k < JOBS; k++)
		CHECK(!p->jobs[k].busy);
	tcp_check_empty(p->host);
	CHECK_EQ(sc->nr_open, 0);
	for (unsigned i = 0; i < NR_FILE_CACHES; i++)
		CHECK_EQ(kmem_cache_in_use(sc->cache[i]), 0);
	CHECK_EQ(p->cpu->udp->nr, 0);
	CHECK_EQ(p->cpu->ip->nr_mc, 0);
	CHECK(net_balance(p->host->net, &b));
	CHECK_EQ(b.alive, 0);
	CHECK_EQ(b.bufs_alive, 0);
}
