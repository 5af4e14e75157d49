/* SPDX-License-Identifier: MIT
 * serial.c - the serial door to the operator's commands. Owns one fiber, its line editor and the bytes typed ahead.
 *
 * The line is held while a row is unfinished, and let go of where one ends and where a key is waited for: there the log may
 * put its lines before what is typed.
 *
 * Whoever has the serial line has the machine: commands that change things are allowed here.
 */
#include "console/serial.h"
#include "console/line.h"
#include "lib/string.h"
#include "platform.h"

#define TYPED_AHEAD 256u /* bytes; a power of two */
#define CTRL_C      3

struct console_serial {
	struct net_cpu *cpu;
	struct fiber *fiber;
	const struct console_serial_ops *ops;
	struct console_out out, bare; /* bare: while another holds the line for us */
	bool held;
	struct console_call call; /* of the running command */
	struct line_editor line;
	u8 typed[TYPED_AHEAD];
	u32 head, tail; /* both only with softirq held off */
};

static void hold(struct console_serial *s)
{
	if (!s->held)
		s->ops->hold();
	s->held = true;
}

static void release(struct console_serial *s, void (*draw)(void *arg))
{
	if (!s->held)
		return;
	s->held = false;
	s->ops->release(draw, s);
}

static void serial_write(struct console_out *out, const char *text, size_t len)
{
	struct console_serial *s = container_of(out, struct console_serial, out);

	if (!len)
		return;
	hold(s);
	s->ops->write(text, len);
	if (text[len - 1] == '\n')
		release(s, NULL);
}

static void bare_write(struct console_out *out, const char *text, size_t len)
{
	container_of(out, struct console_serial, bare)->ops->write(text, len);
}

/* The editor is the fiber's, but while it waits for a key with the line let go of. */
static void draw_row(void *arg)
{
	struct console_serial *s = arg;

	line_draw(&s->line, &s->bare);
}

/* Waits for a byte, and holds the line then. */
static u8 next_byte(struct console_serial *s)
{
	u8 byte;

	if (READ_ONCE(s->head) == s->tail)
		release(s, draw_row);
	bh_disable(s->cpu);
	while (s->head == s->tail)
		fiber_block(s->cpu->fibers, "a key");
	byte = s->typed[s->tail++ % TYPED_AHEAD];
	bh_enable(s->cpu);
	hold(s);
	return byte;
}

static void run_line(struct console_serial *s)
{
	s->call = (struct console_call){ .cpu = s->cpu, .out = &s->out, .may_change = true, .may_wait = true, .line = &s->line };
	console_run(&s->call, s->line.buf);
}

static void serial_fiber(void *arg)
{
	struct console_serial *s = arg;
	enum line_event ev = LINE_MORE;

	next_byte(s);
	out_printf(&s->out, "\nbarewire console; 'help' lists the commands\n");
	for (;;) {
		line_begin(&s->line);
		do
			ev = line_byte(&s->line, next_byte(s));
		while (ev == LINE_MORE);
		if (ev == LINE_READY)
			run_line(s);
	}
}

struct console_serial *console_serial_start(struct net_cpu *cpu, const struct console_serial_ops *ops)
{
	struct console_serial *s = kzalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->cpu = cpu;
	s->ops = ops;
	s->out.write = serial_write;
	s->bare.write = bare_write;
	line_init(&s->line, &s->out, "barewire# ");
	s->line.net = cpu->net;
	s->fiber = fiber_spawn(cpu->fibers, "console", serial_fiber, s);
	if (!s->fiber) {
		kfree(s);
		return NULL;
	}
	return s;
}

void console_serial_input(struct console_serial *s, const u8 *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (bytes[i] == CTRL_C)
			s->call.stop = true;
		if (s->head - s->tail < TYPED_AHEAD)
			s->typed[s->head++ % TYPED_AHEAD] = bytes[i];
	}
	fiber_wake(s->fiber);
}
