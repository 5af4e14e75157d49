/* SPDX-License-Identifier: MIT
 * firmware.c - what the loader asks UEFI: the ACPI tables, the screen, and which memory is free.
 */
#include "efi/loader.h"

u64 firmware_rsdp(void)
{
	static const EFI_GUID wanted[] = {ACPI_20_TABLE_GUID, ACPI_TABLE_GUID};

	for (size_t w = 0; w < ARRAY_SIZE(wanted); w++)
		for (UINTN i = 0; i < ST->NumberOfTableEntries; i++)
			if (!CompareGuid(&ST->ConfigurationTable[i].VendorGuid,
					 (EFI_GUID *)&wanted[w]))
				return (u64)ST->ConfigurationTable[i].VendorTable;
	return 0;
}

static void colours_of(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info,
		       struct boot_framebuffer *fb)
{
	switch (info->PixelFormat) {
	case PixelRedGreenBlueReserved8BitPerColor:
		fb->bpp = 32;
		fb->green_pos = 8;
		fb->blue_pos = 16;
		break;
	case PixelBlueGreenRedReserved8BitPerColor:
		fb->bpp = 32;
		fb->red_pos = 16;
		fb->green_pos = 8;
		break;
	case PixelBitMask:
		if (!info->PixelInformation.RedMask || !info->PixelInformation.GreenMask ||
		    !info->PixelInformation.BlueMask)
			break;
		fb->bpp = 32;
		fb->red_pos = __builtin_ctz(info->PixelInformation.RedMask);
		fb->green_pos = __builtin_ctz(info->PixelInformation.GreenMask);
		fb->blue_pos = __builtin_ctz(info->PixelInformation.BlueMask);
		break;
	default: /* PixelBltOnly: no memory to write to */
		break;
	}
}

void firmware_framebuffer(struct boot_framebuffer *fb)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;

	if (EFI_ERROR(BS->LocateProtocol(&guid, NULL, (void **)&gop)) || !gop->Mode ||
	    !gop->Mode->Info)
		return;
	colours_of(gop->Mode->Info, fb);
	if (!fb->bpp)
		return;
	fb->base = gop->Mode->FrameBufferBase;
	fb->width = gop->Mode->Info->HorizontalResolution;
	fb->height = gop->Mode->Info->VerticalResolution;
	fb->pitch = gop->Mode->Info->PixelsPerScanLine * 4;
}

/* Bytes of [base, base + len) that this descriptor gives to the kernel. */
static u64 free_bytes(const EFI_MEMORY_DESCRIPTOR *d, u64 base, u64 len)
{
	u64 lo = MAX(base, d->PhysicalStart);
	u64 hi = MIN(base + len, d->PhysicalStart + d->NumberOfPages * EFI_PAGE_SIZE);

	return efi_mem_type(d->Type) == MEM_USABLE && hi > lo ? hi - lo : 0;
}

bool firmware_is_free(u64 base, u64 len)
{
	UINTN nr, key, size;
	UINT32 version;
	EFI_MEMORY_DESCRIPTOR *map = LibMemoryMap(&nr, &key, &size, &version);
	u64 found = 0;

	if (!map)
		return false;
	for (UINTN i = 0; i < nr; i++)
		found += free_bytes((const void *)((const u8 *)map + i * size), base, len);
	FreePool(map);
	return found == len;
}
