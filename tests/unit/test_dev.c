/* SPDX-License-Identifier: MIT
 * test_dev.c - devices: registration, the way in and its verdicts, backlog, the way out and what a device cannot do, taps,
 * the watchdog, other CPUs' queues.
 */
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "net/core/qdisc.h"
#include "net/core/tap.h"
#include "net/wire/checksum.h"
#include "net/wire/ether.h"

struct fake {
	struct net_device dev;
	struct sk_buff_head got; /* what start_xmit() was given */
	unsigned flushes, watched, opened, stopped;
	int open_error;
};

static int fake_open(struct net_device *dev)
{
	struct fake *f = (struct fake *)dev;

	f->opened++;
	dev->carrier = true;
	return f->open_error;
}
static void fake_stop(struct net_device *dev) { ((struct fake *)dev)->stopped++; }
static void fake_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb)
{
	skb_queue_tail(&((struct fake *)dev)->got, skb);
}
static void fake_flush(struct net_device *dev, unsigned txq) { ((struct fake *)dev)->flushes++; }
static void fake_watchdog(struct net_device *dev, unsigned txq, u64 now_ns) { ((struct fake *)dev)->watched++; }

static const struct net_device_ops fake_ops = {
	.open = fake_open, .stop = fake_stop, .start_xmit = fake_xmit, .flush = fake_flush, .watchdog = fake_watchdog,
};

static struct net *stack(unsigned nr_cpus)
{
	struct net_params p = { .nr_cpus = nr_cpus, .now_ns = NSEC_PER_SEC, .skb_pool_bytes = 1 << 20 };
	struct net *net;

	host_clock = NSEC_PER_SEC;
	net = net_create(&p);
	REQUIRE(net);
	return net;
}

static void fake_add(struct fake *f, struct net *net, const char *name, u32 features)
{
	memset(f, 0, sizeof(*f));
	skb_queue_init(&f->got);
	str_copy(f->dev.name, name, sizeof(f->dev.name));
	f->dev.ops = &fake_ops;
	f->dev.link = &eth_link_ops;
	f->dev.mtu = 1500;
	f->dev.features = features;
	f->dev.nr_txq = f->dev.nr_rxq = 1;
	REQUIRE(!register_netdev(net, &f->dev));
}

static void fake_end(struct fake *f, struct net *net)
{
	skb_queue_purge(net->cpus[0], &f->got, RX_OK);
	net_destroy(net);
}

/* A frame of `len` bytes to dst with this EtherType. */
static struct sk_buff *frame_to(struct net_cpu *cpu, struct net_device *dev, const u8 *dst, u16 type, unsigned len)
{
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);
	struct eth_hdr *eh = (struct eth_hdr *)skb_put(skb, len);

	memset(eh, 0, len);
	memcpy(eh->dst, dst, 6);
	memcpy(eh->src, (u8[]){ 2, 0, 0, 0, 9, 9 }, 6);
	eh->type = be16_of(type);
	skb->dev = dev;
	return skb;
}

TEST(devices_get_numbers_names_and_bounds)
{
	struct net *net = stack(1);
	struct fake f[MAX_NETDEVS + 1];
	char name[16];

	for (unsigned i = net->nr_devs; i < MAX_NETDEVS; i++) {
		fake_add(&f[i], net, "eth%d", 0);
		snprintf(name, sizeof(name), "eth%u", i - 1);
		CHECK_STR(f[i].dev.name, name);
		CHECK_EQ(f[i].dev.ifindex, i + 1);
		CHECK(dev_by_name(net, name) == &f[i].dev);
		CHECK_EQ(f[i].dev.tx_queue_len, 1000);
	}
	f[MAX_NETDEVS] = f[1];
	CHECK_EQ(register_netdev(net, &f[MAX_NETDEVS].dev), -ENOSPC);
	CHECK(!dev_by_name(net, "eth99"));
	unregister_netdev(&f[3].dev);
	CHECK(!dev_by_name(net, "eth2"));
	CHECK_EQ(register_netdev(net, &f[MAX_NETDEVS].dev), -EEXIST); /* its name is eth0 by now */
	f[3].dev.nr_txq = MAX_TXQ + 1;
	CHECK_EQ(register_netdev(net, &f[3].dev), -EINVAL);
	net_destroy(net);
}

