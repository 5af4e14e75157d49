/* SPDX-License-Identifier: MIT
 * test_nft.c - the packet filter: its language, and what rules do to packets.
 */
#include "unit/ipkit.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "net/netfilter/nft.h"
#include "net/tcp/tcp.h"
#include "net/wire/tcp.h"

static struct kit kit_nft(const char *rules)
{
	struct kit k = kit_open(LAB_RAW);
	struct nft_error err;

	if (nft_run(k.h->net, rules, &err))
		test_note("%u:%u %s", err.line, err.column, err.reason), test_stop();
	return k;
}

struct listing {
	char text[8192];
	size_t len;
};

static void keep_line(void *arg, const char *line)
{
	struct listing *l = arg;

	l->len += (size_t)scnprintf(l->text + l->len, sizeof(l->text) - l->len, "%s\n", line);
}

static const char *listed(struct kit *k, bool handles)
{
	static struct listing l;

	l.len = 0;
	l.text[0] = 0;
	nft_list(k->h->net, handles, keep_line, &l);
	return l.text;
}

/* ---- the language ---- */
TEST(what_is_printed_is_what_was_written)
{
	static const char *const rules[] = {
		"accept",
		"ip saddr 10.1.0.0/16 drop",
		"ip saddr != 10.1.2.3 counter packets 0 bytes 0 accept",
		"ip daddr 192.0.2.0/24 tcp dport 80 accept",
		"tcp dport { 22, 80, 8000-8100 } accept",
		"tcp sport 1024-65535 tcp dport != 25 accept",
		"udp dport 53 limit rate 100/second burst 5 packets accept",
		"udp sport 67 limit rate over 3/minute burst 10 packets drop",
		"tcp flags syn / fin,syn,rst,ack log prefix \"new \" accept",
		"tcp flags fin,urg drop",
		"icmp type echo-request limit rate 1/hour burst 1 packets accept",
		"icmp type != 42 return",
		"iifname \"eth0\" ip protocol udp drop",
		"oifname != \"eth1\" ip protocol != 47 drop",
		"ip frag-off != 0 drop",
		"tcp dport 80 ct state new limit rate 100/second burst 5 packets accept",
		"ct state established,related accept",
		"ct state != new drop",
		"meta mark 0x00000007 meta mark set 0x00000009",
		"tcp dport 113 reject with tcp reset",
		"ip protocol igmp reject with icmp admin-prohibited",
		"udp dport 9 reject",
		"udp dport 9 reject with icmpv6 no-route",
		"ip6 saddr 2001:db8::/32 ip6 daddr != 2001:db8::1 tcp dport 80 drop",
		"ip6 nexthdr ipv6-icmp accept",
		"ip6 nexthdr != udp drop",
		"meta l4proto ipv6-icmp accept",
		"icmpv6 type nd-neighbor-solicit accept",
		"icmpv6 type != echo-request drop",
		"ip6 saddr ::/0 ct state established accept",
		"jump inner",
	};
	char text[256], want[512];
	struct nft_error err;

	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		struct kit k = kit_nft("add chain inner");

		snprintf(text, sizeof(text), "add rule input %s", rules[i]);
		snprintf(want, sizeof(want),
			 "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n"
			 "\t\t%s\n\t}\n\n\tchain inner {\n\t}\n}\n",
			 rules[i]);
		if (!CHECK_EQ(nft_run(k.h->net, text, &err), 0))
			test_note("%s: %u:%u %s", text, err.line, err.column, err.reason);
		CHECK_STR(listed(&k, false), want);
		kit_close(&k);
	}
}

