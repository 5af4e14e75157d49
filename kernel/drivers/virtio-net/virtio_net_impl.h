/* SPDX-License-Identifier: MIT
 * virtio_net_impl.h - one virtio network device as the driver's two files share it.
 *
 *   virtio_net.c     its life: features, configuration, open, stop, link, recovery
 *   virtio_net_mq.c  several pairs: how many, the control queue, RSS, and what one CPU asks of the others
 *   virtio_net_io.c  its frames: receive, refill, transmit, completions, doorbells
 *
 * A pair of queues has one owner CPU and one NAPI, which reaps its completions as well. Everything but the
 * interrupt handlers runs in softirq, or in base context with softirq held off.
 */
#pragma once

#include "drivers/virtio-net/virtio.h"
#include "net/core/dev.h"
#include "net/core/dim.h"

#define VIRTNET_MIN_RING   64  /* entries: one frame of MAX_SKB_FRAGS and some */
#define VIRTNET_RING       256 /* entries, until `ethtool -G` says another number: half a megabyte of receive buffers */
#define VIRTNET_REFILL     32  /* receive buffers given back at a time */
#define VIRTNET_RX_LOW     (MAX_SKB_FRAGS + 1)          /* of the largest frame: a device with fewer may wait for more */
#define VIRTNET_REAP_AT    32  /* frames in the tx ring from which a flush looks for completions: tx-frames, until set */
#define VIRTNET_MIN_SEGMENT 8  /* bytes: no TCP makes segments of less, even with an MSS of 48 and 40 bytes of options */
#define VIRTNET_TX_FREE    (MAX_SKB_FRAGS + 2)          /* the queue stops below that, and does not go on before */
#define VIRTNET_REAP_NS    (1 * NSEC_PER_MSEC)          /* while many wait: tx-frames or more are under way, buffers are short */
#define VIRTNET_IDLE_NS    (10 * NSEC_PER_MSEC)         /* while the ring does not move, looks are rarer */
#define VIRTNET_TX_NS      (5 * NSEC_PER_MSEC)          /* tx-usecs, until set: polls find what is done, a timer costs an exit; for skbs */
#define VIRTNET_STALL_NS   (20 * NSEC_PER_MSEC)         /* no movement for so long: ring the doorbell again */
#define VIRTNET_RETRY_NS   NSEC_PER_SEC                 /* between two resets of a device that lies */
#define VIRTNET_SETTLE_NS  (1 * NSEC_PER_MSEC)          /* between two looks at queues that go out of use */
/* Offset in a receive buffer's room: the IP header comes to a multiple of 4, and MAX_SKB_FRAGS buffers hold 64 KiB, so
 * that a merged frame's linear part and frags can all become frags of another skb. */
#define VIRTNET_RX_OFF     50 /* with both headers */
#define VIRTNET_RX_LEN     (SKB_BUF_ROOM - VIRTNET_RX_OFF)

struct virtnet;

struct virtnet_pair {
	struct virtnet *vn;
	struct net_cpu *cpu; /* owner */
	struct net_device *dev;
	u16 index;           /* of the pair; its queues are 2 * index and 2 * index + 1 */
	bool mergeable, hashed; /* VIRTIO_NET_F_MRG_RXBUF, _HASH_REPORT */
	bool partial_csum;   /* VIRTIO_NET_F_GUEST_CSUM: a frame may come with its sum left to us */
	bool down;           /* the device is not to be touched: closed, or waiting for its reset */
	bool attention;      /* of the first: see virtnet_attend(); set in hard IRQ too */
	bool left;           /* down, and everything was taken back */
	bool calling;        /* `call` is on its way to the first pair's CPU, which clears it */
	bool ordered;        /* `order` is on its way from there, and cleared when it is carried out */
	bool asked;          /* `question` is on its way from there, likewise */
	u32 asked_round, spent_round; /* see virtnet_settle() */
	struct inbox_msg call, order, question;
	bool waited;         /* for skbs in the tx ring somebody may wait; nobody does for a frame in its buffer (ops->xmit_frame) */
	u16 seen_used;       /* tx.last_used when it last moved, */
	u64 seen_ns;         /* and the time of that */
	u16 rx_seen;         /* rx.last_used when the timer saw frames that nobody polls for */
	bool rx_late;
	u16 rx_looked, rx_rung; /* with RSS, rx.last_used at the timer's last look, and when it rang all doorbells last */
	bool moderated;      /* frames may wait for the timer: rx-usecs or adaptive-rx is set */
	bool held;           /* they may now: the timer polls */
	struct dim dim;
	struct virtqueue rx, tx;
	struct napi_struct napi;
	struct timer timer;  /* armed while frames are in the tx ring or the rx ring starves, and once after each arrival */
};

