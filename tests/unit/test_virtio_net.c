/* SPDX-License-Identifier: MIT
 * test_virtio_net.c - the virtio-net driver on a fake device: every subset of features, both directions, back-pressure,
 * lost notifications and interrupts, link changes, shortage of memory.
 */
#include "host/fake_virtio_rig.h"
#include "net/core/qdisc.h"

TEST(a_device_is_found_named_and_opened)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	CHECK_STR(r->dev->name, "eth0");
	CHECK_STR(r->dev->bus, "00:03.0");
	CHECK_MEM(r->dev->addr, d->mac, 6);
	CHECK(r->dev->carrier);
	CHECK_EQ(d->status, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK);
	CHECK_EQ(fake_virtio_offered(d, 0), 256);
	expect_working(r, d);
	finish(r, d);
}

TEST(every_subset_of_features_works)
{
	static const u64 bits[] = {
		VIRTIO_F_RING_EVENT_IDX, VIRTIO_F_RING_INDIRECT_DESC, VIRTIO_NET_F_MRG_RXBUF,
		VIRTIO_NET_F_CSUM,       VIRTIO_NET_F_GUEST_CSUM,     VIRTIO_NET_F_STATUS,
		VIRTIO_NET_F_MTU,        VIRTIO_NET_F_HOST_TSO4,
	};

	for (unsigned set = 0; set < 1u << ARRAY_SIZE(bits); set++) {
		struct fake_virtio *d = device();
		struct rig *r;

		for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
			if (!(set >> i & 1))
				d->offered &= ~bits[i];
		r = rig_create(0);
		expect_working(r, d);
		CHECK_EQ(!!(r->dev->features & NETIF_F_HW_CSUM), !!(d->offered & VIRTIO_NET_F_CSUM));
		CHECK_EQ(!!(r->dev->features & NETIF_F_TSO),
			 (d->offered & VIRTIO_NET_F_CSUM) && (d->offered & VIRTIO_NET_F_HOST_TSO4));
		finish(r, d);
	}
}

TEST(without_msix_the_line_and_isr_serve)
{
	struct fake_virtio *d = device();
	struct rig *r;

	fake_virtio_set_vectors(d, 0);
	r = rig_create(0);
	expect_working(r, d);
	CHECK(r->dev->rx[0].interrupts > 0);
	CHECK(!fake_irq(d->func, FAKE_INTX)); /* another function's interrupt on the shared line */
	finish(r, d);
}

TEST(too_few_vectors_fall_back_to_the_line)
{
	struct fake_virtio *d = device();
	struct rig *r;

	fake_vectors_left = 2;
	r = rig_probe(0);
	CHECK(!net_of(r)->vdev->vectors);
	CHECK(!(fake_config_get(d->func, 0x98 + 2, 2) & 0x8000));
	finish(r, d);
}

TEST(a_legacy_only_device_is_refused)
{
	struct fake_virtio *d = device();
	struct rig *r;

	fake_virtio_make_legacy(d);
	r = rig_probe(0);
	CHECK(!r->dev);
	finish(r, d);
}

TEST(a_device_without_version_1_is_refused)
{
	struct fake_virtio *d = device();
	struct rig *r;

	d->offered &= ~VIRTIO_F_VERSION_1;
	r = rig_probe(0);
	CHECK(!r->dev);
	finish(r, d);
}

TEST(a_device_that_refuses_our_features_does_not_open)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_probe(0);

	d->refuse_features = true;
	CHECK(dev_open(r->dev) < 0);
	d->refuse_features = false;
	CHECK_EQ(dev_open(r->dev), 0);
	rig_run(r, 0);
	expect_working(r, d);
	finish(r, d);
}

TEST(queues_too_small_or_absent_are_refused)
{
	for (u16 size = 0; size <= 32; size += 32) {
		struct fake_virtio *d = device();
		struct rig *r;

		d->queue_max = size;
		d->vq[0].size = d->vq[1].size = size;
		r = rig_probe(0);
		CHECK(!r->dev);
		finish(r, d);
	}
}

