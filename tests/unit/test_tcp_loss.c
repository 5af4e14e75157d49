/* SPDX-License-Identifier: MIT
 * test_tcp_loss.c - losses: retransmission timeouts, fast retransmit, NewReno, SACK, RACK, tail loss probes, undo.
 */
#include "host/tcprig.h"

static struct rig *plain(bool sack)
{
	struct rig *r = rig_new();

	r->no_ts = true;
	r->no_sack = !sack;
	return rig_state(r, TCP_ESTABLISHED);
}

/* Ten segments in flight, and a round trip of 100 ms known. */
static struct rig *ten_in_flight(bool sack)
{
	struct rig *r = plain(sack);

	rig_write(r, 1460, 0);
	rig_drain(r);
	inject(r, .ack = 1460);
	r->t->srtt_us = 100000 << 3;
	r->t->min_rtt_us = 100000;
	tcp_rto_update(r->t);
	rig_write(r, 14600, 0);
	CHECK_EQ(rig_drain(r), 10);
	rig_run_ms(r, 100);
	rig_drain(r);
	return r;
}
#define SEG(n) ((s64)(n) * 1460 + 1460) /* relative sequence number of the n-th of the ten */
#define SACKED(from, to) .sacks = { { seq_of((u32)SEG(from)), seq_of((u32)SEG(to)) } }, .nr_sacks = 1

/* ---- timeouts ---- */

TEST(the_first_rto_is_a_second)
{
	REQ("6298 2.1", "6298 5.1");
	struct rig *r = plain(false);

	r->t->srtt_us = 0;
	r->t->rto_us = TCP_RTO_INIT_US;
	rig_write(r, 100, 0);
	expect(r, .len = 100);
	rig_run_ms(r, 990);
	expect_nothing(r);
	rig_run_ms(r, 20);
	expect(r, .len = 100);
	CHECK_EQ(stat(r, TcpExtTCPTimeouts), 1);
	rig_end(r);
}

TEST(the_rto_doubles_at_each_expiry)
{
	REQ("6298 5.5", "6298 5.6", "9293 MUST-19");
	struct rig *r = plain(false);
	u64 at[6], n = 0;

	rig_write(r, 100, 0);
	rig_drain(r);
	while (n < 6) {
		rig_run_ms(r, 1);
		if (rig_drain(r))
			at[n++] = r->cpu->now_ns / NSEC_PER_MSEC;
	}
	for (int i = 2; i < 6; i++)
		CHECK((at[i] - at[i - 1]) * 10 >= (at[i - 1] - at[i - 2]) * 19);
	CHECK_EQ(r->t->cwnd, 1);
	rig_end(r);
}

TEST(a_sample_sets_srtt_and_rttvar)
{
	REQ("6298 2.2");
	struct rig *r = plain(false);

	r->t->srtt_us = 0;
	rig_write(r, 100, 0);
	rig_run_ms(r, 80);
	inject(r, .ack = 100);
	CHECK(r->t->srtt_us >> 3 >= 80000 && r->t->srtt_us >> 3 < 81000);
	CHECK(r->t->mdev_us >> 1 >= 79000 && r->t->mdev_us >> 1 < 81000);
	CHECK(r->t->rto_us >= 240000 && r->t->rto_us < 290000);
	rig_end(r);
}

TEST(a_retransmitted_segment_gives_no_sample)
{
	REQ("6298 3/karn", "9293 MUST-18");
	struct rig *r = plain(false);
	u32 srtt;

	rig_write(r, 100, 0);
	srtt = r->t->srtt_us;
	rig_run_ms(r, 1100);
	CHECK(rig_drain(r) >= 2);
	inject(r, .ack = 100);
	CHECK_EQ(r->t->srtt_us, srtt);
	rig_end(r);
}

TEST(after_a_timeout_cwnd_is_one_and_ssthresh_half_of_flight)
{
	REQ("5681 3.1/rto");
	struct rig *r = ten_in_flight(false);

	tcp_prot.setsockopt(r->sk, SOL_TCP, TCP_CONGESTION, "reno", 4);
	rig_run_ms(r, 1000);
	CHECK_EQ(r->t->ca_state, TCP_CA_LOSS);
	CHECK_EQ(r->t->cwnd, 1);
	CHECK_EQ(r->t->ssthresh, 5);
	rig_end(r);
}

