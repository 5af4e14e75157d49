/* SPDX-License-Identifier: MIT
 * forward.c - fuzz target: a router between two devices, with and without NAT, whose offloads and MTUs the input chooses. Packets
 * of few flows follow each other, so that they merge, translate, fragment and are answered; some come as a device hands them
 * over that says of their sum and segments what the input says. What leaves without a lie before it has right sums and fits.
 */
#include "fuzz/bytes.h"
#include "fuzz/fuzz.h"
#include "host/harness.h"
#include "host/netlab.h"
#include "net/core/gro.h"
#include "net/ipv4/ip.h"
#include "net/ipv6/ip6.h"
#include "net/link/neigh.h"
#include "net/netfilter/conntrack.h"
#include "net/netfilter/nft.h"
#include "net/wire/checksum.h"
#include "net/wire/tcp.h"

#include <string.h>

#define STEPS_MAX 64
#define FRAME_MAX 9000
#define L2 14
#define FLOWS 4

static const u8 peer_mac[6] = { 2, 0, 0, 0, 0, 0xee };

struct world {
	struct lab *lab;
	struct lab_host *host;
	struct net_device *in, *out;
	u32 seq[FLOWS];
	u8 last[128]; /* the head of what left last, IP header first */
	u16 id;
	bool lied;
	u8 frame[FRAME_MAX + 300];
};

/* ---- sums ---- */

/* Of the pseudo header, not folded. `len`: of the transport's header and text. */
static u32 pseudo(const u8 *ip, u8 proto, unsigned len)
{
	bool v6 = ip[0] >> 4 == 6;
	u8 tail[4] = { 0, proto, (u8)(len >> 8), (u8)len };

	return csum_partial(tail, 4, csum_partial(ip + (v6 ? 8 : 12), v6 ? 32 : 8, 0));
}

