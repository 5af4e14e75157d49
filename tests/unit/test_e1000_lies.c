/* SPDX-License-Identifier: MIT
 * test_e1000_lies.c - the e1000 driver and a device that writes what no device writes: lengths, places, frames without an end, and
 * bytes at random. Each in both kinds of receive descriptors.
 */
#include "host/fake_e1000_rig.h"

#define KINDS 2 /* an 82540EM, an 82574L */

static struct fake_e1000 *device(unsigned kind)
{
	fake_machine_reset();
	return kind ? fake_e1000e_create(4) : fake_e1000_create(4);
}

/* Into a descriptor, whether it is the device's or not. */
static void scribble(struct e1000_queue *q, unsigned at, u16 len, u8 status, u8 errors)
{
	volatile union e1000_rx_desc *d = &q->rx.desc[at];

	if (q->ext) {
		d->ext.length = len;
		d->ext.status = (u32)errors << 24 | status;
		return;
	}
	d->length = len;
	d->errors = errors;
	d->status = status;
}

TEST(a_length_beyond_the_buffer_resets_the_device)
{
	static const u16 lengths[] = { E1000_RX_LEN + 1, 0x8000, 0xffff };

	for (unsigned i = 0; i < ARRAY_SIZE(lengths) * KINDS; i++) {
		struct fake_e1000 *d = device(i % KINDS);
		struct rig *r = rig_create(0);
		unsigned resets = d->resets;

		fake_e1000_write_back(d, lengths[i / KINDS], E1000_RXD_DD | E1000_RXD_EOP, 0);
		fake_e1000_cause(d, E1000_INT_RXT0);
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, 0);
		CHECK_EQ(r->dev->rx[0].lies, 1);
		CHECK_EQ(r->dev->rx[0].resets, 1);
		CHECK_EQ(d->resets, resets + 2); /* out of the rings, and at the start */
		CHECK_EQ(fake_e1000_offered(d), E1000_RING - 1);
		expect_working(r, d);
		finish(r, d);
	}
}

TEST(a_device_that_lies_for_ever_is_reset_once_a_second)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct fake_e1000 *d = device(kind);
		struct rig *r = rig_create(0);

		for (unsigned i = 0; i < 50; i++) {
			if (d->regs[E1000_RCTL / 4] & E1000_RCTL_EN) {
				fake_e1000_write_back(d, 0xffff, E1000_RXD_DD, 0);
				fake_e1000_cause(d, E1000_INT_RXT0);
			}
			rig_run(r, 100 * NSEC_PER_MSEC);
		}
		CHECK(r->dev->rx[0].resets >= 4 && r->dev->rx[0].resets <= 6);
		rig_run(r, 2 * NSEC_PER_SEC);
		expect_working(r, d);
		finish(r, d);
	}
}

TEST(descriptors_beyond_the_tail_marked_done_are_not_looked_at)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct fake_e1000 *d = device(kind);
		struct rig *r = rig_create(0);

		scribble(&e1000_of(r)->queues[0], E1000_RING - 1, 60, E1000_RXD_DD | E1000_RXD_EOP, 0); /* never posted at first */
		for (unsigned i = 0; i < 40; i++)
			CHECK(give(d, 60));
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, 40);
		finish(r, d);
	}
}

TEST(bits_that_mean_nothing_here_change_nothing)
{
	/* passed by the exact filter, IP sum computed, UDP sum computed, VLAN tag taken off: none of them was asked for */
	static const u8 bits[] = { 0x80, 0x40, 0x10, 0x08, 0xd8 };
	u8 frame[600];

	rig_bytes(frame, sizeof(frame));
	for (unsigned i = 0; i < ARRAY_SIZE(bits) * KINDS; i++) {
		struct fake_e1000 *d = device(i % KINDS);
		struct rig *r = rig_create(0);

		d->mrq = ~0u; /* a hash of no type, from a queue that is not there */
		CHECK(fake_e1000_receive(d, frame, sizeof(frame), 0, bits[i / KINDS], 0));
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, 1);
		CHECK_EQ(r->in_summed, CHECKSUM_NONE);
		CHECK_MEM(r->in, frame, sizeof(frame));
		finish(r, d);
	}
}

