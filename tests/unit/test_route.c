/* SPDX-License-Identifier: MIT
 * test_route.c - addresses and routes: longest prefix, metrics, refusals, sources, gateways that
 * fail, path MTU, several CPUs.
 */
#include "unit/ipkit.h"
#include "net/ipv4/ip_impl.h"

/* What the table says of a destination: "dev hop src" or an error. */
static int way(struct kit *k, const char *dst, struct dst *d, struct flow *fl)
{
	*fl = (struct flow){ .dst = addr(dst) };
	return ip_route_output(k->cpu, fl, d);
}

static bool leads(struct kit *k, const char *dst, struct net_device *dev, const char *hop,
		  const char *src)
{
	struct dst d;
	struct flow fl;

	return CHECK_EQ(way(k, dst, &d, &fl), 0) && CHECK(d.dev == dev) &&
	       CHECK(be32_eq(ip_v4(&d.next_hop), v4(hop))) &&
	       CHECK(be32_eq(ip_v4(&fl.src), v4(src))) && CHECK(dst_valid(k->cpu, &d));
}

static int refused(struct kit *k, const char *dst)
{
	struct dst d;
	struct flow fl;

	return way(k, dst, &d, &fl);
}

static int add(struct kit *k, const char *dst, unsigned plen, const char *gw,
	       struct net_device *dev, u32 metric)
{
	return ip_route_add(k->h->net, v4(dst), plen, gw ? v4(gw) : be32_of(0), dev, metric);
}

TEST(connected_and_default_routes_come_with_address_and_gateway) /* 1122§3.3.1.1 */
{
	REQ("1122 3.3.1.1/mask", "1122 3.3.1.2/default", "1122 3.2.1.3/subnet");
	struct kit k = kit_open(LAB_RAW);

	leads(&k, "10.0.0.77", k.dev, "10.0.0.77", "10.0.0.1");
	leads(&k, "8.8.8.8", k.dev, "10.0.0.2", "10.0.0.1");
	kit_close(&k);
}

TEST(without_a_gateway_the_own_net_works) /* 1122§3.3.1.1: operate with no gateways */
{
	REQ("1122 3.3.1.1/no-gateway");
	struct kit k = kit_bare(LAB_RAW);

	lab_addr(k.dev, "10.0.0.1/24");
	leads(&k, "10.0.0.9", k.dev, "10.0.0.9", "10.0.0.1");
	CHECK_EQ(refused(&k, "8.8.8.8"), -ENETUNREACH);
	kit_close(&k);
}

TEST(the_longest_prefix_wins)
{
	REQ("1812 5.2.4.3", "1122 3.3.1.2/static");
	struct kit k = kit_open(LAB_RAW);

	REQUIRE(!add(&k, "20.0.0.0", 8, "10.0.0.8", k.dev, 0));
	REQUIRE(!add(&k, "20.1.0.0", 16, "10.0.0.16", k.dev, 0));
	REQUIRE(!add(&k, "20.1.2.0", 24, "10.0.0.24", k.dev, 0));
	REQUIRE(!add(&k, "20.1.2.3", 32, "10.0.0.32", k.dev, 0));
	leads(&k, "20.1.2.3", k.dev, "10.0.0.32", "10.0.0.1");
	leads(&k, "20.1.2.4", k.dev, "10.0.0.24", "10.0.0.1");
	leads(&k, "20.1.3.4", k.dev, "10.0.0.16", "10.0.0.1");
	leads(&k, "20.2.3.4", k.dev, "10.0.0.8", "10.0.0.1");
	leads(&k, "21.0.0.1", k.dev, "10.0.0.2", "10.0.0.1");
	REQUIRE(!ip_route_del(k.h->net, v4("20.1.2.0"), 24, v4("10.0.0.24"), k.dev));
	leads(&k, "20.1.2.4", k.dev, "10.0.0.16", "10.0.0.1"); /* not from a cache */
	kit_close(&k);
}

