/* SPDX-License-Identifier: MIT
 * commands.h - every operator's command: one row each. A row X(ident, "name", "usage", "help") has its function
 * cmd_<ident>() in one of the cmd_*.c files; that is all it takes to add one.
 */
#pragma once

#include "console/console.h"

#define CONSOLE_COMMANDS(X)                                                                        \
	X(help, "help", "[COMMAND]", "list the commands, or say how one is used")                  \
	X(nstat, "nstat", "[-z] [--json] [PATTERN...]", "SNMP counters since boot (-z: zeros too)") \
	X(drops, "drops", "[-z] [--json]", "dropped frames by reason (-z: zeros too)")             \
	X(softnet, "softnet", "", "softirq rows and NAPI work of each CPU")                        \
	X(balance, "balance", "", "frames in = delivered + queued + dropped, per stage")           \
	X(ip, "ip", "addr|link|route|neigh", "addresses, links, routes, neighbours")               \
	X(ethtool, "ethtool", "[-S|-k] DEV", "a device, its statistics, its offloads")             \
	X(ss, "ss", "[-tulnaip]", "sockets")                                                       \
	X(sysctl, "sysctl", "-a | NAME... | NAME=VALUE", "tunables, with range and unit")          \
	X(slab, "slab", "", "memory")                                                              \
	X(uptime, "uptime", "", "time since boot")

#define X(ident, name, usage, help) int cmd_##ident(struct console_call *c);
CONSOLE_COMMANDS(X)
#undef X
