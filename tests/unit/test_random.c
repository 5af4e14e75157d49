/* SPDX-License-Identifier: MIT
 * test_random.c - the generator: its block function against RFC 8439, and that its output never repeats.
 */
#include <cpuid.h>

#define random_bytes kernel_random_bytes /* the host has one */
#include "core/random.c"
#undef random_bytes

#include "host/harness.h"

static bool has_generator;

bool cpu_has(enum cpu_feature f)
{
	unsigned eax, ebx, ecx = 0, edx;

	__get_cpuid(1, &eax, &ebx, &ecx, &edx);
	return has_generator && f == CPU_RDRAND && ecx >> 30 & 1;
}

/* RFC 8439 A.1, vectors 1 and 2: key and nonce 0, counter 0 and 1. */
TEST(the_block_function_gives_the_keystream_of_rfc_8439)
{
	static const u8 first[] = { 0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53,
				    0x86, 0xbd, 0x28, 0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36,
				    0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7, 0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48,
				    0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37, 0x6a, 0x43, 0xb8, 0xf4,
				    0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86 };
	static const u8 second[] = { 0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c };
	static const u32 zero_key[8];
	u32 out[16];

	chacha20_block(zero_key, 0, out);
	CHECK_MEM(out, first, sizeof(first));
	chacha20_block(zero_key, 1, out);
	CHECK_MEM(out, second, sizeof(second));
}

TEST(two_requests_never_give_the_same)
{
	u8 a[100], b[100];
	unsigned i, same = 0;

	random_init("seed", 4);
	kernel_random_bytes(a, sizeof(a));
	kernel_random_bytes(b, sizeof(b));
	for (i = 0; i < sizeof(a); i++)
		same += a[i] == b[i];
	CHECK(same < 20);
}

TEST(what_was_given_out_is_not_in_the_state_any_more)
{
	u8 out[64];
	u32 before[8];

	random_init("seed", 4);
	memcpy(before, key, sizeof(before));
	kernel_random_bytes(out, sizeof(out));
	CHECK(memcmp(before, key, sizeof(key)));
	CHECK(memcmp(out, key, sizeof(key)));
}

TEST(every_length_is_filled_and_not_a_byte_more)
{
	u8 buf[300];
	size_t len, i;

	for (len = 0; len < 200; len++) {
		unsigned zeroes = 0;

		memset(buf, 0, sizeof(buf));
		kernel_random_bytes(buf + 16, len);
		for (i = 0; i < len; i++)
			zeroes += !buf[16 + i];
		CHECK(zeroes <= 8);
		for (i = 0; i < sizeof(buf); i++)
			if ((i < 16 || i >= 16 + len) && !CHECK_EQ(buf[i], 0))
				return;
	}
}

TEST(seeding_again_from_the_same_words_gives_another_key)
{
	u32 before[8];

	has_generator = true;
	memset(key, 0, sizeof(key));
	random_init("same", 4);
	memcpy(before, key, sizeof(before));
	memset(key, 0, sizeof(key));
	random_init("same", 4);
	CHECK(memcmp(before, key, sizeof(key)));
}
