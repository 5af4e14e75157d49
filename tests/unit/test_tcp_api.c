/* SPDX-License-Identifier: MIT
 * test_tcp_api.c - what an application may ask of a TCP socket: options, addresses, disconnect, linger,
 * urgent data, what TCP_INFO tells; and how it learns of errors.
 */
#include <stdlib.h>

#include "host/tcprig.h"

static struct tcp_info info_of(struct rig *r)
{
	struct tcp_info i;
	unsigned len = sizeof(i);

	inject(r, .seq = -9, .flags = TCP_RST); /* ignored; the CPU's clock is read when something happens */
	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_TCP, TCP_INFO, &i, &len), 0);
	return i;
}

/* ---- options ---- */

TEST(an_unknown_option_of_any_level_is_an_error)
{
	static const int levels[] = { SOL_IP, SOL_SOCKET, SOL_TCP, SOL_UDP, 41, -1 };
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
		CHECK_EQ(rig_set(r->sk, levels[i], 9999, 1), -ENOPROTOOPT);
		CHECK_EQ(rig_get(r->sk, levels[i], 9999), -ENOPROTOOPT);
		CHECK_EQ(rig_set(r->sk, levels[i], -1, 1), -ENOPROTOOPT);
	}
	rig_end(r);
}

TEST(values_that_an_option_cannot_have_are_refused)
{
	static const struct {
		int level, opt, v;
	} bad[] = {
		{ SOL_TCP, TCP_MAXSEG, 10 },      { SOL_TCP, TCP_MAXSEG, 70000 },   { SOL_TCP, TCP_KEEPIDLE, 0 },
		{ SOL_TCP, TCP_KEEPIDLE, 40000 }, { SOL_TCP, TCP_KEEPINTVL, 0 },    { SOL_TCP, TCP_KEEPCNT, 0 },
		{ SOL_TCP, TCP_KEEPCNT, 128 },    { SOL_TCP, TCP_SYNCNT, 0 },       { SOL_TCP, TCP_SYNCNT, 128 },
		{ SOL_TCP, TCP_USER_TIMEOUT, -1 }, { SOL_TCP, TCP_WINDOW_CLAMP, -1 }, { SOL_IP, IP_TTL, 0 },
		{ SOL_IP, IP_TTL, 256 },          { SOL_IP, IP_MTU_DISCOVER, 9 },   { SOL_SOCKET, SO_OOBINLINE, 0 },
	};
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (!CHECK_EQ(rig_set(r->sk, bad[i].level, bad[i].opt, bad[i].v), -EINVAL))
			test_note("option %d of level %d, value %d", bad[i].opt, bad[i].level, bad[i].v);
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_TCP, TCP_NODELAY, &r, 3), -EINVAL);
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_SOCKET, SO_LINGER, &r, 4), -EINVAL);
	rig_end(r);
}

TEST(what_is_set_is_read_back)
{
	static const struct {
		int level, opt, v;
	} good[] = {
		{ SOL_TCP, TCP_NODELAY, 1 },   { SOL_TCP, TCP_CORK, 1 },           { SOL_TCP, TCP_KEEPIDLE, 17 },
		{ SOL_TCP, TCP_KEEPINTVL, 5 }, { SOL_TCP, TCP_KEEPCNT, 4 },        { SOL_TCP, TCP_SYNCNT, 3 },
		{ SOL_TCP, TCP_LINGER2, 30 },  { SOL_TCP, TCP_USER_TIMEOUT, 999 }, { SOL_TCP, TCP_NOTSENT_LOWAT, 4096 },
		{ SOL_TCP, TCP_DEFER_ACCEPT, 7 }, { SOL_TCP, TCP_WINDOW_CLAMP, 9000 }, { SOL_TCP, TCP_QUICKACK, 0 },
		{ SOL_TCP, TCP_ACCEPT_DATA, 1 },
		{ SOL_IP, IP_TOS, 0xb8 },      { SOL_IP, IP_TTL, 9 },              { SOL_SOCKET, SO_OOBINLINE, 1 },
		{ SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT },
	};
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		CHECK_EQ(rig_set(r->sk, good[i].level, good[i].opt, good[i].v), 0);
		if (!CHECK_EQ(rig_get(r->sk, good[i].level, good[i].opt), good[i].v))
			test_note("option %d of level %d", good[i].opt, good[i].level);
	}
	rig_end(r);
}

