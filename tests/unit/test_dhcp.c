/* SPDX-License-Identifier: MIT
 * test_dhcp.c - the DHCP client against a scripted server: the whole life of a lease, losses,
 * refusals, lies (RFC 2131, RFC 2132).
 */
#include "unit/ipkit.h"
#include "net/ipv4/dhcp.h"
#include "net/link/arp.h"
#include "net/wire/dhcp.h"

static const u8 SERVER_MAC[6] = { 2, 0x55, 0, 0, 0, 1 };

/* ---- client's messages, as the server sees them ---- */
struct seen {
	struct ipv4_info ip;
	u8 eth_dst[6];
	u8 type;
	u32 xid;
	be32 ciaddr, requested, server_id;
	unsigned len;
};

/* A client's message has op 1: turned into a reply it can be read by the parser, but for the two
 * options only clients send. */
static bool decode(const u8 *p, unsigned len, struct seen *s)
{
	const struct dhcp_hdr *h = (const struct dhcp_hdr *)p;

	if (!CHECK(len >= DHCP_MSG_MIN && len <= DHCP_MSG_MAX && h->op == 1 && h->htype == 1 &&
		   h->hlen == 6))
		return false;
	s->len = len;
	s->xid = be32_get(h->xid);
	s->ciaddr = h->ciaddr;
	for (unsigned i = sizeof(*h); i < len && p[i] != DHO_END; i += 2u + p[i + 1]) {
		if (p[i] == DHO_MESSAGE_TYPE)
			s->type = p[i + 2];
		else if (p[i] == DHO_REQUESTED_ADDRESS)
			memcpy(&s->requested, p + i + 2, 4);
		else if (p[i] == DHO_SERVER_ID)
			memcpy(&s->server_id, p + i + 2, 4);
	}
	return true;
}

/* The next DHCP message the client sent; ARP is passed over. */
static bool heard(struct kit *k, struct seen *s)
{
	static struct pkt f;
	struct udp_info udp;

	*s = (struct seen){ 0 };
	while (kit_sent(k, &f)) {
		if (f.b[12] != 8 || f.b[13] != 0)
			continue;
		memcpy(s->eth_dst, f.b, 6);
		if (!CHECK_EQ(ipv4_parse(f.b + 14, f.len - 14, f.len - 14, &s->ip), IPV4_OK) ||
		    s->ip.proto != 17)
			continue;
		if (!CHECK(udp_parse(f.b + 34, 8, f.len - 34, &udp)) ||
		    udp.dport != DHCP_SERVER_PORT)
			continue;
		CHECK_EQ(udp.sport, DHCP_CLIENT_PORT);
		CHECK(csum_ok(
			csum_partial(f.b + 34, udp.len,
				     csum_tcpudp_nofold(s->ip.saddr, s->ip.daddr, udp.len, 17))));
		return decode(f.b + 42, udp.len - 8u, s);
	}
	return false;
}

/* ---- the server's ---- */
struct reply {
	u8 type;
	u32 xid;
	/* NULL: 10.7.0.50, 10.7.0.1, /24, the server; "": none */
	const char *yiaddr, *server, *mask, *router;
	u32 lease_s;                                /* 0: 3600; 1: none */
	u32 t1, t2;
	u16 mtu;
	bool unicast;                               /* to the address that is offered */
	const u8 *extra;
	unsigned extra_len;
	const u8 *chaddr;
};

static u8 *opt_u32(u8 *p, u8 code, u32 v)
{
	be32 b = be32_of(v);

	p[0] = code;
	p[1] = 4;
	memcpy(p + 2, &b, 4);
	return p + 6;
}

static u8 *opt_u16(u8 *p, u8 code, u16 v)
{
	p[0] = code;
	p[1] = 2;
	p[2] = (u8)(v >> 8);
	p[3] = (u8)v;
	return p + 4;
}

static u8 *opt_addr(u8 *p, u8 code, const char *a)
{
	return *a ? opt_u32(p, code, be32_get(v4(a))) : p;
}

