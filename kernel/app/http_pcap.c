/* SPDX-License-Identifier: MIT
 * http_pcap.c - GET /debug/pcap: the frames of all devices as a live pcapng stream (draft-ietf-opsawg-pcapng).
 *
 *	curl -sN 'http://guest/debug/pcap' | wireshark -k -i -
 *	curl -sN 'http://guest/debug/pcap?dev=eth0&filter=tcp+port+7' | tcpdump -r -
 *
 * filter= is tcpdump's language (net/core/filter.h), or a program as `tcpdump -ddd` prints it with commas for line ends.
 * A tap on each CPU copies frames into that CPU's ring of finished blocks; the server's tick sends from them, the oldest
 * block first. What finds its ring full is counted in the next block's epb_dropcount. The stream's own connection is never captured: it would feed itself.
 * The drop reason of a frame that dies, on the CPU it came to, while its block still waits is written into the block, as a
 * comment.
 * Without dev= all Ethernet devices are captured, not lo: readers as tcpdump want one link type in a file.
 */
#include "app/http.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/filter.h"
#include "net/core/tap.h"
#include "net/wire/ether.h"

#define PCAP_RING_ORDER 8                            /* pages: 1 MiB of blocks that wait for the client */
#define PCAP_RING       (4096u << PCAP_RING_ORDER)
#define PCAP_PIECE      (64u * 1024)                 /* bytes given to the connection at once */
#define PCAP_RECENT     64u                          /* frames whose death can still be noted */
#define PCAP_NOTE       64u                          /* bytes of that note */
#define PCAP_SNAPLEN    262144u                      /* as tcpdump */

enum { /* block types, link types, options */
	BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6,
	LINKTYPE_ETHERNET = 1, LINKTYPE_RAW = 101,
	OPT_END = 0, OPT_COMMENT = 1, OPT_ROOM = 0x8001 /* local use: room for a comment that may follow */, IF_NAME = 2, IF_TSRESOL = 9, EPB_FLAGS = 2, EPB_DROPCOUNT = 4,
};
#define BYTE_ORDER_MAGIC 0x1a2b3c4du

struct pcap;

struct pcap_ring { /* one producer, the tap of its CPU, and one consumer, the server's tick */
	struct tap tap;
	struct pcap *p;
	u8 *bytes;
	u32 head, tail;         /* bytes ever put in and taken out, modulo 2^32 */
	u64 dropped;
	struct pcap_recent {
		const struct sk_buff *skb;
		u32 note; /* where its comment would stand in the ring, as head and tail count */
	} recent[PCAP_RECENT];
};

struct pcap {
	struct net_cpu *cpu;    /* of the connection */
	u16 port, peer_port;    /* of the connection itself */
	struct net_device *dev; /* NULL: all Ethernet devices */
	unsigned nr_rings;
	struct pcap_ring *ring; /* one per CPU */
	u32 snaplen;
	bool filtered;
	u32 spared;
	struct bpf_insn prog[2][BPF_MAX_INSNS]; /* for Ethernet, for raw IP */
};

struct packet_head { /* of an enhanced packet block, section 4.3 */
	u32 type, total_len, interface, time_high, time_low, caplen, len;
};
struct packet_tail {
	u16 flags_code, flags_len;
	u32 flags;
	u16 drops_code, drops_len;
	u32 drops[2];
	u16 note_code, note_len;
	char note[PCAP_NOTE];
	u16 end_code, end_len;
	u32 total_len;
};
static_assert(sizeof(struct packet_head) == 28 && sizeof(struct packet_tail) == 28 + 4 + PCAP_NOTE, "as in the draft");

/* At *at, which moves on; the consumer sees it when head does. */
static void ring_put_bytes(struct pcap_ring *r, u32 *at, const void *bytes, u32 n)
{
	u32 pos = *at % PCAP_RING, first = MIN(n, PCAP_RING - pos);

	memcpy(r->bytes + pos, bytes, first);
	memcpy(r->bytes, (const u8 *)bytes + first, n - first);
	*at += n;
}

