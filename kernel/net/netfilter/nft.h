/* SPDX-License-Identifier: MIT
 * nft.h - the packet filter: rules in chains behind the hooks, written and printed in a small part of nft's language.
 *
 * One command per line or between ';', "#" begins a comment:
 *	add rule CHAIN [MATCH...] [STATEMENT...]      insert rule CHAIN ...      delete rule CHAIN handle N
 *	add chain CHAIN [policy accept|drop]          delete chain CHAIN         flush chain CHAIN      flush ruleset
 *	table FAMILY NAME { chain NAME { type filter|nat hook HOOK priority PRIORITY; policy accept|drop; RULE... } ... }
 *	add|delete|flush table [FAMILY] NAME          add chain CHAIN { ... }
 *	add set SET { type ipv4_addr|ipv6_addr|inet_service; flags interval; elements = { ELEMENT, ... } }
 *	delete|flush set SET                          add|delete element SET { ELEMENT, ... }
 * A set stands in a table's block as a chain does, and in a rule as @NAME where an address or a port would: of the rule's table.
 * FAMILY is ip, ip6 or inet (both): whose packets the table's chains see; without it the table of this name, whichever it is.
 * CHAIN and SET are [[FAMILY] TABLE] NAME; without a table it is table inet filter, whose chains prerouting, input, forward, output and
 * postrouting are there; others are reached by `jump`. What nft prints of such rules can be read back.
 * All matches of a rule are asked before any of its statements acts, in whatever order they were written.
 */
#pragma once

#include "net/core/netfilter.h"

struct nft_error {
	unsigned line, column; /* from 1 */
	char reason[96];
};

/* Carries out all commands of the text on every CPU, or none: -EINVAL (*err says where and why), -ENOMEM. CPU 0, softirq held off. */
int nft_run(struct net *net, const char *text, struct nft_error *err);
/* The rules as nft prints them, a line at a time, with the counters of all CPUs; handles: with their numbers. */
void nft_list(struct net *net, bool handles, void (*line)(void *arg, const char *text), void *arg);
/* Every nft="..." of the kernel command line or, where there is none, the rules in `file` (NULL: there is no file) called
 * `name`; what is refused is logged. */
void nft_boot(struct net *net, const char *cmdline, const char *file, const char *name);

int nft_cpu_init(struct net_cpu *cpu);
void nft_cpu_destroy(struct net_cpu *cpu);
