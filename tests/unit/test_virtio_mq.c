/* SPDX-License-Identifier: MIT
 * test_virtio_mq.c - virtio-net with several queues, on a fake device and two CPUs: RSS and the hash report as the device is told of
 * them and as they are believed, `ethtool -L` in both directions with frames under way, and which CPU sends through which queue.
 */
#include "host/fake_virtio_rig.h"
#include "lib/errno.h"
#include "net/core/ethtool.h"
#include "net/core/steer.h"

enum { PAIRS = 1, RSS = 2, HASH = 4 };

/* Two CPUs over a device with these of its talents. */
static struct rig *two_cpus(struct fake_virtio *d, unsigned has)
{
	struct rig *r;

	d->pairs = has & (PAIRS | RSS) ? 2 : 1;
	fake_virtio_set_vectors(d, 5);
	if (has & (RSS | HASH))
		d->rss = (struct virtio_net_rss_limits){ STEER_KEY_BYTES, STEER_SLOTS, ~0u };
	if (!(has & RSS))
		d->offered &= ~VIRTIO_NET_F_RSS;
	if (!(has & HASH))
		d->offered &= ~VIRTIO_NET_F_HASH_REPORT;
	rig_cpus = 2;
	r = rig_create(0);
	rig_cpus = 1;
	return r;
}

/* ---- what the device is told ---- */

static void expect_key(const struct steer *s, u8 bytes, const u8 *key)
{
	u8 want[STEER_KEY_BYTES];

	steer_key(s, want);
	CHECK_EQ(bytes, STEER_KEY_BYTES);
	CHECK_MEM(key, want, STEER_KEY_BYTES);
}

static void expect_rss(struct rig *r, struct fake_virtio *d, unsigned pairs)
{
	const struct steer *s = r->net->steer;
	const struct virtio_net_rss_config *c = &d->command.rss;

	CHECK_EQ(d->command.command, VIRTIO_NET_CTRL_MQ_RSS_CONFIG);
	CHECK_EQ(d->command_len, 2 + sizeof(*c));
	CHECK_EQ(c->hash_types, 0x3f); /* addresses and ports of both families, no extension headers */
	CHECK_EQ(c->table_mask, STEER_SLOTS - 1);
	CHECK_EQ(c->max_tx_vq, pairs);
	for (unsigned i = 0; i < STEER_SLOTS; i++)
		CHECK_EQ(c->table[i], s->cpu[i] % pairs);
	expect_key(s, c->key_bytes, c->key);
}

TEST(rss_is_told_the_key_and_which_queue_is_the_owners)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, RSS | HASH);

	CHECK_EQ(d->nr_commands, 1); /* which says what to report, too */
	expect_rss(r, d, 2);
	CHECK(d->driver_features & VIRTIO_NET_F_HASH_REPORT);
	CHECK(r->dev->features & NETIF_F_RXHASH);
	expect_working(r, d);
	finish(r, d);
}

TEST(without_rss_the_report_has_a_command_of_its_own_behind_that_of_the_pairs)
{
	for (unsigned has = HASH; has <= (HASH | PAIRS); has++) {
		struct fake_virtio *d = device();
		struct rig *r = two_cpus(d, has);

		CHECK_EQ(r->dev->nr_channels, has & PAIRS ? 2 : 1);
		CHECK_EQ(d->nr_commands, has & PAIRS ? 2 : 1);
		CHECK_EQ(d->command.command, VIRTIO_NET_CTRL_MQ_HASH_CONFIG);
		CHECK_EQ(d->command_len, 2 + sizeof(d->command.hash));
		CHECK_EQ(d->command.hash.hash_types, 0x3f);
		expect_key(r->net->steer, d->command.hash.key_bytes, d->command.hash.key);
		expect_working(r, d);
		finish(r, d);
	}
}

TEST(one_cpu_asks_for_no_report)
{
	struct fake_virtio *d = device();
	struct rig *r;

	d->pairs = 1;
	d->rss = (struct virtio_net_rss_limits){ STEER_KEY_BYTES, STEER_SLOTS, ~0u };
	r = rig_create(0);
	CHECK(!(d->driver_features & (VIRTIO_NET_F_HASH_REPORT | VIRTIO_NET_F_CTRL_VQ)));
	CHECK(!(r->dev->hw_features & NETIF_F_RXHASH));
	expect_working(r, d);
	finish(r, d);
}