TEST(the_devices_mtu_is_respected)
{
	static const struct {
		u16 offered, used;
		bool mergeable;
	} cases[] = {
		{ 9000, 9000, true }, { 1400, 1400, true }, { 68, 68, true },   { 67, 1500, true },
		{ 0, 1500, true },    { 9000, 1500, false }, { 1800, 1800, false }, { 65535, 65535, true },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_virtio *d = device();
		struct rig *r;

		d->mtu = cases[i].offered;
		if (!cases[i].mergeable)
			d->offered &= ~VIRTIO_NET_F_MRG_RXBUF;
		r = rig_create(0);
		CHECK_EQ(r->dev->mtu, cases[i].used);
		CHECK(r->dev->max_mtu >= r->dev->mtu);
		CHECK_EQ(!!(d->driver_features & VIRTIO_NET_F_MTU), cases[i].used == cases[i].offered);
		finish(r, d);
	}
}

TEST(a_multicast_or_zero_address_is_replaced)
{
	struct fake_virtio *d = device();
	struct rig *r;

	memset(d->mac, 0, 6);
	r = rig_create(0);
	CHECK_EQ(r->dev->addr[0] & 3, 2);
	finish(r, d);
}

/* ---- receive ---- */

TEST(frames_of_several_buffers_arrive_whole)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	static u8 frame[65550];
	static const u32 sizes[] = { VIRTNET_RX_LEN - 12, VIRTNET_RX_LEN - 11, 9014, 32000, 65550 };

	rig_bytes(frame, sizeof(frame));
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		CHECK(fake_virtio_receive(d, &plain, frame, sizes[i]));
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, i + 1);
		CHECK_EQ(r->in_len, sizes[i]);
		CHECK_MEM(r->in, frame, sizes[i]);
	}
	CHECK_EQ(r->in_nr_frags, MAX_SKB_FRAGS - 1);
	finish(r, d);
}

TEST(buffers_are_given_back_in_batches_and_the_doorbell_rung_once_each)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u64 notifies = d->vq[0].notifies;
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	for (unsigned i = 0; i < 1024; i++) {
		CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
		rig_run(r, 0);
	}
	CHECK_EQ(r->nr_in, 1024);
	CHECK(d->vq[0].notifies - notifies <= 1024 / VIRTNET_REFILL);
	finish(r, d);
}

TEST(a_burst_costs_one_interrupt)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u64 interrupts = d->vq[0].interrupts;
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	for (unsigned i = 0; i < 200; i++)
		CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 200);
	CHECK_EQ(d->vq[0].interrupts - interrupts, 1);
	finish(r, d);
}

static unsigned late;

/* In the middle of the poll, after its last look at the ring: it had asked for no interrupt, and gets none. */
static void one_more(struct fake_virtio *d)
{
	u8 frame[60];

	if (!late)
		return;
	late--;
	rig_bytes(frame, sizeof(frame));
	CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
}

TEST(a_frame_between_the_last_look_and_the_unmasking_is_not_forgotten)
{
	for (unsigned i = 0; i < 2; i++) {
		struct fake_virtio *d = device();
		struct rig *r;
		u8 frame[60];

		d->offered &= ~(i ? VIRTIO_F_RING_EVENT_IDX : 0);
		r = rig_create(0);
		bh_disable(r->cpu);
		CHECK_EQ(r->dev->ops->set_rings(r->dev, (struct dev_rings){ VIRTNET_MIN_RING, VIRTNET_RING }), 0);
		bh_enable(r->cpu);
		rig_run(r, 0);
		d->on_refill = one_more;
		rig_bytes(frame, sizeof(frame));
		for (unsigned n = 1; n <= 50; n++) {
			for (unsigned k = 0; k < 40; k++) /* so many of a ring of 64 that the doorbell is rung whatever was said */
				CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
			late = 1;
			rig_run(r, 0);
			CHECK_EQ(late, 0);
			CHECK_EQ(r->nr_in, n * 41);
		}
		CHECK_EQ(r->dev->rx[0].requeued, 0); /* nor did the timer have to find any */
		finish(r, d);
	}
}

TEST(a_busy_poller_takes_frames_without_an_interrupt)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u64 interrupts;
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	busy_poll(r->cpu, 100);
	CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame))); /* its interrupt was on */
	rig_run(r, 0);
	interrupts = d->vq[0].interrupts;
	for (unsigned i = 0; i < 20; i++) {
		busy_poll_turn(r->cpu, r->cpu->now_ns);
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, i + 1);
		CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
	}
	CHECK(d->vq[0].interrupts <= interrupts + 1); /* what was on when it began */
	busy_poll_turn(r->cpu, r->cpu->now_ns + 100 * NSEC_PER_USEC);
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 21);
	interrupts = d->vq[0].interrupts;
	CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
	CHECK_EQ(d->vq[0].interrupts, interrupts + 1); /* and on again */
	rig_run(r, 0);
	finish(r, d);
}

