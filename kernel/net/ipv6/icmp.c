/* SPDX-License-Identifier: MIT
 * icmp.c - ICMPv6: echo, errors received for the transports, errors sent about packets (RFC 4443, RFC 8201).
 *
 * Owns the token buckets of errors and the echo clients. Transports know ICMP by IPv4's types and codes (struct
 * inet_protocol), so errors are translated on their way up. Runs in net_rx and timer.
 */
#include "net/ipv6/ip6_impl.h"
#include "net/core/steer.h"
#include "net/wire/icmp.h"

#define PEER_BURST 6 /* errors to one destination before its rate holds */
#define ALL_BURST  50

static void put_checksum(struct sk_buff *skb, const struct ip_addr *src, const struct ip_addr *dst)
{
	struct icmpv6_hdr *h = (struct icmpv6_hdr *)skb->data;

	h->check.raw = 0;
	h->check = csum_fold(skb_checksum(skb, 0, skb->len, ip6_pseudo_sum(src, dst, IPPROTO_ICMPV6, skb->len)));
	if (!h->check.raw)
		h->check.raw = 0xffff;
}

static void count_out(struct net_cpu *cpu, u8 type)
{
	static const u16 stats[256] = {
		[ICMPV6_DEST_UNREACH] = STAT_Icmp6OutDestUnreachs, [ICMPV6_PKT_TOOBIG] = STAT_Icmp6OutPktTooBigs,
		[ICMPV6_TIME_EXCEED] = STAT_Icmp6OutTimeExcds, [ICMPV6_PARAMPROB] = STAT_Icmp6OutParmProblems,
		[ICMPV6_ECHO_REQUEST] = STAT_Icmp6OutEchos, [ICMPV6_ECHO_REPLY] = STAT_Icmp6OutEchoReplies,
		[ICMPV6_MLD_REPORT] = STAT_Icmp6OutGroupMembResponses,
		[ICMPV6_ROUTER_SOLICIT] = STAT_Icmp6OutRouterSolicits,
		[ICMPV6_NEIGH_SOLICIT] = STAT_Icmp6OutNeighborSolicits,
		[ICMPV6_NEIGH_ADVERT] = STAT_Icmp6OutNeighborAdvertisements,
		[ICMPV6_MLD2_REPORT] = STAT_Icmp6OutMLDv2Reports,
	};

	STAT(cpu, Icmp6OutMsgs);
	if (stats[type])
		cpu->stats[stats[type]]++;
}

static void count_in(struct net_cpu *cpu, u8 type)
{
	static const u16 stats[256] = {
		[ICMPV6_DEST_UNREACH] = STAT_Icmp6InDestUnreachs, [ICMPV6_PKT_TOOBIG] = STAT_Icmp6InPktTooBigs,
		[ICMPV6_TIME_EXCEED] = STAT_Icmp6InTimeExcds, [ICMPV6_PARAMPROB] = STAT_Icmp6InParmProblems,
		[ICMPV6_ECHO_REQUEST] = STAT_Icmp6InEchos, [ICMPV6_ECHO_REPLY] = STAT_Icmp6InEchoReplies,
		[ICMPV6_MLD_QUERY] = STAT_Icmp6InGroupMembQueries,
		[ICMPV6_ROUTER_SOLICIT] = STAT_Icmp6InRouterSolicits,
		[ICMPV6_ROUTER_ADVERT] = STAT_Icmp6InRouterAdvertisements,
		[ICMPV6_NEIGH_SOLICIT] = STAT_Icmp6InNeighborSolicits,
		[ICMPV6_NEIGH_ADVERT] = STAT_Icmp6InNeighborAdvertisements,
		[ICMPV6_REDIRECT] = STAT_Icmp6InRedirects,
	};

	STAT(cpu, Icmp6InMsgs);
	if (stats[type])
		cpu->stats[stats[type]]++;
	else
		FLOW(cpu, Icmp6InOthers);
}

