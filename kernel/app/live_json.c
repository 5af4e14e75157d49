/* SPDX-License-Identifier: MIT
 * live_json.c - a round of the live page as a server-sent event (WHATWG HTML 9.2).
 *
 * Everything:    event: full    data: {"ms":..,"up":..,"wall":..,"devs":[..],"names":[..],"v":[..],"conns":[..],"drops":[..],"qdiscs":[..]}
 * What changed:                 data: {"ms":..,"n":[index,value,..],"conns":[..],"gone":[key,..],"drops":[..],"qdiscs":[..]}
 *
 * A connection is [key, local, peer, state, cpu, recvq, sendq, algorithm, then CONN_FIELDS in their order].
 */
#include "app/live_impl.h"
#include "console/frame_text.h"
#include "lib/printf.h"
#include "lib/string.h"

#define CONN_FIELDS(X)                                                                             \
	X(rto) X(rtt) X(rttvar) X(min_rtt) X(snd_mss) X(pmtu) X(snd_cwnd) X(snd_ssthresh) X(unacked) X(lost) X(retrans) \
	X(total_retrans) X(bytes_acked) X(bytes_received) X(segs_out) X(segs_in) X(delivery_rate) X(pacing_rate)      \
	X(rcv_space) X(snd_wnd) X(ca_state) X(bytes_retrans) X(options) X(snd_wscale) X(rcv_wscale) X(notsent_bytes)

/* Fields longer than 2^53 would not survive the reader's numbers. There are thousands in a round: while there is room no
 * format is read for them. sep: a character at most. */
static void put_number(struct http_page *out, const char *sep, u64 v)
{
	char text[24];
	u32 i = sizeof(text), n;

	text[--i] = '\0';
	v = MIN(v, (1ull << 53) - 1);
	do
		text[--i] = (char)('0' + v % 10);
	while (v /= 10);
	if (*sep)
		text[--i] = *sep;
	n = (u32)sizeof(text) - 1 - i;
	if (unlikely(out->failed || out->size - out->len <= n)) {
		http_page_printf(out, "%s", text + i);
		return;
	}
	memcpy(out->buf + out->len, text + i, n);
	out->len += n;
}

static void put_string(struct http_page *out, const char *s)
{
	http_page_printf(out, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			http_page_printf(out, "\\%c", *s);
		else if ((u8)*s < 0x20)
			http_page_printf(out, " ");
		else
			http_page_printf(out, "%c", *s);
	}
	http_page_printf(out, "\"");
}

static void put_key(struct http_page *out, const struct live_conn *c)
{
	char a[LIVE_END_MAX], b[LIVE_END_MAX];

	http_page_printf(out, "\"%s>%s\"", live_end(&c->laddr, c->lport, a), live_end(&c->raddr, c->rport, b));
}

static void put_conn(struct http_page *out, const struct live_conn *c)
{
	char a[LIVE_END_MAX], b[LIVE_END_MAX];

	http_page_printf(out, "[");
	put_key(out, c);
	http_page_printf(out, ",\"%s\",\"%s\",\"%s\",%u,%u,%u,\"%s\"", live_end(&c->laddr, c->lport, a),
			 live_end(&c->raddr, c->rport, b), live_state(c->state), c->cpu, c->recvq, c->sendq, c->ca);
#define X(field) put_number(out, ",", c->info.tcpi_##field);
	CONN_FIELDS(X)
#undef X
	http_page_printf(out, "]");
}

static const struct live_conn *same_conn(const struct live_sample *s, const struct live_conn *c)
{
	for (u32 i = 0; i < s->nr_conns; i++) {
		const struct live_conn *o = &s->conns[i];

		if (o->rport == c->rport && o->lport == c->lport && ip_eq(&o->raddr, &c->raddr) && ip_eq(&o->laddr, &c->laddr))
			return o;
	}
	return NULL;
}

/* Did it move? How long ago something came or went changes always, and is not told. */
static bool conn_differs(const struct live_conn *a, const struct live_conn *b)
{
#define X(field) if (a->info.tcpi_##field != b->info.tcpi_##field) return true;
	CONN_FIELDS(X)
#undef X
	return a->state != b->state || a->recvq != b->recvq || a->sendq != b->sendq || a->ca != b->ca;
}

static void put_conns(struct http_page *out, const struct live_sample *s, const struct live_sample *before)
{
	const char *sep = "";

	http_page_printf(out, ",\"conns\":[");
	for (u32 i = 0; i < s->nr_conns; i++) {
		const struct live_conn *old = before ? same_conn(before, &s->conns[i]) : NULL;

		if (old && !conn_differs(old, &s->conns[i]))
			continue;
		http_page_printf(out, "%s", sep);
		put_conn(out, &s->conns[i]);
		sep = ",";
	}
	http_page_printf(out, "]");
	if (!before)
		return;
	http_page_printf(out, ",\"gone\":[");
	sep = "";
	for (u32 i = 0; i < before->nr_conns; i++) {
		if (same_conn(s, &before->conns[i]))
			continue;
		http_page_printf(out, "%s", sep);
		put_key(out, &before->conns[i]);
		sep = ",";
	}
	http_page_printf(out, "]");
}

