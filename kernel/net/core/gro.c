/* SPDX-License-Identifier: MIT
 * gro.c - in-order TCP segments of a flow merge before IP (see gro.h for what never does).
 *
 * Owns cpu->gro: the few flows held during a poll. A held skb is the first segment as it came, link header at data; the
 * payloads of those that follow are its frags, still in the buffers the device wrote. When it enters the stack its IP length
 * and checksum are made right and its TCP checksum is left partial, so that it can be cut again when it is forwarded.
 * Softirq.
 */
#include "net/core/gro.h"
#include "lib/errno.h"
#include "net/wire/ether.h"
#include "net/wire/ipv4.h"
#include "net/wire/tcp.h"

enum { IPV6_HLEN = 40, IPV6_PLEN_OFF = 4, IPV6_NEXT_OFF = 6, IPV6_HOPS_OFF = 7, IPV6_SADDR_OFF = 8 }; /* RFC 8200 3 */
enum { PROTO_TCP = 6 };
enum { /* offsets of what plainly_next() compares */
	AT_FRAG = ETH_HLEN + 6,
	AT_ADDRS = ETH_HLEN + 12,
	AT_PORTS = ETH_HLEN + IPV4_HLEN,
	AT_ACK = AT_PORTS + 8,
	AT_FLAGS = AT_PORTS + 13,
	AT_TSTAMP = AT_PORTS + TCP_HDR_LEN,
	PLAIN_HLEN = AT_TSTAMP + TCPOLEN_TSTAMP_ALIGNED,
};
enum { /* and of what plainly_next6() does */
	AT6_FIXED = ETH_HLEN,                   /* class, flow label, length, next header, hop limit */
	AT6_ADDRS = ETH_HLEN + IPV6_SADDR_OFF,
	AT6_PORTS = ETH_HLEN + IPV6_HLEN,
	AT6_ACK = AT6_PORTS + 8,
	AT6_FLAGS = AT6_PORTS + 13,
	AT6_TSTAMP = AT6_PORTS + TCP_HDR_LEN,
	PLAIN6_HLEN = AT6_TSTAMP + TCPOLEN_TSTAMP_ALIGNED,
};

struct gro_flow {
	struct sk_buff *skb;
	seq_t next;  /* what continues it */
	u16 mss;     /* payload of its first segment */
	u16 hdr_len; /* link, IP and TCP header together */
	u16 segs;
	bool v6;
	bool plain;  /* no TCP option but timestamps: plainly_next() or plainly_next6() may look at it */
	u32 addr_sum; /* IPv6: its addresses summed, once for all its segments */
};

struct gro_cpu {
	struct gro_flow flows[GRO_FLOWS]; /* the first cpu->gro_held of them */
};

/* A frame that could be merged: plain TCP, its parts inside of the frame. */
struct piece {
	const u8 *link, *ip;
	const struct tcp_hdr *tcp;
	unsigned ip_len;  /* of the IP header */
	unsigned hdr_len; /* of all headers */
	unsigned tcp_len; /* TCP header and payload */
	unsigned payload;
	bool v6;
};

