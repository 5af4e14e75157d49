/* SPDX-License-Identifier: MIT
 * checks.c - what tests/host asks of a harness, for programs that have none: a check that fails ends the program, so that
 * the fuzzer keeps the input.
 */
#include <stdio.h>
#include <stdlib.h>
#include "host/harness.h"

bool test_check(bool ok, const char *file, int line, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
		abort();
	}
	return true;
}

bool test_check_eq(s64 a, s64 b, const char *file, int line, const char *what)
{
	if (a != b)
		fprintf(stderr, "%lld is not %lld\n", (long long)a, (long long)b);
	return test_check(a == b, file, line, what);
}

void test_stop(void)
{
	abort();
}

void test_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}
