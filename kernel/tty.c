/* SPDX-License-Identifier: MIT
 * tty.c - between the UART and the console: the receive interrupt under the NAPI contract, without a network device.
 */
#include "tty.h"
#include "arch/x86_64/uart.h"
#include "console/serial.h"
#include "core/log.h"
#include "net/core/dev.h"

#define TTY_WEIGHT 64 /* bytes of one poll */

static struct napi_struct napi;
static struct console_serial *console;
static const struct console_serial_ops line = {
	.write = uart_write,
	.hold = log_hold_line,
	.release = log_release_line,
};

static bool tty_isr(void *arg)
{
	if (!uart_rx_mask())
		return false;
	napi_schedule(&napi);
	return true;
}

static int tty_poll(struct napi_struct *n, int budget)
{
	u8 bytes[TTY_WEIGHT];
	size_t got = uart_read(bytes, (size_t)MIN(budget, TTY_WEIGHT));

	if (got)
		console_serial_input(console, bytes, got);
	if (got < (size_t)MIN(budget, TTY_WEIGHT)) {
		napi_complete(n, (int)got);
		uart_rx_unmask();
	}
	return (int)got;
}

void tty_start(struct net_cpu *cpu)
{
	if (!uart_present())
		return;
	console = console_serial_start(cpu, &line);
	if (!console)
		return;
	netif_napi_add(cpu, NULL, &napi, tty_poll, TTY_WEIGHT);
	if (uart_irq_request(tty_isr))
		log_warn("console: no interrupt for the serial line; it only prints");
}
