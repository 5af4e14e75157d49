/* SPDX-License-Identifier: MIT
 * gso.c - software segmentation of TCP over IPv4 and IPv6. Stateless.
 *
 * Each segment gets a copy of the headers with its own length, identification and sequence number: FIN and PSH belong
 * to the last one only, CWR to the first (RFC 3168 6.1.2). Bytes of the payload are referred to, not copied.
 */
#include "net/core/gso.h"
#include "net/core/sock.h"
#include "net/wire/checksum.h"
#include "net/wire/ipv4.h"
#include "net/wire/tcp.h"

struct gso {
	struct sk_buff *skb;
	unsigned net_off, tcp_off, hdr_len; /* from skb->data: IP, TCP, payload */
	u32 seq;
	u16 ip_id;
	u8 flags;
	bool v6;
};

static bool gso_parse(struct net_cpu *cpu, struct gso *g, struct sk_buff *skb)
{
	unsigned headroom = skb_headroom(skb);
	const struct tcp_hdr *th;

	g->skb = skb;
	g->v6 = skb->gso_type & SKB_GSO_TCPV6;
	if (!(skb->gso_type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6)) || skb->ip_summed != CHECKSUM_PARTIAL)
		return false;
	if (skb->network_header < headroom || skb->csum_start < headroom)
		return false;
	g->net_off = skb->network_header - headroom;
	g->tcp_off = skb->csum_start - headroom;
	if (skb_headlen(skb) < g->tcp_off + TCP_HDR_LEN)
		return false;
	th = (const struct tcp_hdr *)(skb->data + g->tcp_off);
	g->hdr_len = g->tcp_off + (th->doff >> 4) * 4u;
	if (g->hdr_len < g->tcp_off + TCP_HDR_LEN || g->hdr_len > skb_headlen(skb))
		return false;
	g->seq = be32_get(th->seq);
	g->flags = th->flags;
	if (!g->v6)
		g->ip_id = be16_get(((const struct ipv4_hdr *)(skb->data + g->net_off))->id);
	return true;
}

static bool is_tcp_over(const struct sk_buff *skb, unsigned hdr_len)
{
	if (skb->gso_type & SKB_GSO_TCPV6) /* between the headers there may be others */
		return skb->data[0] >> 4 == 6;
	return skb->data[0] >> 4 == 4 && ((const struct ipv4_hdr *)skb->data)->proto == IPPROTO_TCP &&
	       skb->csum_start == skb_headroom(skb) + hdr_len;
}

bool skb_offload_fits(const struct sk_buff *skb, unsigned hdr_len)
{
	unsigned start = skb->csum_start - skb_headroom(skb), tcp_len;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return !skb->gso_size;
	if (skb->csum_start < skb_headroom(skb) + hdr_len || start + skb->csum_offset + sizeof(u16) > skb_headlen(skb))
		return false;
	if (likely(!skb->gso_size))
		return true;
	if (skb->csum_offset != offsetof(struct tcp_hdr, csum) || start + TCP_HDR_LEN > skb_headlen(skb) || !is_tcp_over(skb, hdr_len))
		return false;
	tcp_len = (((const struct tcp_hdr *)(skb->data + start))->doff >> 4) * 4u;
	return tcp_len >= TCP_HDR_LEN && start + tcp_len <= skb_headlen(skb) && start + tcp_len < skb->len;
}

static void write_ipv4(const struct gso *g, u8 *hdr, unsigned index, unsigned ip_len)
{
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(hdr + g->net_off);

	ip->tot_len = be16_of((u16)ip_len);
	ip->id = be16_of((u16)(g->ip_id + index));
	ip->check.raw = 0;
	ip->check = csum_fold(csum_ip_header(ip, ip->ver_ihl & 15));
}

static void write_ipv6(const struct gso *g, u8 *hdr, unsigned ip_len)
{
	be16 payload = be16_of((u16)(ip_len - 40));

	memcpy(hdr + g->net_off + 4, &payload, sizeof(payload));
}

/* The pseudo header's sum is in the field; only its length changes. */
static void write_tcp(const struct gso *g, u8 *hdr, unsigned off, unsigned old_len, unsigned new_len, bool last)
{
	struct tcp_hdr *th = (struct tcp_hdr *)(hdr + g->tcp_off);
	u32 sum = csum_add(th->csum.raw, be16_of((u16)new_len).raw);

	th->seq = be32_of(g->seq + off);
	th->flags = g->flags;
	if (!last)
		th->flags &= (u8)~(TCP_FIN | TCP_PSH);
	if (off)
		th->flags &= (u8)~TCP_CWR;
	sum = csum_sub(sum, be32_of(old_len).raw); /* longer than 16 bits it may be */
	th->csum = csum_fold16(sum);
}

static struct sk_buff *gso_one(struct net_cpu *cpu, const struct gso *g, unsigned off, unsigned n)
{
	struct sk_buff *skb = g->skb, *seg = alloc_skb(cpu, SKB_HEADROOM);
	unsigned mss = skb->gso_size, old_len = skb->len - g->tcp_off, ip_len = g->hdr_len - g->net_off + n;
	u8 *hdr;

	if (!seg)
		return NULL;
	hdr = skb_put(seg, g->hdr_len);
	memcpy(hdr, skb->data, g->hdr_len);
	if (!skb_share(cpu, seg, skb, g->hdr_len + off, n)) {
		consume_skb(cpu, seg);
		return NULL;
	}
	if (g->v6)
		write_ipv6(g, hdr, ip_len);
	else
		write_ipv4(g, hdr, off / mss, ip_len);
	write_tcp(g, hdr, off, old_len, g->hdr_len - g->tcp_off + n, g->hdr_len + off + n == skb->len);
	seg->dev = skb->dev;
	seg->protocol = skb->protocol;
	seg->pkt_type = skb->pkt_type;
	seg->queue_mapping = skb->queue_mapping;
	seg->hash = skb->hash;
	seg->mark = skb->mark;
	seg->priority = skb->priority;
	seg->tstamp_ns = skb->tstamp_ns;
	seg->ip_summed = CHECKSUM_PARTIAL;
	seg->mac_header = SKB_HEADROOM;
	seg->network_header = (u16)(SKB_HEADROOM + g->net_off);
	seg->transport_header = seg->csum_start = (u16)(SKB_HEADROOM + g->tcp_off);
	seg->csum_offset = skb->csum_offset;
	return seg;
}

bool skb_gso_segment(struct net_cpu *cpu, struct sk_buff *skb, struct sk_buff_head *out)
{
	struct sk_buff *seg;
	unsigned n, made = 0;
	struct gso g;

	if (!gso_parse(cpu, &g, skb))
		return false;
	for (unsigned off = 0; off < skb->len - g.hdr_len; off += n, made++) {
		n = MIN(skb->len - g.hdr_len - off, (unsigned)skb->gso_size);
		seg = gso_one(cpu, &g, off, n);
		if (!seg) {
			while (made--) {
				seg = skb_peek_tail(out);
				skb_unlink(out, seg);
				consume_skb(cpu, seg);
			}
			return false;
		}
		skb_queue_tail(out, seg);
	}
	return made;
}
