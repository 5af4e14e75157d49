/* SPDX-License-Identifier: MIT
 * test_tcp_recovery.c - what a sender does after losses, requirement by requirement: NewReno, SACK's pipe, PRR, RACK, tail loss
 * probes, F-RTO; slow start, congestion avoidance and CUBIC's curve.
 */
#include "host/tcprig.h"

#define SEG(n) ((s64)(n) * 1460)
#define SACKED(from, to) .sacks = { { seq_of((u32)SEG(from)), seq_of((u32)SEG(to)) } }, .nr_sacks = 1

static s64 seg_of_last(const struct rig *r)
{
	return (s32)(r->last.seq.v - r->iss - 1) / 1460;
}

/* Runs until something is sent, some time at most. */
static bool wait_sent(struct rig *r, u32 ms)
{
	while (ms-- && !lab_sent_count(r->dev))
		rig_run_ms(r, 1);
	return lab_sent_count(r->dev) != 0;
}

/* ---- NewReno (RFC 6582) ---- */

TEST(newreno_recovers_up_to_what_was_out_and_once)
{
	REQ("6582 3.2/2", "6582 3.2/again", "6582 3.2/3/full", "5681 3.2/third");
	struct rig *r = rig_in_flight(10, false, "reno");

	for (int i = 0; i < 3; i++)
		inject(r, .ack = 0);
	expect(r, .seq = 0, .len = 1460);
	CHECK_EQ(r->t->high_seq.v, r->iss + 1 + 14600);
	CHECK_EQ(r->t->ssthresh, 5);
	for (int i = 0; i < 6; i++)
		inject(r, .ack = 0);
	rig_drain(r);
	inject(r, .ack = SEG(3)); /* partial */
	rig_drain(r);
	for (int i = 0; i < 4; i++)
		inject(r, .ack = SEG(3));
	CHECK_EQ(r->t->ssthresh, 5);
	CHECK_EQ(stat(r, TcpExtTCPRenoRecovery), 1);
	inject(r, .ack = SEG(10));
	inject(r, .ack = SEG(10));
	rig_write(r, 1460, 0);
	rig_drain(r);
	inject(r, .ack = SEG(11));
	CHECK_EQ(r->t->ca_state, TCP_CA_OPEN);
	CHECK(r->t->cwnd <= 6);
	rig_end(r);
}

TEST(after_a_timeout_duplicates_below_what_was_out_start_no_recovery)
{
	REQ("6582 3.2/4", "6675 5.1/rto", "5681 3.1/rto-again");

	for (int sack = 0; sack < 2; sack++) {
		struct rig *r = rig_in_flight(10, sack, "reno");
		u32 ssthresh;

		CHECK(wait_sent(r, 3000));
		while (r->t->ca_state != TCP_CA_LOSS)
			rig_run_ms(r, 10);
		rig_drain(r);
		ssthresh = r->t->ssthresh;
		CHECK_EQ(ssthresh, 5);
		for (int i = 0; i < 6; i++) {
			inject(r, .ack = 0);
			CHECK_EQ(r->t->ca_state, TCP_CA_LOSS);
		}
		rig_run_ms(r, 3000); /* the same segment again */
		CHECK(rig_drain(r) >= 1);
		CHECK_EQ(r->t->ssthresh, ssthresh);
		CHECK_EQ(stat(r, TcpExtTCPRenoRecovery) + stat(r, TcpExtTCPSackRecovery), 0);
		rig_end(r);
	}
}

/* ---- slow start and congestion avoidance ---- */

TEST(ssthresh_begins_high_and_the_handshake_leaves_the_window)
{
	REQ("5681 3.1/ssthresh", "5681 3.1/syn");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	CHECK_EQ(r->t->ssthresh, TCP_INFINITE_SSTHRESH);
	CHECK_EQ(r->t->cwnd, 10);
	inject(r, .ack = 0);
	CHECK_EQ(r->t->cwnd, 10);
	rig_end(r);
}

