/* SPDX-License-Identifier: MIT
 * test_archive.c - archives, sound and hostile, and the index of the site over them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host/harness.h"
#include "app/archive.h"
#include "app/site.h"
#include "lib/string.h"
#include "platform.h"

/* ---- making archives ---- */
struct tape {
	u8 *mem;
	size_t len, size;
};

static u8 *tape_add(struct tape *t, const void *p, size_t len, size_t align)
{
	size_t padded = (len + align - 1) / align * align;
	u8 *at;

	if (t->len + padded > t->size) {
		t->size = (t->len + padded) * 2;
		t->mem = realloc(t->mem, t->size);
	}
	at = t->mem + t->len;
	memset(at, 0, padded);
	if (p)
		memcpy(at, p, len);
	t->len += padded;
	return at;
}

static void tar_sum(u8 *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

/* A header; the offset of it in the tape. */
static size_t tar_header(struct tape *t, const char *name, char type, size_t size)
{
	u8 *h = tape_add(t, NULL, 512, 512);

	memcpy(h, name, strnlen(name, 100));
	memcpy(h + 100, "0000644", 8);
	snprintf((char *)h + 124, 12, "%011zo", size);
	memcpy(h + 136, "14000000000", 12); /* mtime */
	h[156] = (u8)type;
	memcpy(h + 257, "ustar\00000", 8);
	tar_sum(h);
	return (size_t)(h - t->mem);
}

static size_t tar_file(struct tape *t, const char *name, const char *content)
{
	size_t at = tar_header(t, name, '0', strlen(content));

	tape_add(t, content, strlen(content), 512);
	return at;
}

static void tar_link(struct tape *t, const char *name, char type, const char *to)
{
	size_t at = tar_header(t, name, type, 0);
	u8 *h = t->mem + at; /* the tape may have moved */

	memcpy(h + 157, to, strlen(to));
	tar_sum(h);
}

static void tar_end(struct tape *t)
{
	tape_add(t, NULL, 1024, 512);
}

static void cpio_name(struct tape *t, const char *name, unsigned mode, unsigned inode, unsigned links, const char *content)
{
	char head[111];
	size_t name_len = strlen(name) + 1, at = t->len;

	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", inode, mode, 0, 0, links, 1000,
		 (unsigned)strlen(content), 8, 1, 0, 0, (unsigned)name_len, 0);
	tape_add(t, head, 110, 1);
	tape_add(t, name, name_len, 1);
	tape_add(t, NULL, (4 - (t->len - at) % 4) % 4, 1);
	tape_add(t, content, strlen(content), 4);
}

static void cpio_member(struct tape *t, const char *name, unsigned mode, const char *content)
{
	cpio_name(t, name, mode, 1, 1, content);
}

static void tape_free(struct tape *t)
{
	free(t->mem);
	*t = (struct tape){ .mem = NULL };
}

/* ---- walking ---- */
static char seen[4096];

static int note_member(void *arg, const struct archive_member *m)
{
	static const char kinds[] = "fdhso";
	size_t n = strlen(seen);

	snprintf(seen + n, sizeof(seen) - n, "%c %.*s%s%.*s %llu\n", kinds[m->kind], (int)m->prefix.len, m->prefix.s,
		 m->prefix.len ? "/" : "", (int)m->name.len, m->name.s, (unsigned long long)m->size);
	return 0;
}

/* Walks a copy without a byte behind it, so that the sanitizer sees a look beyond the end. */
static int walk(const struct tape *t, size_t len, const char **why)
{
	struct archive_error err = { "", 0 };
	u8 *copy = malloc(len ? len : 1);
	int ret;

	memcpy(copy, t->mem, len);
	seen[0] = '\0';
	ret = archive_walk(copy, len, note_member, NULL, &err);
	free(copy);
	*why = err.why;
	return ret;
}

TEST(tar_members_are_found_with_their_kinds)
{
	struct tape t = { .mem = NULL };
	const char *why;

	tar_header(&t, "dir/", '5', 0);
	tar_file(&t, "dir/a.txt", "hello");
	tar_link(&t, "hard", '1', "dir/a.txt");
	tar_link(&t, "soft", '2', "dir/a.txt");
	tar_header(&t, "pipe", '6', 0);
	tar_file(&t, "empty", "");
	tar_end(&t);
	CHECK_EQ(walk(&t, t.len, &why), 0);
	CHECK(host_alive >= 6); /* a watchdog is told of each */
	CHECK_STR(seen, "d dir/ 0\nf dir/a.txt 5\nh hard 0\ns soft 0\no pipe 0\nf empty 0\n");
	tape_free(&t);
}

