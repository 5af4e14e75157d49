/* SPDX-License-Identifier: MIT
 * boot_info.c - memory regions and modules of struct boot_info, for the doors and the EFI loader.
 *
 * Whatever order, overlap or number firmware reports, kmain() gets sorted regions of which the
 * usable ones overlap nothing.
 */
#include "boot.h"
#include "lib/string.h"

#define PHYS_MAX (1ull << 52) /* bytes; no x86_64 has more address lines */

/* Takes [base, end) out of region i. When that leaves two pieces and the table is full, the
 * larger one stays. */
static void carve(struct boot_info *bi, u32 i, u64 base, u64 end)
{
	struct mem_region *r = &bi->regions[i];
	u64 r_end = r->base + r->len;
	u64 below = base > r->base ? base - r->base : 0;
	u64 above = end < r_end ? r_end - end : 0;

	if (end <= r->base || base >= r_end)
		return;
	if (below && above && bi->nr_regions < BOOT_MAX_REGIONS) {
		bi->regions[bi->nr_regions++] =
			(struct mem_region){.base = end, .len = above, .type = r->type};
		above = 0;
	}
	if (above > below) {
		r->base = end;
		r->len = above;
	} else {
		r->len = below; /* 0: dropped by boot_sort_regions() */
	}
}

static void carve_usable(struct boot_info *bi, u64 base, u64 end)
{
	u32 nr = bi->nr_regions;

	for (u32 i = 0; i < nr; i++)
		if (bi->regions[i].type == MEM_USABLE)
			carve(bi, i, base, end);
}

void boot_add_region(struct boot_info *bi, u64 base, u64 len, enum mem_type type)
{
	struct mem_region *last = bi->nr_regions ? &bi->regions[bi->nr_regions - 1] : NULL;

	if (!len || base >= PHYS_MAX)
		return;
	len = MIN(len, PHYS_MAX - base);
	if (last && last->type == type && last->base + last->len == base)
		last->len += len;
	else if (bi->nr_regions < BOOT_MAX_REGIONS)
		bi->regions[bi->nr_regions++] =
			(struct mem_region){.base = base, .len = len, .type = type};
	else if (type != MEM_USABLE)
		carve_usable(bi, base, base + len); /* no room to name it, but nobody may use it */
}

void boot_add_e820(struct boot_info *bi, u64 base, u64 len, u32 e820_type)
{
	static const u8 type_of[] = {
		[1] = MEM_USABLE,   [2] = MEM_RESERVED, [3] = MEM_ACPI_RECLAIM,
		[4] = MEM_ACPI_NVS, [5] = MEM_BAD,
	};
	bool known = e820_type && e820_type < ARRAY_SIZE(type_of);

	boot_add_region(bi, base, len, known ? type_of[e820_type] : MEM_RESERVED);
}

/* "/boot/site.tar rw" is called "site.tar". */
void boot_add_module(struct boot_info *bi, u64 base, u64 len, const char *label)
{
	struct boot_module *m = &bi->modules[bi->nr_modules];
	const char *name = label;
	size_t n = 0;

	if (bi->nr_modules == BOOT_MAX_MODULES || !base || !len || len > PHYS_MAX ||
	    base > PHYS_MAX - len)
		return;
	for (const char *p = label; *p && *p != ' '; p++)
		if (*p == '/')
			name = p + 1;
	while (n < sizeof(m->name) - 1 && name[n] && name[n] != ' ')
		n++;
	m->base = base;
	m->len = len;
	memcpy(m->name, n ? name : "module", n ?: sizeof("module") - 1);
	m->name[n ?: sizeof("module") - 1] = '\0';
	bi->nr_modules++;
}

/* Insertion sort: firmware gives the regions in order, or nearly so. */
static void sort_by_base(struct boot_info *bi)
{
	for (u32 i = 1; i < bi->nr_regions; i++) {
		struct mem_region r = bi->regions[i];
		u32 j = i;

		for (; j && bi->regions[j - 1].base > r.base; j--)
			bi->regions[j] = bi->regions[j - 1];
		bi->regions[j] = r;
	}
}

/* Joins neighbours of one type that touch or overlap, and closes the gaps that empty regions
 * left. */
static void join_neighbours(struct boot_info *bi)
{
	u32 kept = 0;

	for (u32 i = 0; i < bi->nr_regions; i++) {
		struct mem_region r = bi->regions[i];
		struct mem_region *last = kept ? &bi->regions[kept - 1] : NULL;
		u64 end = r.base + r.len;

		if (!r.len)
			continue;
		if (last && last->type == r.type && last->base + last->len >= r.base)
			last->len = MAX(last->base + last->len, end) - last->base;
		else
			bi->regions[kept++] = r;
	}
	bi->nr_regions = kept;
}

void boot_sort_regions(struct boot_info *bi)
{
	u32 nr = bi->nr_regions;

	for (u32 i = 0; i < nr; i++)
		if (bi->regions[i].type != MEM_USABLE)
			carve_usable(bi, bi->regions[i].base,
				     bi->regions[i].base + bi->regions[i].len);
	sort_by_base(bi);
	join_neighbours(bi);
}
