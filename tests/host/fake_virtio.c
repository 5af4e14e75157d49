/* SPDX-License-Identifier: MIT
 * fake_virtio.c - see fake_virtio.h. Windows in BAR 4: common at 0, ISR at 0x1000, device at 0x2000, notify at 0x3000.
 */
#include <stdlib.h>

#include "host/fake_virtio.h"

#include "arch/x86_64/io.h"
#include "drivers/pci/pci_hw.h"
#include "host/harness.h"
#include "lib/string.h"

#define BAR             4
#define COMMON_OFF      0x0000
#define ISR_OFF         0x1000
#define DEVICE_OFF      0x2000
#define NOTIFY_OFF      0x3000
#define NOTIFY_MULT     4
#define WINDOW_BYTES    0x4000

/* 5.1.6: the header in front of each frame, both ways. */
static u32 header_bytes(const struct fake_virtio *d)
{
	return d->driver_features & VIRTIO_NET_F_HASH_REPORT ? sizeof(struct virtio_net_hdr_hash) : sizeof(struct virtio_net_hdr);
}

static void fire(struct fake_virtio *d, u16 vector, u8 isr_bit)
{
	if (d->nr_vectors && vector != VIRTIO_MSI_NO_VECTOR) {
		fake_irq(d->func, vector);
		return;
	}
	d->isr |= isr_bit;
	if (d->func)
		fake_irq(d->func, FAKE_INTX);
	else
		fake_gsi(FAKE_MMIO_GSI);
}

static void device_reset(struct fake_virtio *d)
{
	if (d->never_resets && d->status)
		return;
	d->status = 0;
	d->isr = 0;
	d->config_vector = VIRTIO_MSI_NO_VECTOR;
	d->driver_features = 0;
	for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++) {
		u64 notifies = d->vq[i].notifies, interrupts = d->vq[i].interrupts;

		d->vq[i] = (struct fake_vq){ .size = d->queue_max, .vector = VIRTIO_MSI_NO_VECTOR,
					     .notifies = notifies, .interrupts = interrupts };
	}
	d->resets++;
}

/* ---- rings, from the device's side ---- */

static struct vring_avail *avail_of(struct fake_vq *q) { return (struct vring_avail *)(uintptr_t)q->avail; }
static struct vring_used *used_of(struct fake_vq *q) { return (struct vring_used *)(uintptr_t)q->used; }
static struct vring_desc *desc_of(struct fake_vq *q) { return (struct vring_desc *)(uintptr_t)q->desc; }

static bool has_event_idx(const struct fake_virtio *d)
{
	return d->driver_features & VIRTIO_F_RING_EVENT_IDX;
}

/* 2.7.10: the driver is to notify when it makes the next chain available. */
static void want_notify(struct fake_virtio *d, struct fake_vq *q)
{
	if (has_event_idx(d) && !d->mute_event)
		*(u16 *)(void *)&used_of(q)->ring[q->size] = q->last_avail;
}

u16 fake_virtio_offered(const struct fake_virtio *d, unsigned q)
{
	struct fake_vq *vq = (struct fake_vq *)&d->vq[q];

	return vq->enabled ? (u16)(avail_of(vq)->idx - vq->last_avail) : 0;
}

u16 fake_virtio_take(struct fake_virtio *d, unsigned qi)
{
	struct fake_vq *q = &d->vq[qi];
	u16 head;

	REQUIRE(fake_virtio_offered(d, qi) > 0);
	CHECK(fake_virtio_offered(d, qi) <= q->size);
	head = avail_of(q)->ring[q->last_avail++ & (q->size - 1)];
	CHECK(head < q->size);
	return head;
}

void fake_virtio_push(struct fake_virtio *d, unsigned qi, u32 id, u32 len)
{
	struct fake_vq *q = &d->vq[qi];

	used_of(q)->ring[q->used_idx & (q->size - 1)] = (struct vring_used_elem){ id, len };
	used_of(q)->idx = ++q->used_idx;
}

void fake_virtio_jump(struct fake_virtio *d, unsigned qi, u16 n)
{
	d->vq[qi].used_idx += n;
	used_of(&d->vq[qi])->idx = d->vq[qi].used_idx;
}

void fake_virtio_interrupt(struct fake_virtio *d, unsigned qi)
{
	d->vq[qi].interrupts++;
	if (!d->mute)
		fire(d, d->vq[qi].vector, VIRTIO_PCI_ISR_QUEUE);
}

