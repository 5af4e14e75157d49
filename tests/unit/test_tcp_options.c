/* SPDX-License-Identifier: MIT
 * test_tcp_options.c - what options, flags and limits do on a TCP socket, beyond being set and read back: window clamp, quick
 * ACKs, SO_REUSEPORT, orphans, TIME_WAITs, memory, flags of a read, shutdown; and the fields of TCP_INFO.
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

static struct tcp_info info_of(struct rig *r)
{
	struct tcp_info i;
	unsigned len = sizeof(i);

	inject(r, .seq = -9, .flags = TCP_RST); /* ignored; the CPU's clock is read when something happens */
	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_TCP, TCP_INFO, &i, &len), 0);
	return i;
}

/* ---- options ---- */

TEST(a_window_clamp_is_lifted_before_a_connection_only_and_has_a_least_value)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct sock *sk = tcp_prot.create(r->cpu, lab_family());

	CHECK_EQ(rig_set(r->sk, SOL_TCP, TCP_WINDOW_CLAMP, 0), -EINVAL);
	CHECK_EQ(rig_set(r->sk, SOL_TCP, TCP_WINDOW_CLAMP, 1), 0);
	CHECK_EQ(rig_get(r->sk, SOL_TCP, TCP_WINDOW_CLAMP), 1152);
	CHECK_EQ(r->t->rcv.ssthresh, 1152);
	CHECK_EQ(rig_set(sk, SOL_TCP, TCP_WINDOW_CLAMP, 5000), 0);
	CHECK_EQ(rig_set(sk, SOL_TCP, TCP_WINDOW_CLAMP, 0), 0);
	CHECK_EQ(rig_get(sk, SOL_TCP, TCP_WINDOW_CLAMP), 0);
	tcp_prot.close(sk);
	rig_end(r);
}

TEST(quick_acks_are_switched_on_with_what_is_due_and_off_again)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	r->t->ack.quick = 0;
	r->t->ack.ato_us = 40000;
	CHECK_EQ(rig_set(r->sk, SOL_TCP, TCP_QUICKACK, 0), 0);
	inject(r, .len = 100);
	expect_nothing(r);
	CHECK_EQ(rig_set(r->sk, SOL_TCP, TCP_QUICKACK, 1), 0); /* what waited goes now */
	CHECK_EQ(rig_get(r->sk, SOL_TCP, TCP_QUICKACK), 1);
	rig_run_us(r, 100);
	expect(r, .ack = 100);
	rig_end(r);
}

TEST(of_a_reuseport_group_each_listener_gets_its_share_and_keeps_a_flow)
{
	struct rig *r = tcb_in(TCP_LISTEN);
	struct sockaddr_ip sa = { .family = lab_family(), .port = 90, .addr = lab_ip(be32_of(0)) };
	struct ip_addr local = lab_ip(be32_of(0x0a000001));
	struct sock *sk[5];
	unsigned got[5] = { 0 };

	for (unsigned i = 0; i < 5; i++) {
		sk[i] = tcp_prot.create(r->cpu, lab_family());
		sk[i]->reuseport = i < 4;
		CHECK_EQ(tcp_prot.bind(sk[i], &sa), i < 4 ? 0 : -EADDRINUSE); /* who did not ask is no member */
		if (i < 4)
			CHECK_EQ(tcp_prot.listen(sk[i], 8), 0);
	}
	for (u32 n = 0; n < 4000; n++) {
		struct tcb *l = tcp_find_listener(r->cpu, &local, 90, n * 0x9e3779b1u);

		CHECK(l == tcp_find_listener(r->cpu, &local, 90, n * 0x9e3779b1u));
		for (unsigned i = 0; i < 4; i++)
			got[i] += l == tcb_of(sk[i]);
	}
	for (unsigned i = 0; i < 5; i++) {
		if (i < 4 && !CHECK(got[i] > 800 && got[i] < 1200))
			test_note("listener %u: %u of 4000", i, got[i]);
		tcp_prot.close(sk[i]);
	}
	rig_end(r);
}

