/* SPDX-License-Identifier: MIT
 * test_frames.c - frames without an skb: past the discipline, straight into the ring of either driver.
 */
#include "host/fake_e1000.h"
#include "host/fake_virtio_rig.h"
#include "net/core/ethtool.h"
#include "net/core/qdisc.h"

/* What the tests ask of a device, whichever it is. */
struct nic {
	void *(*create)(void);
	void (*lazy)(void *d, bool on); /* it sends when it is told to */
	void (*send)(void *d);
	bool (*give)(void *d, const u8 *frame, u32 len); /* a frame comes in */
	struct nic_sent {
		unsigned frames, len, doorbells, csum_start, csum_offset; /* in all; of the last frame */
	} (*sent)(const void *d);
};

static void *virtio_create(void) { return device(); }
static void virtio_lazy(void *d, bool on) { ((struct fake_virtio *)d)->lazy_tx = on; }
static void virtio_send(void *d) { fake_virtio_send(d); }
static bool virtio_give(void *d, const u8 *frame, u32 len) { return fake_virtio_receive(d, &plain, frame, len); }
static struct nic_sent virtio_sent(const void *dev)
{
	const struct fake_virtio *d = dev;

	CHECK(!d->nr_sent || d->sent_hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE);
	return (struct nic_sent){ d->nr_sent, d->sent_len, (unsigned)d->vq[1].notifies, d->sent_hdr.csum_start, d->sent_hdr.csum_offset };
}

static void *e1000_create(void)
{
	fake_machine_reset();
	return fake_e1000_create(4);
}
static void e1000_lazy(void *d, bool on) { ((struct fake_e1000 *)d)->lazy_tx = on; }
static void e1000_send(void *d) { fake_e1000_send(d); }
static bool e1000_give(void *d, const u8 *frame, u32 len) { return fake_e1000_receive(d, frame, len, 0, 0, 0); }
static struct nic_sent e1000_sent(const void *dev)
{
	const struct fake_e1000 *d = dev;
	const struct e1000_tx_context *c = &d->checksum;

	return (struct nic_sent){ d->nr_sent, d->sent_len, d->tdt_writes, c->tucss, (unsigned)c->tucso - c->tucss };
}

static const struct nic nics[] = {
	{ virtio_create, virtio_lazy, virtio_send, virtio_give, virtio_sent },
	{ e1000_create, e1000_lazy, e1000_send, e1000_give, e1000_sent },
};
#define for_each_nic(nic) for (const struct nic *nic = nics; nic < nics + ARRAY_SIZE(nics); nic++)

static void end(struct rig *r, void *d)
{
	rig_run(r, 2 * NSEC_PER_MSEC);
	rig_destroy(r);
	free(d);
}

static void send_skb(struct rig *r) { dev_queue_xmit(r->cpu, rig_skb(r, 500, 500, 0, false, 0)); }
static bool is_direct(struct rig *r) { return dev_direct_queue(r->cpu, r->dev) != NULL; }

TEST(a_frame_needs_no_skb)
{
	for_each_nic(nic) {
		void *d = nic->create();
		struct rig *r = rig_create(0);
		u64 skbs = r->cpu->stats[STAT_SkbAllocs];
		unsigned doorbells = nic->sent(d).doorbells;
		struct nic_sent sent;

		bh_disable(r->cpu);
		rig_frame(r, 300); /* the first of a burst, too */
		CHECK_EQ(r->cpu->stats[STAT_SkbAllocs], skbs);
		send_skb(r);
		rig_frame(r, 400);
		bh_enable(r->cpu);
		rig_run(r, 0);
		sent = nic->sent(d);
		CHECK_EQ(sent.frames, 3);
		CHECK_EQ(sent.len, 400);
		CHECK_EQ(sent.doorbells - doorbells, 1);
		CHECK_EQ(sent.csum_start, 34);
		CHECK_EQ(sent.csum_offset, 16);
		CHECK(!r->dev->txq[0].direct); /* the burst is over */
		CHECK_EQ(r->dev->txq[0].stats.packets, 3);
		CHECK_EQ(r->dev->txq[0].stats.bytes, 300 + 500 + 400);
		CHECK_EQ(r->dev->txq[0].qdisc->bypassed, 3);
		rig_run(r, 10 * NSEC_PER_MSEC);
		CHECK_EQ(r->dev->txq[0].stats.completed, 3);
		end(r, d);
	}
}

