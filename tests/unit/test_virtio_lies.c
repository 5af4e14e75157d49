/* SPDX-License-Identifier: MIT
 * test_virtio_lies.c - the virtio-net driver and a device that lies in each way it can: counted, reset, never believed.
 */
#include "host/fake_virtio_rig.h"
#include "net/core/steer.h"

/* After a lie: counted once, reset once, every buffer in place, and frames flow again. */
static void expect_recovery(struct rig *r, struct fake_virtio *d, u64 *lies)
{
	unsigned resets = d->resets;

	rig_run(r, 0);
	CHECK_EQ(*lies, 1);
	CHECK_EQ(r->dev->rx[0].resets, 1);
	CHECK(d->resets > resets);
	CHECK(!r->dev->txq[0].stopped);
	CHECK_EQ(fake_virtio_offered(d, 0), 256);
	expect_working(r, d);
	finish(r, d);
}

static void expect_rx_lie(u32 id_or_take, u32 len, u16 jump)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	if (jump)
		fake_virtio_jump(d, 0, jump);
	else
		fake_virtio_push(d, 0, id_or_take, len);
	fake_virtio_interrupt(d, 0);
	expect_recovery(r, d, &r->dev->rx[0].lies);
}

TEST(receive_lies_reset_the_device)
{
	expect_rx_lie(256, 100, 0);
	expect_rx_lie(0xffffffff, 100, 0);
	expect_rx_lie(0, VIRTNET_RX_LEN + 1, 0);
	expect_rx_lie(0, 0xffffffff, 0);
	expect_rx_lie(0, 0, 257);
	expect_rx_lie(0, 0, 0x8000);
	expect_rx_lie(0, 0, 0xffff);
}

TEST(a_buffer_used_twice_resets_the_device)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u16 id = fake_virtio_take(d, 0);

	memset(fake_virtio_buffer(d, 0, id), 0, 12 + 60);
	fake_virtio_buffer(d, 0, id)[10] = 1;
	fake_virtio_push(d, 0, id, 12 + 60);
	fake_virtio_push(d, 0, id, 12 + 60);
	fake_virtio_interrupt(d, 0);
	expect_recovery(r, d, &r->dev->rx[0].lies);
}

static void expect_merge_lie(u16 num_buffers, unsigned given)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < given; i++) {
		u16 id = fake_virtio_take(d, 0);
		struct virtio_net_hdr h = { .num_buffers = num_buffers };

		memcpy(fake_virtio_buffer(d, 0, id), &h, sizeof(h));
		fake_virtio_push(d, 0, id, VIRTNET_RX_LEN);
	}
	fake_virtio_interrupt(d, 0);
	expect_recovery(r, d, &r->dev->rx[0].lies);
}

TEST(a_number_of_buffers_that_cannot_be_resets_the_device)
{
	expect_merge_lie(0, 1);
	expect_merge_lie(2, 1);
	expect_merge_lie(35, 34);
	expect_merge_lie(MAX_SKB_FRAGS + 2, 40);
	expect_merge_lie(0xffff, 40);
}

TEST(a_merged_frame_may_have_pieces_of_any_length_and_none)
{
	static const u32 lens[] = { VIRTNET_RX_LEN, 0, 100, 0, VIRTNET_RX_LEN };
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	struct virtio_net_hdr h = { .num_buffers = ARRAY_SIZE(lens) };
	u32 whole = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
		u16 id = fake_virtio_take(d, 0);

		memset(fake_virtio_buffer(d, 0, id), 0, VIRTNET_RX_LEN);
		if (!i)
			memcpy(fake_virtio_buffer(d, 0, id), &h, sizeof(h));
		fake_virtio_push(d, 0, id, lens[i]);
		whole += lens[i];
	}
	fake_virtio_interrupt(d, 0);
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 1);
	CHECK_EQ(r->in_len, whole - sizeof(h));
	CHECK_EQ(r->in_nr_frags, 2);
	CHECK_EQ(r->dev->rx[0].lies, 0);
	expect_working(r, d);
	finish(r, d);
}

TEST(a_lie_in_the_middle_of_a_merged_frame_resets_the_device)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	u16 id = fake_virtio_take(d, 0);
	struct virtio_net_hdr h = { .num_buffers = 3 };

	memcpy(fake_virtio_buffer(d, 0, id), &h, sizeof(h));
	fake_virtio_push(d, 0, id, VIRTNET_RX_LEN);
	fake_virtio_push(d, 0, fake_virtio_take(d, 0), VIRTNET_RX_LEN);
	fake_virtio_push(d, 0, 999, VIRTNET_RX_LEN);
	fake_virtio_interrupt(d, 0);
	expect_recovery(r, d, &r->dev->rx[0].lies);
}

