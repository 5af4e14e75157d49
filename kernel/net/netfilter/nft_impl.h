/* SPDX-License-Identifier: MIT
 * nft_impl.h - a ruleset as it lies in memory. Each CPU has a copy, with counters and buckets of its own; a change
 * is a whole new ruleset that takes the old one's place between two packets.
 */
#pragma once

#include "net/netfilter/nft.h"
#include "net/netfilter/ct_impl.h"

#define NFT_NAME        24  /* bytes of a chain's or table's name */
#define NFT_TABLES_MAX  8
#define NFT_CHAINS_MAX  32  /* of all tables, base chains included */
#define NFT_HOOK_MAX    4   /* base chains of type filter at one hook */
#define NFT_RULES_MAX   512 /* of all chains */
#define NFT_DEPTH_MAX   8   /* of jumps */
#define NFT_WALK_MAX    4096 /* rules that one packet can meet in a chain and below it */
#define NFT_PORTS_MAX   8   /* ranges in one anonymous set */
#define NFT_SETS_MAX    16  /* named ones, of all tables */
#define NFT_ELEMS_MAX   1024 /* of all of them */
#define NFT_PREFIX_MAX  32  /* bytes of a log prefix */
#define NFT_LINE_MAX    480 /* bytes of a printed rule */
#define NFT_BURST       5   /* packets, unless the rule says otherwise (nft's default) */

enum { /* which matches a rule has: bits of nft_rule.has and .not */
	NFT_SADDR = 1 << 0, NFT_DADDR = 1 << 1, NFT_PROTO = 1 << 2, NFT_SPORT = 1 << 3, NFT_DPORT = 1 << 4,
	NFT_IIF = 1 << 5, NFT_OIF = 1 << 6, NFT_TCP_FLAGS = 1 << 7, NFT_ICMP_TYPE = 1 << 8, NFT_MARK = 1 << 9,
	NFT_FRAG = 1 << 10, NFT_CT = 1 << 11, NFT_SADDR6 = 1 << 12, NFT_DADDR6 = 1 << 13,
};
#define NFT_L4 (NFT_SPORT | NFT_DPORT | NFT_TCP_FLAGS | NFT_ICMP_TYPE) /* they look behind the IP header */

enum nft_verdict {
	NFT_CONTINUE, NFT_ACCEPT, NFT_DROP, NFT_REJECT, NFT_JUMP, NFT_RETURN,
	NFT_DNAT, NFT_SNAT, NFT_MASQUERADE, NFT_REDIRECT, /* of nat chains alone */
};
#define NFT_IS_NAT(v) ((v) >= NFT_DNAT)

struct nft_ports {
	u8 nr;
	struct nft_range {
		u16 lo, hi;
	} r[NFT_PORTS_MAX];
};

enum nft_family { NFT_INET, NFT_IP, NFT_IP6 }; /* both, or which alone */

/* ---- named sets ---- */
enum nft_set_type { NFT_SET_IPV4, NFT_SET_IPV6, NFT_SET_PORT };

struct nft_key { /* an address or a port as a number */
	u64 hi, lo;
};
struct nft_elem {
	struct nft_key from, to; /* both in it */
};
struct nft_set {
	char name[NFT_NAME];
	u8 table, type;        /* enum nft_set_type */
	bool interval;         /* elements may be prefixes and ranges */
	u16 first, nr;         /* its elements */
};
enum nft_place { NFT_PLACE_SADDR, NFT_PLACE_DADDR, NFT_PLACE_SPORT, NFT_PLACE_DPORT, NR_NFT_PLACES };

struct nft_rule {
	u32 has, not; /* NFT_* */
	u8 set[NR_NFT_PLACES]; /* what is looked for in a set, whose number from 1 on it is; 0: what stands below */
	be32 saddr, smask, daddr, dmask;
	u8 proto;
	u8 family;             /* enum nft_family that its matches speak of */
	u8 plen6[2];           /* of the two below, as smask and dmask are of the former */
	struct ip_addr saddr6, daddr6;
	u8 flags, flags_mask;  /* (TCP flags & flags_mask) == flags; flags_mask 0: any of flags */
	u8 icmp_type;
	u8 ct_states;          /* CT_STATE_*: any of them */
	u8 verdict;            /* enum nft_verdict */
	u8 reject_code;        /* of ICMP_DEST_UNREACH; reject6: of ICMPV6_DEST_UNREACH */
	bool reject_rst, reject6;
	bool counted, logged, limited, over, set_mark;
	u8 jump;               /* chain */
	u8 chain;              /* whose rule it is */
	u32 mark, new_mark;
	struct nft_ports sport, dport;
	char iif[16], oif[16]; /* padded with zeros, as net_device.name */
	char prefix[NFT_PREFIX_MAX];
	u32 rate, unit_s, burst;
	struct nat_range nat;  /* of NFT_DNAT and its kin */
	u32 handle;
	/* ---- changes with the packets ---- */
	u64 packets, bytes;
	u64 tokens_at;         /* ns, see nft_take_token() */
};

