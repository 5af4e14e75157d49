/* SPDX-License-Identifier: MIT
 * cmdline.h - the kernel command line: words of the form key=value or key, "quotes" keep blanks together.
 */
#pragma once

#include "lib/types.h"

/* Walks the words: *pos starts at the line and advances; false at the end. key and value are copied
 * (cut at their sizes); value is "" for a bare key. */
bool cmdline_next(const char **pos, char *key, size_t key_size, char *value, size_t value_size);
/* The last value of `key`; false when it is absent. */
bool cmdline_get(const char *line, const char *key, char *value, size_t size);