static unsigned csum_place(u8 proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

/* What came out is whole, not too long and summed right. */
static void check_sent(const u8 *ip, unsigned len, unsigned mtu)
{
	bool v6 = ip[0] >> 4 == 6;
	unsigned hdr = v6 ? 40 : (ip[0] & 15u) * 4u, l4;
	u8 proto = ip[v6 ? 6 : 9];

	CHECK(len >= hdr && len <= mtu);
	if (v6)
		CHECK_EQ(get16(ip + 4) + 40, len);
	else
		CHECK(get16(ip + 2) == len && csum_ok(csum_partial(ip, hdr, 0)));
	if ((!v6 && get16(ip + 6) & 0x3fff) || (proto != 6 && proto != 17 && proto != (v6 ? 58 : 1)))
		return;
	l4 = len - hdr;
	if (l4 < csum_place(proto) + 2 || (proto == 17 && !get16(ip + hdr + 6)))
		return;
	CHECK(csum_ok(csum_partial(ip + hdr, l4, proto == 1 ? 0 : pseudo(ip, proto, l4))));
}

static void take(struct world *w, struct net_device *dev, unsigned l2)
{
	static u8 buf[70000];
	unsigned n;

	while ((n = lab_sent(dev, buf, sizeof(buf)))) {
		if (n < l2 + 20 || (l2 && get16(buf + 12) != 0x0800 && get16(buf + 12) != 0x86dd))
			continue;
		if (!w->lied)
			check_sent(buf + l2, n - l2, dev->mtu);
		memset(w->last, 0, sizeof(w->last));
		memcpy(w->last, buf + l2, MIN(n - l2, (unsigned)sizeof(w->last)));
	}
}

static void settle(struct world *w, u64 ns)
{
	struct net_balance b;

	lab_run(w->lab, ns);
	take(w, w->in, L2);
	take(w, w->out, 0);
	CHECK(net_balance(w->host->net, &b));
}

/* ---- frames come in ---- */

struct said { /* of a frame, as in virtio's header */
	bool partial;
	u16 start, offset, gso_size;
	u8 gso_type;
	u16 linear; /* bytes in the first buffer */
};

/* What a driver checks; what it does not, it passes on. */
static bool driver_takes(const struct said *s, const u8 *f, unsigned len)
{
	unsigned tcp = s->start, hdr;

	if (!s->partial)
		return !s->gso_size;
	if (tcp < L2 || tcp + s->offset + 2u > s->linear)
		return false;
	if (!s->gso_size)
		return true;
	if (s->offset != 16 || tcp + 20 > s->linear || tcp < L2 + (s->gso_type == SKB_GSO_TCPV6 ? 40u : 20u))
		return false;
	if (get16(f + 12) != (s->gso_type == SKB_GSO_TCPV6 ? 0x86ddu : 0x0800u))
		return false;
	hdr = tcp + (f[tcp + 12] >> 4) * 4u;
	return f[tcp + 12] >> 4 >= 5 && hdr <= s->linear && len > hdr + s->gso_size;
}

static bool add_rest(struct net_cpu *cpu, struct sk_buff *skb, const u8 *p, unsigned n)
{
	while (n) {
		unsigned part = MIN(n, (unsigned)SKB_BUF_ROOM);
		struct skb_buf *b = skb_buf_alloc(cpu);

		if (!b || !skb_add_frag(skb, b, skb_buf_room(b), part)) {
			if (b)
				skb_buf_put(cpu, b);
			return false;
		}
		memcpy(skb_buf_room(b), p, part);
		p += part;
		n -= part;
	}
	return true;
}

/* A frame as it stands, with what is said of it. */
static void receive(struct world *w, struct net_device *dev, const u8 *f, unsigned len, struct said *s)
{
	struct net_cpu *cpu = w->host->cpu;
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);

	if (!skb)
		return;
	s->linear = (u16)MIN(MIN((unsigned)s->linear, len), (unsigned)(SKB_BUF_ROOM - SKB_HEADROOM));
	memcpy(skb_put(skb, s->linear), f, s->linear);
	if (!add_rest(cpu, skb, f + s->linear, len - s->linear) || s->linear < L2 || !driver_takes(s, f, len)) {
		consume_skb(cpu, skb);
		return;
	}
	skb->dev = dev;
	if (s->partial) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = (u16)(skb_headroom(skb) + s->start);
		skb->csum_offset = s->offset;
	}
	if (s->gso_size) {
		skb->gso_size = s->gso_size;
		skb->gso_type = s->gso_type;
		skb->gso_segs = (u16)DIV_ROUND_UP(len, s->gso_size);
	}
	bh_disable(cpu);
	gro_flush(cpu);
	netif_receive_skb(cpu, skb);
	bh_enable(cpu);
}

/* ---- packets ---- */

struct packet {
	u8 *ip;
	unsigned hdr, len; /* of the IP header, extensions included; of all */
	u8 proto;
	bool v6, back;
};

static void put_addresses(struct packet *p, unsigned flow)
{
	u8 *src = p->ip + (p->v6 ? 8 : 12), *dst = p->ip + (p->v6 ? 24 : 16);
	u8 *near = p->back ? dst : src, *far = p->back ? src : dst;

	if (p->v6) {
		memcpy(near, (u8[16]){ 0x20, 1, 0x0d, 0xb8, [15] = 2 }, 16);
		memcpy(far, (u8[16]){ 0x20, 1, 0x0d, 0xb8, 0, 9, [15] = 5 }, 16);
		return;
	}
	memcpy(near, (u8[]){ 10, 0, 0, (u8)(2 + flow / 2) }, 4);
	memcpy(far, (u8[]){ 192, 0, 2, 9 }, 4);
}

static void put_ip(struct world *w, struct packet *p, u8 how, unsigned flow)
{
	u8 *ip = p->ip;

	memset(ip, 0, 48);
	if (p->v6) {
		ip[0] = 0x60;
		put16(ip + 4, p->len - 40);
		ip[6] = p->hdr > 40 ? 44 : p->proto;
		ip[7] = how & 64 ? 1 : 64;
		if (p->hdr > 40) {
			ip[40] = p->proto;
			put16(ip + 42, (how & 3) * 8u << 3 | !!(how & 4)); /* offset, more */
			put32(ip + 44, flow);
		}
	} else {
		ip[0] = 0x45;
		put16(ip + 2, p->len);
		put16(ip + 4, w->id++);
		put16(ip + 6, how & 8 ? (how & 3) * 8u | (how & 4 ? 0x2000 : 0) : how & 16 ? 0 : 0x4000);
		if (how & 8)
			put16(ip + 4, flow);
		ip[8] = how & 64 ? 1 : 64;
		ip[9] = p->proto;
	}
	put_addresses(p, flow);
	if (!p->v6)
		memcpy(ip + 10, &(be16[]){ csum_fold(csum_partial(ip, 20, 0)) }, 2);
}