TEST(long_names_of_ustar_gnu_and_pax_are_put_together)
{
	struct tape t = { .mem = NULL };
	const char *why;

	tar_file(&t, "name.txt", "x");
	memcpy(t.mem + 345, "some/prefix", 11);
	tar_sum(t.mem);
	tar_header(&t, "././@LongLink", 'L', 9);
	tape_add(&t, "gnu/name", 9, 512);
	tar_file(&t, "short", "y");
	tar_header(&t, "PaxHeaders/x", 'x', 29 + 16 + 20);
	tape_add(&t, "29 path=a/very/long/path.txt\n16 size=0000005\n20 mtime=1234.56789\n", 65, 512);
	tar_file(&t, "cut", "abcde");
	tar_end(&t);
	CHECK_EQ(walk(&t, t.len, &why), 0);
	CHECK_STR(seen, "f some/prefix/name.txt 1\nf gnu/name 1\nf a/very/long/path.txt 5\n");
	tape_free(&t);
}

TEST(cpio_members_are_found)
{
	struct tape t = { .mem = NULL };
	const char *why;

	cpio_member(&t, ".", 040755, "");
	cpio_member(&t, "./a.txt", 0100644, "hello");
	cpio_member(&t, "link", 0120777, "a.txt");
	cpio_member(&t, "TRAILER!!!", 0, "");
	CHECK_EQ(walk(&t, t.len, &why), 0);
	CHECK_STR(seen, "d . 0\nf ./a.txt 5\ns link 5\n");
	tape_free(&t);
}

TEST(an_archive_cut_anywhere_is_refused_or_ends_between_members)
{
	struct tape t = { .mem = NULL };
	const char *why;

	tar_file(&t, "a", "hello");
	tar_file(&t, "b", "world");
	tar_end(&t);
	for (size_t len = 0; len < t.len; len++) {
		int ret = walk(&t, len, &why);
		/* The padding behind the last byte may be missing, and so may the zero blocks. */
		bool whole = (len >= 512 + 5 && len <= 1024) || (len >= 1536 + 5 && len <= 2048) || len >= 2560;

		if (!CHECK_EQ(ret, whole ? 0 : -22))
			test_note("cut at %zu: %s", len, why);
	}
	tape_free(&t);
	cpio_member(&t, "a", 0100644, "hello");
	cpio_member(&t, "TRAILER!!!", 0, "");
	for (size_t len = 0; len < t.len - 3; len++) /* three bytes of padding end it */
		if (!CHECK_EQ(walk(&t, len, &why), -22))
			test_note("cut at %zu", len);
	tape_free(&t);
}

static void check_refused(struct tape *t, const char *want)
{
	const char *why;

	CHECK_EQ(walk(t, t->len, &why), -22);
	CHECK_STR(why, want);
	tape_free(t);
}

TEST(headers_that_lie_are_refused_with_a_reason)
{
	struct tape t = { .mem = NULL };

	tar_file(&t, "a", "x");
	t.mem[0] = 'b';
	check_refused(&t, "neither tar nor newc cpio");

	tar_file(&t, "a", "x");
	tar_file(&t, "b", "y");
	t.mem[1024] = 'c';
	check_refused(&t, "header checksum wrong");

	tar_header(&t, "huge", '0', 077777777777);
	tar_end(&t);
	check_refused(&t, "a file is longer than the archive");

	tar_header(&t, "base256", '0', 0);
	t.mem[124] = 0x80;
	memset(t.mem + 125, 0xff, 11);
	tar_sum(t.mem);
	check_refused(&t, "size or time is no number");

	tar_header(&t, "letters", '0', 0);
	memcpy(t.mem + 124, "12x", 3);
	tar_sum(t.mem);
	check_refused(&t, "size or time is no number");

	tar_header(&t, "pax", 'x', 20);
	tape_add(&t, "99 path=toolong\n", 16, 512);
	check_refused(&t, "malformed pax record");

	tar_header(&t, "pax", 'x', 12);
	tape_add(&t, "12 sizeabcd\n", 12, 512);
	check_refused(&t, "malformed pax record");

	cpio_member(&t, "a", 0100644, "x");
	t.mem[94 + 7] = 'f'; /* the name is 0x...f bytes */
	t.mem[94 + 0] = 'f';
	check_refused(&t, "a name is cut or has no end");

	cpio_member(&t, "a", 0100644, "x");
	t.mem[54] = 'f';
	check_refused(&t, "a file is longer than the archive");

	cpio_member(&t, "a", 0100644, "x");
	t.mem[20] = 'g';
	check_refused(&t, "header without its magic or with a field that is no number");
}

