# SPDX-License-Identifier: MIT
"""What the way between ring and socket costs under bulk load, by the guest's own counters: interrupts and doorbells per packet, and how
often each byte of payload is copied inside the guest. Down is a file of the site, up a stream that is discarded. A packet is
what a wire of 1 500 bytes would see: a frame of 64 KiB that a tap hands over whole is all its segments. Doorbells are one for
a burst, so that up, where all that leaves is one acknowledgment for what a poll brought, there are as many as packets. None of it depends on the speed of this machine, but how many packets an interrupt
finds does depend on how much QEMU's threads run at once."""
import re

MIB = 1 << 20
BYTES = 64 * MIB
MSS = 1448
WAYS = {
    "down": ("http", 80, ("-p", "/4m", "-c", "4", "-n", str(BYTES // (4 * MIB))), "CopyOutBytes"),
    "up": ("discard", 9, ("-s", str(BYTES)), "CopyInBytes"),
}


def counters(guest):
    """Counters of eth0, summed over its queues, and those of the stack."""
    status, _, body = guest.get("/debug/ethtool?-S+eth0")
    if status != 200:
        raise RuntimeError("/debug/ethtool answers %d" % status)
    sums = {}
    for name, value in re.findall(r"^ +([rt]x)_queue_\d+(_\w+: \d+)$", body.decode(), re.M):
        what, n = value.split(": ")
        sums[name + what] = sums.get(name + what, 0) + int(n)
    return sums | guest.metrics()


def measure(lab, guest, nic, load):
    for way, (service, port, words, copies) in WAYS.items():
        load(service, guest.ip, port, *words)  # warms caches, and opens the peer's windows
        a = counters(guest)
        if not load(service, guest.ip, port, *words):
            continue
        d = {name: value - a[name] for name, value in counters(guest).items() if name in a}
        text = "rx_packets" if way == "up" else "tx_packets"
        d[text] = max(d[text], BYTES // MSS)
        packets = d["rx_packets"] + d["tx_packets"]
        lab.put("interrupts/packet, bulk " + way, guest, nic, (d["rx_interrupts"] + d["tx_interrupts"]) / packets)
        lab.put("tx doorbells/packet, bulk " + way, guest, nic, d["tx_kicks"] / d["tx_packets"])
        lab.put("rx doorbells/packet, bulk " + way, guest, nic, d["rx_kicks"] / d["rx_packets"])
        lab.put("copies per byte, bulk " + way, guest, nic, d[copies] / BYTES)
