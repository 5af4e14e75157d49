/* SPDX-License-Identifier: MIT
 * test_tcp_cong.c - congestion controls one ACK at a time, delivery rates, pacing, and how an algorithm is chosen.
 */
#include "host/tcprig.h"
#include "net/core/qdisc.h"
#include "net/socket/socket.h"

#define RTT_MS 20

static struct rig *with(const char *algorithm)
{
	struct rig *r = rig_new();

	r->peer_wscale = 7;
	r->peer_wnd = 60000;
	REQUIRE(!net_sysctl_set(r->host->net, "net.ipv4.tcp_congestion_control", algorithm));
	rig_state(r, TCP_ESTABLISHED);
	CHECK(!r->t->tx); /* its state comes with the first data */
	REQUIRE(tcp_tx_start(r->t));
	r->t->srtt_us = RTT_MS * 1000 * 8; /* the handshake took no time here: its probes of the tail would come too soon */
	return r;
}

static u32 in_flight(struct rig *r) { return (u32)seq_diff(r->t->snd.nxt, r->t->snd.una); }
static s64 una(struct rig *r) { return seq_diff(r->t->snd.una, (seq_t){ r->iss + 1 }); }

static void fill(struct rig *r)
{
	while (seq_diff(r->t->snd.write, r->t->snd.nxt) < 64000 && rig_write(r, 16000, 0) > 0)
		;
}

/* The application always has more; after a round trip everything in flight is acknowledged, two segments at a time. */
static void round_trip(struct rig *r, u32 rtt_ms)
{
	u32 mss = r->t->mss;
	s64 to;

	r->t->sk.sndbuf = 4 << 20;
	fill(r);
	rig_run_ms(r, rtt_ms);
	rig_drain(r);
	to = una(r) + in_flight(r);
	while (una(r) < to) {
		fill(r);
		inject(r, .ack = MIN(una(r) + 2 * (s64)mss, to));
		rig_drain(r);
	}
}

/* ---- choosing ---- */

TEST(the_default_is_cubic_and_every_name_in_the_list_can_be_chosen)
{
	static const char name[] = "net.ipv4.tcp_congestion_control";
	struct rig *r = rig_new();
	char all[96], one[96];
	const char *p = all;

	REQUIRE(net_sysctl_get(r->host->net, name, one, sizeof(one)) > 0);
	CHECK_STR(one, "cubic");
	REQUIRE(net_sysctl_get(r->host->net, "net.ipv4.tcp_available_congestion_control", all, sizeof(all)) > 0);
	CHECK_STR(all, "cubic reno bbr vegas westwood bic");
	while (*p) {
		char word[16];
		unsigned n = 0;

		while (*p && *p != ' ')
			word[n++] = *p++;
		word[n] = 0;
		p += *p == ' ';
		CHECK_EQ(net_sysctl_set(r->host->net, name, word), 0);
		CHECK(net_sysctl_get(r->host->net, name, one, sizeof(one)) > 0 && !strcmp(one, word));
		CHECK(tcp_cong_find(word) && tcp_cong_find(word)->priv_size <= TCP_CA_PRIV);
	}
	CHECK_EQ(net_sysctl_set(r->host->net, name, "tahoe"), -EINVAL);
	CHECK_EQ(net_sysctl_set(r->host->net, name, "0"), -EINVAL);
	net_sysctl_why(name, -EINVAL, all, sizeof(all));
	CHECK_STR(all, "not known: allowed is one of cubic reno bbr vegas westwood bic");
	CHECK_EQ(net_sysctl_set(r->host->net, "net.ipv4.tcp_available_congestion_control", "reno"), -EPERM);
	CHECK(net_sysctl_get(r->host->net, name, one, sizeof(one)) > 0 && !strcmp(one, "bic"));
	rig_end(r);
}

