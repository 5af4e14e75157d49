/* SPDX-License-Identifier: MIT
 * mld.c - tells routers which multicast groups somebody here listens to (RFC 9777; RFC 2710 to a querier that speaks only
 * that; RFC 3590: before an address is known good, from the unspecified one).
 *
 * Owns the reports due in struct ip6_link, on CPU 0. The groups are those of our addresses (addr.c); all nodes' group is
 * never reported. A change is told twice (the robustness variable), a query is answered within the delay it asks for; a flood
 * of queries only moves one timer. Runs in net_rx and timer.
 */
#include "net/ipv6/autoconf.h"
#include "net/wire/mld.h"

#define ROBUSTNESS     2
#define UNSOLICITED_NS NSEC_PER_SEC /* RFC 9777 9.11 */

static struct ip_addr source_of(struct net_cpu *cpu, const struct net_device *dev)
{
	const struct ip6_ifaddr *a = ip6_link_local(cpu, dev, false);

	return a ? a->addr : (struct ip_addr){ .q = { 0, 0 } };
}

/* ---- which groups ---- */
/* Addresses of dev whose group this is. */
static unsigned listeners(struct net_cpu *cpu, const struct net_device *dev, const struct ip_addr *group)
{
	unsigned n = 0;

	for (unsigned i = 0; i < cpu->ip6->nr_addrs; i++) {
		struct ip_addr g = ip6_solicited_node(&cpu->ip6->addrs[i].addr);

		n += cpu->ip6->addrs[i].dev == dev && ip_eq(&g, group);
	}
	return n;
}

/* The i-th address's group on dev, unless an earlier address has it too. */
static bool group_at(struct net_cpu *cpu, const struct net_device *dev, unsigned i, struct ip_addr *group)
{
	const struct ip6_ifaddr *a = &cpu->ip6->addrs[i];

	*group = ip6_solicited_node(&a->addr);
	if (a->dev != dev)
		return false;
	for (unsigned j = 0; j < i; j++) {
		struct ip_addr g = ip6_solicited_node(&cpu->ip6->addrs[j].addr);

		if (cpu->ip6->addrs[j].dev == dev && ip_eq(&g, group))
			return false;
	}
	return true;
}

/* ---- reports ---- */
static void put_record(struct sk_buff *skb, u8 type, const struct ip_addr *group)
{
	u8 *r = skb_put(skb, MLD2_RECORD_LEN);

	memset(r, 0, 4);
	r[0] = type;
	memcpy(r + 4, group, 16);
	skb->data[7]++; /* number of records: IP6_ADDRS_MAX fit a byte, and a packet of 1280 */
}

static struct sk_buff *report(struct net_cpu *cpu)
{
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);

	if (skb) {
		memset(skb_put(skb, MLD2_REPORT_LEN), 0, MLD2_REPORT_LEN);
		skb->data[0] = ICMPV6_MLD2_REPORT;
	}
	return skb;
}

static void send_v2(struct ip6_link *l, struct sk_buff *skb)
{
	struct ip_addr src = source_of(l->ac->cpu, l->dev);

	icmp6_send_link(l->ac->cpu, l->dev, skb, &src, &ip6_all_mld2, true);
}

static void send_v1(struct ip6_link *l, const struct ip_addr *group)
{
	struct ip_addr src = source_of(l->ac->cpu, l->dev);
	struct sk_buff *skb = alloc_skb(l->ac->cpu, SKB_HEADROOM);

	if (!skb)
		return;
	memset(skb_put(skb, MLD1_LEN), 0, MLD1_LEN);
	skb->data[0] = ICMPV6_MLD_REPORT;
	memcpy(skb->data + 8, group, 16);
	icmp6_send_link(l->ac->cpu, l->dev, skb, &src, group, true);
}

static void report_all(struct ip6_link *l)
{
	struct net_cpu *cpu = l->ac->cpu;
	struct sk_buff *skb = l->mld_v1 ? NULL : report(cpu);
	struct ip_addr group;

	for (unsigned i = 0; i < cpu->ip6->nr_addrs; i++) {
		if (!group_at(cpu, l->dev, i, &group))
			continue;
		if (l->mld_v1)
			send_v1(l, &group);
		else if (skb)
			put_record(skb, MLD2_MODE_IS_EXCLUDE, &group);
	}
	if (skb)
		send_v2(l, skb);
	l->mld_all = false;
}

