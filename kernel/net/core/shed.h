/* SPDX-License-Identifier: MIT
 * shed.h - overload: a queue of the application's is full because the application does not get the CPU, or not enough of it.
 *
 * While that lasts the devices' interrupts stay masked; their rings are polled once in SHED_TICK_NS, for a tenth of that time, and what
 * does not fit into it is lost in the rings, where it costs nothing. A frame that would only find the full queue dies where it lies,
 * before it is an skb. So the application keeps nine tenths of the CPU whatever is offered, while other traffic still comes through:
 * feedback from full queues as in Mogul and Ramakrishnan, "Eliminating receive livelock" (1997), and the early drop of Druschel and
 * Banga, "Lazy receiver processing" (1996). The first tick without such a drop ends it, and so does a CPU that has nothing to do.
 */
#pragma once

#include "net/core/dev.h"

#define SHED_TICK_NS  NSEC_PER_MSEC       /* a ring of 256 holds what comes meanwhile at 256 000 frames a second */
#define SHED_WEIGHT   16                  /* frames of one turn, then the time is looked at */
#define SHED_SHARE    10                  /* polls have this part of the time since the tick before; each ring has one turn at least */

/* From softirq, by whoever has just dropped what did not fit into a queue of the application's. */
void shed_begin(struct net_cpu *cpu);
static inline void shed_end(struct net_cpu *cpu) { cpu->shedding = false; }

enum drop_reason shed_why(struct net_cpu *cpu, const struct net_device *dev, const u8 *frame, u32 len);
/* By a driver, of a frame of len bytes at `frame`, all of it in the buffer b: true: it is dropped and counted, and b is free. */
static inline bool sheds(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, struct skb_buf *b, const u8 *frame, u32 len)
{
	enum drop_reason reason;

	if (likely(!cpu->shedding))
		return false;
	reason = shed_why(cpu, dev, frame, len);
	if (reason != RX_OK)
		netif_rx_shed(cpu, dev, rxq, b, len, reason);
	return reason != RX_OK;
}

int shed_cpu_init(struct net_cpu *cpu);
void shed_cpu_destroy(struct net_cpu *cpu);
