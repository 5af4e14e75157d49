#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures and counters against the host's: filters in words, drop reasons as comments, the same connection from both ends."""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest, Typed
from net import HOST_IP, ROOT, make_tap, need_private_network, sh
from qemu import MIB, Site, noise
from tap import case, check, check_eq, note, run


def text(g, path):
    status, _, body = g.get("/debug/" + path)
    return status, body.decode()


def wait_for(condition, limit=LIMIT):
    end = time.monotonic() + limit
    while not condition():
        check(time.monotonic() < end, "what was waited for did not come")
        time.sleep(0.05)


def line_of(file, text):
    """The one line of a source file that has the text."""
    with open(os.path.join(ROOT, file), encoding="utf-8") as f:
        lines = [n for n, line in enumerate(f, 1) if text in line]
    check_eq(len(lines), 1, "lines of %s with %r" % (file, text))
    return lines[0]


def tshark(path, *options):
    p = subprocess.run(["tshark", "-r", path, *options], capture_output=True, text=True)
    return [line for line in p.stdout.split("\n") if line]


def captured(dump, least):
    """Ends a tcpdump once it took so many frames; how many those were."""
    taken = 0
    while taken < least:
        dump.send_signal(signal.SIGUSR1)
        while not (said := re.search(r"(\d+) packets? captured", dump.stderr.readline())):
            check(dump.poll() is None, "tcpdump ended")
        taken = int(said.group(1))
        time.sleep(0.05)
    dump.terminate()
    return int(re.search(r"(\d+) packets? captured", dump.communicate()[1]).group(1))


need_private_network()
make_tap()


@case("a filter in words captures what it says; a frame that died says why in its comment; none is malformed")
def _():
    with Guest() as g, tempfile.NamedTemporaryFile(suffix=".pcapng") as f:
        curl = subprocess.Popen(["curl", "-sN", "-o", f.name, g.url("/debug/pcap?filter=udp+and+(port+5555+or+port+7)")])
        try:
            wait_for(lambda: os.path.getsize(f.name) > 0)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(LIMIT)
                s.sendto(b"to nobody", (g.ip, 5555))
                s.sendto(b"to echo", (g.ip, 7))
                check_eq(s.recv(100), b"to echo", "the echo")
            wait_for(lambda: open(f.name, "rb").read().count(b"to echo") == 2)
        finally:
            curl.terminate()
            curl.wait()
        rows = [r.split("\t") for r in tshark(f.name, "-T", "fields", "-e", "udp.dstport", "-e", "frame.comment")]
        why = {r[-1].rstrip() for r in rows if r[0] == "5555" and "dropped" in r[-1]}
        check_eq(why, {"dropped: NO_SOCKET no_socket:%d" % line_of("kernel/net/ipv4/udp.c", "return DROP(NO_SOCKET);")}, "reason and place")
        check(all("dropped" not in r[-1] for r in rows if r[0] != "5555"), "a reason at a frame that lives: %r" % rows)
        check_eq(tshark(f.name, "-Y", "_ws.malformed || !udp"), [], "malformed frames, or frames the filter refuses")


@case("a crash report has the last frames, in and out, and why one of them died")
def _():
    with Typed(cmdline="net.core.frame_ring=16 ipv6.disable=1") as g:
        g.type("")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"to nobody", (g.ip, 5555))
        wait_for(lambda: re.search(r"(?m)^NO_SOCKET +1 ", g.type("drops").replace("\r", "")))
        g.proc.stdin.write(b"crash panic\r")
        g.proc.stdin.flush()
        g.wait_exit()
        kept = g.console().replace("\r", "").split("last frames:\n")[1].split("==== end")[0]
    rows = [line for line in kept.split("\n") if line.startswith("  cpu0 ")]
    dead = [line for line in rows if " in dev " in line and " NO_SOCKET no_socket:" in line]
    check(len(dead) == 1 and "%04x" % 5555 in dead[0].split(), kept)
    check(any(" out dev " in line and " 0800 " in line for line in rows), "the ICMP error is not there: " + kept)


@case("a wrong filter is refused with the column and the word")
def _():
    with Guest() as g:
        status, page = text(g, "pcap?filter=tcp+prot+80")
        check_eq(status, 400, "the status")
        check("column 5" in page and "'prot'" in page, page)
        status, page = text(g, "pcap?filter=host+www.example")
        check(status == 400 and "'www.example'" in page and "names are not looked up" in page, page)


