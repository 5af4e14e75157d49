/* SPDX-License-Identifier: MIT
 * steer.c - flows spread over the CPUs: the hash of RSS in software, the owner of a frame, the way to it (FEATURES RX11,
 * RX12).
 *
 * Owns net->steer, which is constant once the stack is made, and cpu->ports: what ports are taken on other CPUs alone.
 * Where frames meet this is core/dev.c, behind the link header. GRO, when it is done, is done before, on the CPU that the
 * frame came to: what it merges is one flow, and makes one hop.
 * The hash: Microsoft RSS, as virtio 1.2 5.1.6.4.3 has it.
 */
#include "net/core/steer.h"
#include "lib/errno.h"
#include "net/core/dev.h"
#include "net/core/sock.h"
#include "net/wire/ether.h"
#include "net/wire/icmp.h"
#include "net/wire/icmpv6.h"

#define DHCP_CLIENT 68 /* RFC 2131 4.1: the client is CPU 0's */
#define IPV6_HLEN   40
#define IPV6_HOPS   8  /* extension headers looked behind */
#define HASH_TRIAL  64 /* frames of a queue, of which one's hash is not believed */

const char *steer_mode_name(enum steer_mode m)
{
	static const char *const names[NR_STEER_MODES] = { "rss", "rps", "off" };

	return names[m];
}

/* ---- the key ---- */

static u16 rotl16(u16 v, unsigned n)
{
	return (u16)(v << n | v >> (16 - n) % 16);
}

/* Bit j of a word, counted from the left, adds the key from its bit j on. */
static u16 toeplitz(u16 key, u16 word)
{
	u16 h = 0;

	for (unsigned j = 0; j < 16; j++)
		if (word >> (15 - j) & 1)
			h ^= rotl16(key, j);
	return h;
}

/* Does each slot of the table get as much as any other when eight bits in a row from `from` on take all values, as the last
 * byte of ports and addresses does? Then the eight hashes of single bits span all slots. */
static bool spreads(u16 key, unsigned from)
{
	unsigned pivots = 0; /* bits of the slot that are reached */
	u16 by_pivot[16] = { 0 };

	for (unsigned i = from; i < from + 8; i++) {
		u16 v = toeplitz(key, (u16)(1u << i)) % STEER_SLOTS;

		for (int bit = 15; v && bit >= 0; bit--) {
			if (!(v >> bit & 1))
				continue;
			if (!by_pivot[bit]) {
				by_pivot[bit] = v;
				pivots |= 1u << bit;
				break;
			}
			v ^= by_pivot[bit];
		}
	}
	return pivots == STEER_SLOTS - 1;
}

/* The first key that spreads well, of all in an order that `random` begins: about one in four does. */
static u16 choose_key(u16 random)
{
	while (!spreads(random, 0) || !spreads(random, 8))
		random += 0x9e37; /* odd: every value comes */
	return random;
}

int steer_init(struct net *net, enum steer_mode mode, u16 random)
{
	struct steer *s = kzalloc(sizeof(*s));

	net->steer = s;
	if (!s)
		return -ENOMEM;
	s->mode = (u8)mode;
	s->on = net->nr_cpus > 1;
	s->nr_owners = (u8)(mode == STEER_OFF ? 1 : net->nr_cpus);
	s->key = choose_key(random);
	for (unsigned i = 0; i < STEER_SLOTS; i++)
		s->cpu[i] = (u8)(i % s->nr_owners);
	for (unsigned i = 0; i < 256; i++) {
		s->hash[0][i] = toeplitz(s->key, (u16)(i << 8));
		s->hash[1][i] = toeplitz(s->key, (u16)i);
	}
	return 0;
}

void steer_destroy(struct net *net)
{
	kfree(net->steer);
	net->steer = NULL;
}

void steer_key(const struct steer *s, u8 out[STEER_KEY_BYTES])
{
	for (unsigned i = 0; i < STEER_KEY_BYTES; i += 2) {
		out[i] = (u8)(s->key >> 8);
		out[i + 1] = (u8)s->key;
	}
}

/* ---- a frame ---- */

struct ports {
	be16 src, dst;
};

