/* SPDX-License-Identifier: MIT
 * test_shed.c - overload: what dies before it is an skb, that nothing else does, when it begins and when it ends; and which of too
 * many connections are accepted.
 */
#include "host/tcprig.h"
#undef drops /* of kits here */
#undef stat
#include "net/core/shed.h"
#include "unit/ip6kit.h"

#define ROOM 4 /* datagrams that fit */

struct busy {
	struct kit k;
	struct sock *sk;
	bool over;
};

/* An application that has other things to do. */
static void works(void *arg)
{
	struct busy *b = arg;

	while (!b->over)
		fiber_yield(b->k.cpu->fibers);
}

static void send_one(struct busy *b, const char *src, u16 dport)
{
	struct net_device *dev = b->k.dev;
	u8 udp[64];
	struct pkt p;

	ip_build(&p, &(struct ip_spec){ .src = src, .data = udp, .len = udp_build(udp, src, "10.0.0.1", 5000, dport, "question", 8) });
	kit_frame(&b->k, dev->addr, PEER_MAC, ETH_P_IP, p.b, p.len);
}

static void begin(struct busy *b, bool works_on)
{
	*b = (struct busy){ .k = kit_open(LAB_ETHER) };
	b->sk = kit_sock(&b->k, 7);
	b->sk->rcvbuf = ROOM * SKB_TRUESIZE;
	if (works_on)
		REQUIRE(lab_spawn(b->k.h, "works", works, b));
}

/* Of n datagrams for port 7, how many died early. */
static u64 shed_of(struct busy *b, unsigned n)
{
	u64 before = b->k.cpu->softnet.shed;

	while (n--)
		send_one(b, "10.0.0.2", 7);
	return b->k.cpu->softnet.shed - before;
}

static void end(struct busy *b)
{
	b->over = true;
	udp_prot.close(b->sk);
	kit_run(&b->k, 10 * NSEC_PER_MSEC);
	kit_close(&b->k); /* frames balance, nothing is left */
}

TEST(a_frame_for_a_full_socket_of_a_busy_application_dies_before_it_is_an_skb)
{
	struct busy b;
	u64 skbs;

	begin(&b, true);
	CHECK_EQ(shed_of(&b, ROOM), 0);
	CHECK(!b.k.cpu->shedding);
	CHECK_EQ(shed_of(&b, 1), 0); /* it comes to the queue, and finds it full */
	CHECK(b.k.cpu->shedding);
	skbs = stat(&b.k, STAT_SkbAllocs);
	CHECK_EQ(shed_of(&b, 5), 5);
	CHECK_EQ(stat(&b.k, STAT_SkbAllocs), skbs);
	CHECK_EQ(drops(&b.k, DROP_SOCKET_RCVBUFF), 6);
	CHECK_EQ(stat(&b.k, STAT_UdpRcvbufErrors), 6);
	CHECK_EQ(stat(&b.k, STAT_UdpInErrors), 6);
	CHECK_EQ(stat(&b.k, STAT_UdpInDatagrams), ROOM);
	end(&b);
}

TEST(with_room_again_a_datagram_is_taken_and_what_is_for_others_always_is)
{
	struct busy b;
	struct sock *other;
	char buf[16];

	begin(&b, true);
	other = kit_sock(&b.k, 9);
	shed_of(&b, ROOM + 3);
	CHECK_EQ(kit_recv(b.sk, buf, sizeof(buf), NULL), 8);
	CHECK_EQ(shed_of(&b, 1), 0);
	CHECK_EQ(shed_of(&b, 1), 1);
	send_one(&b, "10.0.0.2", 9);
	CHECK_EQ(kit_recv(other, buf, sizeof(buf), NULL), 8);
	send_one(&b, "10.0.0.2", 8);
	CHECK_EQ(drops(&b.k, DROP_NO_SOCKET), 1);
	CHECK_EQ(stat(&b.k, STAT_UdpInDatagrams), ROOM + 2);
	send_one(&b, "10.0.0.3", 7); /* of a pair of addresses that nobody has looked at */
	CHECK_EQ(b.k.cpu->softnet.shed, 4);
	udp_prot.close(other);
	end(&b);
}

TEST(two_sockets_of_a_port_share_it_and_neither_sheds)
{
	struct sockaddr_ip any = { .family = AF_INET, .port = 7 };
	struct sock *twin;
	struct busy b;

	begin(&b, true);
	any.addr = ip_from_v4((be32){ 0 });
	twin = udp_sock_create(b.k.cpu);
	b.sk->reuseport = twin->reuseport = true;
	REQUIRE(!udp_prot.bind(twin, &any));
	CHECK_EQ(shed_of(&b, 100), 0);
	udp_prot.close(twin);
	end(&b);
}

