/* SPDX-License-Identifier: MIT
 * test_tcp_time.c - what a TCP does when time passes: the retransmission timer, R1 and R2, shrunk windows, keepalive, idle
 * restarts, floods. RFC 6298, 5681, 9293 3.8.
 */
#include "host/tcprig.h"

/* Without timestamps and SACK, and with a round trip of 100 ms known: RTO 300 ms. */
static struct rig *with_rtt(void)
{
	struct rig *r = rig_new();

	r->no_ts = r->no_sack = true;
	rig_state(r, TCP_ESTABLISHED);
	r->t->srtt_us = 100000 << 3;
	r->t->mdev_us = r->t->rttvar_us = r->t->mdev_max_us = 200000;
	tcp_rto_update(r->t);
	CHECK_EQ(r->t->rto_us, 300000);
	return r;
}

static s64 rel(const struct rig *r)
{
	return (s32)(r->last.seq.v - r->iss - 1);
}

/* ---- the retransmission timer ---- */

TEST(the_timer_stops_when_all_is_acknowledged)
{
	REQ("6298 5.2");
	struct rig *r = with_rtt();

	rig_write(r, 100, 0);
	expect(r, .len = 100);
	CHECK(tcp_timer_armed(r->t, TCPT_RTO));
	inject(r, .ack = 100);
	CHECK(!tcp_timer_armed(r->t, TCPT_RTO));
	rig_run_ms(r, 5000);
	expect_nothing(r);
	rig_end(r);
}

TEST(an_ack_of_new_data_starts_the_timer_anew_for_what_is_left)
{
	REQ("6298 5.3", "6298 5.4", "6298 5");
	struct rig *r = with_rtt();
	u64 sent;

	rig_write(r, 2920, 0);
	CHECK_EQ(rig_drain(r), 2);
	rig_run_ms(r, 250);
	expect_nothing(r);
	inject(r, .ack = 1460);
	sent = r->cpu->now_ns;
	while (!lab_sent_count(r->dev))
		rig_run_ms(r, 1);
	CHECK(rig_take(r));
	CHECK_EQ(rel(r), 1460);
	CHECK((r->cpu->now_ns - sent) / NSEC_PER_USEC >= 199000); /* a timeout after the ACK, none after the sending */
	rig_end(r);
}

TEST(nothing_is_sent_again_before_its_timeout_is_over)
{
	REQ("6298 5", "6298 5.4", "6298 5.6");
	struct rig *r = with_rtt();

	rig_write(r, 2920, 0);
	CHECK_EQ(rig_drain(r), 2);
	rig_run_ms(r, 299);
	expect_nothing(r);
	rig_run_ms(r, 10);
	expect(r, .seq = 0, .len = 1460); /* the earliest */
	expect_nothing(r);
	rig_run_ms(r, 589);
	expect_nothing(r);
	rig_run_ms(r, 20);
	expect(r, .seq = 0, .len = 1460);
	rig_end(r);
}

TEST(after_a_lost_syn_data_waits_three_seconds)
{
	REQ("6298 5.7", "5681 3.1/lost-syn");
	struct rig *r = rig_new();

	r->no_ts = r->no_sack = true; /* no probe comes before */
	rig_state(r, TCP_SYN_SENT);
	rig_run_ms(r, 1010);
	expect(r, .flags = TCP_SYN);
	inject(r, .flags = TCP_SYN | TCP_ACK);
	rig_drain(r);
	rig_write(r, 100, 0);
	expect(r, .len = 100);
	rig_run_ms(r, 2900);
	expect_nothing(r);
	rig_run_ms(r, 200);
	expect(r, .len = 100);
	rig_end(r);
}

TEST(the_timeout_never_exceeds_two_minutes)
{
	REQ("6298 2.5");
	struct rig *r = with_rtt();
	u64 last = r->cpu->now_ns, longest = 0;

	rig_write(r, 100, 0);
	rig_drain(r);
	for (int i = 0; i < 12; i++) {
		while (!lab_sent_count(r->dev))
			rig_run_ms(r, 10);
		rig_drain(r);
		longest = MAX(longest, r->cpu->now_ns - last);
		last = r->cpu->now_ns;
	}
	CHECK(longest >= 119 * NSEC_PER_SEC && longest <= 121 * NSEC_PER_SEC);
	rig_end(r);
}

