/* SPDX-License-Identifier: MIT
 * nft_parse.c - the commands of nft's language: tables, chains and rules come and go. Owns nothing; the caller's ruleset is
 * changed command by command, and thrown away by the caller when one is refused. Control path.
 *
 * Names of tables may be left out: a chain without one is looked for in table filter.
 */
#include "net/netfilter/nft_parser.h"
#include "lib/printf.h"

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

static void empty_chain(struct nft_ruleset *rs, unsigned chain)
{
	remove_rules(rs, chain, rs->chains[chain].first, rs->chains[chain].nr);
}

static void remove_chain(struct nft_ruleset *rs, unsigned chain)
{
	empty_chain(rs, chain);
	rs->nr_chains--;
	memmove(&rs->chains[chain], &rs->chains[chain + 1], (rs->nr_chains - chain) * sizeof(rs->chains[0]));
	for (unsigned i = 0; i < rs->nr_rules; i++) {
		rs->rules[i].chain = (u8)(rs->rules[i].chain - (rs->rules[i].chain > chain));
		rs->rules[i].jump = (u8)(rs->rules[i].jump - (rs->rules[i].jump > chain));
	}
}

static bool is_permanent(unsigned chain) { return chain < NR_NF_HOOKS; }

/* ---- what a whole ruleset must hold ---- */
/* Jumps end, soon, and lead past no more rules than a packet may meet. Each round counts one jump further. */
static const char *check_jumps(const struct nft_ruleset *rs)
{
	u32 cost[NFT_CHAINS_MAX] = { 0 }, before[NFT_CHAINS_MAX];
	unsigned rounds = 0;

	do {
		if (rounds++ > NFT_DEPTH_MAX + 1)
			return "jumps from here go round in a circle, or deeper than 8";
		memcpy(before, cost, sizeof(cost));
		memset(cost, 0, sizeof(cost));
		for (unsigned i = 0; i < rs->nr_rules; i++) {
			const struct nft_rule *r = &rs->rules[i];

			cost[r->chain] += 1 + (r->verdict == NFT_JUMP ? before[r->jump] : 0);
			if (cost[r->chain] > NFT_WALK_MAX)
				return "a packet could meet more than 4096 rules by these jumps";
		}
	} while (memcmp(before, cost, sizeof(cost)));
	return NULL;
}

/* The chains that packets of base chain `base` can come to, as bits. */
static u32 reached_from(const struct nft_ruleset *rs, unsigned base)
{
	u32 reached = 1u << base, before;

	do {
		before = reached;
		for (unsigned i = 0; i < rs->nr_rules; i++)
			if (rs->rules[i].verdict == NFT_JUMP && (reached >> rs->rules[i].chain & 1))
				reached |= 1u << rs->rules[i].jump;
	} while (reached != before);
	return reached;
}

/* May the verdict of a rule be given in base chain c? NULL: yes. */
static const char *check_verdict(const struct nft_chain *c, u8 v)
{
	if (!NFT_IS_NAT(v))
		return NULL;
	if (!c->nat)
		return "translating is for chains of type nat";
	if ((v == NFT_DNAT || v == NFT_REDIRECT) && c->hook != NF_PRE_ROUTING && c->hook != NF_LOCAL_OUT)
		return "dnat and redirect are for hooks prerouting and output";
	if (v == NFT_MASQUERADE && c->hook != NF_POST_ROUTING)
		return "masquerade is for hook postrouting";
	if (v == NFT_SNAT && c->hook != NF_POST_ROUTING && c->hook != NF_LOCAL_IN)
		return "snat is for hooks postrouting and input";
	return NULL;
}

static const char *check_verdicts(const struct nft_ruleset *rs)
{
	const char *why;

	for (unsigned c = 0; c < rs->nr_chains; c++) {
		u32 reached = rs->chains[c].base ? reached_from(rs, c) : 0;

		for (unsigned i = 0; i < rs->nr_rules && reached; i++) {
			why = reached >> rs->rules[i].chain & 1 ? check_verdict(&rs->chains[c], rs->rules[i].verdict) : NULL;
			if (why)
				return why;
		}
	}
	return NULL;
}