TEST(a_device_that_does_not_open_stays_down_and_keeps_nothing)
{
	struct net *net = stack(1);
	struct fake f;

	fake_add(&f, net, "eth%d", 0);
	f.open_error = -EIO;
	CHECK_EQ(dev_open(&f.dev), -EIO);
	CHECK(!(f.dev.flags & IFF_UP));
	f.open_error = 0;
	CHECK_EQ(dev_open(&f.dev), 0);
	CHECK_EQ(dev_open(&f.dev), 0);
	CHECK_EQ(f.opened, 2);
	dev_close(&f.dev);
	dev_close(&f.dev);
	CHECK_EQ(f.stopped, 1);
	fake_end(&f, net);
}

TEST(every_frame_in_is_counted_and_dies_with_its_reason)
{
	static const u8 other[6] = { 2, 9, 9, 9, 9, 9 };
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct net_balance b;
	struct sk_buff *skb;
	struct fake f;

	fake_add(&f, net, "eth%d", 0);
	netif_receive_skb(cpu, frame_to(cpu, &f.dev, f.dev.addr, 0x1234, 60));
	CHECK_EQ(cpu->drops[DROP_DEV_READY], 1);
	REQUIRE(!dev_open(&f.dev));
	netif_receive_skb(cpu, frame_to(cpu, &f.dev, f.dev.addr, 0x1234, 60));
	CHECK_EQ(cpu->drops[DROP_UNHANDLED_PROTO], 1);
	netif_receive_skb(cpu, frame_to(cpu, &f.dev, other, ETH_P_IP, 60));
	CHECK_EQ(cpu->drops[DROP_OTHERHOST], 1);
	skb = alloc_skb(cpu, 64); /* no byte at all */
	skb->dev = &f.dev;
	netif_receive_skb(cpu, skb);
	netif_receive_skb(cpu, frame_to(cpu, &f.dev, f.dev.addr, ETH_P_IP, 14)); /* a header and nothing behind it */
	CHECK_EQ(cpu->drops[DROP_DEV_HDR], 1);
	CHECK(net_balance(net, &b));
	CHECK_EQ(b.rx_frames, 5);
	CHECK_EQ(b.rx_dropped, 5);
	CHECK_EQ(b.alive, 0);
	CHECK_EQ(f.dev.rx[0].packets, 5);
	CHECK_EQ(f.dev.rx[0].bytes, 60 * 3 + 14);
	fake_end(&f, net);
}

TEST(the_backlog_is_polled_later_and_bounded)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct net_balance b;
	struct fake f;

	REQUIRE(!net_sysctl_set(net, "net.core.netdev_max_backlog", "10"));
	fake_add(&f, net, "eth%d", 0);
	REQUIRE(!dev_open(&f.dev));
	for (int i = 0; i < 12; i++)
		netif_rx(cpu, frame_to(cpu, &f.dev, f.dev.addr, 0x1234, 60));
	CHECK_EQ(cpu->drops[DROP_CPU_BACKLOG], 2);
	CHECK_EQ(cpu->softnet.dropped, 2);
	CHECK(net_balance(net, &b));
	CHECK_EQ(b.backlog, 10);
	CHECK_EQ(b.rx_frames, 0);
	net_poll(cpu, NSEC_PER_SEC);
	CHECK_EQ(cpu->drops[DROP_UNHANDLED_PROTO], 10);
	CHECK(net_balance(net, &b));
	CHECK_EQ(b.backlog, 0);
	fake_end(&f, net);
}

/* A frame with `frags` further pieces and a partial checksum over all behind byte 34. */
static struct sk_buff *frame_out(struct net_cpu *cpu, struct net_device *dev, unsigned frags)
{
	static u8 site[100];
	struct sk_buff *skb = frame_to(cpu, dev, dev->addr, ETH_P_IP, 100);

