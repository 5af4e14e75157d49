/* SPDX-License-Identifier: MIT
 * shadow.c - the shadow memory: who writes it, and the check of each access that the compiler calls for.
 *
 * Owns the shadow of the image (static), and the list of what else has one: the direct map and stacks, whose shadow
 * paging.c maps. Device registers and address errors have none: they are not checked, and the latter fault by
 * themselves. Not sanitized itself.
 */
#include "san/san_impl.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/paging.h"
#include "core/backtrace.h"
#include "lib/string.h"
#include "platform.h"

#undef memcpy
#undef memmove
#undef memset

#define IMAGE_TABLES     2
#define IMAGE_SHADOW     (IMAGE_TABLES * 512 * PAGE_SIZE) /* of 32 MiB from KERNEL_BASE on */
#define RANGES_MAX       24
#define QUARANTINE_BYTES (64 * 1024) /* per cache */
#define GLOBALS_MAX      512 /* object files with globals */

void *raw_memcpy(void *dst, const void *src, size_t n);
void *raw_memmove(void *dst, const void *src, size_t n);
void *raw_memset(void *dst, int c, size_t n);
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

/* As gcc lays it out, ABI version 8. */
struct asan_global {
	u64 start, size, size_with_redzone;
	const char *name, *module;
	u64 has_dynamic_init;
	void *location;
	u64 odr_indicator;
};

static u8 image_shadow[IMAGE_SHADOW] __aligned_(4096);
static struct {
	u64 start, end;
} ranges[RANGES_MAX];
static unsigned nr_ranges;
static bool checking;

static struct {
	const struct asan_global *first;
	u64 count;
} globals[GLOBALS_MAX];
static unsigned nr_globals;

/* ---------------------------------------------------------------- making it */

static void table_link(u64 *table, u64 va, unsigned level, const u64 *next)
{
	table[va >> (12 + 9 * (level - 1)) & 511] = virt_to_phys(next) | 3; /* present, writable */
}

void san_early(void)
{
	static u64 pdpt[512] __aligned_(4096), pd[512] __aligned_(4096), pt[IMAGE_TABLES][512] __aligned_(4096);
	extern u64 boot_pml4[512];
	u64 va = san_shadow(KERNEL_BASE);
	unsigned i;

	/* For the linker, which refuses an image that goes beyond: such a one faults before it could say so. */
	__asm__(".globl san_image_end\n\t.set san_image_end, %c0" : : "i"(KERNEL_BASE + IMAGE_SHADOW * 8));
	for (i = 0; i < IMAGE_TABLES * 512; i++)
		pt[i / 512][i % 512] = (virt_to_phys(image_shadow) + i * PAGE_SIZE) | 3;
	for (i = 0; i < IMAGE_TABLES; i++)
		table_link(pd, va + i * 512 * PAGE_SIZE, 2, pt[i]);
	table_link(pdpt, va, 3, pd);
	table_link(boot_pml4, va, 4, pdpt);
	san_covers(KERNEL_BASE, KERNEL_BASE + IMAGE_SHADOW * 8);
}

u64 san_image_shadow(u64 *size)
{
	*size = IMAGE_SHADOW;
	return virt_to_phys(image_shadow);
}

/* Ranges grow at their ends (stacks), or are new. */
void san_covers(u64 start, u64 end)
{
	unsigned i;

	for (i = 0; i < nr_ranges; i++) {
		if (ranges[i].end == start) {
			WRITE_ONCE(ranges[i].end, end);
			return;
		}
	}
	BUG_ON(nr_ranges == RANGES_MAX);
	ranges[nr_ranges].start = start;
	ranges[nr_ranges].end = end;
	WRITE_ONCE(nr_ranges, nr_ranges + 1);
}

bool san_has_shadow(u64 va)
{
	unsigned i, n = READ_ONCE(nr_ranges);

	for (i = 0; i < n; i++)
		if (va >= ranges[i].start && va < READ_ONCE(ranges[i].end))
			return true;
	return false;
}

void san_start(void)
{
	extern void (*const __init_array_start[])(void), (*const __init_array_end[])(void);
	void (*const *f)(void);

	for (f = __init_array_start; f < __init_array_end; f++)
		(*f)();
	checking = true;
}

void san_stop(void) { checking = false; }

/* ---------------------------------------------------------------- writing it */

/* Whole granules of 8 bytes; p is at the start of one. */
static void fill(const void *p, size_t bytes, u8 value)
{
	if (san_has_shadow((u64)p))
		raw_memset(shadow_of((u64)p), value, bytes >> 3);
}

void san_unpoison(const void *p, size_t bytes)
{
	fill(p, bytes, 0);
	if (bytes & 7)
		*shadow_of((u64)p + bytes) = (u8)(bytes & 7);
}

void san_poison_pages(const void *p, size_t bytes) { fill(p, bytes, SHADOW_PAGES); }
void san_poison_slab(const void *p, size_t bytes) { fill(p, bytes, SHADOW_REDZONE); }
void san_device_owns(const void *p, size_t bytes) { fill(p, bytes, SHADOW_DEVICE); }

void __asan_poison_memory_region(void const volatile *p, size_t n) { fill((const void *)p, n, SHADOW_FREED); }
void __asan_unpoison_memory_region(void const volatile *p, size_t n) { san_unpoison((const void *)p, n); }

/* ---------------------------------------------------------------- objects */

static struct san_track *track_of(const void *p, size_t room)
{
	return (struct san_track *)((char *)p + ALIGN_UP(room, 8ul));
}