TEST(a_tick_without_a_drop_ends_it_and_until_then_interrupts_are_masked)
{
	struct busy b;

	begin(&b, true);
	for (unsigned ms = 0; ms < 20; ms++) {
		shed_of(&b, ROOM + 2);
		CHECK(b.k.cpu->shedding);
		CHECK(b.k.cpu->napi[b.k.cpu->nr_napi - 1]->busy);
		kit_run(&b.k, NSEC_PER_MSEC);
	}
	CHECK(b.k.cpu->softnet.shed_ticks >= 10);
	kit_run(&b.k, 3 * NSEC_PER_MSEC);
	CHECK(!b.k.cpu->shedding);
	CHECK(!b.k.cpu->napi[b.k.cpu->nr_napi - 1]->busy);
	end(&b);
}

TEST(a_cpu_with_nothing_to_do_is_not_overloaded_by_a_socket_that_nobody_reads)
{
	struct busy b;

	begin(&b, false);
	CHECK_EQ(shed_of(&b, ROOM + 10), 0);
	CHECK(!b.k.cpu->shedding);
	CHECK_EQ(drops(&b.k, DROP_SOCKET_RCVBUFF), 10);
	end(&b);
}

TEST(a_socket_that_closes_while_it_sheds_leaves_nothing_behind)
{
	struct busy b;

	begin(&b, true);
	CHECK(shed_of(&b, ROOM + 3) > 0);
	udp_prot.close(b.sk);
	send_one(&b, "10.0.0.2", 7);
	CHECK_EQ(drops(&b.k, DROP_NO_SOCKET), 1);
	b.sk = kit_sock(&b.k, 7);
	CHECK_EQ(shed_of(&b, 1), 0);
	end(&b);
}

/* ---- SYNs ---- */

#define WEB 80

/* A listener whose application is behind: more wait than it accepts in time. */
static struct sock *behind(struct busy *b)
{
	struct sockaddr_ip any = { .family = AF_INET6, .port = WEB };
	struct ip_addr us = ip6(HOST6);
	struct tcp_listener *q;
	struct sock *sk;

	begin(b, true);
	b->k.cpu->sysctl.ip6_dad_transmits = 0;
	REQUIRE(!ip6_dev_up(b->k.h->net, b->k.dev));
	REQUIRE(!ip6_addr_add(b->k.h->net, b->k.dev, &us, 64));
	kit_run(&b->k, NSEC_PER_SEC); /* reports of groups are out */
	kit_drain(&b->k);
	sk = tcp_prot.create(b->k.cpu, AF_INET6);
	REQUIRE(!tcp_prot.bind(sk, &any));
	REQUIRE(!tcp_prot.listen(sk, 4096));
	q = tcb_of(sk)->listener;
	q->accept_len = 100;
	q->most = 64;
	q->since_ms = cpu_ms(b->k.cpu) | 1;
	q->admitted = 1000;
	return sk;
}

static void end_behind(struct busy *b, struct sock *sk)
{
	tcb_of(sk)->listener->accept_len = 0;
	tcp_prot.close(sk);
	kit_drain(&b->k);
	end(b);
}

/* A segment with these flags, from anywhere to anywhere. */
static void send_tcp(struct busy *b, const char *src, const char *dst, u16 dport, u8 flags)
{
	struct tcp_hdr h = { .sport = be16_of(5000), .dport = be16_of(dport), .doff = 5 << 4, .flags = flags, .wnd = be16_of(1000) };
	struct ip_addr s = ip6(src), d = ip6(dst);
	struct pkt p;

	h.csum = csum_fold(csum_partial(&h, sizeof(h), ip_is_v4(&s) ? csum_tcpudp_nofold(ip_v4(&s), ip_v4(&d), sizeof(h), IPPROTO_TCP)
								 : ip6_pseudo_sum(&s, &d, IPPROTO_TCP, sizeof(h))));
	if (!ip_is_v4(&s)) {
		INJECT6(&b->k, .src = src, .dst = dst, .proto = IPPROTO_TCP, .data = &h, .len = sizeof(h));
		return;
	}
	ip_build(&p, &(struct ip_spec){ .src = src, .dst = dst, .proto = IPPROTO_TCP, .data = &h, .len = sizeof(h) });
	kit_frame(&b->k, b->k.dev->addr, PEER_MAC, ETH_P_IP, p.b, p.len);
}

