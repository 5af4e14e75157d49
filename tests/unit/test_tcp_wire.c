/* SPDX-License-Identifier: MIT
 * test_tcp_wire.c - what stands in the header and its options, both ways; addresses, initial numbers and ports; which SYN may
 * follow TIME_WAIT; ICMP.
 */
#include "host/tcprig.h"

#define WITH(...) .opts = (const u8[]){ __VA_ARGS__ }, .opts_len = sizeof((const u8[]){ __VA_ARGS__ })
/* A timestamp of the peer, 0x10000 + n, that echoes nothing. */
#define TS(n) 8, 10, 0, 1, 0, n, 0, 0, 0, 0

static struct rig *plain(void)
{
	struct rig *r = rig_new();

	r->no_ts = r->no_sack = r->no_ws = true;
	return rig_state(r, TCP_ESTABLISHED);
}

/* ---- the header ---- */

TEST(reserved_bits_are_sent_as_zero_and_not_looked_at)
{
	REQ("9293 3.1/reserved-out", "9293 3.1/reserved-in");
	struct rig *r = tcb_in(TCP_LISTEN);
	int err;

	inject(r, .flags = TCP_SYN, .reserved = 0x0e);
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK_EQ(r->last_frame[20 + 12] & 15, 0);
	inject(r, .len = 20, .reserved = 0x0f);
	r->sk = tcp_prot.accept(r->listener, &err);
	REQUIRE(r->sk);
	r->t = tcb_of(r->sk);
	expect(r, .ack = 20);
	CHECK_EQ(r->last_frame[20 + 12] & 15, 0);
	CHECK_EQ(rig_read(r, 100), 20);
	rig_end(r);
}

TEST(a_data_offset_that_cannot_be_is_refused)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	for (u8 doff = 1; doff < 5; doff++)
		inject(r, .doff = doff, .len = 10);
	inject(r, .doff = 15); /* reaches beyond the end */
	expect_nothing(r);
	CHECK_EQ(drops(r, TCP_HDR), 5);
	rig_end(r);
}

TEST(every_segment_of_a_connection_has_a_right_checksum_and_no_mss_without_syn)
{
	REQ("9293 MUST-2", "9293 MUST-65", "9293 MUST-69", "9293 SHLD-27");
	struct rig *r = tcb_in(TCP_LISTEN);
	unsigned syns = 0, others = 0, pushes = 0;
	int err;

	inject(r, .flags = TCP_SYN);
	CHECK(rig_take(r)); /* takes, and checks the sum */
	inject(r, .len = 100);
	r->sk = tcp_prot.accept(r->listener, &err);
	REQUIRE(r->sk);
	r->t = tcb_of(r->sk);
	bh_disable(r->cpu);
	for (int i = 0; i < 40; i++) /* each write is a push */
		rig_write(r, 50, 0);
	bh_enable(r->cpu);
	rig_run_us(r, 10);
	inject(r, .seq = 200, .len = 100); /* its ACK has SACK blocks */
	tcp_prot.shutdown(r->sk, SHUT_WR);
	rig_run_ms(r, 1000); /* retransmissions */
	while (rig_take(r)) {
		const u8 *o = r->last_frame + 40, *end = r->last_frame + 20 + r->last.hdr_len;

		syns += (r->last.flags & TCP_SYN) != 0;
		others++;
		pushes += (r->last.flags & TCP_PSH) != 0;
		CHECK_EQ(r->opt.mss, 0);
		while (o < end && *o != TCPOPT_EOL) /* options fill their words, so that there is nothing to pad */
			o += *o == TCPOPT_NOP ? 1 : o[1];
		CHECK(o == end);
	}
	CHECK_EQ(syns, 0);
	CHECK(others >= 4);
	CHECK(pushes < 20);
	rig_end(r);
}

