/* SPDX-License-Identifier: MIT
 * test_virtio_features.c - the virtio-net driver with every subset of features that a back end may offer, as a covering set: what
 * is negotiated keeps the specification's order, and frames of several segments, merged and partial ones go both ways.
 */
#include "host/fake_virtio_rig.h"
#include "net/wire/checksum.h"

#define V4_HEADERS 54
#define V6_HEADERS 74
#define MSS        1000

static const u64 bits[] = {
	VIRTIO_F_RING_EVENT_IDX,  VIRTIO_F_RING_INDIRECT_DESC, VIRTIO_NET_F_MRG_RXBUF,  VIRTIO_NET_F_CSUM,       VIRTIO_NET_F_GUEST_CSUM,
	VIRTIO_NET_F_STATUS,      VIRTIO_NET_F_MTU,            VIRTIO_NET_F_MAC,        VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
	VIRTIO_NET_F_GUEST_ECN,   VIRTIO_NET_F_HOST_TSO4,      VIRTIO_NET_F_HOST_TSO6,  VIRTIO_NET_F_HOST_ECN,   VIRTIO_NET_F_CTRL_VQ,
};
#define BITS ARRAY_SIZE(bits)

/* The TCP segment of a frame, pseudo header included; 0: the checksum in it is right. */
static u16 tcp_sum(const u8 *frame, u32 len)
{
	bool v6 = frame[12] == 0x86;
	u32 at = v6 ? 22 : 26, tcp = v6 ? 54 : 34;
	u32 sum = csum_add(be32_of(6).raw, be32_of(len - tcp).raw);

	return csum_fold(csum_add(csum_partial(frame + at, tcp - at, sum), csum_partial(frame + tcp, len - tcp, 0))).raw;
}

static u8 *tcp_of(u8 *frame) { return frame + (frame[12] == 0x86 ? 54 : 34); }

