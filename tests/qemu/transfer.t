#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every byte arrives: a file downloaded, a stream echoed and a body posted to /echo have the SHA-256 of what was sent, on both
NICs, over a clean tap (1 GiB in the long form) and over a link with 1 % loss, 1 % duplicates and 1 % reordered frames each way."""
import mmap
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import Wire, make_tap, need_private_network
from qemu import MIB, NICS, Site, echo_stream, noise, pick, sha
from tap import case, check, check_eq, note, run

CLEAN, LOSSY = pick(8, 1024) * MIB, pick(8, 64) * MIB
IMPAIRED = ["--loss", 1, "--dup", 1, "--reorder", 1]


class Blob:
    """A site with one file of noise, written in pieces: it is never in this process's memory as a whole."""

    def __init__(self, size):
        self.site = Site({})
        self.path = os.path.join(self.site.name, "blob")
        with open(self.path, "wb") as f:
            for at in range(0, size, 64 * MIB):
                f.write(noise(min(64 * MIB, size - at), seed=at))
        with open(self.path, "rb") as f:
            self.bytes = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        self.sha, self.size, self.mem = sha(self.bytes), size, size // MIB + 128


def curl_sha(*words):
    """SHA-256 of what curl receives."""
    p = subprocess.Popen(["curl", "-sS", "--max-time", "3000", *words], stdout=subprocess.PIPE)
    out = subprocess.run(["sha256sum"], stdin=p.stdout, capture_output=True, text=True, check=True).stdout
    check_eq(p.wait(), 0, "curl's status")
    return out.split()[0]


def transfers(g, blob):
    def timed(what, got, want):
        start = time.monotonic()
        check_eq(got(), want, what)
        note("%s: %.1f MB/s" % (what, blob.size / 1e6 / (time.monotonic() - start)))

    timed("download", lambda: curl_sha(g.url("/blob")), blob.sha)
    timed("POST /echo, sized", lambda: curl_sha("-X", "POST", "-H", "Expect:", "-T", blob.path, g.url("/echo")), blob.sha)
    timed("POST /echo, chunked", lambda: curl_sha("-X", "POST", "-H", "Expect:", "-H", "Transfer-Encoding: chunked",
                                                  "-T", blob.path, g.url("/echo")), blob.sha)
    timed("TCP echo", lambda: echo_stream((g.ip, g.echo_port), blob.bytes, 3000), (blob.sha, blob.size))


need_private_network()
clean = Blob(CLEAN)
lossy = clean if LOSSY == CLEAN else Blob(LOSSY)
make_tap()
for nic in NICS:
    @case("%s, clean tap: %d MiB down, posted and echoed" % (nic, CLEAN // MIB))
    def _(nic=nic):
        with Guest(nic=nic, site=clean.site.name, mem=clean.mem) as g:
            transfers(g, clean)

for number, nic in enumerate(NICS):
    @case("%s, 1 %% loss, duplicates and reordering: %d MiB down, posted and echoed" % (nic, LOSSY // MIB))
    def _(nic=nic, number=number):
        wire = Wire(*IMPAIRED, seed=number + 1)
        try:
            with Guest(nic=nic, site=lossy.site.name, net=wire.path, mem=lossy.mem) as g:
                transfers(g, lossy)
        finally:
            stats = wire.stop()
        for name, d in stats.items():
            note(name, d)
            check(d["lost"] and d["duplicated"] and d["reordered"], "the wire did nothing to " + name)

run()
