/* SPDX-License-Identifier: MIT
 * test_gro_oracle.c - merging against a reference that is too simple to be wrong: random trains of segments, with all that may
 * happen to one, give TCP the same bytes, flags and options in the same order with GRO and without.
 */
#include <stdlib.h>

#include "host/harness.h"
#include "host/netlab.h"
#include "net/core/gro.h"
#include "net/core/tap.h"
#include "net/wire/ether.h"
#include "net/wire/ipv4.h"
#include "net/wire/tcp.h"

#define FLOWS   6 /* of them two over IPv6 */
#define TRAINS  200
#define FRAMES  48 /* of a train, at most */
#define OPT_MAX 40

/* All that a receiver could see of a segment, but for where one ends and the next begins. */
struct look {
	u32 ack;
	u16 wnd, hdr_len, tot_hdr; /* of TCP; of link, IP and TCP */
	u8 flags; /* but PSH */
	u8 res;   /* the low half of the header length's byte */
	u8 tos, ttl, summed_wrong;
	u8 eth[12];
	u8 opts[OPT_MAX];
};

struct event { /* a run of payload bytes with one look */
	struct look look;
	u32 seq, len;
	bool fin;      /* this run's end carried it */
	u32 pushed_to; /* the highest sequence number at whose end there was PSH */
	u64 digest;    /* of the bytes, in order */
};

struct stream {
	struct event ev[FRAMES + 1];
	unsigned nr;
};

struct rig {
	struct lab *lab;
	struct net_device *dev;
	struct net_cpu *cpu;
	struct tap tap;
	struct stream *seen; /* FLOWS of them, each in the order of arrival */
	unsigned skbs, merged;
};

static unsigned u16_at(const u8 *p) { return (unsigned)p[0] << 8 | p[1]; }
static u32 u32_at(const u8 *p) { return (u32)u16_at(p) << 16 | u16_at(p + 2); }

/* ---- what a frame looks like ---- */

static u32 pseudo(const u8 *ip, bool v6, u32 tcp_len)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)ip;

	if (!v6)
		return csum_tcpudp_nofold(h->saddr, h->daddr, tcp_len, 6);
	return csum_partial(ip + 8, 32, csum_add(be32_of(tcp_len).raw, be32_of(6).raw));
}

