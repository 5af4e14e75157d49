# SPDX-License-Identifier: MIT
"""What the live page costs the guest while one client has it open: instructions of the same requests without and with it, and
their rates in turns.

A round of the page costs the same however many requests are answered in that second, so the share is told for the rate at
which the requests came; with it, what a second of looking costs a guest that does nothing else. Rates are measured in a guest
without the plugin that counts, for as long as some rounds of the page take."""
import statistics
import subprocess
import time

import beside
import insns

REQUESTS, ROUNDS, SECONDS = 40000, 5, 5
PAIRS, RATED = 4, 4  # rounds of rates for each that was asked for, and how many times REQUESTS one has
WORDS = ("-p", "/128", "-c", "64")


def spent(path, load, guest):
    """Instructions per request, all that ran meanwhile included, and requests/s; None when the load failed."""
    a, start = insns.Counts(path), time.monotonic()
    if not load("http", guest.ip, 80, *WORDS, "-n", REQUESTS):
        return None
    took = time.monotonic() - start
    return insns.Counts(path).since(a)["insns"] / REQUESTS, REQUESTS / took


def idle(path):
    a = insns.Counts(path)
    time.sleep(SECONDS)
    return insns.Counts(path).since(a)["insns"] / SECONDS


def viewer(guest):
    p = subprocess.Popen(["curl", "-sN", guest.url("/debug/live/feed")], stdout=subprocess.DEVNULL)
    time.sleep(2.5)  # everything was sent, and a change or two
    return p


def looked_at(guest, what):
    """What `what` returns while the page is open."""
    look = viewer(guest)
    try:
        return what()
    finally:
        look.terminate()
        look.wait()
        time.sleep(1)  # the guest notices


def measure_insns(lab, guest, path, nic, boot, load):
    """Closed and open in turns, so that both see the same machine; medians."""
    boot(guest)
    try:
        spent(path, load, guest)  # warms caches
        pairs = beside.rounds([lambda: spent(path, load, guest), lambda: looked_at(guest, lambda: spent(path, load, guest))], ROUNDS)
        rests = idle(path), looked_at(guest, lambda: idle(path))
    finally:
        guest.stop()
    closed, opened = (statistics.median(n for n, _ in runs) for runs in zip(*pairs))
    lab.put("GET/s meanwhile, page open", guest, nic, statistics.median(rate for _, (_, rate) in pairs))
    lab.put("insns/GET, page closed", guest, nic, closed)
    lab.put("insns/GET, page open", guest, nic, opened)
    lab.put("insns, page open, % more", guest, nic, 100 * (opened / closed - 1))
    lab.put("insns/s idle, page closed", guest, nic, rests[0])
    lab.put("insns/s idle, page open", guest, nic, rests[1])


def measure(lab, kind, nic, counting, boot, load):
    measure_insns(lab, *counting(lab, kind, nic), nic, boot, load)
    guest = kind(lab, nic)
    boot(guest)
    rate = lambda: beside.rates(guest, load, "http", 80, WORDS, RATED * REQUESTS)
    try:
        rate()
        pairs = beside.rounds([rate, lambda: looked_at(guest, rate)], PAIRS * lab.rounds)
    finally:
        guest.stop()
    beside.put(lab, guest, nic, "GET", ["page closed", "page open"], pairs)
