/* SPDX-License-Identifier: MIT
 * switch.S - context_switch() and the root of every fiber's stack (core/switch.h). System V ABI, no privileged
 * instruction: the host build uses this file unchanged. The layout is struct switch_frame.
 */
	.cfi_sections .debug_frame
	.text

	.globl	context_switch
	.type	context_switch, @function
context_switch:
	.cfi_startproc
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	push	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	push	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	push	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r14, 0
	push	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r15, 0
	mov	%rsp, (%rdi)
	mov	%rsi, %rsp
	/* Another stack, the same layout: the unwind rules stay true. */
	pop	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore r15
	pop	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore r14
	pop	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore r13
	pop	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	ret
	.cfi_endproc
	.size	context_switch, . - context_switch

	/* Entered by `ret`, so the stack is 16-byte aligned here and the call below makes it as a function expects. */
	.globl	context_entry
	.type	context_entry, @function
context_entry:
	.cfi_startproc
	.cfi_undefined rip
	xor	%ebp, %ebp
	mov	%r13, %rdi
	call	*%r12
	ud2
	.cfi_endproc
	.size	context_entry, . - context_entry

	.section .note.GNU-stack, "", @progbits
