/* SPDX-License-Identifier: MIT
 * test_ipv6_abuse.c - what broke other stacks over IPv6: one test for each known way, named by it. After each the host answers
 * an honest echo, its frames balance (lab_destroy()) and the sanitizers saw no byte touched that is not there.
 */
#include "ip6kit.h"

#define ROUTER "fe80::9"

/* The abuse got no answer, and the host lives. */
static void survives(struct kit *k)
{
	EXPECT_NOTHING_SENT(k);
	send_chain(k, IPPROTO_ICMPV6, NULL, 0);
	expect_icmp6(k, 129, 0, NULL);
	kit_close(k);
}

/* The abuse was told by a parameter problem of this code at this offset, and the host lives. */
static void tells(struct kit *k, u8 code, u32 at)
{
	const u8 *p = expect_icmp6(k, 4, code, NULL);

	CHECK_EQ(p ? word_at(p + 4) : 0, at);
	survives(k);
}

static u64 malformed(struct kit *k)
{
	return drops(k, DROP_IP6_EXTHDR) + drops(k, DROP_IP6_OPTIONS);
}

/* A fragment of any next header and content. */
static void piece(struct kit *k, u8 nexthdr, u32 id, unsigned off, bool more, const u8 *data, unsigned len)
{
	u8 f[2048] = { nexthdr, 0, (u8)(off >> 8), (u8)(off | more), (u8)(id >> 24), (u8)(id >> 16), (u8)(id >> 8), (u8)id };

	memcpy(f + 8, data, len);
	INJECT6(k, .proto = 44, .data = f, .len = 8 + len);
}

/* ---- headers and their lengths ---- */
TEST(a_chain_whose_last_header_names_another_behind_the_end_is_dropped)
{
	struct kit k = kit6_open();

	INJECT6(&k, .proto = 60, .data = (u8[8]){ 60, 0, 1, 4 }, .len = 8);
	INJECT6(&k, .proto = 0, .data = (u8[8]){ 43, 0, 1, 4 }, .len = 8);
	INJECT6(&k, .proto = 43, .data = (u8[8]){ 44, 0, 1, 0 }, .len = 8);
	INJECT6(&k, .proto = 44, .data = (u8[7]){ 58 }, .len = 7);
	CHECK_EQ(malformed(&k), 4);
	survives(&k);
}

TEST(a_header_longer_than_its_packet_does_not_make_the_rest_negative)
{
	struct kit k = kit6_open();

	for (unsigned len = 1; len < 256; len += 2)
		CHAIN(&k, len & 2 ? 0 : 60, 58, (u8)(len + 2), 1, 4, 0, 0, 0, 0);
	CHECK(malformed(&k) >= 127);
	survives(&k);
}

TEST(a_payload_length_below_the_headers_it_holds_cuts_them_off)
{
	struct kit k = kit6_open();
	u8 buf[64];
	unsigned len = echo_behind(buf, (u8[8]){ 58, 0, 1, 4 }, 8);

	for (int cut = 1; cut < 24; cut++)
		INJECT6(&k, .proto = 60, .data = buf, .len = len, .len_delta = -cut);
	survives(&k);
}

TEST(a_payload_length_beyond_the_frame_is_dropped)
{
	struct kit k = kit6_open();

	INJECT6(&k, .proto = 58, .len = 16, .len_delta = 1);
	INJECT6(&k, .proto = 58, .len = 16, .len_delta = 65535 - 16);
	CHECK_EQ(drops(&k, DROP_IP6_INHDR), 2);
	survives(&k);
}

TEST(a_headers_own_length_of_255_units_is_bounded)
{
	struct kit k = kit6_open();
	static u8 big[2048 + 8] = { 60, 255 };

	send_chain(&k, 60, big, 2048);
	CHECK_EQ(malformed(&k), 1);
	survives(&k);
}

TEST(a_chain_of_many_headers_is_bounded)
{
	struct kit k = kit6_open();
	u8 many[1200];

	for (unsigned i = 0; i < sizeof(many); i += 8)
		memcpy(many + i, (u8[8]){ i + 8 == sizeof(many) ? 58 : i % 16 ? 60 : 43, 0, 1, 0 }, 8);
	send_chain(&k, 60, many, sizeof(many));
	CHECK_EQ(malformed(&k), 1);
	survives(&k);
}

