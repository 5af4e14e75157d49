# SPDX-License-Identifier: MIT
"""The guest as a router that masquerades: datagrams go from this namespace through it to one behind it and come back, 64
under way, each a flow of its own. A packet forwarded is one that crosses the guest in either direction."""
import os
import subprocess
import time

import insns
from net import BUILD, Space, die_with_parent, make_tap, sh

FAR, NEAR, PORT = "10.88.0.9", "10.77.0.2", 9
RULES = "table ip nat {\n chain post {\n  type nat hook postrouting priority srcnat\n  oifname eth1 masquerade\n }\n}"
CMDLINE = 'ip=eth1:10.88.0.1/24 net.ipv4.ip_forward=1 nft="%s"' % RULES.replace("\n", ";").replace("{;", "{").replace("};}", "}}")
TAP = "tap,ifname=tap1,script=no,downscript=no"
COUNTED = 20000  # round trips whose instructions are counted


class Router:
    """A booted guest between this namespace and another, where what arrives is reflected."""

    def __init__(self, guest, boot):
        make_tap("tap1", None)
        boot(guest)
        self.guest, self.space = guest, Space()
        self.space.take("tap1", FAR + "/24")
        sh("ip", "route", "replace", "10.88.0.0/24", "via", NEAR)
        self.reflect = subprocess.Popen(self.space.words(os.path.join(BUILD, "reflect"), PORT), preexec_fn=die_with_parent)

    def close(self):
        self.guest.stop()
        for p in self.reflect, self.space.proc:  # the tap ends with its namespace
            p.terminate()
            p.wait()


def measure_rate(lab, guest, nic, boot, load):
    r = Router(guest, boot)
    try:
        load("udp", FAR, PORT, "-c", 64, "-n", 2000)
        many = load("udp", FAR, PORT, "-c", 64, "-d", lab.seconds)
        lab.put("forward, 64 B, packets/s", guest, nic, many and 2 * many["rate"])
        lab.put("forward, lost of 64 at once", guest, nic, many and many["lost"])
    finally:
        r.close()


def measure_insns(lab, guest, counts, nic, boot, load, profile):
    r = Router(guest, boot)
    try:
        load("udp", FAR, PORT, "-c", 64, "-n", COUNTED)
        time.sleep(0.3)
        a, t0 = insns.Counts(counts), time.monotonic()
        time.sleep(0.7)
        b, t1 = insns.Counts(counts), time.monotonic()
        done = load("udp", FAR, PORT, "-c", 64, "-n", COUNTED)
        c, t2 = insns.Counts(counts), time.monotonic()
        idle = b.since(a)["insns"] / (t1 - t0)
        if done:
            lab.put("insns/packet forwarded", guest, nic, (c.since(b)["insns"] - idle * (t2 - t1)) / (2 * COUNTED))
        if done and profile and guest.label == "barewire":
            symbols = insns.Symbols(os.path.join(BUILD, "barewire.elf"))
            lab.profiles += ["insns/packet forwarded, " + nic, *insns.profile(symbols, c, b, 2 * COUNTED)]
    finally:
        r.close()
