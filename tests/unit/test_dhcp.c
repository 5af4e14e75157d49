/* SPDX-License-Identifier: MIT
 * test_dhcp.c - the DHCP client against a scripted server: the whole life of a lease, losses, refusals (RFC 2131, RFC 2132).
 */
#include "unit/dhcp_kit.h"

TEST(the_search_shouts_from_nobody_to_all) /* 2131§4.1 */
{
	REQ("2131 3.1/discover", "2131 4.1/source");
	struct told t;
	struct kit k = client(&t);
	struct seen s;

	CHECK_STR(dhcp_state(k.dev), "SELECTING");
	REQUIRE(heard(&k, &s));
	CHECK_EQ(s.type, DHCPDISCOVER);
	CHECK(!s.ip.saddr.raw && be32_get(s.ip.daddr) == 0xffffffff && eth_is_broadcast(s.eth_dst));
	CHECK(!s.requested.raw && !s.server_id.raw && !s.ciaddr.raw);
	CHECK(s.len >= 300);
	kit_close(&k);
}

TEST(an_offer_is_requested_and_the_acknowledgement_configures) /* 2131§3.1, 2132 */
{
	REQ("2131 3.1/request", "2131 4.4.5/defaults", "1122 3.2.2.9/source");
	static const u8 extra[] = {
		DHO_DNS, 8, 10, 7, 0, 3, 10, 7, 0, 4,
		DHO_HOST_NAME, 4, 'w', 'i', 'r', 'e',
		DHO_DOMAIN_NAME, 3, 'l', 'a', 'n',
	};
	struct told t;
	struct kit k = client(&t);
	struct seen s;
	unsigned plen;
	struct flow fl = { .dst = addr("8.8.8.8") };
	struct dst d;

	REQUIRE(heard(&k, &s));
	ANSWER(&k, .type = DHCPOFFER, .xid = s.xid);
	CHECK_STR(dhcp_state(k.dev), "REQUESTING");
	REQUIRE(heard(&k, &s));
	CHECK_EQ(s.type, DHCPREQUEST);
	/* 4.3.2 */
	CHECK(be32_eq(s.requested, v4("10.7.0.50")) && be32_eq(s.server_id, v4("10.7.0.1")) &&
	      !s.ciaddr.raw);
	CHECK(!s.ip.saddr.raw && be32_get(s.ip.daddr) == 0xffffffff);
	CHECK_EQ(t.bound, 0);
	ANSWER(&k, .type = DHCPACK, .xid = s.xid, .mtu = 1400, .extra = extra,
	       .extra_len = sizeof(extra));
	CHECK_EQ(t.bound, 1);
	CHECK(be32_eq(ip_dev_addr(k.cpu, k.dev, &plen), v4("10.7.0.50")));
	CHECK_EQ(plen, 24);
	REQUIRE(!ip_route_output(k.cpu, &fl, &d));
	CHECK(be32_eq(ip_v4(&d.next_hop), v4("10.7.0.1")));
	CHECK_EQ(d.mtu, 1400);
	CHECK(t.lease.nr_dns == 2 && be32_eq(t.lease.dns[1], v4("10.7.0.4")));
	CHECK_STR(t.lease.hostname, "wire");
	CHECK_STR(t.lease.domain, "lan");
	CHECK_EQ(t.lease.renew_s, 1800);
	CHECK_EQ(t.lease.rebind_s, 3150);
	CHECK(dhcp_lease(k.dev) != NULL);
	kit_close(&k);
}

TEST(replies_by_unicast_to_an_address_not_yet_ours_are_taken) /* 2131§4.1 */
{
	REQ("2131 4.1/unicast");
	struct told t;
	struct kit k = client(&t);

	BIND(&k, .unicast = true);
	CHECK(has_addr(&k, "10.7.0.50"));
	/* bound: no more of that */
	ANSWER(&k, .type = DHCPACK, .yiaddr = "10.7.0.77", .unicast = true);
	CHECK_EQ(drops(&k, DROP_IP_NOTFORWARDING), 1);
	kit_close(&k);
}

TEST(silence_is_met_with_repetition_at_growing_intervals) /* 2131§4.1 */
{
	REQ("2131 4.1/backoff");
	struct told t;
	struct kit k = client(&t);
	struct seen s;
	u64 last = lab_now(k.lab), first_gap = 0, gap = 0;
	unsigned n = 0;

	REQUIRE(heard(&k, &s));
	while (n < 9) {
		u64 at = lab_now(k.lab), until = at + 100 * NSEC_PER_SEC;

		while (!heard(&k, &s)) {
			at = lab_now(k.lab);
			REQUIRE(lab_step(k.lab, until));
		}
		REQUIRE(s.type == DHCPDISCOVER);
		CHECK(!s.ip.saddr.raw); /* whatever address it has given itself meanwhile */
		gap = at - last;
		last = at;
		if (!n++)
			first_gap = gap;
	}
	CHECK(first_gap >= NSEC_PER_SEC / 2 && first_gap <= NSEC_PER_SEC * 2);
	CHECK(gap >= 62 * NSEC_PER_SEC && gap <= 66 * NSEC_PER_SEC);
	kit_close(&k);
}

