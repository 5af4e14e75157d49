/* SPDX-License-Identifier: MIT
 * virtio_net_io.c - virtio-net's frames (virtio 1.2, 5.1.6): both directions, in NAPI's poll and in start_xmit().
 *
 * Receive: buffers of the CPU's pool, one descriptor each; a frame larger than one (mergeable buffers) becomes an skb with
 * frags. Transmit: the device's header is pushed into the headroom, so that one descriptor covers it and the linear part.
 * Completions cost no interrupt: poll, flush and a timer reap them; only a stopped queue asks for one.
 * The same timer finds notifications that got lost, in either direction.
 * A device that says what cannot be true is not believed: the queue halts and poll resets it. A header that makes no sense
 * costs only its frame, since on a switch of guests it may be another guest's word.
 */
#include "drivers/virtio-net/virtio_net_impl.h"

#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "net/core/gro.h"
#include "net/core/qdisc.h"
#include "net/core/shed.h"
#include "san/san.h"

#define ETH_HEADER_BYTES 14
#define VLAN_TAG_BYTES	 4
enum { TYPE_IPV4 = 0x0800, TYPE_VLAN = 0x8100, TYPE_IPV6 = 0x86dd };
enum { IPV4_HEADER_BYTES = 20, IPV6_HEADER_BYTES = 40 };
#define TCP_DOFF_BYTE	 12 /* RFC 9293 3.1: its upper half is the TCP header's length in words */
#define TCP_CSUM_BYTE	 16
#define TCP_HDR_LEN	 20u

/* ---- interrupts: mask, schedule, nothing else ---- */

bool virtnet_rx_irq(void *arg)
{
	struct virtnet_pair *p = arg;

	p->dev->rx[p->index].interrupts++;
	virtqueue_irq_off(&p->rx);
	napi_schedule(&p->napi);
	return true;
}

bool virtnet_tx_irq(void *arg)
{
	struct virtnet_pair *p = arg;

	p->dev->txq[p->index].stats.interrupts++;
	virtqueue_irq_off(&p->tx);
	napi_schedule(&p->napi);
	return true;
}

/* A queue lied: nothing more goes in or out until poll has reset the device. */
static __cold void halt(struct virtnet_pair *p)
{
	if (p->down)
		return;
	p->down = true;
	netif_stop_queue(&p->dev->txq[p->index]);
	virtnet_call(p);
}

/* At the latest then. */
static inline void arm_timer(struct virtnet_pair *p, u64 delay_ns)
{
	u64 at = p->cpu->now_ns + delay_ns;

	if (!p->timer.armed || p->timer.expires_ns > at)
		timer_arm(&p->cpu->wheel, &p->timer, at);
}

/* ---- receive ---- */

void virtnet_refill(struct virtnet_pair *p)
{
	while (p->rx.nr_free) {
		struct skb_buf *b = skb_buf_alloc(p->cpu);

		if (!b) {
			p->dev->rx[p->index].no_buf++;
			break;
		}
		virtqueue_add_in(&p->rx, virt_to_phys(skb_buf_room(b) + VIRTNET_RX_OFF),
				 VIRTNET_RX_LEN, b);
		san_device_owns(skb_buf_room(b), SKB_BUF_ROOM);
	}
}

/* In batches, but at once when the largest frame would not fit what is left: the device holds it back until more buffers
 * come, so that none would ever be used (5.1.6.3.1). A device that ran low waits for the doorbell, whatever it said before:
 * it is rung without being asked for. Without buffers of ours no interrupt would ever come: then the timer tries again. */
static void refill_and_kick(struct virtnet_pair *p)
{
	struct virtqueue *vq = &p->rx;
	u16 shown = virtqueue_shown(vq);
	bool low;

	if (vq->size - shown < VIRTNET_REFILL && shown >= VIRTNET_RX_LOW)
		return;
	virtnet_refill(p);
	low = (u16)(vq->kicked_idx - vq->used->idx) < VIRTNET_RX_LOW;
	if (vq->avail_idx != vq->kicked_idx)
		p->dev->rx[p->index].kicks += virtqueue_kick(vq, low);
	if (unlikely(vq->in_flight < VIRTNET_RX_LOW))
		arm_timer(p, VIRTNET_REAP_NS);
}

