/* SPDX-License-Identifier: MIT
 * test_ip_output.c - IPv4 on its way out and through: headers, identification, fragments, hooks;
 * the guest as a router.
 */
#include "unit/ipkit.h"
#include "net/core/netfilter.h"

static u8 big[66000];

static void send_len(struct kit *k, struct sock *sk, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		big[i] = (u8)(i * 3 ^ i >> 8);
	CHECK_EQ(kit_send(k, sk, "10.0.0.2", 99, big, len), len);
}

/* MUST: TTL and TOS of the transport, 1122§3.2.1.6, §3.2.1.7 */
TEST(the_header_says_what_the_sender_wants)
{
	REQ("1122 3.2.1.6/set", "1122 3.2.1.7/set", "1122 3.2.1.7/default", "1122 4.1.4/interface",
	    "6864 4.1");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 9);
	struct ipv4_info ip;
	struct pkt p;

	send_len(&k, sk, 10);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	CHECK_EQ(ip.ttl, 64);
	CHECK_EQ(ip.tos, 0);
	CHECK(ip.df && !ip.mf);
	CHECK_EQ(ip.id, 0); /* RFC 6864 4.1: atomic, the value says nothing */
	sk->ttl = 3;
	sk->tos = 0xb8;
	send_len(&k, sk, 10);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	CHECK_EQ(ip.ttl, 3);
	CHECK_EQ(ip.tos, 0xb8);
	k.cpu->sysctl.ip_default_ttl = 200;
	sk->ttl = 0;
	send_len(&k, sk, 10);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	CHECK_EQ(ip.ttl, 200);
	udp_prot.close(sk);
	kit_close(&k);
}

/* Puts the fragments in `k`'s sent queue together; how many there were. */
static unsigned collect(struct kit *k, u8 *whole, unsigned *total)
{
	struct ipv4_info ip;
	struct pkt p;
	unsigned n = 0, id = 0;
	bool last = false;

	*total = 0;
	while (kit_sent(k, &p) && ip_read(&p, &ip)) {
		CHECK(p.len <= k->dev->mtu);
		CHECK(!ip.df);
		CHECK(n == 0 || ip.id == id);
		CHECK_EQ(ip.frag_off, *total);
		CHECK(!ip.mf || (p.len - 20) % 8 == 0);
		memcpy(whole + ip.frag_off, p.b + 20, p.len - 20);
		*total += p.len - 20;
		last = !ip.mf;
		id = ip.id;
		n++;
	}
	CHECK(last);
	return n;
}