TEST(a_window_field_above_half_its_range_is_no_negative_number)
{
	REQ("9293 MUST-1");
	struct rig *r = plain();

	r->t->cwnd = 100;
	r->t->sk.sndbuf = 1 << 20;
	inject(r, .ack = 0, .wnd = 65535);
	rig_write(r, 100000, 0);
	rig_drain(r);
	CHECK(r->t->snd.nxt.v - r->t->snd.una.v > 60000);
	CHECK(r->t->snd.nxt.v - r->t->snd.una.v <= 65535);
	rig_end(r);
}

TEST(the_largest_window_is_a_gigabyte)
{
	REQ("9293 REC-1", "7323 2.2/both", "7323 2.3");
	struct rig *r = rig_new();

	r->peer_wscale = 14;
	rig_state(r, TCP_ESTABLISHED);
	inject(r, .ack = 0, .wnd = 65535);
	CHECK_EQ(r->t->snd.wnd, 65535u << 14);
	rig_end(r);
	r = rig_new(); /* and neither side scales when one does not */
	r->no_ws = true;
	r->peer_wscale = 14;
	rig_state(r, TCP_ESTABLISHED);
	inject(r, .ack = 0, .wnd = 65535);
	CHECK_EQ(r->t->snd.wnd, 65535);
	CHECK_EQ(r->t->rcv.wscale, 0);
	rig_end(r);
}

static s64 right_edge(const struct rig *r)
{
	return seq_diff(seq_add(r->t->rcv.wup, r->t->rcv.wnd), r->t->rcv.irs) - 1;
}

TEST(a_segment_is_acceptable_by_its_first_or_last_byte)
{
	REQ("9293 3.4/acceptable", "9293 3.10.7.4/ack");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	s64 right;

	inject(r, .len = 1000);
	rig_drain(r);
	right = right_edge(r);
	inject(r, .seq = right); /* empty, at the right edge: Linux takes it, as the edge's ACK may be news */
	expect_nothing(r);
	inject(r, .seq = right + 1);
	expect(r, .ack = 1000);
	inject(r, .seq = 900, .len = 200); /* only the end is new */
	CHECK_EQ(seq_diff(r->t->rcv.nxt, r->t->rcv.irs) - 1, 1100);
	rig_drain(r);
	right = right_edge(r);
	inject(r, .seq = right - 10, .len = 100); /* only the beginning fits */
	CHECK_EQ(r->t->ofo_segs, 1);
	rig_drain(r);
	right = right_edge(r);
	inject(r, .seq = right + 1, .len = 100);
	expect(r, .ack = 1100);
	CHECK_EQ(r->t->ofo_segs, 1);
	rig_end(r);
}

/* ---- options ---- */

TEST(options_are_taken_from_any_segment_at_any_alignment)
{
	REQ("9293 MUST-4", "9293 MUST-5", "9293 MUST-64");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, WITH(1, TS(1), 0)); /* NOP, timestamp at an odd place, end of list */
	expect(r, .ack = 10);
	CHECK_EQ(r->opt.tsecr, 0x10001);
	inject(r, .seq = 10, .len = 10, WITH(TS(2), 0, 255)); /* behind the end stands rubbish */
	expect(r, .ack = 20);
	CHECK_EQ(r->opt.tsecr, 0x10002);
	inject(r, .seq = 20, .len = 10, WITH(1, 1, 1, TS(3), 1, 1, 1));
	expect(r, .ack = 30);
	CHECK_EQ(r->opt.tsecr, 0x10003);
	rig_end(r);
}

static struct tcp_options syn_options(const u8 options[20])
{
	struct tcp_seg seg = { .flags = TCP_SYN, .hdr_len = TCP_HDR_LEN + 20 };
	struct tcp_options o;
	u8 header[TCP_HDR_LEN + 20] = { 0 };

	memcpy(header + TCP_HDR_LEN, options, 20);
	tcp_parse_options(header, &seg, &o);
	return o;
}

