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
enum { PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58 };
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

enum { NOT_PLAIN, PLAIN_WORDS, PLAIN_VECTORS, PLAIN6_VECTORS };

struct gro_flow {
	struct sk_buff *skb;
	struct net_cpu *cpu;
	seq_t next;  /* what continues it */
	u16 mss;     /* payload of its first segment */
	u16 hdr_len; /* link, IP and TCP header together */
	u16 segs;    /* what those behind the first bring, its frags, is added to skb's counts when it leaves */
	u16 most;    /* segs that it is complete with */
	bool v6;
	u8 plain;    /* no TCP option but timestamps: its headers may be compared by whole words, or by vectors */
	u32 addr_sum; /* its addresses summed, and for IPv4 the protocol: once for all its segments */
	u32 full_sum; /* the same and the TCP length of a segment as long as the first: the pseudo header of most */
	u32 id_check; /* IPv4: identification and checksum of the first header, added up */
};

struct gro_cpu {
	bool vectors; /* csum_partial_wide() may be called */
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
static inline u16 load16(const void *p)
{
	u16 v;

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

/* What the pseudo headers of all segments of a flow have in common (RFC 9293 3.1; RFC 8200 8.1): all but the length. */
static inline u32 addr_sum(const u8 *ip, bool v6)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)ip;

	if (unlikely(v6))
		return csum_partial(ip + IPV6_SADDR_OFF, 32, be32_of(PROTO_TCP).raw);
	return csum_tcpudp_nofold(h->saddr, h->daddr, 0, PROTO_TCP);
}

static inline bool is_wide(unsigned len)
{
	return len - CSUM_WIDE_MIN <= CSUM_WIDE_MAX - CSUM_WIDE_MIN;
}

/* The TCP checksum of len bytes at tcp. */
static __noinline bool sum_ok(struct net_cpu *cpu, u32 addrs, const void *tcp, unsigned len)
{
	u32 sum = csum_add(addrs, be16_of((u16)len).raw);

	STAT_ADD(cpu, CsumSoftBytes, len);
	return csum_ok(cpu->gro->vectors && is_wide(len) ? csum_partial_wide(tcp, len, sum) : csum_partial(tcp, len, sum));
}