TEST(slow_start_counts_bytes_and_not_acks)
{
	REQ("3465 2.2", "5681 3.1/slow");
	struct rig *r = rig_in_flight(10, true, "reno");

	r->t->cwnd_limited = true;
	for (int i = 1; i <= 20; i++) /* 20 ACKs of half a segment each */
		inject(r, .ack = 730 * i);
	CHECK_EQ(r->t->cwnd, 20);
	rig_end(r);
}

TEST(congestion_avoidance_grows_by_a_segment_a_round_trip)
{
	REQ("5681 3.1/avoid", "9293 MUST-19");
	struct rig *r = rig_in_flight(10, true, "reno");
	u32 acked = 0;

	r->t->ssthresh = 5;
	for (int round = 0; round < 5; round++) {
		u32 cwnd = r->t->cwnd, end = r->t->snd.nxt.v - r->iss - 1;

		r->t->cwnd_limited = true;
		while (acked < end)
			inject(r, .ack = acked += 1460);
		CHECK(r->t->cwnd == cwnd + 1);
		rig_write(r, r->t->cwnd * 1460, 0);
		rig_run_ms(r, 100);
		rig_drain(r);
	}
	rig_end(r);
}

TEST(after_idleness_the_window_begins_again)
{
	REQ("5681 4.1");
	struct rig *r = rig_in_flight(40, true, "reno");

	inject(r, .ack = SEG(40));
	r->t->cwnd = 40;
	rig_run_ms(r, 10000);
	rig_write(r, SEG(40), 0);
	CHECK_EQ(rig_drain(r), 10);
	rig_end(r);
}

TEST(with_sack_a_duplicate_that_tells_nothing_sends_nothing)
{
	REQ("5681 3.2/nosack", "6675 5/limited");
	struct rig *r = rig_in_flight(10, true, "reno");

	rig_write(r, SEG(5), 0);
	expect_nothing(r);
	inject(r, .ack = 0);
	inject(r, .ack = 0);
	expect_nothing(r);
	inject(r, .ack = 0, SACKED(5, 6)); /* this one tells */
	expect(r, .seq = SEG(10), .len = 1460);
	expect_nothing(r);
	rig_end(r);
}

/* ---- SACK: pipe, PRR ---- */

TEST(the_pipe_counts_what_is_in_flight)
{
	REQ("6675 4/pipe", "6675 3/scoreboard");
	struct rig *r = rig_in_flight(10, true, "reno");

	CHECK_EQ(tcp_in_flight(r->t), 10);
	inject(r, .ack = 0, SACKED(4, 8)); /* 0 to 3 are lost, one of them is sent again */
	CHECK_EQ(r->t->sacked_out, 4);
	CHECK_EQ(r->t->lost_out, 4);
	CHECK_EQ(rig_drain(r), r->t->retrans_out);
	CHECK_EQ(tcp_in_flight(r->t), 10 - 4 - 4 + r->t->retrans_out);
	rig_end(r);
}

TEST(in_recovery_losses_leave_before_new_data_and_never_beyond_the_window)
{
	REQ("6675 4/nextseg1", "6675 4/nextseg2", "6675 5/send", "8985 9.3", "6937 3/proportional", "6937 3/bound");
	struct rig *r = rig_in_flight(20, true, "reno");
	u32 sent = 0, sacked = 3;
	s64 highest = -1;

	rig_write(r, SEG(20), 0);
	inject(r, .ack = 0, SACKED(2, 2 + sacked)); /* 0 and 1 are lost */
	CHECK_EQ(r->t->ssthresh, 10);
	for (;;) {
		while (rig_take(r)) {
			s64 seg = seg_of_last(r);

			CHECK(seg < 2 ? seg > highest : highest >= 1); /* first the holes, from the left */
			CHECK(seg < 2 || seg >= 20);
			highest = MAX(highest, seg);
			sent++;
		}
		CHECK(tcp_in_flight(r->t) <= r->t->cwnd);
		/* half of what is delivered while the pipe is above ssthresh; the bound below it */
		CHECK(sent <= MAX(sacked * 10 / 20 + 2, 1u) || tcp_in_flight(r->t) <= r->t->ssthresh);
		if (sacked == 18)
			break;
		sacked++;
		inject(r, .ack = 0, SACKED(2, 2 + sacked));
	}
	CHECK(sent >= 8 && sent <= 11);
	CHECK(tcp_in_flight(r->t) <= 10);
	rig_end(r);
}

