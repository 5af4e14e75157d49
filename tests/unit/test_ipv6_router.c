/* SPDX-License-Identifier: MIT
 * test_ipv6_router.c - IPv6 from one device to another: what a router tells senders, the hooks, connections that are tracked
 * and the rules that ask for them (RFC 8200, 4443, 4291, 7045).
 */
#include "net/wire/tcp.h"
#include "router6kit.h"

static void tcp_segment(struct tcp_hdr *h, bool reply, u8 flags)
{
	*h = (struct tcp_hdr){ .sport = be16_of(reply ? 80 : 4000), .dport = be16_of(reply ? 4000 : 80), .seq = be32_of(1),
			       .ack = be32_of(1), .doff = 5 << 4, .flags = flags };
}

/* ---- forwarding ---- */
TEST(a_packet_goes_on_with_one_hop_less_and_everything_else_as_it_was)
{
	REQ("8200 3/forward", "7045 2.1");
	struct rig r = rig_open(NULL);
	struct ip_addr src = ip6(CLIENT), dst = ip6(SERVER);
	u8 data[40] = { 60, 0, 1, 4, 0, 0, 0, 0, 200, 0, 0x9e, 4 }; /* options and next headers that only the ends know */
	struct ipv6_info ip;
	const u8 *p;

	FORTH(&r, .proto = 60, .data = data, .len = sizeof(data), .hops = 9, .tclass = 0xb8);
	p = came_out(&r, &ip);
	REQUIRE(p);
	CHECK_EQ(ip.hop_limit, 8);
	CHECK_EQ(ip.tclass, 0xb8);
	CHECK(ip_eq(&ip.saddr, &src) && ip_eq(&ip.daddr, &dst));
	CHECK(!memcmp(p, data, sizeof(data)));
	CHECK_EQ(stat(&r.k, STAT_Ip6OutForwDatagrams), 1);
	kit_close(&r.k);
}

TEST(a_router_tells_of_hops_that_are_over_packets_too_big_and_routes_that_are_not_there)
{
	REQ("4443 3.1/route", "4443 3.2", "4443 3.3/hops", "8200 3/forward");
	struct rig r = rig_open(NULL);
	struct ipv6_info ip;
	const u8 *p;

	FORTH(&r, .proto = 17, .len = 20, .hops = 1);
	expect_icmp6(&r.k, 3, 0, NULL);
	r.out->mtu = 1400;
	r.k.cpu->dst_gen++;
	FORTH(&r, .proto = 17, .len = 1400);
	p = expect_icmp6(&r.k, 2, 0, NULL);
	CHECK_EQ(p ? word_at(p + 4) : 0, 1400);
	FORTH(&r, .proto = 17, .len = 1360);
	CHECK(came_out(&r, &ip));
	INJECT6(&r.k, .dst = "2001:db8:aaaa::1", .mac = r.k.dev->addr, .proto = 17, .len = 20);
	expect_icmp6(&r.k, 1, 0, NULL);
	CHECK(!came_out(&r, &ip));
	CHECK_EQ(drops(&r.k, DROP_IP_TTL) + drops(&r.k, DROP_PKT_TOO_BIG) + drops(&r.k, DROP_IP_INNOROUTES), 3);
	kit_close(&r.k);
}

/* A TCP packet of 1000 bytes whose sum was left to us at that place, from the IPv6 header on; whether it came out. */
static bool partial_goes_on(struct rig *r, u16 start, u16 offset, u16 gso_size)
{
	struct net_cpu *cpu = r->k.cpu;
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);
	struct ip_addr src = ip6(CLIENT), dst = ip6(SERVER);
	struct ipv6_info ip;
	struct ipv6_hdr *h;
	bool out;

	REQUIRE(skb);
	h = (struct ipv6_hdr *)(eth_build(skb_put(skb, ETH_HLEN), r->k.dev->addr, PEER_MAC, ETH_P_IPV6));
	memset(skb_put(skb, IPV6_HLEN + 1000), 0, IPV6_HLEN + 1000);
	*h = (struct ipv6_hdr){ be32_of(0x60000000), be16_of(1000), IPPROTO_TCP, 64, { 0 }, { 0 } };
	memcpy(h->saddr, &src, 16);
	memcpy(h->daddr, &dst, 16);
	((u8 *)(h + 1))[12] = 5 << 4;
	skb->dev = r->k.dev;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(skb_headroom(skb) + ETH_HLEN + start);
	skb->csum_offset = offset;
	skb->gso_size = gso_size;
	skb->gso_type = gso_size ? SKB_GSO_TCPV6 : 0;
	bh_disable(cpu);
	netif_receive_skb(cpu, skb);
	bh_enable(cpu);
	kit_settle(&r->k);
	out = came_out(r, &ip);
	while (came_out(r, &ip)) /* the other segments */
		;
	return out;
}

