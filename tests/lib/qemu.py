# SPDX-License-Identifier: MIT
"""What the booted tests share: long and short forms, sites with known contents, streams that are summed on the way."""
import hashlib
import os
import random
import re
import socket
import subprocess
import tempfile
import threading

from net import BUILD, ROOT

LONG = bool(os.environ.get("LONG"))  # make test-NAME; make test takes the short form
NICS = ["virtio-net", "e1000", *(["e1000e"] if LONG else [])]
if "GUEST_NICS" in os.environ:
    NICS = os.environ["GUEST_NICS"].split(",")
MIB = 1 << 20
SKB = 4096  # bytes that an skb outside its pool counts for: more than it can have


def pick(short, long):
    return long if LONG else short


def noise(size, seed=1):
    """Bytes that no link compresses and no other offset repeats; the same for the same seed."""
    r, piece = random.Random(seed), 1 << 26  # one call cannot make 256 MiB
    return b"".join(r.randbytes(min(piece, size - at)) for at in range(0, size, piece))


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Site(tempfile.TemporaryDirectory):
    """A folder to serve: name -> contents."""

    def __init__(self, files):
        super().__init__(prefix="barewire-site-")
        for name, data in files.items():
            with open(os.path.join(self.name, name), "wb") as f:
                f.write(data)


def curl(*words, limit=600):
    """curl's output, as bytes; an error of curl's is a failure."""
    p = subprocess.run(["curl", "-sS", "--max-time", str(limit), *words], capture_output=True)
    if p.returncode:
        raise AssertionError("curl %s: %s" % (" ".join(words), p.stderr.decode().strip()))
    return p.stdout


def echo_stream(address, data, limit=600):
    """Sends all of data to an echo while reading what comes back; SHA-256 and length of the latter."""
    total, digest = 0, hashlib.sha256()
    with socket.create_connection(address, limit) as s:
        def send():
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        while True:
            part = s.recv(1 << 18)
            if not part:
                break
            digest.update(part)
            total += len(part)
        sender.join()
    return digest.hexdigest(), total


def make_core(guest):
    """A core of the guest, in its folder."""
    path = os.path.join(guest.dir, "core")
    p = subprocess.run([os.path.join(ROOT, "tools/core"), "--qmp", guest.qmp_path, path], capture_output=True, text=True)
    if p.returncode:
        raise AssertionError("tools/core: " + p.stderr)
    return path


def gdb_core(path, *commands, limit=900):
    """What gdb prints when it runs these on a core."""
    words = ["gdb", "-q", "-nx", "-batch", "-ex", "set pagination off", "-ex",
             "source " + os.path.join(ROOT, "tools/gdb/barewire.py"), "-ex", "target core " + path]
    for c in commands:
        words += ["-ex", c]
    p = subprocess.run([*words, os.path.join(BUILD, "barewire.elf")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=limit)
    return p.stdout


def gdb(guest, *commands, limit=900):
    """What gdb prints when it runs these, attached to a guest made with gdb=True; it leaves the guest running."""
    words = ["gdb", "-q", "-nx", "-batch", "-ex", "set pagination off", "-ex", "set confirm off",
             "-ex", "target remote " + guest.gdb_path]
    for c in ["source " + os.path.join(ROOT, "tools/gdb/barewire.py"), *commands, "detach"]:
        words += ["-ex", c]
    p = subprocess.run([*words, guest.elf], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=limit)
    return p.stdout


def free_bytes(guest):
    """Bytes that nobody has: free pages, and what the skb pools hold in reserve. They take their fixed share of memory as they
    first need it and keep it; it counts as free here when its buffers are."""
    with open(os.path.join(ROOT, "kernel/net/core/skbuff.h"), encoding="utf-8") as header:
        chunk = 4096 << int(re.search(r"define SKB_CHUNK_ORDER (\d+)", header.read()).group(1))
    pools = re.findall(r"skbs (\d+) of (\d+) free, buffers (\d+) of .*; (\d+) chunks", gdb(guest, "k pools"))
    if not pools:
        raise AssertionError("k pools says nothing that is understood")
    alive = sum(int(every) - int(free) for free, every, _, _ in pools)
    return int(guest.metrics()["memory_free_bytes"]) + sum(int(chunks) for *_, chunks in pools) * chunk - alive * SKB
