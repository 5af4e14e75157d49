/* SPDX-License-Identifier: MIT
 * test_boot.c - the doors' parsers: boot_info from honest tables, and nothing believed of broken
 * ones.
 *
 * Physical memory is an array here. It is allocated to the byte, so that a read past its end is a
 * report.
 */
#include "boot.h"

#include <stdlib.h>
#include <string.h>

#include "efi/handover.h"
#include "host/harness.h"

#define RAM 8192

static struct boot_info bi;
static u8 *ram;

static struct boot_window window(void)
{
	return (struct boot_window){.base = ram, .size = RAM};
}

static void power_on(void)
{
	free(ram);
	ram = calloc(1, RAM);
	memset(&bi, 0, sizeof(bi));
}

static void put32(u64 at, u32 v)
{
	memcpy(ram + at, &v, sizeof(v));
}
static void put64(u64 at, u64 v)
{
	memcpy(ram + at, &v, sizeof(v));
}

static void gather(u32 magic, u64 pa)
{
	struct boot_window w = window();

	memset(&bi, 0, sizeof(bi));
	boot_gather_from(&w, magic, pa, &bi);
	CHECK(bi.door);
}

static void check_region(u32 i, u64 base, u64 len, u32 type)
{
	CHECK(i < bi.nr_regions);
	CHECK_EQ(bi.regions[i].base, base);
	CHECK_EQ(bi.regions[i].len, len);
	CHECK_EQ(bi.regions[i].type, type);
}

/* What every door promises, whatever it was fed. */
static bool is_sane(void)
{
	if (bi.nr_regions > BOOT_MAX_REGIONS || bi.nr_modules > BOOT_MAX_MODULES ||
	    !memchr(bi.cmdline, 0, sizeof(bi.cmdline)))
		return false;
	for (u32 i = 0; i < bi.nr_modules; i++)
		if (!bi.modules[i].len ||
		    !memchr(bi.modules[i].name, 0, sizeof(bi.modules[i].name)))
			return false;
	for (u32 i = 0; i < bi.nr_regions; i++) {
		const struct mem_region *r = &bi.regions[i];

		if (!r->len || r->base + r->len < r->base || (i && r->base < r[-1].base))
			return false;
		for (u32 j = 0; j < bi.nr_regions; j++)
			if (r->type == MEM_USABLE && j != i &&
			    bi.regions[j].base < r->base + r->len &&
			    r->base < bi.regions[j].base + bi.regions[j].len)
				return false;
	}
	return true;
}

/* ---------------------------------------------------------------- regions */
static void add(u64 base, u64 len, u32 type)
{
	boot_add_region(&bi, base, len, type);
}

TEST(regions_are_sorted_and_neighbours_are_joined)
{
	power_on();
	add(0x9000, 0x1000, MEM_USABLE);
	add(0x1000, 0x1000, MEM_USABLE);
	add(0x2000, 0x1000, MEM_USABLE);
	add(0x5000, 0x1000, MEM_RESERVED);
	boot_sort_regions(&bi);
	CHECK_EQ(bi.nr_regions, 3);
	check_region(0, 0x1000, 0x2000, MEM_USABLE);
	check_region(1, 0x5000, 0x1000, MEM_RESERVED);
	check_region(2, 0x9000, 0x1000, MEM_USABLE);
}

TEST(what_is_reserved_is_taken_from_what_is_usable)
{
	power_on();
	add(0x1000, 0x9000, MEM_USABLE);
	add(0x4000, 0x1000, MEM_RESERVED);
	add(0x8000, 0x4000, MEM_ACPI_NVS);
	boot_sort_regions(&bi);
	CHECK_EQ(bi.nr_regions, 4);
	check_region(0, 0x1000, 0x3000, MEM_USABLE);
	check_region(1, 0x4000, 0x1000, MEM_RESERVED);
	check_region(2, 0x5000, 0x3000, MEM_USABLE);
	check_region(3, 0x8000, 0x4000, MEM_ACPI_NVS);
}