TEST(ttl_and_tos_go_to_ip_and_can_be_changed_while_connected)
{
	REQ("9293 MUST-49", "9293 MUST-48", "9293 SHLD-21", "9293 SHLD-22");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_write(r, 10, 0);
	expect(r, .len = 10);
	CHECK_EQ(r->last_frame[1], 0);
	CHECK_EQ(r->last_frame[8], 64);
	CHECK_EQ(rig_set(r->sk, SOL_IP, IP_TTL, 9), 0);
	CHECK_EQ(rig_set(r->sk, SOL_IP, IP_TOS, 0xb8), 0);
	inject(r, .ack = 10);
	rig_write(r, 10, 0);
	expect(r, .seq = 10, .len = 10);
	CHECK_EQ(r->last_frame[1], 0xb8);
	CHECK_EQ(r->last_frame[8], 9);
	rig_end(r);
}

TEST(a_child_has_the_options_of_its_listener)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	rig_set(r->listener, SOL_TCP, TCP_NODELAY, 1);
	rig_set(r->listener, SOL_TCP, TCP_USER_TIMEOUT, 777);
	rig_set(r->listener, SOL_TCP, TCP_NOTSENT_LOWAT, 5000);
	rig_set(r->listener, SOL_IP, IP_TTL, 77);
	rig_set(r->listener, SOL_SOCKET, SO_RCVLOWAT, 99);
	r->listener->priority = 5;
	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .ack = 0);
	rig_accept(r);
	CHECK_EQ(rig_get(r->sk, SOL_TCP, TCP_NODELAY), 1);
	CHECK_EQ(rig_get(r->sk, SOL_TCP, TCP_USER_TIMEOUT), 777);
	CHECK_EQ(rig_get(r->sk, SOL_TCP, TCP_NOTSENT_LOWAT), 5000);
	CHECK_EQ(rig_get(r->sk, SOL_IP, IP_TTL), 77);
	CHECK_EQ(rig_get(r->sk, SOL_SOCKET, SO_RCVLOWAT), 99);
	CHECK_EQ(r->sk->priority, 5);
	rig_end(r);
}

/* As Linux: nobody waits for what cannot come. */
TEST(below_the_low_water_mark_a_full_buffer_or_short_memory_is_enough_to_read)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 wnd;

	CHECK_EQ(rig_set(r->sk, SOL_SOCKET, SO_RCVLOWAT, 1000), 0);
	inject(r, .len = 999);
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLIN));
	r->cpu->tcp->pressure = true;
	CHECK(tcp_prot.poll(r->sk) & EPOLLIN);
	r->cpu->tcp->pressure = false;
	wnd = r->t->rcv.wnd;
	r->t->rcv.wnd = (u32)seq_diff(r->t->rcv.nxt, r->t->rcv.wup) + r->t->rcv.mss + 1; /* there is room for more than a segment */
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLIN));
	r->t->rcv.wnd--;
	CHECK(tcp_prot.poll(r->sk) & EPOLLIN);
	r->t->rcv.wnd = wnd;
	inject(r, .seq = 999, .len = 1);
	CHECK(tcp_prot.poll(r->sk) & EPOLLIN);
	rig_read(r, 1000);
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLIN));
	rig_end(r);
}

/* ---- addresses ---- */

