/* SPDX-License-Identifier: MIT
 * io.h - port and memory-mapped device access, and the barriers a driver needs.
 *
 * mmio_*() are one access of exactly that width each, never merged or reordered by the compiler.
 */
#pragma once

#include "lib/types.h"

#define PORT_ACCESS(bits, suffix)                                                                  \
	static inline u##bits in##suffix(u16 port)                                                 \
	{                                                                                          \
		u##bits v;                                                                         \
                                                                                                   \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port) : "memory");        \
		return v;                                                                          \
	}                                                                                          \
	static inline void out##suffix(u16 port, u##bits v)                                        \
	{                                                                                          \
		__asm__ volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port) : "memory");       \
	}
PORT_ACCESS(8, b)
PORT_ACCESS(16, w)
PORT_ACCESS(32, l)
#undef PORT_ACCESS

#define MMIO_ACCESS(bits)                                                                          \
	static inline u##bits mmio_read##bits(const volatile void *a)                              \
	{                                                                                          \
		return *(const volatile u##bits *)a;                                               \
	}                                                                                          \
	static inline void mmio_write##bits(volatile void *a, u##bits v)                           \
	{                                                                                          \
		*(volatile u##bits *)a = v;                                                        \
	}
MMIO_ACCESS(8)
MMIO_ACCESS(16)
MMIO_ACCESS(32)
MMIO_ACCESS(64)
#undef MMIO_ACCESS

/* Memory that a device reads and writes behind our back. x86 keeps loads in order and stores in order (rmb, wmb only
 * hold the compiler); a load may pass an earlier store, which mb() forbids. */
#define mb()  __asm__ volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc")
#define rmb() barrier()
#define wmb() barrier()

static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }
