/* SPDX-License-Identifier: MIT
 * ipkit.h - one stack with one device, fed byte by byte: what the tests of link/ and ipv4/ have in
 * common.
 *
 * The host is 10.0.0.1/24, its neighbour and gateway 10.0.0.2. A raw device carries bare IP
 * packets; an Ethernet one frames (the peer's address is PEER_MAC). Packets are described by their
 * differences from a good one.
 */
#pragma once

#include "host/harness.h"
#include "host/netlab.h"
#include "net/ipv4/ip.h"
#include "net/ipv4/udp.h"
#include "net/link/loopback.h"
#include "net/wire/arp.h"
#include "net/wire/icmp.h"
#include "net/wire/udp.h"

struct kit {
	struct lab *lab;
	struct lab_host *h;
	struct net_device *dev;
	struct net_cpu *cpu;
};

struct pkt {
	unsigned len;
	u8 b[66000];
};

static const u8 PEER_MAC[6] __unused = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 1 };
static const u8 BCAST_MAC[6] __unused = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static inline be32 v4(const char *s)
{
	struct ip_addr a;

	REQUIRE(!ip_pton(s, &a));
	return ip_v4(&a);
}
static inline struct ip_addr addr(const char *s) { return ip_from_v4(v4(s)); }

static inline void kit_run(struct kit *k, u64 ns) { lab_run(k->lab, ns); }
static inline void kit_settle(struct kit *k) { lab_run(k->lab, 10 * NSEC_PER_USEC); }

static inline bool kit_sent(struct kit *k, struct pkt *p)
{
	p->len = lab_sent(k->dev, p->b, sizeof(p->b));
	return p->len != 0;
}
static inline unsigned kit_drain(struct kit *k)
{
	static struct pkt p;
	unsigned n = 0;

	while (kit_sent(k, &p))
		n++;
	return n;
}

static inline struct kit kit_bare(enum lab_kind kind)
{
	struct kit k = { .lab = lab_create(7) };

	k.h = lab_host(k.lab, "host");
	k.cpu = k.h->cpu;
	k.dev = lab_dev(k.h, kind);
	REQUIRE(!dev_open(loopback_dev(k.h->net)));
	REQUIRE(!ip_addr_add(k.h->net, loopback_dev(k.h->net), v4("127.0.0.1"), 8));
	return k;
}

static inline struct kit kit_open(enum lab_kind kind)
{
	struct kit k = kit_bare(kind);

	lab_addr(k.dev, "10.0.0.1/24");
	lab_default_route(k.dev, "10.0.0.2");
	kit_run(&k, 5 * NSEC_PER_SEC); /* probes and announcements of the address are over */
	kit_drain(&k);
	return k;
}
static inline void kit_close(struct kit *k) { lab_destroy(k->lab); }

static inline u64 drops(struct kit *k, enum drop_reason r) { return lab_drops(k->h, r); }
static inline u64 stat(struct kit *k, enum net_stat s) { return lab_stat(k->h, s); }

/* ---- frames and packets ---- */
/* An Ethernet header at f; where its payload goes. */
static inline u8 *eth_build(u8 *f, const u8 *dst, const u8 *src, u16 type)
{
	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	f[12] = (u8)(type >> 8);
	f[13] = (u8)type;
	return f + 14;
}

/* Hands the device a frame. */
static inline void kit_frame(struct kit *k, const u8 *dst, const u8 *src, u16 type, const void *payload,
			     unsigned len)
{
	static u8 f[66000];

	memcpy(eth_build(f, dst, src, type), payload, len);
	lab_inject(k->dev, f, 14 + len);
	kit_settle(k);
}

struct ip_spec {
	const char *src, *dst; /* NULL: 10.0.0.2, 10.0.0.1 */
	u8 proto;              /* 0: UDP */
	u8 ttl, tos;           /* ttl 0: 64 */
	u16 id, frag;          /* frag: the field, flags and offset in units of 8 */
	const void *data;      /* NULL: bytes that count up */
	unsigned len;
	const u8 *opts;
	unsigned optlen;       /* a multiple of 4 */
	int tot_delta;         /* lie of the total length */
	u8 ver_ihl;            /* lie; 0: right */
	u16 csum_xor;          /* lie */
};

static inline void ip_build(struct pkt *p, const struct ip_spec *s)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)p->b;
	unsigned hlen = 20 + s->optlen;

	*h = (struct ipv4_hdr){
		.ver_ihl = (u8)(0x40 | hlen / 4),
		.tos = s->tos,
		.tot_len = be16_of((u16)((int)(hlen + s->len) + s->tot_delta)),
		.id = be16_of(s->id),
		.frag = be16_of(s->frag),
		.ttl = s->ttl ? s->ttl : 64,
		.proto = s->proto ? s->proto : 17,
		.saddr = v4(s->src ? s->src : "10.0.0.2"),
		.daddr = v4(s->dst ? s->dst : "10.0.0.1"),
	};
	if (s->ver_ihl)
		h->ver_ihl = s->ver_ihl;
	if (s->optlen)
		memcpy(p->b + 20, s->opts, s->optlen);
	h->check = csum_fold(csum_partial(h, hlen, 0));
	h->check.raw ^= s->csum_xor;
	for (unsigned i = 0; i < s->len; i++)
		p->b[hlen + i] = s->data ? ((const u8 *)s->data)[i] : (u8)i;
	p->len = hlen + s->len;
}

