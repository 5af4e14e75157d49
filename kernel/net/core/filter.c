/* SPDX-License-Identifier: MIT
 * filter.c - reads a filter's conditions: qualifiers and their values, and, or, not, parentheses. No state of its own;
 * the tree lives in a struct filter for the time of the call.
 */
#include "net/core/filter_impl.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "platform.h"

#define ALLOWED "a condition belongs here: host, net, port, portrange, src, dst, ip, ip6, arp, tcp, udp, icmp, icmp6, " \
		"proto, ether, less, greater, not, '(' or proto[index]"

void *filter_fail(struct filter *f, const char *at, const char *why)
{
	char word[sizeof(f->e->found)];

	if (f->failed)
		return NULL;
	f->failed = true;
	f->at = at;
	if (!filter_word(f, word, sizeof(word)))
		str_copy(word, f->at, *f->at ? 2 : 1);
	f->e->column = (unsigned)(f->at - f->text) + 1;
	str_copy(f->e->found, word, sizeof(f->e->found));
	f->e->why = why;
	return NULL;
}

static bool take_word(struct filter *f, const char *word)
{
	char found[32];

	filter_word(f, found, sizeof(found));
	if (strcmp(found, word))
		return false;
	filter_eat(f, found);
	return true;
}

static int named(const char *word, const char *const names[], int nr)
{
	for (int i = 0; i < nr; i++)
		if (names[i] && !strcmp(word, names[i]))
			return i;
	return -1;
}

/* ---------------------------------------------------------------- values */

enum { TCP_ONLY = 1, UDP_ONLY, BOTH };

static const struct {
	const char *name;
	u16 port;
	u8 over;
} services[] = {
	{ "echo", 7, BOTH },       { "discard", 9, BOTH },     { "daytime", 13, BOTH },   { "chargen", 19, BOTH },
	{ "ftp", 21, TCP_ONLY },   { "ssh", 22, TCP_ONLY },    { "telnet", 23, TCP_ONLY }, { "smtp", 25, TCP_ONLY },
	{ "domain", 53, BOTH },    { "bootps", 67, UDP_ONLY }, { "bootpc", 68, UDP_ONLY }, { "tftp", 69, UDP_ONLY },
	{ "http", 80, TCP_ONLY },  { "ntp", 123, UDP_ONLY },   { "https", 443, BOTH },    { "syslog", 514, UDP_ONLY },
};

/* A name also says which transport, where /etc/services knows it over one alone. */
static bool port_number(struct filter *f, struct filter_quals *q, const char *word, u32 *port)
{
	for (unsigned i = 0; i < ARRAY_SIZE(services); i++) {
		enum filter_proto only = services[i].over == TCP_ONLY ? Q_TCP : services[i].over == UDP_ONLY ? Q_UDP : Q_NO_PROTO;

		if (strcmp(word, services[i].name))
			continue;
		*port = services[i].port;
		if (only && q->proto && q->proto != only)
			return filter_fail(f, f->at, only == Q_TCP ? "that is a port of tcp" : "that is a port of udp");
		q->proto = q->proto ?: only;
		return true;
	}
	if (!filter_number(word, port) || *port > 65535)
		return filter_fail(f, f->at, "a port is 0 to 65535, or a name like http");
	return true;
}

static struct filter_node *port_value(struct filter *f, const struct filter_quals *quals, char *word)
{
	struct filter_quals own = *quals, *q = &own;
	char *dash = q->type == Q_PORTRANGE ? strchr(word, '-') : NULL;
	u32 lo, hi;

	if (dash)
		*dash = '\0';
	if (!port_number(f, q, word, &lo))
		return NULL;
	hi = lo;
	return dash && !port_number(f, q, dash + 1, &hi) ? NULL : filter_ports(f, q, lo, hi);
}

/* "a.b.c.d", the first parts of it, or a number; *bits: how many are given. */
static bool parts_of_v4(const char *word, u32 *addr, unsigned *bits)
{
	u32 part = 0;

	*addr = 0;
	*bits = 0;
	for (const char *p = word;; p++) {
		if (*p >= '0' && *p <= '9' && (part = part * 10 + (u32)(*p - '0')) <= 255)
			continue;
		if ((*p && *p != '.') || p == word || p[-1] == '.' || *bits == 32)
			return false;
		*addr = *addr << 8 | part;
		*bits += 8;
		part = 0;
		if (!*p)
			return true;
	}
}

static struct filter_node *v4_value(struct filter *f, const struct filter_quals *q, u32 addr, unsigned bits, bool dotted)
{
	u32 mask = ~0u << (32 - bits);

