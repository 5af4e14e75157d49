#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guest as a router with NAT, one card of each kind, between networks of this host:

    client 10.66.0.2 - 10.66.0.1 uplink 10.77.0.1 - 10.77.0.2 ROUTER 10.88.0.1 - lan: 10.88.0.9 and a second guest, 10.88.0.2

client, uplink and lan are network namespaces; uplink, this process's own, is a router too. The rules come with the site. The
router has two CPUs (CPUS=N: as many): whatever a flow's answers, echoes' and errors too, look like outside, they must come to the
CPU that tracks it."""
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest, Typed
from net import BUILD, Space, die_with_parent, make_tap, need_private_network, sh, sysctl
from qemu import MIB, Site, noise, pick, sha
from tap import case, check, check_eq, check_in, note, run

SIZE, CONNECTIONS, ECHOES = pick(4, 64) * MIB, pick(1000, 100000), pick(16, 200)
CPUS = int(os.environ.get("CPUS") or 2)
# Short, yet longer than a router on a busy machine may stand still: what comes after its connection's end counts as invalid.
TIMEOUTS = " ".join("net.netfilter.nf_conntrack_%s=%u" % (name, pick(2, 10)) for name in (
    "tcp_timeout_time_wait", "tcp_timeout_close", "tcp_timeout_close_wait", "tcp_timeout_last_ack", "tcp_timeout_fin_wait",
    "udp_timeout", "udp_timeout_stream", "icmp_timeout"))
RULES = """#!/usr/sbin/nft -f
flush ruleset
table ip nat {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "eth0" tcp dport 8080 dnat to 10.88.0.2:80
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "eth0" ip saddr 10.88.0.0/24 masquerade
	}
}
table ip filter {
	set servers {
		type ipv4_addr
		flags interval
		elements = { 10.88.0.2, 10.88.1.0/24 }
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		ct state invalid drop
		iifname "eth1" accept
		iifname "eth0" ip daddr @servers accept
	}
}
"""


def build_networks():
    sysctl("net.ipv4.ip_forward", 1)
    sysctl("net.ipv4.icmp_ratelimit", 0)  # every error is waited for, here and from the router
    client.sh("sysctl", "-q", "-w", "net.ipv4.icmp_ratelimit=0")
    sh("ip", "link", "add", "up0", "type", "veth", "peer", "name", "client0")
    sh("ip", "addr", "add", "10.66.0.1/24", "dev", "up0")
    sh("ip", "link", "set", "up0", "up")
    client.take("client0", "10.66.0.2/24")
    client.sh("ip", "route", "add", "default", "via", "10.66.0.1")
    client.sh("sysctl", "-q", "-w", "net.ipv4.ip_local_port_range=1024 65535")
    make_tap("tap0")
    sh("ip", "route", "add", "10.88.0.0/24", "via", "10.77.0.2")
    for name in ("lan0", "lan1"):
        make_tap(name, None)


def join_lan():
    """The guests hold their taps: from now on they are ports of a bridge in the lan's namespace."""
    lan.sh("ip", "link", "add", "lan", "type", "bridge")
    lan.sh("ip", "addr", "add", "10.88.0.9/24", "dev", "lan")
    lan.sh("ip", "link", "set", "lan", "up")
    for name in ("lan0", "lan1"):
        lan.take(name)
        lan.sh("ip", "link", "set", name, "master", "lan")
    lan.sh("ip", "route", "add", "default", "via", "10.88.0.1")


def site_with_rules():
    folder = tempfile.TemporaryDirectory(prefix="barewire-site-")
    os.mkdir(os.path.join(folder.name, "etc"))
    with open(os.path.join(folder.name, "etc/nftables.conf"), "w", encoding="ascii") as f:
        f.write(RULES)
    with open(os.path.join(folder.name, "index.html"), "w", encoding="ascii") as f:
        f.write("the router itself\n")
    return folder


def fetch(space, url):
    p = subprocess.run(space.words("curl", "-sS", "--max-time", 900, url), capture_output=True)
    check_eq(p.returncode, 0, p.stderr.decode())
    return p.stdout


PATIENT = "30,0,0"  # seconds: the others of a hop need not be as fast as its first


def hops(space, to):
    space.sh("ping", "-n", "-c", "1", "-W", LIMIT, to)  # who is a neighbour is known then: no probe is lost
    out = space.sh("traceroute", "-n", "-q", "3", "-w", PATIENT, "-m", "6", to)
    note(out.strip())
    return re.findall(r"^ *\d+ .*?(\d+\.\d+\.\d+\.\d+)", out, re.M)


def tracked():
    return int(re.search(r"\n(\d+)\r?\n", router.type("conntrack -C")).group(1))


