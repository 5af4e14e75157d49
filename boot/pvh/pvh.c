/* SPDX-License-Identifier: MIT
 * pvh.c - the door of `qemu -kernel` and of other monitors that boot a PVH guest.
 *
 * Layouts: xen/include/public/arch-x86/hvm/start_info.h. Version 0 has no memory map (nobody who
 * boots us leaves it out); later versions only append, so anything from 1 on is read as 1.
 */
#include "boot.h"

#define PVH_MAX_ENTRIES 4096 /* of a list whose count an outsider wrote */

struct hvm_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist_paddr, cmdline_paddr, rsdp_paddr;
	u64 memmap_paddr; /* version 1 */
	u32 memmap_entries, reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "as Xen lays it out");

struct hvm_modlist_entry {
	u64 paddr, size, cmdline_paddr, reserved;
};

struct hvm_memmap_table_entry {
	u64 addr, size;
	u32 type, reserved; /* e820's types */
};

static void gather_memory(const struct boot_window *w, const struct hvm_start_info *si,
			  struct boot_info *bi)
{
	struct hvm_memmap_table_entry e;
	u32 nr = MIN(si->memmap_entries, (u32)PVH_MAX_ENTRIES);

	for (u32 i = 0; i < nr; i++)
		if (boot_read(w, si->memmap_paddr + i * sizeof(e), &e, sizeof(e)))
			boot_add_e820(bi, e.addr, e.size, e.type);
}

static void gather_modules(const struct boot_window *w, const struct hvm_start_info *si,
			   struct boot_info *bi)
{
	struct hvm_modlist_entry e;
	char label[128];
	u32 nr = MIN(si->nr_modules, (u32)BOOT_MAX_MODULES);

	for (u32 i = 0; i < nr; i++) {
		if (!boot_read(w, si->modlist_paddr + i * sizeof(e), &e, sizeof(e)))
			break;
		boot_read_text(w, e.cmdline_paddr, label, sizeof(label));
		boot_add_module(bi, e.paddr, e.size, label);
	}
}

void pvh_gather(const struct boot_window *w, u64 pa, struct boot_info *bi)
{
	struct hvm_start_info si;

	if (!boot_read(w, pa, &si, sizeof(si)) || si.magic != DOOR_MAGIC_PVH)
		return;
	bi->rsdp = si.rsdp_paddr;
	boot_read_text(w, si.cmdline_paddr, bi->cmdline, sizeof(bi->cmdline));
	if (si.version >= 1 && si.memmap_paddr)
		gather_memory(w, &si, bi);
	if (si.modlist_paddr)
		gather_modules(w, &si, bi);
}
