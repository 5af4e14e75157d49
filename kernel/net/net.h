/* SPDX-License-Identifier: MIT
 * net.h - struct net (one stack) and struct net_cpu (one CPU's share of it): all mutable state hangs here.
 *
 * Each room of the stack (neighbours, IPv4, TCP, sockets ...) has a struct of its own that only it sees; net_cpu
 * points to it. Nothing in net/ has a writable variable. Time is an argument: cpu->now_ns is the time of this poll.
 *
 * Contexts (one CPU): hard IRQ only calls napi_schedule() and inbox kicks; softirq is net_poll(); base is the
 * application, which holds softirq off with bh_disable() while it is inside the stack.
 */
#pragma once

#include "config.h"
#include "core/timer.h"
#include "core/fiber.h"
#include "lib/ring.h"
#include "lib/siphash.h"
#include "lib/vector.h"
#include "net/net_sysctl.h"
#include "net/core/drop.h"
#include "net/core/stats.h"

struct ip_addr;
struct net;
struct net_cpu;
struct net_device;
struct napi_struct;
struct netdev_queue;
struct sk_buff;
struct steer;

/* Softirq rows in the order in which net_poll() runs them: the order of the data path. */
enum softirq { SOFTIRQ_INBOX, SOFTIRQ_TIMER, SOFTIRQ_NET_RX, SOFTIRQ_NET_TX, NR_SOFTIRQS };

struct softnet_stats {
	u64 runs[NR_SOFTIRQS];   /* times a row ran */
	u64 cycles[NR_SOFTIRQS]; /* ns spent in it, when accounting is on */
	u64 processed;           /* frames taken by net_rx */
	u64 dropped;             /* backlog full */
	u64 time_squeeze;        /* net_rx left with work to do: budget or time was over */
	u64 polls;               /* net_poll() calls */
	u64 restarts;            /* rounds of net_poll() after the first */
	u64 received_rps;        /* frames that another CPU took in and handed over: the flow is this one's */
	u64 shed;                /* frames that died before they were skbs, for their socket's queue was full */
	u64 shed_ticks;          /* polls under overload, a millisecond apart (core/shed.h) */
	u64 moved;               /* datagrams and errors handed on, once it was seen whose they are */
	u64 strays;              /* connections that were made here although another CPU owns their flow */
	u64 hardirqs;            /* napi_schedule() calls that raised NET_RX */
};

/* A message to another CPU's inbox; the receiver calls fn and the message is the callee's. */
struct inbox_msg {
	void (*fn)(struct net_cpu *cpu, struct inbox_msg *msg);
};

struct net_cpu {
	/* ---- hot ---- */
	struct net *net;
	u64 now_ns;               /* time of the running poll or system call; net_set_now() */
	u64 ms_ns;                /* when the millisecond began that now_ms and now_s stand for */
	u32 now_us, now_ms, now_s; /* the time, modulo 2^32, so that no segment divides */
	u32 id;
	u32 pending;              /* bits of enum softirq; also set from hard IRQ, hence atomic */
	u32 watch;                /* who looks at frames: taps, kept frames, tracepoints (core/trace.h) */
	u32 bh_count;             /* >0: softirq is held off or running */
	u32 dst_gen;              /* a cached dst of another generation is asked again; never 0 */
	bool in_softirq;
	bool in_net_tx;           /* the net_tx row runs: what it makes dirty it also flushes */
	u32 app_ticks;            /* softirq left work behind while the application waits: for so many more ticks that has the CPU */
	u64 app_tick_ns;          /* when the next of them is over */
	u32 kicks;                /* a bit per CPU that has something new in its inbox from here and was not told yet */
	u32 away;                 /* a bit per CPU: something of that CPU's pool waits here to go home */
	bool shedding;            /* overload: the application is behind, a queue of its is full (core/shed.h) ... */
	bool shed_seen;           /* ... and something was dropped for it since the last tick ... */
	u64 shed_tick_ns;         /* ... which was then, ... */
	u64 shed_until_ns;        /* ... and whose share of time for polls ends then */
	u8 gro_held;              /* flows with segments held until the end of the poll (core/gro.c) */
	bool acks_expected;       /* several segments left at once: bare ACKs are worth a look (netif_rcv_bare); until one was none */
	u64 napi_pending;         /* a bit per scheduled NAPI; also set from hard IRQ */
	struct napi_struct *napi[MAX_NAPI];
	u64 busy_until_ns;        /* devices are polled instead of waited for (core/napi.c); 0: not */
	u32 napi_next;            /* round robin: where net_rx goes on */
	u32 nr_napi;
	struct list_head tx_dirty;  /* netdev_queues that want a doorbell or a qdisc run (core/dev.c) */
	struct netdev_queue *behind; /* its ring is full, and half of what may wait behind it does; NULL: none was seen so */
	struct fiber_sched *fibers; /* of the application; given at init */

