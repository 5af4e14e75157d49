/* SPDX-License-Identifier: MIT
 * uart.c - 16550A: polled transmitter, sixteen bytes per look at the line status, and a receiver that interrupts (TI
 * PC16550D datasheet).
 */
#include "arch/x86_64/uart.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/ioapic.h"
#include "core/irq_impl.h"
#include "lib/errno.h"

#define UART_RBR 0 /* receive buffer */
#define UART_THR 0 /* transmit holding */
#define UART_IER 1
#define UART_FCR 2
#define UART_LCR 3
#define UART_MCR 4
#define UART_LSR 5
#define UART_SCR 7 /* scratch */

#define FCR_ENABLE_CLEAR 0x07
#define LCR_8N1          0x03
#define LCR_DIVISOR      0x80
#define MCR_DTR_RTS_OUT2 0x0b
#define IER_RX           0x01 /* byte received, or waits in the FIFO for four characters' time */
#define LSR_DATA         0x01
#define LSR_THR_EMPTY    0x20
#define DIVISOR_115200   1
#define FIFO_BYTES       16
#define PATIENCE         1000000 /* looks at a line that does not drain: then the text is dropped */

#define TTYS0            0x3f8
#define TTYS0_ISA_IRQ    4
#define TTYS1_ISA_IRQ    3

static u16 base;

bool uart_init(u16 port)
{
	outb(port + UART_SCR, 0x5a);
	if (inb(port + UART_SCR) != 0x5a)
		return false;
	outb(port + UART_IER, 0);
	outb(port + UART_LCR, LCR_DIVISOR);
	outb(port + 0, DIVISOR_115200);
	outb(port + 1, 0);
	outb(port + UART_LCR, LCR_8N1);
	outb(port + UART_FCR, FCR_ENABLE_CLEAR);
	outb(port + UART_MCR, MCR_DTR_RTS_OUT2);
	base = port;
	return true;
}

void uart_off(void) { base = 0; }

static bool uart_wait(void)
{
	unsigned tries = PATIENCE;

	while (!(inb(base + UART_LSR) & LSR_THR_EMPTY))
		if (!--tries)
			return false;
	return true;
}

void uart_write(const char *s, size_t len)
{
	const char *end = s + len;
	unsigned room = 0;
	bool cr = false; /* the CR before this newline is out */

	if (!base)
		return;
	while (s < end) {
		if (!room) {
			if (!uart_wait())
				return;
			room = FIFO_BYTES;
		}
		room--;
		if (*s == '\n' && !cr) {
			outb(base + UART_THR, '\r');
			cr = true;
			continue;
		}
		cr = false;
		outb(base + UART_THR, (u8)*s++);
	}
}

bool uart_present(void)
{
	return base;
}

int uart_irq_request(irq_handler_t fn)
{
	const struct acpi_isa_irq *isa = &acpi.isa[base == TTYS0 ? TTYS0_ISA_IRQ : TTYS1_ISA_IRQ];
	int vector = irq_vector_alloc("serial", 0, ioapic_mask, isa->gsi), err;

	if (vector < 0)
		return vector;
	err = irq_add_handler((unsigned)vector, fn, NULL) ?:
	      ioapic_route(isa->gsi, (u8)vector, cpus[0].apic_id, isa->level, isa->active_low);
	if (err) {
		irq_vector_free((unsigned)vector);
		return err;
	}
	ioapic_unmask(isa->gsi);
	uart_rx_unmask();
	return 0;
}

bool uart_rx_mask(void)
{
	if (!(inb(base + UART_LSR) & LSR_DATA))
		return false;
	outb(base + UART_IER, 0);
	return true;
}

void uart_rx_unmask(void)
{
	outb(base + UART_IER, IER_RX);
}

size_t uart_read(u8 *buf, size_t size)
{
	size_t n = 0;

	while (n < size && inb(base + UART_LSR) & LSR_DATA)
		buf[n++] = inb(base + UART_RBR);
	return n;
}
