/* SPDX-License-Identifier: MIT
 * resolve.h - a stub resolver (RFC 1035 5.3.1, RFC 5452): asks the servers of the lease and of router advertisements, one after the other.
 */
#pragma once

#include "net/net.h"
#include "net/wire/dns.h"

struct resolve_answer {
	u8 query[DNS_MSG_MAX], msg[DNS_MSG_MAX];
	unsigned query_len, len, at; /* at: where the records begin */
	struct dns_header head;
	struct ip_addr server;
	u64 took_ns;
};

/* Asks `server` (NULL: those that are known) for records of the type, with a fresh id and port for each try; *stop ends it. 0 with
 * an answer, -EINVAL: no name, -EDESTADDRREQ: no server is known, -ETIMEDOUT, -EINTR. May wait some seconds. */
int resolve_ask(struct net_cpu *cpu, const struct ip_addr *server, const char *name, u16 type, const bool *stop,
		struct resolve_answer *a);
/* The address of a name or of an address as text; family AF_INET, AF_INET6, or 0: IPv4's where there is one. 0, -ENOENT: the
 * name has none, -EAFNOSUPPORT: an address of the other family, or as resolve_ask(). */
int resolve_host(struct net_cpu *cpu, const char *name, int family, const bool *stop, struct ip_addr *out);
