/* SPDX-License-Identifier: MIT
 * config.h - every compiled-in limit, with its unit and its reason.
 */
#pragma once

#ifdef KERNEL_SAN /* make SAN=1 */
#define STACK_SCALE     3    /* red zones between variables */
#define SAN_FRAGS       2    /* buffers are smaller by their tracks */
#else
#define STACK_SCALE     1
#define SAN_FRAGS       0
#endif

#ifndef HOOKS /* make HOOKS=0: an image that nobody can look into, for `make bench` to measure what the tests for it cost */
#define HOOKS           1    /* taps, kept frames, tracepoints, last drops, latencies, profiler: each a branch while it is off */
#endif

#define MAX_CPUS        16   /* one pending word, one inbox pair per couple of CPUs: 16^2 rings is still small */
#define MAX_NETDEVS     8    /* interface indices 1..8; lo is one of them */
#define MAX_TXQ         MAX_CPUS
#define MAX_NAPI        64   /* per CPU: one bit each in net_cpu.napi_pending */
#define INBOX_SLOTS     1024 /* pointers per CPU pair; full means the frame is dropped as CPU_BACKLOG */

#define SKB_BUF_SIZE    2048 /* a data buffer, its header included: holds a full Ethernet frame and headroom */
#define SKB_HEADROOM    128  /* virtio header 12, Ethernet 14+4, IPv6 40, TCP 60 */
#define GRO_FLOWS       8    /* flows merged at once during one poll, as many as Linux has to a bucket; looked through one by one */
#define GRO_MIN_FRAME   512  /* bytes: a shorter frame begins no merge, since requests and acknowledgments seldom have successors */
#define GRO_MAX_BYTES   65535 /* of a merged packet: what the IPv4 length can say */
#define MAX_SKB_FRAGS   (34 + SAN_FRAGS) /* 64 KiB in pieces of one data buffer each (1984 bytes) */

#define NEIGH_BUCKETS   256  /* of the neighbour table: a chain of four when the table is full */
#define NEIGH_PARKED    64   /* packets that wait for one next hop; the oldest makes room */
#define NEIGH_PARKED_ALL 1024 /* of one CPU; beyond it each next hop has one */
#define ARP_OWN_MAX     32   /* IPv4 addresses of this host, all devices together */
#define IP_DST_CACHE    64   /* resolved destinations kept per CPU: one line of memory each */
#define IP_PAIRS        64   /* pairs of addresses known to be good on the way in, per CPU */
#define IP_MC_MAX       64   /* groups that a CPU belongs to, all devices together */
#define IP_PMTU_SLOTS   256  /* destinations whose path MTU is known to be small, per CPU */
#define IP_ID_SLOTS     2048 /* counters of the identification field, picked by keyed hash (RFC 6864, RFC 7739 5.3) */
#define IP6_ADDRS_MAX   32   /* IPv6 addresses of this host, all devices together */
#define IP6_ROUTERS_MAX 8    /* default routers that advertise themselves */
#define IP6_PREFIXES_MAX 32  /* on-link prefixes from advertisements */
#define IP6_DNS_MAX     4    /* resolvers from advertisements */
#define IP6_MLD_RECORDS 8    /* changes of groups that wait to be reported, per device; more become one full report */
#define IP6_DST_CACHE   64   /* as IP_DST_CACHE */
#define IP6_PAIRS       64   /* as IP_PAIRS */
#define IP6_ID_SLOTS    256  /* counters of fragment identifications, picked by keyed hash (RFC 7739 5.3) */
#define FRAG_BUCKETS    256  /* datagrams in reassembly are few: bounded by memory, not by this */
#define FRAG_PIECES_MAX 128  /* of one datagram: 64 KiB over a path of 576 bytes needs 119 */
#define ICMP_PEERS      256  /* token buckets of error messages, picked by keyed hash of the destination */
#define UDP_BUCKETS     256  /* of the socket table, by local port */
#define DHCP_DNS_MAX    3    /* resolvers kept from a lease */

#define FIBER_STACK     (STACK_SCALE * 16 * 1024) /* bytes, guard page not counted */
#define IRQ_STACK       (STACK_SCALE * 16 * 1024) /* bytes: hard IRQ and softirq of one CPU */
#define FAULT_STACK     (8 * 1024)  /* bytes: double fault, NMI, machine check (IST) */

#define WATCHDOG_SECONDS 10 /* a CPU whose loop stands still for so long is stuck: far beyond any host's pause */

#define CMDLINE_MAX     2048 /* bytes of kernel command line kept */
#define LOG_RING        (64 * 1024) /* bytes of log kept for dmesg and cores */
