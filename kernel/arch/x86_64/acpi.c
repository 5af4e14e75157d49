/* SPDX-License-Identifier: MIT
 * acpi.c - RSDP, RSDT/XSDT, MADT, FADT, HPET, MCFG (ACPI 6.4 chapter 5), and of the DSDT what needs no AML
 * interpreter: the \_S5 package and the virtio devices without a bus, found by name and read as the constants they are.
 *
 * Firmware's tables are believed only where they lie in mapped RAM and their lengths and checksums hold.
 */
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/paging.h"
#include "lib/string.h"
#include "platform.h"

#define MAX_TABLES     128
#define MAX_TABLE_SIZE (1u << 20)

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt;
	u32 length; /* from here on: revision 2 */
	u64 xsdt;
	u8 checksum2, reserved[3];
} __packed;

struct sdt {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision, creator, creator_revision;
} __packed;

struct gas { /* generic address, 5.2.3.2 */
	u8 space, width, offset, access;
	u64 address;
} __packed;

struct fadt { /* 5.2.9 */
	struct sdt h;
	u32 facs, dsdt;
	u8 reserved0, profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	u8 lengths[4];
	u16 latency[2], flush[2];
	u8 duty[2], day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved1;
	u32 flags;
	struct gas reset;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor;
	u64 x_facs, x_dsdt;
} __packed;
static_assert(offsetof(struct fadt, flags) == 112 && offsetof(struct fadt, x_dsdt) == 140, "5.2.9");

#define FADT_RESET_SUPPORTED (1u << 10)

struct hpet_table {
	struct sdt h;
	u32 id;
	struct gas address;
} __packed;

struct mcfg_entry {
	u64 base;
	u16 segment;
	u8 first_bus, last_bus;
	u32 reserved;
} __packed;

struct madt_entry { /* 5.2.12: type, length, then by type */
	u8 type, length;
	union {
		struct {
			u8 uid, apic_id;
			u32 flags;
		} __packed lapic;
		struct {
			u8 id, reserved;
			u32 address, gsi_base;
		} __packed ioapic;
		struct {
			u8 bus, irq;
			u32 gsi;
			u16 flags;
		} __packed override;
		struct {
			u16 reserved;
			u32 apic_id, flags;
		} __packed x2apic;
	};
} __packed;
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9 };

struct acpi_info acpi;

static bool sum_is_zero(const void *p, size_t len)
{
	const u8 *b = p;
	u8 sum = 0;

	while (len--)
		sum += *b++;
	return !sum;
}

/* A table of at least `min` bytes, wholly mapped, or NULL. */
static const struct sdt *table_at(u64 phys, size_t min)
{
	const struct sdt *t;

	if (!phys || !phys_is_mapped(phys, sizeof(*t)))
		return NULL;
	t = phys_to_virt(phys);
	if (t->length < MAX(min, sizeof(*t)) || t->length > MAX_TABLE_SIZE || !phys_is_mapped(phys, t->length))
		return NULL;
	if (!sum_is_zero(t, t->length)) {
		log_warn("acpi: table %.4s has a wrong checksum: left out", t->signature);
		return NULL;
	}
	return t;
}

static void add_cpu(u32 apic_id, u32 flags)
{
	if (!(flags & 1)) /* not there, or only hot-pluggable */
		return;
	if (acpi.nr_cpus == MAX_CPUS)
		acpi.nr_cpus_beyond++;
	else
		acpi.apic_ids[acpi.nr_cpus++] = apic_id;
}

/* Flags of an override, 5.2.12.5: polarity in bits 0-1 (3 = low), trigger in bits 2-3 (3 = level), 0 = as ISA has it. */
static void add_override(u8 irq, u32 gsi, u16 flags)
{
	if (irq >= ISA_IRQS)
		return;
	acpi.isa[irq] = (struct acpi_isa_irq){
		.gsi = gsi,
		.level = (flags >> 2 & 3) == 3,
		.active_low = (flags & 3) == 3,
		.overridden = true,
	};
}

static void madt_entry(const struct madt_entry *e, size_t len)
{
	switch (e->type) {
	case MADT_LAPIC:
		if (len >= 8)
			add_cpu(e->lapic.apic_id, e->lapic.flags);
		break;
	case MADT_X2APIC:
		if (len >= 16)
			add_cpu(e->x2apic.apic_id, e->x2apic.flags);
		break;
	case MADT_IOAPIC:
		if (len >= 12 && acpi.nr_ioapics < ACPI_MAX_IOAPICS)
			acpi.ioapics[acpi.nr_ioapics++] =
				(struct acpi_ioapic){ e->ioapic.address, e->ioapic.gsi_base };
		break;
	case MADT_OVERRIDE:
		if (len >= 10)
			add_override(e->override.irq, e->override.gsi, e->override.flags);
		break;
	}
}

