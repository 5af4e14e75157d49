/* SPDX-License-Identifier: MIT
 * clock.c - nanoseconds since boot, time of day, and the tickless timer.
 *
 * The TSCs of all CPUs are taken to run together, as they do on every machine with an invariant TSC and in every
 * hypervisor. The timer is the LAPIC's: in TSC deadline mode where the CPU has it, else counting down.
 */
#include "core/clock.h"
#include "core/irq_impl.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/rtc.h"
#include "arch/x86_64/tsc.h"
#include "platform.h"

#define SCALE 32 /* fixed point of the rates: 2^-32 */

typedef unsigned __int128 u128;

static u64 tsc_base;      /* TSC when the clock showed 0 */
static u64 ns_per_tick;   /* << SCALE; 0: not calibrated */
static u64 ticks_per_ns;  /* of the timer, << SCALE */
static bool tsc_deadline;
static u64 wall_base_ns;  /* time of day when the clock showed 0 */

static u64 scaled(u64 v, u64 rate) { return (u64)((u128)v * rate >> SCALE); }

/* hz ticks a second as ticks per ns << SCALE: divided in two steps, for hz << 32 may not fit. */
static u64 rate_of(u64 hz)
{
	return (hz / NSEC_PER_SEC << SCALE) + (hz % NSEC_PER_SEC << SCALE) / NSEC_PER_SEC;
}

u64 clock_ns(void) { return scaled(rdtsc() - tsc_base, ns_per_tick); }

u64 wall_clock_ns(u64 now_ns) { return wall_base_ns + now_ns; }

static bool clock_timer_irq(void *arg)
{
	struct cpu *c = this_cpu();

	c->timer_armed_ns = TIME_NEVER;
	cpu_hooks.timer(c);
	return true;
}

void clock_init(void)
{
	u64 boot_tsc = rdtsc(), date;
	struct tsc_rates r = tsc_calibrate();

	tsc_deadline = cpu_has(CPU_TSC_DEADLINE);
	tsc_base = boot_tsc;
	ns_per_tick = (NSEC_PER_SEC << SCALE) / r.tsc_hz;
	ticks_per_ns = rate_of(tsc_deadline ? r.tsc_hz : r.apic_hz);
	date = rtc_read();
	wall_base_ns = date ? date * NSEC_PER_SEC - clock_ns() : 0;
	irq_vector_take(VEC_TIMER, "timer");
	irq_add_handler(VEC_TIMER, clock_timer_irq, NULL);
	clock_cpu_init();
	log_info("clock: TSC %llu.%03llu MHz by %s, timer %s", (unsigned long long)(r.tsc_hz / 1000000),
		 (unsigned long long)(r.tsc_hz / 1000 % 1000), r.from,
		 tsc_deadline ? "TSC deadline" : "LAPIC one-shot");
}

void clock_cpu_init(void) { apic_timer_enable(tsc_deadline); }

void clock_arm(struct cpu *c, u64 deadline_ns)
{
	u64 now, ticks;

	if (deadline_ns >= c->timer_armed_ns)
		return;
	c->timer_armed_ns = deadline_ns;
	now = clock_ns();
	ticks = scaled(deadline_ns > now ? deadline_ns - now : 0, ticks_per_ns) + 1;
	if (tsc_deadline)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + ticks);
	else
		apic_timer_write((u32)MIN(ticks, (u64)UINT32_MAX));
}
