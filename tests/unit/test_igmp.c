/* SPDX-License-Identifier: MIT
 * test_igmp.c - groups: who belongs to one, what routers are told of it, what datagrams to groups do (RFC 1112, RFC 2236,
 * RFC 3376).
 */
#include "unit/ipkit.h"
#include "net/ipv4/multicast.h"
#include "net/wire/igmp.h"

#define GROUP "239.1.2.3"

static const u8 RA[4] = { 148, 4, 0, 0 };

static int join(struct kit *k, const char *group)
{
	struct net_device *dev = k->dev;
	int err;

	bh_disable(k->cpu);
	net_set_now(k->cpu, lab_now(k->lab));
	err = ip_mc_join(k->cpu, &dev, v4(group));
	bh_enable(k->cpu);
	kit_settle(k);
	return err;
}

static int leave(struct kit *k, const char *group)
{
	int err;

	bh_disable(k->cpu);
	net_set_now(k->cpu, lab_now(k->lab));
	err = ip_mc_leave(k->cpu, k->dev, v4(group));
	bh_enable(k->cpu);
	kit_settle(k);
	return err;
}

struct said { /* one IGMP message that the host sent */
	char to[IP_NTOP_MAX];
	u8 type, record, records;
	be32 group;
};

/* The next packet sent is IGMP as RFC 3376 4 wants it: TTL 1, precedence, Router Alert, right sums. */
static bool sent_igmp(struct kit *k, struct said *s)
{
	static struct pkt p;
	struct ipv4_info ip;
	struct ip_addr to;
	const struct igmp_hdr *h;

	memset(s, 0, sizeof(*s));
	if (!kit_sent(k, &p))
		return false;
	CHECK(ip_read(&p, &ip));
	CHECK_EQ(ip.proto, 2);
	CHECK_EQ(ip.ttl, 1);
	CHECK_EQ(ip.tos, 0xc0);
	CHECK_EQ(ip.hdr_len, 24);
	CHECK_MEM(p.b + 20, RA, 4);
	CHECK(csum_ok(csum_partial(p.b + 24, p.len - 24, 0)));
	to = ip_from_v4(ip.daddr);
	ip_ntop(&to, s->to);
	h = (const struct igmp_hdr *)(p.b + 24);
	s->type = h->type;
	s->group = h->group;
	if (h->type == IGMP_V3_REPORT) {
		s->records = p.b[24 + 7];
		s->record = p.b[32];
		memcpy(&s->group, p.b + 36, 4);
	}
	return true;
}

static void hear(struct kit *k, const char *to, const void *msg, unsigned len, u8 ttl)
{
	u8 b[64];

	memcpy(b, msg, len);
	b[2] = b[3] = 0;
	*(be16 *)(b + 2) = csum_fold(csum_partial(b, len, 0));
	INJECT(k, .dst = to, .proto = 2, .ttl = ttl, .data = b, .len = len, .opts = RA, .optlen = 4);
}

static void query(struct kit *k, unsigned version, u8 code, const char *group)
{
	u8 m[12] = { IGMP_QUERY, code, 0, 0, [8] = 2, [9] = 125 };
	be32 g = v4(group);

	memcpy(m + 4, &g, 4);
	hear(k, g.raw ? group : "224.0.0.1", m, version == 3 ? 12 : 8, 1);
}

static void report(struct kit *k, const char *group)
{
	u8 m[8] = { IGMP_V2_REPORT };
	be32 g = v4(group);

	memcpy(m + 4, &g, 4);
	hear(k, group, m, 8, 1);
}

/* How many messages leave within a time; the last of them in *last. */
static unsigned said_within(struct kit *k, u64 ns, struct said *last)
{
	struct said s;
	unsigned n = 0;

	kit_run(k, ns);
	while (sent_igmp(k, &s)) {
		*last = s;
		n++;
	}
	return n;
}

