#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every command of the console that Linux has too, beside the Linux tool at the other end of the same link, in the same situation:
the texts are the same word by word, but for who is who, and but for what the table of differences explains."""
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Typed
from names import Names
from net import GUEST_IP, HOST_IP, ROOT, make_tap, need_private_network, sh, sysctl
from tap import Skip, case, check, check_eq, check_in, note, run

HOST6, GUEST6 = "fd77::1", "fd77::2"
NAMES = {"www.example": {1: HOST_IP, 28: HOST6}}
PAGE = b"barewire " * 5000

# Where we print otherwise on purpose: command -> [(what, in whose text, is replaced by, why)].
DIFFERENCES = {
    "ip -6 addr": [(r" stable-privacy", "ours", "", "identifiers are RFC 7217's from the start; Linux says so where addr_gen_mode asks for it")],
    "ip -6 route": [(r"fe80::/64 .*\n", "theirs", "", "every device has its link-local net: no table keeps it")],
    "ip -s link": [(r" +missed +mcast *$| +carrier +collsns *$", "theirs", "", "our devices count none of these"),
                   (r"^( +N +N +N +N) +N +N *$", "theirs", r"\1", "the numbers of those columns")],
    "tc -s tbf": [(r"^qdisc \w+ N: parent.*\n.*\n.*\n", "ours", "", "-s lists what is inside too; Linux does so where it is asked for invisible ones")],
    "tc -s prio": [(r"^qdisc \w+ N: parent.*\n.*\n.*\n", "ours", "", "likewise")],
    "ss": [(r"Process *$", "theirs", "", "there is one process")],
}
# Words of `ss -i` that one side has and the other does not, and why.
SS_OURS = {"ts", "sack"}  # the host's end of this namespace may be set to do without
SS_THEIRS = {"rcv_rtt", "app_limited", "delivery_rate", "busy", "minrtt", "cubic", "bbr", "reno", "ssthresh"}  # once there was something to measure
# Counters of ours that nstat of this Linux lacks.
OWN_COUNTERS = {
    "Skb": "buffers: ours alone has them as counters",
    "Igmp": "Linux has them in /proc/net/igmp",
    "IcmpOutRateLimit": "named so since Linux 6.5",
    "Icmp6OutRateLimit": "likewise",
    "Ip6DadConflicts": "Linux logs them",
    "Copy": "bytes that were copied, ours alone",
    "CsumSoft": "bytes whose checksum no card computed, ours alone",
    "TcpExtTCPAbandoned": "who hung up under overload before its request was read, ours alone",
    "TcpCurrEstab": "a gauge, which nstat leaves out and we do not",
}


def linux(words, ok=(0,)):
    p = subprocess.run(words, shell=True, capture_output=True, text=True)
    check(p.returncode in ok, "%s: %d: %s" % (words, p.returncode, p.stderr))
    return p.stdout


def guest_says(words):
    name, _, rest = words.partition(" ")
    status, _, body = g.get("/debug/%s?%s" % (name, rest.replace("%", "%25").replace(" ", "+")))
    check_eq(status, 200, words)
    return body.decode()


def known(text, dev, own, peer, own6, peer6):
    """The text with names for who is who."""
    for what, name in ((own6 + r"\b", "SELF6"), (peer6 + r"\b", "PEER6"), (re.escape(own) + r"\b", "SELF"), (re.escape(peer) + r"\b", "PEER"),
                       (r"\b%s\b" % dev, "DEV"), (r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", "MAC"), (r"\bfe80::[0-9a-f:]+[0-9a-f](?=[/ ])", "LOCAL6"),
                       (r"^\d+: DEV", "I: DEV"), (r"\b(REACHABLE|STALE|DELAY|PROBE)\b", "STATE")):
        text = re.sub(what, name, text, flags=re.M)
    return text


def both(ours, theirs=None, key=None, numbers=False, order=True):
    """What the guest and Linux print for a command, ready to be compared; {d} in it stands for the device."""
    a = known(guest_says(ours.format(d="eth0")), "eth0", GUEST_IP, HOST_IP, GUEST6, HOST6)
    b = known(linux((theirs or ours).format(d="tap0")), "tap0", HOST_IP, GUEST_IP, HOST6, GUEST6)
    if numbers:
        a, b = (re.sub(r"\b\d+(\.\d+)?\b", "N", x) for x in (a, b))
    for what, whose, by, why in DIFFERENCES.get(key or ours, []):
        note("%s: on purpose: %s" % (key or ours, why))
        if whose == "ours":
            a = re.sub(what, by, a, flags=re.M)
        else:
            b = re.sub(what, by, b, flags=re.M)
    a, b = ([re.sub(r"[ \t]+", " ", line).strip() for line in x.strip().split("\n")] for x in (a, b))
    return (a, b) if order else (sorted(a), sorted(b))


def same(ours, theirs=None, **options):
    a, b = both(ours, theirs, **options)
    check_eq(a, b, ours)


def serve_page():
    """An HTTP server of the page, on both families."""
    s = socket.create_server(("::", 8000), family=socket.AF_INET6, dualstack_ipv6=True)

    def serve():
        while True:
            c, _ = s.accept()
            c.recv(4096)
            c.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
            c.close()
    threading.Thread(target=serve, daemon=True).start()


need_private_network()
make_tap()
sysctl("net.ipv6.conf.tap0.disable_ipv6", 0)
sysctl("net.ipv6.conf.tap0.accept_dad", 0)
sh("ip", "addr", "del", HOST_IP + "/24", "dev", "tap0")
sh("ip", "addr", "add", HOST_IP + "/24", "brd", "+", "dev", "tap0")
sh("ip", "addr", "add", HOST6 + "/64", "dev", "tap0")
while sh("ip", "-6", "addr", "show", "dev", "tap0", "tentative"):
    time.sleep(0.02)
sh("ip", "route", "add", "default", "via", GUEST_IP, "dev", "tap0", "metric", "2")
sh("ip", "link", "set", "tap0", "txqueuelen", "1000")
RULE = "tcp dport 9 drop"
sh("nft", "add table inet filter; add chain inet filter input { type filter hook input priority 0; policy accept; }; "
          "add rule inet filter input ct state established accept; add rule inet filter input " + RULE)
Names(HOST_IP, NAMES)
Names(HOST6, NAMES)
serve_page()
g = Typed(cmdline="ip6=%s/64 nft=\"add rule input ct state established accept; add rule input %s\"" % (GUEST6, RULE))
g.__enter__()
g.type("")
linux("ping -c 1 -W 60 %s && ping -c 1 -W 60 %s" % (GUEST_IP, GUEST6), ok=(0, 1))
while "tentative" in guest_says("ip -6 addr"):
    time.sleep(0.1)
talk = socket.create_connection((GUEST_IP, 7))
talk.sendall(b"x" * 1000)
check_eq(len(talk.recv(1000, socket.MSG_WAITALL)), 1000)
PORT = talk.getsockname()[1]


@case("ip addr, link, route and neigh print what iproute2 prints at the other end of the link")
def _():
    same("ip -4 addr show {d}", order=True)
    same("ip -6 addr show {d}", key="ip -6 addr", order=False)
    same("ip link show {d}")
    same("ip -s link show {d}", numbers=True, key="ip -s link")
    same("ip route")
    same("ip -6 route", order=False)
    a, b = both("ip -4 neigh", order=False)
    check_eq([x for x in a if "PEER" in x], [x for x in b if "PEER" in x], "ip neigh")
    a, b = both("ip -6 neigh", order=False)
    check_eq([x for x in a if "PEER6" in x], [x for x in b if "PEER6" in x], "ip -6 neigh")


@case("ip -6 addr, route and maddr, and the MTU, are changed in the words of iproute2, and say the same afterwards")
def _():
    def done(words, says=""):
        theirs = subprocess.run(words.replace("{d}", "tap0").replace("{a}", "fd99::2"), shell=True, capture_output=True, text=True)
        ours = g.says(words.replace("{d}", "eth0").replace("{a}", "fd99::3")).strip()
        check_eq(bool(ours), theirs.returncode != 0, "%s: ours %r, theirs %r" % (words, ours, theirs.stderr))
        if says:
            check_in(says, theirs.stderr)
            check_in(says, ours)
    rows = lambda text, d: sorted(line.replace(d, "DEV").rstrip() for line in text.split("\n") if "fd88:" in line or "fd99:" in line)
    for words, says in (("addr add {a}/64 dev {d}", ""), ("route add fd88::/64 via fd99::9 dev {d}", ""),
                        ("route add fd88::/64 via fd99::9 dev {d}", "File exists"), ("route replace fd88::/64 via fd99::8 dev {d}", ""),
                        ("route add fd88::5 via fd99::9 dev {d} metric 7", ""), ("route add fd88:1::/64 via fe80::9 dev {d}", ""),
                        ("route del fd88::5", ""), ("route del fd88:2::/64", "No such"), ("addr add fd99::1/129 dev {d}", ""),
                        ("route add fd88::/200 dev {d}", ""), ("route del fd88:1::/64 dev {d}", ""), ("route del fd88::/64", "")):
        done("ip -6 " + words, says)
        check_eq(rows(g.says("ip -6 route"), "eth0"), rows(linux("ip -6 route"), "tap0"), words)
    while "tentative" in g.says("ip -6 addr"):
        time.sleep(0.1)
    check_in("fd99::9 dev eth0 src fd99::3 mtu 1500", g.says("ip -6 route get fd99::9"))
    done("ip -6 addr del {a}/64 dev {d}")
    done("ip -6 addr del {a}/64 dev {d}")  # refused by both
    for mtu in ("1400", "many", "1500"):
        done("ip link set dev {d} mtu " + mtu)
        check_in("mtu 1%s00 " % ("5" if mtu == "1500" else "4"), g.says("ip link show dev eth0"))


@case("ss prints the rows of iproute2's: the connection from its other end, listeners of both families")
def _():
    row = lambda text, port: next(line.split() for line in text.split("\n") if ":%d " % port in line + " ")
    ours, theirs = row(guest_says("ss -tn"), PORT), row(linux("ss -tn"), PORT)
    check_eq(ours, theirs[:3] + [theirs[4], theirs[3]], "the connection")
    listener = socket.create_server(("::", 7), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.bind(("::", 7))
    for words in ("ss -tln", "ss -6 -tln", "ss -uln"):
        check_eq(row(guest_says(words), 7), row(linux(words), 7), words)
    titles = lambda text: re.sub(r"Process *$", "", text.split("\n")[0]).split()
    for words in ("ss -tn", "ss -uln", "ss -tuln"):
        check_eq(titles(guest_says(words)), titles(linux(words)), words)
    listener.close()
    udp.close()


@case("ss -ti knows each word of Linux's, and what one end sent the other received")
def _():
    info = lambda text: re.search(r":%d\b.*\n\s+(.*)" % PORT, text).group(1)
    while "unacked" in (ours := info(guest_says("ss -tin"))) or "unacked" in (theirs := info(linux("ss -tin"))):
        time.sleep(0.05)  # what is not acknowledged may be sent again
    names = lambda text: {re.split(r"[:(]", w)[0] for w in text.split() if not w[0].isdigit()} - {"send", "bbr"}
    check_eq(names(ours) - names(theirs) - SS_OURS - SS_THEIRS, set(), "words of ours alone")
    check_eq(names(theirs) - names(ours) - SS_THEIRS, set(), "words of Linux alone")
    value = lambda name, text: int(re.search(r"\b%s:(\d+)" % name, text).group(1))
    again = lambda text: int((re.search(r"\bbytes_retrans:(\d+)", text) or [0, 0])[1])  # where an acknowledgement took its time
    check_eq(value("bytes_sent", ours) - again(ours), value("bytes_received", theirs), "bytes_sent")
    check_eq(value("bytes_received", ours), value("bytes_sent", theirs) - again(theirs), "bytes_received")
    for here, there in (("data_segs_out", "data_segs_in"), ("data_segs_in", "data_segs_out")):
        check_eq(value(here, ours), value(there, theirs), here)
    for name in ("mss", "pmtu"):
        check_eq(value(name, ours), value(name, theirs), name)


@case("nstat prints Linux's names in Linux's columns; a pattern selects as Linux's does")
def _():
    rows = lambda text: [line.split() for line in text.strip().split("\n")]
    ours, theirs = rows(guest_says("nstat -az")), rows(linux("nstat -az"))
    check_eq(ours[0], theirs[0], "the title")
    check(all(len(r) == 3 and r[2] == "0.0" for r in ours[1:]), "columns")
    names = {r[0] for r in theirs}
    own = [r[0] for r in ours[1:] if r[0] not in names]
    for start, why in OWN_COUNTERS.items():
        if any(n.startswith(start) for n in own):
            note("nstat %s*: %s" % (start, why))
    unexplained = [n for n in own if not n.startswith(tuple(OWN_COUNTERS))]
    check_eq(unexplained, [], "names that Linux does not have")
    shown = [r[0] for r in rows(guest_says("nstat -z TcpExtTCPH*"))][1:]
    check(shown and set(shown) <= {r[0] for r in rows(linux("nstat -az TcpExtTCPH*"))}, shown)


DISCIPLINES = ("tbf rate 10mbit burst 15k latency 50ms", "prio", "prio bands 4 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1", "netem delay 10ms loss 1%",
               "netem delay 10ms 2ms 25% duplicate 1% reorder 25% corrupt 0.1% gap 5", "netem rate 1mbit limit 100", "pfifo limit 77", "pfifo_fast",
               "fq_codel", "fq_codel limit 100 flows 64 target 3ms interval 50ms ce_threshold 1ms noecn", "fq", "fq limit 500 flow_limit 50 buckets 256")


@case("tc qdisc prints what iproute2's tc prints, for disciplines set in the same words, with -s and -d too")
def _():
    same("tc qdisc show dev {d}")
    same("tc -s qdisc show dev {d}", numbers=True)
    compared = []
    for words in DISCIPLINES:
        change = "tc qdisc replace dev {d} root handle 1: " + words
        if subprocess.run(change.format(d="tap0"), shell=True, capture_output=True).returncode:
            note("this Linux has no " + words.split()[0])
            continue
        compared.append(words.split()[0])
        check_eq(g.says(change.format(d="eth0")).strip(), "", change)
        same("tc qdisc show dev {d}", key="tc " + words.split()[0])
        same("tc -s qdisc show dev {d}", key="tc -s " + words.split()[0], numbers=True)
        same("tc -d qdisc show dev {d}", key="tc " + words.split()[0])
        for end, d in ((linux, "tap0"), (g.says, "eth0")):
            end("tc qdisc del dev %s root" % d)
    check(compared, "no discipline to compare")
    note("compared: " + ", ".join(sorted(set(compared))))


@case("ethtool -i and -c print Linux's lines, --json -k its members; ip maddr and ss -s print iproute2's")
def _():
    name = lambda text: [re.sub(r"(: ).*", r"\1", line + " ").rstrip() for line in text.strip().split("\n")]
    check_eq(name(guest_says("ethtool -i eth0")), name(linux("ethtool -i tap0")), "ethtool -i")
    value = lambda text: [re.sub(r": (n/a|\d+|on|off)", ": V", line).strip() for line in text.replace("tap0", "eth0").strip().split("\n")]
    check_eq(value(guest_says("ethtool -c eth0")), value(linux("ethtool -c tap0")), "ethtool -c")
    ours, theirs = (json.loads(x)[0] for x in (guest_says("ethtool --json -k eth0"), linux("ethtool --json -k tap0")))
    check(set(ours) <= set(theirs), sorted(set(ours) - set(theirs)))
    check_eq(set(ours["tx-checksumming"]), set(theirs["tx-checksumming"]), "members of a feature")
    note("ethtool -g, -l: no device of this namespace has rings or channels to compare with: their lines are held in the table below")
    shape = lambda text: {re.sub(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", "MAC", re.sub(r"ff0[0-9a-f]::\S+", "GROUP6", line)).strip()
                          for line in re.sub(r"^\d+:", "I:", text.replace("tap0", "eth0"), flags=re.M).strip().split("\n")}
    check_eq(shape(guest_says("ip maddr show dev eth0")), shape(linux("ip maddr show dev tap0")), "ip maddr")
    same("ss -s", numbers=True)


@case("nft list ruleset is the text that nft prints for the same rules; conntrack -L has the connection as Linux tracks it")
def _():
    same("nft list ruleset")
    line = lambda text: re.sub(r"^(tcp +6) \d+", r"\1 N", next(x for x in text.split("\n") if "sport=%d dport=7 " % PORT in x))
    check_eq(line(guest_says("conntrack -L")), line(linux("conntrack -L 2>/dev/null")), "conntrack -L")
    check(guest_says("conntrack -C").strip().isdigit() and linux("conntrack -C").strip().isdigit(), "conntrack -C is a number")
    keys = lambda text: re.findall(r"(\w+)=", text.split("\n")[0])
    ours, theirs = keys(guest_says("conntrack -S")), keys(linux("conntrack -S"))
    check(set(ours) <= set(theirs), "conntrack -S: %s, %s" % (ours, theirs))


@case("sysctl prints name = value; ethtool -k names features as ethtool does, -S lists NAME: VALUE")
def _():
    names = "net.ipv4.tcp_sack net.ipv4.ip_default_ttl net.core.somaxconn"
    keys = lambda text: [re.sub(r"= .*", "= V", line) for line in text.strip().split("\n")]
    check_eq(keys(guest_says("sysctl " + names)), keys(linux("sysctl " + names)), "sysctl")
    features = lambda text: dict(re.findall(r"^\s*([\w-]+): (on|off)(?: \[fixed\])?$", text, re.M))
    ours, theirs = features(guest_says("ethtool -k eth0")), features(linux("ethtool -k tap0"))
    check(ours and not set(ours) - set(theirs), "features: %s" % sorted(set(ours) - set(theirs)))
    sh("ip", "link", "add", "v0", "type", "veth", "peer", "v1")  # the one kind of device here with statistics of its own
    rows = lambda text: {re.sub(r"\w+: \d+$", "NAME: N", line) for line in text.rstrip().split("\n")}
    check_eq(rows(guest_says("ethtool -S eth0")), rows(linux("ethtool -S v0")), "ethtool -S")
    sh("ip", "link", "del", "v0")


@case("ping, ping -6 and traceroute print their lines and sums as iputils and traceroute do")
def _():
    # ", pipe 2" stands where an answer came behind the next question.
    blank = lambda text: re.sub(r", pipe \d+", "", re.sub(r"(icmp_seq|ttl)=\d+", r"\1=S", re.sub(r"\b\d+(\.\d+)?(?= ?ms|/)", "T", text)))
    who = lambda text, peer: [re.sub(r"\bT/T/T/(\d+\.)?\d+", "T/T/T/T", line).rstrip() for line in blank(text.replace(peer, "PEER")).strip().split("\n")]
    for options, ours, theirs in (("-c 2 -i 0.2", HOST_IP, GUEST_IP), ("-c 1 -s 100", HOST_IP, GUEST_IP), ("-6 -c 1", HOST6, GUEST6)):
        said = linux("ping %s %s" % (options, theirs))
        check_eq(who(g.says("ping %s %s" % (options, ours)), ours), who(said, theirs), "ping " + options)
    for options, ours, theirs in (("", HOST_IP, GUEST_IP), ("-6 ", HOST6, GUEST6)):
        said = who(linux("traceroute -n -I -w 60,0,0 %s%s" % (options, theirs)), theirs)
        asked = who(g.says("traceroute %s%s" % (options, ours)), ours)
        sizes = lambda rows: [re.sub(r"\d+ byte packets", "N byte packets", r) for r in rows]  # theirs is 80 bytes over IPv6, ours 32 and headers
        check_eq(sizes(asked), sizes(said), "traceroute " + options)


@case("dig says what dig says, over IPv4 and IPv6; wget fetches what wget fetches")
def _():
    for words in ("@%s www.example +short" % HOST_IP, "@%s www.example AAAA +short" % HOST6):
        check_eq(g.says("dig " + words), linux("dig " + words), words)
    answer = lambda text: [x.split() for x in text.split("\n") if x.startswith("www.example.")]
    words = "dig @%s www.example AAAA" % HOST_IP
    check_eq(answer(g.says(words)), answer(linux(words)), words)
    check_in("status: NXDOMAIN", g.says("dig @%s nosuch.example" % HOST_IP))
    for host in (HOST_IP, "[%s]" % HOST6):
        url = "http://%s:8000/page" % host
        got = subprocess.run(["wget", "-qO-", url], check=True, capture_output=True).stdout
        said = g.says("wget " + url)
        check_in("Length: %d" % len(got), said)
        check_in("sha256: " + hashlib.sha256(got).hexdigest(), said)


@case("tcpdump prints the lines that Linux's tcpdump prints for the same frames")
def _():
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        dump = subprocess.Popen(["tcpdump", "--immediate-mode", "-Z", "root", "-Uni", "tap0", "-w", f.name, "icmp or udp port 7 or port 13"], stderr=subprocess.PIPE)
        dump.stderr.readline()
        lines = []
        t = threading.Thread(target=lambda: lines.extend(g.says("tcpdump -i eth0 -c 12 icmp or udp port 7 or port 13").split("\n")))
        t.start()
        while t.is_alive():
            linux("ping -c 1 -W 60 " + GUEST_IP, ok=(0, 1))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, socket.create_connection((GUEST_IP, 13)) as c:
                s.sendto(b"to echo", (GUEST_IP, 7))
                c.recv(100)
        t.join()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"the end", (GUEST_IP, 7))
        while b"the end" not in open(f.name, "rb").read():  # theirs is behind all that ours saw, then
            time.sleep(0.05)
        dump.terminate()
        dump.wait()
        theirs = {line.split(" ", 1)[1] for line in linux("tcpdump -Z root -nSr %s 2>/dev/null" % f.name).strip().split("\n")}
    note("tcpdump: on purpose: sequence numbers are absolute, as with -S: no connection is remembered between lines")
    ours = [line.split(" ", 1)[1] for line in lines if re.match(r"\d\d:\d\d:\d\d\.\d{6} ", line)]
    check_eq(len(ours), 12, "lines")
    check_eq([line for line in ours if line not in theirs], [], "lines that Linux's tcpdump does not print")
    check_in("12 packets captured", "\n".join(lines))


@case("dmesg prints [seconds.microseconds] text, as dmesg does")
def _():
    lines = guest_says("dmesg").strip().split("\n")
    check(lines and all(re.match(r"\[ *\d+\.\d{6}\] \S", line) for line in lines), lines)
    try:
        theirs = linux("dmesg").strip().split("\n")
    except AssertionError:
        raise Skip("this Linux shows nobody its log") from None
    check(all(re.match(r"\[ *\d+\.\d{6}\] ?", line) for line in theirs if line[:1] == "["), "Linux's lines look otherwise")


# What each command prints that has no tool of Linux's to be held against: all of these are in its output.
OUTPUT = {
    "help": [r"^ss +", r"^tcpdump +", r"^balance +"],
    "help ss": [r"^ss \[-46tu", r"sockets"],
    "drops": [r"^ *[A-Z_0-9]+ +\d+ +\S", r"(?m)^    at \w+:\d+ +\d+$"],
    "drops --json": [r'"places":\[\{"reason":"[A-Z_0-9]+","place":"\w+:\d+","frames":\d+\}'],
    "drops -z": [r"(?m)^ *NO_SOCKET +\d+ +\S"],
    "softnet": [r"received_rps \d+", r"(?m)^ +NET_RX +[1-9]\d*$", r"(?m)^ +napi eth0 +polls [1-9]\d* frames [1-9]\d* schedules \d+ completes \d+$"],
    "balance": [r"^in +\d+ = done \d+", r"(?m)^link +frames \d+ = ", r"(?m)^ip +received \d+.* = delivered \d+", r"(?m)^output +ip \d+",
                r"(?m)^rxring +taken \d+ = received \d+", r"(?m)^txring +given \d+ = sent \d+",
                r"\nbalanced\n$"],
    "ethtool -g eth0": [r"^Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t\d+\nRX Mini:\tn/a\nRX Jumbo:\tn/a\nTX:\t\t\d+\n"
                        r"Current hardware settings:\nRX:\t\t\d+\n"],
    "ethtool -l eth0": [r"^Channel parameters for eth0:\nPre-set maximums:\nRX:\t\tn/a\nTX:\t\tn/a\nOther:\t\tn/a\nCombined:\t1\n"],
    "cat /sys/class/net/eth0/queues/tx-0/xps_cpus /sys/class/net/eth0/queues/rx-0/rps_cpus": [r"(?m)^1\n0$"],
    "echo 2 > /sys/class/net/eth0/queues/tx-0/xps_cpus": [r"^echo: '2' is no mask of CPUs: allowed is hexadecimal, 0 to 1$"],
    "ethtool -L eth0 combined 2": [r"^ethtool: combined 2: eth0 has 1 pair of queues, and cannot use another number$"],
    "ethtool -x eth0": [r"^Cannot get RX ring count: Operation not supported\n$"],
    "sysctl -a": [r"(?m)^net.ipv4.tcp_sack = 1\b", r"(?m)^http.head_timeout_ms = \d+"],
    "slab": [r"^memory: \d+ KiB in all, \d+ KiB free; taken \d+ times by kmalloc or as pages", r"^cpu0: skbs \d+ of \d+ free \(\d+ refused\), buffers \d+ of \d+ free"],
    "uptime": [r"up "],
    "top -d 1 -n 1": [r"(?i)cpu", r"idle", r"\d+\.\d"],
    "irq": [r"CPU0", r"\d+"],
    "timers": [r"(?i)cpu ?0", r"\d+"],
    "history": [r"timers", r"history"],
}
# Commands that other cases of this file, or other files, hold to something.
HELD = {
    "nstat": "here", "ip": "here", "tc": "here", "conntrack": "here", "nft": "here", "ss": "here", "ping": "here", "traceroute": "here",
    "dig": "here", "wget": "here", "tcpdump": "here", "ethtool": "here", "dmesg": "here", "profile": "trace.t", "trace": "trace.t", "crash": "crash.t",
    "poweroff": "console.t", "reboot": "here",
}

# Where a word that is no option is a text of a language, which says itself what is wrong with it: another wrong use.
WRONG = {"nft": "nft list and-more", "sysctl": "sysctl -Z", "tcpdump": "tcpdump -Z"}


@case("every command of the table has a test of its output, and a wrong use of each names its usage and the word")
def _():
    lacks = {}
    for words, wanted in OUTPUT.items():
        said = g.says(words)
        lacks.update({words: (pattern, said) for pattern in wanted if not re.search(pattern, said, re.M)})
    check_eq(lacks, {}, "what was printed instead")
    table = [line.split()[0] for line in g.says("help").split("\n") if line]  # what the guest has, and nothing else, is asked for
    check(len(table) > 25, table)
    check_eq([c for c in list(HELD) + [w.split()[0] for w in OUTPUT] if c not in table], [], "tests of commands that are not there")
    for c, where in HELD.items():  # and there it is, in the other file
        check(where == "here" or re.search(r"[\"'(, ]%s\b" % c, open(os.path.join(ROOT, "tests/qemu", where), encoding="utf-8").read()), where)
    check_eq([c for c in table if c not in HELD and not any(w.split()[0] == c for w in OUTPUT)], [], "commands without a test of their output")
    said = {c: g.says(WRONG.get(c, c + " --no-such-word and-more")) for c in table}
    check_eq({c: text for c, text in said.items() if "usage: " + c not in text or not re.search(r"'(--no-such-word|and-more|-Z)'", text)}, {}, "wrong uses")


@case("--json is JSON, and has iproute2's members where iproute2 has the command")
def _():
    for words in ("ip addr", "ip link", "ip route", "ip -6 route", "ip neigh", "tc -s qdisc", "ss -tuna", "ss -tin", "conntrack -L",
                  "nstat", "drops", "balance", "softnet"):
        p = subprocess.run(["python3", "-m", "json.tool"], input=guest_says(words + " --json"), capture_output=True, text=True)
        check_eq((words, p.returncode, p.stderr), (words, 0, ""))

    def row(rows, dev):
        return next(r for r in rows if r.get("ifname", r.get("dev")) == dev)
    missing = {}
    for words in ("ip addr", "ip link", "ip route", "ip -6 route", "ip neigh", "tc -s qdisc"):
        name, rest = words.split(" ", 1)
        ours, theirs = (json.loads(x) for x in (guest_says(words + " --json"), linux("%s -j %s" % (name, rest))))
        a, b = row(ours, "eth0"), row(theirs, "tap0")
        missing[words] = sorted(set(a) ^ set(b))
    # linkmode of a link has no other value than DEFAULT here; a default route is first in one table and a neighbour may be IPv6's
    check_eq({k: v for k, v in missing.items() if set(v) - {"linkmode", "router"}}, {}, "members of one side alone")
    sockets = json.loads(guest_says("ss -tin --json"))
    mine = next(s for s in sockets if s["peer_port"] == PORT)
    check_eq((mine["state"], mine["local"], mine["local_port"], mine["peer"]), ("ESTAB", GUEST_IP, 7, HOST_IP))
    check_eq(mine["tcp_info"]["bytes_received"], 1000, "bytes")
    tracked = json.loads(guest_says("conntrack -L --json"))
    check(any(c["original"].get("sport") == PORT and c["assured"] for c in tracked), "the connection is not listed")


@case("reboot ends this run of the machine")
def _():
    g.proc.stdin.write(b"reboot\r")
    g.proc.stdin.flush()
    check_eq(g.proc.wait(LIMIT), 1, "the runner's status after a reset")


try:
    run()
finally:
    g.stop()
