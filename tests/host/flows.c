/* SPDX-License-Identifier: MIT
 * flows.c - TCP flows through one bottleneck: fibers that write and read, and the samples between.
 */
#include "host/flows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/family.h"
#include "host/harness.h"
#include "host/plot.h"
#include "net/socket/socket.h"
#include "net/tcp/tcp_impl.h"

#define PORT     7
#define PATTERN  65521  /* bytes that repeat: prime, so that no segment size divides it */
#define CHUNK    16384
#define MAX_SECONDS 400
#define POOL     (32u << 20)
#define FRAME    1514.0 /* of a full segment on the link, and its payload */
#define PAYLOAD  (lab_ipv6() ? 1428.0 : 1448.0)

static u8 pattern[PATTERN + CHUNK];

static void make_pattern(void)
{
	struct test_rng rng = { 7 };

	for (unsigned i = 0; i < PATTERN; i++)
		pattern[i] = (u8)rng_next(&rng);
	memcpy(pattern + PATTERN, pattern, CHUNK);
}

static void reader(void *arg)
{
	struct test_flow *fl = arg;
	struct net_cpu *cpu = fl->all->b->cpu;
	u8 *buf = malloc(CHUNK);
	long n;

	while ((n = sys_read(cpu, fl->peer_fd, buf, CHUNK)) > 0) {
		fl->wrong += memcmp(buf, pattern + fl->received % PATTERN, (size_t)n) != 0;
		fl->received += (u64)n;
	}
	free(buf);
	sys_close(cpu, fl->peer_fd);
}

static void server(void *arg)
{
	struct flows *f = arg;
	struct net_cpu *cpu = f->b->cpu;
	struct sockaddr_ip sa = { .family = (u16)lab_family(), .port = PORT, .addr = lab_ip(be32_of(0)) };

	f->listen_fd = sys_socket(cpu, lab_family(), SOCK_STREAM, 0);
	sys_bind(cpu, f->listen_fd, &sa);
	sys_listen(cpu, f->listen_fd, FLOWS_MAX);
	while (f->accepted < f->nr) { /* flows connect in the order of their places */
		struct test_flow *fl = &f->flow[f->accepted];

		fl->peer_fd = sys_accept4(cpu, f->listen_fd, NULL, 0);
		f->accepted++;
		lab_spawn(f->b, "reader", reader, fl);
	}
}

struct finding {
	const struct test_flow *fl;
	struct tcb *t;
};

static void find(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	struct finding *x = arg;
	const struct flows *f = x->fl->all;
	bool taken = !t || t->sk.state != TCP_ESTABLISHED;

	for (unsigned i = 0; i < f->nr; i++)
		taken |= f->flow[i].t == t;
	if (!taken)
		x->t = t;
}

static void writer(void *arg)
{
	struct test_flow *fl = arg;
	struct flows *f = fl->all;
	struct net_cpu *cpu = f->a->cpu;
	struct sockaddr_ip sa = { .family = (u16)lab_family(), .port = PORT, .addr = lab_ip_of("10.0.0.2") };
	struct finding x = { .fl = fl };
	u64 pos = 0;

	if (fl->start_ms)
		sys_nanosleep(cpu, fl->start_ms * NSEC_PER_MSEC);
	fl->fd = sys_socket(cpu, lab_family(), SOCK_STREAM, 0);
	CHECK_EQ(sys_setsockopt(cpu, fl->fd, SOL_TCP, TCP_CONGESTION, fl->algorithm, (unsigned)strlen(fl->algorithm)), 0);
	if (!CHECK_EQ(sys_connect(cpu, fl->fd, &sa), 0))
		return;
	tcp_for_each(cpu, find, &x);
	fl->t = x.t;
	while (!f->stop) {
		long n = sys_write(cpu, fl->fd, pattern + pos % PATTERN, CHUNK);

		if (!CHECK(n > 0))
			break;
		pos += (u64)n;
		if (fl->pause_at && pos >= fl->pause_at) {
			fl->pause_at = 0;
			sys_nanosleep(cpu, fl->pause_ms * NSEC_PER_MSEC);
		}
	}
	fl->t = NULL;
	sys_close(cpu, fl->fd);
}

struct flows *flows_new(u64 seed, const struct lab_link *link)
{
	struct lab_link back = { .delay_ns = link->delay_ns };
	struct flows *f = calloc(1, sizeof(*f));
	struct net_device *db;

	make_pattern();
	f->lab = lab_create(seed);
	f->a = lab_host_cpus(f->lab, "a", 1, POOL);
	f->b = lab_host_cpus(f->lab, "b", 1, POOL);
	f->link = lab_dev(f->a, LAB_ETHER);
	db = lab_dev(f->b, LAB_ETHER);
	lab_addr(f->link, "10.0.0.1/24");
	lab_addr(db, "10.0.0.2/24");
	lab_wire2(f->link, db, link, &back);
	f->rate_bps = link->rate_bps;
	f->max_steps = MAX_SECONDS * 1000 / FLOWS_STEP_MS;
	f->queue = calloc(f->max_steps, sizeof(*f->queue));
	return f;
}

struct test_flow *flows_add(struct flows *f, const char *algorithm, u32 start_ms)
{
	struct test_flow *fl = &f->flow[f->nr++];

