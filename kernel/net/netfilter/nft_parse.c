/* SPDX-License-Identifier: MIT
 * nft_parse.c - from text to rules. Owns nothing; the caller's ruleset is changed command by command, and thrown
 * away by the caller when one is refused. Control path.
 */
#include "net/netfilter/nft_impl.h"
#include "lib/printf.h"
#include "net/wire/tcp.h"

const struct nft_name nft_protos[] = {
	{ "icmp", IPPROTO_ICMP }, { "igmp", 2 }, { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { NULL, 0 },
};
const struct nft_name nft_icmp_types[] = {
	{ "echo-reply", ICMP_ECHOREPLY },	   { "destination-unreachable", ICMP_DEST_UNREACH },
	{ "source-quench", ICMP_SOURCE_QUENCH },   { "redirect", ICMP_REDIRECT },
	{ "echo-request", ICMP_ECHO },		   { "time-exceeded", ICMP_TIME_EXCEEDED },
	{ "parameter-problem", ICMP_PARAMETERPROB }, { "timestamp-request", ICMP_TIMESTAMP },
	{ "timestamp-reply", ICMP_TIMESTAMPREPLY }, { NULL, 0 },
};
const struct nft_name nft_tcp_flags[] = {
	{ "fin", TCP_FIN }, { "syn", TCP_SYN }, { "rst", TCP_RST }, { "psh", TCP_PSH }, { "ack", TCP_ACK },
	{ "urg", TCP_URG }, { "ecn", TCP_ECE }, { "cwr", TCP_CWR }, { NULL, 0 },
};
const struct nft_name nft_reject_codes[] = {
	{ "net-unreachable", ICMP_NET_UNREACH },   { "host-unreachable", ICMP_HOST_UNREACH },
	{ "prot-unreachable", ICMP_PROT_UNREACH }, { "port-unreachable", ICMP_PORT_UNREACH },
	{ "net-prohibited", 9 },		   { "host-prohibited", 10 },
	{ "admin-prohibited", ICMP_PKT_FILTERED }, { NULL, 0 },
};
const struct nft_name nft_hooks[] = {
	{ "prerouting", NF_PRE_ROUTING }, { "input", NF_LOCAL_IN }, { "forward", NF_FORWARD },
	{ "output", NF_LOCAL_OUT }, { "postrouting", NF_POST_ROUTING }, { NULL, 0 },
};
const struct nft_name nft_ct_states[] = {
	{ "invalid", CT_STATE_INVALID }, { "new", CT_STATE_NEW }, { "established", CT_STATE_ESTABLISHED },
	{ "related", CT_STATE_RELATED }, { "untracked", CT_STATE_UNTRACKED }, { NULL, 0 },
};
static const struct nft_name units[] = {
	{ "second", 0 }, { "minute", 1 }, { "hour", 2 }, { "day", 3 }, { NULL, 0 },
};
static const u32 unit_s[] = { 1, 60, 3600, 86400 };

#define WORD_MAX 64

struct parser {
	struct nft_ruleset *rs;
	struct nft_error *err;
	const char *p;         /* behind the word */
	unsigned line, column; /* of p */
	char word[WORD_MAX];   /* the word looked at; "" at the end of a command */
	bool quoted;
	bool end;              /* of the text */
	unsigned at_line, at_column;
};

/* ---- words ---- */
static bool fail(struct parser *s, const char *why)
{
	s->err->line = s->at_line;
	s->err->column = s->at_column;
	if (s->word[0])
		snprintf(s->err->reason, sizeof(s->err->reason), "'%.28s': %s", s->word, why);
	else
		snprintf(s->err->reason, sizeof(s->err->reason), "end of the command: %s", why);
	return false;
}

static void step(struct parser *s)
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
	while (*s->p == ' ' || *s->p == '\t' || *s->p == '\r')
		step(s);
	if (*s->p == '#')
		while (*s->p && *s->p != '\n')
			step(s);
}

static bool ends_word(char c)
{
	return !c || strchr(" \t\r\n;,{}\"#", c);
}

