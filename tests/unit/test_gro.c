/* SPDX-License-Identifier: MIT
 * test_gro.c - merging on the way in: what continues a flow is appended, whatever TCP must see ends it, and what enters the
 * stack is one right packet that can be cut again.
 */
#include "host/harness.h"
#include "host/netlab.h"
#include "net/core/gro.h"
#include "net/core/gso.h"
#include "net/core/tap.h"
#include "net/wire/ether.h"
#include "net/wire/ipv4.h"
#include "net/wire/tcp.h"

#define MSS        1000
#define NO_PAYLOAD ~0u

struct seen {
	u32 len;
	u16 gso_size, gso_segs;
	u8 flags, ip_summed;
	unsigned pieces; /* that another skb needs to refer to all of it */
	bool whole; /* lengths and sums are right, payload as it was sent */
	u32 seq;
	unsigned payload;
};

struct rig {
	struct lab *lab;
	struct lab_host *h;
	struct net_device *dev;
	struct net_cpu *cpu;
	struct tap tap;
	struct seen seen[64];
	unsigned nr;
};

/* A segment as a peer would send it; the fields that tests change. */
struct segment {
	u32 seq, ack;
	unsigned payload;
	u8 flags, tos, ttl, doff; /* doff 8: timestamps */
	u16 sport, wnd, frag;
	u32 tsval;
	bool v6, bad_sum, bad_ip_sum, vouched;
	unsigned padding;
};
#define SEGMENT(...) (&(struct segment){ __VA_ARGS__ })

/* What a test left 0. */
static struct segment filled(const struct segment *s)
{
	struct segment f = *s;

	f.seq = f.seq ?: 1000;
	f.ack = f.ack ?: 77;
	f.payload = f.payload == NO_PAYLOAD ? 0 : f.payload ?: MSS;
	f.flags = f.flags ?: TCP_ACK;
	f.ttl = f.ttl ?: 64;
	f.doff = f.doff ?: 8;
	f.sport = f.sport ?: 5000;
	f.wnd = f.wnd ?: 500;
	f.frag = f.frag ?: IP_DF;
	f.tsval = f.tsval ?: 9;
	return f;
}

static u8 byte_of(u32 seq) { return (u8)(seq * 7 + (seq >> 8)); }

static u32 pseudo(const u8 *ip, bool v6, u32 tcp_len)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)ip;

	return v6 ? csum_partial(ip + 8, 32, (tcp_len + 6) << 8) : csum_tcpudp_nofold(h->saddr, h->daddr, tcp_len, 6);
}

static void put_ip(u8 *ip, const struct segment *s, u32 tcp_len)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)ip;

	if (s->v6) {
		memset(ip, 0x20, 40);
		ip[0] = 0x60;
		ip[1] = (u8)(s->tos << 4);
		ip[4] = (u8)(tcp_len >> 8);
		ip[5] = (u8)tcp_len;
		ip[6] = 6;
		ip[7] = s->ttl;
		return;
	}
	*h = (struct ipv4_hdr){ .ver_ihl = 0x45, .tos = s->tos, .tot_len = be16_of((u16)(20 + tcp_len)), .id = be16_of((u16)s->seq),
				.frag = be16_of(s->frag), .ttl = s->ttl, .proto = 6, .saddr = be32_of(0x0a000002),
				.daddr = be32_of(0x0a000003) };
	h->check = csum_fold(csum_ip_header(h, 5));
	if (s->bad_ip_sum)
		h->check.raw ^= 0x100;
}

static unsigned put_frame(struct rig *r, u8 *p, const struct segment *given)
{
	const struct segment whole = filled(given), *s = &whole;
	unsigned ip_len = s->v6 ? 40 : 20, opt = s->doff * 4u - 20, tcp_len = s->doff * 4u + s->payload;
	struct eth_hdr *eh = (struct eth_hdr *)p;
	struct tcp_hdr *th = (struct tcp_hdr *)(p + 14 + ip_len);
	u8 ts[12] = { 1, 1, 8, 10, 0, 0, 0, (u8)s->tsval };

	memcpy(eh->dst, r->dev->addr, 6);
	memset(eh->src, 2, 6);
	eh->type = be16_of(s->v6 ? ETH_P_IPV6 : ETH_P_IP);
	put_ip(p + 14, s, tcp_len);
	*th = (struct tcp_hdr){ .sport = be16_of(s->sport), .dport = be16_of(80), .seq = be32_of(s->seq), .ack = be32_of(s->ack),
				.doff = (u8)(s->doff << 4), .flags = s->flags, .wnd = be16_of(s->wnd) };
	memset(th + 1, 1, opt);
	memcpy(th + 1, ts, MIN(opt, 12u));
	for (unsigned i = 0; i < s->payload; i++)
		((u8 *)(th + 1))[opt + i] = byte_of(s->seq + i);
	th->csum = csum_fold(csum_partial(th, tcp_len, pseudo(p + 14, s->v6, tcp_len)));
	if (s->bad_sum)
		th->csum.raw ^= 1;
	memset((u8 *)th + tcp_len, 0, s->padding);
	return 14 + ip_len + tcp_len + s->padding;
}