/* A frame that died before it was an skb. */
static __cold void lose(struct virtnet_pair *p, struct skb_buf *b, enum drop_reason reason)
{
	p->dev->rx[p->index].dropped++;
	skb_buf_drop(p->cpu, b, reason);
}

/* Where the checksum is to go once the frame leaves again; false: outside of the frame. */
static bool take_partial(struct sk_buff *skb, const struct virtio_net_hdr *h)
{
	if (h->csum_start < ETH_HEADER_BYTES ||
	    (u32)h->csum_start + h->csum_offset + sizeof(u16) > skb_headlen(skb))
		return false;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(skb_headroom(skb) + h->csum_start);
	skb->csum_offset = h->csum_offset;
	return true;
}

/* The gso_type that goes with the frame's IP header, of which there is all in front of `tcp`; GSO_NONE: neither family's. */
static u8 gso_type_of(const u8 *frame, unsigned tcp)
{
	unsigned ip = ETH_HEADER_BYTES, type = (unsigned)frame[ip - 2] << 8 | frame[ip - 1];

	if (type == TYPE_VLAN) {
		ip += VLAN_TAG_BYTES;
		type = (unsigned)frame[ip - 2] << 8 | frame[ip - 1];
	}
	if (type == TYPE_IPV4 && tcp >= ip + IPV4_HEADER_BYTES)
		return VIRTIO_NET_HDR_GSO_TCPV4;
	return type == TYPE_IPV6 && tcp >= ip + IPV6_HEADER_BYTES ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_NONE;
}

/* Segments that the host did not cut up, or merged: what they were, so that they can be cut when forwarded. Their headers are
 * in the first buffer, the sum is TCP's, and there is text; where that is one segment, the frame is a plain one. */
static bool take_gso(struct virtnet_pair *p, struct sk_buff *skb, const struct virtio_net_hdr *h)
{
	u8 type = h->gso_type & (u8)~VIRTIO_NET_HDR_GSO_ECN;
	bool v6 = type == VIRTIO_NET_HDR_GSO_TCPV6;
	unsigned tcp = h->csum_start, header;

	if (!(p->vn->features & (v6 ? VIRTIO_NET_F_GUEST_TSO6 : VIRTIO_NET_F_GUEST_TSO4)) || h->gso_size < VIRTNET_MIN_SEGMENT ||
	    skb->ip_summed != CHECKSUM_PARTIAL || h->csum_offset != TCP_CSUM_BYTE || tcp + TCP_HDR_LEN > skb_headlen(skb) ||
	    type != gso_type_of(skb->data, tcp) || type == VIRTIO_NET_HDR_GSO_NONE ||
	    (h->gso_type & VIRTIO_NET_HDR_GSO_ECN && !(p->vn->features & VIRTIO_NET_F_GUEST_ECN)))
		return false;
	header = (skb->data[tcp + TCP_DOFF_BYTE] >> 4) * 4u;
	if (header < TCP_HDR_LEN || (header += tcp) > skb_headlen(skb) || header >= skb->len)
		return false;
	if (skb->len - header <= h->gso_size)
		return true;
	skb->gso_type = v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
	if (h->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		skb->gso_type |= SKB_GSO_TCP_ECN;
	skb->gso_size = h->gso_size;
	skb->gso_segs = (u16)DIV_ROUND_UP(skb->len - header, h->gso_size);
	return true;
}

/* 5.1.6.4: what the header says of checksums and segments; false: it makes no sense. The device may still write there:
 * a copy is looked at. */
static __noinline bool take_header(struct virtnet_pair *p, struct sk_buff *skb, const void *hdr)
{
	bool vouched = p->dev->features & NETIF_F_RXCSUM;
	struct virtio_net_hdr copy, *h = &copy;

	memcpy(h, hdr, sizeof(*h));
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!(p->vn->features & VIRTIO_NET_F_GUEST_CSUM) || !take_partial(skb, h))
			return false;
		p->dev->rx[p->index].csum_good++;
	} else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID && vouched) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		p->dev->rx[p->index].csum_good++;
	}
	return likely(h->gso_type == VIRTIO_NET_HDR_GSO_NONE) || take_gso(p, skb, h);
}

