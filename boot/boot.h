/* SPDX-License-Identifier: MIT
 * boot.h - what the doors share: a bounded view of physical memory, helpers to fill boot_info.
 *
 * A door reads tables that somebody else wrote. It reads them only through boot_read() and its kin,
 * copies what it needs, and never follows a table that does not fit where it says it is: what
 * cannot be read stays empty, and kmain() judges whether that is enough to go on. Portable, so the
 * unit tests feed it hostile tables.
 */
#pragma once

#include "boot_info.h"
#include "doors.h"

/* The physical memory that a door may look at: [0, size), seen from `base` on. */
struct boot_window {
	const u8 *base;
	u64 size; /* bytes */
};

/* The bytes at physical address pa, or NULL when not all len of them lie in the window. Address
 * 0 is "none". */
const void *boot_at(const struct boot_window *w, u64 pa, u64 len);
/* Copies len bytes from physical address pa; false (dst untouched) when they are not in the
 * window. */
bool boot_read(const struct boot_window *w, u64 pa, void *dst, u64 len);
/* Copies a text of at most size-1 characters, always terminated; one that leaves the window is
 * cut there. */
void boot_read_text(const struct boot_window *w, u64 pa, char *dst, size_t size);

/* Adds memory of an e820 type (ACPI 6.4, 15.1) in any order. Empty regions are ignored, wrapping
 * ones are cut. */
void boot_add_e820(struct boot_info *bi, u64 base, u64 len, u32 e820_type);
void boot_add_region(struct boot_info *bi, u64 base, u64 len, enum mem_type type);
/* Adds a module, named by the last path component of the first word of `label`, or "module". */
void boot_add_module(struct boot_info *bi, u64 base, u64 len, const char *label);
/* Sorts the regions by address and takes from the usable ones what another region claims as
 * well. */
void boot_sort_regions(struct boot_info *bi);

/* The doors: each reads its tables at physical address pa into the zeroed *bi. */
void pvh_gather(const struct boot_window *w, u64 pa, struct boot_info *bi);
void multiboot2_gather(const struct boot_window *w, u64 pa, struct boot_info *bi);
void efi_gather(const struct boot_window *w, u64 pa, struct boot_info *bi);

/* Fills *bi through the door that `magic` names (doors.h). */
void boot_gather_from(const struct boot_window *w, u32 magic, u64 pa, struct boot_info *bi);
/* The same for the machine itself; start.S hands the result to kmain(). */
struct boot_info *boot_gather(u32 magic, u64 pa);
