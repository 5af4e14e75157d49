/* SPDX-License-Identifier: MIT
 * test_e1000.c - the e1000 driver on a fake device: EEPROM, both directions, checksum and segmentation contexts,
 * back-pressure, shortage of memory, busy polling.
 */
#include "host/fake_e1000_rig.h"
#include "net/core/qdisc.h"

static struct fake_e1000 *device(void)
{
	fake_machine_reset();
	return fake_e1000_create(4);
}

TEST(a_device_is_found_named_and_opened)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	static const u8 mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x57 };

	CHECK_STR(r->dev->name, "eth0");
	CHECK_STR(r->dev->driver, "e1000");
	CHECK_MEM(r->dev->addr, mac, 6);
	CHECK(r->dev->carrier);
	CHECK_EQ(r->dev->speed_mbit, 1000);
	CHECK_EQ(fake_e1000_offered(d), E1000_RING - 1);
	CHECK_EQ(d->regs[E1000_RAH0 / 4] & 0xffff, 0x5734);
	expect_working(r, d);
	finish(r, d);
}

TEST(a_wrong_eeprom_sum_falls_back_to_the_receive_address)
{
	struct fake_e1000 *d = device();
	struct rig *r;
	static const u8 mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x57 };

	d->eeprom[63]++;
	r = rig_create(0);
	CHECK_MEM(r->dev->addr, mac, 6);
	finish(r, d);
}

TEST(a_dead_eeprom_falls_back_to_the_receive_address)
{
	struct fake_e1000 *d = device();
	struct rig *r;

	d->eeprom_dead = true;
	r = rig_create(0);
	CHECK_EQ(r->dev->addr[5], 0x57);
	finish(r, d);
}

TEST(an_unusable_address_is_replaced)
{
	struct fake_e1000 *d = device();
	struct rig *r;

	fake_e1000_set_mac(d, (const u8[6]){ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff });
	r = rig_create(0);
	CHECK_EQ(r->dev->addr[0] & 3, 2);
	finish(r, d);
}

TEST(the_whole_family_is_driven)
{
	static const u16 ids[] = { E1000_82540EM, E1000_82544GC, E1000_82545EM };

	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		struct fake_e1000 *d = device();
		struct rig *r;

		fake_config_set(d->func, 2, 2, ids[i]);
		r = rig_create(0);
		expect_working(r, d);
		finish(r, d);
	}
}

TEST(without_a_line_the_device_does_not_open)
{
	struct fake_e1000 *d = device();
	struct rig *r;

	d->func->config[0x3d] = 0;
	r = rig_probe(0);
	CHECK(dev_open(r->dev) < 0);
	finish(r, d);
}

/* ---- receive ---- */

TEST(a_burst_costs_one_interrupt_and_few_register_accesses)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	unsigned interrupts = d->interrupts, rdt = d->rdt_writes;
	u64 reads = fake_mmio_reads, writes = fake_mmio_writes;

	for (unsigned i = 0; i < 200; i++)
		CHECK(give(d, 60));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 200);
	CHECK(d->rdt_writes - rdt <= 200 / E1000_REFILL);
	/* frames that came while masked left their cause behind, hence a second one */
	CHECK(d->interrupts - interrupts <= 2);
	CHECK(fake_mmio_reads - reads <= 2);
	CHECK(fake_mmio_writes - writes <= 4 + (d->rdt_writes - rdt));
	finish(r, d);
}

TEST(a_frame_between_the_last_look_and_the_unmasking_is_not_forgotten)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	expect_none_forgotten(r, d);
	finish(r, d);
}

TEST(a_busy_poller_takes_frames_without_a_register_access)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	u64 reads, writes;

	busy_poll(r->cpu, 100);
	busy_poll_turn(r->cpu, r->cpu->now_ns);
	rig_run(r, 0);
	CHECK(give(d, 60)); /* its interrupt was on */
	rig_run(r, 0);
	CHECK_EQ(d->ims, 0);
	reads = fake_mmio_reads;
	writes = fake_mmio_writes;
	for (unsigned i = 0; i < 20; i++) {
		CHECK(give(d, 60));
		busy_poll_turn(r->cpu, r->cpu->now_ns);
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, i + 2);
	}
	CHECK_EQ(fake_mmio_reads, reads);
	CHECK_EQ(fake_mmio_writes, writes);
	CHECK_EQ(r->dev->rx[0].interrupts, 1);
	CHECK_EQ(r->cpu->stats[STAT_TcpExtBusyPollRxPackets], 21);
	busy_poll_turn(r->cpu, r->cpu->now_ns + 100 * NSEC_PER_USEC);
	rig_run(r, 0);
	CHECK(d->ims);
	finish(r, d);
}

