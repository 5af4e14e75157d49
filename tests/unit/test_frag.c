/* SPDX-License-Identifier: MIT
 * test_frag.c - reassembly of IPv4 (RFC 791 3.2, RFC 815, RFC 1122 3.3.2): orders, duplicates,
 * overlaps, lies, bounds, time.
 *
 * The payload is one UDP datagram to port 7; a case is the list of its fragments in the order in
 * which they arrive.
 */
#include "unit/ipkit.h"

#define MF IP_MF

static u8 dgram[66000];
static unsigned dgram_len;

/* A datagram of `payload` bytes of UDP data, different at each place. */
static void make(unsigned payload)
{
	static u8 data[66000];

	for (unsigned i = 0; i < payload; i++)
		data[i] = (u8)(i ^ i >> 8);
	dgram_len = udp_build(dgram, "10.0.0.2", "10.0.0.1", 9, 7, data, payload);
}

/* Bytes [off, off + len) of the datagram as a fragment with this id. */
static void frag(struct kit *k, u16 id, unsigned off, unsigned len, u16 mf)
{
	INJECT(k, .id = id, .frag = (u16)(off / 8 | mf), .data = dgram + off, .len = len);
}

struct piece {
	unsigned off, len;
	bool more;
};

/* Is the whole datagram in the sock, once, and right? */
static bool arrived(struct sock *sk)
{
	static u8 buf[66000];
	long n = kit_recv(sk, buf, sizeof(buf), NULL);

	if (n < 0)
		return false;
	CHECK_EQ(n, dgram_len - 8);
	CHECK_MEM(buf, dgram + 8, n);
	CHECK(kit_recv(sk, buf, sizeof(buf), NULL) < 0);
	return true;
}

struct frag_case {
	const char *name;
	struct piece p[12];
	bool whole;
};

/* 64 bytes in all unless the case says otherwise. */
static const struct frag_case cases[] = {
	{ "in order", { { 0, 24, 1 }, { 24, 24, 1 }, { 48, 16, 0 } }, true },
	{ "last first", { { 48, 16, 0 }, { 0, 24, 1 }, { 24, 24, 1 } }, true },
	{ "in reverse", { { 48, 16, 0 }, { 24, 24, 1 }, { 0, 24, 1 } }, true },
	{ "first last", { { 24, 24, 1 }, { 48, 16, 0 }, { 0, 24, 1 } }, true },
	{ "two, swapped", { { 32, 32, 0 }, { 0, 32, 1 } }, true },
	{ "eight bytes each",
	  { { 0, 8, 1 },
	    { 16, 8, 1 },
	    { 8, 8, 1 },
	    { 24, 8, 1 },
	    { 56, 8, 0 },
	    { 32, 8, 1 },
	    { 48, 8, 1 },
	    { 40, 8, 1 } },
	  true },
	{ "the first twice", { { 0, 24, 1 }, { 0, 24, 1 }, { 24, 24, 1 }, { 48, 16, 0 } }, true },
	{ "the middle twice", { { 0, 24, 1 }, { 24, 24, 1 }, { 24, 24, 1 }, { 48, 16, 0 } }, true },
	{ "the last twice", { { 48, 16, 0 }, { 48, 16, 0 }, { 0, 24, 1 }, { 24, 24, 1 } }, true },
	{ "all twice",
	  { { 0, 32, 1 }, { 0, 32, 1 }, { 32, 16, 1 }, { 32, 16, 1 }, { 48, 16, 0 } },
	  true },
	{ "a hole", { { 0, 24, 1 }, { 48, 16, 0 } }, false },
	{ "no first", { { 24, 24, 1 }, { 48, 16, 0 } }, false },
	{ "no last", { { 0, 24, 1 }, { 24, 24, 1 } }, false },
	{ "overlap with the start of the next",
	  { { 24, 24, 1 }, { 0, 32, 1 }, { 48, 16, 0 }, { 0, 24, 1 } },
	  false },
	{ "overlap with the end of the previous",
	  { { 0, 24, 1 }, { 16, 32, 1 }, { 48, 16, 0 }, { 24, 24, 1 } },
	  false },
	{ "inside another", { { 0, 48, 1 }, { 16, 8, 1 }, { 48, 16, 0 } }, false },
	{ "around another", { { 16, 8, 1 }, { 0, 48, 1 }, { 48, 16, 0 } }, false },
	{ "same start, longer",
	  { { 0, 24, 1 }, { 0, 32, 1 }, { 24, 24, 1 }, { 48, 16, 0 } },
	  false },
	{ "same start, shorter",
	  { { 0, 24, 1 }, { 0, 16, 1 }, { 24, 24, 1 }, { 48, 16, 0 } },
	  false },
	{ "same end, later start", { { 0, 48, 1 }, { 24, 24, 1 }, { 48, 16, 0 } }, false },
	{ "bridges two",
	  { { 0, 24, 1 }, { 40, 8, 1 }, { 16, 32, 1 }, { 24, 16, 1 }, { 48, 16, 0 } },
	  false },
	{ "teardrop: the second lies inside the first", { { 0, 36 + 4, 1 }, { 24, 4, 0 } }, false },
	{ "bonk: the end before the start of what is there",
	  { { 24, 24, 1 }, { 8, 8, 0 }, { 0, 24, 1 }, { 48, 16, 0 } },
	  false },
	{ "two ends, the second nearer",
	  { { 48, 16, 0 }, { 24, 8, 0 }, { 0, 24, 1 }, { 24, 24, 1 } },
	  false },
	{ "two ends, the second farther", { { 32, 16, 0 }, { 48, 16, 0 }, { 0, 32, 1 } }, false },
	{ "more behind the end", { { 40, 16, 0 }, { 56, 8, 1 }, { 0, 40, 1 } }, false },
	{ "the end inside what is there", { { 0, 56, 1 }, { 40, 8, 0 } }, false },
	{ "overlap that comes last of all", { { 0, 24, 1 }, { 24, 16, 1 }, { 32, 32, 0 } }, false },
	{ "duplicate of the only end after an overlap",
	  { { 0, 24, 1 }, { 8, 24, 1 }, { 32, 32, 0 }, { 32, 32, 0 } },
	  false },
};

