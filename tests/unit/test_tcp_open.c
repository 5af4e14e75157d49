/* SPDX-License-Identifier: MIT
 * test_tcp_open.c - opening: passive, active and simultaneous, options, retries, listeners and their queues.
 */
#include <stdlib.h>

#include "host/tcprig.h"

TEST(a_syn_is_answered_with_options_in_the_usual_order)
{
	REQ("9293 MUST-14", "9293 MAY-3", "9293 MUST-67", "9293 SHLD-5/v4", "7323 2.2/field",
	    "2018 2/syn", "6691 2/sent");
	static const u8 want[] = { 2, 4, 5, 180, 4, 2, 8, 10 };
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .flags = TCP_SYN);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK_MEM(r->last_frame + 40, want, sizeof(want));
	CHECK_EQ(r->opt.mss, 1460);
	CHECK(r->opt.sack_perm && r->opt.has_ts && r->opt.has_wscale);
	CHECK_EQ(r->opt.wscale, 7);
	CHECK_EQ(r->opt.tsecr, 5000);
	CHECK_EQ(r->last.wnd, 64240); /* never scaled in a SYN */
	rig_end(r);
}

TEST(over_ipv6_a_syn_says_what_its_longer_header_leaves)
{
	REQ("9293 SHLD-5/v6");
	bool already = lab_ipv6();
	struct rig *r;

	setenv("LAB_FAMILY", "6", 1);
	r = tcb_in(TCP_SYN_SENT);
	CHECK_EQ(r->opt.mss, r->dev->mtu - 60);
	CHECK(r->opt.mss != 1220);
	rig_end(r);
	if (!already)
		unsetenv("LAB_FAMILY");
}

TEST(options_the_peer_did_not_offer_are_not_answered)
{
	REQ("7323 2.2/syn", "7323 3.2/offer", "2018 2/syn");
	struct rig *r = rig_new();

	r->no_ts = r->no_sack = r->no_ws = true;
	rig_state(r, TCP_LISTEN);
	inject(r, .flags = TCP_SYN);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK_EQ(r->last.hdr_len, 24);
	CHECK_EQ(r->opt.mss, 1460);
	rig_end(r);
}

TEST(without_the_mss_option_536_is_assumed_and_over_ipv6_1220)
{
	u16 mss = lab_ipv6() ? 1220 : 536;
	struct rig *r = rig_new();

	if (lab_ipv6())
		REQ("9293 MUST-15/v6");
	else
		REQ("9293 MUST-15/v4");

	r->no_ts = r->no_sack = r->no_ws = true;
	r->peer_mss = 0;
	rig_state(r, TCP_ESTABLISHED);
	CHECK_EQ(r->t->mss, mss);
	rig_write(r, 2000, 0);
	expect(r, .len = mss);
	rig_end(r);
}

TEST(a_tiny_mss_is_not_believed)
{
	struct rig *r = rig_new();

	r->no_ts = true;
	r->peer_mss = 1;
	rig_state(r, TCP_ESTABLISHED);
	CHECK(r->t->mss >= 48);
	rig_end(r);
}

TEST(a_window_scale_above_14_is_taken_as_14)
{
	REQ("7323 2.3");
	struct rig *r = rig_new();

	r->peer_wscale = 15;
	rig_state(r, TCP_ESTABLISHED);
	CHECK_EQ(r->t->snd.wscale, 14);
	rig_end(r);
}

TEST(the_handshake_makes_a_connection_that_accept_returns)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	CHECK_EQ(r->t->sk.dport, RIG_PEER_PORT);
	CHECK(ip_eq(&r->t->sk.daddr, &r->peer.addr));
	CHECK_EQ(stat(r, TcpPassiveOpens), 1);
	CHECK_EQ(stat(r, TcpCurrEstab), 1);
	CHECK_EQ(r->cpu->tcp->nr_requests, 0);
	rig_end(r);
}

