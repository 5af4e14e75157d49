# SPDX-License-Identifier: MIT
"""Network devices, their queues and rings, PCI functions."""
import gdb

from commands import (Problem, array_text, command, device_named, flags, has_field, net_cpus, net_devices, symbol, text,
                      type_of)

IFF = {1: "UP", 2: "BROADCAST", 8: "LOOPBACK", 0x80: "NOARP", 0x100: "PROMISC", 0x1000: "MULTICAST"}
FEATURES = {1: "SG", 2: "HW_CSUM", 4: "RXCSUM", 8: "TSO", 16: "TSO6", 32: "LRO", 64: "LOOPBACK", 128: "GRO", 256: "RXHASH",
            512: "TSO_ECN"}
STAT_FIELDS = ["packets", "bytes", "dropped", "errors", "kicks", "interrupts", "stopped", "requeued", "no_buf", "lies",
               "resets", "csum_good", "gro_packets", "gro_merged"]
VRING_NEXT, VRING_WRITE, VRING_INDIRECT = 1, 2, 4
RXD_DD = 1  # e1000: the device has filled it


def counters(stats):
    """The counters that are not zero."""
    return " ".join("%s %d" % (f, int(stats[f])) for f in STAT_FIELDS if has_field(stats, f) and int(stats[f])) or "nothing"


@command("dev", "[DEV]", "Devices: state, features, queues with their counters and qdiscs.")
def k_dev(words):
    for dev in [device_named(words[0])] if words else net_devices():
        mac = ":".join("%02x" % int(dev["addr"][i]) for i in range(6))
        yield "%d: %s <%s> mtu %d %s %s %s%s" % (
            int(dev["ifindex"]), array_text(dev["name"]), flags(int(dev["flags"]), IFF), int(dev["mtu"]), mac,
            text(dev["driver"]), text(dev["bus"]), "" if dev["carrier"] else " NO-CARRIER")
        yield "    features %s of %s" % (flags(int(dev["features"]), FEATURES), flags(int(dev["hw_features"]), FEATURES))
        for i in range(int(dev["nr_rxq"])):
            yield "    rx%d: %s" % (i, counters(dev["rx"][i]))
        for i in range(int(dev["nr_txq"])):
            q = dev["txq"][i]
            yield "    tx%d cpu%d%s: %s" % (i, int(q["cpu"]), " STOPPED" if q["stopped"] else "", counters(q["stats"]))
            if int(q["qdisc"]):
                yield "        qdisc " + qdisc_line(q["qdisc"].dereference())


def qdisc_line(q):
    return "%s qlen %d backlog %d limit %d sent %d drops %d overlimits %d bypassed %d" % (
        text(q["ops"]["id"]), *(int(q[f]) for f in ("qlen", "backlog_bytes", "limit", "packets", "drops", "overlimits",
                                                      "bypassed")))


def classes(q):
    """Disciplines that hang in this one: prio's and tbf's."""
    kind = text(q["ops"]["id"])
    if kind not in ("prio", "tbf"):
        return
    inner = q["priv"].address.cast(type_of("struct " + kind).pointer())["class"]
    many = inner.type.code == gdb.TYPE_CODE_ARRAY
    for child in (inner[i] for i in range(inner.type.range()[1] + 1)) if many else (inner,):
        if int(child):
            yield child.dereference()


def walk_qdiscs(dev):
    """(discipline, depth) of every tx queue, from the roots down."""
    above = [(dev["txq"][i]["qdisc"].dereference(), 0) for i in reversed(range(int(dev["nr_txq"])))
             if int(dev["txq"][i]["qdisc"])]
    while above:
        q, depth = above.pop()
        yield q, depth
        above += reversed([(child, depth + 1) for child in classes(q)])


@command("qdisc", "[DEV]", "Queueing disciplines with their classes: handles, what waits, what was sent and dropped, watchdogs.")
def k_qdisc(words):
    for dev in [device_named(words[0])] if words else net_devices():
        for q, depth in walk_qdiscs(dev):
            place = "class %x" % int(q["minor"]) if int(q["parent"]) else "tx%d" % int(q["txq"]["index"])
            wait = (int(q["watchdog"]["expires_ns"]) - int(q["cpu"]["now_ns"])) / 1e6
            yield "%s%s %s %x: %s%s" % ("    " * depth, array_text(dev["name"]), place, int(q["handle"]), qdisc_line(q),
                                        ", throttled for %.3f ms" % wait if q["watchdog"]["armed"] else "")


@command("napi", "", "NAPI instances of every CPU: scheduled, weight, polls, frames.")
def k_napi(_words):
    for cpu in net_cpus():
        for i in range(int(cpu["nr_napi"])):
            n = cpu["napi"][i].dereference()
            name = array_text(n["dev"]["name"]) if int(n["dev"]) else "backlog"
            yield "cpu%d %-8s%s weight %d schedules %d polls %d completes %d frames %d" % (
                int(cpu["id"]), name, " SCHEDULED" if n["scheduled"] else "", int(n["weight"]), int(n["schedules"]),
                int(n["polls"]), int(n["completes"]), int(n["frames"]))


