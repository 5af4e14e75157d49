/* SPDX-License-Identifier: MIT
 * fake_rig.h - one stack over fake devices, for the tests of drivers: frames in are captured instead of understood,
 * frames out are made here, time is the test's.
 */
#pragma once

#include "host/fake_machine.h"
#include "net/core/dev.h"

struct rig {
	struct net *net;
	struct net_cpu *cpu;
	struct net_device *dev; /* the first one probed */
	/* ---- the last frame that came in, and how many did ---- */
	unsigned nr_in;
	u32 in_len;
	u8 in_summed, in_gso_type;
	u16 in_gso_size, in_gso_segs, in_csum_start, in_nr_frags; /* csum_start: from the frame's start */
	u8 in[70000];
	bool hold; /* keep frames in held instead of freeing them, as a socket queue does */
	struct sk_buff_head held;
	u64 bufs_at_start; /* free in the pool */
};

/* The kernel command line that tells of devices; empty unless a test sets it. */
extern const char *rig_cmdline;
/* How many CPUs the stack has, 1 unless a test sets it; 2 at most. */
extern unsigned rig_cpus;
/* After the fake devices were added: enumerates, probes, opens the first device. pool_bytes 0: 4 MiB. */
struct rig *rig_create(size_t pool_bytes);
/* The same without opening. */
struct rig *rig_probe(size_t pool_bytes);
/* Closes; checks that every buffer and skb came home. */
void rig_destroy(struct rig *r);
/* Softirq now, and as time goes on for `ns`. */
void rig_run(struct rig *r, u64 ns);

/* A frame of `len` bytes, `linear` of them in the linear part, the rest in pieces of `piece`; Ethernet and TCP/IPv4 headers
 * and bytes that depend on their place. Checksum offload is asked for with `csum`; gso_size 0: none. */
struct sk_buff *rig_skb(struct rig *r, u32 len, u32 linear, u32 piece, bool csum, u16 gso_size);
/* Sends it as the stack would, and runs. */
void rig_send(struct rig *r, struct sk_buff *skb);
/* One of `len` bytes without an skb, whose TCP sum is the device's: as dev_direct_queue() allows it. */
void rig_frame(struct rig *r, unsigned len);
/* And nothing else in its burst. */
void rig_frame_alone(struct rig *r, unsigned len);
/* The bytes such a frame has. */
void rig_bytes(u8 *out, u32 len);
u64 rig_drops(struct rig *r, enum drop_reason reason);
