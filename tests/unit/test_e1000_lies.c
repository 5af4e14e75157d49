/* SPDX-License-Identifier: MIT
 * test_e1000_lies.c - the e1000 driver and a device that writes what no device writes: lengths, places, and bytes at random.
 */
#include "host/fake_e1000_rig.h"

static struct fake_e1000 *device(void)
{
	fake_machine_reset();
	return fake_e1000_create(4);
}

TEST(a_length_beyond_the_buffer_resets_the_device)
{
	static const u16 lengths[] = { E1000_RX_LEN + 1, 0xffff };

	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct fake_e1000 *d = device();
		struct rig *r = rig_create(0);
		unsigned resets = d->resets;

		fake_e1000_write_back(d, lengths[i], E1000_RXD_DD | E1000_RXD_EOP, 0);
		fake_e1000_cause(d, E1000_INT_RXT0);
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, 0);
		CHECK_EQ(r->dev->rx[0].lies, 1);
		CHECK_EQ(r->dev->rx[0].resets, 1);
		CHECK(d->resets > resets);
		CHECK_EQ(fake_e1000_offered(d), E1000_RING - 1);
		expect_working(r, d);
		finish(r, d);
	}
}

TEST(a_device_that_lies_for_ever_is_reset_once_a_second)
{
	struct fake_e1000 *d = device();
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

TEST(descriptors_beyond_the_tail_marked_done_are_not_looked_at)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	struct e1000 *e = e1000_of(r);

	e->queues[0].rx.desc[E1000_RING - 1].status = E1000_RXD_DD | E1000_RXD_EOP; /* the one that is never posted at first */
	e->queues[0].rx.desc[E1000_RING - 1].length = 60;
	for (unsigned i = 0; i < 40; i++)
		CHECK(give(d, 60));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 40);
	finish(r, d);
}

TEST(random_scribbling_over_the_rings_never_harms_us)
{
	struct test_rng rng = { 4711 };
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	struct e1000 *e = e1000_of(r);

	d->lazy_tx = true;
	for (unsigned i = 0; i < 20000; i++) {
		unsigned at = rng_below(&rng, 2) ? rng_below(&rng, E1000_RING) : e->queues[0].rx.clean;

		switch (e->queues[0].down ? 9 : rng_below(&rng, 8)) {
		case 0:
			e->queues[0].rx.desc[at].status = (u8)rng_next(&rng);
			e->queues[0].rx.desc[at].length = (u16)rng_below(&rng, E1000_RX_LEN + 20);
			break;
		case 1:
			e->queues[0].rx.desc[at].errors = (u8)rng_next(&rng);
			break;
		case 2:
			e->queues[0].tx.desc[at].data.status = (u8)rng_next(&rng);
			break;
		case 3: /* the ring may never move again, and with a queue behind it nothing would come in */
			if (!r->dev->txq[0].stopped)
				rig_send(r, rig_skb(r, 14 + rng_below(&rng, 1500), 100, 200, false, 0));
			break;
		case 4:
			fake_e1000_cause(d, (u32)rng_next(&rng));
			break;
		case 9:
			rig_run(r, NSEC_PER_SEC);
			break;
		default:
			fake_e1000_cause(d, E1000_INT_RXT0);
		}
		rig_run(r, rng_below(&rng, 100000));
	}
	rig_run(r, 5 * NSEC_PER_SEC);
	CHECK(r->nr_in > 10);
	finish(r, d);
}