	/* ---- the rooms, each known to its own folder ---- */
	struct skb_pool *skb_pool;      /* core/skbuff.c */
	struct dev_cpu *dev;            /* core/dev.c: backlog */
	struct port_cpu *ports;         /* core/steer.c: sockets that are on other CPUs alone */
	struct gro_cpu *gro;            /* core/gro.c */
	struct nf_cpu *nf;              /* core/netfilter.c: NULL hooks when no rule is loaded */
	struct ct_cpu *ct;              /* netfilter/: connections */
	struct nft_cpu *nft;            /* netfilter/: rules */
	struct tap_cpu *tap;            /* core/tap.c */
	struct frame_ring *frames;      /* core/frames.c */
	struct trace_cpu *trace;        /* core/trace.c: NULL until tracing was first asked for */
	struct neigh_cpu *neigh;        /* link/neigh.c */
	struct frag_cpu *frags;         /* core/frag.c: datagrams in reassembly */
	struct ip_cpu *ip;              /* ipv4/: addresses, routes, ids */
	struct ip6_cpu *ip6;            /* ipv6/: the same, and what neighbour discovery knows */
	struct udp_cpu *udp;            /* ipv4/udp.c */
	struct tcp_cpu *tcp;            /* tcp/ */
	struct socket_cpu *socket;      /* socket/: files */
	struct app_cpu *app;            /* app/: servers of this CPU */

	struct net_sysctls sysctl;
	struct timer_wheel wheel;
	struct timer shed_timer;      /* its ticks */
	struct softnet_stats softnet;
	u64 stats[FLOW_MAX];
	u64 drops[DROP_MAX];
	struct drop_count *drop_counts; /* by place (core/drop_count.c) */
	struct drop_frame *last_drops;  /* by reason: the last frame (core/last_drop.c); NULL while nobody looks */
	struct ring *inbox[MAX_CPUS]; /* from each other CPU; [id] is NULL */
};

/* What net_init() must be told; everything else is configured later. */
struct net_params {
	unsigned nr_cpus;
	u64 now_ns;
	u8 seed[32];            /* all secrets of the stack are derived from it */
	struct fiber_sched *fibers[MAX_CPUS];
	u8 steer;               /* enum steer_mode (core/steer.h) */
	size_t skb_pool_bytes;  /* memory for data buffers per CPU; 0: by a share of mem_totals() */
};

struct net {
	unsigned nr_cpus, nr_devs;
	struct net_cpu *cpus[MAX_CPUS];
	struct net_device *devs[MAX_NETDEVS]; /* by ifindex - 1 */
	struct siphash_key hash_key;  /* connection tables */
	struct siphash_key hash6_key; /* their second half over IPv6 */
	struct siphash_key isn_key;   /* RFC 6528 */
	struct siphash_key port_key;  /* RFC 6056 */
	struct aes_keys tuple_keys;   /* of both, where the CPU has AES rounds: has_aes */
	bool has_aes;
	struct siphash_key cookie_key;
	struct siphash_key fastopen_key[2]; /* RFC 7413: in force, and the one before; net.ipv4.tcp_fastopen_key */
	u8 nr_fastopen_keys;
	struct steer *steer;          /* core/steer.c: which CPU owns a flow */
	u64 boot_ns;
	/* Set by the application: finishes what is under way and then calls end(), once. NULL: nothing is served. */
	void (*shutdown)(struct net *net, void (*end)(void));
};

/* The CPU's clock. Whoever works outside a poll sets it before stamping anything. */
static inline void net_set_now(struct net_cpu *cpu, u64 now_ns)
{
	cpu->now_ns = now_ns;
	cpu->now_us = (u32)(now_ns / NSEC_PER_USEC) ?: 1; /* 0 is "not known" where it is noted */
	if (now_ns - cpu->ms_ns < NSEC_PER_MSEC)
		return;
	cpu->ms_ns = now_ns / NSEC_PER_MSEC * NSEC_PER_MSEC;
	cpu->now_ms = (u32)(now_ns / NSEC_PER_MSEC);
	cpu->now_s = (u32)(now_ns / NSEC_PER_SEC);
}