/* Bytes of a frame with whole headers; `partial`: the sum's field has the pseudo header's, else it is right. */
static void make_frame(u8 *f, u32 len, bool v6, bool partial)
{
	u32 headers = v6 ? V6_HEADERS : V4_HEADERS;
	u16 sum;

	for (u32 i = 0; i < len; i++)
		f[i] = (u8)(i * 7 + i / 251);
	memset(f, 0, headers);
	memcpy(f, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	f[12] = v6 ? 0x86 : 0x08;
	f[13] = v6 ? 0xdd : 0;
	f[14] = v6 ? 0x60 : 0x45;
	f[v6 ? 18 : 16] = (u8)((len - (v6 ? V6_HEADERS - 20 : 14)) >> 8);
	f[v6 ? 19 : 17] = (u8)(len - (v6 ? V6_HEADERS - 20 : 14));
	f[v6 ? 20 : 23] = 6;
	tcp_of(f)[12] = 5 << 4;
	tcp_of(f)[13] = 0x10;
	sum = tcp_sum(f, partial ? headers : len);
	if (partial) { /* of the addresses, protocol and the whole length, not complemented */
		u32 tcp_len = len - (headers - 20);

		memset(tcp_of(f), 0, 20);
		sum = (u16)~tcp_sum(f, headers);
		sum = csum_fold16(csum_add(csum_sub(sum, be32_of(20).raw), be32_of(tcp_len).raw)).raw;
		tcp_of(f)[12] = 5 << 4;
		tcp_of(f)[13] = 0x10;
	}
	memcpy(tcp_of(f) + 16, &sum, 2);
}

/* ---- out ---- */

static struct sk_buff *large_skb(struct rig *r, u32 len, bool v6, bool ecn)
{
	u32 headers = v6 ? V6_HEADERS : V4_HEADERS;
	struct sk_buff *skb = rig_skb(r, len, headers, 900, true, MSS);
	static u8 f[70000];

	make_frame(f, len, v6, true);
	if (ecn)
		tcp_of(f)[13] |= 0x80;
	memcpy(skb->data, f, headers);
	skb->gso_type = (v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4) | (ecn ? SKB_GSO_TCP_ECN : 0);
	skb->transport_header = skb->csum_start = (u16)(skb_headroom(skb) + headers - 20);
	return skb;
}

/* As the device's other side finishes what it was sent. */
static void expect_sum(struct fake_virtio *d)
{
	u16 sum;

	if (d->sent_hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		CHECK(d->driver_features & VIRTIO_NET_F_CSUM);
		CHECK_EQ(d->sent_hdr.csum_start, tcp_of(d->sent) - d->sent);
		CHECK_EQ(d->sent_hdr.csum_offset, 16);
		sum = csum_fold(csum_partial(d->sent + d->sent_hdr.csum_start, d->sent_len - d->sent_hdr.csum_start, 0)).raw;
		memcpy(tcp_of(d->sent) + 16, &sum, 2);
	}
	CHECK_EQ(tcp_sum(d->sent, d->sent_len), 0);
}

/* Four segments at once: one frame where the device cuts, four where it does not. */
static void send_large(struct rig *r, struct fake_virtio *d, bool v6, bool ecn)
{
	u64 need = VIRTIO_NET_F_CSUM | (v6 ? VIRTIO_NET_F_HOST_TSO6 : VIRTIO_NET_F_HOST_TSO4) | (ecn ? VIRTIO_NET_F_HOST_ECN : 0);
	u32 headers = v6 ? V6_HEADERS : V4_HEADERS, before = d->nr_sent;
	u8 type = v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;

	rig_send(r, large_skb(r, headers + 3 * MSS + 77, v6, ecn));
	rig_run(r, 10 * NSEC_PER_MSEC);
	if ((d->driver_features & need) == need) {
		CHECK_EQ(d->nr_sent - before, 1);
		CHECK_EQ(d->sent_len, headers + 3 * MSS + 77);
		CHECK_EQ(d->sent_hdr.gso_type, type | (ecn ? VIRTIO_NET_HDR_GSO_ECN : 0));
		CHECK_EQ(d->sent_hdr.gso_size, MSS);
		CHECK_EQ(d->sent_hdr.hdr_len, headers);
		CHECK(!d->sent_indirect || d->driver_features & VIRTIO_F_RING_INDIRECT_DESC);
	} else {
		CHECK_EQ(d->nr_sent - before, 4);
		CHECK_EQ(d->sent_len, headers + 77);
		CHECK_EQ(d->sent_hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		CHECK_EQ(tcp_of(d->sent)[13], 0x10); /* CWR went with the first */
	}
	expect_sum(d);
}

/* ---- in ---- */

static void expect_in(struct rig *r, unsigned before, const u8 *frame, u32 len, u8 summed, u16 gso_size)
{
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, before + 1);
	CHECK_EQ(r->in_len, len);
	CHECK_MEM(r->in, frame, len);
	CHECK_EQ(r->in_summed, summed);
	CHECK_EQ(r->in_gso_size, gso_size);
}

static void receive_all_kinds(struct rig *r, struct fake_virtio *d)
{
	static u8 f[70000];
	u64 has = d->driver_features;
	struct virtio_net_hdr h;

	make_frame(f, 900, false, false);
	tcp_of(f)[16] ^= 0x40; /* a wrong sum is nobody's word but the frame's: it goes up unseen */
	fake_virtio_receive(d, &plain, f, 900);
	expect_in(r, r->nr_in, f, 900, CHECKSUM_NONE, 0);
	h = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	make_frame(f, 300, false, false);
	fake_virtio_receive(d, &h, f, 300);
	expect_in(r, r->nr_in, f, 300, has & VIRTIO_NET_F_GUEST_CSUM ? CHECKSUM_UNNECESSARY : CHECKSUM_NONE, 0);
	if (has & VIRTIO_NET_F_MRG_RXBUF) {
		make_frame(f, 9014, false, false);
		fake_virtio_receive(d, &plain, f, 9014);
		expect_in(r, r->nr_in, f, 9014, CHECKSUM_NONE, 0);
	}
	for (unsigned v6 = 0; v6 < 2; v6++) {
		u32 headers = v6 ? V6_HEADERS : V4_HEADERS;

		h = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = (u16)(headers - 20), .csum_offset = 16 };
		if (!(has & VIRTIO_NET_F_GUEST_CSUM))
			break;
		make_frame(f, 500, v6, true);
		fake_virtio_receive(d, &h, f, 500);
		expect_in(r, r->nr_in, f, 500, CHECKSUM_PARTIAL, 0);
		if (!(has & (v6 ? VIRTIO_NET_F_GUEST_TSO6 : VIRTIO_NET_F_GUEST_TSO4)))
			continue;
		h.gso_type = v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		h.gso_size = MSS;
		make_frame(f, headers + 20000, v6, true);
		fake_virtio_receive(d, &h, f, headers + 20000);
		expect_in(r, r->nr_in, f, headers + 20000, CHECKSUM_PARTIAL, MSS);
		CHECK_EQ(r->in_gso_segs, 20);
	}
}

