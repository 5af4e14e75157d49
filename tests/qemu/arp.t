#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ARP and the neighbour table, seen from the other end of the link: who is answered, what is learned from whom, how often is
asked, and what cannot be made to be believed.

A row of CASES says what the guest and Linux do; where they differ the guest is stricter, or says more, and the row says why.
`make test-ipcases-peer` runs the same rows against Linux (tests/lib/far.py)."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from far import FAR_MAC, GUEST_IP, HOST_IP, LINUX, NEAR_MAC, OTHER, OTHER_MAC, SECONDS, SILENCE, Far
from guest import Typed
from qemu import NICS, pick
from tap import case, check, check_eq, req, run

from scapy.all import ARP, ICMP, IP, Ether

ALL, ZERO, GROUP = "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:05"
MOVED_MAC, STRANGER, STRANGER_MAC = "02:00:00:00:00:99", "10.77.0.77", "02:00:00:00:00:77"
# A neighbour grows stale after a second, is used for 200 ms more, is asked three times in 200 ms each.
RETRANS = "net.ipv4.neigh.default.retrans_time_ms"
TIMES = {"net.ipv4.neigh.default.base_reachable_time_ms": 1000, RETRANS: 200,
         **({"net.ipv4.neigh.default.delay_first_probe_time": 1} if LINUX else
            {"net.ipv4.neigh.default.delay_first_probe_time_ms": 1000})}
now = None


def arp(dst=ALL, src=FAR_MAC, cut=None, **kw):
    a = {"op": 1, "hwsrc": src, "psrc": HOST_IP, "hwdst": ZERO, "pdst": GUEST_IP, **kw}
    b = bytes(Ether(src=src, dst=dst, type=0x0806) / ARP(**a))
    return b[:cut] if cut else b + bytes(60 - len(b))


def reply_to(p, ip=HOST_IP):
    return ARP in p and p[ARP].op == 2 and p[ARP].pdst == ip


def asks_for(ip):
    return lambda p: ARP in p and p[ARP].op == 1 and p[ARP].pdst == ip and p[ARP].psrc != ip


def answered(frame, to=HOST_IP):
    now.send(frame)
    p = now.wait(lambda p: reply_to(p, to))
    if p:
        check_eq((p[ARP].hwsrc, p[ARP].psrc, p.src), (NEAR_MAC, GUEST_IP, NEAR_MAC), "the answer")
    return p


def refused(frame, to=HOST_IP):
    """No answer, while a proper request behind it is answered."""
    now.send(frame)
    silent = now.silent(lambda p: reply_to(p, to))
    check(answered(arp()), "a proper request is not answered")
    return silent


A, S = "answered", "silent"
BROKEN = "no station has a group address"
# What is asked; what the guest does; what Linux does; why they differ.
REQUESTS = [
    ("a request to all", lambda: arp(), A, A, ""),
    ("a request to us alone (unicast poll)", lambda: arp(dst=NEAR_MAC), A, A, ""),
    ("a request for somebody else", lambda: arp(pdst="10.77.0.3"), S, S, ""),
    ("a request for the loopback address", lambda: arp(pdst="127.0.0.1"), S, S, ""),
    ("a request for the broadcast address of the net", lambda: arp(pdst="10.77.0.255"), S, S, ""),
    ("a request for a group", lambda: arp(pdst="224.0.0.1"), S, S, ""),
    ("a request for 0.0.0.0", lambda: arp(pdst="0.0.0.0"), S, S, ""),
    ("a request to a station that is not us", lambda: arp(dst="02:00:00:00:00:aa"), S, S, ""),
    ("a request of another hardware", lambda: arp(hwtype=32, hwlen=6), S, S, ""),
    ("a request for another protocol", lambda: arp(ptype=0x86dd, plen=4), S, S, ""),
    ("hardware addresses of another length", lambda: arp(hwlen=8), S, S, ""),
    ("protocol addresses of another length", lambda: arp()[:19] + b"\x10" + arp()[20:], S, S, ""),
    ("the opcode of RARP", lambda: arp(op=3), S, S, ""),
    ("an opcode that does not exist", lambda: arp(op=77), S, S, ""),
    ("a request cut short", lambda: arp(cut=40), S, S, ""),
    ("a request with zeros and then noise behind it", lambda: arp() + os.urandom(200), A, A, ""),
    ("a request from a group address of the link", lambda: arp(hwsrc=GROUP), S, A, BROKEN),
    ("a request from the broadcast address of the link", lambda: arp(hwsrc=ALL), S, A, BROKEN),
    ("a request from no link address", lambda: arp(hwsrc=ZERO), S, A, "no station has none"),
    ("a request from our own link address", lambda: arp(hwsrc=NEAR_MAC), S, A, "it is ours: an echo of the link or a forgery"),
    ("a request from an IP group", lambda: arp(psrc="224.0.0.9"), S, S, ""),
    ("a request from 255.255.255.255", lambda: arp(psrc="255.255.255.255"), S, S, ""),
    ("a request from the loopback address", lambda: arp(psrc="127.0.0.1"), S, S, ""),
]


