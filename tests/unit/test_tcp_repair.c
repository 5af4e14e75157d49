/* SPDX-License-Identifier: MIT
 * test_tcp_repair.c - when the repair of a loss itself goes wrong, or was not needed: retransmissions that are lost, probes that hide
 * something, acknowledgments that contradict themselves, a machine without memory.
 */
#include "host/tcprig.h"

#define SEG(n) ((s64)(n) * 1460)
#define BLOCK(from, to) { seq_of((u32)SEG(from)), seq_of((u32)SEG(to)) }

static s64 seg_of_last(const struct rig *r)
{
	return (s32)(r->last.seq.v - r->iss - 1) / 1460;
}

/* Until the retransmission timer took its turn; without probes before it. */
static void time_out(struct rig *r)
{
	r->cpu->sysctl.tcp_early_retrans = 0;
	tcp_rearm_rto(r->t);
	for (int i = 0; i < 3000 && r->t->ca_state != TCP_CA_LOSS; i++)
		rig_run_ms(r, 1);
	CHECK_EQ(r->t->ca_state, TCP_CA_LOSS);
	expect(r, .seq = 0, .len = 1460);
}

/* ---- proportional rate reduction ---- */

TEST(the_segment_more_of_slow_start_is_for_acks_without_new_losses_a_lost_retransmission_included)
{
	REQ("6937 3/bound");

	for (int lost = 0; lost < 2; lost++) {
		struct rig *r = rig_in_flight(20, true, "reno");

		inject(r, .ack = 0, .sacks = { BLOCK(17, 20) }, .nr_sacks = 1); /* 0 to 16 are lost: the pipe is empty */
		CHECK_EQ(rig_drain(r), 3);
		rig_run_ms(r, 101);
		if (lost) { /* of 0, 1 and 2, sent again, the second */
			inject(r, .ack = SEG(1), .sacks = { BLOCK(2, 3), BLOCK(17, 20) }, .nr_sacks = 2);
			CHECK_EQ(stat(r, TcpExtTCPLostRetransmit), 1);
			CHECK_EQ(rig_drain(r), 2); /* as much as was delivered */
		} else {
			inject(r, .ack = SEG(2), .sacks = { BLOCK(17, 20) }, .nr_sacks = 1);
			CHECK_EQ(rig_drain(r), 3); /* and one more */
		}
		rig_end(r);
	}
}

TEST(a_loss_that_the_reordering_timer_finds_in_a_recovery_delivers_nothing)
{
	REQ("6937 3/bound");
	struct rig *r = rig_in_flight(10, true, "reno");
	u32 delivered;

	r->t->reord_seen = 1; /* a tolerance of 25 ms */
	inject(r, .ack = 0, .sacks = { BLOCK(3, 10) }, .nr_sacks = 1);
	for (int i = 0; i < 60 && r->t->ca_state != TCP_CA_RECOVERY; i++)
		rig_run_ms(r, 1);
	CHECK_EQ(r->t->tx->prr_delivered, 1); /* what lets the fast retransmit go */
	rig_drain(r);
	rig_run_ms(r, 101);
	inject(r, .ack = SEG(1), .sacks = { BLOCK(3, 10) }, .nr_sacks = 1);
	CHECK(rig_drain(r) >= 2);
	rig_run_ms(r, 101);
	inject(r, .ack = SEG(1), .sacks = { BLOCK(2, 10) }, .nr_sacks = 1); /* 1 was sent before 2 */
	CHECK(tcp_timer_armed(r->t, TCPT_REO));
	delivered = r->t->tx->prr_delivered;
	for (int i = 0; i < 60 && !stat(r, TcpExtTCPLostRetransmit); i++)
		rig_run_ms(r, 1);
	CHECK_EQ(stat(r, TcpExtTCPLostRetransmit), 1);
	CHECK_EQ(r->t->tx->prr_delivered, delivered);
	rig_drain(r);
	rig_end(r);
}

/* ---- tail loss probes ---- */

