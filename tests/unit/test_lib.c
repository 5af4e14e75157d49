/* SPDX-License-Identifier: MIT
 * test_lib.c - the stateless helpers: strings and printf against libc's, hashes against published vectors, trees
 * against their invariants, addresses against their texts. k_ names are the kernel's own versions of libc functions.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/cmdline.h"
#include "host/harness.h"
#include "lib/errno.h"
#include "lib/ip_addr.h"
#include "lib/jhash.h"
#include "lib/list.h"
#include "lib/printf.h"
#include "lib/rbtree.h"
#include "lib/ring.h"
#include "lib/siphash.h"
#include "lib/string.h"
#include "lib/vector.h"
#include "platform.h"

void *k_memcpy(void *dst, const void *src, size_t n);
void *k_memmove(void *dst, const void *src, size_t n);
void *k_memset(void *dst, int c, size_t n);
int k_memcmp(const void *a, const void *b, size_t n);
void *k_memchr(const void *s, int c, size_t n);
size_t k_strlen(const char *s);
size_t k_strnlen(const char *s, size_t max);
int k_strcmp(const char *a, const char *b);
int k_strncmp(const char *a, const char *b, size_t n);
char *k_strchr(const char *s, int c);
char *k_strrchr(const char *s, int c);
char *k_strstr(const char *hay, const char *needle);
int k_snprintf(char *buf, size_t size, const char *fmt, ...) __printf_(3, 4);
int k_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf_(3, 0);
void k_string_init(bool byte_rep);

static int sign(int v) { return v > 0 ? 1 : v < 0 ? -1 : 0; }

static void fill(u8 *p, size_t n, u8 start)
{
	while (n--)
		*p++ = start++;
}

static void check_copies(void)
{
	u8 src[700], a[700], b[700];

	fill(src, sizeof(src), 7);
	for (size_t n = 0; n < 600; n += n < 80 ? 1 : 13) {
		for (size_t off = 0; off < 9; off++) {
			memset(a, 0xee, sizeof(a));
			memset(b, 0xee, sizeof(b));
			memcpy(a + off, src + 3, n);
			if (!CHECK(k_memcpy(b + off, src + 3, n) == b + off) || !CHECK_MEM(a, b, sizeof(a)))
				return;
			memset(a + off, 0x81, n);
			k_memset(b + off, 0x181, n);
			if (!CHECK_MEM(a, b, sizeof(a)))
				return;
		}
	}
}

TEST(memcpy_and_memset_write_exactly_their_range)
{
	check_copies();
	k_string_init(true);
	check_copies();
	k_string_init(false);
}

TEST(memmove_survives_every_overlap)
{
	u8 a[800], b[800];

	for (size_t n = 0; n < 400; n += n < 70 ? 1 : 29) {
		for (int d = -40; d <= 40; d++) {
			fill(a, sizeof(a), 1);
			fill(b, sizeof(b), 1);
			memmove(a + 200 + d, a + 200, n);
			k_memmove(b + 200 + d, b + 200, n);
			if (!CHECK_MEM(a, b, sizeof(a)))
				return;
		}
	}
}

TEST(string_functions_answer_as_libc_does)
{
	static const char *const s[] = { "", "a", "ab", "abc", "abd", "aab", "\xff", "a\xff", "needle in hay", "dle i", "hay", "hayy" };

	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		CHECK_EQ(k_strlen(s[i]), strlen(s[i]));
		CHECK_EQ(k_strnlen(s[i], 2), strnlen(s[i], 2));
		CHECK(k_strchr(s[i], 'a') == strchr(s[i], 'a'));
		CHECK(k_strchr(s[i], 0) == strchr(s[i], 0));
		CHECK(k_strrchr(s[i], 'a') == strrchr(s[i], 'a'));
		CHECK(k_strrchr(s[i], 0) == strrchr(s[i], 0));
		CHECK(k_memchr(s[i], 'b', strlen(s[i])) == memchr(s[i], 'b', strlen(s[i])));
		for (size_t j = 0; j < ARRAY_SIZE(s); j++) {
			CHECK_EQ(sign(k_strcmp(s[i], s[j])), sign(strcmp(s[i], s[j])));
			CHECK(k_strstr(s[i], s[j]) == strstr(s[i], s[j]));
			for (size_t n = 0; n < 4; n++)
				CHECK_EQ(sign(k_strncmp(s[i], s[j], n)), sign(strncmp(s[i], s[j], n)));
		}
	}
}

TEST(memcmp_finds_the_first_difference_wherever_it_is)
{
	u8 a[40] = { 0 }, b[40] = { 0 };

	for (size_t len = 1; len <= sizeof(a); len++) {
		for (size_t i = 0; i < len; i++) {
			memset(b + i, 200, sizeof(b) - i);
			if (i + 1 < len) {
				b[i + 1] = 1; /* what follows the first difference does not matter */
				a[i + 1] = 255;
			}
			CHECK(k_memcmp(a, b, len) < 0);
			CHECK(k_memcmp(b, a, len) > 0);
			CHECK_EQ(k_memcmp(a, b, i), 0);
			memset(a, 0, sizeof(a));
			memset(b, 0, sizeof(b));
		}
		CHECK_EQ(k_memcmp(a, b, len), 0);
	}
}

