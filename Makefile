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
LIB    := errno ip_addr jhash rbtree siphash strutil
LIBC   := printf string
KCORE  := cmdline fiber timer
NETCORE := bpf dev netdev drop gro gso napi net_sysctl netfilter qdisc skb_data skbuff sock stats stage steer tap
NETCORE += last_drop drop_count
NETCORE += frag filter filter_gen filter_tree filter_value frames trace
NETCORE += dim ethtool shed
STACK  := $(addprefix core/,$(NETCORE)) net \
          $(addprefix sched/,table options classify config pfifo pfifo_fast prio tbf netem netem_dist codel fq fq_codel) \
          link/ether link/arp link/neigh link/loopback \
          ipv4/af ipv4/addr ipv4/input ipv4/forward ipv4/output ipv4/frag ipv4/route ipv4/icmp ipv4/udp ipv4/udp_sock \
          ipv4/multicast ipv4/igmp ipv4/linklocal ipv4/udp_opt ipv4/udp_send ipv4/udp_recv ipv4/dhcp ipv4/net_config $(addprefix ipv6/,af addr route input output forward udp frag icmp nd autoconf prefix mld config) \
          $(addprefix netfilter/,conntrack ct_track ct_flow ct_proto nat nat_map nat_mangle nft nft_names nft_words nft_rule nft_parse nft_eval nft_set nft_reject nft_print) \
          tcp/balance tcp/conn tcp/port tcp/predict tcp/input tcp/err tcp/ecn tcp/ack tcp/sack tcp/rack tcp/recovery tcp/reass tcp/sendq tcp/output tcp/lone tcp/mtu_probe tcp/timer tcp/rtt \
          tcp/cong tcp/reno tcp/cubic tcp/hystart tcp/bic tcp/vegas tcp/westwood tcp/bbr tcp/rate tcp/pacing tcp/proto tcp/sockopt tcp/stamp tcp/timewait tcp/request tcp/cookie tcp/fastopen \
          $(addprefix socket/,file socket connect options zerocopy wait poll select epoll aio) \
          $(addprefix wire/,checksum ether arp ipv4 icmp igmp ipv6 icmpv6 nd mld dhcp tcp)
APP    := app echo archive site site_default mime sha1 websocket access_log \
          $(addprefix http_,server conn parse body value reply file memo route metrics debug pcap events)
APP    += live live_sample live_numbers live_json live_page
CONSOLE := cmd_conntrack cmd_ip cmd_ip6 cmd_nft cmd_ping cmd_ss cmd_stat cmd_balance cmd_sys cmd_tc console line serial table
CONSOLE += cmd_route complete ip_json json
CONSOLE += cmd_ethtool cmd_sysfs
CONSOLE += cmd_tcpdump cmd_trace frame_text resolve cmd_profile cmd_dig cmd_wget cmd_traceroute cmd_machine
LIB     += sha256
STACK   += wire/dns
# Portable: compiled into the image and, unchanged, for the host.
PORTABLE := app/live_doc $(LIB:%=lib/%) $(KCORE:%=core/%) $(STACK:%=net/%) $(APP:%=app/%) $(CONSOLE:%=console/%)

ARCH   := acpi apic cpu crash fault idt intx ioapic msi paging pic platform rtc smp tsc uart watchdog
DRIVERS := pci/pci pci/enumerate pci/drivers \
           virtio-net/virtio_net virtio-net/virtio_net_io virtio-net/virtio_net_mq virtio-net/virtio_pci virtio-net/virtio_mmio virtio-net/virtqueue \
           e1000/e1000 e1000/e1000_hw e1000/e1000_mq e1000/e1000_io
BARE    := main report tty core/backtrace core/clock core/irq core/log core/panic core/random core/ksyms mm/page mm/slab \
           $(ARCH:%=arch/x86_64/%) $(DRIVERS:%=drivers/%)
