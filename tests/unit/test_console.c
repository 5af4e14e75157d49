/* SPDX-License-Identifier: MIT
 * test_console.c - the line editor as a terminal sees it, and how a line becomes a command.
 */
#include "unit/ipkit.h"
#include "console/commands.h"
#include "console/line.h"
#include "console/serial.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/ipv6/ip6.h"

/* A terminal that keeps what was printed. */
struct screen {
	struct console_out out;
	char text[4096];
	size_t len;
};

static void screen_write(struct console_out *out, const char *text, size_t len)
{
	struct screen *s = container_of(out, struct screen, out);

	REQUIRE(s->len + len < sizeof(s->text));
	memcpy(s->text + s->len, text, len);
	s->len += len;
	s->text[s->len] = '\0';
}

static void screen_init(struct screen *s)
{
	s->out.write = screen_write;
	s->len = 0;
	s->text[0] = '\0';
}

static enum line_event type(struct line_editor *l, const char *keys)
{
	enum line_event ev = LINE_MORE;

	while (*keys)
		ev = line_byte(l, (u8)*keys++);
	return ev;
}

/* What the line is after these keys and Enter. */
static void expect_line(const char *keys, const char *line)
{
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	line_begin(&l);
	type(&l, keys);
	CHECK_EQ(type(&l, "\r"), LINE_READY);
	CHECK_STR(l.buf, line);
}

TEST(typed_text_is_the_line)
{
	expect_line("ss -tin", "ss -tin");
}

TEST(cursor_keys_and_control_keys_edit_in_the_middle)
{
	expect_line("ac\033[Db", "abc");
	expect_line("bc\001a", "abc");
	expect_line("abX\bc", "abc");
	expect_line("Xabc\033[H\033[3~", "abc");
	expect_line("abc def\027ghi", "abc ghi");
	expect_line("abcdef\002\002\002\013", "abc");
	expect_line("junk\025abc", "abc");
	expect_line("bc\033[Ha\033[F!", "abc!");
}

TEST(history_goes_back_and_forth_and_keeps_what_was_typed)
{
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	line_begin(&l);
	type(&l, "first\r");
	line_begin(&l);
	type(&l, "second\r");
	line_begin(&l);
	type(&l, "thi\033[A\033[A");
	l.buf[l.len] = '\0';
	CHECK_STR(l.buf, "first");
	type(&l, "\033[A\033[B\033[Brd\r");
	CHECK_STR(l.buf, "third");
}

TEST(a_line_too_long_rings_the_bell_and_is_cut)
{
	struct line_editor l;
	struct screen s;
	unsigned i;

	screen_init(&s);
	line_init(&l, &s.out, "");
	line_begin(&l);
	for (i = 0; i < CONSOLE_LINE_MAX + 10; i++)
		line_byte(&l, 'x');
	CHECK_EQ(line_byte(&l, '\r'), LINE_READY);
	CHECK_EQ(strlen(l.buf), CONSOLE_LINE_MAX - 1);
	CHECK(strchr(s.text, '\a') != NULL);
}

TEST(tab_completes_a_command_and_lists_where_several_fit)
{
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	line_begin(&l);
	type(&l, "nst\t-z\r");
	CHECK_STR(l.buf, "nstat -z");
	line_begin(&l);
	type(&l, "s\t");
	CHECK(strstr(s.text, "sysctl") && strstr(s.text, "softnet"));
}

TEST(control_c_gives_up_the_line)
{
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	line_begin(&l);
	CHECK_EQ(type(&l, "rebo\003"), LINE_INTERRUPT);
}

/* A terminal in front of a machine with lo and eth0. */
static void expect_completion(const char *keys, const char *line)
{
	struct kit k = kit_open(LAB_ETHER);
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	l.net = k.h->net;
	line_begin(&l);
	type(&l, keys);
	CHECK_EQ(type(&l, "\r"), LINE_READY);
	CHECK_STR(l.buf, line);
	lab_destroy(k.lab);
}

TEST(tab_completes_subcommands_devices_and_tunables)
{
	char name[64];
	struct kit k = kit_open(LAB_ETHER);

	str_copy(name, k.dev->name, sizeof(name));
	lab_destroy(k.lab);
	expect_completion("ip nei\tsh\t", "ip neigh show ");
	expect_completion("ip -6 rou\t", "ip -6 route ");
	expect_completion("tc qd\trepl\tdev ", "tc qdisc replace dev ");
	expect_completion("tc qdisc add dev x root fq_\t", "tc qdisc add dev x root fq_codel ");
	expect_completion("sysctl net.ipv4.tcp_sac\t=0", "sysctl net.ipv4.tcp_sack=0");
	expect_completion("sysctl net.core.somaxc\t", "sysctl net.core.somaxconn");
	expect_completion("help drop\t", "help drops ");
	expect_completion("trace on kf\t", "trace on kfree_skb ");
	expect_completion("nosuch wor\t", "nosuch wor");
	CHECK(name[0]);
}