static const struct {
	const char *text;
	unsigned line, column;
} wrong[] = {
	{ "allow rule input accept", 1, 1 },
	{ "add map x", 1, 5 },
	{ "add set x", 1, 10 },
	{ "add set x { }", 1, 11 },
	{ "add set x { type ipv4; }", 1, 18 },
	{ "add set x { elements = { 10.0.0.1 } }", 1, 13 },
	{ "add set x { type ipv4_addr; flags timeout; }", 1, 35 },
	{ "add set x { type ipv4_addr; elements = { 10.0.0.0/8 } }", 1, 42 },
	{ "add set x { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 10.1.2.3 } }", 1, 70 },
	{ "add set x { type ipv4_addr; flags interval; elements = { 10.0.0.9-10.0.0.1 } }", 1, 58 },
	{ "add set x { type ipv4_addr; elements = { 10.0.0.1, ::1 } }", 1, 52 },
	{ "add set x { type ipv6_addr; flags interval; elements = { 2001:db8::/129 } }", 1, 58 },
	{ "add set x { type inet_service; elements = { 80 443 } }", 1, 48 },
	{ "add set x { type inet_service; elements = { 65536 } }", 1, 45 },
	{ "add set x { type inet_service; elements = { 1, 2", 1, 49 },
	{ "add set x { type inet_service\n elements = { 1,\n 2x } }", 3, 2 },
	{ "add set x { type inet_service } add rule input drop", 1, 33 },
	{ "add set here { type ipv6_addr; }", 1, 21 },
	{ "add element there { 10.0.0.1 }", 1, 13 },
	{ "add element here { 10.0.0.1 ", 1, 29 },
	{ "delete element here { 10.0.0.3 }", 1, 23 },
	{ "delete set here", 1, 12 },
	{ "add rule input ip saddr @there drop", 1, 25 },
	{ "add rule input tcp dport @here drop", 1, 26 },
	{ "add rule input ip6 saddr @here drop", 1, 26 },
	{ "table ip own { chain a { ip saddr @here drop } }", 1, 35 },
	{ "add rule nowhere accept", 1, 10 },
	{ "add rule input", 1, 15 },
	{ "add rule input tcp dport 99999 accept", 1, 26 },
	{ "add rule input tcp dport 90-80 accept", 1, 26 },
	{ "add rule input tcp dport { 1, 2 accept", 1, 33 },
	{ "add rule input tcp dport 1, 2 accept", 1, 29 },
	{ "add rule input tcp dport { 1,2,3,4,5,6,7,8,9 } drop", 1, 44 },
	{ "add rule input ip saddr 10.0.0.0/33 drop", 1, 25 },
	{ "add rule input ip saddr 10.0.0 drop", 1, 25 },
	{ "add rule input ip saddr ::1 drop", 1, 25 },
	{ "add rule input ip saddr 10.0.0.1 ip saddr 10.0.0.2 drop", 1, 43 },
	{ "add rule input tcp dport 1 udp dport 2 drop", 1, 32 },
	{ "add rule input udp flags syn drop", 1, 20 },
	{ "add rule input tcp flags sin drop", 1, 26 },
	{ "add rule input tcp flags syn,fin / syn drop", 1, 40 },
	{ "add rule input icmp type ping drop", 1, 26 },
	{ "add rule input drop counter", 1, 21 },
	{ "add rule input limit rate 5/week accept", 1, 27 },
	{ "add rule input limit rate 0/second accept", 1, 27 },
	{ "add rule input limit rate 5/second burst 5 accept", 1, 44 },
	{ "add rule input log prefix \"open accept", 1, 27 },
	{ "add rule input jump input", 1, 21 },
	{ "add rule input jump void", 1, 21 },
	{ "add rule input udp dport 1 reject with tcp reset", 1, 44 },
	{ "add rule prerouting reject", 1, 27 },
	{ "add rule input iifname averyveryverylongname drop", 1, 24 },
	{ "add rule input ip frag-off 7 drop", 1, 28 },
	{ "add chain input policy maybe", 1, 24 },
	{ "add chain own policy drop", 1, 22 },
	{ "delete rule input handle 77", 1, 26 },
	{ "delete chain input", 1, 14 },
	{ "flush ruleset now", 1, 15 },
	{ "add rule input accept\n# a comment; accept\n  add rule input sing", 3, 18 },
	{ "add rule input accept; add rule input sing", 1, 39 },
	{ "add chain a; add chain b; add rule a jump b; add rule b jump a", 1, 57 },
	{ "add rule input }", 1, 16 },
	{ "add rule input masquerade", 1, 16 },
	{ "add rule input tcp dport 80 dnat to 10.0.0.9:99999", 1, 37 },
	{ "table ip nat { chain a { type nat hook forward priority 0; } }", 1, 26 },
	{ "table ip nat { chain a { type nat hook prerouting priority srcnat; } }", 1, 60 },
	{ "table ip nat { chain a { type nat hook prerouting priority dstnat; policy drop; } }", 1, 75 },
	{ "table ip nat { chain a { type nat hook prerouting priority dstnat; dnat to 10.0.0.9:80 } }", 1, 88 },
	{ "table ip nat { chain a { type nat hook prerouting priority dstnat; masquerade } }", 1, 68 },
	{ "table ip nat { chain a { type nat hook postrouting priority srcnat; tcp dport 1 snat to :80 } }", 1, 93 },
	{ "table ip nat { chain a { type nat hook postrouting priority srcnat; snat to 10.0.0.9-10.0.0.1 } }", 1, 77 },
	{ "table ip nat { chain a { type nat hook postrouting priority srcnat; masquerade", 1, 79 },
	{ "table ip nat {\n chain a {\n  type nat hook postrouting priority srcnat;\n  masquerad\n }\n}", 4, 3 },
	{ "table ip nat { drop }", 1, 16 },
	{ "table ip6 nat { chain a { type nat hook prerouting priority dstnat; } }", 1, 27 },
	{ "table arp nat { }", 1, 11 },
	{ "table inet filter { chain input { type filter hook output priority 0; } }", 1, 35 },
	{ "table ip6 own { chain a { ip saddr 10.0.0.1 drop } }", 1, 30 },
	{ "table ip own { chain a { icmpv6 type echo-request drop } }", 1, 33 },
	{ "add rule input ip6 saddr 10.0.0.1 drop", 1, 26 },
	{ "add rule input ip6 saddr 2001:db8::/129 drop", 1, 26 },
	{ "add rule input ip6 saddr ::1 ip daddr 10.0.0.1 drop", 1, 33 },
	{ "add rule input icmpv6 type ping drop", 1, 28 },
	{ "add rule input xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 1, 16 },
};

TEST(a_wrong_rule_is_refused_with_its_place_and_the_old_set_stays)
{
	struct kit k = kit_nft("add rule input tcp dport 80 accept; add set here { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 } }\n"
			       "add rule input ip saddr @here drop");
	static char before[8192];
	struct nft_error err;

	str_copy(before, listed(&k, true), sizeof(before));
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (!CHECK_EQ(nft_run(k.h->net, wrong[i].text, &err), -EINVAL) || !CHECK_EQ(err.line, wrong[i].line) ||
		    !CHECK_EQ(err.column, wrong[i].column) || !CHECK(err.reason[0]))
			test_note("%s: %u:%u %s", wrong[i].text, err.line, err.column, err.reason);
		CHECK_STR(listed(&k, true), before);
	}
	kit_close(&k);
}

