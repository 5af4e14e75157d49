/* SPDX-License-Identifier: MIT
 * nft_set.c - named sets of addresses or ports: their commands, their printing, and whether something is in one.
 *
 * Owns nothing; the sets are a part of the ruleset. Elements are ranges that do not overlap, in ascending order and set after
 * set in one array, so that a packet finds its own by halving: ten steps at most. Without `flags interval` each is one value.
 */
#include "net/netfilter/nft_parser.h"
#include "lib/errno.h"
#include "lib/printf.h"

static const struct nft_name types[] = {
	{ "ipv4_addr", NFT_SET_IPV4 }, { "ipv6_addr", NFT_SET_IPV6 }, { "inet_service", NFT_SET_PORT }, { NULL, 0 },
};
/* Elements on a line, as nft prints them. */
static const u8 per_line[] = { [NFT_SET_IPV4] = 2, [NFT_SET_IPV6] = 1, [NFT_SET_PORT] = 5 };

/* ---- keys ---- */
struct nft_key nft_key_of(const struct ip_addr *a)
{
	if (ip_is_v4(a))
		return nft_key_v4(ip_v4(a));
	return (struct nft_key){ __builtin_bswap64(a->q[0]), __builtin_bswap64(a->q[1]) };
}

static struct ip_addr address_of(u8 type, struct nft_key k)
{
	struct ip_addr a;

	if (type == NFT_SET_IPV4)
		return ip_from_v4(be32_of((u32)k.lo));
	a.q[0] = __builtin_bswap64(k.hi);
	a.q[1] = __builtin_bswap64(k.lo);
	return a;
}