void san_taken(const void *p, size_t size, size_t room, const char *kind)
{
	struct san_track *t = track_of(p, room);

	fill(p, ALIGN_UP(room, 8ul), SHADOW_REDZONE);
	san_unpoison(p, size);
	fill(t, sizeof(*t), SHADOW_TRACK);
	raw_memset(t, 0, sizeof(*t));
	t->kind = (u32)(u64)kind;
	t->size = (u32)size;
	t->room = (u32)room;
	t->taken_cpu = (u8)this_cpu()->id;
	t->magic = TRACK_MAGIC;
	backtrace_save(t->taken, TRACK_PCS);
}

void san_freed(const void *p, size_t room)
{
	struct san_track *t = track_of(p, room);

	if (t->magic == TRACK_MAGIC && t->freed[0])
		san_report_double_free(p);
	t->freed_cpu = (u8)this_cpu()->id;
	backtrace_save(t->freed, TRACK_PCS);
	fill(p, ALIGN_UP(room, 8ul), SHADOW_FREED);
}

void *mem_quarantine_take(struct mem_quarantine *q)
{
	struct san_track *t = q->first;

	if (!t)
		return NULL;
	q->first = t->next;
	q->count--;
	q->bytes -= t->room + sizeof(*t);
	return (char *)t - ALIGN_UP((u64)t->room, 8ul);
}

void *mem_quarantine_put(struct mem_quarantine *q, void *p, size_t room)
{
	struct san_track *t = track_of(p, room);

	t->next = NULL;
	if (q->first)
		q->last->next = t;
	else
		q->first = t;
	q->last = t;
	q->count++;
	q->bytes += room + sizeof(*t);
	return q->bytes > QUARANTINE_BYTES ? mem_quarantine_take(q) : NULL;
}

/* ---------------------------------------------------------------- checking */

/* May the bytes from a to b, in one granule, be touched? */
static inline bool granule_ok(u64 last)
{
	s8 v = *(s8 *)shadow_of(last);

	return !v || (s8)(last & 7) < v;
}

static __noinline void check_slow(u64 va, size_t n, bool write)
{
	u64 at;

	if (!san_has_shadow(va) || !san_has_shadow(va + n - 1))
		return;
	for (at = va | 7; at < va + n - 1; at += 8)
		if (!granule_ok(at))
			san_report_access(MAX(at & ~7ul, va), n, write);
	if (!granule_ok(va + n - 1))
		san_report_access(va + n - 1, n, write);
}

static inline void check(u64 va, size_t n, bool write)
{
	if (checking && n)
		check_slow(va, n, write);
}

#define CHECKS(n)                                                                                  \
	void __asan_load##n##_noabort(u64 va);                                                     \
	void __asan_load##n##_noabort(u64 va) { check(va, n, false); }                             \
	void __asan_store##n##_noabort(u64 va);                                                    \
	void __asan_store##n##_noabort(u64 va) { check(va, n, true); }
CHECKS(1)
CHECKS(2)
CHECKS(4)
CHECKS(8)
CHECKS(16)

void __asan_loadN_noabort(u64 va, size_t n);
void __asan_loadN_noabort(u64 va, size_t n) { check(va, n, false); }
void __asan_storeN_noabort(u64 va, size_t n);
void __asan_storeN_noabort(u64 va, size_t n) { check(va, n, true); }

void *memcpy(void *dst, const void *src, size_t n)
{
	check((u64)src, n, false);
	check((u64)dst, n, true);
	return raw_memcpy(dst, src, n);
}

void *memmove(void *dst, const void *src, size_t n)
{
	check((u64)src, n, false);
	check((u64)dst, n, true);
	return raw_memmove(dst, src, n);
}

void *memset(void *dst, int c, size_t n)
{
	check((u64)dst, n, true);
	return raw_memset(dst, c, n);
}

/* ---------------------------------------------------------------- the compiler's other calls */

/* What is left on the stack by a function that does not return is cleaned where the stack is used again (paging.c). */
void __asan_handle_no_return(void);
void __asan_handle_no_return(void) {}

void __asan_poison_stack_memory(const void *p, size_t n);
void __asan_poison_stack_memory(const void *p, size_t n) { fill(p, ALIGN_UP(n, 8ul), SHADOW_SCOPE); }
void __asan_unpoison_stack_memory(const void *p, size_t n);
void __asan_unpoison_stack_memory(const void *p, size_t n) { san_unpoison(p, n); }

void __asan_register_globals(const struct asan_global *g, u64 n);
void __asan_register_globals(const struct asan_global *g, u64 n)
{
	u64 i;

	BUG_ON(nr_globals == GLOBALS_MAX);
	globals[nr_globals].first = g;
	globals[nr_globals++].count = n;
	for (i = 0; i < n; i++) {
		fill((void *)g[i].start, g[i].size_with_redzone, SHADOW_GLOBAL);
		san_unpoison((void *)g[i].start, g[i].size);
	}
}

void __asan_unregister_globals(const struct asan_global *g, u64 n);
void __asan_unregister_globals(const struct asan_global *g, u64 n) {}

const char *san_global_near(u64 va, u64 *start, u64 *size)
{
	unsigned i;
	u64 k;

	for (i = 0; i < nr_globals; i++) {
		const struct asan_global *g = globals[i].first;

		for (k = 0; k < globals[i].count; k++) {
			if (va < g[k].start || va >= g[k].start + g[k].size_with_redzone)
				continue;
			*start = g[k].start;
			*size = g[k].size;
			return g[k].name;
		}
	}
	return NULL;
}
