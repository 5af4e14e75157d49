/* SPDX-License-Identifier: MIT
 * virtqueue.h - the split virtqueue (virtio 1.2, 2.7): descriptor chains out to the device and back.
 *
 * The device may write anything into the used ring, at any moment. So the state of the ring is kept in memory of our own
 * (slots[]), each word of the device is read once, and an answer that cannot be true sets `lie`: from then on
 * virtqueue_get() returns nothing until virtqueue_reset(). One CPU owns a queue; interrupts only call virtqueue_irq_off().
 */
#pragma once

#include "config.h"
#include "drivers/virtio-net/virtio_hw.h"

struct virtio_device;

#define VQ_MAX_SIZE      1024 /* entries we use at most; more would only hold more buffers */
#define VQ_MAX_SEGS      (MAX_SKB_FRAGS + 2) /* of one chain: header, linear part, frags */
#define VQ_INDIRECT_FROM 5    /* segments; QEMU maps a table anew for each chain, short chains are cheaper direct */

#define VQ_LIES(X)                                                                                 \
	X(NONE, "")                                                                                \
	X(INDEX, "used index jumped past what is in flight")                                       \
	X(ID, "used id out of range or not in flight")                                             \
	X(LEN, "used length larger than the buffer")                                               \
	X(MERGE, "a frame of more buffers than it can have")

enum vq_lie {
#define X(name, text) VQ_LIE_##name,
	VQ_LIES(X)
#undef X
};
const char *vq_lie_text(enum vq_lie lie);

struct vq_seg {
	u64 addr; /* bus address */
	u32 len;
};

/* What we know of descriptor i; token is set while it heads a chain that is with the device. */
struct vq_slot {
	void *token;
	u32 in_len;  /* bytes the device may write there */
	u16 next;    /* next of its chain, or of the free list */
	u8 nr_desc;  /* of the chain */
	u8 table;    /* indirect table in use + 1, 0: none */
};
_Static_assert(sizeof(struct vq_slot) == 16, "a power of two, four to a cache line");

struct virtqueue {
	struct vring_desc *desc;
	struct vring_avail *avail;
	volatile struct vring_used *used;
	struct vq_slot *slots;
	u32 mask; /* size - 1 */
	u16 size; /* a power of two */
	u16 free_head, nr_free;
	u16 in_flight;  /* chains the device has */
	u16 avail_idx;  /* ours; the device sees it after virtqueue_kick() */
	u16 kicked_idx; /* avail_idx at the last kick */
	u16 last_used;
	bool event_idx; /* VIRTIO_F_RING_EVENT_IDX was negotiated */
	u8 lie;         /* enum vq_lie */
	u8 nr_tables, nr_free_tables;
	u16 index;      /* of the device's queues */
	struct virtio_device *vdev;
	volatile void *notify_addr; /* set by the transport */
	struct vring_desc *tables;  /* nr_tables of VQ_MAX_SEGS entries, NULL: no indirect descriptors */
	u8 free_tables[128];
	void *ring;     /* the allocation */
	u8 ring_order;
};

/* Memory for a queue of `size` entries (power of two, at most VQ_MAX_SIZE); `indirect`: tables too. 0 or -ENOMEM. */
int virtqueue_create(struct virtqueue *vq, struct virtio_device *vdev, u16 index, u16 size, bool indirect);
void virtqueue_destroy(struct virtqueue *vq);
/* Everything as new, for a device that was reset. The caller took its tokens back before (virtqueue_detach). */
void virtqueue_reset(struct virtqueue *vq, bool event_idx);
/* One token that is still with the device, which must have been reset; NULL when none is left. */
void *virtqueue_detach(struct virtqueue *vq);

/* Puts one descriptor into the ring as a chain of its own. */
static inline void virtqueue_add_one(struct virtqueue *vq, u64 addr, u32 len, u16 flags, u32 in_len, void *token)
{
	u16 head = vq->free_head;
	struct vq_slot *slot = &vq->slots[head];

	vq->desc[head] = (struct vring_desc){ .addr = addr, .len = len, .flags = flags };
	vq->avail->ring[vq->avail_idx++ & vq->mask] = head;
	vq->free_head = slot->next;
	vq->nr_free--;
	vq->in_flight++;
	slot->token = token;
	slot->in_len = in_len;
	slot->nr_desc = 1;
}

