/* SPDX-License-Identifier: MIT
 * test_ipv6_nd.c - neighbours, routers, addresses that form themselves, and listeners (RFC 4861, 4862, 7217, 8106, 9777).
 */
#include <stdio.h>

#include "ip6kit.h"
#include "net/ipv6/autoconf.h"

static const u8 ROUTER_MAC[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 9 };
#define ROUTER "fe80::9"

/* A neighbour solicitation or advertisement with one option of 8 bytes (opt 0: none). */
static void nd(struct kit *k, u8 type, const char *src, const char *dst, const char *target, u8 flags, u8 opt, u8 hops)
{
	u8 m[32] = { type, 0, 0, 0, flags, [24] = opt, 1 };
	struct ip_addr t = ip6(target);

	memcpy(m + 8, &t, 16);
	memcpy(m + 26, PEER_MAC, 6);
	INJECT6(k, .src = src, .dst = dst, .proto = 58, .data = m, .len = opt ? 32 : 24, .hops = hops, .icmp = true);
}

struct ra {
	u16 lifetime;
	u32 valid, preferred;
	u8 flags; /* of the prefix; 0: no prefix */
	u8 hops, plen;
	const char *src, *prefix;
	u32 dns_s;
};

static void advertise(struct kit *k, const struct ra *a)
{
	u8 m[16 + 8 + 32 + 24] = { 134, 0, 0, 0, 61, 0, (u8)(a->lifetime >> 8), (u8)a->lifetime };
	struct ip_addr p = ip6(a->prefix ? a->prefix : "2001:db8:5::"), dns = ip6("2001:db8:5::53");
	unsigned n = 16;

	m[n] = 1;
	m[n + 1] = 1;
	memcpy(m + n + 2, ROUTER_MAC, 6);
	n += 8;
	if (a->flags) {
		m[n] = 3;
		m[n + 1] = 4;
		m[n + 2] = a->plen ? a->plen : 64;
		m[n + 3] = a->flags;
		for (int i = 0; i < 4; i++) {
			m[n + 4 + i] = (u8)(a->valid >> (24 - 8 * i));
			m[n + 8 + i] = (u8)(a->preferred >> (24 - 8 * i));
		}
		memcpy(m + n + 16, &p, 16);
		n += 32;
	}
	if (a->dns_s) {
		m[n] = 25;
		m[n + 1] = 3;
		m[n + 6] = (u8)(a->dns_s >> 8);
		m[n + 7] = (u8)a->dns_s;
		memcpy(m + n + 8, &dns, 16);
		n += 24;
	}
	INJECT6(k, .src = a->src ? a->src : ROUTER, .dst = "ff02::1", .proto = 58, .data = m, .len = n,
		.hops = a->hops ? a->hops : 255, .icmp = true);
}
#define ADVERTISE(k, ...) advertise(k, &(struct ra){ __VA_ARGS__ })

static const struct ip6_ifaddr *formed(struct kit *k)
{
	const struct ip6_ifaddr *a;

	for (unsigned i = 0; (a = ip6_addr_get(k->cpu, i)); i++)
		if (a->flags & IP6_F_AUTO)
			return a;
	return NULL;
}

static unsigned default_routes(struct kit *k)
{
	const struct ip6_route *r;
	unsigned n = 0;

	for (unsigned i = 0; (r = ip6_route_get(k->cpu, i)); i++)
		n += !r->plen && r->ra;
	return n;
}

/* ---- neighbours ---- */
TEST(a_solicitation_for_our_address_is_answered_with_our_link_address)
{
	REQ("4861 7.2.4", "4861 7.2.3");
	struct kit k = kit6_open();
	struct ip_addr asker = ip6("2001:db8::77");
	struct ipv6_info ip;
	const u8 *p;

	nd(&k, 135, "2001:db8::77", "ff02::1:ff00:1", HOST6, 0, 1, 255);
	p = expect_icmp6(&k, 136, 0, &ip);
	CHECK_EQ(ip.hop_limit, 255);
	CHECK(ip_eq(&ip.daddr, &asker));
	CHECK_EQ(p ? p[4] : 0, 0x60); /* solicited, override, no router */
	CHECK(p && p[24] == 2 && !memcmp(p + 26, k.dev->addr, 6));
	CHECK(neigh_lookup(k.cpu, k.dev, &asker) && neigh_lookup(k.cpu, k.dev, &asker)->state == NEIGH_DELAY);
	kit_close(&k);
}

