/* SPDX-License-Identifier: MIT
 * igmp.c - IGMP, the host's side: routers are told which groups have members here (RFC 3376; RFC 2236 and RFC 1112 while
 * a router of an older version was heard).
 *
 * Owns the lists links and groups of CPU 0's cpu->ip->igmp. Memberships are for all sources (EXCLUDE of none), as
 * IP_ADD_MEMBERSHIP makes them: a query about some sources is answered for the group, which RFC 3376 5.2 (5) allows.
 * 224.0.0.1 is never reported. Messages leave with TTL 1 and the Router Alert option; one that comes with another TTL was
 * sent from afar and is refused. Runs in net_rx, timer, and under joins and leaves.
 */
#include "net/ipv4/ip_impl.h"
#include "net/core/sock.h"

#define ROBUSTNESS       2
#define QUERY_INTERVAL_S 125
#define V1_MAX_RESP_MS   10000
#define V2_REPORT_MS     10000 /* between unsolicited reports, RFC 2236 8.10 */
#define V3_REPORT_MS     1000  /* RFC 3376 8.11 */
#define IGMP_TOS         0xc0  /* RFC 3376 4: internetwork control */

struct igmp_link {             /* a device */
	struct list_head link;
	struct net_device *dev;
	struct net_cpu *cpu;
	u64 v1_until_ns, v2_until_ns; /* a router of this version was heard */
	u8 robustness;
	u32 interval_s;        /* of its general queries */
	struct timer answer;   /* to a general query of version 3 */
};

struct igmp_group {
	struct list_head link;
	struct igmp_link *on;
	be32 group;
	u32 cpus;              /* with members; 0: it was left, and that is still being told */
	u8 changes;            /* reports of the last join or leave that are left to send */
	bool last_reporter;    /* version 2: nobody else answered the last query */
	struct timer change, answer;
};

/* ---- time ---- */
static void arm_within(struct igmp_link *l, struct timer *t, be32 group, u32 max_ms)
{
	u64 max_ns = MAX((u64)max_ms, 1ull) * NSEC_PER_MSEC;
	u64 r = siphash_2u64(l->cpu->now_ns, group.raw, &l->cpu->net->port_key);

	timer_arm(&l->cpu->wheel, t, l->cpu->now_ns + r % max_ns);
}

/* An answer that is due already stands, if it is soon enough (RFC 2236 3, RFC 3376 5.2). */
static void answer_within(struct igmp_link *l, struct timer *t, be32 group, u32 max_ms)
{
	if (!t->armed || t->expires_ns > l->cpu->now_ns + max_ms * NSEC_PER_MSEC)
		arm_within(l, t, group, max_ms);
}

static unsigned version(const struct igmp_link *l)
{
	const struct net_cpu *cpu = l->cpu;

	if (cpu->sysctl.force_igmp_version)
		return (unsigned)cpu->sysctl.force_igmp_version;
	return cpu->now_ns < l->v1_until_ns ? 1 : cpu->now_ns < l->v2_until_ns ? 2 : 3;
}

/* ---- out ---- */
static const u8 router_alert[4] = { IPOPT_RA, 4, 0, 0 }; /* RFC 2113 */

static void transmit(struct igmp_link *l, struct sk_buff *skb, be32 to)
{
	struct net_cpu *cpu = l->cpu;
	struct flow fl = { .dst = ip_from_v4(to), .proto = IPPROTO_IGMP, .tos = IGMP_TOS, .ttl = 1, .dev = l->dev };
	struct igmp_hdr *h = (struct igmp_hdr *)skb->data;
	struct dst dst;

	if (ip_route_output(cpu, &fl, &dst)) {
		kfree_skb_reason(cpu, skb, DROP(IP_OUTNOROUTES));
		return;
	}
	h->check = csum_fold(csum_partial(skb->data, skb->len, 0));
	STAT(cpu, IgmpOutMsgs);
	ip_send_options(cpu, skb, ip_out_of(cpu, ip_v4(&fl.src), to, IPPROTO_IGMP, IGMP_TOS, 1, false), &dst,
			router_alert, sizeof(router_alert));
}

