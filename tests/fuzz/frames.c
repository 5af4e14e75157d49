/* SPDX-License-Identifier: MIT
 * frames.c - fuzz target: a whole stack with its servers, entered where frames enter it. The input is a list of steps: raw frames,
 * IP packets whose checksums are put right, segments of TCP connections whose sequence numbers follow what the stack
 * sent, and time that passes. At the end every frame, skb and byte must be accounted for (lab_destroy).
 */
#include "app/app.h"
#include "fuzz/bytes.h"
#include "fuzz/fuzz.h"
#include "host/harness.h"
#include "host/netlab.h"
#include "net/ipv6/ip6.h"
#include "lib/byteorder.h"
#include "net/wire/checksum.h"
#include "net/wire/ipv4.h"
#include "net/wire/tcp.h"

#include <string.h>

#define STEPS_MAX 64
#define PEERS     4      /* connections of the played peer */
#define PEER_PORT 1000
#define FRAME_MAX 1514
#define L2        14     /* bytes of an Ethernet header */
#define L3        20     /* of an IP header without options */

static const u8 peer_mac[6] = { 2, 0, 0, 0, 0, 0xee };
static const u8 peer_ip[4] = { 10, 0, 0, 2 }, our_ip[4] = { 10, 0, 0, 1 };

struct peer { /* one connection, from the other side */
	u32 seq, ack; /* next to send; next expected */
	u16 port;     /* of the server */
};

struct world {
	struct lab *lab;
	struct net_device *dev;
	struct peer peers[PEERS];
	u8 frame[FRAME_MAX];
};

/* Ones'-complement sum of n bytes on top of `sum`, not folded. */
static u32 sum16(const u8 *p, size_t n, u32 sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
	return sum;
}

static u16 folded(u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

static void ethernet(struct world *w)
{
	memcpy(w->frame, w->dev->addr, 6);
	memcpy(w->frame + 6, peer_mac, 6);
	put16(w->frame + 12, 0x0800);
}

/* Where the checksum of a transport stands in its header; 0: it has none that is known here. */
static unsigned csum_place(u8 proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : proto == 1 ? 2 : 0;
}

/* Puts right the checksums of the IP packet of n bytes behind the Ethernet header, as far as its own lengths allow. */
static void fix_checksums(struct world *w, size_t n)
{
	u8 *ip = w->frame + L2, *l4;
	size_t hdr = (ip[0] & 15u) * 4u, len;
	unsigned place = csum_place(ip[9]);

	if (hdr < L3 || hdr > n)
		return;
	put16(ip + 10, 0);
	put16(ip + 10, folded(sum16(ip, hdr, 0)));
	l4 = ip + hdr;
	len = MIN(n, (size_t)get16(ip + 2)) - hdr;
	if (!place || get16(ip + 2) < hdr || len < place + 2u)
		return;
	put16(l4 + place, 0);
	put16(l4 + place, folded(sum16(l4, len, ip[9] == 1 ? 0 : sum16(ip + 12, 8, ip[9] + (u32)len))));
}

/* Follows what the stack sent to the peer's connections. */
static void take_answers(struct world *w)
{
	u8 buf[FRAME_MAX];
	unsigned n;

	while ((n = lab_sent(w->dev, buf, sizeof(buf)))) {
		const u8 *t = buf + L2 + L3;
		u32 peer, len;

		if (n < L2 + L3 + 20 || n > sizeof(buf) || get16(buf + 12) != 0x0800 || buf[L2 + 9] != 6)
			continue;
		peer = get16(t + 2) - PEER_PORT;
		len = get16(buf + L2 + 2) - L3 - (u32)(t[12] >> 4) * 4;
		if (peer < PEERS)
			w->peers[peer].ack = get32(t + 4) + len + !!(t[13] & (TCP_SYN | TCP_FIN));
	}
}

static void settle(struct world *w, u64 ns)
{
	lab_run(w->lab, ns);
	take_answers(w);
}

/* ---- the steps ---- */
static void raw_frame(struct world *w, struct input *in)
{
	size_t n;
	const u8 *p = input_bytes(in, input_u8(in) * 6u, &n);

	lab_inject(w->dev, p, (unsigned)n);
}

/* An IPv6 packet: its lengths are as they came, the checksum of a transport right behind the header is put right. */
static void ip6_packet(struct world *w, const u8 *p, size_t n)
{
	static const u8 group[2] = { 0x33, 0x33 };
	u8 *ip = w->frame + L2, *l4 = ip + 40;
	size_t len = MIN(n - 40, (size_t)get16(p + 4));
	unsigned place = p[6] == 58 ? 2 : csum_place(p[6]);

	ethernet(w);
	put16(w->frame + 12, 0x86dd);
	memcpy(ip, p, n);
	if (ip[24] == 0xff) {
		memcpy(w->frame, group, 2);
		memcpy(w->frame + 2, ip + 36, 4);
	}
	if (place && len >= place + 2u) {
		put16(l4 + place, 0);
		put16(l4 + place, folded(sum16(l4, len, sum16(ip + 8, 32, ip[6] + (u32)len))));
	}
	lab_inject(w->dev, w->frame, (unsigned)(L2 + n));
}

static void ip_packet(struct world *w, struct input *in)
{
	size_t n;
	const u8 *p = input_bytes(in, input_u8(in) * 5u, &n);

	if (n < L3)
		return;
	if (n >= 40 && p[0] >> 4 == 6) {
		ip6_packet(w, p, n);
		return;
	}
	ethernet(w);
	memcpy(w->frame + L2, p, n);
	fix_checksums(w, n);
	lab_inject(w->dev, w->frame, (unsigned)(L2 + n));
}

static void tcp_segment(struct world *w, struct input *in)
{
	static const u16 ports[] = { 80, 7, 9, 4444 };
	u8 which = input_u8(in), flags = input_u8(in), doff = input_u8(in);
	struct peer *p = &w->peers[which % PEERS];
	s8 dseq = (s8)input_u8(in), dack = (s8)input_u8(in);
	u8 *ip = w->frame + L2, *t = ip + L3;
	size_t n;
	const u8 *payload = input_bytes(in, input_u8(in), &n);

	ethernet(w);
	memset(ip, 0, L3 + 20);
	ip[0] = 0x45;
	put16(ip + 2, (u32)(L3 + 20 + n));
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, peer_ip, 4);
	memcpy(ip + 16, our_ip, 4);
	put16(t, PEER_PORT + which % PEERS);
	put16(t + 2, ports[which / PEERS % 4]);
	put32(t + 4, p->seq + (u32)dseq);
	put32(t + 8, p->ack + (u32)dack);
	t[12] = (u8)((5 + doff % 11) << 4); /* options and payload are both of the following bytes */
	t[13] = flags;
	put16(t + 14, 0xffff);
	memcpy(t + 20, payload, n);
	fix_checksums(w, L3 + 20 + n);
	lab_inject(w->dev, w->frame, (unsigned)(L2 + L3 + 20 + n));
	if (!dseq && n >= doff % 11 * 4u) /* in order: the next one follows it */
		p->seq += (u32)(n - doff % 11 * 4u) + !!(flags & (TCP_SYN | TCP_FIN));
}

