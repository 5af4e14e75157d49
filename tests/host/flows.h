/* SPDX-License-Identifier: MIT
 * flows.h - TCP flows through one bottleneck in virtual time, watched: what a congestion control does to a link.
 *
 *	struct flows *f = flows_new(1, &(struct lab_link){ .rate_bps = 10000000, .delay_ns = 20 * NSEC_PER_MSEC });
 *	flows_add(f, "cubic", 0); flows_add(f, "reno", 5000);   // starts 5 s later
 *	flows_run(f, 60);                                       // seconds
 *	flows_utilisation(f, 30); flows_jain(f, 30);            // of the time after 30 s
 *	flows_end(f);                                           // checks that every byte was right
 *
 * All flows go from host a to host b; the link's queue on that way is what they share, the way back is only as long.
 * A sample of each flow is kept for every FLOWS_STEP_MS.
 */
#pragma once

#include "host/netlab.h"
#include "net/tcp/tcp.h"

#define FLOWS_MAX     4
#define FLOWS_STEP_MS 10

struct flow_sample {
	u64 received;   /* bytes, in all */
	u32 cwnd, ssthresh, in_flight, srtt_us;
	u32 lost;       /* segments marked lost, in all */
	u8 ca_state;
};
struct test_flow {
	struct flows *all;
	const char *algorithm;
	u32 start_ms;
	int fd, peer_fd;
	struct tcb *t;            /* NULL until it is connected */
	u64 received, wrong;
	u64 pause_at, pause_ms;   /* the writer rests once, after so many bytes; 0: never */
	struct flow_sample *samples;
};
struct flows {
	struct lab *lab;
	struct lab_host *a, *b;
	struct net_device *link;  /* a's: the bottleneck */
	struct test_flow flow[FLOWS_MAX];
	unsigned nr, accepted;
	int listen_fd;
	bool stop;
	u64 rate_bps;
	u32 asleep_ms;            /* of each FLOWS_STEP_MS, the sender */
	u32 *queue;               /* frames, a value per step */
	unsigned steps, max_steps;
};

struct flows *flows_new(u64 seed, const struct lab_link *link);
struct test_flow *flows_add(struct flows *f, const char *algorithm, u32 start_ms);
/* May be called again, to go on. */
void flows_run(struct flows *f, u32 seconds);
void flows_end(struct flows *f);

/* ---- figures of the time from `from_s` on ---- */
double flow_rate_bps(const struct flows *f, unsigned which, u32 from_s);  /* payload */
double flows_utilisation(const struct flows *f, u32 from_s);              /* 1: payload is all that fits */
double flows_jain(const struct flows *f, u32 from_s);                     /* 1: all flows got the same */
double flows_queue_mean(const struct flows *f, u32 from_s);
u32 flows_queue_max(const struct flows *f, u32 from_s);
/* All samples, for `make plots`. */
void flows_plot(const struct flows *f, const char *figure, const char *title);
