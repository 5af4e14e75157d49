/* SPDX-License-Identifier: MIT
 * labdev.c - the laboratory's network card: a driver like the real ones, whose rings are lists in memory.
 *
 * What it claims in features it does itself while a frame becomes bytes: checksums, gathering, segmentation.
 */
#include <stdlib.h>

#include "host/lab_impl.h"
#include "lib/printf.h"
#include "net/core/gro.h"
#include "net/core/shed.h"
#include "net/core/gso.h"

#define RX_RING   4096 /* frames */
#define FRAME_MAX 70000

/* ---- frames ---- */

struct lab_frame *lab_frame_new(const void *data, unsigned len)
{
	struct lab_frame *f = malloc(sizeof(*f) + len);

	f->len = len;
	f->next = NULL;
	if (data)
		memcpy(f->data, data, len);
	return f;
}

void lab_queue_init(struct lab_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
	q->count = 0;
}

void lab_queue_put(struct lab_queue *q, struct lab_frame *f)
{
	f->next = NULL;
	*q->last = f;
	q->last = &f->next;
	q->count++;
}

struct lab_frame *lab_queue_get(struct lab_queue *q)
{
	struct lab_frame *f = q->first;

	if (!f)
		return NULL;
	q->first = f->next;
	if (!q->first)
		q->last = &q->first;
	q->count--;
	return f;
}

/* ---- pcap ---- */

struct pcap_header {
	u32 magic;
	u16 major, minor;
	u32 zone, sigfigs, snaplen, linktype;
};

void lab_pcap(struct net_device *dev, const char *path)
{
	struct lab_dev *d = lab_dev_of(dev);
	struct pcap_header h = { 0xa1b23c4d, 2, 4, 0, 0, FRAME_MAX, d->kind == LAB_ETHER ? 1 : 101 };

	d->pcap = fopen(path, "w");
	if (d->pcap)
		fwrite(&h, sizeof(h), 1, d->pcap);
}

static void pcap_frame(struct lab_dev *d, const struct lab_frame *f)
{
	u64 now = d->host->lab->now;
	u32 h[4] = { (u32)(now / NSEC_PER_SEC), (u32)(now % NSEC_PER_SEC), f->len, f->len };

	if (!d->pcap)
		return;
	fwrite(h, sizeof(h), 1, d->pcap);
	fwrite(f->data, f->len, 1, d->pcap);
}

/* ---- out ---- */

static void put_on_wire(struct lab_dev *d, struct net_cpu *cpu, struct sk_buff *skb)
{
	struct lab_frame *f;

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		skb_checksum_help(cpu, skb);
	f = lab_frame_new(NULL, skb->len);
	BUG_ON(skb_copy_bits(skb, 0, f->data, skb->len));
	consume_skb(cpu, skb);
	pcap_frame(d, f);
	lab_wire_send(d, f);
}

static void send_skb(struct lab_dev *d, struct net_cpu *cpu, struct sk_buff *skb)
{
	struct sk_buff_head segs;

	if (!skb->gso_size) {
		put_on_wire(d, cpu, skb);
		return;
	}
	skb_queue_init(&segs);
	if (!skb_gso_segment(cpu, skb, &segs)) {
		kfree_skb_reason(cpu, skb, DROP_DEV_TX_FAIL);
		return;
	}
	consume_skb(cpu, skb);
	while ((skb = skb_dequeue(&segs)))
		put_on_wire(d, cpu, skb);
}

static void labdev_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb)
{
	struct lab_dev *d = lab_dev_of(dev);

	BUG_ON(dev->txq[txq].stopped);
	BUG_ON(skb->nr_frags && !(dev->features & NETIF_F_SG));
	BUG_ON(skb->ip_summed == CHECKSUM_PARTIAL && !(dev->features & NETIF_F_HW_CSUM));
	skb_queue_tail(&d->tx, skb);
	if (d->tx.qlen >= d->ring)
		netif_stop_queue(&dev->txq[txq]);
}

