/* SPDX-License-Identifier: MIT
 * test_pci.c - enumeration, BARs, capabilities and bridges on a fake bus, with firmware that did its work and without.
 */
#include "drivers/pci/pci.h"
#include "drivers/pci/pci_hw.h"
#include "host/fake_machine.h"
#include "host/harness.h"
#include "lib/string.h"

#define NIC_CLASS    0x020000
#define BRIDGE_CLASS 0x060400

static struct fake_func *add_nic(u8 bus, u8 slot, u8 func)
{
	struct fake_func *f = fake_func_add(bus, slot, func, 0x8086, 0x100e, NIC_CLASS);

	f->bars[0].size = 0x20000;
	f->config[PCI_INTERRUPT_PIN] = 1;
	f->config[PCI_INTERRUPT_LINE] = 11;
	return f;
}

static struct fake_func *add_bridge(u8 bus, u8 slot, u8 secondary, u8 subordinate)
{
	struct fake_func *f = fake_func_add(bus, slot, 0, 0x8086, 0x244e, BRIDGE_CLASS);

	f->config[PCI_HEADER_TYPE] = PCI_HEADER_BRIDGE;
	f->config[PCI_PRIMARY_BUS] = bus;
	f->config[PCI_SECONDARY_BUS] = secondary;
	f->config[PCI_SUBORDINATE_BUS] = subordinate;
	return f;
}

static struct pci_dev *find_dev(const char *name)
{
	struct pci_dev *d;

	for (unsigned i = 0; (d = pci_get(i)); i++)
		if (!strcmp(d->name, name))
			return d;
	return NULL;
}

TEST(an_empty_bus_has_no_functions)
{
	fake_machine_reset();
	CHECK_EQ(pci_init(), 0);
	CHECK(!pci_get(0));
}

TEST(functions_of_single_and_multi_function_slots_are_found)
{
	fake_machine_reset();
	add_nic(0, 3, 0);
	add_nic(0, 3, 1); /* not announced: header type has no multi bit */
	add_nic(0, 5, 0)->config[PCI_HEADER_TYPE] = PCI_HEADER_MULTI;
	add_nic(0, 5, 7);
	CHECK_EQ(pci_init(), 3);
	CHECK_STR(pci_get(0)->name, "00:03.0");
	CHECK_STR(pci_get(2)->name, "00:05.7");
	CHECK_EQ(pci_get(0)->irq_pin, 1);
	CHECK_EQ(pci_get(0)->irq_line, 11);
	CHECK_EQ(pci_get(0)->class, NIC_CLASS);
}

