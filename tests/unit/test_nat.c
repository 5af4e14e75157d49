/* SPDX-License-Identifier: MIT
 * test_nat.c - address translation: who gets which port, what leaves and what comes back, with right sums, errors included;
 * and the flow cache, which must not be told from the long way.
 */
#include "unit/ipkit.h"
#include "lib/printf.h"
#include "net/netfilter/conntrack.h"
#include "net/netfilter/nft.h"
#include "net/wire/tcp.h"

/* Inside: 10.0.0.0/24 behind the kit's device, eth0. Outside: 192.0.2.0/24 behind eth1, where we are 192.0.2.1. */
struct rig {
	struct kit k;
	struct net_device *out;
	bool partial; /* what comes in has a sum to be finished, as from another guest */
};

#define POST(what) "table ip nat { chain post { type nat hook postrouting priority srcnat; oifname \"eth1\" " what "; } }\n"
#define PRE(what)  "table ip nat { chain pre { type nat hook prerouting priority dstnat; " what "; } }\n"
#define MASQ       POST("masquerade")
#define FORWARD    PRE("iifname \"eth1\" tcp dport 8080 dnat to 10.0.0.9:80")

static struct rig rig_with(struct kit k, const char *rules)
{
	struct rig r = { .k = k };
	struct nft_error err;

	r.out = lab_dev(r.k.h, LAB_RAW);
	lab_addr(r.out, "192.0.2.1/24");
	REQUIRE(!net_sysctl_set(r.k.h->net, "net.ipv4.ip_forward", "1"));
	if (nft_run(r.k.h->net, rules, &err))
		test_note("%u:%u %s", err.line, err.column, err.reason), test_stop();
	kit_settle(&r.k);
	return r;
}

static struct rig rig_open(const char *rules) { return rig_with(kit_open(LAB_RAW), rules); }

static struct pkt seen; /* what came out last */

static const struct ipv4_hdr *ip(void) { return (const struct ipv4_hdr *)seen.b; }
static const u8 *l4(void) { return seen.b + 20; }
static u16 sport(void) { return (u16)(l4()[0] << 8 | l4()[1]); }
static u16 dport(void) { return (u16)(l4()[2] << 8 | l4()[3]); }

static bool sums_are_right(void)
{
	u8 proto = ip()->proto;
	u32 sum = proto == 1 ? 0 : csum_tcpudp_nofold(ip()->saddr, ip()->daddr, seen.len - 20, proto);

	return csum_ok(csum_ip_header(ip(), 5)) && csum_ok(csum_partial(l4(), seen.len - 20, sum));
}

/* The packet as a device with offloads hands it over: its transport's sum is that of the pseudo header. */
static void inject_partial(struct rig *r, struct net_device *in, struct pkt *p)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)p->b;
	unsigned offset = h->proto == IPPROTO_UDP ? 6 : TCP_CSUM_OFFSET;
	be16 sum = csum_fold16(csum_tcpudp_nofold(h->saddr, h->daddr, p->len - 20, h->proto));
	struct sk_buff *skb = alloc_skb(r->k.cpu, SKB_HEADROOM);

	memcpy(p->b + 20 + offset, &sum, sizeof(sum));
	memcpy(skb_put(skb, p->len), p->b, p->len);
	skb->dev = in;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(skb_headroom(skb) + 20);
	skb->csum_offset = (u16)offset;
	bh_disable(r->k.cpu);
	netif_receive_skb(r->k.cpu, skb);
	bh_enable(r->k.cpu);
}

/* In by one device; true: it came out by the other, with right sums. */
static bool route(struct rig *r, bool back, const char *src, const char *dst, u8 proto, const void *data, unsigned len)
{
	struct net_device *in = back ? r->out : r->k.dev, *out = back ? r->k.dev : r->out;
	static struct pkt p;

	ip_build(&p, &(struct ip_spec){ .src = src, .dst = dst, .proto = proto, .data = data, .len = len });
	if (r->partial)
		inject_partial(r, in, &p);
	else
		lab_inject(in, p.b, p.len);
	kit_settle(&r->k);
	seen.len = lab_sent(out, seen.b, sizeof(seen.b));
	return seen.len && CHECK(sums_are_right());
}

