/* SPDX-License-Identifier: MIT
 * test_offload.c - what a device left undone on its way through a router: sums to be finished, frames of several segments, for a
 * smaller link too. (Lies about them: test_ip_output.c, test_ipv6_router.c.)
 *
 * Frames come in as a driver would give them, by eth0 (Ethernet), and leave by a raw device that can do nothing itself, unless a
 * test says otherwise. Fed on virtual time; no fibers.
 */
#include "ipkit.h"
#include "net/core/gso.h"
#include "net/wire/ether.h"
#include "net/wire/tcp.h"

#define MSS 1000

struct router {
	struct kit k;
	struct net_device *out;
	struct sk_buff *skb; /* under construction */
};

static struct router router_with(u32 features)
{
	struct router r = { .k = kit_open(LAB_ETHER) };

	r.out = lab_dev_with(r.k.h, LAB_RAW, features, 0);
	lab_addr(r.out, "10.9.0.1/24");
	r.k.cpu->sysctl.ip_forward = 1;
	return r;
}

static u8 byte_of(unsigned i) { return (u8)(i * 7 + (i >> 8)); }

static void put_payload(struct router *r, unsigned len)
{
	for (unsigned off = 0, n; off < len; off += n) {
		struct skb_buf *b = skb_buf_alloc(r->k.cpu);

		REQUIRE(b);
		n = MIN(len - off, (unsigned)SKB_BUF_ROOM);
		for (unsigned i = 0; i < n; i++)
			skb_buf_room(b)[i] = byte_of(off + i);
		REQUIRE(skb_add_frag(r->skb, b, skb_buf_room(b), n));
	}
}

/* A frame from 10.0.0.2 to 10.9.0.5 with `len` bytes behind the transport header: a partial sum at csum_start, from the frame's
 * beginning. The payload lies in frags, as a merged frame's does. */
static void frame(struct router *r, u8 proto, unsigned hlen, unsigned len, u16 frag)
{
	struct sk_buff *skb = r->skb = alloc_skb(r->k.cpu, SKB_HEADROOM);
	u8 *p = eth_build(skb_put(skb, 14 + 20 + hlen), r->k.dev->addr, PEER_MAC, ETH_P_IP);
	struct ipv4_hdr *h = (struct ipv4_hdr *)p;
	be16 sum;

	*h = (struct ipv4_hdr){ .ver_ihl = 0x45, .tot_len = be16_of((u16)(20 + hlen + len)), .id = be16_of(77), .frag = be16_of(frag),
				.ttl = 64, .proto = proto, .saddr = v4("10.0.0.2"), .daddr = v4("10.9.0.5") };
	h->check = csum_fold(csum_ip_header(h, 5));
	memset(p + 20, 0, hlen);
	sum = csum_fold16(csum_tcpudp_nofold(h->saddr, h->daddr, hlen + len, proto));
	if (proto == IPPROTO_UDP)
		*(struct udp_hdr *)(p + 20) = (struct udp_hdr){ be16_of(5), be16_of(6), be16_of((u16)(8 + len)), sum };
	else
		*(struct tcp_hdr *)(p + 20) = (struct tcp_hdr){ .sport = be16_of(5), .dport = be16_of(6), .seq = be32_of(1),
								.doff = (u8)(hlen << 2), .flags = TCP_ACK, .csum = sum };
	put_payload(r, len);
	skb->dev = r->k.dev;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(skb_headroom(skb) + 34);
	skb->csum_offset = proto == IPPROTO_UDP ? 6 : TCP_CSUM_OFFSET;
}

static void segments_of(struct router *r, unsigned len, u16 frag)
{
	frame(r, IPPROTO_TCP, 20, len, frag);
	r->skb->gso_type = SKB_GSO_TCPV4;
	r->skb->gso_size = MSS;
	r->skb->gso_segs = (u16)DIV_ROUND_UP(len, MSS);
}

static void receive(struct router *r)
{
	bh_disable(r->k.cpu);
	netif_receive_skb(r->k.cpu, r->skb);
	bh_enable(r->k.cpu);
	kit_settle(&r->k);
}

static bool came_out(struct router *r, struct pkt *p, struct ipv4_info *ip)
{
	p->len = lab_sent(r->out, p->b, sizeof(p->b));
	return p->len && ip_read(p, ip);
}

static void expect_right_sum(const struct pkt *p, const struct ipv4_info *ip)
{
	u32 len = ip->tot_len - ip->hdr_len;

	CHECK(csum_ok(csum_partial(p->b + ip->hdr_len, len, csum_tcpudp_nofold(ip->saddr, ip->daddr, len, ip->proto))));
}

