/* SPDX-License-Identifier: MIT
 * congestion.c - what each congestion control does to a link, in virtual time: a golden table, and the shapes the papers promise.
 *
 * The table has a row per link and algorithm; a figure that moves further than its tolerance fails. GOLDEN=write in the
 * environment writes it anew. LONG=1 runs all links, without it those marked short. IPv6 has a table of its own: with 20 bytes
 * less in a segment the same queue overflows at other moments, and how many rounds of BBR's STARTUP do so, or which of the
 * disordered frames a seed drops, is another whole number of times.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/family.h"
#include "host/flows.h"
#include "host/harness.h"
#include "host/plot.h"

#define GOLDEN (lab_ipv6() ? "tests/sim/congestion6.golden" : "tests/sim/congestion.golden")
#define MBIT 1000000ull
#define MS   NSEC_PER_MSEC

static const char *const algorithms[] = { "reno", "cubic", "bic", "vegas", "westwood", "bbr" };

struct scenario {
	const char *name;
	struct lab_link link;
	unsigned flows;   /* the second starts 5 s later */
	u32 seconds, from_s; /* figures are of the time after from_s */
	bool is_short;
};

static const struct scenario scenarios[] = {
	{ "clean", { .rate_bps = 10 * MBIT, .delay_ns = 20 * MS, .queue_frames = 50 }, 1, 30, 10, true },
	{ "loss-1%", { .rate_bps = 10 * MBIT, .delay_ns = 20 * MS, .queue_frames = 50, .loss_ppm = 10000 }, 1, 30, 5, true },
	{ "two-flows", { .rate_bps = 10 * MBIT, .delay_ns = 20 * MS, .queue_frames = 50 }, 2, 60, 20, true },
	{ "shallow", { .rate_bps = 10 * MBIT, .delay_ns = 20 * MS, .queue_frames = 8 }, 1, 60, 10, false },
	{ "bloated", { .rate_bps = 10 * MBIT, .delay_ns = 20 * MS, .queue_frames = 500 }, 1, 60, 10, false },
	{ "loss-0.1%", { .rate_bps = 10 * MBIT, .delay_ns = 20 * MS, .queue_frames = 50, .loss_ppm = 1000 }, 1, 60, 10, false },
	{ "loss-5%", { .rate_bps = 10 * MBIT, .delay_ns = 20 * MS, .queue_frames = 50, .loss_ppm = 50000 }, 1, 60, 10, false },
	{ "fast", { .rate_bps = 100 * MBIT, .delay_ns = 20 * MS, .queue_frames = 350 }, 1, 30, 10, false },
	{ "long", { .rate_bps = 20 * MBIT, .delay_ns = 100 * MS, .queue_frames = 350 }, 1, 120, 60, false },
	{ "slow", { .rate_bps = MBIT, .delay_ns = 50 * MS, .queue_frames = 20 }, 1, 60, 10, false },
	{ "disordered",
	  { .rate_bps = 10 * MBIT, .delay_ns = 20 * MS, .queue_frames = 50, .jitter_ns = 2 * MS, .dup_ppm = 5000,
	    .reorder_ppm = 10000, .reorder_ns = 4 * MS, .corrupt_ppm = 1000 },
	  1, 30, 5, false },
};

static struct flows *run(const struct scenario *s, const char *algorithm, u64 seed)
{
	struct flows *f = flows_new(seed, &s->link);

	for (unsigned i = 0; i < s->flows; i++)
		flows_add(f, algorithm, i * 5000);
	flows_run(f, s->seconds);
	return f;
}

/* ---- the table ---- */

struct figures {
	double utilisation, jain, queue_mean;
	u32 queue_max, lost;
};
struct row {
	char scenario[24], algorithm[16];
	struct figures v;
};

static struct figures figures_of(const struct flows *f, u32 from_s)
{
	struct figures v = { 100 * flows_utilisation(f, from_s), flows_jain(f, from_s), flows_queue_mean(f, from_s),
			     flows_queue_max(f, from_s), 0 };

