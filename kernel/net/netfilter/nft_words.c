/* SPDX-License-Identifier: MIT
 * nft_words.c - nft's language word by word, and the values that are one word or a list of them. Owns nothing. Control path.
 */
#include "net/netfilter/nft_parser.h"
#include "lib/printf.h"

bool nft_fail(struct parser *s, const char *why)
{
	s->err->line = s->at_line;
	s->err->column = s->at_column;
	if (s->word[0])
		snprintf(s->err->reason, sizeof(s->err->reason), "'%.28s': %s", s->word, why);
	else
		snprintf(s->err->reason, sizeof(s->err->reason), "end of the command: %s", why);
	return false;
}

void nft_step(struct parser *s)
{
	if (*s->p++ == '\n') {
		s->line++;
		s->column = 1;
	} else {
		s->column++;
	}
}

static void skip_blanks(struct parser *s)
{
	for (;;) {
		while (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || (s->in_set && *s->p == '\n'))
			nft_step(s);
		if (*s->p != '#')
			return;
		while (*s->p && *s->p != '\n')
			nft_step(s);
		if (!s->in_set)
			return;
	}
}

static bool ends_word(char c)
{
	return !c || strchr(" \t\r\n;,{}\"#", c);
}

bool nft_next(struct parser *s)
{
	unsigned n = 0;

	skip_blanks(s);
	s->at_line = s->line;
	s->at_column = s->column;
	s->quoted = *s->p == '"';
	if (s->quoted)
		nft_step(s);
	else if (*s->p && strchr(",{}", *s->p)) {
		s->word[n++] = *s->p;
		nft_step(s);
		s->word[n] = 0;
		return true;
	}
	while (s->quoted ? *s->p && *s->p != '"' && *s->p != '\n' : !ends_word(*s->p)) {
		if (n + 1 == NFT_WORD_MAX)
			return s->word[n] = 0, nft_fail(s, "the word is too long");
		s->word[n++] = *s->p;
		nft_step(s);
	}
	s->word[n] = 0;
	if (s->quoted && *s->p != '"')
		return nft_fail(s, "the quote is not closed");
	if (s->quoted)
		nft_step(s);
	return true;
}

bool nft_is(const struct parser *s, const char *word)
{
	return !s->quoted && !strcmp(s->word, word);
}

bool nft_take(struct parser *s, const char *word, bool *taken)
{
	*taken = nft_is(s, word);
	return !*taken || nft_next(s);
}

bool nft_want(struct parser *s, const char *word)
{
	char why[48];

	if (nft_is(s, word))
		return nft_next(s);
	snprintf(why, sizeof(why), "'%s' is expected here", word);
	return nft_fail(s, why);
}

const struct nft_name *nft_find_name(const struct nft_name *n, const char *word)
{
	for (; n->name; n++)
		if (!strcmp(n->name, word))
			return n;
	return NULL;
}

bool nft_take_number(struct parser *s, u64 max, u64 *out)
{
	if (str_to_u64(s->word, out) || *out > max)
		return nft_fail(s, "not a number in its range");
	return nft_next(s);
}

bool nft_take_name_or_number(struct parser *s, const struct nft_name *names, const char *why, u8 *out)
{
	const struct nft_name *n = nft_find_name(names, s->word);
	u64 v;

	if (n)
		*out = n->value;
	else if (!str_to_u64(s->word, &v) && v <= 255)
		*out = (u8)v;
	else
		return nft_fail(s, why);
	return nft_next(s);
}


/* ---- values ---- */
/* ADDRESS[/LENGTH]; *plen: the most there can be, and then what it is. NULL: understood. */
static const char *split_prefix(const char *word, struct ip_addr *a, u64 *plen)
{
	const char *slash = strchr(word, '/');
	char text[NFT_WORD_MAX];
	u64 most = *plen;

	str_copy(text, word, sizeof(text));
	if (slash) {
		text[slash - word] = 0;
		if (str_to_u64(slash + 1, plen) || *plen > most)
			return most == 32 ? "a prefix length is 0 to 32" : "a prefix length is 0 to 128";
	}
	if (ip_pton(text, a) || ip_is_v4(a) != (most == 32))
		return most == 32 ? "not an IPv4 address or prefix" : "not an IPv6 address or prefix";
	return NULL;
}

