/* SPDX-License-Identifier: MIT
 * test_tcp_predict.c - header prediction: which segments take the short way, and that each of its conditions is needed.
 */
#include "host/tcprig.h"

static s64 before; /* what opening the connection had already */

/* Segments that were predicted since it was opened: text and pure acknowledgments. */
static s64 predicted(struct rig *r)
{
	return (s64)(stat(r, TcpExtTCPHPHits) + stat(r, TcpExtTCPHPAcks)) - before;
}

static struct rig *in_state(struct rig *r, u8 state)
{
	rig_state(r, state);
	before = 0;
	before = predicted(r);
	return r;
}

/* ESTABLISHED with 10 segments of ours under way. */
static struct rig *sending(void)
{
	struct rig *r = in_state(rig_new(), TCP_ESTABLISHED);

	rig_write(r, 10000, 0);
	rig_drain(r);
	return r;
}

TEST(text_in_order_is_predicted_with_psh_and_without)
{
	struct rig *r = in_state(rig_new(), TCP_ESTABLISHED);

	inject(r, .len = 1000);
	inject(r, .seq = 1000, .len = 1000, .psh = true);
	CHECK_EQ(stat(r, TcpExtTCPHPHits), 2);
	CHECK_EQ(rig_read(r, 5000), 2000);
	rig_end(r);
}

TEST(acknowledgments_of_new_data_are_predicted)
{
	struct rig *r = sending();

	inject(r, .ack = 1000);
	inject(r, .ack = 3000);
	CHECK_EQ(predicted(r), 2);
	CHECK_EQ(stat(r, TcpExtTCPHPHits), 0);
	CHECK_EQ(stat(r, TcpExtTCPPureAcks), 1); /* the handshake's */
	CHECK_EQ(seq_diff(r->t->snd.una, seq_of(r->iss)), 3001);
	rig_end(r);
}

TEST(an_acknowledgment_whose_window_moved_is_predicted_and_its_window_taken)
{
	struct rig *r = sending();
	u32 max = r->t->snd.max_wnd;

	inject(r, .ack = 1000, .wnd = 20000);
	CHECK_EQ(r->t->snd.wnd, 20000);
	CHECK_EQ(r->t->snd.max_wnd, max);
	inject(r, .ack = 2000, .wnd = 21000);
	inject(r, .ack = 3000, .wnd = 21000);
	CHECK_EQ(r->t->snd.wnd, 21000);
	CHECK_EQ(predicted(r), 3);
	rig_end(r);
}

TEST(text_that_acknowledges_with_another_window_is_predicted)
{
	struct rig *r = sending();

	inject(r, .ack = 1000, .len = 500, .wnd = 30000);
	CHECK_EQ(stat(r, TcpExtTCPHPHits), 1);
	CHECK_EQ(r->t->snd.wnd, 30000);
	CHECK_EQ(rig_read(r, 1000), 500);
	rig_end(r);
}

TEST(a_larger_window_than_any_before_is_remembered_by_a_predicted_ack)
{
	struct rig *r = rig_new();

	r->peer_wnd = 4000;
	in_state(r, TCP_ESTABLISHED);
	rig_write(r, 2000, 0);
	rig_drain(r);
	inject(r, .ack = 1000, .wnd = 60000);
	CHECK_EQ(predicted(r), 1);
	CHECK_EQ(r->t->snd.max_wnd, 60000);
	CHECK_EQ(r->t->mss, RIG_MSS - 12); /* no longer half of the largest window */
	rig_end(r);
}

TEST(a_window_update_without_news_is_not_predicted)
{
	struct rig *r = sending();

	inject(r, .ack = 1000, .wnd = 40000);
	inject(r, .ack = 1000, .wnd = 50000);
	CHECK_EQ(predicted(r), 1);
	CHECK_EQ(stat(r, TcpExtTCPPureAcks), 2); /* one is the handshake's */
	CHECK_EQ(r->t->snd.wnd, 50000);
	inject(r, .ack = 2000, .wnd = 50000); /* and the new one is what is expected now */
	CHECK_EQ(predicted(r), 2);
	rig_end(r);
}

