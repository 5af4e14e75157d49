/* SPDX-License-Identifier: MIT
 * filter_value.c - the words of a filter's text, and what C would call its expressions: proto[index:size], operators with
 * their precedence, comparisons.
 */
#include "lib/string.h"
#include "net/core/filter_impl.h"

const char *filter_skip(struct filter *f)
{
	while (*f->at == ' ' || *f->at == '\t' || *f->at == '\n')
		f->at++;
	return f->at;
}

bool filter_take(struct filter *f, const char *symbol)
{
	size_t n = strlen(symbol);

	if (strncmp(filter_skip(f), symbol, n))
		return false;
	f->at += n;
	return true;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_inner(const struct filter *f, char c)
{
	return is_alnum(c) || c == '.' || c == '-' || c == '_' || (c == ':' && !f->brackets);
}

/* The word at the front: letters, digits and what may stand between them, so that names, addresses and ranges are whole.
 * Its length, 0 when something else stands there. Nothing is eaten. */
unsigned filter_word(struct filter *f, char *word, size_t size)
{
	const char *p = filter_skip(f), *end = p;

	if (*p == '\\')
		end++;
	if (is_alnum(*end) || (*end == ':' && end[1] == ':' && !f->brackets))
		while (is_inner(f, *end))
			end++;
	while (end > p && (end[-1] == '-' || end[-1] == '_'))
		end--;
	str_copy(word, p, MIN(size, (size_t)(end - p) + 1));
	return (unsigned)(end - p);
}

void filter_eat(struct filter *f, const char *word)
{
	f->at += strlen(word);
}

/* As C writes them: 10, 0x1f, 017. */
bool filter_number(const char *word, u32 *out)
{
	u32 base = 10, digit;
	u64 v = 0;

	if (!*word)
		return false;
	if (word[0] == '0' && (word[1] | 0x20) == 'x' && word[2]) {
		base = 16;
		word += 2;
	} else if (word[0] == '0') {
		base = 8;
	}
	for (; *word; word++) {
		digit = *word >= '0' && *word <= '9' ? (u32)(*word - '0') : (u32)((*word | 0x20) - 'a') + 10;
		if (!is_alnum(*word) || digit >= base || (v = v * base + digit) > UINT32_MAX)
			return false;
	}
	*out = (u32)v;
	return true;
}

static const struct {
	const char *name;
	u32 value;
} names[] = {
	{ "tcpflags", 13 }, { "tcp-fin", 1 }, { "tcp-syn", 2 }, { "tcp-rst", 4 }, { "tcp-push", 8 }, { "tcp-ack", 16 },
	{ "tcp-urg", 32 }, { "tcp-ece", 64 }, { "tcp-cwr", 128 }, { "icmptype", 0 }, { "icmpcode", 1 }, { "icmp-echoreply", 0 },
	{ "icmp-unreach", 3 }, { "icmp-sourcequench", 4 }, { "icmp-redirect", 5 }, { "icmp-echo", 8 },
	{ "icmp-routeradvert", 9 }, { "icmp-routersolicit", 10 }, { "icmp-timxceed", 11 }, { "icmp-paramprob", 12 },
	{ "icmp-tstamp", 13 }, { "icmp-tstampreply", 14 }, { "icmp6type", 0 }, { "icmp6code", 1 },
	{ "icmp6-destinationunreach", 1 }, { "icmp6-packettoobig", 2 }, { "icmp6-timeexceeded", 3 },
	{ "icmp6-parameterproblem", 4 }, { "icmp6-echo", 128 }, { "icmp6-echoreply", 129 }, { "icmp6-routersolicit", 133 },
	{ "icmp6-routeradvert", 134 }, { "icmp6-neighborsolicit", 135 }, { "icmp6-neighboradvert", 136 },
};

static const struct {
	const char *name;
	enum filter_proto proto;
} indexable[] = {
	{ "ether", Q_LINK }, { "link", Q_LINK }, { "ip", Q_IP }, { "ip6", Q_IP6 }, { "arp", Q_ARP }, { "rarp", Q_RARP },
	{ "tcp", Q_TCP }, { "udp", Q_UDP }, { "sctp", Q_SCTP }, { "icmp", Q_ICMP }, { "icmp6", Q_ICMP6 }, { "igmp", Q_IGMP },
};

static struct filter_node *value(struct filter *f, int level);

static struct filter_node *number_node(struct filter *f, u32 v)
{
	struct filter_node *n = filter_new(f, F_NUM);

	if (n)
		n->k = v;
	return n;
}

/* Behind "proto[": index, perhaps ":size", and "]". */
static struct filter_node *indexed(struct filter *f, enum filter_proto proto)
{
	struct filter_node *index;
	u32 size = 1;
	char word[24];

	f->brackets++;
	index = value(f, 0);
	if (index && filter_take(f, ":")) {
		filter_word(f, word, sizeof(word));
		if (!filter_number(word, &size) || (size != 1 && size != 2 && size != 4))
			return filter_fail(f, f->at, "the size is 1, 2 or 4 bytes");
		filter_eat(f, word);
	}
	if (index && !filter_take(f, "]"))
		return filter_fail(f, f->at, "']' belongs here");
	f->brackets--;
	return index ? filter_load(f, proto, index, size) : NULL;
}

static struct filter_node *atom(struct filter *f)
{
	char word[32];
	u32 v;

	if (filter_take(f, "("))
	{
		struct filter_node *n = value(f, 0);

		return n && !filter_take(f, ")") ? filter_fail(f, f->at, "')' belongs here") : n;
	}
	filter_word(f, word, sizeof(word));
	if (filter_number(word, &v)) {
		filter_eat(f, word);
		return number_node(f, v);
	}
	if (!strcmp(word, "len") || !strcmp(word, "length")) {
		filter_eat(f, word);
		return filter_new(f, F_LEN);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(word, names[i].name)) {
			filter_eat(f, word);
			return number_node(f, names[i].value);
		}
	for (unsigned i = 0; i < ARRAY_SIZE(indexable); i++)
		if (!strcmp(word, indexable[i].name)) {
			filter_eat(f, word);
			if (filter_take(f, "["))
				return indexed(f, indexable[i].proto);
			return filter_fail(f, f->at, "'[index]' belongs here");
		}
	return filter_fail(f, f->at, "a number, 'len', tcpflags and the like, or proto[index:size] belongs here");
}

static struct filter_node *unary(struct filter *f)
{
	struct filter_node *n, *neg;

	if (f->depth >= FILTER_DEPTH)
		return filter_fail(f, f->at, "too deeply nested");
	if (!filter_take(f, "-"))
		return atom(f);
	f->depth++;
	n = unary(f);
	f->depth--;
	if (!n || !(neg = filter_new(f, F_NEG)))
		return NULL;
	if (n->kind == F_NUM)
		return number_node(f, -n->k);
	neg->a = n;
	neg->needs = n->needs;
	return neg;
}

/* Operators by precedence, weakest first; `op` is the ALU instruction with a constant. */
static const struct {
	const char *text;
	u8 level;
	u16 op;
} operators[] = {
	{ "|", 0, 0x44 },  { "^", 0, 0xa4 },  { "&", 1, 0x54 }, { "<<", 2, 0x64 }, { ">>", 2, 0x74 },
	{ "+", 3, 0x04 },  { "-", 3, 0x14 },  { "*", 4, 0x24 }, { "/", 4, 0x34 },  { "%", 4, 0x94 },
};
#define TIGHTEST 5

static u16 take_operator(struct filter *f, int level)
{
	const char *p = filter_skip(f);

	for (unsigned i = 0; i < ARRAY_SIZE(operators); i++) {
		size_t n = strlen(operators[i].text);

		if (operators[i].level != level || strncmp(p, operators[i].text, n))
			continue;
		if ((*p == '|' || *p == '&') && p[1] == *p)
			return 0; /* those join conditions */
		f->at += n;
		return operators[i].op;
	}
	return 0;
}

static u32 fold(u16 op, u32 a, u32 b)
{
	switch (op) {
	case 0x44: return a | b;
	case 0xa4: return a ^ b;
	case 0x54: return a & b;
	case 0x64: return b < 32 ? a << b : 0;
	case 0x74: return b < 32 ? a >> b : 0;
	case 0x04: return a + b;
	case 0x14: return a - b;
	case 0x24: return a * b;
	case 0x34: return a / b;
	default: return a % b;
	}
}

static struct filter_node *operation(struct filter *f, u16 op, struct filter_node *a, struct filter_node *b)
{
	struct filter_node *n;

	if (b->kind == F_NUM && !b->k && (op == 0x34 || op == 0x94))
		return filter_fail(f, f->at, "division by zero");
	if (b->kind == F_NUM && b->k > 31 && (op == 0x64 || op == 0x74))
		return filter_fail(f, f->at, "a shift is by 0 to 31");
	if (a->kind == F_NUM && b->kind == F_NUM)
		return number_node(f, fold(op, a->k, b->k));
	n = filter_new(f, F_OP);
	if (!n)
		return NULL;
	n->op = op;
	n->a = a;
	n->b = b;
	n->needs = a->needs && b->needs ? filter_and(f, a->needs, b->needs) : a->needs ?: b->needs;
	return n;
}

static struct filter_node *value(struct filter *f, int level)
{
	struct filter_node *n, *b;
	u16 op;

	if (level == TIGHTEST)
		return unary(f);
	if (!level && f->depth++ >= FILTER_DEPTH)
		return filter_fail(f, f->at, "too deeply nested");
	n = value(f, level + 1);
	while (n && (op = take_operator(f, level))) {
		b = value(f, level + 1);
		n = b ? operation(f, op, n, b) : NULL;
	}
	if (!level)
		f->depth--;
	return n;
}

struct filter_node *filter_relation(struct filter *f)
{
	static const struct {
		const char *text;
		u8 jump;
		bool negate;
	} relations[] = {
		{ ">=", JMP_JGE, false }, { "<=", JMP_JGT, true }, { "!=", JMP_JEQ, true }, { "==", JMP_JEQ, false },
		{ "=", JMP_JEQ, false },  { ">", JMP_JGT, false }, { "<", JMP_JGE, true },
	};
	struct filter_node *a = value(f, 0), *b, *n;
	unsigned i;

	if (!a)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(relations) && !filter_take(f, relations[i].text); i++)
		;
	if (i == ARRAY_SIZE(relations))
		return filter_fail(f, filter_skip(f), "a comparison belongs here: = != < > <= >=");
	b = value(f, 0);
	if (!b || !(n = filter_new(f, F_REL)))
		return NULL;
	n->a = a;
	n->b = b;
	n->jump = relations[i].jump;
	n->negate = relations[i].negate;
	if (a->needs && b->needs)
		return filter_and(f, filter_and(f, a->needs, b->needs), n);
	return a->needs || b->needs ? filter_and(f, a->needs ?: b->needs, n) : n;
}
