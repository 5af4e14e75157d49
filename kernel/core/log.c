/* SPDX-License-Identifier: MIT
 * log.c - log_printf(): a ring of text for dmesg and cores, and the serial console.
 *
 * The ring is the truth; a lock with interrupts off holds it for the length of a copy. The slow serial line is served
 * afterwards with interrupts as they were, by whoever finds the console free; another CPU, or an interrupt on this one,
 * leaves its line to that one and goes on. So any context may log. The operator's console holds the same line while a row
 * of its is unfinished (log_hold_line): a row of output is never torn, and what is typed is drawn again behind the log's.
 */
#include "core/log.h"
#include "arch/x86_64/spinlock.h"
#include "arch/x86_64/uart.h"
#include "config.h"
#include "lib/printf.h"
#include "lib/string.h"

static_assert((LOG_RING & (LOG_RING - 1)) == 0, "indices wrap by a mask");

#define CLEAR_ROW "\r\033[K"

static char log_ring[LOG_RING];
static u64 log_head;    /* bytes ever written: the ring holds the last LOG_RING of them */
static u64 log_printed; /* the console's position */
static enum log_level console_level = LOG_INFO;
static struct spinlock log_lock;
static bool console_busy;
static void (*row_draw)(void *arg); /* the console's unfinished row; changed by who holds console_busy */
static void *row_arg;

void log_set_level(enum log_level level) { console_level = level; }

static void ring_append(const char *s, size_t len)
{
	size_t at = log_head & (LOG_RING - 1), first = MIN(len, LOG_RING - at);

	memcpy(log_ring + at, s, first);
	memcpy(log_ring, s + first, len - first);
	log_head += len;
}

/* Where a reader at pos finds the next whole line; log_lock held. */
static u64 ring_line_start(u64 pos)
{
	if (log_head - pos <= LOG_RING)
		return pos;
	pos = log_head - LOG_RING;
	while (pos < log_head && log_ring[pos++ & (LOG_RING - 1)] != '\n')
		;
	return pos;
}

size_t log_read(u64 *pos, char line[LOG_LINE])
{
	u64 flags = spin_lock(&log_lock), at = ring_line_start(*pos);
	size_t len = 0;

	while (at < log_head) {
		char c = log_ring[at++ & (LOG_RING - 1)];

		if (c == '\n')
			break;
		if (len < LOG_LINE - 1)
			line[len++] = c;
	}
	*pos = at;
	spin_unlock(&log_lock, flags);
	line[len] = 0;
	return len;
}

u64 log_tail(size_t bytes)
{
	u64 flags = spin_lock(&log_lock), pos = 0;

	if (log_head > bytes) {
		pos = log_head - MIN(bytes, (size_t)LOG_RING);
		while (pos < log_head && log_ring[pos++ & (LOG_RING - 1)] != '\n')
			;
	}
	spin_unlock(&log_lock, flags);
	return pos;
}

static void console_flush(void)
{
	char line[LOG_LINE];
	bool cleared = false;
	size_t len;

	while ((len = log_read(&log_printed, line))) {
		if (line[1] - '0' > (int)console_level)
			continue;
		if (row_draw && !cleared)
			uart_write(CLEAR_ROW, sizeof(CLEAR_ROW) - 1);
		cleared = true;
		line[len++] = '\n';
		uart_write(line + 3, len - 3);
	}
	if (row_draw && cleared)
		row_draw(row_arg);
}

static void console_kick(void)
{
	while (READ_ONCE(log_printed) != READ_ONCE(log_head)) {
		if (__atomic_test_and_set(&console_busy, __ATOMIC_ACQUIRE))
			return; /* its holder looks once more after it let go */
		console_flush();
		__atomic_clear(&console_busy, __ATOMIC_SEQ_CST);
	}
}

void log_hold_line(void)
{
	while (__atomic_test_and_set(&console_busy, __ATOMIC_ACQUIRE))
		cpu_relax(); /* its holder is on another CPU: what interrupts a fiber has finished when that goes on */
	row_draw = NULL;
}

void log_release_line(void (*draw)(void *arg), void *arg)
{
	row_draw = draw;
	row_arg = arg;
	__atomic_clear(&console_busy, __ATOMIC_SEQ_CST);
	console_kick();
}

void log_flush_dying(void)
{
	__atomic_clear(&log_lock.held, __ATOMIC_RELEASE);
	row_draw = NULL; /* no row is finished any more */
	console_flush();
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	u64 now_us = clock_ns() / NSEC_PER_USEC, flags;
	char line[LOG_LINE];
	va_list ap;
	int len;

	len = scnprintf(line, sizeof(line), "<%d>[%5llu.%06llu] ", level,
			(unsigned long long)(now_us / USEC_PER_SEC),
			(unsigned long long)(now_us % USEC_PER_SEC));
	va_start(ap, fmt);
	len += vscnprintf(line + len, sizeof(line) - 1 - (size_t)len, fmt, ap);
	va_end(ap);
	if (line[len - 1] != '\n')
		line[len++] = '\n';
	flags = spin_lock(&log_lock);
	ring_append(line, (size_t)len);
	spin_unlock(&log_lock, flags);
	console_kick();
}
