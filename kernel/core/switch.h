/* SPDX-License-Identifier: MIT
 * switch.h - one stack to another: the few instructions below fibers (arch/x86_64/switch.S; host and kernel alike).
 *
 * A stack at rest holds, from its saved stack pointer upwards: r15 r14 r13 r12 rbx rbp and the return address.
 */
#pragma once

#include "lib/types.h"

struct switch_frame {
	u64 r15, r14, r13, r12, rbx, rbp;
	void (*ret)(void);
};

/* Saves this stack's place in *save_sp and goes on where load_sp was saved. */
void context_switch(void **save_sp, void *load_sp);
/* The first return address of a new stack: calls r12 with r13 as its argument, which never returns. Back traces end here. */
void context_entry(void);
