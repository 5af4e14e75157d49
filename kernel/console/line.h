/* SPDX-License-Identifier: MIT
 * line.h - a line editor for a terminal: cursor keys, history, completion, the control keys that people know.
 *
 * Bytes go in one at a time, echo and redrawing come out through a console_out; no waiting in here.
 */
#pragma once

#include "console/console.h"

#define LINE_HISTORY 16 /* lines kept */

struct line_editor {
	struct console_out *out;
	const char *prompt;
	const struct net *net; /* whose names are completed; NULL: none but the commands' words */
	char buf[CONSOLE_LINE_MAX];
	unsigned len, cursor;
	u8 escape;             /* 0 none, 1 after ESC, 2 after ESC [, else the digit after it */
	char history[LINE_HISTORY][CONSOLE_LINE_MAX];
	unsigned nr_history;   /* ever added */
	unsigned browsing;     /* how many lines back; 0: the line being typed */
	char typed[CONSOLE_LINE_MAX]; /* kept while browsing */
};

enum line_event { LINE_MORE, LINE_READY, LINE_INTERRUPT };

void line_init(struct line_editor *l, struct console_out *out, const char *prompt);
/* Draws prompt and line on `out`, the cursor where it is: for who had to clear the row. */
void line_draw(const struct line_editor *l, struct console_out *out);
/* Prints the prompt and starts an empty line. */
void line_begin(struct line_editor *l);
/* Takes a byte. LINE_READY: l->buf is the line (terminated, added to history). LINE_INTERRUPT: Ctrl-C, the line is gone. */
enum line_event line_byte(struct line_editor *l, u8 byte);