TEST(a_connection_changes_its_algorithm_and_keeps_its_window)
{
	struct rig *r = with("bbr");
	char name[16];
	unsigned len = sizeof(name);

	CHECK(r->t->pacing);
	round_trip(r, RTT_MS);
	u32 cwnd = r->t->cwnd;
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_TCP, TCP_CONGESTION, "vegas", 5), 0);
	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK_STR(name, "vegas");
	CHECK(!r->t->pacing && !r->t->pacing_rate);
	CHECK_EQ(r->t->cwnd, cwnd);
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_TCP, TCP_CONGESTION, "tahoe", 5), -ENOENT);
	round_trip(r, RTT_MS);
	rig_end(r);
}

/* ---- rate.c ---- */

TEST(the_delivery_rate_is_what_was_acknowledged_by_the_time_it_took)
{
	struct rig *r = with("reno");
	struct tcb *t = r->t;

	round_trip(r, RTT_MS);
	round_trip(r, RTT_MS);
	CHECK(!t->rate_app_limited);
	/* A window per round trip, and no more. */
	CHECK(t->tx->rate_interval_us >= RTT_MS * 1000);
	CHECK(tcp_delivery_rate(t) <= (u64)t->cwnd * t->mss * 1000 / RTT_MS);
	CHECK(tcp_delivery_rate(t) >= (u64)t->cwnd * t->mss * 1000 / RTT_MS / 3);
	rig_end(r);
}

TEST(a_slow_application_is_marked_and_does_not_lower_the_rate)
{
	struct rig *r = with("reno");
	struct tcb *t = r->t;
	u64 rate;

	round_trip(r, RTT_MS);
	round_trip(r, RTT_MS);
	rate = tcp_delivery_rate(t);
	while (in_flight(r)) { /* what the send buffer still holds */
		rig_run_ms(r, RTT_MS);
		rig_drain(r);
		inject(r, .ack = una(r) + in_flight(r));
		rig_drain(r);
	}
	for (unsigned i = 0; i < 5; i++) {
		CHECK_EQ(rig_write(r, 100, 0), 100);
		CHECK(t->app_limited != 0);
		rig_run_ms(r, RTT_MS);
		rig_drain(r);
		inject(r, .ack = una(r) + in_flight(r));
	}
	CHECK(tcp_delivery_rate(t) >= rate);
	rig_end(r);
}

TEST(lost_segments_are_counted_once_each_time_they_are_lost)
{
	struct rig *r = with("reno");
	struct tcb *t = r->t;
	u32 mss = t->mss;

	rig_write(r, 8 * mss, 0);
	rig_drain(r);
	rig_run_ms(r, RTT_MS);
	inject(r, .ack = 0, .sacks = { { { mss }, { 5 * mss } } }, .nr_sacks = 1);
	CHECK_EQ(t->lost, 1);
	CHECK_EQ(t->delivered, 5); /* the SYN is one, as Linux counts */
	rig_run_ms(r, 3000); /* the retransmission is lost, too */
	CHECK(t->lost >= 2);
	rig_end(r);
}

/* ---- pacing.c ---- */

TEST(a_limit_of_the_application_spreads_segments_in_time)
{
	struct rig *r = with("reno");
	u32 rate = 1448000, seen = 0; /* a segment per millisecond */

	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)), 0);
	CHECK_EQ(rig_write(r, 8 * 1448, 0), 8 * 1448);
	seen = rig_drain(r);
	CHECK(seen <= 3); /* one, and what a late timer may make up for */
	rig_run_us(r, 2000);
	seen += rig_drain(r);
	CHECK(seen >= 3 && seen <= 5);
	rig_run_us(r, 7000);
	CHECK(seen + rig_drain(r) >= 8); /* and maybe a probe of the tail */
	rig_end(r);
}

TEST(a_timer_that_runs_late_costs_no_rate)
{
	struct rig *r = with("reno");
	u32 rate = 1448000, before;

	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)), 0);
	r->t->cwnd = 100;
	CHECK_EQ(rig_write(r, 20 * 1448, 0), 20 * 1448);
	r->t->app_limited = 0; /* as after a round trip of bulk */
	rig_run_us(r, 2000);
	before = rig_drain(r);
	lab_sleep(r->host, 6 * NSEC_PER_MSEC);
	rig_run_us(r, 6000 - 1);
	CHECK_EQ(rig_drain(r), 0);
	rig_run_us(r, 100);
	before += rig_drain(r);
	if (!CHECK(before >= 8 && before <= 12)) /* 8 ms and its bursts */
		test_note("%u segments", before);
	rig_end(r);
}

