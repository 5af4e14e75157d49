/* SPDX-License-Identifier: MIT
 * router6kit.h - a router of IPv6 between CLIENT on an Ethernet device and SERVER on a raw one behind it, with rules.
 */
#pragma once

#include "ip6kit.h"
#include "net/netfilter/conntrack.h"
#include "net/netfilter/nft.h"

#define CLIENT "2001:db8::2"
#define SERVER "2001:db8:9::5"

/* A router between CLIENT on the kit's device and SERVER on a raw one behind it. */
struct rig {
	struct kit k;
	struct net_device *out;
};

static inline void rules(struct rig *r, const char *text)
{
	struct nft_error err;

	bh_disable(r->k.cpu);
	if (nft_run(r->k.h->net, text, &err))
		test_note("%u:%u %s", err.line, err.column, err.reason), test_stop();
	bh_enable(r->k.cpu);
}

static inline struct rig rig_open(const char *text)
{
	struct rig r = { .k = kit6_bare() };
	struct ip_addr near = ip6(HOST6), far = ip6("2001:db8:9::1"), peer = ip6(CLIENT);
	struct net_sysctls *s = &r.k.cpu->sysctl;

	r.out = lab_dev(r.k.h, LAB_RAW);
	s->ip6_accept_ra = s->ip6_dad_transmits = s->icmp6_ratelimit = 0;
	s->ip6_forwarding = 1;
	REQUIRE(!ip6_dev_up(r.k.h->net, r.k.dev) && !ip6_dev_up(r.k.h->net, r.out));
	REQUIRE(!ip6_addr_add(r.k.h->net, r.k.dev, &near, 64) && !ip6_addr_add(r.k.h->net, r.out, &far, 64));
	kit_run(&r.k, 5 * NSEC_PER_SEC);
	neigh_update(r.k.cpu, r.k.dev, &peer, PEER_MAC, NEIGH_CREATE | NEIGH_SOLICITED);
	kit_drain(&r.k);
	while (lab_sent(r.out, (u8[2048]){ 0 }, 2048))
		;
	if (text)
		rules(&r, text);
	return r;
}

/* What came out on the far side; its payload, NULL: nothing. */
static inline const u8 *came_out(struct rig *r, struct ipv6_info *ip)
{
	static u8 p[65600];
	unsigned n = lab_sent(r->out, p, sizeof(p));

	if (!n || !CHECK_EQ(ipv6_parse(p, n, n, ip), IPV6_OK))
		return NULL;
	return p + 40;
}

#define FORTH(r, ...) INJECT6(&(r)->k, .dst = SERVER, .mac = (r)->k.dev->addr, __VA_ARGS__)

/* A packet of the server's. */
static inline void back(struct rig *r, u8 proto, const void *data, unsigned len)
{
	u8 p[2048];
	struct ipv6_hdr *h = (struct ipv6_hdr *)p;
	struct ip_addr src = ip6(SERVER), dst = ip6(CLIENT);

	*h = (struct ipv6_hdr){ be32_of(0x60000000), be16_of((u16)len), proto, 64, { 0 }, { 0 } };
	memcpy(h->saddr, &src, 16);
	memcpy(h->daddr, &dst, 16);
	memcpy(p + 40, data, len);
	lab_inject(r->out, p, 40 + len);
	kit_settle(&r->k);
}

static inline void keep_conn(void *arg, const struct nf_conn *ct) { *(const struct nf_conn **)arg = ct; }
static inline const struct nf_conn *only(struct rig *r)
{
	const struct nf_conn *ct = NULL;

	REQUIRE(ct_count(r->k.cpu) == 1);
	ct_for_each(r->k.cpu, keep_conn, &ct);
	return ct;
}