TEST(random_changes_never_lead_beyond_the_archive)
{
	struct test_rng rng = { 3 };

	for (int round = 0; round < 3000; round++) {
		struct tape t = { .mem = NULL };
		const char *why;

		if (round & 1) {
			tar_header(&t, "p", 'x', 16);
			tape_add(&t, "16 size=0000005\n", 16, 512);
			tar_file(&t, "a/b", "hello");
			tar_link(&t, "l", '2', "a/b");
		} else {
			cpio_member(&t, "a/b", 0100644, "hello");
			cpio_member(&t, "l", 0120777, "a/b");
		}
		for (u32 n = 1 + rng_below(&rng, 4); n; n--) {
			size_t at = rng_below(&rng, (u32)t.len);

			t.mem[at] = (u8)rng_next(&rng);
			if (round & 1)
				tar_sum(t.mem + at / 512 * 512); /* so that the change is believed */
		}
		walk(&t, t.len, &why);
		tape_free(&t);
	}
}

/* ---- the site ---- */
static const struct site_entry *look(const struct site *s, const char *path)
{
	return site_lookup(s, path, strlen(path));
}

static void check_file(const struct site *s, const char *path, const char *content)
{
	const struct site_entry *e = look(s, path);

	if (!CHECK(e && e->kind == SITE_FILE)) {
		test_note("%s", path);
		return;
	}
	CHECK_EQ(e->file->size, strlen(content));
	CHECK_MEM(e->file->data, content, strlen(content));
}

static void check_kind(const struct site *s, const char *path, int kind)
{
	const struct site_entry *e = look(s, path);

	if (!CHECK_EQ(e ? e->kind : -1, kind))
		test_note("%s", path);
}

TEST(the_site_answers_files_directories_and_index_pages)
{
	struct tape t = { .mem = NULL };
	struct site *s;

	tar_file(&t, "./index.html", "root");
	tar_file(&t, "./a.css", "a");
	tar_file(&t, "./dir/index.html", "dir");
	tar_file(&t, "./dir/sub/x.txt", "x");
	tar_header(&t, "./empty/", '5', 0);
	tar_end(&t);
	s = site_create(t.mem, t.len, 0);
	CHECK(!s->builtin);
	CHECK_EQ(s->files, 4);
	check_file(s, "", "root");
	check_file(s, "index.html", "root");
	check_file(s, "a.css", "a");
	check_file(s, "dir/", "dir");
	check_kind(s, "dir", SITE_REDIRECT);
	check_kind(s, "dir/sub/", SITE_DIR);
	check_kind(s, "dir/sub", SITE_REDIRECT);
	check_kind(s, "empty/", SITE_DIR);
	check_kind(s, "empty", SITE_REDIRECT);
	CHECK(!look(s, "dir/x") && !look(s, "../a.css") && !look(s, "/a.css"));
	CHECK_STR(look(s, "a.css")->file->type, "text/css; charset=utf-8");
	site_destroy(s);
	tape_free(&t);
}

TEST(links_are_followed_within_the_site_only)
{
	struct tape t = { .mem = NULL };
	struct site *s;

	tar_link(&t, "early", '2', "dir/a.txt");
	tar_file(&t, "dir/a.txt", "A");
	tar_link(&t, "dir/hard", '1', "./dir/a.txt");
	tar_link(&t, "dir/soft", '2', "../dir/./a.txt");
	tar_link(&t, "twice", '2', "early");
	tar_link(&t, "loop", '2', "loop");
	tar_link(&t, "out", '2', "../../etc/passwd");
	tar_link(&t, "absolute", '2', "/etc/passwd");
	tar_end(&t);
	s = site_create(t.mem, t.len, 0);
	check_file(s, "early", "A");
	check_file(s, "dir/hard", "A");
	check_file(s, "dir/soft", "A");
	check_file(s, "twice", "A");
	CHECK(!look(s, "loop") && !look(s, "out") && !look(s, "absolute"));
	site_destroy(s);
	tape_free(&t);
}

