/* SPDX-License-Identifier: MIT
 * fake_virtio.h - a virtio network device on the fake PCI bus or behind bare registers, written from the specification's device side.
 *
 * It is honest until a test takes its used ring in hand: fake_virtio_push() writes any entry, fake_virtio_jump() any index.
 * It keeps its own idea of the rings, checks what the driver does (status order, descriptors, alignment), and computes
 * interrupts and notifications as the event index rules say.
 */
#pragma once

#include "drivers/virtio-net/virtio_hw.h"
#include "host/fake_machine.h"

#define FAKE_VIRTIO_MAX_FRAME 70000
#define FAKE_MMIO_BASE 0xfeb00e00u
#define FAKE_MMIO_GSI  12

#define FAKE_VIRTIO_QUEUES 5 /* two pairs and their control queue */

struct fake_vq {
	u16 size, vector;
	bool enabled;
	u64 desc, avail, used; /* bus addresses = pointers */
	u16 last_avail, used_idx, signalled;
	u64 notifies, interrupts;
};

struct fake_virtio {
	struct fake_func *func; /* NULL: its registers are at FAKE_MMIO_BASE */
	/* ---- what it offers; set before the driver probes ---- */
	u64 offered;
	u16 queue_max;
	u8 mac[6];
	u16 link_status, mtu, pairs; /* pairs: 0 or 1, no control queue; 2 */
	struct virtio_net_rss_limits rss;
	u32 hash_value; /* what it says with each frame, where reports were asked for */
	u16 hash_report;
	unsigned rx_queue; /* 0, or 2: where frames come in */
	/* ---- misbehaviour ---- */
	bool refuse_features; /* FEATURES_OK does not stay */
	bool refuse_vectors;  /* vector registers read back NO_VECTOR */
	bool never_resets;    /* status stays */
	bool never_ready;     /* MMIO: QueueReady does not stay */
	bool always_ready;    /* MMIO: QueueReady is there before it is written */
	bool restless;        /* the configuration's generation changes with each look */
	u32 magic, version, kind; /* MMIO: what it says it is */
	bool deaf;            /* notifications get lost */
	bool mute;            /* interrupts get lost */
	bool mute_event;      /* avail_event is not written */
	enum { CTRL_OBEYS, CTRL_REFUSES, CTRL_ODD, CTRL_MUTE, CTRL_SILENT, CTRL_BAD_ID, CTRL_LONG, CTRL_JUMPS } ctrl; /* how commands are answered */
	bool lazy_tx;         /* transmits only when told: fake_virtio_send() */
	void (*on_refill)(struct fake_virtio *d); /* notified of receive buffers */
	/* ---- what happened ---- */
	u64 driver_features;
	u8 status, isr, generation;
	u16 nr_vectors;
	u32 device_sel, driver_sel;
	u16 config_vector, queue_sel;
	struct fake_vq vq[FAKE_VIRTIO_QUEUES]; /* 0 receive, 1 transmit; with two pairs 2 and 3 too, and 4 for control */
	unsigned nr_commands;
	struct virtio_net_ctrl command; /* the last one, as much of it as there was, */
	unsigned command_len;
	unsigned resets;
	/* ---- frames the driver sent ---- */
	unsigned nr_sent, sent_descs; /* descriptors of the last chain */
	bool sent_indirect;
	struct virtio_net_hdr sent_hdr;
	unsigned sent_by[FAKE_VIRTIO_QUEUES]; /* frames of each queue */
	u32 sent_len;
	u8 sent[FAKE_VIRTIO_MAX_FRAME];
};

/* At slot `slot` of bus 0, modern, all features this driver knows offered, three vectors, queues of 256. Caller frees. */
struct fake_virtio *fake_virtio_create(u8 slot);
/* The same at FAKE_MMIO_BASE, with the interrupt line FAKE_MMIO_GSI: rig_cmdline must tell of it. */
struct fake_virtio *fake_virtio_create_mmio(void);
/* MSI-X vectors, 0: no such capability. */
void fake_virtio_set_vectors(struct fake_virtio *d, u16 n);
/* Removes what create() put into configuration space, as a legacy-only device would show itself. */
void fake_virtio_make_legacy(struct fake_virtio *d);

/* Gives the driver a frame with this header (num_buffers is filled in); spreads it over buffers when they are mergeable.
 * false: no buffers. Interrupts when the driver wants that. */
bool fake_virtio_receive(struct fake_virtio *d, const struct virtio_net_hdr *h, const void *frame, u32 len);
/* Takes all that is in the transmit ring; returns how many frames. */
unsigned fake_virtio_send(struct fake_virtio *d);
/* Buffers the driver has offered and the device not used. */
u16 fake_virtio_offered(const struct fake_virtio *d, unsigned q);
/* Takes the next available chain's head without using it. */
u16 fake_virtio_take(struct fake_virtio *d, unsigned q);
/* Writes a used entry as it is, and moves the index on. */
void fake_virtio_push(struct fake_virtio *d, unsigned q, u32 id, u32 len);
/* Moves the used index by n without entries. */
void fake_virtio_jump(struct fake_virtio *d, unsigned q, u16 n);
/* Bytes 0.. of the chain with head `id`: where the device would write. */
u8 *fake_virtio_buffer(struct fake_virtio *d, unsigned q, u16 id);
/* Answers the commands that waited for it (CTRL_SILENT). */
void fake_virtio_answer(struct fake_virtio *d, u8 ack);
/* Interrupts queue q, asked for or not. */
void fake_virtio_interrupt(struct fake_virtio *d, unsigned q);
/* Changes link_status and interrupts for configuration. */
void fake_virtio_set_link(struct fake_virtio *d, bool up);
