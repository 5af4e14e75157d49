/* SPDX-License-Identifier: MIT
 * stats.h - SNMP counters with the names nstat prints, one copy per CPU; STAT(cpu, TcpInSegs) counts one.
 *
 * X(name, unit, "help"). Order is the order of output. Gauges (TcpCurrEstab) are stored as differences: the sum over
 * CPUs is the value.
 */
#pragma once

#include "lib/types.h"

#define NET_STATS(X)                                                                               \
	X(IpInReceives, packets, "IPv4 datagrams received")                                        \
	X(IpInHdrErrors, packets, "dropped for their header")                                      \
	X(IpInAddrErrors, packets, "dropped for their destination")                                \
	X(IpForwDatagrams, packets, "forwarded")                                                   \
	X(IpInUnknownProtos, packets, "protocol without a handler")                                \
	X(IpInDiscards, packets, "dropped although correct")                                       \
	X(IpInDelivers, packets, "handed to a protocol")                                           \
	X(IpOutRequests, packets, "handed down by protocols")                                      \
	X(IpOutDiscards, packets, "outbound, dropped although correct")                            \
	X(IpOutNoRoutes, packets, "outbound without a route")                                      \
	X(IpReasmTimeout, packets, "reassemblies timed out")                                       \
	X(IpReasmReqds, fragments, "fragments received")                                           \
	X(IpReasmOKs, packets, "datagrams reassembled")                                            \
	X(IpReasmFails, packets, "reassemblies failed")                                            \
	X(IpFragOKs, packets, "datagrams fragmented")                                              \
	X(IpFragFails, packets, "could not be fragmented (DF)")                                    \
	X(IpFragCreates, fragments, "fragments made")                                              \
	X(IcmpInMsgs, messages, "ICMP messages received")                                          \
	X(IcmpInErrors, messages, "of those malformed")                                            \
	X(IcmpInCsumErrors, messages, "of those with a wrong checksum")                            \
	X(IcmpInDestUnreachs, messages, "destination unreachable received")                        \
	X(IcmpInTimeExcds, messages, "time exceeded received")                                     \
	X(IcmpInParmProbs, messages, "parameter problem received")                                 \
	X(IcmpInSrcQuenchs, messages, "source quench received")                                    \
	X(IcmpInRedirects, messages, "redirects received")                                         \
	X(IcmpInEchos, messages, "echo requests received")                                         \
	X(IcmpInEchoReps, messages, "echo replies received")                                       \
	X(IcmpInTimestamps, messages, "timestamp requests received")                               \
	X(IcmpOutMsgs, messages, "ICMP messages sent")                                             \
	X(IcmpOutErrors, messages, "could not be sent")                                            \
	X(IcmpOutRateLimitHost, messages, "errors withheld by the per-destination rate")           \
	X(IcmpOutRateLimitGlobal, messages, "errors withheld by the global rate")                  \
	X(IcmpOutDestUnreachs, messages, "destination unreachable sent")                           \
	X(IcmpOutTimeExcds, messages, "time exceeded sent")                                        \
	X(IcmpOutParmProbs, messages, "parameter problem sent")                                    \
	X(IcmpOutEchos, messages, "echo requests sent")                                            \
	X(IcmpOutEchoReps, messages, "echo replies sent")                                          \
	X(IcmpOutTimestampReps, messages, "timestamp replies sent")                                \
	X(IgmpInMsgs, messages, "IGMP messages received")                                          \
	X(IgmpInErrors, messages, "of those malformed")                                            \
	X(IgmpOutMsgs, messages, "IGMP messages sent")                                             \
	X(TcpActiveOpens, connections, "connections opened from here")                             \
	X(TcpPassiveOpens, connections, "connections accepted")                                    \
	X(TcpAttemptFails, connections, "attempts that failed")                                    \
	X(TcpEstabResets, connections, "established connections reset")                            \
	X(TcpCurrEstab, connections, "established now")                                            \
	X(TcpInSegs, segments, "segments received")                                                \
	X(TcpOutSegs, segments, "segments sent, retransmissions not counted")                      \
	X(TcpRetransSegs, segments, "segments retransmitted")                                      \
	X(TcpInErrs, segments, "segments received malformed")                                      \
	X(TcpOutRsts, segments, "segments sent with RST")                                          \
	X(TcpInCsumErrors, segments, "segments with a wrong checksum")                             \
	X(UdpInDatagrams, datagrams, "datagrams delivered")                                        \
	X(UdpNoPorts, datagrams, "nobody listens there")                                           \
	X(UdpInErrors, datagrams, "could not be delivered")                                        \
	X(UdpOutDatagrams, datagrams, "datagrams sent")                                            \
	X(UdpRcvbufErrors, datagrams, "receive buffer full")                                       \
	X(UdpSndbufErrors, datagrams, "send buffer full")                                          \
	X(UdpInCsumErrors, datagrams, "wrong checksum")                                            \
	X(UdpIgnoredMulti, datagrams, "to a group or broadcast, and nobody listens")               \
	X(TcpExtSyncookiesSent, segments, "SYN cookies sent")                                      \
	X(TcpExtSyncookiesRecv, segments, "SYN cookies that came back right")                      \
	X(TcpExtSyncookiesFailed, segments, "SYN cookies that came back wrong")                    \
	X(TcpExtEmbryonicRsts, segments, "RST for a connection in SYN_RECEIVED")                   \
	X(TcpExtTW, connections, "ended by TIME_WAIT's timer")                                     \
	X(TcpExtTWRecycled, connections, "TIME_WAIT reused by timestamps")                         \
	X(TcpExtTWKilled, connections, "TIME_WAIT ended by RST")                                   \
	X(TcpExtTCPTimeWaitOverflow, connections, "no room for TIME_WAIT")                         \
	X(TcpExtPAWSActive, connections, "active opens refused by PAWS")                           \
	X(TcpExtPAWSEstab, segments, "segments refused by PAWS")                                   \
	X(TcpExtDelayedACKs, segments, "delayed ACKs sent")                                        \
	X(TcpExtDelayedACKLost, segments, "delayed ACKs known lost: the peer retransmitted")       \
	X(TcpExtListenOverflows, segments, "accept queue full")                                    \
	X(TcpExtTCPDeferAcceptDrop, connections, "handshakes that wait for text")                  \
	X(TcpExtListenDrops, segments, "SYNs dropped by a listener")                               \
	X(TcpExtTCPHPHits, segments, "data segments taken by header prediction")                   \
	X(TcpExtTCPHPAcks, segments, "ACKs taken by header prediction")                            \
	X(TcpExtTCPPureAcks, segments, "ACKs without data, slow path")                             \
	X(TcpExtTCPRenoRecovery, events, "fast recoveries without SACK")                           \
	X(TcpExtTCPSackRecovery, events, "fast recoveries with SACK")                              \
	X(TcpExtTCPSACKReneging, events, "peer discarded SACKed data")                             \
	X(TcpExtTCPSACKDiscard, blocks, "SACK blocks refused")                                     \
	X(TcpExtTCPSACKReorder, events, "reordering seen by SACK")                                 \
	X(TcpExtTCPTSReorder, events, "reordering seen by timestamps")                             \
	X(TcpExtTCPFullUndo, events, "recovery undone completely")                                 \
	X(TcpExtTCPPartialUndo, events, "recovery undone in part")                                 \
	X(TcpExtTCPDSACKUndo, events, "recovery undone by D-SACK")                                 \
	X(TcpExtTCPLossUndo, events, "RTO recovery undone")                                        \
	X(TcpExtTCPLostRetransmit, segments, "retransmissions lost again")                         \
	X(TcpExtTCPRenoFailures, events, "losses in Reno recovery")                                \
	X(TcpExtTCPSackFailures, events, "losses in SACK recovery")                                \
	X(TcpExtTCPLossFailures, events, "losses in RTO recovery")                                 \
	X(TcpExtTCPFastRetrans, segments, "fast retransmissions")                                  \
	X(TcpExtTCPSlowStartRetrans, segments, "retransmissions in slow start")                    \
	X(TcpExtTCPTimeouts, events, "retransmission timeouts")                                    \
	X(TcpExtTCPLossProbes, segments, "tail loss probes")                                       \
	X(TcpExtTCPLossProbeRecovery, events, "losses repaired by a probe")                        \
	X(TcpExtTCPSpuriousRTOs, events, "timeouts that F-RTO found spurious")                     \
	X(TcpExtTCPDSACKOldSent, segments, "D-SACKs sent for old data")                            \
	X(TcpExtTCPDSACKOfoSent, segments, "D-SACKs sent for out-of-order data")                   \
	X(TcpExtTCPDSACKRecv, segments, "D-SACKs received")                                        \
	X(TcpExtTCPDSACKOfoRecv, segments, "D-SACKs received for out-of-order data")               \
	X(TcpExtTCPDSACKIgnoredDubious, segments, "D-SACKs of more than was ever sent again, or than the window")\
	X(TcpExtTCPAbortOnData, connections, "data came after close, or closed without lingering") \
	X(TcpExtTCPAbortOnClose, connections, "closed with data unread")                           \
	X(TcpExtTCPAbortOnMemory, connections, "aborted for memory")                               \
	X(TcpExtTCPAbortOnTimeout, connections, "aborted by a timer")                              \
	X(TcpExtTCPAbandoned, connections, "under overload their peers hung up before they were read") \
	X(TcpExtTCPAbortOnLinger, connections, "aborted by linger")                                \
	X(TcpExtTCPAbortFailed, connections, "no RST could be sent")                               \
	X(TcpExtTCPMemoryPressures, events, "entries into memory pressure")                        \
	X(TcpExtTCPBacklogDrop, segments, "dropped from a full backlog")                           \
	X(TcpExtTCPRcvCollapsed, skbs, "skbs collapsed in the receive queue")                      \
	X(TcpExtTCPRcvCoalesce, segments, "segments coalesced in the receive queue")               \
	X(TcpExtTCPOFOQueue, segments, "segments queued out of order")                             \
	X(TcpExtTCPOFODrop, segments, "out-of-order segments dropped")                             \
	X(TcpExtTCPOFOMerge, segments, "out-of-order segments merged")                             \
	X(TcpExtOfoPruned, events, "out-of-order queues pruned")                                   \
	X(TcpExtTCPChallengeACK, segments, "challenge ACKs sent")                                  \
	X(TcpExtTCPSYNChallenge, segments, "challenge ACKs for a SYN")                             \
	X(TcpExtTCPACKSkippedSynRecv, segments, "ACKs withheld in SYN_RECEIVED")                   \
	X(TcpExtTCPACKSkippedPAWS, segments, "ACKs withheld after PAWS")                           \
	X(TcpExtTCPACKSkippedSeq, segments, "ACKs withheld for sequence numbers")                  \
	X(TcpExtTCPACKSkippedChallenge, segments, "challenge ACKs withheld")                       \
	X(TcpExtTCPWinProbe, segments, "zero-window probes sent")                                  \
	X(TcpExtTCPKeepAlive, segments, "keepalive probes sent")                                   \
	X(TcpExtTCPMTUPFail, segments, "MTU probes failed")                                        \
	X(TcpExtTCPMTUPSuccess, segments, "MTU probes succeeded")                                  \
	X(TcpExtTCPFromZeroWindowAdv, events, "our window opened")                                 \
	X(TcpExtTCPToZeroWindowAdv, events, "our window closed")                                   \
	X(TcpExtTCPWantZeroWindowAdv, events, "our window would have closed")                      \
	X(TcpExtTCPSynRetrans, segments, "SYN and SYN-ACK retransmitted")                          \
	X(TcpExtTCPOrigDataSent, segments, "data segments sent, retransmissions not counted")      \
	X(TcpExtTCPHystartTrainDetect, events, "HyStart: by ACK train")                            \
	X(TcpExtTCPHystartDelayDetect, events, "HyStart: by delay")                                \
	X(TcpExtTCPDelivered, segments, "segments delivered")                                      \
	X(TcpExtTCPDeliveredCE, segments, "segments delivered with congestion experienced")        \
	X(TcpExtTCPAutoCorking, events, "sends corked by themselves")                              \
	X(TcpExtTCPFastOpenActive, connections, "fast opens from here that succeeded")             \
	X(TcpExtTCPFastOpenActiveFail, connections, "fast opens from here that failed")            \
	X(TcpExtTCPFastOpenPassive, connections, "fast opens accepted")                            \
	X(TcpExtTCPFastOpenPassiveFail, connections, "fast opens refused")                         \
	X(TcpExtTCPFastOpenListenOverflow, connections, "fast opens beyond TCP_FASTOPEN of the listener") \
	X(TcpExtTCPFastOpenCookieReqd, requests, "fast open cookies asked for")                    \
	X(TcpExtTCPFastOpenBlackhole, connections, "fast opens not tried or given up: a black hole") \
	X(TcpExtTCPFastOpenPassiveAltKey, connections, "fast opens accepted by the former key")    \
	X(TcpExtTCPReqQFullDoCookies, segments, "SYN queue full: cookies")                         \
	X(TcpExtTCPReqQFullDrop, segments, "SYN queue full: dropped")                              \
	X(TcpExtBusyPollRxPackets, frames, "frames that busy polling found")                       \
	X(IpExtInOctets, bytes, "IPv4 bytes received")                                             \
	X(IpExtOutOctets, bytes, "IPv4 bytes sent")                                                \
	X(IpExtInMcastPkts, packets, "IPv4 multicasts received")                                   \
	X(IpExtOutMcastPkts, packets, "IPv4 multicasts sent")                                      \
	X(IpExtInBcastPkts, packets, "IPv4 broadcasts received")                                   \
	X(IpExtOutBcastPkts, packets, "IPv4 broadcasts sent")                                      \
	X(IpExtInNoRoutes, packets, "no route to forward")                                         \
	X(IpExtInTruncatedPkts, packets, "shorter than they say")                                  \
	X(IpExtInECT1Pkts, packets, "received with ECT(1)")                                        \
	X(IpExtInECT0Pkts, packets, "received with ECT(0)")                                        \
	X(IpExtInCEPkts, packets, "received with CE")                                              \
	X(Ip6InReceives, packets, "IPv6 packets received")                                         \
	X(Ip6InHdrErrors, packets, "dropped for their headers")                                    \
	X(Ip6InTooBigErrors, packets, "too big to forward")                                        \
	X(Ip6InNoRoutes, packets, "no route to forward")                                           \
	X(Ip6InAddrErrors, packets, "dropped for their addresses")                                 \
	X(Ip6InUnknownProtos, packets, "next header without a handler")                            \
	X(Ip6InTruncatedPkts, packets, "shorter than they say")                                    \
	X(Ip6InDiscards, packets, "dropped although correct")                                      \
	X(Ip6InDelivers, packets, "handed to a protocol")                                          \
	X(Ip6OutForwDatagrams, packets, "forwarded")                                               \
	X(Ip6OutRequests, packets, "handed down by protocols")                                     \
	X(Ip6OutDiscards, packets, "outbound, dropped although correct")                           \
	X(Ip6OutNoRoutes, packets, "outbound without a route")                                     \
	X(Ip6ReasmTimeout, packets, "reassemblies timed out")                                      \
	X(Ip6ReasmReqds, fragments, "fragments received")                                          \
	X(Ip6ReasmOKs, packets, "packets reassembled")                                             \
	X(Ip6ReasmFails, packets, "reassemblies failed")                                           \
	X(Ip6FragOKs, packets, "packets fragmented")                                               \
	X(Ip6FragFails, packets, "could not be fragmented")                                        \
	X(Ip6FragCreates, fragments, "fragments made")                                             \
	X(Ip6InMcastPkts, packets, "multicasts received")                                          \
	X(Ip6OutMcastPkts, packets, "multicasts sent")                                             \
	X(Ip6InOctets, bytes, "bytes received")                                                    \
	X(Ip6OutOctets, bytes, "bytes sent")                                                       \
	X(Ip6InECT1Pkts, packets, "received with ECT(1)")                                          \
	X(Ip6InECT0Pkts, packets, "received with ECT(0)")                                          \
	X(Ip6InCEPkts, packets, "received with CE")                                                \
	X(Ip6DadConflicts, addresses, "addresses that somebody else had already")                  \
	X(Icmp6InMsgs, messages, "ICMPv6 messages received")                                       \
	X(Icmp6InErrors, messages, "of those malformed")                                           \
	X(Icmp6OutMsgs, messages, "ICMPv6 messages sent")                                          \
	X(Icmp6OutErrors, messages, "could not be sent")                                           \
	X(Icmp6InCsumErrors, messages, "received with a wrong checksum")                           \
	X(Icmp6OutRateLimitHost, messages, "errors withheld by the per-destination rate")          \
	X(Icmp6OutRateLimitGlobal, messages, "errors withheld by the global rate")                 \
	X(Icmp6InDestUnreachs, messages, "destination unreachable received")                       \
	X(Icmp6InPktTooBigs, messages, "packet too big received")                                  \
	X(Icmp6InTimeExcds, messages, "time exceeded received")                                    \
	X(Icmp6InParmProblems, messages, "parameter problem received")                             \
	X(Icmp6InEchos, messages, "echo requests received")                                        \
	X(Icmp6InEchoReplies, messages, "echo replies received")                                   \
	X(Icmp6InGroupMembQueries, messages, "listener queries received")                          \
	X(Icmp6InRouterSolicits, messages, "router solicitations received")                        \
	X(Icmp6InRouterAdvertisements, messages, "router advertisements received")                 \
	X(Icmp6InNeighborSolicits, messages, "neighbour solicitations received")                   \
	X(Icmp6InNeighborAdvertisements, messages, "neighbour advertisements received")            \
	X(Icmp6InRedirects, messages, "redirects received")                                        \
	X(Icmp6OutDestUnreachs, messages, "destination unreachable sent")                          \
	X(Icmp6OutPktTooBigs, messages, "packet too big sent")                                     \
	X(Icmp6OutTimeExcds, messages, "time exceeded sent")                                       \
	X(Icmp6OutParmProblems, messages, "parameter problem sent")                                \
	X(Icmp6OutEchos, messages, "echo requests sent")                                           \
	X(Icmp6OutEchoReplies, messages, "echo replies sent")                                      \
	X(Icmp6OutGroupMembResponses, messages, "MLDv1 reports sent")                              \
	X(Icmp6OutRouterSolicits, messages, "router solicitations sent")                           \
	X(Icmp6OutNeighborSolicits, messages, "neighbour solicitations sent")                      \
	X(Icmp6OutNeighborAdvertisements, messages, "neighbour advertisements sent")               \
	X(Icmp6OutMLDv2Reports, messages, "MLDv2 reports sent")                                    \
	X(Udp6InDatagrams, datagrams, "datagrams delivered")                                       \
	X(Udp6NoPorts, datagrams, "nobody listens there")                                          \
	X(Udp6InErrors, datagrams, "could not be delivered")                                       \
	X(Udp6OutDatagrams, datagrams, "datagrams sent")                                           \
	X(Udp6RcvbufErrors, datagrams, "receive buffer full")                                      \
	X(Udp6SndbufErrors, datagrams, "send buffer full")                                         \
	X(Udp6InCsumErrors, datagrams, "wrong checksum or none")                                   \
	X(Udp6IgnoredMulti, datagrams, "to a group, and nobody listens")                           \
	/* ours: the balance of frames and the copies of bytes */                                  \
	X(SkbAllocs, skbs, "skbs taken from the pools")                                            \
	X(SkbFrees, skbs, "skbs given back to the pools")                                          \
	X(CopyInBytes, bytes, "payload bytes copied on the way to the application")                \
	X(CopyOutBytes, bytes, "payload bytes copied on the way to the device")                    \
	X(CsumSoftBytes, bytes, "payload bytes summed by the CPU")

