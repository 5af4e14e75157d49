/* SPDX-License-Identifier: MIT
 * fake_machine.h - a PCI bus in memory: configuration space behind ports CF8/CFC or an ECAM window, BARs that answer
 * sizing, device windows with read and write functions, interrupts that a test fires.
 *
 * The real drivers/pci/ runs on it, and the real drivers on that. Windows are found by bus address; an access that no
 * window takes, or that crosses one's end, fails the running test.
 */
#pragma once

#include "drivers/pci/pci.h"

#define FAKE_MAX_FUNCS 96
#define FAKE_MAX_WINDOWS 4

struct fake_bar {
	u64 size; /* 0: none */
	bool is64;
	/* Of the window while it is decoded; offsets count from its start. NULL: plain memory that reads as zero. */
	u64 (*read)(void *ctx, u64 off, unsigned bytes);
	void (*write)(void *ctx, u64 off, unsigned bytes, u64 v);
	void *ctx;
};

struct fake_func {
	u8 bus, slot, func;
	u8 config[4096]; /* little-endian; BARs and command are live */
	struct fake_bar bars[PCI_NUM_BARS];
};

/* No functions, no handlers, no ECAM; RAM ends at fake_ram_end (default 0). */
void fake_machine_reset(void);
extern u64 fake_ram_end;
/* A function with vendor, device and class code in place; the caller fills the rest of config and bars. */
struct fake_func *fake_func_add(u8 bus, u8 slot, u8 func, u16 vendor, u16 device, u32 class_code);
void fake_config_set(struct fake_func *f, unsigned off, unsigned bytes, u32 v);
u32 fake_config_get(const struct fake_func *f, unsigned off, unsigned bytes);
/* Serves configuration space in memory at `base` too, for buses first..last. */
void fake_ecam(u64 base, u8 first, u8 last);

/* Registers that are no PCI function's, at a physical address; interrupts by the number of an I/O APIC input. */
void fake_window_add(u64 base, u64 size, u64 (*read)(void *ctx, u64 off, unsigned bytes),
		     void (*write)(void *ctx, u64 off, unsigned bytes, u64 v), void *ctx);
bool fake_gsi(unsigned gsi);

/* Accesses so far, for tests that count them. */
extern u64 fake_mmio_reads, fake_mmio_writes;

/* ---- interrupts ---- */
#define FAKE_INTX 0xff
/* MSI-X vectors irq_request_msix() grants before it answers -ENOSPC. */
extern unsigned fake_vectors_left;
/* Calls the handler of a function's vector (FAKE_INTX: its line). false: none was requested, or it said "not mine". */
bool fake_irq(const struct fake_func *f, unsigned index);
