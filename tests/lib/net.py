# SPDX-License-Identifier: MIT
"""A private network namespace for this process, its taps, and the impaired link (tools/wire).

The namespace is anonymous and ends with the process, with everything in it: no frame leaves it, several tests can run
at once, and nothing is left to clean up. Where the process is not root, it gets a user namespace of its own as well.
"""
import ctypes
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

from tap import skip_all

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("B", os.path.join(ROOT, "build"))
# What make test-cpus asks of the tests that leave it open: so many CPUs, and who spreads flows over them (steer=).
CPUS, STEER = int(os.environ.get("GUEST_CPUS", 1)), os.environ.get("GUEST_STEER", "")
QUEUES = CPUS if STEER == "rss" and os.environ.get("GUEST_NICS") == "virtio-net" else 1  # of tap0
SANITIZED = os.path.basename(BUILD) == "san"  # the image of make test-san: slow, and its objects have a track behind them
HOST_IP, GUEST_IP, PREFIX = "10.77.0.1", "10.77.0.2", 24
CLONE_NEWUSER, CLONE_NEWNET, PR_SET_PDEATHSIG = 0x10000000, 0x40000000, 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """For preexec_fn: a child does not outlive the test, however that ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def sh(*words, **kw):
    """Runs a command; its output. A failure shows what the command said."""
    p = subprocess.run(words, capture_output=True, text=True, **kw)
    if p.returncode:
        raise RuntimeError("%s: status %d: %s" % (" ".join(words), p.returncode, (p.stderr or p.stdout).strip()))
    return p.stdout


def put(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(str(text))


def private_network():
    """Moves this process into a network namespace of its own; the reason why not, or None."""
    flags, uid, gid = CLONE_NEWNET, os.getuid(), os.getgid()
    if uid:
        flags |= CLONE_NEWUSER
    if _libc.unshare(flags):
        return "cannot make a network namespace: " + os.strerror(ctypes.get_errno())
    if uid:
        put("/proc/self/setgroups", "deny")
        put("/proc/self/uid_map", "0 %d 1" % uid)
        put("/proc/self/gid_map", "0 %d 1" % gid)
    sh("ip", "link", "set", "lo", "up")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "cannot use /dev/net/tun"
    return None


def need_private_network():
    """The same for a test, which is skipped where that is impossible."""
    why = private_network()
    if why:
        skip_all(why)


def sysctl(name, value):
    put("/proc/sys/" + name.replace(".", "/"), value)


def exists(name):
    try:
        return bool(socket.if_nametoindex(name))
    except OSError:
        return False


def make_tap(name="tap0", address=HOST_IP, multi_queue=None):
    """A tap device, unless it is there already; with an address it is this host's end of the link. A program opens one that
    is multi_queue with several queues, and no other."""
    if exists(name):
        return name
    if multi_queue is None:
        multi_queue = name == "tap0" and QUEUES > 1
    sh("ip", "tuntap", "add", name, "mode", "tap", *(["multi_queue"] if multi_queue else []))
    if os.path.exists("/proc/sys/net/ipv6"):
        sysctl("net.ipv6.conf.%s.disable_ipv6" % name, 1)  # its neighbour discovery is nobody's business here
    if address:
        sh("ip", "addr", "add", "%s/%d" % (address, PREFIX), "dev", name)
        # Ask again soon for a guest that is still booting, and without end.
        sysctl("net.ipv4.neigh.%s.retrans_time_ms" % name, 50)
        sysctl("net.ipv4.neigh.%s.mcast_solicit" % name, 10000)
        sysctl("net.ipv4.neigh.%s.unres_qlen" % name, 3)
    # A queue for bursts of a thousand connections, while QEMU waits for a CPU of this machine: the link itself loses nothing.
    sh("ip", "link", "set", name, "txqueuelen", "10000", "up")
    return name


def link_drops(name="tap0"):
    """Frames towards the guest that this host's end of the link threw away: its queue was full."""
    return json.loads(sh("ip", "-s", "-j", "link", "show", name))[0]["stats64"]["tx"]["dropped"]


def remove_tap(name="tap0"):
    sh("ip", "link", "del", name)


class Space:
    """Another network namespace, as long as a process in it lives."""

    def __init__(self):
        self.proc = subprocess.Popen(["unshare", "-n", "sleep", "infinity"], preexec_fn=die_with_parent)
        here = os.readlink("/proc/self/ns/net")
        while os.readlink("/proc/%d/ns/net" % self.proc.pid) == here:
            time.sleep(0.01)
        self.sh("ip", "link", "set", "lo", "up")

    def words(self, *words):
        return ["nsenter", "-t", str(self.proc.pid), "-n", *map(str, words)]

    def sh(self, *words):
        return sh(*self.words(*words))

    def take(self, device, address=None):
        """Moves a device here."""
        sh("ip", "link", "set", device, "netns", str(self.proc.pid))
        if address:
            self.sh("ip", "addr", "add", address, "dev", device)
        self.sh("ip", "link", "set", device, "up")


class Wire:
    """tools/wire between this host (tap `host`, with its address) and a guest.

    The guest's end is a stream socket (guest=None: pass .path to Guest(net="stream")), or a tap of that name, joined by
    a bridge, so that virtio-net's offloads are negotiated as on any tap. far: no guest but a tap of that name."""

    def __init__(self, *impairment, host="tap0", guest=None, seed=1, far=None):
        self.dir = tempfile.mkdtemp(prefix="barewire-wire-")
        self.path = os.path.join(self.dir, "link")
        self.statistics = os.path.join(self.dir, "statistics")
        if host == "tap0" and QUEUES > 1:
            remove_tap()  # the wire opens one with a single queue
        make_tap(host, multi_queue=False)
        if guest:
            make_tap(guest, None)
            make_tap("wire0", None)
            sh("ip", "link", "add", "br0", "type", "bridge")
            for port in (guest, "wire0"):
                sh("ip", "link", "set", port, "master", "br0")
            sh("ip", "link", "set", "br0", "up")
        far = "tap:" + far if far else "tap:wire0" if guest else "unix:" + self.path
        self.proc = subprocess.Popen(
            [os.path.join(BUILD, "wire"), "--seed", str(seed), "--stats", self.statistics,
             *map(str, impairment), "tap:" + host, far],
            stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        if self.proc.stdout.readline() != b"wire ready\n":
            raise RuntimeError("tools/wire does not start")

    def stop(self):
        """Ends it; its statistics by direction: {"ab": ..., "ba": ...}, ab is towards the guest."""
        self.proc.terminate()
        self.proc.wait()
        self.proc.stdout.close()
        with open(self.statistics, encoding="ascii") as f:
            rows = [json.loads(line) for line in f]
        subprocess.run(["rm", "-rf", self.dir], check=True)
        return {row["direction"]: row for row in rows}
