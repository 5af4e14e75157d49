# SPDX-License-Identifier: MIT
"""How values look (skb, TCB, segments, devices, addresses, wire integers, sequence numbers, timers, queues, lists), and
functions for expressions: $sk(80), $ip("10.0.2.2"), $skb_data(p), $cpu(1), $when(ns), $container_of(pointer, "struct tcb", "node")."""
import socket

import gdb
import gdb.printing

from commands import Problem, WALK_LIMIT, array_text, container, device_named, drop_where, enum_names, flags, ip_text, net_cpus, type_of
from device import FEATURES, IFF
from sockets import STATES, endpoint, listeners, tcbs


# ---------------------------------------------------------------- printers
def printer(to_text):
    class Printer:
        def __init__(self, value):
            self.value = value

        def to_string(self):
            return to_text(self.value)
    return Printer


def wire(size):
    def show(value):
        n = int.from_bytes(int(value["raw"]).to_bytes(size, "little"), "big")
        dotted = " (%s)" % socket.inet_ntoa(n.to_bytes(4, "big")) if size == 4 else ""
        return "%d 0x%0*x%s" % (n, 2 * size, n, dotted)
    return show


SUMMED = ["", " vouched", " partial"]
GSO_TYPES = {1: "TCPV4", 2: "TCPV6", 4: "UDP", 8: "TCP_ECN"}
TCP_FLAGS = {1: "FIN", 2: "SYN", 4: "RST", 8: "PSH", 16: "ACK", 32: "URG", 64: "ECE", 128: "CWR"}
SACKED = {1: "SACKED", 2: "LOST", 4: "RETRANS", 8: "EVER_RETRANS"}


def when(ns):
    """A time of the kernel's clock in seconds, and how far from the present it is."""
    if ns == (1 << 64) - 1:
        return "never"
    try:
        now = max(int(cpu["now_ns"]) for cpu in net_cpus())
    except Problem:
        return "%.6f s" % (ns / 1e9)
    return "%.6f s (%+.6f)" % (ns / 1e9, (ns - now) / 1e9)


def skb_text(skb):
    out = "skb %s len %d (%d in %d frags) dev %s proto 0x%04x%s" % (
        hex(int(skb.address)) if skb.address is not None else "?", int(skb["len"]), int(skb["data_len"]), int(skb["nr_frags"]),
        array_text(skb["dev"]["name"]) if int(skb["dev"]) else "-", int(skb["protocol"]), SUMMED[int(skb["ip_summed"])])
    out += " gso %s %d x %d" % (flags(int(skb["gso_type"]), GSO_TYPES), int(skb["gso_segs"]), int(skb["gso_size"])) \
        if int(skb["gso_size"]) else ""
    return out + (" cloned" if int(skb["cloned"]) else "") + (" at " + when(int(skb["tstamp_ns"])) if int(skb["tstamp_ns"]) else "")


def segment_text(s):
    return "segment %d > %d [%s] seq %u ack %u len %d win %d" % (
        int(s["sport"]), int(s["dport"]), flags(int(s["flags"]), TCP_FLAGS), int(s["seq"]["v"]), int(s["ack"]["v"]),
        int(s["len"]), int(s["wnd"]))


def tcp_cb_text(cb):
    return "segment %u..%u [%s] %s, %d on the wire, sent %s" % (
        int(cb["seq"]["v"]), int(cb["end_seq"]["v"]), flags(int(cb["flags"]), TCP_FLAGS), flags(int(cb["sacked"]), SACKED),
        int(cb["segs"]), when(int(cb["tx_ns"])) if int(cb["tx_ns"]) else "never")


def device_text(dev):
    return "device %s [%s] mtu %d features %s" % (array_text(dev["name"]), flags(int(dev["flags"]), IFF), int(dev["mtu"]),
                                                  flags(int(dev["features"]), FEATURES))


def list_text(head):
    """A list_head by itself does not say of what it is a list."""
    n, node = 0, head["next"]
    while head.address is not None and int(node) not in (0, int(head.address)) and n < WALK_LIMIT:
        n, node = n + 1, node["next"]
    return "list of %d, first %s" % (n, hex(int(head["next"]))) if n else "list, empty" if int(head["next"]) else "list, never made"


def chain_text(head):
    n, node = 0, head["first"]
    while int(node) and n < WALK_LIMIT:
        n, node = n + 1, node["next"]
    return "chain of %d, first %s" % (n, hex(int(head["first"])))


