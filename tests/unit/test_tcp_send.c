/* SPDX-License-Identifier: MIT
 * test_tcp_send.c - sending: segment sizes, Nagle, cork, the peer's window and its end, keepalive, buffers, options.
 */
#include "host/tcprig.h"

static struct rig *without_timestamps(void)
{
	struct rig *r = rig_new();

	r->no_ts = true;
	return rig_state(r, TCP_ESTABLISHED);
}

/* core/stage.h: both sides of the connection's bytes, and whether they agree. */
static bool bytes_are(struct rig *r, u64 received, u64 unread, u64 given, u64 unacked, u64 unsent)
{
	struct net_balance b;

	CHECK(net_balance(r->host->net, &b));
	return CHECK_EQ(b.terms[FLOW_TcpInOrder], received) && CHECK_EQ(b.terms[FLOW_TcpUnread], unread) &&
	       CHECK_EQ(b.terms[FLOW_TcpGiven], given) && CHECK_EQ(b.terms[FLOW_TcpUnacked], unacked) &&
	       CHECK_EQ(b.terms[FLOW_TcpUnsent], unsent);
}

TEST(a_connections_bytes_are_told_by_its_queues_as_by_its_sequence_numbers)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct net_balance b;
	u64 before;

	net_balance(r->host->net, &b);
	before = b.terms[FLOW_TcpGiven];
	r->t->cwnd = 2;
	CHECK_EQ(rig_write(r, 5 * 1448, 0), 5 * 1448);
	rig_run_ms(r, 1);
	rig_drain(r);
	inject(r, .len = 1000, .ack = 0);
	inject(r, .seq = 2000, .len = 100, .ack = 0); /* out of order: not the application's yet */
	bytes_are(r, 1000, 1000, before + 5 * 1448, 2 * 1448, 3 * 1448);
	CHECK_EQ(rig_read(r, 300), 300);
	inject(r, .seq = 1000, .ack = 700); /* a part of a segment */
	bytes_are(r, 1000, 700, before + 5 * 1448, 2 * 1448 - 700, 3 * 1448);
	r->t->snd.write = seq_add(r->t->snd.write, 1);
	CHECK(!net_balance(r->host->net, &b));
	r->t->snd.write = seq_add(r->t->snd.write, (u32)-1);
	r->t->rcv.copied = seq_add(r->t->rcv.copied, 1);
	CHECK(!net_balance(r->host->net, &b));
	r->t->rcv.copied = seq_add(r->t->rcv.copied, (u32)-1);
	rig_end(r);
}

TEST(a_large_write_leaves_in_full_segments_with_psh_on_the_last)
{
	REQ("9293 SHLD-28", "9293 MUST-61");
	struct rig *r = without_timestamps();

	CHECK_EQ(rig_write(r, 4000, 0), 4000);
	expect(r, .len = 1460);
	CHECK(!(r->last.flags & TCP_PSH));
	expect(r, .seq = 1460, .len = 1460);
	expect(r, .seq = 2920, .len = 1080);
	CHECK(r->last.flags & TCP_PSH);
	rig_end(r);
}

TEST(the_timestamp_takes_its_room_from_the_payload)
{
	REQ("9293 MUST-16", "6691 2/used", "7323 6/mss");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_write(r, 4000, 0);
	expect(r, .len = 1448);
	CHECK_EQ(r->last_len, 1500);
	rig_end(r);
}

TEST(a_route_that_must_be_asked_for_again_makes_no_segment_smaller)
{
	struct rig *r = rig_new();

	r->no_ts = true;
	r->peer_wnd = 20000;
	rig_state(r, TCP_ESTABLISHED);
	r->cpu->dst_gen++; /* a neighbour went, anybody's */
	inject(r, .wnd = 60000);
	CHECK_EQ(r->t->mss, 1460);
	rig_write(r, 3000, 0);
	expect(r, .len = 1460);
	rig_end(r);
}