/* Most often a sender on the host has left the checksum to us, and nothing else is said. */
static inline bool take_offload(struct virtnet_pair *p, struct sk_buff *skb, const u8 *hdr, u16 said, u32 bytes)
{
	u32 csum = READ_ONCE(*(const u32 *)(hdr + offsetof(struct virtio_net_hdr, csum_start)));
	u32 start = csum & 0xffff, offset = csum >> 16;

	_Static_assert((VIRTNET_RX_OFF + offsetof(struct virtio_net_hdr, csum_start)) % sizeof(u32) == 0, "both in one word, read once");
	if (unlikely(said != VIRTIO_NET_HDR_F_NEEDS_CSUM || !p->partial_csum || start < ETH_HEADER_BYTES ||
		     start + offset + sizeof(u16) > skb_headlen(skb)))
		return take_header(p, skb, hdr);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(VIRTNET_RX_OFF + bytes + start); /* headroom: as build_skb() was told */
	skb->csum_offset = (u16)offset;
	p->dev->rx[p->index].csum_good++;
	return true;
}

/* 5.1.6.4.4: a report that was not asked for makes no sense. A hash of addresses and ports is the flow's (core/steer.h). */
static bool take_hash(struct virtnet_pair *p, struct sk_buff *skb, const struct virtio_net_hdr_hash *h)
{
	u16 report;
	u32 value;

	memcpy(&report, &h->hash_report, sizeof(report));
	memcpy(&value, &h->hash_value, sizeof(value));
	if (unlikely(report >= 16 || !(p->vn->reports >> report & 1)))
		return false;
	if (p->vn->whole >> report & 1 && p->dev->features & NETIF_F_RXHASH)
		skb->hash = value;
	return true;
}

/* The buffer that the device gave back, or NULL. Another takes its place where there is one; else refill makes up for it. */
static inline struct skb_buf *take_buf(struct virtnet_pair *p, u32 *len)
{
	struct skb_buf *b, *spare;
	u16 pending = virtqueue_pending(&p->rx);
	struct vq_done done;

	if (!pending)
		return NULL;
	spare = skb_buf_alloc(p->cpu);
	if (likely(spare))
		done = virtqueue_swap_in(&p->rx, pending, spare->dma + sizeof(*spare) + VIRTNET_RX_OFF, spare);
	else
		done = virtqueue_get(&p->rx);
	b = done.token;
	*len = done.len;
	if (likely(b)) {
		if (spare)
			san_device_owns(skb_buf_room(spare), SKB_BUF_ROOM);
		san_device_gave(skb_buf_room(b), SKB_BUF_ROOM);
	} else if (spare) {
		skb_buf_put(p->cpu, spare);
	}
	return b;
}

/* 5.1.6.4.1: the other buffers of a frame, already used when the first is. skb NULL: they are only taken. */
static bool take_merged(struct virtnet_pair *p, struct sk_buff *skb, unsigned nr_buffers)
{
	while (--nr_buffers) {
		u32 len;
		struct skb_buf *b = take_buf(p, &len);

		if (unlikely(!b)) {
			if (!p->rx.lie)
				p->rx.lie = VQ_LIE_MERGE;
			return false;
		}
		if (!skb || !len || !skb_add_buf(skb, b, skb_buf_room(b) + VIRTNET_RX_OFF, len))
			skb_buf_put(p->cpu, b);
	}
	return true;
}

/* A frame that made no sense, or one that met no skb: it is counted, and the buffers are free again. */
static __cold void refuse(struct virtnet_pair *p, struct sk_buff *skb, bool lie)
{
	struct dev_stats *stats = &p->dev->rx[p->index];

	stats->errors++;
	stats->dropped++;
	stats->lies += lie;
	kfree_skb_reason(p->cpu, skb, DROP(DEV_HDR));
}

/* The rest of a frame that needs more than one buffer; NULL: it is gone. */
static __noinline struct sk_buff *receive_merged(struct virtnet_pair *p, struct sk_buff *skb,
						 unsigned nr_buffers)
{
	if (nr_buffers - 1 > MAX_SKB_FRAGS) {
		p->rx.lie = VQ_LIE_MERGE;
	} else if (take_merged(p, skb, nr_buffers)) {
		return skb;
	}
	if (skb)
		refuse(p, skb, false);
	return NULL;
}

