/* SPDX-License-Identifier: MIT
 * cpu.c - descriptor tables, protection bits and features of a CPU (Intel SDM 3A chapters 2, 3 and 8; 2A CPUID).
 *
 * There is no user mode, and the compiler knows neither x87 nor vectors. SSE is a fault instead of silent corruption: by CR0.EM, or
 * where there is AVX2, which EM would forbid too, by CR4.OSFXSR. AVX2 is softirq's, which sums with it, and is not entered twice on
 * a CPU: no register is ever saved.
 */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/paging.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "platform.h"

#define CR0_EM   (1ul << 2)
#define CR0_TS   (1ul << 3)
#define CR0_WP   (1ul << 16)
#define CR4_MCE  (1ul << 6)
#define CR4_PGE  (1ul << 7)
#define CR4_OSFXSR (1ul << 9)
#define CR4_UMIP (1ul << 11)
#define CR4_OSXSAVE (1ul << 18)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)
#define XCR0_VECTORS 7u /* x87, SSE, AVX: SDM 1, 13.3 */
#define EFER_NXE (1ul << 11)

#define GDT_CODE_DESC 0x00af9b000000ffffull /* 64 bit, ring 0, accessed */
#define GDT_DATA_DESC 0x00cf93000000ffffull

struct cpu cpus[MAX_CPUS];
unsigned nr_cpus = 1;

static u32 features; /* a bit per enum cpu_feature */
static_assert(NR_CPU_FEATURES <= 32, "one word");

struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r, max;

	__asm__("cpuid" : "=a"(max.eax), "=b"(max.ebx), "=c"(max.ecx), "=d"(max.edx)
		: "a"(leaf & 0xffff0000), "c"(0));
	if (leaf > max.eax)
		return (struct cpuid_regs){ 0 };
	__asm__("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		: "a"(leaf), "c"(subleaf));
	return r;
}

void cpu_detect(void)
{
	static const struct {
		u32 leaf;
		u8 sub, reg, bit;
	} where[NR_CPU_FEATURES] = {
#define X(id, name, leaf, sub, reg, bit) [CPU_##id] = { leaf, sub, reg, bit },
		CPU_FEATURES(X)
#undef X
	};
	unsigned i;

	for (i = 0; i < NR_CPU_FEATURES; i++) {
		struct cpuid_regs r = cpuid(where[i].leaf, where[i].sub);
		u32 reg[4] = { r.eax, r.ebx, r.ecx, r.edx };

		if (reg[where[i].reg] >> where[i].bit & 1)
			features |= 1u << i;
	}
}

bool cpu_has(enum cpu_feature f) { return features >> f & 1; }

/* The signature of the hypervisor (leaf 0x40000000) or of the vendor: twelve characters. */
static void cpu_signature(char text[13])
{
	struct cpuid_regs r = cpuid(0, 0);
	u32 vendor[3] = { r.ebx, r.edx, r.ecx };

	if (cpu_has(CPU_HYPERVISOR)) {
		r = cpuid(0x40000000, 0);
		vendor[0] = r.ebx;
		vendor[1] = r.ecx;
		vendor[2] = r.edx;
	}
	memcpy(text, vendor, 12);
	text[12] = 0;
}

bool cpu_is_tcg(void)
{
	char sig[13];

	cpu_signature(sig);
	return !strcmp(sig, "TCGTCGTCGTCG");
}

void cpu_report(void)
{
	static const char *const names[] = {
#define X(id, name, leaf, sub, reg, bit) [CPU_##id] = name,
		CPU_FEATURES(X)
#undef X
	};
	char sig[13], list[160] = "";
	size_t len = 0;
	unsigned i;

	cpu_signature(sig);
	for (i = 0; i < NR_CPU_FEATURES; i++)
		if (cpu_has(i))
			len += scnprintf(list + len, sizeof(list) - len, " %s", names[i]);
	log_info("cpu: %s:%s", sig, list);
}

void cpu_protect(void)
{
	u64 cr4 = (read_cr4() & ~CR4_OSFXSR) | CR4_MCE;

	if (cpu_has(CPU_NX))
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	write_cr0((read_cr0() & ~(CR0_TS | CR0_EM)) | CR0_WP | (cpu_has(CPU_AVX2) ? 0 : CR0_EM));
	if (cpu_has(CPU_PGE))
		cr4 |= CR4_PGE;
	if (cpu_has(CPU_UMIP))
		cr4 |= CR4_UMIP;
	if (cpu_has(CPU_SMEP))
		cr4 |= CR4_SMEP;
	if (cpu_has(CPU_SMAP))
		cr4 |= CR4_SMAP;
	if (cpu_has(CPU_AVX2))
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	if (cpu_has(CPU_AVX2))
		__asm__ volatile("xsetbv" : : "c"(0), "a"(XCR0_VECTORS), "d"(0));
}

static void gdt_fill(struct cpu *c)
{
	u64 base = (u64)&c->tss, limit = sizeof(c->tss) - 1;

	c->gdt[GDT_CODE / 8] = GDT_CODE_DESC;
	c->gdt[GDT_DATA / 8] = GDT_DATA_DESC;
	c->gdt[GDT_TSS / 8] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 |
			      (base >> 24 & 0xff) << 56;
	c->gdt[GDT_TSS / 8 + 1] = base >> 32;
	c->tss.iomap = sizeof(c->tss);
}

static void gdt_load(struct cpu *c)
{
	struct {
		u16 limit;
		u64 base;
	} __packed desc = { sizeof(c->gdt) - 1, (u64)c->gdt };

	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %2, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs\n\t"
			 "movl %3, %%eax\n\t"
			 "ltr %%ax"
			 : : "m"(desc), "i"(GDT_CODE), "i"(GDT_DATA), "i"(GDT_TSS) : "rax", "memory");
}

/* Until the boot CPU has its own: so that a double fault in the first milliseconds still makes a report. */
static u8 first_fault_stack[FAULT_STACK] __aligned_(16);

void cpu_init(struct cpu *c, unsigned id)
{
	unsigned i;

	for (i = 0; i < NR_IST; i++)
		if (!c->tss.ist[i])
			c->tss.ist[i] = (u64)first_fault_stack + FAULT_STACK;
	c->self = c;
	c->id = id;
	c->timer_armed_ns = TIME_NEVER;
	gdt_fill(c);
	gdt_load(c);
	wrmsr(MSR_GS_BASE, (u64)c);
	idt_load();
}

int cpu_alloc_stacks(struct cpu *c)
{
	char *s = stack_alloc(IRQ_STACK);
	unsigned i;

	if (!s)
		return -ENOMEM;
	c->irq_stack = (u64)s + IRQ_STACK;
	for (i = 1; i <= NR_IST; i++) {
		s = stack_alloc(FAULT_STACK);
		if (!s)
			return -ENOMEM;
		c->tss.ist[i - 1] = (u64)s + FAULT_STACK;
	}
	return 0;
}
