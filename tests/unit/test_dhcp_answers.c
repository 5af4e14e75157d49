/* SPDX-License-Identifier: MIT
 * test_dhcp_answers.c - what a DHCP server may say and what not: answers that are meant for others, odd, wrong or cut short,
 * overloaded fields, names (RFC 2131, RFC 2132).
 */
#include "unit/dhcp_kit.h"

TEST(replies_for_others_and_of_other_conversations_are_ignored)
{
	REQ("2131 4.4.1/xid");
	struct told t;
	struct kit k = client(&t);
	struct seen s;
	u8 m[1000];
	unsigned len;

	REQUIRE(heard(&k, &s));
	ANSWER(&k, .type = DHCPOFFER, .xid = s.xid + 1);
	ANSWER(&k, .type = DHCPOFFER, .xid = s.xid, .chaddr = PEER_MAC);
	ANSWER(&k, .type = DHCPOFFER, .xid = s.xid, .server = "");
	ANSWER(&k, .type = DHCPACK, .xid = s.xid);
	ANSWER(&k, .type = 99, .xid = s.xid);
	len = reply_build(m, &k, &(struct reply){ .type = DHCPOFFER, .xid = s.xid });
	inject_dhcp(&k, m, len, "255.255.255.255", 9999); /* not a server's port */
	CHECK_STR(dhcp_state(k.dev), "SELECTING");
	ANSWER(&k, .type = DHCPOFFER, .xid = s.xid);
	ANSWER(&k, .type = DHCPACK, .xid = s.xid, .server = "10.7.0.66");
	CHECK_STR(dhcp_state(k.dev), "REQUESTING");
	kit_close(&k);
}

TEST(addresses_that_no_host_can_have_are_not_taken)
{
	static const char *const bad[] = {
		"0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "10.7.0.0", "10.7.0.255", "250.0.0.1",
	};
	struct told t;
	struct kit k = client(&t);
	struct seen s;

	REQUIRE(heard(&k, &s));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		ANSWER(&k, .type = DHCPOFFER, .xid = s.xid, .yiaddr = bad[i]);
		CHECK_STR(dhcp_state(k.dev), "SELECTING");
	}
	kit_close(&k);
}

TEST(odd_but_legal_answers_are_made_the_best_of)
{
	struct told t;
	struct kit k = client(&t);

	BIND(&k, .mask = "", .router = "192.0.2.1", .mtu = 100, .t1 = 3000, .t2 = 2000);
	CHECK_EQ(t.lease.prefix_len, 8);  /* no mask: the class */
	CHECK(!t.lease.router.raw);       /* outside the subnet */
	CHECK_EQ(t.lease.mtu, 0);
	CHECK_EQ(k.dev->mtu, 1500);
	CHECK_EQ(t.lease.renew_s, 1800);  /* T1 after T2: the defaults */
	kit_close(&k);
}

TEST(an_acknowledgement_without_a_usable_lease_time_is_not_believed)
{
	struct told t;
	struct kit k = client(&t);
	struct seen s;

	REQUIRE(heard(&k, &s));
	ANSWER(&k, .type = DHCPOFFER, .xid = s.xid);
	ANSWER(&k, .type = DHCPACK, .xid = s.xid, .lease_s = 1);
	ANSWER(&k, .type = DHCPACK, .xid = s.xid, .lease_s = 5);
	CHECK_EQ(t.bound, 0);
	ANSWER(&k, .type = DHCPACK, .xid = s.xid, .lease_s = 60);
	CHECK_EQ(t.bound, 1);
	kit_close(&k);
}

