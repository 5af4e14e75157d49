/* SPDX-License-Identifier: MIT
 * test_e1000_life.c - the e1000 driver while all goes on: hangs, links that flap, resets, close and open, what is told and set.
 */
#include "host/fake_e1000_rig.h"
#include "host/fake_virtio.h"

static struct fake_e1000 *device(void)
{
	fake_machine_reset();
	return fake_e1000_create(4);
}

TEST(a_device_that_stops_sending_is_reset)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	d->lazy_tx = true;
	rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	rig_run(r, NSEC_PER_SEC);
	CHECK_EQ(r->dev->rx[0].resets, 0);
	rig_run(r, 2 * NSEC_PER_SEC);
	CHECK_EQ(r->dev->rx[0].resets, 1);
	CHECK_EQ(r->dev->txq[0].stats.dropped, 1);
	d->lazy_tx = false;
	expect_working(r, d);
	finish(r, d);
}

TEST(a_device_without_link_is_not_reset_for_not_sending)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	d->lazy_tx = true;
	rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	fake_e1000_set_link(d, false);
	rig_run(r, 10 * NSEC_PER_SEC);
	CHECK_EQ(r->dev->rx[0].resets, 0);
	finish(r, d);
}

/* A timer that runs for the receive ring's sake is no look at the transmit ring. */
TEST(a_ring_that_rested_is_not_taken_for_one_that_hangs)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(1u << 20);

	rig_run(r, 5 * NSEC_PER_SEC);
	r->hold = true;
	while (give(d, 60))
		rig_run(r, 0);
	CHECK(e1000_of(r)->queues[0].timer.armed); /* no buffers any more: it looks for some */
	skb_queue_purge(r->cpu, &r->held, RX_OK);
	d->lazy_tx = true;
	rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	rig_run(r, NSEC_PER_SEC);
	CHECK_EQ(r->dev->rx[0].resets, 0);
	fake_e1000_send(d);
	rig_run(r, NSEC_PER_SEC);
	CHECK_EQ(r->dev->rx[0].resets, 0);
	CHECK_EQ(r->dev->txq[0].stats.completed, 1);
	r->hold = false;
	finish(r, d);
}

/* ---- link, close and open ---- */

TEST(link_changes_are_followed)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	fake_e1000_set_link(d, false);
	rig_run(r, 0);
	CHECK(!r->dev->carrier);
	fake_e1000_set_link(d, true);
	rig_run(r, 0);
	CHECK(r->dev->carrier);
	expect_working(r, d);
	finish(r, d);
}

/* Large segments are in the ring and in the discipline behind it: what was taken in before the link went leaves when it is back. */
TEST(a_link_that_flaps_during_a_burst_of_large_segments_loses_none)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(8u << 20);

	d->lazy_tx = true;
	for (unsigned i = 0; i < 12; i++)
		rig_send(r, rig_skb(r, 65549, 54, 1984, true, 1448));
	CHECK(r->dev->txq[0].stopped);
	for (unsigned i = 0; i < 5; i++) {
		fake_e1000_set_link(d, false);
		rig_run(r, 3 * NSEC_PER_SEC);
		CHECK(!r->dev->carrier);
		fake_e1000_set_link(d, true);
		rig_run(r, NSEC_PER_MSEC);
		CHECK(r->dev->carrier);
	}
	for (unsigned i = 0; i < 100 && d->nr_sent < 12 * 46; i++) {
		fake_e1000_send(d);
		rig_run(r, NSEC_PER_MSEC);
	}
	CHECK_EQ(d->nr_sent, 12 * 46);
	CHECK_EQ(r->dev->rx[0].resets, 0);
	CHECK_EQ(r->dev->txq[0].stats.completed, 12);
	d->lazy_tx = false;
	expect_working(r, d);
	finish(r, d);
}

TEST(a_reset_amid_large_segments_counts_those_in_the_ring_and_sends_the_others)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(8u << 20);
	u64 in_ring;

	d->lazy_tx = true;
	for (unsigned i = 0; i < 12; i++)
		rig_send(r, rig_skb(r, 65549, 54, 1984, true, 1448));
	bh_disable(r->cpu);
	r->dev->ops->reset(r->dev);
	bh_enable(r->cpu);
	in_ring = r->dev->txq[0].stats.dropped;
	CHECK(in_ring > 0 && in_ring < 12);
	CHECK_EQ(rig_drops(r, DROP_FULL_RING), in_ring);
	for (unsigned i = 0; i < 100 && d->nr_sent < 46 * (12 - in_ring); i++) {
		rig_run(r, NSEC_PER_MSEC);
		fake_e1000_send(d);
	}
	CHECK_EQ(d->nr_sent, 46 * (12 - in_ring));
	d->lazy_tx = false;
	rig_run(r, NSEC_PER_MSEC);
	expect_working(r, d);
	finish(r, d);
}

TEST(closing_takes_every_buffer_back_and_opening_works_again)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < 5; i++) {
		d->lazy_tx = true;
		rig_send(r, rig_skb(r, 60000, 54, 1900, true, 1448));
		dev_close(r->dev);
		CHECK_EQ(r->cpu->skb_pool->nr_free_bufs, r->bufs_at_start);
		d->lazy_tx = false;
		CHECK_EQ(dev_open(r->dev), 0);
		rig_run(r, 0);
		expect_working(r, d);
	}
	finish(r, d);
}

TEST(an_interrupt_that_is_not_ours_is_said_so)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	CHECK(!fake_irq(d->func, FAKE_INTX));
	CHECK_EQ(r->dev->rx[0].interrupts, 0);
	finish(r, d);
}

