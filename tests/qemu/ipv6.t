#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""IPv6 in a booted guest: addresses form themselves, are asked for before they are used and verified on the wire, a router's
advertisement gives prefix, route and resolver, and HTTP and echo are served over it, to the host's own TCP and UDP. The host
plays the router with scapy."""
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import make_tap, need_private_network, sh, sysctl
from tap import Skip, case, check, check_eq, check_in, note, req, run

PREFIX, ROUTER = "2001:db8:77::", "fe80::77"
STATIC, HOST6 = "2001:db8:66::2", "2001:db8:66::1"
LIMIT = 300  # seconds to wait for what the guest does by itself

need_private_network()
make_tap()
sysctl("net.ipv6.conf.tap0.disable_ipv6", 0)
sysctl("net.ipv6.conf.tap0.accept_dad", 0)
for address in (HOST6 + "/64", PREFIX + "1/64", ROUTER + "/64"):
    sh("ip", "-6", "addr", "add", address, "dev", "tap0", "nodad")

from scapy.all import (Ether, ICMPv6MLReport2, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptMTU,  # noqa: E402
                       ICMPv6NDOptPrefixInfo, ICMPv6NDOptRDNSS, ICMPv6NDOptSrcLLAddr, IPv6, AsyncSniffer, sendp, get_if_hwaddr)

MAC = get_if_hwaddr("tap0")


def advertise(lifetime=1800, valid=3600, preferred=1800):
    sendp(Ether(src=MAC, dst="33:33:00:00:00:01") / IPv6(src=ROUTER, dst="ff02::1", hlim=255) /
          ICMPv6ND_RA(routerlifetime=lifetime, chlim=61) / ICMPv6NDOptSrcLLAddr(lladdr=MAC) /
          ICMPv6NDOptMTU(mtu=1400) / ICMPv6NDOptPrefixInfo(prefix=PREFIX, prefixlen=64, validlifetime=valid,
                                                           preferredlifetime=preferred, L=1, A=1) /
          ICMPv6NDOptRDNSS(dns=[PREFIX + "53"], lifetime=600), iface="tap0", verbose=False)


def wait_for(what, look):
    """Calls look() until it returns something true, which is returned."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("waited in vain for " + what)


def show(g, path):
    return g.get(path)[2].decode()


def addresses(g):
    """Addresses of the guest that are in use, from `ip -6 addr`."""
    return [a for a, flags in re.findall(r"inet6 ([0-9a-f:]+)/\d+ (.*)", show(g, "/debug/ip?-6+addr"))
            if "tentative" not in flags]


def formed(g, prefix):
    return wait_for("an address of " + prefix, lambda: [a for a in addresses(g) if a.startswith(prefix)])[0]


def probes(address):
    return [p for p in list(frames) if ICMPv6ND_NS in p and p[IPv6].src == "::" and p[ICMPv6ND_NS].tgt == address]


def fetch(address, scope=""):
    return subprocess.run(["curl", "-6", "-gsS", "-m", str(LIMIT), "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                           "http://[%s%s]/" % (address, scope)], capture_output=True, text=True, check=False)


def echo(address, kind):
    with socket.socket(socket.AF_INET6, kind) as s:
        s.settimeout(LIMIT)
        s.connect((address, 7))
        s.send(b"hello over six")
        return s.recv(100)


frames = []  # all IPv6 that the guest sent: this host looks for routers as well
listens = threading.Event()
seen = AsyncSniffer(iface="tap0", store=False, prn=frames.append, lfilter=lambda p: IPv6 in p and p.src != MAC,
                    started_callback=listens.set)
seen.start()
listens.wait()
guest = Guest(cmdline="ip6=%s/64" % STATIC).start()
guest.wait_console("barewire ready")


@case("the link-local address is asked for before it is used, and routers are looked for")
def _():
    req("4862 5.4", "4861 6.3.7")
    own = formed(guest, "fe80")
    solicited = wait_for("a router solicitation", lambda: [p for p in list(frames) if ICMPv6ND_RS in p])
    wait_for("a probe for %s on the wire" % own, lambda: probes(own))
    check_eq(solicited[0][IPv6].src, own)
    check_eq(solicited[0][IPv6].hlim, 255)
    wait_for("a report of the groups it listens to", lambda: [p for p in list(frames) if ICMPv6MLReport2 in p])


@case("an advertisement gives an address, a route, an MTU and a resolver")
def _():
    req("4862 5.5", "8106 5.1")
    advertise()
    own = formed(guest, PREFIX.rstrip(":"))
    note("formed", own)
    wait_for("a probe for it on the wire", lambda: probes(own))
    check_in("default via " + ROUTER, show(guest, "/debug/ip?-6+route"))


@case("HTTP and echo are served over IPv6, on a formed, a static and a link-local address")
def _():
    own, local = formed(guest, PREFIX.rstrip(":")), formed(guest, "fe80")
    for address, scope in ((own, ""), (STATIC, ""), (local, "%tap0")):
        got = fetch(address, scope)
        check_in("200 ", got.stdout, got.stderr)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        check_eq(echo(own, kind), b"hello over six")
    check_in("200 ", subprocess.run(["curl", "-4", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                                     "http://%s/" % guest.ip], capture_output=True, text=True, check=False).stdout)


@case("a datagram larger than the MTU crosses in fragments both ways")
def _():
    req("8200 4.5")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT)
        s.connect((STATIC, 7))
        data = bytes(i % 251 for i in range(8000))
        s.send(data)
        check_eq(s.recv(65535), data)


@case("the console shows neighbours, listeners of both families and counters")
def _():
    check_in("lladdr " + MAC, show(guest, "/debug/ip?-6+neigh"))
    check_in("*:80", show(guest, "/debug/ss?-6tln"))
    check("Icmp6OutNeighborAdvertisements" in show(guest, "/debug/nstat?Icmp6*"), "no advertisement was counted")


@case("the host's ping and its path of large packets come back")
def _():
    if not shutil.which("ping"):
        raise Skip("there is no ping")
    for size in ("56", "3000"):
        for _ in range(2):
            check_in(" 0% packet loss", sh("ping", "-6", "-c", "1", "-W", str(LIMIT), "-s", size, STATIC))


@case("a router that resigns is no route any more, and an address lives on until its time is over")
def _():
    req("4861 6.3.5")
    advertise(lifetime=0, valid=7300, preferred=0)
    wait_for("the route to go", lambda: "default via" not in show(guest, "/debug/ip?-6+route"))
    check(formed(guest, PREFIX.rstrip(":")), "the address went")


@case("frames and buffers balance")
def _():
    wait_for("the sums to agree", lambda: "balanced" in show(guest, "/debug/balance"))


try:
    run()
finally:
    seen.stop()
    guest.stop()
