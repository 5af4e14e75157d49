/* SPDX-License-Identifier: MIT
 * test_sched_shape.c - tbf and netem in virtual time: rate, delay, jitter, loss, duplicates, order, corruption as they were set.
 */
#include "unit/schedkit.h"

#define FRAMES 20000u

static struct out out[2 * FRAMES];

/* Keeps `depth` frames of `len` waiting until `bytes` came out; how long that took. */
static u64 time_of_bytes(struct kit *k, u32 depth, u32 len, u64 bytes)
{
	u64 start = lab_now(k->lab), got = 0;

	while (got < bytes && lab_now(k->lab) < start + 100 * NSEC_PER_SEC) {
		while (k->txq->qdisc->qlen < depth)
			kit_send(k, 1, len);
		for (unsigned n = kit_run(k, NSEC_PER_MSEC, out, 1000); n--;)
			got += out[n].len;
	}
	return (lab_now(k->lab) - start) * bytes / got;
}

TEST(tbf_holds_its_rate_within_two_percent)
{
	static const struct {
		const char *options;
		u64 bps;
		u32 len;
	} cases[] = {
		{ "rate 10mbit burst 15k latency 50ms", 10000000, 1514 },
		{ "rate 10mbit burst 1540b limit 100k", 10000000, 1514 },
		{ "rate 1mbit burst 15k latency 200ms", 1000000, 100 },
		{ "rate 100mbit burst 30k limit 1m", 100000000, 1514 },
		{ "rate 1.5mbit burst 2k limit 64k", 1500000, 700 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 bytes = cases[i].bps, ns; /* eight seconds */
		struct kit k;

		kit_make(&k, i);
		REQUIRE(!kit_use(&k, "tbf", cases[i].options));
		time_of_bytes(&k, 20, cases[i].len, 40000); /* the burst */
		ns = time_of_bytes(&k, 20, cases[i].len, bytes / 4);
		CHECK(kit_near(ns, 2 * NSEC_PER_SEC, 20));
		CHECK_EQ(lab_drops(k.h, DROP_QDISC_DROP), 0);
		lab_destroy(k.lab);
	}
}

TEST(tbf_lets_a_burst_pass_and_holds_what_is_more)
{
	struct kit k;
	unsigned n;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "tbf", "rate 1mbit burst 10000b limit 20000b"));
	for (unsigned i = 0; i < 40; i++)
		kit_send(&k, 1, 1000);
	n = kit_run(&k, 1000, out, 100);
	CHECK_EQ(n, 10);
	CHECK_EQ(k.txq->qdisc->drops, 9); /* one stands at the gate, 20 wait, and the rest has no room */
	CHECK_EQ(lab_drops(k.h, DROP_QDISC_DROP), 9);
	n = kit_run(&k, 80 * NSEC_PER_MSEC, out, 100);
	CHECK(n >= 9 && n <= 10); /* 8 ms each */
	lab_destroy(k.lab);
}

TEST(tbf_drops_what_is_larger_than_its_bucket)
{
	struct kit k;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "tbf", "rate 1mbit burst 1514b limit 20000b"));
	kit_send(&k, 1, 1600);
	CHECK_EQ(lab_drops(k.h, DROP_QDISC_DROP), 1);
	lab_destroy(k.lab);
}

/* ---------------------------------------------------------------- netem */

/* So many frames, one each 100 us, through netem with these options; returns how many came out by the end. */
static unsigned through_netem(struct kit *k, const char *options, unsigned frames)
{
	unsigned n = 0;

	kit_make(k, 7);
	if (!CHECK_EQ(kit_use(k, "netem", options), 0))
		test_note("%s", k->e.text);
	for (unsigned i = 0; i < frames; i++) {
		kit_send(k, 1, 100);
		n += kit_run(k, 100 * NSEC_PER_USEC, out + n, ARRAY_SIZE(out) - n);
	}
	return n + kit_run(k, 5 * NSEC_PER_SEC, out + n, ARRAY_SIZE(out) - n);
}

