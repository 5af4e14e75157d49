/* SPDX-License-Identifier: MIT
 * skbuff.h - the socket buffer: one frame (or up to 64 KiB of one flow) on its way through the stack.
 *
 *   struct sk_buff            one data buffer (struct skb_buf, SKB_BUF_SIZE)
 *   +-----------+   head ->   +----------------------+
 *   | metadata  |             | headroom             |  skb_push() grows to the left
 *   |           |   data ->   +----------------------+
 *   |           |             | linear bytes         |  len - data_len of them
 *   |           |   tail ->   +----------------------+
 *   |           |             | tailroom             |  skb_put() grows to the right
 *   |           |   end  ->   +----------------------+
 *   | frags[]   | ----------> further bytes, data_len of them: other buffers, or memory that is never freed
 *   +-----------+             (site files: frag.buf == NULL)
 *
 * Metadata and buffers come from pools of the CPU (struct skb_pool); a buffer is counted (skb_buf.refs) and shared by
 * clones. Counts are plain integers: an skb and its buffers are touched by one CPU, and go home to their pool by inbox.
 * An skb has one owner at each moment: *_rcv() returns a verdict, *_xmit() consumes.
 */
#pragma once

#include "net/net.h"
#include "lib/ip_addr.h"
#include "lib/poison.h"
#include "lib/string.h"
#include "platform.h"

/* Header of a data buffer; it stands at the buffer's start. The whole is SKB_BUF_SIZE, aligned to it. */
struct skb_buf {
	u32 refs;
	u16 cpu; /* whose pool it is, and SKB_BUF_LENT */
	u16 flags;
	struct skb_buf *next_free;
	u64 dma; /* bus address of this header, set once when the pool is filled */
	u64 owner; /* for debuggers: device ring or skb that last took it */
	struct inbox_msg home; /* on the way to its pool: the first of a chain */
	struct sk_buff *lent;  /* ends when this buffer comes home (skb_lend) */
	u8 pad[16];
};
_Static_assert(sizeof(struct skb_buf) == 64, "buffer header is a cache line");
#define SKB_BUF_LENT 0x8000 /* in buf->cpu: so it is nobody's own, and its end is looked at closely */
#define SKB_BUF_ROOM (SKB_BUF_SIZE - sizeof(struct skb_buf) - POISON_TRACK) /* usable bytes of a buffer */
#define SKB_LEN_MAX  (65535 + 64) /* the largest payload of IPv6 with the headers in front of it */
static inline u8 *skb_buf_room(struct skb_buf *b) { return (u8 *)(b + 1); }
/* The buffer that byte p of a room is in. */
static inline struct skb_buf *skb_buf_of(const u8 *p) { return (struct skb_buf *)((unsigned long)p & ~(SKB_BUF_SIZE - 1ul)); }

struct skb_frag {
	u8 *ptr;
	struct skb_buf *buf; /* NULL: memory that stays (the site archive) */
	u32 len;
	u32 pad;
};

enum { /* skb->ip_summed, with Linux's meaning */
	CHECKSUM_NONE,        /* in: check it. out: it is complete */
	CHECKSUM_UNNECESSARY, /* in: the device or a local sender vouches for it */
	CHECKSUM_PARTIAL,     /* out: sum from csum_start into csum_start + csum_offset, pseudo header is in the field.
			       * in: as UNNECESSARY, a local sender left it so (to be finished only when forwarded) */
};
enum { PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST, PACKET_OUTGOING, PACKET_LOOPBACK };
enum { SKB_GSO_TCPV4 = 1, SKB_GSO_TCPV6 = 2, SKB_GSO_UDP = 4, SKB_GSO_TCP_ECN = 8 };

/* What the network layer learned from its header; filled by ip_rcv() and kept until the skb dies. */
struct inet_cb {
	struct ip_addr src, dst;
	u8 proto, tos, ttl;
	u8 addr_type; /* enum addr_type of dst (core/dst.h): local, broadcast, multicast */
	u16 hdr_len;  /* of the IP header with options */
	u16 frag_max; /* it came in pieces: bytes of the largest, with its header; 0: it did not */
};

struct sk_buff {
	struct sk_buff *next, *prev; /* in one queue at a time */
	u8 *head, *data, *tail, *end;
	u32 len;      /* linear and frags */
	u32 data_len; /* frags alone */
	struct skb_buf *buf; /* holds head..end */
	struct net_device *dev;
	struct sock *sk;     /* out: whose it is; destructor gives the bytes back */
	void (*destructor)(struct sk_buff *skb);