	*fl = (struct test_flow){ .all = f, .algorithm = algorithm, .start_ms = start_ms, .fd = -1, .peer_fd = -1 };
	fl->samples = calloc(f->max_steps, sizeof(*fl->samples));
	return fl;
}

static void sample(struct flows *f)
{
	REQUIRE(f->steps < f->max_steps);
	for (unsigned i = 0; i < f->nr; i++) {
		struct test_flow *fl = &f->flow[i];
		struct flow_sample *s = &fl->samples[f->steps];
		const struct tcb *t = fl->t;

		s->received = fl->received;
		if (t)
			*s = (struct flow_sample){ fl->received, t->cwnd,  t->ssthresh, tcp_in_flight(t),
						   t->srtt_us >> 3, t->lost, t->ca_state };
	}
	f->queue[f->steps++] = lab_queue_frames(f->link);
}

void flows_run(struct flows *f, u32 seconds)
{
	if (!f->steps) {
		lab_spawn(f->b, "server", server, f);
		for (unsigned i = 0; i < f->nr; i++)
			lab_spawn(f->a, "writer", writer, &f->flow[i]);
	}
	for (u32 i = 0; i < seconds * 1000 / FLOWS_STEP_MS; i++) {
		if (f->asleep_ms)
			lab_sleep(f->a, f->asleep_ms * NSEC_PER_MSEC);
		lab_run(f->lab, FLOWS_STEP_MS * NSEC_PER_MSEC);
		sample(f);
	}
}

void flows_end(struct flows *f)
{
	f->stop = true;
	lab_run(f->lab, 60 * NSEC_PER_SEC);
	sys_close(f->b->cpu, f->listen_fd);
	lab_run(f->lab, 100 * NSEC_PER_SEC);
	for (unsigned i = 0; i < f->nr; i++) {
		CHECK_EQ(f->flow[i].wrong, 0);
		free(f->flow[i].samples);
	}
	CHECK_EQ(f->a->cpu->tcp->conns.count, 0);
	CHECK_EQ(f->a->cpu->tcp->mem_bytes, 0);
	lab_destroy(f->lab);
	free(f->queue);
	free(f);
}

/* ---- figures ---- */

static unsigned step_of(u32 from_s) { return from_s * 1000 / FLOWS_STEP_MS; }

double flow_rate_bps(const struct flows *f, unsigned which, u32 from_s)
{
	const struct flow_sample *s = f->flow[which].samples;
	u64 bytes = s[f->steps - 1].received - (from_s ? s[step_of(from_s) - 1].received : 0);

	return (double)bytes * 8 * 1000 / FLOWS_STEP_MS / (f->steps - step_of(from_s));
}

double flows_utilisation(const struct flows *f, u32 from_s)
{
	double sum = 0;

	for (unsigned i = 0; i < f->nr; i++)
		sum += flow_rate_bps(f, i, from_s);
	return sum / ((double)f->rate_bps * PAYLOAD / FRAME);
}

double flows_jain(const struct flows *f, u32 from_s)
{
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < f->nr; i++) {
		double x = flow_rate_bps(f, i, from_s);

		sum += x;
		squares += x * x;
	}
	return squares > 0 ? sum * sum / (f->nr * squares) : 0;
}

double flows_queue_mean(const struct flows *f, u32 from_s)
{
	double sum = 0;

	for (unsigned i = step_of(from_s); i < f->steps; i++)
		sum += f->queue[i];
	return sum / (f->steps - step_of(from_s));
}

u32 flows_queue_max(const struct flows *f, u32 from_s)
{
	u32 max = 0;

	for (unsigned i = step_of(from_s); i < f->steps; i++)
		max = MAX(max, f->queue[i]);
	return max;
}

static double ssthresh_of(const struct flow_sample *s)
{
	return s->ssthresh && s->ssthresh < TCP_INFINITE_SSTHRESH ? s->ssthresh : NAN;
}

/* Mbit/s of the last 100 ms. */
static double rate_at(const struct test_flow *fl, unsigned i)
{
	unsigned n = 100 / FLOWS_STEP_MS;

	return i < n ? NAN : (double)(fl->samples[i].received - fl->samples[i - n].received) * 8 / 1e5;
}

void flows_plot(const struct flows *f, const char *figure, const char *title)
{
	const struct test_flow *x = &f->flow[0], *y = &f->flow[1];
	bool two = f->nr > 1;
	struct plot *p = two ? plot_open(figure, title, "time, s", "cwnd, segments: first flow", "cwnd, segments: second flow",
					 "rate, Mbit/s: first flow", "rate, Mbit/s: second flow", "queue, frames: link", NULL)
			     : plot_open(figure, title, "time, s", "window, segments: cwnd", "window, segments: ssthresh",
					 "window, segments: in flight", "rate, Mbit/s: goodput", "round trip, ms: smoothed",
					 "queue, frames: link", NULL);

	for (unsigned i = 0; i < f->steps; i++) {
		double at = (i + 1) * FLOWS_STEP_MS / 1000.0, queue = f->queue[i];

		if (two)
			plot_row(p, at, (double)x->samples[i].cwnd, (double)y->samples[i].cwnd, rate_at(x, i), rate_at(y, i), queue);
		else
			plot_row(p, at, (double)x->samples[i].cwnd, ssthresh_of(&x->samples[i]), (double)x->samples[i].in_flight,
				 rate_at(x, i), x->samples[i].srtt_us / 1000.0, queue);
	}
	plot_close(p);
}
