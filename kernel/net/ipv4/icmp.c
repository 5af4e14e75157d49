/* SPDX-License-Identifier: MIT
 * icmp.c - ICMP: echo, errors received for the transports, errors sent about packets (RFC 792, RFC
 * 1122 3.2.2, RFC 1812 4.3).
 *
 * Owns cpu->ip->icmp: the token buckets of errors and the echo clients. Redirects and source quench
 * are counted and ignored (RFC 6633; a redirect is a route from a stranger). An error is never sent
 * about what RFC 1122 3.2.2 forbids. Runs in net_rx and timer.
 */
#include "net/ipv4/ip_impl.h"
#include "net/core/sock.h"
#include "net/core/steer.h"

#define ERROR_LEN_MAX 576 /* RFC 1812 4.3.2.3: quote as much as fits in this */
#define PEER_BURST    6   /* errors to one destination before its rate holds */
#define ALL_BURST     50

/* ---- answers in place ---- */
/* The message in skb goes back to its sender, from the address it was sent to; skb->data is at the
 * ICMP header. */
static enum drop_reason send_back(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct flow fl = { .dst = skb->ip.src, .proto = IPPROTO_ICMP, .tos = skb->ip.tos & 0xfc };
	struct dst dst;

	if (skb->ip.addr_type == ADDR_LOCAL)
		fl.src = skb->ip.dst;
	if (ip_route_output(cpu, &fl, &dst)) {
		STAT(cpu, IpOutNoRoutes);
		return DROP(IP_OUTNOROUTES);
	}
	STAT(cpu, IcmpOutMsgs);
	skb->ip_summed = CHECKSUM_NONE;
	skb->tstamp_ns = 0;
	skb->hash = 0;
	ip_xmit(cpu, skb, &fl, &dst);
	return SKB_CONSUMED;
}

/* Bytes that others see too (a clone over lo) are not written to: the answer is made of a copy. */
static enum drop_reason echo_copy(struct net_cpu *cpu, struct sk_buff *skb,
				  enum drop_reason (*answer)(struct net_cpu *, struct sk_buff *))
{
	struct sk_buff *copy = skb_copy(cpu, skb);
	enum drop_reason r;

	if (!copy)
		return DROP(NOMEM);
	copy->cloned = 0;
	r = answer(cpu, copy);
	if (r != SKB_CONSUMED)
		kfree_skb_reason(cpu, copy, r);
	return RX_OK;
}

static enum drop_reason answer_echo(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct icmp_hdr *h = (struct icmp_hdr *)skb->data;

	if (unlikely(skb->cloned))
		return echo_copy(cpu, skb, answer_echo);
	h->type = ICMP_ECHOREPLY;
	h->check = csum_replace2(h->check, BE16_C(ICMP_ECHO << 8), BE16_C(ICMP_ECHOREPLY << 8));
	if (unlikely(!h->check.raw))
		h->check.raw = 0xffff; /* the same number, and right too where all else is zero */
	STAT(cpu, IcmpOutEchoReps);
	return send_back(cpu, skb);
}

static bool echo_ignored(struct net_cpu *cpu, const struct sk_buff *skb)
{
	return cpu->sysctl.icmp_echo_ignore_all ||
	       (skb->ip.addr_type != ADDR_LOCAL && cpu->sysctl.icmp_echo_ignore_broadcasts);
}

static enum drop_reason rcv_echo(struct net_cpu *cpu, struct sk_buff *skb,
				 const struct icmp_info *m)
{
	STAT(cpu, IcmpInEchos);
	return echo_ignored(cpu, skb) ? DROP(ICMP_IGNORED) : answer_echo(cpu, skb);
}

/* Milliseconds since midnight UTC, the "standard value" of RFC 1122 3.2.2.8. */
static be32 ms_of_day(u64 now_ns)
{
	return be32_of((u32)(wall_clock_ns(now_ns) / NSEC_PER_MSEC % 86400000));
}

static enum drop_reason answer_timestamp(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct icmp_timestamp *t = (struct icmp_timestamp *)skb->data;

	if (skb->cloned)
		return echo_copy(cpu, skb, answer_timestamp);
	skb_trim(cpu, skb, ICMP_TIMESTAMP_LEN);
	t->h.type = ICMP_TIMESTAMPREPLY;
	t->receive = t->transmit = ms_of_day(cpu->now_ns);
	t->h.check.raw = 0;
	t->h.check = csum_fold(csum_partial(t, ICMP_TIMESTAMP_LEN, 0));
	STAT(cpu, IcmpOutTimestampReps);
	return send_back(cpu, skb);
}