TEST(tab_completes_the_name_of_a_device)
{
	struct kit k = kit_open(LAB_ETHER);
	char part[32], want[64];
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	l.net = k.h->net;
	line_begin(&l);
	str_copy(part, k.dev->name, sizeof(part));
	part[strlen(part) - 1] = '\0';
	type(&l, "ethtool ");
	type(&l, part);
	type(&l, "\t\r");
	snprintf(want, sizeof(want), "ethtool %s", k.dev->name);
	CHECK(!strncmp(l.buf, want, strlen(want)));
	lab_destroy(k.lab);
}

TEST(history_keeps_the_last_lines_and_no_more)
{
	struct line_editor l;
	struct screen s;
	char line[16];
	unsigned i;

	screen_init(&s);
	line_init(&l, &s.out, "");
	for (i = 0; i < LINE_HISTORY + 9; i++) {
		line_begin(&l);
		snprintf(line, sizeof(line), "line %u\r", i);
		type(&l, line);
		screen_init(&s);
	}
	line_begin(&l);
	for (i = 0; i < 3 * LINE_HISTORY; i++)
		type(&l, "\033[A");
	CHECK_EQ(type(&l, "\r"), LINE_READY);
	CHECK_STR(l.buf, "line 9"); /* the oldest that is kept */
}

TEST(unknown_bytes_and_escapes_change_nothing)
{
	expect_line("a\033[5~\033Zb\033[99;99Rc", "abc");
}

static int run(const char *text, struct screen *s)
{
	struct console_call c = { .out = &s->out };
	char line[1024];

	screen_init(s);
	str_copy(line, text, sizeof(line));
	return console_run(&c, line);
}

TEST(an_unknown_command_is_named)
{
	struct screen s;

	CHECK_EQ(run("frobnicate now", &s), -ENOENT);
	CHECK(strstr(s.text, "frobnicate") != NULL);
	CHECK_EQ(run("   ", &s), 0);
	CHECK_EQ(s.len, 0);
}

TEST(a_wrong_word_is_named_with_the_usage)
{
	struct screen s;

	CHECK_EQ(run("help \"no such\"", &s), -EINVAL);
	CHECK(strstr(s.text, "'no such'") && strstr(s.text, "usage: help [COMMAND]"));
}

/* A wrong use of each command and the word that its answer names. A command without a row fails the test below. */
static const struct {
	const char *line, *word;
} wrong_uses[] = {
	{ "help me", "'me'" },
	{ "nstat -Q", "'-Q'" },
	{ "drops -Q", "'-Q'" },
	{ "softnet all", "'all'" },
	{ "balance now", "'now'" },
	{ "ip tunnel", "'tunnel'" },
	{ "ip -7 addr", "'-7'" },
	{ "ip addr show nodev", "'nodev'" },
	{ "ip neigh flush", "'flush'" },
	{ "ip route change default", "'change'" },
	{ "ip -6 route get", NULL },
	{ "ip link set lo colour 3", "'colour'" },
	{ "ethtool -Z lo", "'-Z'" },
	{ "cat", NULL },
	{ "cat /proc/version", "'/proc/version'" },
	{ "cat /sys/class/net/lo/queues/tx-/xps_cpus", "'/sys/class/net/lo/queues/tx-/xps_cpus'" },
	{ "cat /sys/class/net/lo/queues/tx-0/rps_cpus", "'/sys/class/net/lo/queues/tx-0/rps_cpus'" },
	{ "cat /sys/class/net/a-name-too-long-for-any/queues/tx-0/xps_cpus", "'/sys/class/net/a-name" },
	{ "echo 1", "'1'" },
	{ "echo 1 >> /sys/class/net/lo/queues/tx-0/xps_cpus", "'1'" },
	{ "echo 1 > /etc/passwd", "'/etc/passwd'" },
	{ "tc class", "'class'" },
	{ "tc qdisc show eth0", "'eth0'" },
	{ "conntrack -X", "'-X'" },
	{ "conntrack -L now", "'now'" },
	{ "nft list chains", "'chains'" },
	{ "ss -Z", "'-Z'" },
	{ "ss state established", "'state'" },
	{ "sysctl", NULL },
	{ "slab x", "'x'" },
	{ "uptime -p", "'-p'" },
	{ "dmesg -w", "'-w'" },
	{ "ping -c none 10.0.0.2", "'none'" },
	{ "ping", NULL },
	{ "traceroute -m 999 10.0.0.2", "'999'" },
	{ "dig -x 10.0.0.2", "'-x'" },
	{ "wget a b", "'b'" },
	{ "top -d 0", "'0'" },
	{ "profile maybe", "'maybe'" },
	{ "irq 3", "'3'" },
	{ "timers 3", "'3'" },
	{ "crash nothing", "'nothing'" },
	{ "history 3", "'3'" },
	{ "tcpdump -Q in", "'-Q'" },
	{ "trace sideways", "'sideways'" },
	{ "poweroff now", "'now'" },
	{ "reboot now", "'now'" },
};

