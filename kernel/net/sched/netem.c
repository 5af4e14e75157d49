/* SPDX-License-Identifier: MIT
 * netem.c - a bad link, played: delay, jitter, loss, duplicates, reordering, corruption, rate.
 *
 * Each skb gets the time at which it leaves and waits in a tree ordered by it. Chance comes from a generator of the
 * discipline, seeded from the stack's secret (or by `seed`, for the same run again). Frames are taken as they are on the wire, so
 * that a lost one is one packet: large ones are split before. Deviation from Linux: 4-state and ECN loss are not there.
 */
#include "lib/rbtree.h"
#include "net/sched/netem_dist.h"

struct chance {
	u64 part, correlation; /* of SCHED_ONE; of one draw with the one before */
};

enum loss_model { LOSS_RANDOM, LOSS_GEMODEL };

struct netem_params {
	u64 limit, delay, jitter, delay_correlation, distribution;
	u64 rate, overhead;     /* bits a second (0: no limit), bytes on top of each frame */
	u64 reorder_gap, seed;
	u64 loss_model;
	struct chance loss, duplicate, reorder, corrupt;
	u64 p, r, loss_bad, loss_good; /* Gilbert-Elliott: good to bad, bad to good, losses in each state */
};

struct netem {
	struct netem_params p;
	struct rb_root tree;
	u64 rng;
	u32 last_delay, last_loss, last_duplicate, last_reorder, last_corrupt; /* draws, for the correlated ones */
	u32 in_order;       /* frames since the last that went ahead */
	bool bad_state;     /* of the loss model */
	u64 link_free_ns;   /* the rate's: when the last frame's last bit is out */
	s32 *table;         /* of the distribution; NULL: uniform */
};

struct netem_cb { /* in skb->cb */
	u64 leave_ns;
	struct rb_node node;
};
_Static_assert(sizeof(struct netem_cb) <= sizeof(((struct sk_buff *)0)->cb), "fits an skb");

static inline struct netem_cb *netem_cb(struct sk_buff *skb) { return (struct netem_cb *)skb->cb; }
static inline struct sk_buff *skb_of(struct rb_node *n)
{
	return (struct sk_buff *)((u8 *)rb_entry(n, struct netem_cb, node) - offsetof(struct sk_buff, cb));
}

/* ---------------------------------------------------------------- options */

#define DELAY_MAX  (3600 * NSEC_PER_SEC)
#define JITTER_MAX (2 * NSEC_PER_SEC) /* twice that fits 32 bits */

static int read_percent(struct sched_words *w, const char *what, u64 *out)
{
	return sched_value(w, what, UNIT_PERCENT, 0, SCHED_ONE, out);
}

/* "P [CORRELATION]" */
static int read_chance(struct sched_words *w, const char *what, struct chance *c)
{
	int err = read_percent(w, what, &c->part);

	c->correlation = 0;
	if (!err && sched_number_follows(w))
		err = read_percent(w, what, &c->correlation);
	return err;
}

/* delay TIME [JITTER [CORRELATION]] */
static int read_delay(struct sched_words *w, void *params)
{
	struct netem_params *p = params;
	int err = sched_value(w, "delay", UNIT_TIME, 0, DELAY_MAX, &p->delay);

	p->jitter = p->delay_correlation = 0;
	if (!err && sched_number_follows(w))
		err = sched_value(w, "jitter", UNIT_TIME, 0, JITTER_MAX, &p->jitter);
	if (!err && p->jitter && sched_number_follows(w))
		err = read_percent(w, "delay", &p->delay_correlation);
	return err;
}

static int read_distribution(struct sched_words *w, void *params)
{
	struct netem_params *p = params;

	if (!sched_word(w))
		return qdisc_refuse(w->error, "netem: distribution needs a name: %s", NETEM_DIST_NAMES);
	for (p->distribution = 0; netem_dist_name(p->distribution); p->distribution++)
		if (!strcmp(netem_dist_name(p->distribution), w->word))
			return 0;
	return qdisc_refuse(w->error, "netem: distribution '%s' is none of %s", w->word, NETEM_DIST_NAMES);
}

