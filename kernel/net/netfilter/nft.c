/* SPDX-License-Identifier: MIT
 * nft.c - the rulesets of the CPUs: how one is changed, swapped in, printed. Owns cpu->nft. Control path.
 *
 * CPU 0's ruleset is the one that is edited. A change is made on a copy; when all of it was understood, each CPU gets a
 * copy of its own by inbox and puts it in the place of its old one between two packets, counters and buckets taken over.
 */
#include "net/netfilter/nft_impl.h"
#include "core/cmdline.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "net/netfilter/nat.h"

static size_t ruleset_size(unsigned nr_rules)
{
	return sizeof(struct nft_ruleset) + nr_rules * sizeof(struct nft_rule);
}

static void ruleset_free(struct nft_ruleset *rs)
{
	if (rs)
		kfree(rs->elems);
	kfree(rs);
}

/* With room for so many rules, and elements of sets. */
static struct nft_ruleset *ruleset_copy(const struct nft_ruleset *rs, unsigned rules, unsigned elems)
{
	struct nft_ruleset *copy = kmalloc(ruleset_size(rules));

	if (!copy)
		return NULL;
	memcpy(copy, rs, ruleset_size(rs->nr_rules));
	copy->elems = elems ? kmalloc(elems * sizeof(copy->elems[0])) : NULL;
	if (elems && !copy->elems) {
		kfree(copy);
		return NULL;
	}
	if (rs->nr_elems)
		memcpy(copy->elems, rs->elems, rs->nr_elems * sizeof(copy->elems[0]));
	return copy;
}

void nft_ruleset_reset(struct nft_ruleset *rs)
{
	rs->nr_rules = rs->nr_sets = rs->nr_elems = 0;
	rs->nr_chains = NR_NF_HOOKS;
	rs->nr_tables = 1;
	str_copy(rs->tables[0].name, "filter", NFT_NAME);
	for (const struct nft_name *n = nft_hooks; n->name; n++) {
		struct nft_chain *c = &rs->chains[n->value];

		*c = (struct nft_chain){ .base = true, .hook = n->value, .priority = n->value == NF_PRE_ROUTING ? -150 : 0 };
		str_copy(c->name, n->name, NFT_NAME);
	}
}

static struct nft_ruleset *ruleset_create(void)
{
	struct nft_ruleset *rs = kzalloc(ruleset_size(0));

	if (!rs)
		return NULL;
	rs->next_handle = 1;
	nft_ruleset_reset(rs);
	return rs;
}

/* ---- swapping ---- */
static const struct nft_rule *find_handle(const struct nft_ruleset *rs, u32 handle)
{
	for (unsigned i = 0; i < rs->nr_rules; i++)
		if (rs->rules[i].handle == handle)
			return &rs->rules[i];
	return NULL;
}

static void take_over(struct nft_ruleset *rs, const struct nft_ruleset *old)
{
	for (unsigned i = 0; i < rs->nr_rules; i++) {
		struct nft_rule *r = &rs->rules[i];
		const struct nft_rule *was = find_handle(old, r->handle);

		if (!was)
			continue;
		r->packets = was->packets;
		r->bytes = was->bytes;
		r->tokens_at = was->tokens_at;
	}
}

static void *priv_of(unsigned chain) { return (void *)(uintptr_t)chain; }

static void unhook_chains(struct net_cpu *cpu, const struct nft_ruleset *rs)
{
	for (unsigned i = 0; i < rs->nr_chains; i++)
		if (rs->chains[i].base && !rs->chains[i].nat)
			nf_unregister_hook(cpu, rs->chains[i].hook, nft_hook, priv_of(i));
}

/* Base chains of type nat are not called by hooks, but by NAT for the packets that concern them. */
static void hook_chains(struct net_cpu *cpu, const struct nft_ruleset *rs)
{
	for (unsigned i = 0; i < rs->nr_chains; i++) {
		const struct nft_chain *c = &rs->chains[i];

		if (!c->base || c->nat || nft_is_idle(c))
			continue;
		if (nf_register_hook(cpu, c->hook, nft_hook, priv_of(i), c->priority))
			log_err("nft: no place at its hook for chain %s", c->name);
	}
}

