/* SPDX-License-Identifier: MIT
 * nat.h - network address translation: connections whose other side sees other addresses (RFC 3022, 4787, 5382, 5508).
 *
 * Decided once, by the rules of nat chains, for the first packet of a connection: the reply's tuple in its conntrack entry
 * then says what the other side sees, and every packet of either direction is rewritten so that it fits. Destinations are
 * rewritten at PRE_ROUTING and LOCAL_OUT, sources at LOCAL_IN and POST_ROUTING.
 *
 * Mapping is endpoint-independent (RFC 4787 REQ-1): an inside address and port has one outside address and port, whatever
 * it talks to. No two inside endpoints share an outside port (REQ-3) unless all others are in use. Filtering is that of
 * connection tracking: address and port dependent. An outside port is the inside one where that is free.
 */
#pragma once

#include "net/core/netfilter.h"

/* Hooks NAT up behind connection tracking, which is on; it ends with that. 0, -ENOMEM, -ENOSPC (hooks). */
int nat_enable(struct net_cpu *cpu);