TEST(an_active_open_takes_the_address_of_the_way_or_the_one_it_was_bound_to)
{
	REQ("9293 MUST-43", "9293 MUST-44", "9293 MUST-45");
	struct sockaddr_ip local = { .family = lab_family(), .port = 4321 };
	struct rig *r = rig_new();
	struct sock *a = tcp_prot.create(r->cpu, lab_family()), *b = tcp_prot.create(r->cpu, lab_family());
	struct ip_addr second;

	lab_addr(r->dev, "192.168.7.7/16");
	second = lab_ip_of("192.168.7.7");
	local.addr = second;
	CHECK_EQ(tcp_prot.connect(a, &r->peer), -EINPROGRESS);
	CHECK(!ip_is_any(&a->saddr) && !ip_eq(&a->saddr, &second));
	rig_run_us(r, 10);
	rig_drain(r);
	CHECK_EQ(tcp_prot.bind(b, &local), 0);
	CHECK_EQ(tcp_prot.connect(b, &r->peer), -EINPROGRESS);
	for (int i = 0; i < 3; i++) { /* the SYN and its retransmissions */
		rig_run_ms(r, 3000);
		while (rig_take(r))
			if (r->last.sport == 4321)
				CHECK_MEM(r->last_frame + 12, &second.w[3], 4);
	}
	CHECK_EQ(b->sport, 4321);
	tcp_prot.close(a);
	tcp_prot.close(b);
	rig_end(r);
}

TEST(addresses_that_nobody_can_have_are_refused_as_a_destination)
{
	REQ("9293 MUST-46/open", "9293 MUST-46/invalid");
	static const u32 bad[] = { 0xffffffff, 0xe0000001, 0xefffffff, 0xf0000001, 0xc0a8ffff, 0 };
	struct rig *r = rig_new();

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sockaddr_ip sa = { .family = lab_family(), .port = 9, .addr = lab_ip(be32_of(bad[i])) };
		struct sock *sk = tcp_prot.create(r->cpu, lab_family());
		int err = lab_ipv6() && bad[i] && bad[i] >> 28 != 14 ? -EINVAL /* only IPv4 has these */ : tcp_prot.connect(sk, &sa);

		if (!CHECK(err < 0 && err != -EINPROGRESS))
			test_note("address %#x: %d", bad[i], err);
		tcp_prot.close(sk);
		rig_run_us(r, 10);
	}
	expect_nothing(r);
	rig_end(r);
}

/* ---- disconnect ---- */

TEST(a_disconnect_resets_and_the_socket_connects_again)
{
	REQ("9293 MAY-14");
	static const u8 states[] = { TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2 };

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		struct rig *r = tcb_in(states[i]);

		inject(r, .seq = states[i] == TCP_CLOSE_WAIT, .ack = 0, .len = states[i] == TCP_CLOSE_WAIT ? 0 : 20);
		rig_drain(r);
		rig_set(r->sk, SOL_TCP, TCP_KEEPIDLE, 33);
		CHECK_EQ(tcp_prot.disconnect(r->sk), 0);
		rig_run_us(r, 10);
		CHECK(rig_take(r));
		CHECK(r->last.flags & TCP_RST);
		CHECK_EQ(sock_error(r->sk), -ECONNRESET); /* for who waited */
		CHECK_EQ(r->sk->state, TCP_CLOSE);
		CHECK_EQ(r->sk->sport, 0);
		CHECK_EQ(r->sk->rmem_alloc, 0);
		CHECK_EQ(rig_get(r->sk, SOL_TCP, TCP_KEEPIDLE), 33);
		CHECK_EQ(tcp_prot.connect(r->sk, &r->peer), -EINPROGRESS);
		rig_run_us(r, 10);
		r->active = true;
		CHECK(rig_take(r));
		CHECK_EQ(r->last.flags, TCP_SYN);
		r->peer_isn += 100000;
		inject(r, .flags = TCP_SYN | TCP_ACK);
		CHECK_EQ(r->sk->state, TCP_ESTABLISHED);
		rig_drain(r);
		CHECK_EQ(rig_write(r, 100, 0), 100);
		expect(r, .len = 100);
		inject(r, .ack = 100, .len = 30);
		CHECK_EQ(rig_read(r, 100), 30);
		rig_end(r);
	}
}