TEST(one_that_is_not_sent_is_dropped_and_counted)
{
	for_each_nic(nic) {
		void *d = nic->create();
		struct rig *r = rig_create(0);
		u64 before;

		nic->lazy(d, true);
		bh_disable(r->cpu);
		send_skb(r);
		rig_frame(r, 300);
		bh_enable(r->cpu);
		before = rig_drops(r, DROP_FULL_RING);
		bh_disable(r->cpu);
		dev_close(r->dev);
		bh_enable(r->cpu);
		CHECK_EQ(rig_drops(r, DROP_FULL_RING) - before, 2);
		CHECK_EQ(r->dev->txq[0].stats.dropped, 2);
		REQUIRE(!dev_open(r->dev));
		end(r, d);
	}
}

/* Beside the pools, of which the first hundreds still come from pages: large skbs in pieces, frames without an skb, receive buffers. */
TEST(frames_in_and_out_take_nothing_of_the_general_allocator)
{
	for_each_nic(nic) {
		void *d = nic->create();
		struct rig *r = rig_create(0);
		u64 before = 0;
		u8 frame[600];

		rig_bytes(frame, sizeof(frame));
		for (unsigned i = 0; i < 1200; i++) {
			if (i == 200)
				before = mem_allocs();
			for (unsigned k = 0; k < 4; k++)
				CHECK(nic->give(d, frame, sizeof(frame)));
			bh_disable(r->cpu);
			rig_frame(r, 300);
			dev_queue_xmit(r->cpu, rig_skb(r, 20000, 54, 1900, true, 1448));
			bh_enable(r->cpu);
			rig_run(r, 0);
		}
		CHECK_EQ(r->nr_in, 4800);
		CHECK_EQ(mem_allocs(), before);
		end(r, d);
	}
}

/* One that meets a device which is being reset has been let through before: the burst's word is not asked again. */
TEST(one_that_comes_while_the_device_is_down_is_dropped_and_counted)
{
	for_each_nic(nic) {
		void *d = nic->create();
		struct rig *r = rig_create(0);
		struct skb_buf *b = skb_buf_alloc(r->cpu);
		struct netdev_queue *txq;

		bh_disable(r->cpu);
		txq = dev_direct_queue(r->cpu, r->dev);
		REQUIRE(txq && b);
		r->dev->ops->stop(r->dev);
		dev_xmit_frame(txq, b, skb_buf_room(b) + SKB_HEADROOM, 300, 34 | 16 << 16);
		CHECK_EQ(rig_drops(r, DROP_FULL_RING), 1);
		CHECK_EQ(txq->stats.dropped, 1);
		REQUIRE(!r->dev->ops->open(r->dev));
		bh_enable(r->cpu);
		end(r, d);
	}
}

/* Frames alone fill the ring: it stops with room for the largest skb, and what follows waits as an skb. */
TEST(a_full_ring_lets_none_go_past_what_waits_behind_it)
{
	for_each_nic(nic) {
		void *d = nic->create();
		struct rig *r = rig_create(0);
		struct netdev_queue *txq = &r->dev->txq[0];
		unsigned frames = 0;

		nic->lazy(d, true);
		bh_disable(r->cpu);
		for (; is_direct(r); frames++)
			rig_frame(r, 100 + frames);
		CHECK(txq->stopped);
		CHECK(frames > 128 && frames < 256);
		send_skb(r);
		CHECK_EQ(txq->qdisc->qlen, 1);
		CHECK(!is_direct(r));
		bh_enable(r->cpu);
		rig_run(r, 0);
		nic->send(d);
		rig_run(r, 2 * NSEC_PER_MSEC);
		nic->send(d);
		rig_run(r, 20 * NSEC_PER_MSEC);
		CHECK_EQ(nic->sent(d).frames, frames + 1);
		CHECK_EQ(nic->sent(d).len, 500); /* in order */
		CHECK(!txq->stopped);
		CHECK_EQ(txq->stats.completed, frames + 1);
		rig_frame_alone(r, 300);
		nic->lazy(d, false);
		rig_run(r, 0);
		nic->send(d);
		end(r, d);
	}
}