static unsigned reply_build(u8 *buf, const struct kit *k, const struct reply *r)
{
	struct dhcp_hdr *h = (struct dhcp_hdr *)buf;
	u8 *p = buf + sizeof(*h);

	memset(buf, 0, 1000);
	*h = (struct dhcp_hdr){ .op = 2, .htype = 1, .hlen = 6 };
	h->xid = be32_of(r->xid);
	h->cookie = be32_of(0x63825363);
	h->yiaddr = r->type == DHCPNAK ? be32_of(0) : v4(r->yiaddr ? r->yiaddr : "10.7.0.50");
	memcpy(h->chaddr, r->chaddr ? r->chaddr : k->dev->addr, 6);
	*p++ = DHO_MESSAGE_TYPE;
	*p++ = 1;
	*p++ = r->type;
	p = opt_addr(p, DHO_SERVER_ID, r->server ? r->server : "10.7.0.1");
	if (r->type != DHCPNAK) {
		p = opt_addr(p, DHO_SUBNET_MASK, r->mask ? r->mask : "255.255.255.0");
		p = opt_addr(p, DHO_ROUTERS, r->router ? r->router : "10.7.0.1");
		if (r->lease_s != 1)
			p = opt_u32(p, DHO_LEASE_TIME, r->lease_s ? r->lease_s : 3600);
		if (r->t1)
			p = opt_u32(opt_u32(p, DHO_RENEWAL_TIME, r->t1), DHO_REBINDING_TIME, r->t2);
		if (r->mtu)
			p = opt_u16(p, DHO_MTU, r->mtu);
	}
	if (r->extra_len)
		memcpy(p, r->extra, r->extra_len);
	p += r->extra_len;
	*p++ = DHO_END;
	return (unsigned)(p - buf);
}

/* A DHCP message of `len` bytes in an Ethernet frame from the server. */
static void inject_dhcp(struct kit *k, const u8 *m, unsigned len, const char *dst, u16 sport)
{
	static u8 dgram[2000];
	struct pkt p;
	unsigned n = udp_build(dgram, "10.7.0.1", dst, sport, DHCP_CLIENT_PORT, m, len);
	bool bcast = !strcmp(dst, "255.255.255.255");

	ip_build(&p, &(struct ip_spec){ .src = "10.7.0.1", .dst = dst, .data = dgram, .len = n });
	kit_frame(k, bcast ? BCAST_MAC : k->dev->addr, SERVER_MAC, ETH_P_IP, p.b, p.len);
}

static void answer(struct kit *k, const struct reply *r)
{
	static u8 m[1000];
	unsigned len = reply_build(m, k, r);

	inject_dhcp(k, m, len,
		    r->unicast ? (r->yiaddr ? r->yiaddr : "10.7.0.50") : "255.255.255.255",
		    DHCP_SERVER_PORT);
}
#define ANSWER(k, ...) answer(k, &(struct reply){ __VA_ARGS__ })

/* The server answers ARP requests for it, so that unicasts can leave. */
static void server_arp(struct kit *k)
{
	struct ip_addr server = addr("10.7.0.1");

	net_set_now(k->cpu, lab_now(k->lab));
	neigh_update(k->cpu, k->dev, &server, SERVER_MAC,
		     NEIGH_CREATE | NEIGH_SOLICITED | NEIGH_OVERRIDE);
}

/* ---- the client ---- */
struct told {
	unsigned bound, lost;
	struct dhcp_lease lease;
};

static void on_lease(struct net_device *dev, const struct dhcp_lease *l, bool bound, void *arg)
{
	struct told *t = arg;

	*(bound ? &t->bound : &t->lost) += 1;
	t->lease = *l;
}

static struct kit client(struct told *t)
{
	struct kit k = kit_bare(LAB_ETHER);

	*t = (struct told){ 0 };
	net_set_now(k.cpu, lab_now(k.lab));
	REQUIRE(!dhcp_start(k.dev, on_lease, t));
	kit_settle(&k);
	return k;
}

/* Through DISCOVER and REQUEST to BOUND; the xid of it. */
static u32 bind_lease(struct kit *k, const struct reply *like)
{
	struct reply r = *like;
	struct seen s;

	REQUIRE(heard(k, &s) && s.type == DHCPDISCOVER);
	r.xid = s.xid;
	r.type = DHCPOFFER;
	answer(k, &r);
	REQUIRE(heard(k, &s) && s.type == DHCPREQUEST);
	r.type = DHCPACK;
	answer(k, &r);
	CHECK_STR(dhcp_state(k->dev), "BOUND");
	return r.xid;
}
#define BIND(k, ...) bind_lease(k, &(struct reply){ __VA_ARGS__ })

static bool has_addr(struct kit *k, const char *a)
{
	return be32_eq(ip_dev_addr(k->cpu, k->dev, NULL), v4(a));
}

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
		u64 until = lab_now(k.lab) + 100 * NSEC_PER_SEC;

		while (!heard(&k, &s) && lab_step(k.lab, until))
			;
		REQUIRE(s.type == DHCPDISCOVER);
		CHECK(!s.ip.saddr.raw); /* whatever address it has given itself meanwhile */
		gap = lab_now(k.lab) - last;
		last = lab_now(k.lab);
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