TEST(text_in_the_ack_of_the_handshake_is_taken)
{
	struct rig *r = tcb_in(TCP_LISTEN);
	int err;

	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .len = 50, .psh = true);
	r->sk = tcp_prot.accept(r->listener, &err);
	REQUIRE(r->sk);
	r->t = tcb_of(r->sk);
	CHECK_EQ(rig_read(r, 100), 50);
	rig_end(r);
}

TEST(a_syn_ack_is_retransmitted_with_doubling_waits_and_given_up)
{
	REQ("4987 3.4", "9293 MUST-22");
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .flags = TCP_SYN);
	rig_take(r);
	rig_run_ms(r, 990);
	expect_nothing(r);
	rig_run_ms(r, 20);
	CHECK_EQ(rig_drain(r), 1);
	rig_run_ms(r, 1980);
	expect_nothing(r);
	rig_run_ms(r, 30);
	CHECK_EQ(rig_drain(r), 1);
	rig_run_ms(r, 120000);
	CHECK_EQ(rig_drain(r), 3); /* tcp_synack_retries 5 */
	CHECK_EQ(r->cpu->tcp->nr_requests, 0);
	CHECK_EQ(tcb_of(r->listener)->listener->nr_requests, 0);
	rig_end(r);
}

TEST(a_wrong_ack_in_the_handshake_is_reset)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .ack = 5);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST);
	CHECK_EQ(r->last.seq.v, r->iss + 6);
	CHECK_EQ(r->cpu->tcp->nr_requests, 1);
	rig_end(r);
}

TEST(an_ack_to_a_listener_is_reset)
{
	REQ("9293 3.10.7.2/ack");
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .ack = 5);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST);
	rig_end(r);
}

TEST(a_rst_ends_a_request_only_at_the_right_number)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .seq = 1, .flags = TCP_RST);
	expect(r, .ack = 0);
	CHECK_EQ(r->cpu->tcp->nr_requests, 1);
	inject(r, .seq = 0, .flags = TCP_RST);
	CHECK_EQ(r->cpu->tcp->nr_requests, 0);
	expect_nothing(r);
	rig_end(r);
}

TEST(a_full_accept_queue_ignores_the_ack_and_the_next_syn)
{
	struct rig *r = rig_new();
	struct tcp_listener *q;

	rig_state(r, TCP_LISTEN);
	tcp_prot.listen(r->listener, 0);
	q = tcb_of(r->listener)->listener;
	for (u16 port = 6000; port < 6003; port++) {
		r->peer.port = port;
		inject(r, .flags = TCP_SYN);
		if (rig_take(r))
			inject(r, .ack = 0);
	}
	CHECK_EQ(q->accept_len, 1);
	CHECK(stat(r, TcpExtListenOverflows) >= 1);
	rig_drain(r);
	rig_end(r);
}

TEST(two_listeners_on_one_port_need_different_addresses) /* MUST-42 */
{
	struct rig *r = tcb_in(TCP_LISTEN);
	struct sockaddr_ip sa = { .family = lab_family(), .port = RIG_PORT, .addr = lab_ip(be32_of(0)) };
	struct sock *sk = tcp_prot.create(r->cpu, lab_family());

	CHECK_EQ(tcp_prot.bind(sk, &sa), -EADDRINUSE);
	sa.port = RIG_PORT + 1;
	CHECK_EQ(tcp_prot.bind(sk, &sa), 0);
	CHECK_EQ(tcp_prot.listen(sk, 1), 0); /* MUST-41: the other one listens on */
	inject(r, .flags = TCP_SYN);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	tcp_prot.close(sk);
	rig_end(r);
}

TEST(closing_a_listener_resets_what_was_not_accepted)
{
	REQ("9293 3.10.4/backlog");
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .ack = 0);
	tcp_prot.close(r->listener);
	r->listener = NULL;
	rig_run_us(r, 10);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST | TCP_ACK);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 0);
	rig_end(r);
}

/* ---- deferred accept ---- */

static struct rig *deferring(int seconds)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	CHECK_EQ(rig_set(r->listener, SOL_TCP, TCP_DEFER_ACCEPT, seconds), 0);
	inject(r, .flags = TCP_SYN);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	inject(r, .ack = 0);
	expect_nothing(r);
	return r;
}