/* The ring has room again, and the discipline has not been asked yet. */
TEST(what_waits_behind_a_ring_goes_first)
{
	for_each_nic(nic) {
		void *d = nic->create();
		struct rig *r = rig_create(0);

		bh_disable(r->cpu);
		netif_stop_queue(&r->dev->txq[0]);
		send_skb(r);
		netif_wake_queue(r->cpu, &r->dev->txq[0]);
		CHECK(!r->dev->txq[0].stopped);
		CHECK(!is_direct(r));
		bh_enable(r->cpu);
		rig_run(r, 0);
		CHECK_EQ(nic->sent(d).len, 500);
		rig_frame_alone(r, 300);
		rig_run(r, 0);
		CHECK_EQ(nic->sent(d).len, 300);
		end(r, d);
	}
}

static void turn(struct rig *r, const char *value)
{
	struct ethtool_change c;

	ethtool_begin(r->dev, &c);
	CHECK_EQ(ethtool_set(r->dev, &c, 'K', "tx", value) ?: ethtool_commit(r->cpu, r->dev, &c), 0);
}

static void root(struct rig *r, const char *id, const char *words)
{
	struct qdisc_request rq = { .id = id, .options = words };
	struct qdisc_error e;

	CHECK_EQ(qdisc_replace(r->cpu, r->dev, &rq, &e), 0);
}

static void with_tap(struct rig *r) { r->cpu->watch |= WATCH_TAP; }
static void without_tap(struct rig *r) { r->cpu->watch = 0; }
static void with_no_sums(struct rig *r) { turn(r, "off"); }
static void with_sums(struct rig *r) { turn(r, "on"); }
static void with_no_link(struct rig *r) { netif_carrier_off(r->dev); }
static void with_link(struct rig *r) { netif_carrier_on(r->dev); }
static void with_shaper(struct rig *r) { root(r, "tbf", "rate 100mbit burst 10k latency 50ms"); }
static void with_no_shaper(struct rig *r) { root(r, "pfifo_fast", ""); }
static void with_full_ring(struct rig *r) { netif_stop_queue(&r->dev->txq[0]); }
static void with_room(struct rig *r) { netif_wake_queue(r->cpu, &r->dev->txq[0]); }
static void with_another_owner(struct rig *r) { r->dev->txq[0].cpu = 1, dev_set_channels(r->dev, r->dev->nr_channels); }
static void with_its_owner(struct rig *r) { r->dev->txq[0].cpu = 0, dev_set_channels(r->dev, r->dev->nr_channels); }

/* What stands in the way, and that it is gone. */
static const struct {
	const char *what;
	void (*put)(struct rig *r), (*take)(struct rig *r);
} obstacles[] = {
	{ "a tap", with_tap, without_tap },
	{ "sums that are off", with_no_sums, with_sums },
	{ "no link", with_no_link, with_link },
	{ "a shaper", with_shaper, with_no_shaper },
	{ "a full ring", with_full_ring, with_room },
	{ "a queue of another CPU", with_another_owner, with_its_owner },
};

/* Before the first burst, after one, and in the middle of one. */
TEST(nothing_goes_past_what_stands_in_the_way_and_all_does_when_it_is_gone)
{
	enum { FIRST, LATER, AMID, NR_TIMES };

	for_each_nic(nic)
		for (unsigned i = 0; i < NR_TIMES * ARRAY_SIZE(obstacles); i++) {
			unsigned when = i % NR_TIMES;
			void *d = nic->create();
			struct rig *r = rig_create(0);

			bh_disable(r->cpu);
			if (when != FIRST)
				rig_frame(r, 300);
			CHECK(when == FIRST || is_direct(r));
			if (when == LATER) {
				bh_enable(r->cpu);
				rig_run(r, NSEC_PER_MSEC);
				bh_disable(r->cpu);
			}
			obstacles[i / NR_TIMES].put(r);
			if (!CHECK(!is_direct(r)))
				test_note("%s, %u", obstacles[i / NR_TIMES].what, when);
			CHECK_EQ(r->dev->txq[0].dirty, when == AMID); /* asking is no beginning of a burst that nothing follows */
			obstacles[i / NR_TIMES].take(r);
			bh_enable(r->cpu);
			rig_run(r, NSEC_PER_MSEC);
			rig_frame_alone(r, 300);
			rig_run(r, NSEC_PER_MSEC);
			CHECK_EQ(nic->sent(d).frames, 1 + (when != FIRST));
			end(r, d);
		}
}