/* Connections are tracked while a rule asks for them, or for NAT; and translated from the first nat chain on. */
static void track_connections(struct net_cpu *cpu, const struct nft_ruleset *rs)
{
	bool track = false, nat = false;
	int err;

	for (unsigned i = 0; i < rs->nr_rules; i++)
		track |= (rs->rules[i].has & NFT_CT) != 0;
	for (unsigned i = 0; i < rs->nr_chains; i++)
		nat |= rs->chains[i].nat;
	err = ct_set(cpu, track || nat);
	if (!err && nat)
		err = nat_enable(cpu);
	if (err)
		log_err("nft: connections are not %s: %s", nat ? "translated" : "tracked", errno_text(err));
	ct_flow_forget(cpu);
}

static void install(struct net_cpu *cpu, struct nft_ruleset *rs)
{
	struct nft_cpu *n = cpu->nft;

	if (n->rules->version != rs->version)
		take_over(rs, n->rules);
	ruleset_free(n->retired);
	n->retired = n->rules;
	unhook_chains(cpu, n->rules);
	WRITE_ONCE(n->rules, rs);
	hook_chains(cpu, rs);
	track_connections(cpu, rs);
}

static void ruleset_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	install(cpu, container_of(msg, struct nft_ruleset, msg));
}

/* New rules begin with what "counter packets N" said on CPU 0 alone. */
static void clear_new(struct nft_ruleset *rs, const struct nft_ruleset *old)
{
	for (unsigned i = 0; i < rs->nr_rules; i++)
		if (!find_handle(old, rs->rules[i].handle))
			rs->rules[i].packets = rs->rules[i].bytes = 0;
}

/* Copies for all CPUs are made before the first is sent. */
static int distribute(struct net *net, struct nft_ruleset *edited)
{
	struct nft_ruleset *copies[MAX_CPUS];
	unsigned nr;

	edited->version++;
	for (nr = 0; nr < net->nr_cpus; nr++) {
		copies[nr] = ruleset_copy(edited, edited->nr_rules, edited->nr_elems);
		if (!copies[nr]) {
			while (nr)
				ruleset_free(copies[--nr]);
			return -ENOMEM;
		}
	}
	for (unsigned i = 1; i < nr; i++) {
		clear_new(copies[i], net->cpus[0]->nft->rules);
		copies[i]->msg.fn = ruleset_rcv;
		if (inbox_post(net->cpus[0], net->cpus[i], &copies[i]->msg))
			continue;
		log_err("nft: CPU %u keeps its old rules, its inbox is full", i);
		ruleset_free(copies[i]);
	}
	install(net->cpus[0], copies[0]);
	return 0;
}

int nft_run(struct net *net, const char *text, struct nft_error *err)
{
	struct nft_ruleset *edited = ruleset_copy(net->cpus[0]->nft->rules, NFT_RULES_MAX, NFT_ELEMS_MAX);
	int ret;

	*err = (struct nft_error){ 0 };
	if (!edited)
		return -ENOMEM;
	ret = nft_parse(edited, text, err) ? distribute(net, edited) : -EINVAL;
	ruleset_free(edited);
	return ret;
}

/* ---- printing ---- */
/* The rule as CPU 0 has it, with the counters of all. */
static struct nft_rule summed(struct net *net, const struct nft_rule *r)
{
	struct nft_rule sum = *r;
	struct net_cpu *cpu;
	unsigned i;

	for_each_cpu(net, cpu, i) {
		const struct nft_rule *other = i ? find_handle(READ_ONCE(cpu->nft->rules), r->handle) : NULL;

		if (other) {
			sum.packets += other->packets;
			sum.bytes += other->bytes;
		}
	}
	return sum;
}

struct printer {
	struct net *net;
	bool handles;
	void (*line)(void *arg, const char *text);
	void *arg;
};