/* ---- frames of several descriptors: LPE is off, so there are none ---- */

TEST(a_frame_that_does_not_end_for_rings_and_rings_is_counted_once)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct fake_e1000 *d = device(kind);
		struct rig *r = rig_create(0);

		for (unsigned i = 0; i < 5 * E1000_RING; i++) {
			fake_e1000_write_back(d, i % 2 ? 0 : 1000, E1000_RXD_DD, 0);
			fake_e1000_cause(d, E1000_INT_RXT0);
			rig_run(r, 0);
		}
		fake_e1000_write_back(d, 10, E1000_RXD_DD | E1000_RXD_EOP, 0);
		fake_e1000_cause(d, E1000_INT_RXT0);
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, 0);
		CHECK_EQ(r->dev->rx[0].errors, 1);
		CHECK_EQ(rig_drops(r, DROP_DEV_HDR), 1);
		expect_working(r, d);
		finish(r, d);
	}
}

/* What interrupted once does not interrupt again: the frame behind the pieces must not wait for another. */
TEST(more_pieces_than_a_turn_has_frames_hold_nothing_up)
{
	static const unsigned pieces[] = { 63, 64, 65, 150, E1000_RING - 3 };
	u8 frame[100];

	rig_bytes(frame, sizeof(frame));
	for (unsigned i = 0; i < ARRAY_SIZE(pieces) * KINDS; i++) {
		struct fake_e1000 *d = device(i % KINDS);
		struct rig *r = rig_create(0);

		for (unsigned n = 0; n < pieces[i / KINDS]; n++)
			fake_e1000_write_back(d, 1000, E1000_RXD_DD, 0);
		fake_e1000_write_back(d, 1000, E1000_RXD_DD | E1000_RXD_EOP, 0);
		CHECK(fake_e1000_receive(d, frame, sizeof(frame), 0, 0, 0));
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, 1);
		CHECK_EQ(r->dev->rx[0].errors, 1);
		finish(r, d);
	}
}

TEST(a_frame_of_pieces_may_go_round_the_rings_end)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct fake_e1000 *d = device(kind);
		struct rig *r = rig_create(0);

		for (unsigned i = 0; i < E1000_RING - 1; i++) {
			CHECK(give(d, 60));
			rig_run(r, 0);
		}
		CHECK_EQ(e1000_of(r)->queues[0].rx.clean, E1000_RING - 1);
		fake_e1000_write_back(d, 1000, E1000_RXD_DD, 0);
		fake_e1000_cause(d, E1000_INT_RXT0);
		rig_run(r, 0);
		CHECK_EQ(e1000_of(r)->queues[0].rx.clean, 0);
		fake_e1000_write_back(d, 1000, E1000_RXD_DD | E1000_RXD_EOP, 0);
		fake_e1000_cause(d, E1000_INT_RXT0);
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, E1000_RING - 1);
		CHECK_EQ(r->dev->rx[0].errors, 1);
		expect_working(r, d);
		finish(r, d);
	}
}

/* ---- transmit, interrupts, the bus ---- */

TEST(only_the_last_descriptor_of_the_oldest_frame_says_that_it_is_sent)
{
	struct fake_e1000 *d = device(0);
	struct rig *r = rig_create(0);
	struct e1000_tx_ring *tx = &e1000_of(r)->queues[0].tx;

	d->lazy_tx = true;
	for (unsigned i = 0; i < 3; i++)
		rig_send(r, rig_skb(r, 900, 100, 200, false, 0)); /* five descriptors each */
	for (unsigned i = 0; i < E1000_RING; i++)
		if (i != tx->slots[tx->clean].last)
			tx->desc[i].data.status = E1000_TXD_DD;
	rig_run(r, 100 * NSEC_PER_MSEC);
	CHECK_EQ(tx->clean, 0);
	CHECK_EQ(r->dev->txq[0].stats.completed, 0);
	for (unsigned i = 0; i < E1000_RING; i++)
		tx->desc[i].data.status = 0;
	fake_e1000_send(d);
	d->lazy_tx = false;
	rig_run(r, 100 * NSEC_PER_MSEC);
	CHECK_EQ(r->dev->txq[0].stats.completed, 3);
	expect_working(r, d);
	finish(r, d);
}

