/* SPDX-License-Identifier: MIT
 * entry.S - where exceptions and interrupts come in: a stub per vector, then two common paths.
 *
 * Both leave a struct trap_frame (idt.h) and keep rbp pointing at its rbp slot, so that a walk by frame pointers, and
 * one by CFI, both go on in the interrupted code. There is no user mode: no swapgs, no stack to choose but the IRQ stack.
 */
	.cfi_sections .debug_frame
#include "arch/x86_64/asm_offsets.h"

/* CFA is the address above the CPU's frame: ss -8, rsp -16, rflags -24, cs -32, rip -40. */
	.macro CFI_CPU_FRAME extra
	.cfi_signal_frame
	.cfi_def_cfa rsp, 40 + \extra
	.cfi_offset rip, -40
	.cfi_offset rsp, -16
	.endm

	.macro SAVE reg, below_cfa
	push	%\reg
	.cfi_offset \reg, -\below_cfa
	.endm

	.macro LOAD reg
	pop	%\reg
	.cfi_restore \reg
	.endm

	.text
	.globl entry_text_start, entry_text_end, entry_stubs
	.balign 64
entry_text_start:

	.type entry_stubs, @function
entry_stubs:
	.cfi_startproc simple
	CFI_CPU_FRAME 0
	vector = 0
	.rept 256
	.balign STUB_SIZE
	.cfi_remember_state
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	.cfi_adjust_cfa_offset 8	/* the CPU pushed an error code */
	.else
	push	$0
	.cfi_adjust_cfa_offset 8
	.endif
	push	$vector
	.cfi_adjust_cfa_offset 8
	.if vector == VECTOR_NMI
	jmp	nmi_common
	.elseif vector < VECTOR_FIRST_IRQ
	jmp	exception_common
	.else
	jmp	irq_common
	.endif
	.cfi_restore_state
	vector = vector + 1
	.endr
	.cfi_endproc
	.size entry_stubs, . - entry_stubs

	/* From here on CFA = rbp + 64: rbp, vector and error, and the CPU's five words. */
	.macro SAVE_SCRATCH
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_offset rbp, -64
	mov	%rsp, %rbp
	.cfi_def_cfa_register rbp
	SAVE	rax, 72
	SAVE	rcx, 80
	SAVE	rdx, 88
	SAVE	rsi, 96
	SAVE	rdi, 104
	SAVE	r8, 112
	SAVE	r9, 120
	SAVE	r10, 128
	SAVE	r11, 136
	cld
	.endm

	.macro SAVE_OTHERS
	SAVE	rbx, 144
	SAVE	r12, 152
	SAVE	r13, 160
	SAVE	r14, 168
	SAVE	r15, 176
	.endm

	.macro LOAD_SCRATCH
	LOAD	r11
	LOAD	r10
	LOAD	r9
	LOAD	r8
	LOAD	rdi
	LOAD	rsi
	LOAD	rdx
	LOAD	rcx
	LOAD	rax
	pop	%rbp
	.cfi_restore rbp
	.cfi_def_cfa rsp, 56
	add	$16, %rsp
	.cfi_adjust_cfa_offset -16
	.endm

	.type exception_common, @function
	.balign 16
exception_common:
	.cfi_startproc simple
	CFI_CPU_FRAME 16
	SAVE_SCRATCH
	SAVE_OTHERS
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	exception_entry
	ud2				/* none returns: each ends the machine with a report */
	.cfi_endproc
	.size exception_common, . - exception_common

	/* On its stack of its own; it comes anywhere, but not again before iretq. */
	.type nmi_common, @function
	.balign 16
nmi_common:
	.cfi_startproc simple
	CFI_CPU_FRAME 16
	SAVE_SCRATCH
	SAVE_OTHERS
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	nmi_entry
	lea	-112(%rbp), %rsp
	LOAD	r15
	LOAD	r14
	LOAD	r13
	LOAD	r12
	LOAD	rbx
	LOAD_SCRATCH
	iretq
	.cfi_endproc
	.size nmi_common, . - nmi_common

	.type irq_common, @function
	.balign 64
irq_common:
	.cfi_startproc simple
	CFI_CPU_FRAME 16
	SAVE_SCRATCH
	mov	8(%rbp), %edi
	incl	%gs:CPU_IRQ_DEPTH
	cmpl	$1, %gs:CPU_IRQ_DEPTH
	jne	1f
	mov	%gs:CPU_IRQ_STACK, %rsp
1:	and	$-16, %rsp
	call	irq_entry
	decl	%gs:CPU_IRQ_DEPTH
	lea	-72(%rbp), %rsp
	LOAD_SCRATCH
	iretq
	.cfi_endproc
	.size irq_common, . - irq_common
entry_text_end:

	.section .note.GNU-stack, "", @progbits