/* Which of these bits of cpu->watch are set: 0, but for when somebody looks. */
static inline u32 watched(const struct net_cpu *cpu, u32 bits)
{
	return HOOKS ? cpu->watch & bits : 0;
}

#define for_each_cpu(net_, cpu_, i_)                                                               \
	for ((i_) = 0; (i_) < (net_)->nr_cpus && ((cpu_) = (net_)->cpus[i_]); (i_)++)

/* Makes a stack with its CPUs; NULL when memory is out. Devices are registered afterwards (core/dev.h). */
struct net *net_create(const struct net_params *p);
/* Frees everything (host builds and tests; the kernel never calls it). */
void net_destroy(struct net *net);

/* Runs the pending softirq rows of this CPU at time now_ns; returns when it next has something to do:
 * now_ns when work is left, TIME_NEVER when nothing is armed. Never re-enters itself. */
u64 net_poll(struct net_cpu *cpu, u64 now_ns);

/* Where every frame is: rx_frames = rx_done + rx_taken + rx_dropped, allocs = consumed + dropped + alive, and what the
 * stages say of it. */
struct net_balance {
	u64 rx_frames;  /* given to netif_receive_skb() */
	u64 rx_done;    /* of those: did their work there */
	u64 rx_taken;   /* of those: went into somebody's queue */
	u64 rx_dropped; /* of those: died, each with its reason */
	u64 backlog;    /* wait to be taken in, those on their way to another CPU not counted */
	u64 allocs, consumed, dropped, alive; /* skbs */
	u64 bare_dropped; /* frames that died without an skb */
	u64 reasons;    /* drops by all reasons: each frame that died has one */
	u64 bufs_alive; /* data buffers outside their pools, those in rx rings included */
	u64 terms[FLOW_MAX]; /* of the stages' equations (core/stage.h) */
};
/* Sums over all CPUs; true when all equations hold. For moments when no poll runs. */
bool net_balance(struct net *net, struct net_balance *b);
/* One CPU's terms, added to b: the equations hold for each CPU by itself, between two frames of it. */
void net_balance_add(struct net_cpu *cpu, struct net_balance *b);
bool net_balance_holds(const struct net_balance *b);

/* Runs fn(cpu, arg) on every CPU, one after the other, each time in a fiber of that CPU; the caller, a fiber of `cpu`, sleeps
 * until all have. 0, or -ENOMEM: some CPU could not. */
int net_on_each_cpu(struct net_cpu *cpu, void (*fn)(struct net_cpu *cpu, void *arg), void *arg);

/* Sets a row's bit. Safe from hard IRQ and from base. */
static inline void raise_softirq(struct net_cpu *cpu, enum softirq s)
{
	__atomic_fetch_or(&cpu->pending, 1u << s, __ATOMIC_RELAXED);
}
static inline bool softirq_pending(const struct net_cpu *cpu)
{
	return READ_ONCE(cpu->pending) != 0;
}

/* Would net_poll() find nothing at all? Then it need not be called: timer_wheel_next() is when. Base context only. */
static inline bool net_is_idle(const struct net_cpu *cpu, u64 now_ns)
{
	return !softirq_pending(cpu) && timer_wheel_next(&cpu->wheel) > now_ns && !cpu->away && !cpu->app_ticks;
}

/* Does a fiber wait for the CPU? */
static inline bool app_waits(const struct net_cpu *cpu)
{
	return cpu->fibers && fiber_any_ready(cpu->fibers);
}

/* Overload: softirq had its share, what is left waits until the ready fibers have run, or have had their time (app_tick). */
static inline bool app_turn(const struct net_cpu *cpu)
{
	return unlikely(cpu->app_ticks);
}
/* At the end of interrupts during such a turn: true while it lasts. Ticks are counted, not time: a virtual machine that stood still
 * has lost no more than one. */
bool app_tick(struct net_cpu *cpu, u64 now_ns);

/* What base context alone raises can wait for the loop (one flush for many writes); what an interrupt raised can not. */
#define SOFTIRQ_URGENT (1u << SOFTIRQ_INBOX | 1u << SOFTIRQ_TIMER | 1u << SOFTIRQ_NET_RX)