TEST(interrupts_without_a_cause_are_harmless)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct fake_e1000 *d = device(kind);
		struct rig *r = rig_create(0);

		for (unsigned i = 0; i < 1000; i++) {
			if (kind)
				fake_irq(d->func, i % 2); /* the queue's vector, and that of the rest */
			else
				CHECK(!fake_irq(d->func, FAKE_INTX)); /* it says that it is not its own */
			rig_run(r, 0);
		}
		CHECK_EQ(r->nr_in, 0);
		CHECK_EQ(r->dev->rx[0].resets + r->dev->rx[0].lies, 0);
		expect_working(r, d);
		finish(r, d);
	}
}

TEST(a_device_that_left_the_bus_is_cut_off_and_what_is_sent_is_counted)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct fake_e1000 *d = device(kind);
		struct rig *r = rig_create(0);
		u64 dropped;

		d->lazy_tx = true;
		rig_send(r, rig_skb(r, 60000, 54, 1900, true, 1448));
		d->gone = true;
		host_clock_step = NSEC_PER_MSEC;
		fake_irq(d->func, kind ? 1 : FAKE_INTX);
		rig_run(r, NSEC_PER_SEC);
		host_clock_step = 20;
		CHECK(!r->dev->carrier && e1000_of(r)->dead);
		CHECK_EQ(r->dev->rx[0].lies, 1);
		CHECK_EQ(r->dev->rx[0].missed, 0); /* a register of a device that is not there counts nothing */
		CHECK_EQ(rig_drops(r, DROP_FULL_RING), 1);
		dropped = rig_drops(r, DROP_DEV_READY);
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
		CHECK_EQ(rig_drops(r, DROP_DEV_READY), dropped + 1);
		rig_run(r, 5 * NSEC_PER_SEC);
		finish(r, d);
	}
}

static void scribble_at_random(struct rig *r, struct fake_e1000 *d, struct test_rng *rng)
{
	struct e1000_queue *q = &e1000_of(r)->queues[0];
	unsigned at = rng_below(rng, 2) ? rng_below(rng, E1000_RING) : q->rx.clean;

	switch (q->down ? 9 : rng_below(rng, 8)) {
	case 0:
		scribble(q, at, (u16)rng_below(rng, E1000_RX_LEN + 20), (u8)rng_next(rng), rng_below(rng, 4) ? 0 : (u8)rng_next(rng));
		break;
	case 1:
		if (q->ext)
			q->rx.desc[at].same_addr = rng_next(rng); /* where it writes back the hash */
		else
			q->rx.desc[at].special = (u16)rng_next(rng);
		break;
	case 2:
		q->tx.desc[at].data.status = (u8)rng_next(rng);
		break;
	case 3: /* the ring may never move again, and with a queue behind it nothing would come in */
		if (!r->dev->txq[0].stopped)
			rig_send(r, rig_skb(r, 14 + rng_below(rng, 1500), 100, 200, false, 0));
		break;
	case 4:
		fake_e1000_cause(d, (u32)rng_next(rng));
		break;
	case 9:
		rig_run(r, NSEC_PER_SEC);
		break;
	default:
		fake_e1000_cause(d, E1000_INT_RXT0);
	}
}

TEST(random_scribbling_over_the_rings_never_harms_us)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct test_rng rng = { 4711 + kind };
		struct fake_e1000 *d = device(kind);
		struct rig *r = rig_create(0);

		d->lazy_tx = true;
		for (unsigned i = 0; i < 20000; i++) {
			scribble_at_random(r, d, &rng);
			rig_run(r, rng_below(&rng, 100000));
		}
		rig_run(r, 5 * NSEC_PER_SEC);
		CHECK(r->nr_in > 10);
		finish(r, d);
	}
}