static void read_madt(const struct sdt *t)
{
	const u8 *p = (const u8 *)t + 44, *end = (const u8 *)t + t->length;

	while (end - p >= 2) {
		const struct madt_entry *e = (const void *)p;

		if (e->length < 2 || e->length > end - p)
			return;
		madt_entry(e, e->length);
		p += e->length;
	}
}

/* PkgLength, 20.2.4: the top two bits say how many bytes follow. */
static size_t pkg_length_bytes(u8 lead) { return 1 + (lead >> 6); }

/* One integer of the package: ZeroOp, OneOp, or BytePrefix and the byte. Returns the bytes it took, 0: something else. */
static size_t aml_small_int(const u8 *p, const u8 *end, u8 *out)
{
	if (p < end && *p <= 1) {
		*out = *p;
		return 1;
	}
	if (end - p >= 2 && *p == 0x0a) {
		*out = p[1];
		return 2;
	}
	return 0;
}

/* Name (_S5_, Package () { SLP_TYPa, SLP_TYPb, ... }): 08 '_S5_' 12 PkgLength NumElements ... (7.4.2) */
static void read_s5(const struct sdt *dsdt)
{
	const u8 *p = (const u8 *)(dsdt + 1), *end = (const u8 *)dsdt + dsdt->length;
	size_t n;

	for (; end - p > 9; p++) {
		if (memcmp(p, "_S5_\x12", 5))
			continue;
		p += 5;
		p += pkg_length_bytes(*p);
		if (p >= end || *p++ < 2)
			return;
		n = aml_small_int(p, end, &acpi.s5_typ_a);
		if (!n || !aml_small_int(p + n, end, &acpi.s5_typ_b))
			return;
		acpi.has_s5 = true;
		return;
	}
}

#define VIRTIO_HID "LNRO0005"
#define RESOURCES_WITHIN 96 /* bytes behind the name in which its resources stand */

/* Memory32Fixed: 86 09 00 rw base length (6.4.3.4); Extended Interrupt: 89 06 00 flags 1 gsi (6.4.3.6), flag bit 2 active low. */
static void read_resources(const u8 *p, const u8 *end, struct acpi_virtio *v)
{
	for (; end - p >= 9; p++) {
		if (!v->len && end - p >= 12 && !memcmp(p, "\x86\x09\x00", 3)) {
			memcpy(&v->base, p + 4, 4);
			memcpy(&v->len, p + 8, 4);
			p += 11;
		} else if (v->len && !memcmp(p, "\x89\x06\x00", 3) && p[4] == 1) {
			memcpy(&v->gsi, p + 5, 4);
			v->active_low = p[3] >> 2 & 1;
			return;
		}
	}
	v->len = 0;
}

/* Device () { Name (_HID, "LNRO0005"), ... Name (_CRS, ResourceTemplate () { Memory32Fixed, Interrupt }) } */
static void read_virtio(const struct sdt *dsdt)
{
	const u8 *p = (const u8 *)(dsdt + 1), *end = (const u8 *)dsdt + dsdt->length;

	for (; end - p > (long)sizeof(VIRTIO_HID) && acpi.nr_virtio < ACPI_MAX_VIRTIO; p++) {
		struct acpi_virtio *v = &acpi.virtio[acpi.nr_virtio];

		if (memcmp(p, VIRTIO_HID, sizeof(VIRTIO_HID)))
			continue;
		p += sizeof(VIRTIO_HID);
		*v = (struct acpi_virtio){ 0 };
		read_resources(p, MIN(end, p + RESOURCES_WITHIN), v);
		acpi.nr_virtio += v->len != 0;
	}
}

static void read_fadt(const struct sdt *t)
{
	struct fadt f = { 0 };
	const struct sdt *dsdt;

	memcpy(&f, t, MIN((size_t)t->length, sizeof(f))); /* older ones are shorter: the rest reads as zero */
	acpi.smi_cmd = (u16)f.smi_cmd;
	acpi.acpi_enable = f.acpi_enable;
	acpi.pm1a_evt = f.pm1_evt_len >= 4 ? (u16)f.pm1a_evt : 0;
	acpi.pm1_evt_len = f.pm1_evt_len;
	acpi.pm1a_cnt = (u16)f.pm1a_cnt;
	acpi.pm1b_cnt = (u16)f.pm1b_cnt;
	acpi.pm_timer = f.pm_tmr_len == 4 ? (u16)f.pm_tmr : 0;
	acpi.century = f.century;
	if (f.flags & FADT_RESET_SUPPORTED) {
		acpi.reset_space = f.reset.space;
		acpi.reset_address = f.reset.address;
		acpi.reset_value = f.reset_value;
	}
	dsdt = table_at(f.x_dsdt ?: f.dsdt, 0);
	if (!dsdt)
		return;
	read_s5(dsdt);
	read_virtio(dsdt);
}