	for (unsigned i = 0; i < f->nr; i++)
		v.lost += f->flow[i].samples[f->steps - 1].lost;
	return v;
}

static unsigned golden_read(struct row *rows, unsigned max)
{
	FILE *in = fopen(GOLDEN, "r");
	unsigned n = 0;
	char line[160];

	REQUIRE(in);
	while (n < max && fgets(line, sizeof(line), in)) {
		struct row *r = &rows[n];

		if (line[0] == '#')
			continue;
		REQUIRE(sscanf(line, "%23s %15s %lf %lf %lf %u %u", r->scenario, r->algorithm, &r->v.utilisation, &r->v.jain,
			       &r->v.queue_mean, &r->v.queue_max, &r->v.lost) == 7);
		n++;
	}
	fclose(in);
	return n;
}

static bool near(double a, double b, double share, double absolute)
{
	return fabs(a - b) <= absolute + share * fabs(b);
}

static void compare(const struct row *golden, const struct figures *v)
{
	const struct figures *g = &golden->v;
	bool ok = CHECK(near(v->utilisation, g->utilisation, 0.02, 2));

	ok &= CHECK(near(v->jain, g->jain, 0, 0.05));
	ok &= CHECK(near(v->queue_mean, g->queue_mean, 0.2, 2));
	ok &= CHECK(near(v->queue_max, g->queue_max, 0.2, 3));
	ok &= CHECK(near(v->lost, g->lost, 0.25, 15));
	if (!ok)
		test_note("%s %s: %.1f %% jain %.3f queue %.1f max %u lost %u; the table has %.1f %% %.3f %.1f %u %u",
			  golden->scenario, golden->algorithm, v->utilisation, v->jain, v->queue_mean, v->queue_max, v->lost,
			  g->utilisation, g->jain, g->queue_mean, g->queue_max, g->lost);
}

static void write_row(FILE *out, const char *scenario, const char *algorithm, const struct figures *v)
{
	fprintf(out, "%-12s %-10s %6.1f %6.3f %7.1f %5u %6u\n", scenario, algorithm, v->utilisation, v->jain, v->queue_mean,
		v->queue_max, v->lost);
}

static const struct row *golden_find(const struct row *rows, unsigned n, const char *scenario, const char *algorithm)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(rows[i].scenario, scenario) && !strcmp(rows[i].algorithm, algorithm))
			return &rows[i];
	return NULL;
}

static void one_row(const struct scenario *s, const char *algorithm, const struct row *golden, FILE *out)
{
	struct flows *f = run(s, algorithm, 1);
	struct figures v = figures_of(f, s->from_s);
	char figure[64], title[96];

	snprintf(figure, sizeof(figure), "%s-%s", s->name, algorithm);
	snprintf(title, sizeof(title), "%s: %s", s->name, algorithm);
	flows_plot(f, figure, title);
	flows_end(f);
	if (out)
		write_row(out, s->name, algorithm, &v);
	else if (CHECK(golden != NULL))
		compare(golden, &v);
}

TEST(every_algorithm_on_every_link_is_as_the_golden_table_has_it)
{
	const char *mode = getenv("GOLDEN");
	FILE *out = mode && !strcmp(mode, "write") ? fopen(GOLDEN, "w") : NULL;
	struct row *rows = calloc(256, sizeof(*rows));
	unsigned n = out ? 0 : golden_read(rows, 256);

	if (out)
		fprintf(out, "# link       algorithm   use %%   Jain   queue   max   lost  (GOLDEN=write LONG=1 build/sim/congestion)\n");
	for (unsigned i = 0; i < ARRAY_SIZE(scenarios); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(algorithms); k++)
			if (scenarios[i].is_short || out || getenv("LONG"))
				one_row(&scenarios[i], algorithms[k],
					golden_find(rows, n, scenarios[i].name, algorithms[k]), out);
	if (out)
		fclose(out);
	free(rows);
}

/* ---- shapes ---- */