TEST(usable_regions_that_overlap_become_one)
{
	power_on();
	add(0x1000, 0x3000, MEM_USABLE);
	add(0x2000, 0x1000, MEM_USABLE);
	add(0x3000, 0x4000, MEM_USABLE);
	boot_sort_regions(&bi);
	CHECK_EQ(bi.nr_regions, 1);
	check_region(0, 0x1000, 0x6000, MEM_USABLE);
}

TEST(a_region_that_is_reserved_whole_disappears)
{
	power_on();
	add(0x2000, 0x1000, MEM_USABLE);
	add(0x1000, 0x8000, MEM_BAD);
	boot_sort_regions(&bi);
	CHECK_EQ(bi.nr_regions, 1);
	check_region(0, 0x1000, 0x8000, MEM_BAD);
}

TEST(empty_and_wrapping_regions_do_no_harm)
{
	power_on();
	add(0x1000, 0, MEM_USABLE);
	add(UINT64_MAX - 10, 100, MEM_USABLE);
	add(0x100000, UINT64_MAX, MEM_USABLE);
	boot_sort_regions(&bi);
	CHECK_EQ(bi.nr_regions, 1);
	check_region(0, 0x100000, (1ull << 52) - 0x100000, MEM_USABLE);
}

TEST(reserved_memory_that_finds_no_row_is_still_not_usable)
{
	power_on();
	for (u64 i = 0; i < BOOT_MAX_REGIONS; i++)
		add(i << 20, 0x10000, MEM_USABLE);
	add(0x4000, 0x1000,
	    MEM_RESERVED); /* inside the first: no room for its upper part and a row of its own */
	boot_sort_regions(&bi);
	CHECK(is_sane());
	CHECK_EQ(bi.nr_regions, BOOT_MAX_REGIONS);
	check_region(0, 0x5000, 0xb000, MEM_USABLE); /* the larger part stays */
}

