/* SPDX-License-Identifier: MIT
 * efi.c - the kernel's side of the EFI door: takes what boot/efi/loader.c left in memory.
 */
#include "boot.h"
#include "efi/handover.h"
#include "lib/string.h"

/* The loader speaks the kernel's own struct; it is still only believed as far as its counts are
 * sane. */
void efi_gather(const struct boot_window *w, u64 pa, struct boot_info *bi)
{
	const struct efi_handover *h = boot_at(w, pa, sizeof(*h));

	if (!h || h->magic != EFI_HANDOVER_MAGIC || h->size != sizeof(*h))
		return;
	memcpy(bi, &h->info, sizeof(*bi));
	bi->nr_regions = MIN(bi->nr_regions, (u32)BOOT_MAX_REGIONS);
	bi->nr_modules = MIN(bi->nr_modules, (u32)BOOT_MAX_MODULES);
	for (u32 i = 0; i < bi->nr_modules; i++)
		bi->modules[i].name[sizeof(bi->modules[i].name) - 1] = '\0';
	bi->cmdline[sizeof(bi->cmdline) - 1] = '\0';
}
