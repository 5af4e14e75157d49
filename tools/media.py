# SPDX-License-Identifier: MIT
"""media.py - what barewire boots from: the site archive, the GRUB ISO, the disk with an EFI system partition.

Used by tools/run for one run and by tools/image for the files that `make image` leaves. Standard library only;
GRUB's and mtools' programs make the file systems. Errors that a user can mend are raised as MediaError.
"""
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import uuid
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GRUB_CFG = os.path.join(ROOT, "boot/grub/grub.cfg")
GRUB_BIOS = "/usr/lib/grub/i386-pc"
SECTOR = 512
MIB = 1 << 20


class MediaError(Exception):
    pass


def tool(name, package):
    """Path of a program, or a MediaError that names its Debian package."""
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise MediaError(f"{name} is missing: install it (Debian: apt-get install {package})")


def run_tool(*cmd):
    done = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if done.returncode:
        raise MediaError(f"{os.path.basename(cmd[0])} failed:\n{done.stdout.decode(errors='replace').rstrip()}")


# ---------------------------------------------------------------- the site archive
def site_files(folder):
    """Sorted (name in the archive, path) of each regular file below folder; links to files are followed."""
    found = []
    for top, folders, files in os.walk(folder):
        folders.sort()
        for name in files:
            path = os.path.join(top, name)
            if os.path.isfile(path):
                found.append((os.path.relpath(path, folder), path))
    return sorted(found)


def pack_site(folder, out):
    """Packs a folder to a ustar archive: the same files give the same bytes, whoever packs them."""
    if not os.path.isdir(folder):
        raise MediaError(f"SITE={folder}: not a directory")
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, path in site_files(folder):
            try:
                with open(path, "rb") as f:
                    stat = os.fstat(f.fileno())
                    info = tarfile.TarInfo(name)
                    info.size, info.mtime, info.mode = stat.st_size, int(stat.st_mtime), 0o644
                    tar.addfile(info, f)
            except (OSError, ValueError) as e:
                raise MediaError(f"SITE={folder}: {name}: {e}") from e
    return os.path.getsize(out)


# ---------------------------------------------------------------- GRUB
def grub_quote(cmdline):
    """Each word in single quotes, so that GRUB's shell changes nothing in it."""
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in cmdline.split())


def boot_tree(folder, elf, site, cmdline):
    """The files of a boot volume, where GRUB and the EFI loader look for them."""
    os.makedirs(os.path.join(folder, "boot/grub"))
    shutil.copy(elf, os.path.join(folder, "barewire.elf"))
    if site:
        shutil.copy(site, os.path.join(folder, "site.tar"))
    with open(os.path.join(folder, "cmdline.txt"), "w", encoding="utf-8") as f:
        f.write(cmdline + "\n")
    with open(GRUB_CFG, encoding="utf-8") as f:
        text = "".join(line for line in f if not line.startswith("#"))
    text = text.replace("@CMDLINE@", grub_quote(cmdline))
    text = text.replace("@SITE@", "module2 /site.tar site.tar" if site else "")
    with open(os.path.join(folder, "boot/grub/grub.cfg"), "w", encoding="utf-8") as f:
        f.write(text)


def make_iso(out, elf, site, cmdline):
    """An ISO that boots from BIOS and UEFI, from a CD or written to a USB stick."""
    mkrescue = tool("grub-mkrescue", "grub-common")
    tool("xorriso", "xorriso")
    tool("mformat", "mtools")
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(out))) as tree:
        boot_tree(tree, elf, site, cmdline)
        run_tool(mkrescue, "--locales=", "--fonts=", "--themes=", "-o", out, tree)


# ---------------------------------------------------------------- the disk
def make_fat(out, size, tree):
    """A FAT volume of `size` bytes with the files of the folder `tree`."""
    mformat, mcopy = tool("mformat", "mtools"), tool("mcopy", "mtools")
    with open(out, "wb") as f:
        f.truncate(size)
    run_tool(mformat, "-i", out, "-v", "BAREWIRE", "-N", "62775265", "::")
    run_tool(mcopy, "-i", out, "-s", "-m", *(os.path.join(tree, name) for name in sorted(os.listdir(tree))), "::/")


ESP_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
BIOS_BOOT_TYPE = uuid.UUID("21686148-6449-6e6f-744e-656564454649")