/* ---- echo ---- */
/* Bytes that others see too (a clone over lo) are not written to: the answer is made of a copy. */
static enum drop_reason answer_echo(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct flow fl = { .dst = skb->ip.src, .proto = IPPROTO_ICMPV6, .tos = skb->ip.tos & 0xfc, .dev = skb->dev };
	struct sk_buff *out = skb->cloned ? skb_copy(cpu, skb) : skb;
	struct dst dst;

	if (!out)
		return DROP(NOMEM);
	if (skb->ip.addr_type == ADDR_LOCAL)
		fl.src = skb->ip.dst;
	if (!ip6_is_link_local(&fl.dst))
		fl.dev = NULL;
	if (ip6_route_output(cpu, &fl, &dst)) {
		STAT(cpu, Ip6OutNoRoutes);
		if (out != skb)
			consume_skb(cpu, out);
		return DROP(IP_OUTNOROUTES);
	}
	out->cloned = 0;
	((struct icmpv6_hdr *)out->data)->type = ICMPV6_ECHO_REPLY;
	put_checksum(out, &fl.src, &fl.dst);
	out->ip_summed = CHECKSUM_NONE;
	out->tstamp_ns = 0;
	out->hash = 0;
	count_out(cpu, ICMPV6_ECHO_REPLY);
	ip6_xmit(cpu, out, &fl, &dst);
	return out == skb ? SKB_CONSUMED : RX_OK;
}

static enum drop_reason rcv_echo(struct net_cpu *cpu, struct sk_buff *skb)
{
	if (cpu->sysctl.icmp6_echo_ignore_all || ip6_is_unspecified(&skb->ip.src) ||
	    (skb->ip.addr_type != ADDR_LOCAL && cpu->sysctl.icmp6_echo_ignore_multicast))
		return DROP(ICMP_IGNORED);
	return answer_echo(cpu, skb);
}

static enum drop_reason rcv_error(struct net_cpu *cpu, struct sk_buff *skb, const struct icmpv6_info *m);
static enum drop_reason rcv_echo_reply(struct net_cpu *cpu, struct sk_buff *skb, const struct icmpv6_info *m);

/* What was moved is a reply or an error, counted and summed where it came in. */
static void moved_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = steer_skb(msg);
	enum drop_reason r = DROP(ICMP_HDR);
	struct icmpv6_info m;

	if (icmpv6_parse(skb->data, skb_headlen(skb), &m))
		r = m.type == ICMPV6_ECHO_REPLY ? rcv_echo_reply(cpu, skb, &m) : rcv_error(cpu, skb, &m);
	steer_end(cpu, skb, r);
}

static enum drop_reason rcv_echo_reply(struct net_cpu *cpu, struct sk_buff *skb, const struct icmpv6_info *m)
{
	struct icmp6_ping *p, *next;
	int home;

	list_for_each_entry_safe(p, next, &cpu->ip6->pings, link) {
		if (p->id != m->id)
			continue;
		skb_pull(skb, ICMPV6_HLEN);
		p->reply(p, cpu, skb, m->seq);
		return RX_OK;
	}
	home = port_home_find(cpu, IPPROTO_ICMPV6, m->id);
	return home < 0 ? DROP(NO_SOCKET) : steer_move(cpu, (unsigned)home, skb, moved_rcv);
}

/* ---- errors received ---- */
struct v4_error { /* as transports know it */
	u8 type, code;
};

static struct v4_error translate(u8 type, u8 code)
{
	static const u8 unreach[] = { ICMP_NET_UNREACH, ICMP_PKT_FILTERED, ICMP_HOST_UNREACH, ICMP_HOST_UNREACH,
				      ICMP_PORT_UNREACH, ICMP_PKT_FILTERED, ICMP_PKT_FILTERED };

