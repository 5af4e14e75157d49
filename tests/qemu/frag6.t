#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fragments of IPv6 on their way in, made by hand: order, duplicates, overlaps, ends and lies of each case, and what comes back
(RFC 8200 4.5, 5722, 6946, 6980, 7112).

A row of CASES is what is sent and what is answered: the echo (A), nothing (S), or a parameter problem of a code (P0, P1, P3).
Behind each silence an honest echo is answered."""
import itertools
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from far6 import FE80, GUEST6, HOST6, OTHER6, SECONDS, SILENCE, Far6, echo_request
from qemu import NICS, pick
from tap import case, check, check_eq, note, req, run

from scapy.all import (ICMPv6EchoReply, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6,
                       IPv6ExtHdrFragment, TCP, UDP)

r = random.Random(8200)
FLOOD = pick(3000, 100000)
idents = itertools.count(r.randrange(1, 30000))
now = None  # the Far6 of the running case


def header(ident, off, more, nh=58, reserved=0):
    """A fragment header; off in bytes."""
    return bytes([nh, reserved]) + (off & 0xfff8 | (reserved & 3) << 1 | bool(more)).to_bytes(2, "big") + ident.to_bytes(4, "big")


def piece(ident, data, start, end, more=None, nh=58, before=b"", reserved=0, first_nh=None, **kw):
    """The fragment [start, end) of data; more: as it should be, unless told. before: extension headers in front of it."""
    more = end < len(data) if more is None else more
    payload = before + header(ident, start, more, nh, reserved) + data[start:end]
    return bytes(now.ip(nh=first_nh if before else 44, plen=len(payload), **kw)) + payload


def echo(size=1200, **kw):
    ident = next(idents)
    return ident, echo_request(ident, r.randbytes(size), **kw)


def cut(size, *edges, **kw):
    """An echo request cut at these edges: (ident, data, fragments in order)."""
    ident, data = echo(size)
    at = [0, *edges, len(data)]
    return ident, data, [piece(ident, data, a, b, **kw) for a, b in zip(at, at[1:])]


# ---------------------------------------------------------------- the cases: (ident, data, frames)
def plain():
    ident, data = echo(600)
    return ident, data, [bytes(now.ip(nh=58, plen=len(data))) + data]


def in_order(*edges, order=None, size=1200, **kw):
    ident, data, f = cut(size, *edges, **kw)
    return ident, data, [f[i] for i in order] if order else f


def all_orders():
    """Each order of three pieces must be answered; the last stands for all."""
    for order in list(itertools.permutations(range(3)))[:-1]:
        ident, data, f = cut(1200, 400, 800)
        now.send(*[f[i] for i in order])
        check(answered(ident, data), "order %s" % (order,))
    return in_order(400, 800, order=(2, 1, 0))


def twice(which):
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [x for i, x in enumerate(f) for _ in range(2 if i in which else 1)]


def between(start, end, more=True, order=(0, "x", 1, 2)):
    """Three pieces at 400 and 800, and another [start, end) with bytes of its own."""
    ident, data, f = cut(1200, 400, 800)
    fake = bytearray(data + bytes(4096))
    fake[start:end] = r.randbytes(end - start)
    x = piece(ident, bytes(fake), start, end, more)
    return ident, data, [x if i == "x" else f[i] for i in order]


def dup_of_other_bytes():
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [f[0], piece(ident, r.randbytes(len(data)), 0, 400, True), f[1], f[2]]


def poisoned():
    ident, data, frames = between(200, 600)
    return ident, data, frames + [piece(ident, data, a, b) for a, b in ((0, 400), (400, 800), (800, len(data)))]


def two_ends():
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [f[0], piece(ident, data, 400, 1000, False), f[2], f[1]]


def beyond_the_end():
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [f[0], f[2], piece(ident, data + bytes(800), 1208, 1400, True), f[1]]


def odd_length():
    ident, data, _ = cut(1200, 400, 800)
    return ident, data, [piece(ident, data, 0, 404, True)]


def death():
    ident, data = echo(1200)
    return ident, data, [piece(ident, bytes(65528) + bytes(64), 65528, 65592, False)]


def largest():
    ident, data = echo(65527)
    return ident, data, [piece(ident, data, a, min(a + 1448, len(data))) for a in range(0, len(data), 1448)]


def tiny():
    ident, data = echo(120)
    return ident, data, [piece(ident, data, a, a + 8) for a in range(0, len(data), 8)]


def mixed(other=None, **kw):
    """The second piece differs in one thing."""
    ident, data, f = cut(1200, 600)
    return ident, data, [f[0], piece(other or ident, data, 600, len(data), **kw)]


OPTIONS = b"\x01\x04\0\0\0\0"


def with_options(chain, second=True):
    """Extension headers in front of the fragment header of the first piece, and (second) of the other."""
    ident, data = echo(1200)
    before, nh = bytes([44, 0]) + OPTIONS, 60 if chain == "destination" else 0
    other = {"before": before, "first_nh": nh} if second else {}
    return ident, data, [piece(ident, data, 0, 600, before=before, first_nh=nh), piece(ident, data, 600, len(data), **other)]


def options_inside(broken=False):
    """Destination options behind the fragment header; broken: they are not all in the first piece."""
    ident, data = echo(1200)
    inside = bytes([58, 2 if broken else 0]) + OPTIONS + (b"\x1e\x0e" + bytes(14) if broken else b"")
    edge = 8 if broken else 600
    return ident, data, [piece(ident, inside + data, a, b, nh=60) for a, b in ((0, edge), (edge, len(inside + data)))]


def nested():
    ident, data = echo(400)
    inner = header(ident + 1, 0, False) + data
    return ident, data, [piece(ident, inner, a, b, nh=44) for a, b in ((0, 200), (200, len(inner)))]


def atomic(beside=False, reserved=0):
    ident, data = echo(400)
    first = [piece(ident, data, 0, 200, True)] if beside else []
    return ident, data, first + [piece(ident, data, 0, len(data), False, reserved=reserved)]


def short_header():
    ident, data = echo(400)
    return ident, data, [bytes(now.ip(nh=44, plen=7)) + header(ident, 0, True)[:7]]


def padded():
    ident, data = echo(20)
    return ident, data, [f + bytes(30) for f in (piece(ident, data, 0, 16), piece(ident, data, 16, len(data)))]


def bad_sum():
    ident, data = echo(1200)
    data = data[:2] + bytes([data[2] ^ 1]) + data[3:]
    return ident, data, [piece(ident, data, 0, 600), piece(ident, data, 600, len(data))]


def half_a_header(proto, size):
    """The first piece ends inside the transport's header (RFC 7112)."""
    ident, data = next(idents), bytes(64)
    return ident, data, [piece(ident, data, 0, size, True, nh=proto)]