/* virtio 1.2, 5.1.3.1: what needs what. */
static void expect_order(u64 has)
{
	static const struct {
		u64 feature, one_of;
	} needs[] = {
		{ VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM },
		{ VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 },
		{ VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM },
		{ VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM },
		{ VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 },
		{ VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ },
		{ VIRTIO_NET_F_RSS, VIRTIO_NET_F_CTRL_VQ },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(needs); i++)
		CHECK(!(has & needs[i].feature) || has & needs[i].one_of);
}

static void use_subset(u64 offered)
{
	struct fake_virtio *d = device();
	struct rig *r;

	d->offered = (d->offered & ~offered) | VIRTIO_F_VERSION_1;
	r = rig_create(0);
	expect_order(d->driver_features);
	CHECK_EQ(!!(r->dev->features & NETIF_F_HW_CSUM), !!(d->offered & VIRTIO_NET_F_CSUM));
	expect_working(r, d);
	for (unsigned i = 0; i < 4; i++)
		send_large(r, d, i & 1, i & 2);
	receive_all_kinds(r, d);
	finish(r, d);
}

/* Any three features in each of the eight ways that they can be there or not; and none, one, all but one, all. */
TEST(every_three_features_offered_or_not_in_every_way_work)
{
	static u8 seen[BITS][BITS][BITS]; /* of each three: the ways */
	struct test_rng rng = { 11 };
	unsigned missing = 0;

	for (unsigned n = 0; n < 120 + 2 * BITS + 2; n++) {
		u32 set = n < 120 ? rng_below(&rng, 1u << BITS) : n < 120 + BITS ? 1u << (n - 120) : ~(1u << (n - 120 - BITS));
		u64 left_out = 0;

		if (n >= 120 + 2 * BITS)
			set = n & 1 ? ~0u : 0;
		for (unsigned a = 0; a < BITS; a++)
			left_out |= set >> a & 1 ? 0 : bits[a];
		for (unsigned a = 0; a < BITS; a++)
			for (unsigned b = 0; b < a; b++)
				for (unsigned c = 0; c < b; c++)
					seen[a][b][c] |= (u8)(1u << ((set >> a & 1) | (set >> b & 1) << 1 | (set >> c & 1) << 2));
		use_subset(left_out);
	}
	for (unsigned a = 0; a < BITS; a++)
		for (unsigned b = 0; b < a; b++)
			for (unsigned c = 0; c < b; c++)
				missing += seen[a][b][c] != 0xff;
	CHECK_EQ(missing, 0);
}

/* What tools/run's back ends offer (QEMU 7.2): a tap everything; the others, which have no header of virtio's, neither sums nor
 * segments. */
