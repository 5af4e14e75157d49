/* SPDX-License-Identifier: MIT
 * panic.c - registers, symbolised back trace, the log's tail; then the end that panic= asks for.
 *
 * The first CPU to fail reports, the others are stopped by NMI and only say where they were. A fault inside the report
 * cuts it short but still ends with a code. Text goes to the serial line directly: the log may be what is broken.
 */
#include "core/panic.h"
#include "core/ksyms.h"
#include "core/log.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/uart.h"
#include "lib/printf.h"
#include "lib/string.h"

#define MAX_FRAMES     1000   /* of a back trace; equal ones in a row are printed once */
#define TAIL_BYTES     1024   /* of log repeated */
#define STOP_SPINS     200000 /* how long other CPUs get to say where they are */
#define NOBODY         UINT32_MAX

u64 __stack_chk_guard = 0x595e9fbd94fda766; /* until kmain() draws one */

static enum { ACTION_EXIT, ACTION_HALT, ACTION_REBOOT } action;
static const char *boot_door = "?";
static u32 owner = NOBODY;       /* CPU that reports */
static u64 stopped_at[MAX_CPUS]; /* rip of the others */

bool panic_set_action(const char *value)
{
	static const char *const names[] = { "exit", "halt", "reboot" };
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(value, names[i]))
			continue;
		action = i;
		return true;
	}
	return false;
}

void panic_set_door(const char *door) { boot_door = door; }

static __printf_(1, 2) void say(const char *fmt, ...)
{
	char line[LOG_LINE];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vscnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	uart_write(line, (size_t)len);
}

static _Noreturn void end(enum exit_code code)
{
	if (action == ACTION_REBOOT)
		platform_reboot();
	if (action == ACTION_EXIT)
		debug_exit(code);
	say("halted\n");
	cpu_stop();
}

/* ELF notes stand at the start of the read-only part: name size, description size, type, "GNU", the id. */
static void say_build_id(void)
{
	extern const char __rodata_start[];
	const u32 *note = (const u32 *)__rodata_start;
	unsigned i, n;

	for (n = 0; n < 4 && note[0] && note[0] <= 16 && note[1] <= 64; n++) {
		const u8 *name = (const u8 *)(note + 3), *id = name + ALIGN_UP(note[0], 4u);

		if (note[2] == 3 && !memcmp(name, "GNU", 4)) {
			for (i = 0; i < note[1]; i++)
				say("%02x", id[i]);
			return;
		}
		note = (const u32 *)(id + ALIGN_UP(note[1], 4u));
	}
	say("?");
}

static void say_registers(const struct trap_frame *f)
{
	char where[96];

	ksym_text(f->rip, where, sizeof(where));
	say("rip %016llx %s\n", (unsigned long long)f->rip, where);
	say("rsp %016llx  rbp %016llx  rflags %08llx  cs %llx ss %llx\n", (unsigned long long)f->rsp,
	    (unsigned long long)f->rbp, (unsigned long long)f->rflags, (unsigned long long)f->cs,
	    (unsigned long long)f->ss);
#define ROW(a, b, c, d)                                                                            \
	say(#a " %016llx  " #b " %016llx  " #c " %016llx  " #d " %016llx\n", (unsigned long long)f->a, \
	    (unsigned long long)f->b, (unsigned long long)f->c, (unsigned long long)f->d)
	ROW(rax, rbx, rcx, rdx);
	ROW(rsi, rdi, r8, r9);
	ROW(r10, r11, r12, r13);
	say("r14 %016llx  r15 %016llx  vector %llu error %llx  cr2 %016llx  cr3 %llx\n",
	    (unsigned long long)f->r14, (unsigned long long)f->r15, (unsigned long long)f->vector,
	    (unsigned long long)f->error, (unsigned long long)read_cr2(), (unsigned long long)read_cr3());
#undef ROW
}

/* A return address may be the first byte of the next function: look one byte back. Recursion is counted, not repeated. */
static void say_place(u64 pc, bool is_return)
{
	static u64 last = UINT64_MAX, repeated;
	char where[96];

	if (pc == last) {
		repeated++;
		return;
	}
	if (repeated)
		say("  ... %llu times more\n", (unsigned long long)repeated);
	last = pc;
	repeated = 0;
	ksym_text(pc - is_return, where, sizeof(where));
	say("  %016llx  %s\n", (unsigned long long)pc, where);
}

