# SPDX-License-Identifier: MIT
"""Where packets go: neighbours, routes, fragments that wait for the rest, netfilter's hooks."""
from commands import (array_text, command, enum_names, ip_text, net_cpus, type_of, v4_text, walk_list,
                      walk_queue, where)

REFUSALS = ["", "unreachable ", "prohibit ", "blackhole "]
PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP"}
FOR_EVER = (1 << 64) - 1  # TIME_NEVER
HOOKS = ["PRE_ROUTING", "LOCAL_IN", "FORWARD", "LOCAL_OUT", "POST_ROUTING"]


def per_cpu(lines):
    """The lines of every CPU's copy; headed by the CPU only where there are several."""
    cpus = net_cpus()
    for cpu in cpus:
        if len(cpus) > 1:
            yield "cpu%d:" % int(cpu["id"])
        yield from lines(cpu)


def neighbour_families(cpu):
    families = cpu["neigh"]["families"]
    return [families[i] for i in range(families.type.range()[1] + 1)]


def all_neighbours(cpu):
    for family in neighbour_families(cpu):
        for kind in "wanted", "heard":
            yield from walk_list(family[kind], "struct neigh", "lru")


@command("neigh", "", "The neighbour tables, as ip neigh prints them; then what is parked there.")
def k_neigh(_words):
    states = enum_names("enum neigh_state", "NEIGH_")

    def lines(cpu):
        for n in all_neighbours(cpu):
            state, parked = states.get(int(n["state"]), "?"), int(n["parked"]["qlen"])
            mac = "" if state in ("INCOMPLETE", "FAILED") else " lladdr " + ":".join(
                "%02x" % int(n["link_hdr"][i]) for i in range(6))
            yield "%s dev %s%s %s%s" % (ip_text(n["addr"]), array_text(n["dev"]["name"]), mac, state,
                                        "  parked %d" % parked if parked else "")
    yield from per_cpu(lines)


def route_line(r):
    plen, dst = int(r["plen"]), v4_text(r["dst"])
    line = REFUSALS[int(r["type"])] + ("default" if not plen else dst if plen == 32 else "%s/%d" % (dst, plen))
    if int(r["gateway"]["raw"]):
        line += " via " + v4_text(r["gateway"])
    if int(r["dev"]):
        line += " dev " + array_text(r["dev"]["name"])
    line += " proto kernel" if int(r["src"]["raw"]) else ""
    line += " scope link" if int(r["dev"]) and not int(r["gateway"]["raw"]) else ""
    if int(r["src"]["raw"]):
        line += " src " + v4_text(r["src"])
    return line + (" metric %d" % int(r["metric"]) if int(r["metric"]) else "")


def is_unspecified(addr):
    return not any(int(addr["b"][i]) for i in range(16))


def route6_line(r):
    via = not is_unspecified(r["gateway"])
    return "%s%s dev %s proto %s metric %d pref medium" % (
        "%s/%d" % (ip_text(r["dst"]), int(r["plen"])) if int(r["plen"]) else "default",
        " via " + ip_text(r["gateway"]) if via else "", array_text(r["dev"]["name"]),
        "ra" if r["ra"] else "static" if via else "kernel", int(r["metric"]))


def routes6(cpu):
    """IPv6's routes in their order; none before it is up."""
    fib = cpu["ip6"]["fib"] if int(cpu["ip6"]) else None
    return [fib["routes"][i] for i in range(int(fib["nr"]))] if fib is not None else []


@command("route", "", "The route tables of both families, longest prefix first, as ip route and ip -6 route print them.")
def k_route(_words):
    def lines(cpu):
        fib = cpu["ip"]["fib"]
        for i in range(int(fib["nr"])):
            yield route_line(fib["routes"][i])
        yield from map(route6_line, routes6(cpu))
    yield from per_cpu(lines)


def ends(expires_ns, now):
    """When something ends, from now."""
    return "for ever" if expires_ns == FOR_EVER else "for %d s" % (max(0, expires_ns - now) // 10**9)


@command("prefix", "", "IPv6 as this host has it: addresses with their states and lifetimes; routers and prefixes as advertised.")
def k_prefix(_words):
    cpu = net_cpus()[0]  # all that other CPUs have comes from there
    if not int(cpu["ip6"]):
        yield "IPv6 is not up"
        return
    states, now, room = enum_names("enum ip6_addr_state", "IP6_"), int(cpu["now_ns"]), cpu["ip6"]
    for i in range(int(room["nr_addrs"])):
        a = room["addrs"][i]
        yield "address %s/%d dev %s %s valid %s, preferred %s" % (
            ip_text(a["addr"]), int(a["plen"]), array_text(a["dev"]["name"]), states[int(a["state"])],
            *(ends(int(a[f]), now) for f in ("valid_ns", "preferred_ns")))
    for kind, field, addr in ("router", "routers", "addr"), ("prefix", "prefixes", "prefix"):
        table = room["autoconf"][field] if int(room["autoconf"]) else None
        for i in range(table.type.range()[1] + 1) if table is not None else []:
            row = table[i]
            if int(row["dev"]):
                yield "%s %s%s dev %s %s" % (kind, ip_text(row[addr]), "/%d" % int(row["plen"]) if kind == "prefix" else "",
                                             array_text(row["dev"]["name"]), ends(int(row["expires_ns"]), now))


def frag_queues(cpu):
    yield from walk_list(cpu["frags"]["lru"], "struct frag_queue", "lru")


def frag_protocol(proto):
    return PROTOCOLS.get(proto, str(proto)) if proto else "IPv6"  # whose id is one for all protocols


@command("frags", "", "Datagrams in reassembly: what came of each, and when it is given up.")
def k_frags(_words):
    def lines(cpu):
        frags, now = cpu["frags"], int(cpu["now_ns"])
        yield "memory %d" % int(frags["mem"])
        for q in frag_queues(cpu):
            pieces = []
            for skb in walk_queue(q["pieces"]):
                piece = skb["cb"].address.cast(type_of("struct frag_piece").pointer())
                pieces.append("%d..%d" % (int(piece["off"]), int(piece["end"])))
            yield "%s > %s %s id %d: %d bytes of %s, %d pieces %s%s, until %.3f s from now" % (
                ip_text(q["key"]["src"]), ip_text(q["key"]["dst"]), frag_protocol(int(q["key"]["proto"])), int(q["key"]["id"]),
                int(q["got"]), int(q["end"]) if q["have_last"] else "?", int(q["nr"]), " ".join(pieces),
                ", DEAD (overlap)" if q["dead"] else "", (int(q["timer"]["expires_ns"]) - now) / 1e9)
    yield from per_cpu(lines)


@command("nf", "", "Netfilter's hooks: functions in their order, packets seen and dropped.")
def k_nf(_words):
    def lines(cpu):
        nf = cpu["nf"]
        for i, name in enumerate(HOOKS):
            yield "%-12s %d functions, calls %d, dropped %d" % (name, int(nf["nr"][i]), int(nf["calls"][i]),
                                                               int(nf["verdict_drop"][i]))
            for k in range(int(nf["nr"][i])):
                e = nf["entries"][i][k]
                yield "  %6d %s" % (int(e["priority"]), where(int(e["fn"])))
    yield from per_cpu(lines)