/* Base context enters the stack between these two; they nest. bh_enable() runs urgent softirqs that came meanwhile. */
static inline void bh_disable(struct net_cpu *cpu)
{
	cpu->bh_count++;
	barrier();
}
void bh_enable_slow(struct net_cpu *cpu);
static inline void bh_enable(struct net_cpu *cpu)
{
	barrier();
	if (!--cpu->bh_count && unlikely(READ_ONCE(cpu->pending) & SOFTIRQ_URGENT))
		bh_enable_slow(cpu);
}

/* Puts a message into `to`'s inbox and kicks it. false: the inbox is full and msg stays the caller's. */
bool inbox_post(struct net_cpu *from, struct net_cpu *to, struct inbox_msg *msg);
/* The same for what comes in bursts: `to` is kicked once, at the end of the running round of softirq, or by the next. */
bool inbox_put(struct net_cpu *from, struct net_cpu *to, struct inbox_msg *msg);

/* ---- the const tables, all in net.c ---- */
struct packet_type {
	u16 type; /* EtherType, host order */
	enum drop_reason (*rcv)(struct net_cpu *cpu, struct sk_buff *skb);
	/* Both headers in one go: skb->data at an Ethernet header, of whatever type, that nobody else looks at first; the first row's
	 * leaves other types to the second's, and both what is not as plain as it should be to dev_rcv_frame(). NULL in the others. */
	enum drop_reason (*rcv_frame)(struct net_cpu *cpu, struct sk_buff *skb);
	/* Under overload: the reason why the frame, of one buffer, dies at once, counted as far as it would have come; RX_OK: it goes its
	 * usual way. Types and rows as for rcv_frame(). */
	enum drop_reason (*shed_frame)(struct net_cpu *cpu, const struct net_device *dev, const u8 *frame, u32 len);
	/* A frame of BARE_FRAME or BARE_FRAME6 bytes that has no skb (netif_rcv_bare()), of whatever type: likewise. */
	bool (*rcv_bare)(struct net_cpu *cpu, struct net_device *dev, const u8 *frame, bool vouched);
};
extern const struct packet_type net_packet_types[];
extern const unsigned net_nr_packet_types;

/* A transport under IPv4 (and IPv6): skb->data is at the transport header, skb->ip is filled. */
struct inet_protocol {
	u8 protocol;
	enum drop_reason (*rcv)(struct net_cpu *cpu, struct sk_buff *skb);
	/* First, where nobody else looks: skb->data at a checked IPv4 header without options, of a packet that is no fragment and
	 * for this host. What it does not take goes to ip_rcv_decoded() as it came; whoever takes nothing has that here. */
	enum drop_reason (*rcv_plain)(struct net_cpu *cpu, struct sk_buff *skb);
	/* The same of an IPv6 header without extensions, of TCP and UDP alone: skb->ip has the addresses already. The rest goes to ip6_rcv_decoded(). */
	enum drop_reason (*rcv_plain6)(struct net_cpu *cpu, struct sk_buff *skb);
	/* Under overload: why the packet, of len bytes behind its IP header at p, dies before it is an skb, counted; RX_OK: it does not.
	 * NULL: never. */
	enum drop_reason (*shed)(struct net_cpu *cpu, bool v4, const u8 *p, u32 len);
	/* Before there is an skb, of TCP alone: a checked header as for rcv_plain(), or the addresses of one of IPv6, with a segment of 32
	 * bytes. true: it took all that they tell; false: nothing. */
	bool (*rcv_bare)(struct net_cpu *cpu, const void *ip, bool vouched);
	bool (*rcv_bare6)(struct net_cpu *cpu, const struct ip_addr *src, const struct ip_addr *dst, const void *tcp, bool vouched);
	/* An ICMP error about a packet of ours: skb->data is at the quoted transport header (at least 8 bytes are there),
	 * skb->ip holds the quoted addresses (src is ours). type and code are ICMPv4's; info is the next-hop MTU for 3/4. */
	void (*err)(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info);
};
extern const struct inet_protocol *const net_inet_protocols[256];
/* ipv6/input.c, of a protocol's rcv_plain6() for what is not as plain as that: the rest of its header into skb->ip, and to rcv(). */
enum drop_reason ip6_rcv_decoded(struct net_cpu *cpu, struct sk_buff *skb);
