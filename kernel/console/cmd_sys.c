/* SPDX-License-Identifier: MIT
 * cmd_sys.c - the machine and its tunables: sysctl, slab, dmesg, poweroff, reboot.
 */
#include "console/commands.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/core/skbuff.h"
#include "platform.h"

static int print_sysctl(struct console_call *c, const char *name)
{
	char value[96];
	int len = net_sysctl_get(c->cpu->net, name, value, sizeof(value));

	if (len < 0) {
		out_printf(c->out, "sysctl: no such tunable '%s'; `sysctl -a` lists them\n", name);
		return len;
	}
	out_printf(c->out, "%s = %s\n", name, value);
	return 0;
}

static void print_all(struct console_call *c)
{
	const struct net_sysctl_row *r;
	unsigned i;

	for (i = 0; (r = net_sysctl_row(i)); i++)
		if (!r->component)
			print_sysctl(c, r->name);
}

/* "name=value"; `eq` is where the '=' stands. */
static int set_sysctl(struct console_call *c, char *word, char *eq)
{
	char why[160];
	int err;

	if (!c->may_change)
		return console_refuse(c);
	*eq = '\0';
	err = net_sysctl_set(c->cpu->net, word, eq + 1);
	if (!err)
		return print_sysctl(c, word);
	net_sysctl_why(word, err, why, sizeof(why));
	out_printf(c->out, "sysctl: '%s' is refused for %s: %s\n", eq + 1, word, why);
	return err;
}

int cmd_sysctl(struct console_call *c)
{
	int i, err = 0;
	char *eq;

	if (c->argc < 2)
		return console_usage(c, NULL);
	if (c->argc == 2 && !strcmp(c->argv[1], "-a")) {
		print_all(c);
		return 0;
	}
	if (c->argv[1][0] == '-')
		return console_usage(c, c->argv[strcmp(c->argv[1], "-a") ? 1 : 2]);
	for (i = 1; i < c->argc && !err; i++) {
		eq = strchr(c->argv[i], '=');
		err = eq ? set_sysctl(c, c->argv[i], eq) : print_sysctl(c, c->argv[i]);
	}
	return err;
}

int cmd_slab(struct console_call *c)
{
	struct net_cpu *cpu;
	u64 free, total;
	unsigned i;

	if (c->argc > 1)
		return console_usage(c, c->argv[1]);
	mem_totals(&free, &total);
	out_printf(c->out, "memory: %llu KiB in all, %llu KiB free; taken %llu times by kmalloc or as pages\n",
		   (unsigned long long)total / 1024, (unsigned long long)free / 1024, (unsigned long long)mem_allocs());
	for_each_cpu(c->cpu->net, cpu, i) {
		const struct skb_pool *p = cpu->skb_pool;

		out_printf(c->out, "cpu%u: skbs %u of %u free (%llu refused), buffers %u of %u free, fewest %u (%llu refused)\n", i,
			   p->nr_free_skbs, p->nr_skbs, (unsigned long long)p->skb_fail, p->nr_free_bufs, p->nr_bufs,
			   p->low_bufs, (unsigned long long)p->buf_fail);
	}
	return 0;
}

/* A line in the ring begins with its level: "<6>[    0.000000] text". */
int cmd_dmesg(struct console_call *c)
{
	char line[LOG_LINE];
	u64 pos = 0;

	if (c->argc > 1)
		return console_usage(c, c->argv[1]);
	while (log_read(&pos, line))
		out_printf(c->out, "%s\n", line[0] == '<' && line[1] && line[2] == '>' ? line + 3 : line);
	return 0;
}

static int machine_ends(struct console_call *c, void (*end)(void))
{
	if (c->argc > 1)
		return console_usage(c, c->argv[1]);
	if (!c->may_change)
		return console_refuse(c);
	if (c->cpu->net->shutdown) {
		c->cpu->net->shutdown(c->cpu->net, end);
		out_printf(c->out, "%s: once what is under way is finished\n", c->argv[0]);
		return 0;
	}
	end();
	out_printf(c->out, "%s: this machine does not know how\n", c->argv[0]);
	return -ENOSYS;
}

int cmd_poweroff(struct console_call *c)
{
	return machine_ends(c, platform_poweroff);
}

int cmd_reboot(struct console_call *c)
{
	return machine_ends(c, platform_reboot);
}
