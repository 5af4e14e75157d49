# SPDX-License-Identifier: MIT
"""Where flows are kept or sent: the owners' table, segments held to be merged, the flow cache, endpoints of NAT."""
from commands import array_text, command, ip_text, net_cpus
from routes import per_cpu
from traces import hashed, tracked

STEER_MODES = ["rss", "rps", "off"]
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}


def host_order(port):
    """A be16."""
    return int.from_bytes(int(port["raw"]).to_bytes(2, "little"), "big")


# ---------------------------------------------------------------- steering
def steer():
    return net_cpus()[0]["net"]["steer"]


def owner(saddr, daddr, sport, dport):
    """The CPU that a flow belongs to: steer_owner() by its tables."""
    s, total = steer(), 0
    for i in range(2):
        total ^= int(saddr["q"][i]) ^ int(daddr["q"][i])
    total ^= total >> 32
    ports = sport ^ dport
    total ^= total >> 16 ^ (ports >> 8 | (ports & 255) << 8)
    hashed = int(s["hash"][0][total & 255]) ^ int(s["hash"][1][total >> 8 & 255])
    return int(s["cpu"][hashed % (s["cpu"].type.range()[1] + 1)])


@command("steer", "", "Which CPU owns a flow: mode, key, slots of the table by CPU; frames and datagrams handed on, strays.")
def k_steer(_words):
    s = steer()
    slots = [int(s["cpu"][i]) for i in range(s["cpu"].type.range()[1] + 1)]
    yield "mode %s, %s, key 0x%04x, owners %d" % (STEER_MODES[int(s["mode"])], "several CPUs" if s["on"] else "one CPU",
                                                  int(s["key"]), int(s["nr_owners"]))
    for cpu in net_cpus():
        yield "cpu%d: %d of %d slots; taken in for others %d, datagrams handed on %d, connections of other owners %d" % (
            int(cpu["id"]), slots.count(int(cpu["id"])), len(slots),
            *(int(cpu["softnet"][f]) for f in ("received_rps", "moved", "strays")))


# ---------------------------------------------------------------- GRO
def gro_flows(cpu):
    """Flows with segments held until the end of the poll."""
    return [cpu["gro"]["flows"][i] for i in range(int(cpu["gro_held"]))]


@command("gro", "", "Segments held to be merged, by flow: only inside a poll there are any.")
def k_gro(_words):
    def lines(cpu):
        held = gro_flows(cpu)
        yield "%d flows held" % len(held)
        for f in held:
            yield "  skb %s: %d segments of %d, next seq %d, headers %d, IPv%d%s" % (
                hex(int(f["skb"])), int(f["segs"]), int(f["mss"]), int(f["next"]["v"]), int(f["hdr_len"]),
                6 if f["v6"] else 4, ", plain" if f["plain"] else "")
    yield from per_cpu(lines)


# ---------------------------------------------------------------- forwarded flows
def cached(cpu, end):
    """Does the flow cache have this direction? Made of the tables as they are, and the way still good."""
    flow = end["flow"]
    return int(flow["gen"]) == int(cpu["ct"]["flow_gen"]) and int(flow["dst"]["gen"]) == int(cpu["dst_gen"])


@command("flowcache", "", "Directions of tracked connections that are forwarded without the hooks: where from, what they become.")
def k_flowcache(_words):
    sent = sum(int(c["ct"]["stats"]["flow"]) for c in net_cpus() if int(c["ct"]))
    yield "%d packets sent on by it" % sent
    for cpu, ct in tracked():
        for end in (ct["end"][i] for i in range(2)):
            if not cached(cpu, end):
                continue
            t, f = end["tuple"], end["flow"]
            yield "cpu%d %s %s:%d > %s:%d in %s out %s, leaves as port %d > %d, mtu %d" % (
                int(cpu["id"]), PROTOCOLS.get(int(t["proto"]), int(t["proto"])), ip_text(t["src"]), host_order(t["sport"]),
                ip_text(t["dst"]), host_order(t["dport"]), array_text(f["in"]["name"]), array_text(f["dst"]["dev"]["name"]),
                host_order(f["sport"]), host_order(f["dport"]), int(f["dst"]["mtu"]))


def nat_maps(cpu):
    """Endpoints that are translated, each once."""
    ct = cpu["ct"]
    if not int(ct) or not int(ct["nat"]):
        return
    yield from hashed(ct["nat"]["in"], int(ct["mask"]) + 1, "struct nat_map", "by_in")


@command("nat", "", "Inside endpoints and the outside ones they have, with how many connections use each.")
def k_nat(_words):
    found = 0
    for cpu in net_cpus():
        for m in nat_maps(cpu):
            found += 1
            inside, outside = m["in"], m["out"]
            yield "cpu%d %s %s:%d as %s:%d, %d connections" % (
                int(cpu["id"]), PROTOCOLS.get(int(inside["proto"]), int(inside["proto"])), ip_text(inside["addr"]),
                host_order(inside["port"]), ip_text(outside["addr"]), host_order(outside["port"]), int(m["refs"]))
    yield "%d endpoints are translated" % found