TEST(a_join_is_reported_at_once_and_again_and_a_leave_too)
{
	REQ("1112 7.1", "3376 4", "3376 5.1", "3376 4.2.14", "1122 3.3.7/igmp");
	struct kit k = kit_open(LAB_RAW);
	struct said s;

	CHECK_EQ(join(&k, GROUP), 0);
	REQUIRE(sent_igmp(&k, &s));
	CHECK_STR(s.to, "224.0.0.22");
	CHECK(s.type == IGMP_V3_REPORT && s.record == IGMP_TO_EX && s.records == 1);
	CHECK(be32_eq(s.group, v4(GROUP)));
	CHECK_EQ(said_within(&k, NSEC_PER_SEC + NSEC_PER_MSEC, &s), 1);
	CHECK_EQ(s.record, IGMP_TO_EX);
	CHECK_EQ(said_within(&k, 100 * NSEC_PER_SEC, &s), 0);

	CHECK_EQ(join(&k, GROUP), 0); /* a second user is nobody's business */
	CHECK_EQ(leave(&k, GROUP), 0);
	EXPECT_NOTHING_SENT(&k);
	CHECK_EQ(leave(&k, GROUP), 0);
	REQUIRE(sent_igmp(&k, &s));
	CHECK(s.type == IGMP_V3_REPORT && s.record == IGMP_TO_IN);
	CHECK_EQ(said_within(&k, NSEC_PER_SEC + NSEC_PER_MSEC, &s), 1);
	CHECK_EQ(s.record, IGMP_TO_IN);
	CHECK_EQ(leave(&k, GROUP), -EADDRNOTAVAIL);
	kit_close(&k);
}

TEST(all_systems_is_never_reported)
{
	REQ("1112 7.1/all-hosts", "3376 6");
	struct kit k = kit_open(LAB_RAW);
	struct said s;

	CHECK(ip_mc_is_member(k.cpu, k.dev, v4("224.0.0.1")));
	CHECK_EQ(join(&k, "224.0.0.1"), 0);
	query(&k, 3, 10, "0.0.0.0");
	query(&k, 2, 10, "0.0.0.0");
	query(&k, 2, 10, "224.0.0.1");
	CHECK_EQ(said_within(&k, 300 * NSEC_PER_SEC, &s), 0);
	kit_close(&k);
}

TEST(a_general_query_is_answered_for_all_groups_within_its_time)
{
	REQ("3376 5.2", "3376 4.1.1");
	struct kit k = kit_open(LAB_RAW);
	struct said s;
	u64 start;

	for (unsigned i = 0; i < 5; i++) {
		char g[] = "239.1.2.0";

		g[8] = (char)('1' + i);
		CHECK_EQ(join(&k, g), 0);
	}
	said_within(&k, 5 * NSEC_PER_SEC, &s);
	start = lab_now(k.lab);
	query(&k, 3, 100, "0.0.0.0");
	CHECK(LAB_UNTIL(k.lab, lab_sent_count(k.dev), 10 * NSEC_PER_SEC));
	test_note("answered after %u ms", (unsigned)((lab_now(k.lab) - start) / NSEC_PER_MSEC));
	REQUIRE(sent_igmp(&k, &s));
	CHECK(s.type == IGMP_V3_REPORT && s.record == IGMP_IS_EX && s.records == 5);
	CHECK_EQ(said_within(&k, 100 * NSEC_PER_SEC, &s), 0);
	kit_close(&k);
}

