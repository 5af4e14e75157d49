/* SPDX-License-Identifier: MIT
 * nft_parser.h - what the files that read nft's language share: the reader of words and what is built with it.
 *
 * All functions return false after a complaint, which is then in *err; the word looked at is always s->word.
 */
#pragma once

#include "net/netfilter/nft_impl.h"

#define NFT_WORD_MAX 64

struct parser {
	struct nft_ruleset *rs;
	struct nft_error *err;
	const char *p;         /* behind the word */
	unsigned line, column; /* of p */
	char word[NFT_WORD_MAX]; /* the word looked at; "" at the end of a command */
	bool quoted;
	bool in_set;           /* between { and } of a value: a new line ends nothing */
	bool in_block;         /* a chain's: its } ends a rule too */
	unsigned at_line, at_column;
};

/* ---- nft_words.c ---- */
/* Complains about the word looked at. */
bool nft_fail(struct parser *s, const char *why);
/* One character on, wherever that is. */
void nft_step(struct parser *s);
/* Reads the next word: a run of characters, "text in quotes", or one of , { }. */
bool nft_next(struct parser *s);
bool nft_is(const struct parser *s, const char *word);
/* Takes the word when it is this one; a complaint when it is not. */
bool nft_take(struct parser *s, const char *word, bool *taken);
bool nft_want(struct parser *s, const char *word);
const struct nft_name *nft_find_name(const struct nft_name *n, const char *word);
bool nft_take_number(struct parser *s, u64 max, u64 *out);
bool nft_take_name_or_number(struct parser *s, const struct nft_name *names, const char *why, u8 *out);
/* A name for a chain or table, as it is written where it is made. */
bool nft_is_new_name(const struct parser *s);
bool nft_take_prefix(struct parser *s, be32 *addr, be32 *mask);
bool nft_take_prefix6(struct parser *s, struct ip_addr *addr, u8 *plen);
/* Ports and ranges of ports, several between braces. */
bool nft_take_ports(struct parser *s, struct nft_ports *ports);
/* Names with commas between them, as bits. */
bool nft_take_bits(struct parser *s, const struct nft_name *names, const char *why, u8 *flags);
/* ADDRESS[-ADDRESS][:PORT[-PORT]], or :PORT[-PORT] alone. */
bool nft_take_nat_range(struct parser *s, struct nat_range *r);

/* ---- nft_parse.c ---- */
/* Over the ends of commands, to the first word of the next one. */
bool nft_skip_ends(struct parser *s);
/* [[FAMILY] TABLE] before a set's name: taken where a name follows; *table stays where nothing is said. */
bool nft_take_table_before(struct parser *s, unsigned *table);

/* ---- nft_set.c ---- */
/* @NAME, a set of this type in the table of the rule's chain, for what is at `place`; another word is left. */
bool nft_take_set(struct parser *s, struct nft_rule *r, enum nft_place place, enum nft_set_type type, bool *taken);
/* NAME { type TYPE; flags interval; elements = { ... } }, made or added to. */
bool nft_new_set(struct parser *s, unsigned table);
/* What follows the two words of the commands. */
bool nft_add_set(struct parser *s);
bool nft_delete_set(struct parser *s);
bool nft_flush_set(struct parser *s);
bool nft_add_element(struct parser *s);
bool nft_delete_element(struct parser *s);

/* ---- nft_rule.c ---- */
/* Matches and statements up to the end of the command, or the } of its block. */
bool nft_parse_rule(struct parser *s, struct nft_rule *r);
/* Of a table; -1: there is none. */
int nft_find_chain(const struct nft_ruleset *rs, unsigned table, const char *name);
