#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""DHCP from the server's side: an address is found, renewed, rebound, refused and declined as RFC 2131 says; without a server a
link-local one is taken (RFC 3927) and given up for a lease; groups are joined and left as RFC 3376 and RFC 2236 say."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from far import FAR_MAC, HOST_IP, LINUX, NEAR_MAC, SECONDS, Far
from guest import BOOT_LIMIT, GUEST_IP, Typed
from qemu import LONG, NICS, pick
from tap import Skip, case, check, check_eq, check_in, req, run

from scapy.all import ARP, BOOTP, DHCP, ICMP, IP, UDP, Ether, IPOption_Router_Alert, Raw
from scapy.contrib.igmp import IGMP

OFFERED, SECOND, ALL = "10.77.0.120", "10.77.0.121", "ff:ff:ff:ff:ff:ff"
T1, T2, LEASE = 3, 8, 20  # between them this side answers
now = None


def options(p):
    return {o[0]: o[1] for o in p[DHCP].options if isinstance(o, tuple)}


def message(kind, limit=SECONDS):
    """The client's next message of this kind."""
    return now.wait(lambda p: DHCP in p and p[BOOTP].op == 1 and options(p)["message-type"] == kind, limit)


def reply(p, kind, address=OFFERED, lease=LEASE, **more):
    opts = [("message-type", kind), ("server_id", HOST_IP)]
    if kind != "nak":
        opts += [("lease_time", lease), ("renewal_time", T1), ("rebinding_time", T2), ("subnet_mask", "255.255.255.0"),
                 ("router", HOST_IP)]
    to = p[IP].src if p[IP].src != "0.0.0.0" else "255.255.255.255"
    now.send(Ether(src=FAR_MAC, dst=NEAR_MAC if to != "255.255.255.255" else ALL) / IP(src=HOST_IP, dst=to) /
             UDP(sport=67, dport=68) /
             BOOTP(op=2, xid=p[BOOTP].xid, yiaddr=address if kind != "nak" else "0.0.0.0", siaddr=HOST_IP,
                   chaddr=p[BOOTP].chaddr) / DHCP(options=[*opts, "end"]))


def answers(address, limit=SECONDS):
    now.send(now.ip(dst=address) / ICMP(id=77, seq=1))
    return now.wait(lambda p: ICMP in p and p[IP].src == address, limit) is not None


def is_mute(address):
    return not answers(address, 1)


DISCOVER, REQUEST, DECLINE = 1, 3, 4


def long_only():
    if not LONG:
        raise Skip("it waits: make test-dhcp")


def obtain(address=OFFERED):
    p = message(DISCOVER, BOOT_LIMIT)
    check(p is not None, "no DHCPDISCOVER")
    check_eq((p[IP].src, p[IP].dst, p.dst), ("0.0.0.0", "255.255.255.255", ALL), "DHCPDISCOVER")
    reply(p, "offer", address)
    p = message(REQUEST)
    check(p is not None, "no DHCPREQUEST")
    check_eq((options(p)["server_id"], options(p)["requested_addr"]), (HOST_IP, address), "DHCPREQUEST")
    return p


def start(nic, cmdline=""):
    global now
    now = Far(nic, cmdline="ip=eth0:dhcp " + cmdline, ready=False)  # which it is not without a server


