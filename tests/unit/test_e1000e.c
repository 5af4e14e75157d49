/* SPDX-License-Identifier: MIT
 * test_e1000e.c - the e1000 driver on a fake 82574L: vectors that clear and mask by themselves, extended receive descriptors,
 * throttling per vector, timers, links, and two queues on two CPUs. What it has like the others is in test_e1000_lies.c.
 */
#include "host/fake_e1000_rig.h"
#include "net/core/steer.h"

static struct fake_e1000 *device(void)
{
	fake_machine_reset();
	return fake_e1000e_create(4);
}

static u32 reg(const struct fake_e1000 *d, u32 off) { return d->regs[off / 4]; }

TEST(a_device_is_found_named_and_opened)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	static const u8 mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x57 };

	CHECK_STR(r->dev->driver, "e1000e");
	CHECK_MEM(r->dev->addr, mac, 6);
	CHECK(r->dev->carrier);
	CHECK_EQ(fake_e1000_offered(d), E1000_RING - 1);
	CHECK_EQ(r->dev->nr_rxq, 1); /* one CPU */
	CHECK(!(reg(d, E1000_MRQC) & E1000_MRQC_RSS));
	expect_working(r, d);
	finish(r, d);
}

TEST(a_vector_costs_no_register_but_the_unmasking)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	u64 reads, writes;

	for (unsigned i = 0; i < 8; i++)
		CHECK(give(d, 60)); /* the first of them interrupts, its cause is masked until the poll is over */
	reads = fake_mmio_reads;
	writes = fake_mmio_writes;
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 8);
	CHECK_EQ(r->dev->rx[0].interrupts, 2); /* that of the frames that came masked is kept, and comes after the poll */
	CHECK_EQ(fake_mmio_reads, reads);
	CHECK(fake_mmio_writes - writes <= 2);
	finish(r, d);
}

TEST(frames_that_come_while_masked_interrupt_when_unmasked)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < 1000; i++) {
		CHECK(give(d, 60 + i % 1000));
		if (i % 7 == 0)
			rig_run(r, 0);
	}
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 1000);
	finish(r, d);
}

TEST(a_frame_between_the_last_look_and_the_unmasking_is_not_forgotten)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	expect_none_forgotten(r, d);
	finish(r, d);
}

TEST(sums_are_believed_from_the_extended_status)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	u8 frame[600];

	rig_bytes(frame, sizeof(frame));
	CHECK(fake_e1000_receive(d, frame, sizeof(frame), 0, E1000_RXD_TCPCS, 0));
	rig_run(r, 0);
	CHECK_EQ(r->dev->rx[0].csum_good, 1);
	CHECK(fake_e1000_receive(d, frame, sizeof(frame), 0, E1000_RXD_TCPCS, E1000_RXE_TCPE));
	CHECK(fake_e1000_receive(d, frame, sizeof(frame), 0, E1000_RXD_TCPCS, E1000_RXE_IPE));
	CHECK(fake_e1000_receive(d, frame, sizeof(frame), 0, E1000_RXD_TCPCS | E1000_RXD_IXSM, 0));
	rig_run(r, 0);
	CHECK_EQ(r->dev->rx[0].csum_good, 1);
	CHECK_EQ(r->nr_in, 4);
	CHECK(fake_e1000_receive(d, frame, sizeof(frame), 0, 0, E1000_RXE_CE));
	rig_run(r, 0);
	CHECK_EQ(r->dev->rx[0].errors, 1);
	CHECK_EQ(r->nr_in, 4);
	finish(r, d);
}

TEST(sums_are_inserted_after_segments_were_cut)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	unsigned contexts;

	rig_send(r, rig_skb(r, 500, 500, 0, true, 0));
	rig_send(r, rig_skb(r, 500, 500, 0, true, 0));
	CHECK_EQ(d->nr_contexts, 1);
	rig_send(r, rig_skb(r, 9000, 54, 1900, true, 1448));
	contexts = d->nr_contexts;
	rig_send(r, rig_skb(r, 500, 500, 0, true, 0));
	CHECK_EQ(d->nr_contexts, contexts + 1); /* the one context was the segments' */
	finish(r, d);
}

TEST(link_changes_come_by_the_vector_of_the_rest)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < 3; i++) {
		fake_e1000_set_link(d, false);
		rig_run(r, 0);
		CHECK(!r->dev->carrier);
		fake_e1000_set_link(d, true);
		rig_run(r, 0);
		CHECK(r->dev->carrier);
	}
	CHECK_EQ(d->icr, 0); /* acknowledged: it does not come for ever */
	CHECK_EQ(d->interrupts, 6);
	expect_working(r, d);
	finish(r, d);
}

TEST(causes_that_nobody_asked_for_are_acknowledged_once)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	unsigned before = d->interrupts;

	fake_e1000_cause(d, E1000_INT_MDAC | E1000_INT_SRPD | E1000_INT_ACK | E1000_INT_MNG | E1000_INT_RXO);
	rig_run(r, NSEC_PER_SEC);
	CHECK_EQ(d->interrupts, before + 1);
	CHECK_EQ(d->icr, 0);
	expect_working(r, d);
	finish(r, d);
}