/* Its sum is right: the device says so, or it is looked at here, once for the stack too. */
static inline bool summed(struct net_cpu *cpu, const struct piece *s, bool vouched)
{
	return vouched || sum_ok(cpu, addr_sum(s->ip, s->v6), s->tcp, s->tcp_len);
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

/* Whether the headers of the usual frame, IPv4 with timestamps, are those held but for lengths, identification, sums, the
 * sequence number and PSH: by whole words, */
static inline bool same_plain_words(const u8 *held, const u8 *p)
{
	return !(((load64(held) ^ load64(p)) | (load64(held + 8) ^ load64(p + 8)) |
		  (load64(held + AT_ADDRS) ^ load64(p + AT_ADDRS)) | (load64(held + AT_TSTAMP) ^ load64(p + AT_TSTAMP)) |
		  ((load64(held + AT_ACK) ^ load64(p + AT_ACK)) & ~((u64)TCP_PSH << 40))) ||
		 ((load32(held + AT_FRAG) ^ load32(p + AT_FRAG)) | (load32(held + AT_PORTS) ^ load32(p + AT_PORTS)) |
		  (load32(held + AT_TSTAMP + 8) ^ load32(p + AT_TSTAMP + 8))));
}

/* and by vectors, the length too: all but the last 2 bytes of the destination in two of them, with a mask of what counts. */
static inline bool differ32(const u8 *a, const u8 *b, const u8 *mask)
{
	bool same;

	__asm__("vmovdqu %[a], %%ymm0\n\t"
		"vpxor %[b], %%ymm0, %%ymm0\n\t"
		"vptest %[mask], %%ymm0"
		: "=@ccz"(same)
		: [a] "m"(*(const u8(*)[32])a), [b] "m"(*(const u8(*)[32])b), [mask] "m"(*(const u8(*)[32])mask)
		: VECTORS_USED "cc");
	return !same;
}

static inline bool same_plain_vectors(const u8 *held, const u8 *p)
{
	static const u8 front[32] = { [0 ... ETH_HLEN + 3] = 0xff, [AT_FRAG ... AT_FRAG + 3] = 0xff, [AT_ADDRS ... 31] = 0xff };
	static const u8 back[32] = { [0 ... 3] = 0xff, [AT_ACK - AT_PORTS ... AT_ACK - AT_PORTS + 4] = 0xff,
				     [AT_FLAGS - AT_PORTS] = (u8)~TCP_PSH, [AT_FLAGS - AT_PORTS + 1 ... AT_FLAGS - AT_PORTS + 2] = 0xff,
				     [AT_TSTAMP - AT_PORTS ... PLAIN_HLEN - AT_PORTS - 1] = 0xff };

	return !differ32(held, p, front) && !differ32(held + AT_PORTS, p + AT_PORTS, back) &&
	       load16(held + AT_PORTS - 2) == load16(p + AT_PORTS - 2);
}

/* Over IPv6 everything up to the sequence number counts. */
static inline bool same_plain6_vectors(const u8 *held, const u8 *p)
{
	static const u8 all[32] = { [0 ... 31] = 0xff };
	static const u8 back[32] = { [0 ... 3] = 0xff, [AT6_ACK - AT6_PORTS ... AT6_ACK - AT6_PORTS + 4] = 0xff,
				     [AT6_FLAGS - AT6_PORTS] = (u8)~TCP_PSH, [AT6_FLAGS - AT6_PORTS + 1 ... AT6_FLAGS - AT6_PORTS + 2] = 0xff,
				     [AT6_TSTAMP - AT6_PORTS ... PLAIN6_HLEN - AT6_PORTS - 1] = 0xff };

	return !differ32(held, p, all) && !differ32(held + AT6_PORTS - 32, p + AT6_PORTS - 32, all) &&
	       !differ32(held + AT6_PORTS, p + AT6_PORTS, back);
}
_Static_assert(AT6_PORTS - 32 <= 32 && PLAIN6_HLEN - AT6_PORTS == 32, "three vectors cover it");

/* Whether p, whose headers are those held, goes on where f ends; returns its payload behind PLAIN_HLEN bytes, 0: it does not. */
static inline unsigned plainly_next(const struct gro_flow *f, const u8 *p, unsigned len)
{
	const struct ipv4_hdr *ip = (const struct ipv4_hdr *)(p + ETH_HLEN);
	const struct tcp_hdr *tcp = (const struct tcp_hdr *)(ip + 1);
	unsigned payload;

	if (!seq_eq(seq_of(be32_get(tcp->seq)), f->next))
		return 0;
	payload = be16_get(ip->tot_len) + ETH_HLEN - PLAIN_HLEN;
	return payload - 1 < f->mss && payload + PLAIN_HLEN <= len && csum_ok(csum_ip_header(ip, 5)) ? payload : 0;
}

/* The same of a segment as long as the first. What its IP header's sum is made of is there then, but for the identification: that and
 * the checksum add up to what they did. */
static inline bool fully_next(const struct gro_flow *f, const u8 *p, unsigned len)
{
	const struct ipv4_hdr *ip = (const struct ipv4_hdr *)(p + ETH_HLEN);
	int more = (int)(load16(&ip->id) + load16(&ip->check) - f->id_check);

	return (likely(!more) || more == 0xffff || more == -0xffff) && len >= (unsigned)PLAIN_HLEN + f->mss &&
	       seq_eq(seq_of(be32_get(((const struct tcp_hdr *)(ip + 1))->seq)), f->next);
}

/* The same for IPv6, headers included. */
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
	struct tcp_hdr *tcp = held_tcp(f);
	unsigned len;
	be16 plen;

	skb->data_len = (u32)seq_diff(f->next, seq_of(be32_get(tcp->seq))) - f->mss;
	skb->len += skb->data_len;
	skb->nr_frags = (u8)(f->segs - 1);
	skb->truesize += skb->nr_frags * SKB_BUF_SIZE;
	len = skb->len - ETH_HLEN;
	plen = be16_of((u16)(len - IPV6_HLEN));
	if (f->v6) {
		memcpy((u8 *)ip + IPV6_PLEN_OFF, &plen, sizeof(plen));
		len -= IPV6_HLEN;
		skb->gso_type = SKB_GSO_TCPV6;
	} else {
		ip->check = csum_replace2(ip->check, ip->tot_len, be16_of((u16)len));
		ip->tot_len = be16_of((u16)len);
		len -= IPV4_HLEN;
		skb->gso_type = SKB_GSO_TCPV4;
	}
	tcp->csum = csum_fold16(csum_add(f->addr_sum, be16_of((u16)len).raw));
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)((u8 *)tcp - skb->head);
	skb->csum_offset = TCP_CSUM_OFFSET;
	skb->gso_size = f->mss;
	skb->gso_segs = f->segs;
}