TEST(a_lost_acknowledgement_is_asked_for_again_then_the_search_restarts)
{
	struct told t;
	struct kit k = client(&t);
	struct seen s;
	unsigned requests = 0;

	REQUIRE(heard(&k, &s));
	ANSWER(&k, .type = DHCPOFFER, .xid = s.xid);
	kit_run(&k, 60 * NSEC_PER_SEC);
	while (heard(&k, &s) && s.type == DHCPREQUEST)
		requests++;
	CHECK_EQ(requests, 4);
	CHECK_EQ(s.type, DHCPDISCOVER);
	CHECK_STR(dhcp_state(k.dev), "SELECTING");
	CHECK_EQ(t.bound, 0);
	kit_close(&k);
}

TEST(a_refusal_restarts_the_search_after_a_while) /* 2131§3.1 (4) */
{
	REQ("2131 3.1/nak");
	struct told t;
	struct kit k = client(&t);
	struct seen s;

	REQUIRE(heard(&k, &s));
	ANSWER(&k, .type = DHCPOFFER, .xid = s.xid);
	REQUIRE(heard(&k, &s));
	/* not the server we asked */
	ANSWER(&k, .type = DHCPNAK, .xid = s.xid, .server = "10.7.0.66");
	CHECK_STR(dhcp_state(k.dev), "REQUESTING");
	ANSWER(&k, .type = DHCPNAK, .xid = s.xid);
	CHECK_STR(dhcp_state(k.dev), "INIT");
	CHECK(!heard(&k, &s)); /* not in a loop */
	kit_run(&k, 2 * NSEC_PER_SEC);
	CHECK(heard(&k, &s) && s.type == DHCPDISCOVER);
	CHECK_EQ(t.bound, 0);
	kit_close(&k);
}

TEST(at_t1_the_server_is_asked_by_unicast_and_the_lease_goes_on) /* 2131§4.4.5 */
{
	REQ("2131 4.4.5/t1");
	struct told t;
	struct kit k = client(&t);
	struct seen s;

	BIND(&k, .lease_s = 1000);
	kit_run(&k, 499 * NSEC_PER_SEC);
	CHECK(!heard(&k, &s));
	server_arp(&k);
	kit_run(&k, 2 * NSEC_PER_SEC);
	REQUIRE(heard(&k, &s));
	CHECK_STR(dhcp_state(k.dev), "RENEWING");
	CHECK_EQ(s.type, DHCPREQUEST);
	CHECK(be32_eq(s.ip.daddr, v4("10.7.0.1")) && be32_eq(s.ip.saddr, v4("10.7.0.50")));
	/* 4.3.2 */
	CHECK(be32_eq(s.ciaddr, v4("10.7.0.50")) && !s.requested.raw && !s.server_id.raw);
	ANSWER(&k, .type = DHCPACK, .xid = s.xid, .lease_s = 1000, .unicast = true);
	CHECK_STR(dhcp_state(k.dev), "BOUND");
	CHECK_EQ(t.bound, 1); /* nothing changed: nothing to tell */
	kit_run(&k, 400 * NSEC_PER_SEC);
	CHECK(has_addr(&k, "10.7.0.50"));
	kit_close(&k);
}

TEST(at_t2_any_server_is_asked_and_at_the_end_the_address_goes) /* 2131§4.4.5 */
{
	REQ("2131 4.4.5/t2", "2131 4.4.5/expire");
	struct told t;
	struct kit k = client(&t);
	struct seen s;
	unsigned unicasts = 0, broadcasts = 0;

	BIND(&k, .lease_s = 1000, .t1 = 200, .t2 = 800);
	for (unsigned i = 0; i < 799; i++) {
		server_arp(&k);
		kit_run(&k, NSEC_PER_SEC);
		while (heard(&k, &s))
			unicasts++;
	}
	CHECK(unicasts >= 3 && unicasts <= 8); /* half of what is left, at least a minute */
	kit_run(&k, 2 * NSEC_PER_SEC);
	CHECK_STR(dhcp_state(k.dev), "REBINDING");
	kit_run(&k, 190 * NSEC_PER_SEC);
	while (heard(&k, &s)) {
		CHECK(be32_get(s.ip.daddr) == 0xffffffff && be32_eq(s.ciaddr, v4("10.7.0.50")));
		broadcasts++;
	}
	CHECK(broadcasts >= 2 && broadcasts <= 4);
	CHECK(has_addr(&k, "10.7.0.50"));
	kit_run(&k, 10 * NSEC_PER_SEC);
	CHECK_EQ(t.lost, 1);
	CHECK(has_addr(&k, "0.0.0.0"));
	CHECK_STR(dhcp_state(k.dev), "SELECTING");
	REQUIRE(heard(&k, &s));
	CHECK_EQ(s.type, DHCPDISCOVER);
	kit_close(&k);
}