static const struct flow_sample *sample_at(const struct flows *f, u32 ms)
{
	return &f->flow[0].samples[ms / FLOWS_STEP_MS - 1];
}

/* RFC 5681: half after a loss, and a segment per round trip between losses. */
TEST(reno_is_a_sawtooth_that_halves_and_climbs_one_segment_per_round_trip)
{
	struct flows *f = run(&scenarios[0], "reno", 1);
	const struct flow_sample *s = f->flow[0].samples;
	unsigned teeth = 0, climb_from = 0;

	for (unsigned i = 500; i < f->steps; i++) {
		bool was_open = s[i - 1].ca_state == TCP_CA_OPEN, is_open = s[i].ca_state == TCP_CA_OPEN;

		if (was_open && !is_open && climb_from) { /* a loss: how the climb was */
			double rounds = 0, gained = (double)s[i - 1].cwnd - s[climb_from].cwnd;

			for (unsigned j = climb_from; j < i; j++)
				rounds += FLOWS_STEP_MS * 1000.0 / s[j].srtt_us;
			CHECK(near(gained, rounds, 0.15, 2));
			teeth++;
		}
		if (!was_open && is_open) {
			CHECK(near(s[i].cwnd, s[i].ssthresh, 0, 2));
			climb_from = i;
		}
		if (was_open && !is_open)
			CHECK(near(s[i].ssthresh, s[i - 1].cwnd / 2.0, 0, 1.5));
	}
	CHECK(teeth >= 2);
	flows_plot(f, "shape-reno", "Reno: half after a loss, one segment per round trip between losses");
	flows_end(f);
}

struct one_loss {
	const struct lab *lab;
	u64 at_ns;
	bool done;
};

static bool lose_one(void *arg, const u8 *frame, unsigned len)
{
	struct one_loss *x = arg;

	if (x->done || len < 1000 || lab_now(x->lab) < x->at_ns)
		return false;
	x->done = true;
	return true;
}

/* A path of 100 ms without a limit, on which one frame is lost when some hundred are under way. */
static struct flows *after_one_loss(const char *algorithm, struct one_loss *x, u32 seconds)
{
	struct flows *f = flows_new(1, &(struct lab_link){ .rate_bps = 1000 * MBIT, .delay_ns = 50 * MS, .queue_frames = 4000 });

	*x = (struct one_loss){ .lab = f->lab, .at_ns = lab_now(f->lab) + 850 * MS };
	lab_link(f->link)->filter = lose_one;
	lab_link(f->link)->filter_arg = x;
	flows_add(f, algorithm, 0);
	flows_run(f, seconds);
	return f;
}

/* The first step at which the recovery from the loss is over; *w_max: the window that lost. */
static unsigned recovered_at(const struct flows *f, u32 *w_max)
{
	const struct flow_sample *s = f->flow[0].samples;
	unsigned i = 1;

	while (i < f->steps && !s[i].lost)
		i++;
	*w_max = s[i - 1].cwnd;
	while (i < f->steps && s[i].ca_state != TCP_CA_OPEN)
		i++;
	return i;
}

/* RFC 9438 4.2: W(t) = C (t - K)^3 + W_max. */
TEST(cubic_follows_the_cubic_of_the_time_since_the_loss)
{
	struct plot *p = plot_open("shape-cubic", "CUBIC after one loss, RTT 100 ms", "time since the loss, s",
				   "window, segments: cwnd", "window, segments: 0.4 (t - K)^3 + W_max", NULL);
	struct one_loss x;
	struct flows *f = after_one_loss("cubic", &x, 20);
	u32 w_max, cwnd;
	unsigned from = recovered_at(f, &w_max);
	double k, worst = 0;

	REQ("9438 4.2");
	CHECK(w_max >= 100);
	cwnd = f->flow[0].samples[from].cwnd;
	CHECK(near(cwnd, w_max * 0.7, 0.02, 2));
	k = cbrt((w_max - cwnd) / 0.4);
	CHECK((f->steps - from) * FLOWS_STEP_MS / 1000.0 > 1.5 * k); /* the convex part is seen, too */
	for (unsigned i = from; i < f->steps; i++) {
		double t = (i - from) * FLOWS_STEP_MS / 1000.0, w = 0.4 * pow(t + 0.1 - k, 3) + w_max;

		plot_row(p, t, (double)f->flow[0].samples[i].cwnd, w);
		if (t > 0.3 && t < 1.5 * k)
			worst = fmax(worst, fabs(f->flow[0].samples[i].cwnd - w) / w);
	}
	if (!CHECK(worst < 0.05))
		test_note("W_max %u, K %.2f s, away from the cubic by %.1f %%", w_max, k, 100 * worst);
	plot_close(p);
	flows_end(f);
}

