/* SPDX-License-Identifier: MIT
 * test_ether.c - frames in: for whom, of which type, in which encapsulation (RFC 894, RFC 1042,
 * 802.1Q); wire/ parsers of the link.
 */
#include "unit/ipkit.h"


static void inject_eth(struct kit *k, const u8 *dst, const u8 *src, const u8 *body, unsigned len)
{
	u8 f[2000];

	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	memcpy(f + 12, body, len);
	lab_inject(k->dev, f, 12 + len);
	kit_settle(k);
}

/* A UDP datagram to port 7 behind `hdr` (everything between the addresses and the IP header) and
 * `pad` bytes of padding. */
static void inject_behind(struct kit *k, const u8 *hdr, unsigned hdr_len, unsigned pad)
{
	u8 body[300] = { 0 }, dgram[32];
	struct pkt p;
	unsigned n = udp_build(dgram, "10.0.0.2", "10.0.0.1", 9, 7, "hello", 5);

	ip_build(&p, &(struct ip_spec){ .data = dgram, .len = n });
	memcpy(body, hdr, hdr_len);
	memcpy(body + hdr_len, p.b, p.len);
	inject_eth(k, k->dev->addr, PEER_MAC, body, hdr_len + p.len + pad);
}

static bool got_hello(struct sock *sk)
{
	char buf[64];

	return kit_recv(sk, buf, sizeof(buf), NULL) == 5 && !memcmp(buf, "hello", 5);
}