static inline void kit_ip(struct kit *k, const struct ip_spec *s)
{
	static struct pkt p;

	ip_build(&p, s);
	lab_inject(k->dev, p.b, p.len);
	kit_settle(k);
}
#define INJECT(k, ...) kit_ip(k, &(struct ip_spec){ __VA_ARGS__ })

/* A UDP datagram with a right checksum into buf; its length. */
static inline unsigned udp_build(u8 *buf, const char *src, const char *dst, u16 sport, u16 dport,
				 const void *data, unsigned len)
{
	struct udp_hdr *h = (struct udp_hdr *)buf;
	u32 sum = csum_tcpudp_nofold(v4(src), v4(dst), 8 + len, 17);

	*h = (struct udp_hdr){ be16_of(sport), be16_of(dport), be16_of((u16)(8 + len)), { 0 } };
	memcpy(buf + 8, data, len);
	h->check = csum_fold(csum_partial(buf, 8 + len, sum));
	if (!h->check.raw)
		h->check.raw = 0xffff;
	return 8 + len;
}

static inline void kit_udp(struct kit *k, const char *src, const char *dst, u16 sport, u16 dport,
			   const void *data, unsigned len)
{
	static u8 buf[66000];
	unsigned n = udp_build(buf, src, dst, sport, dport, data, len);

	INJECT(k, .src = src, .dst = dst, .data = buf, .len = n);
}

/* Checks that a packet the host sent is good IPv4 and decodes it. */
static inline bool ip_read(const struct pkt *p, struct ipv4_info *ip)
{
	return CHECK_EQ(ipv4_parse(p->b, p->len, p->len, ip), IPV4_OK) &&
	       CHECK_EQ(ip->tot_len, p->len);
}

/* An ICMP message with a right checksum as payload of an IP packet. */
static inline unsigned icmp_build(u8 *buf, u8 type, u8 code, u32 word, const void *data,
				  unsigned len)
{
	struct icmp_hdr *h = (struct icmp_hdr *)buf;

	*h = (struct icmp_hdr){ .type = type, .code = code };
	h->word = be32_of(word);
	memcpy(buf + 8, data, len);
	h->check = csum_fold(csum_partial(buf, 8 + len, 0));
	return 8 + len;
}

/* The next packet sent is an ICMP message of this type and code: its quote in *quote (may be
 * NULL). */
static inline bool expect_icmp(struct kit *k, u8 type, u8 code, const struct icmp_hdr **out)
{
	static struct pkt p;
	struct ipv4_info ip;
	const struct icmp_hdr *h;

	if (!CHECK(kit_sent(k, &p)) || !ip_read(&p, &ip) || !CHECK_EQ(ip.proto, 1))
		return false;
	h = (const struct icmp_hdr *)(p.b + ip.hdr_len);
	CHECK(csum_ok(csum_partial(h, p.len - ip.hdr_len, 0)));
	if (out)
		*out = h;
	return CHECK_EQ(h->type, type) && CHECK_EQ(h->code, code);
}
#define EXPECT_NOTHING_SENT(k) CHECK_EQ(lab_sent_count((k)->dev), 0)

/* A UDP sock of the stack's own, bound to port. */
static inline struct sock *kit_sock(struct kit *k, u16 port)
{
	struct sock *sk = udp_sock_create(k->cpu);
	struct sockaddr_ip a = { .family = AF_INET, .port = port, .addr = ip_from_v4((be32){ 0 }) };

	REQUIRE(sk && !udp_prot.bind(sk, &a));
	return sk;
}
static inline long kit_recv(struct sock *sk, void *buf, size_t size, struct sockaddr_ip *from)
{
	struct iovec iov = { buf, size };

	return udp_prot.recvmsg(
		sk, &(struct msghdr){ .msg_name = from, .msg_iov = &iov, .msg_iovlen = 1 }, 0);
}
static inline long kit_send(struct kit *k, struct sock *sk, const char *to, u16 port,
			    const void *data, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct sockaddr_ip a = { .family = AF_INET, .port = port };
	struct msghdr m = { .msg_name = to ? &a : NULL, .msg_iov = &iov, .msg_iovlen = 1 };
	long n;

	if (to)
		a.addr = addr(to);
	bh_disable(k->cpu);
	net_set_now(k->cpu, lab_now(k->lab)); /* as a system call does */
	n = udp_prot.sendmsg(sk, &m, 0);
	bh_enable(k->cpu);
	kit_settle(k);
	return n;
}