TEST(of_a_cpio_file_with_several_names_each_leads_to_the_bytes)
{
	struct tape t = { .mem = NULL };
	struct site *s;

	cpio_name(&t, "first.txt", 0100644, 7, 3, "");
	cpio_name(&t, "nothing", 0100644, 9, 2, ""); /* both names of an empty file */
	cpio_name(&t, "dir/page.html", 0100644, 7, 3, "");
	cpio_name(&t, "nothing.too", 0100644, 9, 2, "");
	cpio_name(&t, "last.txt", 0100644, 7, 3, "bytes");
	cpio_name(&t, "better.txt", 0100644, 8, 2, "");
	cpio_name(&t, "../worse.txt", 0100644, 8, 2, "other bytes");
	cpio_name(&t, "early.txt", 0100644, 10, 2, "early bytes"); /* a writer that does not wait for the last */
	cpio_name(&t, "late.txt", 0100644, 10, 2, "");
	cpio_member(&t, "soft.txt", 0120777, "first.txt");
	cpio_member(&t, "TRAILER!!!", 0, "");
	s = site_create(t.mem, t.len, 0);
	check_file(s, "first.txt", "bytes");
	check_file(s, "dir/page.html", "bytes");
	check_file(s, "last.txt", "bytes");
	check_file(s, "soft.txt", "bytes");
	check_file(s, "nothing", "");
	check_file(s, "nothing.too", "");
	check_file(s, "better.txt", "other bytes");
	check_file(s, "early.txt", "early bytes");
	check_file(s, "late.txt", "early bytes");
	CHECK_STR(look(s, "dir/page.html")->file->type, "text/html; charset=utf-8");
	CHECK_EQ(s->skipped, 1);
	site_destroy(s);
	tape_free(&t);
}

TEST(names_that_leave_the_root_or_cannot_be_asked_for_are_left_out)
{
	struct tape t = { .mem = NULL };
	struct site *s;

	tar_file(&t, "../evil", "x");
	tar_file(&t, "a/../../evil", "x");
	tar_file(&t, "a//b", "x");
	tar_file(&t, "new\nline", "x");
	tar_file(&t, "/absolute", "fine");
	tar_file(&t, "good", "fine");
	tar_end(&t);
	s = site_create(t.mem, t.len, 0);
	CHECK_EQ(s->skipped, 4);
	CHECK_EQ(s->files, 2);
	check_file(s, "absolute", "fine");
	check_file(s, "good", "fine");
	site_destroy(s);
	tape_free(&t);
}

TEST(rules_of_the_packet_filter_are_read_and_not_served)
{
	struct tape t = { 0 };
	struct site *s;
	char *text;

	tar_file(&t, "./index.html", "root");
	tar_file(&t, "./etc/nftables.conf", "flush ruleset\n");
	tar_file(&t, "./etc/other", "x");
	tar_end(&t);
	text = site_text(t.mem, t.len, SITE_RULES);
	REQUIRE(text);
	CHECK_STR(text, "flush ruleset\n");
	kfree(text);
	CHECK(!site_text(t.mem, 512, SITE_RULES));
	CHECK(!site_text(NULL, 0, SITE_RULES));
	s = site_create(t.mem, t.len, 0);
	CHECK(!site_lookup(s, "etc/nftables.conf", 17));
	CHECK(site_lookup(s, "etc/other", 9));
	CHECK_EQ(s->files, 2);
	site_destroy(s);
	tape_free(&t);
}

TEST(entity_tags_follow_the_content_and_heads_are_ready)
{
	struct tape t = { .mem = NULL };
	const struct site_file *f;
	struct site *s;
	char head[600];

	tar_file(&t, "a.txt", "hello");
	tar_file(&t, "same.txt", "hello");
	tar_file(&t, "b.txt", "hellp");
	tar_end(&t);
	s = site_create(t.mem, t.len, 60);
	f = look(s, "a.txt")->file;
	CHECK_STR(f->etag, look(s, "same.txt")->file->etag);
	CHECK(strcmp(f->etag, look(s, "b.txt")->file->etag));
	snprintf(head, sizeof(head), "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
		 "Last-Modified: Thu, 14 Jan 2021 08:25:36 GMT\r\nETag: %s\r\nAccept-Ranges: bytes\r\n"
		 "Cache-Control: public, max-age=60\r\n\r\nhello", f->etag);
	CHECK_EQ(f->reply_len, strlen(head));
	CHECK_MEM(f->head, head, f->reply_len);
	CHECK_EQ(f->reply_len - f->head_len, 5);
	site_destroy(s);
	tape_free(&t);
}