TEST(a_deferred_accept_waits_for_the_first_text)
{
	struct rig *r = deferring(5);
	int err;

	CHECK(!tcp_prot.accept(r->listener, &err) && err == -EAGAIN);
	CHECK_EQ(r->cpu->tcp->nr_requests, 1);
	CHECK_EQ(stat(r, TcpExtTCPDeferAcceptDrop), 1);
	rig_run_ms(r, 2900); /* the peer has answered: no SYN-ACK asks again */
	expect_nothing(r);
	inject(r, .len = 12);
	rig_accept(r);
	CHECK_EQ(rig_read(r, 100), 12);
	rig_end(r);
}

TEST(a_deferral_ends_with_a_last_syn_ack_whose_ack_is_accepted)
{
	struct rig *r = deferring(3); /* two retransmissions' time */

	CHECK_EQ(rig_get(r->listener, SOL_TCP, TCP_DEFER_ACCEPT), 3);
	rig_run_ms(r, 3100);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	inject(r, .ack = 0);
	rig_accept(r);
	CHECK_EQ(r->sk->state, TCP_ESTABLISHED);
	rig_end(r);
}

TEST(a_deferral_without_an_end_by_the_peer_is_given_up)
{
	struct rig *r = deferring(3);

	rig_run_ms(r, 130 * 1000);
	rig_drain(r);
	CHECK_EQ(r->cpu->tcp->nr_requests, 0);
	rig_end(r);
}

/* ---- who accepts is told of text ---- */

static unsigned told;

static void tell(struct sock *sk, u32 events)
{
	CHECK_EQ(events, EPOLLIN);
	told++;
}

static void handshake(struct rig *r)
{
	r->iss = 0;
	inject(r, .flags = TCP_SYN);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	inject(r, .ack = 0);
	expect_nothing(r);
}

static struct rig *listener_of_text(int v)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	CHECK_EQ(rig_set(r->listener, SOL_TCP, TCP_ACCEPT_DATA, v), 0);
	r->listener->event = tell;
	told = 0;
	return r;
}

TEST(who_accepts_is_told_of_a_connection_at_once_or_when_it_says_something)
{
	static const struct rig_seg first[] = { { .len = 12 }, { .flags = TCP_FIN }, { .flags = TCP_RST, .no_ack = true } };

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(first); i++) {
		struct rig *r = listener_of_text(i & 1);

		handshake(r);
		CHECK_EQ(told, !(i & 1));
		rig_inject(r, &first[i / 2]);
		CHECK_EQ(told, 1);
		rig_drain(r);
		if (!first[i / 2].flags) {
			inject(r, .seq = 12, .len = 10); /* what follows is the connection's alone */
			CHECK_EQ(told, 1);
			rig_accept(r);
			CHECK_EQ(rig_read(r, 100), 22);
		}
		rig_end(r);
	}
}

TEST(of_connections_that_say_nothing_the_eighth_is_told)
{
	struct rig *r = listener_of_text(1);
	int err;

	for (unsigned i = 0; i < 9; i++) {
		CHECK_EQ(told, i == 8);
		r->peer.port++;
		handshake(r);
	}
	CHECK_EQ(told, 2);
	for (unsigned i = 0; i < 9; i++) {
		struct sock *sk = tcp_prot.accept(r->listener, &err);

		REQUIRE(sk != NULL);
		tcp_prot.close(sk);
	}
	rig_run_us(r, 10);
	rig_drain(r);
	r->peer.port++;
	handshake(r);
	CHECK_EQ(told, 2);
	tcp_prot.close(r->listener); /* with one of which nobody knows */
	r->listener = NULL;
	rig_run_us(r, 10);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST | TCP_ACK);
	rig_end(r);
}

/* ---- active ---- */

TEST(connect_sends_a_syn_and_the_syn_ack_establishes)
{
	struct rig *r = tcb_in(TCP_SYN_SENT);

	CHECK_EQ(r->last.flags, TCP_SYN);
	CHECK_EQ(r->last.ack.v, 0);
	inject(r, .flags = TCP_SYN | TCP_ACK);
	expect(r, .seq = 0, .ack = 0);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	CHECK(tcp_prot.poll(r->sk) & EPOLLOUT);
	rig_end(r);
}