TEST(memchr_finds_the_first_and_nothing_behind_the_end)
{
	u8 a[64];

	for (size_t len = 0; len < 40; len++) {
		for (size_t at = 0; at < 48; at++) {
			memset(a, 'x', sizeof(a));
			a[at] = a[at + 1] = 0x80;
			if (at)
				a[at - 1] = 0x7f;
			if (!CHECK(k_memchr(a, 0x80, len) == (at < len ? a + at : NULL)))
				return;
			CHECK(k_memchr(a, 0x181, len) == NULL);
		}
	}
}

#define SAME(...)                                                                                  \
	do {                                                                                       \
		char x[128], y[128];                                                               \
		int nx = snprintf(x, sizeof(x), __VA_ARGS__), ny = k_snprintf(y, sizeof(y), __VA_ARGS__); \
		CHECK_EQ(nx, ny);                                                                  \
		CHECK_STR(x, y);                                                                   \
	} while (0)

#pragma GCC diagnostic ignored "-Wformat"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-truncation"
#endif
TEST(printf_writes_what_libc_writes)
{
	static const int ints[] = { 0, 1, -1, 42, -42, INT32_MAX, INT32_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(ints); i++) {
		SAME("%d|%5d|%-5d|%05d|%+d|% d|%.3d|%8.3d|%-8.3d|%i", ints[i], ints[i], ints[i], ints[i], ints[i],
		     ints[i], ints[i], ints[i], ints[i], ints[i]);
		SAME("%u|%x|%X|%#x|%#010x|%8x|%-8x|%o|%#o", ints[i], ints[i], ints[i], ints[i], ints[i], ints[i], ints[i],
		     ints[i], ints[i]);
		SAME("%hhd|%hd|%hhu|%hu|%ld|%lld|%zu|%jd|%td", ints[i], ints[i], ints[i], ints[i], (long)ints[i],
		     (long long)ints[i], (size_t)ints[i], (intmax_t)ints[i], (ptrdiff_t)ints[i]);
		SAME("%*d|%-*d|%.*d", 7, ints[i], 7, ints[i], 4, ints[i]);
		SAME("%*d|%.*d|%.0d|%5.0d|%+05d", -7, ints[i], -4, ints[i], ints[i], ints[i], ints[i]);
	}
	SAME("%llu %lld %llx", UINT64_MAX, (long long)INT64_MIN, UINT64_MAX);
	SAME("%s|%10s|%-10s|%.2s|%10.2s|%c|%3c|%-3c|%%", "text", "text", "text", "text", "text", 'x', 'y', 'z');
	SAME("%.*s|%.0s|", 3, "not terminated", "nothing");
	SAME("%p", (void *)0x1234abcd);
	SAME("no conversions at all");
}

TEST(printf_returns_the_whole_length_and_terminates_what_fits)
{
	char buf[8] = "zzzzzzz";

	CHECK_EQ(k_snprintf(buf, 0, "%s", "12345678"), 8);
	CHECK_STR(buf, "zzzzzzz");
	CHECK_EQ(k_snprintf(buf, 1, "%d", 77), 2);
	CHECK_STR(buf, "");
	CHECK_EQ(k_snprintf(buf, sizeof(buf), "%s", "1234567890"), 10);
	CHECK_STR(buf, "1234567");
	CHECK_EQ(scnprintf(buf, sizeof(buf), "%s", "1234567890"), 7);
	CHECK_EQ(scnprintf(buf, 0, "%s", "1234567890"), 0);
	CHECK_EQ(scnprintf(buf, sizeof(buf), "%s", "12"), 2);
}