TEST(tables_are_printed_as_they_were_written)
{
	static const char text[] = "table inet filter {\n"
				   "\tchain input {\n"
				   "\t\ttype filter hook input priority filter; policy drop;\n"
				   "\t\tct state established,related accept\n"
				   "\t\tjump own\n"
				   "\t}\n\n"
				   "\tchain own {\n"
				   "\t\ttcp dport { 22, 80 } accept\n"
				   "\t}\n"
				   "}\n"
				   "table ip nat {\n"
				   "\tchain prerouting {\n"
				   "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
				   "\t\ttcp dport 8080 dnat to 10.0.1.2:80\n"
				   "\t\ttcp dport 8000-8009 dnat to 10.0.1.2-10.0.1.9:8000-8009 random\n"
				   "\t\tudp dport 53 redirect to :5353\n"
				   "\t\ttcp dport 81 redirect\n"
				   "\t}\n\n"
				   "\tchain postrouting {\n"
				   "\t\ttype nat hook postrouting priority srcnat + 3; policy accept;\n"
				   "\t\toifname \"eth1\" ip saddr 10.0.0.0/8 masquerade\n"
				   "\t\tip protocol udp masquerade to :1024-2047 random\n"
				   "\t\tsnat to 192.0.2.1\n"
				   "\t}\n"
				   "}\n"
				   "table ip6 guard {\n"
				   "\tchain in {\n"
				   "\t\ttype filter hook input priority filter + 5; policy accept;\n"
				   "\t\tip6 saddr 2001:db8::/32 tcp dport 22 drop\n"
				   "\t}\n"
				   "}\n";
	static char again[8192];
	struct nft_error err;
	struct kit k;

	str_copy(again, text, sizeof(again));
	*strstr(again, "\t\tjump own\n") = '#'; /* what is jumped to stands first: the rule is added behind */
	k = kit_nft(again);
	REQUIRE(!nft_run(k.h->net, "add rule filter input jump own", &err));
	CHECK_STR(listed(&k, false), text);
	REQUIRE(!nft_run(k.h->net, "add rule ip nat postrouting masquerade; flush table nat; delete table ip nat", &err));
	CHECK(!strstr(listed(&k, false), "nat"));
	REQUIRE(!nft_run(k.h->net, "flush ruleset", &err));
	for (unsigned h = 0; h < NR_NF_HOOKS; h++)
		CHECK_EQ(k.cpu->nf->nr[h], 0);
	kit_close(&k);
}

