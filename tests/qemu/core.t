#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gdb's k commands, each on a guest under load and on a core of it; and a core says what the console said before it was made."""
import http.client
import os
import re
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import HOST_IP, die_with_parent, make_tap, need_private_network
from qemu import NICS, gdb, gdb_core, make_core
from tap import case, check, check_eq, check_in, run

COMMANDS = [  # every one, with words that a guest under load has an answer for
    "help", "cpus", "softirq", "dmesg", "fibers", "bt -a", "irq", "timers", "dev", "dev eth0", "napi", "ring eth0", "ring eth0 -v",
    "pci", "ss", "ss -i", "nstat", "nstat Tcp", "drops", "balance", "pools", "neigh",
    "ss -ti", "listeners", "route", "frags", "nf", "http", "tcb $sk(7)", "skbs", "skbs -v", "mem", "slab", "pt &cpus", "pt 0",
    "pt $cpu(0).skb_pool", "qdisc", "qdisc eth0", "check", "conntrack", "steer", "gro",
    "flowcache", "nat", "prefix", "trace", "pcap /dev/null", "panic"]
EMPTY = {"drops"}  # may have nothing to tell
BAD = ["Python Exception", "memory ends here", "this image has no", "broken:", "No such command", "Traceback", "Error"]


class Loaded(Guest):
    """A guest that serves wrk, and holds connections of ours."""

    def __init__(self, nic):
        super().__init__(nic=nic, gdb=True, cmdline="ip6=fd00::2/64,fd00::1 net.core.frame_ring=64 net.ipv4.neigh.default.base_reachable_time_ms=3600000 "
                                                    'nft="add rule input ct state established accept"')

    def __enter__(self):
        super().__enter__()
        self.held = [socket.create_connection((self.ip, self.echo_port)) for _ in range(3)]
        for s in self.held:
            s.sendall(b"hello")
            s.recv(5)
        self.load = subprocess.Popen(["wrk", "-t1", "-c8", "-d600s", "--timeout", "60s", self.url("/index.html")],
                                     stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        while self.metrics()["http_requests_total"] < 100:  # it goes on
            time.sleep(0.1)
        return self

    def quiet(self):
        self.load.kill()
        self.load.wait()

    def __exit__(self, *_):
        self.quiet()
        for s in self.held:
            s.close()
        super().__exit__()


def marked(commands):
    return [c for name in commands for c in ("echo \\n== %s\\n" % name, "k " + name)]


def parts(text):
    return dict(re.findall(r"^== (.*)\n((?:(?!== ).*\n?)*)", text, re.M))


def check_all(out):
    said = parts(out)
    for name in COMMANDS:
        text = said.get(name, "")
        check(text.strip(), "k %s says nothing:\n%s" % (name, out[-3000:]))
        check(text.strip() != "(none)" or name.split()[0] in EMPTY, "k %s finds nothing" % name)
        for bad in BAD:
            check(bad not in text, "k %s: %s" % (name, text))
    check_in("eth0", said["dev"])
    check_in("LISTEN", said["ss"])
    check_in("barewire ready", said["dmesg"])
    untested = set(re.findall(r"^k (\S+)", said["help"], re.M)) - {c.split()[0] for c in COMMANDS} - UNTESTED
    check(not untested, "commands that this test does not know: %s" % " ".join(sorted(untested)))


UNTESTED = {"skb", "break-drop", "break-conn", "break-state", "watch-tcb"}  # words of their own: debug-stops.t
need_private_network()
make_tap()
for nic in NICS:
    @case("%s: every k command reads a guest under load, and its core" % nic)
    def _(nic=nic):
        with Loaded(nic) as g:
            check_all(gdb(g, *marked(COMMANDS)))
            check_all(gdb_core(make_core(g), *marked(COMMANDS)))
            check_eq(g.get("/")[0], 200, "the guest after gdb and after the core")


@case("k pcap writes the kept frames as a capture that tshark reads, and k conntrack has the console's connections")
def _():
    with Loaded("virtio-net") as g:
        g.quiet()
        asked = g.get("/debug/conntrack?-L")[2].decode()
        path = os.path.join(g.dir, "kept.pcapng")
        said = parts(gdb_core(make_core(g), *marked(["pcap " + path, "conntrack"])))
        count = int(re.match(r"(\d+) frames in", said["pcap " + path]).group(1))
        shown = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "frame.protocols"], capture_output=True, text=True)
        lines = shown.stdout.strip().split("\n")
        check_eq((shown.returncode, len(lines)), (0, count), "frames: " + shown.stderr)
        check(any("http" in line for line in lines), "no HTTP in " + shown.stdout)
        for s in g.held:
            port = s.getsockname()[1]
            check_in("sport=%d dport=7" % port, asked)
            line = next((l for l in said["conntrack"].split("\n") if "sport=%d dport=7" % port in l), "")
            check_in("ESTABLISHED src=%s dst=%s" % (HOST_IP, g.ip), line, "k conntrack")


