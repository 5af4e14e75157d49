/* SPDX-License-Identifier: MIT
 * nft_print.c - rules as text, in the words they are written with, so that what is printed can be read back.
 */
#include "net/netfilter/nft_impl.h"
#include "lib/printf.h"

struct text {
	char *buf;
	size_t len;
};

static void __printf_(2, 3) put(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->len += (size_t)vscnprintf(t->buf + t->len, NFT_LINE_MAX - t->len, fmt, ap);
	va_end(ap);
}

static void put_name(struct text *t, const struct nft_name *n, u8 value)
{
	for (; n->name; n++) {
		if (n->value == value) {
			put(t, "%s ", n->name);
			return;
		}
	}
	put(t, "%u ", value);
}

static const char *sign(const struct nft_rule *r, u32 match)
{
	return r->not & match ? "!= " : "";
}

static void put_prefix(struct text *t, be32 addr, be32 mask)
{
	struct ip_addr a = ip_from_v4(addr);
	char s[IP_NTOP_MAX];
	unsigned plen = mask.raw ? 32 - (unsigned)__builtin_ctz(be32_get(mask)) : 0; /* a mask is ones, then zeros */

	put(t, "%s", ip_ntop(&a, s));
	put(t, plen == 32 ? " " : "/%u ", plen);
}

static void put_prefix6(struct text *t, const struct ip_addr *a, u8 plen)
{
	char s[IP_NTOP_MAX];

	put(t, "%s", ip_ntop(a, s));
	put(t, plen == 128 ? " " : "/%u ", plen);
}

static bool put_set(struct text *t, const struct nft_ruleset *rs, unsigned set)
{
	if (set)
		put(t, "@%s ", rs->sets[set - 1].name);
	return set;
}

static void put_ports(struct text *t, const struct nft_ports *p)
{
	if (p->nr > 1)
		put(t, "{ ");
	for (unsigned i = 0; i < p->nr; i++) {
		put(t, "%u", p->r[i].lo);
		if (p->r[i].hi != p->r[i].lo)
			put(t, "-%u", p->r[i].hi);
		put(t, i + 1 < p->nr ? ", " : " ");
	}
	if (p->nr > 1)
		put(t, "} ");
}

static void put_bits(struct text *t, const struct nft_name *n, u8 flags)
{
	bool first = true;

	for (; n->name; n++) {
		if (!(flags & n->value))
			continue;
		put(t, "%s%s", first ? "" : ",", n->name);
		first = false;
	}
	put(t, " ");
}

static void put_transport(struct text *t, const struct nft_ruleset *rs, const struct nft_rule *r)
{
	const char *proto = r->proto == IPPROTO_TCP ? "tcp" : "udp";
	bool six = r->proto == IPPROTO_ICMPV6;

	if (r->has & NFT_SPORT) {
		put(t, "%s sport %s", proto, sign(r, NFT_SPORT));
		if (!put_set(t, rs, r->set[NFT_PLACE_SPORT]))
			put_ports(t, &r->sport);
	}
	if (r->has & NFT_DPORT) {
		put(t, "%s dport %s", proto, sign(r, NFT_DPORT));
		if (!put_set(t, rs, r->set[NFT_PLACE_DPORT]))
			put_ports(t, &r->dport);
	}
	if (r->has & NFT_TCP_FLAGS) {
		put(t, "tcp flags %s", sign(r, NFT_TCP_FLAGS));
		put_bits(t, nft_tcp_flags, r->flags);
		if (r->flags_mask) {
			put(t, "/ ");
			put_bits(t, nft_tcp_flags, r->flags_mask);
		}
	}
	if (r->has & NFT_ICMP_TYPE) {
		put(t, "%s type %s", six ? "icmpv6" : "icmp", sign(r, NFT_ICMP_TYPE));
		put_name(t, six ? nft_icmpv6_types : nft_icmp_types, r->icmp_type);
	}
}

static void put_addresses(struct text *t, const struct nft_ruleset *rs, const struct nft_rule *r)
{
	u8 src = r->set[NFT_PLACE_SADDR], dst = r->set[NFT_PLACE_DADDR];

	if (r->has & NFT_SADDR) {
		put(t, "ip saddr %s", sign(r, NFT_SADDR));
		if (!put_set(t, rs, src))
			put_prefix(t, r->saddr, r->smask);
	}
	if (r->has & NFT_DADDR) {
		put(t, "ip daddr %s", sign(r, NFT_DADDR));
		if (!put_set(t, rs, dst))
			put_prefix(t, r->daddr, r->dmask);
	}
	if (r->has & NFT_SADDR6) {
		put(t, "ip6 saddr %s", sign(r, NFT_SADDR6));
		if (!put_set(t, rs, src))
			put_prefix6(t, &r->saddr6, r->plen6[0]);
	}
	if (r->has & NFT_DADDR6) {
		put(t, "ip6 daddr %s", sign(r, NFT_DADDR6));
		if (!put_set(t, rs, dst))
			put_prefix6(t, &r->daddr6, r->plen6[1]);
	}
}

