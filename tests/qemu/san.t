#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The image of make SAN=1: it serves, finds what it is there to find, and says whose object it was."""
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest, Typed, exit_codes
from net import BUILD, die_with_parent, make_tap, need_private_network
from qemu import MIB, NICS, Site, curl, echo_stream, gdb, noise, pick, sha
from tap import case, check, check_eq, check_in, run

ELF = os.path.join(BUILD, "barewire.elf" if os.path.basename(BUILD) == "san" else "san/barewire.elf")
SHADOW = 0xdffffc0000000000
DEVICE_OWNS = 0xfa  # kernel/san/san_impl.h
# crash=KIND: how it ends, and what its report must have in it besides the guilty function.
KINDS = {
    "use-after-free": ("SANITIZER", ["use after free: read of 1 bytes", "at byte 8 of an object of 64 bytes", "taken on CPU 0:",
                                     "given back on CPU 0:", "kfree"]),
    "double-free": ("SANITIZER", ["double free of", "an object of 64 bytes", "taken on CPU 0:", "given back on CPU 0:"]),
    "out-of-bounds": ("SANITIZER", ["write of 1 bytes", "at byte 40 of an object of 40 bytes", "taken on CPU 0:"]),
    "stack-out-of-bounds": ("SANITIZER", ["out of bounds of a variable on the stack"]),
    "global-out-of-bounds": ("SANITIZER", ["out of bounds of a global variable: read", "at byte 24 of table, of 24 bytes"]),
    "undefined": ("UNDEFINED", ["overflow of + (0x7fffffff, 0x1) at kernel/arch/x86_64/crash.c:"]),
}
codes = exit_codes()


def echo_rounds(g, n):
    """By TCP on a connection of its own (its SYN, its ACKs and its answers are frames without an skb), and by UDP, where one may get
    lost in a reset."""
    with socket.create_connection((g.ip, g.echo_port), timeout=LIMIT) as s:
        for i in range(n):
            s.sendall(b"%04d" % i)
            check_eq(s.recv(4), b"%04d" % i)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect((g.ip, g.echo_port))
        for i in range(n):
            s.send(b"%04d" % i)
            with contextlib.suppress(TimeoutError):
                s.recv(4)


def crashed(kind):
    g = Guest(net="user", elf=ELF, cmdline="crash=" + kind)
    try:
        g.start()
        return g.wait_exit(), g.console().replace("\r", "")
    finally:
        g.stop()


need_private_network()
make_tap()
with ThreadPoolExecutor(2) as pool:
    ended = dict(zip(KINDS, pool.map(crashed, KINDS)))
for kind, (code, texts) in KINDS.items():
    @case("crash=%s ends with %s, the place and the object" % (kind, code))
    def _(kind=kind, code=code, texts=texts):
        status, console = ended[kind]
        check_eq(status, codes[code], "exit status; the console:\n%s\n" % console[-3000:])
        report = console[console.find("==== panic:"):]
        for text in texts:
            check_in(text, report)
        trace = report.split("back trace:\n")[1].split("(root)")[0]
        check_in("crash_" + kind.replace("-", "_") + "+0x", trace)

for nic in NICS:
    @case("%s: downloads, posts and echoes arrive whole, and nothing is found" % nic)
    def _(nic=nic):
        data = noise(pick(2, 64) * MIB)
        with Site({"data.bin": data, "index.html": b"x" * 3000}) as site, \
                Guest(nic=nic, elf=ELF, site=site, mem=256) as g:
            check_eq(sha(curl(g.url("/data.bin"))), sha(data), "the download")
            check_eq(echo_stream((g.ip, g.echo_port), data[:MIB // 2]), (sha(data[:MIB // 2]), MIB // 2), "the echo")
            for _ in range(pick(20, 500)):
                check_eq(len(curl(g.url("/"))), 3000, "a page")
            check_in("balance", curl(g.url("/debug/help")).decode())
            check("panic" not in g.console(), g.console()[-3000:])


for nic in NICS:
    @case("%s: answers without an skb, the device reset and its rings made anew among them: nothing is found, all balances" % nic)
    def _(nic=nic):
        with Typed(nic=nic, elf=ELF, mem=256) as g:
            g.type("")
            over = threading.Event()
            echoes = threading.Thread(target=lambda: [echo_rounds(g, 20) for _ in iter(over.is_set, True)], daemon=True)
            echoes.start()
            for words in ["--reset eth0", "-G eth0 rx 128 tx 128", "-K eth0 tx off", "-K eth0 tx on", "--reset eth0"] * pick(1, 10):
                g.type("ethtool " + words)
                echo_rounds(g, 5)
            over.set()
            echoes.join(LIMIT)
            check(not echoes.is_alive(), "the echoes do not end")
            text = g.type("balance")
            check("NOT BALANCED" not in text, text)
            check("panic" not in g.console(), g.console()[-3000:])


@case("a receive buffer is poisoned while the device owns it, and open once a frame is in it")
def _():
    with Guest(nic="e1000", elf=ELF, gdb=True) as g:
        g.get("/")
        load = subprocess.Popen(["ping", "-q", "-i", "0.2", g.ip], stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        dev = "((struct e1000 *)$dev(\"eth0\")->priv)->queues[0].rx"
        room = "(unsigned long)(%s.bufs[%%s] + 1)" % dev
        out = gdb(g, "p/x *(unsigned char *)((%s >> 3) + 0x%x)" % (room % (dev + ".clean"), SHADOW),
                  "hbreak eth_rcv", "continue", "p/x *(unsigned char *)(((unsigned long)skb->data >> 3) + 0x%x)" % SHADOW, "delete")
        load.kill()
        load.wait()
        shown = [int(v, 16) for v in re.findall(r"^\$\d+ = (0x[0-9a-f]+|0)$", out, re.M)]
        check_eq(shown, [DEVICE_OWNS, 0], "shadow of the next buffer, and of a frame's\n" + out)


run()
