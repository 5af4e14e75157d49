/* SPDX-License-Identifier: MIT
 * enumerate.c - finds every PCI function behind bus 0, sizes its BARs and places those that firmware left unplaced.
 *
 * Owns the table of functions. Runs once, in base context, before drivers. Everything is bounded: bridges nest
 * PCI_MAX_DEPTH deep, a bus is entered once, further functions than PCI_MAX_DEVS are left alone. Firmware's own
 * bus numbers and addresses are kept (PCI 3.0 6.2.5.1, PCI-to-PCI bridge 1.2 3.2.5).
 */
#include "drivers/pci/pci.h"
#include "drivers/pci/pci_hw.h"
#include "drivers/pci/pci_impl.h"

#include "arch/x86_64/paging.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "platform.h"

#define PCI_MAX_DEPTH 8
/* Where an unplaced BAR may go: below the IOAPIC and LAPIC, above what any machine uses for low RAM. */
#define HOLE_START 0xc0000000ull
#define HOLE_END   0xfe000000ull

static struct {
	struct pci_dev devs[PCI_MAX_DEVS];
	unsigned nr, lost;
	u8 last_bus;	   /* highest bus number in use */
	u64 seen_buses[4]; /* a bit per bus that was scanned */
} pci;

static void scan_bus(u8 bus, struct pci_dev *bridge, unsigned depth);

struct pci_dev *pci_get(unsigned i)
{
	return i < pci.nr ? &pci.devs[i] : NULL;
}

/* ---- base address registers ---- */

static u32 bar_probe(struct pci_dev *pdev, unsigned reg, u32 *old)
{
	u32 mask;

	*old = pci_read32(pdev, reg);
	pci_write32(pdev, reg, ~0u);
	mask = pci_read32(pdev, reg);
	pci_write32(pdev, reg, *old);
	return mask;
}

/* Decodes BAR i; returns how many registers it takes. */
static unsigned bar_read(struct pci_dev *pdev, unsigned i, unsigned nr_bars)
{
	struct pci_bar *b = &pdev->bars[i];
	unsigned reg = PCI_BAR0 + 4 * i;
	u32 low, high = 0, mask = bar_probe(pdev, reg, &low), high_mask = ~0u;
	u64 size;

	if (!mask || mask == ~0u)
		return 1;
	b->io = low & PCI_BAR_IO;
	if (b->io) {
		b->base = low & PCI_BAR_IO_MASK;
		b->size = -(mask & PCI_BAR_IO_MASK) & 0xffff;
		return 1;
	}
	b->prefetch = low & PCI_BAR_PREFETCH;
	b->is64 = (low & PCI_BAR_TYPE) == PCI_BAR_64 && i + 1 < nr_bars;
	if (b->is64)
		high_mask = bar_probe(pdev, reg + 4, &high);
	size = -((u64)high_mask << 32 | (mask & PCI_BAR_MEM_MASK));
	b->base = (u64)high << 32 | (low & PCI_BAR_MEM_MASK);
	b->size = size & (size - 1) ? 0 : size; /* not a power of two: broken, not used */
	return b->is64 ? 2 : 1;
}

/* Decoding is off while registers hold all ones. Bridges of type 0 (host, ISA) and system peripherals keep theirs on:
 * interrupt controllers and timers may be behind it, and we drive none of them. */
