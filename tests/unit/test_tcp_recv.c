/* SPDX-License-Identifier: MIT
 * test_tcp_recv.c - receiving: order and disorder, overlaps, SACK blocks, delayed ACKs, the window and its end.
 */
#include "host/tcprig.h"

/* Leaves the quick start behind: the application answers, so that ACKs are delayed. */
static struct rig *interactive(void)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	r->t->ack.quick = 0;
	r->t->ack.ato_us = TCP_ATO_MIN_US;
	r->t->last_rcv_ns = r->cpu->now_ns;
	return r;
}

TEST(the_first_segments_are_acknowledged_at_once)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 100);
	expect(r, .ack = 100);
	inject(r, .seq = 100, .len = 100);
	expect(r, .ack = 200);
	rig_end(r);
}

TEST(a_single_segment_is_acknowledged_after_40_ms)
{
	REQ("9293 SHLD-18", "9293 MUST-40", "5681 4.2/half");
	struct rig *r = interactive();

	inject(r, .len = 100);
	rig_run_ms(r, 39);
	expect_nothing(r);
	rig_run_ms(r, 2);
	expect(r, .ack = 100);
	CHECK_EQ(stat(r, TcpExtDelayedACKs), 1);
	rig_end(r);
}

TEST(every_second_full_segment_is_acknowledged)
{
	REQ("9293 SHLD-19", "5681 4.2/second");
	struct rig *r = interactive();

	r->t->rcv.mss = 1448;
	inject(r, .len = 1448);
	expect_nothing(r);
	inject(r, .seq = 1448, .len = 1448);
	expect(r, .ack = 2896);
	rig_end(r);
}

TEST(an_ack_that_waited_in_vain_waits_twice_as_long_the_next_time)
{
	REQ("9293 MUST-40");
	struct rig *r = interactive();

	r->t->srtt_us = 150000 << 3; /* no more than that */
	r->t->rto_us = 300000;
	inject(r, .len = 100);
	rig_run_ms(r, 42);
	expect(r, .ack = 100);
	CHECK_EQ(r->t->ack.ato_us, 80000);
	r->t->last_rcv_ns = r->cpu->now_ns - 100 * NSEC_PER_MSEC; /* longer than that: no other estimate */
	inject(r, .seq = 100, .len = 100);
	rig_run_ms(r, 78);
	expect_nothing(r);
	rig_run_ms(r, 4);
	expect(r, .ack = 200);
	CHECK_EQ(r->t->ack.ato_us, 160000);
	r->t->last_rcv_ns = r->cpu->now_ns - 200 * NSEC_PER_MSEC;
	inject(r, .seq = 200, .len = 100);
	rig_run_ms(r, 148);
	expect_nothing(r);
	rig_run_ms(r, 4);
	expect(r, .ack = 300); /* a round trip was the bound */
	CHECK_EQ(r->t->ack.ato_us, 300000); /* and the timeout is the estimate's */
	rig_end(r);
}

TEST(a_conversation_whose_answer_does_not_come_is_none)
{
	struct rig *r = interactive();

	r->t->ack.pingpong = 1;
	r->t->ack.ato_us = 100000;
	r->t->rto_us = 300000;
	r->t->last_rcv_ns = r->cpu->now_ns - 150 * NSEC_PER_MSEC;
	inject(r, .len = 100);
	rig_run_ms(r, 98);
	expect_nothing(r);
	rig_run_ms(r, 4);
	expect(r, .ack = 100);
	CHECK_EQ(r->t->ack.pingpong, 0);
	CHECK_EQ(r->t->ack.ato_us, TCP_ATO_MIN_US);
	rig_end(r);
}

/* How many segments in a row are acknowledged at once. */
static unsigned acked_at_once(struct rig *r, s64 seq)
{
	unsigned n = 0;

	for (; n < 40; n++, seq += 100) {
		inject(r, .seq = seq, .len = 100);
		if (!rig_drain(r))
			break;
		rig_read(r, 100);
	}
	return n;
}