TEST(the_initial_window_is_ten_segments)
{
	REQ("6928 2", "5681 3/limit");
	struct rig *r = without_timestamps();

	rig_write(r, 40000, 0);
	CHECK_EQ(rig_drain(r), 10);
	rig_end(r);
}

TEST(slow_start_doubles_with_every_window)
{
	REQ("5681 3.1/slow", "9293 MUST-19");
	struct rig *r = without_timestamps();
	u32 acked = 0;

	r->t->sk.sndbuf = 1 << 20;
	rig_write(r, 200000, 0);
	CHECK_EQ(rig_drain(r), 10);
	for (int i = 0; i < 10; i++)
		inject(r, .ack = (acked += 1460));
	CHECK_EQ(r->t->cwnd, 20);
	CHECK_EQ(rig_drain(r), 20);
	rig_end(r);
}

TEST(nagle_holds_a_second_small_segment)
{
	REQ("9293 SHLD-7", "9293 MAY-16");
	struct rig *r = without_timestamps();

	rig_write(r, 10, 0);
	expect(r, .len = 10);
	rig_write(r, 10, 0);
	rig_write(r, 10, 0);
	expect_nothing(r);
	inject(r, .ack = 10);
	expect(r, .seq = 10, .len = 20);
	rig_end(r);
}

TEST(tcp_nodelay_sends_small_segments_at_once)
{
	REQ("9293 MUST-17");
	struct rig *r = without_timestamps();

	rig_setsockopt(r, SOL_TCP, TCP_NODELAY, 1);
	for (int i = 0; i < 3; i++) {
		rig_write(r, 10, 0);
		expect(r, .seq = 10 * i, .len = 10);
	}
	rig_end(r);
}

TEST(a_cork_holds_what_does_not_fill_a_segment)
{
	REQ("9293 MAY-15");
	struct rig *r = without_timestamps();

	rig_setsockopt(r, SOL_TCP, TCP_CORK, 1);
	rig_write(r, 1500, 0);
	expect(r, .len = 1460);
	expect_nothing(r);
	rig_setsockopt(r, SOL_TCP, TCP_CORK, 0);
	rig_run_us(r, 10);
	expect(r, .seq = 1460, .len = 40);
	rig_end(r);
}

TEST(a_forgotten_cork_gives_way_after_a_while)
{
	REQ("9293 MUST-60");
	struct rig *r = without_timestamps();

	rig_write(r, 100, MSG_MORE);
	expect_nothing(r);
	rig_run_ms(r, 1100);
	expect(r, .len = 100);
	rig_end(r);
}

TEST(static_memory_is_sent_without_a_copy)
{
	static u8 page[100000];
	struct rig *r = without_timestamps();
	u64 copied = stat(r, CopyOutBytes);

	r->dev->features |= NETIF_F_SG;

	for (u32 i = 0; i < sizeof(page); i++)
		page[i] = (u8)(i * 167 + (i >> 8) * 13);
	bh_disable(r->cpu);
	CHECK(tcp_prot.send_static(r->sk, page, sizeof(page), 0) >= 14600);
	bh_enable(r->cpu);
	rig_run_us(r, 10);
	for (u32 i = 0; i < 10; i++)
		expect(r, .seq = i * 1460, .len = 1460);
	CHECK_EQ(stat(r, CopyOutBytes), copied);
	rig_end(r);
}

TEST(a_header_and_a_static_body_share_a_segment)
{
	static u8 body[200];
	struct rig *r = without_timestamps();

	for (u32 i = 0; i < sizeof(body); i++)
		body[i] = (u8)((i + 100) * 167);
	rig_write(r, 100, MSG_MORE);
	tcp_prot.send_static(r->sk, body, sizeof(body), 0);
	rig_run_us(r, 10);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.len, 300);
	expect_nothing(r);
	rig_end(r);
}

