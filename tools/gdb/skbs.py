# SPDX-License-Identifier: MIT
"""Every skb that lives, and who has it: pools against free lists, then every queue of the stack."""
import gdb

from commands import (DIRECT_MAP_BASE, Problem, array_text, command, container, net_cpus, net_devices, text, type_of,
                      walk_queue, walk_tree)
from device import walk_qdiscs
from flows import gro_flows
from routes import all_neighbours, frag_queues
from sockets import accept_queue, endpoint, http_conns, listeners, tcbs, tree_skbs, udp_socks

CHUNK_BYTES = 4096 << 6  # SKB_CHUNK_ORDER
CACHE_LINE = 64


# ---------------------------------------------------------------- which live
def skb_chunks(pool):
    """Chunks that hold skbs, without what was never cut. A chunk holds either skbs or buffers: the first of a buffer's
    chunk is a skb_buf, whose `dma` is the address of itself."""
    uncut = pool["uncut_skbs"]
    for i in range(int(pool["nr_chunks"])):
        at = int(pool["chunks"][i])
        buf = gdb.Value(at).cast(type_of("struct skb_buf").pointer())
        if int(buf["dma"]) == at - DIRECT_MAP_BASE:
            continue
        end = int(uncut["at"]) if at < int(uncut["at"]) <= at + CHUNK_BYTES or int(uncut["at"]) == at else at + CHUNK_BYTES
        yield at, end


def track():
    """struct san_track: what the sanitized image has behind each object of a pool; None in others."""
    try:
        return gdb.lookup_type("struct san_track")
    except gdb.error:
        return None


