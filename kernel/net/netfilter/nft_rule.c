/* SPDX-License-Identifier: MIT
 * nft_rule.c - one rule of nft's language: its matches and statements. Owns nothing. Control path.
 */
#include "net/netfilter/nft_parser.h"
#include "net/wire/tcp.h"

static const struct nft_name units[] = {
	{ "second", 0 }, { "minute", 1 }, { "hour", 2 }, { "day", 3 }, { NULL, 0 },
};
static const u32 unit_s[] = { 1, 60, 3600, 86400 };

/* ---- matches, each behind its first word ---- */
/* Marks the match as there; a "!=" before its value negates it. */
static bool begin(struct parser *s, struct nft_rule *r, u32 match)
{
	bool negated;

	if (r->has & match)
		return nft_fail(s, "the rule has this match already");
	r->has |= match;
	if (!nft_take(s, "!=", &negated))
		return false;
	if (negated)
		r->not |= match;
	return true;
}

static bool set_proto(struct parser *s, struct nft_rule *r, u8 proto)
{
	if ((r->has & NFT_PROTO) && (r->proto != proto || (r->not & NFT_PROTO)))
		return nft_fail(s, "the rule is about another protocol already");
	r->has |= NFT_PROTO;
	r->proto = proto;
	return true;
}

/* The rule is about packets of this family alone. */
static bool set_family(struct parser *s, struct nft_rule *r, u8 family)
{
	u8 table = s->rs->tables[s->rs->chains[r->chain].table].family;

	if ((r->family && r->family != family) || (table && table != family))
		return nft_fail(s, "the rule, or its table, is about the other family");
	r->family = family;
	return true;
}

static bool take_v4(struct parser *s, struct nft_rule *r, enum nft_place place, be32 *addr, be32 *mask)
{
	bool set;

	return nft_take_set(s, r, place, NFT_SET_IPV4, &set) && (set || nft_take_prefix(s, addr, mask));
}

static bool take_v6(struct parser *s, struct nft_rule *r, enum nft_place place, struct ip_addr *addr, u8 *plen)
{
	bool set;

	return nft_take_set(s, r, place, NFT_SET_IPV6, &set) && (set || nft_take_prefix6(s, addr, plen));
}

static bool take_port(struct parser *s, struct nft_rule *r, enum nft_place place, struct nft_ports *ports)
{
	bool set;

	return nft_take_set(s, r, place, NFT_SET_PORT, &set) && (set || nft_take_ports(s, ports));
}

static bool parse_ip6(struct parser *s, struct nft_rule *r)
{
	if (!set_family(s, r, NFT_IP6))
		return false;
	if (nft_is(s, "saddr"))
		return nft_next(s) && begin(s, r, NFT_SADDR6) && take_v6(s, r, NFT_PLACE_SADDR, &r->saddr6, &r->plen6[0]);
	if (nft_is(s, "daddr"))
		return nft_next(s) && begin(s, r, NFT_DADDR6) && take_v6(s, r, NFT_PLACE_DADDR, &r->daddr6, &r->plen6[1]);
	return nft_want(s, "nexthdr") && begin(s, r, NFT_PROTO) &&
	       nft_take_name_or_number(s, nft_protos, "not a protocol", &r->proto);
}

static bool parse_icmpv6(struct parser *s, struct nft_rule *r)
{
	return set_family(s, r, NFT_IP6) && set_proto(s, r, IPPROTO_ICMPV6) && nft_want(s, "type") && begin(s, r, NFT_ICMP_TYPE) &&
	       nft_take_name_or_number(s, nft_icmpv6_types, "not an ICMPv6 type", &r->icmp_type);
}

static bool parse_ip(struct parser *s, struct nft_rule *r)
{
	if (!set_family(s, r, NFT_IP))
		return false;
	if (nft_is(s, "saddr"))
		return nft_next(s) && begin(s, r, NFT_SADDR) && take_v4(s, r, NFT_PLACE_SADDR, &r->saddr, &r->smask);
	if (nft_is(s, "daddr"))
		return nft_next(s) && begin(s, r, NFT_DADDR) && take_v4(s, r, NFT_PLACE_DADDR, &r->daddr, &r->dmask);
	if (nft_is(s, "protocol"))
		return nft_next(s) && begin(s, r, NFT_PROTO) &&
		       nft_take_name_or_number(s, nft_protos, "not a protocol", &r->proto);
	if (!nft_want(s, "frag-off"))
		return false;
	if (!nft_is(s, "!=") && !nft_is(s, "0"))
		return nft_fail(s, "frag-off is compared with 0: 'frag-off != 0' are later fragments");
	r->not |= nft_is(s, "!=") ? 0 : NFT_FRAG;
	r->has |= NFT_FRAG;
	return (!nft_is(s, "!=") || nft_next(s)) && nft_want(s, "0");
}

