/* SPDX-License-Identifier: MIT
 * idt.c - the interrupt descriptor table and what an interrupt does once entry.S has saved the registers.
 *
 * One table for all CPUs; each vector has a stub of STUB_SIZE bytes in entry.S. Exceptions go to fault.c.
 */
#include "arch/x86_64/idt.h"
#include "arch/x86_64/apic.h"
#include "core/irq_impl.h"
#include "lib/string.h"

struct gate { /* Intel SDM 3A 6.14.1 */
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};
static_assert(sizeof(struct gate) == 16, "Intel SDM 3A 6.14.1");

#define GATE_INTERRUPT 0x8e /* present, ring 0, clears IF */

extern const char entry_stubs[];

static struct gate idt[256] __aligned_(16);

static u8 gate_ist(unsigned vector)
{
	switch (vector) {
	case VEC_DOUBLE_FAULT:
		return IST_DOUBLE_FAULT;
	case VEC_NMI:
		return IST_NMI;
	case VEC_MACHINE_CHECK:
		return IST_MACHINE_CHECK;
	default:
		return 0;
	}
}

void idt_init(void)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(idt); i++) {
		u64 stub = (u64)entry_stubs + i * STUB_SIZE;

		idt[i] = (struct gate){
			.offset_low = (u16)stub,
			.selector = GDT_CODE,
			.ist = gate_ist(i),
			.type = GATE_INTERRUPT,
			.offset_mid = (u16)(stub >> 16),
			.offset_high = (u32)(stub >> 32),
		};
	}
}

void idt_load(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed desc = { sizeof(idt) - 1, (u64)idt };

	__asm__ volatile("lidt %0" : : "m"(desc));
}

void irq_entry(u64 vector)
{
	struct cpu *c = this_cpu();

	if (unlikely(vector < VEC_DEVICE || vector == VEC_SPURIOUS)) {
		c->spurious++; /* no EOI: nothing is in service (Intel SDM 3A 10.9) */
		return;
	}
	irq_dispatch((unsigned)vector, c->id);
	apic_eoi();
	if (c->irq_depth == 1)
		cpu_hooks.irq_exit(c);
}