/* Offers one buffer to be written, one to be read. The caller saw nr_free > 0. */
static inline void virtqueue_add_in(struct virtqueue *vq, u64 addr, u32 len, void *token)
{
	virtqueue_add_one(vq, addr, len, VRING_DESC_F_WRITE, len, token);
}
static inline void virtqueue_add_out(struct virtqueue *vq, u64 addr, u32 len, void *token)
{
	virtqueue_add_one(vq, addr, len, 0, 0, token);
}
/* Offers a chain to be read, n <= VQ_MAX_SEGS. The caller saw nr_free >= n. */
void virtqueue_add_chain(struct virtqueue *vq, const struct vq_seg *segs, unsigned n, void *token);
/* Offers a command: `out` to be read, then `in` to be written. The caller saw nr_free >= 2. */
void virtqueue_add_command(struct virtqueue *vq, u64 out, u32 out_len, u64 in, u32 in_len, void *token);
/* Shows the device what was added, and rings the doorbell if it asks for that or `force`. Returns whether it rang. */
bool virtqueue_kick(struct virtqueue *vq, bool force);

struct vq_done {
	void *token; /* NULL: there is none */
	u32 len;     /* bytes the device says it wrote */
};
/* For virtqueue_get(): notes the lie, and that there is nothing. */
struct vq_done virtqueue_lied(struct virtqueue *vq, enum vq_lie lie);
/* Puts the chain of `head` back on the free list. */
void virtqueue_free_chain(struct virtqueue *vq, u16 head);

/* The next chain the device gave back; none, too, when it lied (vq->lie). */
static inline struct vq_done virtqueue_get(struct virtqueue *vq)
{
	u16 pending = (u16)(vq->used->idx - vq->last_used);
	const volatile struct vring_used_elem *e = &vq->used->ring[vq->last_used & vq->mask];
	struct vq_slot *slot;
	void *token;
	u32 id, len;

	if (!pending || unlikely(vq->lie))
		return (struct vq_done){ NULL, 0 };
	if (unlikely(pending > vq->in_flight))
		return virtqueue_lied(vq, VQ_LIE_INDEX);
	barrier(); /* loads stay in order: the index before the entry */
	id = e->id;
	len = e->len;
	if (unlikely(id > vq->mask))
		return virtqueue_lied(vq, VQ_LIE_ID);
	slot = &vq->slots[id];
	token = slot->token;
	if (unlikely(!token))
		return virtqueue_lied(vq, VQ_LIE_ID);
	/* What is said of a chain we only let be read does not matter, and hosts differ there. */
	if (unlikely(len > slot->in_len) && slot->in_len)
		return virtqueue_lied(vq, VQ_LIE_LEN);
	vq->last_used++;
	vq->in_flight--;
	slot->token = NULL;
	if (likely(slot->nr_desc == 1 && !slot->table)) {
		slot->next = vq->free_head;
		vq->free_head = (u16)id;
		vq->nr_free++;
	} else {
		virtqueue_free_chain(vq, (u16)id);
	}
	return (struct vq_done){ token, len };
}

/* Chains that the device says it gave back and virtqueue_get() has not taken yet; none when it lied. */
static inline u16 virtqueue_pending(const struct virtqueue *vq)
{
	return unlikely(vq->lie) ? 0 : (u16)(vq->used->idx - vq->last_used);
}
/* As virtqueue_get() in a queue whose chains are single buffers to be written, all of one size, where `pending` (above) is not
 * 0; `token`, at `addr`, takes the place of what comes back, in its descriptor. Of a device that lied it is not taken. */
static inline struct vq_done virtqueue_swap_in(struct virtqueue *vq, u16 pending, u64 addr, void *token)
{
	const volatile struct vring_used_elem *e = &vq->used->ring[vq->last_used & vq->mask];
	struct vq_done done;
	struct vq_slot *slot;
	u32 id;

	if (unlikely(pending > vq->in_flight))
		return virtqueue_lied(vq, VQ_LIE_INDEX);
	barrier(); /* loads stay in order: the index before the entry */
	id = e->id;
	if (unlikely(id > vq->mask))
		return virtqueue_lied(vq, VQ_LIE_ID);
	slot = &vq->slots[id];
	done = (struct vq_done){ slot->token, e->len };
	if (unlikely(!done.token))
		return virtqueue_lied(vq, VQ_LIE_ID);
	if (unlikely(done.len > slot->in_len))
		return virtqueue_lied(vq, VQ_LIE_LEN);
	vq->last_used++;
	slot->token = token;
	vq->desc[id].addr = addr;
	vq->avail->ring[vq->avail_idx++ & vq->mask] = (u16)id;
	return done;
}

/* Chains that the device was shown and did not give back yet. */
static inline u16 virtqueue_shown(const struct virtqueue *vq)
{
	return (u16)(vq->kicked_idx - vq->last_used);
}

/* Did the device give back something that virtqueue_get() has not taken yet? */
static inline bool virtqueue_has_used(const struct virtqueue *vq)
{
	return vq->used->idx != vq->last_used;
}

/* Interrupts off: a hint, they may still come. */
void virtqueue_irq_off(struct virtqueue *vq);
/* Interrupt once `delay` more chains than now were given back (without event index: at the next one).
 * true: that has already happened, so that nothing will come; the caller polls again. */
bool virtqueue_irq_on(struct virtqueue *vq, u16 delay);