/* Plain frames of one buffer may merge; one that came merged, or whose checksum is left to us, goes past those held. */
static bool try_gro(struct virtnet_pair *p, u8 *frame, unsigned len, u16 said, unsigned nr_buffers)
{
	bool vouched = said == VIRTIO_NET_HDR_F_DATA_VALID && p->dev->features & NETIF_F_RXCSUM;

	if (nr_buffers != 1 || (said && !vouched)) {
		gro_flush(p->cpu);
		return false;
	}
	if (!gro_receive(p->cpu, p->dev, p->index, frame, len, vouched))
		return false;
	p->dev->rx[p->index].csum_good += vouched;
	return true;
}

/* Under overload: true: it is gone. */
static __noinline bool dies_early(struct virtnet_pair *p, struct skb_buf *b, u32 len, u32 hdr)
{
	return sheds(p->cpu, p->dev, p->index, b, skb_buf_room(b) + VIRTNET_RX_OFF + hdr, len - hdr);
}

/* One frame, whose first buffer is b; `hdr` bytes of it are the device's header. */
static __force_inline void receive(struct virtnet_pair *p, struct skb_buf *b, u32 len, u32 hdr)
{
	u8 *at = skb_buf_room(b) + VIRTNET_RX_OFF;
	const u16 *merged = (const u16 *)(at + offsetof(struct virtio_net_hdr, num_buffers));
	unsigned nr_buffers = p->mergeable ? READ_ONCE(*merged) : 1;
	u16 said = READ_ONCE(*(const u16 *)at); /* flags and gso_type: mostly nothing */
	struct sk_buff *skb;

	if (unlikely(len < hdr + ETH_HEADER_BYTES)) {
		p->dev->rx[p->index].errors++;
		lose(p, b, DROP(DEV_HDR));
		return;
	}
	if (unlikely(p->cpu->shedding) && nr_buffers == 1 && dies_early(p, b, len, hdr))
		return;
	if (gro_wants(p->cpu, p->dev, len) && try_gro(p, at + hdr, len - hdr, said, nr_buffers))
		return;
	skb = build_skb(p->cpu, b, VIRTNET_RX_OFF + hdr, len - hdr);
	if (unlikely(!skb))
		lose(p, b, DROP(NOMEM));
	if (unlikely(nr_buffers != 1))
		skb = receive_merged(p, skb, nr_buffers);
	if (unlikely(!skb))
		return;
	skb->dev = p->dev;
	skb->queue_mapping = p->index;
	if ((said && unlikely(!take_offload(p, skb, at, said, hdr))) ||
	    (hdr > sizeof(struct virtio_net_hdr) && unlikely(!take_hash(p, skb, (void *)at))))
		refuse(p, skb, true);
	else
		netif_receive_skb(p->cpu, skb);
}

static __force_inline int receive_batch(struct virtnet_pair *p, int budget, u32 hdr)
{
	int work = 0;

	while (work < budget) {
		u32 len;
		struct skb_buf *b = take_buf(p, &len);

		if (!b)
			break;
		receive(p, b, len, hdr);
		work++;
	}
	return work;
}

static __noinline int receive_hashed(struct virtnet_pair *p, int budget)
{
	return receive_batch(p, budget, sizeof(struct virtio_net_hdr_hash));
}

/* ---- transmit ---- */

/* Frees what the device has sent; wakes a queue that waits for room. */
static void reap(struct virtnet_pair *p)
{
	struct netdev_queue *q = &p->dev->txq[p->index];
	u16 before = p->tx.last_used;
	void *sent;

	while ((sent = virtqueue_get(&p->tx).token) != NULL)
		dev_frame_sent(p->cpu, sent);
	q->stats.completed += (u16)(p->tx.last_used - before);
	if (unlikely(p->tx.lie))
		halt(p);
	else if (unlikely(q->stopped) && !p->down && p->tx.nr_free >= MAX(p->tx.size / 4, VIRTNET_TX_FREE))
		netif_wake_queue(p->cpu, q);
}

/* Too little room for the largest frame: stop, and ask to hear when three quarters of the frames are gone. */
static __noinline void stop_queue(struct virtnet_pair *p)
{
	reap(p);
	if (p->down || p->tx.nr_free >= VIRTNET_TX_FREE)
		return;
	netif_stop_queue(&p->dev->txq[p->index]);
	if (virtqueue_irq_on(&p->tx, (u16)(p->tx.in_flight * 3 / 4))) {
		virtqueue_irq_off(&p->tx);
		reap(p);
	}
}

