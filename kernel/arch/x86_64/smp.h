/* SPDX-License-Identifier: MIT
 * smp.h - the other CPUs.
 */
#pragma once

#include "boot_info.h"
#include "arch/x86_64/cpu.h"

/* Starts every CPU of the MADT; each goes into cpu_main() (main.c). nr_cpus tells how many run afterwards. */
void smp_init(const struct boot_info *bi);

/* trampoline.S calls it on a new CPU, on its base stack. */
_Noreturn void ap_main(struct cpu *c);
/* main.c */
_Noreturn void cpu_main(struct cpu *c);
