/* SPDX-License-Identifier: MIT
 * test_ipv6_frag_router.c - pieces of packets on their way through a router whose rules ask for connections: put together
 * before the rules, cut again behind them into what they were (RFC 8200 4.5; as Linux's nf_defrag_ipv6).
 */
#include "router6kit.h"

#define STATEFUL "add rule forward ct state established,related accept; add rule forward ct state new udp dport 53 accept; " \
		 "add chain forward policy drop"
enum { UDP_LEN = 3008 };

static u8 datagram[UDP_LEN];

static void make_datagram(u16 dport)
{
	memcpy(datagram, (u8[8]){ 0, 7, (u8)(dport >> 8), (u8)dport, UDP_LEN >> 8, (u8)UDP_LEN, 1, 1 }, 8);
	for (unsigned i = 8; i < UDP_LEN; i++)
		datagram[i] = (u8)(i * 13);
}

/* Bytes [off, off + len) of the datagram, behind n bytes of headers whose last names the fragment header. */
static void piece_behind(struct rig *r, u8 first, const u8 *headers, unsigned n, u32 id, unsigned off, unsigned len)
{
	static u8 f[4096];
	bool more = off + len < UDP_LEN;

	if (n)
		memcpy(f, headers, n);
	memcpy(f + n, (u8[8]){ 17, 0, (u8)(off >> 8), (u8)(off | more), (u8)(id >> 24), (u8)(id >> 16), (u8)(id >> 8), (u8)id }, 8);
	memcpy(f + n + 8, datagram + off, len);
	FORTH(r, .proto = first, .data = f, .len = n + 8 + len);
}
static void piece(struct rig *r, u32 id, unsigned off, unsigned len) { piece_behind(r, 44, NULL, 0, id, off, len); }

/* Pieces of the datagram come out behind `hdr` bytes of headers; each `size` bytes of payload but the last. Their number. */
static unsigned pieces_out(struct rig *r, unsigned hdr, unsigned size)
{
	static u8 got[UDP_LEN];
	struct ipv6_info ip;
	unsigned n = 0, off, len;
	const u8 *p;

	memset(got, 0, sizeof(got));
	for (; (p = came_out(r, &ip)); n++) {
		CHECK_EQ(hdr ? p[hdr - 8] : ip.nexthdr, 44);
		CHECK_EQ(p[hdr], 17);
		off = (unsigned)(p[hdr + 2] << 8 | p[hdr + 3]) & 0xfff8;
		len = ip.payload_len - hdr - 8;
		CHECK(p[hdr + 3] & 1 ? len == size : off + len == UDP_LEN);
		if (CHECK(off + len <= UDP_LEN))
			memcpy(got + off, p + hdr + 8, len);
	}
	CHECK(!n || !memcmp(got, datagram, UDP_LEN));
	return n;
}

TEST(a_datagram_in_pieces_is_one_packet_to_the_rules_and_goes_on_in_the_same_pieces)
{
	REQ("8200 4.5");
	struct rig r = rig_open(STATEFUL);

	make_datagram(53);
	for (unsigned size = 1000; size >= 104; size = size / 3 / 8 * 8) { /* smaller than any path's MTU too */
		unsigned n = 0;

		for (unsigned off = UDP_LEN / size * size;; off -= size, n++) { /* the last one first */
			piece(&r, size, off, MIN(size, UDP_LEN - off));
			CHECK_EQ(lab_sent_count(r.out) != 0, !off);
			if (!off)
				break;
		}
		CHECK_EQ(pieces_out(&r, 0, size), n + 1);
	}
	CHECK_EQ(only(&r)->end[CT_ORIGINAL].packets, 3);
	CHECK_EQ(frags_waiting(r.k.cpu), 0);
	kit_close(&r.k);
}

TEST(a_rule_about_ports_holds_for_the_pieces_that_have_none)
{
	struct rig r = rig_open(STATEFUL);

	make_datagram(54);
	for (unsigned off = 0; off < UDP_LEN; off += 1000)
		piece(&r, 1, off, MIN(1000u, UDP_LEN - off));
	CHECK_EQ(pieces_out(&r, 0, 1000), 0);
	CHECK_EQ(drops(&r.k, DROP_NETFILTER_DROP), 1);
	kit_close(&r.k);
}

TEST(without_a_rule_that_asks_pieces_cross_as_they_come)
{
	struct rig r = rig_open("add rule forward accept");

	make_datagram(53);
	piece(&r, 1, 1000, 1000);
	CHECK_EQ(lab_sent_count(r.out), 1);
	CHECK_EQ(stat(&r.k, STAT_Ip6ReasmReqds), 0);
	kit_close(&r.k);
}

