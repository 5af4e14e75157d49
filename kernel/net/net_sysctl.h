/* SPDX-License-Identifier: MIT
 * net_sysctl.h - every tunable of the stack: one row each. Each CPU reads its own copy (net_cpu.sysctl).
 *
 * X(field, "linux.name", component, default, min, max, "unit", "help"): a name of several components
 * (tcp_rmem) has one row per component.
 */
#pragma once

#include "lib/types.h"

#define NET_SYSCTLS(X)                                                                             \
	/* core */                                                                                 \
	X(dev_weight, "net.core.dev_weight", 0, 64, 1, 4096, "packets", "of one NAPI poll")        \
	X(netdev_budget, "net.core.netdev_budget", 0, 300, 1, 65536, "packets", "of one net_rx")   \
	X(netdev_budget_usecs, "net.core.netdev_budget_usecs", 0, 2000, 1, 1000000, "us", "of one net_rx") \
	X(netdev_max_backlog, "net.core.netdev_max_backlog", 0, 1000, 1, 65536, "packets",         \
	  "queued for a CPU by steering and loopback")                                             \
	X(default_qdisc, "net.core.default_qdisc", 0, 0, 0, 63, "qdisc", "of a device that is opened") \
	X(softirq_times, "net.core.softirq_times", 0, 0, 0, 1, "bool", "measure the time of each softirq row") \
	X(frame_ring, "net.core.frame_ring", 0, 0, 0, 512, "frames", "of each CPU kept for a crash dump (core/frames.h)") \
	X(busy_poll, "net.core.busy_poll", 0, 0, 0, 1000000, "us", "poll and epoll look at the devices before the CPU halts") \
	X(busy_read, "net.core.busy_read", 0, 0, 0, 1000000, "us", "the same for a socket that is read: SO_BUSY_POLL of new ones") \
	X(somaxconn, "net.core.somaxconn", 0, 4096, 1, 65535, "connections", "of an accept queue") \
	X(rmem_default, "net.core.rmem_default", 0, 212992, 2304, 16777216, "bytes", "socket receive buffer") \
	X(wmem_default, "net.core.wmem_default", 0, 212992, 4608, 16777216, "bytes", "socket send buffer") \
	X(rmem_max, "net.core.rmem_max", 0, 212992, 2304, 16777216, "bytes", "that SO_RCVBUF may ask for") \
	X(wmem_max, "net.core.wmem_max", 0, 212992, 4608, 16777216, "bytes", "that SO_SNDBUF may ask for") \
	X(file_max, "fs.file-max", 0, 65536, 16, 131072, "files", "open on one CPU")                \
	/* neighbours */                                                                           \
	X(neigh_base_reachable, "net.ipv4.neigh.default.base_reachable_time_ms", 0, 30000, 100, 3600000, "ms", \
	  "a confirmation lasts (times 0.5 to 1.5)")                                               \
	X(neigh_retrans, "net.ipv4.neigh.default.retrans_time_ms", 0, 1000, 10, 60000, "ms", "between probes") \
	X(neigh_delay_probe, "net.ipv4.neigh.default.delay_first_probe_time_ms", 0, 5000, 10, 60000, "ms", \
	  "in DELAY before a probe")                                                               \
	X(neigh_ucast_probes, "net.ipv4.neigh.default.ucast_solicit", 0, 3, 1, 100, "probes", "unicast") \
	X(neigh_mcast_probes, "net.ipv4.neigh.default.mcast_solicit", 0, 3, 1, 100, "probes", "broadcast") \
	X(neigh_gc_stale, "net.ipv4.neigh.default.gc_stale_time_ms", 0, 60000, 1000, 86400000, "ms", \
	  "unused before it may be evicted")                                                       \
	X(neigh_max, "net.ipv4.neigh.default.gc_thresh3", 0, 1024, 8, 65536, "entries", "of the table") \
	X(neigh_heard, "net.ipv4.neigh.default.gc_thresh2", 0, 512, 4, 65536, "entries", "of strangers who asked us") \
	X(neigh6_max, "net.ipv6.neigh.default.gc_thresh3", 0, 1024, 8, 65536, "entries", "of the table, IPv6's") \
	X(neigh6_heard, "net.ipv6.neigh.default.gc_thresh2", 0, 512, 4, 65536, "entries", "of strangers who solicited us") \
	/* IPv4 */                                                                                 \
	X(ip_forward, "net.ipv4.ip_forward", 0, 0, 0, 1, "bool", "act as a router (RFC 1122 3.1)") \
	X(ip_default_ttl, "net.ipv4.ip_default_ttl", 0, 64, 1, 255, "hops", "of what we send")     \
	X(ipfrag_high_thresh, "net.ipv4.ipfrag_high_thresh", 0, 4194304, 65536, 67108864, "bytes", \
	  "all reassembly may hold")                                                               \
	X(ipfrag_time, "net.ipv4.ipfrag_time", 0, 30, 1, 120, "s", "to wait for the rest of a datagram") \
	X(ipfrag_max_dist, "net.ipv4.ipfrag_max_per_source", 0, 64, 1, 4096, "datagrams", "in reassembly per source") \
	X(icmp_ratelimit, "net.ipv4.icmp_ratelimit", 0, 1000, 0, 60000, "ms", "per error per destination") \
	X(icmp_msgs_per_sec, "net.ipv4.icmp_msgs_per_sec", 0, 1000, 0, 1000000, "messages/s", "errors in all") \
	X(icmp_echo_ignore_all, "net.ipv4.icmp_echo_ignore_all", 0, 0, 0, 1, "bool", "answer no ping") \
	X(icmp_echo_ignore_broadcasts, "net.ipv4.icmp_echo_ignore_broadcasts", 0, 1, 0, 1, "bool", \
	  "answer no broadcast ping")                                                              \
	X(force_igmp_version, "net.ipv4.conf.all.force_igmp_version", 0, 0, 0, 3, "version", "spoken to routers; 0: theirs") \
	X(igmp_max_memberships, "net.ipv4.igmp_max_memberships", 0, 20, 1, 64, "groups", "of one socket") \
	X(rp_filter, "net.ipv4.conf.all.rp_filter", 0, 0, 0, 2, "mode", "reverse path filter: 0 off 1 strict 2 loose") \
	X(local_port_lo, "net.ipv4.ip_local_port_range", 0, 32768, 1, 65535, "port", "first ephemeral") \
	X(local_port_hi, "net.ipv4.ip_local_port_range", 1, 60999, 1, 65535, "port", "last ephemeral") \
	/* IPv6 */                                                                                 \
	X(ip6_forwarding, "net.ipv6.conf.all.forwarding", 0, 0, 0, 1, "bool", "act as a router")    \
	X(ip6_accept_ra, "net.ipv6.conf.all.accept_ra", 0, 1, 0, 2, "mode", "believe routers: 1 unless we are one, 2 always") \
	X(ip6_accept_ra_min_hop_limit, "net.ipv6.conf.all.accept_ra_min_hop_limit", 0, 32, 0, 255, "hops", \
	  "a smaller hop limit is not taken from a router")                                        \
	X(ip6_hop_limit, "net.ipv6.conf.all.hop_limit", 0, 64, 1, 255, "hops", "of what we send, unless a router said") \
	X(ip6_dad_transmits, "net.ipv6.conf.all.dad_transmits", 0, 1, 0, 10, "probes", "before an address is used") \
	X(ip6_optimistic_dad, "net.ipv6.conf.all.optimistic_dad", 0, 0, 0, 1, "bool", "use formed addresses meanwhile (RFC 4429)") \
	X(ip6_use_optimistic, "net.ipv6.conf.all.use_optimistic", 0, 0, 0, 1, "bool", "as gladly as others") \
	X(ip6_addr_gen_mode, "net.ipv6.conf.all.addr_gen_mode", 0, 2, 0, 2, "mode", \
	  "identifiers: 0 EUI-64, 1 and 2 stable and private (RFC 7217)")                          \
	X(ip6_flowlabels, "net.ipv6.auto_flowlabels", 0, 1, 0, 1, "bool", "RFC 6437")              \
	X(ip6frag_time, "net.ipv6.ip6frag_time", 0, 60, 1, 120, "s", "to wait for the rest of a packet") \
	X(icmp6_ratelimit, "net.ipv6.icmp.ratelimit", 0, 1000, 0, 60000, "ms", "per error per destination") \
	X(icmp6_echo_ignore_all, "net.ipv6.icmp.echo_ignore_all", 0, 0, 0, 1, "bool", "answer no ping") \
	X(icmp6_echo_ignore_multicast, "net.ipv6.icmp.echo_ignore_multicast", 0, 0, 0, 1, "bool", \
	  "answer no multicast ping")                                                              \
	/* connection tracking */                                                                  \
	X(ct_max, "net.netfilter.nf_conntrack_max", 0, 65536, 1, 4194304, "connections", "tracked on one CPU") \
	X(ct_generic, "net.netfilter.nf_conntrack_generic_timeout", 0, 600, 1, 2147483, "s", "of other protocols") \
	X(ct_icmp, "net.netfilter.nf_conntrack_icmp_timeout", 0, 30, 1, 2147483, "s", "of an echo")   \
	X(ct_udp, "net.netfilter.nf_conntrack_udp_timeout", 0, 30, 1, 2147483, "s", "of a datagram and its answer") \
	X(ct_udp_stream, "net.netfilter.nf_conntrack_udp_timeout_stream", 0, 120, 1, 2147483, "s", "of a UDP stream") \
	X(ct_tcp_syn_sent, "net.netfilter.nf_conntrack_tcp_timeout_syn_sent", 0, 120, 1, 2147483, "s", "in SYN_SENT") \
	X(ct_tcp_syn_recv, "net.netfilter.nf_conntrack_tcp_timeout_syn_recv", 0, 60, 1, 2147483, "s", "in SYN_RECV") \
	X(ct_tcp_established, "net.netfilter.nf_conntrack_tcp_timeout_established", 0, 432000, 1, 2147483, "s", \
	  "in ESTABLISHED")                                                                        \
	X(ct_tcp_unacknowledged, "net.netfilter.nf_conntrack_tcp_timeout_unacknowledged", 0, 300, 1, 2147483, "s", \
	  "in ESTABLISHED, when one side alone was heard")                                         \
	X(ct_tcp_fin_wait, "net.netfilter.nf_conntrack_tcp_timeout_fin_wait", 0, 120, 1, 2147483, "s", "in FIN_WAIT") \
	X(ct_tcp_close_wait, "net.netfilter.nf_conntrack_tcp_timeout_close_wait", 0, 60, 1, 2147483, "s", \
	  "in CLOSE_WAIT")                                                                         \
	X(ct_tcp_last_ack, "net.netfilter.nf_conntrack_tcp_timeout_last_ack", 0, 30, 1, 2147483, "s", "in LAST_ACK") \
	X(ct_tcp_time_wait, "net.netfilter.nf_conntrack_tcp_timeout_time_wait", 0, 120, 1, 2147483, "s", \
	  "in TIME_WAIT")                                                                          \
	X(ct_tcp_close, "net.netfilter.nf_conntrack_tcp_timeout_close", 0, 10, 1, 2147483, "s", "after a reset") \
	/* UDP */                                                                                  \
	X(udp_rmem_min, "net.ipv4.udp_rmem_min", 0, 4096, 0, 16777216, "bytes", "receive buffer kept under pressure") \
	/* TCP */                                                                                  \
	X(tcp_rmem_min, "net.ipv4.tcp_rmem", 0, 4096, 2048, 16777216, "bytes", "receive buffer: least") \
	X(tcp_rmem_def, "net.ipv4.tcp_rmem", 1, 131072, 2048, 16777216, "bytes", "receive buffer: default") \
	X(tcp_rmem_max, "net.ipv4.tcp_rmem", 2, 6291456, 2048, 67108864, "bytes", "receive buffer: autotuned to at most") \
	X(tcp_wmem_min, "net.ipv4.tcp_wmem", 0, 4096, 2048, 16777216, "bytes", "send buffer: least") \
	X(tcp_wmem_def, "net.ipv4.tcp_wmem", 1, 16384, 2048, 16777216, "bytes", "send buffer: default") \
	X(tcp_wmem_max, "net.ipv4.tcp_wmem", 2, 4194304, 2048, 67108864, "bytes", "send buffer: autotuned to at most") \
	X(tcp_moderate_rcvbuf, "net.ipv4.tcp_moderate_rcvbuf", 0, 1, 0, 1, "bool", "autotune the receive buffer") \
	X(tcp_window_scaling, "net.ipv4.tcp_window_scaling", 0, 1, 0, 1, "bool", "RFC 7323")       \
	X(tcp_timestamps, "net.ipv4.tcp_timestamps", 0, 1, 0, 2, "mode", "RFC 7323: 1 random offset per connection, 2 none") \
	X(tcp_sack, "net.ipv4.tcp_sack", 0, 1, 0, 1, "bool", "RFC 2018")                           \
	X(tcp_dsack, "net.ipv4.tcp_dsack", 0, 1, 0, 1, "bool", "RFC 2883")                         \
	X(tcp_ecn, "net.ipv4.tcp_ecn", 0, 2, 0, 2, "mode", "RFC 3168: 0 off, 1 ask, 2 only when asked") \
	X(tcp_base_mss, "net.ipv4.tcp_base_mss", 0, 1024, 48, 65535, "bytes", "where MTU probing starts") \
	X(tcp_min_snd_mss, "net.ipv4.tcp_min_snd_mss", 0, 48, 40, 65535, "bytes", "never segment below") \
	X(tcp_mtu_probing, "net.ipv4.tcp_mtu_probing", 0, 0, 0, 2, "mode", "RFC 4821: 1 on a black hole, 2 always") \
	X(tcp_probe_threshold, "net.ipv4.tcp_probe_threshold", 0, 8, 1, 65535, "bytes", "MTU probing ends that close")  \
	X(tcp_probe_interval, "net.ipv4.tcp_probe_interval", 0, 600, 1, 2147483, "s", "until MTU probing begins again") \
	X(tcp_mtu_probe_floor, "net.ipv4.tcp_mtu_probe_floor", 0, 48, 40, 65535, "bytes", "black holes shrink no segment below") \
	X(tcp_syn_retries, "net.ipv4.tcp_syn_retries", 0, 6, 1, 127, "times", "of an active SYN")  \
	X(tcp_synack_retries, "net.ipv4.tcp_synack_retries", 0, 5, 0, 255, "times", "of a SYN-ACK") \
	X(tcp_retries1, "net.ipv4.tcp_retries1", 0, 3, 0, 255, "times", "until IP is told (R1)")   \
	X(tcp_retries2, "net.ipv4.tcp_retries2", 0, 15, 0, 255, "times", "until the end (R2)")     \
	X(tcp_orphan_retries, "net.ipv4.tcp_orphan_retries", 0, 0, 0, 255, "times", "when nobody owns it; 0: 8") \
	X(tcp_rto_min_us, "net.ipv4.tcp_rto_min_us", 0, 200000, 1, 1000000, "us", "least RTO (as Linux; RFC 6298 says 1 s)") \
	X(tcp_delack_min, "net.ipv4.tcp_delack_min_us", 0, 40000, 1000, 500000, "us", "delayed ACK")  \
	X(tcp_keepalive_time, "net.ipv4.tcp_keepalive_time", 0, 7200, 1, 32767, "s", "idle before probes") \
	X(tcp_keepalive_intvl, "net.ipv4.tcp_keepalive_intvl", 0, 75, 1, 32767, "s", "between probes") \
	X(tcp_keepalive_probes, "net.ipv4.tcp_keepalive_probes", 0, 9, 1, 127, "times", "unanswered before the end") \
	X(tcp_fin_timeout, "net.ipv4.tcp_fin_timeout", 0, 60, 1, 3600, "s", "an orphan in FIN_WAIT_2") \
	X(tcp_timewait_len, "net.ipv4.tcp_timewait_len", 0, 60, 1, 600, "s", "TIME_WAIT (2 MSL)")  \
	X(tcp_max_tw_buckets, "net.ipv4.tcp_max_tw_buckets", 0, 131072, 16, 1048576, "connections", "in TIME_WAIT") \
	X(tcp_max_orphans, "net.ipv4.tcp_max_orphans", 0, 131072, 0, 1048576, "connections", "closed here and not yet over, of one CPU") \
	X(tcp_tw_reuse, "net.ipv4.tcp_tw_reuse", 0, 2, 0, 2, "mode", "reuse by timestamps: 1 always, 2 loopback") \
	X(tcp_rfc1337, "net.ipv4.tcp_rfc1337", 0, 1, 0, 1, "bool", "ignore RST in TIME_WAIT")      \
	X(tcp_max_syn_backlog, "net.ipv4.tcp_max_syn_backlog", 0, 1024, 4, 65536, "requests", "per listener") \
	X(tcp_syncookies, "net.ipv4.tcp_syncookies", 0, 1, 0, 2, "mode", "RFC 4987: 1 under pressure, 2 always") \
	X(tcp_fastopen, "net.ipv4.tcp_fastopen", 0, 1, 0, 0x7ffff, "bits", "RFC 7413: 1 client, 2 server, " \
	  "4 and 0x200 those without cookies, 0x400 every listener")                               \
	X(tcp_fastopen_key, "net.ipv4.tcp_fastopen_key", 0, 0, 0, 0, "key", "of cookies, random at first: eight hex digits, " \
	  "four times with dashes, a comma and the former key")                                    \
	X(tcp_fastopen_blackhole, "net.ipv4.tcp_fastopen_blackhole_timeout_sec", 0, 3600, 0, 86400, "s", \
	  "without fast opens after two in a row were lost; 0: go on")                             \
	X(tcp_accept_wait, "net.ipv4.tcp_accept_wait", 0, 1000, 0, 600000, "ms", "in an accept queue, by the pace of accept(), beyond which SYNs are refused and who hangs up is reset; 0: any") \
	X(tcp_abort_on_overflow, "net.ipv4.tcp_abort_on_overflow", 0, 0, 0, 1, "bool", "RST when the accept queue is full") \
	X(tcp_challenge_ack_limit, "net.ipv4.tcp_challenge_ack_limit", 0, 10, 1, 1000, "per second", \
	  "per connection, RFC 5961 7")                                                            \
	X(tcp_invalid_ratelimit, "net.ipv4.tcp_invalid_ratelimit", 0, 500, 0, 60000, "ms", "between duplicate ACKs for nonsense") \
	X(tcp_congestion, "net.ipv4.tcp_congestion_control", 0, 0, 0, 63, "algorithm", "of connections to come") \
	X(tcp_congestion_all, "net.ipv4.tcp_available_congestion_control", 0, 0, 0, 0, "algorithms", "that there are") \
	X(tcp_reordering, "net.ipv4.tcp_reordering", 0, 3, 1, 300, "segments", "initial dupthresh") \
	X(tcp_recovery, "net.ipv4.tcp_recovery", 0, 1, 0, 7, "bits", "1: RACK")                    \
	X(tcp_early_retrans, "net.ipv4.tcp_early_retrans", 0, 3, 0, 4, "mode", "3: tail loss probe") \
	X(tcp_frto, "net.ipv4.tcp_frto", 0, 2, 0, 2, "mode", "RFC 5682")                           \
	X(tcp_slow_start_after_idle, "net.ipv4.tcp_slow_start_after_idle", 0, 1, 0, 1, "bool", "RFC 5681 4.1") \
	X(tcp_no_metrics_save, "net.ipv4.tcp_no_metrics_save", 0, 1, 0, 1, "bool", "no per-route history is kept") \
	X(tcp_notsent_lowat, "net.ipv4.tcp_notsent_lowat", 0, 4294967295, 1, 4294967295, "bytes", "unsent before EPOLLOUT stops") \
	X(tcp_limit_output_bytes, "net.ipv4.tcp_limit_output_bytes", 0, 1048576, 2048, 16777216, "bytes", "of a flow below TCP") \
	X(tcp_min_tso_segs, "net.ipv4.tcp_min_tso_segs", 0, 2, 1, 65535, "segments", "of one GSO skb at least")   \
	X(tcp_tso_rtt_log, "net.ipv4.tcp_tso_rtt_log", 0, 9, 0, 31, "log2 us", "halves GSO skbs for each such part of the RTT") \
	X(tcp_pacing_ss_ratio, "net.ipv4.tcp_pacing_ss_ratio", 0, 200, 1, 1000, "%", "of cwnd per RTT in slow start")  \
	X(tcp_pacing_ca_ratio, "net.ipv4.tcp_pacing_ca_ratio", 0, 120, 1, 1000, "%", "of cwnd per RTT otherwise") \
	X(tcp_autocorking, "net.ipv4.tcp_autocorking", 0, 1, 0, 1, "bool", "coalesce small writes")   \
	X(tcp_mem_low, "net.ipv4.tcp_mem", 0, 6144, 16, 1048576, "pages", "pressure ends")       \
	X(tcp_mem_pressure, "net.ipv4.tcp_mem", 1, 8192, 16, 1048576, "pages", "pressure begins")  \
	X(tcp_mem_max, "net.ipv4.tcp_mem", 2, 12288, 16, 1048576, "pages", "all TCP buffers") \
	/* the built-in server */                                                                  \
	X(http_max_conns, "http.max_connections", 0, 32768, 8, 131072, "connections", "of one CPU")    \
	X(http_max_per_addr, "http.max_connections_per_address", 0, 16384, 1, 131072, "connections", \
	  "of one client address")                                                                 \
	X(http_line_max, "http.max_line", 0, 8192, 256, 65000, "bytes", "of a request line or a field line") \
	X(http_head_max, "http.max_head", 0, 32768, 512, 65000, "bytes", "of a request's head")     \
	X(http_fields_max, "http.max_fields", 0, 100, 4, 1000, "fields", "of a request's head")      \
	X(http_body_max, "http.max_body", 0, 1099511627776, 0, 4611686018427387904, "bytes", "of a request's body") \
	X(http_drain_max, "http.max_drain", 0, 1048576, 0, 1073741824, "bytes",                     \
	  "of a body nobody wants that are read to keep the connection")                           \
	X(http_head_timeout, "http.head_timeout_ms", 0, 10000, 10, 600000, "ms", "for a whole head")  \
	X(http_idle_timeout, "http.idle_timeout_ms", 0, 75000, 10, 86400000, "ms", "between requests") \
	X(http_body_timeout, "http.body_timeout_ms", 0, 10000, 10, 600000, "ms", "a body may be late at any moment") \
	X(http_body_rate, "http.body_min_rate", 0, 500, 0, 1073741824, "bytes/s", "of a request's body") \
	X(http_send_timeout, "http.send_timeout_ms", 0, 30000, 10, 600000, "ms", "without the client taking a byte") \
	X(http_send_rate, "http.send_min_rate", 0, 500, 0, 1073741824, "bytes/s", "a client must take") \
	X(http_linger_timeout, "http.linger_timeout_ms", 0, 5000, 10, 600000, "ms", \
	  "to read on after an early end, so that no reset overtakes the answer")                  \
	X(http_drain_timeout, "http.drain_timeout_ms", 0, 10000, 0, 600000, "ms", "for answers under way at a shutdown") \
	X(http_keepalive_max, "http.max_requests", 0, 0, 0, 1000000000, "requests", "of a connection, 0: any number") \
	X(http_cache_max_age, "http.cache_max_age", 0, 0, 0, 31536000, "s", "Cache-Control of files, 0: none") \
	X(http_access_log, "http.access_log", 0, 1, 0, 2, "mode", "0 off, 1 kept in a ring (GET /log), 2 on the console too")