TEST(a_device_that_does_not_reset_is_cut_off_the_bus)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	d->never_resets = true;
	host_clock_step = NSEC_PER_MSEC;
	dev_close(r->dev);
	CHECK(!(fake_config_get(d->func, 0x04, 2) & 0x0004));
	CHECK(dev_open(r->dev) < 0);
	host_clock_step = 0;
	finish(r, d);
}

/* ---- for whoever looks ---- */
TEST(the_rings_tell_what_waits_in_them)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	struct dev_ring rx = r->dev->ops->ring(r->dev, 0, false), tx = r->dev->ops->ring(r->dev, 0, true);
	u32 posted = rx.posted;

	CHECK_EQ(rx.size, E1000_RING);
	CHECK(posted > 0 && posted < E1000_RING);
	CHECK_EQ(rx.waiting + tx.posted + tx.waiting, 0);
	for (unsigned i = 0; i < 5; i++)
		CHECK(give(d, 60));
	rx = r->dev->ops->ring(r->dev, 0, false);
	CHECK_EQ(rx.waiting, 5);
	CHECK_EQ(rx.posted, posted - 5);
	rig_run(r, 0);
	CHECK_EQ(r->dev->ops->ring(r->dev, 0, false).waiting, 0);
	d->lazy_tx = true;
	rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(r->dev->ops->ring(r->dev, 0, true).posted > 0);
	dev_close(r->dev);
	CHECK_EQ(r->dev->ops->ring(r->dev, 0, true).size, 0);
	finish(r, d);
}

TEST(both_kinds_of_device_at_once_are_named_in_bus_order)
{
	struct fake_e1000 *d = device();
	struct fake_virtio *v = fake_virtio_create(2);
	struct rig *r = rig_probe(0);
	struct net_device *second = dev_by_name(r->net, "eth1");

	REQUIRE(r->dev && second);
	CHECK_STR(r->dev->driver, "virtio-net"); /* slot 2 */
	CHECK_STR(second->driver, "e1000");      /* slot 4 */
	finish(r, d);
	free(v);
}

/* ---- what `ethtool` changes ---- */

TEST(a_card_with_one_queue_refuses_two_and_says_so)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	struct ethtool_change c;

	ethtool_begin(r->dev, &c);
	CHECK_EQ(ethtool_set(r->dev, &c, 'L', "combined", "2"), 0);
	CHECK(ethtool_commit(r->cpu, r->dev, &c) < 0);
	CHECK_STR(c.why, "combined 2: eth0 has 1 pair of queues, and cannot use another number");
	CHECK_EQ(set(r, 'L', "combined", "1"), 0);
	expect_working(r, d);
	finish(r, d);
}

TEST(rings_are_made_anew_in_each_size_with_frames_in_them)
{
	static const char *const sizes[] = { "128", "1024", "256" };
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		d->lazy_tx = true;
		rig_send(r, rig_skb(r, 1000, 100, 1000, false, 0));
		CHECK_EQ(set(r, 'G', "rx", sizes[i]), 0);
		CHECK_EQ(set(r, 'G', "tx", sizes[i]), 0);
		d->lazy_tx = false;
		rig_run(r, 0);
		CHECK_EQ(d->regs[E1000_TDLEN / 4] / 16, r->dev->rings.tx);
		CHECK_EQ(fake_e1000_offered(d), r->dev->rings.rx - 1);
		expect_working(r, d);
	}
	CHECK_EQ(r->dev->rings.rx, 256);
	CHECK(set(r, 'G', "rx", "64") < 0);
	CHECK(set(r, 'G', "rx", "2048") < 0);
	finish(r, d);
}

TEST(moderation_and_receive_checksums_are_in_the_registers)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	CHECK_EQ(d->regs[E1000_ITR / 4], 195); /* 50 us in units of 256 ns */
	CHECK_EQ(set(r, 'C', "rx-usecs", "500"), 0);
	CHECK_EQ(d->regs[E1000_ITR / 4], 1953);
	CHECK(set(r, 'C', "rx-frames", "2") < 0); /* it cannot count */
	CHECK_EQ(set(r, 'C', "adaptive-rx", "on"), 0);
	CHECK_EQ(d->regs[E1000_ITR / 4], 78); /* the least */
	CHECK(d->regs[E1000_RXCSUM / 4]);
	CHECK_EQ(set(r, 'K', "rx", "off"), 0);
	CHECK_EQ(d->regs[E1000_RXCSUM / 4], 0);
	expect_working(r, d);
	finish(r, d);
}

/* 60 frames a millisecond for so long. */
static void stream(struct rig *r, struct fake_e1000 *d, u32 len, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		for (unsigned k = 0; k < 60; k++)
			CHECK(give(d, len));
		rig_run(r, NSEC_PER_MSEC);
	}
}

TEST(adaptive_throttling_follows_the_traffic)
{
	for (unsigned kind = 0; kind < 2; kind++) {
		struct fake_e1000 *d;
		struct rig *r;
		u32 *itr;

		fake_machine_reset();
		d = kind ? fake_e1000e_create(4) : fake_e1000_create(4);
		r = rig_create(0);
		itr = &d->regs[(kind ? E1000_EITR : E1000_ITR) / 4];
		CHECK_EQ(set(r, 'C', "adaptive-rx", "on"), 0);
		stream(r, d, 1514, 40);
		CHECK_EQ(*itr, (E1000_ITR_LEAST + 130) * 1000 / E1000_ITR_UNIT_NS);
		stream(r, d, 60, 10);
		CHECK_EQ(*itr, E1000_ITR_LEAST * 1000 / E1000_ITR_UNIT_NS);
		finish(r, d);
	}
}
