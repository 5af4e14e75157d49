/* SPDX-License-Identifier: MIT
 * test_acpi.c - firmware's tables, honest and hostile: what is wrong is left out, and nothing is read outside RAM.
 *
 * RAM is allocated to the byte, so that the sanitizer sees a read past its end.
 */
#include <stdlib.h>

#include "arch/x86_64/acpi.c"

#include "host/harness.h"

#define RAM_SIZE  0x100000u
#define RSDP_AT   0xf0000u
#define XSDT_AT   0x1000u
#define MADT_AT   0x2000u
#define FADT_AT   0x3000u
#define DSDT_AT   0x4000u
#define HPET_AT   0x5000u
#define MCFG_AT   0x6000u

u8 *host_ram;
u64 host_ram_size = RAM_SIZE, host_image_start, host_image_end;

static void put(u64 at, const void *p, size_t len) { memcpy(host_ram + at, p, len); }
static void put8(u64 at, u8 v) { host_ram[at] = v; }
static void put16(u64 at, u16 v) { put(at, &v, 2); }
static void put32(u64 at, u32 v) { put(at, &v, 4); }
static void put64(u64 at, u64 v) { put(at, &v, 8); }

/* Makes the byte at `where` such that [at, at + len) sums up to zero. */
static void seal(u64 at, size_t len, size_t where)
{
	u8 sum = 0;
	size_t i;

	host_ram[at + where] = 0;
	for (i = 0; i < len; i++)
		sum += host_ram[at + i];
	host_ram[at + where] = (u8)-sum;
}

static void table(u64 at, const char *signature, u32 len)
{
	put(at, signature, 4);
	put32(at + 4, len);
	seal(at, len, 9);
}

static void make_madt(void)
{
	static const u8 entries[] = {
		0, 8, 0, 0, 1, 0, 0, 0,              /* CPU 0, enabled */
		0, 8, 1, 1, 1, 0, 0, 0,              /* CPU 1, enabled */
		0, 8, 2, 2, 0, 0, 0, 0,              /* CPU 2, not there */
		9, 16, 0, 0, 44, 1, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, /* x2APIC id 300 */
		1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0, /* IOAPIC at fec00000 */
		2, 10, 0, 0, 2, 0, 0, 0, 0, 0,       /* IRQ 0 is GSI 2 */
		2, 10, 0, 11, 11, 0, 0, 0, 13, 0,    /* IRQ 11: active high, level */
		4, 6, 255, 0, 0, 1,                  /* NMI: not ours to read */
	};

	put(MADT_AT + 44, entries, sizeof(entries));
	table(MADT_AT, "APIC", 44 + sizeof(entries));
}

static void make_fadt(void)
{
	put32(FADT_AT + 40, DSDT_AT);
	put32(FADT_AT + 48, 0xb2);
	put8(FADT_AT + 52, 0xf1);
	put32(FADT_AT + 64, 0x604);
	put32(FADT_AT + 76, 0x608);
	put8(FADT_AT + 91, 4);
	put8(FADT_AT + 108, 0x32);
	put32(FADT_AT + 112, FADT_RESET_SUPPORTED);
	put8(FADT_AT + 116, 1);
	put64(FADT_AT + 120, 0xcf9);
	put8(FADT_AT + 128, 0x0f);
	table(FADT_AT, "FACP", 244);
}

static void make_dsdt(const char *s5, size_t len)
{
	memset(host_ram + DSDT_AT + 36, 0x5f, 64);
	put(DSDT_AT + 50, s5, len);
	table(DSDT_AT, "DSDT", 36 + 64);
}

/* A whole machine: two CPUs and one far one, an IOAPIC, overrides, HPET, ECAM, power-off. */
static void power_on(void)
{
	free(host_ram);
	host_ram = calloc(1, RAM_SIZE);
	memset(&acpi, 0, sizeof(acpi));
	make_madt();
	make_fadt();
	make_dsdt("_S5_\x12\x06\x04\x0a\x05\x01\x00\x00", 12);
	put64(HPET_AT + 44, 0xfed00000);
	table(HPET_AT, "HPET", 56);
	put64(MCFG_AT + 44, 0xb0000000);
	put8(MCFG_AT + 55, 255);
	table(MCFG_AT, "MCFG", 60);
	put64(XSDT_AT + 36, MADT_AT);
	put64(XSDT_AT + 44, FADT_AT);
	put64(XSDT_AT + 52, HPET_AT);
	put64(XSDT_AT + 60, MCFG_AT);
	table(XSDT_AT, "XSDT", 68);
	put(RSDP_AT, "RSD PTR ", 8);
	put8(RSDP_AT + 15, 2);
	put32(RSDP_AT + 20, 36);
	put64(RSDP_AT + 24, XSDT_AT);
	seal(RSDP_AT, 20, 8);
	seal(RSDP_AT, 36, 32);
}

