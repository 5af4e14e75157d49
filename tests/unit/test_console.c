/* SPDX-License-Identifier: MIT
 * test_console.c - the line editor as a terminal sees it, and how a line becomes a command.
 */
#include "host/harness.h"
#include "console/console.h"
#include "console/line.h"
#include "lib/errno.h"
#include "lib/string.h"

/* A terminal that keeps what was printed. */
struct screen {
	struct console_out out;
	char text[4096];
	size_t len;
};

static void screen_write(struct console_out *out, const char *text, size_t len)
{
	struct screen *s = container_of(out, struct screen, out);

	REQUIRE(s->len + len < sizeof(s->text));
	memcpy(s->text + s->len, text, len);
	s->len += len;
	s->text[s->len] = '\0';
}

static void screen_init(struct screen *s)
{
	s->out.write = screen_write;
	s->len = 0;
	s->text[0] = '\0';
}

static enum line_event type(struct line_editor *l, const char *keys)
{
	enum line_event ev = LINE_MORE;

	while (*keys)
		ev = line_byte(l, (u8)*keys++);
	return ev;
}

/* What the line is after these keys and Enter. */
static void expect_line(const char *keys, const char *line)
{
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	line_begin(&l);
	type(&l, keys);
	CHECK_EQ(type(&l, "\r"), LINE_READY);
	CHECK_STR(l.buf, line);
}

TEST(typed_text_is_the_line)
{
	expect_line("ss -tin", "ss -tin");
}

TEST(cursor_keys_and_control_keys_edit_in_the_middle)
{
	expect_line("ac\033[Db", "abc");
	expect_line("bc\001a", "abc");
	expect_line("abX\bc", "abc");
	expect_line("Xabc\033[H\033[3~", "abc");
	expect_line("abc def\027ghi", "abc ghi");
	expect_line("abcdef\002\002\002\013", "abc");
	expect_line("junk\025abc", "abc");
	expect_line("bc\033[Ha\033[F!", "abc!");
}

TEST(history_goes_back_and_forth_and_keeps_what_was_typed)
{
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	line_begin(&l);
	type(&l, "first\r");
	line_begin(&l);
	type(&l, "second\r");
	line_begin(&l);
	type(&l, "thi\033[A\033[A");
	l.buf[l.len] = '\0';
	CHECK_STR(l.buf, "first");
	type(&l, "\033[A\033[B\033[Brd\r");
	CHECK_STR(l.buf, "third");
}

TEST(a_line_too_long_rings_the_bell_and_is_cut)
{
	struct line_editor l;
	struct screen s;
	unsigned i;

	screen_init(&s);
	line_init(&l, &s.out, "");
	line_begin(&l);
	for (i = 0; i < CONSOLE_LINE_MAX + 10; i++)
		line_byte(&l, 'x');
	CHECK_EQ(line_byte(&l, '\r'), LINE_READY);
	CHECK_EQ(strlen(l.buf), CONSOLE_LINE_MAX - 1);
	CHECK(strchr(s.text, '\a') != NULL);
}

TEST(tab_completes_a_command_and_lists_where_several_fit)
{
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	line_begin(&l);
	type(&l, "nst\t-z\r");
	CHECK_STR(l.buf, "nstat -z");
	line_begin(&l);
	type(&l, "s\t");
	CHECK(strstr(s.text, "sysctl") && strstr(s.text, "softnet"));
}

TEST(control_c_gives_up_the_line)
{
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	line_begin(&l);
	CHECK_EQ(type(&l, "rebo\003"), LINE_INTERRUPT);
}

TEST(unknown_bytes_and_escapes_change_nothing)
{
	expect_line("a\033[5~\033Zb\033[99;99Rc", "abc");
}

static int run(const char *text, struct screen *s)
{
	struct console_call c = { .out = &s->out };
	char line[1024];

	screen_init(s);
	str_copy(line, text, sizeof(line));
	return console_run(&c, line);
}

TEST(an_unknown_command_is_named)
{
	struct screen s;

	CHECK_EQ(run("frobnicate now", &s), -ENOENT);
	CHECK(strstr(s.text, "frobnicate") != NULL);
	CHECK_EQ(run("   ", &s), 0);
	CHECK_EQ(s.len, 0);
}

TEST(a_wrong_word_is_named_with_the_usage)
{
	struct screen s;

	CHECK_EQ(run("help \"no such\"", &s), -EINVAL);
	CHECK(strstr(s.text, "'no such'") && strstr(s.text, "usage: help [COMMAND]"));
}

TEST(too_many_words_are_refused)
{
	char line[512] = "help";
	struct screen s;
	unsigned i;

	for (i = 0; i < CONSOLE_ARGS_MAX + 5; i++)
		memcpy(line + 4 + 2 * i, " x", 3);
	CHECK_EQ(run(line, &s), -E2BIG);
}