def one_of(ident_of_other):
    ident, data, f = cut(1200, 400, 800)
    return ident, data, [f[i] for i in ident_of_other]


A, S = "answered", "silent"
P0, P1, P3 = "parameter problem 0", "parameter problem 1", "parameter problem 3"
CASES = [
    ("no fragment at all", plain, A),
    ("two pieces in order", lambda: in_order(600), A),
    ("two pieces, the last one first", lambda: in_order(600, order=(1, 0)), A),
    ("three pieces in each of the six orders", all_orders, A),
    ("the first piece twice", lambda: twice({0}), A),
    ("the middle piece twice", lambda: twice({1}), A),
    ("the last piece twice", lambda: twice({2}), A),
    ("each piece twice", lambda: twice({0, 1, 2}), A),
    ("the first piece again with other bytes: the first to come counts", dup_of_other_bytes, A),
    ("a piece that covers the end of one before it", lambda: between(200, 600), S),
    ("a piece that covers the last eight bytes of one before it", lambda: between(392, 800), S),
    ("a piece that covers the beginning of one that is here", lambda: between(200, 600, order=(1, "x", 0, 2)), S),
    ("a piece that covers the first eight bytes of one that is here", lambda: between(0, 408, order=(1, "x", 0, 2)), S),
    ("a piece that covers all of another and more", lambda: between(320, 880, order=(1, "x", 0, 2)), S),
    ("a piece that covers all of two others", lambda: between(0, 800, order=(0, 1, "x", 2)), S),
    ("a piece inside another", lambda: between(80, 160), S),
    ("a piece inside the last one", lambda: between(880, 960, order=(2, "x", 0, 1)), S),
    ("a piece that begins like another and ends later", lambda: between(0, 480), S),
    ("a piece that begins like another and ends before", lambda: between(0, 160), S),
    ("a piece that ends like another and begins before", lambda: between(320, 800, order=(0, 1, "x", 2)), S),
    ("an overlap, and the whole again under its identification", poisoned, S),
    ("two last pieces with different ends", two_ends, S),
    ("a piece behind the end", beyond_the_end, S),
    ("an empty piece in the middle", lambda: between(400, 400), A),
    ("a piece that is no multiple of eight, and not the last", odd_length, P0),
    ("the end behind 65535", death, P0),
    ("65535 bytes in 46 pieces", largest, A),
    ("pieces of eight bytes", tiny, A),
    ("the first piece alone", lambda: one_of((0,)), S),
    ("without the first piece", lambda: one_of((1, 2)), S),
    ("without the middle piece", lambda: one_of((0, 2)), S),
    ("without the last piece", lambda: one_of((0, 1)), S),
    ("two pieces of different identifications", lambda: mixed(other=9), S),
    ("two pieces from different sources", lambda: mixed(src=OTHER6), S),
    ("two pieces to different addresses", lambda: mixed(dst="ff02::1"), S),
    ("a second piece that names another next header", lambda: mixed(nh=17), A),
    ("a second piece of another hop limit and class", lambda: mixed(hlim=3, tc=0x20), A),
    ("destination options before the fragment header of both", lambda: with_options("destination"), A),
    ("hop-by-hop options before the fragment header of both", lambda: with_options("hop"), A),
    ("destination options before that of the first alone", lambda: with_options("destination", second=False), A),
    ("destination options behind the fragment header", options_inside, A),
    ("destination options that end in the second piece", lambda: options_inside(broken=True), P3),
    ("a fragment header inside the whole", nested, P1),
    ("a fragment that is the whole", atomic, A),
    ("the same beside a piece of its identification", lambda: atomic(beside=True), A),
    ("the same with the reserved bits set", lambda: atomic(reserved=255), A),
    ("a fragment header that is cut off", short_header, S),
    ("frames with padding behind the packet", padded, A),
    ("a wrong checksum over both pieces", bad_sum, S),
    ("half a TCP header in the first piece", lambda: half_a_header(6, 16), P3),
    ("a UDP header in the second piece", lambda: half_a_header(17, 0), P3),
]


