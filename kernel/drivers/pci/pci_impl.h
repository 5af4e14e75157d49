/* SPDX-License-Identifier: MIT
 * pci_impl.h - what the files of drivers/pci/ share.
 */
#pragma once

#include "drivers/pci/pci.h"

/* Does a physical range touch the ECAM window? */
bool pci_ecam_overlaps(u64 base, u64 size);