/* loss [random] P [CORRELATION], or loss gemodel P [R [1-H [1-K]]]; what is left out as in Linux. */
static int read_loss(struct sched_words *w, void *params)
{
	struct netem_params *p = params;
	u64 *const ge[] = { &p->p, &p->r, &p->loss_bad, &p->loss_good };
	int err = 0;

	p->loss_model = LOSS_RANDOM;
	if (sched_number_follows(w))
		return read_chance(w, "loss", &p->loss);
	if (!sched_word(w))
		return qdisc_refuse(w->error, "netem: loss needs a percentage, or gemodel P [R [1-H [1-K]]]");
	if (!strcmp(w->word, "random"))
		return read_chance(w, "loss", &p->loss);
	if (strcmp(w->word, "gemodel"))
		return qdisc_refuse(w->error, "netem: loss '%s' is not a percentage, random or gemodel", w->word);
	p->loss_model = LOSS_GEMODEL;
	for (unsigned i = 0; i < ARRAY_SIZE(ge) && !err && (!i || sched_number_follows(w)); i++) {
		err = read_percent(w, "loss gemodel", ge[i]);
		if (!i) {
			p->r = SCHED_ONE - MIN(p->p, SCHED_ONE);
			p->loss_bad = SCHED_ONE;
			p->loss_good = 0;
		}
	}
	return err;
}

static int read_duplicate(struct sched_words *w, void *params)
{
	return read_chance(w, "duplicate", &((struct netem_params *)params)->duplicate);
}

static int read_corrupt(struct sched_words *w, void *params)
{
	return read_chance(w, "corrupt", &((struct netem_params *)params)->corrupt);
}

static int read_reorder(struct sched_words *w, void *params)
{
	struct netem_params *p = params;

	p->reorder_gap = p->reorder_gap ?: 1;
	return read_chance(w, "reorder", &p->reorder);
}

/* rate RATE [OVERHEAD] */
static int read_rate(struct sched_words *w, void *params)
{
	struct netem_params *p = params;
	int err = sched_value(w, "rate", UNIT_RATE, 1000, 1000000000000, &p->rate);

	if (!err && sched_number_follows(w))
		err = sched_value(w, "rate overhead", UNIT_BYTES, 0, 1024, &p->overhead);
	return err;
}

static const struct netem_params defaults = { .limit = 1000 };
static const struct sched_option options[] = {
	SCHED_OPTION("limit", UNIT_PACKETS, struct netem_params, limit, 1, 1000000),
	SCHED_READ("delay", read_delay),
	SCHED_READ("latency", read_delay),
	SCHED_READ("distribution", read_distribution),
	SCHED_READ("loss", read_loss),
	SCHED_READ("drop", read_loss),
	SCHED_READ("duplicate", read_duplicate),
	SCHED_READ("reorder", read_reorder),
	SCHED_OPTION("gap", UNIT_NUMBER, struct netem_params, reorder_gap, 1, 1000000),
	SCHED_READ("corrupt", read_corrupt),
	SCHED_READ("rate", read_rate),
	SCHED_OPTION("seed", UNIT_NUMBER, struct netem_params, seed, 1, UINT64_MAX),
	{ 0 },
};

static int netem_init(struct net_cpu *cpu, struct qdisc *q, const struct qdisc_args *args)
{
	struct netem *n = qdisc_priv(q);
	int err = sched_parse(q, args, options, &defaults, sizeof(n->p), NULL);

	if (err)
		return err;
	if (n->p.reorder.part && !n->p.delay)
		return qdisc_refuse(args->error, "netem: reorder needs a delay that a frame can go ahead of");
	if (n->p.distribution && !n->p.jitter)
		return qdisc_refuse(args->error, "netem: a distribution needs a jitter: delay TIME JITTER");
	if (n->p.distribution && !(n->table = netem_dist_create(n->p.distribution)))
		return -ENOMEM;
	if (!n->p.seed)
		n->p.seed = siphash_3u64(cpu->now_ns, q->txq->dev->ifindex, q->txq->index, &cpu->net->hash_key) | 1;
	n->rng = n->p.seed * 0x9e3779b97f4a7c15ull ?: 1;
	q->limit = (u32)n->p.limit;
	return 0;
}

static void netem_destroy(struct net_cpu *cpu, struct qdisc *q)
{
	kfree(((struct netem *)qdisc_priv(q))->table);
}

/* ---------------------------------------------------------------- chance */

static u32 draw(struct netem *n) /* xorshift64* */
{
	n->rng ^= n->rng >> 12;
	n->rng ^= n->rng << 25;
	n->rng ^= n->rng >> 27;
	return (u32)(n->rng * 0x2545f4914f6cdd1dull >> 32);
}

/* A draw that leans to the last one. */
static u32 draw_correlated(struct netem *n, u64 correlation, u32 *last)
{
	u32 v = draw(n);

	if (correlation)
		v = (u32)((v * (SCHED_ONE - correlation) + *last * correlation) >> 32);
	*last = v;
	return v;
}