static inline u32 load32(const void *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}
static inline u64 load64(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* ---- what is this frame? ---- */

static inline bool parse_ipv4(struct piece *s, unsigned room)
{
	const struct ipv4_hdr *ip = (const struct ipv4_hdr *)s->ip;
	unsigned len;

	if (room < IPV4_HLEN || ip->ver_ihl != 0x45 || ip->proto != PROTO_TCP || be16_get(ip->frag) != IP_DF)
		return false;
	len = be16_get(ip->tot_len);
	if (len < IPV4_HLEN || len > room || !csum_ok(csum_ip_header(ip, 5)))
		return false;
	s->ip_len = IPV4_HLEN;
	s->tcp_len = len - IPV4_HLEN;
	return true;
}

static inline bool parse_ipv6(struct piece *s, unsigned room)
{
	be16 plen;

	if (room < IPV6_HLEN || s->ip[0] >> 4 != 6 || s->ip[IPV6_NEXT_OFF] != PROTO_TCP)
		return false;
	memcpy(&plen, s->ip + IPV6_PLEN_OFF, sizeof(plen));
	s->tcp_len = be16_get(plen);
	s->ip_len = IPV6_HLEN;
	return s->tcp_len <= room - IPV6_HLEN;
}

static inline bool parse(struct piece *s, const u8 *p, unsigned len)
{
	u16 type = be16_get(((const struct eth_hdr *)p)->type);
	unsigned doff;

	s->link = p;
	s->ip = p + ETH_HLEN;
	s->v6 = type == ETH_P_IPV6;
	if (likely(type == ETH_P_IP)) {
		if (!parse_ipv4(s, len - ETH_HLEN))
			return false;
	} else if (!s->v6 || !parse_ipv6(s, len - ETH_HLEN)) {
		return false;
	}
	s->tcp = (const struct tcp_hdr *)(s->ip + s->ip_len);
	if (s->tcp_len < TCP_HDR_LEN)
		return false;
	doff = (s->tcp->doff >> 4) * 4u;
	if (doff < TCP_HDR_LEN || doff > s->tcp_len)
		return false;
	s->payload = s->tcp_len - doff;
	s->hdr_len = ETH_HLEN + s->ip_len + doff;
	return true;
}

/* The TCP checksum of len bytes at tcp, RFC 9293 3.1. */
static inline bool ipv4_sum_ok(struct net_cpu *cpu, const struct ipv4_hdr *ip, const void *tcp, unsigned len)
{
	STAT_ADD(cpu, CsumSoftBytes, len);
	return csum_ok(csum_partial(tcp, len, csum_tcpudp_nofold(ip->saddr, ip->daddr, len, PROTO_TCP)));
}

static inline u32 addr_sum(const u8 *ip)
{
	return csum_partial(ip + IPV6_SADDR_OFF, 32, 0);
}

/* The same over IPv6 (RFC 8200 8.1), whose addresses sum to `addrs`. */
static inline bool ipv6_sum_ok(struct net_cpu *cpu, u32 addrs, const void *tcp, unsigned len)
{
	STAT_ADD(cpu, CsumSoftBytes, len);
	return csum_ok(csum_partial(tcp, len, csum_add(addrs, be32_of(len + PROTO_TCP).raw)));
}

/* Its sum is right: the device says so, or it is looked at here, once for the stack too. */
static inline bool summed(struct net_cpu *cpu, const struct piece *s, bool vouched)
{
	if (vouched)
		return true;
	if (!s->v6)
		return ipv4_sum_ok(cpu, (const struct ipv4_hdr *)s->ip, s->tcp, s->tcp_len);
	return ipv6_sum_ok(cpu, addr_sum(s->ip), s->tcp, s->tcp_len);
}

/* ---- does it continue what is held? ---- */

static inline const u8 *held_ip(const struct gro_flow *f)
{
	return f->skb->data + ETH_HLEN;
}
static inline struct tcp_hdr *held_tcp(const struct gro_flow *f)
{
	return (struct tcp_hdr *)(f->skb->data + ETH_HLEN + (f->v6 ? (unsigned)IPV6_HLEN : (unsigned)IPV4_HLEN));
}

static inline bool same_flow(const struct gro_flow *f, const struct piece *s)
{
	const u8 *ip = held_ip(f);

	if (f->v6 != s->v6 || load32(held_tcp(f)) != load32(s->tcp))
		return false;
	if (likely(!s->v6))
		return load64(ip + offsetof(struct ipv4_hdr, saddr)) == load64(s->ip + offsetof(struct ipv4_hdr, saddr));
	return !memcmp(ip + IPV6_SADDR_OFF, s->ip + IPV6_SADDR_OFF, 32);
}

/* The fields of the IP header that every segment of a merged skb shares: TOS and TTL; class, flow label and hop limit. */
static inline bool same_ip(const struct gro_flow *f, const struct piece *s)
{
	const u8 *ip = held_ip(f);

	if (likely(!s->v6))
		return ip[offsetof(struct ipv4_hdr, tos)] == s->ip[offsetof(struct ipv4_hdr, tos)] &&
		       ip[offsetof(struct ipv4_hdr, ttl)] == s->ip[offsetof(struct ipv4_hdr, ttl)];
	return load32(ip) == load32(s->ip) && ip[IPV6_HOPS_OFF] == s->ip[IPV6_HOPS_OFF];
}

static inline bool same_options(const struct tcp_hdr *a, const struct tcp_hdr *b, unsigned len)
{
	const u8 *x = (const u8 *)(a + 1), *y = (const u8 *)(b + 1);

	if (likely(len == TCPOLEN_TSTAMP_ALIGNED))
		return load64(x) == load64(y) && load32(x + 8) == load32(y + 8);
	return !len || !memcmp(x, y, len);
}

/* Length of header, flags and window stand in one word; PSH may differ. */
static inline bool same_word(const struct tcp_hdr *a, const struct tcp_hdr *b)
{
	u32 diff = load32(&a->doff) ^ load32(&b->doff);

	return !(diff & ~((u32)TCP_PSH << 8)) && load32(&a->ack) == load32(&b->ack);
}

static inline bool continues(const struct gro_flow *f, const struct piece *s)
{
	const struct tcp_hdr *tcp = held_tcp(f);

	return seq_eq(seq_of(be32_get(s->tcp->seq)), f->next) && s->payload - 1u < f->mss && same_word(tcp, s->tcp) &&
	       same_ip(f, s) && load64(f->skb->data) == load64(s->link) && load32(f->skb->data + 8) == load32(s->link + 8) &&
	       same_options(tcp, s->tcp, s->hdr_len - ETH_HLEN - s->ip_len - TCP_HDR_LEN);
}

/* The same questions for the usual frame, IPv4 with timestamps, asked of whole words: hdr_len bytes of header, where f's have
 * the same values but for lengths, identification, sums and the sequence number. Returns its payload, 0: not so. */
static inline unsigned plainly_next(const struct gro_flow *f, const u8 *p, unsigned len)
{
	const struct ipv4_hdr *ip = (const struct ipv4_hdr *)(p + ETH_HLEN);
	const struct tcp_hdr *tcp = (const struct tcp_hdr *)(ip + 1);
	const u8 *held = f->skb->data;
	unsigned payload;

	if (((load64(held) ^ load64(p)) | (load64(held + 8) ^ load64(p + 8)) |
	     (load64(held + AT_ADDRS) ^ load64(p + AT_ADDRS)) | (load64(held + AT_TSTAMP) ^ load64(p + AT_TSTAMP)) |
	     ((load64(held + AT_ACK) ^ load64(p + AT_ACK)) & ~((u64)TCP_PSH << 40))) ||
	    ((load32(held + AT_FRAG) ^ load32(p + AT_FRAG)) | (load32(held + AT_PORTS) ^ load32(p + AT_PORTS)) |
	     (load32(held + AT_TSTAMP + 8) ^ load32(p + AT_TSTAMP + 8))) ||
	    !seq_eq(seq_of(be32_get(tcp->seq)), f->next))
		return 0;
	payload = be16_get(ip->tot_len) + ETH_HLEN - PLAIN_HLEN;
	return payload - 1 < f->mss && payload + PLAIN_HLEN <= len && csum_ok(csum_ip_header(ip, 5)) ? payload : 0;
}

/* The same for IPv6. */
static inline unsigned plainly_next6(const struct gro_flow *f, const u8 *p, unsigned len)
{
	const struct tcp_hdr *tcp = (const struct tcp_hdr *)(p + AT6_PORTS);
	const u8 *held = f->skb->data;
	unsigned payload;
	be16 plen;

	if (((load64(held) ^ load64(p)) | (load64(held + 8) ^ load64(p + 8)) |
	     (load64(held + AT6_ADDRS) ^ load64(p + AT6_ADDRS)) | (load64(held + AT6_ADDRS + 8) ^ load64(p + AT6_ADDRS + 8)) |
	     (load64(held + AT6_ADDRS + 16) ^ load64(p + AT6_ADDRS + 16)) |
	     (load64(held + AT6_ADDRS + 24) ^ load64(p + AT6_ADDRS + 24)) | (load64(held + AT6_TSTAMP) ^ load64(p + AT6_TSTAMP)) |
	     ((load64(held + AT6_FIXED) ^ load64(p + AT6_FIXED)) & ~((u64)0xffff << 32)) |
	     ((load64(held + AT6_ACK) ^ load64(p + AT6_ACK)) & ~((u64)TCP_PSH << 40))) ||
	    ((load32(held + AT6_PORTS) ^ load32(p + AT6_PORTS)) | (load32(held + AT6_TSTAMP + 8) ^ load32(p + AT6_TSTAMP + 8))) ||
	    !seq_eq(seq_of(be32_get(tcp->seq)), f->next))
		return 0;
	memcpy(&plen, p + ETH_HLEN + IPV6_PLEN_OFF, sizeof(plen));
	payload = be16_get(plen) + AT6_PORTS - PLAIN6_HLEN;
	return payload - 1 < f->mss && payload + PLAIN6_HLEN <= len ? payload : 0;
}

/* ---- into the stack ---- */

/* One header for all its segments. */
static void complete(struct gro_flow *f)
{
	struct sk_buff *skb = f->skb;
	struct ipv4_hdr *ip = (struct ipv4_hdr *)held_ip(f);
	unsigned len = skb->len - ETH_HLEN;
	struct tcp_hdr *tcp = held_tcp(f);
	be16 plen = be16_of((u16)(len - IPV6_HLEN));

	if (f->v6) {
		memcpy((u8 *)ip + IPV6_PLEN_OFF, &plen, sizeof(plen));
		len -= IPV6_HLEN;
		tcp->csum = csum_fold16(csum_add(f->addr_sum, be32_of(len + PROTO_TCP).raw));
		skb->gso_type = SKB_GSO_TCPV6;
	} else {
		ip->check = csum_replace2(ip->check, ip->tot_len, be16_of((u16)len));
		ip->tot_len = be16_of((u16)len);
		len -= IPV4_HLEN;
		tcp->csum = csum_fold16(csum_tcpudp_nofold(ip->saddr, ip->daddr, len, PROTO_TCP));
		skb->gso_type = SKB_GSO_TCPV4;
	}
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)((u8 *)tcp - skb->head);
	skb->csum_offset = TCP_CSUM_OFFSET;
	skb->gso_size = f->mss;
	skb->gso_segs = f->segs;
}

