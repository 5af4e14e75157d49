/* SPDX-License-Identifier: MIT
 * route.h - the verbs of `ip` that cmd_route.c has; argv[2] is there for the first two. Each returns 0 or a negative errno
 * after it printed why.
 */
#pragma once

#include "console/commands.h"

/* ip route add|del|get|replace ...; six: -6 was said, else the addresses say which family. */
int ip_route_cmd(struct console_call *c, bool six);
/* ip addr add|del ... */
int ip_addr_cmd(struct console_call *c, bool six);
/* ip maddr [show|add|del] ... */
int ip_maddr_cmd(struct console_call *c);