TEST(without_vectors_the_line_serves)
{
	struct fake_e1000 *d = device();
	struct rig *r;

	d->func->config[0xa0] = 0x01; /* no MSI-X */
	d->is_82574 = true;
	r = rig_probe(0);
	REQUIRE(r->dev != NULL);
	CHECK(!e1000_of(r)->vectors);
	CHECK_EQ(e1000_of(r)->queues[0].ims, E1000_INT_ALWAYS);
	finish(r, d);
}

TEST(refused_vectors_fall_back_to_the_line)
{
	struct fake_e1000 *d = device();
	struct rig *r;

	fake_vectors_left = 1;
	r = rig_probe(0);
	REQUIRE(r->dev != NULL);
	CHECK(!e1000_of(r)->vectors);
	CHECK(!e1000_of(r)->dead);
	finish(r, d);
}

TEST(moderation_is_in_the_registers_of_the_vector)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	CHECK_EQ(set(r, 'C', "rx-usecs", "100"), 0);
	CHECK_EQ(reg(d, E1000_EITR), 100 * 1000 / 256);
	CHECK_EQ(set(r, 'C', "rx-delay", "64"), 0);
	CHECK_EQ(set(r, 'C', "rx-abs-delay", "128"), 0);
	CHECK_EQ(set(r, 'C', "tx-delay", "32"), 0);
	CHECK_EQ(set(r, 'C', "tx-abs-delay", "256"), 0);
	CHECK_EQ(reg(d, E1000_RDTR), 63); /* units of 1.024 us, no less than was asked for */
	CHECK_EQ(reg(d, E1000_RADV), 125);
	CHECK_EQ(reg(d, E1000_TIDV), 32);
	CHECK_EQ(reg(d, E1000_TADV), 250);
	CHECK_EQ(e1000_of(r)->queues[0].tx_cmd & E1000_TXD_IDE, E1000_TXD_IDE);
	CHECK_EQ(set(r, 'C', "tx-delay", "1"), 0);
	CHECK_EQ(reg(d, E1000_TIDV), 1); /* 0 is not allowed to descriptors that ask for it (13.4.43) */
	CHECK_EQ(set(r, 'C', "rx-delay", "10000"), 0);
	CHECK_EQ(reg(d, E1000_RDTR), 9766); /* of 16 bits: nothing of it is cut off */
	CHECK(set(r, 'C', "rx-delay", "10001") < 0);
	dev_close(r->dev);
	CHECK_EQ(dev_open(r->dev), 0);
	CHECK_EQ(reg(d, E1000_RADV), 125); /* a reset forgets, the driver does not */
	finish(r, d);
}

TEST(a_full_ring_asks_for_completions_and_loses_nothing)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	d->lazy_tx = true;
	for (unsigned i = 0; i < 600; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(r->dev->txq[0].stopped);
	for (unsigned i = 0; i < 20 && d->nr_sent < 600; i++) {
		fake_e1000_send(d);
		rig_run(r, NSEC_PER_MSEC);
	}
	CHECK_EQ(d->nr_sent, 600);
	CHECK(!r->dev->txq[0].stopped);
	finish(r, d);
}

/* ---- two queues on two CPUs ---- */

static struct rig *two_queues(void)
{
	struct rig *r;

	rig_cpus = 2;
	r = rig_create(0);
	rig_cpus = 1;
	REQUIRE(e1000_of(r)->nr_queues == 2);
	return r;
}

TEST(each_queue_has_a_vector_a_throttle_and_a_mask_of_its_own)
{
	struct fake_e1000 *d = device();
	struct rig *r = two_queues();
	u8 frame[300];

	rig_bytes(frame, sizeof(frame));
	CHECK_EQ(set(r, 'C', "rx-usecs", "100"), 0);
	CHECK_EQ(set(r, 'C', "rx-delay", "64"), 0);
	for (u32 q = 0; q < 2; q++) {
		CHECK_EQ(reg(d, E1000_EITR + 4 * q), 100 * 1000 / 256);
		CHECK_EQ(reg(d, E1000_RDTR + q * E1000_QUEUE_STRIDE), 63);
	}
	memset(d->vectors, 0, sizeof(d->vectors));
	CHECK(fake_e1000_receive_second(d, frame, sizeof(frame)));
	CHECK_EQ(d->vectors[1], 1);
	CHECK_EQ(d->ims & (E1000_INT_RXQ0 | E1000_INT_RXQ0 << 1), E1000_INT_RXQ0); /* masked by firing, the other one is not */
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 1);
	CHECK_EQ(r->dev->rx[1].packets, 1);
	CHECK_EQ(r->dev->rx[1].interrupts, 1);
	CHECK_EQ(d->ims & (E1000_INT_RXQ0 | E1000_INT_RXQ0 << 1), E1000_INT_RXQ0 | E1000_INT_RXQ0 << 1);
	CHECK(fake_e1000_receive(d, frame, sizeof(frame), 0, 0, 0));
	rig_run(r, 0);
	CHECK_EQ(d->vectors[0], 1);
	CHECK_EQ(d->vectors[1], 1);
	CHECK_EQ(r->dev->rx[0].packets, 1);
	finish(r, d);
}