TEST(what_is_larger_than_the_mtu_leaves_in_fragments) /* 791, 1122§3.3.3 */
{
	REQ("1122 3.3.3/fragment", "791 3.2/cut", "1122 3.3.3/limit");
	static const unsigned sizes[] = { 1473, 1480, 2952, 2953, 9000, 65507 };
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 9);
	static u8 whole[66000];
	unsigned total;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		send_len(&k, sk, sizes[i]);
		CHECK_EQ(collect(&k, whole, &total), (sizes[i] + 8 + 1479) / 1480);
		CHECK_EQ(total, sizes[i] + 8);
		CHECK_MEM(whole + 8, big, sizes[i]);
		CHECK(csum_ok(csum_partial(
			whole, total,
			csum_tcpudp_nofold(v4("10.0.0.1"), v4("10.0.0.2"), total, 17))));
	}
	CHECK_EQ(stat(&k, STAT_IpFragOKs), ARRAY_SIZE(sizes));
	CHECK_EQ(k.cpu->skb_pool->nr_bufs, k.cpu->skb_pool->nr_free_bufs);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_datagram_that_just_fits_is_not_cut)
{
	REQ("1122 3.3.3/limit");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 9);

	send_len(&k, sk, 1472);
	CHECK_EQ(lab_sent_count(k.dev), 1);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(small_mtus_and_no_gathering_work_too)
{
	REQ("791 3.2/68");
	struct kit k = kit_bare(LAB_RAW);
	static u8 whole[66000];
	unsigned total;
	struct sock *sk;

	k.dev = lab_dev_with(k.h, LAB_RAW, 0, 1024);
	k.dev->mtu = 68;
	lab_addr(k.dev, "10.0.0.1/24");
	sk = kit_sock(&k, 9);
	send_len(&k, sk, 500);
	CHECK_EQ(collect(&k, whole, &total), (508 + 47) / 48);
	CHECK_MEM(whole + 8, big, 500);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(identification_does_not_repeat_within_a_destination) /* 6864§4.3 */
{
	REQ("6864 4.3");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 9);
	static u8 seen[65536];
	struct ipv4_info ip;
	struct pkt p;
	unsigned repeats = 0;

	sk->prot->setsockopt(sk, SOL_IP, IP_MTU_DISCOVER, &(int){ 0 }, sizeof(int));
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < 20000; i++) {
		kit_send(&k, sk, "10.0.0.2", 99, "x", 1);
		REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
		CHECK(!ip.df);
		repeats += seen[ip.id]++;
	}
	CHECK_EQ(repeats, 0);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(df_set_by_the_application_means_an_error_and_no_packet)
{
	REQ("791 3.2/df", "6864 4.2", "1122 3.3.3/limit");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 9);

	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_MTU_DISCOVER, &(int){ 2 }, sizeof(int)), 0);
	CHECK_EQ(kit_send(&k, sk, "10.0.0.2", 99, big, 1473), -EMSGSIZE);
	EXPECT_NOTHING_SENT(&k);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(fragments_without_memory_are_given_up_and_nothing_leaks)
{
	struct kit k = kit_open(LAB_RAW);
	struct sk_buff *hoard = NULL, *skb;
	struct sock *sk = kit_sock(&k, 9);
	unsigned left = k.cpu->skb_pool->nr_free_bufs;

	/* room for the datagram, not for its fragments */
	for (unsigned i = 0; i + 40 < left; i++) {
		skb = alloc_skb(k.cpu, 0);
		skb->next = hoard;
		hoard = skb;
	}
	CHECK_EQ(kit_send(&k, sk, "10.0.0.2", 99, big, 60000), 60000);
	CHECK_EQ(stat(&k, STAT_IpFragFails), 1);
	CHECK_EQ(drops(&k, DROP_NOMEM), 1);
	while ((skb = hoard)) {
		hoard = skb->next;
		consume_skb(k.cpu, skb);
	}
	kit_drain(&k);
	udp_prot.close(sk);
	kit_close(&k);
}

static enum drop_reason see_out(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook,
				struct net_device *in, struct net_device *out, void *priv)
{
	unsigned *calls = priv;

	CHECK(!in && out);
	CHECK(be32_eq(ip_v4(&skb->ip.dst), v4("10.0.0.2")));
	CHECK(skb->data == skb_network_header(skb));
	return ++*calls > 2 ? DROP_NETFILTER_DROP : RX_OK;
}

TEST(local_out_and_post_routing_see_every_packet)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 9);
	unsigned out = 0, post = 0;

	REQUIRE(!nf_register_hook(k.cpu, NF_LOCAL_OUT, see_out, &out, 0));
	REQUIRE(!nf_register_hook(k.cpu, NF_POST_ROUTING, see_out, &post, 0));
	for (unsigned i = 0; i < 4; i++)
		kit_send(&k, sk, "10.0.0.2", 99, "x", 1);
	CHECK_EQ(out, 4);
	CHECK_EQ(post, 2);
	CHECK_EQ(lab_sent_count(k.dev), 2);
	CHECK_EQ(drops(&k, DROP_NETFILTER_DROP), 2);
	udp_prot.close(sk);
	kit_close(&k);
}

static enum drop_reason redirect(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook,
				 struct net_device *in, struct net_device *out, void *priv)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)skb->data;

	h->check = csum_replace4(h->check, h->daddr, v4("10.9.0.7"));
	h->daddr = v4("10.9.0.7");
	return RX_OK;
}

TEST(a_destination_rewritten_in_local_out_is_routed_anew)
{
	struct kit k = kit_open(LAB_RAW);
	struct net_device *other = lab_dev(k.h, LAB_RAW);
	struct sock *sk = kit_sock(&k, 9);

	lab_addr(other, "10.9.0.1/24");
	REQUIRE(!nf_register_hook(k.cpu, NF_LOCAL_OUT, redirect, NULL, -100));
	kit_send(&k, sk, "10.0.0.2", 99, "x", 1);
	CHECK_EQ(lab_sent_count(k.dev), 0);
	CHECK_EQ(lab_sent_count(other), 1);
	udp_prot.close(sk);
	kit_close(&k);
}

/* ---- forwarding ---- */
struct router {
	struct kit k;
	struct net_device *out;
};

static struct router router_open(void)
{
	struct router r = { .k = kit_open(LAB_RAW) };

