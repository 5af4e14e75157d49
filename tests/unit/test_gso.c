/* SPDX-License-Identifier: MIT
 * test_gso.c - software segmentation: each piece is a right TCP segment by itself, and together they are the whole.
 */
#include "host/harness.h"
#include "net/core/gso.h"
#include "net/wire/checksum.h"
#include "net/wire/ether.h"
#include "net/wire/ipv4.h"
#include "net/wire/tcp.h"

#define V4_HDRS (14 + 20 + 32) /* Ethernet, IPv4, TCP with timestamps */

struct cpu_room {
	struct net net;
	struct net_cpu *cpu;
};

static struct net_cpu *cpu_make(struct cpu_room *r, size_t bytes)
{
	memset(r, 0, sizeof(*r));
	r->cpu = kzalloc(sizeof(*r->cpu));
	r->cpu->net = &r->net;
	r->net.nr_cpus = 1;
	r->net.cpus[0] = r->cpu;
	REQUIRE(!skb_pool_init(r->cpu, bytes));
	return r->cpu;
}

static void cpu_end(struct cpu_room *r)
{
	CHECK_EQ(r->cpu->skb_pool->nr_free_skbs, r->cpu->skb_pool->nr_skbs);
	CHECK_EQ(r->cpu->skb_pool->nr_free_bufs, r->cpu->skb_pool->nr_bufs);
	skb_pool_destroy(r->cpu);
	kfree(r->cpu);
}

static u8 payload_byte(unsigned i) { return (u8)(i * 13 + (i >> 7)); }

static u32 pseudo_sum(const u8 *ip, bool v6, u32 tcp_len)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)ip;
	u32 sum;

	if (!v6)
		return csum_tcpudp_nofold(h->saddr, h->daddr, tcp_len, 6);
	sum = csum_partial(ip + 8, 32, 0);
	return csum_add(csum_add(sum, be32_of(tcp_len).raw), be32_of(6).raw);
}

/* A frame of `len` payload bytes, flags FIN PSH ACK CWR, sequence number near its wrap. */
static struct sk_buff *big_frame(struct net_cpu *cpu, bool v6, unsigned len, unsigned mss)
{
	unsigned ip_len = v6 ? 40 : 20, hdrs = 14 + ip_len + 32;
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);
	struct tcp_hdr *th;
	u8 *p;

	REQUIRE(skb);
	p = skb_put(skb, hdrs);
	memset(p, 0x11, hdrs);
	th = (struct tcp_hdr *)(p + 14 + ip_len);
	p[14] = v6 ? 0x60 : 0x45;
	if (!v6)
		((struct ipv4_hdr *)(p + 14))->id = be16_of(0xfffe);
	th->seq = be32_of(0xfffffff0);
	th->doff = 8 << 4;
	th->flags = TCP_FIN | TCP_PSH | TCP_ACK | TCP_CWR;
	th->csum = csum_fold16(pseudo_sum(p + 14, v6, 32 + len));
	for (unsigned off = 0; off < len;) {
		struct skb_buf *b = skb_buf_alloc(cpu);
		unsigned n = MIN(len - off, (unsigned)SKB_BUF_ROOM);

		REQUIRE(b);
		for (unsigned i = 0; i < n; i++)
			skb_buf_room(b)[i] = payload_byte(off + i);
		REQUIRE(skb_add_frag(skb, b, skb_buf_room(b), n));
		off += n;
	}
	skb->protocol = v6 ? ETH_P_IPV6 : ETH_P_IP;
	skb->gso_type = v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
	skb->gso_size = (u16)mss;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->network_header = (u16)(skb_headroom(skb) + 14);
	skb->transport_header = skb->csum_start = (u16)(skb_headroom(skb) + 14 + ip_len);
	skb->csum_offset = TCP_CSUM_OFFSET;
	return skb;
}

static void check_segment(struct net_cpu *cpu, struct sk_buff *seg, bool v6, unsigned off, unsigned index, bool last)
{
	unsigned ip_len = v6 ? 40 : 20, tcp_off = 14 + ip_len, hdrs = tcp_off + 32, n = seg->len - hdrs;
	const struct ipv4_hdr *ip;
	struct tcp_seg tcp;
	static u8 flat[70000];

	skb_checksum_help(cpu, seg);
	REQUIRE(!skb_copy_bits(seg, 0, flat, seg->len));
	ip = (const struct ipv4_hdr *)(flat + 14);
	if (v6) {
		CHECK_EQ(flat[18] << 8 | flat[19], seg->len - 54);
	} else {
		CHECK_EQ(be16_get(ip->tot_len), seg->len - 14);
		CHECK_EQ(be16_get(ip->id), (u16)(0xfffe + index));
		CHECK(csum_ok(csum_ip_header(ip, 5)));
	}
	CHECK(csum_ok(csum_partial(flat + tcp_off, 32 + n, pseudo_sum(flat + 14, v6, 32 + n))));
	CHECK(tcp_parse(flat + tcp_off, 32 + n, 32 + n, &tcp));
	CHECK_EQ(tcp.seq.v, (u32)(0xfffffff0 + off));
	CHECK_EQ(tcp.flags, TCP_ACK | (last ? TCP_FIN | TCP_PSH : 0) | (off ? 0 : TCP_CWR));
	for (unsigned i = 0; i < n; i++)
		if (!CHECK_EQ(flat[hdrs + i], payload_byte(off + i)))
			break;
}