/* 5.1.6.2: csum_start counts from the frame's first byte, which stands behind the header. */
static inline void fill_header(struct virtio_net_hdr *h, u32 len, const struct sk_buff *skb)
{
	u16 frame = (u16)((u8 *)h + len - skb->head);

	*h = (struct virtio_net_hdr){0};
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return;
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->csum_start = skb->csum_start - frame;
	h->csum_offset = skb->csum_offset;
	if (!skb->gso_size)
		return;
	h->gso_type =
		skb->gso_type & SKB_GSO_TCPV6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	if (skb->gso_type & SKB_GSO_TCP_ECN) /* only with VIRTIO_NET_F_HOST_ECN: NETIF_F_TSO_ECN */
		h->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	h->gso_size = skb->gso_size;
	h->hdr_len = (u16)(h->csum_start + (skb->head[skb->csum_start + TCP_DOFF_BYTE] >> 4) * 4);
}

static __noinline void add_frags(struct virtnet_pair *p, struct sk_buff *skb)
{
	struct vq_seg segs[MAX_SKB_FRAGS + 1];
	unsigned i;

	segs[0] = (struct vq_seg){virt_to_phys(skb->data), skb_headlen(skb)};
	for (i = 0; i < skb->nr_frags; i++)
		segs[i + 1] = (struct vq_seg){virt_to_phys(skb->frags[i].ptr), skb->frags[i].len};
	virtqueue_add_chain(&p->tx, segs, i + 1, skb);
}

static __cold void refuse_xmit(struct virtnet_pair *p, struct sk_buff *skb)
{
	p->dev->txq[p->index].stats.dropped++;
	kfree_skb_reason(p->cpu, skb, p->down ? DROP(FULL_RING) : DROP(DEV_TX_FAIL));
}

/* Of a hash the device is told nothing. */
static __force_inline void xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb, u32 hdr)
{
	struct virtnet *vn = dev->priv;
	struct virtnet_pair *p = &vn->pairs[txq];

	keep_pointer(p);
	if (unlikely(p->down || skb_headroom(skb) < hdr)) {
		refuse_xmit(p, skb);
		return;
	}
	fill_header((struct virtio_net_hdr *)skb_push(skb, hdr), hdr, skb);
	memset(skb->data + sizeof(struct virtio_net_hdr), 0, hdr - sizeof(struct virtio_net_hdr));
	if (skb->nr_frags)
		add_frags(p, skb);
	else
		virtqueue_add_out(&p->tx, skb->buf->dma + (u64)(skb->data - (u8 *)skb->buf), skb->len, skb);
	p->waited = true;
	if (unlikely(p->tx.nr_free < VIRTNET_TX_FREE))
		stop_queue(p);
}

static __force_inline void xmit_frame(struct net_device *dev, unsigned txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum,
					      u32 hdr)
{
	struct virtnet *vn = dev->priv;
	struct virtnet_pair *p = &vn->pairs[txq];
	struct virtio_net_hdr *h = (struct virtio_net_hdr *)(data - hdr);

	_Static_assert(sizeof(struct virtio_net_hdr_hash) <= FRAME_HEADROOM, "it goes in front of the frame");
	keep_pointer(p);
	if (unlikely(p->down)) {
		dev->txq[txq].stats.dropped++;
		dev_frame_drop(p->cpu, dev_frame_token(buf), DROP(FULL_RING));
		return;
	}
	*h = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = (u16)csum,
				      .csum_offset = (u16)(csum >> 16) };
	memset(h + 1, 0, hdr - sizeof(*h));
	virtqueue_add_out(&p->tx, buf->dma + (u64)((u8 *)h - (u8 *)buf), len + hdr, dev_frame_token(buf));
	if (unlikely(p->tx.nr_free < VIRTNET_TX_FREE))
		stop_queue(p);
}

void virtnet_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb)
{
	xmit(dev, txq, skb, sizeof(struct virtio_net_hdr));
}

void virtnet_xmit_frame(struct net_device *dev, unsigned txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum)
{
	xmit_frame(dev, txq, buf, data, len, csum, sizeof(struct virtio_net_hdr));
}

void virtnet_hash_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb)
{
	xmit(dev, txq, skb, sizeof(struct virtio_net_hdr_hash));
}

