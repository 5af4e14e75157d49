/* SPDX-License-Identifier: MIT
 * nft_names.c - the words of nft's language that stand for numbers, for both who reads them and who prints them.
 */
#include "net/netfilter/nft_impl.h"
#include "net/wire/icmpv6.h"

const struct nft_name nft_protos[] = {
	{ "icmp", IPPROTO_ICMP }, { "igmp", 2 }, { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP },
	{ "ipv6-icmp", IPPROTO_ICMPV6 }, { "icmpv6", IPPROTO_ICMPV6 }, { NULL, 0 },
};
const struct nft_name nft_families[] = {
	{ "inet", NFT_INET }, { "ip", NFT_IP }, { "ip6", NFT_IP6 }, { NULL, 0 },
};
const struct nft_name nft_icmpv6_types[] = {
	{ "destination-unreachable", ICMPV6_DEST_UNREACH }, { "packet-too-big", ICMPV6_PKT_TOOBIG },
	{ "time-exceeded", ICMPV6_TIME_EXCEED },	    { "parameter-problem", ICMPV6_PARAMPROB },
	{ "echo-request", ICMPV6_ECHO_REQUEST },	    { "echo-reply", ICMPV6_ECHO_REPLY },
	{ "mld-listener-query", ICMPV6_MLD_QUERY },	    { "mld-listener-report", ICMPV6_MLD_REPORT },
	{ "mld-listener-done", ICMPV6_MLD_DONE },	    { "nd-router-solicit", ICMPV6_ROUTER_SOLICIT },
	{ "nd-router-advert", ICMPV6_ROUTER_ADVERT },	    { "nd-neighbor-solicit", ICMPV6_NEIGH_SOLICIT },
	{ "nd-neighbor-advert", ICMPV6_NEIGH_ADVERT },	    { "nd-redirect", ICMPV6_REDIRECT },
	{ "mld2-listener-report", ICMPV6_MLD2_REPORT },	    { NULL, 0 },
};
const struct nft_name nft_icmp_types[] = {
	{ "echo-reply", ICMP_ECHOREPLY },	   { "destination-unreachable", ICMP_DEST_UNREACH },
	{ "source-quench", ICMP_SOURCE_QUENCH },   { "redirect", ICMP_REDIRECT },
	{ "echo-request", ICMP_ECHO },		   { "time-exceeded", ICMP_TIME_EXCEEDED },
	{ "parameter-problem", ICMP_PARAMETERPROB }, { "timestamp-request", ICMP_TIMESTAMP },
	{ "timestamp-reply", ICMP_TIMESTAMPREPLY }, { NULL, 0 },
};
const struct nft_name nft_tcp_flags[] = {
	{ "fin", TCP_FIN }, { "syn", TCP_SYN }, { "rst", TCP_RST }, { "psh", TCP_PSH }, { "ack", TCP_ACK },
	{ "urg", TCP_URG }, { "ecn", TCP_ECE }, { "cwr", TCP_CWR }, { NULL, 0 },
};
const struct nft_name nft_reject_codes[] = {
	{ "net-unreachable", ICMP_NET_UNREACH },   { "host-unreachable", ICMP_HOST_UNREACH },
	{ "prot-unreachable", ICMP_PROT_UNREACH }, { "port-unreachable", ICMP_PORT_UNREACH },
	{ "net-prohibited", 9 },		   { "host-prohibited", 10 },
	{ "admin-prohibited", ICMP_PKT_FILTERED }, { NULL, 0 },
};
const struct nft_name nft_reject6_codes[] = { /* RFC 4443 3.1 */
	{ "no-route", ICMPV6_NOROUTE },		    { "admin-prohibited", ICMPV6_ADM_PROHIBITED },
	{ "addr-unreachable", ICMPV6_ADDR_UNREACH }, { "port-unreachable", ICMPV6_PORT_UNREACH },
	{ "policy-fail", 5 },			    { "reject-route", 6 },
	{ NULL, 0 },
};
const struct nft_name nft_hooks[] = {
	{ "prerouting", NF_PRE_ROUTING }, { "input", NF_LOCAL_IN }, { "forward", NF_FORWARD },
	{ "output", NF_LOCAL_OUT }, { "postrouting", NF_POST_ROUTING }, { NULL, 0 },
};
const struct nft_name nft_ct_states[] = {
	{ "invalid", CT_STATE_INVALID }, { "new", CT_STATE_NEW }, { "established", CT_STATE_ESTABLISHED },
	{ "related", CT_STATE_RELATED }, { "untracked", CT_STATE_UNTRACKED }, { NULL, 0 },
};
const struct nft_priority nft_priorities[] = {
	{ "raw", -300, 0x1f }, { "mangle", -150, 0x1f }, { "dstnat", -100, 1 << NF_PRE_ROUTING | 1 << NF_LOCAL_OUT },
	{ "filter", 0, 0x1f }, { "security", 50, 0x1f }, { "srcnat", 100, 1 << NF_POST_ROUTING | 1 << NF_LOCAL_IN },
	{ NULL, 0, 0 },
};
