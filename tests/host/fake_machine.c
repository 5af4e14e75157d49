/* SPDX-License-Identifier: MIT
 * fake_machine.c - see fake_machine.h. Configuration space as PCI 3.0 chapter 6 says, as far as our code can tell.
 */
#include "host/fake_machine.h"

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "core/irq.h"
#include "drivers/pci/pci_hw.h"
#include "host/harness.h"
#include "lib/errno.h"
#include "lib/string.h"

#define MAX_HANDLERS 64

static struct {
	struct fake_func funcs[FAKE_MAX_FUNCS];
	unsigned nr;
	u32 address; /* port CF8 */
	u64 ecam_base;
	u8 ecam_first, ecam_last;
	struct handler {
		u8 bus, slot, func, index;
		irq_handler_t fn;
		void *arg;
	} handlers[MAX_HANDLERS];
	unsigned nr_handlers;
	struct {
		u64 base;
		struct fake_bar bar;
	} windows[FAKE_MAX_WINDOWS];
	unsigned nr_windows;
} fake;

struct acpi_info acpi; /* the firmware of this machine says nothing */
u64 fake_ram_end, fake_mmio_reads, fake_mmio_writes;
unsigned fake_vectors_left;

void fake_machine_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake_ram_end = fake_mmio_reads = fake_mmio_writes = 0;
	fake_vectors_left = 64;
	pci_set_ecam(0, 0, 0);
	memset(&acpi, 0, sizeof(acpi));
}

void fake_window_add(u64 base, u64 size, u64 (*read)(void *, u64, unsigned), void (*write)(void *, u64, unsigned, u64), void *ctx)
{
	REQUIRE(fake.nr_windows < FAKE_MAX_WINDOWS);
	fake.windows[fake.nr_windows].base = base;
	fake.windows[fake.nr_windows++].bar = (struct fake_bar){ size, false, read, write, ctx };
}

struct fake_func *fake_func_add(u8 bus, u8 slot, u8 func, u16 vendor, u16 device, u32 class_code)
{
	struct fake_func *f = &fake.funcs[fake.nr++];

	REQUIRE(fake.nr <= FAKE_MAX_FUNCS);
	f->bus = bus;
	f->slot = slot;
	f->func = func;
	fake_config_set(f, PCI_VENDOR_ID, 2, vendor);
	fake_config_set(f, PCI_DEVICE_ID, 2, device);
	fake_config_set(f, PCI_REVISION_ID, 4, class_code << 8);
	return f;
}

void fake_config_set(struct fake_func *f, unsigned off, unsigned bytes, u32 v)
{
	memcpy(f->config + off, &v, bytes);
}

u32 fake_config_get(const struct fake_func *f, unsigned off, unsigned bytes)
{
	u32 v = 0;

	memcpy(&v, f->config + off, bytes);
	return v;
}

/* ---- configuration space ---- */

static struct fake_func *find(u8 bus, u8 slot, u8 func)
{
	for (unsigned i = 0; i < fake.nr; i++)
		if (fake.funcs[i].bus == bus && fake.funcs[i].slot == slot && fake.funcs[i].func == func)
			return &fake.funcs[i];
	return NULL;
}

/* A bus exists only when a bridge above it forwards its number, as on real hardware. */
static bool reachable(u8 bus)
{
	if (!bus)
		return true;
	for (unsigned i = 0; i < fake.nr; i++) {
		struct fake_func *f = &fake.funcs[i];

		if ((f->config[PCI_HEADER_TYPE] & 0x7f) == PCI_HEADER_BRIDGE && f->bus < bus &&
		    f->config[PCI_SECONDARY_BUS] <= bus && f->config[PCI_SUBORDINATE_BUS] >= bus &&
		    f->config[PCI_SECONDARY_BUS])
			return reachable(f->bus);
	}
	return false;
}

