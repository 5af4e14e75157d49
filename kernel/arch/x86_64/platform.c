/* SPDX-License-Identifier: MIT
 * platform.c - power-off, reset, and QEMU's exit port.
 */
#include "platform.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/crash.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/tsc.h"
#include "core/irq.h"

#define DEBUG_EXIT_PORT 0xf4 /* -device isa-debug-exit,iobase=0xf4,iosize=0x04 */

#define PM1_PWRBTN      (1u << 8) /* in the status and in the enable register */
#define PM1_SCI_EN      (1u << 0)
#define PM1_SLP_TYP     10 /* shift */
#define PM1_SLP_EN      (1u << 13)
#define ACPI_ENABLE_US  3000000

#define GAS_IO          1 /* generic address: I/O port */
#define RESET_PORT      0xcf9 /* PIIX and ICH: bit 1 = full reset, bit 2 starts it */
#define KBD_PORT        0x64
#define KBD_PULSE_RESET 0xfe


void debug_exit(enum exit_code code) { outl(DEBUG_EXIT_PORT, code); }

_Noreturn void cpu_stop(void)
{
	for (;;) {
		irq_disable();
		cpu_halt();
	}
}

/* PC firmware may have left the chipset in legacy mode: ask it over (ACPI 6.4 4.8.2.5). */
static void acpi_take_over(void)
{
	unsigned waited;

	if (inw(acpi.pm1a_cnt) & PM1_SCI_EN || !acpi.smi_cmd || !acpi.acpi_enable)
		return;
	outb(acpi.smi_cmd, acpi.acpi_enable);
	for (waited = 0; !(inw(acpi.pm1a_cnt) & PM1_SCI_EN) && waited < ACPI_ENABLE_US; waited += 100)
		tsc_delay_us(100);
}

/* The interrupt of the event block stays masked: a look at its status now and then is enough for a finger. The status is
 * only set while the event is enabled. */
bool platform_power_button(void)
{
	u16 enable = acpi.pm1a_evt + acpi.pm1_evt_len / 2;

	if (!acpi.pm1a_evt)
		return false;
	if (unlikely(!(inw(enable) & PM1_PWRBTN))) {
		acpi_take_over();
		outw(acpi.pm1a_evt, PM1_PWRBTN);
		outw(enable, (u16)(inw(enable) | PM1_PWRBTN));
		return false;
	}
	if (!(inw(acpi.pm1a_evt) & PM1_PWRBTN))
		return false;
	outw(acpi.pm1a_evt, PM1_PWRBTN); /* writing a one clears it */
	return true;
}

void platform_poweroff(void)
{
	debug_exit(EXIT_CLEAN);
	if (!acpi.has_s5 || !acpi.pm1a_cnt) {
		log_err("power-off: ACPI names no way");
		return;
	}
	irq_disable();
	acpi_take_over();
	outw(acpi.pm1a_cnt, (u16)(acpi.s5_typ_a << PM1_SLP_TYP | PM1_SLP_EN));
	if (acpi.pm1b_cnt)
		outw(acpi.pm1b_cnt, (u16)(acpi.s5_typ_b << PM1_SLP_TYP | PM1_SLP_EN));
	tsc_delay_us(1000000);
	irq_enable();
	log_err("power-off: the machine did not go off");
}

void platform_reboot(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __packed no_idt;

	irq_disable();
	if (acpi.reset_address && acpi.reset_space == GAS_IO) {
		outb((u16)acpi.reset_address, acpi.reset_value);
		tsc_delay_us(1000);
	}
	outb(RESET_PORT, 0x02);
	outb(RESET_PORT, 0x06);
	tsc_delay_us(1000);
	outb(KBD_PORT, KBD_PULSE_RESET);
	tsc_delay_us(1000);
	/* What no CPU survives: an exception without a table. */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
}

bool platform_irq(unsigned i, struct platform_irq *out)
{
	const struct irq_stat *s = irq_stat_get(i);

	if (s)
		*out = (struct platform_irq){ s->name, s->vector, s->count, s->unhandled };
	return s;
}

u64 platform_idle_ns(unsigned cpu)
{
	const struct cpu *c = &cpus[cpu];
	u64 since = READ_ONCE(c->halted_since_ns), now = clock_ns();

	return READ_ONCE(c->idle_ns) + (since && now > since ? now - since : 0);
}

bool platform_has_vectors(void) { return cpu_has(CPU_AVX2); }
bool platform_has_aes(void) { return cpu_has(CPU_AVX2) && cpu_has(CPU_AES); }
bool platform_crash(const char *kind) { return crash_here(kind); }
const char *platform_crash_kind(unsigned i) { return crash_kind(i); }