static void put_transport(struct world *w, struct packet *p, u8 flags, unsigned flow)
{
	u8 *l4 = p->ip + p->hdr;
	unsigned n = p->len - p->hdr;

	memset(l4, 0, MIN(n, 20u));
	put16(l4, p->back ? 80 : 1000 + flow);
	put16(l4 + 2, p->back ? 1000 + flow : 80);
	if (p->proto == 6) {
		put32(l4 + 4, w->seq[flow]);
		l4[12] = 5 << 4;
		l4[13] = flags ^ TCP_ACK;
		put16(l4 + 14, 5000);
		w->seq[flow] += n - 20 + !!(l4[13] & TCP_SYN);
	} else if (p->proto == 17) {
		put16(l4 + 4, n);
	} else {
		l4[0] = flags & 1 ? (p->v6 ? 129 : 0) : (p->v6 ? 128 : 8);
		l4[1] = 0;
		put16(l4 + 4, flow);
	}
}

static void put_sum(const struct packet *p, bool partial)
{
	u8 *at = p->ip + p->hdr + csum_place(p->proto);
	unsigned n = p->len - p->hdr;
	u32 sum = p->proto == 1 ? 0 : pseudo(p->ip, p->proto, n);
	be16 c;

	memset(at, 0, 2);
	c = partial ? csum_fold16(sum) : csum_fold(csum_partial(p->ip + p->hdr, n, sum));
	memcpy(at, &c, 2);
}

/* Of a good packet: what is true, or a lie. */
static void say(struct world *w, const struct packet *p, unsigned frame_len, struct said *s, struct input *in)
{
	unsigned start = (unsigned)(p->ip - w->frame) + p->hdr;
	u8 how = input_u8(in), by = input_u8(in);
	static const u16 sizes[] = { 0, 536, 1448, 8, 1, 65535, 100, 1460 };

	*s = (struct said){ .partial = true, .start = (u16)start, .offset = (u16)csum_place(p->proto), .linear = 2048 };
	s->gso_type = p->v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
	s->gso_size = p->proto == 6 ? sizes[how & 7] : 0;
	if (how & 8)
		s->linear = (u16)(start + (how & 16 ? 20 : 40));
	if (how & 32)
		s->start = (u16)(how & 64 ? by : frame_len - by);
	if (how & 128)
		s->offset = (u16)(how & 64 ? frame_len - s->start - by : by);
	w->lied |= how & 160;
}

static void packet(struct world *w, struct input *in)
{
	static const u16 lens[] = { 40, 1400, 1448, 100, 536, 1460, 0, 1, 8, 2896, 5000, 8000, 1448, 600, 24, 1500 };
	static const u8 protos[] = { 6, 6, 17, 1 };
	u8 kind = input_u8(in), size = input_u8(in), flags = input_u8(in), how = input_u8(in);
	unsigned flow = kind % FLOWS, l2 = kind & 128 ? L2 + 4 : L2, pad = how & 128 ? 250 : how & 32 ? 4 : 0; /* behind the packet */
	struct packet p = { .ip = w->frame + l2, .v6 = kind & 16, .back = kind & 32, .proto = protos[kind >> 2 & 3] };
	struct said s = { .linear = 2048 };

	p.hdr = p.v6 ? (how & 8 ? 48 : 40) : 20;
	p.proto = p.v6 && p.proto == 1 ? 58 : p.proto;
	p.len = p.hdr + (p.proto == 6 ? 20 : 8) + lens[size & 15];
	memcpy(w->frame, w->in->addr, 6);
	memcpy(w->frame + 6, peer_mac, 6);
	put16(w->frame + 12, 0x8100);
	put16(w->frame + 14, 1);
	put16(w->frame + l2 - 2, p.v6 ? 0x86dd : 0x0800);
	put_ip(w, &p, how, flow);
	put_transport(w, &p, flags, flow);
	for (unsigned i = p.hdr + (p.proto == 6 ? 20 : 8); i < p.len; i++)
		p.ip[i] = (u8)i;
	if (how & 8)
		w->lied = true; /* pieces of a whole that never was */
	put_sum(&p, kind & 64 && !p.back);
	if (p.back) {
		lab_inject(w->out, p.ip, p.len);
		return;
	}
	if (kind & 64)
		say(w, &p, l2 + p.len + pad, &s, in);
	if (kind & 64 || size & 64)
		receive(w, w->in, w->frame, l2 + p.len + pad, &s);
	else
		lab_inject(w->in, w->frame, l2 + p.len + pad);
}