TEST(sets_are_printed_as_nft_prints_them)
{
	static const char text[] = "table ip own {\n"
				   "\tset a {\n"
				   "\t\ttype ipv4_addr\n"
				   "\t\telements = { 9.9.9.9, 10.0.0.1,\n"
				   "\t\t\t     10.0.0.7, 10.0.0.9,\n"
				   "\t\t\t     192.0.2.1 }\n"
				   "\t}\n\n"
				   "\tset b {\n"
				   "\t\ttype ipv4_addr\n"
				   "\t\tflags interval\n"
				   "\t\telements = { 1.2.3.4, 7.0.0.0/8,\n"
				   "\t\t\t     10.0.0.0/8, 192.0.2.1-192.0.2.9 }\n"
				   "\t}\n\n"
				   "\tset e {\n"
				   "\t\ttype ipv4_addr\n"
				   "\t}\n\n"
				   "\tset p {\n"
				   "\t\ttype inet_service\n"
				   "\t\telements = { 1, 2, 3, 4, 5,\n"
				   "\t\t\t     443 }\n"
				   "\t}\n\n"
				   "\tset q {\n"
				   "\t\ttype inet_service\n"
				   "\t\tflags interval\n"
				   "\t\telements = { 80-90, 443, 1024-65535 }\n"
				   "\t}\n\n"
				   "\tchain input {\n"
				   "\t\ttype filter hook input priority filter; policy accept;\n"
				   "\t\tip saddr @a drop\n"
				   "\t\tip saddr != @b tcp dport @p accept\n"
				   "\t\tip daddr @b udp sport @q drop\n"
				   "\t}\n"
				   "}\n"
				   "table ip6 six {\n"
				   "\tset s {\n"
				   "\t\ttype ipv6_addr\n"
				   "\t\tflags interval\n"
				   "\t\telements = { ::1,\n"
				   "\t\t\t     2001:db8::/32,\n"
				   "\t\t\t     fe80::-fe80::7:1 }\n"
				   "\t}\n\n"
				   "\tchain in {\n"
				   "\t\tip6 saddr @s ip6 daddr != @s drop\n"
				   "\t}\n"
				   "}\n";
	struct kit k = kit_nft(text);
	struct nft_error err;

	CHECK_STR(listed(&k, false), text);
	/* What is there already may be added once more; the same change undone leaves what was. */
	REQUIRE(!nft_run(k.h->net, "add element own a { 10.0.0.1, 3.3.3.3, 255.255.255.255, }", &err));
	CHECK(strstr(listed(&k, false), "{ 3.3.3.3, 9.9.9.9,\n"));
	CHECK(strstr(listed(&k, false), "10.0.0.0/8, 192.0.2.1-192.0.2.9 }"));
	REQUIRE(!nft_run(k.h->net, "delete element ip own a { 255.255.255.255, 3.3.3.3 }; delete element own b { 10.0.0.0/8 }", &err));
	REQUIRE(!nft_run(k.h->net, "add element own b { 10.0.0.0-10.255.255.255 }", &err));
	CHECK_STR(listed(&k, false), text);
	/* Rules and later sets keep what they mean when a set goes. */
	REQUIRE(!nft_run(k.h->net, "delete set own e; flush set own a", &err));
	CHECK(strstr(listed(&k, false), "\tset a {\n\t\ttype ipv4_addr\n\t}\n"));
	CHECK(strstr(listed(&k, false), "ip daddr @b udp sport @q drop"));
	CHECK(strstr(listed(&k, false), "1, 2, 3, 4, 5,\n"));
	REQUIRE(!nft_run(k.h->net, "delete table own", &err));
	CHECK_STR(listed(&k, false), strstr(text, "table ip6"));
	REQUIRE(!nft_run(k.h->net, "flush ruleset", &err));
	CHECK_STR(listed(&k, false), "");
	kit_close(&k);
}

