#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QEMU's machine without PCI: virtio's MMIO transport, the clock and the timers with and without what an old PC has, transfers, faults,
and the legacy interface, which is refused."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import make_tap, need_private_network
from qemu import MIB, Site, curl, echo_stream, noise, pick, sha
from tap import case, check, check_eq, check_in, run

BARE = "microvm,pit=off,pic=off,rtc=off"  # no PC's timers, no clock


def console_command(g, words):
    return curl(g.url("/debug/" + words)).decode()


def settled(g):
    """Each frame and buffer is accounted for, now or in a moment."""
    end = time.monotonic() + LIMIT
    while not re.search("^balanced", text := console_command(g, "balance"), re.M):
        check(time.monotonic() < end, text)


def serves(g):
    head, body = curl("-i", g.url("/")).decode().split("\r\n\r\n", 1)
    check(head.startswith("HTTP/1.1 200 "), head)
    nc = subprocess.run(["nc", "-q1", "-w300", g.ip, str(g.echo_port)], input=b"hello", capture_output=True)
    check_eq(nc.stdout, b"hello", "echo")
    driver = console_command(g, "ethtool?-i+eth0")
    check_in("driver: virtio-net", driver)
    check(re.search(r"^bus-info: mmio@feb0[0-9a-f]{4}$", driver, re.M), driver)
    settled(g)


need_private_network()
make_tap()
for cpus in pick([2], [1, 2, 4]):
    @case("%d CPUs, user network: found through the firmware's tables, curl gets a 200, nc its echo" % cpus)
    def _(cpus=cpus):
        with Guest(machine="microvm", cpus=cpus, net="user") as g:
            serves(g)
            check_in("clock: TSC", g.console())


@case("without PIT, PIC and RTC the clock runs at its rate, and the timers come")
def _():
    data = noise(pick(4, 32) * MIB)
    with Site({"big": data}) as site, Guest(machine="microvm", options=("--machine", BARE), site=site, mem=128) as g:
        check_in("by lapic", g.console())
        check_in("watchdog: off", g.console())
        serves(g)
        check_eq(sha(curl(g.url("/big"))), sha(data), "the file")
        check_eq(echo_stream((g.ip, 7), data), (sha(data), len(data)), "the echo")
        check(g.metrics()["TcpRetransSegs"] < 100, "segments sent again")
        settled(g)


@case("link down and up, a reset and other rings in mid-transfer: the transfer goes on")
def _():
    data = noise(pick(8, 64) * MIB)
    token = "tests-token"
    with Site({"big": data}) as site, Guest(machine="microvm", site=site, mem=256, cmdline="console.token=" + token) as g:
        def change(words):
            return curl("-H", "Authorization: Bearer " + token, g.url("/debug/ethtool?" + words)).decode()

        p = subprocess.Popen(["curl", "-sS", "--limit-rate", "4M", "--max-time", "900", g.url("/big")], stdout=subprocess.PIPE)
        first = p.stdout.read(MIB)
        for up in False, True:
            g.qmp("set_link", name="n0", up=up)
            g.wait_console("link is down" if not up else "link is down[^$]*link is up")
        change("--reset+eth0")
        change("-G+eth0+rx+128+tx+512")
        check_eq(sha(first + p.stdout.read()), sha(data), "the file")
        check_eq(p.wait(), 0, "curl's end")
        check(re.search(r"Current hardware settings:\nRX:\s+128\n", console_command(g, "ethtool?-g+eth0")), "rings")
        settled(g)


@case("the legacy interface is refused, with what to say to QEMU instead")
def _():
    g = Guest(machine="microvm", net="user", qemu=("-global", "virtio-mmio.force-legacy=true"))
    try:
        g.start()
        text = g.wait_console("no network card that a driver knows")
        check_in("the legacy interface (version 1) is not supported", text)
        check_in("virtio-mmio.force-legacy=false", text)
    finally:
        g.stop()


run()