TEST(a_disconnect_ends_listening_and_attempts_to_connect_and_keeps_what_was_bound)
{
	struct rig *r = tcb_in(TCP_LISTEN);
	struct sock *sk;

	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .ack = 0);
	CHECK_EQ(tcp_prot.disconnect(r->listener), 0);
	rig_run_us(r, 10);
	CHECK(rig_take(r));
	CHECK(r->last.flags & TCP_RST); /* the one that nobody accepted */
	CHECK_EQ(r->listener->state, TCP_CLOSE);
	CHECK_EQ(r->listener->sport, RIG_PORT);
	CHECK_EQ(tcp_prot.listen(r->listener, 4), 0);
	r->peer.port++;
	inject(r, .flags = TCP_SYN);
	expect(r, .flags = TCP_SYN | TCP_ACK);

	sk = tcp_prot.create(r->cpu, lab_family());
	CHECK_EQ(rig_set(sk, SOL_SOCKET, SO_RCVLOWAT, 99), 0);
	CHECK_EQ(tcp_prot.connect(sk, &r->peer), -EINPROGRESS);
	rig_run_us(r, 10);
	rig_drain(r);
	CHECK_EQ(tcp_prot.disconnect(sk), 0);
	CHECK_EQ(sk->state, TCP_CLOSE);
	CHECK_EQ(rig_get(sk, SOL_SOCKET, SO_RCVLOWAT), 99); /* and what was set */
	CHECK_EQ(tcp_prot.disconnect(sk), 0); /* again: nothing to give up */
	rig_run_ms(r, 300);
	expect_nothing(r);
	tcp_prot.close(sk);
	rig_end(r);
}

TEST(a_bound_port_stays_taken_after_the_connection_failed)
{
	struct sockaddr_ip local = { .family = lab_family(), .port = 4321, .addr = lab_ip(be32_of(0)) };
	struct rig *r = rig_new();
	struct sock *other = tcp_prot.create(r->cpu, lab_family());

	r->sk = tcp_prot.create(r->cpu, lab_family());
	r->t = tcb_of(r->sk);
	r->active = true;
	CHECK_EQ(tcp_prot.bind(r->sk, &local), 0);
	for (int i = 0; i < 2; i++) { /* refused, and again from the same port */
		CHECK_EQ(tcp_prot.connect(r->sk, &r->peer), -EINPROGRESS);
		rig_run_us(r, 10);
		CHECK(rig_take(r));
		CHECK_EQ(r->last.sport, 4321);
		inject(r, .flags = TCP_RST | TCP_ACK, .ack = 0);
		CHECK_EQ(r->sk->state, TCP_CLOSE);
		CHECK_EQ(tcp_prot.bind(other, &local), -EADDRINUSE);
	}
	tcp_prot.close(r->sk);
	r->sk = NULL;
	CHECK_EQ(tcp_prot.bind(other, &local), 0);
	tcp_prot.close(other);
	rig_end(r);
}

TEST(a_connection_after_another_on_one_socket_knows_nothing_of_it)
{
	struct rig *r = tcb_in(TCP_LAST_ACK);

	inject(r, .seq = 1, .ack = 1);
	CHECK_EQ(r->sk->state, TCP_CLOSE);
	CHECK_EQ(tcp_prot.connect(r->sk, &r->peer), -EINPROGRESS);
	CHECK(!r->t->fin_wanted && !r->t->fin_queued && !r->t->srtt_us && !r->t->bytes_received);
	CHECK_EQ(r->t->cwnd, TCP_INIT_CWND);
	rig_run_us(r, 10);
	rig_drain(r);
	rig_end(r);
}

/* ---- linger ---- */

