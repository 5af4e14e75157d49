/* SPDX-License-Identifier: MIT
 * uart.h - the serial console: a 16550, written by polling, since it must work before interrupts do and after they are
 * dead; read by interrupt.
 */
#pragma once

#include "core/irq.h"

/* Finds the port (0x3f8 for ttyS0, 0x2f8 for ttyS1) and sets 115200 8N1. False when nothing answers. */
bool uart_init(u16 port);
/* No more output. */
void uart_off(void);
/* Writes text; a newline becomes CR LF. Does nothing without a port. Waits for the line at most a bounded time a byte. */
void uart_write(const char *s, size_t len);
bool uart_present(void);

/* ---- input: masked until uart_rx_unmask() ---- */
/* Installs the handler of the line's ISA interrupt on the first CPU and unmasks. 0 or -errno. Boot time only. */
int uart_irq_request(irq_handler_t fn);
/* Hard IRQ: false when the UART has no byte; otherwise no further interrupt comes until uart_rx_unmask(). */
bool uart_rx_mask(void);
void uart_rx_unmask(void);
/* Takes what has arrived, at most `size` bytes. */
size_t uart_read(u8 *buf, size_t size);
