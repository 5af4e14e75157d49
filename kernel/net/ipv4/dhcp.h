/* SPDX-License-Identifier: MIT
 * dhcp.h - DHCP client (RFC 2131, RFC 2132): gives a device its address and keeps it.
 */
#pragma once

#include "config.h"
#include "net/core/dst.h"

struct dhcp_lease {
	be32 addr, router, server;
	u8 prefix_len;
	u8 nr_dns;
	be32 dns[DHCP_DNS_MAX];
	u16 mtu;          /* 0: not told */
	u32 lease_s;      /* UINT32_MAX: for ever */
	u32 renew_s, rebind_s; /* T1, T2 */
	char hostname[64];
	char domain[64];
};

/* bound: a lease is in force (first or changed); else it was lost (expired, refused, in conflict)
 * and the search goes on. */
typedef void (*dhcp_fn)(struct net_device *dev, const struct dhcp_lease *lease, bool bound,
			void *arg);

/* Starts the client on CPU 0 for an open device without an address. 0, -EBUSY (runs already),
 * -ENOMEM. */
int dhcp_start(struct net_device *dev, dhcp_fn fn, void *arg);
/* Ends it; `release`: gives the address back to the server (RFC 2131 4.4.6). */
void dhcp_stop(struct net_device *dev, bool release);
/* The lease of dev, NULL when it is not bound. */
const struct dhcp_lease *dhcp_lease(struct net_device *dev);
/* "BOUND" and the like; NULL: no client. */
const char *dhcp_state(struct net_device *dev);

int dhcp_cpu_init(struct net_cpu *cpu);
void dhcp_cpu_destroy(struct net_cpu *cpu);
