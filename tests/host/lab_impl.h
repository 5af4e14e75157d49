/* SPDX-License-Identifier: MIT
 * lab_impl.h - what the laboratory's world (netlab.c) and its device (labdev.c) share.
 */
#pragma once

#include <stdio.h>

#include "host/harness.h"
#include "host/netlab.h"
#include "lib/rbtree.h"

/* A frame under way: on a wire, in a device's rx ring, or kept for lab_sent(). */
struct lab_frame {
	struct rb_node node;    /* on a wire: ordered by (at, order) */
	struct lab_frame *next; /* in a queue */
	u64 at, order;
	struct lab_dev *to;
	unsigned len;
	u8 data[];
};
struct lab_queue {
	struct lab_frame *first, **last;
	unsigned count;
};

struct lab_dev {
	struct net_device dev; /* first: the stack knows only this */
	struct lab_host *host;
	enum lab_kind kind;
	struct napi_struct napi;
	struct lab_queue rx, sent;
	struct sk_buff_head tx; /* the ring */
	unsigned ring;
	bool stalled;
	unsigned bare_frames;   /* that came without an skb */
	unsigned bare_acks;     /* and those that went in without one */
	FILE *pcap;
	struct lab_dev *peer, *next;
	/* the wire away from here */
	struct lab_link link;
	struct lab_link_stats stats;
	u64 busy_until, last_arrival;
	u64 *departures; /* of frames that wait for the rate: a ring of queue_max */
	unsigned queue_max, queue_head, queue_len;
};

struct lab {
	u64 now;
	struct test_rng rng;
	struct rb_root wire;
	u64 order;
	struct lab_host *hosts, **last_host;
	struct lab_dev *devs;
	unsigned nr_hosts;
};

static inline struct lab_dev *lab_dev_of(struct net_device *dev) { return (struct lab_dev *)dev; }

struct lab_frame *lab_frame_new(const void *data, unsigned len);
void lab_queue_init(struct lab_queue *q);
void lab_queue_put(struct lab_queue *q, struct lab_frame *f);
struct lab_frame *lab_queue_get(struct lab_queue *q);

/* labdev.c: a frame arrives at the device. Takes it. */
void lab_dev_arrive(struct lab_dev *d, struct lab_frame *f);
void lab_dev_free(struct lab_dev *d);
/* netlab.c: the device sent a frame. Takes it. */
void lab_wire_send(struct lab_dev *from, struct lab_frame *f);