static void expect_tx_lie(u32 id, u16 jump)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	d->lazy_tx = true;
	for (unsigned i = 0; i < 3; i++)
		rig_send(r, rig_skb(r, 500, 100, 100, false, 0));
	if (jump)
		fake_virtio_jump(d, 1, jump);
	else
		fake_virtio_push(d, 1, id, 0);
	fake_virtio_interrupt(d, 1);
	d->lazy_tx = false;
	expect_recovery(r, d, &r->dev->txq[0].stats.lies);
}

TEST(transmit_lies_reset_the_device)
{
	expect_tx_lie(256, 0);
	expect_tx_lie(0xffffffff, 0);
	expect_tx_lie(200, 0);
	expect_tx_lie(1, 4);
	expect_tx_lie(1, 0xfffe);
}

TEST(a_device_that_asks_for_a_reset_gets_one)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	d->status |= VIRTIO_S_NEEDS_RESET;
	fake_virtio_set_link(d, true);
	rig_run(r, 0);
	CHECK_EQ(r->dev->rx[0].resets, 1);
	expect_working(r, d);
	finish(r, d);
}

TEST(a_device_that_needs_a_reset_and_says_so_to_nobody_is_found_when_it_stands_still)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	d->deaf = true;
	d->status |= VIRTIO_S_NEEDS_RESET;
	rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	rig_run(r, 100 * NSEC_PER_MSEC);
	CHECK_EQ(r->dev->rx[0].resets, 1);
	CHECK_EQ(r->dev->txq[0].stats.dropped, 1);
	d->deaf = false;
	expect_working(r, d);
	finish(r, d);
}

TEST(interrupts_without_a_cause_are_harmless)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < 1000; i++) {
		if (i % 3 < 2)
			fake_virtio_interrupt(d, i % 3);
		else
			fake_virtio_set_link(d, true); /* it was up */
		rig_run(r, 0);
	}
	CHECK_EQ(r->nr_in, 0);
	CHECK_EQ(r->dev->rx[0].resets + r->dev->rx[0].lies, 0);
	CHECK(r->dev->carrier);
	expect_working(r, d);
	finish(r, d);
}

TEST(whatever_the_device_says_of_notifications_every_frame_leaves)
{
	struct test_rng rng = { 42 };
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	d->mute_event = true;
	for (unsigned i = 0; i < 300; i++) {
		struct vring_used *used = (struct vring_used *)(uintptr_t)d->vq[1].used;

		*(u16 *)(void *)&used->ring[d->vq[1].size] = (u16)rng_next(&rng); /* avail_event */
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
		rig_run(r, 50 * NSEC_PER_MSEC);
		CHECK_EQ(d->nr_sent, i + 1);
	}
	CHECK(r->dev->txq[0].stats.requeued > 100);
	finish(r, d);
}

TEST(a_device_that_lies_for_ever_is_reset_once_a_second)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < 50; i++) {
		if (d->status & VIRTIO_S_DRIVER_OK) {
			fake_virtio_push(d, 0, 999, 1);
			fake_virtio_interrupt(d, 0);
		}
		rig_run(r, 100 * NSEC_PER_MSEC);
	}
	CHECK(r->dev->rx[0].resets >= 4 && r->dev->rx[0].resets <= 6);
	rig_run(r, 2 * NSEC_PER_SEC);
	expect_working(r, d);
	finish(r, d);
}

TEST(frames_sent_while_the_device_is_down_wait_or_are_counted)
{
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < 2; i++) { /* the second within a second: it stays down */
		fake_virtio_push(d, 0, 999, 1);
		fake_virtio_interrupt(d, 0);
		rig_run(r, NSEC_PER_MSEC);
	}
	CHECK_EQ(d->status, 0);
	for (unsigned i = 0; i < 10; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	rig_run(r, 3 * NSEC_PER_SEC);
	CHECK_EQ(d->nr_sent + r->dev->txq[0].stats.dropped, 10);
	expect_working(r, d);
	finish(r, d);
}