TEST(plain_ethernet_is_taken_in) /* 1122§2.3.3: RFC 894 */
{
	REQ("1122 2.3.3/ethernet");
	struct kit k = kit_open(LAB_ETHER);
	struct sock *sk = kit_sock(&k, 7);

	inject_behind(&k, (u8[]){ 8, 0 }, 2, 13);
	CHECK(got_hello(sk));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(ieee_802_3_with_snap_is_taken_in) /* 1122§2.3.3: SHOULD receive RFC 1042 */
{
	REQ("1122 2.3.3/1042");
	struct kit k = kit_open(LAB_ETHER);
	struct sock *sk = kit_sock(&k, 7);

	inject_behind(&k, (u8[]){ 0, 8 + 33, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0 }, 10, 5);
	CHECK(got_hello(sk));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_priority_tag_is_taken_off_another_vlan_is_not_ours)
{
	struct kit k = kit_open(LAB_ETHER);
	struct sock *sk = kit_sock(&k, 7);

	inject_behind(&k, (u8[]){ 0x81, 0, 0xe0, 0, 8, 0 }, 6, 9);
	CHECK(got_hello(sk));
	inject_behind(&k, (u8[]){ 0x81, 0, 0, 5, 8, 0 }, 6, 9);
	CHECK_EQ(drops(&k, DROP_VLAN_FILTER), 1);
	inject_behind(&k, (u8[]){ 0x81, 0, 0, 0, 0x81, 0, 0, 0, 8, 0 }, 10, 0); /* two tags */
	CHECK_EQ(drops(&k, DROP_UNHANDLED_PROTO), 1);
	/* tag, then 802.3 */
	inject_behind(&k, (u8[]){ 0x81, 0, 0, 0, 0, 8 + 33, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0 }, 14, 0);
	CHECK(got_hello(sk));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(frames_for_others_and_from_groups_are_dropped)
{
	REQ("1122 2.4/broadcast");
	static const u8 other[6] = { 2, 9, 9, 9, 9, 9 }, group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	struct kit k = kit_open(LAB_ETHER);
	u8 body[60] = { 8, 0 };

	inject_eth(&k, other, PEER_MAC, body, sizeof(body));
	CHECK_EQ(drops(&k, DROP_OTHERHOST), 1);
	CHECK_EQ(k.dev->rx[0].otherhost, 1);
	inject_eth(&k, k.dev->addr, group, body, sizeof(body));
	inject_eth(&k, k.dev->addr, BCAST_MAC, body, sizeof(body));
	CHECK_EQ(drops(&k, DROP_DEV_HDR), 2);
	inject_eth(&k, k.dev->addr, PEER_MAC, (u8[60]){ 0x88, 0xcc }, 60);
	CHECK_EQ(drops(&k, DROP_UNHANDLED_PROTO), 1);
	kit_close(&k);
}

TEST(every_truncation_is_dropped_by_name)
{
	struct kit k = kit_open(LAB_ETHER);
	u8 f[60] = { 0 };
	static const u8 kinds[][12] = {
		{ 8, 0 },
		{ 0x81, 0, 0, 0, 8, 0 },
		{ 0, 40, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0 },
		{ 0x81, 0, 0, 0, 0, 36 },
	};
	unsigned n = 0;

	memcpy(f, k.dev->addr, 6);
	memcpy(f + 6, PEER_MAC, 6);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		memcpy(f + 12, kinds[i], sizeof(kinds[i]));
		for (unsigned len = 1; len < 30; len++, n++) {
			lab_inject(k.dev, f, len);
			kit_settle(&k);
		}
	}
	CHECK_EQ(drops(&k, DROP_DEV_HDR) + drops(&k, DROP_IP_SHORT), n);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(an_802_3_length_is_believed_only_if_it_fits)
{
	struct eth_info e;
	u8 f[64] = { 0 };

	memcpy(f + 14, (u8[]){ 0xaa, 0xaa, 3, 0, 0, 0, 8, 0 }, 8);
	for (unsigned len = 0; len < ETH_P_802_3_MIN; len++) {
		bool fits = len >= 8 && len <= 50;

		f[12] = (u8)(len >> 8);
		f[13] = (u8)len;
		if (!CHECK_EQ(eth_parse(f, 64, 64, &e), fits))
			break;
		if (fits)
			CHECK_EQ(e.trim, len - 8);
	}
	f[12] = 0;
	f[13] = 20;
	for (unsigned i = 14; i < 20; i++) { /* each byte of LLC and SNAP counts */
		f[i] ^= 4;
		CHECK(!eth_parse(f, 64, 64, &e));
		f[i] ^= 4;
	}
	f[20] = 5; /* a type that is a length again */
	CHECK(!eth_parse(f, 64, 64, &e));
}

TEST(the_header_sent_names_both_ends_and_the_type)
{
	REQ("1122 2.3.3/ethernet", "1122 2.3.3/default", "1122 2.3.3/k1", "1122 2.3.1/trailers");
	struct kit k = kit_open(LAB_ETHER);
	struct sock *sk = kit_sock(&k, 7);
	const struct eth_hdr *eh;
	struct pkt p;

	sk->broadcast = true;
	/* 1122§3.3.6: IP broadcast in a link broadcast */
	kit_send(&k, sk, "255.255.255.255", 9, "x", 1);
	REQUIRE(kit_sent(&k, &p));
	eh = (const struct eth_hdr *)p.b;
	CHECK(eth_addr_eq(eh->dst, BCAST_MAC) && eth_addr_eq(eh->src, k.dev->addr) &&
	      be16_get(eh->type) == ETH_P_IP);
	kit_send(&k, sk, "239.129.2.3", 9, "x", 1); /* 1112 6.4: 23 bits of the group */
	REQUIRE(kit_sent(&k, &p));
	CHECK_MEM(p.b, "\x01\x00\x5e\x01\x02\x03", 6);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(arp_packets_are_parsed_strictly) /* 826: ignore wrong hardware or protocol type or length */
{
	REQ("826 ignore");
	struct arp_info a = { .op = ARPOP_REQUEST, .spa = v4("1.2.3.4"), .tpa = v4("5.6.7.8") }, b;
	u8 p[28];

	memcpy(a.sha, PEER_MAC, 6);
	arp_build(p, &a);
	for (unsigned len = 0; len < 28; len++)
		CHECK(!arp_parse(p, len, &b));
	REQUIRE(arp_parse(p, 28, &b));
	CHECK(b.op == a.op && be32_eq(a.spa, b.spa) && be32_eq(a.tpa, b.tpa) &&
	      eth_addr_eq(a.sha, b.sha));
	for (unsigned i = 0; i < 8; i++)
		for (unsigned v = 0; v < 256; v++) {
			u8 was = p[i];
			bool ok = v == was || (i == 1 && v == ARPHRD_IEEE802) ||
				  (i == 7 && v == ARPOP_REPLY);

			p[i] = (u8)v;
			CHECK_EQ(arp_parse(p, 28, &b), ok);
			p[i] = was;
		}
}