TEST(orphans_beyond_their_number_or_with_memory_out_are_reset)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	r->cpu->sysctl.tcp_max_orphans = 0;
	app_close(r);
	REQUIRE(rig_take(r));
	CHECK(r->last.flags & TCP_RST);
	CHECK_EQ(stat(r, TcpExtTCPAbortOnMemory), 1);
	rig_end(r);

	r = tcb_in(TCP_ESTABLISHED);
	rig_write(r, 60000, 0);
	rig_drain(r);
	r->cpu->sysctl.tcp_mem_max = 1;
	app_close(r);
	REQUIRE(rig_take(r));
	CHECK(r->last.flags & TCP_RST);
	CHECK_EQ(stat(r, TcpExtTCPAbortOnMemory), 1);
	rig_end(r);

	r = tcb_in(TCP_ESTABLISHED); /* and one is allowed: it says good bye */
	r->cpu->sysctl.tcp_max_orphans = 1;
	app_close(r);
	expect(r, .flags = TCP_FIN | TCP_ACK);
	CHECK_EQ(stat(r, TcpExtTCPAbortOnMemory), 0);
	rig_end(r);
}

TEST(flags_of_a_read_peek_and_discard_alone_and_together)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct iovec v[2] = { { NULL, 20 }, { NULL, 30 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };

	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, MSG_DONTWAIT), -EAGAIN);
	inject(r, .len = 40);
	inject(r, .seq = 40, .len = 40);
	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, MSG_PEEK | MSG_TRUNC), 50); /* counted, not copied: there is no memory */
	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, MSG_TRUNC | MSG_NOSIGNAL), 50);
	CHECK_EQ(rig_read(r, 100), 30); /* the bytes behind the 50 */
	rig_drain(r);
	CHECK_EQ(rig_write(r, 10, MSG_NOSIGNAL | MSG_DONTWAIT), 10);
	expect(r, .ack = 80, .len = 10);
	rig_end(r);
}

TEST(a_shutdown_for_reading_ends_reads_and_goes_on_writing)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	CHECK_EQ(tcp_prot.shutdown(r->sk, 3), -EINVAL);
	inject(r, .len = 10);
	CHECK_EQ(tcp_prot.shutdown(r->sk, SHUT_RD), 0);
	CHECK(tcp_prot.poll(r->sk) & EPOLLRDHUP);
	CHECK_EQ(rig_read(r, 100), 10); /* what had come */
	CHECK_EQ(rig_read(r, 100), 0);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	CHECK_EQ(rig_write(r, 10, 0), 10);
	CHECK_EQ(tcp_prot.shutdown(r->sk, SHUT_RDWR), 0);
	CHECK_EQ(r->t->sk.state, TCP_FIN_WAIT_1);
	CHECK_EQ(rig_write(r, 1, 0), -EPIPE);
	CHECK(tcp_prot.poll(r->sk) & EPOLLHUP);
	rig_end(r);
}

/* ---- limits ---- */

TEST(without_rfc_1337_a_reset_ends_a_time_wait)
{
	struct rig *r = tcb_in(TCP_FIN_WAIT_2);

	r->cpu->sysctl.tcp_rfc1337 = 0;
	inject(r, .ack = 1, .flags = TCP_FIN | TCP_ACK);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	inject(r, .seq = 2, .flags = TCP_RST); /* beside the number: nothing */
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	inject(r, .seq = 1, .flags = TCP_RST);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 0);
	CHECK_EQ(stat(r, TcpExtTWKilled), 1);
	rig_end(r);
}

TEST(beyond_tcp_max_tw_buckets_a_connection_just_ends)
{
	struct rig *r = tcb_in(TCP_FIN_WAIT_2);

	r->cpu->sysctl.tcp_max_tw_buckets = 0;
	inject(r, .ack = 1, .flags = TCP_FIN | TCP_ACK);
	expect(r, .seq = 1, .ack = 1); /* the peer's FIN is acknowledged all the same */
	CHECK_EQ(r->cpu->tcp->nr_timewait, 0);
	CHECK_EQ(stat(r, TcpExtTCPTimeWaitOverflow), 1);
	rig_end(r);
}