TEST(the_usual_options_of_a_syn_are_read_as_in_any_other_order)
{
	static const u8 orders[][20] = {
		{ 2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 15 }, /* as Linux sends them */
		{ 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3, 15, 4, 2, 1, 2, 4, 5, 180 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
		struct tcp_options o = syn_options(orders[i]);

		CHECK_EQ(o.mss, 1460);
		CHECK(o.has_ts && o.sack_perm && o.has_wscale && !o.has_fastopen);
		CHECK_EQ(o.tsval, 0x01020304);
		CHECK_EQ(o.tsecr, 0x05060708);
		CHECK_EQ(o.wscale, TCP_WSCALE_MAX);
		CHECK_EQ(o.nr_sacks, 0);
	}
}

TEST(unknown_options_are_skipped_by_their_length)
{
	REQ("9293 MUST-6", "9293 MUST-68");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, WITH(253, 4, 8, 10, 99, 2, TS(1), 1, 1, 1, 1)); /* what looks like a timestamp is inside another */
	expect(r, .ack = 10);
	CHECK_EQ(r->opt.tsecr, 0x10001);
	rig_end(r);
}

TEST(an_illegal_length_ends_the_options_and_nothing_else)
{
	REQ("9293 MUST-7");
	static const u8 bad[][4] = { { 253, 0, 1, 1 }, { 253, 1, 1, 1 }, { 253, 200, 1, 1 }, { 1, 1, 1, 253 }, { 2, 3, 1, 1 },
				     { 5, 10, 1, 1 }, { 8, 40, 1, 1 } };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct rig *r = plain();

		inject(r, .len = 10, .opts = bad[i], .opts_len = 4);
		CHECK_EQ(rig_read(r, 100), 10);
		rig_end(r);
		r = tcb_in(TCP_LISTEN); /* in a SYN, too */
		inject(r, .flags = TCP_SYN, .opts = bad[i], .opts_len = 4);
		CHECK(rig_take(r));
		CHECK_EQ(r->last.flags, TCP_SYN | TCP_ACK);
		rig_end(r);
	}
}

TEST(options_of_a_syn_mean_nothing_elsewhere)
{
	REQ("7323 2.2/elsewhere", "7323 3.2/not-agreed");
	struct rig *r = plain();

	inject(r, .len = 10, WITH(2, 4, 2, 0, 3, 3, 9, 1, TS(9), 4, 2));
	expect(r, .ack = 10);
	CHECK(!r->opt.has_ts);
	CHECK_EQ(r->t->snd.wscale, 0);
	CHECK_EQ(r->t->mss, 1460);
	CHECK(!r->t->sack_ok && !r->t->ts_ok);
	inject(r, .seq = 10, .len = 10, WITH(TS(1), 1, 1)); /* older: no PAWS without agreement */
	CHECK_EQ(rig_read(r, 100), 20);
	rig_end(r);
}

TEST(the_mss_follows_the_link_and_not_the_path)
{
	REQ("9293 SHLD-6", "9293 MUST-67", "6691 2/sent");
	struct rig *r = rig_new();

	r->dev->mtu = lab_ipv6() ? 1300 : 1280;
	rig_state(r, TCP_LISTEN);
	inject(r, .flags = TCP_SYN);
	CHECK(rig_take(r));
	CHECK_EQ(r->opt.mss, 1240); /* the timestamp is not taken off */
	rig_end(r);
}

TEST(without_the_mss_option_ipv6_assumes_1220)
{
	REQ("9293 MUST-15/v6");
	struct rig *r = rig_new();
	struct sock *sk = tcp_prot.create(r->cpu, AF_INET);
	struct tcp_in in = { .seg.wnd = 1000 };

	ip_pton("2001:db8::1", &sk->daddr);
	tcp_take_syn_options(tcb_of(sk), &in);
	CHECK_EQ(tcb_of(sk)->mss_clamp, 1220);
	in.opt.mss = 1300;
	tcp_take_syn_options(tcb_of(sk), &in);
	CHECK_EQ(tcb_of(sk)->mss_clamp, 1300);
	tcp_prot.close(sk);
	rig_end(r);
}

/* ---- timestamps ---- */

