/* SPDX-License-Identifier: MIT
 * test_tcp_fastopen.c - data in the SYN (RFC 7413): cookies given, shown, refused and rotated; the pending limit; the client's side.
 */
#include "host/tcprig.h"

#define COOKIE 8

/* A listener that does Fast Open for `max` children. */
static struct rig *fast_listener(int max)
{
	struct rig *r = rig_new();

	r->no_ts = true;
	CHECK_EQ(net_sysctl_set(r->host->net, "net.ipv4.tcp_fastopen", "3"), 0);
	rig_state(r, TCP_LISTEN);
	CHECK_EQ(tcp_prot.setsockopt(r->listener, SOL_TCP, TCP_FASTOPEN_OPT, &max, sizeof(max)), 0);
	return r;
}

/* A SYN with the option and `len` bytes of data. */
static void syn_with(struct rig *r, const u8 *cookie, unsigned cookie_len, unsigned len)
{
	u8 opts[24] = { TCPOPT_MSS, 4, 5, 180, TCPOPT_FASTOPEN, (u8)(2 + cookie_len) };
	unsigned n = 6 + cookie_len;

	if (cookie_len)
		memcpy(opts + 6, cookie, cookie_len);
	while (n % 4)
		opts[n++] = TCPOPT_NOP;
	inject(r, .flags = TCP_SYN, .len = len, .opts = opts, .opts_len = (u8)n);
}

/* The cookie that a request for one is answered with; the connection is made, and closed by the peer. */
static void learn_cookie(struct rig *r, u8 cookie[COOKIE])
{
	syn_with(r, NULL, 0, 0);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK(r->opt.has_fastopen);
	REQUIRE(CHECK_EQ(r->opt.cookie_len, COOKIE));
	memcpy(cookie, r->opt.cookie, COOKIE);
	inject(r, .flags = TCP_RST, .seq = 0);
	rig_drain(r);
}

static void take_child(struct rig *r)
{
	int err;

	r->sk = tcp_prot.accept(r->listener, &err);
	REQUIRE(r->sk != NULL);
	r->t = tcb_of(r->sk);
}

TEST(a_request_for_a_cookie_is_answered_with_one_and_data_beside_it_is_not_taken)
{
	REQ("7413 4.1.2/give", "7413 4.2/nodata");
	struct rig *r = fast_listener(4);

	syn_with(r, NULL, 0, 100);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK_EQ(r->opt.cookie_len, COOKIE);
	CHECK_EQ(stat(r, TcpExtTCPFastOpenCookieReqd), 1);
	rig_end(r);
}

TEST(data_in_a_syn_with_the_right_cookie_is_read_and_answered_before_the_handshake_is_over)
{
	REQ("7413 4.2.2/accept", "7413 4.2.2/early");
	struct rig *r = fast_listener(4);
	u8 cookie[COOKIE];

	learn_cookie(r, cookie);
	syn_with(r, cookie, COOKIE, 100);
	expect(r, .flags = TCP_SYN | TCP_ACK, .ack = 100);
	CHECK(!r->opt.has_fastopen);
	take_child(r);
	CHECK_EQ(r->sk->state, TCP_SYN_RECEIVED);
	CHECK(tcp_prot.poll(r->sk) & EPOLLIN && tcp_prot.poll(r->sk) & EPOLLOUT);
	CHECK_EQ(rig_read(r, 1000), 100);
	CHECK_EQ(rig_write(r, 300, 0), 300);
	expect(r, .ack = 100, .len = 300);
	CHECK_EQ(stat(r, TcpExtTCPFastOpenPassive), 1);
	CHECK_EQ(tcb_of(r->listener)->fo->pending, 1);
	inject(r, .seq = 100, .ack = 300);
	CHECK_EQ(r->sk->state, TCP_ESTABLISHED);
	CHECK_EQ(tcb_of(r->listener)->fo->pending, 0);
	CHECK(r->t->syn_data && !r->t->packets_out);
	rig_end(r);
}

TEST(a_wrong_cookie_makes_an_ordinary_handshake_and_brings_the_right_one)
{
	REQ("7413 4.2.2/invalid");
	struct rig *r = fast_listener(4);
	u8 cookie[COOKIE];

	learn_cookie(r, cookie);
	cookie[3] ^= 1;
	syn_with(r, cookie, COOKIE, 100);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	cookie[3] ^= 1;
	REQUIRE(CHECK_EQ(r->opt.cookie_len, COOKIE));
	CHECK_MEM(r->opt.cookie, cookie, COOKIE);
	CHECK_EQ(stat(r, TcpExtTCPFastOpenPassiveFail), 1);
	rig_end(r);
}

