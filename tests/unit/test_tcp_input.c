/* SPDX-License-Identifier: MIT
 * test_tcp_input.c - the steps of RFC 9293 3.10.7: what is acceptable, what resets, what is answered, in each state.
 */
#include "host/tcprig.h"

/* ---- CLOSED ---- */

TEST(a_syn_to_a_closed_port_is_answered_with_rst_ack)
{
	REQ("9293 3.5.2/syn");
	struct rig *r = rig_new();

	inject(r, .flags = TCP_SYN); /* RFC 9293 3.5.2: SEQ=0, ACK=SEG.SEQ+SEG.LEN */
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST | TCP_ACK);
	CHECK_EQ(r->last.seq.v, 0);
	CHECK_EQ(r->last.ack.v, RIG_PEER_ISN + 1);
	CHECK_EQ(drops(r, NO_SOCKET), 1);
	rig_end(r);
}

TEST(an_ack_to_a_closed_port_is_answered_with_rst_at_its_ack)
{
	REQ("9293 3.5.2/ack");
	struct rig *r = rig_new();

	inject(r, .seq = 5, .ack = 77);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST);
	CHECK_EQ(r->last.seq.v, 78);
	rig_end(r);
}

TEST(a_rst_is_never_answered_with_a_rst)
{
	REQ("9293 3.5.2/rst");
	struct rig *r = rig_new();

	inject(r, .flags = TCP_RST);
	inject(r, .flags = TCP_RST | TCP_ACK);
	expect_nothing(r);
	rig_end(r);
}

/* ---- what the wire can do ---- */

TEST(a_wrong_checksum_is_dropped_silently)
{
	REQ("9293 MUST-3");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .bad_csum = true);
	expect_nothing(r);
	CHECK_EQ(drops(r, TCP_CSUM), 1);
	CHECK_EQ(stat(r, TcpInCsumErrors), 1);
	CHECK_EQ(r->t->rcv.nxt.v, RIG_PEER_ISN + 1);
	rig_end(r);
}

/* ---- first: the window ---- */

TEST(a_segment_beyond_the_window_is_answered_with_an_ack)
{
	REQ("9293 3.10.7.4/ack");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = 1000000, .len = 10);
	expect(r, .seq = 0, .ack = 0);
	CHECK_EQ(drops(r, TCP_INVALID_SEQUENCE), 1);
	rig_end(r);
}

TEST(old_text_is_answered_with_an_ack_and_a_dsack)
{
	REQ("2883 4/dup", "9293 3.10.7.4/ack");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 100);
	rig_drain(r);
	rig_run_ms(r, 300);
	rig_drain(r);
	inject(r, .len = 100);
	expect(r, .seq = 0, .ack = 100);
	CHECK_EQ(r->opt.nr_sacks, 1);
	CHECK_EQ(r->opt.sacks[0].start.v, RIG_PEER_ISN + 1);
	CHECK_EQ(r->opt.sacks[0].end.v, RIG_PEER_ISN + 101);
	rig_end(r);
}

TEST(text_that_reaches_beyond_the_window_is_cut)
{
	struct rig *r = rig_new();
	u32 window;

	rig_state(r, TCP_LISTEN);
	tcb_of(r->listener)->sk.rcvbuf = 8192;
	inject(r, .flags = TCP_SYN);
	rig_take(r);
	window = r->last.wnd;
	inject(r, .ack = 0);
	{
		int err;

		r->sk = tcp_prot.accept(r->listener, &err);
		r->t = tcb_of(r->sk);
	}
	for (u32 off = 0; off < 10 * 1460; off += 1460)
		inject(r, .seq = off, .len = 1460);
	CHECK_EQ(tcp_receive_window(r->t), 0);
	CHECK(r->t->rcv.nxt.v - RIG_PEER_ISN - 1 >= window);
	CHECK((r->t->rcv.nxt.v - RIG_PEER_ISN - 1) % 1460 != 0); /* the last one lost its end only */
	CHECK_EQ(rig_read(r, 100000), (s32)(r->t->rcv.nxt.v - RIG_PEER_ISN - 1));
	rig_end(r);
}

/* ---- second: RST (RFC 5961 3.2) ---- */

TEST(rst_outside_window_is_dropped_silently)
{
	REQ("5961 3.2/outside", "9293 3.10.7.4/ack");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = -1, .flags = TCP_RST);
	inject(r, .seq = 10000000, .flags = TCP_RST);
	expect_nothing(r);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	CHECK_EQ(drops(r, TCP_INVALID_SEQUENCE), 2);
	rig_end(r);
}

TEST(rst_inside_the_window_gets_a_challenge_ack)
{
	REQ("5961 3.2/inside");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = 1, .flags = TCP_RST);
	expect(r, .seq = 0, .ack = 0);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	CHECK_EQ(stat(r, TcpExtTCPChallengeACK), 1);
	rig_end(r);
}

TEST(rst_exactly_at_rcv_nxt_resets_and_tells_the_application)
{
	REQ("9293 MUST-12", "5961 3.2/exact");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = 0, .flags = TCP_RST);
	expect_nothing(r);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	CHECK_EQ(rig_read(r, 10), -ECONNRESET);
	CHECK_EQ(stat(r, TcpEstabResets), 1);
	rig_end(r);
}

