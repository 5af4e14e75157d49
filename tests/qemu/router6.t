#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The guest as a router between two networks of IPv6, one card of each kind, with rules that ask for connections:

    this host 2001:db8:77::1 - 2001:db8:77::2 ROUTER 2001:db8:88::1 - 2001:db8:88::9 lan, a network namespace

The first link's MTU is 1400 bytes, and this host says that it takes larger segments: who sends from the lan learns better."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest, Typed
from net import Space, die_with_parent, make_tap, need_private_network, sh
from qemu import MIB, noise, pick, sha
from tap import Skip, case, check, check_eq, check_in, note, req, run

NEAR, OUT, IN, LAN = "2001:db8:77::1", "2001:db8:77::2", "2001:db8:88::1", "2001:db8:88::9"
SIZE, MTU = pick(4, 64) * MIB, 1400
RULES = ("table ip6 guard { chain forward { type filter hook forward priority filter; policy drop; "
         "ct state established,related accept; ct state invalid drop; iifname eth0 ip6 daddr %s/128 tcp dport 80 accept; "
         "icmpv6 type echo-request accept; ip6 saddr %s udp dport 33434-33534 accept; iifname eth0 tcp dport 81 reject; } }" % (LAN, NEAR))

need_private_network()
lan = Space()
make_tap("tap0", None)
make_tap("lan0", None)
router = Typed(tap="tap0", cmdline='ip6=eth0,%s/64 ip6=eth1,%s/64 net.ipv6.conf.all.forwarding=1 net.ipv6.icmp.ratelimit=0 nft="%s"' %
               (OUT, IN, RULES), options=["--nic-opts", "host_mtu=%d" % MTU, "--add-nic", "e1000:" + Guest.netdev("tap", "lan0")]).start()
router.wait_console("barewire ready")
router.type("")
lan.take("lan0")
for words, device, address in ((lambda *w: w, "tap0", NEAR), (lan.words, "lan0", LAN)):
    sh(*words("sysctl", "-q", "-w", "net.ipv6.conf.%s.disable_ipv6=0" % device))
    sh(*words("ip", "-6", "addr", "add", address + "/64", "dev", device, "nodad"))
sh("ip", "link", "set", "tap0", "mtu", str(MTU))
sh("ip", "-6", "route", "add", "2001:db8:88::/64", "via", OUT, "advmss", "1440")
lan.sh("ip", "-6", "route", "add", "default", "via", IN)

SERVE = """
import socket, sys
s = socket.create_server(("::", 80), family=socket.AF_INET6)
print("ready", flush=True)
while True:
    c, _ = s.accept()
    c.sendall(b"".join(iter(lambda: c.recv(65536), b"")))
    c.close()
"""
server = subprocess.Popen(lan.words(sys.executable, "-c", SERVE), stdout=subprocess.PIPE, preexec_fn=die_with_parent)
server.stdout.readline()
blob = noise(SIZE)


def counted(name):
    """A counter of the router's, by nstat."""
    found = re.search(r"^%s +(\d+)" % name, router.type("nstat -a " + name).replace("\r", ""), re.M)
    return int(found.group(1)) if found else 0


def route_mtu():
    """What the lan believes of the path to this host."""
    found = re.search(r" mtu (\d+)", lan.sh("ip", "-6", "route", "get", NEAR))
    return int(found.group(1)) if found else 1500


def pings(space, to, *words):
    """One echo, which is waited for: of several the last has as long as the slowest before it."""
    return subprocess.run([*(space.words if space else lambda *w: list(w))("ping", "-6", "-n", "-c", "1", "-W", "20", *words, to)],
                          capture_output=True, text=True, check=False)


@case("an echo crosses the router, once neighbours are known, and one to a stranger is told unreachable")
def _():
    end = time.monotonic() + LIMIT
    while pings(None, LAN).returncode:
        check(time.monotonic() < end, "no answer across the router")
    check_in(" 0% packet loss", pings(None, LAN, "-s", "1300", "-W", str(LIMIT)).stdout)
    check_in("Address unreachable", pings(None, "2001:db8:88::dead", "-W", str(LIMIT)).stdout)


@case("what has no hop left is told, and traceroute sees the router")
def _():
    req("4443 3.3/hops", "8200 3/forward")
    check_in("Hop limit", pings(None, LAN, "-t", "1").stdout)
    if shutil.which("traceroute"):
        shown = sh("traceroute", "-6", "-n", "-q", "1", "-w", "%d,0,0" % LIMIT, "-m", "4", LAN)
        check_eq(re.findall(r"^ *\d+ +(\S+)", shown, re.M)[:2], [OUT, LAN], shown)


