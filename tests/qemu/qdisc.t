#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Queueing disciplines in a booted guest, chosen by the command line and by `tc` on its console: a download through tbf takes the
time that the rate says and arrives whole, ping beside it waits less under fq_codel than under a fifo in the same run, and
netem's delay and loss are what ping measures."""
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest, Typed
from net import make_tap, need_private_network
from qemu import MIB, NICS, Site, curl, noise, pick, sha
from tap import case, check, check_eq, check_in, note, run

SIZE = pick(2, 8) * MIB
BITS = 10e6
TBF = "qdisc=eth0:tbf,rate=10mbit,burst=15k,latency=400ms"


def tc(g, words):
    """What `tc WORDS` prints, by HTTP."""
    status, _, body = g.get("/debug/tc?" + urllib.parse.quote(words))
    return status, body.decode()


def ping(g, count, interval):
    """(answers, best, worst, median in ms) of a ping from this host."""
    out = subprocess.run(["ping", "-n", "-c", str(count), "-i", str(interval), "-W", "5", g.ip], capture_output=True,
                         text=True).stdout
    answers = int(re.search(r"(\d+) received", out).group(1))
    times = sorted(float(x) for x in re.findall(r"time=([\d.]+)", out))
    return answers, times[0], times[-1], times[len(times) // 2]


def download_with_ping(g):
    """Seconds that a download took, and the best of the pings beside it and those behind it, once they met a queue: a machine that
    has others to serve makes pings slower, and never faster."""
    took, over = [], threading.Event()

    def fetch():
        while not over.is_set():
            start = time.monotonic()
            check_eq(sha(curl(g.url("/blob"))), sha(blob), "download")
            took.append(time.monotonic() - start)

    t = threading.Thread(target=fetch)
    t.start()
    end = time.monotonic() + LIMIT
    while not int(re.search(r"backlog (\d+)b", tc(g, "-s qdisc show dev eth0")[1]).group(1)):
        check(time.monotonic() < end, "no queue")
    _, best, worst, _ = ping(g, 10, 0.1)
    over.set()
    t.join()
    check(took, "no download arrived whole")
    note("%.1f Mbit/s, ping %.1f ms at best, %.1f at worst" % (SIZE * 8 / took[0] / 1e6, best, worst))
    return took[0], best


need_private_network()
blob = noise(SIZE)
site = Site({"blob": blob})
make_tap()
for nic in NICS:
    @case("%s: tbf of the command line holds a download to its rate; ping waits less with fq_codel in it" % nic)
    def _(nic=nic):
        with Guest(nic=nic, site=site.name, cmdline=TBF) as g:
            check_in("root refcnt 2 rate 10Mbit burst 15Kb lat 400ms", tc(g, "qdisc show dev eth0")[1])
            seconds, fifo = download_with_ping(g)
            check(seconds > SIZE * 8 / BITS * 0.95, "faster than the rate: %.2f s" % seconds)
            stats = tc(g, "-s qdisc show dev eth0")[1]
            check(int(re.search(r"Sent (\d+) bytes", stats).group(1)) >= SIZE, stats)
            check(int(re.search(r"overlimits (\d+)", stats).group(1)), stats)
        with Guest(nic=nic, site=site.name, cmdline=TBF + "/fq_codel") as g:
            check_in("qdisc fq_codel", tc(g, "-s qdisc show dev eth0")[1])
            seconds, codel = download_with_ping(g)
            check(seconds > SIZE * 8 / BITS * 0.95, "faster than the rate: %.2f s" % seconds)
            check_in("balanced", g.get("/debug/balance")[2].decode())
        check(codel < fifo / 2, "ping waits %.1f ms under fq_codel, %.1f in the fifo" % (codel, fifo))

@case("netem's delay and loss are what ping measures")
def _():
    with Guest(cmdline="qdisc=netem,delay=60ms,loss=20%,seed=11") as g:
        ping(g, 5, 0.1)
        answers, best, _, median = ping(g, pick(100, 500), 0.02)
        share = answers / pick(100, 500)
        note("%.0f %% answered, %.1f ms at best, %.1f for most" % (share * 100, best, median))
        # The delay begins with the round of softirq that the echo came in, and this machine may have others to serve.
        check(median >= 60 and best < 120, "%.1f ms at best, %.1f for most" % (best, median))
        check(0.65 < share < 0.92, "share %.2f" % share)
        dropped = g.get("/debug/drops")[2].decode()
        check(re.search(r"NETEM_LOSS", dropped), dropped)

@case("disciplines are exchanged on the console while a download runs, which arrives whole; no frame is dropped by that")
def _():
    # With limits that no download reaches: what is dropped, an exchange dropped.
    chain = ["tbf rate 40mbit burst 30k limit 40m", "fq flow_limit 10000", "netem delay 2ms limit 10000", "fq_codel target 10s", "prio",
             "pfifo_fast", "tbf rate 30mbit burst 30k limit 40m / fq_codel target 10s"]
    over, got = threading.Event(), []

    def download():
        while len(got) < 3 or not over.is_set():
            got.append(sha(curl(g.url("/blob"))))

    with Typed(site=site.name) as g:
        g.type("")
        g.type("ip link set dev eth0 txqueuelen 10000")
        t = threading.Thread(target=download, daemon=True)
        t.start()
        for words in chain:
            g.type("tc qdisc replace dev eth0 root handle 1: " + words)
            check_in("qdisc %s 1: root refcnt 2" % words.split()[0], tc(g, "qdisc show dev eth0")[1])
        g.type("tc qdisc change dev eth0 root tbf rate 60mbit")
        check_in("rate 60Mbit burst 30Kb limit 40Mb", tc(g, "qdisc")[1])
        g.type("tc qdisc add dev eth0 parent 1:1 handle 2: fq flow_limit 10000")
        check_in("qdisc fq 2: dev eth0 parent 1:1", tc(g, "qdisc")[1])
        check_in("'12parsecs' is not a time", g.type("tc qdisc replace dev eth0 root netem delay 12parsecs"))
        check_in("nothing is changed", g.type("tc qdisc replace dev eth0 root nosuch"))
        check_in("Cannot find device", g.type("tc qdisc del dev eth9 root"))
        check_in("rate 60Mbit", tc(g, "qdisc")[1])
        g.type("tc qdisc del dev eth0 root")
        check_in("qdisc pfifo_fast", tc(g, "qdisc")[1])
        g.type("ip link set dev eth0 txqueuelen 2000")
        check_in("qlen 2000", g.get("/debug/ip?link")[2].decode())
        over.set()
        t.join()
        check(len(got) >= 3, "a download failed")
        check_eq(set(got), {sha(blob)}, "downloads")
        check("QDISC_DROP" not in g.get("/debug/drops")[2].decode(), g.get("/debug/drops")[2].decode())
        check_in("balanced", g.get("/debug/balance")[2].decode())

@case("a wrong word of the command line is named and the default stays; reading is open, changing is not")
def _():
    with Guest(cmdline="qdisc=eth0:tbf,rate=fast,burst=15k,latency=50ms net.core.default_qdisc=fq_codel") as g:
        check_in("tbf: rate 'fast' is not a rate", g.console())
        check_in("qdisc fq_codel 0: dev eth0 root", tc(g, "qdisc")[1])
        check_in("memory_limit", tc(g, "qdisc help")[1])
        status, text = tc(g, "qdisc replace dev eth0 root fq")
        check_eq(status, 403)
        check_in("changing is allowed", text)

run()
