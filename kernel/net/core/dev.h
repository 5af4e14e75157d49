/* SPDX-License-Identifier: MIT
 * dev.h - network devices and NAPI: the contract between drivers and the stack.
 *
 * A driver is two batch calls: napi->poll() takes frames in, ops->start_xmit() puts them out, ops->flush() rings the
 * doorbell once per burst. Receive: hard IRQ masks its queue and calls napi_schedule(); poll(napi, budget) hands frames to
 * netif_receive_skb() and, when it did fewer than budget, calls napi_complete() and unmasks, and looks once more; a napi that is `busy` stays masked.
 * Transmit: start_xmit() is called only while the queue is not stopped, and consumes the skb; a driver stops its queue
 * (netif_stop_queue) while fewer than MAX_SKB_FRAGS + 2 descriptors are free and wakes it when completions freed them.
 */
#pragma once

#include "net/core/skbuff.h"
#include "net/core/trace.h"

enum { /* dev->features: what the driver does for the stack; NETIF_F_ names as in Linux */
	NETIF_F_SG = 1 << 0,      /* frags */
	NETIF_F_HW_CSUM = 1 << 1, /* CHECKSUM_PARTIAL of anything */
	NETIF_F_RXCSUM = 1 << 2,
	NETIF_F_TSO = 1 << 3,
	NETIF_F_TSO6 = 1 << 4,
	NETIF_F_LRO = 1 << 5,
	NETIF_F_LOOPBACK = 1 << 6, /* frames never leave the machine: no checksum, no neighbours */
	NETIF_F_GRO = 1 << 7,
	NETIF_F_RXHASH = 1 << 8,
	NETIF_F_TSO_ECN = 1 << 9, /* CWR leaves with the first segment only (RFC 3168 6.1.2): TSO alone may repeat it */
};

/* How a ring stands, in descriptors. What the device has is its own: the numbers are read as they are, from any CPU. */
struct dev_ring {
	u32 size;
	u32 at;      /* index of the next one that the driver takes back */
	u32 posted;  /* with the device: empty buffers (rx), frames to be sent (tx) */
	u32 waiting; /* done by the device, and not taken back yet; they begin at `at` */
};

#define FRAME_HEADROOM 20 /* what a driver may put in front of a frame */
enum { BARE_FRAME = 66, BARE_FRAME6 = 86 }; /* bytes of a bare ACK's frame: Ethernet, IPv4 or IPv6, TCP with its timestamp */

/* Interrupt moderation in ethtool's words: microseconds and frames. rx_usecs 0: an interrupt at once. With adaptive_rx the
 * driver chooses rx_usecs and rx_frames itself (core/dim.h). Completions are polled for: tx_usecs after a doorbell at the
 * latest, or when tx_frames are in the ring. */
struct dev_coalesce {
	u32 rx_usecs, rx_frames, tx_usecs, tx_frames;
	u32 adaptive_rx; /* 0 or 1 */
	/* Of a device that has them (has_delays), microseconds: how long an interrupt waits after the last frame, and after the first. */
	u32 rx_delay, rx_abs_delay, tx_delay, tx_abs_delay;
};
/* Descriptors of each ring. */
struct dev_rings {
	u32 rx, tx;
};

struct net_device_ops {
	int (*open)(struct net_device *dev);  /* rings up, interrupts on. 0 or -errno */
	void (*stop)(struct net_device *dev); /* quiet; every buffer back */
	void (*start_xmit)(struct net_device *dev, unsigned txq, struct sk_buff *skb); /* consumes */
	/* A frame in one piece of a buffer, without an skb; takes a reference to buf. FRAME_HEADROOM bytes in front of data are
	 * free; `csum`: csum_start, from data, and above 16 bits csum_offset. NULL: not offered. */
	void (*xmit_frame)(struct net_device *dev, unsigned txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum);
	void (*flush)(struct net_device *dev, unsigned txq);   /* doorbell for what start_xmit() and xmit_frame() queued */
	/* Called about once a second while the CPU's queues have work, for each: re-kick or reset a ring that does not move. */
	void (*watchdog)(struct net_device *dev, unsigned txq, u64 now_ns);
	/* For whoever looks: the rx or tx ring of a queue; size 0: there is none now. NULL: a device without rings. */
	struct dev_ring (*ring)(const struct net_device *dev, unsigned q, bool tx);
	/* Frames that a tx queue has in its ring, counted one by one. With `ring`; on the queue's CPU, softirq held off. */
	u32 (*tx_frames)(const struct net_device *dev, unsigned q);
	/* What `ethtool` changes; NULL where a device has no such thing. On the CPU of queue 0, softirq held off. */
	void (*retune)(struct net_device *dev); /* dev->coalesce or dev->features were written: registers follow */
	/* Rings of other sizes, powers of two within dev's limits: made anew under load; dev->rings tells when it is done. 0 or -errno. */
	int (*set_rings)(struct net_device *dev, struct dev_rings rings);
	/* So many pairs of queues in use, 1 to nr_txq: calls dev_set_channels() once the device serves them, and before it ceases to.
	 * 0 or -errno, and all is as it was. NULL: as many as there are. */
	int (*set_channels)(struct net_device *dev, unsigned n);
	void (*reset)(struct net_device *dev); /* the device from the beginning, as after a lie */
};

