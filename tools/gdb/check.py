# SPDX-License-Identifier: MIT
"""Invariants: links of lists, counts beside what is counted, accounts beside what they account for."""
from commands import command, machine_cpus, net_cpus, net_devices, walk_list, walk_queue
from device import walk_qdiscs
from memory import slab_caches
from routes import all_neighbours, frag_queues
from skbs import chain
from sockets import (accept_queue, all_connections, http_conns, listeners, seq_diff, tcbs, tcp_cb, tree_skbs,
                     udp_socks)
from stack import balance


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
    for before, after in zip(sent, sent[1:]):
        c.equal(name + ": rtxq has no gaps", seq_diff(after["seq"], before["end_seq"]), 0)


def check_rooms(c, cpu):
    name = "cpu%d " % int(cpu["id"])
    c.queue(name + "backlog", cpu["dev"]["backlog"])
    c.links(name + "neighbours", cpu["neigh"]["lru"])
    c.equal(name + "neighbours", int(cpu["neigh"]["nr"]), sum(1 for _ in all_neighbours(cpu)))
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
    for dev in net_devices():
        check_qdisc(c, dev)
    for name, got, want in balance():
        c.equal(name, got, want)
    yield from c.wrong
    inside = busy()
    yield "%d checks, %d wrong%s" % (c.done, len(c.wrong), "; stopped inside the stack: cpu" + ", cpu".join(map(str, inside))
                                     if inside else "")
