/* SPDX-License-Identifier: MIT
 * crash.h - deliberate faults, so that the tests can see what each report looks like.
 */
#pragma once

#include "lib/types.h"

/* A way to run a function in some context; crash.c has others. */
struct crash_context {
	const char *name;
	void (*run)(void (*fault)(void));
};

/* crash=KIND or crash=KIND@CONTEXT of the command line: does what the name says, at once or in that context. An unknown one is
 * logged. softirq: the stack's own. */
void crash(const char *words, const struct crash_context *softirq);
/* One fault by its name, here and now; false: there is no such kind. The names, NULL past the last. */
bool crash_here(const char *kind);
/* Called by the handler of an exception that a context of crash= stands for: the fault, once, when it was asked for there. */
void crash_in_exception(u64 vector);
const char *crash_kind(unsigned i);
