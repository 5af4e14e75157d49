#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fragments on their way in, made by hand: the order, duplicates, overlaps, ends and lies of each case, and what comes back.

A row of CASES is what is sent and what the guest and Linux answer; where the two differ, the guest is stricter and the row
says why. `make test-ipcases-peer` runs the same rows against Linux (tests/lib/far.py) and compares with its column."""
import itertools
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from far import GUEST_IP, HOST_IP, LINUX, OTHER, SECONDS, SILENCE, Far
from qemu import NICS, pick
from tap import case, check, check_eq, note, req, run

from scapy.all import ICMP, IP, TCP, IPOption_NOP, Raw

r = random.Random(815)
FLOOD = pick(3000, 100000)
idents = itertools.count(r.randrange(1, 30000))
now = None  # the Far of the running case


def echo(size=1200, ident=None):
    """(id, bytes) of an echo request with a payload of noise; its ICMP id is the fragments' id too."""
    ident = ident or next(idents)
    return ident, bytes(ICMP(id=ident, seq=1) / r.randbytes(size))


def piece(ident, data, start, end, more=None, **kw):
    """The fragment [start, end) of data; more: as it should be, unless told."""
    flags = kw.pop("flags", 0) | (1 if (end < len(data) if more is None else more) else 0)
    return now.ip(**{"id": ident, "flags": flags, "frag": start // 8, "proto": 1, **kw}) / Raw(data[start:end])


def cut(size, *edges, **kw):
    """An echo request cut at these edges: (ident, data, fragments in order)."""
    ident, data = echo(size)
    at = [0, *edges, len(data)]
    return ident, data, [piece(ident, data, a, b, **kw) for a, b in zip(at, at[1:])]


def garbage(size):
    return r.randbytes(size)


# ---------------------------------------------------------------- the cases: each yields frames; its data is answered or not
def whole():
    ident, data = echo(600)
    return ident, data, [now.ip(id=ident, proto=1) / Raw(data)]


def in_order(*edges, order=None, size=1200):
    ident, data, f = cut(size, *edges)
    return ident, data, [f[i] for i in order] if order else f


def all_orders():
    """Six datagrams, one for each order of three pieces; the last stands for all: each must be answered."""
    for order in list(itertools.permutations(range(3)))[:-1]:
        ident, data, f = cut(1200, 400, 800)
        now.send(*[f[i] for i in order])
        check(answered(ident, data), "order %s" % (order,))
    return in_order(400, 800, order=(2, 1, 0))


def twice(which):
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [x for i, x in enumerate(f) for _ in range(2 if i in which else 1)]


def between(start, end, more=True, fill=None, order=(0, "x", 1, 2)):
    """Three pieces at 400 and 800, and another [start, end) with bytes of its own."""
    ident, data, f = cut(1200, 400, 800)
    fake = bytearray(data + bytes(4096))
    fake[start:end] = fill or garbage(end - start)
    x = piece(ident, bytes(fake), start, end, more)
    return ident, data, [x if i == "x" else f[i] for i in order]


def dup_of_other_bytes():
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [f[0], piece(ident, garbage(len(data)), 0, 400, True), f[1], f[2]]


def poisoned():
    """An overlap, and then the whole datagram again under the same id."""
    ident, data, frames = between(200, 600)
    return ident, data, frames + [piece(ident, data, a, b) for a, b in ((0, 400), (400, 800), (800, len(data)))]


def two_ends():
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [f[0], piece(ident, data, 400, 1000, False), f[2], f[1]]


def beyond_the_end():
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [f[0], f[2], piece(ident, data + bytes(800), 1208, 1400, True), f[1]]


def empty(more):
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [piece(ident, data, 400, 400, more), *f]


def odd_length():
    """The first piece has 404 bytes, of which the last four belong to no unit of eight."""
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [piece(ident, data, 0, 404, True), f[1], f[2]]


def death():
    """65528 and 64 bytes: the end lies behind 65535."""
    ident, data = echo(1200)
    return ident, data, [piece(ident, data, 0, 800), now.ip(id=ident, proto=1, frag=8189) / Raw(garbage(64))]


def largest():
    ident, data = echo(65507)
    return ident, data, [piece(ident, data, a, min(a + 1480, len(data))) for a in range(0, len(data), 1480)]


def tiny():
    ident, data = echo(120)
    return ident, data, [piece(ident, data, a, a + 8) for a in range(0, len(data), 8)]


def mixed(**kw):
    """The second piece differs in a part of the key."""
    ident, data, f = cut(1200, 600)
    return ident, data, [f[0], piece(kw.pop("ident", ident), data, 600, len(data), **kw)]


def flagged(flags):
    ident, data, f = cut(1200, 600, flags=flags)
    return ident, data, f


def different_ttls():
    ident, data = echo(1200)
    return ident, data, [piece(ident, data, 0, 600, ttl=3), piece(ident, data, 600, len(data), ttl=200)]


def with_options():
    ident, data = echo(1200)
    return ident, data, [piece(ident, data, 0, 600, options=[IPOption_NOP()] * 4), piece(ident, data, 600, len(data))]


def bad_sum():
    ident, data, _ = cut(1200, 600)
    data = data[:2] + bytes([data[2] ^ 1]) + data[3:]
    return ident, data, [piece(ident, data, 0, 600), piece(ident, data, 600, len(data))]


def to_broadcast_address():
    ident, data = echo(1200)
    return ident, data, [piece(ident, data, a, b, dst="10.77.0.255") for a, b in ((0, 600), (600, len(data)))]


A, S = "answered", "silent"
OVERLAP = "RFC 5722: any overlap ends the datagram, only an exact duplicate is let pass"
REST = "RFC 5722: also what comes later under this id, until its time is over"
# What is sent; what the guest answers; what Linux answers; why the guest is stricter.
CASES = [
    ("no fragment at all", whole, A, A, ""),
    ("two pieces in order", lambda: in_order(600), A, A, ""),
    ("two pieces, the last one first", lambda: in_order(600, order=(1, 0)), A, A, ""),
    ("three pieces in order", lambda: in_order(400, 800), A, A, ""),
    ("three pieces in each of the six orders", all_orders, A, A, ""),
    ("the first piece twice", lambda: twice({0}), A, A, ""),
    ("the middle piece twice", lambda: twice({1}), A, A, ""),
    ("the last piece twice", lambda: twice({2}), A, A, ""),
    ("each piece twice", lambda: twice({0, 1, 2}), A, A, ""),
    ("the first piece again with other bytes: the first to come counts", dup_of_other_bytes, A, A, ""),
    ("a piece that covers the end of one before it", lambda: between(200, 600), S, S, ""),
    ("a piece that covers the beginning of one that is here", lambda: between(200, 600, order=(1, "x", 0, 2)), S, S, ""),
    ("a piece that covers all of another and more", lambda: between(320, 880, order=(1, "x", 0, 2)), S, S, ""),
    ("a piece inside another", lambda: between(80, 160), S, A, OVERLAP),
    ("a piece inside the last one", lambda: between(880, 960, order=(2, "x", 0, 1)), S, A, OVERLAP),
    ("a piece that begins like another and ends later", lambda: between(0, 480), S, S, ""),
    ("a piece that begins like another and ends before", lambda: between(0, 160), S, A, OVERLAP),
    ("a piece that ends like another and begins before", lambda: between(320, 800, order=(0, 1, "x", 2)), S, A, OVERLAP),
    ("an overlap, and the whole again under its id", poisoned, S, A, REST),
    ("two last pieces with different ends", two_ends, S, S, ""),
    ("a piece behind the end", beyond_the_end, S, S, ""),
    ("an empty piece in the middle", lambda: empty(True), A, A, ""),
    ("a piece that is not a multiple of eight, and not the last", odd_length, S, A,
     "RFC 791: such a piece cannot be; Linux cuts it down"),
    ("the end behind 65535", death, S, S, ""),
    ("65535 bytes in 45 pieces", largest, A, A, ""),
    ("pieces of eight bytes", tiny, A, A, ""),
    ("two pieces of different ids", lambda: mixed(ident=9), S, S, ""),
    ("two pieces of different protocols", lambda: mixed(proto=17), S, S, ""),
    ("two pieces from different sources", lambda: mixed(src=OTHER), S, S, ""),
    ("two pieces with DF", lambda: flagged(2), A, A, ""),
    ("two pieces with the reserved flag", lambda: flagged(4), A, A, ""),
    ("two pieces with different TTLs", different_ttls, A, A, ""),
    ("options in the first piece", with_options, A, A, ""),
    ("a wrong ICMP checksum over both pieces", bad_sum, S, S, ""),
    ("pieces to the broadcast address", to_broadcast_address, S, S, ""),
]


def answered(ident, data, limit=SECONDS):
    """Does the echo of these bytes come back? In pieces, where it is larger than the MTU."""
    want, got, size = data[8:], {}, None
    for p in now.frames(limit):
        if IP not in p or p[IP].proto != 1 or p[IP].src != GUEST_IP:
            continue
        ip, payload = p[IP], bytes(p[IP].payload)[:p[IP].len - 4 * p[IP].ihl]
        got.setdefault(ip.id, {})[ip.frag * 8] = payload
        if not ip.flags.MF:
            size = ip.frag * 8 + len(payload)
        mine = got[ip.id]
        joined = b"".join(mine[k] for k in sorted(mine))
        if 0 in mine and mine[0][0] == 0 and int.from_bytes(mine[0][4:6], "big") == ident and len(joined) == size:
            check_eq(joined[8:], want, "the echo")
            return True
    return False


def run_case(make, expected):
    """A (answered) or S (silent, while a ping behind it is answered)."""
    ident, data, frames = make()
    now.send(*frames)
    if answered(ident, data, SECONDS if expected == A else SILENCE):
        return A
    check(now.ping(), "no answer to a ping behind it")
    return S


def start(nic):
    global now
    now = Far(nic)
    now.meet()


def exceeded(idents, limit=SECONDS):
    """The next "reassembly time exceeded" about one of these datagrams."""
    return now.wait(lambda p: ICMP in p and p[ICMP].type == 11 and p[ICMP].code == 1 and
                    int.from_bytes(bytes(p[ICMP].payload)[4:6], "big") in idents, limit)


def cases_for(nic):
    @case("%s: the guest is there" % nic)
    def _():
        start(nic)

    for what, make, here, linux, why in CASES:
        want = linux if LINUX else here
        @case("%s: %s: %s" % (nic, what, want + ("; Linux: %s; %s" % (linux, why) if why and not LINUX else "")))
        def _(make=make, want=want):
            req("1122 3.3.2/reassemble", "791 2.3/fragments", "1122 3.2.1.4")
            check_eq(run_case(make, want), want, "result")

    @case("%s: TCP and UDP headers in pieces of eight bytes are read too" % nic)
    def _():
        syn = bytes(IP(src=HOST_IP, dst=GUEST_IP) / TCP(sport=4321, dport=7, flags="S", seq=1, options=[("MSS", 1460)]))[20:]
        ident = next(idents)
        now.send(*[piece(ident, syn, a, a + 8, proto=6) for a in range(0, len(syn), 8)])
        p = now.wait(lambda p: TCP in p and p[TCP].dport == 4321)
        check(p and p[TCP].flags == "SA", "no SYN-ACK: %r" % p)

    @case("%s: when time is over the sender hears of it if its first piece came, once, and nobody hears of a broadcast" % nic)
    def _():
        req("1122 3.3.2/timeout", "1122 3.2.2/broadcast", "792 time-exceeded")
        ident, data, f = cut(1200, 400, 800)
        second, _, g = cut(1200, 400, 800)
        third, _, b = cut(1200, 400, 800, dst="10.77.0.255")
        now.drain()
        now.send(g[1], g[2], b[0], f[0], f[2])
        p = exceeded([ident, second, third])
        check(p is not None, "no time exceeded")
        check_eq(bytes(p[ICMP].payload)[:28], bytes(f[0][IP])[:28], "what is quoted")
        check(exceeded([ident, second, third], 1) is None, "another error")
        now.send(*[piece(ident, data, a, c) for a, c in ((0, 400), (400, 800), (800, len(data)))])
        check(answered(ident, data), "its id is not free again")

    @case("%s: the largest ping in random order, each piece twice, with overlaps of another id, under %d first fragments" %
          (nic, FLOOD))
    def _():
        req("1122 3.2.2.6/data", "1122 3.3.2/576")
        flood(now)

    @case("%s: a ping is answered still" % nic)
    def _():
        check(now.ping(), "no answer")
        now.close()


def flood(far):
    first = [bytes(far.ip(src="10.78.%d.%d" % (i >> 8 & 255, i & 255), id=r.randrange(65536), flags=1, proto=17) /
                   Raw(bytes(512))) for i in range(512)]
    before = far.guest.rss_mib() if far.guest else 0
    sent = answers = asked = 0
    while sent < FLOOD:
        for _ in range(min(500, FLOOD - sent)):
            b = bytearray(first[sent % 512])
            b[18:20] = r.randbytes(2)
            b[26:30] = bytes([10, 78]) + r.randbytes(2)
            b[24:26] = b"\0\0"
            total = sum(int.from_bytes(b[k:k + 2], "big") for k in range(14, 34, 2))
            total = (total & 0xffff) + (total >> 16)
            b[24:26] = (~(total + (total >> 16)) & 0xffff).to_bytes(2, "big")
            far.send(bytes(b))
            sent += 1
        ident, data, frames = largest()
        bad = [between(200, 600)[2][1] for _ in range(4)]
        shuffled = frames * 2 + bad
        r.shuffle(shuffled)
        for f in shuffled:
            far.send(f)
        asked += 1
        answers += answered(ident, data, 5)
    note("%d of %d pings of 65507 bytes answered beside %d first fragments" % (answers, asked, sent))
    check(answers >= asked * 9 // 10 and answers, "%d of %d answered" % (answers, asked))
    if far.guest:
        after = far.guest.rss_mib()
        note("QEMU has %.0f MiB before, %.0f after" % (before, after))
        check(after < before + 64, "memory grows: %.0f MiB, then %.0f" % (before, after))


for n in pick(NICS[:1], NICS) if not LINUX else ["Linux"]:
    cases_for(n)
run()