	addr <<= 32 - bits;
	if (!dotted) /* a plain number is the whole address */
		return filter_address(f, q, addr >> (32 - bits), ~0u);
	return filter_address(f, q, addr, mask);
}

/* Behind "NET": "/len" or "mask NETMASK". */
static struct filter_node *masked_v4(struct filter *f, const struct filter_quals *q, const char *at, u32 addr, unsigned bits)
{
	char word[32];
	unsigned mask_bits;
	u32 mask, len;

	if (filter_take(f, "/")) {
		filter_word(f, word, sizeof(word));
		if (!filter_number(word, &len) || len > 32)
			return filter_fail(f, f->at, "a prefix length is 0 to 32");
		mask = len ? ~0u << (32 - len) : 0;
	} else {
		take_word(f, "mask");
		filter_word(f, word, sizeof(word));
		if (!parts_of_v4(word, &mask, &mask_bits))
			return filter_fail(f, f->at, "a mask like 255.255.0.0 belongs here");
		mask <<= 32 - mask_bits;
	}
	filter_eat(f, word);
	if (q->type != Q_NET)
		return filter_fail(f, at, "a mask goes with net");
	addr <<= 32 - bits;
	if (addr & ~mask)
		return filter_fail(f, at, "bits are set behind the mask");
	return filter_address(f, q, addr, mask);
}

static struct filter_node *v6_value(struct filter *f, const struct filter_quals *q, const char *at, const struct ip_addr *a)
{
	char word[32];
	u32 len = 128;

	if (filter_take(f, "/")) {
		filter_word(f, word, sizeof(word));
		if (!filter_number(word, &len) || len > 128)
			return filter_fail(f, f->at, "a prefix length is 0 to 128");
		filter_eat(f, word);
		if (q->type != Q_NET)
			return filter_fail(f, at, "a mask goes with net");
	}
	for (u32 i = len; i < 128; i++)
		if (a->b[i / 8] & 0x80 >> i % 8)
			return filter_fail(f, at, "bits are set behind the mask");
	if (len < 128 || q->type != Q_NET)
		return filter_address6(f, q, a, len);
	return filter_address6(f, q, a, 128);
}