BARE    += core/profile
ASM    := kernel/arch/x86_64/entry kernel/arch/x86_64/switch kernel/arch/x86_64/trampoline boot/start
DOORS  := boot_info gather window efi/efi grub/multiboot2 pvh/pvh

# ---------------------------------------------------------------- tests on the host: tests/unit/test_<name>.c each
UNIT   := boot bpf elf_image lib timer fiber console skbuff qdisc sched_shape sched_fair sched_options sched_sockets net dev steer gro gso netlab pci virtqueue virtio_net virtio_settings virtio_features virtio_lies virtio_mmio e1000 e1000_life e1000_lies e1000e mm acpi rtc random checksum ether arp neigh ip_input ip_output frag route icmp nft conntrack nat udp dhcp dhcp_answers net_config http_parse http_value archive http http_limits socket socket_recv socket_calls select epoll websocket tcp_input tcp_open tcp_close tcp_recv tcp_send tcp_loss tcp_matrix
UNIT   += ipv6_input ipv6_nd ipv6_abuse ipv6_cve ipv6_host ipv6_router ipv6_frag_router
UNIT   += tcp_stamp tcp_predict tcp_lone tcp_mtu tcp_fastopen tcp_api tcp_options tcp_wire tcp_time tcp_ecn tcp_recovery tcp_oracle tcp_oracle_opt
UNIT   += igmp linklocal offload gro_oracle shed crowd
UNIT   += tcp_acks tcp_repair udp_lone
HOSTLIB := tests/host/platform tests/host/harness tests/host/netlab tests/host/labdev tests/host/family tests/host/tcprig
HOSTBOOT := $(DOORS) efi/elf_image
# Drivers on the host: fake devices behind the drivers' own io.h (tests/host/machine stands before kernel/).
HOSTDRV := $(DRIVERS:%=kernel/drivers/%) tests/host/fake_machine tests/host/fake_rig tests/host/fake_virtio tests/host/fake_e1000
SIM    := lossy congestion
UNIT   += tcp_cong frames
HOSTLIB += tests/host/flows tests/host/plot
UNIT   += filter trace dns live stage virtio_mq

# ---------------------------------------------------------------- how it is compiled
WARN    := -Wall -Wextra -Werror -Wno-unused-parameter -Wstrict-prototypes -Wmissing-prototypes -Wvla
COMMON  := -std=gnu11 -g -Ikernel -fno-strict-aliasing -fno-common -MMD -MP $(WARN)
# What each packet passes is compiled for fewer instructions, the rest for less text; what waits for an operator, for the least.
COLD    := console/% app/live% app/archive app/http_metrics app/http_pcap drivers/pci/% core/panic core/cmdline report $(addprefix net/,core/filter% core/ethtool core/netdev sched/options sched/config \
           netfilter/nft_parse netfilter/nft_print netfilter/nft_rule netfilter/nft_words netfilter/nft_names netfilter/nft_reject \
           ipv4/dhcp ipv4/igmp ipv4/linklocal ipv4/net_config ipv6/autoconf ipv6/config ipv6/mld ipv6/prefix wire/dhcp wire/dns wire/igmp wire/mld)
OPTIMIZE = $(if $(filter $(COLD),$*),-Os,$(if $(filter net/% app/http% drivers/%,$*),-O3,-O2))
KCFLAGS  = $(COMMON) $(OPTIMIZE) -ffreestanding -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-pic -fno-pie \
           -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables \
           -fstack-protector-strong -mstack-protector-guard=global
SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined
HCFLAGS  = $(COMMON) -O1 -fno-omit-frame-pointer -Iboot -Itests $(SANFLAGS)

