/* SPDX-License-Identifier: MIT
 * start.S - the first instructions, for all doors.
 *
 * PVH and multiboot2 enter in 32-bit protected mode without paging, with ebx pointing to their
 * tables; the EFI loader enters in long mode with rdi pointing to its struct efi_handover. All of
 * them load the static page tables below and meet in boot_start, at the high address, which is the
 * root of every boot-time back trace.
 */
	.cfi_sections .debug_frame
#include "doors.h"

#define KERNEL_BASE 0xffffffff80000000
#define PHYS(sym)   ((sym) - KERNEL_BASE)

#define CODE_SEL 0x08
#define DATA_SEL 0x10

#define CR0_BITS 0x80010021 /* PG, WP, NE, PE */
#define CR4_PAE  0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 8 /* bit number */
#define COM1     0x3f8

	.section .multiboot2, "a"
/* Multiboot2 3.1: magic, architecture 0 (i386 protected mode), length, checksum; then tags of
 * 8-byte alignment. */
	.balign 8
mb2_header:
	.long MB2_HEADER_MAGIC, 0, mb2_header_end - mb2_header
	.long -(MB2_HEADER_MAGIC + (mb2_header_end - mb2_header))
	/* Entry address (3): ELF's own entry is the EFI loader's. */
	.short 3, 0
	.long 12, PHYS(boot_entry_mb2), 0
	/* Framebuffer (5), optional: any size, 32 bits per pixel. */
	.short 5, 1
	.long 20, 0, 0, 32, 0
	/* Modules (6) on page boundaries. */
	.short 6, 0
	.long 8
	.short 0, 0
	.long 8
mb2_header_end:

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz "Xen"
	.quad PHYS(boot_entry_pvh)

	.section .text.boot, "ax"
	.code32
	.globl boot_entry_pvh, boot_entry_mb2
	.type boot_entry_pvh, @function
	.type boot_entry_mb2, @function
boot_entry_pvh:
	movl $DOOR_MAGIC_PVH, %eax
boot_entry_mb2:
	cli
	cld
	movl $PHYS(boot_stack_top), %esp
	movl %eax, %edi
	movl %ebx, %esi
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc no_long_mode

	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	btsl $EFER_LME, %eax
	wrmsr
	movl $CR0_BITS, %eax
	movl %eax, %cr0
	lgdt PHYS(boot_gdt_desc)
	ljmp $CODE_SEL, $PHYS(boot_long_mode)
	.size boot_entry_pvh, . - boot_entry_pvh
	.size boot_entry_mb2, . - boot_entry_mb2

/* A 32-bit CPU: say so on the first serial port, which is all there is yet. */
no_long_mode:
	movl $PHYS(no_long_mode_text), %esi
1:	movl $(COM1 + 5), %edx
2:	inb %dx, %al
	testb $0x20, %al
	jz 2b
	lodsb
	testb %al, %al
	jz 3f
	movl $COM1, %edx
	outb %al, %dx
	jmp 1b
3:	hlt
	jmp 3b

	.code64
boot_long_mode:
	movl %edi, %edi
	movl %esi, %esi
	jmp boot_high

/* EFI: the CPU is in long mode already, in the firmware's identity map. */
	.globl boot_entry64
	.type boot_entry64, @function
boot_entry64:
	cli
	cld
	movq %rdi, %rsi
	movl $DOOR_MAGIC_EFI, %edi
	movl $CR4_PAE, %eax
	movq %rax, %cr4
	movl $PHYS(boot_pml4), %eax
	movq %rax, %cr3
	movl $CR0_BITS, %eax
	movq %rax, %cr0
	lgdt boot_gdt_desc(%rip)
	movl $PHYS(boot_stack_top), %esp
	pushq $CODE_SEL
	leaq boot_high(%rip), %rax
	pushq %rax
	lretq
	.size boot_entry64, . - boot_entry64

/* Still at the low address: edi is the door's magic, rsi its table. */
boot_high:
	movl $DATA_SEL, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	lgdt boot_gdt_desc_high(%rip)
	movq $boot_start, %rax
	jmp *%rax

	.globl boot_start
	.type boot_start, @function
boot_start:
	.cfi_startproc
	.cfi_undefined rip
	movq $boot_stack_top, %rsp
	xorl %ebp, %ebp
	call boot_gather
	movq %rax, %rdi
	call kmain
1:	hlt
	jmp 1b
	.cfi_endproc
	.size boot_start, . - boot_start

	.section .rodata
no_long_mode_text:
	.asciz "barewire: this CPU has no 64-bit mode\r\n"

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* code, 64 bit, ring 0 */
	.quad 0x00cf93000000ffff /* data, ring 0 */
boot_gdt_end:
	.balign 8
boot_gdt_desc:
	.short boot_gdt_end - boot_gdt - 1
	.quad PHYS(boot_gdt)
	.balign 8
boot_gdt_desc_high:
	.short boot_gdt_end - boot_gdt - 1
	.quad boot_gdt

/* The boot page tables need no code to fill them. Pages of 2 MiB, present and writable: the first
 * 4 GiB at 0 (for these first instructions) and at DIRECT_MAP_BASE, their first GiB at KERNEL_BASE. */
#define TABLE 0x3  /* present, writable */
#define LARGE 0x83 /* and a 2 MiB page */
	.section .data.boot, "aw"
	.balign 4096
	.globl boot_pml4
boot_pml4:
	.quad PHYS(boot_pdpt) + TABLE
	.fill 255, 8, 0
	.quad PHYS(boot_pdpt) + TABLE /* DIRECT_MAP_BASE */
	.fill 254, 8, 0
	.quad PHYS(boot_pdpt_kernel) + TABLE
boot_pdpt:
	.quad PHYS(boot_pd) + TABLE
	.quad PHYS(boot_pd) + 0x1000 + TABLE
	.quad PHYS(boot_pd) + 0x2000 + TABLE
	.quad PHYS(boot_pd) + 0x3000 + TABLE
	.fill 508, 8, 0
boot_pdpt_kernel:
	.fill 510, 8, 0
	.quad PHYS(boot_pd) + TABLE
	.quad 0
boot_pd:
	.set page, 0
	.rept 2048
	.quad page * 0x200000 + LARGE
	.set page, page + 1
	.endr

/* One page below the stack is left for paging.c to unmap. */
	.section .bss
	.balign 4096
	.globl boot_stack_guard, boot_stack_bottom, boot_stack_top
boot_stack_guard:
	.skip 4096
boot_stack_bottom:
	.skip BOOT_STACK
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