TEST(checksums_that_the_device_vouches_for_are_believed)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	u8 frame[100];

	rig_bytes(frame, sizeof(frame));
	fake_virtio_receive(d, &h, frame, sizeof(frame));
	rig_run(r, 0);
	CHECK_EQ(r->in_summed, CHECKSUM_UNNECESSARY);
	h = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	fake_virtio_receive(d, &h, frame, sizeof(frame));
	rig_run(r, 0);
	CHECK_EQ(r->in_summed, CHECKSUM_PARTIAL);
	CHECK_EQ(r->in_csum_start, 34);
	fake_virtio_receive(d, &plain, frame, sizeof(frame));
	rig_run(r, 0);
	CHECK_EQ(r->in_summed, CHECKSUM_NONE);
	CHECK_EQ(r->dev->rx[0].csum_good, 2);
	finish(r, d);
}

TEST(merged_segments_keep_their_size_and_number)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16,
				    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
				    .gso_size = 1000, .hdr_len = 54 };
	u8 frame[54 + 3001];

	rig_bytes(frame, sizeof(frame));
	fake_virtio_receive(d, &h, frame, sizeof(frame));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 1);
	CHECK_EQ(r->in_gso_size, 1000);
	CHECK_EQ(r->in_gso_segs, 4);
	CHECK_EQ(r->in_gso_type, SKB_GSO_TCPV4 | SKB_GSO_TCP_ECN);
	CHECK(r->dev->features & NETIF_F_LRO);
	finish(r, d);
}

TEST(frames_shorter_than_their_headers_are_dropped)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	for (u32 len = 0; len < 12 + 14; len++)
		fake_virtio_push(d, 0, fake_virtio_take(d, 0), len);
	fake_virtio_interrupt(d, 0);
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 0);
	CHECK_EQ(r->dev->rx[0].errors, 26);
	CHECK_EQ(rig_drops(r, DROP_DEV_HDR), 26);
	CHECK_EQ(r->dev->rx[0].resets, 0);
	expect_working(r, d);
	finish(r, d);
}

TEST(an_empty_pool_is_counted_and_waited_for)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(1u << 20); /* 512 buffers: half of them are in the ring */
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	r->hold = true;
	while (fake_virtio_receive(d, &plain, frame, sizeof(frame)))
		rig_run(r, 0);
	CHECK_EQ(r->nr_in, 512);
	CHECK_EQ(fake_virtio_offered(d, 0), 0);
	CHECK(r->dev->rx[0].no_buf > 0);
	r->hold = false;
	skb_queue_purge(r->cpu, &r->held, RX_OK);
	rig_run(r, 10 * NSEC_PER_MSEC); /* no interrupt comes: the timer refills */
	CHECK(fake_virtio_offered(d, 0) > 0);
	expect_working(r, d);
	finish(r, d);
}

/* ---- transmit ---- */

TEST(header_and_linear_part_share_a_descriptor)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	rig_send(r, rig_skb(r, 1000, 1000, 0, false, 0));
	CHECK_EQ(d->sent_descs, 1);
	rig_send(r, rig_skb(r, 1000, 100, 500, false, 0));
	CHECK_EQ(d->sent_descs, 3);
	CHECK(!d->sent_indirect);
	rig_send(r, rig_skb(r, 1000, 100, 100, false, 0));
	CHECK_EQ(d->sent_descs, 10);
	CHECK(d->sent_indirect);
	finish(r, d);
}