static bool parse_mac(const char *word, u8 mac[6])
{
	for (unsigned i = 0; i < 6; i++, word++) {
		u32 v = 0;
		unsigned n;

		for (n = 0; n < 2 && *word && *word != ':'; n++, word++) {
			char c = (char)(*word | 0x20);

			if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
				return false;
			v = v * 16 + (u32)(c <= '9' ? c - '0' : c - 'a' + 10);
		}
		if (!n || *word != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (u8)v;
	}
	return true;
}

static struct filter_node *address_value(struct filter *f, const struct filter_quals *q, const char *word)
{
	const char *at = f->at;
	struct ip_addr a;
	unsigned bits;
	u8 mac[6];
	u32 addr;

	if (parse_mac(word, mac)) {
		struct filter_node *n = filter_mac(f, q, mac);

		filter_eat(f, word);
		return n;
	}
	if (strchr(word, ':') && !ip_pton(word, &a)) {
		filter_eat(f, word);
		return v6_value(f, q, at, &a);
	}
	if (!parts_of_v4(word, &addr, &bits))
		return filter_fail(f, at, "an address belongs here (names are not looked up): 10.0.0.1, 10.0.0.0/8 (net), fe80::1, 52:54:00:12:34:56 (ether)");
	filter_eat(f, word);
	if (*filter_skip(f) == '/' || !strncmp(f->at, "mask ", 5))
		return masked_v4(f, q, at, addr, bits);
	f->at = at;
	{
		struct filter_node *n = v4_value(f, q, addr, bits, strchr(word, '.') != NULL || q->type == Q_NET);

		filter_eat(f, word);
		return n;
	}
}

static const char *const escaped[] = { [Q_IP] = "\\ip", [Q_IP6] = "\\ip6", [Q_ARP] = "\\arp", [Q_RARP] = "\\rarp",
				       [Q_TCP] = "\\tcp", [Q_UDP] = "\\udp", [Q_SCTP] = "\\sctp", [Q_ICMP] = "\\icmp",
				       [Q_ICMP6] = "\\icmp6", [Q_IGMP] = "\\igmp" };

static struct filter_node *proto_value(struct filter *f, const struct filter_quals *q, const char *word)
{
	static const u16 types[] = { [Q_IP] = 0x800, [Q_IP6] = 0x86dd, [Q_ARP] = 0x806, [Q_RARP] = 0x8035 };
	static const u8 protos[] = { [Q_TCP] = 6, [Q_UDP] = 17, [Q_SCTP] = 132, [Q_ICMP] = 1, [Q_ICMP6] = 58, [Q_IGMP] = 2 };
	int p = named(word, escaped, ARRAY_SIZE(escaped));
	u32 number;

	if (q->proto > Q_IP6 || (q->dir != Q_NO_DIR))
		return filter_fail(f, f->at, "proto goes with ip, ip6, ether, or nothing before it");
	if (q->proto == Q_LINK && p > 0 && p < Q_TCP)
		number = types[p];
	else if (q->proto != Q_LINK && p >= Q_TCP)
		number = protos[p];
	else if (!filter_number(word, &number))
		return filter_fail(f, f->at, q->proto == Q_LINK ? "an EtherType belongs here: a number, \\ip, \\ip6, \\arp" :
							     "a protocol belongs here: a number, \\tcp, \\udp, \\icmp, \\icmp6");
	return filter_proto_number(f, q->proto, number);
}

static struct filter_node *one_value(struct filter *f, const struct filter_quals *q)
{
	const char *at = filter_skip(f);
	struct filter_node *n;
	char word[48];

	if (!filter_word(f, word, sizeof(word)))
		return filter_fail(f, at, "a value belongs here");
	if (q->type != Q_PORT && q->type != Q_PORTRANGE && q->type != Q_PROTO)
		return address_value(f, q, word);
	if (q->type == Q_PROTO) {
		n = proto_value(f, q, word);
	} else {
		char copy[sizeof(word)];

		str_copy(copy, word, sizeof(copy));
		n = port_value(f, q, copy);
	}
	f->at = n ? at + strlen(word) : f->at;
	return n;
}

/* ---------------------------------------------------------------- conditions */

static struct filter_node *expression(struct filter *f, struct filter_quals *q, bool in_list);

/* A value, or some in parentheses: port (80 or 443). */
static struct filter_node *values(struct filter *f, struct filter_quals *q)
{
	struct filter_node *n;

	if (!filter_take(f, "("))
		return one_value(f, q);
	if (f->depth++ >= FILTER_DEPTH)
		return filter_fail(f, f->at, "too deeply nested");
	n = expression(f, q, true);
	f->depth--;
	return n && !filter_take(f, ")") ? filter_fail(f, filter_skip(f), "')' belongs here") : n;
}

static const char *const protos[] = {
	[Q_LINK] = "ether", [Q_IP] = "ip", [Q_IP6] = "ip6", [Q_ARP] = "arp", [Q_RARP] = "rarp", [Q_TCP] = "tcp", [Q_UDP] = "udp",
	[Q_SCTP] = "sctp", [Q_ICMP] = "icmp", [Q_ICMP6] = "icmp6", [Q_IGMP] = "igmp",
};
static const char *const types[] = { [Q_HOST] = "host", [Q_NET] = "net", [Q_PORT] = "port", [Q_PORTRANGE] = "portrange",
				     [Q_PROTO] = "proto" };

/* src, dst, and the two joined by `or` or `and`. */
static enum filter_dir direction(struct filter *f)
{
	const char *at;
	bool src = take_word(f, "src");

	if (!src && !take_word(f, "dst"))
		return Q_NO_DIR;
	at = f->at;
	if (take_word(f, "or") && take_word(f, src ? "dst" : "src"))
		return Q_SRC_OR_DST;
	f->at = at;
	if (take_word(f, "and") && take_word(f, src ? "dst" : "src"))
		return Q_SRC_AND_DST;
	f->at = at;
	return src ? Q_SRC : Q_DST;
}

static void qualifiers(struct filter *f, struct filter_quals *q)
{
	char word[32];
	int i;

	*q = (struct filter_quals){ .given = true };
	filter_word(f, word, sizeof(word));
	i = named(!strcmp(word, "link") ? "ether" : word, protos, ARRAY_SIZE(protos));
	if (i > 0) {
		q->proto = (enum filter_proto)i;
		filter_eat(f, word);
	}
	q->dir = direction(f);
	filter_word(f, word, sizeof(word));
	i = named(word, types, ARRAY_SIZE(types));
	if (i > 0) {
		q->type = (enum filter_type)i;
		filter_eat(f, word);
	}
}

static struct filter_node *length_test(struct filter *f, bool greater)
{
	char word[32];
	u32 n;

	filter_word(f, word, sizeof(word));
	if (!filter_number(word, &n))
		return filter_fail(f, f->at, "a number of bytes belongs here");
	filter_eat(f, word);
	return filter_length(f, greater, n);
}

/* "(" opens a value when what follows its ")" computes or compares. */
static bool opens_value(const char *p)
{
	int depth = 0;

	do
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
	while (*p && *p++ && depth);
	while (*p == ' ')
		p++;
	if (!*p || !strchr("=<>!+-*/%^&|", *p))
		return false;
	return !((*p == '&' || *p == '|') && p[1] == *p) && !(*p == '!' && p[1] != '=');
}

static bool begins_value(struct filter *f, const char *word)
{
	const char *behind = f->at + strlen(word);
	u32 v;

	while (*behind == ' ')
		behind++;
	return *f->at == '-' || *behind == '[' || !strcmp(word, "len") || !strcmp(word, "length") || filter_number(word, &v);
}

static struct filter_node *qualified(struct filter *f, struct filter_quals *q)
{
	const char *at = f->at;

	qualifiers(f, q);
	if (q->dir == Q_NO_DIR && q->type == Q_NO_TYPE) {
		if (q->proto == Q_NO_PROTO)
			return filter_fail(f, at, ALLOWED);
		if (take_word(f, "broadcast"))
			return filter_cast(f, q->proto, false);
		if (take_word(f, "multicast"))
			return filter_cast(f, q->proto, true);
		return filter_proto_alone(f, q->proto);
	}
	return values(f, q);
}

/* One condition; *q is what qualified it, for a value alone behind the next `and` or `or`. */
static struct filter_node *condition(struct filter *f, struct filter_quals *q, bool in_list, bool value_may_stand)
{
	struct filter_node *n;
	char word[48];

	filter_skip(f);
	if (filter_take(f, "!") || take_word(f, "not")) {
		if (f->depth++ >= FILTER_DEPTH)
			return filter_fail(f, f->at, "too deeply nested");
		n = condition(f, q, in_list, value_may_stand);
		f->depth--;
		return filter_not(f, n);
	}
	if (in_list)
		return one_value(f, q);
	if (*f->at == '(' && !opens_value(f->at)) {
		f->at++;
		if (f->depth++ >= FILTER_DEPTH)
			return filter_fail(f, f->at, "too deeply nested");
		n = expression(f, q, false);
		f->depth--;
		return n && !filter_take(f, ")") ? filter_fail(f, filter_skip(f), "'and', 'or' or ')' belongs here") : n;
	}
	filter_word(f, word, sizeof(word));
	if (value_may_stand && q->given && ((word[0] >= '0' && word[0] <= '9') || strchr(word, ':')))
		return one_value(f, q);
	if (*f->at == '(' || begins_value(f, word))
		return filter_relation(f);
	if (take_word(f, "less"))
		return length_test(f, false);
	if (take_word(f, "greater"))
		return length_test(f, true);
	if (take_word(f, "broadcast"))
		return filter_cast(f, Q_NO_PROTO, false);
	if (take_word(f, "multicast"))
		return filter_cast(f, Q_NO_PROTO, true);
	return qualified(f, q);
}

static struct filter_node *expression(struct filter *f, struct filter_quals *q, bool in_list)
{
	struct filter_node *n = condition(f, q, in_list, false), *b;

	while (n) {
		bool and = filter_take(f, "&&") || take_word(f, "and");

		if (!and && !filter_take(f, "||") && !take_word(f, "or"))
			break;
		b = condition(f, q, in_list, true);
		n = and ? filter_and(f, n, b) : filter_or(f, n, b);
	}
	return n;
}

int filter_compile(const char *text, enum filter_link link, u32 snaplen, struct bpf_insn prog[BPF_MAX_INSNS],
		   struct filter_error *e)
{
	struct filter *f = kmalloc(sizeof(*f));
	struct filter_quals q = { .given = false };
	struct filter_node *root = NULL;
	int n;

	if (!f)
		return -ENOMEM;
	*e = (struct filter_error){ .column = (unsigned)strlen(text) + 1, .why = "that makes a program that is too long" };
	f->text = f->at = text;
	f->brackets = f->depth = f->nr = 0;
	f->failed = false;
	f->e = e;
	f->link_len = link == FILTER_ETHERNET ? 14 : 0;
	if (*filter_skip(f)) {
		root = expression(f, &q, false);
		if (root && *filter_skip(f))
			root = filter_fail(f, f->at, "'and', 'or' or the end belongs here");
	}
	n = f->failed ? -EINVAL : filter_generate(f, root, snaplen, prog);
	kfree(f);
	return n;
}

int filter_error_text(const struct filter_error *e, char *buf, size_t size)
{
	if (!*e->found)
		return scnprintf(buf, size, "filter: column %u, at the end: %s", e->column, e->why);
	return scnprintf(buf, size, "filter: column %u, at '%s': %s", e->column, e->found, e->why);
}