def fragment(address):
    """The first 8 bytes of a datagram whose rest never comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.sendto(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 4711, 0x2000, 64, 17, 0, socket.inet_aton(HOST_IP),
                             socket.inet_aton(address)) + bytes(8), (address, 0))


@case("what waits in reassembly, and the link-local address of IPv6, are shown, and all invariants hold of them")
def _():
    with Guest(gdb=True, cmdline="net.ipv4.ipfrag_time=120") as g:
        g.get("/")
        fragment(g.ip)
        g.get("/")  # behind it
        said = parts(gdb(g, *marked(["frags", "skbs", "prefix", "steer", "gro", "check"])))
    check(re.search(r"^%s > %s UDP id 4711: 8 bytes of \?, 1 pieces 0\.\.8, until" % (re.escape(HOST_IP), re.escape(g.ip)),
                    said["frags"], re.M), said["frags"])
    check_in("fragments, id 4711", said["skbs"])
    check(re.search(r"^address fe80::\S+/64 dev eth0 \w+ valid for ever", said["prefix"], re.M), said["prefix"])
    check_in("cpu0: 128 of 128 slots", said["steer"])
    check(re.search(r"^\d+ checks, 0 wrong", said["check"], re.M), said["check"])


def table(text):
    """name -> number, of lines that begin with these two."""
    return {name: int(value) for name, value in re.findall(r"^(\w+) +(-?\d+)\b", text, re.M)}


def sockets(text, ports):
    """Rows of ss for the peers' ports, without what the layouts do differently."""
    rows = [line.split()[:6] for line in text.split("\n") if line.startswith("tcp")]
    return sorted(r for r in rows if r[1] == "LISTEN" or int(r[5].rsplit(":", 1)[1].replace("*", "0")) in ports)


def check_between(before, core, after):
    """Counters only grow, and of connections there are only fewer here: what the core has lies between what the console said
    before it was made and after."""
    for name in sorted(before.keys() | core.keys() | after.keys()):
        first, value, last = (counters.get(name, 0) for counters in (before, core, after))
        check(min(first, last) <= value <= max(first, last), "%s: the console says %d, then %d, the core %d" % (name, first, last, value))


@case("a core says what the console said: sockets, counters, drops, neighbours, routes")
def _():
    with Loaded("virtio-net") as g:
        g.quiet()
        g.wait_console("eth0: address fd00::2")  # nobody else has it
        ports = [s.getsockname()[1] for s in g.held]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:  # nobody listens there: a drop with its reason
            s.sendto(b"x", (g.ip, 4444))
        subprocess.run(["ping", "-c", "3", "-i", "0.2", g.ip], check=True, stdout=subprocess.DEVNULL)
        console = http.client.HTTPConnection(g.ip, g.http_port, timeout=LIMIT)  # stays open: its end would be counted as well

        def ask(command):
            console.request("GET", "/debug/" + command)
            return console.getresponse().read().decode()

        questions = "ss?-tuan", "ip?neigh", "ip?route", "ip?-6+route", "drops", "nstat"
        asked = {c: ask(c) for c in questions}
        core = make_core(g)
        later = {c: ask(c) for c in questions}
        said = parts(gdb_core(core, *marked(["ss", "nstat", "drops", "neigh", "route"])))
    check_eq(sockets(said["ss"], ports), sockets(asked["ss?-tuan"], ports), "k ss and ss -tuan")
    check_eq(len([r for r in sockets(said["ss"], ports) if r[1] == "ESTAB"]), 3, "connections of this test")
    check_in(HOST_IP, said["neigh"])
    neighbours = [line.rstrip() for line in said["neigh"].strip().split("\n")]
    for before, after in zip(asked["ip?neigh"].strip().split("\n"), later["ip?neigh"].strip().split("\n")):
        check(before.rstrip() in neighbours or after.rstrip() in neighbours, "%s: neither %r nor %r" % (neighbours, before, after))
    routes = [line for line in said["route"].strip().split("\n") if " dev lo " not in line]  # which ip does not show
    want = [line.rstrip() for c in ("ip?route", "ip?-6+route") for line in asked[c].strip().split("\n") if " dev lo " not in line]
    check_eq(sorted(routes), sorted(want), "k route and ip route of both families")
    check({"fd00::/64", "default via fd00::1"} <= {line.split(" dev ")[0] for line in routes}, "routes of IPv6: %s" % routes)
    check(table(said["drops"]), "no drop was counted")
    for kind in "nstat", "drops":
        check_between(table(asked[kind]), table(said[kind]), table(later[kind]))


