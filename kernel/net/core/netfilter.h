/* SPDX-License-Identifier: MIT
 * netfilter.h - the five hook points on the path of a packet. Rules, conntrack and NAT hang behind them.
 */
#pragma once

#include "net/core/dev.h"

enum nf_hook { NF_PRE_ROUTING, NF_LOCAL_IN, NF_FORWARD, NF_LOCAL_OUT, NF_POST_ROUTING, NR_NF_HOOKS };

/* A registered hook function: RX_OK lets the packet go on, SKB_CONSUMED took it, a reason kills it (the caller frees). */
typedef enum drop_reason (*nf_hookfn)(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook,
				      struct net_device *in, struct net_device *out, void *priv);

#define NF_MAX_FNS 8 /* functions on one hook */
struct nf_hook_entry {
	nf_hookfn fn;
	void *priv;
	int priority; /* ascending order, Linux's values: -300 raw, -200 conntrack, -100 DNAT, 0 filter, 100 SNAT */
};
struct nf_cpu {
	bool defrag; /* fragments are put together before PRE_ROUTING */
	/* Sees plain IPv4 packets (no options, no fragment, sum checked) before the hooks do, and may send them on instead:
	 * SKB_CONSUMED. NULL: nobody wants to. */
	enum drop_reason (*flow_rcv)(struct net_cpu *cpu, struct sk_buff *skb);
	u8 nr[NR_NF_HOOKS];
	struct nf_hook_entry entries[NR_NF_HOOKS][NF_MAX_FNS];
	u64 calls[NR_NF_HOOKS];
	u64 verdict_drop[NR_NF_HOOKS];
};

int nf_register_hook(struct net_cpu *cpu, enum nf_hook hook, nf_hookfn fn, void *priv, int priority);
void nf_unregister_hook(struct net_cpu *cpu, enum nf_hook hook, nf_hookfn fn, void *priv);
enum drop_reason nf_hook_slow(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook,
			      struct net_device *in, struct net_device *out);
/* Runs a hook point; cost with no function registered: a load and a branch. */
static inline enum drop_reason nf_hook(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook,
				       struct net_device *in, struct net_device *out)
{
	return likely(!cpu->nf->nr[hook]) ? RX_OK : nf_hook_slow(cpu, skb, hook, in, out);
}

int nf_cpu_init(struct net_cpu *cpu);
void nf_cpu_destroy(struct net_cpu *cpu);
