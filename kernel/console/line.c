/* SPDX-License-Identifier: MIT
 * line.c - the line editor: one row of keys each, redraws what stands right of the cursor.
 */
#include "console/line.h"
#include "console/complete.h"
#include "lib/string.h"

#define CTRL(c) ((c) & 0x1f)

static void put(struct line_editor *l, const char *text)
{
	l->out->write(l->out, text, strlen(text));
}

static void cursor_back(struct console_out *out, unsigned n)
{
	if (n)
		out_printf(out, "\033[%uD", n);
}

/* Draws from the cursor to the end, clears what stood there before, and goes back. */
static void redraw_tail(struct line_editor *l)
{
	l->out->write(l->out, l->buf + l->cursor, l->len - l->cursor);
	put(l, "\033[K");
	cursor_back(l->out, l->len - l->cursor);
}

void line_draw(const struct line_editor *l, struct console_out *out)
{
	out->write(out, l->prompt, strlen(l->prompt));
	out->write(out, l->buf, l->len);
	cursor_back(out, l->len - l->cursor);
}

static void redraw_line(struct line_editor *l)
{
	put(l, "\r\033[K");
	line_draw(l, l->out);
}

static void insert(struct line_editor *l, char c)
{
	if (l->len + 1 >= CONSOLE_LINE_MAX) {
		put(l, "\a");
		return;
	}
	memmove(l->buf + l->cursor + 1, l->buf + l->cursor, l->len - l->cursor);
	l->buf[l->cursor] = c;
	l->len++;
	l->out->write(l->out, &l->buf[l->cursor++], 1);
	if (l->cursor < l->len)
		redraw_tail(l);
}

/* Deletes [from, to) and leaves the cursor at from. */
static void delete(struct line_editor *l, unsigned from, unsigned to)
{
	if (l->cursor > from)
		cursor_back(l->out, l->cursor - from);
	memmove(l->buf + from, l->buf + to, l->len - to);
	l->len -= to - from;
	l->cursor = from;
	redraw_tail(l);
}

static void move_to(struct line_editor *l, unsigned pos)
{
	if (pos < l->cursor)
		cursor_back(l->out, l->cursor - pos);
	else if (pos > l->cursor)
		l->out->write(l->out, l->buf + l->cursor, pos - l->cursor);
	l->cursor = pos;
}

static unsigned word_start(const struct line_editor *l)
{
	unsigned i = l->cursor;

	while (i && l->buf[i - 1] == ' ')
		i--;
	while (i && l->buf[i - 1] != ' ')
		i--;
	return i;
}

static void browse(struct line_editor *l, unsigned back)
{
	unsigned kept = MIN(l->nr_history, (unsigned)LINE_HISTORY);

	if (back > kept)
		return;
	if (!l->browsing) {
		l->buf[l->len] = '\0';
		str_copy(l->typed, l->buf, sizeof(l->typed));
	}
	l->browsing = back;
	str_copy(l->buf, back ? l->history[(l->nr_history - back) % LINE_HISTORY] : l->typed, sizeof(l->buf));
	l->len = l->cursor = (unsigned)strlen(l->buf);
	redraw_line(l);
}

static void remember(struct line_editor *l)
{
	const char *last = l->history[(l->nr_history - 1) % LINE_HISTORY];

	if (!l->len || (l->nr_history && !strcmp(last, l->buf)))
		return;
	str_copy(l->history[l->nr_history++ % LINE_HISTORY], l->buf, CONSOLE_LINE_MAX);
}

/* Lists the words that begin as the last one does, in lines of a terminal. */
static void list_candidates(struct line_editor *l, unsigned start)
{
	char buf[CONSOLE_WORD_MAX];
	const char *word;
	size_t column = 0;

	put(l, "\n");
	for (unsigned i = 0; (word = console_candidate(l->net, l->buf, start, i, buf)); i++) {
		if (strncmp(word, l->buf + start, l->len - start))
			continue;
		if (column && column + strlen(word) > 78) {
			put(l, "\n");
			column = 0;
		}
		out_printf(l->out, "%s  ", word);
		column += strlen(word) + 2;
	}
	put(l, "\n");
	redraw_line(l);
}

