/* SPDX-License-Identifier: MIT
 * e1000_impl.h - one controller of the family as the driver's files share it.
 *
 *   e1000.c      its life: registers, open, stop, link, recovery, settings
 *   e1000_hw.c   EEPROM and address, reset, and what an 82574L has beside: vectors, RSS
 *   e1000_mq.c   what one CPU asks of the other, where there are two queues
 *   e1000_io.c   its frames: receive, refill, transmit, completions, doorbells
 *
 * A queue, which is a pair of rings, has one owner CPU and one NAPI. An 8254x has one queue and the INTx line; an 82574L two,
 * when there are two CPUs, with a vector each. Everything but the interrupt handlers runs in softirq, or in base context with
 * softirq held off. A register access leaves the virtual machine: per interrupt of the line there are three (cause, mask,
 * unmask), of a vector one (unmask), per burst one doorbell; what was received and sent is learnt from the descriptors.
 */
#pragma once

#include "arch/x86_64/io.h"
#include "drivers/e1000/e1000_hw.h"
#include "drivers/pci/pci.h"
#include "net/core/dev.h"
#include "net/core/dim.h"

#define E1000_RING      256  /* descriptors of 16 bytes, until `ethtool -G` says another number: a page each way */
#define E1000_RING_MIN  128
#define E1000_RING_MAX  1024
#define E1000_ITR_UNIT_NS 256 /* 13.4.18 */
#define E1000_DELAY_UNIT_NS 1024 /* 13.4.30 */
#define E1000_VECTORS   (E1000_QUEUES + 1)
#define E1000_ITR_USECS 50   /* rx-usecs until set: at most 20 000 interrupts a second */
#define E1000_ITR_LEAST 20u  /* adaptive: between two interrupts when nothing may wait */
#define E1000_TX_FRAMES 1    /* tx-frames: each flush looks for completions */
#define E1000_RX_OFF    66   /* of a receive buffer's room: the IP header comes to a multiple of 16 */
#define E1000_RX_LEN    (SKB_BUF_ROOM - E1000_RX_OFF)
#define E1000_REFILL    32   /* receive buffers given back at a time */
#define E1000_MAX_FRAME 1522 /* RCTL.LPE is off: the device drops what is longer, with a VLAN tag and the FCS */
#define E1000_TX_PIECE  4096 /* bytes of one transmit descriptor: keeps the packet FIFO's arithmetic right (3.3.3) */
/* Descriptors of the largest frame: a context, and 64 KiB in pieces of which each of the parts may end one early. */
#define E1000_TX_FREE   (1 + 65536 / E1000_TX_PIECE + MAX_SKB_FRAGS + 1)
#define E1000_REAP_NS   (1 * NSEC_PER_MSEC)  /* no completion waits longer than that */
#define E1000_IDLE_NS   (10 * NSEC_PER_MSEC) /* while the ring does not move, looks are rarer */
#define E1000_HANG_NS   (2 * NSEC_PER_SEC)   /* no movement for so long with the link up: reset */
#define E1000_RETRY_NS  NSEC_PER_SEC         /* between two resets of a device that lies */

_Static_assert(E1000_RX_LEN >= E1000_MAX_FRAME, "a frame fits a buffer");
_Static_assert(E1000_RING_MIN > 2 * E1000_TX_FREE, "the ring holds two of the largest frames");

#define E1000_INT_ALWAYS (E1000_INT_RXT0 | E1000_INT_RXDMT0 | E1000_INT_RXO | E1000_INT_LSC)

struct e1000_rx_ring {
	volatile union e1000_rx_desc *desc;
	u16 clean;  /* the next one the device fills */
	u16 use;    /* the next one to give to it */
	u16 tail;   /* what RDT was last written with */
	u16 mask;   /* descriptors, a power of two, less 1 */
	bool skip;  /* in a frame of several descriptors, up to its end */
	struct skb_buf **bufs;
};

struct e1000_tx_ring {
	volatile union e1000_tx_desc *desc;
	u16 clean;  /* the first descriptor of the oldest frame with the device */
	u16 use;    /* the next one to write */
	u16 tail;   /* what TDT was last written with */
	u16 nr_free;
	u16 mask;
	u16 seen;   /* clean when it last moved, */
	u64 seen_ns; /* and the time of that */
	u32 context; /* csum_start << 16 | csum_offset of the checksum context the device holds, 0: none */
	struct e1000_tx_slot {
		void *token;         /* at a frame's first descriptor: see dev_frame_token() */
		u16 last;            /* and its last, which is written back */
	} *slots;
};

struct e1000;