TEST(without_the_tunable_or_the_option_of_the_listener_a_syn_is_as_any)
{
	REQ("7413 4.1.2/off");
	struct rig *r = fast_listener(0);

	syn_with(r, NULL, 0, 100);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK(!r->opt.has_fastopen);
	rig_end(r);
}

TEST(every_listener_does_it_where_the_tunable_says_so)
{
	struct rig *r = rig_new();

	r->no_ts = true;
	CHECK_EQ(net_sysctl_set(r->host->net, "net.ipv4.tcp_fastopen", "1027"), 0);
	rig_state(r, TCP_LISTEN);
	syn_with(r, NULL, 0, 0);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK_EQ(r->opt.cookie_len, COOKIE);
	rig_end(r);
}

TEST(a_cookie_is_good_over_one_rotation_of_the_key_and_no_longer)
{
	REQ("7413 4.1.2/rotate");
	struct rig *r = fast_listener(4);
	u8 cookie[COOKIE];

	learn_cookie(r, cookie);
	CHECK_EQ(net_sysctl_set(r->host->net, "net.ipv4.tcp_fastopen_key", "00000001-00000002-00000003-00000004"), 0);
	syn_with(r, cookie, COOKIE, 10);
	expect(r, .flags = TCP_SYN | TCP_ACK, .ack = 10);
	CHECK_EQ(r->opt.cookie_len, COOKIE); /* the new one */
	CHECK(memcmp(r->opt.cookie, cookie, COOKIE) != 0);
	CHECK_EQ(stat(r, TcpExtTCPFastOpenPassiveAltKey), 1);
	inject(r, .flags = TCP_RST, .seq = 10);
	CHECK_EQ(net_sysctl_set(r->host->net, "net.ipv4.tcp_fastopen_key", "00000005-00000006-00000007-00000008"), 0);
	syn_with(r, cookie, COOKIE, 10);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	rig_end(r);
}

TEST(a_key_that_is_none_is_refused_and_a_key_is_never_shown)
{
	static const char *const bad[] = { "", "1", "00000001-00000002-00000003-0000000", "00000001-00000002-00000003-00000004-",
					   "0000000g-00000002-00000003-00000004", "00000001-00000002-00000003-00000004,1" };
	struct rig *r = rig_new();
	char text[64];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_EQ(net_sysctl_set(r->host->net, "net.ipv4.tcp_fastopen_key", bad[i]), -EINVAL);
	net_sysctl_get(r->host->net, "net.ipv4.tcp_fastopen_key", text, sizeof(text));
	CHECK_EQ(strcmp(text, "(not shown)"), 0);
	rig_end(r);
}

TEST(beyond_the_pending_limit_a_handshake_is_ordinary_and_one_that_was_reset_still_counts)
{
	REQ("7413 4.1.2/limit", "7413 5.1/reset");
	struct rig *r = fast_listener(1);
	u8 cookie[COOKIE];
	u16 port = r->peer.port;

	learn_cookie(r, cookie);
	syn_with(r, cookie, COOKIE, 10);
	expect(r, .flags = TCP_SYN | TCP_ACK, .ack = 10);
	inject(r, .flags = TCP_RST, .seq = 10);
	CHECK_EQ(tcb_of(r->listener)->fo->pending, 0);
	r->peer.port = (u16)(port + 1);
	syn_with(r, cookie, COOKIE, 10);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK_EQ(stat(r, TcpExtTCPFastOpenListenOverflow), 1);
	rig_run_ms(r, 61000);
	rig_drain(r);
	r->peer.port = (u16)(port + 2);
	syn_with(r, cookie, COOKIE, 10);
	expect(r, .flags = TCP_SYN | TCP_ACK, .ack = 10);
	rig_end(r);
}

TEST(a_lost_syn_ack_of_a_child_is_sent_again_by_its_timer_and_by_the_syn)
{
	REQ("7413 4.2.2/synack");
	struct rig *r = fast_listener(4);
	u8 cookie[COOKIE];

	learn_cookie(r, cookie);
	syn_with(r, cookie, COOKIE, 10);
	expect(r, .flags = TCP_SYN | TCP_ACK, .ack = 10);
	rig_run_ms(r, 1010);
	expect(r, .flags = TCP_SYN | TCP_ACK, .ack = 10);
	inject(r, .flags = TCP_SYN);
	expect(r, .flags = TCP_SYN | TCP_ACK, .ack = 10);
	take_child(r);
	inject(r, .seq = 10);
	CHECK_EQ(r->sk->state, TCP_ESTABLISHED);
	rig_end(r);
}