TEST(hop_by_hop_options_behind_hop_by_hop_options_do_not_loop)
{
	struct kit k = kit6_open();

	CHAIN(&k, 0, 0, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0);
	tells(&k, 1, 40);
}

TEST(tunnels_and_encryption_inside_are_unknown_next_headers)
{
	struct kit k = kit6_open();
	static const u8 protocols[] = { 4, 41, 47, 50, 51, 135, 139, 140, 253, 254, 255 };
	unsigned told = 0;

	k.cpu->sysctl.icmp6_ratelimit = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(protocols); i++) {
		INJECT6(&k, .proto = protocols[i], .data = (u8[48]){ 0x45, 0, 0xff, 0xff }, .len = 48);
		told += expect_icmp6(&k, 4, 1, NULL) != NULL;
	}
	CHECK_EQ(told, ARRAY_SIZE(protocols));
	survives(&k);
}

/* ---- options ---- */
TEST(an_option_of_length_zero_advances_the_walk)
{
	struct kit k = kit6_open();

	CHAIN(&k, 60, 58, 0, 0x1e, 0, 0x1e, 0, 0x1e, 0); /* unknown, to be passed over, without data */
	expect_icmp6(&k, 129, 0, NULL);
	CHAIN(&k, 0, 58, 0, 1, 0, 1, 0, 1, 0);           /* PadN of two bytes each */
	expect_icmp6(&k, 129, 0, NULL);
	survives(&k);
}

TEST(an_option_whose_length_passes_its_header_is_malformed)
{
	struct kit k = kit6_open();

	for (unsigned len = 5; len < 256; len++)
		CHAIN(&k, len & 1 ? 0 : 60, 58, 0, 0x1e, (u8)len, 0, 0, 0, 0);
	CHAIN(&k, 60, 58, 0, 0, 0, 0, 0, 0, 0x1e); /* its length would stand behind the header */
	CHECK_EQ(drops(&k, DROP_IP6_OPTIONS), 252);
	survives(&k);
}

TEST(endless_padding_and_endless_options_are_refused)
{
	struct kit k = kit6_open();
	u8 pad[256] = { 58, 31 }, options[64] = { 58, 7 };

	send_chain(&k, 60, pad, sizeof(pad)); /* 254 bytes of Pad1 */
	for (unsigned i = 2; i < sizeof(options); i += 2)
		options[i] = 0x1e;
	send_chain(&k, 0, options, sizeof(options));
	CHECK_EQ(drops(&k, DROP_IP6_OPTIONS), 2);
	survives(&k);
}

TEST(a_router_alert_of_a_wrong_length_is_malformed)
{
	struct kit k = kit6_open();

	CHAIN(&k, 0, 58, 0, 5, 0, 0, 0, 0, 0);
	CHAIN(&k, 0, 58, 0, 5, 4, 0, 0, 0, 0);
	CHECK_EQ(drops(&k, DROP_IP6_OPTIONS), 2);
	survives(&k);
}

TEST(a_jumbo_payload_option_makes_no_jumbogram)
{
	struct kit k = kit6_open();
	u8 jumbo[16] = { 58, 0, 0xc2, 4, 0, 1, 0, 0 };

	INJECT6(&k, .proto = 0, .data = jumbo, .len = 16, .len_delta = -16); /* payload length zero, as a real one has */
	CHECK_EQ(drops(&k, DROP_IP6_INHDR), 1);
	CHAIN(&k, 0, 58, 0, 0xc2, 4, 0, 0, 0, 16); /* beside a payload length */
	tells(&k, 2, 42);
}

TEST(the_home_address_option_rewrites_no_source)
{
	struct kit k = kit6_open();

	CHAIN(&k, 60, 58, 2, 1, 2, 0, 0, 0xc9, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x66);
	tells(&k, 2, 46);
}