TEST(a_table_of_thousands_agrees_with_a_slow_search)
{
	struct kit k = kit_open(LAB_RAW);
	struct test_rng r = { 3 };
	struct dst d;
	struct flow fl;

	for (unsigned i = 0; i < 3000; i++) {
		unsigned plen = 8 + rng_below(&r, 25);
		be32 dst = { be32_of(0x14000000u | (u32)rng_next(&r) >> 6).raw &
			     v4_mask(plen).raw };

		ip_route_add(k.h->net, dst, plen, be32_of(0x0a000002 + rng_below(&r, 250)), k.dev,
			     0);
	}
	for (unsigned i = 0; i < 5000; i++) {
		be32 dst = be32_of(0x14000000u | (u32)rng_next(&r) >> 6);
		const struct ip_route *best = NULL, *e;

		for (unsigned j = 0; (e = ip_route_get(k.cpu, j)); j++)
			if (!((e->dst.raw ^ dst.raw) & e->mask.raw) &&
			    (!best || e->plen > best->plen))
				best = e;
		fl = (struct flow){ .dst = ip_from_v4(dst) };
		REQUIRE(!ip_route_output(k.cpu, &fl, &d));
		if (!CHECK_EQ(ip_v4(&d.next_hop).raw,
			      best->gateway.raw ? best->gateway.raw : dst.raw))
			break;
	}
	kit_close(&k);
}

TEST(the_lower_metric_wins_among_equals)
{
	struct kit k = kit_open(LAB_RAW);

	REQUIRE(!add(&k, "20.0.0.0", 8, "10.0.0.8", k.dev, 20));
	REQUIRE(!add(&k, "20.0.0.0", 8, "10.0.0.9", k.dev, 10));
	leads(&k, "20.0.0.1", k.dev, "10.0.0.9", "10.0.0.1");
	CHECK_EQ(add(&k, "20.0.0.0", 8, "10.0.0.9", k.dev, 10), -EEXIST);
	kit_close(&k);
}

TEST(routes_that_refuse_say_how)
{
	struct kit k = kit_open(LAB_RAW);

	REQUIRE(!ip_route_add_reject(k.h->net, v4("20.0.0.0"), 8, ROUTE_UNREACHABLE, 0));
	REQUIRE(!ip_route_add_reject(k.h->net, v4("21.0.0.0"), 8, ROUTE_PROHIBIT, 0));
	REQUIRE(!ip_route_add_reject(k.h->net, v4("22.0.0.0"), 8, ROUTE_BLACKHOLE, 0));
	CHECK_EQ(refused(&k, "20.0.0.1"), -EHOSTUNREACH);
	CHECK_EQ(refused(&k, "21.0.0.1"), -EACCES);
	CHECK_EQ(refused(&k, "22.0.0.1"), -EINVAL);
	CHECK_EQ(ip_route_add_reject(k.h->net, v4("23.0.0.0"), 8, ROUTE_UNICAST, 0), -EINVAL);
	kit_close(&k);
}

TEST(nonsense_is_not_made_a_route)
{
	struct kit k = kit_open(LAB_RAW);

	CHECK_EQ(add(&k, "20.0.0.1", 24, "10.0.0.2", k.dev, 0), -EINVAL); /* host bits */
	CHECK_EQ(ip_route_add(k.h->net, v4("20.0.0.0"), 33, v4("10.0.0.2"), k.dev, 0), -EINVAL);
	CHECK_EQ(add(&k, "20.0.0.0", 8, "10.0.0.2", NULL, 0), -EINVAL);
	CHECK_EQ(add(&k, "20.0.0.0", 8, "11.0.0.2", k.dev, 0), -ENETUNREACH); /* not a neighbour */
	CHECK_EQ(add(&k, "20.0.0.0", 8, "10.0.0.1", k.dev, 0), -ENETUNREACH); /* ourselves */
	CHECK_EQ(add(&k, "20.0.0.0", 8, "10.0.0.255", k.dev, 0), -ENETUNREACH);
	CHECK_EQ(ip_route_del(k.h->net, v4("20.0.0.0"), 8, v4("10.0.0.2"), k.dev), -ENOENT);
	kit_close(&k);
}

