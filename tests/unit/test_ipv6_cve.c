/* SPDX-License-Identifier: MIT
 * test_ipv6_cve.c - packets of published attacks on other stacks that test_ipv6_abuse.c does not send as they were: tests/cve
 * says which CVE is shown by which case. After each the host answers an honest echo and its frames balance.
 */
#include "ip6kit.h"

#define ROUTER "fe80::9"

static void lives(struct kit *k)
{
	struct ip_addr peer = ip6(PEER6);

	neigh_update(k->cpu, k->dev, &peer, PEER_MAC, NEIGH_CREATE | NEIGH_SOLICITED); /* a flood or an hour may have passed */
	kit_drain(k);
	k->cpu->sysctl.icmp6_ratelimit = 0;
	send_chain(k, IPPROTO_ICMPV6, NULL, 0);
	expect_icmp6(k, 129, 0, NULL);
	EXPECT_NOTHING_SENT(k);
	kit_close(k);
}

/* A piece of a datagram with this next header, behind `n` bytes of headers whose last names the fragment header. */
static void piece(struct kit *k, u8 first, const u8 *headers, unsigned n, u8 nexthdr, unsigned off, bool more, const u8 *data,
		  unsigned len)
{
	static u8 f[2048];

	if (n)
		memcpy(f, headers, n);
	memcpy(f + n, (u8[8]){ nexthdr, 0, (u8)(off >> 8), (u8)(off | more), 0, 0, 0, 3 }, 8);
	memcpy(f + n + 8, data, len);
	INJECT6(k, .proto = first, .data = f, .len = n + 8 + len);
}

/* ---- extension headers ---- */
TEST(options_and_source_routes_of_rpl_of_any_length_are_bounded_and_told_within_bounds)
{
	struct kit k = kit6_open();
	static const u8 types[] = { 0x63, 0x23, 0xa3 }; /* RFC 6553, RFC 9008, and one that asks for an answer */
	u64 before = drops(&k, DROP_IP6_OPTIONS) + drops(&k, DROP_IP6_EXTHDR);

	k.cpu->sysctl.icmp6_ratelimit = 0;
	for (unsigned t = 0; t < ARRAY_SIZE(types); t++)
		for (unsigned len = 0; len < 256; len++)
			CHAIN(&k, 0, 58, (u8)(len >> 4), types[t], (u8)len, 0xff, 0xff, 0xff, 0xff);
	CHECK(drops(&k, DROP_IP6_OPTIONS) + drops(&k, DROP_IP6_EXTHDR) - before >= 3 * 251 + 2 * 5);
	kit_drain(&k);
	before = drops(&k, DROP_IP6_EXTHDR);
	for (unsigned compressed = 0; compressed < 256; compressed++) { /* CmprI and CmprE of RFC 6554 */
		CHAIN(&k, 43, 58, (u8)(compressed & 7), 3, 1, (u8)compressed, 0xf0, 0, 0);
		kit_drain(&k);
	}
	CHECK_EQ(drops(&k, DROP_IP6_EXTHDR) - before, 256);
	lives(&k);
}

TEST(messages_of_rpl_are_of_a_type_that_nobody_speaks)
{
	struct kit k = kit6_open();
	u8 m[64] = { 155 };

	memset(m + 4, 0xff, sizeof(m) - 4); /* prefixes of 255 bits, options past the end */
	for (unsigned i = 0; i < 256; i++) {
		m[1] = (u8)i; /* DIS, DIO, DAO, DAO-ACK, their secure forms, and no kind */
		INJECT6(&k, .dst = i & 1 ? HOST6 : "ff02::1", .proto = 58, .data = m, .len = 8 + i % 56, .hops = 255, .icmp = true);
	}
	CHECK_EQ(drops(&k, DROP_ICMP_TYPE), 256);
	EXPECT_NOTHING_SENT(&k);
	lives(&k);
}

TEST(malformed_destination_options_before_fragments_leave_nothing_for_the_timers)
{
	struct kit k = kit6_open();
	u8 options[16] = { 44, 1, 0x81, 0xff }, good[8] = { 44, 0, 1, 4 };

	k.cpu->sysctl.icmp6_ratelimit = 0;
	for (unsigned i = 0; i < 200; i++) { /* bursts, as coalescing drivers hand them up: bad options, then both pieces */
		options[2] = (u8)(0x81 + i);
		piece(&k, 60, options, 16, 58, 0, true, whole, 8);
		piece(&k, 60, good, 8, 59, 0, true, whole, 8);
		piece(&k, 60, options, 16, 58, 8, false, whole, 8);
	}
	kit_run(&k, 70 * NSEC_PER_SEC); /* where the attacked sum went below zero */
	CHECK(drops(&k, DROP_IP6_OPTIONS) >= 200);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 0);
	CHECK_EQ(frags_waiting(k.cpu), 0);
	lives(&k);
}

