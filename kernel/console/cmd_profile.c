/* SPDX-License-Identifier: MIT
 * cmd_profile.c - `profile on|off|show`: where the CPUs spend their time. `show` prints folded stacks, one a line with its
 * count, as flame graph tools read them; what begins with '#' is for people.
 */
#include "console/commands.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "platform.h"

#define STACK_TEXT 1024

static int show(struct console_call *c)
{
	char *text = kmalloc(STACK_TEXT);
	struct platform_profile_totals t;
	struct net_cpu *cpu;
	unsigned i, k;
	u32 n;

	if (!text)
		return -ENOMEM;
	for_each_cpu(c->cpu->net, cpu, i) {
		if (!platform_profile_totals(i, &t))
			continue;
		out_printf(c->out, "# cpu%u: %llu samples, %llu idle, %llu lost\n", i, (unsigned long long)t.samples,
			   (unsigned long long)t.idle, (unsigned long long)t.lost);
		for (k = 0; k < PLATFORM_PROFILE_STACKS && !c->stop; k++) {
			n = platform_profile_stack(i, k, text, STACK_TEXT);
			if (!n)
				continue;
			out_printf(c->out, "cpu%u;", i);
			c->out->write(c->out, text, strlen(text));
			out_printf(c->out, " %u\n", n);
		}
	}
	kfree(text);
	return 0;
}

int cmd_profile(struct console_call *c)
{
	const char *what = c->argc == 2 ? c->argv[1] : "";
	bool on = !strcmp(what, "on");
	int err;

	if (!strcmp(what, "show"))
		return show(c);
	if (!on && strcmp(what, "off"))
		return console_usage(c, c->argc > 1 ? c->argv[c->argc - 1] : NULL);
	if (!c->may_change)
		return console_refuse(c);
	err = platform_profile(c->cpu->net->nr_cpus, on);
	if (err)
		out_printf(c->out, "profile: %s\n", errno_text(err));
	return err;
}