TEST(str_copy_never_writes_past_its_buffer)
{
	char b[4] = "zzz";

	CHECK_EQ(str_copy(b, "ab", 4), 2);
	CHECK_STR(b, "ab");
	CHECK_EQ(str_copy(b, "abc", 4), 3);
	CHECK_EQ(str_copy(b, "abcd", 4), -E2BIG);
	CHECK_STR(b, "abc");
	CHECK_EQ(str_copy(b, "x", 0), -E2BIG);
	CHECK_EQ(str_copy(b, "xy", 1), -E2BIG);
	CHECK_STR(b, "");
}

TEST(comparisons_without_case_know_ascii_only)
{
	CHECK_EQ(str_casecmp("Content-LENGTH", "content-length"), 0);
	CHECK(str_casecmp("a", "B") < 0);
	CHECK(str_casecmp("ab", "a") > 0);
	CHECK(str_casecmp("\xc4", "\xe4") != 0);
	CHECK(str_casecmp("[", "{") != 0);
	CHECK_EQ(mem_casecmp("HOST: x", "host: y", 6), 0);
	CHECK(mem_casecmp("HOST: x", "host: y", 7) < 0);
}

TEST(numbers_are_taken_whole_or_refused)
{
	u64 u = 77;
	s64 s = 77;

	CHECK_EQ(str_to_u64("18446744073709551615", &u), 0);
	CHECK(u == UINT64_MAX);
	CHECK_EQ(str_to_u64("0xFFffFFffFFffFFff", &u), 0);
	CHECK(u == UINT64_MAX);
	u = 77;
	CHECK_EQ(str_to_u64("18446744073709551616", &u), -ERANGE);
	CHECK_EQ(str_to_u64("", &u), -EINVAL);
	CHECK_EQ(str_to_u64("0x", &u), -EINVAL);
	CHECK_EQ(str_to_u64("12a", &u), -EINVAL);
	CHECK_EQ(str_to_u64("-1", &u), -EINVAL);
	CHECK_EQ(str_to_u64(" 1", &u), -EINVAL);
	CHECK_EQ(str_to_u64("99999999999999999999x", &u), -EINVAL);
	CHECK_EQ(u, 77);
	CHECK_EQ(str_to_s64("-9223372036854775808", &s), 0);
	CHECK(s == INT64_MIN);
	CHECK_EQ(str_to_s64("9223372036854775807", &s), 0);
	CHECK_EQ(str_to_s64("9223372036854775808", &s), -ERANGE);
	CHECK_EQ(str_to_s64("-9223372036854775809", &s), -ERANGE);
	CHECK_EQ(str_to_s64("--1", &s), -EINVAL);
	CHECK_EQ(str_to_s64("+5", &s), 0);
	CHECK_EQ(s, 5);
}

TEST(error_numbers_have_names_and_texts)
{
	CHECK_STR(errno_name(-EAGAIN), "EAGAIN");
	CHECK_STR(errno_name(110), "ETIMEDOUT");
	CHECK_STR(errno_name(9999), "E?");
	CHECK_STR(errno_text(-ECONNREFUSED), "Connection refused");
	CHECK_STR(errno_text(0), "Success");
}

/* SipHash-2-4 of 00..n-1 with key 00..0f: from the reference paper's appendix A (n = 15) and its vector file. */
TEST(siphash_gives_the_published_values)
{
	struct siphash_key key = { { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull } };
	u8 in[16];
	u64 w[5];

	fill(in, sizeof(in), 0);
	CHECK(siphash(in, 15, &key) == 0xa129ca6149be45e5ull);
	CHECK(siphash(in, 0, &key) == 0x726fdb47dd0e0e31ull);
	CHECK(siphash(in, 8, &key) == 0x93f5f5799a932462ull);
	memcpy(w, in, 16);
	w[2] = 99, w[3] = 100, w[4] = ~0ull;
	CHECK(siphash_2u64(w[0], w[1], &key) == siphash(in, 16, &key));
	CHECK(siphash_3u64(w[0], w[1], w[2], &key) == siphash(w, 24, &key));
	CHECK(siphash_5u64(w, &key) == siphash(w, 40, &key));
	CHECK(hsiphash_3u32(1, 2, 3, &key) != hsiphash_3u32(1, 2, 4, &key));
}