static void ring_put_frame(struct pcap_ring *r, u32 *at, const struct sk_buff *skb, u32 n)
{
	static const u8 zeros[4];
	u32 pos = *at % PCAP_RING, first = MIN(n, PCAP_RING - pos);

	skb_copy_bits(skb, 0, r->bytes + pos, first);
	skb_copy_bits(skb, first, r->bytes, n - first);
	*at += n;
	ring_put_bytes(r, at, zeros, -n & 3);
}

static void ring_get_bytes(const struct pcap_ring *r, u32 at, void *out, u32 n)
{
	u32 pos = at % PCAP_RING, first = MIN(n, PCAP_RING - pos);

	memcpy(out, r->bytes + pos, first);
	memcpy((u8 *)out + first, r->bytes, n - first);
}

/* TCP between our port and the client's, either way. Our own segments over IPv6 have no extension headers. */
static bool is_own_stream(const struct pcap *p, const struct sk_buff *skb)
{
	u32 off = skb->dev->link->hdr_len, ihl;
	u8 ip[20], ports[4];
	u16 a, b;

	if (skb_copy_bits(skb, off, ip, sizeof(ip)) || ip[ip[0] >> 4 == 6 ? 6 : 9] != IPPROTO_TCP)
		return false;
	ihl = ip[0] >> 4 == 6 ? 40 : (ip[0] & 0xfu) * 4;
	if (skb_copy_bits(skb, off + ihl, ports, sizeof(ports)))
		return false;
	a = (u16)(ports[0] << 8 | ports[1]);
	b = (u16)(ports[2] << 8 | ports[3]);
	return (a == p->port && b == p->peer_port) || (b == p->port && a == p->peer_port);
}

static bool is_captured(const struct pcap *p, const struct net_device *dev)
{
	return p->dev ? dev == p->dev : dev && dev->link->addr_len;
}

/* Interfaces are numbered in the order of their blocks in the preamble. */
static u32 interface_number(const struct pcap *p, const struct net_device *dev)
{
	u32 n = 0;

	for (unsigned i = 0; i + 1 < dev->ifindex; i++)
		n += is_captured(p, dev->net->devs[i]);
	return n;
}

/* Its way, and what of it only looks wrong: a sum that the device is to finish, or a frame that it is to cut (the draft's 4.3.1). */
static u32 frame_flags(const struct sk_buff *skb, enum tap_dir dir)
{
	enum { INBOUND = 1, OUTBOUND = 2, SUM_NOT_READY = 1 << 9, SUM_VALID = 1 << 10, SEGMENTS = 1 << 11 };
	u32 flags = dir == TAP_IN ? INBOUND : OUTBOUND;

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		flags |= SUM_NOT_READY;
	else if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		flags |= SUM_VALID;
	return skb->gso_size ? flags | SEGMENTS : flags;
}

/* `want` bytes of it. */
static __noinline void take_frame(struct pcap_ring *r, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir, u32 want)
{
	const struct pcap *p = r->p;
	u32 n, total, at = r->head;
	u64 now;

	if (!is_captured(p, skb->dev) || is_own_stream(p, skb))
		return;
	n = MIN(skb->len, MIN(want, p->snaplen));
	total = (u32)(sizeof(struct packet_head) + ALIGN_UP(n, 4u) + sizeof(struct packet_tail));
	if (total > PCAP_RING - (at - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE))) {
		r->dropped++;
		return;
	}
	now = wall_clock_ns(cpu->now_ns);
	ring_put_bytes(r, &at, &(struct packet_head){ BLOCK_PACKET, total, interface_number(p, skb->dev), (u32)(now >> 32),
						      (u32)now, n, skb->len }, sizeof(struct packet_head));
	ring_put_frame(r, &at, skb, n);
	ring_put_bytes(r, &at, &(struct packet_tail){ EPB_FLAGS, 4, frame_flags(skb, dir), EPB_DROPCOUNT, 8,
						      { (u32)r->dropped, (u32)(r->dropped >> 32) }, OPT_ROOM, PCAP_NOTE, "",
						      OPT_END, 0, total },
		       sizeof(struct packet_tail));
	r->dropped = 0;
	__atomic_store_n(&r->head, at, __ATOMIC_RELEASE);
	r->recent[(uintptr_t)skb / 64 % PCAP_RECENT] =
		(struct pcap_recent){ skb, at - (u32)(sizeof(struct packet_tail) - offsetof(struct packet_tail, note_code)) };
}

