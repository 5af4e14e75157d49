#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every byte arrives: a file downloaded and a stream echoed have the SHA-256 of what was sent, on both NICs, over a clean
tap and over a link with 1 % loss, 1 % duplicates and 1 % reordered frames each way."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import Wire, make_tap, need_private_network
from qemu import MIB, NICS, Site, curl, echo_stream, noise, pick, sha
from tap import case, check, check_eq, note, run

SIZE = pick(8, 64) * MIB
IMPAIRED = ["--loss", 1, "--dup", 1, "--reorder", 1]


def transfers(g):
    check_eq(sha(curl(g.url("/blob"))), sha(blob), "download")
    check_eq(echo_stream((g.ip, g.echo_port), blob), (sha(blob), SIZE), "echo")


need_private_network()
blob = noise(SIZE)
site = Site({"blob": blob})
make_tap()
for nic in NICS:
    @case("%s, clean tap: %d MiB down and %d MiB echoed" % (nic, SIZE // MIB, SIZE // MIB))
    def _(nic=nic):
        with Guest(nic=nic, site=site.name, mem=SIZE // MIB + 128) as g:
            transfers(g)

for number, nic in enumerate(NICS):
    @case("%s, 1 %% loss, duplicates and reordering: %d MiB down and %d MiB echoed" % (nic, SIZE // MIB, SIZE // MIB))
    def _(nic=nic, number=number):
        wire = Wire(*IMPAIRED, seed=number + 1)
        try:
            with Guest(nic=nic, site=site.name, net=wire.path, mem=SIZE // MIB + 128) as g:
                transfers(g)
        finally:
            stats = wire.stop()
        for name, d in stats.items():
            note(name, d)
            check(d["lost"] and d["duplicated"] and d["reordered"], "the wire did nothing to " + name)

run()