struct nft_chain {
	char name[NFT_NAME];
	u8 table;
	bool base;             /* packets enter it at a hook; others are jumped to */
	bool nat;              /* of type nat: first packets of connections alone */
	bool drop;             /* policy */
	u8 hook;               /* enum nf_hook */
	s32 priority;          /* at the hook, ascending */
	u16 first, nr;         /* its rules */
};

struct nft_table {
	char name[NFT_NAME];
	u8 family;             /* enum nft_family: whose packets its chains see */
};

/* Table 0 is "inet filter", and chains 0 to NR_NF_HOOKS - 1 are its base chains by enum nf_hook: always there. */
struct nft_ruleset {
	struct inbox_msg msg;  /* on its way to its CPU */
	u32 version, next_handle;
	u16 nr_tables, nr_chains, nr_rules, nr_sets, nr_elems;
	struct nft_table tables[NFT_TABLES_MAX];
	struct nft_chain chains[NFT_CHAINS_MAX];
	struct nft_set sets[NFT_SETS_MAX];
	struct nft_elem *elems; /* set after set, ascending; its own */
	struct nft_rule rules[]; /* chain after chain */
};
/* One of those, untouched: not worth a line, nor a place at its hook. */
static inline bool nft_is_idle(const struct nft_chain *c) { return c->base && !c->nat && !c->nr && !c->drop; }

struct nft_cpu {
	struct nft_ruleset *rules;
	struct nft_ruleset *retired; /* the one before, for late readers of its counters */
	u64 log_at, log_lost;        /* bucket of log lines, and those it held back */
};

/* A word that stands for a number, in both directions. */
struct nft_name {
	const char *name;
	u8 value;
};
extern const struct nft_name nft_ct_states[], nft_protos[], nft_icmp_types[], nft_icmpv6_types[], nft_families[], nft_tcp_flags[], nft_reject_codes[], nft_reject6_codes[]; /* end with NULL */
extern const struct nft_name nft_hooks[]; /* names of the base chains */
/* A priority that has a name, Linux's; hooks: bits of enum nf_hook where it may be used. Ends with NULL. */
extern const struct nft_priority {
	const char *name;
	int value;
	u8 hooks;
} nft_priorities[];

/* ---- nft.c ---- */
/* The ruleset with nothing in it. */
void nft_ruleset_reset(struct nft_ruleset *rs);

/* ---- nft_parse.c ---- */
/* Carries the text out on *rs, which has room for NFT_RULES_MAX rules and NFT_ELEMS_MAX elements. false: *err says why, and *rs is half changed. */
bool nft_parse(struct nft_ruleset *rs, const char *text, struct nft_error *err);

/* ---- nft_eval.c ---- */
/* The hook function of the base chain whose index is priv. */
enum drop_reason nft_hook(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			  struct net_device *out, void *priv);
/* What the nat chains at a hook say about a connection's first packet: NFT_ACCEPT (nothing), NFT_DROP, or a verdict of NAT
 * with its range in *r. */
enum nft_verdict nft_nat_rules(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			       struct net_device *out, struct nat_range *r);
/* One token each `interval_ns`, at most `burst` saved up. */
bool nft_take_token(u64 *at, u64 now_ns, u64 interval_ns, u32 burst);

/* ---- nft_set.c ---- */
static inline struct nft_key nft_key_v4(be32 a) { return (struct nft_key){ 0, be32_get(a) }; }
struct nft_key nft_key_of(const struct ip_addr *a);
bool nft_set_has(const struct nft_ruleset *rs, const struct nft_set *set, struct nft_key k);
/* The table's sets go, and those of later tables are now of the one before theirs (table 0 stays). */
void nft_table_goes(struct nft_ruleset *rs, unsigned table);
typedef void nft_line_fn(void *arg, const char *text);
void nft_list_set(const struct nft_ruleset *rs, const struct nft_set *set, nft_line_fn *line, void *arg);

/* ---- nft_reject.c ---- */
void nft_reject(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, const struct nft_rule *r);

/* ---- nft_print.c ---- */
/* The rule's text without a newline into buf of NFT_LINE_MAX bytes. */
void nft_print_rule(const struct nft_ruleset *rs, const struct nft_rule *r, char *buf);
/* The same of a base chain's type, hook, priority and policy. */
void nft_print_place(const struct nft_chain *c, char *buf);