/* Reads the next word: a run of characters, "text in quotes", or one of , { }. false: it is too long, or a quote is open. */
static bool next(struct parser *s)
{
	unsigned n = 0;

	skip_blanks(s);
	s->at_line = s->line;
	s->at_column = s->column;
	s->quoted = *s->p == '"';
	if (s->quoted)
		step(s);
	else if (*s->p && strchr(",{}", *s->p)) {
		s->word[n++] = *s->p;
		step(s);
		s->word[n] = 0;
		return true;
	}
	while (s->quoted ? *s->p && *s->p != '"' && *s->p != '\n' : !ends_word(*s->p)) {
		if (n + 1 == WORD_MAX)
			return s->word[n] = 0, fail(s, "the word is too long");
		s->word[n++] = *s->p;
		step(s);
	}
	s->word[n] = 0;
	if (s->quoted && *s->p != '"')
		return fail(s, "the quote is not closed");
	if (s->quoted)
		step(s);
	return true;
}

static bool is(const struct parser *s, const char *word)
{
	return !s->quoted && !strcmp(s->word, word);
}

/* Takes the word when it is this one. */
static bool take(struct parser *s, const char *word, bool *taken)
{
	*taken = is(s, word);
	return !*taken || next(s);
}

static bool want(struct parser *s, const char *word)
{
	char why[48];

	if (is(s, word))
		return next(s);
	snprintf(why, sizeof(why), "'%s' is expected here", word);
	return fail(s, why);
}

static const struct nft_name *find_name(const struct nft_name *n, const char *word)
{
	for (; n->name; n++)
		if (!strcmp(n->name, word))
			return n;
	return NULL;
}

static bool take_number(struct parser *s, u64 max, u64 *out)
{
	if (str_to_u64(s->word, out) || *out > max)
		return fail(s, "not a number in its range");
	return next(s);
}

static bool take_name_or_number(struct parser *s, const struct nft_name *names, const char *why, u8 *out)
{
	const struct nft_name *n = find_name(names, s->word);
	u64 v;

	if (n)
		*out = n->value;
	else if (!str_to_u64(s->word, &v) && v <= 255)
		*out = (u8)v;
	else
		return fail(s, why);
	return next(s);
}

/* ---- values of matches ---- */
/* Marks the match as there; a "!=" before its value negates it. */
static bool begin(struct parser *s, struct nft_rule *r, u32 match)
{
	bool negated;

	if (r->has & match)
		return fail(s, "the rule has this match already");
	r->has |= match;
	if (!take(s, "!=", &negated))
		return false;
	if (negated)
		r->not |= match;
	return true;
}

static bool take_prefix(struct parser *s, be32 *addr, be32 *mask)
{
	char *slash = strchr(s->word, '/'), text[WORD_MAX];
	struct ip_addr a;
	u64 plen = 32;

	str_copy(text, s->word, sizeof(text));
	if (slash) {
		text[slash - s->word] = 0;
		if (str_to_u64(slash + 1, &plen) || plen > 32)
			return fail(s, "a prefix length is 0 to 32");
	}
	if (ip_pton(text, &a) || !ip_is_v4(&a))
		return fail(s, "not an IPv4 address or prefix");
	*mask = v4_mask((unsigned)plen);
	*addr = (be32){ ip_v4(&a).raw & mask->raw };
	return next(s);
}

static bool take_range(struct parser *s, struct nft_ports *ports)
{
	char *dash = strchr(s->word, '-'), text[WORD_MAX];
	u64 lo, hi;

	if (ports->nr == NFT_PORTS_MAX)
		return fail(s, "a set has at most 8 ports or ranges");
	str_copy(text, s->word, sizeof(text));
	if (dash)
		text[dash - s->word] = 0;
	if (str_to_u64(text, &lo) || lo > 65535)
		return fail(s, "not a port or range of ports");
	hi = lo;
	if (dash && (str_to_u64(dash + 1, &hi) || hi > 65535 || hi < lo))
		return fail(s, "not a range of ports");
	ports->r[ports->nr++] = (struct nft_range){ (u16)lo, (u16)hi };
	return next(s);
}

static bool take_ports(struct parser *s, struct nft_ports *ports)
{
	bool more, set;

	if (!take(s, "{", &set))
		return false;
	do {
		if (!take_range(s, ports) || !take(s, ",", &more))
			return false;
		if (more && !set)
			return fail(s, "several ports stand between { and }");
	} while (more);
	return !set || want(s, "}");
}

/* Names with commas between them, as bits. */
static bool take_bits(struct parser *s, const struct nft_name *names, const char *why, u8 *flags)
{
	const struct nft_name *n;
	bool more;

	*flags = 0;
	do {
		n = find_name(names, s->word);
		if (!n)
			return fail(s, why);
		*flags |= n->value;
		if (!next(s) || !take(s, ",", &more))
			return false;
	} while (more);
	return true;
}