TEST(a_header_and_as_many_static_pieces_as_there_are_leave_at_once)
{
	static u8 pieces[2 * MAX_SKB_FRAGS][40];
	struct rig *r = without_timestamps();
	u32 sent = 0;

	r->dev->features |= NETIF_F_SG;
	rig_setsockopt(r, SOL_TCP, TCP_NODELAY, 1);
	rig_write(r, 100, MSG_MORE);
	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++)
		CHECK_EQ(tcp_prot.send_static(r->sk, pieces[i], 20, i + 1 < ARRAY_SIZE(pieces) ? MSG_MORE : 0), 20);
	rig_run_us(r, 10);
	while (rig_take(r))
		sent += r->last.len;
	CHECK_EQ(sent, 100 + 20 * ARRAY_SIZE(pieces));
	CHECK_EQ(drops(r, NOMEM), 0);
	rig_end(r);
}

TEST(a_full_send_buffer_says_so_and_tells_when_there_is_room)
{
	struct rig *r = without_timestamps();
	long n = rig_write(r, 1 << 20, 0);
	u32 acked = 0;

	CHECK(n > 14600 && n < 1 << 20);
	CHECK_EQ(rig_write(r, 10, 0), -EAGAIN);
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLOUT));
	while (acked < (u32)n && r->t->packets_out) {
		rig_drain(r);
		acked = r->last.seq.v + r->last.len - r->iss - 1;
		inject(r, .ack = acked);
	}
	CHECK(tcp_prot.poll(r->sk) & EPOLLOUT);
	CHECK(rig_write(r, 10, 0) == 10);
	CHECK_EQ(r->t->sk.wmem_alloc, r->t->packets_out ? r->t->sk.wmem_alloc : 0);
	rig_end(r);
}

/* ---- the peer's window ---- */

TEST(no_more_is_sent_than_the_window_takes)
{
	REQ("5681 3/limit");
	struct rig *r = rig_new();

	r->no_ts = true;
	r->peer_wnd = 4000;
	rig_state(r, TCP_ESTABLISHED);
	rig_write(r, 20000, 0);
	rig_drain(r);
	CHECK(r->t->snd.nxt.v - r->t->snd.una.v <= 4000);
	CHECK(r->t->snd.nxt.v - r->t->snd.una.v >= 2920);
	rig_end(r);
}

TEST(a_zero_window_is_probed_with_growing_waits_for_ever)
{
	REQ("9293 MUST-35", "9293 MUST-36", "9293 MUST-37", "9293 SHLD-29", "9293 SHLD-30");
	struct rig *r = without_timestamps();
	u64 last = 0, gap, previous = 0;

	rig_write(r, 100, 0);
	rig_drain(r);
	inject(r, .ack = 100, .wnd = NO_WINDOW);
	rig_write(r, 100, 0);
	expect_nothing(r);
	last = r->cpu->now_ns;
	for (int i = 0; i < 12; i++) {
		while (!lab_sent_count(r->dev))
			rig_run_ms(r, 5);
		rig_take(r);
		CHECK_EQ(r->last.len, 0);
		CHECK_EQ(r->last.seq.v, r->iss + 100); /* una - 1: asks for an ACK */
		gap = r->cpu->now_ns - last;
		last = r->cpu->now_ns;
		if (i && previous < 60 * NSEC_PER_SEC)
			CHECK(gap * 10 >= previous * 19);
		else if (!i)
			CHECK(gap / NSEC_PER_USEC >= r->t->rto_us && gap / NSEC_PER_USEC < r->t->rto_us * 2);
		previous = gap;
		inject(r, .ack = 100, .wnd = NO_WINDOW);
	}
	CHECK(previous >= 60 * NSEC_PER_SEC);
	rig_run_ms(r, 10);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	inject(r, .ack = 100, .wnd = 5000);
	expect(r, .seq = 100, .len = 100);
	rig_end(r);
}

