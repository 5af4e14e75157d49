#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""IPv6 in bulk on both NICs: every byte arrives, segments are cut and merged by whom the card lets do it, and what the guest
counts of datagrams, messages and fragments is what this host counts of them."""
import json
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Typed
from net import make_tap, need_private_network, sh, sysctl
from qemu import MIB, NICS, Site, curl, echo_stream, noise, pick, sha
from tap import case, check, check_eq, check_in, note, run

HOST6, GUEST6, SIZE, MSS = "2001:db8:55::1", "2001:db8:55::2", pick(4, 64) * MIB, 1428
# What one end counts, and the other of the same packets.
SENT = {"Ip6OutOctets": "Ip6InOctets", "Ip6OutMcastPkts": "Ip6InMcastPkts",
        "Icmp6OutMsgs": "Icmp6InMsgs", "Icmp6OutEchos": "Icmp6InEchos", "Icmp6OutEchoReplies": "Icmp6InEchoReplies",
        "Icmp6OutDestUnreachs": "Icmp6InDestUnreachs", "Icmp6OutNeighborSolicits": "Icmp6InNeighborSolicits",
        "Icmp6OutNeighborAdvertisements": "Icmp6InNeighborAdvertisements", "Udp6OutDatagrams": "Udp6InDatagrams"}

need_private_network()
make_tap()
sysctl("net.ipv6.conf.tap0.disable_ipv6", 0)
sysctl("net.ipv6.conf.tap0.router_solicitations", 0)
sh("ip", "-6", "addr", "add", HOST6 + "/64", "dev", "tap0", "nodad")
blob = noise(SIZE)
site = Site({"blob": blob})


def here():
    with open("/proc/net/snmp6", encoding="ascii") as f:
        return {name: int(value) for name, value in (line.split() for line in f)}


def there(g):
    return {name: int(value) for name, value in re.findall(r"^(\w+) +(\d+) +\d", g.type("nstat -z").replace("\r", ""), re.M)}


def since(now, before):
    return {name: value - before.get(name, 0) for name, value in now.items()}


def device(g):
    """Counters of the card, and how many frames the tap had of it: one of 64 KiB is one."""
    shown = g.type("ethtool -S eth0").replace("\r", "")
    counts = {name: int(value) for name, value in re.findall(r"^ *(\w+): (\d+)$", shown, re.M)}
    return counts | {"frames": json.loads(sh("ip", "-s", "-j", "link", "show", "tap0"))[0]["stats64"]["rx"]["packets"]}


def talk():
    """Echoes of both kinds, a large datagram in fragments, datagrams to a port that nobody has."""
    sh("ping", "-6", "-n", "-c", "5", "-i", "0.05", GUEST6)
    for port, size, count in ((7, 100, 20), (7, 8000, 3), (4444, 10, 3)):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.settimeout(LIMIT)
            s.connect((GUEST6, port))
            for _ in range(count):
                s.send(bytes(size))
                try:
                    check_eq(s.recv(65535), bytes(size))
                except ConnectionRefusedError:
                    check_eq(port, 4444)


def differences(mine, its):
    """Where the ends do not agree about one another."""
    rows = [(a, mine[a], b, its[b]) for a, b in SENT.items() if b != "Udp6InDatagrams"]
    rows += [("its " + a, its[a], b, mine[b]) for a, b in SENT.items()]
    for a, b, whose in ((mine, its, ""), (its, mine, "its ")):  # a datagram in pieces is one request
        rows.append((whose + "packets out", a["Ip6OutRequests"] + a["Ip6FragCreates"] - a["Ip6FragOKs"], "in", b["Ip6InReceives"]))
    rows += [("Udp6OutDatagrams", mine["Udp6OutDatagrams"], "delivered or without a port", its["Udp6InDatagrams"] + its["Udp6NoPorts"]),
             ("Ip6FragCreates", mine["Ip6FragCreates"], "Ip6ReasmReqds", its["Ip6ReasmReqds"]),
             ("its Ip6FragCreates", its["Ip6FragCreates"], "Ip6ReasmReqds", mine["Ip6ReasmReqds"]),
             ("Ip6FragOKs", mine["Ip6FragOKs"], "Ip6ReasmOKs", its["Ip6ReasmOKs"]),
             ("its Ip6FragOKs", its["Ip6FragOKs"], "Ip6ReasmOKs", mine["Ip6ReasmOKs"])]
    return ["%s %d, %s %d" % row for row in rows if row[1] != row[3]]


for nic in NICS:
    @case("%s: both ends count the same datagrams, messages and fragments" % nic)
    def _(nic=nic):
        global guest
        guest = Typed(nic=nic, site=site.name, mem=SIZE // MIB + 128, cmdline="ip6=%s/64 net.ipv6.icmp.ratelimit=0" % GUEST6).start()
        guest.wait_console("barewire ready")
        guest.type("")
        end = time.monotonic() + LIMIT
        while subprocess.run(["ping", "-6", "-n", "-c", "1", "-W", "1", GUEST6], capture_output=True, check=False).returncode:
            check(time.monotonic() < end, "no echo comes back")
        time.sleep(1)
        while True:  # a frame on its way at the one or the other moment makes a difference: then once more
            mine, its = here(), there(guest)
            talk()
            found = differences(since(here(), mine), since(there(guest), its))
            if not found:
                break
            check(time.monotonic() < end, "; ".join(found))
        its = since(there(guest), its)
        check_eq([its[n] for n in ("Udp6InDatagrams", "Udp6NoPorts", "Icmp6InEchos", "Ip6ReasmOKs", "Ip6FragOKs")], [23, 3, 5, 3, 3])

    @case("%s: %d MiB down and echoed over IPv6 arrive whole; segments are cut and merged" % (nic, SIZE // MIB))
    def _(nic=nic):
        check_in("tx-tcp6-segmentation: " + ("on" if nic == "virtio-net" else "off [fixed]"), guest.type("ethtool -k eth0"))
        before = device(guest)
        check_eq(sha(curl("-g", "http://[%s]/blob" % GUEST6)), sha(blob))
        down = since(device(guest), before)
        check_eq(echo_stream((GUEST6, 7), blob), (sha(blob), SIZE))
        up = since(device(guest), before)
        frames, segments = down["frames"], SIZE // MSS
        taken, merged = up["rx_queue_0_packets"], up["rx_queue_0_gro_merged"]
        note("down: %d frames of %d segments; up: %d frames, %d merged into others" % (frames, segments, taken, merged))
        if nic == "virtio-net":  # 64 KiB at once, both ways: the back end's tap does the same
            check(frames < segments / 4, "the guest cut them itself: %d frames" % frames)
            check(taken < segments, "%d frames came" % taken)
        else:
            check(frames >= segments, "%d frames cannot hold them" % frames)
            check(merged, "nothing was merged")

    @case("%s: frames and buffers balance" % nic)
    def _():
        end = time.monotonic() + LIMIT
        while "balanced" not in guest.type("balance"):
            check(time.monotonic() < end, guest.type("balance"))
            time.sleep(0.2)
        guest.stop()

try:
    run()
finally:
    guest.stop()
