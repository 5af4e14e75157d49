/* SPDX-License-Identifier: MIT
 * ip6kit.h - one stack with one Ethernet device, fed IPv6 byte by byte. The host is 2001:db8::1/64 (static, in use at once)
 * and has a link-local address; its neighbour is 2001:db8::2 with PEER_MAC.
 */
#pragma once

#include "ipkit.h"
#include "net/ipv6/ip6_impl.h"

#define HOST6 "2001:db8::1"
#define PEER6 "2001:db8::2"

static inline struct ip_addr ip6(const char *s)
{
	struct ip_addr a;

	REQUIRE(!ip_pton(s, &a));
	return a;
}

static inline struct kit kit6_bare(void)
{
	struct kit k = { .lab = lab_create(7) };

	k.h = lab_host(k.lab, "host");
	k.cpu = k.h->cpu;
	k.dev = lab_dev(k.h, LAB_ETHER);
	REQUIRE(!dev_open(loopback_dev(k.h->net)));
	return k;
}

static inline struct kit kit6_open(void)
{
	struct kit k = kit6_bare();
	struct ip_addr us = ip6(HOST6), peer = ip6(PEER6);
	struct ip6_route r = { .gateway = peer, .dev = k.dev };

	k.cpu->sysctl.ip6_accept_ra = k.cpu->sysctl.ip6_dad_transmits = 0;
	REQUIRE(!ip6_dev_up(k.h->net, k.dev));
	REQUIRE(!ip6_addr_add(k.h->net, k.dev, &us, 64));
	REQUIRE(!ip6_route_add(k.h->net, &r));
	kit_run(&k, 5 * NSEC_PER_SEC);
	neigh_update(k.cpu, k.dev, &peer, PEER_MAC, NEIGH_CREATE | NEIGH_SOLICITED);
	k.cpu->sysctl.ip6_accept_ra = k.cpu->sysctl.ip6_dad_transmits = 1;
	kit_drain(&k);
	return k;
}

struct ip6_spec {
	const char *src, *dst; /* NULL: PEER6, HOST6 */
	u8 proto;              /* first next header */
	u8 hops;               /* 0: 64 */
	u8 tclass;
	const void *data;      /* NULL: bytes that count up */
	unsigned len;
	int len_delta;         /* lie of the payload length */
	bool icmp;             /* the checksum at data + 2 is put right */
	const u8 *mac;         /* link destination; NULL: ours, or the group's */
};

static inline void kit6_send(struct kit *k, const struct ip6_spec *s)
{
	static u8 f[70000];
	struct ip_addr src = ip6(s->src ? s->src : PEER6), dst = ip6(s->dst ? s->dst : HOST6);
	u8 group[6] = { 0x33, 0x33, dst.b[12], dst.b[13], dst.b[14], dst.b[15] };
	const u8 *mac = s->mac ? s->mac : ip6_is_multicast(&dst) ? group : k->dev->addr;
	struct ipv6_hdr *h = (struct ipv6_hdr *)eth_build(f, mac, PEER_MAC, ETH_P_IPV6);
	u8 *p = (u8 *)(h + 1);

	h->ver_tc_flow = be32_of(0x60000000 | (u32)s->tclass << 20);
	h->payload_len = be16_of((u16)((int)s->len + s->len_delta));
	h->nexthdr = s->proto;
	h->hop_limit = s->hops ? s->hops : 64;
	memcpy(h->saddr, &src, 16);
	memcpy(h->daddr, &dst, 16);
	for (unsigned i = 0; i < s->len; i++)
		p[i] = s->data ? ((const u8 *)s->data)[i] : (u8)i;
	if (s->icmp) {
		be16 c;

		memset(p + 2, 0, 2);
		c = csum_fold(csum_partial(p, s->len, ip6_pseudo_sum(&src, &dst, IPPROTO_ICMPV6, s->len)));
		memcpy(p + 2, &c, 2);
	}
	lab_inject(k->dev, f, ETH_HLEN + IPV6_HLEN + s->len);
	kit_settle(k);
}
#define INJECT6(k, ...) kit6_send(k, &(struct ip6_spec){ __VA_ARGS__ })

