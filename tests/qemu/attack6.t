#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The attacks of THC's IPv6 toolkit against a booted guest. Each runs for a moment; while it does an honest connection over IPv6
gets its bytes back, and afterwards the guest answers at once, its memory has not grown and its frames balance. An attack that
put no frames on the wire fails: it would have shown nothing. All of them in `make test-attack6`."""
import json
import os
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from far6 import GUEST6, HOST6, Far6
from net import SANITIZED, die_with_parent, sh, sysctl
from qemu import LONG, NICS, pick
from tap import case, check, check_eq, check_in, note, req, run, skip_all

if not shutil.which("atk6-alive6"):
    skip_all("thc-ipv6 is not installed")

SECONDS = pick(0.4, 3)
TOLD = 300  # seconds that an honest answer may take: the machine is slow, and busy with the attack
BESIDE = 20  # beside an attack that fills the link's queue, where most of what is honest is lost as well
GROWTH = 48  # MiB that QEMU may grow: what the guest touches of its memory for the first time counts too
far = None
# name | arguments ("TAP" is the interface) | in the short form too
ATTACKS = [
    ("fake_router26", "-A 2001:db8:aa::/64 -D 2001:db8:aa::53 -n 3 TAP", True),
    ("fake_router26", "-E F -A 2001:db8:ab::/64 -n 3 TAP", False),
    ("fake_router26", "-E O -A 2001:db8:ac::/64 -n 3 TAP", False),
    ("flood_router6", "TAP", False),
    ("flood_router26", "TAP", True),
    ("flood_router26", "-H TAP", False),
    ("flood_router26", "-F TAP", False),
    ("flood_router26", "-s -S TAP " + GUEST6, False),
    ("flood_advertise6", "TAP", True),
    ("flood_advertise6", "TAP " + GUEST6, False),
    ("fake_advertise6", "-n 20 TAP " + GUEST6, True),
    ("flood_solicitate6", "TAP", False),
    ("flood_solicitate6", "TAP %s %s" % (GUEST6, GUEST6), True),
    ("fake_solicitate6", "TAP " + GUEST6, False),
    ("flood_rs6", "TAP", False),
    ("flood_mld6", "TAP", False),
    ("flood_mld26", "TAP", True),
    ("flood_mldrouter6", "TAP", False),
    ("flood_unreach6", "TAP " + GUEST6, True),
    ("flood_unreach6", "-D TAP " + GUEST6, False),
    ("flood_redir6", "TAP " + GUEST6, True),
    ("redir6", "TAP %s 2001:db8:ffff::1 fe80::77 fe80::78" % GUEST6, False),
    ("kill_router6", "TAP fe80::77", False),
    ("toobig6", "TAP %s %s 1280" % (GUEST6, HOST6), True),
    ("toobig6", "TAP %s %s 68" % (GUEST6, HOST6), False),
    ("rsmurf6", "TAP " + GUEST6, True),
    ("smurf6", "TAP " + GUEST6, False),
    ("fragmentation6", "-p TAP " + GUEST6, True),
    *(("fragmentation6", "-fp TAP %s %d" % (GUEST6, n), n == 3) for n in range(1, 17)),
    ("exploit6", "TAP " + GUEST6, True),
    *(("denial6", "TAP %s %d" % (GUEST6, n), n in (1, 3, 6)) for n in range(1, 8)),
    ("implementation6", "-p TAP " + GUEST6, True),
    ("randicmp6", "-p TAP " + GUEST6, True),
    ("thcsyn6", "TAP %s 80" % GUEST6, False),
    ("node_query6", "TAP " + GUEST6, False),
    ("fuzz_ip6", "-FSDHRJ -1 -t 1 TAP " + GUEST6, False),
    ("fuzz_ip6", "-IFSDHRJ -4 TAP " + GUEST6, False),
]


def link(what):
    """What the tap carried to the guest, or had no place for: "packets", "dropped"."""
    return json.loads(sh("ip", "-s", "-j", "link", "show", "tap0"))[0]["stats64"]["tx"][what]


def frames_sent():
    return link("packets")


def echo(stream, data):
    stream.sendall(data)
    back = b""
    while len(back) < len(data):
        part = stream.recv(65536)
        check(part, "the stream ended")
        back += part
    check_eq(back, data, "the echo")


def served(limit):
    with socket.create_connection((GUEST6, 7), limit) as stream:
        echo(stream, b"honest" * 500)


def fetch():
    return subprocess.run(["curl", "-6", "-gsS", "-m", str(TOLD), "-o", "/dev/null", "-w", "%{http_code}",
                           "http://[%s]/" % GUEST6], capture_output=True, text=True, check=False)


def attack(name, words):
    """Runs it for its time; how many frames went to the guest by it."""
    before = frames_sent()
    p = subprocess.Popen(["atk6-" + name, *words.replace("TAP", "tap0").split()], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        end = time.monotonic() + TOLD
        while frames_sent() == before and p.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(SECONDS)
        sent = frames_sent() - before
        if not SANITIZED:  # which is so slow that the link's queue has no place for honest frames
            full = link("dropped")
            try:
                served(BESIDE)  # beside the attack, where it still runs
                return sent
            except TimeoutError:
                if link("dropped") == full:  # it is slow, then
                    served(TOLD)
                    return sent
                note("the link had no place for %d frames: asked again behind the attack" % (link("dropped") - full))
        p.kill()
        served(TOLD)
    finally:
        p.kill()
        p.wait()
    return sent


def alive():
    """Echo requests are answered; several are sent, for the link's queue may be full of the attack still."""
    end = time.monotonic() + TOLD
    while not far.ping(limit=1):
        check(time.monotonic() < end, "no answer to an echo request")


def cases_for(nic):
    @case("%s: the guest serves before" % nic)
    def _():
        global far
        far = Far6(nic)
        sysctl("net.ipv6.conf.tap0.accept_ra", 0)
        check_eq(fetch().stdout, "200")
        far.memory = far.guest.rss_mib()

    for name, words, short in ATTACKS:
        if LONG or short:
            @case("%s: %s %s" % (nic, name, words.replace("TAP ", "").replace("TAP", "").strip()))
            def _(name=name, words=words):
                sent = attack(name, words)
                check(sent, "no frame was sent: no attack")
                alive()
                grown = far.guest.rss_mib() - far.memory
                note("%d frames; QEMU grew by %.0f MiB since the beginning" % (sent, grown))
                check(grown < GROWTH, "memory grows: %.0f MiB" % grown)

    @case("%s: who takes every address away while one is probed for keeps new ones away, and none in use" % nic)
    def _():
        req("4862 5.4.5")
        p = subprocess.Popen(["atk6-dos-new-ip6", "tap0"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        try:
            time.sleep(0.5)
            subprocess.run(["atk6-fake_router26", "-A", "2001:db8:bb::/64", "-n", "1", "tap0"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TOLD, check=False)
            with socket.create_connection((GUEST6, 7), TOLD) as stream:
                echo(stream, b"honest" * 500)
        finally:
            p.kill()
            p.wait()

    @case("%s: afterwards it serves as before, and frames and buffers balance" % nic)
    def _():
        check_eq(fetch().stdout, "200")
        alive()
        end = time.monotonic() + TOLD
        while "balanced" not in far.guest.get("/debug/balance")[2].decode():
            check(time.monotonic() < end, "the sums do not agree")
            time.sleep(0.2)
        drops = far.guest.get("/debug/nstat?Icmp6*")[2].decode()
        check_in("Icmp6InMsgs", drops)
        far.close()


for n in pick(NICS[:1], NICS):
    cases_for(n)
run()