@case("both ends of a connection count the same: ss on the host and on the guest, tcpdump and nstat")
def _():
    with Guest() as g, socket.create_connection((g.ip, g.echo_port)) as s:
        dump = subprocess.Popen(["tcpdump", "--immediate-mode", "-ni", "tap0", "-w", "/dev/null", "udp and dst port 9"], stderr=subprocess.PIPE, text=True)
        dump.stderr.readline()
        for _ in range(20):
            s.sendall(b"x" * 1000)
            got = 0
            while got < 1000:
                got += len(s.recv(1000))
        port = s.getsockname()[1]
        before = int(re.search(r"UdpInDatagrams +(\d+)", text(g, "nstat?-z+UdpInDatagrams")[1]).group(1))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            for _ in range(25):
                u.sendto(b"counted", (g.ip, 9))
        counted = lambda: int(re.search(r"UdpInDatagrams +(\d+)", text(g, "nstat?-z+UdpInDatagrams")[1]).group(1)) - before
        wait_for(lambda: counted() >= 25)
        check_eq(counted(), 25, "datagrams by nstat")
        check_eq(captured(dump, 25), 25, "datagrams by tcpdump")
        while "unacked" in (ours := re.search(r":%d\b.*\n(.*)" % port, text(g, "ss?-tin")[1]).group(1)):
            time.sleep(0.05)  # what is not acknowledged may be sent again
        theirs = subprocess.run(["ss", "-tin", "sport = :%d" % port], capture_output=True, text=True).stdout
        value = lambda name, page: int(re.search(r"\b%s:(\d+)" % name, page).group(1))
        check_eq(value("bytes_received", ours), value("bytes_sent", theirs), "bytes up")
        check_eq(value("bytes_received", theirs), 20000, "bytes down, by the host")
        check_eq(value("data_segs_in", ours), value("data_segs_out", theirs), "segments with data up")
        check_eq(value("data_segs_out", ours), value("data_segs_in", theirs), "segments with data down")


def counters(text):
    return {m[0]: int(m[1]) for m in re.findall(r"^(\w+) +(\d+) ", text.replace("\r", ""), re.M)}


@case("at 3 % loss both ends still count the same: segments, repetitions and bytes by nstat, ss and tcpdump")
def _():
    blob = noise(2 * MIB)
    site = Site({"blob": blob})
    names = ("TcpInSegs", "TcpOutSegs", "TcpRetransSegs", "TcpExtTCPDSACKRecv", "TcpExtTCPDSACKOldSent", "TcpExtTCPDSACKOfoSent")
    sh("ethtool", "-K", "tap0", "tso", "off", "gso", "off", "gro", "off")  # a segment is a frame, at both ends
    with Typed(site=site.name, cmdline="ethtool=eth0:K,tso=off,gro=off ipv6.disable=1") as g:
        g.type("")
        g.type("tc qdisc replace dev eth0 root netem loss 3% delay 2ms limit 10000")
        ours = lambda: counters(g.type("nstat -z " + " ".join(names)))
        theirs = lambda: counters(sh("nstat", "-asz", *names))
        lost = lambda: int(re.search(r"dropped (\d+)", g.type("tc -s qdisc show dev eth0")).group(1))
        dump = subprocess.Popen(["tcpdump", "--immediate-mode", "-B", "65536", "-ni", "tap0", "-w", "/dev/null", "tcp and src host " + g.ip],
                                stderr=subprocess.PIPE, text=True)
        dump.stderr.readline()
        before = ours(), theirs(), lost()
        with socket.create_connection((g.ip, 80)) as s:
            s.sendall(b"GET /blob HTTP/1.1\r\nHost: x\r\n\r\n")
            got = b""
            while b"\r\n\r\n" not in got or len(got) < got.index(b"\r\n\r\n") + 4 + len(blob):
                got += s.recv(1 << 16)
            value = lambda name, page: int((re.search(r"\b%s:(\d+)" % name, page) or [0, 0])[1])
            at_rest = time.monotonic() + 60
            while True:  # the last acknowledgements are on their way
                a = re.search(r":%d\b.*\n(.*)" % s.getsockname()[1], g.type("ss -tin").replace("\r", "")).group(1)
                b = sh("ss", "-tin", "sport = :%d" % s.getsockname()[1])
                if value("bytes_acked", a) == value("bytes_received", b) and "unacked" not in a:
                    break
                check(time.monotonic() < at_rest, "the guest's end never hears of the last bytes: %s, %s" % (a, b))
            after = ours(), theirs(), lost()
        note("guest: " + " ".join("%s %d" % (n, after[0][n] - before[0][n]) for n in names[:3]) + ", lost %d" % (after[2] - before[2]))
        g_, h = ({n: x[n] - y[n] for n in names} for x, y in zip(after[:2], before[:2]))
        check_eq(g_["TcpOutSegs"] + g_["TcpRetransSegs"] - (after[2] - before[2]), h["TcpInSegs"], "segments down, by nstat")
        check_eq(h["TcpOutSegs"] + h["TcpRetransSegs"], g_["TcpInSegs"], "segments up, by nstat")
        check_eq(g_["TcpExtTCPDSACKRecv"], h["TcpExtTCPDSACKOldSent"], "D-SACKs")
        check(g_["TcpRetransSegs"] >= after[2] - before[2] > 0, "fewer repetitions than losses")
        check_eq(value("bytes_sent", a) - value("bytes_retrans", a), value("bytes_received", b), "bytes down, by ss")
        check_eq(value("bytes_received", a), value("bytes_sent", b), "bytes up, by ss")
        check_eq(value("retrans", a.replace("retrans:0/", "retrans:")), g_["TcpRetransSegs"], "repetitions, by ss and by nstat")
        check_eq(value("data_segs_in", a), value("data_segs_out", b), "segments with data up")
        seen = captured(dump, h["TcpInSegs"])
        check(h["TcpInSegs"] <= seen <= h["TcpInSegs"] + 4, "tcpdump saw %d segments, nstat counts %d" % (seen, h["TcpInSegs"]))
        note("tcpdump saw %d, which with the connection's end are nstat's %d" % (seen, h["TcpInSegs"]))