TEST(the_echoed_timestamp_is_that_of_the_last_segment_in_order)
{
	REQ("7323 4.3/update", "7323 4.3/gap", "7323 5.3/equal");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .tsval = 7000);
	expect(r, .ack = 10);
	CHECK_EQ(r->opt.tsecr, 7000);
	inject(r, .seq = 20, .len = 10, .tsval = 7010); /* behind a gap */
	expect(r, .ack = 10);
	CHECK_EQ(r->opt.tsecr, 7000);
	inject(r, .seq = 10, .len = 10, .tsval = 7005); /* fills it, and is not older than what counts */
	expect(r, .ack = 30);
	CHECK_EQ(r->opt.tsecr, 7005);
	inject(r, .seq = 30, .len = 10, .tsval = 7005); /* equal */
	expect(r, .ack = 40);
	CHECK_EQ(drops(r, TCP_RFC7323_PAWS), 0);
	rig_end(r);
}

TEST(an_old_timestamp_is_seen_before_the_numbers)
{
	REQ("7323 5.3/old");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .tsval = 7000);
	rig_drain(r);
	inject(r, .seq = 5000000, .len = 10, .tsval = 6000);
	expect(r, .ack = 10);
	CHECK_EQ(drops(r, TCP_RFC7323_PAWS), 1);
	CHECK_EQ(drops(r, TCP_INVALID_SEQUENCE), 0);
	rig_end(r);
}

TEST(a_timestamp_is_forgotten_after_24_days)
{
	REQ("7323 5.5");
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .tsval = 7000);
	rig_drain(r);
	r->t->ts_recent_s -= 24 * 86400 - 2; /* the same as waiting */
	inject(r, .seq = 10, .len = 10, .tsval = 6000);
	expect(r, .ack = 10);
	rig_run_ms(r, 3000);
	inject(r, .seq = 10, .len = 10, .tsval = 6001);
	CHECK_EQ(rig_read(r, 100), 20);
	rig_end(r);
}

TEST(an_echo_without_ack_gives_no_sample)
{
	REQ("7323 3.2/tsecr");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 echo = r->t->ts_echo;

	inject(r, .len = 10, .no_ack = true, .tsecr = 123456);
	CHECK_EQ(r->t->ts_echo, echo);
	rig_end(r);
}

TEST(the_timestamp_clock_ticks_in_milliseconds_from_a_start_of_its_own)
{
	REQ("7323 5.4", "7323 7.1");
	struct rig *r = tcb_in(TCP_LISTEN);
	u32 first, other;

	inject(r, .flags = TCP_SYN);
	rig_take(r);
	first = r->opt.tsval;
	rig_run_ms(r, 1010);
	CHECK(rig_take(r));
	CHECK(r->opt.tsval - first >= 999 && r->opt.tsval - first <= 1011);
	r->peer.addr = lab_ip(be32_of(0xc0000202)); /* another host, another start */
	inject(r, .flags = TCP_SYN);
	CHECK(rig_take(r));
	other = r->opt.tsval - first;
	CHECK(other > 100000 && other < -100000u);
	rig_end(r);
}

/* ---- addresses ---- */

TEST(a_syn_to_or_from_an_address_that_cannot_be_is_dropped_silently)
{
	REQ("9293 MUST-57", "9293 MUST-63");
	static const u32 to[] = { 0xffffffff, 0xe0000001, 0xc0a8ffff };
	static const u32 from[] = { 0xffffffff, 0xe0000001, 0xf0000001, 0x7f000001, 0xc0a8ffff };
	struct rig *r = tcb_in(TCP_LISTEN);

	for (unsigned i = 0; i < ARRAY_SIZE(to); i++)
		if (!lab_ipv6() || to[i] >> 28 == 14) /* IPv6 has no broadcasts */
			inject(r, .flags = TCP_SYN, .dst = to[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(from); i++)
		if (!lab_ipv6() || from[i] >> 28 == 14)
			inject(r, .flags = TCP_SYN, .src = from[i]);
	inject(r, .flags = TCP_SYN, .src = 0xc0a80001); /* from ourselves */
	expect_nothing(r);
	CHECK_EQ(r->cpu->tcp->nr_requests, 0);
	rig_end(r);
}

TEST(ip_options_do_not_disturb_tcp)
{
	REQ("9293 MUST-50");
	static const u8 options[] = { 1, 148, 4, 0, 0, 30, 6, 1, 2, 3, 4, 0 }; /* router alert, one that nobody knows */
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .len = 10, .ip_opts = options, .ip_opts_len = sizeof(options));
	CHECK_EQ(rig_read(r, 100), 10);
	rig_end(r);
}

