/* SPDX-License-Identifier: MIT
 * trace.h - tracepoints along the path of a frame: who passed where and when, per CPU.
 *
 * Off, a tracepoint is one test of cpu->watch (watched()) and a branch that is not taken. On, each event of the mask is written to a
 * ring with its time, and the time since the frame's previous event goes into a histogram by powers of two: how long
 * frames stay in each hop. With a filter only frames that it takes are followed, from where they enter (netif_receive_skb,
 * dev_queue_xmit), by the address of their skb. Everything belongs to its CPU; other CPUs read it as it is.
 */
#pragma once

#include "net/core/bpf.h"

/* X(NAME, "what a trace calls it", "what it means"). In: the way up; then the way down; then the end. */
#define TRACE_EVENTS(X)                                                                             \
	X(RECEIVE, "netif_receive_skb", "a device gave the frame to the stack")                     \
	X(DELIVER, "ip_local_deliver", "IP hands the packet to its protocol")                       \
	X(QUEUE, "skb_queue", "the protocol keeps it: receive queue, reassembly, neighbour")        \
	X(XMIT, "dev_queue_xmit", "the stack gave the frame to a device")                           \
	X(ENQUEUE, "qdisc_enqueue", "it waits in the queueing discipline")                          \
	X(START_XMIT, "start_xmit", "the driver has it")                                            \
	X(CONSUME, "consume_skb", "its work is done")                                               \
	X(DROP, "kfree_skb", "it died; the reason stands behind")

enum trace_event {
#define X(name, text, help) TRACE_##name,
	TRACE_EVENTS(X)
#undef X
	NR_TRACE_EVENTS
};

/* Bits of cpu->watch. Events come first, so that a tracepoint's bit is 1 << event. */
enum { WATCH_TAP = 1 << 16, WATCH_FRAMES = 1 << 17 };
#define TRACE_ALL ((1u << NR_TRACE_EVENTS) - 1)
#define WATCH_ALL (TRACE_ALL | WATCH_TAP | WATCH_FRAMES)

#define TRACE_RING   1024u /* records of a CPU; a power of two */
#define TRACE_SLOTS  256u  /* frames that are followed at once; a power of two */
#define TRACE_BINS   32    /* bin b counts times of 2^b ns and more, below 2^(b+1) */

struct trace_record {
	u64 time_ns;
	const struct sk_buff *skb; /* names the frame from its first event to its last; used again later */
	u32 len;
	u8 event, cpu, proto, reason; /* reason: enum drop_reason of TRACE_DROP */
	u16 sport, dport;
	u32 ifindex, place;        /* place: of TRACE_DROP, drop_where() */
	struct ip_addr src, dst;   /* of RECEIVE and XMIT, where the frame holds IP */
};

struct trace_slot { /* a frame under way */
	const struct sk_buff *skb;
	u64 time_ns;
	u8 event;
};

struct trace_cpu {
	u32 mask;                  /* events that are recorded */
	u32 follow;                /* frames that the filter may still take; ~0: any number */
	bool filtered;
	u64 head;                  /* records ever written */
	u64 hops[NR_TRACE_EVENTS][TRACE_BINS]; /* time from this event to the frame's next one */
	struct trace_slot slots[TRACE_SLOTS];
	struct bpf_insn prog[2][BPF_MAX_INSNS]; /* the filter for Ethernet, and for raw IP */
	struct trace_record ring[TRACE_RING];
};

/* Starts anew with these events on every CPU: 0 or -ENOMEM. eth and raw: the filter in both forms, or NULL. follow: how many
 * frames, 0: all. */
int trace_start(struct net *net, u32 mask, const struct bpf_insn *eth, const struct bpf_insn *raw, u32 follow);
/* The events stop; what was recorded stays. */
void trace_stop(struct net *net);
const char *trace_event_name(unsigned event);
const char *trace_event_help(unsigned event);

/* The end of the path in: `verdict` counts for TRACE_DROP alone. */
void trace_record(struct net_cpu *cpu, enum trace_event ev, const struct sk_buff *skb, enum drop_reason verdict);
static inline void trace(struct net_cpu *cpu, enum trace_event ev, const struct sk_buff *skb)
{
	if (unlikely(watched(cpu, 1u << ev)))
		trace_record(cpu, ev, skb, RX_OK);
}

void trace_cpu_destroy(struct net_cpu *cpu);
int trace_cpu_init(struct net_cpu *cpu);
