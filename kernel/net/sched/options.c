/* SPDX-License-Identifier: MIT
 * options.c - the words of a discipline's options, with units as tc knows them, and values printed as tc prints them.
 *
 * All or nothing: a word that is not understood is named together with what is allowed, and nothing changes. Sizes count in
 * 1024, rates in 1000; a bare number is bits a second, bytes, microseconds, percent. Stateless.
 */
#include "net/sched/sched_impl.h"

#define FRACTION_DIGITS 6 /* behind the point; more are read and do not count */

struct unit {
	const char *name;
	u64 mul, div;
};

static const struct unit number_units[] = { { "", 1, 1 }, { NULL, 0, 0 } };
static const struct unit packet_units[] = { { "", 1, 1 }, { "p", 1, 1 }, { NULL, 0, 0 } };
static const struct unit byte_units[] = {
	{ "", 1, 1 }, { "b", 1, 1 }, { "k", 1 << 10, 1 }, { "kb", 1 << 10, 1 }, { "m", 1 << 20, 1 }, { "mb", 1 << 20, 1 },
	{ "g", 1 << 30, 1 }, { "gb", 1 << 30, 1 }, { "kbit", 128, 1 }, { "mbit", 1 << 17, 1 }, { NULL, 0, 0 },
};
static const struct unit time_units[] = {
	{ "", 1000, 1 }, { "s", NSEC_PER_SEC, 1 }, { "sec", NSEC_PER_SEC, 1 }, { "secs", NSEC_PER_SEC, 1 },
	{ "ms", NSEC_PER_MSEC, 1 }, { "msec", NSEC_PER_MSEC, 1 }, { "msecs", NSEC_PER_MSEC, 1 },
	{ "us", NSEC_PER_USEC, 1 }, { "usec", NSEC_PER_USEC, 1 }, { "usecs", NSEC_PER_USEC, 1 },
	{ "ns", 1, 1 }, { "nsec", 1, 1 }, { "nsecs", 1, 1 }, { NULL, 0, 0 },
};
static const struct unit rate_units[] = {
	{ "", 1, 1 }, { "bit", 1, 1 }, { "kbit", 1000, 1 }, { "mbit", 1000000, 1 }, { "gbit", 1000000000, 1 },
	{ "tbit", 1000000000000, 1 }, { "kibit", 1 << 10, 1 }, { "mibit", 1 << 20, 1 }, { "gibit", 1 << 30, 1 },
	{ "bps", 8, 1 }, { "kbps", 8000, 1 }, { "mbps", 8000000, 1 }, { "gbps", 8000000000, 1 }, { NULL, 0, 0 },
};
static const struct unit percent_units[] = { { "", SCHED_ONE, 100 }, { "%", SCHED_ONE, 100 }, { NULL, 0, 0 } };

static const struct {
	const struct unit *units;
	const char *example;
} units[] = {
	[UNIT_NUMBER] = { number_units, "a whole number" },
	[UNIT_PACKETS] = { packet_units, "a number of packets, as 1000 or 1000p" },
	[UNIT_BYTES] = { byte_units, "bytes, as 1540b, 15k or 1m" },
	[UNIT_TIME] = { time_units, "a time, as 50ms, 800us or 1s" },
	[UNIT_RATE] = { rate_units, "a rate, as 10mbit or 500kbit" },
	[UNIT_PERCENT] = { percent_units, "a percentage, as 0.5%" },
};

/* ---------------------------------------------------------------- values */

static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Digits, with a point in them where `fraction` allows, as *mantissa / *scale; returns what is behind, NULL: too large. */
static const char *read_digits(const char *s, u64 *mantissa, u64 *scale, bool fraction)
{
	unsigned behind = 0;
	bool point = false;

	*mantissa = 0;
	*scale = 1;
	for (; is_digit(*s) || (*s == '.' && fraction && !point); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		if (point && behind++ >= FRACTION_DIGITS)
			continue;
		if (__builtin_mul_overflow(*mantissa, 10ull, mantissa) ||
		    __builtin_add_overflow(*mantissa, (u64)(*s - '0'), mantissa))
			return NULL;
		if (point)
			*scale *= 10;
	}
	return s;
}