TEST(where_nobody_can_wait_a_lingering_close_goes_on_by_itself)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	int linger[2] = { 1, 5 };
	unsigned len = sizeof(linger);

	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_SOCKET, SO_LINGER, linger, sizeof(linger)), 0);
	CHECK_EQ(tcp_prot.getsockopt(r->sk, SOL_SOCKET, SO_LINGER, linger, &len), 0);
	CHECK_EQ(linger[1], 5);
	rig_write(r, 100, 0);
	tcp_prot.close(r->sk);
	r->sk = NULL;
	rig_run_ms(r, 6000);
	CHECK(rig_drain(r) > 1);
	CHECK(!(r->last.flags & TCP_RST));
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 2);
	inject(r, .ack = 101, .flags = TCP_FIN);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1);
	CHECK_EQ(stat(r, TcpExtTCPAbortOnLinger), 0);
	rig_end(r);
}

TEST(a_negative_linger2_keeps_no_orphan_in_fin_wait_2)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	CHECK_EQ(rig_set(r->sk, SOL_TCP, TCP_LINGER2, -1), 0);
	tcp_prot.close(r->sk);
	r->sk = NULL;
	rig_run_us(r, 10);
	rig_drain(r);
	inject(r, .ack = 1);
	rig_run_ms(r, 5);
	CHECK(rig_take(r));
	CHECK(r->last.flags & TCP_RST);
	CHECK_EQ(r->cpu->tcp->nr_tcbs, 1);
	rig_end(r);
}

/* ---- urgent data ---- */

TEST(urgent_data_is_announced_as_long_as_some_is_left)
{
	REQ("9293 MUST-30", "9293 MUST-62", "9293 MUST-31", "9293 MUST-32", "9293 MUST-33", "6093 4/pointer", "6093 4/inline");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	int mark = -1;

	inject(r, .len = 3000, .urg = 2000); /* bytes 0 to 1999 are urgent */
	CHECK(r->t->events == 0 && tcp_prot.poll(r->sk) & EPOLLPRI);
	CHECK_EQ(tcp_prot.ioctl(r->sk, SIOCATMARK, &mark), 0);
	CHECK_EQ(mark, 0);
	CHECK_EQ(rig_read(r, 5000), 1999); /* stops at the last urgent byte */
	CHECK(tcp_prot.poll(r->sk) & EPOLLPRI);
	CHECK_EQ(tcp_prot.ioctl(r->sk, SIOCATMARK, &mark), 0);
	CHECK_EQ(mark, 1);
	CHECK_EQ(rig_read(r, 5000), 1001);
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLPRI));
	CHECK_EQ(tcp_prot.ioctl(r->sk, SIOCATMARK, &mark), 0);
	CHECK_EQ(mark, 0);
	inject(r, .seq = 3000, .len = 10, .urg = 5); /* and again */
	CHECK(tcp_prot.poll(r->sk) & EPOLLPRI);
	rig_end(r);
}

TEST(a_pointer_beyond_the_text_waits_for_it_and_one_behind_it_is_ignored)
{
	REQ("6093 3.2", "9293 MUST-32");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .urg = 60000);
	CHECK(tcp_prot.poll(r->sk) & EPOLLPRI);
	CHECK_EQ(rig_read(r, 100), 10);
	CHECK(tcp_prot.poll(r->sk) & EPOLLPRI); /* more is to come */
	inject(r, .seq = 10, .len = 10, .urg = 1); /* older news */
	CHECK_EQ(seq_diff(r->t->rcv.urg, r->t->rcv.irs), 60001);
	CHECK_EQ(rig_read(r, 100), 10);
	rig_end(r);
}

