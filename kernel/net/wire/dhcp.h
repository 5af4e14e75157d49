/* SPDX-License-Identifier: MIT
 * dhcp.h - DHCP messages and the options a client uses (RFC 2131 section 2, RFC 2132).
 */
#pragma once

#include "lib/byteorder.h"

enum { DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68 };
enum {
	DHCPDISCOVER = 1,
	DHCPOFFER,
	DHCPREQUEST,
	DHCPDECLINE,
	DHCPACK,
	DHCPNAK,
	DHCPRELEASE,
	DHCPINFORM,
};
enum {
	DHO_PAD = 0,
	DHO_SUBNET_MASK = 1,
	DHO_ROUTERS = 3,
	DHO_DNS = 6,
	DHO_HOST_NAME = 12,
	DHO_DOMAIN_NAME = 15,
	DHO_MTU = 26,
	DHO_REQUESTED_ADDRESS = 50,
	DHO_LEASE_TIME = 51,
	DHO_OVERLOAD = 52,
	DHO_MESSAGE_TYPE = 53,
	DHO_SERVER_ID = 54,
	DHO_PARAMETERS = 55,
	DHO_MAX_SIZE = 57,
	DHO_RENEWAL_TIME = 58,
	DHO_REBINDING_TIME = 59,
	DHO_CLIENT_ID = 61,
	DHO_END = 255,
};

#define DHCP_MSG_MIN  300 /* BOOTP's: relays drop shorter ones */
#define DHCP_MSG_MAX  576 /* what a client must take, and all we ask for */
#define DHCP_NAME_MAX 64
#define DHCP_DNS      3   /* resolvers read from a reply */

struct __packed dhcp_hdr {
	u8 op, htype, hlen, hops;
	be32 xid;
	be16 secs, flags;
	be32 ciaddr, yiaddr, siaddr, giaddr;
	u8 chaddr[16], sname[64], file[128];
	be32 cookie;
};
_Static_assert(sizeof(struct dhcp_hdr) == 240, "DHCP header and cookie");

struct dhcp_msg { /* absent fields are 0 */
	u8 type;
	u8 chaddr[6];
	u32 xid;
	be32 ciaddr, yiaddr;
	u16 secs;
	be32 server_id, requested, mask, router;
	be32 dns[DHCP_DNS];
	u8 nr_dns;
	u16 mtu;
	u32 lease_s, renew_s, rebind_s;
	/* letters, digits, '-', '_' and '.' only */
	char hostname[DHCP_NAME_MAX], domain[DHCP_NAME_MAX];
};

/* Decodes a reply of a server; false: truncated, no reply, another hardware, no cookie, or an
 * option with an impossible length. */
bool dhcp_parse(const u8 *p, unsigned len, struct dhcp_msg *out);
/* Writes a client's message of at most DHCP_MSG_MAX bytes; its length, at least DHCP_MSG_MIN. */
unsigned dhcp_build(u8 *p, const struct dhcp_msg *m);
