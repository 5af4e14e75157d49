/* SPDX-License-Identifier: MIT
 * archive.c - tar (POSIX.1-1988 ustar, POSIX.1-2001 pax records, GNU long names) and cpio (newc, "070701").
 *
 * struct reader is a window that only moves forward; take() is the one place where a length meets the memory's end.
 */
#include "app/archive.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "platform.h"

struct reader {
	const u8 *mem;
	size_t len, pos;
	struct archive_error *err;
};

static int broken(struct reader *r, const char *why)
{
	r->err->why = why;
	r->err->offset = r->pos;
	return -EINVAL;
}

/* The next n bytes, and the position behind them rounded up to `align`; NULL: the archive ends before. */
static const u8 *take(struct reader *r, u64 n, size_t align)
{
	const u8 *p = r->mem + r->pos;
	size_t left = r->len - r->pos;

	if (n > left)
		return NULL;
	r->pos += (size_t)n;
	n = (align - r->pos % align) % align;
	r->pos += MIN((size_t)n, r->len - r->pos);
	return p;
}

/* ---- tar ---- */
#define TAR_BLOCK 512u
struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag, linkname[100];
	char magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a tar header is one block");

/* What pax records and GNU long-name members said about the next member. */
struct tar_extra {
	struct archive_text path, link, etag;
	u64 size, mtime;
	bool has_size, has_mtime;
};

static struct archive_text text_of(const char *s, size_t max)
{
	return (struct archive_text){ s, strnlen(s, max) };
}

/* A numeric field: octal, blanks around it; or base 256 with the top bit set (GNU). false: neither. */
static bool tar_number(const char *s, size_t len, u64 *v)
{
	size_t i = 0;

	*v = 0;
	if (s[0] & 0x80) {
		if ((u8)s[0] != 0x80)
			return false; /* negative, or more than 88 bits */
		for (i = 1; i < len; i++) {
			if (*v >> 55)
				return false;
			*v = *v << 8 | (u8)s[i];
		}
		return true;
	}
	while (i < len && s[i] == ' ')
		i++;
	for (; i < len && s[i] >= '0' && s[i] <= '7'; i++)
		*v = *v << 3 | (u64)(s[i] - '0');
	return i == len || s[i] == ' ' || s[i] == '\0';
}

/* The sum of the header's bytes with its own field as blanks; old tars summed signed bytes. */
static bool tar_sum_is_right(const struct tar_header *h)
{
	size_t at = offsetof(struct tar_header, chksum);
	const u8 *p = (const u8 *)h;
	s64 plain = 0, with_sign = 0;
	u64 want;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		u8 c = i >= at && i < at + sizeof(h->chksum) ? ' ' : p[i];

		plain += c;
		with_sign += (s8)c;
	}
	return tar_number(h->chksum, sizeof(h->chksum), &want) && ((s64)want == plain || (s64)want == with_sign);
}

static bool is_zero_block(const u8 *p)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (p[i])
			return false;
	return true;
}

static bool decimal(const char *s, size_t len, u64 *v)
{
	size_t i;

	for (*v = 0, i = 0; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
		if (*v > UINT64_MAX / 10 - 1)
			return false;
		*v = *v * 10 + (u64)(s[i] - '0');
	}
	return i > 0 && (i == len || s[i] == '.'); /* a time may have a fraction */
}

static bool key_is(const char *s, size_t len, const char *key)
{
	return strlen(key) == len && !memcmp(s, key, len);
}

static bool pax_record(struct tar_extra *x, const char *key, size_t key_len, struct archive_text value)
{
	if (key_is(key, key_len, "path"))
		x->path = value;
	else if (key_is(key, key_len, "linkpath"))
		x->link = value;
	else if (key_is(key, key_len, "BAREWIRE.etag"))
		x->etag = value;
	else if (key_is(key, key_len, "size"))
		return x->has_size = decimal(value.s, value.len, &x->size);
	else if (key_is(key, key_len, "mtime"))
		x->has_mtime = decimal(value.s, value.len, &x->mtime); /* before 1970: the header's stays */
	return true;
}