TEST(a_sum_left_to_us_is_finished_when_it_leaves_by_a_device_that_does_not)
{
	static const u32 abilities[] = { 0, NETIF_F_SG, NETIF_F_HW_CSUM, NETIF_F_SG | NETIF_F_HW_CSUM };

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(abilities); i++) {
		struct router r = router_with(abilities[i / 2]);
		u8 proto = i % 2 ? IPPROTO_UDP : IPPROTO_TCP;
		struct ipv4_info ip;
		struct pkt p;

		frame(&r, proto, proto == IPPROTO_UDP ? 8 : 20, 555, IP_DF);
		receive(&r);
		REQUIRE(came_out(&r, &p, &ip));
		expect_right_sum(&p, &ip);
		CHECK_EQ(p.b[p.len - 1], byte_of(554));
		kit_close(&r.k);
	}
}

TEST(a_datagram_with_a_sum_left_to_us_is_summed_before_it_is_cut)
{
	struct router r = router_with(NETIF_F_SG | NETIF_F_HW_CSUM);
	static struct pkt p, whole;
	struct ipv4_info ip;

	r.out->mtu = 600;
	r.k.cpu->dst_gen++;
	frame(&r, IPPROTO_UDP, 8, 1400, 0);
	receive(&r);
	whole.len = 0;
	while (came_out(&r, &p, &ip)) {
		CHECK_EQ(ip.frag_off, whole.len);
		memcpy(whole.b + whole.len, p.b + 20, p.len - 20);
		whole.len += p.len - 20;
	}
	CHECK_EQ(whole.len, 1408);
	CHECK(csum_ok(csum_partial(whole.b, whole.len, csum_tcpudp_nofold(v4("10.0.0.2"), v4("10.9.0.5"), whole.len, 17))));
	kit_close(&r.k);
}

/* ---- frames of several segments ---- */

TEST(segments_that_a_device_had_merged_leave_as_they_were)
{
	static const u32 abilities[] = { 0, NETIF_F_SG | NETIF_F_HW_CSUM, NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO };

	for (unsigned i = 0; i < ARRAY_SIZE(abilities); i++) {
		struct router r = router_with(abilities[i]);
		unsigned at = 0;
		struct ipv4_info ip;
		struct pkt p;

		segments_of(&r, 3500, IP_DF);
		receive(&r);
		for (unsigned n = 0; n < 4; n++, at += MSS) {
			REQUIRE(came_out(&r, &p, &ip));
			CHECK_EQ(p.len, 40 + MIN(3500 - at, (unsigned)MSS));
			CHECK_EQ(ip.ttl, 63);
			CHECK_EQ(ip.id, 77 + n);
			expect_right_sum(&p, &ip);
			CHECK_EQ(p.b[40], byte_of(at));
		}
		CHECK_EQ(lab_sent_count(r.out), 0);
		kit_close(&r.k);
	}
}

TEST(merged_segments_for_a_smaller_link_tell_their_sender_when_they_may_not_be_cut)
{
	struct router r = router_with(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO);
	struct ipv4_info ip;
	struct pkt p;

	r.out->mtu = 40 + MSS - 1;
	r.k.cpu->dst_gen++;
	segments_of(&r, 3000, IP_DF);
	receive(&r);
	CHECK_EQ(drops(&r.k, DROP_PKT_TOO_BIG), 1);
	CHECK_EQ(stat(&r.k, STAT_IcmpOutDestUnreachs), 1);
	r.out->mtu = 40 + MSS; /* just as large as they are */
	r.k.cpu->dst_gen++;
	segments_of(&r, 3000, IP_DF);
	receive(&r);
	for (unsigned n = 0; n < 3; n++)
		CHECK(came_out(&r, &p, &ip));
	kit_close(&r.k);
}

TEST(merged_segments_for_a_smaller_link_are_cut_each_when_they_may_be) /* RFC 791: without DF */
{
	static struct pkt p, whole;
	unsigned abilities = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO;

	for (unsigned i = 0; i < 2; i++, abilities = 0) {
		struct router r = router_with(abilities);
		unsigned at = 0;
		struct ipv4_info ip;

		r.out->mtu = 620;
		r.k.cpu->dst_gen++;
		segments_of(&r, 2500, 0);
		receive(&r);
		whole.len = 0;
		while (came_out(&r, &p, &ip)) {
			CHECK(p.len <= 620);
			CHECK_EQ(ip.id, 77 + at / MSS);
			CHECK_EQ(ip.frag_off, whole.len);
			memcpy(whole.b + whole.len, p.b + 20, p.len - 20);
			whole.len += p.len - 20;
			if (ip.mf)
				continue;
			CHECK_EQ(whole.len, 20 + MIN(2500 - at, (unsigned)MSS));
			CHECK(csum_ok(csum_partial(whole.b, whole.len,
						   csum_tcpudp_nofold(ip.saddr, ip.daddr, whole.len, ip.proto))));
			CHECK_EQ(whole.b[20], byte_of(at));
			at += whole.len - 20;
			whole.len = 0;
		}
		CHECK_EQ(at, 2500);
		CHECK_EQ(drops(&r.k, DROP_PKT_TOO_BIG), 0);
		CHECK_EQ(stat(&r.k, STAT_IpFragOKs), 2); /* the third segment fits */
		kit_close(&r.k);
	}
}
