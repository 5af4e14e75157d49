#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/wire does to frames what it is told, the same for the same seed, and its books balance."""
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from net import BUILD, die_with_parent
from tap import case, check, check_eq, run

FRAMES = 2000


def frame(i):
    return struct.pack(">I", i) * 25


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s


def statistics(p):
    """Those of each direction up to now."""
    p.send_signal(signal.SIGUSR1)
    return [json.loads(p.stdout.readline()) for _ in range(2)]


def until(p, holds):
    """Waits until its statistics are so."""
    while not holds(*statistics(p)):
        check(p.poll() is None, "the wire ended")
        time.sleep(0.01)


def receive(s, frames):
    """So many frames, and whatever stands behind them."""
    data = b""
    while len(data) < frames * 104:
        part = s.recv(1 << 16)
        check(part, "%d bytes of %d frames" % (len(data), frames))
        data += part
    check_eq(data[::104][:frames], bytes(frames), "lengths")
    return [data[at + 4:at + 104] for at in range(0, len(data), 104)]


def through(*options, frames=FRAMES, stay=False):
    """What comes out of the far end when numbered frames go in, the seconds it took, and the statistics. stay: it is not waited
    for frames that wait."""
    with tempfile.TemporaryDirectory(prefix="barewire-wire-") as d:
        paths = [os.path.join(d, x) for x in "ab"]
        stats = os.path.join(d, "statistics")
        p = subprocess.Popen([os.path.join(BUILD, "wire"), "--stats", stats, *map(str, options),
                              *("unix:" + x for x in paths)], stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        check_eq(p.stdout.readline(), b"wire ready\n")
        a, b = connect(paths[0]), connect(paths[1])
        until(p, lambda ab, ba: ab["joined"] and ba["joined"])
        start = time.monotonic()
        a.sendall(b"".join(struct.pack(">I", 100) + frame(i) for i in range(frames)))
        until(p, lambda ab, _: ab["in"] == frames and (stay or not ab["left"]))
        got = receive(b, statistics(p)[0]["out"])
        took = time.monotonic() - start
        p.terminate()
        p.wait()
        p.stdout.close()
        check_eq(b.recv(1), b"", "behind the last frame")
        a.close()
        b.close()
        with open(stats, encoding="ascii") as f:
            ab, ba = [json.loads(line) for line in f]
    check_eq(ab["in"] + ab["duplicated"],
             ab["out"] + ab["lost"] + ab["full"] + ab["refused"] + ab["left"], "balance of frames")
    check_eq((ab["in"], ab["out"], ba["in"]), (frames, len(got), 0))
    return got, took, ab


@case("a clean wire passes every frame, in order")
def _():
    got, _, _ = through()
    check(got == [frame(i) for i in range(FRAMES)], "frames differ")


@case("10 % loss takes about a tenth, the same frames for the same seed, others for another")
def _():
    first, _, stats = through("--loss", 10, "--seed", 7)
    check(0.05 * FRAMES < stats["lost"] < 0.15 * FRAMES, "lost %d" % stats["lost"])
    check(first == through("--loss", 10, "--seed", 7)[0], "the same seed differs")
    check(first != through("--loss", 10, "--seed", 8)[0], "another seed does the same")


@case("duplicates arrive twice")
def _():
    got, _, stats = through("--dup", 5)
    check(stats["duplicated"] > 0 and len(got) == FRAMES + stats["duplicated"], str(stats))


@case("reordered frames arrive late, and all of them arrive")
def _():
    got, _, stats = through("--reorder", 2)
    check(stats["reordered"] > 0 and got != sorted(got) and sorted(got) == [frame(i) for i in range(FRAMES)], "order")


@case("a corrupted frame differs in one bit")
def _():
    got, _, stats = through("--corrupt", 5)
    bits = [bin(int.from_bytes(x, "big") ^ int.from_bytes(frame(i), "big")).count("1") for i, x in enumerate(got)]
    check_eq((sum(bits), max(bits)), (stats["corrupted"], 1))


@case("a delayed frame is not early")
def _():
    _, took, _ = through("--delay", 300, frames=10)
    check(took >= 0.29, "after %.3f s" % took)


@case("a rate is not exceeded")
def _():
    _, took, _ = through("--rate", 1000000, frames=1000)  # 100 000 bytes: 0.8 s
    check(took >= 0.75, "after %.3f s" % took)


@case("more than the limit does not wait: it is counted as full")
def _():
    _, _, stats = through("--delay", 600000, "--limit", 100, stay=True)
    check_eq((stats["full"], stats["left"]), (FRAMES - 100, 100))


@case("an impairment of one direction leaves the other alone")
def _():
    check_eq(len(through("--only", "ba", "--loss", 100)[0]), FRAMES)


@case("an unusable option is named")
def _():
    p = subprocess.run([os.path.join(BUILD, "wire"), "--loss", "lots", "unix:/a", "unix:/b"], capture_output=True, text=True)
    check_eq((p.returncode, p.stderr), (2, "wire: 'lots' is not a number from 0 to 100\n"))


run()