def answered(ident, data, limit=SECONDS):
    """Does the echo of these bytes come back? In pieces, where it is larger than the MTU."""
    want, got, size = data[8:], {}, {}
    for p in now.packets(limit):
        payload = bytes(p)[40:40 + p.plen]
        if p.nh == 58 and payload[0] == 129 and payload[4:6] == data[4:6]:
            check_eq(payload[8:], want, "the echo")
            return True
        if p.nh != 44:
            continue
        key, at = payload[4:8], int.from_bytes(payload[2:4], "big")
        mine = got.setdefault(key, {})
        mine[at & 0xfff8] = payload[8:]
        if not at & 1:
            size[key] = (at & 0xfff8) + len(payload) - 8
        joined = b"".join(mine[k] for k in sorted(mine))
        if 0 in mine and joined[4:6] == data[4:6] and len(joined) == size.get(key):
            check_eq(joined[8:], want, "the echo")
            return True
    return False


def problem_of(code):
    p = now.wait(lambda p: ICMPv6ParamProblem in p or ICMPv6EchoReply in p)
    check(p is not None and ICMPv6ParamProblem in p, "no parameter problem but %r" % p)
    check_eq(p[ICMPv6ParamProblem].code, code, "code")
    return "parameter problem %d" % code


def run_case(make, expected):
    """What came back; behind a silence a ping is answered."""
    now.drain()
    ident, data, frames = make()
    now.send(*frames)
    if expected in (P0, P1, P3):
        return problem_of(int(expected[-1]))
    if answered(ident, data, SECONDS if expected == A else SILENCE):
        return A
    check(now.ping(), "no answer to a ping behind it")
    return S


def exceeded(limit=SECONDS):
    return now.wait(lambda p: ICMPv6TimeExceeded in p and p[ICMPv6TimeExceeded].code == 1, limit)