	r.out = lab_dev(r.k.h, LAB_RAW);
	lab_addr(r.out, "10.9.0.1/24");
	r.k.cpu->sysctl.ip_forward = 1;
	return r;
}

static bool forwarded(struct router *r, struct pkt *p, struct ipv4_info *ip)
{
	p->len = lab_sent(r->out, p->b, sizeof(p->b));
	return p->len && ip_read(p, ip);
}

TEST(a_router_passes_on_with_one_hop_less) /* 1812§5.3.1 */
{
	REQ("1812 5.3.1", "791 3.1/ttl", "1122 3.1/gateway", "1122 3.1/switch");
	struct router r = router_open();
	struct ipv4_info ip;
	struct pkt p;

	INJECT(&r.k, .dst = "10.9.0.5", .ttl = 17, .tos = 0x28, .id = 4711, .len = 100);
	REQUIRE(forwarded(&r, &p, &ip));
	CHECK_EQ(ip.ttl, 16);
	CHECK_EQ(ip.tos, 0x28);
	CHECK_EQ(ip.id, 4711);
	CHECK_EQ(p.len, 120);
	CHECK_EQ(p.b[20 + 57], 57);
	CHECK_EQ(stat(&r.k, STAT_IpForwDatagrams), 1);
	EXPECT_NOTHING_SENT(&r.k);
	kit_close(&r.k);
}

TEST(ttl_one_dies_here_and_the_sender_hears_of_it) /* 1812§5.3.1, 792 */
{
	REQ("1812 5.3.1", "792 time-exceeded", "1122 3.2.1.7/zero", "1812 4.3.2.4");
	struct router r = router_open();
	const struct icmp_hdr *h;

	INJECT(&r.k, .dst = "10.9.0.5", .ttl = 1, .len = 100);
	CHECK_EQ(drops(&r.k, DROP_IP_TTL), 1);
	CHECK_EQ(lab_sent_count(r.out), 0);
	if (expect_icmp(&r.k, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, &h)) {
		const struct ipv4_hdr *outer = (const struct ipv4_hdr *)((const u8 *)h - IPV4_HLEN);

		CHECK_EQ(((const struct ipv4_hdr *)(h + 1))->ttl, 1); /* quoted as it came */
		CHECK(be32_eq(outer->saddr, v4("10.0.0.1"))); /* from the link that it came by */
	}
	kit_close(&r.k);
}

TEST(too_big_with_df_tells_the_mtu_without_df_is_cut) /* 1191§4, 791 */
{
	REQ("1191 4", "1812 4.2.2.7", "791 3.2/df", "6864 4.2");
	struct router r = router_open();
	const struct icmp_hdr *h;
	static u8 whole[2000];
	unsigned total;
	struct kit as_out = r.k;

	r.out->mtu = 600;
	r.k.cpu->dst_gen++;
	INJECT(&r.k, .dst = "10.9.0.5", .frag = IP_DF, .len = 1000);
	CHECK_EQ(drops(&r.k, DROP_PKT_TOO_BIG), 1);
	if (expect_icmp(&r.k, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, &h))
		CHECK_EQ(be16_get(h->mtu), 600);
	INJECT(&r.k, .dst = "10.9.0.5", .id = 5, .len = 1000);
	as_out.dev = r.out;
	CHECK_EQ(collect(&as_out, whole, &total), 2);
	CHECK_EQ(total, 1000);
	CHECK_EQ(whole[999], (u8)999);
	kit_close(&r.k);
}

TEST(a_fragment_can_be_cut_again_and_keeps_its_place)
{
	struct router r = router_open();
	struct ipv4_info ip;
	struct pkt p;

	r.out->mtu = 620;
	r.k.cpu->dst_gen++;
	INJECT(&r.k, .dst = "10.9.0.5", .id = 5, .frag = 100 | IP_MF, .len = 1200);
	REQUIRE(forwarded(&r, &p, &ip));
	CHECK(ip.frag_off == 800 && ip.mf && p.len == 620);
	REQUIRE(forwarded(&r, &p, &ip));
	CHECK(ip.frag_off == 1400 && ip.mf && p.len == 620); /* more follow still */
	kit_close(&r.k);
}

