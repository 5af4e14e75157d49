/* SPDX-License-Identifier: MIT
 * crash.c - crash=KIND@CONTEXT: the faults, and the contexts in which they can strike.
 */
#include "arch/x86_64/crash.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/io.h"
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
static void crash_fpu(void) { __asm__ volatile("xorps %xmm0, %xmm0"); }
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
static void crash_use_after_free(void)
{
	volatile char *p = kmalloc(64);

	kfree((void *)p);
	depth = (u64)p[8];
}
static void crash_out_of_bounds(void)
{
	volatile char *p = kmalloc(40);

	p[40] = 1;
	depth = (u64)p;
}
/* By a pointer, so that it is no index that the compiler knows the bound of. */
static __noinline u64 read_at(const volatile char *p) { return (u64)*p; }
static void crash_stack_out_of_bounds(void)
{
	volatile char small[16];

	small[0] = 0;
	depth = read_at(small + sizeof(small));
}
static void crash_global_out_of_bounds(void)
{
	static volatile char table[24];

	depth = read_at(table + sizeof(table));
}
static void crash_undefined(void)
{
	volatile int big = INT32_MAX;

	big += 1;
	depth = (u64)big;
}

static void crash_spin(void)
{
	irq_enable();
	for (;;)
		cpu_relax();
}
static void crash_spin_masked(void)
{
	irq_disable();
	for (;;)
		cpu_relax();
}
/* No table of exceptions: the first one shuts the CPU down, and the machine resets. */
static void crash_triple(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __packed none;

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static const struct {
	const char *name;
	void (*fault)(void);
} kinds[] = {
	{ "null", crash_null },
	{ "write-null", crash_write_null },
	{ "jump-null", crash_jump_null },
	{ "stack", crash_stack },
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
	{ "use-after-free", crash_use_after_free },	 /* this and the next four: with the sanitizer only */
	{ "out-of-bounds", crash_out_of_bounds },
	{ "stack-out-of-bounds", crash_stack_out_of_bounds },
	{ "global-out-of-bounds", crash_global_out_of_bounds },
	{ "undefined", crash_undefined },
	{ "spin", crash_spin },
	{ "spin-masked", crash_spin_masked },
	{ "triple", crash_triple },
	{ "poweroff", platform_poweroff },
	{ "reboot", platform_reboot },
};

/* ---------------------------------------------------------------- contexts */

static void (*pending_fault)(void);

static void run_here(void (*fault)(void)) { fault(); }

static void fiber_main(void *arg) { pending_fault(); }
static void run_in_fiber(void (*fault)(void))
{
	pending_fault = fault;
	fiber_spawn(&cpus[0].fibers, "crash", fiber_main, NULL);
}
/* Its loop does not run yet: it finds the fiber there. */
static void run_on_last_cpu(void (*fault)(void))
{
	pending_fault = fault;
	fiber_spawn(&cpus[nr_cpus - 1].fibers, "crash", fiber_main, NULL);
}

static bool irq_handler(void *arg)
{
	pending_fault();
	return true;
}
/* In a hard interrupt: the trace must go through it, from the IRQ stack to what was interrupted. */
static void run_in_irq(void (*fault)(void))
{
	pending_fault = fault;
	irq_add_handler(VEC_KICK, irq_handler, NULL);
	cpu_kick(this_cpu()->id);
	crash_spin();
}

/* On a stack of the interrupt stack table. An NMI to oneself comes at once; the double fault is a stack's end. */
static void (*exception_faults[VECTOR_FIRST_IRQ])(void);

void crash_in_exception(u64 vector)
{
	void (*fault)(void) = exception_faults[vector];

	exception_faults[vector] = NULL; /* the fault may come here again */
	if (fault)
		fault();
}
static void run_in_nmi(void (*fault)(void))
{
	exception_faults[VEC_NMI] = fault;
	apic_send_nmi(this_cpu()->apic_id);
	crash_spin();
}
static void run_in_double_fault(void (*fault)(void))
{
	exception_faults[VEC_DOUBLE_FAULT] = fault;
	crash_stack();
}

static const struct crash_context contexts[] = {
	{ "boot", run_here },
	{ "fiber", run_in_fiber },
	{ "irq", run_in_irq },
	{ "nmi", run_in_nmi },
	{ "double-fault", run_in_double_fault },
	{ "last-cpu", run_on_last_cpu },
};

static const struct crash_context *find_context(const char *name, const struct crash_context *softirq)
{
	unsigned i;

	if (!strcmp(name, softirq->name))
		return softirq;
	for (i = 0; i < ARRAY_SIZE(contexts); i++)
		if (!strcmp(name, contexts[i].name))
			return &contexts[i];
	return NULL;
}

void crash(const char *words, const struct crash_context *softirq)
{
	const char *at = strchr(words, '@');
	size_t len = at ? (size_t)(at - words) : strlen(words);
	const struct crash_context *context = find_context(at ? at + 1 : "boot", softirq);
	unsigned i;

	for (i = 0; context && i < ARRAY_SIZE(kinds); i++) {
		if (strncmp(words, kinds[i].name, len) || kinds[i].name[len])
			continue;
		context->run(kinds[i].fault);
		return;
	}
	log_warn("crash=%s: there is no such %s; the boot goes on", words, context ? "kind" : "context");
}

const char *crash_kind(unsigned i) { return i < ARRAY_SIZE(kinds) ? kinds[i].name : NULL; }

bool crash_here(const char *kind)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind, kinds[i].name)) {
			kinds[i].fault();
			return true;
		}
	return false;
}