TEST(random_scribbling_over_the_used_rings_never_harms_us)
{
	struct test_rng rng = { 4711 };
	struct fake_virtio *d = device();
	struct rig *r = rig_create(0);
	unsigned lied_at = ~0u; /* resets when it last lied: until the next it writes to no buffer, which may be another's by now */
	u8 frame[600];

	rig_bytes(frame, sizeof(frame));
	for (unsigned i = 0; i < 20000; i++) {
		if (!(d->status & VIRTIO_S_DRIVER_OK) || !d->vq[0].enabled) {
			rig_run(r, NSEC_PER_SEC);
			continue;
		}
		switch (rng_below(&rng, lied_at == d->resets ? 2 : 12)) {
		case 0:
			lied_at = d->resets;
			fake_virtio_push(d, rng_below(&rng, 2), rng_below(&rng, 300), (u32)rng_next(&rng));
			break;
		case 1:
			lied_at = d->resets;
			fake_virtio_jump(d, rng_below(&rng, 2), (u16)rng_below(&rng, 3));
			fake_virtio_interrupt(d, rng_below(&rng, 2));
			break;
		case 2:
			if (fake_virtio_offered(d, 0) && fake_virtio_offered(d, 0) <= 256) {
				u16 id = fake_virtio_take(d, 0);
				u8 *p = fake_virtio_buffer(d, 0, id);

				for (unsigned k = 0; k < 80; k++)
					p[k] = (u8)rng_next(&rng);
				if (rng_below(&rng, 2))
					p[10] = 1, p[11] = 0;
				fake_virtio_push(d, 0, id, rng_below(&rng, VIRTNET_RX_LEN));
			}
			break;
		case 3:
			fake_virtio_interrupt(d, rng_below(&rng, 2));
			break;
		case 4:
			rig_send(r, rig_skb(r, 14 + rng_below(&rng, 1500), 100, 200, false, 0));
			break;
		default:
			fake_virtio_receive(d, &plain, frame, 14 + rng_below(&rng, 580));
		}
		rig_run(r, rng_below(&rng, 100000));
	}
	rig_run(r, 5 * NSEC_PER_SEC);
	CHECK(r->nr_in > 100);
	CHECK(r->dev->rx[0].resets > 100);
	finish(r, d);
}

/* A header that makes no sense costs its frame, and nothing else. */
static void expect_header_refused(u64 without, struct virtio_net_hdr h)
{
	struct fake_virtio *d = device();
	struct rig *r;
	u8 frame[100];

	d->offered &= ~without;
	r = rig_create(0);
	rig_bytes(frame, sizeof(frame));
	fake_virtio_receive(d, &h, frame, sizeof(frame));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 0);
	CHECK_EQ(r->dev->rx[0].lies, 1);
	CHECK_EQ(r->dev->rx[0].resets, 0);
	CHECK_EQ(rig_drops(r, DROP_DEV_HDR), 1);
	expect_working(r, d);
	finish(r, d);
}

TEST(headers_that_make_no_sense_are_refused)
{
	const u8 needs = VIRTIO_NET_HDR_F_NEEDS_CSUM, v4 = VIRTIO_NET_HDR_GSO_TCPV4;

	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 13, .csum_offset = 16 });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 99, .csum_offset = 0 });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 0xffff, .csum_offset = 0xffff });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 34, .csum_offset = 65 });
	expect_header_refused(VIRTIO_NET_F_GUEST_CSUM,
			      (struct virtio_net_hdr){ .flags = needs, .csum_start = 34, .csum_offset = 16 });
	expect_header_refused(0, (struct virtio_net_hdr){ .gso_type = v4, .gso_size = 1000 });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 34, .csum_offset = 16,
							  .gso_type = v4, .gso_size = 0 });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 34, .csum_offset = 16,
							  .gso_type = 3, .gso_size = 1000 });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 34, .csum_offset = 16,
							  .gso_type = 0xff, .gso_size = 1000 });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 90, .csum_offset = 2,
							  .gso_type = v4, .gso_size = 1 });
	/* a sum that is not TCP's; headers of 2, 8 and 6 words, too short, beyond the end, and with no text behind them */
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 34, .csum_offset = 6,
							  .gso_type = v4, .gso_size = 1000 });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 30, .csum_offset = 16,
							  .gso_type = v4, .gso_size = 1000 });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 80, .csum_offset = 16,
							  .gso_type = v4, .gso_size = 1000 });
	expect_header_refused(0, (struct virtio_net_hdr){ .flags = needs, .csum_start = 76, .csum_offset = 16,
							  .gso_type = v4, .gso_size = 1000 });
	expect_header_refused(VIRTIO_NET_F_GUEST_ECN, (struct virtio_net_hdr){ .flags = needs, .csum_start = 34, .csum_offset = 16,
									       .gso_type = v4 | VIRTIO_NET_HDR_GSO_ECN, .gso_size = 8 });
	expect_header_refused(VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6,
			      (struct virtio_net_hdr){ .flags = needs, .csum_start = 34, .csum_offset = 16,
						       .gso_type = v4, .gso_size = 1000 });
}

