/* SPDX-License-Identifier: MIT
 * gso.h - one skb of up to 64 KiB becomes segments of gso_size, for devices that cannot do it themselves (FEATURES TX4).
 */
#pragma once

#include "net/core/skbuff.h"

/* Cuts a frame (link header first, network_header and transport_header set, CHECKSUM_PARTIAL) into segments appended to
 * `out`, each complete but for its partial checksum. Payload is shared, headers are copied. skb stays the caller's.
 * false: no memory or no such protocol, and `out` is as it was. */
bool skb_gso_segment(struct net_cpu *cpu, struct sk_buff *skb, struct sk_buff_head *out);
/* Of a packet that came with CHECKSUM_PARTIAL or as segments, its network header of hdr_len bytes at skb->data, before it goes out
 * again: is the place of the sum behind that header, within the linear bytes, and are the segments what gso_type says, with a whole
 * TCP header? What a device says need not be so (it may be another guest's word), nor be true of what was trimmed since. */
bool skb_offload_fits(const struct sk_buff *skb, unsigned hdr_len);