/* By frame pointers, through interrupted code, down to the root whose caller's rbp is 0. */
static void say_back_trace(u64 fp)
{
	unsigned n;

	for (n = 0; n < MAX_FRAMES; n++) {
		u64 *frame = (u64 *)fp, pc;

		if (!fp) {
			say("  (root)\n");
			return;
		}
		if (fp & 7 || !paging_readable(fp) || !paging_readable(fp + 8)) {
			say("  (frame pointer %016llx leads nowhere)\n", (unsigned long long)fp);
			return;
		}
		fp = frame[0];
		pc = frame[1];
		if (pc >= (u64)entry_text_start && pc < (u64)entry_text_end) {
			/* fp is the address of a trap frame's rbp. */
			const struct trap_frame *f = container_of((u64 *)fp, struct trap_frame, rbp);

			say("  -- vector %llu interrupted\n", (unsigned long long)f->vector);
			say_place(f->rip, false);
			fp = f->rbp;
			continue;
		}
		say_place(pc, true);
	}
	say("  ...\n");
}

/* Has the function at pc made its frame yet? Compilers put what needs none before "push %rbp; mov %rsp, %rbp". */
static bool frame_is_made(u64 pc)
{
	static const u8 prologue[] = { 0x55, 0x48, 0x89, 0xe5 };
	u64 at = ksym_start(pc);

	for (; at && at + sizeof(prologue) <= pc; at++)
		if (!memcmp((const void *)at, prologue, sizeof(prologue)))
			return true;
	return false;
}

static void say_trace_from(const struct trap_frame *f)
{
	say("back trace:\n");
	if (!f) {
		say_back_trace((u64)__builtin_frame_address(0));
		return;
	}
	say_place(f->rip, false);
	/* Without one, as after a call to nowhere, the return address is still on top of the stack. */
	if (!frame_is_made(f->rip) && paging_readable(f->rsp) && ksym_is_text(*(u64 *)f->rsp))
		say_place(*(u64 *)f->rsp, true);
	say_back_trace(f->rbp);
}

static void say_other_cpus(u32 self)
{
	char where[96];
	unsigned i;

	for (i = 0; i < nr_cpus; i++) {
		if (i == self || !cpus[i].online)
			continue;
		ksym_text(stopped_at[i], where, sizeof(where));
		say("CPU %u %s %s\n", i, stopped_at[i] ? "stopped at" : "did not stop", where);
	}
}

static void say_log_tail(void)
{
	u64 pos = log_tail(TAIL_BYTES);
	char line[LOG_LINE];

	say("end of the log:\n");
	while (log_read(&pos, line))
		say("  %s\n", line + 3);
}

/* One by one: an NMI to all would also wake CPUs that were never started. */
static void stop_others(u32 self)
{
	unsigned i, spins;

	for (i = 0; i < nr_cpus; i++)
		if (i != self && cpus[i].online)
			apic_send_nmi(cpus[i].apic_id);
	for (i = 0; i < nr_cpus; i++)
		for (spins = 0; i != self && !READ_ONCE(stopped_at[i]) && spins < STOP_SPINS; spins++)
			cpu_relax();
}

void panic_stop_here(const struct trap_frame *f)
{
	if (READ_ONCE(owner) == NOBODY)
		return;
	WRITE_ONCE(stopped_at[this_cpu()->id], f->rip);
	cpu_stop();
}

/* Becomes the one CPU that reports; a second failure of the same one ends at once. */
static void take_over(u32 self, enum exit_code code)
{
	u32 nobody = NOBODY;

	irq_disable();
	if (__atomic_compare_exchange_n(&owner, &nobody, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	if (nobody != self)
		cpu_stop();
	say("\nthe report itself failed\n");
	end(code);
}

static _Noreturn void report(enum exit_code code, const struct trap_frame *f, const char *fmt, va_list ap)
{
	const struct cpu *c = this_cpu();
	char what[LOG_LINE];
	u64 now = clock_ns();

	take_over(c->id, code);
	stop_others(c->id);
	log_flush_dying();
	vscnprintf(what, sizeof(what), fmt, ap);
	say("\n==== panic: %s\nCPU %u of %u, %llu.%06llu s after boot through %s, IRQ depth %u, build ", what,
	    c->id, nr_cpus, (unsigned long long)(now / NSEC_PER_SEC),
	    (unsigned long long)(now % NSEC_PER_SEC / NSEC_PER_USEC), boot_door, c->irq_depth);
	say_build_id();
	say("\n");
	if (f)
		say_registers(f);
	say_trace_from(f);
	say_other_cpus(c->id);
	say_log_tail();
	say("==== end of panic: %s, exit code 0x%x\n", what, code);
	end(code);
}

_Noreturn void panic_report(enum exit_code code, const struct trap_frame *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(code, f, fmt, ap);
}

_Noreturn void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(EXIT_PANIC, NULL, fmt, ap);
}

_Noreturn void bug_at(const char *file, int line, const char *what)
{
	panic_report(EXIT_ASSERT, NULL, "assertion failed at %s:%d: BUG_ON(%s)", file, line, what);
}

_Noreturn void __stack_chk_fail(void)
{
	panic_report(EXIT_CANARY, NULL, "a function wrote past its stack frame");
}
