/* SPDX-License-Identifier: MIT
 * tcp.c - fuzz target: a peer that knows the state of the connections it talks to. The input is a list of steps: segments whose
 * numbers are chosen at and around those that matter in the TCB of the moment, ICMP errors that quote what is in flight, calls
 * of the application, clocks that go on to the next timer, memory that is out. After each step the TCBs are counted again
 * (tcp_check.c); bytes of both directions are a function of their number. At the end all is closed, and must be gone in time.
 */
#include "fuzz/fuzz.h"
#include "fuzz/tcp_app.h"
#include "fuzz/tcp_check.h"
#include "fuzz/tcp_peer.h"
#include "host/harness.h"
#include "net/ipv4/ip.h"

#include <string.h>

#define STEPS_MAX 96

/* ---- time, memory, settings ---- */

static void pass_time(struct world *w, u8 b)
{
	if (b < 128) { /* 1 us to 68 s */
		world_settle(w, 1000ull << b % 27);
		return;
	}
	for (unsigned i = 0; i <= b % 8u; i++) /* from timer to timer */
		lab_step(w->lab, lab_now(w->lab) + 200 * NSEC_PER_SEC);
	world_settle(w, 200 * NSEC_PER_USEC);
}

static void change_setting(struct world *w, u8 b)
{
	static const char *const settings[][2] = {
		{ "net.ipv4.tcp_rmem", "4096 131072 6291456" }, /* as it is */
		{ "net.ipv4.tcp_ecn", "1" }, { "net.ipv4.tcp_ecn", "2" }, { "net.ipv4.tcp_syncookies", "2" },
		{ "net.ipv4.tcp_syncookies", "1" }, { "net.ipv4.tcp_mtu_probing", "2" }, { "net.ipv4.tcp_mtu_probing", "1" },
		{ "net.ipv4.tcp_fastopen", "1031" }, { "net.ipv4.tcp_fastopen", "3" }, { "net.ipv4.tcp_timestamps", "0" },
		{ "net.ipv4.tcp_timestamps", "1" }, { "net.ipv4.tcp_sack", "0" }, { "net.ipv4.tcp_sack", "1" },
		{ "net.ipv4.tcp_tw_reuse", "1" }, { "net.ipv4.tcp_rfc1337", "0" }, { "net.ipv4.tcp_base_mss", "512" },
		{ "net.ipv4.tcp_window_scaling", "0" }, { "net.ipv4.tcp_min_snd_mss", "40" }, { "net.ipv4.tcp_rto_min_us", "1" },
		{ "net.ipv4.tcp_abort_on_overflow", "1" }, { "net.ipv4.tcp_max_orphans", "0" }, { "net.ipv4.tcp_mem", "1 2 3" },
		{ "net.ipv4.tcp_mem", "100 1000 2000" }, { "net.ipv4.tcp_max_tw_buckets", "16" }, { "net.core.somaxconn", "1" },
		{ "net.core.default_qdisc", "fq" }, { "net.ipv4.tcp_max_syn_backlog", "4" }, { "net.ipv4.tcp_autocorking", "0" },
		{ "net.ipv4.tcp_limit_output_bytes", "4096" }, { "net.ipv4.tcp_frto", "0" }, { "net.ipv4.tcp_recovery", "0" },
		{ "net.ipv4.tcp_early_retrans", "0" }, { "net.ipv4.tcp_dsack", "0" },
	};

	net_sysctl_set(w->host->net, settings[b % ARRAY_SIZE(settings)][0], settings[b % ARRAY_SIZE(settings)][1]);
}

static void change_world(struct world *w, u8 what, u8 b)
{
	static const u16 mtus[] = { 1500, 576, 68, 9000, 1280, 296, 65535, 1006 };

	switch (what & 7) {
	case 0: w->budget = b % 16; break; /* for the next step */
	case 1: hold_buffers(w->host->cpu, &w->held, b % HELD_MAX); break;
	case 2: lab_dev_stall(w->dev, b & 1); break;
	case 3:
		w->dev->mtu = mtus[b % ARRAY_SIZE(mtus)];
		w->host->cpu->dst_gen++;
		break;
	default: change_setting(w, b);
	}
}

/* ---- the steps ---- */

static void step(struct world *w, struct input *in)
{
	u8 what = input_u8(in);

	switch (what & 15) {
	case 0: case 1: case 2: case 3: case 4: case 5: peer_segment(w, in); break;
	case 6: peer_acknowledges(w, input_u8(in)); break;
	case 7: pass_time(w, input_u8(in)); break;
	case 8: case 9: app_transfers(w, in); break;
	case 10: app_sets(w, in); break;
	case 11: app_opens(w, in); break;
	case 12: peer_icmp(w, in); break;
	case 13: app_asks(w, in); break;
	case 14: change_world(w, input_u8(in), input_u8(in)); return;
	case 15: app_closes(w, in); break;
	}
	if (what & 16) /* the next step comes in the same poll */
		return;
	world_settle(w, 10 * NSEC_PER_USEC);
	tcp_check(w->host);
}

/* The states that take many steps to come to, so that each input is there at once. */
static void begin(struct world *w, u8 how)
{
	if (!(how & 3))
		return;
	if (how & 1)
		peer_opens(w, 0);
	if (how & 2)
		app_connects(w, 1, CONNS / 2);
	world_settle(w, NSEC_PER_MSEC);
	if (how & 4)
		for (int fd = 1; fd < FDS; fd++)
			app_writes(w, fd, 20000);
	world_settle(w, NSEC_PER_MSEC);
}

static void end(struct world *w)
{
	lab_dev_stall(w->dev, false);
	hold_buffers(w->host->cpu, &w->held, 0);
	app_closes_all(w);
	world_settle(w, NSEC_PER_SEC);
	tcp_check(w->host);
	for (unsigned i = 0; i < 4000 && w->host->cpu->tcp->nr_tcbs; i++)
		world_settle(w, 2 * NSEC_PER_SEC);
	world_settle(w, 200 * NSEC_PER_SEC); /* requests, TIME_WAIT */
	tcp_check_empty(w->host);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct world w;

	if (size < FUZZ_HEAD)
		return 0;
	world_open(&w, input_u8(&in));
	peer_options(&w, input_u8(&in));
	begin(&w, input_u8(&in));
	change_setting(&w, input_u8(&in));
	for (unsigned i = 0; i < STEPS_MAX && input_left(&in); i++) {
		struct input record = input_record(&in);

		host_alloc_budget = w.budget;
		w.budget = UINT64_MAX;
		step(&w, &record);
		host_alloc_budget = UINT64_MAX;
	}
	end(&w);
	world_close(&w);
	return 0;
}
