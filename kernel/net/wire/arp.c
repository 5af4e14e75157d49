/* SPDX-License-Identifier: MIT
 * arp.c - reads and writes the ARP packet (RFC 826; hardware type 6 of IEEE 802 nets is taken too,
 * RFC 1042).
 */
#include "net/wire/arp.h"

bool arp_parse(const u8 *p, unsigned len, struct arp_info *out)
{
	const struct arp_hdr *h = (const struct arp_hdr *)p;
	u16 hrd;

	if (len < sizeof(*h))
		return false;
	hrd = be16_get(h->hrd);
	if ((hrd != ARPHRD_ETHER && hrd != ARPHRD_IEEE802) || be16_get(h->pro) != ETH_P_IP ||
	    h->hln != ETH_ALEN || h->pln != 4)
		return false;
	out->op = be16_get(h->op);
	memcpy(out->sha, h->sha, ETH_ALEN);
	memcpy(out->tha, h->tha, ETH_ALEN);
	out->spa = h->spa;
	out->tpa = h->tpa;
	return out->op == ARPOP_REQUEST || out->op == ARPOP_REPLY;
}

void arp_build(u8 *p, const struct arp_info *a)
{
	struct arp_hdr *h = (struct arp_hdr *)p;

	h->hrd = be16_of(ARPHRD_ETHER);
	h->pro = be16_of(ETH_P_IP);
	h->hln = ETH_ALEN;
	h->pln = 4;
	h->op = be16_of(a->op);
	memcpy(h->sha, a->sha, ETH_ALEN);
	memcpy(h->tha, a->tha, ETH_ALEN);
	h->spa = a->spa;
	h->tpa = a->tpa;
}
