/* SPDX-License-Identifier: MIT
 * handoff.c - from UEFI to the kernel: leaves boot services, lists the memory, moves the image into
 * place, jumps.
 *
 * The kernel is linked for one physical address, and boot services may live there until they end.
 * So its segments wait elsewhere, and a copy of the trampoline moves them afterwards, under page
 * tables that lie elsewhere too.
 */
#include "efi/loader.h"

#define LEAVE_TRIES 8
#define MAP_SLACK   (16 * 1024) /* bytes: the map grows with what is allocated after asking */
#define TABLE_PAGES 6		/* PML4, PDPT, four page directories */

#define PTE_TABLE 0x3  /* present, writable */
#define PTE_LARGE 0x83 /* and a 2 MiB page */
#define CR4_LA57  (1ull << 12)

typedef void (*trampoline_fn)(u64 to, u64 from, u64 len, u64 tables, u64 entry,
			      struct efi_handover *h) __attribute__((sysv_abi, noreturn));

enum mem_type efi_mem_type(UINT32 type)
{
	switch (type) {
	case EfiConventionalMemory:
	case EfiLoaderCode:
	case EfiLoaderData:
	case EfiBootServicesCode:
	case EfiBootServicesData:
		return MEM_USABLE;
	case EfiACPIReclaimMemory:
		return MEM_ACPI_RECLAIM;
	case EfiACPIMemoryNVS:
		return MEM_ACPI_NVS;
	case EfiUnusableMemory:
		return MEM_BAD;
	default:
		return MEM_RESERVED;
	}
}

static void fill_tables(u64 *t)
{
	u64 at = (u64)t;

	t[0] = (at + EFI_PAGE_SIZE) | PTE_TABLE;
	for (u64 i = 0; i < 4; i++)
		t[512 + i] = (at + (2 + i) * EFI_PAGE_SIZE) | PTE_TABLE;
	for (u64 i = 0; i < 4 * 512; i++)
		t[1024 + i] = (i << 21) | PTE_LARGE;
}

static UINTN map_size(void)
{
	UINTN size = 0, key, each;
	UINT32 version;

	BS->GetMemoryMap(&size, NULL, &key, &each, &version);
	return size + MAP_SLACK;
}

static bool has_five_levels(void)
{
	u64 cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	return cr4 & CR4_LA57;
}

bool handoff_prepare(struct handoff *h, const struct elf_image *image, struct keep_out out)
{
	h->map_size = map_size();
	h->map = loader_pages(EfiLoaderData, h->map_size, out);
	h->staging = loader_pages(EfiLoaderData, image->len, out);
	h->trampoline = loader_pages(EfiLoaderCode, EFI_PAGE_SIZE, out);
	h->tables = loader_pages(EfiLoaderData, TABLE_PAGES * EFI_PAGE_SIZE, out);
	h->handover = (struct efi_handover *)loader_pages(EfiLoaderData, sizeof(*h->handover), out);
	if (!h->map || !h->staging || !h->trampoline || !h->tables || !h->handover)
		return false;
	CopyMem((void *)h->trampoline, (void *)trampoline_start, trampoline_end - trampoline_start);
	fill_tables((u64 *)h->tables);
	return true;
}

static void list_memory(const struct handoff *h, UINTN size, UINTN each)
{
	struct boot_info *bi = &h->handover->info;

	for (UINTN at = 0; at + each <= size; at += each) {
		const EFI_MEMORY_DESCRIPTOR *d = (const void *)(h->map + at);

		boot_add_region(bi, d->PhysicalStart, d->NumberOfPages * EFI_PAGE_SIZE,
				efi_mem_type(d->Type));
	}
}

EFI_STATUS handoff_leave(EFI_HANDLE loader, struct handoff *h, const struct elf_image *image)
{
	UINTN size = 0, key, each = 0;
	UINT32 version;
	EFI_STATUS status = EFI_UNSUPPORTED;

	/* Four-level tables cannot be loaded while five-level paging is on, nor can that end in
	 * long mode. */
	if (has_five_levels())
		return status;
	/* Boot services may change the map between the two calls; then the key is stale and both
	 * are done again. */
	for (int tries = 0; tries < LEAVE_TRIES; tries++) {
		size = h->map_size;
		status = BS->GetMemoryMap(&size, (void *)h->map, &key, &each, &version);
		if (!EFI_ERROR(status))
			status = BS->ExitBootServices(loader, key);
		if (status != EFI_INVALID_PARAMETER)
			break;
	}
	if (EFI_ERROR(status))
		return status;
	list_memory(h, size, each);
	((trampoline_fn)h->trampoline)(image->phys, h->staging, image->len, h->tables, image->entry,
				       h->handover);
}