struct virtnet {
	struct net_device dev;
	struct virtio_device *vdev;
	u64 features;    /* negotiated */
	bool open;
	bool dead;       /* the device does not reset: never touched again */
	bool quieting;   /* a reset waits for CPUs that have not left their rings yet */
	bool renew;      /* a reset was asked for, */
	struct dev_rings want; /* and rings of these sizes */
	u64 retry_ns;    /* no reset before */
	unsigned nr_pairs, max_pairs; /* with rings; that the device has */
	unsigned wanted, told; /* of nr_pairs: that shall be in use, what the device was told. dev.nr_channels is what the stack uses */
	u32 round;       /* how often fewer were wanted */
	struct timer settle; /* armed while told is above nr_channels */
	u16 reports, whole; /* what hash reports there can be, a bit each; those of addresses and ports */
	struct virtqueue ctrl;        /* with VIRTIO_NET_F_CTRL_VQ */
	struct virtio_net_ctrl command;
	u8 ack;
	bool deaf;       /* a command was not answered: its answer would be taken for the next one's */
	struct virtnet_pair pairs[]; /* one per CPU at most; the first is the device's own: its CPU tends it */
};

/* ---- virtio_net_io.c ---- */
int virtnet_poll(struct napi_struct *napi, int budget);
bool virtnet_rx_irq(void *arg);
bool virtnet_tx_irq(void *arg);
void virtnet_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb);
void virtnet_xmit_frame(struct net_device *dev, unsigned txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum);
/* The same with the longer header. */
void virtnet_hash_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb);
void virtnet_hash_xmit_frame(struct net_device *dev, unsigned txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum);
void virtnet_flush(struct net_device *dev, unsigned txq);
void virtnet_watchdog(struct net_device *dev, unsigned txq, u64 now_ns);
void virtnet_timer(struct timer *t, u64 now_ns);
/* Fills the receive ring as far as buffers go; the device sees them at the next kick. */
void virtnet_refill(struct virtnet_pair *p);
/* dev->coalesce or dev->features were written. */
void virtnet_retune(struct net_device *dev);
/* Takes back every buffer and frame; the device has been reset. */
void virtnet_reclaim(struct virtnet_pair *p);

/* ---- virtio_net.c ---- */
/* In poll of the first pair, when its `attention` is set: link changes, and the reset of a device that lied. */
void virtnet_attend(struct virtnet *vn, u64 now_ns);
/* Asks for that, from the pair's CPU. */
void virtnet_call(struct virtnet_pair *p);
/* Out of the ring: counts what lies were told, takes everything back. On the pair's CPU, the device is reset. */
void virtnet_leave(struct virtnet_pair *p);
/* Buffers in, doorbell, interrupts, and one poll to find what came before them. On the pair's CPU, the device is ready. */
void virtnet_enter(struct virtnet_pair *p);

/* ---- virtio_net_mq.c ---- */
static inline bool virtnet_is_ordered(const struct virtnet_pair *p) { return __atomic_load_n(&p->ordered, __ATOMIC_ACQUIRE); }
/* Chooses nr_pairs from what the device, its vectors and the stack have, and takes features back that are not used. */
void virtnet_choose_pairs(struct virtnet *vn, const struct net *net);
/* Whatever the device has: one pair, and no control queue. */
void virtnet_one_pair(struct virtnet *vn);
/* Tells the device how many pairs are wanted, and how to hash; the device is ready. Where it refuses, one pair is used. */
void virtnet_mq_start(struct virtnet *vn);
/* ops->set_channels() */
int virtnet_set_channels(struct net_device *dev, unsigned n);
/* Of vn->settle: tells the device of fewer pairs as soon as those that go have nothing left to send. */
void virtnet_settle(struct timer *t, u64 now_ns);
/* Runs virtnet_leave() for each pair on its CPU; true: all have left already, else attention is called when they have. */
bool virtnet_leave_all(struct virtnet *vn);
/* Runs virtnet_enter() likewise. */
void virtnet_enter_all(struct virtnet *vn);