static bool happens(struct netem *n, const struct chance *c, u32 *last)
{
	return c->part && draw_correlated(n, c->correlation, last) < c->part;
}

/* One step of the two-state chain, then the chance of the state it is in before the step. */
static bool gemodel_loses(struct netem *n)
{
	bool bad = n->bad_state;

	if (draw(n) < (bad ? n->p.r : n->p.p))
		n->bad_state = !bad;
	return draw(n) < (bad ? n->p.loss_bad : n->p.loss_good);
}

static bool is_lost(struct netem *n)
{
	if (n->p.loss_model == LOSS_GEMODEL)
		return gemodel_loses(n);
	return happens(n, &n->p.loss, &n->last_loss);
}

static u64 draw_delay(struct netem *n)
{
	s64 off;
	u32 v;

	if (!n->p.jitter)
		return n->p.delay;
	v = draw_correlated(n, n->p.delay_correlation, &n->last_delay);
	if (n->table)
		off = (s64)n->p.jitter * n->table[v >> (32 - NETEM_DIST_SHIFT)] / NETEM_DIST_SCALE;
	else
		off = (s64)((u64)v * (2 * n->p.jitter) >> 32) - (s64)n->p.jitter;
	return off < 0 && (u64)-off > n->p.delay ? 0 : n->p.delay + (u64)off;
}

/* One bit of a copy of its own: the payload may be sent again. */
static struct sk_buff *corrupt(struct net_cpu *cpu, struct netem *n, struct sk_buff *skb)
{
	struct sk_buff *copy = skb_copy(cpu, skb);

	if (!copy)
		return skb;
	consume_skb(cpu, skb);
	if (copy->ip_summed == CHECKSUM_PARTIAL)
		skb_checksum_help(cpu, copy);
	if (skb_headlen(copy))
		copy->data[draw(n) % skb_headlen(copy)] ^= (u8)(1u << draw(n) % 8);
	return copy;
}

/* ---------------------------------------------------------------- the queue */

static void insert(struct qdisc *q, struct sk_buff *skb, u64 leave_ns)
{
	struct netem *n = qdisc_priv(q);
	struct rb_node **link = &n->tree.node, *parent = NULL;

	netem_cb(skb)->leave_ns = leave_ns;
	while (*link) {
		parent = *link;
		link = leave_ns < rb_entry(parent, struct netem_cb, node)->leave_ns ? &parent->left : &parent->right;
	}
	rb_insert(&n->tree, &netem_cb(skb)->node, parent, link);
	qdisc_added(q, skb);
}

/* Frames leave the link one after the other, each in the time that its bits take. */
static u64 link_time(struct netem *n, const struct sk_buff *skb, u64 now)
{
	if (!n->p.rate)
		return now;
	n->link_free_ns = MAX(now, n->link_free_ns) + sched_bytes_ns(skb->len + n->p.overhead, n->p.rate);
	return n->link_free_ns;
}

static bool goes_ahead(struct netem *n)
{
	if (!n->p.reorder_gap || n->in_order + 1 < n->p.reorder_gap || !happens(n, &n->p.reorder, &n->last_reorder)) {
		n->in_order++;
		return false;
	}
	n->in_order = 0;
	return true;
}

static void put(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	struct netem *n = qdisc_priv(q);

	if (happens(n, &n->p.corrupt, &n->last_corrupt))
		skb = corrupt(cpu, n, skb);
	if (q->qlen >= q->limit && qdisc_limits_hold(q))
		qdisc_drop(cpu, q, skb, DROP(QDISC_DROP));
	else if (goes_ahead(n))
		insert(q, skb, cpu->now_ns);
	else
		insert(q, skb, link_time(n, skb, cpu->now_ns) + draw_delay(n));
}

/* A lost frame may have a twin that arrives. */
static void netem_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	struct netem *n = qdisc_priv(q);
	bool twice = happens(n, &n->p.duplicate, &n->last_duplicate), lost = is_lost(n);

	if (twice && !lost) {
		struct sk_buff *twin = skb_copy(cpu, skb); /* sums are finished in place, so each has its bytes */

		if (twin) {
			FLOW(cpu, QdiscAdded);
			put(cpu, q, twin);
		}
	}
	if (twice || !lost)
		put(cpu, q, skb);
	else
		qdisc_drop(cpu, q, skb, DROP(NETEM_LOSS));
}

static struct sk_buff *netem_drain(struct qdisc *q)
{
	struct netem *n = qdisc_priv(q);
	struct rb_node *node = rb_first(&n->tree);
	struct sk_buff *skb;

