/* SPDX-License-Identifier: MIT
 * test_arp.c - ARP: requests and replies, what is learned from whom, conflicts, announcements (RFC
 * 826, RFC 1122 2.3.2, RFC 5227).
 */
#include "unit/ipkit.h"
#include "lib/printf.h"
#include "net/link/arp.h"

static const u8 OTHER_MAC[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 2 };
static const u8 NO_MAC[6];

static void inject_arp(struct kit *k, const u8 *eth_dst, u16 op, const u8 *sha, const char *spa,
		       const u8 *tha, const char *tpa)
{
	struct arp_info a = { .op = op, .spa = v4(spa), .tpa = v4(tpa) };
	u8 f[60] = { 0 };

	memcpy(a.sha, sha, 6);
	memcpy(a.tha, tha, 6);
	arp_build(eth_build(f, eth_dst, eth_is_multicast(sha) || eth_is_zero(sha) ? PEER_MAC : sha,
			    ETH_P_ARP),
		  &a);
	lab_inject(k->dev, f, sizeof(f));
	kit_settle(k);
}

/* The next frame sent is ARP: what it says, and whom it is for in `to`. */
static bool sent_arp(struct kit *k, struct arp_info *a, u8 to[6])
{
	struct pkt p;

	if (!kit_sent(k, &p) || p.len < 42 || p.b[12] != 8 || p.b[13] != 6)
		return false;
	memcpy(to, p.b, 6);
	CHECK(eth_addr_eq(p.b + 6, k->dev->addr));
	return arp_parse(p.b + 14, p.len - 14, a);
}

static const struct neigh *entry(struct kit *k, const char *a)
{
	struct ip_addr ip = addr(a);

	return neigh_lookup(k->cpu, k->dev, &ip);
}

TEST(a_request_for_us_is_answered_to_its_sender) /* 826 */
{
	REQ("826 reply", "826 create", "5227 2.5", "1122 2.3.3/arp");
	struct kit k = kit_open(LAB_ETHER);
	struct arp_info a;
	u8 to[6];

	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "10.0.0.2", NO_MAC, "10.0.0.1");
	REQUIRE(sent_arp(&k, &a, to));
	CHECK(a.op == ARPOP_REPLY && eth_addr_eq(to, PEER_MAC));
	CHECK(be32_eq(a.spa, v4("10.0.0.1")) && be32_eq(a.tpa, v4("10.0.0.2")));
	CHECK(eth_addr_eq(a.sha, k.dev->addr) && eth_addr_eq(a.tha, PEER_MAC));
	EXPECT_NOTHING_SENT(&k);
	REQUIRE(entry(&k, "10.0.0.2"));
	CHECK_EQ(entry(&k, "10.0.0.2")->state, NEIGH_STALE); /* heard of, not confirmed */
	kit_close(&k);
}

TEST(a_unicast_poll_is_answered_too) /* 1122§2.3.2.1: unicast poll */
{
	REQ("1122 2.3.2.1/unicast");
	struct kit k = kit_open(LAB_ETHER);
	struct arp_info a;
	u8 to[6];

	inject_arp(&k, k.dev->addr, ARPOP_REQUEST, PEER_MAC, "10.0.0.2", k.dev->addr, "10.0.0.1");
	CHECK(sent_arp(&k, &a, to) && a.op == ARPOP_REPLY);
	kit_close(&k);
}

TEST(requests_for_others_are_not_answered_and_teach_nothing) /* 826: never reply for someone else */
{
	REQ("826 others", "826 create");
	struct kit k = kit_open(LAB_ETHER);

	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "10.0.0.2", NO_MAC, "10.0.0.3");
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "10.0.0.2", NO_MAC, "127.0.0.1");
	/* nobody asked */
	inject_arp(&k, k.dev->addr, ARPOP_REPLY, PEER_MAC, "10.0.0.2", k.dev->addr, "10.0.0.1");
	EXPECT_NOTHING_SENT(&k);
	CHECK(!entry(&k, "10.0.0.2"));
	kit_close(&k);
}

