/* SPDX-License-Identifier: MIT
 * panic.h - the end, with a report. panic() and bug_at() are declared in platform.h.
 */
#pragma once

#include "core/backtrace.h"
#include "core/exit_codes.h"
#include "platform.h"

#define PANIC_TEXT         (24 * 1024) /* bytes of a report kept in memory */
#define PANIC_SECTIONS_MAX 16

/* What another room adds to a report: it reads its state, however broken, and says lines. The CPU has interrupts off and
 * is alone. kernel/report.c has the table; a row without a title ends it. */
struct panic_section {
	const char *title;
	void (*show)(say_fn say);
};
extern const struct panic_section panic_sections[PANIC_SECTIONS_MAX + 1];

/* What is said right after the first line of the report that follows. */
void panic_explain(void (*show)(say_fn say));

/* panic=VALUE: "exit" (through isa-debug-exit, and halt where there is none), "halt" or "reboot". False: none of them. */
bool panic_set_action(const char *value);
/* Names the door and the image in reports. */
void panic_set_door(const char *door);
/* Reports and ends with `code`. f: the exception's registers, NULL for the caller's own place. */
_Noreturn void panic_report(enum exit_code code, const struct trap_frame *f, const char *fmt, ...)
	__printf_(3, 4);
/* From an NMI: is another CPU reporting? Then this one notes where it was and stops for ever. True: this CPU reports, and shall go on
 * whoever sent the NMI: the watchdog's come once a second, and a console may be slow. */
bool panic_nmi(const struct trap_frame *f);

extern u64 __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