TEST(checksums_are_believed_only_when_the_device_computed_them)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	static const struct {
		u8 status, errors, summed;
	} cases[] = {
		{ E1000_RXD_TCPCS, 0, CHECKSUM_UNNECESSARY },
		{ E1000_RXD_TCPCS, E1000_RXE_TCPE, CHECKSUM_NONE },
		{ E1000_RXD_TCPCS, E1000_RXE_IPE, CHECKSUM_NONE },
		{ E1000_RXD_TCPCS | E1000_RXD_IXSM, 0, CHECKSUM_NONE },
		{ 0, 0, CHECKSUM_NONE },
	};
	u8 frame[100];

	rig_bytes(frame, sizeof(frame));
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_e1000_receive(d, frame, sizeof(frame), 0, cases[i].status, cases[i].errors);
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, i + 1);
		CHECK_EQ(r->in_summed, cases[i].summed);
	}
	CHECK_EQ(r->dev->rx[0].csum_good, 1);
	finish(r, d);
}

TEST(frames_with_errors_and_short_ones_are_dropped)
{
	static const u8 errors[] = { E1000_RXE_CE, E1000_RXE_SE, E1000_RXE_SEQ, E1000_RXE_CXE, E1000_RXE_RXE };
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	u8 frame[100] = { 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++)
		fake_e1000_receive(d, frame, sizeof(frame), 0, 0, errors[i]);
	for (u16 len = 0; len < 14; len++)
		fake_e1000_write_back(d, len, E1000_RXD_DD | E1000_RXD_EOP, 0);
	fake_e1000_cause(d, E1000_INT_RXT0);
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 0);
	CHECK_EQ(r->dev->rx[0].errors, ARRAY_SIZE(errors) + 14);
	CHECK_EQ(rig_drops(r, DROP_DEV_HDR), ARRAY_SIZE(errors) + 14);
	expect_working(r, d);
	finish(r, d);
}

TEST(a_frame_of_several_descriptors_is_dropped_and_counted_once)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	u8 frame[9000];

	rig_bytes(frame, sizeof(frame));
	CHECK(fake_e1000_receive(d, frame, sizeof(frame), 1024, 0, 0));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 0);
	CHECK_EQ(r->dev->rx[0].errors, 1);
	expect_working(r, d);
	finish(r, d);
}

TEST(an_empty_pool_is_counted_and_waited_for)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(1u << 20); /* 512 buffers: half of them are in the ring */

	r->hold = true;
	while (give(d, 60))
		rig_run(r, 0);
	CHECK_EQ(r->nr_in, 512);
	CHECK_EQ(fake_e1000_offered(d), 0);
	CHECK(r->dev->rx[0].no_buf > 0);
	r->hold = false;
	skb_queue_purge(r->cpu, &r->held, RX_OK);
	rig_run(r, 10 * NSEC_PER_MSEC); /* no interrupt comes: the timer refills */
	CHECK(fake_e1000_offered(d) > 0);
	expect_working(r, d);
	finish(r, d);
}

TEST(overruns_are_counted_from_the_missed_packets_register)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	d->regs[E1000_MPC / 4] = 17;
	fake_e1000_cause(d, E1000_INT_RXO);
	rig_run(r, 0);
	CHECK_EQ(r->dev->rx[0].dropped, 17);
	finish(r, d);
}

/* ---- transmit ---- */

TEST(checksums_are_inserted_and_the_context_written_once)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < 3; i++) {
		struct sk_buff *skb = rig_skb(r, 501, 100, 200, true, 0);
		u32 sum = 0;

		rig_send(r, skb);
		for (u32 k = 34; k < 501; k++) /* the field holds the sum: with what stood there it is all ones */
			sum += (u32)d->sent[k] << (k & 1 ? 0 : 8);
		CHECK_EQ(d->nr_sent, i + 1);
		/* what stood in the field was summed too: 16-bit words at an even offset from 34 */
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		CHECK(sum != 0);
	}
	CHECK_EQ(d->nr_contexts, 1);
	CHECK_EQ(d->checksum.tucss, 34);
	CHECK_EQ(d->checksum.tucso, 50);
	CHECK_EQ(d->checksum.tucse, 0);
	rig_send(r, rig_skb(r, 501, 501, 0, false, 0));
	CHECK_EQ(d->nr_contexts, 1);
	finish(r, d);
}

