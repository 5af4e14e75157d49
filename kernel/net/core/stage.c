/* SPDX-License-Identifier: MIT
 * stage.c - the equations of the stages.
 */
#include "net/core/stage.h"

#define T(counter, word) { STAT_##counter, word }
#define F(counter, word) { FLOW_##counter, word }

const struct stage stages[NR_STAGES] = {
	{ "rxring", "frames that the devices left in their rings",
	  { F(RxRingTaken, "taken") },
	  { F(RxRingReceived, "received"), F(RxRingDropped, "dropped") } },
	{ "link", "frames taken in, by what the link header says they are",
	  { F(Frames, "frames") },
	  { F(LinkMerged, "merged"), T(IpInReceives, "ip"), T(Ip6InReceives, "ip6"), F(ArpIn, "arp"), F(LinkDropped, "dropped") } },
	{ "ip", "IPv4 datagrams received (RFC 4293 3.2.3)",
	  { T(IpInReceives, "received"), T(IpReasmOKs, "reassembled"), F(IpMovedIn, "from other CPUs") },
	  { T(IpInDelivers, "delivered"), T(IpForwDatagrams, "forwarded"), T(IpReasmReqds, "fragments"),
	    T(IpInHdrErrors, "header errors"), T(IpExtInTruncatedPkts, "truncated"), T(IpInAddrErrors, "address errors"),
	    T(IpInUnknownProtos, "unknown protocols"), T(IpExtInNoRoutes, "without a route"), T(IpInDiscards, "discarded"),
	    F(IpMovedOut, "to other CPUs") } },
	{ "ip6", "IPv6 packets received (RFC 4293 3.2.3)",
	  { T(Ip6InReceives, "received"), T(Ip6ReasmOKs, "reassembled"), F(Ip6MovedIn, "from other CPUs") },
	  { T(Ip6InDelivers, "delivered"), T(Ip6OutForwDatagrams, "forwarded"), T(Ip6ReasmReqds, "fragments"),
	    T(Ip6InHdrErrors, "header errors"), T(Ip6InTruncatedPkts, "truncated"), T(Ip6InAddrErrors, "address errors"),
	    T(Ip6InUnknownProtos, "unknown headers"), T(Ip6InNoRoutes, "without a route"), T(Ip6InTooBigErrors, "too big"),
	    T(Ip6InDiscards, "discarded"), F(Ip6MovedOut, "to other CPUs") } },
	{ "reassembly", "fragments of both families",
	  { T(IpReasmReqds, "ip"), T(Ip6ReasmReqds, "ip6") },
	  { F(FragsJoined, "joined"), F(FragsWaiting, "waiting"), F(FragsDropped, "dropped") } },
	{ "transport", "what IP delivers, by who took it",
	  { T(IpInDelivers, "ip"), T(Ip6InDelivers, "ip6"), F(InetMovedIn, "from other CPUs"), F(UdpInCopies, "copies") },
	  { T(TcpInSegs, "tcp"), T(UdpInDatagrams, "udp"), T(UdpNoPorts, "udp without a port"), T(UdpInErrors, "udp errors"),
	    T(UdpIgnoredMulti, "udp that nobody wants"), T(Udp6InDatagrams, "udp6"), T(Udp6NoPorts, "udp6 without a port"),
	    T(Udp6InErrors, "udp6 errors"), T(Udp6IgnoredMulti, "udp6 that nobody wants"), T(IcmpInMsgs, "icmp"), T(Icmp6InMsgs, "icmp6"), T(IgmpInMsgs, "igmp"), F(InetMovedOut, "to other CPUs") } },
	{ "icmp", "ICMP messages received, by type",
	  { T(IcmpInMsgs, "received"), F(IcmpInTypedErrors, "errors with a type") },
	  { T(IcmpInErrors, "errors"), T(IcmpInDestUnreachs, "unreachable"), T(IcmpInTimeExcds, "time exceeded"),
	    T(IcmpInParmProbs, "parameter problem"), T(IcmpInSrcQuenchs, "source quench"), T(IcmpInRedirects, "redirect"),
	    T(IcmpInEchos, "echo"), T(IcmpInEchoReps, "echo reply"), T(IcmpInTimestamps, "timestamp"),
	    F(IcmpInOthers, "other") } },
	{ "icmp6", "ICMPv6 messages received, by type",
	  { T(Icmp6InMsgs, "received"), F(Icmp6InTypedErrors, "errors with a type") },
	  { T(Icmp6InErrors, "errors"), T(Icmp6InDestUnreachs, "unreachable"), T(Icmp6InPktTooBigs, "too big"),
	    T(Icmp6InTimeExcds, "time exceeded"), T(Icmp6InParmProblems, "parameter problem"), T(Icmp6InEchos, "echo"),
	    T(Icmp6InEchoReplies, "echo reply"), T(Icmp6InGroupMembQueries, "listener query"),
	    T(Icmp6InRouterSolicits, "router solicitation"), T(Icmp6InRouterAdvertisements, "router advertisement"),
	    T(Icmp6InNeighborSolicits, "neighbour solicitation"),
	    T(Icmp6InNeighborAdvertisements, "neighbour advertisement"), T(Icmp6InRedirects, "redirect"),
	    F(Icmp6InOthers, "other") } },
	{ "receive", "bytes of open connections, from TCP to the application",
	  { F(TcpInOrder, "received") },
	  { F(TcpRead, "read"), F(TcpUnread, "waiting") } },
	{ "send", "bytes of open connections, from the application to TCP; a SYN and a FIN count as one",
	  { F(TcpGiven, "given") },
	  { F(TcpAcked, "acknowledged"), F(TcpUnacked, "sent"), F(TcpUnsent, "waiting") } },
	{ "output", "packets of ours and for others, down to the queueing disciplines",
	  { T(IpOutRequests, "ip"), T(IpForwDatagrams, "ip forwarded"), T(Ip6OutRequests, "ip6"),
	    T(Ip6OutForwDatagrams, "ip6 forwarded"), F(ArpOut, "arp"), T(IpFragCreates, "ip fragments"),
	    T(Ip6FragCreates, "ip6 fragments"), F(OutSegments, "segments"), F(OutMovedIn, "from other CPUs") },
	  { F(OutPassed, "passed by"), F(OutEnqueued, "enqueued"), F(OutParked, "parked"), T(IpFragOKs, "ip fragmented"),
	    T(Ip6FragOKs, "ip6 fragmented"), F(OutDropped, "dropped"), F(OutMovedOut, "to other CPUs") } },
	{ "qdisc", "frames in the queueing disciplines of the devices",
	  { F(OutEnqueued, "enqueued"), F(QdiscAdded, "twins") },
	  { F(QdiscTaken, "taken"), F(QdiscWaiting, "waiting"), F(QdiscDropped, "dropped") } },
	{ "txring", "frames given to devices that have rings",
	  { F(TxRingGiven, "given") },
	  { F(TxRingSent, "sent"), F(TxRingWaiting, "waiting"), F(TxRingDropped, "dropped") } },
};

static u64 sum(const struct stage_term *t, const u64 *terms)
{
	u64 n = 0;

	for (; t->word; t++)
		n += terms[t->stat];
	return n;
}

bool stage_holds(const struct stage *s, const u64 terms[FLOW_MAX], u64 *in, u64 *out)
{
	*in = sum(s->in, terms);
	*out = sum(s->out, terms);
	return *in == *out;
}