/* How frames look on this link: Ethernet, or raw IP (loopback, test shims). */
struct link_ops {
	const char *name;
	u8 hdr_len, addr_len; /* addr_len 0: no neighbours are asked */
	/* Checks and pulls the link header, sets protocol and pkt_type. */
	enum drop_reason (*rcv)(struct net_cpu *cpu, struct sk_buff *skb);
	/* Pushes a link header to `dst` (addr_len bytes). */
	void (*header)(struct net_device *dev, struct sk_buff *skb, const u8 *dst);
};

extern const struct link_ops eth_link_ops; /* link/ether.c */
extern const struct link_ops raw_link_ops; /* link/loopback.c: bare IP packets */

/* Per queue; written by the queue's owner CPU. packets and bytes are counted by core/dev.c, both ways; the rest by the driver. */
struct dev_stats {
	u64 packets, bytes, dropped, errors;
	u64 kicks;      /* doorbells rung (tx), refill notifications (rx) */
	u64 interrupts; /* hard IRQs of this queue */
	u64 stopped;    /* times the queue was stopped because its ring was full */
	u64 completed;  /* tx: frames that the device gave back, sent */
	u64 requeued;   /* watchdog: kicks repeated */
	u64 missed;     /* rx, of `dropped`: the device found no descriptor, so the ring never saw them */
	u64 no_buf;     /* rx: refill found the pool empty */
	u64 held;       /* rx: polls that left frames where they are, because tx is behind (qdisc_is_behind) */
	u64 lies;       /* device wrote what it must not: counted, ring reset */
	u64 resets;
	u64 csum_good;  /* rx: device vouched for the checksum */
	u64 otherhost;  /* rx: frames for another host's address */
	u64 gro_packets, gro_merged; /* rx: skbs made of several segments; segments that were appended to one */
};

struct qdisc;

struct netdev_queue { /* one tx queue */
	struct net_device *dev;
	u16 index, cpu;     /* cpu: its owner */
	bool stopped;       /* by the driver: the ring is full */
	bool dirty;         /* in cpu->tx_dirty */
	bool need_flush;    /* start_xmit() was called since the last flush */
	bool direct;        /* in this burst ops->xmit_frame() may be called (dev_direct_queue) */
	struct list_head dirty_link;
	struct qdisc *qdisc; /* sched/: never NULL once the device is up */
	struct qdisc *retired; /* the one before, for late readers of its counters */
	bool swapping;       /* what waited in another discipline moves in (core/qdisc.c) */
	u32 way_gen;         /* its owner's: dev->way_gen when the device let frames go as dev_xmit_frame() has it; 0: it did not */
	u64 enqueued;        /* frames given to its disciplines */
	struct {             /* what its former roots had done (core/qdisc.c) */
		u64 passed, taken, dropped;
	} past;
	struct dev_stats stats;
};

struct napi_struct {
	struct net_cpu *cpu;
	struct net_device *dev; /* NULL: the backlog */
	int (*poll)(struct napi_struct *napi, int budget); /* returns frames taken */
	u8 index;               /* bit in cpu->napi_pending */
	bool scheduled;
	bool busy;              /* polled again and again: at the end of a poll the interrupt stays masked */
	int weight;
	u64 polls, frames, completes, schedules;
};