TEST(after_a_duplicate_or_a_pause_sixteen_acks_leave_at_once)
{
	struct rig *r = interactive();

	inject(r, .len = 100);
	rig_run_ms(r, 50);
	rig_drain(r);
	rig_read(r, 100);
	r->t->ack.pingpong = 1;
	inject(r, .len = 100); /* once more: our ACK was lost, and its sender may be in slow start */
	expect(r, .ack = 100);
	CHECK_EQ(acked_at_once(r, 100), TCP_QUICKACKS - 1);
	rig_end(r);

	r = interactive();
	rig_run_ms(r, r->t->rto_us / 1000 + 50); /* it begins anew */
	CHECK_EQ(acked_at_once(r, 0), TCP_QUICKACKS);
	rig_end(r);

	r = interactive();
	r->t->rcv.mss = 40000; /* two at least, however small the window */
	rig_run_ms(r, r->t->rto_us / 1000 + 50);
	inject(r, .len = 100);
	CHECK_EQ(rig_drain(r), 1);
	CHECK_EQ(r->t->ack.quick, 1);
	rig_end(r);
}

TEST(an_answer_carries_the_ack)
{
	struct rig *r = interactive();

	inject(r, .len = 100);
	rig_write(r, 50, 0);
	expect(r, .ack = 100, .len = 50);
	rig_run_ms(r, 100);
	CHECK_EQ(stat(r, TcpExtDelayedACKs), 0);
	rig_end(r);
}

TEST(segments_of_one_poll_are_acknowledged_once)
{
	REQ("9293 MUST-58", "9293 MUST-59");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	for (int i = 0; i < 2; i++) {
		bh_disable(r->cpu);
		inject(r, .seq = i * 100, .len = 100);
	}
	bh_enable(r->cpu);
	bh_enable(r->cpu);
	rig_run_us(r, 10);
	CHECK_EQ(rig_drain(r), 1);
	CHECK_EQ(r->last.ack.v, RIG_PEER_ISN + 201);
	rig_end(r);
}

TEST(out_of_order_text_gets_a_duplicate_ack_with_sack_and_is_kept)
{
	REQ("9293 SHLD-31", "9293 MAY-13", "5681 3.2/ooo", "5681 3.2/fill", "2018 3/trigger",
	    "2018 4/first", "2018 4/repeat");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = 100, .len = 100);
	expect(r, .ack = 0);
	CHECK_EQ(r->opt.nr_sacks, 1);
	CHECK_EQ(r->opt.sacks[0].start.v, RIG_PEER_ISN + 101);
	inject(r, .seq = 300, .len = 100);
	expect(r, .ack = 0);
	CHECK_EQ(r->opt.nr_sacks, 2);
	CHECK_EQ(r->opt.sacks[0].start.v, RIG_PEER_ISN + 301); /* the newest first */
	CHECK_EQ(r->opt.sacks[1].start.v, RIG_PEER_ISN + 101);
	inject(r, .len = 100);
	expect(r, .ack = 200);
	CHECK_EQ(r->opt.nr_sacks, 1);
	inject(r, .seq = 200, .len = 100);
	expect(r, .ack = 400);
	CHECK_EQ(r->opt.nr_sacks, 0);
	CHECK_EQ(rig_read(r, 1000), 400);
	rig_end(r);
}

TEST(overlapping_pieces_in_any_order_give_the_stream_once)
{
	struct test_rng rng = { 12345 };

	for (int round = 0; round < 50; round++) {
		struct rig *r = tcb_in(TCP_ESTABLISHED);

		for (int i = 0; i < 60; i++) {
			u32 seq = rng_below(&rng, 2000), len = 1 + rng_below(&rng, 500);

			inject(r, .seq = seq, .len = len);
		}
		inject(r, .seq = 0, .len = 1448);
		inject(r, .seq = 1448, .len = 1448);
		CHECK_EQ(rig_read(r, 10000), 2896);
		CHECK_EQ(r->t->ofo_segs, 0);
		CHECK_EQ(r->t->sk.rmem_alloc, 0);
		rig_end(r);
	}
}

TEST(a_duplicate_in_the_queue_out_of_order_is_told_by_dsack)
{
	REQ("2883 4.2");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = 100, .len = 100);
	rig_drain(r);
	inject(r, .seq = 120, .len = 50);
	expect(r, .ack = 0);
	CHECK_EQ(r->opt.nr_sacks, 2);
	CHECK_EQ(r->opt.sacks[0].start.v, RIG_PEER_ISN + 121);
	CHECK_EQ(r->opt.sacks[0].end.v, RIG_PEER_ISN + 171);
	CHECK_EQ(r->opt.sacks[1].start.v, RIG_PEER_ISN + 101);
	rig_end(r);
}

