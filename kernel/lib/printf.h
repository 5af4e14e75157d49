/* SPDX-License-Identifier: MIT
 * printf.h - formatted text: %d %i %u %x %X %c %s %p %%, flags - + space 0 #, width, precision, *, h hh l ll z t j.
 * The host's libc provides the same functions there; nothing beyond C11's meaning is accepted.
 */
#pragma once

#include "lib/types.h"

/* Return the length that the whole text would have; the buffer is always terminated when size > 0. */
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf_(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf_(3, 0);
/* As snprintf, but returns what was really written (without the terminator), so lengths can be added up. */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf_(3, 4);
int vscnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf_(3, 0);