TEST(discovery_that_did_not_come_from_the_link_is_not_believed)
{
	REQ("4861 7.1.1", "4861 7.1.2", "4861 6.1.2");
	struct kit k = kit6_open();

	nd(&k, 135, NULL, NULL, HOST6, 0, 1, 254);
	nd(&k, 136, NULL, NULL, PEER6, 0x60, 2, 254);
	ADVERTISE(&k, .lifetime = 1800, .hops = 254);
	CHECK_EQ(drops(&k, DROP_ND_NOT_ON_LINK), 3);
	ADVERTISE(&k, .lifetime = 1800, .src = "2001:db8::9");
	nd(&k, 135, NULL, NULL, "ff02::1", 0, 1, 255);
	nd(&k, 135, "::", NULL, HOST6, 0, 0, 255);          /* a probe goes to the group */
	nd(&k, 135, "::", "ff02::1:ff00:1", HOST6, 0, 1, 255); /* and names no link address */
	nd(&k, 136, NULL, "ff02::1", PEER6, 0x40, 2, 255);  /* nobody solicits for all */
	CHECK_EQ(drops(&k, DROP_ND_MALFORMED), 5);
	CHECK_EQ(default_routes(&k), 0);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(an_option_of_length_zero_or_past_the_end_discards_the_message)
{
	REQ("4861 4.6");
	struct kit k = kit6_open();
	u8 m[32] = { 135, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, [23] = 1, [24] = 1, 0 };

	INJECT6(&k, .proto = 58, .data = m, .len = 32, .hops = 255, .icmp = true);
	m[25] = 2;
	INJECT6(&k, .proto = 58, .data = m, .len = 32, .hops = 255, .icmp = true);
	INJECT6(&k, .proto = 58, .data = m, .len = 20, .hops = 255, .icmp = true);
	CHECK_EQ(drops(&k, DROP_ND_MALFORMED), 3);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(discovery_in_fragments_is_dropped)
{
	REQ("6980 5");
	struct kit k = kit6_open();
	u8 m[40] = { 58, [8] = 135, [16] = 0x20, 1, 0x0d, 0xb8, [31] = 1, [32] = 1, 1, 2, 3 };
	struct ip_addr src = ip6(PEER6), dst = ip6(HOST6);
	be16 c = csum_fold(csum_partial(m + 8, 32, ip6_pseudo_sum(&src, &dst, 58, 32)));

	memcpy(m + 10, &c, 2);
	INJECT6(&k, .proto = 44, .data = m, .len = 40, .hops = 255);
	CHECK_EQ(drops(&k, DROP_ND_NOT_ON_LINK), 1);
	kit_close(&k);
}

TEST(an_advertisement_changes_an_entry_only_as_its_flags_allow)
{
	REQ("4861 7.2.5");
	struct kit k = kit6_open();
	struct ip_addr peer = ip6(PEER6), nobody = ip6("2001:db8::99");
	static const u8 other[6] = { 2, 9, 9, 9, 9, 9 };
	struct neigh *n;

	neigh_update(k.cpu, k.dev, &peer, other, NEIGH_SOLICITED | NEIGH_OVERRIDE);
	n = neigh_lookup(k.cpu, k.dev, &peer);
	nd(&k, 136, NULL, NULL, PEER6, 0x40, 2, 255); /* another address without override: doubt alone */
	CHECK(!memcmp(neigh_ha(n), other, 6));
	CHECK_EQ(n->state, NEIGH_STALE);
	nd(&k, 136, NULL, NULL, PEER6, 0xe0, 2, 255);
	CHECK(!memcmp(neigh_ha(n), PEER_MAC, 6));
	CHECK_EQ(n->state, NEIGH_REACHABLE);
	CHECK(n->is_router);
	nd(&k, 136, NULL, NULL, "2001:db8::99", 0x60, 2, 255); /* nobody asked: no entry */
	CHECK(!neigh_lookup(k.cpu, k.dev, &nobody));
	kit_close(&k);
}

TEST(a_next_hop_is_asked_for_three_times_and_then_its_packets_die)
{
	REQ("4861 7.2.2");
	struct kit k = kit6_open();
	struct icmp6_ping ping = { 0 };
	struct flow fl = { .dst = ip6("2001:db8::55") };
	struct ip_addr group = ip6("ff02::1:ff00:55");
	struct ipv6_info ip;
	unsigned asked = 0;
	const u8 *p;

	icmp6_ping_open(k.cpu, &ping);
	CHECK_EQ(icmp6_ping_send(k.cpu, &ping, &fl, 1, 8), 0);
	kit_run(&k, 5 * NSEC_PER_SEC);
	while ((p = kit6_sent(&k, &ip)))
		asked += p[0] == 135 && ip_eq(&ip.daddr, &group) && ip.hop_limit == 255;
	CHECK_EQ(asked, 3);
	CHECK_EQ(drops(&k, DROP_NEIGH_FAILED), 1);
	icmp6_ping_close(&ping);
	kit_close(&k);
}

/* ---- addresses ---- */
TEST(an_address_is_probed_for_and_used_a_second_later)
{
	REQ("4862 5.4", "4862 5.4.2", "4291 2.8");
	struct kit k = kit6_bare();
	const struct ip6_ifaddr *a;
	struct ipv6_info ip;
	unsigned probes = 0, reports = 0;
	const u8 *p;

	k.cpu->sysctl.ip6_accept_ra = 0;
	REQUIRE(!ip6_dev_up(k.h->net, k.dev));
	a = ip6_addr_get(k.cpu, 0);
	REQUIRE(a && ip6_is_link_local(&a->addr));
	CHECK_EQ(a->state, IP6_TENTATIVE);
	CHECK(!ip6_local_find(k.cpu, &a->addr));
	kit_run(&k, 2500 * NSEC_PER_MSEC);
	CHECK_EQ(a->state, IP6_VALID);
	while ((p = kit6_sent(&k, &ip))) {
		probes += p[0] == 135 && ip6_is_unspecified(&ip.saddr) && !memcmp(p + 8, &a->addr, 16);
		reports += ip.nexthdr == 0 && p[8] == 143;
	}
	CHECK_EQ(probes, 1);
	CHECK(reports >= 1);
	kit_close(&k);
}

TEST(an_address_that_somebody_has_is_exchanged_for_another)
{
	REQ("4862 5.4.3", "4862 5.4.5", "7217 6");
	struct kit k = kit6_bare();
	struct ip_addr first, group;
	char text[IP_NTOP_MAX], gtext[IP_NTOP_MAX];

	k.cpu->sysctl.ip6_accept_ra = 0;
	REQUIRE(!ip6_dev_up(k.h->net, k.dev));
	first = ip6_addr_get(k.cpu, 0)->addr;
	group = ip6_solicited_node(&first);
	nd(&k, 135, "::", ip_ntop(&group, gtext), ip_ntop(&first, text), 0, 0, 255); /* it probes too */
	CHECK_EQ(stat(&k, STAT_Ip6DadConflicts), 1);
	CHECK(!ip_eq(&ip6_addr_get(k.cpu, 0)->addr, &first));
	first = ip6_addr_get(k.cpu, 0)->addr;
	nd(&k, 136, "fe80::5", "ff02::1", ip_ntop(&first, text), 0x20, 2, 255); /* it has it */
	CHECK_EQ(stat(&k, STAT_Ip6DadConflicts), 2);
	kit_run(&k, 3 * NSEC_PER_SEC);
	CHECK_EQ(ip6_addr_get(k.cpu, 0)->state, IP6_VALID);
	CHECK(!ip_eq(&ip6_addr_get(k.cpu, 0)->addr, &first));
	kit_close(&k);
}

TEST(identifiers_differ_by_prefix_and_secret_and_tell_nothing_of_the_hardware)
{
	REQ("7217 5");
	struct kit k = kit6_open();
	struct autoconf *ac = k.cpu->ip6->autoconf;
	struct ip6_ifaddr a = { .addr = ip6("2001:db8:a::"), .dev = k.dev }, b = { .addr = ip6("2001:db8:b::"), .dev = k.dev }, c = a;

	autoconf_address(ac, &a);
	autoconf_address(ac, &b);
	autoconf_address(ac, &c);
	CHECK(ip_eq(&a.addr, &c.addr));
	CHECK(a.addr.q[1] != b.addr.q[1]);
	ac->secret.k[0]++;
	autoconf_address(ac, &c);
	CHECK(a.addr.q[1] != c.addr.q[1]);
	k.cpu->sysctl.ip6_addr_gen_mode = 0;
	autoconf_address(ac, &c);
	CHECK_EQ(c.addr.b[11], 0xff);
	CHECK_EQ(c.addr.b[12], 0xfe);
	kit_close(&k);
}

/* ---- routers ---- */
TEST(a_router_is_looked_for_until_one_answers)
{
	REQ("4861 6.3.7", "7559 2");
	struct kit k = kit6_bare();
	struct ipv6_info ip;
	unsigned asked = 0;
	const u8 *p;

	REQUIRE(!ip6_dev_up(k.h->net, k.dev));
	kit_run(&k, 8 * NSEC_PER_SEC);
	while ((p = kit6_sent(&k, &ip)))
		asked += p[0] == 133 && ip.hop_limit == 255;
	CHECK_EQ(asked, 2);
	ADVERTISE(&k, .lifetime = 1800);
	kit_run(&k, 100 * NSEC_PER_SEC);
	while ((p = kit6_sent(&k, &ip)))
		CHECK(p[0] != 133);
	kit_close(&k);
}

TEST(an_advertisement_forms_an_address_and_gives_route_hop_limit_and_resolver)
{
	REQ("4861 6.3.4", "4862 5.5", "4862 5.5.3", "8106 5.1", "8106 5.3.1");
	struct kit k = kit6_open();
	const struct ip6_ifaddr *a;
	struct ip_addr dns, want = ip6("2001:db8:5::53"), far = ip6("2001:db8:ffff::1");
	const struct ip6_route *r;

	ADVERTISE(&k, .lifetime = 1800, .flags = 0xc0, .valid = 3600, .preferred = 1800, .dns_s = 600);
	a = formed(&k);
	REQUIRE(a);
	CHECK(ip_prefix_eq(&a->addr, &want, 64));
	kit_run(&k, 3 * NSEC_PER_SEC);
	CHECK_EQ(a->state, IP6_VALID);
	CHECK_EQ(default_routes(&k), 1);
	CHECK(!ip6_fib_lookup(k.cpu, &far, k.dev, &r));
	CHECK(!ip6_fib_lookup(k.cpu, &want, k.dev, &r) && ip6_is_unspecified(&r->gateway));
	CHECK_EQ(k.cpu->ip6->params[k.dev->ifindex].hop_limit, 61);
	CHECK(ip6_dns_servers(k.cpu, &dns, 1) == 1 && ip_eq(&dns, &want));
	/* everything ends at its time */
	kit_run(&k, 1000 * NSEC_PER_SEC);
	CHECK_EQ(ip6_dns_servers(k.cpu, &dns, 1), 0);
	kit_run(&k, 900 * NSEC_PER_SEC);
	CHECK_EQ(default_routes(&k), 0);
	CHECK(formed(&k));
	kit_run(&k, 2000 * NSEC_PER_SEC);
	CHECK(!formed(&k));
	kit_close(&k);
}

TEST(nobody_shortens_a_lifetime_below_two_hours)
{
	REQ("4862 5.5.3(e)");
	struct kit k = kit6_open();
	u64 left;

	ADVERTISE(&k, .lifetime = 1800, .flags = 0xc0, .valid = 86400, .preferred = 86400);
	ADVERTISE(&k, .lifetime = 1800, .flags = 0xc0, .valid = 1, .preferred = 1);
	left = formed(&k)->valid_ns - k.cpu->now_ns;
	CHECK(left > 7190 * NSEC_PER_SEC && left <= 7200 * NSEC_PER_SEC);
	ADVERTISE(&k, .lifetime = 1800, .flags = 0xc0, .valid = 1, .preferred = 1);
	CHECK(formed(&k)->valid_ns - k.cpu->now_ns > 7190 * NSEC_PER_SEC);
	CHECK(formed(&k)->preferred_ns <= k.cpu->now_ns + NSEC_PER_SEC);
	kit_close(&k);
}

TEST(prefixes_that_make_no_address_make_none)
{
	REQ("4862 5.5.3(a-d)");
	struct kit k = kit6_open();

	ADVERTISE(&k, .flags = 0xc0, .valid = 10, .preferred = 20);
	ADVERTISE(&k, .flags = 0xc0, .valid = 100, .preferred = 20, .plen = 48);
	ADVERTISE(&k, .flags = 0xc0, .valid = 100, .preferred = 20, .prefix = "fe80::");
	ADVERTISE(&k, .flags = 0xc0, .valid = 0, .preferred = 0);
	ADVERTISE(&k, .flags = 0x80, .valid = 100, .preferred = 20);
	CHECK(!formed(&k));
	kit_close(&k);
}

TEST(a_flood_of_routers_and_prefixes_fills_tables_and_no_memory)
{
	REQ("4861 11");
	struct kit k = kit6_open();
	const struct ip6_route *r;
	unsigned routes = 0;
	char src[40], prefix[40];

	for (unsigned i = 0; i < 500; i++) {
		snprintf(src, sizeof(src), "fe80::1:%x", i);
		snprintf(prefix, sizeof(prefix), "2001:db8:%x::", i + 0x100);
		ADVERTISE(&k, .lifetime = 9000, .flags = 0xc0, .valid = 9000, .preferred = 9000, .src = src, .prefix = prefix);
	}
	while ((r = ip6_route_get(k.cpu, routes)))
		routes++;
	CHECK_EQ(default_routes(&k), IP6_ROUTERS_MAX);
	CHECK(routes <= IP6_ROUTERS_MAX + IP6_PREFIXES_MAX + 2);
	CHECK(k.cpu->ip6->nr_addrs <= 2 + 8);
	kit_close(&k);
}

TEST(a_router_that_resigns_or_says_it_is_none_is_no_default_router)
{
	REQ("4861 6.3.5", "4861 7.3.3");
	struct kit k = kit6_open();

	ADVERTISE(&k, .lifetime = 1800);
	CHECK_EQ(default_routes(&k), 1);
	ADVERTISE(&k, .lifetime = 0);
	CHECK_EQ(default_routes(&k), 0);
	ADVERTISE(&k, .lifetime = 1800);
	nd(&k, 136, ROUTER, HOST6, ROUTER, 0x20, 2, 255);
	CHECK_EQ(default_routes(&k), 0);
	kit_close(&k);
}

TEST(a_redirect_is_counted_and_ignored)
{
	REQ("4861 8.3");
	struct kit k = kit6_open();

	INJECT6(&k, .src = ROUTER, .proto = 58, .data = (u8[40]){ 137 }, .len = 40, .hops = 255, .icmp = true);
	CHECK_EQ(stat(&k, STAT_Icmp6InRedirects), 1);
	CHECK_EQ(drops(&k, DROP_ICMP_IGNORED), 1);
	kit_close(&k);
}

/* A router's prefix formed an address, which is probed for. */
static const struct ip6_ifaddr *optimist(struct kit *k)
{
	struct ipv6_info ip;

	*k = kit6_bare();
	k->cpu->sysctl.ip6_optimistic_dad = 1;
	REQUIRE(!ip6_dev_up(k->h->net, k->dev));
	CHECK_EQ(ip6_addr_get(k->cpu, 0)->state, IP6_TENTATIVE); /* the link-local one: no router is known yet */
	kit_run(k, 2500 * NSEC_PER_MSEC);
	while (kit6_sent(k, &ip))
		;
	ADVERTISE(k, .lifetime = 1800, .flags = 0xc0, .valid = 86400, .preferred = 14400);
	REQUIRE(formed(k) != NULL);
	return formed(k);
}

TEST(an_optimistic_address_is_used_while_it_is_probed_for_and_claims_nothing)
{
	REQ("4429 3.2/resolve", "4429 3.2/override", "4429 3.3/delay", "4429 3.3/use");
	struct kit k;
	const struct ip6_ifaddr *a = optimist(&k);
	struct ip_addr far = ip6("2001:db8:99::1"), near = ip6("2001:db8:5::78"), s;
	struct flow fl = { .dst = near };
	struct icmp6_ping ping = { 0 };
	struct ipv6_info ip;
	char text[IP_NTOP_MAX];
	unsigned probes = 0, asked = 0, answers = 0;
	const u8 *p;

	CHECK_EQ(a->state, IP6_VALID);
	CHECK(a->flags & IP6_F_OPTIMISTIC);
	CHECK(ip6_local_find(k.cpu, &a->addr) != NULL);
	s = ip6_select_src(k.cpu, k.dev, &far);
	CHECK(ip_eq(&s, &a->addr));
	icmp6_ping_open(k.cpu, &ping);
	CHECK_EQ(icmp6_ping_send(k.cpu, &ping, &fl, 1, 8), 0);
	kit_run(&k, 10 * NSEC_PER_MSEC);
	icmp6_ping_close(&ping);
	nd(&k, 135, "2001:db8:5::77", ip_ntop(&a->addr, text), ip_ntop(&a->addr, text), 0, 1, 255);
	while ((p = kit6_sent(&k, &ip))) {
		bool ours = !memcmp(p + 8, &a->addr, 16);

		probes += p[0] == 135 && ip6_is_unspecified(&ip.saddr) && ours;
		asked += p[0] == 135 && !memcmp(p + 8, &near, 16);
		if (p[0] != 136 || !ours)
			continue;
		answers++;
		CHECK_EQ(p[4] & 0x60, 0x40); /* solicited, and overrides nothing */
	}
	CHECK_EQ(probes, 1); /* at once */
	CHECK_EQ(asked, 0);
	CHECK_EQ(answers, 1);
	kit_run(&k, 1500 * NSEC_PER_MSEC);
	CHECK(!(formed(&k)->flags & IP6_F_OPTIMISTIC));
	CHECK_EQ(formed(&k)->state, IP6_VALID);
	while (kit6_sent(&k, &ip))
		;
	nd(&k, 135, "2001:db8:5::77", ip_ntop(&a->addr, text), ip_ntop(&a->addr, text), 0, 1, 255);
	p = kit6_sent(&k, &ip);
	REQUIRE(p && p[0] == 136);
	CHECK_EQ(p[4] & 0x60, 0x60);
	kit_close(&k);
}

TEST(an_optimistic_address_that_somebody_has_is_given_up)
{
	REQ("4429 3.3/conflict");
	for (int advert = 0; advert < 2; advert++) {
		struct kit k;
		const struct ip6_ifaddr *a = optimist(&k);
		struct ip_addr first = a->addr, group = ip6_solicited_node(&first);
		char text[IP_NTOP_MAX], gtext[IP_NTOP_MAX];

		if (advert)
			nd(&k, 136, "fe80::5", "ff02::1", ip_ntop(&first, text), 0x20, 2, 255);
		else
			nd(&k, 135, "::", ip_ntop(&group, gtext), ip_ntop(&first, text), 0, 0, 255);
		CHECK_EQ(stat(&k, STAT_Ip6DadConflicts), 1);
		CHECK(!ip6_local_find(k.cpu, &first));
		CHECK(!ip_eq(&formed(&k)->addr, &first));
		kit_close(&k);
	}
}

TEST(an_optimistic_address_is_the_second_choice_unless_the_operator_says_otherwise_and_no_routers)
{
	REQ("4429 3.3/router");
	struct kit k;
	const struct ip6_ifaddr *a = optimist(&k);
	struct ip_addr certain = ip6("2001:db8:7::1"), to = a->addr, s;

	k.cpu->sysctl.ip6_dad_transmits = 0;
	REQUIRE(!ip6_addr_add(k.h->net, k.dev, &certain, 64));
	to.b[15] ^= 1;
	s = ip6_select_src(k.cpu, k.dev, &to);
	CHECK(ip_eq(&s, &certain)); /* although the other shares more bits */
	k.cpu->sysctl.ip6_use_optimistic = 1;
	s = ip6_select_src(k.cpu, k.dev, &to);
	CHECK(ip_eq(&s, &formed(&k)->addr));
	kit_close(&k);

	k = kit6_bare();
	k.cpu->sysctl.ip6_optimistic_dad = k.cpu->sysctl.ip6_forwarding = 1;
	k.cpu->sysctl.ip6_accept_ra = 2;
	REQUIRE(!ip6_dev_up(k.h->net, k.dev));
	kit_run(&k, 2500 * NSEC_PER_MSEC);
	ADVERTISE(&k, .lifetime = 1800, .flags = 0xc0, .valid = 86400, .preferred = 14400);
	CHECK_EQ(formed(&k)->state, IP6_TENTATIVE);
	kit_close(&k);
}

/* ---- which address to send from ---- */
TEST(the_source_address_follows_scope_and_longest_prefix)
{
	REQ("6724 5");
	struct kit k = kit6_open();
	struct ip_addr second = ip6("2001:db8:7::1"), global = ip6("2001:db8:7::99"), local = ip6("fe80::99"), us = ip6(HOST6), s;

	k.cpu->sysctl.ip6_dad_transmits = 0;
	REQUIRE(!ip6_addr_add(k.h->net, k.dev, &second, 64));
	s = ip6_select_src(k.cpu, k.dev, &global);
	CHECK(ip_eq(&s, &second));
	global = ip6("2001:db8::4");
	s = ip6_select_src(k.cpu, k.dev, &global);
	CHECK(ip_eq(&s, &us));
	s = ip6_select_src(k.cpu, k.dev, &local);
	CHECK(ip6_is_link_local(&s));
	ip6_find_addr(k.cpu, k.dev, &us)->preferred_ns = 0; /* deprecated */
	s = ip6_select_src(k.cpu, k.dev, &global);
	CHECK(ip_eq(&s, &second));
	kit_close(&k);
}

/* ---- listeners ---- */
TEST(a_query_for_all_groups_is_answered_with_one_report)
{
	REQ("9777 6.2");
	struct kit k = kit6_open();
	u8 q[8 + 28] = { 58, 0, 5, 2, 0, 0, 1, 0, 130, [12] = 0x03, 0xe8 };
	struct ip_addr src = ip6(ROUTER), dst = ip6("ff02::1");
	struct ipv6_info ip;
	const u8 *p;
	be16 c = csum_fold(csum_partial(q + 8, 28, ip6_pseudo_sum(&src, &dst, 58, 28)));

	memcpy(q + 10, &c, 2);
	INJECT6(&k, .src = ROUTER, .dst = "ff02::1", .proto = 0, .data = q, .len = sizeof(q), .hops = 1);
	kit_run(&k, 1500 * NSEC_PER_MSEC);
	p = kit6_sent(&k, &ip);
	REQUIRE(p);
	CHECK_EQ(ip.nexthdr, 0);
	CHECK_EQ(ip.hop_limit, 1);
	CHECK_EQ(p[2], 5); /* router alert */
	CHECK_EQ(p[8], 143);
	CHECK_EQ(p[15], 2); /* the groups of two addresses */
	CHECK_EQ(p[16], 2); /* MODE_IS_EXCLUDE */
	INJECT6(&k, .src = ROUTER, .dst = "ff02::1", .proto = 0, .data = q, .len = sizeof(q), .hops = 64);
	CHECK_EQ(drops(&k, DROP_ND_NOT_ON_LINK), 1);
	kit_close(&k);
}
