/* SPDX-License-Identifier: MIT
 * main.c - kmain(), the boot order as a table; cpu_main(), the loop of every CPU; and what interrupts call above them.
 *
 * The one file that knows both the machine and the stack.
 */
#include "boot_info.h"
#include "config.h"
#include "platform.h"
#include "app/app.h"
#include "app/site.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/crash.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/pic.h"
#include "arch/x86_64/smp.h"
#include "arch/x86_64/uart.h"
#include "arch/x86_64/watchdog.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/irq_impl.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/profile.h"
#include "core/random.h"
#include "drivers/pci/pci.h"
#include "drivers/virtio-net/virtio_mmio.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/ipv4/net_config.h"
#include "net/core/ethtool.h"
#include "net/core/steer.h"
#include "net/ipv6/ip6.h"
#include "net/net.h"
#include "net/netfilter/nft.h"
#include "net/sched/config.h"
#include "san/san.h"
#include "tty.h"

#define BASE_TICK_NS     (10 * NSEC_PER_MSEC)  /* a running fiber may arm timers that no deadline knows of yet */
#define FRESH_NS         (50 * NSEC_PER_USEC)  /* the stack's clock is right enough for so long */
#define SOFTIRQ_RETRY_NS (100 * NSEC_PER_USEC) /* work that softirq left is tried again so soon, even if base spins */

static struct net *net;

/* ---------------------------------------------------------------- the loop of every CPU */

/* Halts until `next` or an interrupt, unless something came since the loop looked. */
static void cpu_idle(struct cpu *c, u64 now, u64 next)
{
	irq_disable();
	if (softirq_pending(c->net) || fiber_any_ready(&c->fibers)) {
		irq_enable();
		return;
	}
	clock_arm(c, next);
	c->idles++;
	c->halted_since_ns = now;
	cpu_wait();
}

/* Interrupts on, nothing else, until boot gives this CPU its share of the stack. */
static void cpu_wait_for_stack(struct cpu *c)
{
	for (;;) {
		irq_disable();
		if (__atomic_load_n(&c->net, __ATOMIC_ACQUIRE))
			break;
		cpu_wait();
	}
	irq_enable();
}

/* Idle time ends where work begins: at the loop, or before it in the interrupt that woke the CPU. */
static inline void cpu_idle_ends(struct cpu *c, u64 now)
{
	if (!c->halted_since_ns)
		return;
	c->idle_ns += now - c->halted_since_ns;
	c->halted_since_ns = 0;
}

/* Fibers are about to run, perhaps for long: the timer fires at least once a tick, and then sees what they armed. */
static inline void cpu_tick(struct cpu *c, u64 now)
{
	if (likely(c->timer_armed_ns <= now + BASE_TICK_NS))
		return;
	irq_disable();
	clock_arm(c, now + BASE_TICK_NS);
	irq_enable();
}

/* A fiber is ready and softirq has just done all there was, at the end of the interrupt that woke the fiber: it runs now. */
static inline bool fibers_first(const struct cpu *c, u64 now)
{
	return fiber_any_ready(&c->fibers) && !softirq_pending(c->net) && now < c->net->now_ns + FRESH_NS;
}

_Noreturn void cpu_main(struct cpu *c)
{
	u64 now, next;

	cpu_wait_for_stack(c);
	for (;;) {
		c->turns++;
		now = clock_ns();
		cpu_idle_ends(c, now);
		if (!fiber_any_ready(&c->fibers) && net_is_idle(c->net, now))
			next = timer_wheel_next(&c->net->wheel);
		else
			next = fibers_first(c, now) || app_turn(c->net) ? now : net_poll(c->net, now);
		if (!fiber_any_ready(&c->fibers)) {
			if (unlikely(c->net->busy_until_ns))
				busy_poll_turn(c->net, clock_ns());
			else
				cpu_idle(c, now, next);
			continue;
		}
		cpu_tick(c, now);
		fiber_run_ready(&c->fibers);
		c->net->app_ticks = 0;
	}
}