TEST(a_window_that_shrinks_over_data_in_flight_does_no_harm)
{
	REQ("9293 MUST-34", "9293 SHLD-15");
	struct rig *r = without_timestamps();

	rig_write(r, 14600, 0);
	rig_drain(r);
	inject(r, .ack = 1460, .wnd = 1000);
	expect_nothing(r); /* nothing new */
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	inject(r, .ack = 14600, .wnd = 30000);
	rig_write(r, 1000, 0);
	expect(r, .seq = 14600, .len = 1000);
	rig_end(r);
}

TEST(a_silly_window_is_not_filled)
{
	REQ("9293 MUST-38");
	struct rig *r = without_timestamps();

	rig_write(r, 14600, 0);
	rig_drain(r);
	rig_write(r, 5000, 0);
	inject(r, .ack = 14600, .wnd = 100);
	expect_nothing(r);
	inject(r, .ack = 14600, .wnd = 3000);
	expect(r, .seq = 14600, .len = 1460);
	expect(r, .seq = 16060, .len = 1460);
	expect_nothing(r);
	rig_end(r);
}

/* ---- keepalive ---- */

TEST(keepalive_is_off_unless_asked_for)
{
	REQ("9293 MUST-25");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_run_ms(r, 3 * 7200 * 1000ull);
	expect_nothing(r);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	rig_end(r);
}

TEST(keepalive_probes_an_idle_peer_and_gives_up_on_a_dead_one)
{
	REQ("9293 MUST-24", "9293 MUST-26", "9293 MUST-27", "9293 MUST-29", "9293 SHLD-12",
	    "9293 MAY-5");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	r->sk->keepopen = true;
	rig_setsockopt(r, SOL_SOCKET, SO_KEEPALIVE, 1);
	rig_setsockopt(r, SOL_TCP, TCP_KEEPIDLE, 10);
	rig_setsockopt(r, SOL_TCP, TCP_KEEPINTVL, 2);
	rig_setsockopt(r, SOL_TCP, TCP_KEEPCNT, 3);
	rig_run_ms(r, 9900);
	expect_nothing(r);
	rig_run_ms(r, 200);
	expect(r, .seq = -1);
	inject(r, .seq = 0);
	rig_run_ms(r, 9900);
	expect_nothing(r);
	rig_run_ms(r, 8000);
	CHECK_EQ(rig_drain(r), 4); /* three probes, then the RST */
	CHECK(r->last.flags & TCP_RST);
	CHECK_EQ(rig_read(r, 1), -ETIMEDOUT);
	rig_end(r);
}

TEST(a_keepalive_of_the_peer_is_answered)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .seq = -1);
	expect(r, .ack = 0);
	rig_end(r);
}

/* ---- options of the socket ---- */

TEST(an_unknown_option_is_an_error)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	unsigned len = 4;
	int v = 1;

	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_TCP, 9999, &v, sizeof(v)), -ENOPROTOOPT);
	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_TCP, 9999, &v, &len), -ENOPROTOOPT);
	rig_end(r);
}

TEST(tcp_info_tells_the_truth)
{
	struct rig *r = without_timestamps();
	struct tcp_info i;
	unsigned len = sizeof(i);

	rig_write(r, 4000, 0);
	rig_drain(r);
	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_TCP, TCP_INFO, &i, &len), 0);
	CHECK_EQ(len, sizeof(i));
	CHECK_EQ(i.tcpi_state, TCP_ESTABLISHED);
	CHECK_EQ(i.tcpi_unacked, 3);
	CHECK_EQ(i.tcpi_snd_cwnd, 10);
	CHECK_EQ(i.tcpi_snd_mss, 1460);
	CHECK_EQ(i.tcpi_bytes_sent, 4000);
	rig_end(r);
}

TEST(congestion_control_is_chosen_by_name)
{
	REQ("9293 MAY-18");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	char name[16];
	unsigned len = sizeof(name);

	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK_STR(name, "cubic");
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_TCP, TCP_CONGESTION, "reno", 4), 0);
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_TCP, TCP_CONGESTION, "none", 4), -ENOENT);
	CHECK_STR(r->t->ca->name, "reno");
	rig_end(r);
}