TEST(a_window_that_closes_is_not_predicted)
{
	struct rig *r = sending();

	inject(r, .ack = 10000, .wnd = NO_WINDOW);
	CHECK_EQ(predicted(r), 0);
	CHECK_EQ(r->t->snd.wnd, 0);
	rig_end(r);
}

TEST(a_duplicate_ack_is_not_predicted_and_counts_as_one)
{
	struct rig *r = sending();

	inject(r, .ack = 1000);
	for (int i = 0; i < 3; i++)
		inject(r, .ack = 1000, .nr_sacks = 1, .sacks = { { seq_of(2000), seq_of(3000 + (u32)i * 1000) } });
	CHECK_EQ(predicted(r), 1);
	CHECK(r->t->sacked_out > 0);
	rig_end(r);
}

TEST(an_ack_of_what_was_not_sent_is_not_predicted)
{
	struct rig *r = sending();

	inject(r, .ack = 10001);
	CHECK_EQ(predicted(r), 0);
	CHECK_EQ(drops(r, TCP_ACK_UNSENT_DATA), 1);
	rig_end(r);
}

TEST(text_ahead_of_a_gap_turns_prediction_off_until_the_gap_is_filled)
{
	struct rig *r = in_state(rig_new(), TCP_ESTABLISHED);

	inject(r, .seq = 1000, .len = 1000);
	CHECK_EQ(r->t->pred, 0);
	inject(r, .len = 1000);
	CHECK_EQ(predicted(r), 0);
	inject(r, .seq = 2000, .len = 1000);
	CHECK_EQ(predicted(r), 1);
	CHECK_EQ(rig_read(r, 5000), 3000);
	rig_end(r);
}

TEST(text_beyond_the_window_is_not_predicted)
{
	struct rig *r = in_state(rig_new(), TCP_ESTABLISHED);

	rig_drain(r);
	r->t->rcv.wnd = 600; /* as after a reader that does not read */
	inject(r, .len = 1000);
	CHECK_EQ(predicted(r), 0);
	CHECK_EQ(rig_read(r, 5000), 600);
	rig_end(r);
}

TEST(an_older_timestamp_is_not_predicted_but_refused)
{
	REQ("7323 5.3/old", "7323 5.3/equal");
	struct rig *r = in_state(rig_new(), TCP_ESTABLISHED);

	inject(r, .len = 1000, .tsval = 9000);
	inject(r, .seq = 1000, .len = 1000, .tsval = 8999);
	CHECK_EQ(predicted(r), 1);
	CHECK_EQ(drops(r, TCP_RFC7323_PAWS), 1);
	CHECK_EQ(r->t->ts_recent, 9000);
	inject(r, .seq = 1000, .len = 1000, .tsval = 9000);
	CHECK_EQ(predicted(r), 2);
	rig_end(r);
}

TEST(ecn_flags_urgent_fin_syn_and_rst_are_not_predicted)
{
	static const u8 flags[] = { TCP_ECE, TCP_CWR, TCP_URG, TCP_FIN, TCP_SYN, TCP_RST };

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		struct rig *r = sending();

		inject(r, .ack = 1000, .len = 100, .flags = TCP_ACK | flags[i], .urg = flags[i] == TCP_URG ? 50 : 0);
		CHECK_EQ(predicted(r), 0);
		rig_end(r);
	}
}

TEST(reserved_bits_beside_the_data_offset_change_nothing)
{
	struct rig *r = sending();

	inject(r, .ack = 1000, .reserved = 7);
	CHECK_EQ(seq_diff(r->t->snd.una, seq_of(r->iss)), 1001);
	rig_end(r);
}

