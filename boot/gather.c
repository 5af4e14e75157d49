/* SPDX-License-Identifier: MIT
 * gather.c - picks the door by its magic and fills the one struct boot_info of this machine.
 *
 * start.S calls boot_gather() before kmain(), on the boot stack and the boot page tables. Owns
 * boot_info; kmain() gets it and keeps it.
 */
#include "arch/x86_64/paging.h"
#include "boot.h"

static const struct {
	u32 magic;
	const char *name;
	void (*gather)(const struct boot_window *w, u64 pa, struct boot_info *bi);
} doors[] = {
	{DOOR_MAGIC_PVH, "pvh", pvh_gather},
	{DOOR_MAGIC_MB2, "multiboot2", multiboot2_gather},
	{DOOR_MAGIC_EFI, "efi", efi_gather},
};

void boot_gather_from(const struct boot_window *w, u32 magic, u64 pa, struct boot_info *bi)
{
	const char *name = "unknown";

	for (size_t i = 0; i < ARRAY_SIZE(doors); i++) {
		if (doors[i].magic != magic)
			continue;
		name = doors[i].name;
		doors[i].gather(w, pa, bi);
	}
	bi->door = name;
	boot_sort_regions(bi);
}

#define BOOT_MAPPED (4ull << 30) /* bytes of physical memory that start.S maps at DIRECT_MAP_BASE */

static struct boot_info boot_info; /* in .bss: zeroed by whoever loaded us */

struct boot_info *boot_gather(u32 magic, u64 pa)
{
	const struct boot_window w = {.base = (const u8 *)DIRECT_MAP_BASE, .size = BOOT_MAPPED};

	boot_gather_from(&w, magic, pa, &boot_info);
	return &boot_info;
}