static bool set_proto(struct parser *s, struct nft_rule *r, u8 proto)
{
	if ((r->has & NFT_PROTO) && (r->proto != proto || (r->not & NFT_PROTO)))
		return fail(s, "the rule is about another protocol already");
	r->has |= NFT_PROTO;
	r->proto = proto;
	return true;
}

/* ---- matches, each behind its first word ---- */
static bool parse_ip(struct parser *s, struct nft_rule *r)
{
	if (is(s, "saddr"))
		return next(s) && begin(s, r, NFT_SADDR) && take_prefix(s, &r->saddr, &r->smask);
	if (is(s, "daddr"))
		return next(s) && begin(s, r, NFT_DADDR) && take_prefix(s, &r->daddr, &r->dmask);
	if (is(s, "protocol"))
		return next(s) && begin(s, r, NFT_PROTO) &&
		       take_name_or_number(s, nft_protos, "not a protocol", &r->proto);
	if (!want(s, "frag-off"))
		return false;
	if (!is(s, "!=") && !is(s, "0"))
		return fail(s, "frag-off is compared with 0: 'frag-off != 0' are later fragments");
	r->not |= is(s, "!=") ? 0 : NFT_FRAG;
	r->has |= NFT_FRAG;
	return (!is(s, "!=") || next(s)) && want(s, "0");
}

static bool parse_tcp_flags(struct parser *s, struct nft_rule *r)
{
	bool exact;

	if (!begin(s, r, NFT_TCP_FLAGS) || !take_bits(s, nft_tcp_flags, "not a TCP flag", &r->flags) || !take(s, "/", &exact))
		return false;
	if (!exact)
		return true;
	if (!take_bits(s, nft_tcp_flags, "not a TCP flag", &r->flags_mask))
		return false;
	return !(r->flags & ~r->flags_mask) || fail(s, "a flag before '/' is not among those behind it");
}

static bool parse_transport(struct parser *s, struct nft_rule *r, u8 proto)
{
	if (!set_proto(s, r, proto))
		return false;
	if (is(s, "sport"))
		return next(s) && begin(s, r, NFT_SPORT) && take_ports(s, &r->sport);
	if (is(s, "dport"))
		return next(s) && begin(s, r, NFT_DPORT) && take_ports(s, &r->dport);
	if (proto != IPPROTO_TCP || !is(s, "flags"))
		return fail(s, proto == IPPROTO_TCP ? "'sport', 'dport' or 'flags' is expected here" :
						      "'sport' or 'dport' is expected here");
	return next(s) && parse_tcp_flags(s, r);
}
static bool parse_tcp(struct parser *s, struct nft_rule *r) { return parse_transport(s, r, IPPROTO_TCP); }
static bool parse_udp(struct parser *s, struct nft_rule *r) { return parse_transport(s, r, IPPROTO_UDP); }

static bool parse_icmp(struct parser *s, struct nft_rule *r)
{
	return set_proto(s, r, IPPROTO_ICMP) && want(s, "type") && begin(s, r, NFT_ICMP_TYPE) &&
	       take_name_or_number(s, nft_icmp_types, "not an ICMP type", &r->icmp_type);
}

static bool take_ifname(struct parser *s, char name[16])
{
	if (!s->word[0] || strlen(s->word) >= 16)
		return fail(s, "not the name of an interface");
	str_copy(name, s->word, 16);
	return next(s);
}
static bool parse_iif(struct parser *s, struct nft_rule *r)
{
	return begin(s, r, NFT_IIF) && take_ifname(s, r->iif);
}
static bool parse_oif(struct parser *s, struct nft_rule *r)
{
	return begin(s, r, NFT_OIF) && take_ifname(s, r->oif);
}

static bool parse_meta(struct parser *s, struct nft_rule *r)
{
	bool set, proto;
	u64 v;

	if (!take(s, "l4proto", &proto))
		return false;
	if (proto)
		return begin(s, r, NFT_PROTO) && take_name_or_number(s, nft_protos, "not a protocol", &r->proto);
	if (!want(s, "mark") || !take(s, "set", &set))
		return false;
	if (!set && !begin(s, r, NFT_MARK))
		return false;
	if (!take_number(s, UINT32_MAX, &v))
		return false;
	if (set)
		r->new_mark = (u32)v;
	else
		r->mark = (u32)v;
	r->set_mark |= set;
	return true;
}

