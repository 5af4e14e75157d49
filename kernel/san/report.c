/* SPDX-License-Identifier: MIT
 * report.c - a bad access in words: what it did, to which object, who took that and who gave it back.
 *
 * The object is found by the shadow alone: the next track upwards belongs to it. Ends the machine through panic(), which
 * calls explain() for the part after the first line. Not sanitized itself.
 */
#include "san/san_impl.h"
#include "arch/x86_64/paging.h"
#include "core/panic.h"

#define SEARCH_BYTES (128 * 1024) /* no object is larger */

static u64 bad; /* the first byte that must not be touched */

static const char *value_text(u8 v)
{
	switch (v) {
#define X(name, value, text)                                                                       \
	case value:                                                                                \
		return text;
	SHADOW_VALUES(X)
#undef X
	default:
		return v < 8 ? "out of bounds of an object" : "bad access";
	}
}

/* Upwards to the first granule of a track; from inside of one downwards. */
static const struct san_track *find_track(u64 va)
{
	u64 at = va & ~7ul, end = at + SEARCH_BYTES;

	if (*shadow_of(at) == SHADOW_TRACK) {
		while (*shadow_of(at - 8) == SHADOW_TRACK)
			at -= 8;
	} else {
		while (at < end && san_has_shadow(at) && *shadow_of(at) != SHADOW_TRACK)
			at += 8;
		if (at == end || !san_has_shadow(at))
			return NULL;
	}
	return ((const struct san_track *)at)->magic == TRACK_MAGIC ? (const struct san_track *)at : NULL;
}

static void say_who(say_fn say, const char *what, const u32 *pcs, unsigned cpu)
{
	unsigned i;

	say("%s on CPU %u:\n", what, cpu);
	for (i = 0; i < TRACK_PCS && pcs[i]; i++)
		backtrace_place(KERNEL_BASE | pcs[i], true, say);
}

static void explain_object(say_fn say, const struct san_track *t)
{
	u64 start = (u64)t - ALIGN_UP((u64)t->room, 8ul);
	long offset = (long)(bad - start);

	say("address %016llx is at byte %ld of an object of %u bytes at %016llx (%s)\n", (unsigned long long)bad, offset,
	    t->size, (unsigned long long)start, (const char *)(KERNEL_BASE | t->kind));
	say_who(say, "taken", t->taken, t->taken_cpu);
	if (t->freed[0])
		say_who(say, "given back", t->freed, t->freed_cpu);
}

static void say_shadow(say_fn say)
{
	u64 at;

	say("shadow:");
	for (at = (bad & ~7ul) - 64; at <= (bad | 7) + 64; at += 8)
		if (san_has_shadow(at))
			say(at == (bad & ~7ul) ? " [%02x]" : " %02x", *shadow_of(at));
	say("\n");
}

static void explain(say_fn say)
{
	u8 v = *shadow_of(bad);
	u64 start, size;
	const char *name = san_global_near(bad, &start, &size);
	const struct san_track *t = name || (v >= SHADOW_STACK_LEFT && v <= SHADOW_GLOBAL) ? NULL : find_track(bad);

	if (name)
		say("address %016llx is at byte %llu of %s, of %llu bytes\n", (unsigned long long)bad,
		    (unsigned long long)(bad - start), name, (unsigned long long)size);
	if (t)
		explain_object(say, t);
	say_shadow(say);
}

/* A granule of which a part may be touched is explained by what comes after it. */
static u8 reason_at(u64 va)
{
	u8 v = *shadow_of(va);

	return v < 8 && san_has_shadow(va + 8) ? *shadow_of(va + 8) : v;
}

_Noreturn void san_report_access(u64 va, size_t n, bool write)
{
	san_stop();
	bad = va;
	panic_explain(explain);
	panic_report(EXIT_SANITIZER, NULL, "%s: %s of %zu bytes at %016llx", value_text(reason_at(va)),
		     write ? "write" : "read", n, (unsigned long long)va);
}

_Noreturn void san_report_double_free(const void *p)
{
	san_stop();
	bad = (u64)p;
	panic_explain(explain);
	panic_report(EXIT_SANITIZER, NULL, "double free of %p", p);
}
