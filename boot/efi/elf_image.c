/* SPDX-License-Identifier: MIT
 * elf_image.c - reads a static x86_64 ELF executable (System V ABI, ELF-64 object file format).
 *
 * Every offset and length is checked against the file, every address against what a kernel may
 * claim.
 */
#include "efi/elf_image.h"
#include "lib/string.h"

#define ELF_MAGIC 0x464c457fu /* 0x7f 'E' 'L' 'F' */
#define ELF_64LE  0x00010102u /* 64 bit, little-endian, version 1; its top byte, the ABI, is any */
#define EM_X86_64 62
#define ET_EXEC	  2
#define PT_LOAD	  1

struct elf64_header {
	u32 magic, kind;
	u8 padding[8];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf64_header) == 64, "as the format lays it out");

struct elf64_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf64_phdr) == 56, "as the format lays it out");

static const char *check_header(const struct elf64_header *h, u64 len)
{
	if (h->magic != ELF_MAGIC || (h->kind & 0xffffff) != ELF_64LE)
		return "not a 64-bit little-endian ELF file";
	if (h->type != ET_EXEC || h->machine != EM_X86_64)
		return "not an x86_64 executable";
	if (h->phentsize != sizeof(struct elf64_phdr) || h->phoff > len ||
	    (u64)h->phnum * sizeof(struct elf64_phdr) > len - h->phoff)
		return "its program headers are outside the file";
	return NULL;
}

static bool overlaps_another(const struct elf_image *image, u64 phys, u64 mem_len)
{
	for (u32 i = 0; i < image->nr_segments; i++) {
		const struct elf_segment *s = &image->segments[i];

		if (phys < s->phys + s->mem_len && s->phys < phys + mem_len)
			return true;
	}
	return false;
}

static const char *add_segment(struct elf_image *image, const struct elf64_phdr *ph, u64 len)
{
	u64 lo = image->nr_segments ? MIN(image->phys, ph->paddr) : ph->paddr;
	u64 hi = MAX(image->phys + image->len, ph->paddr + ph->memsz);

	if (ph->offset > len || ph->filesz > len - ph->offset || ph->filesz > ph->memsz)
		return "a segment is outside the file";
	if (ph->paddr < ELF_PHYS_MIN || ph->paddr >> 32 || ph->memsz > ELF_SPAN_MAX ||
	    hi - lo > ELF_SPAN_MAX)
		return "a segment's address is out of bounds";
	if (overlaps_another(image, ph->paddr, ph->memsz))
		return "two segments overlap";
	if (image->nr_segments == ELF_MAX_SEGMENTS)
		return "it has too many segments";
	image->segments[image->nr_segments++] = (struct elf_segment){
		.offset = ph->offset,
		.file_len = ph->filesz,
		.phys = ph->paddr,
		.mem_len = ph->memsz,
	};
	image->phys = lo;
	image->len = hi - lo;
	return NULL;
}

const char *elf_parse(const void *file, u64 len, struct elf_image *image)
{
	struct elf64_header h;
	struct elf64_phdr ph;
	const char *wrong;

	memset(image, 0, sizeof(*image));
	if (len < sizeof(h))
		return "too short for an ELF file";
	memcpy(&h, file, sizeof(h));
	wrong = check_header(&h, len);
	for (u32 i = 0; !wrong && i < h.phnum; i++) {
		memcpy(&ph, (const u8 *)file + h.phoff + i * sizeof(ph), sizeof(ph));
		if (ph.type != PT_LOAD || !ph.memsz)
			continue;
		if (h.entry >= ph.vaddr && h.entry - ph.vaddr < ph.filesz)
			image->entry = h.entry - ph.vaddr + ph.paddr;
		wrong = add_segment(image, &ph, len);
	}
	if (!wrong && !image->entry)
		wrong = "its entry is in no segment";
	return wrong;
}

void elf_place(const void *file, const struct elf_image *image, void *at)
{
	memset(at, 0, image->len);
	for (u32 i = 0; i < image->nr_segments; i++) {
		const struct elf_segment *s = &image->segments[i];

		memcpy((u8 *)at + (s->phys - image->phys), (const u8 *)file + s->offset,
		       s->file_len);
	}
}