/* A frame without an skb, which it gets here: the ring is one of skbs. */
static void labdev_xmit_frame(struct net_device *dev, unsigned txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum)
{
	struct net_cpu *cpu = dev->net->cpus[dev->txq[txq].cpu];
	struct sk_buff *skb = alloc_skb(cpu, 0);

	lab_dev_of(dev)->bare_frames++;
	REQUIRE(skb);
	memcpy(skb_put(skb, len), data, len);
	skb_buf_put(cpu, buf);
	skb->dev = dev;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(skb_headroom(skb) + (csum & 0xffff));
	skb->csum_offset = (u16)(csum >> 16);
	labdev_xmit(dev, txq, skb);
}

static void labdev_flush(struct net_device *dev, unsigned txq)
{
	struct lab_dev *d = lab_dev_of(dev);
	struct net_cpu *cpu = dev->net->cpus[dev->txq[txq].cpu];
	struct sk_buff *skb;

	dev->txq[txq].stats.kicks++;
	while (!d->stalled && (skb = skb_dequeue(&d->tx)))
		send_skb(d, cpu, skb);
	if (!d->stalled)
		napi_schedule(&d->napi); /* completions: the queue is woken from there, as by an interrupt */
}

void lab_dev_stall(struct net_device *dev, bool stalled)
{
	lab_dev_of(dev)->stalled = stalled;
	if (!stalled)
		labdev_flush(dev, 0);
}

/* ---- in ---- */

void lab_dev_arrive(struct lab_dev *d, struct lab_frame *f)
{
	pcap_frame(d, f);
	if (!(d->dev.flags & IFF_UP) || d->rx.count >= RX_RING) {
		d->dev.rx[0].dropped++;
		free(f);
		return;
	}
	lab_queue_put(&d->rx, f);
	d->dev.rx[0].interrupts++;
	napi_schedule(&d->napi);
}

void lab_inject(struct net_device *dev, const void *frame, unsigned len)
{
	lab_dev_arrive(lab_dev_of(dev), lab_frame_new(frame, len));
}

/* Frames longer than a buffer come in several, as with virtio's mergeable ones. */
static struct sk_buff *skb_of_frame(struct net_cpu *cpu, const struct lab_frame *f)
{
	unsigned n = MIN(f->len, (unsigned)(SKB_BUF_ROOM - SKB_HEADROOM));
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);

	if (!skb)
		return NULL;
	memcpy(skb_put(skb, n), f->data, n);
	for (unsigned off = n; off < f->len; off += n) {
		struct skb_buf *b = skb_buf_alloc(cpu);

		n = MIN(f->len - off, (unsigned)SKB_BUF_ROOM);
		if (!b || !skb_add_frag(skb, b, skb_buf_room(b), n)) {
			if (b)
				skb_buf_put(cpu, b);
			consume_skb(cpu, skb);
			return NULL;
		}
		memcpy(skb_buf_room(b), f->data + off, n);
	}
	return skb;
}

/* As drivers do with a frame of one buffer: overload, then GRO. true: it was taken. */
static bool offer_buffer(struct net_cpu *cpu, struct lab_dev *d, const struct lab_frame *f)
{
	struct skb_buf *b;
	u8 *at;

	if (f->len > SKB_BUF_ROOM - SKB_HEADROOM || !(cpu->shedding || gro_wants(cpu, &d->dev, f->len)))
		return false;
	b = skb_buf_alloc(cpu);
	if (!b)
		return false;
	at = skb_buf_room(b) + SKB_HEADROOM;
	memcpy(at, f->data, f->len);
	if (sheds(cpu, &d->dev, 0, b, at, f->len))
		return true;
	if (gro_wants(cpu, &d->dev, f->len) && gro_receive(cpu, &d->dev, 0, at, f->len, false))
		return true;
	skb_buf_put(cpu, b);
	return false;
}

/* The same before there is an skb. */
static bool offer_bare(struct net_cpu *cpu, struct lab_dev *d, const struct lab_frame *f)
{
	if (!may_be_bare(cpu, f->len) || gro_wants(cpu, &d->dev, f->len) || !netif_rcv_bare(cpu, &d->dev, 0, f->data, f->len, false))
		return false;
	d->bare_acks++;
	return true;
}