# ---------------------------------------------------------------- rings
@command("ring", "DEV [-v]", "The rings of a device: who owns how many descriptors, indices; -v: every descriptor.")
def k_ring(words):
    if not words or words[1:] not in ([], ["-v"]):
        raise Problem("usage: k ring DEV [-v]")
    dev = device_named(words[0])
    kind = text(dev["driver"])
    if kind not in RINGS:
        raise Problem("%s: a '%s' device has no rings that are known here" % (words[0], kind))
    yield from RINGS[kind](dev, bool(words[1:]))


def virtio_rings(dev, verbose):
    vn = dev["priv"].cast(type_of("struct virtnet").pointer())
    yield "%s: %s%s" % (array_text(dev["name"]), "open" if vn["open"] else "closed", ", DEAD" if vn["dead"] else "")
    for i in range(int(vn["nr_pairs"])):
        pair = vn["pairs"][i]
        for name in ("rx", "tx"):
            yield from virtqueue("%s%d" % (name, i), pair[name], verbose)


def virtqueue(name, vq, verbose):
    size, used = int(vq["size"]), int(vq["used"]["idx"]) if int(vq["used"]) else 0
    yield "  %s: size %d, with the device %d, free %d, avail %d (doorbell at %d), used %d, taken %d, not yet taken %d%s" % (
        name, size, int(vq["in_flight"]), int(vq["nr_free"]), int(vq["avail_idx"]), int(vq["kicked_idx"]), used,
        int(vq["last_used"]), used - int(vq["last_used"]) & 0xffff,
        ", LIED: %d" % int(vq["lie"]) if int(vq["lie"]) else "")
    for i in range(size if verbose else 0):
        slot, d = vq["slots"][i], vq["desc"][i]
        if int(slot["token"]):
            yield "    [%d] token %s %d descriptors; first 0x%x + %d %s" % (
                i, hex(int(slot["token"])), int(slot["nr_desc"]), int(d["addr"]), int(d["len"]),
                flags(int(d["flags"]), {VRING_NEXT: "next", VRING_WRITE: "device writes", VRING_INDIRECT: "indirect"}))


def e1000_rings(dev, verbose):
    e = dev["priv"].cast(type_of("struct e1000").pointer())
    yield "%s: %s%s" % (array_text(dev["name"]), "open" if e["open"] else "closed", ", DEAD" if e["dead"] else "")
    for i in range(int(e["nr_queues"])):
        yield from e1000_queue(e["queues"][i], i, verbose)


def e1000_queue(q, n, verbose):
    rx, tx = q["rx"], q["tx"]

    def status(d):
        return int(d["ext"]["status"]) if q["ext"] else int(d["status"])
    size = int(rx["mask"]) + 1
    done = [i for i in range(size) if int(rx["desc"]) and status(rx["desc"][i]) & RXD_DD]
    yield "  rx%d: size %d, with the device %d, next to take %d, next to give %d, tail %d; filled and not yet taken %d%s" % (
        n, size, (int(rx["use"]) - int(rx["clean"])) % size, int(rx["clean"]), int(rx["use"]), int(rx["tail"]), len(done),
        ", BROKEN" if q["broken"] else "")
    for i in done if verbose else []:
        d = rx["desc"][i]
        yield "    [%d] %d bytes status 0x%x buffer %s" % (
            i, int(d["ext"]["length"] if q["ext"] else d["length"]), status(d), hex(int(rx["bufs"][i])))
    yield "  tx%d: size %d, free %d, oldest %d, next %d, tail %d" % (
        n, int(tx["mask"]) + 1, int(tx["nr_free"]), int(tx["clean"]), int(tx["use"]), int(tx["tail"]))
    for i in range(int(tx["mask"]) + 1 if verbose else 0):
        slot = tx["slots"][i]
        token = int(slot["token"])
        if token & 1:  # dev_frame_token()
            yield "    [%d..%d] a frame without an skb, of buffer %s" % (i, int(slot["last"]), hex(token - 1))
        elif token:
            skb = slot["token"].cast(type_of("struct sk_buff").pointer())
            yield "    [%d..%d] skb %s of %d bytes" % (i, int(slot["last"]), hex(token), int(skb["len"]))


RINGS = {"virtio-net": virtio_rings, "e1000": e1000_rings, "e1000e": e1000_rings}


@command("pci", "", "PCI functions: address, ids, class, BARs, MSI-X entries.")
def k_pci(_words):
    bus = symbol("pci")
    for i in range(int(bus["nr"])):
        d = bus["devs"][i]
        bars = " ".join("bar%d %s0x%x+0x%x" % (n, "io " if d["bars"][n]["io"] else "", int(d["bars"][n]["base"]),
                                                int(d["bars"][n]["size"])) for n in range(6) if int(d["bars"][n]["size"]))
        yield "%s %04x:%04x class %06x%s %s%s" % (
            array_text(d["name"]), int(d["vendor"]), int(d["device"]), int(d["class"]), " taken" if d["taken"] else "",
            bars, " msix %d" % int(d["msix"]["count"]) if int(d["msix"]["count"]) else "")
