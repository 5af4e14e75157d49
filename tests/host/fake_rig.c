/* SPDX-License-Identifier: MIT
 * fake_rig.c - see fake_rig.h.
 */
#include <stdlib.h>

#include "host/fake_rig.h"

#include "drivers/virtio-net/virtio_mmio.h"
#include "host/harness.h"
#include "lib/string.h"
#include "net/core/qdisc.h"
#include "net/core/stage.h"

#define ETH_BYTES 14
#define IP_BYTES  20
#define TCP_BYTES 20

const char *rig_cmdline = "";

static struct rig *current; /* one at a time; link_ops have no argument */
static struct net_device *kept[2048];
static unsigned nr_kept;

static enum drop_reason capture(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct rig *r = current;

	r->nr_in++;
	r->in_len = skb->len;
	r->in_summed = skb->ip_summed;
	r->in_gso_type = skb->gso_type;
	r->in_gso_size = skb->gso_size;
	r->in_gso_segs = skb->gso_segs;
	r->in_nr_frags = skb->nr_frags;
	r->in_csum_start = (u16)(skb->csum_start - skb_headroom(skb));
	REQUIRE(skb->len <= sizeof(r->in));
	skb_copy_bits(skb, 0, r->in, skb->len);
	if (r->hold)
		skb_queue_tail(&r->held, skb);
	else
		consume_skb(cpu, skb);
	return SKB_CONSUMED;
}

static void no_header(struct net_device *dev, struct sk_buff *skb, const u8 *dst)
{
}

static const struct link_ops capture_ops = { .name = "capture", .hdr_len = ETH_BYTES, .rcv = capture, .header = no_header };

unsigned rig_cpus = 1;

struct rig *rig_probe(size_t pool_bytes)
{
	struct net_params params = { .nr_cpus = rig_cpus, .now_ns = host_clock, .skb_pool_bytes = pool_bytes ?: 4u << 20 };
	struct rig *r = calloc(1, sizeof(*r));
	static struct fiber_sched fibers[2];

	host_clock_step = 20; /* drivers wait for devices by the clock */
	skb_queue_init(&r->held);
	for (unsigned i = 0; i < rig_cpus; i++) {
		fiber_sched_init(&fibers[i]);
		params.fibers[i] = &fibers[i];
	}
	r->net = net_create(&params);
	REQUIRE(r->net != NULL);
	r->cpu = r->net->cpus[0];
	pci_init();
	pci_probe(r->net);
	virtio_mmio_init(r->net, rig_cmdline);
	r->dev = dev_by_name(r->net, "eth0");
	r->bufs_at_start = r->cpu->skb_pool->nr_free_bufs;
	current = r;
	if (r->dev)
		r->dev->link = &capture_ops;
	return r;
}

struct rig *rig_create(size_t pool_bytes)
{
	struct rig *r = rig_probe(pool_bytes);

	REQUIRE(r->dev != NULL);
	REQUIRE(dev_open(r->dev) == 0);
	rig_run(r, 0);
	return r;
}

/* What a driver was given and what it gave, it knows; the tests stand for the layers above, which count nothing. */
static void check_rings(struct rig *r)
{
	static const char *const names[] = { "rxring", "qdisc", "txring" };
	struct net_balance b;
	u64 in, out;

	net_balance(r->net, &b);
	CHECK_EQ(b.reasons, b.dropped + b.bare_dropped);
	for (unsigned i = 0; i < NR_STAGES; i++)
		for (unsigned k = 0; k < ARRAY_SIZE(names); k++)
			if (!strcmp(stages[i].name, names[k]) && !CHECK(stage_holds(&stages[i], b.terms, &in, &out)))
				test_note("stage %s: %llu in, %llu out", names[k], (unsigned long long)in, (unsigned long long)out);
}

void rig_destroy(struct rig *r)
{
	s64 alive = 0;

	check_rings(r);
	skb_queue_purge(r->cpu, &r->held, RX_OK);
	for (unsigned i = 0; i < r->net->nr_devs; i++) {
		struct net_device *dev = r->net->devs[i];

		if (!dev || dev->flags & IFF_LOOPBACK)
			continue;
		dev_close(dev);
		check_rings(r);
		kept[nr_kept++ % ARRAY_SIZE(kept)] = dev; /* devices live as long as the machine: here, as long as the process */
	}
	CHECK_EQ(r->cpu->skb_pool->nr_free_bufs, r->bufs_at_start);
	for (unsigned i = 0; i < r->net->nr_cpus; i++) /* what one made, another may have ended */
		alive += (s64)(r->net->cpus[i]->stats[STAT_SkbAllocs] - r->net->cpus[i]->stats[STAT_SkbFrees]);
	CHECK_EQ(alive, 0);
	net_destroy(r->net);
	free(r);
}

