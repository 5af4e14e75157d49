# SPDX-License-Identifier: MIT
"""Invariants: links of lists, counts beside what is counted, accounts beside what they account for."""
from commands import command, machine_cpus, net_cpus, net_devices, walk_list, walk_queue
from device import walk_qdiscs
from memory import slab_caches
from flows import gro_flows, nat_maps, owner, steer
from routes import all_neighbours, frag_queues, neighbour_families, routes6
from skbs import chain
from sockets import (accept_queue, all_connections, http_conns, listeners, seq_diff, tcbs, tcp_cb, tree_skbs,
                     udp_socks)
from stack import balance
from traces import tracked, tracked_ends


class Checks:
    """Counts what was looked at, keeps what is wrong."""

    def __init__(self):
        self.done, self.wrong = 0, []

    def equal(self, what, got, want):
        self.done += 1
        if got != want:
            self.wrong.append("%s: %s, but %s" % (what, got, want))

    def holds(self, what, condition):
        self.equal(what, bool(condition), True)

    def links(self, what, head):
        """A list_head list: each next's prev is where we came from."""
        self.done += 1
        at, n = head, 0
        while n < 100000:
            following = at["next"]
            if not int(following) or int(following["prev"]) != int(at.address):
                self.wrong.append("%s: the links at 0x%x are broken" % (what, int(at.address)))
                return
            if int(following) == int(head.address):
                return
            at, n = following.dereference(), n + 1
        self.wrong.append("%s: it does not end" % what)

    def queue(self, what, head):
        """An sk_buff_head: links and qlen."""
        before, n = int(head.address), 0
        for skb in walk_queue(head):
            if int(skb["prev"]) != before:
                self.wrong.append("%s: the links at skb 0x%x are broken" % (what, int(skb)))
                break
            before, n = int(skb), n + 1
        self.equal(what + ": qlen", int(head["qlen"]), n)


def check_wheel(c, cpu):
    """Timer wheel: bits, levels, slots and the count of what is armed."""
    wheel, armed = cpu["wheel"], 0
    name = "cpu%d wheel" % int(cpu["id"])
    for level in range(wheel["slots"].type.range()[1] + 1):
        bits = 0
        for slot in range(wheel["slots"][level].type.range()[1] + 1):
            head = wheel["slots"][level][slot]
            if int(head["next"]) == int(head.address):
                continue
            bits |= 1 << slot
            c.links("%s level %d slot %d" % (name, level, slot), head)
            for t in walk_list(head, "struct timer", "link"):
                armed += 1
                c.holds("%s: timer 0x%x knows its slot and is armed" % (name, int(t)),
                        t["armed"] and int(t["level"]) == level and int(t["slot"]) == slot)
        c.equal("%s: bits of level %d" % (name, level), int(wheel["occupied"][level]), bits)
        c.equal("%s: bit of level %d" % (name, level), int(wheel["levels"]) >> level & 1, int(bits != 0))
    c.links(name + " lazy ones", wheel["lazy"])
    for t in walk_list(wheel["lazy"], "struct timer", "link"):
        armed += 1
        c.holds("%s: lazy timer 0x%x is armed, and the list due before it is" % (name, int(t)),
                t["armed"] and int(t["level"]) == wheel["slots"].type.range()[1] + 1
                and int(wheel["lazy_ns"]) - 65536 < int(t["expires_ns"]))
    c.equal(name + ": armed", int(wheel["armed"]), armed)


def check_pool(c, cpu):
    pool, name = cpu["skb_pool"], "cpu%d pool" % int(cpu["id"])
    cut = {kind: int(pool["nr_%ss" % kind]) for kind in ("skb", "buf")}
    c.holds(name + ": no more free than there are", int(pool["nr_free_skbs"]) <= cut["skb"] and int(pool["nr_free_bufs"]) <= cut["buf"])
    free = list(chain(pool["free_skbs"]))
    c.equal(name + ": free skbs are different ones", len(set(free)), len(free))


def check_conn_table(c, cpu):
    tcp, name = cpu["tcp"], "cpu%d TCP" % int(cpu["id"])
    kinds = [0, 0, 0]
    for kind, node in all_connections(cpu):
        kinds[kind] += 1
    c.equal(name + ": connections in the table", int(tcp["conns"]["count"]), sum(kinds))
    c.equal(name + ": requests", int(tcp["nr_requests"]), kinds[1])
    c.equal(name + ": in TIME_WAIT", int(tcp["nr_timewait"]), kinds[2])
    c.links(name + ": timewait list", tcp["timewait"])
    for t in listeners(cpu):
        c.equal("%s: accept queue of port %d" % (name, int(t["sk"]["sport"])), int(t["listener"]["accept_len"]),
                sum(1 for _ in accept_queue(t)))