# make SAN=1: the same image under build/san with KernelAddressSanitizer and UBSan, on the runtime in kernel/san. What runs
# before there is a shadow, writes it, or is needed to report is left out.
SANRT    := san/shadow san/report san/ubsan
SANLESS  := $(SANRT) lib/string core/backtrace core/ksyms core/panic arch/x86_64/paging mm/page mm/slab
SANK      = -DKERNEL_SAN $(if $(filter $(SANLESS),$*),,-fsanitize=undefined -fsanitize=kernel-address -fasan-shadow-offset=0xdffffc0000000000 \
            --param asan-stack=1 --param asan-globals=1 --param asan-instrumentation-with-call-threshold=0)
IMAGE    := $B$(if $(filter 1,$(SAN)),/san,$(if $(filter 0,$(HOOKS)),/nohooks))/barewire.elf
SANOBJ   := $(patsubst %,$B/san/k/%.o,$(LIBC:%=lib/%) $(PORTABLE) $(BARE) $(SANRT)) $(ASM:%=$B/asm/%.o) $(DOORS:%=$B/b/%.o)
KOBJ    := $(LIBC:%=$B/k/lib/%.o) $(PORTABLE:%=$B/k/%.o) $(BARE:%=$B/k/%.o) $(ASM:%=$B/asm/%.o) $(DOORS:%=$B/b/%.o)
HOBJ    := $(PORTABLE:%=$B/host/kernel/%.o) $(HOSTLIB:%=$B/host/%.o) $(HOSTBOOT:%=$B/host/boot/%.o) $(HOSTDRV:%=$B/host/%.o) \
           $B/host/switch.o

# make HOOKS=0: the same image under build/nohooks without what looks into it (kernel/config.h), to measure what that costs.
HOOKED    := $(shell grep -lr --include=*.c -e '\<\(watched\|trace\).[a-z.>-]*cpu,' -e '\<HOOKS\>' kernel)
NOHOOKOBJ := $(filter-out $(HOOKED:kernel/%.c=$B/k/%.o),$(KOBJ)) $(HOOKED:kernel/%.c=$B/nohooks/k/%.o)

.PHONY: all unit rfc cve sim drill kept run debug record replay attach core test bench fuzz flame lint image setup clean help
all: $(IMAGE)

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
$B/san/k/%.o: kernel/%.c
	$(say) SAN $<
	@mkdir -p $(@D)
	$(Q)gcc $(subst -O3,-O2,$(KCFLAGS)) $(SANK) -c $< -o $@
	$(if $(filter lib/string,$*),$(Q)objcopy $(foreach f,memcpy memmove memset,--redefine-sym $f=raw_$f) $@)
$B/nohooks/k/%.o: kernel/%.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -DHOOKS=0 -c $< -o $@
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
$B/host/kernel/drivers/%.o $B/host/tests/host/fake_%.o $B/host/tests/unit/test_virt%.o $B/host/tests/unit/test_e1000%.o: COMMON := -Itests/host/machine $(COMMON)
$(addprefix $B/host/tests/unit/test_,mm.o acpi.o rtc.o random.o): COMMON := -Itests/host/ram $(COMMON)
$B/host/%.o: %.c
	$(say) HCC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(HCFLAGS) -c $< -o $@
$B/host/switch.o: kernel/arch/x86_64/switch.S
	@mkdir -p $(@D)
	$(Q)$(CC) -Ikernel -g -D__ASSEMBLY__ -c $< -o $@
