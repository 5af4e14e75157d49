/* SPDX-License-Identifier: MIT
 * skb_data.c - the bytes of an skb wherever they lie: pulls, trims, shares, copies and sums over the linear part and frags.
 *
 * Stateless. Offsets count from skb->data. The linear part of a buffer that others refer to is never moved or grown in
 * place; the bytes go to a buffer of their own first.
 */
#include "net/core/skbuff.h"
#include "lib/errno.h"
#include "net/wire/checksum.h"

/* ---- frags ---- */

/* Drops n bytes (at most data_len) from the front of the frags. */
static void frags_pull(struct net_cpu *cpu, struct sk_buff *skb, unsigned n)
{
	unsigned gone = 0;

	skb->len -= n;
	skb->data_len -= n;
	while (n && n >= skb->frags[gone].len) {
		n -= skb->frags[gone].len;
		if (skb->frags[gone].buf)
			skb_buf_put(cpu, skb->frags[gone].buf);
		gone++;
	}
	if (n) {
		skb->frags[gone].ptr += n;
		skb->frags[gone].len -= n;
	}
	if (!gone)
		return;
	skb->nr_frags -= (u8)gone;
	for (unsigned i = 0; i < skb->nr_frags; i++)
		skb->frags[i] = skb->frags[i + gone];
}

/* Drops n bytes (at most data_len) from the end of the frags. */
static void frags_trim(struct net_cpu *cpu, struct sk_buff *skb, unsigned n)
{
	struct skb_frag *f;

	skb->len -= n;
	skb->data_len -= n;
	while (n) {
		f = &skb->frags[skb->nr_frags - 1];
		if (n < f->len) {
			f->len -= n;
			return;
		}
		n -= f->len;
		if (f->buf)
			skb_buf_put(cpu, f->buf);
		skb->nr_frags--;
	}
}

bool skb_add_frag(struct sk_buff *skb, struct skb_buf *buf, u8 *ptr, unsigned len)
{
	unsigned n = skb->nr_frags;
	struct skb_frag *f = &skb->frags[n];

	if (n && f[-1].buf == buf && f[-1].ptr + f[-1].len == ptr) {
		f[-1].len += len;
		skb->truesize += buf ? 0 : len;
		if (buf)
			buf->refs--; /* the frag has one already */
	} else {
		if (unlikely(n == MAX_SKB_FRAGS))
			return false;
		f->ptr = ptr;
		f->buf = buf;
		f->len = len;
		skb->nr_frags = (u8)(n + 1);
		skb->truesize += buf ? SKB_BUF_SIZE : len;
	}
	skb->len += len;
	skb->data_len += len;
	return true;
}

static bool share_piece(struct sk_buff *dst, struct skb_buf *buf, u8 *ptr, unsigned len)
{
	if (buf)
		skb_buf_get(buf);
	if (skb_add_frag(dst, buf, ptr, len))
		return true;
	if (buf)
		buf->refs--; /* never the last: the source has one */
	return false;
}

bool skb_share(struct net_cpu *cpu, struct sk_buff *dst, struct sk_buff *src, unsigned off, unsigned len)
{
	unsigned before = dst->len, headlen = skb_headlen(src), n;

	BUG_ON(off > src->len || len > src->len - off);
	if (off < headlen && len) {
		n = MIN(len, headlen - off);
		if (!share_piece(dst, src->buf, src->data + off, n))
			return false;
		src->cloned = 1;
		off += n;
		len -= n;
	}
	off -= headlen;
	for (unsigned i = 0; len; off -= src->frags[i++].len) {
		struct skb_frag *f = &src->frags[i];

		if (off >= f->len)
			continue;
		n = MIN(len, f->len - off);
		if (!share_piece(dst, f->buf, f->ptr + off, n)) {
			skb_trim(cpu, dst, before);
			return false;
		}
		len -= n;
		off += n;
	}
	return true;
}

/* ---- pulls and trims ---- */

static inline void shift_offset(u16 *offset, unsigned by)
{
	if (*offset != SKB_NO_OFFSET)
		*offset = *offset < by ? SKB_NO_OFFSET : (u16)(*offset - by);
}

/* Gives skb a linear buffer of its own with room for `need` bytes from data on; headroom is cut where both do not fit. */
static bool skb_own_buffer(struct net_cpu *cpu, struct sk_buff *skb, unsigned need)
{
	unsigned headroom = skb_headroom(skb), cut = 0;
	struct skb_buf *b;

	if (need > SKB_BUF_ROOM)
		return false;
	if (headroom + need > SKB_BUF_ROOM)
		cut = headroom + need - (unsigned)SKB_BUF_ROOM;
	b = skb_buf_alloc(cpu);
	if (!b)
		return false;
	memcpy(skb_buf_room(b), skb->head + cut, (size_t)(skb->tail - skb->head) - cut);
	skb->data = skb_buf_room(b) + headroom - cut;
	skb->tail = skb->data + skb_headlen(skb);
	skb->head = skb_buf_room(b);
	skb->end = skb->head + SKB_BUF_ROOM;
	shift_offset(&skb->mac_header, cut);
	shift_offset(&skb->network_header, cut);
	shift_offset(&skb->transport_header, cut);
	shift_offset(&skb->csum_start, cut);
	skb_buf_put(cpu, skb->buf);
	skb->buf = b;
	skb->cloned = 0;
	return true;
}

