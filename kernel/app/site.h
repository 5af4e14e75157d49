/* SPDX-License-Identifier: MIT
 * site.h - the files that are served: an index over an archive in memory, with what each answer says about them made ready.
 *
 * Made once at start, read only afterwards and shared by all CPUs. Paths are kept without their first slash.
 */
#pragma once

#include "lib/types.h"

#define SITE_PATH_MAX   1024u /* bytes of a path; longer members are left out and counted */
#define SITE_ETAG_MAX   72u   /* bytes of an entity tag, quotes included */
#define SITE_ETAG_END   8192u /* bytes at each end of a file that its entity tag is made from; smaller files wholly */
#define SITE_INLINE_MAX 1024u /* a body up to this size stands behind its head, to leave in one piece */

/* One representation. `head` is all of the response head behind the fields that change (status line, Server, Date,
 * Connection), the empty line included; a small body follows it in memory. */
struct site_file {
	const u8 *data;
	u64 size;       /* bytes */
	const u8 *head;
	u32 head_len;
	u32 reply_len;  /* head_len, and the body when it is inline */
	u16 type_len, etag_len;
	bool gzip;      /* Content-Encoding */
	bool varies;    /* Vary: there is another encoding */
	u64 mtime;      /* s since 1970 */
	const char *type, *etag;
	const struct site_file *gz; /* the same compressed; NULL: none */
};

enum site_kind { SITE_FILE, SITE_DIR, SITE_REDIRECT }; /* REDIRECT: a directory asked for without its last slash */

struct site_entry {
	struct site_entry *next; /* in its chain */
	u32 hash;
	u16 path_len;
	u8 kind;                 /* enum site_kind */
	const char *path;
	const struct site_file *file; /* FILE */
};

struct site {
	struct site_entry **buckets;
	u32 mask;
	unsigned buckets_order;
	void *arena;             /* the last chunk; each begins with a pointer to the one before */
	size_t arena_left;
	u64 arena_bytes;
	u32 files, dirs, redirects, skipped;
	u64 bytes;               /* of all files */
	u32 cache_max_age;       /* s; 0: no Cache-Control */
	bool builtin;
};

/* What "path" (no first slash; "" is the root) leads to; NULL: nothing. */
const struct site_entry *site_lookup(const struct site *s, const char *path, size_t len);

/* The site in an archive (tar or newc cpio) that stays in memory for ever. One that is broken, or none (len 0), gives the
 * built-in site, and the log says why. NULL: no memory. */
struct site *site_create(const void *archive, size_t len, u32 cache_max_age);
void site_destroy(struct site *s);

#define SITE_RULES     "etc/nftables.conf" /* in the archive: rules of the packet filter, never served */
#define SITE_SYSCTL    "etc/sysctl.conf"   /* likewise: tunables, NAME = VALUE in each line */
#define SITE_TEXT_MAX  65536u              /* bytes of such a file */
/* The text of one of them, to be freed with kfree(); NULL: there is none, or the log says what is wrong. */
char *site_text(const void *archive, size_t len, const char *path);

struct archive_member;
/* The built-in site (site_default.c), walked as an archive is. */
int site_default_walk(int (*fn)(void *arg, const struct archive_member *m), void *arg);