static bool tcp(struct rig *r, bool back, const char *src, u16 sp, const char *dst, u16 dp, u8 flags)
{
	struct {
		struct tcp_hdr h;
		char text[5];
	} __packed s = { { .sport = be16_of(sp), .dport = be16_of(dp), .seq = be32_of(back ? 500 : 100),
			   .ack = be32_of(flags & TCP_ACK ? (back ? 101 : 501) : 0), .doff = 5 << 4, .flags = flags,
			   .wnd = be16_of(1000) }, "text" };
	u32 sum = csum_tcpudp_nofold(v4(src), v4(dst), sizeof(s), 6);

	s.h.csum = csum_fold(csum_partial(&s, sizeof(s), sum));
	return route(r, back, src, dst, 6, &s, sizeof(s));
}

static bool udp(struct rig *r, bool back, const char *src, u16 sp, const char *dst, u16 dp)
{
	u8 buf[64];

	return route(r, back, src, dst, 17, buf, udp_build(buf, src, dst, sp, dp, "hello", 5));
}

#define EXPECT(src, sp, dst, dp)                                                                   \
	do {                                                                                       \
		CHECK(be32_eq(ip()->saddr, v4(src)));                                              \
		CHECK_EQ(sport(), sp);                                                             \
		CHECK(be32_eq(ip()->daddr, v4(dst)));                                              \
		CHECK_EQ(dport(), dp);                                                             \
	} while (0)

static void establish(struct rig *r)
{
	CHECK(tcp(r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_SYN));
	CHECK(tcp(r, true, "192.0.2.5", 80, "192.0.2.1", 4000, TCP_SYN | TCP_ACK));
	CHECK(tcp(r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_ACK));
}

/* ---- sources ---- */
TEST(a_masqueraded_connection_shows_the_device_s_address_and_keeps_its_port)
{
	struct rig r = rig_open(MASQ);

	CHECK(tcp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_SYN));
	EXPECT("192.0.2.1", 4000, "192.0.2.5", 80);
	CHECK(tcp(&r, true, "192.0.2.5", 80, "192.0.2.1", 4000, TCP_SYN | TCP_ACK));
	EXPECT("192.0.2.5", 80, "10.0.0.2", 4000);
	CHECK_EQ(ct_count(r.k.cpu), 1);
	kit_close(&r.k);
}

TEST(two_inside_hosts_with_one_port_get_two_and_each_its_own_answers)
{
	struct rig r = rig_open(MASQ);
	u16 other;

	CHECK(udp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 53));
	CHECK(udp(&r, false, "10.0.0.3", 4000, "192.0.2.5", 53));
	other = sport();
	CHECK(other != 4000);
	CHECK(other >= 1024);
	CHECK(udp(&r, true, "192.0.2.5", 53, "192.0.2.1", other));
	EXPECT("192.0.2.5", 53, "10.0.0.3", 4000);
	CHECK(udp(&r, true, "192.0.2.5", 53, "192.0.2.1", 4000));
	EXPECT("192.0.2.5", 53, "10.0.0.2", 4000);
	kit_close(&r.k);
}

TEST(an_inside_endpoint_has_one_outside_port_whatever_it_talks_to)
{
	struct rig r = rig_open(MASQ);
	char dst[32];
	u16 port;

	CHECK(udp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 53));
	CHECK(udp(&r, false, "10.0.0.3", 4000, "192.0.2.5", 53));
	port = sport();
	for (unsigned i = 6; i < 40; i++) {
		snprintf(dst, sizeof(dst), "192.0.2.%u", i);
		CHECK(udp(&r, false, "10.0.0.3", 4000, dst, (u16)(50 + i)));
		CHECK_EQ(sport(), port);
		CHECK(udp(&r, false, "10.0.0.2", 4000, dst, (u16)(50 + i)));
		CHECK_EQ(sport(), 4000);
	}
	kit_close(&r.k);
}

