/* SPDX-License-Identifier: MIT
 * tiny.S - the smallest PVH guest, for the runner's tests: prints its command line, then obeys its
 * first letter.
 *
 * c: clean end. p: ends as a panic does. r: triple fault. Anything else: echoes the serial line.
 */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	movl $stack, %esp
	movl 24(%ebx), %esi /* hvm_start_info.cmdline_paddr */
	movl (%esi), %ebp
1:	lodsb
	testb %al, %al
	jz 2f
	call put
	jmp 1b
2:	movb $'\n', %al
	call put
	movl %ebp, %ebx
	movw $0xf4, %dx
	movl $0x10, %eax
	cmpb $'c', %bl
	je 3f
	movl $0x21, %eax
	cmpb $'p', %bl
	je 3f
	cmpb $'r', %bl
	jne 4f
	lidt nothing
	int3
3:	outl %eax, %dx
4:	movw $0x3fd, %dx
	inb %dx, %al
	testb $1, %al
	jz 4b
	movw $0x3f8, %dx
	inb %dx, %al
	call put
	jmp 4b

put:	movb %al, %ah
5:	movw $0x3fd, %dx
	inb %dx, %al
	testb $0x20, %al
	jz 5b
	movb %ah, %al
	movw $0x3f8, %dx
	outb %al, %dx
	ret

nothing:
	.short 0
	.long 0

	.bss
	.skip 4096
	.globl stack
stack:
	.section .note.GNU-stack, "", @progbits
