/* SPDX-License-Identifier: MIT
 * ioapic.h - the I/O APICs: global system interrupts (GSI) become vectors.
 */
#pragma once

#include "lib/types.h"

/* Maps every IOAPIC of the MADT and masks all inputs. */
void ioapic_init(void);
/* Sends a GSI to a CPU as `vector`; it stays masked. -ENODEV: no IOAPIC has it. Level means a PCI interrupt line. */
int ioapic_route(u32 gsi, u8 vector, u32 to_apic_id, bool level, bool active_low);
/* The same as an NMI, edge-triggered. */
int ioapic_route_nmi(u32 gsi, u32 to_apic_id);
void ioapic_mask(u32 gsi);
void ioapic_unmask(u32 gsi);