/* ---- the window ---- */

static u32 fill_window(struct rig *r)
{
	u32 seq = 0, room;

	while ((room = tcp_receive_window(r->t))) {
		u32 len = MIN(room, 1448u);

		inject(r, .seq = seq, .len = len);
		seq += len;
	}
	return seq;
}

TEST(what_two_neighbours_in_the_queue_out_of_order_hold_together_is_not_queued_again)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = 100, .ack = 0, .len = 8);
	inject(r, .seq = 108, .ack = 0, .len = 40);
	inject(r, .seq = 104, .ack = 0, .len = 20); /* the end of one, the begin of the other */
	CHECK_EQ(r->t->ofo_segs, 2);
	CHECK_EQ(drops(r, TCP_OFOMERGE), 1);
	CHECK_EQ(seq_diff(r->t->sacks->dsack.start, r->t->rcv.nxt), 104);
	CHECK_EQ(seq_diff(r->t->sacks->dsack.end, r->t->rcv.nxt), 124);
	inject(r, .ack = 0, .len = 100);
	CHECK_EQ(rig_read(r, 200), 148);
	rig_end(r);
}

TEST(what_the_window_promised_is_taken_and_the_window_closes)
{
	REQ("7323 2.4/honour", "9293 MAY-8");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 n = fill_window(r);

	rig_run_ms(r, 500);
	rig_drain(r);
	CHECK_EQ(r->last.wnd, 0);
	CHECK_EQ(r->last.ack.v, RIG_PEER_ISN + 1 + n);
	CHECK(stat(r, TcpExtTCPToZeroWindowAdv) >= 1);
	CHECK_EQ(rig_read(r, 1 << 20), n);
	rig_end(r);
}

TEST(reading_opens_the_window_with_an_update)
{
	REQ("9293 MUST-39");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 n = fill_window(r);

	rig_run_ms(r, 500);
	rig_drain(r);
	CHECK_EQ(rig_read(r, 100), 100);
	expect_nothing(r);
	CHECK_EQ(rig_read(r, n - 100), n - 100);
	CHECK(rig_drain(r) >= 1);
	CHECK(r->last.wnd << r->t->rcv.wscale >= 2 * 1448);
	rig_end(r);
}

/* The field is not worked out again for each segment: what bears on it says so. */
TEST(a_window_that_was_announced_before_follows_clamp_and_buffer)
{
	for (unsigned i = 0; i < 2; i++) {
		struct rig *r = tcb_in(TCP_ESTABLISHED);
		u32 at = 0, wnd = 0;

		for (unsigned n = 0; n < 8; n++) {
			u32 len = n < 4 ? 100 : 1000; /* as little as lets no window grow; then more than its granules */

			if (n == 4) {
				CHECK(r->t->snd.window);
				if (i)
					r->sk->rcvbuf = 4096; /* as the socket layer does before */
				rig_setsockopt(r, i ? SOL_SOCKET : SOL_TCP, i ? SO_RCVBUF : TCP_WINDOW_CLAMP, 4096);
			}
			inject(r, .seq = at, .ack = 64 * n, .len = len, .psh = true);
			at += len;
			CHECK_EQ(rig_read(r, len), len);
			CHECK_EQ(rig_write(r, 64, 0), 64);
			while (rig_take(r))
				;
			if (n >= 4) /* what was offered is not taken back, but no more is */
				CHECK(r->last.wnd < wnd);
			else if (n)
				CHECK_EQ(r->last.wnd, wnd);
			wnd = r->last.wnd;
		}
		rig_end(r);
	}
}

TEST(the_window_never_shrinks_from_the_right)
{
	REQ("9293 SHLD-14");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	seq_t right = seq_add(r->t->rcv.wup, r->t->rcv.wnd);
	u32 seq = 0, room;

	while ((room = tcp_receive_window(r->t))) {
		seq_t now;

		inject(r, .seq = seq, .len = MIN(room, 300u));
		seq += MIN(room, 300u);
		now = seq_add(r->t->rcv.wup, r->t->rcv.wnd);
		if (!CHECK(seq_ge(now, right)))
			break;
		right = now;
	}
	rig_end(r);
}

