/* SPDX-License-Identifier: MIT
 * acpi.h - what the firmware's tables say about this machine (ACPI 6.4 chapter 5), copied out once at boot.
 */
#pragma once

#include "lib/types.h"
#include "config.h"

#define ACPI_MAX_IOAPICS 8
#define ISA_IRQS         16
#define ACPI_MAX_VIRTIO  32 /* a place each; QEMU has 24 at most */

struct acpi_ioapic {
	u32 address, gsi_base;
};
struct acpi_isa_irq { /* where an ISA interrupt arrives; identity, edge, active high unless overridden */
	u32 gsi;
	bool level, active_low;
	bool overridden; /* a MADT entry says so */
};

struct acpi_virtio { /* a virtio device without a bus: its registers, its interrupt line */
	u64 base;
	u32 len, gsi;
	bool active_low;
};

struct acpi_info {
	unsigned nr_cpus, nr_cpus_beyond; /* kept here; more than MAX_CPUS of them */
	u32 apic_ids[MAX_CPUS];
	unsigned nr_ioapics;
	struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
	struct acpi_isa_irq isa[ISA_IRQS];
	unsigned nr_virtio;
	struct acpi_virtio virtio[ACPI_MAX_VIRTIO];
	u64 hpet_base;                     /* 0: none */
	u16 pm_timer;                      /* port; 0: none */
	u16 pm1a_cnt, pm1b_cnt, smi_cmd;   /* ports */
	u16 pm1a_evt;                      /* port; 0: none */
	u8 pm1_evt_len;                    /* bytes: status, then as many of enable */
	u8 acpi_enable;                    /* value for smi_cmd */
	bool has_s5;
	u8 s5_typ_a, s5_typ_b;             /* SLP_TYP for power-off, from \_S5 */
	u8 century;                        /* CMOS index, 0: none */
	u8 reset_space, reset_value;       /* address space 0 memory, 1 I/O, 2 PCI configuration */
	u64 reset_address;                 /* 0: no reset register */
	u64 ecam_base;                     /* segment 0; 0: none */
	u8 ecam_first_bus, ecam_last_bus;
};

extern struct acpi_info acpi; /* read-only after acpi_init() */

/* Reads the tables behind the RSDP (0: searched for in low memory). A table that fails its checksum is left out. */
void acpi_init(u64 rsdp);