TEST(the_limit_of_pacing_is_read_back_and_zero_is_refused)
{
	struct rig *r = with("reno");
	u32 v = 0;
	u64 v64 = 5000000;
	unsigned len = sizeof(v), len64 = sizeof(v64);

	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_SOCKET, SO_MAX_PACING_RATE, &v, sizeof(v)), -EINVAL);
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_SOCKET, SO_MAX_PACING_RATE, &v64, sizeof(v64)), 0);
	CHECK(r->t->pacing);
	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_SOCKET, SO_MAX_PACING_RATE, &v, &len), 0);
	CHECK_EQ(v, 5000000);
	v = ~0u;
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_SOCKET, SO_MAX_PACING_RATE, &v, sizeof(v)), 0);
	CHECK(!r->t->pacing);
	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_SOCKET, SO_MAX_PACING_RATE, &v64, &len64), 0);
	CHECK(v64 == ~0ull);
	rig_end(r);
}

TEST(an_fq_discipline_is_given_departure_times_and_paces_every_connection)
{
	struct rig *r = with("reno");
	struct qdisc_error e;
	u32 seen;

	round_trip(r, RTT_MS);
	REQUIRE(!qdisc_replace(r->cpu, r->dev, &(struct qdisc_request){ .id = "fq", .options = "" }, &e));
	round_trip(r, RTT_MS);
	CHECK(r->t->fq);
	CHECK(!r->t->pacing);
	while (rig_write(r, 16000, 0) > 0)
		;
	seen = rig_drain(r);
	CHECK(seen < r->t->cwnd / 2); /* the window is open, and yet most of it waits for its time */
	rig_run_ms(r, RTT_MS);
	CHECK(seen + rig_drain(r) >= r->t->cwnd * 3 / 4);
	rig_end(r);
}

/* Linux's allowance for timers that run late, and for who had nothing to send: half a gap, once. */
TEST(who_comes_late_has_the_next_paced_segment_at_half_the_distance)
{
	struct rig *r = with("reno");
	struct qdisc_error e;
	u64 gap;
	u32 rate = 1000000;

	r->t->data_segs_out = 100; /* past the initial burst */
	rig_setsockopt(r, IPPROTO_TCP, TCP_NODELAY, 1);
	REQUIRE(!qdisc_replace(r->cpu, r->dev, &(struct qdisc_request){ .id = "fq", .options = "" }, &e));
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)), 0);
	rig_write(r, 1000, 0);
	CHECK(r->t->fq);
	rig_run_ms(r, 10);
	inject(r, .ack = 1000);
	rig_run_ms(r, 1000);
	rig_write(r, 1000, 0);
	gap = r->t->pace_ns - r->t->last_send_ns;
	CHECK(gap >= 500000 && gap < 600000); /* of 1 ms and the headers' share */
	rig_write(r, 1000, 0);
	CHECK(r->t->pace_ns - r->t->last_send_ns >= gap + 900000); /* nobody is late: the whole */
	rig_end(r);
}

/* ---- one file each ---- */

TEST(reno_doubles_in_slow_start_and_then_adds_one)
{
	struct rig *r = with("reno");
	u32 cwnd;

	REQ("5681 3.1/slow", "5681 3.1/avoid");
	round_trip(r, RTT_MS);
	cwnd = r->t->cwnd;
	CHECK(cwnd >= 20 && cwnd <= 22); /* a probe of the tail may count */
	round_trip(r, RTT_MS);
	CHECK_EQ(r->t->cwnd, 2 * cwnd);
	r->t->ssthresh = cwnd = r->t->cwnd;
	round_trip(r, RTT_MS);
	CHECK_EQ(r->t->cwnd, cwnd + 1);
	rig_end(r);
}

