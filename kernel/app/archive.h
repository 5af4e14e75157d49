/* SPDX-License-Identifier: MIT
 * archive.h - a tar (ustar, with pax and GNU long names) or cpio (newc) archive in memory, walked member by member.
 *
 * The archive comes from outside: each length is checked against the memory before it is used. Nothing is copied.
 */
#pragma once

#include "lib/types.h"

enum archive_kind { ARCHIVE_FILE, ARCHIVE_DIR, ARCHIVE_HARD_LINK, ARCHIVE_SYMLINK, ARCHIVE_OTHER };

struct archive_text { /* not terminated */
	const char *s;
	size_t len;
};

struct archive_member {
	enum archive_kind kind;
	struct archive_text prefix, name; /* the path is prefix "/" name when there is a prefix */
	struct archive_text link;         /* where a link leads; a HARD_LINK without it: to the member with this inode */
	u64 inode;                        /* of a cpio file with several names, of which one carries the bytes; else 0 */
	struct archive_text etag;         /* left by a packer in the pax record BAREWIRE.etag */
	const u8 *data;
	u64 size;  /* bytes */
	u64 mtime; /* s since 1970 */
};

/* Where and why an archive is not one. */
struct archive_error {
	const char *why;
	size_t offset; /* of the member that is broken */
};

/* Calls fn for each member until it returns non-zero, which is passed on. 0: the whole archive is sound; -EINVAL: it is
 * not, and *err says why. */
int archive_walk(const void *mem, size_t len, int (*fn)(void *arg, const struct archive_member *m), void *arg,
		 struct archive_error *err);