static void flush_flow(struct net_cpu *cpu, struct gro_flow *f)
{
	struct sk_buff *skb = f->skb;

	if (f->segs > 1) {
		complete(f);
		netif_rx_merged(cpu, skb, f->segs - 1, f->hdr_len);
	}
	*f = cpu->gro->flows[--cpu->gro_held];
	netif_receive_skb(cpu, skb);
}

void gro_flush_all(struct net_cpu *cpu)
{
	while (cpu->gro_held)
		flush_flow(cpu, &cpu->gro->flows[0]);
}

/* ---- a frame ---- */

/* `payload` bytes at p, from b, go on where f ends. What is merged can become frags of another skb, its linear part too: an
 * echo sends it so. */
static inline void merge(struct net_cpu *cpu, struct gro_flow *f, struct skb_buf *b, u8 *p, unsigned payload, u8 flags)
{
	struct sk_buff *skb = f->skb;

	skb_add_buf(skb, b, p, payload);
	f->next = seq_add(f->next, payload);
	f->segs++;
	if (likely(!(flags & TCP_PSH) && payload == f->mss && skb->nr_frags < MAX_SKB_FRAGS - 1 &&
		   skb->len <= GRO_MAX_BYTES - SKB_BUF_SIZE))
		return;
	held_tcp(f)->flags |= flags;
	flush_flow(cpu, f);
}

