/* SPDX-License-Identifier: MIT
 * ct_proto.c - what a packet means for its connection: TCP by its flags, UDP and others by who has spoken.
 *
 * Sequence numbers are looked at for resets alone: one that lies before what its receiver has acknowledged, or beyond
 * any window, does not end a connection. Timeouts are tunables, net.netfilter.nf_conntrack_*.
 */
#include "net/netfilter/ct_impl.h"
#include "net/wire/ether.h"
#include "net/wire/icmpv6.h"
#include "net/wire/ipv6.h"

#define UDP_STREAM_NS  (2 * NSEC_PER_SEC)  /* a flow both ways for so long is a stream, as in Linux */
#define TCP_WINDOW_MAX (65535u << TCP_WSCALE_MAX)

/* ---- tuples ---- */
static u8 icmp_answer(u8 type)
{
	return type == ICMP_ECHO ? ICMP_ECHOREPLY : type == ICMP_ECHOREPLY ? ICMP_ECHO :
	       type == ICMP_TIMESTAMP ? ICMP_TIMESTAMPREPLY : ICMP_TIMESTAMP;
}

struct ct_tuple ct_invert(const struct ct_tuple *t)
{
	struct ct_tuple i = { .src = t->dst, .dst = t->src, .sport = t->dport, .dport = t->sport, .proto = t->proto };

	if (t->proto == IPPROTO_ICMP)
		i.type = icmp_answer(t->type);
	else if (t->proto == IPPROTO_ICMPV6)
		i.type = t->type ^ ICMPV6_ECHO_REQUEST ^ ICMPV6_ECHO_REPLY;
	return i;
}

static bool is_query(u8 proto, u8 type)
{
	if (proto == IPPROTO_ICMPV6)
		return type == ICMPV6_ECHO_REQUEST || type == ICMPV6_ECHO_REPLY;
	return type == ICMP_ECHO || type == ICMP_ECHOREPLY || type == ICMP_TIMESTAMP || type == ICMP_TIMESTAMPREPLY;
}

/* The first 8 bytes of a transport header. */
static bool fill_ports(struct ct_tuple *t, const u8 *p)
{
	if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6) {
		t->type = p[0];
		memcpy(&t->sport, p + 4, 2);
		t->dport = t->sport;
		return is_query(t->proto, t->type);
	}
	if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP) {
		memcpy(&t->sport, p, 2);
		memcpy(&t->dport, p + 2, 2);
	}
	return true;
}

static bool read_quote6(const u8 *p, unsigned len, struct ct_tuple *t)
{
	unsigned off = IPV6_HLEN, fragment;
	struct ipv6_info ip;

	if (!ipv6_parse_quoted(p, len, &ip) || !ipv6_skip_ext(p, len, &ip.nexthdr, &off, &fragment) || fragment || len < off + 8)
		return false;
	*t = (struct ct_tuple){ .src = ip.saddr, .dst = ip.daddr, .proto = ip.nexthdr };
	return fill_ports(t, p + off);
}

bool ct_read_quote(const u8 *p, unsigned len, struct ct_tuple *t)
{
	struct ipv4_info ip;

	if (len && p[0] >> 4 == 6)
		return read_quote6(p, len, t);
	if (ipv4_parse_quoted(p, len, &ip) || len < ip.hdr_len + 8u || ip.frag_off)
		return false;
	*t = (struct ct_tuple){ .src = ip_from_v4(ip.saddr), .dst = ip_from_v4(ip.daddr), .proto = ip.proto };
	return fill_ports(t, p + ip.hdr_len);
}