TEST(answers_are_spread_over_the_time_that_the_query_allows)
{
	REQ("3376 5.2/random", "2236 3/random");
	u64 first = TIME_NEVER, last = 0;

	for (unsigned i = 0; i < 40; i++) {
		struct kit k = kit_bare(LAB_RAW);
		struct said s;
		u64 start;

		lab_addr(k.dev, "10.0.0.1/24");
		CHECK_EQ(join(&k, GROUP), 0);
		kit_run(&k, (5000 + i * 7) * NSEC_PER_MSEC);
		kit_drain(&k);
		start = lab_now(k.lab);
		query(&k, 3, 100, "0.0.0.0");
		CHECK(LAB_UNTIL(k.lab, lab_sent_count(k.dev), 10 * NSEC_PER_SEC + 100 * NSEC_PER_USEC));
		first = MIN(first, lab_now(k.lab) - start);
		last = MAX(last, lab_now(k.lab) - start);
		CHECK(sent_igmp(&k, &s));
		kit_close(&k);
	}
	CHECK(first < 2 * NSEC_PER_SEC);
	CHECK(last > 8 * NSEC_PER_SEC);
}

TEST(a_query_about_a_group_is_answered_for_that_group)
{
	REQ("3376 5.2/group");
	struct kit k = kit_open(LAB_RAW);
	struct said s;

	CHECK_EQ(join(&k, GROUP), 0);
	CHECK_EQ(join(&k, "239.9.9.9"), 0);
	said_within(&k, 5 * NSEC_PER_SEC, &s);
	query(&k, 3, 10, GROUP);
	CHECK_EQ(said_within(&k, NSEC_PER_SEC + NSEC_PER_MSEC, &s), 1);
	CHECK(s.record == IGMP_IS_EX && s.records == 1 && be32_eq(s.group, v4(GROUP)));
	query(&k, 3, 10, "239.7.7.7");
	CHECK_EQ(said_within(&k, 10 * NSEC_PER_SEC, &s), 0);
	kit_close(&k);
}

TEST(an_older_router_is_spoken_to_in_its_version_until_it_is_silent)
{
	REQ("3376 7.2.1", "2236 4", "2236 3");
	struct kit k = kit_open(LAB_RAW);
	struct said s;

	CHECK_EQ(join(&k, GROUP), 0);
	said_within(&k, 5 * NSEC_PER_SEC, &s);
	CHECK_EQ(igmp_version(k.dev), 3);
	query(&k, 2, 100, "0.0.0.0");
	CHECK_EQ(igmp_version(k.dev), 2);
	CHECK_EQ(said_within(&k, 11 * NSEC_PER_SEC, &s), 1);
	CHECK_EQ(s.type, IGMP_V2_REPORT);
	CHECK_STR(s.to, GROUP);
	query(&k, 1, 0, "0.0.0.0");
	CHECK_EQ(igmp_version(k.dev), 1);
	CHECK_EQ(said_within(&k, 11 * NSEC_PER_SEC, &s), 1);
	CHECK_EQ(s.type, IGMP_V1_REPORT);
	CHECK_EQ(leave(&k, GROUP), 0); /* version 1 has no word for it */
	CHECK_EQ(said_within(&k, 20 * NSEC_PER_SEC, &s), 0);
	kit_run(&k, 2 * 125 * NSEC_PER_SEC);
	CHECK_EQ(join(&k, GROUP), 0);
	CHECK_EQ(igmp_version(k.dev), 3);
	CHECK(sent_igmp(&k, &s));
	CHECK_EQ(s.type, IGMP_V3_REPORT);
	kit_close(&k);
}

TEST(the_version_can_be_chosen)
{
	struct kit k = kit_open(LAB_RAW);
	struct said s;

	CHECK_EQ(net_sysctl_set(k.h->net, "net.ipv4.conf.all.force_igmp_version", "2"), 0);
	CHECK_EQ(join(&k, GROUP), 0);
	CHECK(sent_igmp(&k, &s));
	CHECK_EQ(s.type, IGMP_V2_REPORT);
	query(&k, 3, 10, "0.0.0.0");
	CHECK(said_within(&k, 20 * NSEC_PER_SEC, &s) >= 1);
	CHECK_EQ(s.type, IGMP_V2_REPORT);
	kit_close(&k);
}