TEST(a_listener_that_closes_resets_its_children_and_forgets_those_that_were_accepted)
{
	struct rig *r = fast_listener(4);
	u8 cookie[COOKIE];

	learn_cookie(r, cookie);
	syn_with(r, cookie, COOKIE, 10);
	expect(r, .flags = TCP_SYN | TCP_ACK, .ack = 10);
	take_child(r);
	tcp_prot.close(r->listener);
	r->listener = NULL;
	rig_run_us(r, 10);
	CHECK(r->t->fo && !r->t->fo->listener);
	inject(r, .seq = 10);
	CHECK_EQ(r->sk->state, TCP_ESTABLISHED);
	rig_end(r);
}

/* ---- the client ---- */

static int client_fail(struct rig *r)
{
	struct tcp_info i;
	unsigned len = sizeof(i);

	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_TCP, TCP_INFO, &i, &len), 0);
	return i.tcpi_fastopen_client_fail;
}

static long fast_send(struct rig *r, u32 n)
{
	static u8 bytes[4000];
	struct iovec v = { bytes, n };
	struct msghdr m = { .msg_name = &r->peer, .msg_iov = &v, .msg_iovlen = 1 };
	long done;

	r->active = true;
	r->sk = tcp_prot.create(r->cpu, lab_family());
	r->t = tcb_of(r->sk);
	bh_disable(r->cpu);
	done = tcp_prot.sendmsg(r->sk, &m, MSG_FASTOPEN);
	bh_enable(r->cpu);
	rig_run_us(r, 10);
	return done;
}

static const u8 their_cookie[12] = { TCPOPT_MSS, 4, 4, 0, TCPOPT_FASTOPEN, 6, 1, 2, 3, 4, TCPOPT_NOP, TCPOPT_NOP };

/* A client that was given a cookie on a connection that is closed again. */
static struct rig *fast_client(void)
{
	struct rig *r = rig_new();

	r->no_ts = true;
	CHECK_EQ(net_sysctl_set(r->host->net, "net.ipv4.tcp_timestamps", "0"), 0);
	CHECK_EQ(fast_send(r, 1000), -EINPROGRESS);
	REQUIRE(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_SYN);
	CHECK(r->opt.has_fastopen && !r->opt.cookie_len);
	CHECK_EQ(r->last.len, 0);
	CHECK_EQ(client_fail(r), TFO_COOKIE_UNAVAILABLE);
	inject(r, .flags = TCP_SYN | TCP_ACK, .opts = their_cookie, .opts_len = sizeof(their_cookie));
	inject(r, .flags = TCP_RST);
	rig_drain(r);
	tcp_prot.close(r->sk);
	rig_run_us(r, 10);
	return r;
}

TEST(a_client_asks_for_a_cookie_keeps_it_and_sends_data_with_it)
{
	REQ("7413 4.1.1/ask", "7413 4.1.3/cache", "7413 4.2.1/data");
	struct rig *r = fast_client();

	CHECK_EQ(fast_send(r, 2000), 1024 - TCP_OPTS_MAX); /* the MSS of last time, less all options */
	REQUIRE(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_SYN);
	CHECK_EQ(r->last.len, 1024 - TCP_OPTS_MAX);
	REQUIRE(CHECK_EQ(r->opt.cookie_len, 4));
	CHECK_MEM(r->opt.cookie, their_cookie + 6, 4);
	inject(r, .flags = TCP_SYN | TCP_ACK, .ack = 984, .opts = their_cookie, .opts_len = sizeof(their_cookie));
	expect(r, .seq = 984);
	CHECK(r->t->syn_data && !r->t->packets_out);
	CHECK_EQ(stat(r, TcpExtTCPFastOpenActive), 1);
	CHECK_EQ(client_fail(r), TFO_STATUS_UNSPEC);
	rig_end(r);
}

TEST(a_client_that_met_a_syn_with_a_closed_window_and_closed_itself_gives_up_in_the_end)
{
	struct rig *r = fast_client();

	CHECK_EQ(fast_send(r, 2000), 1024 - TCP_OPTS_MAX);
	inject(r, .flags = TCP_SYN, .wnd = 1); /* both open at once; the one number that fits is our SYN's */
	CHECK_EQ(r->sk->state, TCP_SYN_RECEIVED);
	tcp_prot.close(r->sk);
	r->sk = NULL;
	for (unsigned i = 0; i < 1000 && r->cpu->tcp->nr_tcbs; i++) {
		rig_run_ms(r, 1000);
		rig_drain(r);
	}
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 0);
	rig_end(r);
}

