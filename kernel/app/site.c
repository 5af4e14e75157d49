/* SPDX-License-Identifier: MIT
 * site.c - the index of the site: paths to files, directories and redirects, and a response head made ready for each file.
 *
 * Two walks over the archive: the first only counts, and so checks all of it; the second fills a hash table of the right
 * size. Links are followed at the end, when all they can lead to is there. The entity tag is the packer's, or a hash of the
 * content, of a large file's ends alone: the same after a restart. Memory comes in chunks that are given back together.
 */
#include "app/site.h"
#include "app/archive.h"
#include "app/http_value.h"
#include "app/mime.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "platform.h"

#define ARENA_ORDER 6 /* 256 KiB a chunk */
#define ARENA_CHUNK ((size_t)4096 << ARENA_ORDER)
#define HEAD_MAX    512u /* bytes of a prepared head, with room to spare */
#define LINK_HOPS   8    /* symbolic links that lead on to symbolic links */

/* ---- memory ---- */
static void *arena_alloc(struct site *s, size_t size)
{
	void **chunk;

	size = ALIGN_UP(size, 8);
	if (size > s->arena_left) {
		if (size > ARENA_CHUNK - sizeof(void *))
			return NULL;
		chunk = pages_alloc(ARENA_ORDER);
		if (!chunk)
			return NULL;
		*chunk = s->arena;
		s->arena = chunk;
		s->arena_left = ARENA_CHUNK - sizeof(void *);
		s->arena_bytes += ARENA_CHUNK;
	}
	s->arena_left -= size;
	return (u8 *)s->arena + ARENA_CHUNK - s->arena_left - size;
}

static const char *arena_text(struct site *s, const char *text, size_t len)
{
	char *p = arena_alloc(s, len + 1);

	if (p) {
		memcpy(p, text, len);
		p[len] = '\0';
	}
	return p;
}

void site_destroy(struct site *s)
{
	if (!s)
		return;
	while (s->arena) {
		void *before = *(void **)s->arena;

		pages_free(s->arena, ARENA_ORDER);
		s->arena = before;
	}
	if (s->buckets)
		pages_free(s->buckets, s->buckets_order);
	kfree(s);
}

/* ---- the table ---- */
/* Words of eight bytes, the last one overlapping; who packs the site also writes it, so nobody chooses keys to collide. */
static u32 path_hash(const char *p, size_t len)
{
	const u64 k = 0x9e3779b97f4a7c15ull;
	u64 h = len * k, w = 0;

	if (len < 8) {
		for (size_t i = 0; i < len; i++)
			w = w << 8 | (u8)p[i];
		h = (h ^ w) * k;
		return (u32)(h ^ h >> 32);
	}
	for (; len > 8; p += 8, len -= 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * k;
		h ^= h >> 32;
	}
	memcpy(&w, p + len - 8, 8);
	h = (h ^ w) * k;
	return (u32)(h ^ h >> 32);
}

static inline struct site_entry *find(const struct site *s, const char *path, size_t len, u32 hash)
{
	struct site_entry *e;

	for (e = s->buckets[hash & s->mask]; e; e = e->next)
		if (e->hash == hash && e->path_len == len && !memcmp(e->path, path, len))
			return e;
	return NULL;
}

const struct site_entry *site_lookup(const struct site *s, const char *path, size_t len)
{
	return find(s, path, len, path_hash(path, len));
}

/* The entry of a path, made when there is none; NULL: no memory. */
static struct site_entry *entry_get(struct site *s, const char *path, size_t len, enum site_kind kind)
{
	u32 hash = path_hash(path, len);
	struct site_entry *e = find(s, path, len, hash);

	if (e)
		return e;
	e = arena_alloc(s, sizeof(*e));
	if (!e)
		return NULL;
	e->path = arena_text(s, path, len);
	if (!e->path)
		return NULL;
	e->hash = hash;
	e->path_len = (u16)len;
	e->kind = (u8)kind;
	e->file = NULL;
	e->next = s->buckets[hash & s->mask];
	s->buckets[hash & s->mask] = e;
	return e;
}

/* "a/b/" and, for those who forget the slash, "a/b". A file of that name stays what it is. */
static int add_dir(struct site *s, const char *path, size_t len)
{
	struct site_entry *e = entry_get(s, path, len, SITE_DIR);

	if (!e || (len && !entry_get(s, path, len - 1, SITE_REDIRECT)))
		return -ENOMEM;
	return 0;
}

