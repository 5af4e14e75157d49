/* SPDX-License-Identifier: MIT
 * fault.c - what an exception was: every one but NMI ends the machine, with a name and an exit code of its own.
 *
 * A stack that grows into its guard page faults where no frame can be pushed: the CPU turns that into a double fault,
 * which has a stack of its own and tells the two apart by the faulting address. Should that one end too, the next double
 * fault begins at its top again.
 */
#include "arch/x86_64/crash.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/watchdog.h"
#include "core/panic.h"

#define PF_PRESENT (1u << 0)
#define PF_WRITE   (1u << 1)
#define PF_RESERVED (1u << 3)
#define PF_FETCH   (1u << 4)

static const char *const exception_names[VECTOR_FIRST_IRQ] = {
	[0] = "divide error",
	[VEC_DEBUG] = "debug",
	[VEC_NMI] = "NMI",
	[VEC_BREAKPOINT] = "breakpoint",
	[4] = "overflow",
	[5] = "bound range",
	[VEC_INVALID_OPCODE] = "invalid opcode",
	[7] = "FPU used in the kernel",
	[VEC_DOUBLE_FAULT] = "double fault",
	[10] = "invalid TSS",
	[11] = "segment not present",
	[12] = "stack segment",
	[VEC_PROTECTION] = "general protection",
	[VEC_PAGE_FAULT] = "page fault",
	[16] = "x87 error",
	[17] = "alignment check",
	[VEC_MACHINE_CHECK] = "machine check",
	[19] = "SIMD error",
	[21] = "control protection",
};

static const char *access_name(u64 error)
{
	return error & PF_FETCH ? "jump" : error & PF_WRITE ? "write" : "read";
}

static _Noreturn void page_fault(const struct trap_frame *f)
{
	u64 va = read_cr2();
	enum va_kind kind = paging_classify(va);
	const char *how = access_name(f->error);

	if (kind == VA_NULL)
		panic_report(EXIT_NULL_DEREF, f, "null pointer: %s at %#llx", how, (unsigned long long)va);
	if (kind == VA_GUARD)
		panic_report(EXIT_STACK, f, "stack overflow: %s at guard %#llx", how, (unsigned long long)va);
	if (f->error & PF_FETCH && f->error & PF_PRESENT)
		panic_report(EXIT_EXEC, f, "execution of data at %#llx", (unsigned long long)va);
	if (f->error & PF_WRITE && f->error & PF_PRESENT)
		panic_report(EXIT_TEXT_WRITE, f, "write to read-only memory (%s) at %#llx",
			     kind == VA_TEXT ? "text" : kind == VA_RODATA ? "rodata" : "alias",
			     (unsigned long long)va);
	panic_report(EXIT_PAGE_FAULT, f, "page fault: %s at %#llx%s", how, (unsigned long long)va,
		     f->error & PF_RESERVED ? ", page table corrupt" : "");
}

static _Noreturn void double_fault(const struct trap_frame *f)
{
	crash_in_exception(VEC_DOUBLE_FAULT);
	/* The page fault that could not be delivered left its address in cr2; rsp is where the push went. */
	if (paging_classify(read_cr2()) == VA_GUARD || paging_classify(f->rsp - 8) == VA_GUARD)
		panic_report(EXIT_STACK, f, "stack overflow at guard %#llx", (unsigned long long)f->rsp);
	panic_report(EXIT_DOUBLE_FAULT, f, "double fault");
}

_Noreturn void exception_entry(struct trap_frame *f)
{
	const char *name = exception_names[f->vector];

	switch (f->vector) {
	case VEC_PAGE_FAULT:
		page_fault(f);
	case VEC_DOUBLE_FAULT:
		double_fault(f);
	default:
		panic_report(EXIT_EXCEPTION, f, "%s (vector %llu, error %llx)", name ?: "reserved exception",
			     (unsigned long long)f->vector, (unsigned long long)f->error);
	}
}

/* Another CPU reports and wants us to stop; or the watchdog looks; or somebody pressed the button for a report. */
void nmi_entry(struct trap_frame *f)
{
	if (panic_nmi(f))
		return;
	crash_in_exception(VEC_NMI);
	if (!watchdog_nmi(f))
		panic_report(EXIT_EXCEPTION, f, "NMI");
}
