/* SPDX-License-Identifier: MIT
 * net_sysctl.c - tunables by name: the table made of NET_SYSCTLS, and how each CPU's copy is set. Control path.
 */
#include "net/net.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/frames.h"
#include "net/core/qdisc.h"

#define MAX_COMPONENTS 3

static const struct net_sysctl_row rows[] = {
#define X(field, name, comp, def, min, max, unit, help)                                            \
	{ name, comp, offsetof(struct net_sysctls, field), def, min, max, unit, help },
	NET_SYSCTLS(X)
#undef X
};

const struct net_sysctl_row *net_sysctl_row(unsigned i)
{
	return i < ARRAY_SIZE(rows) ? &rows[i] : NULL;
}

static inline s64 *value_of(struct net_sysctls *s, const struct net_sysctl_row *r)
{
	return (s64 *)((u8 *)s + r->offset);
}

void net_sysctl_defaults(struct net_sysctls *s)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		*value_of(s, &rows[i]) = rows[i].def;
}

/* The rows of a name, in the order of their components; how many there are. */
static unsigned find_rows(const char *name, const struct net_sysctl_row *out[MAX_COMPONENTS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rows) && n < MAX_COMPONENTS; i++)
		if (!strcmp(rows[i].name, name))
			out[n++] = &rows[i];
	return n;
}

/* A discipline's place in its table, by name. */
static int qdisc_number(const char *id, s64 *out)
{
	for (s64 i = 0; qdisc_table[i]; i++) {
		*out = i;
		if (!strcmp(qdisc_table[i]->id, id))
			return 0;
	}
	return -EINVAL;
}

/* The same of a congestion control. */
static int algorithm_number(const char *name, s64 *out)
{
	for (s64 i = 0; tcp_cong_names[i]; i++) {
		*out = i;
		if (!strcmp(tcp_cong_names[i], name))
			return 0;
	}
	return -EINVAL;
}

static bool is_algorithm(const struct net_sysctl_row *r) { return !strcmp(r->unit, "algorithm"); }
static bool is_algorithms(const struct net_sysctl_row *r) { return !strcmp(r->unit, "algorithms"); }
static bool is_qdisc(const struct net_sysctl_row *r) { return !strcmp(r->unit, "qdisc"); }
static bool is_key(const struct net_sysctl_row *r) { return !strcmp(r->unit, "key"); }

/* Eight hex digits: false, when they are not. */
static bool take_hex32(const char **s, u32 *out)
{
	*out = 0;
	for (int i = 0; i < 8; i++, (*s)++) {
		char c = **s | 0x20;
		u32 v = c >= '0' && c <= '9' ? (u32)(c - '0') : c >= 'a' && c <= 'f' ? (u32)(c - 'a') + 10 : 16;

		if (v > 15)
			return false;
		*out = *out << 4 | v;
	}
	return true;
}

/* "x-x-x-x" as Linux reads it: four words, the first the low half of the first half. */
static bool take_key(const char **s, struct siphash_key *key)
{
	u32 w[4];

	for (int i = 0; i < 4; i++) {
		if ((i && *(*s)++ != '-') || !take_hex32(s, &w[i]))
			return false;
	}
	*key = (struct siphash_key){ { (u64)w[1] << 32 | w[0], (u64)w[3] << 32 | w[2] } };
	return true;
}

/* A key alone makes the one in force the former one, so that cookies stay good over one rotation. */
static int set_keys(struct net *net, const char *s)
{
	struct siphash_key k[2] = { { { 0 } }, net->fastopen_key[0] };

	if (!take_key(&s, &k[0]) || (*s == ',' && (s++, !take_key(&s, &k[1]))))
		return -EINVAL;
	while (*s == ' ' || *s == '\n')
		s++;
	if (*s)
		return -EINVAL;
	net->fastopen_key[0] = k[0];
	net->fastopen_key[1] = k[1];
	net->nr_fastopen_keys = 2;
	return 0;
}

/* Takes one blank-separated value off *s: 0, -EINVAL, -ERANGE. */
static int take_value(const struct net_sysctl_row *r, const char **s, s64 *out)
{
	char word[32];
	unsigned n = 0;

	while (**s == ' ' || **s == '\t')
		(*s)++;
	while (**s && **s != ' ' && **s != '\t' && **s != '\n') {
		if (n + 1 == sizeof(word))
			return -EINVAL;
		word[n++] = *(*s)++;
	}
	word[n] = 0;
	if (is_algorithm(r))
		return algorithm_number(word, out);
	return is_qdisc(r) ? qdisc_number(word, out) : str_to_s64(word, out);
}