TEST(while_a_probe_is_out_new_data_brings_no_second_one)
{
	REQ("8985 7.3/one");
	struct rig *r = rig_in_flight(3, true, "reno");

	for (int i = 0; i < 400 && !stat(r, TcpExtTCPLossProbes); i++)
		rig_run_ms(r, 1);
	expect(r, .seq = SEG(2), .len = 1460);
	inject(r, .ack = SEG(1)); /* not yet about the probe */
	rig_write(r, 1460, 0);
	expect(r, .seq = SEG(3), .len = 1460);
	CHECK(r->t->tlp_out);
	for (int i = 0; i < 3000 && !stat(r, TcpExtTCPTimeouts); i++)
		rig_run_ms(r, 1);
	CHECK_EQ(stat(r, TcpExtTCPTimeouts), 1);
	CHECK_EQ(stat(r, TcpExtTCPLossProbes), 1);
	rig_drain(r);
	rig_end(r);
}

TEST(the_loss_that_a_probe_repaired_halves_the_window_at_once_and_the_connection_goes_on)
{
	REQ("8985 7.4.2");
	struct rig *r = rig_in_flight(3, true, "reno");

	r->t->cwnd = 10;
	for (int i = 0; i < 400 && !stat(r, TcpExtTCPLossProbes); i++)
		rig_run_ms(r, 1);
	rig_drain(r);
	rig_write(r, 1460, 0);
	rig_drain(r);
	inject(r, .ack = SEG(4)); /* beyond the probe: it was needed */
	CHECK_EQ(stat(r, TcpExtTCPLossProbeRecovery), 1);
	CHECK_EQ(r->t->ssthresh, 5);
	CHECK_EQ(r->t->cwnd, 5);
	CHECK_EQ(r->t->ca_state, TCP_CA_OPEN);
	rig_end(r);
}

TEST(a_probes_duplicate_says_nothing_of_reordering)
{
	REQ("8985 7.4.2/none");
	struct rig *r = rig_in_flight(3, true, "reno");

	r->t->reord_seen = 1;
	r->t->rack.dsack_round = r->t->snd.una;
	for (int i = 0; i < 400 && !stat(r, TcpExtTCPLossProbes); i++)
		rig_run_ms(r, 1);
	rig_drain(r);
	inject(r, .ack = SEG(3), .sacks = { BLOCK(2, 3) }, .nr_sacks = 1);
	CHECK(!r->t->tlp_out);
	CHECK_EQ(r->t->rack.persist, 0); /* tolerates no more than before */
	CHECK_EQ(r->t->ssthresh, TCP_INFINITE_SSTHRESH);
	rig_end(r);
}

/* ---- SACK blocks that contradict something ---- */

TEST(a_block_across_the_cumulative_ack_or_at_it_tells_nothing)
{
	REQ("2883 5");
	struct rig *r = rig_in_flight(10, true, "reno");

	inject(r, .ack = SEG(3), .sacks = { BLOCK(2, 5) }, .nr_sacks = 1);
	inject(r, .ack = SEG(3), .sacks = { BLOCK(3, 5) }, .nr_sacks = 1);
	CHECK_EQ(r->t->sacked_out, 0);
	CHECK_EQ(stat(r, TcpExtTCPSACKDiscard), 2);
	CHECK_EQ(stat(r, TcpExtTCPDSACKRecv), 0);
	inject(r, .ack = SEG(3), .sacks = { BLOCK(7, 8), BLOCK(2, 5) }, .nr_sacks = 2); /* its neighbour counts */
	CHECK_EQ(r->t->sacked_out, 1);
	CHECK_EQ(stat(r, TcpExtTCPSACKDiscard), 3);
	rig_drain(r);
	inject(r, .ack = SEG(6));
	inject(r, .ack = SEG(3), .sacks = { BLOCK(4, 5) }, .nr_sacks = 1); /* an old ACK, which was right in its time */
	CHECK_EQ(stat(r, TcpExtTCPSACKDiscard), 3);
	rig_end(r);
}

