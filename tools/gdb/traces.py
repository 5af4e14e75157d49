# SPDX-License-Identifier: MIT
"""What was kept of the past: trace events, the last frames (as a pcapng file too), connections that the filter tracks."""
import struct

import gdb

from commands import (Problem, array_text, command, container, drop_where, enum_names, ip_text, memory, net_cpus, net_devices, symbol,
                      walk_chain)

TRACK_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
PORTS = (6, 17)
BYTE_ORDER, SECTION, INTERFACE, PACKET = 0x1a2b3c4d, 0x0a0d0d0a, 1, 6
ETHERNET, RAW_IP = 1, 101


# ---------------------------------------------------------------- trace events
@command("trace", "[COUNT]", "The last trace events of every CPU (`trace on` on the console starts them); COUNT: so many, or 50.")
def k_trace(words):
    count = int(words[0]) if words and words[0].isdigit() else 50
    events, drops = enum_names("enum trace_event", "TRACE_"), enum_names("enum drop_reason", "DROP_")
    for cpu in net_cpus():
        t = cpu["trace"]
        if not int(t):
            yield "cpu%d: tracing was never on" % int(cpu["id"])
            continue
        head, size = int(t["head"]), t["ring"].type.range()[1] + 1
        yield "cpu%d: %d events recorded, mask 0x%x" % (int(cpu["id"]), head, int(t["mask"]))
        for i in range(max(0, head - min(count, size)), head):
            r = t["ring"][i % size]
            event = events.get(int(r["event"]), "?")
            line = "  %.6f %-10s skb %s len %d" % (int(r["time_ns"]) / 1e9, event, hex(int(r["skb"])), int(r["len"]))
            if event == "DROP":
                line += " %s %s" % (drops.get(int(r["reason"]), "?"), drop_where(int(r["place"])))
            if int(r["proto"]):
                line += " %s:%d > %s:%d" % (ip_text(r["src"]), int(r["sport"]), ip_text(r["dst"]), int(r["dport"]))
            yield line


# ---------------------------------------------------------------- kept frames
def kept_frames():
    """(time in ns, slot) of every kept frame, oldest first."""
    found = []
    for cpu in net_cpus():
        ring = cpu["frames"]
        if not int(ring) or not int(ring["slot"]):
            continue
        head, size = int(ring["head"]), int(ring["size"])
        for i in range(max(0, head - size), head):
            slot = ring["slot"][i % size]
            found.append((int(slot["time_ns"]), slot))
    return sorted(found, key=lambda pair: pair[0])


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def pcapng(frames):
    """A capture file with an interface for each device, in nanoseconds of the wall clock; drop reasons are comments."""
    drops, base = enum_names("enum drop_reason", "DROP_"), int(symbol("wall_base_ns"))
    yield block(SECTION, struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1))
    for dev in net_devices():
        name = array_text(dev["name"])
        yield block(INTERFACE, struct.pack("<HHI", RAW_IP if name == "lo" else ETHERNET, 0, 0) + option(2, name.encode()) +
                    option(9, b"\x09") + option(0, b""))
    for when, slot in frames:
        stamp, length = when + base, int(slot["caplen"])
        reason = int(slot["reason"])
        options = option(2, struct.pack("<I", 2 if int(slot["out"]) else 1))
        options += option(1, ("%s %s" % (drops.get(reason, "?"), drop_where(int(slot["place"])))).encode()) if reason else b""
        data = memory(slot["data"].address, length)
        yield block(PACKET, struct.pack("<IIIII", int(slot["ifindex"]) - 1, stamp >> 32, stamp & 0xffffffff, length, int(slot["len"])) +
                    data + bytes(-length % 4) + options + option(0, b""))


@command("pcap", "FILE", "Writes the last frames that memory keeps (sysctl net.core.frame_ring) as pcapng, for Wireshark.")
def k_pcap(words):
    if len(words) != 1:
        raise Problem("usage: k pcap FILE")
    frames = kept_frames()
    if not frames:
        raise Problem("no frames were kept: sysctl net.core.frame_ring=N turns that on")
    try:
        with open(words[0], "wb") as f:
            f.writelines(pcapng(frames))
    except OSError as e:
        raise Problem("%s: %s" % (words[0], e.strerror)) from None
    yield "%d frames in %s" % (len(frames), words[0])


# ---------------------------------------------------------------- connections
def hashed(buckets, size, type_name, member):
    """Elements of a hash table."""
    heads = struct.unpack("<%dQ" % size, memory(buckets, 8 * size))  # at once: nearly all are empty
    for i in (i for i, head in enumerate(heads) if head):
        yield from walk_chain(buckets[i], type_name, member)


def tracked_ends(cpu):
    """Every direction of every connection in the table of a CPU."""
    ct = cpu["ct"]
    if int(ct) and int(ct["buckets"]):
        yield from hashed(ct["buckets"], int(ct["mask"]) + 1, "struct ct_end", "node")


def tracked():
    """Every tracked connection, once."""
    for cpu in net_cpus():
        for end in tracked_ends(cpu):
            if not int(end["dir"]):
                yield cpu, container(gdb.Value(int(end)), "struct nf_conn", "end")


def tuple_text(t):
    words = "src=%s dst=%s" % (ip_text(t["src"]), ip_text(t["dst"]))
    if int(t["proto"]) in PORTS:
        ports = [int.from_bytes(int(t[f]["raw"]).to_bytes(2, "little"), "big") for f in ("sport", "dport")]
        words += " sport=%d dport=%d" % tuple(ports)
    return words


@command("conntrack", "", "Connections that the packet filter tracks: state, both directions' tuples, packets, how long they stay.")
def k_conntrack(_words):
    states = enum_names("enum ct_tcp_state", "CT_TCP_")
    if not any(int(c["ct"]) and int(c["ct"]["buckets"]) for c in net_cpus()):
        yield "tracking is off: no rule asks for it"
        return
    for cpu, ct in tracked():
        proto = int(ct["end"][0]["tuple"]["proto"])
        yield "cpu%d %-6s %5d s %s%s %s%s packets=%d/%d%s mark=%d" % (
            int(cpu["id"]), TRACK_PROTOCOLS.get(proto, proto), max(0, int(ct["expires_ns"]) - int(cpu["now_ns"])) // 10**9,
            states.get(int(ct["tcp_state"]), "?") + " " if proto == 6 else "", tuple_text(ct["end"][0]["tuple"]),
            "" if ct["seen_reply"] else "[UNREPLIED] ", tuple_text(ct["end"][1]["tuple"]), int(ct["end"][0]["packets"]),
            int(ct["end"][1]["packets"]), " [ASSURED]" if ct["assured"] else "", int(ct["mark"]))
    yield "%d connections" % sum(int(c["ct"]["count"]) for c in net_cpus() if int(c["ct"]))