TEST(bars_are_sized_and_firmware_addresses_kept)
{
	struct fake_func *f;
	struct pci_dev *d;

	fake_machine_reset();
	f = add_nic(0, 3, 0);
	f->bars[2] = (struct fake_bar){ .size = 1ull << 33, .is64 = true };
	fake_config_set(f, PCI_BAR0, 4, 0xfebc0000);
	fake_config_set(f, PCI_BAR0 + 8, 4, PCI_BAR_64);
	fake_config_set(f, PCI_BAR0 + 12, 4, 0x8);
	fake_config_set(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	pci_init();
	d = pci_get(0);
	CHECK_EQ(d->bars[0].base, 0xfebc0000);
	CHECK_EQ(d->bars[0].size, 0x20000);
	CHECK_EQ(d->bars[2].base, 0x800000000ull);
	CHECK_EQ(d->bars[2].size, 1ull << 33);
	CHECK(d->bars[2].is64);
	CHECK_EQ(d->bars[3].size, 0);
	CHECK_EQ(fake_config_get(f, PCI_BAR0, 4), 0xfebc0000);
	CHECK_EQ(fake_config_get(f, PCI_BAR0 + 12, 4), 0x8);
	CHECK_EQ(fake_config_get(f, PCI_COMMAND, 2), PCI_COMMAND_MEMORY);
}

TEST(unplaced_bars_are_placed_apart_from_each_other_and_from_ram)
{
	struct pci_dev *a, *b;

	fake_machine_reset();
	fake_ram_end = 0xe0000000;
	add_nic(0, 3, 0);
	add_nic(0, 4, 0)->bars[4] = (struct fake_bar){ .size = 0x4000, .is64 = true };
	CHECK_EQ(pci_init(), 2);
	a = pci_get(0);
	b = pci_get(1);
	CHECK(a->bars[0].base && b->bars[0].base && b->bars[4].base);
	CHECK_EQ(a->bars[0].base % a->bars[0].size, 0);
	CHECK_EQ(b->bars[4].base % b->bars[4].size, 0);
	CHECK(a->bars[0].base >= fake_ram_end && b->bars[4].base >= fake_ram_end);
	CHECK(a->bars[0].base + 0x20000 <= b->bars[0].base || b->bars[0].base + 0x20000 <= a->bars[0].base);
	CHECK(b->bars[4].base + 0x4000 <= b->bars[0].base || b->bars[0].base + 0x20000 <= b->bars[4].base);
	CHECK(pci_map_bar(a, 0, 0, 0x20000) != NULL);
}

TEST(a_bar_larger_than_any_room_stays_unplaced_and_unmapped)
{
	fake_machine_reset();
	add_nic(0, 3, 0)->bars[0].size = 1u << 31;
	CHECK_EQ(pci_init(), 1);
	CHECK_EQ(pci_get(0)->bars[0].base, 0);
	CHECK(!pci_map_bar(pci_get(0), 0, 0, 16));
}

TEST(no_range_outside_a_bar_is_mapped)
{
	struct pci_dev *d;

	fake_machine_reset();
	add_nic(0, 3, 0);
	pci_init();
	d = pci_get(0);
	CHECK(pci_map_bar(d, 0, 0x1fff0, 16) != NULL);
	CHECK(!pci_map_bar(d, 0, 0x1fff0, 17));
	CHECK(!pci_map_bar(d, 0, ~0ull, 2));
	CHECK(!pci_map_bar(d, 0, 0, 0));
	CHECK(!pci_map_bar(d, 1, 0, 16));
	CHECK(!pci_map_bar(d, 6, 0, 16));
	CHECK(!pci_map_bar(d, 255, 0, 16));
}

TEST(functions_behind_numbered_bridges_are_found_and_their_pins_swizzled)
{
	struct pci_dev *d;
	unsigned slot;

	fake_machine_reset();
	add_bridge(0, 2, 1, 2);
	add_bridge(1, 1, 2, 2);
	add_nic(2, 3, 0);
	CHECK_EQ(pci_init(), 3);
	d = find_dev("02:03.0");
	REQUIRE(d && d->bridge && d->bridge->bridge);
	CHECK_EQ(d->bridge->secondary, 2);
	/* INTA of slot 3 is INTD on bus 1, and that of slot 1 is INTA on bus 0 */
	CHECK_EQ(pci_intx_root(d, &slot), 1);
	CHECK_EQ(slot, 2);
}

TEST(bridges_without_numbers_get_them)
{
	struct pci_dev *d;

	fake_machine_reset();
	add_bridge(0, 2, 0, 0);
	add_bridge(1, 4, 0, 0);
	add_nic(2, 1, 0);
	add_bridge(0, 7, 0, 0);
	add_nic(3, 1, 0);
	CHECK_EQ(pci_init(), 5);
	d = find_dev("02:01.0");
	REQUIRE(d != NULL);
	CHECK_STR(d->bridge->name, "01:04.0");
	CHECK_EQ(d->bridge->bridge->subordinate, 2);
	REQUIRE(find_dev("03:01.0") != NULL);
	CHECK_EQ(find_dev("00:07.0")->secondary, 3);
}

TEST(bars_behind_a_bridge_go_into_its_window_or_nowhere)
{
	struct fake_func *bridge;

	fake_machine_reset();
	bridge = add_bridge(0, 2, 1, 1);
	fake_config_set(bridge, PCI_MEMORY_BASE, 2, 0xfb00);
	fake_config_set(bridge, PCI_MEMORY_LIMIT, 2, 0xfb00);
	add_nic(1, 0, 0);
	add_bridge(0, 3, 2, 2);
	add_nic(2, 0, 0);
	CHECK_EQ(pci_init(), 4);
	CHECK_EQ(find_dev("01:00.0")->bars[0].base & ~0xfffffull, 0xfb000000);
	CHECK_EQ(find_dev("02:00.0")->bars[0].base, 0);
}

TEST(a_bridge_that_leads_back_to_its_own_bus_ends_the_walk)
{
	fake_machine_reset();
	add_bridge(0, 2, 1, 255);
	add_bridge(1, 1, 1, 255); /* its secondary bus is the one it is on */
	CHECK(pci_init() < PCI_MAX_DEVS);
}

TEST(more_functions_than_the_table_holds_are_left_alone)
{
	fake_machine_reset();
	for (unsigned i = 0; i < 80; i++)
		add_nic(0, (u8)(i / 8), (u8)(i % 8))->config[PCI_HEADER_TYPE] = PCI_HEADER_MULTI;
	CHECK_EQ(pci_init(), PCI_MAX_DEVS);
}

TEST(capabilities_are_found_in_order_and_a_loop_of_them_ends)
{
	struct fake_func *f;
	struct pci_dev *d;

	fake_machine_reset();
	f = add_nic(0, 3, 0);
	fake_config_set(f, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	f->config[PCI_CAPABILITY_LIST] = 0x40;
	fake_config_set(f, 0x40, 2, PCI_CAP_ID_VENDOR | 0x50 << 8);
	fake_config_set(f, 0x50, 2, PCI_CAP_ID_VENDOR | 0x60 << 8);
	fake_config_set(f, 0x60, 2, 0x01 | 0x40 << 8);
	pci_init();
	d = pci_get(0);
	CHECK_EQ(pci_find_cap(d, PCI_CAP_ID_VENDOR, 0), 0x40);
	CHECK_EQ(pci_find_cap(d, PCI_CAP_ID_VENDOR, 0x40), 0x50);
	CHECK_EQ(pci_find_cap(d, 0x01, 0), 0x60);
	CHECK_EQ(pci_find_cap(d, 0x05, 0), 0);
}

TEST(msix_is_read_and_its_table_must_lie_in_its_bar)
{
	struct fake_func *f;
	struct pci_dev *d;

	fake_machine_reset();
	f = add_nic(0, 3, 0);
	f->bars[1].size = 0x1000;
	fake_config_set(f, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	f->config[PCI_CAPABILITY_LIST] = 0x98;
	fake_config_set(f, 0x98, 2, PCI_CAP_ID_MSIX);
	fake_config_set(f, 0x98 + PCI_MSIX_CONTROL, 2, 2);
	fake_config_set(f, 0x98 + PCI_MSIX_TABLE, 4, 0xfd0 | 1);
	pci_init();
	d = pci_get(0);
	CHECK_EQ(d->msix.count, 3);
	CHECK_EQ(d->msix.bar, 1);
	CHECK_EQ(d->msix.offset, 0xfd0);
	CHECK(pci_msix_table(d) != NULL);
	pci_msix_enable(d, true);
	CHECK_EQ(fake_config_get(f, 0x98 + PCI_MSIX_CONTROL, 2), 2 | PCI_MSIX_ENABLE);
	CHECK(fake_config_get(f, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE);
	pci_msix_enable(d, false);
	CHECK(!(fake_config_get(f, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE));

	fake_config_set(f, 0x98 + PCI_MSIX_TABLE, 4, 0xfe0 | 1);
	pci_init();
	CHECK(!pci_msix_table(pci_get(0)));
}

TEST(ecam_reaches_what_ports_reach_and_beyond)
{
	struct fake_func *f;

	fake_machine_reset();
	f = add_nic(0, 3, 0);
	fake_config_set(f, 0x100, 4, 0x12345678);
	pci_init();
	CHECK_EQ(pci_read32(pci_get(0), 0x100), ~0u);
	fake_ecam(0xb0000000, 0, 0xff);
	CHECK_EQ(pci_init(), 1);
	CHECK_EQ(pci_read32(pci_get(0), 0x100), 0x12345678);
	CHECK_EQ(pci_read16(pci_get(0), PCI_DEVICE_ID), 0x100e);
	CHECK(pci_get(0)->bars[0].base != 0);
}
