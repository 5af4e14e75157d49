/* SPDX-License-Identifier: MIT
 * trampoline.S - a CPU's way from real mode to ap_main().
 *
 * smp.c copies trampoline_start..trampoline_end to a page below 1 MiB and fills the words at its end. The page's address
 * is in cs when the CPU wakes (Intel SDM 3A 8.4.3); real mode goes straight to long mode.
 */
	.cfi_sections .debug_frame
#include "arch/x86_64/asm_offsets.h"

#define CR4_PAE  0x20
#define MSR_EFER 0xc0000080
#define CR0_BITS 0x80010021 /* PG, WP, NE, PE */
#define AT(sym)  ((sym) - trampoline_start)

	.section .rodata
	.balign 16
	.globl trampoline_start, trampoline_end, trampoline_args
trampoline_start:
	.code16
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	AT(gdt_desc)
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	AT(arg_cr3), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	mov	AT(arg_efer), %eax
	xor	%edx, %edx
	wrmsr
	mov	$CR0_BITS, %eax
	mov	%eax, %cr0
	ljmpl	*AT(arg_far)

	.code64
	.globl trampoline_long
trampoline_long:
	mov	arg_stack(%rip), %rsp
	mov	arg_cpu(%rip), %rdi
	mov	arg_entry(%rip), %rax
	jmp	*%rax

	.balign 8
trampoline_gdt:
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
	.globl trampoline_gdt, trampoline_gdt_base
gdt_desc:
	.short gdt_desc - trampoline_gdt - 1
trampoline_gdt_base:
	.long 0

	/* struct trampoline_args in smp.c */
	.balign 8
trampoline_args:
arg_cr3:   .long 0
arg_efer:  .long 0
arg_far:   .long 0
	   .short GDT_CODE, 0
arg_stack: .quad 0
arg_cpu:   .quad 0
arg_entry: .quad 0
trampoline_end:

	.text
	.globl ap_entry
	.type ap_entry, @function
ap_entry:
	.cfi_startproc
	.cfi_undefined rip
	xor	%ebp, %ebp
	call	ap_main
	ud2
	.cfi_endproc
	.size ap_entry, . - ap_entry

	.section .note.GNU-stack, "", @progbits
