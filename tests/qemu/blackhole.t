#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A path that swallows long packets and says nothing (RFC 4821): by retransmissions alone a transfer stands
still for ever, with net.ipv4.tcp_mtu_probing it goes on, in segments as long as the path takes. Over either family.

    guest 10.77.0.2 - 10.77.0.1 ROUTER 10.66.0.1 - client, whose card takes 1300 bytes and drops what is longer, unseen by IP
"""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Typed
from net import GUEST_IP, Space, die_with_parent, make_tap, need_private_network, sh, sysctl
from qemu import MIB, Site, noise, pick, sha
from tap import case, check, check_eq, note, req, run

PATH_MTU, SIZE = 1300, pick(1, 16) * MIB
GUEST6, NEAR6, FAR6 = "2001:db8:77::2", "2001:db8:77::1", "2001:db8:66::1"

need_private_network()
client, site = Space(), Site({"blob": noise(SIZE)})
make_tap()
sh("ip", "link", "add", "up0", "type", "veth", "peer", "name", "client0")
for name in ("tap0", "up0"):
    sysctl("net.ipv6.conf.%s.disable_ipv6" % name, 0)
sysctl("net.ipv4.ip_forward", 1)
sysctl("net.ipv6.conf.all.forwarding", 1)
sh("ip", "addr", "add", "10.66.0.1/24", "dev", "up0")
sh("ip", "-6", "addr", "add", FAR6 + "/64", "dev", "up0", "nodad")
sh("ip", "-6", "addr", "add", NEAR6 + "/64", "dev", "tap0", "nodad")
sh("ip", "link", "set", "up0", "up")
client.take("client0", "10.66.0.2/24")
client.sh("ip", "-6", "addr", "add", "2001:db8:66::2/64", "dev", "client0", "nodad")
client.sh("ip", "link", "set", "client0", "mtu", PATH_MTU)
# It offers what its card would take if it were an ordinary one.
client.sh("ip", "route", "add", "default", "via", "10.66.0.1", "advmss", 1460)
client.sh("ip", "-6", "route", "add", "default", "via", FAR6, "advmss", 1440)
g = Typed(site=site.name, mem=SIZE // MIB + 128, cmdline="ip6=%s/64,%s ethtool=eth0:K,tso=off" % (GUEST6, NEAR6)).start()


def fetch(address):
    """A curl that gets the file."""
    return subprocess.Popen(client.words("curl", "-gs", "http://%s/blob" % address), stdout=subprocess.PIPE, preexec_fn=die_with_parent)


def counters():
    found = dict(re.findall(r"(TcpExtTCPMTUP\w+|TcpExtTCPTimeouts) +(\d+)", g.type("nstat -z")))
    return {name: int(value) for name, value in found.items()}


@case("without probing nothing gets through but what is short by itself")
def _():
    g.wait_console("barewire ready")
    g.type("")
    curl, end = fetch(GUEST_IP), time.monotonic() + LIMIT
    while counters()["TcpExtTCPTimeouts"] < 3:
        check(curl.poll() is None, "the path swallows nothing")
        check(time.monotonic() < end, "no timeout")
        time.sleep(0.1)
    curl.kill()
    check(len(curl.communicate()[0]) < 10 * 1460, "the path swallows nothing")


for family, address, over in ((4, GUEST_IP, 40), (6, "[%s]" % GUEST6, 60)):
    @case("IPv%d: with tcp_mtu_probing the transfer gets through, and probes that arrive make its segments longer" % family)
    def _(address=address, over=over):
        req("4821 7.6.1", "4821 7.8", "4821 7.4")
        g.type("sysctl net.ipv4.tcp_mtu_probing=1")
        before = counters()
        check_eq(sha(fetch(address).communicate()[0]), sha(noise(SIZE)))
        after = counters()
        note("probes that arrived: %d, that were lost: %d" % tuple(
            after[n] - before[n] for n in ("TcpExtTCPMTUPSuccess", "TcpExtTCPMTUPFail")))
        check(after["TcpExtTCPMTUPSuccess"] > before["TcpExtTCPMTUPSuccess"], "no probe arrived")


@case("the guest ends clean")
def _():
    g.proc.stdin.write(b"poweroff\r")
    g.proc.stdin.flush()
    check_eq(g.wait_exit(), 0)


run()
