#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Path MTU discovery, seen from a router that says "fragmentation needed": what lowers a path's MTU, how fast that is followed,
how low it can be made, and which messages are not believed (RFC 1191, RFC 5927).

The far end speaks TCP by hand with the echo server and is also the router. `make test-ipcases-peer` runs the same cases
against Linux (tests/lib/far.py)."""
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from far import HOST_IP, LINUX, OTHER, SECONDS, Far
from qemu import NICS, pick
from tap import case, check, check_eq, note, req, run

from scapy.all import ICMP, IP, TCP, Raw

r = random.Random(1191)
ports = iter(range(20000, 60000))
now = None


class Flow:
    """A connection to the echo server, spoken by hand: what we send comes back as segments that we may leave unacknowledged."""

    def __init__(self, src=HOST_IP, mss=1460):
        self.src, self.port, self.seq = src, next(ports), r.randrange(1 << 31)
        self.tell("S", options=[("MSS", mss)])
        p = self.next(lambda t: t.flags == "SA")
        check(p is not None, "no SYN-ACK")
        self.synack, self.seq, self.ack = p, self.seq + 1, p[TCP].seq + 1
        self.tell("A")

    def tell(self, flags, data=b"", **kw):
        head = TCP(sport=self.port, dport=7, flags=flags, seq=self.seq, ack=getattr(self, "ack", 0), window=65535, **kw)
        now.send(now.ip(src=self.src) / head / data)

    def is_mine(self, p):
        return TCP in p and p[TCP].dport == self.port and p[IP].dst == self.src

    def next(self, wanted, limit=SECONDS):
        return now.wait(lambda p: self.is_mine(p) and wanted(p[TCP]), limit)

    def say(self, size):
        """Sends `size` bytes, in segments of the full size."""
        for at in range(0, size, 1460):
            part = bytes(min(1460, size - at))
            self.tell("PA", part)
            self.seq += len(part)

    def segments(self, limit=SECONDS):
        """Yields the data segments that come, as they come: (seq, length, packet)."""
        for p in now.frames(limit):
            if self.is_mine(p):
                size = p[IP].len - 4 * p[IP].ihl - 4 * p[TCP].dataofs
                if size:
                    yield p[TCP].seq, size, p

    def take(self, seq, size):
        self.ack = max(self.ack, seq + size)
        self.tell("A")

    def open_up(self, least=1400):
        """Echoes until a segment of at least this size is in flight, unacknowledged: (seq, length, packet)."""
        for _ in range(10):
            self.say(4000)
            for seq, size, p in self.segments(1):
                if p[IP].len >= least:
                    return seq, size, p
                self.take(seq, size)
        raise AssertionError("no large segment")

    def end(self):
        self.tell("RA")


def too_big(p, mtu, src=HOST_IP, quote=28, code=4, **changes):
    """The router's message about p, with fields of the quoted headers changed."""
    q = p[IP].copy()
    for k, v in changes.items():
        setattr(q[TCP] if k in ("seq", "sport", "dport") else q, k, v)
    m = ICMP(type=3, code=code, nexthopmtu=mtu) / Raw(bytes(q)[:quote])
    return now.ip(src=src) / m


def sizes_after(flow, seq, limit):
    """The packets that carry the byte `seq` again within the limit: their IP lengths."""
    return [p[IP].len for q, n, p in flow.segments(limit) if q <= seq < q + n]


def believed(flow, seq, mtu):
    """The segment that was too big comes again, small enough, at once: not after a timeout (three would have passed)."""
    start = time.monotonic()
    for q, n, p in flow.segments():
        if q == seq and p[IP].len <= mtu:
            return p[IP].len, time.monotonic() - start, bool(p[IP].flags.DF)
    raise AssertionError("it does not come again")


def shown(path):
    """The MTU that answers to `path` have: a large echo to it comes in fragments of at most that."""
    ident = r.randrange(1, 65536)
    data = bytes(1400)
    now.send(now.ip(src=path, id=ident) / ICMP(id=ident, seq=1) / data)
    largest = got = 0
    for p in now.frames(SECONDS):
        if IP in p and p[IP].proto == 1 and p[IP].dst == path:
            largest = max(largest, p[IP].len)
            got += p[IP].len - 20
            if got >= 1408:
                return largest
    return 0


sources = ("10.77.1.%d" % i for i in range(1, 250))  # each case has a path of its own


def path():
    return next(sources)