def stride():
    behind = track()
    return -(-(type_of("struct sk_buff").sizeof + (behind.sizeof if behind else 0)) // CACHE_LINE) * CACHE_LINE


def quarantined(pool):
    """skbs of the sanitized image that are free, and wait to be so; each is named by the track behind it."""
    if not track():
        return
    at, size = pool["late_skbs"]["first"], type_of("struct sk_buff").sizeof
    while int(at):
        at = at.cast(track().pointer())
        yield int(at) - size
        at = at["next"]


def chain(skb):
    """A list through `next` that ends with NULL: free ones."""
    seen = 0
    while int(skb) and seen < 1 << 20:
        yield int(skb)
        skb, seen = skb["next"], seen + 1


def live_skbs():
    """Addresses of all skbs that are neither free nor on their way to their pool."""
    cpus, step = net_cpus(), stride()
    live, idle = set(), set()
    for cpu in cpus:
        pool = cpu["skb_pool"]
        for start, end in skb_chunks(pool):
            live.update(range(start, end - step + 1, step))
        idle.update(chain(pool["free_skbs"]))
        idle.update(quarantined(pool))
        for i in range(len(cpus)):
            idle.update(chain(pool["home_skbs"][i]))
    return live - idle


# ---------------------------------------------------------------- who has them
def tcb_queues(t, where):
    for name in "sendq", "rtxq", "rcvq":
        yield "%s of %s" % (name, where), walk_queue(t[name])
    yield "ofo of %s" % where, tree_skbs(t["ofo"])


def socket_queues(cpu):
    for t in tcbs(cpu):
        sk = t["sk"]
        yield from tcb_queues(t, "TCB %s %s > %s" % (hex(int(t)), endpoint(sk["saddr"], sk["sport"]),
                                                    endpoint(sk["daddr"], sk["dport"])))
    for t in listeners(cpu):
        for child in accept_queue(t):
            yield from tcb_queues(child, "TCB %s, not accepted" % hex(int(child)))
    for u in udp_socks(cpu):
        yield "UDP port %d" % int(u["sk"]["sport"]), walk_queue(u["rx"])


def stack_queues(cpu):
    yield "backlog of cpu%d" % int(cpu["id"]), walk_queue(cpu["dev"]["backlog"])
    for n in all_neighbours(cpu):
        yield "neighbour %s" % hex(int(n)), walk_queue(n["parked"])
    for flow in gro_flows(cpu):
        yield "GRO of cpu%d" % int(cpu["id"]), [flow["skb"]]
    for q in frag_queues(cpu):
        yield "fragments, id %d" % int(q["key"]["id"]), walk_queue(q["pieces"])
    if int(cpu["app"]) and int(cpu["app"]["http"]):
        for _, c in http_conns(cpu["app"]["http"]):
            where = "HTTP connection %s" % hex(int(c))
            yield where, [s for s in (c["in"], c["out"]["skb"]) if int(s)]


def ring_skbs(dev):
    """skbs that a device sends just now; a token with its lowest bit set is a frame without one (dev_frame_token)."""
    yield from (t for t in ring_tokens(dev) if int(t) and not int(t) & 1)


def ring_tokens(dev):
    kind = text(dev["driver"])
    if kind == "virtio-net":
        vn = dev["priv"].cast(type_of("struct virtnet").pointer())
        for i in range(int(vn["nr_pairs"])):
            vq = vn["pairs"][i]["tx"]
            yield from (vq["slots"][n]["token"] for n in range(int(vq["size"])))
    elif kind in ("e1000", "e1000e"):
        e = dev["priv"].cast(type_of("struct e1000").pointer())
        for i in range(int(e["nr_queues"])):
            tx = e["queues"][i]["tx"]
            yield from (tx["slots"][n]["token"] for n in range(int(tx["mask"]) + 1))


def owners():
    """address -> who has it."""
    out = {}

    def take(where, skbs):
        for skb in skbs:
            out.setdefault(int(skb), where)
    for cpu in net_cpus():
        for queues in socket_queues(cpu), stack_queues(cpu):
            for where, skbs in queues:
                take(where, skbs)
    for dev in net_devices():
        take("tx ring of " + array_text(dev["name"]), ring_skbs(dev))
        for q, _depth in walk_qdiscs(dev):
            take("qdisc %s of %s" % (text(q["ops"]["id"]), array_text(dev["name"])), qdisc_skbs(q))
    return out


def fields_named(value, type_name):
    """Members of that type in a struct, arrays of them too."""
    for f in value.type.strip_typedefs().fields():
        t = f.type.strip_typedefs()
        if t.code == gdb.TYPE_CODE_ARRAY and str(t.target().strip_typedefs()) == type_name:
            yield from (value[f.name][i] for i in range(t.range()[1] + 1))
        elif str(t) == type_name:
            yield value[f.name]


def qdisc_skbs(q):
    """What a discipline keeps in the queues of its private struct."""
    name = {"pfifo": "fifo", "bfifo": "fifo"}.get(text(q["ops"]["id"]), text(q["ops"]["id"]))
    try:
        priv = q["priv"].address.cast(gdb.lookup_type("struct " + name).pointer()).dereference()
    except gdb.error:
        return
    for head in fields_named(priv, "struct sk_buff_head"):
        yield from walk_queue(head)
    if name == "fq_codel":
        for i in range(int(priv["p"]["flows"])):
            yield from walk_queue(priv["flows"][i]["queue"])
    elif name == "netem":
        for cb in walk_tree(priv["tree"], "struct netem_cb", "node"):
            yield container(cb, "struct sk_buff", "cb")


def held_by_queue(skb, live):
    """Of an skb that nobody known has: the head of the list that it is in, or None."""
    t, at = type_of("struct sk_buff").pointer(), skb
    for _ in range(100000):
        at = int(gdb.Value(at).cast(t)["next"])
        if not at or at == skb:
            return None
        if at not in live:
            return at
    return None


@command("skbs", "[-v]", "Every live skb by who has it; -v: a line each. What nobody is known to have is a leak, or in a CPU's hands.")
def k_skbs(words):
    if words not in ([], ["-v"]):
        raise Problem("usage: k skbs [-v]")
    live, known = live_skbs(), owners()
    groups = {}
    for skb in sorted(live):
        where = known.get(skb)
        if where is None:
            head = held_by_queue(skb, live)
            where = "a list with its head at 0x%x" % head if head else "nobody known"
        groups.setdefault(where, []).append(skb)
    p = type_of("struct sk_buff").pointer()
    for where, skbs in sorted(groups.items(), key=lambda g: -len(g[1])):
        rows = [gdb.Value(s).cast(p) for s in skbs]
        yield "%6d skbs %9d bytes  %s" % (len(rows), sum(int(s["len"]) for s in rows), where)
        for s in rows if words or where == "nobody known" else []:
            yield "       %s len %d truesize %d sk %s" % (hex(int(s)), int(s["len"]), int(s["truesize"]), hex(int(s["sk"])))
    freed = sorted(s for s in known if s not in live)
    yield "%d live, %d of them with nobody known%s" % (
        len(live), len(groups.get("nobody known", [])),
        "; IN A QUEUE BUT FREE: " + " ".join(map(hex, freed)) if freed else "")