TEST(an_urgent_pointer_of_any_value_leads_to_no_byte_that_is_not_there)
{
	static const u16 pointers[] = { 0, 1, 2, 9, 10, 11, 255, 0x7fff, 0x8000, 0xffff };
	static const enum tcp_state states[] = { TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_CLOSE_WAIT };

	for (unsigned s = 0; s < ARRAY_SIZE(states); s++) {
		for (unsigned i = 0; i < ARRAY_SIZE(pointers); i++) {
			struct rig *r = tcb_in(states[s]);
			long n = 0, got = 0;

			inject(r, .len = 0, .flags = TCP_URG, .urg = pointers[i]);
			inject(r, .len = 10, .flags = TCP_URG, .urg = pointers[i]);
			inject(r, .seq = 5, .len = 10, .flags = TCP_URG, .urg = (u16)~pointers[i]); /* moved while it is unread */
			while (states[s] == TCP_ESTABLISHED && (n = rig_read(r, 100)) > 0)
				got += n;
			if (states[s] == TCP_ESTABLISHED)
				CHECK_EQ(got, 15);
			rig_end(r);
		}
	}
}

TEST(urgent_data_is_neither_sent_nor_received_out_of_line)
{
	REQ("9293 SHLD-13", "6093 5", "6093 4/inline");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u8 b[4];
	struct iovec v = { b, sizeof(b) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	CHECK_EQ(rig_write(r, 1, MSG_OOB), -EOPNOTSUPP);
	inject(r, .len = 4, .urg = 2);
	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, MSG_OOB), -EINVAL);
	rig_end(r);
}

TEST(a_closed_window_still_hears_of_urgent_data)
{
	REQ("9293 MUST-66");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 n = 0, room;

	while ((room = tcp_receive_window(r->t))) {
		inject(r, .seq = n, .len = MIN(room, 1448u));
		n += MIN(room, 1448u);
	}
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLPRI));
	inject(r, .seq = n, .len = 1, .urg = 1);
	CHECK(tcp_prot.poll(r->sk) & EPOLLPRI);
	rig_end(r);
}

/* ---- TCP_INFO ---- */

TEST(tcp_info_tells_how_long_the_sender_was_busy)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_run_ms(r, 1000);
	CHECK_EQ(info_of(r).tcpi_busy_time, 0);
	rig_write(r, 1000, 0);
	rig_drain(r);
	rig_run_ms(r, 50);
	CHECK(info_of(r).tcpi_busy_time >= 49000 && info_of(r).tcpi_busy_time <= 52000); /* it runs on */
	inject(r, .ack = 1000);
	rig_run_ms(r, 1000);
	CHECK(info_of(r).tcpi_busy_time >= 49000 && info_of(r).tcpi_busy_time <= 52000);
	CHECK_EQ(info_of(r).tcpi_rwnd_limited, 0);
	CHECK_EQ(info_of(r).tcpi_sndbuf_limited, 0);
	rig_end(r);
}

TEST(tcp_info_tells_how_long_the_peers_window_held_the_sender)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct tcp_info i;

	rig_write(r, 1000, 0);
	rig_drain(r);
	inject(r, .ack = 1000, .wnd = NO_WINDOW);
	rig_write(r, 3000, 0);
	rig_run_ms(r, 100);
	inject(r, .ack = 1000, .wnd = 60000);
	rig_drain(r);
	rig_run_ms(r, 30);
	i = info_of(r);
	CHECK(i.tcpi_rwnd_limited >= 99000 && i.tcpi_rwnd_limited <= 102000);
	CHECK(i.tcpi_busy_time >= 129000 && i.tcpi_busy_time <= 134000);
	rig_end(r);
}

TEST(tcp_info_tells_how_long_the_send_buffer_was_the_limit)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct tcp_info i;

	r->t->sndbuf_locked = true;
	r->sk->sndbuf = 6000;
	r->t->cwnd = 100;
	rig_write(r, 60000, 0); /* as much as one skb has */
	CHECK_EQ(rig_write(r, 1000, 0), -EAGAIN); /* all that was taken is sent, and there is more */
	rig_drain(r);
	rig_run_ms(r, 40);
	i = info_of(r);
	CHECK(i.tcpi_sndbuf_limited >= 39000 && i.tcpi_sndbuf_limited <= 42000);
	inject(r, .ack = r->t->snd.nxt.v - r->iss - 1);
	rig_run_ms(r, 40);
	CHECK(info_of(r).tcpi_busy_time <= 43000);
	rig_end(r);
}

