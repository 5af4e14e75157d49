/* SPDX-License-Identifier: MIT
 * commands.c - what a script's shell commands mean for the stack, and what the program asks libc instead of the interface.
 *
 * Tunables come from /proc/sys of the network namespace the script runs in, where its commands put them. Of other commands
 * the words are read: the kernel below has devices and routes of its own, and may lack what a script asks for. The library
 * is preloaded, so that the program's system(), getsockopt() and sendfile() come here.
 */
#include "drill/shim.h"

/* ---- tunables ---- */

static void read_tunable(const char *name)
{
	char path[128] = "/proc/sys/", value[128] = "";
	size_t n = strlen(path);
	FILE *f;

	for (const char *s = name; *s && n < sizeof(path) - 1; s++)
		path[n++] = *s == '.' ? '/' : *s;
	path[n] = 0;
	f = fopen(path, "r");
	if (!f)
		return;
	if (fgets(value, sizeof(value), f)) {
		value[strcspn(value, "\n")] = 0;
		stack_sysctl(name, value);
	}
	fclose(f);
}

void read_tunables(void)
{
	const char *name;

	for (unsigned i = 0; (name = stack_sysctl_name(i)); i++)
		if (!strncmp(name, "net.ipv4.tcp_", 13) && strcmp(name, "net.ipv4.tcp_congestion_control"))
			read_tunable(name);
}

/* The kernel below may lack the algorithm that a script asks for, and its own default is its own: it is read from the command
 * itself. */
static void note_congestion(const char *command)
{
	const char *p = strstr(command, "tcp_congestion_control=");
	char ca[16] = "";

	if (p && sscanf(p + strlen("tcp_congestion_control="), "%15[a-z0-9]", ca) == 1)
		stack_congestion(ca);
}

/* ---- commands ---- */

/* Other words of commands that a stack here understands. */
static void note_command(const char *command)
{
	const char *p = strstr(command, "mtu lock ");

	note_congestion(command);
	if (strstr(command, "tcp_metrics flush"))
		stack_forget_peers();
	if (strstr(command, "ethtool") && strstr(command, "tso off"))
		stack_segment(false);
	if (strstr(command, "tc qdisc replace") && strstr(command, "root fq"))
		stack_qdisc("fq");
	if (p)
		stack_mtu((unsigned)atoi(p + strlen("mtu lock ")));
}

/* A command that looks at the kernel's TCP sockets sees those of the stack instead. */
static int with_tcp_table(int (*real)(const char *), const char *command)
{
	static const char file[] = "/proc/net/tcp";
	char name[] = "/tmp/drill.XXXXXX", changed[1024];
	const char *at = strstr(command, file);
	FILE *f = fdopen(mkstemp(name), "w");
	int r;

	if (d.ready)
		stack_tcp_table(f);
	fclose(f);
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - command), command, name, at + strlen(file));
	r = real(changed);
	unlink(name);
	return r;
}

EXPORT int system(const char *command)
{
	int (*real)(const char *) = dlsym(RTLD_NEXT, "system");
	int r = strstr(command, "/proc/net/tcp ") ? with_tcp_table(real, command) : real(command);

	pthread_mutex_lock(&d.lock);
	shim_start();
	read_tunables();
	note_command(command);
	pthread_mutex_unlock(&d.lock);
	return r;
}

/* ---- what the program asks libc ---- */

EXPORT int getsockopt(int fd, int level, int opt, void *val, socklen_t *len)
{
	int (*real)(int, int, int, void *, socklen_t *) = dlsym(RTLD_NEXT, "getsockopt");
	unsigned char *v = val;
	socklen_t had = *len;
	int r;

	if (!d.ready || fd_of(fd) < 0)
		return real(fd, level, opt, val, len);
	r = (int)CALL(stack_getsockopt(fd_of(fd), level, opt, val, len));
	if (!r && level == IPPROTO_TCP && *len < had) { /* the program wants the size it knows */
		memset(v + *len, 0, had - *len);
		*len = had;
	}
	return r;
}

/* A file's bytes through the send buffer. */
EXPORT ssize_t sendfile(int out, int in, off_t *off, size_t count)
{
	ssize_t (*real)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, "sendfile");
	ssize_t n, sent;
	char *buf;

	if (!d.ready || fd_of(out) < 0)
		return real(out, in, off, count);
	buf = malloc(count);
	n = off ? pread(in, buf, count, *off) : read(in, buf, count);
	sent = n > 0 ? send_iov(out, &(struct iovec){ buf, (size_t)n }, 1, 0, NULL) : n;
	if (off && sent > 0)
		*off += sent;
	free(buf);
	return sent;
}
