/* SPDX-License-Identifier: MIT
 * string.h - the few memory and string routines the kernel has; on the host libc provides them.
 *
 * memcpy/memset for bulk choose `rep movsb/stosb` or an unrolled loop at boot, by CPU feature
 * (string_init, arch), because TCG executes `rep` one element an instruction and hardware does not.
 */
#pragma once

#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *hay, const char *needle);

/* -ffreestanding takes the compiler's knowledge of these away; small constant sizes shall be inlined. */
#define memcpy(...)  __builtin_memcpy(__VA_ARGS__)
#define memmove(...) __builtin_memmove(__VA_ARGS__)
#define memset(...)  __builtin_memset(__VA_ARGS__)
#define memcmp(...)  __builtin_memcmp(__VA_ARGS__)
#define strlen(...)  __builtin_strlen(__VA_ARGS__)

/* Kernel only, once at boot: bulk copies use `rep movsb/stosb` (byte_rep: CPU has ERMS and is no emulator), else words. */
void string_init(bool byte_rep);

/* Copies at most size-1 characters and terminates; returns the length copied, or -E2BIG when cut (as Linux). */
long str_copy(char *dst, const char *src, size_t size);
/* Case-insensitive (ASCII) comparisons. */
int str_casecmp(const char *a, const char *b);
int mem_casecmp(const void *a, const void *b, size_t n);
/* Parses a whole decimal or 0x-hex number: 0, or -EINVAL (not a number), -ERANGE. */
int str_to_u64(const char *s, u64 *out);
int str_to_s64(const char *s, s64 *out);