TEST(what_a_device_said_of_the_sum_is_held_against_the_packet_before_it_goes_on)
{
	struct rig r = rig_open(NULL);

	r.out->features = 0;
	CHECK(partial_goes_on(&r, 40, 16, 0));
	CHECK(partial_goes_on(&r, 40, 16, 500));
	CHECK(!partial_goes_on(&r, 39, 16, 0));
	CHECK(!partial_goes_on(&r, 40, 999, 0));
	CHECK(!partial_goes_on(&r, 40, 700, 500));
	CHECK(!partial_goes_on(&r, 1030, 16, 0));
	CHECK_EQ(drops(&r.k, DROP_DEV_HDR), 4);
	kit_close(&r.k);
}

TEST(what_is_of_one_link_does_not_leave_it)
{
	REQ("4291 2.5.6", "4291 2.5.2");
	struct rig r = rig_open(NULL);
	struct ip_addr asker = ip6("fe80::5");
	struct ipv6_info ip;

	neigh_update(r.k.cpu, r.k.dev, &asker, PEER_MAC, NEIGH_CREATE | NEIGH_SOLICITED);
	INJECT6(&r.k, .src = "fe80::5", .dst = SERVER, .mac = r.k.dev->addr, .proto = 17, .len = 20);
	expect_icmp6(&r.k, 1, 2, NULL); /* beyond the scope of the source address */
	INJECT6(&r.k, .src = "::", .dst = SERVER, .mac = r.k.dev->addr, .proto = 17, .len = 20);
	INJECT6(&r.k, .dst = "fe80::77", .mac = r.k.dev->addr, .proto = 17, .len = 20);
	FORTH(&r, .proto = 0, .data = (u8[8]){ 59, 0, 0x80, 4 }, .len = 8); /* hop-by-hop options are the router's too */
	expect_icmp6(&r.k, 4, 2, NULL);
	CHECK(!came_out(&r, &ip));
	kit_close(&r.k);
}

/* ---- connections ---- */
TEST(a_connection_is_followed_from_its_handshake_and_strangers_are_invalid)
{
	struct rig r = rig_open("add rule forward ct state established,related accept; add rule forward ct state new ip6 saddr " CLIENT
				" accept; add chain forward policy drop");
	struct ipv6_info ip;
	struct tcp_hdr h;

	tcp_segment(&h, true, TCP_SYN | TCP_ACK);
	back(&r, 6, &h, sizeof(h)); /* nobody asked */
	EXPECT_NOTHING_SENT(&r.k);
	tcp_segment(&h, false, TCP_SYN);
	FORTH(&r, .proto = 6, .data = &h, .len = sizeof(h));
	CHECK(came_out(&r, &ip));
	CHECK_STR(ct_tcp_state_name(only(&r)->tcp_state), "SYN_SENT");
	tcp_segment(&h, true, TCP_SYN | TCP_ACK);
	back(&r, 6, &h, sizeof(h));
	CHECK(kit6_sent(&r.k, &ip));
	tcp_segment(&h, false, TCP_ACK);
	FORTH(&r, .proto = 6, .data = &h, .len = sizeof(h));
	CHECK(came_out(&r, &ip));
	CHECK_STR(ct_tcp_state_name(only(&r)->tcp_state), "ESTABLISHED");
	CHECK(only(&r)->assured);
	rules(&r, "flush ruleset");
	kit_close(&r.k);
}