	if (type == ICMPV6_DEST_UNREACH)
		return (struct v4_error){ ICMP_DEST_UNREACH, code < ARRAY_SIZE(unreach) ? unreach[code] : ICMP_HOST_UNREACH };
	if (type == ICMPV6_PKT_TOOBIG)
		return (struct v4_error){ ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED };
	if (type == ICMPV6_TIME_EXCEED)
		return (struct v4_error){ ICMP_TIME_EXCEEDED, code };
	if (type == ICMPV6_PARAMPROB && code == ICMPV6_UNK_NEXTHDR)
		return (struct v4_error){ ICMP_DEST_UNREACH, ICMP_PROT_UNREACH };
	return (struct v4_error){ ICMP_PARAMETERPROB, code };
}

static void ping_err(struct net_cpu *cpu, struct sk_buff *skb, const struct ip_addr *from, const struct icmpv6_info *e)
{
	struct icmp6_ping *p, *next;
	struct icmpv6_info m;

	if (!icmpv6_parse(skb->data, skb_headlen(skb), &m) || m.type != ICMPV6_ECHO_REQUEST)
		return;
	list_for_each_entry_safe(p, next, &cpu->ip6->pings, link) {
		if (p->id != m.id)
			continue;
		if (e->type == ICMPV6_PKT_TOOBIG)
			ip6_pmtu_update(cpu, &skb->ip.dst, e->word);
		if (p->error)
			p->error(p, cpu, from, e->type, e->code, m.seq);
	}
}

/* Hands an error to the transport of the packet it is about: skb->data at the quoted IPv6 header. */
static enum drop_reason deliver_error(struct net_cpu *cpu, struct sk_buff *skb, const struct icmpv6_info *m)
{
	struct ip_addr from = skb->ip.src;
	unsigned off = IPV6_HLEN, fragment;
	const struct inet_protocol *p;
	struct v4_error e = translate(m->type, m->code);
	struct ipv6_info ip;

	skb_may_pull(cpu, skb, MIN(skb->len, (u32)IPV6_HLEN + IPV6_EXT_BYTES_MAX));
	if (!ipv6_parse_quoted(skb->data, skb_headlen(skb), &ip) ||
	    !ipv6_skip_ext(skb->data, skb_headlen(skb), &ip.nexthdr, &off, &fragment) || skb->len < off + 8 ||
	    !skb_may_pull(cpu, skb, off + 8)) {
		STAT(cpu, Icmp6InErrors);
		FLOW(cpu, Icmp6InTypedErrors);
		return DROP(ICMP_HDR);
	}
	if (ip6_addr_type(cpu, &ip.saddr) != ADDR_LOCAL || ip_is_v4(&ip.daddr) ||
	    (fragment && (skb->data[fragment + 2] | skb->data[fragment + 3] >> 3)))
		return DROP(ICMP_QUOTE);
	p = ip.nexthdr == IPPROTO_ICMP ? NULL : net_inet_protocols[ip.nexthdr];
	skb_pull(skb, off);
	ip6_fill_cb(skb, &ip);
	if (ip.nexthdr == IPPROTO_ICMPV6)
		ping_err(cpu, skb, &from, m);
	else if (p && p->err)
		p->err(cpu, skb, e.type, e.code, m->word);
	else
		return DROP(IP_NOPROTO);
	return RX_OK;
}

/* Whose business is an error? That of the owner of the flow it is about. skb->data is at the quoted header. */
static unsigned error_owner(struct net_cpu *cpu, struct sk_buff *skb)
{
	unsigned off = IPV6_HLEN, fragment;
	struct ipv6_info ip;
	struct {
		be16 sport, dport, id;
	} q;
	int home;

	if (!cpu->net->steer->on)
		return cpu->id;
	skb_may_pull(cpu, skb, MIN(skb->len, (u32)IPV6_HLEN + IPV6_EXT_BYTES_MAX));
	if (!ipv6_parse_quoted(skb->data, skb_headlen(skb), &ip) ||
	    !ipv6_skip_ext(skb->data, skb_headlen(skb), &ip.nexthdr, &off, &fragment) || skb_headlen(skb) < off + sizeof(q))
		return cpu->id;
	memcpy(&q, skb->data + off, sizeof(q));
	if (ip.nexthdr == IPPROTO_TCP || ip.nexthdr == IPPROTO_UDP)
		return steer_owner(cpu->net, &ip.saddr, &ip.daddr, be16_get(q.sport), be16_get(q.dport));
	home = ip.nexthdr == IPPROTO_ICMPV6 ? port_home_find(cpu, IPPROTO_ICMPV6, be16_get(q.id)) : -1;
	return home < 0 ? cpu->id : (unsigned)home;
}