static void play(const struct frag_case *c)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	make(56);
	for (unsigned i = 0; i < ARRAY_SIZE(c->p) && c->p[i].len; i++)
		frag(&k, 77, c->p[i].off, c->p[i].len, c->p[i].more ? MF : 0);
	if (!CHECK_EQ(arrived(sk), c->whole))
		test_note("case: %s", c->name);
	kit_run(&k, 40 * NSEC_PER_SEC);
	CHECK_EQ(k.cpu->skb_pool->nr_bufs, k.cpu->skb_pool->nr_free_bufs);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(orders_duplicates_and_overlaps) /* 791/1122§3.3.2, 5722 */
{
	REQ("791 2.3/fragments", "1122 3.2.1.4", "1122 3.3.2/reassemble");
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		play(&cases[i]);
}

TEST(an_exact_duplicate_is_dropped_alone)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	make(56);
	frag(&k, 1, 0, 32, MF);
	frag(&k, 1, 0, 32, MF);
	CHECK_EQ(drops(&k, DROP_DUP_FRAG), 1);
	frag(&k, 1, 32, 32, 0);
	CHECK(arrived(sk));
	CHECK_EQ(stat(&k, STAT_IpReasmOKs), 1);
	CHECK_EQ(stat(&k, STAT_IpReasmReqds), 3);
	CHECK_EQ(stat(&k, STAT_IpReasmFails), 0);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(after_an_overlap_the_rest_dies_too) /* 5722: including those not yet received */
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	make(56);
	frag(&k, 1, 0, 32, MF);
	frag(&k, 1, 16, 24, MF);
	CHECK_EQ(drops(&k, DROP_FRAG_OVERLAP), 2);
	CHECK_EQ(stat(&k, STAT_IpReasmFails), 1);
	frag(&k, 1, 0, 32, MF);
	frag(&k, 1, 32, 32, 0);
	CHECK_EQ(drops(&k, DROP_FRAG_OVERLAP), 4);
	CHECK(!arrived(sk));
	kit_run(&k, 31 * NSEC_PER_SEC); /* its time is over: the id may be used again */
	frag(&k, 1, 0, 32, MF);
	frag(&k, 1, 32, 32, 0);
	CHECK(arrived(sk));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(impossible_fragments_are_dropped_at_the_door)
{
	struct kit k = kit_open(LAB_RAW);

	make(56);
	frag(&k, 1, 0, 0, MF);                                              /* nothing in it */
	/* not a multiple of eight, yet more follow */
	frag(&k, 2, 0, 13, MF);
	/* ends at 65536: "ping of death" */
	INJECT(&k, .id = 3, .frag = 8191, .data = dgram, .len = 8);
	INJECT(&k, .id = 4, .frag = 8191 | MF, .data = dgram, .len = 64);
	/* 65516 and a header of 20 */
	INJECT(&k, .id = 5, .frag = 8189, .data = dgram, .len = 4);
	CHECK_EQ(drops(&k, DROP_FRAG_HDR), 5);
	CHECK_EQ(stat(&k, STAT_IpReasmFails), 5);
	kit_close(&k);
}