def tcb_text(t):
    sk = t["sk"]
    return "TCB %s %s > %s, in flight %d, cwnd %d" % (
        STATES.get(int(sk["state"]), "?"), endpoint(sk["saddr"], sk["sport"]), endpoint(sk["daddr"], sk["dport"]),
        int(t["packets_out"]), int(t["cwnd"]))


def timer_text(t):
    function = t["fn"].format_string(symbols=True).split("<")[-1].rstrip(">") if int(t["fn"]) else "-"
    return "timer %s %s" % (function, "at " + when(int(t["expires_ns"])) if t["armed"] else "not armed")


def drop_text(verdict):
    """DROP_NO_SOCKET at udp_rcv:120: a reason alone has no place."""
    names, place = enum_names("enum drop_reason", "DROP_"), drop_where(int(verdict) >> 8)
    return "DROP_%s%s" % (names.get(int(verdict) & 255, "?"), " at " + place if place else "")


PRINTERS = {
    "be16": wire(2), "be32": wire(4), "be64": wire(8), "ip_addr": ip_text, "seq_t": lambda v: "seq %u" % int(v["v"]),
    "sk_buff": skb_text, "tcb": tcb_text, "timer": timer_text, "tcp_seg": segment_text, "tcp_skb_cb": tcp_cb_text,
    "drop_reason": drop_text, "net_device": device_text, "list_head": list_text, "hlist_head": chain_text,
    "sk_buff_head": lambda q: "queue of %d skbs, first %s" % (int(q["qlen"]), hex(int(q["next"])) if int(q["qlen"]) else "-"),
}


def lookup(value):
    """By the name of the type as it is written, or of what it stands for."""
    for name in (value.type.name, value.type.strip_typedefs().tag):
        if name in PRINTERS:
            return printer(PRINTERS[name])(value)
    return None


lookup.name = "barewire"
lookup.enabled = True
gdb.printing.register_pretty_printer(gdb, lookup, replace=True)


# ---------------------------------------------------------------- functions
def function(name, text):
    """Makes $NAME(...)."""
    def keep(fn):
        class Function(gdb.Function):
            def __init__(self):
                super().__init__(name)

            def invoke(self, *arguments):
                return fn(*arguments)

        Function.__doc__ = text
        Function()
        return fn
    return keep


@function("sk", "$sk(PORT): a TCB with this port, local or remote; a connection before a listener. 0: there is none.")
def sk(port):
    for find in tcbs, listeners:
        for cpu in net_cpus():
            for t in find(cpu):
                if int(port) in (int(t["sk"]["sport"]), int(t["sk"]["dport"])):
                    return t
    return gdb.Value(0).cast(type_of("struct tcb").pointer())


@function("ip", '$ip("10.0.2.2"): the address as the raw word of a be32, to compare with.')
def ip(text):
    return int.from_bytes(socket.inet_aton(text.string()), "little")


@function("skb_data", "$skb_data(SKB): the linear bytes, as an array; x/32xb $skb_data(p) shows them.")
def skb_data(skb):
    length = int(skb["len"]) - int(skb["data_len"])
    return skb["data"].dereference() if length < 1 else skb["data"].cast(
        gdb.lookup_type("unsigned char").array(length - 1).pointer()).dereference()


@function("cpu", "$cpu(N): the N-th CPU's share of the stack, a struct net_cpu; $cpu(0).stats")
def cpu_of(n):
    return net_cpus()[int(n)]


@function("when", "$when(NS): a time of the kernel's clock in seconds, and how far from the present: $when(skb->tstamp_ns)")
def when_of(ns):
    return when(int(ns))


@function("dev", '$dev("eth0"): the device of that name, a pointer.')
def dev_of(name):
    return device_named(name.string()).address


@function("container_of", '$container_of(POINTER, "struct tcb", "node"): the struct around a member.')
def container_of(pointer, type_name, member):
    return container(pointer, type_name.string(), member.string())


@function("tcp_ports", "$tcp_ports(SKB, PORT): is it a segment from or to this port? skb->data is at the TCP header.")
def tcp_ports(skb, port):
    data = skb["data"].cast(gdb.lookup_type("unsigned char").pointer())
    return int(port) in (int(data[0]) << 8 | int(data[1]), int(data[2]) << 8 | int(data[3]))