TEST(nonsense_is_not_made_an_address)
{
	REQ("1122 3.2.2.9/check");
	static const struct {
		const char *addr;
		unsigned plen;
	} bad[] = {
		{ "0.0.0.0", 24 },    { "255.255.255.255", 24 }, { "224.0.0.1", 24 },
		{ "127.0.0.2", 8 },   { "240.0.0.1", 8 },        { "10.1.1.0", 24 },
		{ "10.1.1.255", 24 }, { "10.1.1.1", 0 },         { "10.1.1.1", 33 },
	};
	struct kit k = kit_open(LAB_RAW);

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_EQ(ip_addr_add(k.h->net, k.dev, v4(bad[i].addr), bad[i].plen), -EINVAL);
	CHECK_EQ(ip_addr_add(k.h->net, k.dev, v4("10.0.0.1"), 24), -EEXIST);
	CHECK_EQ(ip_addr_add(k.h->net, k.dev, v4("10.1.1.0"), 31), 0); /* RFC 3021 */
	CHECK_EQ(ip_addr_del(k.h->net, k.dev, v4("10.0.0.9")), -EADDRNOTAVAIL);
	kit_close(&k);
}

TEST(the_number_of_addresses_is_bounded)
{
	struct kit k = kit_bare(LAB_ETHER);
	int err = 0;
	unsigned n = 0;

	while (!(err = ip_addr_add(k.h->net, k.dev, be32_of(0x0a010001 + (n << 8)), 24)))
		n++;
	CHECK_EQ(err, -ENOSPC);
	CHECK_EQ(n, ARP_OWN_MAX - 1); /* lo has one */
	for (unsigned i = 0; i < n; i++) {
		CHECK_EQ(ip_addr_type(k.cpu, be32_of(0x0a010001 + (i << 8))), ADDR_LOCAL);
		CHECK_EQ(ip_addr_type(k.cpu, be32_of(0x0a0100ff + (i << 8))), ADDR_BROADCAST);
		CHECK_EQ(ip_addr_type(k.cpu, be32_of(0x0a010002 + (i << 8))), ADDR_UNICAST);
	}
	kit_close(&k);
}

TEST(an_address_takes_its_routes_along)
{
	struct kit k = kit_open(LAB_RAW);
	struct flow fl;
	struct dst d;

	lab_addr(k.dev, "10.0.0.11/24"); /* shares the connected route */
	lab_addr(k.dev, "10.5.0.1/16");
	REQUIRE(!way(&k, "10.0.0.5", &d, &fl));
	REQUIRE(!ip_addr_del(k.h->net, k.dev, v4("10.0.0.1")));
	CHECK(!dst_valid(k.cpu, &d));
	leads(&k, "10.0.0.5", k.dev, "10.0.0.5", "10.0.0.11"); /* the route is the other's now */
	/* the gateway went with its subnet */
	CHECK_EQ(refused(&k, "8.8.8.8"), -ENETUNREACH);
	leads(&k, "10.5.9.9", k.dev, "10.5.9.9", "10.5.0.1");
	kit_close(&k);
}

TEST(the_source_is_of_the_subnet_of_the_next_hop) /* 1122§3.3.4.3 */
{
	REQ("1122 3.3.4.3");
	struct kit k = kit_open(LAB_RAW);

	lab_addr(k.dev, "10.5.0.1/16");
	REQUIRE(!add(&k, "20.0.0.0", 8, "10.5.0.9", k.dev, 0));
	leads(&k, "20.0.0.1", k.dev, "10.5.0.9", "10.5.0.1");
	leads(&k, "30.0.0.1", k.dev, "10.0.0.2", "10.0.0.1");
	kit_close(&k);
}

TEST(a_source_that_is_not_ours_is_refused) /* 1122§3.2.1.3: source must be the host's own */
{
	REQ("1122 3.2.1.3/own-source", "1122 4.1.3.6/send", "1122 3.2.1.3/bcast-source");
	struct kit k = kit_open(LAB_RAW);
	struct flow fl = { .src = addr("10.0.0.9"), .dst = addr("10.0.0.2") };
	struct dst d;

	CHECK_EQ(ip_route_output(k.cpu, &fl, &d), -EINVAL);
	fl.src = addr("127.0.0.1"); /* 1122§3.2.1.3 (g): never outside the host */
	CHECK_EQ(ip_route_output(k.cpu, &fl, &d), -EINVAL);
	fl = (struct flow){ .dst = addr("0.0.0.0") };
	CHECK_EQ(ip_route_output(k.cpu, &fl, &d), -EINVAL);
	fl = (struct flow){ .dst = addr("250.0.0.1") };
	CHECK_EQ(ip_route_output(k.cpu, &fl, &d), -EINVAL);
	kit_close(&k);
}