TEST(checksum_and_segmentation_fields_are_filled)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	rig_send(r, rig_skb(r, 1000, 1000, 0, true, 0));
	CHECK_EQ(d->sent_hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	CHECK_EQ(d->sent_hdr.csum_start, 34);
	CHECK_EQ(d->sent_hdr.csum_offset, 16);
	CHECK_EQ(d->sent_hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	rig_send(r, rig_skb(r, 60000, 54, 1900, true, 1448));
	CHECK_EQ(d->sent_hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	CHECK_EQ(d->sent_hdr.gso_size, 1448);
	CHECK_EQ(d->sent_hdr.hdr_len, 54);
	CHECK_EQ(d->sent_len, 60000);
	rig_send(r, rig_skb(r, 1000, 1000, 0, false, 0));
	CHECK_EQ(d->sent_hdr.flags, 0);
	CHECK_EQ(d->sent_hdr.csum_start, 0);
	finish(r, d);
}

TEST(a_burst_rings_the_doorbell_once_and_completions_cost_no_interrupt)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	bh_disable(r->cpu);
	for (unsigned i = 0; i < 50; i++)
		dev_queue_xmit(r->cpu, rig_skb(r, 500, 500, 0, false, 0));
	bh_enable(r->cpu);
	rig_run(r, 0);
	CHECK_EQ(d->nr_sent, 50);
	CHECK_EQ(d->vq[1].notifies, 1);
	CHECK_EQ(d->vq[1].interrupts, 0);
	rig_run(r, 2 * NSEC_PER_MSEC);
	CHECK_EQ(net_of(r)->pairs[0].tx.in_flight, 0);
	finish(r, d);
}

TEST(a_full_ring_stops_the_queue_and_loses_nothing)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	d->lazy_tx = true;
	for (unsigned i = 0; i < 600; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(r->dev->txq[0].stopped);
	CHECK_EQ(r->dev->txq[0].stats.stopped, 1);
	CHECK(fake_virtio_offered(d, 1) <= 256);
	for (unsigned i = 0; i < 100 && d->nr_sent < 600; i++) {
		fake_virtio_send(d);
		rig_run(r, 0);
	}
	CHECK_EQ(d->nr_sent, 600);
	CHECK(!r->dev->txq[0].stopped);
	CHECK(d->vq[1].interrupts > 0); /* a stopped queue asks for them */
	rig_run(r, 2 * NSEC_PER_MSEC);
	finish(r, d);
}

/* Receive livelock's other half: what cannot be answered is not worth taking. */
TEST(while_a_full_ring_has_a_queue_behind_it_frames_stay_where_they_are)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u64 interrupts;
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	d->lazy_tx = true;
	for (unsigned i = 0; !r->dev->txq[0].stopped; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 1); /* the ring alone is full: what comes is taken */
	for (unsigned i = 0; i < QDISC_BEHIND; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	interrupts = d->vq[0].interrupts;
	for (unsigned i = 0; i < 100; i++)
		CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
	rig_run(r, 3 * NSEC_PER_MSEC);
	CHECK_EQ(r->nr_in, 1);
	CHECK(r->dev->rx[0].held > 0);
	CHECK_EQ(d->vq[0].interrupts, interrupts + 1);
	fake_virtio_send(d);
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 101);
	CHECK(!r->dev->txq[0].stopped);
	fake_virtio_send(d);
	rig_run(r, 2 * NSEC_PER_MSEC);
	finish(r, d);
}

/* The interrupt of the tx queue gets lost: the timer takes the frames. */
TEST(held_frames_are_taken_without_an_interrupt_too)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	d->lazy_tx = true;
	for (unsigned i = 0; i < 256 + QDISC_BEHIND; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 0);
	d->mute = true;
	fake_virtio_send(d);
	rig_run(r, 2 * NSEC_PER_MSEC);
	CHECK_EQ(r->nr_in, 1);
	fake_virtio_send(d);
	rig_run(r, 2 * NSEC_PER_MSEC);
	finish(r, d);
}

TEST(a_lost_notification_is_repeated_and_counted)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	d->deaf = true;
	rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	rig_run(r, 5 * NSEC_PER_MSEC);
	CHECK_EQ(d->nr_sent, 0);
	d->deaf = false;
	rig_run(r, 100 * NSEC_PER_MSEC);
	CHECK_EQ(d->nr_sent, 1);
	CHECK_EQ(r->dev->txq[0].stats.requeued, 1);
	CHECK_EQ(net_of(r)->pairs[0].tx.in_flight, 0);
	finish(r, d);
}

TEST(a_lost_interrupt_is_found_by_the_timer_and_counted)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	for (unsigned i = 1; i <= 5; i++) {
		fake_virtio_receive(d, &plain, frame, sizeof(frame));
		rig_run(r, NSEC_PER_MSEC);
		d->mute = true;
		fake_virtio_receive(d, &plain, frame, sizeof(frame));
		d->mute = false;
		rig_run(r, 100 * NSEC_PER_MSEC);
		CHECK_EQ(r->nr_in, 2 * i);
		CHECK_EQ(r->dev->rx[0].requeued, i);
	}
	expect_working(r, d);
	CHECK_EQ(r->dev->rx[0].requeued, 5);
	finish(r, d);
}