/* What left last is answered, or an ICMP error quotes it: from the far side. */
static void answer(struct world *w, u8 how)
{
	u8 *f = w->frame, *ip = w->last, swap[4];
	be16 c;

	if (ip[0] != 0x45)
		return;
	if (how & 1) { /* an error */
		memset(f, 0, 28);
		memcpy(f + 28, ip, 56);
		f[20] = how & 2 ? 3 : 11;
		f[21] = how & 2 ? (how >> 2) % 6 : 0;
		put16(f + 26, how & 128 ? 600 : 0);
		c = csum_fold(csum_partial(f + 20, 64, 0));
		memcpy(f + 22, &c, 2);
		f[0] = 0x45;
		put16(f + 2, 84);
		f[8] = 60;
		f[9] = 1;
		memcpy(f + 12, ip + 16, 4);
		memcpy(f + 16, ip + 12, 4);
		c = csum_fold(csum_partial(f, 20, 0));
		memcpy(f + 10, &c, 2);
		lab_inject(w->out, f, 84);
		return;
	}
	memcpy(swap, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, swap, 4);
	memcpy(swap, ip + 20, 2);
	memcpy(ip + 20, ip + 22, 2);
	memcpy(ip + 22, swap, 2);
	put16(ip + 2, 40);
	memcpy(ip + 10, (u8[2]){ 0 }, 2);
	memcpy(ip + 10, &(be16[]){ csum_fold(csum_partial(ip, 20, 0)) }, 2);
	if (ip[9] == 6) {
		ip[32] = 5 << 4;
		ip[33] = how >> 2;
		memcpy(swap, ip + 24, 4);
		memcpy(ip + 24, ip + 28, 4);
		memcpy(ip + 28, swap, 4);
	} else if (ip[9] == 17) {
		put16(ip + 24, 20);
	}
	put_sum(&(struct packet){ .ip = ip, .hdr = 20, .len = 40, .proto = ip[9] }, false);
	lab_inject(w->out, ip, 40);
}

/* Anything at all behind a right destination. */
static void raw(struct world *w, struct input *in)
{
	size_t n;
	const u8 *p = input_bytes(in, input_u8(in), &n);

	memcpy(w->frame, w->in->addr, 6);
	memcpy(w->frame + 6, peer_mac, 6);
	memcpy(w->frame + 12, p, n);
	w->lied = true;
	lab_inject(w->in, w->frame, (unsigned)(12 + n));
}

static void rules(struct world *w, u8 which)
{
	static const char *const texts[] = {
		"list ruleset", /* nothing new */
		"flush ruleset",
		"table ip nat { chain post { type nat hook postrouting priority srcnat; oifname \"eth1\" masquerade; } }\n",
		"table ip nat { chain post { type nat hook postrouting priority srcnat; oifname \"eth1\" snat to 192.0.2.77; } }\n",
		"table ip nat { chain pre { type nat hook prerouting priority dstnat; tcp dport 80 dnat to 192.0.2.10:8080; } }\n",
		"table inet filter { chain forward { type filter hook forward priority filter; ct state invalid drop; } }\n",
		"table inet filter { chain forward { type filter hook forward priority filter; tcp dport 80 reject with tcp reset; } }\n",
		"table inet filter { chain forward { type filter hook forward priority filter; udp dport 80 reject; } }\n",
		"table ip nat { chain pre { type nat hook prerouting priority dstnat; tcp dport 80 redirect to :7; } }\n",
	};
	struct nft_error err;

	bh_disable(w->host->cpu);
	nft_run(w->host->net, texts[which % ARRAY_SIZE(texts)], &err);
	bh_enable(w->host->cpu);
}

