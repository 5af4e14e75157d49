# SPDX-License-Identifier: MIT
"""The stack: counters, drops, pools, one skb."""
import gdb

from commands import Problem, array_text, command, enum_names, memory, net_cpus, number, type_of

PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP"}
TCP_FLAGS = "FSRPAUEC"
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


def balance():
    """(name, what came, what became of it) of the three equations, as net_balance() has them."""
    names, cpus = enum_names("enum net_stat", "STAT_"), net_cpus()
    stat = {name: i for i, name in names.items()}
    frames, done, taken, dropped = (sum(int(c["dev"][f]) for c in cpus)
                                    for f in ("rx_frames", "rx_done", "rx_taken", "rx_dropped"))
    allocs, frees = (sum(int(c["stats"][stat[n]]) for c in cpus) for n in ("SkbAllocs", "SkbFrees"))
    alive = sum(int(c["skb_pool"]["nr_skbs"]) - int(c["skb_pool"]["nr_free_skbs"]) - int(c["skb_pool"]["in_transit"])
                for c in cpus)
    yield "frames in = done %d + taken %d + dropped %d" % (done, taken, dropped), frames, done + taken + dropped
    died, bare = (sum(int(c["skb_pool"][f]) for c in cpus) for f in ("dropped", "bare_dropped"))
    reasons = sum(int(c["drops"][i]) for c in cpus for i in range(1, c["drops"].type.range()[1] + 1))
    yield "skbs made = freed %d + alive %d" % (frees, alive), allocs, frees + alive
    yield "reasons = skbs dropped %d + frames without an skb %d" % (died, bare), reasons, died + bare


@command("balance", "", "Where every frame and skb is: all lines are equations that hold at any moment outside a poll.")
def k_balance(_words):
    for name, got, want in balance():
        yield "%d %s%s" % (got, name, "" if got == want else "  NOT BALANCED")


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
