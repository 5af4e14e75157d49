/* SPDX-License-Identifier: MIT
 * cmd_dig.c - `dig [@SERVER] NAME [TYPE] [+short]`: what the resolver says, in dig's form.
 */
#include "console/commands.h"
#include "console/resolve.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "platform.h"

struct dig {
	struct console_call *c;
	const char *name;
	u16 type;
	bool brief, have_server;
	struct ip_addr server;
	struct resolve_answer answer;
	struct dns_record record;
	char text[DNS_NAME_MAX];
};

static int dig_parse(struct dig *d)
{
	struct console_call *c = d->c;
	u16 type;
	int i;

	d->type = DNS_A;
	for (i = 1; i < c->argc; i++) {
		char *w = c->argv[i];

		if (w[0] == '@') {
			if (ip_pton(w + 1, &d->server))
				return console_usage(c, w);
			d->have_server = true;
		} else if (!strcmp(w, "+short")) {
			d->brief = true;
		} else if (d->name && (type = dns_type_of(w))) {
			d->type = type;
		} else if (!d->name && w[0] != '-' && w[0] != '+') {
			d->name = w;
		} else {
			return console_usage(c, w);
		}
	}
	return d->name ? 0 : console_usage(c, NULL);
}

static void print_text(struct dig *d)
{
	const struct dns_record *r = &d->record;

	for (unsigned i = 0; i < r->len; i += 1u + r->data[i])
		out_printf(d->c->out, "%s\"%.*s\"", i ? " " : "", (int)MIN((u32)r->data[i], (u32)r->len - i - 1),
			   (const char *)r->data + i + 1);
}

/* The record's own part, by its type. */
static void print_data(struct dig *d)
{
	const struct dns_record *r = &d->record;
	const struct resolve_answer *a = &d->answer;
	struct ip_addr ip;
	be32 v4;

	if (r->type == DNS_A && r->len == 4) {
		memcpy(&v4, r->data, 4);
		ip = ip_from_v4(v4);
		out_printf(d->c->out, "%s", ip_ntop(&ip, d->text));
	} else if (r->type == DNS_AAAA && r->len == 16) {
		memcpy(&ip, r->data, 16);
		out_printf(d->c->out, "%s", ip_ntop(&ip, d->text));
	} else if (r->type == DNS_MX && r->len > 2 && dns_name(a->msg, a->len, r->data_off + 2u, d->text, sizeof(d->text))) {
		out_printf(d->c->out, "%u %s", r->data[0] << 8 | r->data[1], d->text);
	} else if ((r->type == DNS_NS || r->type == DNS_CNAME || r->type == DNS_PTR) &&
		   dns_name(a->msg, a->len, r->data_off, d->text, sizeof(d->text))) {
		out_printf(d->c->out, "%s", d->text);
	} else if (r->type == DNS_TXT) {
		print_text(d);
	} else {
		out_printf(d->c->out, "\\# %u", r->len);
	}
	out_printf(d->c->out, "\n");
}

static void print_type(struct dig *d, u16 type)
{
	if (dns_type_name(type))
		out_printf(d->c->out, "%s", dns_type_name(type));
	else
		out_printf(d->c->out, "TYPE%u", type);
}

static void print_answer(struct dig *d)
{
	static const char *const codes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED" };
	struct resolve_answer *a = &d->answer;
	struct console_out *out = d->c->out;
	char server[IP_NTOP_MAX];
	unsigned i;

	if (!d->brief) {
		out_printf(out, ";; ->>HEADER<<- opcode: QUERY, status: %s, id: %u\n",
			   a->head.rcode < ARRAY_SIZE(codes) ? codes[a->head.rcode] : "RESERVED", a->head.id);
		out_printf(out, ";; flags: qr%s rd%s; QUERY: 1, ANSWER: %u\n\n;; QUESTION SECTION:\n;%s%s\t\tIN\t",
			   a->head.truncated ? " tc" : "", a->head.recursion ? " ra" : "", a->head.answers, d->name,
			   d->name[strlen(d->name) - 1] == '.' ? "" : ".");
		print_type(d, d->type);
		out_printf(out, "\n\n%s", a->head.answers ? ";; ANSWER SECTION:\n" : "");
	}
	for (i = 0; i < a->head.answers && dns_record(a->msg, a->len, &a->at, &d->record); i++) {
		if (!d->brief) {
			out_printf(out, "%s\t%u\tIN\t", d->record.name, d->record.ttl);
			print_type(d, d->record.type);
			out_printf(out, "\t");
		}
		print_data(d);
	}
	if (i < a->head.answers && !a->head.truncated)
		out_printf(out, ";; the rest of the answer is malformed\n");
	if (!d->brief)
		out_printf(out, "\n;; Query time: %llu msec\n;; SERVER: %s#53 (UDP)\n", (unsigned long long)(a->took_ns / NSEC_PER_MSEC),
			   ip_ntop(&a->server, server));
}

int cmd_dig(struct console_call *c)
{
	struct dig *d = kzalloc(sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->c = c;
	err = dig_parse(d);
	if (!err) {
		err = resolve_ask(c->cpu, d->have_server ? &d->server : NULL, d->name, d->type, &c->stop, &d->answer);
		if (!err)
			print_answer(d);
		else if (err == -EINVAL)
			out_printf(c->out, "dig: '%s' is not a legal name (labels of 1 to 63 characters, 255 in all)\n", d->name);
		else if (err == -EDESTADDRREQ)
			out_printf(c->out, "dig: no server is known: the lease names none; say @ADDRESS\n");
		else
			out_printf(c->out, ";; no servers could be reached: %s\n", errno_text(err));
	}
	kfree(d);
	return err;
}
