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

static const int priorities[NR_NF_HOOKS] = {
	[NF_PRE_ROUTING] = -150, [NF_LOCAL_IN] = 0, [NF_FORWARD] = 0, [NF_LOCAL_OUT] = 0, [NF_POST_ROUTING] = 0,
};

static size_t ruleset_size(unsigned nr_rules)
{
	return sizeof(struct nft_ruleset) + nr_rules * sizeof(struct nft_rule);
}

static struct nft_ruleset *ruleset_copy(const struct nft_ruleset *rs, unsigned room)
{
	struct nft_ruleset *copy = kmalloc(ruleset_size(room));

	if (copy)
		memcpy(copy, rs, ruleset_size(rs->nr_rules));
	return copy;
}

static struct nft_ruleset *ruleset_create(void)
{
	struct nft_ruleset *rs = kzalloc(ruleset_size(0));

	if (!rs)
		return NULL;
	rs->nr_chains = NR_NF_HOOKS;
	rs->next_handle = 1;
	for (const struct nft_name *n = nft_hooks; n->name; n++)
		str_copy(rs->chains[n->value].name, n->name, NFT_NAME);
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

static void hook_chains(struct net_cpu *cpu)
{
	struct nft_cpu *n = cpu->nft;

	for (unsigned h = 0; h < NR_NF_HOOKS; h++) {
		const struct nft_chain *c = &n->rules->chains[h];
		bool wanted = c->nr || c->drop, there = n->hooked >> h & 1;

		if (wanted == there)
			continue;
		if (there)
			nf_unregister_hook(cpu, h, nft_hook, NULL);
		else if (nf_register_hook(cpu, h, nft_hook, NULL, priorities[h]))
			log_err("nft: no place at hook %s", c->name);
		n->hooked ^= 1u << h;
	}
}

/* Connections are tracked while a rule asks for them. */
static void track_connections(struct net_cpu *cpu)
{
	const struct nft_ruleset *rs = cpu->nft->rules;
	bool wanted = false;
	int err;

	for (unsigned i = 0; i < rs->nr_rules; i++)
		wanted |= (rs->rules[i].has & NFT_CT) != 0;
	err = ct_set(cpu, wanted);
	if (err)
		log_err("nft: connections are not tracked: %s", errno_text(err));
}

static void install(struct net_cpu *cpu, struct nft_ruleset *rs)
{
	struct nft_cpu *n = cpu->nft;

	if (n->rules->version != rs->version)
		take_over(rs, n->rules);
	kfree(n->retired);
	n->retired = n->rules;
	WRITE_ONCE(n->rules, rs);
	hook_chains(cpu);
	track_connections(cpu);
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
		copies[nr] = ruleset_copy(edited, edited->nr_rules);
		if (!copies[nr]) {
			while (nr)
				kfree(copies[--nr]);
			return -ENOMEM;
		}
	}
	for (unsigned i = 1; i < nr; i++) {
		clear_new(copies[i], net->cpus[0]->nft->rules);
		copies[i]->msg.fn = ruleset_rcv;
		if (inbox_post(net->cpus[0], net->cpus[i], &copies[i]->msg))
			continue;
		log_err("nft: CPU %u keeps its old rules, its inbox is full", i);
		kfree(copies[i]);
	}
	install(net->cpus[0], copies[0]);
	return 0;
}

int nft_run(struct net *net, const char *text, struct nft_error *err)
{
	struct nft_ruleset *edited = ruleset_copy(net->cpus[0]->nft->rules, NFT_RULES_MAX);
	int ret;

	*err = (struct nft_error){ 0 };
	if (!edited)
		return -ENOMEM;
	ret = nft_parse(edited, text, err) ? distribute(net, edited) : -EINVAL;
	kfree(edited);
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
	static const char *const kinds[] = { "mangle", "filter", "filter", "filter", "filter" };
	const struct nft_chain *c = &rs->chains[chain];
	char text[NFT_LINE_MAX], line[NFT_LINE_MAX + 32];

	snprintf(line, sizeof(line), "\tchain %s {", c->name);
	p->line(p->arg, line);
	if (chain < NR_NF_HOOKS) {
		snprintf(line, sizeof(line), "\t\ttype filter hook %s priority %s; policy %s;", c->name, kinds[chain],
			 c->drop ? "drop" : "accept");
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

void nft_list(struct net *net, bool handles, void (*line)(void *arg, const char *text), void *arg)
{
	struct printer p = { net, handles, line, arg };
	const struct nft_ruleset *rs = net->cpus[0]->nft->rules;
	bool any = rs->nr_chains > NR_NF_HOOKS;

	for (unsigned i = 0; i < rs->nr_chains; i++)
		any |= rs->chains[i].nr || rs->chains[i].drop;
	if (!any)
		return;
	line(arg, "table ip filter {");
	for (unsigned i = 0; i < rs->nr_chains; i++)
		if (i >= NR_NF_HOOKS || rs->chains[i].nr || rs->chains[i].drop)
			list_chain(&p, rs, i);
	line(arg, "}");
}

/* ---- boot ---- */
static void boot_rules(struct net *net, const char *text)
{
	struct nft_error err;
	int ret = nft_run(net, text, &err);

	if (ret == -EINVAL)
		log_err("nft=: line %u, column %u: %s; none of its rules is in force", err.line, err.column, err.reason);
	else if (ret)
		log_err("nft=: %s; none of its rules is in force", errno_text(ret));
}

void nft_boot(struct net *net, const char *cmdline)
{
	char key[8], *value = kmalloc(CMDLINE_MAX);

	if (!value) {
		log_err("nft=: no memory");
		return;
	}
	while (cmdline_next(&cmdline, key, sizeof(key), value, CMDLINE_MAX))
		if (!strcmp(key, "nft"))
			boot_rules(net, value);
	kfree(value);
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
	kfree(cpu->nft->rules);
	kfree(cpu->nft->retired);
	kfree(cpu->nft);
	cpu->nft = NULL;
}
