/* SPDX-License-Identifier: MIT
 * classify.c - what disciplines read from a frame: its type of service, its flow; and the ECN mark (RFC 3168).
 *
 * The frames are our own or passed the checks of the way in; lengths are checked all the same, because a frame from a raw
 * socket or a bridge may hold anything.
 */
#include "net/core/sock.h"
#include "net/sched/sched_impl.h"
#include "net/wire/ether.h"
#include "net/wire/ipv4.h"

#define IPV6_HLEN 40

/* The IP header when `n` bytes of it are linear, else NULL. */
static inline u8 *ip_header(const struct sk_buff *skb, unsigned n)
{
	u8 *ip = skb->head + skb->network_header;

	return skb->network_header != SKB_NO_OFFSET && ip + n <= skb->tail ? ip : NULL;
}

u8 sched_tos(const struct sk_buff *skb)
{
	const u8 *ip = ip_header(skb, 2);

	if (ip && skb->protocol == ETH_P_IP)
		return ip[1];
	if (ip && skb->protocol == ETH_P_IPV6)
		return (u8)(ip[0] << 4 | ip[1] >> 4);
	return 0;
}

u8 sched_priority(const struct sk_buff *skb)
{
	return unlikely(skb->priority) ? skb->priority - 1 : sock_tos_priority(sched_tos(skb));
}

static bool has_ports(u8 proto) { return proto == 6 || proto == 17 || proto == 33 || proto == 132; }

static inline u32 read32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u32 ports_at(const struct sk_buff *skb, const u8 *l4)
{
	return l4 + 4 <= skb->tail ? read32(l4) : 0;
}

static u32 hash_v4(const struct net_cpu *cpu, const struct sk_buff *skb, const u8 *ip)
{
	struct ipv4_info h;
	u32 ports = 0;

	if (ipv4_parse_quoted(ip, (unsigned)(skb->tail - ip), &h))
		return 1;
	if (has_ports(h.proto) && !h.mf && !h.frag_off) /* later fragments have none, so none of them counts */
		ports = ports_at(skb, ip + h.hdr_len);
	return hsiphash_3u32(h.saddr.raw, h.daddr.raw ^ h.proto, ports, &cpu->net->hash_key);
}

static u32 hash_v6(const struct net_cpu *cpu, const struct sk_buff *skb, const u8 *ip)
{
	u8 key[IPV6_HLEN] = { 0 };
	u32 ports;

	memcpy(key, ip + 8, 32);
	key[32] = ip[6];
	ports = has_ports(ip[6]) ? ports_at(skb, ip + IPV6_HLEN) : 0;
	memcpy(key + 36, &ports, sizeof(ports));
	return (u32)siphash(key, sizeof(key), &cpu->net->hash_key);
}

u32 sched_flow_hash(const struct net_cpu *cpu, const struct sk_buff *skb)
{
	const u8 *ip = ip_header(skb, IPV4_HLEN);
	u32 hash = 1;

	if (ip && skb->protocol == ETH_P_IP)
		hash = hash_v4(cpu, skb, ip);
	else if (skb->protocol == ETH_P_IPV6 && (ip = ip_header(skb, IPV6_HLEN)))
		hash = hash_v6(cpu, skb, ip);
	return hash ?: 1;
}

bool sched_mark_ce(struct sk_buff *skb)
{
	u8 *ip = ip_header(skb, IPV4_HLEN), ecn = sched_tos(skb) & INET_ECN_MASK;
	struct ipv4_hdr *h = (struct ipv4_hdr *)ip;
	be16 before, after;

	if (!ip || !ecn || skb->buf->refs != 1)
		return false;
	if (ecn == INET_ECN_CE)
		return true;
	if (skb->protocol == ETH_P_IPV6) {
		ip[1] |= INET_ECN_CE << 4;
		return true;
	}
	memcpy(&before, ip, sizeof(before));
	h->tos |= INET_ECN_CE;
	memcpy(&after, ip, sizeof(after));
	h->check = csum_replace2(h->check, before, after);
	return true;
}