TEST(duplicates_of_more_than_was_sent_again_or_than_a_window_are_not_believed)
{
	REQ("2883 5");
	struct rig *r = rig_in_flight(10, true, "reno");

	r->t->reord_seen = 1;
	inject(r, .ack = SEG(5), .sacks = { BLOCK(1, 2) }, .nr_sacks = 1); /* nothing was: the network doubled it */
	CHECK_EQ(stat(r, TcpExtTCPDSACKIgnoredDubious), 1);
	r->t->total_retrans = 1;
	inject(r, .ack = SEG(5), .sacks = { BLOCK(1, 3) }, .nr_sacks = 1);
	CHECK_EQ(stat(r, TcpExtTCPDSACKIgnoredDubious), 2);
	r->t->total_retrans = 1000;
	inject(r, .ack = SEG(5), .sacks = { { seq_of((u32)SEG(5) - r->t->snd.max_wnd - 1), seq_of((u32)SEG(5)) } }, .nr_sacks = 1);
	CHECK_EQ(stat(r, TcpExtTCPDSACKIgnoredDubious), 3);
	CHECK_EQ(r->t->tx->dsack_dups, 0);
	CHECK_EQ(r->t->rack.persist, 0);
	inject(r, .ack = SEG(5), .sacks = { { seq_of((u32)SEG(5) - r->t->snd.max_wnd), seq_of((u32)SEG(5)) } }, .nr_sacks = 1);
	CHECK_EQ(stat(r, TcpExtTCPDSACKIgnoredDubious), 3);
	CHECK_EQ(r->t->tx->dsack_dups, DIV_ROUND_UP(r->t->snd.max_wnd, 1460));
	CHECK_EQ(stat(r, TcpExtTCPDSACKRecv), 4);
	rig_end(r);
}

/* They come behind the ACK that ended the recovery: of the duplicate, after the original. */
TEST(the_d_sack_of_a_needless_recovery_undoes_it_after_its_end_with_data_in_flight_or_without)
{
	REQ("2883 5");

	for (int more = 0; more < 2; more++) {
		struct rig *r = rig_in_flight(10, true, "reno");

		inject(r, .ack = 0, .sacks = { BLOCK(2, 8) }, .nr_sacks = 1);
		CHECK_EQ(rig_drain(r), 2); /* 0 and 1, which are only late */
		inject(r, .ack = SEG(10));
		CHECK_EQ(r->t->ca_state, TCP_CA_OPEN);
		CHECK(r->t->cwnd <= 6);
		if (more)
			rig_write(r, SEG(3), 0);
		rig_drain(r);
		inject(r, .ack = SEG(10), .sacks = { BLOCK(0, 1) }, .nr_sacks = 1);
		CHECK(r->t->cwnd <= 6); /* the other one may have been needed */
		inject(r, .ack = SEG(10), .sacks = { BLOCK(1, 2) }, .nr_sacks = 1);
		CHECK_EQ(stat(r, TcpExtTCPDSACKUndo), 1);
		CHECK(r->t->cwnd >= 10);
		CHECK_EQ(r->t->ca_state, TCP_CA_OPEN);
		rig_drain(r);
		rig_end(r);
	}
}

/* ---- F-RTO ---- */

TEST(after_the_duplicate_that_proved_the_loss_no_original_makes_the_timeout_spurious)
{
	REQ("5682 2.1/3a");
	struct rig *r = rig_in_flight(10, true, "reno");

	rig_write(r, SEG(10), 0);
	time_out(r);
	rig_run_ms(r, 100);
	inject(r, .ack = SEG(1));
	CHECK(rig_take(r));
	CHECK_EQ(seg_of_last(r), 10); /* new data, and see */
	rig_drain(r);
	inject(r, .ack = SEG(1), .sacks = { BLOCK(10, 11) }, .nr_sacks = 1);
	expect(r, .seq = SEG(1), .len = 1460);
	rig_drain(r);
	inject(r, .ack = SEG(5), .sacks = { BLOCK(10, 11) }, .nr_sacks = 1); /* 2 to 4 had come: one was lost all the same */
	CHECK_EQ(r->t->ca_state, TCP_CA_LOSS);
	CHECK_EQ(r->t->ssthresh, 5);
	CHECK_EQ(stat(r, TcpExtTCPSpuriousRTOs), 0);
	rig_drain(r);
	rig_end(r);
}