void virtnet_hash_xmit_frame(struct net_device *dev, unsigned txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum)
{
	xmit_frame(dev, txq, buf, data, len, csum, sizeof(struct virtio_net_hdr_hash));
}

void virtnet_flush(struct net_device *dev, unsigned txq)
{
	struct virtnet_pair *p = &((struct virtnet *)dev->priv)->pairs[txq];
	u64 delay = (u64)dev->coalesce.tx_usecs * NSEC_PER_USEC;

	keep_pointer(p);
	if (unlikely(p->down) || p->tx.avail_idx == p->tx.kicked_idx)
		return;
	if (p->tx.kicked_idx == p->tx.last_used) { /* the ring was empty */
		p->seen_used = p->tx.last_used;
		p->seen_ns = p->cpu->now_ns;
	}
	dev->txq[txq].stats.kicks += virtqueue_kick(&p->tx, false);
	if (unlikely(p->tx.in_flight >= dev->coalesce.tx_frames)) {
		reap(p);
		if (p->tx.in_flight >= dev->coalesce.tx_frames) /* somebody may wait for them */
			arm_timer(p, VIRTNET_REAP_NS);
	}
	arm_timer(p, likely(p->waited) ? delay : MAX(delay, VIRTNET_IDLE_NS));
}

/* ---- what keeps a ring moving ---- */

/* A notification can get lost between two processors' write buffers (and does, in emulators that leave the barrier out):
 * ours, so that the device does not send, or the device's, so that received frames lie there. */
static void check_tx(struct virtnet_pair *p, u64 now_ns)
{
	if (!p->tx.in_flight || p->seen_used != p->tx.last_used || virtqueue_has_used(&p->tx)) {
		p->seen_used = p->tx.last_used;
		p->seen_ns = now_ns;
	} else if (now_ns - p->seen_ns >= VIRTNET_STALL_NS) {
		if (p->vn->vdev->ops->get_status(p->vn->vdev) & VIRTIO_S_NEEDS_RESET)
			virtnet_call(p); /* it did not interrupt for that (2.1.2), or that was lost */
		p->seen_ns = now_ns;
		p->dev->txq[p->index].stats.requeued++;
		p->dev->txq[p->index].stats.kicks += virtqueue_kick(&p->tx, true);
	}
}

/* Frames that nobody polls for at two looks in a row: the interrupt was lost. Returns whether to look again. */
static bool check_rx(struct virtnet_pair *p)
{
	if (likely(!virtqueue_has_used(&p->rx) || p->napi.scheduled)) {
		p->rx_late = false;
		return false;
	}
	if (!p->rx_late || p->rx_seen != p->rx.last_used) {
		p->rx_late = true;
		p->rx_seen = p->rx.last_used;
		return true;
	}
	p->rx_late = false;
	p->dev->rx[p->index].requeued++;
	napi_schedule(&p->napi);
	return false;
}

/* An emulator that spreads frames itself (RSS) takes one from a queue of its host's, finds the ring full that it belongs to, and
 * waits for the doorbell of the ring that the host's queue has: which never comes while all is sent through another (XPS). So, when
 * frames have ceased to come, all are rung. */
static void ring_all(struct virtnet *vn)
{
	for (unsigned i = 0; i < vn->told; i++)
		vn->vdev->ops->notify(&vn->pairs[i].rx);
}

/* Returns whether to look again. */
static bool check_spread(struct virtnet_pair *p)
{
	bool moved = p->rx_looked != p->rx.last_used;

	p->rx_looked = p->rx.last_used;
	if (!moved && p->rx_rung != p->rx.last_used) {
		p->rx_rung = p->rx.last_used;
		ring_all(p->vn);
	}
	return moved;
}

void virtnet_timer(struct timer *t, u64 now_ns)
{
	struct virtnet_pair *p = container_of(t, struct virtnet_pair, timer);
	bool again;

	if (p->down) { /* time for the next reset */
		virtnet_call(p);
		return;
	}
	if (p->held) { /* with frames or without: poll goes on */
		p->held = false;
		napi_schedule(&p->napi);
	}
	reap(p);
	p->waited = p->waited && p->tx.in_flight;
	check_tx(p, now_ns);
	again = check_rx(p);
	refill_and_kick(p);
	if (p->vn->features & VIRTIO_NET_F_RSS && !p->down)
		again |= check_spread(p);
	if ((p->tx.in_flight || again) && !p->down)
		arm_timer(p, p->tx.in_flight >= p->dev->coalesce.tx_frames ? VIRTNET_REAP_NS : VIRTNET_IDLE_NS);
}