TEST(a_syn_ack_with_a_wrong_ack_is_reset_and_ignored)
{
	REQ("9293 3.10.7.3/ack");
	struct rig *r = tcb_in(TCP_SYN_SENT);

	inject(r, .flags = TCP_SYN | TCP_ACK, .ack = 1);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST);
	CHECK_EQ(r->t->sk.state, TCP_SYN_SENT);
	rig_end(r);
}

TEST(a_rst_with_the_right_ack_refuses_the_connection)
{
	REQ("9293 3.10.7.3/rst", "9293 MUST-12");
	struct rig *r = tcb_in(TCP_SYN_SENT);

	inject(r, .flags = TCP_RST); /* without ACK: not believed */
	CHECK_EQ(r->t->sk.state, TCP_SYN_SENT);
	inject(r, .flags = TCP_RST | TCP_ACK, .ack = 7);
	CHECK_EQ(r->t->sk.state, TCP_SYN_SENT);
	rig_drain(r);
	inject(r, .flags = TCP_RST | TCP_ACK, .ack = 0);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	CHECK_EQ(rig_read(r, 1), -ECONNREFUSED);
	rig_end(r);
}

TEST(a_syn_is_retransmitted_and_finally_times_out)
{
	REQ("9293 MUST-22");
	struct rig *r = tcb_in(TCP_SYN_SENT);
	unsigned n;

	rig_run_ms(r, 1010);
	expect(r, .flags = TCP_SYN);
	rig_run_ms(r, 2010);
	expect(r, .flags = TCP_SYN);
	rig_run_ms(r, 200000);
	n = rig_drain(r);
	CHECK_EQ(n, 4); /* tcp_syn_retries 6; 1+2+4+8+16+32+64 s > 2 minutes */
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	CHECK_EQ(rig_read(r, 1), -ETIMEDOUT);
	rig_end(r);
}

TEST(a_lost_syn_means_an_initial_window_of_one)
{
	REQ("5681 3.1/lost-syn");
	struct rig *r = tcb_in(TCP_SYN_SENT);

	rig_run_ms(r, 1010);
	rig_drain(r);
	inject(r, .flags = TCP_SYN | TCP_ACK);
	rig_drain(r);
	rig_write(r, 10000, 0);
	CHECK_EQ(rig_drain(r), 1);
	rig_end(r);
}

TEST(simultaneous_open_works)
{
	REQ("9293 MUST-10");
	struct rig *r = tcb_in(TCP_SYN_RECEIVED);

	CHECK_EQ(r->last.flags, TCP_SYN | TCP_ACK);
	inject(r, .flags = TCP_SYN | TCP_ACK);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	rig_drain(r);
	inject(r, .len = 5);
	CHECK_EQ(rig_read(r, 10), 5);
	rig_end(r);
}

TEST(a_syn_received_tcb_resends_its_syn_ack)
{
	struct rig *r = tcb_in(TCP_SYN_RECEIVED);

	rig_run_ms(r, 1010);
	CHECK_EQ(rig_drain(r), 1);
	CHECK_EQ(r->last.flags, TCP_SYN | TCP_ACK);
	rig_end(r);
}

TEST(two_connections_to_one_peer_get_different_ports_and_isns)
{
	REQ("6056 3.5");
	struct rig *r = rig_new();
	struct sock *a = tcp_prot.create(r->cpu, lab_family()), *b = tcp_prot.create(r->cpu, lab_family());

	CHECK_EQ(tcp_prot.connect(a, &r->peer), -EINPROGRESS);
	CHECK_EQ(tcp_prot.connect(b, &r->peer), -EINPROGRESS);
	CHECK(a->sport != b->sport);
	CHECK(a->sport >= 32768 && a->sport <= 60999);
	CHECK(tcb_of(a)->snd.iss.v != tcb_of(b)->snd.iss.v);
	tcp_prot.close(a);
	tcp_prot.close(b);
	rig_end(r);
}