TEST(without_sack_a_spurious_timeout_ends_when_something_above_it_is_acknowledged)
{
	REQ("5682 2.1/3b", "6582 3.2/4");
	struct rig *r = rig_in_flight(10, false, "reno");

	rig_write(r, SEG(10), 0);
	time_out(r);
	inject(r, .ack = SEG(1));
	rig_drain(r);
	inject(r, .ack = SEG(10)); /* all that was out, and sent once */
	CHECK_EQ(stat(r, TcpExtTCPSpuriousRTOs), 1);
	CHECK(r->t->cwnd >= 10);
	CHECK_EQ(r->t->ca_state, TCP_CA_LOSS); /* duplicates of SEG(10) may follow, of what was sent again */
	rig_drain(r);
	for (int i = 0; i < 3; i++)
		inject(r, .ack = SEG(10));
	CHECK_EQ(stat(r, TcpExtTCPRenoRecovery), 0);
	rig_drain(r);
	inject(r, .ack = SEG(11));
	CHECK_EQ(r->t->ca_state, TCP_CA_OPEN);
	rig_end(r);
}

/* ---- NewReno ---- */

TEST(newreno_stays_in_its_recovery_until_something_above_it_is_acknowledged)
{
	REQ("6582 3.2/again");

	for (int sack = 0; sack < 2; sack++) {
		struct rig *r = rig_in_flight(10, sack, "reno");

		for (u32 i = 1; i <= 3; i++)
			inject(r, .ack = 0, .sacks = { BLOCK(1, 1 + i) }, .nr_sacks = (unsigned)sack);
		CHECK_EQ(r->t->ca_state, TCP_CA_RECOVERY);
		rig_drain(r);
		inject(r, .ack = SEG(10));
		CHECK_EQ(r->t->ca_state, sack ? TCP_CA_OPEN : TCP_CA_RECOVERY);
		rig_write(r, SEG(10), 0);
		rig_drain(r);
		for (int i = 0; i < 4; i++) /* of segments that were sent again in vain */
			inject(r, .ack = SEG(10));
		CHECK_EQ(stat(r, TcpExtTCPRenoRecovery), !sack);
		CHECK_EQ(stat(r, TcpRetransSegs), 1);
		CHECK_EQ(r->t->ssthresh, 5);
		rig_drain(r);
		inject(r, .ack = SEG(11));
		CHECK_EQ(r->t->ca_state, TCP_CA_OPEN);
		CHECK(r->t->cwnd <= 6);
		rig_drain(r);
		rig_end(r);
	}
}

/* ---- without memory ---- */

TEST(a_retransmission_without_memory_comes_later_and_backs_off_nothing)
{
	REQ("6298 5.4");
	struct rig *r = rig_in_flight(10, true, "reno");
	struct sk_buff_head hoard;
	struct sk_buff *skb;

	r->cpu->sysctl.tcp_early_retrans = 0;
	tcp_rearm_rto(r->t);
	skb_queue_init(&hoard);
	while ((skb = alloc_skb(r->cpu, 0)))
		skb_queue_tail(&hoard, skb);
	for (int i = 0; i < 3000 && stat(r, TcpExtTCPTimeouts) < 3; i++) {
		rig_run_ms(r, 1);
		CHECK(tcp_timer_armed(r->t, TCPT_RTO));
	}
	expect_nothing(r);
	CHECK_EQ(stat(r, TcpExtTCPTimeouts), 3);
	CHECK_EQ(r->t->backoff, 0);
	skb_queue_purge(r->cpu, &hoard, RX_OK);
	rig_run_ms(r, 501); /* half a second at most */
	expect(r, .seq = 0, .len = 1460);
	CHECK_EQ(r->t->backoff, 1);
	rig_end(r);
}