TEST(in_version_2_another_hosts_report_stands_for_ours_and_the_last_reporter_says_leave)
{
	REQ("2236 3/suppress", "2236 3/leave");
	struct kit k = kit_open(LAB_RAW);
	struct said s;

	query(&k, 2, 100, "0.0.0.0");
	CHECK_EQ(join(&k, GROUP), 0);
	said_within(&k, 30 * NSEC_PER_SEC, &s);
	query(&k, 2, 255, "0.0.0.0");
	report(&k, GROUP); /* somebody was faster */
	CHECK_EQ(said_within(&k, 30 * NSEC_PER_SEC, &s), 0);
	CHECK_EQ(leave(&k, GROUP), 0);
	EXPECT_NOTHING_SENT(&k);

	CHECK_EQ(join(&k, GROUP), 0);
	said_within(&k, 30 * NSEC_PER_SEC, &s);
	CHECK_EQ(leave(&k, GROUP), 0);
	REQUIRE(sent_igmp(&k, &s));
	CHECK_EQ(s.type, IGMP_V2_LEAVE);
	CHECK_STR(s.to, "224.0.0.2");
	CHECK(be32_eq(s.group, v4(GROUP)));
	kit_close(&k);
}

TEST(malformed_and_forged_messages_die_by_name)
{
	REQ("3376 9.1", "2236 10");
	static const u8 good[12] = { IGMP_QUERY, 10, [8] = 2, [9] = 125 };
	struct kit k = kit_open(LAB_RAW);
	u8 m[16];
	struct said s;

	CHECK_EQ(join(&k, GROUP), 0);
	said_within(&k, 5 * NSEC_PER_SEC, &s);
	for (unsigned len = 1; len < 8; len++)
		hear(&k, "224.0.0.1", good, len, 1);
	for (unsigned len = 9; len < 12; len++)
		hear(&k, "224.0.0.1", good, len, 1);
	memcpy(m, good, 12);
	m[11] = 1; /* a source that is not there */
	hear(&k, "224.0.0.1", m, 12, 1);
	memcpy(m, good, 12);
	m[4] = 10; /* not a group */
	hear(&k, "224.0.0.1", m, 12, 1);
	CHECK_EQ(drops(&k, DROP_IGMP_HDR), 12);
	hear(&k, "224.0.0.1", good, 12, 2);  /* from afar */
	hear(&k, "10.0.0.1", good, 12, 1);   /* a general query to one host */
	m[0] = IGMP_V2_LEAVE;
	hear(&k, "224.0.0.1", m, 8, 1);
	m[0] = 0x99;
	hear(&k, "224.0.0.1", m, 8, 1);
	CHECK_EQ(drops(&k, DROP_IGMP_IGNORED), 4);
	INJECT(&k, .dst = "224.0.0.1", .proto = 2, .ttl = 1, .data = good, .len = 12);
	CHECK_EQ(drops(&k, DROP_IGMP_CSUM), 1);
	CHECK_EQ(said_within(&k, 30 * NSEC_PER_SEC, &s), 0);
	kit_close(&k);
}

TEST(what_is_sent_to_a_group_reaches_members_only)
{
	REQ("1112 7.2", "1122 3.3.7");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7000);
	u8 buf[16];

	kit_udp(&k, "10.0.0.2", GROUP, 1, 7000, "x", 1);
	CHECK_EQ(drops(&k, DROP_IP_NO_MEMBER), 1);
	CHECK_EQ(join(&k, GROUP), 0);
	kit_udp(&k, "10.0.0.2", GROUP, 1, 7000, "y", 1);
	CHECK_EQ(kit_recv(sk, buf, sizeof(buf), NULL), 1);
	CHECK_EQ(buf[0], 'y');
	kit_drain(&k);
	kit_udp(&k, "10.0.0.2", GROUP, 1, 7001, "z", 1);
	CHECK_EQ(drops(&k, DROP_NO_SOCKET), 1);
	EXPECT_NOTHING_SENT(&k); /* and no error about it */
	CHECK_EQ(leave(&k, GROUP), 0);
	kit_udp(&k, "10.0.0.2", GROUP, 1, 7000, "x", 1);
	CHECK_EQ(drops(&k, DROP_IP_NO_MEMBER), 2);
	bh_disable(k.cpu);
	udp_prot.close(sk);
	bh_enable(k.cpu);
	kit_close(&k);
}