/* Sends every change that is due; true: some are to be told again. */
static bool report_changes(struct ip6_link *l)
{
	struct sk_buff *skb = NULL;
	bool more = false;

	for (unsigned i = 0; i < IP6_MLD_RECORDS; i++) {
		struct mld_record *r = &l->records[i];

		if (!r->left)
			continue;
		r->left--;
		more |= r->left != 0;
		if (l->mld_v1 && r->type != MLD2_CHANGE_TO_INCLUDE)
			send_v1(l, &r->group);
		if (!l->mld_v1 && (skb || (skb = report(l->ac->cpu))))
			put_record(skb, r->type, &r->group);
	}
	if (skb)
		send_v2(l, skb);
	return more;
}

static void rearm(struct ip6_link *l, u64 within_ns)
{
	u64 at = l->ac->cpu->now_ns + autoconf_random(l->ac, within_ns);

	if (!l->mld_timer.armed || at < l->mld_timer.expires_ns)
		timer_arm(&l->ac->cpu->wheel, &l->mld_timer, at);
}

void mld_timer(struct timer *t, u64 now_ns)
{
	struct ip6_link *l = container_of(t, struct ip6_link, mld_timer);

	if (l->mld_all)
		report_all(l);
	if (report_changes(l))
		rearm(l, UNSOLICITED_NS);
}

/* ---- changes ---- */
/* A record for group; a full table is told as the answer to a query would be. */
static void note_change(struct ip6_link *l, const struct ip_addr *group, u8 type, u8 times)
{
	struct mld_record *r = NULL;

	for (unsigned i = 0; i < IP6_MLD_RECORDS; i++) {
		struct mld_record *x = &l->records[i];

		if (x->left && ip_eq(&x->group, group)) {
			r = x;
			break;
		}
		if (!x->left)
			r = x;
	}
	if (r)
		*r = (struct mld_record){ *group, type, times };
	else
		l->mld_all = true;
}

void mld_joined(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *group)
{
	struct ip6_link *l = &cpu->ip6->autoconf->links[dev->ifindex];

	if (!l->dev || listeners(cpu, dev, group) != 1)
		return;
	note_change(l, group, MLD2_CHANGE_TO_EXCLUDE, ROBUSTNESS);
	rearm(l, 0);
}

void mld_left(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *group)
{
	struct ip6_link *l = &cpu->ip6->autoconf->links[dev->ifindex];

	if (!l->dev || listeners(cpu, dev, group))
		return;
	note_change(l, group, MLD2_CHANGE_TO_INCLUDE, ROBUSTNESS);
	rearm(l, 0);
}

/* ---- queries ---- */
void mld_query(struct autoconf *ac, struct net_device *dev, const u8 *msg, unsigned len)
{
	struct ip6_link *l = &ac->links[dev->ifindex];
	struct mld_query q;

	if (!l->dev || !mld_query_parse(msg, len, &q))
		return;
	l->mld_v1 = q.v1;
	if (ip6_is_unspecified(&q.group))
		l->mld_all = true;
	else if (listeners(ac->cpu, dev, &q.group))
		note_change(l, &q.group, MLD2_MODE_IS_EXCLUDE, 1);
	else
		return;
	rearm(l, q.max_delay_ms * NSEC_PER_MSEC);
}

/* RFC 9777 5.1.14, 6.2: from the link, by a router. */
enum drop_reason mld_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct note n = { .kind = NOTE_QUERY, .dev = skb->dev };
	struct mld_query q;

	if (skb->ip.ttl != 1 || !ip6_is_link_local(&skb->ip.src) || skb_network_header(skb)[6] != NEXTHDR_HOP ||
	    skb->ip.frag_max)
		return DROP(ND_NOT_ON_LINK);
	if (!skb_may_pull(cpu, skb, skb->len) || !mld_query_parse(skb->data, skb->len, &q))
		return DROP(ND_MALFORMED);
	n.len = (u16)skb->len;
	autoconf_note(cpu, &n, skb->data);
	return RX_OK;
}
