/* SPDX-License-Identifier: MIT
 * netlab.h - a laboratory of networks: several stacks in one process, wires between their devices, one virtual clock.
 *
 *	struct lab *lab = lab_create(42);                      // a seed: the same run every time
 *	struct lab_host *a = lab_host(lab, "a"), *b = lab_host(lab, "b");
 *	struct net_device *da = lab_dev(a, LAB_ETHER), *db = lab_dev(b, LAB_ETHER);
 *	lab_addr(da, "10.0.0.1/24"); lab_addr(db, "10.0.0.2/24");
 *	lab_wire(da, db, &(struct lab_link){ .rate_bps = 10000000, .delay_ns = 20000000, .loss_ppm = 10000 });
 *	lab_spawn(b, "server", server_fiber, &arg);            // fibers may call socket/'s blocking calls
 *	CHECK(LAB_UNTIL(lab, done, 60 * NSEC_PER_SEC));        // false: time was over
 *	lab_destroy(lab);                                      // checks that frames balance and nothing leaked
 *
 * A device without a wire keeps what it sends for lab_sent(), and lab_inject() gives it frames: this is how one stack is
 * tested byte by byte. Devices carry frames as bytes (copied), so stacks share nothing, as real ones do.
 */
#pragma once

#include "net/net.h"
#include "net/core/dev.h"
#include "net/core/stats.h"

struct lab;
struct lab_host {
	struct lab *lab;
	const char *name;
	struct net *net;
	struct net_cpu *cpu;                      /* CPU 0 */
	struct fiber_sched fibers[MAX_CPUS];
	struct lab_host *next;
	u64 asleep_until;
};

enum lab_kind {
	LAB_ETHER, /* frames with an Ethernet header, ARP is spoken */
	LAB_RAW,   /* bare IP packets, no neighbours (as a tun device) */
};

/* One direction of a wire. All zero: perfect and without delay. */
struct lab_link {
	u64 rate_bps;     /* 0: unlimited */
	u64 delay_ns;     /* propagation */
	u64 jitter_ns;    /* up to so much more, at random; frames keep their order */
	u32 queue_frames; /* that wait for the rate; 0: 1000 */
	u32 loss_ppm, dup_ppm, corrupt_ppm; /* of a million frames */
	u32 reorder_ppm;  /* of a million frames are held back by reorder_ns and overtaken */
	u64 reorder_ns;   /* 0: 1 ms */
	/* When set: sees each frame first; true: it is lost. For drops that are chosen, not random. */
	bool (*filter)(void *arg, const u8 *frame, unsigned len);
	void *filter_arg;
};
struct lab_link_stats {
	u64 frames, bytes, delivered, lost, duplicated, corrupted, reordered, queue_full;
};

/* ---- building ---- */
struct lab *lab_create(u64 seed);
void lab_destroy(struct lab *lab);
/* A stack of one CPU with an 8 MiB skb pool; lab_host_cpus() chooses both (skb_pool_bytes 0: 8 MiB). */
struct lab_host *lab_host(struct lab *lab, const char *name);
struct lab_host *lab_host_cpus(struct lab *lab, const char *name, unsigned nr_cpus, size_t skb_pool_bytes);
/* An open device with carrier, MTU 1500, named eth0, eth1 ...; MAC 02:00:00:00:hh:dd (host, device number). */
struct net_device *lab_dev(struct lab_host *h, enum lab_kind kind);
/* The same with other abilities: NETIF_F_* the device claims, tx ring of `ring` frames (0: 256). */
struct net_device *lab_dev_with(struct lab_host *h, enum lab_kind kind, u32 features, unsigned ring);
/* "10.0.0.1/24", and its connected route. */
void lab_addr(struct net_device *dev, const char *addr_plen);
void lab_default_route(struct net_device *dev, const char *gateway);
/* Both directions alike; lab_wire2() gives each its own. The models may be changed at any time through lab_link(). */
void lab_wire(struct net_device *a, struct net_device *b, const struct lab_link *link);
void lab_wire2(struct net_device *a, struct net_device *b, const struct lab_link *ab, const struct lab_link *ba);
struct lab_link *lab_link(struct net_device *from);
const struct lab_link_stats *lab_link_stats(struct net_device *from);
u32 lab_queue_frames(struct net_device *from); /* that wait for the link's rate now */
/* For tests of whole paths: two hosts a (10.0.0.1/24) and b (10.0.0.2/24), an Ethernet wire between their eth0. */
struct lab *lab_pair(u64 seed, const struct lab_link *link, struct lab_host **a, struct lab_host **b);

/* ---- running ---- */
u64 lab_now(const struct lab *lab);
/* One round: what arrived is taken in, every CPU polls, ready fibers run. Then the clock goes on by a microsecond (a round of
 * work takes its time, so that nothing lasts for ever), or jumps to the next event when nobody has work. Never beyond
 * `until`; false: it is reached. */
bool lab_step(struct lab *lab, u64 until);
void lab_run(struct lab *lab, u64 duration_ns);
/* Runs until the expression holds; false when max_ns went by before. */
#define LAB_UNTIL(lab, cond, max_ns)                                                               \
	({                                                                                         \
		u64 _until = lab_now(lab) + (max_ns);                                              \
		bool _ok;                                                                          \
		while (!(_ok = !!(cond)) && lab_step(lab, _until))                                 \
			;                                                                          \
		_ok || (cond);                                                                     \
	})
/* The host stands still for so long, as a guest does whose CPU the hypervisor took; what arrives waits in its devices. */
void lab_sleep(struct lab_host *h, u64 duration_ns);
struct fiber *lab_spawn(struct lab_host *h, const char *name, void (*fn)(void *), void *arg);
struct fiber *lab_spawn_on(struct lab_host *h, unsigned cpu, const char *name, void (*fn)(void *), void *arg);

/* ---- one stack, byte by byte ---- */
/* Hands the device a frame; it is taken in at the next step. */
void lab_inject(struct net_device *dev, const void *frame, unsigned len);
/* The oldest frame the unwired device sent: copies up to `size` bytes, returns its whole length; 0: none. */
unsigned lab_sent(struct net_device *dev, void *frame, unsigned size);
unsigned lab_sent_count(struct net_device *dev);
/* How many frames the stack gave the device without an skb, which it does where NETIF_F_HW_CSUM is claimed. */
unsigned lab_bare_frames(struct net_device *dev);
/* How many the stack took from an Ethernet one without an skb. */
unsigned lab_bare_acks(struct net_device *dev);
/* Stops (and restarts) the taking of frames by the device, as a full ring of a slow NIC does. */
void lab_dev_stall(struct net_device *dev, bool stalled);

/* ---- looking ---- */
/* Every frame of the device goes to a pcap file as well (Ethernet or raw IP). */
void lab_pcap(struct net_device *dev, const char *path);
u64 lab_stat(struct lab_host *h, enum net_stat s);          /* summed over CPUs */
u64 lab_drops(struct lab_host *h, enum drop_reason r);
