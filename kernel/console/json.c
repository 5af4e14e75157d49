/* SPDX-License-Identifier: MIT
 * json.c - JSON as the commands print it.
 */
#include "console/json.h"

static void quoted(struct json *j, const char *s)
{
	out_printf(j->out, "\"");
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			out_printf(j->out, "\\%c", *s);
		else if ((u8)*s < 0x20)
			out_printf(j->out, "\\u%04x", (unsigned)(u8)*s);
		else
			out_printf(j->out, "%c", *s);
	out_printf(j->out, "\"");
}

static void begin(struct json *j, const char *name)
{
	if (j->comma)
		out_printf(j->out, ",");
	j->comma = true;
	if (!name)
		return;
	quoted(j, name);
	out_printf(j->out, ":");
}

void json_open(struct json *j, const char *name, char bracket)
{
	begin(j, name);
	out_printf(j->out, "%c", bracket);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	out_printf(j->out, "%c", bracket);
	j->comma = true;
}

void json_text(struct json *j, const char *name, const char *text)
{
	begin(j, name);
	quoted(j, text);
}

void json_number(struct json *j, const char *name, u64 value)
{
	begin(j, name);
	out_printf(j->out, "%llu", (unsigned long long)value);
}

void json_bool(struct json *j, const char *name, bool value)
{
	begin(j, name);
	out_printf(j->out, value ? "true" : "false");
}

void json_thousandths(struct json *j, const char *name, u64 value)
{
	begin(j, name);
	out_printf(j->out, "%llu.%03u", (unsigned long long)(value / 1000), (unsigned)(value % 1000));
}

void json_end(struct json *j)
{
	out_printf(j->out, "\n");
}