# The live page's document, packed: a C file of its own for the image and for the host.
$B/gen/live_doc.c: $(wildcard kernel/app/live/*) tools/livepage
	@mkdir -p $(@D)
	$(Q)tools/livepage kernel/app/live $@
$B/k/app/live_doc.o $B/san/k/app/live_doc.o: $B/gen/live_doc.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -c $< -o $@
$B/host/kernel/app/live_doc.o $B/fuzz/o/kernel/app/live_doc.o: $B/gen/live_doc.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) -c $< -o $@
$B/libhost.a: $(HOBJ)
	$(say) AR $@
	@rm -f $@
	$(Q)ar rcs $@ $^
# What the kernel has of its own beside libc, under other names (k_memcpy), so that it can be tested here too.
$B/libk.a: $(LIBC:%=kernel/lib/%.c)
	@mkdir -p $(@D)/libk
	$(Q)for f in $(LIBC); do \
		$(CC) $(COMMON) -O2 -ffreestanding -c kernel/lib/$$f.c -o $B/libk/$$f.o && \
		objcopy --prefix-symbols=k_ $B/libk/$$f.o || exit 1; done
	@rm -f $@
	$(Q)ar rcs $@ $(LIBC:%=$B/libk/%.o)
$B/unit/%: $B/host/tests/unit/test_%.o $B/libhost.a $B/libk.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANFLAGS) -o $@ $^
unit: $(UNIT:%=$B/unit/%)
	$(Q)B=$B tests/lib/prove $^
$B/sim/%: $B/host/tests/sim/%.o $B/libhost.a $B/libk.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ -lm
sim: $(SIM:%=$B/sim/%)
	$(Q)B=$B tests/lib/prove $^
## test-sim the simulations in full: every congestion control on every link against tests/sim/congestion.golden
.PHONY: test-sim plots
test-sim: $(SIM:%=$B/sim/%)
	$(Q)LONG=1 prove --timer --exec '' $^
## plots    draws what simulations and a booted guest measure: build/plots/index.html; PLOT='NAME ...' draws those alone
plots: $(SIM:%=$B/sim/%) $B/barewire.elf $B/overload $B/insncount.so
	$(Q)mkdir -p $B/plots/data && PLOTS=$B/plots/data LONG=1 prove --exec '' $(SIM:%=$B/sim/%)
	$(Q)B=$(abspath $B) tools/bench/qdisc --out $B/plots/data
	$(Q)B=$(abspath $B) tools/bench/bench --only overload --rounds 1 --seconds 1 --plots $B/plots/data
	$(Q)tools/plots/plots $B/plots/data $B/plots $(PLOT)
# The same tests of TCP, and the two stacks, over IPv6.
OVER6    := $(filter $B/unit/tcp_% $B/unit/udp_lone,$(UNIT:%=$B/unit/%)) $B/sim/lossy
.PHONY: over6 test-over6
over6: $(OVER6)
	$(Q)B=$B KEEP_AS=over6 LAB_FAMILY=6 tests/lib/prove $^
test-over6: $(OVER6) $B/sim/congestion
	$(Q)LONG=1 LAB_FAMILY=6 prove --timer --exec '' $^
# packetdrill's door: the stack as a shared library. The program and its scripts come from elsewhere (PACKETDRILL=, DRILL_SCRIPTS=).
DRILLOBJ := $(patsubst %.c,$B/pic/%.o,$(wildcard $(addprefix kernel/,$(addsuffix .c,$(LIB:%=lib/%) $(KCORE:%=core/%) $(STACK:%=net/%)))) \
            tests/host/platform.c tests/host/harness.c tests/drill/stack.c tests/drill/shim.c tests/drill/calls.c tests/drill/commands.c)
$B/pic/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) -Itests -O1 -fPIC -c $< -o $@
$B/libdrill.so: $(DRILLOBJ) $B/host/switch.o
	$(say) LD $@
	$(Q)$(CC) -shared -o $@ $^ -ldl -lpthread
## drill    plays packetdrill's scripts against the stack, where packetdrill is installed
drill: $B/libdrill.so
	$(Q)tests/drill/run
.SECONDARY: # objects of tests are kept

# The symbol table is linked into the image it describes: once without, then with (text does not move; --check proves it).
# linked,FILE,OBJECTS
define linked
	$(say) LD $1
	$(Q)$(LINK) -o $1.1 $2
	$(Q)python3 tools/ksyms.py $1.1 $1.ksyms.S
	$(Q)$(CC) -c $1.ksyms.S -o $1.ksyms.o
	$(Q)$(LINK) -o $1.new $2 $1.ksyms.o
	$(Q)python3 tools/ksyms.py --check $1.1 $1.new
	$(Q)mv $1.new $1
endef
LINK     = $(CC) -nostdlib -static -Wl,-T,boot/kernel.lds -Wl,--build-id=sha1 -Wl,-z,max-page-size=4096
$B/barewire.elf: $(KOBJ) boot/kernel.lds tools/ksyms.py
	$(call linked,$@,$(KOBJ))
$B/san/barewire.elf: $(SANOBJ) boot/kernel.lds tools/ksyms.py
	$(call linked,$@,$(SANOBJ))
$B/nohooks/barewire.elf: $(NOHOOKOBJ) boot/kernel.lds tools/ksyms.py
	$(call linked,$@,$(NOHOOKOBJ))

# The EFI loader: GNU-EFI's start code and link map, our files, made into a PE image. Nothing of it is in the kernel.
LOADER   := efi/loader efi/volume efi/firmware efi/handoff efi/elf_image boot_info
EFICFLAGS = $(COMMON) -O2 -ffreestanding -fpic -fshort-wchar -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
            -DGNU_EFI_USE_MS_ABI -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -Iboot
$B/efi/%.o: boot/%.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(EFICFLAGS) -c $< -o $@
$B/efi/%.o: boot/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) -c $< -o $@
$B/BOOTX64.EFI: $(LOADER:%=$B/efi/%.o) $B/efi/efi/trampoline.o
	$(say) EFI $@
	$(Q)ld -nostdlib -shared -Bsymbolic -znocombreloc -zdefs -T /usr/lib/elf_x86_64_efi.lds -L /usr/lib \
		/usr/lib/crt0-efi-x86_64.o $^ -lefi -lgnuefi -o $B/loader.so
	$(Q)objcopy -j .text -j .sdata -j .data -j .dynamic -j .dynsym -j .rel* -j .rela* -j .reloc \
		-O efi-app-x86_64 $B/loader.so $@

# ---------------------------------------------------------------- running it
## run      boots barewire in QEMU and serves; `tools/run --help` tells what can be chosen
RUNVARS  := BOOT MACHINE NIC CPUS MEM NET SITE CMDLINE HTTP_PORT ECHO_PORT ACCEL QEMU
RUNB      = $(patsubst %/,%,$(dir $(IMAGE)))
quoted    = '$(subst ','\'',$1)'
RUN       = tools/run --build $(RUNB) $(foreach v,$(RUNVARS),$(if $($v),$v=$(call quoted,$($v))))
MEDIA     = $(if $(filter efi,$(BOOT)),$(RUNB)/BOOTX64.EFI)
run: $(IMAGE) $(MEDIA)
	@$(RUN)
## debug    boots halted and opens gdb with the project's commands; CORE=file: opens that core instead
debug: $(IMAGE) $(MEDIA)
	@$(RUN) $(if $(CORE),--core $(call quoted,$(CORE)),--debug)
## record   as run, and keeps all that happens in build/barewire.rr (RR=file: another); one CPU, BOOT=pvh, NET=user
record: $(IMAGE)
	@$(RUN) --record $(call quoted,$(or $(RR),$(RUNB)/barewire.rr))
## replay   opens gdb on the recorded run: the same once more, and backwards (reverse-continue, reverse-stepi)
replay: $(IMAGE)
	@$(RUN) --replay $(call quoted,$(or $(RR),$(RUNB)/barewire.rr)) --debug
## attach   opens gdb on the guest that `make run` started last
attach:
	@$(RUN) --attach
## core     writes build/barewire.core (CORE=file: another) of the guest that `make run` started last
core:
	@tools/core --build $(RUNB) $(if $(CORE),$(call quoted,$(CORE)))
## image    build/barewire.iso, .img and .qcow2, to boot from BIOS and UEFI
image: $B/barewire.elf $B/BOOTX64.EFI
	@tools/image --build $B $(if $(SITE),--site $(call quoted,$(SITE))) $(if $(CMDLINE),--cmdline $(call quoted,$(CMDLINE)))

# ---------------------------------------------------------------- tools, tests, help
$B/wire: tools/wire/wire.c
$B/load: tools/bench/load.c
$B/overload: tools/bench/overload.c
$B/crowd: tools/bench/crowd.c
$B/flood: tools/bench/flood.c
$B/peers: tests/lib/peers.c
$B/insncount.so: tools/bench/insncount.c
$B/insncount.so: TOOLFLAGS := -shared -fPIC
$B/wire $B/load $B/flood $B/overload $B/crowd $B/peers $B/insncount.so:
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -Wall -Wextra -Werror $(TOOLFLAGS) $< -o $@

# Fuzz targets: with clang and libFuzzer (make fuzz), and over the kept inputs without either (make kept).
FUZZ     := frames http tcp forward socket
FUZZKIT  := $(addprefix fuzz/,tcp_peer tcp_app tcp_check socket_other socket_calls socket_sets socket_check)
FUZZOBJ  := $(patsubst %,$B/fuzz/o/%.o,$(PORTABLE:%=kernel/%) $(addprefix tests/,host/platform host/netlab host/labdev host/family fuzz/checks $(FUZZKIT)))
$B/fuzz/o/%.o: %.c
	$(say) FUZZ $<
	@mkdir -p $(@D)
	$(Q)clang $(COMMON) -O1 -fno-omit-frame-pointer -Itests $(SANFLAGS) -fsanitize=fuzzer-no-link -c $< -o $@
$(addprefix $B/fuzz/,tcp forward socket): $B/fuzz/o/tests/fuzz/records.o
$(FUZZ:%=$B/fuzz/%): $B/fuzz/%: $B/fuzz/o/tests/fuzz/%.o $(FUZZOBJ) $B/host/switch.o
	$(Q)clang $(SANFLAGS) -fsanitize=fuzzer $^ -o $@
$B/replay/%: $(addprefix $B/host/tests/fuzz/,%.o replay.o checks.o) $(FUZZKIT:%=$B/host/tests/%.o) $B/libhost.a $B/libk.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANFLAGS) -o $@ $^
## fuzz     every fuzz target for FUZZ_SECONDS (60); what it finds goes to build/fuzz, what is worth keeping to tests/fuzz/corpus
FUZZ_SECONDS := 60
fuzz: $(FUZZ:%=$B/fuzz/%)
	@for t in $(FUZZ); do mkdir -p $B/fuzz/corpus/$$t && echo "fuzz: $$t" && \
		$B/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=20 -max_len=4096 -print_final_stats=1 \
			-artifact_prefix=$B/fuzz/$$t- $B/fuzz/corpus/$$t tests/fuzz/corpus/$$t || exit 1; done
kept: $(FUZZ:%=$B/replay/%)
	$(Q)prove --exec '' $^ :: tests/fuzz/corpus

## test     lint, units, two stacks over a bad link, kept fuzz inputs, the booted tests in their short forms, the sums of `make rfc`
## test-T   one booted test in its long form, with its output: T is a name from tests/qemu, as transfer
PROVE     = B=$(abspath $B) tests/lib/prove --directives --timer
BOOTABLE := $B/barewire.elf $B/san/barewire.elf $B/nohooks/barewire.elf $B/BOOTX64.EFI $B/wire $B/load $B/peers $B/overload $B/crowd
SANTOOLS := $(addprefix $B/san/,BOOTX64.EFI wire load peers overload crowd)
$(SANTOOLS): $B/san/%: $B/%
	@ln -sfn ../$* $@
test: lint unit sim over6 kept $(BOOTABLE)
	@$(PROVE) -j2 tests/tools/*.t tests/qemu/*.t tests/browser/*.t
	@tools/rfc --short $(RFCTAP)
	@tools/cve --short $(CVETAP)
## test-san the booted tests on the image of make SAN=1
test-san: $(BOOTABLE) $(SANTOOLS)
	@B=$(abspath $B)/san tests/lib/prove --directives --timer tests/qemu/*.t
## test-cpus flows over 1, 2 and 4 CPUs in long form; then transfers, load, connections and all doors on 2 and 4, by RSS, by RPS, by neither
CPUTESTS  = $(addprefix tests/qemu/,transfer.t load.t conns.t doors.t)
SPREAD    = rss:virtio-net rss:e1000e rps:virtio-net,e1000 off:virtio-net,e1000
test-cpus: $(BOOTABLE)
	@LONG=1 $(PROVE) -v tests/qemu/cpus.t
	@for n in 2 4; do for s in $(SPREAD); do echo "$$n CPUs, steer=$${s%:*}, $${s#*:}" && \
		GUEST_CPUS=$$n GUEST_STEER=$${s%:*} GUEST_NICS=$${s#*:} KEEP_AS=cpus $(PROVE) $(CPUTESTS) || exit 1; done; done
IPCASES   = frag arp pmtu
test-%: $(BOOTABLE)
	@LONG=1 $(PROVE) -v tests/qemu/$*.t
## test-ipcases-peer  the cases of fragments, ARP and path MTU against Linux instead of the guest
test-ipcases-peer:
	@PEER=linux prove --directives $(IPCASES:%=tests/qemu/%.t)
## rfc      which requirement of the RFCs is shown by which test: units, and the booted tests as they ran last
RFCTAP    = $(UNIT:%=$B/tap/unit-%.tap) $$(ls $(patsubst tests/qemu/%.t,$B/tap/qemu-%.tap,$(wildcard tests/qemu/*.t)) 2>/dev/null)
$B/tap/unit-%.tap: $B/unit/%
	@B=$B tests/lib/keep $< >/dev/null || true # tools/rfc tells which test failed
rfc: $(UNIT:%=$B/tap/unit-%.tap)
	@tools/rfc $(RFCTAP)
## cve      published attacks on other IP stacks, and which test shows that they do no harm here
CVETAP    = $(UNIT:%=$B/tap/unit-%.tap)
cve: $(CVETAP)
	@tools/cve $^
## bench    measures the guest; PEER=linux: beside a Linux guest with nginx; BENCH='--help' tells what can be chosen
bench: $B/barewire.elf $B/nohooks/barewire.elf $B/load $B/flood $B/overload $B/crowd $B/peers $B/insncount.so
	@B=$(abspath $B) tools/bench/bench $(if $(PEER),--peer $(PEER)) $(BENCH)
## flame    build/flame.svg: where a loaded guest spends its time; URL=http://guest/debug/profile?show: a guest that runs
flame: $(IMAGE)
	@B=$(abspath $B) tools/flame $(if $(URL),--url $(call quoted,$(URL))) -o $B/flame.svg
## lint     layering, no globals, licence lines, sizes
lint: $(PORTABLE:%=$B/k/%.o)
	@tools/lint --objects $B/k
## setup    installs what any target uses; the others do so for themselves when something is missing
setup:
	@tools/setup
## clean    forgets all that was built
## help     these lines
help:
	@echo 'make TARGET [VARIABLE=value ...]'
	@sed -n 's/^## \{0,1\}/  /p' Makefile
	@echo 'Variables of run and debug (tools/run --help says more):'
	@tools/run --help | sed -n 's/^    \([A-Z_]*=\)/  \1/p'
	@echo 'Others: V=1 shows the commands, CC=clang compiles with clang, B=DIR builds there, SAN=1 takes the sanitized image, HOOKS=0 one that nobody can look into, PEER=linux and BENCH= are for bench'

clean:
	rm -rf $B

-include $(shell find $B -name '*.d' 2>/dev/null)