TEST(unknown_e820_types_are_reserved)
{
	static const struct {
		u32 e820, type;
	} rows[] = {
		{1, MEM_USABLE},   {2, MEM_RESERVED}, {3, MEM_ACPI_RECLAIM},
		{4, MEM_ACPI_NVS}, {5, MEM_BAD},      {0, MEM_RESERVED},
		{6, MEM_RESERVED}, {7, MEM_RESERVED}, {~0u, MEM_RESERVED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		power_on();
		boot_add_e820(&bi, 0x1000, 0x1000, rows[i].e820);
		check_region(0, 0x1000, 0x1000, rows[i].type);
	}
}

/* ---------------------------------------------------------------- modules */
TEST(a_module_is_named_by_the_end_of_its_path)
{
	power_on();
	boot_add_module(&bi, 0x1000, 1, "/boot/site.tar rw /x/y");
	boot_add_module(&bi, 0x1000, 1, "site.tar");
	boot_add_module(&bi, 0x1000, 1, "");
	boot_add_module(&bi, 0x1000, 1, "dir/");
	boot_add_module(&bi, 0x1000, 1,
			"a-name-of-more-than-forty-seven-characters-is-cut-at-the-end");
	CHECK_EQ(bi.nr_modules, 5);
	CHECK_STR(bi.modules[0].name, "site.tar");
	CHECK_STR(bi.modules[1].name, "site.tar");
	CHECK_STR(bi.modules[2].name, "module");
	CHECK_STR(bi.modules[3].name, "module");
	CHECK_EQ(strlen(bi.modules[4].name), sizeof(bi.modules[4].name) - 1);
}

TEST(modules_that_are_nowhere_or_too_many_are_left_out)
{
	power_on();
	boot_add_module(&bi, 0, 10, "null");
	boot_add_module(&bi, 0x1000, 0, "empty");
	boot_add_module(&bi, UINT64_MAX - 5, 10, "wrapping");
	boot_add_module(&bi, 0x1000, UINT64_MAX, "endless");
	CHECK_EQ(bi.nr_modules, 0);
	for (int i = 0; i < BOOT_MAX_MODULES + 3; i++)
		boot_add_module(&bi, 0x1000, 1, "m");
	CHECK_EQ(bi.nr_modules, BOOT_MAX_MODULES);
}

/* ---------------------------------------------------------------- PVH */
enum { PVH_INFO = 0x100, PVH_MODS = 0x200, PVH_TEXT = 0x300, PVH_MAP = 0x400 };

static void pvh_tables(void)
{
	power_on();
	put32(PVH_INFO, DOOR_MAGIC_PVH);
	put32(PVH_INFO + 4, 1);	 /* version */
	put32(PVH_INFO + 12, 1); /* modules */
	put64(PVH_INFO + 16, PVH_MODS);
	put64(PVH_INFO + 24, PVH_TEXT);
	put64(PVH_INFO + 32, 0xf59d0); /* RSDP */
	put64(PVH_INFO + 40, PVH_MAP);
	put32(PVH_INFO + 48, 2); /* entries */
	put64(PVH_MODS, 0x3000000);
	put64(PVH_MODS + 8, 12345);
	put64(PVH_MODS + 16, PVH_TEXT + 0x80);
	memcpy(ram + PVH_TEXT, "ip=dhcp loglevel=7", 19);
	memcpy(ram + PVH_TEXT + 0x80, "site.tar", 9);
	put64(PVH_MAP, 0);
	put64(PVH_MAP + 8, 0x9fc00);
	put32(PVH_MAP + 16, 1);
	put64(PVH_MAP + 24, 0x100000);
	put64(PVH_MAP + 32, 0x3f00000);
	put32(PVH_MAP + 40, 1);
}

TEST(pvh_hands_over_memory_modules_command_line_and_rsdp)
{
	pvh_tables();
	gather(DOOR_MAGIC_PVH, PVH_INFO);
	CHECK_STR(bi.door, "pvh");
	CHECK_EQ(bi.rsdp, 0xf59d0);
	CHECK_STR(bi.cmdline, "ip=dhcp loglevel=7");
	CHECK_EQ(bi.nr_regions, 2);
	check_region(0, 0, 0x9fc00, MEM_USABLE);
	check_region(1, 0x100000, 0x3f00000, MEM_USABLE);
	CHECK_EQ(bi.nr_modules, 1);
	CHECK_STR(bi.modules[0].name, "site.tar");
	CHECK_EQ(bi.modules[0].len, 12345);
	CHECK_EQ(bi.fb.bpp, 0);
}

TEST(pvh_without_its_magic_is_not_read)
{
	pvh_tables();
	put32(PVH_INFO, 0);
	gather(DOOR_MAGIC_PVH, PVH_INFO);
	CHECK_EQ(bi.nr_regions, 0);
	CHECK_EQ(bi.rsdp, 0);
	CHECK_STR(bi.cmdline, "");
}

TEST(pvh_version_0_has_no_memory_map)
{
	pvh_tables();
	put32(PVH_INFO + 4, 0);
	gather(DOOR_MAGIC_PVH, PVH_INFO);
	CHECK_EQ(bi.nr_regions, 0);
	CHECK_STR(bi.cmdline, "ip=dhcp loglevel=7");
}

TEST(pvh_tables_outside_memory_are_not_followed)
{
	static const u64 nowhere[] = {1, RAM - 1, RAM, 1ull << 40, UINT64_MAX, UINT64_MAX - 30};

	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		pvh_tables();
		put64(PVH_INFO + 16, nowhere[i]);
		put64(PVH_INFO + 24, nowhere[i]);
		put64(PVH_INFO + 40, nowhere[i]);
		put32(PVH_INFO + 12, ~0u);
		put32(PVH_INFO + 48, ~0u);
		gather(DOOR_MAGIC_PVH, PVH_INFO);
		CHECK(is_sane());
		gather(DOOR_MAGIC_PVH, nowhere[i]);
		CHECK(is_sane());
		CHECK_EQ(bi.nr_regions, 0);
	}
}

