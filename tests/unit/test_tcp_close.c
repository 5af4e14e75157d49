/* SPDX-License-Identifier: MIT
 * test_tcp_close.c - closing from either side, half and both at once; TIME_WAIT; aborts; orphans.
 */
#include "host/tcprig.h"

static void app_close(struct rig *r)
{
	bh_disable(r->cpu);
	tcp_prot.close(r->sk);
	bh_enable(r->cpu);
	r->sk = NULL;
	rig_run_us(r, 10);
}

TEST(closing_first_goes_through_fin_wait_1_and_2_to_time_wait)
{
	REQ("9293 MUST-13");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	app_close(r);
	expect(r, .flags = TCP_FIN);
	CHECK_EQ(r->t->sk.state, TCP_FIN_WAIT_1);
	inject(r, .ack = 1);
	CHECK_EQ(r->t->sk.state, TCP_FIN_WAIT_2);
	inject(r, .ack = 1, .flags = TCP_FIN);
	expect(r, .seq = 1, .ack = 1);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1); /* the listener */
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	rig_run_ms(r, 59000); /* MUST-13 */
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	rig_run_ms(r, 3000);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 0);
	CHECK_EQ(r->cpu->tcp->conns.count, 0);
	rig_end(r);
}

TEST(a_fin_with_the_ack_of_ours_goes_straight_to_time_wait)
{
	struct rig *r = tcb_in(TCP_FIN_WAIT_1);

	inject(r, .ack = 1, .flags = TCP_FIN);
	expect(r, .seq = 1, .ack = 1);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	rig_end(r);
}

TEST(both_closing_at_once_goes_through_closing)
{
	struct rig *r = tcb_in(TCP_CLOSING);

	CHECK_EQ(r->last.flags, TCP_ACK);
	inject(r, .seq = 1, .ack = 1);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	expect_nothing(r);
	rig_end(r);
}

TEST(the_peer_closing_first_ends_in_last_ack_without_time_wait)
{
	struct rig *r = tcb_in(TCP_CLOSE_WAIT);

	CHECK_EQ(rig_read(r, 10), 0);
	CHECK(tcp_prot.poll(r->sk) & EPOLLRDHUP);
	CHECK_EQ(rig_write(r, 10, 0), 10); /* MAY-1: half-closed */
	expect(r, .ack = 1, .len = 10);
	app_close(r);
	expect(r, .seq = 10, .ack = 1, .flags = TCP_FIN);
	CHECK_EQ(r->t->sk.state, TCP_LAST_ACK);
	inject(r, .seq = 1, .ack = 11);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 0);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1);
	CHECK_EQ(drops(r, TCP_CLOSE), 0); /* an orderly end loses no frame */
	rig_end(r);
}

TEST(a_fin_is_retransmitted_in_fin_wait_1_and_last_ack)
{
	REQ("9293 3.6/fin-again");
	static const u8 states[] = { TCP_FIN_WAIT_1, TCP_LAST_ACK };

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		struct rig *r = tcb_in(states[i]);

		rig_run_ms(r, 1500);
		CHECK(rig_take(r));
		CHECK(r->last.flags & TCP_FIN);
		CHECK_EQ(r->last.seq.v, r->iss + 1);
		rig_end(r);
	}
}

TEST(data_before_close_leaves_before_the_fin)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_write(r, 100, MSG_MORE);
	expect_nothing(r);
	app_close(r);
	expect(r, .flags = TCP_FIN, .len = 100);
	rig_end(r);
}

TEST(time_wait_acknowledges_a_repeated_fin_and_starts_again)
{
	REQ("9293 3.6/time-wait");
	struct rig *r = tcb_in(TCP_FIN_WAIT_2);

	inject(r, .ack = 1, .flags = TCP_FIN);
	rig_drain(r);
	rig_run_ms(r, 50000);
	inject(r, .ack = 1, .flags = TCP_FIN);
	expect(r, .seq = 1, .ack = 1);
	rig_run_ms(r, 50000);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	rig_run_ms(r, 20000);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 0);
	rig_end(r);
}

TEST(time_wait_ignores_a_rst)
{
	REQ("1337 3/F1");
	struct rig *r = tcb_in(TCP_FIN_WAIT_2);

	inject(r, .ack = 1, .flags = TCP_FIN);
	rig_drain(r);
	inject(r, .seq = 1, .flags = TCP_RST);
	expect_nothing(r);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	rig_end(r);
}

TEST(a_newer_syn_opens_anew_from_time_wait)
{
	REQ("9293 MAY-2");
	struct rig *r = tcb_in(TCP_FIN_WAIT_2);

	inject(r, .ack = 1, .flags = TCP_FIN);
	rig_drain(r);
	r->peer_isn += 1000000;
	r->ts_val += 1000;
	inject(r, .flags = TCP_SYN);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_SYN | TCP_ACK);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 0);
	CHECK_EQ(stat(r, TcpExtTWRecycled), 1);
	rig_end(r);
}

