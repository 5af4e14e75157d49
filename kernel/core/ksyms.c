/* SPDX-License-Identifier: MIT
 * ksyms.c - from an address to the function it lies in, for reports.
 *
 * The table's symbols are weak: without a table (first link) everything is "?".
 */
#include "core/ksyms.h"
#include "lib/printf.h"

extern const u32 ksyms_count __attribute__((weak));
extern const u32 ksyms_addrs[] __attribute__((weak)); /* offsets from __text_start, ascending */
extern const u32 ksyms_names[] __attribute__((weak)); /* offsets into ksyms_strings */
extern const char ksyms_strings[] __attribute__((weak));
extern const char __text_start[], __text_end[];

bool ksym_is_text(u64 addr)
{
	return addr >= (u64)__text_start && addr < (u64)__text_end;
}

/* Index of the last symbol at or before addr; -1: there is none. */
static int ksym_find(u64 addr)
{
	u32 offset = (u32)(addr - (u64)__text_start), low = 0, high;

	if (!&ksyms_count || !ksym_is_text(addr) || !ksyms_count || offset < ksyms_addrs[0])
		return -1;
	for (high = ksyms_count; high - low > 1;) {
		u32 mid = low + (high - low) / 2;

		if (ksyms_addrs[mid] <= offset)
			low = mid;
		else
			high = mid;
	}
	return (int)low;
}

u64 ksym_start(u64 addr)
{
	int i = ksym_find(addr);

	return i < 0 ? 0 : (u64)__text_start + ksyms_addrs[i];
}

void ksym_text(u64 addr, char *text, size_t size)
{
	int i = ksym_find(addr);

	if (i < 0)
		scnprintf(text, size, "?");
	else
		scnprintf(text, size, "%s+0x%x", ksyms_strings + ksyms_names[i],
			  (u32)(addr - (u64)__text_start) - ksyms_addrs[i]);
}