static void put_matches(struct text *t, const struct nft_ruleset *rs, const struct nft_rule *r)
{
	if (r->has & NFT_IIF)
		put(t, "iifname %s\"%s\" ", sign(r, NFT_IIF), r->iif);
	if (r->has & NFT_OIF)
		put(t, "oifname %s\"%s\" ", sign(r, NFT_OIF), r->oif);
	put_addresses(t, rs, r);
	if ((r->has & NFT_PROTO) && !(r->has & NFT_L4)) {
		static const char *const words[] = { "meta l4proto", "ip protocol", "ip6 nexthdr" };

		put(t, "%s %s", words[r->family], sign(r, NFT_PROTO));
		put_name(t, nft_protos, r->proto);
	}
	put_transport(t, rs, r);
	if (r->has & NFT_CT) {
		put(t, "ct state %s", sign(r, NFT_CT));
		put_bits(t, nft_ct_states, r->ct_states);
	}
	if (r->has & NFT_FRAG)
		put(t, "ip frag-off %s0 ", r->not & NFT_FRAG ? "" : "!= ");
	if (r->has & NFT_MARK)
		put(t, "meta mark %s0x%08x ", sign(r, NFT_MARK), r->mark);
}

static const char *unit_name(u32 s)
{
	return s == 1 ? "second" : s == 60 ? "minute" : s == 3600 ? "hour" : "day";
}

static void put_nat(struct text *t, const struct nat_range *r, bool own)
{
	struct ip_addr lo = ip_from_v4(r->lo), hi = ip_from_v4(r->hi);
	char s[IP_NTOP_MAX];

	if (r->lo.raw)
		put(t, "%s", ip_ntop(&lo, s));
	if (r->lo.raw && !be32_eq(r->lo, r->hi))
		put(t, "-%s", ip_ntop(&hi, s));
	if (r->port_lo)
		put(t, "%s:%u", own ? "to " : "", r->port_lo);
	if (r->port_hi != r->port_lo)
		put(t, "-%u", r->port_hi);
	if (r->random)
		put(t, "%srandom", r->lo.raw || r->port_lo ? " " : "");
}

static void put_verdict(struct text *t, const struct nft_ruleset *rs, const struct nft_rule *r)
{
	static const char *const words[] = { [NFT_CONTINUE] = "", [NFT_ACCEPT] = "accept", [NFT_DROP] = "drop",
					     [NFT_REJECT] = "reject ", [NFT_JUMP] = "jump ", [NFT_RETURN] = "return",
					     [NFT_DNAT] = "dnat to ", [NFT_SNAT] = "snat to ",
					     [NFT_MASQUERADE] = "masquerade ", [NFT_REDIRECT] = "redirect " };

	put(t, "%s", words[r->verdict]);
	if (r->verdict == NFT_JUMP)
		put(t, "%s", rs->chains[r->jump].name);
	else if (NFT_IS_NAT(r->verdict))
		put_nat(t, &r->nat, r->verdict == NFT_MASQUERADE || r->verdict == NFT_REDIRECT);
	else if (r->verdict == NFT_REJECT && r->reject_rst)
		put(t, "with tcp reset");
	else if (r->verdict == NFT_REJECT && r->reject6) {
		put(t, "with icmpv6 ");
		put_name(t, nft_reject6_codes, r->reject_code);
	} else if (r->verdict == NFT_REJECT && r->reject_code != ICMP_PORT_UNREACH) {
		put(t, "with icmp ");
		put_name(t, nft_reject_codes, r->reject_code);
	}
}

void nft_print_rule(const struct nft_ruleset *rs, const struct nft_rule *r, char *buf)
{
	struct text t = { buf, 0 };

	buf[0] = 0;
	put_matches(&t, rs, r);
	if (r->limited)
		put(&t, "limit rate %s%u/%s burst %u packets ", r->over ? "over " : "", r->rate, unit_name(r->unit_s),
		    r->burst);
	if (r->counted)
		put(&t, "counter packets %llu bytes %llu ", (unsigned long long)r->packets,
		    (unsigned long long)r->bytes);
	if (r->logged && r->prefix[0])
		put(&t, "log prefix \"%s\" ", r->prefix);
	else if (r->logged)
		put(&t, "log ");
	if (r->set_mark)
		put(&t, "meta mark set 0x%08x ", r->new_mark);
	put_verdict(&t, rs, r);
	while (t.len && buf[t.len - 1] == ' ')
		buf[--t.len] = 0;
}

void nft_print_place(const struct nft_chain *c, char *buf)
{
	const struct nft_name *hook = nft_hooks;
	const struct nft_priority *n = nft_priorities;
	struct text t = { buf, 0 };

	while (hook->value != c->hook)
		hook++;
	while (n->name && !((n->hooks >> c->hook & 1) && c->priority >= n->value - 10 && c->priority <= n->value + 10))
		n++;
	put(&t, "type %s hook %s priority ", c->nat ? "nat" : "filter", hook->name);
	if (!n->name)
		put(&t, "%d", c->priority);
	else if (c->priority == n->value)
		put(&t, "%s", n->name);
	else
		put(&t, "%s %c %d", n->name, c->priority < n->value ? '-' : '+',
		    c->priority < n->value ? n->value - c->priority : c->priority - n->value);
	put(&t, "; policy %s;", c->drop ? "drop" : "accept");
}
