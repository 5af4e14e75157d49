/* SPDX-License-Identifier: MIT
 * paging.h - addresses as drivers see them, for the host: bus addresses are pointers, device windows are fake.
 *
 * Stands in for kernel/arch/x86_64/paging.h, by an earlier include path.
 */
#pragma once

#include "lib/types.h"

#define PAGE_SIZE 4096ul

static inline u64 virt_to_phys(const volatile void *v) { return (u64)(uintptr_t)v; }
/* RAM as the fake machine has it: fake_ram_end in fake_machine.h. */
bool phys_is_mapped(u64 phys, u64 len);
volatile void *mmio_map(u64 phys, u64 len);
