/* SPDX-License-Identifier: MIT
 * stats.c - names, units and help of the counters.
 */
#include "net/core/stats.h"

static const char *const names[FLOW_MAX] = {
#define X(name, unit, help) [STAT_##name] = #name,
	NET_STATS(X)
#undef X
#define X(name, unit, help) [FLOW_##name] = #name,
	NET_FLOWS(X)
#undef X
};

static const char *const helps[FLOW_MAX] = {
#define X(name, unit, help) [STAT_##name] = help,
	NET_STATS(X)
#undef X
#define X(name, unit, help) [FLOW_##name] = help,
	NET_FLOWS(X)
#undef X
};

static const char *const units[FLOW_MAX] = {
#define X(name, unit, help) [STAT_##name] = #unit,
	NET_STATS(X)
#undef X
#define X(name, unit, help) [FLOW_##name] = #unit,
	NET_FLOWS(X)
#undef X
};

const char *stat_name(enum net_stat s)
{
	return (unsigned)s < FLOW_MAX ? names[s] : "?";
}

const char *stat_help(enum net_stat s)
{
	return (unsigned)s < FLOW_MAX ? helps[s] : "?";
}

const char *stat_unit(enum net_stat s)
{
	return (unsigned)s < FLOW_MAX ? units[s] : "?";
}