static int setopt(struct kit *k, struct sock *sk, int opt, const void *val, unsigned len)
{
	int err;

	bh_disable(k->cpu);
	net_set_now(k->cpu, lab_now(k->lab));
	err = udp_prot.setsockopt(sk, SOL_IP, opt, val, len);
	bh_enable(k->cpu);
	kit_settle(k);
	return err;
}

TEST(a_sock_joins_by_address_or_number_and_its_end_leaves)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7000), *other = kit_sock(&k, 7001);
	struct ip_mreqn by_route = { .imr_multiaddr = v4(GROUP) };
	struct ip_mreqn by_addr = { .imr_multiaddr = v4("239.0.0.9"), .imr_address = v4("10.0.0.1") };
	struct ip_mreqn wrong = { .imr_multiaddr = v4(GROUP), .imr_address = v4("10.0.0.9") };
	struct ip_mreqn by_number = { .imr_multiaddr = v4("239.0.0.8"), .imr_ifindex = (int)k.dev->ifindex };

	CHECK_EQ(setopt(&k, sk, IP_ADD_MEMBERSHIP, &by_route, 8), 0);
	CHECK_EQ(setopt(&k, sk, IP_ADD_MEMBERSHIP, &by_route, 8), -EADDRINUSE);
	CHECK_EQ(setopt(&k, other, IP_ADD_MEMBERSHIP, &by_route, 8), 0);
	CHECK_EQ(setopt(&k, sk, IP_ADD_MEMBERSHIP, &by_addr, 8), 0);
	CHECK_EQ(setopt(&k, sk, IP_ADD_MEMBERSHIP, &by_number, sizeof(by_number)), 0);
	CHECK_EQ(setopt(&k, sk, IP_ADD_MEMBERSHIP, &wrong, 8), -ENODEV);
	wrong = (struct ip_mreqn){ .imr_multiaddr = v4("10.0.0.2") };
	CHECK_EQ(setopt(&k, sk, IP_ADD_MEMBERSHIP, &wrong, 8), -EINVAL);
	CHECK_EQ(setopt(&k, sk, IP_ADD_MEMBERSHIP, &by_route, 7), -EINVAL);
	CHECK_EQ(setopt(&k, sk, IP_DROP_MEMBERSHIP, &wrong, 8), -EADDRNOTAVAIL);
	CHECK(ip_mc_is_member(k.cpu, k.dev, v4("239.0.0.8")));
	CHECK_EQ(setopt(&k, sk, IP_DROP_MEMBERSHIP, &by_route, 8), 0);
	CHECK(ip_mc_is_member(k.cpu, k.dev, v4(GROUP))); /* the other's */
	bh_disable(k.cpu);
	udp_prot.close(sk);
	CHECK(!ip_mc_is_member(k.cpu, k.dev, v4("239.0.0.8")));
	udp_prot.close(other);
	CHECK(!ip_mc_get(k.cpu, 0));
	bh_enable(k.cpu);
	kit_close(&k);
}

TEST(memberships_are_bounded)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7000);
	unsigned n = 0;

	for (; n < 30; n++) {
		struct ip_mreqn m = { .imr_multiaddr = be32_of(0xef000001 + n) };

		if (setopt(&k, sk, IP_ADD_MEMBERSHIP, &m, 8))
			break;
	}
	CHECK_EQ(n, 20);
	for (n = 20; n < 100; n++) {
		char g[] = "239.0.1.00";

		g[8] = (char)('0' + n / 10);
		g[9] = (char)('0' + n % 10);
		if (join(&k, g))
			break;
	}
	CHECK_EQ(n, IP_MC_MAX);
	bh_disable(k.cpu);
	udp_prot.close(sk);
	bh_enable(k.cpu);
	kit_close(&k);
}

