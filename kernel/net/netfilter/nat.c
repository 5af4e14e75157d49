/* SPDX-License-Identifier: MIT
 * nat.c - the hook function of NAT: asks the rules about a connection's first packet, rewrites every packet. Owns nothing.
 * Runs wherever a hook does.
 *
 * A source that no rule speaks of is looked at too: where the reply's tuple is another connection's already, or leads to
 * another CPU, the source gets another port.
 */
#include "net/netfilter/ct_impl.h"
#include "net/ipv4/ip.h"
#include "net/netfilter/nft_impl.h"

static bool is_source_hook(enum nf_hook hook) { return hook == NF_LOCAL_IN || hook == NF_POST_ROUTING; }

/* ---- the first packet ---- */
/* What masquerade and redirect stand for here. false: the device has no address. */
static bool complete_range(struct net_cpu *cpu, enum nf_hook hook, struct net_device *in, struct net_device *out,
			   enum nft_verdict v, struct nat_range *r)
{
	if (v == NFT_MASQUERADE)
		r->lo = r->hi = ip_dev_addr(cpu, out, NULL);
	else if (v == NFT_REDIRECT)
		r->lo = r->hi = hook == NF_LOCAL_OUT ? be32_of(0x7f000001) : ip_dev_addr(cpu, in, NULL);
	return r->lo.raw || (v != NFT_MASQUERADE && v != NFT_REDIRECT);
}

static bool bind_source(struct net_cpu *cpu, struct nf_conn *ct, const struct nat_range *r, bool asked)
{
	const struct ct_tuple *reply = &ct->end[CT_REPLY].tuple;

	if (asked)
		return nat_bind_src(cpu, ct, r);
	return likely(nat_reply_fits(cpu, reply)) || nat_bind_src(cpu, ct, &(struct nat_range){ .lo.raw = 0 });
}

static enum drop_reason decide(struct net_cpu *cpu, struct sk_buff *skb, struct nf_conn *ct, enum nf_hook hook,
			       struct net_device *in, struct net_device *out)
{
	bool source = is_source_hook(hook), ok;
	struct nat_range r = { .lo.raw = 0 };
	enum nft_verdict v = nft_nat_rules(cpu, skb, hook, in, out, &r);

	if (v == NFT_DROP)
		return DROP(NETFILTER_DROP);
	ok = complete_range(cpu, hook, in, out, v, &r);
	if (ok)
		ok = source ? bind_source(cpu, ct, &r, v != NFT_ACCEPT) : v == NFT_ACCEPT || nat_bind_dst(cpu, ct, &r);
	if (!ok) {
		cpu->ct->stats.insert_failed++;
		return DROP(NAT_EXHAUSTED);
	}
	ct->nat_done |= source ? CT_SNAT : CT_DNAT;
	ct->masq |= v == NFT_MASQUERADE;
	ct->masq_gen = cpu->dst_gen;
	return RX_OK;
}

/* ---- every packet ---- */
/* An error goes to where what it quotes came from, and says what that had said; to those behind a translation it comes
 * from the address they know (RFC 5508 4.2). */
static bool translate_error(struct net_cpu *cpu, struct sk_buff *skb, struct nf_conn *ct, bool source)
{
	enum ct_dir dir = nfct_dir(skb);
	const struct ct_tuple *quoted = &ct->end[!dir].tuple;

	if (!source)
		return nat_mangle_quote(cpu, skb, quoted) && nat_mangle_addr(cpu, skb, ip_v4(&quoted->src), false);
	if (!(ct->nat & (dir == CT_REPLY ? CT_DNAT : CT_SNAT)))
		return true;
	return nat_mangle_addr(cpu, skb, ip_v4(&quoted->dst), true);
}

static enum drop_reason translate(struct net_cpu *cpu, struct sk_buff *skb, struct nf_conn *ct, bool source)
{
	struct ct_tuple to;
	bool ok;

	if (unlikely(nfct_info(skb) & INFO_RELATED)) {
		ok = translate_error(cpu, skb, ct, source);
	} else {
		to = ct_invert(&ct->end[!nfct_dir(skb)].tuple);
		ok = nat_mangle(cpu, skb, &to, source);
	}
	return likely(ok) ? RX_OK : DROP(NOMEM);
}

enum drop_reason nat_hook(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			  struct net_device *out, void *priv)
{
	struct nf_conn *ct = nfct_get(skb);
	bool source = is_source_hook(hook);
	enum drop_reason r;

	if (!ct || !ip_is_v4(&ct->end[CT_ORIGINAL].tuple.src)) /* IPv6 is not translated */
		return RX_OK;
	if (ct == cpu->ct->fresh && !(nfct_info(skb) & INFO_RELATED) && !(ct->nat_done & (source ? CT_SNAT : CT_DNAT))) {
		r = decide(cpu, skb, ct, hook, in, out);
		if (r)
			return r;
	}
	return ct->nat ? translate(cpu, skb, ct, source) : RX_OK;
}