/* What stands behind the IP header; its addresses and protocol are in p->tuple. */
static bool read_transport(struct net_cpu *cpu, struct sk_buff *skb, struct ct_packet *p, unsigned hdr_len)
{
	u8 proto = p->tuple.proto;
	unsigned need = proto == IPPROTO_TCP ? TCP_HDR_LEN :
			proto == IPPROTO_UDP || proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ? 8 : 0;

	if (!skb_may_pull(cpu, skb, hdr_len + need))
		return false;
	if (!need)
		return true;
	if (proto == IPPROTO_TCP &&
	    !tcp_parse(skb->data + hdr_len, TCP_HDR_MAX, skb->len - hdr_len, &p->seg))
		return false;
	return fill_ports(&p->tuple, skb->data + hdr_len);
}

bool ct_read(struct net_cpu *cpu, struct sk_buff *skb, struct ct_packet *p, unsigned hdr_len)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb->data;

	if (skb->protocol == ETH_P_IPV6) {
		p->tuple = (struct ct_tuple){ .src = skb->ip.src, .dst = skb->ip.dst, .proto = skb->ip.proto };
		return read_transport(cpu, skb, p, hdr_len);
	}
	p->tuple = (struct ct_tuple){ .src = ip_from_v4(h->saddr), .dst = ip_from_v4(h->daddr), .proto = h->proto };
	return !(be16_get(h->frag) & (IP_OFFSET | IP_MF)) && read_transport(cpu, skb, p, hdr_len);
}

/* ---- TCP ---- */
static const char *const tcp_names[NR_CT_TCP] = {
	"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
};

const char *ct_tcp_state_name(u8 state)
{
	return state < NR_CT_TCP ? tcp_names[state] : "?";
}

static bool flags_make_sense(u8 flags)
{
	u8 f = flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);

	return f && f != TCP_FIN && !((f & TCP_SYN) && (f & (TCP_FIN | TCP_RST))) &&
	       !((f & TCP_FIN) && (f & TCP_RST));
}

static u8 on_fin(u8 state)
{
	switch (state) {
	case CT_TCP_SYN_RECV:
	case CT_TCP_ESTABLISHED:
		return CT_TCP_FIN_WAIT;
	case CT_TCP_FIN_WAIT:
	case CT_TCP_CLOSE_WAIT:
		return CT_TCP_LAST_ACK;
	default:
		return state;
	}
}

static u8 on_ack(u8 state, enum ct_dir dir)
{
	switch (state) {
	case CT_TCP_NONE: /* picked up in the middle */
		return CT_TCP_ESTABLISHED;
	case CT_TCP_SYN_RECV:
		return dir == CT_ORIGINAL ? CT_TCP_ESTABLISHED : CT_TCP_SYN_RECV;
	case CT_TCP_FIN_WAIT:
		return CT_TCP_CLOSE_WAIT;
	case CT_TCP_LAST_ACK:
		return CT_TCP_TIME_WAIT;
	default:
		return state;
	}
}

static u8 on_syn(u8 state, enum ct_dir dir, bool ack)
{
	if (!ack)
		return state == CT_TCP_NONE ? CT_TCP_SYN_SENT : state;
	return state == CT_TCP_SYN_SENT && dir == CT_REPLY ? CT_TCP_SYN_RECV : state;
}

/* RFC 5961 3.2 in the eyes of a bystander. */
static bool reset_is_real(const struct nf_conn *ct, const struct tcp_seg *seg, enum ct_dir dir)
{
	const struct ct_end *receiver = &ct->end[!dir];

	return !receiver->acked || seg->seq.v - receiver->ack.v <= TCP_WINDOW_MAX;
}

static void note_ack(struct ct_end *e, seq_t ack)
{
	e->ack = e->acked ? seq_max(e->ack, ack) : ack;
	e->acked = true;
}