struct ends { /* of a packet, or of one that is quoted */
	struct ip_addr src, dst;
	struct ports p;
	unsigned at; /* where its transport header is; 0: it has none to look at */
	u8 proto;
};

/* A query of ICMP has an id where others have ports: so translation can choose whose its answer is. */
static __noinline struct ports query_id(const struct sk_buff *skb, unsigned at, u8 proto)
{
	struct ports p = { { 0 }, { 0 } };
	const struct icmp_hdr *h = (const struct icmp_hdr *)(skb->data + at);
	bool query;

	if (at + sizeof(*h) > skb_headlen(skb))
		return p;
	if (proto == IPPROTO_ICMP)
		query = h->type == ICMP_ECHO || h->type == ICMP_ECHOREPLY || h->type == ICMP_TIMESTAMP || h->type == ICMP_TIMESTAMPREPLY;
	else
		query = h->type == ICMPV6_ECHO_REQUEST || h->type == ICMPV6_ECHO_REPLY;
	if (query)
		p.src = h->id;
	return p;
}

/* Both ports of a transport header at `at`; zero where it has none, or is cut off. */
static inline struct ports ports_at(const struct sk_buff *skb, unsigned at, u8 proto)
{
	struct ports p = { { 0 }, { 0 } };

	if (unlikely(proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6))
		return query_id(skb, at, proto);
	if ((proto == IPPROTO_TCP || proto == IPPROTO_UDP) && at + sizeof(p) <= skb_headlen(skb))
		memcpy(&p, skb->data + at, sizeof(p));
	return p;
}

/* Of the IPv4 header at `at`; one with a bit of `cut` in its fragment field has no ports. false: it is malformed. */
static inline bool ends_v4(const struct sk_buff *skb, unsigned at, u16 cut, struct ends *e)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)(skb->data + at);

	if (unlikely(at + sizeof(*h) > skb_headlen(skb)))
		return false;
	*e = (struct ends){ .src = ip_from_v4(h->saddr), .dst = ip_from_v4(h->daddr), .proto = h->proto };
	if (likely(!(be16_get(h->frag) & cut))) {
		e->at = at + (h->ver_ihl & 15u) * 4;
		e->p = ports_at(skb, e->at, e->proto);
	}
	return true;
}

/* RFC 8200 4: the transport header stands behind the extension headers; a fragment's does not count. */
static bool ends_v6(const struct sk_buff *skb, unsigned at, struct ends *e)
{
	enum { HOP_BY_HOP = 0, ROUTING = 43, DESTINATION = 60 };
	unsigned hops = 0;

	if (unlikely(at + IPV6_HLEN > skb_headlen(skb)))
		return false;
	*e = (struct ends){ .proto = skb->data[at + 6] };
	memcpy(&e->src, skb->data + at + 8, sizeof(e->src));
	memcpy(&e->dst, skb->data + at + 24, sizeof(e->dst));
	at += IPV6_HLEN;
	while ((e->proto == HOP_BY_HOP || e->proto == ROUTING || e->proto == DESTINATION) && hops++ < IPV6_HOPS &&
	       at + 2 <= skb_headlen(skb)) {
		e->proto = skb->data[at];
		at += (skb->data[at + 1] + 1u) * 8;
	}
	e->at = at;
	e->p = ports_at(skb, at, e->proto);
	return true;
}

/* An error is about the packet that it quotes, and the business of that one's owner: *e becomes its ends. */
static __noinline void look_into_error(const struct sk_buff *skb, struct ends *e)
{
	bool six = e->proto == IPPROTO_ICMPV6;
	unsigned quote = e->at + ICMP_HLEN;
	struct ends of;
	u8 type;

	if (!e->at || quote > skb_headlen(skb))
		return;
	type = skb->data[e->at];
	if (six ? icmpv6_is_error(type) && ends_v6(skb, quote, &of) :
		  (type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB) &&
			  ends_v4(skb, quote, IP_OFFSET, &of))
		*e = of;
}

/* The usual frame: TCP over IPv4, whole and without options. Its hash is steer_hash() of addresses that are v4-mapped both, whose
 * prefixes cancel. false: another one. */