TEST(other_options_than_the_timestamp_are_not_predicted)
{
	static const u8 nops[12] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	struct rig *r = sending();

	inject(r, .ack = 1000, .opts = nops, .opts_len = sizeof(nops));
	CHECK_EQ(predicted(r), 0);
	CHECK_EQ(drops(r, TCP_RFC7323_PAWS), 1); /* the agreed timestamp is missing */
	rig_end(r);
}

TEST(without_timestamps_a_bare_header_is_predicted_and_one_with_options_is_not)
{
	static const u8 nops[4] = { 1, 1, 1, 1 };
	struct rig *r = rig_new();

	r->no_ts = true;
	in_state(r, TCP_ESTABLISHED);
	inject(r, .len = 1000);
	CHECK_EQ(predicted(r), 1);
	inject(r, .seq = 1000, .len = 1000, .opts = nops, .opts_len = sizeof(nops));
	CHECK_EQ(predicted(r), 1);
	CHECK_EQ(rig_read(r, 5000), 2000);
	rig_end(r);
}

TEST(without_timestamps_text_that_looks_like_one_is_text)
{
	static const u8 text[100] = { 1, 1, 8, 10, 0x7f, 0xff, 0xff, 0xff };
	struct rig *r = rig_new();
	u8 got[200];
	struct iovec iov = { got, sizeof(got) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	r->no_ts = true;
	in_state(r, TCP_ESTABLISHED);
	inject(r, .len = 1000);
	CHECK_EQ(rig_read(r, 5000), 1000);
	inject(r, .seq = 1000, .len = sizeof(text), .data = text);
	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, MSG_DONTWAIT), sizeof(text));
	CHECK(!memcmp(got, text, sizeof(text)));
	rig_end(r);
}

TEST(outside_established_nothing_is_predicted)
{
	static const u8 states[] = { TCP_FIN_WAIT_1, TCP_FIN_WAIT_2, TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK };

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		struct rig *r = in_state(rig_new(), states[i]);

		CHECK_EQ(r->t->pred, 0);
		rig_end(r);
	}
}

TEST(our_own_closed_window_turns_prediction_off)
{
	struct rig *r = in_state(rig_new(), TCP_ESTABLISHED);
	s64 seq = 0;

	while (r->t->rcv.wnd && seq < 4000000) {
		inject(r, .seq = seq, .len = MIN(1400u, tcp_receive_window(r->t)));
		seq = seq_diff(r->t->rcv.nxt, seq_of(r->peer_isn)) - 1;
		rig_run_ms(r, 50);
		rig_drain(r);
	}
	CHECK_EQ(r->t->rcv.wnd, 0);
	CHECK_EQ(r->t->pred, 0);
	while (rig_read(r, 100000) > 0)
		rig_run_ms(r, 1);
	rig_run_ms(r, 50);
	CHECK(r->t->pred);
	rig_end(r);
}

TEST(in_a_bulk_transfer_nearly_all_is_predicted_in_either_direction)
{
	struct rig *r = in_state(rig_new(), TCP_ESTABLISHED);
	s64 sent = 0;
	u32 segs = 400;

	for (u32 i = 0; i < segs; i++) { /* the application reads late, so the window moves all the time */
		inject(r, .seq = i * 1000, .len = 1000);
		if (i % 7 == 6)
			rig_read(r, 7000);
		rig_drain(r);
	}
	CHECK(stat(r, TcpExtTCPHPHits) * 100 > segs * 95);
	for (u32 i = 0; i < segs; i++) { /* the peer's window moves with each of its ACKs */
		rig_write(r, 1448, 0);
		rig_run_us(r, 10);
		rig_drain(r);
		sent += 1448;
		inject(r, .seq = segs * 1000, .ack = sent, .wnd = 30000 + i % 50 * 100);
	}
	CHECK(stat(r, TcpExtTCPHPAcks) * 100 > segs * 95);
	rig_end(r);
}
