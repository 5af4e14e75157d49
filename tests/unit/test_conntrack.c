/* SPDX-License-Identifier: MIT
 * test_conntrack.c - connections as the packets that pass show them: states, timeouts, bounds, nothing left behind.
 */
#include "unit/ipkit.h"
#include "net/netfilter/conntrack.h"
#include "net/netfilter/nft.h"
#include "net/wire/tcp.h"

/* A router: 10.0.0.2 behind the kit's device, 10.9.0.5 behind the other. */
struct rig {
	struct kit k;
	struct net_device *out;
};

#define RULES "add rule forward ct state invalid counter drop; add rule forward accept"

static struct rig rig_open(const char *rules)
{
	struct rig r = { .k = kit_open(LAB_RAW) };
	struct nft_error err;

	r.out = lab_dev(r.k.h, LAB_RAW);
	lab_addr(r.out, "10.9.0.1/24");
	r.k.cpu->sysctl.ip_forward = 1;
	if (nft_run(r.k.h->net, rules, &err))
		test_note("%u:%u %s", err.line, err.column, err.reason), test_stop();
	return r;
}

static void keep_conn(void *arg, const struct nf_conn *ct) { *(const struct nf_conn **)arg = ct; }
static const struct nf_conn *only(struct rig *r)
{
	const struct nf_conn *ct = NULL;

	REQUIRE(ct_count(r->k.cpu) == 1);
	ct_for_each(r->k.cpu, keep_conn, &ct);
	return ct;
}

/* Through the router, one way or the other; true: it came out. */
static bool pass(struct rig *r, bool back, u8 proto, const void *data, unsigned len)
{
	struct net_device *in = back ? r->out : r->k.dev, *out = back ? r->k.dev : r->out;
	const char *client = "10.0.0.2", *server = "10.9.0.5";
	static struct pkt p;
	unsigned n;

	ip_build(&p, &(struct ip_spec){ .src = back ? server : client, .dst = back ? client : server, .proto = proto,
					.data = data, .len = len });
	lab_inject(in, p.b, p.len);
	kit_settle(&r->k);
	n = lab_sent(out, p.b, sizeof(p.b));
	return n != 0;
}

static bool tcp(struct rig *r, bool back, u8 flags, u32 seq, u32 ack)
{
	struct tcp_hdr h = { .sport = be16_of(back ? 80 : 4000), .dport = be16_of(back ? 4000 : 80), .seq = be32_of(seq),
			     .ack = be32_of(ack), .doff = 5 << 4, .flags = flags };

	return pass(r, back, 6, &h, sizeof(h));
}

static bool udp(struct rig *r, bool back, u16 sport)
{
	struct udp_hdr h = { be16_of(back ? 53 : sport), be16_of(back ? sport : 53), be16_of(8), { 0 } };

	return pass(r, back, 17, &h, sizeof(h));
}