TEST(low_ports_stay_low)
{
	struct rig r = rig_open(MASQ);

	CHECK(udp(&r, false, "10.0.0.2", 123, "192.0.2.5", 123));
	CHECK_EQ(sport(), 123);
	CHECK(udp(&r, false, "10.0.0.3", 123, "192.0.2.5", 123));
	CHECK(sport() < 512);
	kit_close(&r.k);
}

TEST(ports_of_a_range_are_shared_only_when_all_are_in_use_and_never_by_one_tuple)
{
	struct rig r = rig_open(POST("ip protocol udp masquerade to :2000-2003"));
	unsigned used = 0;
	char src[32];

	for (unsigned i = 2; i < 6; i++) {
		snprintf(src, sizeof(src), "10.0.0.%u", i);
		CHECK(udp(&r, false, src, 4000, "192.0.2.5", 53));
		CHECK(sport() >= 2000 && sport() <= 2003);
		used |= 1u << (sport() - 2000);
	}
	CHECK_EQ(used, 15);
	CHECK(!udp(&r, false, "10.0.0.6", 4000, "192.0.2.5", 53));
	CHECK_EQ(drops(&r.k, DROP_NAT_EXHAUSTED), 1);
	CHECK(udp(&r, false, "10.0.0.6", 4000, "192.0.2.6", 53));
	CHECK(sport() >= 2000 && sport() <= 2003);
	kit_close(&r.k);
}

TEST(snat_to_several_addresses_keeps_an_inside_host_to_one)
{
	struct rig r = rig_open(POST("snat to 192.0.2.100-192.0.2.107"));
	u32 seen_addrs = 0;
	char src[32];
	be32 first;

	for (unsigned i = 2; i < 40; i++) {
		snprintf(src, sizeof(src), "10.0.0.%u", i);
		CHECK(udp(&r, false, src, 4000, "192.0.2.5", 53));
		first = ip()->saddr;
		seen_addrs |= 1u << (be32_get(first) - be32_get(v4("192.0.2.100")));
		CHECK(udp(&r, false, src, 4001, "192.0.2.6", 53));
		CHECK(be32_eq(ip()->saddr, first));
	}
	CHECK(seen_addrs > 8 && seen_addrs < 256);
	kit_close(&r.k);
}

TEST(echoes_are_told_apart_by_their_id)
{
	struct rig r = rig_open(MASQ);
	u8 msg[16];
	unsigned n = icmp_build(msg, ICMP_ECHO, 0, 0x12340001, "x", 1);
	u16 id;

	CHECK(route(&r, false, "10.0.0.2", "192.0.2.5", 1, msg, n));
	CHECK_EQ(l4()[4] << 8 | l4()[5], 0x1234);
	CHECK(route(&r, false, "10.0.0.3", "192.0.2.5", 1, msg, n));
	id = (u16)(l4()[4] << 8 | l4()[5]);
	CHECK(id != 0x1234);
	n = icmp_build(msg, ICMP_ECHOREPLY, 0, (u32)id << 16 | 1, "x", 1);
	CHECK(route(&r, true, "192.0.2.5", "192.0.2.1", 1, msg, n));
	CHECK(be32_eq(ip()->daddr, v4("10.0.0.3")));
	CHECK_EQ(l4()[4] << 8 | l4()[5], 0x1234);
	kit_close(&r.k);
}

TEST(a_datagram_without_a_sum_stays_without)
{
	struct rig r = rig_open(MASQ);
	struct udp_hdr h = { be16_of(4000), be16_of(53), be16_of(8), { 0 } };
	static struct pkt p;

	ip_build(&p, &(struct ip_spec){ .dst = "192.0.2.5", .data = &h, .len = 8 });
	lab_inject(r.k.dev, p.b, p.len);
	kit_settle(&r.k);
	REQUIRE(lab_sent(r.out, seen.b, sizeof(seen.b)) == 28);
	EXPECT("192.0.2.1", 4000, "192.0.2.5", 53);
	CHECK_EQ(l4()[6] | l4()[7], 0);
	kit_close(&r.k);
}

