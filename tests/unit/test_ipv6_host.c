/* SPDX-License-Identifier: MIT
 * test_ipv6_host.c - what RFC 8200, 4443, 4861, 4862 and 8201 ask of a host beside what test_ipv6_input.c and test_ipv6_nd.c show:
 * one test for a group of requirements, each named.
 */
#include "ip6kit.h"
#include "net/ipv6/autoconf.h"

#define ROUTER "fe80::9"
static const u8 ROUTER_MAC[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 9 };

/* ---- what the tests send ---- */
/* Neighbour discovery about target with a link-address option (opt 0: none). */
static void nd(struct kit *k, u8 type, const char *src, const char *dst, const char *target, u8 flags, u8 opt, const u8 *mac)
{
	u8 m[32] = { type, 0, 0, 0, flags, [24] = opt, 1 };
	struct ip_addr t = ip6(target);

	memcpy(m + 8, &t, 16);
	memcpy(m + 26, mac, 6);
	INJECT6(k, .src = src, .dst = dst, .proto = 58, .data = m, .len = opt ? 32 : 24, .hops = 255, .icmp = true);
}

/* An advertisement of src with its link address and a prefix of 64 bits (NULL: none). */
static void advertise(struct kit *k, const char *src, u16 lifetime, const char *prefix, u32 valid, u32 preferred)
{
	u8 m[64] = { 134, 0, 0, 0, 0, 0, (u8)(lifetime >> 8), (u8)lifetime, [16] = 1, 1, [24] = 3, 4, 64, 0xc0,
		     (u8)(valid >> 24), (u8)(valid >> 16), (u8)(valid >> 8), (u8)valid,
		     (u8)(preferred >> 24), (u8)(preferred >> 16), (u8)(preferred >> 8), (u8)preferred,
		     [56] = 200, 1 /* an option that nobody knows */ };
	struct ip_addr p = ip6(prefix ? prefix : "::"), from = ip6(src);

	memcpy(m + 18, ROUTER_MAC, 6);
	m[23] = from.b[15];
	memcpy(m + 40, &p, 16);
	INJECT6(k, .src = src, .dst = "ff02::1", .proto = 58, .data = m, .len = prefix ? 64 : 24, .hops = 255, .icmp = true);
}

/* An error of this type about a datagram from port `port` of ours to PEER6:9. */
static void error_about(struct kit *k, u8 type, u8 code, u32 word, u16 port)
{
	u8 m[56] = { type, code, 0, 0, (u8)(word >> 24), (u8)(word >> 16), (u8)(word >> 8), (u8)word, 0x60, [13] = 8, 17, 64 };
	struct ip_addr us = ip6(HOST6), peer = ip6(PEER6);

	memcpy(m + 16, &us, 16);
	memcpy(m + 32, &peer, 16);
	memcpy(m + 48, (u8[8]){ (u8)(port >> 8), (u8)port, 0, 9, 0, 8 }, 8);
	INJECT6(k, .proto = 58, .data = m, .len = sizeof(m), .icmp = true);
}

static struct sock *connected(struct kit *k)
{
	struct sockaddr_ip to = { .family = AF_INET6, .port = 9, .addr = ip6(PEER6) };
	struct sock *sk = udp_prot.create(k->cpu, AF_INET6);

	REQUIRE(sk && !udp_prot.connect(sk, &to));
	return sk;
}

static long send_to(struct kit *k, struct sock *sk, const char *to, const void *data, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct sockaddr_ip a = { .family = AF_INET6, .port = 9 };
	struct msghdr m = { .msg_name = to ? &a : NULL, .msg_iov = &iov, .msg_iovlen = 1 };
	long n;

	if (to)
		a.addr = ip6(to);
	bh_disable(k->cpu);
	k->cpu->now_ns = lab_now(k->lab);
	n = udp_prot.sendmsg(sk, &m, 0);
	bh_enable(k->cpu);
	kit_settle(k);
	return n;
}

static bool says(const struct kit *k, const char *router)
{
	struct ip_addr a = ip6(router);
	const struct ip6_route *r;

	for (unsigned i = 0; (r = ip6_route_get(k->cpu, i)); i++)
		if (!r->plen && r->ra && ip_eq(&r->gateway, &a))
			return true;
	return false;
}

