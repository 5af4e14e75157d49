/* SPDX-License-Identifier: MIT
 * trampoline.S - the loader's last instructions, run from a page that the kernel does not cover.
 *
 * rdi, rsi, rdx: move the image to, from, bytes; rcx: page tables; r8: the kernel's boot_entry64;
 * r9: its argument. Uses no stack: the firmware's may lie where the kernel goes.
 */
	.section .text
	.globl trampoline_start, trampoline_end
	.hidden trampoline_start, trampoline_end
trampoline_start:
	cli
	cld
	movq %rcx, %cr3
	movq %rdx, %rcx
	rep movsb
	movq %r9, %rdi
	jmp *%r8
trampoline_end:

	.section .note.GNU-stack, "", @progbits