TEST(fragments_are_translated_as_the_datagram_they_are)
{
	struct rig r = rig_open(MASQ);
	static u8 data[3000], payload[2000];
	static struct pkt p;
	unsigned n = udp_build(data, "10.0.0.2", "192.0.2.5", 7, 53, payload, 2000);

	ip_build(&p, &(struct ip_spec){ .dst = "192.0.2.5", .id = 5, .frag = 1000 / 8, .data = data + 1000, .len = n - 1000 });
	lab_inject(r.k.dev, p.b, p.len);
	kit_settle(&r.k);
	ip_build(&p, &(struct ip_spec){ .dst = "192.0.2.5", .id = 5, .frag = IP_MF, .data = data, .len = 1000 });
	lab_inject(r.k.dev, p.b, p.len);
	kit_settle(&r.k);
	for (unsigned i = 0; i < 2; i++) {
		REQUIRE(lab_sent(r.out, seen.b, sizeof(seen.b)));
		CHECK(be32_eq(ip()->saddr, v4("192.0.2.1")));
		CHECK(csum_ok(csum_ip_header(ip(), 5)));
	}
	kit_close(&r.k);
}

TEST(what_we_send_ourselves_is_translated_too_with_a_sum_the_device_finishes)
{
	struct rig r = rig_open(POST("snat to 192.0.2.77"));
	struct sock *sk = kit_sock(&r.k, 900);
	struct sockaddr_ip from;
	char buf[16];

	CHECK_EQ(kit_send(&r.k, sk, "192.0.2.5", 53, "question", 8), 8);
	REQUIRE(seen.len = lab_sent(r.out, seen.b, sizeof(seen.b)));
	CHECK(sums_are_right());
	EXPECT("192.0.2.77", 900, "192.0.2.5", 53);
	udp(&r, true, "192.0.2.5", 53, "192.0.2.77", 900);
	CHECK_EQ(kit_recv(sk, buf, sizeof(buf), &from), 5);
	CHECK_EQ(from.port, 53);
	udp_prot.close(sk);
	kit_close(&r.k);
}

TEST(a_connection_ends_with_the_address_it_was_masqueraded_behind)
{
	struct rig r = rig_open(MASQ);

	CHECK(udp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 53));
	EXPECT("192.0.2.1", 4000, "192.0.2.5", 53);
	REQUIRE(!ip_addr_del(r.k.h->net, r.out, v4("192.0.2.1")));
	lab_addr(r.out, "192.0.2.9/24");
	kit_run(&r.k, 5 * NSEC_PER_SEC);
	while (lab_sent(r.out, seen.b, sizeof(seen.b)))
		;
	CHECK(udp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 53));
	EXPECT("192.0.2.9", 4000, "192.0.2.5", 53);
	CHECK_EQ(ct_count(r.k.cpu), 1);
	kit_close(&r.k);
}

/* ---- destinations ---- */
TEST(a_forwarded_port_leads_inside_and_answers_come_from_the_address_asked)
{
	struct rig r = rig_open(FORWARD);

	CHECK(tcp(&r, true, "192.0.2.5", 999, "192.0.2.1", 8080, TCP_SYN));
	EXPECT("192.0.2.5", 999, "10.0.0.9", 80);
	CHECK(tcp(&r, false, "10.0.0.9", 80, "192.0.2.5", 999, TCP_SYN | TCP_ACK));
	EXPECT("192.0.2.1", 8080, "192.0.2.5", 999);
	kit_close(&r.k);
}

TEST(one_client_by_two_ways_to_one_server_is_two_connections)
{
	struct rig r = rig_open(FORWARD);
	u16 port;

	CHECK(tcp(&r, true, "192.0.2.5", 999, "10.0.0.9", 80, TCP_SYN));
	CHECK(tcp(&r, true, "192.0.2.5", 999, "192.0.2.1", 8080, TCP_SYN));
	port = sport();
	CHECK(port != 999); /* else the server could not tell them apart */
	CHECK(tcp(&r, false, "10.0.0.9", 80, "192.0.2.5", port, TCP_SYN | TCP_ACK));
	EXPECT("192.0.2.1", 8080, "192.0.2.5", 999);
	CHECK(tcp(&r, false, "10.0.0.9", 80, "192.0.2.5", 999, TCP_SYN | TCP_ACK));
	EXPECT("10.0.0.9", 80, "192.0.2.5", 999);
	kit_close(&r.k);
}

