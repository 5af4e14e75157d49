/* SPDX-License-Identifier: MIT
 * test_net_config.c - what the kernel command line says about addresses; lo.
 */
#include "unit/ipkit.h"
#include "net/ipv4/dhcp.h"
#include "net/ipv4/net_config.h"

/* A host with two Ethernet devices, not yet open but for what the laboratory does. */
struct two {
	struct kit k;
	struct net_device *eth0, *eth1;
};

static struct two boot(const char *cmdline)
{
	struct two t = { .k = { .lab = lab_create(3) } };

	t.k.h = lab_host(t.k.lab, "host");
	t.k.cpu = t.k.h->cpu;
	t.eth0 = t.k.dev = lab_dev(t.k.h, LAB_ETHER);
	t.eth1 = lab_dev(t.k.h, LAB_ETHER);
	CHECK_EQ(net_configure(t.k.h->net, cmdline), 0);
	kit_run(&t.k, NSEC_PER_MSEC);
	return t;
}

static bool is_at(struct two *t, struct net_device *dev, const char *a, unsigned plen)
{
	unsigned n = 0;

	return be32_eq(ip_dev_addr(t->k.cpu, dev, &n), v4(a)) && n == plen;
}
static bool has_dhcp(struct net_device *dev) { return dhcp_state(dev) != NULL; }

static bool gateway_is(struct two *t, const char *gw)
{
	struct flow fl = { .dst = addr("8.8.8.8") };
	struct dst d;

	return !ip_route_output(t->k.cpu, &fl, &d) && be32_eq(ip_v4(&d.next_hop), v4(gw));
}

TEST(without_a_word_every_device_uses_dhcp_and_lo_is_up)
{
	REQ("1122 3.1/switch-off", "1122 3.1/no-guess");
	struct two t = boot("quiet loglevel=3");

	CHECK(has_dhcp(t.eth0) && has_dhcp(t.eth1));
	CHECK_EQ(t.k.cpu->sysctl.ip_forward, 0); /* two links make no router */
	CHECK(loopback_dev(t.k.h->net)->flags & IFF_UP);
	CHECK(be32_eq(ip_dev_addr(t.k.cpu, loopback_dev(t.k.h->net), NULL), v4("127.0.0.1")));
	kit_close(&t.k);
}

TEST(an_address_without_a_device_is_the_first_devices)
{
	struct two t = boot("ip=10.77.0.2/24,10.77.0.1");

	CHECK(is_at(&t, t.eth0, "10.77.0.2", 24) && !has_dhcp(t.eth0));
	CHECK(gateway_is(&t, "10.77.0.1"));
	CHECK(has_dhcp(t.eth1));
	kit_close(&t.k);
}

TEST(each_device_can_have_its_word)
{
	REQ("1122 3.2.2.9/static", "1122 3.3.1.6", "1122 3.2.2.9/source");
	struct two t = boot("ip=eth1:10.9.0.2/16 ip=eth0:none");

	CHECK(is_at(&t, t.eth1, "10.9.0.2", 16) && !has_dhcp(t.eth1));
	CHECK(!has_dhcp(t.eth0) && is_at(&t, t.eth0, "0.0.0.0", 0));
	kit_close(&t.k);
	t = boot("ip=none ip=eth0:10.0.0.2/24,10.0.0.1");
	CHECK(is_at(&t, t.eth0, "10.0.0.2", 24));
	CHECK(!has_dhcp(t.eth1));
	kit_close(&t.k);
}

TEST(the_word_for_a_device_wins_over_the_one_for_all_and_the_last_wins)
{
	struct two t = boot("ip=eth0:10.0.0.2/24 ip=dhcp");

	CHECK(is_at(&t, t.eth0, "10.0.0.2", 24) && has_dhcp(t.eth1));
	kit_close(&t.k);
	t = boot("ip=10.0.0.2/24 ip=10.0.0.3/24");
	CHECK(is_at(&t, t.eth0, "10.0.0.3", 24));
	kit_close(&t.k);
}

TEST(nonsense_is_named_and_dhcp_is_used_instead)
{
	static const char *const bad[] = {
		"ip=",
		"ip=10.0.0.2",
		"ip=10.0.0.2/",
		"ip=10.0.0.2/33",
		"ip=10.0.0.2/0",
		"ip=10.0.0.2/-1",
		"ip=10.0.0/24",
		"ip=10.0.0.256/24",
		"ip=10.0.0.2/24,",
		"ip=10.0.0.2/24,foo",
		"ip=10.0.0.2/24,10.0.0.1,1",
		"ip=dhcpx",
		"ip=10.0.0.0/24",
		"ip=10.0.0.255/24",
		"ip=224.0.0.1/24",
		"ip=::1/64",
		"ip=127.0.0.1/8",
		"ip=a,b/c",
		"ip="
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
		"234567890123456789",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct two t = boot(bad[i]);

		if (!CHECK(has_dhcp(t.eth0) && is_at(&t, t.eth0, "0.0.0.0", 0)))
			test_note("%s", bad[i]);
		kit_close(&t.k);
	}
}

TEST(a_device_that_is_not_there_is_named_and_passed_over)
{
	struct two t = boot("ip=eth7:10.0.0.2/24");

	CHECK(has_dhcp(t.eth0) && has_dhcp(t.eth1));
	kit_close(&t.k);
}

TEST(a_gateway_outside_the_subnet_leaves_the_address_without_one)
{
	struct two t = boot("ip=10.0.0.2/24,10.0.1.1");

	CHECK(is_at(&t, t.eth0, "10.0.0.2", 24));
	CHECK(!gateway_is(&t, "10.0.1.1"));
	kit_close(&t.k);
}

/* ---- lo ---- */
TEST(lo_delivers_in_the_next_round_and_sums_nothing)
{
	struct two t = boot("ip=none");
	struct sock *a = kit_sock(&t.k, 7), *b = kit_sock(&t.k, 8);
	struct sockaddr_ip from;
	char buf[8];

	CHECK_EQ(kit_send(&t.k, a, "127.0.0.1", 8, "lo", 2), 2);
	CHECK_EQ(kit_recv(b, buf, sizeof(buf), &from), 2);
	CHECK(be32_eq(ip_v4(&from.addr), v4("127.0.0.1")) && from.port == 7);
	CHECK_EQ(kit_send(&t.k, a, "127.99.1.2", 8, "lo", 2), 2); /* all of 127/8 is this host */
	CHECK_EQ(kit_recv(b, buf, sizeof(buf), &from), 2);
	CHECK_EQ(stat(&t.k, STAT_CsumSoftBytes), 0);
	CHECK_EQ(a->wmem_alloc, 0);
	udp_prot.close(a);
	udp_prot.close(b);
	kit_close(&t.k);
}

TEST(a_full_backlog_drops_by_name_and_the_sender_gets_its_bytes_back)
{
	struct two t = boot("ip=none");
	struct sock *a = kit_sock(&t.k, 7);

	t.k.cpu->sysctl.netdev_max_backlog = 10;
	bh_disable(t.k.cpu); /* nothing is received meanwhile */
	for (unsigned i = 0; i < 25; i++)
		kit_send(&t.k, a, "127.0.0.1", 9, "x", 1);
	CHECK_EQ(drops(&t.k, DROP_CPU_BACKLOG), 15);
	CHECK_EQ(a->wmem_alloc, 0);
	bh_enable(t.k.cpu);
	kit_run(&t.k, NSEC_PER_MSEC);
	CHECK_EQ(drops(&t.k, DROP_NO_SOCKET), 10);
	udp_prot.close(a);
	kit_close(&t.k);
}