/* RFC 9406 4.2: a rise by an eighth of the round trip (4 ms at least); a quarter of the growth for five rounds. */
TEST(hystart_grows_by_a_quarter_once_the_round_trip_rises_and_then_stops)
{
	struct rig *r = with("cubic");
	u32 before;

	REQ("9406 4.2");
	for (unsigned i = 0; i < 3; i++)
		round_trip(r, RTT_MS);
	CHECK(r->t->cwnd >= 70);
	round_trip(r, RTT_MS + 6); /* seen at its end */
	before = r->t->cwnd;
	round_trip(r, RTT_MS + 6);
	CHECK(r->t->cwnd > before && r->t->cwnd <= before + before / 4 + 2);
	CHECK(r->t->ssthresh >= TCP_INFINITE_SSTHRESH);
	for (unsigned i = 0; i < 5; i++)
		round_trip(r, RTT_MS + 6);
	CHECK(r->t->ssthresh < TCP_INFINITE_SSTHRESH);
	CHECK_EQ(stat(r, TcpExtTCPHystartDelayDetect), 1);
	rig_end(r);
}

TEST(hystart_goes_on_when_the_rise_was_noise)
{
	struct rig *r = with("cubic");
	u32 before;

	REQ("9406 4.2");
	for (unsigned i = 0; i < 3; i++)
		round_trip(r, RTT_MS);
	round_trip(r, RTT_MS + 6);
	for (unsigned i = 0; i < 2; i++)
		round_trip(r, RTT_MS);
	before = r->t->cwnd;
	round_trip(r, RTT_MS);
	CHECK(r->t->cwnd >= before + before / 2);
	CHECK(r->t->ssthresh >= TCP_INFINITE_SSTHRESH);
	rig_end(r);
}

TEST(vegas_keeps_its_window_while_two_to_four_segments_wait)
{
	struct rig *r = with("vegas");
	u32 cwnd;

	round_trip(r, RTT_MS);
	r->t->ssthresh = r->t->cwnd = 30;
	for (unsigned i = 0; i < 2; i++)
		round_trip(r, RTT_MS);
	cwnd = r->t->cwnd;
	round_trip(r, RTT_MS);
	CHECK_EQ(r->t->cwnd, cwnd + 1); /* nothing waits */
	for (unsigned i = 0; i < 2; i++)
		round_trip(r, RTT_MS + 2); /* 30 * 2/22: three do */
	cwnd = r->t->cwnd;
	round_trip(r, RTT_MS + 2);
	CHECK_EQ(r->t->cwnd, cwnd);
	for (unsigned i = 0; i < 2; i++)
		round_trip(r, RTT_MS + 10); /* ten */
	cwnd = r->t->cwnd;
	round_trip(r, RTT_MS + 10);
	CHECK_EQ(r->t->cwnd, cwnd - 1);
	rig_end(r);
}

TEST(westwood_keeps_what_the_path_delivers_after_a_loss)
{
	struct rig *r = with("westwood");
	u32 held;

	r->t->srtt_us = 60 * 1000 * 8;
	for (unsigned i = 0; i < 3; i++)
		round_trip(r, 60);
	r->t->ssthresh = r->t->cwnd;
	for (unsigned i = 0; i < 20; i++)
		round_trip(r, 60);
	held = r->t->ca->ssthresh(r->t);
	CHECK(held >= r->t->cwnd * 8 / 10); /* no queue: all of the window was on the path */
	CHECK(held <= r->t->cwnd);
	rig_end(r);
}

TEST(bic_gives_back_a_fifth_and_forgets_its_maximum_after_a_timeout)
{
	struct rig *r = with("bic");
	struct tcb *t = r->t;
	u32 cwnd;

	t->cwnd = 100;
	CHECK_EQ(t->ca->ssthresh(t), 79); /* 819/1024 */
	t->ssthresh = t->cwnd = 79;
	cwnd = t->cwnd;
	round_trip(r, RTT_MS);
	CHECK(t->cwnd > cwnd + 5 && t->cwnd <= cwnd + 11); /* half of the way to 100 */
	t->ca->cwnd_event(t, CA_EVENT_LOSS);
	cwnd = t->cwnd;
	round_trip(r, RTT_MS);
	CHECK(t->cwnd <= cwnd + 1);
	rig_end(r);
}