/* ---- routing headers ---- */
TEST(cve_2007_2242_a_routing_header_of_type_zero_goes_nowhere)
{
	struct kit k = kit6_open();

	k.cpu->sysctl.ip6_forwarding = 1;
	CHAIN(&k, 43, 58, 2, 0, 1, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x55);
	tells(&k, 0, 42);
}

TEST(cve_2023_2156_source_routes_of_every_type_with_segments_left_are_refused_whatever_their_length)
{
	struct kit k = kit6_open();

	k.cpu->sysctl.icmp6_ratelimit = 0;
	for (unsigned type = 0; type < 256; type++) {
		CHAIN(&k, 43, 58, 0, (u8)type, (u8)(type | 1), 0xff, 0xff, 0xff, 0xff); /* no room for the addresses it claims */
		kit_drain(&k);
	}
	CHECK_EQ(drops(&k, DROP_IP6_EXTHDR), 256);
	survives(&k);
}

/* ---- fragments ---- */
TEST(cve_2021_24086_a_fragment_inside_a_fragment_is_not_reassembled_again)
{
	struct kit k = kit6_open();
	u8 inner[32] = { 58, 0, 0, 0, 0, 0, 0, 5, 128 };

	piece(&k, 44, 1, 0, true, inner, 16);
	piece(&k, 44, 1, 16, false, inner + 16, 16);
	tells(&k, 1, 6);
}

TEST(a_deep_nest_of_atomic_fragments_ends)
{
	struct kit k = kit6_open();
	u8 nest[160] = { 0 };

	for (unsigned i = 0; i < sizeof(nest); i += 8)
		nest[i] = i + 8 == sizeof(nest) ? 58 : 44;
	send_chain(&k, 44, nest, sizeof(nest));
	kit_drain(&k);
	CHECK_EQ(drops(&k, DROP_IP6_EXTHDR), 1);
	survives(&k);
}

TEST(an_atomic_fragment_with_headers_behind_it_is_walked_on)
{
	struct kit k = kit6_open();

	CHAIN(&k, 44, 60, 0, 0, 0, 0, 0, 0, 1, 58, 0, 1, 4, 0, 0, 0, 0);
	expect_icmp6(&k, 129, 0, NULL);
	CHAIN(&k, 44, 60, 0, 0, 0, 0, 0, 0, 1, 58, 9, 1, 4, 0, 0, 0, 0); /* the header behind is not all there (RFC 7112) */
	tells(&k, 3, 0);
}

TEST(fragments_that_overlap_by_any_number_of_units_make_no_datagram)
{
	struct kit k = kit6_open();

	make_echo(800);
	for (u32 by = 8; by < 400; by += 8) {
		fragment(&k, by, 0, 400, true);
		fragment(&k, by, 400 - by, 400 + by, false);
	}
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 0);
	CHECK_EQ(drops(&k, DROP_FRAG_OVERLAP), 2 * 49);
	survives(&k);
}

TEST(a_fragment_that_covers_the_transport_header_of_the_first_does_not_replace_it)
{
	struct kit k = kit6_open();

	make_echo(800);
	fragment(&k, 9, 0, 400, true);
	whole[0] = 1;
	fragment(&k, 9, 0, 8, true);
	whole[0] = 128;
	fragment(&k, 9, 400, 400, false);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 0);
	survives(&k);
}

TEST(the_sum_of_offset_and_length_does_not_wrap)
{
	struct kit k = kit6_open();

	k.cpu->sysctl.icmp6_ratelimit = 0;
	make_echo(1400);
	for (unsigned len = 8; len < 1400; len += 200)
		piece(&k, 58, 3, 0xfff8, false, whole, len);
	CHECK_EQ(drops(&k, DROP_FRAG_HDR), 7);
	kit_drain(&k);
	survives(&k);
}

TEST(headers_before_the_fragments_do_not_push_the_whole_past_65535)
{
	struct kit k = kit6_open();
	static u8 zeros[1400];
	u8 f[1500] = { 44, 98 }; /* 792 bytes of options before each fragment header */

	for (unsigned i = 2; i < 792; i += 254) {
		f[i] = 0x1e;
		f[i + 1] = (u8)(MIN(792 - i, 254u) - 2);
	}
	for (unsigned off = 0; off < 65528; off += 576) {
		unsigned len = MIN(576u, 65528 - off);

		memcpy(f + 792, (u8[8]){ 58, 0, (u8)(off >> 8), (u8)(off | (off + len < 65528)), 0, 0, 0, 7 }, 8);
		memcpy(f + 800, zeros, len);
		INJECT6(&k, .proto = 60, .data = f, .len = 800 + len);
	}
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 0);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmFails), 1);
	kit_drain(&k);
	survives(&k);
}