static void flush_flow(struct gro_flow *f)
{
	struct net_cpu *cpu = f->cpu;
	struct sk_buff *skb = f->skb;

	if (f->segs > 1) {
		complete(f);
		netif_rx_merged(cpu, skb, f->segs - 1, f->hdr_len);
	}
	*f = cpu->gro->flows[--cpu->gro_held];
	cpu->gro->flows[cpu->gro_held].plain = NOT_PLAIN; /* as gro_receive() has it of the first where none is held */
	netif_receive_skb(cpu, skb);
}

void gro_flush_all(struct net_cpu *cpu)
{
	while (cpu->gro_held)
		flush_flow(&cpu->gro->flows[0]);
}

/* ---- a frame ---- */

/* The last one that f takes. */
static __noinline bool merged_last(struct gro_flow *f, u8 flags)
{
	held_tcp(f)->flags |= flags;
	flush_flow(f);
	return true;
}

/* `payload` bytes at p go on where f ends. What is merged can become frags of another skb, its linear part too: an
 * echo sends it so. Returns true. */
static inline bool merge(struct gro_flow *f, u8 *p, unsigned payload, u8 flags)
{
	struct skb_frag *at = &f->skb->frags[f->segs - 1];

	at->ptr = p;
	at->buf = skb_buf_of(p);
	at->len = payload;
	f->next = seq_add(f->next, payload);
	f->segs++;
	if (likely(!(flags & TCP_PSH) && payload == f->mss && f->segs < f->most))
		return true;
	return merged_last(f, flags);
}

static inline u8 how_plain(const struct net_cpu *cpu, const struct piece *s)
{
	if (s->hdr_len != (s->v6 ? (unsigned)PLAIN6_HLEN : (unsigned)PLAIN_HLEN))
		return NOT_PLAIN;
	if (!cpu->gro->vectors || !is_wide(s->tcp_len))
		return PLAIN_WORDS;
	return s->v6 ? PLAIN6_VECTORS : PLAIN_VECTORS;
}

/* A full segment that may be followed by more. */
static bool hold(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, const struct piece *s)
{
	unsigned fit = (GRO_MAX_BYTES - SKB_BUF_SIZE - s->hdr_len) / s->payload + 1;
	const struct ipv4_hdr *ip = (const struct ipv4_hdr *)s->ip;
	struct skb_buf *b = skb_buf_of(s->link);
	u32 addrs = addr_sum(s->ip, s->v6);
	struct gro_flow *f;
	struct sk_buff *skb;

	skb = build_skb(cpu, b, (unsigned)(s->link - skb_buf_room(b)), s->hdr_len + s->payload);
	if (!skb)
		return false;
	skb->dev = dev;
	skb->queue_mapping = (u16)rxq;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (cpu->gro_held == GRO_FLOWS)
		flush_flow(&cpu->gro->flows[0]);
	f = &cpu->gro->flows[cpu->gro_held++];
	*f = (struct gro_flow){ .skb = skb,
				.cpu = cpu,
				.next = seq_add(seq_of(be32_get(s->tcp->seq)), s->payload),
				.mss = (u16)s->payload,
				.hdr_len = (u16)s->hdr_len,
				.segs = 1,
				.most = (u16)MIN(fit, (unsigned)MAX_SKB_FRAGS),
				.v6 = s->v6,
				.plain = how_plain(cpu, s),
				.addr_sum = addrs,
				.full_sum = csum_add(addrs, be16_of((u16)s->tcp_len).raw),
				.id_check = s->v6 ? 0u : (u32)load16(&ip->id) + load16(&ip->check) };
	return true;
}