/* What SNMP has no name for, of the way of a frame: further terms of the balance (core/stage.h), which nstat does not show. */
#define NET_FLOWS(X)                                                                               \
	X(LinkMerged, frames, "frames that GRO merged into others")                                \
	X(LinkDropped, frames, "died at the link: header, address, EtherType")                     \
	X(ArpIn, messages, "ARP messages received")                                                \
	X(ArpOut, messages, "ARP messages sent")                                                   \
	X(IpMovedIn, packets, "whole IPv4 datagrams from another CPU")                             \
	X(IpMovedOut, packets, "whole IPv4 datagrams to another CPU")                              \
	X(Ip6MovedIn, packets, "whole IPv6 packets from another CPU")                              \
	X(Ip6MovedOut, packets, "whole IPv6 packets to another CPU")                               \
	X(InetMovedIn, packets, "segments, datagrams and messages from another CPU")               \
	X(InetMovedOut, packets, "segments, datagrams and messages to another CPU")                \
	X(FragsJoined, fragments, "fragments that became part of a whole")                         \
	X(UdpInCopies, datagrams, "copies of datagrams to groups, for further sockets")            \
	X(IcmpInOthers, messages, "ICMP messages of a type without a counter")                     \
	X(IcmpInTypedErrors, messages, "found malformed after their type was counted")             \
	X(Icmp6InOthers, messages, "ICMPv6 messages of a type without a counter")                  \
	X(Icmp6InTypedErrors, messages, "found malformed after their type was counted")            \
	X(OutDropped, frames, "died between IP and the queueing discipline")                       \
	X(OutMovedIn, frames, "frames from another CPU, for a queue of this one")                  \
	X(OutMovedOut, frames, "frames to another CPU, for a queue of that one")                   \
	X(OutSegments, frames, "frames that segmentation in software added")                       \
	X(QdiscAdded, frames, "twins that a discipline made")                                      \
	/* read elsewhere when the terms are summed (net_balance_add) */                           \
	X(Frames, frames, "frames taken in")                                                       \
	X(FragsWaiting, fragments, "fragments in unfinished reassemblies")                         \
	X(FragsDropped, fragments, "fragments that died")                                          \
	X(OutParked, packets, "packets that wait for a neighbour's link address")                  \
	X(OutPassed, frames, "frames that found their discipline empty and passed by")             \
	X(OutEnqueued, frames, "frames given to disciplines")                                      \
	X(QdiscTaken, frames, "frames taken from disciplines")                                     \
	X(QdiscWaiting, frames, "frames in disciplines")                                           \
	X(QdiscDropped, frames, "frames that disciplines refused")                                 \
	X(RxRingTaken, frames, "frames that drivers found in their rx rings")                      \
	X(RxRingReceived, frames, "of those: given to the stack")                                  \
	X(RxRingDropped, frames, "of those: damaged, or met no buffer")                            \
	X(TxRingGiven, frames, "frames given to devices with rings")                               \
	X(TxRingSent, frames, "of those: the device is done with them")                            \
	X(TxRingWaiting, frames, "frames in tx rings")                                             \
	X(TxRingDropped, frames, "frames that drivers refused, or lost with a reset")              \
	X(TcpInOrder, bytes, "bytes that connections received in order")                           \
	X(TcpRead, bytes, "of those: taken by the application")                                    \
	X(TcpUnread, bytes, "bytes in receive queues")                                             \
	X(TcpGiven, bytes, "bytes that the application gave to connections")                       \
	X(TcpAcked, bytes, "of those: acknowledged")                                               \
	X(TcpUnacked, bytes, "sent, and not acknowledged")                                         \
	X(TcpUnsent, bytes, "not sent")

enum net_stat {
#define X(name, unit, help) STAT_##name,
	NET_STATS(X)
#undef X
	STAT_MAX,
	FLOW_BEFORE_FIRST = STAT_MAX - 1,
#define X(name, unit, help) FLOW_##name,
	NET_FLOWS(X)
#undef X
	FLOW_MAX
};

#define STAT(cpu, name)         ((cpu)->stats[STAT_##name]++)
#define STAT_ADD(cpu, name, n)  ((cpu)->stats[STAT_##name] += (u64)(n))

#define FLOW(cpu, name)         ((cpu)->stats[FLOW_##name]++)
#define FLOW_ADD(cpu, name, n)  ((cpu)->stats[FLOW_##name] += (u64)(n))

const char *stat_name(enum net_stat s);
const char *stat_help(enum net_stat s);
/* What it counts: packets, segments, bytes, connections, events ... */
const char *stat_unit(enum net_stat s);