TEST(bbr_paces_from_its_first_window_and_leaves_startup_when_the_rate_is_found)
{
	struct rig *r = with("bbr");
	char text[160];

	CHECK(r->t->pacing && r->t->pacing_rate);
	for (unsigned i = 0; i < 60; i++)
		round_trip(r, RTT_MS);
	CHECK(r->t->ca->info(r->t, text, sizeof(text)) > 0);
	CHECK(!strncmp(text, "bbr:(bw:", 8));
	CHECK_EQ(r->t->ssthresh, TCP_INFINITE_SSTHRESH);
	CHECK_EQ(r->t->ca->ssthresh(r->t), TCP_INFINITE_SSTHRESH); /* a loss is no reason */
	rig_end(r);
}

static unsigned cc_info(struct rig *r, union tcp_cc_info *cc, unsigned len)
{
	memset(cc, 0x5a, sizeof(*cc));
	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_TCP, TCP_CC_INFO, cc, &len), 0);
	return len;
}

TEST(tcp_cc_info_is_the_model_of_bbr_the_round_trips_of_vegas_and_westwood_and_nothing_for_others)
{
	struct rig *r = with("bbr");
	union tcp_cc_info cc;

	for (unsigned i = 0; i < 8; i++)
		round_trip(r, RTT_MS);
	CHECK_EQ(cc_info(r, &cc, 100), 20);
	CHECK(cc.bbr.bbr_bw_lo > 10000 && !cc.bbr.bbr_bw_hi);
	CHECK_EQ(cc.bbr.bbr_min_rtt / 1000, RTT_MS);
	CHECK(cc.bbr.bbr_pacing_gain >= 88 && cc.bbr.bbr_pacing_gain <= 739 && cc.bbr.bbr_cwnd_gain >= 512);
	CHECK_EQ(cc_info(r, &cc, 8), 8); /* as much as there is room for */
	CHECK_EQ(cc.bbr.bbr_min_rtt, 0x5a5a5a5a);
	rig_end(r);

	r = with("vegas");
	round_trip(r, RTT_MS);
	round_trip(r, RTT_MS + 10);
	CHECK_EQ(cc_info(r, &cc, sizeof(cc)), 16);
	CHECK_EQ(cc.vegas.tcpv_enabled, 1);
	CHECK_EQ(cc.vegas.tcpv_rtt / 1000, RTT_MS);
	rig_end(r);

	r = with("westwood");
	round_trip(r, RTT_MS);
	round_trip(r, RTT_MS + 10);
	CHECK_EQ(cc_info(r, &cc, sizeof(cc)), 16);
	CHECK_EQ(cc.vegas.tcpv_rtt, r->t->srtt_us >> 3);
	CHECK_EQ(cc.vegas.tcpv_minrtt / 1000, RTT_MS);
	rig_end(r);

	r = with("cubic");
	CHECK_EQ(cc_info(r, &cc, sizeof(cc)), 0);
	rig_end(r);
	r = rig_new(); /* no byte was sent: there is no model yet */
	REQUIRE(!net_sysctl_set(r->host->net, "net.ipv4.tcp_congestion_control", "bbr"));
	rig_state(r, TCP_ESTABLISHED);
	CHECK_EQ(cc_info(r, &cc, sizeof(cc)), 0);
	rig_end(r);
}

TEST(cubic_takes_its_epoch_back_when_the_reduction_was_for_nothing)
{
	struct rig *r = with("cubic");
	struct tcb *t = r->t;
	u64 before[TCP_CA_PRIV / 8];

	REQ("9438 4.9");
	t->ssthresh = t->cwnd;
	for (unsigned i = 0; i < 5; i++)
		round_trip(r, RTT_MS);
	memcpy(before, t->tx->ca_priv, 24); /* the epoch stands first */
	t->tx->prior_cwnd = t->cwnd;
	t->ssthresh = t->ca->ssthresh(t);
	CHECK(memcmp(before, t->tx->ca_priv, 24) != 0);
	CHECK_EQ(t->ca->undo_cwnd(t), t->tx->prior_cwnd);
	CHECK_MEM(t->tx->ca_priv, before, 24);
	rig_end(r);
}