static enum drop_reason rcv_error(struct net_cpu *cpu, struct sk_buff *skb, const struct icmpv6_info *m)
{
	unsigned owner;

	if (m->type == ICMPV6_PKT_TOOBIG && m->word < IPV6_MTU_MIN)
		return DROP(ICMP_QUOTE); /* RFC 8201 4: less than every link carries (RFC 8021: answering it was a mistake) */
	skb_pull(skb, ICMPV6_HLEN);
	owner = error_owner(cpu, skb);
	if (unlikely(owner != cpu->id)) {
		skb_push(skb, ICMPV6_HLEN);
		return steer_move(cpu, owner, skb, moved_rcv);
	}
	return deliver_error(cpu, skb, m);
}

/* ---- in ---- */
static bool checksum_fails(struct net_cpu *cpu, const struct sk_buff *skb)
{
	u32 sum = ip6_pseudo_sum(&skb->ip.src, &skb->ip.dst, IPPROTO_ICMPV6, skb->len);

	return skb->ip_summed == CHECKSUM_NONE && !csum_ok(skb_checksum(skb, 0, skb->len, sum));
}

enum drop_reason icmp6_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct icmpv6_info m;

	if (!skb_may_pull(cpu, skb, ICMPV6_HLEN) || !icmpv6_parse(skb->data, skb_headlen(skb), &m)) {
		STAT(cpu, Icmp6InMsgs);
		STAT(cpu, Icmp6InErrors);
		return DROP(ICMP_HDR);
	}
	count_in(cpu, m.type);
	if (checksum_fails(cpu, skb)) {
		STAT(cpu, Icmp6InCsumErrors);
		STAT(cpu, Icmp6InErrors);
		FLOW(cpu, Icmp6InTypedErrors);
		return DROP(ICMP_CSUM);
	}
	switch (m.type) {
	case ICMPV6_ECHO_REQUEST:
		return rcv_echo(cpu, skb);
	case ICMPV6_ECHO_REPLY:
		return rcv_echo_reply(cpu, skb, &m);
	case ICMPV6_MLD_QUERY:
		return mld_rcv(cpu, skb);
	case ICMPV6_MLD_REPORT:
	case ICMPV6_MLD_DONE:
	case ICMPV6_MLD2_REPORT:
		return RX_OK; /* for routers */
	case ICMPV6_ROUTER_SOLICIT ... ICMPV6_REDIRECT:
		return nd_rcv(cpu, skb);
	}
	return icmpv6_is_error(m.type) ? rcv_error(cpu, skb, &m) : DROP(ICMP_TYPE);
}

/* ---- errors sent ---- */
static bool rate_allows(struct net_cpu *cpu, const struct ip_addr *to)
{
	struct ip6_cpu *c = cpu->ip6;
	u32 slot = (u32)siphash_2u64(to->q[0], to->q[1], &cpu->net->hash_key) % ICMP_PEERS;

	if (cpu->sysctl.icmp6_ratelimit &&
	    !token_take(&c->errors[slot], cpu->now_ns, (u64)cpu->sysctl.icmp6_ratelimit * NSEC_PER_MSEC, PEER_BURST)) {
		STAT(cpu, Icmp6OutRateLimitHost);
		return false;
	}
	if (cpu->sysctl.icmp_msgs_per_sec &&
	    !token_take(&c->errors_all, cpu->now_ns, NSEC_PER_SEC / (u64)cpu->sysctl.icmp_msgs_per_sec, ALL_BURST)) {
		STAT(cpu, Icmp6OutRateLimitGlobal);
		return false;
	}
	return true;
}

