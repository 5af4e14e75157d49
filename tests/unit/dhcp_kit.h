/* SPDX-License-Identifier: MIT
 * dhcp_kit.h - a scripted DHCP server for the tests of the client: it reads what the client says and answers what a test wants.
 */
#pragma once

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
static inline bool decode(const u8 *p, unsigned len, struct seen *s)
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
static inline bool heard(struct kit *k, struct seen *s)
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

static inline u8 *opt_u32(u8 *p, u8 code, u32 v)
{
	be32 b = be32_of(v);

	p[0] = code;
	p[1] = 4;
	memcpy(p + 2, &b, 4);
	return p + 6;
}

static inline u8 *opt_u16(u8 *p, u8 code, u16 v)
{
	p[0] = code;
	p[1] = 2;
	p[2] = (u8)(v >> 8);
	p[3] = (u8)v;
	return p + 4;
}

static inline u8 *opt_addr(u8 *p, u8 code, const char *a)
{
	return *a ? opt_u32(p, code, be32_get(v4(a))) : p;
}

static inline unsigned reply_build(u8 *buf, const struct kit *k, const struct reply *r)
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
static inline void inject_dhcp(struct kit *k, const u8 *m, unsigned len, const char *dst, u16 sport)
{
	static u8 dgram[2000];
	struct pkt p;
	unsigned n = udp_build(dgram, "10.7.0.1", dst, sport, DHCP_CLIENT_PORT, m, len);
	bool bcast = !strcmp(dst, "255.255.255.255");

	ip_build(&p, &(struct ip_spec){ .src = "10.7.0.1", .dst = dst, .data = dgram, .len = n });
	kit_frame(k, bcast ? BCAST_MAC : k->dev->addr, SERVER_MAC, ETH_P_IP, p.b, p.len);
}

static inline void answer(struct kit *k, const struct reply *r)
{
	static u8 m[1000];
	unsigned len = reply_build(m, k, r);

	inject_dhcp(k, m, len,
		    r->unicast ? (r->yiaddr ? r->yiaddr : "10.7.0.50") : "255.255.255.255",
		    DHCP_SERVER_PORT);
}
#define ANSWER(k, ...) answer(k, &(struct reply){ __VA_ARGS__ })

/* The server answers ARP requests for it, so that unicasts can leave. */
static inline void server_arp(struct kit *k)
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

static inline void on_lease(struct net_device *dev, const struct dhcp_lease *l, bool bound, void *arg)
{
	struct told *t = arg;

	*(bound ? &t->bound : &t->lost) += 1;
	t->lease = *l;
}

static inline struct kit client(struct told *t)
{
	struct kit k = kit_bare(LAB_ETHER);

	*t = (struct told){ 0 };
	net_set_now(k.cpu, lab_now(k.lab));
	REQUIRE(!dhcp_start(k.dev, on_lease, t));
	kit_settle(&k);
	return k;
}

/* Through DISCOVER and REQUEST to BOUND; the xid of it. */
static inline u32 bind_lease(struct kit *k, const struct reply *like)
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

static inline bool has_addr(struct kit *k, const char *a)
{
	return be32_eq(ip_dev_addr(k->cpu, k->dev, NULL), v4(a));
}
