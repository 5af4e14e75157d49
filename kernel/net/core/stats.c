/* SPDX-License-Identifier: MIT
 * stats.c - names and help of the SNMP counters.
 */
#include "net/core/stats.h"

static const char *const names[STAT_MAX] = {
#define X(name, help) [STAT_##name] = #name,
	NET_STATS(X)
#undef X
};

static const char *const helps[STAT_MAX] = {
#define X(name, help) [STAT_##name] = help,
	NET_STATS(X)
#undef X
};

const char *stat_name(enum net_stat s)
{
	return (unsigned)s < STAT_MAX ? names[s] : "?";
}

const char *stat_help(enum net_stat s)
{
	return (unsigned)s < STAT_MAX ? helps[s] : "?";
}