/* Complains about the place `at`, where the command began, when something does not fit together any more. */
static bool check_ruleset(const struct parser *s, struct parser *at)
{
	const char *why = check_jumps(s->rs) ?: check_verdicts(s->rs);

	return !why || nft_fail(at, why);
}

/* ---- tables ---- */
/* family < 0: of any, the first. */
static int find_table(const struct nft_ruleset *rs, const char *name, int family)
{
	for (int i = 0; i < rs->nr_tables; i++)
		if (!strcmp(rs->tables[i].name, name) && (family < 0 || rs->tables[i].family == family))
			return i;
	return -1;
}

static const struct nft_name *family_word(const struct parser *s)
{
	return s->quoted ? NULL : nft_find_name(nft_families, s->word);
}

/* [FAMILY] before a table's name; *family: -1 when it is not said. */
static bool take_family(struct parser *s, int *family)
{
	const struct nft_name *n = family_word(s);

	*family = n ? n->value : -1;
	return !n || nft_next(s);
}

/* [FAMILY] NAME, made when it is not there; of family ip when that is not said. */
static bool take_new_table(struct parser *s, unsigned *table)
{
	int i, family;

	if (!take_family(s, &family))
		return false;
	i = find_table(s->rs, s->word, family);
	if (i < 0) {
		if (!nft_is_new_name(s))
			return nft_fail(s, "not a name for a table");
		if (s->rs->nr_tables == NFT_TABLES_MAX)
			return nft_fail(s, "there are 8 tables already");
		i = s->rs->nr_tables++;
		str_copy(s->rs->tables[i].name, s->word, NFT_NAME);
		s->rs->tables[i].family = (u8)(family < 0 ? NFT_IP : family);
	}
	*table = (unsigned)i;
	return nft_next(s);
}

static bool take_table(struct parser *s, unsigned *table)
{
	int i, family;

	if (!take_family(s, &family))
		return false;
	i = find_table(s->rs, s->word, family);
	if (i < 0)
		return nft_fail(s, "there is no such table");
	*table = (unsigned)i;
	return nft_next(s);
}

/* [[FAMILY] TABLE] before a chain: taken where the word is a table's name and something that can be a chain's follows, which for
 * a chain that is to be made is a word, and else one that is there. */
static bool take_table_of_chain(struct parser *s, bool new_chain, unsigned *table)
{
	struct parser ahead = *s;
	int i;

	*table = 0;
	if (family_word(s))
		return new_chain ? take_new_table(s, table) : take_table(s, table);
	i = find_table(s->rs, s->word, -1);
	if (i < 0 || !nft_next(&ahead))
		return true;
	if (new_chain ? !nft_is_new_name(&ahead) || nft_is(&ahead, "policy") :
			nft_find_chain(s->rs, (unsigned)i, ahead.word) < 0)
		return true;
	*table = (unsigned)i;
	*s = ahead;
	return true;
}

bool nft_take_table_before(struct parser *s, unsigned *table)
{
	struct parser ahead = *s;
	int i = find_table(s->rs, s->word, -1);

	if (family_word(s))
		return take_table(s, table);
	if (i < 0 || !nft_next(&ahead) || !nft_is_new_name(&ahead))
		return true;
	*table = (unsigned)i;
	*s = ahead;
	return true;
}

static bool take_chain(struct parser *s, unsigned *chain)
{
	unsigned table = 0;
	int i;

	if (!take_table_of_chain(s, false, &table))
		return false;
	i = nft_find_chain(s->rs, table, s->word);
	if (i < 0)
		return nft_fail(s, "there is no such chain");
	*chain = (unsigned)i;
	return nft_next(s);
}

/* ---- rules ---- */
static bool put_in_chain(struct parser *s, unsigned chain, bool first)
{
	const struct nft_chain *c = &s->rs->chains[chain];
	struct nft_rule r = { .chain = (u8)chain };
	struct parser at = *s;

	if (s->rs->nr_rules == NFT_RULES_MAX)
		return nft_fail(s, "there are 512 rules already");
	if (!nft_parse_rule(s, &r))
		return false;
	put_rule(s->rs, &r, c->first + (first ? 0u : c->nr));
	return (r.verdict != NFT_JUMP && !NFT_IS_NAT(r.verdict)) || check_ruleset(s, &at);
}

