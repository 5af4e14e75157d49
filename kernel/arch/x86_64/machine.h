/* SPDX-License-Identifier: MIT
 * machine.h - how the machine ends, and deliberate faults for the tests.
 */
#pragma once

#include "core/exit_codes.h"

/* Writes to QEMU's isa-debug-exit port; returns where there is none. */
void debug_exit(enum exit_code code);
/* This CPU does nothing any more. */
_Noreturn void cpu_stop(void);
/* crash=KIND of the command line: does what the name says; an unknown one is logged. */
void crash(const char *kind);