static enum drop_reason rcv_timestamp(struct net_cpu *cpu, struct sk_buff *skb,
				      const struct icmp_info *m)
{
	STAT(cpu, IcmpInTimestamps);
	if (!skb_may_pull(cpu, skb, ICMP_TIMESTAMP_LEN)) {
		STAT(cpu, IcmpInErrors);
		FLOW(cpu, IcmpInTypedErrors);
		return DROP(ICMP_HDR);
	}
	return echo_ignored(cpu, skb) ? DROP(ICMP_IGNORED) : answer_timestamp(cpu, skb);
}

static void moved_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = steer_skb(msg);

	FLOW(cpu, InetMovedIn);
	steer_end(cpu, skb, icmp_protocol.rcv(cpu, skb));
}

/* skb->data is at the ICMP header, whose checksum was right. */
static enum drop_reason move(struct net_cpu *cpu, struct sk_buff *skb, unsigned to)
{
	cpu->stats[STAT_IcmpInMsgs]--; /* it is counted there */
	FLOW(cpu, InetMovedOut);
	if (skb->ip_summed == CHECKSUM_NONE)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	return steer_move(cpu, to, skb, moved_rcv);
}

static enum drop_reason rcv_echoreply(struct net_cpu *cpu, struct sk_buff *skb,
				      const struct icmp_info *m)
{
	struct icmp_ping *p, *next;
	int home;

	STAT(cpu, IcmpInEchoReps);
	list_for_each_entry_safe(p, next, &cpu->ip->icmp.pings, link) {
		if (p->id != m->id)
			continue;
		skb_pull(skb, ICMP_HLEN);
		p->reply(p, cpu, skb, m->seq);
		return RX_OK;
	}
	home = port_home_find(cpu, IPPROTO_ICMP, m->id);
	if (home < 0)
		return DROP(NO_SOCKET);
	cpu->stats[STAT_IcmpInEchoReps]--;
	return move(cpu, skb, (unsigned)home);
}

/* ---- errors received ---- */
/* A request of an echo client came to nothing. skb->data is at the quoted ICMP header. */
static void ping_err(struct net_cpu *cpu, struct sk_buff *skb, const struct ip_addr *from, u8 type,
		     u8 code)
{
	struct icmp_ping *p, *next;
	struct icmp_info m;

	if (!icmp_parse(skb->data, skb_headlen(skb), &m) || m.type != ICMP_ECHO)
		return;
	list_for_each_entry_safe(p, next, &cpu->ip->icmp.pings, link)
		if (p->id == m.id && p->error)
			p->error(p, cpu, from, type, code, m.seq);
}

/* Hands an error to the transport of the packet it is about: skb->data at the quoted IP header,
 * `ip` is what it says. */
static enum drop_reason deliver_error(struct net_cpu *cpu, struct sk_buff *skb,
				      const struct ipv4_info *ip, const struct icmp_info *m)
{
	const struct inet_protocol *p = net_inet_protocols[ip->proto];
	struct ip_addr from = skb->ip.src;

	if (ip->frag_off || ip_addr_type(cpu, ip->saddr) != ADDR_LOCAL)
		return DROP(ICMP_QUOTE);
	skb_pull(skb, ip->hdr_len);
	ip_fill_cb(skb, ip);
	if (ip->proto == IPPROTO_ICMP)
		ping_err(cpu, skb, &from, m->type, m->code);
	else if (p && p->err)
		p->err(cpu, skb, m->type, m->code, m->info);
	else
		return DROP(IP_NOPROTO);
	return RX_OK;
}

/* Whose business is an error? That of the owner of the flow it is about. skb->data is at the quoted header `ip`, and 8 bytes
 * of its payload are there. */
static unsigned error_owner(const struct net_cpu *cpu, const struct sk_buff *skb, const struct ipv4_info *ip)
{
	struct ip_addr src = ip_from_v4(ip->saddr), dst = ip_from_v4(ip->daddr);
	struct quoted {
		be16 sport, dport, id;
	} q;
	int home;

	if (!cpu->net->steer->on || ip->frag_off)
		return cpu->id;
	memcpy(&q, skb->data + ip->hdr_len, sizeof(q));
	if (ip->proto == IPPROTO_TCP || ip->proto == IPPROTO_UDP)
		return steer_owner(cpu->net, &src, &dst, be16_get(q.sport), be16_get(q.dport));
	home = ip->proto == IPPROTO_ICMP ? port_home_find(cpu, IPPROTO_ICMP, be16_get(q.id)) : -1;
	return home < 0 ? cpu->id : (unsigned)home;
}

