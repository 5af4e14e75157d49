/* SPDX-License-Identifier: MIT
 * json.h - JSON as the commands print it (RFC 8259): names, text escaped, numbers, commas where they belong.
 *
 *	struct json j = { .out = c->out };
 *	json_open(&j, NULL, '[');
 *	json_text(&j, NULL, "a");
 *	json_close(&j, ']');
 */
#pragma once

#include "console/console.h"

struct json {
	struct console_out *out;
	bool comma; /* something stands before, in the same brackets */
};

/* Each takes the member's name, NULL inside an array and at the top. */
void json_open(struct json *j, const char *name, char bracket);
void json_close(struct json *j, char bracket);
void json_text(struct json *j, const char *name, const char *text);
void json_number(struct json *j, const char *name, u64 value);
void json_bool(struct json *j, const char *name, bool value);
/* A number with decimals: value / 1000. */
void json_thousandths(struct json *j, const char *name, u64 value);
/* Ends the text with a line. */
void json_end(struct json *j);
