/* SPDX-License-Identifier: MIT
 * backtrace.h - who called whom, by frame pointers, through interrupted code, down to a marked root.
 */
#pragma once

#include "lib/types.h"

struct trap_frame;

/* Takes text for a report, like printf. */
typedef void (*say_fn)(const char *fmt, ...) __printf_(1, 2);

/* Prints the places from f's registers outwards, one a line; f NULL: from the caller. Reads only what is mapped. */
void backtrace_print(const struct trap_frame *f, say_fn say);
/* One place, as "  address  name+offset". is_return: a return address, which may be the next function's first byte. */
void backtrace_place(u64 pc, bool is_return, say_fn say);
/* From a hard interrupt: the low halves of the places that the innermost interrupted code was at, innermost first. How many. */
unsigned backtrace_interrupted(u32 *pcs, unsigned n);
/* The low halves of the return addresses from the caller of the caller outwards, at most n; the rest becomes 0. */
void backtrace_save(u32 *pcs, unsigned n);
