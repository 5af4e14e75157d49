/* SPDX-License-Identifier: MIT
 * gso.h - one skb of up to 64 KiB becomes segments of gso_size, for devices that cannot do it themselves (FEATURES TX4).
 */
#pragma once

#include "net/core/skbuff.h"

/* Cuts a frame (link header first, network_header and transport_header set, CHECKSUM_PARTIAL) into segments appended to
 * `out`, each complete but for its partial checksum. Payload is shared, headers are copied. skb stays the caller's.
 * false: no memory or no such protocol, and `out` is as it was. */
bool skb_gso_segment(struct net_cpu *cpu, struct sk_buff *skb, struct sk_buff_head *out);