TEST(only_copied_options_go_into_later_fragments) /* 791 3.1 */
{
	REQ("791 3.1/copied");
	static const u8 opts[12] = { IPOPT_RR, 7, 4, 0, 0, 0, 0, IPOPT_RA, 4, 0, 0, IPOPT_NOOP };
	struct router r = router_open();
	struct ipv4_info ip;
	struct pkt p;

	r.out->mtu = 600;
	r.k.cpu->dst_gen++;
	INJECT(&r.k, .dst = "10.9.0.5", .id = 5, .opts = opts, .optlen = 12, .len = 1000);
	REQUIRE(forwarded(&r, &p, &ip));
	CHECK_EQ(ip.hdr_len, 32);
	CHECK_EQ(p.b[20], IPOPT_RR);
	REQUIRE(forwarded(&r, &p, &ip));
	CHECK_EQ(ip.hdr_len, 32);
	CHECK_EQ(p.b[20], IPOPT_NOOP);
	CHECK_EQ(p.b[27], IPOPT_RA);
	kit_close(&r.k);
}

TEST(no_route_and_refusals_are_told) /* 1812§5.2.7.1 */
{
	REQ("1812 5.2.7.1");
	struct router r = router_open();

	REQUIRE(!ip_route_del(r.k.h->net, be32_of(0), 0, v4("10.0.0.2"), r.k.dev));
	INJECT(&r.k, .dst = "20.0.0.1", .len = 20);
	expect_icmp(&r.k, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, NULL);
	REQUIRE(!ip_route_add_reject(r.k.h->net, v4("20.0.0.0"), 8, ROUTE_UNREACHABLE, 0));
	REQUIRE(!ip_route_add_reject(r.k.h->net, v4("21.0.0.0"), 8, ROUTE_PROHIBIT, 0));
	REQUIRE(!ip_route_add_reject(r.k.h->net, v4("22.0.0.0"), 8, ROUTE_BLACKHOLE, 0));
	INJECT(&r.k, .dst = "20.0.0.1", .len = 20);
	expect_icmp(&r.k, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, NULL);
	INJECT(&r.k, .dst = "21.0.0.1", .len = 20);
	expect_icmp(&r.k, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, NULL);
	INJECT(&r.k, .dst = "22.0.0.1", .len = 20);
	EXPECT_NOTHING_SENT(&r.k);
	CHECK_EQ(drops(&r.k, DROP_IP_INNOROUTES), 4);
	kit_close(&r.k);
}

TEST(what_must_not_be_forwarded_is_not) /* 1812§5.3.5, 2644, 3927§7 */
{
	REQ("1812 5.3.7", "1812 5.3.5", "3927 2.7");
	struct router r = router_open();

	/* multicast: nobody here */
	INJECT(&r.k, .dst = "224.0.0.5", .len = 20);
	/* link-local destination */
	INJECT(&r.k, .dst = "169.254.1.1", .len = 20);
	CHECK_EQ(drops(&r.k, DROP_IP_INVALID_DEST), 1);
	INJECT(&r.k, .src = "169.254.1.1", .dst = "10.9.0.5", .len = 20);
	CHECK_EQ(drops(&r.k, DROP_IP_INVALID_SOURCE), 1);
	/* directed broadcast: ends here, as ours */
	INJECT(&r.k, .dst = "10.9.0.255", .len = 20);
	CHECK_EQ(lab_sent_count(r.out), 0);
	kit_close(&r.k);
}

TEST(an_ethernet_router_asks_for_the_next_hop_and_reports_silence)
{
	struct router r = router_open();
	struct net_device *eth = lab_dev(r.k.h, LAB_ETHER);

	lab_addr(eth, "10.8.0.1/24");
	/* from a link without headers: headroom must be made */
	INJECT(&r.k, .dst = "10.8.0.5", .len = 20);
	kit_run(&r.k, 5 * NSEC_PER_SEC);
	CHECK_EQ(drops(&r.k, DROP_NEIGH_FAILED), 1);
	expect_icmp(&r.k, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, NULL);
	kit_close(&r.k);
}

/* ---- what a device said of a frame, when that goes on ---- */

struct said {
	u16 csum_start, csum_offset; /* the former from the IP header */
	u16 gso_size;
	u8 gso_type, doff, version, proto, cut; /* cut: bytes that the IP header's length leaves out */
};