/* Records "LEN KEY=VALUE\n", where LEN counts all of it. */
static bool pax_parse(struct tar_extra *x, const char *s, size_t len)
{
	while (len) {
		size_t n = 0, digits = 0;
		const char *eq;

		while (digits < len && digits < 9 && s[digits] >= '0' && s[digits] <= '9')
			n = n * 10 + (size_t)(s[digits++] - '0');
		if (!digits || digits == len || s[digits] != ' ' || n > len || n < digits + 3 || s[n - 1] != '\n')
			return false;
		eq = memchr(s + digits + 1, '=', n - digits - 2);
		if (!eq)
			return false;
		if (!pax_record(x, s + digits + 1, (size_t)(eq - s) - digits - 1,
				(struct archive_text){ eq + 1, (size_t)(s + n - 1 - eq) - 1 }))
			return false;
		s += n;
		len -= n;
	}
	return true;
}

static enum archive_kind tar_kind(char typeflag)
{
	switch (typeflag) {
	case '0':
	case '7':
	case '\0':
		return ARCHIVE_FILE;
	case '1':
		return ARCHIVE_HARD_LINK;
	case '2':
		return ARCHIVE_SYMLINK;
	case '5':
		return ARCHIVE_DIR;
	}
	return ARCHIVE_OTHER;
}

static void tar_member(struct archive_member *m, const struct tar_header *h, const struct tar_extra *x)
{
	memset(m, 0, sizeof(*m));
	m->kind = tar_kind(h->typeflag);
	m->name = x->path.len ? x->path : text_of(h->name, sizeof(h->name));
	if (!x->path.len && !memcmp(h->magic, "ustar", 6)) /* GNU's magic has other things there */
		m->prefix = text_of(h->prefix, sizeof(h->prefix));
	m->link = x->link.len ? x->link : text_of(h->linkname, sizeof(h->linkname));
	m->etag = x->etag;
	if (m->kind == ARCHIVE_FILE && !h->typeflag && m->name.len && m->name.s[m->name.len - 1] == '/')
		m->kind = ARCHIVE_DIR; /* how tar said it before ustar */
}

/* A member that describes the next one. 1: it was one. */
static int tar_meta(struct reader *r, const struct tar_header *h, const u8 *data, u64 size, struct tar_extra *x)
{
	switch (h->typeflag) {
	case 'L':
		x->path = text_of((const char *)data, (size_t)size);
		return 1;
	case 'K':
		x->link = text_of((const char *)data, (size_t)size);
		return 1;
	case 'x':
		return pax_parse(x, (const char *)data, (size_t)size) ? 1 : broken(r, "malformed pax record");
	case 'g':
		return 1; /* defaults for all members: nothing in it is of use here */
	}
	return 0;
}

/* One header and its data. 1: there is more; 0: the end of the archive. */
static int tar_next(struct reader *r, struct tar_extra *x, struct archive_member *m, bool *is_member)
{
	size_t start = r->pos;
	const struct tar_header *h;
	const u8 *p, *data;
	u64 size, mtime;
	int meta;

	*is_member = false;
	if (r->pos == r->len)
		return 0; /* some writers leave the two zero blocks out */
	p = take(r, TAR_BLOCK, 1);
	if (!p)
		return broken(r, "ends within a header");
	if (is_zero_block(p))
		return 0;
	h = (const struct tar_header *)p;
	r->pos = start;
	if (!tar_sum_is_right(h))
		return broken(r, "header checksum wrong");
	if (!tar_number(h->size, sizeof(h->size), &size) || !tar_number(h->mtime, sizeof(h->mtime), &mtime))
		return broken(r, "size or time is no number");
	if (x->has_size && (tar_kind(h->typeflag) == ARCHIVE_FILE))
		size = x->size;
	if (tar_kind(h->typeflag) != ARCHIVE_FILE && tar_kind(h->typeflag) != ARCHIVE_OTHER)
		size = 0; /* links and directories have no data, whatever they say */
	r->pos = start + TAR_BLOCK;
	data = take(r, size, TAR_BLOCK);
	if (!data)
		return broken(r, "a file is longer than the archive");
	meta = tar_meta(r, h, data, size, x);
	if (meta)
		return meta;
	tar_member(m, h, x);
	m->data = data;
	m->size = size;
	m->mtime = x->has_mtime ? x->mtime : mtime;
	*is_member = true;
	return 1;
}

/* ---- cpio, newc ---- */
#define CPIO_HEADER 110u
enum { CPIO_INO, CPIO_MODE, CPIO_NLINK = 4, CPIO_MTIME = 5, CPIO_SIZE = 6, CPIO_DEV_MAJOR, CPIO_DEV_MINOR, CPIO_NAMESIZE = 11, CPIO_FIELDS = 13 };

