/* SPDX-License-Identifier: MIT
 * test_tcp_ecn.c - explicit congestion notification from both ends (RFC 3168), and what a receiver tells by SACK and D-SACK.
 */
#include "host/tcprig.h"

enum { NOT_ECT, ECT1, ECT0, CE };

static u8 ecn_of_last(const struct rig *r)
{
	return r->last_frame[1] & 3;
}

/* We listened, the peer asked, and both agreed. */
static struct rig *agreed(void)
{
	struct rig *r = tcb_in(TCP_LISTEN);
	int err;

	inject(r, .flags = TCP_SYN | TCP_ECE | TCP_CWR, .no_ack = true);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_SYN | TCP_ACK | TCP_ECE);
	inject(r, .ack = 0);
	r->sk = tcp_prot.accept(r->listener, &err);
	REQUIRE(r->sk);
	r->t = tcb_of(r->sk);
	return r;
}

TEST(an_active_open_asks_once_and_believes_ece_alone)
{
	REQ("3168 6.1.1/ask", "3168 6.1.1/odd", "3168 6.1.1/ect", "3168 6.1.1.1");
	static const u8 answers[] = { TCP_ECE, TCP_ECE | TCP_CWR, TCP_CWR, 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(answers); i++) {
		struct rig *r = rig_new();

		r->cpu->sysctl.tcp_ecn = 1;
		rig_state(r, TCP_SYN_SENT);
		CHECK_EQ(r->last.flags, TCP_SYN | TCP_ECE | TCP_CWR);
		CHECK_EQ(ecn_of_last(r), NOT_ECT);
		if (i == 3) {
			rig_run_ms(r, 1010);
			CHECK(rig_take(r));
			CHECK_EQ(r->last.flags, TCP_SYN); /* a firewall may have dropped the question */
		}
		inject(r, .flags = TCP_SYN | TCP_ACK | answers[i]);
		CHECK_EQ(r->t->ecn_ok, answers[i] == TCP_ECE);
		rig_drain(r);
		rig_end(r);
	}
}

TEST(a_syn_that_is_marked_itself_asks_for_nothing)
{
	REQ("3168 6.1.1/ect");
	for (u8 tos = ECT1; tos <= CE; tos++) {
		struct rig *r = tcb_in(TCP_LISTEN);

		inject(r, .flags = TCP_SYN | TCP_ECE | TCP_CWR, .no_ack = true, .tos = tos); /* RFC 3168 6.1.1 forbids it to be */
		CHECK(rig_take(r));
		CHECK_EQ(r->last.flags, TCP_SYN | TCP_ACK);
		rig_end(r);
	}
}

TEST(without_agreement_nothing_is_ecn_capable)
{
	REQ("3168 6.1.1/agree");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_write(r, 3000, 0);
	while (rig_take(r))
		CHECK_EQ(ecn_of_last(r), NOT_ECT);
	rig_end(r);
}

TEST(new_data_is_ect0_and_acks_and_retransmissions_are_not)
{
	REQ("3168 5", "3168 6.1.4", "3168 6.1.5", "9293 SHLD-8");
	struct rig *r = agreed();

	rig_write(r, 2896, 0);
	expect(r, .len = 1448);
	CHECK_EQ(ecn_of_last(r), ECT0);
	expect(r, .seq = 1448, .len = 1448);
	CHECK_EQ(ecn_of_last(r), ECT0);
	inject(r, .len = 10);
	expect(r, .seq = 2896, .ack = 10);
	CHECK_EQ(ecn_of_last(r), NOT_ECT);
	rig_run_ms(r, 1000);
	CHECK(rig_take(r));
	CHECK(r->last.len > 0);
	do
		CHECK_EQ(ecn_of_last(r), NOT_ECT);
	while (rig_take(r));
	rig_end(r);
}

TEST(a_window_probe_is_not_ecn_capable)
{
	REQ("3168 6.1.6");
	struct rig *r = agreed();

	rig_write(r, 100, 0);
	rig_drain(r);
	inject(r, .ack = 100, .wnd = NO_WINDOW);
	rig_write(r, 100, 0);
	rig_run_ms(r, 1000);
	CHECK(rig_take(r));
	CHECK_EQ(ecn_of_last(r), NOT_ECT);
	rig_end(r);
}

