/* SPDX-License-Identifier: MIT
 * test_frames.c - frames without an skb: past the discipline, straight into either driver's ring.
 */
#include "host/fake_virtio_rig.h"
#include "host/fake_e1000.h"
#include "net/core/qdisc.h"

static struct fake_e1000 *e1000(void)
{
	fake_machine_reset();
	return fake_e1000_create(4);
}

TEST(a_frame_needs_no_skb)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	bh_disable(r->cpu);
	rig_frame(r, 300); /* the first of a burst, too */
	dev_queue_xmit(r->cpu, rig_skb(r, 500, 500, 0, false, 0));
	rig_frame(r, 400);
	bh_enable(r->cpu);
	rig_run(r, 0);
	CHECK_EQ(d->nr_sent, 3);
	CHECK_EQ(d->sent_hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	CHECK_EQ(d->sent_hdr.csum_start, 34);
	CHECK_EQ(d->sent_hdr.csum_offset, 16);
	CHECK_EQ(d->sent_hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	CHECK_EQ(d->sent_len, 400);
	CHECK(!r->dev->txq[0].direct); /* the burst is over */
	CHECK_EQ(r->dev->txq[0].stats.packets, 3);
	rig_run(r, 2 * NSEC_PER_MSEC);
	finish(r, d);
}

TEST(a_frame_without_an_skb_that_is_not_sent_is_dropped_and_counted)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	s64 before;

	d->lazy_tx = true;
	bh_disable(r->cpu);
	dev_queue_xmit(r->cpu, rig_skb(r, 500, 500, 0, false, 0));
	rig_frame(r, 300);
	bh_enable(r->cpu);
	before = (s64)rig_drops(r, DROP_FULL_RING);
	bh_disable(r->cpu);
	dev_close(r->dev);
	bh_enable(r->cpu);
	CHECK_EQ((s64)rig_drops(r, DROP_FULL_RING) - before, 2);
	REQUIRE(!dev_open(r->dev));
	finish(r, d);
}

TEST(nothing_goes_past_a_tap_a_full_ring_or_sums_that_are_off)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	bh_disable(r->cpu);
	dev_queue_xmit(r->cpu, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(dev_direct_queue(r->cpu, r->dev) != NULL);
	r->cpu->watch |= WATCH_TAP;
	CHECK(!dev_direct_queue(r->cpu, r->dev));
	r->cpu->watch = 0;
	CHECK(dev_direct_queue(r->cpu, r->dev) != NULL);
	dev_stop_direct(r->dev); /* as a setting that is changed does */
	CHECK(!dev_direct_queue(r->cpu, r->dev));
	bh_enable(r->cpu);
	rig_run(r, 0);
	r->dev->features &= ~(u32)NETIF_F_HW_CSUM;
	bh_disable(r->cpu);
	CHECK(!dev_direct_queue(r->cpu, r->dev));
	CHECK(!r->dev->txq[0].dirty); /* asking is no beginning of a burst that nothing follows */
	dev_queue_xmit(r->cpu, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(!dev_direct_queue(r->cpu, r->dev));
	bh_enable(r->cpu);
	rig_run(r, 2 * NSEC_PER_MSEC);
	finish(r, d);
}

TEST(on_an_e1000_too_a_frame_needs_no_skb)
{
	struct fake_e1000 *d = e1000();
	struct rig *r = rig_create(0);
	unsigned writes = d->tdt_writes;

	bh_disable(r->cpu);
	rig_frame(r, 300); /* the first of a burst, too */
	dev_queue_xmit(r->cpu, rig_skb(r, 500, 500, 0, false, 0));
	rig_frame(r, 400);
	bh_enable(r->cpu);
	rig_run(r, 0);
	CHECK_EQ(d->nr_sent, 3);
	CHECK_EQ(d->checksum.tucss, 34);
	CHECK_EQ(d->checksum.tucso, 50);
	CHECK_EQ(d->sent_len, 400);
	CHECK_EQ(d->tdt_writes - writes, 1);
	CHECK(!r->dev->txq[0].direct); /* the burst is over */
	CHECK_EQ(r->dev->txq[0].stats.packets, 3);
	rig_run(r, 2 * NSEC_PER_MSEC);
	rig_destroy(r);
	free(d);
}

TEST(on_an_e1000_too_one_that_is_not_sent_is_dropped_and_counted)
{
	struct fake_e1000 *d = e1000();
	struct rig *r = rig_create(0);
	s64 before;

	d->lazy_tx = true;
	bh_disable(r->cpu);
	dev_queue_xmit(r->cpu, rig_skb(r, 500, 500, 0, false, 0));
	rig_frame(r, 300);
	bh_enable(r->cpu);
	before = (s64)rig_drops(r, DROP_FULL_RING);
	bh_disable(r->cpu);
	dev_close(r->dev);
	bh_enable(r->cpu);
	CHECK_EQ((s64)rig_drops(r, DROP_FULL_RING) - before, 2);
	REQUIRE(!dev_open(r->dev));
	rig_destroy(r);
	free(d);
}
