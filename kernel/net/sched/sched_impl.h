/* SPDX-License-Identifier: MIT
 * sched_impl.h - what the disciplines share: their table, the words of their options, the flow of a frame.
 *
 * A discipline's parameters are a struct of u64, the first thing in its private part; a table of struct sched_option says
 * which word sets which. Times are nanoseconds, rates bits a second, probabilities parts of SCHED_ONE.
 */
#pragma once

#include "lib/errno.h"
#include "lib/printf.h"
#include "net/core/qdisc.h"

extern const struct qdisc_ops pfifo_qdisc, bfifo_qdisc, pfifo_fast_qdisc, prio_qdisc, tbf_qdisc, netem_qdisc, fq_qdisc,
	fq_codel_qdisc;

#define SCHED_ONE (1ull << 32) /* a probability of 100 % */

enum sched_unit { UNIT_NUMBER, UNIT_PACKETS, UNIT_BYTES, UNIT_TIME, UNIT_RATE, UNIT_PERCENT, UNIT_NONE };

/* The options of a discipline being read: words one after the other. */
struct sched_words {
	const char *at;   /* what is still to come */
	const char *kind; /* of discipline, for messages */
	const char *usage;
	struct qdisc_error *error;
	char word[32];    /* the last one taken */
};

struct sched_option {
	const char *name;
	enum sched_unit unit; /* UNIT_NONE: the word stands alone, and sets `min` */
	u16 offset;           /* of its u64 in the parameters */
	u64 min, max;
	int (*read)(struct sched_words *w, void *params); /* for words with more than one value; the rest does not matter then */
};
#define SCHED_OPTION(name, unit, type, field, min, max) { name, unit, offsetof(type, field), min, max, NULL }
#define SCHED_FLAG(name, type, field, value) { name, UNIT_NONE, offsetof(type, field), value, 0, NULL }
#define SCHED_READ(name, fn) { name, UNIT_NONE, 0, 0, 0, fn }

/* Fills the parameters at the start of q's private part: from args->old or `defaults`, then as the words say. `inner`: where
 * "/ KIND OPTIONS" for its classes begins is stored there, NULL without; a discipline without classes passes NULL and
 * such words are refused. The table ends with a row without a name. 0, -EINVAL or -ERANGE, told in args->error. */
int sched_parse(struct qdisc *q, const struct qdisc_args *args, const struct sched_option *table, const void *defaults,
		size_t size, const char **inner);
/* The next word into w->word; false at the end and before a "/". */
bool sched_word(struct sched_words *w);
/* Is the next word a number, with or without unit? */
bool sched_number_follows(const struct sched_words *w);
/* The next word as a value of `what`. 0, -EINVAL, -ERANGE. */
int sched_value(struct sched_words *w, const char *what, enum sched_unit unit, u64 min, u64 max, u64 *out);
/* The last word is not understood: -EINVAL, with the usage. */
int sched_unknown(struct sched_words *w);
/* Makes the discipline of a class from "KIND OPTIONS"; NULL: from `id` and `options`. */
struct qdisc *sched_class(struct net_cpu *cpu, struct qdisc *q, u32 minor, const char *inner, const char *id,
			  const char *options, struct qdisc_error *e, int *err);

/* Values as tc prints them. */
#define SCHED_TEXT 28
const char *sched_rate_text(u64 bits, char buf[SCHED_TEXT]);
const char *sched_size_text(u64 bytes, char buf[SCHED_TEXT]);
const char *sched_time_text(u64 ns, char buf[SCHED_TEXT]);
const char *sched_percent_text(u64 part, char buf[SCHED_TEXT]);

/* The type of service octet; of what is not IP, a normal packet's. */
u8 sched_tos(const struct sk_buff *skb);
/* Linux's priority, 0..15: what SO_PRIORITY said, else as the octet has it. */
u8 sched_priority(const struct sk_buff *skb);
/* Keyed hash of the flow a frame is of: addresses, protocol, ports where there are. Never 0. */
u32 sched_flow_hash(const struct net_cpu *cpu, const struct sk_buff *skb);
/* Writes "congestion experienced" into an ECN-capable packet (RFC 3168); false: it is none. */
bool sched_mark_ce(struct sk_buff *skb);

/* Nanoseconds that so many bytes take at a rate. */
static inline u64 sched_bytes_ns(u64 bytes, u64 rate_bps) { return bytes * (8 * NSEC_PER_SEC) / rate_bps; }
