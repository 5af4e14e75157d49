/* SPDX-License-Identifier: MIT
 * asm_offsets.h - numbers that assembler and C must agree on; cpu.h and idt.h assert the struct offsets.
 */
#pragma once

#define GDT_CODE 0x08
#define GDT_DATA 0x10
#define GDT_TSS  0x18

/* struct cpu, through gs */
#define CPU_SELF      0
#define CPU_IRQ_STACK 8
#define CPU_IRQ_DEPTH 16

#define STUB_SIZE 16 /* bytes of code per vector in entry.S */

#define VECTOR_NMI 2
/* First vector of interrupts; below it are the CPU's exceptions. */
#define VECTOR_FIRST_IRQ 32
