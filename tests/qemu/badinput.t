#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Malformed input on every layer, made by scapy over a tap: each frame dies with its named reason, once, and the guest goes on
serving; noise in any field harms nothing; unusable command line values are named on the console.

The frames come from an address and a MAC that the host does not own, so that its own stack has no part in it."""
import json
import os
import random
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import GUEST_IP, make_tap, need_private_network
from qemu import NICS, pick
from tap import case, check, check_eq, check_in, note, run, skip_all

try:
    from scapy.all import ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, Raw, checksum
except ImportError:
    skip_all("scapy is not installed (Debian: python3-scapy)")

PEER, PEER_MAC, GUEST_MAC = "10.77.0.50", "02:00:00:00:00:50", "52:54:00:ba:2e:01"
NOISE = pick(2000, 50000)


def eth(**kw):
    return Ether(**{"src": PEER_MAC, "dst": GUEST_MAC, **kw})


def ip(**kw):
    return eth() / IP(**{"src": PEER, "dst": GUEST_IP, **kw})


def with_options(octets):
    """A datagram whose IP header carries these octets as its options, lengths and checksum right."""
    payload = bytes(UDP(sport=4000, dport=7) / b"hello")
    head = bytearray(bytes(IP(src=PEER, dst=GUEST_IP, proto=17, ihl=5 + len(octets) // 4, chksum=0,
                              len=20 + len(octets) + len(payload))) + octets)
    head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
    return bytes(eth(type=0x0800)) + bytes(head) + payload


def igmp(message):
    """The message with its checksum, which its first bytes leave room for."""
    return message[:2] + checksum(message[:2] + b"\0\0" + message[4:]).to_bytes(2, "big") + message[4:]


def group(message, ttl=1):
    """An IGMP message to all systems."""
    return eth(dst="01:00:5e:00:00:01") / IP(src=PEER, dst="224.0.0.1", proto=2, ttl=ttl) / Raw(message)


def bytes_changed(frame, at, octets):
    """The frame with bytes overwritten, checksums left as they were."""
    b = bytearray(bytes(frame))
    b[at:at + len(octets)] = octets
    return bytes(b)


syn = ip() / TCP(sport=4000, dport=80, flags="S", seq=1)
datagram = ip() / UDP(sport=4000, dport=7) / b"hello"
ping = ip() / ICMP() / b"hello"
fragment = ip(flags="MF", id=7) / Raw(b"x" * 64)

# What the frame is, its bytes, and why it must die.
CASES = [
    ("an EtherType that nobody handles", eth(type=0x88b5) / Raw(b"x" * 50), "UNHANDLED_PROTO"),
    ("a frame of another VLAN", eth() / Dot1Q(vlan=5) / IP(src=PEER, dst=GUEST_IP) / UDP(dport=7) / b"hello", "VLAN_FILTER"),
    ("a frame with two VLAN tags", eth() / Dot1Q(vlan=0) / Dot1Q(vlan=0) / IP(src=PEER, dst=GUEST_IP) / UDP(dport=7), "UNHANDLED_PROTO"),
    ("ARP of another hardware type", eth() / ARP(hwtype=6, hwsrc=PEER_MAC, psrc=PEER, pdst=GUEST_IP), "ARP_HDR"),
    ("ARP of another protocol length", eth() / ARP(plen=16, hwsrc=PEER_MAC, psrc=PEER, pdst=GUEST_IP), "ARP_HDR"),
    ("ARP from a multicast address", eth() / ARP(op=1, psrc="224.0.0.1", hwsrc=PEER_MAC, pdst=GUEST_IP), "ARP_SPOOF"),
    ("IP version 6 under IPv4's EtherType", ip(version=6) / Raw(b"x" * 40), "IP_VERSION"),
    ("an IP header of 16 bytes", bytes_changed(datagram, 14, b"\x44"), "IP_INHDR"),
    ("a total length shorter than the header", ip(len=12) / UDP(dport=7), "IP_INHDR"),
    ("a total length longer than the frame", ip(len=1400) / UDP(dport=7), "IP_INHDR"),
    ("a wrong IP checksum", ip(chksum=0x1234) / UDP(dport=7), "IP_CSUM"),
    ("a loopback source address", ip(src="127.0.0.1") / UDP(dport=7), "IP_INVALID_SOURCE"),
    ("a multicast source address", ip(src="224.0.0.5") / UDP(dport=7), "IP_INVALID_SOURCE"),
    ("our own address as the source", ip(src=GUEST_IP) / UDP(dport=7), "IP_INVALID_SOURCE"),
    ("somebody else's address", ip(dst="10.77.0.99") / UDP(dport=7), "IP_NOTFORWARDING"),
    ("a protocol that nobody handles", ip(proto=250) / Raw(b"x" * 20), "IP_NOPROTO"),
    ("a loose source route", with_options(b"\x83\x07\x04\x0a\x4d\x00\x01\x00"), "IP_SOURCE_ROUTE"),
    ("an IP option longer than the header", with_options(b"\x07\x27\x04\x00"), "IP_OPTIONS"),
    ("an IP option of length 0", with_options(b"\x07\x00\x04\x00"), "IP_OPTIONS"),
    ("a fragment that ends past 65535", ip(flags="MF", frag=8189) / Raw(b"x" * 64), "FRAG_HDR"),
    ("a fragment of 7 bytes that is not the last", ip(flags="MF") / Raw(b"x" * 7), "FRAG_HDR"),
    ("an ICMP header cut short", ip(proto=1) / Raw(b"\x08\x00\xf7\xff"), "ICMP_HDR"),
    ("a wrong ICMP checksum", ip() / ICMP(chksum=0x1234) / b"hello", "ICMP_CSUM"),
    ("an ICMP type that does not exist", ip() / ICMP(type=200) / b"hello", "ICMP_TYPE"),
    ("an IGMP query cut short", group(b"\x11\x0a\xee\xf5"), "IGMP_HDR"),
    ("an IGMP query of nine bytes, between the versions", group(igmp(b"\x11\x0a" + bytes(7))), "IGMP_HDR"),
    ("an IGMP query about what is no group", group(igmp(b"\x11\x0a\0\0\x0a\0\0\1")), "IGMP_HDR"),
    ("an IGMP query that promises sources it has not", group(igmp(b"\x11\x0a" + bytes(6) + b"\2\x7d\0\5")), "IGMP_HDR"),
    ("a wrong IGMP checksum", group(b"\x11\x0a\x12\x34\0\0\0\0"), "IGMP_CSUM"),
    ("an IGMP query from beyond the link", group(igmp(b"\x11\x0a" + bytes(6)), ttl=64), "IGMP_IGNORED"),
    ("a datagram to a group that nobody joined", eth(dst="01:00:5e:01:02:03") /
     IP(src=PEER, dst="239.1.2.3") / UDP(dport=7) / b"x", "IP_NO_MEMBER"),
    ("a UDP length shorter than its header", ip() / UDP(dport=7, len=4) / b"hello", "UDP_HDR"),
    ("a UDP length longer than the packet", ip() / UDP(dport=7, len=1000) / b"hello", "UDP_HDR"),
    ("a wrong UDP checksum", ip() / UDP(dport=7, chksum=0x1234) / b"hello", "UDP_CSUM"),
    ("a datagram to a closed port", ip() / UDP(dport=4444) / b"hello", "NO_SOCKET"),
    ("a TCP header cut short", ip(proto=6) / Raw(b"\x0f\xa0\x00\x50" + b"\0" * 8), "TCP_HDR"),
    ("a TCP data offset of 16 bytes", ip() / TCP(dport=80, flags="S", dataofs=4), "TCP_HDR"),
    ("a TCP data offset past the segment", ip() / TCP(dport=80, flags="S", dataofs=15), "TCP_HDR"),
    ("a wrong TCP checksum", ip() / TCP(dport=80, flags="S", chksum=0x1234), "TCP_CSUM"),
    ("a segment to a closed port", ip() / TCP(dport=4444, flags="A"), "NO_SOCKET"),
]

class Injector:
    def __init__(self):
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.raw.bind(("tap0", 0))

    def send(self, frame):
        self.raw.send(bytes(frame))


def drops(g):
    """reason -> frames, from /metrics."""
    rows = ((re.fullmatch(r'drops_total{reason="(\w+)"}', name), value) for name, value in g.metrics().items())
    return {m.group(1): int(value) for m, value in rows if m}


def settled(g, before, reason):
    """The drops once `reason` has risen (the frame passes the NIC in its own time), or after a while."""
    for _ in range(40):
        after = drops(g)
        if after.get(reason, 0) > before.get(reason, 0):
            break
    return after


need_private_network()
make_tap()
link = Injector()
for nic in NICS:
    guest = Guest(nic=nic)

    @case("%s: the guest boots" % nic)
    def _(guest=guest):
        guest.__enter__()
        link.send(eth(dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, psrc=PEER, hwsrc=PEER_MAC, pdst=GUEST_IP))  # they have met

    for what, frame, reason in CASES:
        @case("%s: %s: %s" % (nic, what, reason))
        def _(guest=guest, frame=frame, reason=reason):
            before = drops(guest)
            link.send(frame)
            after = settled(guest, before, reason)
            changed = {k: after[k] - before.get(k, 0) for k in after if after[k] != before.get(k, 0)}
            check_eq(changed.get(reason), 1, "drops that rose: %s; %s" % (changed, reason))

    @case("%s: two fragments that overlap: FRAG_OVERLAP, and no datagram" % nic)
    def _(guest=guest):
        before = drops(guest)
        link.send(fragment)
        link.send(ip(id=7, frag=4) / Raw(b"y" * 64))
        after = settled(guest, before, "FRAG_OVERLAP")
        check(after.get("FRAG_OVERLAP", 0) > before.get("FRAG_OVERLAP", 0), "drops: %s" % after)

    @case("%s: %d frames with noise in them: it goes on serving" % (nic, NOISE))
    def _(guest=guest):
        rng = random.Random(1)
        models = [bytes(f) for f in (syn, datagram, ping, fragment, eth() / ARP(hwsrc=PEER_MAC, psrc=PEER, pdst=GUEST_IP))]
        for n in range(NOISE):
            b = bytearray(rng.choice(models))
            for _ in range(rng.randrange(1, 5)):
                b[rng.randrange(12, len(b))] = rng.randrange(256)
            link.send(bytes(b[:rng.randrange(15, len(b) + 1)]))
            if n % 256 == 0:
                check_eq(guest.get("/")[0], 200)
        check_eq(guest.get("/")[0], 200)
        check_eq(guest.echo(b"still here"), b"still here")
        note({reason: n for reason, n in drops(guest).items() if n})

    @case("%s: garbage instead of HTTP: 400, and the connection is closed" % nic)
    def _(guest=guest):
        for garbage in (b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nHost a\r\n\r\n", b"\r\n" * 50 + b"x y z\r\n\r\n"):
            with socket.create_connection((guest.ip, 80), 30) as s:
                s.sendall(garbage)
                answer = b""
                while part := s.recv(65536):
                    answer += part
            check(answer.startswith(b"HTTP/1.1 400 "), "%r: %r" % (garbage, answer[:100]))

    @case("%s: each stage of the way accounts for all that it was given" % nic)
    def _(guest=guest):
        stages = json.loads(guest.get("/debug/balance?--json")[2])["stages"]
        check_eq([name for name, s in stages.items() if not s["balanced"]], [], stages)
        for name in ("ip", "reassembly", "icmp"):
            note("%s: %s = %s" % (name, *(" + ".join("%s %d" % i for i in stages[name][side].items() if i[1]) for side in ("in", "out"))))

    @case("%s: it ends without a panic" % nic)
    def _(guest=guest):
        console = guest.console()
        guest.stop()
        check("panic" not in console.lower(), console[-2000:])

BAD_VALUES = ["loglevel=loud", "net.ipv4.tcp_fin_timeout=99999999", "net.ipv4.tcp_sack=maybe", "panic=perhaps",
              "net.ipv4.no_such_thing=1", "app.work=lots", "app.echo=2"]


@case("unusable values of the command line: each is named on the console, and the guest serves")
def _():
    with Guest(net="user", cmdline=" ".join(BAD_VALUES)) as g:
        check_eq(g.get("/")[0], 200)
        console = g.console()
    for word in BAD_VALUES:
        key, value = word.split("=")
        lines = [line for line in console.split("\n") if key in line and value in line and " ".join(BAD_VALUES) not in line]
        check(lines, "nothing on the console about %s:\n%s" % (word, console))
        note(lines[0])


@case("an unusable ip= is named, and the address comes by DHCP")
def _():
    with Guest(net="user", cmdline="ip=10.0.2.300/99") as g:
        check_eq(g.get("/")[0], 200)
        check_in("10.0.2.300/99", g.console())


run()