static const struct ip6_ifaddr *formed(struct kit *k)
{
	const struct ip6_ifaddr *a;

	for (unsigned i = 0; (a = ip6_addr_get(k->cpu, i)); i++)
		if (a->flags & IP6_F_AUTO)
			return a;
	return NULL;
}

/* ---- RFC 8200 ---- */
TEST(a_link_below_1280_bytes_has_no_ipv6)
{
	REQ("8200 5/1280");
	struct kit k = kit6_bare();

	k.dev->mtu = 1279;
	CHECK_EQ(ip6_dev_up(k.h->net, k.dev), -EINVAL);
	k.dev->mtu = 1280;
	CHECK_EQ(ip6_dev_up(k.h->net, k.dev), 0);
	kit_close(&k);
}

TEST(a_packet_of_1500_bytes_is_reassembled_from_pieces_of_any_size)
{
	REQ("8200 5/1500");
	struct kit k = kit6_open();

	make_echo(1460);
	for (unsigned off = 0; off < 1456; off += 104)
		fragment(&k, 3, off, 104, true);
	fragment(&k, 3, 1456, 4, false);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 1);
	expect_icmp6(&k, 129, 0, NULL);
	kit_close(&k);
}

TEST(of_the_headers_before_fragments_only_the_first_ones_count)
{
	REQ("8200 4.5/headers", "8200 4.5/nexthdr");
	struct kit k = kit6_open();
	u8 f[600] = { 44, 0, 1, 4, 0, 0, 0, 0, 58, 0, 0, 1, 0, 0, 0, 8 };

	make_echo(800);
	memcpy(f + 16, whole, 400);
	INJECT6(&k, .proto = 60, .data = f, .len = 416); /* options before the first, none before the second, */
	memcpy(f, (u8[8]){ 17, 0, 400 >> 8, 400 & 0xff, 0, 0, 0, 8 }, 8); /* which calls itself UDP */
	memcpy(f + 8, whole + 400, 400);
	INJECT6(&k, .proto = 44, .data = f, .len = 408);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 1);
	expect_icmp6(&k, 129, 0, NULL);
	kit_close(&k);
}