TEST(each_ack_of_new_data_is_a_sample_and_many_of_them_do_not_narrow_the_variance)
{
	REQ("6298 3/rate", "6298 4", "7323 4.2");
	struct rig *r = with_rtt();
	u32 srtt, rttvar = r->t->rttvar_us;

	for (int i = 0; i < 20; i++) {
		srtt = r->t->srtt_us;
		rig_write(r, 1460, 0);
		rig_drain(r);
		rig_run_ms(r, 80);
		inject(r, .ack = 1460 * (i + 1));
		CHECK(r->t->srtt_us < srtt);
		CHECK(r->t->srtt_us >= srtt - (srtt >> 3) / 4); /* an eighth of the way from 100 to 80 ms and no more */
	}
	CHECK(r->t->srtt_us >> 3 >= 80000 && r->t->srtt_us >> 3 < 83000);
	rig_write(r, 14600, 0);
	rig_drain(r);
	rig_run_ms(r, 80);
	rttvar = r->t->rttvar_us;
	for (int i = 0; i < 9; i++) /* nine samples of one window */
		inject(r, .ack = 1460 * 21 + 1460 * i);
	CHECK(r->t->rttvar_us >= rttvar - (rttvar >> 2));
	CHECK(r->t->rto_us >= (r->t->srtt_us >> 3) + 200000); /* 6298 4: the variance's part has a least value */
	rig_end(r);
}

/* ---- R1 and R2 ---- */

TEST(after_r1_ip_is_asked_for_another_way)
{
	REQ("9293 MUST-20/R1", "9293 SHLD-10");
	struct rig *r = with_rtt();

	CHECK_EQ(r->cpu->sysctl.tcp_retries1, 3);
	rig_write(r, 100, 0);
	rig_drain(r);
	for (int i = 0; i < 3; i++) {
		while (!lab_sent_count(r->dev))
			rig_run_ms(r, 5);
		rig_drain(r);
		CHECK(dst_valid(r->cpu, &r->t->sk.dst));
	}
	lab_default_route(r->dev, "192.168.0.3"); /* the old way stays valid for what uses it ... */
	r->t->sk.dst.next_hop = lab_ip(be32_of(1));
	while (!lab_sent_count(r->dev))
		rig_run_ms(r, 5);
	CHECK(r->t->sk.dst.next_hop.w[3].raw != be32_of(1).raw); /* ... until the fourth timeout asked again */
	rig_end(r);
}

TEST(r2_of_a_syn_can_be_more_than_three_minutes)
{
	REQ("9293 MUST-23", "9293 MUST-22");
	struct rig *r = tcb_in(TCP_SYN_SENT);

	rig_setsockopt(r, SOL_TCP, TCP_SYNCNT, 7);
	rig_run_ms(r, 185 * 1000);
	CHECK_EQ(rig_drain(r), 7);
	CHECK_EQ(r->t->sk.state, TCP_SYN_SENT);
	rig_run_ms(r, 80 * 1000);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	CHECK_EQ(rig_read(r, 1), -ETIMEDOUT);
	rig_end(r);
}

/* ---- windows that shrink ---- */

TEST(of_a_window_that_shrank_only_what_lies_inside_is_sent_again)
{
	REQ("9293 SHLD-16", "9293 MUST-34", "7323 2.4/shrink");
	struct rig *r = with_rtt();

	rig_write(r, 14600, 0);
	CHECK_EQ(rig_drain(r), 10);
	inject(r, .ack = 1460, .wnd = 2920);
	rig_run_ms(r, 10000);
	CHECK(rig_take(r));
	do
		CHECK(rel(r) >= 1460 && rel(r) + r->last.len <= 4380);
	while (rig_take(r));
	inject(r, .ack = 4380, .wnd = 60000); /* it arrived at first: F-RTO sends nothing again before the next timeout */
	rig_run_ms(r, 60000);
	CHECK(rig_take(r));
	CHECK_EQ(rel(r), 4380);
	rig_end(r);
}