/* RFC 1122 3.2.2: the quoted header and at least 8 bytes of its payload are there, and it was
 * ours. */
static enum drop_reason rcv_error(struct net_cpu *cpu, struct sk_buff *skb,
				  const struct icmp_info *msg)
{
	struct icmp_info m = *msg;
	struct ipv4_info ip;
	unsigned owner;

	skb_pull(skb, ICMP_HLEN);
	if (!skb_may_pull(cpu, skb, IPV4_HLEN) ||
	    !skb_may_pull(cpu, skb, ipv4_hdr_bytes(skb->data) + 8u) ||
	    ipv4_parse_quoted(skb->data, skb_headlen(skb), &ip)) {
		STAT(cpu, IcmpInErrors);
		FLOW(cpu, IcmpInTypedErrors);
		return DROP(ICMP_HDR);
	}
	owner = error_owner(cpu, skb, &ip);
	if (unlikely(owner != cpu->id)) {
		skb_push(skb, ICMP_HLEN);
		return move(cpu, skb, owner);
	}
	if (m.type == ICMP_DEST_UNREACH && m.code == ICMP_FRAG_NEEDED && m.info < IPV4_MTU_MIN)
		m.info = icmp_mtu_plateau(ip.tot_len);
	return deliver_error(cpu, skb, &ip, &m);
}

static enum drop_reason rcv_unreach(struct net_cpu *cpu, struct sk_buff *skb,
				    const struct icmp_info *m)
{
	enum drop_reason r = rcv_error(cpu, skb, m);

	if (r != SKB_CONSUMED) /* moved: counted there */
		STAT(cpu, IcmpInDestUnreachs);
	return r;
}

static enum drop_reason rcv_exceeded(struct net_cpu *cpu, struct sk_buff *skb,
				     const struct icmp_info *m)
{
	enum drop_reason r = rcv_error(cpu, skb, m);

	if (r != SKB_CONSUMED) /* moved: counted there */
		STAT(cpu, IcmpInTimeExcds);
	return r;
}

static enum drop_reason rcv_problem(struct net_cpu *cpu, struct sk_buff *skb,
				    const struct icmp_info *m)
{
	enum drop_reason r = rcv_error(cpu, skb, m);

	if (r != SKB_CONSUMED) /* moved: counted there */
		STAT(cpu, IcmpInParmProbs);
	return r;
}

static enum drop_reason rcv_quench(struct net_cpu *cpu, struct sk_buff *skb,
				   const struct icmp_info *m)
{
	STAT(cpu, IcmpInSrcQuenchs);
	return DROP(ICMP_IGNORED);
}

static enum drop_reason rcv_redirect(struct net_cpu *cpu, struct sk_buff *skb,
				     const struct icmp_info *m)
{
	STAT(cpu, IcmpInRedirects);
	return DROP(ICMP_IGNORED);
}

/* ---- in ---- */
static enum drop_reason (*const icmp_types[])(struct net_cpu *, struct sk_buff *,
					      const struct icmp_info *) = {
	[ICMP_ECHOREPLY] = rcv_echoreply,
	[ICMP_DEST_UNREACH] = rcv_unreach,
	[ICMP_SOURCE_QUENCH] = rcv_quench,
	[ICMP_REDIRECT] = rcv_redirect,
	[ICMP_ECHO] = rcv_echo,
	[ICMP_TIME_EXCEEDED] = rcv_exceeded,
	[ICMP_PARAMETERPROB] = rcv_problem,
	[ICMP_TIMESTAMP] = rcv_timestamp,
};