TEST(honest_tables_are_read)
{
	power_on();
	acpi_init(RSDP_AT);
	CHECK_EQ(acpi.nr_cpus, 3);
	CHECK_EQ(acpi.apic_ids[1], 1);
	CHECK_EQ(acpi.apic_ids[2], 300);
	CHECK_EQ(acpi.nr_ioapics, 1);
	CHECK_EQ(acpi.ioapics[0].address, 0xfec00000);
	CHECK_EQ(acpi.isa[0].gsi, 2);
	CHECK(!acpi.isa[0].level);
	CHECK(acpi.isa[11].level && !acpi.isa[11].active_low && acpi.isa[11].overridden);
	CHECK(acpi.isa[10].gsi == 10 && !acpi.isa[10].overridden);
	CHECK_EQ(acpi.hpet_base, 0xfed00000);
	CHECK_EQ(acpi.pm_timer, 0x608);
	CHECK_EQ(acpi.pm1a_cnt, 0x604);
	CHECK(acpi.has_s5);
	CHECK_EQ(acpi.s5_typ_a, 5);
	CHECK_EQ(acpi.s5_typ_b, 1);
	CHECK_EQ(acpi.reset_address, 0xcf9);
	CHECK_EQ(acpi.reset_value, 0x0f);
	CHECK_EQ(acpi.century, 0x32);
	CHECK_EQ(acpi.ecam_base, 0xb0000000);
	CHECK_EQ(acpi.ecam_last_bus, 255);
}

TEST(the_rsdp_is_found_in_the_bios_area_when_nobody_names_it)
{
	power_on();
	acpi_init(0);
	CHECK_EQ(acpi.nr_cpus, 3);
	power_on();
	acpi_init(0x800); /* named wrongly */
	CHECK_EQ(acpi.nr_cpus, 3);
}

TEST(a_rsdt_serves_old_machines)
{
	power_on();
	put8(RSDP_AT + 15, 0);
	put32(RSDP_AT + 16, XSDT_AT);
	seal(RSDP_AT, 20, 8);
	put32(XSDT_AT + 36, MADT_AT);
	put32(XSDT_AT + 40, FADT_AT);
	table(XSDT_AT, "RSDT", 44);
	acpi_init(RSDP_AT);
	CHECK_EQ(acpi.nr_cpus, 3);
	CHECK(acpi.has_s5);
	CHECK_EQ(acpi.hpet_base, 0);
}

TEST(a_table_with_a_wrong_checksum_is_left_out)
{
	power_on();
	host_ram[MADT_AT + 50]++;
	acpi_init(RSDP_AT);
	CHECK_EQ(acpi.nr_cpus, 0);
	CHECK_EQ(acpi.hpet_base, 0xfed00000);
}

TEST(a_table_that_leaves_ram_is_left_out)
{
	power_on();
	put64(XSDT_AT + 36, RAM_SIZE - 20);
	put64(XSDT_AT + 52, 0xffffffffffffff00);
	put32(MCFG_AT + 4, 0xfffffff0);
	table(XSDT_AT, "XSDT", 68);
	acpi_init(RSDP_AT);
	CHECK_EQ(acpi.nr_cpus, 0);
	CHECK_EQ(acpi.hpet_base, 0);
	CHECK_EQ(acpi.ecam_base, 0);
	CHECK(acpi.has_s5);
}

TEST(madt_entries_of_impossible_length_end_the_walk)
{
	power_on();
	put8(MADT_AT + 44 + 9, 0); /* the second CPU's entry */
	table(MADT_AT, "APIC", 44 + 16);
	acpi_init(RSDP_AT);
	CHECK_EQ(acpi.nr_cpus, 1);
	power_on();
	put8(MADT_AT + 44 + 9, 200);
	table(MADT_AT, "APIC", 44 + 16);
	acpi_init(RSDP_AT);
	CHECK_EQ(acpi.nr_cpus, 1);
}