bool nft_take_prefix6(struct parser *s, struct ip_addr *addr, u8 *plen)
{
	u64 len = 128;
	struct ip_addr a;
	const char *why = split_prefix(s->word, &a, &len);

	if (why)
		return nft_fail(s, why);
	*addr = ip_prefix_of(&a, (unsigned)len);
	*plen = (u8)len;
	return nft_next(s);
}

bool nft_take_prefix(struct parser *s, be32 *addr, be32 *mask)
{
	u64 plen = 32;
	struct ip_addr a;
	const char *why = split_prefix(s->word, &a, &plen);

	if (why)
		return nft_fail(s, why);
	*mask = v4_mask((unsigned)plen);
	*addr = (be32){ ip_v4(&a).raw & mask->raw };
	return nft_next(s);
}

static bool take_range(struct parser *s, struct nft_ports *ports)
{
	char *dash = strchr(s->word, '-'), text[NFT_WORD_MAX];
	u64 lo, hi;

	if (ports->nr == NFT_PORTS_MAX)
		return nft_fail(s, "a set has at most 8 ports or ranges");
	str_copy(text, s->word, sizeof(text));
	if (dash)
		text[dash - s->word] = 0;
	if (str_to_u64(text, &lo) || lo > 65535)
		return nft_fail(s, "not a port or range of ports");
	hi = lo;
	if (dash && (str_to_u64(dash + 1, &hi) || hi > 65535 || hi < lo))
		return nft_fail(s, "not a range of ports");
	ports->r[ports->nr++] = (struct nft_range){ (u16)lo, (u16)hi };
	return nft_next(s);
}

bool nft_take_ports(struct parser *s, struct nft_ports *ports)
{
	bool more, set;

	s->in_set = set = nft_is(s, "{");
	if (set && !nft_next(s))
		return false;
	do {
		if (!take_range(s, ports) || !nft_take(s, ",", &more))
			return false;
		if (more && !set)
			return nft_fail(s, "several ports stand between { and }");
	} while (more);
	s->in_set = false;
	return !set || nft_want(s, "}");
}

bool nft_take_bits(struct parser *s, const struct nft_name *names, const char *why, u8 *flags)
{
	const struct nft_name *n;
	bool more;

	*flags = 0;
	do {
		n = nft_find_name(names, s->word);
		if (!n)
			return nft_fail(s, why);
		*flags |= n->value;
		if (!nft_next(s) || !nft_take(s, ",", &more))
			return false;
	} while (more);
	return true;
}

bool nft_is_new_name(const struct parser *s)
{
	return s->word[0] && !s->quoted && strlen(s->word) < NFT_NAME && !strchr(",{}", s->word[0]);
}

static bool parse_v4(const char *text, be32 *out)
{
	struct ip_addr a;

	if (ip_pton(text, &a) || !ip_is_v4(&a))
		return false;
	*out = ip_v4(&a);
	return true;
}

/* "LO-HI" or one value twice; cut in two where the dash is. */
static char *split(char *text, char at)
{
	char *p = strchr(text, at);

	if (p)
		*p++ = 0;
	return p;
}

static bool parse_port(const char *text, u16 *out)
{
	u64 v;

	if (str_to_u64(text, &v) || !v || v > 65535)
		return false;
	*out = (u16)v;
	return true;
}

bool nft_take_nat_range(struct parser *s, struct nat_range *r)
{
	char text[NFT_WORD_MAX], *ports, *hi;

	str_copy(text, s->word, sizeof(text));
	ports = split(text, ':');
	if (text[0]) {
		hi = split(text, '-');
		if (!parse_v4(text, &r->lo) || !parse_v4(hi ?: text, &r->hi) || be32_get(r->hi) < be32_get(r->lo))
			return nft_fail(s, "not ADDRESS[-ADDRESS][:PORT[-PORT]]");
	}
	if (ports) {
		hi = split(ports, '-');
		if (!parse_port(ports, &r->port_lo) || !parse_port(hi ?: ports, &r->port_hi) || r->port_hi < r->port_lo)
			return nft_fail(s, "not a port or a range of ports behind ':'");
	}
	return r->lo.raw || r->port_lo ? nft_next(s) : nft_fail(s, "an address or a port is expected here");
}
