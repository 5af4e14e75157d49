/* SPDX-License-Identifier: MIT
 * peer.c - process 1 of the Linux guest that `make bench PEER=linux` compares with: brings the machine up, starts nginx,
 * and is itself the echo (TCP and UDP port 7) and discard (TCP port 9) server, by epoll in one thread per processor.
 *
 * peer.nic=NAME on the kernel command line says which modules to load: those listed in /modules/NAME, in their order. With
 * peer.cards=2 it is a router too, with the rules of /etc/nftables.conf.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADDRESS  "10.77.0.2"
#define NETMASK  "255.255.255.0"
#define SECOND   "10.88.0.1" /* of eth1 */
#define MAX_FDS  65536
#define BURST    64 /* datagrams per system call */
#define BUF_SIZE (256 * 1024)

/* ---------------------------------------------------------------- the machine */
static void complain(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		complain(path);
	close(fd);
}

static void load_modules(const char *nic)
{
	char list[128], module[256];
	FILE *f;

	snprintf(list, sizeof list, "/modules/%s", nic);
	f = fopen(list, "r");
	while (f && fscanf(f, "%255s", module) == 1) {
		int fd = open(module, O_RDONLY);

		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
			complain(module);
		close(fd);
	}
	if (f)
		fclose(f);
	else
		complain(list);
}

static void interface_up(const char *name, const char *address)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = { 0 };
	struct sockaddr_in *a = (struct sockaddr_in *)&r.ifr_addr;

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	if (address) {
		a->sin_family = AF_INET;
		inet_pton(AF_INET, address, &a->sin_addr);
		if (ioctl(s, SIOCSIFADDR, &r) < 0)
			complain(address);
		inet_pton(AF_INET, NETMASK, &a->sin_addr);
		if (ioctl(s, SIOCSIFNETMASK, &r) < 0)
			complain(NETMASK);
	}
	r.ifr_flags = IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &r) < 0)
		complain(name);
	close(s);
}

static void word_of_command_line(const char *key, char *value, size_t size)
{
	char line[2048] = "";
	FILE *f = fopen("/proc/cmdline", "r");
	char *word = f && fgets(line, sizeof line, f) ? strstr(line, key) : NULL;

	word = word ? word + strlen(key) : "";
	snprintf(value, size, "%.*s", (int)strcspn(word, " \n"), word);
	if (f)
		fclose(f);
}

static void become_router(void)
{
	load_modules("router");
	interface_up("eth1", SECOND);
	write_file("/proc/sys/net/ipv4/ip_forward", "1");
	if (fork() == 0) {
		execl("/bin/nft", "nft", "-f", "/etc/nftables.conf", NULL);
		complain("nft");
		_exit(1);
	}
	wait(NULL);
}

static void bring_up(void)
{
	char nic[64], cards[8];

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	word_of_command_line("peer.nic=", nic, sizeof nic);
	word_of_command_line("peer.cards=", cards, sizeof cards);
	load_modules(nic);
	write_file("/proc/sys/net/core/somaxconn", "8192");
	write_file("/proc/sys/net/ipv4/tcp_max_syn_backlog", "8192");
	interface_up("lo", NULL);
	interface_up("eth0", ADDRESS);
	if (!strcmp(cards, "2"))
		become_router();
}

/* ---------------------------------------------------------------- echo and discard */
enum role { ACCEPT_ECHO, ACCEPT_DISCARD, DATAGRAMS, ECHO, DISCARD };

struct worker {
	int epoll_fd;
	char *buf;
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	struct sockaddr_in from[BURST];
	char datagram[BURST][2048];
};

static void watch(struct worker *w, int fd, enum role role)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = (unsigned long long)role << 32 | (unsigned)fd };

	epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

/* A socket of this thread alone on the port: the kernel spreads the load over the threads. */
static void serve(struct worker *w, int type, unsigned short port, enum role role)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (void *)&a, sizeof a) < 0 || (type == SOCK_STREAM && listen(fd, 8192) < 0))
		complain("listen");
	watch(w, fd, role);
}

static void take_connections(struct worker *w, int listener, enum role role)
{
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		watch(w, fd, role);
	}
}

/* false: the connection is over. A full send buffer is waited for here: the client takes what it sent. */
static int send_back(int fd, const char *p, ssize_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, (size_t)n, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return 0;
		p += sent > 0 ? sent : 0;
		n -= sent > 0 ? sent : 0;
	}
	return 1;
}

static void stream_ready(struct worker *w, int fd, enum role role)
{
	ssize_t n = recv(fd, w->buf, BUF_SIZE, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || (role == ECHO && !send_back(fd, w->buf, n)))
		close(fd);
}

static void datagrams_ready(struct worker *w, int fd)
{
	int n;

	for (int i = 0; i < BURST; i++) {
		w->iov[i] = (struct iovec){ w->datagram[i], sizeof w->datagram[i] };
		w->msgs[i].msg_hdr = (struct msghdr){ &w->from[i], sizeof w->from[i], &w->iov[i], 1, NULL, 0, 0 };
	}
	n = recvmmsg(fd, w->msgs, BURST, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		w->iov[i].iov_len = w->msgs[i].msg_len;
	if (n > 0 && sendmmsg(fd, w->msgs, (unsigned)n, MSG_DONTWAIT) < 0)
		complain("sendmmsg");
}

static void *work(void *unused)
{
	struct worker *w = calloc(1, sizeof *w);
	struct epoll_event events[256];

	(void)unused;
	w->buf = malloc(BUF_SIZE);
	w->epoll_fd = epoll_create1(0);
	serve(w, SOCK_STREAM, 7, ACCEPT_ECHO);
	serve(w, SOCK_STREAM, 9, ACCEPT_DISCARD);
	serve(w, SOCK_DGRAM, 7, DATAGRAMS);
	for (;;) {
		int n = epoll_wait(w->epoll_fd, events, 256, -1);

		for (int i = 0; i < n; i++) {
			int fd = (int)(unsigned)events[i].data.u64;
			enum role role = (enum role)(events[i].data.u64 >> 32);

			if (role == DATAGRAMS)
				datagrams_ready(w, fd);
			else if (role == ECHO || role == DISCARD)
				stream_ready(w, fd, role);
			else
				take_connections(w, fd, role == ACCEPT_ECHO ? ECHO : DISCARD);
		}
	}
	return NULL;
}

int main(void)
{
	struct rlimit files = { MAX_FDS, MAX_FDS };
	pthread_t thread;

	bring_up();
	setrlimit(RLIMIT_NOFILE, &files);
	if (fork() == 0) {
		execl("/bin/nginx", "nginx", NULL); /* goes into the background by itself */
		complain("nginx");
		_exit(1);
	}
	for (long cpus = sysconf(_SC_NPROCESSORS_ONLN); cpus > 0; cpus--)
		pthread_create(&thread, NULL, work, NULL);
	puts("peer: up");
	fflush(stdout);
	for (;;)
		if (wait(NULL) < 0)
			pause();
}