TEST(one_port_is_listened_on_at_two_addresses_and_beside_its_connections)
{
	REQ("9293 MUST-41", "9293 MUST-42", "9293 3.10.7.2/rst");
	struct sockaddr_ip sa = { .family = lab_family(), .port = 99 };
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct sock *a = tcp_prot.create(r->cpu, lab_family()), *b = tcp_prot.create(r->cpu, lab_family());

	lab_addr(r->dev, "192.168.7.7/16");
	sa.addr = lab_ip_of("192.168.7.7");
	CHECK_EQ(tcp_prot.bind(a, &sa), 0);
	CHECK_EQ(tcp_prot.listen(a, 1), 0);
	sa.addr = lab_ip_of("192.168.0.1");
	CHECK_EQ(tcp_prot.bind(b, &sa), 0);
	CHECK_EQ(tcp_prot.listen(b, 1), 0);
	CHECK(tcp_find_listener(r->cpu, &sa.addr, 99, 0) == tcb_of(b));
	r->peer.port++;
	inject(r, .flags = TCP_RST);
	expect_nothing(r);
	inject(r, .flags = TCP_SYN); /* a second connection to the port of the first */
	expect(r, .flags = TCP_SYN | TCP_ACK);
	CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
	tcp_prot.close(a);
	tcp_prot.close(b);
	rig_end(r);
}

TEST(syn_received_remembers_whether_it_was_listening)
{
	REQ("9293 MUST-11");
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .seq = 0, .flags = TCP_RST);
	CHECK_EQ(r->cpu->tcp->nr_requests, 0); /* back to listening, and nobody hears of it */
	CHECK_EQ(r->listener->state, TCP_LISTEN);
	CHECK_EQ(r->listener->err, 0);
	rig_end(r);
	r = tcb_in(TCP_SYN_RECEIVED); /* an active open, simultaneous: it fails */
	inject(r, .seq = 0, .flags = TCP_RST);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	CHECK(rig_read(r, 1) < 0);
	rig_end(r);
}

/* ---- initial numbers, ports ---- */

/* aes: by the CPU's rounds, if it has them. */
static void check_initial_numbers(bool aes)
{
	struct rig *r = rig_new();
	struct lab *other_boot = lab_create(100);
	struct net_cpu *other = lab_host(other_boot, "other")->cpu;
	struct ip_addr us, peer = r->peer.addr;
	u32 a, b, apart = 0;
	u64 now = r->cpu->now_ns;

	r->cpu->net->has_aes = other->net->has_aes = aes && platform_has_aes();
	us = lab_ip_of("192.168.0.1");
	a = tcp_isn(r->cpu, &us, &peer, 80, 5555);
	net_set_now(r->cpu, now + NSEC_PER_SEC);
	CHECK_EQ(tcp_isn(r->cpu, &us, &peer, 80, 5555) - a, 250000);
	net_set_now(r->cpu, now);
	for (u16 port = 1; port < 100; port++) {
		b = tcp_isn(r->cpu, &us, &peer, 80, 5555 + port);
		apart += b - a > 100000 && a - b > 100000;
	}
	CHECK(apart > 90); /* neighbours tell nothing of each other */
	net_set_now(other, now);
	b = tcp_isn(other, &us, &peer, 80, 5555);
	CHECK(b - a > 100000 && a - b > 100000); /* nor one boot of the next */
	lab_destroy(other_boot);
	rig_end(r);
}

TEST(initial_numbers_are_a_clock_and_a_keyed_hash)
{
	REQ("9293 MUST-8", "9293 SHLD-1", "9293 MUST-9", "6528 3/clock", "6528 3/hash", "6528 3/secret");
	check_initial_numbers(true);
	check_initial_numbers(false);
}