def echo_goes_to(address):
    """The link address that an answer to this IP address goes to, once it is not asked for any more."""
    ident = int.from_bytes(os.urandom(2), "big")
    now.send(now.ip(src=address) / ICMP(id=ident, seq=1))
    p = now.wait(lambda p: ICMP in p and p[IP].dst == address and p[ICMP].id == ident)
    return p and p.dst


def learned(*frames, address=STRANGER):
    """Do these frames give an address that was never heard of an entry? Then nobody is asked before the answer."""
    now.owned.pop(address, None)
    now.send(*frames)
    now.send(now.ip(src=address) / ICMP(id=1, seq=1))
    p = now.wait(lambda p: asks_for(address)(p) or (ICMP in p and p[IP].dst == address))
    check(p is not None, "neither asked nor answered")
    return ICMP in p


# What the guest learns from whom: (what, what is sent, does it learn, does Linux).
LEARNING = [
    ("a gratuitous request of a stranger", lambda: arp(src=STRANGER_MAC, psrc=STRANGER, pdst=STRANGER), False, False),
    ("a gratuitous reply of a stranger", lambda: arp(src=STRANGER_MAC, op=2, psrc=STRANGER, pdst=STRANGER), False, False),
    ("a reply that nobody asked for", lambda: arp(dst=NEAR_MAC, src=STRANGER_MAC, op=2, psrc=STRANGER, hwdst=NEAR_MAC),
     False, False),
    ("a request for somebody else", lambda: arp(src=STRANGER_MAC, psrc=STRANGER, pdst="10.77.0.3"), False, False),
    ("a request for us", lambda: arp(src=STRANGER_MAC, psrc=STRANGER), True, True),
]