static void step(struct world *w, struct input *in)
{
	u8 what = input_u8(in);

	switch (what & 3) {
	case 0: raw_frame(w, in); break;
	case 1: ip_packet(w, in); break;
	case 2: tcp_segment(w, in); break;
	case 3: settle(w, 1000ull << input_u8(in) % 25); break; /* up to 16 s */
	}
	if (what & 4) /* else the next step comes in the same poll */
		settle(w, 10 * NSEC_PER_USEC);
}

/* The peer says who it is, so that no answer waits for ARP. */
static void introduce(struct world *w)
{
	static const u8 arp[] = { 0, 1, 8, 0, 6, 4, 0, 2 };
	u8 *p = w->frame + L2;

	ethernet(w);
	put16(w->frame + 12, 0x0806);
	memset(p, 0, 46);
	memcpy(p, arp, 8);
	memcpy(p + 8, peer_mac, 6);
	memcpy(p + 14, peer_ip, 4);
	memcpy(p + 18, w->dev->addr, 6);
	memcpy(p + 24, our_ip, 4);
	lab_inject(w->dev, w->frame, L2 + 46);
	settle(w, NSEC_PER_MSEC);
}

/* 2001:db8::1, in use at once, and a link-local address that is probed for while the input plays. */
static void add_ipv6(struct net_device *dev)
{
	struct net_sysctls *sc = &dev->net->cpus[0]->sysctl;
	struct ip_addr us = { .b = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } };

	CHECK(ip6_dev_up(dev->net, dev) == 0);
	sc->ip6_dad_transmits = 0;
	CHECK(ip6_addr_add(dev->net, dev, &us, 64) == 0);
	sc->ip6_dad_transmits = 1;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct app_params app = { .cmdline = "" };
	struct lab_host *host;
	struct world w;

	memset(&w, 0, sizeof(w));
	w.lab = lab_create(1);
	host = lab_host_cpus(w.lab, "guest", 1, 256 << 10);
	w.dev = lab_dev(host, LAB_ETHER);
	lab_addr(w.dev, "10.0.0.1/24");
	add_ipv6(w.dev);
	CHECK(app_start(host->net, &app) == 0);
	introduce(&w);
	for (unsigned i = 0; i < STEPS_MAX && input_left(&in); i++)
		step(&w, &in);
	settle(&w, NSEC_PER_SEC);
	app_stop(host->net);
	settle(&w, NSEC_PER_SEC);
	lab_destroy(w.lab);
	return 0;
}