/* Keys of the worst shapes: neighbours in one word, one bit apart, a stride; 4096 of them in 1024 chains. */
static unsigned longest_chain(const struct siphash_key *key, u64 a_step, u64 b_step)
{
	u8 chains[1024] = { 0 };
	unsigned longest = 0;

	for (u64 i = 0; i < 4096; i++) {
		u8 *n = &chains[nhash_2u64(0x0a0000010a000002ull + i * a_step, 0x0050c000 + i * b_step, key) % 1024];

		longest = MAX(longest, (unsigned)++*n);
	}
	return longest;
}

TEST(nhash_spreads_neighbours_under_any_key)
{
	for (u64 k = 1; k < 200; k++) {
		struct siphash_key key = { { k * 0x9e3779b97f4a7c15ull, k * k * 0xc2b2ae3d27d4eb4full } };

		CHECK(longest_chain(&key, 0, 1) < 24);
		CHECK(longest_chain(&key, 0, 1 << 16) < 24);
		CHECK(longest_chain(&key, 1, 0) < 24);
		CHECK(longest_chain(&key, 1ull << 32, 0) < 24);
		CHECK(longest_chain(&key, 256, 1) < 24);
	}
	CHECK(nhash_2u64(1, 2, &(struct siphash_key){ { 3, 4 } }) != nhash_2u64(1, 2, &(struct siphash_key){ { 3, 5 } }));
}

/* From the comments of Bob Jenkins' lookup3: the driver's self test. */
TEST(jhash_gives_the_published_values)
{
	u32 w[3] = { 1, 2, 3 };

	CHECK_EQ(jhash("", 0, 0), 0xdeadbeef);
	CHECK_EQ(jhash("", 0, 0xdeadbeef), 0xbd5b7dde);
	CHECK_EQ(jhash("Four score and seven years ago", 30, 0), 0x17770551);
	CHECK_EQ(jhash("Four score and seven years ago", 30, 1), 0xcd628161);
	CHECK_EQ(jhash_3words(1, 2, 3, 5), jhash(w, 12, 5));
}

struct item {
	struct rb_node node;
	u32 key;
	bool in;
};

static void tree_add(struct rb_root *root, struct item *it)
{
	struct rb_node **link = &root->node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = it->key < rb_entry(parent, struct item, node)->key ? &parent->left : &parent->right;
	}
	rb_insert(root, &it->node, parent, link);
	it->in = true;
}

/* Black height, or -1 when a rule is broken. */
static int tree_height(const struct rb_node *n, const struct rb_node *parent)
{
	int l, r;

	if (!n)
		return 0;
	l = tree_height(n->left, n);
	r = tree_height(n->right, n);
	if (l < 0 || l != r || rb_parent(n) != parent || (rb_is_red(n) && parent && rb_is_red(parent)))
		return -1;
	return l + !rb_is_red(n);
}

static bool tree_is_sound(const struct rb_root *root, unsigned count)
{
	unsigned seen = 0, back = 0;
	u32 last = 0;

	for (struct rb_node *n = rb_first(root); n; n = rb_next(n), seen++) {
		if (rb_entry(n, struct item, node)->key < last)
			return false;
		last = rb_entry(n, struct item, node)->key;
	}
	for (struct rb_node *n = rb_last(root); n; n = rb_prev(n))
		back++;
	return seen == count && back == count && tree_height(root->node, NULL) >= 0 &&
	       (!root->node || !rb_is_red(root->node));
}