TEST(encrypted_payload_in_pieces_is_reassembled_and_refused_as_unknown)
{
	struct kit k = kit6_open();
	u8 esp[64] = { 0, 0, 0, 1, 0, 0, 0, 1, [62] = 0xff, 44 }; /* SPI, number, and a trailer of 255 bytes of padding */

	piece(&k, 44, NULL, 0, 50, 0, true, esp, 32);
	piece(&k, 44, NULL, 0, 50, 32, false, esp + 32, 32);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 1);
	expect_icmp6(&k, 4, 1, NULL);
	CHECK_EQ(drops(&k, DROP_IP_NOPROTO), 1);
	lives(&k);
}

TEST(sixty_four_kilobytes_of_headers_in_pieces_are_refused_by_the_first)
{
	struct kit k = kit6_open();
	static u8 headers[65536];

	k.cpu->sysctl.icmp6_ratelimit = 0;
	for (unsigned off = 0; off < 65520; off += 8)
		headers[off] = off + 8 < 65520 ? 60 : 44, headers[off + 2] = 1, headers[off + 3] = 4;
	for (unsigned off = 0; off < 65520; off += 1040)
		piece(&k, 44, NULL, 0, 60, off, off + 1040 < 65520, headers + off, 1040);
	expect_icmp6(&k, 4, 3, NULL); /* RFC 7112 */
	CHECK_EQ(drops(&k, DROP_IP6_EXTHDR), 1);
	kit_run(&k, 70 * NSEC_PER_SEC);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 0);
	CHECK_EQ(frags_waiting(k.cpu), 0);
	lives(&k);
}

TEST(an_empty_first_piece_and_a_whole_that_is_none_are_refused)
{
	struct kit k = kit6_open();

	piece(&k, 44, NULL, 0, 58, 0, true, whole, 0);  /* nothing of nothing */
	piece(&k, 44, NULL, 0, 58, 0, false, whole, 0); /* an atomic one without the header it promises */
	piece(&k, 44, NULL, 0, 59, 8, false, whole, 8);
	piece(&k, 44, NULL, 0, 59, 0, true, whole, 7);  /* no multiple of eight */
	kit_run(&k, 70 * NSEC_PER_SEC);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 0);
	CHECK_EQ(frags_waiting(k.cpu), 0);
	lives(&k);
}

TEST(pieces_of_eight_bytes_put_headers_and_messages_together_unharmed)
{
	struct kit k = kit6_open();
	struct ip_addr src = ip6(ROUTER), dst = ip6("ff02::1");
	u8 q[28 + 160] = { 130, [8] = 0xff, 2, [23] = 1, [26] = 0, 10 }; /* a query of ten sources */
	be16 c = csum_fold(csum_partial(q, sizeof(q), ip6_pseudo_sum(&src, &dst, 58, sizeof(q))));
	u8 f[16];

	memcpy(q + 2, &c, 2);
	for (unsigned off = 0; off < sizeof(q); off += 8) {
		unsigned n = MIN(8u, (unsigned)sizeof(q) - off);

		memcpy(f, (u8[8]){ 58, 0, 0, (u8)(off | (off + 8 < sizeof(q))), 0, 0, 0, 4 }, 8);
		memcpy(f + 8, q + off, n);
		INJECT6(&k, .src = ROUTER, .dst = "ff02::1", .proto = 44, .data = f, .len = 8 + n, .hops = 1);
	}
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 1);
	kit_run(&k, 15 * NSEC_PER_SEC);
	make_echo(1200);
	for (unsigned off = 0; off < 1200; off += 8)
		fragment(&k, 5, off, 8, off + 8 < 1200);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 1 + (1200 / 8 <= FRAG_PIECES_MAX));
	lives(&k);
}

