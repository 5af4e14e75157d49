#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`ethtool`: interrupt moderation, rings and offloads are read over HTTP, changed on the console and by the command line, refused
with a reason, and do what they say: with moderation the same transfer takes fewer interrupts, with busy polling echoes take next to
none, and all arrives whole with each offload switched off."""
import os
import re
import socket
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Typed
from net import make_tap, need_private_network
from qemu import MIB, NICS, Site, curl, echo_stream, noise, pick, sha
from tap import case, check, check_eq, check_in, note, run

SIZE = pick(4, 64) * MIB
LONGEST = 10000  # us: less often than any machine would by itself


def read(g, words):
    status, _, body = g.get("/debug/ethtool?" + urllib.parse.quote(words))
    return status, body.decode()


def counters(g):
    rows = re.findall(r"([rt]x_queue_0_\w+): (\d+)", read(g, "-S eth0")[1])
    return {name: int(value) for name, value in rows}


def transfer(g):
    """Echoes and downloads the blob; what the device's counters grew by."""
    before = counters(g)
    check_eq(sha(curl(g.url("/blob"))), sha(blob), "download")
    check_eq(echo_stream((g.ip, g.echo_port), blob), (sha(blob), SIZE), "echo")
    return {name: value - before[name] for name, value in counters(g).items()}


def taken(g):
    """How often memory was taken from the general allocator."""
    return int(re.search(r"taken (\d+) times by kmalloc or as pages", g.type("slab")).group(1))


def packets(g, n):
    """Echoes by TCP on one connection, then by UDP."""
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        with socket.socket(socket.AF_INET, kind) as s:
            s.settimeout(LIMIT)
            s.connect((g.ip, g.echo_port))
            for i in range(n):
                s.sendall(b"%04d" % i)
                check_eq(s.recv(4), b"%04d" % i)


def refused(g, words, *reasons):
    text = g.type("ethtool " + words)
    for reason in reasons:
        check_in(reason, text)


