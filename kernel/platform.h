/* SPDX-License-Identifier: MIT
 * platform.h - all that net/, app/ and console/ ask of the machine. This is the seam:
 * the kernel implements it in mm/ and arch/, the host build in tests/host/platform.c.
 * Time, seed and frames are not here: they come in as arguments.
 */
#pragma once

#include "lib/types.h"

/* ---- memory. Everything is zeroed where the name says so; NULL when there is none left ---- */
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void kfree(void *p); /* NULL is allowed */

/* 2^order pages of 4 KiB, aligned to their size. */
void *pages_alloc(unsigned order);
void pages_free(void *p, unsigned order);

/* The bus address of memory of pages_alloc() or of a module, for devices. */
u64 dma_addr(const void *p);

/* A stack of `size` bytes (whole pages) with an unmapped guard page below it: its lowest usable byte, or NULL. */
void *stack_alloc(size_t size);
void stack_free(void *stack, size_t size);

/* A cache of objects of one size, used by one CPU only (no lock). */
struct kmem_cache;
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align);
void kmem_cache_destroy(struct kmem_cache *c); /* all its objects are back; NULL is allowed */
void *kmem_cache_alloc(struct kmem_cache *c); /* not zeroed */
void kmem_cache_free(struct kmem_cache *c, void *p);
size_t kmem_cache_in_use(const struct kmem_cache *c); /* objects */

/* Free and total memory in bytes. */
void mem_totals(u64 *free, u64 *total);
/* How often kmalloc(), kzalloc() and pages_alloc() gave memory since boot: packets do not, once the pools have grown. */
u64 mem_allocs(void);

/* ---- CPUs ---- */
/* Makes `cpu` run its softirq soon (an IPI); called after something was put into its inbox. */
void cpu_kick(unsigned cpu);
/* What takes long outside the loop (the boot, with a large site) goes on: the watchdog need not think that this CPU is stuck. */
void cpu_alive(void);

/* ---- time of day; monotonic time is an argument everywhere ---- */
u64 wall_clock_ns(u64 now_ns); /* nanoseconds since 1970-01-01 UTC at monotonic time now_ns */
/* The monotonic clock itself, for measuring within one call (cycle accounting, budgets). */
u64 clock_ns(void);

/* ---- log and end ---- */
enum log_level { LOG_ERR = 3, LOG_WARN = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };
void log_printf(enum log_level level, const char *fmt, ...) __printf_(2, 3);
#define log_err(...)   log_printf(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_printf(LOG_WARN, __VA_ARGS__)
#define log_notice(...) log_printf(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)  log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_printf(LOG_DEBUG, __VA_ARGS__)

#define LOG_LINE 256 /* bytes of a line, longer ones are cut */
/* Copies the line at *pos (a position in the stream of all text ever logged) and advances *pos behind it; a *pos that is
 * overwritten moves to the oldest line. Returns its length without the newline, 0 at the end. */
size_t log_read(u64 *pos, char line[LOG_LINE]);

_Noreturn void panic(const char *fmt, ...) __printf_(1, 2);
_Noreturn void bug_at(const char *file, int line, const char *what);

/* A broken invariant. Never for bytes from the wire or a device. */
#define BUG_ON(cond)                                                                               \
	do {                                                                                       \
		if (unlikely(cond))                                                                \
			bug_at(__FILE__, __LINE__, #cond);                                         \
	} while (0)

/* Cryptographically strong bytes (RDSEED/RDRAND and jitter through one generator). */
void random_bytes(void *buf, size_t len);

/* Whether instructions of AVX2 may be used, by assembly in softirq. */
bool platform_has_vectors(void);
bool platform_has_aes(void); /* and AES-NI, with the three operands of AVX */
/* Lines of interrupts, for `irq`: name, vector, counts by CPU. false past the last. */
struct platform_irq {
	const char *name;
	unsigned vector;
	const u64 *count;
	u64 unhandled;
};
bool platform_irq(unsigned i, struct platform_irq *out);
/* Time the CPU was halted since boot. */
u64 platform_idle_ns(unsigned cpu);
/* The sampling profiler: starts anew or stops. 0 or -ENOMEM. */
int platform_profile(unsigned nr_cpus, bool on);
struct platform_profile_totals {
	u64 samples, idle, lost;
};
bool platform_profile_totals(unsigned cpu, struct platform_profile_totals *out); /* false: it never ran */
/* The i-th stack of a CPU as "outermost;...;innermost", and how often it was seen; 0: there is none at i. */
#define PLATFORM_PROFILE_STACKS 1024
u32 platform_profile_stack(unsigned cpu, unsigned i, char *text, size_t size);
/* A deliberate fault, to see its report; false: there is no such kind. The kinds, NULL past the last. */
bool platform_crash(const char *kind);
const char *platform_crash_kind(unsigned i);

/* Was the power button pressed since the last call? Asked a few times a second. */
bool platform_power_button(void);
/* Ends or restarts the machine; returns only where that is impossible. */
void platform_poweroff(void);
void platform_reboot(void);