TEST(a_command_line_without_an_end_is_cut_at_the_end_of_memory)
{
	pvh_tables();
	put64(PVH_INFO + 24, RAM - 4);
	memcpy(ram + RAM - 4, "abcd", 4);
	gather(DOOR_MAGIC_PVH, PVH_INFO);
	CHECK_STR(bi.cmdline, "abcd");
}

TEST(a_command_line_that_is_too_long_is_cut_to_its_room)
{
	pvh_tables();
	put64(PVH_INFO + 24, 0x1000);
	memset(ram + 0x1000, 'x', CMDLINE_MAX + 100);
	gather(DOOR_MAGIC_PVH, PVH_INFO);
	CHECK_EQ(strlen(bi.cmdline), CMDLINE_MAX - 1);
}

/* ---------------------------------------------------------------- multiboot2 */
enum { MB2_INFO = 0x100 };
static u64 mb2_end;

/* Appends a tag with len bytes of payload; returns where the tag begins. */
static u64 mb2_tag(u32 type, const void *payload, u32 len)
{
	u64 at = mb2_end;

	put32(at, type);
	put32(at + 4, 8 + len);
	if (len)
		memcpy(ram + at + 8, payload, len);
	mb2_end = ALIGN_UP(at + 8 + len, 8ull);
	put32(MB2_INFO, mb2_end - MB2_INFO);
	return at;
}

static void mb2_begin(void)
{
	power_on();
	mb2_end = MB2_INFO + 8;
}

static void mb2_tables(void)
{
	static const char module[] =
		"\0\0\0\1\0\0\1\1/boot/site.tar"; /* 0x01000000 .. 0x01010000 */
	u32 map[2 + 6] = {24, 0, 0x100000, 0, 0x3f00000, 0, 1, 0};
	u8 fb[24] = {[3] = 0xfd, [9] = 16, [12] = 0, [13] = 4, [17] = 3, [20] = 32, [21] = 1};
	u8 fb_colours[6] = {16, 8, 8, 8, 0, 8};
	u8 fb_tag[sizeof(fb) + sizeof(fb_colours)];
	u8 rsdp[36] = "RSD PTR ";

	memcpy(fb_tag, fb, sizeof(fb));
	memcpy(fb_tag + sizeof(fb), fb_colours, sizeof(fb_colours));
	mb2_begin();
	mb2_tag(1, "ip=dhcp", 8);
	mb2_tag(2, "GRUB 2.06", 10);
	mb2_tag(3, module, sizeof(module));
	mb2_tag(6, map, sizeof(map));
	mb2_tag(8, fb_tag, sizeof(fb_tag));
	mb2_tag(14, rsdp, 20);
	mb2_tag(15, rsdp, 36);
	mb2_tag(0, NULL, 0);
}

TEST(multiboot2_hands_over_everything)
{
	mb2_tables();
	gather(DOOR_MAGIC_MB2, MB2_INFO);
	CHECK_STR(bi.door, "multiboot2");
	CHECK_STR(bi.cmdline, "ip=dhcp");
	CHECK_EQ(bi.nr_modules, 1);
	CHECK_STR(bi.modules[0].name, "site.tar");
	CHECK_EQ(bi.modules[0].base, 0x01000000);
	CHECK_EQ(bi.modules[0].len, 0x10000);
	CHECK_EQ(bi.fb.base, 0xfd000000);
	CHECK_EQ(bi.fb.pitch, 4096);
	CHECK_EQ(bi.fb.width, 1024);
	CHECK_EQ(bi.fb.height, 768);
	CHECK_EQ(bi.fb.bpp, 32);
	CHECK_EQ(bi.fb.red_pos, 16);
}