static u32 config_read(u8 bus, u8 slot, u8 func, unsigned off, unsigned bytes)
{
	struct fake_func *f = reachable(bus) ? find(bus, slot, func) : NULL;

	return f ? fake_config_get(f, off, bytes) : bytes == 4 ? ~0u : (1u << (8 * bytes)) - 1;
}

/* Sizing: the bits below the size are wired to zero, the lowest to the type. */
static void bar_write(struct fake_func *f, unsigned i, u32 v)
{
	unsigned off = PCI_BAR0 + 4 * i;
	const struct fake_bar *b = &f->bars[i];

	if (i && f->bars[i - 1].is64)
		v &= (u32)(~(f->bars[i - 1].size - 1) >> 32);
	else if (!b->size)
		v = 0;
	else
		v = (v & (u32)~(b->size - 1)) | (b->is64 ? PCI_BAR_64 : 0);
	fake_config_set(f, off, 4, v);
}

static void config_write(u8 bus, u8 slot, u8 func, unsigned off, unsigned bytes, u32 v)
{
	struct fake_func *f = reachable(bus) ? find(bus, slot, func) : NULL;
	unsigned nr_bars = f && (f->config[PCI_HEADER_TYPE] & 0x7f) == PCI_HEADER_BRIDGE ? 2 : PCI_NUM_BARS;

	if (!f)
		return;
	if (off >= PCI_BAR0 && off < PCI_BAR0 + 4 * nr_bars) {
		CHECK_EQ(bytes, 4);
		bar_write(f, (off - PCI_BAR0) / 4, v);
	} else if (off == PCI_COMMAND || off >= PCI_PRIMARY_BUS) {
		fake_config_set(f, off, bytes, v);
	}
}

u32 fake_port_in(u16 port, unsigned bytes)
{
	u32 a = fake.address;

	CHECK(port >= PCI_CONFIG_DATA && port < PCI_CONFIG_DATA + 4);
	CHECK(a & PCI_CONFIG_ENABLE);
	return config_read(a >> 16 & 0xff, a >> 11 & 31, a >> 8 & 7, (a & 0xfc) + (port & 3u), bytes);
}

void fake_port_out(u16 port, unsigned bytes, u32 v)
{
	u32 a = fake.address;

	if (port == PCI_CONFIG_ADDRESS) {
		fake.address = v;
		return;
	}
	CHECK(port >= PCI_CONFIG_DATA && port < PCI_CONFIG_DATA + 4);
	config_write(a >> 16 & 0xff, a >> 11 & 31, a >> 8 & 7, (a & 0xfc) + (port & 3u), bytes, v);
}

void fake_ecam(u64 base, u8 first, u8 last)
{
	fake.ecam_base = base;
	fake.ecam_first = first;
	fake.ecam_last = last;
	pci_set_ecam(base, first, last);
}

/* ---- device windows ---- */

bool phys_is_mapped(u64 phys, u64 len)
{
	return phys < fake_ram_end;
}

volatile void *mmio_map(u64 phys, u64 len)
{
	return (volatile void *)(uintptr_t)phys;
}

static u64 bar_base(const struct fake_func *f, unsigned i)
{
	u64 low = fake_config_get(f, PCI_BAR0 + 4 * i, 4) & PCI_BAR_MEM_MASK;

	return f->bars[i].is64 ? (u64)fake_config_get(f, PCI_BAR0 + 4 * i + 4, 4) << 32 | low : low;
}

