/* SPDX-License-Identifier: MIT
 * tty.h - the serial line as an input device of the stack's kind: hard IRQ masks, softirq polls, the console's fiber wakes.
 */
#pragma once

#include "net/net.h"

/* Starts the operator's console on the serial line of log and console=. Does nothing where there is no line. */
void tty_start(struct net_cpu *cpu);
