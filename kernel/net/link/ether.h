/* SPDX-License-Identifier: MIT
 * ether.h - Ethernet as a link: eth_link_ops (declared in net/core/dev.h) takes frames in and puts
 * headers on.
 */
#pragma once

#include "net/core/dev.h"

/* link_ops.rcv: pulls the link header, sets protocol, pkt_type and network_header. */
enum drop_reason eth_rcv(struct net_cpu *cpu, struct sk_buff *skb);
