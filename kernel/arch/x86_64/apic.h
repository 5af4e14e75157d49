/* SPDX-License-Identifier: MIT
 * apic.h - the local APIC of the calling CPU (Intel SDM 3A chapter 10): EOI, IPIs and the one-shot timer.
 */
#pragma once

#include "lib/types.h"

#define APIC_TIMER_DIVIDE 16 /* counts 2^32 * 16 bus cycles: more than a minute at 1 GHz */

/* Chooses xAPIC or x2APIC and maps it; boot CPU, once. */
void apic_init(void);
/* Enables the calling CPU's APIC; its timer is masked off. */
void apic_enable(void);
/* The calling CPU's id. */
u32 apic_id(void);
void apic_eoi(void);

void apic_send_ipi(u32 to_apic_id, u8 vector);
void apic_send_nmi(u32 to_apic_id);
/* INIT and start-up IPI (Intel SDM 3A 8.4.4): page is the physical page number below 1 MiB where it starts. */
void apic_send_init(u32 to_apic_id);
void apic_send_startup(u32 to_apic_id, u8 page);

/* The timer's count for calibration; it counts down and is masked until apic_timer_enable(). */
u32 apic_timer_read(void);
void apic_timer_write(u32 count);
/* Interrupts VEC_TIMER from now on, at a TSC value (deadline) or when a count has run down. */
void apic_timer_enable(bool tsc_deadline);
