/* SPDX-License-Identifier: MIT
 * serial.h - the operator's console on a serial line: a fiber behind the line editor.
 */
#pragma once

#include "net/net.h"

struct console_serial;

/* Spawns the fiber on `cpu`. It stays silent until the first key, so that logs of unattended guests have no prompt in
 * them. `write` sends text to the line. NULL: no memory. */
struct console_serial *console_serial_start(struct net_cpu *cpu, void (*write)(const char *text, size_t len));
/* Bytes came in; softirq of the same CPU. Too many at once are dropped, as a UART does. */
void console_serial_input(struct console_serial *s, const u8 *bytes, size_t n);
