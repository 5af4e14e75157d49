/* SPDX-License-Identifier: MIT
 * tsc.c - how fast do the TSC and the LAPIC timer tick?
 *
 * CPUID says it on recent machines and under KVM (leaves 0x15 and 0x40000010). Else both are measured at once against
 * the first clock of known rate that runs: HPET (IA-PC HPET 1.0a), ACPI PM timer (ACPI 6.4 4.8.3.3), in QEMU the LAPIC timer
 * itself, PIT (8254).
 * A reading is taken between two TSC readings, several times, and the tightest counts: 50 ppm in 2 ms.
 */
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "lib/string.h"
#include "platform.h"

#define SAMPLES        6
#define STUCK_CYCLES   (1ull << 31) /* a reference that does not move for so long does not run */
#define PM_TIMER_HZ    3579545
#define PIT_HZ         1193182
#define EMULATED_BUS_HZ 1000000000 /* of the LAPIC timer, before its divider */
#define FEMTOSECONDS   1000000000000000ull
#define FALLBACK_HZ    1000000000ull

#define HPET_CAPABILITIES 0x00 /* bits 32-63: femtoseconds per tick */
#define HPET_CONFIG       0x10 /* bit 0: counter runs */
#define HPET_COUNTER      0xf0
#define HPET_MAX_PERIOD   100000000u

#define PIT_CHANNEL2   0x42
#define PIT_COMMAND    0x43
#define PIT_GATE       0x61 /* bit 0: gate of channel 2, bit 1: speaker */

struct reference {
	const char *name;
	u64 (*start)(void); /* ticks per second, 0: it is not there */
	u64 (*read)(void);
	u64 mask;
	unsigned measure_us;
};

static volatile char *hpet;
static u64 tsc_hz;

static u64 hpet_start(void)
{
	u32 period;

	if (!acpi.hpet_base)
		return 0;
	hpet = mmio_map(acpi.hpet_base, 0x400);
	if (!hpet)
		return 0;
	period = mmio_read32(hpet + HPET_CAPABILITIES + 4);
	if (!period || period > HPET_MAX_PERIOD)
		return 0;
	mmio_write32(hpet + HPET_CONFIG, mmio_read32(hpet + HPET_CONFIG) | 1);
	return FEMTOSECONDS / period;
}

static u64 hpet_read(void) { return mmio_read32(hpet + HPET_COUNTER); }

static u64 pm_start(void) { return acpi.pm_timer ? PM_TIMER_HZ : 0; }
static u64 pm_read(void) { return inl(acpi.pm_timer); }

/* Emulators and KVM give the LAPIC timer a bus of 1 GHz: where nothing else runs, it is the reference itself. */
static u64 lapic_start(void)
{
	struct cpuid_regs h = cpuid(0x40000000, 0);

	if (!cpu_has(CPU_HYPERVISOR) || (memcmp(&h.ebx, "KVMK", 4) && memcmp(&h.ebx, "TCGT", 4)))
		return 0;
	return EMULATED_BUS_HZ / APIC_TIMER_DIVIDE;
}

static u64 lapic_read(void) { return UINT32_MAX - apic_timer_read(); }

/* Channel 2, mode 0: counts down once from 65535, 55 ms. Its gate is opened without sounding the speaker. */
static u64 pit_start(void)
{
	outb(PIT_GATE, (inb(PIT_GATE) & ~2) | 1);
	outb(PIT_COMMAND, 0xb0);
	outb(PIT_CHANNEL2, 0xff);
	outb(PIT_CHANNEL2, 0xff);
	return PIT_HZ;
}

static u64 pit_read(void)
{
	u8 low;

	outb(PIT_COMMAND, 0x80); /* latch */
	low = inb(PIT_CHANNEL2);
	return 0xffff - (low | inb(PIT_CHANNEL2) << 8);
}

static const struct reference references[] = {
	{ "hpet", hpet_start, hpet_read, UINT32_MAX, 2000 },
	{ "acpi_pm", pm_start, pm_read, 0xffffff, 4000 },
	{ "lapic", lapic_start, lapic_read, UINT32_MAX, 2000 },
	{ "pit", pit_start, pit_read, 0xffff, 5000 },
};

struct sample {
	u64 tsc, ref;
	u32 apic; /* counts down */
};

static struct sample take_sample(const struct reference *r)
{
	struct sample s = { 0 };
	u64 best = UINT64_MAX;
	unsigned i;

	for (i = 0; i < SAMPLES; i++) {
		u64 before = rdtsc();
		u64 ref = r->read();
		u32 apic = apic_timer_read();
		u64 after = rdtsc();

		if (after - before < best) {
			best = after - before;
			s = (struct sample){ before + best / 2, ref, apic };
		}
	}
	return s;
}

/* False when the reference is absent or stands still. */
static bool measure(const struct reference *r, struct tsc_rates *out)
{
	u64 hz = r->start(), want, ticks, started;
	struct sample a, b;

	if (!hz)
		return false;
	want = hz * r->measure_us / USEC_PER_SEC;
	apic_timer_write(UINT32_MAX);
	a = take_sample(r);
	started = rdtsc();
	while (((r->read() - a.ref) & r->mask) < want) {
		if (rdtsc() - started > STUCK_CYCLES)
			return false;
		cpu_relax();
	}
	b = take_sample(r);
	apic_timer_write(0);
	ticks = (b.ref - a.ref) & r->mask;
	out->tsc_hz = (b.tsc - a.tsc) * hz / ticks;
	out->apic_hz = (u64)(a.apic - b.apic) * hz / ticks;
	out->from = r->name;
	return out->tsc_hz != 0;
}

/* Leaf 0x15: crystal clock and its ratio (Intel SDM 3B 19.7.3); 0x40000010: kHz, as KVM and VMware tell it. */
static u64 tsc_hz_of_cpuid(void)
{
	struct cpuid_regs r = cpuid(0x15, 0), h = cpuid(0x40000000, 0);

	if (r.eax && r.ebx && r.ecx)
		return (u64)r.ecx * r.ebx / r.eax;
	if (!cpu_has(CPU_HYPERVISOR) || (memcmp(&h.ebx, "KVMK", 4) && memcmp(&h.ebx, "VMwa", 4)))
		return 0;
	return (u64)cpuid(0x40000010, 0).eax * 1000;
}

struct tsc_rates tsc_calibrate(void)
{
	struct tsc_rates r = { .tsc_hz = tsc_hz_of_cpuid(), .from = "cpuid" };
	u64 told = r.tsc_hz;
	unsigned i;

	if (told && cpu_has(CPU_TSC_DEADLINE)) {
		tsc_hz = told;
		return r;
	}
	for (i = 0; i < ARRAY_SIZE(references); i++)
		if (measure(&references[i], &r))
			break;
	if (i == ARRAY_SIZE(references)) {
		log_err("clock: no HPET, PM timer or PIT runs; taking TSC and LAPIC timer for 1 GHz");
		r = (struct tsc_rates){ FALLBACK_HZ, FALLBACK_HZ / APIC_TIMER_DIVIDE, "nothing" };
	}
	if (told)
		r.tsc_hz = told;
	tsc_hz = r.tsc_hz;
	return r;
}

void tsc_delay_us(unsigned us)
{
	u64 until = rdtsc() + tsc_hz * us / USEC_PER_SEC;

	while (rdtsc() < until)
		cpu_relax();
}