TEST(a_wrong_use_of_each_command_prints_its_usage_and_the_word)
{
	struct kit k = kit_open(LAB_ETHER);
	unsigned covered = 0, commands = 0, i;
	struct screen s;

	for (const struct console_cmd *cmd = console_cmds; cmd->name; cmd++, commands++) {
		size_t n = strlen(cmd->name);
		char usage[64];
		bool found = false;

		for (i = 0; i < ARRAY_SIZE(wrong_uses); i++) {
			struct console_call c = { .cpu = k.cpu, .out = &s.out, .may_wait = true, .may_change = true };
			char line[128];

			if (strncmp(wrong_uses[i].line, cmd->name, n) || (wrong_uses[i].line[n] && wrong_uses[i].line[n] != ' '))
				continue;
			found = true;
			screen_init(&s);
			str_copy(line, wrong_uses[i].line, sizeof(line));
			CHECK(console_run(&c, line) < 0);
			snprintf(usage, sizeof(usage), "usage: %s %.20s", cmd->name, cmd->usage);
			if (!strstr(s.text, usage) || (wrong_uses[i].word && !strstr(s.text, wrong_uses[i].word)))
				CHECK_STR(s.text, wrong_uses[i].line); /* shows what was printed, and for what */
		}
		if (!found)
			CHECK_STR("a wrong use of it is missing in wrong_uses[]", cmd->name);
		covered += found;
	}
	CHECK_EQ(covered, commands);
	lab_destroy(k.lab);
}

static const char *says(struct kit *k, const char *text, struct screen *s)
{
	struct console_call c = { .cpu = k->cpu, .out = &s->out, .may_wait = true, .may_change = true };
	char line[128];

	screen_init(s);
	str_copy(line, text, sizeof(line));
	console_run(&c, line);
	return s->text;
}

/* A line and what it answers; lo has a queue for each CPU, and here there is one. */
TEST(the_files_of_queues_are_read_and_written_as_in_sys)
{
	static const char *const lines[][2] = {
		{ "cat /sys/class/net/lo/queues/tx-0/xps_cpus", "1\n" },
		{ "cat /sys/class/net/lo/queues/tx-0/xps_cpus /sys/class/net/lo/queues/rx-0/rps_cpus", "1\n0\n" },
		{ "cat /sys/class/net/lo/queues/tx-1/xps_cpus", "cat: /sys/class/net/lo/queues/tx-1/xps_cpus: lo uses 1 pair of queues, counted from 0\n" },
		{ "cat /sys/class/net/eth9/queues/tx-0/xps_cpus", "cat: /sys/class/net/eth9/queues/tx-0/xps_cpus: no such device; `ip link` lists them\n" },
		{ "echo 1 > /sys/class/net/lo/queues/tx-0/xps_cpus", "" },
		{ "echo 0 > /sys/class/net/lo/queues/tx-0/xps_cpus", "echo: '0': lo uses one pair of queues: each CPU sends through it, allowed is 1\n" },
		{ "echo 2 > /sys/class/net/lo/queues/tx-0/xps_cpus", "echo: '2' is no mask of CPUs: allowed is hexadecimal, 0 to 1\n" },
		{ "echo g > /sys/class/net/lo/queues/tx-0/xps_cpus", "echo: 'g' is no mask of CPUs: allowed is hexadecimal, 0 to 1\n" },
		{ "echo 100000001 > /sys/class/net/lo/queues/tx-0/xps_cpus", "echo: '100000001' is no mask of CPUs: allowed is hexadecimal, 0 to 1\n" },
		{ "echo \"\" > /sys/class/net/lo/queues/tx-0/xps_cpus", "echo: '' is no mask of CPUs: allowed is hexadecimal, 0 to 1\n" },
		{ "echo 1 > /sys/class/net/lo/queues/rx-0/rps_cpus",
		  "echo: /sys/class/net/lo/queues/rx-0/rps_cpus: a flow never moves: steer=rss, rps or off of the kernel command line decides\n" },
	};
	struct kit k = kit_open(LAB_ETHER);
	struct screen s;

	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		CHECK_STR(says(&k, lines[i][0], &s), lines[i][1]);
	lab_destroy(k.lab);
}