/* The first comes to the listener, and tells that it is too much. */
static struct sock *overloaded(struct busy *b)
{
	struct sock *sk = behind(b);

	send_tcp(b, "10.0.0.2", "10.0.0.1", WEB, TCP_SYN);
	CHECK_EQ(drops(&b->k, DROP_TCP_LISTEN_OVERFLOW), 1);
	CHECK_EQ(b->k.cpu->softnet.shed, 0);
	CHECK(b->k.cpu->shedding);
	return sk;
}

TEST(a_syn_for_a_listener_that_is_behind_dies_before_it_is_an_skb_wherever_it_comes_from)
{
	static const char *const from[] = { "10.0.0.2", "10.0.0.3", "198.51.100.7", "10.0.0.2" };
	static const char *const from6[] = { PEER6, "2001:db8::3", "2001:db8:1::7", "fd00::9" };
	struct busy b;
	struct sock *sk = overloaded(&b);
	u64 skbs = stat(&b.k, STAT_SkbAllocs);

	for (unsigned i = 0; i < 4; i++) {
		send_tcp(&b, from[i], "10.0.0.1", WEB, TCP_SYN);
		send_tcp(&b, from6[i], HOST6, WEB, TCP_SYN);
		CHECK_EQ(b.k.cpu->softnet.shed, 2 * i + 2);
	}
	CHECK_EQ(stat(&b.k, STAT_SkbAllocs), skbs);
	CHECK_EQ(drops(&b.k, DROP_TCP_LISTEN_OVERFLOW), 9);
	CHECK_EQ(stat(&b.k, STAT_TcpExtListenDrops), 9);
	CHECK_EQ(stat(&b.k, STAT_TcpExtListenOverflows), 9);
	CHECK_EQ(stat(&b.k, STAT_TcpInSegs), 9);
	EXPECT_NOTHING_SENT(&b.k);
	end_behind(&b, sk);
}

TEST(what_is_no_syn_for_it_and_what_dies_of_its_addresses_is_not_shed)
{
	static const struct { const char *src, *dst; u16 dport; u8 flags; enum drop_reason reason; } others[] = {
		{ "10.0.0.2", "10.0.0.1", WEB, TCP_ACK, DROP_TCP_FLAGS },
		{ "10.0.0.2", "10.0.0.1", WEB, TCP_SYN | TCP_RST, DROP_TCP_FLAGS },
		{ "10.0.0.2", "10.0.0.1", WEB + 1, TCP_SYN, DROP_NO_SOCKET },
		{ "10.0.0.1", "10.0.0.1", WEB, TCP_SYN, DROP_IP_INVALID_SOURCE },
		{ "127.0.0.1", "10.0.0.1", WEB, TCP_SYN, DROP_IP_INVALID_SOURCE },
		{ "224.0.0.9", "10.0.0.1", WEB, TCP_SYN, DROP_IP_INVALID_SOURCE },
		{ "10.0.0.2", "127.0.0.1", WEB, TCP_SYN, DROP_IP_INVALID_DEST },
		{ "10.0.0.2", "10.0.0.9", WEB, TCP_SYN, DROP_IP_NOTFORWARDING },
		{ "ff02::1", HOST6, WEB, TCP_SYN, DROP_IP_INVALID_SOURCE },
		{ "::1", HOST6, WEB, TCP_SYN, DROP_IP_INVALID_SOURCE },
		{ HOST6, HOST6, WEB, TCP_SYN, DROP_IP_INVALID_SOURCE },
		{ PEER6, "::1", WEB, TCP_SYN, DROP_IP_INVALID_DEST },
		{ PEER6, "2001:db8::9", WEB, TCP_SYN, DROP_IP_NOTFORWARDING },
	};
	struct busy b;
	struct sock *sk = overloaded(&b);

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		u64 before = drops(&b.k, others[i].reason);

		send_tcp(&b, others[i].src, others[i].dst, others[i].dport, others[i].flags);
		if (!CHECK_EQ(drops(&b.k, others[i].reason), before + 1))
			test_note("%s to %s", others[i].src, others[i].dst);
	}
	CHECK_EQ(b.k.cpu->softnet.shed, 0);
	end_behind(&b, sk);
}