TEST(a_datagram_to_a_group_has_ttl_1_and_members_here_hear_it)
{
	REQ("1112 6.1", "1112 6.1/loop", "1112 6.4");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7000), *rx = kit_sock(&k, 7001);
	static struct pkt p;
	struct ipv4_info ip;
	u8 buf[16];
	int v;

	CHECK_EQ(join(&k, GROUP), 0);
	kit_run(&k, 5 * NSEC_PER_SEC);
	kit_drain(&k);
	CHECK_EQ(kit_send(&k, sk, GROUP, 7001, "one", 3), 3);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	CHECK_EQ(ip.ttl, 1);
	CHECK(!ip.df);
	kit_run(&k, NSEC_PER_MSEC);
	CHECK_EQ(kit_recv(rx, buf, sizeof(buf), NULL), 3);
	v = 9;
	CHECK_EQ(setopt(&k, sk, IP_MULTICAST_TTL, &v, sizeof(v)), 0);
	v = 0;
	CHECK_EQ(setopt(&k, sk, IP_MULTICAST_LOOP, &v, sizeof(v)), 0);
	CHECK_EQ(kit_send(&k, sk, GROUP, 7001, "two", 3), 3);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	CHECK_EQ(ip.ttl, 9);
	kit_run(&k, NSEC_PER_MSEC);
	CHECK_EQ(kit_recv(rx, buf, sizeof(buf), NULL), -EAGAIN);
	CHECK_EQ(setopt(&k, sk, IP_MULTICAST_TTL, &v, sizeof(v)), 0); /* TTL 0: not beyond this host */
	v = 1;
	CHECK_EQ(setopt(&k, sk, IP_MULTICAST_LOOP, &v, sizeof(v)), 0);
	CHECK_EQ(kit_send(&k, sk, GROUP, 7001, "three", 5), 5);
	EXPECT_NOTHING_SENT(&k);
	kit_run(&k, NSEC_PER_MSEC);
	CHECK_EQ(kit_recv(rx, buf, sizeof(buf), NULL), 5);
	bh_disable(k.cpu);
	udp_prot.close(sk);
	udp_prot.close(rx);
	bh_enable(k.cpu);
	kit_close(&k);
}

TEST(members_on_other_cpus_are_reported_by_cpu_0)
{
	struct lab *lab = lab_create(3);
	struct lab_host *h = lab_host_cpus(lab, "h", 2, 0);
	struct net_device *dev = lab_dev(h, LAB_RAW), *on = dev;
	struct kit k = { .lab = lab, .h = h, .dev = dev, .cpu = h->cpu };
	struct net_cpu *other = h->net->cpus[1];
	struct said s;

	lab_addr(dev, "10.0.0.1/24");
	kit_settle(&k);
	bh_disable(other);
	CHECK_EQ(ip_mc_join(other, &on, v4(GROUP)), 0);
	bh_enable(other);
	CHECK(ip_mc_is_member(other, dev, v4(GROUP)));
	CHECK(!ip_mc_is_member(k.cpu, dev, v4(GROUP)));
	CHECK(said_within(&k, NSEC_PER_SEC, &s) >= 1);
	CHECK_EQ(s.record, IGMP_TO_EX);
	bh_disable(other);
	CHECK_EQ(ip_mc_leave(other, dev, v4(GROUP)), 0);
	bh_enable(other);
	CHECK(said_within(&k, NSEC_PER_SEC, &s) >= 1);
	CHECK_EQ(s.record, IGMP_TO_IN);
	kit_close(&k);
}