TEST(a_device_that_ran_low_is_notified_without_being_asked_to)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u64 notifies = d->vq[0].notifies;
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	d->mute_event = true; /* its wish comes too late for us to see */
	while (fake_virtio_receive(d, &plain, frame, sizeof(frame)))
		;
	rig_run(r, 0);
	CHECK(d->vq[0].notifies > notifies);
	finish(r, d);
}

TEST(a_slow_device_is_not_hurried_while_it_moves)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	d->lazy_tx = true;
	for (unsigned i = 0; i < 20; i++) {
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
		rig_run(r, 8 * NSEC_PER_MSEC);
		fake_virtio_send(d);
		rig_run(r, 8 * NSEC_PER_MSEC);
	}
	CHECK_EQ(r->dev->txq[0].stats.requeued, 0);
	finish(r, d);
}

TEST(a_frame_without_headroom_is_dropped_and_counted)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	struct sk_buff *skb = alloc_skb(r->cpu, 4);

	rig_bytes(skb_put(skb, 60), 60);
	skb->dev = r->dev;
	rig_send(r, skb);
	CHECK_EQ(d->nr_sent, 0);
	CHECK_EQ(r->dev->txq[0].stats.dropped, 1);
	CHECK_EQ(rig_drops(r, DROP_DEV_TX_FAIL), 1);
	finish(r, d);
}

/* ---- link ---- */

TEST(link_changes_are_followed)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	fake_virtio_set_link(d, false);
	rig_run(r, 0);
	CHECK(!r->dev->carrier);
	fake_virtio_set_link(d, true);
	rig_run(r, 0);
	CHECK(r->dev->carrier);
	expect_working(r, d);
	finish(r, d);
}

TEST(without_the_status_feature_the_link_is_up)
{
	struct fake_virtio *d = device();
	struct rig *r;

	d->offered &= ~VIRTIO_NET_F_STATUS;
	d->link_status = 0;
	r = rig_create(0);
	CHECK(r->dev->carrier);
	finish(r, d);
}

/* ---- close and open ---- */

TEST(closing_takes_every_buffer_back_and_opening_works_again)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < 5; i++) {
		d->lazy_tx = true;
		rig_send(r, rig_skb(r, 60000, 54, 1900, true, 1448));
		dev_close(r->dev);
		CHECK_EQ(d->status, 0);
		CHECK_EQ(r->cpu->skb_pool->nr_free_bufs, r->bufs_at_start);
		d->lazy_tx = false;
		CHECK_EQ(dev_open(r->dev), 0);
		rig_run(r, 0);
		expect_working(r, d);
	}
	finish(r, d);
}

TEST(a_device_that_does_not_reset_is_cut_off_the_bus)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	d->never_resets = true;
	host_clock_step = NSEC_PER_MSEC;
	dev_close(r->dev);
	host_clock_step = 0;
	CHECK(!(fake_config_get(d->func, 0x04, 2) & 0x0004));
	CHECK(dev_open(r->dev) < 0);
	finish(r, d);
}

/* ---- for whoever looks ---- */
TEST(the_rings_tell_what_waits_in_them)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	struct dev_ring rx = r->dev->ops->ring(r->dev, 0, false), tx = r->dev->ops->ring(r->dev, 0, true);
	u8 frame[60];

	CHECK_EQ(rx.size, 256);
	CHECK_EQ(rx.posted, 256);
	CHECK_EQ(rx.waiting + tx.posted + tx.waiting, 0);
	rig_bytes(frame, sizeof(frame));
	for (unsigned i = 0; i < 5; i++)
		CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
	rx = r->dev->ops->ring(r->dev, 0, false);
	CHECK_EQ(rx.waiting, 5);
	CHECK_EQ(rx.posted, 251);
	rig_run(r, 0);
	CHECK_EQ(r->dev->ops->ring(r->dev, 0, false).waiting, 0);
	d->lazy_tx = true;
	rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	tx = r->dev->ops->ring(r->dev, 0, true);
	CHECK(tx.posted > 0);
	CHECK_EQ(tx.waiting, 0);
	dev_close(r->dev);
	CHECK_EQ(r->dev->ops->ring(r->dev, 0, true).size, 0);
	finish(r, d);
}