static void read_hpet(const struct sdt *t)
{
	const struct hpet_table *h = (const void *)t;

	if (t->length >= sizeof(*h) && h->address.space == 0)
		acpi.hpet_base = h->address.address;
}

static void read_mcfg(const struct sdt *t)
{
	size_t off;

	for (off = sizeof(*t) + 8; off + sizeof(struct mcfg_entry) <= t->length;
	     off += sizeof(struct mcfg_entry)) {
		const struct mcfg_entry *e = (const void *)((const char *)t + off);

		if (e->segment || e->first_bus > e->last_bus)
			continue;
		acpi.ecam_base = e->base;
		acpi.ecam_first_bus = e->first_bus;
		acpi.ecam_last_bus = e->last_bus;
	}
}

static const struct {
	char signature[5];
	u8 min; /* bytes a table must have to be read at all */
	void (*read)(const struct sdt *t);
} readers[] = {
	{ "APIC", 44, read_madt },
	{ "FACP", 116, read_fadt },
	{ "HPET", sizeof(struct sdt), read_hpet },
	{ "MCFG", sizeof(struct sdt), read_mcfg },
};

static void read_table(u64 phys)
{
	const struct sdt *t;
	unsigned i;

	if (!phys_is_mapped(phys, sizeof(*t)))
		return;
	t = phys_to_virt(phys);
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		if (memcmp(t->signature, readers[i].signature, 4))
			continue;
		t = table_at(phys, readers[i].min);
		if (t)
			readers[i].read(t);
		return;
	}
}

static void read_root(u64 phys, size_t entry_size)
{
	const struct sdt *t = table_at(phys, 0);
	unsigned i, n;

	if (!t)
		return;
	n = (unsigned)((t->length - sizeof(*t)) / entry_size);
	for (i = 0; i < MIN(n, (unsigned)MAX_TABLES); i++) {
		u64 entry = 0;

		memcpy(&entry, (const char *)(t + 1) + i * entry_size, entry_size);
		read_table(entry);
	}
}

static const struct rsdp *rsdp_at(u64 phys)
{
	const struct rsdp *r;

	if (!phys_is_mapped(phys, sizeof(*r)))
		return NULL;
	r = phys_to_virt(phys);
	return memcmp(r->signature, "RSD PTR ", 8) || !sum_is_zero(r, 20) ? NULL : r;
}

/* 5.2.5.1: in the first KiB of the EBDA, or below 1 MiB in the BIOS; on 16-byte boundaries. */
static const struct rsdp *rsdp_search(void)
{
	u64 ebda = (u64) * (const u16 *)phys_to_virt(0x40e) << 4, a;
	const struct rsdp *r = NULL;

	for (a = ebda; ebda >= 0x400 && a < ebda + 1024 && !r; a += 16)
		r = rsdp_at(a);
	for (a = 0xe0000; a < 0x100000 && !r; a += 16)
		r = rsdp_at(a);
	return r;
}

void acpi_init(u64 rsdp)
{
	const struct rsdp *r = rsdp ? rsdp_at(rsdp) : NULL;
	unsigned i;

	for (i = 0; i < ISA_IRQS; i++)
		acpi.isa[i].gsi = i;
	r = r ?: rsdp_search();
	if (!r) {
		log_warn("acpi: no RSDP: one CPU, no IOAPIC, no power-off");
		return;
	}
	if (r->revision >= 2 && r->xsdt && r->length >= sizeof(*r) && sum_is_zero(r, sizeof(*r)))
		read_root(r->xsdt, 8);
	else
		read_root(r->rsdt, 4);
	log_info("acpi: %u CPUs, %u IOAPICs%s%s%s", acpi.nr_cpus, acpi.nr_ioapics,
		 acpi.hpet_base ? ", HPET" : "", acpi.pm_timer ? ", PM timer" : "",
		 acpi.ecam_base ? ", ECAM" : "");
	if (acpi.nr_cpus_beyond)
		log_warn("acpi: %u CPUs beyond the first %u are left alone", acpi.nr_cpus_beyond, MAX_CPUS);
}