TEST(headers_come_any_number_of_times_and_in_the_order_they_have)
{
	REQ("8200 4/order", "8200 4.1/times");
	struct kit k = kit6_open();
	const u8 *p;

	CHAIN(&k, 60, 60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 58, 0, 1, 4);
	kit_drain(&k);
	CHAIN(&k, 60, 60, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0);
	expect_icmp6(&k, 129, 0, NULL);
	/* the first of two faults is told */
	CHAIN(&k, 60, 43, 0, 0x80, 4, 0, 0, 0, 0, 58, 0, 9, 1, 0, 0, 0, 0);
	p = expect_icmp6(&k, 4, 2, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 42);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(a_packet_that_arrives_with_its_last_hop_is_ours_all_the_same)
{
	REQ("8200 3/hops");
	struct kit k = kit6_open();
	u8 buf[16];
	unsigned len = echo_behind(buf, NULL, 0);

	INJECT6(&k, .proto = 58, .data = buf, .len = len, .hops = 1);
	expect_icmp6(&k, 129, 0, NULL);
	kit_close(&k);
}

TEST(the_answer_to_a_routed_packet_has_no_routing_header)
{
	REQ("8200 8.4");
	struct kit k = kit6_open();
	struct ipv6_info ip;

	CHAIN(&k, 43, 58, 2, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x55);
	expect_icmp6(&k, 129, 0, &ip);
	CHECK_EQ(ip.nexthdr, 58);
	kit_close(&k);
}

TEST(a_datagram_carries_a_checksum_that_is_never_zero)
{
	REQ("8200 8.1/nonzero", "6437 3");
	struct kit k = kit6_open();
	struct sock *sk = connected(&k);
	struct ipv6_info ip;
	unsigned zeros = 0, labels = 0;
	u32 label = 0;
	const u8 *p;

	for (u32 i = 0; i < 70000; i += 7) { /* each sum there is, about once in seven */
		u16 word = (u16)i;

		CHECK_EQ(send_to(&k, sk, NULL, &word, 2), 2);
		p = kit6_sent(&k, &ip);
		if (!p)
			break;
		zeros += !(p[6] | p[7]);
		labels += label && ip.flow != label;
		label = ip.flow;
	}
	CHECK_EQ(zeros, 0);
	CHECK(label && !labels); /* one flow, one label */
	udp_prot.close(sk);
	kit_close(&k);
}

/* Five bytes from PEER6:9. */
static void datagram(struct kit *k, const char *to, u16 port, u16 wrong)
{
	u8 d[13] = { 0, 9, (u8)(port >> 8), (u8)port, 0, 13, 0, 0, 'h', 'e', 'l', 'l', 'o' };
	struct ip_addr src = ip6(PEER6), dst = ip6(to);
	be16 c = csum_fold(csum_partial(d, 13, ip6_pseudo_sum(&src, &dst, IPPROTO_UDP, 13)));

	c.raw ^= wrong;
	memcpy(d + 6, &c, 2);
	INJECT6(k, .dst = to, .proto = 17, .data = d, .len = 13);
}

/* What sk received goes back as it is; `shared`: somebody else looks at it still. */
static void send_back(struct kit *k, struct sock *sk, bool shared)
{
	struct sk_buff *skb, *other = NULL;
	int err;

	bh_disable(k->cpu);
	skb = udp_prot.recv_skb(sk, &err);
	REQUIRE(skb);
	if (shared)
		other = skb_clone(k->cpu, skb);
	CHECK(!udp_prot.send_skb(sk, skb, 0));
	if (other)
		consume_skb(k->cpu, other);
	bh_enable(k->cpu);
	kit_settle(k);
}

TEST(datagrams_go_back_to_their_sender_and_are_counted_by_the_family_that_carries_them)
{
	struct sockaddr_ip any = { .family = AF_INET6, .port = 7 };
	struct kit k = kit6_open();
	struct sock *sk = udp_prot.create(k.cpu, AF_INET6);
	struct ip_addr us = ip6(HOST6), peer = ip6(PEER6);
	struct ipv6_info ip, first = { 0 };
	const u8 *p;

	REQUIRE(!udp_prot.bind(sk, &any));
	sk->tos = 0x28;
	for (unsigned i = 0; i < 4; i++) {
		datagram(&k, HOST6, 7, 0);
		send_back(&k, sk, i & 1); /* as it lies, and behind headers of its own: nobody can tell */
		p = kit6_sent(&k, &ip);
		REQUIRE(p);
		first = i ? first : ip;
		CHECK(ip.flow == first.flow && ip.flow && ip.tclass == 0x28 && ip.hop_limit == 64);
		CHECK(ip_eq(&ip.saddr, &us) && ip_eq(&ip.daddr, &peer) && ip.payload_len == 13);
		CHECK(!memcmp(p, (u8[6]){ 0, 7, 0, 9, 0, 13 }, 6) && !memcmp(p + 8, "hello", 5));
		CHECK(csum_ok(csum_partial(p, 13, ip6_pseudo_sum(&us, &peer, IPPROTO_UDP, 13))));
	}
	datagram(&k, HOST6, 7, 0x100);
	datagram(&k, "ff02::1", 8, 0);
	EXPECT_NOTHING_SENT(&k);
	datagram(&k, HOST6, 8, 0);
	expect_icmp6(&k, 1, 4, NULL);
	CHECK_EQ(stat(&k, STAT_Udp6InDatagrams), 4);
	CHECK_EQ(stat(&k, STAT_Udp6OutDatagrams), 4);
	CHECK_EQ(stat(&k, STAT_Udp6InCsumErrors), 1);
	CHECK_EQ(stat(&k, STAT_Udp6InErrors), 1);
	CHECK_EQ(stat(&k, STAT_Udp6NoPorts), 1);
	CHECK_EQ(stat(&k, STAT_Udp6IgnoredMulti), 1);
	for (enum net_stat n = STAT_UdpInDatagrams; n <= STAT_UdpIgnoredMulti; n++)
		CHECK_EQ(stat(&k, n), 0);
	udp_prot.close(sk);
	kit_close(&k);
}

/* ---- RFC 4443 ---- */
TEST(an_unknown_informational_message_is_dropped_and_an_unknown_error_goes_up)
{
	REQ("4443 2.4(a)", "4443 2.4(b)");
	struct kit k = kit6_open();
	struct sock *sk = connected(&k);

	INJECT6(&k, .proto = 58, .data = (u8[16]){ 200 }, .len = 16, .icmp = true);
	CHECK_EQ(drops(&k, DROP_ICMP_TYPE), 1);
	error_about(&k, 100, 0, 0, sk->sport);
	CHECK_EQ(sk->err, EPROTO);
	EXPECT_NOTHING_SENT(&k);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(errors_reach_the_socket_whose_packet_they_quote)
{
	REQ("4443 2.4(d)", "4443 3.1/upper", "4443 3.2/upper", "4443 3.3/upper", "4443 3.4/upper", "8201 5.4");
	struct kit k = kit6_open();
	struct sock *sk = connected(&k);

	error_about(&k, 1, 4, 0, (u16)(sk->sport ^ 1)); /* another's */
	CHECK_EQ(sk->err, 0);
	error_about(&k, 1, 4, 0, sk->sport);
	CHECK_EQ(sk->err, ECONNREFUSED);
	sk->err = 0;
	error_about(&k, 4, 1, 6, sk->sport);
	CHECK_EQ(sk->err, ENOPROTOOPT);
	error_about(&k, 3, 0, 0, sk->sport);
	CHECK_EQ(sk->err_soft, EHOSTUNREACH);
	error_about(&k, 2, 0, 1300, sk->sport);
	CHECK_EQ(sk->err_soft, EMSGSIZE);
	udp_prot.close(sk);
	kit_close(&k);
}

struct heard {
	struct icmp6_ping ping;
	unsigned replies, errors;
};
static void heard_reply(struct icmp6_ping *p, struct net_cpu *cpu, struct sk_buff *skb, u16 seq)
{
	container_of(p, struct heard, ping)->replies += seq == 5 && skb->len == 3;
}
static void heard_error(struct icmp6_ping *p, struct net_cpu *cpu, const struct ip_addr *from, u8 type, u8 code, u16 seq)
{
	container_of(p, struct heard, ping)->errors += type == 1 && code == 3 && seq == 6;
}

TEST(an_echo_reply_goes_to_who_asked_and_a_bad_checksum_to_nobody)
{
	REQ("4443 4.2/upper", "4443 2.3");
	struct kit k = kit6_open();
	struct heard h = { .ping = { .reply = heard_reply, .error = heard_error } };
	u8 m[11] = { 129, 0, 0, 0, 0, 0, 0, 5, 'a', 'b', 'c' };

	icmp6_ping_open(k.cpu, &h.ping);
	m[4] = (u8)(h.ping.id >> 8);
	m[5] = (u8)h.ping.id;
	INJECT6(&k, .proto = 58, .data = m, .len = 11, .icmp = true);
	CHECK_EQ(h.replies, 1);
	m[2] = 0x12;
	INJECT6(&k, .proto = 58, .data = m, .len = 11);
	CHECK_EQ(drops(&k, DROP_ICMP_CSUM), 1);
	CHECK_EQ(h.replies, 1);
	icmp6_ping_close(&h.ping);
	kit_close(&k);
}

/* ---- RFC 4861 ---- */
TEST(packets_for_a_neighbour_wait_and_the_sender_hears_when_it_is_not_there)
{
	REQ("4861 7.2.2/queue", "4861 7.2.2/unreachable", "4861 5.2");
	struct kit k = kit6_open();
	struct heard h = { .ping = { .reply = heard_reply, .error = heard_error } };
	struct flow fl = { .dst = ip6("2001:db8::56") }, gone = { .dst = ip6("2001:db8::57") };
	struct ip_addr want = ip6("2001:db8::56");
	struct ipv6_info ip;
	bool sent = false;
	const u8 *p;

	icmp6_ping_open(k.cpu, &h.ping);
	CHECK_EQ(icmp6_ping_send(k.cpu, &h.ping, &fl, 5, 8), 0);
	kit_settle(&k);
	while ((p = kit6_sent(&k, &ip)))
		CHECK_EQ(p[0], 135); /* asked for on the link, not sent to the router */
	nd(&k, 136, "2001:db8::56", HOST6, "2001:db8::56", 0x60, 2, PEER_MAC);
	while ((p = kit6_sent(&k, &ip)))
		sent |= p[0] == 128 && ip_eq(&ip.daddr, &want);
	CHECK(sent);
	CHECK_EQ(icmp6_ping_send(k.cpu, &h.ping, &gone, 6, 8), 0);
	kit_run(&k, 5 * NSEC_PER_SEC);
	CHECK_EQ(h.errors, 1);
	icmp6_ping_close(&h.ping);
	kit_close(&k);
}

TEST(an_advertisement_without_a_link_address_ends_no_search)
{
	REQ("4861 7.2.5/incomplete");
	struct kit k = kit6_open();
	struct heard h = { .ping = { .reply = heard_reply } };
	struct flow fl = { .dst = ip6("2001:db8::56") };

	icmp6_ping_open(k.cpu, &h.ping);
	CHECK_EQ(icmp6_ping_send(k.cpu, &h.ping, &fl, 5, 8), 0);
	kit_settle(&k);
	nd(&k, 136, "2001:db8::56", HOST6, "2001:db8::56", 0x60, 0, PEER_MAC);
	CHECK_EQ(neigh_lookup(k.cpu, k.dev, &fl.dst)->state, NEIGH_INCOMPLETE);
	icmp6_ping_close(&h.ping);
	kit_run(&k, 5 * NSEC_PER_SEC);
	kit_close(&k);
}

TEST(a_neighbour_in_use_is_asked_itself_before_it_is_given_up)
{
	REQ("4861 7.3.1", "4861 7.3.2", "4861 7.3.3/probe");
	struct kit k = kit6_open();
	struct sock *sk = connected(&k);
	struct ip_addr peer = ip6(PEER6);
	struct neigh *n;
	struct ipv6_info ip;
	unsigned probes = 0;
	const u8 *p;

	nd(&k, 136, NULL, NULL, PEER6, 0x20, 2, ROUTER_MAC); /* moved, unasked: stale */
	n = neigh_lookup(k.cpu, k.dev, &peer);
	CHECK_EQ(n->state, NEIGH_STALE);
	send_to(&k, sk, NULL, "x", 1);
	CHECK_EQ(n->state, NEIGH_DELAY);
	kit_run(&k, 4900 * NSEC_PER_MSEC);
	CHECK_EQ(n->state, NEIGH_DELAY);
	kit_drain(&k);
	kit_run(&k, 600 * NSEC_PER_MSEC);
	CHECK_EQ(n->state, NEIGH_PROBE);
	while ((p = kit6_sent(&k, &ip)))
		probes += p[0] == 135 && ip_eq(&ip.daddr, &peer);
	CHECK_EQ(probes, 1);
	nd(&k, 136, NULL, NULL, PEER6, 0x40, 0, PEER_MAC); /* still there */
	CHECK_EQ(n->state, NEIGH_REACHABLE);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_probe_is_answered_to_all_and_without_the_solicited_flag)
{
	REQ("4861 7.2.4/unspecified", "4861 7.2.3/probe");
	struct kit k = kit6_open();
	struct ip_addr all = ip6("ff02::1");
	struct ipv6_info ip;
	const u8 *p;

	nd(&k, 135, "::", "ff02::1:ff00:1", HOST6, 0, 0, PEER_MAC);
	p = expect_icmp6(&k, 136, 0, &ip);
	CHECK(ip_eq(&ip.daddr, &all));
	CHECK_EQ(p ? p[4] : 0, 0x20);
	kit_close(&k);
}

TEST(a_host_answers_no_solicitation_of_routers_and_sends_no_redirects)
{
	REQ("4861 6.2.6", "4861 8.2/host");
	struct kit k = kit6_open();

	INJECT6(&k, .src = "fe80::5", .dst = "ff02::2", .proto = 58, .data = (u8[8]){ 133 }, .len = 8, .hops = 255, .icmp = true);
	INJECT6(&k, .src = "fe80::5", .proto = 58, .data = (u8[8]){ 133 }, .len = 8, .hops = 255, .icmp = true);
	INJECT6(&k, .dst = "2001:db8::77", .proto = 17, .len = 20, .mac = k.dev->addr); /* a neighbour's: it took a detour */
	EXPECT_NOTHING_SENT(&k);
	CHECK_EQ(stat(&k, STAT_Icmp6InRouterSolicits), 1);
	kit_close(&k);
}

TEST(options_and_flags_that_nobody_knows_change_nothing)
{
	REQ("4861 9/unknown", "4861 6.1.2/reserved", "4861 7.1.1/reserved");
	struct kit k = kit6_open();

	advertise(&k, ROUTER, 1800, "2001:db8:5::", 3600, 1800);
	CHECK(says(&k, ROUTER));
	CHECK(formed(&k));
	kit_run(&k, 2 * NSEC_PER_SEC);
	kit_drain(&k);
	nd(&k, 135, "2001:db8::77", "ff02::1:ff00:1", HOST6, 0xff, 1, PEER_MAC);
	expect_icmp6(&k, 136, 0, NULL);
	nd(&k, 135, "2001:db8::77", "ff02::1:ff00:1", HOST6, 0, 199, PEER_MAC);
	kit_close(&k);
}

TEST(a_router_that_resigns_gives_way_to_another_at_once)
{
	REQ("4861 6.3.5/again");
	struct kit k = kit6_open();
	struct flow fl = { .dst = ip6("2001:db8:ffff::1") }, again = fl;
	struct ip_addr one = ip6(ROUTER), other = ip6("fe80::8"), none = { .q = { 0, 0 } }, fixed = ip6(PEER6);
	struct dst dst;
	bool by_one;

	REQUIRE(!ip6_route_del(k.h->net, &none, 0, &fixed, k.dev));
	advertise(&k, ROUTER, 1800, NULL, 0, 0);
	advertise(&k, "fe80::8", 1800, NULL, 0, 0);
	REQUIRE(!ip6_route_output(k.cpu, &fl, &dst));
	by_one = ip_eq(&dst.next_hop, &one);
	advertise(&k, by_one ? ROUTER : "fe80::8", 0, NULL, 0, 0); /* it resigns */
	REQUIRE(!ip6_route_output(k.cpu, &again, &dst));
	CHECK(ip_eq(&dst.next_hop, by_one ? &other : &one));
	kit_close(&k);
}

TEST(a_router_that_stops_answering_gives_way_to_one_that_may_be_there)
{
	REQ("4861 6.3.6");
	struct kit k = kit6_open();
	struct flow fl = { .dst = ip6("2001:db8:ffff::1") }, again = fl;
	struct ip_addr none = { .q = { 0, 0 } }, fixed = ip6(PEER6);
	struct sock *sk = udp_prot.create(k.cpu, AF_INET6);
	struct dst dst, other;

	REQUIRE(sk && !ip6_route_del(k.h->net, &none, 0, &fixed, k.dev));
	advertise(&k, ROUTER, 1800, NULL, 0, 0);
	advertise(&k, "fe80::8", 1800, NULL, 0, 0);
	REQUIRE(!ip6_route_output(k.cpu, &fl, &dst));
	for (unsigned seconds = 0; seconds < 12; seconds++) { /* unanswered: delay, probes, failed */
		send_to(&k, sk, "2001:db8:ffff::1", "x", 1);
		kit_run(&k, NSEC_PER_SEC);
	}
	REQUIRE(!ip6_route_output(k.cpu, &again, &other));
	CHECK(!ip_eq(&dst.next_hop, &other.next_hop));
	udp_prot.close(sk);
	kit_close(&k);
}

/* ---- RFC 4862 ---- */
TEST(a_tentative_address_takes_no_packets_and_its_groups_are_joined_before_the_probe)
{
	REQ("4862 5.4/tentative", "4862 5.4.2/groups", "4862 5.3", "4861 7.2.1");
	struct kit k = kit6_bare();
	const struct ip6_ifaddr *a;
	char text[IP_NTOP_MAX];
	struct ipv6_info ip;
	struct ip_addr group;
	bool joined = false, probed = false;
	const u8 *p;

	k.cpu->sysctl.ip6_accept_ra = 0;
	REQUIRE(!ip6_dev_up(k.h->net, k.dev));
	a = ip6_addr_get(k.cpu, 0);
	REQUIRE(a && a->state == IP6_TENTATIVE && ip6_is_link_local(&a->addr));
	group = ip6_solicited_node(&a->addr);
	CHECK(ip6_is_member(k.cpu, k.dev, &group));
	CHECK(ip6_is_member(k.cpu, k.dev, &ip6_all_nodes));
	INJECT6(&k, .src = "fe80::5", .dst = ip_ntop(&a->addr, text), .proto = 17, .len = 20);
	CHECK_EQ(drops(&k, DROP_IP_NOTFORWARDING), 1);
	kit_run(&k, 3 * NSEC_PER_SEC);
	while ((p = kit6_sent(&k, &ip))) {
		joined |= ip.nexthdr == 0 && p[8] == 143;
		if (ip.nexthdr == 58 && p[0] == 135 && !probed)
			probed = CHECK(joined);
	}
	CHECK(probed);
	kit_close(&k);
}

TEST(who_asks_for_a_tentative_address_is_not_answered_and_makes_it_no_duplicate)
{
	REQ("4862 5.4.3/asks", "4862 5.4.1", "4862 5.4.4");
	struct kit k = kit6_bare();
	struct ip_addr first, group;
	char text[IP_NTOP_MAX], gtext[IP_NTOP_MAX];

	k.cpu->sysctl.ip6_accept_ra = 0;
	REQUIRE(!ip6_dev_up(k.h->net, k.dev));
	first = ip6_addr_get(k.cpu, 0)->addr;
	group = ip6_solicited_node(&first);
	kit_run(&k, 1500 * NSEC_PER_MSEC);
	kit_drain(&k);
	nd(&k, 135, "fe80::5", ip_ntop(&group, gtext), ip_ntop(&first, text), 0, 1, PEER_MAC);
	INJECT6(&k, .src = "::", .dst = gtext, .proto = 58, .data = (u8[20]){ 135 }, .len = 20, .hops = 255, .icmp = true); /* cut off */
	CHECK_EQ(stat(&k, STAT_Ip6DadConflicts), 0);
	EXPECT_NOTHING_SENT(&k);
	nd(&k, 136, "fe80::5", "ff02::1", text, 0x20, 2, PEER_MAC);
	CHECK_EQ(stat(&k, STAT_Ip6DadConflicts), 1);
	kit_close(&k);
}

TEST(a_deprecated_address_still_receives_and_one_that_is_over_does_not)
{
	REQ("4862 5.5.4/deprecated", "4862 5.5.4/invalid", "4861 6.3.4/prefix");
	struct kit k = kit6_open();
	struct ip_addr mine, in = ip6("2001:db8:5::99"), s;
	const struct ip6_route *r;
	char text[IP_NTOP_MAX];

	advertise(&k, ROUTER, 9000, "2001:db8:5::", 8000, 100);
	REQUIRE(formed(&k));
	mine = formed(&k)->addr;
	kit_run(&k, 3 * NSEC_PER_SEC);
	s = ip6_select_src(k.cpu, k.dev, &in);
	CHECK(ip_eq(&s, &mine));
	CHECK(!ip6_fib_lookup(k.cpu, &in, k.dev, &r) && ip6_is_unspecified(&r->gateway)); /* on link */
	kit_run(&k, 200 * NSEC_PER_SEC);
	s = ip6_select_src(k.cpu, k.dev, &in);
	CHECK(!ip_eq(&s, &mine));
	CHECK(ip6_local_find(k.cpu, &mine));
	kit_run(&k, 8000 * NSEC_PER_SEC);
	CHECK(!ip6_local_find(k.cpu, &mine));
	CHECK(ip6_fib_lookup(k.cpu, &in, k.dev, &r) || !ip6_is_unspecified(&r->gateway)); /* over the router, or nowhere */
	INJECT6(&k, .dst = ip_ntop(&mine, text), .proto = 17, .len = 20, .mac = k.dev->addr);
	CHECK_EQ(drops(&k, DROP_IP_NOTFORWARDING), 1);
	kit_close(&k);
}

/* ---- RFC 8201 ---- */
TEST(a_smaller_path_takes_smaller_packets_and_is_not_tried_larger_before_its_time)
{
	REQ("8201 4/reduce", "8201 4/increase", "8201 4/validate", "8201 5.1");
	struct kit k = kit6_open();
	struct sock *sk = connected(&k);
	static u8 data[1300];
	struct ipv6_info ip;
	unsigned largest = 0;

	CHECK_EQ(send_to(&k, sk, NULL, data, 1300), 1300);
	while (kit6_sent(&k, &ip))
		largest = MAX(largest, ip.payload_len + 40u);
	CHECK_EQ(largest, 1348);
	error_about(&k, 2, 0, 1280, (u16)(sk->sport ^ 1)); /* about no flow of ours */
	error_about(&k, 2, 0, 1300, sk->sport);
	for (unsigned minutes = 0; minutes < 5; minutes++) {
		sk->err = 0;
		send_to(&k, sk, NULL, data, 1300);
		largest = 0;
		while (kit6_sent(&k, &ip))
			if (ip.nexthdr != 58)
				largest = MAX(largest, ip.payload_len + 40u);
		CHECK(largest > 0 && largest <= 1300);
		kit_run(&k, 59 * NSEC_PER_SEC);
		nd(&k, 136, NULL, NULL, PEER6, 0x60, 2, PEER_MAC);
		kit_drain(&k);
	}
	udp_prot.close(sk);
	kit_close(&k);
}
