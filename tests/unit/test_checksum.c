/* SPDX-License-Identifier: MIT
 * test_checksum.c - the Internet checksum against a byte-wise reference (RFC 1071, RFC 1624).
 */
#include "host/harness.h"
#include "lib/string.h"
#include "net/wire/checksum.h"
#include "platform.h"
#include <stdlib.h>

/* 16 bits at a time, as RFC 1071 4.1 words it, in memory order. */
static u16 slow_sum(const u8 *p, size_t len, u32 start)
{
	u64 s = start;

	for (size_t i = 0; i < len; i++)
		s += i & 1 ? (u64)p[i] << 8 : p[i];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (u16)s;
}

/* 0 and 0xffff are one number in ones' complement. */
static bool same(u16 a, u16 b)
{
	return a % 0xffff == b % 0xffff;
}

static void fill(struct test_rng *r, u8 *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (u8)rng_next(r);
}

TEST(sums_equal_the_reference_at_every_length_and_alignment)
{
	struct test_rng r = { 1 };
	u8 buf[512];

	fill(&r, buf, sizeof(buf));
	for (size_t off = 0; off < 9; off++)
		for (size_t len = 0; len <= 300; len++)
			if (!CHECK(same(csum_fold16(csum_partial(buf + off, len, 0)).raw,
					slow_sum(buf + off, len, 0))))
				return;
}

TEST(carries_survive_all_ones_and_a_start_value)
{
	u8 ones[256];

	memset(ones, 0xff, sizeof(ones));
	for (size_t len = 0; len <= sizeof(ones); len++)
		if (!CHECK(same(csum_fold16(csum_partial(ones, len, 0xffffffff)).raw,
				slow_sum(ones, len, 0xffffffff))))
			return;
}

TEST(vectors_sum_the_same_at_every_length_and_alignment)
{
	struct test_rng r = { 3 };
	u8 buf[CSUM_WIDE_MAX + 5];

	if (!platform_has_vectors())
		return; /* this machine has no AVX2 */
	for (int full = 0; full < 2; full++) { /* noise, and what carries most */
		fill(&r, buf, sizeof(buf));
		if (full)
			memset(buf, 0xff, sizeof(buf));
		for (size_t off = 0; off < 5; off++)
			for (size_t len = CSUM_WIDE_MIN; len <= CSUM_WIDE_MAX; len++)
				if (!CHECK(same(csum_fold16(csum_partial_wide(buf + off, len, 0xfffffff0)).raw,
						slow_sum(buf + off, len, 0xfffffff0))))
					return;
	}
}

TEST(vectors_carry_whatever_half_of_a_word_is_large)
{
	struct test_rng r = { 4 };
	u8 buf[CSUM_WIDE_MIN];

	if (!platform_has_vectors())
		return;
	for (int turn = 0; turn < 20000; turn++) {
		u64 mask = rng_next(&r), ones = rng_next(&r) & rng_next(&r);

		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = ones >> i % 8 & 1 ? 0xff : mask >> i % 64 & 1 ? 0 : (u8)rng_next(&r);
		if (!CHECK(same(csum_fold16(csum_partial_wide(buf, sizeof(buf), 0)).raw, slow_sum(buf, sizeof(buf), 0))))
			return;
	}
}

TEST(vectors_read_no_byte_behind_the_end)
{
	if (!platform_has_vectors())
		return; /* this machine has no AVX2 */
	for (size_t len = CSUM_WIDE_MIN; len <= 1600; len++) {
		u8 *a = malloc(len + 80);

		memset(a, 0x11, len + 80);
		u32 sum = csum_partial_wide(a, len, 5);
		memset(a + len, 0xee, 80);
		CHECK_EQ(csum_partial_wide(a, len, 5), sum);
		free(a);
	}
}

TEST(bytes_behind_the_end_do_not_count)
{
	u8 a[80], b[80];

	for (size_t len = 0; len <= 70; len++) {
		memset(a, 0x11, sizeof(a));
		memset(b, 0x11, sizeof(b));
		memset(b + len, 0xee, sizeof(b) - len);
		if (!CHECK_EQ(csum_partial(a, len, 5), csum_partial(b, len, 5)))
			return;
	}
}