static void pcap_frame(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct pcap_ring *r = container_of(t, struct pcap_ring, tap);
	const struct pcap *p = r->p;
	u32 want = p->filtered ? bpf_run(p->prog[!skb->dev->link->addr_len], skb) : p->snaplen;

	if (want)
		take_frame(r, cpu, skb, dir, want);
}

/* The room of its block becomes the comment, if the block was not sent yet. Both have the same length: one that is being sent
 * just then is whole either way. */
static void pcap_dropped(struct tap *t, const struct sk_buff *skb, enum drop_reason reason)
{
	struct pcap_ring *ring = container_of(t, struct pcap_ring, tap);
	struct pcap_recent *r = &ring->recent[(uintptr_t)skb / 64 % PCAP_RECENT];
	struct {
		u16 code, len;
		char text[PCAP_NOTE];
	} note = { OPT_COMMENT, PCAP_NOTE, "" };
	char where[DROP_WHERE_MAX];
	u32 at = r->note;
	int n;

	if (r->skb != skb || ring->head - at > ring->head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE))
		return;
	n = scnprintf(note.text, sizeof(note.text), "dropped: %s %s", drop_name(drop_why(reason)),
		      drop_where(drop_place(reason), where));
	memset(note.text + n, ' ', sizeof(note.text) - (size_t)n);
	ring_put_bytes(ring, &at, &note, sizeof(note));
	r->skb = NULL;
}

/* ---------------------------------------------------------------- the stream */

/* The time of the block at `at` of r; TIME_NEVER: there is none yet. *len: its bytes. What stands in a preamble where packets
 * have their time is less than any. */
static u64 block_time(const struct pcap_ring *r, u32 at, u32 *len)
{
	struct packet_head h;

	if (at == __atomic_load_n(&r->head, __ATOMIC_ACQUIRE))
		return TIME_NEVER;
	ring_get_bytes(r, at, &h, sizeof(h));
	*len = h.total_len;
	return (u64)h.time_high << 32 | h.time_low;
}

/* Of the ring whose first block is the oldest, the blocks that are older than all of the others; NULL: all are empty. */
static struct pcap_ring *oldest(struct pcap *p, u32 *end)
{
	u64 first = TIME_NEVER, second = TIME_NEVER, t;
	struct pcap_ring *r = NULL;
	u32 len = 0;

	for (unsigned i = 0; i < p->nr_rings; i++) {
		t = block_time(&p->ring[i], p->ring[i].tail, &len);
		if (t < first) {
			second = first;
			first = t;
			r = &p->ring[i];
		} else {
			second = MIN(second, t);
		}
	}
	if (!r)
		return NULL;
	*end = r->tail;
	do {
		block_time(r, *end, &len);
		*end += len;
		t = block_time(r, *end, &len);
	} while (t <= second && t != TIME_NEVER && *end - r->tail < PCAP_PIECE);
	return r;
}

/* Gives the connection what waits, about a piece. false: nothing does. */
static bool pcap_send(struct pcap *p, struct http_conn *c)
{
	struct pcap_ring *r;
	u32 end, at, first;
	struct iovec iov[2];

	r = oldest(p, &end);
	if (!r)
		return false;
	at = r->tail % PCAP_RING;
	first = MIN(end - r->tail, PCAP_RING - at);
	iov[0] = (struct iovec){ r->bytes + at, first };
	iov[1] = (struct iovec){ r->bytes, end - r->tail - first };
	http_send(c, iov, iov[1].iov_len ? 2 : 1, 0);
	__atomic_store_n(&r->tail, end, __ATOMIC_RELEASE);
	return true;
}

static void pcap_tick(struct http_conn *c, u64 now_ns)
{
	u64 timeout = (u64)c->srv->cpu->sysctl.http_send_timeout * NSEC_PER_MSEC;
	struct pcap *p = c->sink_data;

	while (c->fd >= 0 && http_out_is_empty(&c->out) && pcap_send(p, c))
		c->progress_ns = now_ns;
	if (c->fd >= 0 && http_out_is_empty(&c->out)) {
		c->progress_ns = now_ns;
	} else if (c->fd >= 0 && now_ns - c->progress_ns > timeout) {
		c->srv->stats.send_timeouts++;
		http_conn_close(c);
	}
}