TEST(a_last_fragment_before_the_end_that_was_seen_is_a_contradiction)
{
	struct kit k = kit6_open();

	make_echo(1600);
	fragment(&k, 4, 800, 400, true);
	fragment(&k, 4, 400, 200, false);
	fragment(&k, 4, 0, 400, true);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 0);
	survives(&k);
}

TEST(an_empty_fragment_takes_no_place)
{
	struct kit k = kit6_open();

	for (unsigned off = 0; off < 800; off += 8) {
		piece(&k, 58, 6, off, true, whole, 0);
		piece(&k, 58, 6, off + 8, false, whole, 0);
	}
	kit_drain(&k);
	CHECK_EQ(stat(&k, STAT_Ip6ReasmOKs), 0);
	survives(&k);
}

TEST(reassembly_without_end_fills_no_memory)
{
	struct kit k = kit6_open();

	make_echo(1400);
	k.cpu->sysctl.icmp6_ratelimit = 0;
	for (u32 id = 0; id < 4000; id++)
		fragment(&k, id, 8, 1392, true);
	CHECK(drops(&k, DROP_FRAG_NOMEM) >= 3900); /* beyond the datagrams of one source */
	survives(&k);
}

/* ---- ICMPv6 ---- */
TEST(a_message_shorter_than_its_header_is_dropped)
{
	struct kit k = kit6_open();

	for (unsigned len = 0; len < 8; len++)
		INJECT6(&k, .proto = 58, .data = (u8[8]){ 128 }, .len = len);
	CHECK_EQ(drops(&k, DROP_ICMP_HDR), 8);
	survives(&k);
}

TEST(an_error_that_quotes_nonsense_reaches_nobody)
{
	struct kit k = kit6_open();
	u8 m[256] = { 2, 0, 0, 0, 0, 0, 5, 0 };
	struct ip_addr us = ip6(HOST6), peer = ip6(PEER6);

	for (unsigned len = 8; len < 64; len++) /* cut off anywhere */
		INJECT6(&k, .proto = 58, .data = m, .len = len, .icmp = true);
	m[8] = 0x60;
	memcpy(m + 16, &us, 16);
	memcpy(m + 32, &peer, 16);
	for (unsigned next = 0; next < 256; next++) { /* each next header, and an extension header that names itself */
		m[14] = (u8)next;
		m[48] = (u8)next;
		m[49] = (u8)next;
		INJECT6(&k, .proto = 58, .data = m, .len = 256, .icmp = true);
	}
	survives(&k);
}

TEST(packet_too_big_with_an_mtu_below_1280_changes_nothing)
{
	struct kit k = kit6_open();
	struct flow fl = { .dst = ip6(PEER6) };
	struct ip_addr us = ip6(HOST6), peer = ip6(PEER6);
	struct dst dst;
	u8 m[56] = { 2, [8] = 0x60, [13] = 8, 17, 64 };

	memcpy(m + 16, &us, 16);
	memcpy(m + 32, &peer, 16);
	for (u32 mtu = 0; mtu < 1280; mtu += 68) {
		m[6] = (u8)(mtu >> 8);
		m[7] = (u8)mtu;
		INJECT6(&k, .proto = 58, .data = m, .len = sizeof(m), .icmp = true);
	}
	CHECK(!ip6_route_output(k.cpu, &fl, &dst) && CHECK_EQ(dst.mtu, 1500));
	CHECK_EQ(drops(&k, DROP_ICMP_QUOTE), 19);
	survives(&k);
}