TEST(without_memory_for_skbs_a_write_waits_and_goes_on)
{
	struct rig *r = without_timestamps();
	struct sk_buff_head hoard;
	struct sk_buff *skb;

	skb_queue_init(&hoard);
	while ((skb = alloc_skb(r->cpu, 0)))
		skb_queue_tail(&hoard, skb);
	CHECK_EQ(rig_write(r, 1000, 0), -EAGAIN);
	skb_queue_purge(r->cpu, &hoard, RX_OK);
	rig_run_ms(r, 20);
	CHECK(tcp_prot.poll(r->sk) & EPOLLOUT);
	CHECK_EQ(rig_write(r, 1000, 0), 1000);
	expect(r, .len = 1000);
	rig_end(r);
}

/* ---- ICMP (RFC 5927, RFC 1191) ---- */

TEST(packet_too_big_shrinks_the_segments_and_resends_at_once) /* 1191 6.1 */
{
	REQ("1191 6.4", "1191 3", "1191 3/df");
	struct rig *r = without_timestamps();

	rig_write(r, 5000, 0);
	rig_drain(r);
	rig_icmp(r, 3, 4, 1300, 0);
	CHECK_EQ(r->t->mss, 1260);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.seq.v, r->iss + 1);
	CHECK_EQ(r->last.len, 1260);
	rig_end(r);
}

TEST(an_icmp_error_that_quotes_nothing_in_flight_is_ignored)
{
	REQ("5927 4.1");
	struct rig *r = without_timestamps();

	rig_icmp(r, 3, 4, 600, 5000);
	CHECK_EQ(r->t->mss, 1460);
	rig_end(r);
}

TEST(a_hard_icmp_error_does_not_end_an_established_connection)
{
	REQ("9293 MUST-54", "9293 MUST-56/unreachable", "9293 MUST-56/time", "5927 5.2");
	struct rig *r = without_timestamps();

	rig_write(r, 100, 0);
	rig_drain(r);
	rig_icmp(r, 3, 3, 0, 0);
	rig_icmp(r, 3, 1, 0, 0);
	rig_icmp(r, 11, 0, 0, 0);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	CHECK_EQ(r->t->sk.err_soft, EHOSTUNREACH);
	rig_end(r);
}

/* One skb may pass the limit; that the tail cannot be added to, because part of it was sent, is no reason for another. */
TEST(a_write_passes_the_limit_of_the_send_buffer_by_one_skb_at_most)
{
	struct rig *r = rig_new();
	u32 limit = 20000;

	r->peer_wscale = 8;
	rig_state(r, TCP_ESTABLISHED);
	r->dev->features |= NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_SG | NETIF_F_HW_CSUM;
	inject(r, .wnd = 10000);
	r->t->sndbuf_locked = true;
	r->t->sk.sndbuf = limit;
	CHECK(rig_write(r, 300000, 0) < limit + 65536);
	rig_drain(r);
	inject(r, .ack = 14480, .wnd = 10000);
	rig_drain(r);
	CHECK(rig_write(r, 300000, 0) < limit + 65536);
	CHECK(r->t->sk.wmem_alloc < limit + 2 * 65536);
	rig_end(r);
}

TEST(port_unreachable_ends_an_attempt_to_connect_when_it_quotes_its_syn)
{
	REQ("5927 4.1");
	struct rig *r = tcb_in(TCP_SYN_SENT);

	rig_icmp(r, 3, 3, 0, 0);
	rig_icmp(r, 3, 3, 0, 70000);
	CHECK_EQ(r->t->sk.state, TCP_SYN_SENT);
	rig_icmp(r, 3, 3, 0, -1);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	CHECK_EQ(rig_read(r, 1), -ECONNREFUSED);
	rig_end(r);
}
