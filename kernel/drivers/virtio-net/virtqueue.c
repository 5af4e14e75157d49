/* SPDX-License-Identifier: MIT
 * virtqueue.c - the split virtqueue (virtio 1.2, 2.7): descriptor table, available ring, used ring, in one allocation.
 *
 * Order of accesses: entries before the index that publishes them (wmb), the index before the look at what the device
 * asked for (mb: a load may pass an earlier store, 2.7.13.4.1), the used index before its entries (rmb).
 */
#include "drivers/virtio-net/virtqueue.h"

#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "drivers/virtio-net/virtio.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "platform.h"

#define TABLES_ORDER 3 /* 32 KiB of indirect tables */
#define TABLE_BYTES  (VQ_MAX_SEGS * sizeof(struct vring_desc))

const char *vq_lie_text(enum vq_lie lie)
{
	static const char *const texts[] = {
#define X(name, text) text,
		VQ_LIES(X)
#undef X
	};

	return lie < ARRAY_SIZE(texts) ? texts[lie] : "?";
}

static u16 *used_event(struct virtqueue *vq)
{
	return &vq->avail->ring[vq->size];
}

static u16 read_avail_event(const struct virtqueue *vq)
{
	const volatile void *behind_the_ring = &vq->used->ring[vq->size];

	return *(const volatile u16 *)behind_the_ring;
}