def check_tcb(c, t):
    sk, snd, rcv, name = t["sk"], t["snd"], t["rcv"], "TCB 0x%x" % int(t)
    for queue in "sendq", "rtxq", "rcvq":
        c.queue("%s %s" % (name, queue), t[queue])
    c.links(name + " tsorted", t["tsorted"])
    c.holds(name + ": una <= nxt <= write", seq_diff(snd["nxt"], snd["una"]) >= 0 and seq_diff(snd["write"], snd["nxt"]) >= 0)
    c.holds(name + ": copied <= rcv.nxt", seq_diff(rcv["nxt"], rcv["copied"]) >= 0)
    c.equal(name + ": ofo_segs", int(t["ofo_segs"]), sum(1 for _ in tree_skbs(t["ofo"])))
    sent = [tcp_cb(s) for s in walk_queue(t["rtxq"])]
    for field, bit in ("packets_out", 0), ("sacked_out", 1), ("lost_out", 2), ("retrans_out", 4):
        c.equal("%s: %s" % (name, field), int(t[field]),
                sum(int(cb["segs"]) for cb in sent if not bit or int(cb["sacked"]) & bit))
    held = sum(int(cb["charged"]) for cb in map(tcp_cb, list(walk_queue(t["rcvq"])) + list(tree_skbs(t["ofo"]))))
    c.equal(name + ": rmem_alloc", int(sk["rmem_alloc"]), held)
    check_rate(c, t, sent)
    for before, after in zip(sent, sent[1:]):
        c.equal(name + ": rtxq has no gaps", seq_diff(after["seq"], before["end_seq"]), 0)


def check_neighbours(c, cpu, name):
    for family in neighbour_families(cpu):
        for kind in "wanted", "heard":
            c.links(name + "neighbours " + kind, family[kind])
        heard = sum(1 for _ in walk_list(family["heard"], "struct neigh", "lru"))
        wanted = sum(1 for _ in walk_list(family["wanted"], "struct neigh", "lru"))
        c.equal(name + "neighbours", int(family["nr"]), wanted + heard)
        c.equal(name + "neighbours by their own word", int(family["nr_heard"]), heard)
    c.links(name + "neighbours gone", cpu["neigh"]["gone"])
    c.equal(name + "neighbours gone", int(cpu["neigh"]["nr_gone"]),
            sum(1 for _ in walk_list(cpu["neigh"]["gone"], "struct neigh", "lru")))
    c.equal(name + "neighbours: parked", int(cpu["neigh"]["nr_parked"]),
            sum(int(n["parked"]["qlen"]) for n in all_neighbours(cpu)))


def check_rooms(c, cpu):
    name = "cpu%d " % int(cpu["id"])
    c.queue(name + "backlog", cpu["dev"]["backlog"])
    check_neighbours(c, cpu, name)
    for n in all_neighbours(cpu):
        c.queue("neighbour 0x%x: parked" % int(n), n["parked"])
    queues = list(frag_queues(cpu))
    c.equal(name + "fragments: memory", int(cpu["frags"]["mem"]), sum(int(q["mem"]) for q in queues))
    for q in queues:
        c.queue("fragments 0x%x" % int(q), q["pieces"])
        c.equal("fragments 0x%x: pieces" % int(q), int(q["nr"]), int(q["pieces"]["qlen"]))
    for u in udp_socks(cpu):
        c.queue("UDP port %d" % int(u["sk"]["sport"]), u["rx"])
    if int(cpu["app"]) and int(cpu["app"]["http"]):
        server = cpu["app"]["http"]
        c.equal(name + "HTTP: connections", int(server["nr_conns"]), sum(1 for _ in http_conns(server)))


