#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a new user does with README.md alone, by its own lines: a live capture (tshark stands in for Wireshark's window), a rate
limit typed on the console, and the connection that waits for it found with ss there and by HTTP. The limit at boot holds too."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest, Typed
from net import HOST_IP, ROOT, die_with_parent, make_tap, need_private_network
from qemu import MIB, Site, noise
from tap import case, check, check_in, note, run


def line_of(pattern):
    """README's one line of commands that matches, without its prompt."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        return re.search(r"^    (?:\$ )?(%s.*)$" % pattern, f.read(), re.M).group(1)


def at_guest(g, words):
    return words.replace("http://localhost:8080", g.url("").rstrip("/")).replace("localhost:8080", "%s:80" % g.ip)


need_private_network()
make_tap()
site = Site({"blob": noise(16 * MIB)})


@case("README's capture line opens a live window: frames are decoded while they come")
def _():
    words = line_of(r"curl -sN http://localhost:8080/debug/pcap \| wireshark")
    with Guest() as g:
        shell = at_guest(g, words).replace("wireshark -k -i -", "tshark -l -c 6 -i - 2>/dev/null")
        p = subprocess.Popen(["sh", "-c", shell], stdout=subprocess.PIPE, text=True)
        end = time.monotonic() + LIMIT
        while p.poll() is None and time.monotonic() < end:
            g.echo(b"hello")
            time.sleep(0.2)
        p.poll() is None and p.kill()
        shown = p.communicate()[0]
        check(len(shown.strip().split("\n")) == 6, "tshark shows %r" % shown)
        check_in("TCP", shown)


def waiting(page):
    """Send-Q and the line of numbers below it, of the connection to this host that has most to send."""
    rows = re.findall(r"^ESTAB +\d+ +(\d+) .*%s:\d+ *\n(.*)" % re.escape(HOST_IP), page.replace("\r", ""), re.M)
    return max(((int(queue), info) for queue, info in rows), key=lambda r: r[0], default=(0, ""))


def check_limited(g, ask):
    """While a file is fetched ss, as it is asked, shows bytes that wait, and a connection no faster than README's 10 Mbit/s: over
    a second and more, for delivery_rate is that of the last ACK, and a link that stood still gives many at once."""
    numbers = lambda info: [int((re.search(name + r":(\d+)", info) or [0, 0])[1]) for name in ("bytes_acked", "busy")]
    fetch = subprocess.Popen(["curl", "-s", "-o", "/dev/null", g.url("/blob")], preexec_fn=die_with_parent)
    try:
        while True:
            queue, info = waiting(page := ask())
            acked, busy_ms = numbers(info)
            if queue and busy_ms >= 1000:
                break
            check(fetch.poll() is None, "nothing waits: " + page)
    finally:
        fetch.kill()
        fetch.wait()
    rate = 8e3 * acked / busy_ms
    note("Send-Q %d, %.1f Mbit/s" % (queue, rate / 1e6))
    check(rate < 13e6, "faster than the limit: " + info)


@case("README's tc line, typed on the console, limits a connection; README's ss line, typed there, finds it")
def _():
    with Typed(site=site.name) as g:
        g.type("")
        said = g.type(line_of("tc qdisc replace dev eth0 root tbf"))
        check("tc qdisc replace" in said and "usage" not in said and "Error" not in said, said)
        check_in("tbf", g.type("tc qdisc"))
        check_limited(g, lambda: g.type(line_of("ss -ti")))
        g.type(line_of("tc qdisc del dev eth0 root"))
        check("tbf" not in g.type("tc qdisc show dev eth0"), "the limit stays")


@case("README's rate limit at boot holds, and README's ss line by HTTP finds the connection that waits for it")
def _():
    limit = re.search(r"CMDLINE=(\S+)", line_of("make run CMDLINE=qdisc=")).group(1)
    with Guest(site=site.name, cmdline=limit) as g:
        check_in("tbf", g.get("/debug/tc?qdisc")[2].decode())
        words = at_guest(g, line_of(r"curl localhost:8080/debug/ss\?-tin")).split()
        check_limited(g, lambda: subprocess.run(words, check=True, capture_output=True, text=True).stdout)


run()