/* The sum over pseudo header and segment, as a receiver checks it: all ones. */
static u16 tcp_sum(const u8 *frame, u32 len)
{
	u32 sum = 6 + (len - 34);

	for (u32 i = 26; i < len; i++) /* addresses, then the segment */
		sum += (u32)frame[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

static void put_pseudo_header(struct sk_buff *skb)
{
	u32 sum = 6 + (skb->len - 34);

	for (u32 i = 26; i < 34; i++)
		sum += (u32)skb->data[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	skb->data[50] = (u8)(sum >> 8);
	skb->data[51] = (u8)sum;
}

TEST(a_checksum_is_right_for_the_receiver)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	for (u32 len = 54; len < 600; len += 37) {
		struct sk_buff *skb = rig_skb(r, len, 54, 100, true, 0);

		put_pseudo_header(skb);
		rig_send(r, skb);
		CHECK_EQ(tcp_sum(d->sent, d->sent_len), 0xffff);
	}
	finish(r, d);
}

/* The fields of a context are bytes (3.3.6): behind long headers of a frame that goes on, the driver sums. */
TEST(a_checksum_farther_in_than_the_device_counts_is_summed_before)
{
	static const u16 places[] = { 239, 240, 300, 1000 };
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		struct sk_buff *skb = rig_skb(r, 1200, 1100, 100, true, 0);
		unsigned contexts = d->nr_contexts;
		u32 sum = 0;

		skb->csum_start = (u16)(skb_headroom(skb) + places[i]);
		memset(skb->data + places[i] + 16, 0, 2);
		rig_send(r, skb);
		for (u32 k = places[i]; k < 1200; k++)
			sum += (u32)d->sent[k] << ((k - places[i]) & 1 ? 0 : 8);
		sum = (sum & 0xffff) + (sum >> 16);
		CHECK_EQ((sum & 0xffff) + (sum >> 16), 0xffff);
		CHECK_EQ(d->nr_contexts - contexts, i == 0);
	}
	finish(r, d);
}

TEST(large_segments_are_cut_by_the_device_with_right_checksums)
{
	static const u32 sizes[] = { 54 + 1449, 54 + 2896, 30000, 65000, 65549 };
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct sk_buff *skb = rig_skb(r, sizes[i], 54, 1984, true, 1448);
		u32 segs = DIV_ROUND_UP(sizes[i] - 54, 1448u), before = d->nr_sent;

		put_pseudo_header(skb);
		rig_send(r, skb);
		CHECK_EQ(d->nr_sent - before, segs);
		CHECK_EQ(d->sent_len, 54 + sizes[i] - 54 - (segs - 1) * 1448);
		CHECK_EQ(tcp_sum(d->sent, d->sent_len), 0xffff);
	}
	/* the checksum context is the device's other one: a plain frame needs its own, once */
	rig_send(r, rig_skb(r, 500, 500, 0, true, 0));
	CHECK_EQ(d->sent_len, 500);
	finish(r, d);
}

TEST(large_segments_of_ipv6_are_cut_before_they_reach_the_device)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	struct sk_buff *skb = rig_skb(r, 74 + 3000, 74, 1984, true, 1428);

	CHECK(!(r->dev->features & NETIF_F_TSO6));
	skb->data[12] = 0x86, skb->data[13] = 0xdd;
	skb->data[14] = 0x60;
	skb->data[54 + 12] = 20 / 4 << 4;
	skb->gso_type = SKB_GSO_TCPV6;
	skb->csum_start = skb->transport_header = (u16)(skb->network_header + 40);
	rig_send(r, skb);
	CHECK_EQ(d->nr_sent, 3);
	CHECK_EQ(d->sent_len, 74 + 144);
	CHECK_EQ(d->sent[18] << 8 | d->sent[19], 20 + 144);
	finish(r, d);
}

/* Its TSO repeats every flag but FIN and PSH: CWR would reduce the receiver's ECE again and again (RFC 3168 6.1.2). */
TEST(a_segment_that_tells_of_a_smaller_window_is_cut_before_it_reaches_the_device)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	struct sk_buff *skb = rig_skb(r, 54 + 3000, 54, 1984, true, 1448);

	skb->data[14 + 20 + 13] = 0x90; /* CWR, ACK */
	skb->gso_type |= SKB_GSO_TCP_ECN;
	put_pseudo_header(skb);
	rig_send(r, skb);
	CHECK_EQ(d->nr_sent, 3);
	CHECK_EQ(d->sent[14 + 20 + 13], 0x10);
	CHECK_EQ(tcp_sum(d->sent, d->sent_len), 0xffff);
	finish(r, d);
}