static void put_drops(struct http_page *out, const struct live *l, const struct live_sample *s, const struct live_sample *before)
{
	const char *sep = "";
	char text[FRAME_TEXT_MAX];

	http_page_printf(out, ",\"drops\":[");
	for (unsigned r = 1; r < DROP_MAX; r++) {
		const struct drop_frame *f = &s->drops[r];
		const struct net_device *dev = f->ifindex ? l->net->devs[f->ifindex - 1] : NULL;

		if (!f->time_ns || (before && before->drops[r].time_ns == f->time_ns))
			continue;
		live_drop_text(f, text, sizeof(text));
		http_page_printf(out, "%s[\"%s\",%llu,\"%s\",", sep, drop_name(r),
				 (unsigned long long)((s->time_ns - MIN(f->time_ns, s->time_ns)) / NSEC_PER_MSEC),
				 dev ? dev->name : "");
		put_string(out, text);
		http_page_printf(out, "]");
		sep = ",";
	}
	http_page_printf(out, "]");
}

static bool qdiscs_differ(const struct live_sample *a, const struct live_sample *b)
{
	return a->nr_qdiscs != b->nr_qdiscs || memcmp(a->qdiscs, b->qdiscs, a->nr_qdiscs * sizeof(a->qdiscs[0]));
}

static void put_qdiscs(struct http_page *out, const struct live_sample *s)
{
	http_page_printf(out, ",\"qdiscs\":[");
	for (u32 i = 0; i < s->nr_qdiscs; i++) {
		const struct live_qdisc *q = &s->qdiscs[i];

		http_page_printf(out, "%s[\"%s\",%u,\"%s\",\"%x:%x\",%u,%u", i ? "," : "", q->dev->name, q->queue, q->id, q->handle,
				 q->minor, q->qlen, q->backlog_bytes);
		put_number(out, ",", q->packets);
		put_number(out, ",", q->bytes);
		put_number(out, ",", q->drops);
		put_number(out, ",", q->overlimits);
		http_page_printf(out, ",");
		put_string(out, q->text);
		http_page_printf(out, "]");
	}
	http_page_printf(out, "]");
}

static void put_devices(struct http_page *out, const struct net *net)
{
	const char *sep = "";

	http_page_printf(out, ",\"devs\":[");
	for (unsigned i = 0; i < net->nr_devs; i++) {
		const struct net_device *dev = net->devs[i];

		if (!dev)
			continue;
		http_page_printf(out, "%s{\"name\":\"%s\",\"driver\":\"%s\",\"mtu\":%u,\"rxq\":%u,\"txq\":%u,\"eth\":%s}", sep, dev->name,
				 dev->driver ?: "", dev->mtu, dev->nr_rxq, dev->nr_txq, dev->link->addr_len ? "true" : "false");
		sep = ",";
	}
	http_page_printf(out, "]");
}

static void put_all_numbers(struct http_page *out, const struct live *l, const struct live_sample *s)
{
	http_page_printf(out, ",\"names\":[");
	for (u32 i = 0; i < s->nr; i++)
		http_page_printf(out, "%s\"%s\"", i ? "," : "", live_name(l->names, i));
	http_page_printf(out, "],\"v\":[");
	for (u32 i = 0; i < s->nr; i++)
		put_number(out, i ? "," : "", s->v[i]);
	http_page_printf(out, "]");
}

static void put_changed_numbers(struct http_page *out, const struct live_sample *s, const struct live_sample *before)
{
	const char *sep = "";

	http_page_printf(out, ",\"n\":[");
	for (u32 i = 0; i < s->nr; i++) {
		if (s->v[i] == before->v[i])
			continue;
		put_number(out, sep, i);
		put_number(out, ",", s->v[i]);
		sep = ",";
	}
	http_page_printf(out, "]");
}

void live_event(struct http_page *out, const struct live *l, const struct live_sample *s, const struct live_sample *before)
{
	http_page_printf(out, "%sdata: {\"ms\":%llu", before ? "" : "event: full\n",
			 (unsigned long long)(s->time_ns / NSEC_PER_MSEC));
	if (before) {
		put_changed_numbers(out, s, before);
	} else {
		http_page_printf(out, ",\"up\":%llu,\"cpus\":%u", (unsigned long long)((s->time_ns - l->net->boot_ns) / NSEC_PER_MSEC),
				 l->net->nr_cpus);
		put_devices(out, l->net);
		put_all_numbers(out, l, s);
	}
	put_conns(out, s, before);
	put_drops(out, l, s, before);
	if (!before || qdiscs_differ(s, before))
		put_qdiscs(out, s);
	http_page_printf(out, "}\n\n");
}