static enum drop_reason icmp_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct icmp_info m;

	STAT(cpu, IcmpInMsgs);
	if (!skb_may_pull(cpu, skb, ICMP_HLEN) || !icmp_parse(skb->data, skb_headlen(skb), &m)) {
		STAT(cpu, IcmpInErrors);
		return DROP(ICMP_HDR);
	}
	if (skb->ip_summed == CHECKSUM_NONE && !csum_ok(skb_checksum(skb, 0, skb->len, 0))) {
		STAT(cpu, IcmpInCsumErrors);
		STAT(cpu, IcmpInErrors);
		return DROP(ICMP_CSUM);
	}
	if (m.type >= ARRAY_SIZE(icmp_types) || !icmp_types[m.type]) {
		FLOW(cpu, IcmpInOthers);
		return DROP(ICMP_TYPE); /* RFC 1122 3.2.2: silently */
	}
	return icmp_types[m.type](cpu, skb, &m);
}

const struct inet_protocol icmp_protocol = {
	.protocol = IPPROTO_ICMP,
	.rcv = icmp_rcv,
	.rcv_plain = ip_rcv_decoded,
};

/* ---- rates (RFC 1812 4.3.2.8) ---- */
static bool rate_allows(struct net_cpu *cpu, be32 daddr)
{
	struct icmp_cpu *c = &cpu->ip->icmp;
	struct token_bucket *b =
		&c->peers[hsiphash_3u32(daddr.raw, 0, 2, &cpu->net->hash_key) % ICMP_PEERS];

	if (cpu->sysctl.icmp_ratelimit &&
	    !token_take(b, cpu->now_ns, (u64)cpu->sysctl.icmp_ratelimit * NSEC_PER_MSEC, PEER_BURST)) {
		STAT(cpu, IcmpOutRateLimitHost);
		return false;
	}
	if (cpu->sysctl.icmp_msgs_per_sec &&
	    !token_take(&c->all, cpu->now_ns, NSEC_PER_SEC / (u64)cpu->sysctl.icmp_msgs_per_sec, ALL_BURST)) {
		STAT(cpu, IcmpOutRateLimitGlobal);
		return false;
	}
	return true;
}

/* ---- errors sent ---- */
/* RFC 1122 3.2.2, RFC 1812 4.3.2.7: never about these. */
static bool error_forbidden(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb_network_header(skb);
	be32 saddr = ip_v4(&skb->ip.src), daddr = ip_v4(&skb->ip.dst);
	enum addr_type to = ip_addr_type(cpu, daddr), from = ip_addr_type(cpu, saddr);
	u8 type;

	if (skb->pkt_type != PACKET_HOST || (to != ADDR_LOCAL && to != ADDR_UNICAST) ||
	    (be16_get(h->frag) & IP_OFFSET))
		return true;
	if (from != ADDR_UNICAST &&
	    !(from == ADDR_LOCAL && skb->dev && (skb->dev->flags & IFF_LOOPBACK)))
		return true;
	if (skb->ip.proto != IPPROTO_ICMP)
		return false;
	if (skb_copy_bits(skb, (unsigned)(skb_network_header(skb) + skb->ip.hdr_len - skb->data),
			  &type, 1))
		/* also where the ICMP header was pulled: the offset is negative, hence huge */
		return true;
	return icmp_is_error(type);
}

/* The packet from its IP header on, wherever skb->data is now, cut to fit. */
static bool quote(struct net_cpu *cpu, struct sk_buff *to, struct sk_buff *about)
{
	unsigned pulled = (unsigned)(about->data - skb_network_header(about));
	unsigned len = MIN(about->len + pulled, (unsigned)(ERROR_LEN_MAX - IPV4_HLEN - ICMP_HLEN));
	unsigned front = MIN(len, pulled);

	memcpy(skb_put(to, front), skb_network_header(about), front);
	return !skb_copy_bits(about, 0, skb_put(to, len - front), len - front);
}

static void count_error(struct net_cpu *cpu, u8 type)
{
	STAT(cpu, IcmpOutMsgs);
	if (type == ICMP_DEST_UNREACH)
		STAT(cpu, IcmpOutDestUnreachs);
	else if (type == ICMP_TIME_EXCEEDED)
		STAT(cpu, IcmpOutTimeExcds);
	else
		STAT(cpu, IcmpOutParmProbs);
}

static void send_error(struct net_cpu *cpu, struct sk_buff *about, struct flow *fl, struct dst *dst,
		       const struct icmp_hdr *hdr)
{
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);
	struct icmp_hdr *h;

	if (!skb) {
		STAT(cpu, IcmpOutErrors);
		return;
	}
	h = (struct icmp_hdr *)skb_put(skb, ICMP_HLEN);
	*h = *hdr;
	if (!quote(cpu, skb, about)) {
		STAT(cpu, IcmpOutErrors);
		consume_skb(cpu, skb);
		return;
	}
	h->check = csum_fold(csum_partial(skb->data, skb->len, 0));
	count_error(cpu, h->type);
	ip_xmit(cpu, skb, fl, dst);
}

