/* SPDX-License-Identifier: MIT
 * drop.c - names and texts of the drop reasons, and the places that give them.
 */
#include "net/core/drop.h"
#include "lib/printf.h"

extern const struct drop_site __start_drop_sites[], __stop_drop_sites[]; /* the linker's, of the section */

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

const struct drop_site *drop_site_table(unsigned *nr)
{
	*nr = (unsigned)(__stop_drop_sites - __start_drop_sites);
	return __start_drop_sites;
}

const char *drop_where(u32 place, char out[DROP_WHERE_MAX])
{
	const struct drop_site *s = __start_drop_sites;

	out[0] = '\0';
	if (!place)
		return out;
	while (s < __stop_drop_sites && s->place != place)
		s++;
	snprintf(out, DROP_WHERE_MAX, "%s:%u", s < __stop_drop_sites ? s->func : "?", place & ((1u << DROP_LINE_BITS) - 1));
	return out;
}