TEST(a_known_sender_is_refreshed_by_whatever_it_says) /* 826: merge before looking at the opcode */
{
	REQ("826 merge");
	struct kit k = kit_open(LAB_ETHER);

	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "10.0.0.2", NO_MAC, "10.0.0.1");
	kit_run(&k, 2 * NSEC_PER_SEC);
	/* moved to another card */
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, OTHER_MAC, "10.0.0.2", NO_MAC, "10.0.0.9");
	CHECK(eth_addr_eq(neigh_ha(entry(&k, "10.0.0.2")), OTHER_MAC));
	/* back within a second: a fight */
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "10.0.0.2", NO_MAC, "10.0.0.2");
	CHECK(eth_addr_eq(neigh_ha(entry(&k, "10.0.0.2")), OTHER_MAC));
	CHECK_EQ(drops(&k, DROP_ARP_SPOOF), 1);
	kit_run(&k, 2 * NSEC_PER_SEC);
	/* gratuitous */
	inject_arp(&k, BCAST_MAC, ARPOP_REPLY, PEER_MAC, "10.0.0.2", BCAST_MAC, "10.0.0.2");
	CHECK(eth_addr_eq(neigh_ha(entry(&k, "10.0.0.2")), PEER_MAC));
	kit_close(&k);
}

TEST(a_probe_is_answered_but_not_learned_from) /* 5227§2.1.1 */
{
	REQ("5227 2.1.1/answer");
	struct kit k = kit_open(LAB_ETHER);
	struct arp_info a;
	struct ip_addr zero = ip_from_v4(be32_of(0));
	u8 to[6];

	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "0.0.0.0", NO_MAC, "10.0.0.1");
	CHECK(sent_arp(&k, &a, to) && a.op == ARPOP_REPLY && eth_addr_eq(to, PEER_MAC));
	CHECK(!neigh_lookup(k.cpu, k.dev, &zero));
	kit_close(&k);
}

TEST(senders_that_cannot_be_are_refused)
{
	static const u8 group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	struct kit k = kit_open(LAB_ETHER);

	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, group, "10.0.0.2", NO_MAC, "10.0.0.1");
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, BCAST_MAC, "10.0.0.2", NO_MAC, "10.0.0.1");
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, NO_MAC, "10.0.0.2", NO_MAC, "10.0.0.1");
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, k.dev->addr, "10.0.0.2", NO_MAC, "10.0.0.1");
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "224.0.0.1", NO_MAC, "10.0.0.1");
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "255.255.255.255", NO_MAC, "10.0.0.1");
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "127.0.0.1", NO_MAC, "10.0.0.1");
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "10.0.0.2", NO_MAC, "224.0.0.1");
	CHECK_EQ(drops(&k, DROP_ARP_SPOOF), 8);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(a_stranger_to_the_subnet_is_answered_but_takes_no_entry)
{
	struct kit k = kit_open(LAB_ETHER);
	struct arp_info a;
	u8 to[6];

	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "192.0.2.2", NO_MAC, "10.0.0.1");
	CHECK(sent_arp(&k, &a, to));
	CHECK(!entry(&k, "192.0.2.2"));
	kit_close(&k);
}

