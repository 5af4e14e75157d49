/* SPDX-License-Identifier: MIT
 * test_ipv6_input.c - the way in over IPv6: headers, chains of extension headers and what is wrong with them, fragments,
 * ICMPv6 (RFC 8200, 4443, 5722, 6946, 7112, 8021, 8201).
 */
#include "ip6kit.h"
#include "net/netfilter/nft.h"

TEST(an_echo_request_is_answered_from_the_address_it_came_to)
{
	REQ("4443 4.2", "4443 2.2", "8200 8.1");
	struct kit k = kit6_open();
	struct ipv6_info ip;
	struct ip_addr us = ip6(HOST6);
	const u8 *p;

	send_chain(&k, IPPROTO_ICMPV6, NULL, 0);
	p = expect_icmp6(&k, 129, 0, &ip);
	CHECK(ip_eq(&ip.saddr, &us));
	CHECK(p && !memcmp(p + 4, "\x12\x34\0\1echoecho", 12));
	kit_close(&k);
}

TEST(what_is_no_ipv6_packet_is_dropped_by_name)
{
	REQ("8200 3");
	struct kit k = kit6_open();
	u8 four[40] = { 0x45 };

	kit_frame(&k, k.dev->addr, PEER_MAC, ETH_P_IPV6, "short", 5);
	CHECK_EQ(drops(&k, DROP_IP6_SHORT), 1);
	kit_frame(&k, k.dev->addr, PEER_MAC, ETH_P_IPV6, four, sizeof(four));
	CHECK_EQ(drops(&k, DROP_IP_VERSION), 1);
	INJECT6(&k, .proto = 17, .len = 20, .len_delta = 1);
	INJECT6(&k, .proto = 0, .len = 20, .len_delta = -20); /* a jumbogram */
	CHECK_EQ(drops(&k, DROP_IP6_INHDR), 2);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(addresses_that_no_wire_carries_are_martians)
{
	REQ("4291 2.5.3", "4291 2.7");
	struct kit k = kit6_open();
	static const char *const from[] = { "ff02::1", "::1", "::ffff:10.0.0.1", HOST6 };
	static const char *const to[] = { "::", "::1", "::ffff:10.0.0.1", "ff01::1", "ff00::1" };

	for (unsigned i = 0; i < ARRAY_SIZE(from); i++)
		INJECT6(&k, .src = from[i], .proto = 17, .len = 20);
	CHECK_EQ(drops(&k, DROP_IP_INVALID_SOURCE), ARRAY_SIZE(from));
	for (unsigned i = 0; i < ARRAY_SIZE(to); i++)
		INJECT6(&k, .dst = to[i], .proto = 17, .len = 20, .mac = k.dev->addr);
	CHECK_EQ(drops(&k, DROP_IP_INVALID_DEST), ARRAY_SIZE(to));
	INJECT6(&k, .dst = "ff02::1234", .proto = 17, .len = 20);
	CHECK_EQ(drops(&k, DROP_IP6_NOT_MEMBER), 1);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(extension_headers_are_walked_in_any_order)
{
	REQ("8200 4.1", "8200 4.2/skip", "8200 4.4/zero");
	struct kit k = kit6_open();

	CHAIN(&k, 0, 60, 0, 1, 4, 0, 0, 0, 0, /* hop-by-hop: PadN */
	      43, 0, 1, 4, 0, 0, 0, 0,       /* destination options */
	      60, 0, 200, 0, 0, 0, 0, 0,     /* a routing header of an unknown type with nothing left */
	      58, 0, 0x3e, 2, 7, 7, 1, 0);   /* an unknown option that may be passed over */
	expect_icmp6(&k, 129, 0, NULL);
	kit_close(&k);
}

TEST(an_unknown_option_is_judged_by_its_two_highest_bits)
{
	REQ("8200 4.2/discard", "8200 4.2/report", "4443 3.4");
	struct kit k = kit6_open();
	const u8 *p;

	CHAIN(&k, 60, 58, 0, 0x40, 4, 0, 0, 0, 0);
	EXPECT_NOTHING_SENT(&k);
	CHAIN(&k, 60, 58, 0, 1, 0, 0x80, 2, 0, 0);
	p = expect_icmp6(&k, 4, 2, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 44);
	CHAIN(&k, 0, 58, 0, 0xc2, 4, 0, 1, 0, 0); /* jumbo payload */
	p = expect_icmp6(&k, 4, 2, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 42);
	CHECK_EQ(drops(&k, DROP_IP6_OPTIONS), 3);
	/* to a group: 10 is reported all the same, 11 is not */
	INJECT6(&k, .dst = "ff02::1", .proto = 60, .data = (u8[8]){ 59, 0, 0xc0, 4 }, .len = 8);
	EXPECT_NOTHING_SENT(&k);
	INJECT6(&k, .dst = "ff02::1", .proto = 60, .data = (u8[8]){ 59, 0, 0x80, 4 }, .len = 8);
	expect_icmp6(&k, 4, 2, NULL);
	kit_close(&k);
}

TEST(chains_that_lie_end_where_they_lie)
{
	REQ("8200 4.3", "8200 4.4/type0", "7112 5");
	struct kit k = kit6_open();
	u8 many[80], big[2048] = { 58, 255 };
	const u8 *p;

	CHAIN(&k, 60, 58, 9, 1, 4, 0, 0, 0, 0);  /* longer than the packet */
	CHAIN(&k, 60, 58, 0, 5, 200, 0, 0, 0, 0); /* an option past its header */
	CHAIN(&k, 60, 58, 0, 0, 0, 0, 0, 0, 1);  /* a lonely PadN type at the end */
	INJECT6(&k, .proto = 60, .data = (u8[4]){ 58, 0, 1, 0 }, .len = 4);
	for (unsigned i = 0; i < sizeof(many); i += 8)
		memcpy(many + i, (u8[8]){ i == 72 ? 58 : 60, 0, 1, 4 }, 8);
	send_chain(&k, 60, many, sizeof(many));
	memset(big + 2, 0, 2046);
	send_chain(&k, 60, big, sizeof(big));
	EXPECT_NOTHING_SENT(&k);
	CHECK_EQ(drops(&k, DROP_IP6_EXTHDR) + drops(&k, DROP_IP6_OPTIONS), 6);
	/* a hop-by-hop header that is not the first is an unknown next header */
	CHAIN(&k, 60, 0, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0);
	p = expect_icmp6(&k, 4, 1, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 40);
	/* a routing header of type 0 with segments left */
	CHAIN(&k, 43, 58, 2, 0, 1, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9);
	p = expect_icmp6(&k, 4, 0, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 42);
	kit_close(&k);
}

TEST(a_next_header_that_nobody_handles_is_reported_and_no_next_header_is_not)
{
	REQ("8200 4/unknown", "8200 4.7");
	struct kit k = kit6_open();
	const u8 *p;

	INJECT6(&k, .proto = 200, .len = 8);
	p = expect_icmp6(&k, 4, 1, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 6);
	INJECT6(&k, .proto = 1, .len = 8); /* ICMP of IPv4 */
	expect_icmp6(&k, 4, 1, NULL);
	INJECT6(&k, .proto = 59, .len = 8);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

/* ---- fragments ---- */
TEST(a_datagram_is_put_together_from_fragments_in_any_order_and_answered_in_fragments)
{
	REQ("8200 4.5/reassemble", "8200 4.5/source", "8200 4.5", "8200 5");
	struct kit k = kit6_open();
	struct ipv6_info ip;
	const u8 *p;
	unsigned got = 0;

	make_echo(2800);
	fragment(&k, 7, 1600, 1200, false);
	fragment(&k, 7, 0, 800, true);
	EXPECT_NOTHING_SENT(&k);
	fragment(&k, 7, 800, 800, true);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 1);
	while ((p = kit6_sent(&k, &ip))) {
		CHECK_EQ(ip.nexthdr, 44);
		CHECK(ip.payload_len + 40 <= 1500);
		CHECK_EQ((u32)(p[2] << 8 | (p[3] & 0xf8)), got);
		got += ip.payload_len - 8u;
		CHECK_EQ(p[3] & 1, got < 2800);
	}
	CHECK_EQ(got, 2800);
	kit_close(&k);
}

TEST(overlapping_fragments_end_the_datagram_and_duplicates_do_not)
{
	REQ("8200 4.5/overlap", "5722 4");
	struct kit k = kit6_open();

	make_echo(1600);
	fragment(&k, 1, 0, 800, true);
	fragment(&k, 1, 0, 800, true);
	CHECK_EQ(drops(&k, DROP_DUP_FRAG), 1);
	fragment(&k, 1, 792, 808, false);
	CHECK_EQ(drops(&k, DROP_FRAG_OVERLAP), 2); /* both pieces */
	fragment(&k, 1, 800, 800, false);
	CHECK_EQ(drops(&k, DROP_FRAG_OVERLAP), 3);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(an_atomic_fragment_stands_alone)
{
	REQ("6946 4", "8200 4.5/atomic");
	struct kit k = kit6_open();

	make_echo(800);
	fragment(&k, 5, 0, 400, true); /* another datagram's piece with the same identification */
	fragment(&k, 5, 0, 800, false);
	expect_icmp6(&k, 129, 0, NULL);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmReqds), 1);
	kit_close(&k);
}

TEST(fragments_with_impossible_numbers_are_reported)
{
	REQ("8200 4.5/length", "8200 4.5/size", "7112 5");
	struct kit k = kit6_open();
	const u8 *p;

	make_echo(1600);
	fragment(&k, 1, 0, 801, true);
	p = expect_icmp6(&k, 4, 0, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 4);
	INJECT6(&k, .proto = 44, .data = (u8[24]){ 58, 0, 0xff, 0xf8 }, .len = 24);
	p = expect_icmp6(&k, 4, 0, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 42);
	INJECT6(&k, .proto = 44, .data = (u8[16]){ 6, 0, 0, 1, 0, 0, 0, 9 }, .len = 16); /* half a TCP header */
	expect_icmp6(&k, 4, 3, NULL);
	kit_close(&k);
}

TEST(a_datagram_that_stays_incomplete_is_told_after_sixty_seconds)
{
	REQ("8200 4.5/timeout", "4443 3.3");
	struct kit k = kit6_open();

	make_echo(1600);
	fragment(&k, 1, 0, 800, true);
	fragment(&k, 2, 800, 800, false); /* without its first fragment: silence */
	kit_run(&k, 59 * NSEC_PER_SEC);
	while (kit_drain(&k)) /* what keeps the neighbour known */
		;
	CHECK_EQ(stat(&k, STAT_Ip6ReasmTimeout), 0);
	kit_run(&k, 2 * NSEC_PER_SEC);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmTimeout), 2);
	CHECK_EQ(stat(&k, STAT_Icmp6OutTimeExcds), 1);
	kit_close(&k);
}