static bool parse_ct(struct parser *s, struct nft_rule *r)
{
	return want(s, "state") && begin(s, r, NFT_CT) &&
	       take_bits(s, nft_ct_states, "not a state of a connection", &r->ct_states);
}

/* limit rate [over] N/UNIT [burst N packets] */
static bool parse_limit(struct parser *s, struct nft_rule *r)
{
	const struct nft_name *unit;
	char *slash;
	u64 v;

	if (r->limited)
		return fail(s, "the rule has a limit already");
	if (!want(s, "rate") || !take(s, "over", &r->over))
		return false;
	slash = strchr(s->word, '/');
	unit = slash ? find_name(units, slash + 1) : NULL;
	if (slash)
		*slash = 0;
	if (!unit || str_to_u64(s->word, &v) || !v || v > 1000000)
		return fail(s, "a rate is 1 to 1000000 and /second, /minute, /hour or /day");
	r->limited = true;
	r->rate = (u32)v;
	r->unit_s = unit_s[unit->value];
	r->burst = NFT_BURST;
	if (!next(s))
		return false;
	if (!is(s, "burst"))
		return true;
	if (!next(s) || !take_number(s, 1000000, &v) || !want(s, "packets"))
		return false;
	r->burst = (u32)MAX(v, (u64)1);
	return true;
}

/* ---- statements ---- */
static bool parse_counter(struct parser *s, struct nft_rule *r)
{
	r->counted = true;
	if (!is(s, "packets"))
		return true;
	return next(s) && take_number(s, UINT64_MAX, &r->packets) && want(s, "bytes") &&
	       take_number(s, UINT64_MAX, &r->bytes);
}

static bool parse_log(struct parser *s, struct nft_rule *r)
{
	bool prefix;

	r->logged = true;
	if (!take(s, "prefix", &prefix))
		return false;
	if (!prefix)
		return true;
	if (!s->word[0] || strlen(s->word) >= NFT_PREFIX_MAX)
		return fail(s, "a prefix has 1 to 31 characters");
	str_copy(r->prefix, s->word, sizeof(r->prefix));
	return next(s);
}

static bool is_base(unsigned chain) { return chain < NR_NF_HOOKS; }

static int find_chain(const struct nft_ruleset *rs, const char *name)
{
	for (int i = 0; i < rs->nr_chains; i++)
		if (!strcmp(rs->chains[i].name, name))
			return i;
	return -1;
}

static bool parse_jump(struct parser *s, struct nft_rule *r)
{
	int i = find_chain(s->rs, s->word);

	if (i < 0)
		return fail(s, "there is no such chain");
	if (is_base((unsigned)i))
		return fail(s, "nothing jumps to a base chain");
	r->jump = (u8)i;
	return next(s);
}

static bool parse_reject(struct parser *s, struct nft_rule *r)
{
	const struct nft_name *n;
	bool with, tcp;

	r->reject_code = ICMP_PORT_UNREACH;
	if (r->chain == NF_PRE_ROUTING || r->chain == NF_POST_ROUTING)
		return fail(s, "reject is for input, forward, output and what they jump to");
	if (!take(s, "with", &with))
		return false;
	if (!with)
		return true;
	if (!take(s, "tcp", &tcp))
		return false;
	if (tcp && !((r->has & NFT_PROTO) && r->proto == IPPROTO_TCP && !(r->not & NFT_PROTO)))
		return fail(s, "a reset answers TCP: the rule must match it first");
	r->reject_rst = tcp;
	if (tcp)
		return want(s, "reset");
	if (!want(s, "icmp") || (is(s, "type") && !next(s)))
		return false;
	n = find_name(nft_reject_codes, s->word);
	if (!n)
		return fail(s, "not a kind of 'unreachable'");
	r->reject_code = n->value;
	return next(s);
}

static const struct term {
	const char *word;
	bool (*parse)(struct parser *s, struct nft_rule *r); /* of what follows; NULL: nothing does */
	u8 verdict;
} terms[] = {
	{ "ip", parse_ip, 0 },
	{ "tcp", parse_tcp, 0 },
	{ "udp", parse_udp, 0 },
	{ "icmp", parse_icmp, 0 },
	{ "iifname", parse_iif, 0 },
	{ "oifname", parse_oif, 0 },
	{ "iif", parse_iif, 0 },
	{ "oif", parse_oif, 0 },
	{ "meta", parse_meta, 0 },
	{ "ct", parse_ct, 0 },
	{ "limit", parse_limit, 0 },
	{ "counter", parse_counter, 0 },
	{ "log", parse_log, 0 },
	{ "accept", NULL, NFT_ACCEPT },
	{ "drop", NULL, NFT_DROP },
	{ "return", NULL, NFT_RETURN },
	{ "reject", parse_reject, NFT_REJECT },
	{ "jump", parse_jump, NFT_JUMP },
};

