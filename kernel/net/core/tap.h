/* SPDX-License-Identifier: MIT
 * tap.h - taps see every frame in and out of every device (what AF_PACKET is to tcpdump).
 */
#pragma once

#include "net/core/frames.h"
#include "net/core/trace.h"

enum tap_dir { TAP_IN, TAP_OUT };

struct tap {
	struct list_head link;
	struct net_device *dev; /* NULL: all */
	void (*fn)(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir); /* must not keep or change skb */
	/* The frame it was shown died; may be NULL. */
	void (*dropped)(struct tap *t, const struct sk_buff *skb, enum drop_reason reason);
	void *priv;
	u64 frames;
	u32 spared; /* bits of enum tap_class: frames that it need not be shown, as tap_spared() finds; 0: it is shown all */
};
/* What a glance tells of an Ethernet frame. */
enum tap_class { TAP_TCP = 1 << 0, TAP_UDP = 1 << 1, TAP_TCP6 = 1 << 2, TAP_UDP6 = 1 << 3 };
/* Classes of which a program for Ethernet takes no frame, whatever else it asks. */
u32 tap_spared(const struct bpf_insn *prog);
struct tap_cpu {
	struct list_head taps;
	unsigned nr;
	u32 spared; /* what no tap needs to be shown */
};
void tap_add(struct net_cpu *cpu, struct tap *t);
void tap_remove(struct net_cpu *cpu, struct tap *t); /* nothing happens when it was not added: its link is initialised then */
/* Shows a frame at its link header to all who look: taps, the kept frames, the trace. For when watched(cpu, WATCH_ALL). */
void tap_run(struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir);
/* The frame died. */
void tap_dropped(struct net_cpu *cpu, const struct sk_buff *skb, enum drop_reason reason);

int tap_cpu_init(struct net_cpu *cpu);
void tap_cpu_destroy(struct net_cpu *cpu);
