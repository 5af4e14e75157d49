/* SPDX-License-Identifier: MIT
 * io.h - the drivers' way to their devices, for the host: every access goes to a fake device (tests/host/fake_machine.h).
 *
 * Stands in for kernel/arch/x86_64/io.h, by an earlier include path.
 */
#pragma once

#include "lib/types.h"

u64 fake_mmio_read(const volatile void *a, unsigned bytes);
void fake_mmio_write(volatile void *a, unsigned bytes, u64 v);
u32 fake_port_in(u16 port, unsigned bytes);
void fake_port_out(u16 port, unsigned bytes, u32 v);

static inline u8 inb(u16 port) { return (u8)fake_port_in(port, 1); }
static inline u16 inw(u16 port) { return (u16)fake_port_in(port, 2); }
static inline u32 inl(u16 port) { return fake_port_in(port, 4); }
static inline void outb(u16 port, u8 v) { fake_port_out(port, 1, v); }
static inline void outw(u16 port, u16 v) { fake_port_out(port, 2, v); }
static inline void outl(u16 port, u32 v) { fake_port_out(port, 4, v); }

static inline u8 mmio_read8(const volatile void *a) { return (u8)fake_mmio_read(a, 1); }
static inline u16 mmio_read16(const volatile void *a) { return (u16)fake_mmio_read(a, 2); }
static inline u32 mmio_read32(const volatile void *a) { return (u32)fake_mmio_read(a, 4); }
static inline u64 mmio_read64(const volatile void *a) { return fake_mmio_read(a, 8); }
static inline void mmio_write8(volatile void *a, u8 v) { fake_mmio_write(a, 1, v); }
static inline void mmio_write16(volatile void *a, u16 v) { fake_mmio_write(a, 2, v); }
static inline void mmio_write32(volatile void *a, u32 v) { fake_mmio_write(a, 4, v); }
static inline void mmio_write64(volatile void *a, u64 v) { fake_mmio_write(a, 8, v); }

#define mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() barrier()
#define wmb() barrier()

static inline void cpu_relax(void) { }
