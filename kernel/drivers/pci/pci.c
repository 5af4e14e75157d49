/* SPDX-License-Identifier: MIT
 * pci.c - configuration space (ports CF8/CFC, or ECAM where the MCFG names it), capabilities, BARs, MSI-X enable.
 *
 * Runs in base context on the boot CPU, before interrupts of any device are on: the two accesses of CF8/CFC need no
 * lock. What a device says about itself (capability pointers, BAR and table offsets) is bounded before use.
 */
#include "drivers/pci/pci.h"
#include "drivers/pci/pci_hw.h"
#include "drivers/pci/pci_impl.h"

#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"

#define ECAM_BUS_BYTES (1u << 20) /* 32 slots, 8 functions, 4 KiB each */
#define MAX_CAPS       48	  /* what 192 bytes can hold: a longer list is a loop */

static struct {
	u64 base; /* 0: there is none */
	u8 first_bus, last_bus;
	volatile u8 *bus[256]; /* mapped when a bus is first looked at */
} ecam;

void pci_set_ecam(u64 base, u8 first_bus, u8 last_bus)
{
	ecam.base = base;
	ecam.first_bus = first_bus;
	ecam.last_bus = last_bus;
}

bool pci_ecam_overlaps(u64 base, u64 size)
{
	u64 start = ecam.base + (u64)ecam.first_bus * ECAM_BUS_BYTES;
	u64 end = ecam.base + ((u64)ecam.last_bus + 1) * ECAM_BUS_BYTES;

	return ecam.base && base < end && base + size > start;
}

/* PCI Express 4.0 7.2.2. NULL: this bus has no window. */
static volatile u8 *ecam_function(const struct pci_dev *pdev)
{
	u8 bus = pdev->bus;

	if (!ecam.base || bus < ecam.first_bus || bus > ecam.last_bus)
		return NULL;
	if (!ecam.bus[bus])
		ecam.bus[bus] = mmio_map(ecam.base + (u64)bus * ECAM_BUS_BYTES, ECAM_BUS_BYTES);
	return ecam.bus[bus] ? ecam.bus[bus] + (pdev->slot << 15 | pdev->func << 12) : NULL;
}

static void select_port(const struct pci_dev *pdev, unsigned off)
{
	outl(PCI_CONFIG_ADDRESS, PCI_CONFIG_ENABLE | (u32)pdev->bus << 16 | (u32)pdev->slot << 11 |
					 (u32)pdev->func << 8 | (off & 0xfc));
}

#define CONFIG_ACCESS(bits, suffix)                                                                \
	u##bits pci_read##bits(const struct pci_dev *pdev, unsigned off)                           \
	{                                                                                          \
		volatile u8 *window = ecam_function(pdev);                                         \
                                                                                                   \
		if (window && off < 4096)                                                          \
			return mmio_read##bits(window + off);                                      \
		if (off > 255)                                                                     \
			return (u##bits) - 1;                                                      \
		select_port(pdev, off);                                                            \
		return in##suffix((u16)(PCI_CONFIG_DATA + (off & 3)));                             \
	}                                                                                          \
	void pci_write##bits(const struct pci_dev *pdev, unsigned off, u##bits v)                  \
	{                                                                                          \
		volatile u8 *window = ecam_function(pdev);                                         \
                                                                                                   \
		if (window && off < 4096) {                                                        \
			mmio_write##bits(window + off, v);                                         \
			return;                                                                    \
		}                                                                                  \
		if (off > 255)                                                                     \
			return;                                                                    \
		select_port(pdev, off);                                                            \
		out##suffix((u16)(PCI_CONFIG_DATA + (off & 3)), v);                                \
	}
CONFIG_ACCESS(8, b)
CONFIG_ACCESS(16, w)
CONFIG_ACCESS(32, l)
#undef CONFIG_ACCESS

unsigned pci_find_cap(const struct pci_dev *pdev, u8 id, unsigned after)
{
	unsigned off, n;

	if (!(pci_read16(pdev, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	off = pci_read8(pdev, after ? after + 1 : PCI_CAPABILITY_LIST) & 0xfcu;
	for (n = 0; off >= 0x40 && n < MAX_CAPS; n++) {
		u16 entry = pci_read16(pdev, off); /* id, pointer to the next */

		if ((entry & 0xff) == 0xff)
			break;
		if ((entry & 0xff) == id)
			return off;
		off = entry >> 8 & 0xfc;
	}
	return 0;
}

static void set_command(struct pci_dev *pdev, u16 clear, u16 set)
{
	u16 cmd = pci_read16(pdev, PCI_COMMAND);

	pci_write16(pdev, PCI_COMMAND, (u16)((cmd & ~clear) | set));
}

void pci_enable(struct pci_dev *pdev)
{
	u16 decode = 0;
	unsigned i;

	for (i = 0; i < PCI_NUM_BARS; i++)
		if (pdev->bars[i].size && pdev->bars[i].base)
			decode |= pdev->bars[i].io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	set_command(pdev, 0, decode | PCI_COMMAND_MASTER);
}

void pci_disable_master(struct pci_dev *pdev)
{
	set_command(pdev, PCI_COMMAND_MASTER, 0);
}

volatile void *pci_map_bar(struct pci_dev *pdev, unsigned bar, u64 off, u64 len)
{
	const struct pci_bar *b;

	if (bar >= PCI_NUM_BARS)
		return NULL;
	b = &pdev->bars[bar];
	if (b->io || !b->base || !len || off > b->size || len > b->size - off)
		return NULL;
	return mmio_map(b->base + off, len);
}

volatile u32 *pci_msix_table(struct pci_dev *pdev)
{
	struct pci_msix *m = &pdev->msix;

	if (m->count && !m->table)
		m->table =
			pci_map_bar(pdev, m->bar, m->offset, (u64)m->count * PCI_MSIX_ENTRY_BYTES);
	return m->table;
}

void pci_msix_enable(struct pci_dev *pdev, bool on)
{
	unsigned off = pdev->msix.cap + PCI_MSIX_CONTROL;
	u16 ctl;

	if (!pdev->msix.count)
		return;
	ctl = pci_read16(pdev, off) & (u16) ~(PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);
	pci_write16(pdev, off, on ? ctl | PCI_MSIX_ENABLE : ctl);
	if (on)
		set_command(pdev, 0, PCI_COMMAND_INTX_DISABLE);
	else
		set_command(pdev, PCI_COMMAND_INTX_DISABLE, 0);
}

unsigned pci_intx_root(const struct pci_dev *pdev, unsigned *slot)
{
	unsigned pin = pdev->irq_pin;

	for (; pin && pdev->bridge; pdev = pdev->bridge)
		pin = (pin - 1 + pdev->slot) % 4 + 1;
	*slot = pdev->slot;
	return pin;
}
