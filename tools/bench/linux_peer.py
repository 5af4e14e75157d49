# SPDX-License-Identifier: MIT
"""The Linux guest of `make bench PEER=linux`, out of Debian's packages: a kernel unpacked so that QEMU boots it by PVH as
it boots barewire, and an initramfs with nginx, the drivers of one NIC and peer.c. Built once, into build/peer/."""
import glob
import gzip
import lzma
import os
import re
import shutil
import stat
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NICS = {"virtio-net": ["virtio_pci", "virtio_net"], "e1000": ["e1000"], "e1000e": ["e1000e"]}
ROUTER_MODULES = ["crc32c_generic", "nf_tables", "nft_chain_nat", "nft_masq"]
# What a newcomer's kernel pays for and a tuned one does not, so that the comparison is with the tuned one.
KERNEL_OPTIONS = ("quiet loglevel=0 panic=-1 mitigations=off nokaslr audit=0 nowatchdog tsc=reliable no_timer_check "
                  "init_on_alloc=0 preempt=none random.trust_cpu=on cryptomgr.notests ipv6.disable=1 net.ifnames=0")


def run(*words, **kw):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **kw).stdout


def read(path):
    with open(path, "rb") as f:
        return f.read()


def fetch_kernel(folder):
    """Downloads Debian's kernel package (nothing is installed) and unpacks it; the folder of its files."""
    tree = os.path.join(folder, "kernel")
    if not os.path.isdir(tree):
        name = re.search(r"Depends: (linux-image-\S+)", run("apt-cache", "depends", "linux-image-amd64")).group(1)
        run("apt-get", "download", name, cwd=folder)
        run("dpkg-deb", "-x", glob.glob(os.path.join(folder, name + "_*.deb"))[0], tree)
    return tree


def unpack_bzimage(data):
    """The ELF file inside a bzImage. The kernel's boot protocol, version 2.08: setup_sects at 0x1f1, payload_offset and
    payload_length at 0x248, the former counted from the end of the setup sectors."""
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = ((data[0x1f1] or 4) + 1) * 512 + offset
    payload = data[start:start + length]
    if payload[:2] == b"\x1f\x8b":
        return gzip.decompress(payload)
    if payload[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(payload)  # the size stands behind the stream
    sys.exit("linux_peer: this kernel is packed in a way that is not known here")


class Archive:
    """A newc cpio archive, as the kernel unpacks it: 13 fields of 8 hexadecimal digits, name, contents, padded to 4."""

    def __init__(self):
        self.out, self.folders, self.inode = bytearray(), {""}, 0
        self.libraries = set()  # and modules: files that several need

    def entry(self, name, mode, data=b"", device=(0, 0)):
        parent = os.path.dirname(name)
        if parent not in self.folders:
            self.folders.add(parent)
            self.entry(parent, stat.S_IFDIR | 0o755)
        self.inode += 1
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
        self.out += ("070701" + "".join("%08x" % f for f in fields) + name).encode() + b"\0"
        self.out += bytes(-len(self.out) % 4) + data
        self.out += bytes(-len(self.out) % 4)

    def file(self, name, data, mode=0o644):
        self.entry(name.lstrip("/"), stat.S_IFREG | mode, data)

    def finish(self, path):
        self.entry("TRAILER!!!", 0)
        with open(path, "wb") as f:
            f.write(self.out)


def module_files(tree, name, found):
    """Adds the module's file and, before it, those that its .modinfo says it depends on."""
    path = glob.glob("%s/lib/modules/*/kernel/**/%s.ko*" % (tree, name), recursive=True)[0]
    data = lzma.decompress(read(path)) if path.endswith(".xz") else read(path)
    for other in re.search(rb"\0depends=([^\0]*)\0", data).group(1).decode().split(","):
        if other:
            module_files(tree, other, found)
    found.setdefault("/modules/%s.ko" % name, data)


def build(folder, sites, rules):
    """Makes vmlinux, and an initramfs for each of `sites` (name -> folder with the files of nginx's root), in `folder`; one
    more, "router", has nft and these rules. The kernel's path, and name -> path of the initramfs."""
    os.makedirs(folder, exist_ok=True)
    kernel = os.path.join(folder, "vmlinux")
    tree = fetch_kernel(folder)
    if not os.path.exists(kernel):
        with open(kernel + ".new", "wb") as f:
            f.write(unpack_bzimage(read(glob.glob(tree + "/boot/vmlinuz-*")[0])))
        os.rename(kernel + ".new", kernel)
    run("gcc", "-O2", "-static", "-pthread", "-s", "-o", folder + "/peer", HERE + "/peer/peer.c")
    made = {}
    for name, site in sites.items():
        made[name] = os.path.join(folder, "initramfs-" + name)
        pack(made[name], tree, folder + "/peer", site)
    made["router"] = os.path.join(folder, "initramfs-router")
    pack(made["router"], tree, folder + "/peer", sites["small"], rules)
    return kernel, made


def add_program(a, path, name):
    a.file(name, read(path), 0o755)
    for library in re.findall(r"(/\S+) \(0x", run("ldd", path)):
        if library not in a.libraries:
            a.libraries.add(library)
            a.file(library, read(library), 0o755)


def add_modules(a, tree, name, modules):
    found = {}
    for module in modules:
        module_files(tree, module, found)
    for file, data in found.items():
        if file not in a.libraries:
            a.libraries.add(file)
            a.file(file, data)
    a.file("modules/" + name, "\n".join(found).encode())


def pack(path, tree, peer, site, rules=None):
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    a = Archive()
    for name in ("dev", "proc", "sys", "run", "var/log/nginx", "var/lib/nginx", "usr/share/nginx"):
        a.file(name + "/.here", b"")
    a.entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    a.entry("dev/null", stat.S_IFCHR | 0o666, device=(1, 3))
    a.file("init", read(peer), 0o755)
    add_program(a, nginx, "bin/nginx")
    a.file("etc/passwd", b"root:x:0:0::/:\nnobody:x:65534:65534::/:\n")
    a.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    a.file("etc/nginx/nginx.conf", read(HERE + "/peer/nginx.conf"))
    for name in os.listdir(site):
        a.file("www/" + name, read(os.path.join(site, name)))
    for nic, modules in NICS.items():
        add_modules(a, tree, nic, modules)
    if rules:
        add_modules(a, tree, "router", ROUTER_MODULES)
        add_program(a, shutil.which("nft", path="/usr/sbin:/usr/bin"), "bin/nft")
        a.file("etc/nftables.conf", (rules + "\n").encode())
    a.finish(path)


def command(kernel, initramfs, nic, cpus, mem, netdevs, mac):
    """QEMU's command line for the peer with a card per netdev, which makes it a router when they are two; -cpu without
    ERMS, since rep movsb costs TCG one instruction per byte."""
    device = {"virtio-net": "virtio-net-pci", "e1000": "e1000", "e1000e": "e1000e"}[nic]
    words = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "max,-erms,-fsrm",
            "-m", str(mem), "-smp", "1,maxcpus=2" if cpus == 1 else str(cpus), "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", kernel, "-initrd", initramfs,
            "-append", "%s console=ttyS0 peer.nic=%s peer.cards=%d" % (KERNEL_OPTIONS, nic, len(netdevs))]
    for n, netdev in enumerate(netdevs):
        words += ["-netdev", "%s,id=n%d" % (netdev, n),
                  "-device", "%s,netdev=n%d,romfile=,mac=%s%02x" % (device, n, mac[:-2], int(mac[-2:], 16) + n)]
    return words