/* 1000 bytes of TCP, `doff` its header's words, come in with that; drops with DEV_HDR since. */
static u64 forward_said(struct router *r, struct said a)
{
	static u8 tcp[1000];
	struct net_cpu *cpu = r->k.cpu;
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);
	u64 before = drops(&r->k, DROP_DEV_HDR);
	struct pkt p;

	memset(tcp, 0, sizeof(tcp));
	tcp[12] = (u8)(a.doff << 4);
	ip_build(&p, &(struct ip_spec){ .dst = "10.9.0.5", .proto = a.proto, .data = tcp, .len = sizeof(tcp) - a.cut });
	REQUIRE(skb);
	memcpy(skb_put(skb, p.len), p.b, p.len);
	memset(skb_put(skb, a.cut), 0, a.cut);
	skb->dev = r->k.dev;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(skb_headroom(skb) + a.csum_start);
	skb->csum_offset = a.csum_offset;
	skb->gso_size = a.gso_size;
	skb->gso_type = a.gso_type;
	bh_disable(cpu);
	netif_receive_skb(cpu, skb);
	bh_enable(cpu);
	kit_settle(&r->k);
	return drops(&r->k, DROP_DEV_HDR) - before;
}

TEST(what_a_device_said_of_sum_and_segments_is_held_against_the_packet_before_it_goes_on)
{
	static const struct said fits[] = {
		{ .csum_start = 20, .csum_offset = 16, .doff = 5, .proto = 6 },
		{ .csum_start = 28, .csum_offset = 16, .doff = 5, .proto = 47 }, /* of a packet within this one */
		{ .csum_start = 20, .csum_offset = 16, .doff = 15, .proto = 6, .gso_size = 100, .gso_type = SKB_GSO_TCPV4 },
		{ .csum_start = 20, .csum_offset = 978, .doff = 5, .proto = 6 },
	};
	static const struct said lies[] = {
		{ .csum_start = 19, .csum_offset = 16, .doff = 5, .proto = 6 },
		{ .csum_start = 20, .csum_offset = 999, .doff = 5, .proto = 6 },
		{ .csum_start = 1000, .csum_offset = 19, .doff = 5, .proto = 6 },
		{ .csum_start = 65000, .csum_offset = 16, .doff = 5, .proto = 6 },
		{ .csum_start = 900, .csum_offset = 16, .doff = 5, .proto = 6, .cut = 250 }, /* there when it came, not now */
		{ .csum_start = 20, .csum_offset = 800, .doff = 5, .proto = 6, .gso_size = 100, .gso_type = SKB_GSO_TCPV4 },
		{ .csum_start = 20, .csum_offset = 16, .doff = 4, .proto = 6, .gso_size = 100, .gso_type = SKB_GSO_TCPV4 },
		{ .csum_start = 20, .csum_offset = 16, .doff = 5, .proto = 17, .gso_size = 100, .gso_type = SKB_GSO_TCPV4 },
		{ .csum_start = 24, .csum_offset = 16, .doff = 5, .proto = 6, .gso_size = 100, .gso_type = SKB_GSO_TCPV4 },
		{ .csum_start = 20, .csum_offset = 16, .doff = 5, .proto = 6, .gso_size = 100, .gso_type = SKB_GSO_TCPV6 },
		{ .csum_start = 980, .csum_offset = 16, .doff = 5, .proto = 6, .gso_size = 100, .gso_type = SKB_GSO_TCPV4 },
	};
	struct router r = router_open();

	for (unsigned sums = 0; sums < 2; sums++) {
		r.out->features = sums ? NETIF_F_HW_CSUM | NETIF_F_SG | NETIF_F_TSO | NETIF_F_TSO6 : 0;
		for (unsigned i = 0; i < ARRAY_SIZE(fits); i++)
			CHECK_EQ(forward_said(&r, fits[i]), 0);
		CHECK(lab_sent_count(r.out) >= ARRAY_SIZE(fits));
		while (lab_sent(r.out, (u8[2048]){ 0 }, 2048))
			;
		for (unsigned i = 0; i < ARRAY_SIZE(lies); i++)
			if (!CHECK_EQ(forward_said(&r, lies[i]), 1))
				test_note("lie %u", i);
		CHECK_EQ(lab_sent_count(r.out), 0);
	}
	kit_close(&r.k);
}

static enum drop_reason no_transit(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook,
				   struct net_device *in, struct net_device *out, void *priv)
{
	CHECK(in && out && in != out);
	return DROP_NETFILTER_DROP;
}

TEST(the_forward_hook_decides)
{
	struct router r = router_open();

	REQUIRE(!nf_register_hook(r.k.cpu, NF_FORWARD, no_transit, NULL, 0));
	INJECT(&r.k, .dst = "10.9.0.5", .len = 20);
	CHECK_EQ(drops(&r.k, DROP_NETFILTER_DROP), 1);
	CHECK_EQ(lab_sent_count(r.out), 0);
	kit_close(&r.k);
}