static bool put_command(struct parser *s, bool first)
{
	unsigned chain = 0;

	return take_chain(s, &chain) && put_in_chain(s, chain, first);
}
static bool add_rule(struct parser *s) { return put_command(s, false); }
static bool insert_rule(struct parser *s) { return put_command(s, true); }

static bool delete_rule(struct parser *s)
{
	const struct nft_chain *c;
	unsigned chain = 0, i;
	u64 handle;

	if (!take_chain(s, &chain) || !nft_want(s, "handle"))
		return false;
	c = &s->rs->chains[chain];
	if (str_to_u64(s->word, &handle))
		return nft_fail(s, "not a handle; 'nft -a list ruleset' shows them");
	for (i = c->first; i < c->first + c->nr && s->rs->rules[i].handle != handle; i++)
		;
	if (i == c->first + c->nr)
		return nft_fail(s, "the chain has no rule with this handle");
	remove_rules(s->rs, chain, i, 1);
	return nft_next(s);
}

/* ---- chains ---- */
static bool take_new_chain(struct parser *s, unsigned table, unsigned *chain)
{
	int i = nft_find_chain(s->rs, table, s->word);
	struct nft_chain *c;

	if (i < 0) {
		if (!nft_is_new_name(s))
			return nft_fail(s, "not a name for a chain");
		if (s->rs->nr_chains == NFT_CHAINS_MAX)
			return nft_fail(s, "there are 32 chains already");
		i = s->rs->nr_chains++;
		c = &s->rs->chains[i];
		*c = (struct nft_chain){ .first = s->rs->nr_rules, .table = (u8)table };
		str_copy(c->name, s->word, sizeof(c->name));
	}
	*chain = (unsigned)i;
	return nft_next(s);
}

/* NAME, a number, or NAME + N, NAME - N. */
static bool take_priority(struct parser *s, const struct nft_chain *c, s32 *priority)
{
	const struct nft_priority *n = nft_priorities;
	bool minus = s->word[0] == '-', plus = false;
	u64 v = 0;

	while (n->name && strcmp(n->name, s->word))
		n++;
	if (n->name && !(n->hooks >> c->hook & 1))
		return nft_fail(s, "this priority does not go with the hook");
	if (n->name) {
		if (!nft_next(s))
			return false;
		minus = nft_is(s, "-");
		plus = nft_is(s, "+");
		if ((minus || plus) && (!nft_next(s) || !nft_take_number(s, 1000, &v)))
			return false;
	} else if (str_to_u64(s->word + minus, &v) || v > 1000) {
		return nft_fail(s, "a priority is a name, a number from -1000 to 1000, or NAME + N");
	} else if (!nft_next(s)) {
		return false;
	}
	*priority = (s32)(n->name ? n->value : 0) + (minus ? -(s32)v : (s32)v);
	return true;
}

static unsigned filters_at(const struct nft_ruleset *rs, u8 hook)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < rs->nr_chains; i++)
		nr += rs->chains[i].base && !rs->chains[i].nat && rs->chains[i].hook == hook &&
		      (!is_permanent(i) || !nft_is_idle(&rs->chains[i]));
	return nr;
}

/* The place of `want`, in a chain that may be a base chain already: the same one, or an untouched one of those that are
 * always there. */
static bool set_base(struct parser *s, unsigned chain, const struct nft_chain *want, struct parser *at)
{
	struct nft_chain *c = &s->rs->chains[chain];
	bool same = c->base && c->nat == want->nat && c->hook == want->hook && c->priority == want->priority;

	if (same)
		return true;
	if (is_permanent(chain))
		return nft_fail(at, "this chain has its place already: type filter, the hook of its name, its priority");
	if (c->base || c->nr)
		return nft_fail(at, "the chain is there already, and not like this");
	if (want->nat && s->rs->tables[want->table].family != NFT_IP)
		return nft_fail(at, "IPv4 alone is translated: chains of type nat are in tables of family ip");
	if (want->nat && want->hook == NF_FORWARD)
		return nft_fail(at, "a chain of type nat is not for hook forward");
	if (!want->nat && filters_at(s->rs, want->hook) == NFT_HOOK_MAX)
		return nft_fail(at, "the hook has 4 base chains already");
	*c = *want;
	return true;
}