/* As a driver does it. Returns whether the frame was held or merged. */
static bool feed(struct rig *r, const struct segment *s)
{
	struct skb_buf *b = skb_buf_alloc(r->cpu);
	struct sk_buff *skb;
	unsigned len;

	REQUIRE(b);
	len = put_frame(r, skb_buf_room(b) + 64, s);
	if (gro_wants(r->cpu, r->dev, len) && gro_receive(r->cpu, r->dev, 0, skb_buf_room(b) + 64, len, s->vouched))
		return true;
	skb = build_skb(r->cpu, b, 64, len);
	REQUIRE(skb);
	skb->dev = r->dev;
	netif_receive_skb(r->cpu, skb);
	return false;
}

/* Is it a right packet? The sum of a merged one is partial: finished here as a router would have it finished. */
static bool is_whole(struct net_cpu *cpu, const struct sk_buff *skb, struct seen *e)
{
	static u8 flat[80000];
	bool v6 = false;
	struct sk_buff *copy = skb_copy(cpu, skb);
	struct tcp_seg tcp;
	unsigned tcp_len;
	u8 *th;

	REQUIRE(copy);
	if (copy->ip_summed == CHECKSUM_PARTIAL) /* offsets are those of the copy's head, too */
		skb_checksum_help(cpu, copy);
	REQUIRE(!skb_copy_bits(copy, 0, flat, copy->len));
	consume_skb(cpu, copy);
	v6 = flat[14] >> 4 == 6;
	th = flat + 14 + (v6 ? 40 : 20);
	tcp_len = v6 ? (unsigned)(flat[18] << 8 | flat[19]) : (unsigned)(flat[16] << 8 | flat[17]) - 20;
	if (!tcp_parse(th, tcp_len, tcp_len, &tcp))
		return false;
	e->flags = tcp.flags;
	e->seq = tcp.seq.v;
	e->payload = tcp.len;
	for (unsigned i = 0; i < tcp.len; i++)
		if (th[tcp.hdr_len + i] != byte_of(tcp.seq.v + i))
			return false;
	return tcp_len <= skb->len && (v6 || csum_ok(csum_ip_header(flat + 14, 5))) &&
	       csum_ok(csum_partial(th, tcp_len, pseudo(flat + 14, v6, tcp_len)));
}

static void on_frame(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct rig *r = t->priv;
	struct seen *e = &r->seen[r->nr++];

	REQUIRE(r->nr <= ARRAY_SIZE(r->seen));
	*e = (struct seen){ .len = skb->len, .pieces = skb->nr_frags + 1u, .gso_size = skb->gso_size, .gso_segs = skb->gso_segs, .ip_summed = skb->ip_summed };
	e->whole = is_whole(cpu, skb, e);
}

static void begin(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	r->lab = lab_create(1);
	r->h = lab_host(r->lab, "a");
	r->cpu = r->h->cpu;
	r->dev = lab_dev_with(r->h, LAB_ETHER, NETIF_F_SG | NETIF_F_GRO, 0);
	lab_addr(r->dev, "10.0.0.1/24");
	r->tap = (struct tap){ .dev = r->dev, .fn = on_frame, .priv = r };
	tap_add(r->cpu, &r->tap);
}

static void end(struct rig *r)
{
	gro_flush(r->cpu);
	tap_remove(r->cpu, &r->tap);
	lab_destroy(r->lab); /* frames balance */
}