TEST(what_taps_and_the_other_back_ends_offer_works)
{
	use_subset(0);
	use_subset(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN |
		   VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN);
}

/* ---- what is said of segments, and what the frame is ---- */

enum { AS_IT_CAME, WHOLE, REFUSED };

static void expect_segments(u8 want, bool v6, bool tagged, u32 payload, struct virtio_net_hdr h, u64 without)
{
	u32 headers = (v6 ? V6_HEADERS : V4_HEADERS), len = headers + payload + (tagged ? 4 : 0);
	struct fake_virtio *d = device();
	struct rig *r;
	static u8 f[70000];

	d->offered &= ~without;
	r = rig_create(0);
	make_frame(f, headers + payload, v6, true);
	if (tagged) {
		memmove(f + 16, f + 12, headers + payload - 12);
		memcpy(f + 12, "\x81\0\0\0", 4);
	}
	h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	fake_virtio_receive(d, &h, f, len);
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, want != REFUSED);
	CHECK_EQ(rig_drops(r, DROP_DEV_HDR), want == REFUSED);
	CHECK_EQ(r->dev->rx[0].lies, want == REFUSED);
	if (want != REFUSED) {
		CHECK_EQ(r->in_len, len);
		CHECK_EQ(r->in_summed, CHECKSUM_PARTIAL);
		CHECK_EQ(r->in_gso_size, want == WHOLE ? 0 : h.gso_size);
		CHECK_EQ(r->in_gso_segs, want == WHOLE ? 0 : DIV_ROUND_UP(payload, h.gso_size));
	}
	finish(r, d);
}

TEST(what_is_said_of_segments_must_go_with_the_frame)
{
	const struct virtio_net_hdr v4 = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = MSS, .csum_start = 34, .csum_offset = 16 };
	const struct virtio_net_hdr v6 = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = MSS, .csum_start = 54, .csum_offset = 16 };
	struct virtio_net_hdr h = v4;

	expect_segments(AS_IT_CAME, false, false, 3000, v4, 0);
	expect_segments(AS_IT_CAME, true, false, 3000, v6, 0);
	expect_segments(REFUSED, true, false, 3000, v4, 0);
	expect_segments(REFUSED, false, false, 3000, v6, 0);
	expect_segments(REFUSED, false, false, 3000, v4, VIRTIO_NET_F_GUEST_TSO4);
	expect_segments(REFUSED, true, false, 3000, v6, VIRTIO_NET_F_GUEST_TSO6);
	h.csum_start = 38; /* behind a tag of priority */
	expect_segments(AS_IT_CAME, false, true, 3000, h, 0);
	h.csum_start = 37;
	expect_segments(REFUSED, false, true, 3000, h, 0);
	h = v4;
	h.csum_start = 33;
	expect_segments(REFUSED, false, false, 3000, h, 0);
	h = v6;
	h.csum_start = 53;
	expect_segments(REFUSED, true, false, 3000, h, 0);
	h = v4;
	h.csum_offset = 6;
	expect_segments(REFUSED, false, false, 3000, h, 0);
}

TEST(segments_have_a_size_that_a_tcp_can_make_and_one_alone_is_a_plain_frame)
{
	struct virtio_net_hdr h = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .csum_start = 34, .csum_offset = 16 };
	static const struct {
		u16 size;
		u32 payload;
		u8 want;
	} rows[] = {
		{ 0, 3000, REFUSED },     { 1, 3000, REFUSED },     { 7, 3000, REFUSED },      { 8, 3000, AS_IT_CAME },
		{ 8, 65496, AS_IT_CAME }, { 2999, 3000, AS_IT_CAME }, { 3000, 3000, WHOLE },   { 65535, 3000, WHOLE },
		{ 1000, 0, REFUSED },     { 1000, 1, WHOLE },       { 65535, 65496, WHOLE },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		h.gso_size = rows[i].size;
		expect_segments(rows[i].want, false, false, rows[i].payload, h, 0);
	}
}
