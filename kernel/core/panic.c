/* SPDX-License-Identifier: MIT
 * panic.c - registers, back traces of all CPUs, what other rooms add, the log's tail; then the end that panic= asks for.
 *
 * The first CPU to fail reports, the others are stopped by NMI and leave their registers. A fault inside the report
 * skips the part that it struck in. Text goes to the serial line directly, for the log may be what is broken, and into
 * panic_text, where a core shows it.
 */
#include "core/panic.h"
#include "core/backtrace.h"
#include "core/ksyms.h"
#include "core/log.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/uart.h"
#include "lib/printf.h"
#include "san/san.h"
#include "lib/string.h"

#define TAIL_BYTES     1024   /* of log repeated */
#define STOP_SPINS     200000 /* how long other CPUs get to say where they are */
#define FAILURES_MAX   8      /* faults inside a report */
#define NOBODY         UINT32_MAX

u64 __stack_chk_guard = 0x595e9fbd94fda766; /* until kmain() draws one */

static enum { ACTION_EXIT, ACTION_HALT, ACTION_REBOOT } action;
static const char *boot_door = "?";
static u32 owner = NOBODY;       /* CPU that reports */
static struct trap_frame stopped[MAX_CPUS]; /* registers of the others; rip 0: it did not stop */
static char panic_text[PANIC_TEXT]; /* the report, for cores; ends with a zero byte */
static size_t panic_text_len;
static void (*explanation)(say_fn say);
static unsigned parts_begun;     /* of the report: after a fault it goes on behind them */

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

void panic_explain(void (*show)(say_fn say)) { explanation = show; }

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
	len = (int)MIN((size_t)len, sizeof(panic_text) - 1 - panic_text_len);
	memcpy(panic_text + panic_text_len, line, (size_t)len);
	panic_text_len += (size_t)len;
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

static void say_other_cpus(u32 self)
{
	unsigned i;

	for (i = 0; i < nr_cpus; i++) {
		if (i == self || !cpus[i].online)
			continue;
		say("CPU %u %s\n", i, stopped[i].rip ? "stopped at:" : "did not stop");
		if (stopped[i].rip)
			backtrace_print(&stopped[i], say);
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
		for (spins = 0; i != self && !READ_ONCE(stopped[i].rip) && spins < STOP_SPINS; spins++)
			cpu_relax();
}

bool panic_nmi(const struct trap_frame *f)
{
	u32 reporter = READ_ONCE(owner), self = this_cpu()->id;

	if (reporter == NOBODY || reporter == self)
		return reporter == self;
	stopped[self] = *f;
	cpu_stop();
}

/* ---------------------------------------------------------------- the report, in parts */

struct failure {
	enum exit_code code;
	const struct trap_frame *f;
	char what[LOG_LINE];
};

static void part_what(const struct failure *x)
{
	const struct cpu *c = this_cpu();
	u64 now = clock_ns();

	log_flush_dying();
	say("\n==== panic: %s\nCPU %u of %u, %llu.%06llu s after boot through %s, IRQ depth %u, build ", x->what,
	    c->id, nr_cpus, (unsigned long long)(now / NSEC_PER_SEC),
	    (unsigned long long)(now % NSEC_PER_SEC / NSEC_PER_USEC), boot_door, c->irq_depth);
	say_build_id();
	say("\n");
}

static void part_explanation(const struct failure *x)
{
	if (explanation)
		explanation(say);
}

static void part_registers(const struct failure *x)
{
	if (x->f)
		say_registers(x->f);
}

static void part_trace(const struct failure *x)
{
	say("back trace:\n");
	backtrace_print(x->f, say);
}

static void part_other_cpus(const struct failure *x) { say_other_cpus(this_cpu()->id); }
static void part_log(const struct failure *x) { say_log_tail(); }

static void (*const parts[])(const struct failure *x) = {
	part_what, part_explanation, part_registers, part_trace, part_other_cpus, part_log,
};

/* Then those of the other rooms. Each is counted before it is tried: a fault in it costs that one alone. */
static _Noreturn void report_parts(const struct failure *x)
{
	while (parts_begun < ARRAY_SIZE(parts))
		parts[parts_begun++](x);
	for (;;) {
		const struct panic_section *s = &panic_sections[parts_begun - ARRAY_SIZE(parts)];

		parts_begun++;
		if (!s->title)
			break;
		say("%s:\n", s->title);
		s->show(say);
	}
	say("==== end of panic: %s, exit code 0x%x\n", x->what, x->code);
	end(x->code);
}

/* A fault of the CPU that reports, in the report: it goes on behind that part, but not for ever. */
static _Noreturn void failed_again(const struct failure *x, const char *fmt, va_list ap)
{
	static unsigned failures;
	char what[LOG_LINE];

	if (failures++ >= FAILURES_MAX)
		end(x->code);
	vscnprintf(what, sizeof(what), fmt, ap);
	say("\n(this part of the report failed: %s)\n", what);
	report_parts(x);
}

static _Noreturn void report(enum exit_code code, const struct trap_frame *f, const char *fmt, va_list ap)
{
	static struct failure first;
	u32 nobody = NOBODY, self = this_cpu()->id;

	irq_disable();
	san_stop();
	if (!__atomic_compare_exchange_n(&owner, &nobody, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (nobody != self)
			cpu_stop();
		failed_again(&first, fmt, ap);
	}
	first.code = code;
	first.f = f;
	stop_others(self);
	vscnprintf(first.what, sizeof(first.what), fmt, ap);
	report_parts(&first);
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