static bool parse_tcp_flags(struct parser *s, struct nft_rule *r)
{
	bool exact;

	if (!begin(s, r, NFT_TCP_FLAGS) || !nft_take_bits(s, nft_tcp_flags, "not a TCP flag", &r->flags) || !nft_take(s, "/", &exact))
		return false;
	if (!exact)
		return true;
	if (!nft_take_bits(s, nft_tcp_flags, "not a TCP flag", &r->flags_mask))
		return false;
	return !(r->flags & ~r->flags_mask) || nft_fail(s, "a flag before '/' is not among those behind it");
}

static bool parse_transport(struct parser *s, struct nft_rule *r, u8 proto)
{
	if (!set_proto(s, r, proto))
		return false;
	if (nft_is(s, "sport"))
		return nft_next(s) && begin(s, r, NFT_SPORT) && take_port(s, r, NFT_PLACE_SPORT, &r->sport);
	if (nft_is(s, "dport"))
		return nft_next(s) && begin(s, r, NFT_DPORT) && take_port(s, r, NFT_PLACE_DPORT, &r->dport);
	if (proto != IPPROTO_TCP || !nft_is(s, "flags"))
		return nft_fail(s, proto == IPPROTO_TCP ? "'sport', 'dport' or 'flags' is expected here" :
						      "'sport' or 'dport' is expected here");
	return nft_next(s) && parse_tcp_flags(s, r);
}
static bool parse_tcp(struct parser *s, struct nft_rule *r) { return parse_transport(s, r, IPPROTO_TCP); }
static bool parse_udp(struct parser *s, struct nft_rule *r) { return parse_transport(s, r, IPPROTO_UDP); }

static bool parse_icmp(struct parser *s, struct nft_rule *r)
{
	return set_family(s, r, NFT_IP) && set_proto(s, r, IPPROTO_ICMP) && nft_want(s, "type") && begin(s, r, NFT_ICMP_TYPE) &&
	       nft_take_name_or_number(s, nft_icmp_types, "not an ICMP type", &r->icmp_type);
}

static bool take_ifname(struct parser *s, char name[16])
{
	if (!s->word[0] || strlen(s->word) >= 16)
		return nft_fail(s, "not the name of an interface");
	str_copy(name, s->word, 16);
	return nft_next(s);
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

	if (!nft_take(s, "l4proto", &proto))
		return false;
	if (proto)
		return begin(s, r, NFT_PROTO) && nft_take_name_or_number(s, nft_protos, "not a protocol", &r->proto);
	if (!nft_want(s, "mark") || !nft_take(s, "set", &set))
		return false;
	if (!set && !begin(s, r, NFT_MARK))
		return false;
	if (!nft_take_number(s, UINT32_MAX, &v))
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
	return nft_want(s, "state") && begin(s, r, NFT_CT) &&
	       nft_take_bits(s, nft_ct_states, "not a state of a connection", &r->ct_states);
}

/* limit rate [over] N/UNIT [burst N packets] */
static bool parse_limit(struct parser *s, struct nft_rule *r)
{
	const struct nft_name *unit;
	char *slash;
	u64 v;

	if (r->limited)
		return nft_fail(s, "the rule has a limit already");
	if (!nft_want(s, "rate") || !nft_take(s, "over", &r->over))
		return false;
	slash = strchr(s->word, '/');
	unit = slash ? nft_find_name(units, slash + 1) : NULL;
	if (slash)
		*slash = 0;
	if (!unit || str_to_u64(s->word, &v) || !v || v > 1000000)
		return nft_fail(s, "a rate is 1 to 1000000 and /second, /minute, /hour or /day");
	r->limited = true;
	r->rate = (u32)v;
	r->unit_s = unit_s[unit->value];
	r->burst = NFT_BURST;
	if (!nft_next(s))
		return false;
	if (!nft_is(s, "burst"))
		return true;
	if (!nft_next(s) || !nft_take_number(s, 1000000, &v) || !nft_want(s, "packets"))
		return false;
	r->burst = (u32)MAX(v, (u64)1);
	return true;
}

/* ---- statements ---- */
static bool parse_counter(struct parser *s, struct nft_rule *r)
{
	r->counted = true;
	if (!nft_is(s, "packets"))
		return true;
	return nft_next(s) && nft_take_number(s, UINT64_MAX, &r->packets) && nft_want(s, "bytes") &&
	       nft_take_number(s, UINT64_MAX, &r->bytes);
}

static bool parse_log(struct parser *s, struct nft_rule *r)
{
	bool prefix;

	r->logged = true;
	if (!nft_take(s, "prefix", &prefix))
		return false;
	if (!prefix)
		return true;
	if (!s->word[0] || strlen(s->word) >= NFT_PREFIX_MAX)
		return nft_fail(s, "a prefix has 1 to 31 characters");
	str_copy(r->prefix, s->word, sizeof(r->prefix));
	return nft_next(s);
}