	u16 mac_header, network_header, transport_header; /* offsets from head; SKB_NO_OFFSET: not set */
	u16 protocol;        /* EtherType, host order */
	u8 ip_summed, pkt_type, gso_type, nr_frags;
	u16 gso_size, gso_segs;
	u16 csum_start, csum_offset; /* csum_start: from head */
	u16 queue_mapping;   /* rx or tx queue */
	u8 cloned;           /* the linear bytes may be shared: do not write below network_header of others */
	u8 priority;         /* out: 1 and what SO_PRIORITY said; 0: by the octet of the header (sched/classify.c) */
	u32 hash;            /* in: of addresses and ports, by the device (core/steer.h); 0: it said none */
	u32 mark;
	u32 truesize;        /* bytes of memory it holds, for socket accounting */
	u8 cpu;              /* whose pool the metadata is of */
	u64 tstamp_ns;       /* in: arrival. out: earliest departure (0: now) */
	void *nfct;          /* conntrack entry */

	struct inet_cb ip;
	u64 cb[10] __aligned_(8); /* of the layer that owns the skb now */
	struct skb_frag frags[MAX_SKB_FRAGS];
};
#define SKB_NO_OFFSET 0xffff
/* Metadata begins at a cache line. The first has the queue's links and the geometry, which is all that a queue and a pull touch; the
 * second what a packet is on its way; what only some read or write stands behind them. */
_Static_assert(offsetof(struct sk_buff, dev) == CACHE_LINE, "links and geometry");
_Static_assert(offsetof(struct sk_buff, tstamp_ns) == 2 * CACHE_LINE, "whose, headers, offloads");
_Static_assert(offsetof(struct sk_buff, cb) + sizeof(((struct sk_buff *)0)->cb) <= 5 * CACHE_LINE, "frags alone lie farther");

struct sk_buff_head {
	struct sk_buff *next, *prev; /* same shape as an skb's first words */
	u32 qlen;
};

/* ---- pools ---- */
#define SKB_CHUNK_ORDER 6 /* 256 KiB: few enough pieces to remember, small enough to find */
struct skb_pool {
	struct sk_buff *free_skbs;
	struct skb_buf *free_bufs;
	u32 nr_free_skbs, nr_free_bufs, nr_skbs, nr_bufs; /* uncut ones are free */
	u32 low_bufs;           /* fewest free ever seen */
	u64 skb_fail, buf_fail; /* allocations refused */
	u64 dropped;            /* skbs that died with a reason; the other frees were consumed */
	u64 bare_dropped;       /* and frames that had no skb */
	s64 in_transit;         /* freed skbs on the way home, over all CPUs together: left here, less arrived here */
	struct sk_buff *home_skbs[MAX_CPUS];
	struct skb_buf *home_bufs[MAX_CPUS];
	/* The memory: chunks of SKB_CHUNK_ORDER pages, taken as they are first needed, and what of the newest is still uncut. */
	struct skb_uncut {
		u8 *at, *end;
		u32 chunks_left;
	} uncut_skbs, uncut_bufs;
	void **chunks;
	u32 nr_chunks;
	struct mem_quarantine late_skbs, late_bufs; /* of the sanitized kernel: free, but not to be had yet */
};
/* A pool of up to `bytes` of data buffers and as many skbs as fit them, one chunk of each at once. 0 or -ENOMEM. */
int skb_pool_init(struct net_cpu *cpu, size_t bytes);
void skb_pool_destroy(struct net_cpu *cpu);
/* Sends home what was freed here but belongs to other CPUs' pools: once at the end of each poll. */
void skb_pool_send_home(struct net_cpu *cpu);

/* A raw buffer (for a device's ring), one reference; NULL when the pool is empty (counted). */
struct skb_buf *skb_buf_alloc(struct net_cpu *cpu);
/* Up to n of them into bufs[]; returns how many there were. */
unsigned skb_buf_alloc_bulk(struct net_cpu *cpu, struct skb_buf **bufs, unsigned n);
static inline void skb_buf_get(struct skb_buf *b) { b->refs++; }
void skb_buf_put(struct net_cpu *cpu, struct skb_buf *b);

/* An skb with one empty buffer: data = tail = head + headroom. NULL when out. */
struct sk_buff *alloc_skb(struct net_cpu *cpu, unsigned headroom);
#define SKB_TRUESIZE ((u32)(SKB_BUF_SIZE + sizeof(struct sk_buff))) /* of an skb of one buffer */
/* An skb around a buffer a device filled: data at byte `off` of the room, len bytes. Takes the reference; NULL: it stays the caller's. */
struct sk_buff *build_skb(struct net_cpu *cpu, struct skb_buf *buf, unsigned off, unsigned len);
/* Room for `len` bytes behind `headroom`: linear first, the rest in frags; contents undefined. NULL when out or > SKB_LEN_MAX. */
struct sk_buff *alloc_skb_with_frags(struct net_cpu *cpu, unsigned headroom, unsigned len);
/* A second skb over the same bytes (references, no copy); its own metadata. NULL when out. */
struct sk_buff *skb_clone(struct net_cpu *cpu, struct sk_buff *skb);
/* A new packet over the same bytes, all linear, of which headers of its own go into the headroom: nobody else may use that
 * (skb_has_headroom_alone). NULL when out. */
