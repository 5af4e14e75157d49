/* SPDX-License-Identifier: MIT
 * pic.c - 8259A pair: remapped to VEC_PIC so that a spurious one is not taken for an exception, then masked.
 */
#include "arch/x86_64/pic.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/io.h"

#define PIC1      0x20
#define PIC2      0xa0
#define ELCR      0x4d0 /* bit per input: 1 = level (PIIX and ICH datasheets) */
#define ICW1_INIT 0x11  /* edge, cascade, ICW4 follows */
#define ICW4_8086 0x01

static void pic_setup(u16 port, u8 vector, u8 cascade)
{
	outb(port, ICW1_INIT);
	outb(port + 1, vector);
	outb(port + 1, cascade);
	outb(port + 1, ICW4_8086);
	outb(port + 1, 0xff);
}

void pic_disable(void)
{
	pic_setup(PIC1, VEC_PIC, 1 << 2);
	pic_setup(PIC2, VEC_PIC + 8, 2);
}

bool pic_is_level(unsigned irq) { return inb(ELCR + irq / 8) >> irq % 8 & 1; }

void pic_set_level(unsigned irq)
{
	outb(ELCR + irq / 8, inb(ELCR + irq / 8) | 1u << irq % 8);
}