TEST(tab_knows_the_files_of_queues)
{
	struct kit k = kit_open(LAB_ETHER);
	struct line_editor l;
	struct screen s;

	screen_init(&s);
	line_init(&l, &s.out, "> ");
	l.net = k.h->net;
	line_begin(&l);
	type(&l, "echo 1 > /sys/class/net/lo/queues/t\t\r");
	CHECK(strstr(l.buf, "echo 1 > /sys/class/net/lo/queues/tx-0/xps_cpus") == l.buf);
	lab_destroy(k.lab);
}

/* A line of `ip` and what it answers, "" for nothing; then what `shows` prints holds `text`, or does not for a leading '!'. */
TEST(ip_changes_routes_and_addresses_of_ipv6_and_the_mtu_in_linuxs_words)
{
	static const struct {
		const char *line, *answer, *shows, *text;
	} steps[] = {
		{ "ip -6 addr add fd77::2/64 dev eth0", "", "ip -6 addr", "inet6 fd77::2/64 scope global" },
		{ "ip addr add fd77::2/64 dev eth0", "ip: File exists\n", NULL, NULL },
		{ "ip -6 addr add fd77::9/129 dev eth0", "ip: 'fd77::9/129' is not ADDRESS[/0..128] or 'default'\n", NULL, NULL },
		{ "ip -6 addr add 10.0.0.9/24 dev eth0", "ip: '10.0.0.9/24' is not ADDRESS[/0..128] or 'default'\n", NULL, NULL },
		{ "ip -6 addr add ff02::9/64 dev eth0", "ip: Invalid argument\n", NULL, NULL },
		{ "ip -6 addr del fd77::3/64 dev eth0", "ip: Cannot assign requested address\n", NULL, NULL },
		{ "ip -6 route add fd88::/64 via fd77::1 dev eth0", "", "ip -6 route", "fd88::/64 via fd77::1 dev eth0 metric 1024 pref medium\n" },
		{ "ip route add fd88::/64 via fd77::1 dev eth0", "ip: File exists\n", NULL, NULL },
		{ "ip -6 route replace fd88::/64 via fd77::7 dev eth0", "", "ip -6 route", "fd88::/64 via fd77::7 dev" },
		{ "ip -6 route replace fd88::/64 via fd77::7 dev eth0", "", "ip -6 route", "!via fd77::1" },
		{ "ip -6 route replace fd89::5 dev eth0 metric 3", "", "ip -6 route", "fd89::5 dev eth0 metric 3 pref medium\n" },
		{ "ip -6 route add default via fe80::1", "ip: 'via ADDRESS' or 'dev DEV' is missing, or that address is on no link\n"
		  "ip: Network is unreachable\n", NULL, NULL },
		{ "ip -6 route add default via fe80::1 dev eth0", "", "ip -6 route", "default via fe80::1 dev eth0 metric 1024" },
		{ "ip -6 route add fd90::1/64 dev eth0", "ip: Invalid argument\n", NULL, NULL },
		{ "ip -6 route add fd90::/64 via fd99::1 dev lo", "ip: Network is unreachable\n", NULL, NULL },
		{ "ip -6 route add fd90::/64 via 10.0.0.1", "ip: '10.0.0.1' is not an IPv6 address\n", NULL, NULL },
		{ "ip -6 route add unreachable fd90::/64", "ip: Operation not supported\n", NULL, NULL },
		{ "ip -6 route del fd88::/64", "", "ip -6 route", "!fd88::" },
		{ "ip -6 route del fd88::/64", "ip: No such file or directory\n", NULL, NULL },
		{ "ip -6 route del default", "", "ip -6 route", "!default" },
		{ "ip -6 addr del fd77::2/64 dev eth0", "", "ip -6 addr", "!fd77::2" },
		{ "ip route replace 198.51.100.0/24 via 10.0.0.3", "", "ip route", "198.51.100.0/24 via 10.0.0.3 dev eth0" },
		{ "ip route replace 198.51.100.0/24 via 10.0.0.4", "", "ip route", "198.51.100.0/24 via 10.0.0.4 dev eth0" },
		{ "ip route replace 198.51.100.0/24 via 10.0.0.4", "", "ip route", "!10.0.0.3" },
		{ "ip link set dev eth0 mtu 1400", "", "ip link", "mtu 1400" },
		{ "ip link set eth0 mtu 1000", "ip: '1000' is not an MTU of eth0, 1280 to 65535\n", NULL, NULL },
		{ "ip link set eth0 mtu many", "ip: 'many' is not an MTU of eth0, 1280 to 65535\n", NULL, NULL },
		{ "ip link set eth9 mtu 1400", "ip: 'eth9' is not a device\n", NULL, NULL },
	};
	struct kit k = kit_open(LAB_ETHER);
	struct screen s;

	CHECK_EQ(ip6_dev_up(k.cpu->net, k.dev), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		const char *text = steps[i].text;

		CHECK_STR(says(&k, steps[i].line, &s), steps[i].answer);
		if (!text)
			continue;
		says(&k, steps[i].shows, &s);
		if (!CHECK((strstr(s.text, text + (*text == '!')) != NULL) == (*text != '!')))
			test_note("%s: %s", steps[i].line, s.text);
	}
	lab_destroy(k.lab);
}

