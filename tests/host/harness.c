/* SPDX-License-Identifier: MIT
 * harness.c - runs the registered tests in the order of the file and reports in TAP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/harness.h"
#include "lib/string.h"

#define MAX_REQS 32

static struct test *tests, **tests_end = &tests;
static jmp_buf test_exit;
static unsigned failures; /* of the running test */
static const char *skipped;
static const char *reqs[MAX_REQS]; /* that the running test names */
static unsigned nr_reqs;

void test_register(struct test *t)
{
	*tests_end = t;
	tests_end = &t->next;
}

static void name_req(const char *id)
{
	for (unsigned i = 0; i < nr_reqs; i++)
		if (!strcmp(reqs[i], id))
			return;
	if (test_check(nr_reqs < MAX_REQS, __FILE__, __LINE__, "a test names at most MAX_REQS requirements"))
		reqs[nr_reqs++] = id;
}

void test_req(const char *const *ids)
{
	for (; *ids; ids++)
		name_req(*ids);
}

void test_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

static bool report(bool ok, const char *file, int line, const char *what)
{
	if (ok)
		return true;
	if (++failures <= 20)
		test_note("%s:%d: failed: %s", file, line, what);
	return false;
}

bool test_check(bool ok, const char *file, int line, const char *what)
{
	return report(ok, file, line, what);
}

bool test_check_eq(s64 a, s64 b, const char *file, int line, const char *what)
{
	if (!report(a == b, file, line, what) && failures <= 20)
		test_note("    left  %lld (0x%llx)\n#     right %lld (0x%llx)", (long long)a,
			  (unsigned long long)a, (long long)b, (unsigned long long)b);
	return a == b;
}

bool test_check_str(const char *a, const char *b, const char *file, int line, const char *what)
{
	bool ok = a && b && !strcmp(a, b);

	if (!report(ok, file, line, what) && failures <= 20)
		test_note("    left  \"%s\"\n#     right \"%s\"", a ? a : "(null)", b ? b : "(null)");
	return ok;
}

bool test_check_mem(const void *a, const void *b, size_t len, const char *file, int line, const char *what)
{
	const u8 *x = a, *y = b;
	size_t i;

	for (i = 0; i < len && x[i] == y[i]; i++)
		;
	if (!report(i == len, file, line, what) && failures <= 20)
		test_note("    byte %zu of %zu: left %02x, right %02x", i, len, x[i], y[i]);
	return i == len;
}

void test_stop(void)
{
	longjmp(test_exit, 1);
}

void test_skip(const char *why)
{
	skipped = why;
	longjmp(test_exit, 1);
}

static bool is_wanted(const struct test *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(t->name, argv[i]))
			return true;
	return argc < 2;
}

static void run_test(struct test *t, unsigned number)
{
	char sentence[200];

	str_copy(sentence, t->name, sizeof(sentence));
	for (char *p = sentence; *p; p++)
		if (*p == '_')
			*p = ' ';
	failures = nr_reqs = 0;
	skipped = NULL;
	host_alloc_budget = UINT64_MAX;
	host_clock = host_clock_step = host_kicked = host_alive = 0;
	if (!setjmp(test_exit))
		t->fn();
	printf("%sok %u - %s%s%s\n", failures ? "not " : "", number, sentence, skipped ? " # SKIP " : "",
	       skipped ? skipped : "");
	for (unsigned i = 0; i < nr_reqs; i++)
		test_note("req %s", reqs[i]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned wanted = 0, number = 0, failed = 0;
	bool list = argc > 1 && !strcmp(argv[1], "-l");

	for (struct test *t = tests; t; t = t->next) {
		wanted += is_wanted(t, argc, argv);
		if (list)
			puts(t->name);
	}
	if (list)
		return 0;
	printf("1..%u\n", wanted);
	fflush(stdout);
	for (struct test *t = tests; t; t = t->next) {
		if (!is_wanted(t, argc, argv))
			continue;
		run_test(t, ++number);
		failed += failures != 0;
	}
	return failed != 0;
}