TEST(a_large_files_entity_tag_follows_its_ends_its_size_and_its_date)
{
	static char body[65537];
	struct tape t = { .mem = NULL };
	struct site *s;
	size_t at;

	memset(body, 'x', 65536);
	tar_file(&t, "a", body);
	body[65535] = 'y';
	tar_file(&t, "end", body);
	body[65535] = 'x';
	body[32768] = 'y';
	tar_file(&t, "middle", body);
	at = tar_file(&t, "later", body);
	memcpy(t.mem + at + 136, "14000000001", 12);
	tar_sum(t.mem + at);
	body[65535] = '\0';
	tar_file(&t, "shorter", body);
	tar_end(&t);
	s = site_create(t.mem, t.len, 0);
	CHECK(strcmp(look(s, "a")->file->etag, look(s, "end")->file->etag));
	CHECK(strcmp(look(s, "a")->file->etag, look(s, "shorter")->file->etag));
	CHECK(strcmp(look(s, "a")->file->etag, look(s, "later")->file->etag));
	CHECK_STR(look(s, "a")->file->etag, look(s, "middle")->file->etag); /* of the same second: what make and nginx go by, too */
	site_destroy(s);
	tape_free(&t);
}

TEST(a_packed_entity_tag_is_used_when_it_can_stand_in_a_field)
{
	struct tape t = { .mem = NULL };
	struct site *s;

	tar_header(&t, "p", 'x', 24);
	tape_add(&t, "24 BAREWIRE.etag=abc123\n", 24, 512);
	tar_file(&t, "a", "x");
	tar_header(&t, "p", 'x', 23);
	tape_add(&t, "23 BAREWIRE.etag=a\"b, \n", 23, 512);
	tar_file(&t, "b", "x");
	tar_end(&t);
	s = site_create(t.mem, t.len, 0);
	CHECK_STR(look(s, "a")->file->etag, "\"abc123\"");
	CHECK_EQ(strlen(look(s, "b")->file->etag), 18);
	site_destroy(s);
	tape_free(&t);
}

TEST(a_file_knows_its_compressed_self)
{
	struct tape t = { .mem = NULL };
	const struct site_file *f;
	struct site *s;

	tar_file(&t, "a.js.gz", "gz!");
	tar_file(&t, "a.js", "plain");
	tar_file(&t, "b.gz", "alone");
	tar_end(&t);
	s = site_create(t.mem, t.len, 0);
	f = look(s, "a.js")->file;
	CHECK(f->varies && f->gz && f->gz->gzip);
	CHECK_STR(f->gz->type, "text/javascript; charset=utf-8");
	CHECK(!look(s, "b.gz")->file->gzip && !look(s, "a.js.gz")->file->gzip);
	site_destroy(s);
	tape_free(&t);
}

TEST(a_broken_archive_or_none_gives_the_built_in_site)
{
	struct site *s = site_create(NULL, 0, 0);

	CHECK(s->builtin && look(s, "") && look(s, "index.html"));
	site_destroy(s);
	s = site_create("this is no archive", 18, 0);
	CHECK(s->builtin && look(s, ""));
	site_destroy(s);
}

TEST(out_of_memory_while_indexing_is_survived_at_every_step)
{
	struct tape t = { .mem = NULL };

	tar_file(&t, "a/b/c.txt", "x");
	tar_link(&t, "l", '2', "a/b/c.txt");
	tar_link(&t, "l.html", '1', "a/b/c.txt");
	tar_end(&t);
	for (u64 budget = 0; budget < 12; budget++) {
		struct site *s;

		host_alloc_budget = budget;
		s = site_create(t.mem, t.len, 0);
		host_alloc_budget = UINT64_MAX;
		site_destroy(s);
	}
	tape_free(&t);
}

TEST(ten_thousand_files_are_found)
{
	struct tape t = { .mem = NULL };
	struct site *s;
	char name[64];

	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "d%d/f%d.txt", i % 100, i);
		tar_file(&t, name, name);
	}
	tar_end(&t);
	s = site_create(t.mem, t.len, 0);
	CHECK_EQ(s->files, 10000);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "d%d/f%d.txt", i % 100, i);
		check_file(s, name, name);
	}
	site_destroy(s);
	tape_free(&t);
}