def check_routes6(c, cpu):
    """IPv6: the order of the routes and the index into it, addresses that are in use."""
    if not int(cpu["ip6"]):
        return
    fib, name = cpu["ip6"]["fib"], "cpu%d IPv6 " % int(cpu["id"])
    lengths = [int(r["plen"]) for r in routes6(cpu)]
    c.equal(name + "routes: longest prefix first", lengths, sorted(lengths, reverse=True))
    c.holds(name + "routes: no more than there is room for", int(fib["nr"]) <= int(fib["cap"]))
    c.equal(name + "routes: the index's end", int(fib["first"][129]), len(lengths))
    for plen in set(lengths):
        c.equal("%sroutes: the index of /%d" % (name, plen), int(fib["first"][128 - plen]), lengths.index(plen))
        c.equal("%sroutes: the bit of /%d" % (name, plen), int(fib["lengths"][(128 - plen) // 64]) >> (128 - plen) % 64 & 1, 1)
    c.holds(name + "addresses: no more than there is room for",
            int(cpu["ip6"]["nr_addrs"]) <= cpu["ip6"]["addrs"].type.range()[1] + 1)


def check_conntrack(c, cpu):
    """Both directions of each connection are in the table; each endpoint's references are connections."""
    if not int(cpu["ct"]):
        return
    name, ends, uses = "cpu%d conntrack: " % int(cpu["id"]), 0, {}
    for end in tracked_ends(cpu):
        ends += 1
        c.holds("%sthe direction of 0x%x" % (name, int(end)), int(end["dir"]) in (0, 1))
    for owner_cpu, ct in tracked():
        if int(owner_cpu["id"]) == int(cpu["id"]):
            c.holds("%s0x%x is confirmed and this CPU's" % (name, int(ct)),
                    ct["confirmed"] and int(ct["cpu"]) == int(cpu.address))
            uses[int(ct["map"])] = uses.get(int(ct["map"]), 0) + 1
    c.equal(name + "directions in the table", ends, 2 * int(cpu["ct"]["count"]))
    fresh = cpu["ct"]["fresh"]
    if int(fresh):
        uses[int(fresh["map"])] = uses.get(int(fresh["map"]), 0) + 1
    for m in nat_maps(cpu):
        c.equal("cpu%d NAT: connections of endpoint 0x%x" % (int(cpu["id"]), int(m)), int(m["refs"]), uses.get(int(m), 0))


def check_gro(c, cpu):
    name, held = "cpu%d GRO: " % int(cpu["id"]), gro_flows(cpu)
    c.holds(name + "no more flows than there is room for", len(held) <= cpu["gro"]["flows"].type.range()[1] + 1)
    c.holds(name + "nothing is held outside of a poll", not held or int(cpu["bh_count"]) or cpu["in_softirq"])
    for f in held:
        c.holds(name + "skb 0x%x holds as much as its segments" % int(f["skb"]),
                int(f["segs"]) >= 1 and int(f["skb"]["nr_frags"]) >= int(f["segs"]) - 1)


def check_steering(c):
    """Slots lead to owners; where no connection was made on a wrong CPU, each is its owner's."""
    s, cpus = steer(), net_cpus()
    slots = [int(s["cpu"][i]) for i in range(s["cpu"].type.range()[1] + 1)]
    c.equal("steering: slots of CPUs that own flows", [n for n in slots if n >= int(s["nr_owners"])], [])
    c.equal("steering: there are several CPUs", bool(s["on"]), len(cpus) > 1)
    if not s["on"] or any(int(cpu["softnet"]["strays"]) for cpu in cpus):
        return
    for cpu in cpus:
        for t in tcbs(cpu):
            sk = t["sk"]
            if sk["dst"]["loopback"]:
                continue  # a connection to ourselves never leaves its CPU
            c.equal("TCB 0x%x: the CPU that owns its flow" % int(t), int(cpu["id"]),
                    owner(sk["saddr"], sk["daddr"], int(sk["sport"]), int(sk["dport"])))


def check_rate(c, t, sent):
    """What each segment noted when it left is not ahead of what was delivered; the pace has a figure."""
    name = "TCB 0x%x: " % int(t)
    c.holds(name + "delivered when segments left <= delivered",
            all((int(t["delivered"]) - int(cb["delivered"])) % (1 << 32) < 1 << 31 for cb in sent if not int(cb["sacked"]) & 1))
    c.holds(name + "delivered with congestion <= delivered", int(t["delivered_ce"]) <= int(t["delivered"]))


def check_qdisc(c, dev):
    seen = {}
    for q, _depth in walk_qdiscs(dev):
        seen[int(q.address)] = q
        c.holds("qdisc 0x%x: %d bytes of %d skbs" % (int(q.address), int(q["backlog_bytes"]), int(q["qlen"])),
                (int(q["qlen"]) == 0) == (int(q["backlog_bytes"]) == 0))
    for q in seen.values():
        if int(q["parent"]):
            c.holds("qdisc 0x%x: its parent is in the tree" % int(q.address), int(q["parent"]) in seen)


def check_machine(c):
    for cpu in machine_cpus():
        fibers, name = cpu["fibers"], "cpu%d fibers" % int(cpu["id"])
        c.links(name, fibers["all"])
        c.links(name + ", ready", fibers["ready"])
        c.equal(name + ": count", int(fibers["count"]), sum(1 for _ in walk_list(fibers["all"], "struct fiber", "all")))
    for cache in slab_caches():
        c.links("slab cache " + cache["name"].string(), cache["partial"])
        c.holds("slab cache %s: no more objects than its slabs hold" % cache["name"].string(),
                int(cache["in_use"]) <= int(cache["slabs"]) * int(cache["per_slab"]))


def busy():
    """CPUs that stand inside the stack: there counts and what they count may differ by what is in hand."""
    return [int(cpu["id"]) for cpu in net_cpus() if cpu["in_softirq"] or int(cpu["bh_count"])]


@command("check", "", "All invariants: lists, counts, queues, accounts, the balance, the timer wheels.\n\n"
         "A CPU that was stopped inside the stack has things in hand: then what is wrong may be right one moment later.")
def k_check(_words):
    c = Checks()
    check_machine(c)
    for cpu in net_cpus():
        check_wheel(c, cpu)
        check_pool(c, cpu)
        check_conn_table(c, cpu)
        for t in tcbs(cpu):
            check_tcb(c, t)
        check_rooms(c, cpu)
        check_routes6(c, cpu)
        check_conntrack(c, cpu)
        check_gro(c, cpu)
    check_steering(c)
    for dev in net_devices():
        check_qdisc(c, dev)
    for name, got, want in balance():
        c.equal(name, got, want)
    yield from c.wrong
    inside = busy()
    yield "%d checks, %d wrong%s" % (c.done, len(c.wrong), "; stopped inside the stack: cpu" + ", cpu".join(map(str, inside))
                                     if inside else "")