def gpt_tables(sectors, parts):
    """Primary and backup GPT (UEFI 2.10, 5.3) for parts [(type, first, last, name)], as {sector: bytes}."""
    entries = b""
    for i, (kind, first, last, name) in enumerate(parts):
        own = uuid.uuid5(uuid.NAMESPACE_DNS, f"barewire.{i}")
        entries += struct.pack("<16s16sQQQ72s", kind.bytes_le, own.bytes_le, first, last, 0, name.encode("utf-16le"))
    entries = entries.ljust(128 * 128, b"\0")
    disk = uuid.uuid5(uuid.NAMESPACE_DNS, "barewire")

    def header(here, other, table):
        def pack(crc):
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, here, other, 34,
                               sectors - 34, disk.bytes_le, table, 128, 128, zlib.crc32(entries))
        return pack(zlib.crc32(pack(0)))

    last = sectors - 1
    return {1: header(1, last, 2), 2: entries, last - 32: entries, last: header(last, 1, last - 32)}


def grub_bios_images(folder):
    """GRUB's boot sector and core image for a BIOS disk whose ESP is GPT partition 2."""
    core = os.path.join(folder, "core.img")
    run_tool(tool("grub-mkimage", "grub-common"), "-O", "i386-pc", "-o", core, "-p", "(hd0,gpt2)/boot/grub",
             "biosdisk", "part_gpt", "fat", "normal", "multiboot2", "serial", "all_video", "vbe", "terminal")
    with open(os.path.join(GRUB_BIOS, "boot.img"), "rb") as f:
        boot = bytearray(f.read(SECTOR))
    with open(core, "rb") as f:
        return boot, bytearray(f.read())


def copy_sparse(path, out, at):
    """Copies a file into an open one at offset `at`, leaving holes where it has only zeros."""
    with open(path, "rb") as src:
        while chunk := src.read(MIB // 4):
            if chunk.strip(b"\0"):
                out.seek(at)
                out.write(chunk)
            at += len(chunk)


def make_disk(out, loader, elf, site, cmdline, bios=True):
    """A GPT disk. Partition 1 holds GRUB's core when it shall boot from BIOS too; 2 is the EFI system partition."""
    payload = os.path.getsize(elf) + os.path.getsize(loader) + (os.path.getsize(site) if site else 0)
    fat_size = max(40 * MIB, (payload + payload // 8 + 8 * MIB) // MIB * MIB)
    core_at, fat_at = 1 * MIB // SECTOR, 2 * MIB // SECTOR
    fat_sectors = fat_size // SECTOR
    sectors = fat_at + fat_sectors + MIB // SECTOR
    parts = [(BIOS_BOOT_TYPE, core_at, fat_at - 1, "GRUB for BIOS"),
             (ESP_TYPE, fat_at, fat_at + fat_sectors - 1, "EFI system")]
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(out))) as work:
        tree = os.path.join(work, "tree")
        fat = os.path.join(work, "fat.img")
        boot_tree(tree, elf, site, cmdline)
        os.makedirs(os.path.join(tree, "EFI/BOOT"))
        shutil.copy(loader, os.path.join(tree, "EFI/BOOT/BOOTX64.EFI"))
        if bios:
            boot, core = grub_bios_images(work)
            # Where the boot sector finds the core, and the core its own rest (GRUB's boot.h and diskboot.h).
            struct.pack_into("<Q", boot, 0x5c, core_at)
            struct.pack_into("<QHH", core, SECTOR - 12, core_at + 1, -(-len(core) // SECTOR) - 1, 0x820)
        else:
            boot, core = bytearray(SECTOR), b""
        make_fat(fat, fat_size, tree)
        # Protective MBR (UEFI 2.10, 5.2.3) around GRUB's code.
        boot[446:510] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xee, b"\xff\xff\xff", 1, sectors - 1).ljust(64, b"\0")
        boot[510:512] = b"\x55\xaa"
        with open(out, "wb") as f:
            f.truncate(sectors * SECTOR)
            for at, data in [(0, boot), (core_at, core), *gpt_tables(sectors, parts).items()]:
                f.seek(at * SECTOR)
                f.write(data)
            copy_sparse(fat, f, fat_at * SECTOR)