static void segment_and_check(bool v6, unsigned len, unsigned mss)
{
	unsigned hdrs = 14 + (v6 ? 40 : 20) + 32, off = 0, index = 0;
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = big_frame(cpu, v6, len, mss), *seg;
	struct sk_buff_head out;

	skb_queue_init(&out);
	CHECK(skb_gso_segment(cpu, skb, &out));
	CHECK_EQ(out.qlen, DIV_ROUND_UP(len, mss));
	while ((seg = skb_dequeue(&out))) {
		unsigned n = seg->len - hdrs;

		CHECK(n <= mss && n > 0);
		check_segment(cpu, seg, v6, off, index++, skb_queue_empty(&out));
		off += n;
		consume_skb(cpu, seg);
	}
	CHECK_EQ(off, len);
	consume_skb(cpu, skb);
	cpu_end(&r);
}

TEST(ipv4_segments_are_right_by_themselves_and_together_the_whole)
{
	segment_and_check(false, 1448 * 3, 1448);
	segment_and_check(false, 1448 * 3 + 1, 1448);
	segment_and_check(false, 64000, 1448);
	segment_and_check(false, 65000, 536);
	segment_and_check(false, 5000, 333);
	segment_and_check(false, 100, 1448);
}

TEST(ipv6_segments_are_right_too)
{
	segment_and_check(true, 1428 * 4 + 7, 1428);
	segment_and_check(true, 65530, 1220);
}

TEST(segments_share_the_payload)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = big_frame(cpu, false, 10000, 1000);
	u32 bufs = cpu->skb_pool->nr_free_bufs;
	struct sk_buff_head out;

	skb_queue_init(&out);
	CHECK(skb_gso_segment(cpu, skb, &out));
	CHECK_EQ(bufs - cpu->skb_pool->nr_free_bufs, 10); /* one each, for the headers */
	consume_skb(cpu, skb);
	skb_queue_purge(cpu, &out, RX_OK);
	cpu_end(&r);
}

TEST(what_is_no_tcp_or_has_impossible_headers_is_refused)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = big_frame(cpu, false, 3000, 1000);
	struct tcp_hdr *th = (struct tcp_hdr *)(skb->data + 34);
	struct sk_buff_head out;

	skb_queue_init(&out);
	skb->gso_type = SKB_GSO_UDP;
	CHECK(!skb_gso_segment(cpu, skb, &out));
	skb->gso_type = SKB_GSO_TCPV4;
	th->doff = 4 << 4;
	CHECK(!skb_gso_segment(cpu, skb, &out));
	th->doff = 15 << 4; /* beyond the linear part */
	CHECK(!skb_gso_segment(cpu, skb, &out));
	th->doff = 8 << 4;
	skb->ip_summed = CHECKSUM_NONE;
	CHECK(!skb_gso_segment(cpu, skb, &out));
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->network_header = SKB_NO_OFFSET;
	skb->csum_start = 5;
	CHECK(!skb_gso_segment(cpu, skb, &out));
	CHECK(skb_queue_empty(&out));
	consume_skb(cpu, skb);
	cpu_end(&r);
}

TEST(without_memory_nothing_is_half_segmented)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1); /* 128 buffers */
	struct sk_buff *skb = big_frame(cpu, false, 60000, 500), *other = alloc_skb(cpu, 0);
	struct sk_buff_head out;

	skb_queue_init(&out);
	skb_queue_tail(&out, other);
	CHECK(!skb_gso_segment(cpu, skb, &out));
	CHECK_EQ(out.qlen, 1);
	CHECK(skb_peek(&out) == other);
	consume_skb(cpu, skb);
	skb_queue_purge(cpu, &out, RX_OK);
	cpu_end(&r);
}

/* ---- against a reference: a loop over the bytes ---- */

static u8 want[70000 + 200], whole[70000]; /* the segment that must come out; all that goes in, as bytes */