/* ---------------------------------------------------------------- what interrupts call */

static void on_timer(struct cpu *c)
{
	if (HOOKS && unlikely(profile_on))
		clock_arm(c, profile_tick(c->id, clock_ns(), c->halted_since_ns));
	if (c->net)
		raise_softirq(c->net, SOFTIRQ_TIMER);
}

static void on_kick(struct cpu *c)
{
	if (c->net)
		raise_softirq(c->net, SOFTIRQ_INBOX);
}

/* Softirq at the end of the outermost hard IRQ, on the IRQ stack, interrupts on. A CPU that was halted goes on in the
 * loop and arms its timer there; else base may be a fiber that spins, and the deadline is looked after here. */
static void on_irq_exit(struct cpu *c)
{
	struct net_cpu *n = c->net;
	bool halted = c->halted_since_ns;
	u64 now, next;

	if (!n || !(READ_ONCE(n->pending) & SOFTIRQ_URGENT))
		return;
	if (n->bh_count) { /* bh_enable() runs them, and arms nothing: who spins after it shall be interrupted all the same */
		if (READ_ONCE(n->pending) & 1u << SOFTIRQ_TIMER && c->timer_armed_ns == TIME_NEVER)
			clock_arm(c, clock_ns() + NSEC_PER_MSEC);
		return;
	}
	irq_enable();
	now = clock_ns();
	cpu_idle_ends(c, now);
	next = app_tick(n, now) ? n->app_tick_ns : net_poll(n, now);
	irq_disable();
	if (halted)
		return;
	if (app_turn(n))
		next = n->app_tick_ns;
	clock_arm(c, next > now ? MIN(next, now + BASE_TICK_NS) : now + SOFTIRQ_RETRY_NS);
}

const struct cpu_hooks cpu_hooks = { .timer = on_timer, .kick = on_kick, .irq_exit = on_irq_exit };

/* ---------------------------------------------------------------- boot steps */

/* Without its secrets: the log is read by everybody. */
static void log_command_line(const char *line)
{
	static const char secret[] = "console.token=";
	char shown[LOG_LINE];
	bool quoted = false;
	size_t n = 0;

	while (*line && n + sizeof(secret) + 4 < sizeof(shown)) {
		if (!strncmp(line, secret, sizeof(secret) - 1)) {
			n += (size_t)scnprintf(shown + n, sizeof(shown) - n, "%s...", secret);
			for (; *line && (quoted || *line != ' '); line++)
				quoted ^= *line == '"';
			continue;
		}
		quoted ^= *line == '"';
		shown[n++] = *line++;
	}
	shown[n] = '\0';
	log_info("command line: %s", shown);
}

static void boot_console(const struct boot_info *bi)
{
	char value[32];
	u64 level;

	if (cmdline_get(bi->cmdline, "console", value, sizeof(value)) && strcmp(value, "ttyS0")) {
		if (!strcmp(value, "none"))
			uart_off();
		else if (strcmp(value, "ttyS1") || !uart_init(0x2f8))
			log_warn("console=%s is not ttyS0, ttyS1 or none, or is not there: using ttyS0", value);
	}
	if (cmdline_get(bi->cmdline, "loglevel", value, sizeof(value))) {
		if (!str_to_u64(value, &level) && level <= LOG_DEBUG)
			log_set_level((enum log_level)level);
		else
			log_warn("loglevel=%s is not a number from 0 to %d: using %d", value, LOG_DEBUG, LOG_INFO);
	}
	if (cmdline_get(bi->cmdline, "panic", value, sizeof(value)) && !panic_set_action(value))
		log_warn("panic=%s is not exit, halt or reboot: using exit", value);
	log_info("barewire, booted through %s", bi->door);
	log_command_line(bi->cmdline);
}

static void boot_cpu(const struct boot_info *bi)
{
	string_init(cpu_has(CPU_ERMS) && !cpu_is_tcg());
	cpu_report();
}

