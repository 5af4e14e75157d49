/* SPDX-License-Identifier: MIT
 * autoconf.h - what CPU 0 knows of its links, and nobody else: addresses that are probed for, routers, prefixes, listeners
 * (RFC 4861 6.3, RFC 4862, RFC 9777).
 */
#pragma once

#include "net/ipv6/ip6_impl.h"

struct autoconf;

struct dad { /* an address that is probed for */
	struct autoconf *ac;     /* NULL: free */
	struct net_device *dev;
	struct ip_addr addr;
	struct timer timer;
	u64 nonce;               /* of our probes: a link that sends them back is no neighbour (RFC 7527) */
	u8 sent;
};
struct mld_record { /* a change that is to be reported, or a query to be answered */
	struct ip_addr group;
	u8 type, left;           /* reports left to send; 0: free */
};
struct ip6_link {
	struct autoconf *ac;
	struct net_device *dev;  /* NULL: IPv6 is not up there */
	struct timer rs_timer;
	u64 rs_interval_ns;
	bool probed;             /* something was sent: the random delay is behind us */
	struct timer mld_timer;
	bool mld_all, mld_v1;    /* a query for all groups waits; it was of MLDv1 */
	struct mld_record records[IP6_MLD_RECORDS];
};
struct ip6_router {
	struct net_device *dev;  /* NULL: free */
	struct ip_addr addr;
	u64 expires_ns;
	u32 metric;
};
struct ip6_prefix {
	struct net_device *dev;  /* NULL: free */
	struct ip_addr prefix;
	u64 expires_ns;
	u8 plen;
};
struct ip6_dns {
	struct ip_addr addr;
	u64 expires_ns;          /* 0: free */
};

struct autoconf {
	struct net_cpu *cpu;
	struct siphash_key secret;     /* of RFC 7217 */
	struct timer life;             /* the next lifetime that ends */
	struct ip6_link links[MAX_NETDEVS + 1];
	struct dad dads[IP6_ADDRS_MAX];
	struct ip6_router routers[IP6_ROUTERS_MAX];
	struct ip6_prefix prefixes[IP6_PREFIXES_MAX];
	struct ip6_dns dns[IP6_DNS_MAX];
	u64 random;
};

/* ---- autoconf.c ---- */
/* An address enters: probed for, or in use at once where nobody could object. 0 or -errno. */
int autoconf_begin(struct autoconf *ac, const struct ip6_ifaddr *a);
void autoconf_end(struct autoconf *ac, struct net_device *dev, const struct ip_addr *addr);
/* Fills a->addr behind a->plen bits of prefix, by its dad_count (RFC 7217 5; EUI-64 with addr_gen_mode 0). */
void autoconf_address(struct autoconf *ac, struct ip6_ifaddr *a);
/* A time between 0 and max, for delays that hosts must not share. */
u64 autoconf_random(struct autoconf *ac, u64 max);

/* ---- prefix.c ---- */
void prefix_advert(struct autoconf *ac, struct net_device *dev, const struct ip_addr *router, const u8 *msg, unsigned len);
void prefix_no_router(struct autoconf *ac, struct net_device *dev, const struct ip_addr *addr);
void prefix_life_timer(struct timer *t, u64 now_ns);

/* ---- mld.c ---- */
void mld_timer(struct timer *t, u64 now_ns);
void mld_query(struct autoconf *ac, struct net_device *dev, const u8 *msg, unsigned len);

/* What other CPUs tell CPU 0. */
enum note_kind { NOTE_CONFLICT, NOTE_ADVERT, NOTE_NO_ROUTER, NOTE_QUERY };
struct note {
	struct inbox_msg msg;
	struct net_device *dev;
	struct ip_addr addr;
	u64 nonce;
	u16 len;
	u8 kind;
	u8 data[];
};
/* Acts here on CPU 0, else sends it there (a full inbox or no memory: as if the link had lost it). */
void autoconf_note(struct net_cpu *cpu, const struct note *n, const u8 *data);