static bool below(struct nft_key a, struct nft_key b)
{
	return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

static bool same(struct nft_key a, struct nft_key b) { return a.hi == b.hi && a.lo == b.lo; }

/* The first of the set's elements that does not end below k; one behind the last when all do. */
static unsigned find(const struct nft_ruleset *rs, const struct nft_set *set, struct nft_key k)
{
	unsigned lo = set->first, hi = set->first + set->nr;

	while (lo < hi) {
		unsigned middle = (lo + hi) / 2;

		if (below(rs->elems[middle].to, k))
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

bool nft_set_has(const struct nft_ruleset *rs, const struct nft_set *set, struct nft_key k)
{
	unsigned i = find(rs, set, k);

	return i < set->first + set->nr && !below(k, rs->elems[i].from);
}

/* ---- the ruleset ---- */
static void shift(struct nft_ruleset *rs, const struct nft_set *set, int by)
{
	unsigned i = (unsigned)(set - rs->sets);

	rs->sets[i].nr = (u16)(rs->sets[i].nr + by);
	while (++i < rs->nr_sets)
		rs->sets[i].first = (u16)(rs->sets[i].first + by);
	rs->nr_elems = (u16)(rs->nr_elems + by);
}

static void remove_elems(struct nft_ruleset *rs, const struct nft_set *set, unsigned at, unsigned nr)
{
	memmove(&rs->elems[at], &rs->elems[at + nr], (rs->nr_elems - at - nr) * sizeof(rs->elems[0]));
	shift(rs, set, -(int)nr);
}

/* What is there already is no error, but no element may be in two. NULL: done. */
static const char *add_elem(struct nft_ruleset *rs, const struct nft_set *set, struct nft_elem e)
{
	unsigned at = find(rs, set, e.from);
	struct nft_elem *there = &rs->elems[at];

	if (at < set->first + set->nr && !below(e.to, there->from))
		return same(e.from, there->from) && same(e.to, there->to) ? NULL : "overlaps with an element that is there";
	if (rs->nr_elems == NFT_ELEMS_MAX)
		return "the sets have 1024 elements already";
	memmove(there + 1, there, (rs->nr_elems - at) * sizeof(e));
	*there = e;
	shift(rs, set, 1);
	return NULL;
}

static const char *delete_elem(struct nft_ruleset *rs, const struct nft_set *set, struct nft_elem e)
{
	unsigned at = find(rs, set, e.from);

	if (at == set->first + set->nr || !same(e.from, rs->elems[at].from) || !same(e.to, rs->elems[at].to))
		return "the set has no such element";
	remove_elems(rs, set, at, 1);
	return NULL;
}

static void remove_set(struct nft_ruleset *rs, unsigned n)
{
	remove_elems(rs, &rs->sets[n], rs->sets[n].first, rs->sets[n].nr);
	rs->nr_sets--;
	memmove(&rs->sets[n], &rs->sets[n + 1], (rs->nr_sets - n) * sizeof(rs->sets[0]));
	for (unsigned i = 0; i < rs->nr_rules; i++)
		for (unsigned place = 0; place < NR_NFT_PLACES; place++)
			rs->rules[i].set[place] = (u8)(rs->rules[i].set[place] - (rs->rules[i].set[place] > n + 1));
}

void nft_table_goes(struct nft_ruleset *rs, unsigned table)
{
	for (unsigned i = rs->nr_sets; i-- > 0;)
		if (rs->sets[i].table == table)
			remove_set(rs, i);
	for (unsigned i = 0; i < rs->nr_sets && table; i++)
		rs->sets[i].table = (u8)(rs->sets[i].table - (rs->sets[i].table > table));
}

static struct nft_set *find_set(struct nft_ruleset *rs, unsigned table, const char *name)
{
	for (unsigned i = 0; i < rs->nr_sets; i++)
		if (rs->sets[i].table == table && !strcmp(rs->sets[i].name, name))
			return &rs->sets[i];
	return NULL;
}

/* ---- the language: @NAME in a rule ---- */
bool nft_take_set(struct parser *s, struct nft_rule *r, enum nft_place place, enum nft_set_type type, bool *taken)
{
	const struct nft_set *set;

	*taken = !s->quoted && s->word[0] == '@';
	if (!*taken)
		return true;
	set = find_set(s->rs, s->rs->chains[r->chain].table, s->word + 1);
	if (!set)
		return nft_fail(s, "the rule's table has no such set");
	if (set->type != type)
		return nft_fail(s, "the set is of another type");
	r->set[place] = (u8)(set - s->rs->sets + 1);
	return nft_next(s);
}

/* ---- the language: elements ---- */
static bool parse_key(u8 type, const char *text, struct nft_key *k)
{
	struct ip_addr a;
	u64 v;

	if (type == NFT_SET_PORT) {
		if (str_to_u64(text, &v) || v > 65535)
			return false;
		*k = (struct nft_key){ 0, v };
		return true;
	}
	if (ip_pton(text, &a) || ip_is_v4(&a) != (type == NFT_SET_IPV4))
		return false;
	*k = nft_key_of(&a);
	return true;
}

/* The last value that shares its first plen bits with k, whose others become zero. */
static struct nft_key end_of_prefix(u8 type, unsigned plen, struct nft_key *k)
{
	unsigned rest = (type == NFT_SET_IPV4 ? 32u : 128u) - plen;
	u64 low = rest >= 64 ? UINT64_MAX : (1ull << rest) - 1;
	u64 high = rest >= 128 ? UINT64_MAX : rest > 64 ? (1ull << (rest - 64)) - 1 : 0;

	k->lo &= ~low;
	k->hi &= ~high;
	return (struct nft_key){ k->hi | high, k->lo | low };
}

/* VALUE, LOW-HIGH or ADDRESS/LENGTH; NULL: understood. */
static const char *read_elem(const struct nft_set *set, char *text, struct nft_elem *e)
{
	static const char *const wrong[] = { "not an IPv4 address, prefix or range", "not an IPv6 address, prefix or range",
					     "not a port or range of ports" };
	char *slash = strchr(text, '/'), *dash = strchr(text, '-'), *cut = slash ?: dash;
	u64 plen;

	if (cut && !set->interval)
		return "prefixes and ranges are for sets with 'flags interval'";
	if (cut)
		*cut++ = 0;
	if (!parse_key(set->type, text, &e->from))
		return wrong[set->type];
	e->to = e->from;
	if (slash) {
		if (set->type == NFT_SET_PORT || str_to_u64(cut, &plen) || plen > (set->type == NFT_SET_IPV4 ? 32 : 128))
			return wrong[set->type];
		e->to = end_of_prefix(set->type, (unsigned)plen, &e->from);
	} else if (dash && (!parse_key(set->type, cut, &e->to) || below(e->to, e->from))) {
		return wrong[set->type];
	}
	return NULL;
}

typedef const char *elem_change(struct nft_ruleset *rs, const struct nft_set *set, struct nft_elem e);

/* { ELEMENT, ... } */
static bool take_elements(struct parser *s, struct nft_set *set, elem_change *change)
{
	char text[NFT_WORD_MAX];
	struct nft_elem e;
	const char *why;
	bool ok;

	s->in_set = true;
	for (ok = nft_want(s, "{"); ok && !nft_is(s, "}"); ok = nft_is(s, "}") || nft_want(s, ",")) {
		str_copy(text, s->word, sizeof(text));
		why = read_elem(set, text, &e) ?: change(s->rs, set, e);
		ok = why ? nft_fail(s, why) : nft_next(s);
		if (!ok)
			break;
	}
	s->in_set = false;
	return ok && nft_next(s);
}

/* ---- the language: a set's block ---- */
static bool parse_set_line(struct parser *s, struct nft_set *set, bool *typed)
{
	const struct nft_name *n;

	if (nft_is(s, "type")) {
		if (!nft_next(s))
			return false;
		n = nft_find_name(types, s->word);
		if (!n)
			return nft_fail(s, "a type is ipv4_addr, ipv6_addr or inet_service");
		if (*typed && set->type != n->value)
			return nft_fail(s, "the set is there already, and of another type");
		set->type = n->value;
		*typed = true;
		return nft_next(s);
	}
	if (nft_is(s, "flags")) {
		if (!nft_next(s))
			return false;
		set->interval |= nft_is(s, "interval");
		return nft_want(s, "interval");
	}
	if (!nft_is(s, "elements") && !nft_is(s, "elements="))
		return nft_fail(s, "'type', 'flags', 'elements' or '}' is expected here");
	if (!*typed)
		return nft_fail(s, "the type of the set stands before its elements");
	if (!nft_is(s, "elements="))
		return nft_next(s) && nft_want(s, "=") && take_elements(s, set, add_elem);
	return nft_next(s) && take_elements(s, set, add_elem);
}

static bool parse_set_block(struct parser *s, struct nft_set *set, bool typed)
{
	struct parser at = *s;

	if (!nft_want(s, "{") || !nft_skip_ends(s))
		return false;
	while (!nft_is(s, "}")) {
		if (!parse_set_line(s, set, &typed))
			return false;
		if (s->word[0] && !nft_is(s, "}"))
			return nft_fail(s, "nothing more is expected here");
		if (!nft_skip_ends(s))
			return false;
		if (!s->word[0])
			return nft_fail(s, "'}' is expected here");
	}
	return typed ? nft_next(s) : nft_fail(&at, "a set has a type");
}

bool nft_new_set(struct parser *s, unsigned table)
{
	struct nft_ruleset *rs = s->rs;
	struct nft_set *set = find_set(rs, table, s->word);

	if (set)
		return nft_next(s) && parse_set_block(s, set, true);
	if (!nft_is_new_name(s))
		return nft_fail(s, "not a name for a set");
	if (rs->nr_sets == NFT_SETS_MAX)
		return nft_fail(s, "there are 16 sets already");
	set = &rs->sets[rs->nr_sets++];
	*set = (struct nft_set){ .table = (u8)table, .first = rs->nr_elems };
	str_copy(set->name, s->word, sizeof(set->name));
	return nft_next(s) && parse_set_block(s, set, false);
}

/* ---- commands; the word is what follows both of theirs ---- */
static bool take_set_name(struct parser *s, struct nft_set **set)
{
	unsigned table = 0;

	if (!nft_take_table_before(s, &table))
		return false;
	*set = find_set(s->rs, table, s->word);
	return *set ? nft_next(s) : nft_fail(s, "there is no such set");
}

bool nft_add_set(struct parser *s)
{
	unsigned table = 0;

	return nft_take_table_before(s, &table) && nft_new_set(s, table);
}

bool nft_delete_set(struct parser *s)
{
	struct parser at = *s;
	struct nft_set *set;
	unsigned n;

	if (!take_set_name(s, &set))
		return false;
	n = (unsigned)(set - s->rs->sets);
	for (unsigned i = 0; i < s->rs->nr_rules; i++)
		for (unsigned place = 0; place < NR_NFT_PLACES; place++)
			if (s->rs->rules[i].set[place] == n + 1)
				return nft_fail(&at, "a rule looks into the set");
	remove_set(s->rs, n);
	return true;
}

bool nft_flush_set(struct parser *s)
{
	struct nft_set *set;

	if (!take_set_name(s, &set))
		return false;
	remove_elems(s->rs, set, set->first, set->nr);
	return true;
}

bool nft_add_element(struct parser *s)
{
	struct nft_set *set;

	return take_set_name(s, &set) && take_elements(s, set, add_elem);
}

bool nft_delete_element(struct parser *s)
{
	struct nft_set *set;

	return take_set_name(s, &set) && take_elements(s, set, delete_elem);
}

/* ---- printing ---- */
/* The length of the prefix that the element is; -1: it is none. */
static int prefix_length(u8 type, struct nft_elem e)
{
	int most = type == NFT_SET_IPV4 ? 32 : 128;

	for (int plen = 0; plen <= most; plen++) {
		struct nft_key from = e.from, to = end_of_prefix(type, (unsigned)plen, &from);

		if (same(from, e.from) && same(to, e.to))
			return plen;
	}
	return -1;
}

static void print_elem(u8 type, struct nft_elem e, char *buf, size_t size)
{
	struct ip_addr from = address_of(type, e.from), to = address_of(type, e.to);
	char a[IP_NTOP_MAX], b[IP_NTOP_MAX];
	int plen = type == NFT_SET_PORT ? -1 : prefix_length(type, e);

	if (type == NFT_SET_PORT) {
		snprintf(a, sizeof(a), "%u", (unsigned)e.from.lo);
		snprintf(b, sizeof(b), "%u", (unsigned)e.to.lo);
	} else {
		ip_ntop(&from, a);
		ip_ntop(&to, b);
	}
	if (same(e.from, e.to))
		snprintf(buf, size, "%s", a);
	else if (plen >= 0)
		snprintf(buf, size, "%s/%d", a, plen);
	else
		snprintf(buf, size, "%s-%s", a, b);
}

static void print_elems(const struct nft_ruleset *rs, const struct nft_set *set, nft_line_fn *line, void *arg)
{
	unsigned each = per_line[set->type];
	char text[NFT_LINE_MAX], elem[2 * IP_NTOP_MAX];
	size_t len = 0;

	for (unsigned i = 0; i < set->nr; i++) {
		bool last = i + 1 == set->nr;

		print_elem(set->type, rs->elems[set->first + i], elem, sizeof(elem));
		if (i % each == 0)
			len = (size_t)scnprintf(text, sizeof(text), "%s", i ? "\t\t\t     " : "\t\telements = { ");
		len += (size_t)scnprintf(text + len, sizeof(text) - len, "%s%s", elem, last ? " }" : (i + 1) % each ? ", " : ",");
		if (last || (i + 1) % each == 0)
			line(arg, text);
	}
}

void nft_list_set(const struct nft_ruleset *rs, const struct nft_set *set, nft_line_fn *line, void *arg)
{
	char text[NFT_NAME + 16];

	snprintf(text, sizeof(text), "\tset %s {", set->name);
	line(arg, text);
	snprintf(text, sizeof(text), "\t\ttype %s", types[set->type].name);
	line(arg, text);
	if (set->interval)
		line(arg, "\t\tflags interval");
	print_elems(rs, set, line, arg);
	line(arg, "\t}");
}
