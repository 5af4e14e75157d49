/* SPDX-License-Identifier: MIT
 * test_linklocal.c - an address of a device's own choice while no DHCP server answers (RFC 3927).
 */
#include "unit/ipkit.h"
#include "net/ipv4/dhcp.h"
#include "net/ipv4/linklocal.h"
#include "net/link/arp.h"
#include "net/wire/dhcp.h"

static const u8 OTHER_MAC[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 2 };

/* The next ARP packet sent, other frames are passed over. */
static bool sent_arp(struct kit *k, struct arp_info *a)
{
	static struct pkt p;

	while (kit_sent(k, &p))
		if (p.b[12] == 8 && p.b[13] == 6)
			return arp_parse(p.b + 14, p.len - 14, a);
	return false;
}

static bool next_arp(struct kit *k, struct arp_info *a, u64 max_ns)
{
	u64 until = lab_now(k->lab) + max_ns;

	do {
		if (sent_arp(k, a))
			return true;
	} while (lab_step(k->lab, until));
	return false;
}

static void say(struct kit *k, be32 spa, be32 tpa, const u8 *sha)
{
	struct arp_info a = { .op = ARPOP_REQUEST, .spa = spa, .tpa = tpa };
	u8 f[46] = { 0 };

	memcpy(a.sha, sha, 6);
	arp_build(f, &a);
	kit_frame(k, BCAST_MAC, sha, ETH_P_ARP, f, sizeof(f));
}

static bool in_range(be32 a)
{
	u32 h = be32_get(a);

	return h >= 0xa9fe0100 && h <= 0xa9fefeff;
}

TEST(three_probes_then_the_address_is_used_and_announced)
{
	REQ("3927 2.2.1", "3927 2.1/range");
	struct kit k = kit_bare(LAB_ETHER);
	struct linklocal *l = linklocal_start(k.dev);
	struct arp_info a;
	be32 addr = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		REQUIRE(next_arp(&k, &a, 3 * NSEC_PER_SEC));
		CHECK(!a.spa.raw && in_range(a.tpa));
		CHECK(!i || be32_eq(addr, a.tpa));
		addr = a.tpa;
		CHECK(!ip_dev_addr(k.cpu, k.dev, NULL).raw);
	}
	say(&k, v4("169.254.9.9"), addr, PEER_MAC); /* not ours yet: no answer */
	CHECK(!sent_arp(&k, &a));
	kit_run(&k, 3 * NSEC_PER_SEC);
	CHECK(be32_eq(ip_dev_addr(k.cpu, k.dev, NULL), addr));
	while (sent_arp(&k, &a) && !a.spa.raw)
		;
	CHECK(be32_eq(a.spa, addr) && be32_eq(a.tpa, addr));
	linklocal_stop(l);
	CHECK(!ip_dev_addr(k.cpu, k.dev, NULL).raw);
	kit_close(&k);
}

TEST(the_same_host_has_the_same_address_again)
{
	REQ("3927 2.1/same");
	be32 first = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		struct kit k = kit_bare(LAB_ETHER);
		struct linklocal *l = linklocal_start(k.dev);

		kit_run(&k, (10 + i) * NSEC_PER_SEC);
		CHECK(!i || be32_eq(first, ip_dev_addr(k.cpu, k.dev, NULL)));
		first = ip_dev_addr(k.cpu, k.dev, NULL);
		linklocal_stop(l);
		kit_close(&k);
	}
	CHECK(in_range(first));
}

TEST(an_address_that_another_has_or_wants_is_passed_over)
{
	REQ("3927 2.5", "5227 2.1.1/found");
	struct kit k = kit_bare(LAB_ETHER);
	struct linklocal *l = linklocal_start(k.dev);
	struct arp_info a;
	be32 first, second;

	REQUIRE(next_arp(&k, &a, 3 * NSEC_PER_SEC));
	first = a.tpa;
	say(&k, first, first, OTHER_MAC); /* in use */
	REQUIRE(next_arp(&k, &a, 3 * NSEC_PER_SEC));
	second = a.tpa;
	CHECK(!be32_eq(first, second));
	say(&k, (be32){ 0 }, second, OTHER_MAC); /* probed for by another at the same time */
	REQUIRE(next_arp(&k, &a, 3 * NSEC_PER_SEC));
	CHECK(!be32_eq(second, a.tpa));
	linklocal_stop(l);
	kit_close(&k);
}