TEST(data_of_a_syn_that_met_the_peers_syn_and_is_acknowledged_in_part_goes_again)
{
	struct rig *r = fast_client();

	CHECK_EQ(fast_send(r, 2000), 1024 - TCP_OPTS_MAX);
	CHECK_EQ(rig_drain(r), 1);
	inject(r, .flags = TCP_SYN);
	inject(r, .ack = 2);
	CHECK_EQ(r->sk->state, TCP_ESTABLISHED);
	CHECK_EQ(r->t->packets_out, 1);
	CHECK(tcp_timer_armed(r->t, TCPT_RTO) || tcp_timer_armed(r->t, TCPT_TLP));
	rig_drain(r);
	rig_run_ms(r, 5000);
	CHECK(rig_drain(r) > 0);
	rig_end(r);
}

TEST(data_that_the_syn_ack_does_not_acknowledge_goes_again_at_once)
{
	REQ("7413 4.2.1/again");
	struct rig *r = fast_client();

	CHECK_EQ(fast_send(r, 500), 500);
	REQUIRE(rig_take(r));
	inject(r, .flags = TCP_SYN | TCP_ACK, .opts = their_cookie, .opts_len = sizeof(their_cookie));
	REQUIRE(rig_take(r));
	CHECK_EQ(r->last.len, 500);
	CHECK_EQ(r->last.seq.v, r->iss + 1);
	CHECK_EQ(stat(r, TcpExtTCPFastOpenActiveFail), 1);
	CHECK_EQ(client_fail(r), TFO_DATA_NOT_ACKED);
	CHECK(!r->t->syn_data);
	inject(r, .ack = 500);
	CHECK_EQ(r->t->packets_out, 0);
	rig_end(r);
}

TEST(tcp_info_says_that_the_syn_had_to_be_sent_again)
{
	struct rig *r = fast_client();

	CHECK_EQ(fast_send(r, 500), 500);
	REQUIRE(rig_take(r));
	rig_run_ms(r, 1010);
	REQUIRE(rig_take(r));
	inject(r, .flags = TCP_SYN | TCP_ACK, .opts = their_cookie, .opts_len = sizeof(their_cookie));
	CHECK_EQ(client_fail(r), TFO_SYN_RETRANSMITTED);
	rig_end(r);
}

TEST(a_syn_with_data_that_times_out_goes_again_without)
{
	REQ("7413 4.2.1/timeout", "7413 4.1.3.1/negative");
	struct rig *r = fast_client();

	CHECK_EQ(fast_send(r, 500), 500);
	REQUIRE(rig_take(r));
	rig_run_ms(r, 1010);
	REQUIRE(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_SYN);
	CHECK_EQ(r->last.len, 0);
	CHECK(!r->opt.has_fastopen);
	rig_run_ms(r, 2010);
	rig_drain(r);
	tcp_prot.close(r->sk);
	CHECK_EQ(fast_send(r, 500), -EINPROGRESS); /* a black hole: a plain SYN for a while */
	REQUIRE(rig_take(r));
	CHECK(!r->opt.has_fastopen);
	CHECK(stat(r, TcpExtTCPFastOpenBlackhole) > 0);
	rig_end(r);
}

TEST(tcp_fastopen_connect_holds_the_syn_until_the_first_write)
{
	struct rig *r = fast_client();

	r->sk = tcp_prot.create(r->cpu, lab_family());
	r->t = tcb_of(r->sk);
	rig_setsockopt(r, SOL_TCP, TCP_FASTOPEN_CONNECT, 1);
	CHECK_EQ(tcp_prot.connect(r->sk, &r->peer), 0);
	rig_run_ms(r, 2000);
	expect_nothing(r);
	CHECK_EQ(tcp_prot.poll(r->sk), EPOLLOUT);
	CHECK_EQ(rig_write(r, 100, 0), 100);
	REQUIRE(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_SYN);
	CHECK_EQ(r->last.len, 100);
	rig_end(r);
}

TEST(a_syn_whose_data_is_too_long_for_the_path_goes_again_at_once_without)
{
	struct rig *r;

	if (lab_ipv6())
		test_skip("the message is ICMPv4's");
	r = fast_client();
	CHECK(fast_send(r, 900) > 0);
	REQUIRE(rig_take(r));
	CHECK(r->last.len > 0);
	r->iss = r->last.seq.v;
	rig_icmp(r, 3, 4, 840, -1);
	REQUIRE(rig_take(r));
	CHECK_EQ(r->last.flags, TCP_SYN);
	CHECK_EQ(r->last.len, 0);
	CHECK(!r->opt.has_fastopen);
	CHECK_EQ(r->opt.mss, 800);
	rig_icmp(r, 3, 4, 700, -1); /* the same again makes no third */
	expect_nothing(r);
	rig_end(r);
}
