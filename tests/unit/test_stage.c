/* SPDX-License-Identifier: MIT
 * test_stage.c - the equations of the stages: whatever comes in, each stage knows what became of all that it was given.
 *
 * Every host of every other test is asked the same when it ends (host/netlab.c); here the mix is as bad as it can be.
 */
#include "ip6kit.h"
#include "net/core/stage.h"
#include "net/netfilter/nft.h"

static u32 rnd(u32 n)
{
	static struct test_rng r = { 7 };

	return rng_below(&r, n);
}

static struct kit both_families(void)
{
	struct kit k = kit6_open();

	lab_addr(k.dev, "10.0.0.1/24");
	lab_default_route(k.dev, "10.0.0.2");
	kit_run(&k, 5 * NSEC_PER_SEC);
	kit_drain(&k);
	return k;
}

/* All stages hold now; the first that does not is named. */
static bool all_hold(struct kit *k)
{
	struct net_balance b;
	u64 in, out;
	bool ok = true;

	net_balance(k->h->net, &b);
	for (unsigned i = 0; i < NR_STAGES; i++)
		if (!stage_holds(&stages[i], b.terms, &in, &out)) {
			test_note("stage %s: %llu in, %llu out", stages[i].name, (unsigned long long)in, (unsigned long long)out);
			ok = false;
		}
	return ok;
}

/* A transport's bytes of a kind drawn by lot: right, for nobody, malformed. */
static unsigned any_payload(u8 *buf, u8 *proto)
{
	static const u8 protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_IGMP, 47, 255 };
	unsigned len;

	*proto = protos[rnd(sizeof(protos))];
	if (rnd(2)) {
		*proto = IPPROTO_UDP;
		return udp_build(buf, "10.0.0.2", "10.0.0.1", 1000, rnd(2) ? 7 : 5555, "hello", 5);
	}
	if (*proto == IPPROTO_ICMP && rnd(4))
		return icmp_build(buf, (u8)rnd(20), (u8)rnd(4), (u32)rnd(65536), "abcdefghijklmnopqrstuvwxyz012345", 32);
	len = (unsigned)rnd(64);
	for (unsigned i = 0; i < len; i++)
		buf[i] = (u8)rnd(256);
	return len;
}

