/* SPDX-License-Identifier: MIT
 * multiboot2.c - the door of GRUB, from BIOS and from UEFI alike.
 *
 * Boot information: Multiboot2 Specification 3.6. A list of tags, each with type and size, 8-byte
 * aligned, in one block whose length stands at its start. A tag that is shorter than its kind or
 * leaves the block is not read.
 */
#include "boot.h"

#define MB2_INFO_MAX (16u << 20) /* bytes; far above what a loader writes */

enum mb2_tag_type {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_MODULE = 3,
	MB2_MMAP = 6,
	MB2_FRAMEBUFFER = 8,
	MB2_ACPI_OLD = 14, /* a copy of the RSDP, ACPI 1.0 */
	MB2_ACPI_NEW = 15, /* a copy of the RSDP, ACPI 2.0 on */
};

struct mb2_tag {
	u32 type, size; /* size: with this header, without padding */
};

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end; /* text follows */
};

struct mb2_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
};

struct mb2_mmap_entry {
	u64 base, len;
	u32 type, reserved; /* e820's types */
};

#define MB2_FB_RGB 1

struct mb2_framebuffer {
	struct mb2_tag tag;
	u64 base;
	u32 pitch, width, height;
	u8 bpp, type;
	u16 reserved;
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size; /* of MB2_FB_RGB */
} __packed;

#define RSDP_OLD_LEN 20 /* bytes, ACPI 1.0 */
#define RSDP_NEW_LEN 36 /* bytes, ACPI 2.0 on */

/* One tag that is known to lie in the window, and the boot_info it adds to. */
struct mb2_cursor {
	const struct boot_window *w;
	struct boot_info *bi;
	u64 pa;
	u32 size;
};

static void take_cmdline(const struct mb2_cursor *c)
{
	boot_read_text(c->w, c->pa + sizeof(struct mb2_tag), c->bi->cmdline,
		       MIN((size_t)c->size - sizeof(struct mb2_tag) + 1, sizeof(c->bi->cmdline)));
}

static void take_module(const struct mb2_cursor *c)
{
	struct mb2_module m;
	char label[128];

	boot_read(c->w, c->pa, &m, sizeof(m));
	boot_read_text(c->w, c->pa + sizeof(m), label,
		       MIN((size_t)c->size - sizeof(m) + 1, sizeof(label)));
	if (m.end > m.start)
		boot_add_module(c->bi, m.start, m.end - m.start, label);
}

static void take_mmap(const struct mb2_cursor *c)
{
	struct mb2_mmap head;
	struct mb2_mmap_entry e;

	boot_read(c->w, c->pa, &head, sizeof(head));
	if (head.entry_size < sizeof(e))
		return;
	for (u64 at = sizeof(head); at + head.entry_size <= c->size; at += head.entry_size) {
		boot_read(c->w, c->pa + at, &e, sizeof(e));
		boot_add_e820(c->bi, e.base, e.len, e.type);
	}
}

static void take_framebuffer(const struct mb2_cursor *c)
{
	struct mb2_framebuffer f;

	boot_read(c->w, c->pa, &f, sizeof(f));
	if (f.type != MB2_FB_RGB)
		return;
	c->bi->fb = (struct boot_framebuffer){
		.base = f.base,
		.width = f.width,
		.height = f.height,
		.pitch = f.pitch,
		.bpp = f.bpp,
		.red_pos = f.red_pos,
		.green_pos = f.green_pos,
		.blue_pos = f.blue_pos,
	};
}

/* The copy in the tag is the only one that UEFI shows us, so its page is kept from the
 * allocator. The newer wins. */
static void take_rsdp(const struct mb2_cursor *c)
{
	u64 rsdp = c->pa + sizeof(struct mb2_tag);
	u64 page = ALIGN_DOWN(rsdp, 4096ull);

	if (c->bi->rsdp && c->size < sizeof(struct mb2_tag) + RSDP_NEW_LEN)
		return;
	c->bi->rsdp = rsdp;
	boot_add_region(c->bi, page, ALIGN_UP(rsdp + RSDP_NEW_LEN, 4096ull) - page, MEM_RESERVED);
}

static const struct {
	u32 type, min_size;
	void (*take)(const struct mb2_cursor *c);
} tags[] = {
	{MB2_CMDLINE, sizeof(struct mb2_tag), take_cmdline},
	{MB2_MODULE, sizeof(struct mb2_module), take_module},
	{MB2_MMAP, sizeof(struct mb2_mmap), take_mmap},
	{MB2_FRAMEBUFFER, sizeof(struct mb2_framebuffer), take_framebuffer},
	{MB2_ACPI_OLD, sizeof(struct mb2_tag) + RSDP_OLD_LEN, take_rsdp},
	{MB2_ACPI_NEW, sizeof(struct mb2_tag) + RSDP_NEW_LEN, take_rsdp},
};

static void take_tag(const struct mb2_cursor *c, u32 type)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if (tags[i].type == type && c->size >= tags[i].min_size)
			tags[i].take(c);
}

void multiboot2_gather(const struct boot_window *w, u64 pa, struct boot_info *bi)
{
	struct mb2_cursor c = {.w = w, .bi = bi, .pa = pa + 8};
	struct mb2_tag tag;
	u32 total;

	if (!boot_read(w, pa, &total, sizeof(total)) || total > MB2_INFO_MAX ||
	    !boot_at(w, pa, total))
		return;
	while (c.pa + sizeof(tag) <= pa + total && boot_read(w, c.pa, &tag, sizeof(tag))) {
		if (tag.type == MB2_END || tag.size < sizeof(tag) || tag.size > pa + total - c.pa)
			return;
		c.size = tag.size;
		take_tag(&c, tag.type);
		c.pa += ALIGN_UP((u64)tag.size, 8ull);
	}
}
