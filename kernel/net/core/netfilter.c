/* SPDX-License-Identifier: MIT
 * netfilter.c - the functions behind the five hook points of a CPU, in order of priority. Owns cpu->nf.
 */
#include "net/core/netfilter.h"
#include "lib/errno.h"

int nf_register_hook(struct net_cpu *cpu, enum nf_hook hook, nf_hookfn fn, void *priv, int priority)
{
	struct nf_hook_entry *e = cpu->nf->entries[hook];
	unsigned at = cpu->nf->nr[hook];

	if (at == NF_MAX_FNS)
		return -ENOSPC;
	for (; at && e[at - 1].priority > priority; at--)
		e[at] = e[at - 1];
	e[at] = (struct nf_hook_entry){ .fn = fn, .priv = priv, .priority = priority };
	cpu->nf->nr[hook]++;
	return 0;
}

void nf_unregister_hook(struct net_cpu *cpu, enum nf_hook hook, nf_hookfn fn, void *priv)
{
	struct nf_hook_entry *e = cpu->nf->entries[hook];
	unsigned nr = cpu->nf->nr[hook], i;

	for (i = 0; i < nr && (e[i].fn != fn || e[i].priv != priv); i++)
		;
	if (i == nr)
		return;
	for (; i + 1 < nr; i++)
		e[i] = e[i + 1];
	cpu->nf->nr[hook]--;
}

enum drop_reason nf_hook_slow(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook,
			      struct net_device *in, struct net_device *out)
{
	struct nf_cpu *nf = cpu->nf;

	nf->calls[hook]++;
	for (unsigned i = 0; i < nf->nr[hook]; i++) {
		const struct nf_hook_entry *e = &nf->entries[hook][i];
		enum drop_reason verdict = e->fn(cpu, skb, hook, in, out, e->priv);

		if (verdict == RX_OK)
			continue;
		if (verdict != SKB_CONSUMED)
			nf->verdict_drop[hook]++;
		return verdict;
	}
	return RX_OK;
}

int nf_cpu_init(struct net_cpu *cpu)
{
	cpu->nf = kzalloc(sizeof(*cpu->nf));
	return cpu->nf ? 0 : -ENOMEM;
}

void nf_cpu_destroy(struct net_cpu *cpu)
{
	kfree(cpu->nf);
	cpu->nf = NULL;
}