/* IPv4: headers with lies, destinations of all sorts, options, fragments that fit, overlap or stay alone. */
static void any_v4(struct kit *k)
{
	static const char *const to[] = { "10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.255", "224.0.0.1", "224.1.2.3", "10.0.0.9",
					  "192.0.2.1", "127.0.0.1", "0.0.0.0" };
	static const char *const from[] = { "10.0.0.2", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.1", "224.0.0.1", "127.0.0.1" };
	static const u8 opts[4][4] = { { 1, 1, 1, 0 }, { 7, 4, 4, 0 }, { 0x83, 3, 4, 0 }, { 7, 9, 4, 0 } };
	struct ip_spec s = { .src = from[rnd(7)], .dst = to[rnd(10)], .ttl = (u8)(1 + rnd(3)), .id = (u16)rnd(4) };
	static u8 buf[256];
	static struct pkt p;
	u8 bcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	s.data = buf;
	s.len = any_payload(buf, &s.proto);
	if (!rnd(8)) {
		s.opts = opts[rnd(4)];
		s.optlen = 4;
	}
	if (!rnd(4)) {
		s.frag = (u16)(rnd(4) | rnd(2) << 13);
		s.len = (unsigned)(s.frag & 0x2000 ? 8 * (1 + rnd(4)) : rnd(40));
	}
	if (!rnd(6))
		s.tot_delta = (int)rnd(80) - 40;
	if (!rnd(12))
		s.ver_ihl = (u8)rnd(256);
	if (!rnd(12))
		s.csum_xor = 1;
	ip_build(&p, &s);
	kit_frame(k, rnd(10) ? k->dev->addr : bcast, PEER_MAC, ETH_P_IP, p.b, p.len);
}

static void any_v6(struct kit *k)
{
	static const char *const to[] = { HOST6, HOST6, HOST6, "ff02::1", "ff02::77", "2001:db8::9", "2001:db8:1::1", "::1", "fe80::9" };
	static const char *const from[] = { PEER6, PEER6, PEER6, "::", "ff02::1", HOST6, "fe80::2" };
	static const u8 first[] = { 0, 6, 17, 43, 44, 44, 58, 58, 59, 60, 99 };
	struct ip6_spec s = { .src = from[rnd(7)], .dst = to[rnd(9)], .proto = first[rnd(11)], .hops = rnd(2) ? 255 : 1 };
	u8 buf[128];

	s.len = (unsigned)rnd(sizeof(buf));
	for (unsigned i = 0; i < s.len; i++)
		buf[i] = (u8)rnd(256);
	if (s.proto == 44 && s.len >= 8) {
		memcpy(buf, (u8[8]){ 17, 0, 0, (u8)(rnd(4) << 3 | rnd(2)), 0, 0, 0, (u8)rnd(4) }, 8);
		s.len = s.len & ~7u;
	}
	if (s.proto == 58 && s.len >= 8) {
		buf[0] = (u8)(rnd(2) ? 128 + rnd(10) : rnd(6));
		s.icmp = rnd(4);
	}
	s.data = buf;
	if (!rnd(8))
		s.len_delta = (int)rnd(40) - 20;
	kit6_send(k, &s);
}

static void any_link(struct kit *k)
{
	u8 f[64], other[6] = { 2, 9, 9, 9, 9, 9 };
	unsigned len = (unsigned)rnd(sizeof(f));

	for (unsigned i = 0; i < len; i++)
		f[i] = (u8)rnd(256);
	switch (rnd(3)) {
	case 0:
		lab_inject(k->dev, f, len);
		break;
	case 1:
		kit_frame(k, rnd(2) ? k->dev->addr : other, PEER_MAC, rnd(2) ? ETH_P_ARP : 0x88cc, f, len);
		break;
	default:
		kit_frame(k, k->dev->addr, PEER_MAC, ETH_P_ARP,
			  (u8[28]){ 0, 1, 8, 0, 6, 4, 0, 1, 2, 0xaa, 0xbb, 0xcc, 0xdd, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1 }, 28);
	}
	kit_settle(k);
}

static void any_frames(struct kit *k, struct sock *sk, unsigned n)
{
	char buf[64];

	while (n--) {
		u32 r = rnd(10);

		if (r < 5)
			any_v4(k);
		else if (r < 8)
			any_v6(k);
		else if (r < 9)
			any_link(k);
		else
			kit_send(k, sk, rnd(2) ? "10.0.0.2" : "10.0.0.77", 9, "out", 3); /* the latter answers no ARP */
		if (!rnd(50))
			kit_run(k, rnd(5) * NSEC_PER_SEC); /* timers: neighbours give up, reassemblies too */
		if (!rnd(4))
			kit_recv(sk, buf, sizeof(buf), NULL);
	}
}

TEST(every_stage_balances_after_each_hundred_of_any_frames)
{
	struct kit k = both_families();
	struct sock *sk = kit_sock(&k, 7);

	for (unsigned round = 0; round < 40; round++) {
		any_frames(&k, sk, 100);
		kit_drain(&k);
		if (!CHECK(all_hold(&k)))
			break;
	}
	CHECK(stat(&k, STAT_IpInDelivers) && stat(&k, STAT_IpReasmReqds) && stat(&k, STAT_IpInUnknownProtos));
	CHECK(stat(&k, STAT_IpInHdrErrors) && stat(&k, STAT_IpInAddrErrors) && stat(&k, STAT_IpExtInTruncatedPkts));
	CHECK(stat(&k, STAT_Ip6InDelivers) && stat(&k, STAT_Ip6ReasmReqds) && stat(&k, STAT_Ip6InHdrErrors));
	CHECK(stat(&k, STAT_UdpNoPorts) && stat(&k, STAT_UdpInDatagrams) && stat(&k, STAT_IcmpInErrors));
	CHECK(drops(&k, DROP_NEIGH_FAILED) && drops(&k, DROP_UNHANDLED_PROTO));
	sk->prot->close(sk);
	kit_close(&k);
}

TEST(every_stage_balances_with_rules_that_drop_and_as_a_router)
{
	struct kit k = both_families();
	struct sock *sk = kit_sock(&k, 7);
	struct nft_error err;

	if (!CHECK(!nft_run(k.h->net, "add rule input udp dport 5555 drop; add rule input ip protocol 47 reject; add rule output udp dport 9 drop;"
				   "add rule forward ip daddr 192.0.2.1 drop; add rule input ct state invalid drop", &err)))
		test_note("%u:%u %s", err.line, err.column, err.reason);
	k.cpu->sysctl.ip_forward = k.cpu->sysctl.ip6_forwarding = 1;
	for (unsigned round = 0; round < 40; round++) {
		any_frames(&k, sk, 100);
		kit_drain(&k);
		if (!CHECK(all_hold(&k)))
			break;
	}
	CHECK(stat(&k, STAT_IpInDiscards) && stat(&k, STAT_IpOutDiscards) && stat(&k, STAT_IpForwDatagrams));
	CHECK(drops(&k, DROP_NETFILTER_DROP));
	sk->prot->close(sk);
	kit_close(&k);
}

TEST(a_frame_that_a_stage_forgets_shows_in_that_stage_alone)
{
	struct kit k = both_families();
	struct net_balance b;
	u64 in, out;

	kit_udp(&k, "10.0.0.2", "10.0.0.1", 1000, 5555, "x", 1);
	k.cpu->stats[STAT_IpInAddrErrors]++;
	net_balance(k.h->net, &b);
	for (unsigned i = 0; i < NR_STAGES; i++)
		CHECK_EQ(stage_holds(&stages[i], b.terms, &in, &out), strcmp(stages[i].name, "ip") != 0);
	CHECK(!net_balance_holds(&b));
	k.cpu->stats[STAT_IpInAddrErrors]--;
	kit_close(&k);
}

TEST(each_stage_has_terms_on_both_sides_and_each_term_a_word)
{
	for (unsigned i = 0; i < NR_STAGES; i++) {
		CHECK(stages[i].name && *stages[i].help && stages[i].in[0].word && stages[i].out[0].word);
		CHECK(!stages[i].in[STAGE_TERMS - 1].word && !stages[i].out[STAGE_TERMS - 1].word);
	}
}