static void step(struct world *w, struct input *in)
{
	u8 what = input_u8(in);

	switch (what & 7) {
	case 5: answer(w, input_u8(in)); break;
	case 6: raw(w, in); break;
	case 7:
		if (what & 32)
			rules(w, input_u8(in));
		else
			settle(w, 1000ull << input_u8(in) % 26);
		break;
	default: packet(w, in);
	}
	if (!(what & 16)) /* else the next step comes in the same poll */
		settle(w, 10 * NSEC_PER_USEC);
}

static void open_world(struct world *w, u8 how, u8 mtu)
{
	static const u16 mtus[] = { 1500, 576, 68, 1280, 1400, 9000, 1000, 1499 };
	static const u32 features[] = { 0, NETIF_F_SG, NETIF_F_SG | NETIF_F_HW_CSUM,
					NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6 };
	struct ip_addr near = { .b = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } }, far = near, peer = near;
	struct net_sysctls *s;

	memset(w, 0, sizeof(*w));
	w->lab = lab_create(1);
	w->host = lab_host_cpus(w->lab, "router", 1, 512 << 10);
	w->in = lab_dev_with(w->host, LAB_ETHER, features[how & 3] | (how & 16 ? NETIF_F_GRO : 0), 0);
	w->out = lab_dev_with(w->host, LAB_RAW, features[how >> 2 & 3] | (how & 16 ? NETIF_F_GRO : 0), how & 128 ? 4 : 0);
	w->in->mtu = how & 32 ? 9000 : 1500;
	s = &w->host->cpu->sysctl;
	s->ip6_accept_ra = s->ip6_dad_transmits = 0;
	s->ip_forward = s->ip6_forwarding = 1;
	lab_addr(w->in, "10.0.0.1/24");
	lab_addr(w->out, "192.0.2.1/24");
	far.b[5] = 9;
	peer.b[15] = 2;
	CHECK(!ip6_dev_up(w->host->net, w->in) && !ip6_dev_up(w->host->net, w->out));
	CHECK(!ip6_addr_add(w->host->net, w->in, &near, 64) && !ip6_addr_add(w->host->net, w->out, &far, 64));
	w->lied = true; /* reports of groups have extensions */
	settle(w, 3 * NSEC_PER_SEC);
	w->lied = false;
	w->out->mtu = mtus[mtu & 7];
	w->host->cpu->dst_gen++;
	neigh_update(w->host->cpu, w->in, &peer, peer_mac, NEIGH_CREATE | NEIGH_SOLICITED);
	for (u8 i = 2; i < 4; i++) {
		struct ip_addr a = ip_from_v4(be32_of(0x0a000000u + i));

		neigh_update(w->host->cpu, w->in, &a, peer_mac, NEIGH_CREATE | NEIGH_SOLICITED);
	}
	rules(w, mtu >> 3 & 15);
	if (mtu & 128)
		rules(w, 5);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	static struct world w;
	u8 how, mtu;

	if (size < FUZZ_HEAD)
		return 0;
	how = input_u8(&in);
	mtu = input_u8(&in);
	open_world(&w, how, mtu);
	rules(&w, input_u8(&in));
	settle(&w, 1000ull << input_u8(&in) % 26);
	for (unsigned i = 0; i < STEPS_MAX && input_left(&in); i++) {
		struct input record = input_record(&in);

		step(&w, &record);
	}
	settle(&w, 100 * NSEC_PER_SEC);
	lab_destroy(w.lab);
	return 0;
}
