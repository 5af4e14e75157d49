/* SPDX-License-Identifier: MIT
 * pci.h - PCI functions as their drivers and the interrupt code see them (PCI Local Bus 3.0, PCI Express Base 4.0 7.5).
 *
 * pci_init() walks the buses once at boot, in base context, and never again: there is no hot plug. The table it fills
 * is read-only afterwards. Interrupts are asked for through core/irq.h; arch/ finds here what it needs for them:
 * where the function sits, its INTx pin and line, and where its MSI-X table is.
 */
#pragma once

#include "lib/types.h"

struct net;

#define PCI_MAX_DEVS 64 /* functions kept; further ones are logged and left alone */
#define PCI_NUM_BARS 6

/* A base address register, decoded and sized. size 0: not implemented, or half of a 64-bit one. */
struct pci_bar {
	u64 base; /* bus address = physical address; 0: could not be placed */
	u64 size; /* bytes */
	bool io, is64, prefetch;
};

/* MSI-X capability (PCI 3.0 6.8.2); count 0: the function has none. */
struct pci_msix {
	u8 cap;       /* offset of the capability in configuration space */
	u8 bar;       /* BAR that holds the table */
	u16 count;    /* table entries, 16 bytes each */
	u32 offset;   /* of the table in that BAR */
	volatile u32 *table; /* mapped by pci_msix_table(), NULL before */
};

struct pci_dev {
	u8 bus, slot, func;
	u8 irq_pin;  /* 1..4 = INTA..INTD, 0: none */
	u8 irq_line; /* what firmware wrote there: an 8259 input, 0xff: unknown */
	u8 revision, hdr_type;
	bool taken;  /* a driver has it */
	u16 vendor, device, subvendor, subdevice;
	u32 class;   /* 24 bits: base class, subclass, interface */
	u16 segment;
	u8 secondary, subordinate; /* of a bridge: the buses behind it */
	struct pci_dev *bridge;    /* the bridge above, NULL on a root bus */
	struct pci_bar bars[PCI_NUM_BARS];
	struct pci_msix msix;
	char name[16]; /* "00:03.0" */
};

/* ---- configuration space. Offsets are below 4096; above 255 only where ECAM is (all ones otherwise) ---- */
u8 pci_read8(const struct pci_dev *pdev, unsigned off);
u16 pci_read16(const struct pci_dev *pdev, unsigned off);
u32 pci_read32(const struct pci_dev *pdev, unsigned off);
void pci_write8(const struct pci_dev *pdev, unsigned off, u8 v);
void pci_write16(const struct pci_dev *pdev, unsigned off, u16 v);
void pci_write32(const struct pci_dev *pdev, unsigned off, u32 v);

/* Offset of the next capability `id` behind `after` (0: the first), 0 when there is none. Walks at most 48 entries. */
unsigned pci_find_cap(const struct pci_dev *pdev, u8 id, unsigned after);

/* ---- what drivers and arch/ do with a function ---- */
/* Memory or I/O decoding on, bus mastering on. */
void pci_enable(struct pci_dev *pdev);
/* Bus mastering off: no DMA after this returns. */
void pci_disable_master(struct pci_dev *pdev);
/* Maps bytes [off, off + len) of a memory BAR, uncached. NULL when the BAR is I/O, unplaced, or too short. */
volatile void *pci_map_bar(struct pci_dev *pdev, unsigned bar, u64 off, u64 len);
/* The mapped MSI-X table (count entries of four u32: address low, high, data, vector control). NULL: none. */
volatile u32 *pci_msix_table(struct pci_dev *pdev);
/* MSI-X Enable on or off; all entries keep their own mask bits. On also turns INTx off (command bit 10). */
void pci_msix_enable(struct pci_dev *pdev, bool on);
/* The INTx pin as it arrives on the root bus: swizzled through the bridges above (PCI-to-PCI bridge 1.2, 9.1).
 * Returns the pin 1..4 (0: none) and the slot on the root bus that raises it. */
unsigned pci_intx_root(const struct pci_dev *pdev, unsigned *slot);

/* ---- enumeration ---- */
/* ECAM window of segment 0 from the ACPI MCFG, given by arch before pci_init(); without it ports CF8/CFC are used. */
void pci_set_ecam(u64 base, u8 first_bus, u8 last_bus);
/* Finds every function, sizes its BARs, places those that firmware left unplaced. Returns how many functions there are. */
unsigned pci_init(void);
/* The i-th function, NULL past the last. */
struct pci_dev *pci_get(unsigned i);

/* ---- drivers: pci_drivers[] in drivers/pci/drivers.c is the one place that lists them ---- */
struct pci_id {
	u16 vendor, device;
};
struct pci_driver {
	const char *name;
	const struct pci_id *ids; /* ends with {0, 0} */
	/* Takes the function: a registered net_device, interrupts requested. 0, or -errno and nothing kept. */
	int (*probe)(struct net *net, struct pci_dev *pdev);
};
extern const struct pci_driver *const pci_drivers[]; /* NULL-terminated */
/* Offers every function to the drivers, in table order. Returns how many were taken. */
unsigned pci_probe(struct net *net);