TEST(what_is_cut_again_has_its_headers_before_each_piece)
{
	struct rig r = rig_open(STATEFUL);
	static const u8 hop[8] = { 44, 0, 1, 4 }, routed[16] = { 43, 0, 1, 4, 0, 0, 0, 0, 44, 0, 4, 0 };

	make_datagram(53);
	piece_behind(&r, 0, hop, 8, 1, 0, 1000);
	piece_behind(&r, 0, hop, 8, 1, 1000, 1000);
	piece_behind(&r, 0, hop, 8, 1, 2000, 1008);
	CHECK_EQ(pieces_out(&r, 8, 1008), 3); /* no larger than the largest that came */
	piece_behind(&r, 60, routed, 16, 2, 0, 1000);
	piece_behind(&r, 60, routed, 16, 2, 1000, 1000);
	piece_behind(&r, 60, routed, 16, 2, 2000, 1008);
	CHECK_EQ(pieces_out(&r, 16, 1008), 3);
	kit_close(&r.k);
}

TEST(a_piece_too_big_for_the_next_link_is_told_and_smaller_ones_are_not_held_up_by_their_sum)
{
	REQ("4443 3.2");
	struct rig r = rig_open(STATEFUL);
	const u8 *p;

	r.out->mtu = 1280;
	r.k.cpu->dst_gen++;
	make_datagram(53);
	piece(&r, 1, 0, 1400);
	piece(&r, 1, 1400, 1400);
	piece(&r, 1, 2800, 208);
	p = expect_icmp6(&r.k, 2, 0, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 1280);
	CHECK_EQ(pieces_out(&r, 0, 0), 0);
	for (unsigned off = 0; off < UDP_LEN; off += 1232)
		piece(&r, 2, off, MIN(1232u, UDP_LEN - off));
	CHECK_EQ(pieces_out(&r, 0, 1232), 3);
	EXPECT_NOTHING_SENT(&r.k);
	kit_close(&r.k);
}

TEST(pieces_that_make_no_packet_cross_no_stateful_rule)
{
	struct rig r = rig_open("add rule forward ct state invalid drop; add rule forward accept");
	u8 nested[24] = { 44, 0, 0, 1, 0, 0, 0, 9, 17, 0, 0, 1, 0, 0, 0, 9, 0, 7, 0, 53, 0, 8, 1, 1 };
	u8 options[8] = { 44, 0, 1, 4 };

	make_datagram(53);
	piece(&r, 1, 0, 1000);                                     /* overlaps */
	piece(&r, 1, 504, 1000);
	piece(&r, 2, 1000, 2008);                                  /* a last one alone, an empty one, one that is past the end */
	piece(&r, 3, 8, 0);
	FORTH(&r, .proto = 44, .data = (u8[16]){ 17, 0, 0xff, 0xf8, 0, 0, 0, 4 }, .len = 16);
	FORTH(&r, .proto = 44, .data = (u8[16]){ 60, 0, 0, 1, 0, 0, 0, 5, 17, 200 }, .len = 16); /* its headers end elsewhere */
	FORTH(&r, .proto = 44, .data = nested, .len = 24);         /* a fragment inside of a fragment */
	nested[2] = 0, nested[3] = 8;
	FORTH(&r, .proto = 44, .data = nested, .len = 24);
	CHECK_EQ(lab_sent_count(r.out), 0);
	piece_behind(&r, 60, options, 8, 6, 1000, 1000);           /* headers that differ: the first piece's count */
	piece(&r, 6, 0, 1000);
	piece_behind(&r, 60, options, 8, 6, 2000, 1008);
	CHECK_EQ(pieces_out(&r, 0, 1016), 3);
	kit_run(&r.k, 70 * NSEC_PER_SEC);
	EXPECT_NOTHING_SENT(&r.k); /* what others are to receive is theirs to tell of */
	CHECK_EQ(frags_waiting(r.k.cpu), 0);
	kit_close(&r.k);
}

TEST(an_error_to_another_host_than_the_quoted_one_is_of_no_connection)
{
	struct rig r = rig_open(STATEFUL);
	struct ip_addr src = ip6(CLIENT), dst = ip6(SERVER), other = ip6("2001:db8::66");
	u8 e[56] = { 1, 4, [8] = 0x60, [13] = 8, 17, 60, [48] = 0, 7, 0, 53, 0, 8, 1, 1 }, p[96] = { 0x60, [5] = 56, 58, 64 };
	struct ipv6_info ip;

	FORTH(&r, .proto = 17, .data = (u8[8]){ 0, 7, 0, 53, 0, 8, 1, 1 }, .len = 8);
	CHECK(came_out(&r, &ip));
	memcpy(e + 16, &src, 16);
	memcpy(e + 32, &dst, 16);
	back(&r, 58, e, sizeof(e));
	CHECK(kit6_sent(&r.k, &ip)); /* related */
	memcpy(p + 8, &dst, 16);
	memcpy(p + 24, &other, 16);
	memcpy(p + 40, e, sizeof(e));
	lab_inject(r.out, p, sizeof(p));
	kit_settle(&r.k);
	EXPECT_NOTHING_SENT(&r.k);
	CHECK_EQ(drops(&r.k, DROP_NETFILTER_DROP), 1);
	kit_close(&r.k);
}