static u64 square_root(u64 v)
{
	u64 r = 0;

	for (u64 bit = 1ull << 31; bit; bit >>= 1)
		if ((r | bit) * (r | bit) <= v)
			r |= bit;
	return r;
}

static void delay_of(unsigned n, u64 *mean_us, u64 *deviation_us)
{
	u64 sum = 0, squares = 0;

	for (unsigned i = 0; i < n; i++)
		sum += (out[i].at_ns - out[i].m.born_ns) / 1000;
	*mean_us = sum / n;
	for (unsigned i = 0; i < n; i++) {
		s64 d = (s64)((out[i].at_ns - out[i].m.born_ns) / 1000) - (s64)*mean_us;

		squares += (u64)(d * d);
	}
	*deviation_us = square_root(squares / n);
}

TEST(netem_delays_each_frame_by_the_delay)
{
	struct kit k;
	unsigned n = through_netem(&k, "delay 20ms", 1000);

	CHECK_EQ(n, 1000);
	for (unsigned i = 0; i < n; i++) {
		u64 d = out[i].at_ns - out[i].m.born_ns;

		if (!CHECK(d >= 20 * NSEC_PER_MSEC && d <= 20 * NSEC_PER_MSEC + 2 * TIMER_GRANULE_NS) ||
		    !CHECK_EQ(out[i].m.number, i))
			break;
	}
	lab_destroy(k.lab);
}

TEST(netem_jitter_is_spread_as_its_distribution_says)
{
	static const struct {
		const char *options;
		u64 deviation_us, within; /* thousandths */
	} cases[] = {
		{ "limit 5000 delay 50ms 10ms seed 1", 5774, 30 }, /* uniform: width / sqrt(12) */
		{ "limit 5000 delay 50ms 10ms distribution normal seed 2", 10000, 30 },
		{ "limit 5000 delay 50ms 10ms distribution pareto seed 3", 10000, 130 }, /* the tail is cut by the table */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 mean, deviation;
		struct kit k;
		unsigned n = through_netem(&k, cases[i].options, FRAMES);

		CHECK_EQ(n, FRAMES);
		delay_of(n, &mean, &deviation);
		CHECK(kit_near(mean, 50033, 15));
		CHECK(kit_near(deviation, cases[i].deviation_us, cases[i].within));
		lab_destroy(k.lab);
	}
}

TEST(netem_loses_as_many_as_were_asked_for)
{
	struct kit k;
	unsigned n = through_netem(&k, "loss 5% seed 4", FRAMES);

	CHECK(kit_near(FRAMES - n, FRAMES / 20, 100));
	CHECK_EQ(lab_drops(k.h, DROP_NETEM_LOSS), FRAMES - n);
	CHECK_EQ(k.txq->qdisc->drops, FRAMES - n);
	lab_destroy(k.lab);
}

TEST(gilbert_elliott_loses_in_bursts_of_the_length_that_was_set)
{
	struct kit k;
	unsigned n = through_netem(&k, "loss gemodel 1% 20% seed 5", FRAMES), bursts = 0;

	for (unsigned i = 1; i < n; i++)
		bursts += out[i].m.number != out[i - 1].m.number + 1;
	CHECK(kit_near(FRAMES - n, FRAMES / 21, 200)); /* p / (p + r) of all, 1 / r in a burst */
	CHECK(kit_near((FRAMES - n) * 100 / bursts, 500, 150));
	lab_destroy(k.lab);
}

TEST(netem_duplicates_and_each_twin_is_whole)
{
	struct kit k;
	unsigned n = through_netem(&k, "duplicate 10% seed 6", FRAMES);

	CHECK(kit_near(n - FRAMES, FRAMES / 10, 60));
	for (unsigned i = 0; i < n; i++)
		if (!CHECK(out[i].whole))
			break;
	lab_destroy(k.lab);
}