TEST(a_flood_of_listener_messages_keeps_no_memory)
{
	struct kit k = kit6_open();
	u8 m[28] = { 130, [8] = 0xff, 2, [23] = 9 };

	for (unsigned i = 0; i < 3000; i++) {
		m[0] = (u8)(130 + i % 3);
		m[22] = (u8)i;
		m[23] = (u8)(i >> 8);
		INJECT6(&k, .src = ROUTER, .dst = "ff02::1", .proto = 58, .data = m, .len = 28, .hops = 1, .icmp = true);
	}
	kit_run(&k, 5 * NSEC_PER_SEC);
	survives(&k);
}

TEST(a_query_that_claims_more_sources_than_it_has_is_malformed)
{
	struct kit k = kit6_open();
	u8 q[8 + 28] = { 58, 0, 5, 2, 0, 0, 1, 0, 130, [8 + 8] = 0xff, 2, [8 + 23] = 1, [8 + 26] = 0xff, 0xff };
	struct ip_addr src = ip6(ROUTER), dst = ip6("ff02::1");
	be16 c = csum_fold(csum_partial(q + 8, 28, ip6_pseudo_sum(&src, &dst, 58, 28)));

	memcpy(q + 10, &c, 2);
	INJECT6(&k, .src = ROUTER, .dst = "ff02::1", .proto = 0, .data = q, .len = sizeof(q), .hops = 1);
	CHECK_EQ(drops(&k, DROP_ND_MALFORMED), 1);
	survives(&k);
}

/* ---- advertisements of routers ---- */
/* One with these options, from the router. */
static void ra(struct kit *k, const u8 *options, unsigned len)
{
	u8 m[1400] = { 134, 0, 0, 0, 64, 0, 7, 8 };

	memcpy(m + 16, options, len);
	INJECT6(k, .src = ROUTER, .dst = "ff02::1", .proto = 58, .data = m, .len = 16 + len, .hops = 255, .icmp = true);
}
#define RA(k, ...) ra(k, (u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }))

TEST(cve_2020_16898_resolvers_in_an_option_of_even_length_are_not_taken)
{
	REQ("8106 5.1/length");
	struct kit k = kit6_open();
	struct ip_addr found[4];
	u8 o[40] = { 25, 4, 0, 0, 0, 0, 2, 0, 0x20, 1, 0xd, 0xb8, [23] = 0x53, [24] = 0x20, 1, 0xd, 0xb8 };

	ra(&k, o, 32);
	o[1] = 2;
	ra(&k, o, 16);
	o[1] = 1;
	ra(&k, o, 8);
	CHECK_EQ(ip6_dns_servers(k.cpu, found, 4), 0);
	o[1] = 5;
	ra(&k, o, 40);
	CHECK_EQ(ip6_dns_servers(k.cpu, found, 4), 2);
	survives(&k);
}