def cases_for(nic):
    @case("%s: the guest is there" % nic)
    def _():
        global now
        now = Far(nic, TIMES, kind=Typed)
        if not LINUX:
            now.guest.type("")
        now.meet()

    for what, frame, here, linux, why in REQUESTS:
        want = linux if LINUX else here
        @case("%s: %s: %s" % (nic, what, want + ("; Linux: %s; %s" % (linux, why) if why and not LINUX else "")))
        def _(frame=frame, want=want):
            req("826 ignore", "826 reply", "826 others")
            f = frame()
            if want == A:
                p = answered(f)
                check(p is not None, "no answer")
            else:
                check(refused(f), "answered")

    @case("%s: a probe, whose sender has no address yet, is answered to its link address" % nic)
    def _():
        req("5227 2.1.1/answer")
        p = answered(arp(psrc="0.0.0.0"), "0.0.0.0")
        check(p and p.dst == FAR_MAC, "no answer to it: %r" % p)

    @case("%s: the answer goes to the sender that the packet names, not to the frame's" % nic)
    def _():
        p = answered(arp(src=OTHER_MAC, hwsrc=FAR_MAC))
        check(p and p.dst == FAR_MAC and p[ARP].hwdst == FAR_MAC, "it went to %s" % (p and p.dst))

    for number, (what, frame, here, linux) in enumerate(LEARNING):
        @case("%s: %s: %s" % (nic, what, "learned from" if here else "not learned from"))
        def _(frame=frame, want=linux if LINUX else here, address="10.77.0.%d" % (100 + number)):
            global STRANGER
            req("826 create")
            STRANGER = address
            check_eq(learned(frame(), address=address), want, "learned")

    @case("%s: a neighbour that moved is believed, but not twice within a second" % nic)
    def _():
        req("826 merge")
        check_eq(echo_goes_to(OTHER), OTHER_MAC)
        time.sleep(1.2)
        # At once, or a slow machine has the second a second later. Linux lets what is gratuitous pass at any time; here two hosts
        # that fight for an address take turns slowly.
        now.send(arp(src=MOVED_MAC, psrc=OTHER, pdst=OTHER), arp(src=STRANGER_MAC, psrc=OTHER, pdst=OTHER))
        took = echo_goes_to(OTHER)
        check_eq(took, STRANGER_MAC if LINUX else MOVED_MAC, "after a claim at once")
        now.owned[OTHER] = took

    @case("%s: a conflict about our address is %s" % (nic, "ignored" if LINUX else "defended, and not twice within ten seconds"))
    def _():
        req("5227 2.4/defend", "5227 2.4/interval")
        claim = arp(src=STRANGER_MAC, psrc=GUEST_IP, pdst=GUEST_IP)
        now.send(claim, claim, claim)
        announces = lambda p: ARP in p and p[ARP].psrc == GUEST_IP == p[ARP].pdst
        check(LINUX or now.wait(announces), "no announcement")
        check(now.silent(announces), "one more announcement")
        check_eq(echo_goes_to(HOST_IP), FAR_MAC, "after the claim")

    @case("%s: nobody answers: three requests, one at a time, and then no more" % nic)
    def _():
        req("1122 2.3.2.1/flood")
        silent = "10.77.0.90"
        now.set(RETRANS, 1000)  # longer than what is between a frame's leaving and its time on this side
        now.send(*[bytes(now.ip(src=silent) / ICMP(id=9, seq=1))] * 20)
        asked = [now.wait(asks_for(silent)) for _ in range(3)]
        check(all(asked), "fewer than three: %r" % asked)
        check_eq({p.dst for p in asked}, {ALL}, "to")
        at = [p.time for p in asked]
        check(all(b - a > 0.5 for a, b in zip(at, at[1:])), "too close: %r" % at)
        check(now.silent(asks_for(silent), 1.5), "a fourth")

    @case("%s: what waited for an answer leaves when it comes" % nic)
    def _():
        req("1122 2.3.2.2")
        late, mac = "10.77.0.91", "02:00:00:00:00:91"
        now.set(RETRANS, 60000)  # which is how late this side may be
        now.send(*[now.ip(src=late) / ICMP(id=70 + i, seq=1) for i in range(3)])
        q = now.wait(asks_for(late))
        check(q is not None, "not asked")
        now.owned[late] = mac
        now.answer_arp(q)
        left = lambda p: ICMP in p and p[IP].dst == late and p.dst == mac
        check_eq([p and p[ICMP].id for p in (now.wait(left) for _ in range(3))], [70, 71, 72], "what left")
        check(now.silent(left), "one more left")
        now.set(RETRANS, TIMES[RETRANS])

    @case("%s: a neighbour that is used and not confirmed is asked alone, three times, and then is gone" % nic)
    def _():
        req("1122 2.3.2.1/unicast", "1122 2.3.2.1/flush")
        lost, mac = "10.77.0.92", "02:00:00:00:00:92"
        now.owned[lost] = mac
        check(now.ping(lost), "no answer")
        now.arp = False
        time.sleep(2)
        asked = []
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:  # it is used: STALE, DELAY, PROBE, FAILED
            now.send(now.ip(src=lost) / ICMP(id=9, seq=1))
            asked += [p for p in now.frames(0.1) if asks_for(lost)(p)]
            if any(p.dst == ALL for p in asked):
                break
        now.arp = True
        alone = [p for p in asked if p.dst == mac]
        check_eq(len(alone), 3, "asked alone")
        check(asked and asked[-1].dst == ALL, "not forgotten")

    @case("%s: a confirmed neighbour is not asked again" % nic)
    def _():
        check(now.ping(), "no answer")

    @case("%s: short frames are padded with zeros" % nic)
    def _():
        req("1122 2.3.3/padding")
        now.send(arp())
        p = now.wait(reply_to)
        raw = bytes(p)
        check(not any(raw[42:]), "padding: %r" % raw[42:])
        now.send(now.ip() / ICMP(id=4, seq=1) / b"x")
        raw = bytes(now.wait(lambda p: ICMP in p and p[ICMP].id == 4))
        check(not any(raw[14 + 29:]), "padding: %r" % raw)
        now.close()


for n in pick(NICS[:1], NICS) if not LINUX else ["Linux"]:
    cases_for(n)
run()
