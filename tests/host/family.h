/* SPDX-License-Identifier: MIT
 * family.h - tests of transports over either family: LAB_FAMILY=6 in the environment runs the same tests over IPv6.
 *
 * Tests say addresses in IPv4's words. Over IPv6 each stands for 2001:db8::a.b.c.d (a group for ff0e::..., 0.0.0.0 for ::),
 * and the frames that a test builds and takes are translated at the device, checksums and ICMP errors included.
 */
#pragma once

#include "lib/ip_addr.h"

bool lab_ipv6(void);
/* AF_INET or AF_INET6. */
int lab_family(void);
/* The address that an IPv4 address stands for. */
struct ip_addr lab_ip(be32 v4);
struct ip_addr lab_ip_of(const char *text);

/* An IPv4 packet of TCP, or of an ICMP error about one, as IPv6 packet at `out` (of at least len + 40 bytes); its length.
 * A checksum that was wrong stays wrong. IPv4's options have no counterpart and are left out. */
unsigned family_to6(u8 *out, const u8 *v4, unsigned len);
/* The way back, for TCP: a packet whose checksum is right over IPv6 is right over IPv4. 0: it is no TCP. */
unsigned family_to4(u8 *out, const u8 *v6, unsigned len);
