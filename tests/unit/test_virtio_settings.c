/* SPDX-License-Identifier: MIT
 * test_virtio_settings.c - virtio-net as `ethtool` sets it, on a fake device: rings of every size and what fits them, moderation,
 * offloads, resets.
 */
#include "host/fake_virtio_rig.h"
#include "net/core/ethtool.h"

static int set(struct rig *r, char group, const char *name, const char *value)
{
	struct ethtool_change c;

	ethtool_begin(r->dev, &c);
	return ethtool_set(r->dev, &c, group, name, value) ?: ethtool_commit(r->cpu, r->dev, &c);
}

TEST(rings_are_made_anew_in_each_size_with_frames_in_them)
{
	static const char *const sizes[] = { "64", "128", "256", "64" };
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		d->lazy_tx = true;
		rig_send(r, rig_skb(r, 60000, 54, 1900, true, 1448));
		CHECK_EQ(set(r, 'G', "rx", sizes[i]), 0);
		CHECK_EQ(set(r, 'G', "tx", sizes[i]), 0);
		d->lazy_tx = false;
		rig_run(r, 0);
		CHECK_EQ(d->vq[0].size, d->vq[1].size);
		CHECK_EQ(fake_virtio_offered(d, 0), r->dev->rings.rx);
		expect_working(r, d);
	}
	CHECK_EQ(r->dev->rings.rx, 64);
	finish(r, d);
}

TEST(settings_that_the_device_cannot_have_are_refused_and_change_nothing)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	CHECK(set(r, 'G', "rx", "32") < 0);
	CHECK(set(r, 'G', "rx", "100") < 0);
	CHECK(set(r, 'G', "tx", "512") < 0);
	CHECK(set(r, 'C', "rx-frames", "16") < 0); /* nobody would look after the last one */
	CHECK(set(r, 'C', "rx-usecs", "10001") < 0);
	CHECK(set(r, 'C', "tx-usecs", "0") < 0);
	CHECK(set(r, 'C', "adaptive-rx", "1") < 0);
	CHECK(set(r, 'C', "rx", "64") < 0);
	CHECK(set(r, 'K', "lro", "off") < 0);
	CHECK_EQ(r->dev->rings.rx, 256);
	CHECK_EQ(r->dev->coalesce.rx_usecs, 0);
	CHECK_EQ(r->dev->features, r->dev->hw_features);
	expect_working(r, d);
	finish(r, d);
}

TEST(moderated_frames_wait_for_the_timer_or_for_their_number)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u64 interrupts;
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	CHECK_EQ(set(r, 'C', "rx-usecs", "1000"), 0);
	CHECK_EQ(set(r, 'C', "rx-frames", "8"), 0);
	fake_virtio_receive(d, &plain, frame, sizeof(frame)); /* the first comes at once */
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 1);
	interrupts = d->vq[0].interrupts;
	for (unsigned i = 0; i < 7; i++) {
		fake_virtio_receive(d, &plain, frame, sizeof(frame));
		rig_run(r, 0);
	}
	CHECK_EQ(r->nr_in, 1);
	CHECK_EQ(d->vq[0].interrupts, interrupts);
	fake_virtio_receive(d, &plain, frame, sizeof(frame));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 9);
	CHECK_EQ(d->vq[0].interrupts, interrupts + 1);
	fake_virtio_receive(d, &plain, frame, sizeof(frame));
	rig_run(r, 2 * NSEC_PER_MSEC);
	CHECK_EQ(r->nr_in, 10);
	rig_run(r, 3 * NSEC_PER_MSEC); /* a poll without frames: the next one comes at once again */
	fake_virtio_receive(d, &plain, frame, sizeof(frame));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 11);
	finish(r, d);
}

TEST(adaptive_moderation_holds_bulk_and_lets_requests_through)
{
	struct dim d = { 0 };
	u64 now = NSEC_PER_SEC, frames = 0, bytes = 0;

	for (unsigned i = 0; i < 5; i++) { /* full frames */
		now += DIM_SAMPLE_NS;
		dim_update(&d, now, frames += 100, bytes += 150000);
	}
	CHECK(dim_level(&d).usecs > 0);
	CHECK(!dim_update(&d, now + 1, frames + 1, bytes)); /* no sample yet */
	now += DIM_SAMPLE_NS;
	CHECK(dim_update(&d, now, frames += 100, bytes += 20000)); /* one of small frames */
	CHECK_EQ(dim_level(&d).usecs, 0);
	now += DIM_SAMPLE_NS;
	dim_update(&d, now, frames += DIM_MIN_FRAMES - 1, bytes += 150000); /* large, but few */
	CHECK_EQ(dim_level(&d).usecs, 0);
	now += NSEC_PER_SEC;
	dim_update(&d, now, frames += 100, bytes += 150000); /* a pause lies within */
	CHECK_EQ(dim_level(&d).usecs, 0);
}

TEST(segmentation_goes_with_what_it_needs_and_comes_back_with_it)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	CHECK(r->dev->features & NETIF_F_TSO);
	CHECK_EQ(set(r, 'K', "tx", "off"), 0);
	CHECK(!(r->dev->features & (NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_HW_CSUM)));
	CHECK_EQ(set(r, 'K', "tx", "on"), 0);
	CHECK_EQ(set(r, 'K', "sg", "off"), 0);
	CHECK(!(r->dev->features & (NETIF_F_TSO | NETIF_F_SG)));
	CHECK_EQ(set(r, 'K', "sg", "on"), 0);
	CHECK_EQ(r->dev->features, r->dev->hw_features);
	finish(r, d);
}