SECRETS = {  # expressions of gdb, each of which holds nothing but secret words
    "hash keys": "cpus[0].net->net->hash_key", "hash keys of IPv6": "cpus[0].net->net->hash6_key",
    "initial sequence numbers": "cpus[0].net->net->isn_key", "ports": "cpus[0].net->net->port_key",
    "SYN cookies": "cpus[0].net->net->cookie_key", "fast open": "cpus[0].net->net->fastopen_key[0]",
    "interface identifiers (RFC 7217)": "cpus[0].net->ip6->autoconf->secret", "tuples by AES": "cpus[0].net->net->tuple_keys",
    "canary": "__stack_chk_guard", "random numbers": "'kernel/core/random.c'::key"}
TOKEN = "s3cret-of-the-command-line"
PAGES = ["/", "/metrics", "/site", "/nowhere", "/debug/", "/debug/help", "/debug/tcpdump?-c+3"]
MORE = ["sysctl?-a", "sysctl?net.ipv4.tcp_fastopen_key", "ss?-tinap", "nstat?-z", "nstat?-z+--json", "ip?addr", "ip?route", "ip?neigh", "ip?-s+link",
        "ethtool?-i+eth0", "ethtool?-S+eth0", "tc?-s+qdisc", "conntrack?-L", "conntrack?-S", "nft?-a+list+ruleset", "trace?show",
        "trace?hist", "profile?show", "top?-n+1", "drops?-z+--json", "balance?--json"]


def listened(g, path, times):
    """What a stream without an end says in the time of some requests that it shows."""
    p = subprocess.Popen(["curl", "-sN", "-m", str(LIMIT), g.url(path)], stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    os.set_blocking(p.stdout.fileno(), False)
    text, end = b"", time.monotonic() + LIMIT
    while len(text) < 4000 or text.count(b"HTTP/1.1 200") + text.count(b"data: ") < times:
        check(time.monotonic() < end, "%s is silent: %d bytes" % (path, len(text)))
        g.get("/")
        g.echo(b"hello")
        text += p.stdout.read() or b""
    p.kill()
    p.wait()
    return text


def written(word, size):
    """The ways a secret number may be written, in lower case: decimal, hexadecimal, its bytes."""
    raw = word.to_bytes(size, "little")
    texts = {str(word), str(word - (1 << 8 * size)), "%x" % word, raw.hex(), raw.hex(" "), raw.hex(":")}
    return {t.encode() for t in texts if len(t) > 7} | {raw, raw[::-1]}


@case("no key, canary, token or state of the random numbers is in any command's output, page, capture or line of the log")
def _():
    with Guest(gdb=True, cmdline="console.token=%s ip6=fd00::2/64,fd00::1" % TOKEN) as g:
        shown = {page: g.get(page)[2] for page in PAGES}
        commands = re.findall(r"^(\w+) ", shown["/debug/help"].decode(), re.M)
        check(len(commands) > 25, "help lists %s" % commands)
        for words in MORE + [c for c in commands if c not in ("poweroff", "reboot", "crash")] + ["help?" + c for c in commands]:
            shown[words] = g.get("/debug/" + words)[2]
        shown.update((path, listened(g, path, 3)) for path in ("/debug/pcap", "/debug/live/feed"))
        said = parts(gdb_core(make_core(g), *(c for name, what in SECRETS.items()
                                              for c in ("echo \\n== %s\\n" % name, "print/x sizeof(%s)" % what, "print/x " + what))))
        shown["the log and the console"] = g.console().encode()
    for name in SECRETS:
        words = [int(w, 16) for w in re.findall(r"0x[0-9a-f]+", said[name].split("\n", 1)[1])]
        size = 4 if name == "random numbers" else 8
        check(words and sum(w > 0xffff for w in words) == len(words), "%s is no secret: %s" % (name, said[name]))
        for where, text in shown.items():
            found = [w for w in words if any(t in text.lower() or t in text for t in written(w, size))]
            check(not found, "%s: a key of %s: %s" % (where, name, text[:300]))
    for where, text in shown.items():
        check(TOKEN.encode() not in text, "the token is in " + where)


run()