/* TCP that is never merged: without DF, a fragment, behind a tag, options or extension headers. What dies in IP is none. */
static bool may_be_tcp(const u8 *p, unsigned len)
{
	const struct ipv4_hdr *ip = (const struct ipv4_hdr *)(p + ETH_HLEN);
	u16 type = be16_get(((const struct eth_hdr *)p)->type);
	u8 proto;

	if (type == ETH_P_IP)
		return len >= ETH_HLEN + IPV4_HLEN && ip->proto == PROTO_TCP &&
		       (ip->ver_ihl != 0x45 || csum_ok(csum_ip_header(ip, 5)));
	if (type != ETH_P_IPV6)
		return type == ETH_P_8021Q || type < ETH_P_802_3_MIN;
	proto = p[ETH_HLEN + IPV6_NEXT_OFF];
	return len >= ETH_HLEN + IPV6_HLEN && proto != PROTO_UDP && proto != PROTO_ICMPV6;
}

/* What is held may be of the same flow: it goes first. */
static __noinline bool receive_unmergeable(struct net_cpu *cpu, const u8 *p, unsigned len)
{
	if (cpu->gro_held && may_be_tcp(p, len))
		gro_flush_all(cpu);
	return false;
}

static __noinline bool receive_slow(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, u8 *p, unsigned len, bool vouched)
{
	struct gro_flow *f = cpu->gro->flows, *end = f + cpu->gro_held;
	struct piece s;

	if (!parse(&s, p, len))
		return receive_unmergeable(cpu, p, len);
	for (; f < end; f++) {
		if (!same_flow(f, &s))
			continue;
		if (continues(f, &s) && f->skb->dev == dev && summed(cpu, &s, vouched)) {
			merge(f, p + s.hdr_len, s.payload, s.tcp->flags);
			return true;
		}
		flush_flow(f);
		break;
	}
	return len >= GRO_MIN_FRAME && s.tcp->flags == TCP_ACK && s.payload && dev->flags & IFF_UP &&
	       summed(cpu, &s, vouched) && hold(cpu, dev, rxq, &s);
}

/* A frame while something is held. Without vectors, or not as long as the first over IPv6. */
static __noinline bool receive_plain(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, u8 *p, unsigned len, bool vouched)
{
	struct gro_flow *f = cpu->gro->flows, *end = f + cpu->gro_held;

	for (; f < end; f++) {
		unsigned ports = f->v6 ? AT6_PORTS : AT_PORTS, hlen = f->v6 ? PLAIN6_HLEN : PLAIN_HLEN, payload;

		if (!f->plain || f->skb->dev != dev)
			continue;
		if (f->v6)
			payload = plainly_next6(f, p, len);
		else
			payload = same_plain_words(f->skb->data, p) ? plainly_next(f, p, len) : 0;
		if (!payload)
			continue;
		if (!vouched && unlikely(!sum_ok(cpu, f->addr_sum, p + ports, hlen - ports + payload)))
			break;
		return merge(f, p + hlen, payload, p[ports + AT_FLAGS - AT_PORTS]);
	}
	return receive_slow(cpu, dev, rxq, p, len, vouched);
}