/* 2.7.7: does the driver want to hear of what was used since the last time? */
static void signal(struct fake_virtio *d, unsigned qi)
{
	struct fake_vq *q = &d->vq[qi];
	u16 event, old = q->signalled;

	q->signalled = q->used_idx;
	if (has_event_idx(d)) {
		event = avail_of(q)->ring[q->size];
		if ((u16)(q->used_idx - event - 1) >= (u16)(q->used_idx - old))
			return;
	} else if (avail_of(q)->flags & VRING_AVAIL_F_NO_INTERRUPT) {
		return;
	}
	fake_virtio_interrupt(d, qi);
}

u8 *fake_virtio_buffer(struct fake_virtio *d, unsigned qi, u16 id)
{
	return (u8 *)(uintptr_t)desc_of(&d->vq[qi])[id].addr;
}

static void check_not_in_use(struct fake_virtio *d)
{
	CHECK(d->status & VIRTIO_S_DRIVER_OK);
	CHECK(!d->func || fake_config_get(d->func, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
}

bool fake_virtio_receive(struct fake_virtio *d, const struct virtio_net_hdr *h, const void *frame, u32 len)
{
	unsigned qi = d->rx_queue;
	struct fake_vq *q = &d->vq[qi];
	struct virtio_net_hdr_hash hdr = { .h = *h, .hash_value = d->hash_value, .hash_report = d->hash_report };
	const u8 *p = frame;
	u32 total = len + header_bytes(d), buf_len, n, room;
	u16 nr = 0, id;

	check_not_in_use(d);
	if (!fake_virtio_offered(d, qi))
		return false;
	buf_len = desc_of(q)[avail_of(q)->ring[q->last_avail & (q->size - 1)]].len;
	hdr.h.num_buffers = (u16)DIV_ROUND_UP(total, buf_len);
	if (hdr.h.num_buffers > fake_virtio_offered(d, qi))
		return false;
	CHECK(hdr.h.num_buffers == 1 || d->driver_features & VIRTIO_NET_F_MRG_RXBUF);
	for (; nr < hdr.h.num_buffers; nr++) {
		u8 *out;

		id = fake_virtio_take(d, qi);
		CHECK_EQ(desc_of(q)[id].flags, VRING_DESC_F_WRITE);
		out = fake_virtio_buffer(d, qi, id);
		room = desc_of(q)[id].len;
		n = 0;
		if (!nr) {
			n = header_bytes(d);
			memcpy(out, &hdr, n);
		}
		room = MIN(room - n, len);
		memcpy(out + n, p, room);
		p += room;
		len -= room;
		used_of(q)->ring[(u16)(q->used_idx + nr) & (q->size - 1)] =
			(struct vring_used_elem){ id, n + room };
	}
	CHECK_EQ(len, 0);
	q->used_idx += nr;
	used_of(q)->idx = q->used_idx;
	want_notify(d, q);
	signal(d, qi);
	return true;
}

/* One chain, whose descriptors are in `table`: the driver's, or an indirect one. */
static void read_chain(struct fake_virtio *d, const struct vring_desc *table, u16 i, unsigned size)
{
	u32 at = 0;

	d->sent_descs = 0;
	for (;;) {
		const struct vring_desc *e = &table[i];
		const u8 *p = (const u8 *)(uintptr_t)e->addr;
		u32 skip = 0;

		REQUIRE(i < size && ++d->sent_descs <= size);
		CHECK(!(e->flags & VRING_DESC_F_WRITE));
		CHECK(e->len > 0);
		if (d->sent_descs == 1) {
			skip = header_bytes(d);
			REQUIRE(e->len >= skip);
			memcpy(&d->sent_hdr, p, sizeof(d->sent_hdr));
		}
		REQUIRE(at + e->len - skip <= sizeof(d->sent));
		memcpy(d->sent + at, p + skip, e->len - skip);
		at += e->len - skip;
		if (!(e->flags & VRING_DESC_F_NEXT))
			break;
		i = e->next;
	}
	d->sent_len = at;
}

static unsigned send_queue(struct fake_virtio *d, unsigned qi)
{
	struct fake_vq *q = &d->vq[qi];
	unsigned n = 0;

	check_not_in_use(d);
	while (fake_virtio_offered(d, qi)) {
		u16 id = fake_virtio_take(d, qi);
		struct vring_desc *e = &desc_of(q)[id];

		d->sent_indirect = e->flags & VRING_DESC_F_INDIRECT;
		if (d->sent_indirect) {
			CHECK(d->driver_features & VIRTIO_F_RING_INDIRECT_DESC);
			CHECK_EQ(e->flags, VRING_DESC_F_INDIRECT);
			read_chain(d, (struct vring_desc *)(uintptr_t)e->addr, 0, e->len / sizeof(*e));
		} else {
			read_chain(d, desc_of(q), id, q->size);
		}
		d->nr_sent++;
		d->sent_by[qi]++;
		n++;
		fake_virtio_push(d, qi, id, 0);
	}
	want_notify(d, q);
	if (n)
		signal(d, qi);
	return n;
}

unsigned fake_virtio_send(struct fake_virtio *d)
{
	return send_queue(d, 1) + (d->vq[3].enabled ? send_queue(d, 3) : 0);
}

/* ---- the control queue, 5.1.6.5 ---- */

/* 5.1.2: behind the pairs; one, when the driver is not to know of more. */
static unsigned ctrl_of(const struct fake_virtio *d)
{
	return d->driver_features & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS) ? FAKE_VIRTIO_QUEUES - 1 : 2;
}

void fake_virtio_answer(struct fake_virtio *d, u8 ack)
{
	unsigned ctrl = ctrl_of(d);

	while (fake_virtio_offered(d, ctrl)) {
		u16 id = fake_virtio_take(d, ctrl);
		struct vring_desc *e = &desc_of(&d->vq[ctrl])[id];

		CHECK(e->flags & VRING_DESC_F_NEXT && e->len >= 2);
		d->command_len = e->len;
		REQUIRE(e->len <= sizeof(d->command));
		memcpy(&d->command, (void *)(uintptr_t)e->addr, e->len);
		e = &desc_of(&d->vq[ctrl])[e->next];
		CHECK_EQ(e->flags, VRING_DESC_F_WRITE);
		*(u8 *)(uintptr_t)e->addr = ack;
		fake_virtio_push(d, ctrl, id, 1);
	}
	want_notify(d, &d->vq[ctrl]);
}

static void commanded(struct fake_virtio *d)
{
	d->nr_commands++;
	switch (d->ctrl) {
	case CTRL_OBEYS:
	case CTRL_REFUSES:
		fake_virtio_answer(d, d->ctrl == CTRL_OBEYS ? VIRTIO_NET_OK : 1);
		break;
	case CTRL_ODD: /* neither of the two answers there are */
		fake_virtio_answer(d, 0x5a);
		break;
	case CTRL_MUTE: /* used, without a word */
		fake_virtio_push(d, ctrl_of(d), fake_virtio_take(d, ctrl_of(d)), 0);
		break;
	case CTRL_LONG:
		fake_virtio_push(d, ctrl_of(d), fake_virtio_take(d, ctrl_of(d)), 1000);
		break;
	case CTRL_BAD_ID:
		fake_virtio_take(d, ctrl_of(d));
		fake_virtio_push(d, ctrl_of(d), 0x4711, 1);
		break;
	case CTRL_JUMPS:
		fake_virtio_jump(d, ctrl_of(d), 1000);
		break;
	case CTRL_SILENT:
		break;
	}
}

/* ---- registers ---- */

static unsigned nr_queues(const struct fake_virtio *d)
{
	return d->pairs > 1 ? FAKE_VIRTIO_QUEUES : d->rss.key_bytes ? 3 : 2;
}

static u64 common_read(struct fake_virtio *d, u64 off)
{
	struct fake_vq *q = &d->vq[MIN(d->queue_sel, FAKE_VIRTIO_QUEUES - 1)];

	switch (off) {
	case VIRTIO_PCI_DEVICE_FEATURE:
		return (u32)(d->offered >> (d->device_sel ? 32 : 0));
	case VIRTIO_PCI_CONFIG_MSIX_VECTOR:
		return d->refuse_vectors ? VIRTIO_MSI_NO_VECTOR : d->config_vector;
	case VIRTIO_PCI_NUM_QUEUES:
		return nr_queues(d);
	case VIRTIO_PCI_DEVICE_STATUS:
		return d->status;
	case VIRTIO_PCI_CONFIG_GENERATION:
		return d->generation;
	case VIRTIO_PCI_QUEUE_SIZE:
		return q->size;
	case VIRTIO_PCI_QUEUE_MSIX_VECTOR:
		return d->refuse_vectors ? VIRTIO_MSI_NO_VECTOR : q->vector;
	case VIRTIO_PCI_QUEUE_NOTIFY_OFF:
		return d->queue_sel;
	}
	CHECK(!"a common register that can be read");
	return 0;
}

static void set_status(struct fake_virtio *d, u8 v)
{
	if (!v) {
		device_reset(d);
		return;
	}
	CHECK((d->status & v) == d->status || v == VIRTIO_S_FAILED);
	if (v & VIRTIO_S_FEATURES_OK && !(d->status & VIRTIO_S_FEATURES_OK)) {
		CHECK_EQ(d->driver_features & ~d->offered, 0);
		if (d->refuse_features)
			v &= (u8)~VIRTIO_S_FEATURES_OK;
	}
	if (v & VIRTIO_S_DRIVER_OK)
		CHECK(v & VIRTIO_S_FEATURES_OK);
	d->status = v;
}

static void enable_queue(struct fake_virtio *d)
{
	struct fake_vq *q = &d->vq[MIN(d->queue_sel, FAKE_VIRTIO_QUEUES - 1)];

	CHECK(d->status & VIRTIO_S_FEATURES_OK);
	CHECK(!(d->status & VIRTIO_S_DRIVER_OK));
	CHECK(q->desc && !(q->desc % 16));
	CHECK(q->avail && !(q->avail % VRING_AVAIL_ALIGN));
	CHECK(q->used && !(q->used % VRING_USED_ALIGN));
	CHECK(q->size && !(q->size & (q->size - 1)) && q->size <= d->queue_max);
	q->enabled = true;
}

static void set_half(u64 *to, u64 half, u64 v)
{
	*to = half ? (*to & 0xffffffff) | v << 32 : (*to & ~0xffffffffull) | v;
}

static void common_write(struct fake_virtio *d, u64 off, u64 v)
{
	struct fake_vq *q = &d->vq[MIN(d->queue_sel, FAKE_VIRTIO_QUEUES - 1)];

	switch (off) {
	case VIRTIO_PCI_DEVICE_FEATURE_SELECT:
		d->device_sel = (u32)v;
		break;
	case VIRTIO_PCI_DRIVER_FEATURE_SELECT:
		d->driver_sel = (u32)v;
		break;
	case VIRTIO_PCI_DRIVER_FEATURE:
		set_half(&d->driver_features, d->driver_sel, v);
		break;
	case VIRTIO_PCI_CONFIG_MSIX_VECTOR:
		d->config_vector = (u16)v;
		break;
	case VIRTIO_PCI_DEVICE_STATUS:
		set_status(d, (u8)v);
		break;
	case VIRTIO_PCI_QUEUE_SELECT:
		d->queue_sel = (u16)v;
		break;
	case VIRTIO_PCI_QUEUE_SIZE:
		q->size = (u16)v;
		break;
	case VIRTIO_PCI_QUEUE_MSIX_VECTOR:
		q->vector = (u16)v;
		break;
	case VIRTIO_PCI_QUEUE_ENABLE:
		enable_queue(d);
		break;
	case VIRTIO_PCI_QUEUE_DESC:
	case VIRTIO_PCI_QUEUE_DESC + 4:
		set_half(&q->desc, off & 4, v);
		break;
	case VIRTIO_PCI_QUEUE_DRIVER:
	case VIRTIO_PCI_QUEUE_DRIVER + 4:
		set_half(&q->avail, off & 4, v);
		break;
	case VIRTIO_PCI_QUEUE_DEVICE:
	case VIRTIO_PCI_QUEUE_DEVICE + 4:
		set_half(&q->used, off & 4, v);
		break;
	default:
		CHECK(!"a common register that can be written");
	}
}

static u64 device_read(struct fake_virtio *d, u64 off)
{
	u8 config[VIRTIO_NET_CFG_RSS + sizeof(d->rss)] = { 0 };

	memcpy(config, d->mac, 6);
	memcpy(config + VIRTIO_NET_CFG_STATUS, &d->link_status, 2);
	memcpy(config + VIRTIO_NET_CFG_MTU, &d->mtu, 2);
	memcpy(config + VIRTIO_NET_CFG_PAIRS, &d->pairs, 2);
	memcpy(config + VIRTIO_NET_CFG_RSS, &d->rss, sizeof(d->rss));
	return off < sizeof(config) ? config[off] : 0;
}

static u64 window_read(void *ctx, u64 off, unsigned bytes)
{
	struct fake_virtio *d = ctx;
	u8 isr;

	if (off >= NOTIFY_OFF)
		return 0;
	if (off >= DEVICE_OFF)
		return device_read(d, off - DEVICE_OFF);
	if (off < ISR_OFF)
		return common_read(d, off);
	isr = d->isr;
	d->isr = 0;
	return isr;
}

static void window_write(void *ctx, u64 off, unsigned bytes, u64 v)
{
	struct fake_virtio *d = ctx;

	if (off < ISR_OFF) {
		common_write(d, off, v);
		return;
	}
	CHECK(off >= NOTIFY_OFF);
	CHECK_EQ((off - NOTIFY_OFF) / NOTIFY_MULT, v);
	REQUIRE(v < nr_queues(d));
	d->vq[v].notifies++;
	if (v == ctrl_of(d))
		commanded(d);
	else if (v % 2 && !d->deaf && !d->lazy_tx)
		send_queue(d, (unsigned)v);
	if (v == 0 && d->on_refill)
		d->on_refill(d);
}

/* ---- the same device behind the registers of 4.2.2 ---- */

static u64 device_config(struct fake_virtio *d, u64 off, unsigned bytes)
{
	u64 v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= device_read(d, off + i) << (8 * i);
	return v;
}

static u64 mmio_reg_read(void *ctx, u64 off, unsigned bytes)
{
	struct fake_virtio *d = ctx;
	struct fake_vq *q = &d->vq[MIN(d->queue_sel, FAKE_VIRTIO_QUEUES - 1)];

	if (off >= VIRTIO_MMIO_CONFIG)
		return device_config(d, off - VIRTIO_MMIO_CONFIG, bytes);
	CHECK_EQ(bytes, 4);
	switch (off) {
	case VIRTIO_MMIO_MAGIC:
		return d->magic;
	case VIRTIO_MMIO_VERSION:
		return d->version;
	case VIRTIO_MMIO_DEVICE_ID:
		return d->kind;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return (u32)(d->offered >> (d->device_sel ? 32 : 0));
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return d->queue_sel < nr_queues(d) ? d->queue_max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return d->always_ready || (q->enabled && !d->never_ready);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return d->isr;
	case VIRTIO_MMIO_STATUS:
		return d->status;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return d->restless ? d->generation++ : d->generation;
	}
	CHECK(!"an MMIO register that can be read");
	return 0;
}

static void mmio_reg_write(void *ctx, u64 off, unsigned bytes, u64 v)
{
	static const struct {
		u16 mmio, common;
	} same[] = {
		{ VIRTIO_MMIO_DEVICE_FEATURES_SEL, VIRTIO_PCI_DEVICE_FEATURE_SELECT },
		{ VIRTIO_MMIO_DRIVER_FEATURES_SEL, VIRTIO_PCI_DRIVER_FEATURE_SELECT },
		{ VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_PCI_DRIVER_FEATURE },
		{ VIRTIO_MMIO_QUEUE_SEL, VIRTIO_PCI_QUEUE_SELECT },
		{ VIRTIO_MMIO_QUEUE_NUM, VIRTIO_PCI_QUEUE_SIZE },
		{ VIRTIO_MMIO_STATUS, VIRTIO_PCI_DEVICE_STATUS },
		{ VIRTIO_MMIO_QUEUE_DESC, VIRTIO_PCI_QUEUE_DESC },
		{ VIRTIO_MMIO_QUEUE_DESC + 4, VIRTIO_PCI_QUEUE_DESC + 4 },
		{ VIRTIO_MMIO_QUEUE_DRIVER, VIRTIO_PCI_QUEUE_DRIVER },
		{ VIRTIO_MMIO_QUEUE_DRIVER + 4, VIRTIO_PCI_QUEUE_DRIVER + 4 },
		{ VIRTIO_MMIO_QUEUE_DEVICE, VIRTIO_PCI_QUEUE_DEVICE },
		{ VIRTIO_MMIO_QUEUE_DEVICE + 4, VIRTIO_PCI_QUEUE_DEVICE + 4 },
	};
	struct fake_virtio *d = ctx;

	CHECK_EQ(bytes, 4);
	if (off == VIRTIO_MMIO_QUEUE_NOTIFY) {
		window_write(d, NOTIFY_OFF + v * NOTIFY_MULT, 2, v);
	} else if (off == VIRTIO_MMIO_INTERRUPT_ACK) {
		CHECK_EQ(v & ~(u64)d->isr, 0);
		d->isr &= (u8)~v;
	} else if (off == VIRTIO_MMIO_QUEUE_READY && v) {
		enable_queue(d);
	} else if (off == VIRTIO_MMIO_QUEUE_READY) {
		d->vq[MIN(d->queue_sel, FAKE_VIRTIO_QUEUES - 1)].enabled = false;
	} else {
		for (unsigned i = 0; i < ARRAY_SIZE(same); i++)
			if (same[i].mmio == off) {
				common_write(d, same[i].common, v);
				return;
			}
		CHECK(!"an MMIO register that can be written");
	}
}

static void make_honest(struct fake_virtio *d)
{
	d->offered = ~0ull;
	d->queue_max = 256;
	memcpy(d->mac, "\x52\x54\x00\x12\x34\x56", 6);
	d->link_status = VIRTIO_NET_S_LINK_UP;
	d->mtu = 1500;
}

struct fake_virtio *fake_virtio_create_mmio(void)
{
	struct fake_virtio *d = calloc(1, sizeof(*d));

	make_honest(d);
	d->magic = VIRTIO_MMIO_MAGIC_VALUE;
	d->version = VIRTIO_MMIO_VERSION_MODERN;
	d->kind = VIRTIO_ID_NET;
	fake_window_add(FAKE_MMIO_BASE, 0x200, mmio_reg_read, mmio_reg_write, d);
	device_reset(d);
	d->resets = 0;
	return d;
}

/* ---- the function ---- */

static u8 put_cap(struct fake_func *f, u8 at, u8 next, u8 type, u32 off, u32 len)
{
	u8 bytes = type == VIRTIO_PCI_CAP_NOTIFY_CFG ? VIRTIO_PCI_NOTIFY_CAP_BYTES : VIRTIO_PCI_CAP_BYTES;

	f->config[at] = PCI_CAP_ID_VENDOR;
	f->config[at + 1] = next;
	f->config[at + VIRTIO_PCI_CAP_LEN] = bytes;
	f->config[at + VIRTIO_PCI_CAP_CFG_TYPE] = type;
	f->config[at + VIRTIO_PCI_CAP_BAR] = BAR;
	fake_config_set(f, at + VIRTIO_PCI_CAP_OFFSET, 4, off);
	fake_config_set(f, at + VIRTIO_PCI_CAP_LENGTH, 4, len);
	if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
		fake_config_set(f, at + VIRTIO_PCI_CAP_NOTIFY_MULT, 4, NOTIFY_MULT);
	return at;
}

struct fake_virtio *fake_virtio_create(u8 slot)
{
	struct fake_virtio *d = calloc(1, sizeof(*d));
	struct fake_func *f = fake_func_add(0, slot, 0, VIRTIO_PCI_VENDOR, VIRTIO_PCI_NET, 0x020000);

	d->func = f;
	make_honest(d);
	f->bars[BAR] = (struct fake_bar){ WINDOW_BYTES, true, window_read, window_write, d };
	f->bars[1].size = 0x1000;
	f->config[PCI_INTERRUPT_PIN] = 1;
	fake_config_set(f, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	f->config[PCI_CAPABILITY_LIST] = 0x40;
	put_cap(f, 0x40, 0x50, VIRTIO_PCI_CAP_COMMON_CFG, COMMON_OFF, 0x1000);
	put_cap(f, 0x50, 0x60, VIRTIO_PCI_CAP_ISR_CFG, ISR_OFF, 0x1000);
	put_cap(f, 0x60, 0x70, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE_OFF, 0x1000);
	put_cap(f, 0x70, 0x98, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY_OFF, 0x1000);
	fake_config_set(f, 0x98, 2, PCI_CAP_ID_MSIX);
	fake_config_set(f, 0x98 + PCI_MSIX_TABLE, 4, 1);
	fake_virtio_set_vectors(d, 3);
	device_reset(d);
	d->resets = 0;
	return d;
}

void fake_virtio_set_vectors(struct fake_virtio *d, u16 n)
{
	d->nr_vectors = n;
	d->func->config[0x98] = n ? PCI_CAP_ID_MSIX : 0x01;
	fake_config_set(d->func, 0x98 + PCI_MSIX_CONTROL, 2, n ? n - 1u : 0);
}

void fake_virtio_make_legacy(struct fake_virtio *d)
{
	fake_config_set(d->func, PCI_STATUS, 2, 0);
}

void fake_virtio_set_link(struct fake_virtio *d, bool up)
{
	d->link_status = up ? VIRTIO_NET_S_LINK_UP : 0;
	d->generation++;
	fire(d, d->config_vector, VIRTIO_PCI_ISR_CONFIG);
}