static inline bool steer_plain(const struct net_cpu *cpu, const struct sk_buff *skb, unsigned *owner)
{
	const struct steer *s = cpu->net->steer;
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb->data;
	u32 ports, sum;

	if (skb->protocol != ETH_P_IP || skb_headlen(skb) < sizeof(*h) + sizeof(ports) || h->ver_ihl != 0x45 || h->proto != IPPROTO_TCP ||
	    be16_get(h->frag) & (IP_MF | IP_OFFSET))
		return false;
	memcpy(&ports, h + 1, sizeof(ports));
	sum = h->saddr.raw ^ h->daddr.raw ^ ports;
	sum ^= sum >> 16;
	*owner = s->cpu[(s->hash[0][sum & 255] ^ s->hash[1][sum >> 8 & 255]) % STEER_SLOTS];
	return true;
}

static __noinline unsigned steer_other(const struct net_cpu *cpu, const struct sk_buff *skb)
{
	struct ends e;
	bool known;

	if (likely(skb->protocol == ETH_P_IP))
		known = ends_v4(skb, 0, IP_MF | IP_OFFSET, &e);
	else if (skb->protocol == ETH_P_IPV6)
		known = ends_v6(skb, 0, &e);
	else
		return 0;
	if (unlikely(!known))
		return cpu->id;
	if (unlikely(e.proto == IPPROTO_ICMP || e.proto == IPPROTO_ICMPV6))
		look_into_error(skb, &e);
	else if (unlikely(e.proto == IPPROTO_UDP && be16_get(e.p.dst) == DHCP_CLIENT))
		return 0;
	return steer_owner(cpu->net, &e.src, &e.dst, be16_get(e.p.src), be16_get(e.p.dst));
}

static __force_inline unsigned steer_hashed(const struct net_cpu *cpu, const struct sk_buff *skb)
{
	unsigned owner;

	return likely(steer_plain(cpu, skb, &owner)) ? owner : steer_other(cpu, skb);
}

/* ---- the hash that a NIC reports with a frame ---- */

/* Which is CPU 0's whatever its hash. */
static bool is_for_dhcp(const struct sk_buff *skb)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)skb->data;
	unsigned at;
	be16 dport;

	if (skb->protocol != ETH_P_IP || skb_headlen(skb) < sizeof(*h) || h->proto != IPPROTO_UDP)
		return false;
	at = (h->ver_ihl & 15u) * 4 + offsetof(struct ports, dst);
	if (at + sizeof(dport) > skb_headlen(skb))
		return true; /* of no use in any case */
	memcpy(&dport, skb->data + at, sizeof(dport));
	return be16_get(dport) == DHCP_CLIENT;
}

/* A NIC that hashes otherwise than the stack would send connections to CPUs that do not know them: it is not asked again. */
static __cold void distrust(struct net_device *dev, unsigned queue)
{
	__atomic_fetch_and(&dev->hw_features, ~(u32)NETIF_F_RXHASH, __ATOMIC_RELAXED);
	__atomic_fetch_and(&dev->features, ~(u32)NETIF_F_RXHASH, __ATOMIC_RELAXED);
	dev->rx[queue].lies++;
	log_warn("%s: a hash of the device is wrong: software hashes", dev->name);
}

/* TCP behind a header without more: a NIC cannot see there what software does not. */
static bool is_beyond_doubt(const struct sk_buff *skb)
{
	const u8 *h = skb->data;

	if (skb->protocol == ETH_P_IPV6)
		return skb_headlen(skb) >= IPV6_HLEN + sizeof(struct ports) && h[6] == IPPROTO_TCP;
	return skb_headlen(skb) >= sizeof(struct ipv4_hdr) + sizeof(struct ports) && h[0] == 0x45 && h[9] == IPPROTO_TCP;
}

/* It stands for addresses and ports. One in HASH_TRIAL is computed again. */
static unsigned steer_reported(const struct net_cpu *cpu, const struct sk_buff *skb)
{
	const struct steer *s = cpu->net->steer;
	unsigned owner = s->cpu[skb->hash % STEER_SLOTS], own;

	if (unlikely(is_for_dhcp(skb)))
		return 0;
	if (likely(skb->dev->rx[skb->queue_mapping].packets % HASH_TRIAL) || !is_beyond_doubt(skb))
		return owner;
	own = steer_hashed(cpu, skb);
	if (unlikely(own != owner && skb->dev->features & NETIF_F_RXHASH))
		distrust(skb->dev, skb->queue_mapping);
	return own;
}