TEST(multiboot2_keeps_the_page_of_the_rsdp_copy_and_takes_the_newer)
{
	mb2_tables();
	gather(DOOR_MAGIC_MB2, MB2_INFO);
	CHECK_MEM(ram + bi.rsdp, "RSD PTR ", 8);
	CHECK_EQ(*(u32 *)(void *)(ram + bi.rsdp - 8), 15);
	check_region(0, 0, 0x1000, MEM_RESERVED);
	check_region(1, 0x100000, 0x3f00000, MEM_USABLE);
}

TEST(multiboot2_an_older_rsdp_does_not_replace_a_newer)
{
	u8 rsdp[36] = "RSD PTR ";

	mb2_begin();
	mb2_tag(15, rsdp, 36);
	mb2_tag(14, rsdp, 20);
	mb2_tag(0, NULL, 0);
	gather(DOOR_MAGIC_MB2, MB2_INFO);
	CHECK_EQ(*(u32 *)(void *)(ram + bi.rsdp - 8), 15);
}

TEST(multiboot2_tags_shorter_than_their_kind_are_ignored)
{
	static const u32 kinds[] = {3, 6, 8, 14, 15};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		mb2_begin();
		mb2_tag(kinds[i], NULL, 0);
		mb2_tag(1, "after", 6);
		gather(DOOR_MAGIC_MB2, MB2_INFO);
		CHECK(is_sane());
		CHECK_EQ(bi.rsdp, 0);
		CHECK_STR(bi.cmdline, "after");
	}
}

TEST(multiboot2_a_tag_of_size_0_ends_the_list_instead_of_looping)
{
	u64 bad;

	mb2_begin();
	bad = mb2_tag(2, NULL, 0);
	mb2_tag(1, "after", 6);
	put32(bad + 4, 0);
	gather(DOOR_MAGIC_MB2, MB2_INFO);
	CHECK_STR(bi.cmdline, "");
}

TEST(multiboot2_a_tag_that_leaves_the_block_is_not_read)
{
	u64 at;

	mb2_begin();
	at = mb2_tag(1, "text", 5);
	put32(at + 4, 64);
	gather(DOOR_MAGIC_MB2, MB2_INFO);
	CHECK_STR(bi.cmdline, "");
}

TEST(multiboot2_a_text_ends_with_its_tag)
{
	mb2_begin();
	mb2_tag(1, "abcdefgh", 8); /* no terminator */
	mb2_tag(2, "zzzzzzzz", 8);
	gather(DOOR_MAGIC_MB2, MB2_INFO);
	CHECK_STR(bi.cmdline, "abcdefgh");
}

TEST(multiboot2_map_entries_may_be_larger_than_known_but_not_smaller)
{
	u32 large[2 + 16] = {32, 0, 0x100000, 0, 0x1000, 0, 1, 0, 0, 0, 0x200000, 0, 0x1000, 0, 1};
	u32 small[2 + 6] = {8, 0, 0x100000, 0, 0x1000, 0, 1, 0};

	mb2_begin();
	mb2_tag(6, large, sizeof(large));
	gather(DOOR_MAGIC_MB2, MB2_INFO);
	CHECK_EQ(bi.nr_regions, 2);
	check_region(1, 0x200000, 0x1000, MEM_USABLE);
	small[0] = 0;
	for (u32 size = 0; size < 24; size += 8) {
		small[0] = size;
		mb2_begin();
		mb2_tag(6, small, sizeof(small));
		gather(DOOR_MAGIC_MB2, MB2_INFO);
		CHECK_EQ(bi.nr_regions, 0);
	}
}

TEST(multiboot2_a_text_screen_is_no_framebuffer)
{
	u8 fb[24] = {[1] = 0x80, [2] = 0xb, [8] = 160, [12] = 80, [16] = 25, [20] = 16, [21] = 2};

	mb2_begin();
	mb2_tag(8, fb, sizeof(fb));
	gather(DOOR_MAGIC_MB2, MB2_INFO);
	CHECK_EQ(bi.fb.bpp, 0);
}