/* Completes the last word as far as all that may stand there and begin so agree; lists them when that is nowhere. */
static void complete(struct line_editor *l)
{
	char buf[CONSOLE_WORD_MAX], first[CONSOLE_LINE_MAX] = "";
	unsigned matches = 0, common = 0, start = l->len, had, i, k;
	const char *word;

	if (l->cursor != l->len)
		return;
	while (start && l->buf[start - 1] != ' ')
		start--;
	had = l->len - start;
	for (i = 0; (word = console_candidate(l->net, l->buf, start, i, buf)); i++) {
		if (strncmp(word, l->buf + start, had))
			continue;
		if (!matches++) {
			str_copy(first, word, sizeof(first));
			common = (unsigned)strlen(first);
		}
		for (k = 0; k < common && word[k] == first[k]; k++)
			;
		common = k;
	}
	for (i = had; matches && i < common; i++)
		insert(l, first[i]);
	if (matches == 1 && !strchr(first, '.')) /* behind a tunable '=' may stand */
		insert(l, ' ');
	if (matches > 1 && common == had)
		list_candidates(l, start);
}

static void escape_key(struct line_editor *l, u8 byte)
{
	u8 digit = l->escape > 2 ? l->escape : 0;

	if (l->escape == 1) {
		l->escape = byte == '[' || byte == 'O' ? 2 : 0;
		return;
	}
	if (byte >= 0x30 && byte <= 0x3f) { /* parameters (ECMA-48 5.4): only a lone first digit means something here */
		l->escape = l->escape == 2 ? byte : ':';
		return;
	}
	l->escape = 0;
	switch (byte) {
	case 'A': browse(l, l->browsing + 1); break;
	case 'B': if (l->browsing) browse(l, l->browsing - 1); break;
	case 'C': if (l->cursor < l->len) move_to(l, l->cursor + 1); break;
	case 'D': if (l->cursor) move_to(l, l->cursor - 1); break;
	case 'H': move_to(l, 0); break;
	case 'F': move_to(l, l->len); break;
	case '~':
		if (digit == '3' && l->cursor < l->len)
			delete(l, l->cursor, l->cursor + 1);
		else if (digit == '1' || digit == '7')
			move_to(l, 0);
		else if (digit == '4' || digit == '8')
			move_to(l, l->len);
		break;
	}
}

static void control_key(struct line_editor *l, u8 byte)
{
	switch (byte) {
	case CTRL('A'): move_to(l, 0); break;
	case CTRL('E'): move_to(l, l->len); break;
	case CTRL('B'): if (l->cursor) move_to(l, l->cursor - 1); break;
	case CTRL('F'): if (l->cursor < l->len) move_to(l, l->cursor + 1); break;
	case CTRL('D'): if (l->cursor < l->len) delete(l, l->cursor, l->cursor + 1); break;
	case CTRL('K'): delete(l, l->cursor, l->len); break;
	case CTRL('U'): delete(l, 0, l->cursor); break;
	case CTRL('W'): delete(l, word_start(l), l->cursor); break;
	case CTRL('L'): put(l, "\033[H\033[2J"); redraw_line(l); break;
	case CTRL('P'): browse(l, l->browsing + 1); break;
	case CTRL('N'): if (l->browsing) browse(l, l->browsing - 1); break;
	case '\t': complete(l); break;
	case '\b':
	case 0x7f: if (l->cursor) delete(l, l->cursor - 1, l->cursor); break;
	case 0x1b: l->escape = 1; break;
	}
}

void line_init(struct line_editor *l, struct console_out *out, const char *prompt)
{
	memset(l, 0, sizeof(*l));
	l->out = out;
	l->prompt = prompt;
}

void line_begin(struct line_editor *l)
{
	l->len = l->cursor = l->browsing = l->escape = 0;
	put(l, l->prompt);
}

enum line_event line_byte(struct line_editor *l, u8 byte)
{
	if (l->escape) {
		escape_key(l, byte);
		return LINE_MORE;
	}
	if (byte == '\r' || byte == '\n') {
		l->buf[l->len] = '\0';
		put(l, "\n");
		remember(l);
		return LINE_READY;
	}
	if (byte == CTRL('C')) {
		put(l, "^C\n");
		return LINE_INTERRUPT;
	}
	if (byte < 0x20 || byte == 0x7f)
		control_key(l, byte);
	else
		insert(l, (char)byte);
	return LINE_MORE;
}
