/* SPDX-License-Identifier: MIT
 * msi.c - MSI-X: a device writes its interrupt to a CPU itself (PCI 3.0 6.8.2, Intel SDM 3A 10.11).
 *
 * One vector per table entry, edge triggered, one CPU each. Set up at boot only.
 */
#include "core/irq_impl.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/io.h"
#include "drivers/pci/pci.h"
#include "lib/errno.h"

#define MSI_ADDRESS     0xfee00000u
#define MSI_MAX_APIC_ID 0xff /* eight bits of destination; more would need interrupt remapping */

enum { ENTRY_ADDRESS_LOW, ENTRY_ADDRESS_HIGH, ENTRY_DATA, ENTRY_CONTROL, ENTRY_WORDS };
#define CONTROL_MASKED 1

unsigned irq_msix_count(struct pci_dev *pdev) { return pdev->msix.count; }

int irq_request_msix(struct pci_dev *pdev, unsigned index, unsigned cpu, const char *name,
		     irq_handler_t fn, void *arg)
{
	volatile u32 *table, *e;
	int vector, err;

	if (index >= pdev->msix.count || cpu >= nr_cpus)
		return -EINVAL;
	table = pci_msix_table(pdev);
	if (!table || cpus[cpu].apic_id > MSI_MAX_APIC_ID)
		return -ENODEV;
	vector = irq_vector_alloc(name, cpu, NULL, 0);
	if (vector < 0)
		return vector;
	err = irq_add_handler((unsigned)vector, fn, arg);
	if (err)
		return err;
	e = &table[index * ENTRY_WORDS];
	mmio_write32(&e[ENTRY_CONTROL], CONTROL_MASKED);
	mmio_write32(&e[ENTRY_ADDRESS_LOW], MSI_ADDRESS | cpus[cpu].apic_id << 12);
	mmio_write32(&e[ENTRY_ADDRESS_HIGH], 0);
	mmio_write32(&e[ENTRY_DATA], (u32)vector);
	pci_msix_enable(pdev, true);
	mmio_write32(&e[ENTRY_CONTROL], 0);
	return 0;
}