int nft_find_chain(const struct nft_ruleset *rs, unsigned table, const char *name)
{
	for (int i = 0; i < rs->nr_chains; i++)
		if (rs->chains[i].table == table && !strcmp(rs->chains[i].name, name))
			return i;
	return -1;
}

static bool parse_jump(struct parser *s, struct nft_rule *r)
{
	int i = nft_find_chain(s->rs, s->rs->chains[r->chain].table, s->word);

	if (i < 0)
		return nft_fail(s, "there is no such chain before this");
	if (s->rs->chains[i].base)
		return nft_fail(s, "nothing jumps to a base chain");
	r->jump = (u8)i;
	return nft_next(s);
}

static bool parse_reject(struct parser *s, struct nft_rule *r)
{
	const struct nft_name *n;
	bool with, tcp;
	const struct nft_chain *c = &s->rs->chains[r->chain];

	r->reject_code = ICMP_PORT_UNREACH;
	if (c->base && (c->hook == NF_PRE_ROUTING || c->hook == NF_POST_ROUTING))
		return nft_fail(s, "reject is for input, forward, output and what they jump to");
	if (!nft_take(s, "with", &with))
		return false;
	if (!with)
		return true;
	if (!nft_take(s, "tcp", &tcp))
		return false;
	if (tcp && !((r->has & NFT_PROTO) && r->proto == IPPROTO_TCP && !(r->not & NFT_PROTO)))
		return nft_fail(s, "a reset answers TCP: the rule must match it first");
	r->reject_rst = tcp;
	if (tcp)
		return nft_want(s, "reset");
	if (!nft_take(s, "icmpv6", &r->reject6) || !(r->reject6 ? set_family(s, r, NFT_IP6) : nft_want(s, "icmp")))
		return false;
	if (nft_is(s, "type") && !nft_next(s))
		return false;
	n = nft_find_name(r->reject6 ? nft_reject6_codes : nft_reject_codes, s->word);
	if (!n)
		return nft_fail(s, "not a kind of 'unreachable'");
	r->reject_code = n->value;
	return nft_next(s);
}

/* ---- NAT ---- */
/* Ports are TCP's and UDP's: the rule must say that it is about one of them. */
static bool check_ports(struct parser *s, const struct nft_rule *r)
{
	bool known = (r->has & NFT_PROTO) && !(r->not & NFT_PROTO) && ct_has_ports(r->proto);

	return !r->nat.port_lo || known || nft_fail(s, "a port is for TCP or UDP: the rule must match one of them first");
}

static bool take_nat(struct parser *s, struct nft_rule *r)
{
	return nft_take_nat_range(s, &r->nat) && check_ports(s, r);
}

static bool take_random(struct parser *s, struct nft_rule *r)
{
	r->nat.random = nft_is(s, "random") || nft_is(s, "fully-random");
	return !r->nat.random || nft_next(s);
}

static bool parse_snat(struct parser *s, struct nft_rule *r)
{
	if (!nft_want(s, "to") || !take_nat(s, r))
		return false;
	return r->nat.lo.raw ? take_random(s, r) : nft_fail(s, "snat is to an address; masquerade finds it by itself");
}

static bool parse_dnat(struct parser *s, struct nft_rule *r)
{
	return nft_want(s, "to") && take_nat(s, r) && take_random(s, r);
}

/* masquerade and redirect: [to :PORT[-PORT]], the address is the device's. */
static bool parse_own(struct parser *s, struct nft_rule *r)
{
	bool to;

	if (!nft_take(s, "to", &to))
		return false;
	if (to && s->word[0] != ':')
		return nft_fail(s, "a port with ':' before it is expected here");
	return (!to || take_nat(s, r)) && take_random(s, r);
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
	{ "ip6", parse_ip6, 0 },
	{ "icmpv6", parse_icmpv6, 0 },
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
	{ "dnat", parse_dnat, NFT_DNAT },
	{ "snat", parse_snat, NFT_SNAT },
	{ "masquerade", parse_own, NFT_MASQUERADE },
	{ "redirect", parse_own, NFT_REDIRECT },
};

static bool parse_term(struct parser *s, struct nft_rule *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(terms); i++) {
		if (!nft_is(s, terms[i].word))
			continue;
		if (r->verdict)
			return nft_fail(s, "nothing follows the verdict");
		r->verdict = terms[i].verdict;
		return nft_next(s) && (!terms[i].parse || terms[i].parse(s, r));
	}
	return nft_fail(s, "neither a match nor a statement");
}

bool nft_parse_rule(struct parser *s, struct nft_rule *r)
{
	if (!s->word[0])
		return nft_fail(s, "the rule is empty");
	while ((s->word[0] || s->quoted) && !(s->in_block && nft_is(s, "}")))
		if (!parse_term(s, r))
			return false;
	return true;
}