/* A full segment that may be followed by more. */
static bool hold(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, struct skb_buf *b, const struct piece *s)
{
	struct gro_flow *f;
	struct sk_buff *skb;

	skb = build_skb(cpu, b, (unsigned)(s->link - skb_buf_room(b)), s->hdr_len + s->payload);
	if (!skb)
		return false;
	skb->dev = dev;
	skb->queue_mapping = (u16)rxq;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (cpu->gro_held == GRO_FLOWS)
		flush_flow(cpu, &cpu->gro->flows[0]);
	f = &cpu->gro->flows[cpu->gro_held++];
	*f = (struct gro_flow){ .skb = skb,
				.next = seq_add(seq_of(be32_get(s->tcp->seq)), s->payload),
				.mss = (u16)s->payload,
				.hdr_len = (u16)s->hdr_len,
				.segs = 1,
				.v6 = s->v6,
				.plain = s->hdr_len == (s->v6 ? (unsigned)PLAIN6_HLEN : (unsigned)PLAIN_HLEN),
				.addr_sum = s->v6 ? addr_sum(s->ip) : 0 };
	return true;
}

static __noinline bool receive_slow(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, struct skb_buf *b, u8 *p,
				    unsigned len, bool vouched)
{
	struct gro_flow *f = cpu->gro->flows, *end = f + cpu->gro_held;
	struct piece s;

	if (!parse(&s, p, len))
		return false;
	for (; f < end; f++) {
		if (!same_flow(f, &s))
			continue;
		if (continues(f, &s) && f->skb->dev == dev && summed(cpu, &s, vouched)) {
			merge(cpu, f, b, p + s.hdr_len, s.payload, s.tcp->flags);
			return true;
		}
		flush_flow(cpu, f);
		break;
	}
	return len >= GRO_MIN_FRAME && s.tcp->flags == TCP_ACK && s.payload && dev->flags & IFF_UP &&
	       summed(cpu, &s, vouched) && hold(cpu, dev, rxq, b, &s);
}