struct e1000_queue {
	struct e1000 *e;
	struct net_device *dev;
	struct net_cpu *cpu; /* owner */
	u16 index;
	bool ext;        /* extended receive descriptors: an 82574L */
	bool down;       /* the rings are not to be touched: closed, or waiting for the reset */
	bool broken;     /* the device lied or hangs */
	bool attention;  /* of the first: see e1000_attend(); set in hard IRQ too */
	bool left;       /* down, and everything was taken back */
	bool held;       /* the poll left frames in the ring, because tx is behind: the timer schedules it again */
	bool calling;    /* `call` is on its way to the first queue's CPU, which clears it */
	bool ordered;    /* `order` is on its way from there, and cleared when it is carried out */
	struct inbox_msg call, order;
	volatile u8 *rdt, *tdt; /* its doorbells */
	u32 ims, ims_tx; /* causes to unmask after a poll; and those of completions, while it is stopped */
	u32 tx_cmd;      /* of each data descriptor */
	struct dim dim;
	struct napi_struct napi;
	struct timer timer; /* armed while frames are in the tx ring, or the rx ring starves */
	struct e1000_rx_ring rx;
	struct e1000_tx_ring tx;
};

struct e1000 {
	struct net_device dev;
	struct pci_dev *pdev;
	volatile u8 *regs;
	bool is_82574;
	bool vectors;    /* MSI-X: one for each queue, then one for the rest */
	bool open;
	bool running;    /* registers hold what was set */
	bool dead;       /* it does not reset, or has no interrupt: never touched again */
	bool quieting;   /* a reset waits for CPUs that have not left their rings yet */
	bool renew;      /* a reset was asked for, */
	struct dev_rings want; /* and rings of these sizes */
	u64 retry_ns;    /* no reset before */
	unsigned nr_queues;
	struct e1000_queue queues[E1000_QUEUES]; /* the first is the device's own: its CPU tends it */
};

static inline u32 e1000_read(struct e1000 *e, u32 reg) { return mmio_read32(e->regs + reg); }
static inline void e1000_write(struct e1000 *e, u32 reg, u32 v) { mmio_write32(e->regs + reg, v); }
static inline bool e1000_is_ordered(const struct e1000_queue *q) { return __atomic_load_n(&q->ordered, __ATOMIC_ACQUIRE); }

/* ---- e1000_io.c ---- */
bool e1000_irq(void *arg);       /* the line; the device */
bool e1000_queue_irq(void *arg); /* a vector; the queue */
bool e1000_other_irq(void *arg); /* a vector; the device */
int e1000_poll(struct napi_struct *napi, int budget);
/* The device lied or hangs: nothing more goes in or out until poll has reset it. On the queue's CPU. */
void e1000_halt(struct e1000_queue *q);
void e1000_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb);
void e1000_xmit_frame(struct net_device *dev, unsigned txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum);
void e1000_flush(struct net_device *dev, unsigned txq);
void e1000_watchdog(struct net_device *dev, unsigned txq, u64 now_ns);
void e1000_timer(struct timer *t, u64 now_ns);
/* dev->coalesce or dev->features were written. */
void e1000_retune(struct net_device *dev);
/* Both rings as new and empty. */
void e1000_rings_reset(struct e1000_queue *q);
/* Fills the receive ring as far as buffers go, and tells the device. */
void e1000_refill(struct e1000_queue *q);
/* Takes back every buffer and frame; the device has been reset. */
void e1000_reclaim(struct e1000_queue *q);

/* ---- e1000_hw.c ---- */
/* -EIO: the reset does not end; the device was cut off the bus. */
int e1000_hw_reset(struct e1000 *e);
/* The device's address, or a random one. */
void e1000_read_mac(struct e1000 *e);
/* An 82574L's causes to their vectors, its hash key and table. The device was reset. */
void e1000_init_82574(struct e1000 *e);
/* Which queue the hash of a frame chooses, of dev.nr_channels. */
void e1000_write_table(struct e1000 *e);
/* Connects the handlers. 0 or -errno. */
int e1000_request_irqs(struct e1000 *e);

/* ---- e1000_mq.c ---- */
/* Asks the first queue's CPU to attend, from the queue's own. */
void e1000_call(struct e1000_queue *q);
/* Runs e1000_leave() for each queue on its CPU; true: all have left already, else attention is called when they have. */
bool e1000_leave_all(struct e1000 *e);
/* Runs e1000_enter() likewise. */
void e1000_enter_all(struct e1000 *e);

/* ---- e1000.c ---- */
/* In poll of the first queue, when its `attention` is set: link, overruns, and the reset of a device that is broken. */
void e1000_attend(struct e1000 *e, u64 now_ns);
/* Out of the rings: takes everything back. On the queue's CPU, the device is reset. */
void e1000_leave(struct e1000_queue *q);
/* Buffers in, doorbell, interrupts. On the queue's CPU, the device is ready. */
void e1000_enter(struct e1000_queue *q);
