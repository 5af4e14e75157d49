/* SPDX-License-Identifier: MIT
 * e1000.h - the door of the e1000 driver: its row for the driver table.
 */
#pragma once

#include "drivers/pci/pci.h"

extern const struct pci_driver e1000_driver;