for nic in pick(NICS[:1], NICS):
    @case("%s: an address is found: discover, offer, request, acknowledgement" % nic)
    def _(nic=nic):
        req("2131 3.1/discover", "2131 3.1/request", "2131 4.1/source", "2131 4.1/backoff")
        start(nic)
        reply(obtain(), "ack")
        now.guest.wait_console("address %s/24 gateway %s, by DHCP from %s" % (OFFERED, HOST_IP, HOST_IP))
        check(answers(OFFERED), "it does not answer there")

    @case("%s: at T1 the server is asked alone, and the lease goes on" % nic)
    def _():
        req("2131 4.4.5/t1")
        p = message(REQUEST)
        check(p is not None, "no request at T1")
        check_eq((p[IP].src, p[IP].dst, p.dst, p[BOOTP].ciaddr), (OFFERED, HOST_IP, FAR_MAC, OFFERED), "at T1")
        check("server_id" not in options(p) and "requested_addr" not in options(p), "it names server or address")
        reply(p, "ack")
        check(answers(OFFERED), "it does not answer any more")

    @case("%s: at T2 any server is asked, a refusal takes the address away, and the search begins anew" % nic)
    def _():
        req("2131 4.4.5/t2", "2131 3.1/nak")
        check(message(REQUEST) is not None, "no request at T1")
        p = message(REQUEST)
        check(p is not None, "no request at T2")
        check_eq((p[IP].dst, p.dst, p[BOOTP].ciaddr), ("255.255.255.255", ALL, OFFERED), "at T2")
        reply(p, "nak")
        check(is_mute(OFFERED), "it answers still")
        reply(obtain(SECOND), "ack", SECOND)
        now.guest.wait_console("address %s/24" % SECOND)
        check(answers(SECOND), "it does not answer at the second address")

    @case("%s: a lease that nobody renews is given up at its end" % nic)
    def _():
        long_only()
        req("2131 4.4.5/expire")
        now.guest.wait_console("address %s is lost" % SECOND)
        check(is_mute(SECOND), "it answers still")

    @case("%s: an address that another host has is declined" % nic)
    def _():
        if not LONG:
            now.close()
        long_only()
        req("2131 3.1/decline", "5227 2.1.1/found")
        p = obtain()
        now.drain()
        reply(p, "ack")
        probe = now.wait(lambda p: ARP in p and p[ARP].psrc == "0.0.0.0" and p[ARP].pdst == OFFERED)
        check(probe is not None, "it is not probed for")
        other = "02:00:00:00:00:66"
        now.send(Ether(src=other, dst=NEAR_MAC) /
                 ARP(op=2, hwsrc=other, psrc=OFFERED, hwdst=NEAR_MAC, pdst="0.0.0.0"))
        p = message(DECLINE)
        check(p is not None, "no DHCPDECLINE")
        check_eq((p[IP].dst, options(p)["requested_addr"]), ("255.255.255.255", OFFERED), "DHCPDECLINE")
        check(is_mute(OFFERED), "it answers there")
        now.close()


def igmp(kind):
    """The guest's next IGMP message of this type, for a report is repeated at a time of its own: (destination, payload)."""
    p = now.wait(lambda p: IP in p and p[IP].proto == 2 and bytes(p[IP].payload)[0] == kind)
    if not p:
        return None, b""
    check_eq((p[IP].ttl, p[IP].tos, bytes(p[IP])[20:24]), (1, 0xc0, b"\x94\x04\0\0"), "TTL, TOS, Router Alert")
    return p[IP].dst, bytes(p[IP].payload)


def udp_echo(dst, dst_mac, limit=SECONDS):
    now.send(Ether(src=FAR_MAC, dst=dst_mac) / IP(src=HOST_IP, dst=dst, ttl=1) / UDP(sport=5005, dport=7) / b"to all members")
    p = now.wait(lambda p: UDP in p and p[UDP].dport == 5005, limit)
    return p and p[IP].src


GROUP, GROUP_MAC = "239.1.2.3", "01:00:5e:01:02:03"
GROUP_BYTES = bytes([239, 1, 2, 3])


@case("a group is joined and left on the console: routers hear of it in version 3, then in version 2, members hear the group")
def _():
    global now
    req("3376 4", "3376 4.2.14", "3376 5.1", "3376 7.2.1", "2236 3", "2236 3/leave", "1112 7.1", "1112 7.2")
    now = Far("virtio-net", kind=Typed)
    g = now.guest
    g.type("")
    now.meet()
    check(udp_echo(GROUP, GROUP_MAC, 1) is None, "what is for a group nobody joined is answered")
    g.type("ip maddr add %s dev eth0" % GROUP)
    to, m = igmp(0x22)
    check_eq((to, m[8], m[12:16]), ("224.0.0.22", 4, GROUP_BYTES), "the report of the join")
    check_in("\tinet  %s\n" % GROUP, g.type("ip maddr").replace("\r", ""))
    check_eq(udp_echo(GROUP, GROUP_MAC), GUEST_IP, "a member's answer")
    now.drain()
    query = IGMP(type=0x11, mrcode=5, gaddr="0.0.0.0")
    now.send(Ether(src=FAR_MAC, dst="01:00:5e:00:00:01") /
             IP(src=HOST_IP, dst="224.0.0.1", ttl=1, proto=2, options=[IPOption_Router_Alert()]) / Raw(bytes(query)))
    to, m = igmp(0x16)
    check_eq((to, m[4:8]), (GROUP, GROUP_BYTES), "the answer to a query of version 2")
    g.type("ip maddr del %s dev eth0" % GROUP)
    to, m = igmp(0x17)
    check_eq((to, m[4:8]), ("224.0.0.2", GROUP_BYTES), "the leave of version 2")
    check(udp_echo(GROUP, GROUP_MAC, 1) is None, "the group is heard still")


