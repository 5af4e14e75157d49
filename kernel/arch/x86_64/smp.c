/* SPDX-License-Identifier: MIT
 * smp.c - INIT, SIPI, and the first steps of every CPU but the first (Intel SDM 3A 8.4).
 *
 * One CPU is started at a time, since they share the trampoline page. One that does not come in time ends the round: it
 * could still wake up and take the next one's stack.
 */
#include "arch/x86_64/smp.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/tsc.h"
#include "core/clock.h"
#include "lib/string.h"
#include "platform.h"

#define BASE_STACK     (16 * 1024) /* bytes: the per-CPU loop, as boot/start.S gives the first CPU */
#define START_WAIT_US  10000000    /* as long as Linux waits: a hypervisor with much else to do lets a new CPU wait, too */
#define INIT_WAIT_US   10          /* the SDM's 10 ms was for CPUs of 1996 */
#define SIPI_WAIT_US   200

struct trampoline_args {
	u32 cr3, efer, far_offset;
	u16 far_selector, pad;
	u64 stack, cpu, entry;
};

extern const char trampoline_start[], trampoline_end[], trampoline_long[];
extern const char trampoline_args[], trampoline_gdt[], trampoline_gdt_base[], ap_entry[];

#define TRAMPOLINE_AT(page, sym) ((page) + ((sym) - trampoline_start))
#define EFER_LME_NXE             0x900u

/* The highest usable page below 640 KiB, past what BIOSes keep at the bottom. 0: none. */
static u64 find_low_page(const struct boot_info *bi)
{
	u64 best = 0;
	unsigned i;

	for (i = 0; i < bi->nr_regions; i++) {
		const struct mem_region *r = &bi->regions[i];
		u64 end = MIN(r->base + r->len, 0xa0000ull);

		if (r->type != MEM_USABLE || r->base >= 0xa0000 || r->len < 2 * PAGE_SIZE)
			continue;
		end = ALIGN_DOWN(end, PAGE_SIZE) - PAGE_SIZE;
		if (end >= 0x1000 && end >= r->base)
			best = MAX(best, end);
	}
	return best;
}

static void trampoline_prepare(u64 phys)
{
	char *page = phys_to_virt(phys);
	struct trampoline_args *args = (void *)TRAMPOLINE_AT(page, trampoline_args);
	u32 gdt = (u32)(phys + (trampoline_gdt - trampoline_start));

	memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	memcpy(TRAMPOLINE_AT(page, trampoline_gdt_base), &gdt, sizeof(gdt));
	args->cr3 = (u32)paging_trampoline_root();
	args->efer = (u32)rdmsr(MSR_EFER) & EFER_LME_NXE;
	args->far_offset = (u32)(phys + (trampoline_long - trampoline_start));
	args->entry = (u64)ap_entry;
}

static bool cpu_comes_online(const struct cpu *c, unsigned us)
{
	u64 until = clock_ns() + us * NSEC_PER_USEC;

	while (!__atomic_load_n(&c->online, __ATOMIC_ACQUIRE)) {
		if (clock_ns() > until)
			return false;
		cpu_relax();
	}
	return true;
}

static bool cpu_start(struct cpu *c, u32 apic, u64 trampoline)
{
	struct trampoline_args *args = TRAMPOLINE_AT(phys_to_virt(trampoline), trampoline_args);
	char *stack = stack_alloc(BASE_STACK);
	u8 page = (u8)(trampoline >> PAGE_SHIFT);

	if (!stack || cpu_alloc_stacks(c)) {
		log_err("smp: no memory for the stacks of a CPU");
		return false;
	}
	c->apic_id = apic;
	c->id = nr_cpus;
	args->stack = (u64)stack + BASE_STACK;
	args->cpu = (u64)c;
	mb();
	apic_send_init(apic);
	tsc_delay_us(INIT_WAIT_US);
	apic_send_startup(apic, page);
	if (cpu_comes_online(c, SIPI_WAIT_US))
		return true;
	apic_send_startup(apic, page);
	return cpu_comes_online(c, START_WAIT_US);
}

void smp_init(const struct boot_info *bi)
{
	u64 trampoline = acpi.nr_cpus > 1 ? find_low_page(bi) : 0;
	unsigned i;

	cpus[0].online = true;
	if (acpi.nr_cpus < 2)
		return;
	if (!trampoline) {
		log_err("smp: no free page below 640 KiB for the trampoline: one CPU runs");
		return;
	}
	trampoline_prepare(trampoline);
	for (i = 0; i < acpi.nr_cpus; i++) {
		if (acpi.apic_ids[i] == cpus[0].apic_id)
			continue;
		if (!cpu_start(&cpus[nr_cpus], acpi.apic_ids[i], trampoline)) {
			log_err("smp: the CPU with APIC id %u did not start: the rest is left off",
				acpi.apic_ids[i]);
			break;
		}
		nr_cpus++;
	}
	log_info("smp: %u CPUs", nr_cpus);
}

_Noreturn void ap_main(struct cpu *c)
{
	cpu_init(c, c->id);
	paging_load();
	apic_enable();
	clock_cpu_init();
	__atomic_store_n(&c->online, true, __ATOMIC_RELEASE);
	cpu_main(c);
}

void cpu_kick(unsigned cpu)
{
	this_cpu()->kicks++;
	apic_send_ipi(cpus[cpu].apic_id, VEC_KICK);
}
