/* SPDX-License-Identifier: MIT
 * test_netlab.c - the laboratory itself: its wires do what their models say, since other tests trust them.
 */
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/printf.h"
#include "net/core/tap.h"

/* Two raw devices; what arrives at the second is noted. */
struct wire_bench {
	struct lab *lab;
	struct lab_host *a, *b;
	struct net_device *da, *db;
	struct tap tap;
	unsigned got;
	u64 at[2000];
	u32 number[2000];
	unsigned corrupt;
};

static void note_arrival(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct wire_bench *w = t->priv;
	u8 p[40];

	if (dir != TAP_IN || w->got == ARRAY_SIZE(w->at))
		return;
	w->at[w->got] = cpu->now_ns;
	skb_copy_bits(skb, 0, p, sizeof(p));
	memcpy(&w->number[w->got], p + 20, 4);
	for (unsigned i = 24; i < 40; i++)
		w->corrupt += p[i] != 0xa5;
	w->got++;
}

static struct wire_bench *bench(const struct lab_link *link)
{
	struct wire_bench *w = kzalloc(sizeof(*w));

	w->lab = lab_create(3);
	w->a = lab_host(w->lab, "a");
	w->b = lab_host(w->lab, "b");
	w->da = lab_dev(w->a, LAB_RAW);
	w->db = lab_dev(w->b, LAB_RAW);
	lab_wire(w->da, w->db, link);
	w->tap = (struct tap){ .fn = note_arrival, .priv = w };
	tap_add(w->b->cpu, &w->tap);
	return w;
}

static void bench_end(struct wire_bench *w)
{
	tap_remove(w->b->cpu, &w->tap);
	lab_destroy(w->lab);
	kfree(w);
}

static void send(struct wire_bench *w, u32 number, unsigned len)
{
	struct sk_buff *skb = alloc_skb(w->a->cpu, SKB_HEADROOM);
	u8 *p = skb_put(skb, len);

	memset(p, 0xa5, len);
	p[0] = 0x45;
	memcpy(p + 20, &number, 4);
	skb->dev = w->da;
	FLOW(w->a->cpu, OutMovedIn); /* the way another CPU's frames come */
	dev_queue_xmit(w->a->cpu, skb);
}

TEST(a_perfect_wire_delivers_everything_in_order_at_once)
{
	struct wire_bench *w = bench(&(struct lab_link){ 0 });

	for (u32 i = 0; i < 100; i++)
		send(w, i, 100);
	lab_run(w->lab, NSEC_PER_MSEC);
	CHECK_EQ(w->got, 100);
	for (u32 i = 0; i < 100; i++)
		CHECK_EQ(w->number[i], i);
	CHECK_EQ(w->corrupt, 0);
	CHECK_EQ(lab_link_stats(w->da)->delivered, 100);
	bench_end(w);
}

TEST(rate_and_delay_space_the_frames)
{
	/* 1000 bytes at 8 Mbit/s: 1 ms each */
	struct wire_bench *w = bench(&(struct lab_link){ .rate_bps = 8000000, .delay_ns = 20 * NSEC_PER_MSEC });
	u64 start = lab_now(w->lab);

	for (u32 i = 0; i < 10; i++)
		send(w, i, 1000);
	lab_run(w->lab, NSEC_PER_SEC);
	CHECK_EQ(w->got, 10);
	for (u32 i = 0; i < 10; i++) {
		u64 due = start + (21 + i) * NSEC_PER_MSEC;

		CHECK(w->at[i] >= due && w->at[i] < due + 20000);
	}
	bench_end(w);
}

TEST(a_queue_that_is_full_drops_the_newest)
{
	struct wire_bench *w = bench(&(struct lab_link){ .rate_bps = 8000000, .queue_frames = 5 });

	for (u32 i = 0; i < 20; i++)
		send(w, i, 1000);
	lab_run(w->lab, NSEC_PER_SEC);
	CHECK_EQ(w->got, 5);
	CHECK_EQ(w->number[4], 4);
	CHECK_EQ(lab_link_stats(w->da)->queue_full, 15);
	bench_end(w);
}

