/* SPDX-License-Identifier: MIT
 * table.c - the table of the operator's commands, and `help`.
 */
#include "console/commands.h"
#include "lib/errno.h"

const struct console_cmd console_cmds[] = {
#define X(ident, name, waits, usage, help) { name, usage, help, cmd_##ident, waits },
	CONSOLE_COMMANDS(X)
#undef X
	{ NULL, NULL, NULL, NULL, false },
};

int cmd_help(struct console_call *c)
{
	const struct console_cmd *cmd;

	if (c->argc > 2)
		return console_usage(c, c->argv[2]);
	if (c->argc == 2) {
		cmd = console_find(c->argv[1]);
		if (!cmd)
			return console_usage(c, c->argv[1]);
		out_printf(c->out, "%s %s\n    %s\n", cmd->name, cmd->usage, cmd->help);
		return 0;
	}
	for (cmd = console_cmds; cmd->name; cmd++)
		out_printf(c->out, "%-10s %s\n", cmd->name, cmd->help);
	return 0;
}
