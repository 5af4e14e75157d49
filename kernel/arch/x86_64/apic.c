/* SPDX-License-Identifier: MIT
 * apic.c - local APIC, by memory (xAPIC) or by MSR (x2APIC) where the CPU has it.
 *
 * Registers keep their xAPIC offsets here; the MSR of one is 0x800 + offset / 16. Each CPU touches its own only.
 */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "platform.h"

#define APIC_ID            0x020
#define APIC_TPR           0x080
#define APIC_EOI           0x0b0
#define APIC_SPURIOUS      0x0f0
#define APIC_ICR_LOW       0x300
#define APIC_ICR_HIGH      0x310
#define APIC_LVT_TIMER     0x320
#define APIC_LVT_LINT0     0x350
#define APIC_LVT_LINT1     0x360
#define APIC_LVT_ERROR     0x370
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_COUNT   0x390
#define APIC_TIMER_CONFIG  0x3e0

#define SPURIOUS_ENABLE    (1u << 8)
#define LVT_MASKED         (1u << 16)
#define LVT_NMI            (4u << 8)
#define LVT_TSC_DEADLINE   (2u << 17)
#define ICR_NMI            (4u << 8)
#define ICR_INIT           (5u << 8)
#define ICR_STARTUP        (6u << 8)
#define ICR_PENDING        (1u << 12)
#define ICR_ASSERT         (1u << 14)
#define TIMER_BY_16        3

#define APIC_BASE_ENABLE   (1ul << 11)
#define APIC_BASE_X2APIC   (1ul << 10)
#define APIC_BASE_ADDRESS  0x000ffffffffff000ul

static volatile char *xapic; /* NULL: x2APIC */

static inline u32 apic_read(u32 reg)
{
	return xapic ? mmio_read32(xapic + reg) : (u32)rdmsr(MSR_X2APIC + (reg >> 4));
}

static inline void apic_write(u32 reg, u32 v)
{
	if (xapic)
		mmio_write32(xapic + reg, v);
	else
		wrmsr(MSR_X2APIC + (reg >> 4), v);
}

void apic_init(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;

	if (!cpu_has(CPU_X2APIC)) {
		xapic = mmio_map(base, PAGE_SIZE);
		if (!xapic)
			panic("the local APIC cannot be mapped");
	}
	apic_enable();
	log_info("apic: %s, id %u", xapic ? "xAPIC" : "x2APIC", apic_id());
}

void apic_enable(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base);
	if (!xapic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_LVT_ERROR, LVT_MASKED);
	apic_write(APIC_TIMER_CONFIG, TIMER_BY_16);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VEC_SPURIOUS);
}

u32 apic_id(void)
{
	u32 id = apic_read(APIC_ID);

	return xapic ? id >> 24 : id;
}

void apic_eoi(void) { apic_write(APIC_EOI, 0); }

/* The order matters on xAPIC only: writing the low half sends. Interrupts off: an IPI from hard IRQ would come between. */
static void apic_icr(u32 to, u32 low)
{
	u64 flags;

	if (!xapic) {
		barrier();
		mb(); /* x2APIC writes do not wait for earlier stores (Intel SDM 3A 10.12.3) */
		wrmsr(MSR_X2APIC + (APIC_ICR_LOW >> 4), (u64)to << 32 | low);
		return;
	}
	flags = irq_save();
	while (apic_read(APIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
	apic_write(APIC_ICR_HIGH, to << 24);
	apic_write(APIC_ICR_LOW, low);
	irq_restore(flags);
}

void apic_send_ipi(u32 to_apic_id, u8 vector) { apic_icr(to_apic_id, ICR_ASSERT | vector); }
void apic_send_nmi(u32 to_apic_id) { apic_icr(to_apic_id, ICR_ASSERT | ICR_NMI); }
void apic_send_init(u32 to_apic_id) { apic_icr(to_apic_id, ICR_ASSERT | ICR_INIT); }
void apic_send_startup(u32 to_apic_id, u8 page)
{
	apic_icr(to_apic_id, ICR_ASSERT | ICR_STARTUP | page);
}

u32 apic_timer_read(void) { return apic_read(APIC_TIMER_COUNT); }
void apic_timer_write(u32 count) { apic_write(APIC_TIMER_INITIAL, count); }

void apic_timer_enable(bool tsc_deadline)
{
	apic_write(APIC_LVT_TIMER, VEC_TIMER | (tsc_deadline ? LVT_TSC_DEADLINE : 0));
	if (tsc_deadline)
		mb(); /* the mode is set before the first deadline is written (Intel SDM 3A 10.5.4.1) */
}
