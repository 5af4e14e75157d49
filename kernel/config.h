/* SPDX-License-Identifier: MIT
 * config.h - every compiled-in limit, with its unit and its reason.
 */
#pragma once

#define MAX_CPUS        16   /* one pending word, one inbox pair per couple of CPUs: 16^2 rings is still small */
#define MAX_NETDEVS     8    /* interface indices 1..8; lo is one of them */
#define MAX_TXQ         MAX_CPUS
#define MAX_NAPI        64   /* per CPU: one bit each in net_cpu.napi_pending */
#define INBOX_SLOTS     1024 /* pointers per CPU pair; full means the frame is dropped as CPU_BACKLOG */

#define SKB_BUF_SIZE    2048 /* a data buffer, its header included: holds a full Ethernet frame and headroom */
#define SKB_HEADROOM    128  /* virtio header 12, Ethernet 14+4, IPv6 40, TCP 60 */
#define MAX_SKB_FRAGS   17   /* 64 KiB in 4 KiB pieces and one more, as in Linux */

#define FIBER_STACK     (16 * 1024) /* bytes, guard page not counted */
#define IRQ_STACK       (16 * 1024) /* bytes: hard IRQ and softirq of one CPU */
#define FAULT_STACK     (8 * 1024)  /* bytes: double fault, NMI, machine check (IST) */

#define CMDLINE_MAX     2048 /* bytes of kernel command line kept */
#define LOG_RING        (64 * 1024) /* bytes of log kept for dmesg and cores */
