/* SPDX-License-Identifier: MIT
 * cmd_sysfs.c - `cat` and `echo`: the files of a device's queues where Linux has them in /sys, as masks of CPUs.
 *
 *   tx-N/xps_cpus  the CPUs that send through the queue (XPS); written, it takes them from their queues (net/core/dev.h)
 *   rx-N/rps_cpus  the CPUs that its frames are handed to; steer= of the kernel command line decides that for good
 */
#include "console/commands.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/dev.h"
#include "net/core/steer.h"

struct queue_file {
	struct net_device *dev;
	unsigned queue;
	bool tx;
	u32 cpus; /* to be written */
	int err;
};

static u32 all_cpus(const struct net *net) { return (1u << net->nr_cpus) - 1; }

/* What follows the beginning `word` of *at, which moves behind it; false: it begins otherwise. */
static bool take(const char **at, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*at, word, n))
		return false;
	*at += n;
	return true;
}

/* One number without a sign; false: there is none, or it is longer than any queue's. */
static bool take_number(const char **at, unsigned *n)
{
	const char *p = *at;

	for (*n = 0; *p >= '0' && *p <= '9' && p - *at < 4; p++)
		*n = *n * 10 + (unsigned)(*p - '0');
	if (p == *at)
		return false;
	*at = p;
	return true;
}

/* Is it the name of such a file, whether it exists or not? */
static bool parse(const struct net *net, const char *path, struct queue_file *f)
{
	char name[sizeof(f->dev->name)];
	const char *end;

	*f = (struct queue_file){ .dev = NULL };
	if (!take(&path, "/sys/class/net/"))
		return false;
	end = strchr(path, '/');
	if (!end || (size_t)(end - path) >= sizeof(name))
		return false;
	memcpy(name, path, (size_t)(end - path));
	name[end - path] = '\0';
	path = end;
	f->dev = dev_by_name((struct net *)net, name);
	if (!take(&path, "/queues/"))
		return false;
	f->tx = take(&path, "tx-");
	if ((!f->tx && !take(&path, "rx-")) || !take_number(&path, &f->queue))
		return false;
	return !strcmp(path, f->tx ? "/xps_cpus" : "/rps_cpus");
}

/* 0, or -errno and the reason is printed. */
static int find(struct console_call *c, const char *path, struct queue_file *f)
{
	if (!parse(c->cpu->net, path, f))
		return console_usage(c, path);
	if (!f->dev) {
		out_printf(c->out, "%s: %s: no such device; `ip link` lists them\n", c->argv[0], path);
		return -ENODEV;
	}
	if (f->queue < f->dev->nr_channels)
		return 0;
	out_printf(c->out, "%s: %s: %s uses %u pair%s of queues, counted from 0\n", c->argv[0], path, f->dev->name, f->dev->nr_channels,
		   f->dev->nr_channels > 1 ? "s" : "");
	return -ENOENT;
}

/* As Linux prints them: a hexadecimal digit for four CPUs. */
static void print_cpus(struct console_call *c, u32 cpus)
{
	out_printf(c->out, "%0*x\n", (int)(c->cpu->net->nr_cpus + 3) / 4, cpus);
}

int cmd_cat(struct console_call *c)
{
	struct queue_file f;

	if (c->argc < 2)
		return console_usage(c, NULL);
	for (int i = 1; i < c->argc; i++) {
		const struct steer *s = c->cpu->net->steer;
		int err = find(c, c->argv[i], &f);

		if (err)
			return err;
		print_cpus(c, f.tx ? dev_xps(f.dev, f.queue) : s->nr_owners > 1 ? all_cpus(c->cpu->net) : 0);
	}
	return 0;
}

/* Digits of a hexadecimal mask with a bit for CPUs there are, one at least. */
static bool parse_cpus(const char *text, u32 all, u32 *cpus)
{
	const char *p = text;

	for (*cpus = 0; *p && p - text < 8; p++) {
		unsigned digit = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0') : (unsigned)((*p | 0x20) - 'a' + 10);

		if (digit > 15)
			return false;
		*cpus = *cpus << 4 | digit;
	}
	return p > text && !*p && !(*cpus & ~all);
}

static void write_cpus(struct console_call *c, void *arg)
{
	struct queue_file *f = arg;

	if (c->cpu->id == f->dev->txq[0].cpu)
		f->err = dev_set_xps(f->dev, f->queue, f->cpus);
}

/* echo MASK > FILE */
int cmd_echo(struct console_call *c)
{
	u32 all = all_cpus(c->cpu->net);
	struct queue_file f;
	int err;

	if (c->argc != 4 || strcmp(c->argv[2], ">"))
		return console_usage(c, c->argc > 1 ? c->argv[c->argc > 2 && !strcmp(c->argv[2], ">") ? c->argc - 1 : 1] : NULL);
	err = find(c, c->argv[3], &f);
	if (err)
		return err;
	if (!c->may_change)
		return console_refuse(c);
	if (!f.tx) {
		out_printf(c->out, "echo: %s: a flow never moves: steer=rss, rps or off of the kernel command line decides\n", c->argv[3]);
		return -EPERM;
	}
	if (!parse_cpus(c->argv[1], all, &f.cpus)) {
		out_printf(c->out, "echo: '%s' is no mask of CPUs: allowed is hexadecimal, 0 to %x\n", c->argv[1], all);
		return -EINVAL;
	}
	console_on_each_cpu(c, write_cpus, &f);
	if (f.err)
		out_printf(c->out, "echo: '%s': %s uses one pair of queues: each CPU sends through it, allowed is %x\n", c->argv[1],
			   f.dev->name, all);
	return f.err;
}
