# SPDX-License-Identifier: MIT
"""How many segments of a bulk transfer header prediction takes, in per cent of all that TCP was handed: down, where the guest
is sent acknowledgments, and up, where it is sent text. What GRO merged is one segment, because it is one to TCP.

With a loss in between there are segments that no prediction can take: rows of their own tell what happened."""
HITS = ("TcpExtTCPHPHits", "TcpExtTCPHPAcks")
MIB = 1 << 20
WAYS = {
    "down": ("http", 80, ("-p", "/4m", "-c", "1", "-n", "16")),
    "up": ("discard", 9, ("-s", str(64 * MIB))),
}


def share(guest, load, service, port, words):
    """Per cent taken by prediction, segments in all, and of the others those that were a pure ACK; None when the load failed."""
    a = guest.metrics()
    if not load(service, guest.ip, port, *words):
        return None
    b = guest.metrics()
    segs, hits, slow = (sum(b[n] - a[n] for n in names) for names in (["TcpInSegs"], HITS, ["TcpExtTCPPureAcks"]))
    return 100 * hits / segs, segs, slow


def measure(lab, guest, nic, load):
    for way, (service, port, words) in WAYS.items():
        load(service, guest.ip, port, *words)  # warms caches
        found = share(guest, load, service, port, words)
        if found:
            lab.put("predicted %s, %%" % way, guest, nic, found[0])
            lab.put("segments in, " + way, guest, nic, found[1])
            lab.put("pure ACKs in, not predicted, " + way, guest, nic, found[2])