	for (unsigned i = 0; i < sizeof(site); i++)
		site[i] = (u8)i;
	for (unsigned i = 0; i < frags; i++) {
		struct skb_buf *b = skb_buf_alloc(cpu);

		memcpy(skb_buf_room(b), site, sizeof(site));
		skb_add_frag(skb, b, skb_buf_room(b), sizeof(site));
	}
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(skb_headroom(skb) + 34);
	skb->csum_offset = 16;
	return skb;
}

TEST(what_a_device_cannot_do_is_done_before_it_gets_the_frame)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct sk_buff *skb;
	struct fake f;

	fake_add(&f, net, "eth%d", 0);
	REQUIRE(!dev_open(&f.dev));
	dev_queue_xmit(cpu, frame_out(cpu, &f.dev, 5));
	skb = skb_dequeue(&f.got);
	CHECK_EQ(skb->nr_frags, 0);
	CHECK_EQ(skb->len, 600);
	CHECK_EQ(skb->ip_summed, CHECKSUM_NONE);
	CHECK(csum_ok(csum_partial(skb->data + 34, 566, 0)));
	CHECK_EQ(cpu->stats[STAT_CopyOutBytes], 500);
	consume_skb(cpu, skb);

	f.dev.features = NETIF_F_SG | NETIF_F_HW_CSUM;
	dev_queue_xmit(cpu, frame_out(cpu, &f.dev, 5));
	skb = skb_dequeue(&f.got);
	CHECK_EQ(skb->nr_frags, 5);
	CHECK_EQ(skb->ip_summed, CHECKSUM_PARTIAL);
	consume_skb(cpu, skb);

	f.dev.features = 0;
	dev_queue_xmit(cpu, frame_out(cpu, &f.dev, 30)); /* longer than any buffer */
	CHECK_EQ(cpu->drops[DROP_DEV_TX_FAIL], 1);
	CHECK_EQ(f.got.qlen, 0);
	fake_end(&f, net);
}

TEST(without_link_or_device_frames_out_die_with_dev_ready)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct fake f;

	fake_add(&f, net, "eth%d", 0);
	dev_queue_xmit(cpu, frame_out(cpu, &f.dev, 0));
	REQUIRE(!dev_open(&f.dev));
	netif_carrier_off(&f.dev);
	dev_queue_xmit(cpu, frame_out(cpu, &f.dev, 0));
	CHECK_EQ(cpu->drops[DROP_DEV_READY], 2);
	netif_carrier_on(&f.dev);
	dev_queue_xmit(cpu, frame_out(cpu, &f.dev, 0));
	CHECK_EQ(f.got.qlen, 1);
	fake_end(&f, net);
}

TEST(the_doorbell_rings_once_per_poll_and_only_when_there_is_something)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct fake f;

	fake_add(&f, net, "eth%d", 0);
	REQUIRE(!dev_open(&f.dev));
	for (int i = 0; i < 5; i++)
		dev_queue_xmit(cpu, frame_out(cpu, &f.dev, 0));
	CHECK_EQ(f.flushes, 0);
	net_poll(cpu, NSEC_PER_SEC);
	CHECK_EQ(f.flushes, 1);
	net_poll(cpu, NSEC_PER_SEC);
	CHECK_EQ(f.flushes, 1);
	fake_end(&f, net);
}

TEST(a_woken_queue_sends_what_its_discipline_held)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct fake f;

	fake_add(&f, net, "eth%d", 0);
	REQUIRE(!dev_open(&f.dev));
	netif_stop_queue(&f.dev.txq[0]);
	for (int i = 0; i < 5; i++)
		dev_queue_xmit(cpu, frame_out(cpu, &f.dev, 0));
	net_poll(cpu, NSEC_PER_SEC);
	CHECK_EQ(f.got.qlen, 0);
	netif_wake_queue(cpu, &f.dev.txq[0]);
	netif_wake_queue(cpu, &f.dev.txq[0]);
	net_poll(cpu, NSEC_PER_SEC);
	CHECK_EQ(f.got.qlen, 5);
	CHECK_EQ(f.flushes, 1);
	CHECK_EQ(f.dev.txq[0].stats.stopped, 1);
	fake_end(&f, net);
}