static u8 order_for(size_t bytes)
{
	u8 order = 0;

	while ((PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

static int create_tables(struct virtqueue *vq)
{
	vq->tables = pages_alloc(TABLES_ORDER);
	if (!vq->tables)
		return -ENOMEM;
	vq->nr_tables =
		(u8)MIN((PAGE_SIZE << TABLES_ORDER) / TABLE_BYTES, ARRAY_SIZE(vq->free_tables));
	return 0;
}

int virtqueue_create(struct virtqueue *vq, struct virtio_device *vdev, u16 index, u16 size,
		     bool indirect)
{
	size_t desc_bytes = size * sizeof(struct vring_desc);
	size_t avail_bytes =
		ALIGN_UP(sizeof(struct vring_avail) + (size + 1) * sizeof(u16), CACHE_LINE);
	size_t used_bytes = ALIGN_UP(sizeof(struct vring_used) +
					     size * sizeof(struct vring_used_elem) + sizeof(u16),
				     CACHE_LINE);
	u8 *p;

	memset(vq, 0, sizeof(*vq));
	vq->vdev = vdev;
	vq->index = index;
	vq->size = size;
	vq->mask = size - 1u;
	vq->ring_order = order_for(desc_bytes + avail_bytes + used_bytes);
	vq->ring = p = pages_alloc(vq->ring_order);
	vq->slots = kmalloc(size * sizeof(struct vq_slot));
	if (!vq->ring || !vq->slots || (indirect && create_tables(vq) < 0)) {
		virtqueue_destroy(vq);
		return -ENOMEM;
	}
	vq->desc = (struct vring_desc *)p;
	vq->avail = (struct vring_avail *)(p + desc_bytes);
	vq->used = (struct vring_used *)(p + desc_bytes + avail_bytes);
	virtqueue_reset(vq, false);
	return 0;
}

void virtqueue_destroy(struct virtqueue *vq)
{
	if (vq->tables)
		pages_free(vq->tables, TABLES_ORDER);
	if (vq->ring)
		pages_free(vq->ring, vq->ring_order);
	kfree(vq->slots);
	vq->tables = NULL;
	vq->ring = NULL;
	vq->slots = NULL;
}

void virtqueue_reset(struct virtqueue *vq, bool event_idx)
{
	unsigned i;

	memset(vq->ring, 0, PAGE_SIZE << vq->ring_order);
	memset(vq->slots, 0, vq->size * sizeof(struct vq_slot));
	for (i = 0; i < vq->size; i++)
		vq->slots[i].next = (u16)(i + 1);
	for (i = 0; i < vq->nr_tables; i++)
		vq->free_tables[i] = (u8)i;
	vq->nr_free_tables = vq->nr_tables;
	vq->free_head = 0;
	vq->nr_free = vq->size;
	vq->in_flight = vq->avail_idx = vq->kicked_idx = vq->last_used = 0;
	vq->lie = VQ_LIE_NONE;
	vq->event_idx = event_idx;
	*used_event(vq) = 0xffff; /* the farthest there is */
	virtqueue_irq_off(vq);
}

void *virtqueue_detach(struct virtqueue *vq)
{
	unsigned i;

	for (i = 0; i < vq->size && vq->in_flight; i++) {
		void *token = vq->slots[i].token;

		if (!token)
			continue;
		vq->slots[i].token = NULL;
		vq->in_flight--;
		return token;
	}
	return NULL;
}

/* 2.7.5.3: the chain stands in a table of its own and takes one descriptor of the ring. */
static void add_indirect(struct virtqueue *vq, struct vq_slot *slot, u16 head,
			 const struct vq_seg *segs, unsigned n)
{
	u8 t = vq->free_tables[--vq->nr_free_tables];
	struct vring_desc *table = vq->tables + t * VQ_MAX_SEGS;
	unsigned i;

	for (i = 0; i < n; i++)
		table[i] = (struct vring_desc){.addr = segs[i].addr,
					       .len = segs[i].len,
					       .flags = i + 1 < n ? VRING_DESC_F_NEXT : 0,
					       .next = (u16)(i + 1)};
	vq->desc[head] = (struct vring_desc){.addr = virt_to_phys(table),
					     .flags = VRING_DESC_F_INDIRECT,
					     .len = (u32)(n * sizeof(struct vring_desc))};
	slot->table = (u8)(t + 1);
	slot->nr_desc = 1;
	vq->free_head = slot->next;
	vq->nr_free--;
}

void virtqueue_add_chain(struct virtqueue *vq, const struct vq_seg *segs, unsigned n, void *token)
{
	u16 head = vq->free_head, i = head;
	struct vq_slot *slot = &vq->slots[head];
	unsigned k;

	slot->token = token;
	slot->in_len = 0;
	if (n >= VQ_INDIRECT_FROM && vq->nr_free_tables) {
		add_indirect(vq, slot, head, segs, n);
	} else {
		for (k = 0; k < n; k++) {
			u16 next = vq->slots[i].next;

			vq->desc[i] =
				(struct vring_desc){.addr = segs[k].addr,
						    .len = segs[k].len,
						    .flags = k + 1 < n ? VRING_DESC_F_NEXT : 0,
						    .next = next};
			i = next;
		}
		slot->nr_desc = (u8)n;
		vq->free_head = i;
		vq->nr_free -= (u16)n;
	}
	vq->avail->ring[vq->avail_idx++ & vq->mask] = head;
	vq->in_flight++;
}

void virtqueue_add_command(struct virtqueue *vq, u64 out, u32 out_len, u64 in, u32 in_len, void *token)
{
	u16 head = vq->free_head, second = vq->slots[head].next;
	struct vq_slot *slot = &vq->slots[head];

	vq->desc[head] = (struct vring_desc){ .addr = out, .len = out_len, .flags = VRING_DESC_F_NEXT, .next = second };
	vq->desc[second] = (struct vring_desc){ .addr = in, .len = in_len, .flags = VRING_DESC_F_WRITE };
	slot->token = token;
	slot->in_len = in_len;
	slot->nr_desc = 2;
	vq->free_head = vq->slots[second].next;
	vq->nr_free -= 2;
	vq->avail->ring[vq->avail_idx++ & vq->mask] = head;
	vq->in_flight++;
}

/* 2.7.10.2: does moving the index from `old` to `new` pass `event`? */
static bool need_event(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

bool virtqueue_kick(struct virtqueue *vq, bool force)
{
	u16 old = vq->kicked_idx;
	bool asked;

	wmb();
	WRITE_ONCE(vq->avail->idx, vq->avail_idx);
	vq->kicked_idx = vq->avail_idx;
	mb();
	if (vq->event_idx)
		asked = need_event(read_avail_event(vq), vq->avail_idx, old);
	else
		asked = !(vq->used->flags & VRING_USED_F_NO_NOTIFY);
	if (!asked && !force)
		return false;
	vq->vdev->ops->notify(vq);
	return true;
}

void virtqueue_free_chain(struct virtqueue *vq, u16 head)
{
	struct vq_slot *slot = &vq->slots[head], *last = slot;
	unsigned k;

	for (k = 1; k < slot->nr_desc; k++)
		last = &vq->slots[last->next];
	last->next = vq->free_head;
	vq->free_head = head;
	vq->nr_free += slot->nr_desc;
	if (slot->table) {
		vq->free_tables[vq->nr_free_tables++] = (u8)(slot->table - 1);
		slot->table = 0;
	}
}

__cold struct vq_done virtqueue_lied(struct virtqueue *vq, enum vq_lie lie)
{
	vq->lie = (u8)lie;
	return (struct vq_done){NULL, 0};
}

/* With event index an event that lies behind us is as good as off: it comes once in 65536 chains. */
void virtqueue_irq_off(struct virtqueue *vq)
{
	if (!vq->event_idx)
		WRITE_ONCE(vq->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}

bool virtqueue_irq_on(struct virtqueue *vq, u16 delay)
{
	if (vq->event_idx) {
		WRITE_ONCE(*used_event(vq), (u16)(vq->last_used + delay));
	} else {
		WRITE_ONCE(vq->avail->flags, 0);
		delay = 0;
	}
	mb();
	return (u16)(vq->used->idx - vq->last_used) > delay;
}
