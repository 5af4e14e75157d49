#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What goes wrong below in the middle of a transfer: the link goes down and up, the machine stands still and goes on, the device is
reset, its rings are made anew in other sizes, and bursts come that tiny rings cannot hold; with one CPU, and with two that have a
pair of rings each. A download and an echoed stream that
run meanwhile arrive with the SHA-256 of what was sent, the guest answers afterwards, and its counters balance."""
import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Typed
from net import make_tap, need_private_network
from qemu import MIB, NICS, Site, curl, echo_stream, noise, pick, sha
from tap import case, check, check_eq, check_in, note, run

SIZE, ROUNDS = pick(6, 64) * MIB, pick(2, 10)
LIMIT = 900  # seconds: a wedged transfer, on a busy machine


class Transfers:
    """A download and an echo that go on until the faults are over, and at least once."""

    def __init__(self, g):
        self.over, self.wrong, self.done = threading.Event(), [], {"download": 0, "echo": 0}
        self.threads = [threading.Thread(target=self.loop, daemon=True, args=(name, got, want)) for name, got, want in (
            ("download", lambda: sha(curl(g.url("/blob"))), sha(blob)),
            ("echo", lambda: echo_stream((g.ip, g.echo_port), blob), (sha(blob), len(blob))))]

    def loop(self, name, got, want):
        try:
            while not self.done[name] or not self.over.is_set():
                seen = got()
                if seen != want:
                    self.wrong.append("%s: %r instead of %r" % (name, seen, want))
                self.done[name] += 1
        except Exception as e:  # told by the case
            self.wrong.append("%s: %r" % (name, e))

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join(LIMIT)
            if t.is_alive():
                self.wrong.append("a transfer does not end")


def metric(g, name):
    """A number of `ethtool -S eth0`, summed over the queues."""
    way, what = name.split("_", 1)
    return sum(map(int, re.findall(r"%s_queue_\d+_%s: (\d+)" % (way, what), g.type("ethtool -S eth0"))))


def moved(g):
    """Waits until frames came in since: the fault falls into a transfer, not beside it."""
    start = metric(g, "rx_packets")
    end = time.monotonic() + LIMIT
    while metric(g, "rx_packets") < start + 20:
        check(time.monotonic() < end, "nothing comes any more")
        time.sleep(0.05)


def flap(g):
    flaps = g.console().count("eth0: link is down") + 1
    g.qmp("set_link", name="n0", up=False)
    g.wait_console("(?s)(eth0: link is down.*){%d}" % flaps)
    time.sleep(0.3)
    g.qmp("set_link", name="n0", up=True)
    g.wait_console("(?s)(eth0: link is up.*){%d}" % (flaps + 1))


def stand_still(g):
    g.qmp("stop")
    time.sleep(0.7)
    g.qmp("cont")


def reset(g):
    before = metric(g, "rx_resets")
    g.type("ethtool --reset eth0")
    check(metric(g, "rx_resets") > before, "the device was not reset")


def resize(g):
    sizes = re.findall(r"\tx?(\d+)", g.type("ethtool -g eth0"))
    for rx, tx in (128, 128), (256, 128), (128, 256), (256, 256):
        check("ethtool:" not in g.type("ethtool -G eth0 rx %d tx %d" % (rx, tx)), "rings of %d and %d" % (rx, tx))
    check(len(sizes) == 4, "ethtool -g shows %r" % sizes)


def burst(g):
    """More datagrams at once than the rings hold, to a port that echoes and to one where nobody is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for i in range(2000):
            s.sendto(b"x" * 64, (g.ip, 7 if i % 2 else 9999))


FAULTS = {"link down and up": flap, "stop and cont": stand_still, "reset of the device": reset, "rings of other sizes": resize,
          "bursts": burst}

need_private_network()
blob = noise(SIZE)
site = Site({"blob": blob})
make_tap()
for nic, cpus in [(nic, 1) for nic in NICS] + pick([], [("virtio-net", 2)]) + [("e1000e", 2)]:
    @case("%s, %d CPUs: %s, %d times in mid-transfer: every byte arrives, nothing wedges, the counters balance" % (
        nic, cpus, ", ".join(FAULTS), ROUNDS))
    def _(nic=nic, cpus=cpus):
        smallest = 64 if nic == "virtio-net" else 128
        with Typed(nic=nic, cpus=cpus, site=site.name, mem=pick(None, 192), cmdline="ethtool=eth0:G,rx=%d,tx=%d" % (smallest, smallest)) as g:
            g.type("")
            check_in("RX:\t\t%d" % smallest, g.type("ethtool -g eth0"))
            with Transfers(g) as t:
                for _ in range(ROUNDS):
                    for fault in FAULTS.values():
                        moved(g)
                        fault(g)
            check_eq(t.wrong, [])
            note("%(download)d downloads, %(echo)d echoed streams" % t.done)
            for name in "stopped", "dropped":
                note("%s: tx %d" % (name, metric(g, "tx_" + name)))
            check_eq(metric(g, "rx_lies"), 0, "lies of an honest device")
            check_eq(g.echo(b"still here"), b"still here")
            text = g.type("balance")
            check_in("balanced", text)
            check("NOT BALANCED" not in text, text)

run()
