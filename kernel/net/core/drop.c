/* SPDX-License-Identifier: MIT
 * drop.c - names and texts of the drop reasons.
 */
#include "net/core/drop.h"

static const char *const names[DROP_MAX] = {
	[RX_OK] = "OK",
#define X(name, text) [DROP_##name] = #name,
	DROP_REASONS(X)
#undef X
};

static const char *const texts[DROP_MAX] = {
	[RX_OK] = "not dropped",
#define X(name, text) [DROP_##name] = text,
	DROP_REASONS(X)
#undef X
};

const char *drop_name(enum drop_reason r)
{
	return (unsigned)r < DROP_MAX ? names[r] : "?";
}

const char *drop_text(enum drop_reason r)
{
	return (unsigned)r < DROP_MAX ? texts[r] : "?";
}