def cases_for(nic):
    @case("%s: the guest is there" % nic)
    def _():
        global now
        now = Far6(nic, "net.ipv6.ip6frag_time=2")

    for what, make, want in CASES:
        @case("%s: %s: %s" % (nic, what, want))
        def _(make=make, want=want):
            req("8200 4.5/reassemble", "8200 4.5/overlap", "8200 4.5/atomic", "8200 4.5/nexthdr", "8200 4.5/headers", "5722 4",
                "6946 4", "7112 5")
            check_eq(run_case(make, want), want, "result")

    @case("%s: datagrams and streams whose first packets come in pieces are served" % nic)
    def _():
        ident = next(idents)
        datagram = bytes(IPv6(src=HOST6, dst=GUEST6) / UDP(sport=4321, dport=7) / r.randbytes(1000))[40:]
        now.send(*[piece(ident, datagram, a, b, nh=17) for a, b in ((400, len(datagram)), (0, 400))])
        p = now.wait(lambda p: UDP in p and p[UDP].dport == 4321)
        check(p and bytes(p[UDP].payload) == datagram[8:], "no echo of the datagram: %r" % p)
        syn = bytes(IPv6(src=HOST6, dst=GUEST6) / TCP(sport=4321, dport=7, flags="S", seq=1, options=[("MSS", 1440)] * 2))[40:]
        now.send(*[piece(ident + 1, syn, a, b, nh=6) for a, b in ((0, 24), (24, len(syn)))])
        p = now.wait(lambda p: TCP in p and p[TCP].dport == 4321)
        check(p and p[TCP].flags == "SA", "no SYN-ACK: %r" % p)

    @case("%s: neighbour discovery in pieces is not listened to" % nic)
    def _():
        req("6980 5")
        group = "ff02::1:ff00:2"
        asks = bytes(IPv6(src=FE80, dst=group, hlim=255) / ICMPv6ND_NS(tgt=GUEST6))[40:]
        now.drain()
        now.send(*[piece(next(idents), asks, 0, len(asks), False, src=FE80, dst=group, hlim=255)])
        check(now.wait(lambda p: ICMPv6ND_NA in p and p.dst == FE80, SILENCE) is None, "it was answered")
        check(now.ping(), "no answer to a ping behind it")

    @case("%s: when time is over the sender hears of it if its first piece came, once" % nic)
    def _():
        req("8200 4.5/timeout", "4443 3.3")
        while exceeded(3) is not None:  # of the cases above
            pass
        ident, data, f = cut(1200, 400, 800)
        _, _, g = cut(1200, 400, 800)
        now.send(g[1], g[2], f[0], f[2])
        p = exceeded()
        check(p is not None, "no time exceeded")
        check_eq(bytes(p[ICMPv6TimeExceeded])[8:8 + 48], f[0][14:14 + 48], "what is quoted")
        check(exceeded(1) is None, "another error")
        now.send(*[piece(ident, data, a, c) for a, c in ((0, 400), (400, 800), (800, len(data)))])
        check(answered(ident, data), "its identification is not free again")

    @case("%s: the largest ping in random order, each piece twice, under %d first fragments" % (nic, FLOOD))
    def _():
        flood()

    @case("%s: frames and buffers balance" % nic)
    def _():
        check(now.ping(), "no answer")
        check("balanced" in now.guest.get("/debug/balance")[2].decode(), "the sums do not agree")
        now.close()


def flood():
    first = bytearray(piece(1, bytes(1024), 0, 512, nh=17))
    before, sent, asked, answers = now.guest.rss_mib(), 0, 0, 0
    while sent < FLOOD:
        for _ in range(min(500, FLOOD - sent)):
            first[26:38] = r.randbytes(12)  # of the source's 16, the net 2001:db8 is left
            first[58:62] = r.randbytes(4)
            now.send(bytes(first))
            sent += 1
        ident, data, frames = largest()
        shuffled = frames * 2
        r.shuffle(shuffled)
        now.send(*shuffled)
        asked += 1
        answers += answered(ident, data, 5)
    after = now.guest.rss_mib()
    note("%d of %d pings of 65535 bytes answered beside %d first fragments; QEMU has %.0f MiB before, %.0f after" %
         (answers, asked, sent, before, after))
    check(answers and answers >= asked * 9 // 10, "%d of %d answered" % (answers, asked))
    check(after < before + 64, "memory grows: %.0f MiB, then %.0f" % (before, after))


for n in pick(NICS[:1], NICS):
    cases_for(n)
run()
