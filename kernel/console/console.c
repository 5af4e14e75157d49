/* SPDX-License-Identifier: MIT
 * console.c - finds and runs the operator's commands, whichever door the line came through.
 */
#include "console/console.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "platform.h"

void out_printf(struct console_out *out, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vscnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	out->write(out, buf, (size_t)n);
}

/* ---- tables that softirq changes, on all CPUs ---- */

#define CHUNK_BYTES 4096u

struct chunk {
	struct chunk *next;
	u32 len;
	char text[CHUNK_BYTES];
};

struct gather { /* what is printed while softirq is held off, or on another CPU, until it can be printed */
	struct console_out out;
	struct console_call *call;
	void (*fn)(struct console_call *c, void *arg);
	void *arg;
	struct chunk *first, **last, *fill;
	bool lost; /* there was no memory for a part */
};

static void gather_write(struct console_out *out, const char *text, size_t len)
{
	struct gather *g = container_of(out, struct gather, out);

	while (len) {
		size_t n;

		if (!g->fill || g->fill->len == CHUNK_BYTES) {
			struct chunk *k = kmalloc(sizeof(*k));

			if (!k) {
				g->lost = true;
				return;
			}
			k->next = NULL;
			k->len = 0;
			*g->last = g->fill = k;
			g->last = &k->next;
		}
		n = MIN(len, (size_t)(CHUNK_BYTES - g->fill->len));
		memcpy(g->fill->text + g->fill->len, text, n);
		g->fill->len += (u32)n;
		text += n;
		len -= n;
	}
}

static void gather_on(struct net_cpu *cpu, void *arg)
{
	struct gather *g = arg;
	struct console_call call = *g->call;

	call.cpu = cpu;
	call.out = &g->out;
	bh_disable(cpu);
	g->fn(&call, g->arg);
	bh_enable(cpu);
}

static void print_gathered(struct gather *g)
{
	while (g->first) {
		struct chunk *k = g->first;

		g->first = k->next;
		g->call->out->write(g->call->out, k->text, k->len);
		kfree(k);
	}
	if (g->lost)
		out_printf(g->call->out, "(no memory: a part of this is missing)\n");
}

void console_frozen(struct console_call *c, void (*fn)(struct console_call *c, void *arg), void *arg)
{
	struct gather g = { .out.write = gather_write, .call = c, .fn = fn, .arg = arg, .last = &g.first };

	gather_on(c->cpu, &g);
	print_gathered(&g);
}

void console_on_each_cpu(struct console_call *c, void (*fn)(struct console_call *c, void *arg), void *arg)
{
	struct gather g = { .out.write = gather_write, .call = c, .fn = fn, .arg = arg, .last = &g.first };

	g.lost = net_on_each_cpu(c->cpu, gather_on, &g) || g.lost;
	print_gathered(&g);
}

const struct console_cmd *console_find(const char *name)
{
	const struct console_cmd *cmd;

	for (cmd = console_cmds; cmd->name; cmd++)
		if (!strcmp(cmd->name, name))
			return cmd;
	return NULL;
}

int console_usage(struct console_call *c, const char *bad_word)
{
	const struct console_cmd *cmd = console_find(c->argv[0]);

	if (bad_word)
		out_printf(c->out, "%s: not understood: '%s'\n", c->argv[0], bad_word);
	out_printf(c->out, "usage: %s %s\n", c->argv[0], cmd ? cmd->usage : "");
	return -EINVAL;
}

int console_refuse(struct console_call *c)
{
	out_printf(c->out, "%s: changing is allowed on the serial console, and by HTTP to who sends the token of the command line "
			   "(console.token=TOKEN, Authorization: Bearer TOKEN)\n", c->argv[0]);
	return -EPERM;
}

bool console_take_word(struct console_call *c, const char *word)
{
	for (int i = 1; i < c->argc; i++)
		if (!strcmp(c->argv[i], word)) {
			for (c->argc--; i < c->argc; i++)
				c->argv[i] = c->argv[i + 1];
			return true;
		}
	return false;
}

/* Ends the word at p, taking quotes out; returns where the next may begin. */
static char *word_end(char *p)
{
	char *to = p;
	bool quoted = false;

	for (; *p && (quoted || (*p != ' ' && *p != '\t')); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*to++ = *p;
	}
	if (*p)
		p++;
	*to = '\0';
	return p;
}

/* Number of words, or -E2BIG. */
static int split(char *line, char **argv)
{
	int argc = 0;

	for (;;) {
		while (*line == ' ' || *line == '\t')
			line++;
		if (!*line)
			return argc;
		if (argc == CONSOLE_ARGS_MAX)
			return -E2BIG;
		argv[argc++] = line;
		line = word_end(line);
	}
}

int console_run(struct console_call *c, char *line)
{
	const struct console_cmd *cmd;
	char *argv[CONSOLE_ARGS_MAX];

	c->argv = argv;
	c->argc = split(line, argv);
	if (c->argc == -E2BIG) {
		out_printf(c->out, "too many words: %d are allowed\n", CONSOLE_ARGS_MAX);
		return -E2BIG;
	}
	if (!c->argc)
		return 0;
	cmd = console_find(argv[0]);
	if (!cmd) {
		out_printf(c->out, "%s: no such command; 'help' lists them\n", argv[0]);
		return -ENOENT;
	}
	if (cmd->waits && !c->may_wait) {
		out_printf(c->out, "%s: takes its time, and works on the serial console only\n", argv[0]);
		return -EOPNOTSUPP;
	}
	return cmd->run(c);
}