TEST(a_reset_that_was_asked_for_is_done_at_once_and_each_time)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 1; i <= 3; i++) {
		r->dev->ops->reset(r->dev);
		rig_run(r, 0);
		CHECK_EQ(r->dev->rx[0].resets, i);
		expect_working(r, d);
	}
	finish(r, d);
}

/* ---- small rings ---- */

static struct rig *small_rings(void)
{
	struct rig *r = rig_create(0);

	CHECK_EQ(set(r, 'G', "rx", "64"), 0);
	CHECK_EQ(set(r, 'G', "tx", "64"), 0);
	rig_run(r, 0);
	return r;
}

TEST(the_smallest_ring_has_room_for_the_largest_frame_after_any_number_of_small_ones)
{
	struct fake_virtio *d = device();
	struct rig *r = small_rings();
	static u8 frame[65550];

	rig_bytes(frame, sizeof(frame));
	for (unsigned small = 0; small <= VIRTNET_MIN_RING; small++) {
		for (unsigned i = 0; i < small; i++) {
			CHECK(fake_virtio_receive(d, &plain, frame, 60));
			rig_run(r, 0);
		}
		CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
		rig_run(r, 0);
		CHECK_EQ(r->in_len, sizeof(frame));
		CHECK(fake_virtio_offered(d, 0) >= VIRTNET_RX_LOW);
	}
	finish(r, d);
}

/* Some are left, so the device is silent, not out of work: it waits for those that the next frame needs. */
TEST(a_ring_too_empty_for_the_largest_frame_is_filled_when_there_is_memory_again)
{
	struct fake_virtio *d = device();
	struct rig *r = small_rings();
	struct sk_buff_head taken;
	static u8 frame[65550];
	struct sk_buff *skb;

	rig_bytes(frame, sizeof(frame));
	skb_queue_init(&taken);
	while ((skb = alloc_skb(r->cpu, 60)))
		skb_queue_tail(&taken, skb);
	r->hold = true;
	for (unsigned i = 0; i < VIRTNET_MIN_RING - VIRTNET_RX_LOW + 1; i++) {
		CHECK(fake_virtio_receive(d, &plain, frame, 60));
		rig_run(r, 0);
	}
	CHECK(fake_virtio_offered(d, 0) < VIRTNET_RX_LOW);
	r->hold = false;
	skb_queue_purge(r->cpu, &taken, RX_OK);
	skb_queue_purge(r->cpu, &r->held, RX_OK);
	rig_run(r, 10 * NSEC_PER_MSEC);
	CHECK_EQ(fake_virtio_offered(d, 0), VIRTNET_MIN_RING);
	CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
	rig_run(r, 0);
	CHECK_EQ(r->in_len, sizeof(frame));
	finish(r, d);
}

/* Without indirect descriptors such a frame takes one for each piece. */
TEST(a_stopped_queue_goes_on_when_the_largest_frame_fits)
{
	struct fake_virtio *d = device();
	struct rig *r;
	unsigned sent = 0;

	d->offered &= ~VIRTIO_F_RING_INDIRECT_DESC;
	r = small_rings();
	d->lazy_tx = true;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 10; i++, sent += 2) {
			rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
			rig_send(r, rig_skb(r, 60000, 54, 1900, true, 1448));
		}
		for (unsigned i = 0; i < 100 && d->nr_sent < sent; i++) {
			fake_virtio_send(d);
			rig_run(r, 2 * NSEC_PER_MSEC);
		}
		CHECK_EQ(d->nr_sent, sent);
		CHECK(net_of(r)->pairs[0].tx.nr_free <= VIRTNET_MIN_RING);
	}
	finish(r, d);
}

TEST(completions_are_looked_for_after_tx_usecs_and_sooner_while_many_are_under_way)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	rig_run(r, 2 * NSEC_PER_MSEC);
	CHECK_EQ(net_of(r)->pairs[0].tx.in_flight, 1);
	rig_run(r, VIRTNET_TX_NS);
	CHECK_EQ(net_of(r)->pairs[0].tx.in_flight, 0);
	rig_run(r, VIRTNET_IDLE_NS);
	rig_frame_alone(r, 300); /* for which nobody waits */
	rig_run(r, VIRTNET_TX_NS + 2 * NSEC_PER_MSEC);
	CHECK_EQ(net_of(r)->pairs[0].tx.in_flight, 1);
	rig_send(r, rig_skb(r, 500, 500, 0, false, 0)); /* and one that comes behind it */
	rig_run(r, VIRTNET_TX_NS + NSEC_PER_MSEC);
	CHECK_EQ(net_of(r)->pairs[0].tx.in_flight, 0);
	rig_frame_alone(r, 300);
	rig_run(r, VIRTNET_IDLE_NS + NSEC_PER_MSEC);
	CHECK_EQ(net_of(r)->pairs[0].tx.in_flight, 0);
	d->lazy_tx = true;
	for (unsigned i = 0; i < VIRTNET_REAP_AT; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	fake_virtio_send(d);
	rig_run(r, 2 * NSEC_PER_MSEC);
	CHECK_EQ(net_of(r)->pairs[0].tx.in_flight, 0);
	finish(r, d);
}