TEST(own_addresses_lead_to_lo)
{
	struct kit k = kit_open(LAB_RAW);
	struct flow fl;
	struct dst d;

	REQUIRE(!way(&k, "10.0.0.1", &d, &fl));
	CHECK(d.loopback && d.dev == loopback_dev(k.h->net) &&
	      be32_eq(ip_v4(&fl.src), v4("10.0.0.1")));
	REQUIRE(!way(&k, "127.0.0.53", &d, &fl));
	CHECK(d.loopback && d.type == ADDR_LOCAL);
	kit_close(&k);
}

TEST(broadcast_and_multicast_find_a_device)
{
	REQ("1122 3.3.6/limited");
	struct kit k = kit_open(LAB_RAW);
	struct net_device *other = lab_dev(k.h, LAB_RAW);
	struct flow fl;
	struct dst d;

	lab_addr(other, "10.9.0.1/24");
	REQUIRE(!way(&k, "10.9.0.255", &d, &fl));
	CHECK(d.dev == other && d.type == ADDR_BROADCAST &&
	      be32_eq(ip_v4(&fl.src), v4("10.9.0.1")));
	REQUIRE(!way(&k, "255.255.255.255", &d, &fl));
	CHECK(d.dev == k.dev && d.type == ADDR_BROADCAST);
	REQUIRE(!way(&k, "224.0.0.251", &d, &fl));
	CHECK(d.type == ADDR_MULTICAST);
	fl = (struct flow){ .dst = addr("255.255.255.255"), .dev = other };
	REQUIRE(!ip_route_output(k.cpu, &fl, &d));
	CHECK(d.dev == other);
	kit_close(&k);
}

TEST(a_gateway_that_does_not_answer_is_passed_over) /* 1122§3.3.1.5 */
{
	REQ("1122 3.3.1.5", "1122 3.3.1.2/several", "1122 3.3.1.4/detect");
	struct kit k = kit_open(LAB_ETHER);
	struct sock *sk = kit_sock(&k, 9);

	REQUIRE(!add(&k, "0.0.0.0", 0, "10.0.0.3", k.dev, 5)); /* the other one has metric 0 */
	leads(&k, "8.8.8.8", k.dev, "10.0.0.2", "10.0.0.1");
	kit_send(&k, sk, "8.8.8.8", 53, "x", 1);
	kit_run(&k, 5 * NSEC_PER_SEC); /* three requests, no answer */
	CHECK_EQ(drops(&k, DROP_NEIGH_FAILED), 1);
	leads(&k, "8.8.8.8", k.dev, "10.0.0.3", "10.0.0.1");
	kit_run(&k, 120 * NSEC_PER_SEC); /* forgotten: it gets another chance */
	leads(&k, "8.8.8.8", k.dev, "10.0.0.2", "10.0.0.1");
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_connected_sock_follows_each_change_of_routes)
{
	REQ("1122 3.3.1.2/cache");
	struct kit k = kit_open(LAB_RAW);
	struct net_device *second = lab_dev(k.h, LAB_RAW);
	struct sock *sk = kit_sock(&k, 7000);
	struct sockaddr_ip to = { .family = AF_INET, .port = 9, .addr = addr("8.8.8.8") };
	const struct ip_route *r;

	lab_addr(second, "10.9.0.1/24");
	CHECK_EQ(udp_prot.connect(sk, &to), 0);
	CHECK_EQ(kit_send(&k, sk, NULL, 0, "a", 1), 1);
	CHECK(lab_sent_count(k.dev) == 1 && lab_sent_count(second) == 0);
	CHECK_EQ(ip_route_add(k.h->net, v4("8.8.8.0"), 24, v4("10.9.0.2"), second, 0), 0);
	CHECK_EQ(kit_send(&k, sk, NULL, 0, "b", 1), 1);
	CHECK(lab_sent_count(k.dev) == 1 && lab_sent_count(second) == 1);
	CHECK_EQ(ip_route_add_reject(k.h->net, v4("8.8.8.8"), 32, ROUTE_PROHIBIT, 5), 0);
	CHECK_EQ(kit_send(&k, sk, NULL, 0, "c", 1), -EACCES);
	r = ip_route_get(k.cpu, 0);
	CHECK_EQ(r->type, ROUTE_PROHIBIT);
	CHECK_EQ(ip_route_remove(k.h->net, &(struct ip_route){ .dst = v4("8.8.8.8"), .plen = 32, .type = ROUTE_PROHIBIT }), -ENOENT);
	CHECK_EQ(ip_route_remove(k.h->net, r), 0);
	CHECK_EQ(ip_route_del(k.h->net, v4("8.8.8.0"), 24, v4("10.9.0.2"), second), 0);
	CHECK_EQ(kit_send(&k, sk, NULL, 0, "d", 1), 1);
	CHECK(lab_sent_count(k.dev) == 2 && lab_sent_count(second) == 1);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_device_that_is_down_has_no_routes)
{
	struct kit k = kit_open(LAB_RAW);

	dev_close(k.dev);
	CHECK_EQ(refused(&k, "10.0.0.7"), -ENETUNREACH);
	REQUIRE(!dev_open(k.dev));
	leads(&k, "10.0.0.7", k.dev, "10.0.0.7", "10.0.0.1");
	kit_close(&k);
}