/* RFC 4443 2.4 (e.1), (e.2): about another error, or about a redirect, as far as the packet shows what it is. */
static bool is_about_error(struct sk_buff *skb)
{
	unsigned off = IPV6_HLEN, have, fragment;
	const u8 *p = skb_network_header(skb);
	u8 nexthdr = p[6];

	have = (unsigned)(skb->data - p) + skb_headlen(skb);
	if (!ipv6_skip_ext(p, have, &nexthdr, &off, &fragment) || nexthdr != IPPROTO_ICMPV6)
		return false;
	if (fragment && ((p[fragment + 2] << 8 | p[fragment + 3]) >> 3))
		return false; /* not the first: nobody knows */
	return off >= have || icmpv6_is_error(p[off]) || p[off] == ICMPV6_REDIRECT;
}

/* RFC 4443 2.4 (e). */
static bool error_forbidden(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code)
{
	bool group_too = type == ICMPV6_PKT_TOOBIG || (type == ICMPV6_PARAMPROB && code == ICMPV6_UNK_OPTION);
	enum addr_type from = ip6_addr_type(cpu, &skb->ip.src);

	if (!group_too && (ip6_is_multicast(&skb->ip.dst) || skb->pkt_type != PACKET_HOST))
		return true;
	if (from != ADDR_UNICAST && !(from == ADDR_LOCAL && skb->dev && (skb->dev->flags & IFF_LOOPBACK)))
		return true;
	return is_about_error(skb);
}

/* The packet from its IP header on, wherever skb->data is now, cut to fit into 1280 bytes. */
static bool quote(struct net_cpu *cpu, struct sk_buff *to, struct sk_buff *about)
{
	unsigned pulled = (unsigned)(about->data - skb_network_header(about));
	unsigned len = MIN(about->len + pulled, (unsigned)(IPV6_MTU_MIN - IPV6_HLEN - ICMPV6_HLEN));
	unsigned front = MIN(len, pulled);

	memcpy(skb_put(to, front), skb_network_header(about), front);
	return !skb_copy_bits(about, 0, skb_put(to, len - front), len - front);
}

void icmp6_send(struct net_cpu *cpu, struct sk_buff *about, u8 type, u8 code, u32 info)
{
	struct flow fl = { .dst = about->ip.src, .proto = IPPROTO_ICMPV6 };
	struct sk_buff *skb;
	struct icmpv6_hdr *h;
	struct dst dst;

	if (error_forbidden(cpu, about, type, code) || !rate_allows(cpu, &about->ip.src))
		return;
	if (ip6_addr_type(cpu, &about->ip.dst) == ADDR_LOCAL)
		fl.src = about->ip.dst; /* RFC 4443 2.2 (a) */
	if (ip6_is_link_local(&fl.dst))
		fl.dev = about->dev;
	skb = ip6_route_output(cpu, &fl, &dst) ? NULL : alloc_skb(cpu, SKB_HEADROOM);
	if (!skb) {
		STAT(cpu, Icmp6OutErrors);
		return;
	}
	h = (struct icmpv6_hdr *)skb_put(skb, ICMPV6_HLEN);
	*h = (struct icmpv6_hdr){ .type = type, .code = code };
	h->word = be32_of(info);
	if (!quote(cpu, skb, about)) {
		STAT(cpu, Icmp6OutErrors);
		consume_skb(cpu, skb);
		return;
	}
	put_checksum(skb, &fl.src, &fl.dst);
	count_out(cpu, type);
	ip6_xmit(cpu, skb, &fl, &dst);
}