TEST(netem_corrupts_one_bit_of_as_many_as_were_asked_for)
{
	struct kit k;
	unsigned n = through_netem(&k, "corrupt 10% seed 7", FRAMES), bad = 0, short_headers = 0;

	CHECK_EQ(n, FRAMES);
	for (unsigned i = 0; i < n; i++)
		bad += !out[i].whole;
	/* Of 100 bytes, 14 of link header, 14 of other headers and 16 of the mark are not looked at. */
	short_headers = FRAMES / 10 * 56 / 100;
	CHECK(kit_near(bad, short_headers, 60));
	lab_destroy(k.lab);
}

TEST(a_corrupted_frame_is_a_copy_and_the_payload_stays_as_it_was)
{
	struct sk_buff *keep, *skb;
	struct kit k;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "netem", "corrupt 100%"));
	keep = alloc_skb(k.h->cpu, SKB_HEADROOM);
	memset(skb_put(keep, 1000), KIT_MAGIC, 1000);
	skb = skb_clone(k.h->cpu, keep);
	skb->dev = k.dev;
	skb->protocol = ETH_P_ARP;
	FLOW(k.h->cpu, OutMovedIn); /* the way another CPU's frames come */
	dev_queue_xmit(k.h->cpu, skb);
	lab_run(k.lab, NSEC_PER_MSEC);
	CHECK_EQ(lab_sent_count(k.dev), 1);
	for (unsigned i = 0; i < 1000; i++)
		if (!CHECK_EQ(keep->data[i], KIT_MAGIC))
			break;
	consume_skb(k.h->cpu, keep);
	lab_destroy(k.lab);
}

TEST(netem_reorders_a_share_that_goes_ahead_of_the_delay)
{
	struct kit k;
	unsigned n = through_netem(&k, "delay 10ms reorder 25% seed 8", FRAMES), ahead = 0;

	CHECK_EQ(n, FRAMES);
	for (unsigned i = 0; i < n; i++)
		ahead += out[i].at_ns - out[i].m.born_ns < NSEC_PER_MSEC;
	CHECK(kit_near(ahead, FRAMES / 4, 40));
	lab_destroy(k.lab);
}

TEST(netem_with_a_gap_lets_each_nth_go_ahead)
{
	struct kit k;
	unsigned n = through_netem(&k, "delay 10ms reorder 100% gap 5 seed 9", 1000), ahead = 0;

	CHECK_EQ(n, 1000);
	for (unsigned i = 0; i < n; i++)
		ahead += out[i].at_ns - out[i].m.born_ns < NSEC_PER_MSEC;
	CHECK_EQ(ahead, 200);
	lab_destroy(k.lab);
}

TEST(netem_rate_sends_one_frame_after_the_other)
{
	struct kit k;
	unsigned n;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "netem", "rate 8mbit delay 5ms"));
	for (unsigned i = 0; i < 100; i++)
		kit_send(&k, 1, 1000); /* a millisecond each */
	n = kit_run(&k, NSEC_PER_SEC, out, 200);
	CHECK_EQ(n, 100);
	CHECK(kit_near(out[99].at_ns - out[99].m.born_ns, 105 * NSEC_PER_MSEC, 10));
	CHECK(kit_near(out[0].at_ns - out[0].m.born_ns, 6 * NSEC_PER_MSEC, 30));
	lab_destroy(k.lab);
}

TEST(netem_holds_its_limit)
{
	struct kit k;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "netem", "limit 10 delay 1s"));
	for (unsigned i = 0; i < 25; i++)
		kit_send(&k, 1, 100);
	CHECK_EQ(k.txq->qdisc->qlen, 10);
	CHECK_EQ(lab_drops(k.h, DROP_QDISC_DROP), 15);
	lab_destroy(k.lab);
}

TEST(netem_with_the_same_seed_does_the_same)
{
	struct kit k;
	unsigned a = through_netem(&k, "loss 10% 25% duplicate 5% seed 42", 2000), b;

	lab_destroy(k.lab);
	b = through_netem(&k, "loss 10% 25% duplicate 5% seed 42", 2000);
	CHECK_EQ(a, b);
	lab_destroy(k.lab);
}