static int add_parents(struct site *s, const char *path, size_t len)
{
	int err = add_dir(s, "", 0);

	for (size_t i = 0; !err && i < len; i++)
		if (path[i] == '/')
			err = add_dir(s, path, i + 1);
	return err;
}

static bool is_index(const char *path, size_t len, size_t *dir_len)
{
	static const char name[] = "index.html";
	size_t n = sizeof(name) - 1;

	if (len < n || memcmp(path + len - n, name, n) || (len > n && path[len - n - 1] != '/'))
		return false;
	*dir_len = len - n;
	return true;
}

static int add_file(struct site *s, const char *path, size_t len, const struct site_file *f)
{
	struct site_entry *e = entry_get(s, path, len, SITE_FILE);
	size_t dir_len;

	if (!e)
		return -ENOMEM;
	e->kind = SITE_FILE;
	e->file = f;
	if (is_index(path, len, &dir_len)) {
		e = entry_get(s, path, dir_len, SITE_FILE);
		if (!e)
			return -ENOMEM;
		e->kind = SITE_FILE;
		e->file = f;
	}
	return add_parents(s, path, len);
}

/* ---- one file ---- */
/* A hash at memory speed: not against malice (who packs the site also writes it), only against change. */
static u64 hash_bytes(const u8 *p, u64 len, u64 seed)
{
	const u64 k = 0x9e3779b97f4a7c15ull;
	u64 a = (len ^ seed) * k + 1, b = ~len, x, y;

	for (; len >= 16; p += 16, len -= 16) {
		memcpy(&x, p, 8);
		memcpy(&y, p + 8, 8);
		a = (a ^ x) * k;
		a ^= a >> 29;
		b = (b ^ y) * 0xc2b2ae3d27d4eb4full;
		b ^= b >> 31;
	}
	for (; len; p++, len--)
		a = ((a ^ *p) * k) ^ (a >> 29);
	a ^= b * k;
	a = (a ^ a >> 32) * k;
	return a ^ a >> 29;
}

/*
 * What stands for the content where the packer left no tag. Booting must not read all of a large site, so of a large file
 * only its ends are read: its date and size count too, which is all that an nginx looks at.
 */
static u64 content_hash(const struct site_file *f)
{
	u64 h;

	if (f->size <= 2 * SITE_ETAG_END)
		return hash_bytes(f->data, f->size, 0);
	h = hash_bytes(f->data, SITE_ETAG_END, f->mtime ^ f->size << 32);
	return hash_bytes(f->data + f->size - SITE_ETAG_END, SITE_ETAG_END, h);
}

static bool etag_is_usable(struct archive_text t)
{
	if (!t.len || t.len > SITE_ETAG_MAX - 2)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (t.s[i] <= ' ' || t.s[i] == '"' || t.s[i] == 0x7f || t.s[i] == ',')
			return false;
	return true;
}

/* The packer's tag where there is one, else the content's hash. */
static int make_etag(struct site *s, struct site_file *f, struct archive_text packed)
{
	char text[SITE_ETAG_MAX + 1];
	int n;

	if (etag_is_usable(packed))
		n = snprintf(text, sizeof(text), "\"%.*s\"", (int)packed.len, packed.s);
	else
		n = snprintf(text, sizeof(text), "\"%016llx\"", (unsigned long long)content_hash(f));
	f->etag = arena_text(s, text, (size_t)n);
	f->etag_len = (u16)n;
	return f->etag ? 0 : -ENOMEM;
}