TEST(a_device_with_too_small_a_key_or_without_tcp_hashes_is_not_asked)
{
	static const struct virtio_net_rss_limits limits[] = {
		{ STEER_KEY_BYTES - 1, STEER_SLOTS, ~0u }, { STEER_KEY_BYTES, STEER_SLOTS, VIRTIO_NET_HASH_IPV4 }, { 0, 0, 0 } };

	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
		struct fake_virtio *d = device();
		struct rig *r;

		d->rss = limits[i];
		r = two_cpus(d, PAIRS);
		d->offered = ~0ull;
		CHECK(!(d->driver_features & (VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT)));
		CHECK_EQ(r->dev->nr_channels, 2);
		finish(r, d);
	}
}

TEST(a_device_that_refuses_to_report_works_with_the_longer_header)
{
	struct fake_virtio *d = device();
	struct rig *r;

	d->ctrl = CTRL_REFUSES;
	r = two_cpus(d, HASH);
	CHECK(d->driver_features & VIRTIO_NET_F_HASH_REPORT);
	CHECK(!((r->dev->features | r->dev->hw_features) & NETIF_F_RXHASH));
	expect_working(r, d);
	finish(r, d);
}

TEST(frames_of_every_size_pass_both_ways_behind_20_bytes)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, HASH);
	static u8 frame[65550];

	rig_bytes(frame, sizeof(frame));
	for (u32 len = 14; len <= sizeof(frame); len += len < 4000 ? 37 : 4001) {
		CHECK(fake_virtio_receive(d, &plain, frame, len));
		rig_run(r, 0);
		CHECK_EQ(r->in_len, len);
		CHECK_MEM(r->in, frame, len);
	}
	rig_send(r, rig_skb(r, 60000, 54, 1900, true, 1448));
	CHECK_EQ(d->sent_len, 60000);
	CHECK_EQ(d->sent_hdr.csum_start, 34); /* from the frame, not from the header */
	CHECK_EQ(d->sent_hdr.gso_size, 1448);
	CHECK_EQ(d->sent_hdr.hdr_len, 54);
	rig_frame(r, 500);
	rig_run(r, NSEC_PER_MSEC);
	CHECK_EQ(d->sent_len, 500);
	CHECK_EQ(d->sent_hdr.csum_start, 34);
	finish(r, d);
}

/* ---- what is believed ---- */

/* Frames of one TCP flow whose hash is `hash`; returns how many of them came to CPU 1. */
static u64 flow(struct rig *r, struct fake_virtio *d, u16 sport, u32 hash, u16 report, unsigned frames)
{
	u64 before = r->net->cpus[1]->softnet.received_rps;
	u8 frame[60];

	rig_bytes(frame, sizeof(frame));
	memcpy(frame, r->dev->addr, 6);
	memcpy(frame + 34, (u8[]){ (u8)(sport >> 8), (u8)sport, 0, 80 }, 4);
	d->hash_value = hash;
	d->hash_report = report;
	while (frames--) {
		CHECK(fake_virtio_receive(d, &plain, frame, sizeof(frame)));
		rig_run(r, 0);
	}
	return r->net->cpus[1]->softnet.received_rps - before;
}

static u32 true_hash(struct rig *r, u16 sport)
{
	u8 frame[60];
	struct ip_addr a, b;
	be32 v[2];
	u16 h;

	rig_bytes(frame, sizeof(frame));
	memcpy(v, frame + 26, sizeof(v));
	a = ip_from_v4(v[0]);
	b = ip_from_v4(v[1]);
	h = steer_hash(r->net->steer, &a, &b, sport, 80);
	return (u32)h << 16 | h;
}

/* A port whose flow is CPU 1's. */
static u16 port_of_cpu1(struct rig *r)
{
	u16 port = 1000;

	while (r->net->steer->cpu[true_hash(r, port) % STEER_SLOTS] != 1 || !true_hash(r, port))
		port++;
	return port;
}

TEST(a_reported_hash_of_addresses_and_ports_is_whose_the_frame_is)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, HASH);
	u16 port = port_of_cpu1(r);
	u32 hash = true_hash(r, port);

	r->dev->link = &eth_link_ops;
	CHECK_EQ(flow(r, d, port, hash, VIRTIO_NET_REPORT_TCPV4, 300), 300);
	CHECK_EQ(r->dev->rx[0].lies, 0);
	CHECK(r->dev->features & NETIF_F_RXHASH);
	/* The next is believed without a look: it is not the one in 64. Of addresses alone, or none: software looks. */
	CHECK_EQ(flow(r, d, port, hash ^ 1, VIRTIO_NET_REPORT_TCPV4, 1), 0);
	CHECK_EQ(flow(r, d, port, hash ^ 1, VIRTIO_NET_REPORT_IPV4, 10), 10);
	CHECK_EQ(flow(r, d, port, hash ^ 1, VIRTIO_NET_REPORT_NONE, 1), 1);
	CHECK_EQ(flow(r, d, port, 0, VIRTIO_NET_REPORT_TCPV4, 1), 1); /* 0 may be a hash as well */
	finish(r, d);
}

