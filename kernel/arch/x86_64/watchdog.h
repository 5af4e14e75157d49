/* SPDX-License-Identifier: MIT
 * watchdog.h - finds a CPU that is stuck, in whatever context and with whatever interrupts masked.
 */
#pragma once

#include "lib/types.h"

struct trap_frame;

/* From now on a CPU whose loop stands still for `seconds` ends the machine with a report of what it does (EXIT_STUCK). 0 or
 * a machine without HPET and PIT: none is looked for. Boot CPU, once, after clock_init(). */
void watchdog_start(unsigned seconds);
/* From every NMI: looks after all CPUs when it is time, reports when this one is stuck. False: the NMI was not the watchdog's. */
bool watchdog_nmi(const struct trap_frame *f);