TEST(a_dsack_is_no_block_of_the_scoreboard)
{
	REQ("2883 5");
	struct rig *r = rig_in_flight(10, true, "reno");

	inject(r, .ack = SEG(3));
	rig_drain(r);
	inject(r, .ack = SEG(3), SACKED(1, 2)); /* below the ACK */
	CHECK_EQ(r->t->sacked_out, 0);
	CHECK_EQ(stat(r, TcpExtTCPDSACKRecv), 1);
	inject(r, .ack = SEG(3), .sacks = { { seq_of((u32)SEG(5)), seq_of((u32)SEG(6)) }, { seq_of((u32)SEG(5)), seq_of((u32)SEG(7)) } },
	       .nr_sacks = 2); /* inside the second */
	CHECK_EQ(stat(r, TcpExtTCPDSACKRecv), 2);
	CHECK_EQ(r->t->sacked_out, 2);
	rig_end(r);
}

/* ---- RACK (RFC 8985) ---- */

TEST(rack_and_probes_need_sack)
{
	REQ("8985 4/sack");
	struct rig *r = rig_in_flight(10, false, "reno");

	inject(r, .ack = 0);
	rig_run_ms(r, 190); /* two round trips and more, before the timeout */
	expect_nothing(r);
	CHECK_EQ(stat(r, TcpExtTCPLossProbes), 0);
	CHECK(!tcp_timer_armed(r->t, TCPT_REO));
	rig_end(r);
}

TEST(each_transmission_has_its_time)
{
	REQ("8985 4/time");
	struct rig *r = rig_in_flight(3, true, "reno");
	struct tcp_skb_cb *head = tcp_cb(tcp_rtx_head(r->t));
	u64 first = head->tx_ns;

	CHECK(first && first < r->cpu->now_ns);
	while (!(head->sacked & TCPCB_EVER_RETRANS))
		rig_run_ms(r, 1);
	CHECK(head->tx_ns > first + 100 * NSEC_PER_MSEC);
	CHECK_EQ(head->tx_ns, r->cpu->now_ns);
	rig_drain(r);
	rig_end(r);
}

TEST(the_least_round_trip_is_forgotten_after_five_minutes)
{
	REQ("8985 6.2/1");
	struct rig *r = rig_in_flight(1, true, "reno");

	CHECK_EQ(r->t->min_rtt_us, 100000);
	tcp_min_rtt_update(r->t, 50000);
	CHECK_EQ(r->t->min_rtt_us, 50000);
	tcp_min_rtt_update(r->t, 70000);
	CHECK_EQ(r->t->min_rtt_us, 50000);
	r->t->min_rtt_ms -= 300001;
	tcp_min_rtt_update(r->t, 70000);
	CHECK_EQ(r->t->min_rtt_us, 70000);
	rig_end(r);
}

TEST(a_retransmission_answered_too_soon_tells_rack_nothing)
{
	REQ("8985 6.2/2");
	struct rig *r = rig_in_flight(10, true, "reno");
	u64 before;

	inject(r, .ack = 0, SACKED(3, 7));
	CHECK(rig_drain(r) >= 1); /* segment 0 again */
	before = r->t->rack.xmit_ns;
	rig_run_ms(r, 10);
	inject(r, .ack = SEG(1), SACKED(3, 7)); /* 10 ms: the original was late */
	CHECK_EQ(r->t->rack.xmit_ns, before);
	rig_end(r);
}