/* A serial line that the log writes on, too, as kernel/core/log.c does. */
static struct {
	char text[4096];
	size_t len;
	bool held;
	void (*draw)(void *arg);
	void *arg;
} tty;

static void tty_write(const char *text, size_t len)
{
	CHECK(tty.held);
	REQUIRE(tty.len + len < sizeof(tty.text));
	memcpy(tty.text + tty.len, text, len);
	tty.len += len;
	tty.text[tty.len] = '\0';
}

static void tty_hold(void)
{
	CHECK(!tty.held);
	tty.held = true;
	tty.draw = NULL;
}

static void tty_release(void (*draw)(void *arg), void *arg)
{
	CHECK(tty.held);
	CHECK(draw || tty.text[tty.len - 1] == '\n');
	tty.held = false;
	tty.draw = draw;
	tty.arg = arg;
}

static void log_line(const char *line)
{
	void (*draw)(void *arg) = tty.draw;

	tty_hold();
	tty_write("\r\033[K", draw ? 4 : 0);
	tty_write(line, strlen(line));
	if (draw)
		draw(tty.arg);
	tty.held = false;
	tty.draw = draw;
}

/* What came on the line since the last time, after these keys. */
static const char *keyed(struct kit *k, struct console_serial *s, const char *keys)
{
	tty.len = 0;
	tty.text[0] = '\0';
	console_serial_input(s, (const u8 *)keys, strlen(keys));
	kit_settle(k);
	return tty.text;
}

TEST(a_line_of_the_log_stands_between_rows_and_what_is_typed_is_drawn_again_behind_it)
{
	static const struct console_serial_ops ops = { .write = tty_write, .hold = tty_hold, .release = tty_release };
	struct kit k = kit_open(LAB_ETHER);
	struct console_serial *s = console_serial_start(k.cpu, &ops);

	REQUIRE(s != NULL);
	kit_settle(&k);
	log_line("before the first key\n");
	CHECK_STR(tty.text, "before the first key\n"); /* nothing is typed: nothing is drawn */
	CHECK_STR(keyed(&k, s, "\r"), "\nbarewire console; 'help' lists the commands\nbarewire# ");
	CHECK_STR(keyed(&k, s, "help drps\033[D\033[D"), "help drps\033[1D\033[1D");
	log_line("while a line is typed\n");
	CHECK_STR(tty.text, "help drps\033[1D\033[1D\r\033[Kwhile a line is typed\nbarewire# help drps\033[2D");
	CHECK(strstr(keyed(&k, s, "o\r"), "\ndrops [") != NULL);
	CHECK(strstr(tty.text, "\nbarewire# ") == tty.text + tty.len - strlen("\nbarewire# "));
	CHECK(!tty.held && tty.draw);
	lab_destroy(k.lab);
	kfree(s);
}

TEST(too_many_words_are_refused)
{
	char line[512] = "help";
	struct screen s;
	unsigned i;

	for (i = 0; i < CONSOLE_ARGS_MAX + 5; i++)
		memcpy(line + 4 + 2 * i, " x", 3);
	CHECK_EQ(run(line, &s), -E2BIG);
}
