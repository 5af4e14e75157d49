/* SPDX-License-Identifier: MIT
 * crash.c - crash=KIND: deliberate faults, so that the tests can see what each report looks like.
 */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/paging.h"
#include "core/irq_impl.h"
#include "lib/string.h"
#include "platform.h"

/* Volatile, so that the compiler neither sees nor warns what these point to. */
static char *volatile null_pointer;
static volatile u64 depth;

static void crash_null(void) { depth = (u64)null_pointer[16]; }
static void crash_write_null(void) { null_pointer[16] = 1; }

static __noinline u64 crash_stack_deeper(u64 n)
{
	volatile char frame[512];

	frame[n % sizeof(frame)] = (char)n;
	depth = n;
	if (n == UINT64_MAX)
		return n;
	return crash_stack_deeper(n + 1) + (u64)frame[0];
}
static void crash_stack(void) { depth = crash_stack_deeper(0); }

/* The same on a fiber, when the loop runs it: the guard page below its stack. */
static void crash_fiber_main(void *arg) { depth = crash_stack_deeper(0); }
static void crash_fiber_stack(void) { fiber_spawn(&this_cpu()->fibers, "crash", crash_fiber_main, NULL); }

/* In a hard interrupt: the trace must go through it, from the IRQ stack to what was interrupted. */
static bool crash_irq_handler(void *arg)
{
	null_pointer[16] = 1;
	return true;
}
static void crash_irq(void)
{
	irq_add_handler(VEC_KICK, crash_irq_handler, NULL);
	cpu_kick(this_cpu()->id);
	irq_enable();
	for (;;)
		cpu_relax();
}

static void write_to(const void *p) { *(volatile u8 *)p = 0xcc; }
static void crash_text(void) { write_to((const void *)crash_null); }
static void crash_rodata(void)
{
	extern const char __rodata_start[];

	write_to(__rodata_start);
}
/* The direct map shows the same page: that way must be closed too. */
static void crash_alias(void) { write_to(phys_to_virt(virt_to_phys((const void *)crash_null))); }

static void crash_exec(void)
{
	static u8 code[] = { 0xc3 }; /* ret, in data */
	void (*volatile fn)(void) = (void (*)(void))code;

	fn();
	barrier(); /* a call, no jump: its return address names this function */
}
static void crash_jump_null(void)
{
	void (*volatile fn)(void) = NULL;

	fn();
	barrier();
}

static void crash_assert(void) { BUG_ON(depth == 0); }
static void crash_wild(void) { depth = *(volatile u64 *)0xffff900000001000; }
static void crash_protection(void) { depth = *(volatile u64 *)0x8000000000001000; }
static void crash_opcode(void) { __asm__ volatile("ud2"); }
static void crash_fpu(void) { __asm__ volatile("fldz"); }
static void crash_panic(void) { panic("asked for by crash=panic"); }
static void crash_double_free(void)
{
	void *p = kmalloc(64);

	kfree(p);
	kfree(p);
	barrier();
}
static __noinline void crash_canary_smash(volatile char *p)
{
	unsigned i;

	for (i = 0; i < 64; i++)
		p[i] = 'x';
}
static __noinline void crash_canary(void)
{
	char small[16];

	crash_canary_smash(small);
}
static void crash_spin(void)
{
	irq_enable();
	for (;;)
		cpu_relax();
}

static const struct {
	const char *name;
	void (*fn)(void);
} kinds[] = {
	{ "null", crash_null },
	{ "write-null", crash_write_null },
	{ "jump-null", crash_jump_null },
	{ "stack", crash_stack },
	{ "fiber-stack", crash_fiber_stack },
	{ "irq", crash_irq },
	{ "text", crash_text },
	{ "rodata", crash_rodata },
	{ "alias", crash_alias },
	{ "exec", crash_exec },
	{ "assert", crash_assert },
	{ "panic", crash_panic },
	{ "wild", crash_wild },
	{ "protection", crash_protection },
	{ "opcode", crash_opcode },
	{ "fpu", crash_fpu },
	{ "double-free", crash_double_free },
	{ "canary", crash_canary },
	{ "spin", crash_spin },
	{ "poweroff", platform_poweroff },
	{ "reboot", platform_reboot },
};

void crash(const char *kind)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kind, kinds[i].name))
			continue;
		kinds[i].fn();
		return;
	}
	log_warn("crash=%s: there is no such kind; the boot goes on", kind);
}