TEST(ece_reduces_once_in_a_window_and_cwr_answers_it)
{
	REQ("3168 6.1.2/once", "3168 6.1.2/cwr", "3168 6.1.2/grow");
	struct rig *r = agreed();
	u32 cwnd = r->t->cwnd, after;

	r->t->sk.sndbuf = 1 << 20;
	rig_write(r, 14480, 0);
	CHECK_EQ(rig_drain(r), 10);
	rig_write(r, 100000, 0);
	for (int i = 1; i <= 9; i++) {
		inject(r, .ack = 1448 * i, .flags = TCP_ECE);
		CHECK(r->t->cwnd <= cwnd); /* no ACK with ECE makes it grow */
	}
	after = r->t->ssthresh;
	CHECK_EQ(after, cwnd * 717 / 1024);
	CHECK(rig_take(r));
	CHECK(r->last.flags & TCP_CWR); /* the first new segment */
	while (rig_take(r))
		CHECK(!(r->last.flags & TCP_CWR));
	CHECK_EQ(stat(r, TcpRetransSegs), 0);
	inject(r, .ack = 14480, .flags = TCP_ECE);
	CHECK_EQ(r->t->ssthresh, after); /* of the same window still */
	rig_end(r);
}

TEST(a_ce_is_echoed_until_cwr_comes)
{
	REQ("3168 6.1.3");
	struct rig *r = agreed();

	inject(r, .len = 10, .tos = ECT0);
	CHECK(rig_take(r));
	CHECK(!(r->last.flags & TCP_ECE));
	inject(r, .seq = 10, .len = 10, .tos = CE);
	CHECK(rig_take(r));
	CHECK(r->last.flags & TCP_ECE);
	for (int i = 2; i < 6; i++) {
		inject(r, .seq = 10 * i, .len = 10, .tos = ECT0);
		CHECK(rig_take(r));
		CHECK(r->last.flags & TCP_ECE);
	}
	rig_write(r, 10, 0); /* data, too */
	CHECK(rig_take(r));
	CHECK(r->last.flags & TCP_ECE);
	inject(r, .seq = 60, .ack = 10, .len = 10, .tos = ECT0, .flags = TCP_CWR);
	CHECK(rig_take(r));
	CHECK(!(r->last.flags & TCP_ECE));
	rig_end(r);
}

TEST(a_ce_outside_the_window_is_ignored)
{
	REQ("3168 6.1.5/window");
	struct rig *r = agreed();

	inject(r, .seq = 1000000, .len = 10, .tos = CE);
	CHECK(rig_take(r));
	CHECK(!(r->last.flags & TCP_ECE));
	inject(r, .len = 10, .tos = ECT0);
	CHECK(rig_take(r));
	CHECK(!(r->last.flags & TCP_ECE));
	rig_end(r);
}

/* ---- SACK and D-SACK, receiver ---- */

static s64 start_of(const struct rig *r, unsigned i)
{
	return (s32)(r->opt.sacks[i].start.v - r->peer_isn - 1);
}

static s64 end_of(const struct rig *r, unsigned i)
{
	return (s32)(r->opt.sacks[i].end.v - r->peer_isn - 1);
}

TEST(as_many_blocks_as_fit_with_their_edges_the_newest_first)
{
	REQ("2018 3/edges", "2018 4/fill", "2018 4/first", "2018 4/repeat");

	for (int ts = 0; ts < 2; ts++) {
		struct rig *r = rig_new();

		r->no_ts = !ts;
		rig_state(r, TCP_ESTABLISHED);
		for (int i = 1; i <= 6; i++) {
			inject(r, .seq = 200 * i, .len = 100);
			CHECK(rig_take(r));
			CHECK_EQ(r->opt.nr_sacks, MIN(i, ts ? 3 : 4));
			for (int b = 0; b < r->opt.nr_sacks; b++) {
				CHECK_EQ(start_of(r, b), 200 * (i - b));
				CHECK_EQ(end_of(r, b), 200 * (i - b) + 100);
			}
		}
		inject(r, .seq = 1100, .len = 100); /* joins two runs */
		CHECK(rig_take(r));
		CHECK_EQ(start_of(r, 0), 1000);
		CHECK_EQ(end_of(r, 0), 1300);
		rig_end(r);
	}
}

TEST(of_a_segment_that_is_old_in_part_that_part_is_told_once)
{
	REQ("2883 4.1.2", "2883 4/once", "2883 4/dup");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 100);
	expect(r, .ack = 100);
	CHECK_EQ(r->opt.nr_sacks, 0);
	inject(r, .seq = 60, .len = 100);
	expect(r, .ack = 160);
	CHECK_EQ(r->opt.nr_sacks, 1);
	CHECK_EQ(start_of(r, 0), 60);
	CHECK_EQ(end_of(r, 0), 100);
	inject(r, .seq = 160, .len = 10);
	expect(r, .ack = 170);
	CHECK_EQ(r->opt.nr_sacks, 0);
	rig_end(r);
}