TEST(more_cpus_than_there_is_room_for_are_counted)
{
	unsigned i;

	power_on();
	for (i = 0; i < 40; i++) {
		put16(MADT_AT + 44 + 8 * i, 0x0800);
		put16(MADT_AT + 46 + 8 * i, (u16)(i << 8));
		put32(MADT_AT + 48 + 8 * i, 1);
	}
	table(MADT_AT, "APIC", 44 + 8 * 40);
	acpi_init(RSDP_AT);
	CHECK_EQ(acpi.nr_cpus, MAX_CPUS);
	CHECK_EQ(acpi.nr_cpus_beyond, 40 - MAX_CPUS);
}

TEST(an_s5_package_that_is_no_package_of_integers_means_no_power_off)
{
	power_on();
	make_dsdt("_S5_\x12\x06\x04" "ABCD", 11);
	acpi_init(RSDP_AT);
	CHECK(!acpi.has_s5);
	power_on();
	make_dsdt("_S5_\x12\x06\x01\x0a\x05", 9);
	acpi_init(RSDP_AT);
	CHECK(!acpi.has_s5);
}

TEST(the_one_op_and_long_package_lengths_are_understood)
{
	power_on();
	make_dsdt("_S5_\x12\x41\x00\x04\x01\x0a\x07", 11);
	acpi_init(RSDP_AT);
	CHECK(acpi.has_s5);
	CHECK_EQ(acpi.s5_typ_a, 1);
	CHECK_EQ(acpi.s5_typ_b, 7);
}

/* A virtio device without a bus as QEMU describes it: name, unique id, coherence, resources. */
static const u8 virtio_device[] = {
	8, '_', 'H', 'I', 'D', 0x0d, 'L', 'N', 'R', 'O', '0', '0', '0', '5', 0, 8, '_', 'U', 'I', 'D', 0x0a, 7,
	8, '_', 'C', 'R', 'S', 0x11, 0x1a, 0x0a, 0x17,
	0x86, 9, 0, 1, 0x00, 0x0e, 0xb0, 0xfe, 0x00, 0x02, 0, 0, 0x89, 6, 0, 1, 1, 31, 0, 0, 0, 0x79, 0,
};

TEST(virtio_devices_without_a_bus_are_found_by_their_name)
{
	power_on();
	put(DSDT_AT + 50, virtio_device, sizeof(virtio_device));
	table(DSDT_AT, "DSDT", 50 + sizeof(virtio_device));
	acpi_init(RSDP_AT);
	REQUIRE(acpi.nr_virtio == 1);
	CHECK_EQ(acpi.virtio[0].base, 0xfeb00e00);
	CHECK_EQ(acpi.virtio[0].len, 0x200);
	CHECK_EQ(acpi.virtio[0].gsi, 31);
	CHECK(!acpi.virtio[0].active_low);
}

TEST(a_virtio_device_whose_resources_are_not_whole_is_none)
{
	power_on();
	make_dsdt((const char *)virtio_device, 40);
	acpi_init(RSDP_AT);
	CHECK_EQ(acpi.nr_virtio, 0);
	power_on();
	put(DSDT_AT + 50, virtio_device, sizeof(virtio_device));
	table(DSDT_AT, "DSDT", 50 + 47); /* the table ends in the interrupt */
	acpi_init(RSDP_AT);
	CHECK_EQ(acpi.nr_virtio, 0);
}

TEST(tables_of_random_bytes_are_never_read_past_ram)
{
	struct test_rng rng = { 7 };
	static const u32 at[] = { RSDP_AT, XSDT_AT, MADT_AT, FADT_AT, DSDT_AT, HPET_AT, MCFG_AT };
	static const u32 len[] = { 36, 68, 110, 244, 100, 56, 60 };
	unsigned round, i, t;

	for (round = 0; round < 3000; round++) {
		power_on();
		for (i = 0; i < 1 + rng_below(&rng, 8); i++) {
			t = rng_below(&rng, ARRAY_SIZE(at));
			host_ram[at[t] + rng_below(&rng, len[t])] = (u8)rng_next(&rng);
			if (t)
				seal(at[t], MIN(*(u32 *)(host_ram + at[t] + 4), 4096u), 9);
		}
		seal(RSDP_AT, 20, 8);
		seal(RSDP_AT, 36, 32);
		acpi_init(RSDP_AT);
		if (!CHECK(acpi.nr_cpus <= MAX_CPUS) || !CHECK(acpi.nr_ioapics <= ACPI_MAX_IOAPICS))
			return;
	}
}
