/* SPDX-License-Identifier: MIT
 * paging.c - the final page tables (Intel SDM 3A 4.5): nothing is both writable and executable, null is unmapped,
 * every stack has an unmapped page below it.
 *
 * Tables are built once at boot; later only stacks and device registers are added, never taken away, so no TLB has to be
 * flushed on other CPUs. A stack that is given back keeps its pages and waits for the next that wants its size.
 */
#include "arch/x86_64/paging.h"
#include "arch/x86_64/spinlock.h"
#include "boot_info.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "platform.h"
#include "san/san.h"

#define PTE_P     (1ul << 0)
#define PTE_W     (1ul << 1)
#define PTE_UC    (3ul << 3) /* PWT, PCD: uncached by the PAT's reset value */
#define PTE_LARGE (1ul << 7)
#define PTE_G     (1ul << 8)
#define PTE_NX    (1ul << 63)
#define PTE_ADDR  0x000ffffffffff000ul

#define SIZE_2M   (1ul << 21)
#define SIZE_1G   (1ul << 30)
#define SIZE_4G   (1ul << 32)

#define NULL_AREA         0x10000ul /* addresses below are taken for a null pointer and an offset */
#define MAX_STACK_PAGES   (STACK_SLOT / PAGE_SIZE - 1)

extern const char __kernel_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[];
extern const char __kernel_end[], boot_stack_guard[];

struct extent {
	u64 start, end;
};

static u64 kernel_pml4[512] __aligned_(4096);
static bool tables_live;
static u64 rights_mask = ~PTE_NX; /* without NX the bit is reserved */

static struct extent extents[BOOT_MAX_REGIONS + 1]; /* what the direct map covers */
static unsigned nr_extents;

static struct spinlock lock; /* of everything below, and of the tables once they are live */
static u64 next_stack = STACK_AREA_BASE;
static u64 next_mmio = MMIO_AREA_BASE;
static void *free_stacks[MAX_STACK_PAGES + 1]; /* by pages; linked through their lowest word */

static void *table_alloc(void)
{
	void *t;

	if (!tables_live)
		return early_alloc(PAGE_SIZE);
	t = pages_alloc(0);
	if (t)
		memset(t, 0, PAGE_SIZE);
	return t;
}

/* The entry of va in a table whose entries cover `span` bytes each. */
static u64 *entry_in(u64 *table, u64 va, u64 span) { return &table[va / span % 512]; }

static u64 *entry_of(u64 va, u64 size)
{
	u64 span = SIZE_1G * 512, *table = kernel_pml4, *e;

	for (;;) {
		e = entry_in(table, va, span);
		if (span == size)
			return e;
		if (!*e) {
			void *t = table_alloc();

			if (!t)
				return NULL;
			*e = virt_to_phys(t) | PTE_P | PTE_W;
		}
		table = phys_to_virt(*e & PTE_ADDR);
		span /= 512;
	}
}

static u64 largest_page(u64 va, u64 pa, u64 len)
{
	if (cpu_has(CPU_GBPAGES) && len >= SIZE_1G && !((va | pa) & (SIZE_1G - 1)))
		return SIZE_1G;
	if (len >= SIZE_2M && !((va | pa) & (SIZE_2M - 1)))
		return SIZE_2M;
	return PAGE_SIZE;
}

static int map_range(u64 va, u64 pa, u64 len, u64 rights)
{
	while (len) {
		u64 size = largest_page(va, pa, len), *e = entry_of(va, size);

		if (!e)
			return -ENOMEM;
		*e = (pa | rights | PTE_P | PTE_G | (size > PAGE_SIZE ? PTE_LARGE : 0)) & rights_mask;
		va += size;
		pa += size;
		len -= size;
	}
	return 0;
}

static void map_or_die(u64 va, u64 pa, u64 len, u64 rights)
{
	if (map_range(va, pa, len, rights))
		panic("no memory for the page tables");
}

static void map_direct(u64 start, u64 end, u64 rights)
{
	map_or_die(DIRECT_MAP_BASE + start, start, end - start, PTE_NX | rights);
}