/* The end of the way of a segment that is as long as the first: its IPv4 header is behind 14 bytes of p, or ends where that would. */
static inline bool merge_full(struct gro_flow *f, u8 *p, unsigned mss)
{
	unsigned segs = f->segs;
	struct skb_frag *at = &f->skb->frags[segs - 1];
	u8 flags = p[AT_FLAGS];

	p += PLAIN_HLEN;
	at->ptr = p;
	at->buf = skb_buf_of(p);
	at->len = mss;
	f->next = seq_add(f->next, mss);
	f->segs = (u16)++segs;
	if (likely(segs < f->most && !(flags & TCP_PSH)))
		return true;
	return merged_last(f, flags);
}

static __noinline bool merge_vouched(struct gro_flow *f, u8 *p)
{
	return merge_full(f, p, f->mss);
}

/* The same when nobody has looked at its sum. If that is wrong: false, and what it would have followed enters the stack. */
static __noinline bool merge_summed(struct gro_flow *f, u8 *p)
{
	unsigned mss = f->mss, len = mss + PLAIN_HLEN - AT_PORTS;

	STAT_ADD(f->cpu, CsumSoftBytes, len);
	if (likely(csum_ok(csum_wide(p + AT_PORTS, len, f->full_sum))))
		return merge_full(f, p, mss);
	flush_flow(f);
	return false;
}

/* gro_receive() while the first that may be compared by vectors is of IPv6. */
static __noinline bool receive6(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, u8 *p, unsigned len, bool vouched)
{
	struct gro_flow *f = cpu->gro->flows, *end = f + cpu->gro_held;

	for (; f < end; f++) {
		if (f->plain != PLAIN6_VECTORS || f->skb->dev != dev || len < (unsigned)PLAIN6_HLEN + f->mss ||
		    !same_plain6_vectors(f->skb->data, p) ||
		    !seq_eq(seq_of(be32_get(((const struct tcp_hdr *)(p + AT6_PORTS))->seq)), f->next))
			continue;
		p += IPV6_HLEN - IPV4_HLEN;
		return vouched ? merge_vouched(f, p) : merge_summed(f, p);
	}
	return receive_plain(cpu, dev, rxq, p, len, vouched);
}
_Static_assert(PLAIN6_HLEN - PLAIN_HLEN == IPV6_HLEN - IPV4_HLEN, "from there on both are alike");

/* gro_receive() where more than one flow is held, or one that is not as most are. */
static __noinline bool receive_any(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, u8 *p, unsigned len, bool vouched)
{
	struct gro_flow *f = cpu->gro->flows, *end = f + cpu->gro_held;

	for (; f < end; f++) {
		if (unlikely(f->plain != PLAIN_VECTORS)) {
			if (f->plain == PLAIN6_VECTORS)
				return receive6(cpu, dev, rxq, p, len, vouched);
			if (f->plain)
				return receive_plain(cpu, dev, rxq, p, len, vouched);
			continue;
		}
		if (f->skb->dev != dev || !same_plain_vectors(f->skb->data, p) || !fully_next(f, p, len))
			continue;
		return vouched ? merge_vouched(f, p) : merge_summed(f, p);
	}
	return receive_slow(cpu, dev, rxq, p, len, vouched);
}

/* The usual frame of an upload, of the only flow, passes here and in merge_summed(), which call nothing: registers of others need
 * not be kept. */
bool gro_receive(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, u8 *p, unsigned len, bool vouched)
{
	struct gro_flow *f = cpu->gro->flows;

	if (unlikely(f->plain != PLAIN_VECTORS || f->skb->dev != dev || !same_plain_vectors(f->skb->data, p) || !fully_next(f, p, len)))
		return receive_any(cpu, dev, rxq, p, len, vouched);
	return vouched ? merge_vouched(f, p) : merge_summed(f, p);
}

int gro_cpu_init(struct net_cpu *cpu)
{
	cpu->gro = kzalloc(sizeof(*cpu->gro));
	if (!cpu->gro)
		return -ENOMEM;
	cpu->gro->vectors = platform_has_vectors();
	return 0;
}

void gro_cpu_destroy(struct net_cpu *cpu)
{
	gro_flush_all(cpu);
	kfree(cpu->gro);
	cpu->gro = NULL;
}