TEST(switched_off_no_hash_is_believed)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, HASH);
	struct ethtool_change c;
	u16 port = port_of_cpu1(r);

	r->dev->link = &eth_link_ops;
	ethtool_begin(r->dev, &c);
	CHECK_EQ(ethtool_set(r->dev, &c, 'K', "rxhash", "off") ?: ethtool_commit(r->cpu, r->dev, &c), 0);
	CHECK_EQ(flow(r, d, port, true_hash(r, port) ^ 1, VIRTIO_NET_REPORT_TCPV4, 5), 5);
	finish(r, d);
}

TEST(a_device_whose_hash_is_wrong_is_believed_no_more)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, HASH);
	u16 port = port_of_cpu1(r);

	r->dev->link = &eth_link_ops;
	flow(r, d, port, true_hash(r, port) ^ 1, VIRTIO_NET_REPORT_TCPV4, 64);
	CHECK_EQ(r->dev->rx[0].lies, 1);
	CHECK(!((r->dev->features | r->dev->hw_features) & NETIF_F_RXHASH));
	CHECK_EQ(flow(r, d, port, true_hash(r, port) ^ 1, VIRTIO_NET_REPORT_TCPV4, 200), 200);
	CHECK_EQ(r->dev->rx[0].lies, 1);
	finish(r, d);
}

TEST(a_report_that_was_not_asked_for_costs_its_frame)
{
	static const u16 reports[] = { 7, 8, 9, 10, 15, 16, 17, 0x8000, 0xffff }; /* 7 to 9: with extension headers */
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, RSS | HASH);

	for (unsigned i = 0; i < ARRAY_SIZE(reports); i++) {
		d->hash_report = reports[i];
		CHECK(fake_virtio_receive(d, &plain, "0123456789abcdef", 16));
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, 0);
		CHECK_EQ(r->dev->rx[0].lies, i + 1);
		CHECK_EQ(rig_drops(r, DROP_DEV_HDR), i + 1);
	}
	d->hash_report = VIRTIO_NET_REPORT_UDPV6;
	expect_working(r, d);
	CHECK_EQ(r->dev->rx[0].resets, 0);
	finish(r, d);
}

TEST(a_used_length_that_ends_within_the_longer_header_is_an_error)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, HASH);

	for (u32 len = 0; len < 20 + 14; len++)
		fake_virtio_push(d, 0, fake_virtio_take(d, 0), len);
	fake_virtio_interrupt(d, 0);
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 0);
	CHECK_EQ(r->dev->rx[0].errors, 20 + 14);
	expect_working(r, d);
	finish(r, d);
}

/* ---- ethtool -L ---- */

static int combined(struct rig *r, const char *n, char why[160])
{
	struct ethtool_change c;
	int err;

	ethtool_begin(r->dev, &c);
	err = ethtool_set(r->dev, &c, 'L', "combined", n) ?: ethtool_commit(r->cpu, r->dev, &c);
	if (err)
		memcpy(why, c.why, sizeof(c.why));
	return err;
}

/* A frame that CPU `cpu` makes and sends. */
static void send_from(struct rig *r, unsigned cpu)
{
	struct net_cpu *first = r->cpu;

	r->cpu = r->net->cpus[cpu];
	rig_send(r, rig_skb(r, 500, 500, 0, false, 0));
	r->cpu = first;
}