TEST(loss_duplication_and_corruption_come_at_their_rates_and_repeat_with_the_seed)
{
	struct lab_link link = { .loss_ppm = 100000, .dup_ppm = 50000, .corrupt_ppm = 20000 };
	u64 lost[2];

	for (int run = 0; run < 2; run++) {
		struct wire_bench *w = bench(&link);
		const struct lab_link_stats *s = lab_link_stats(w->da);

		for (u32 i = 0; i < 1500; i++) {
			send(w, i, 60);
			lab_run(w->lab, 10000);
		}
		lost[run] = s->lost;
		CHECK(s->lost > 100 && s->lost < 200);
		CHECK(s->duplicated > 40 && s->duplicated < 110);
		CHECK(s->corrupted > 10 && s->corrupted < 55);
		CHECK_EQ(w->got, 1500 - s->lost + s->duplicated);
		CHECK_EQ(s->delivered, w->got);
		bench_end(w);
	}
	CHECK_EQ(lost[0], lost[1]);
}

TEST(reordered_frames_are_overtaken_and_jitter_alone_keeps_the_order)
{
	struct lab_link link = { .delay_ns = NSEC_PER_MSEC, .jitter_ns = NSEC_PER_MSEC };
	struct wire_bench *w;
	unsigned swaps;

	for (int run = 0; run < 2; run++) {
		w = bench(&link);
		swaps = 0;
		for (u32 i = 0; i < 500; i++) {
			send(w, i, 60);
			lab_run(w->lab, 100000);
		}
		lab_run(w->lab, NSEC_PER_SEC);
		CHECK_EQ(w->got, 500);
		for (unsigned i = 1; i < w->got; i++)
			swaps += w->number[i] < w->number[i - 1];
		CHECK(run ? swaps > 20 : swaps == 0);
		bench_end(w);
		link.reorder_ppm = 100000;
		link.reorder_ns = 3 * NSEC_PER_MSEC;
	}
}

static bool every_third(void *arg, const u8 *frame, unsigned len)
{
	return ++*(unsigned *)arg % 3 == 0;
}

TEST(a_filter_chooses_what_is_lost)
{
	unsigned count = 0;
	struct wire_bench *w = bench(&(struct lab_link){ .filter = every_third, .filter_arg = &count });

	for (u32 i = 0; i < 9; i++)
		send(w, i, 60);
	lab_run(w->lab, NSEC_PER_MSEC);
	CHECK_EQ(w->got, 6);
	CHECK_EQ(w->number[2], 3);
	bench_end(w);
}

TEST(frames_longer_than_a_buffer_arrive_in_pieces)
{
	struct wire_bench *w = bench(&(struct lab_link){ 0 });
	struct sk_buff *skb = alloc_skb_with_frags(w->a->cpu, SKB_HEADROOM, 9000);

	memset(skb->data, 0x45, 40);
	skb->dev = w->da;
	FLOW(w->a->cpu, OutMovedIn); /* the way another CPU's frames come */
	dev_queue_xmit(w->a->cpu, skb);
	lab_run(w->lab, NSEC_PER_MSEC);
	CHECK_EQ(w->got, 1);
	CHECK_EQ(w->db->rx[0].bytes, 9000);
	bench_end(w);
}

static unsigned naps;

static void yielder(void *arg)
{
	struct lab_host *h = arg;

	for (;;) {
		naps++;
		fiber_yield(&h->fibers[0]);
	}
}

TEST(time_goes_on_even_when_a_fiber_never_sleeps)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "a");

	naps = 0;
	lab_spawn(h, "yielder", yielder, h);
	lab_run(lab, NSEC_PER_MSEC);
	CHECK(naps >= 900 && naps <= 1100);
	CHECK(LAB_UNTIL(lab, naps > 2000, NSEC_PER_SEC));
	CHECK(!LAB_UNTIL(lab, naps == 0, NSEC_PER_MSEC));
	lab_destroy(lab);
}

TEST(what_an_unwired_device_sends_is_kept_and_what_is_injected_arrives)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "a");
	struct net_device *dev = lab_dev(h, LAB_ETHER);
	struct sk_buff *skb = alloc_skb(h->cpu, 64);
	u8 frame[100];

	memset(skb_put(skb, 80), 0x77, 80);
	skb->dev = dev;
	FLOW(h->cpu, OutMovedIn);
	dev_queue_xmit(h->cpu, skb);
	lab_run(lab, 10000);
	CHECK_EQ(lab_sent_count(dev), 1);
	memset(frame, 0, sizeof(frame));
	CHECK_EQ(lab_sent(dev, frame, 50), 80);
	CHECK_EQ(frame[49], 0x77);
	CHECK_EQ(frame[50], 0);
	CHECK_EQ(lab_sent(dev, frame, sizeof(frame)), 0);
	lab_inject(dev, "short", 5);
	lab_run(lab, 10000);
	CHECK_EQ(lab_drops(h, DROP_DEV_HDR), 1);
	lab_destroy(lab);
}