TEST(a_redirected_port_is_served_here)
{
	struct rig r = rig_open(PRE("udp dport 53 redirect to :5353"));
	struct sock *sk = kit_sock(&r.k, 5353);
	struct sockaddr_ip from;
	char buf[16];

	udp(&r, false, "10.0.0.2", 4000, "198.51.100.1", 53);
	CHECK_EQ(kit_recv(sk, buf, sizeof(buf), &from), 5);
	CHECK_EQ(from.port, 4000);
	CHECK_EQ(kit_send(&r.k, sk, "10.0.0.2", 4000, "answer", 6), 6);
	REQUIRE(seen.len = lab_sent(r.k.dev, seen.b, sizeof(seen.b)));
	CHECK(sums_are_right());
	EXPECT("198.51.100.1", 53, "10.0.0.2", 4000);
	udp_prot.close(sk);
	kit_close(&r.k);
}

/* ---- errors ---- */
static const u8 *quoted(void) { return l4() + 8; }

/* The quote's header sum is right, and its transport's as it would be in the whole packet. */
static void expect_quote(const char *src, u16 sp, const char *dst, u16 dp)
{
	const struct ipv4_hdr *q = (const struct ipv4_hdr *)quoted();
	const u8 *t = quoted() + 20;

	CHECK(csum_ok(csum_ip_header(q, 5)));
	CHECK(be32_eq(q->saddr, v4(src)));
	CHECK(be32_eq(q->daddr, v4(dst)));
	CHECK_EQ(t[0] << 8 | t[1], sp);
	CHECK_EQ(t[2] << 8 | t[3], dp);
	if (seen.len - 28 == be16_get(q->tot_len))
		CHECK(csum_ok(csum_partial(t, be16_get(q->tot_len) - 20u,
					   csum_tcpudp_nofold(q->saddr, q->daddr, be16_get(q->tot_len) - 20u, q->proto))));
}

TEST(an_error_from_outside_comes_in_about_what_was_sent_inside)
{
	struct rig r = rig_open(MASQ);
	static const unsigned lengths[] = { 28, 33 }; /* the least that is quoted, and all */
	u8 msg[128], sent[64];
	unsigned n;

	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		CHECK(udp(&r, false, "10.0.0.3", 4000, "192.0.2.5", 53));
		CHECK(udp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 53));
		memcpy(sent, seen.b, lengths[i]);
		n = icmp_build(msg, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, sent, lengths[i]);
		CHECK(route(&r, true, "192.0.2.254", "192.0.2.1", 1, msg, n));
		CHECK(be32_eq(ip()->saddr, v4("192.0.2.254")));
		CHECK(be32_eq(ip()->daddr, v4("10.0.0.2")));
		expect_quote("10.0.0.2", 4000, "192.0.2.5", 53);
	}
	kit_close(&r.k);
}

TEST(an_error_from_inside_about_a_forwarded_port_shows_nothing_of_inside)
{
	struct rig r = rig_open(FORWARD);
	u8 msg[128], sent[64];
	unsigned n;

	CHECK(tcp(&r, true, "192.0.2.5", 999, "192.0.2.1", 8080, TCP_SYN));
	memcpy(sent, seen.b, 45);
	n = icmp_build(msg, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, sent, 45);
	CHECK(route(&r, false, "10.0.0.7", "192.0.2.5", 1, msg, n));
	CHECK(be32_eq(ip()->saddr, v4("192.0.2.1")));
	CHECK(be32_eq(ip()->daddr, v4("192.0.2.5")));
	expect_quote("192.0.2.5", 999, "192.0.2.1", 8080);
	kit_close(&r.k);
}