static void list_chain(const struct printer *p, const struct nft_ruleset *rs, unsigned chain)
{
	const struct nft_chain *c = &rs->chains[chain];
	char text[NFT_LINE_MAX], line[NFT_LINE_MAX + 32];

	snprintf(line, sizeof(line), "\tchain %s {", c->name);
	p->line(p->arg, line);
	if (c->base) {
		nft_print_place(c, text);
		snprintf(line, sizeof(line), "\t\t%s", text);
		p->line(p->arg, line);
	}
	for (unsigned i = c->first; i < c->first + c->nr; i++) {
		struct nft_rule r = summed(p->net, &rs->rules[i]);

		nft_print_rule(rs, &r, text);
		if (p->handles)
			snprintf(line, sizeof(line), "\t\t%s # handle %u", text, r.handle);
		else
			snprintf(line, sizeof(line), "\t\t%s", text);
		p->line(p->arg, line);
	}
	p->line(p->arg, "\t}");
}

static void list_table(const struct printer *p, const struct nft_ruleset *rs, unsigned table)
{
	const struct nft_name *family = nft_families;
	char line[NFT_NAME + 16];
	bool any = table != 0; /* table filter is there without being asked for */

	for (unsigned i = 0; i < rs->nr_chains; i++)
		any |= rs->chains[i].table == table && (i >= NR_NF_HOOKS || !nft_is_idle(&rs->chains[i]));
	for (unsigned i = 0; i < rs->nr_sets; i++)
		any |= rs->sets[i].table == table;
	if (!any)
		return;
	while (family->value != rs->tables[table].family)
		family++;
	snprintf(line, sizeof(line), "table %s %s {", family->name, rs->tables[table].name);
	p->line(p->arg, line);
	any = false;
	for (unsigned i = 0; i < rs->nr_sets; i++) {
		if (rs->sets[i].table != table)
			continue;
		if (any)
			p->line(p->arg, "");
		nft_list_set(rs, &rs->sets[i], p->line, p->arg);
		any = true;
	}
	for (unsigned i = 0; i < rs->nr_chains; i++) {
		if (rs->chains[i].table != table || (i < NR_NF_HOOKS && nft_is_idle(&rs->chains[i])))
			continue;
		if (any)
			p->line(p->arg, "");
		list_chain(p, rs, i);
		any = true;
	}
	p->line(p->arg, "}");
}

void nft_list(struct net *net, bool handles, void (*line)(void *arg, const char *text), void *arg)
{
	struct printer p = { net, handles, line, arg };
	const struct nft_ruleset *rs = net->cpus[0]->nft->rules;

	for (unsigned i = 0; i < rs->nr_tables; i++)
		list_table(&p, rs, i);
}

/* ---- boot ---- */
static void boot_rules(struct net *net, const char *from, const char *text)
{
	struct nft_error err;
	int ret = nft_run(net, text, &err);

	if (ret == -EINVAL)
		log_err("%s: line %u, column %u: %s; none of its rules is in force", from, err.line, err.column, err.reason);
	else if (ret)
		log_err("%s: %s; none of its rules is in force", from, errno_text(ret));
}

void nft_boot(struct net *net, const char *cmdline, const char *file, const char *name)
{
	char key[8], *value = kmalloc(CMDLINE_MAX);
	bool any = false;

	if (!value) {
		log_err("nft=: no memory");
		return;
	}
	while (cmdline_next(&cmdline, key, sizeof(key), value, CMDLINE_MAX)) {
		if (strcmp(key, "nft"))
			continue;
		boot_rules(net, "nft=", value);
		any = true;
	}
	kfree(value);
	if (file && !any)
		boot_rules(net, name, file);
	else if (file)
		log_notice("%s: left aside, the command line has rules", name);
}

int nft_cpu_init(struct net_cpu *cpu)
{
	cpu->nft = kzalloc(sizeof(*cpu->nft));
	if (!cpu->nft)
		return -ENOMEM;
	cpu->nft->rules = ruleset_create();
	if (cpu->nft->rules)
		return 0;
	kfree(cpu->nft);
	cpu->nft = NULL;
	return -ENOMEM;
}

void nft_cpu_destroy(struct net_cpu *cpu)
{
	ruleset_free(cpu->nft->rules);
	ruleset_free(cpu->nft->retired);
	kfree(cpu->nft);
	cpu->nft = NULL;
}
