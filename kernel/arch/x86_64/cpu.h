/* SPDX-License-Identifier: MIT
 * cpu.h - one CPU: its features, its share of the machine (struct cpu, reached through gs), and privileged one-liners.
 *
 * A struct cpu is written by its own CPU only; `online` and `irq_depth` are read by others for reports.
 */
#pragma once

#include "arch/x86_64/asm_offsets.h"
#include "core/fiber.h"
#include "config.h"

#define MSR_APIC_BASE    0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC       0x800
#define MSR_EFER         0xc0000080
#define MSR_GS_BASE      0xc0000101

/* name, CPUID leaf, subleaf, register (0 eax .. 3 edx), bit */
#define CPU_FEATURES(X)                                                                            \
	X(X2APIC, "x2apic", 1, 0, 2, 21)                                                           \
	X(TSC_DEADLINE, "tsc_deadline", 1, 0, 2, 24)                                               \
	X(AES, "aes", 1, 0, 2, 25)                                                                 \
	X(RDRAND, "rdrand", 1, 0, 2, 30)                                                           \
	X(HYPERVISOR, "hypervisor", 1, 0, 2, 31)                                                   \
	X(PGE, "pge", 1, 0, 3, 13)                                                                 \
	X(SMEP, "smep", 7, 0, 1, 7)                                                                \
	X(AVX2, "avx2", 7, 0, 1, 5)                                                                \
	X(ERMS, "erms", 7, 0, 1, 9)                                                                \
	X(RDSEED, "rdseed", 7, 0, 1, 18)                                                           \
	X(SMAP, "smap", 7, 0, 1, 20)                                                               \
	X(UMIP, "umip", 7, 0, 2, 2)                                                                \
	X(NX, "nx", 0x80000001, 0, 3, 20)                                                          \
	X(GBPAGES, "pdpe1gb", 0x80000001, 0, 3, 26)                                                \
	X(INVARIANT_TSC, "invtsc", 0x80000007, 0, 3, 8)

enum cpu_feature {
#define X(id, name, leaf, sub, reg, bit) CPU_##id,
	CPU_FEATURES(X)
#undef X
	NR_CPU_FEATURES
};

struct net_cpu;

struct tss { /* Intel SDM 3A 8.7 */
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __packed;

/* Interrupt stack table slots (IDT gates name them 1..7). */
enum { IST_DOUBLE_FAULT = 1, IST_NMI, IST_MACHINE_CHECK, NR_IST = IST_MACHINE_CHECK };

struct cpu {
	struct cpu *self;
	u64 irq_stack;           /* top: hard IRQ and softirq run there */
	u32 irq_depth;           /* hard IRQs being served, one inside the other */
	u32 id;                  /* 0.. */
	u32 apic_id;
	bool online;
	struct net_cpu *net;     /* NULL until the stack is made */
	u64 timer_armed_ns;      /* when the LAPIC timer fires; TIME_NEVER: it is off */
	u64 idle_ns, idles;      /* time spent halted, and how often */
	u64 halted_since_ns;     /* 0: not halted */
	u64 turns;               /* of the loop (boot steps before it): the watchdog looks whether they go on */
	u64 spurious, kicks;     /* spurious interrupts taken, IPIs sent */
	struct fiber_sched fibers;
	u64 gdt[5];
	struct tss tss;
};
static_assert(offsetof(struct cpu, self) == CPU_SELF, "entry.S");
static_assert(offsetof(struct cpu, irq_stack) == CPU_IRQ_STACK, "entry.S");
static_assert(offsetof(struct cpu, irq_depth) == CPU_IRQ_DEPTH, "entry.S");
static_assert(sizeof(struct tss) == 104, "Intel SDM 3A 8.7");

/* What interrupts call above them; main.c has the one instance. */
struct cpu_hooks {
	void (*timer)(struct cpu *c);    /* hard IRQ: the one-shot timer fired */
	void (*kick)(struct cpu *c);     /* hard IRQ: cpu_kick() from another CPU */
	void (*irq_exit)(struct cpu *c); /* end of an outermost hard IRQ, after EOI, interrupts off: softirq */
};
extern const struct cpu_hooks cpu_hooks;

extern struct cpu cpus[MAX_CPUS];
extern unsigned nr_cpus; /* that run */

/* GDT, TSS, gs, IDT of the calling CPU, which becomes *c. Its fault stacks come later (cpu_fault_stacks). */
void cpu_init(struct cpu *c, unsigned id);
/* IRQ stack and IST stacks with guard pages. 0 or -ENOMEM; before it, interrupts must stay off. */
int cpu_alloc_stacks(struct cpu *c);
/* Reads CPUID once, on the boot CPU. */
void cpu_detect(void);
bool cpu_has(enum cpu_feature f);
/* Vendor or hypervisor signature and the features in use, one log line. */
void cpu_report(void);
/* Control register bits that depend on features (CR0.WP, CR4.SMEP ..., EFER.NXE) on the calling CPU. */
void cpu_protect(void);

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};
/* All zero when the CPU does not have the leaf. */
struct cpuid_regs cpuid(u32 leaf, u32 subleaf);
/* Is this QEMU's own translator? There `rep` costs one instruction per element. */
bool cpu_is_tcg(void);

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__("mov %%gs:%c1, %0" : "=r"(c) : "i"(CPU_SELF));
	return c;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}
static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

#define CONTROL_REGISTER(n)                                                                        \
	static inline u64 read_cr##n(void)                                                         \
	{                                                                                          \
		u64 v;                                                                             \
                                                                                                   \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v));                                  \
		return v;                                                                          \
	}                                                                                          \
	static inline void write_cr##n(u64 v)                                                      \
	{                                                                                          \
		__asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory");                         \
	}
CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)
#undef CONTROL_REGISTER

static inline void irq_enable(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void irq_disable(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void cpu_halt(void) { __asm__ volatile("hlt" ::: "memory"); }
/* Enables interrupts and halts with nothing between: an interrupt that came before still wakes. */
static inline void cpu_wait(void) { __asm__ volatile("sti; hlt" ::: "memory"); }

#define RFLAGS_IF (1u << 9)
/* Disables interrupts; returns the flags for irq_restore(). */
static inline u64 irq_save(void)
{
	u64 flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}
static inline void irq_restore(u64 flags)
{
	if (flags & RFLAGS_IF)
		irq_enable();
}