/* One image section at its linked address. */
static void map_section(const char *start, const char *end, u64 rights)
{
	u64 va = (u64)start;

	map_or_die(va, va - KERNEL_BASE, ALIGN_UP((u64)end, PAGE_SIZE) - va, rights);
}

static void extent_add(u64 start, u64 end)
{
	if (nr_extents < ARRAY_SIZE(extents))
		extents[nr_extents++] = (struct extent){ start, end };
}

static bool is_ram(const struct mem_region *r)
{
	return r->type == MEM_USABLE || r->type == MEM_ACPI_RECLAIM || r->type == MEM_ACPI_NVS;
}

/* Below 4 GiB one extent up to the end of RAM, holes and firmware's tables included; above it each RAM region. */
static void find_extents(const struct boot_info *bi)
{
	u64 low_end = 0;
	unsigned i;

	for (i = 0; i < bi->nr_regions; i++) {
		const struct mem_region *r = &bi->regions[i];
		u64 end = r->base + r->len;

		if (!is_ram(r))
			continue;
		if (r->base >= SIZE_4G)
			extent_add(ALIGN_UP(r->base, PAGE_SIZE), ALIGN_DOWN(end, PAGE_SIZE));
		else
			low_end = MAX(low_end, MIN(end, SIZE_4G));
	}
	extent_add(0, ALIGN_UP(low_end, SIZE_2M));
}

void kernel_image_range(u64 *start, u64 *end)
{
	*start = virt_to_phys(__kernel_start);
	*end = virt_to_phys(__kernel_end);
}

static void map_kernel(void)
{
	map_section(__kernel_start, __text_end, 0);
	map_section(__rodata_start, __rodata_end, PTE_NX);
	map_section(__data_start, boot_stack_guard, PTE_NX | PTE_W);
	map_section(boot_stack_guard + PAGE_SIZE, __kernel_end, PTE_NX | PTE_W);
}

/* The sanitizer's shadow of memory that is never given back: an eighth of it. */
static void map_shadow(u64 start, u64 end)
{
	u64 from = ALIGN_DOWN(san_shadow(start), PAGE_SIZE), size = ALIGN_UP(san_shadow(end), PAGE_SIZE) - from;
	void *p = early_alloc(size);

	if (!p)
		panic("no memory for the sanitizer's shadow");
	map_or_die(from, virt_to_phys(p), size, PTE_NX | PTE_W);
	san_covers(start, end);
}

static void map_shadows(void)
{
	u64 size, image = san_image_shadow(&size);
	unsigned i;

	if (!size)
		return;
	map_or_die(san_shadow(KERNEL_BASE), image, size, PTE_NX | PTE_W);
	for (i = 0; i < nr_extents; i++)
		map_shadow(DIRECT_MAP_BASE + extents[i].start, DIRECT_MAP_BASE + extents[i].end);
}

void paging_init(const struct boot_info *bi)
{
	u64 ro_start = virt_to_phys(__kernel_start), ro_end = virt_to_phys(__rodata_end);
	unsigned i;

	if (cpu_has(CPU_NX))
		rights_mask = ~0ul;
	find_extents(bi);
	for (i = 0; i < nr_extents; i++) {
		if (extents[i].start) {
			map_direct(extents[i].start, extents[i].end, PTE_W);
			continue;
		}
		map_direct(0, ro_start, PTE_W);
		map_direct(ro_start, ro_end, 0);
		map_direct(ro_end, extents[i].end, PTE_W);
	}
	map_kernel();
	map_shadows();
	paging_load();
	tables_live = true;
}

void paging_load(void)
{
	cpu_protect();
	write_cr3(virt_to_phys(kernel_pml4));
}

u64 paging_trampoline_root(void)
{
	static u64 pml4[512] __aligned_(4096), pdpt[512] __aligned_(4096), pd[512] __aligned_(4096);

	memcpy(pml4, kernel_pml4, sizeof(pml4));
	pml4[0] = virt_to_phys(pdpt) | PTE_P | PTE_W;
	pdpt[0] = virt_to_phys(pd) | PTE_P | PTE_W;
	pd[0] = PTE_P | PTE_W | PTE_LARGE;
	return virt_to_phys(pml4);
}