TEST(identifications_of_fragments_cannot_be_foretold_from_those_of_others)
{
	struct kit k = kit6_open();
	struct ip_addr other = ip6("2001:db8::3");
	u32 ids[4] = { 0 };
	unsigned n = 0;

	neigh_update(k.cpu, k.dev, &other, PEER_MAC, NEIGH_CREATE | NEIGH_SOLICITED);
	for (unsigned i = 0; i < 4; i++) {
		struct icmp6_ping ping = { 0 };
		struct flow fl = { .dst = i & 1 ? other : ip6(PEER6) };
		struct ipv6_info ip;
		const u8 *p;

		icmp6_ping_open(k.cpu, &ping);
		CHECK_EQ(icmp6_ping_send(k.cpu, &ping, &fl, 1, 1600), 0);
		kit_settle(&k);
		icmp6_ping_close(&ping);
		while ((p = kit6_sent(&k, &ip)))
			if (ip.nexthdr == 44 && !(p[2] | p[3] >> 3))
				ids[n++ % 4] = word_at(p + 4);
	}
	CHECK_EQ(n, 4);
	CHECK(ids[2] != ids[0] && ids[3] != ids[1]);
	CHECK(ids[1] - ids[0] > 1 << 16 && ids[0] - ids[1] > 1 << 16);
	lives(&k);
}

/* ---- messages ---- */
TEST(a_message_of_any_type_may_end_anywhere)
{
	struct kit k = kit6_open();
	u8 m[64];

	k.cpu->sysctl.icmp6_ratelimit = 0;
	for (unsigned type = 0; type < 256; type++) {
		for (unsigned len = 0; len <= sizeof(m); len += 1 + (type > 3 && type < 128)) {
			memset(m, type & 1 ? 0xff : 1, sizeof(m));
			m[0] = (u8)type, m[1] = 0;
			INJECT6(&k, .src = type == 134 ? ROUTER : NULL, .proto = 58, .data = m, .len = len, .hops = 255, .icmp = len > 3);
		}
		kit_drain(&k);
	}
	CHECK_EQ(drops(&k, DROP_ICMP_HDR) >= 8 * 12, true);
	kit_run(&k, 5 * NSEC_PER_SEC);
	lives(&k);
}

TEST(a_frame_in_the_name_of_our_own_link_address_is_checked_as_any)
{
	struct kit k = kit6_open();
	u8 p[40 + 8] = { 0x60, [5] = 8, 58, 64, [40] = 128 };
	struct ip_addr src = ip6(PEER6), dst = ip6(HOST6);

	memcpy(p + 8, &src, 16);
	memcpy(p + 24, &dst, 16);
	kit_frame(&k, k.dev->addr, k.dev->addr, ETH_P_IPV6, p, sizeof(p)); /* no checksum */
	CHECK_EQ(drops(&k, DROP_ICMP_CSUM), 1);
	p[4] = 0xff;                                                        /* longer than the frame */
	kit_frame(&k, k.dev->addr, k.dev->addr, ETH_P_IPV6, p, sizeof(p));
	kit_frame(&k, k.dev->addr, k.dev->addr, ETH_P_IPV6, p, 20);
	CHECK_EQ(drops(&k, DROP_IP6_INHDR) + drops(&k, DROP_IP6_SHORT), 2);
	memcpy(p + 8, &dst, 16);                                            /* from us to us, over the wire */
	p[4] = 0;
	kit_frame(&k, k.dev->addr, k.dev->addr, ETH_P_IPV6, p, sizeof(p));
	CHECK_EQ(drops(&k, DROP_IP_INVALID_SOURCE), 1);
	lives(&k);
}

TEST(who_solicits_without_a_link_address_is_asked_for_it_before_the_answer)
{
	REQ("4861 7.2.4");
	struct kit k = kit6_open();
	u8 m[24] = { 135, [8] = 0x20, 1, 0x0d, 0xb8, [23] = 1 };
	struct ip_addr asker = ip6("2001:db8::88");

	INJECT6(&k, .src = "2001:db8::88", .dst = "ff02::1:ff00:1", .proto = 58, .data = m, .len = 24, .hops = 255, .icmp = true);
	expect_icmp6(&k, 135, 0, NULL);
	neigh_update(k.cpu, k.dev, &asker, PEER_MAC, NEIGH_SOLICITED);
	kit_settle(&k);
	expect_icmp6(&k, 136, 0, NULL);
	lives(&k);
}

