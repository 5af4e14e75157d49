/* SPDX-License-Identifier: MIT
 * window.c - reads of physical memory that cannot leave it.
 */
#include "boot.h"
#include "lib/string.h"

const void *boot_at(const struct boot_window *w, u64 pa, u64 len)
{
	if (!pa || pa >= w->size || len > w->size - pa)
		return NULL;
	return w->base + pa;
}

bool boot_read(const struct boot_window *w, u64 pa, void *dst, u64 len)
{
	const void *src = boot_at(w, pa, len);

	if (!src)
		return false;
	memcpy(dst, src, len);
	return true;
}

void boot_read_text(const struct boot_window *w, u64 pa, char *dst, size_t size)
{
	const char *src = boot_at(w, pa, 1);
	size_t len;

	dst[0] = '\0';
	if (!src)
		return;
	len = strnlen(src, MIN((u64)size - 1, w->size - pa));
	memcpy(dst, src, len);
	dst[len] = '\0';
}
