/* SPDX-License-Identifier: MIT
 * harness.h - tests on the host: a test is a sentence, a failed check names values, the output is TAP for `prove`.
 *
 * One program per test file; main() is in harness.c. Arguments are parts of test names to run (none: all), `-l` lists.
 * A test that fails goes on to its end, unless a REQUIRE() failed. Memory errors and leaks are the sanitizers' to find.
 */
#pragma once

#include "lib/types.h"

struct test {
	const char *name;
	void (*fn)(void);
	struct test *next;
};
void test_register(struct test *t);

/* TEST(a_sentence_of_what_holds) { ... } */
#define TEST(sentence)                                                                             \
	static void sentence(void);                                                                \
	static struct test test_##sentence = { .name = #sentence, .fn = sentence };                \
	__attribute__((constructor)) static void register_##sentence(void)                         \
	{                                                                                          \
		test_register(&test_##sentence);                                                   \
	}                                                                                          \
	static void sentence(void)

/* Each returns whether it held, so that a loop can stop at the first failure. */
bool test_check(bool ok, const char *file, int line, const char *what);
bool test_check_eq(s64 a, s64 b, const char *file, int line, const char *what);
bool test_check_str(const char *a, const char *b, const char *file, int line, const char *what);
bool test_check_mem(const void *a, const void *b, size_t len, const char *file, int line, const char *what);
_Noreturn void test_stop(void);
/* The rest of the test cannot run here, and says why. */
_Noreturn void test_skip(const char *why);
/* Which requirements of which RFCs this test shows, for tools/rfc: REQ("9293 MUST-12", "5961 3.2"), first in the test,
 * before anything can stop it. A line "# req 9293 MUST-12" for each stands under the test's result. */
void test_req(const char *const *ids);
#define REQ(...) test_req((const char *const[]){ __VA_ARGS__, NULL })
/* A line of the report ("# ..."). */
void test_note(const char *fmt, ...) __printf_(1, 2);

#define CHECK(cond)       test_check(!!(cond), __FILE__, __LINE__, #cond)
#define CHECK_EQ(a, b)    test_check_eq((s64)(a), (s64)(b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_STR(a, b)   test_check_str(a, b, __FILE__, __LINE__, #a " == " #b)
#define CHECK_MEM(a, b, len) test_check_mem(a, b, len, __FILE__, __LINE__, #a " == " #b)
#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!CHECK(cond))                                                                  \
			test_stop();                                                               \
	} while (0)

/* A seeded generator, the same on every machine (xorshift64*). */
struct test_rng {
	u64 s;
};
static inline u64 rng_next(struct test_rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return r->s * 0x2545f4914f6cdd1dull;
}
static inline u32 rng_below(struct test_rng *r, u32 n) { return (u32)((rng_next(r) >> 32) * n >> 32); }

/* ---- the faked machine (platform.c) ---- */
/* What clock_ns() shows; `host_clock_step` is added at each reading, so that time can pass inside one call. */
extern u64 host_clock, host_clock_step;
/* The next `n` allocations of pages, kmalloc and stacks succeed, later ones fail; UINT64_MAX: all succeed. */
extern u64 host_alloc_budget;
/* A press of the power button; cleared when somebody saw it. */
extern bool host_power_button;
/* Bytes that mem_totals() reports free; CPUs that cpu_kick() was called for, as bits. */
extern u64 host_mem_free, host_kicked, host_alive; /* host_alive: calls of cpu_alive() */
/* Isolation of CPUs: between host_run_as(cpu) and host_run_as(NULL) an object that a kmem_cache gave out while another CPU ran
 * may not be touched: the sanitizer stops who does. For objects given out from host_isolate(true) to host_isolate(false). */
void host_isolate(bool on);
void host_run_as(const void *cpu);
/* Lines that were logged with LOG_ERR. */
extern unsigned host_log_errors;
/* Runs fn(arg); true when it ended in panic() or BUG_ON(), whose text is in host_panic_text. */
bool host_panics(void (*fn)(void *), void *arg);
extern char host_panic_text[256];