static bool only_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\n')
		s++;
	return !*s;
}

int net_sysctl_set(struct net *net, const char *name, const char *value)
{
	const struct net_sysctl_row *row[MAX_COMPONENTS];
	unsigned nr = find_rows(name, row), i;
	s64 v[MAX_COMPONENTS];
	struct net_cpu *cpu;
	int err;

	if (!nr)
		return -ENOENT;
	if (is_algorithms(row[0]))
		return -EPERM;
	if (is_key(row[0]))
		return set_keys(net, value);
	for (unsigned k = 0; k < nr; k++) {
		err = take_value(row[k], &value, &v[k]);
		if (err)
			return err;
		if (v[k] < row[k]->min || v[k] > row[k]->max)
			return -ERANGE;
	}
	if (!only_blanks(value))
		return -EINVAL;
	for_each_cpu(net, cpu, i)
		for (unsigned k = 0; k < nr; k++)
			WRITE_ONCE(*value_of(&cpu->sysctl, row[k]), v[k]); /* whole words: no CPU sees half of one */
	return row[0]->offset == offsetof(struct net_sysctls, frame_ring) ? frames_resize(net) : 0;
}

static int algorithms(char *buf, size_t size)
{
	int len = 0;

	for (unsigned i = 0; tcp_cong_names[i]; i++)
		len += scnprintf(buf + len, size - (size_t)len, "%s%s", i ? " " : "", tcp_cong_names[i]);
	return len;
}

int net_sysctl_get(const struct net *net, const char *name, char *buf, size_t size)
{
	const struct net_sysctl_row *row[MAX_COMPONENTS];
	unsigned nr = find_rows(name, row);
	int len = 0;

	if (!nr)
		return -ENOENT;
	if (is_qdisc(row[0]))
		return scnprintf(buf, size, "%s", qdisc_default(net)->id);
	if (is_algorithm(row[0]))
		return scnprintf(buf, size, "%s", tcp_cong_names[net->cpus[0]->sysctl.tcp_congestion]);
	if (is_algorithms(row[0]))
		return algorithms(buf, size);
	if (is_key(row[0]))
		return scnprintf(buf, size, "(not shown)");
	for (unsigned k = 0; k < nr; k++)
		len += scnprintf(buf + len, size - (size_t)len, "%s%lld", k ? " " : "",
				 (long long)*value_of(&net->cpus[0]->sysctl, row[k]));
	return len;
}

int net_sysctl_why(const char *name, int err, char *buf, size_t size)
{
	const struct net_sysctl_row *row[MAX_COMPONENTS];
	unsigned nr = find_rows(name, row);
	int n;

	if (!nr)
		return scnprintf(buf, size, "there is no such tunable");
	if (nr == 1 && is_qdisc(row[0]))
		return scnprintf(buf, size, "the name of a queueing discipline is allowed");
	if (is_algorithms(row[0]))
		return scnprintf(buf, size, "read only");
	if (is_key(row[0]))
		return scnprintf(buf, size, "not understood: allowed is a key as 01234567-89abcdef-01234567-89abcdef, or two with a comma");
	if (is_algorithm(row[0])) {
		n = scnprintf(buf, size, "not known: allowed is one of ");
		return n + algorithms(buf + n, size - (size_t)n);
	}
	n = scnprintf(buf, size, "%s: allowed %s", err == -ERANGE ? "out of range" : "not understood", nr > 1 ? "are" : "is");
	for (unsigned k = 0; k < nr; k++)
		n += scnprintf(buf + n, size - (size_t)n, "%s %lld..%lld", k ? "," : "", (long long)row[k]->min,
			       (long long)row[k]->max);
	return n + scnprintf(buf + n, size - (size_t)n, " %s", row[0]->unit);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Copies [from, to) without the blanks around it. */
static void copy_trimmed(char *out, size_t size, const char *from, const char *to)
{
	size_t n;

	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	n = MIN((size_t)(to - from), size - 1);
	memcpy(out, from, n);
	out[n] = 0;
}

bool net_sysctl_line(char **at, char *key, size_t key_size, char *value, size_t value_size)
{
	while (**at) {
		char *line = *at, *end = line, *eq = NULL;

		for (; *end && *end != '\n'; end++)
			if (*end == '=' && !eq)
				eq = end;
		*at = *end ? end + 1 : end;
		copy_trimmed(key, key_size, line, eq ? eq : end);
		if (!key[0] || key[0] == '#' || key[0] == ';')
			continue;
		copy_trimmed(value, value_size, eq ? eq + 1 : end, end);
		return true;
	}
	return false;
}