static s64 tcp_timeout(const struct net_sysctls *s, const struct nf_conn *ct)
{
	const s64 by_state[NR_CT_TCP] = {
		[CT_TCP_SYN_SENT] = s->ct_tcp_syn_sent,	      [CT_TCP_SYN_RECV] = s->ct_tcp_syn_recv,
		[CT_TCP_ESTABLISHED] = s->ct_tcp_established, [CT_TCP_FIN_WAIT] = s->ct_tcp_fin_wait,
		[CT_TCP_CLOSE_WAIT] = s->ct_tcp_close_wait,   [CT_TCP_LAST_ACK] = s->ct_tcp_last_ack,
		[CT_TCP_TIME_WAIT] = s->ct_tcp_time_wait,     [CT_TCP_CLOSE] = s->ct_tcp_close,
	};

	if (ct->tcp_state == CT_TCP_ESTABLISHED && !ct->seen_reply)
		return s->ct_tcp_unacknowledged;
	return by_state[ct->tcp_state];
}

static s64 advance_tcp(struct nf_conn *ct, const struct tcp_seg *seg, enum ct_dir dir)
{
	u8 f = seg->flags;

	if (!flags_make_sense(f))
		return 0;
	if ((f & TCP_RST) && !reset_is_real(ct, seg, dir))
		return 0;
	if (f & TCP_RST)
		ct->tcp_state = CT_TCP_CLOSE;
	else if (f & TCP_SYN)
		ct->tcp_state = on_syn(ct->tcp_state, dir, f & TCP_ACK);
	else if (f & TCP_FIN)
		ct->tcp_state = on_fin(on_ack(ct->tcp_state, dir) == CT_TCP_ESTABLISHED ? CT_TCP_ESTABLISHED :
											  ct->tcp_state);
	else
		ct->tcp_state = on_ack(ct->tcp_state, dir);
	if (f & TCP_ACK)
		note_ack(&ct->end[dir], seg->ack);
	if (ct->tcp_state == CT_TCP_ESTABLISHED && ct->seen_reply)
		ct->assured = true;
	return tcp_timeout(&ct->cpu->sysctl, ct);
}

u64 ct_advance_established(struct nf_conn *ct, seq_t ack, enum ct_dir dir)
{
	note_ack(&ct->end[dir], ack);
	return (u64)ct->cpu->sysctl.ct_tcp_established * NSEC_PER_SEC;
}

/* ---- the others ---- */
static s64 advance_udp(struct nf_conn *ct, u64 now_ns)
{
	const struct net_sysctls *s = &ct->cpu->sysctl;

	if (!ct->seen_reply || now_ns < ct->created_ns + UDP_STREAM_NS)
		return s->ct_udp;
	ct->assured = true;
	return s->ct_udp_stream;
}

u64 ct_advance_datagram(struct nf_conn *ct)
{
	return (u64)advance_udp(ct, ct->cpu->now_ns) * NSEC_PER_SEC;
}

bool ct_may_begin(const struct ct_packet *p)
{
	if (p->tuple.proto == IPPROTO_ICMPV6)
		return p->tuple.type == ICMPV6_ECHO_REQUEST;
	if (p->tuple.proto == IPPROTO_ICMP)
		return p->tuple.type == ICMP_ECHO || p->tuple.type == ICMP_TIMESTAMP;
	if (p->tuple.proto != IPPROTO_TCP)
		return true;
	if (!flags_make_sense(p->seg.flags) || (p->seg.flags & TCP_RST))
		return false;
	return (p->seg.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ||
	       (p->seg.flags & (TCP_SYN | TCP_FIN | TCP_ACK)) == TCP_ACK;
}

u64 ct_advance(struct nf_conn *ct, const struct ct_packet *p, enum ct_dir dir)
{
	const struct net_sysctls *s = &ct->cpu->sysctl;
	s64 seconds;

	if (dir == CT_REPLY)
		ct->seen_reply = true;
	switch (p->tuple.proto) {
	case IPPROTO_TCP:
		seconds = advance_tcp(ct, &p->seg, dir);
		break;
	case IPPROTO_UDP:
		seconds = advance_udp(ct, ct->cpu->now_ns);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		seconds = s->ct_icmp;
		break;
	default:
		seconds = s->ct_generic;
	}
	return (u64)seconds * NSEC_PER_SEC;
}