TEST(what_arrives_late_and_was_never_sent_again_is_reordering)
{
	REQ("8985 6.2/3", "8985 6.2/4/zero");
	struct rig *r = rig_in_flight(10, true, "reno");

	CHECK(tcp_rack_reo_wnd(r->t) == 25000); /* a quarter of the least round trip, until there is evidence of loss ... */
	inject(r, .ack = 0, SACKED(1, 3));
	CHECK_EQ(r->t->reord_seen, 0);
	r->t->sacked_out = 3;
	CHECK_EQ(tcp_rack_reo_wnd(r->t), 0); /* ... such as three SACKed */
	r->t->sacked_out = 2;
	inject(r, .ack = SEG(3));
	CHECK_EQ(r->t->reord_seen, 1);
	r->t->sacked_out = 3;
	CHECK_EQ(tcp_rack_reo_wnd(r->t), 25000);
	r->t->sacked_out = 0;
	rig_end(r);
}

TEST(a_dsack_is_about_what_was_sent_and_no_connection_dies_of_one_that_cannot_be)
{
	static const struct tcp_sack_block lies[] = { { { -10u }, { -5u } }, { { -1u }, { 0 } }, { { 5 }, { 3 } }, { { 0 }, { 100 } },
						      { { -70000u }, { 0 } }, { { 1u << 31 }, { 0 } } };

	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		struct rig *r = tcb_in(TCP_ESTABLISHED);

		inject(r, .ack = 0, .sacks = { lies[i] }, .nr_sacks = 1); /* nothing was ever sent */
		CHECK(!r->t->rack.dsack_seen && !r->t->tx);
		CHECK_EQ(stat(r, TcpExtTCPDSACKRecv), 0);
		inject(r, .ack = 0, .len = 10);
		CHECK_EQ(rig_read(r, 10), 10);
		rig_end(r);
	}
}

TEST(the_tolerance_widens_with_dsacks_up_to_a_bound_and_narrows_again)
{
	REQ("8985 6.2/4/dsack", "8985 6.2/4/bound");
	struct rig *r = rig_in_flight(10, true, "reno");
	struct ack_state s = { 0 };

	r->t->reord_seen = 1;
	for (int i = 0; i < 20; i++) {
		u32 before = tcp_rack_reo_wnd(r->t);

		r->t->rack.dsack_seen = true;
		r->t->rack.dsack_round = r->t->snd.una; /* a round trip later */
		tcp_rack_dsack(r->t, &s);
		CHECK(tcp_rack_reo_wnd(r->t) == MIN(before + 25000, 100000u));
		r->t->rack.dsack_seen = true; /* in the same round trip: nothing */
		before = r->t->rack.reo_wnd_mult;
		tcp_rack_dsack(r->t, &s);
		CHECK_EQ(r->t->rack.reo_wnd_mult, before);
	}
	CHECK_EQ(r->t->rack.persist, 16);
	r->t->rack.persist = 0; /* sixteen recoveries later */
	tcp_rack_dsack(r->t, &s);
	CHECK_EQ(r->t->rack.reo_wnd_mult, 1);
	rig_end(r);
}

TEST(a_timeout_marks_what_is_overdue_and_nothing_younger)
{
	REQ("8985 6.3");
	struct rig *r = rig_in_flight(5, true, "reno");

	r->cpu->sysctl.tcp_early_retrans = 0;
	r->t->cwnd = 10;
	tcp_rearm_rto(r->t);
	rig_run_ms(r, 150); /* 250 ms after the five */
	r->t->rack.rtt_us = 100000;
	rig_write(r, SEG(5), 0);
	CHECK_EQ(rig_drain(r), 5);
	while (r->t->ca_state != TCP_CA_LOSS)
		rig_run_ms(r, 1);
	CHECK_EQ(r->t->lost_out, 5); /* the second five are 50 ms old */
	rig_drain(r);
	rig_end(r);
}

/* ---- tail loss probes ---- */