need_private_network()
blob = noise(SIZE)
site = Site({"blob": blob})
make_tap()
for nic in NICS:
    @case("%s: moderation is read, set, refused, and saves interrupts" % nic)
    def _(nic=nic):
        with Typed(nic=nic, site=site.name, cmdline="ethtool=eth0:C,rx-usecs=0 ethtool=eth0:C,rx-usecs=7,tx-mushrooms=1") as g:
            g.type("")
            check_in("'tx-mushrooms' is no setting of -C", g.console())
            check_in("rx-usecs: 0\n", read(g, "-c eth0")[1])
            at_once = transfer(g)
            note("at once: %(rx_queue_0_interrupts)d interrupts for %(rx_queue_0_packets)d frames" % at_once)
            g.type("ethtool -C eth0 rx-usecs 500")
            check_in("rx-usecs: 500\n", read(g, "-c eth0")[1])
            moderated = transfer(g)
            note("500 us: %(rx_queue_0_interrupts)d interrupts for %(rx_queue_0_packets)d frames" % moderated)
            g.type("ethtool -C eth0 rx-usecs %d" % LONGEST)
            start = time.monotonic()
            rare = transfer(g)["rx_queue_0_interrupts"]
            most = (time.monotonic() - start) * 1e6 / LONGEST
            note("%d us: %d interrupts, in the time for %.0f" % (LONGEST, rare, most))
            check(rare <= 1.2 * most + 5, "%d interrupts where %.0f have a place" % (rare, most))
            g.type("ethtool -C eth0 rx-usecs 500")
            g.type("ethtool -C eth0 adaptive-rx on")
            check_in("Adaptive RX: on", read(g, "-c eth0")[1])
            note("adaptive: %(rx_queue_0_interrupts)d interrupts for %(rx_queue_0_packets)d frames" % transfer(g))
            refused(g, "-C eth0 rx-usecs 10001", "rx-usecs 10001", "0 to 10000")
            refused(g, "-C eth0 adaptive-rx perhaps", "adaptive-rx perhaps", "on and off")
            refused(g, "-C eth0 rx-frames 5000", "rx-frames 5000")
            refused(g, "-C lo rx-usecs 5", "lo has no interrupts")
            check_in("rx-usecs: 500\n", read(g, "-c eth0")[1], "a refused change changed something")

    @case("%s: busy polling takes the frames of echoes without interrupts, and ends" % nic)
    def _(nic=nic):
        with Typed(nic=nic, site=site.name) as g:
            def echoes():
                before = counters(g) | g.metrics()
                with socket.create_connection((g.ip, g.echo_port), timeout=LIMIT) as s:
                    for i in range(200):
                        s.sendall(b"%04d" % i)
                        check_eq(s.recv(4), b"%04d" % i)
                return {name: value - before.get(name, 0) for name, value in (counters(g) | g.metrics()).items()}
            g.type("")
            usual = echoes()
            found = next(name for name in usual if "BusyPollRxPackets" in name)
            check_eq(usual[found], 0, "frames found by busy polling while it is off")
            g.type("sysctl net.core.busy_poll=1000000")
            busy = echoes()
            note("interrupts for 200 echoes: %d, with busy polling %d; it found %d frames" % (
                usual["rx_queue_0_interrupts"], busy["rx_queue_0_interrupts"], busy[found]))
            check(busy[found] >= 200, "busy polling found %d frames of 200 echoes" % busy[found])
            check(busy["rx_queue_0_interrupts"] < usual["rx_queue_0_interrupts"], "no interrupt was saved")
            g.type("sysctl net.core.busy_poll=0")
            check_eq(sha(curl(g.url("/blob"))), sha(blob), "download afterwards")
            check_in("0..1000000 us", g.type("sysctl net.core.busy_poll=1000001"))

    @case("%s: packets take nothing of the general allocator, by its own count" % nic)
    def _(nic=nic):
        with Typed(nic=nic, site=site.name) as g:
            g.type("")
            transfer(g)
            taken(g)
            start = taken(g)
            asking = taken(g) - start
            rounds = []
            while rounds[-1:] != [asking]:  # pools and tables grow with what was ever under way at once
                check(len(rounds) < 10, "times that it gave memory while 1000 echoes passed, and again: %s" % rounds)
                start = taken(g)
                packets(g, 500)
                rounds.append(taken(g) - start)

    @case("%s: rings and offloads are read, set under load, refused; every byte arrives with each offload off" % nic)
    def _(nic=nic):
        with Typed(nic=nic, site=site.name) as g:
            g.type("")
            check_eq(re.findall(r"TX:\t\t(\d+)", read(g, "-g eth0")[1])[1], "256")
            refused(g, "-G eth0 rx 100", "rx 100", "power of two")
            refused(g, "-G eth0 tx 65536", "tx 65536", "power of two")
            refused(g, "-K eth0 lro off", "'lro' is no setting of -K", "tso")
            g.type("ethtool -G eth0 rx 128 tx 128")
            check_eq(re.findall(r"[RT]X:\t\t(\d+)", read(g, "-g eth0")[1])[2:], ["128", "128"])
            for name in "tso", "tx", "sg", "gro", "rx":
                g.type("ethtool -K eth0 %s off" % name)
                text = read(g, "-k eth0")[1]
                check_in("tcp-segmentation-offload: off", text)
                got = transfer(g)
                note("%s off too: %d frames out" % (name, got["tx_queue_0_packets"]))
                check(got["tx_queue_0_packets"] > 2 * SIZE / 1514, "too few frames for no segmentation offload")
            g.type("ethtool -K eth0 tso on tx on sg on gro on rx on")
            check_in("tcp-segmentation-offload: on", read(g, "-k eth0")[1])
            transfer(g)
            status, text = read(g, "-C eth0 rx-usecs 5")
            check(status != 200 or "token" in text or "serial" in text, "changed over HTTP without a token: " + text)
            check_in("Combined:\t1\n", read(g, "-l eth0")[1])
            check("NOT BALANCED" not in g.type("balance"), "the counters do not balance")

run()