bool skb_may_pull_slow(struct net_cpu *cpu, struct sk_buff *skb, unsigned n)
{
	unsigned more = n - skb_headlen(skb);

	if (n <= skb_headlen(skb))
		return true;
	if (n > skb->len)
		return false;
	/* Behind tail may be somebody else's bytes when the buffer is shared. */
	if ((skb->buf->refs > 1 || more > (unsigned)(skb->end - skb->tail)) && !skb_own_buffer(cpu, skb, n))
		return false;
	skb_copy_bits(skb, skb_headlen(skb), skb->tail, more);
	skb->tail += more;
	frags_pull(cpu, skb, more);
	skb->len += more; /* they moved, they are not gone */
	return true;
}

bool skb_make_writable_slow(struct net_cpu *cpu, struct sk_buff *skb, unsigned n)
{
	if (!skb_may_pull(cpu, skb, n))
		return false;
	return !skb->cloned || skb_own_buffer(cpu, skb, skb_headlen(skb));
}

void skb_trim(struct net_cpu *cpu, struct sk_buff *skb, unsigned len)
{
	unsigned cut, n;

	if (len >= skb->len)
		return;
	cut = skb->len - len;
	n = MIN(cut, skb->data_len);
	if (n)
		frags_trim(cpu, skb, n);
	cut -= n;
	skb->tail -= cut;
	skb->len -= cut;
}

void skb_pull_any(struct net_cpu *cpu, struct sk_buff *skb, unsigned n)
{
	unsigned linear = MIN(n, skb_headlen(skb));

	BUG_ON(n > skb->len);
	skb->data += linear;
	skb->len -= linear;
	if (n > linear)
		frags_pull(cpu, skb, n - linear);
}

/* ---- copies and sums ---- */

int skb_copy_bits(const struct sk_buff *skb, unsigned off, void *to, unsigned len)
{
	unsigned headlen = skb_headlen(skb), n;
	u8 *p = to;

	if (off > skb->len || len > skb->len - off)
		return -EFAULT;
	if (off < headlen) {
		n = MIN(len, headlen - off);
		memcpy(p, skb->data + off, n);
		p += n;
		len -= n;
		off += n;
	}
	off -= headlen;
	for (unsigned i = 0; len; off -= skb->frags[i++].len) {
		const struct skb_frag *f = &skb->frags[i];

		if (off >= f->len)
			continue;
		n = MIN(len, f->len - off);
		memcpy(p, f->ptr + off, n);
		p += n;
		len -= n;
		off += n;
	}
	return 0;
}

static __noinline u32 checksum_parts(const struct sk_buff *skb, unsigned off, unsigned len, u32 sum)
{
	unsigned headlen = skb_headlen(skb), done = 0, n;

	if (off < headlen) {
		n = MIN(len, headlen - off);
		sum = csum_partial(skb->data + off, n, sum);
		done = n;
		off += n;
	}
	off -= headlen;
	for (unsigned i = 0; done < len; off -= skb->frags[i++].len) {
		const struct skb_frag *f = &skb->frags[i];

		if (off >= f->len)
			continue;
		n = MIN(len - done, f->len - off);
		sum = csum_block_add(sum, csum_partial(f->ptr + off, n, 0), done);
		done += n;
		off += n;
	}
	return sum;
}

u32 skb_checksum(const struct sk_buff *skb, unsigned off, unsigned len, u32 sum)
{
	BUG_ON(off > skb->len || len > skb->len - off);
	if (likely(!skb->data_len))
		return csum_partial(skb->data + off, len, sum);
	return checksum_parts(skb, off, len, sum);
}

void skb_checksum_help(struct net_cpu *cpu, struct sk_buff *skb)
{
	unsigned start = skb->csum_start - skb_headroom(skb);
	be16 sum;

	BUG_ON(start + skb->csum_offset + 2 > skb_headlen(skb));
	sum = csum_fold(skb_checksum(skb, start, skb->len - start, 0));
	if (!sum.raw)
		sum.raw = 0xffff; /* the same number; in UDP zero would mean that there is no sum (RFC 768) */
	memcpy(skb->data + start + skb->csum_offset, &sum, sizeof(sum));
	skb->ip_summed = CHECKSUM_NONE;
	STAT_ADD(cpu, CsumSoftBytes, skb->len - start);
}
