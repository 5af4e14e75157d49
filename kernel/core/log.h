/* SPDX-License-Identifier: MIT
 * log.h - the kernel log beyond log_printf(): levels and reading it back.
 *
 * A line in the ring is "<level>[ seconds.micros] text\n". Older lines are overwritten by newer ones.
 */
#pragma once

#include "platform.h"

#define LOG_LINE 256 /* bytes of a line, longer ones are cut */

/* Lines up to this level go to the serial console; all go to the ring. */
void log_set_level(enum log_level level);
/* Copies the line at *pos (a position in the stream of all text ever logged) and advances *pos behind it; a *pos that is
 * overwritten moves to the oldest line. Returns its length without the newline, 0 at the end. */
size_t log_read(u64 *pos, char line[LOG_LINE]);
/* The position `bytes` before the end, at the start of a line. */
u64 log_tail(size_t bytes);
/* The machine is dying and this CPU alone is left: what was logged but not printed is, whoever held the console. */
void log_flush_dying(void);
