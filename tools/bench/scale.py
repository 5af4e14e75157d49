# SPDX-License-Identifier: MIT
"""What one more connection costs a guest that has many already: instructions from its SYN to the echo's waiting for its bytes, for
the 500 connections that come to 1 000, 10 000 and 100 000 others. The clients are tests/lib/peers.c."""
import json
import os
import subprocess
import time

import insns
from net import BUILD, GUEST_IP, die_with_parent

MAC, PORT, MORE, ROUNDS = "52:54:00:ba:2e:01", 7, 500, 5
OTHERS = (1000, 10000, 100000)
CMDLINE, MEM = "fs.file-max=131072", 256


def settle(path):
    """Waits until the guest idles: an idle one does next to nothing."""
    before = insns.Counts(path)
    while True:
        time.sleep(0.3)
        now = insns.Counts(path)
        if now.since(before)["insns"] < 100000:
            return now
        before = now


def measure(lab, guest, path, nic, boot):
    boot(guest)
    peers = subprocess.Popen([os.path.join(BUILD, "peers"), "hold", "tap0", MAC, GUEST_IP, str(PORT), "window=64"], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent)

    def reach(n):
        peers.stdin.write("open %d\n" % n)
        peers.stdin.flush()
        json.loads(peers.stdout.readline())
        return settle(path)

    try:
        for others in OTHERS:
            last = reach(others)
            for turn in range(1, ROUNDS + 1):
                now = reach(others + turn * MORE)
                lab.put("insns/connect beside %d" % others, guest, nic, now.since(last)["insns"] / MORE)
                last = now
    finally:
        peers.kill()
        peers.wait()
        guest.stop()