/* 0, -EINVAL (not a value of this unit), -ERANGE (more than 64 bits hold). */
static int parse_value(const char *s, enum sched_unit unit, u64 *out)
{
	const struct unit *u = units[unit].units;
	u64 mantissa, scale;

	if (!is_digit(*s))
		return -EINVAL;
	s = read_digits(s, &mantissa, &scale, unit > UNIT_PACKETS);
	if (!s)
		return -ERANGE;
	while (u->name && str_casecmp(u->name, s))
		u++;
	if (!u->name)
		return -EINVAL;
	if (__builtin_mul_overflow(mantissa, u->mul, out))
		return -ERANGE;
	*out /= u->div * scale;
	return 0;
}

static void bound_text(enum sched_unit unit, u64 v, char buf[SCHED_TEXT])
{
	if (unit == UNIT_RATE)
		sched_rate_text(v, buf);
	else if (unit == UNIT_TIME)
		sched_time_text(v, buf);
	else if (unit == UNIT_PERCENT)
		sched_percent_text(v, buf);
	else
		snprintf(buf, SCHED_TEXT, "%llu%s", (unsigned long long)v, unit == UNIT_BYTES ? "b" : "");
}

int sched_value(struct sched_words *w, const char *what, enum sched_unit unit, u64 min, u64 max, u64 *out)
{
	char lo[SCHED_TEXT], hi[SCHED_TEXT];
	int err;

	if (!sched_word(w))
		return qdisc_refuse(w->error, "%s: %s needs %s", w->kind, what, units[unit].example);
	err = parse_value(w->word, unit, out);
	if (!err && *out >= min && *out <= max)
		return 0;
	if (err == -EINVAL)
		return qdisc_refuse(w->error, "%s: %s '%s' is not %s", w->kind, what, w->word, units[unit].example);
	bound_text(unit, min, lo);
	bound_text(unit, max, hi);
	qdisc_refuse(w->error, "%s: %s '%s' is out of range, %s to %s are allowed", w->kind, what, w->word, lo, hi);
	return -ERANGE;
}

/* ---------------------------------------------------------------- words */

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

bool sched_word(struct sched_words *w)
{
	size_t n = 0;

	w->at = skip_blanks(w->at);
	if (!*w->at || *w->at == '/')
		return false;
	for (; *w->at && *w->at != ' ' && *w->at != '\t' && *w->at != '/'; w->at++)
		if (n + 1 < sizeof(w->word))
			w->word[n++] = *w->at;
	w->word[n] = 0; /* what is too long for a word is none that anybody knows */
	return true;
}

bool sched_number_follows(const struct sched_words *w)
{
	return is_digit(*skip_blanks(w->at));
}

int sched_unknown(struct sched_words *w)
{
	return qdisc_refuse(w->error, "%s: '%s' is not understood; allowed: %s", w->kind, w->word, *w->usage ? w->usage : "nothing");
}

static int read_option(struct sched_words *w, const struct sched_option *table, void *params)
{
	const struct sched_option *o = table;
	u64 *value;

	while (o->name && strcmp(o->name, w->word))
		o++;
	if (!o->name)
		return sched_unknown(w);
	if (o->read)
		return o->read(w, params);
	value = (u64 *)((u8 *)params + o->offset);
	if (o->unit != UNIT_NONE)
		return sched_value(w, o->name, o->unit, o->min, o->max, value);
	*value = o->min;
	return 0;
}

