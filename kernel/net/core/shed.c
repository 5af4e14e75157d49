/* SPDX-License-Identifier: MIT
 * shed.c - overload: when it begins and ends, the ticks by which the rings are polled meanwhile, and which frames die early.
 *
 * Owns cpu->shedding, shed_seen and shed_timer. Runs in softirq.
 */
#include "net/core/shed.h"
#include "net/core/trace.h"

/* Ticks may come late, in a virtual machine by far. */
static void begin_tick(struct net_cpu *cpu, u64 now_ns)
{
	cpu->shed_until_ns = now_ns + (now_ns - cpu->shed_tick_ns) / SHED_SHARE;
	cpu->shed_tick_ns = now_ns;
	timer_arm(&cpu->wheel, &cpu->shed_timer, now_ns + SHED_TICK_NS);
}

/* The interrupts stay as they are until the poll that this raises: then they are masked, or on again. */
static void tick(struct timer *t, u64 now_ns)
{
	struct net_cpu *cpu = container_of(t, struct net_cpu, shed_timer);

	if (!cpu->shedding)
		return; /* it had nothing to do meanwhile */
	cpu->softnet.shed_ticks++;
	cpu->shedding = cpu->shed_seen;
	cpu->shed_seen = false;
	napi_poll_all(cpu, cpu->shedding);
	if (cpu->shedding)
		begin_tick(cpu, now_ns);
}

/* Who halts ends it, by way of busy_poll_turn(). */
void shed_begin(struct net_cpu *cpu)
{
	cpu->shed_seen = true;
	if (cpu->shedding || !(app_waits(cpu) || (cpu->fibers && cpu->fibers->current)))
		return;
	cpu->shedding = true;
	cpu->app_ticks = 0; /* the ticks take their place */
	cpu->busy_until_ns = MAX(cpu->busy_until_ns, 1ull);
	napi_poll_all(cpu, true);
	cpu->shed_tick_ns = cpu->now_ns;
	begin_tick(cpu, cpu->now_ns);
}

/* Who looks on sees whole skbs; and where there are several CPUs it is first asked whose frame it is. */
enum drop_reason shed_why(struct net_cpu *cpu, const struct net_device *dev, const u8 *frame, u32 len)
{
	if (!dev->rx_direct || watched(cpu, WATCH_ALL) || (HOOKS && cpu->last_drops))
		return RX_OK;
	return net_packet_types[0].shed_frame(cpu, dev, frame, len);
}

int shed_cpu_init(struct net_cpu *cpu)
{
	timer_init(&cpu->shed_timer, tick);
	return 0;
}

void shed_cpu_destroy(struct net_cpu *cpu)
{
	timer_cancel(&cpu->wheel, &cpu->shed_timer);
}