@case("%d MiB to a server of the other network and back again arrive whole, over a connection that is tracked" % (SIZE // MIB))
def _():
    with socket.create_connection((LAN, 80), 600) as s:
        s.sendall(blob)
        tracked = router.type("conntrack -L")
        check_eq(route_mtu(), 1500, "before")
        s.shutdown(socket.SHUT_WR)
        back = b"".join(iter(lambda: s.recv(1 << 18), b""))
    check_eq((len(back), sha(back)), (SIZE, sha(blob)))
    check(re.search(r"tcp +6 \d+ ESTABLISHED src=%s dst=%s .*\[ASSURED\]" % (NEAR, LAN), tracked), "not tracked: " + tracked)


@case("a packet too big for the first link was told so, and its sender learned the path's MTU")
def _():
    req("4443 3.2")
    check_eq(route_mtu(), MTU)
    for name in ("Ip6InTooBigErrors", "Icmp6OutPktTooBigs"):
        check(0 < counted(name) < 200, "%s: %d" % (name, counted(name)))
    check_eq(counted("Ip6FragCreates"), 0, "a router cut a packet")
    lan.sh("ip", "-6", "route", "flush", "cache")
    told = pings(lan, NEAR, "-s", "1452", "-M", "do").stdout
    check(re.search(r"Packet too big: mtu=%d|message too long, mtu: %d" % (MTU, MTU), told), told)


@case("what no rule lets through is not: from inside, and to other ports, which are told")
def _():
    blocked = pings(lan, OUT)  # to the router itself: the chain is forward's
    check_eq(blocked.returncode, 0, blocked.stdout)
    with socket.socket(socket.AF_INET6) as s:
        s.settimeout(LIMIT)
        try:
            s.connect((LAN, 81))
            raise AssertionError("connected")
        except (ConnectionRefusedError, PermissionError, OSError) as e:
            check(not isinstance(e, TimeoutError), "nobody told")
    p = subprocess.run(lan.words(sys.executable, "-c", "import socket; s = socket.create_connection(('%s', 22), 2)" % NEAR),
                       capture_output=True, text=True, check=False)
    check_in("timed out", p.stderr)
    check_in("table ip6 guard {", router.type("nft list ruleset"))


TAKE = """
import select, socket
socks = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(2)]
for s, port in zip(socks, (9999, 33440)):
    s.bind(("::", port))
print("ready", flush=True)
while not select.select([socks[1]], [], [], 60)[0] == [socks[1]]:
    pass
print([len(s.recv(65536)) for s in select.select(socks, [], [], 1)[0]], flush=True)
"""


@case("datagrams in pieces are judged by their ports, and cross in the pieces they came in")
def _():
    before = {n: counted(n) for n in ("Ip6ReasmOKs", "Ip6FragOKs", "Ip6FragCreates")}
    for size in (4000, 30000) * 3:
        check_in(" 0% packet loss", pings(None, LAN, "-s", str(size), "-W", str(LIMIT)).stdout)
    now = {n: counted(n) - before[n] for n in before}
    check(now["Ip6ReasmOKs"] >= 12 and now["Ip6ReasmOKs"] == now["Ip6FragOKs"], now)
    near = lambda size: -(-(size + 8) // ((MTU - 48) // 8 * 8))   # pieces over the near link
    inner = lambda size: -(-(size + 8) // ((1500 - 48) // 8 * 8))  # and over the other
    check_eq(now["Ip6FragCreates"] >= 3 * sum(near(n) + inner(n) for n in (4000, 30000)), True, now)
    p = subprocess.Popen(lan.words(sys.executable, "-c", TAKE), stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    try:
        p.stdout.readline()
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.sendto(bytes(5000), (LAN, 9999))
            s.sendto(bytes(6000), (LAN, 33440))
        check_eq(p.stdout.readline(), "[6000]\n", "what came through")
    finally:
        p.kill()
        p.wait()


@case("a flood to addresses of the inner network that nobody has leaves room for those who are there")
def _():
    if not shutil.which("atk6-ndpexhaust26"):
        raise Skip("thc-ipv6 is not installed")
    packets = lambda: json.loads(sh("ip", "-s", "-j", "link", "show", "tap0"))[0]["stats64"]["tx"]["packets"]
    before, end = packets(), time.monotonic() + LIMIT
    p = subprocess.Popen(["atk6-ndpexhaust26", "-p", "tap0", "2001:db8:88::/64"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        while packets() - before <= 100:
            check(time.monotonic() < end and p.poll() is None, "no flood")
            time.sleep(0.05)
        time.sleep(pick(1, 5))
    finally:
        p.kill()
        p.wait()
    note("%d frames" % (packets() - before))
    end = time.monotonic() + LIMIT
    while pings(None, LAN).returncode:
        check(time.monotonic() < end, "no answer across the router any more")


@case("frames and buffers balance")
def _():
    end = time.monotonic() + LIMIT
    while "balanced" not in router.type("balance"):
        check(time.monotonic() < end, "the sums do not agree")
        time.sleep(0.2)


try:
    run()
finally:
    server.kill()
    router.stop()
