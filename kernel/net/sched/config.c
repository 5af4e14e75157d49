/* SPDX-License-Identifier: MIT
 * config.c - disciplines chosen at boot, by words of the kernel command line:
 *
 *	qdisc=[DEV:]KIND[,OPTION[=VALUE]]...[/KIND...]
 *	qdisc=eth0:tbf,rate=10mbit,burst=15k,latency=50ms/fq_codel,target=5ms
 *	qdisc=netem,delay=20ms,4ms,distribution=normal,loss=gemodel,1%,20%
 *
 * These are the words of tc with ',' and '=' where tc has blanks. Without a device every device but lo gets it; of several
 * words for a device the last counts. Runs once, on CPU 0, when the devices are open.
 */
#include "net/sched/config.h"
#include "core/cmdline.h"
#include "net/sched/sched_impl.h"

#define SPEC_MAX 256

static void blanks_for_commas(char *s)
{
	for (; *s; s++)
		if (*s == ',' || *s == '=')
			*s = ' ';
}

static void choose(struct net *net, struct net_device *dev, const char *kind, const char *options, const char *word)
{
	struct qdisc_request rq = { .id = kind, .options = options };
	struct qdisc_error e;

	if (qdisc_replace(net->cpus[0], dev, &rq, &e))
		log_warn("qdisc=%s: %s; %s keeps %s", word, e.text, dev->name,
			 dev->txq[0].qdisc ? dev->txq[0].qdisc->ops->id : "none");
	else
		log_info("%s: qdisc %s", dev->name, word);
}

/* "[DEV:]KIND OPTIONS", cut in place. */
static void apply(struct net *net, char *spec, const char *word)
{
	char *colon = strchr(spec, ':'), *kind = spec, *options, rest[SPEC_MAX];
	struct net_device *dev = NULL;

	if (colon) {
		*colon = 0;
		kind = colon + 1;
		dev = dev_by_name(net, spec);
		if (!dev) {
			log_warn("qdisc=%s: there is no device %s; the word is ignored", word, spec);
			return;
		}
	}
	blanks_for_commas(kind);
	for (options = kind; *options && *options != ' ' && *options != '/'; options++)
		;
	str_copy(rest, options, sizeof(rest));
	*options = 0;
	for (unsigned i = 0; i < net->nr_devs; i++)
		if (net->devs[i] && (dev ? net->devs[i] == dev : !(net->devs[i]->flags & IFF_LOOPBACK)))
			choose(net, net->devs[i], kind, rest, word);
}

void qdisc_configure(struct net *net, const char *cmdline)
{
	char key[16], spec[SPEC_MAX], word[SPEC_MAX];
	struct net_cpu *cpu = net->cpus[0];

	bh_disable(cpu);
	while (cmdline_next(&cmdline, key, sizeof(key), spec, sizeof(spec))) {
		if (strcmp(key, "qdisc"))
			continue;
		str_copy(word, spec, sizeof(word));
		apply(net, spec, word);
	}
	bh_enable(cpu);
}
