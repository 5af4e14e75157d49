/* SPDX-License-Identifier: MIT
 * napi.c - the net_rx row of softirq: poll functions in turns under a budget of frames and of time (FEATURES RX5).
 *
 * Owns cpu->napi[], napi_next and busy_until_ns. A poll function keeps its turn as long as it takes its whole weight; when it takes
 * less it has called napi_complete() and its interrupt is on again. The pending bit is cleared before the poll, so that
 * an interrupt during it is not lost.
 */
#include "net/core/gro.h"
#include "net/core/shed.h"

#define NAPI_FULL 64 /* frames of one turn, with more to come: an application that waits goes before the next */

void netif_napi_add(struct net_cpu *cpu, struct net_device *dev, struct napi_struct *napi,
		    int (*poll)(struct napi_struct *, int), int weight)
{
	BUG_ON(cpu->nr_napi == MAX_NAPI);
	*napi = (struct napi_struct){ .cpu = cpu, .dev = dev, .poll = poll, .weight = weight };
	napi->index = (u8)cpu->nr_napi;
	cpu->napi[cpu->nr_napi++] = napi;
}

void napi_complete(struct napi_struct *napi, int work)
{
	napi->scheduled = false;
	napi->completes++;
}

/* The next pending one at or behind napi_next, going round. */
static inline unsigned next_index(struct net_cpu *cpu, u64 pending)
{
	u64 behind = pending & (~0ull << cpu->napi_next);
	unsigned i = (unsigned)__builtin_ctzll(behind ? behind : pending);

	cpu->napi_next = (i + 1) % MAX_NAPI;
	return i;
}

/* ---- busy polling ---- */

void busy_poll_begin(struct net_cpu *cpu, u64 usecs)
{
	cpu->busy_until_ns = MAX(cpu->busy_until_ns, clock_ns() + usecs * NSEC_PER_USEC);
}

/* The first poll finds the interrupt as it was: if it is on it comes once more, is masked, and stays so. */
void napi_poll_all(struct net_cpu *cpu, bool busy)
{
	for (unsigned i = 0; i < cpu->nr_napi; i++) {
		struct napi_struct *napi = cpu->napi[i];

		if (!napi->dev)
			continue;
		napi->busy = busy;
		napi->scheduled = true;
		__atomic_fetch_or(&cpu->napi_pending, 1ull << i, __ATOMIC_RELAXED);
	}
	raise_softirq(cpu, SOFTIRQ_NET_RX);
}

void busy_poll_turn(struct net_cpu *cpu, u64 now_ns)
{
	bool goes_on = now_ns < cpu->busy_until_ns;

	if (!goes_on)
		cpu->busy_until_ns = 0;
	shed_end(cpu);
	napi_poll_all(cpu, goes_on);
}

/* ---- the row ---- */

static inline int napi_poll(struct net_cpu *cpu, struct napi_struct *napi)
{
	u64 bit = 1ull << napi->index;
	int work;

	__atomic_fetch_and(&cpu->napi_pending, ~bit, __ATOMIC_RELAXED);
	work = napi->poll(napi, unlikely(cpu->shedding) ? SHED_WEIGHT : napi->weight ? napi->weight : (int)cpu->sysctl.dev_weight);
	gro_flush(cpu);
	napi->polls++;
	napi->frames += (u64)work;
	if (unlikely(napi->busy && !cpu->shedding))
		STAT_ADD(cpu, TcpExtBusyPollRxPackets, work);
	if (napi->scheduled)
		__atomic_fetch_or(&cpu->napi_pending, bit, __ATOMIC_RELAXED);
	return work;
}

/* Are the turns over, though frames may be left? */
static inline bool is_over(const struct net_cpu *cpu, s64 budget, bool full, u64 until)
{
	if (unlikely(cpu->shedding))
		return clock_ns() >= cpu->shed_until_ns;
	return budget <= 0 || (full && app_waits(cpu)) || clock_ns() >= until;
}

void net_rx_action(struct net_cpu *cpu)
{
	s64 budget = cpu->sysctl.netdev_budget;
	u64 until = 0, pending;
	bool full = false;
	int work;

	while ((pending = READ_ONCE(cpu->napi_pending))) {
		if (until && is_over(cpu, budget, full, until)) {
			cpu->softnet.time_squeeze++;
			if (likely(!cpu->shedding)) /* else the next tick goes on */
				raise_softirq(cpu, SOFTIRQ_NET_RX);
			return;
		}
		if (!until) /* the first turn is always taken, and often the only one: no clock is read for it */
			until = cpu->now_ns + (u64)cpu->sysctl.netdev_budget_usecs * NSEC_PER_USEC;
		work = napi_poll(cpu, cpu->napi[next_index(cpu, pending)]);
		cpu->softnet.processed += (u64)work;
		budget -= work;
		full = work >= NAPI_FULL;
	}
}
