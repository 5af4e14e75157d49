/* SPDX-License-Identifier: MIT
 * live.h - the live page: one document about all of the stack, and the feed that keeps it current.
 *
 *   live.c          who looks; the collector's round about once a second, one for all who look
 *   live_sample.c   what a round asks every CPU: connections, disciplines, the balance, last drops
 *   live_numbers.c  every other number, each with its name
 *   live_json.c     a sample, or what changed since the one before, as an event
 *   live_page.c     the document, with the numbers of now in tables for whoever runs no script
 *   live/           the document's source: markup, style, script; tools/livepage packs them
 *
 * The page is at /debug/live, and at / where the built-in site is served; its feed is at /debug/live/feed. While nobody has
 * the feed open nothing is collected, timed or kept.
 */
#pragma once

#include "app/http.h"

struct live;

/* Made with the application, for all CPUs. NULL: no memory. */
struct live *live_create(struct net *net);
/* After the servers have stopped; NULL is allowed. */
void live_destroy(struct live *l);
/* A few times a second, in a fiber of the first CPU, which may wait in it: a round, where it is time and somebody looks. */
void live_tick(struct net_cpu *cpu);

/* GET /debug/live, GET / */
void http_live(struct http_conn *c, const struct http_request *rq);
/* GET /debug/live/feed */
void http_live_feed(struct http_conn *c, const struct http_request *rq);

/* How long answers take, while somebody looks: four bins for each power of two of nanoseconds, from 2^10 on. */
#define LIVE_LATENCY_BINS 96
static inline unsigned live_latency_bin(u64 ns)
{
	unsigned log = 63u - (unsigned)__builtin_clzll(ns | 1024);
	unsigned bin = (log - 10) * 4 + (unsigned)(ns >> (log - 2) & 3);

	return ns < 1024 ? 0 : MIN(bin, LIVE_LATENCY_BINS - 1u);
}