TEST(a_probe_never_comes_after_the_timeout_and_one_at_a_time)
{
	REQ("8985 7.2/cap", "8985 7.3/one", "8985 7.3/rto");
	struct rig *r = rig_in_flight(3, true, "reno");

	CHECK(tcp_timer_armed(r->t, TCPT_TLP));
	CHECK(tcp_timer_at_ns(r->t, TCPT_TLP) <= tcp_rto_at(r->t) + NSEC_PER_MSEC);
	CHECK(wait_sent(r, 300));
	CHECK_EQ(stat(r, TcpExtTCPLossProbes), 1);
	CHECK(r->t->tlp_out && tcp_timer_armed(r->t, TCPT_RTO) && !tcp_timer_armed(r->t, TCPT_TLP));
	rig_drain(r);
	CHECK(!tcp_schedule_tlp(r->t, true));
	CHECK(wait_sent(r, 2000)); /* the timer */
	CHECK_EQ(stat(r, TcpExtTCPLossProbes), 1);
	CHECK_EQ(stat(r, TcpExtTCPTimeouts), 1);
	rig_end(r);
}

TEST(a_probe_is_the_end_of_what_is_in_flight_where_sack_blocks_left_less_room_for_text_since)
{
	REQ("8985 7.3/one");

	for (u32 n = 1; n <= 2; n++) {
		struct rig *r = rig_in_flight(n, true, "reno");

		inject(r, .seq = 100, .ack = 0, .len = 10); /* a hole: our segments tell of it from now on */
		rig_drain(r);
		CHECK(wait_sent(r, 400));
		CHECK_EQ(stat(r, TcpExtTCPLossProbes), 1);
		expect(r, .seq = n * 1460 - 12, .ack = 0, .len = 12);
		CHECK_EQ(r->t->packets_out, n + 1);
		CHECK(tcp_rtx_head(r->t)->len >= 1448); /* none is empty */
		rig_end(r);
	}
}

TEST(no_probe_while_something_is_sacked_or_in_recovery)
{
	REQ("8985 7.2/when");
	struct rig *r = rig_in_flight(10, true, "reno");

	inject(r, .ack = 0, SACKED(9, 10));
	CHECK(!tcp_timer_armed(r->t, TCPT_TLP));
	CHECK(!tcp_schedule_tlp(r->t, true));
	rig_end(r);
	r = rig_in_flight(10, true, "reno");
	inject(r, .ack = 0, SACKED(5, 10));
	CHECK_EQ(r->t->ca_state, TCP_CA_RECOVERY);
	CHECK(!tcp_schedule_tlp(r->t, true));
	rig_drain(r);
	rig_end(r);
}

TEST(a_probe_that_repaired_a_loss_reduces_once_and_a_needless_one_does_not)
{
	REQ("8985 7.4.2", "8985 7.4.2/none");

	for (int needless = 0; needless < 2; needless++) {
		struct rig *r = rig_in_flight(3, true, "reno");

		r->t->cwnd = 10;
		CHECK(wait_sent(r, 300));
		rig_drain(r);
		if (needless)
			inject(r, .ack = SEG(3), SACKED(2, 3)); /* a D-SACK: it had arrived */
		else
			inject(r, .ack = SEG(3));
		CHECK(r->t->tlp_out == !needless);
		rig_write(r, SEG(1), 0);
		rig_drain(r);
		inject(r, .ack = SEG(4));
		CHECK_EQ(stat(r, TcpExtTCPLossProbeRecovery), !needless);
		CHECK(!r->t->tlp_out);
		CHECK_EQ(r->t->ssthresh == TCP_INFINITE_SSTHRESH, needless);
		rig_end(r);
	}
}

/* ---- F-RTO ---- */

TEST(a_duplicate_after_the_new_data_means_that_the_loss_was_real)
{
	REQ("5682 2.1/3a", "5682 2.1/2b");
	struct rig *r = rig_in_flight(10, true, "reno");

	r->cpu->sysctl.tcp_early_retrans = 0;
	rig_write(r, SEG(10), 0);
	tcp_rearm_rto(r->t);
	CHECK(wait_sent(r, 2000));
	expect(r, .seq = 0, .len = 1460);
	CHECK_EQ(r->t->ca_state, TCP_CA_LOSS);
	rig_run_ms(r, 100);
	inject(r, .ack = SEG(1)); /* the retransmission's own */
	CHECK(rig_take(r));
	CHECK_EQ(seg_of_last(r), 10); /* new data, and see */
	rig_drain(r);
	inject(r, .ack = SEG(1), SACKED(10, 11));
	CHECK_EQ(r->t->ca_state, TCP_CA_LOSS);
	CHECK(rig_take(r));
	CHECK_EQ(seg_of_last(r), 1);
	CHECK_EQ(stat(r, TcpExtTCPSpuriousRTOs), 0);
	rig_end(r);
}

