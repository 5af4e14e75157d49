# SPDX-License-Identifier: MIT
# Every command of barewire. `make help` lists them. Objects are listed, not globbed: what is not here is not in the build.
MAKEFLAGS += -r --no-builtin-variables
SHELL     := /bin/bash
CC        ?= gcc
ifeq ($(origin CC),default)
CC        := gcc
endif
B         := build
V         ?= 0
Q          = $(if $(filter 1,$(V)),,@)
say        = $(if $(filter 1,$(V)),@:,@printf '  %-4s %s\n')

# ---------------------------------------------------------------- what is in the image
LIB    := errno ip_addr jhash printf rbtree siphash string
CORE   := cmdline fiber timer
NETCORE := dev drop netfilter qdisc skbuff sock stats tap
STACK  := $(addprefix core/,$(NETCORE)) net \
          sched/table sched/pfifo sched/pfifo_fast \
          link/ether link/arp link/neigh link/loopback \
          ipv4/af ipv4/input ipv4/output ipv4/frag ipv4/route ipv4/icmp ipv4/udp ipv4/dhcp \
          tcp/conn tcp/input tcp/output tcp/timer tcp/reass tcp/rtt tcp/cong tcp/reno tcp/proto tcp/timewait tcp/request \
          socket/file socket/socket socket/epoll socket/wait \
          wire/checksum wire/ipv4 wire/tcp
APP    := app http http_parse http_file archive echo mime
CONSOLE :=
# Portable: compiled into the image and, unchanged, for the host.
PORTABLE := $(LIB:%=lib/%) $(CORE:%=core/%) $(STACK:%=net/%) $(APP:%=app/%) $(CONSOLE:%=console/%)

ARCH   := acpi apic cpu idt ioapic msi paging platform smp tsc uart pic rtc
MACHINE := main core/clock core/irq core/log core/panic core/random core/ksyms mm/page mm/slab \
           $(ARCH:%=arch/x86_64/%) drivers/pci/pci \
           drivers/virtio-net/virtio_net drivers/virtio-net/virtio_pci drivers/virtio-net/virtqueue \
           drivers/e1000/e1000
ASM    := kernel/arch/x86_64/entry kernel/arch/x86_64/switch kernel/arch/x86_64/trampoline boot/start
DOORS  := boot_info gather grub/multiboot2 pvh/pvh

# ---------------------------------------------------------------- tests on the host: tests/unit/test_<name>.c each
UNIT   := lib timer fiber
HOSTLIB := tests/host/platform tests/host/harness
SIM    := lossy

# ---------------------------------------------------------------- how it is compiled
WARN    := -Wall -Wextra -Werror -Wno-unused-parameter -Wstrict-prototypes -Wmissing-prototypes -Wvla
COMMON  := -std=gnu11 -g -Ikernel -fno-strict-aliasing -fno-common -MMD -MP $(WARN)
KCFLAGS  = $(COMMON) -O2 -ffreestanding -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-pic -fno-pie \
           -fno-omit-frame-pointer -fasynchronous-unwind-tables \
           -fstack-protector-strong -mstack-protector-guard=global
SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined
HCFLAGS  = $(COMMON) -O1 -fno-omit-frame-pointer -Itests $(SANFLAGS)

KOBJ    := $(PORTABLE:%=$B/k/%.o) $(MACHINE:%=$B/k/%.o) $(ASM:%=$B/asm/%.o) $(DOORS:%=$B/b/%.o)
HOBJ    := $(PORTABLE:%=$B/host/kernel/%.o) $(HOSTLIB:%=$B/host/%.o) $B/host/switch.o

.PHONY: all run debug test bench fuzz lint image setup clean help
all: $B/barewire.elf

# What the targets need is looked for before anything else (5 ms), and installed where it is missing.
ifeq ($(findstring n,$(firstword -$(MAKEFLAGS))),)
ifneq ($(shell BOOT='$(BOOT)' PEER='$(PEER)' tools/setup --for $(or $(MAKECMDGOALS),all) >&2 && echo ready),ready)
$(error this machine lacks what is named above)
endif
endif

$B/k/%.o: kernel/%.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -c $< -o $@
$B/b/%.o: boot/%.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -Iboot -c $< -o $@
$B/asm/%.o: %.S
	$(say) AS $<
	@mkdir -p $(@D)
	$(Q)$(CC) -Ikernel -g -MMD -MP -D__ASSEMBLY__ -c $< -o $@
$B/host/kernel/%.o: kernel/%.c
	$(say) HCC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(HCFLAGS) -c $< -o $@
$B/host/%.o: %.c
	$(say) HCC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(HCFLAGS) -c $< -o $@
$B/host/switch.o: kernel/arch/x86_64/switch.S
	@mkdir -p $(@D)
	$(Q)$(CC) -Ikernel -g -D__ASSEMBLY__ -c $< -o $@
$B/libhost.a: $(HOBJ)
	$(say) AR $@
	@rm -f $@
	$(Q)ar rcs $@ $^

# The symbol table is linked into the image it describes: once without, then with (text does not move; --check proves it).
LINK     = $(CC) -nostdlib -static -Wl,-T,boot/kernel.lds -Wl,--build-id=sha1 -Wl,-z,max-page-size=4096
$B/barewire.elf: $(KOBJ) boot/kernel.lds tools/ksyms.py
	$(say) LD $@
	$(Q)$(LINK) -o $B/pass1.elf $(KOBJ)
	$(Q)python3 tools/ksyms.py $B/pass1.elf $B/ksyms.S
	$(Q)$(CC) -c $B/ksyms.S -o $B/ksyms.o
	$(Q)$(LINK) -o $@.new $(KOBJ) $B/ksyms.o
	$(Q)python3 tools/ksyms.py --check $B/pass1.elf $@.new
	$(Q)mv $@.new $@

clean:
	rm -rf $B

-include $(shell find $B -name '*.d' 2>/dev/null)
