/* SPDX-License-Identifier: MIT
 * watchdog.c - a timer that comes as NMI to the first CPU, once a second, and looks whether the loop of every CPU goes on.
 *
 * The sign of life is cpu->turns; an idle CPU is alive. One that stood still at as many looks in a row as it had seconds is
 * stuck: it is the first CPU itself, or it is sent an NMI, and reports where it stands. Looks are counted, not time: a
 * virtual machine that was paused has missed looks, too. The timer is the HPET's first comparator in the PIT's place (IA-PC
 * HPET 1.0a 2.4.6), one-shot, or the PIT; it arrives at the IOAPIC input of ISA interrupt 0, which delivers NMIs (82093AA 3.2.4).
 */
#include "arch/x86_64/watchdog.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "core/panic.h"

#define HPET_CAPABILITIES 0x00
#define HPET_PERIOD       0x04 /* femtoseconds per tick */
#define HPET_CONFIG       0x10
#define HPET_COUNTER      0xf0
#define HPET_TIMER0       0x100
#define HPET_COMPARATOR0  0x108
#define CAN_LEGACY        (1u << 15)
#define CONFIG_RUN        (1u << 0)
#define CONFIG_LEGACY     (1u << 1) /* timer 0 has the place of the PIT, which is silent */
#define TIMER_LEVEL       (1u << 1)
#define TIMER_INTERRUPT   (1u << 2)
#define TIMER_PERIODIC    (1u << 3)
#define TIMER_32BIT       (1u << 8)
#define FEMTO_PER_SECOND  1000000000000000ull

#define PIT_CHANNEL0      0x40
#define PIT_COMMAND       0x43
#define PIT_RATE          0x34 /* channel 0, both bytes, mode 2 */
#define PIT_READ_STATUS   0xe2 /* of channel 0, by the read-back command (8254) */
#define PIT_RATE_BITS     0x3f
#define PIT_TICKS_PER_LOOK 18  /* of 54.9 ms */

static volatile char *hpet;  /* NULL: it is the PIT */
static u32 hpet_second;      /* ticks */
static u32 armed;            /* HPET: the comparator */
static bool wrap_seen;       /* HPET: since it was armed */
static unsigned pit_ticks;
static u32 limit;            /* looks; 0: off */

static struct {
	u64 turns; /* at the last look */
	u32 looks; /* without a turn since */
	bool stuck;
} watched[MAX_CPUS];

/* ---------------------------------------------------------------- the timer */

static u32 hpet_read(u32 reg) { return mmio_read32(hpet + reg); }
static void hpet_write(u32 reg, u32 v) { mmio_write32(hpet + reg, v); }

static void hpet_arm(void)
{
	armed = hpet_read(HPET_COUNTER) + hpet_second;
	wrap_seen = false;
	hpet_write(HPET_COMPARATOR0, armed);
}

static bool hpet_start(void)
{
	u32 period, timer;

	hpet = acpi.hpet_base ? mmio_map(acpi.hpet_base, 0x400) : NULL;
	if (!hpet)
		return false;
	period = hpet_read(HPET_PERIOD);
	if (!(hpet_read(HPET_CAPABILITIES) & CAN_LEGACY) || !period || FEMTO_PER_SECOND / period > UINT32_MAX / 2) {
		hpet = NULL;
		return false;
	}
	hpet_second = (u32)(FEMTO_PER_SECOND / period);
	timer = hpet_read(HPET_TIMER0) & ~(TIMER_LEVEL | TIMER_PERIODIC);
	hpet_write(HPET_CONFIG, hpet_read(HPET_CONFIG) | CONFIG_RUN | CONFIG_LEGACY);
	hpet_write(HPET_TIMER0, timer | TIMER_32BIT | TIMER_INTERRUPT);
	hpet_arm();
	return true;
}

/* From 65536, as slow as it can. False: its status does not say what was asked for, there is none. */
static bool pit_start(void)
{
	outb(PIT_COMMAND, PIT_RATE);
	outb(PIT_CHANNEL0, 0);
	outb(PIT_CHANNEL0, 0);
	outb(PIT_COMMAND, PIT_READ_STATUS);
	return (inb(PIT_CHANNEL0) & PIT_RATE_BITS) == PIT_RATE;
}

/* QEMU's comparator of 32 bits also interrupts when the counter wraps before it gets there: that one is let pass. */
static bool hpet_came(bool *look)
{
	u32 now = hpet_read(HPET_COUNTER);
	bool wrapped = !wrap_seen && now < armed && armed < hpet_second;

	*look = (s32)(now - armed) >= 0;
	if (*look)
		hpet_arm();
	else if (wrapped)
		wrap_seen = true;
	return *look || wrapped;
}

/* Was this NMI the timer's? Then it is armed again. *look: a second has gone by. */
static bool timer_came(bool *look)
{
	if (hpet)
		return hpet_came(look);
	*look = ++pit_ticks % PIT_TICKS_PER_LOOK == 0;
	return true;
}

void watchdog_start(unsigned seconds)
{
	u32 gsi = acpi.isa[0].overridden ? acpi.isa[0].gsi : 2; /* by default, ACPI 6.4 5.2.12.5 knows, on input 2 */

	if (!seconds || ioapic_route_nmi(gsi, cpus[0].apic_id))
		return;
	if (!hpet_start() && !pit_start()) {
		log_info("watchdog: off, this machine has neither HPET nor PIT");
		return;
	}
	limit = seconds;
	ioapic_unmask(gsi);
	log_info("watchdog: %u s, %s through GSI %u as NMI", seconds, hpet ? "hpet" : "pit", gsi);
}

/* ---------------------------------------------------------------- the look */

static const char *context_of(const struct cpu *c)
{
	if (c->irq_depth)
		return "interrupt";
	return c->fibers.current ? c->fibers.current->name : "loop";
}

static _Noreturn void report_stuck(const struct cpu *c, const struct trap_frame *f, const char *how)
{
	panic_report(EXIT_STUCK, f, "CPU %u is stuck in %s, interrupts %s, for %u s%s", c->id, context_of(c),
		     f && !(f->rflags & RFLAGS_IF) ? "off" : "on", watched[c->id].looks, how);
}

static bool is_alive(unsigned i, const struct cpu *c)
{
	u64 turns = READ_ONCE(c->turns);
	bool waits_to_serve = i && !READ_ONCE(c->net), idle = READ_ONCE(c->halted_since_ns) && !READ_ONCE(c->irq_depth);
	bool alive = turns != watched[i].turns || waits_to_serve || idle;

	watched[i].turns = turns;
	return alive;
}

void cpu_alive(void) { WRITE_ONCE(watched[this_cpu()->id].looks, 0); }

static void look_after(unsigned i, const struct trap_frame *f)
{
	const struct cpu *c = &cpus[i];

	if (is_alive(i, c)) {
		watched[i].looks = 0;
		return;
	}
	if (++watched[i].looks < limit)
		return;
	if (c == this_cpu())
		report_stuck(c, f, "");
	if (watched[i].stuck)
		report_stuck(c, NULL, " and takes no NMI");
	WRITE_ONCE(watched[i].stuck, true);
	apic_send_nmi(c->apic_id);
}

bool watchdog_nmi(const struct trap_frame *f)
{
	const struct cpu *self = this_cpu();
	bool look = false, mine;
	unsigned i;

	if (!limit)
		return false;
	if (READ_ONCE(watched[self->id].stuck))
		report_stuck(self, f, "");
	if (self->id)
		return false;
	mine = timer_came(&look);
	for (i = 0; look && i < nr_cpus; i++)
		if (cpus[i].online)
			look_after(i, f);
	return mine;
}