bool gro_receive(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, struct skb_buf *b, unsigned off, unsigned len,
		 bool vouched)
{
	struct gro_flow *f = cpu->gro->flows, *end = f + cpu->gro_held;
	u8 *p = skb_buf_room(b) + off;
	unsigned payload;

	for (; f < end; f++) {
		if (!f->plain || f->skb->dev != dev)
			continue;
		if (unlikely(f->v6)) {
			if (!(payload = plainly_next6(f, p, len)))
				continue;
			if (!vouched && unlikely(!ipv6_sum_ok(cpu, f->addr_sum, p + AT6_PORTS,
							      PLAIN6_HLEN - AT6_PORTS + payload)))
				break;
			merge(cpu, f, b, p + PLAIN6_HLEN, payload, p[AT6_FLAGS]);
			return true;
		}
		if (!(payload = plainly_next(f, p, len)))
			continue;
		if (!vouched && unlikely(!ipv4_sum_ok(cpu, (const struct ipv4_hdr *)(p + ETH_HLEN), p + AT_PORTS,
						      PLAIN_HLEN - AT_PORTS + payload)))
			break;
		merge(cpu, f, b, p + PLAIN_HLEN, payload, p[AT_FLAGS]);
		return true;
	}
	return receive_slow(cpu, dev, rxq, b, p, len, vouched);
}

int gro_cpu_init(struct net_cpu *cpu)
{
	cpu->gro = kzalloc(sizeof(*cpu->gro));
	return cpu->gro ? 0 : -ENOMEM;
}

void gro_cpu_destroy(struct net_cpu *cpu)
{
	gro_flush_all(cpu);
	kfree(cpu->gro);
	cpu->gro = NULL;
}
