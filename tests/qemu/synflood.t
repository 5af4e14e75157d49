#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SYNs from addresses that never answer, as fast as the guest takes them (tests/lib/peers.c): a download that was under way goes on
and its bytes are right, every client that comes meanwhile is served, the counters tell what happened, and afterwards the guest has
the memory that it had. From far away each SYN is answered, by a cookie once the queue is full; where the addresses are of the
link itself the answers wait for a neighbour that nobody is. The long form goes on for longer, over both families each."""
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import BUILD, GUEST_IP, SANITIZED, die_with_parent, make_tap, need_private_network, sh, sysctl
from qemu import LONG, MIB, NICS, Site, free_bytes, noise, pick, sha
from tap import case, check, check_eq, check_in, note, req, run

MAC = "52:54:00:ba:2e:01"  # as in tools/run
HOST6, GUEST6 = "fd77::1", "fd77::2"
SECONDS = pick(1.2, 15)
LIMIT = 300  # seconds for an honest client: no speed is measured
SYNACK_RETRIES = 3 if SANITIZED else 1  # whose time is longer than an honest ACK takes
REQUESTS_MAX = 1024  # net.ipv4.tcp_max_syn_backlog
LEAST = 6 * REQUESTS_MAX  # SYNs of a flood, however slow the guest: most of them find the queue full
SLACK = (2048 if SANITIZED else 256) << 10  # bytes: a slab per cache, tables that grew; what the sanitizer keeps of what was freed
FILE = noise(2 * MIB)
ASK = b"GET /%s HTTP/1.1\r\nHost: test\r\nConnection: %s\r\n\r\n"


class Download:
    """One connection, opened before the flood: the same file again and again, its sum each time."""

    def __init__(self, address):
        self.s = socket.create_connection((address, 80), LIMIT)
        self.left, self.whole = b"", 0

    def one(self):
        self.s.sendall(ASK % (b"file", b"keep-alive"))
        while b"\r\n\r\n" not in self.left:
            self.more()
        head, self.left = self.left.split(b"\r\n\r\n", 1)
        check_in(b" 200 ", head)
        digest, missing = hashlib.sha256(), len(FILE)
        while missing:
            if not self.left:
                self.more()
            part, self.left = self.left[:missing], self.left[missing:]
            digest.update(part)
            missing -= len(part)
            yield
        check_eq(digest.hexdigest(), sha(FILE), "SHA-256 of what came")
        self.whole += 1

    def more(self):
        part = self.s.recv(1 << 16)
        check(part, "the download's connection ended")
        self.left += part

    def pieces(self):
        while True:
            yield from self.one()


def honest(address):
    """A new client."""
    with socket.create_connection((address, 80), LIMIT) as s:
        s.sendall(ASK % (b"health", b"close"))
        answer = b""
        while part := s.recv(4096):
            answer += part
    check_in(b"HTTP/1.1 200 OK", answer)


def grown(after, before, *names):
    return [int(after.get(n, 0) - before.get(n, 0)) for n in names]


def quiet(g):
    """Waits until every request is given up and every neighbour that nobody is forgotten; the bytes of memory that are free then."""
    end = time.monotonic() + LIMIT
    while True:
        sums = g.get("/debug/balance")[2].decode()
        if "balanced" in sums and int(re.search(r"alive (\d+)", sums).group(1)) < 64 and not requests(g) and neighbours(g) < 8:
            return free_bytes(g)
        check(time.monotonic() < end, "%d requests, %d neighbours; %s" % (requests(g), neighbours(g), sums))
        time.sleep(0.3)


def requests(g):
    """Handshakes that the guest remembers."""
    return len(re.findall("SYN-RECV", g.get("/debug/ss?-tan")[2].decode()))


def neighbours(g):
    return g.get("/debug/ip?neigh")[2].count(b"\n")


def flood_words(address, near, seconds, least):
    return [os.path.join(BUILD, "peers"), "flood", "tap0", MAC, address, "80", "window=1024", "seconds=%s" % seconds, "least=%d" % least,
            *(["near=1"] if near else [])]


def attack(g, address, near):
    before, download = g.metrics(), Download(address)
    pieces, served, chunks, longest = download.pieces(), 0, 0, 0
    next(pieces)
    told, end = {}, time.monotonic() + LIMIT
    while not told or not grown(g.metrics(), before, "TcpExtSyncookiesRecv")[0]:  # until a client was served by a cookie
        check(time.monotonic() < end, "no cookie came back")
        flooder = subprocess.Popen(flood_words(address, near, SECONDS, LEAST), stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        while flooder.poll() is None:
            start = time.monotonic()
            honest(address)
            longest = max(longest, time.monotonic() - start)
            served += 1
            for _ in range(4):
                next(pieces)
                chunks += 1
        check_eq(flooder.returncode, 0, "the flooder's status")
        told = {name: told.get(name, 0) + n for name, n in json.loads(flooder.stdout.read()).items()}
    while not download.whole:
        next(pieces)
    download.s.close()
    note("%d SYNs in %.1f s, %d answered; meanwhile %d clients were served, the slowest in %.2f s, and the download had %d KiB" % (
        told["sent"], told["seconds"], told["answered"], served, longest, chunks * 64))
    check(served and chunks, "nobody was served during the flood")
    return before, told, served


def counters(g, before, told, served, near):
    m = g.metrics()
    sent, received, failed, full, passive, overflows, drops, given_up = grown(
        m, before, "TcpExtSyncookiesSent", "TcpExtSyncookiesRecv", "TcpExtSyncookiesFailed", "TcpExtTCPReqQFullDoCookies",
        "TcpPassiveOpens", "TcpExtListenOverflows", "TcpExtListenDrops", "TcpAttemptFails")
    note("cookies: %d sent, %d came back; %d requests given up" % (sent, received, given_up))
    check_eq(sent, full, "each cookie for a full queue")
    check_eq(failed, 0, "cookies that were none")
    check(0 < received <= passive and served <= passive, "%d cookies came back, %d connections for %d clients" % (received, passive, served))
    check(sent >= told["sent"] - told["stalls"] * 1024 - 2 * REQUESTS_MAX, "%d cookies for %d SYNs" % (sent, told["sent"]))
    check_eq((overflows, drops), (0, 0), "the accept queue overflowed, or a SYN was dropped")
    check_eq(told["refused"], 0, "RSTs")
    if not near:
        check(told["answered"] <= sent + given_up * (1 + SYNACK_RETRIES) + REQUESTS_MAX, "more answers than there were")


def cases_for(nic):
    guest = Guest(nic=nic, mem=128, gdb=True, site=SITE.name, cmdline="ip6=%s/64,%s net.ipv4.tcp_synack_retries=%d "
                  "net.ipv4.tcp_timewait_len=10 net.ipv4.neigh.default.gc_stale_time_ms=1000" % (GUEST6, HOST6, SYNACK_RETRIES))
    free = []

    @case("%s: the guest serves, and forgets a first flood" % nic)
    def _():
        guest.__enter__()
        subprocess.run(flood_words(GUEST_IP, False, 0.2, 0), check=True, stdout=subprocess.DEVNULL)
        free.append(quiet(guest))

    for what, address, near, short in KINDS:
        if LONG or nic in short:
            @case("%s: SYNs %s: a download goes on, every new client is served" % (nic, what))
            def _(address=address, near=near):
                req("4987 3.6/serve", "4987 2/others")
                counters(guest, *attack(guest, address, near), near)

    @case("%s: and afterwards it has the memory that it had, and its frames balance" % nic)
    def _():
        try:
            end = quiet(guest)
            note("bytes free: %d before, %d after" % (free[0], end))
            check(end >= free[0] - SLACK, "%d bytes are gone" % (free[0] - end))
        finally:
            guest.stop()


KINDS = [("from far away", GUEST_IP, False, NICS), ("in the name of neighbours", GUEST_IP, True, ["virtio-net"]),
         ("over IPv6, from far away", GUEST6, False, ["virtio-net"]), ("over IPv6, in the name of neighbours", GUEST6, True, ["e1000"])]
SITE = Site({"file": FILE})
need_private_network()
make_tap()
sysctl("net.ipv6.conf.tap0.disable_ipv6", 0)
sh("ip", "-6", "addr", "add", HOST6 + "/64", "dev", "tap0", "nodad")
for n in NICS:
    cases_for(n)
run()
