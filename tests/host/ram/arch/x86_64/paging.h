/* SPDX-License-Identifier: MIT
 * paging.h - physical memory as one array of the test, for what reads or hands out RAM itself (mm/, acpi.c).
 *
 * Stands in for kernel/arch/x86_64/paging.h, by an earlier include path.
 */
#pragma once

#include "lib/types.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))

extern u8 *host_ram; /* physical address 0; aligned to the largest block a test frees into the allocator */
extern u64 host_ram_size;
extern u64 host_image_start, host_image_end;

static inline void *phys_to_virt(u64 phys) { return host_ram + phys; }
static inline u64 virt_to_phys(const volatile void *v) { return (u64)((const volatile u8 *)v - host_ram); }
static inline bool phys_is_mapped(u64 phys, u64 len) { return phys < host_ram_size && len <= host_ram_size - phys; }
static inline void kernel_image_range(u64 *start, u64 *end)
{
	*start = host_image_start;
	*end = host_image_end;
}