static bool parse_term(struct parser *s, struct nft_rule *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(terms); i++) {
		if (!is(s, terms[i].word))
			continue;
		if (r->verdict)
			return fail(s, "nothing follows the verdict");
		r->verdict = terms[i].verdict;
		return next(s) && (!terms[i].parse || terms[i].parse(s, r));
	}
	return fail(s, "neither a match nor a statement");
}

static bool parse_rule(struct parser *s, struct nft_rule *r)
{
	if (!s->word[0])
		return fail(s, "the rule is empty");
	while (s->word[0] || s->quoted)
		if (!parse_term(s, r))
			return false;
	return true;
}

/* ---- the ruleset ---- */
static void shift_chains(struct nft_ruleset *rs, unsigned behind, int by)
{
	rs->chains[behind].nr = (u16)(rs->chains[behind].nr + by);
	for (unsigned i = behind + 1; i < rs->nr_chains; i++)
		rs->chains[i].first = (u16)(rs->chains[i].first + by);
	rs->nr_rules = (u16)(rs->nr_rules + by);
}

static void put_rule(struct nft_ruleset *rs, const struct nft_rule *r, unsigned at)
{
	memmove(&rs->rules[at + 1], &rs->rules[at], (rs->nr_rules - at) * sizeof(*r));
	rs->rules[at] = *r;
	rs->rules[at].handle = rs->next_handle++;
	shift_chains(rs, r->chain, 1);
}

static void remove_rules(struct nft_ruleset *rs, unsigned chain, unsigned at, unsigned nr)
{
	memmove(&rs->rules[at], &rs->rules[at + nr], (rs->nr_rules - at - nr) * sizeof(rs->rules[0]));
	shift_chains(rs, chain, -(int)nr);
}

/* Rules of `chain` and below never go deeper than this. */
static bool depth_is_bounded(const struct nft_ruleset *rs, unsigned chain, unsigned depth)
{
	const struct nft_chain *c = &rs->chains[chain];

	if (depth > NFT_DEPTH_MAX)
		return false;
	for (unsigned i = c->first; i < c->first + c->nr; i++)
		if (rs->rules[i].verdict == NFT_JUMP && !depth_is_bounded(rs, rs->rules[i].jump, depth + 1))
			return false;
	return true;
}

/* ---- commands ---- */
static bool take_chain(struct parser *s, unsigned *chain)
{
	int i = find_chain(s->rs, s->word);

	if (i < 0)
		return fail(s, "there is no such chain");
	*chain = (unsigned)i;
	return next(s);
}

static bool put_command(struct parser *s, bool first)
{
	struct nft_rule r = { 0 };
	unsigned chain, line = s->at_line, column = s->at_column;
	const struct nft_chain *c;

	if (!take_chain(s, &chain))
		return false;
	r.chain = (u8)chain;
	if (s->rs->nr_rules == NFT_RULES_MAX)
		return fail(s, "there are 512 rules already");
	if (!parse_rule(s, &r))
		return false;
	c = &s->rs->chains[chain];
	put_rule(s->rs, &r, c->first + (first ? 0u : c->nr));
	if (r.verdict != NFT_JUMP)
		return true;
	for (unsigned i = 0; i < s->rs->nr_chains; i++) {
		if (depth_is_bounded(s->rs, i, 0))
			continue;
		s->at_line = line;
		s->at_column = column;
		return fail(s, "jumps from here go round in a circle, or deeper than 8");
	}
	return true;
}

static bool add_chain(struct parser *s)
{
	int i = find_chain(s->rs, s->word);
	struct nft_chain *c;
	bool policy;

	if (i < 0) {
		if (!s->word[0] || s->quoted || strlen(s->word) >= NFT_NAME || strchr(",{}", s->word[0]))
			return fail(s, "not a name for a chain");
		if (s->rs->nr_chains == NFT_CHAINS_MAX)
			return fail(s, "there are 32 chains already");
		i = s->rs->nr_chains++;
		c = &s->rs->chains[i];
		*c = (struct nft_chain){ .first = s->rs->nr_rules };
		str_copy(c->name, s->word, sizeof(c->name));
	}
	c = &s->rs->chains[i];
	if (!next(s) || !take(s, "policy", &policy))
		return false;
	if (!policy)
		return true;
	if (!is_base((unsigned)i))
		return fail(s, "a base chain alone has a policy");
	if (!is(s, "accept") && !is(s, "drop"))
		return fail(s, "a policy is accept or drop");
	c->drop = is(s, "drop");
	return next(s);
}