TEST(our_own_error_about_a_packet_half_translated_quotes_what_was_sent)
{
	struct rig r = rig_open(FORWARD);
	struct tcp_hdr h = { .sport = be16_of(999), .dport = be16_of(8080), .doff = 5 << 4, .flags = TCP_SYN };
	static struct pkt p;

	ip_build(&p, &(struct ip_spec){ .src = "192.0.2.5", .dst = "192.0.2.1", .proto = 6, .ttl = 1, .data = &h, .len = sizeof(h) });
	lab_inject(r.out, p.b, p.len);
	kit_settle(&r.k);
	REQUIRE(seen.len = lab_sent(r.out, seen.b, sizeof(seen.b)));
	CHECK(sums_are_right());
	CHECK_EQ(l4()[0], ICMP_TIME_EXCEEDED);
	CHECK(be32_eq(((const struct ipv4_hdr *)quoted())->daddr, v4("192.0.2.1")));
	CHECK_EQ(quoted()[22] << 8 | quoted()[23], 8080);
	CHECK_EQ(ct_count(r.k.cpu), 0);
	kit_close(&r.k);
}

/* ---- the flow cache ---- */
static void compare_with_long_way(const char *rules)
{
	struct rig fast = rig_open(rules), slow = rig_open(rules);
	static struct pkt a, b;

	establish(&fast);
	establish(&slow);
	for (unsigned i = 0; i < 20; i++) {
		bool back = i % 3 == 1;
		const char *src = back ? "192.0.2.5" : "10.0.0.2", *dst = back ? "192.0.2.1" : "192.0.2.5";
		u16 sp = back ? 80 : 4000, dp = back ? 4000 : 80;
		u8 flags = i == 17 ? TCP_FIN | TCP_ACK : i & 1 ? TCP_ACK | TCP_PSH : TCP_ACK;

		CHECK(tcp(&fast, back, src, sp, dst, dp, flags));
		a = seen;
		ct_flow_forget(slow.k.cpu);
		CHECK(tcp(&slow, back, src, sp, dst, dp, flags));
		b = seen;
		CHECK_EQ(a.len, b.len);
		CHECK(!memcmp(a.b, b.b, a.len));
	}
	CHECK_EQ(ct_stats(slow.k.cpu)->flow, 0);
	CHECK(ct_stats(fast.k.cpu)->flow > 12);
	CHECK_EQ(ct_stats(fast.k.cpu)->found, ct_stats(slow.k.cpu)->found);
	CHECK_EQ(stat(&fast.k, STAT_IpForwDatagrams), stat(&slow.k, STAT_IpForwDatagrams));
	kit_close(&fast.k);
	kit_close(&slow.k);
}

TEST(packets_of_a_cached_flow_leave_as_by_the_long_way)
{
	compare_with_long_way(MASQ);
	compare_with_long_way(MASQ "add chain forward policy drop\nadd rule forward ct state established,related accept\n"
				   "add rule forward iifname \"eth0\" tcp dport 80 accept\n");
}

TEST(a_sum_that_is_left_to_the_device_is_translated_by_addresses_alone)
{
	for (unsigned i = 0; i < 2; i++) {
		struct rig r = rig_open(MASQ FORWARD);

		r.partial = true;
		for (unsigned n = 0; n < 8; n++) {
			u8 flags = n < 2 ? TCP_SYN : TCP_ACK;

			if (!i)
				ct_flow_forget(r.k.cpu);
			if (n & 1) {
				CHECK(tcp(&r, false, "10.0.0.9", 80, "192.0.2.5", 999, flags | TCP_ACK));
				EXPECT("192.0.2.1", 8080, "192.0.2.5", 999);
				CHECK(udp(&r, true, "192.0.2.5", 53, "192.0.2.1", 4000));
			} else {
				CHECK(tcp(&r, true, "192.0.2.5", 999, "192.0.2.1", 8080, flags));
				EXPECT("192.0.2.5", 999, "10.0.0.9", 80);
				CHECK(udp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 53));
			}
		}
		CHECK_EQ(ct_stats(r.k.cpu)->flow > 4, i);
		kit_close(&r.k);
	}
}