/* ---- CUBIC ---- */

/* Congestion avoidance, an ACK for each segment of the window every 100 ms; the window after so many rounds. */
static u32 cubic_rounds(struct rig *r, u32 rounds, u32 *most_percent)
{
	u64 now = r->cpu->now_ns;
	u32 cwnd = r->t->cwnd;

	*most_percent = 0;
	for (u32 i = 0; i < rounds; i++) {
		net_set_now(r->cpu, r->cpu->now_ns + 100 * NSEC_PER_MSEC);
		for (u32 a = 0; a < cwnd; a++)
			r->t->ca->cong_avoid(r->t, 1);
		*most_percent = MAX(*most_percent, (r->t->cwnd - cwnd) * 100 / cwnd);
		cwnd = r->t->cwnd;
	}
	net_set_now(r->cpu, now);
	return cwnd;
}

/* A CUBIC that loses at each of the windows, one after the other. */
static struct rig *cubic_lost_at(u32 first, u32 second)
{
	struct rig *r = rig_in_flight(10, true, "cubic");

	r->t->cwnd = first;
	r->t->cwnd = r->t->ssthresh = r->t->ca->ssthresh(r->t);
	if (second) {
		r->t->cwnd = second;
		r->t->cwnd = r->t->ssthresh = r->t->ca->ssthresh(r->t);
	}
	return r;
}

static u32 cubic_after(u32 w_max, u32 rounds, u32 *most_percent)
{
	struct rig *r = cubic_lost_at(w_max, 0);
	u32 cwnd = cubic_rounds(r, rounds, most_percent);

	rig_end(r);
	return cwnd;
}

TEST(cubic_follows_its_curve)
{
	REQ("9438 4.2", "9438 4.4");
	u32 growth, cwnd;

	/* W_max 400: K = cbrt(400 * 0.3 / 0.4) = 6.7 s. There it is back at W_max; 4 s later 25.6 above, 10 s later 400 */
	cwnd = cubic_after(400, 67, &growth);
	CHECK(cwnd >= 396 && cwnd <= 402);
	CHECK(growth <= 50);
	cwnd = cubic_after(400, 107, &growth);
	CHECK(cwnd >= 420 && cwnd <= 430);
	cwnd = cubic_after(400, 167, &growth);
	CHECK(cwnd >= 770 && cwnd <= 820);
	CHECK(growth <= 50);
}

TEST(cubic_is_never_slower_than_reno)
{
	REQ("9438 4.3");
	u32 growth, cwnd = cubic_after(40, 31, &growth);

	/* the cubic is back at 40 after 3.1 s; Reno's estimate is there after 23 rounds of 0.53 and goes on by 1 a round */
	CHECK(cwnd >= 46 && cwnd <= 50);
}

TEST(a_loss_leaves_seven_tenths_and_two_segments_at_least)
{
	REQ("9438 4.6/beta", "9438 4.6/least");
	struct rig *r = cubic_lost_at(100, 0);

	CHECK_EQ(r->t->cwnd, 70);
	r->t->cwnd = 2;
	CHECK_EQ(r->t->ca->ssthresh(r->t), 2);
	rig_end(r);
}

TEST(a_loss_below_the_last_one_aims_lower)
{
	REQ("9438 4.7");
	struct rig *r = cubic_lost_at(1000, 800);
	u32 growth, cwnd;

	/* W_max is 800 * 1.7 / 2 = 680, and K 6.7 s; without it the cubic would be near 800 by then */
	CHECK_EQ(r->t->cwnd, 560);
	cwnd = cubic_rounds(r, 67, &growth);
	CHECK(cwnd >= 670 && cwnd <= 690);
	rig_end(r);
}

