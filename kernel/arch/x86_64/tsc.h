/* SPDX-License-Identifier: MIT
 * tsc.h - the time stamp counter and how fast it runs.
 */
#pragma once

#include "lib/types.h"

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

struct tsc_rates {
	u64 tsc_hz;       /* never 0 */
	u64 apic_hz;      /* of the LAPIC timer as apic.c divides it; 0: not measured (TSC deadline mode) */
	const char *from; /* what they were measured against */
};

/* Asks CPUID, else measures for 2 to 5 ms against HPET, ACPI PM timer, an emulated LAPIC timer or PIT. Needs ACPI and the LAPIC; once, at boot. */
struct tsc_rates tsc_calibrate(void);
/* Waits, for devices that ask for it (INIT-SIPI). Needs tsc_calibrate(). */
void tsc_delay_us(unsigned us);