/* A message of versions 1 and 2. */
static void send_old(struct igmp_link *l, u8 type, be32 group, be32 to)
{
	struct sk_buff *skb = alloc_skb(l->cpu, SKB_HEADROOM);

	if (!skb)
		return; /* counted by the pool; it is said again at the next query */
	*(struct igmp_hdr *)skb_put(skb, IGMP_HLEN) = (struct igmp_hdr){ .type = type, .group = group };
	transmit(l, skb, to);
}

/* A report of version 3 without records yet; NULL: no memory. */
static struct sk_buff *report_start(struct igmp_link *l)
{
	struct sk_buff *skb = alloc_skb(l->cpu, SKB_HEADROOM);

	if (skb)
		*(struct igmpv3_report *)skb_put(skb, IGMP_HLEN) = (struct igmpv3_report){ .type = IGMP_V3_REPORT };
	return skb;
}

static void report_add(struct sk_buff *skb, u8 type, be32 group)
{
	struct igmpv3_report *r = (struct igmpv3_report *)skb->data;

	r->nr_records = be16_of((u16)(be16_get(r->nr_records) + 1));
	*(struct igmpv3_record *)skb_put(skb, sizeof(struct igmpv3_record)) =
		(struct igmpv3_record){ .type = type, .group = group };
}

static bool report_is_full(const struct igmp_link *l, const struct sk_buff *skb)
{
	unsigned room = MIN(skb_tailroom(skb), l->dev->mtu - IPV4_HLEN - (u32)sizeof(router_alert) - skb->len);

	return room < sizeof(struct igmpv3_record);
}

static void send_record(struct igmp_link *l, u8 type, be32 group)
{
	struct sk_buff *skb = report_start(l);

	if (!skb)
		return;
	report_add(skb, type, group);
	transmit(l, skb, IGMP_V3_ROUTERS);
}

/* There are members: the report of the version that is spoken. */
static void report_group(struct igmp_group *g, u8 record)
{
	unsigned v = version(g->on);

	g->last_reporter = true;
	if (v == 3)
		send_record(g->on, record, g->group);
	else
		send_old(g->on, v == 2 ? IGMP_V2_REPORT : IGMP_V1_REPORT, g->group, g->group);
}

/* RFC 3376 5.2: all groups of the device, in as few reports as they fit. */
static void answer_general(struct timer *t, u64 now_ns)
{
	struct igmp_link *l = container_of(t, struct igmp_link, answer);
	struct sk_buff *skb = NULL;
	struct igmp_group *g;

	list_for_each_entry(g, &l->cpu->ip->igmp.groups, link) {
		if (g->on != l || !g->cpus)
			continue;
		if (skb && report_is_full(l, skb)) {
			transmit(l, skb, IGMP_V3_ROUTERS);
			skb = NULL;
		}
		if (!skb && !(skb = report_start(l)))
			return;
		report_add(skb, IGMP_IS_EX, g->group);
	}
	if (skb)
		transmit(l, skb, IGMP_V3_ROUTERS);
}

static void answer_group(struct timer *t, u64 now_ns)
{
	struct igmp_group *g = container_of(t, struct igmp_group, answer);

	if (g->cpus)
		report_group(g, IGMP_IS_EX);
}

/* ---- joins and leaves are said as often as the robustness asks ---- */
static void group_free(struct igmp_group *g)
{
	struct net_cpu *cpu = g->on->cpu;

	timer_cancel(&cpu->wheel, &g->change);
	timer_cancel(&cpu->wheel, &g->answer);
	list_del(&g->link);
	cpu->ip->igmp.nr--;
	kfree(g);
}

static void tell_change(struct igmp_group *g)
{
	unsigned v = version(g->on);

	if (g->cpus)
		report_group(g, IGMP_TO_EX);
	else if (v == 3)
		send_record(g->on, IGMP_TO_IN, g->group);
	else if (v == 2 && g->last_reporter)
		send_old(g->on, IGMP_V2_LEAVE, g->group, IGMP_ALL_ROUTERS);
	if (!g->cpus && v < 3)
		g->changes = 1; /* the end of it: RFC 2236 3 */
	if (--g->changes)
		arm_within(g->on, &g->change, g->group, v == 3 ? V3_REPORT_MS : V2_REPORT_MS);
	else if (!g->cpus)
		group_free(g);
}

