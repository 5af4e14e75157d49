/* SPDX-License-Identifier: MIT
 * paging.h - the address space: who lives where, and the few ways to change it.
 *
 *   0000000000000000  nothing: null and small pointers fault
 *   ffff800000000000  direct map of RAM (2 MiB or 1 GiB pages, never executable; kernel text read-only here too)
 *   ffffc00000000000  stacks, each with an unmapped guard below
 *   ffffd00000000000  device registers, uncached (mmio_map)
 *   ffffffff80000000  the kernel image, each section with the rights it needs and no more
 */
#pragma once

#include "lib/types.h"

#define PAGE_SHIFT      12
#define PAGE_SIZE       4096ul
#define PAGE_MASK       (~(PAGE_SIZE - 1))
#define DIRECT_MAP_BASE 0xffff800000000000ul
#define DIRECT_MAP_END  0xffffc00000000000ul
#define STACK_AREA_BASE 0xffffc00000000000ul
#define MMIO_AREA_BASE  0xffffd00000000000ul
#define KERNEL_BASE     0xffffffff80000000ul

struct boot_info;

/* RAM at a physical address, through the direct map. */
static inline void *phys_to_virt(u64 phys) { return (void *)(phys + DIRECT_MAP_BASE); }

/* Of an address in the direct map or in the kernel image (static objects); not of stacks or mmio. */
static inline u64 virt_to_phys(const volatile void *v)
{
	u64 a = (u64)v;

	return a >= KERNEL_BASE ? a - KERNEL_BASE : a - DIRECT_MAP_BASE;
}

/* Physical memory that the image takes, bss included. */
void kernel_image_range(u64 *start, u64 *end);
/* Builds the final tables from the boot memory map and leaves the boot tables. */
void paging_init(const struct boot_info *bi);
/* Loads the final tables on this CPU (CR3, EFER.NXE, CR0.WP, CR4 bits). */
void paging_load(void);
/* Physical address, below 4 GiB, of a table that also maps the first 2 MiB where they are: for trampoline.S. */
u64 paging_trampoline_root(void);
/* Is this physical range inside the direct map? */
bool phys_is_mapped(u64 phys, u64 len);

/* Maps device registers uncached, readable and writable; never unmapped. NULL when memory is out or the range wraps. */
volatile void *mmio_map(u64 phys, u64 len);

/* stack_alloc() and stack_free() are declared in platform.h: fibers need them too. */
#define STACK_SLOT (64 * 1024ul) /* bytes of address space per stack, guard included */

/* What a fault address is, for reports. */
enum va_kind { VA_OTHER, VA_NULL, VA_GUARD, VA_TEXT, VA_RODATA };
enum va_kind paging_classify(u64 va);
/* Is it safe to read 8 bytes there? Walks the tables; for back traces over broken stacks. */
bool paging_readable(u64 va);