/* ---- two pairs of queues, and the control queue that tells the device of them ---- */

static struct rig *pairs_of(struct fake_virtio *d, bool rss)
{
	struct rig *r;

	d->pairs = 2;
	fake_virtio_set_vectors(d, 5);
	d->rss = (struct virtio_net_rss_limits){ rss ? STEER_KEY_BYTES : 0, STEER_SLOTS, ~0u };
	rig_cpus = 2;
	r = rig_create(0);
	rig_cpus = 1;
	return r;
}

/* Both pairs were set up at any rate; how many send is what the device was heard to agree to. */
static void expect_pairs(struct rig *r, unsigned sending)
{
	CHECK_EQ(r->dev->nr_rxq, 2);
	CHECK_EQ(r->dev->real_num_tx_queues, sending);
	CHECK(r->dev->flags & IFF_UP);
}

TEST(a_device_that_obeys_gets_one_command_and_uses_two_pairs)
{
	for (unsigned rss = 0; rss < 2; rss++) {
		struct fake_virtio *d = device();
		struct rig *r = pairs_of(d, rss);

		expect_pairs(r, 2);
		CHECK_EQ(d->nr_commands, 1);
		CHECK_EQ(d->command.class, VIRTIO_NET_CTRL_MQ);
		CHECK_EQ(d->command.command, rss ? VIRTIO_NET_CTRL_MQ_RSS_CONFIG : VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET);
		finish(r, d);
	}
}

TEST(a_device_that_refuses_pairs_is_used_with_one)
{
	struct fake_virtio *d = device();
	struct rig *r;

	d->ctrl = CTRL_REFUSES;
	r = pairs_of(d, true);
	expect_pairs(r, 1);
	CHECK_EQ(d->nr_commands, 2); /* RSS, then pairs without it */
	CHECK(fake_virtio_receive(d, &plain, "0123456789abcdef", 16));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 1);
	finish(r, d);
}

TEST(a_device_that_never_answers_a_command_is_waited_for_once)
{
	struct fake_virtio *d = device();
	u64 start = host_clock;
	struct rig *r;

	d->ctrl = CTRL_SILENT;
	r = pairs_of(d, true);
	expect_pairs(r, 1);
	CHECK_EQ(d->nr_commands, 1);
	CHECK(host_clock - start < NSEC_PER_SEC);
	finish(r, d);
}

TEST(an_answer_that_comes_late_is_nobody_elses)
{
	struct fake_virtio *d = device();
	struct rig *r;

	d->ctrl = CTRL_SILENT;
	r = pairs_of(d, true);
	fake_virtio_answer(d, VIRTIO_NET_OK);
	rig_run(r, 2 * NSEC_PER_SEC);
	expect_pairs(r, 1);
	d->ctrl = CTRL_REFUSES; /* after a reset there is a command again: its answer is what counts, not the one that is left over */
	d->nr_commands = 0;
	fake_virtio_push(d, 0, 0x4711, 60);
	fake_virtio_interrupt(d, 0);
	rig_run(r, 3 * NSEC_PER_SEC);
	CHECK_EQ(d->nr_commands, 2);
	CHECK_EQ(r->dev->rx[0].resets, 1);
	expect_pairs(r, 1);
	finish(r, d);
}

TEST(an_answer_to_no_command_is_counted_and_costs_the_pairs_alone)
{
	for (unsigned lie = CTRL_BAD_ID; lie <= CTRL_JUMPS; lie++) {
		struct fake_virtio *d = device();
		struct rig *r;

		d->ctrl = lie;
		r = pairs_of(d, false);
		expect_pairs(r, 1);
		CHECK_EQ(r->dev->rx[0].lies, 1);
		finish(r, d);
	}
}

TEST(an_answer_that_is_none_is_a_refusal)
{
	for (unsigned answer = CTRL_ODD; answer <= CTRL_MUTE; answer++) {
		struct fake_virtio *d = device();
		struct rig *r;

		d->ctrl = answer;
		r = pairs_of(d, true);
		expect_pairs(r, 1);
		CHECK_EQ(d->nr_commands, 2); /* RSS, then pairs without it */
		finish(r, d);
	}
}