/* The prepared part of the head; see struct site_file. */
static int make_head(struct site *s, struct site_file *f)
{
	char head[HEAD_MAX], date[HTTP_DATE_LEN + 1] = "";
	bool small = f->size <= SITE_INLINE_MAX;
	int n;
	u8 *p;

	http_date_format(date, f->mtime);
	n = scnprintf(head, sizeof(head), "Content-Type: %s\r\nContent-Length: %llu\r\nLast-Modified: %s\r\nETag: %s\r\n"
		      "Accept-Ranges: bytes\r\n%s%s", f->type, (unsigned long long)f->size, date, f->etag,
		      f->gzip ? "Content-Encoding: gzip\r\n" : "", f->varies ? "Vary: Accept-Encoding\r\n" : "");
	if (s->cache_max_age)
		n += scnprintf(head + n, sizeof(head) - (size_t)n, "Cache-Control: public, max-age=%u\r\n", s->cache_max_age);
	n += scnprintf(head + n, sizeof(head) - (size_t)n, "\r\n");
	p = arena_alloc(s, (size_t)n + (small ? f->size : 0));
	if (!p)
		return -ENOMEM;
	memcpy(p, head, (size_t)n);
	if (small)
		memcpy(p + n, f->data, f->size);
	f->head = p;
	f->head_len = (u32)n;
	f->reply_len = (u32)n + (small ? (u32)f->size : 0);
	return 0;
}

static struct site_file *make_file(struct site *s, const struct archive_member *m, const char *path, size_t len)
{
	struct site_file *f = arena_alloc(s, sizeof(*f));

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->data = m->data;
	f->size = m->size;
	f->mtime = MIN(m->mtime, (u64)253402300799ull); /* the end of the year 9999: what a date can say */
	f->type = mime_type(path, len);
	f->type_len = (u16)strlen(f->type);
	if (make_etag(s, f, m->etag) || make_head(s, f))
		return NULL;
	return f;
}

/* ---- members ---- */
/* The member's path as requests will name it: no leading "./" or "/". 0: the root itself; -EINVAL: it
 * cannot be served (too long, "..", an empty part, a control character). */