struct sk_buff *skb_over(struct net_cpu *cpu, struct sk_buff *skb);
/* A deep copy, linear part with the same headroom. NULL when out. */
struct sk_buff *skb_copy(struct net_cpu *cpu, const struct sk_buff *skb);

/* An skb over the same bytes for another CPU, which may do with it what it likes: it refers to one buffer of its own alone,
 * and skb ends here, on its own CPU, when that buffer has come home. Takes skb; NULL when out, and it stays the caller's. */
struct sk_buff *skb_lend(struct net_cpu *cpu, struct sk_buff *skb);

/* The buffer of an skb that is alone in it, with no frags and nobody's; the skb itself ends. Both are of this CPU. */
struct skb_buf *skb_take_buf(struct net_cpu *cpu, struct sk_buff *skb);
/* The end of an skb that did its work, and of one that died (counts cpu->drops[reason], tells the trace). */
void consume_skb(struct net_cpu *cpu, struct sk_buff *skb);
void kfree_skb_reason(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason reason);
/* The same of a frame that has no skb, only this buffer. */
void skb_buf_drop(struct net_cpu *cpu, struct skb_buf *b, enum drop_reason reason);

/* ---- geometry ---- */
static inline unsigned skb_headlen(const struct sk_buff *skb) { return skb->len - skb->data_len; }
static inline unsigned skb_headroom(const struct sk_buff *skb) { return (unsigned)(skb->data - skb->head); }
static inline unsigned skb_tailroom(const struct sk_buff *skb)
{
	return skb->data_len ? 0 : (unsigned)(skb->end - skb->tail);
}
static inline void skb_reserve(struct sk_buff *skb, unsigned n) { skb->data += n; skb->tail += n; }
static inline u8 *skb_put(struct sk_buff *skb, unsigned n)
{
	u8 *p = skb->tail;

	BUG_ON(skb->data_len || n > (unsigned)(skb->end - skb->tail));
	skb->tail += n;
	skb->len += n;
	return p;
}
static inline u8 *skb_push(struct sk_buff *skb, unsigned n)
{
	BUG_ON(n > skb_headroom(skb));
	skb->data -= n;
	skb->len += n;
	return skb->data;
}
/* Drops n bytes from the front; they must be linear (checked pulls: skb_may_pull). */
static inline u8 *skb_pull(struct sk_buff *skb, unsigned n)
{
	BUG_ON(n > skb_headlen(skb));
	skb->len -= n;
	return skb->data += n;
}
/* Linear, and no other skb refers to the buffer, which is of this CPU's pool. */
static inline bool skb_is_alone(const struct net_cpu *cpu, const struct sk_buff *skb)
{
	return !skb->data_len && skb->buf->refs == 1 && skb->buf->cpu == cpu->id;
}
/* And there is room for all headers. */
static inline bool skb_has_headroom_alone(const struct net_cpu *cpu, const struct sk_buff *skb)
{
	return skb_is_alone(cpu, skb) && skb_headroom(skb) >= SKB_HEADROOM;
}
bool skb_may_pull_slow(struct net_cpu *cpu, struct sk_buff *skb, unsigned n);
/* Makes the first n bytes linear; false when the skb is shorter or memory is out. The one door to headers from the wire. */
static inline bool skb_may_pull(struct net_cpu *cpu, struct sk_buff *skb, unsigned n)
{
	return likely(n <= skb_headlen(skb)) || skb_may_pull_slow(cpu, skb, n);
}
/* The same, and nobody else reads those bytes: they may be written to. */
bool skb_make_writable_slow(struct net_cpu *cpu, struct sk_buff *skb, unsigned n);
static inline bool skb_make_writable(struct net_cpu *cpu, struct sk_buff *skb, unsigned n)
{
	return likely(n <= skb_headlen(skb) && !skb->cloned) || skb_make_writable_slow(cpu, skb, n);
}
/* Shortens to len bytes from the end (padding of Ethernet, trimming to the window). */
void skb_trim(struct net_cpu *cpu, struct sk_buff *skb, unsigned len);
/* Drops n bytes from the front wherever they lie. */
void skb_pull_any(struct net_cpu *cpu, struct sk_buff *skb, unsigned n);
/* Appends a piece; takes over the reference to buf (NULL: static memory). false when all MAX_SKB_FRAGS are used. */
bool skb_add_frag(struct sk_buff *skb, struct skb_buf *buf, u8 *ptr, unsigned len);
/* The same for a buffer that nothing else of skb lies in, as a device gives them. */
static inline bool skb_add_buf(struct sk_buff *skb, struct skb_buf *buf, u8 *ptr, unsigned len)
{
	struct skb_frag *f = &skb->frags[skb->nr_frags];

	if (unlikely(skb->nr_frags == MAX_SKB_FRAGS))
		return false;
	f->ptr = ptr;
	f->buf = buf;
	f->len = len;
	skb->nr_frags++;
	skb->truesize += SKB_BUF_SIZE;
	skb->len += len;
	skb->data_len += len;
	return true;
}
/* Appends bytes [off, off+len) of src by reference (its linear part too). false: frags or skb memory are out. */
bool skb_share(struct net_cpu *cpu, struct sk_buff *dst, struct sk_buff *src, unsigned off, unsigned len);

