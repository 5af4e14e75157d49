/* SPDX-License-Identifier: MIT
 * stats.h - SNMP counters with the names nstat prints, one copy per CPU; STAT(cpu, TcpInSegs) counts one.
 *
 * X(name, "help"). Order is the order of output. Gauges (TcpCurrEstab) are stored as differences: the sum over
 * CPUs is the value.
 */
#pragma once

#include "lib/types.h"

#define NET_STATS(X)                                                                               \
	X(IpInReceives, "IPv4 datagrams received")                                                 \
	X(IpInHdrErrors, "dropped for their header")                                               \
	X(IpInAddrErrors, "dropped for their destination")                                         \
	X(IpForwDatagrams, "forwarded")                                                            \
	X(IpInUnknownProtos, "protocol without a handler")                                         \
	X(IpInDiscards, "dropped although correct")                                                \
	X(IpInDelivers, "handed to a protocol")                                                    \
	X(IpOutRequests, "handed down by protocols")                                               \
	X(IpOutDiscards, "outbound, dropped although correct")                                     \
	X(IpOutNoRoutes, "outbound without a route")                                               \
	X(IpReasmTimeout, "reassemblies timed out")                                                \
	X(IpReasmReqds, "fragments received")                                                      \
	X(IpReasmOKs, "datagrams reassembled")                                                     \
	X(IpReasmFails, "reassemblies failed")                                                     \
	X(IpFragOKs, "datagrams fragmented")                                                       \
	X(IpFragFails, "could not be fragmented (DF)")                                             \
	X(IpFragCreates, "fragments made")                                                         \
	X(IcmpInMsgs, "ICMP messages received")                                                    \
	X(IcmpInErrors, "of those malformed")                                                      \
	X(IcmpInCsumErrors, "of those with a wrong checksum")                                      \
	X(IcmpInDestUnreachs, "destination unreachable received")                                  \
	X(IcmpInTimeExcds, "time exceeded received")                                               \
	X(IcmpInParmProbs, "parameter problem received")                                           \
	X(IcmpInSrcQuenchs, "source quench received")                                              \
	X(IcmpInRedirects, "redirects received")                                                   \
	X(IcmpInEchos, "echo requests received")                                                   \
	X(IcmpInEchoReps, "echo replies received")                                                 \
	X(IcmpInTimestamps, "timestamp requests received")                                         \
	X(IcmpOutMsgs, "ICMP messages sent")                                                       \
	X(IcmpOutErrors, "could not be sent")                                                      \
	X(IcmpOutRateLimitHost, "errors withheld by the per-destination rate")                     \
	X(IcmpOutRateLimitGlobal, "errors withheld by the global rate")                            \
	X(IcmpOutDestUnreachs, "destination unreachable sent")                                     \
	X(IcmpOutTimeExcds, "time exceeded sent")                                                  \
	X(IcmpOutParmProbs, "parameter problem sent")                                              \
	X(IcmpOutEchos, "echo requests sent")                                                      \
	X(IcmpOutEchoReps, "echo replies sent")                                                    \
	X(IcmpOutTimestampReps, "timestamp replies sent")                                          \
	X(IgmpInMsgs, "IGMP messages received")                                                    \
	X(IgmpInErrors, "of those malformed")                                                      \
	X(IgmpOutMsgs, "IGMP messages sent")                                                       \
	X(TcpActiveOpens, "connections opened from here")                                          \
	X(TcpPassiveOpens, "connections accepted")                                                 \
	X(TcpAttemptFails, "attempts that failed")                                                 \
	X(TcpEstabResets, "established connections reset")                                         \
	X(TcpCurrEstab, "established now")                                                         \
	X(TcpInSegs, "segments received")                                                          \
	X(TcpOutSegs, "segments sent, retransmissions not counted")                                \
	X(TcpRetransSegs, "segments retransmitted")                                                \
	X(TcpInErrs, "segments received malformed")                                                \
	X(TcpOutRsts, "segments sent with RST")                                                    \
	X(TcpInCsumErrors, "segments with a wrong checksum")                                       \
	X(UdpInDatagrams, "datagrams delivered")                                                   \
	X(UdpNoPorts, "nobody listens there")                                                      \
	X(UdpInErrors, "could not be delivered")                                                   \
	X(UdpOutDatagrams, "datagrams sent")                                                       \
	X(UdpRcvbufErrors, "receive buffer full")                                                  \
	X(UdpSndbufErrors, "send buffer full")                                                     \
	X(UdpInCsumErrors, "wrong checksum")                                                       \
	X(UdpIgnoredMulti, "to a group or broadcast, and nobody listens")                          \
	X(TcpExtSyncookiesSent, "SYN cookies sent")                                                \
	X(TcpExtSyncookiesRecv, "SYN cookies that came back right")                                \
	X(TcpExtSyncookiesFailed, "SYN cookies that came back wrong")                              \
	X(TcpExtEmbryonicRsts, "RST for a connection in SYN_RECEIVED")                             \
	X(TcpExtTW, "ended by TIME_WAIT's timer")                                                  \
	X(TcpExtTWRecycled, "TIME_WAIT reused by timestamps")                                      \
	X(TcpExtTWKilled, "TIME_WAIT ended by RST")                                                \
	X(TcpExtTCPTimeWaitOverflow, "no room for TIME_WAIT")                                      \
	X(TcpExtPAWSActive, "active opens refused by PAWS")                                        \
	X(TcpExtPAWSEstab, "segments refused by PAWS")                                             \
	X(TcpExtDelayedACKs, "delayed ACKs sent")                                                  \
	X(TcpExtDelayedACKLost, "delayed ACKs known lost: the peer retransmitted")                 \
	X(TcpExtListenOverflows, "accept queue full")                                              \
	X(TcpExtTCPDeferAcceptDrop, "handshakes that wait for text")                               \
	X(TcpExtListenDrops, "SYNs dropped by a listener")                                         \
	X(TcpExtTCPHPHits, "data segments taken by header prediction")                             \
	X(TcpExtTCPHPAcks, "ACKs taken by header prediction")                                      \
	X(TcpExtTCPPureAcks, "ACKs without data, slow path")                                       \
	X(TcpExtTCPRenoRecovery, "fast recoveries without SACK")                                   \
	X(TcpExtTCPSackRecovery, "fast recoveries with SACK")                                      \
	X(TcpExtTCPSACKReneging, "peer discarded SACKed data")                                     \
	X(TcpExtTCPSACKDiscard, "SACK blocks refused")                                             \
	X(TcpExtTCPSACKReorder, "reordering seen by SACK")                                         \
	X(TcpExtTCPTSReorder, "reordering seen by timestamps")                                     \
	X(TcpExtTCPFullUndo, "recovery undone completely")                                         \
	X(TcpExtTCPPartialUndo, "recovery undone in part")                                         \
	X(TcpExtTCPDSACKUndo, "recovery undone by D-SACK")                                         \
	X(TcpExtTCPLossUndo, "RTO recovery undone")                                                \
	X(TcpExtTCPLostRetransmit, "retransmissions lost again")                                   \
	X(TcpExtTCPRenoFailures, "losses in Reno recovery")                                        \
	X(TcpExtTCPSackFailures, "losses in SACK recovery")                                        \
	X(TcpExtTCPLossFailures, "losses in RTO recovery")                                         \
	X(TcpExtTCPFastRetrans, "fast retransmissions")                                            \
	X(TcpExtTCPSlowStartRetrans, "retransmissions in slow start")                              \
	X(TcpExtTCPTimeouts, "retransmission timeouts")                                            \
	X(TcpExtTCPLossProbes, "tail loss probes")                                                 \
	X(TcpExtTCPLossProbeRecovery, "losses repaired by a probe")                                \
	X(TcpExtTCPSpuriousRTOs, "timeouts that F-RTO found spurious")                             \
	X(TcpExtTCPDSACKOldSent, "D-SACKs sent for old data")                                      \
	X(TcpExtTCPDSACKOfoSent, "D-SACKs sent for out-of-order data")                             \
	X(TcpExtTCPDSACKRecv, "D-SACKs received")                                                  \
	X(TcpExtTCPDSACKOfoRecv, "D-SACKs received for out-of-order data")                         \
	X(TcpExtTCPAbortOnData, "data came after close, or closed without lingering")              \
	X(TcpExtTCPAbortOnClose, "closed with data unread")                                        \
	X(TcpExtTCPAbortOnMemory, "aborted for memory")                                            \
	X(TcpExtTCPAbortOnTimeout, "aborted by a timer")                                           \
	X(TcpExtTCPAbortOnLinger, "aborted by linger")                                             \
	X(TcpExtTCPAbortFailed, "no RST could be sent")                                            \
	X(TcpExtTCPMemoryPressures, "entries into memory pressure")                                \
	X(TcpExtTCPBacklogDrop, "dropped from a full backlog")                                     \
	X(TcpExtTCPRcvCollapsed, "skbs collapsed in the receive queue")                            \
	X(TcpExtTCPRcvCoalesce, "segments coalesced in the receive queue")                         \
	X(TcpExtTCPOFOQueue, "segments queued out of order")                                       \
	X(TcpExtTCPOFODrop, "out-of-order segments dropped")                                       \
	X(TcpExtTCPOFOMerge, "out-of-order segments merged")                                       \
	X(TcpExtOfoPruned, "out-of-order queues pruned")                                           \
	X(TcpExtTCPChallengeACK, "challenge ACKs sent")                                            \
	X(TcpExtTCPSYNChallenge, "challenge ACKs for a SYN")                                       \
	X(TcpExtTCPACKSkippedSynRecv, "ACKs withheld in SYN_RECEIVED")                             \
	X(TcpExtTCPACKSkippedPAWS, "ACKs withheld after PAWS")                                     \
	X(TcpExtTCPACKSkippedSeq, "ACKs withheld for sequence numbers")                            \
	X(TcpExtTCPACKSkippedChallenge, "challenge ACKs withheld")                                 \
	X(TcpExtTCPWinProbe, "zero-window probes sent")                                            \
	X(TcpExtTCPKeepAlive, "keepalive probes sent")                                             \
	X(TcpExtTCPMTUPFail, "MTU probes failed")                                                  \
	X(TcpExtTCPMTUPSuccess, "MTU probes succeeded")                                            \
	X(TcpExtTCPFromZeroWindowAdv, "our window opened")                                         \
	X(TcpExtTCPToZeroWindowAdv, "our window closed")                                           \
	X(TcpExtTCPWantZeroWindowAdv, "our window would have closed")                              \
	X(TcpExtTCPSynRetrans, "SYN and SYN-ACK retransmitted")                                    \
	X(TcpExtTCPOrigDataSent, "data segments sent, retransmissions not counted")                \
	X(TcpExtTCPHystartTrainDetect, "HyStart: by ACK train")                                    \
	X(TcpExtTCPHystartDelayDetect, "HyStart: by delay")                                        \
	X(TcpExtTCPDelivered, "segments delivered")                                                \
	X(TcpExtTCPDeliveredCE, "segments delivered with congestion experienced")                  \
	X(TcpExtTCPAutoCorking, "sends corked by themselves")                                      \
	X(TcpExtTCPFastOpenActive, "fast opens from here that succeeded")                          \
	X(TcpExtTCPFastOpenActiveFail, "fast opens from here that failed")                         \
	X(TcpExtTCPFastOpenPassive, "fast opens accepted")                                         \
	X(TcpExtTCPFastOpenPassiveFail, "fast opens refused")                                      \
	X(TcpExtTCPFastOpenListenOverflow, "fast opens beyond TCP_FASTOPEN of the listener")       \
	X(TcpExtTCPFastOpenCookieReqd, "fast open cookies asked for")                              \
	X(TcpExtTCPFastOpenBlackhole, "fast opens not tried or given up: a black hole")            \
	X(TcpExtTCPFastOpenPassiveAltKey, "fast opens accepted by the former key")                 \
	X(TcpExtTCPReqQFullDoCookies, "SYN queue full: cookies")                                   \
	X(TcpExtTCPReqQFullDrop, "SYN queue full: dropped")                                        \
	X(TcpExtBusyPollRxPackets, "frames that busy polling found")                               \
	X(IpExtInOctets, "IPv4 bytes received")                                                    \
	X(IpExtOutOctets, "IPv4 bytes sent")                                                       \
	X(IpExtInMcastPkts, "IPv4 multicasts received")                                            \
	X(IpExtOutMcastPkts, "IPv4 multicasts sent")                                               \
	X(IpExtInBcastPkts, "IPv4 broadcasts received")                                            \
	X(IpExtOutBcastPkts, "IPv4 broadcasts sent")                                               \
	X(IpExtInNoRoutes, "no route to forward")                                                  \
	X(IpExtInTruncatedPkts, "shorter than they say")                                           \
	X(IpExtInECT1Pkts, "received with ECT(1)")                                                 \
	X(IpExtInECT0Pkts, "received with ECT(0)")                                                 \
	X(IpExtInCEPkts, "received with CE")                                                       \
	X(Ip6InReceives, "IPv6 packets received")                                                  \
	X(Ip6InHdrErrors, "dropped for their headers")                                             \
	X(Ip6InTooBigErrors, "too big to forward")                                                 \
	X(Ip6InNoRoutes, "no route to forward")                                                    \
	X(Ip6InAddrErrors, "dropped for their addresses")                                          \
	X(Ip6InUnknownProtos, "next header without a handler")                                     \
	X(Ip6InTruncatedPkts, "shorter than they say")                                             \
	X(Ip6InDiscards, "dropped although correct")                                               \
	X(Ip6InDelivers, "handed to a protocol")                                                   \
	X(Ip6OutForwDatagrams, "forwarded")                                                        \
	X(Ip6OutRequests, "handed down by protocols")                                              \
	X(Ip6OutDiscards, "outbound, dropped although correct")                                    \
	X(Ip6OutNoRoutes, "outbound without a route")                                              \
	X(Ip6ReasmTimeout, "reassemblies timed out")                                               \
	X(Ip6ReasmReqds, "fragments received")                                                     \
	X(Ip6ReasmOKs, "packets reassembled")                                                      \
	X(Ip6ReasmFails, "reassemblies failed")                                                    \
	X(Ip6FragOKs, "packets fragmented")                                                        \
	X(Ip6FragFails, "could not be fragmented")                                                 \
	X(Ip6FragCreates, "fragments made")                                                        \
	X(Ip6InMcastPkts, "multicasts received")                                                   \
	X(Ip6OutMcastPkts, "multicasts sent")                                                      \
	X(Ip6InOctets, "bytes received")                                                           \
	X(Ip6OutOctets, "bytes sent")                                                              \
	X(Ip6InECT1Pkts, "received with ECT(1)")                                                   \
	X(Ip6InECT0Pkts, "received with ECT(0)")                                                   \
	X(Ip6InCEPkts, "received with CE")                                                         \
	X(Ip6DadConflicts, "addresses that somebody else had already")                             \
	X(Icmp6InMsgs, "ICMPv6 messages received")                                                 \
	X(Icmp6InErrors, "of those malformed")                                                     \
	X(Icmp6OutMsgs, "ICMPv6 messages sent")                                                    \
	X(Icmp6OutErrors, "could not be sent")                                                     \
	X(Icmp6InCsumErrors, "received with a wrong checksum")                                     \
	X(Icmp6OutRateLimitHost, "errors withheld by the per-destination rate")                    \
	X(Icmp6OutRateLimitGlobal, "errors withheld by the global rate")                           \
	X(Icmp6InDestUnreachs, "destination unreachable received")                                 \
	X(Icmp6InPktTooBigs, "packet too big received")                                            \
	X(Icmp6InTimeExcds, "time exceeded received")                                              \
	X(Icmp6InParmProblems, "parameter problem received")                                       \
	X(Icmp6InEchos, "echo requests received")                                                  \
	X(Icmp6InEchoReplies, "echo replies received")                                             \
	X(Icmp6InGroupMembQueries, "listener queries received")                                    \
	X(Icmp6InRouterSolicits, "router solicitations received")                                  \
	X(Icmp6InRouterAdvertisements, "router advertisements received")                           \
	X(Icmp6InNeighborSolicits, "neighbour solicitations received")                             \
	X(Icmp6InNeighborAdvertisements, "neighbour advertisements received")                      \
	X(Icmp6InRedirects, "redirects received")                                                  \
	X(Icmp6OutDestUnreachs, "destination unreachable sent")                                    \
	X(Icmp6OutPktTooBigs, "packet too big sent")                                               \
	X(Icmp6OutTimeExcds, "time exceeded sent")                                                 \
	X(Icmp6OutParmProblems, "parameter problem sent")                                          \
	X(Icmp6OutEchos, "echo requests sent")                                                     \
	X(Icmp6OutEchoReplies, "echo replies sent")                                                \
	X(Icmp6OutGroupMembResponses, "MLDv1 reports sent")                                        \
	X(Icmp6OutRouterSolicits, "router solicitations sent")                                     \
	X(Icmp6OutNeighborSolicits, "neighbour solicitations sent")                                \
	X(Icmp6OutNeighborAdvertisements, "neighbour advertisements sent")                         \
	X(Icmp6OutMLDv2Reports, "MLDv2 reports sent")                                              \
	X(Udp6InDatagrams, "datagrams delivered")                                                  \
	X(Udp6NoPorts, "nobody listens there")                                                     \
	X(Udp6InErrors, "could not be delivered")                                                  \
	X(Udp6OutDatagrams, "datagrams sent")                                                      \
	X(Udp6RcvbufErrors, "receive buffer full")                                                 \
	X(Udp6SndbufErrors, "send buffer full")                                                    \
	X(Udp6InCsumErrors, "wrong checksum or none")                                              \
	X(Udp6IgnoredMulti, "to a group, and nobody listens")                                      \
	/* ours: the balance of frames and the copies of bytes */                                  \
	X(SkbAllocs, "skbs taken from the pools")                                                  \
	X(SkbFrees, "skbs given back to the pools")                                                \
	X(CopyInBytes, "payload bytes copied on the way to the application")                       \
	X(CopyOutBytes, "payload bytes copied on the way to the device")                           \
	X(CsumSoftBytes, "payload bytes summed by the CPU")