TEST(sets_are_bounded_in_number_and_in_elements)
{
	struct kit k = kit_nft("add set s0 { type inet_service }");
	struct nft_error err;
	char text[64];

	for (unsigned i = 1; i < 16; i++) {
		snprintf(text, sizeof(text), "add set s%u { type inet_service }", i);
		REQUIRE(!nft_run(k.h->net, text, &err));
	}
	CHECK_EQ(nft_run(k.h->net, "add set s16 { type inet_service }", &err), -EINVAL);
	CHECK_EQ(err.column, 9);
	for (unsigned i = 0; i < 1024; i++) {
		snprintf(text, sizeof(text), "add element s%u { %u }", i % 16, (i * 40503u) % 65536);
		REQUIRE(!nft_run(k.h->net, text, &err));
	}
	CHECK_EQ(nft_run(k.h->net, "add element s1 { 1 }", &err), -EINVAL);
	CHECK(strstr(err.reason, "1024"));
	REQUIRE(!nft_run(k.h->net, "flush set s0; add element s1 { 1 }", &err));
	kit_close(&k);
}

TEST(jumps_are_bounded_in_depth_and_in_rules)
{
	struct kit k = kit_nft("add chain c0");
	struct nft_error err;
	char text[64];

	for (unsigned i = 1; i < 5; i++) {
		snprintf(text, sizeof(text), "add chain c%u", i);
		REQUIRE(!nft_run(k.h->net, text, &err));
	}
	for (unsigned i = 0; i < 20; i++)
		REQUIRE(!nft_run(k.h->net, "add rule c0 tcp dport 1 drop; add rule c1 jump c0", &err));
	for (unsigned i = 0; i < 9; i++)
		REQUIRE(!nft_run(k.h->net, "add rule c2 jump c1", &err));
	CHECK_EQ(nft_run(k.h->net, "add rule c2 jump c1", &err), -EINVAL); /* 10 * (20 * 21 + 1) */
	CHECK(strstr(err.reason, "4096"));
	kit_close(&k);
}

TEST(rules_of_a_file_are_in_force_unless_the_command_line_has_some)
{
	struct kit k = kit_nft("");

	nft_boot(k.h->net, "loglevel=4", "#!/usr/sbin/nft -f\nflush ruleset\nadd rule input tcp dport 7 drop\n", "etc/nftables.conf");
	CHECK(strstr(listed(&k, false), "tcp dport 7 drop"));
	nft_boot(k.h->net, "nft=\"flush ruleset\"", "add rule input tcp dport 8 drop\n", "etc/nftables.conf");
	CHECK_STR(listed(&k, false), "");
	kit_close(&k);
}

TEST(rules_are_inserted_deleted_and_flushed)
{
	struct kit k = kit_nft("add rule input udp dport 2 accept; insert rule input udp dport 1 accept\n"
			       "add rule forward drop; add chain own; add rule own accept; add chain input policy drop");
	struct nft_error err;

	CHECK(strstr(listed(&k, true), "policy drop;\n\t\tudp dport 1 accept # handle 2\n\t\tudp dport 2 accept # handle 1\n"));
	CHECK_EQ(nft_run(k.h->net, "delete rule input handle 2; delete chain own", &err), 0);
	CHECK(!strstr(listed(&k, true), "handle 2"));
	CHECK(!strstr(listed(&k, true), "own"));
	CHECK(strstr(listed(&k, true), "\tchain forward {"));
	CHECK_EQ(nft_run(k.h->net, "flush ruleset", &err), 0);
	CHECK_STR(listed(&k, false), "");
	for (unsigned h = 0; h < NR_NF_HOOKS; h++)
		CHECK_EQ(k.cpu->nf->nr[h], 0); /* no rules, no cost */
	kit_close(&k);
}

