/* SPDX-License-Identifier: MIT
 * page.h - physical pages at boot, and what the slab allocator needs to know of a page afterwards.
 *
 * pages_alloc(), pages_free() and mem_totals() are declared in platform.h.
 */
#pragma once

#include "boot_info.h"

#define PAGE_MAX_ORDER 20 /* blocks of up to 4 GiB */

/* Collects usable memory from the boot map: above 1 MiB, without the image and the modules. */
void mem_init(const struct boot_info *bi);
/* Zeroed whole pages below 4 GiB that are never given back; between mem_init() and page_init(). NULL: none left. */
void *early_alloc(size_t bytes);
/* Gives the rest to the buddy allocator; the direct map must be complete. */
void page_init(void);

enum page_kind { PAGE_OTHER, PAGE_FREE, PAGE_USED, PAGE_SLAB }; /* OTHER: not the first page of a block */

/* What the page at p is, and the order of its block. */
enum page_kind page_lookup(const void *p, unsigned *order);
/* How often pages_alloc() gave a block. */
u64 page_allocs(void);
/* Marks a block from pages_alloc(order) as a slab, every page of it, or as plain pages again. */
void page_set_slab(void *block, unsigned order, bool slab);
