/* SPDX-License-Identifier: MIT
 * elf_image.h - what the EFI loader needs to know of the kernel's ELF file before it believes it.
 *
 * Portable: the unit tests feed it broken files.
 */
#pragma once

#include "lib/types.h"

#define ELF_MAX_SEGMENTS 8
#define ELF_PHYS_MIN	 0x100000ull   /* bytes; below lies firmware's and the BIOS's */
#define ELF_SPAN_MAX	 (64ull << 20) /* bytes; kernel.lds asserts it */

struct elf_segment {
	u64 offset, file_len; /* in the file */
	u64 phys, mem_len;    /* in memory; what the file lacks of it is zero */
};

struct elf_image {
	u64 phys, len; /* all segments lie in [phys, phys + len) */
	u64 entry;     /* physical */
	u32 nr_segments;
	struct elf_segment segments[ELF_MAX_SEGMENTS];
};

/* Checks the file and describes it. NULL, or what is wrong with it. */
const char *elf_parse(const void *file, u64 len, struct elf_image *image);
/* Lays the segments out in `at`, image->len bytes, which stands for image->phys. */
void elf_place(const void *file, const struct elf_image *image, void *at);
