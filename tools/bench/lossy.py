# SPDX-License-Identifier: MIT
"""Goodput over a link that loses: barewire's TCP and the host kernel's own, under the same tools/wire, in one run.

The host is one end in each case, with the same programs. The other end is the guest, or this host again in a second network
namespace. `down`: the other end sends (what counts is its congestion control), `up`: it receives. Several flows at once, since
a single one's rate at random loss says little; what is counted are payload bytes that arrived after the first seconds.
"""
import array
import ctypes
import fcntl
import os
import selectors
import signal
import socket
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "lib"))
from guest import Guest
from net import CLONE_NEWNET, GUEST_IP, PREFIX, Wire, die_with_parent, sh

DISCARD, HTTP = 9, 80
TCP_CONGESTION, SIOCOUTQ = 13, 0x5411
SEGMENT, FRAME = 1448, 1514 # bytes of payload, and what the wire counts for them
WARM, LIMIT = 3, 400          # seconds not counted; frames that the link holds, those under way included
REQUESTS = b"GET /4m HTTP/1.1\r\nHost: bench\r\n\r\n" * 100
# name, options of the wire, flows
LINKS = [
    ("1 % loss, RTT 40 ms", ["--loss", 1, "--delay", 20, "--rate", 100000000, "--limit", 1500], 8),
    ("20 Mbit/s, RTT 40 ms", ["--rate", 20000000, "--delay", 20, "--limit", LIMIT], 1),
]


def use(sock, algorithm):
    sock.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, algorithm.encode())


def available():
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control", encoding="ascii") as f:
        return f.read().split()


# ---------------------------------------------------------------- the host's own TCP as the other end
def serve(algorithm):
    """Takes all that comes to the discard port, and answers whoever speaks to the HTTP port with bytes without end."""
    selector, data = selectors.DefaultSelector(), bytes(1 << 16)
    for port in (DISCARD, HTTP):
        s = socket.create_server(("", port), backlog=64)
        use(s, algorithm)
        selector.register(s, selectors.EVENT_READ, ("accept", port))
    while True:
        for key, _ in selector.select():
            sock, (what, port) = key.fileobj, key.data
            try:
                if what == "accept":
                    c = sock.accept()[0]
                    c.setblocking(False)
                    selector.register(c, selectors.EVENT_READ, ("read", port))
                elif what == "send":
                    sock.send(data)
                elif not sock.recv(1 << 18):
                    raise ConnectionError
                elif port == HTTP:
                    selector.modify(sock, selectors.EVENT_WRITE, ("send", port))
            except BlockingIOError:
                pass
            except OSError:
                selector.unregister(sock)
                sock.close()


class LinuxEnd:
    """A namespace with one end of the wire in it, and serve() behind that."""
    label = "linux"

    def __init__(self, impairment, algorithm, seed):
        ready, go = os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            die_with_parent()
            try:
                if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
                    os._exit(1)
                os.write(ready[1], b".")
                os.read(go[0], 1)
                sh("ip", "addr", "add", "%s/%d" % (GUEST_IP, PREFIX), "dev", "far0")
                sh("ip", "link", "set", "far0", "txqueuelen", "10000", "up")
                os.write(ready[1], b".")
                serve(algorithm)
            finally:
                os._exit(1)
        self.wire = Wire(*impairment, seed=seed, far="far0")
        os.read(ready[0], 1)
        sh("ip", "link", "set", "far0", "netns", str(self.pid))
        os.write(go[1], b".")
        os.read(ready[0], 1)
        for fd in ready + go:
            os.close(fd)

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.wire.stop()


class GuestEnd:
    label = "barewire"

    def __init__(self, impairment, algorithm, seed, site, nic):
        self.wire = Wire(*impairment, seed=seed)
        self.guest = Guest(nic=nic, mem=128, site=site, net=self.wire.path,
                           cmdline="net.ipv4.tcp_congestion_control=" + algorithm)
        self.guest.__enter__()

    def stop(self):
        self.guest.stop()
        self.wire.stop()


# ---------------------------------------------------------------- this end
def unsent(sock):
    n = array.array("i", [0])
    fcntl.ioctl(sock, SIOCOUTQ, n)
    return n[0]


def goodput(port, flows, seconds, algorithm):
    """Mbit/s of all flows together, received from HTTP or sent to DISCARD and acknowledged."""
    selector, data, got = selectors.DefaultSelector(), bytes(1 << 16), 0
    socks = []
    for _ in range(flows):
        s = socket.socket()
        use(s, algorithm)
        s.settimeout(60)
        s.connect((GUEST_IP, port))
        if port == HTTP:
            s.sendall(REQUESTS)
        s.setblocking(False)
        socks.append(s)
        selector.register(s, selectors.EVENT_READ if port == HTTP else selectors.EVENT_WRITE)
    start, counted_from = time.monotonic(), None
    while True:
        for key, _ in selector.select(0.1):
            try:
                got += len(key.fileobj.recv(1 << 18)) if port == HTTP else key.fileobj.send(data)
            except BlockingIOError:
                pass
        now = time.monotonic()
        if counted_from is None and now - start >= WARM:
            counted_from, before = now, got - sum(map(unsent, socks))
        elif counted_from is not None and now - counted_from >= seconds:
            result = (got - sum(map(unsent, socks)) - before) * 8 / 1e6 / (now - counted_from)
            break
    for s in socks:
        s.close()
    return result


# ---------------------------------------------------------------- all of it
def measure(site, nics, rounds, seconds):
    """Lines to print, and the figures: name -> column -> values."""
    figures, algorithms = {}, [a for a in ("cubic", "reno", "bbr") if a in available()]
    ends = [("linux", lambda *a: LinuxEnd(*a))]
    ends += [("barewire " + nic, lambda *a, nic=nic: GuestEnd(*a, site, nic)) for nic in nics]
    for turn in range(rounds):
        for name, impairment, flows in LINKS:
            for algorithm in algorithms:
                for column, make in ends:
                    end = make(impairment, algorithm, turn + 1)
                    try:
                        for way, port in (("down", HTTP), ("up", DISCARD)):
                            rate = goodput(port, flows, seconds, algorithm)
                            figure = "%s, %s, %s, Mbit/s" % (name, algorithm, way)
                            figures.setdefault(figure, {}).setdefault(column, []).append(rate)
                            print("  %-44s %-22s %.2f" % (figure, column, rate), file=sys.stderr, flush=True)
                    finally:
                        end.stop()
    columns = [c for c, _ in ends]
    return table(figures, columns) + utilisation(figures, columns), figures


def utilisation(figures, columns):
    """Of the links that lose nothing by themselves: how much of what their rate can carry in full segments arrived."""
    lines = []
    for name, impairment, _ in LINKS:
        if "--loss" in impairment:
            continue
        most = impairment[impairment.index("--rate") + 1] / 1e6 * SEGMENT / FRAME
        for figure, by in figures.items():
            if figure.startswith(name):
                label = figure.removesuffix("Mbit/s") + "% of the link"
                lines.append("%-46s" % label + "".join("%22.1f" % (100 * statistics.median(by[c]) / most) for c in columns))
    return lines


def table(figures, columns):
    lines = ["%-46s" % "goodput over tools/wire" + "".join("%22s" % c for c in columns) +
             "".join("%22s" % ("ratio, " + c.split()[1]) for c in columns[1:])]
    for figure, by in figures.items():
        medians = [statistics.median(by[c]) for c in columns]
        lines.append("%-46s" % figure + "".join("%22.2f" % m for m in medians) +
                     "".join("%22.2f" % (m / medians[0]) for m in medians[1:]))
    return lines
