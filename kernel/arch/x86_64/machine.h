/* SPDX-License-Identifier: MIT
 * machine.h - how the machine ends.
 */
#pragma once

#include "core/exit_codes.h"

/* Writes to QEMU's isa-debug-exit port; returns where there is none. */
void debug_exit(enum exit_code code);
/* This CPU does nothing any more. */
_Noreturn void cpu_stop(void);