static void boot_memory(const struct boot_info *bi)
{
	mem_init(bi);
	paging_init(bi);
	san_start();
	page_init();
	slab_init();
	if (cpu_alloc_stacks(&cpus[0]))
		panic("no memory for the first CPU's stacks");
}

static bool kick_irq(void *arg)
{
	cpu_hooks.kick(this_cpu());
	return true;
}

static void boot_interrupts(const struct boot_info *bi)
{
	acpi_init(bi->rsdp);
	pic_disable();
	apic_init();
	ioapic_init();
	cpus[0].apic_id = apic_id();
	irq_vector_take(VEC_KICK, "kick");
	irq_add_handler(VEC_KICK, kick_irq, NULL);
}

static void boot_clock(const struct boot_info *bi) { clock_init(); }

static void boot_watchdog(const struct boot_info *bi)
{
	u64 seconds = WATCHDOG_SECONDS;
	char value[32];

	if (cmdline_get(bi->cmdline, "watchdog", value, sizeof(value)) &&
	    (str_to_u64(value, &seconds) || seconds > 3600)) {
		log_warn("watchdog=%s is not a number of seconds from 0 (off) to 3600: using %u", value,
			 WATCHDOG_SECONDS);
		seconds = WATCHDOG_SECONDS;
	}
	watchdog_start((unsigned)seconds);
}

static void boot_random(const struct boot_info *bi) { random_init(bi, sizeof(*bi)); }

static void boot_cpus(const struct boot_info *bi)
{
	unsigned i;

	for (i = 0; i < MAX_CPUS; i++)
		fiber_sched_init(&cpus[i].fibers);
	smp_init(bi);
}

/* steer=rss|rps|off: who spreads flows over the CPUs. */
static u8 steer_choice(const struct boot_info *bi)
{
	char value[32];
	u8 m;

	if (!cmdline_get(bi->cmdline, "steer", value, sizeof(value)))
		return STEER_RSS;
	for (m = 0; m < NR_STEER_MODES; m++)
		if (!strcmp(value, steer_mode_name((enum steer_mode)m)))
			return m;
	log_warn("steer=%s is not rss, rps or off: using rss", value);
	return STEER_RSS;
}

static void boot_net(const struct boot_info *bi)
{
	struct net_params p = { .nr_cpus = nr_cpus, .now_ns = clock_ns(), .steer = steer_choice(bi) };
	unsigned i;

	for (i = 0; i < nr_cpus; i++)
		p.fibers[i] = &cpus[i].fibers;
	random_bytes(p.seed, sizeof(p.seed));
	while (!(net = net_create(&p))) {
		p.nr_cpus /= 2;
		if (!p.nr_cpus)
			panic_report(EXIT_NO_MEMORY, NULL, "no memory for the network stack");
		log_warn("net: memory does not suffice for a share per CPU: %u of %u CPUs are used", p.nr_cpus,
			 nr_cpus);
	}
}

static void boot_devices(const struct boot_info *bi)
{
	if (acpi.ecam_base)
		pci_set_ecam(acpi.ecam_base, acpi.ecam_first_bus, acpi.ecam_last_bus);
	pci_init();
	if (!(pci_probe(net) + virtio_mmio_init(net, bi->cmdline)))
		log_warn("net: no network card that a driver knows");
}

/* The first module is the site archive; it stays where the door put it. Its length; 0: there is none. */
static size_t site_archive(const struct boot_info *bi, const void **mem)
{
	const struct boot_module *site = bi->nr_modules ? &bi->modules[0] : NULL;

	if (!site || !phys_is_mapped(site->base, site->len))
		return 0;
	*mem = phys_to_virt(site->base);
	return site->len;
}

/* Before any device is up. */
static void set_tunable(const char *where, const char *key, const char *value)
{
	char why[160];
	int err = net_sysctl_set(net, key, value);

	if (!err)
		return;
	net_sysctl_why(key, err, why, sizeof(why));
	log_warn("%s: %s=%s: %s; the default stays", where, key, value, why);
}

/* Words with a dot in the key are tunables, by their Linux names. Those of the site come first, the command line has the
 * last word. */