TEST(the_watchdog_looks_every_second_while_there_is_work_and_then_sleeps)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	u64 now = NSEC_PER_SEC;
	struct fake f;

	fake_add(&f, net, "eth%d", 0);
	REQUIRE(!dev_open(&f.dev));
	dev_queue_xmit(cpu, frame_out(cpu, &f.dev, 0));
	netif_stop_queue(&f.dev.txq[0]); /* the ring does not move */
	for (int i = 0; i < 50; i++)
		net_poll(cpu, now += NSEC_PER_SEC / 10);
	CHECK(f.watched >= 4 && f.watched <= 5);
	netif_wake_queue(cpu, &f.dev.txq[0]);
	for (int i = 0; i < 100; i++)
		net_poll(cpu, now += NSEC_PER_SEC / 10);
	CHECK(f.watched <= 7);
	fake_end(&f, net);
}

struct listener {
	struct tap tap;
	unsigned in, out;
	u32 bytes;
};

static void listen(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct listener *l = container_of(t, struct listener, tap);

	*(dir == TAP_IN ? &l->in : &l->out) += 1;
	l->bytes += skb->len;
}

TEST(taps_see_whole_frames_both_ways_of_their_device)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct listener all = { .tap = { .fn = listen } }, one = { .tap = { .fn = listen } };
	struct fake f, g;

	fake_add(&f, net, "eth%d", 0);
	fake_add(&g, net, "eth%d", 0);
	REQUIRE(!dev_open(&f.dev) && !dev_open(&g.dev));
	one.tap.dev = &g.dev;
	tap_add(cpu, &all.tap);
	tap_add(cpu, &one.tap);
	netif_receive_skb(cpu, frame_to(cpu, &f.dev, f.dev.addr, 0x1234, 60));
	netif_receive_skb(cpu, frame_to(cpu, &g.dev, g.dev.addr, 0x1234, 61));
	dev_queue_xmit(cpu, frame_out(cpu, &g.dev, 0));
	CHECK_EQ(all.in, 2);
	CHECK_EQ(all.out, 1);
	CHECK_EQ(one.in, 1);
	CHECK_EQ(one.out, 1);
	CHECK_EQ(one.bytes, 161);
	CHECK_EQ(one.tap.frames, 2);
	tap_remove(cpu, &all.tap);
	tap_remove(cpu, &one.tap);
	dev_queue_xmit(cpu, frame_out(cpu, &g.dev, 0));
	CHECK_EQ(one.out, 1);
	skb_queue_purge(cpu, &g.got, RX_OK);
	fake_end(&f, net);
}

TEST(a_frame_for_a_queue_of_another_cpu_goes_through_its_inbox)
{
	struct net *net = stack(2);
	struct net_cpu *a = net->cpus[0], *b = net->cpus[1];
	struct sk_buff *skb;
	struct fake f;

	fake_add(&f, net, "eth%d", 0);
	REQUIRE(!dev_open(&f.dev));
	dev_queue_xmit(b, frame_out(b, &f.dev, 0));
	CHECK_EQ(f.got.qlen, 0);
	net_poll(b, NSEC_PER_SEC);
	CHECK_EQ(f.got.qlen, 0);
	net_poll(a, NSEC_PER_SEC);
	CHECK_EQ(f.got.qlen, 1);
	CHECK_EQ(f.flushes, 1);
	skb = skb_dequeue(&f.got);
	CHECK_EQ(skb->cpu, 1);
	consume_skb(a, skb);
	net_poll(a, NSEC_PER_SEC);
	raise_softirq(a, SOFTIRQ_NET_TX);
	net_poll(a, NSEC_PER_SEC);
	net_poll(b, NSEC_PER_SEC);
	CHECK_EQ(b->skb_pool->nr_free_skbs, b->skb_pool->nr_skbs);
	fake_end(&f, net);
}