/* The control queue stands behind all pairs: with more than 0x7fff of them it has no number. The fake has five queues. */
TEST(a_number_of_pairs_that_are_not_there_leaves_one)
{
	static const u16 numbers[] = { 0, 1, 3, 0x7fff, 0x8000, 0x8001, 0xffff };

	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct fake_virtio *d = device();
		struct rig *r;

		d->pairs = numbers[i];
		fake_virtio_set_vectors(d, 5);
		rig_cpus = 2;
		r = rig_create(0);
		rig_cpus = 1;
		CHECK_EQ(r->dev->nr_rxq, 1);
		CHECK(!(d->driver_features & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_RSS)));
		CHECK_EQ(d->nr_commands, 0);
		expect_working(r, d);
		finish(r, d);
	}
}

TEST(a_hash_that_is_not_the_stacks_is_not_asked_for)
{
	static const struct virtio_net_rss_limits less[] = {
		{ STEER_KEY_BYTES - 1, STEER_SLOTS, ~0u },
		{ STEER_KEY_BYTES, STEER_SLOTS - 1, ~0u },
		{ STEER_KEY_BYTES, 0, ~0u },
		{ STEER_KEY_BYTES, STEER_SLOTS, 0 },
		{ STEER_KEY_BYTES, STEER_SLOTS, ~(u32)VIRTIO_NET_HASH_TCPV4 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(less); i++) {
		struct fake_virtio *d = device();
		struct rig *r;

		d->pairs = 2;
		fake_virtio_set_vectors(d, 5);
		d->rss = less[i];
		d->offered &= ~VIRTIO_NET_F_HASH_REPORT; /* which needs no table */
		rig_cpus = 2;
		r = rig_create(0);
		rig_cpus = 1;
		expect_pairs(r, 2);
		CHECK(!(d->driver_features & VIRTIO_NET_F_RSS));
		CHECK_EQ(d->command.command, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET);
		finish(r, d);
	}
}

/* What one pair can be lied to about: a used entry (id, len), a jump of the index, a number of buffers in a frame's header. */
static const struct pair_lie {
	u32 id, len;
	u16 jump, num_buffers;
	bool tx;
} pair_lies[] = {
	{ .id = 0x4711, .len = 60 },
	{ .id = 0xffffffff, .len = 60 },
	{ .id = 0, .len = VIRTNET_RX_LEN + 1 },
	{ .jump = 257 },
	{ .jump = 0xffff },
	{ .num_buffers = 2 },
	{ .num_buffers = 0xffff },
	{ .id = 0x4711, .tx = true },
	{ .id = 200, .tx = true },
	{ .jump = 2, .tx = true },
};

static void tell(struct fake_virtio *d, unsigned q, const struct pair_lie *lie)
{
	struct virtio_net_hdr h = { .num_buffers = lie->num_buffers };
	u16 id;

	if (lie->jump) {
		fake_virtio_jump(d, q, lie->jump);
	} else if (lie->num_buffers) {
		id = fake_virtio_take(d, q);
		memcpy(fake_virtio_buffer(d, q, id), &h, sizeof(h));
		fake_virtio_push(d, q, id, VIRTNET_RX_LEN);
	} else {
		fake_virtio_push(d, q, lie->id, lie->len);
	}
	fake_virtio_interrupt(d, q);
}

/* A reset waits until both CPUs are out of their rings, and both go on behind it. */
TEST(a_lie_in_one_pair_resets_both)
{
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(pair_lies); i++) {
		const struct pair_lie *lie = &pair_lies[i / 2];
		struct fake_virtio *d = device();
		struct rig *r = pairs_of(d, false);
		struct net_cpu *first = r->cpu;
		unsigned pair = i % 2;

		d->lazy_tx = true;
		r->cpu = r->net->cpus[pair];
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0)); /* one is with the device */
		r->cpu = first;
		tell(d, 2 * pair + lie->tx, lie);
		rig_run(r, 3 * NSEC_PER_SEC);
		if (!CHECK_EQ(r->dev->rx[pair].lies + r->dev->txq[pair].stats.lies, 1))
			test_note("lie %u of pair %u", i / 2, pair);
		CHECK_EQ(r->dev->rx[0].resets, 1);
		CHECK_EQ(r->dev->txq[pair].stats.dropped, 1);
		CHECK_EQ(d->nr_commands, 2);
		CHECK(d->vq[0].enabled && d->vq[2].enabled);
		CHECK(fake_virtio_offered(d, 0) > 0);
		CHECK(fake_virtio_offered(d, 2) > 0); /* filled again, by its CPU */
		expect_pairs(r, 2);
		finish(r, d);
	}
}