u64 dma_addr(const void *p) { return virt_to_phys(p); }

bool phys_is_mapped(u64 phys, u64 len)
{
	unsigned i;

	for (i = 0; i < nr_extents; i++)
		if (phys >= extents[i].start && phys < extents[i].end && len <= extents[i].end - phys)
			return true;
	return false;
}

volatile void *mmio_map(u64 phys, u64 len)
{
	u64 offset = phys & ~PAGE_MASK, size = ALIGN_UP(offset + len, PAGE_SIZE), va, flags;
	int err;

	if (!len || phys + len < phys || size < len)
		return NULL;
	flags = spin_lock(&lock);
	va = next_mmio;
	err = map_range(va, phys - offset, size, PTE_NX | PTE_W | PTE_UC);
	next_mmio += size + PAGE_SIZE; /* a hole between neighbours catches overruns */
	spin_unlock(&lock, flags);
	return err ? NULL : (volatile void *)(va + offset);
}

/* Maps fresh pages one by one, so that a fragmented pool serves too. */
static void *stack_map(u64 va, u64 pages)
{
	u64 i;

	for (i = 0; i < pages; i++) {
		void *p = pages_alloc(0);

		if (!p)
			return NULL;
		if (map_range(va + i * PAGE_SIZE, virt_to_phys(p), PAGE_SIZE, PTE_NX | PTE_W)) {
			pages_free(p, 0);
			return NULL;
		}
	}
	return (void *)va;
}

/* Shadow for a stack's slot, guard included. */
static bool stack_shadow(u64 slot)
{
	u64 va = san_shadow(slot), end = san_shadow(slot + STACK_SLOT);

	if (!POISON_TRACK)
		return true;
	for (; va < end; va += PAGE_SIZE) {
		void *p = table_alloc();

		if (!p || map_range(va, virt_to_phys(p), PAGE_SIZE, PTE_NX | PTE_W))
			return false;
	}
	san_covers(slot, slot + STACK_SLOT);
	return true;
}

void *stack_alloc(size_t size)
{
	u64 pages = DIV_ROUND_UP(size, PAGE_SIZE), flags;
	void *stack;

	if (!pages || pages > MAX_STACK_PAGES)
		return NULL;
	flags = spin_lock(&lock);
	stack = free_stacks[pages];
	if (stack) {
		free_stacks[pages] = *(void **)stack;
		san_unpoison(stack, size);
	} else if (stack_shadow(next_stack)) {
		/* At the top of its slot: all below it, down to the neighbour, is guard. */
		next_stack += STACK_SLOT;
		stack = stack_map(next_stack - pages * PAGE_SIZE, pages);
	}
	spin_unlock(&lock, flags);
	return stack;
}

void stack_free(void *stack, size_t size)
{
	u64 pages = DIV_ROUND_UP(size, PAGE_SIZE), flags;

	if (!stack)
		return;
	flags = spin_lock(&lock);
	*(void **)stack = free_stacks[pages];
	free_stacks[pages] = stack;
	spin_unlock(&lock, flags);
}

enum va_kind paging_classify(u64 va)
{
	if (va < NULL_AREA)
		return VA_NULL;
	if ((va >= STACK_AREA_BASE && va < next_stack && !paging_readable(va)) ||
	    va - (u64)boot_stack_guard < PAGE_SIZE)
		return VA_GUARD;
	if (va >= (u64)__kernel_start && va < (u64)__text_end)
		return VA_TEXT;
	if (va >= (u64)__rodata_start && va < (u64)__rodata_end)
		return VA_RODATA;
	return VA_OTHER;
}

bool paging_readable(u64 va)
{
	u64 span = SIZE_1G * 512, *table, e;

	if ((s64)(va << 16) >> 16 != (s64)va || va >= ~7ul)
		return false;
	for (table = phys_to_virt(read_cr3() & PTE_ADDR);; table = phys_to_virt(e & PTE_ADDR)) {
		e = *entry_in(table, va, span);
		if (!(e & PTE_P))
			return false;
		if (span == PAGE_SIZE || (span < SIZE_1G * 512 && e & PTE_LARGE))
			return true;
		span /= 512;
	}
}