TEST(multiboot2_a_module_that_ends_before_it_begins_is_left_out)
{
	static const char module[] = "\0\0\1\1\0\0\0\1x";

	mb2_begin();
	mb2_tag(3, module, sizeof(module));
	gather(DOOR_MAGIC_MB2, MB2_INFO);
	CHECK_EQ(bi.nr_modules, 0);
}

/* ---------------------------------------------------------------- any door */
TEST(an_unknown_door_leaves_everything_empty)
{
	pvh_tables();
	gather(0x12345678, PVH_INFO);
	CHECK_STR(bi.door, "unknown");
	CHECK_EQ(bi.nr_regions, 0);
}

TEST(tables_cut_at_every_byte_are_safe)
{
	for (u64 cut = 0; cut < 0x400; cut++) {
		u8 *whole;
		struct boot_window w;

		mb2_tables();
		whole = ram;
		ram = NULL;
		w = (struct boot_window){.base = malloc(cut ?: 1), .size = cut};
		memcpy((u8 *)w.base, whole, cut);
		memset(&bi, 0, sizeof(bi));
		boot_gather_from(&w, DOOR_MAGIC_MB2, MB2_INFO, &bi);
		CHECK(is_sane());
		boot_gather_from(&w, DOOR_MAGIC_PVH, PVH_INFO, &bi);
		free((u8 *)w.base);
		free(whole);
	}
}

TEST(tables_with_any_bytes_changed_are_safe)
{
	struct test_rng rng = {42};

	for (int i = 0; i < 20000; i++) {
		u32 magic = i & 1 ? DOOR_MAGIC_PVH : DOOR_MAGIC_MB2;

		if (i & 1)
			pvh_tables();
		else
			mb2_tables();
		for (u32 n = 1 + rng_below(&rng, 8); n; n--)
			ram[0x100 + rng_below(&rng, 0x380)] =
				(u8)(rng_below(&rng, 4) ? rng_next(&rng) : 0xff);
		gather(magic, MB2_INFO);
		if (!CHECK(is_sane()))
			return;
	}
}

/* ---------------------------------------------------------------- EFI */
static struct efi_handover *handover(void)
{
	struct efi_handover *h;

	power_on();
	h = (struct efi_handover *)(ram + 0x100);
	h->magic = EFI_HANDOVER_MAGIC;
	h->size = sizeof(*h);
	h->info.rsdp = 0x1234;
	strcpy(h->info.cmdline, "ip=dhcp");
	return h;
}

TEST(efi_hands_over_the_loaders_struct)
{
	handover();
	gather(DOOR_MAGIC_EFI, 0x100);
	CHECK_STR(bi.door, "efi");
	CHECK_EQ(bi.rsdp, 0x1234);
	CHECK_STR(bi.cmdline, "ip=dhcp");
}

TEST(efi_a_loader_of_another_build_is_refused)
{
	handover()->size--;
	gather(DOOR_MAGIC_EFI, 0x100);
	CHECK_EQ(bi.rsdp, 0);
	handover()->magic++;
	gather(DOOR_MAGIC_EFI, 0x100);
	CHECK_EQ(bi.rsdp, 0);
}

TEST(efi_counts_beyond_the_tables_are_cut)
{
	struct efi_handover *h = handover();

	h->info.nr_regions = h->info.nr_modules = ~0u;
	memset(h->info.modules, 'x', sizeof(h->info.modules));
	memset(h->info.cmdline, 'x', sizeof(h->info.cmdline));
	gather(DOOR_MAGIC_EFI, 0x100);
	CHECK(bi.nr_regions <= BOOT_MAX_REGIONS);
	CHECK_EQ(bi.nr_modules, BOOT_MAX_MODULES);
	CHECK_EQ(strlen(bi.cmdline), CMDLINE_MAX - 1);
}