/* The fields behind the magic: 13 numbers of 8 hexadecimal digits. */
static bool cpio_numbers(const u8 *p, u32 *v)
{
	for (unsigned f = 0; f < CPIO_FIELDS; f++) {
		v[f] = 0;
		for (unsigned i = 0; i < 8; i++) {
			u8 c = p[6 + f * 8 + i], low = c | 0x20;

			if (c >= '0' && c <= '9')
				v[f] = v[f] << 4 | (u32)(c - '0');
			else if (low >= 'a' && low <= 'f')
				v[f] = v[f] << 4 | (u32)(low - 'a' + 10);
			else
				return false;
		}
	}
	return true;
}

static enum archive_kind cpio_kind(u32 mode, u32 nlink, u32 size)
{
	switch (mode >> 12) {
	case 4:
		return ARCHIVE_DIR;
	case 010:
		/* Of a file with several names one carries the bytes, the last as a rule; the inode joins the others to it. */
		return nlink > 1 && !size ? ARCHIVE_HARD_LINK : ARCHIVE_FILE;
	case 012:
		return ARCHIVE_SYMLINK;
	}
	return ARCHIVE_OTHER;
}

/* Unique within the archive, never 0. Device numbers are small: 15 bits of each are more than any has. */
static u64 cpio_inode(const u32 *v)
{
	return 1ull << 63 | (u64)(v[CPIO_DEV_MAJOR] & 0x7fff) << 47 | (u64)(v[CPIO_DEV_MINOR] & 0x7fff) << 32 | v[CPIO_INO];
}

static bool is_cpio_magic(const u8 *p)
{
	return !memcmp(p, "070701", 6) || !memcmp(p, "070702", 6);
}

/* 1: a member; 0: the trailer. */
static int cpio_next(struct reader *r, struct archive_member *m)
{
	const u8 *p = take(r, CPIO_HEADER, 1), *name;
	u32 v[CPIO_FIELDS];

	if (!p)
		return broken(r, "ends within a header");
	if (!is_cpio_magic(p) || !cpio_numbers(p, v))
		return broken(r, "header without its magic or with a field that is no number");
	name = take(r, v[CPIO_NAMESIZE], 4);
	if (!name || !v[CPIO_NAMESIZE] || name[v[CPIO_NAMESIZE] - 1])
		return broken(r, "a name is cut or has no end");
	memset(m, 0, sizeof(*m));
	m->kind = cpio_kind(v[CPIO_MODE], v[CPIO_NLINK], v[CPIO_SIZE]);
	m->name = text_of((const char *)name, v[CPIO_NAMESIZE] - 1);
	m->size = v[CPIO_SIZE];
	m->mtime = v[CPIO_MTIME];
	if (m->kind == ARCHIVE_HARD_LINK || (m->kind == ARCHIVE_FILE && v[CPIO_NLINK] > 1))
		m->inode = cpio_inode(v);
	m->data = take(r, m->size, 4);
	if (!m->data)
		return broken(r, "a file is longer than the archive");
	if (m->kind == ARCHIVE_SYMLINK)
		m->link = (struct archive_text){ (const char *)m->data, (size_t)m->size };
	return !key_is(m->name.s, m->name.len, "TRAILER!!!");
}

/* ---- either ---- */
static int cpio_walk(struct reader *r, int (*fn)(void *, const struct archive_member *), void *arg)
{
	struct archive_member m;
	int ret;

	while ((ret = cpio_next(r, &m)) > 0) {
		cpu_alive();
		ret = fn(arg, &m);
		if (ret)
			break;
	}
	return ret;
}

static int tar_walk(struct reader *r, int (*fn)(void *, const struct archive_member *), void *arg)
{
	struct tar_extra x = { .size = 0 };
	struct archive_member m;
	bool is_member;
	int ret;

	while ((ret = tar_next(r, &x, &m, &is_member)) > 0) {
		cpu_alive();
		if (!is_member)
			continue;
		ret = fn(arg, &m);
		if (ret)
			break;
		x = (struct tar_extra){ .size = 0 };
	}
	return ret;
}

int archive_walk(const void *mem, size_t len, int (*fn)(void *arg, const struct archive_member *m), void *arg,
		 struct archive_error *err)
{
	struct reader r = { .mem = mem, .len = len, .err = err };

	if (len >= CPIO_HEADER && is_cpio_magic(mem))
		return cpio_walk(&r, fn, arg);
	if (len < TAR_BLOCK)
		return broken(&r, "too short to be an archive");
	if (!is_zero_block(mem) && !tar_sum_is_right(mem))
		return broken(&r, "neither tar nor newc cpio");
	return tar_walk(&r, fn, arg);
}