def packets(path):
    """(CPU's interface, device, direction, time, echo payload) of a pcapng file's packets, in its order."""
    return [row.split("\t") for row in tshark(path, "-T", "fields", "-e", "frame.interface_id", "-e", "frame.interface_name",
                                              "-e", "frame.packet_flags_direction", "-e", "frame.time_epoch", "-e", "udp.payload")]


for cpus in (2, 4):
    @case("with %d CPUs a capture has every frame of the device, those of each CPU in the order of time" % cpus)
    def _(cpus=cpus):
        with Typed(cpus=cpus, cmdline="steer=rps ipv6.disable=1") as g, tempfile.NamedTemporaryFile(suffix=".pcapng") as f:
            g.type("")
            curl = subprocess.Popen(["curl", "-sN", "-o", f.name, g.url("/debug/pcap?dev=eth0&filter=udp+port+7")])
            lines = []
            try:
                wait_for(lambda: os.path.getsize(f.name) > 0)
                t = threading.Thread(target=lambda: lines.extend(g.type("tcpdump -i eth0 -c 128 udp port 7").split("\n")))
                t.start()
                wait_for(lambda: "listening on eth0" in g.console())
                for n in range(64):  # from ports of their own: RPS spreads them over the CPUs
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                        s.settimeout(LIMIT)
                        s.bind((HOST_IP, 20000 + 7 * n))
                        s.sendto(b"frame %04d" % n, (g.ip, 7))
                        check_eq(s.recv(100), b"frame %04d" % n, "the echo")
                    if n % 8 == 7:  # the serial line is slower than the network, and its ring is not endless
                        wait_for(lambda n=n: g.console().count("> 10.77.0.1.%d:" % (20000 + 7 * n)))
                wait_for(lambda: open(f.name, "rb").read().count(b"frame ") == 128)
                t.join(LIMIT)
            finally:
                curl.terminate()
                curl.wait()
            rows = packets(f.name)
            payloads = [r[-1] for r in rows]
            flags = [int(word, 0) for word in tshark(f.name, "-T", "fields", "-e", "frame.packet_flags")]
            check(all(word & 0x200 for word in flags), "frames whose sum the device or the host's end is to finish: flags %s" % flags)
            check_eq(sorted(payloads), sorted([(b"frame %04d" % n).hex() for n in range(64)] * 2), "each datagram and its echo")
            work = re.findall(r"received_rps (\d+)", text(g, "softnet")[1])
            check(sum(int(w) > 0 for w in work) >= cpus - 1, "RPS left the datagrams on one CPU: %s" % work)
            shown = [line for line in lines if ".7 > " in line or ".7: " in line]
            check_eq(len(shown), 128, "lines of tcpdump")
            ports = [int(re.search(r"10\.77\.0\.1\.(\d+)", line).group(1)) for line in shown]
            for port in set(ports):  # one CPU answers, which saw both frames
                to, back = (line for line, p in zip(shown, ports) if p == port)
                check(" > %s.7:" % g.ip in to and " %s.7 > " % g.ip in back and to < back, "tcpdump: %r before %r" % (to, back))
            for payload in set(payloads):
                to, back = (r for r in rows if r[-1] == payload)
                check(to[2] != back[2] and float(to[3]) <= float(back[3]), "pcapng: %s before %s" % (to, back))
            note("CPUs that took datagrams from another: %s" % work)


run()
