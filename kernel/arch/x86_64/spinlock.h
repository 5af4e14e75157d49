/* SPDX-License-Identifier: MIT
 * spinlock.h - the lock of the few things that CPUs share: pages, the log, the generator. Never used under net/.
 *
 * Interrupts stay off while it is held: softirq at IRQ exit allocates too, and would wait for itself.
 */
#pragma once

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/io.h"

struct spinlock {
	bool held;
};

/* Returns the flags to give back to spin_unlock(). */
static inline u64 spin_lock(struct spinlock *l)
{
	u64 flags = irq_save();

	while (__atomic_test_and_set(&l->held, __ATOMIC_ACQUIRE))
		while (READ_ONCE(l->held))
			cpu_relax();
	return flags;
}

static inline void spin_unlock(struct spinlock *l, u64 flags)
{
	__atomic_clear(&l->held, __ATOMIC_RELEASE);
	irq_restore(flags);
}
