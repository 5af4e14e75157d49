/* SPDX-License-Identifier: MIT
 * irq.c - the table of interrupt vectors: who handles each, and how often it came.
 *
 * Lines are set up at boot by the boot CPU and never change; counters are written by the CPU that takes the
 * interrupt. Several handlers on a vector share an INTx line: all are called, since each may have a cause.
 */
#include "core/irq_impl.h"
#include "arch/x86_64/idt.h"
#include "lib/errno.h"
#include "platform.h"

#define NR_LINES (VEC_SPURIOUS - VEC_DEVICE)

struct irq_action {
	irq_handler_t fn;
	void *arg;
	struct irq_action *next;
};

struct irq_line {
	struct irq_action first; /* fn NULL: none yet */
	struct irq_stat stat;    /* name NULL: the vector is free */
	u32 unhandled_in_row;
	u32 mask_arg;
	irq_mask_t mask;
};

static struct irq_line lines[NR_LINES];

static_assert(ARRAY_SIZE(((struct irq_stat *)0)->count) >= MAX_CPUS, "a counter per CPU");

static void line_take(unsigned i, const char *name)
{
	lines[i].stat.name = name;
	lines[i].stat.vector = VEC_DEVICE + i;
}

int irq_vector_alloc(const char *name, unsigned cpu, irq_mask_t mask, u32 mask_arg)
{
	unsigned i;

	for (i = 0; i < VEC_TIMER - VEC_DEVICE; i++) {
		if (lines[i].stat.name)
			continue;
		line_take(i, name);
		lines[i].stat.cpu = cpu;
		lines[i].mask = mask;
		lines[i].mask_arg = mask_arg;
		return VEC_DEVICE + (int)i;
	}
	return -ENOSPC;
}

void irq_vector_take(unsigned vector, const char *name)
{
	line_take(vector - VEC_DEVICE, name);
}

void irq_vector_free(unsigned vector)
{
	lines[vector - VEC_DEVICE].stat.name = NULL;
}

int irq_add_handler(unsigned vector, irq_handler_t fn, void *arg)
{
	struct irq_action *first = &lines[vector - VEC_DEVICE].first, *a;

	if (!first->fn) {
		first->arg = arg;
		first->fn = fn;
		return 0;
	}
	a = kmalloc(sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = (struct irq_action){ .fn = fn, .arg = arg, .next = first->next };
	WRITE_ONCE(first->next, a);
	return 0;
}

static __cold __noinline void irq_unhandled(struct irq_line *l)
{
	l->stat.unhandled++;
	if (++l->unhandled_in_row < IRQ_UNHANDLED_LIMIT || !l->mask)
		return;
	l->mask(l->mask_arg);
	l->unhandled_in_row = 0;
	log_err("irq: %s (vector %u) came %u times and nobody wanted it: masked", l->stat.name,
		l->stat.vector, IRQ_UNHANDLED_LIMIT);
}

void irq_dispatch(unsigned vector, unsigned cpu)
{
	struct irq_line *l = &lines[vector - VEC_DEVICE];
	struct irq_action *a = &l->first;
	bool handled = false;

	l->stat.count[cpu]++;
	if (likely(a->fn))
		for (; a; a = a->next)
			handled |= a->fn(a->arg);
	if (unlikely(!handled))
		irq_unhandled(l);
	else
		l->unhandled_in_row = 0;
}

const struct irq_stat *irq_stat_get(unsigned i)
{
	unsigned n;

	for (n = 0; n < NR_LINES; n++)
		if (lines[n].stat.name && !i--)
			return &lines[n].stat;
	return NULL;
}