static u64 left_s(struct rig *r)
{
	return (only(r)->expires_ns - r->k.cpu->now_ns + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
}

#define STEP(back, flags, seq, ack, name, seconds)                                                 \
	do {                                                                                       \
		CHECK(tcp(&r, back, flags, seq, ack));                                             \
		CHECK_STR(ct_tcp_state_name(only(&r)->tcp_state), name);                           \
		CHECK_EQ(left_s(&r), seconds);                                                     \
	} while (0)

TEST(a_tcp_connection_goes_through_its_states_with_their_timeouts)
{
	struct rig r = rig_open(RULES);

	STEP(false, TCP_SYN, 100, 0, "SYN_SENT", 120);
	CHECK(!only(&r)->seen_reply);
	STEP(true, TCP_SYN | TCP_ACK, 500, 101, "SYN_RECV", 60);
	CHECK(!only(&r)->assured);
	STEP(false, TCP_ACK, 101, 501, "ESTABLISHED", 432000);
	CHECK(only(&r)->assured);
	STEP(false, TCP_FIN | TCP_ACK, 101, 501, "FIN_WAIT", 120);
	STEP(true, TCP_ACK, 501, 102, "CLOSE_WAIT", 60);
	STEP(true, TCP_FIN | TCP_ACK, 501, 102, "LAST_ACK", 30);
	STEP(false, TCP_ACK, 102, 502, "TIME_WAIT", 120);
	kit_run(&r.k, 121 * NSEC_PER_SEC);
	CHECK_EQ(ct_count(r.k.cpu), 0);
	kit_close(&r.k);
}

TEST(a_syn_in_time_wait_begins_a_new_connection)
{
	struct rig r = rig_open(RULES);

	tcp(&r, false, TCP_SYN, 100, 0);
	STEP(true, TCP_RST | TCP_ACK, 0, 101, "CLOSE", 10);
	STEP(false, TCP_SYN, 900, 0, "SYN_SENT", 120);
	CHECK_EQ(ct_stats(r.k.cpu)->insert, 2);
	kit_close(&r.k);
}

TEST(a_blind_reset_ends_no_connection)
{
	struct rig r = rig_open(RULES);

	tcp(&r, false, TCP_SYN, 100, 0);
	tcp(&r, true, TCP_SYN | TCP_ACK, 500, 101);
	tcp(&r, false, TCP_ACK, 101, 501);
	CHECK(!tcp(&r, true, TCP_RST, 400, 0)); /* invalid: the rule drops it */
	CHECK(!tcp(&r, true, TCP_RST, 0xc0000000, 0));
	CHECK_STR(ct_tcp_state_name(only(&r)->tcp_state), "ESTABLISHED");
	STEP(true, TCP_RST, 501, 0, "CLOSE", 10);
	kit_close(&r.k);
}

TEST(what_belongs_to_nothing_is_invalid)
{
	struct rig r = rig_open(RULES);

	CHECK(!tcp(&r, true, TCP_SYN | TCP_ACK, 1, 2));
	CHECK(!tcp(&r, false, TCP_SYN | TCP_FIN, 1, 2));
	CHECK(!tcp(&r, false, TCP_RST, 1, 2));
	CHECK(!tcp(&r, false, 0, 1, 2));
	CHECK(!pass(&r, false, 6, "short", 5));
	CHECK_EQ(ct_count(r.k.cpu), 0);
	CHECK(ct_stats(r.k.cpu)->invalid >= 5);
	kit_close(&r.k);
}

TEST(a_udp_flow_is_unreplied_then_replied_then_assured)
{
	struct rig r = rig_open(RULES);

	CHECK(udp(&r, false, 4000));
	CHECK(!only(&r)->seen_reply);
	CHECK_EQ(left_s(&r), 30);
	CHECK(udp(&r, true, 4000));
	CHECK(only(&r)->seen_reply && !only(&r)->assured);
	kit_run(&r.k, 3 * NSEC_PER_SEC);
	CHECK(udp(&r, false, 4000));
	CHECK(only(&r)->assured);
	CHECK_EQ(left_s(&r), 120);
	CHECK_EQ(only(&r)->end[CT_ORIGINAL].packets, 2);
	CHECK_EQ(only(&r)->end[CT_REPLY].bytes, 28);
	kit_run(&r.k, 121 * NSEC_PER_SEC);
	CHECK_EQ(ct_count(r.k.cpu), 0);
	kit_close(&r.k);
}

TEST(answers_come_in_and_strangers_do_not)
{
	struct rig r = rig_open("add rule forward iifname eth1 ct state established,related accept; add rule forward iifname eth1 drop");
	u8 msg[64], quote[64];
	static struct pkt p;
	unsigned n;

	CHECK(!udp(&r, true, 4000));
	CHECK_EQ(ct_count(r.k.cpu), 0); /* what was dropped left nothing */
	CHECK(udp(&r, false, 4000));
	CHECK(udp(&r, true, 4000));
	ip_build(&p, &(struct ip_spec){ .src = "10.0.0.2", .dst = "10.9.0.5", .data = (u8[8]){ 15, 160, 0, 53, 0, 8 }, .len = 8 });
	memcpy(quote, p.b, 28);
	n = icmp_build(msg, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, quote, 28);
	CHECK(pass(&r, true, 1, msg, n)); /* related */
	quote[23] = 99; /* about another flow */
	n = icmp_build(msg, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, quote, 28);
	CHECK(!pass(&r, true, 1, msg, n));
	kit_close(&r.k);
}

TEST(an_echo_is_tracked_by_its_id)
{
	struct rig r = rig_open(RULES);
	u8 msg[16];
	unsigned n = icmp_build(msg, ICMP_ECHO, 0, 0x12340001, "x", 1);

	CHECK(pass(&r, false, 1, msg, n));
	n = icmp_build(msg, ICMP_ECHOREPLY, 0, 0x12340001, "x", 1);
	CHECK(pass(&r, true, 1, msg, n));
	CHECK(only(&r)->seen_reply);
	n = icmp_build(msg, ICMP_ECHOREPLY, 0, 0x99990001, "x", 1);
	CHECK(!pass(&r, true, 1, msg, n));
	kit_run(&r.k, 31 * NSEC_PER_SEC);
	CHECK_EQ(ct_count(r.k.cpu), 0);
	kit_close(&r.k);
}

TEST(a_full_table_drops_who_was_never_answered_and_keeps_the_assured)
{
	struct rig r = rig_open(RULES);

	r.k.cpu->sysctl.ct_max = 20;
	REQUIRE(!nft_run(r.k.h->net, "flush ruleset", &(struct nft_error){ 0 }));
	REQUIRE(!nft_run(r.k.h->net, RULES, &(struct nft_error){ 0 }));
	tcp(&r, false, TCP_SYN, 100, 0);
	tcp(&r, true, TCP_SYN | TCP_ACK, 500, 101);
	tcp(&r, false, TCP_ACK, 101, 501);
	for (u16 port = 1; port <= 1000; port++) {
		udp(&r, false, port);
		REQUIRE(ct_count(r.k.cpu) <= 20);
	}
	CHECK_EQ(ct_stats(r.k.cpu)->early_drop + ct_stats(r.k.cpu)->drop, 1000 - 19);
	CHECK_EQ(drops(&r.k, DROP_CONNTRACK), ct_stats(r.k.cpu)->drop);
	CHECK(tcp(&r, true, TCP_ACK, 501, 101)); /* not invalid */
	kit_close(&r.k);
}

TEST(fragments_are_one_datagram_to_the_tracker)
{
	struct rig r = rig_open("add rule forward ct state invalid drop");
	static u8 data[3000], payload[2000];
	static struct pkt p;
	unsigned n = udp_build(data, "10.0.0.2", "10.9.0.5", 7, 53, payload, 2000);

	ip_build(&p, &(struct ip_spec){ .dst = "10.9.0.5", .id = 5, .frag = 1000 / 8, .data = data + 1000, .len = n - 1000 });
	lab_inject(r.k.dev, p.b, p.len);
	kit_settle(&r.k);
	ip_build(&p, &(struct ip_spec){ .dst = "10.9.0.5", .id = 5, .frag = IP_MF, .data = data, .len = 1000 });
	lab_inject(r.k.dev, p.b, p.len);
	kit_settle(&r.k);
	CHECK_EQ(only(&r)->end[CT_ORIGINAL].packets, 1);
	for (unsigned i = 0; i < 2; i++) { /* and on its way in fragments again, of the sizes that came */
		REQUIRE(p.len = lab_sent(r.out, p.b, sizeof(p.b)));
		CHECK_EQ(p.len, i ? 20 + n - 1008 : 20 + 1008);
	}
	CHECK_EQ(lab_sent_count(r.out), 0);
	kit_close(&r.k);
}

TEST(fragments_that_must_not_be_cut_go_on_as_they_are_or_are_told)
{
	struct rig r = rig_open("add rule forward ct state invalid drop");
	static u8 data[3000], payload[2000];
	static struct pkt p;
	unsigned n = udp_build(data, "10.0.0.2", "10.9.0.5", 7, 53, payload, 2000);

	for (unsigned big = 0; big < 2; big++) {
		r.out->mtu = big ? 1000 : 1500;
		r.k.cpu->dst_gen++;
		ip_build(&p, &(struct ip_spec){ .dst = "10.9.0.5", .id = 5, .frag = IP_DF | IP_MF, .data = data, .len = 1200 });
		lab_inject(r.k.dev, p.b, p.len);
		ip_build(&p, &(struct ip_spec){ .dst = "10.9.0.5", .id = 5, .frag = IP_DF | 1200 / 8, .data = data + 1200, .len = n - 1200 });
		lab_inject(r.k.dev, p.b, p.len);
		kit_settle(&r.k);
		if (big)
			break;
		REQUIRE(p.len = lab_sent(r.out, p.b, sizeof(p.b)));
		CHECK_EQ(p.len, 1220);
		CHECK_EQ(p.b[6] << 8 | p.b[7], IP_DF | IP_MF);
		REQUIRE(p.len = lab_sent(r.out, p.b, sizeof(p.b)));
		CHECK_EQ(p.b[6] << 8 | p.b[7], IP_DF | 1200 / 8);
	}
	CHECK_EQ(lab_sent_count(r.out), 0);
	CHECK_EQ(drops(&r.k, DROP_PKT_TOO_BIG), 1);
	kit_close(&r.k);
}

TEST(without_a_rule_that_asks_nothing_is_tracked)
{
	struct rig r = rig_open("add rule forward accept");

	udp(&r, false, 1);
	CHECK_EQ(ct_count(r.k.cpu), 0);
	REQUIRE(!nft_run(r.k.h->net, RULES, &(struct nft_error){ 0 }));
	udp(&r, false, 1);
	CHECK_EQ(ct_count(r.k.cpu), 1);
	REQUIRE(!nft_run(r.k.h->net, "flush ruleset", &(struct nft_error){ 0 }));
	CHECK_EQ(ct_count(r.k.cpu), 0);
	for (unsigned h = 0; h < NR_NF_HOOKS; h++)
		CHECK_EQ(r.k.cpu->nf->nr[h], 0);
	kit_close(&r.k);
}
