# SPDX-License-Identifier: MIT
"""What the live page costs the guest while one client has it open: instructions of the same requests without and with it.

A round of the page costs the same however many requests are answered in that second, so the share is told for the rate at
which the requests came; with it, what a second of looking costs a guest that does nothing else."""
import statistics
import subprocess
import time

import insns

REQUESTS, ROUNDS, SECONDS = 40000, 5, 5
WORDS = ("-p", "/128", "-c", "64", "-n", str(REQUESTS))


def spent(path, load, guest):
    """Instructions per request, all that ran meanwhile included, and requests/s; None when the load failed."""
    a, start = insns.Counts(path), time.monotonic()
    if not load("http", guest.ip, 80, *WORDS):
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


def measure(lab, guest, path, nic, boot, load):
    """Closed and open in turns, so that both see the same machine; medians."""
    closed, opened, rests = [], [], []
    boot(guest)
    try:
        spent(path, load, guest)  # warms caches
        for _ in range(ROUNDS):
            closed.append(spent(path, load, guest))
            look = viewer(guest)
            try:
                opened.append(spent(path, load, guest))
            finally:
                look.terminate()
                look.wait()
            time.sleep(1)  # the guest notices
        rests.append(idle(path))
        look = viewer(guest)
        try:
            rests.append(idle(path))
        finally:
            look.terminate()
            look.wait()
    finally:
        guest.stop()
    without, with_it = (statistics.median(x[0] for x in runs if x) for runs in (closed, opened))
    lab.put("insns/GET, page closed", guest, nic, without)
    lab.put("insns/GET, page open", guest, nic, with_it)
    lab.put("insns, page open, % more", guest, nic, 100 * (with_it / without - 1))
    rates = [statistics.median(x[1] for x in runs if x) for runs in (closed, opened)]
    lab.put("requests/s, page closed", guest, nic, rates[0])
    lab.put("requests/s, page open", guest, nic, rates[1])
    lab.put("requests/s, page open, % fewer", guest, nic, 100 * (1 - rates[1] / rates[0]))
    lab.put("insns/s idle, page closed", guest, nic, rests[0])
    lab.put("insns/s idle, page open", guest, nic, rests[1])