@case("routes are made and removed on the console; those that refuse say so; a wrong word is named")
def _():
    g = now.guest
    check_eq(g.says("ip route add 198.51.100.0/24 via %s metric 7" % HOST_IP), "")
    check_in("198.51.100.0/24 via %s dev eth0 metric 7" % HOST_IP, g.type("ip route"))
    check_in("198.51.100.9 via %s dev eth0 src %s mtu 1500" % (HOST_IP, GUEST_IP), g.type("ip route get 198.51.100.9"))
    for kind, why in (("unreachable", "No route to host"), ("prohibit", "Permission denied"), ("blackhole", "Invalid argument")):
        g.type("ip route add %s 203.0.113.0/24" % kind)
        check_in("%s 203.0.113.0/24" % kind, g.type("ip route"))
        check_in(why, g.type("ip route get 203.0.113.1"))
        g.type("ip route del %s 203.0.113.0/24" % kind)
    check("203.0.113.0" not in g.type("ip route"), "a route is left")
    g.type("ip route del 198.51.100.0/24")
    check("198.51.100.0" not in g.type("ip route"), "a route is left")
    for line, why in (("ip route add 10.0.0.1/33 dev eth0", "'10.0.0.1/33' is not"), ("ip route add 10.9.0.0/16 dev eth7", "'eth7' is not a device"),
                      ("ip route add 10.9.0.0/16 via nowhere", "'nowhere' is not an IPv4 address"),
                      ("ip route del 10.9.0.0/16", "No such"), ("ip route add 10.9.0.0/16 via 192.0.2.1", "ip: ")):
        check_in(why, g.type(line))
    g.type("ip addr add 10.77.0.9/24 dev eth0")
    check(now.wait(lambda p: ARP in p and p[ARP].pdst == "10.77.0.9") is not None, "a new address is not probed for")
    check(answers("10.77.0.9"), "a new address does not answer")
    g.type("ip addr del 10.77.0.9/24 dev eth0")
    check(is_mute("10.77.0.9"), "an address that was removed answers")
    now.close()


@case("without a server a link-local address is taken, and given up for a lease")
def _():
    long_only()
    req("3927 2.2.1", "3927 2.1/range", "3927 1.9")
    start("virtio-net")
    seen = now.guest.wait_console(r"address 169\.254\.\d+\.\d+/16")
    own = re.search(r"address (169\.254\.\d+\.\d+)/16", seen).group(1)
    now.send(Ether(src=FAR_MAC, dst=ALL) / ARP(op=1, hwsrc=FAR_MAC, psrc="169.254.7.7", pdst=own))
    check(now.wait(lambda p: ARP in p and p[ARP].op == 2 and p[ARP].psrc == own) is not None, "nobody answers at " + own)
    reply(obtain(), "ack")
    now.guest.wait_console("address %s/24" % OFFERED)
    check(answers(OFFERED), "it does not answer at the lease")
    now.send(Ether(src=FAR_MAC, dst=ALL) / ARP(op=1, hwsrc=FAR_MAC, psrc="169.254.7.7", pdst=own))
    check(now.wait(lambda p: ARP in p and p[ARP].op == 2 and p[ARP].psrc == own, 1) is None, "it answers at both")
    now.close()


if LINUX:
    sys.exit("dhcp.t is for the guest alone")
run()
