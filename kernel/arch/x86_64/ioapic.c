/* SPDX-License-Identifier: MIT
 * ioapic.c - 82093AA and its descendants: an index register, a data register, 64 bits per input.
 *
 * Written at boot by the boot CPU; afterwards only ioapic_mask() may come, from a hard IRQ that nobody wanted.
 */
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/spinlock.h"
#include "lib/errno.h"
#include "platform.h"

#define IOREGSEL       0x00
#define IOWIN          0x10
#define REG_VERSION    0x01 /* bits 16-23: last input */
#define REG_REDIRECT   0x10 /* two registers per input */

#define REDIR_NMI      (4u << 8)
#define REDIR_LOW      (1u << 13)
#define REDIR_LEVEL    (1u << 15)
#define REDIR_MASKED   (1u << 16)

struct ioapic {
	volatile char *regs;
	u32 gsi_base, inputs;
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned nr_ioapics;
static struct spinlock lock; /* of the index register */

static u32 ioapic_read(const struct ioapic *io, u32 reg)
{
	mmio_write32(io->regs + IOREGSEL, reg);
	return mmio_read32(io->regs + IOWIN);
}

static void ioapic_write(const struct ioapic *io, u32 reg, u32 v)
{
	mmio_write32(io->regs + IOREGSEL, reg);
	mmio_write32(io->regs + IOWIN, v);
}

void ioapic_init(void)
{
	unsigned i, pin;

	for (i = 0; i < acpi.nr_ioapics; i++) {
		struct ioapic *io = &ioapics[nr_ioapics];

		io->regs = mmio_map(acpi.ioapics[i].address, 0x20);
		if (!io->regs)
			continue;
		io->gsi_base = acpi.ioapics[i].gsi_base;
		io->inputs = (ioapic_read(io, REG_VERSION) >> 16 & 0xff) + 1;
		for (pin = 0; pin < io->inputs; pin++)
			ioapic_write(io, REG_REDIRECT + 2 * pin, REDIR_MASKED);
		nr_ioapics++;
	}
}

static const struct ioapic *ioapic_of(u32 gsi)
{
	unsigned i;

	for (i = 0; i < nr_ioapics; i++)
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].inputs)
			return &ioapics[i];
	return NULL;
}

static int redirect(u32 gsi, u32 low, u32 to_apic_id)
{
	const struct ioapic *io = ioapic_of(gsi);
	u32 reg;

	if (!io || to_apic_id > 0xff) /* physical destination mode has eight bits */
		return -ENODEV;
	reg = REG_REDIRECT + 2 * (gsi - io->gsi_base);
	ioapic_write(io, reg, REDIR_MASKED);
	ioapic_write(io, reg + 1, to_apic_id << 24);
	ioapic_write(io, reg, low | REDIR_MASKED);
	return 0;
}

int ioapic_route(u32 gsi, u8 vector, u32 to_apic_id, bool level, bool active_low)
{
	return redirect(gsi, vector | (level ? REDIR_LEVEL : 0) | (active_low ? REDIR_LOW : 0), to_apic_id);
}

int ioapic_route_nmi(u32 gsi, u32 to_apic_id)
{
	return redirect(gsi, REDIR_NMI, to_apic_id);
}

static void ioapic_set_mask(u32 gsi, u32 mask)
{
	const struct ioapic *io = ioapic_of(gsi);
	u64 flags = spin_lock(&lock);
	u32 reg;

	if (io) {
		reg = REG_REDIRECT + 2 * (gsi - io->gsi_base);
		ioapic_write(io, reg, (ioapic_read(io, reg) & ~REDIR_MASKED) | mask);
	}
	spin_unlock(&lock, flags);
}

void ioapic_mask(u32 gsi) { ioapic_set_mask(gsi, REDIR_MASKED); }
void ioapic_unmask(u32 gsi) { ioapic_set_mask(gsi, 0); }
