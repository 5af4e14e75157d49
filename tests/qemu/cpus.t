#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Flows spread over the CPUs, and stay where they are: with RSS in the NIC, with RPS in software, with neither. Load without
errors, bytes that arrive whole, UDP, an upload; then each CPU had its part, no connection is away from its owner, with RSS no
frame made a hop, and the frames of all CPUs together balance exactly. The long form: 1, 2 and 4 CPUs, each way, every NIC, and
queues that are fewer than CPUs."""
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import make_tap, need_private_network, remove_tap
from qemu import MIB, Site, curl, echo_stream, noise, pick, sha
from tap import case, check, check_eq, note, run

SECONDS = pick(2, 10)
SIZE = pick(2, 16) * MIB
# (NIC, CPUs, steer=, pairs of queues); an e1000e has its two by itself
SHORT = [("virtio-net", 2, "rss", 2), ("virtio-net", 4, "rss", 2), ("virtio-net", 2, "off", 1), ("e1000", 4, "rps", 1), ("e1000e", 2, "rss", 2)]
LONG = [("virtio-net", cpus, "rss", cpus) for cpus in (2, 4)] + [(nic, 4, "rss", 2) for nic in ("virtio-net", "e1000e")] + [
    ("e1000e", 2, "rss", 2)] + [
    (nic, cpus, steer, 1) for nic in ("virtio-net", "e1000", "e1000e") for cpus in (1, 2, 4) for steer in ("rps", "off")]


def load(g):
    out = subprocess.run(["wrk", "-t2", "-c64", "-d%ds" % SECONDS, "--timeout", "30s", g.url("/")],
                         capture_output=True, text=True, check=True).stdout
    note(re.search(r"Requests/sec.*", out).group(0))
    check("Socket errors" not in out and "Non-2xx" not in out, out)


def transfers(g):
    check_eq(sha(curl(g.url("/blob"))), sha(blob), "download")
    check_eq(echo_stream((g.ip, g.echo_port), blob), (sha(blob), SIZE), "echo")


def datagrams(g):
    """Small ones, and some in fragments, from many ports: all come back."""
    for n in range(24):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((g.ip, 7))
            s.settimeout(10)
            text = bytes([n]) * (100 if n % 2 else 4000)
            for _ in range(5):
                s.send(text)
                try:
                    check_eq(s.recv(5000), text, "datagram")
                    break
                except TimeoutError:
                    continue
            else:
                check(False, "no answer to datagram %d" % n)


def refused(g):
    """A port without a service answers with an ICMP message or a reset, whichever CPU the question comes to."""
    for _ in range(8):
        with socket.socket() as s:
            check_eq(s.connect_ex((g.ip, 99)), 111, "connect")


def per_cpu(m, name):
    return [int(m["%s_total{cpu=\"%d\"}" % (name, cpu)]) for cpu in range(len(m)) if "%s_total{cpu=\"%d\"}" % (name, cpu) in m]


def balance(g):
    status, _, body = g.get("/debug/balance")
    check_eq(status, 200, "/debug/balance")
    rows = re.findall(r"^(in|skbs) +(\d+) = (.*)$", body.decode(), re.M)
    check_eq([r[0] for r in rows], ["in", "skbs"], body)
    for name, whole, rest in rows:
        note(name, whole, "=", rest)
        check_eq(sum(int(n) for n in re.findall(r"\d+", rest)), int(whole), name)


def spread(g, cpus, steer, queues):
    m = g.metrics()
    rps, moved, strays = (per_cpu(m, "softnet_" + what) for what in ("received_rps", "moved", "strays"))
    busy = per_cpu(m, "softnet_processed")
    note("frames", busy, "of them from other CPUs", rps, "moved", moved)
    check_eq(len(busy), cpus, "CPUs")
    check_eq(sum(strays), 0, "connections away from their owner")
    check_eq(sum(per_cpu(m, "softnet_dropped")), 0, "frames dropped between CPUs")
    if steer == "off":
        check_eq(sum(rps), 0, "frames that made a hop")
        check(all(n < 1000 for n in busy[1:]), "CPUs work that own no flow")
    elif cpus > 1:
        check(min(busy) * cpus * 8 > sum(busy), "CPUs without their part of the frames")
    if queues == cpus > 1:
        # fragments and the first frames before the filter learned of a flow are few
        check(sum(rps) * 100 < sum(busy), "frames that RSS should have brought home")
    elif queues == 1 and steer != "off" and cpus > 1:
        check(not rps[0] and all(rps[1:]), "hops from the first CPU to each other one")


def indirection(g, steer, queues):
    """ethtool -x, in the tool's lines: which queue the card gives which slot of the hash; without RSS it says what ethtool says."""
    said = g.get("/debug/ethtool?-x+eth0")[2].decode()
    if queues == 1 or steer != "rss":
        check_eq(said, "Cannot get RX ring count: Operation not supported\n", "ethtool -x")
        return
    check(said.startswith("RX flow hash indirection table for eth0 with %d RX ring(s):\n    0: " % queues), said)
    slots = [int(q) for row in re.findall(r"(?m)^ *\d+: ((?: +\d+){8})$", said) for q in row.split()]
    check_eq((len(slots), set(slots)), (128, set(range(queues))), "slots")
    check("\n    toeplitz: on\n" in said, said)


need_private_network()
blob = noise(SIZE)
site = Site({"blob": blob, "index.html": b"hello\n"})
for nic, cpus, steer, queues in pick(SHORT, LONG):
    @case("%s, %d CPUs, steer=%s, %d queue%s" % (nic, cpus, steer, queues, "s" * (queues > 1)))
    def _(nic=nic, cpus=cpus, steer=steer, queues=queues):
        pairs = queues if nic == "virtio-net" else 1
        make_tap(multi_queue=pairs > 1)
        try:
            with Guest(nic=nic, cpus=cpus, queues=pairs, cmdline="steer=" + steer, site=site.name,
                       mem=SIZE // MIB + 128) as g:
                load(g)
                transfers(g)
                datagrams(g)
                refused(g)
                spread(g, cpus, steer, queues)
                indirection(g, steer, queues)
                balance(g)
        finally:
            remove_tap()

run()