unsigned steer_frame(const struct net_cpu *cpu, const struct sk_buff *skb)
{
	if (unlikely(skb->pkt_type != PACKET_HOST))
		return 0;
	return skb->hash ? steer_reported(cpu, skb) : steer_hashed(cpu, skb);
}

/* ---- the way there ---- */

enum drop_reason steer_move(struct net_cpu *cpu, unsigned to, struct sk_buff *skb,
			    void (*fn)(struct net_cpu *cpu, struct inbox_msg *msg))
{
	struct inbox_msg *msg = (struct inbox_msg *)skb->cb;

	msg->fn = fn;
	if (inbox_put(cpu, cpu->net->cpus[to], msg)) {
		cpu->softnet.moved++;
	} else {
		cpu->softnet.dropped++;
		kfree_skb_reason(cpu, skb, DROP(CPU_BACKLOG));
	}
	return SKB_CONSUMED;
}

void steer_end(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason verdict)
{
	if (verdict == RX_OK)
		consume_skb(cpu, skb);
	else if (verdict != SKB_CONSUMED)
		kfree_skb_reason(cpu, skb, verdict);
}

/* ---- ports that are taken on one CPU ---- */

#define PORT_BUCKETS 64

struct port_home { /* a message, then an entry of the table of the CPU that got it */
	struct inbox_msg msg;
	struct hlist_node hash;
	u16 port;
	u8 proto, cpu;
	bool gone; /* the message says so */
};

struct port_cpu {
	struct hlist_head buckets[PORT_BUCKETS];
};

static struct port_home *find_home(const struct net_cpu *cpu, u8 proto, u16 port, int on_cpu)
{
	struct port_home *h;

	hlist_for_each_entry(h, &cpu->ports->buckets[port % PORT_BUCKETS], hash)
		if (h->port == port && h->proto == proto && (on_cpu < 0 || h->cpu == on_cpu))
			return h;
	return NULL;
}

int port_home_find(const struct net_cpu *cpu, u8 proto, u16 port)
{
	const struct port_home *h = cpu->net->steer->on ? find_home(cpu, proto, port, -1) : NULL;

	return h ? h->cpu : -1;
}

static void home_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct port_home *m = container_of(msg, struct port_home, msg), *old;

	if (!m->gone) {
		hlist_add(&m->hash, &cpu->ports->buckets[m->port % PORT_BUCKETS]);
		return;
	}
	old = find_home(cpu, m->proto, m->port, m->cpu);
	if (old) {
		hlist_del(&old->hash);
		kfree(old);
	}
	kfree(m);
}

static void tell(struct net_cpu *cpu, u8 proto, u16 port, bool gone)
{
	struct net_cpu *other;
	unsigned i;

	if (!cpu->net->steer->on)
		return;
	for_each_cpu(cpu->net, other, i) {
		struct port_home *m = other == cpu ? NULL : kmalloc(sizeof(*m));

		if (other == cpu)
			continue;
		if (m) {
			*m = (struct port_home){ .msg.fn = home_rcv, .port = port, .proto = proto,
						 .cpu = (u8)cpu->id, .gone = gone };
			if (inbox_post(cpu, other, &m->msg))
				continue;
			kfree(m);
		}
		log_warn("steer: CPU %u was not told of port %u on CPU %u", i, port, cpu->id);
	}
}

void port_home_add(struct net_cpu *cpu, u8 proto, u16 port) { tell(cpu, proto, port, false); }
void port_home_del(struct net_cpu *cpu, u8 proto, u16 port) { tell(cpu, proto, port, true); }

int steer_cpu_init(struct net_cpu *cpu)
{
	cpu->ports = kzalloc(sizeof(*cpu->ports));
	return cpu->ports ? 0 : -ENOMEM;
}

void steer_cpu_destroy(struct net_cpu *cpu)
{
	struct port_home *h, *next;

	for (unsigned i = 0; cpu->ports && i < PORT_BUCKETS; i++)
		hlist_for_each_entry_safe(h, next, &cpu->ports->buckets[i], hash)
			kfree(h);
	kfree(cpu->ports);
	cpu->ports = NULL;
}