TEST(a_solicitation_from_elsewhere_makes_nobody_a_neighbour)
{
	struct kit k = kit6_open();
	struct flow fl = { .dst = ip6("2001:db8:77::5") };
	struct ip_addr router = ip6(PEER6);
	u8 m[32] = { 135, [8] = 0x20, 1, 0x0d, 0xb8, [23] = 1, [24] = 1, 1, 2, 9, 9, 9, 9, 9 };
	struct dst dst;

	INJECT6(&k, .src = "2001:db8:77::5", .proto = 58, .data = m, .len = 32, .hops = 255, .icmp = true);
	expect_icmp6(&k, 136, 0, NULL);
	REQUIRE(!ip6_route_output(k.cpu, &fl, &dst));
	CHECK(ip_eq(&dst.next_hop, &router)); /* what we send there goes where it went */
	lives(&k);
}

static void ra(struct kit *k, u8 hops, u16 lifetime, u32 valid)
{
	u8 m[48] = { 134, [4] = hops, [6] = (u8)(lifetime >> 8), (u8)lifetime, [16] = 3, 4, 64, 0xc0,
		     (u8)(valid >> 24), (u8)(valid >> 16), (u8)(valid >> 8), (u8)valid, 0, 0, 0, (u8)valid, [32] = 0x20, 1, 0xd, 0xb8, 0, 7 };

	INJECT6(k, .src = ROUTER, .dst = "ff02::1", .proto = 58, .data = m, .len = 48, .hops = 255, .icmp = true);
}

TEST(routes_that_run_out_while_they_are_renewed_are_freed_once)
{
	struct kit k = kit6_open();

	for (unsigned i = 0; i < 600; i++) { /* lifetimes end before, at and behind the next advertisement */
		ra(&k, 64, i % 3, i % 4);
		kit_run(&k, (i % 5) * NSEC_PER_SEC / 2);
	}
	ra(&k, 64, 0, 0);
	kit_run(&k, 8 * 3600 * NSEC_PER_SEC);
	for (unsigned i = 0; ip6_route_get(k.cpu, i); i++)
		CHECK(!ip6_route_get(k.cpu, i)->ra);
	lives(&k);
}

TEST(a_router_cannot_make_our_packets_die_on_their_way)
{
	REQ("4861 6.3.4/hops");
	struct kit k = kit6_open();
	struct ipv6_info ip;

	ra(&k, 200, 0, 0);
	ra(&k, 1, 0, 0);
	ra(&k, (u8)(k.cpu->sysctl.ip6_accept_ra_min_hop_limit - 1), 0, 0);
	kit_drain(&k);
	send_chain(&k, IPPROTO_ICMPV6, NULL, 0);
	CHECK(expect_icmp6(&k, 129, 0, &ip) && CHECK_EQ(ip.hop_limit, 200));
	k.cpu->sysctl.ip6_accept_ra_min_hop_limit = 1;
	ra(&k, 2, 0, 0);
	kit_drain(&k);
	send_chain(&k, IPPROTO_ICMPV6, NULL, 0);
	CHECK(expect_icmp6(&k, 129, 0, &ip) && CHECK_EQ(ip.hop_limit, 2));
	lives(&k);
}

TEST(packets_too_big_for_every_destination_take_no_more_memory_than_for_one)
{
	struct kit k = kit6_open();
	struct ip_addr us = ip6(HOST6);
	u8 m[56] = { 2, [6] = 5, 0, [8] = 0x60, [13] = 8, 58, 64, [32] = 0x20, 1, 0xd, 0xb8, [48] = 128 };
	struct icmp6_ping ping = { 0 };
	struct flow fl = { .dst = { .q = { 0, 0 } } };
	struct dst dst;

	icmp6_ping_open(k.cpu, &ping);
	memcpy(m + 16, &us, 16);
	m[52] = (u8)(ping.id >> 8), m[53] = (u8)ping.id;
	for (unsigned i = 0; i < 5000; i++) {
		if (i == 1)
			host_alloc_budget = 0; /* the table is there: it has no need of more */
		memcpy(m + 44, &i, 4);
		INJECT6(&k, .proto = 58, .data = m, .len = 56, .icmp = true);
	}
	host_alloc_budget = UINT64_MAX;
	memcpy(&fl.dst, m + 32, 16);
	CHECK(!ip6_route_output(k.cpu, &fl, &dst) && CHECK_EQ(dst.mtu, 1280));
	kit_run(&k, 700 * NSEC_PER_SEC);
	CHECK(!ip6_route_output(k.cpu, &fl, &dst) && CHECK_EQ(dst.mtu, 1500));
	icmp6_ping_close(&ping);
	lives(&k);
}
