/* SPDX-License-Identifier: MIT
 * irq.h - interrupt lines as a driver sees them. Implemented by arch (IOAPIC, MSI-X); no controller detail here.
 */
#pragma once

#include "lib/types.h"

/* Hard-IRQ handler: acknowledges and masks its device, calls napi_schedule(), touches no packet.
 * Returns false when the interrupt was not the device's (shared INTx). */
typedef bool (*irq_handler_t)(void *arg);

struct pci_dev;

/* Level-triggered INTx of a PCI function, routed by ACPI or the PIIX/ICH pins; shared lines are allowed. 0 or -errno. */
int irq_request_intx(struct pci_dev *pdev, const char *name, irq_handler_t fn, void *arg);
/* A level-triggered input of an I/O APIC by its number; whoever asks knows that it is no PCI function's. 0 or -errno. */
int irq_request_gsi(unsigned gsi, bool active_low, const char *name, irq_handler_t fn, void *arg);
/* Entry `index` of the function's MSI-X table, delivered to `cpu`. 0 or -errno (-ENOSPC: no vector left). */
int irq_request_msix(struct pci_dev *pdev, unsigned index, unsigned cpu, const char *name,
		     irq_handler_t fn, void *arg);
/* Number of MSI-X entries of the function, 0 when it has none. */
unsigned irq_msix_count(struct pci_dev *pdev);

struct irq_stat {
	const char *name;
	unsigned vector, cpu;
	u64 count[16];  /* per CPU */
	u64 unhandled;
};
/* The i-th line in use, NULL past the last: for `irq` on the console. */
const struct irq_stat *irq_stat_get(unsigned i);