TEST(tcp_info_counts_no_syn_and_no_fin_as_bytes_sent)
{
	struct rig *r = tcb_in(TCP_SYN_SENT);

	CHECK_EQ(info_of(r).tcpi_bytes_sent, 0);
	CHECK_EQ(info_of(r).tcpi_rcv_wscale, 0); /* not agreed yet */
	inject(r, .flags = TCP_SYN | TCP_ACK);
	rig_drain(r);
	CHECK_EQ(info_of(r).tcpi_bytes_sent, 0);
	rig_write(r, 100, 0);
	rig_drain(r);
	CHECK_EQ(info_of(r).tcpi_bytes_sent, 100);
	tcp_prot.shutdown(r->sk, SHUT_WR);
	rig_run_us(r, 10);
	rig_drain(r);
	CHECK_EQ(info_of(r).tcpi_bytes_sent, 100);
	inject(r, .ack = 101);
	CHECK_EQ(info_of(r).tcpi_bytes_sent, 100);
	rig_end(r);
}

/* ---- errors ---- */

TEST(an_abort_by_the_peer_is_told_once_by_event_and_call)
{
	REQ("9293 MUST-12", "9293 MUST-47", "9293 SHLD-2", "5961 3.2/exact");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .flags = TCP_RST, .len = 5); /* with text: SHLD-2 */
	CHECK((tcp_prot.poll(r->sk) & (EPOLLERR | EPOLLHUP)) == (EPOLLERR | EPOLLHUP));
	CHECK_EQ(rig_write(r, 10, 0), -ECONNRESET);
	CHECK_EQ(rig_write(r, 10, 0), -EPIPE);
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLERR));
	rig_end(r);
}

/* ---- beside the bytes ---- */

TEST(with_tcp_inq_a_read_tells_how_much_more_waits_and_the_end_counts_as_one)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct msg_notes notes;
	u8 buf[1000];
	struct iovec v = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_notes = &notes };

	CHECK_EQ(rig_set(r->sk, SOL_TCP, TCP_INQ, 2), -EINVAL);
	CHECK_EQ(rig_set(r->sk, SOL_TCP, TCP_INQ, 1), 0);
	CHECK_EQ(rig_get(r->sk, SOL_TCP, TCP_INQ), 1);
	inject(r, .len = 1400);
	inject(r, .seq = 1400, .len = 600);
	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, 0), 1000);
	CHECK(notes.has_inq);
	CHECK_EQ(notes.inq, 1000);
	inject(r, .seq = 2000, .flags = TCP_FIN | TCP_ACK);
	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, 0), 1000);
	CHECK_EQ(notes.inq, 1);
	rig_end(r);
}

TEST(a_writer_behind_a_limit_of_unsent_bytes_is_told_when_half_of_them_left)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_set(r->sk, SOL_TCP, TCP_NOTSENT_LOWAT, 4000);
	r->t->cwnd = 4;
	CHECK(rig_write(r, 20000, 0) < 20000);
	rig_drain(r);
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLOUT));
	r->t->cwnd = 40;
	inject(r, .ack = 1448); /* what this lets go is what makes room */
	CHECK(!r->t->nospace);
	CHECK(tcp_prot.poll(r->sk) & EPOLLOUT);
	rig_end(r);
}

TEST(a_long_write_begins_to_leave_before_all_of_it_is_taken)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct msghdr m;
	struct iovec v = { calloc(1, 20000), 20000 };

	m = (struct msghdr){ .msg_iov = &v, .msg_iovlen = 1 };
	bh_disable(r->cpu);
	CHECK_EQ(tcp_prot.sendmsg(r->sk, &m, 0), 20000);
	CHECK(r->t->packets_out > 0); /* no flush has been */
	bh_enable(r->cpu);
	free(v.iov_base);
	rig_end(r);
}
