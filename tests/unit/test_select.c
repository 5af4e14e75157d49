/* SPDX-License-Identifier: MIT
 * test_select.c - select(): three sets of descriptors, what they hold afterwards, its deadline and its errors.
 */
#include "unit/sockkit.h"

struct job {
	struct lab_host *h;
	int fd, aux;
	u64 timeout_ns; /* 1: for ever; 2: for ever, and asks for room to write, too */
	long ret;
	u64 took_ns;
	bool done;
	char said[64];
};

static void select_fiber(void *arg)
{
	struct job *j = arg;
	u64 start = j->h->cpu->now_ns;
	struct select_set in = { { 0 } }, out = { { 0 } }, pri = { { 0 } };

	select_add(j->fd, &in);
	select_add(j->aux, &in);
	select_add(j->fd, &pri);
	if (j->timeout_ns == 2)
		select_add(j->fd, &out);
	j->ret = sys_select(j->h->cpu, MAX(j->fd, j->aux) + 1, &in, j->timeout_ns == 2 ? &out : NULL, &pri,
			    j->timeout_ns <= 2 ? -1 : (s64)j->timeout_ns);
	snprintf(j->said, sizeof(j->said), "in %d%d out %d pri %d", select_has(j->fd, &in), select_has(j->aux, &in), select_has(j->fd, &out),
		 select_has(j->fd, &pri));
	j->took_ns = j->h->cpu->now_ns - start;
	j->done = true;
}

TEST(select_leaves_in_its_sets_who_is_ready_and_keeps_its_time)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	struct job j = { .h = b, .fd = udp(b), .aux = udp(b), .timeout_ns = 50 * NSEC_PER_MSEC };
	struct sockaddr_ip to = at("10.0.0.2", 1001);
	struct select_set bad = { { 0 } };
	int fd = udp(a);

	bind_to(b, j.fd, 1000);
	bind_to(b, j.aux, 1001);
	lab_spawn(b, "select", select_fiber, &j);
	CHECK(LAB_UNTIL(lab, j.done, NSEC_PER_SEC));
	CHECK_EQ(j.ret, 0);
	CHECK(j.took_ns >= 50 * NSEC_PER_MSEC && j.took_ns < 51 * NSEC_PER_MSEC);
	CHECK_STR(j.said, "in 00 out 0 pri 0");
	j.done = false;
	j.timeout_ns = 1; /* for ever */
	lab_spawn(b, "select", select_fiber, &j);
	lab_run(lab, NSEC_PER_MSEC);
	CHECK(!j.done);
	CHECK_EQ(sys_sendto(a->cpu, fd, "x", 1, 0, &to), 1);
	CHECK(LAB_UNTIL(lab, j.done, NSEC_PER_SEC));
	CHECK_EQ(j.ret, 1);
	CHECK_STR(j.said, "in 01 out 0 pri 0");
	j.done = false;
	j.timeout_ns = 2; /* and who can be written: the sum of all sets */
	lab_spawn(b, "select", select_fiber, &j);
	CHECK(LAB_UNTIL(lab, j.done, NSEC_PER_SEC));
	CHECK_EQ(j.ret, 2);
	CHECK_STR(j.said, "in 01 out 1 pri 0");
	select_add(99, &bad);
	CHECK_EQ(sys_select(b->cpu, 100, &bad, NULL, NULL, 0), -EBADF);
	CHECK(select_has(99, &bad));
	CHECK_EQ(sys_select(b->cpu, 99, &bad, NULL, NULL, 0), 0);
	CHECK_EQ(sys_select(b->cpu, SELECT_MAX + 1, &bad, NULL, NULL, 0), -EINVAL);
	CHECK_EQ(sys_select(b->cpu, -1, NULL, NULL, NULL, 0), -EINVAL);
	lab_destroy(lab);
}
