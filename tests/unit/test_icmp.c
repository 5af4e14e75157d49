/* SPDX-License-Identifier: MIT
 * test_icmp.c - echo, errors in and out, what they must never be about, their rates (RFC 792, RFC
 * 1122 3.2.2, RFC 1812 4.3).
 */
#include "unit/ipkit.h"
#include "net/ipv4/icmp.h"

static u8 msg[66000];

static void inject_icmp(struct kit *k, u8 type, u8 code, u32 word, const void *data, unsigned len)
{
	unsigned n = icmp_build(msg, type, code, word, data, len);

	INJECT(k, .proto = 1, .data = msg, .len = n);
}

/* A quoted packet: IP header from us and `len` bytes of payload. */
static unsigned quote(u8 *buf, const char *src, const char *dst, u8 proto, const void *payload,
		      unsigned len)
{
	struct pkt p;

	ip_build(&p, &(struct ip_spec){
			     .src = src, .dst = dst, .proto = proto, .data = payload, .len = len });
	memcpy(buf, p.b, p.len);
	return p.len;
}

TEST(an_echo_is_answered_with_the_same_data_from_the_same_address) /* 1122§3.2.2.6 */
{
	REQ("1122 3.2.2.6/server", "1122 3.2.2.6/data", "1122 3.2.2.6/source",
	    "1122 3.3.4.2/reply", "792 echo");
	struct kit k = kit_open(LAB_RAW);
	u8 data[300];
	struct ipv4_info ip;
	struct pkt p;

	lab_addr(k.dev, "10.0.0.100/24");
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (u8)i;
	for (unsigned len = 0; len <= sizeof(data); len += 37) {
		unsigned n = icmp_build(msg, ICMP_ECHO, 0, 0x12345678, data, len);

		INJECT(&k, .dst = "10.0.0.100", .proto = 1, .tos = 0x10, .data = msg, .len = n);
		REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
		CHECK(be32_eq(ip.saddr, v4("10.0.0.100")) && be32_eq(ip.daddr, v4("10.0.0.2")));
		CHECK_EQ(p.len, 28 + len);
		CHECK_EQ(p.b[20], ICMP_ECHOREPLY);
		CHECK(csum_ok(csum_partial(p.b + 20, p.len - 20, 0)));
		CHECK_MEM(p.b + 24, msg + 4, len + 4);
		CHECK_EQ(ip.tos, 0x10);
		CHECK_EQ(ip.ttl, 64);
	}
	CHECK_EQ(stat(&k, STAT_IcmpInEchos), 9);
	CHECK_EQ(stat(&k, STAT_IcmpOutEchoReps), 9);
	kit_close(&k);
}

TEST(every_checksum_value_survives_the_answer)
{
	struct kit k = kit_open(LAB_RAW);
	struct pkt p;
	unsigned bad = 0;

	for (u32 seq = 0; seq < 65536; seq += 3) {
		inject_icmp(&k, ICMP_ECHO, 0, seq, "", 0);
		REQUIRE(kit_sent(&k, &p));
		bad += !csum_ok(csum_partial(p.b + 20, p.len - 20, 0));
	}
	CHECK_EQ(bad, 0);
	kit_close(&k);
}

TEST(an_echo_with_options_is_answered_without)
{
	static const u8 rr[8] = { IPOPT_RR, 7, 4 };
	struct kit k = kit_open(LAB_RAW);
	struct ipv4_info ip;
	struct pkt p;
	unsigned n = icmp_build(msg, ICMP_ECHO, 0, 1, "abc", 3);

	INJECT(&k, .proto = 1, .data = msg, .len = n, .opts = rr, .optlen = 8);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	CHECK_EQ(ip.hdr_len, 20);
	CHECK_MEM(p.b + 28, "abc", 3);
	kit_close(&k);
}