TEST(segments_in_order_become_one_packet)
{
	struct rig r;

	begin(&r);
	for (unsigned i = 0; i < 10; i++)
		CHECK(feed(&r, SEGMENT(.seq = 1000 + i * MSS)));
	CHECK_EQ(r.nr, 0);
	gro_flush(r.cpu);
	CHECK_EQ(r.nr, 1);
	CHECK(r.seen[0].whole);
	CHECK_EQ(r.seen[0].seq, 1000);
	CHECK_EQ(r.seen[0].payload, 10 * MSS);
	CHECK_EQ(r.seen[0].gso_size, MSS);
	CHECK_EQ(r.seen[0].gso_segs, 10);
	CHECK_EQ(r.seen[0].ip_summed, CHECKSUM_PARTIAL);
	CHECK_EQ(r.dev->rx[0].packets, 10);
	CHECK_EQ(r.dev->rx[0].bytes, 10 * (14 + 20 + 32 + MSS));
	CHECK_EQ(r.dev->rx[0].gro_packets, 1);
	CHECK_EQ(r.dev->rx[0].gro_merged, 9);
	end(&r);
}

TEST(ipv6_and_headers_without_timestamps_merge_too)
{
	struct rig r;

	begin(&r);
	for (unsigned i = 0; i < 4; i++) {
		CHECK(feed(&r, SEGMENT(.seq = 1000 + i * MSS, .v6 = true)));
		CHECK(feed(&r, SEGMENT(.seq = 5 + i * MSS, .doff = 5, .sport = 1)));
		CHECK(feed(&r, SEGMENT(.seq = 9 + i * MSS, .doff = 11, .sport = 2)));
	}
	gro_flush(r.cpu);
	CHECK_EQ(r.nr, 3);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(r.seen[i].whole);
		CHECK_EQ(r.seen[i].payload, 4 * MSS);
	}
	end(&r);
}

TEST(sequence_numbers_wrap_within_a_merge)
{
	struct rig r;

	begin(&r);
	for (unsigned i = 0; i < 4; i++)
		CHECK(feed(&r, SEGMENT(.seq = 0xfffffa00 + i * MSS)));
	gro_flush(r.cpu);
	CHECK_EQ(r.nr, 1);
	CHECK(r.seen[0].whole);
	end(&r);
}

TEST(push_and_a_short_segment_end_it_at_once)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct rig r;

		begin(&r);
		CHECK(feed(&r, SEGMENT(.v6 = v6)));
		CHECK(feed(&r, SEGMENT(.seq = 1000 + MSS, .flags = TCP_ACK | TCP_PSH, .v6 = v6)));
		CHECK_EQ(r.nr, 1);
		CHECK_EQ(r.seen[0].flags, TCP_ACK | TCP_PSH);
		CHECK(r.seen[0].whole);
		CHECK(feed(&r, SEGMENT(.seq = 1000 + 2 * MSS, .v6 = v6)));
		CHECK(feed(&r, SEGMENT(.seq = 1000 + 3 * MSS, .payload = 600, .v6 = v6)));
		CHECK_EQ(r.nr, 2);
		CHECK_EQ(r.seen[1].payload, MSS + 600);
		CHECK(r.seen[1].whole);
		end(&r);
	}
}

TEST(flows_of_both_families_are_held_side_by_side)
{
	struct rig r;

	begin(&r);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned flow = 0; flow < 4; flow++)
			CHECK(feed(&r, SEGMENT(.seq = 1000 + i * MSS, .sport = (u16)(5 + flow), .v6 = flow & 1)));
	gro_flush(r.cpu);
	CHECK_EQ(r.nr, 4);
	for (unsigned i = 0; i < 4; i++) {
		CHECK(r.seen[i].whole);
		CHECK_EQ(r.seen[i].payload, 4 * MSS);
	}
	end(&r);
}

TEST(what_tcp_must_see_is_not_merged_and_comes_after_what_was_held)
{
	static const struct segment odd[] = {
		{ .flags = TCP_ACK | TCP_FIN }, { .flags = TCP_ACK | TCP_URG }, { .flags = TCP_ACK | TCP_RST },
		{ .flags = TCP_ACK | TCP_SYN }, { .flags = TCP_ACK | TCP_ECE }, { .flags = TCP_ACK | TCP_CWR },
		{ .flags = TCP_PSH },           { .ack = 78 },                  { .wnd = 501 },
		{ .tsval = 10 },                { .tos = 3 },                   { .ttl = 63 },
		{ .doff = 5 },                  { .payload = MSS + 100 },       { .seq = 5000 },
		{ .seq = 1000 },                { .payload = 1, .seq = 1000 },  { .bad_sum = true },
	};

	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned i = 0; i < ARRAY_SIZE(odd); i++) {
			struct segment s = odd[i];
			struct rig r;

			begin(&r);
			s.v6 = v6;
			s.seq = s.seq ?: 1000 + MSS;
			CHECK(feed(&r, SEGMENT(.v6 = v6)));
			feed(&r, &s);
			CHECK(r.nr >= 1);
			CHECK_EQ(r.seen[0].gso_segs, 0);
			CHECK_EQ(r.seen[0].seq, 1000);
			CHECK_EQ(r.seen[0].payload, MSS);
			gro_flush(r.cpu);
			if (!CHECK_EQ(r.nr, 2))
				test_note("row %u", i);
			CHECK_EQ(r.seen[1].seq, s.seq);
			CHECK_EQ(r.seen[1].flags, s.flags ?: TCP_ACK);
			CHECK_EQ(r.seen[1].whole, !s.bad_sum);
			end(&r);
		}
}