struct net_sysctls {
#define X(field, name, comp, def, min, max, unit, help) s64 field;
	NET_SYSCTLS(X)
#undef X
};

struct net_sysctl_row {
	const char *name;
	unsigned component; /* of a name with several values */
	size_t offset;      /* of the s64 in struct net_sysctls */
	s64 def, min, max;
	const char *unit, *help;
};
/* What a row of unit "algorithm" chooses from, NULL-terminated; "algorithms" shows all of it. In tcp/cong.c. */
extern const char *const tcp_cong_names[];
/* The i-th row in the order of this file; NULL past the last. */
const struct net_sysctl_row *net_sysctl_row(unsigned i);
void net_sysctl_defaults(struct net_sysctls *s);

struct net;
/* Sets a tunable by its Linux name on every CPU; several components stand with blanks between them ("4096 131072 6291456").
 * 0; -ENOENT: no such name; -EINVAL: not a number, or not as many as there are; -ERANGE: outside min..max. Nothing is
 * changed on error. */
int net_sysctl_set(struct net *net, const char *name, const char *value);
/* Why it was refused, with the range of what is allowed, for people. Returns the length. */
int net_sysctl_why(const char *name, int err, char *buf, size_t size);
/* The next "name = value" of a file as sysctl.conf(5) has it, blanks, empty lines and comments left out; *at advances, false
 * at the end. A line without '=' gives an empty value. */
bool net_sysctl_line(char **at, char *key, size_t key_size, char *value, size_t value_size);
/* Its value as text; the length, or -ENOENT. */
int net_sysctl_get(const struct net *net, const char *name, char *buf, size_t size);