TEST(a_sum_that_a_device_left_where_none_can_be_is_no_packet_of_a_cached_flow)
{
	struct tcp_hdr h = { .sport = be16_of(4000), .dport = be16_of(80), .seq = be32_of(100), .ack = be32_of(501), .doff = 5 << 4,
			     .flags = TCP_ACK, .wnd = be16_of(1000) };
	static const u16 places[] = { 16, 200 }; /* the first is right */
	struct rig r = rig_open(MASQ);
	struct pkt p;
	u64 flow;

	establish(&r);
	for (unsigned n = 0; n < 5; n++)
		CHECK(tcp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_ACK));
	flow = ct_stats(r.k.cpu)->flow;
	CHECK(flow);
	r.out->features = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		struct sk_buff *skb = alloc_skb(r.k.cpu, SKB_HEADROOM);

		ip_build(&p, &(struct ip_spec){ .dst = "192.0.2.5", .proto = 6, .data = &h, .len = sizeof(h) });
		memcpy(skb_put(skb, p.len), p.b, p.len);
		skb->dev = r.k.dev;
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = (u16)(skb_headroom(skb) + IPV4_HLEN);
		skb->csum_offset = places[i];
		bh_disable(r.k.cpu);
		netif_receive_skb(r.k.cpu, skb);
		bh_enable(r.k.cpu);
		kit_settle(&r.k);
		CHECK_EQ(lab_sent(r.out, p.b, sizeof(p.b)) != 0, !i);
	}
	CHECK_EQ(ct_stats(r.k.cpu)->flow, flow + 1);
	CHECK_EQ(drops(&r.k, DROP_DEV_HDR), 1);
	kit_close(&r.k);
}

TEST(rules_that_look_at_packets_or_count_them_see_every_one)
{
	static const char *const rules[] = {
		MASQ "add rule forward counter accept",	     MASQ "add rule forward limit rate 1000/second accept",
		MASQ "add rule forward tcp flags psh drop",  MASQ "add rule prerouting meta mark 7 drop",
		MASQ "add rule forward log prefix \"x\" accept",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		struct rig r = rig_open(rules[i]);

		establish(&r);
		for (unsigned n = 0; n < 5; n++)
			tcp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_ACK);
		CHECK_EQ(ct_stats(r.k.cpu)->flow, 0);
		CHECK_EQ(tcp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_ACK | TCP_PSH), i != 2);
		kit_close(&r.k);
	}
}

TEST(a_new_rule_stops_a_flow_that_was_cached)
{
	struct rig r = rig_open(MASQ);
	struct nft_error err;

	establish(&r);
	for (unsigned n = 0; n < 5; n++)
		CHECK(tcp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_ACK));
	CHECK(ct_stats(r.k.cpu)->flow);
	REQUIRE(!nft_run(r.k.h->net, "add rule forward tcp dport 80 drop", &err));
	CHECK(!tcp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_ACK));
	REQUIRE(!nft_run(r.k.h->net, "flush table filter", &err));
	r.k.cpu->sysctl.ip_forward = 0;
	CHECK(!tcp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_ACK));
	kit_close(&r.k);
}

TEST(a_packet_of_a_cached_flow_with_no_hop_left_or_too_long_is_told_about)
{
	struct rig r = rig_open(MASQ);
	struct tcp_hdr h = { .sport = be16_of(4000), .dport = be16_of(80), .doff = 5 << 4, .flags = TCP_ACK };
	static struct pkt p;

	establish(&r);
	for (unsigned n = 0; n < 3; n++)
		CHECK(tcp(&r, false, "10.0.0.2", 4000, "192.0.2.5", 80, TCP_ACK));
	ip_build(&p, &(struct ip_spec){ .dst = "192.0.2.5", .proto = 6, .ttl = 1, .data = &h, .len = sizeof(h) });
	lab_inject(r.k.dev, p.b, p.len);
	kit_settle(&r.k);
	expect_icmp(&r.k, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, NULL);
	CHECK_EQ(lab_sent_count(r.out), 0);
	kit_close(&r.k);
}

/* ---- in the long run ---- */
/* ---- several CPUs ---- */
#define CPUS 4