/* ---- SYN cookies ---- */

static struct rig *flooded(void)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	r->cpu->sysctl.tcp_max_syn_backlog = 4;
	for (u16 port = 1000; port < 1004; port++) {
		r->peer.port = port;
		inject(r, .flags = TCP_SYN);
		CHECK(rig_take(r));
	}
	r->peer.port = 7777;
	return r;
}

TEST(a_full_syn_queue_answers_with_cookies_that_remember_the_options)
{
	REQ("4987 3.6/serve", "4987 3.6/mss");
	struct rig *r = flooded();
	int err;

	r->peer_wscale = 9;
	r->peer_mss = 1400;
	inject(r, .flags = TCP_SYN);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK_EQ(r->cpu->tcp->nr_requests, 4);
	CHECK_EQ(stat(r, TcpExtSyncookiesSent), 1);
	inject(r, .len = 30);
	CHECK_EQ(stat(r, TcpExtSyncookiesRecv), 1);
	r->sk = tcp_prot.accept(r->listener, &err);
	REQUIRE(r->sk);
	r->t = tcb_of(r->sk);
	CHECK_EQ(r->t->snd.wscale, 9);
	CHECK(r->t->sack_ok && r->t->ts_ok && r->t->ws_ok);
	CHECK_EQ(r->t->mss_clamp, 1400);
	CHECK_EQ(rig_read(r, 100), 30);
	rig_write(r, 10, 0);
	CHECK(rig_drain(r) >= 1);
	rig_end(r);
}

TEST(a_cookie_is_good_in_the_second_in_which_it_was_sent)
{
	for (unsigned s = 0; s < 4; s++) {
		struct rig *r = rig_new();

		rig_run_ms(r, 1000 * s);
		rig_state(r, TCP_LISTEN);
		r->cpu->sysctl.tcp_syncookies = 1;
		r->cpu->sysctl.tcp_max_syn_backlog = 1;
		inject(r, .flags = TCP_SYN);
		CHECK(rig_take(r));
		r->peer.port++;
		inject(r, .flags = TCP_SYN);
		CHECK(rig_take(r));
		inject(r, .flags = TCP_ACK);
		CHECK_EQ(stat(r, TcpExtSyncookiesRecv), 1);
		rig_drain(r);
		rig_end(r);
	}
}

TEST(a_cookie_without_timestamps_keeps_the_mss_only)
{
	REQ("4987 3.6/mss");
	struct rig *r = flooded();
	int err;

	r->no_ts = true;
	inject(r, .flags = TCP_SYN);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK(!r->opt.sack_perm && !r->opt.has_wscale);
	inject(r, .len = 30);
	r->sk = tcp_prot.accept(r->listener, &err);
	REQUIRE(r->sk);
	r->t = tcb_of(r->sk);
	CHECK_EQ(r->t->mss, 1460);
	rig_end(r);
}

TEST(a_wrong_or_old_cookie_is_reset)
{
	REQ("4987 3.6/old");
	struct rig *r = flooded();

	inject(r, .flags = TCP_SYN);
	CHECK(rig_take(r));
	inject(r, .ack = 1);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST);
	CHECK_EQ(stat(r, TcpExtSyncookiesFailed), 1);
	rig_run_ms(r, 200000);
	rig_drain(r);
	inject(r, .ack = 0);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_RST);
	CHECK_EQ(stat(r, TcpExtSyncookiesRecv), 0);
	rig_end(r);
}

/* ---- ECN ---- */

TEST(ecn_is_agreed_when_the_peer_asks)
{
	REQ("3168 6.1.1/ask", "3168 6.1.1/ect", "9293 SHLD-8");
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .flags = TCP_SYN | TCP_ECE | TCP_CWR, .no_ack = true);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_SYN | TCP_ACK | TCP_ECE);
	CHECK_EQ(r->last_frame[1] & 3, 0); /* never ECT on a SYN-ACK */
	rig_end(r);
}