TEST(challenge_acks_are_limited_per_connection_and_second)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	for (int i = 0; i < 30; i++)
		inject(r, .seq = 1, .flags = TCP_RST);
	CHECK_EQ(rig_drain(r), 10);
	rig_run_ms(r, 1100);
	inject(r, .seq = 1, .flags = TCP_RST);
	CHECK_EQ(rig_drain(r), 1);
	rig_end(r);
}

/* ---- fourth: SYN (RFC 5961 4.2) ---- */

TEST(a_syn_in_a_synchronized_state_gets_a_challenge_ack)
{
	REQ("5961 4.2");
	static const u8 states[] = { TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING };

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		static const s64 seqs[] = { 0, 2, 5, -70000, 10000000 };
		struct rig *r = tcb_in(states[i]);

		for (unsigned n = 0; n < ARRAY_SIZE(seqs); n++) {
			inject(r, .seq = seqs[n], .flags = TCP_SYN);
			CHECK_EQ(rig_drain(r), 1);
			CHECK_EQ(r->last.flags, TCP_ACK);
			CHECK_EQ(r->t->sk.state, states[i]);
		}
		rig_end(r);
	}
}

/* ---- fifth: ACK ---- */

TEST(a_segment_without_ack_is_dropped)
{
	REQ("9293 3.10.7.4/noack");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .no_ack = true);
	expect_nothing(r);
	CHECK_EQ(drops(r, TCP_FLAGS), 1);
	rig_end(r);
}

TEST(an_ack_of_what_was_never_sent_is_answered_with_an_ack)
{
	REQ("9293 3.10.7.4/unsent");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .ack = 1);
	expect(r, .seq = 0, .ack = 0);
	CHECK_EQ(drops(r, TCP_ACK_UNSENT_DATA), 1);
	rig_end(r);
}

TEST(an_ack_older_than_any_window_is_challenged)
{
	REQ("5961 5.2", "9293 MAY-12");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .ack = -70000, .len = 10);
	expect(r, .seq = 0, .ack = 0);
	CHECK_EQ(drops(r, TCP_TOO_OLD_ACK), 1);
	CHECK_EQ(r->t->rcv.nxt.v, RIG_PEER_ISN + 1);
	rig_end(r);
}

TEST(an_old_ack_still_has_its_text_taken)
{
	REQ("5961 5.2");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_write(r, 100, 0);
	rig_drain(r);
	inject(r, .ack = 100);
	inject(r, .ack = 50, .len = 10);
	CHECK_EQ(rig_read(r, 100), 10);
	rig_end(r);
}

TEST(a_window_update_needs_a_newer_segment)
{
	REQ("9293 3.10.7.4/window");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = 0, .len = 10);
	inject(r, .seq = 10, .len = 10, .wnd = 5000);
	CHECK_EQ(r->t->snd.wnd, 5000);
	inject(r, .seq = 0, .wnd = 9000, .tsval = 5003); /* older */
	CHECK_EQ(r->t->snd.wnd, 5000);
	inject(r, .seq = 20, .wnd = 6000);
	CHECK_EQ(r->t->snd.wnd, 6000);
	rig_end(r);
}

/* ---- timestamps ---- */

TEST(a_segment_with_an_old_timestamp_is_dropped_and_answered)
{
	REQ("7323 5.3/old");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .tsval = 7000);
	rig_drain(r);
	inject(r, .seq = 10, .len = 10, .tsval = 6000);
	expect(r, .ack = 10);
	CHECK_EQ(drops(r, TCP_RFC7323_PAWS), 1);
	rig_end(r);
}

/* Otherwise one that guesses the window alone sets it ahead, and PAWS drops the peer from then on. */
TEST(a_segment_whose_ack_cannot_be_true_leaves_no_timestamp_behind)
{
	REQ("5961 5.2");
	static const s64 wrong[] = { 9999, -70000 };

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct rig *r = tcb_in(TCP_ESTABLISHED);
		u32 recent = r->t->ts_recent;

		inject(r, .ack = wrong[i], .flags = TCP_FIN, .tsval = recent + 100000);
		CHECK_EQ(r->t->ts_recent, recent);
		rig_drain(r);
		inject(r, .len = 10, .tsval = recent + 1);
		CHECK_EQ(r->t->ts_recent, recent + 1);
		CHECK_EQ(drops(r, TCP_RFC7323_PAWS), 0);
		rig_end(r);
	}
}

TEST(paws_does_not_look_at_resets)
{
	REQ("7323 5.2");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .tsval = 7000);
	inject(r, .seq = 10, .flags = TCP_RST, .tsval = 1);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	rig_end(r);
}

TEST(a_segment_without_the_agreed_timestamp_is_dropped_but_ends_nothing)
{
	REQ("7323 3.2/missing", "7323 3.2/abort");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .no_ts = true);
	expect_nothing(r);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	inject(r, .len = 10);
	CHECK_EQ(rig_read(r, 100), 10);
	rig_end(r);
}

TEST(every_segment_carries_the_agreed_timestamp_and_echoes_the_peers)
{
	REQ("7323 3.2/every");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .tsval = 7777);
	expect(r, .ack = 10);
	CHECK(r->opt.has_ts);
	CHECK_EQ(r->opt.tsecr, 7777);
	rig_end(r);
}