static inline void skb_reset_mac_header(struct sk_buff *skb) { skb->mac_header = (u16)(skb->data - skb->head); }
static inline void skb_reset_network_header(struct sk_buff *skb) { skb->network_header = (u16)(skb->data - skb->head); }
static inline void skb_reset_transport_header(struct sk_buff *skb) { skb->transport_header = (u16)(skb->data - skb->head); }
static inline u8 *skb_mac_header(const struct sk_buff *skb) { return skb->head + skb->mac_header; }
static inline u8 *skb_network_header(const struct sk_buff *skb) { return skb->head + skb->network_header; }
static inline u8 *skb_transport_header(const struct sk_buff *skb) { return skb->head + skb->transport_header; }

/* ---- bytes ---- */
/* Copies [off, off+len) out; 0 or -EFAULT when the skb is shorter. */
int skb_copy_bits(const struct sk_buff *skb, unsigned off, void *to, unsigned len);
/* Ones'-complement sum of [off, off+len), folded into 32 bits, on top of `sum` (wire/checksum.h folds to 16). */
u32 skb_checksum(const struct sk_buff *skb, unsigned off, unsigned len, u32 sum);
/* Finishes a CHECKSUM_PARTIAL skb in software. */
void skb_checksum_help(struct net_cpu *cpu, struct sk_buff *skb);

/* ---- queues ---- */
static inline void skb_queue_init(struct sk_buff_head *q)
{
	q->next = q->prev = (struct sk_buff *)q;
	q->qlen = 0;
}
static inline bool skb_queue_empty(const struct sk_buff_head *q) { return q->next == (const struct sk_buff *)q; }
static inline struct sk_buff *skb_peek(const struct sk_buff_head *q)
{
	return skb_queue_empty(q) ? NULL : q->next;
}
static inline struct sk_buff *skb_peek_tail(const struct sk_buff_head *q)
{
	return skb_queue_empty(q) ? NULL : q->prev;
}
/* A neighbour in a queue may be the head, which has only these two words. */
struct skb_link {
	struct sk_buff *next, *prev;
};
static inline struct skb_link *skb_link_of(struct sk_buff *skb) { return (struct skb_link *)skb; }
static inline void skb_insert(struct sk_buff_head *q, struct sk_buff *skb, struct sk_buff *prev, struct sk_buff *next)
{
	skb->prev = prev;
	skb->next = next;
	skb_link_of(prev)->next = skb;
	skb_link_of(next)->prev = skb;
	q->qlen++;
}
static inline void skb_queue_tail(struct sk_buff_head *q, struct sk_buff *skb)
{
	skb_insert(q, skb, q->prev, (struct sk_buff *)q);
}
static inline void skb_queue_head(struct sk_buff_head *q, struct sk_buff *skb)
{
	skb_insert(q, skb, (struct sk_buff *)q, q->next);
}
static inline void skb_unlink(struct sk_buff_head *q, struct sk_buff *skb)
{
	skb_link_of(skb->prev)->next = skb->next;
	skb_link_of(skb->next)->prev = skb->prev;
	skb->next = skb->prev = NULL;
	q->qlen--;
}
static inline struct sk_buff *skb_dequeue(struct sk_buff_head *q)
{
	struct sk_buff *skb = skb_peek(q);

	if (skb)
		skb_unlink(q, skb);
	return skb;
}
/* Frees all with the reason (RX_OK: consumed). */
void skb_queue_purge(struct net_cpu *cpu, struct sk_buff_head *q, enum drop_reason reason);
#define skb_queue_walk(q, skb) for (skb = (q)->next; skb != (struct sk_buff *)(q); skb = skb->next)