static bool delete_chain(struct parser *s)
{
	struct nft_ruleset *rs = s->rs;
	unsigned chain;

	if (find_chain(rs, s->word) >= 0 && is_base((unsigned)find_chain(rs, s->word)))
		return fail(s, "base chains stay");
	for (unsigned i = 0; i < rs->nr_rules; i++)
		if (rs->rules[i].verdict == NFT_JUMP && !strcmp(rs->chains[rs->rules[i].jump].name, s->word))
			return fail(s, "a rule jumps there");
	if (!take_chain(s, &chain))
		return false;
	remove_rules(rs, chain, rs->chains[chain].first, rs->chains[chain].nr);
	rs->nr_chains--;
	memmove(&rs->chains[chain], &rs->chains[chain + 1], (rs->nr_chains - chain) * sizeof(rs->chains[0]));
	for (unsigned i = 0; i < rs->nr_rules; i++) {
		rs->rules[i].chain = (u8)(rs->rules[i].chain - (rs->rules[i].chain > chain));
		rs->rules[i].jump = (u8)(rs->rules[i].jump - (rs->rules[i].jump > chain));
	}
	return true;
}

static bool delete_rule(struct parser *s)
{
	const struct nft_chain *c;
	unsigned chain, i;
	u64 handle;

	if (!take_chain(s, &chain) || !want(s, "handle"))
		return false;
	c = &s->rs->chains[chain];
	if (str_to_u64(s->word, &handle))
		return fail(s, "not a handle; 'nft -a list ruleset' shows them");
	for (i = c->first; i < c->first + c->nr && s->rs->rules[i].handle != handle; i++)
		;
	if (i == c->first + c->nr)
		return fail(s, "the chain has no rule with this handle");
	remove_rules(s->rs, chain, i, 1);
	return next(s);
}

static bool flush_chain(struct parser *s)
{
	unsigned chain;

	if (!take_chain(s, &chain))
		return false;
	remove_rules(s->rs, chain, s->rs->chains[chain].first, s->rs->chains[chain].nr);
	return true;
}

static bool flush_ruleset(struct parser *s)
{
	s->rs->nr_rules = 0;
	s->rs->nr_chains = NR_NF_HOOKS;
	for (unsigned i = 0; i < NR_NF_HOOKS; i++) {
		s->rs->chains[i].first = s->rs->chains[i].nr = 0;
		s->rs->chains[i].drop = false;
	}
	return true;
}

static bool add_rule(struct parser *s) { return put_command(s, false); }
static bool insert_rule(struct parser *s) { return put_command(s, true); }

static const struct command {
	const char *verb, *noun;
	bool (*run)(struct parser *s); /* the word is what follows both */
} commands[] = {
	{ "add", "rule", add_rule },	     { "insert", "rule", insert_rule },
	{ "delete", "rule", delete_rule },   { "add", "chain", add_chain },
	{ "delete", "chain", delete_chain }, { "flush", "chain", flush_chain },
	{ "flush", "ruleset", flush_ruleset },
};

static bool parse_command(struct parser *s)
{
	bool verb_known = false;
	char verb[WORD_MAX];

	str_copy(verb, s->word, sizeof(verb));
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		verb_known |= !strcmp(commands[i].verb, verb);
	if (!verb_known)
		return fail(s, "a command begins with add, insert, delete or flush");
	if (!next(s))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].verb, verb) && is(s, commands[i].noun))
			return next(s) && commands[i].run(s) &&
			       (!s->word[0] || fail(s, "nothing more is expected here"));
	return fail(s, "'rule', 'chain' or 'ruleset' is expected here");
}

bool nft_parse(struct nft_ruleset *rs, const char *text, struct nft_error *err)
{
	struct parser s = { .rs = rs, .err = err, .p = text, .line = 1, .column = 1 };

	*err = (struct nft_error){ 0 };
	for (;;) {
		if (!next(&s) || (s.word[0] && !parse_command(&s)))
			return false;
		if (!*s.p)
			return true;
		if (*s.p != ';' && *s.p != '\n')
			return fail(&s, "not understood");
		step(&s);
	}
}