/* Headers of random options and flags, random bytes behind them: some linear, the others in pieces of any length. */
static struct sk_buff *random_frame(struct net_cpu *cpu, struct test_rng *rng, bool v6, unsigned *hdrs)
{
	unsigned ip_len = v6 ? 40 : 20, opt = 4 * rng_below(rng, 11), tcp_off = 14 + ip_len;
	unsigned linear = rng_below(rng, 3) ? 0 : rng_below(rng, 600), payload = 1 + rng_below(rng, 30000), at;
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);
	struct tcp_hdr *th = (struct tcp_hdr *)(whole + tcp_off);

	*hdrs = tcp_off + 20 + opt;
	for (unsigned i = 0; i < *hdrs + payload; i++)
		whole[i] = (u8)rng_below(rng, 256);
	whole[14] = v6 ? 0x60 : 0x45;
	th->doff = (u8)((20 + opt) << 2);
	th->csum = csum_fold16(pseudo_sum(whole + 14, v6, 20 + opt + payload));
	at = MIN(*hdrs + linear, *hdrs + payload);
	memcpy(skb_put(skb, at), whole, at);
	while (at < *hdrs + payload && skb->nr_frags < MAX_SKB_FRAGS) {
		unsigned n = MIN(1 + rng_below(rng, SKB_BUF_ROOM), *hdrs + payload - at);
		struct skb_buf *b = skb_buf_alloc(cpu);

		memcpy(skb_buf_room(b), whole + at, n);
		REQUIRE(skb_add_frag(skb, b, skb_buf_room(b), n));
		at += n;
	}
	th->csum = csum_fold16(pseudo_sum(whole + 14, v6, at - tcp_off)); /* as long as it became */
	memcpy(skb->data, whole, *hdrs);
	skb->protocol = v6 ? ETH_P_IPV6 : ETH_P_IP;
	skb->gso_type = v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->network_header = (u16)(skb_headroom(skb) + 14);
	skb->transport_header = skb->csum_start = (u16)(skb_headroom(skb) + tcp_off);
	skb->csum_offset = TCP_CSUM_OFFSET;
	return skb;
}

/* Segment `index` of the frame in whole[], by the book. Returns its length. */
static unsigned reference(bool v6, unsigned hdrs, unsigned len, unsigned mss, unsigned index)
{
	unsigned off = index * mss, n = MIN(mss, len - hdrs - off), tcp_off = v6 ? 54 : 34;
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(want + 14);
	struct tcp_hdr *th = (struct tcp_hdr *)(want + tcp_off);

	memcpy(want, whole, hdrs);
	memcpy(want + hdrs, whole + hdrs + off, n);
	th->seq = be32_of(be32_get(th->seq) + off);
	if (off + n < len - hdrs)
		th->flags &= (u8)~(TCP_FIN | TCP_PSH);
	if (index)
		th->flags &= (u8)~TCP_CWR;
	if (v6) {
		want[18] = (u8)((hdrs - 54 + n) >> 8);
		want[19] = (u8)(hdrs - 54 + n);
	} else {
		ip->tot_len = be16_of((u16)(hdrs - 14 + n));
		ip->id = be16_of((u16)(be16_get(ip->id) + index));
		ip->check.raw = 0;
		ip->check = csum_fold(csum_partial(ip, 20, 0));
	}
	th->csum.raw = 0;
	th->csum = csum_fold(csum_partial(th, hdrs - tcp_off + n, pseudo_sum(want + 14, v6, hdrs - tcp_off + n)));
	if (!th->csum.raw)
		th->csum.raw = 0xffff;
	return hdrs + n;
}

TEST(any_frame_in_any_pieces_is_cut_into_what_a_loop_over_its_bytes_says)
{
	struct test_rng rng = { 3 };
	static u8 got[70000];

	for (unsigned round = 0; round < 300; round++) {
		struct cpu_room r;
		struct net_cpu *cpu = cpu_make(&r, 4 << 20);
		bool v6 = round & 1;
		unsigned hdrs, index = 0, len;
		struct sk_buff *skb = random_frame(cpu, &rng, v6, &hdrs), *seg;
		struct sk_buff_head out;

		skb->gso_size = (u16)(20 + rng_below(&rng, round % 5 ? 1460 : 9000));
		skb_queue_init(&out);
		if (!CHECK(skb_gso_segment(cpu, skb, &out)) || !CHECK_EQ(out.qlen, DIV_ROUND_UP(skb->len - hdrs, skb->gso_size)))
			test_note("round %u", round);
		while ((seg = skb_dequeue(&out))) {
			len = reference(v6, hdrs, skb->len, skb->gso_size, index++);
			skb_checksum_help(cpu, seg);
			REQUIRE(!skb_copy_bits(seg, 0, got, seg->len));
			if (!CHECK_EQ(seg->len, len) || !CHECK_MEM(got, want, len))
				test_note("round %u, segment %u", round, index - 1);
			consume_skb(cpu, seg);
		}
		consume_skb(cpu, skb);
		cpu_end(&r);
	}
}