int sched_parse(struct qdisc *q, const struct qdisc_args *args, const struct sched_option *table, const void *defaults,
		size_t size, const char **inner)
{
	struct sched_words w = { .at = args->options, .kind = q->ops->id, .usage = q->ops->usage, .error = args->error };
	int err;

	memcpy(qdisc_priv(q), args->old ? qdisc_priv(args->old) : defaults, size);
	while (sched_word(&w)) {
		err = read_option(&w, table, qdisc_priv(q));
		if (err)
			return err;
	}
	if (inner)
		*inner = *w.at ? skip_blanks(w.at + 1) : NULL;
	else if (*w.at)
		return qdisc_refuse(args->error, "%s has no classes, so nothing can stand behind '/'", q->ops->id);
	return 0;
}

struct qdisc *sched_class(struct net_cpu *cpu, struct qdisc *q, u32 minor, const char *inner, const char *id,
			  const char *options, struct qdisc_error *e, int *err)
{
	struct sched_words w = { .at = inner };
	struct qdisc *class;

	if (inner && sched_word(&w)) {
		id = w.word;
		options = w.at;
	}
	class = qdisc_create(cpu, q->txq, id, &(struct qdisc_args){ options, NULL, e }, err);
	if (!class)
		return NULL;
	class->parent = q;
	class->minor = minor;
	q->splits_gso |= class->splits_gso;
	return class;
}

/* ---------------------------------------------------------------- text */

/* value / unit with up to three digits behind the point. */
static const char *decimal_text(u64 value, u64 unit, const char *name, char buf[SCHED_TEXT])
{
	u64 whole = value / unit, part = value % unit / (unit / 1000);
	int n = snprintf(buf, SCHED_TEXT, "%llu.%03llu", (unsigned long long)whole, (unsigned long long)part);

	while (buf[n - 1] == '0')
		n--;
	if (buf[n - 1] == '.')
		n--;
	str_copy(buf + n, name, SCHED_TEXT - (size_t)n);
	return buf;
}

const char *sched_rate_text(u64 bits, char buf[SCHED_TEXT])
{
	static const char *const prefixes[] = { "", "K", "M", "G", "T" };
	unsigned i = 0;

	while (i + 1 < ARRAY_SIZE(prefixes) && bits >= 1000 && (bits % 1000 == 0 || bits >= 1000000)) {
		bits /= 1000;
		i++;
	}
	snprintf(buf, SCHED_TEXT, "%llu%sbit", (unsigned long long)bits, prefixes[i]);
	return buf;
}

const char *sched_size_text(u64 bytes, char buf[SCHED_TEXT])
{
	u64 mega = (bytes + (1 << 19)) >> 20, kilo = (bytes + (1 << 9)) >> 10;
	s64 from_mega = (s64)(bytes - (mega << 20)), from_kilo = (s64)(bytes - (kilo << 10));

	if (mega && from_mega > -1024 && from_mega < 1024)
		snprintf(buf, SCHED_TEXT, "%lluMb", (unsigned long long)mega);
	else if (kilo && from_kilo > -16 && from_kilo < 16)
		snprintf(buf, SCHED_TEXT, "%lluKb", (unsigned long long)kilo);
	else
		snprintf(buf, SCHED_TEXT, "%llub", (unsigned long long)bytes);
	return buf;
}

const char *sched_time_text(u64 ns, char buf[SCHED_TEXT])
{
	if (ns >= NSEC_PER_SEC)
		return decimal_text(ns, NSEC_PER_SEC, "s", buf);
	if (ns >= NSEC_PER_MSEC)
		return decimal_text(ns, NSEC_PER_MSEC, "ms", buf);
	if (ns >= NSEC_PER_USEC)
		return decimal_text(ns, NSEC_PER_USEC, "us", buf);
	snprintf(buf, SCHED_TEXT, "%lluns", (unsigned long long)ns);
	return buf;
}

const char *sched_percent_text(u64 part, char buf[SCHED_TEXT])
{
	u64 thousandths = (part * 100000 + SCHED_ONE / 2) >> 32;

	return decimal_text(thousandths, 1000, "%", buf);
}