void icmp_send(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info)
{
	struct icmp_hdr h = { .type = type, .code = code };
	struct flow fl = { .dst = skb->ip.src, .proto = IPPROTO_ICMP };
	struct dst dst;

	if (error_forbidden(cpu, skb) || !rate_allows(cpu, ip_v4(&skb->ip.src)))
		return;
	if (ip_addr_type(cpu, ip_v4(&skb->ip.dst)) == ADDR_LOCAL)
		fl.src = skb->ip.dst;
	else if (skb->dev)
		/* RFC 1812 4.3.2.4 */
		fl.src = ip_from_v4(ip_select_src(cpu, skb->dev, ip_v4(&skb->ip.src)));
	if (ip_route_output(cpu, &fl, &dst)) {
		STAT(cpu, IcmpOutErrors);
		return;
	}
	if (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED)
		h.mtu = be16_of((u16)MIN(info, (u32)IPV4_LEN_MAX));
	else if (type == ICMP_PARAMETERPROB)
		h.pointer = (u8)info;
	send_error(cpu, skb, &fl, &dst, &h);
}

void icmp_report(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info)
{
	struct icmp_info m = { .type = type, .code = code, .info = info };
	struct ipv4_info ip;

	if (ipv4_parse_quoted(skb->data, skb_headlen(skb), &ip))
		return;
	ip_fill_cb(skb, &ip);
	if (ip_addr_type(cpu, ip.saddr) != ADDR_LOCAL) {
		skb->pkt_type = PACKET_HOST;
		icmp_send(cpu, skb, type, code, info);
	} else if (skb->len >= ip.hdr_len + 8u && skb_may_pull(cpu, skb, ip.hdr_len + 8u)) {
		deliver_error(cpu, skb, &ip, &m);
	}
}

/* ---- echo client ---- */
static bool ping_id_taken(struct net_cpu *cpu, u16 id)
{
	struct icmp_ping *p;

	list_for_each_entry(p, &cpu->ip->icmp.pings, link)
		if (p->id == id)
			return true;
	return false;
}

void icmp_ping_open(struct net_cpu *cpu, struct icmp_ping *p)
{
	p->id = (u16)siphash_2u64(cpu->now_ns, (uintptr_t)p, &cpu->net->port_key);
	while (ping_id_taken(cpu, p->id))
		p->id++;
	p->cpu = cpu;
	list_add_tail(&p->link, &cpu->ip->icmp.pings);
	port_home_add(cpu, IPPROTO_ICMP, p->id);
}

void icmp_ping_close(struct icmp_ping *p)
{
	list_del(&p->link);
	port_home_del(p->cpu, IPPROTO_ICMP, p->id);
}

int icmp_ping_send(struct net_cpu *cpu, const struct icmp_ping *p, struct flow *fl, u16 seq,
		   unsigned len)
{
	struct sk_buff *skb;
	struct icmp_hdr *h;
	struct dst dst;
	int err;

	if (len > IPV4_LEN_MAX - IPV4_HLEN - ICMP_HLEN)
		return -EMSGSIZE;
	fl->proto = IPPROTO_ICMP;
	err = ip_route_output(cpu, fl, &dst);
	if (err)
		return err;
	skb = alloc_skb_with_frags(cpu, SKB_HEADROOM, ICMP_HLEN + len);
	if (!skb)
		return -ENOBUFS;
	h = (struct icmp_hdr *)skb->data;
	*h = (struct icmp_hdr){ .type = ICMP_ECHO, .id = be16_of(p->id), .seq = be16_of(seq) };
	for (unsigned off = ICMP_HLEN, n; off < skb->len; off += n) {
		u8 *to = skb_at(skb, off, &n);

		for (unsigned i = 0; i < n; i++)
			to[i] = (u8)(off - ICMP_HLEN + i);
	}
	h->check = csum_fold(skb_checksum(skb, 0, skb->len, 0));
	STAT(cpu, IcmpOutMsgs);
	STAT(cpu, IcmpOutEchos);
	ip_xmit(cpu, skb, fl, &dst);
	return 0;
}

void icmp_cpu_init(struct net_cpu *cpu)
{
	list_init(&cpu->ip->icmp.pings);
}