TEST(an_old_syn_in_time_wait_is_acknowledged_only)
{
	struct rig *r = tcb_in(TCP_FIN_WAIT_2);

	inject(r, .ack = 1, .flags = TCP_FIN);
	rig_drain(r);
	r->ts_val = 10;
	inject(r, .seq = -5000, .flags = TCP_SYN);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_ACK);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	rig_end(r);
}

TEST(closing_with_unread_data_resets)
{
	REQ("9293 SHLD-3");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10);
	rig_drain(r);
	app_close(r);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST | TCP_ACK);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1);
	CHECK_EQ(stat(r, TcpExtTCPAbortOnClose), 1);
	rig_end(r);
}

TEST(closing_with_unread_data_and_a_hole_behind_it_gives_back_just_the_memory_that_was_taken)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .ack = 0, .len = 100);
	inject(r, .seq = 200, .ack = 0, .len = 100);
	CHECK(r->cpu->tcp->mem_bytes > 0);
	app_close(r);
	CHECK_EQ(r->cpu->tcp->mem_bytes, 0); /* else nobody here may send any more */
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1);   /* the listener */
	rig_end(r);
}

TEST(data_that_comes_after_close_resets)
{
	REQ("9293 SHLD-3", "9293 MAY-1");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	app_close(r);
	rig_drain(r);
	inject(r, .ack = 1, .len = 10);
	CHECK(rig_take(r));
	CHECK(r->last.flags & TCP_RST);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1);
	rig_end(r);
}

TEST(linger_of_zero_aborts)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	int linger[2] = { 1, 0 };

	tcp_prot.setsockopt(r->sk, SOL_SOCKET, SO_LINGER, linger, sizeof(linger));
	app_close(r);
	CHECK(rig_take(r));
	CHECK(r->last.flags & TCP_RST);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1);
	rig_end(r);
}

TEST(an_orphan_in_fin_wait_2_ends_after_tcp_fin_timeout)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	app_close(r);
	rig_drain(r);
	inject(r, .ack = 1);
	rig_run_ms(r, 59000);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 2);
	rig_run_ms(r, 2000);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1);
	rig_end(r);
}

/* How long an orphan whose peer is silent lives, in ms: with text in flight, or (probes) held by a closed window. */
static u32 orphan_lives_ms(s64 retries, bool probes, int err_soft)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 ms = 0;

	r->cpu->sysctl.tcp_orphan_retries = retries;
	r->cpu->sysctl.tcp_retries2 = 100;
	if (probes)
		inject(r, .ack = 0, .len = 0, .wnd = NO_WINDOW);
	rig_write(r, 100, 0);
	r->t->sk.err_soft = err_soft;
	app_close(r);
	while (r->cpu->tcp->nr_orphans && ms < 2000000) {
		rig_run_ms(r, 100);
		rig_drain(r);
		ms += 100;
	}
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1);
	CHECK_EQ(stat(r, TcpExtTCPAbortOnTimeout), 1);
	rig_end(r);
	return ms;
}

TEST(an_orphan_gives_up_after_tcp_orphan_retries_eight_where_none_is_set)
{
	u32 eight = orphan_lives_ms(0, false, 0), three = orphan_lives_ms(3, false, 0), twelve = orphan_lives_ms(12, false, 0);

	CHECK(eight > 100000 && eight < 250000); /* 0.2 s and its doubles, eight times: 102 s at least */
	CHECK_EQ(orphan_lives_ms(8, false, 0), eight);
	CHECK(three > 2000 && three < 10000);
	CHECK(twelve > 500000);
	CHECK(orphan_lives_ms(12, false, EHOSTUNREACH) < twelve); /* no timer is longer: what a router said counts then */
	CHECK(orphan_lives_ms(2, true, 0) < orphan_lives_ms(5, true, 0)); /* probes of a closed window are counted, too */
	CHECK(orphan_lives_ms(5, true, 0) < orphan_lives_ms(0, true, 0));
}

TEST(shutdown_for_writing_still_receives)
{
	REQ("9293 3.6/half");
	struct rig *r = tcb_in(TCP_FIN_WAIT_2);

	inject(r, .ack = 1, .len = 10);
	CHECK_EQ(rig_read(r, 100), 10);
	CHECK_EQ(rig_write(r, 1, 0), -EPIPE);
	rig_end(r);
}

TEST(a_fin_out_of_order_waits_for_the_gap)
{
	REQ("9293 3.10.7.4/fin");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = 100, .len = 10, .flags = TCP_FIN);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	inject(r, .len = 100);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE_WAIT);
	CHECK_EQ(rig_read(r, 1000), 110);
	CHECK_EQ(rig_read(r, 1000), 0);
	rig_end(r);
}

TEST(data_can_be_read_after_the_peer_reset)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10);
	inject(r, .seq = 10, .flags = TCP_RST);
	CHECK_EQ(rig_read(r, 100), 10);
	CHECK_EQ(rig_read(r, 100), -ECONNRESET);
	CHECK_EQ(rig_read(r, 100), 0);
	rig_end(r);
}
