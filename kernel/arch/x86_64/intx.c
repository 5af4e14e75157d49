/* SPDX-License-Identifier: MIT
 * intx.c - which IOAPIC input is a PCI function's INTx pin?
 *
 * ACPI's full answer (_PRT) needs an AML interpreter. Instead: the interrupt line register, where firmware wrote the ISA
 * interrupt it routed the pin to, then the MADT's overrides. Where firmware did not, the chipset's own wiring is used: PIIX
 * (i440fx: PIRQ route registers to ISA interrupts) and ICH9 (q35: PIRQE-H are IOAPIC inputs 20-23).
 */
#include "core/irq_impl.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/pic.h"
#include "drivers/pci/pci.h"
#include "lib/errno.h"
#include "platform.h"

#define PCI_VENDOR_INTEL  0x8086
#define PCI_DEVICE_PIIX3  0x7000
#define PCI_DEVICE_PIIX4  0x7110
#define PCI_DEVICE_ICH9   0x2918
#define PIIX_PIRQ_ROUTE   0x60 /* one byte per PIRQA-D: ISA interrupt, bit 7 = not routed (82371SB 2.2.2) */
#define PIRQ_NOT_ROUTED   0x80
#define ICH9_FIRST_GSI    16   /* PIRQA */
#define ICH9_INTERNAL     25   /* slots from here on are wired one by one */

#define PCI_COMMAND       0x04
#define COMMAND_INTX_OFF  (1u << 10)

#define MAX_GSIS          64

struct route {
	u32 gsi;
	bool level, active_low;
};

static u8 gsi_vector[MAX_GSIS]; /* 0: not in use yet */

static struct route isa_route(u8 irq)
{
	const struct acpi_isa_irq *isa = &acpi.isa[irq];

	if (isa->overridden)
		return (struct route){ isa->gsi, true, isa->active_low };
	return (struct route){ isa->gsi, true, true }; /* PCI's own: level, active low */
}

static const struct pci_dev *find_bridge(u16 device)
{
	const struct pci_dev *d;
	unsigned i;

	for (i = 0; (d = pci_get(i)); i++)
		if (d->vendor == PCI_VENDOR_INTEL && d->device == device)
			return d;
	return NULL;
}

/* i440fx: pin p of slot s arrives at PIRQ (s - 1 + p - 1) mod 4. An unrouted one gets ISA interrupt 10 or 11. */
static struct route piix_route(const struct pci_dev *bridge, unsigned slot, unsigned pin)
{
	unsigned pirq = (slot + pin + 2) & 3;
	u8 irq = pci_read8(bridge, PIIX_PIRQ_ROUTE + pirq);

	if (irq & PIRQ_NOT_ROUTED || irq < 3 || irq >= ISA_IRQS) {
		irq = pirq & 1 ? 11 : 10;
		pci_write8(bridge, PIIX_PIRQ_ROUTE + pirq, irq);
	}
	pic_set_level(irq);
	return isa_route(irq);
}

static int find_route(const struct pci_dev *pdev, struct route *out)
{
	const struct pci_dev *bridge;
	unsigned slot, pin = pci_intx_root(pdev, &slot);

	if (!pin)
		return -ENODEV;
	if (pdev->irq_line && pdev->irq_line < ISA_IRQS) {
		*out = isa_route(pdev->irq_line);
		return 0;
	}
	bridge = find_bridge(PCI_DEVICE_PIIX3) ?: find_bridge(PCI_DEVICE_PIIX4);
	if (bridge) {
		*out = piix_route(bridge, slot, pin);
		return 0;
	}
	if (!find_bridge(PCI_DEVICE_ICH9) || slot >= ICH9_INTERNAL)
		return -ENODEV;
	*out = (struct route){ ICH9_FIRST_GSI + 4 + (slot + pin - 1) % 4, true, true };
	return 0;
}

/* The vector of a GSI, which functions on the same line share. */
static int route_vector(const struct route *r, const char *name)
{
	int vector, err;

	if (r->gsi >= MAX_GSIS)
		return -ENODEV;
	if (gsi_vector[r->gsi])
		return gsi_vector[r->gsi];
	vector = irq_vector_alloc(name, 0, ioapic_mask, r->gsi);
	if (vector < 0)
		return vector;
	err = ioapic_route(r->gsi, (u8)vector, cpus[0].apic_id, r->level, r->active_low);
	if (err) {
		irq_vector_free((unsigned)vector);
		return err;
	}
	gsi_vector[r->gsi] = (u8)vector;
	return vector;
}

int irq_request_gsi(unsigned gsi, bool active_low, const char *name, irq_handler_t fn, void *arg)
{
	struct route r = { gsi, true, active_low };
	int vector = route_vector(&r, name), err;

	if (vector < 0)
		return vector;
	err = irq_add_handler((unsigned)vector, fn, arg);
	if (!err)
		ioapic_unmask(gsi);
	return err;
}

int irq_request_intx(struct pci_dev *pdev, const char *name, irq_handler_t fn, void *arg)
{
	struct route r;
	int vector, err;

	err = find_route(pdev, &r);
	if (err) {
		log_err("irq: %s: nobody knows where its INTx pin goes", pdev->name);
		return err;
	}
	vector = route_vector(&r, name);
	if (vector < 0)
		return vector;
	err = irq_add_handler((unsigned)vector, fn, arg);
	if (err)
		return err;
	pci_write16(pdev, PCI_COMMAND, pci_read16(pdev, PCI_COMMAND) & ~COMMAND_INTX_OFF);
	ioapic_unmask(r.gsi);
	log_debug("irq: %s INT%c is GSI %u, vector %d", pdev->name, 'A' + pdev->irq_pin - 1, r.gsi, vector);
	return 0;
}