TEST(memory_that_is_out_leaves_the_old_rules)
{
	struct kit k = kit_nft("add rule input udp dport 1 accept");
	struct nft_error err;

	for (host_alloc_budget = 0; host_alloc_budget < 3;) {
		u64 budget = host_alloc_budget;

		CHECK_EQ(nft_run(k.h->net, "flush ruleset", &err), -ENOMEM);
		host_alloc_budget = budget + 1;
	}
	host_alloc_budget = UINT64_MAX;
	CHECK(strstr(listed(&k, false), "udp dport 1 accept"));
	kit_close(&k);
}

/* ---- packets ---- */
static void udp_to(struct kit *k, u16 port)
{
	kit_udp(k, "10.0.0.2", "10.0.0.1", 4000, port, "x", 1);
}

TEST(the_first_rule_that_decides_wins_and_the_policy_is_last)
{
	struct kit k = kit_nft("add rule input udp dport 5 counter accept; add rule input udp dport { 5, 6-7 } counter drop");
	u64 before = drops(&k, DROP_NO_SOCKET);

	udp_to(&k, 5);
	udp_to(&k, 6);
	udp_to(&k, 7);
	udp_to(&k, 8);
	CHECK_EQ(drops(&k, DROP_NO_SOCKET) - before, 2);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 2);
	CHECK(strstr(listed(&k, false), "udp dport 5 counter packets 1 bytes 29 accept"));
	CHECK(strstr(listed(&k, false), "counter packets 2 bytes 58 drop"));
	REQUIRE(!nft_run(k.h->net, "add chain input policy drop", &(struct nft_error){ 0 }));
	udp_to(&k, 8);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 3);
	CHECK(strstr(listed(&k, false), "counter packets 2 bytes 58 drop")); /* a swap keeps counters */
	kit_close(&k);
}

TEST(a_set_holds_what_is_in_it_and_nothing_beside_it)
{
	struct kit k = kit_nft("add set ports { type inet_service; flags interval; elements = { 5, 10-20, 65535 } }\n"
			       "add set hosts { type ipv4_addr; flags interval; elements = { 10.0.0.0/31, 10.0.0.4-10.0.0.6, 192.0.2.0/24 } }\n"
			       "add rule input udp dport @ports counter drop; add rule input ip saddr @hosts counter drop");
	static const u16 in[] = { 5, 10, 15, 20, 65535 }, out[] = { 4, 6, 9, 21, 65534 };
	static const char *const hosts[] = { "10.0.0.4", "10.0.0.5", "10.0.0.6", "192.0.2.0", "192.0.2.255" };
	static const char *const others[] = { "10.0.0.2", "10.0.0.3", "10.0.0.7", "192.0.1.255", "192.0.3.0" };

	for (unsigned i = 0; i < 5; i++) {
		udp_to(&k, in[i]);
		udp_to(&k, out[i]);
		CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), i + 1);
	}
	for (unsigned i = 0; i < 5; i++) {
		kit_udp(&k, hosts[i], "10.0.0.1", 4000, 9, "x", 1);
		kit_udp(&k, others[i], "10.0.0.1", 4000, 9, "x", 1);
		CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 5 + i + 1);
	}
	REQUIRE(!nft_run(k.h->net, "delete element hosts { 192.0.2.0/24 }", &(struct nft_error){ 0 }));
	kit_udp(&k, "192.0.2.9", "10.0.0.1", 4000, 9, "x", 1);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 10);
	CHECK(strstr(listed(&k, false), "ip saddr @hosts counter packets 5 bytes")); /* a change of a set keeps counters */
	kit_close(&k);
}

TEST(jump_returns_behind_the_rule_it_came_from)
{
	struct kit k = kit_nft("add chain a; add rule a udp dport 1 return; add rule a udp dport 2 drop\n"
			       "add rule input jump a; add rule input udp dport 1 counter drop; add rule input udp dport 3 drop");

	for (u16 port = 1; port <= 4; port++)
		udp_to(&k, port);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 3);
	CHECK(strstr(listed(&k, false), "packets 1 "));
	kit_close(&k);
}