TEST(the_tree_keeps_its_invariants_under_random_insertion_and_removal)
{
	static struct item items[400];
	struct test_rng rng = { 7 };
	struct rb_root root = { NULL };
	unsigned count = 0;

	memset(items, 0, sizeof(items));
	for (unsigned step = 0; step < 20000; step++) {
		struct item *it = &items[rng_below(&rng, ARRAY_SIZE(items))];

		if (it->in) {
			rb_erase(&root, &it->node);
			it->in = false;
			count--;
		} else {
			it->key = rng_below(&rng, 500);
			tree_add(&root, it);
			count++;
		}
		if (step % 16 == 0 && !CHECK(tree_is_sound(&root, count)))
			return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		if (items[i].in)
			rb_erase(&root, &items[i].node);
	CHECK(rb_empty(&root));
}

TEST(a_ring_keeps_order_and_refuses_when_full)
{
	void *slots[8];
	struct ring r;
	u8 v[20];

	ring_init(&r, slots, 8);
	r.head = r.tail = UINT32_MAX - 3; /* indices wrap */
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 8; i++)
			CHECK(ring_put(&r, &v[i]));
		CHECK(!ring_put(&r, &v[8]));
		CHECK_EQ(ring_len(&r), 8);
		for (int i = 0; i < 8; i++)
			CHECK(ring_get(&r) == &v[i]);
		CHECK(!ring_get(&r));
	}
}

static void check_ip(const char *text, const char *canonical)
{
	struct ip_addr a, b;
	char buf[IP_NTOP_MAX];

	if (!canonical) {
		if (!CHECK_EQ(ip_pton(text, &a), -EINVAL))
			test_note("%s", text);
		return;
	}
	if (!CHECK_EQ(ip_pton(text, &a), 0))
		test_note("%s", text);
	CHECK_STR(ip_ntop(&a, buf), canonical);
	CHECK_EQ(ip_pton(buf, &b), 0);
	CHECK(ip_eq(&a, &b));
}