TEST(fewer_pairs_are_told_when_the_others_have_sent_all_and_more_at_once)
{
	for (unsigned rss = 0; rss < 2; rss++) {
		struct fake_virtio *d = device();
		struct rig *r = two_cpus(d, rss ? RSS : PAIRS);
		char why[160];

		for (unsigned round = 1; round <= 3; round++) {
			d->nr_commands = d->nr_sent = d->sent_by[1] = d->sent_by[3] = 0;
			d->lazy_tx = true;
			for (unsigned i = 0; i < 10; i++)
				send_from(r, 1);
			CHECK_EQ(combined(r, "1", why), 0);
			CHECK_EQ(r->dev->nr_channels, 1);
			rig_run(r, 100 * NSEC_PER_MSEC);
			CHECK_EQ(d->nr_commands, 0); /* ten frames are in the ring */
			send_from(r, 1);
			d->lazy_tx = false;
			fake_virtio_send(d);
			rig_run(r, 100 * NSEC_PER_MSEC);
			CHECK_EQ(d->sent_by[3], 10);
			CHECK_EQ(d->sent_by[1], 1);
			CHECK_EQ(d->nr_commands, 1);
			if (rss)
				expect_rss(r, d, 1);
			else
				CHECK_EQ(d->command.pairs, 1);
			CHECK_EQ(combined(r, "2", why), 0);
			CHECK_EQ(d->nr_commands, 2);
			if (rss)
				expect_rss(r, d, 2);
			else
				CHECK_EQ(d->command.pairs, 2);
			send_from(r, 1);
			CHECK_EQ(d->sent_by[3], 11);
			CHECK_EQ(r->dev->rx[0].resets, 0);
		}
		expect_working(r, d);
		finish(r, d);
	}
}

TEST(what_waits_behind_a_full_ring_leaves_before_its_pair_goes)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, PAIRS);
	char why[160];

	d->nr_commands = 0;
	d->lazy_tx = true;
	for (unsigned i = 0; i < 600; i++)
		send_from(r, 1);
	CHECK(r->dev->txq[1].stopped);
	CHECK_EQ(combined(r, "1", why), 0);
	for (unsigned i = 0; i < 50 && d->nr_sent < 600; i++) {
		CHECK_EQ(d->nr_commands, 0);
		fake_virtio_send(d);
		rig_run(r, NSEC_PER_MSEC);
	}
	rig_run(r, 50 * NSEC_PER_MSEC);
	CHECK_EQ(d->sent_by[3], 600);
	CHECK_EQ(d->nr_commands, 1);
	finish(r, d);
}

TEST(frames_that_came_to_a_pair_before_it_went_are_taken_in)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, PAIRS);
	char why[160];

	d->mute = true;
	d->rx_queue = 2;
	for (unsigned i = 0; i < 20; i++)
		CHECK(fake_virtio_receive(d, &plain, "0123456789abcdef", 16));
	CHECK_EQ(combined(r, "1", why), 0);
	rig_run(r, 10 * NSEC_PER_MSEC);
	CHECK_EQ(d->command.pairs, 1);
	d->mute = false;
	fake_virtio_interrupt(d, 2);
	rig_run(r, 0);
	CHECK_EQ(r->nr_in, 20);
	finish(r, d);
}

TEST(numbers_of_pairs_that_are_not_to_be_had_are_refused_with_what_is)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, PAIRS);
	char why[160];

	CHECK(combined(r, "0", why) < 0);
	CHECK_STR(why, "combined 0: allowed is a number from 1 to 16");
	CHECK(combined(r, "3", why) < 0);
	CHECK_STR(why, "combined 3: eth0 allows 1 to 2");
	CHECK(combined(r, "two", why) < 0);
	CHECK_EQ(combined(r, "2", why), 0);
	CHECK_EQ(d->nr_commands, 1);
	finish(r, d);

	d = device();
	r = rig_create(0);
	CHECK_EQ(combined(r, "2", why), -EOPNOTSUPP);
	CHECK_STR(why, "combined 2: eth0 has 1 pair of queues, and cannot use another number");
	CHECK_EQ(combined(r, "1", why), 0);
	finish(r, d);
}

TEST(a_device_that_refuses_another_number_keeps_the_one_it_has)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, PAIRS);
	char why[160];

	d->ctrl = CTRL_REFUSES;
	CHECK_EQ(combined(r, "1", why), 0); /* it is told later, and the log says so */
	rig_run(r, 10 * NSEC_PER_MSEC);
	CHECK_EQ(r->dev->nr_channels, 2);
	d->ctrl = CTRL_OBEYS;
	CHECK_EQ(combined(r, "1", why), 0);
	rig_run(r, 10 * NSEC_PER_MSEC);
	CHECK_EQ(d->command.pairs, 1);
	d->ctrl = CTRL_REFUSES;
	CHECK(combined(r, "2", why) < 0);
	CHECK(strstr(why, "combined 2: eth0 refuses"));
	CHECK_EQ(r->dev->nr_channels, 1);
	d->ctrl = CTRL_SILENT;
	CHECK(combined(r, "2", why) < 0);
	d->ctrl = CTRL_OBEYS;
	CHECK(combined(r, "2", why) < 0); /* the answer that is missing could be taken for this one's */
	CHECK_EQ(r->dev->nr_channels, 1);
	r->dev->ops->reset(r->dev);
	rig_run(r, 10 * NSEC_PER_MSEC);
	CHECK_EQ(combined(r, "2", why), 0);
	CHECK_EQ(d->command.pairs, 2);
	expect_working(r, d);
	finish(r, d);
}

