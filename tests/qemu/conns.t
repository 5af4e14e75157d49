#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many connections, one after the other and at once: all are served, and when TIME_WAIT is over the guest has the memory that
it had before. tcp_timewait_len is short here, so that the test need not wait for a minute. Tables that grew
and the slabs that each CPU's caches keep are no leak: connections before the first reading make them."""
import os
import resource
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import BUILD, make_tap, need_private_network, sysctl
from qemu import NICS, free_bytes, pick
from tap import case, check, check_eq, note, run

SEQUENTIAL, CONCURRENT = pick(500, 10000), 1000
SLACK = 128 << 10  # bytes, on all CPUs: a table may grow once more, a cache keep another slab
if os.path.basename(BUILD) == "san":
    SLACK = 2 << 20  # and what waits in the quarantines
REQUEST = b"GET /health HTTP/1.1\r\nHost: test\r\n%s\r\n"


def one_answer(s):
    """Status line and whole body of an answer on a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += s.recv(65536) or b"(closed)\r\n\r\n"
    head, body = data.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        part = s.recv(65536)
        check(part, "the body ends early")
        body += part
    return head.split(b"\r\n")[0]


def at_rest(g):
    """Free memory once it grows no more."""
    last, now = -1, free_bytes(g)
    while now > last:
        time.sleep(1)
        last, now = now, free_bytes(g)
    return now


def settled(g, wanted):
    """Free memory once it is at least `wanted`; after the limit, many times TIME_WAIT, whatever it is."""
    end = time.monotonic() + LIMIT
    while (now := free_bytes(g)) < wanted and time.monotonic() < end:
        time.sleep(1)
    return now


def one_after_the_other(g, n):
    for _ in range(n):
        with socket.create_connection((g.ip, 80), LIMIT) as s:
            s.sendall(REQUEST % b"Connection: close\r\n")
            check_eq(one_answer(s), b"HTTP/1.1 200 OK")
            check_eq(s.recv(1), b"", "the end of the stream")


def at_once(g):
    start = g.metrics()["memory_free_bytes"]
    idle = [socket.create_connection((g.ip, 80), LIMIT) for _ in range(CONCURRENT)]
    m = g.metrics()
    check(m["TcpCurrEstab"] >= CONCURRENT, "established: %d" % m["TcpCurrEstab"])
    note("an idle connection takes %.0f bytes" % ((start - m["memory_free_bytes"]) / CONCURRENT))
    for s in idle:
        s.sendall(REQUEST % b"")
    for s in idle:
        check_eq(one_answer(s), b"HTTP/1.1 200 OK")
    for s in idle:
        s.close()


need_private_network()
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
make_tap()
sysctl("net.ipv4.ip_local_port_range", "1024 65535")
for nic in NICS:
    @case("%s: %d connections one after the other, %d at once; the memory is back after TIME_WAIT" % (
        nic, SEQUENTIAL, CONCURRENT))
    def _(nic=nic):
        with Guest(nic=nic, cmdline="net.ipv4.tcp_timewait_len=1", gdb=True) as g:
            one_after_the_other(g, pick(200, 2000))
            at_once(g)
            start = at_rest(g)
            one_after_the_other(g, SEQUENTIAL)
            at_once(g)
            end = settled(g, start - SLACK)
            note("free memory: %d before, %d after" % (start, end))
            check(end >= start - SLACK, "%d bytes are gone" % (start - end))

run()