/* RFC 9406: the delay ends slow start; no frame was lost until then. */
TEST(hystart_ends_slow_start_before_the_queue_overflows)
{
	struct flows *f = run(&scenarios[4], "cubic", 1);
	const struct flow_sample *s = f->flow[0].samples;
	unsigned i = 1;

	REQ("9406 4.2");
	while (i < f->steps && (!s[i].ssthresh || s[i].ssthresh >= 0x7fffffff))
		i++;
	CHECK(i < f->steps);
	CHECK_EQ(s[i].lost, 0);
	CHECK(s[i].cwnd < 500 + 33);
	CHECK_EQ(lab_stat(f->a, STAT_TcpExtTCPHystartDelayDetect), 1);
	flows_end(f);
}

/* Time from the end of the recovery until `share` of the window before the loss is reached, ms. */
static u32 back_to(const char *algorithm, double share, struct plot *p)
{
	struct one_loss x;
	struct flows *f = after_one_loss(algorithm, &x, 60);
	const struct flow_sample *s = f->flow[0].samples;
	u32 w_max, ms;
	unsigned from = recovered_at(f, &w_max), i = from;

	while (i < f->steps && s[i].cwnd < share * w_max)
		i++;
	ms = (i - from) * FLOWS_STEP_MS;
	for (unsigned j = from; j < f->steps && j < from + 1500; j++)
		plot_row(p, (j - from) * FLOWS_STEP_MS / 1000.0, (double)s[j].cwnd);
	flows_end(f);
	return ms;
}

/* Xu, Harfoush, Rhee 2004: half of the way in each round trip. */
TEST(bic_searches_the_old_window_by_halving_the_distance)
{
	struct plot *p = plot_open("shape-bic", "BIC after one loss, RTT 100 ms", "time since the recovery, s",
				   "window, segments: cwnd", NULL);
	u32 bic = back_to("bic", 0.97, p), reno = back_to("reno", 0.97, NULL);

	CHECK(bic <= 1500);
	CHECK(reno >= 10 * bic);
	plot_close(p);
}

/* Brakmo, Peterson 1995: two to four segments in the queue, and therefore no loss. */
TEST(vegas_keeps_a_few_segments_in_the_queue_and_loses_none)
{
	for (unsigned i = 7; i <= 8; i++) { /* fast, long */
		struct flows *f = run(&scenarios[i], "vegas", 1);

		CHECK(flows_queue_mean(f, scenarios[i].from_s) <= 6);
		CHECK(flows_utilisation(f, scenarios[i].from_s) >= 0.97);
		CHECK_EQ(sample_at(f, scenarios[i].seconds * 1000)->lost, 0);
		flows_plot(f, i == 7 ? "shape-vegas" : "shape-vegas-long", "Vegas: a few segments in the queue");
		flows_end(f);
	}
}

static double utilisation_at_loss(const char *algorithm, u32 loss_ppm)
{
	struct lab_link link = { .rate_bps = 10 * MBIT, .delay_ns = 20 * MS, .queue_frames = 50, .loss_ppm = loss_ppm };
	struct flows *f = flows_new(3, &link);
	double u;

	flows_add(f, algorithm, 0);
	flows_run(f, 30);
	u = flows_utilisation(f, 5);
	flows_end(f);
	return u;
}

