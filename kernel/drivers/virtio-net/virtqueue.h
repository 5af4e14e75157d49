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

/* Offers one buffer to be written. The caller saw nr_free > 0. */
void virtqueue_add_in(struct virtqueue *vq, u64 addr, u32 len, void *token);
/* Offers a chain to be read, n <= VQ_MAX_SEGS. The caller saw nr_free >= n. */
void virtqueue_add_out(struct virtqueue *vq, const struct vq_seg *segs, unsigned n, void *token);
/* Shows the device what was added, and rings the doorbell if it asks for that or `force`. Returns whether it rang. */
bool virtqueue_kick(struct virtqueue *vq, bool force);

/* The next token the device gave back and how many bytes it says it wrote; NULL: none, or it lied (vq->lie). */
void *virtqueue_get(struct virtqueue *vq, u32 *len);

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
