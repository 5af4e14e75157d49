#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The operator's console through both of its doors: what it shows is what the host knows of the same link and connections, a
wrong word is named, and only the serial line may change something."""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import HOST_IP, make_tap, need_private_network
from qemu import NICS
from tap import case, check, check_eq, run
from terminal import Terminal, shown


def text(g, path):
    status, _, body = g.get("/debug/" + path)
    return status, body.decode()


def tap_mac():
    out = subprocess.run(["ip", "-br", "link", "show", "tap0"], check=True, capture_output=True, text=True).stdout
    return out.split()[2]


def tshark(path, *options):
    p = subprocess.run(["tshark", "-r", path, *options], capture_output=True, text=True)
    return p.stdout.strip().split("\n") if p.stdout.strip() else []


def wait_for(condition, limit=LIMIT):
    end = time.monotonic() + limit
    while not condition():
        check(time.monotonic() < end, "what was waited for did not come")
        time.sleep(0.05)


need_private_network()
make_tap()
for nic in NICS:
    @case("%s: by HTTP the console shows what the host sees" % nic)
    def _(nic=nic):
        with Guest(nic=nic) as g, socket.create_connection((g.ip, g.echo_port)) as s:
            s.sendall(b"x")
            s.recv(1)
            port = s.getsockname()[1]
            check(re.search(r"ESTAB +0 +0 +%s:7 +%s:%d\b" % (g.ip, HOST_IP, port), text(g, "ss?-tn")[1]),
                  "ss does not list the test's connection")
            check(re.search(r"^%s dev eth0 lladdr %s REACHABLE $" % (HOST_IP, tap_mac()), text(g, "ip?neigh")[1], re.M),
                  "ip neigh does not list the host")
            check("inet %s/24" % g.ip in text(g, "ip?addr")[1], "ip addr does not show the address")
            check("default via %s dev eth0" % HOST_IP in text(g, "ip?route")[1], "ip route does not show the gateway")
            before = int(re.search(r"TcpPassiveOpens +(\d+)", text(g, "nstat")[1]).group(1))
            after = int(re.search(r"TcpPassiveOpens +(\d+)", text(g, "nstat?Tcp*Opens")[1]).group(1))
            check_eq(after, before + 1, "connections counted, the second request's own included")
            check(text(g, "balance")[1].endswith("\nbalanced\n"), "the frames do not balance")
            check("rx_queue_0_packets" in text(g, "ethtool?-S+eth0")[1], "ethtool -S shows no queue")
            check("barewire ready" in text(g, "dmesg")[1], "dmesg lacks the log")


@case("a capture by HTTP is what tshark reads: the frames of the filter, both ways, none malformed")
def _():
    program = subprocess.run(["tcpdump", "-ddd", "-y", "EN10MB", "tcp port 7"], check=True, capture_output=True, text=True).stdout
    with Guest() as g:
        url = g.url("/debug/pcap?dev=eth0&filter=" + program.strip().replace("\n", ",").replace(" ", "+"))
        with tempfile.NamedTemporaryFile(suffix=".pcapng") as f:
            curl = subprocess.Popen(["curl", "-sN", "-o", f.name, url])
            try:
                wait_for(lambda: os.path.getsize(f.name) > 0)
                check_eq(g.echo(b"hello"), b"hello", "the echo")
                g.get("/")
                wait_for(lambda: b"hello" in open(f.name, "rb").read())
            finally:
                curl.terminate()
                curl.wait()
            rows = tshark(f.name, "-T", "fields", "-e", "tcp.port", "-e", "frame.packet_flags_direction", "-e", "tcp.flags.syn")
            check(rows and all("7" in r.split("\t")[0].split(",") for r in rows), "frames that the filter refuses")
            check_eq(len({r.split("\t")[1] for r in rows if r.endswith(("1", "True"))}), 2, "SYN and SYN-ACK, each of its direction")
            check_eq(tshark(f.name, "-Y", "_ws.malformed"), [], "malformed frames")
        status, _, body = g.get("/debug/pcap?filter=1,2,3")
        check_eq(status, 400, "a filter that is none")
        check(b"tcpdump -ddd" in body, "the answer does not say what is allowed")
        status, _, body = g.get("/debug/pcap?dev=eth9")
        check(status == 400 and b"no such device" in body, "a device that is not there is not named")


@case("by HTTP a wrong word is named, and nothing can be changed")
def _():
    with Guest() as g:
        status, page = text(g, "nosuch")
        check_eq(status, 404, "an unknown command")
        check("nosuch" in page, "the unknown command is not named")
        status, page = text(g, "ss?-Z")
        check_eq(status, 400, "an unknown option")
        check("'-Z'" in page and "usage: ss" in page, "the option and the usage are not named")
        check_eq(text(g, "ss?%0aX")[0], 400, "a control character")
        for change in ("sysctl?net.ipv4.tcp_sack%3d0", "poweroff", "reboot"):
            check_eq(text(g, change)[0], 403, change)
        check("tcp_sack = 1" in text(g, "sysctl?net.ipv4.tcp_sack")[1], "the tunable was changed")
        check_eq(text(g, "ping?" + HOST_IP)[0], 400, "a command that waits")


@case("on the serial line tunables change within their range, ping answers, what is typed outlives lines of the log, poweroff ends the machine")
def _():
    g = Guest()
    t = Terminal(g)
    try:
        t.wait("barewire ready")
        os.write(t.fd, b"\r")
        t.wait("barewire# ")
        check("net.ipv4.tcp_sack = 0" in t.type("sysctl net.ipv4.tcp_sack=0"), "sysctl did not change the value")
        check("'7' is refused" in t.type("sysctl net.ipv4.tcp_sack=7"), "a value out of range is not refused")
        check("2 packets transmitted, 2 received" in t.type("ping -c 2 -i 0.1 " + HOST_IP), "no answers to ping")
        os.write(t.fd, b"sysctl net.ipv4.tcp_")
        seen = t.wait("tcp_")
        for up in False, True:
            g.qmp("set_link", name="n0", up=up)
            seen += t.wait("eth0: link is %s\r*\n" % ("up" if up else "down"))
        os.write(t.fd, b"sack\r")
        rows = shown(seen + t.wait("barewire# $")).split("\n")
        check("barewire# sysctl net.ipv4.tcp_sack" in rows and "net.ipv4.tcp_sack = 0" in rows, rows)
        check_eq([r for r in rows if r.count("link is") and not re.match(r"\[ *\d+\.\d+\] eth0: link is (up|down)$", r)], [], rows)
        os.write(t.fd, b"poweroff\r")
        check_eq(t.proc.wait(LIMIT), 0, "the runner's status")
    finally:
        t.end()


@case("tunables of the site's etc/sysctl.conf hold; a bad value is refused with its range, an unknown name is told")
def _():
    conf = "# a comment\n\n net.ipv4.tcp_sack = 0\nnet.core.somaxconn=70000\nnet.ipv4.nosuch = 1\nnet.ipv4.ip_default_ttl = many\n"
    with tempfile.TemporaryDirectory(prefix="barewire-site-") as site:
        os.mkdir(os.path.join(site, "etc"))
        with open(os.path.join(site, "etc/sysctl.conf"), "w", encoding="ascii") as f:
            f.write(conf)
        with Guest(site=site, cmdline="net.ipv4.tcp_timestamps=0") as g:
            said = g.console()
            check("tcp_sack = 0" in text(g, "sysctl?net.ipv4.tcp_sack")[1], "the file's value does not hold")
            check("tcp_timestamps = 0" in text(g, "sysctl?net.ipv4.tcp_timestamps")[1], "the command line's value does not hold")
            check("somaxconn = 4096" in text(g, "sysctl?net.core.somaxconn")[1], "a value out of range was taken")
            check(re.search(r"etc/sysctl.conf: net.core.somaxconn=70000: .*1.*65535", said), "the range is not told: " + said[-1500:])
            check(re.search(r"etc/sysctl.conf: net.ipv4.ip_default_ttl=many: ", said), "a word for a number is not told")
            check(re.search(r"etc/sysctl.conf: net.ipv4.nosuch=1: ", said), "the unknown name is not told")
            check_eq(g.get("/etc/sysctl.conf")[0], 404, "the file is not served")


run()