TEST(a_closed_window_still_takes_resets_and_acks)
{
	REQ("9293 MUST-66");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 n;

	rig_write(r, 10, 0);
	rig_drain(r);
	n = fill_window(r);
	rig_drain(r);
	inject(r, .seq = n, .ack = 10, .len = 1); /* a window probe */
	CHECK_EQ(r->t->snd.una.v, r->iss + 11);
	CHECK(rig_drain(r) >= 1);
	inject(r, .seq = n, .flags = TCP_RST);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	rig_end(r);
}

TEST(a_flood_of_tiny_segments_costs_no_more_than_the_buffer)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 n = 0;

	while (n < 40000 && tcp_receive_window(r->t))
		inject(r, .seq = n++, .len = 1);
	CHECK(r->t->sk.rmem_alloc <= r->t->sk.rcvbuf);
	CHECK_EQ(rig_read(r, 1 << 20), n);
	rig_end(r);
}

TEST(tiny_segments_with_gaps_are_bounded_by_the_buffer)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	for (u32 i = 0; i < 5000; i++)
		inject(r, .seq = 2 + 3 * i, .len = 1);
	CHECK(r->t->sk.rmem_alloc <= r->t->sk.rcvbuf);
	CHECK(stat(r, TcpExtTCPOFODrop) > 0);
	inject(r, .len = 2);
	CHECK_EQ(rig_read(r, 100), 3);
	rig_end(r);
}

TEST(peeking_takes_nothing)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u8 buf[64];
	struct iovec v = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	inject(r, .len = 20);
	inject(r, .seq = 20, .len = 20);
	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, MSG_PEEK), 40);
	CHECK_EQ(rig_read(r, 25), 25);
	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, MSG_PEEK), 15);
	CHECK_EQ(rig_read(r, 100), 15);
	CHECK_EQ(rig_read(r, 100), -EAGAIN);
	rig_end(r);
}

TEST(received_skbs_can_be_taken_whole_and_sent_back)
{
	struct rig *r = interactive();
	struct sk_buff *skb;
	int err;

	inject(r, .len = 1000);
	bh_disable(r->cpu);
	skb = tcp_prot.recv_skb(r->sk, &err);
	REQUIRE(skb);
	CHECK_EQ(skb->len, 1000);
	CHECK_EQ(tcp_prot.send_skb(r->sk, skb, 0), 0);
	bh_enable(r->cpu);
	rig_run_us(r, 10);
	expect(r, .ack = 1000, .len = 1000);
	rig_end(r);
}

/* Its linear part becomes a frag of the segment, and there is one too many. */
TEST(an_skb_of_more_pieces_than_a_segment_takes_is_sent_back_at_once)
{
	static u8 pieces[MAX_SKB_FRAGS][40];
	struct rig *r = interactive();
	struct sk_buff *skb = alloc_skb(r->cpu, SKB_HEADROOM);
	u32 len = 100, sent = 0;

	r->dev->features |= NETIF_F_SG;
	rig_setsockopt(r, SOL_TCP, TCP_NODELAY, 1);
	memset(skb_put(skb, len), 1, len);
	for (unsigned i = 0; i < MAX_SKB_FRAGS; i++, len += 30)
		CHECK(skb_add_frag(skb, NULL, pieces[i], 30));
	bh_disable(r->cpu);
	CHECK_EQ(tcp_prot.send_skb(r->sk, skb, 0), 0);
	bh_enable(r->cpu);
	rig_run_us(r, 10);
	while (rig_take(r))
		sent += r->last.len;
	CHECK_EQ(sent, len);
	CHECK_EQ(drops(r, NOMEM), 0);
	rig_end(r);
}

TEST(nothing_is_taken_from_beyond_a_fin)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = 50, .len = 100); /* a peer that contradicts itself */
	inject(r, .seq = 101, .len = 1, .flags = TCP_FIN);
	inject(r, .seq = 0, .len = 60, .flags = TCP_FIN);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE_WAIT);
	CHECK_EQ(rig_read(r, 1000), 60);
	CHECK_EQ(rig_read(r, 1000), 0);
	rig_end(r);
}

