# SPDX-License-Identifier: MIT
"""Sockets and connections: ss, listeners, one TCB with its queues, the HTTP server's connections."""
import gdb

from commands import (Problem, command, container, enum_names, ip_text, net_cpus, number, text, type_of, walk_chain,
                      walk_list, walk_queue, walk_tree)

# A TCP sock's state as ss prints it.
STATES = {1: "ESTAB", 2: "SYN-SENT", 3: "SYN-RECV", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT", 7: "UNCONN",
          8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING"}
LISTEN = 10
CA_STATES = ["Open", "Disorder", "CWR", "Recovery", "Loss"]
SEGMENT_FLAGS = {1: "FIN", 8: "PSH", 32: "URG"}
GRANULE_NS = 1 << 16


# ---------------------------------------------------------------- walking
def all_connections(cpu):
    """(kind, node) of the connection table of one CPU; kinds as in enum conn_kind."""
    table = cpu["tcp"]["conns"]
    for chains, mask in ((table["chains"], table["mask"]), (table["old"], table["old_mask"])):
        for i in range(int(mask) + 1 if int(chains) else 0):
            for node in walk_chain(chains[i], "struct conn_node", "link"):
                yield int(node["kind"]), node


def small_kind(kind, node):
    return container(node, "struct tcp_request" if kind == 1 else "struct tcp_timewait", "node")


def listeners(cpu):
    """TCBs in LISTEN."""
    bound = cpu["tcp"]["bound"]
    for i in range(bound.type.range()[1] + 1):
        for sk in walk_chain(bound[i], "struct sock", "hash"):
            if int(sk["state"]) == LISTEN:
                yield tcb_of(sk)


def tcb_of(sk):
    return sk.cast(type_of("struct tcb").pointer())


def accept_queue(listener):
    """Children that wait for accept()."""
    child = listener["listener"]["accept_head"]
    while int(child):
        yield child
        child = child["accept_next"]


def tcbs(cpu):
    """Every TCB of a CPU's table; listeners are not in it."""
    for kind, node in all_connections(cpu):
        if kind == 0:
            yield container(node, "struct tcb", "node")


def udp_socks(cpu):
    buckets = cpu["udp"]["buckets"]
    for i in range(buckets.type.range()[1] + 1):
        for sk in walk_chain(buckets[i], "struct sock", "hash"):
            yield sk.cast(type_of("struct udp_sock").pointer())


def tcp_cb(skb):
    return skb["cb"].address.cast(type_of("struct tcp_skb_cb").pointer())


def tree_skbs(root):
    """skbs of the out-of-order queue (or the tree of what is in flight), in order."""
    for cb in walk_tree(root, "struct tcp_skb_cb", "rb"):
        yield container(cb, "struct sk_buff", "cb")


def seq_diff(a, b):
    d = (int(a["v"]) - int(b["v"])) & 0xffffffff
    return d - (1 << 32) if d >> 31 else d


# ---------------------------------------------------------------- ss
def endpoint(addr, port):
    address = ip_text(addr)
    if address in ("::", "0.0.0.0"):
        address = "*"
    return "%s:%s" % ("[%s]" % address if ":" in address else address, int(port) or "*")


def row(netid, state, receive, send, laddr, lport, raddr, rport):
    return "%-5s %-10s %-6d %-6d %24s %24s" % (netid, state, receive, send, endpoint(laddr, lport), endpoint(raddr, rport))


def tcp_detail(t):
    """What ss -ti prints of a connection."""
    names = {"rto_us": "rto", "cwnd": "cwnd", "ssthresh": "ssthresh", "packets_out": "unacked", "sacked_out": "sacked",
             "lost_out": "lost", "retrans_out": "retrans", "ofo_segs": "ofo", "bytes_acked": "bytes_acked",
             "bytes_received": "bytes_received", "segs_in": "segs_in", "segs_out": "segs_out"}
    return "%s %s rtt:%.3f/%.3f mss:%d " % (text(t["ca"]["name"]), CA_STATES[int(t["ca_state"])], int(t["srtt_us"]) / 8000,
                                             int(t["rttvar_us"]) / 4000, int(t["mss"])) + \
        " ".join("%s:%d" % (name, int(t[field])) for field, name in names.items())


def tcp_row(t):
    sk = t["sk"]
    return row("tcp", STATES.get(int(sk["state"]), "?"), seq_diff(t["rcv"]["nxt"], t["rcv"]["copied"]),
               seq_diff(t["snd"]["write"], t["snd"]["una"]), sk["saddr"], sk["sport"], sk["daddr"], sk["dport"])


def listener_row(t):
    sk, queue = t["sk"], t["listener"]
    return row("tcp", "LISTEN", int(queue["accept_len"]), int(queue["backlog"]), sk["saddr"], sk["sport"], sk["daddr"], 0)


def tcp_rows(cpu, info):
    for t in listeners(cpu):
        yield listener_row(t)
    for kind, node in all_connections(cpu):
        if kind == 0:
            t = container(node, "struct tcb", "node")
            yield tcp_row(t) + "  %s" % hex(int(t))
            if info:
                yield "    " + tcp_detail(t)
        else:
            small = small_kind(kind, node)
            yield row("tcp", "SYN-RECV" if kind == 1 else "TIME-WAIT", 0, 0, small["laddr"], node["lport"], small["raddr"],
                      node["rport"])


@command("ss", "[-tuni]", "Sockets of every CPU as the console's ss -a prints them, then the TCB's address; -i: round trips too.")
def k_ss(words):
    letters = "".join(w[1:] for w in words if w.startswith("-"))
    if any(not w.startswith("-") for w in words) or set(letters) - set("tunai"):
        raise Problem("usage: k ss [-tuni]")
    yield "%-5s %-10s %-6s %-6s %24s %24s" % ("Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port")
    for cpu in net_cpus():
        if "t" in letters or "u" not in letters:
            yield from tcp_rows(cpu, "i" in letters)
        if "u" in letters or "t" not in letters:
            for u in udp_socks(cpu):
                sk = u["sk"]
                yield row("udp", "ESTAB" if int(sk["dport"]) else "UNCONN", int(sk["rmem_alloc"]), int(sk["wmem_alloc"]),
                          sk["saddr"], sk["sport"], sk["daddr"], sk["dport"])


@command("listeners", "", "Listening TCP sockets: accept queue and backlog, SYN queue, cookies, and the children that wait.")
def k_listeners(_words):
    for cpu in net_cpus():
        for t in listeners(cpu):
            queue = t["listener"]
            yield "cpu%d %s %s: accept queue %d of %d, SYN queue %d%s" % (
                int(cpu["id"]), endpoint(t["sk"]["saddr"], t["sk"]["sport"]), hex(int(t)), int(queue["accept_len"]),
                int(queue["backlog"]), int(queue["nr_requests"]),
                ", last cookie at %d s" % int(queue["cookie_s"]) if int(queue["cookie_s"]) else "")
            for child in accept_queue(t):
                yield "    " + tcp_row(child)


# ---------------------------------------------------------------- one connection
def queue_lines(name, skbs, base, now):
    """A line per skb: sequence numbers relative to the connection's first."""
    for skb in skbs:
        cb = tcp_cb(skb)
        marks = [m for bit, m in ((1, "SACKED"), (2, "LOST"), (4, "RETRANS"), (8, "EVER_RETRANS")) if int(cb["sacked"]) & bit]
        flags = [m for bit, m in SEGMENT_FLAGS.items() if int(cb["flags"]) & bit]
        sent = int(cb["tx_ns"]) if name == "rtxq" else 0
        yield "  %-6s %s seq %d..%d (%d bytes, %d segments)%s%s%s" % (
            name, hex(int(skb)), seq_diff(cb["seq"], base), seq_diff(cb["end_seq"], base), int(skb["len"]), int(cb["segs"]),
            " " + ",".join(flags) if flags else "", " " + ",".join(marks) if marks else "",
            " sent %.3f ms ago" % ((now - sent) / 1e6) if sent else "")


def timer_lines(t, now):
    names = {v: n for v, n in enum_names("enum tcp_timer", "TCPT_").items() if not n.startswith("NR_")}
    for i, name in names.items():
        at = int(t["deadline"][i])
        if at:
            left = ((at - now // GRANULE_NS + (1 << 31)) & 0xffffffff) - (1 << 31)
            yield "%s in %.1f ms" % (name, left * GRANULE_NS / 1e6)


@command("tcb", "POINTER", "One TCB: both windows, timers, and maps of its queues; numbers are relative to the first of each side.\n\n"
         "POINTER is an expression: k tcb $sk(80), k tcb t")
def k_tcb(words):
    if not words:
        raise Problem("usage: k tcb POINTER")
    t = gdb.Value(number(" ".join(words))).cast(type_of("struct tcb").pointer())
    if not int(t):
        raise Problem("there is no such TCB")
    sk, snd, rcv, now = t["sk"], t["snd"], t["rcv"], int(t["sk"]["cpu"]["now_ns"])
    if int(sk["state"]) == LISTEN:
        yield listener_row(t)
        return
    yield tcp_row(t)
    yield "  " + tcp_detail(t)
    yield "  snd: una %d nxt %d write %d, window %d << %d, iss %u" % (
        *(seq_diff(snd[f], snd["iss"]) for f in ("una", "nxt", "write")), int(snd["wnd"]), int(snd["wscale"]),
        int(snd["iss"]["v"]))
    yield "  rcv: copied %d nxt %d, window %d << %d, irs %u" % (
        *(seq_diff(rcv[f], rcv["irs"]) for f in ("copied", "nxt")), int(rcv["wnd"]), int(rcv["wscale"]), int(rcv["irs"]["v"]))
    yield "  memory: receive %d of %d, send %d of %d; timers: %s" % (
        *(int(sk[f]) for f in ("rmem_alloc", "rcvbuf", "wmem_alloc", "sndbuf")), ", ".join(timer_lines(t, now)) or "none")
    yield from queue_lines("sendq", walk_queue(t["sendq"]), snd["iss"], now)
    yield from queue_lines("rtxq", walk_queue(t["rtxq"]), snd["iss"], now)
    yield from queue_lines("rcvq", walk_queue(t["rcvq"]), rcv["irs"], now)
    yield from queue_lines("ofo", tree_skbs(t["ofo"]), rcv["irs"], now)


# ---------------------------------------------------------------- HTTP
def http_conns(server):
    """(state, connection) of one server, in the order of its lists."""
    lists = server["state"]
    for i in range(lists.type.range()[1] + 1):
        for c in walk_list(lists[i], "struct http_conn", "list"):
            yield i, c


@command("http", "", "HTTP servers: what they counted, and every connection: state, since when, what waits to leave.")
def k_http(_words):
    names = {v: n for v, n in enum_names("enum http_state", "CONN_").items()}
    for cpu in net_cpus():
        if not int(cpu["app"]) or not int(cpu["app"]["http"]):
            continue
        server, now = cpu["app"]["http"], int(cpu["now_ns"])
        stats = server["stats"]
        counted = ", ".join("%s %d" % (f.name, int(stats[f.name])) for f in stats.type.fields() if int(stats[f.name]))
        yield "cpu%d port %d: %d connections; %s" % (int(cpu["id"]), int(server["port"]), int(server["nr_conns"]), counted)
        for state, c in http_conns(server):
            out = c["out"]
            yield "  %s fd %d %s:%d %-6s for %.3f s, %d requests%s%s" % (
                hex(int(c)), int(c["fd"]), ip_text(c["addr"]["addr"]) if int(c["addr"]) else "?", int(c["peer_port"]),
                names.get(state, "?"), max(0, now - int(c["since_ns"])) / 1e9, int(c["requests"]),
                ", holds skb %s" % hex(int(c["in"])) if int(c["in"]) else "",
                ", waiting to leave: %d" % (int(out["len"]) - int(out["off"]) + int(out["mem_left"]))
                if int(out["len"]) or int(out["mem_left"]) else "")
