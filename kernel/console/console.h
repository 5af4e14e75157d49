/* SPDX-License-Identifier: MIT
 * console.h - the operator's commands: one table, two doors to it (the serial line and HTTP under /debug/).
 *
 * A command gets its words and a place to print to, and knows nothing of the door. Commands run in base context, in
 * a fiber, and may wait. Output reads as the Linux tool of the same name prints it.
 */
#pragma once

#include "net/net.h"

/* Where a command prints. `write` takes every byte or drops it; it may block the fiber. */
struct console_out {
	void (*write)(struct console_out *out, const char *text, size_t len);
};
void out_printf(struct console_out *out, const char *fmt, ...) __printf_(2, 3);

/* One run of a command. */
struct console_call {
	struct net_cpu *cpu;
	struct console_out *out;
	int argc;
	char **argv;
	bool may_change; /* the door lets this caller change things (serial line, or the token was given) */
	bool may_wait;   /* the caller is a fiber of its own, so the command may sleep */
	const struct line_editor *line; /* where typed lines are kept; NULL: the door has none */
	bool stop;       /* set by the door when the caller went away or pressed Ctrl-C: long commands look at it */
};

struct console_cmd {
	const char *name;
	const char *usage; /* what follows the name */
	const char *help;  /* one line */
	int (*run)(struct console_call *c); /* 0, or a negative errno after it printed why */
	bool waits; /* sleeps: only where the door has a fiber for it */
};
extern const struct console_cmd console_cmds[]; /* ends with a row without a name; in console/table.c */

#define CONSOLE_LINE_MAX 256 /* bytes of a command line */
#define CONSOLE_ARGS_MAX 32  /* words of it */

/* Splits `line` in place into words ("quotes" keep blanks together) and runs the command it names. An unknown
 * command or a line too long is told to `out`. Returns the command's result, -ENOENT or -E2BIG. */
int console_run(struct console_call *c, char *line);
/* Runs fn with softirq held off: what that changes and frees stands still. What fn printed is printed behind it. */
void console_frozen(struct console_call *c, void (*fn)(struct console_call *c, void *arg), void *arg);
/* The same on every CPU, with a call like c but for its cpu, one CPU after the other. */
void console_on_each_cpu(struct console_call *c, void (*fn)(struct console_call *c, void *arg), void *arg);
/* Prints "usage: NAME USAGE", and first the word that was wrong when there is one. Returns -EINVAL. */
int console_usage(struct console_call *c, const char *bad_word);
/* Takes an option out of the words, wherever it stands behind the name; false: it is not there. */
bool console_take_word(struct console_call *c, const char *word);
/* For commands that change things, when the door does not allow it: says what would. Returns -EPERM. */
int console_refuse(struct console_call *c);
/* Compiles the words from `at` on as a filter (net/core/filter.h), for Ethernet and for raw IP; a mistake is told. 0 or -errno. */
struct bpf_insn;
int console_filter(struct console_call *c, int at, struct bpf_insn *eth, struct bpf_insn *raw);
const struct console_cmd *console_find(const char *name);