/* type filter|nat hook HOOK priority PRIORITY */
static bool parse_type(struct parser *s, unsigned chain)
{
	struct nft_chain want = s->rs->chains[chain];
	struct parser at = *s;
	const struct nft_name *hook;

	want.base = true;
	if (!nft_want(s, "type"))
		return false;
	want.nat = nft_is(s, "nat");
	if (!want.nat && !nft_is(s, "filter"))
		return nft_fail(s, "a type is filter or nat");
	if (!nft_next(s) || !nft_want(s, "hook"))
		return false;
	hook = nft_find_name(nft_hooks, s->word);
	if (!hook)
		return nft_fail(s, "a hook is prerouting, input, forward, output or postrouting");
	want.hook = hook->value;
	return nft_next(s) && nft_want(s, "priority") && take_priority(s, &want, &want.priority) &&
	       set_base(s, chain, &want, &at);
}

static bool parse_policy(struct parser *s, unsigned chain)
{
	struct nft_chain *c = &s->rs->chains[chain];

	if (!nft_next(s))
		return false;
	if (!c->base)
		return nft_fail(s, "a base chain alone has a policy");
	if (!nft_is(s, "accept") && !nft_is(s, "drop"))
		return nft_fail(s, "a policy is accept or drop");
	if (c->nat && nft_is(s, "drop"))
		return nft_fail(s, "a chain of type nat filters nothing");
	c->drop = nft_is(s, "drop");
	return nft_next(s);
}

bool nft_skip_ends(struct parser *s)
{
	while (!s->word[0] && !s->quoted && (*s->p == ';' || *s->p == '\n')) {
		nft_step(s);
		if (!nft_next(s))
			return false;
	}
	return true;
}

/* A { } block of `chain`: its place, its policy, its rules. */
static bool parse_chain_block(struct parser *s, unsigned chain)
{
	bool ok = nft_want(s, "{") && nft_skip_ends(s);

	s->in_block = true;
	while (ok && !nft_is(s, "}")) {
		if (!s->word[0])
			ok = nft_fail(s, "'}' is expected here");
		else if (nft_is(s, "type"))
			ok = parse_type(s, chain);
		else if (nft_is(s, "policy"))
			ok = parse_policy(s, chain);
		else
			ok = put_in_chain(s, chain, false);
		if (ok && s->word[0] && !nft_is(s, "}"))
			ok = nft_fail(s, "nothing more is expected here");
		ok = ok && nft_skip_ends(s);
	}
	s->in_block = false;
	return ok && nft_next(s);
}

static bool add_chain(struct parser *s)
{
	unsigned table = 0, chain = 0;

	if (!take_table_of_chain(s, true, &table) || !take_new_chain(s, table, &chain))
		return false;
	if (nft_is(s, "policy"))
		return parse_policy(s, chain);
	return !nft_is(s, "{") || parse_chain_block(s, chain);
}

static bool delete_chain(struct parser *s)
{
	struct nft_ruleset *rs = s->rs;
	struct parser at = *s;
	unsigned chain = 0;

	if (!take_chain(s, &chain))
		return false;
	if (is_permanent(chain))
		return nft_fail(&at, "base chains of table filter stay");
	for (unsigned i = 0; i < rs->nr_rules; i++)
		if (rs->rules[i].verdict == NFT_JUMP && rs->rules[i].jump == chain)
			return nft_fail(&at, "a rule jumps there");
	remove_chain(rs, chain);
	return true;
}

static bool flush_chain(struct parser *s)
{
	unsigned chain = 0;

	if (!take_chain(s, &chain))
		return false;
	empty_chain(s->rs, chain);
	return true;
}