TEST(a_window_closed_over_data_in_flight_may_stay_so_for_ever)
{
	REQ("9293 SHLD-17", "9293 MUST-37", "9293 MAY-7");
	struct rig *r = with_rtt();

	rig_write(r, 2920, 0);
	rig_drain(r);
	inject(r, .ack = 1460, .wnd = NO_WINDOW);
	for (int i = 0; i < 60; i++) {
		rig_run_ms(r, 60000);
		while (rig_take(r)) {
			CHECK_EQ(rel(r), 1460); /* the first of it asks */
			inject(r, .ack = 1460, .wnd = NO_WINDOW);
		}
	}
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	inject(r, .ack = 2920, .wnd = 60000);
	rig_write(r, 10, 0);
	rig_drain(r);
	CHECK_EQ(rel(r), 2920);
	rig_end(r);
}

TEST(what_was_sent_again_gives_no_sample_and_the_longer_timer_stays_until_one_comes)
{
	REQ("6298 3/karn");
	struct rig *r = with_rtt();
	struct tcb *t = r->t;
	u32 srtt = t->srtt_us;

	rig_write(r, 1460, 0);
	rig_write(r, 1460, 0);
	rig_run_ms(r, 310);
	CHECK_EQ(rig_drain(r), 3); /* the first of them twice */
	CHECK_EQ(t->backoff, 1);
	rig_run_ms(r, 40);
	inject(r, .ack = 2920); /* the second came long ago, and waited there for the first */
	CHECK_EQ(t->srtt_us, srtt);
	CHECK_EQ(t->backoff, 1);
	rig_write(r, 1460, 0);
	rig_drain(r);
	rig_run_ms(r, 80);
	inject(r, .ack = 4380);
	CHECK(t->srtt_us < srtt);
	CHECK_EQ(t->backoff, 0);
	rig_end(r);

	r = tcb_in(TCP_ESTABLISHED); /* by header prediction, too, where a loss was taken back */
	t = r->t;
	rig_write(r, t->mss, 0);
	rig_write(r, t->mss, 0);
	rig_drain(r);
	srtt = t->srtt_us;
	tcp_cb(tcp_rtx_head(t))->sacked = TCPCB_EVER_RETRANS;
	rig_run_us(r, 900);
	inject(r, .ack = 2 * t->mss);
	CHECK_EQ(t->packets_out, 0);
	CHECK_EQ(t->srtt_us, srtt);
	rig_end(r);
}

/* ---- the end of patience ---- */

static void dies_within(struct rig *r, u32 from_ms, u32 to_ms)
{
	rig_run_ms(r, from_ms);
	CHECK(r->t->sk.state != TCP_CLOSE);
	rig_run_ms(r, to_ms - from_ms);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	CHECK_EQ(rig_write(r, 1, 0), -ETIMEDOUT);
	rig_end(r);
}

TEST(the_user_timeout_bounds_an_opening_and_probes_of_a_closed_window)
{
	REQ("5482 3.1/bound");
	struct rig *r = tcb_in(TCP_SYN_SENT);

	rig_setsockopt(r, SOL_TCP, TCP_USER_TIMEOUT, 5000);
	dies_within(r, 5000, 20000); /* without it six SYNs, for two minutes */

	r = tcb_in(TCP_ESTABLISHED);
	rig_setsockopt(r, SOL_TCP, TCP_USER_TIMEOUT, 5000);
	inject(r, .ack = 0, .wnd = NO_WINDOW);
	rig_write(r, 100, 0);
	dies_within(r, 4500, 20000);
}

TEST(a_window_closed_over_data_in_flight_is_waited_for_as_long_as_the_peer_says_anything)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_write(r, 100, 0);
	rig_drain(r);
	inject(r, .ack = 0, .wnd = NO_WINDOW);
	dies_within(r, 119000, 400000); /* the longest RTO is over */
}

TEST(after_r1_another_way_is_asked_for)
{
	REQ("9293 MUST-20/R1");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 mtu = r->t->sk.dst.mtu;

	rig_write(r, 100, 0);
	rig_drain(r);
	r->t->sk.dst.mtu = mtu - 1; /* a mark: a new way does not have it */
	while (r->t->retransmits < 3)
		rig_run_ms(r, 10);
	CHECK_EQ(r->t->sk.dst.mtu, mtu - 1);
	while (r->t->retransmits < 4)
		rig_run_ms(r, 10);
	CHECK_EQ(r->t->sk.dst.mtu, mtu);
	rig_end(r);
}

/* ---- keepalive ---- */