/* What SNMP has no name for, of the way of a frame: further terms of the balance (core/stage.h), which nstat does not show. */
#define NET_FLOWS(X)                                                                               \
	X(LinkMerged, "frames that GRO merged into others")                                        \
	X(LinkDropped, "died at the link: header, address, EtherType")                             \
	X(ArpIn, "ARP messages received")                                                          \
	X(ArpOut, "ARP messages sent")                                                             \
	X(IpMovedIn, "whole IPv4 datagrams from another CPU")                                      \
	X(IpMovedOut, "whole IPv4 datagrams to another CPU")                                       \
	X(Ip6MovedIn, "whole IPv6 packets from another CPU")                                       \
	X(Ip6MovedOut, "whole IPv6 packets to another CPU")                                        \
	X(InetMovedIn, "segments, datagrams and messages from another CPU")                        \
	X(InetMovedOut, "segments, datagrams and messages to another CPU")                         \
	X(FragsJoined, "fragments that became part of a whole")                                    \
	X(UdpInCopies, "copies of datagrams to groups, for further sockets")                       \
	X(IcmpInOthers, "ICMP messages of a type without a counter")                               \
	X(IcmpInTypedErrors, "found malformed after their type was counted")                       \
	X(Icmp6InOthers, "ICMPv6 messages of a type without a counter")                            \
	X(Icmp6InTypedErrors, "found malformed after their type was counted")                      \
	X(OutDropped, "died between IP and the queueing discipline")                               \
	X(OutMovedIn, "frames from another CPU, for a queue of this one")                          \
	X(OutMovedOut, "frames to another CPU, for a queue of that one")                           \
	X(OutSegments, "frames that segmentation in software added")                               \
	X(QdiscAdded, "twins that a discipline made")                                              \
	/* read elsewhere when the terms are summed (net_balance_add) */                           \
	X(Frames, "frames taken in")                                                               \
	X(FragsWaiting, "fragments in unfinished reassemblies")                                    \
	X(FragsDropped, "fragments that died")                                                     \
	X(OutParked, "packets that wait for a neighbour's link address")                           \
	X(OutPassed, "frames that found their discipline empty and passed by")                     \
	X(OutEnqueued, "frames given to disciplines")                                              \
	X(QdiscTaken, "frames taken from disciplines")                                             \
	X(QdiscWaiting, "frames in disciplines")                                                   \
	X(QdiscDropped, "frames that disciplines refused")                                         \
	X(RxRingTaken, "frames that drivers found in their rx rings")                              \
	X(RxRingReceived, "of those: given to the stack")                                          \
	X(RxRingDropped, "of those: damaged, or met no buffer")                                    \
	X(TxRingGiven, "frames given to devices with rings")                                       \
	X(TxRingSent, "of those: the device is done with them")                                    \
	X(TxRingWaiting, "frames in tx rings")                                                     \
	X(TxRingDropped, "frames that drivers refused, or lost with a reset")                      \
	X(TcpInOrder, "bytes that connections received in order")                                  \
	X(TcpRead, "of those: taken by the application")                                           \
	X(TcpUnread, "bytes in receive queues")                                                    \
	X(TcpGiven, "bytes that the application gave to connections")                              \
	X(TcpAcked, "of those: acknowledged")                                                      \
	X(TcpUnacked, "sent, and not acknowledged")                                                \
	X(TcpUnsent, "not sent")

enum net_stat {
#define X(name, help) STAT_##name,
	NET_STATS(X)
#undef X
	STAT_MAX,
	FLOW_BEFORE_FIRST = STAT_MAX - 1,
#define X(name, help) FLOW_##name,
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