void icmp6_report(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info)
{
	struct icmpv6_info m = { .type = type, .code = code, .word = info };
	struct ipv6_info ip;

	if (!ipv6_parse_quoted(skb->data, skb_headlen(skb), &ip))
		return;
	ip6_fill_cb(skb, &ip);
	if (ip6_addr_type(cpu, &ip.saddr) != ADDR_LOCAL) {
		skb->pkt_type = PACKET_HOST;
		icmp6_send(cpu, skb, type, code, info);
	} else {
		deliver_error(cpu, skb, &m);
	}
}

/* ---- messages of the link ---- */
/* A hop-by-hop header with the router alert that MLD asks for (RFC 9777 5). */
static void push_router_alert(struct sk_buff *skb)
{
	static const u8 alert[8] = { IPPROTO_ICMPV6, 0, IPV6_OPT_ROUTER_ALERT, 2, 0, 0, IPV6_OPT_PADN, 0 };

	memcpy(skb_push(skb, sizeof(alert)), alert, sizeof(alert));
}

void icmp6_send_link(struct net_cpu *cpu, struct net_device *dev, struct sk_buff *skb, const struct ip_addr *src,
		     const struct ip_addr *dst, bool mld)
{
	struct flow fl = { .src = *src, .dst = *dst, .proto = IPPROTO_ICMPV6, .ttl = mld ? 1 : 255, .df = true };
	struct dst way = { .dev = dev, .next_hop = *dst, .mtu = dev->mtu, .gen = cpu->dst_gen,
			   .type = ip6_is_multicast(dst) ? ADDR_MULTICAST : ADDR_UNICAST };

	put_checksum(skb, src, dst);
	count_out(cpu, skb->data[0]);
	if (mld) {
		push_router_alert(skb);
		fl.proto = NEXTHDR_HOP;
	}
	ip6_xmit(cpu, skb, &fl, &way);
}

/* ---- echo client ---- */
static bool ping_id_taken(struct net_cpu *cpu, u16 id)
{
	struct icmp6_ping *p;

	list_for_each_entry(p, &cpu->ip6->pings, link)
		if (p->id == id)
			return true;
	return false;
}

void icmp6_ping_open(struct net_cpu *cpu, struct icmp6_ping *p)
{
	p->id = (u16)siphash_2u64(cpu->now_ns, (uintptr_t)p, &cpu->net->port_key);
	while (ping_id_taken(cpu, p->id))
		p->id++;
	p->cpu = cpu;
	list_add_tail(&p->link, &cpu->ip6->pings);
	port_home_add(cpu, IPPROTO_ICMPV6, p->id);
}

void icmp6_ping_close(struct icmp6_ping *p)
{
	list_del(&p->link);
	port_home_del(p->cpu, IPPROTO_ICMPV6, p->id);
}

int icmp6_ping_send(struct net_cpu *cpu, const struct icmp6_ping *p, struct flow *fl, u16 seq, unsigned len)
{
	struct sk_buff *skb;
	struct icmpv6_hdr *h;
	struct dst dst;
	int err;

	if (len > IPV6_LEN_MAX - ICMPV6_HLEN)
		return -EMSGSIZE;
	fl->proto = IPPROTO_ICMPV6;
	err = ip6_route_output(cpu, fl, &dst);
	if (err)
		return err;
	skb = alloc_skb_with_frags(cpu, SKB_HEADROOM, ICMPV6_HLEN + len);
	if (!skb)
		return -ENOBUFS;
	h = (struct icmpv6_hdr *)skb->data;
	*h = (struct icmpv6_hdr){ .type = ICMPV6_ECHO_REQUEST, .id = be16_of(p->id), .seq = be16_of(seq) };
	for (unsigned off = ICMPV6_HLEN, n; off < skb->len; off += n) {
		u8 *to = skb_at(skb, off, &n);

		for (unsigned i = 0; i < n; i++)
			to[i] = (u8)(off - ICMPV6_HLEN + i);
	}
	put_checksum(skb, &fl->src, &fl->dst);
	count_out(cpu, ICMPV6_ECHO_REQUEST);
	ip6_xmit(cpu, skb, fl, &dst);
	return 0;
}
