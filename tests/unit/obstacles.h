/* SPDX-License-Identifier: MIT
 * obstacles.h - what may stand between an answer and the ring, and must be passed by none: each is put there while a talk goes on,
 * and taken away again.
 */
#pragma once

#include "host/harness.h"
#include "host/netlab.h"
#include "net/core/ethtool.h"
#include "net/core/netfilter.h"
#include "net/core/qdisc.h"
#include "net/core/tap.h"

static unsigned seen; /* frames, by a hook or a tap */

static enum drop_reason passes(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			       struct net_device *out, void *priv)
{
	seen++;
	return RX_OK;
}

static void watches(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	seen += dir == TAP_OUT;
}

static struct tap tap = { .fn = watches };

static void sums(struct net_device *dev, const char *value)
{
	struct net_cpu *cpu = dev->net->cpus[0];
	struct ethtool_change c;

	ethtool_begin(dev, &c);
	CHECK_EQ(ethtool_set(dev, &c, 'K', "tx", value) ?: ethtool_commit(cpu, dev, &c), 0);
}

static void root(struct net_device *dev, const char *id, const char *options)
{
	struct qdisc_error e;

	CHECK_EQ(qdisc_replace(dev->net->cpus[0], dev, &(struct qdisc_request){ .id = id, .options = options }, &e), 0);
}

static void hook(struct net_device *dev, enum nf_hook where) { CHECK_EQ(nf_register_hook(dev->net->cpus[0], where, passes, NULL, 0), 0); }
static void unhook(struct net_device *dev, enum nf_hook where) { nf_unregister_hook(dev->net->cpus[0], where, passes, NULL); }
static void hook_local_out(struct net_device *dev) { hook(dev, NF_LOCAL_OUT); }
static void unhook_local_out(struct net_device *dev) { unhook(dev, NF_LOCAL_OUT); }
static void hook_post_routing(struct net_device *dev) { hook(dev, NF_POST_ROUTING); }
static void unhook_post_routing(struct net_device *dev) { unhook(dev, NF_POST_ROUTING); }
static void tap_on(struct net_device *dev) { tap_add(dev->net->cpus[0], &tap); }
static void tap_off(struct net_device *dev) { tap_remove(dev->net->cpus[0], &tap); }
static void sums_off(struct net_device *dev) { sums(dev, "off"); }
static void sums_on(struct net_device *dev) { sums(dev, "on"); }
static void shaped(struct net_device *dev) { root(dev, "tbf", "rate 100mbit burst 10k latency 50ms"); }
static void unshaped(struct net_device *dev) { root(dev, "pfifo_fast", ""); }

static const struct obstacle {
	const char *what;
	void (*put)(struct net_device *dev), (*take)(struct net_device *dev);
	bool sees;
} obstacles[] = {
	{ "a hook at LOCAL_OUT", hook_local_out, unhook_local_out, true },
	{ "a hook at POST_ROUTING", hook_post_routing, unhook_post_routing, true },
	{ "a tap", tap_on, tap_off, true },
	{ "sums that are off", sums_off, sums_on, false },
	{ "a shaper", shaped, unshaped, false },
};

/* With softirq held off, as the console does it. */
static inline void obstacle(struct net_device *dev, void (*change)(struct net_device *dev))
{
	struct net_cpu *cpu = dev->net->cpus[0];

	bh_disable(cpu);
	change(dev);
	bh_enable(cpu);
}

/* A talk over dev, of whose next n answers more(talk, n) tells how many had no skb: none while an obstacle stands there, and all some
 * time after it is gone. */
static inline void pass_no_obstacle(struct net_device *dev, unsigned (*more)(void *talk, unsigned n), void *talk)
{
	for (const struct obstacle *o = obstacles; o < obstacles + ARRAY_SIZE(obstacles); o++) {
		seen = 0;
		obstacle(dev, o->put);
		if (!CHECK_EQ(more(talk, 10), 0) || !CHECK(!o->sees || seen >= 10))
			test_note("%s", o->what);
		obstacle(dev, o->take);
		more(talk, 1);
		CHECK(more(talk, 4) >= 4);
	}
}

/* The ring is full from now on, or has room again. */
static inline void ring_is_full(struct net_device *dev, bool full)
{
	struct net_cpu *cpu = dev->net->cpus[0];

	bh_disable(cpu);
	lab_dev_stall(dev, full);
	if (full)
		netif_stop_queue(&dev->txq[0]);
	bh_enable(cpu);
}
