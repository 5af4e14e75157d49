/* SPDX-License-Identifier: MIT
 * irq_impl.h - between the interrupt controllers (arch) and the table of lines (core/irq.c).
 */
#pragma once

#include "core/irq.h"

/* A line that no handler owns to so often in a row is masked: a stuck level-triggered input would never end. */
#define IRQ_UNHANDLED_LIMIT 10000

/* How a line is silenced; arg is the controller's. */
typedef void (*irq_mask_t)(u32 arg);

/* Takes a free vector for an interrupt that goes to `cpu`. The vector, or -ENOSPC. Boot time only. */
int irq_vector_alloc(const char *name, unsigned cpu, irq_mask_t mask, u32 mask_arg);
/* Takes a given vector: timer, kick. */
void irq_vector_take(unsigned vector, const char *name);
/* Gives a vector back that never got a handler. */
void irq_vector_free(unsigned vector);
/* One more handler on a vector. 0 or -ENOMEM. Boot time only, before the interrupt can come. */
int irq_add_handler(unsigned vector, irq_handler_t fn, void *arg);
/* Hard IRQ: calls the handlers of a vector in turn. */
void irq_dispatch(unsigned vector, unsigned cpu);