/* The next IPv6 packet sent, checked: its header in *ip; where its payload is, NULL: none came. */
static inline const u8 *kit6_sent(struct kit *k, struct ipv6_info *ip)
{
	static struct pkt p;

	while (kit_sent(k, &p)) {
		if (p.b[12] != 0x86 || p.b[13] != 0xdd)
			continue;
		CHECK_EQ(ipv6_parse(p.b + 14, p.len - 14, p.len - 14, ip), IPV6_OK);
		CHECK_EQ(ip->payload_len, p.len - 54);
		return p.b + 54;
	}
	return NULL;
}

/* The next one is ICMPv6 of this type and code with a right checksum: its first byte. */
static inline const u8 *expect_icmp6(struct kit *k, u8 type, u8 code, struct ipv6_info *out)
{
	struct ipv6_info ip;
	const u8 *p = kit6_sent(k, &ip);

	if (!CHECK(p) || !CHECK_EQ(ip.nexthdr, IPPROTO_ICMPV6))
		return NULL;
	CHECK(csum_ok(csum_partial(p, ip.payload_len,
				   ip6_pseudo_sum(&ip.saddr, &ip.daddr, IPPROTO_ICMPV6, ip.payload_len))));
	if (out)
		*out = ip;
	return CHECK_EQ(p[0], type) && CHECK_EQ(p[1], code) ? p : NULL;
}
static inline u32 word_at(const u8 *p) { return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]; }

/* An echo request of 8 + 8 bytes behind n bytes of headers, its checksum right for the kit's two hosts. */
static inline unsigned echo_behind(u8 *out, const u8 *headers, unsigned n)
{
	struct ip_addr src = ip6(PEER6), dst = ip6(HOST6);
	u8 *p = out + n;
	be16 c;

	if (n)
		memcpy(out, headers, n);
	memcpy(p, (u8[16]){ 128, 0, 0, 0, 0x12, 0x34, 0, 1, 'e', 'c', 'h', 'o', 'e', 'c', 'h', 'o' }, 16);
	c = csum_fold(csum_partial(p, 16, ip6_pseudo_sum(&src, &dst, IPPROTO_ICMPV6, 16)));
	memcpy(p + 2, &c, 2);
	return n + 16;
}

static inline void send_chain(struct kit *k, u8 first, const u8 *headers, unsigned n)
{
	u8 buf[4096];
	unsigned len = echo_behind(buf, headers, n);

	INJECT6(k, .proto = first, .data = buf, .len = len);
}
#define CHAIN(k, first, ...) send_chain(k, first, (u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }))

/* An echo request, and pieces of it. */
static u8 whole[3000] __unused;

static inline void fragment(struct kit *k, u32 id, unsigned off, unsigned len, bool more)
{
	u8 f[2000] = { 58, 0, (u8)(off >> 8), (u8)(off | more), (u8)(id >> 24), (u8)(id >> 16), (u8)(id >> 8), (u8)id };

	memcpy(f + 8, whole + off, len);
	INJECT6(k, .proto = 44, .data = f, .len = 8 + len);
}

static inline void make_echo(unsigned len)
{
	struct ip_addr src = ip6(PEER6), dst = ip6(HOST6);
	be16 c;

	for (unsigned i = 0; i < len; i++)
		whole[i] = (u8)(i * 7);
	memcpy(whole, (u8[8]){ 128, 0, 0, 0, 1, 2, 3, 4 }, 8);
	c = csum_fold(csum_partial(whole, len, ip6_pseudo_sum(&src, &dst, IPPROTO_ICMPV6, len)));
	memcpy(whole + 2, &c, 2);
}
