#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Flows spread over the CPUs, and stay where they are: with RSS in the NIC, with RPS in software, with neither. Load without
errors, bytes that arrive whole, UDP, an upload; then each CPU had its part, no connection is away from its owner, with RSS no
frame made a hop, and the frames of all CPUs together balance exactly. Where there are several queues their number and the CPUs of
each change while bytes flow (ethtool -L, xps_cpus). The long form: 1, 2 and 4 CPUs, each way, every NIC, a virtio-net that reports
hashes and one that does not, and queues that are fewer than CPUs."""
import os
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Typed
from net import make_tap, need_private_network, remove_tap
from qemu import MIB, Site, curl, echo_stream, noise, pick, sha
from tap import case, check, check_eq, check_in, note, run

SECONDS, REQUESTS = pick(2, 10), 6000
SIZE = pick(2, 16) * MIB
HASHES = "virtio-net with hash reports"
# (NIC, CPUs, steer=, pairs of queues); an e1000e has its two by itself
SHORT = [(HASHES, 2, "rss", 2), ("virtio-net", 4, "rss", 2), ("virtio-net", 2, "off", 1), ("e1000", 4, "rps", 1), ("e1000e", 2, "rss", 2)]
LONG = [(nic, cpus, "rss", cpus) for nic in ("virtio-net", HASHES) for cpus in (2, 4)] + [
    (nic, 4, "rss", 2) for nic in ("virtio-net", "e1000e")] + [("e1000e", 2, "rss", 2)] + [
    (nic, cpus, steer, 1) for nic in ("virtio-net", HASHES, "e1000", "e1000e") for cpus in (1, 2, 4) for steer in ("rps", "off")]


def load(g):
    """As many requests as the shares of spread() need, however long they take."""
    requests = 0
    while requests < REQUESTS:
        out = subprocess.run(["wrk", "-t2", "-c64", "-d%ds" % SECONDS, "--timeout", "%ds" % LIMIT, g.url("/")],
                             capture_output=True, text=True, check=True).stdout
        note(re.search(r"Requests/sec.*", out).group(0))
        check("Socket errors" not in out and "Non-2xx" not in out, out)
        requests += int(re.search(r"(\d+) requests in", out).group(1))


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


def hashing(g, nic, cpus, steer):
    """Reports are asked for where several CPUs own flows, and none was found wrong."""
    shown = g.get("/debug/ethtool?-k+eth0")[2].decode()
    check_in("receive-hashing: " + ("on" if nic == HASHES and cpus > 1 and steer != "off" else "off"), shown)
    lies = re.findall(r"rx_queue_\d+_lies: (\d+)", g.get("/debug/ethtool?-S+eth0")[2].decode())
    check_eq(set(lies), {"0"}, "lies")


class Transfers(threading.Thread):
    """Downloads and echoes one after the other, until they are enough."""

    def __init__(self, g):
        super().__init__(daemon=True)
        self.g, self.done, self.failed, self.enough = g, 0, None, False

    def run(self):
        try:
            while not self.enough:
                transfers(self.g)
                self.done += 1
        except BaseException as e:
            self.failed = e

    def __enter__(self):
        self.start()
        return self

    def another(self):
        """Until one has begun and ended from now on."""
        until = self.done + 2
        while self.done < until and self.is_alive():
            self.join(0.05)

    def __exit__(self, *_):
        self.enough = True
        self.join()
        if self.failed:
            raise self.failed


def sent(g):
    said = g.get("/debug/ethtool?-S+eth0")[2].decode()
    return [int(n) for n in re.findall(r"tx_queue_\d+_packets: (\d+)", said)]


def grown(g, during):
    before = sent(g)
    during.another()
    return [b - a for a, b in zip(before, sent(g))]


def queue_file(g, queue, mask=None):
    path = "/sys/class/net/eth0/queues/tx-%d/xps_cpus" % queue
    if mask is None:
        return int(g.get("/debug/cat?" + path)[2], 16)
    said = g.type("echo %x > %s" % (mask, path))
    check("echo: " not in said, said)


def changed(g, cpus, queues):
    """Fewer queues and more, and other CPUs' queues, while bytes flow."""
    g.type("")  # wakes the console
    own = [sum(1 << cpu for cpu in range(cpus) if cpu % queues == q) for q in range(queues)]
    check_eq([queue_file(g, q) for q in range(queues)], own, "xps_cpus")
    check_in("'1ff' is no mask of CPUs: allowed is hexadecimal, 0 to %x" % ((1 << cpus) - 1),
             g.type("echo 1ff > /sys/class/net/eth0/queues/tx-0/xps_cpus"))
    with Transfers(g) as during:
        for n in (1, queues, 1, queues):
            said = g.type("ethtool -L eth0 combined %d" % n)
            check("ethtool: " not in said, said)
            check_in("Current hardware settings:\nRX:\t\tn/a\nTX:\t\tn/a\nOther:\t\tn/a\nCombined:\t%d\n" % n, g.get("/debug/ethtool?-l+eth0")[2].decode())
            if n == 1:
                during.another()  # what was under way has left
                check_eq(grown(g, during)[1:], [0] * (queues - 1), "frames of queues that are not in use")
        part, more = grown(g, during), 50
        while more and not all(part):  # whose a connection is, its ports say: each CPU gets one sooner or later
            part, more = [a + b for a, b in zip(part, grown(g, during))], more - 1
        check(all(part), "queues in use that send nothing: %r" % part)
        queue_file(g, 1, (1 << cpus) - 1)
        check_eq([queue_file(g, q) for q in range(queues)], [0, (1 << cpus) - 1] + [0] * (queues - 2), "xps_cpus")
        during.another()
        part = grown(g, during)
        check(part[1] and not any(part[:1] + part[2:]), "all CPUs have queue 1: %r" % part)
        for q in range(queues):
            queue_file(g, q, own[q])
        check_eq([queue_file(g, q) for q in range(queues)], own, "xps_cpus")
    check_in("combined %d: eth0 allows 1 to %d" % (queues + 1, queues), g.type("ethtool -L eth0 combined %d" % (queues + 1)))
    note("%d transfers meanwhile" % during.done)
    check_eq(sum(per_cpu(g.metrics(), "softnet_strays")), 0, "connections away from their owner")


need_private_network()
blob = noise(SIZE)
site = Site({"blob": blob, "index.html": b"hello\n"})
for nic, cpus, steer, queues in pick(SHORT, LONG):
    @case("%s, %d CPUs, steer=%s, %d queue%s" % (nic, cpus, steer, queues, "s" * (queues > 1)))
    def _(nic=nic, cpus=cpus, steer=steer, queues=queues):
        pairs = queues if nic.startswith("virtio-net") else 1
        make_tap(multi_queue=pairs > 1)
        try:
            with Typed(nic=nic.split()[0], cpus=cpus, queues=pairs, hashes=nic == HASHES, cmdline="steer=" + steer, site=site.name,
                       mem=SIZE // MIB + 128) as g:
                load(g)
                transfers(g)
                datagrams(g)
                refused(g)
                spread(g, cpus, steer, queues)
                indirection(g, steer, queues)
                hashing(g, nic, cpus, steer)
                if queues > 1:
                    changed(g, cpus, queues)
                balance(g)
        finally:
            remove_tap()

run()
