/* SPDX-License-Identifier: MIT
 * errno.c - names and messages of the error numbers.
 */
#include "lib/errno.h"
#include "lib/types.h"

struct errno_row {
	int value;
	const char *name, *text;
};

static const struct errno_row rows[] = {
#define X(name, value, text) { value, #name, text },
	ERRNOS(X)
#undef X
};

static const struct errno_row *errno_find(int err)
{
	int value = err < 0 ? -err : err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].value == value)
			return &rows[i];
	return NULL;
}

const char *errno_name(int err)
{
	const struct errno_row *r = errno_find(err);

	return r ? r->name : "E?";
}

const char *errno_text(int err)
{
	const struct errno_row *r = errno_find(err);

	if (!err)
		return "Success";
	return r ? r->text : "Unknown error";
}