TEST(the_number_survives_a_reset_even_while_it_changes)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, PAIRS);
	char why[160];

	d->lazy_tx = true;
	send_from(r, 1);
	CHECK_EQ(combined(r, "1", why), 0);
	fake_virtio_push(d, 2, 0x4711, 60);
	fake_virtio_interrupt(d, 2);
	rig_run(r, 3 * NSEC_PER_SEC);
	CHECK_EQ(r->dev->rx[0].resets, 1);
	CHECK_EQ(r->dev->nr_channels, 1);
	CHECK_EQ(d->command.pairs, 1);
	r->dev->ops->reset(r->dev);
	rig_run(r, 0);
	CHECK_EQ(d->command.pairs, 1);
	CHECK_EQ(r->dev->nr_channels, 1);
	dev_close(r->dev);
	CHECK_EQ(combined(r, "2", why), 0); /* told when it is opened */
	CHECK_EQ(dev_open(r->dev), 0);
	CHECK_EQ(d->command.pairs, 2);
	CHECK_EQ(r->dev->nr_channels, 2);
	d->lazy_tx = false;
	expect_working(r, d);
	finish(r, d);
}

/* ---- XPS ---- */

/* Sends one from each CPU, and checks which queue had it. */
static void expect_queues(struct rig *r, struct fake_virtio *d, unsigned first, unsigned second)
{
	const unsigned queue[2] = { first, second };

	for (unsigned cpu = 0; cpu < 2; cpu++) {
		unsigned before = d->sent_by[2 * queue[cpu] + 1];

		send_from(r, cpu);
		CHECK_EQ(d->sent_by[2 * queue[cpu] + 1], before + 1);
	}
}

TEST(the_map_says_which_queue_a_cpu_sends_through_and_the_queues_owner_does_it)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, PAIRS);
	char why[160];

	expect_queues(r, d, 0, 1);
	CHECK_EQ(dev_set_xps(r->dev, 1, 1), 0); /* each has the other's */
	CHECK_EQ(dev_xps(r->dev, 0), 2);
	CHECK_EQ(dev_xps(r->dev, 1), 1);
	expect_queues(r, d, 1, 0);
	CHECK(!dev_direct_queue(r->cpu, r->dev)); /* not without the owner */
	CHECK_EQ(dev_set_xps(r->dev, 0, 3), 0);
	CHECK_EQ(dev_xps(r->dev, 1), 0);
	expect_queues(r, d, 0, 0);
	CHECK_EQ(dev_set_xps(r->dev, 0, 0), 0); /* nobody: each has what is left */
	expect_queues(r, d, 1, 1);
	CHECK_EQ(combined(r, "1", why), 0);
	CHECK_EQ(dev_xps(r->dev, 0), 3);
	expect_queues(r, d, 0, 0);
	CHECK_EQ(dev_set_xps(r->dev, 0, 1), -EINVAL);
	CHECK_EQ(dev_set_xps(r->dev, 0, 3), 0);
	rig_run(r, 10 * NSEC_PER_MSEC);
	CHECK_EQ(combined(r, "2", why), 0);
	expect_queues(r, d, 1, 1); /* as it had been asked for */
	CHECK_EQ(dev_set_xps(r->dev, 0, 1), 0);
	expect_queues(r, d, 0, 1);
	rig_run(r, 10 * NSEC_PER_MSEC); /* what was sent goes home */
	finish(r, d);
}

TEST(what_is_on_its_way_to_a_queue_that_goes_out_of_use_takes_another)
{
	struct fake_virtio *d = device();
	struct rig *r = two_cpus(d, PAIRS);
	struct sk_buff *skb = rig_skb(r, 500, 500, 0, false, 0);
	char why[160];

	CHECK_EQ(dev_set_xps(r->dev, 1, 3), 0);
	bh_disable(r->cpu);
	dev_queue_xmit(r->cpu, skb); /* into CPU 1's inbox */
	bh_enable(r->cpu);
	CHECK_EQ(combined(r, "1", why), 0);
	rig_run(r, 10 * NSEC_PER_MSEC);
	CHECK_EQ(d->sent_by[1], 1);
	CHECK_EQ(d->sent_by[3], 0);
	CHECK_EQ(d->command.pairs, 1);
	finish(r, d);
}