static void change_timer(struct timer *t, u64 now_ns)
{
	tell_change(container_of(t, struct igmp_group, change));
}

static void group_changed(struct igmp_group *g)
{
	timer_cancel(&g->on->cpu->wheel, &g->change);
	g->changes = g->on->robustness;
	tell_change(g);
}

/* ---- tables ---- */
static struct igmp_link *link_of(struct net_cpu *cpu, struct net_device *dev)
{
	struct igmp_link *l;

	list_for_each_entry(l, &cpu->ip->igmp.links, link)
		if (l->dev == dev)
			return l;
	l = kzalloc(sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct igmp_link){
		.dev = dev, .cpu = cpu, .robustness = ROBUSTNESS, .interval_s = QUERY_INTERVAL_S
	};
	timer_init(&l->answer, answer_general);
	list_add_tail(&l->link, &cpu->ip->igmp.links);
	return l;
}

static struct igmp_group *group_find(struct net_cpu *cpu, const struct net_device *dev, be32 group)
{
	struct igmp_group *g;

	list_for_each_entry(g, &cpu->ip->igmp.groups, link)
		if (g->on->dev == dev && be32_eq(g->group, group))
			return g;
	return NULL;
}

static struct igmp_group *group_create(struct igmp_link *l, be32 group)
{
	struct net_cpu *cpu = l->cpu;
	struct igmp_group *g = cpu->ip->igmp.nr < IP_MC_MAX ? kzalloc(sizeof(*g)) : NULL;

	if (!g)
		return NULL;
	*g = (struct igmp_group){ .on = l, .group = group };
	timer_init(&g->change, change_timer);
	timer_init(&g->answer, answer_group);
	list_add_tail(&g->link, &cpu->ip->igmp.groups);
	cpu->ip->igmp.nr++;
	return g;
}

int igmp_group_users(struct net_cpu *cpu, struct net_device *dev, be32 group, bool joined)
{
	struct igmp_group *g = group_find(cpu, dev, group);
	struct igmp_link *l;

	if (be32_eq(group, IGMP_ALL_SYSTEMS) || (dev->flags & IFF_LOOPBACK))
		return 0;
	if (!joined) {
		if (g && g->cpus && !--g->cpus)
			group_changed(g);
		return 0;
	}
	if (!g) {
		l = link_of(cpu, dev);
		g = l ? group_create(l, group) : NULL;
		if (!g)
			return -ENOBUFS;
	}
	if (!g->cpus++)
		group_changed(g);
	return 0;
}

void igmp_destroy(struct net_cpu *cpu)
{
	struct igmp_cpu *t = &cpu->ip->igmp;

	while (!list_empty(&t->groups))
		group_free(list_first(&t->groups, struct igmp_group, link));
	while (!list_empty(&t->links)) {
		struct igmp_link *l = list_first(&t->links, struct igmp_link, link);

		timer_cancel(&cpu->wheel, &l->answer);
		list_del(&l->link);
		kfree(l);
	}
}

unsigned igmp_version(struct net_device *dev)
{
	struct igmp_link *l = link_of(dev->net->cpus[0], dev);

	return l ? version(l) : 3;
}

/* ---- in ---- */
/* RFC 3376 7.2.1: what was about to be said in another version's words is not said. */
static void forget_pending(struct igmp_link *l)
{
	struct igmp_group *g, *next;

	timer_cancel(&l->cpu->wheel, &l->answer);
	list_for_each_entry_safe(g, next, &l->cpu->ip->igmp.groups, link) {
		if (g->on != l)
			continue;
		timer_cancel(&l->cpu->wheel, &g->answer);
		timer_cancel(&l->cpu->wheel, &g->change);
		if (!g->cpus)
			group_free(g);
	}
}

static void heed_version(struct igmp_link *l, const struct igmp_info *m)
{
	unsigned before = version(l);
	u64 heard_ns = l->robustness * (u64)l->interval_s * NSEC_PER_SEC + m->max_resp_ms * NSEC_PER_MSEC;

	if (m->version == 1) {
		l->v1_until_ns = l->cpu->now_ns + heard_ns;
	} else if (m->version == 2) {
		l->v2_until_ns = l->cpu->now_ns + heard_ns;
	} else {
		l->robustness = m->robustness ?: ROBUSTNESS;
		l->interval_s = m->interval_s ?: QUERY_INTERVAL_S;
	}
	if (version(l) != before)
		forget_pending(l);
}

