/* SPDX-License-Identifier: MIT
 * boot_info.h - what every boot door hands to kmain(), in one shape.
 *
 * The doors (boot/grub, boot/efi, boot/pvh) fill it from their own tables; nothing after them knows which
 * door was used but for its name. All addresses are physical.
 */
#pragma once

#include "lib/types.h"
#include "config.h"

enum mem_type { MEM_USABLE = 1, MEM_RESERVED, MEM_ACPI_RECLAIM, MEM_ACPI_NVS, MEM_BAD };

struct mem_region {
	u64 base, len; /* bytes */
	u32 type;      /* enum mem_type */
	u32 pad;
};

struct boot_module {
	u64 base, len;
	char name[48]; /* last part of its path or its command line */
};

struct boot_framebuffer {
	u64 base;
	u32 width, height, pitch; /* pixels, pixels, bytes */
	u8 bpp;                   /* 0: there is none */
	u8 red_pos, green_pos, blue_pos;
};

#define BOOT_MAX_REGIONS 128
#define BOOT_MAX_MODULES 8

struct boot_info {
	const char *door; /* "pvh", "multiboot2", "efi" */
	u64 rsdp;         /* ACPI RSDP, 0: unknown, search for it */
	u32 nr_regions, nr_modules;
	struct mem_region regions[BOOT_MAX_REGIONS];
	struct boot_module modules[BOOT_MAX_MODULES];
	struct boot_framebuffer fb;
	char cmdline[CMDLINE_MAX];
};