TEST(an_echo_and_its_errors_belong_together)
{
	struct rig r = rig_open("add rule forward ct state established,related counter accept; add rule forward icmpv6 type "
				"echo-request accept; add chain forward policy drop");
	struct ip_addr src = ip6(CLIENT), dst = ip6(SERVER);
	u8 m[16] = { 128, 0, 0, 0, 0x12, 0x34, 0, 1 }, e[64] = { 1, 3 };
	struct ipv6_info ip;

	FORTH(&r, .proto = 58, .data = m, .len = 16, .icmp = true);
	CHECK(came_out(&r, &ip));
	CHECK_EQ(only(&r)->end[CT_REPLY].tuple.type, 129);
	m[0] = 129;
	back(&r, 58, m, 16);
	CHECK(kit6_sent(&r.k, &ip)); /* established */
	m[0] = 128;
	memcpy(e + 8, (u8[8]){ 0x60, 0, 0, 0, 0, 16, 58, 60 }, 8);
	memcpy(e + 16, &src, 16);
	memcpy(e + 32, &dst, 16);
	memcpy(e + 48, m, 16);
	back(&r, 58, e, sizeof(e));
	CHECK(kit6_sent(&r.k, &ip)); /* related */
	e[52] = 99;
	back(&r, 58, e, sizeof(e));
	EXPECT_NOTHING_SENT(&r.k); /* about an echo that nobody sent */
	kit_close(&r.k);
}

TEST(discovery_and_groups_are_not_tracked_and_a_chain_without_an_end_is_invalid)
{
	struct rig r = rig_open("add rule prerouting ct state untracked accept; add rule prerouting drop");
	u8 ns[24] = { 135, [8] = 0x20, 1, 0x0d, 0xb8, [23] = 1 };
	struct ipv6_info ip;

	INJECT6(&r.k, .proto = 58, .data = ns, .len = 24, .hops = 255, .icmp = true);
	expect_icmp6(&r.k, 136, 0, NULL);
	INJECT6(&r.k, .dst = "ff02::1", .proto = 58, .data = (u8[16]){ 128 }, .len = 16, .icmp = true);
	expect_icmp6(&r.k, 129, 0, NULL);
	FORTH(&r, .proto = 60, .data = (u8[8]){ 17, 9 }, .len = 8);
	CHECK(!came_out(&r, &ip));
	FORTH(&r, .proto = 17, .data = (u8[8]){ 0, 1, 0, 2, 0, 8 }, .len = 8);
	CHECK(!came_out(&r, &ip));
	CHECK_EQ(ct_count(r.k.cpu), 0);
	kit_close(&r.k);
}

/* ---- rules ---- */
TEST(rules_of_ipv6_match_addresses_next_headers_and_types_and_tables_see_their_family_alone)
{
	struct rig r = rig_open("table ip only4 { chain f { type filter hook forward priority -10; drop; } }\n"
				"table ip6 only6 { set nines { type ipv6_addr; flags interval; elements = { ::9, 2001:db8:9::/48, fe80::-fe80::9 } }\n"
				"chain f { type filter hook forward priority 5; ip6 daddr @nines udp dport 53 drop; "
				"udp dport 55 reject with icmpv6 policy-fail; ip6 saddr != 2001:db8::/64 drop; ip6 nexthdr 200 drop; icmpv6 type packet-too-big drop; } }");
	u8 dns[8] = { 0, 1, 0, 53, 0, 8 }, other[8] = { 0, 1, 0, 54, 0, 8 }, big[56] = { 2, 0, 0, 0, 0, 0, 5, 0, 0x60 };
	struct ipv6_info ip;

	FORTH(&r, .proto = 17, .data = other, .len = 8);
	CHECK(came_out(&r, &ip));
	FORTH(&r, .proto = 17, .data = dns, .len = 8);
	FORTH(&r, .src = "2001:db8:1::2", .proto = 17, .data = other, .len = 8);
	FORTH(&r, .proto = 200, .data = other, .len = 8);
	FORTH(&r, .proto = 58, .data = big, .len = sizeof(big), .icmp = true);
	CHECK(!came_out(&r, &ip));
	CHECK_EQ(drops(&r.k, DROP_NETFILTER_DROP), 4);
	dns[3] = 55;
	FORTH(&r, .proto = 17, .data = dns, .len = 8);
	expect_icmp6(&r.k, 1, 5, NULL);
	kit_close(&r.k);
}
