# SPDX-License-Identifier: MIT
"""The guest as a router that masquerades: frames of 64 bytes go from one of its taps to the other and come back (flood.c),
256 under way, in 64 flows. A packet forwarded is one that crosses the guest in either direction. With the rate goes where
the time went: each thread's share of a processor, since what is full is what limits it."""
import json
import os
import subprocess
import time

import insns
from net import BUILD, make_tap

NEAR, FAR = "10.77.0.50", "10.88.0.9"  # whom flood.c plays
RULES = "table ip nat {\n chain post {\n  type nat hook postrouting priority srcnat\n  oifname eth1 masquerade\n }\n}"
CMDLINE = 'ip=eth1:10.88.0.1/24 net.ipv4.ip_forward=1 nft="%s"' % RULES.replace("\n", ";").replace("{;", "{").replace("};}", "}}")
TAP = "tap,ifname=tap1,script=no,downscript=no"
COUNTED = 20000  # round trips whose instructions are counted


def flood(mac, *options):
    """One run of tools/bench/flood.c."""
    words = [os.path.join(BUILD, "flood"), "tap0", NEAR, "tap1", FAR, mac, *map(str, options)]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, timeout=180).stdout)


def router(guest, boot):
    make_tap("tap1", None)
    boot(guest)
    return guest


def cpu_seconds(pid):
    """Of QEMU: its main thread, which does the devices' input and output, and the rest, which are the guest's processors."""
    spent = {}
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, tid), encoding="ascii") as f:
            who = "devices" if int(tid) == pid else "vCPU"
            spent[who] = spent.get(who, 0) + int(f.read().split()[0]) / 1e9
    return spent


def measure_rate(lab, guest, nic, boot, mac):
    router(guest, boot)
    try:
        flood(mac, "-n", 2000)
        before = cpu_seconds(guest.qemu_pid())
        many = flood(mac, "-d", lab.seconds)
        after = cpu_seconds(guest.qemu_pid())
        spent = {who: after[who] - before[who] for who in before}
        spent["generator"] = many["cpu_seconds"]
        lab.put("forward, 64 B, packets/s", guest, nic, 2 * many["rate"])
        lab.put("forward, lost, %", guest, nic, 100 * many["lost"] / max(1, many["count"] + many["lost"]))
        for who, seconds in spent.items():
            lab.put("forward, %s, %% of a CPU" % who, guest, nic, 100 * seconds / many["seconds"])
            lab.put("forward, %s, us per packet" % who, guest, nic, 1e6 * seconds / max(1, 2 * many["count"]))
    finally:
        guest.stop()


def measure_insns(lab, guest, counts, nic, boot, mac, profile):
    router(guest, boot)
    try:
        flood(mac, "-n", COUNTED)
        time.sleep(0.3)
        a, t0 = insns.Counts(counts), time.monotonic()
        time.sleep(0.7)
        b, t1 = insns.Counts(counts), time.monotonic()
        done = flood(mac, "-n", COUNTED)["count"]
        c, t2 = insns.Counts(counts), time.monotonic()
        idle, spent = b.since(a), c.since(b)
        for figure, names in (("insns/packet forwarded", ["insns"]), ("exits/packet forwarded", ["port_io", "mmio", "halts"])):
            rate = sum(idle[n] for n in names) / (t1 - t0)
            lab.put(figure, guest, nic, max(0, sum(spent[n] for n in names) - rate * (t2 - t1)) / (2 * max(1, done)))
        if profile and guest.label == "barewire":
            symbols = insns.Symbols(os.path.join(BUILD, "barewire.elf"))
            lab.profiles += ["insns/packet forwarded, " + nic, *insns.profile(symbols, c, b, 2 * COUNTED)]
    finally:
        guest.stop()