static int labdev_poll(struct napi_struct *napi, int budget)
{
	struct lab_dev *d = container_of(napi, struct lab_dev, napi);
	struct net_cpu *cpu = napi->cpu;
	struct lab_frame *f;
	int work = 0;

	if (!d->stalled && d->tx.qlen < d->ring)
		netif_wake_queue(cpu, &d->dev.txq[0]);
	while (work < budget && (f = lab_queue_get(&d->rx))) {
		struct sk_buff *skb;

		work++;
		if (offer_bare(cpu, d, f) || offer_buffer(cpu, d, f)) {
			free(f);
			continue;
		}
		skb = skb_of_frame(cpu, f);
		free(f);
		if (!skb) {
			d->dev.rx[0].no_buf++;
			continue;
		}
		skb->dev = &d->dev;
		netif_receive_skb(cpu, skb);
	}
	if (work < budget)
		napi_complete(napi, work);
	return work;
}

/* ---- making ---- */

static int labdev_open(struct net_device *dev)
{
	netif_carrier_on(dev);
	return 0;
}

static void labdev_stop(struct net_device *dev)
{
	struct lab_dev *d = lab_dev_of(dev);
	struct lab_frame *f;

	skb_queue_purge(d->napi.cpu, &d->tx, DROP_FULL_RING);
	while ((f = lab_queue_get(&d->rx)))
		free(f);
	netif_carrier_off(dev);
}

static const struct net_device_ops labdev_ops = {
	.open = labdev_open,
	.stop = labdev_stop,
	.start_xmit = labdev_xmit,
	.xmit_frame = labdev_xmit_frame,
	.flush = labdev_flush,
};

struct net_device *lab_dev_with(struct lab_host *h, enum lab_kind kind, u32 features, unsigned ring)
{
	struct lab_dev *d = calloc(1, sizeof(*d));
	struct net_device *dev = &d->dev;
	unsigned number = h->net->nr_devs;

	d->host = h;
	d->kind = kind;
	d->ring = ring ? ring : 256;
	lab_queue_init(&d->rx);
	lab_queue_init(&d->sent);
	skb_queue_init(&d->tx);
	d->next = h->lab->devs;
	h->lab->devs = d;

	str_copy(dev->name, "eth%d", sizeof(dev->name));
	dev->mtu = 1500;
	dev->min_mtu = 68;
	dev->max_mtu = 65535;
	dev->features = dev->hw_features = features;
	dev->ops = &labdev_ops;
	dev->link = kind == LAB_ETHER ? &eth_link_ops : &raw_link_ops;
	dev->flags = kind == LAB_ETHER ? IFF_BROADCAST | IFF_MULTICAST : IFF_NOARP;
	memset(dev->broadcast, 0xff, 6);
	memcpy(dev->addr, (u8[]){ 2, 0, 0, 0, (u8)h->name[0], (u8)number }, 6);
	dev->nr_txq = dev->nr_rxq = 1;
	dev->driver = "lab";
	dev->bus = "";
	REQUIRE(!register_netdev(h->net, dev));
	netif_napi_add(h->cpu, dev, &d->napi, labdev_poll, 64);
	REQUIRE(!dev_open(dev));
	return dev;
}

struct net_device *lab_dev(struct lab_host *h, enum lab_kind kind)
{
	return lab_dev_with(h, kind, NETIF_F_SG, 0);
}

void lab_dev_free(struct lab_dev *d)
{
	struct lab_frame *f;

	while ((f = lab_queue_get(&d->sent)))
		free(f);
	if (d->pcap)
		fclose(d->pcap);
	free(d->departures);
	free(d);
}

unsigned lab_sent(struct net_device *dev, void *frame, unsigned size)
{
	struct lab_frame *f = lab_queue_get(&lab_dev_of(dev)->sent);
	unsigned len;

	if (!f)
		return 0;
	len = f->len;
	memcpy(frame, f->data, MIN(len, size));
	free(f);
	return len;
}

unsigned lab_bare_acks(struct net_device *dev)
{
	return lab_dev_of(dev)->bare_acks;
}

unsigned lab_bare_frames(struct net_device *dev)
{
	return lab_dev_of(dev)->bare_frames;
}

unsigned lab_sent_count(struct net_device *dev)
{
	return lab_dev_of(dev)->sent.count;
}