need_private_network()
client, lan = Space(), Space()
build_networks()
blob = noise(SIZE)
served, conf = Site({"blob": blob, "128": bytes(128)}), site_with_rules()
server = Guest(tap="lan1", cmdline="ip=eth0:10.88.0.2/24,10.88.0.1", site=served.name, mem=SIZE // MIB + 128)
router = Typed(tap="tap0", cpus=CPUS, cmdline="ip=eth1:10.88.0.1/24 net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0 " + TIMEOUTS, site=conf.name, options=[
    "--add-nic", "e1000:" + Guest.netdev("tap", "lan0")])

@case("a router with a virtio-net and an e1000 card boots with the rules of its site, and prints them as they were written")
def _():
    server.start()
    router.start()
    for guest in (server, router):
        guest.wait_console("barewire ready")
    join_lan()
    router.type("")
    check_in("eth1: e1000", router.console())
    shown = router.type("nft list ruleset").replace("\r", "")
    for table in RULES.split("table")[1:]:
        check_in("table" + table.rstrip("}\n"), shown)
    check_eq(router.get("/etc/nftables.conf")[0], 404)

@case("traceroute sees it, from outside and through the NAT from inside")
def _():
    check_eq(hops(client, "10.88.0.2"), ["10.66.0.1", "10.77.0.2", "10.88.0.2"])
    check_eq(hops(lan, "10.66.0.2"), ["10.88.0.1", "10.77.0.1", "10.66.0.2"])
    lan.sh("ping", "-n", "-c", "3", "-i", "0.1", "-s", "3000", "10.66.0.2")

@case("echoes of %d ids come back through the NAT, and errors about echoes; each CPU has its part" % ECHOES)
def _():
    for ident in range(1, ECHOES + 1):
        lan.sh("ping", "-n", "-c", "1", "-W", LIMIT, "-e", ident, "10.66.0.2")
    for _ in range(pick(2, 10)):
        out = lan.sh("traceroute", "-I", "-n", "-q", "2", "-w", PATIENT, "-m", "6", "10.66.0.2")
        check_eq(re.findall(r"^ *\d+ .*?(\d+\.\d+\.\d+\.\d+)", out, re.M), ["10.88.0.1", "10.77.0.1", "10.66.0.2"], out)
        check("*" not in out, out)
    stats = [int(n) for n in re.findall(r"insert=(\d+)", router.type("conntrack -S"))]
    note("connections by CPU:", *stats)
    check_eq(len(stats), CPUS)
    check(min(stats) * CPUS * 4 > sum(stats), "CPUs without their part")

@case("a forwarded port leads to the second guest: %d MiB arrive whole; other ports are the router's own" % (SIZE // MIB))
def _():
    check_eq(sha(fetch(client, "http://10.77.0.2:8080/blob")), sha(blob))
    check_in(b"the router itself", fetch(client, "http://10.77.0.2/"))

@case("a download from inside arrives whole, asked for by the router's address alone")
def _():
    log = tempfile.TemporaryFile()
    web = subprocess.Popen(client.words("python3", "-u", "-m", "http.server", 8000, "--directory", served.name),
                           stdout=subprocess.DEVNULL, stderr=log, preexec_fn=die_with_parent)
    end = time.monotonic() + LIMIT
    while not client.sh("ss", "-Hltn", "sport = :8000"):
        check(time.monotonic() < end, "the web server does not listen")
        time.sleep(0.05)
    check_eq(sha(fetch(lan, "http://10.66.0.2:8000/blob")), sha(blob))
    web.terminate()
    web.wait()
    log.seek(0)
    check_eq(set(re.findall(r"^([\d.]+) ", log.read().decode(), re.M)), {"10.77.0.2"})

@case("a wrong rule is refused with its place and the rules stay; reading is open to HTTP, changing is not")
def _():
    before = router.says("nft list ruleset")
    check_in("line 1, column 28", router.type("nft add rule ip nat prerouting masquerad"))
    check_in("column 18: 'tcp': translating is for chains of type nat", router.type("nft add rule forward tcp dport 1 dnat to 10.0.0.1:1"))
    check_in("line 1, column 33: '10.88.1.7': overlaps", router.type("nft add element ip filter servers { 10.88.1.7 }"))
    check_in("column 37: '@webs'", router.type("nft add rule ip filter forward ip saddr @webs drop"))
    check_eq(router.says("nft list ruleset"), before)
    check_in("masquerade", router.get("/debug/nft?list+ruleset")[2].decode())
    check_eq(router.get("/debug/nft?flush+ruleset")[0], 403)

@case("what is taken out of a set is not let through, and what is put in again is")
def _():
    router.type("nft delete element ip filter servers { 10.88.0.2 }")
    p = subprocess.run(client.words("curl", "-sS", "--max-time", 2, "http://10.77.0.2:8080/128"), capture_output=True)
    check_eq(p.returncode, 28, p.stderr.decode())
    router.type("nft add element ip filter servers { 10.88.0.2-10.88.0.3 }")
    check_in("elements = { 10.88.0.2/31, 10.88.1.0/24 }", router.type("nft list ruleset"))
    check_eq(fetch(client, "http://10.77.0.2:8080/128"), bytes(128))

@case("%d connections through the NAT are all served; a little later no connection is tracked, and every frame is accounted for"
      % CONNECTIONS)
def _():
    load = subprocess.Popen(client.words(os.path.join(BUILD, "load"), "close", "10.77.0.2", 8080, "-p", "/128", "-c", 16, "-n", CONNECTIONS,
                                         "-d", 3000), stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    while "dport=8080" not in router.type("conntrack -L"):
        check(load.poll() is None, "no connection was ever listed")
    out = load.communicate()[0]
    note(out.strip())
    check_in('"count": %d,' % CONNECTIONS, out)
    stats = router.type("conntrack -S")
    note(stats.replace("\r", "").strip())
    check(sum(int(n) for n in re.findall(r"insert=(\d+)", stats)) >= CONNECTIONS, stats)
    check_eq(len(re.findall("insert_failed=0 drop=0 early_drop=0", stats)), CPUS, stats)
    end = time.monotonic() + LIMIT
    while tracked():
        check(time.monotonic() < end, router.type("conntrack -L"))
        time.sleep(0.5)
    check_in("balanced", router.type("balance"))

try:
    run()
finally:
    for guest in (server, router):
        guest.stop()