static void read_bars(struct pci_dev *pdev)
{
	unsigned base_class = PCI_CLASS_BASE(pdev->class);
	unsigned i, nr_bars = pdev->hdr_type == PCI_HEADER_BRIDGE ? 2 : PCI_NUM_BARS;
	u16 cmd;

	if (pdev->hdr_type > PCI_HEADER_BRIDGE || base_class == PCI_BASE_SYSTEM_PERIPHERAL ||
	    (base_class == PCI_BASE_BRIDGE && pdev->hdr_type == 0))
		return;
	cmd = pci_read16(pdev, PCI_COMMAND);
	pci_write16(pdev, PCI_COMMAND, cmd & (u16) ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	for (i = 0; i < nr_bars;)
		i += bar_read(pdev, i, nr_bars);
	pci_write16(pdev, PCI_COMMAND, cmd);
}

static void read_msix(struct pci_dev *pdev)
{
	unsigned cap = pci_find_cap(pdev, PCI_CAP_ID_MSIX, 0);
	u32 table;

	if (!cap)
		return;
	table = pci_read32(pdev, cap + PCI_MSIX_TABLE);
	pdev->msix.cap = (u8)cap;
	pdev->msix.bar = table & PCI_MSIX_BIR_MASK;
	pdev->msix.offset = table & ~PCI_MSIX_BIR_MASK;
	pdev->msix.count =
		(u16)((pci_read16(pdev, cap + PCI_MSIX_CONTROL) & PCI_MSIX_SIZE_MASK) + 1);
}

/* ---- the walk ---- */

static u8 new_bus(void)
{
	return pci.last_bus < 0xff ? ++pci.last_bus : 0;
}

/* Goes behind a bridge; gives it bus numbers when firmware did not. */
static void enter_bridge(struct pci_dev *pdev, unsigned depth)
{
	u8 secondary = pci_read8(pdev, PCI_SECONDARY_BUS);
	u8 subordinate = pci_read8(pdev, PCI_SUBORDINATE_BUS);
	bool numbered = secondary > pdev->bus && subordinate >= secondary;

	if (depth >= PCI_MAX_DEPTH)
		return;
	if (!numbered) {
		secondary = new_bus();
		if (!secondary)
			return;
		pci_write8(pdev, PCI_PRIMARY_BUS, pdev->bus);
		pci_write8(pdev, PCI_SECONDARY_BUS, secondary);
		pci_write8(pdev, PCI_SUBORDINATE_BUS, 0xff);
	} else if (subordinate > pci.last_bus) {
		pci.last_bus = subordinate;
	}
	pdev->secondary = secondary;
	scan_bus(secondary, pdev, depth + 1);
	if (!numbered)
		pci_write8(pdev, PCI_SUBORDINATE_BUS, pci.last_bus);
	pdev->subordinate = numbered ? subordinate : pci.last_bus;
}

/* Fills a table entry; NULL when nothing answers there or the table is full. */
static struct pci_dev *add_function(u8 bus, u8 slot, u8 func, struct pci_dev *bridge)
{
	struct pci_dev at = {.bus = bus, .slot = slot, .func = func, .bridge = bridge};
	u32 id = pci_read32(&at, PCI_VENDOR_ID), rev;
	struct pci_dev *pdev;

	if ((id & 0xffff) == 0xffff || !(id & 0xffff))
		return NULL;
	if (pci.nr == PCI_MAX_DEVS) {
		pci.lost++;
		return NULL;
	}
	pdev = &pci.devs[pci.nr++];
	*pdev = at;
	pdev->vendor = (u16)id;
	pdev->device = (u16)(id >> 16);
	rev = pci_read32(pdev, PCI_REVISION_ID);
	pdev->revision = (u8)rev;
	pdev->class = rev >> 8;
	pdev->hdr_type = pci_read8(pdev, PCI_HEADER_TYPE) & (u8)~PCI_HEADER_MULTI;
	pdev->irq_line = pci_read8(pdev, PCI_INTERRUPT_LINE);
	pdev->irq_pin = pci_read8(pdev, PCI_INTERRUPT_PIN);
	if (pdev->irq_pin > 4)
		pdev->irq_pin = 0;
	if (pdev->hdr_type == 0) {
		u32 sub = pci_read32(pdev, PCI_SUBSYSTEM);

		pdev->subvendor = (u16)sub;
		pdev->subdevice = (u16)(sub >> 16);
	}
	snprintf(pdev->name, sizeof(pdev->name), "%02x:%02x.%x", bus, slot, func);
	return pdev;
}

static void add_slot(u8 bus, u8 slot, struct pci_dev *bridge, unsigned depth)
{
	u8 func, nr_funcs = 1;

	for (func = 0; func < nr_funcs; func++) {
		struct pci_dev *pdev = add_function(bus, slot, func, bridge);

		if (!pdev) {
			if (!func)
				return;
			continue;
		}
		if (!func && pci_read8(pdev, PCI_HEADER_TYPE) & PCI_HEADER_MULTI)
			nr_funcs = 8;
		read_bars(pdev);
		read_msix(pdev);
		log_debug("pci %s: %04x:%04x class %06x pin %u line %u msix %u", pdev->name,
			  pdev->vendor, pdev->device, pdev->class, pdev->irq_pin, pdev->irq_line,
			  pdev->msix.count);
		if (pdev->hdr_type == PCI_HEADER_BRIDGE)
			enter_bridge(pdev, depth);
	}
}

static void scan_bus(u8 bus, struct pci_dev *bridge, unsigned depth)
{
	u8 slot;

	if (pci.seen_buses[bus / 64] >> (bus % 64) & 1)
		return;
	pci.seen_buses[bus / 64] |= 1ull << (bus % 64);
	for (slot = 0; slot < 32; slot++)
		add_slot(bus, slot, bridge, depth);
}

/* ---- placing what firmware left unplaced ---- */

static bool ranges_overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* The memory window that a bridge forwards; false when it forwards none. */
static bool bridge_window(const struct pci_dev *bridge, u64 *start, u64 *end)
{
	*start = (u64)(pci_read16(bridge, PCI_MEMORY_BASE) & 0xfff0) << 16;
	*end = ((u64)(pci_read16(bridge, PCI_MEMORY_LIMIT) & 0xfff0) << 16) + 0x100000;
	return *start && *end > *start;
}

/* Is [base, base + size) free for a function below `bridge`? */
static bool range_is_free(const struct pci_dev *bridge, u64 base, u64 size)
{
	u64 start, end;
	unsigned i, k;

	if (pci_ecam_overlaps(base, size) || phys_is_mapped(base, size))
		return false;
	for (i = 0; i < pci.nr; i++) {
		const struct pci_dev *other = &pci.devs[i];

		for (k = 0; k < PCI_NUM_BARS; k++)
			if (!other->bars[k].io && other->bars[k].base &&
			    ranges_overlap(base, size, other->bars[k].base, other->bars[k].size))
				return false;
		if (other->hdr_type == PCI_HEADER_BRIDGE && other->bridge == bridge &&
		    bridge_window(other, &start, &end) &&
		    ranges_overlap(base, size, start, end - start))
			return false;
	}
	return true;
}

/* From the top down, in steps of the size: naturally aligned and at most a few thousand tries. */
static void place_bar(struct pci_dev *pdev, unsigned i)
{
	struct pci_bar *b = &pdev->bars[i];
	u64 start = HOLE_START, end = HOLE_END, step = MAX(b->size, (u64)PAGE_SIZE), base;
	unsigned reg = PCI_BAR0 + 4 * i, tries;

	if (pdev->bridge && !bridge_window(pdev->bridge, &start, &end))
		start = end = 0;
	base = ALIGN_DOWN(end, step);
	for (tries = 0; tries < 4096 && base >= start + step; tries++) {
		base -= step;
		if (!range_is_free(pdev->bridge, base, step))
			continue;
		pci_write32(pdev, reg, (u32)base);
		if (b->is64)
			pci_write32(pdev, reg + 4, 0);
		b->base = base;
		log_info("pci %s: BAR %u placed at %llx", pdev->name, i, (unsigned long long)base);
		return;
	}
	log_warn("pci %s: no room for BAR %u of %llu bytes", pdev->name, i,
		 (unsigned long long)b->size);
}

static void place_bars(struct pci_dev *pdev)
{
	unsigned i;

	for (i = 0; i < PCI_NUM_BARS; i++)
		if (pdev->bars[i].size && !pdev->bars[i].base && !pdev->bars[i].io)
			place_bar(pdev, i);
}

unsigned pci_init(void)
{
	unsigned i;

	pci.nr = pci.lost = pci.last_bus = 0;
	for (i = 0; i < ARRAY_SIZE(pci.seen_buses); i++)
		pci.seen_buses[i] = 0;
	scan_bus(0, NULL, 0);
	for (i = 0; i < pci.nr; i++)
		if (pci.devs[i].hdr_type <= PCI_HEADER_BRIDGE)
			place_bars(&pci.devs[i]);
	if (pci.lost)
		log_warn("pci: %u functions beyond the first %u are left alone", pci.lost,
			 PCI_MAX_DEVS);
	return pci.nr;
}

static bool id_matches(const struct pci_driver *drv, const struct pci_dev *pdev)
{
	const struct pci_id *id;

	for (id = drv->ids; id->vendor; id++)
		if (id->vendor == pdev->vendor && id->device == pdev->device)
			return true;
	return false;
}

static void probe_one(struct net *net, struct pci_dev *pdev)
{
	const struct pci_driver *const *drv;
	int err;

	for (drv = pci_drivers; *drv && !pdev->taken; drv++) {
		if (!id_matches(*drv, pdev))
			continue;
		err = (*drv)->probe(net, pdev);
		if (err)
			log_err("%s %s: not used: %s", (*drv)->name, pdev->name, errno_name(err));
		pdev->taken = !err;
	}
}

unsigned pci_probe(struct net *net)
{
	unsigned i, taken = 0;

	for (i = 0; i < pci.nr; i++) {
		probe_one(net, &pci.devs[i]);
		taken += pci.devs[i].taken;
	}
	return taken;
}
