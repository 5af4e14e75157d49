/* SPDX-License-Identifier: MIT
 * serial.h - the operator's console on a serial line: a fiber behind the line editor.
 */
#pragma once

#include "net/net.h"

struct console_serial;

/* The line, which the log writes on as well. */
struct console_serial_ops {
	void (*write)(const char *text, size_t len); /* held */
	void (*hold)(void);
	/* `draw`: draws the row that stands there unfinished once more, if it was cleared meanwhile; NULL: none stands there. It
	 * is called in any context, while nobody else holds the line. */
	void (*release)(void (*draw)(void *arg), void *arg);
};

/* Spawns the fiber on `cpu`. It stays silent until the first key, so that logs of unattended guests have no prompt in
 * them. NULL: no memory. */
struct console_serial *console_serial_start(struct net_cpu *cpu, const struct console_serial_ops *ops);
/* Bytes came in; softirq of the same CPU. Too many at once are dropped, as a UART does. */
void console_serial_input(struct console_serial *s, const u8 *bytes, size_t n);
