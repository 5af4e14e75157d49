/* SPDX-License-Identifier: MIT
 * loader.h - the rooms of BOOTX64.EFI: volume (files), firmware (tables), handoff (the way out).
 *
 * All runs in one thread of UEFI boot services (UEFI 2.10, 7), in the firmware's identity map,
 * until handoff_leave(). Memory that the kernel shall find is below 4 GiB, where its boot page
 * tables reach.
 */
#pragma once

#include <efi.h>
#include <efilib.h>

#include "boot.h"
#include "efi/elf_image.h"
#include "efi/handover.h"

/* A file read whole into pages of its own. base 0: there is none. */
struct loaded_file {
	u64 base, len;
};

/* Where the kernel will lie: nothing that must survive until it runs may be allocated here. */
struct keep_out {
	u64 base, end;
};

/* Pages below 4 GiB and outside `out`, zeroed; 0 when there are none. */
u64 loader_pages(EFI_MEMORY_TYPE type, u64 len, struct keep_out out);

/* The volume that the loader itself was read from; NULL when it has no file system. */
EFI_FILE_PROTOCOL *volume_open(EFI_HANDLE loader);
/* Reads a file of the volume's root. EFI_NOT_FOUND when it is not there. */
EFI_STATUS volume_read(EFI_FILE_PROTOCOL *root, CHAR16 *name, struct keep_out out,
		       struct loaded_file *file);

/* Physical address of the ACPI RSDP, the newest there is, or 0. */
u64 firmware_rsdp(void);
/* The screen that the firmware set up, if there is one that memory writes reach. */
void firmware_framebuffer(struct boot_framebuffer *fb);
/* What a UEFI memory type is to the kernel, once boot services are gone. */
enum mem_type efi_mem_type(UINT32 type);
/* Is all of [base, base + len) free for the kernel once boot services are gone? */
bool firmware_is_free(u64 base, u64 len);

/* What is needed after boot services: allocated while they last. */
struct handoff {
	u64 staging;	/* the kernel's segments, image.len bytes */
	u64 trampoline; /* a page of code */
	u64 tables;	/* page tables, identity for 4 GiB */
	u64 map;	/* room for the memory map */
	UINTN map_size; /* bytes */
	struct efi_handover *handover;
};

/* false when memory is out. */
bool handoff_prepare(struct handoff *h, const struct elf_image *image, struct keep_out out);
/* Leaves boot services, fills in the memory regions, moves the kernel into place and jumps.
 * Returns only on failure. */
EFI_STATUS handoff_leave(EFI_HANDLE loader, struct handoff *h, const struct elf_image *image);

/* trampoline.S: position-independent, copied to h->trampoline and called there. */
extern const u8 trampoline_start[], trampoline_end[];