TEST(echo_can_be_switched_off_and_is_off_for_broadcasts) /* 1122§3.2.2.6: MAY discard broadcast */
{
	REQ("1122 3.2.2.6/broadcast");
	struct kit k = kit_open(LAB_RAW);
	unsigned n = icmp_build(msg, ICMP_ECHO, 0, 1, "abc", 3);
	struct ipv4_info ip;
	struct pkt p;

	INJECT(&k, .dst = "10.0.0.255", .proto = 1, .data = msg, .len = n);
	CHECK_EQ(drops(&k, DROP_ICMP_IGNORED), 1);
	EXPECT_NOTHING_SENT(&k);
	k.cpu->sysctl.icmp_echo_ignore_broadcasts = 0;
	INJECT(&k, .dst = "10.0.0.255", .proto = 1, .data = msg, .len = n);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	CHECK(be32_eq(ip.saddr, v4("10.0.0.1")));
	k.cpu->sysctl.icmp_echo_ignore_all = 1;
	inject_icmp(&k, ICMP_ECHO, 0, 1, "abc", 3);
	CHECK_EQ(drops(&k, DROP_ICMP_IGNORED), 2);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(short_and_mis_summed_messages_are_dropped)
{
	REQ("792 checksum");
	struct kit k = kit_open(LAB_RAW);
	unsigned n = icmp_build(msg, ICMP_ECHO, 0, 1, "abcdef", 6);

	for (unsigned len = 0; len < 8; len++)
		INJECT(&k, .proto = 1, .data = msg, .len = len);
	CHECK_EQ(drops(&k, DROP_ICMP_HDR), 8);
	for (unsigned len = 8; len < n; len++) /* the sum covers what is gone */
		INJECT(&k, .proto = 1, .data = msg, .len = len);
	for (unsigned i = 0; i < n; i++) {
		msg[i] ^= 0x10;
		INJECT(&k, .proto = 1, .data = msg, .len = n);
		msg[i] ^= 0x10;
	}
	CHECK_EQ(drops(&k, DROP_ICMP_CSUM), 6 + n);
	CHECK_EQ(stat(&k, STAT_IcmpInCsumErrors), 6 + n);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(unknown_types_are_dropped_silently) /* 1122§3.2.2 */
{
	REQ("1122 3.2.2/unknown", "1122 3.2.2.7", "1122 3.2.2.9/reply");
	struct kit k = kit_open(LAB_RAW);

	for (unsigned type = 0; type < 256; type++)
		if (type != 0 && type != 3 && type != 4 && type != 5 && type != 8 && type != 11 &&
		    type != 12 && type != 13)
			inject_icmp(&k, (u8)type, 0, 0, "12345678901234567890", 20);
	CHECK_EQ(drops(&k, DROP_ICMP_TYPE), 248);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(redirects_and_quench_change_nothing) /* 6633: MUST ignore source quench */
{
	REQ("6633 4", "6633 3", "1122 3.2.2.2/illegal", "1122 3.2.2.2/send");
	struct kit k = kit_open(LAB_RAW);
	u8 q[64], udp[16];
	unsigned n = quote(q, "10.0.0.1", "10.0.0.2", 17, udp, 16);
	u32 gen = k.cpu->dst_gen;

	inject_icmp(&k, ICMP_SOURCE_QUENCH, 0, 0, q, n);
	inject_icmp(&k, ICMP_REDIRECT, 1, 0x0a000009, q, n);
	CHECK_EQ(drops(&k, DROP_ICMP_IGNORED), 2);
	CHECK_EQ(k.cpu->dst_gen, gen);
	kit_close(&k);
}

TEST(a_timestamp_request_is_answered) /* 1122§3.2.2.8 */
{
	REQ("1122 3.2.2.8/server", "1122 3.2.2.8/delay", "1122 3.2.2.8/source",
	    "1122 3.2.2.8/standard", "792 timestamp");
	struct kit k = kit_open(LAB_RAW);
	struct icmp_timestamp t = { .h = { .type = ICMP_TIMESTAMP }, .originate = be32_of(1234) };
	const struct icmp_timestamp *back;
	struct pkt p;

	t.h.check = csum_fold(csum_partial(&t, sizeof(t), 0));
	INJECT(&k, .proto = 1, .data = &t, .len = sizeof(t));
	REQUIRE(kit_sent(&k, &p));
	back = (const struct icmp_timestamp *)(p.b + 20);
	CHECK_EQ(back->h.type, ICMP_TIMESTAMPREPLY);
	CHECK_EQ(be32_get(back->originate), 1234);
	CHECK(be32_get(back->receive) < 86400000);
	CHECK(csum_ok(csum_partial(back, sizeof(*back), 0)));
	t.h.check = csum_fold(csum_partial(&t, 12, csum_sub(0, t.h.check.raw)));
	INJECT(&k, .proto = 1, .data = &t, .len = 12); /* cut short */
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

/* ---- errors sent ---- */
TEST(an_error_quotes_the_packet_as_it_came) /* 792, 1122§3.2.2: octets same as received */
{
	REQ("1122 3.2.2/quote", "1122 3.2.2/tos", "792 quote", "1812 4.3.2.3", "1122 3.3.8");
	struct kit k = kit_open(LAB_RAW);
	const struct icmp_hdr *h;
	struct pkt p, sent;
	struct ipv4_info ip;
	u8 dgram[1400], data[1400] = { 0 };
	unsigned n = udp_build(dgram, "10.0.0.2", "10.0.0.1", 5, 6, data, 1000);

	ip_build(&p, &(struct ip_spec){ .tos = 0xb8, .id = 99, .data = dgram, .len = n });
	lab_inject(k.dev, p.b, p.len);
	kit_settle(&k);
	REQUIRE(kit_sent(&k, &sent) && ip_read(&sent, &ip));
	h = (const struct icmp_hdr *)(sent.b + 20);
	CHECK(h->type == ICMP_DEST_UNREACH && h->code == ICMP_PORT_UNREACH);
	CHECK_EQ(sent.len, 576); /* 1812§4.3.2.3 */
	CHECK_MEM(sent.b + 28, p.b, 548);
	CHECK_EQ(ip.tos, 0); /* 1122§3.2.2: SHOULD */
	CHECK(be32_eq(ip.saddr, v4("10.0.0.1")));
	kit_close(&k);
}

TEST(never_an_error_about) /* 1122§3.2.2: MUST NOT */
{
	REQ("1122 3.2.2/error", "1122 3.2.2/broadcast", "1122 3.2.2/fragment", "1122 3.2.2/source",
	    "1812 4.3.2.7");
	struct kit k = kit_open(LAB_RAW);
	u8 q[64];
	unsigned n = quote(q, "10.0.0.1", "10.0.0.2", 17, "12345678", 8);
	unsigned m = icmp_build(msg, ICMP_DEST_UNREACH, 1, 0, q, n);

	k.cpu->sysctl.ip_forward = 1;
	/* an ICMP error */
	INJECT(&k, .dst = "20.0.0.1", .ttl = 1, .proto = 1, .data = msg, .len = m);
	m = icmp_build(msg, 42, 0, 0, q, n);
	/* an unknown ICMP type */
	INJECT(&k, .dst = "20.0.0.1", .ttl = 1, .proto = 1, .data = msg, .len = m);
	/* ICMP without a type */
	INJECT(&k, .dst = "20.0.0.1", .ttl = 1, .proto = 1, .len = 0);
	/* a non-initial fragment */
	INJECT(&k, .dst = "20.0.0.1", .ttl = 1, .frag = 5, .len = 64);
	/* a broadcast */
	INJECT(&k, .dst = "10.0.0.255", .len = 64);
	/* a multicast */
	INJECT(&k, .dst = "224.0.0.1", .len = 64);
	/* a source that is nobody's */
	INJECT(&k, .dst = "255.255.255.255", .src = "0.0.0.0", .len = 64);
	EXPECT_NOTHING_SENT(&k);
	m = icmp_build(msg, ICMP_ECHO, 0, 0, q, n);
	/* but about a query */
	INJECT(&k, .dst = "20.0.0.1", .ttl = 1, .proto = 1, .data = msg, .len = m);
	expect_icmp(&k, ICMP_TIME_EXCEEDED, 0, NULL);
	kit_close(&k);
}

TEST(never_an_error_about_a_link_broadcast) /* 1122§3.2.2: MUST NOT */
{
	REQ("1122 3.2.2/link-broadcast", "1122 2.4/broadcast");
	struct kit k = kit_open(LAB_ETHER);
	struct pkt p;

	ip_build(&p, &(struct ip_spec){ .dst = "10.0.0.255", .len = 64 });
	kit_frame(&k, BCAST_MAC, PEER_MAC, ETH_P_IP, p.b, p.len);
	EXPECT_NOTHING_SENT(&k);
	kit_close(&k);
}

TEST(errors_have_a_rate_per_destination_and_in_all) /* 1812§4.3.2.8 */
{
	REQ("1812 4.3.2.8");
	struct kit k = kit_open(LAB_RAW);

	for (unsigned i = 0; i < 20; i++)
		INJECT(&k, .proto = 200, .len = 8);
	CHECK_EQ(kit_drain(&k), 6);
	CHECK_EQ(stat(&k, STAT_IcmpOutRateLimitHost), 14);
	kit_run(&k, 3 * NSEC_PER_SEC + NSEC_PER_MSEC);
	for (unsigned i = 0; i < 20; i++)
		INJECT(&k, .proto = 200, .len = 8);
	CHECK_EQ(kit_drain(&k), 3);
	k.cpu->sysctl.icmp_ratelimit = 0;
	k.cpu->sysctl.icmp_msgs_per_sec = 10;
	kit_run(&k, 60 * NSEC_PER_SEC);
	for (unsigned i = 0; i < 200; i++)
		INJECT(&k, .proto = 200, .len = 8);
	CHECK_EQ(kit_drain(&k), 50);
	CHECK_EQ(stat(&k, STAT_IcmpOutRateLimitGlobal), 150);
	CHECK_EQ(stat(&k, STAT_IcmpOutDestUnreachs), 59);
	kit_close(&k);
}

/* ---- errors received ---- */
static struct sock *connected(struct kit *k, u16 port, const char *to, u16 dport)
{
	struct sock *sk = kit_sock(k, port);
	struct sockaddr_ip a = { .family = AF_INET, .port = dport, .addr = addr(to) };

	REQUIRE(!udp_prot.connect(sk, &a));
	return sk;
}

static void inject_error_about(struct kit *k, u8 type, u8 code, u32 word, const char *src,
			       const char *dst, u16 sport, u16 dport)
{
	u8 q[64], udp[16];
	unsigned n;

	udp_build(udp, src, dst, sport, dport, "12345678", 8);
	n = quote(q, src, dst, 17, udp, 8);
	inject_icmp(k, type, code, word, q, n);
}

TEST(port_unreachable_is_an_error_of_the_connected_sock) /* 1122§4.1.3.3 */
{
	REQ("1122 4.1.3.3", "1122 3.2.2.1/pass", "1122 3.2.2.1/act", "8085 5.2/icmp",
	    "1122 3.2.2/demux");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = connected(&k, 50, "10.0.0.2", 60),
		    *other = connected(&k, 51, "10.0.0.2", 60);
	struct sock *loose = kit_sock(&k, 52);
	char buf[4];

	inject_error_about(&k, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, "10.0.0.1", "10.0.0.2", 50,
			   60);
	inject_error_about(&k, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, "10.0.0.1", "10.0.0.2", 52,
			   60);
	CHECK_EQ(kit_recv(sk, buf, 4, NULL), -ECONNREFUSED);
	CHECK_EQ(kit_recv(sk, buf, 4, NULL), -EAGAIN); /* once */
	CHECK_EQ(kit_recv(other, buf, 4, NULL), -EAGAIN);
	CHECK_EQ(kit_recv(loose, buf, 4, NULL), -EAGAIN);
	udp_prot.close(sk);
	udp_prot.close(other);
	udp_prot.close(loose);
	kit_close(&k);
}

TEST(each_kind_of_error_has_its_number)
{
	REQ("1122 4.1.3.3", "1122 3.2.2.4", "1122 3.2.2.5/pass", "1122 3.2.2.1/hint");
	static const struct {
		u8 type, code;
		int err, soft;
	} kinds[] = {
		{ 3, 0, 0, ENETUNREACH },
		{ 3, 1, 0, EHOSTUNREACH },
		{ 3, 2, -ENOPROTOOPT, ENOPROTOOPT },
		{ 3, 13, -EHOSTUNREACH, EHOSTUNREACH },
		{ 11, 0, 0, EHOSTUNREACH },
		{ 12, 0, -EPROTO, EPROTO },
		{ 3, 200, 0, EHOSTUNREACH },
	};
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = connected(&k, 50, "10.0.0.2", 60);

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		sk->err_soft = 0;
		inject_error_about(&k, kinds[i].type, kinds[i].code, 0, "10.0.0.1", "10.0.0.2", 50,
				   60);
		CHECK_EQ(sock_error(sk), kinds[i].err);
		CHECK_EQ(sk->err_soft, kinds[i].soft);
	}
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(an_error_about_a_packet_that_was_not_ours_is_dropped)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = connected(&k, 50, "10.0.0.2", 60);

	inject_error_about(&k, 3, 3, 0, "10.0.0.3", "10.0.0.2", 50, 60);
	inject_error_about(&k, 3, 3, 0, "10.0.0.255", "10.0.0.2", 50, 60);
	CHECK_EQ(drops(&k, DROP_ICMP_QUOTE), 2);
	CHECK_EQ(sock_error(sk), 0);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(every_truncation_of_a_quote_is_harmless)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = connected(&k, 50, "10.0.0.2", 60);
	u8 q[64], udp[16];
	unsigned n;

	udp_build(udp, "10.0.0.1", "10.0.0.2", 50, 60, "12345678", 8);
	n = quote(q, "10.0.0.1", "10.0.0.2", 17, udp, 16);
	for (unsigned len = 0; len < 28; len++)
		inject_icmp(&k, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, q, len);
	CHECK_EQ(drops(&k, DROP_ICMP_HDR), 28);
	CHECK_EQ(sock_error(sk), 0);
	inject_icmp(&k, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, q, 28);
	CHECK_EQ(sock_error(sk), -ECONNREFUSED);
	/* each bit of the quote wrong: an answer or none, never harm */
	for (unsigned i = 0; i < n * 8; i++) {
		q[i / 8] ^= (u8)(1 << i % 8);
		inject_icmp(&k, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, q, n);
		q[i / 8] ^= (u8)(1 << i % 8);
		sock_error(sk);
	}
	udp_prot.close(sk);
	kit_close(&k);
}

/* 1191, 8201§4: validate against a live flow */
TEST(fragmentation_needed_lowers_the_path_mtu_of_a_live_flow_only)
{
	REQ("1191 3", "8085 5.2/icmp");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = connected(&k, 50, "8.8.8.8", 60);
	struct flow fl = { .dst = addr("8.8.8.8") };
	struct dst d;

	inject_error_about(&k, 3, 4, 1000, "10.0.0.1", "8.8.8.8", 51, 60); /* no such sock */
	REQUIRE(!ip_route_output(k.cpu, &fl, &d));
	CHECK_EQ(d.mtu, 1500);
	inject_error_about(&k, 3, 4, 1000, "10.0.0.1", "8.8.8.8", 50, 60);
	REQUIRE(!ip_route_output(k.cpu, &fl, &d));
	CHECK_EQ(d.mtu, 1000);
	CHECK_EQ(kit_send(&k, sk, NULL, 0, msg, 1200), 1200); /* goes in fragments now */
	CHECK_EQ(kit_drain(&k), 2);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_router_that_tells_no_mtu_is_met_with_a_plateau) /* 1191§5 */
{
	REQ("1191 5/plateau");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = connected(&k, 50, "8.8.8.8", 60);
	struct flow fl = { .dst = addr("8.8.8.8") };
	struct dst d;
	struct pkt p;
	u8 udp[1480] = { 0 };

	udp_build(udp, "10.0.0.1", "8.8.8.8", 50, 60, udp + 8, 1400);
	ip_build(&p, &(struct ip_spec){
			     .src = "10.0.0.1", .dst = "8.8.8.8", .data = udp, .len = 1480 });
	inject_icmp(&k, 3, 4, 0, p.b, 28);
	REQUIRE(!ip_route_output(k.cpu, &fl, &d));
	CHECK_EQ(d.mtu, 1492);
	udp_prot.close(sk);
	kit_close(&k);
}

/* ---- echo client ---- */
struct ping_log {
	struct icmp_ping ping;
	unsigned replies, errors;
	u16 seq;
	unsigned len;
};

static void on_reply(struct icmp_ping *p, struct net_cpu *cpu, struct sk_buff *skb, u16 seq)
{
	struct ping_log *log = container_of(p, struct ping_log, ping);

	log->replies++;
	log->seq = seq;
	log->len = skb->len;
}

static void on_error(struct icmp_ping *p, struct net_cpu *cpu, const struct ip_addr *from, u8 type,
		     u8 code, u16 seq)
{
	struct ping_log *log = container_of(p, struct ping_log, ping);

	log->errors++;
	CHECK(be32_eq(ip_v4(from), v4("10.0.0.2")));
	CHECK_EQ(type, ICMP_TIME_EXCEEDED);
}

TEST(an_echo_client_gets_its_replies_and_errors) /* 1122§3.2.2.6: pass Echo Reply to higher layer */
{
	REQ("1122 3.2.2.6/client", "1122 3.2.2.6/pass");
	struct kit k = kit_open(LAB_RAW);
	struct ping_log log = { .ping = { .reply = on_reply, .error = on_error } };
	struct flow fl = { .dst = addr("8.8.8.8") };
	struct pkt p;
	u8 q[128];

	icmp_ping_open(k.cpu, &log.ping);
	CHECK_EQ(icmp_ping_send(k.cpu, &log.ping, &fl, 77, 56), 0);
	kit_settle(&k);
	REQUIRE(kit_sent(&k, &p));
	CHECK_EQ(p.len, 84);
	memcpy(q, p.b, p.len);
	inject_icmp(&k, ICMP_TIME_EXCEEDED, 0, 0, q, 28);
	CHECK_EQ(log.errors, 1);
	inject_icmp(&k, ICMP_ECHOREPLY, 0, (u32)log.ping.id << 16 | 77, p.b + 28, 56);
	CHECK_EQ(log.replies, 1);
	CHECK_EQ(log.seq, 77);
	CHECK_EQ(log.len, 56);
	inject_icmp(&k, ICMP_ECHOREPLY, 0, (u32)(u16)(log.ping.id + 1) << 16 | 77, p.b + 28, 56);
	CHECK_EQ(drops(&k, DROP_NO_SOCKET), 1);
	icmp_ping_close(&log.ping);
	kit_close(&k);
}

TEST(pinging_oneself_goes_over_lo)
{
	struct kit k = kit_open(LAB_RAW);
	struct ping_log log = { .ping = { .reply = on_reply } };
	struct flow fl = { .dst = addr("127.0.0.1") };

	icmp_ping_open(k.cpu, &log.ping);
	CHECK_EQ(icmp_ping_send(k.cpu, &log.ping, &fl, 1, 20000), 0);
	kit_settle(&k);
	CHECK_EQ(log.replies, 1);
	CHECK_EQ(log.len, 20000);
	EXPECT_NOTHING_SENT(&k);
	icmp_ping_close(&log.ping);
	kit_close(&k);
}