TEST(the_hash_table_and_key_are_those_of_the_stack)
{
	struct fake_e1000 *d = device();
	struct rig *r = two_queues();
	u8 key[STEER_KEY_BYTES];

	steer_key(r->net->steer, key);
	for (unsigned i = 0; i < STEER_SLOTS; i++)
		CHECK_EQ((reg(d, E1000_RETA + (i & ~3u)) >> 8 * (i % 4) & 0xff) == E1000_RETA_QUEUE1, r->net->steer->cpu[i] % 2);
	for (unsigned i = 0; i < STEER_KEY_BYTES; i++)
		CHECK_EQ(reg(d, E1000_RSSRK + (i & ~3u)) >> 8 * (i % 4) & 0xff, key[i]);
	finish(r, d);
}

TEST(each_cpu_sends_on_its_own_queue)
{
	struct fake_e1000 *d = device();
	struct rig *r = two_queues();
	struct net_cpu *first = r->cpu;

	r->cpu = r->net->cpus[1];
	rig_send(r, rig_skb(r, 9000, 54, 1900, true, 1448));
	CHECK_EQ(d->nr_sent, DIV_ROUND_UP(9000 - 54, 1448));
	CHECK_EQ(r->dev->txq[1].stats.kicks, 1);
	CHECK_EQ(r->dev->txq[0].stats.kicks, 0);
	rig_run(r, 10 * NSEC_PER_MSEC);
	CHECK_EQ(r->dev->txq[1].stats.completed, 1);
	r->cpu = first;
	finish(r, d);
}

/* With two CPUs there are two queues: a reset waits until both are out of their rings, and both go on behind it. */
TEST(a_lie_in_either_of_two_queues_resets_both)
{
	for (unsigned i = 0; i < 2; i++) {
		struct fake_e1000 *d = device();
		struct e1000_queue *q;
		struct rig *r;
		unsigned resets;

		r = two_queues();
		CHECK(reg(d, E1000_MRQC) & E1000_MRQC_RSS);
		resets = d->resets;
		q = &e1000_of(r)->queues[i];
		q->rx.desc[q->rx.clean].ext.length = 2047;
		q->rx.desc[q->rx.clean].ext.status = E1000_RXD_DD | E1000_RXD_EOP;
		napi_schedule(&q->napi); /* as its vector does */
		rig_run(r, 3 * NSEC_PER_SEC);
		CHECK_EQ(r->dev->rx[i].lies, 1);
		CHECK_EQ(d->resets, resets + 2); /* out of the rings, and at the start */
		for (q = e1000_of(r)->queues; q < e1000_of(r)->queues + 2; q++) {
			CHECK(!q->down && !q->broken);
			CHECK_EQ((q->rx.use - q->rx.clean) & q->rx.mask, q->rx.mask);
		}
		expect_working(r, d);
		finish(r, d);
	}
}

/* The card is told by its table alone, while frames are under way: nothing is reset, nothing lost. */
TEST(one_queue_or_two_are_used_as_asked_for)
{
	struct fake_e1000 *d = device();
	const struct steer *s;
	struct rig *r;

	rig_cpus = 2;
	r = rig_create(0);
	rig_cpus = 1;
	s = r->net->steer;
	for (unsigned n = 1; n <= 2; n++) {
		CHECK_EQ(set(r, 'L', "combined", n == 1 ? "1" : "2"), 0);
		CHECK_EQ(r->dev->nr_channels, n);
		CHECK_EQ(r->dev->xps[1], n - 1);
		for (unsigned i = 0; i < STEER_SLOTS; i++)
			CHECK_EQ(reg(d, E1000_RETA + i / 4 * 4) >> 8 * (i % 4) & 0xff, s->cpu[i] % n ? E1000_RETA_QUEUE1 : 0u);
		expect_working(r, d);
		r->dev->ops->reset(r->dev);
		rig_run(r, NSEC_PER_MSEC);
		CHECK_EQ(reg(d, E1000_RETA) >> 8 & 0xff, n == 1 ? 0u : E1000_RETA_QUEUE1); /* a reset forgets, the driver does not */
	}
	CHECK(set(r, 'L', "combined", "3") < 0);
	finish(r, d);
}

TEST(rings_are_made_anew_in_each_size)
{
	static const char *const sizes[] = { "128", "1024", "256" };
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		CHECK_EQ(set(r, 'G', "rx", sizes[i]), 0);
		CHECK_EQ(set(r, 'G', "tx", sizes[i]), 0);
		CHECK_EQ(reg(d, E1000_RDLEN) / 16, r->dev->rings.rx);
		expect_working(r, d);
	}
	finish(r, d);
}