TEST(a_link_local_address_and_a_device_without_ipv6_are_looked_at_as_always)
{
	char us[IP_NTOP_MAX] = "";
	struct busy b;
	struct sock *sk = overloaded(&b);
	struct ip6_cpu *ip6 = b.k.cpu->ip6;

	for (unsigned i = 0; i < ip6->nr_addrs; i++)
		if (ip6_is_link_local(&ip6->addrs[i].addr))
			ip_ntop(&ip6->addrs[i].addr, us);
	send_tcp(&b, PEER6, us, WEB, TCP_SYN);
	CHECK_EQ(drops(&b.k, DROP_TCP_LISTEN_OVERFLOW), 2);
	ip6->params[b.k.dev->ifindex].up = false;
	send_tcp(&b, PEER6, HOST6, WEB, TCP_SYN);
	CHECK_EQ(drops(&b.k, DROP_IP6_DISABLED), 1);
	ip6->params[b.k.dev->ifindex].up = true;
	CHECK_EQ(b.k.cpu->softnet.shed, 0);
	end_behind(&b, sk);
}

TEST(where_sources_are_filtered_by_route_only_known_ones_are_shed)
{
	struct busy b;
	struct sock *sk = overloaded(&b);

	b.k.cpu->sysctl.rp_filter = 1;
	send_tcp(&b, "10.0.0.3", "10.0.0.1", WEB, TCP_SYN);
	CHECK_EQ(b.k.cpu->softnet.shed, 0);
	CHECK_EQ(drops(&b.k, DROP_TCP_LISTEN_OVERFLOW), 2);
	send_tcp(&b, "10.0.0.2", "10.0.0.1", WEB, TCP_SYN);
	CHECK_EQ(b.k.cpu->softnet.shed, 1);
	end_behind(&b, sk);
}

/* ---- connections ---- */

#define PACE_MS  10
#define TOO_MANY 10      /* clients for each one that is accepted */
#define PATIENCE 3000    /* ms, then a client is gone */
#define TURNS    1200

/* A client's handshake; false: its SYN was not answered. */
static bool comes(struct rig *r, u16 port)
{
	r->peer.port = port;
	inject(r, .flags = TCP_SYN);
	while (rig_take(r)) { /* those who left are told so, too */
		if (!(r->last.flags & TCP_SYN))
			continue;
		inject(r, .ack = 0);
		return true;
	}
	return false;
}

/* Of those accepted, the share in per cent whose client was there still. */
static unsigned goodput(s64 accept_wait_ms, u64 *refused)
{
	static u64 came[65536];
	struct rig *r = tcb_in(TCP_LISTEN);
	unsigned alive = 0, all = 0;
	u16 port = 1024;
	struct sock *sk;
	int err;

	tcp_prot.listen(r->listener, 4096);
	r->cpu->sysctl.tcp_accept_wait = accept_wait_ms;
	for (unsigned turn = 0; turn < TURNS; turn++) {
		for (unsigned i = 0; i < TOO_MANY; i++) {
			came[port] = lab_now(r->lab);
			comes(r, port++);
		}
		sk = tcp_prot.accept(r->listener, &err);
		if (sk) {
			all++;
			alive += lab_now(r->lab) - came[sk->dport] < PATIENCE * NSEC_PER_MSEC;
			tcp_prot.close(sk);
		}
		rig_run_ms(r, PACE_MS);
		rig_drain(r);
	}
	CHECK_EQ(all, TURNS);
	*refused = lab_stat(r->host, STAT_TcpExtListenDrops);
	rig_end(r);
	return 100 * alive / all;
}

TEST(at_ten_times_the_pace_of_accept_those_accepted_have_not_given_up)
{
	unsigned good;
	u64 refused;

	CHECK(goodput(0, &refused) < 50); /* first come, first served: in the end all have waited for long */
	good = goodput(1000, &refused);
	CHECK(good >= 90);
	CHECK(refused > TURNS * (TOO_MANY - 2)); /* at the cost of a SYN */
}

TEST(a_burst_in_front_of_a_fast_application_is_accepted_whole_and_in_order)
{
	struct rig *r = tcb_in(TCP_LISTEN);
	struct sock *sk;
	u16 port;
	int err;

	tcp_prot.listen(r->listener, 4096);
	for (unsigned burst = 0; burst < 3; burst++) {
		for (port = 2000; port < 3000; port++)
			CHECK(comes(r, (u16)(port + burst * 1000)));
		for (port = 2000; port < 3000; port++) {
			sk = tcp_prot.accept(r->listener, &err);
			REQUIRE(sk != NULL);
			CHECK_EQ(sk->dport, port + burst * 1000);
			tcp_prot.close(sk);
		}
		rig_run_ms(r, 400);
		rig_drain(r);
	}
	CHECK_EQ(lab_stat(r->host, STAT_TcpExtListenDrops), 0);
	rig_end(r);
}
