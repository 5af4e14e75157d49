/* SPDX-License-Identifier: MIT
 * test_ip_input.c - IPv4 on its way in: every way a header can be wrong, whose packet it is,
 * options, hooks.
 */
#include "unit/ipkit.h"
#include "net/core/netfilter.h"

#define ONE_DROP(k, reason)                                                                        \
	do {                                                                                       \
		CHECK_EQ(drops(k, DROP_##reason), 1);                                              \
		EXPECT_NOTHING_SENT(k);                                                            \
	} while (0)

TEST(a_good_datagram_reaches_its_socket)
{
	REQ("1122 3.1/ip", "1122 3.1/local-multihoming");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	struct sockaddr_ip from;
	char buf[16];

	kit_udp(&k, "10.0.0.2", "10.0.0.1", 1234, 7, "hello", 5);
	CHECK_EQ(kit_recv(sk, buf, sizeof(buf), &from), 5);
	CHECK_MEM(buf, "hello", 5);
	CHECK_EQ(from.port, 1234);
	CHECK(be32_eq(ip_v4(&from.addr), v4("10.0.0.2")));
	CHECK_EQ(stat(&k, STAT_IpInReceives), 1);
	CHECK_EQ(stat(&k, STAT_IpInDelivers), 1);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(every_truncation_is_dropped_by_name)
{
	REQ("791 3.1/version");
	struct kit k = kit_open(LAB_RAW);
	struct pkt p;

	ip_build(&p, &(struct ip_spec){ .len = 30 });
	for (unsigned len = 1; len < p.len; len++) {
		lab_inject(k.dev, p.b, len);
		kit_settle(&k);
	}
	CHECK_EQ(drops(&k, DROP_IP_SHORT), 19);
	CHECK_EQ(drops(&k, DROP_IP_INHDR), p.len - 20);
	CHECK_EQ(stat(&k, STAT_IpExtInTruncatedPkts), p.len - 20);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(truncation_inside_the_options_is_dropped)
{
	static const u8 nops[40] = { [0 ... 39] = IPOPT_NOOP };
	struct kit k = kit_open(LAB_RAW);
	struct pkt p;

	ip_build(&p, &(struct ip_spec){ .opts = nops, .optlen = 40 });
	for (unsigned len = 20; len < 60; len++) {
		lab_inject(k.dev, p.b, len);
		kit_settle(&k);
	}
	CHECK_EQ(drops(&k, DROP_IP_SHORT), 40);
	kit_close(&k);
}

TEST(another_version_is_dropped_silently) /* 1122§3.2.1.1 */
{
	REQ("1122 3.2.1.1", "791 3.1/version");
	struct kit k = kit_open(LAB_RAW);

	for (unsigned v = 0; v < 16; v++)
		if (v != 4 && v != 6) /* 6 is another EtherType on a raw link */
			INJECT(&k, .len = 20, .ver_ihl = (u8)(v << 4 | 5));
	CHECK_EQ(drops(&k, DROP_IP_VERSION), 14);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(an_ihl_below_five_is_dropped) /* 791: IHL */
{
	REQ("791 3.1/ihl");
	struct kit k = kit_open(LAB_RAW);

	for (unsigned ihl = 0; ihl < 5; ihl++)
		INJECT(&k, .len = 40, .ver_ihl = (u8)(0x40 | ihl));
	CHECK_EQ(drops(&k, DROP_IP_INHDR) + drops(&k, DROP_IP_SHORT), 5);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(a_wrong_checksum_is_dropped_silently) /* 1122§3.2.1.2 */
{
	REQ("1122 3.2.1.2");
	struct kit k = kit_open(LAB_RAW);

	for (unsigned bit = 0; bit < 16; bit++)
		INJECT(&k, .len = 20, .csum_xor = (u16)(1 << bit));
	CHECK_EQ(drops(&k, DROP_IP_CSUM), 16);
	CHECK_EQ(stat(&k, STAT_IpInHdrErrors), 16);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(a_total_length_below_the_header_or_beyond_the_frame_is_dropped)
{
	REQ("791 3.1/version");
	struct kit k = kit_open(LAB_RAW);

	INJECT(&k, .len = 20, .tot_delta = -21); /* 19 */
	INJECT(&k, .len = 20, .tot_delta = -40); /* 0 */
	INJECT(&k, .len = 20, .tot_delta = 1);
	INJECT(&k, .len = 20, .tot_delta = 65000);
	CHECK_EQ(drops(&k, DROP_IP_INHDR), 4);
	kit_close(&k);
}

TEST(padding_of_the_link_is_cut_off) /* 791: ignore trailing link padding */
{
	REQ("791 3.1/padding");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	u8 dgram[64];
	struct pkt p;
	char buf[64];
	unsigned n = udp_build(dgram, "10.0.0.2", "10.0.0.1", 9, 7, "abc", 3);

	ip_build(&p, &(struct ip_spec){ .data = dgram, .len = n });
	memset(p.b + p.len, 0xee, 15);
	lab_inject(k.dev, p.b, p.len + 15);
	kit_settle(&k);
	CHECK_EQ(kit_recv(sk, buf, sizeof(buf), NULL), 3);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(martian_sources_are_dropped_silently) /* 1122§3.2.1.3: bad source address */
{
	REQ("1122 3.2.1.3/source", "1122 4.1.3.6/receive");
	static const char *const bad[] = {
		"224.0.0.1",
		"239.255.255.255",
		"255.255.255.255",
		"127.0.0.1",
		"127.1.2.3",
		"240.0.0.1",
		"0.0.0.0",
		"0.1.2.3",
		"10.0.0.1" /* ourselves */,
		"10.0.0.255" /* our broadcast */,
		"10.0.0.0",
	};
	struct kit k = kit_open(LAB_RAW);

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		INJECT(&k, .src = bad[i], .len = 20);
	CHECK_EQ(drops(&k, DROP_IP_INVALID_SOURCE), ARRAY_SIZE(bad));
	CHECK_EQ(stat(&k, STAT_IpInAddrErrors), ARRAY_SIZE(bad));
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(martian_destinations_are_dropped_silently) /* 1122§3.2.1.3: bad destination address */
{
	REQ("1122 3.2.1.3/dest");
	struct kit k = kit_open(LAB_RAW);

	INJECT(&k, .dst = "127.0.0.1", .len = 20);
	INJECT(&k, .dst = "127.255.0.1", .len = 20);
	INJECT(&k, .dst = "240.1.1.1", .len = 20);
	INJECT(&k, .dst = "0.1.1.1", .len = 20);
	CHECK_EQ(drops(&k, DROP_IP_INVALID_DEST), 4);
	INJECT(&k, .dst = "10.0.0.3", .len = 20);
	INJECT(&k, .dst = "8.8.8.8", .len = 20);
	/* 1122§3.1: the switch defaults to non-gateway */
	CHECK_EQ(drops(&k, DROP_IP_NOTFORWARDING), 2);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(all_forms_of_broadcast_are_taken_in) /* 1122§3.3.6: recognize all formats, 0 or -1 */
{
	REQ("1122 3.3.6/all", "1122 3.3.6/receive");
	static const char *const forms[] = { "255.255.255.255", "10.0.0.255", "10.0.0.0",
					     "0.0.0.0" };
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	char buf[8];

	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		kit_udp(&k, "10.0.0.2", forms[i], 9, 7, "x", 1);
		CHECK_EQ(kit_recv(sk, buf, sizeof(buf), NULL), 1);
	}
	CHECK_EQ(stat(&k, STAT_IpExtInBcastPkts), 4);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(zero_source_may_only_shout) /* 1122§3.2.1.3 (a) */
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	char buf[8];

	kit_udp(&k, "0.0.0.0", "255.255.255.255", 9, 7, "x", 1);
	CHECK_EQ(kit_recv(sk, buf, sizeof(buf), NULL), 1);
	kit_udp(&k, "0.0.0.0", "10.0.0.1", 9, 7, "x", 1);
	CHECK_EQ(drops(&k, DROP_IP_INVALID_SOURCE), 1);
	udp_prot.close(sk);
	kit_close(&k);
}

/* 1122§3.3.6: silently discard link-layer-only broadcast */
TEST(a_unicast_address_in_a_link_broadcast_is_dropped)
{
	REQ("1122 3.3.6/link-only", "1122 2.4/broadcast");
	struct kit k = kit_open(LAB_ETHER);
	struct pkt p;

	ip_build(&p, &(struct ip_spec){ .len = 40 });
	kit_frame(&k, BCAST_MAC, PEER_MAC, ETH_P_IP, p.b, p.len);
	ONE_DROP(&k, UNICAST_IN_L2_MULTICAST);
	kit_close(&k);
}

TEST(an_unknown_protocol_is_answered_with_protocol_unreachable) /* 1122§3.2.2.1: code 2 */
{
	REQ("1122 3.2.2.1/generate", "792 unreachable", "1122 3.3.8");
	struct kit k = kit_open(LAB_RAW);

	INJECT(&k, .proto = 200, .len = 20);
	CHECK_EQ(drops(&k, DROP_IP_NOPROTO), 1);
	CHECK_EQ(stat(&k, STAT_IpInUnknownProtos), 1);
	expect_icmp(&k, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, NULL);
	INJECT(&k, .dst = "10.0.0.255", .proto = 200, .len = 20); /* never about a broadcast */
	CHECK_EQ(drops(&k, DROP_IP_NOPROTO), 2);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(ttl_of_one_is_good_enough_for_us) /* 1122§3.2.1.7: MUST NOT discard TTL < 2 */
{
	REQ("1122 3.2.1.7/receive", "1812 5.3.1/host");
	struct kit k = kit_open(LAB_RAW);

	INJECT(&k, .proto = 200, .ttl = 1, .len = 20);
	CHECK_EQ(drops(&k, DROP_IP_NOPROTO), 1);
	kit_close(&k);
}

TEST(unknown_and_harmless_options_are_ignored) /* 1122§3.2.1.8 */
{
	REQ("1122 3.2.1.8/unknown", "1122 3.2.1.8b/receive");
	static const u8 opts[12] = {
		IPOPT_NOOP, 0x99, 3, 1, IPOPT_SID, 4, 0, 9, IPOPT_RA, 4, 0, 0
	};
	static const u8 end_early[8] = { IPOPT_NOOP, IPOPT_END, 0xff, 0xff, IPOPT_LSRR, 1, 1, 1 };
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	u8 dgram[32];
	char buf[8];
	unsigned n = udp_build(dgram, "10.0.0.2", "10.0.0.1", 9, 7, "x", 1);

	INJECT(&k, .data = dgram, .len = n, .opts = opts, .optlen = sizeof(opts));
	INJECT(&k, .data = dgram, .len = n, .opts = end_early, .optlen = sizeof(end_early));
	CHECK_EQ(kit_recv(sk, buf, sizeof(buf), NULL), 1);
	CHECK_EQ(kit_recv(sk, buf, sizeof(buf), NULL), 1);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(source_routes_are_refused) /* 1122§3.3.5: non-local source routing defaults to off */
{
	REQ("1122 3.3.5/off");
	static const u8 lsrr[8] = { IPOPT_LSRR, 7, 4, 10, 0, 0, 9, 0 },
			ssrr[8] = { IPOPT_SSRR, 7, 8, 10, 0, 0, 9, 0 };
	struct kit k = kit_open(LAB_RAW);

	INJECT(&k, .len = 20, .opts = lsrr, .optlen = 8);
	INJECT(&k, .len = 20, .opts = ssrr, .optlen = 8);
	CHECK_EQ(drops(&k, DROP_IP_SOURCE_ROUTE), 2);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(malformed_options_are_reported_with_a_pointer) /* 1122§3.2.2.5 */
{
	REQ("1122 3.2.2.5/send", "792 parameter");
	static const struct {
		u8 opts[8];
		u8 pointer;
	} bad[] = {
		{ { 0x99, 0 }, 21 },                 /* length 0 would never end */
		{ { 0x99, 1 }, 21 },
		{ { 0x99, 9 }, 21 },                 /* beyond the header */
		{ { 0x99, 255 }, 21 },
		{ { 1, 1, 1, 1, 1, 1, 1, 0x99 }, 28 }, /* no room for a length */
		{ { IPOPT_RR, 2 }, 21 },             /* no pointer */
		{ { IPOPT_RR, 7, 3 }, 22 },          /* pointer into the option's own header */
		{ { IPOPT_TS, 8, 4 }, 22 },
	};
	struct kit k = kit_open(LAB_RAW);

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct icmp_hdr *h;

		kit_run(&k, 10 * NSEC_PER_SEC); /* the rate of errors is another test's */
		INJECT(&k, .len = 20, .opts = bad[i].opts, .optlen = 8);
		if (expect_icmp(&k, ICMP_PARAMETERPROB, 0, &h))
			CHECK_EQ(h->pointer, bad[i].pointer);
	}
	CHECK_EQ(drops(&k, DROP_IP_OPTIONS), ARRAY_SIZE(bad));
	kit_close(&k);
}

TEST(random_option_bytes_never_lead_beyond_the_header)
{
	REQ("791 3.1/options");
	struct kit k = kit_open(LAB_RAW);
	struct test_rng r = { 11 };
	u8 opts[40];

	for (unsigned i = 0; i < 3000; i++) {
		unsigned len = 4 * (1 + rng_below(&r, 10));

		for (unsigned j = 0; j < len; j++)
			opts[j] = (u8)(rng_next(&r) % (i & 1 ? 256 : 12));
		INJECT(&k, .proto = 200, .len = 8, .opts = opts, .optlen = len);
	}
	CHECK_EQ(drops(&k, DROP_IP_OPTIONS) + drops(&k, DROP_IP_NOPROTO) +
			 drops(&k, DROP_IP_SOURCE_ROUTE),
		 3000);
	kit_close(&k);
}

TEST(random_packets_never_do_harm)
{
	REQ("1122 3.1/log", "1122 3.1/count");
	struct kit k = kit_open(LAB_RAW);
	struct test_rng r = { 12 };
	u8 b[200];

	k.cpu->sysctl.ip_forward = 1;
	for (unsigned i = 0; i < 5000; i++) {
		unsigned len = 1 + rng_below(&r, sizeof(b));

		for (unsigned j = 0; j < len; j++)
			b[j] = (u8)rng_next(&r);
		b[0] = (u8)(0x40 | (b[0] & 15));
		if (len >= 20 && i % 4) { /* most pass the first check */
			struct ipv4_hdr *h = (struct ipv4_hdr *)b;
			unsigned hl = ipv4_hdr_bytes(b);

			h->tot_len = be16_of((u16)(i % 8 ? len : rng_next(&r)));
			h->daddr = i % 3 ? v4("10.0.0.1") : h->daddr;
			h->saddr = v4("10.0.0.2");
			h->proto = (u8[]){ 1, 17, 6, 2 }[i % 4];
			h->check.raw = 0;
			if (hl && hl <= len)
				h->check = csum_fold(csum_partial(b, hl, 0));
		}
		lab_inject(k.dev, b, len);
		if (i % 16 == 0)
			kit_settle(&k);
	}
	kit_run(&k, 60 * NSEC_PER_SEC);
	kit_close(&k);
}

TEST(ecn_codepoints_are_counted)
{
	struct kit k = kit_open(LAB_RAW);

	for (u8 tos = 0; tos < 4; tos++)
		INJECT(&k, .proto = 200, .tos = tos, .len = 8);
	CHECK_EQ(stat(&k, STAT_IpExtInECT1Pkts), 1);
	CHECK_EQ(stat(&k, STAT_IpExtInECT0Pkts), 1);
	CHECK_EQ(stat(&k, STAT_IpExtInCEPkts), 1);
	kit_close(&k);
}

TEST(the_reverse_path_filter_knows_strict_and_loose) /* RFC 3704 */
{
	struct kit k = kit_open(LAB_RAW);
	struct net_device *other = lab_dev(k.h, LAB_RAW);

	lab_addr(other, "10.9.0.1/24");
	k.cpu->sysctl.rp_filter = 1;
	INJECT(&k, .src = "10.9.0.5", .proto = 200, .len = 8); /* lives behind the other device */
	CHECK_EQ(drops(&k, DROP_IP_RPFILTER), 1);
	INJECT(&k, .src = "10.0.0.9", .proto = 200, .len = 8);
	CHECK_EQ(drops(&k, DROP_IP_NOPROTO), 1);
	k.cpu->sysctl.rp_filter = 2;
	INJECT(&k, .src = "10.9.0.5", .proto = 200, .len = 8);
	CHECK_EQ(drops(&k, DROP_IP_NOPROTO), 2);
	REQUIRE(!ip_route_del(k.h->net, be32_of(0), 0, v4("10.0.0.2"), k.dev));
	INJECT(&k, .src = "8.8.8.8", .proto = 200, .len = 8); /* no way back at all */
	CHECK_EQ(drops(&k, DROP_IP_RPFILTER), 2);
	kit_close(&k);
}

static enum drop_reason refuse(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook,
			       struct net_device *in, struct net_device *out, void *priv)
{
	CHECK(skb->data == skb_network_header(skb));
	CHECK(in != NULL);
	return DROP_NETFILTER_DROP;
}

TEST(hooks_see_the_ip_header_and_can_refuse)
{
	struct kit k = kit_open(LAB_RAW);

	REQUIRE(!nf_register_hook(k.cpu, NF_PRE_ROUTING, refuse, NULL, 0));
	INJECT(&k, .len = 20);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 1);
	nf_unregister_hook(k.cpu, NF_PRE_ROUTING, refuse, NULL);
	REQUIRE(!nf_register_hook(k.cpu, NF_LOCAL_IN, refuse, NULL, 0));
	INJECT(&k, .len = 20);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 2);
	nf_unregister_hook(k.cpu, NF_LOCAL_IN, refuse, NULL);
	kit_close(&k);
}

static enum drop_reason to_us(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook,
			      struct net_device *in, struct net_device *out, void *priv)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)skb->data;

	h->check = csum_replace4(h->check, h->daddr, v4("10.0.0.1"));
	h->daddr = v4("10.0.0.1");
	return RX_OK;
}

TEST(a_destination_rewritten_before_routing_is_routed_anew)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	char buf[8];
	u8 dgram[32];
	unsigned n = udp_build(dgram, "10.0.0.2", "10.0.0.1", 9, 7, "x", 1);

	REQUIRE(!nf_register_hook(k.cpu, NF_PRE_ROUTING, to_us, NULL, -100));
	INJECT(&k, .dst = "192.0.2.1", .data = dgram, .len = n);
	CHECK_EQ(kit_recv(sk, buf, sizeof(buf), NULL), 1);
	udp_prot.close(sk);
	kit_close(&k);
}