static const struct fake_bar *window_at(u64 a, unsigned bytes, u64 *off)
{
	for (unsigned i = 0; i < fake.nr_windows; i++) {
		*off = a - fake.windows[i].base;
		if (a >= fake.windows[i].base && *off + bytes <= fake.windows[i].bar.size)
			return &fake.windows[i].bar;
	}
	for (unsigned n = 0; n < fake.nr; n++) {
		struct fake_func *f = &fake.funcs[n];

		for (unsigned i = 0; i < PCI_NUM_BARS; i++) {
			u64 base = bar_base(f, i);

			if (!f->bars[i].size || !base || a < base || a + bytes > base + f->bars[i].size)
				continue;
			CHECK(fake_config_get(f, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY);
			*off = a - base;
			return &f->bars[i];
		}
	}
	return NULL;
}

static bool in_ecam(u64 a)
{
	return fake.ecam_base && a >= fake.ecam_base + ((u64)fake.ecam_first << 20) &&
	       a < fake.ecam_base + (((u64)fake.ecam_last + 1) << 20);
}

u64 fake_mmio_read(const volatile void *at, unsigned bytes)
{
	u64 off, a = (u64)(uintptr_t)at;
	const struct fake_bar *b;

	CHECK_EQ(a % bytes, 0);
	if (in_ecam(a)) {
		a -= fake.ecam_base;
		return config_read((u8)(a >> 20), a >> 15 & 31, a >> 12 & 7, a & 0xfff, bytes);
	}
	fake_mmio_reads++;
	b = window_at(a, bytes, &off);
	if (!CHECK(b != NULL))
		test_stop();
	return b->read ? b->read(b->ctx, off, bytes) : 0;
}

void fake_mmio_write(volatile void *at, unsigned bytes, u64 v)
{
	u64 off, a = (u64)(uintptr_t)at;
	const struct fake_bar *b;

	CHECK_EQ(a % bytes, 0);
	if (in_ecam(a)) {
		a -= fake.ecam_base;
		config_write((u8)(a >> 20), a >> 15 & 31, a >> 12 & 7, a & 0xfff, bytes, (u32)v);
		return;
	}
	fake_mmio_writes++;
	b = window_at(a, bytes, &off);
	if (!CHECK(b != NULL))
		test_stop();
	if (b->write)
		b->write(b->ctx, off, bytes, v);
}

/* ---- interrupts: core/irq.h, faked ---- */

#define GSI_SLOT 0xff /* of handlers that are no function's; index is the number */

int irq_request_gsi(unsigned gsi, bool active_low, const char *name, irq_handler_t fn, void *arg)
{
	REQUIRE(fake.nr_handlers < MAX_HANDLERS);
	fake.handlers[fake.nr_handlers++] = (struct handler){ GSI_SLOT, GSI_SLOT, GSI_SLOT, (u8)gsi, fn, arg };
	return 0;
}

bool fake_gsi(unsigned gsi)
{
	const struct fake_func nobody = { .bus = GSI_SLOT, .slot = GSI_SLOT, .func = GSI_SLOT };

	return fake_irq(&nobody, gsi);
}

static int add_handler(const struct pci_dev *pdev, unsigned index, irq_handler_t fn, void *arg)
{
	REQUIRE(fake.nr_handlers < MAX_HANDLERS);
	fake.handlers[fake.nr_handlers++] =
		(struct handler){ pdev->bus, pdev->slot, pdev->func, (u8)index, fn, arg };
	return 0;
}

int irq_request_intx(struct pci_dev *pdev, const char *name, irq_handler_t fn, void *arg)
{
	return pdev->irq_pin ? add_handler(pdev, FAKE_INTX, fn, arg) : -ENODEV;
}

int irq_request_msix(struct pci_dev *pdev, unsigned index, unsigned cpu, const char *name, irq_handler_t fn, void *arg)
{
	if (index >= pdev->msix.count || !pci_msix_table(pdev))
		return -EINVAL;
	if (!fake_vectors_left)
		return -ENOSPC;
	fake_vectors_left--;
	pci_msix_enable(pdev, true);
	return add_handler(pdev, index, fn, arg);
}

unsigned irq_msix_count(struct pci_dev *pdev)
{
	return pdev->msix.count;
}

bool fake_irq(const struct fake_func *f, unsigned index)
{
	bool taken = false;

	for (unsigned i = 0; i < fake.nr_handlers; i++) {
		struct handler *h = &fake.handlers[i];

		if (h->bus == f->bus && h->slot == f->slot && h->func == f->func && h->index == index)
			taken |= h->fn(h->arg);
	}
	return taken;
}