static void query_rcv(struct net_cpu *cpu, struct net_device *dev, const struct igmp_info *m)
{
	struct igmp_link *l = link_of(cpu, dev);
	u32 max_ms = m->max_resp_ms;
	struct igmp_group *g;

	if (!l)
		return;
	heed_version(l, m);
	if (version(l) == 3 && !m->group.raw) {
		answer_within(l, &l->answer, m->group, max_ms);
		return;
	}
	list_for_each_entry(g, &cpu->ip->igmp.groups, link)
		if (g->on == l && g->cpus && (!m->group.raw || be32_eq(m->group, g->group)))
			answer_within(l, &g->answer, g->group, version(l) == 1 ? V1_MAX_RESP_MS : max_ms);
}

/* RFC 2236 3: another host said it for us. Version 3 has no such rule. */
static void report_rcv(struct net_cpu *cpu, struct net_device *dev, const struct igmp_info *m)
{
	struct igmp_group *g = group_find(cpu, dev, m->group);

	if (!g || version(g->on) == 3)
		return;
	timer_cancel(&cpu->wheel, &g->answer);
	g->last_reporter = false;
}

static void message_rcv(struct net_cpu *cpu, struct net_device *dev, const struct igmp_info *m)
{
	if (m->type == IGMP_QUERY)
		query_rcv(cpu, dev, m);
	else
		report_rcv(cpu, dev, m);
}

struct igmp_msg {
	struct inbox_msg msg;
	struct net_device *dev;
	struct igmp_info info;
};

static void igmp_msg_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct igmp_msg *m = container_of(msg, struct igmp_msg, msg);

	message_rcv(cpu, m->dev, &m->info);
	kfree(m);
}

/* CPU 0 hears what came to another. What is lost on the way is asked for again, as any IGMP message. */
static void to_cpu0(struct net_cpu *cpu, struct net_device *dev, const struct igmp_info *info)
{
	struct igmp_msg *m = kmalloc(sizeof(*m));

	if (!m)
		return;
	*m = (struct igmp_msg){ .msg.fn = igmp_msg_rcv, .dev = dev, .info = *info };
	if (!inbox_post(cpu, cpu->net->cpus[0], &m->msg))
		kfree(m);
}

/* RFC 3376 4.1.12, 9.1: a general query is for all systems; one about a group, for the group. */
static bool is_for_hosts(const struct sk_buff *skb, const struct igmp_info *m)
{
	if (skb->ip.ttl != 1)
		return false;
	if (m->type == IGMP_QUERY)
		return be32_eq(ip_v4(&skb->ip.dst), m->group.raw ? m->group : IGMP_ALL_SYSTEMS);
	return m->type == IGMP_V1_REPORT || m->type == IGMP_V2_REPORT;
}

static enum drop_reason igmp_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct igmp_info m;

	STAT(cpu, IgmpInMsgs);
	if (!skb_may_pull(cpu, skb, MIN(skb->len, (u32)IGMPV3_QUERY_LEN)) || !igmp_parse(skb->data, skb->len, &m)) {
		STAT(cpu, IgmpInErrors);
		return DROP(IGMP_HDR);
	}
	if (skb->ip_summed == CHECKSUM_NONE && !csum_ok(skb_checksum(skb, 0, skb->len, 0))) {
		STAT(cpu, IgmpInErrors);
		return DROP(IGMP_CSUM);
	}
	if (!is_for_hosts(skb, &m))
		return DROP(IGMP_IGNORED);
	if (cpu->id)
		to_cpu0(cpu, skb->dev, &m);
	else
		message_rcv(cpu, skb->dev, &m);
	return RX_OK;
}

const struct inet_protocol igmp_protocol = {
	.protocol = IPPROTO_IGMP,
	.rcv = igmp_rcv,
	.rcv_plain = ip_rcv_decoded,
};