TEST(memory_pressure_begins_and_ends_where_tcp_mem_says)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	r->cpu->sysctl.tcp_mem_low = 2;
	r->cpu->sysctl.tcp_mem_pressure = 4;
	CHECK(!r->cpu->tcp->pressure);
	for (u32 at = 0; at < 20000; at += 1000)
		inject(r, .seq = at, .len = 1000);
	CHECK(r->cpu->tcp->mem_bytes > 4 * TCP_PAGE);
	CHECK(r->cpu->tcp->pressure);
	CHECK_EQ(stat(r, TcpExtTCPMemoryPressures), 1);
	CHECK_EQ(rig_read(r, 20000), 20000);
	rig_write(r, 10, 0); /* each flush looks */
	rig_drain(r);
	CHECK(r->cpu->tcp->mem_bytes < 2 * TCP_PAGE);
	CHECK(!r->cpu->tcp->pressure);
	rig_end(r);
}

/* ---- TCP_INFO ---- */

TEST(tcp_info_of_a_listener_tells_its_queue_and_what_its_children_begin_with)
{
	struct rig *r = tcb_in(TCP_LISTEN);
	struct tcp_info i;
	unsigned len = sizeof(i);

	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .ack = 0);
	CHECK_EQ(tcp_prot.getsockopt(r->listener, SOL_TCP, TCP_INFO, &i, &len), 0);
	CHECK_EQ(i.tcpi_state, TCP_LISTEN);
	CHECK_EQ(i.tcpi_unacked, 1);
	CHECK_EQ(i.tcpi_sacked, tcb_of(r->listener)->listener->backlog);
	CHECK_EQ(i.tcpi_reordering, 3);
	CHECK_EQ(i.tcpi_snd_cwnd, tcb_of(r->listener)->cwnd);
	CHECK(i.tcpi_snd_cwnd == 10);
	CHECK_EQ(i.tcpi_max_pacing_rate, ~0ull);
	rig_end(r);
}

TEST(tcp_info_counts_what_is_sent_again_as_sent)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct tcp_info i;

	rig_write(r, 1000, 0);
	rig_drain(r);
	rig_run_ms(r, 1500);
	CHECK(rig_drain(r) > 0);
	i = info_of(r);
	CHECK(i.tcpi_total_retrans > 0);
	CHECK_EQ(i.tcpi_data_segs_out, 1 + i.tcpi_total_retrans);
	CHECK_EQ(i.tcpi_bytes_sent, 1000 + i.tcpi_bytes_retrans);
	rig_end(r);
}

TEST(tcp_info_counts_both_directions_and_what_was_agreed)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct tcp_info i;

	rig_write(r, 3000, 0);
	rig_drain(r);
	inject(r, .ack = 1448, .len = 500);
	inject(r, .seq = 700, .ack = 3000, .len = 100); /* a gap before it: not received yet, as Linux counts */
	rig_drain(r);
	rig_run_ms(r, 30);
	i = info_of(r);
	CHECK_EQ(i.tcpi_options, TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | (r->t->ws_ok ? TCPI_OPT_WSCALE : 0));
	CHECK_EQ(i.tcpi_bytes_received, 500);
	CHECK_EQ(i.tcpi_rcv_ooopack, 1);
	CHECK_EQ(i.tcpi_data_segs_in, 2);
	CHECK_EQ(i.tcpi_data_segs_out, 3);
	CHECK(i.tcpi_segs_in >= i.tcpi_data_segs_in && i.tcpi_segs_out >= i.tcpi_data_segs_out);
	CHECK_EQ(i.tcpi_bytes_sent, 3000);
	CHECK_EQ(i.tcpi_bytes_acked, 3000);
	CHECK_EQ(i.tcpi_unacked, 0);
	CHECK_EQ(i.tcpi_advmss, RIG_MSS);
	CHECK_EQ(i.tcpi_pmtu, r->t->sk.dst.mtu);
	CHECK_EQ(i.tcpi_snd_mss, r->t->mss);
	CHECK(i.tcpi_last_data_sent >= 30 && i.tcpi_last_data_sent < 60);
	CHECK(i.tcpi_last_data_recv >= 30 && i.tcpi_last_data_recv < 60);
	CHECK(i.tcpi_rto >= 200000 && i.tcpi_rtt > 0);
	CHECK_EQ(i.tcpi_snd_wnd, r->t->snd.wnd);
	CHECK_EQ(i.tcpi_rcv_wnd, r->t->rcv.wnd);
	rig_end(r);
}