void virtnet_watchdog(struct net_device *dev, unsigned txq, u64 now_ns)
{
	struct virtnet_pair *p = &((struct virtnet *)dev->priv)->pairs[txq];

	if (!p->down)
		check_tx(p, now_ns);
}

void virtnet_reclaim(struct virtnet_pair *p)
{
	struct skb_buf *b;
	void *sent;

	while ((b = virtqueue_detach(&p->rx)) != NULL)
		skb_buf_put(p->cpu, b);
	while ((sent = virtqueue_detach(&p->tx)) != NULL) {
		p->dev->txq[p->index].stats.dropped++;
		dev_frame_drop(p->cpu, sent, DROP(FULL_RING));
	}
	timer_cancel(&p->cpu->wheel, &p->timer);
}

/* ---- moderation: `ethtool -C` ---- */

void virtnet_retune(struct net_device *dev)
{
	struct virtnet *vn = dev->priv;

	for (unsigned i = 0; i < vn->nr_pairs; i++)
		WRITE_ONCE(vn->pairs[i].moderated, dev->coalesce.adaptive_rx || dev->coalesce.rx_usecs);
}

/* How long the frames that come next may wait. */
static struct dim_level waiting(struct virtnet_pair *p)
{
	const struct dev_coalesce *c = &p->dev->coalesce;
	const struct dev_stats *rx = &p->dev->rx[p->index];

	if (!c->adaptive_rx)
		return (struct dim_level){ (u16)c->rx_usecs, (u16)c->rx_frames };
	dim_update(&p->dim, p->cpu->now_ns, rx->packets, rx->bytes + p->dev->txq[p->index].stats.bytes);
	return dim_level(&p->dim);
}

/* Frames came, and more will: interrupt after rx-frames of them, or after half a ring, and poll after rx-usecs anyway. A poll
 * that finds nothing ends this. Without event index there is no counting: the interrupt stays off, the timer polls.
 * False: not now, the next frame shall interrupt. */
static __noinline bool hold_interrupts(struct virtnet_pair *p)
{
	struct dim_level l = waiting(p);
	u16 most = p->rx.size / 2;

	if (!l.usecs)
		return false;
	p->held = true;
	arm_timer(p, l.usecs * NSEC_PER_USEC);
	if (p->rx.event_idx && virtqueue_irq_on(&p->rx, (u16)(l.frames && l.frames < most ? l.frames - 1 : most)))
		napi_schedule(&p->napi);
	return true;
}

/* Nothing is taken until frames have left: the stopped queue's interrupt says so, at the latest the timer finds it. */
static __cold int leave_frames(struct virtnet_pair *p)
{
	p->dev->rx[p->index].held++;
	p->held = true;
	arm_timer(p, VIRTNET_REAP_NS);
	napi_complete(&p->napi, 0);
	return 0;
}

int virtnet_poll(struct napi_struct *napi, int budget)
{
	struct virtnet_pair *p = container_of(napi, struct virtnet_pair, napi);
	int work = 0;

	if (unlikely(p->attention))
		virtnet_attend(p->vn, p->cpu->now_ns);
	if (!p->down) {
		reap(p);
		if (qdisc_is_behind(&p->dev->txq[p->index]) && !p->down)
			return leave_frames(p);
		work = unlikely(p->hashed) ? receive_hashed(p, budget) : receive_batch(p, budget, sizeof(struct virtio_net_hdr));
		if (unlikely(p->rx.lie))
			halt(p);
		else
			refill_and_kick(p);
	}
	if (work >= budget)
		return work;
	napi_complete(napi, work);
	if (work && !p->down)
		arm_timer(p, VIRTNET_IDLE_NS); /* one look after the last frame */
	if (unlikely(napi->busy) && !p->attention && !p->down) {
		virtqueue_irq_off(&p->rx);
		return work;
	}
	if (unlikely(p->moderated) && work && !p->down && !p->attention && hold_interrupts(p))
		return work;
	if (unlikely(p->attention) || (!p->down && virtqueue_irq_on(&p->rx, 0))) {
		virtqueue_irq_off(&p->rx);
		napi_schedule(napi);
	}
	return work;
}