static u16 port_of_connection(struct rig *r, const struct sockaddr_ip *to, struct sock **sk)
{
	*sk = tcp_prot.create(r->cpu, lab_family());
	CHECK_EQ(tcp_prot.connect(*sk, to), -EINPROGRESS);
	return (*sk)->sport;
}

/* Flows whose hashes are the same, as one in 2^32 has it. */
TEST(a_connection_is_found_by_all_of_its_tuple)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct conn_node *n = &r->t->node;
	const struct sock *sk = &r->t->sk;
	const struct flow_of {
		struct ip_addr l, r;
		u16 lport, rport;
	} own = { sk->saddr, sk->daddr, sk->sport, sk->dport };
	u32 hash = n->hash;

	for (unsigned i = 0; i < 5; i++) {
		struct flow_of f = own;
		u32 hashed;

		f.lport ^= i == 1;
		f.rport ^= i == 2;
		f.l.b[15] ^= i == 3;
		f.r.b[15] ^= i == 4;
		conn_remove(r->cpu, n);
		n->hash = conn_hash(r->cpu, &f.l, &f.r, f.lport, f.rport);
		conn_insert(r->cpu, n);
		CHECK_EQ(conn_lookup(r->cpu, &f.l, &f.r, f.lport, f.rport, &hashed) == n, i == 0);
		CHECK_EQ(hashed, n->hash);
	}
	conn_remove(r->cpu, n);
	n->hash = hash;
	conn_insert(r->cpu, n);
	rig_end(r);
}

TEST(ports_come_from_a_range_and_start_elsewhere_for_each_destination)
{
	REQ("6056 3.2", "6056 3.3", "6056 3.5");
	struct rig *r = rig_new();
	struct sockaddr_ip to = r->peer;
	struct sock *sk[66];
	u16 port[66];
	unsigned n, m, near = 0;

	r->cpu->sysctl.local_port_lo = 40000;
	r->cpu->sysctl.local_port_hi = 49999;
	for (n = 0; n < 64; n++) {
		to.port = (u16)(1000 + n);
		port[n] = port_of_connection(r, &to, &sk[n]);
		CHECK(port[n] >= 40000 && port[n] <= 49999);
		near += n && (u16)(port[n] - port[n - 1]) < 20;
	}
	CHECK(near < 5); /* the next destination's port does not follow from the last one's */
	for (; n < 66; n++) {
		port[n] = port_of_connection(r, &to, &sk[n]);
		CHECK(port[n] != port[n - 1]);
	}
	for (m = 0; m < n; m++)
		tcp_prot.close(sk[m]);
	rig_end(r);
}

/* ---- after TIME_WAIT ---- */

static struct rig *in_time_wait(bool ts)
{
	struct rig *r = rig_new();

	r->no_ts = !ts;
	rig_state(r, TCP_FIN_WAIT_2);
	inject(r, .len = 50, .ack = 1, .flags = TCP_FIN);
	rig_drain(r);
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	return r;
}

