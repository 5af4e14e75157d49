/* SPDX-License-Identifier: MIT
 * sockkit.h - sockets of hosts in the laboratory, for tests of what stands above the transports.
 */
#pragma once

#include "unit/httpkit.h"

static inline int udp(struct lab_host *h)
{
	return sys_socket(h->cpu, AF_INET, SOCK_DGRAM, 0);
}

static inline void bind_to(struct lab_host *h, int fd, u16 port)
{
	struct sockaddr_ip any = { .family = AF_INET, .port = port, .addr = ip_from_v4(be32_of(0)) };

	CHECK_EQ(sys_bind(h->cpu, fd, &any), 0);
}

static inline struct sockaddr_ip at(const char *addr, u16 port)
{
	struct sockaddr_ip a = { .family = AF_INET, .port = port };

	CHECK_EQ(ip_pton(addr, &a.addr), 0);
	return a;
}