TEST(a_limit_lets_its_burst_through_and_then_its_rate)
{
	struct kit k = kit_nft("add rule input udp dport 1 limit rate 10/second burst 3 packets accept; add rule input udp dport 1 drop");

	for (unsigned i = 0; i < 10; i++)
		udp_to(&k, 1);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 7);
	kit_run(&k, NSEC_PER_SEC / 5);
	for (unsigned i = 0; i < 10; i++)
		udp_to(&k, 1);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 15);
	kit_close(&k);
}

TEST(reject_tells_the_sender_by_icmp_or_by_a_reset)
{
	struct kit k = kit_nft("add rule input udp dport 1 reject with icmp admin-prohibited\n"
			       "add rule input tcp dport 80 tcp flags syn / syn,ack reject with tcp reset");
	struct tcp_hdr syn = { .sport = be16_of(4000), .dport = be16_of(80), .seq = be32_of(77), .doff = 5 << 4,
			       .flags = TCP_SYN };
	const struct tcp_hdr *h;
	struct ipv4_info ip;
	struct pkt p;

	udp_to(&k, 1);
	CHECK(expect_icmp(&k, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, NULL));
	INJECT(&k, .proto = 6, .data = &syn, .len = 20);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	h = (const struct tcp_hdr *)(p.b + 20);
	CHECK_EQ(h->flags, TCP_RST | TCP_ACK);
	CHECK_EQ(be32_get(h->ack), 78);
	CHECK_EQ(be16_get(h->sport), 80);
	CHECK(csum_ok(csum_partial(h, 20, csum_tcpudp_nofold(ip.saddr, ip.daddr, 20, 6))));
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 2);
	syn.flags = TCP_SYN | TCP_RST;
	INJECT(&k, .proto = 6, .data = &syn, .len = 20); /* a reset is never answered */
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(interfaces_marks_and_fragments_are_matched)
{
	struct kit k = kit_nft("add rule prerouting iifname eth0 udp dport 1 meta mark set 5; add rule input meta mark 5 counter drop\n"
			       "add rule input iifname eth1 drop; add rule prerouting ip frag-off != 0 counter drop");

	udp_to(&k, 1);
	udp_to(&k, 2);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 1);
	INJECT(&k, .frag = 3, .len = 40);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 2);
	INJECT(&k, .proto = 6, .len = 7); /* ends before its ports: no rule about ports holds, nothing breaks */
	kit_close(&k);
}

TEST(output_rules_hold_for_our_own_packets)
{
	struct kit k = kit_nft("add rule output udp dport 99 ip daddr 10.0.0.2 drop");
	struct sock *sk = kit_sock(&k, 9);

	kit_send(&k, sk, "10.0.0.2", 99, "x", 1);
	EXPECT_NOTHING_SENT(&k);
	kit_send(&k, sk, "10.0.0.2", 98, "x", 1);
	CHECK_EQ(lab_sent_count(k.dev), 1);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(every_cpu_has_the_rules_and_the_counters_are_summed)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host_cpus(lab, "h", 2, 0);
	struct kit k = { .lab = lab, .h = h };

	REQUIRE(!nft_run(h->net, "add rule input counter packets 5 bytes 7 accept", &(struct nft_error){ 0 }));
	lab_run(lab, NSEC_PER_MSEC);
	CHECK_EQ(h->net->cpus[1]->nf->nr[NF_LOCAL_IN], 1);
	CHECK(strstr(listed(&k, false), "packets 5 bytes 7 "));
	lab_destroy(lab);
}

TEST(the_command_line_brings_rules_and_a_wrong_one_is_told)
{
	struct kit k = kit_open(LAB_RAW);

	nft_boot(k.h->net, "quiet nft=\"add rule input udp dport 1 drop; add chain forward policy drop\" ip=none", NULL, NULL);
	CHECK(strstr(listed(&k, false), "udp dport 1 drop"));
	CHECK(strstr(listed(&k, false), "hook forward priority filter; policy drop;"));
	host_log_errors = 0;
	nft_boot(k.h->net, "nft=\"flush everything\"", NULL, NULL);
	CHECK_EQ(host_log_errors, 1);
	CHECK(strstr(listed(&k, false), "udp dport 1 drop"));
	kit_close(&k);
}