static void boot_tunables(const struct boot_info *bi)
{
	const char *pos = bi->cmdline;
	char key[64], value[128];
	const void *archive = NULL;
	size_t len = site_archive(bi, &archive);
	char *text = site_text(archive, len, SITE_SYSCTL), *at = text;

	while (text && net_sysctl_line(&at, key, sizeof(key), value, sizeof(value)))
		set_tunable(SITE_SYSCTL, key, value);
	kfree(text);
	while (cmdline_next(&pos, key, sizeof(key), value, sizeof(value)))
		if (strchr(key, '.') && strncmp(key, "app.", 4) && strncmp(key, "console.", 8) && strncmp(key, "virtio_mmio.", 12))
			set_tunable("command line", key, value);
}

static void boot_rules(const struct boot_info *bi)
{
	const void *archive = NULL;
	size_t len = site_archive(bi, &archive);
	char *rules = site_text(archive, len, SITE_RULES);

	nft_boot(net, bi->cmdline, rules, SITE_RULES);
	kfree(rules);
}

static void boot_config(const struct boot_info *bi)
{
	int err = net_configure(net, bi->cmdline);

	if (err)
		log_err("net: a device could not be opened: %s", errno_text(err));
	ip6_configure(net, bi->cmdline);
	qdisc_configure(net, bi->cmdline);
	ethtool_configure(net, bi->cmdline);
}

static void boot_app(const struct boot_info *bi)
{
	struct app_params p = { .cmdline = bi->cmdline };
	int err;

	p.site_len = site_archive(bi, &p.site);
	if (bi->nr_modules && !p.site_len)
		log_warn("module %s lies outside RAM: left out", bi->modules[0].name);
	err = app_start(net, &p);
	if (err)
		log_err("app: could not be started: %s", errno_text(err));
}

static void boot_tty(const struct boot_info *bi)
{
	tty_start(net->cpus[0]);
}

static void (*softirq_fault)(void);
static void softirq_fault_timer(struct timer *t, u64 now_ns) { softirq_fault(); }
static void crash_in_softirq(void (*fault)(void))
{
	static struct timer t;

	softirq_fault = fault;
	timer_init(&t, softirq_fault_timer);
	timer_arm(&net->cpus[0]->wheel, &t, clock_ns() + NSEC_PER_SEC / 2);
}

static void boot_crash(const struct boot_info *bi)
{
	static const struct crash_context softirq = { "softirq", crash_in_softirq };
	char words[48];

	if (cmdline_get(bi->cmdline, "crash", words, sizeof(words)))
		crash(words, &softirq);
}

/* From here on the other CPUs serve too. */
static void boot_release(const struct boot_info *bi)
{
	unsigned i;

	for (i = 0; i < net->nr_cpus; i++) {
		__atomic_store_n(&cpus[i].net, net->cpus[i], __ATOMIC_RELEASE);
		if (i)
			cpu_kick(i);
	}
}

static void (*const boot_order[])(const struct boot_info *bi) = {
	boot_console, boot_cpu,	   boot_memory,	  boot_interrupts, boot_clock, boot_watchdog, boot_random, boot_cpus,
	boot_net,     boot_devices, boot_tunables, boot_rules, boot_config, boot_app,   boot_tty, boot_crash,  boot_release,
};

/* Called by boot/start.S on the boot stack, which stays the first CPU's. It draws the canary: none may guard itself. */
_Noreturn void kmain(const struct boot_info *bi);
__attribute__((no_stack_protector)) _Noreturn void kmain(const struct boot_info *bi)
{
	unsigned i;

	san_early();
	cpu_detect();
	__stack_chk_guard = random_early() & ~0xffull; /* a zero byte stops string functions */
	uart_init(0x3f8);
	panic_set_door(bi->door);
	idt_init();
	cpu_init(&cpus[0], 0);
	for (i = 0; i < ARRAY_SIZE(boot_order); i++) {
		cpus[0].turns++;
		boot_order[i](bi);
	}
	cpu_main(&cpus[0]);
}