static int pcap_data(struct http_conn *c, u32 n)
{
	http_consume(c, n); /* nothing is expected from the client */
	return 0;
}

static void pcap_free(struct pcap *p)
{
	for (unsigned i = 0; i < p->nr_rings; i++)
		if (p->ring[i].bytes)
			pages_free(p->ring[i].bytes, PCAP_RING_ORDER);
	kfree(p->ring);
	kfree(p);
}

static void listen_on(struct net_cpu *cpu, void *arg)
{
	struct pcap *p = arg;

	bh_disable(cpu);
	p->ring[cpu->id].tap.spared = p->spared;
	tap_add(cpu, &p->ring[cpu->id].tap);
	bh_enable(cpu);
}

static void deafen_on(struct net_cpu *cpu, void *arg)
{
	struct pcap *p = arg;

	bh_disable(cpu);
	tap_remove(cpu, &p->ring[cpu->id].tap);
	bh_enable(cpu);
}

/* The taps of all CPUs go first. In a fiber of its own, for a connection ends without waiting. */
static void end_fiber(void *arg)
{
	struct pcap *p = arg;

	if (!net_on_each_cpu(p->cpu, deafen_on, p))
		pcap_free(p); /* else a tap was left, and what it needs */
}

static void pcap_gone(struct http_conn *c)
{
	struct pcap *p = c->sink_data;

	if (p->nr_rings == 1) {
		deafen_on(p->cpu, p);
		pcap_free(p);
	} else if (!fiber_spawn(p->cpu->fibers, "pcap", end_fiber, p)) {
		log_err("pcap: no memory to end a capture: it goes on for nobody");
	}
}

static const struct http_sink pcap_sink = { .name = "pcap", .data = pcap_data, .tick = pcap_tick, .gone = pcap_gone };

/* ---------------------------------------------------------------- the beginning */

/* A section header, and an interface for each device that is captured. */
static void pcap_preamble(struct pcap *p, const struct net *net)
{
	struct pcap_ring *r = &p->ring[p->cpu->id]; /* empty, and not filled by its tap yet */
	const u32 section[] = { BLOCK_SECTION, 28, BYTE_ORDER_MAGIC, 1 /* version 1.0 */, ~0u, ~0u, 28 };

	ring_put_bytes(r, &r->head, section, sizeof(section));
	for (unsigned i = 0; i < net->nr_devs; i++) {
		const struct net_device *dev = net->devs[i];
		u32 name_len = (u32)strlen(dev->name), total = 16 + 4 + ALIGN_UP(name_len, 4u) + 8 + 4 + 4;
		const u16 link_type = dev->link->addr_len ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
		const u32 head[] = { BLOCK_INTERFACE, total, link_type, p->snaplen, IF_NAME | name_len << 16 };
		const u32 tail[] = { IF_TSRESOL | 1u << 16, 9 /* nanoseconds */, OPT_END, total };
		char name[sizeof(dev->name)] = "";

		if (!is_captured(p, dev))
			continue;
		str_copy(name, dev->name, sizeof(name));
		ring_put_bytes(r, &r->head, head, sizeof(head));
		ring_put_bytes(r, &r->head, name, ALIGN_UP(name_len, 4u));
		ring_put_bytes(r, &r->head, tail, sizeof(tail));
	}
}

/* A program in numbers begins with its length and a comma; anything else is an expression. */
static const char *pcap_filter(struct pcap *p, const char *text, char *wrong, size_t size)
{
	struct filter_error e;

	if (strchr(text, ',')) {
		if (bpf_parse(text, p->prog[0]) < 0)
			return "filter: not a program as `tcpdump -ddd` prints it, with commas for line ends";
		memcpy(p->prog[1], p->prog[0], sizeof(p->prog[1]));
		return NULL;
	}
	if (filter_compile(text, FILTER_ETHERNET, PCAP_SNAPLEN, p->prog[0], &e) > 0 &&
	    filter_compile(text, FILTER_RAW_IP, PCAP_SNAPLEN, p->prog[1], &e) > 0)
		return NULL;
	filter_error_text(&e, wrong, size);
	return wrong;
}

