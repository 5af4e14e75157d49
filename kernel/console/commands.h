/* SPDX-License-Identifier: MIT
 * commands.h - every operator's command: one row each. A row X(ident, "name", waits, "usage", "help") has its function
 * cmd_<ident>() in one of the cmd_*.c files; that is all it takes to add one.
 */
#pragma once

#include "console/console.h"

#define CONSOLE_COMMANDS(X)                                                                        \
	X(help, "help", false, "[COMMAND]", "list the commands, or say how one is used")           \
	X(nstat, "nstat", false, "[-z] [--json] [PATTERN...]", "SNMP counters since boot (-z: zeros too)") \
	X(drops, "drops", false, "[-z] [--json]", "dropped frames by reason (-z: zeros too)")      \
	X(softnet, "softnet", false, "[--json]", "softirq rows of each CPU, and the work of each NAPI")                 \
	X(balance, "balance", false, "[--json]", "frames in = delivered + queued + dropped, per stage")    \
	X(ip, "ip", false, "[-4|-6|-s] [--json] addr|link|route|neigh|maddr [show [dev DEV]] | addr|route|maddr add|del ... | route replace|get ... | link set DEV txqueuelen|mtu N", \
	  "addresses, links, routes, neighbours")                                                  \
	X(ethtool, "ethtool", false, "[-i|-S|-c|-g|-k|-l|-x|--reset] DEV | -C|-G|-K|-L DEV NAME VALUE...",       \
	  "a device: statistics, moderation, rings, offloads, channels")                             \
	X(cat, "cat", false, "/sys/class/net/DEV/queues/tx-N/xps_cpus | .../rx-N/rps_cpus", "which CPUs a device's queue has") \
	X(echo, "echo", false, "MASK > /sys/class/net/DEV/queues/tx-N/xps_cpus", "give a tx queue to CPUs")  \
	X(tc, "tc", false, "[-s] [-d] [--json] qdisc [show|add|replace|change|del|help] [dev DEV] ...", "queueing disciplines") \
	X(conntrack, "conntrack", false, "-L [--json] | -C | -S | -F", "tracked connections: list, count, statistics, forget") \
	X(nft, "nft", false, "[-a] list ruleset | add|insert|delete|flush ...", "packet filter rules")   \
	X(ss, "ss", false, "[-46tulnaips] [--json]", "sockets (-s: sums)")                                                \
	X(sysctl, "sysctl", false, "-a | NAME... | NAME=VALUE", "tunables, with range and unit")   \
	X(slab, "slab", false, "", "memory")                                                       \
	X(uptime, "uptime", false, "", "time since boot")                                          \
	X(dmesg, "dmesg", false, "", "the kernel's log")                                           \
	X(ping, "ping", true, "[-4|-6] [-c COUNT] [-i SECONDS] [-s SIZE] HOST", "echo requests")        \
	X(traceroute, "traceroute", true, "[-4|-6] [-m HOPS] [-q PROBES] HOST", "routers on the way to a host")  \
	X(dig, "dig", true, "[@SERVER] NAME [A|AAAA|CNAME|MX|NS|PTR|SOA|TXT] [+short]", "ask the resolver")  \
	X(wget, "wget", true, "[http://]HOST[:PORT][/PATH]", "fetch, and print length and SHA-256")      \
	X(top, "top", true, "[-d SECONDS] [-n TIMES]", "what each CPU does: idle, softirq rows, base")   \
	X(profile, "profile", false, "on | off | show", "sampling profiler: folded stacks")              \
	X(irq, "irq", false, "", "interrupt lines and their counts by CPU")                             \
	X(timers, "timers", false, "", "timer wheel of each CPU")                                       \
	X(crash, "crash", false, "KIND", "a deliberate fault, to see its report")                       \
	X(history, "history", false, "", "lines typed before")                                          \
	X(tcpdump, "tcpdump", true, "[-c N] [-i DEV] [EXPR]", "frames as lines, of a filter")          \
	X(trace, "trace", false, "on [EVENT...] [filter EXPR] | follow EXPR | off | show | hist [--json]",            \
	  "tracepoints, the way of one frame, time spent in each hop")                                  \
	X(poweroff, "poweroff", false, "", "end the machine")                                      \
	X(reboot, "reboot", false, "", "start the machine anew")

#define X(ident, name, waits, usage, help) int cmd_##ident(struct console_call *c);
CONSOLE_COMMANDS(X)
#undef X