/* ---- errors ---- */
TEST(no_error_is_sent_about_an_error_a_group_or_nobody)
{
	REQ("4443 2.4(e)");
	struct kit k = kit6_open();

	INJECT6(&k, .dst = "ff02::1", .proto = 200, .len = 8);
	INJECT6(&k, .src = "::", .proto = 200, .len = 8);
	INJECT6(&k, .proto = 200, .len = 8, .mac = (u8[]){ 0x33, 0x33, 0, 0, 0, 1 });
	/* an option error in a packet that is itself an ICMPv6 error */
	INJECT6(&k, .proto = 60, .data = (u8[16]){ 58, 0, 0x80, 4, 0, 0, 0, 0, 1, 4 }, .len = 16);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(errors_are_limited_in_their_rate)
{
	REQ("4443 2.4(f)");
	struct kit k = kit6_open();

	for (int i = 0; i < 100; i++)
		INJECT6(&k, .proto = 200, .len = 8);
	CHECK(kit_drain(&k) <= 6);
	CHECK(stat(&k, STAT_Icmp6OutRateLimitHost) >= 94);
	kit_close(&k);
}

TEST(an_error_quotes_no_more_than_fits_the_least_mtu)
{
	REQ("4443 2.4(c)");
	struct kit k = kit6_open();
	struct ipv6_info ip;

	INJECT6(&k, .proto = 200, .len = 1400);
	expect_icmp6(&k, 4, 1, &ip);
	CHECK_EQ(ip.payload_len + 40, 1280);
	kit_close(&k);
}

/* Packet too big about a datagram of ours to PEER6. */
static void too_big(struct kit *k, u32 mtu, u16 port)
{
	u8 m[56] = { 2, 0, 0, 0, (u8)(mtu >> 24), (u8)(mtu >> 16), (u8)(mtu >> 8), (u8)mtu, 0x60, [12] = 0, 8, 17, 64 };
	struct ip_addr us = ip6(HOST6), peer = ip6(PEER6);

	memcpy(m + 16, &us, 16);
	memcpy(m + 32, &peer, 16);
	memcpy(m + 48, (u8[8]){ (u8)(port >> 8), (u8)port, 0, 9, 0, 8 }, 8);
	INJECT6(k, .proto = 58, .data = m, .len = sizeof(m), .icmp = true);
}

TEST(packet_too_big_shrinks_the_path_but_not_below_1280_and_never_widens_it)
{
	REQ("8201 4", "8201 5.2", "8021 3");
	struct kit k = kit6_open();
	struct sockaddr_ip to = { .family = AF_INET6, .port = 9, .addr = ip6(PEER6) };
	struct sock *sk = udp_prot.create(k.cpu, AF_INET6);
	struct flow fl = { .dst = ip6(PEER6) };
	struct dst dst;

	REQUIRE(sk && !udp_prot.connect(sk, &to));
	too_big(&k, 1400, sk->sport);
	CHECK(!ip6_route_output(k.cpu, &fl, &dst) && CHECK_EQ(dst.mtu, 1400));
	too_big(&k, 1000, sk->sport);
	CHECK(!ip6_route_output(k.cpu, &fl, &dst) && CHECK_EQ(dst.mtu, 1400));
	too_big(&k, 9000, sk->sport);
	CHECK(!ip6_route_output(k.cpu, &fl, &dst) && CHECK_EQ(dst.mtu, 1400));
	too_big(&k, 1300, (u16)(sk->sport + 1)); /* about nothing of ours */
	CHECK(!ip6_route_output(k.cpu, &fl, &dst) && CHECK_EQ(dst.mtu, 1400));
	kit_run(&k, 601 * NSEC_PER_SEC);
	net_set_now(k.cpu, lab_now(k.lab));
	k.cpu->dst_gen++;
	CHECK(!ip6_route_output(k.cpu, &fl, &dst) && CHECK_EQ(dst.mtu, 1500));
	udp_prot.close(sk);
	kit_close(&k);
}

/* ---- UDP over it ---- */
TEST(a_datagram_without_a_checksum_is_refused_and_a_port_without_a_sock_is_told)
{
	REQ("8200 8.1/udp", "4443 3.1/port");
	struct kit k = kit6_open();

	INJECT6(&k, .proto = 17, .data = (u8[12]){ 0, 5, 0, 7, 0, 12, 0, 0 }, .len = 12);
	CHECK_EQ(drops(&k, DROP_UDP_CSUM), 1);
	k.dev->features |= NETIF_F_RXCSUM;
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(a_sock_of_both_families_hears_both_and_one_of_ipv6_alone_does_not)
{
	REQ("3493 3.7", "3493 5.3");
	struct kit k = kit6_open();
	struct sock *sk = udp_prot.create(k.cpu, AF_INET6);
	struct sockaddr_ip any = { .family = AF_INET6, .port = 7 };
	struct ip_addr v4 = ip_from_v4(be32_of(0x0a000001)), v6 = ip6(HOST6);

	REQUIRE(sk && !udp_prot.bind(sk, &any));
	CHECK(sock_any_takes(sk, &v4) && sock_any_takes(sk, &v6));
	sk->v6only = true;
	CHECK(!sock_any_takes(sk, &v4) && sock_any_takes(sk, &v6));
	udp_prot.close(sk);
	kit_close(&k);
}


/* ---- the packet filter ---- */
static void rules(struct kit *k, const char *text)
{
	struct nft_error err;

	bh_disable(k->cpu);
	if (!CHECK_EQ(nft_run(k->h->net, text, &err), 0))
		test_note("%s", err.reason);
	bh_enable(k->cpu);
}

TEST(rules_without_addresses_see_ipv6_too_and_a_policy_spares_neighbour_discovery)
{
	REQ("4890 4.4.1");
	struct kit k = kit6_open();
	u8 ns[24] = { 135, [8] = 0x20, 1, 0x0d, 0xb8, [23] = 1 };

	send_chain(&k, IPPROTO_ICMPV6, NULL, 0);
	expect_icmp6(&k, 129, 0, NULL);
	rules(&k, "add rule input udp dport 7 drop");
	INJECT6(&k, .proto = 17, .data = (u8[12]){ 0, 5, 0, 7, 0, 12, 1, 1 }, .len = 12);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 1);
	rules(&k, "add chain input policy drop");
	send_chain(&k, IPPROTO_ICMPV6, NULL, 0);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 2);
	INJECT6(&k, .proto = 58, .data = ns, .len = 24, .hops = 255, .icmp = true);
	expect_icmp6(&k, 136, 0, NULL);
	kit_close(&k);
}