TEST(idle_time_and_time_before_a_timeout_do_not_count_for_cubic)
{
	REQ("9438 4.2/idle", "9438 4.8");
	struct rig *r = rig_in_flight(10, true, "cubic");
	struct tcb *t = r->t;
	u32 before, growth;

	t->cwnd = 40;
	t->cwnd = t->ssthresh = t->ca->ssthresh(t);
	t->ca->cong_avoid(t, 1); /* the epoch begins */
	inject(r, .ack = SEG(10));
	before = t->cwnd;
	rig_run_ms(r, 60000);
	r->cpu->sysctl.tcp_slow_start_after_idle = 0;
	rig_write(r, SEG(1), 0);
	rig_drain(r);
	for (int i = 0; i < 10; i++)
		t->ca->cong_avoid(t, 1);
	CHECK(t->cwnd <= before + 2); /* a minute of the cubic would be thousands */
	rig_end(r);
	r = cubic_lost_at(400, 0); /* 5 s of an epoch, a timeout, and no jump to where that epoch would be */
	cubic_rounds(r, 1, &growth);
	r->t->ca->set_state(r->t, TCP_CA_LOSS);
	net_set_now(r->cpu, r->cpu->now_ns + 5 * NSEC_PER_SEC);
	r->t->cwnd = r->t->ssthresh = before = 100;
	CHECK(cubic_rounds(r, 2, &growth) <= before + 15);
	r->cpu->now_ns -= 5 * NSEC_PER_SEC;
	rig_end(r);
}

TEST(a_needless_reduction_is_taken_back)
{
	REQ("9438 4.9", "5682 3");
	struct rig *r = rig_in_flight(10, true, "cubic");

	inject(r, .ack = 0, SACKED(1, 4));
	expect(r, .seq = 0, .len = 1460);
	CHECK_EQ(r->t->ssthresh, 7);
	rig_drain(r);
	inject(r, .ack = SEG(10), SACKED(0, 1)); /* it had arrived */
	CHECK(r->t->cwnd >= 10);
	CHECK(r->t->ssthresh >= 7 || r->t->ssthresh == TCP_INFINITE_SSTHRESH);
	rig_end(r);
}

TEST(slow_start_ends_when_the_round_trip_grows)
{
	REQ("9438 4.10");
	struct rig *r = rig_in_flight(10, true, "cubic");
	u32 acked = 0;

	for (int round = 0; round < 10; round++) {
		u32 end = r->t->snd.nxt.v - r->iss - 1;

		CHECK(round > 2 || r->t->ssthresh == TCP_INFINITE_SSTHRESH);
		while (acked < end) {
			r->t->cwnd_limited = true;
			inject(r, .ack = acked += 1460);
		}
		rig_write(r, SEG(10), 0);
		rig_run_ms(r, round < 3 ? 100 : 130); /* the queue grows */
		rig_drain(r);
	}
	CHECK(r->t->ssthresh < TCP_INFINITE_SSTHRESH);
	CHECK_EQ(stat(r, TcpExtTCPHystartDelayDetect), 1);
	rig_end(r);
}

/* Such a GSO skb's segments are not all as long as their mean. */
TEST(a_sack_from_the_second_segment_of_an_uneven_skb_leaves_the_first_to_be_sent_again)
{
	struct rig *r = rig_in_flight(10, true, "reno");
	struct sk_buff *skb;

	inject(r, .ack = SEG(10));
	r->dev->features |= NETIF_F_TSO;
	rig_write(r, 1460 + 400, 0);
	rig_drain(r);
	skb = tcp_rtx_head(r->t);
	REQUIRE(skb && skb_peek_tail(&r->t->rtxq) == skb);
	CHECK_EQ(tcp_cb(skb)->segs, 2);
	inject(r, .ack = SEG(10), .nr_sacks = 1, .sacks = { { seq_of(14600 + 1460), seq_of(14600 + 1860) } });
	CHECK_EQ(r->t->sacked_out, 1);
	CHECK_EQ(tcp_rtx_head(r->t)->len, 1460);
	inject(r, .ack = SEG(11)); /* whatever was asked again */
	CHECK_EQ(r->t->packets_out, 1);
	rig_end(r);
}