/* Software spreads the frames; no object is touched by two CPUs. */
static struct rig rig_of_four(const char *rules)
{
	struct kit k = { .lab = lab_create(7) };
	struct rig r;

	k.h = lab_host_cpus(k.lab, "host", CPUS, 0);
	k.cpu = k.h->cpu;
	k.dev = lab_dev(k.h, LAB_RAW);
	lab_addr(k.dev, "10.0.0.1/24");
	kit_run(&k, 5 * NSEC_PER_SEC);
	r = rig_with(k, rules);
	host_isolate(true);
	return r;
}

/* How many of the CPUs have connections. */
static unsigned owners(struct rig *r)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < CPUS; i++)
		nr += ct_count(r->k.h->net->cpus[i]) != 0;
	return nr;
}

static void close_of_four(struct rig *r)
{
	CHECK_EQ(owners(r), CPUS);
	host_isolate(false);
	kit_close(&r->k);
}

TEST(on_several_cpus_an_echo_s_answer_comes_to_where_its_question_was)
{
	struct rig r = rig_of_four(MASQ);
	char from[16];
	u8 msg[16];
	unsigned n;
	u16 id;

	for (unsigned i = 0; i < 64; i++) {
		snprintf(from, sizeof(from), "10.0.0.%u", 2 + i % 5);
		n = icmp_build(msg, ICMP_ECHO, 0, (100 + i) << 16 | 1, "x", 1);
		REQUIRE(route(&r, false, from, "192.0.2.5", 1, msg, n));
		id = (u16)(l4()[4] << 8 | l4()[5]);
		n = icmp_build(msg, ICMP_ECHOREPLY, 0, (u32)id << 16 | 1, "x", 1);
		REQUIRE(route(&r, true, "192.0.2.5", "192.0.2.1", 1, msg, n));
		CHECK(be32_eq(ip()->daddr, v4(from)));
		CHECK_EQ(l4()[4] << 8 | l4()[5], 100 + i);
	}
	close_of_four(&r);
}

TEST(on_several_cpus_an_error_comes_to_where_what_it_is_about_was)
{
	struct rig r = rig_of_four(MASQ);
	u8 msg[128], sent[64];
	char router[16];
	unsigned n;

	for (unsigned i = 0; i < 64; i++) {
		bool echo = i & 1;

		n = icmp_build(msg, ICMP_ECHO, 0, (100 + i) << 16 | 1, "x", 1);
		REQUIRE(echo ? route(&r, false, "10.0.0.3", "192.0.2.5", 1, msg, n) :
			       udp(&r, false, "10.0.0.3", (u16)(4000 + i), "192.0.2.5", 53));
		memcpy(sent, seen.b, 28);
		snprintf(router, sizeof(router), "192.0.2.%u", 100 + i);
		n = icmp_build(msg, ICMP_TIME_EXCEEDED, 0, 0, sent, 28);
		REQUIRE(route(&r, true, router, "192.0.2.1", 1, msg, n));
		CHECK(be32_eq(ip()->saddr, v4(router)));
		CHECK(be32_eq(ip()->daddr, v4("10.0.0.3")));
		CHECK_EQ(echo ? quoted()[24] << 8 | quoted()[25] : quoted()[20] << 8 | quoted()[21], echo ? 100 + i : 4000 + i);
	}
	close_of_four(&r);
}

TEST(twenty_thousand_connections_leave_nothing_behind)
{
	struct rig r = rig_open(MASQ);
	unsigned passed = 0;
	char src[32];

	r.k.cpu->sysctl.ct_udp = 1;
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(src, sizeof(src), "10.0.0.%u", 2 + i % 200);
		passed += udp(&r, false, src, (u16)(1024 + i / 200), "192.0.2.5", 53);
	}
	CHECK_EQ(passed, 20000);
	kit_run(&r.k, 3 * NSEC_PER_SEC);
	CHECK_EQ(ct_count(r.k.cpu), 0);
	CHECK_EQ(ct_stats(r.k.cpu)->deleted, 20000);
	kit_close(&r.k);
}