TEST(a_connection_is_given_up_after_r2)
{
	REQ("9293 MUST-20/R2", "9293 SHLD-11");
	struct rig *r = plain(true);

	rig_write(r, 100, 0);
	rig_run_ms(r, 800 * 1000);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	rig_run_ms(r, 300 * 1000);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	CHECK_EQ(rig_read(r, 1), -ETIMEDOUT);
	rig_end(r);
}

TEST(the_user_timeout_bounds_the_waiting)
{
	REQ("9293 MUST-21", "5482 3.1/set", "5482 3.1/bound");
	struct rig *r = plain(true);

	rig_setsockopt(r, SOL_TCP, TCP_USER_TIMEOUT, 5000);
	rig_write(r, 100, 0);
	rig_run_ms(r, 15000);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	rig_end(r);
}

/* ---- without SACK ---- */

TEST(the_third_duplicate_ack_retransmits)
{
	REQ("5681 3.2/third");
	struct rig *r = ten_in_flight(false);

	inject(r, .ack = SEG(0));
	inject(r, .ack = SEG(0));
	expect_nothing(r);
	inject(r, .ack = SEG(0));
	expect(r, .seq = SEG(0), .len = 1460);
	CHECK_EQ(r->t->ca_state, TCP_CA_RECOVERY);
	CHECK_EQ(stat(r, TcpExtTCPRenoRecovery), 1);
	rig_end(r);
}

TEST(a_partial_ack_retransmits_the_next_hole)
{
	REQ("6582 3.2/3/partial");
	struct rig *r = ten_in_flight(false);

	for (int i = 0; i < 3; i++)
		inject(r, .ack = SEG(0));
	expect(r, .seq = SEG(0), .len = 1460);
	rig_run_ms(r, 50);
	inject(r, .ack = SEG(4));
	CHECK(rig_take(r));
	CHECK_EQ((s64)(r->last.seq.v - r->iss - 1), SEG(4));
	rig_drain(r);
	inject(r, .ack = SEG(10));
	CHECK(r->t->cwnd <= 10);
	rig_end(r);
}

TEST(limited_transmit_sends_new_data_on_the_first_duplicates)
{
	REQ("5681 3.2/limited", "3042 2", "5681 3.2/cwnd");
	struct rig *r = ten_in_flight(false);

	u32 cwnd = r->t->cwnd = 10;

	rig_write(r, 5000, 0);
	rig_drain(r);
	for (int i = 0; i < 2; i++) {
		inject(r, .ack = SEG(0));
		expect(r, .seq = SEG(10 + i), .len = 1460);
		expect_nothing(r);
		CHECK_EQ(r->t->cwnd, cwnd);
	}
	rig_end(r);
}

/* ---- with SACK ---- */

TEST(a_sack_hole_is_retransmitted_and_nothing_else)
{
	REQ("6675 4/nextseg1", "2018 5/skip", "6675 3/scoreboard");
	struct rig *r = ten_in_flight(true);

	inject(r, .ack = SEG(0), SACKED(1, 4));
	expect(r, .seq = SEG(0), .len = 1460);
	expect_nothing(r);
	CHECK_EQ(r->t->sacked_out, 3);
	CHECK_EQ(r->t->lost_out, 1);
	CHECK_EQ(stat(r, TcpExtTCPSackRecovery), 1);
	inject(r, .ack = SEG(10));
	CHECK_EQ(r->t->packets_out, 0);
	CHECK_EQ(r->t->sacked_out + r->t->lost_out + r->t->retrans_out, 0);
	rig_end(r);
}