TEST(which_syn_opens_anew_from_time_wait)
{
	REQ("6191 2/newer", "6191 2/older", "6191 2/number", "6191 2/none", "9293 SHLD-4");
	static const struct {
		bool had_ts, syn_ts;
		s32 tsval, seq; /* beside the newest that TIME_WAIT saw */
		bool opens;
	} c[] = {
		{ true, true, 1, 1000, true },      { true, true, 1, -1000, true },   { true, true, -1, 1000, false },
		{ true, true, -1, -1000, false },   { true, true, 0, 1000, true },    { true, true, 0, -1000, false },
		{ false, false, 0, 1000, true },    { false, false, 0, -1000, false }, { true, false, 0, 1000, true },
		{ true, false, 0, -1000, false },   { false, true, 9, 1000, true },   { false, true, 9, -1000, false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		struct rig *r = in_time_wait(c[i].had_ts);
		u32 newest = r->ts_val;

		r->no_ts = !c[i].syn_ts;
		r->ts_val = newest + (u32)c[i].tsval;
		inject(r, .flags = TCP_SYN, .seq = 52 + c[i].seq);
		CHECK(rig_take(r));
		if (!CHECK_EQ(r->last.flags, c[i].opens ? TCP_SYN | TCP_ACK : TCP_ACK))
			test_note("case %u", i);
		CHECK_EQ(r->cpu->tcp->nr_timewait, !c[i].opens);
		rig_end(r);
	}
}

TEST(old_text_in_time_wait_is_acknowledged_and_ends_nothing)
{
	REQ("1337 3/old");
	struct rig *r = in_time_wait(true);

	inject(r, .seq = 10, .ack = 1, .len = 20);
	expect(r, .seq = 1, .ack = 51);
	inject(r, .seq = 51, .ack = 500); /* an ACK of what was never sent */
	CHECK_EQ(r->cpu->tcp->nr_timewait, 1);
	rig_end(r);
}

/* ---- ICMP ---- */

TEST(source_quench_and_parameter_problem_change_nothing)
{
	REQ("9293 MUST-55", "9293 MUST-56/parameter", "6633 4");
	static const u8 states[] = { TCP_SYN_SENT, TCP_ESTABLISHED };

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		struct rig *r = tcb_in(states[i]);
		u32 cwnd;

		if (states[i] == TCP_ESTABLISHED)
			rig_write(r, 100, 0);
		rig_drain(r);
		cwnd = r->t->cwnd;
		rig_icmp(r, 4, 0, 0, states[i] == TCP_SYN_SENT ? -1 : 0);
		rig_icmp(r, 12, 0, 0, states[i] == TCP_SYN_SENT ? -1 : 0);
		CHECK_EQ(r->t->sk.state, states[i]);
		CHECK_EQ(r->t->sk.err, 0);
		CHECK_EQ(r->t->sk.err_soft, 0); /* nor what a time out would be blamed on */
		CHECK_EQ(r->t->cwnd, cwnd);
		expect_nothing(r);
		rig_end(r);
	}
}

TEST(what_icmp_said_is_the_error_of_a_connection_that_times_out)
{
	REQ("9293 SHLD-25");
	static const struct {
		u8 code;
		int err;
	} c[] = { { 0, ENETUNREACH }, { 1, EHOSTUNREACH }, { 5, EOPNOTSUPP } };

	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		struct rig *r = tcb_in(TCP_SYN_SENT);

		if (lab_ipv6() && c[i].code == 5) { /* no source route that could fail */
			rig_end(r);
			continue;
		}
		rig_icmp(r, 3, c[i].code, 0, -1);
		CHECK_EQ(r->t->sk.state, TCP_SYN_SENT);
		rig_run_ms(r, 200000);
		rig_drain(r);
		CHECK_EQ(r->t->sk.state, TCP_CLOSE);
		CHECK_EQ(rig_read(r, 1), -c[i].err);
		rig_end(r);
	}
}

TEST(packet_too_big_never_raises_and_has_a_least_value)
{
	REQ("5927 7.2/raise", "5927 7.2/least");
	struct rig *r = plain();

	rig_write(r, 5000, 0);
	rig_drain(r);
	rig_icmp(r, 3, 4, 9000, 0);
	CHECK_EQ(r->t->mss, 1460);
	rig_icmp(r, 3, 4, 1500, 0);
	CHECK_EQ(r->t->mss, 1460);
	rig_icmp(r, 3, 4, 30, 0); /* nothing can be that small */
	CHECK(r->t->mss >= 48);
	CHECK(r->t->sk.dst.mtu >= 68);
	rig_end(r);
}

TEST(a_receiver_that_is_full_sends_no_source_quench)
{
	REQ("6633 3");
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u32 n = 0;

	for (int i = 0; i < 100; i++, n += 1448)
		inject(r, .seq = n, .len = 1448);
	while (lab_sent_count(r->dev)) {
		u8 f[2048];

		lab_sent(r->dev, f, sizeof(f));
		CHECK_EQ(f[lab_ipv6() ? 6 : 9], 6);
	}
	rig_end(r);
}
