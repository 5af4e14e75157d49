/* SPDX-License-Identifier: MIT
 * cmdline.c - splits the kernel command line into words and keys. Stateless.
 */
#include "core/cmdline.h"
#include "lib/string.h"

static inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct copy {
	char *buf;
	size_t size, len;
};

static void copy_char(struct copy *c, char ch)
{
	if (c->len + 1 < c->size)
		c->buf[c->len++] = ch;
}

static void copy_end(struct copy *c)
{
	if (c->size)
		c->buf[c->len] = 0;
}

bool cmdline_next(const char **pos, char *key, size_t key_size, char *value, size_t value_size)
{
	struct copy k = { key, key_size, 0 }, v = { value, value_size, 0 }, *to = &k;
	const char *s = *pos;
	bool quoted = false;

	while (is_blank(*s))
		s++;
	if (!*s) {
		*pos = s;
		return false;
	}
	for (; *s && (quoted || !is_blank(*s)); s++) {
		if (*s == '"')
			quoted = !quoted;
		else if (*s == '=' && to == &k && !quoted)
			to = &v;
		else
			copy_char(to, *s);
	}
	copy_end(&k);
	copy_end(&v);
	*pos = s;
	return true;
}

bool cmdline_get(const char *line, const char *key, char *value, size_t size)
{
	char k[64], v[256];
	bool found = false;
	const char *word;

	while (word = line, cmdline_next(&line, k, sizeof(k), v, sizeof(v))) {
		if (strcmp(k, key))
			continue;
		cmdline_next(&word, k, sizeof(k), value, size);
		found = true;
	}
	return found;
}