TEST(recovery_reduces_the_window_once_and_ends_at_ssthresh)
{
	REQ("6675 5/once", "6675 5/point", "9438 4.6/beta", "6937 3/end", "5681 3.2/deflate",
	    "5681 4.3/once");
	struct rig *r = ten_in_flight(true);
	u32 cwnd = r->t->cwnd;

	inject(r, .ack = SEG(0), SACKED(1, 4));
	rig_drain(r);
	inject(r, .ack = SEG(0), SACKED(1, 6));
	inject(r, .ack = SEG(0), SACKED(1, 10));
	rig_drain(r);
	rig_run_ms(r, 50);
	inject(r, .ack = SEG(10));
	CHECK_EQ(r->t->ca_state, TCP_CA_OPEN);
	CHECK_EQ(r->t->ssthresh, cwnd * 717 / 1024);
	CHECK_EQ(r->t->cwnd, r->t->ssthresh);
	rig_end(r);
}

TEST(a_block_that_lies_is_refused)
{
	struct rig *r = ten_in_flight(true);

	inject(r, .ack = SEG(0), SACKED(20, 30));
	inject(r, .ack = SEG(0), SACKED(5, 2));
	CHECK_EQ(r->t->sacked_out, 0);
	CHECK(stat(r, TcpExtTCPSACKDiscard) >= 2);
	rig_end(r);
}

TEST(after_a_timeout_sacked_data_is_not_sent_again)
{
	REQ("6675 5.1/sack");
	struct rig *r = ten_in_flight(true);

	inject(r, .ack = SEG(0), SACKED(5, 10));
	rig_drain(r);
	rig_run_ms(r, 2000);
	while (rig_take(r))
		CHECK(r->last.seq.v - r->iss - 1 < SEG(5) || r->last.seq.v - r->iss - 1 >= SEG(10));
	rig_end(r);
}

TEST(a_receiver_that_reneges_gets_it_all_again)
{
	REQ("2018 8/timeout", "2018 8/first", "2018 8/keep");
	struct rig *r = ten_in_flight(true);

	inject(r, .ack = SEG(0), SACKED(1, 10));
	rig_drain(r);
	inject(r, .ack = SEG(1)); /* ... and no more: the SACKed rest is gone */
	rig_run_ms(r, 3000);
	CHECK(stat(r, TcpExtTCPSACKReneging) >= 1);
	CHECK(rig_drain(r) >= 1);
	rig_end(r);
}

TEST(reordering_within_the_window_causes_no_recovery) /* RFC 8985 6.2 */
{
	struct rig *r = ten_in_flight(true);

	r->t->reord_seen = 1; /* known from before */
	inject(r, .ack = SEG(0), SACKED(1, 2));
	rig_run_ms(r, 5);
	inject(r, .ack = SEG(2));
	expect_nothing(r);
	CHECK_EQ(stat(r, TcpExtTCPSackRecovery), 0);
	rig_end(r);
}

TEST(the_reordering_timer_declares_the_loss)
{
	REQ("8985 6.2/5/timer", "8985 6.2/5/lost");
	struct rig *r = ten_in_flight(true);

	inject(r, .ack = SEG(0), SACKED(1, 2));
	expect_nothing(r);
	rig_run_ms(r, 60);
	expect(r, .seq = SEG(0), .len = 1460);
	rig_end(r);
}

/* ---- tail loss probes ---- */

TEST(a_silent_tail_is_probed_after_two_round_trips)
{
	REQ("8985 7.2/pto", "8985 7.3/new");
	struct rig *r = plain(true);

	rig_write(r, 1460, 0);
	rig_drain(r);
	rig_run_ms(r, 100);
	inject(r, .ack = 1460);
	rig_write(r, 4380, 0);
	CHECK_EQ(rig_drain(r), 3);
	rig_run_ms(r, 250);
	expect(r, .seq = 4380, .len = 1460); /* the last one again */
	CHECK_EQ(stat(r, TcpExtTCPLossProbes), 1);
	inject(r, .ack = 1460, .sacks = { { seq_of(4380), seq_of(5840) } }, .nr_sacks = 1);
	CHECK(rig_drain(r) >= 1); /* RACK sees the holes */
	rig_end(r);
}

TEST(a_probe_prefers_new_data)
{
	REQ("8985 7.3/new");
	struct rig *r = ten_in_flight(true);

	rig_write(r, 1000, 0);
	expect_nothing(r); /* cwnd is full */
	rig_run_ms(r, 120);
	CHECK(rig_take(r));
	CHECK_EQ((s64)(r->last.seq.v - r->iss - 1), SEG(10));
	rig_end(r);
}