/* ---- commands about tables ---- */
static bool parse_table_block(struct parser *s, unsigned table)
{
	unsigned chain = 0;

	if (!nft_want(s, "{") || !nft_skip_ends(s))
		return false;
	while (!nft_is(s, "}")) {
		bool set = nft_is(s, "set");

		if (!set && !nft_is(s, "chain"))
			return nft_fail(s, "'chain', 'set' or '}' is expected here");
		if (!nft_next(s))
			return false;
		if (set ? !nft_new_set(s, table) : !take_new_chain(s, table, &chain) || !parse_chain_block(s, chain))
			return false;
		if (s->word[0] && !nft_is(s, "}"))
			return nft_fail(s, "a chain, a set or '}' is expected here");
		if (!nft_skip_ends(s))
			return false;
	}
	return nft_next(s);
}

static bool add_table(struct parser *s)
{
	unsigned table = 0;

	return take_new_table(s, &table) && (!nft_is(s, "{") || parse_table_block(s, table));
}

static void empty_table(struct nft_ruleset *rs, unsigned table)
{
	for (unsigned i = 0; i < rs->nr_chains; i++)
		if (rs->chains[i].table == table)
			empty_chain(rs, i);
}

static bool flush_table(struct parser *s)
{
	unsigned table = 0;

	if (!take_table(s, &table))
		return false;
	empty_table(s->rs, table);
	return true;
}

static bool delete_table(struct parser *s)
{
	struct nft_ruleset *rs = s->rs;
	unsigned table = 0;

	if (!take_table(s, &table))
		return false;
	empty_table(rs, table);
	for (unsigned i = rs->nr_chains; i-- > NR_NF_HOOKS;)
		if (rs->chains[i].table == table)
			remove_chain(rs, i);
	nft_table_goes(rs, table);
	for (unsigned i = 0; i < NR_NF_HOOKS && !table; i++)
		rs->chains[i].drop = false;
	if (!table)
		return true;
	rs->nr_tables--;
	memmove(&rs->tables[table], &rs->tables[table + 1], (rs->nr_tables - table) * sizeof(rs->tables[0]));
	for (unsigned i = 0; i < rs->nr_chains; i++)
		rs->chains[i].table = (u8)(rs->chains[i].table - (rs->chains[i].table > table));
	return true;
}

static bool flush_ruleset(struct parser *s)
{
	nft_ruleset_reset(s->rs);
	return true;
}

static const struct command {
	const char *verb, *noun;
	bool (*run)(struct parser *s); /* the word is what follows both */
} commands[] = {
	{ "add", "rule", add_rule },	     { "insert", "rule", insert_rule },
	{ "delete", "rule", delete_rule },   { "add", "chain", add_chain },
	{ "delete", "chain", delete_chain }, { "flush", "chain", flush_chain },
	{ "add", "table", add_table },	     { "delete", "table", delete_table },
	{ "flush", "table", flush_table },   { "flush", "ruleset", flush_ruleset },
	{ "add", "set", nft_add_set },	     { "delete", "set", nft_delete_set },
	{ "flush", "set", nft_flush_set },   { "add", "element", nft_add_element },
	{ "delete", "element", nft_delete_element },
};

static bool parse_command(struct parser *s)
{
	bool verb_known = false;
	char verb[NFT_WORD_MAX];

	if (nft_is(s, "table"))
		return nft_next(s) && add_table(s);
	str_copy(verb, s->word, sizeof(verb));
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		verb_known |= !strcmp(commands[i].verb, verb);
	if (!verb_known)
		return nft_fail(s, "a command begins with table, add, insert, delete or flush");
	if (!nft_next(s))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].verb, verb) && nft_is(s, commands[i].noun))
			return nft_next(s) && commands[i].run(s);
	return nft_fail(s, "'rule', 'chain', 'table', 'set', 'element' or 'ruleset' is expected here");
}

bool nft_parse(struct nft_ruleset *rs, const char *text, struct nft_error *err)
{
	struct parser s = { .rs = rs, .err = err, .p = text, .line = 1, .column = 1 };

	*err = (struct nft_error){ 0 };
	for (;;) {
		if (!nft_next(&s) || (s.word[0] && !parse_command(&s)))
			return false;
		if (s.word[0])
			return nft_fail(&s, "nothing more is expected here");
		if (!*s.p)
			return true;
		if (*s.p != ';' && *s.p != '\n')
			return nft_fail(&s, "not understood");
		nft_step(&s);
	}
}