TEST(pieces_add_up_at_even_and_odd_offsets)
{
	struct test_rng r = { 2 };
	u8 buf[200];

	fill(&r, buf, sizeof(buf));
	for (size_t cut = 0; cut <= sizeof(buf); cut++) {
		u32 sum = csum_block_add(csum_partial(buf, cut, 0),
					 csum_partial(buf + cut, sizeof(buf) - cut, 0), cut);

		if (!CHECK(same(csum_fold16(sum).raw, slow_sum(buf, sizeof(buf), 0))))
			return;
	}
}

TEST(the_example_of_rfc_1071_holds)
{
	static const u8 data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	CHECK_EQ(be16_get(csum_fold16(csum_partial(data, 8, 0))), 0xddf2);
	CHECK_EQ(be16_get(csum_fold(csum_partial(data, 8, 0))), (u16)~0xddf2);
}

TEST(a_header_with_its_checksum_folds_to_zero_for_each_ihl)
{
	struct test_rng r = { 3 };
	u8 h[60];

	for (unsigned ihl = 5; ihl <= 15; ihl++) {
		be16 check;

		fill(&r, h, sizeof(h));
		h[10] = h[11] = 0;
		check = csum_fold(csum_ip_header(h, ihl));
		memcpy(h + 10, &check, 2);
		CHECK(csum_ok(csum_ip_header(h, ihl)));
		CHECK(csum_ok(csum_partial(h, ihl * 4, 0)));
		h[19] ^= 1;
		CHECK(!csum_ok(csum_ip_header(h, ihl)));
	}
}

TEST(incremental_updates_equal_a_new_sum)
{
	struct test_rng r = { 4 };
	u8 h[20];

	for (unsigned i = 0; i < 2000; i++) {
		be16 old16, new16, check;
		be32 old32, new32;

		fill(&r, h, sizeof(h));
		memset(h + 10, 0, 2);
		check = csum_fold(csum_partial(h, 20, 0));
		memcpy(&old16, h + 8, 2);
		memcpy(&old32, h + 12, 4);
		new16.raw = (u16)rng_next(&r);
		new32.raw = i & 1 ? 0xffffffff : (u32)rng_next(&r);
		memcpy(h + 8, &new16, 2);
		memcpy(h + 12, &new32, 4);
		check = csum_replace4(csum_replace2(check, old16, new16), old32, new32);
		memcpy(h + 10, &check, 2);
		if (!CHECK(csum_ok(csum_partial(h, 20, 0))))
			return;
	}
}

/* RFC 1624 section 3: the example of section 4 */
TEST(an_update_never_makes_minus_zero_where_rfc_1624_forbids_it)
{
	CHECK_EQ(be16_get(csum_replace2(be16_of(0xdd2f), be16_of(0x5555), be16_of(0x3285))),
		 0x0000);
}

TEST(the_pseudo_header_is_that_of_rfc_768)
{
	u8 pseudo[12] = { 10, 0, 0, 1, 192, 168, 255, 254, 0, 17, 0, 0 };
	static const u16 lens[] = { 8, 255, 256, 1480, 65515 };
	be32 src, dst;

	memcpy(&src, pseudo, 4);
	memcpy(&dst, pseudo + 4, 4);
	for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
		be16 len = be16_of(lens[i]);

		memcpy(pseudo + 10, &len, 2);
		CHECK(same(csum_fold16(csum_tcpudp_nofold(src, dst, lens[i], 17)).raw,
			   slow_sum(pseudo, 12, 0)));
	}
}

TEST(copying_sums_what_was_copied)
{
	struct test_rng r = { 5 };
	u8 from[100], to[100];

	fill(&r, from, sizeof(from));
	CHECK_EQ(csum_partial_copy(to, from, 99, 7), csum_partial(from, 99, 7));
	CHECK_MEM(to, from, 99);
}

TEST(a_part_can_be_taken_out_of_a_sum)
{
	struct test_rng r = { 6 };
	u8 buf[64];
	u32 all;

	fill(&r, buf, sizeof(buf));
	all = csum_partial(buf, 64, 0);
	CHECK(same(csum_fold16(csum_sub(all, csum_partial(buf, 20, 0))).raw,
		   slow_sum(buf + 20, 44, 0)));
}
