/* SPDX-License-Identifier: MIT
 * log.h - the kernel log beyond log_printf() and log_read(): levels and the end of the machine.
 *
 * A line in the ring is "<level>[ seconds.micros] text\n". Older lines are overwritten by newer ones.
 */
#pragma once

#include "platform.h"

/* Lines up to this level go to the serial console; all go to the ring. */
void log_set_level(enum log_level level);
/* The position `bytes` before the end, at the start of a line. */
u64 log_tail(size_t bytes);
/* The machine is dying and this CPU alone is left: what was logged but not printed is, whoever held the console. */
void log_flush_dying(void);

/* The serial line is the log's and the operator's console's. From hold to release, in a fiber, it is the console's alone: lines of
 * the log wait in the ring. `draw` at the release: a row stands there unfinished; a line of the log takes its place, and whoever
 * wrote that draws the row again behind it, in any context, while nobody else writes. NULL: the last row is finished. */
void log_hold_line(void);
void log_release_line(void (*draw)(void *arg), void *arg);