/* The query's wishes. NULL, or what is wrong with them. */
static const char *pcap_options(struct pcap *p, const struct http_request *rq, char *text, u32 size, char *wrong, size_t wrong_size)
{
	u64 snaplen = 0;

	if (!http_query_get(rq, "dev", text, size))
		return "dev: not text";
	p->dev = *text ? dev_by_name(p->cpu->net, text) : NULL;
	if (*text && !p->dev)
		return "dev: there is no such device; /debug/ip?link lists them";
	if (!http_query_get(rq, "snaplen", text, size) || (*text && (str_to_u64(text, &snaplen) || !snaplen)))
		return "snaplen: a number of bytes from 1 is allowed";
	p->snaplen = (u32)(snaplen ? MIN(snaplen, (u64)PCAP_SNAPLEN) : PCAP_SNAPLEN);
	if (!http_query_get(rq, "filter", text, size))
		return "filter: too long, or not text";
	p->filtered = *text;
	return *text ? pcap_filter(p, text, wrong, wrong_size) : NULL;
}

static void pcap_start(struct pcap *p, struct http_conn *c, const struct http_request *rq)
{
	char head[512];
	struct iovec iov = { head, 0 };

	c->keep_alive = false; /* the end of the connection is the end of the capture */
	iov.iov_len = http_head_format(c, head, sizeof(head), 200);
	iov.iov_len += (size_t)scnprintf(head + iov.iov_len, sizeof(head) - iov.iov_len,
					 "Content-Type: application/x-pcapng\r\nCache-Control: no-store\r\n\r\n");
	http_account(c, rq, 200, 0);
	http_send(c, &iov, 1, 0);
	if (rq->head->method == HTTP_HEAD) {
		c->replied = true;
		pcap_free(p);
		return;
	}
	pcap_preamble(p, c->srv->cpu->net);
	p->spared = p->filtered ? tap_spared(p->prog[0]) : 0;
	c->body.framing = HTTP_BODY_NONE;
	c->srv->held = true;
	net_on_each_cpu(p->cpu, listen_on, p);
	c->srv->held = false;
	http_take_stream(c, &pcap_sink, p);
	pcap_send(p, c);
}

/* A ring for each CPU. NULL: no memory. */
static struct pcap *pcap_create(struct http_conn *c)
{
	struct pcap *p = kzalloc(sizeof(*p));
	bool ok;

	if (!p)
		return NULL;
	p->cpu = c->srv->cpu;
	p->port = c->srv->port;
	p->peer_port = c->peer_port;
	p->nr_rings = p->cpu->net->nr_cpus;
	p->ring = kzalloc(p->nr_rings * sizeof(*p->ring));
	if (!p->ring)
		p->nr_rings = 0;
	ok = p->ring;
	for (unsigned i = 0; i < p->nr_rings; i++) {
		struct pcap_ring *r = &p->ring[i];

		r->p = p;
		r->tap.fn = pcap_frame;
		r->tap.dropped = pcap_dropped;
		list_init(&r->tap.link);
		r->bytes = pages_alloc(PCAP_RING_ORDER);
		ok &= r->bytes != NULL;
	}
	if (ok)
		return p;
	pcap_free(p);
	return NULL;
}

void http_pcap(struct http_conn *c, const struct http_request *rq)
{
	const u32 size = rq->query_len + 1;
	struct pcap *p = pcap_create(c);
	char *text = kmalloc(size);
	char why[256];
	const char *wrong;

	if (!p || !text) {
		kfree(text);
		if (p)
			pcap_free(p);
		http_error(c, rq, 503, "");
		return;
	}
	wrong = pcap_options(p, rq, text, size, why, sizeof(why));
	kfree(text);
	if (wrong) {
		pcap_free(p);
		http_reply(c, rq, 400, "text/plain; charset=utf-8", "", wrong, (u32)strlen(wrong));
		return;
	}
	pcap_start(p, c, rq);
}
