# SPDX-License-Identifier: MIT
"""The stack: skbs, sockets, neighbours, counters, drops."""
import gdb

from commands import (Problem, array_text, command, container, enum_names, ip_text, memory, net_cpus, number, text, type_of,
                      walk_chain, walk_list, walk_queue)

PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP"}
TCP_FLAGS = "FSRPAUEC"
# A TCP sock's state and a connection of a small kind, as ss prints them.
STATES = {1: "ESTAB", 2: "SYN-SENT", 3: "SYN-RECV", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT", 7: "UNCONN",
          8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING"}
CA_STATES = ["Open", "Disorder", "CWR", "Recovery", "Loss"]
NO_OFFSET = 0xffff


# ---------------------------------------------------------------- counters
def summed(field, n):
    cpus = net_cpus()
    return [sum(int(c[field][i]) for c in cpus) for i in range(n)]


@command("nstat", "[PATTERN]", "SNMP counters that are not zero, summed over the CPUs; those whose name has PATTERN in it.")
def k_nstat(words):
    names = enum_names("enum net_stat", "STAT_")
    values = summed("stats", len(names) - 1)
    for i, value in enumerate(values):
        if value and (not words or words[0].lower() in names[i].lower()):
            yield "%-32s %d" % (names[i], value - (1 << 64) if value >> 63 else value)


@command("drops", "", "Frames dropped, by reason.")
def k_drops(_words):
    names = enum_names("enum drop_reason", "DROP_")
    for i, value in enumerate(summed("drops", max(names))):
        if value:
            yield "%-24s %d" % (names[i], value)


@command("pools", "", "skb pools of every CPU: free and all skbs and buffers, the fewest ever free, refusals, memory taken so far.")
def k_pools(_words):
    for c in net_cpus():
        p = c["skb_pool"]
        yield "cpu%d: skbs %d of %d free, buffers %d of %d free (fewest %d), refused %d skbs, %d buffers; %d chunks" % (
            int(c["id"]), *(int(p[f]) for f in ("nr_free_skbs", "nr_skbs", "nr_free_bufs", "nr_bufs", "low_bufs",
                                                 "skb_fail", "buf_fail", "nr_chunks")))


@command("balance", "", "Where every frame and skb is: both lines are equations that hold at any moment outside a poll.")
def k_balance(_words):
    names, cpus = enum_names("enum net_stat", "STAT_"), net_cpus()
    stat = {name: i for i, name in names.items()}
    frames, done, taken, dropped = (sum(int(c["dev"][f]) for c in cpus)
                                    for f in ("rx_frames", "rx_done", "rx_taken", "rx_dropped"))
    allocs, frees = (sum(int(c["stats"][stat[n]]) for c in cpus) for n in ("SkbAllocs", "SkbFrees"))
    pools = [c["skb_pool"] for c in cpus]
    alive = sum(int(p["nr_skbs"]) - int(p["nr_free_skbs"]) - int(p["in_transit"]) for p in pools)
    yield "in   %d = done %d + taken %d + dropped %d%s" % (
        frames, done, taken, dropped, "" if frames == done + taken + dropped else "  NOT BALANCED")
    yield "skbs %d = freed %d + alive %d%s" % (allocs, frees, alive, "" if allocs == frees + alive else "  NOT BALANCED")


# ---------------------------------------------------------------- skbs
def v4(b):
    return ".".join(str(x) for x in b)


def word16(b, at):
    return b[at] << 8 | b[at + 1]


def decode(skb):
    """Lines about the headers that the skb's offsets point at, as far as its linear bytes go."""
    head, tail = int(skb["head"]), int(skb["tail"])
    linear = memory(head, min(tail - head, 4096)) if tail > head else b""
    start = int(skb["network_header"])
    if start == NO_OFFSET or len(linear) < start + 20:
        start = int(skb["data"]) - head
    b = linear[start:]
    if int(skb["protocol"]) == 0x0806 and len(b) >= 28:
        yield "ARP %s %s is-at/asks %s" % ({1: "request", 2: "reply"}.get(word16(b, 6), "?"), v4(b[14:18]), v4(b[24:28]))
    if len(b) < 20 or b[0] >> 4 != 4:
        return
    ihl = (b[0] & 15) * 4
    yield "IPv4 %s > %s %s ttl %d id %d length %d" % (v4(b[12:16]), v4(b[16:20]), PROTOCOLS.get(b[9], b[9]), b[8],
                                                      word16(b, 4), word16(b, 2))
    t = b[ihl:]
    if b[9] == 6 and len(t) >= 20:
        yield "TCP %d > %d [%s] seq %d ack %d win %d" % (
            word16(t, 0), word16(t, 2), "".join(c for i, c in enumerate(TCP_FLAGS) if t[13] >> i & 1),
            int.from_bytes(t[4:8], "big"), int.from_bytes(t[8:12], "big"), word16(t, 14))
    elif b[9] == 17 and len(t) >= 8:
        yield "UDP %d > %d length %d" % (word16(t, 0), word16(t, 2), word16(t, 4))
    elif b[9] == 1 and len(t) >= 4:
        yield "ICMP type %d code %d" % (t[0], t[1])


@command("skb", "POINTER", "One skb: geometry, frags, references, the headers in it.")
def k_skb(words):
    if len(words) != 1:
        raise Problem("usage: k skb POINTER")
    skb = gdb.Value(number(words[0])).cast(type_of("struct sk_buff").pointer()).dereference()
    head = int(skb["head"])
    yield "skb %s dev %s len %d (linear %d, in %d frags %d) truesize %d" % (
        hex(int(skb.address)), array_text(skb["dev"]["name"]) if int(skb["dev"]) else "-", int(skb["len"]),
        int(skb["len"]) - int(skb["data_len"]), int(skb["nr_frags"]), int(skb["data_len"]), int(skb["truesize"]))
    yield "  head %s: headroom %d, data to %d, tailroom %d; mac %s network %s transport %s" % (
        hex(head), int(skb["data"]) - head, int(skb["tail"]) - head, int(skb["end"]) - int(skb["tail"]),
        *("-" if int(skb[f]) == NO_OFFSET else int(skb[f]) for f in ("mac_header", "network_header", "transport_header")))
    yield "  buffer %s refs %s, protocol 0x%04x, summed %d, gso %d x %d, cloned %d, pool of cpu%d, sock %s" % (
        hex(int(skb["buf"])), int(skb["buf"]["refs"]) if int(skb["buf"]) else "-", int(skb["protocol"]),
        int(skb["ip_summed"]), int(skb["gso_segs"]), int(skb["gso_size"]), int(skb["cloned"]), int(skb["cpu"]),
        hex(int(skb["sk"])))
    for i in range(min(int(skb["nr_frags"]), 64)):
        f = skb["frags"][i]
        yield "  frag %d: %d bytes at %s, %s" % (i, int(f["len"]), hex(int(f["ptr"])),
                                                 "refs %d" % int(f["buf"]["refs"]) if int(f["buf"]) else "static memory")
    for line in decode(skb):
        yield "  " + line


# ---------------------------------------------------------------- connections
def all_connections(cpu):
    """(kind, node) of the connection table of one CPU; kinds as in enum conn_kind."""
    table = cpu["tcp"]["conns"]
    for chains, mask in ((table["chains"], table["mask"]), (table["old"], table["old_mask"])):
        for i in range(int(mask) + 1 if int(chains) else 0):
            for node in walk_chain(chains[i], "struct conn_node", "link"):
                yield int(node["kind"]), node


def listeners(cpu):
    bound = cpu["tcp"]["bound"]
    for i in range(bound.type.range()[1] + 1):
        for sk in walk_chain(bound[i], "struct sock", "hash"):
            if int(sk["state"]) == 10:
                yield sk


def endpoint(addr, port):
    return "%s:%s" % (ip_text(addr), int(port) or "*")


def tcp_detail(t):
    """What ss -ti prints of a connection."""
    names = {"rto_us": "rto", "cwnd": "cwnd", "ssthresh": "ssthresh", "packets_out": "unacked", "sacked_out": "sacked",
             "lost_out": "lost", "retrans_out": "retrans", "ofo_segs": "ofo", "bytes_acked": "bytes_acked",
             "bytes_received": "bytes_received", "segs_in": "segs_in", "segs_out": "segs_out"}
    return "%s %s rtt:%.3f/%.3f mss:%d " % (text(t["ca"]["name"]), CA_STATES[int(t["ca_state"])], int(t["srtt_us"]) / 8000,
                                             int(t["rttvar_us"]) / 4000, int(t["mss"])) + \
        " ".join("%s:%d" % (name, int(t[field])) for field, name in names.items())


def queued(head):
    return sum(int(skb["len"]) for skb in walk_queue(head))


@command("ss", "[-i]", "TCP sockets of every CPU, with what waits in their queues; -i: congestion and round trips as well.")
def k_ss(words):
    if words not in ([], ["-i"]):
        raise Problem("usage: k ss [-i]")
    yield "%-11s %-8s %-8s %-22s %-22s" % ("State", "Recv-Q", "Send-Q", "Local", "Peer")
    for cpu in net_cpus():
        for sk in listeners(cpu):
            yield "%-11s %-8d %-8d %-22s *:*" % ("LISTEN", 0, 0, endpoint(sk["saddr"], sk["sport"]))
        for kind, node in all_connections(cpu):
            if kind == 0:
                t = container(node, "struct tcb", "node")
                sk = t["sk"]
                yield "%-11s %-8d %-8d %-22s %s" % (
                    STATES.get(int(sk["state"]), "?"), queued(t["rcvq"]), queued(t["sendq"]) + queued(t["rtxq"]),
                    endpoint(sk["saddr"], sk["sport"]), endpoint(sk["daddr"], sk["dport"]))
                if words:
                    yield "    " + tcp_detail(t)
            else:
                name = "struct tcp_request" if kind == 1 else "struct tcp_timewait"
                small = container(node, name, "node")
                yield "%-11s %-8d %-8d %-22s %s" % (
                    "SYN-RECV" if kind == 1 else "TIME-WAIT", 0, 0, endpoint(small["laddr"], node["lport"]),
                    endpoint(small["raddr"], node["rport"]))


@command("neigh", "", "The neighbour tables.")
def k_neigh(_words):
    states = enum_names("enum neigh_state", "NEIGH_")
    for cpu in net_cpus():
        for n in walk_list(cpu["neigh"]["lru"], "struct neigh", "lru"):
            mac = ":".join("%02x" % int(n["link_hdr"][i]) for i in range(6))
            yield "cpu%d %s dev %s lladdr %s %s parked %d" % (
                int(cpu["id"]), ip_text(n["addr"]), array_text(n["dev"]["name"]), mac, states.get(int(n["state"]), "?"),
                int(n["parked"]["qlen"]))
