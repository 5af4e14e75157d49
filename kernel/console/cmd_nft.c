/* SPDX-License-Identifier: MIT
 * cmd_nft.c - `nft`: the packet filter's rules, shown and changed.
 */
#include "console/commands.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/netfilter/nft.h"

static void print_line(void *arg, const char *text)
{
	out_printf(arg, "%s\n", text);
}

/* The words become a line again; those with blanks in them were quoted. */
static void join(struct console_call *c, char text[CONSOLE_LINE_MAX * 2])
{
	size_t len = 0, size = CONSOLE_LINE_MAX * 2;

	for (int i = 1; i < c->argc; i++) {
		const char *quote = strchr(c->argv[i], ' ') ? "\"" : "";

		len += (size_t)scnprintf(text + len, size - len, "%s%s%s%s", i > 1 ? " " : "", quote, c->argv[i], quote);
	}
}

static int change(struct console_call *c)
{
	char text[CONSOLE_LINE_MAX * 2];
	struct nft_error err;
	int ret;

	if (!c->may_change || c->cpu->id) {
		out_printf(c->out, "nft: rules are changed on the serial console\n");
		return -EPERM;
	}
	join(c, text);
	bh_disable(c->cpu);
	ret = nft_run(c->cpu->net, text, &err);
	bh_enable(c->cpu);
	if (ret == -EINVAL)
		out_printf(c->out, "Error: line %u, column %u: %s\n%s\n%*s\n", err.line, err.column, err.reason, text,
			   (int)err.column, "^");
	else if (ret)
		out_printf(c->out, "Error: %s\n", errno_text(ret));
	return ret;
}

int cmd_nft(struct console_call *c)
{
	int at = 1;
	bool handles;

	if (c->argc < 2)
		return console_usage(c, NULL);
	handles = !strcmp(c->argv[1], "-a");
	at += handles;
	if (c->argc == at + 2 && !strcmp(c->argv[at], "list") && !strcmp(c->argv[at + 1], "ruleset")) {
		nft_list(c->cpu->net, handles, print_line, c->out);
		return 0;
	}
	if (handles || !strcmp(c->argv[at], "list"))
		return console_usage(c, c->argv[c->argc - 1]);
	return change(c);
}