TEST(long_pieces_are_split_for_the_packet_fifo)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	static u8 site[60000]; /* memory that stays, as a file of the site archive */
	struct sk_buff *skb = rig_skb(r, 54, 54, 0, true, 1448);
	unsigned before;

	REQUIRE(skb_add_frag(skb, NULL, site, sizeof(site)));
	before = d->nr_descs;
	rig_send(r, skb);
	CHECK_EQ(d->nr_descs - before, 1 + 1 + DIV_ROUND_UP(60000, E1000_TX_PIECE));
	CHECK_EQ(d->nr_sent, DIV_ROUND_UP(60000, 1448));
	finish(r, d);
}

TEST(a_burst_rings_the_doorbell_once)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	unsigned tdt = d->tdt_writes;

	bh_disable(r->cpu);
	for (unsigned i = 0; i < 50; i++)
		dev_queue_xmit(r->cpu, rig_skb(r, 500, 500, 0, false, 0));
	bh_enable(r->cpu);
	rig_run(r, 0);
	CHECK_EQ(d->nr_sent, 50);
	CHECK_EQ(d->tdt_writes - tdt, 1);
	finish(r, d);
}

TEST(a_full_ring_stops_the_queue_and_loses_nothing)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	d->lazy_tx = true;
	for (unsigned i = 0; i < 600; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(r->dev->txq[0].stopped);
	for (unsigned i = 0; i < 100 && d->nr_sent < 600; i++) {
		fake_e1000_send(d);
		rig_run(r, 0);
	}
	CHECK_EQ(d->nr_sent, 600);
	CHECK(!r->dev->txq[0].stopped);
	finish(r, d);
}

/* Receive livelock's other half: what cannot be answered is not worth taking. */
TEST(while_a_full_ring_has_a_queue_behind_it_frames_stay_where_they_are)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);
	u64 interrupts;

	d->lazy_tx = true;
	for (unsigned i = 0; !r->dev->txq[0].stopped; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(give(d, 60));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 1); /* the ring alone is full: what comes is taken */
	for (unsigned i = 0; i < QDISC_BEHIND; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	interrupts = r->dev->rx[0].interrupts;
	for (unsigned i = 0; i < 100; i++)
		CHECK(give(d, 60));
	rig_run(r, 3 * NSEC_PER_MSEC);
	CHECK_EQ(r->nr_in, 1);
	CHECK(r->dev->rx[0].held > 0);
	CHECK_EQ(r->dev->rx[0].interrupts, interrupts + 1);
	fake_e1000_send(d);
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 101); /* the interrupt of the stopped queue was enough */
	CHECK(!r->dev->txq[0].stopped);
	fake_e1000_send(d);
	rig_run(r, 2 * NSEC_PER_MSEC);
	finish(r, d);
}

TEST(held_frames_are_taken_without_an_interrupt_too)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(0);

	d->lazy_tx = true;
	for (unsigned i = 0; i < 256 + QDISC_BEHIND; i++)
		rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	CHECK(give(d, 60));
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 0);
	d->ims = 0; /* the interrupt of the tx queue gets lost */
	fake_e1000_send(d);
	rig_run(r, 2 * NSEC_PER_MSEC);
	CHECK_EQ(r->nr_in, 1);
	fake_e1000_send(d);
	rig_run(r, 2 * NSEC_PER_MSEC);
	finish(r, d);
}

TEST(a_full_ring_of_the_largest_frames_wraps_and_loses_nothing)
{
	struct fake_e1000 *d = device();
	struct rig *r = rig_create(8u << 20);

	d->lazy_tx = true;
	for (unsigned round = 0; round < 20; round++) {
		unsigned before = d->nr_sent;

		for (unsigned i = 0; i < 12; i++)
			rig_send(r, rig_skb(r, 65549, 54, 1984, true, 1448));
		for (unsigned i = 0; i < 100 && d->nr_sent - before < 12 * 46; i++) {
			fake_e1000_send(d);
			rig_run(r, NSEC_PER_MSEC);
		}
		CHECK_EQ(d->nr_sent - before, 12 * 46);
	}
	finish(r, d);
}