TEST(no_keepalive_leaves_while_text_waits_for_its_acknowledgment)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	r->sk->keepopen = true;
	rig_setsockopt(r, SOL_SOCKET, SO_KEEPALIVE, 1);
	rig_setsockopt(r, SOL_TCP, TCP_KEEPIDLE, 2);
	rig_write(r, 100, 0);
	rig_run_ms(r, 9000);
	while (rig_take(r))
		CHECK(r->last.len == 100);
	CHECK_EQ(stat(r, TcpExtTCPKeepAlive), 0);
	inject(r, .ack = 100);
	rig_run_ms(r, 4000);
	CHECK(stat(r, TcpExtTCPKeepAlive) >= 1);
	rig_end(r);
}

TEST(keepalive_waits_two_hours_by_default)
{
	REQ("9293 MUST-28", "9293 MUST-24");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	r->sk->keepopen = true;
	rig_setsockopt(r, SOL_SOCKET, SO_KEEPALIVE, 1);
	rig_run_ms(r, 7199 * 1000);
	expect_nothing(r);
	rig_run_ms(r, 2000);
	expect(r, .seq = -1);
	rig_end(r);
}

TEST(the_user_timeout_bounds_keepalive_too)
{
	REQ("5482 4.2");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	r->sk->keepopen = true;
	rig_setsockopt(r, SOL_SOCKET, SO_KEEPALIVE, 1);
	rig_setsockopt(r, SOL_TCP, TCP_KEEPIDLE, 10);
	rig_setsockopt(r, SOL_TCP, TCP_KEEPINTVL, 5);
	rig_setsockopt(r, SOL_TCP, TCP_USER_TIMEOUT, 13000);
	rig_run_ms(r, 14900);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	rig_run_ms(r, 200);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	CHECK_EQ(rig_read(r, 1), -ETIMEDOUT);
	rig_end(r);
}

/* ---- acknowledging ---- */

TEST(one_segment_is_answered_by_one_ack)
{
	REQ("5681 4.2/one");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct test_rng rng = { 31 };

	for (int i = 0; i < 500; i++) {
		u32 seq = rng_below(&rng, 40000);

		inject(r, .seq = seq, .len = 1 + rng_below(&rng, 1448));
		if (!CHECK(rig_drain(r) <= 1))
			break;
	}
	rig_end(r);
}

/* ---- defence ---- */

TEST(challenge_acks_have_a_limit_that_can_be_set)
{
	REQ("5961 7/limit");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	r->cpu->sysctl.tcp_challenge_ack_limit = 3;
	for (int i = 0; i < 10; i++)
		inject(r, .seq = 1, .flags = TCP_RST);
	CHECK_EQ(rig_drain(r), 3);
	CHECK_EQ(stat(r, TcpExtTCPACKSkippedChallenge), 7);
	rig_end(r);
}

TEST(the_limit_of_one_connection_says_nothing_of_another)
{
	REQ("5961 10");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct sock *second;
	u32 iss = r->iss;
	int err;

	r->peer.port++;
	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .ack = 0);
	second = tcp_prot.accept(r->listener, &err);
	REQUIRE(second);
	for (int i = 0; i < 30; i++)
		inject(r, .seq = 1, .flags = TCP_RST);
	CHECK_EQ(rig_drain(r), 10);
	r->peer.port--;
	r->iss = iss;
	for (int i = 0; i < 30; i++)
		inject(r, .seq = 1, .flags = TCP_RST);
	CHECK_EQ(rig_drain(r), 10); /* its own ten, as if nothing had been */
	tcp_prot.close(second);
	rig_end(r);
}

TEST(a_flood_of_syns_is_bounded_and_disturbs_no_connection)
{
	REQ("4987 3.2", "4987 2/others", "4987 3.6/serve");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u16 port = r->peer.port;
	u32 iss = r->iss;

	r->cpu->sysctl.tcp_max_syn_backlog = 64;
	for (u32 i = 0; i < 3000; i++) {
		inject(r, .flags = TCP_SYN, .src = 0xc6120000 + i); /* 198.18.0.0/15 */
		CHECK_EQ(rig_drain(r), 1); /* each is answered, if only by a cookie */
	}
	CHECK(r->cpu->tcp->nr_requests <= 64);
	r->peer.port = port;
	r->iss = iss;
	inject(r, .len = 100);
	CHECK_EQ(rig_read(r, 1000), 100);
	CHECK_EQ(rig_write(r, 100, 0), 100);
	CHECK(rig_drain(r) >= 1);
	rig_end(r);
}
