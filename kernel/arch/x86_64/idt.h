/* SPDX-License-Identifier: MIT
 * idt.h - interrupt vectors, and the frame that entry.S leaves on the stack.
 *
 * Nesting: exceptions run where they strike (double fault, NMI and machine check on stacks of their own); of
 * them only an NMI returns. A hard IRQ
 * runs on its CPU's IRQ stack with interrupts off; softirq runs after it on the same stack with interrupts on, and a
 * hard IRQ that strikes then stays on that stack and starts no softirq. So the depth is never more than two hard IRQs.
 */
#pragma once

#include "arch/x86_64/cpu.h"

enum { /* exceptions by name: Intel SDM 3A 6.3.1 */
	VEC_DEBUG = 1,
	VEC_NMI = 2,
	VEC_BREAKPOINT = 3,
	VEC_INVALID_OPCODE = 6,
	VEC_DOUBLE_FAULT = 8,
	VEC_PROTECTION = 13,
	VEC_PAGE_FAULT = 14,
	VEC_MACHINE_CHECK = 18,

	VEC_PIC = 0x20,    /* 8259s, masked: only their spurious interrupts could come */
	VEC_DEVICE = 0x30, /* INTx and MSI-X: VEC_DEVICE .. VEC_TIMER - 1 (core/irq.c gives them out) */
	VEC_TIMER = 0xf0,
	VEC_KICK = 0xf1,
	VEC_SPURIOUS = 0xff, /* its low four bits must be ones on old APICs */
};

/* Below an exception or interrupt, from the lowest address. An IRQ leaves r15..rbx as they were: not saved. */
struct trap_frame {
	u64 r15, r14, r13, r12, rbx;
	u64 r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	u64 rbp, vector, error;
	u64 rip, cs, rflags, rsp, ss; /* pushed by the CPU */
};
static_assert(sizeof(struct trap_frame) == 22 * 8, "entry.S");

/* Fills the one IDT of all CPUs; idt_load() makes the calling CPU use it. */
void idt_init(void);
void idt_load(void);

/* Called by entry.S. */
_Noreturn void exception_entry(struct trap_frame *f);
void nmi_entry(struct trap_frame *f);
void irq_entry(u64 vector);

/* Code from entry_text_start to entry_text_end runs with rbp pointing at a trap_frame's rbp: back traces cross it so. */
extern const char entry_text_start[], entry_text_end[];