TEST(a_conflict_is_defended_once_and_the_next_one_soon_after_takes_the_address)
{
	REQ("3927 2.5");
	struct kit k = kit_bare(LAB_ETHER);
	struct linklocal *l = linklocal_start(k.dev);
	struct arp_info a;
	be32 addr;

	kit_run(&k, 20 * NSEC_PER_SEC);
	addr = ip_dev_addr(k.cpu, k.dev, NULL);
	REQUIRE(in_range(addr));
	kit_drain(&k);
	say(&k, addr, addr, OTHER_MAC);
	REQUIRE(sent_arp(&k, &a));
	CHECK(be32_eq(a.spa, addr) && be32_eq(a.tpa, addr));
	kit_run(&k, 11 * NSEC_PER_SEC);
	say(&k, addr, addr, OTHER_MAC); /* long after: defended again */
	CHECK(be32_eq(ip_dev_addr(k.cpu, k.dev, NULL), addr));
	say(&k, addr, addr, OTHER_MAC);
	CHECK(!ip_dev_addr(k.cpu, k.dev, NULL).raw);
	kit_run(&k, 20 * NSEC_PER_SEC);
	CHECK(in_range(ip_dev_addr(k.cpu, k.dev, NULL)));
	CHECK(!be32_eq(ip_dev_addr(k.cpu, k.dev, NULL), addr));
	linklocal_stop(l);
	kit_close(&k);
}

TEST(after_ten_conflicts_it_is_tried_once_a_minute)
{
	REQ("3927 2.5/many");
	struct kit k = kit_bare(LAB_ETHER);
	struct linklocal *l = linklocal_start(k.dev);
	struct arp_info a;
	u64 start;

	for (unsigned i = 0; i < 10; i++) {
		REQUIRE(next_arp(&k, &a, 3 * NSEC_PER_SEC));
		say(&k, a.tpa, a.tpa, OTHER_MAC);
	}
	start = lab_now(k.lab);
	REQUIRE(next_arp(&k, &a, 100 * NSEC_PER_SEC));
	CHECK(lab_now(k.lab) - start >= 60 * NSEC_PER_SEC);
	linklocal_stop(l);
	kit_close(&k);
}

static void ignore(struct net_device *dev, const struct dhcp_lease *lease, bool bound, void *arg)
{
}

TEST(a_dhcp_client_without_a_server_takes_one_and_searches_on)
{
	REQ("3927 1.9");
	struct kit k = kit_bare(LAB_ETHER);
	unsigned discovers = 0;
	static struct pkt p;

	REQUIRE(!dhcp_start(k.dev, ignore, NULL));
	kit_run(&k, 5 * NSEC_PER_SEC);
	CHECK(!ip_dev_addr(k.cpu, k.dev, NULL).raw);
	kit_run(&k, 40 * NSEC_PER_SEC);
	CHECK(in_range(ip_dev_addr(k.cpu, k.dev, NULL)));
	kit_drain(&k);
	kit_run(&k, 120 * NSEC_PER_SEC);
	while (kit_sent(&k, &p))
		if (p.b[12] == 8 && p.b[13] == 0 && p.b[23] == 17) {
			static const u8 nobody[4];

			CHECK_MEM(p.b + 26, nobody, 4);
			discovers++;
		}
	CHECK(discovers >= 1);
	dhcp_stop(k.dev, false);
	CHECK(!ip_dev_addr(k.cpu, k.dev, NULL).raw);
	kit_close(&k);
}
