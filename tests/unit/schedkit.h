/* SPDX-License-Identifier: MIT
 * schedkit.h - a device whose frames carry their flow, number and time of birth, for tests of queueing disciplines.
 */
#pragma once

#include "host/harness.h"
#include "host/netlab.h"
#include "lib/errno.h"
#include "net/core/qdisc.h"
#include "net/wire/ether.h"
#include "net/wire/ipv4.h"

struct kit {
	struct lab *lab;
	struct lab_host *h;
	struct net_device *dev;
	struct netdev_queue *txq;
	struct qdisc_error e;
	u32 number; /* of the next frame */
};

struct mark { /* behind the headers of a frame */
	u64 born_ns;
	u32 number, flow;
};

struct out { /* a frame that came out */
	struct mark m;
	u64 at_ns;
	u32 len;
	u8 tos;
	bool whole; /* headers and mark are as they were */
};

#define KIT_MARK_AT 48
#define KIT_MAGIC   0x5a

static inline void kit_make(struct kit *k, u64 seed)
{
	*k = (struct kit){ .lab = lab_create(seed) };
	k->h = lab_host(k->lab, "a");
	k->dev = lab_dev_with(k->h, LAB_ETHER, NETIF_F_SG, 256);
	k->txq = &k->dev->txq[0];
}

static inline int kit_request(struct kit *k, const struct qdisc_request *rq)
{
	net_set_now(k->h->cpu, MAX(k->h->cpu->now_ns, lab_now(k->lab)));
	return qdisc_replace(k->h->cpu, k->dev, rq, &k->e);
}

static inline int kit_use(struct kit *k, const char *id, const char *options)
{
	return kit_request(k, &(struct qdisc_request){ .id = id, .options = options });
}

/* A datagram of `flow` that leaves no sooner than `when` (0: now), `len` bytes on the wire. */
static inline void kit_send_at(struct kit *k, u32 flow, u32 len, u8 tos, u64 when)
{
	struct sk_buff *skb = alloc_skb(k->h->cpu, SKB_HEADROOM);
	struct mark m = { lab_now(k->lab), k->number++, flow };
	u8 *p;

	REQUIRE(skb);
	net_set_now(k->h->cpu, MAX(k->h->cpu->now_ns, lab_now(k->lab)));
	p = skb_put(skb, len);
	memset(p, 0, len);
	p[12] = 8;
	p[14] = 0x45;
	p[15] = tos;
	p[16] = (u8)((len - 14) >> 8);
	p[17] = (u8)(len - 14);
	p[23] = 17;
	p[26] = p[30] = 10;
	memcpy(p + 34, &flow, 4); /* ports */
	memcpy(p + KIT_MARK_AT, &m, sizeof(m));
	memset(p + KIT_MARK_AT + sizeof(m), KIT_MAGIC, len - KIT_MARK_AT - sizeof(m));
	*(be16 *)(p + 24) = csum_fold(csum_ip_header(p + 14, 5));
	skb->dev = k->dev;
	skb->protocol = ETH_P_IP;
	skb->network_header = (u16)(skb_headroom(skb) + 14);
	skb->tstamp_ns = when;
	FLOW(k->h->cpu, OutMovedIn); /* the way another CPU's frames come */
	dev_queue_xmit(k->h->cpu, skb);
}

static inline void kit_send(struct kit *k, u32 flow, u32 len) { kit_send_at(k, flow, len, 0, 0); }

static inline bool kit_frame_whole(const u8 *f, u32 len)
{
	for (u32 i = KIT_MARK_AT + sizeof(struct mark); i < len; i++)
		if (f[i] != KIT_MAGIC)
			return false;
	return csum_ok(csum_ip_header(f + 14, 5));
}

/* Goes on for so long, or until `max` frames came out; returns how many did, in order. */
static inline unsigned kit_run(struct kit *k, u64 duration_ns, struct out *out, unsigned max)
{
	u64 until = lab_now(k->lab) + duration_ns, now;
	unsigned n = 0, len;
	u8 frame[2048];

	do {
		now = lab_now(k->lab);
		lab_step(k->lab, until);
		while (n < max && (len = lab_sent(k->dev, frame, sizeof(frame)))) {
			memcpy(&out[n].m, frame + KIT_MARK_AT, sizeof(struct mark));
			out[n].at_ns = now;
			out[n].len = len;
			out[n].tos = frame[15];
			out[n++].whole = kit_frame_whole(frame, len);
		}
	} while (n < max && lab_now(k->lab) < until);
	return n;
}

static inline const char *kit_dump(struct kit *k, char *text, size_t size)
{
	text[0] = 0;
	k->txq->qdisc->ops->dump(k->txq->qdisc, text, size);
	return text;
}

/* |a - b| is within so many thousandths of b. */
static inline bool kit_near(u64 a, u64 b, u64 thousandths)
{
	u64 d = a > b ? a - b : b - a;

	if (d * 1000 <= b * thousandths)
		return true;
	test_note("%llu is not near %llu", (unsigned long long)a, (unsigned long long)b);
	return false;
}