static bool same_look(const struct look *a, const struct look *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* `flat`: the whole frame, its checksum final. Adds it to its flow's stream; runs with one look that follow each other are one. */
static void add_frame(struct stream *streams, const u8 *flat)
{
	bool v6 = flat[12] == 0x86;
	const u8 *ip = flat + 14, *tcp = ip + (v6 ? 40 : 20);
	u32 tcp_len = v6 ? u16_at(ip + 4) : u16_at(ip + 2) - 20, hdr = (tcp[12] >> 4) * 4u, len = tcp_len - hdr, seq = u32_at(tcp + 4);
	struct look l = { .ack = u32_at(tcp + 8), .wnd = (u16)u16_at(tcp + 14), .hdr_len = (u16)hdr, .tot_hdr = (u16)(tcp - flat + hdr),
			  .flags = (u8)(tcp[13] & ~(TCP_PSH | TCP_FIN)), .res = tcp[12] & 15, .tos = v6 ? (u8)(u16_at(ip) >> 4) : ip[1],
			  .ttl = v6 ? ip[7] : ip[8] };
	struct stream *s = &streams[u16_at(tcp) - 1000];
	struct event *e = s->nr ? &s->ev[s->nr - 1] : NULL;

	memcpy(l.eth, flat, 12);
	memcpy(l.opts, tcp + 20, hdr - 20);
	l.summed_wrong = !csum_ok(csum_partial(tcp, tcp_len, pseudo(ip, v6, tcp_len)));
	if (!e || !len || !e->len || l.summed_wrong || e->fin || e->seq + e->len != seq || !same_look(&e->look, &l)) {
		REQUIRE(s->nr < ARRAY_SIZE(s->ev));
		e = &s->ev[s->nr++];
		*e = (struct event){ .look = l, .seq = seq, .digest = 1469598103934665603ull };
	}
	for (u32 i = 0; i < len; i++)
		e->digest = (e->digest ^ tcp[hdr + i]) * 1099511628211ull;
	e->len += len;
	e->fin |= (tcp[13] & TCP_FIN) != 0;
	if (tcp[13] & TCP_PSH)
		e->pushed_to = e->seq + e->len;
}

static void on_frame(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct rig *r = t->priv;
	struct sk_buff *copy = skb_copy(cpu, skb);
	static u8 flat[80000];

	REQUIRE(copy);
	if (copy->ip_summed == CHECKSUM_PARTIAL)
		skb_checksum_help(cpu, copy);
	REQUIRE(!skb_copy_bits(copy, 0, flat, copy->len));
	consume_skb(cpu, copy);
	add_frame(r->seen, flat);
	r->skbs++;
	r->merged += skb->gso_segs > 1;
}

/* ---- random trains ---- */

struct flow { /* how its sender stands */
	u32 seq, ack, tsval;
	u16 wnd, mss;
	u8 opts, tos, ttl;
};

/* A frame of flow n at p, mostly what follows the last one, at times anything else. Returns its length. */
static unsigned put_frame(u8 *p, struct flow *f, unsigned n, struct test_rng *rng, unsigned *pad, bool *bad)
{
	bool v6 = n >= FLOWS - 2;
	unsigned opt = f->opts, len = f->mss, hlen = v6 ? 40 : 20, odd = rng_below(rng, 60);
	u8 flags = TCP_ACK, *ip = p + 14, *tcp = ip + hlen;
	struct ipv4_hdr *h = (struct ipv4_hdr *)ip;
	u32 seq = f->seq;

	*bad = odd == 1;
	*pad = odd == 2 ? rng_below(rng, 20) : 0;
	if (odd == 3)
		flags |= (u8)(1u << rng_below(rng, 8)); /* FIN, SYN, RST, PSH, ACK, URG, ECE, CWR */
	if (odd < 8 && odd > 3)
		flags |= TCP_PSH;
	if (odd == 8)
		f->ack += 1000;
	if (odd == 9)
		f->wnd++;
	if (odd == 10)
		f->tsval++;
	if (odd == 11)
		f->tos ^= 3;
	if (odd == 12)
		f->ttl--;
	if (odd == 13)
		seq += rng_below(rng, 5000) - 2500; /* out of order, overlapping, repeated */
	if (odd == 14)
		len = rng_below(rng, f->mss + 1);
	if (odd == 15)
		len = f->mss + rng_below(rng, 200);
	if (odd == 16)
		len = 0;
	if (odd == 17)
		opt = 4 * rng_below(rng, 11);
	memset(p, 0, 14 + hlen + 20 + opt);
	memcpy(p, "\2\0\0\0\1\1\2\0\0\0\0\2", 12);
	p[11] = odd == 18 ? 9 : 2; /* by another router */
	p[12] = v6 ? 0x86 : 8;
	p[13] = v6 ? 0xdd : 0;
	tcp[0] = (u8)((1000 + n) >> 8), tcp[1] = (u8)(1000 + n);
	tcp[3] = 80;
	for (unsigned i = 0; i < 4; i++)
		tcp[4 + i] = (u8)(seq >> (24 - 8 * i)), tcp[8 + i] = (u8)(f->ack >> (24 - 8 * i));
	tcp[12] = (u8)((20 + opt) << 2) | (odd == 19 ? 1 : 0); /* AccECN's bit */
	tcp[13] = flags;
	tcp[14] = (u8)(f->wnd >> 8), tcp[15] = (u8)f->wnd;
	memset(tcp + 20, 1, opt);
	if (opt >= 12)
		memcpy(tcp + 20, (u8[]){ 1, 1, 8, 10, 0, 0, 0, (u8)f->tsval, 0, 0, 0, 5 }, 12);
	for (unsigned i = 0; i < len; i++)
		tcp[20 + opt + i] = (u8)((seq + i) * 37 >> 3);
	if (v6) {
		ip[0] = (u8)(0x60 | f->tos >> 4), ip[1] = (u8)(f->tos << 4);
		ip[3] = odd == 20; /* another flow label, which no one above IP sees */
		ip[4] = (u8)((20 + opt + len) >> 8), ip[5] = (u8)(20 + opt + len), ip[6] = 6, ip[7] = f->ttl;
		memset(ip + 8, 0xfd, 32);
	} else {
		*h = (struct ipv4_hdr){ .ver_ihl = 0x45, .tos = f->tos, .tot_len = be16_of((u16)(40 + opt + len)),
					.id = be16_of((u16)rng_below(rng, 65536)), .frag = be16_of(odd == 21 ? 0 : IP_DF), .ttl = f->ttl,
					.proto = 6, .saddr = be32_of(0x0a000002), .daddr = be32_of(0x0a000003) };
		h->check = csum_fold(csum_ip_header(h, 5));
	}
	memcpy(tcp + 16, &(be16){ csum_fold(csum_partial(tcp, 20 + opt + len, pseudo(ip, v6, 20 + opt + len))).raw }, 2);
	if (*bad)
		tcp[17] ^= 1;
	if (odd != 13)
		f->seq += len;
	memset(tcp + 20 + opt + len, 0xee, *pad);
	return 14 + hlen + 20 + opt + len + *pad;
}

static void feed(struct rig *r, const u8 *p, unsigned len, bool vouched)
{
	struct skb_buf *b = skb_buf_alloc(r->cpu);
	struct sk_buff *skb;

	REQUIRE(b);
	memcpy(skb_buf_room(b) + 64, p, len);
	if (gro_wants(r->cpu, r->dev, len) && gro_receive(r->cpu, r->dev, 0, skb_buf_room(b) + 64, len, vouched))
		return;
	skb = build_skb(r->cpu, b, 64, len);
	REQUIRE(skb);
	skb->dev = r->dev;
	netif_receive_skb(r->cpu, skb);
}

static void expect_same(const struct stream *want, const struct stream *got, unsigned train)
{
	bool ok = CHECK_EQ(got->nr, want->nr);

	for (unsigned i = 0; ok && i < want->nr; i++) {
		const struct event *a = &want->ev[i], *b = &got->ev[i];

		ok = CHECK(same_look(&a->look, &b->look)) && CHECK_EQ(b->seq, a->seq) && CHECK_EQ(b->len, a->len) &&
		     CHECK_EQ(b->fin, a->fin) && CHECK_EQ(b->pushed_to, a->pushed_to) && CHECK(a->digest == b->digest);
	}
	if (!ok)
		test_note("train %u", train);
}

static void one_train(struct rig *r, struct test_rng *rng, unsigned train)
{
	struct stream *want = calloc(FLOWS, sizeof(*want));
	struct flow flows[FLOWS];
	static u8 p[4096];

	r->seen = calloc(FLOWS, sizeof(*r->seen));
	for (unsigned n = 0; n < FLOWS; n++)
		flows[n] = (struct flow){ .seq = rng_below(rng, 4) ? rng_below(rng, 1u << 31) : 0u - rng_below(rng, 20000),
					  .ack = 7, .tsval = 3, .wnd = 500, .mss = (u16)(n % 3 == 2 ? 600 + rng_below(rng, 800) : 1448), .opts = n % 3 == 1 ? 0 : 12, .tos = 0,
					  .ttl = 64 };
	for (unsigned i = 0, n = 0; i < FRAMES; i++) {
		bool bad, vouched = train & 1;
		unsigned len, pad;

		n = rng_below(rng, 3) ? n : rng_below(rng, FLOWS);
		len = put_frame(p, &flows[n], n, rng, &pad, &bad);
		add_frame(want, p);
		feed(r, p, len, vouched && !bad);
		if (!rng_below(rng, 12))
			gro_flush(r->cpu);
	}
	gro_flush(r->cpu);
	for (unsigned n = 0; n < FLOWS; n++)
		expect_same(&want[n], &r->seen[n], train);
	free(want);
	free(r->seen);
}

/* What came in one look may become fewer packets, and nothing else changes: no byte, flag, option, or order of them; a PSH stays at
 * the end of the data that it followed. */
TEST(tcp_sees_the_same_with_merging_and_without)
{
	struct rig r = { .lab = lab_create(1) };
	struct lab_host *h = lab_host(r.lab, "a");
	struct test_rng rng = { 5 };

	r.cpu = h->cpu;
	r.dev = lab_dev_with(h, LAB_ETHER, NETIF_F_SG | NETIF_F_GRO, 0);
	lab_addr(r.dev, "10.0.0.1/24");
	r.tap = (struct tap){ .dev = r.dev, .fn = on_frame, .priv = &r };
	tap_add(r.cpu, &r.tap);
	for (unsigned train = 0; train < TRAINS; train++)
		one_train(&r, &rng, train);
	CHECK(r.skbs < TRAINS * FRAMES * 3 / 4); /* there was merging, */
	CHECK(r.merged > TRAINS);                /* and in all trains some */
	tap_remove(r.cpu, &r.tap);
	lab_destroy(r.lab);
}