struct net_device {
	char name[16];
	unsigned ifindex; /* 1.. */
	u32 mtu, min_mtu, max_mtu; /* bytes of payload of a link frame */
	u32 features, hw_features; /* in use; what the device can do */
	u32 flags;                 /* IFF_* */
	u32 way_gen;               /* another with each dev_stop_direct(); never 0 */
	u8 addr[6], broadcast[6];
	bool carrier;
	bool rx_direct;            /* up, and what comes in is this CPU's: no other owns a flow */
	enum drop_reason (*rcv_frame)(struct net_cpu *cpu, struct sk_buff *skb); /* then, for Ethernet: see struct packet_type */
	bool (*rcv_bare)(struct net_cpu *cpu, struct net_device *dev, const u8 *frame, bool vouched); /* then, NULL for other links: likewise */
	u32 speed_mbit;
	u32 tx_queue_len;
	const struct net_device_ops *ops;
	const struct link_ops *link;
	struct net *net;
	void *priv;                /* the driver's */
	const char *driver, *bus;  /* "virtio-net", "00:03.0" */
	unsigned nr_txq, nr_rxq;
	unsigned nr_channels;        /* of nr_txq, pairs of queues in use: `ethtool -L` */
	bool one_queue;              /* the root discipline is for the whole device: the first queue sends all */
	unsigned real_num_tx_queues; /* that send: nr_channels, or 1 */
	u8 xps[MAX_CPUS];            /* XPS: the tx queue of each CPU, one that sends, */
	u8 xps_wanted[MAX_CPUS];     /* and the one that was asked for, which comes back when it sends again */
	struct netdev_queue txq[MAX_TXQ];
	struct dev_stats rx[MAX_TXQ];
	/* ---- what `ethtool` tells and sets (core/ethtool.h) ---- */
	u32 wanted_features;         /* of hw_features: what was asked for; features is what of it goes together */
	struct dev_coalesce coalesce;
	u32 rx_frames_max;           /* frames that moderation can count to; 0: it goes by time alone */
	bool has_delays;
	struct dev_rings rings, rings_max;
	u32 rings_min;
};
enum { IFF_UP = 1, IFF_BROADCAST = 2, IFF_LOOPBACK = 8, IFF_NOARP = 0x80, IFF_PROMISC = 0x100, IFF_MULTICAST = 0x1000 };

/* Gives dev an ifindex and, with a '%d' in name, a number. The caller filled addr, mtu, features, ops, link, nr_*q. 0 or -errno. */
int register_netdev(struct net *net, struct net_device *dev);
int dev_open(struct net_device *dev);  /* sets IFF_UP, attaches the default qdisc. 0 or -errno */
void dev_close(struct net_device *dev); /* its end: no connection may be routed over it any more (a link that is down is carrier's) */
void unregister_netdev(struct net_device *dev); /* closes it first */
struct net_device *dev_by_name(struct net *net, const char *name);
/* So many pairs of queues are in use from now on; each CPU sends through one of them. Base or softirq, as the next three. */
void dev_set_channels(struct net_device *dev, unsigned n);
/* The discipline is for the whole device, or is not. */
void dev_set_one_queue(struct net_device *dev, bool one);
/* XPS: the CPUs of `cpus` send through queue txq, below nr_channels, and no other does: who loses it gets the queue of its number,
 * or the next. 0, or -EINVAL: there is no other. */
int dev_set_xps(struct net_device *dev, unsigned txq, u32 cpus);
/* The CPUs that were given the queue. */
u32 dev_xps(const struct net_device *dev, unsigned txq);
void netif_carrier_on(struct net_device *dev);
void netif_carrier_off(struct net_device *dev);

/* ---- NAPI ---- */
/* Registers a poll function on a CPU. Init time only. */
void netif_napi_add(struct net_cpu *cpu, struct net_device *dev, struct napi_struct *napi,
		    int (*poll)(struct napi_struct *, int), int weight);
/* From hard IRQ or softirq of napi's CPU: it will be polled. Safe against the running poll. */
static inline void napi_schedule(struct napi_struct *napi)
{
	if (!napi->scheduled)
		napi->cpu->softnet.hardirqs++;
	napi->scheduled = true;
	napi->schedules++;
	__atomic_fetch_or(&napi->cpu->napi_pending, 1ull << napi->index, __ATOMIC_RELAXED);
	raise_softirq(napi->cpu, SOFTIRQ_NET_RX);
}
/* From poll(): done. The driver then unmasks its interrupt and, if frames came meanwhile, masks and calls napi_schedule() again. */
void napi_complete(struct napi_struct *napi, int work);
/* Busy polling: for `usecs` from now this CPU polls its devices where it would halt, their interrupts masked. */
void busy_poll_begin(struct net_cpu *cpu, u64 usecs);
static inline void busy_poll(struct net_cpu *cpu, u64 usecs)
{
	if (unlikely(usecs))
		busy_poll_begin(cpu, usecs);
}
/* All devices of this CPU are polled next, and keep their interrupts masked then, or not. */
void napi_poll_all(struct net_cpu *cpu, bool busy);
/* In place of halting, while busy_until_ns is set: the next net_poll() polls each device; when the time is over, for the last time,
 * and unmasks. */
void busy_poll_turn(struct net_cpu *cpu, u64 now_ns);
/* The net_rx row: polls in turns, at most netdev_budget frames and netdev_budget_usecs; what is left stays pending. */
void net_rx_action(struct net_cpu *cpu);