static int member_path(const struct archive_member *m, char *out)
{
	const char *s;
	size_t n = 0, len, start = 0;

	if (m->prefix.len + m->name.len + 1 >= SITE_PATH_MAX)
		return -EINVAL;
	if (m->prefix.len) {
		memcpy(out, m->prefix.s, m->prefix.len);
		n = m->prefix.len;
		out[n++] = '/';
	}
	memcpy(out + n, m->name.s, m->name.len);
	n += m->name.len;
	while (start < n && (out[start] == '/' || (out[start] == '.' && (start + 1 == n || out[start + 1] == '/'))))
		start++;
	memmove(out, out + start, n - start);
	n -= start;
	while (n && out[n - 1] == '/')
		n--;
	out[n] = '\0';
	for (s = out; *s; s += len + (s[len] == '/')) {
		const char *slash = strchr(s, '/');

		len = slash ? (size_t)(slash - s) : strlen(s);
		if (!len || (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.'))
			return -EINVAL;
	}
	for (size_t i = 0; i < n; i++)
		if ((u8)out[i] < 0x20 || out[i] == 0x7f)
			return -EINVAL;
	return (int)n;
}

/* The packet filter's rules and the tunables travel with the site and are nobody's business. */
static bool is_private(const char *path) { return !strcmp(path, SITE_RULES) || !strcmp(path, SITE_SYSCTL); }

struct text_search {
	const char *wanted;
	char *text;
	char path[SITE_PATH_MAX];
};

static int find_text(void *arg, const struct archive_member *m)
{
	struct text_search *r = arg;

	if (m->kind != ARCHIVE_FILE || member_path(m, r->path) <= 0 || strcmp(r->path, r->wanted))
		return 0;
	if (m->size > SITE_TEXT_MAX || strnlen((const char *)m->data, m->size) != m->size) {
		log_err("%s: not a text of at most %u bytes; nothing of it is in force", r->wanted, SITE_TEXT_MAX);
		return 1;
	}
	r->text = kmalloc(m->size + 1);
	if (!r->text)
		return -ENOMEM;
	memcpy(r->text, m->data, m->size);
	r->text[m->size] = 0;
	return 1;
}

char *site_text(const void *archive, size_t len, const char *path)
{
	struct text_search *r = kzalloc(sizeof(*r));
	struct archive_error err;
	char *text = NULL;

	if (r)
		r->wanted = path;
	if (r && len && archive_walk(archive, len, find_text, r, &err) == -ENOMEM)
		log_err("%s: no memory; nothing of it is in force", path);
	if (r)
		text = r->text;
	kfree(r);
	return text;
}

struct builder {
	struct site *site;
	u32 members;
	char path[SITE_PATH_MAX], target[SITE_PATH_MAX];
};

static int count_member(void *arg, const struct archive_member *m)
{
	((struct builder *)arg)->members++;
	return 0;
}

/* Files with several names in a cpio archive stand in the table under their inode as well, behind a NUL, which no request
 * can name. */
#define INODE_KEY (1 + sizeof(u64))
static void inode_key(char *key, u64 inode)
{
	key[0] = '\0';
	memcpy(key + 1, &inode, sizeof(inode));
}

static int add_inode(struct site *s, u64 inode, const struct site_file *f)
{
	char key[INODE_KEY];
	struct site_entry *e;

	inode_key(key, inode);
	e = entry_get(s, key, INODE_KEY, SITE_FILE);
	if (e)
		e->file = f;
	return e ? 0 : -ENOMEM;
}

static int place_member(void *arg, const struct archive_member *m)
{
	struct builder *b = arg;
	struct site *s = b->site;
	int len = member_path(m, b->path);
	struct site_file *f;
	bool can_be_named;

	if (m->kind == ARCHIVE_HARD_LINK || m->kind == ARCHIVE_SYMLINK)
		return 0; /* the third walk's */
	can_be_named = m->kind == ARCHIVE_FILE ? len > 0 && !is_private(b->path) : m->kind == ARCHIVE_DIR && len >= 0;
	s->skipped += !can_be_named;
	if (!can_be_named && !m->inode)
		return 0;
	if (m->kind == ARCHIVE_DIR) {
		b->path[len] = '/';
		return add_parents(s, b->path, (size_t)len + (len > 0));
	}
	f = make_file(s, m, b->path, (size_t)MAX(len, 0));
	if (!f || (m->inode && add_inode(s, m->inode, f)))
		return -ENOMEM;
	if (!can_be_named)
		return 0; /* its bytes may have another name that can */
	s->files++;
	s->bytes += f->size;
	return add_file(s, b->path, (size_t)len, f);
}

/* Where a symbolic link at `path` leads, as a path of the site; -ENOENT: out of it. */
static int link_target(const char *path, struct archive_text link, char *out)
{
	char joined[SITE_PATH_MAX * 2];
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
	int n;

	if (link.len >= SITE_PATH_MAX || memchr(link.s, '%', link.len) || (link.len && link.s[0] == '/'))
		return -ENOENT;
	n = snprintf(joined, sizeof(joined), "/%.*s%.*s", (int)dir, path, (int)link.len, link.s);
	n = http_path_decode((const u8 *)joined, (size_t)n, joined, sizeof(joined));
	if (n <= 0 || n > (int)SITE_PATH_MAX)
		return -ENOENT;
	memcpy(out, joined + 1, (size_t)n - 1);
	return n - 1;
}

/* The key in the table of what the link at b->path leads to, into b->target; its length, not above 0: nothing. */
static int link_key(struct builder *b, const struct archive_member *m)
{
	struct archive_member target = { .name = m->link };

	if (m->kind == ARCHIVE_SYMLINK)
		return link_target(b->path, m->link, b->target);
	if (!m->inode)
		return member_path(&target, b->target);
	inode_key(b->target, m->inode);
	return INODE_KEY;
}

/* The file under another name: its type is that of the name. NULL: no memory. */
static const struct site_file *named_file(struct site *s, const struct site_file *f, const char *path, size_t len)
{
	const char *type = mime_type(path, len);
	struct site_file *own;

	if (!strcmp(type, f->type))
		return f;
	own = arena_alloc(s, sizeof(*own));
	if (!own)
		return NULL;
	*own = *f;
	own->type = type;
	own->type_len = (u16)strlen(type);
	return make_head(s, own) ? NULL : own;
}

static int place_link(void *arg, const struct archive_member *m)
{
	struct builder *b = arg;
	const struct site_entry *e;
	const struct site_file *f;
	int len, to;

	if (m->kind != ARCHIVE_HARD_LINK && m->kind != ARCHIVE_SYMLINK)
		return 0;
	len = member_path(m, b->path);
	if (len <= 0 || site_lookup(b->site, b->path, (size_t)len))
		return 0;
	to = link_key(b, m);
	e = to > 0 ? site_lookup(b->site, b->target, (size_t)to) : NULL;
	if (m->inode && !e)
		f = make_file(b->site, m, b->path, (size_t)len); /* none of its names has bytes: it is empty */
	else if (e && e->kind == SITE_FILE)
		f = named_file(b->site, e->file, b->path, (size_t)len);
	else
		return 0;
	b->members++;
	return f ? add_file(b->site, b->path, (size_t)len, f) : -ENOMEM;
}

/* Files that stand beside their compressed selves: both know of it from now on. */
static int pair_gzip(struct site *s)
{
	for (u32 i = 0; i <= s->mask; i++) {
		for (struct site_entry *e = s->buckets[i]; e; e = e->next) {
			size_t n = e->path_len;
			struct site_entry *plain;
			struct site_file *f, *gz;

			if (e->kind != SITE_FILE || n < 4 || memcmp(e->path + n - 3, ".gz", 3))
				continue;
			plain = find(s, e->path, n - 3, path_hash(e->path, n - 3));
			if (!plain || plain->kind != SITE_FILE || plain->file->gz)
				continue;
			f = (struct site_file *)plain->file;
			gz = arena_alloc(s, sizeof(*gz));
			if (!gz)
				return -ENOMEM;
			*gz = *e->file;
			gz->type = f->type;
			gz->type_len = f->type_len;
			gz->gzip = gz->varies = f->varies = true;
			if (make_head(s, gz) || make_head(s, f))
				return -ENOMEM;
			f->gz = gz;
		}
	}
	return 0;
}

static int make_buckets(struct site *s, u32 members)
{
	u32 want = 64;

	while (want < members * 2 && want < 1u << 24)
		want *= 2;
	while ((4096u << s->buckets_order) < want * sizeof(void *))
		s->buckets_order++;
	s->buckets = pages_alloc(s->buckets_order);
	if (!s->buckets)
		return -ENOMEM;
	memset(s->buckets, 0, 4096ull << s->buckets_order);
	s->mask = want - 1;
	return 0;
}

static void count_entries(struct site *s)
{
	for (u32 i = 0; i <= s->mask; i++)
		for (const struct site_entry *e = s->buckets[i]; e; e = e->next) {
			s->dirs += e->kind == SITE_DIR;
			s->redirects += e->kind == SITE_REDIRECT;
		}
}

/* Where the members come from: an archive in memory, or the built-in site (mem NULL). */
struct source {
	const void *mem;
	size_t len;
	struct archive_error err;
};

static int walk(struct source *src, int (*fn)(void *, const struct archive_member *), void *arg)
{
	return src->mem ? archive_walk(src->mem, src->len, fn, arg, &src->err) : site_default_walk(fn, arg);
}

/* 0; -EINVAL: the archive is broken, src->err says how; -ENOMEM. */
static int build(struct builder *b, struct source *src)
{
	struct site *s = b->site;
	int ret = walk(src, count_member, b);

	if (!ret)
		ret = make_buckets(s, b->members);
	if (!ret)
		ret = add_parents(s, "", 0);
	if (!ret)
		ret = walk(src, place_member, b);
	for (int hop = 0; !ret && hop < LINK_HOPS; hop++) {
		b->members = 0;
		ret = walk(src, place_link, b);
		if (!b->members)
			break;
	}
	if (!ret)
		ret = pair_gzip(s);
	if (!ret)
		count_entries(s);
	return ret;
}

/* NULL and *ret: why. */
static struct site *try_create(struct source *src, u32 cache_max_age, int *ret)
{
	struct builder *b = kmalloc(sizeof(*b));
	struct site *s = kzalloc(sizeof(*s));

	*ret = -ENOMEM;
	if (b && s) {
		s->cache_max_age = cache_max_age;
		s->builtin = !src->mem;
		b->site = s;
		b->members = 0;
		*ret = build(b, src);
	}
	kfree(b);
	if (!*ret)
		return s;
	site_destroy(s);
	return NULL;
}

struct site *site_create(const void *archive, size_t len, u32 cache_max_age)
{
	struct source given = { .mem = archive, .len = len }, builtin = { .mem = NULL };
	struct site *s = NULL;
	int ret;

	if (len) {
		s = try_create(&given, cache_max_age, &ret);
		if (!s && ret == -EINVAL)
			log_warn("site: archive refused at byte %zu: %s; serving the built-in site", given.err.offset,
				 given.err.why);
		else if (!s)
			log_warn("site: no memory for its index; serving the built-in site");
	}
	return s ?: try_create(&builtin, cache_max_age, &ret);
}