TEST(a_datagram_too_long_for_its_first_header_dies)
{
	static const u8 nops[40] = { [0 ... 39] = IPOPT_NOOP };
	struct kit k = kit_open(LAB_RAW);
	static u8 zeros[65536];

	/* Each fragment alone is possible; the first one's options make the whole longer than
	 * 65535. */
	for (unsigned off = 0; off < 65480; off += 1480 * 5)
		INJECT(&k, .id = 6, .frag = (u16)(off / 8 | MF), .data = zeros,
		       .len = MIN(7400u, 65480u - off), .opts = off ? NULL : nops,
		       .optlen = off ? 0 : 40);
	INJECT(&k, .id = 6, .frag = 65480 / 8, .data = zeros, .len = 30);
	CHECK_EQ(stat(&k, STAT_IpReasmOKs), 0);
	CHECK(drops(&k, DROP_FRAG_HDR) > 0);
	kit_close(&k);
}

TEST(datagrams_that_differ_in_one_part_of_the_key_stay_apart)
{
	REQ("791 2.3/fragments");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	make(56);
	frag(&k, 1, 0, 32, MF);
	frag(&k, 2, 32, 32, 0);                                              /* another id */
	INJECT(&k, .src = "10.0.0.3", .id = 1, .frag = 4, .data = dgram + 32, .len = 32);
	INJECT(&k, .proto = 200, .id = 1, .frag = 4, .data = dgram + 32, .len = 32);
	INJECT(&k, .dst = "10.0.0.255", .id = 1, .frag = 4, .data = dgram + 32, .len = 32);
	CHECK(!arrived(sk));
	frag(&k, 1, 32, 32, 0);
	CHECK(arrived(sk));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(time_exceeded_is_sent_when_the_first_fragment_is_there) /* 1122§3.3.2 */
{
	REQ("1122 3.3.2/timeout", "792 time-exceeded");
	struct kit k = kit_open(LAB_RAW);

	make(56);
	frag(&k, 1, 0, 32, MF);
	kit_run(&k, 29 * NSEC_PER_SEC);
	EXPECT_NOTHING_SENT(&k);
	kit_run(&k, 2 * NSEC_PER_SEC);
	expect_icmp(&k, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, NULL);
	CHECK_EQ(drops(&k, DROP_FRAG_TIMEOUT), 1);
	CHECK_EQ(stat(&k, STAT_IpReasmTimeout), 1);
	frag(&k, 2, 32, 32, 0);
	kit_run(&k, 40 * NSEC_PER_SEC);
	EXPECT_NOTHING_SENT(&k);
	CHECK_EQ(drops(&k, DROP_FRAG_TIMEOUT), 2);
	kit_close(&k);
}

/* 1122§3.3.2: fixed reassembly timeout */
TEST(time_runs_from_the_first_arrival_and_is_not_extended)
{
	REQ("1122 3.3.2/fixed");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	make(56);
	frag(&k, 1, 0, 16, MF);
	kit_run(&k, 20 * NSEC_PER_SEC);
	frag(&k, 1, 16, 16, MF);
	kit_run(&k, 11 * NSEC_PER_SEC);
	CHECK_EQ(drops(&k, DROP_FRAG_TIMEOUT), 2);
	frag(&k, 1, 32, 32, 0);
	CHECK(!arrived(sk));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_ping_of_the_largest_size_is_answered) /* 1122§3.2.2.6: any size up to the reassembly limit */
{
	REQ("1122 3.3.2/576", "1122 3.3.2/emtu", "1122 3.2.2.6/data", "1122 3.3.2/mms");
	struct kit k = kit_open(LAB_RAW);
	static u8 msg[65515], back[66000];
	static struct pkt p;
	struct ipv4_info ip;
	unsigned got = 0;

	for (unsigned i = 0; i < 65507; i++)
		back[i] = (u8)(i * 7);
	REQUIRE(icmp_build(msg, ICMP_ECHO, 0, 0x00010002, back, 65507) == 65515);
	for (unsigned off = 0; off < sizeof(msg); off += 1480)
		INJECT(&k, .proto = 1, .id = 9,
		       .frag = (u16)(off / 8 | (off + 1480 < sizeof(msg) ? MF : 0)),
		       .data = msg + off, .len = MIN(1480u, (unsigned)sizeof(msg) - off));
	CHECK_EQ(stat(&k, STAT_IpReasmOKs), 1);
	while (kit_sent(&k, &p) && ip_read(&p, &ip)) {
		memcpy(back + ip.frag_off, p.b + 20, p.len - 20);
		got += p.len - 20;
	}
	CHECK_EQ(got, sizeof(msg));
	CHECK_EQ(back[0], ICMP_ECHOREPLY);
	CHECK(csum_ok(csum_partial(back, sizeof(msg), 0)));
	CHECK_MEM(back + 4, msg + 4, sizeof(msg) - 4);
	kit_close(&k);
}

TEST(a_datagram_of_many_small_pieces_is_gathered)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	make(100 * 8);
	for (unsigned off = 0; off < dgram_len; off += 8)
		frag(&k, 1, dgram_len - 8 - off, 8, off ? MF : 0);
	CHECK(arrived(sk));
	make(4000 * 8 - 8); /* more pieces than anybody needs */
	for (unsigned off = 0; off < dgram_len; off += 8)
		frag(&k, 2, off, 8, off + 8 < dgram_len ? MF : 0);
	CHECK(!arrived(sk));
	CHECK(drops(&k, DROP_FRAG_NOMEM) > 0);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(memory_is_bounded_and_the_oldest_give_way)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	struct skb_pool *pool = k.cpu->skb_pool;

	make(56);
	k.cpu->sysctl.ipfrag_max_dist = 4096;
	for (unsigned i = 0; i < 6000; i++)
		frag(&k, (u16)i, 0, 32, MF);
	CHECK(pool->nr_bufs - pool->nr_free_bufs <= pool->nr_bufs / 4 + 1);
	CHECK(drops(&k, DROP_FRAG_NOMEM) > 1000);
	frag(&k, 5999, 32, 32, 0); /* the newest is still here */
	CHECK(arrived(sk));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(one_source_cannot_have_all_the_queues)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	make(56);
	for (unsigned i = 0; i < 500; i++)
		INJECT(&k, .src = "10.0.0.66", .id = (u16)i, .frag = MF, .data = dgram, .len = 32);
	CHECK_EQ(drops(&k, DROP_FRAG_NOMEM), 500 - 64);
	frag(&k, 1, 0, 32, MF);
	frag(&k, 1, 32, 32, 0);
	CHECK(arrived(sk));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(congestion_seen_by_one_piece_is_seen_by_the_whole) /* 3168§5.3 */
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	struct sk_buff *skb;
	int err;

	make(56);
	INJECT(&k, .id = 1, .tos = INET_ECN_ECT_0, .frag = MF, .data = dgram, .len = 32);
	INJECT(&k, .id = 1, .tos = INET_ECN_CE, .frag = 4, .data = dgram + 32, .len = 32);
	skb = udp_prot.recv_skb(sk, &err);
	REQUIRE(skb);
	CHECK_EQ(skb->ip.tos, INET_ECN_CE);
	consume_skb(k.cpu, skb);
	INJECT(&k, .id = 2, .tos = 0, .frag = MF, .data = dgram, .len = 32);
	INJECT(&k, .id = 2, .tos = INET_ECN_CE, .frag = 4, .data = dgram + 32, .len = 32);
	CHECK(!arrived(sk)); /* Not-ECT and CE: dropped */
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(random_fragments_give_the_datagram_or_nothing)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	struct test_rng r = { 5 };
	static u8 buf[66000];

	make(1000);
	k.cpu->sysctl.ipfrag_max_dist = 4096;
	for (unsigned round = 0; round < 400; round++) {
		for (unsigned i = 0; i < 12; i++) {
			unsigned off = rng_below(&r, dgram_len / 8) * 8;
			unsigned len = MIN(8 + rng_below(&r, 60) * 8, dgram_len - off);

			frag(&k, (u16)round, off, len, off + len < dgram_len ? MF : 0);
		}
		while (kit_recv(sk, buf, sizeof(buf), NULL) >= 0)
			CHECK_MEM(buf, dgram + 8, dgram_len - 8);
	}
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(fragments_without_memory_are_dropped_and_nothing_leaks)
{
	struct kit k = kit_open(LAB_RAW);

	make(56);
	host_alloc_budget = 0;
	frag(&k, 1, 0, 32, MF);
	host_alloc_budget = UINT64_MAX;
	CHECK_EQ(drops(&k, DROP_FRAG_NOMEM), 1);
	kit_close(&k);
}
