/* SPDX-License-Identifier: MIT
 * handover.h - what the EFI loader leaves in memory for the kernel: rdi of boot_entry64 points to
 * it.
 *
 * Loader and kernel may come from different builds; the size tells them apart when the struct has
 * changed.
 */
#pragma once

#include "boot_info.h"

#define EFI_HANDOVER_MAGIC 0x6572697765726162ull /* "barewire" in memory */

struct efi_handover {
	u64 magic;
	u64 size;	       /* bytes of this struct */
	struct boot_info info; /* all of it but `door` */
};