TEST(addresses_are_read_and_written_as_rfc_4291_and_5952_say)
{
	check_ip("10.0.2.15", "10.0.2.15");
	check_ip("255.255.255.255", "255.255.255.255");
	check_ip("0.0.0.0", "0.0.0.0");
	check_ip("::ffff:1.2.3.4", "1.2.3.4");
	check_ip("::", "::");
	check_ip("::1", "::1");
	check_ip("1::", "1::");
	check_ip("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
	check_ip("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
	check_ip("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
	check_ip("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
	check_ip("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
	check_ip("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304");
	check_ip("1::8:9:a:b:c:d", "1:0:8:9:a:b:c:d");
	check_ip("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
}

TEST(texts_that_are_no_address_are_refused)
{
	static const char *const bad[] = {
		"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.", ".1.2.3.4", "1..2.3", "1.2.3.4 ", "0001.2.3.4",
		"a.b.c.d", "-1.2.3.4", ":", ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"12345::", "g::", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3",
		"::1.2.3.4:5", "1.2.3.4::", "fe80::1%eth0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_ip(bad[i], NULL);
}

TEST(the_command_line_is_split_into_words_keys_and_quoted_values)
{
	const char *p = "  quiet ip=10.0.0.1/24,10.0.0.2\t title=\"two words\" x= a=b=c \"k y\"=v";
	char k[8], v[32];

	CHECK(cmdline_next(&p, k, sizeof(k), v, sizeof(v)));
	CHECK_STR(k, "quiet");
	CHECK_STR(v, "");
	CHECK(cmdline_next(&p, k, sizeof(k), v, sizeof(v)));
	CHECK_STR(k, "ip");
	CHECK_STR(v, "10.0.0.1/24,10.0.0.2");
	CHECK(cmdline_next(&p, k, sizeof(k), v, sizeof(v)));
	CHECK_STR(v, "two words");
	CHECK(cmdline_next(&p, k, sizeof(k), v, sizeof(v)));
	CHECK_STR(k, "x");
	CHECK_STR(v, "");
	CHECK(cmdline_next(&p, k, sizeof(k), v, sizeof(v)));
	CHECK_STR(v, "b=c");
	CHECK(cmdline_next(&p, k, sizeof(k), v, sizeof(v)));
	CHECK_STR(k, "k y");
	CHECK_STR(v, "v");
	CHECK(!cmdline_next(&p, k, sizeof(k), v, sizeof(v)));
}

TEST(overlong_words_are_cut_and_the_last_value_of_a_key_counts)
{
	const char *line = "averyverylongkey=averyverylongvalue n=1 n=2 \"unclosed quote";
	const char *p = line;
	char k[5], v[6];

	CHECK(cmdline_next(&p, k, sizeof(k), v, sizeof(v)));
	CHECK_STR(k, "aver");
	CHECK_STR(v, "avery");
	CHECK(cmdline_get(line, "n", v, sizeof(v)));
	CHECK_STR(v, "2");
	CHECK(!cmdline_get(line, "m", v, sizeof(v)));
}

TEST(vector_copy_copies_all_and_no_more)
{
	u8 from[192], to[256];

	if (!platform_has_vectors())
		return;
	for (unsigned i = 0; i < sizeof(from); i++)
		from[i] = (u8)(i * 7 + 1);
	memset(to, 0xee, sizeof(to));
	vector_copy(to + 3, from, sizeof(from));
	CHECK_MEM(to + 3, from, sizeof(from));
	CHECK(to[2] == 0xee && to[3 + sizeof(from)] == 0xee);
}

/* FIPS 197, appendix A.1 (the schedule) and B (the block). */
TEST(aes_block_enciphers_the_standards_example)
{
	static const u8 schedule[] =
		"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c"
		"\xa0\xfa\xfe\x17\x88\x54\x2c\xb1\x23\xa3\x39\x39\x2a\x6c\x76\x05"
		"\xf2\xc2\x95\xf2\x7a\x96\xb9\x43\x59\x35\x80\x7a\x73\x59\xf6\x7f"
		"\x3d\x80\x47\x7d\x47\x16\xfe\x3e\x1e\x23\x7e\x44\x6d\x7a\x88\x3b"
		"\xef\x44\xa5\x41\xa8\x52\x5b\x7f\xb6\x71\x25\x3b\xdb\x0b\xad\x00"
		"\xd4\xd1\xc6\xf8\x7c\x83\x9d\x87\xca\xf2\xb8\xbc\x11\xf9\x15\xbc"
		"\x6d\x88\xa3\x7a\x11\x0b\x3e\xfd\xdb\xf9\x86\x41\xca\x00\x93\xfd"
		"\x4e\x54\xf7\x0e\x5f\x5f\xc9\xf3\x84\xa6\x4f\xb2\x4e\xa6\xdc\x4f"
		"\xea\xd2\x73\x21\xb5\x8d\xba\xd2\x31\x2b\xf5\x60\x7f\x8d\x29\x2f"
		"\xac\x77\x66\xf3\x19\xfa\xdc\x21\x28\xd1\x29\x41\x57\x5c\x00\x6e"
		"\xd0\x14\xf9\xa8\xc9\xee\x25\x89\xe1\x3f\x0c\xc8\xb6\x63\x0c\xa6";
	static const u8 plain[] = "\x32\x43\xf6\xa8\x88\x5a\x30\x8d\x31\x31\x98\xa2\xe0\x37\x07\x34";
	static const u8 cipher[] = "\x39\x25\x84\x1d\x02\xdc\x09\xfb\xdc\x11\x85\x97\x19\x6a\x0b\x32";
	struct aes_keys keys;
	u64 block[2];

	if (!platform_has_aes())
		return;
	memcpy(&keys, schedule, sizeof(keys));
	memcpy(block, plain, sizeof(block));
	aes_block(&block[0], &block[1], &keys);
	CHECK_MEM(block, cipher, sizeof(block));
}

TEST(a_vector_move_copies_every_length_and_not_a_byte_around_it)
{
	static u8 from[VECTOR_MOVE_MAX + 64], to[VECTOR_MOVE_MAX + 64], want[VECTOR_MOVE_MAX + 64];
	size_t wrong = 0;

	if (!platform_has_vectors())
		return;
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (u8)(i * 7 + (i >> 8));
	for (size_t n = VECTOR_MOVE_MIN; n <= VECTOR_MOVE_MAX; n++) {
		size_t at = n % 31;

		memset(to, 0xa5, sizeof(to));
		memset(want, 0xa5, sizeof(want));
		memcpy(want + at, from + 5, n);
		vector_move(to + at, from + 5, n);
		wrong += memcmp(to, want, sizeof(to)) != 0;
	}
	CHECK_EQ(wrong, 0);
}

TEST(a_vector_zero_clears_its_lines_and_not_a_byte_around_them)
{
	u8 to[192 + 2], want[192 + 2] = { 0 };

	if (!platform_has_vectors())
		return;
	memset(to, 0xa5, sizeof(to));
	want[0] = want[193] = 0xa5;
	vector_zero(to + 1, 192);
	CHECK(!memcmp(to, want, sizeof(to)));
}