	if (!node)
		return NULL;
	skb = skb_of(node);
	rb_erase(&n->tree, node);
	skb->next = skb->prev = NULL;
	qdisc_removed(q, skb);
	return skb;
}

static struct sk_buff *netem_dequeue(struct net_cpu *cpu, struct qdisc *q)
{
	struct netem *n = qdisc_priv(q);
	struct rb_node *node = rb_first(&n->tree);
	u64 leave_ns;

	if (!node)
		return NULL;
	leave_ns = rb_entry(node, struct netem_cb, node)->leave_ns;
	if (leave_ns <= cpu->now_ns)
		return netem_drain(q);
	qdisc_watchdog(q, leave_ns);
	return NULL;
}

/* ---------------------------------------------------------------- text */

static int dump_chance(char *buf, size_t size, const char *name, const struct chance *c)
{
	char part[SCHED_TEXT], correlation[SCHED_TEXT];
	int n;

	if (!c->part)
		return 0;
	n = scnprintf(buf, size, " %s %s", name, sched_percent_text(c->part, part));
	if (c->correlation)
		n += scnprintf(buf + n, size - (size_t)n, " %s", sched_percent_text(c->correlation, correlation));
	return n;
}

static int dump_delay(char *buf, size_t size, const struct netem_params *p)
{
	char text[SCHED_TEXT];
	int n = 0;

	if (!p->delay && !p->jitter)
		return 0;
	n += scnprintf(buf, size, " delay %s", sched_time_text(p->delay, text));
	if (p->jitter)
		n += scnprintf(buf + n, size - (size_t)n, "  %s", sched_time_text(p->jitter, text));
	if (p->jitter && p->delay_correlation)
		n += scnprintf(buf + n, size - (size_t)n, " %s", sched_percent_text(p->delay_correlation, text));
	if (p->distribution)
		n += scnprintf(buf + n, size - (size_t)n, " distribution %s", netem_dist_name(p->distribution));
	return n;
}

static int dump_loss(char *buf, size_t size, const struct netem_params *p)
{
	char a[SCHED_TEXT], b[SCHED_TEXT], c[SCHED_TEXT], d[SCHED_TEXT];

	if (p->loss_model == LOSS_RANDOM)
		return dump_chance(buf, size, "loss", &p->loss);
	return scnprintf(buf, size, " loss gemodel p %s r %s 1-h %s 1-k %s", sched_percent_text(p->p, a),
			 sched_percent_text(p->r, b), sched_percent_text(p->loss_bad, c),
			 sched_percent_text(p->loss_good, d));
}

static int netem_dump(struct qdisc *q, char *buf, size_t size)
{
	const struct netem_params *p = &((struct netem *)qdisc_priv(q))->p;
	char text[SCHED_TEXT];
	int n = scnprintf(buf, size, "limit %u", q->limit);

	n += dump_delay(buf + n, size - (size_t)n, p);
	n += dump_loss(buf + n, size - (size_t)n, p);
	n += dump_chance(buf + n, size - (size_t)n, "duplicate", &p->duplicate);
	n += dump_chance(buf + n, size - (size_t)n, "reorder", &p->reorder);
	n += dump_chance(buf + n, size - (size_t)n, "corrupt", &p->corrupt);
	if (p->rate)
		n += scnprintf(buf + n, size - (size_t)n, " rate %s", sched_rate_text(p->rate, text));
	if (p->overhead)
		n += scnprintf(buf + n, size - (size_t)n, " packetoverhead %llu", (unsigned long long)p->overhead);
	n += scnprintf(buf + n, size - (size_t)n, " seed %llu", (unsigned long long)p->seed);
	if (p->reorder_gap)
		n += scnprintf(buf + n, size - (size_t)n, " gap %llu", (unsigned long long)p->reorder_gap);
	return n;
}

const struct qdisc_ops netem_qdisc = {
	.id = "netem",
	.usage = "[limit PACKETS] [delay TIME [JITTER [CORRELATION]] [distribution " NETEM_DIST_NAMES "]] "
		 "[loss {[random] P [CORRELATION] | gemodel P [R [1-H [1-K]]]}] [duplicate P] [reorder P [gap N]] [corrupt P] "
		 "[rate RATE [OVERHEAD]] [seed N]",
	.priv_size = sizeof(struct netem),
	.init = netem_init,
	.enqueue = netem_enqueue,
	.dequeue = netem_dequeue,
	.drain = netem_drain,
	.destroy = netem_destroy,
	.dump = netem_dump,
	.whole_device = true,
	.splits_gso = true,
};