TEST(an_address_is_probed_for_and_announced) /* 5227§2.1, §2.3 */
{
	REQ("5227 2.1.1/probe", "5227 2.3");
	struct kit k = kit_bare(LAB_ETHER);
	struct arp_info a;
	u8 to[6];

	lab_addr(k.dev, "10.0.0.1/24");
	kit_settle(&k);
	REQUIRE(sent_arp(&k, &a, to));
	CHECK(a.op == ARPOP_REQUEST && !a.spa.raw && be32_eq(a.tpa, v4("10.0.0.1")) &&
	      eth_is_broadcast(to));
	EXPECT_NOTHING_SENT(&k);
	kit_run(&k, 200 * NSEC_PER_MSEC);
	REQUIRE(sent_arp(&k, &a, to));
	CHECK(a.op == ARPOP_REQUEST && be32_eq(a.spa, a.tpa) && be32_eq(a.spa, v4("10.0.0.1")) &&
	      eth_is_zero(a.tha));
	kit_run(&k, 2 * NSEC_PER_SEC);
	CHECK(sent_arp(&k, &a, to) && be32_eq(a.spa, a.tpa));
	kit_run(&k, 60 * NSEC_PER_SEC);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(a_conflict_is_defended_at_most_every_ten_seconds) /* 5227§2.4 (b) */
{
	REQ("5227 2.4/defend", "5227 2.4/interval");
	struct kit k = kit_open(LAB_ETHER);
	struct arp_info a;
	u8 to[6];

	for (unsigned i = 0; i < 30; i++) {
		inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, OTHER_MAC, "10.0.0.1", NO_MAC, "10.0.0.1");
		kit_run(&k, NSEC_PER_SEC);
	}
	CHECK_EQ(drops(&k, DROP_ARP_SPOOF), 30);
	CHECK_EQ(lab_sent_count(k.dev), 3);
	REQUIRE(sent_arp(&k, &a, to));
	CHECK(be32_eq(a.spa, a.tpa) && be32_eq(a.spa, v4("10.0.0.1")) && eth_is_broadcast(to));
	CHECK(!entry(&k, "10.0.0.1"));
	kit_close(&k);
}

TEST(an_address_given_up_is_not_answered_for)
{
	struct kit k = kit_open(LAB_ETHER);

	REQUIRE(!ip_addr_del(k.h->net, k.dev, v4("10.0.0.1")));
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "10.0.0.2", NO_MAC, "10.0.0.1");
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(an_address_is_answered_for_on_its_own_device_only)
{
	struct kit k = kit_open(LAB_ETHER);
	struct net_device *first = k.dev;

	k.dev = lab_dev(k.h, LAB_ETHER);
	lab_addr(k.dev, "10.9.0.1/24");
	kit_run(&k, 5 * NSEC_PER_SEC);
	kit_drain(&k);
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "10.9.0.2", NO_MAC, "10.0.0.1");
	EXPECT_NOTHING_SENT(&k);
	k.dev = first;
	inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, "10.0.0.2", NO_MAC, "10.0.0.1");
	CHECK_EQ(lab_sent_count(first), 1);
	kit_close(&k);
}

TEST(truncated_and_foreign_packets_are_dropped_by_name)
{
	REQ("826 ignore");
	struct kit k = kit_open(LAB_ETHER);
	struct arp_info a = { .op = ARPOP_REQUEST, .spa = v4("10.0.0.2"), .tpa = v4("10.0.0.1") };
	u8 f[42];
	unsigned n = 0;

	memcpy(a.sha, PEER_MAC, 6);
	arp_build(eth_build(f, BCAST_MAC, PEER_MAC, ETH_P_ARP), &a);
	for (unsigned len = 14; len < 42; len++, n++)
		lab_inject(k.dev, f, len);
	for (unsigned i = 14; i < 22; i++, n++) {
		f[i] ^= 0x80;
		lab_inject(k.dev, f, 42);
		f[i] ^= 0x80;
	}
	kit_settle(&k);
	CHECK_EQ(drops(&k, DROP_ARP_HDR), n);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(a_flood_of_senders_does_not_grow_the_table_beyond_its_bound)
{
	struct kit k = kit_open(LAB_ETHER);
	const struct neigh *n = NULL;
	unsigned count = 0;
	char text[20];

	k.cpu->sysctl.neigh_max = 64;
	for (unsigned i = 3; i < 250; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		inject_arp(&k, BCAST_MAC, ARPOP_REQUEST, PEER_MAC, text, NO_MAC, "10.0.0.1");
	}
	while ((n = neigh_next(k.cpu, n)))
		count++;
	CHECK(count <= 64);
	CHECK_EQ(kit_drain(&k), 247 - drops(&k, DROP_ARP_SPOOF));
	kit_close(&k);
}