TEST(another_server_may_rebind_and_change_everything)
{
	struct told t;
	struct kit k = client(&t);
	struct seen s;

	BIND(&k, .lease_s = 1000);
	kit_run(&k, 880 * NSEC_PER_SEC);
	while (heard(&k, &s))
		;
	kit_run(&k, 70 * NSEC_PER_SEC);
	REQUIRE(heard(&k, &s));
	ANSWER(&k, .type = DHCPACK, .xid = s.xid, .server = "10.7.0.9", .yiaddr = "10.7.0.60",
	       .router = "10.7.0.9", .unicast = false);
	CHECK_EQ(t.bound, 2);
	CHECK(has_addr(&k, "10.7.0.60"));
	CHECK(be32_eq(t.lease.router, v4("10.7.0.9")));
	kit_close(&k);
}

TEST(a_refused_renewal_takes_the_address_away)
{
	REQ("2131 3.1/nak");
	struct told t;
	struct kit k = client(&t);
	struct seen s;

	BIND(&k, .lease_s = 1000);
	kit_run(&k, 499 * NSEC_PER_SEC);
	server_arp(&k);
	kit_run(&k, 2 * NSEC_PER_SEC);
	REQUIRE(heard(&k, &s));
	ANSWER(&k, .type = DHCPNAK, .xid = s.xid);
	CHECK_EQ(t.lost, 1);
	CHECK(has_addr(&k, "0.0.0.0"));
	kit_close(&k);
}

TEST(a_lease_for_ever_is_not_renewed) /* 2131§3.3 */
{
	REQ("2131 3.3/infinite");
	struct told t;
	struct kit k = client(&t);
	struct seen s;

	BIND(&k, .lease_s = 0xffffffff);
	kit_run(&k, 100000 * NSEC_PER_SEC);
	CHECK(!heard(&k, &s));
	CHECK(has_addr(&k, "10.7.0.50"));
	kit_close(&k);
}

TEST(an_address_in_use_is_declined) /* 2131§3.1 (5), 5227 */
{
	REQ("2131 3.1/decline", "2131 4.4.1/check", "5227 2.1.1/found");
	struct told t;
	struct kit k = client(&t);
	struct arp_info a = { .op = ARPOP_REPLY, .spa = v4("10.7.0.50"), .tpa = be32_of(0) };
	struct seen s;
	u8 f[42];

	BIND(&k, .lease_s = 1000);
	while (heard(&k, &s))
		;
	memcpy(a.sha, PEER_MAC, 6); /* the answer to our probe */
	arp_build(eth_build(f, k.dev->addr, PEER_MAC, ETH_P_ARP), &a);
	lab_inject(k.dev, f, sizeof(f));
	kit_settle(&k);
	REQUIRE(heard(&k, &s));
	CHECK_EQ(s.type, DHCPDECLINE);
	CHECK(be32_eq(s.requested, v4("10.7.0.50")) && be32_eq(s.server_id, v4("10.7.0.1")) &&
	      !s.ciaddr.raw);
	CHECK(has_addr(&k, "0.0.0.0"));
	CHECK_EQ(t.lost, 1);
	kit_run(&k, 9 * NSEC_PER_SEC);
	CHECK(!heard(&k, &s)); /* ten seconds of rest */
	kit_run(&k, 2 * NSEC_PER_SEC);
	CHECK(heard(&k, &s) && s.type == DHCPDISCOVER);
	kit_close(&k);
}

TEST(stopping_releases_the_lease) /* 2131§4.4.6 */
{
	REQ("2131 3.1/release");
	struct told t;
	struct kit k = client(&t);
	struct seen s;

	BIND(&k, .lease_s = 1000);
	server_arp(&k);
	dhcp_stop(k.dev, true);
	kit_settle(&k);
	REQUIRE(heard(&k, &s));
	CHECK_EQ(s.type, DHCPRELEASE);
	CHECK(be32_eq(s.ciaddr, v4("10.7.0.50")) && be32_eq(s.server_id, v4("10.7.0.1")));
	CHECK(has_addr(&k, "0.0.0.0"));
	CHECK(!dhcp_state(k.dev) && !dhcp_lease(k.dev));
	kit_close(&k);
}
