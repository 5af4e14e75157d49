/* SPDX-License-Identifier: MIT
 * uart.h - the serial console: a 16550 by polling, since it must work before interrupts do and after they are dead.
 */
#pragma once

#include "lib/types.h"

/* Finds the port (0x3f8 for ttyS0, 0x2f8 for ttyS1) and sets 115200 8N1. False when nothing answers. */
bool uart_init(u16 port);
/* No more output. */
void uart_off(void);
/* Writes text; a newline becomes CR LF. Does nothing without a port. Waits for the line at most a bounded time a byte. */
void uart_write(const char *s, size_t len);