/* Cardwell and others 2016, figure 8; Mascolo and others 2001. */
TEST(random_loss_costs_bbr_nothing_and_westwood_little)
{
	static const u32 ppm[] = { 100, 1000, 5000, 10000, 20000, 50000 };
	struct plot *p = plot_open("shape-loss", "Goodput at random loss: 10 Mbit/s, RTT 40 ms", "loss, %", "use of the link, %: reno",
				   "use of the link, %: cubic", "use of the link, %: westwood", "use of the link, %: bbr", NULL);

	for (unsigned i = 0; i < ARRAY_SIZE(ppm); i++) {
		double bbr, westwood, reno;

		if (!p && ppm[i] != 10000 && ppm[i] != 50000)
			continue;
		bbr = utilisation_at_loss("bbr", ppm[i]);
		westwood = utilisation_at_loss("westwood", ppm[i]);
		reno = utilisation_at_loss("reno", ppm[i]);
		CHECK(bbr >= 0.9);
		if (ppm[i] >= 10000)
			CHECK(westwood >= 1.3 * reno);
		if (p)
			plot_row(p, ppm[i] / 1e4, 100 * reno, 100 * utilisation_at_loss("cubic", ppm[i]), 100 * westwood, 100 * bbr);
	}
	plot_close(p);
}

/* The same paper: the queue of STARTUP is drained, and what is under way is what the path holds. */
TEST(bbr_drains_the_queue_that_it_made)
{
	struct flows *f = run(&scenarios[4], "bbr", 1);

	CHECK(flows_queue_max(f, 0) >= 33);
	CHECK(flows_queue_mean(f, 5) <= 10);
	CHECK_EQ(sample_at(f, 60000)->lost, 0);
	flows_plot(f, "shape-bbr", "BBR: STARTUP fills the path, DRAIN empties the queue");
	flows_end(f);
}

/* Where the queue never empties, flows empty it together every ten seconds, and find the least round trip. */
TEST(bbr_stops_for_the_least_round_trip_every_ten_seconds_when_it_sees_none)
{
	struct flows *f = run(&scenarios[2], "bbr", 1);
	const struct flow_sample *s = f->flow[0].samples;
	unsigned probes = 0;

	for (unsigned i = 500; i < f->steps; i++)
		probes += s[i].cwnd <= 4 && s[i - 1].cwnd > 4;
	if (!CHECK(probes >= 3 && probes <= 6))
		test_note("%u times", probes);
	flows_end(f);
}

TEST(flows_of_different_kinds_share_a_link)
{
	const struct scenario *s = &scenarios[2];

	for (unsigned i = 0; i < 2; i++) {
		struct flows *f = flows_new(2, &s->link);

		flows_add(f, "cubic", 0);
		flows_add(f, i ? "bbr" : "reno", 5000);
		flows_run(f, s->seconds);
		CHECK(flows_utilisation(f, s->from_s) >= 0.95);
		CHECK(flows_jain(f, s->from_s) >= 0.6);
		flows_plot(f, i ? "shared-cubic-bbr" : "shared-cubic-reno", i ? "CUBIC, then BBR" : "CUBIC, then Reno");
		flows_end(f);
	}
}

/* A guest of a loaded host runs seldom: its timers are late, and its ACKs come in bunches. */
TEST(bbr_keeps_the_rate_on_a_machine_that_stands_still_most_of_the_time)
{
	for (u32 asleep_ms = 3; asleep_ms <= 9; asleep_ms += 3) {
		struct flows *f = flows_new(1, &scenarios[1].link);

		f->asleep_ms = asleep_ms;
		flows_add(f, "bbr", 0);
		flows_run(f, scenarios[1].seconds);
		if (!CHECK(flows_utilisation(f, scenarios[1].from_s) >= 0.9))
			test_note("asleep for %u of 10 ms: %.3f", asleep_ms, flows_utilisation(f, scenarios[1].from_s));
		flows_end(f);
	}
}