TEST(every_truncation_and_every_wrong_length_is_survived)
{
	static const u8 extra[] = {
		DHO_DNS, 8, 10, 7, 0, 3, 10, 7, 0, 4,
		DHO_HOST_NAME, 4, 'w', 'i', 'r', 'e',
		DHO_OVERLOAD, 1, 3,
	};
	struct told t;
	struct kit k = client(&t);
	struct dhcp_msg out;
	struct seen s;
	u8 m[1000], copy[1000];
	unsigned len, parsed = 0;

	REQUIRE(heard(&k, &s));
	len = reply_build(m, &k,
			  &(struct reply){ .type = DHCPOFFER,
					   .xid = 0xffff,
					   .mtu = 1400,
					   .t1 = 5,
					   .t2 = 6,
					   .extra = extra,
					   .extra_len = sizeof(extra) });
	for (unsigned n = 0; n < len; n++) {
		u8 *exact = kmalloc(n ? n : 1); /* so that the sanitizer sees one byte too far */

		memcpy(exact, m, n);
		parsed += dhcp_parse(exact, n, &out);
		kfree(exact);
		inject_dhcp(&k, m, n, "255.255.255.255", DHCP_SERVER_PORT);
	}
	CHECK(parsed < 14); /* cut between two options it can still be read */
	for (unsigned i = 240; i < len; i++)
		for (unsigned v = 0; v < 256; v += 5) {
			memcpy(copy, m, len);
			copy[i] = (u8)v;
			dhcp_parse(copy, len, &out);
		}
	CHECK_STR(dhcp_state(k.dev), "SELECTING");
	kit_close(&k);
}

TEST(overloaded_fields_hold_options_too) /* 2132 9.3 */
{
	REQ("2132 9.3");
	struct told t;
	struct kit k = client(&t);
	u8 m[1000];
	struct dhcp_msg out;
	unsigned len = reply_build(m, &k,
				   &(struct reply){ .type = DHCPOFFER,
						    .extra = (u8[]){ DHO_OVERLOAD, 1, 3 },
						    .extra_len = 3 });
	struct dhcp_hdr *h = (struct dhcp_hdr *)m;

	memcpy(h->file, ((u8[]){ DHO_PAD, DHO_MTU, 2, 5, 0, DHO_END }), 6);
	memcpy(h->sname, ((u8[]){ DHO_HOST_NAME, 2, 'a', 'b', DHO_END }), 5);
	REQUIRE(dhcp_parse(m, len, &out));
	CHECK_EQ(out.mtu, 1280);
	CHECK_STR(out.hostname, "ab");
	memset(h->sname, 0, sizeof(h->sname));
	h->sname[62] = DHO_DNS; /* runs out of the field */
	h->sname[63] = 4;
	CHECK(!dhcp_parse(m, len, &out));
	kit_close(&k);
}

TEST(names_with_strange_characters_are_not_kept)
{
	static const struct {
		const char *name;
		u8 len;
		const char *kept;
	} names[] = {
		{ "good-Name_1.x", 13, "good-Name_1.x" },
		{ "nul\0", 4, "nul" },
		{ "a b", 3, "" },
		{ "a;rm", 4, "" },
		{ "\x1b[0m", 4, "" },
		{ "0123456789012345678901234567890123456789012345678901234567890123", 64, "" },
	};
	struct told t;
	struct kit k = client(&t);
	struct dhcp_msg out;
	u8 m[1000], extra[80];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		extra[0] = DHO_HOST_NAME;
		extra[1] = names[i].len;
		memcpy(extra + 2, names[i].name, names[i].len);
		REQUIRE(dhcp_parse(m,
				   reply_build(m, &k,
					       &(struct reply){ .type = DHCPOFFER,
								.extra = extra,
								.extra_len = names[i].len + 2u }),
				   &out));
		CHECK_STR(out.hostname, names[i].kept);
	}
	kit_close(&k);
}

TEST(a_device_has_one_client_and_no_memory_means_none)
{
	struct told t;
	struct kit k = client(&t);

	CHECK_EQ(dhcp_start(k.dev, on_lease, &t), -EBUSY);
	dhcp_stop(k.dev, false);
	for (u64 n = 0; n < 2; n++) {
		host_alloc_budget = n;
		CHECK_EQ(dhcp_start(k.dev, on_lease, &t), -ENOMEM);
	}
	host_alloc_budget = UINT64_MAX;
	CHECK(!dhcp_state(k.dev));
	kit_close(&k);
}
