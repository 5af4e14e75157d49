/* SPDX-License-Identifier: MIT
 * platform.c - the machine, faked with libc: what platform.h promises, for tests on the host.
 *
 * All memory comes from malloc, so that the sanitizer sees each object. Time is what the test says (host_clock).
 * LOG=1 in the environment shows the log on stderr. panic() aborts, or returns to a test that waits for it.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/harness.h"
#include "lib/poison.h"
#include "lib/string.h"
#include "platform.h"

u64 host_clock, host_clock_step, host_kicked, host_alive;
u64 host_alloc_budget = UINT64_MAX;
unsigned host_log_errors;
u64 host_mem_free = 256ull << 20;
char host_panic_text[256];

static jmp_buf *panic_exit;
static u64 allocs;

static bool may_alloc(void)
{
	if (!host_alloc_budget)
		return false;
	if (host_alloc_budget != UINT64_MAX)
		host_alloc_budget--;
	return true;
}

void *kmalloc(size_t size)
{
	allocs++;
	return may_alloc() ? malloc(size) : NULL;
}

void *kzalloc(size_t size)
{
	allocs++;
	return may_alloc() ? calloc(1, size) : NULL;
}

void kfree(void *p)
{
	free(p);
}

void *pages_alloc(unsigned order)
{
	allocs++;
	return may_alloc() ? aligned_alloc(4096ull << order, 4096ull << order) : NULL;
}

void pages_free(void *p, unsigned order)
{
	free(p);
}

void *stack_alloc(size_t size)
{
	return may_alloc() ? aligned_alloc(4096, size) : NULL;
}

void stack_free(void *stack, size_t size)
{
	free(stack);
}

u64 dma_addr(const void *p)
{
	return (u64)(uintptr_t)p;
}

struct kmem_cache {
	size_t size, align, in_use;
};

/* ---- isolation: whose is an object? ---- */

struct owned {
	struct owned *next;
	void *p;
	size_t size;
	const void *cpu;
};
static struct owned *owned;
static const void *running;
static bool isolating;

void host_isolate(bool on)
{
	host_run_as(NULL);
	isolating = on;
	while (!on && owned) {
		struct owned *o = owned;

		owned = o->next;
		free(o);
	}
}

void host_run_as(const void *cpu)
{
	if (!isolating)
		return;
	running = cpu;
	for (struct owned *o = owned; o; o = o->next)
		if (!cpu || !o->cpu || o->cpu == cpu)
			mem_unpoison(o->p, o->size);
		else
			mem_poison(o->p, o->size);
}

static void own(void *p, size_t size)
{
	struct owned *o = isolating && p ? malloc(sizeof(*o)) : NULL;

	if (!o)
		return;
	*o = (struct owned){ owned, p, size, running };
	owned = o;
}

static void disown(void *p)
{
	struct owned **at = &owned, *o;

	while (*at && (*at)->p != p)
		at = &(*at)->next;
	o = *at;
	if (!o)
		return;
	CHECK(!running || !o->cpu || o->cpu == running);
	*at = o->next;
	mem_unpoison(o->p, o->size);
	free(o);
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	struct kmem_cache *c = kzalloc(sizeof(*c));

	if (!c)
		return NULL;
	c->align = align > sizeof(void *) ? align : sizeof(void *);
	c->size = ALIGN_UP(size, c->align);
	return c;
}

void kmem_cache_destroy(struct kmem_cache *c)
{
	if (!c)
		return;
	BUG_ON(c->in_use);
	kfree(c);
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	void *p = may_alloc() ? aligned_alloc(c->align, c->size) : NULL;

	c->in_use += !!p;
	own(p, c->size);
	return p;
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	c->in_use--;
	disown(p);
	free(p);
}

size_t kmem_cache_in_use(const struct kmem_cache *c)
{
	return c->in_use;
}

void mem_totals(u64 *free_bytes, u64 *total)
{
	*free_bytes = *total = host_mem_free;
}

u64 mem_allocs(void)
{
	return allocs;
}

void cpu_alive(void) { host_alive++; }

void cpu_kick(unsigned cpu)
{
	host_kicked |= 1ull << cpu;
}

u64 wall_clock_ns(u64 now_ns)
{
	return 1700000000ull * NSEC_PER_SEC + now_ns; /* 2023-11-14 22:13:20 UTC at the clock's zero */
}

u64 clock_ns(void)
{
	return host_clock += host_clock_step;
}

/* What was logged goes to stderr and is not kept. */
size_t log_read(u64 *pos, char line[LOG_LINE])
{
	return 0;
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	host_log_errors += level <= LOG_ERR;
	if (!getenv("LOG"))
		return;
	va_start(ap, fmt);
	fprintf(stderr, "[%4llu.%06llu] ", (unsigned long long)(host_clock / NSEC_PER_SEC),
		(unsigned long long)(host_clock / NSEC_PER_USEC % USEC_PER_SEC));
	vfprintf(stderr, fmt, ap);
	if (!*fmt || fmt[strlen(fmt) - 1] != '\n')
		fputc('\n', stderr);
	va_end(ap);
}

static _Noreturn void panic_end(void)
{
	if (panic_exit)
		longjmp(*panic_exit, 1);
	fprintf(stderr, "panic: %s\n", host_panic_text);
	abort();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(host_panic_text, sizeof(host_panic_text), fmt, ap);
	va_end(ap);
	panic_end();
}

void bug_at(const char *file, int line, const char *what)
{
	panic("%s:%d: %s", file, line, what);
}

bool host_panics(void (*fn)(void *), void *arg)
{
	jmp_buf here, *before = panic_exit;
	volatile bool panicked = true;

	host_panic_text[0] = 0;
	panic_exit = &here;
	if (!setjmp(here)) {
		fn(arg);
		panicked = false;
	}
	panic_exit = before;
	return panicked;
}

/* Random to the stack, the same for the test: each run repeats the last one. */
void random_bytes(void *buf, size_t len)
{
	static struct test_rng rng = { 0x9e3779b97f4a7c15ull };
	u8 *p = buf;

	while (len--)
		*p++ = (u8)(rng_next(&rng) >> 56);
}

bool host_power_button;

bool platform_irq(unsigned i, struct platform_irq *out)
{
	static const u64 count[16] = { 7 };

	*out = (struct platform_irq){ "timer", 0xec, count, 0 };
	return !i;
}

u64 platform_idle_ns(unsigned cpu)
{
	return host_clock / 2;
}

static unsigned profile_starts;

int platform_profile(unsigned nr_cpus, bool on)
{
	profile_starts += on;
	return 0;
}

bool platform_profile_totals(unsigned cpu, struct platform_profile_totals *out)
{
	*out = (struct platform_profile_totals){ 3, 1, 0 };
	return profile_starts;
}

u32 platform_profile_stack(unsigned cpu, unsigned i, char *text, size_t size)
{
	snprintf(text, size, "main;work");
	return i ? 0 : 2;
}

bool platform_has_vectors(void)
{
	return __builtin_cpu_supports("avx2");
}

bool platform_has_aes(void)
{
	return platform_has_vectors() && __builtin_cpu_supports("aes");
}

bool platform_crash(const char *kind)
{
	return false;
}

const char *platform_crash_kind(unsigned i)
{
	return i ? NULL : "null";
}

bool platform_power_button(void)
{
	bool pressed = host_power_button;

	host_power_button = false;
	return pressed;
}

void platform_poweroff(void)
{
	exit(0);
}

void platform_reboot(void)
{
	exit(0);
}
