/* SPDX-License-Identifier: MIT
 * test_elf_image.c - what the EFI loader believes of barewire.elf: nothing that leaves the file or
 * the memory that a kernel may claim.
 */
#include "efi/elf_image.h"

#include <stdlib.h>
#include <string.h>

#include "host/harness.h"

static u8 *file;

enum { ELF_LEN = 0x1200 };

static void put32(u64 at, u32 v)
{
	memcpy(file + at, &v, sizeof(v));
}

static void put64(u64 at, u64 v)
{
	memcpy(file + at, &v, sizeof(v));
}

static void put16(u64 at, u16 v)
{
	memcpy(file + at, &v, sizeof(v));
}

static void elf_segment(u32 i, u64 offset, u64 vaddr, u64 paddr, u64 filesz, u64 memsz)
{
	u64 at = 64 + i * 56;

	put32(at, 1);
	put64(at + 8, offset);
	put64(at + 16, vaddr);
	put64(at + 24, paddr);
	put64(at + 32, filesz);
	put64(at + 40, memsz);
}

static void elf_file(void)
{
	free(file);
	file = calloc(1, ELF_LEN);
	memcpy(file, "\177ELF\2\1\1", 7);
	put16(16, 2);
	put16(18, 62);
	put64(24, 0xffffffff80200010);
	put64(32, 64);
	put16(54, 56);
	put16(56, 2);
	elf_segment(0, 0x1000, 0xffffffff80200000, 0x200000, 0x100, 0x100);
	elf_segment(1, 0x1100, 0xffffffff80201000, 0x201000, 0x100, 0x2000);
	memset(file + 0x1000, 'T', 0x100);
	memset(file + 0x1100, 'D', 0x100);
}

TEST(an_elf_file_is_described_and_laid_out)
{
	struct elf_image image;
	u8 *at;

	elf_file();
	CHECK(!elf_parse(file, ELF_LEN, &image));
	CHECK_EQ(image.phys, 0x200000);
	CHECK_EQ(image.len, 0x3000);
	CHECK_EQ(image.entry, 0x200010);
	at = malloc(image.len);
	memset(at, 0xaa, image.len);
	elf_place(file, &image, at);
	CHECK_EQ(at[0xff], 'T');
	CHECK_EQ(at[0x100], 0);
	CHECK_EQ(at[0x1000], 'D');
	CHECK_EQ(at[0x1100], 0);
	CHECK_EQ(at[0x2fff], 0);
	free(at);
}

#define REFUSED(text, ...)                                                                         \
	do {                                                                                       \
		struct elf_image image;                                                            \
		const char *wrong;                                                                 \
		elf_file();                                                                        \
		__VA_ARGS__;                                                                       \
		wrong = elf_parse(file, ELF_LEN, &image);                                          \
		if (CHECK(wrong))                                                                  \
			CHECK_STR(wrong, text);                                                    \
	} while (0)

TEST(broken_elf_files_are_refused_by_name)
{
	REFUSED("not a 64-bit little-endian ELF file", file[0] = 0);
	REFUSED("not a 64-bit little-endian ELF file", file[4] = 1);
	REFUSED("not an x86_64 executable", put16(18, 40));
	REFUSED("not an x86_64 executable", put16(16, 3));
	REFUSED("its program headers are outside the file", put64(32, UINT64_MAX - 8));
	REFUSED("its program headers are outside the file", put16(56, 0xffff));
	REFUSED("its program headers are outside the file", put16(54, 32));
	REFUSED("a segment is outside the file", elf_segment(1, 0x1101, 0, 0x201000, 0x100, 0x100));
	REFUSED("a segment is outside the file",
		elf_segment(1, UINT64_MAX, 0, 0x201000, 0x100, 0x100));
	REFUSED("a segment is outside the file", elf_segment(1, 0x1100, 0, 0x201000, 0x100, 0xff));
	REFUSED("a segment's address is out of bounds", elf_segment(1, 0x1100, 0, 0x1000, 1, 1));
	REFUSED("a segment's address is out of bounds",
		elf_segment(1, 0x1100, 0, UINT64_MAX, 1, 1));
	REFUSED("a segment's address is out of bounds",
		elf_segment(1, 0x1100, 0, 0x201000, 1, UINT64_MAX));
	REFUSED("a segment's address is out of bounds",
		elf_segment(1, 0x1100, 0, 0x40000000, 1, 1));
	REFUSED("two segments overlap", elf_segment(1, 0x1100, 0, 0x2000ff, 1, 1));
	REFUSED("its entry is in no segment", put64(24, 0x200000));
}

TEST(an_elf_file_cut_anywhere_is_refused)
{
	struct elf_image image;

	for (u64 len = 0; len < ELF_LEN; len++) {
		u8 *cut = malloc(len ?: 1);

		elf_file();
		memcpy(cut, file, len);
		CHECK(elf_parse(cut, len, &image));
		free(cut);
	}
}

TEST(an_elf_file_with_any_bytes_changed_is_laid_out_inside_its_bounds)
{
	struct test_rng rng = {7};

	for (int i = 0; i < 20000; i++) {
		struct elf_image image;
		u8 *at;

		elf_file();
		for (u32 n = 1 + rng_below(&rng, 4); n; n--)
			file[rng_below(&rng, 64 + 2 * 56)] = (u8)rng_next(&rng);
		if (elf_parse(file, ELF_LEN, &image) || image.len > 1 << 20)
			continue;
		at = malloc(image.len);
		elf_place(file, &image, at);
		free(at);
	}
}
