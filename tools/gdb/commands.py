# SPDX-License-Identifier: MIT
"""How a `k` command is made, and how guest memory is read: shared by the topics."""
import ipaddress
import re

import gdb

DIRECT_MAP_BASE = 0xffff800000000000
WALK_LIMIT = 100000  # nodes of one list: a broken list does not hang the debugger
_commands = {}


class Problem(Exception):
    """Something the user can mend, or that memory does not have; its text is all that is printed."""


def command(name, usage, text):
    """Makes `k NAME`. The function gets the words after it and yields lines."""
    def keep(fn):
        _commands[name] = (usage, text)

        class Command(gdb.Command):
            def __init__(self):
                super().__init__("k " + name, gdb.COMMAND_DATA)

            def invoke(self, argument, _from_tty):
                say(fn, gdb.string_to_argv(argument))

        Command.__doc__ = "%s\n\nUsage: k %s %s" % (text, name, usage)
        Command()
        return fn
    return keep


def say(fn, words):
    """Prints the lines; what cannot be read ends them with one line that says so."""
    said = False
    try:
        for line in fn(words):
            gdb.write(line + "\n")
            said = True
        if not said:
            gdb.write("(none)\n")
    except Problem as e:
        gdb.write("%s\n" % e)
    except (gdb.MemoryError, gdb.error) as e:
        gdb.write("(memory ends here: %s)\n" % e)


class Prefix(gdb.Command):
    """barewire's own commands: `k help` lists them."""

    def __init__(self):
        super().__init__("k", gdb.COMMAND_DATA, prefix=True)

    def invoke(self, argument, _from_tty):
        gdb.write("No such command: k %s\n" % argument if argument else "")
        say(help_lines, [])


def help_lines(_words):
    for name in sorted(_commands):
        usage, text = _commands[name]
        yield "k %-22s %s" % ((name + " " + usage).strip(), text.split("\n")[0])


Prefix()  # before the first command is made


def finish():
    command("help", "", "These lines.")(help_lines)


# ---------------------------------------------------------------- reading
def symbol(name):
    """The value of a global, or of a variable of some file; a Problem where the image has none."""
    found = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if found is None:
        raise Problem("this image has no '%s'" % name)
    return found.value()


def type_of(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        raise Problem("this image has no type '%s'" % name) from None


def has_field(value, name):
    return any(f.name == name for f in value.type.strip_typedefs().fields())


def text(pointer, otherwise="-"):
    """A C string, at most 200 bytes of it."""
    return pointer.string("latin-1")[:200] if int(pointer) else otherwise


def array_text(value):
    """The text in a char array."""
    out = ""
    for i in range(value.type.range()[1] + 1):
        if not int(value[i]):
            break
        out += chr(int(value[i]) & 0xff)
    return out


def container(pointer, type_name, member):
    """The struct whose `member` the pointer points at."""
    t = type_of(type_name)
    offset = next(f.bitpos for f in t.fields() if f.name == member) // 8
    return gdb.Value(int(pointer) - offset).cast(t.pointer())


def walk_list(head, type_name, member):
    """Elements of a list_head list."""
    first = int(head.address)
    node = head["next"]
    for _ in range(WALK_LIMIT):
        if int(node) in (0, first):
            return
        yield container(node, type_name, member)
        node = node["next"]


def walk_chain(head, type_name, member):
    """Elements of an hlist chain."""
    node = head["first"]
    for _ in range(WALK_LIMIT):
        if not int(node):
            return
        yield container(node, type_name, member)
        node = node["next"]


def walk_queue(head):
    """skbs of an sk_buff_head."""
    skb = head["next"]
    for _ in range(WALK_LIMIT):
        if int(skb) in (0, int(head.address)):
            return
        yield skb
        skb = skb["next"]


def walk_tree(root, type_name, member):
    """Elements of a red-black tree in order."""
    node, above = root["node"], []
    for _ in range(WALK_LIMIT):
        while int(node):
            above.append(node)
            node = node["left"]
        if not above:
            return
        node = above.pop()
        yield container(node, type_name, member)
        node = node["right"]


def memory(address, length):
    return bytes(gdb.selected_inferior().read_memory(int(address), length))


def enum_names(type_name, prefix):
    """value -> name without its prefix, of an enum that an X-macro made."""
    return {f.enumval: f.name[len(prefix):] for f in type_of(type_name).fields() if f.name.startswith(prefix)}


def drop_where(place):
    """function:line that gave a drop reason; "" where the frame does not say (net/core/drop.h)."""
    start, end = int(gdb.parse_and_eval("(unsigned long)&__start_drop_sites")), int(gdb.parse_and_eval("(unsigned long)&__stop_drop_sites"))
    site = type_of("struct drop_site")
    for at in range(start, end, site.sizeof) if place else ():
        s = gdb.Value(at).cast(site.pointer())
        if int(s["place"]) == place:
            return "%s:%d" % (s["func"].string(), place & 0xfff)
    return "?:%d" % (place & 0xfff) if place else ""


def flags(value, names):
    """The names whose bits are set; what no name has, in hexadecimal."""
    out = [n for bit, n in names.items() if value & bit]
    rest = value & ~sum(names)
    return ",".join(out + ([hex(rest)] if rest else [])) or "-"


def number(word):
    """A number or an expression of gdb's."""
    try:
        return int(gdb.parse_and_eval(word))
    except gdb.error as e:
        raise Problem("'%s': %s" % (word, e)) from None


def where(address):
    """symbol+offset of an address."""
    block = gdb.execute("info symbol 0x%x" % address, to_string=True)
    m = re.match(r"(\S+)(?: \+ (\d+))? in section", block)
    return ("%s+%s" % (m.group(1), m.group(2) or 0)) if m else "0x%x" % address


# ---------------------------------------------------------------- the stack's roots
def machine_cpus():
    """Every struct cpu that runs."""
    cpus = symbol("cpus")
    return [cpus[i] for i in range(max(1, int(symbol("nr_cpus"))))]


def net_cpus():
    """Every struct net_cpu; a Problem while the stack is not made yet."""
    net = next((c["net"]["net"] for c in machine_cpus() if int(c["net"])), None)
    if net is None:
        raise Problem("the stack is not made yet (net_create)")
    return [net["cpus"][i].dereference() for i in range(int(net["nr_cpus"]))]


def net_devices():
    net = net_cpus()[0]["net"]
    return [net["devs"][i].dereference() for i in range(int(net["nr_devs"])) if int(net["devs"][i])]


def device_named(name):
    for dev in net_devices():
        if array_text(dev["name"]) == name:
            return dev
    raise Problem("no device '%s'; there are: %s" % (name, ", ".join(array_text(d["name"]) for d in net_devices())))


def v4_text(addr):
    """be32 as a dotted quad."""
    return ".".join(str(b) for b in int(addr["raw"]).to_bytes(4, "little"))


def ip_text(addr):
    """struct ip_addr as text; IPv4 is v4-mapped."""
    b = [int(addr["b"][i]) for i in range(16)]
    if b[:12] == [0] * 10 + [0xff, 0xff]:
        return ".".join(map(str, b[12:]))
    return ipaddress.IPv6Address(bytes(b)).compressed