/* ---- in ---- */
/* A frame from a device: skb->data at the link header, dev and queue_mapping set. Takes the skb on every path. */
void netif_receive_skb(struct net_cpu *cpu, struct sk_buff *skb);
/* A frame as long as a bare ACK, before there is an skb: is it one, and can all that it tells be told by its headers as they lie at
 * `frame`? `vouched`: the device checked its TCP checksum. true: it is received, counted and done, and the buffer is the caller's to free;
 * false: nothing has happened. Where gro_wants() does not: nothing is held that it could overtake. */
bool netif_rcv_bare(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, const u8 *frame, unsigned len, bool vouched);
static inline bool may_be_bare(const struct net_cpu *cpu, unsigned len)
{
	return unlikely(cpu->acks_expected) && (len == BARE_FRAME || len == BARE_FRAME6);
}
/* The link header, then whose type it is: the verdict on a frame that is this CPU's. */
enum drop_reason dev_rcv_frame(struct net_cpu *cpu, struct sk_buff *skb);
/* The frames that were appended to skb, of whose headers hdr_len bytes each were not kept, are counted as the others are. */
void netif_rx_merged(struct net_cpu *cpu, const struct sk_buff *skb, unsigned frames, unsigned hdr_len);
/* A frame of len bytes that dies in its buffer, before it is an skb (core/shed.h); what is above the link has counted it. */
void netif_rx_shed(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, struct skb_buf *b, u32 len, enum drop_reason reason);
/* Queues a frame for this CPU's backlog NAPI (loopback, steering). Takes the skb; dropped with CPU_BACKLOG when full. */
void netif_rx(struct net_cpu *cpu, struct sk_buff *skb);
/* The verdict on an skb that a queue below the stack kept back (GRO, reassembly): as if its *_rcv() had returned it. */
void netif_rx_verdict(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason verdict);

/* ---- out ---- */
/* A finished frame, link header included. Consumes it: tap, checksum and GSO as the device needs, qdisc, ring. */
void dev_queue_xmit(struct net_cpu *cpu, struct sk_buff *skb);
/* The queue to which a frame may go as dev_xmit_frame() has it: while nothing waits in front of the ring, the device sums, and
 * nobody looks on. The frame follows, for a burst begins with it. NULL: not now. */
struct netdev_queue *dev_begin_direct(struct net_cpu *cpu, struct netdev_queue *txq);
static inline struct netdev_queue *dev_direct_queue(struct net_cpu *cpu, struct net_device *dev)
{
	struct netdev_queue *txq = &dev->txq[cpu->id];

	_Static_assert(MAX_TXQ >= MAX_CPUS, "a CPU's queue, if there were one");
	keep_pointer(txq);
	return likely(txq->direct && !watched(cpu, WATCH_ALL)) ? txq : dev_begin_direct(cpu, txq);
}
/* What let frames go so has changed, which is flags, carrier, features, a discipline or who sends through which queue: each queue's
 * owner looks again. After the change. */
void dev_stop_direct(struct net_device *dev);
/* Frees a packet that dies on its way out, between IP and the discipline, and counts it. */
void out_drop(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason reason);
/* From the stack to the driver, for qdiscs: the queue is not stopped. */
void dev_hard_xmit(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb);
/* The net_tx row's device half: qdiscs of woken queues run, one doorbell per dirty queue. */
void dev_flush(struct net_cpu *cpu);
/* What a ring keeps of a frame: its skb or, with the lowest bit set, the buffer of one that has none. */
static inline void *dev_frame_token(struct skb_buf *b) { return (u8 *)b + 1; }
static inline struct skb_buf *dev_frame_buf(void *token) { return (uintptr_t)token & 1 ? (struct skb_buf *)((u8 *)token - 1) : NULL; }
/* Its end, when the device has sent it, ... */
static inline void dev_frame_sent(struct net_cpu *cpu, void *token)
{
	struct skb_buf *b = dev_frame_buf(token);

	if (b)
		skb_buf_put(cpu, b);
	else
		consume_skb(cpu, token);
}
/* ... and when it will not. */
void dev_frame_drop(struct net_cpu *cpu, void *token, enum drop_reason reason);

/* By a driver: ring full; room again (from its poll). */
static inline void netif_stop_queue(struct netdev_queue *q)
{
	q->stopped = true;
	q->direct = false;
	q->stats.stopped++;
}
void netif_wake_queue(struct net_cpu *cpu, struct netdev_queue *q);

/* What net_balance() asks of this room. */
struct net_balance;
void dev_balance(struct net_cpu *cpu, struct net_balance *b);

int dev_cpu_init(struct net_cpu *cpu);
void dev_cpu_destroy(struct net_cpu *cpu);