TEST(a_wrong_header_sum_behind_a_right_one_is_not_merged)
{
	struct rig r;

	begin(&r);
	CHECK(feed(&r, SEGMENT(0)));
	CHECK(!feed(&r, SEGMENT(.seq = 1000 + MSS, .bad_ip_sum = true)));
	CHECK_EQ(r.nr, 1); /* goes on alone, and dies in IP */
	CHECK(feed(&r, SEGMENT(.seq = 1000 + MSS)));
	gro_flush(r.cpu);
	CHECK_EQ(r.nr, 2);
	CHECK_EQ(r.seen[1].seq, 1000);
	CHECK_EQ(r.seen[1].payload, 2 * MSS);
	end(&r);
}

TEST(an_acknowledgment_does_not_overtake_held_data)
{
	struct rig r;

	begin(&r);
	CHECK(feed(&r, SEGMENT()));
	CHECK(!feed(&r, SEGMENT(.seq = 1000 + MSS, .payload = NO_PAYLOAD, .ack = 99)));
	CHECK_EQ(r.nr, 2);
	CHECK_EQ(r.seen[0].payload, MSS);
	CHECK_EQ(r.seen[1].payload, 0);
	end(&r);
}

TEST(frames_that_nothing_may_be_appended_to_go_straight_through)
{
	static const struct segment odd[] = {
		{ .flags = TCP_ACK | TCP_PSH }, { .frag = IP_MF }, { .frag = IP_DF | 5 }, { .bad_sum = true }, { .bad_ip_sum = true },
		{ .payload = 100 },
	};
	struct rig r;

	begin(&r);
	for (unsigned i = 0; i < ARRAY_SIZE(odd); i++) {
		CHECK(!feed(&r, &odd[i]));
		CHECK_EQ(r.nr, i + 1);
	}
	r.dev->features &= ~(u32)NETIF_F_GRO;
	CHECK(!feed(&r, SEGMENT()));
	end(&r);
}

TEST(padding_of_a_frame_is_not_payload)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct rig r;

		begin(&r);
		CHECK(feed(&r, SEGMENT(.padding = 6, .v6 = v6)));
		CHECK(feed(&r, SEGMENT(.seq = 1000 + MSS, .padding = 6, .v6 = v6)));
		gro_flush(r.cpu);
		CHECK_EQ(r.nr, 1);
		CHECK_EQ(r.seen[0].payload, 2 * MSS);
		CHECK(r.seen[0].whole);
		end(&r);
	}
}

TEST(more_flows_than_places_and_longer_trains_than_a_packet_holds)
{
	unsigned payload = 0;
	struct rig r;

	begin(&r);
	for (unsigned i = 0; i < 12; i++)
		CHECK(feed(&r, SEGMENT(.sport = (u16)(100 + i))));
	CHECK_EQ(r.nr, 12 - GRO_FLOWS);
	gro_flush(r.cpu);
	CHECK_EQ(r.nr, 12);
	r.nr = 0;
	for (unsigned i = 0; i < 100; i++)
		CHECK(feed(&r, SEGMENT(.seq = 1 + i * 1400, .payload = 1400)));
	gro_flush(r.cpu);
	for (unsigned i = 0; i < r.nr; i++) {
		CHECK(r.seen[i].whole);
		CHECK(r.seen[i].len <= 14 + GRO_MAX_BYTES);
		CHECK(r.seen[i].pieces <= MAX_SKB_FRAGS);
		payload += r.seen[i].payload;
	}
	CHECK_EQ(payload, 140000);
	CHECK_EQ(r.nr, 3);
	end(&r);
}

TEST(a_vouched_sum_is_not_looked_at_again)
{
	struct rig r;

	begin(&r);
	CHECK(feed(&r, SEGMENT(.vouched = true)));
	CHECK(feed(&r, SEGMENT(.vouched = true, .seq = 1000 + MSS)));
	CHECK_EQ(r.cpu->stats[STAT_CsumSoftBytes], 0);
	end(&r);
}
