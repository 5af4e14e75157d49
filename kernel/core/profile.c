/* SPDX-License-Identifier: MIT
 * profile.c - samples of the timer interrupt, folded: equal stacks are one row with a count.
 */
#include "core/profile.h"
#include "config.h"
#include "core/backtrace.h"
#include "core/ksyms.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "platform.h"

#define TABLE_ORDER 5
#define PROBES      8u

struct stack {
	u32 count;
	u32 depth;
	u32 pcs[PROFILE_DEPTH]; /* low halves: all code is in the top 2 GiB */
};

struct table {
	u64 next_ns, samples, idle, lost;
	struct stack rows[PROFILE_STACKS];
};
_Static_assert(sizeof(struct table) <= 4096u << (TABLE_ORDER + 1), "a table fits its pages");

bool profile_on;
static struct table *tables[MAX_CPUS];

static u32 hash(const u32 *pcs, unsigned n)
{
	u32 h = 2166136261u;

	for (unsigned i = 0; i < n; i++)
		h = (h ^ pcs[i]) * 16777619u;
	return h ^ h >> 15;
}

static void count(struct table *t, const u32 *pcs, unsigned n)
{
	u32 h = hash(pcs, n);

	for (unsigned i = 0; i < PROBES; i++) {
		struct stack *s = &t->rows[(h + i) % PROFILE_STACKS];

		if (s->count && (s->depth != n || memcmp(s->pcs, pcs, n * sizeof(pcs[0]))))
			continue;
		if (!s->count) {
			s->depth = n;
			memcpy(s->pcs, pcs, n * sizeof(pcs[0]));
		}
		s->count++;
		return;
	}
	t->lost++;
}

u64 profile_tick(unsigned cpu, u64 now_ns, bool halted)
{
	struct table *t = tables[cpu];
	u32 pcs[PROFILE_DEPTH];
	unsigned n;

	if (!t || now_ns < t->next_ns)
		return t ? t->next_ns : now_ns + PROFILE_PERIOD_NS;
	t->next_ns = now_ns + PROFILE_PERIOD_NS;
	t->samples++;
	if (halted) {
		t->idle++;
		return t->next_ns;
	}
	n = backtrace_interrupted(pcs, PROFILE_DEPTH);
	if (n)
		count(t, pcs, n);
	return t->next_ns;
}

int platform_profile(unsigned nr_cpus, bool on)
{
	WRITE_ONCE(profile_on, false);
	if (!on)
		return 0;
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (!tables[i])
			tables[i] = pages_alloc(TABLE_ORDER + 1);
		if (!tables[i])
			return -ENOMEM;
		memset(tables[i], 0, sizeof(*tables[i]));
	}
	WRITE_ONCE(profile_on, true);
	return 0;
}

bool platform_profile_totals(unsigned cpu, struct platform_profile_totals *out)
{
	const struct table *t = tables[cpu];

	if (t)
		*out = (struct platform_profile_totals){ t->samples, t->idle, t->lost };
	return t;
}

/* The outermost function first, as flame graphs want it. */
u32 platform_profile_stack(unsigned cpu, unsigned i, char *text, size_t size)
{
	const struct stack *s = tables[cpu] && i < PROFILE_STACKS ? &tables[cpu]->rows[i] : NULL;
	size_t len = 0;

	text[0] = '\0';
	for (unsigned d = s ? s->depth : 0; d-- && len + 100 < size;) {
		u64 pc = 0xffffffff00000000ull | s->pcs[d];
		char name[96];

		ksym_text(pc - (d != 0), name, sizeof(name)); /* all but the innermost are return addresses */
		name[strchr(name, '+') ? (size_t)(strchr(name, '+') - name) : strlen(name)] = '\0';
		len += (size_t)scnprintf(text + len, size - len, "%s%s", len ? ";" : "", name);
	}
	return s ? READ_ONCE(s->count) : 0;
}