# A message that is not believed: (what, how it is made from the segment p that is in flight).
FORGED = [
    ("one that quotes a sequence number never sent", lambda p: too_big(p, 600, seq=(p[TCP].seq + 0x40000000) & 0xffffffff)),
    ("one that quotes a sequence number long acknowledged", lambda p: too_big(p, 600, seq=(p[TCP].seq - 0x100000) & 0xffffffff)),
    ("one about another connection", lambda p: too_big(p, 600, dport=p[TCP].dport ^ 1)),
    ("one about a packet of another host", lambda p: too_big(p, 600, src=HOST_IP, dst=OTHER)),
    ("one about a packet that was not ours", lambda p: quoted_src(p)),
    ("one that quotes less than eight bytes", lambda p: too_big(p, 600, quote=24)),
    ("one with a wrong checksum", lambda p: bad_sum(too_big(p, 600))),
    ("one larger than what is known", lambda p: too_big(p, 9000)),
    ("one as large as what is known", lambda p: too_big(p, 1500)),
]


def quoted_src(p):
    q = p[IP].copy()
    q.src = OTHER
    return now.ip() / ICMP(type=3, code=4, nexthopmtu=600) / Raw(bytes(q)[:28])


def bad_sum(frame):
    b = bytearray(bytes(frame))
    b[36] ^= 0xff
    return bytes(b)


def cases_for(nic):
    @case("%s: the guest is there" % nic)
    def _():
        global now
        now = Far(nic)
        now.meet()

    @case("%s: segments have DF and the size that the other end's MSS allows" % nic)
    def _():
        req("1191 3/df", "1122 3.3.3/mms")
        f = Flow(path())
        seq, size, p = f.open_up()
        check_eq((p[IP].len, bool(p[IP].flags.DF)), (1500, True), "a segment")
        f.end()

    @case("%s: a segment that was too big comes again at once, small enough" % nic)
    def _():
        req("1191 3", "1191 6.4", "1122 3.2.2.1/pass")
        f = Flow(path())
        seq, size, p = f.open_up()
        now.send(too_big(p, 1000))
        length, seconds, df = believed(f, seq, 1000)
        note("%d bytes, after %.0f ms" % (length, seconds * 1000))
        check(length > 900 and df, "%d bytes, DF %s" % (length, df))
        f.end()

    @case("%s: what a path takes is known to those who come later" % nic)
    def _():
        req("1191 5.2/cache")
        way = path()
        f = Flow(way)
        seq, size, p = f.open_up()
        now.send(too_big(p, 1100))
        believed(f, seq, 1100)
        f.end()
        f = Flow(way)
        check_eq(f.open_up(900)[2][IP].len, 1100, "the next connection's segment")
        # RFC 9293 3.7.1: the MSS offered speaks of what comes in. Linux makes the path the same for both ways.
        check_eq(dict(f.synack[TCP].options)["MSS"], 1060 if LINUX else 1460, "the MSS that is offered")
        f.end()
        check(shown(way) <= 1100, "an echo leaves whole")
        f = Flow(path())
        check_eq(f.open_up()[2][IP].len, 1500, "another path's segment")
        f.end()

    @case("%s: it may shrink again, and never grows by a message" % nic)
    def _():
        req("1191 6.3/grow")
        f = Flow(path())
        seq, size, p = f.open_up()
        now.send(too_big(p, 1300))
        believed(f, seq, 1300)
        now.send(too_big(p, 800))
        believed(f, seq, 800)
        now.send(too_big(p, 1400))
        lengths = sizes_after(f, seq, 1.5)
        check(all(n <= 800 for n in lengths), "it grew: %r" % lengths)
        f.end()

    @case("%s: below 552 it is not made: there it is for routers to cut what is larger" % nic)
    def _():
        req("1191 3/floor", "5927 7.2/least")
        f = Flow(path())
        seq, size, p = f.open_up()
        now.send(too_big(p, 68))
        length, _, df = believed(f, seq, 552)
        check(length > 500 and not df, "%d bytes, DF %s" % (length, df))
        f.end()

    @case("%s: a router that tells no MTU is %s" % (nic, "taken as 552" if LINUX else "met with the next plateau"))
    def _():
        req("1191 5/plateau")
        f = Flow(path())
        seq, size, p = f.open_up()
        now.send(too_big(p, 0))
        length, _, df = believed(f, seq, 1499)
        check_eq((length, df), (552, False) if LINUX else (1492, True), "length, DF")
        f.end()

    for what, forge in FORGED:
        @case("%s: %s is not believed" % (nic, what))
        def _(forge=forge):
            req("5927 4.1", "5927 7.2/raise")
            f = Flow(path())
            seq, size, p = f.open_up()
            now.send(forge(p))
            lengths = [p[IP].len for q, n, p in f.segments(0.7) if q == seq]
            check(all(n == 1500 for n in lengths), "it shrank: %r" % lengths)
            f.take(seq, size)
            check(f.open_up()[2][IP].len == 1500, "it shrank")
            f.end()

    @case("%s: a ping is answered still" % nic)
    def _():
        check(now.ping(), "no answer")
        now.close()


for n in pick(NICS[:1], NICS) if not LINUX else ["Linux"]:
    cases_for(n)
run()