/* ---- undo ---- */

TEST(a_dsack_for_the_only_retransmission_undoes_the_reduction)
{
	struct rig *r = ten_in_flight(true);
	u32 cwnd = r->t->cwnd;

	inject(r, .ack = SEG(0), SACKED(1, 4));
	expect(r, .seq = SEG(0), .len = 1460);
	inject(r, .ack = SEG(4));
	inject(r, .ack = SEG(10), .sacks = { { seq_of((u32)SEG(0)), seq_of((u32)SEG(1)) } }, .nr_sacks = 1);
	CHECK(r->t->cwnd >= cwnd);
	CHECK(stat(r, TcpExtTCPDSACKUndo) + stat(r, TcpExtTCPFullUndo) >= 1);
	rig_end(r);
}

TEST(f_rto_finds_a_spurious_timeout)
{
	REQ("5682 2.1/2b", "5682 2.1/3b", "5682 3");
	struct rig *r = ten_in_flight(true);
	u32 cwnd = r->t->cwnd;

	rig_write(r, 5000, 0);
	rig_drain(r);
	rig_run_ms(r, 1200); /* the probe and the timeout */
	rig_drain(r);
	CHECK_EQ(r->t->ca_state, TCP_CA_LOSS);
	inject(r, .ack = SEG(2)); /* the originals arrive after all */
	inject(r, .ack = SEG(4));
	CHECK_EQ(r->t->ca_state, TCP_CA_OPEN);
	CHECK(r->t->cwnd >= cwnd);
	CHECK_EQ(stat(r, TcpExtTCPSpuriousRTOs) + stat(r, TcpExtTCPLossUndo) >= 1, 1);
	rig_end(r);
}

TEST(an_echoed_timestamp_older_than_the_retransmission_undoes_it)
{
	REQ("3522 3.2");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 echo, cwnd;

	rig_write(r, 14480, 0);
	rig_drain(r);
	echo = r->opt.tsval;
	cwnd = r->t->cwnd;
	rig_run_ms(r, 20);
	rig_drain(r); /* a probe */
	inject(r, .ack = 0, .sacks = { { seq_of(1448), seq_of(5792) } }, .nr_sacks = 1, .tsecr = echo);
	expect(r, .seq = 0, .len = 1448);
	inject(r, .ack = 14480, .tsecr = echo);
	CHECK(r->t->cwnd >= cwnd);
	CHECK_EQ(stat(r, TcpExtTCPFullUndo) + stat(r, TcpExtTCPPartialUndo), 1);
	rig_end(r);
}

/* ---- the scoreboard against an adversary ---- */

TEST(random_sack_blocks_never_spoil_the_counts)
{
	struct test_rng rng = { 777 };

	for (int round = 0; round < 20; round++) {
		struct rig *r = plain(true);
		u32 una = 0;

		r->t->cwnd = 100;
		r->t->sk.sndbuf = 1 << 20;
		rig_write(r, 146000, 0);
		rig_drain(r);
		for (int i = 0; i < 100; i++) {
			struct rig_seg s = { .nr_sacks = 1 + rng_below(&rng, 4) };

			if (rng_below(&rng, 10) == 0)
				una += rng_below(&rng, 3000);
			s.ack = MIN(una, r->t->snd.nxt.v - r->iss - 1);
			for (unsigned b = 0; b < s.nr_sacks; b++) {
				u32 start = rng_below(&rng, 146000);

				s.sacks[b] = (struct tcp_sack_block){ seq_of(start), seq_of(start + rng_below(&rng, 8000)) };
			}
			rig_inject(r, &s);
			rig_drain(r);
			if (r->t->sk.state != TCP_ESTABLISHED)
				break;
			if (!CHECK(r->t->sacked_out + r->t->lost_out <= r->t->packets_out))
				break;
		}
		while (r->t->packets_out) {
			inject(r, .ack = r->t->snd.nxt.v - r->iss - 1);
			rig_drain(r);
		}
		CHECK_EQ(r->t->snd.una.v, r->t->snd.write.v);
		CHECK_EQ(r->t->sacked_out + r->t->lost_out + r->t->retrans_out, 0);
		rig_end(r);
	}
}
