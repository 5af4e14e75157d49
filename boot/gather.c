/* SPDX-License-Identifier: MIT
 * gather.c - start.S calls boot_gather() here, and hands its result to kmain().
 *
 * Apart from boot_info.c because it alone knows where the boot page tables show physical memory.
 */
#include "arch/x86_64/paging.h"
#include "boot.h"

#define BOOT_MAPPED (4ull << 30) /* bytes of physical memory that start.S maps at DIRECT_MAP_BASE */

static struct boot_info boot_info; /* in .bss: zeroed by whoever loaded us */

struct boot_info *boot_gather(u32 magic, u64 pa);

struct boot_info *boot_gather(u32 magic, u64 pa)
{
	const struct boot_window w = { .base = (const u8 *)DIRECT_MAP_BASE, .size = BOOT_MAPPED };

	boot_gather_from(&w, magic, pa, &boot_info);
	return &boot_info;
}