TEST(a_resolver_that_is_no_unicast_address_is_not_taken)
{
	struct kit k = kit6_open();
	struct ip_addr found[4];

	RA(&k, 25, 3, 0, 0, 0, 0, 2, 0, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
	RA(&k, 25, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
	RA(&k, 25, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	RA(&k, 25, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 8, 8, 8, 8);
	CHECK_EQ(ip6_dns_servers(k.cpu, found, 4), 0);
	survives(&k);
}

TEST(a_search_list_without_an_end_is_never_walked)
{
	struct kit k = kit6_open();
	u8 o[256] = { 31, 32, 0, 0, 0, 0, 2, 0 };

	memset(o + 8, 0xc0, sizeof(o) - 8);
	ra(&k, o, sizeof(o));
	memset(o + 8, 63, sizeof(o) - 8);
	ra(&k, o, sizeof(o));
	survives(&k);
}

TEST(an_option_of_length_zero_discards_the_whole_advertisement)
{
	struct kit k = kit6_open();
	struct ip_addr found[4];

	RA(&k, 25, 3, 0, 0, 0, 0, 2, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53, 5, 0, 0, 0, 0, 0, 5, 0);
	CHECK_EQ(drops(&k, DROP_ND_MALFORMED), 1);
	CHECK_EQ(ip6_dns_servers(k.cpu, found, 4), 0);
	survives(&k);
}

TEST(an_advertised_mtu_outside_1280_and_the_links_is_not_taken)
{
	struct kit k = kit6_open();

	RA(&k, 5, 1, 0, 0, 0, 0, 0, 0);
	RA(&k, 5, 1, 0, 0, 0, 0, 4, 0xff);
	RA(&k, 5, 1, 0, 0, 0, 0, 5, 0xdd);
	RA(&k, 5, 1, 0, 0, 0xff, 0xff, 0xff, 0xff);
	CHECK_EQ(k.cpu->ip6->params[k.dev->ifindex].mtu, 0);
	survives(&k);
}

TEST(prefixes_of_impossible_length_make_no_route)
{
	struct kit k = kit6_open();
	u8 o[32] = { 3, 4, 0, 0xc0, 0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 5 };
	unsigned before = 0, after = 0;

	while (ip6_route_get(k.cpu, before))
		before++;
	for (unsigned plen = 129; plen < 256; plen++) {
		o[2] = (u8)plen;
		ra(&k, o, sizeof(o));
	}
	while (ip6_route_get(k.cpu, after))
		after++;
	CHECK_EQ(after, before + 1); /* the router itself */
	survives(&k);
}

TEST(discovery_about_groups_or_with_a_group_as_link_address_is_malformed)
{
	struct kit k = kit6_open();
	u8 m[32] = { 135, [8] = 0xff, 2, [23] = 1, [24] = 1, 1, 2, 3, 4, 5, 6, 7 };
	struct ip_addr us = ip6(HOST6), peer = ip6(PEER6);

	INJECT6(&k, .proto = 58, .data = m, .len = 32, .hops = 255, .icmp = true);
	m[0] = 136;
	INJECT6(&k, .proto = 58, .data = m, .len = 32, .hops = 255, .icmp = true);
	m[0] = 135;
	memcpy(m + 8, &us, 16);
	memset(m + 26, 0xff, 6);
	INJECT6(&k, .proto = 58, .data = m, .len = 32, .hops = 255, .icmp = true);
	memcpy(m + 26, k.dev->addr, 6);
	INJECT6(&k, .proto = 58, .data = m, .len = 32, .hops = 255, .icmp = true);
	CHECK_EQ(drops(&k, DROP_ND_MALFORMED), 4);
	CHECK(!memcmp(neigh_ha(neigh_lookup(k.cpu, k.dev, &peer)), PEER_MAC, 6));
	survives(&k);
}

/* ---- what stands behind the headers ---- */
TEST(a_datagram_whose_length_disagrees_with_its_packet_is_dropped)
{
	struct kit k = kit6_open();

	INJECT6(&k, .proto = 17, .data = (u8[8]){ 0, 5, 0, 7, 0, 7, 1, 1 }, .len = 8);     /* less than its header */
	INJECT6(&k, .proto = 17, .data = (u8[8]){ 0, 5, 0, 7, 0, 0, 1, 1 }, .len = 8);     /* zero: a jumbogram's */
	INJECT6(&k, .proto = 17, .data = (u8[8]){ 0, 5, 0, 7, 0xff, 0xff, 1, 1 }, .len = 8); /* more than there is */
	INJECT6(&k, .proto = 17, .data = (u8[4]){ 0, 5, 0, 7 }, .len = 4);
	CHECK_EQ(drops(&k, DROP_UDP_HDR), 4);
	survives(&k);
}

TEST(bytes_at_random_behind_each_header_do_no_harm)
{
	struct kit k = kit6_open();
	static const u8 first[] = { 0, 6, 17, 43, 44, 58, 59, 60 };
	struct test_rng r = { 8200 };
	u8 m[128];

	for (unsigned i = 0; i < 20000; i++) {
		for (unsigned j = 0; j < sizeof(m); j++)
			m[j] = (u8)rng_next(&r);
		m[0] = first[rng_below(&r, ARRAY_SIZE(first))];
		m[1] &= 3;
		INJECT6(&k, .proto = first[i % ARRAY_SIZE(first)], .data = m, .len = rng_below(&r, sizeof(m)),
			.hops = i & 1 ? 255 : 1, .icmp = i % 8 == 5);
		kit_drain(&k);
	}
	kit_run(&k, 70 * NSEC_PER_SEC);
	kit_drain(&k);
	survives(&k);
}
