/* SPDX-License-Identifier: MIT
 * profile.h - a sampling profiler: once a millisecond each CPU notes who called whom where the timer interrupted it.
 *
 * Off, it is one branch in the timer's interrupt. Equal stacks are counted together; the table of a CPU is made when profiling
 * is first asked for and kept. What does not fit is counted as lost.
 */
#pragma once

#include "lib/types.h"

#define PROFILE_PERIOD_NS 1000000
#define PROFILE_STACKS    1024u /* different stacks of a CPU; a power of two, PLATFORM_PROFILE_STACKS */
#define PROFILE_DEPTH     28u   /* frames of a stack that are kept, the innermost */

extern bool profile_on;
/* Hard IRQ of the timer: takes a sample when one is due; returns when the next one is. */
u64 profile_tick(unsigned cpu, u64 now_ns, bool halted);
