/* SPDX-License-Identifier: MIT
 * doors.h - how the first instructions tell the C code which door the kernel came through. Read by
 * start.S too.
 */
#pragma once

#define MB2_HEADER_MAGIC	 0xe85250d6
#define XEN_ELFNOTE_PHYS32_ENTRY 18 /* xen/include/public/elfnote.h */

/* In edi at boot_gather(). Multiboot2's value is in eax by its specification (3.3); the others
 * are ours. */
#define DOOR_MAGIC_MB2 0x36d76289
#define DOOR_MAGIC_PVH 0x336ec578 /* the magic of hvm_start_info itself */
#define DOOR_MAGIC_EFI 0x45464931

#define BOOT_STACK 32768 /* bytes; the first CPU keeps it: boot, then its loop */