TEST(of_several_queued_runs_the_one_that_holds_a_duplicate_is_told_behind_it)
{
	REQ("2883 4.2");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	static const u32 want[] = { 101, 101, 301 };

	inject(r, .seq = 100, .len = 20);
	inject(r, .seq = 300, .len = 20);
	rig_drain(r);
	inject(r, .seq = 100, .len = 10); /* the older run's */
	CHECK(rig_take(r));
	CHECK_EQ(r->opt.nr_sacks, 3);
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++)
		CHECK_EQ(r->opt.sacks[i].start.v, RIG_PEER_ISN + want[i]);
	CHECK_EQ(r->opt.sacks[1].end.v, RIG_PEER_ISN + 121);
	rig_end(r);
}

/* A sender that pushes may be waiting for the ACK; one that does not has more under way. As Linux, 40 ms sooner. */
TEST(who_reads_all_of_what_was_pushed_acknowledges_it)
{
	static const struct {
		u32 len;
		bool psh, pingpong, acked;
	} cases[] = { { 1448, true, false, true },   { 1448, false, false, false }, { 700, false, false, true },
		      { 700, true, true, false },    { 1448, true, true, false } };

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig *r = tcb_in(TCP_ESTABLISHED);

		inject(r, .len = 1448);
		rig_run_ms(r, 50);
		rig_read(r, 1448);
		rig_drain(r);
		r->t->ack.quick = 0;
		r->t->ack.pingpong = cases[i].pingpong;
		inject(r, .seq = 1448, .len = cases[i].len, .psh = cases[i].psh);
		expect_nothing(r);
		CHECK_EQ(rig_read(r, 100), 100);
		expect_nothing(r); /* not all of it */
		CHECK_EQ(rig_read(r, 5000), cases[i].len - 100);
		if (cases[i].acked)
			expect(r, .ack = 1448 + cases[i].len);
		expect_nothing(r);
		rig_end(r);
	}
}

enum tuning { TUNED, OFF, LOCKED };

/* Eight round trips of 10 ms, in each of which all that the window allows, at most twice as much as before, comes and is read. */
static u32 receive_buffer_after(enum tuning how, u32 *before)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 seq = 0, end;

	r->cpu->sysctl.tcp_moderate_rcvbuf = how != OFF;
	r->t->rcvbuf_locked = how == LOCKED;
	*before = r->sk->rcvbuf;
	for (unsigned round = 0; round < 8; round++) {
		u32 nr = MIN(tcp_receive_window(r->t) / 1448, 10u << round);

		r->t->rcv_rtt_us = 10000 << 3;
		for (u32 i = 0; i < nr; i++, seq += 1448)
			inject(r, .seq = seq, .len = 1448);
		CHECK_EQ(rig_read(r, 16 << 20), nr * 1448);
		rig_run_ms(r, 10);
		rig_drain(r);
	}
	end = r->sk->rcvbuf;
	CHECK(end <= (u32)r->cpu->sysctl.tcp_rmem_max);
	rig_end(r);
	return end;
}

TEST(the_receive_buffer_grows_with_what_is_read_in_a_round_trip_unless_it_was_set)
{
	u32 before, after = receive_buffer_after(TUNED, &before);

	CHECK(after > 2 * before);
	after = receive_buffer_after(OFF, &before);
	CHECK_EQ(after, before);
	after = receive_buffer_after(LOCKED, &before);
	CHECK_EQ(after, before);
}

/* Eight windows, each acknowledged whole, of a writer that always has more. */
static u32 send_buffer_after(enum tuning how, u32 *before)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 end;

	r->t->sndbuf_locked = how == LOCKED;
	*before = r->sk->sndbuf;
	r->t->snd.wnd = 1 << 20;
	for (unsigned round = 0; round < 8; round++) {
		rig_write(r, 1 << 20, 0);
		rig_run_ms(r, 10);
		rig_drain(r);
		inject(r, .ack = (u32)seq_diff(r->t->snd.nxt, r->t->snd.iss) - 1);
	}
	end = r->sk->sndbuf;
	CHECK(end <= (u32)r->cpu->sysctl.tcp_wmem_max);
	rig_end(r);
	return end;
}

TEST(the_send_buffer_grows_with_the_congestion_window_unless_it_was_set)
{
	u32 before, after = send_buffer_after(TUNED, &before);

	CHECK(after > before);
	after = send_buffer_after(LOCKED, &before);
	CHECK_EQ(after, before);
}