TEST(the_largest_echo_crosses_in_pieces_both_ways)
{
	REQ("8200 4.5/reassemble", "8200 4.5/source");
	struct kit k = kit6_open();
	static u8 all[65535], f[1500];
	struct ip_addr src = ip6(PEER6), dst = ip6(HOST6);
	struct ipv6_info ip;
	unsigned got = 0;
	const u8 *p;
	be16 c;

	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (u8)(i * 7 + (i >> 8));
	memcpy(all, (u8[8]){ 128, 0, 0, 0, 1, 2, 3, 4 }, 8);
	c = csum_fold(csum_partial(all, sizeof(all), ip6_pseudo_sum(&src, &dst, IPPROTO_ICMPV6, sizeof(all))));
	memcpy(all + 2, &c, 2);
	for (unsigned off = 0, n; off < sizeof(all); off += n) {
		n = MIN(1448u, (unsigned)sizeof(all) - off);
		memcpy(f, (u8[8]){ 58, 0, (u8)(off >> 8), (u8)(off | (off + n < sizeof(all))), 0, 0, 0, 7 }, 8);
		memcpy(f + 8, all + off, n);
		INJECT6(&k, .proto = 44, .data = f, .len = 8 + n);
	}
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 1);
	while ((p = kit6_sent(&k, &ip)))
		if (ip.nexthdr == 44 && CHECK_EQ((u32)(p[2] << 8 | (p[3] & 0xf8)), got)) {
			CHECK(!memcmp(p + 8 + (got ? 0 : 4), all + got + (got ? 0 : 4), ip.payload_len - 8u - (got ? 0 : 4)));
			got += ip.payload_len - 8u;
		}
	CHECK_EQ(got, sizeof(all));
	kit_close(&k);
}
