/* SPDX-License-Identifier: MIT
 * clock.h - monotonic time from the TSC, and each CPU's one-shot timer. clock_ns() is declared in platform.h.
 */
#pragma once

#include "arch/x86_64/cpu.h"

/* Finds out how fast time goes and reads the date. Before it clock_ns() is 0. Boot CPU, once. */
void clock_init(void);
/* Makes the calling CPU's timer ready. */
void clock_cpu_init(void);
/* The timer of CPU c (the calling one) fires at deadline_ns or before: an earlier deadline that is armed stays, so moving
 * a deadline back and forth costs nothing. TIME_NEVER does nothing. Interrupts off. */
void clock_arm(struct cpu *c, u64 deadline_ns);