/* Each CPU's softirq, as if they took turns; when one next wants to. */
static u64 poll_all(struct rig *r)
{
	u64 next = TIME_NEVER;

	for (unsigned i = 0; i < r->net->nr_cpus; i++)
		next = MIN(next, net_poll(r->net->cpus[i], host_clock));
	for (unsigned i = 0; i < r->net->nr_cpus; i++) /* one may have posted to another that had its turn */
		next = softirq_pending(r->net->cpus[i]) ? host_clock : next;
	return next;
}

void rig_run(struct rig *r, u64 ns)
{
	u64 until = host_clock + ns, next;
	unsigned rounds = 0;

	do {
		next = poll_all(r);
		if (next > host_clock)
			host_clock = MAX(host_clock, MIN(next, until));
		else
			rounds++;
	} while (next <= until && rounds < 10000);
	CHECK(rounds < 10000);
	host_clock = MAX(host_clock, until);
	poll_all(r);
}

void rig_bytes(u8 *out, u32 len)
{
	static const u8 eth[ETH_BYTES] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };

	for (u32 i = 0; i < len; i++)
		out[i] = (u8)(i * 7 + i / 251);
	memcpy(out, eth, MIN(len, (u32)ETH_BYTES));
	if (len < ETH_BYTES + IP_BYTES + TCP_BYTES)
		return;
	out[ETH_BYTES] = 0x45;
	out[ETH_BYTES + 2] = (u8)((len - ETH_BYTES) >> 8);
	out[ETH_BYTES + 3] = (u8)(len - ETH_BYTES);
	out[ETH_BYTES + 9] = 6;
	out[ETH_BYTES + IP_BYTES + 12] = TCP_BYTES / 4 << 4;
}

struct sk_buff *rig_skb(struct rig *r, u32 len, u32 linear, u32 piece, bool csum, u16 gso_size)
{
	struct sk_buff *skb = alloc_skb(r->cpu, SKB_HEADROOM);
	u8 *bytes = malloc(len);
	u32 at = MIN(linear, len);

	REQUIRE(skb != NULL);
	rig_bytes(bytes, len);
	memcpy(skb_put(skb, at), bytes, at);
	while (at < len) {
		u32 n = MIN(MIN(piece, len - at), (u32)SKB_BUF_ROOM);
		struct skb_buf *b = skb_buf_alloc(r->cpu);

		REQUIRE(b != NULL);
		memcpy(skb_buf_room(b), bytes + at, n);
		REQUIRE(skb_add_frag(skb, b, skb_buf_room(b), n));
		at += n;
	}
	free(bytes);
	skb->dev = r->dev;
	skb_reset_mac_header(skb);
	skb->network_header = skb->mac_header + ETH_BYTES;
	skb->transport_header = skb->network_header + IP_BYTES;
	if (csum) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb->transport_header;
		skb->csum_offset = 16;
	}
	if (gso_size) {
		skb->gso_size = gso_size;
		skb->gso_type = SKB_GSO_TCPV4;
		skb->gso_segs = (u16)DIV_ROUND_UP(len - ETH_BYTES - IP_BYTES - TCP_BYTES, gso_size);
	}
	return skb;
}

void rig_frame(struct rig *r, unsigned len)
{
	struct netdev_queue *txq = dev_direct_queue(r->cpu, r->dev);
	struct skb_buf *b = skb_buf_alloc(r->cpu);

	REQUIRE(txq && b && len <= SKB_BUF_ROOM - SKB_HEADROOM);
	rig_bytes(skb_buf_room(b) + SKB_HEADROOM, len);
	dev_xmit_frame(txq, b, skb_buf_room(b) + SKB_HEADROOM, len, (ETH_BYTES + IP_BYTES) | 16 << 16);
}

void rig_frame_alone(struct rig *r, unsigned len)
{
	bh_disable(r->cpu);
	rig_frame(r, len);
	bh_enable(r->cpu);
}

void rig_send(struct rig *r, struct sk_buff *skb)
{
	bh_disable(r->cpu);
	dev_queue_xmit(r->cpu, skb);
	bh_enable(r->cpu);
	rig_run(r, 0);
}

u64 rig_drops(struct rig *r, enum drop_reason reason)
{
	return r->cpu->drops[reason];
}