TEST(the_path_mtu_only_shrinks_and_expires) /* 1191§6.3, 5927§7 */
{
	REQ("1191 6.3/grow", "1191 6.3/age", "1191 5.2/cache", "1122 3.3.1.2/cache", "1191 3/floor");
	struct kit k = kit_open(LAB_RAW);
	struct flow fl;
	struct dst d;

	ip_pmtu_update(k.cpu, v4("8.8.8.8"), 1400);
	REQUIRE(!way(&k, "8.8.8.8", &d, &fl));
	CHECK_EQ(d.mtu, 1400);
	ip_pmtu_update(k.cpu, v4("8.8.8.8"), 1450); /* larger: ignored */
	ip_pmtu_update(k.cpu, v4("9.9.9.9"), 9000);
	REQUIRE(!way(&k, "8.8.8.8", &d, &fl));
	CHECK_EQ(d.mtu, 1400);
	REQUIRE(!way(&k, "9.9.9.9", &d, &fl));
	CHECK_EQ(d.mtu, 1500);
	ip_pmtu_update(k.cpu, v4("8.8.8.8"), 68); /* an attacker's word */
	CHECK(!dst_valid(k.cpu, &d));
	REQUIRE(!way(&k, "8.8.8.8", &d, &fl));
	CHECK_EQ(d.mtu, 552);
	CHECK(d.no_df); /* or a link, below which routers are to cut */
	kit_run(&k, 601 * NSEC_PER_SEC);
	net_set_now(k.cpu, lab_now(k.lab));
	k.cpu->dst_gen++;
	REQUIRE(!way(&k, "8.8.8.8", &d, &fl));
	CHECK_EQ(d.mtu, 1500);
	kit_close(&k);
}

TEST(changes_reach_every_cpu)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host_cpus(lab, "h", 3, 0);
	struct net_device *dev = lab_dev(h, LAB_RAW);
	struct net_cpu *cpu;
	unsigned i;

	lab_addr(dev, "10.0.0.1/24");
	lab_default_route(dev, "10.0.0.2");
	lab_run(lab, NSEC_PER_MSEC);
	for_each_cpu(h->net, cpu, i) {
		struct flow fl = { .dst = addr("8.8.8.8") };
		struct dst d;

		CHECK_EQ(ip_route_output(cpu, &fl, &d), 0);
		CHECK(be32_eq(ip_v4(&d.next_hop), v4("10.0.0.2")));
		CHECK_EQ(ip_addr_type(cpu, v4("10.0.0.1")), ADDR_LOCAL);
	}
	REQUIRE(!ip_addr_del(h->net, dev, v4("10.0.0.1")));
	lab_run(lab, NSEC_PER_MSEC);
	for_each_cpu(h->net, cpu, i)
		CHECK_EQ(ip_addr_type(cpu, v4("10.0.0.1")), ADDR_UNICAST);
	lab_destroy(lab);
}
