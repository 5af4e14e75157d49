/* SPDX-License-Identifier: MIT
 * san_impl.h - the shadow's values and an object's track, between the checks (shadow.c) and the report (report.c).
 */
#pragma once

#include "san/san.h"

/* value of a shadow byte, what it means in a report. F1 to F3, F8 are what the compiler writes. */
#define SHADOW_VALUES(X)                                                                           \
	X(STACK_LEFT, 0xf1, "out of bounds of a variable on the stack")                            \
	X(STACK_MID, 0xf2, "out of bounds of a variable on the stack")                             \
	X(STACK_RIGHT, 0xf3, "out of bounds of a variable on the stack")                           \
	X(SCOPE, 0xf8, "use of a variable out of its scope")                                       \
	X(GLOBAL, 0xf9, "out of bounds of a global variable")                                      \
	X(DEVICE, 0xfa, "use of a buffer that a device owns")                                      \
	X(TRACK, 0xfb, "out of bounds of an object")                                               \
	X(REDZONE, 0xfc, "out of bounds of an object")                                             \
	X(FREED, 0xfd, "use after free")                                                           \
	X(PAGES, 0xff, "use of free pages")

enum shadow_value {
#define X(name, value, text) SHADOW_##name = value,
	SHADOW_VALUES(X)
#undef X
};

#define TRACK_PCS   4
#define TRACK_MAGIC 0x7ac3

/* The low halves of addresses in the image are enough to find them again. */
struct san_track {
	struct san_track *next; /* in the quarantine */
	u32 kind;               /* a string of the image */
	u32 size, room;
	u32 taken[TRACK_PCS], freed[TRACK_PCS];
	u8 taken_cpu, freed_cpu;
	u16 magic;
};
static_assert(sizeof(struct san_track) == POISON_TRACK, "pools leave room for it");

static inline u8 *shadow_of(u64 va) { return (u8 *)san_shadow(va); }
/* Has the address a shadow? */
bool san_has_shadow(u64 va);
/* The registered global at or next to the address; its size. NULL: none. */
const char *san_global_near(u64 va, u64 *start, u64 *size);

/* A bad access of n bytes at va: reports and ends the machine. */
_Noreturn void san_report_access(u64 va, size_t n, bool write);
_Noreturn void san_report_double_free(const void *p);
