# SPDX-License-Identifier: MIT
"""Stops: where a frame is dropped, where a connection's segment comes in, where a TCB changes its state, where a field changes.

They are hardware breakpoints with conditions that gdb evaluates, so the image is not changed. A core has none."""
import gdb

from commands import Problem, command, enum_names, number, type_of


def stop_at(function, condition):
    b = gdb.Breakpoint(function, gdb.BP_HARDWARE_BREAKPOINT)
    b.condition = condition
    return "breakpoint %d in %s if %s" % (b.number, function, condition)


def value_named(word, type_name, prefix):
    names = {n.lower(): v for v, n in enum_names(type_name, prefix).items()}
    value = names.get(word.lower().replace("-", "_"))
    if value is None:
        raise Problem("'%s' is none of %s" % (word, " ".join(n.upper() for n in names)))
    return value


@command("break-drop", "[REASON]", "Stops where a frame dies with this reason (k drops names them; without: any); `up` shows who said so.")
def k_break_drop(words):
    reason = value_named(words[0], "enum drop_reason", "DROP_") if words else None
    yield stop_at("kfree_skb_reason", "reason > 0 && (reason & 255) == %d" % reason if words else "reason != 0")


@command("break-conn", "PORT", "Stops when a TCP segment for a connection with this port, local or remote, comes in.")
def k_break_conn(words):
    if len(words) != 1:
        raise Problem("usage: k break-conn PORT")
    port = number(words[0])
    yield stop_at("tcp_rcv", "$tcp_ports(skb, %d)" % port)


@command("break-state", "FROM TO", "Stops when a TCB goes from one state to another; - means any: k break-state - TIME_WAIT")
def k_break_state(words):
    if len(words) != 2:
        raise Problem("usage: k break-state FROM TO, with names as ESTABLISHED, or - for any")
    states = [None if w == "-" else value_named(w, "enum tcp_state", "TCP_") for w in words]
    parts = [text % s for text, s in (("t->sk.state == %d", states[0]), ("state == %d", states[1])) if s is not None]
    yield stop_at("tcp_set_state", " && ".join(parts) or "1")


@command("watch-tcb", "POINTER FIELD", "Stops when a field of a TCB changes: k watch-tcb $sk(80) snd.wnd")
def k_watch_tcb(words):
    if len(words) < 2:
        raise Problem("usage: k watch-tcb POINTER FIELD")
    t = gdb.Value(number(" ".join(words[:-1]))).cast(type_of("struct tcb").pointer())
    if not int(t):
        raise Problem("there is no such TCB")
    expression = "((struct tcb *)0x%x)->%s" % (int(t), words[-1])
    field = gdb.parse_and_eval("&" + expression)
    b = gdb.Breakpoint("*(%s *)0x%x" % (field.type.target(), int(field)), gdb.BP_WATCHPOINT, gdb.WP_WRITE)
    yield "watchpoint %d on %s" % (b.number, expression)
