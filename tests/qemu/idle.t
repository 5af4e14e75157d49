#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Connections that stay: so many clients (tests/lib/peers.c; no kernel holds their ends) that 256 MiB must be enough for 100 000 of
them, which the long form opens; what one costs, by the slabs; each is still served; in TIME_WAIT it costs 128 bytes; and when all
are reset the memory is back. Echo shows TCP and the socket alone, HTTP what its server keeps besides."""
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import BUILD, GUEST_IP, SANITIZED, die_with_parent, make_tap, need_private_network
from qemu import NICS, free_bytes, gdb, pick
from tap import case, check, check_eq, note, run

CONNECTIONS = pick(5000, 100000)
MAC = "52:54:00:ba:2e:01"  # as in tools/run
ECHO, HTTP = 7, 80
LIMIT = 900  # seconds
LAST_SLABS = 24 << 10  # bytes: the slabs of a cache that are partly filled, or kept in reserve
SLACK = 512 << 10  # bytes: the connections' table does not shrink
CMDLINE = " ".join(["fs.file-max=131072", "http.max_connections=131072", "http.max_connections_per_address=131072",
                    "http.head_timeout_ms=600000", "http.idle_timeout_ms=86400000", "net.ipv4.tcp_timewait_len=600"])


class Peers:
    """tests/lib/peers.c, told what to do with connections of one port."""

    def __init__(self, port):
        self.proc = subprocess.Popen([os.path.join(BUILD, "peers"), "hold", "tap0", MAC, GUEST_IP, str(port)], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent)

    def do(self, task):
        """How many connections the task brought where it should."""
        self.proc.stdin.write(task + "\n")
        self.proc.stdin.flush()
        told = json.loads(self.proc.stdout.readline())
        check_eq(told["refused"], 0, "connections reset by the guest")
        return told["reached"]

    def stop(self):
        self.proc.stdin.close()
        self.proc.wait()
        self.proc.stdout.close()


def caches(g):
    """Name -> (bytes of an object, objects in use, bytes of the slabs)."""
    rows = re.findall(r"^(\w+) +(\d+) +(\d+) +\d+ +(\d+)$", gdb(g, "k slab"), re.M)
    return {name: (int(size), int(used), int(kib) << 10) for name, size, used, kib in rows if name != "kmalloc"}


def each(cache):
    return cache[2] / max(1, cache[1])


def opened(g, port):
    """The peers and their connections; bytes of memory that each takes in all, application and tables included."""
    peers, before = Peers(port), free_bytes(g)
    check_eq(peers.do("open %d" % CONNECTIONS), CONNECTIONS, "connections")
    end = time.monotonic() + LIMIT
    while g.metrics()["TcpCurrEstab"] < CONNECTIONS: # where an accept queue was full, the guest repeats its SYN-ACK
        check(time.monotonic() < end, "%d connections are established" % g.metrics()["TcpCurrEstab"])
        time.sleep(0.5)
    return peers, (before - free_bytes(g)) / CONNECTIONS


def answered(g):
    peers, each_takes = opened(g, HTTP)
    note("an idle connection to HTTP takes %.0f bytes" % each_takes)
    check(SANITIZED or each_takes * 100000 < 200 << 20, "100 000 do not fit in 256 MiB: %.0f bytes each" % each_takes)
    check_eq(peers.do("ask"), CONNECTIONS, "answers")
    check_eq(peers.do("last"), CONNECTIONS, "last answers")
    peers.stop()
    m, (size, waiting, _) = g.metrics(), caches(g)["tcp_timewait"]
    note("TIME_WAIT: %d of %d bytes each" % (waiting, size))
    check(waiting >= CONNECTIONS, "%d are in TIME_WAIT" % waiting)
    check(SANITIZED or size <= 128, "%d bytes" % size)
    check(m["TcpCurrEstab"] < 10, "%d are left" % m["TcpCurrEstab"])


def cases_for(nic):
    guest = Guest(nic=nic, mem=256, gdb=True, cmdline=CMDLINE)

    @case("%s: %d idle connections: TCB, socket and file take 1 KiB each; a reset gives all back" % (nic, CONNECTIONS))
    def _():
        guest.__enter__()
        start = free_bytes(guest)
        peers, each_takes = opened(guest, ECHO)
        slabs = caches(guest)
        tcp = each(slabs["tcb"]) + each(slabs["socket_file"])
        note("an idle connection to echo takes %.0f bytes, %.0f of them TCP's and the socket's" % (each_takes, tcp))
        check(SANITIZED or tcp <= 1024 + LAST_SLABS / CONNECTIONS, "%.1f bytes" % tcp)
        check_eq(peers.do("reset"), CONNECTIONS)
        peers.stop()
        end = free_bytes(guest)
        check(end >= start - SLACK - 16 * CONNECTIONS, "%d bytes are gone" % (start - end))

    @case("%s: %d connections of HTTP are answered, each, and again with the end of the connection" % (nic, CONNECTIONS))
    def _():
        try:
            answered(guest)
        finally:
            guest.stop()


need_private_network()
make_tap()
for n in pick(NICS[:1], NICS):
    cases_for(n)
run()
